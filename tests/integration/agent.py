# SPDX-License-Identifier: BSD-3-Clause
"""What the ICE agents of lib-agent.sh share; agent_aioice.py, agent_aiortc.py and agent_libnice.py run.

  agent_LIBRARY.py A|B FOLDER CREDENTIAL.json [policy=all|relay] [transport=udp|tcp|tls] [relay=A|B]

relay=NAME: only this one knows a relay.

Agents A and B meet in a folder: each leaves "NAME.offer" there, reads that of the other, connects,
leaves "NAME.connected", waits for a file "go", and sends numbered datagrams, which the other expects
unchanged. It leaves "NAME.done", waits for the other's, and prints what it saw as JSON.
"""
import asyncio
import json
import os
import re
import sys

MESSAGES = 300
LIMIT_S = 60
WINDOW = 50


class Agent:
    def __init__(self):
        self.name, self.folder, document, *words = sys.argv[1:]
        self.other = "B" if self.name == "A" else "A"
        self.options = dict(word.split("=", 1) for word in words)
        self.received = 0
        self.wrong = 0
        self.hopeless = 0
        self.all_received = asyncio.Event()
        with open(document) as f:
            self.ice_servers = json.load(f)["credentials"][0]["iceServers"]

    @property
    def controls(self):
        return self.name == "A"

    @property
    def has_relay(self):
        return self.options.get("relay", self.name) == self.name

    @property
    def relay_only(self):
        return self.options.get("policy") == "relay"

    def server(self):
        """Host, port, user and password of the server for the transport that was asked for."""
        want = self.options.get("transport", "udp")
        for server in self.ice_servers:
            for url in server["urls"]:
                scheme, host, port, transport = re.fullmatch(
                    r"(turns?):(.*):(\d+)\?transport=(\w+)", url
                ).groups()
                if ("tls" if scheme == "turns" else transport) == want:
                    return host, int(port), server["username"], server["credential"]
        raise SystemExit(f"the credential names no server for {want}")

    def leave(self, what, document=None):
        name = os.path.join(self.folder, what)
        with open(name + ".new", "w") as f:
            json.dump(document, f)
        os.rename(name + ".new", name)

    async def find(self, what):
        name = os.path.join(self.folder, what)
        for _ in range(LIMIT_S * 50):
            if os.path.exists(name):
                with open(name) as f:
                    return json.load(f)
            await asyncio.sleep(0.02)
        raise SystemExit(f"{self.name}: no {what} within {LIMIT_S} s")

    async def swap(self, offer):
        self.leave(f"{self.name}.offer", offer)
        return await self.find(f"{self.other}.offer")

    @staticmethod
    def text(name, i):
        return f"{name} {i} ".encode() + b"#" * (i * 37 % 1100)

    def take(self, data):
        """A datagram has come. Datagrams may come in any order, but whole."""
        i = data.split(b" ", 2)[1:2]
        if not i or data != self.text(self.other, int(i[0])):
            self.wrong += 1
            return
        self.received += 1
        if self.received == MESSAGES:
            self.all_received.set()

    async def room_for(self, i):
        """Waits until message i is one of the WINDOW after those received. Both send the same at the
        same pace, so the other is as far, and no socket of one that gets no time overflows."""
        while i >= self.received + WINDOW and asyncio.get_running_loop().time() < self.hopeless:
            await asyncio.sleep(0.02)

    async def exchange(self, send):
        """send(DATA) is a coroutine. Returns when both sides have all, or when it is hopeless."""
        self.leave(f"{self.name}.connected")
        await self.find("go")
        self.hopeless = asyncio.get_running_loop().time() + LIMIT_S / 2
        for i in range(MESSAGES):
            await self.room_for(i)
            await send(self.text(self.name, i))
            await asyncio.sleep(0.003)
        try:
            await asyncio.wait_for(self.all_received.wait(), 10)
        except asyncio.TimeoutError:
            pass
        self.leave(f"{self.name}.done")
        await self.find(f"{self.other}.done")

    def report(self, **seen):
        print(json.dumps({"received": self.received, "wrong": self.wrong, **seen}), flush=True)


def candidate(kind, address, port):
    return {"type": kind, "address": address, "port": port}
