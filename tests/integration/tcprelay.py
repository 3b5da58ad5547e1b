#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client of TCP allocations (RFC 6062), and the peers that it meets.

  tcprelay.py peers ADDRESS PORT           listens on the ports from PORT on, prints "ready"
      +0 echo   +1 echo, reading slowly   +2 answers the SHA-256 at the end of what it gets
      +3 sends SOURCE bytes and its end at once, then goes on reading
      +4 takes no connection                +10 to +49 echo
  tcprelay.py dial ADDRESS PORT COUNT      COUNT connections to a relayed address: how many live?
  tcprelay.py client SERVER USER PASSWORD PEER PORT SCENARIO [ARGUMENT...]

A scenario prints what it saw as the last line, "field=value ..."; an exception is a failure. From the
environment: TLS=1, IPV6=1 (the relayed address), OTHER_USER and OTHER_PASSWORD.
"""
import hashlib
import hmac
import os
import select
import signal
import socket
import ssl
import struct
import sys
import threading
import time

COOKIE = 0x2112A442
MAGIC = struct.pack("!I", COOKIE)
SOURCE = 3_000_000
ECHOES, N_ECHOES = 10, 40
ALLOCATE, REFRESH, PERMISSION, CHANNEL, CONNECT, BIND, ATTEMPT = 3, 4, 8, 9, 10, 11, 12
TLS = os.environ.get("TLS")
IPV6 = os.environ.get("IPV6")


def pattern(n, seed=b"x"):
    return hashlib.shake_256(seed).digest(n)


def digest(data):
    return hashlib.sha256(data).hexdigest()


# ---- messages ----


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xor_address(ip, port, tid):
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    raw = socket.inet_pton(family, ip)
    mask = MAGIC + tid
    return struct.pack("!BBH", 0, 2 if len(raw) == 16 else 1, port ^ (COOKIE >> 16)) + bytes(
        a ^ b for a, b in zip(raw, mask))


def read_address(value, tid):
    raw = bytes(a ^ b for a, b in zip(value[4:], MAGIC + tid))
    family = socket.AF_INET6 if value[1] == 2 else socket.AF_INET
    return socket.inet_ntop(family, raw), struct.unpack("!H", value[2:4])[0] ^ (COOKIE >> 16)


def take(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError(f"closed after {len(data)} of {n} bytes")
        data += more
    return data


def receive(s):
    """Method, class, attributes and transaction id of one message, and not a byte more."""
    head = take(s, 20)
    kind, length = struct.unpack("!HH", head[:4])
    body = take(s, length)
    found, at = {}, 0
    while at < len(body):
        name, size = struct.unpack("!HH", body[at : at + 4])
        found.setdefault(name, body[at + 4 : at + 4 + size])
        at += 4 + size + -size % 4
    return kind & 0xF, kind & 0x110, found, head[8:]


def code_of(found):
    return found[9][2] * 100 + found[9][3] if 9 in found else 0


class Client:
    """One user: control connections, and what a request is signed with."""

    def __init__(self, server, user, password):
        self.server, self.user, self.password = server, user, password
        self.key = None

    def open(self):
        s = socket.create_connection((self.server, 5349 if TLS else 3478), timeout=40)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if TLS:
            c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
            s = c.wrap_socket(s)
        return s

    def request(self, method, body=b"", peer=None):
        tid = os.urandom(12)
        if peer:
            body += attribute(0x12, xor_address(*peer, tid))
        if self.key:
            body += attribute(6, self.user.encode()) + attribute(0x14, self.realm)
            body += attribute(0x15, self.nonce)
        text = struct.pack("!HHI", method, len(body) + (24 if self.key else 0), COOKIE) + tid + body
        if self.key:
            text += attribute(8, hmac.new(self.key, text, hashlib.sha1).digest())
        return text

    def ask(self, s, method, body=b"", peer=None):
        """Code and attributes of the answer; indications that come before it are kept."""
        s.sendall(self.request(method, body, peer))
        while True:
            got, kind, found, tid = receive(s)
            if kind != 0x10:
                break
            self.attempts.append((struct.unpack("!I", found[0x2A])[0], read_address(found[0x12], tid)))
        assert got == method, (got, method)
        return code_of(found), found, tid

    def learn(self, found):
        self.realm, self.nonce = found[0x14], found[0x15]
        self.key = hashlib.md5(
            self.user.encode() + b":" + self.realm + b":" + self.password.encode()).digest()

    def allocate(self, extra=b"", protocol=6):
        self.attempts = []
        s = self.open()
        want = attribute(0x19, bytes([protocol, 0, 0, 0])) + extra
        if IPV6:
            want += attribute(0x17, b"\2\0\0\0")
        code, found, _ = self.ask(s, ALLOCATE, want)
        if code == 401:
            self.learn(found)
            code, found, tid = self.ask(s, ALLOCATE, want)
        if code == 0:
            self.relayed = read_address(found[0x16], tid)
        self.control = s
        return code

    def connect(self, peer):
        code, found, _ = self.ask(self.control, CONNECT, peer=peer)
        return code, struct.unpack("!I", found[0x2A])[0] if code == 0 else None

    def attempt(self):
        """The next ConnectionAttempt: id and peer."""
        while not self.attempts:
            got, kind, found, tid = receive(self.control)
            assert (got, kind) == (ATTEMPT, 0x10), (got, kind)
            self.attempts.append((struct.unpack("!I", found[0x2A])[0], read_address(found[0x12], tid)))
        return self.attempts.pop(0)

    def bind(self, number, early=b"", s=None):
        """Code of ConnectionBind on a new connection, and the connection."""
        s = s or self.open()
        s.sendall(self.request(BIND, attribute(0x2A, struct.pack("!I", number))) + early)
        got, kind, found, _ = receive(s)
        assert got == BIND, got
        return code_of(found), s

    def through(self, peer, early=b""):
        code, number = self.connect(peer)
        assert code == 0, code
        code, s = self.bind(number, early)
        assert code == 0, code
        return s


def end_writing(s):
    """TLS has an end of its own, in one direction; Python can only send it and stay silent."""
    if isinstance(s, ssl.SSLSocket):
        s.settimeout(0.2)
        try:
            s.unwrap()
        except (TimeoutError, ssl.SSLError, OSError):
            pass
        s.settimeout(40)
    else:
        s.shutdown(socket.SHUT_WR)


def read_all(s, pause=0.0, size=65536):
    parts = []
    while True:
        more = s.recv(size)
        if not more:
            return b"".join(parts)
        parts.append(more)
        if pause:
            time.sleep(pause)


def exchange(s, data, pause=0.0):
    """Sends DATA while it reads as much, in one thread: TLS takes no two."""
    got, sent, last = [], 0, time.monotonic()
    n = 0
    s.setblocking(False)
    while n < len(data):
        wants = [s] if sent < len(data) else []
        select.select([s], wants, [], 1)
        try:
            if sent < len(data):
                sent += s.send(data[sent : sent + 65536])
                last = time.monotonic()
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        try:
            more = s.recv(65536)
            if not more:
                raise EOFError(f"closed after {n}")
            got.append(more)
            n += len(more)
            last = time.monotonic()
            if pause:
                time.sleep(pause)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        assert time.monotonic() - last < 40, f"nothing moves: sent {sent}, got {n}"
    s.setblocking(True)
    s.settimeout(40)
    return b"".join(got)


# ---- scenarios ----


def do_echo(c, peer, megabytes="1", pause="0", slow="0", early="0"):
    data = pattern(int(float(megabytes) * 1_000_000))
    assert c.allocate() == 0
    ahead = pattern(50_000, b"ahead") if int(early) else b""
    start = time.monotonic()
    s = c.through((peer[0], peer[1] + int(slow)), ahead)
    got = exchange(s, ahead + data, float(pause)) if not ahead else None
    if ahead:
        first = take(s, len(ahead))
        got = first + exchange(s, data, float(pause))
    seconds = time.monotonic() - start
    return {"same": got == ahead + data, "bytes": len(got), "seconds": round(seconds, 1)}


def do_half_close(c, peer):
    """The client's end reaches the peer, whose answer still comes back."""
    data = pattern(1_000_000)
    assert c.allocate() == 0
    s = c.through((peer[0], peer[1] + 2))
    s.sendall(data)
    end_writing(s)
    return {"same": read_all(s).decode() == digest(data)}


