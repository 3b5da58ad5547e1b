#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client that asks by which address it is known.

  proxy.py ask tcp|tls SERVER PORT [HEX]    a Binding request, the bytes HEX in front of it

prints "mapped=ADDRESS:PORT local=ADDRESS:PORT" (IPv6 in brackets), or "ended" when the server ends
the connection without an answer.
"""
import os
import socket
import ssl
import struct
import sys

COOKIE = struct.pack("!I", 0x2112A442)


def text_of(ip, port):
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def request():
    tid = os.urandom(12)
    return struct.pack("!HH", 1, 0) + COOKIE + tid, tid


def mapped_in(text, tid):
    """The XOR-MAPPED-ADDRESS of an answer."""
    assert text[:2] == b"\x01\x01" and text[8:20] == tid, text
    at = 20
    while at < len(text):
        kind, length = struct.unpack("!HH", text[at : at + 4])
        value = text[at + 4 : at + 4 + length]
        if kind == 0x20:
            port = struct.unpack("!H", value[2:4])[0] ^ 0x2112
            ip = bytes(a ^ b for a, b in zip(value[4:], COOKIE + tid))
            return text_of(socket.inet_ntop(socket.AF_INET if len(ip) == 4 else socket.AF_INET6, ip), port)
        at += 4 + length + -length % 4
    return "none"


def ask(transport, server, port, front=""):
    s = socket.create_connection((server, int(port)), timeout=5)
    s.sendall(bytes.fromhex(front))
    if transport == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        s = context.wrap_socket(s)
    local = text_of(*s.getsockname()[:2])
    text, tid = request()
    s.sendall(text)
    answer = b""
    while len(answer) < 20 or len(answer) < 20 + struct.unpack("!H", answer[2:4])[0]:
        more = s.recv(4096)
        if not more:
            raise ConnectionResetError
        answer += more
    print("mapped=" + mapped_in(answer, tid), "local=" + local)


if sys.argv[1] == "ask":
    try:
        ask(*sys.argv[2:])
    except (ConnectionResetError, ssl.SSLError):
        print("ended")
