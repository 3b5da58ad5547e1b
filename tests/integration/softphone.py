#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Drives a baresip by its port for control, for a script: each line of standard input is a command
# ("dial sip:1000@example.net", "hangup", "accept", "hold", "resume", "sndcode 1"), each line of
# standard output an event or an answer. Ends with its input.
#
#   softphone.py HOST PORT
import json
import select
import socket
import sys
import time


def connected(host, port):
    for _ in range(600):
        try:
            return socket.create_connection((host.strip("[]"), int(port)), timeout=5)
        except OSError:
            time.sleep(0.1)
    sys.exit("no baresip at %s:%s" % (host, port))


def messages(buffer):
    """Takes whole netstrings from the buffer."""
    while b":" in buffer:
        head, rest = buffer.split(b":", 1)
        size = int(head)
        if len(rest) < size + 1:
            break
        yield json.loads(rest[:size].decode("utf-8", "replace"))
        buffer[:] = rest[size + 1:]


def say(message):
    if message.get("event"):
        print("event", message.get("type"), message.get("peeruri", "-"),
              message.get("param", "").replace("\n", " "), "id=" + message.get("id", "-"), flush=True)
    else:
        print("answer", message.get("token"), "ok" if message.get("ok") else "failed",
              " ".join(message.get("data", "").split()), flush=True)


def main():
    sock = connected(*sys.argv[1:3])
    print("ready", flush=True)
    buffer = bytearray()
    while True:
        for f in select.select([sock, sys.stdin], [], [])[0]:
            if f is sock:
                data = sock.recv(65536)
                if not data:
                    sys.exit("baresip is gone")
                buffer += data
                for message in messages(buffer):
                    say(message)
                continue
            line = sys.stdin.readline()
            if not line:
                return
            command, _, parameters = line.strip().partition(" ")
            text = json.dumps({"command": command, "params": parameters, "token": command}).encode()
            sock.sendall(b"%d:%s," % (len(text), text))


main()
