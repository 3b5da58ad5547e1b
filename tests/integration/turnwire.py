# SPDX-License-Identifier: BSD-3-Clause
"""STUN and TURN as differential.py speaks them: anything can be said, right or wrong, and what is
answered becomes words that can be compared. Not made to be fast or complete."""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
import time
import zlib

COOKIE = 0x2112A442
REQUEST, INDICATION, SUCCESS, ERROR = range(4)
BINDING, ALLOCATE, REFRESH, SEND, DATA, PERMISSION, BIND = 1, 3, 4, 6, 7, 8, 9
CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 10, 11, 12

ATTRIBUTES = {
    0x0001: "MAPPED-ADDRESS",
    0x0003: "CHANGE-REQUEST",
    0x0004: "SOURCE-ADDRESS",
    0x0005: "CHANGED-ADDRESS",
    0x0006: "USERNAME",
    0x0008: "MESSAGE-INTEGRITY",
    0x0009: "ERROR-CODE",
    0x000A: "UNKNOWN-ATTRIBUTES",
    0x000C: "CHANNEL-NUMBER",
    0x000D: "LIFETIME",
    0x0010: "BANDWIDTH",
    0x0012: "XOR-PEER-ADDRESS",
    0x0013: "DATA",
    0x0014: "REALM",
    0x0015: "NONCE",
    0x0016: "XOR-RELAYED-ADDRESS",
    0x0017: "REQUESTED-ADDRESS-FAMILY",
    0x0018: "EVEN-PORT",
    0x0019: "REQUESTED-TRANSPORT",
    0x001A: "DONT-FRAGMENT",
    0x001B: "ACCESS-TOKEN",
    0x001C: "MESSAGE-INTEGRITY-SHA256",
    0x001D: "PASSWORD-ALGORITHM",
    0x001E: "USERHASH",
    0x0020: "XOR-MAPPED-ADDRESS",
    0x0022: "RESERVATION-TOKEN",
    0x0024: "PRIORITY",
    0x0025: "USE-CANDIDATE",
    0x0026: "PADDING",
    0x0027: "RESPONSE-PORT",
    0x002A: "CONNECTION-ID",
    0x8000: "ADDITIONAL-ADDRESS-FAMILY",
    0x8001: "ADDRESS-ERROR-CODE",
    0x8002: "PASSWORD-ALGORITHMS",
    0x8003: "ALTERNATE-DOMAIN",
    0x8004: "ICMP",
    0x8022: "SOFTWARE",
    0x8023: "ALTERNATE-SERVER",
    0x8028: "FINGERPRINT",
    0x802B: "RESPONSE-ORIGIN",
    0x802C: "OTHER-ADDRESS",
    0x802E: "THIRD-PARTY-AUTHORIZATION",
    0x802F: "ORIGIN",
    0x8030: "MOBILITY-TICKET",
}
T = {name.replace("-", "_"): kind for kind, name in ATTRIBUTES.items()}


def attribute(kind, value=b""):
    """kind: a number, or a name with _ for -."""
    kind = T[kind] if isinstance(kind, str) else kind
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def u32(number):
    return struct.pack("!I", number)


def xor_address(address, tid=bytes(12), family=None):
    host, port = address
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    mask = struct.pack("!I", COOKIE) + tid
    value = bytes(a ^ b for a, b in zip(packed, mask))
    kind = family or (1 if len(packed) == 4 else 2)
    return struct.pack("!BBH", 0, kind, port ^ (COOKIE >> 16)) + value


def rest_credential(secret, name="alice", expiry=0):
    user = f"{expiry or int(time.time()) + 86400}:{name}"
    digest = hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()
    return user, base64.b64encode(digest).decode()


class Peer:
    """What a peer address is told by: XOR depends on the transaction of the message it goes into."""

    def __init__(self, host, port=5000, family=None):
        self.address, self.family = (host, port), family

    def encode(self, tid):
        return attribute("XOR_PEER_ADDRESS", xor_address(self.address, tid, self.family))