def do_source(c, peer, pause="0"):
    """The peer has said all and closed its side before the client binds."""
    assert c.allocate() == 0
    code, number = c.connect((peer[0], peer[1] + 3))
    assert code == 0, code
    time.sleep(0.5)
    code, s = c.bind(number)
    assert code == 0, code
    got = read_all(s, float(pause), 16384)
    s.sendall(b"still open")
    return {"same": got == pattern(SOURCE), "bytes": len(got)}


def do_many(c, peer, count):
    assert c.allocate() == 0
    sockets = [
        c.through((peer[0], peer[1] + ECHOES + i), b"number %d;" % i) for i in range(int(count))]
    right = sum(take(s, len(b"number %d;" % i)) == b"number %d;" % i for i, s in enumerate(sockets))
    return {"right": right}


def do_control_ends(c, peer):
    """With the control connection all goes."""
    assert c.allocate() == 0
    sockets = [c.through((peer[0], peer[1] + ECHOES + i), b"x") for i in range(4)]
    for s in sockets:
        assert take(s, 1) == b"x"
    c.control.close()
    ended = 0
    for s in sockets:
        try:
            ended += s.recv(1) == b""
        except (ConnectionResetError, ssl.SSLError):
            ended += 1
    return {"ended": ended}


def do_client_resets(c, peer):
    """A client's reset ends the peer's connection, so that the same peer can be met again."""
    assert c.allocate() == 0
    s = c.through((peer[0], peer[1]), b"x")
    assert take(s, 1) == b"x"
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    for _ in range(100):
        code, _ = c.connect(peer)
        if code != 446:
            break
        time.sleep(0.05)
    # Not 446 any more; the relay's side may have to sit out TIME-WAIT (RFC 9293).
    return {"ended": code in (0, 447)}


