#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Single requests, right and wrong ones, and what a server makes of them.

  differential.py run SERVER SERVER6 SECRET-FILE OUT.json [CASE...]
  differential.py compare THEIRS.json OURS.json PAGE.md UNEXPECTED

run asks one server; with cases named, only those, and more patiently. compare puts two runs side by
side with the tables of the page: a difference that the page does not have is unexpected, and so is one
of the page that is gone. It prints them as rows, and writes the names of their cases to a file.
"""
import concurrent.futures
import json
import os
import re
import struct
import subprocess
import sys
import time

from turnwire import *

CASES = {}
PEER = Peer("10.200.1.2")


def case(name, **how):
    """how: transport="tcp", six=True for a client on IPv6, heavy=True for a program of its own."""

    def add(function):
        assert name not in CASES, name
        CASES[name] = (function, how)
        return function

    return add


def binding(*parts, **how):
    return message(BINDING, REQUEST, parts, **how)


# ---- Binding ----

BINDINGS = {
    "Binding": binding(),
    "Binding with FINGERPRINT": binding(fingerprint=True),
    "Binding with a wrong FINGERPRINT": binding(attribute("FINGERPRINT", bytes(4))),
    "Binding, FINGERPRINT not last": binding(
        attribute("FINGERPRINT", bytes(4)), attribute("SOFTWARE", b"test")
    ),
    "Binding with SOFTWARE": binding(attribute("SOFTWARE", b"test client")),
    "Binding with USERNAME alone": binding(attribute("USERNAME", b"a:b")),
    "Binding as ICE sends it": binding(
        attribute("USERNAME", b"a:b"),
        attribute("PRIORITY", u32(1)),
        attribute("USE_CANDIDATE"),
        key=b"password",
        fingerprint=True,
    ),
    "Binding with a foreign MESSAGE-INTEGRITY": binding(key=b"whatever"),
    "Binding with ORIGIN": binding(attribute("ORIGIN", b"https://example.com")),
    "Binding with an unknown attribute to be understood": binding(attribute(0x7777, u32(1))),
    "Binding with two of them": binding(attribute(0x7777, u32(1)), attribute(0x7778)),
    "Binding with an unknown attribute to be ignored": binding(attribute(0xC777, u32(1))),
    "Binding with CHANGE-REQUEST that changes nothing": binding(attribute("CHANGE_REQUEST", u32(0))),
    "Binding with CHANGE-REQUEST for another address": binding(
        attribute("CHANGE_REQUEST", u32(4))
    ),
    "Binding with CHANGE-REQUEST for another port": binding(attribute("CHANGE_REQUEST", u32(2))),
    "Binding with RESPONSE-PORT": binding(attribute("RESPONSE_PORT", bytes([0x9C, 0x40, 0, 0]))),
    "Binding with PADDING": binding(attribute("PADDING", bytes(256))),
    "Binding with MAPPED-ADDRESS": binding(attribute("MAPPED_ADDRESS", bytes(8))),
    "Binding with LIFETIME": binding(attribute("LIFETIME", u32(600))),
    "Binding without the magic cookie (RFC 3489)": binding(cookie=0x01020304),
    "Binding indication": message(BINDING, INDICATION, []),
    "Binding success response": message(BINDING, SUCCESS, []),
    "Binding error response": message(BINDING, ERROR, [attribute("ERROR_CODE", b"\0\0\4\0")]),
    "Shared Secret request (RFC 3489)": message(2, REQUEST, []),
    "a request of an unknown method": message(0x7F, REQUEST, []),
    "an indication of an unknown method": message(0x7F, INDICATION, []),
    "Data indication from a client": message(DATA, INDICATION, [attribute("DATA", b"x")]),
    "half a header": binding()[:10],
    "a header that promises more": binding()[:2] + b"\0\x08" + binding()[4:],
    "a length that is not a multiple of 4": binding()[:2] + b"\0\x03" + binding()[4:] + bytes(3),
    "bytes behind the message": binding() + bytes(4),
    "an attribute longer than the message": message(
        BINDING, REQUEST, [b"\x80\x22\x00\x40" + bytes(4)]
    ),
    "half an attribute header": binding()[:2] + b"\0\x04" + binding()[4:] + b"\x80\x22\0\x01",
    "4 bytes 0xFF": b"\xff" * 4,
    "an RTP packet": b"\x80\x08" + bytes(30),
    "a DTLS ClientHello of 20 bytes": b"\x16\xfe\xff" + bytes(17),
    "ChannelData without an allocation": channel_data(0x4000, b"hello"),
    "nothing but a newline": b"\n",
}
for _name, _packet in BINDINGS.items():
    case(_name)(lambda s, packet=_packet: s.raw(packet))
for _name in ("Binding", "Binding with an unknown attribute to be understood"):
    case(_name + ", IPv6", six=True)(lambda s, packet=BINDINGS[_name]: s.raw(packet))
    case(_name + ", TCP", transport="tcp")(lambda s, packet=BINDINGS[_name]: s.raw(packet))


# ---- credentials ----


def unsigned(method, *parts):
    return message(method, REQUEST, parts)


PLAIN = {
    "Allocate": (ALLOCATE, transport(17)),
    "Refresh": (REFRESH,),
    "CreatePermission": (PERMISSION, PEER),
    "ChannelBind": (BIND, channel(0x4000), PEER),
}
for _name, _parts in PLAIN.items():
    case(f"{_name} without credentials")(lambda s, parts=_parts: s.raw(unsigned(*parts)))
    if _name != "Allocate":
        case(f"{_name} without an allocation")(lambda s, parts=_parts: s.ask(*parts))


@case("Allocate without credentials, with FINGERPRINT")
def _(s):
    s.raw(message(ALLOCATE, REQUEST, [transport(17)], fingerprint=True))


@case("Allocate without credentials, TCP", transport="tcp")
def _(s):
    s.raw(unsigned(ALLOCATE, transport(17)))


for _left in ("USERNAME", "REALM", "NONCE"):
    case(f"Allocate, signed, without {_left}")(
        lambda s, left=_left: (
            s.login(),
            s.ask(ALLOCATE, transport(17), who=s.who(leave_out=[left])),
        )
    )


@case("Allocate with credentials, unsigned")
def _(s):
    s.login()
    s.raw(unsigned(ALLOCATE, transport(17), *s.who()))


@case("Allocate with a wrong password")
def _(s):
    s.login()
    s.make_key("wrong")
    s.ask(ALLOCATE, transport(17))


@case("Allocate of an unknown user")
def _(s):
    s.login()
    s.user = "nobody"
    s.make_key()
    s.ask(ALLOCATE, transport(17))


@case("Allocate with a user name that has expired")
def _(s):
    s.user, s.password = rest_credential(s.secret, expiry=1000000000)
    s.ask(ALLOCATE, transport(17))


@case("Allocate with an empty user name")
def _(s):
    s.login()
    s.ask(ALLOCATE, transport(17), attribute("USERNAME"), who=s.who(leave_out=["USERNAME"]))


@case("Allocate with a user name of 600 bytes")
def _(s):
    s.user, s.password = rest_credential(s.secret, "x" * 589)
    s.ask(ALLOCATE, transport(17))


@case("Allocate with a user name of 250 bytes")
def _(s):
    s.user, s.password = rest_credential(s.secret, "x" * 239)
    s.ask(ALLOCATE, transport(17))


@case("Allocate with another realm")
def _(s):
    s.login()
    s.ask(ALLOCATE, transport(17), who=s.who(realm=b"other.example.com"))


@case("Allocate with a key made for another realm")
def _(s):
    s.login()
    s.realm = b"other.example.com"
    s.make_key()
    s.ask(ALLOCATE, transport(17))


@case("Allocate with a nonce that was never given out")
def _(s):
    s.login()
    s.ask(ALLOCATE, transport(17), who=s.who(nonce=b"0123456789abcdef"))


@case("Allocate with a wrong nonce, wrongly signed")
def _(s):
    s.login()
    s.ask(ALLOCATE, transport(17), who=s.who(nonce=b"0123456789abcdef"), key=b"wrong")


@case("Allocate with a nonce given to another port")
def _(s):
    s.login()
    s2 = Session(s.server, s.secret, wait_s=s.wait_s)
    s2.realm, s2.nonce = s.realm, s.nonce
    s2.make_key()
    s2.ask(ALLOCATE, transport(17))
    s.steps = s2.steps
    s2.close()


@case("Allocate, integrity not last")
def _(s):
    s.login()
    packet = message(ALLOCATE, REQUEST, [transport(17), *s.who()], key=s.key)
    more = attribute("LIFETIME", u32(777))
    s.raw(packet[:2] + struct.pack("!H", len(packet) - 20 + len(more)) + packet[4:] + more)


@case("Allocate with MESSAGE-INTEGRITY-SHA256")
def _(s):
    s.ask(ALLOCATE, transport(17), sha256=True)


@case("Allocate with USERHASH")
def _(s):
    s.login()
    s.ask(
        ALLOCATE,
        transport(17),
        attribute("USERHASH", bytes(32)),
        who=s.who(leave_out=["USERNAME"]),
    )


@case("Allocate with ACCESS-TOKEN")
def _(s):
    s.ask(ALLOCATE, transport(17), attribute("ACCESS_TOKEN", bytes(40)))


# ---- Allocate ----

ALLOCATES = {
    "Allocate": [transport(17)],
    "Allocate, no REQUESTED-TRANSPORT": [],
    "Allocate, REQUESTED-TRANSPORT TCP": [transport(6)],
    "Allocate, REQUESTED-TRANSPORT 1": [transport(1)],
    "Allocate, REQUESTED-TRANSPORT of 1 byte": [attribute("REQUESTED_TRANSPORT", b"\x11")],
    "Allocate, REQUESTED-TRANSPORT twice": [transport(17), transport(6)],
    "Allocate, REQUESTED-ADDRESS-FAMILY IPv4": [
        transport(17),
        attribute("REQUESTED_ADDRESS_FAMILY", b"\1\0\0\0"),
    ],
    "Allocate, REQUESTED-ADDRESS-FAMILY IPv6": [
        transport(17),
        attribute("REQUESTED_ADDRESS_FAMILY", b"\2\0\0\0"),
    ],
    "Allocate, REQUESTED-ADDRESS-FAMILY 9": [
        transport(17),
        attribute("REQUESTED_ADDRESS_FAMILY", b"\x09\0\0\0"),
    ],
    "Allocate, REQUESTED-ADDRESS-FAMILY of 1 byte": [
        transport(17),
        attribute("REQUESTED_ADDRESS_FAMILY", b"\1"),
    ],
    "Allocate, ADDITIONAL-ADDRESS-FAMILY IPv6": [
        transport(17),
        attribute("ADDITIONAL_ADDRESS_FAMILY", b"\2\0\0\0"),
    ],
    "Allocate, ADDITIONAL-ADDRESS-FAMILY IPv6 by its draft number": [
        transport(17),
        attribute(0x8032, b"\2\0\0\0"),
    ],
    "Allocate, ADDITIONAL-ADDRESS-FAMILY IPv4": [
        transport(17),
        attribute("ADDITIONAL_ADDRESS_FAMILY", b"\1\0\0\0"),
    ],
    "Allocate, both families asked for in both ways": [
        transport(17),
        attribute("REQUESTED_ADDRESS_FAMILY", b"\1\0\0\0"),
        attribute("ADDITIONAL_ADDRESS_FAMILY", b"\2\0\0\0"),
    ],
    "Allocate, EVEN-PORT": [transport(17), attribute("EVEN_PORT", b"\0")],
    "Allocate, EVEN-PORT with reservation": [transport(17), attribute("EVEN_PORT", b"\x80")],
    "Allocate, EVEN-PORT with undefined bits": [transport(17), attribute("EVEN_PORT", b"\x7f")],
    "Allocate, EVEN-PORT of 4 bytes": [transport(17), attribute("EVEN_PORT", b"\x80\0\0\0")],
    "Allocate, EVEN-PORT with reservation and both families": [
        transport(17),
        attribute("EVEN_PORT", b"\x80"),
        attribute("ADDITIONAL_ADDRESS_FAMILY", b"\2\0\0\0"),
    ],
    "Allocate, unknown RESERVATION-TOKEN": [
        transport(17),
        attribute("RESERVATION_TOKEN", b"12345678"),
    ],
    "Allocate, RESERVATION-TOKEN of 4 bytes": [
        transport(17),
        attribute("RESERVATION_TOKEN", b"1234"),
    ],
    "Allocate, EVEN-PORT and RESERVATION-TOKEN": [
        transport(17),
        attribute("EVEN_PORT", b"\0"),
        attribute("RESERVATION_TOKEN", b"12345678"),
    ],
    "Allocate, REQUESTED-ADDRESS-FAMILY and RESERVATION-TOKEN": [
        transport(17),
        attribute("REQUESTED_ADDRESS_FAMILY", b"\1\0\0\0"),
        attribute("RESERVATION_TOKEN", b"12345678"),
    ],
    "Allocate, DONT-FRAGMENT": [transport(17), attribute("DONT_FRAGMENT")],
    "Allocate, BANDWIDTH": [transport(17), attribute("BANDWIDTH", u32(1000))],
    "Allocate, MOBILITY-TICKET": [transport(17), attribute("MOBILITY_TICKET")],
    "Allocate, an unknown attribute to be understood": [transport(17), attribute(0x7777, u32(1))],
    "Allocate, an unknown attribute to be ignored": [transport(17), attribute(0xC777, u32(1))],
    "Allocate, XOR-PEER-ADDRESS": [transport(17), PEER],
    "Allocate, CHANNEL-NUMBER": [transport(17), channel(0x4000)],
    "Allocate, LIFETIME of 2 bytes": [transport(17), attribute("LIFETIME", b"\1\2")],
}
for _lifetime in (0, 1, 60, 599, 601, 3600, 3601, 0x7FFFFFFF, 0xFFFFFFFF):
    ALLOCATES[f"Allocate, LIFETIME {_lifetime}"] = [
        transport(17),
        attribute("LIFETIME", u32(_lifetime)),
    ]
for _name, _parts in ALLOCATES.items():
    case(_name)(lambda s, parts=_parts: s.ask(ALLOCATE, *parts))
for _name in ("Allocate", "Allocate, REQUESTED-ADDRESS-FAMILY IPv6"):
    case(_name + ", from IPv6", six=True)(lambda s, p=ALLOCATES[_name]: s.ask(ALLOCATE, *p))
for _name in ("Allocate", "Allocate, LIFETIME 0"):
    case(_name + ", TCP", transport="tcp")(lambda s, p=ALLOCATES[_name]: s.ask(ALLOCATE, *p))


@case("Allocate, signed, with FINGERPRINT")
def _(s):
    s.ask(ALLOCATE, transport(17), fingerprint=True)


@case("Allocate, EVEN-PORT: is the port even")
def _(s):
    s.allocated(attribute("EVEN_PORT", b"\0"))
    s.say("even" if s.relayed[1] % 2 == 0 else "odd")


@case("Allocate with the RESERVATION-TOKEN of another")
def _(s):
    token = s.allocated(attribute("EVEN_PORT", b"\x80")).get("RESERVATION_TOKEN")
    s2 = Session(s.server, s.secret, wait_s=s.wait_s)
    s2.allocated(attribute("RESERVATION_TOKEN", token))
    s.say("the next port" if s2.relayed[1] == s.relayed[1] + 1 else "some port")
    s2.close()


@case("Allocate twice")
def _(s):
    s.allocated()
    s.ask(ALLOCATE, transport(17))


@case("Allocate, retransmitted")
def _(s):
    s.login()
    tid = os.urandom(12)
    s.ask(ALLOCATE, transport(17), tid=tid)
    s.ask(ALLOCATE, transport(17), tid=tid)
    first, second = (a.get("XOR_RELAYED_ADDRESS") for a in s.steps)
    s.say("the same address" if first == second else "another")


@case("Allocate, Refresh to 0, Allocate")
def _(s):
    s.allocated()
    s.ask(REFRESH, attribute("LIFETIME", u32(0)))
    s.ask(ALLOCATE, transport(17))


# ---- Refresh ----

for _lifetime in (0, 1, 60, 600, 3600, 3601, 0xFFFFFFFF):
    case(f"Refresh, LIFETIME {_lifetime}")(
        lambda s, n=_lifetime: (s.allocated(), s.ask(REFRESH, attribute("LIFETIME", u32(n))))
    )
REFRESHES = {
    "Refresh": [],
    "Refresh, LIFETIME of 2 bytes": [attribute("LIFETIME", b"\1\2")],
    "Refresh, REQUESTED-ADDRESS-FAMILY IPv4": [attribute("REQUESTED_ADDRESS_FAMILY", b"\1\0\0\0")],
    "Refresh, REQUESTED-ADDRESS-FAMILY IPv6": [attribute("REQUESTED_ADDRESS_FAMILY", b"\2\0\0\0")],
    "Refresh, REQUESTED-ADDRESS-FAMILY 9": [attribute("REQUESTED_ADDRESS_FAMILY", b"\x09\0\0\0")],
    "Refresh, an unknown attribute to be understood": [attribute(0x7777, u32(1))],
    "Refresh, MOBILITY-TICKET that nobody gave": [attribute("MOBILITY_TICKET", b"12345678")],
}
for _name, _parts in REFRESHES.items():
    case(_name)(lambda s, parts=_parts: (s.allocated(), s.ask(REFRESH, *parts)))


@case("Refresh to 0 twice")
def _(s):
    s.allocated()
    s.ask(REFRESH, attribute("LIFETIME", u32(0)))
    s.ask(REFRESH, attribute("LIFETIME", u32(0)))


@case("Refresh to 0, retransmitted")
def _(s):
    s.allocated()
    tid = os.urandom(12)
    s.ask(REFRESH, attribute("LIFETIME", u32(0)), tid=tid)
    s.ask(REFRESH, attribute("LIFETIME", u32(0)), tid=tid)


@case("Refresh with another user name")
def _(s):
    s.allocated()
    s.user, s.password = rest_credential(s.secret, "bob")
    s.make_key()
    s.ask(REFRESH)


@case("Refresh with a wrong password")
def _(s):
    s.allocated()
    s.make_key("wrong")
    s.ask(REFRESH)


@case("Refresh with a wrong nonce")
def _(s):
    s.allocated()
    s.ask(REFRESH, who=s.who(nonce=b"0123456789abcdef"))


@case("Refresh, unsigned")
def _(s):
    s.allocated()
    s.raw(unsigned(REFRESH))


# ---- permissions and channels ----

PERMISSIONS = {
    "CreatePermission": [PEER],
    "CreatePermission, no peer": [],
    "CreatePermission, two peers": [PEER, Peer("10.200.1.3")],
    "CreatePermission, port 0": [Peer("10.200.1.2", 0)],
    "CreatePermission, 30 peers": [Peer(f"10.200.1.{n}") for n in range(2, 32)],
    "CreatePermission, IPv6 peer of an IPv4 allocation": [Peer("fd00:200:1::2")],
    "CreatePermission, family 9": [Peer("10.200.1.2", family=9)],
    "CreatePermission, XOR-PEER-ADDRESS of 4 bytes": [attribute("XOR_PEER_ADDRESS", b"\0\1\0\0")],
    "CreatePermission, family IPv6 with 4 bytes": [Peer("10.200.1.2", family=2)],
    "CreatePermission, a good peer and a forbidden one": [PEER, Peer("127.0.0.1")],
    "CreatePermission, an unknown attribute to be understood": [PEER, attribute(0x7777, u32(1))],
    "CreatePermission, LIFETIME": [PEER, attribute("LIFETIME", u32(60))],
}
for _host, _what in {
    "127.0.0.1": "loopback",
    "0.0.0.0": "unspecified",
    "169.254.1.1": "link-local",
    "224.0.0.1": "multicast",
    "255.255.255.255": "broadcast",
    "240.0.0.1": "reserved",
    "192.168.1.1": "private",
    "10.200.1.1": "the server's own address",
    "10.200.2.1": "the server's inside address",
    "100.64.0.1": "shared address space",
    "203.0.113.9": "a public address",
}.items():
    PERMISSIONS[f"CreatePermission, {_what}"] = [Peer(_host)]
for _name, _parts in PERMISSIONS.items():
    case(_name)(lambda s, parts=_parts: (s.allocated(), s.ask(PERMISSION, *parts)))
for _host, _what in {
    "::1": "loopback, IPv6",
    "fe80::1": "link-local, IPv6",
    "ff02::1": "multicast, IPv6",
    "fd11::1": "unique local, IPv6",
    "::ffff:127.0.0.1": "IPv4-mapped loopback",
    "64:ff9b::7f00:1": "NAT64 of loopback",
    "2002:7f00:1::1": "6to4 of loopback",
    "fd00:200:1::2": "an allowed address, IPv6",
}.items():
    case(f"CreatePermission, {_what}")(
        lambda s, host=_host: (
            s.allocated(attribute("REQUESTED_ADDRESS_FAMILY", b"\2\0\0\0")),
            s.ask(PERMISSION, Peer(host)),
        )
    )


@case("CreatePermission with another user name")
def _(s):
    s.allocated()
    s.user, s.password = rest_credential(s.secret, "bob")
    s.make_key()
    s.ask(PERMISSION, PEER)


for _number in (0, 0x3FFF, 0x4000, 0x4FFF, 0x5000, 0x7FFE, 0x7FFF, 0x8000, 0xFFFF):
    case(f"ChannelBind, channel {_number:#06x}")(
        lambda s, n=_number: (s.allocated(), s.ask(BIND, channel(n), PEER))
    )
BINDS = {
    "ChannelBind, no peer": [channel(0x4000)],
    "ChannelBind, no number": [PEER],
    "ChannelBind, two peers": [channel(0x4000), PEER, Peer("10.200.1.3")],
    "ChannelBind, two numbers": [channel(0x4000), channel(0x4001), PEER],
    "ChannelBind, IPv6 peer of an IPv4 allocation": [channel(0x4000), Peer("fd00:200:1::2")],
    "ChannelBind, loopback": [channel(0x4000), Peer("127.0.0.1")],
    "ChannelBind, port 0": [channel(0x4000), Peer("10.200.1.2", 0)],
    "ChannelBind, undefined bits behind the number": [
        attribute("CHANNEL_NUMBER", b"\x40\0\xff\xff"),
        PEER,
    ],
    "ChannelBind, CHANNEL-NUMBER of 2 bytes": [attribute("CHANNEL_NUMBER", b"\x40\0"), PEER],
    "ChannelBind, LIFETIME": [channel(0x4000), PEER, attribute("LIFETIME", u32(60))],
    "ChannelBind, an unknown attribute to be understood": [
        channel(0x4000),
        PEER,
        attribute(0x7777, u32(1)),
    ],
}
for _name, _parts in BINDS.items():
    case(_name)(lambda s, parts=_parts: (s.allocated(), s.ask(BIND, *parts)))


@case("ChannelBind again")
def _(s):
    s.allocated()
    s.ask(BIND, channel(0x4000), PEER)
    s.ask(BIND, channel(0x4000), PEER)


@case("ChannelBind of one channel to two peers")
def _(s):
    s.allocated()
    s.ask(BIND, channel(0x4000), PEER)
    s.ask(BIND, channel(0x4000), Peer("10.200.1.2", 5001))


@case("ChannelBind of two channels to one peer")
def _(s):
    s.allocated()
    s.ask(BIND, channel(0x4000), PEER)
    s.ask(BIND, channel(0x4001), PEER)


# ---- data ----


def send_to(s, peer, *parts, cls=INDICATION):
    s.send(message(SEND, cls, [at(peer), *parts]))


def permitted(s):
    s.allocated()
    peer = s.peer()
    s.quietly(s.ask, PERMISSION, at(peer))
    return peer


def bound(s):
    s.allocated()
    peer = s.peer()
    s.quietly(s.ask, BIND, channel(0x4000), at(peer))
    return peer


SENDS = {
    "Send": [attribute("DATA", b"hello")],
    "Send, 1400 bytes": [attribute("DATA", bytes(1400))],
    "Send, DATA of 0 bytes": [attribute("DATA")],
    "Send, no DATA": [],
    "Send, DONT-FRAGMENT": [attribute("DONT_FRAGMENT"), attribute("DATA", b"hello")],
    "Send, an unknown attribute to be understood": [attribute(0x7777), attribute("DATA", b"hello")],
    "Send, an unknown attribute to be ignored": [attribute(0xC777), attribute("DATA", b"hello")],
}
for _name, _parts in SENDS.items():

    @case(_name)
    def _(s, parts=_parts):
        peer = permitted(s)
        send_to(s, peer, *parts)
        s.peer_got(peer)


@case("Send without a permission")
def _(s):
    s.allocated()
    peer = s.peer()
    send_to(s, peer, attribute("DATA", b"hello"))
    s.peer_got(peer)


@case("Send to a bound channel's peer")
def _(s):
    peer = bound(s)
    send_to(s, peer, attribute("DATA", b"hello"))
    s.peer_got(peer)


@case("Send as a request")
def _(s):
    peer = permitted(s)
    s.raw(message(SEND, REQUEST, [at(peer), attribute("DATA", b"hello")]))


@case("data from a permitted peer")
def _(s):
    permitted(s).sendto(b"hello", s.relayed)
    s.listen()


@case("data of 0 bytes from a permitted peer")
def _(s):
    permitted(s).sendto(b"", s.relayed)
    s.listen()


@case("data from another port of a permitted peer")
def _(s):
    permitted(s)
    s.peer().sendto(b"hello", s.relayed)
    s.listen()


@case("data from a peer without permission")
def _(s):
    s.allocated()
    s.peer().sendto(b"hello", s.relayed)
    s.listen()


@case("data from a bound peer")
def _(s):
    bound(s).sendto(b"hello", s.relayed)
    s.listen()


@case("data of 0 bytes from a bound peer")
def _(s):
    bound(s).sendto(b"", s.relayed)
    s.listen()


CHANNEL_DATA = {
    "ChannelData": channel_data(0x4000, b"hello"),
    "ChannelData, 0 bytes": channel_data(0x4000, b""),
    "ChannelData, padded": channel_data(0x4000, b"hello") + bytes(3),
    "ChannelData, 100 bytes too many": channel_data(0x4000, b"hello" + bytes(100), 5),
    "ChannelData shorter than it says": channel_data(0x4000, b"hello", 50),
    "ChannelData of a channel not bound": channel_data(0x4001, b"hello"),
    "ChannelData of channel 0x3fff": channel_data(0x3FFF, b"hello"),
}
for _name, _packet in CHANNEL_DATA.items():

    @case(_name)
    def _(s, packet=_packet):
        peer = bound(s)
        s.send(packet)
        s.peer_got(peer)


@case("data after the allocation is deleted")
def _(s):
    peer = bound(s)
    s.quietly(s.ask, REFRESH, attribute("LIFETIME", u32(0)))
    s.send(channel_data(0x4000, b"hello"))
    s.peer_got(peer)
    peer.sendto(b"hello", s.relayed)
    s.listen()


# ---- TCP ----


@case("TCP: two requests in one segment", transport="tcp")
def _(s):
    s.send(binding() + binding())
    s.listen()
    s.listen()


@case("TCP: a request in three pieces", transport="tcp")
def _(s):
    packet = binding(attribute("SOFTWARE", b"test client"))
    for piece in (packet[:3], packet[3:21], packet[21:]):
        s.send(piece)
        time.sleep(0.05)
    s.listen()


@case("TCP: ChannelData, padded", transport="tcp")
def _(s):
    peer = bound(s)
    s.send(channel_data(0x4000, b"hello") + bytes(3))
    s.peer_got(peer)


@case("TCP: ChannelData, not padded, and a request behind it", transport="tcp")
def _(s):
    bound(s)
    s.send(channel_data(0x4000, b"hello") + binding())
    s.listen()


@case("TCP: data from a bound peer is padded", transport="tcp")
def _(s):
    bound(s).sendto(b"hello", s.relayed)
    s.listen()
    s.say(f"{len(s.steps[0].packet)} bytes")


@case("TCP: bytes that are neither", transport="tcp")
def _(s):
    s.raw(b"\xff" * 32)


@case("TCP: a header that is not STUN", transport="tcp")
def _(s):
    s.raw(b"\0\1\0\0" + bytes(16))


@case("TCP: a request of HTTP", transport="tcp")
def _(s):
    s.send(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
    try:
        s.say(s.socket.recv(12).decode() or "closed")
    except OSError:
        s.say("nothing")




# ---- TCP allocations (RFC 6062) ----

TCP_ALLOCATES = {
    "TCP allocation": [transport(6)],
    "TCP allocation, EVEN-PORT": [transport(6), attribute("EVEN_PORT", b"\0")],
    "TCP allocation, DONT-FRAGMENT": [transport(6), attribute("DONT_FRAGMENT")],
    "TCP allocation, RESERVATION-TOKEN": [transport(6), attribute("RESERVATION_TOKEN", bytes(8))],
}
for _name, _parts in TCP_ALLOCATES.items():
    case(_name, transport="tcp")(lambda s, parts=_parts: s.ask(ALLOCATE, *parts))
NOBODY = Peer("10.200.1.2", 1)
TCP_REQUESTS = {
    "Connect to a port where nobody is": (CONNECT, NOBODY),
    "Connect to loopback": (CONNECT, Peer("127.0.0.1")),
    "Connect, no peer": (CONNECT,),
    "Connect, IPv6 peer of an IPv4 allocation": (CONNECT, Peer("fd00:200:1::2")),
    "ChannelBind of a TCP allocation": (BIND, channel(0x4000), PEER),
    "CreatePermission of a TCP allocation": (PERMISSION, PEER),
    "Refresh of a TCP allocation": (REFRESH,),
    "ConnectionBind on the control connection": (CONNECTION_BIND, attribute("CONNECTION_ID", u32(9))),
}
for _name, _parts in TCP_REQUESTS.items():
    case(_name, transport="tcp")(
        lambda s, parts=_parts: (s.allocated(protocol=6), s.ask(*parts))
    )


@case("Connect without an allocation", transport="tcp")
def _(s):
    s.ask(CONNECT, PEER)


@case("Connect of a UDP allocation", transport="tcp")
def _(s):
    s.allocated()
    s.ask(CONNECT, PEER)


@case("ConnectionBind of an unknown connection", transport="tcp")
def _(s):
    s.ask(CONNECTION_BIND, attribute("CONNECTION_ID", u32(9)))


@case("ConnectionBind, no CONNECTION-ID", transport="tcp")
def _(s):
    s.ask(CONNECTION_BIND)


@case("Connect over UDP")
def _(s):
    s.allocated()
    s.ask(CONNECT, PEER)


# ---- coturn's own clients ----

INSIDE = "10.200.2.2"  # where turnutils_peer echoes
WAYS = {"UDP": [], "TCP": ["-t"], "TLS": ["-t", "-S"], "DTLS": ["-S"]}
MODES = {
    "channels": ["-c", "-e", INSIDE],
    "Send indications": ["-c", "-s", "-e", INSIDE],
    "with RTCP": ["-e", INSIDE],
    "two clients, channels": ["-y", "-c"],
    "two clients, Send indications": ["-y", "-c", "-s"],
    "11 bytes": ["-c", "-l", "11", "-e", INSIDE],
    "1300 bytes": ["-c", "-l", "1300", "-e", INSIDE],
    "padded channels": ["-c", "-D", "-e", INSIDE],
    "DONT-FRAGMENT": ["-c", "-g", "-e", INSIDE],
    "extra requests": ["-c", "-G", "-e", INSIDE],
    "IPv6 relay": ["-c", "-x", "-y"],
    "IPv4 relay asked for": ["-c", "-X", "-e", INSIDE],
    "both families": ["-Z", "-y"],
    "mobility": ["-c", "-M", "-e", INSIDE],
    "no permissions": ["-c", "-I", "-e", INSIDE],
}
EVERYWHERE = ("channels", "Send indications", "11 bytes")


def uclient(s, flags):
    """turnutils_uclient sends 20 datagrams for each flow and says what came back."""
    command = ["turnutils_uclient", *flags, "-n", "20", "-u", "alice", "-W", s.secret, s.server]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30 * s.wait_s)
    except subprocess.TimeoutExpired:
        s.say("does not end")
        return
    text = done.stdout.decode(errors="replace")
    sent, came = (re.findall(rf"tot_{w}_msgs=(\d+)", text)[-1:] for w in ("send", "recv"))
    sent, came = int(sent[0]) if sent else 0, int(came[0]) if came else 0
    if done.returncode != 0:
        s.say("fails")
    elif sent == 0:
        s.say("sends nothing")
    else:
        s.say("all came" if sent == came else "nothing came" if came == 0 else "some came")


for _way, _flags in WAYS.items():
    for _mode, _more in MODES.items():
        if _way == "UDP" or _mode in EVERYWHERE:
            case(f"uclient, {_way}: {_mode}", heavy=True)(
                lambda s, flags=[*_flags, *_more]: uclient(s, flags)
            )
case("uclient, TCP: two clients, channels", heavy=True)(lambda s: uclient(s, ["-t", "-y", "-c"]))
case("uclient, TCP: relayed TCP", heavy=True)(lambda s: uclient(s, ["-t", "-T"]))


@case("turnutils_stunclient", heavy=True)
def _(s):
    done = subprocess.run(["turnutils_stunclient", s.server], capture_output=True, timeout=20)
    found = re.search(r"UDP reflexive addr: ([0-9.]+)", done.stdout.decode(errors="replace"))
    s.say(f"reflexive address {found[1]}" if found else "nothing")


# ---- running them ----


def run_case(name, server, server6, secret, wait_s):
    function, how = CASES[name]
    s = None
    try:
        s = Session(
            server6 if how.get("six") else server, secret, how.get("transport", "udp"), wait_s=wait_s
        )
        function(s)
        steps = [[a.head, *sorted(a.words)] for a in s.steps]
        if s.key:  # leave nothing behind
            s.send(message(REFRESH, REQUEST, [attribute("LIFETIME", u32(0)), *s.who()], key=s.key))
        return steps
    except (OSError, RuntimeError, struct.error) as e:
        return [[f"broke off: {e}"]]
    finally:
        if s:
            s.close()


def run(server, server6, secret_file, out, *only):
    with open(secret_file) as f:
        secret = f.read().strip()
    found = {}
    if only:
        with open(out) as f:
            found = json.load(f)
    wait_s, at_once = (1.5, 1) if only else (0.4, 8)
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        names = sorted(only or CASES, key=lambda n: not CASES[n][1].get("heavy"))
        work = (pool.submit(run_case, n, server, server6, secret, wait_s) for n in names)
        for name, result in zip(names, list(work)):
            found[name] = result.result()
    with open(out, "w") as f:
        json.dump(found, f, indent=1)


# ---- comparing ----


def words_of(steps, number):
    """The head and the other words of a step; nothing where there were fewer steps."""
    return (steps[number][0], set(steps[number][1:])) if number < len(steps) else ("no step", set())


def difference(theirs, ours, everywhere):
    """Two texts with what differs, or None. everywhere: (their words, our words) told once for all,
    in which what was met here is marked as met."""
    texts = [], []
    many = max(len(theirs), len(ours)) > 1
    for number in range(max(len(theirs), len(ours))):
        (head1, words1), (head2, words2) = words_of(theirs, number), words_of(ours, number)
        if head1 != head2:
            pair = [head1], [head2]
        else:
            pair = [], []
            for mine, other, out, known in (
                (words1, words2, pair[0], everywhere[0]),
                (words2, words1, pair[1], everywhere[1]),
            ):
                for word in sorted(mine - other):
                    if word in known:
                        known[word] = True
                    else:
                        out.append(word)
        if pair[0] or pair[1]:
            for text, part in zip(texts, pair):
                text.append((f"{number + 1}: " if many else "") + (", ".join(part) or "-"))
    return tuple("; ".join(t) for t in texts) if texts[0] else None


def rows_of(page):
    """Rows of its tables: {case: (theirs, ours)}, and those of any case."""
    rows, everywhere = {}, ({}, {})
    with open(page) as f:
        for line in f:
            m = re.fullmatch(r"\| `(.+?)` \| (.+?) \| (.+?) \| (.+) \|\n", line)
            if not m:
                continue
            name, theirs, ours, _ = (c.strip() for c in m.groups())
            if name == "any answer":
                for text, known in zip((theirs, ours), everywhere):
                    known.update({w: False for w in text.split(", ") if w != "-"})
            elif name in rows:
                raise SystemExit(f"{page} has two rows for {name}")
            else:
                rows[name] = theirs, ours
    return rows, everywhere


def compare(theirs_file, ours_file, page, unexpected_file):
    with open(theirs_file) as t, open(ours_file) as o:
        theirs, ours = json.load(t), json.load(o)
    rows, everywhere = rows_of(page)
    found = {}
    for name in theirs:
        d = difference(theirs[name], ours.get(name, []), everywhere)
        if d:
            found[name] = d
    unexpected = []
    for name in theirs:
        if found.get(name) != rows.get(name):
            unexpected.append(name)
            print(f"found: | `{name}` | {' | '.join(found[name])} |" if name in found else
                  f"gone:  | `{name}` |")
            if name in found and name in rows:
                print(f"page:  | `{name}` | {' | '.join(rows[name])} |")
    for name in rows:
        if name not in theirs:
            print(f"the page has a row for a case that there is not: {name}")
    for known in everywhere:
        for word, met in known.items():
            if not met:
                print(f"gone:  | `any answer` | {word} |")
                unexpected.append("Binding")
    with open(unexpected_file, "w") as f:
        f.writelines(name + "\n" for name in unexpected)
    print(f"{len(theirs)} cases, {len(found)} differ, {len(unexpected)} not as the page has it")
    stale = [name for name in rows if name not in theirs]
    return 1 if unexpected or stale else 0


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    sys.exit({"run": run, "compare": compare}[what](*arguments))
