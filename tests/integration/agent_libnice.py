#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An ICE agent on libnice; agent.py says how it is driven. One option more: ice=tcp, no UDP candidates.

libnice is called as it is in C: what Python sees of it by GObject introspection cannot receive.
"""
import asyncio
import ctypes
import re

from agent import Agent, candidate

nice = ctypes.CDLL("libnice.so.10")
glib = ctypes.CDLL("libglib-2.0.so.0")
gobject = ctypes.CDLL("libgobject-2.0.so.0")

COMPONENT = 1
READY, FAILED = 4, 5  # NiceComponentState
RFC5245 = 0  # NiceCompatibility
RELAYS = {"udp": 0, "tcp": 1, "tls": 2}  # NiceRelayType
RECEIVE = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_uint,
    ctypes.c_uint,
    ctypes.c_uint,
    ctypes.POINTER(ctypes.c_char),
    ctypes.c_void_p,
)
pointer, text, uint, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_int


def declare(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


iteration = declare(glib, "g_main_context_iteration", number, pointer, number)
agent_new = declare(nice, "nice_agent_new", pointer, pointer, number)
add_stream = declare(nice, "nice_agent_add_stream", uint, pointer, uint)
set_stream_name = declare(nice, "nice_agent_set_stream_name", number, pointer, uint, text)
set_relay = declare(
    nice, "nice_agent_set_relay_info", number, pointer, uint, uint, text, uint, text, text, number
)
attach = declare(
    nice, "nice_agent_attach_recv", number, pointer, uint, uint, pointer, RECEIVE, pointer
)
gather = declare(nice, "nice_agent_gather_candidates", number, pointer, uint)
local_sdp = declare(nice, "nice_agent_generate_local_sdp", text, pointer)
remote_sdp = declare(nice, "nice_agent_parse_remote_sdp", number, pointer, text)
candidate_sdp = declare(nice, "nice_agent_generate_local_candidate_sdp", text, pointer, pointer)
component_state = declare(nice, "nice_agent_get_component_state", number, pointer, uint, uint)
selected_pair = declare(
    nice, "nice_agent_get_selected_pair", number, pointer, uint, uint, pointer, pointer
)
nice_send = declare(nice, "nice_agent_send", number, pointer, uint, uint, uint, text)
nice_close = declare(nice, "nice_agent_close_async", None, pointer, pointer, pointer)


def set_properties(of, **values):
    """Strings and numbers; the names with _ for -."""
    for name, value in values.items():
        value = text(value.encode()) if isinstance(value, str) else uint(value)
        gobject.g_object_set(pointer(of), text(name.replace("_", "-").encode()), value, None)


def seen(line):
    kind = re.search(r"candidate:\S+ \S+ (\S+) \S+ (\S+) (\d+) typ (\S+)", line)
    return {**candidate(kind[4], kind[2], int(kind[3])), "transport": kind[1].lower()}


class Connection:
    """One stream of one component."""

    def __init__(self, agent):
        self.agent = agent
        self.nice = agent_new(None, RFC5245)
        tcp = agent.options.get("ice") == "tcp"
        host, port, username, password = agent.server()
        set_properties(self.nice, upnp=0, ice_udp=not tcp, ice_tcp=tcp)
        set_properties(self.nice, controlling_mode=agent.controls, force_relay=agent.relay_only)
        set_properties(self.nice, stun_server=host, stun_server_port=3478)
        self.stream = add_stream(self.nice, 1)
        set_stream_name(self.nice, self.stream, b"application")
        if agent.has_relay:
            kind = RELAYS[agent.options.get("transport", "udp")]
            who = username.encode(), password.encode()
            set_relay(self.nice, self.stream, COMPONENT, host.encode(), port, *who, kind)
        self.receive = RECEIVE(lambda a, s, c, length, data, user: agent.take(data[:length]))
        attach(self.nice, self.stream, COMPONENT, None, self.receive, None)
        self.gathered = self.closed = False
        done = ctypes.CFUNCTYPE(None, pointer, pointer, pointer)
        self.on_gathered = done(lambda *_: setattr(self, "gathered", True))
        self.on_closed = done(lambda *_: setattr(self, "closed", True))
        gobject.g_signal_connect_data(
            pointer(self.nice), b"candidate-gathering-done", self.on_gathered, None, None, 0
        )

    async def until(self, holds, what):
        for _ in range(60 * 200):
            if holds():
                return
            await asyncio.sleep(0.005)
        raise SystemExit(f"{self.agent.name}: not {what} within 60 s")

    def state(self):
        state = component_state(self.nice, self.stream, COMPONENT)
        if state == FAILED:
            raise SystemExit(f"{self.agent.name}: no pair works")
        return state

    async def send(self, data):
        await self.until(
            lambda: nice_send(self.nice, self.stream, COMPONENT, len(data), data) > 0, "sent"
        )

    def pair(self):
        found = pointer(), pointer()
        assert selected_pair(self.nice, self.stream, COMPONENT, *map(ctypes.byref, found))
        return [seen(candidate_sdp(self.nice, c).decode()) for c in found]


async def turn_main_loop():
    while True:
        while iteration(None, 0):
            pass
        await asyncio.sleep(0.001)


async def main():
    agent = Agent()
    connection = Connection(agent)
    turning = asyncio.ensure_future(turn_main_loop())
    gather(connection.nice, connection.stream)
    await connection.until(lambda: connection.gathered, "gathered")
    sdp = local_sdp(connection.nice).decode()
    offer = await agent.swap({"sdp": sdp})
    assert remote_sdp(connection.nice, offer["sdp"].encode()) > 0, offer["sdp"]
    await connection.until(lambda: connection.state() == READY, "connected")
    await asyncio.sleep(0.5)  # it goes on to better pairs
    await agent.exchange(connection.send)
    local, remote = connection.pair()
    nice_close(connection.nice, connection.on_closed, None)
    await connection.until(lambda: connection.closed, "closed")
    turning.cancel()
    candidates = [seen(line) for line in sdp.splitlines() if "candidate:" in line]
    agent.report(candidates=candidates, local=local, remote=remote)


asyncio.run(main())