def do_codes(c, peer):
    other = Client(c.server, os.environ["OTHER_USER"], os.environ["OTHER_PASSWORD"])
    assert c.allocate() == 0 and other.allocate() == 0
    seen = {"denied": c.connect(("127.0.0.1", 80))[0]}
    seen["refused"] = c.connect((peer[0], 9))[0]
    seen["no_peer"] = c.ask(c.control, CONNECT)[0]
    code, number = c.connect(peer)
    assert code == 0, code
    seen["twice"] = c.connect(peer)[0]
    seen["other_user"], s = other.bind(number)
    seen["wrong_id"], s = c.bind(number ^ 1)
    seen["no_such_worker"], s = c.bind(number | 0x7F000000, s=s)
    seen["at_last"], s = c.bind(number, s=s)
    seen["bound_twice"] = c.bind(number)[0]
    seen["channel"] = c.ask(c.control, CHANNEL, attribute(0xC, b"\x40\0\0\0"), peer)[0]
    s.sendall(b"works")
    assert take(s, 5) == b"works"
    for name, extra in (("even_port", attribute(0x18, b"\0")), ("df", attribute(0x1A, b"")),
                        ("token", attribute(0x22, bytes(8)))):
        fresh = Client(c.server, c.user, c.password)
        seen[name] = fresh.allocate(extra)
    return seen


def do_allocate(c, peer):
    return {"code": c.allocate()}


def do_both_families(c, peer, peer6):
    """ADDITIONAL-ADDRESS-FAMILY: a listening address of each family."""
    assert c.allocate(attribute(0x8000, b"\2\0\0\0")) == 0
    right = 0
    for ip in (peer[0], peer6):
        s = c.through((ip, peer[1]), b"hello")
        right += take(s, 5) == b"hello"
    return {"right": right}


def do_silent_peer(c, peer):
    """A peer whose backlog is full answers nothing."""
    assert c.allocate() == 0
    start = time.monotonic()
    code, _ = c.connect((peer[0], peer[1] + 4))
    return {"code": code, "seconds": round(time.monotonic() - start)}


