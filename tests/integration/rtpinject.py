#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Sends RTP that a call has not asked for. Needs root.
#
#   rtpinject.py tampered FILE.pcap FROM TO COUNT [AS]   packets of the captured stream between
#       these addresses once more, under its source address or AS, with later sequence numbers and
#       one bit of the payload wrong
#   rtpinject.py replayed FILE.pcap FROM TO COUNT [AS]   the last packets of it as they are
#   rtpinject.py stranger FROM TO COUNT HZ          a tone in PCMU as a stream of its own, from an
#       address of this host, a packet each 20 ms; says how many datagrams came back
import random
import socket
import struct
import sys
import time

from tone import RATE, datagrams, encode, sine


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def datagram(source, target, payload):
    """IPv4 and UDP; the kernel fills in what is zero, and no checksum is one too."""
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(target[0])) + udp


def again(path, source, target, count, change, alias):
    packets = [p for _, src, dst, p in datagrams(path)
               if src == source and dst == target and len(p) > 12 and not 192 <= p[1] <= 223]
    if not packets:
        sys.exit("no packets from %s to %s" % (source, target))
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for packet in packets[-int(count):]:
        raw.sendto(datagram(address(alias or source), address(target), change(packet)), address(target))
        time.sleep(0.01)  # within the rate that a leg takes
    print("sent=%d" % len(packets[-int(count):]))


def tampered(path, source, target, count, alias=None):
    def change(packet):
        p = bytearray(packet)
        # Later than anything sent meanwhile, so that it is no replay.
        p[2:4] = struct.pack(">H", (struct.unpack(">H", p[2:4])[0] + 2000) & 0xFFFF)
        p[20] ^= 1
        return bytes(p)

    again(path, source, target, count, change, alias)


def replayed(path, source, target, count, alias=None):
    again(path, source, target, count, lambda packet: packet, alias)


def stranger(source, target, count, hz):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(address(source))
    sock.setblocking(False)
    table = {s: encode("PCMU", s) for s in set(sine(float(hz), 1))}
    audio = bytes(table[s] for s in sine(float(hz), 1))
    sequence, ssrc, came = random.randrange(32768), random.randrange(1 << 32), 0
    for n in range(int(count)):
        at = n * 160 % RATE
        sock.sendto(struct.pack(">BBHII", 0x80, 0, (sequence + n) & 0xFFFF, n * 160, ssrc) +
                    audio[at:at + 160], address(target))
        time.sleep(0.02)
        try:
            while sock.recv(2048):
                came += 1
        except BlockingIOError:
            pass
    print("sent=%d came=%d" % (int(count), came))


COMMANDS = {"tampered": tampered, "replayed": replayed, "stranger": stranger}

if __name__ == "__main__":
    if len(sys.argv) < 6 or sys.argv[1] not in COMMANDS:
        sys.exit("see the head of this file")
    COMMANDS[sys.argv[1]](*sys.argv[2:])
