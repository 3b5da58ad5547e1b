#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client with an access token (RFC 7635), which is made by turnutils_oauth:

  access_token.py SERVER KID KEY ALGORITHM [name=SERVER_NAME] [lifetime=S] [ago=S] [step...]

Asks for a challenge, then goes through the steps: allocate and refresh bring a new token each, keep is
a refresh without one, wait=S sleeps, break spoils the next token. Prints a line for each: the step, the
code (0: success), the lifetime granted, and whether that is the rest of the token's; first the name that
the challenge gives the server."""
import base64
import hashlib
import hmac
import os
import socket
import struct
import subprocess
import sys
import time

COOKIE = 0x2112A442
METHODS = {"allocate": 3, "refresh": 4, "keep": 4}


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def without_nul(length):
    """For turnutils_oauth, which takes what it decodes for C strings."""
    return bytes(byte % 255 + 1 for byte in os.urandom(length))


class Client:
    def __init__(self, server, kid, key, algorithm, options):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(20)
        self.socket.connect((server, 3478))
        self.kid, self.key, self.algorithm, self.options = kid, key, algorithm, options
        self.is_broken = False
        _, found = self.ask("allocate", b"")
        self.realm, self.nonce = found[0x14], found[0x15]
        self.name = found.get(0x802E, b"").decode()

    def ask(self, step, more, key=None):
        body = attribute(0x19, b"\x11\0\0\0") if step == "allocate" else b""
        body += more
        head = struct.pack("!HHI", METHODS[step], len(body) + (24 if key else 0), COOKIE)
        text = head + os.urandom(12) + body
        if key:
            text += attribute(8, hmac.new(key, text, hashlib.sha1).digest())
        self.socket.send(text)
        answer = self.socket.recv(2048)
        found, at = {}, 20
        while at < len(answer):
            kind, length = struct.unpack("!HH", answer[at : at + 4])
            found[kind] = answer[at + 4 : at + 4 + length]
            at += 4 + length + -length % 4
        code = found[9][2] * 100 + found[9][3] if 9 in found else 0
        return code, found

    def new_token(self):
        self.session = without_nul(20)
        made = (int(time.time()) - int(self.options.get("ago", 0))) << 16
        self.ends = (made >> 16) + int(self.options.get("lifetime", 600))
        command = [
            "turnutils_oauth", "-e", "-i", self.options.get("name", self.name), "-j", self.kid,
            "-k", self.key, "-l", str(made >> 16), "-m", "864000", "-n", self.algorithm,
            "-o", base64.b64encode(without_nul(12)).decode(),
            "-p", base64.b64encode(self.session).decode(),
            "-q", str(made), "-r", self.options.get("lifetime", "600"),
        ]
        out = subprocess.run(command, capture_output=True, check=True).stdout
        # The session key stands in its JSON as raw bytes.
        token = base64.b64decode(out.split(b'"access_token":"')[1].split(b'"')[0])
        if self.is_broken:
            token = token[:-1] + bytes([token[-1] ^ 1])
            self.is_broken = False
        return token

    def step(self, step):
        who = attribute(6, self.kid.encode()) + attribute(0x14, self.realm)
        who += attribute(0x15, self.nonce)
        if step != "keep":
            who += attribute(0x1B, self.new_token())
        before = int(time.time())
        code, found = self.ask(step, who, self.session)
        after = int(time.time())
        lifetime = struct.unpack("!I", found[0xD])[0] if 0xD in found else 0
        # The server's second is one of those, or the one that has just passed.
        is_rest = before - 1 <= self.ends - lifetime <= after
        print(f"{step} code={code} lifetime={lifetime} is_rest={is_rest}", flush=True)


def main(server, kid, key, algorithm, *rest):
    options = dict(word.split("=", 1) for word in rest if "=" in word)
    client = Client(server, kid, key, algorithm, options)
    print(f"server name={client.name}", flush=True)
    for word in rest:
        if word == "break":
            client.is_broken = True
        elif word.startswith("wait="):
            time.sleep(float(word[5:]))
        elif "=" not in word:
            client.step(word)


main(*sys.argv[1:])