def message(method, cls, parts, key=None, sha256=False, fingerprint=False, tid=None, cookie=COOKIE):
    """parts: attributes as bytes, or Peer. key: integrity is added."""
    tid = tid or os.urandom(12)
    kind = (method & 0xF) | (method & 0x70) << 1 | (method & 0xF80) << 2
    kind |= (cls & 1) << 4 | (cls & 2) << 7
    body = b"".join(p.encode(tid) if isinstance(p, Peer) else p for p in parts)

    def head(extra):
        return struct.pack("!HHI", kind, len(body) + extra, cookie) + tid

    if key:
        name, size, digest = "MESSAGE_INTEGRITY", 20, hashlib.sha1
        if sha256:
            name, size, digest = "MESSAGE_INTEGRITY_SHA256", 32, hashlib.sha256
        mac = hmac.new(key, head(4 + size) + body, digest).digest()
        body += attribute(name, mac)
    if fingerprint:
        crc = zlib.crc32(head(8) + body) ^ 0x5354554E
        body += attribute("FINGERPRINT", u32(crc))
    return head(0) + body


class Answer:
    """A packet that came, and the words that tell it."""

    def __init__(self, packet, session):
        self.packet, self.found, self.words = packet, {}, set()
        if packet is None or packet == b"":
            self.head = "nothing" if packet is None else "closed"
        elif 0x40 <= packet[0] < 0x80:
            channel, length = struct.unpack("!HH", packet[:4])
            self.head = f"channel {channel:#06x}, {length} bytes"
        elif len(packet) < 20 or packet[0] >= 0x40:
            self.head = "bytes that are not STUN"
        else:
            self._decode(session)

    def _decode(self, session):
        kind, _, cookie = struct.unpack("!HHI", self.packet[:8])
        cls = kind >> 4 & 1 | kind >> 7 & 2
        self.method = kind & 0xF | kind >> 1 & 0x70 | kind >> 2 & 0xF80
        self.tid = self.packet[8:20]
        at = 20
        while at + 4 <= len(self.packet):
            attr, length = struct.unpack("!HH", self.packet[at : at + 4])
            value = self.packet[at + 4 : at + 4 + length]
            self.found.setdefault(attr, []).append(value)
            self._tell(attr, value, at, session)
            at += 4 + length + -length % 4
        names = {DATA: "data", CONNECTION_ATTEMPT: "connection attempt"}
        self.head = (
            "request",
            f"indication {names.get(self.method, self.method)}",
            "success",
            f"error {self.code()}",
        )[cls]
        if cookie != COOKIE:
            self.words.add("classic")

    def code(self):
        value = self.get("ERROR_CODE")
        return value[2] * 100 + value[3] if value else 0

    def get(self, name, default=None):
        return self.found.get(T[name], [default])[0]

    def address(self, value, session):
        packed, port = value[4:], struct.unpack("!H", value[2:4])[0] ^ (COOKIE >> 16)
        mask = struct.pack("!I", COOKIE) + self.tid
        host = bytes(a ^ b for a, b in zip(packed, mask))
        family = socket.AF_INET6 if len(packed) == 16 else socket.AF_INET
        return socket.inet_ntop(family, host), port

    def _tell(self, attr, value, at, session):
        name = ATTRIBUTES.get(attr, f"{attr:#06x}")
        if name in ("LIFETIME",) and len(value) == 4:
            name += f"={struct.unpack('!I', value)[0]}"
        elif name == "UNKNOWN-ATTRIBUTES":
            name += "=" + ",".join(f"{t:#06x}" for t in struct.unpack(f"!{len(value) // 2}H", value))
        elif name in ("XOR-MAPPED-ADDRESS", "XOR-RELAYED-ADDRESS", "XOR-PEER-ADDRESS"):
            host, port = self.address(value, session)
            if (host, port) == session.local:
                name += "=own"
            else:
                name += "=" + host
        elif name == "MESSAGE-INTEGRITY":
            name += "=" + self._integrity(at, value, session, hashlib.sha1)
        elif name == "MESSAGE-INTEGRITY-SHA256":
            name += "=" + self._integrity(at, value, session, hashlib.sha256)
        elif name == "DATA":
            name += f"={len(value)} bytes"
        elif name == "ADDRESS-ERROR-CODE" and len(value) >= 4:
            name += f"={value[2] * 100 + value[3]}"
        elif name == "REALM":
            name += "=" + value.decode(errors="replace")
        elif name == "ERROR-CODE":
            return
        self.words.add(name)

    def _integrity(self, at, value, session, digest):
        if not session.key:
            return "unasked"
        text = struct.pack("!HH", *struct.unpack("!H", self.packet[:2]), at - 20 + 4 + len(value))
        text += self.packet[4:at]
        mine = hmac.new(session.key, text, digest).digest()
        return "good" if mine[: len(value)] == value else "bad"


