#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What nobody should send to a SIP server, for sipstorm.sh: each action prints what came of it as
name=value. Not made to be a user agent: messages are text, and most of them are wrong."""
import argparse
import collections
import glob
import os
import select
import socket
import struct
import sys
import time

STARTED = os.getpid()
NUMBERS = iter(range(1, 1 << 30))


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def unique():
    return "%d-%d" % (STARTED, next(NUMBERS))


def udp(local):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind(local)
    return s


def tcp(local, server, seconds=5):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(seconds)
    s.bind((local[0], 0))
    s.connect(server)
    return s


def request(method, server, local, transport="UDP", number="5000", body=b"", **given):
    """The bytes of a request. GIVEN: branch, call_id, from_tag, to_tag, cseq, extra, length."""
    f = {"branch": "z9hG4bK" + unique(), "call_id": unique(), "from_tag": "f", "to_tag": "",
         "cseq": 1, "extra": "", "length": len(body)}
    f.update(given)
    head = ("{m} sip:{n}@{sh}:{sp} SIP/2.0\r\n"
            "Via: SIP/2.0/{t} {lh}:{lp};branch={branch}\r\n"
            "Max-Forwards: 70\r\n"
            "From: <sip:storm@{lh}>;tag={from_tag}\r\n"
            "To: <sip:{n}@{sh}>{to}\r\n"
            "Call-ID: {call_id}\r\n"
            "CSeq: {cseq} {m}\r\n"
            "Contact: <sip:storm@{lh}:{lp}>\r\n"
            "{extra}Content-Length: {length}\r\n\r\n")
    text = head.format(m=method, n=number, sh=server[0], sp=server[1], t=transport, lh=local[0],
                       lp=local[1], to=";tag=" + f["to_tag"] if f["to_tag"] else "", **f)
    return text.encode() + body


def status(data):
    words = data.split(b" ", 2)
    return int(words[1]) if words[0] == b"SIP/2.0" else 0


def tag_of(data):
    for line in data.split(b"\r\n"):
        if line.lower().startswith((b"to:", b"t:")) and b"tag=" in line:
            return line.split(b"tag=", 1)[1].split(b";")[0].decode()
    return ""


def hear(s, final=True, seconds=5.0):
    """The next (final) response's status and bytes; 0 if none comes."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([s], [], [], left)[0]:
            return 0, b""
        data = s.recv(65536)
        if not data:
            return 0, b""
        code = status(data)
        if code >= (200 if final else 100):
            return code, data


def tell(**values):
    print(" ".join("%s=%s" % (k, v) for k, v in values.items()))


