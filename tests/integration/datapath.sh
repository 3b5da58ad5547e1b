#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What is relayed comes out as it went in: every size both ways, compared byte by byte, in order, with
# right checksums, from peers anywhere, in and out of the node's own host, while allocations come and
# go; and nothing passes that may not. For the back end that SALLYPORT_DATAPATH names. With
# SALLYPORT_LONG permissions are left to expire, which takes 300 s, and allocations.
# Without sanitizers: a daemon that is ten times slower loses packets under load.
# Takes 15 s.
# Over each data path: it compares each byte.
. "$(dirname "$0")/lib.sh"
. "$HERE/lib-relaycheck.sh"
begin ethtool

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
site
# A second inside address, to be denied and revoked beside those that go on.
address_add hq to-edge 10.200.2.3/24
write_conf
edge_start edge
note "$("$SALLYPORTD" -V), datapath ${SALLYPORT_DATAPATH:-as it comes}"
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'

# Their channels are not bound again: these end after 600 s, their permissions after 300 s.
EXPIRING="expires4 expires6 expires46 expires64"
if [ -n "$LONG" ]; then
	session expires4 ext hq -n 4 $OUT $PEER
	session expires6 ext hq -n 4 -f 6 $OUT6 $PEER6
	session expires46 ext hq -n 4 -f 6 $OUT $PEER6
	session expires64 ext hq -n 4 -f 4 $OUT6 $PEER
fi
EXPIRES=$((SECONDS + 302))

# ---- the checks can fail ----

spoilt() {
	tool ext hq $OUT $PEER spoil >"$WORK/spoil.out" 2>&1
	cat "$WORK/spoil.out"
	has "$WORK/spoil.out" ' lost=2 bad=6 late=1 doubled=1 wrong=1 misplaced=1 stale=1 tos=1 ' &&
		! good "$WORK/spoil.out" >/dev/null
}
check "a changed byte, a swap, a copy, a stray, one forbidden: each is told" spoilt

