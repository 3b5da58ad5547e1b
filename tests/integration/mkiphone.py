#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# A telephone that knows SRTP only with an MKI (RFC 4568 §6.1): its one crypto line has it, and so must
# the answer's, and the packets of both sides. SRTP is libsrtp2's; the MKI, which no tag covers, is put
# in front of the tag here. Calls, talks for three seconds, longer until it has heard a second of sound,
# half a minute at most, and then sends 20 packets under another MKI.
# Prints "sent=N good=N loud=N strange=N" of the packets that it has sent and got: good under the key, of
# these those that are not silent, and those without the MKI or under no key of the call.
#
#   mkiphone.py HOST PORT CA CERT KEY NUMBER RTP_PORT
import audioop
import base64
import math
import os
import re
import socket
import ssl
import struct
import sys
import time

from pylibsrtp import Error, Policy, Session

MKI = b"\0\0\0\1"
TAG = 10  # bytes, of AES_CM_128_HMAC_SHA1_80
HZ, PACKETS, MOST, ENOUGH, BAD = 1000, 150, 1500, 50, 20


def token():
    return os.urandom(6).hex()


def connect(host, port, ca, cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(ca)
    context.load_cert_chain(cert, key)
    return context.wrap_socket(socket.create_connection((host, int(port)), timeout=30))


class Call:
    def __init__(self, s, number):
        self.s, self.at = s, "%s:%d" % s.getsockname()[:2]
        self.fields = {"From": "<sip:2009@example.net>;tag=" + token(),
                       "To": "<sip:%s@example.net>" % number, "Call-ID": token()}
        self.target, self.routes = "sip:%s@example.net" % number, []

    def ask(self, method, number, body=""):
        lines = ["%s %s SIP/2.0" % (method, self.target),
                 "Via: SIP/2.0/TLS %s;rport;branch=z9hG4bK%s" % (self.at, token()),
                 "Max-Forwards: 70", *["%s: %s" % f for f in self.fields.items()],
                 "CSeq: %d %s" % (number, method), *["Route: " + r for r in self.routes],
                 "Contact: <sip:2009@%s;transport=tls>" % self.at]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append("Content-Length: %d" % len(body))
        self.s.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def answer(self):
        data = b""
        while True:
            piece = self.s.recv(65536)
            if not piece:
                sys.exit("closed")
            data += piece
            while b"\r\n\r\n" in data:
                head, _, rest = data.decode().partition("\r\n\r\n")
                length = int(re.search(r"(?im)^(?:Content-Length|l): *(\d+)", head).group(1))
                if len(rest) < length:
                    break
                data = rest[length:].encode()
                if not head.startswith("SIP/2.0 1"):
                    return head, rest[:length]

    def invite(self, sdp):
        self.ask("INVITE", 1, sdp)
        head, body = self.answer()
        if not head.startswith("SIP/2.0 200"):
            sys.exit(head.split("\r\n")[0])
        self.fields["To"] = re.search(r"(?m)^To: *(.*?)\r?$", head).group(1)
        self.target = re.search(r"(?m)^Contact: *.*?<(.*?)>", head).group(1)
        self.routes = re.findall(r"(?m)^Record-Route: *(.*?)\r?$", head)[::-1]
        self.ask("ACK", 1)
        return body


def session(key, direction):
    return Session(policy=Policy(key=key, ssrc_type=direction))


def tone(i):
    samples = [int(8000 * math.sin(2 * math.pi * HZ * (160 * i + k) / 8000)) for k in range(160)]
    return audioop.lin2ulaw(struct.pack("<160h", *samples), 2)


def named(packet, mki):
    return packet[:-TAG] + mki + packet[-TAG:]


def take(u, inward, seen):
    try:
        while True:
            p = u.recv(2048)
            end = len(p) - TAG
            try:
                if p[end - len(MKI):end] != MKI:
                    raise Error("MKI")
                plain = inward.unprotect(p[:end - len(MKI)] + p[end:])
                seen["good"] += 1
                seen["loud"] += audioop.rms(audioop.ulaw2lin(plain[12:], 2), 2) > 500
            except Error:
                seen["strange"] += 1
    except BlockingIOError:
        pass


def main():
    host, port, ca, cert, key, number, rtp_port = sys.argv[1:]
    call = Call(connect(host, port, ca, cert, key), number)
    own_ip, own_key = call.at.split(":")[0], os.urandom(30)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind((own_ip, int(rtp_port)))
    line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%s|2^31|1:4" % base64.b64encode(own_key).decode()
    sdp = call.invite("\r\n".join(
        ["v=0", "o=- 1 1 IN IP4 " + own_ip, "s=-", "c=IN IP4 " + own_ip, "t=0 0",
         "m=audio %s RTP/SAVP 0" % rtp_port, line, ""]))
    found = re.search(r"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/=]+)\|2\^31\|1:4\r", sdp)
    if not found:
        sys.exit("no MKI in the answer:\n" + sdp)
    to = (re.search(r"c=IN IP4 (\S+)", sdp).group(1), int(re.search(r"m=audio (\d+)", sdp).group(1)))
    outward = session(own_key, Policy.SSRC_ANY_OUTBOUND)
    inward = session(base64.b64decode(found.group(1)), Policy.SSRC_ANY_INBOUND)
    u.setblocking(False)
    seen, began = {"good": 0, "loud": 0, "strange": 0}, time.monotonic()
    sent = bad = 0
    while bad < BAD:
        i, mki = sent + bad, MKI
        if sent < PACKETS or (seen["loud"] < ENOUGH and sent < MOST):
            sent += 1
        else:
            bad, mki = bad + 1, b"\0\0\0\2"
        p = struct.pack(">BBHII", 0x80, 0, i, 160 * i, 0x2009) + tone(i)
        u.sendto(named(outward.protect(p), mki), to)
        take(u, inward, seen)
        time.sleep(max(0, began + 0.02 * (i + 1) - time.monotonic()))
    call.ask("BYE", 2)
    head, _ = call.answer()
    print("sent=%d good=%d loud=%d strange=%d %s" % (sent, seen["good"], seen["loud"], seen["strange"],
                                                    head.split("\r\n")[0]), flush=True)


main()
