#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients that behave badly on TCP, TLS and DTLS, and the peer that floods them.

  stream.py silent SERVER COUNT [PORT]        connects and says nothing
  stream.py idle SERVER COUNT                 speaks once over TLS, then says nothing
  stream.py slow SERVER COUNT USER PASSWORD PEER [tls]   allocates, then never reads again
  stream.py hoard SERVER COUNT                begins DTLS handshakes and sends what must be kept
  stream.py flood PID BYTES ADDRESS PORT...   sends datagrams to each port in turn, as fast as
                                              process PID reads them from its UDP sockets

All but the last print "ready", slow ones "relayed PORT" lines before it, and stay until they are
ended.
"""
import hashlib
import hmac
import os
import signal
import socket
import ssl
import struct
import sys
import time

COOKIE = 0x2112A442


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(kind, body, key=None):
    tid = os.urandom(12)
    extra = 24 if key else 0
    text = struct.pack("!HHI", kind, len(body) + extra, COOKIE) + tid + body
    if key:
        text += attribute(8, hmac.new(key, text, hashlib.sha1).digest())
    return text


def receive(s):
    text = b""
    while len(text) < 20 or len(text) < 20 + struct.unpack("!H", text[2:4])[0]:
        text += s.recv(1)
    found, at = {}, 20
    while at < len(text):
        kind, length = struct.unpack("!HH", text[at : at + 4])
        found[kind] = text[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    return struct.unpack("!H", text[:2])[0], found


def ask(s, kind, body, key=None):
    s.sendall(message(kind, body, key))
    answer, found = receive(s)
    return answer, found


def connect(server, port=3478, buffer=None):
    s = socket.socket()
    if buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    s.settimeout(20)
    s.connect((server, port))
    return s


def connect_tls(server, context, buffer=None):
    return context.wrap_socket(connect(server, 5349, buffer))


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def speak_once(server, context):
    s = connect_tls(server, context)
    ask(s, 1, b"")
    return s


def record(epoch, seq, body):
    return struct.pack("!BHHHIH", 22, 0xFEFD, epoch, 0, seq, len(body)) + body


def hello(random, seq, cookie):
    """A whole ClientHello for ECDHE with ECDSA (RFC 6347, RFC 8422)."""
    extensions = struct.pack("!HHHHHHHHHH", 10, 4, 2, 23, 13, 4, 2, 0x0403, 0xFF01, 1) + b"\0"
    body = b"\xfe\xfd" + random + b"\0" + bytes([len(cookie)]) + cookie
    body += b"\0\2\xc0\x2b\1\0" + struct.pack("!H", len(extensions)) + extensions
    header = struct.pack("!BBHHBHBH", 1, 0, len(body), seq, 0, 0, 0, len(body))
    return record(0, seq, header + body)


def hoard(server):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect((server, 5349))
    random, answer = os.urandom(32), b""
    while answer[13:14] != b"\3":
        s.send(hello(random, 0, b""))
        try:
            answer = s.recv(2048)
        except TimeoutError:
            pass
    s.send(hello(random, 1, answer[28:48]))
    for i in range(23):
        s.send(record(1, i, bytes(1200)))
    return s


def allocate(server, user, password, peer, way="tcp"):
    s = connect_tls(server, trusting(), 4096) if way == "tls" else connect(server, buffer=4096)
    want = attribute(0x19, b"\x11\0\0\0")
    _, found = ask(s, 3, want)
    realm, nonce = found[0x14], found[0x15]
    key = hashlib.md5(user.encode() + b":" + realm + b":" + password.encode()).digest()
    who = attribute(6, user.encode()) + attribute(0x14, realm) + attribute(0x15, nonce)
    answer, found = ask(s, 3, want + who, key)
    assert answer == 0x103, hex(answer)
    port = struct.unpack("!H", found[0x16][2:4])[0] ^ (COOKIE >> 16)
    ip = struct.unpack("!I", socket.inet_aton(peer))[0] ^ COOKIE
    answer, _ = ask(s, 8, attribute(0x12, struct.pack("!BBHI", 0, 1, 0, ip)) + who, key)
    assert answer == 0x108, hex(answer)
    print("relayed", port)
    return s


def stay(sockets):
    print("ready", flush=True)
    signal.pause()
    return sockets


def await_read(pid):
    """Till nothing waits in the UDP sockets of its network namespace, a second at most."""
    for _ in range(200):
        with open(f"/proc/{pid}/net/udp", encoding="ascii") as table:
            next(table)
            if not any(int(line.split()[4].split(":")[1], 16) for line in table):
                return
        time.sleep(0.005)


def flood(pid, rounds, address, ports):
    # A socket that overflows loses what is for others too, where it serves many relay ports.
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sent = 0
    for _ in range(rounds):
        for port in ports:
            s.sendto(bytes(1200), (address, port))
            sent += 1
            if sent % 100 == 0:
                await_read(pid)


def main(what, *a):
    if what == "silent":
        stay([connect(a[0], int(a[2]) if a[2:] else 3478) for _ in range(int(a[1]))])
    elif what == "idle":
        context = trusting()
        stay([speak_once(a[0], context) for _ in range(int(a[1]))])
    elif what == "hoard":
        stay([hoard(a[0]) for _ in range(int(a[1]))])
    elif what == "slow":
        stay([allocate(a[0], *a[2:]) for _ in range(int(a[1]))])
    elif what == "flood":
        flood(a[0], int(a[1]) // 1200, a[2], [int(port) for port in a[3:]])


main(*sys.argv[1:])
