#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A successor that is killed in the middle of an upgrade.

  takeover.py SOCKET version|hello|sockets|ready|some|all
"""
import os
import signal
import socket
import struct
import sys

HELLO, OFFER, REFUSED, SOCKET, SOCKETS_END, READY, PARCEL, END = 1, 2, 3, 4, 5, 6, 7, 8


def send(s, kind, payload=b""):
    s.sendall(struct.pack("!HHI", kind, 0, len(payload)) + payload)


def exactly(s, n):
    data = b""
    while len(data) < n:
        more, fds, _, _ = socket.recv_fds(s, n - len(data), 4)
        for fd in fds:
            socket.close(fd)
        if not more:
            sys.exit("nothing more")
        data += more
    return data


def receive(s):
    kind, _, n = struct.unpack("!HHI", exactly(s, 8))
    data = exactly(s, n)
    if kind == REFUSED:
        print("REFUSED", data.decode())
        sys.exit(0)
    return kind


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def main(path, step):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    send(s, HELLO, struct.pack("!H", 9 if step == "version" else 2))
    if step == "hello":
        die()
    while receive(s) != SOCKETS_END:
        pass
    if step == "sockets":
        die()
    send(s, READY)
    if step == "ready":
        die()
    n = 0
    while receive(s) != END:
        n += 1
        if step == "some" and n == 3:
            die()
    die()


main(*sys.argv[1:])
