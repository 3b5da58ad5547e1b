#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client that asks by which address it is known, and a load balancer for UDP.

  proxy.py ask udp|tcp|tls SERVER PORT [HEX]    a Binding request, the bytes HEX in front of it
  proxy.py forward ADDRESS PORT SERVER PORT each|first|none

The first prints "mapped=ADDRESS:PORT local=ADDRESS:PORT" (IPv6 in brackets), or "ended" when the
server ends the connection, or lets a second pass, without an answer. The second passes datagrams on
from a socket for each client, with a header of the PROXY protocol's version 2 in front of each, of
the first, or of none, until it is ended.
"""
import os
import select
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


def ask_udp(server, port, front):
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect((server, int(port)))
    text, tid = request()
    s.send(bytes.fromhex(front) + text)
    print("mapped=" + mapped_in(s.recv(2048), tid), "local=" + text_of(*s.getsockname()[:2]))


def ask(transport, server, port, front=""):
    if transport == "udp":
        ask_udp(server, port, front)
        return
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


def header(client, front):
    """Version 2 for a datagram from CLIENT to FRONT."""
    v6 = ":" in client[0]
    family = socket.AF_INET6 if v6 else socket.AF_INET
    addresses = socket.inet_pton(family, client[0]) + socket.inet_pton(family, front[0])
    addresses += struct.pack("!HH", client[1], front[1])
    start = b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x22 if v6 else 0x12])
    return start + struct.pack("!H", len(addresses)) + addresses


def forward(address, port, server, server_port, which):
    front = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    front.bind((address, int(port)))
    by_client, clients = {}, {}
    while True:
        for s in select.select([front, *clients], [], [])[0]:
            if s is not front:
                front.sendto(s.recv(65535), clients[s])
                continue
            text, client = s.recvfrom(65535)
            behind, is_new = by_client.get(client), client not in by_client
            if is_new:
                behind = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                behind.connect((server, int(server_port)))
                by_client[client], clients[behind] = behind, client
            if which == "each" or (which == "first" and is_new):
                text = header(client[:2], (address, int(port))) + text
            behind.send(text)


if sys.argv[1] == "forward":
    forward(*sys.argv[2:])
elif sys.argv[1] == "ask":
    try:
        ask(*sys.argv[2:])
    except (ConnectionResetError, socket.timeout, ssl.SSLError):
        print("ended")