def ends(s, seconds):
    """Has the server ended the connection? What it has said first does not count."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        s.settimeout(max(end - time.monotonic(), 0.01))
        try:
            if not s.recv(65536):
                return True
        except ConnectionError:
            return True
        except (socket.timeout, TimeoutError):
            return False
    return False


# ---- actions ----

def torture(o):
    """Every message of a folder, by UDP and, each on a connection of its own, by TCP."""
    heard = collections.Counter()
    names = sorted(glob.glob(os.path.join(o.folder, "*.dat")))
    if o.over == "udp":
        s = udp((o.local[0], 5060 if o.port is None else o.port))
    for name in names:
        with open(name, "rb") as f:
            data = f.read()
        if o.over == "udp":
            s.sendto(data, o.server)
            time.sleep(0.005)
        else:
            try:
                s = tcp(o.local, o.server)
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                s.settimeout(0.3)
                heard[status(s.recv(65536))] += 1
                s.close()
            except (OSError, IndexError, ValueError):
                heard["nothing"] += 1
    if o.over == "udp":
        while select.select([s], [], [], 0.5)[0]:
            try:
                heard[status(s.recv(65536))] += 1
            except (OSError, IndexError, ValueError):
                heard["nothing"] += 1
    tell(sent=len(names), answers=sum(heard.values()))


def flood(o):
    """INVITEs at a rate, to a number that a gateway here answers; no ACK ever. At most until COUNT are
    sent and the file is there."""
    caller = udp((o.local[0], 0))
    me = caller.getsockname()
    callee = udp(o.gateway) if o.gateway else None
    described = {"body": description(me[0]), "extra": SDP_TYPE} if o.sdp else {}
    wanted = [s for s in (caller, callee) if s]
    heard = collections.Counter()
    began = time.monotonic()
    sent = 0
    while time.monotonic() < began + o.seconds:
        if o.until and sent >= o.count and os.path.exists(o.until):
            break
        due = min(int((time.monotonic() - began) * o.rate), sent + 200)
        while sent < due:
            caller.sendto(request("INVITE", o.server, me, number=o.number, **described), o.server)
            sent += 1
        for s in select.select(wanted, [], [], 0.001)[0]:
            for _ in range(200):
                try:
                    data, peer = s.recvfrom(65536, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                if s is caller:
                    heard[status(data)] += 1
                elif data.startswith(b"INVITE "):
                    s.sendto(accept(data, o.gateway, o.sdp), peer)
    tell(sent=sent, ok=heard[200], busy=heard[503],
         other=sum(n for code, n in heard.items() if code not in (100, 180, 200, 503)))


SDP_TYPE = "Content-Type: application/sdp\r\n"


def description(host):
    """One that G.711 is offered or taken in."""
    return ("v=0\r\no=- 1 1 IN IP4 {h}\r\ns=-\r\nc=IN IP4 {h}\r\nt=0 0\r\n"
            "m=audio 4000 RTP/AVP 0\r\n".format(h=host)).encode()


def accept(invite, me, has_body):
    """200 OK to what is an INVITE of the server's."""
    body = description(me[0]) if has_body else b""
    extra = SDP_TYPE if has_body else ""
    wanted = (b"via:", b"from:", b"call-id:", b"cseq:")
    lines = [line for line in invite.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    kept = [line for line in lines if line.lower().startswith(wanted)]
    to = [line + b";tag=storm" for line in lines if line.lower().startswith(b"to:")]
    contact = ("Contact: <sip:%s:%d>" % me).encode()
    end = ("%sContent-Length: %d\r\n\r\n" % (extra, len(body))).encode()
    return b"\r\n".join([b"SIP/2.0 200 OK"] + kept + to + [contact, end]) + body


def ask(o):
    """A request with rport from standard input, and what comes to it until a final response."""
    s = udp((o.local[0], o.port or 0))
    s.settimeout(20)
    data = sys.stdin.buffer.read()
    s.sendto(data, o.server)
    branch = b"branch=" + data.split(b"branch=", 1)[1].split(b";")[0] + b";"
    code = 100
    while code < 200:
        data = s.recv(65536)
        if branch in data:  # and no copy of an older response
            print(data.decode(errors="replace"))
            code = status(data)


def again(o):
    """One INVITE, so many times; and one OPTIONS."""
    s = udp((o.local[0], 0))
    me = s.getsockname()
    heard = collections.Counter()
    for method in ("INVITE", "OPTIONS"):
        data = request(method, o.server, me, number=o.number)
        for i in range(o.count):
            s.sendto(data, o.server)
            while i % 20 == 0 and select.select([s], [], [], 0.002)[0]:
                heard[status(s.recv(65536))] += 1
    while select.select([s], [], [], 0.5)[0]:
        heard[status(s.recv(65536))] += 1
    tell(sent=2 * o.count, answers=sum(heard.values()))


def spoof(o):
    """A call of ours, and what others say about it, who know all of it but may not."""
    s = udp((o.local[0], 0))
    me = s.getsockname()
    stranger = udp((o.stranger, 0))
    of_call = {"call_id": unique(), "from_tag": "spoof"}
    branch = "z9hG4bK" + unique()
    s.sendto(request("INVITE", o.server, me, number=o.number, branch=branch, **of_call), o.server)
    code, data = hear(s)
    tag = tag_of(data)

    def ask(sock, method, **given):
        words = dict(of_call, to_tag=tag)
        words.update(given)
        local = sock.getsockname()
        sock.sendto(request(method, o.server, local, number=o.number, **words), o.server)
        return 0 if method == "ACK" else hear(sock)[0]

    ask(s, "ACK")
    answers = {
        "invite": code,
        "stranger_bye": ask(stranger, "BYE", cseq=2),
        "stranger_invite": ask(stranger, "INVITE", cseq=2),
        "stranger_cancel": ask(stranger, "CANCEL", branch=branch, to_tag=""),
        "wrong_from_tag": ask(s, "BYE", cseq=2, from_tag="other"),
        "wrong_to_tag": ask(s, "BYE", cseq=2, to_tag="other"),
        "wrong_call_id": ask(s, "BYE", cseq=2, call_id="other"),
        "late_cancel": ask(s, "CANCEL", branch=branch, to_tag=""),
    }
    for sock in (s, stranger):
        local = sock.getsockname()
        for code in (100, 180, 200, 302, 486, 503):
            for cookie in (branch, "z9hG4bK" + "0" * 32):
                text = request("INVITE", o.server, local, branch=cookie, **of_call)
                line, rest = text.split(b"\r\n", 1)
                sock.sendto(b"SIP/2.0 %d Spoofed\r\n" % code + rest, o.server)
    answers["old_cseq"] = ask(s, "INFO", cseq=1)
    answers["bye"] = ask(s, "BYE", cseq=3)
    tell(**answers)


def wrong(o):
    """Each on a connection of its own: what the server says, and whether it then ends it."""
    me = (o.local[0], 5099)
    good = request("OPTIONS", o.server, me, transport="TCP")

    def with_length(text):
        return good.replace(b"Content-Length: 0", b"Content-Length: " + text)

    def bomb(extra):
        return request("OPTIONS", o.server, me, transport="TCP", extra=extra)

    cases = {
        "huge_length": with_length(b"4000000000"),
        "endless_length": with_length(b"9" * 40),
        "negative_length": with_length(b"-1"),
        "two_lengths": with_length(b"0\r\nContent-Length: 5"),
        "no_length": good.replace(b"Content-Length: 0\r\n", b""),
        "many_fields": bomb("X: y\r\n" * 5000),
        "long_field": bomb("Subject: " + "a" * 40000 + "\r\n"),
        "many_vias": bomb("Via: SIP/2.0/TCP a.example;branch=z9hG4bKa\r\n" * 500),
        "no_end": b"OPTIONS sip:x SIP/2.0\r\nSubject: " + b"a" * 200000,
        "binary": bytes(range(256)) * 100,
        "tls": bytes.fromhex("16030100a5010000a10303") + bytes(160),
        "http": b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    }
    for name, data in cases.items():
        try:
            s = tcp(o.local, o.server)
            s.sendall(data)
            code, _ = hear(s, seconds=2)
            tell(case=name, status=code, ended=ends(s, 5))
        except ConnectionError:
            tell(case=name, status=0, ended=True)
        finally:
            s.close()
    s = tcp(o.local, o.server)
    s.sendall(good)
    tell(case="good", status=hear(s)[0], ended=ends(s, 0.2))


def large(o):
    """Descriptions of 1 KiB to 64 KiB, by TCP."""
    for size in (1 << 10, 20 << 10, 60 << 10, 64 << 10):
        s = tcp(o.local, o.server)
        me = s.getsockname()
        line = b"a=x:%s\r\n" % (b"y" * 122)
        body = (b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
                b"m=audio 4000 RTP/AVP 0 101\r\n")
        body += line * ((size - len(body)) // len(line) + (size >> 10 == 64))
        given = {"call_id": unique(), "from_tag": "large"}
        s.sendall(request("INVITE", o.server, me, "TCP", o.number, body,
                          extra="Content-Type: application/sdp\r\n", **given))
        code, data = hear(s)
        if code == 200:
            to = {"to_tag": tag_of(data)}
            s.sendall(request("ACK", o.server, me, "TCP", o.number, **given, **to))
            s.sendall(request("BYE", o.server, me, "TCP", o.number, cseq=2, **given, **to))
            bye = hear(s)[0]
        else:
            bye = 0
            s.close()
        tell(bytes=size, invite=code, bye=bye)


def crawl(o):
    """Connections that begin a message and never end it, as many as there is room for."""
    conns, refused = [], 0
    for _ in range(o.count):
        try:
            conns.append(tcp(o.local, o.server))
        except OSError:
            refused += 1
    data = request("OPTIONS", o.server, (o.local[0], 5099), "TCP", extra="Subject: " + "a" * 6000 + "\r\n")
    at, lost, end = 0, 0, time.monotonic() + o.seconds
    while conns and time.monotonic() < end:
        for s in list(conns):
            try:
                s.send(data[at:at + 40])
            except OSError:
                conns.remove(s)
                lost += 1
        at += 40
        time.sleep(0.2)
    tell(opened=o.count - refused, refused=refused, lost=lost, left=len(conns))


def deaf(o):
    """Asks on connections, and reads no answer."""
    conns, sent = [], 0
    for _ in range(o.count):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.bind((o.local[0], 0))
        s.connect(o.server)
        s.setblocking(False)
        conns.append(s)
    data = request("OPTIONS", o.server, (o.local[0], 5099), "TCP") * 20
    end = time.monotonic() + o.seconds
    while time.monotonic() < end:
        for s in list(conns):
            try:
                sent += s.send(data)
            except BlockingIOError:
                pass
            except OSError:
                conns.remove(s)
        time.sleep(0.002)
    tell(sent=sent, left=len(conns))


def half(o):
    """Half a message, then the end: in good order, or not."""
    for i in range(o.count):
        s = tcp(o.local, o.server)
        s.sendall(request("INVITE", o.server, s.getsockname(), "TCP", o.number)[:100 + i])
        if i % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    tell(connections=o.count)


def stranger(o):
    """Datagrams and connections of somebody whom nobody knows."""
    s = udp((o.local[0], 0))
    me = s.getsockname()
    heard = collections.Counter()
    began = time.monotonic()
    for i in range(o.count):
        s.sendto(request("INVITE" if i % 2 else "REGISTER", o.server, me), o.server)
        while select.select([s], [], [], 0)[0]:
            heard[status(s.recv(65536))] += 1
    while select.select([s], [], [], 0.3)[0]:
        heard[status(s.recv(65536))] += 1
    seconds = time.monotonic() - began
    refused = 0
    for _ in range(o.count // 10):
        try:
            c = tcp(o.local, o.tcp, 1)
            refused += ends(c, 1)
            c.close()
        except OSError:
            refused += 1
    tell(sent=o.count, seconds=int(seconds), forbidden=heard[403], connections=o.count // 10, refused=refused)


ACTIONS = {f.__name__: f for f in (torture, flood, ask, again, spoof, wrong, large, crawl, deaf, half,
                                   stranger)}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("action", choices=ACTIONS)
    p.add_argument("server", type=address)
    p.add_argument("--local", type=lambda t: (t, 0), required=True)
    p.add_argument("--folder")
    p.add_argument("--over", default="udp")
    p.add_argument("--port", type=int)
    p.add_argument("--number", default="5000")
    p.add_argument("--gateway", type=address)
    p.add_argument("--sdp", action="store_true")
    p.add_argument("--until")
    p.add_argument("--tcp", type=address)
    p.add_argument("--stranger")
    p.add_argument("--rate", type=int, default=3000)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--count", type=int, default=1000)
    o = p.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    ACTIONS[o.action](o)


if __name__ == "__main__":
    main()
