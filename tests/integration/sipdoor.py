#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Clients of the SIP door that no telephone plays: over WebSocket, over TLS, and bad ones.
#
#   sipdoor.py phone HOST CA USER DOMAIN  registers over WebSocket, prints each message that comes,
#                                         answers requests (INVITE with 486), and sends what a line of
#                                         standard input asks for: "message USER", "service
#                                         LOCATION", "ring": INVITE gets 180 until it is cancelled
#   sipdoor.py service HOST PORT CA CERT KEY LOCATION   asks by TLS; "-" for no certificate
#   sipdoor.py message HOST PORT CA CERT KEY FROM TO [BYTES]   MESSAGE by TLS; prints the status
#   sipdoor.py back HOST PORT CA FROM TO SOURCE   registers and calls TO, loses the connection, connects
#                                         from the address SOURCE, and hangs up before it registers
#                                         anew; if that is refused, after it as well; prints "bye STATUS"
#   sipdoor.py slow HOST PORT CA N        N connections that never get further than a few bytes
#   sipdoor.py garbage HOST PORT CA N     N connections with bytes that are no SIP
#   sipdoor.py flood HOST PORT CA N       N requests of a stranger, as fast as they go
import asyncio
import os
import re
import socket
import ssl
import sys
import time

BURST = 50  # requests at once, so that a slow door is flooded as well
XML = "application/msrtc-media-relay-auth+xml"
ASKS = """<?xml version="1.0"?>
<request xmlns="http://schemas.microsoft.com/2006/09/sip/mrasp" requestID="1" version="2.0"
 to="sip:mras@example.net" from="sip:%s"><credentialsRequest credentialsRequestID="1">
<identity>sip:%s</identity><location>%s</location><duration>480</duration></credentialsRequest></request>"""


def token():
    return os.urandom(6).hex()


def request(method, uri, user, domain, via, more=(), body="", to=None):
    lines = ["%s %s SIP/2.0" % (method, uri), "Via: SIP/2.0/%s;branch=z9hG4bK%s" % (via, token()),
             "Max-Forwards: 70", "From: <sip:%s@%s>;tag=%s" % (user, domain, token()),
             "To: <%s>" % (to or uri), "Call-ID: %s" % token(), "CSeq: 1 %s" % method, *more,
             "Content-Length: %d" % len(body)]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def service(user, domain, via, location):
    who = "%s@%s" % (user, domain)
    return request("SERVICE", "sip:mras@%s" % domain, user, domain, via,
                   ["Content-Type: " + XML], ASKS % (who, who, location))


def answer(message, status):
    """To a request: what an answer takes over from it, and nothing of its own but a tag."""
    head = message.split("\r\n\r\n")[0].split("\r\n")[1:]
    keep = [h for h in head if re.match(r"(Via|From|Call-ID|CSeq|Record-Route):", h)]
    to = next(h for h in head if h.startswith("To:"))
    keep.append(to if ";tag=" in to else to + ";tag=" + token())
    return "\r\n".join(["SIP/2.0 " + status, *keep, "Content-Length: 0"]) + "\r\n\r\n"


def say(message):
    for line in message.split("\r\n"):
        print(line)
    print("--", flush=True)


async def phone(host, ca, user, domain):
    import websockets
    context = ssl.create_default_context(cafile=ca)
    via, contact = "WSS p%s.invalid" % token(), "<sip:%s@p.invalid;transport=ws>" % user
    async with websockets.connect("wss://%s/" % domain, host=host, ssl=context, server_hostname=domain,
                                  subprotocols=["sip"]) as ws:
        await ws.send(request("REGISTER", "sip:" + domain, user, domain, via,
                              ["Contact: %s;reg-id=1;+sip.instance=\"<urn:uuid:%s>\"" % (
                                  contact, "00000000-0000-4000-8000-" + token()),
                               "Supported: path, outbound", "Expires: 600"],
                              to="sip:%s@%s" % (user, domain)))

        is_ringing, invite = False, None

        async def obey():
            nonlocal is_ringing
            lines = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
            while line := (await lines.readline()).decode().split():
                if line[0] == "message":
                    await ws.send(request("MESSAGE", "sip:%s@%s" % (line[1], domain), user, domain,
                                          via, ["Content-Type: text/plain"], "hello"))
                elif line[0] == "service":
                    await ws.send(service(user, domain, via, line[1]))
                elif line[0] == "ring":
                    is_ringing = True
            os._exit(0)  # without a good-bye

        asyncio.ensure_future(obey())
        async for message in ws:
            say(message)
            method = message.split(" ")[0]
            if method == "INVITE":
                invite = message
                await ws.send(answer(message, "180 Ringing" if is_ringing else "486 Busy Here"))
            elif method not in ("SIP/2.0", "ACK"):
                await ws.send(answer(message, "200 OK"))
            if method == "CANCEL":
                await ws.send(answer(invite, "487 Request Terminated"))


