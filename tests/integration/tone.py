#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Tones in telephone audio: makes them, and finds them in recordings and in captured RTP.
#
#   tone.py make HZ SECONDS FILE.wav             16 bits, 8 kHz, mono, -10 dB of full scale
#   tone.py g711 HZ SECONDS PCMU|PCMA FILE       bare samples
#   tone.py wav HZ FILE.wav                      one line
#   tone.py pcap HZ FILE.pcap [FROM_S [TO_S]]    one line for each stream of RTP over IPv4 that has
#                                                packets between these seconds of the capture
#
# Audio is judged in blocks of 20 ms. tone_ms: how much of it is the tone, which then has nine tenths
# of the block's energy. other_ms: how much is something else that is no silence. gap_ms: the longest
# time without the tone between its first and last block. level_db: mean level of the tone's blocks.
import array
import math
import struct
import sys
import wave

RATE = 8000
BLOCK = 160
BLOCK_MS = 20
FULL = 32768
SILENCE_DB = -50


def ulaw(byte):
    byte = ~byte & 0xFF
    value = (((byte & 15) << 3) + 132 << (byte >> 4 & 7)) - 132
    return -value if byte & 0x80 else value


def alaw(byte):
    byte ^= 0x55
    exponent, value = byte >> 4 & 7, (byte & 15) << 4
    value = value + 8 if exponent == 0 else value + 264 << exponent - 1
    return value if byte & 0x80 else -value


DECODED = {"PCMU": [ulaw(b) for b in range(256)], "PCMA": [alaw(b) for b in range(256)]}


def encode(codec, sample):
    table = DECODED[codec]
    return min(range(256), key=lambda b: abs(table[b] - sample))


def sine(hz, seconds):
    amplitude = FULL * 10 ** (-10 / 20)
    step = 2 * math.pi * hz / RATE
    return [round(amplitude * math.sin(step * n)) for n in range(int(RATE * float(seconds)))]


def make(hz, seconds, path):
    with wave.open(path, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(array.array("h", sine(float(hz), seconds)).tobytes())


def g711(hz, seconds, codec, path):
    known = {}
    samples = sine(float(hz), seconds)
    for s in set(samples):
        known[s] = encode(codec, s)
    with open(path, "wb") as out:
        out.write(bytes(known[s] for s in samples))


class Judge:
    def __init__(self, hz):
        self.twice = 2 * math.cos(2 * math.pi * float(hz) / RATE)
        self.tone = self.other = self.at = self.gap = 0
        self.last = None
        self.power = 0.0

    def block(self, samples):
        """One block of samples; their energy at the frequency by Goertzel's algorithm."""
        s1 = s2 = 0.0
        for x in samples:
            s1, s2 = x + self.twice * s1 - s2, s1
        count = len(samples)
        energy = sum(x * x for x in samples) / count
        here = 2 * (s1 * s1 + s2 * s2 - self.twice * s1 * s2) / count / count
        self.at += 1
        if energy < (FULL * 10 ** (SILENCE_DB / 20)) ** 2 / 2:
            return
        if here < 0.9 * energy:
            self.other += 1
            return
        if self.last is not None:
            self.gap = max(self.gap, self.at - self.last - 1)
        self.last = self.at
        self.tone += 1
        self.power += energy

    def blocks(self, samples):
        for i in range(0, len(samples) - BLOCK + 1, BLOCK):
            self.block(samples[i:i + BLOCK])

    def level(self):
        # Of a sine of full scale it is 0.
        return 10 * math.log10(2 * self.power / self.tone / FULL / FULL) if self.tone else -99.9

    def line(self):
        return "tone_ms=%d other_ms=%d gap_ms=%d level_db=%.1f all_ms=%d" % (
            self.tone * BLOCK_MS, self.other * BLOCK_MS, self.gap * BLOCK_MS, self.level(),
            self.at * BLOCK_MS)


def in_wav(hz, path):
    with open(path, "rb") as f:
        data = f.read()
    # Read by hand: the header of a recording that still runs says nothing of its length.
    at, channels, rate = 12, 1, RATE
    while at + 8 <= len(data):
        name, size = data[at:at + 4], struct.unpack("<I", data[at + 4:at + 8])[0]
        if name == b"fmt ":
            channels, rate = struct.unpack("<HI", data[at + 10:at + 16])
        if name == b"data":
            break
        at += 8 + size
    samples = array.array("h", data[at + 8:at + 8 + (len(data) - at - 8) // 2 * 2])
    if rate != RATE:
        sys.exit("%s: %d Hz" % (path, rate))
    judge = Judge(hz)
    judge.blocks(samples[::channels])
    print(judge.line())


def datagrams(path):
    """Time in seconds, addresses and payload of each UDP datagram."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 24:
        return
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    first, at = None, 24
    while at + 16 <= len(data):
        seconds, micros, size = struct.unpack(order + "III", data[at:at + 12])
        frame = data[at + 16:at + 16 + size]
        at += 16 + size
        first = first if first is not None else seconds + micros / 1e6
        if frame[12:14] != b"\x08\x00" or len(frame) < 42 or frame[23] != 17:
            continue
        ip, udp = frame[14:], frame[14 + (frame[14] & 15) * 4:]
        ends = struct.unpack(">HHH", udp[:6])
        yield (seconds + micros / 1e6 - first,
               "%d.%d.%d.%d:%d" % (*ip[12:16], ends[0]),
               "%d.%d.%d.%d:%d" % (*ip[16:20], ends[1]), udp[8:ends[2]])


class Stream:
    def __init__(self, hz):
        self.judges = {codec: Judge(hz) for codec in DECODED}
        self.types, self.events, self.sizes = {}, "", set()
        self.event_at = None

    def packet(self, rtp):
        kind = rtp[1] & 127
        payload = rtp[12 + 4 * (rtp[0] & 15):]
        self.types[kind] = self.types.get(kind, 0) + 1
        if len(payload) == 4 and kind >= 96:  # an event (RFC 4733)
            if rtp[4:8] != self.event_at:
                self.event_at = rtp[4:8]
                self.events += "0123456789*#ABCD!"[payload[0]] if payload[0] < 17 else "?"
            return
        self.sizes.add(len(payload))
        for codec, judge in self.judges.items():
            judge.blocks([DECODED[codec][b] for b in payload])

    def line(self):
        best = max(self.judges, key=lambda c: self.judges[c].tone)
        return "types=%s bytes=%s events=%s best=%s %s" % (
            ",".join("%d:%d" % t for t in sorted(self.types.items())),
            ",".join(map(str, sorted(self.sizes))), self.events or "-", best,
            self.judges[best].line())


def in_pcap(hz, path, since="0", until="1e9"):
    streams = {}
    for at, src, dst, rtp in datagrams(path):
        if not float(since) <= at <= float(until) or len(rtp) < 13 or rtp[0] >> 6 != 2:
            continue
        if 192 <= rtp[1] <= 223:  # RTCP
            continue
        key = src, dst, rtp[8:12].hex()
        streams.setdefault(key, Stream(hz)).packet(rtp)
    for (src, dst, ssrc), stream in streams.items():
        print("from=%s to=%s ssrc=%s %s" % (src, dst, ssrc, stream.line()))


COMMANDS = {"make": make, "g711": g711, "wav": in_wav, "pcap": in_pcap}

if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in COMMANDS:
        sys.exit("see the head of this file")
    COMMANDS[sys.argv[1]](*sys.argv[2:])
