#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Mints a credential from a pool's secret file, independently of the daemon (docs/credentials.md):
so that a test can have one that no daemon would issue: expired, of a foreign key, for another place.
Prints user name and password on one line."""
import argparse
import base64
import hashlib
import hmac
import os
import struct
import time


def mac(key, *parts, algorithm="sha256"):
    return hmac.new(key, b"".join(parts), algorithm).digest()


def expand(prk, info, length):
    """HKDF-Expand (RFC 5869); one block is enough for everything here."""
    return mac(prk, info, b"\x01")[:length]


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mint_m1(prk, expires, args):
    subject = mac(expand(prk, b"subject", 32), args.identity.encode())[:16]
    claims = struct.pack(
        ">BBBBHHIQ16s8s", 1, args.locations, args.transports, args.flags, args.allocations, 0,
        args.kbps, args.relays, subject, bytes.fromhex(args.jti) if args.jti else os.urandom(8))
    kid = args.kid or expand(prk, b"kid", 4).hex()
    user = f"{expires}:m1.{kid}.{b64url(claims)}"
    return user, b64url(mac(expand(prk, b"m1 password", 32), b"m1\0", user.encode()))


def mint_rest(prk, expires, args):
    key = args.rest_secret or base64.b64encode(expand(prk, b"turn-rest", 32)).decode()
    user = f"{expires}:{args.identity}"
    return user, base64.b64encode(mac(key.encode(), user.encode(), algorithm="sha1")).decode()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("secret", nargs="?", help="secret file")
    p.add_argument("--in", dest="ttl", type=int, default=3600, help="seconds until it expires")
    p.add_argument("--identity", default="sip:alice@example.com")
    p.add_argument("--locations", type=int, default=1, help="1 internet, 2 intranet, 0 any")
    p.add_argument("--transports", type=int, default=0, help="1 UDP, 2 TCP, 4 TLS, 8 DTLS, 0 any")
    p.add_argument("--flags", type=int, default=0)
    p.add_argument("--allocations", type=int, default=0)
    p.add_argument("--kbps", type=int, default=0)
    p.add_argument("--relays", type=lambda t: int(t, 0), default=2**64 - 1)
    p.add_argument("--jti", help="16 hex digits; random by default")
    p.add_argument("--kid", help="another key id than the secret's own")
    p.add_argument("--rest", action="store_true", help="the TURN REST form")
    p.add_argument("--rest-secret", help="shared secret of that form")
    args = p.parse_args()
    ikm = open(args.secret, "rb").read() if args.secret else b""
    prk = mac(b"edge-mras v1", ikm)
    expires = int(time.time()) + args.ttl
    print(*(mint_rest if args.rest or args.rest_secret else mint_m1)(prk, expires, args))


if __name__ == "__main__":
    main()