def connect(host, port, ca, cert="-", key="-", source=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(ca)
    if cert != "-":
        context.load_cert_chain(cert, key)
    raw = socket.create_connection((host, int(port)), timeout=10,
                                   source_address=(source, 0) if source else None)
    return context.wrap_socket(raw)


def exchange(s, message):
    s.sendall(message.encode())
    data = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            sys.exit("closed")
        data += piece
        head, _, body = data.decode().partition("\r\n\r\n")
        length = re.search(r"Content-Length: *(\d+)", head)
        if not length or len(body) < int(length.group(1)):
            continue
        if head.startswith("SIP/2.0 1"):
            data = data[len(head) + 4:]
            continue
        return data.decode()


def field(message, name):
    return re.search(r"^%s: *(.*?)\r?$" % name, message, re.M).group(1)


def uri(value):
    return re.search(r"<(.*?)>", value).group(1)


SDP = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Caller:
    """A user with a connection, of whom one call is known."""

    def __init__(self, host, port, ca, user, source=None):
        self.user, self.s = user, connect(host, port, ca, source=source)
        self.at = "%s:%d" % self.s.getsockname()[:2]

    def asks(self, method, target, more=(), body="", to=None):
        return request(method, target, self.user, "example.net", "TLS %s;rport" % self.at,
                       ["Contact: <sip:%s@%s;transport=tls>" % (self.user, self.at), *more], body, to)

    def register(self):
        return exchange(self.s, self.asks("REGISTER", "sip:example.net", ["Expires: 600"],
                                          to="sip:%s@example.net" % self.user))

    def call(self, callee):
        invite = self.asks("INVITE", "sip:%s@example.net" % callee, ["Content-Type: application/sdp"],
                           SDP.format(self.at.split(":")[0]))
        return exchange(self.s, invite)

    def within(self, method, answered, number):
        more = ["Route: " + r for r in re.findall(r"^Record-Route: (.*?)\r$", answered, re.M)]
        text = self.asks(method, uri(field(answered, "Contact")), more)
        for name in ("From", "To", "Call-ID"):
            text = re.sub(r"(?m)^%s: .*?\r$" % name, "%s: %s\r" % (name, field(answered, name)), text)
        return text.replace("CSeq: 1 ", "CSeq: %d " % number)


def back(host, port, ca, user, callee, source):
    first = Caller(host, port, ca, user)
    first.register()
    answered = first.call(callee)
    first.s.sendall(first.within("ACK", answered, 1).encode())
    print("call", answered.split(" ")[1], flush=True)
    exchange(first.s, first.asks("OPTIONS", "sip:sip.example.net"))  # behind the ACK
    first.s.close()
    second = Caller(host, port, ca, user, source)
    ended = exchange(second.s, second.within("BYE", answered, 2))
    print("bye", ended.split(" ")[1], flush=True)
    if "Retry-After:" in ended:
        second.register()
        print("bye", exchange(second.s, second.within("BYE", answered, 3)).split(" ")[1], flush=True)


def over_tls(host, port, ca, cert, key, make):
    s = connect(host, port, ca, cert, key)
    say(exchange(s, make("TLS %s:%d;rport" % s.getsockname()[:2])))


def slow(host, port, ca, n):
    held = []
    for i in range(int(n)):
        s = socket.create_connection((host, int(port)), timeout=10)
        if i % 3 == 1:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        held.append(s)
        if i % 3 == 2:
            s.close()
            t = connect(host, port, ca)
            t.sendall(b"REGISTER sip:example.net SIP/2.0\r\nVia: SIP")
            held[-1] = t
    print("held", len(held), flush=True)
    time.sleep(600)


def garbage(host, port, ca, n):
    for i in range(int(n)):
        try:
            s = connect(host, port, ca)
            s.sendall(os.urandom(3000) if i % 2 else b"GET / HTTP/1.1\r\nUpgrade: no\r\n\r\n" * 9)
            s.settimeout(0.2)
            s.recv(4096)
        except OSError:
            pass
    print("done", flush=True)


def flood(host, port, ca, n):
    seen = {"ended": 0}
    s, sent = None, 0
    while sent < int(n):
        data = b""
        try:
            s = s or connect(host, port, ca)
            s.settimeout(20)
            s.sendall("".join(request("INVITE", "sip:bob@elsewhere.example", "mallory", "example.net",
                                      "TLS 192.0.2.9") for _ in range(BURST)).encode())
            while len(re.findall(rb"SIP/2\.0 \d{3} ", data)) < BURST:
                piece = s.recv(65536)
                if not piece:
                    raise ConnectionError
                data += piece
        except TimeoutError:
            raise
        except OSError:
            seen["ended"] += 1
            s = None
        sent += BURST
        for status in re.findall(rb"SIP/2\.0 (\d{3}) ", data):
            seen[status.decode()] = seen.get(status.decode(), 0) + 1
    print(" ".join("%s=%d" % i for i in sorted(seen.items())), flush=True)


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "phone":
        asyncio.run(phone(*args))
    elif what == "back":
        back(*args)
    elif what == "service":
        over_tls(*args[:5], lambda via: service("dora", "example.net", via, args[5]))
    elif what == "message":
        over_tls(*args[:5], lambda via: request(
            "MESSAGE", "sip:%s@example.net" % args[6], args[5], "example.net", via,
            ["Content-Type: text/plain"], "x" * int(args[7]) if args[7:] else "hello"))
    else:
        {"slow": slow, "garbage": garbage, "flood": flood}[what](*args)


main()