def do_wait(c, peer, seconds):
    """Permits the peer, tells where it may come to, and echoes what it says; stays."""
    assert c.allocate() == 0
    print("relayed", *c.relayed, flush=True)
    assert c.ask(c.control, PERMISSION, peer=(peer[0], 0))[0] == 0
    print("permitted", flush=True)
    c.control.settimeout(float(seconds))
    number, who = c.attempt()
    code, s = c.bind(number)
    assert code == 0, code
    got = read_all(s)
    s.sendall(got)
    end_writing(s)
    print(f"from_peer={who[0] == peer[0]} bytes={len(got)}", flush=True)
    time.sleep(60)  # what is under way would end with the allocation
    return {}


def wait_for_signal(seconds):
    """Until SIGUSR1, or for so long."""
    told = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: told.set())
    print("permitted", flush=True)
    told.wait(float(seconds))


def do_wait_unbound(c, peer, seconds):
    """Is told of peers and binds none; counts them, and says whether it still gets answers."""
    assert c.allocate() == 0
    print("relayed", *c.relayed, flush=True)
    assert c.ask(c.control, PERMISSION, peer=(peer[0], 0))[0] == 0
    wait_for_signal(seconds)
    code, _, _ = c.ask(c.control, REFRESH)
    return {"code": code, "attempts": len(c.attempts)}


def do_wait_closed(c, peer, seconds):
    """Permits nobody."""
    assert c.allocate() == 0
    print("relayed", *c.relayed, flush=True)
    wait_for_signal(seconds)
    code, _, _ = c.ask(c.control, REFRESH)
    return {"code": code, "attempts": len(c.attempts)}


# ---- peers ----


def serve_echo(s, pause=0.0):
    while True:
        data = s.recv(65536)
        if not data:
            break
        s.sendall(data)
        time.sleep(pause)
    s.shutdown(socket.SHUT_WR)


def serve_digest(s):
    s.sendall(digest(read_all(s)).encode())


def serve_source(s):
    s.sendall(pattern(SOURCE))
    s.shutdown(socket.SHUT_WR)
    read_all(s)


def serve(listener, what):
    def run(s):
        try:
            what(s)
        except OSError:
            pass
        s.close()

    while True:
        s, _ = listener.accept()
        threading.Thread(target=run, args=(s,), daemon=True).start()


def listen(address, port, backlog=512, buffer=None):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family)
    if buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(backlog)
    return s


def peers(address, port):
    kinds = {0: serve_echo, 1: lambda s: serve_echo(s, 0.02), 2: serve_digest, 3: serve_source}
    kinds.update({ECHOES + i: serve_echo for i in range(N_ECHOES)})
    for i, what in kinds.items():
        l = listen(address, int(port) + i, buffer=8192 if i == 1 else None)
        threading.Thread(target=serve, args=(l, what), daemon=True).start()
    full = listen(address, int(port) + 4, 0)
    fill = []
    for _ in range(4):
        s = socket.socket(full.family)
        s.setblocking(False)
        s.connect_ex((address, int(port) + 4))
        fill.append(s)
    print("ready", flush=True)
    while True:
        time.sleep(3600)


def dial(address, port, count):
    """Opens connections, says something on the last, and tells how many the relay has left open."""
    sockets = []
    for _ in range(int(count)):
        try:
            s = socket.create_connection((address, int(port)), timeout=5)
            s.settimeout(5)
            sockets.append(s)
        except OSError:
            pass
    if int(count) == 1:
        data = pattern(1_000_000, b"dial")
        sockets[0].settimeout(40)
        sockets[0].sendall(data)
        sockets[0].shutdown(socket.SHUT_WR)
        print("same=%s" % (read_all(sockets[0]) == data))
        return
    time.sleep(1)
    live = 0
    for s in sockets:
        s.setblocking(False)
        try:
            s.recv(1)
        except BlockingIOError:
            live += 1
        except OSError:
            pass
    print(f"tried={count} live={live}")


def main(what, *a):
    if what == "peers":
        peers(*a)
    elif what == "dial":
        dial(*a)
    else:
        server, user, password, peer, port, scenario = a[:6]
        seen = globals()["do_" + scenario](Client(server, user, password), (peer, int(port)), *a[6:])
        print(*(f"{k}={v}" for k, v in seen.items()), flush=True)


main(*sys.argv[1:])