class Session:
    """One client on a socket of its own. Every answer it notes is one step of a case."""

    def __init__(self, server, secret, transport="udp", port=None, wait_s=0.5):
        self.server, self.secret, self.transport, self.wait_s = server, secret, transport, wait_s
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        self.is_stream = transport != "udp"
        kind = socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(5)
        self.socket.connect((server, port or 3478))
        if transport == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.local = self.socket.getsockname()[:2]
        self.steps = []
        self.buffer = b""
        self.user, self.password = rest_credential(secret)
        self.realm = self.nonce = self.key = None
        self.peers = []

    def close(self):
        for s in [self.socket, *self.peers]:
            s.close()

    # ---- packets ----

    def send(self, packet):
        try:
            self.socket.sendall(packet)
        except OSError:
            pass

    def _stream_message(self):
        while True:
            if len(self.buffer) >= 4:
                length = struct.unpack("!H", self.buffer[2:4])[0]
                total = 4 + length + -length % 4 if self.buffer[0] & 0xC0 else 20 + length
                if len(self.buffer) >= total:
                    out, self.buffer = self.buffer[:total], self.buffer[total:]
                    return out
            more = self.socket.recv(65536)
            if not more:
                return b""
            self.buffer += more

    def receive(self, wait_s=None):
        self.socket.settimeout(wait_s or self.wait_s)
        try:
            return self._stream_message() if self.is_stream else self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return b"" if self.is_stream else None
        except OSError:
            return None

    def listen(self, wait_s=None):
        """The next packet is a step."""
        answer = Answer(self.receive(wait_s), self)
        self.steps.append(answer)
        return answer

    def raw(self, packet):
        """Sends, once or, where nothing comes, twice; what comes is a step."""
        self.send(packet)
        first = self.receive()
        if first is None and not self.is_stream:
            self.send(packet)
            first = self.receive()
        answer = Answer(first, self)
        self.steps.append(answer)
        return answer

    # ---- requests ----

    def who(self, user=None, realm=None, nonce=None, leave_out=()):
        parts = {
            "USERNAME": (user or self.user).encode(),
            "REALM": realm or self.realm or b"none.example.com",
            "NONCE": nonce or self.nonce or b"0123456789abcdef",
        }
        return [attribute(k, v) for k, v in parts.items() if k not in leave_out]

    def login(self):
        """Asks for realm and nonce, quietly."""
        answer = self.quietly(self.raw, message(ALLOCATE, REQUEST, [transport(17)]))
        self.realm, self.nonce = answer.get("REALM", b""), answer.get("NONCE", b"")
        self.make_key()

    def make_key(self, password=None):
        text = b":".join([self.user.encode(), self.realm, (password or self.password).encode()])
        self.key = hashlib.md5(text).digest()

    def ask(self, method, *parts, **how):
        """A signed request."""
        if self.key is None:
            self.login()
        how = {"key": self.key, **how}
        who = how.pop("who", None)
        packet = message(method, REQUEST, [*parts, *(self.who() if who is None else who)], **how)
        return self.raw(packet)

    def quietly(self, function, *a, **b):
        answer = function(*a, **b)
        self.steps.pop()
        return answer

    def allocated(self, *parts, protocol=17):
        """An allocation, quietly; steps that follow are about it."""
        answer = self.quietly(self.ask, ALLOCATE, transport(protocol), *parts)
        if answer.head != "success":
            raise RuntimeError(f"no allocation: {answer.head}")
        self.relayed = answer.address(answer.get("XOR_RELAYED_ADDRESS"), self)
        return answer

    # ---- peers, which live where the client does ----

    def peer(self):
        """A socket for a peer on the client's own address."""
        s = socket.socket(self.socket.family, socket.SOCK_DGRAM)
        s.bind((self.local[0], 0))
        s.settimeout(self.wait_s)
        self.peers.append(s)
        return s

    def peer_got(self, s):
        """What the peer got is a step."""
        try:
            data, source = s.recvfrom(65536)
            head = f"peer gets {len(data)} bytes"
            if source[:2] != self.relayed:
                head += " from elsewhere"
        except OSError:
            head = "peer gets nothing"
        self.say(head)

    def say(self, head):
        answer = Answer(None, self)
        answer.head = head
        self.steps.append(answer)


def transport(number):
    return attribute("REQUESTED_TRANSPORT", struct.pack("!BBH", number, 0, 0))


def at(s):
    """The Peer of a socket that Session.peer made."""
    return Peer(*s.getsockname()[:2])


def channel(number):
    return attribute("CHANNEL_NUMBER", struct.pack("!HH", number, 0))


def channel_data(number, data, length=None):
    return struct.pack("!HH", number, len(data) if length is None else length) + data
