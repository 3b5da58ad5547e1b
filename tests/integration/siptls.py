#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Peers of SIP over TLS and WebSocket that are slow, wrong or too many, for siptls.sh: each action
prints what came of it as name=value, and ends by itself.

  hold    connections that go on for ever, one byte at a time: until the server has ended them all
  wrong   what cannot be a message or a frame, each on a connection of its own
  pings   keep-alives without end"""
import argparse
import asyncio
import base64
import os
import ssl
import struct
import sys

STEP = 0.1  # between two bytes of whoever is slow

UPGRADE = ("GET / HTTP/1.1\r\nHost: sip.example.net\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
           % base64.b64encode(b"0123456789abcdef").decode()).encode()
REGISTER = (b"REGISTER sip:example.net SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKslow\r\n"
            b"Subject: " + b"a" * 4000)
OPTIONS = (b"OPTIONS sip:sip.example.net SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKw\r\n"
           b"Max-Forwards: 70\r\nFrom: <sip:x@example.net>;tag=a\r\nTo: <sip:sip.example.net>\r\n"
           b"Call-ID: wrong\r\nCSeq: 1 OPTIONS\r\nContent-Length: %b\r\n\r\n")


def frame(opcode, payload, length=None, is_masked=True, is_last=True):
    n = len(payload) if length is None else length
    head = bytes([(0x80 if is_last else 0) | opcode])
    mask = 0x80 if is_masked else 0
    if n < 126:
        head += bytes([mask | n])
    elif n < 65536:
        head += struct.pack("!BH", mask | 126, n)
    else:
        head += struct.pack("!BQ", mask | 127, n)
    return head + (bytes(4) if is_masked else b"") + payload  # masked with zeros


def context(o):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if o.cert:
        c.load_cert_chain(o.cert, o.key)
    return c


def client_hello(o):
    sent = ssl.MemoryBIO()
    try:
        context(o).wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return sent.read()


async def connect(o, local, is_tls):
    return await asyncio.open_connection(*o.server, local_addr=(local, 0),
                                         ssl=context(o) if is_tls else None)


async def upgraded(o, local):
    reader, writer = await connect(o, local, True)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def ended(reader):
    """Returns when the server has ended the connection, with all that it has said."""
    heard = b""
    try:
        while piece := await reader.read(65536):
            heard += piece
    except OSError:
        pass
    return heard


# ---- hold ----

class Held:
    def __init__(self):
        self.opened = self.refused = self.ended = 0


async def begin(o, kind, local):
    """A connection as far as KIND goes, and the bytes that then come slowly."""
    if kind in ("silent", "half", "loris"):
        reader, writer = await connect(o, local, False)
        hello = client_hello(o)
        if kind == "half":
            writer.write(hello)
        return reader, writer, hello if kind == "loris" else b""
    if kind == "frame":
        reader, writer = await upgraded(o, local)
        return reader, writer, frame(1, b"a" * 20000)
    reader, writer = await connect(o, local, True)
    return reader, writer, {"message": REGISTER, "upgrade": UPGRADE, "blank": b"\r\n\r\n" * 1000}[kind]


async def hold_one(o, kind, local, held):
    try:
        reader, writer, slow = await begin(o, kind, local)
    except (OSError, asyncio.IncompleteReadError):
        held.refused += 1
        return
    held.opened += 1
    end = asyncio.ensure_future(ended(reader))
    for i in range(len(slow)):
        writer.write(slow[i:i + 1])
        if (await asyncio.wait([end], timeout=STEP))[0]:
            break
    await end
    held.ended += 1
    writer.close()


async def hold(o):
    held = Held()
    tasks = []
    for i in range(o.count):
        tasks.append(asyncio.ensure_future(hold_one(
            o, o.kind[i % len(o.kind)], o.local[i // len(o.kind) % len(o.local)], held)))
        await asyncio.sleep(0.005)
    while held.opened + held.refused < o.count:
        await asyncio.sleep(0.05)
    print("up opened=%d refused=%d" % (held.opened, held.refused), flush=True)
    await asyncio.wait(tasks, timeout=o.seconds)
    print("ended=%d left=%d" % (held.ended, held.opened - held.ended), flush=True)


# ---- wrong ----

def cases(o):
    """Name, bytes; over WebSocket behind the request that begins it unless the name says so."""
    good = OPTIONS % b"0"
    if o.web:
        return {
            "upgrade_http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "upgrade_endless": b"GET / HTTP/1.1\r\nX: " + b"a" * 100000,
            "upgrade_sip": good,
            "huge": frame(1, b"a", 1 << 40),
            "largest": frame(1, b"a", (1 << 64) - 1),
            "long": frame(1, b"a" * 40000),
            "fragments": b"".join(frame(1 if i == 0 else 0, b"a" * 4000, is_last=False) for i in range(10)),
            "long_ping": frame(9, b"a" * 126),
            "unmasked": frame(1, good, is_masked=False),
            "reserved": frame(3, good),
            "orphan": frame(0, good),
            "not_utf8": frame(1, b"\xff\xfe" * 100),
        }
    return {
        "huge_length": OPTIONS % b"4000000000",
        "no_end": b"OPTIONS sip:x SIP/2.0\r\nSubject: " + b"a" * 200000,
        "binary": bytes(range(256)) * 100,
        "http": b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    }


async def wrong(o):
    for name, data in cases(o).items():
        is_frame = o.web and not name.startswith("upgrade")
        try:
            reader, writer = await (upgraded if is_frame else connect)(
                o, o.local[0], *([] if is_frame else [True]))
            writer.write(data)
            heard = await asyncio.wait_for(ended(reader), o.seconds)
            says = heard[:12].split(b" ")[1].decode() if heard[:1] in (b"S", b"H") else heard[:4].hex()
            print("case=%s ended=True says=%s" % (name, says), flush=True)
            writer.close()
        except ConnectionError:
            print("case=%s ended=True says=" % name, flush=True)
        except asyncio.TimeoutError:
            print("case=%s ended=False" % name, flush=True)


# ---- pings ----

async def pings(o):
    reader, writer = await (upgraded(o, o.local[0]) if o.web else connect(o, o.local[0], True))
    end = asyncio.ensure_future(ended(reader))
    sent = 0
    try:
        while sent < o.count and not end.done():
            writer.write((frame(9, b"x") if o.web else b"\r\n\r\n") * 10)
            await writer.drain()
            sent += 10
            await asyncio.wait([end], timeout=0.01)
        await asyncio.wait([end], timeout=o.seconds)
    except ConnectionError:
        pass
    print("ended=%s" % (end.done()), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("action", choices=["hold", "wrong", "pings"])
    p.add_argument("server", type=lambda t: (t.rsplit(":", 1)[0].strip("[]"), int(t.rsplit(":", 1)[1])))
    p.add_argument("--local", type=lambda t: t.split(","), required=True)
    p.add_argument("--kind", type=lambda t: t.split(","))
    p.add_argument("--web", action="store_true")
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--count", type=int, default=1)
    p.add_argument("--seconds", type=float, default=60)
    o = p.parse_args()
    asyncio.get_event_loop_policy().get_event_loop().set_exception_handler(lambda *_: None)
    asyncio.get_event_loop().run_until_complete({"hold": hold, "wrong": wrong, "pings": pings}[o.action](o))
    os._exit(0)  # without a good-bye to whoever is left


if __name__ == "__main__":
    sys.exit(main())