forge() {
	in_space edge python3 - "$(in_space ext ip -j link show to-edge | jq -r '.[0].address')" <<-'PY'
	import socket, struct, sys
	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	s.bind(("to-ext", 0))
	def total(b):
	    n = sum(struct.unpack(">%dH" % (len(b) // 2), b))
	    while n >> 16:
	        n = (n & 0xffff) + (n >> 16)
	    return n ^ 0xffff
	def frame(checksum, length):
	    a, b = socket.inet_aton("10.200.1.1"), socket.inet_aton("10.200.1.2")
	    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, a, b)
	    ip = ip[:10] + struct.pack(">H", total(ip)) + ip[12:]
	    return bytes.fromhex(sys.argv[1].replace(":", "")) + b"\x02" * 6 + b"\x08\x00" + ip + struct.pack(">HHHH", 3478, 9, length, checksum)
	s.send(frame(0x1234, 8))
	s.send(frame(0x1234, 12))
	PY
}
forged() {
	local before after
	before=$(csum_errors)
	session forged ext hq $OUT $PEER || return
	talk forged "sizes to=10" >"$WORK/forged.out"
	forge
	within 5 csum_errors_are $((before + 1))
	talk forged "wait ms=500" >/dev/null
	talk forged wire >>"$WORK/forged.out"
	talk_close forged
	after=$(csum_errors)
	cat "$WORK/forged.out"
	has "$WORK/forged.out" 'at=clients .* bad=2 bad_ip=0 bad_udp=1 .*bad_length=1' &&
		! good "$WORK/forged.out" >/dev/null && same "$after" $((before + 1))
}
csum_errors_are() {
	same "$(csum_errors)" "$1"
}
check "a wrong checksum and a wrong length on the wire are told, and by the kernel too" forged
CSUM_BEFORE=$(csum_errors)

# ---- every size, each combination of families ----

ALL="sizes from=0 to=1472 window=16"
check "IPv4: 0..1472 bytes" exact ext hq $OUT $PEER "$ALL"
check "IPv6: 0..1472 bytes" exact ext hq -f 6 $OUT6 $PEER6 "$ALL"
check "IPv4 client, IPv6 peer: 0..1472 bytes" exact ext hq -f 6 $OUT $PEER6 "$ALL"
check "IPv6 client, IPv4 peer: 0..1472 bytes" exact ext hq -f 4 $OUT6 $PEER "$ALL"
check "one allocation with peers of both families" exact ext hq -a 6 -n 2 $OUT $PEER,$PEER6 \
	"sizes to=1472 step=3"
check "from relayed address to relayed address, IPv4" exact ext hq -y -n 2 $OUT $PEER "$ALL"
check "from relayed address to relayed address, IPv6" exact ext hq -y -f 6 $OUT6 $PEER "$ALL"
check "Send and Data indications, IPv4" exact ext hq -s $OUT $PEER "$ALL"
check "Send and Data indications, IPv4 client, IPv6 peer" exact ext hq -s -f 6 $OUT $PEER6 \
	"sizes to=1472 step=7"

# ---- the ends on the node's own host ----

check "peers on the node's host" exact ext edge $OUT $IN "$ALL"
check "peers on the node's host, at the relay's address" exact ext edge $OUT $OUT "sizes to=1472 step=3"
check "peers on the node's host, IPv6" exact ext edge -f 6 $OUT6 $IN6 "sizes to=1472 step=3"
check "clients on the node's host" exact edge hq $OUT $PEER "$ALL"
check "both on the node's host" exact edge edge $OUT $IN "$ALL"
check "both on the node's host, across families" exact edge edge -f 6 $OUT $IN6 "sizes to=1472 step=3"

# ---- checksums ----

tx() {
	in_space ext ethtool -K to-edge tx "$1" >/dev/null && in_space hq ethtool -K to-edge tx "$1" >/dev/null
}
check "no checksum is left to the card" tx off
check "whole checksums, IPv4" exact ext hq $OUT $PEER "$ALL"
check "whole checksums, IPv6" exact ext hq -f 6 $OUT6 $PEER6 "$ALL"
check "whole checksums, IPv4 client, IPv6 peer" exact ext hq -f 6 $OUT $PEER6 "sizes to=1472 step=3"
check "whole checksums, IPv6 client, IPv4 peer" exact ext hq -f 4 $OUT6 $PEER "sizes to=1472 step=3"
check "no checksums over IPv4" exact ext hq -z $OUT $PEER "$ALL"
check "no checksums over IPv4, to an IPv6 peer" exact ext hq -z -f 6 $OUT $PEER6 "$ALL"
check "no checksums from an IPv4 peer to an IPv6 client" exact ext hq -z -f 4 $OUT6 $PEER "$ALL"
check "checksums are left to the card again" tx on
check "no checksums over IPv4, the card willing" exact ext hq -z $OUT $PEER "sizes to=1472 step=3"

# ---- lengths ----

check "fragments: 1,473..1,500 bytes" exact ext hq $OUT $PEER "sizes from=1473 to=1500"
check "fragments: 1,420..1,480 bytes, IPv6" exact ext hq -f 6 $OUT6 $PEER6 "sizes from=1420 to=1480"
check "fragments: 1,420..1,500 bytes, across families" exact ext hq -f 6 $OUT $PEER6 \
	"sizes from=1420 to=1500"
check "fragments: to 9,000 bytes" exact ext hq $OUT $PEER "sizes from=1500 to=9000 step=53 window=4"
check "fragments: to 9,000 bytes, IPv6" exact ext hq -f 6 $OUT6 $PEER6 \
	"sizes from=1500 to=9000 step=53 window=4"
check "padded ChannelData" exact ext hq -l $OUT $PEER "sizes to=1472 step=3"
check "ChannelData that is padded, short, over-long, of no channel" exact ext hq $OUT $PEER \
	"sizes to=8" odd
check "the same, over IPv6" exact ext hq -f 6 $OUT6 $PEER6 "sizes to=8" odd

# ---- headers ----

check "DSCP and ECN go with each packet" exact ext hq $OUT $PEER "$ALL tos=256"
check "DSCP and ECN, IPv6" exact ext hq -f 6 $OUT6 $PEER6 "$ALL tos=256"
check "DSCP and ECN, across families" exact ext hq -f 6 $OUT $PEER6 "sizes to=1472 step=3 tos=256"
check "DSCP and ECN, across families the other way" exact ext hq -f 4 $OUT6 $PEER \
	"sizes to=1472 step=3 tos=256"
check "IP options" exact ext hq -o $OUT $PEER "sizes to=1472 step=7"
check "a destination options header" exact ext hq -o -f 6 $OUT6 $PEER6 "sizes to=1400 step=7"
# A relayed datagram is a new one (RFC 8656 §14): it does not end where the old one would have.
check "a TTL of 1" exact ext hq -t 1 $OUT $PEER "sizes to=1472 step=7"
check "a hop limit of 1" exact ext hq -t 1 -f 6 $OUT6 $PEER6 "sizes to=1400 step=7"
check "a TTL of 255" exact ext hq -t 255 $OUT $PEER "sizes to=1472 step=7"

# ---- while allocations come and go ----

check "40 allocations, two peers each" session many ext hq -n 40 $OUT $PEER,10.200.2.3
says many "start rate=4000 to=1472 tos=256" start
check "ten are deleted and made anew under load" says many "rebind count=10" 'done=10'
check "all are refreshed" says many refresh 'done=40'
check "twenty more" says many "rebind count=20" 'done=20'
check "nothing is lost, nothing passed that might not" says many stop "$CLEAN.* dead=[1-9]"
check "the frames are right" says many wire "$FRAMES"
talk_close many

session stays ext hq -n 10 $OUT $PEER
quietly stays "start rate=2000 to=1472"
check "limits are set by a reload" reload \
	"  limits: {allocation_rate: 50000k, subject_rate: 500000k, allocation_packets: 5000}"
quietly stays "wait ms=300"
check "and lifted" reload ""
quietly stays "wait ms=300"

# ---- what ends ends at once ----

session denied ext hq -n 4 $OUT 10.200.2.3
quietly denied "start rate=1000" "wait ms=200"
check "a peer is denied by a reload" reload "" '{allow: [10.200.0.0/16, "fd00:200::/32"], deny: [10.200.2.3]}'
quietly denied dead "wait ms=500"
check "nothing of it passes after that" says denied stop "$SILENT"
quietly denied alive
check "it is allowed again" reload ""
check "and a new allocation relays to it" says denied "rebind count=4" 'done=4'
says denied "start rate=1000" start
quietly denied "wait ms=200"
check "without loss" says denied stop "^stats sent_up=[1-9].* lost=0 bad=0 "

quietly denied "start rate=1000" "wait ms=100"
check "allocations are ended by Refresh" says denied end 'done=4'
quietly denied "wait ms=500"
check "and nothing of them passes" says denied stop "$SILENT"
talk_close denied

check "another credential" credential '"location":"internet","limits":{"allocations":100}'
session revoked ext hq -n 4 $OUT $PEER
quietly revoked "start rate=1000" "wait ms=200"
check "it is revoked" "$CTL" -s "$WORK/edge.sock" credentials revoke "$CRED_USER"
within 2 grep -q 'reason="*revoked' "$WORK/edge.log"
quietly revoked dead "wait ms=500"
check "nothing of it passes after that" says revoked stop "$SILENT"
talk_close revoked

# ---- what is over by itself: allocations, permissions, but not channels (RFC 8656 §3.2, §9, §12) ----

# all_until TIME NAME...: they relay until 15 s before, when all has passed, and go on.
all_until() {
	local time=$1 name
	shift
	for name in "$@"; do
		quietly "$name" "start rate=400"
	done
	[ "$SECONDS" -ge $((time - 15)) ] || sleep $((time - 15 - SECONDS)) # stays below as long
	for name in "$@"; do
		check "until then all of $name passes" says "$name" stop "$CLEAN"
		quietly "$name" "start rate=400"
	done
}
# nothing_from TIME WHICH NAME...: of what WHICH ends send from then on nothing passes.
nothing_from() {
	local time=$1 which=$2 name
	shift 2
	[ "$SECONDS" -ge "$time" ] || sleep $((time - SECONDS))
	for name in "$@"; do
		quietly "$name" "dead $which"
	done
	for name in "$@"; do
		quietly "$name" "wait ms=1000"
		check "then nothing of $name does" says "$name" stop "$SILENT"
	done
}
if [ -n "$LONG" ]; then
	check "allocations get a minute" reload "  limits: {default_lifetime: 1m, max_lifetime: 1m}"
	session brief4 ext hq -n 4 $OUT $PEER
	session brief46 ext hq -n 4 -f 6 $OUT $PEER6
	ENDS=$((SECONDS + 62))
	check "and later ones more again" reload ""
	all_until $ENDS brief4 brief46
	nothing_from $ENDS "" brief4 brief46
	talk_close brief4
	talk_close brief46

	all_until $EXPIRES $EXPIRING
	nothing_from $EXPIRES down $EXPIRING # of what peers send: the channels are still bound
	for name in $EXPIRING; do
		quietly "$name" alive
		check "the channels of $name are bound again" says "$name" bind 'done=4'
		quietly "$name" "start rate=400" "wait ms=300"
		check "and all passes" says "$name" stop "$CLEAN"
		talk_close "$name"
	done
fi
note "full sockets: ext $(overflows ext) edge $(overflows edge) hq $(overflows hq)"
check "those beside them have lost nothing in all this time" says stays stop "$CLEAN"
check "and their frames were right" says stays wire "$FRAMES"
# The back end that was asked for has really had it in its hands.
carried() {
	local way
	case ${SALLYPORT_DATAPATH:-} in
	steer) metric_at_least edge sallyport_net_steer_sent_total 'by="frame"' 20000 ;;
	kernel)
		for way in to_peer to_client; do
			metric_at_least edge sallyport_kernel_packets_total "direction=\"$way\"" 5000 || return
		done
		;;
	*) metric_at_least edge sallyport_net_packets_total 'direction="out"' 50000 ;;
	esac
}
check "most of it went the way that was asked for" carried
check "no kernel has met a wrong checksum" same "$(csum_errors)" "$CSUM_BEFORE"
finish
