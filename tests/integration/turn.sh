#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The exact answers of the TURN server to single requests (RFC 8656), among them which peers it
# refuses.
# With asan: requests that are wrong in every way.
. "$(dirname "$0")/lib.sh"
begin

OUT=10.200.1.1 OUT6=fd00:200:1::1
PEER=10.200.2.2 PEER6=fd00:200:2::2
site
conf edge $OUT 10.200.2.1 $OUT6 fd00:200:2::1
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'

allocate() {
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT "$@"
}
range() {
	local port
	allocate allocate "refresh lifetime=0" >"$WORK/range.out" || return 1
	cat "$WORK/range.out"
	port=$(field relayed <"$WORK/range.out")
	port=${port##*:}
	at_least "$port" 50000 && at_most "$port" 59999
}
check "relayed ports are of the configured range" range
check "answers carry a good integrity" answers class=success integrity=ok -- allocate allocate
check "the mapped address is the client's" answers mapped=10.200.1.2:41000 -- \
	probe ext -L 10.200.1.2:41000 -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT allocate
check "lifetime is what the client asked for" answers lifetime=900 -- allocate \
	"allocate lifetime=900"
check "lifetime is at most an hour" answers lifetime=3600 -- allocate "allocate lifetime=7200"
check "a refresh with lifetime 0 ends the allocation" answers class=error code=437 -- allocate \
	allocate "refresh lifetime=0" refresh
retransmission() {
	allocate refresh "allocate tid=0102030405060708090a0b0c" \
		"allocate tid=0102030405060708090a0b0c" >"$WORK/retransmission.out"
	cat "$WORK/retransmission.out"
	same "$(grep -c '^allocate class=success' "$WORK/retransmission.out")" 2 &&
		same "$(grep -oE ' relayed=[^ ]+' "$WORK/retransmission.out" | sort -u | wc -l)" 1
}
check "a retransmitted Allocate gets its answer again" retransmission
check "a second Allocate on the 5-tuple: 437" answers code=437 -- allocate allocate allocate
check "a TCP relayed address over UDP is refused" answers class=error -- allocate \
	"allocate transport=6"
check "a protocol that is neither: 442" answers code=442 -- allocate "allocate transport=99"
check "an unknown family: 440" answers code=440 -- allocate "allocate family=9"
check "EVEN-PORT and RESERVATION-TOKEN exclude each other: 400" answers code=400 -- allocate \
	"allocate even token=0102030405060708"
check "a channel number out of range: 400" answers code=400 -- allocate allocate \
	"bind channel=0x1000 peer=$PEER:5000"
check "one channel for two peers: 400" answers code=400 -- allocate allocate \
	"bind channel=0x4000 peer=$PEER:5000" "bind channel=0x4000 peer=$PEER:5001"
check "two channels for one peer: 400" answers code=400 -- allocate allocate \
	"bind channel=0x4000 peer=$PEER:5000" "bind channel=0x4001 peer=$PEER:5000"
both_families() {
	allocate "allocate additional=6" "permission peer=$PEER" "permission peer=$PEER6" \
		>"$WORK/both.out"
	has "$WORK/both.out" '^allocate class=success.* relayed=10\.200\.1\.1:.* relayed6=\[fd00' &&
		same "$(grep -c '^permission class=success' "$WORK/both.out")" 2
}
check "one allocation with both families, peers of both" both_families
check "an IPv6 peer on an IPv4 relayed address: 443" answers code=443 -- allocate allocate \
	"permission peer=$PEER6"
for denied in 127.0.0.1 0.0.0.0 169.254.1.1 224.0.0.1 192.168.1.1 10.1.1.1 100.64.0.1; do
	check "peer $denied is forbidden" answers code=403 -- allocate allocate \
		"permission peer=$denied"
done
for denied in ::1 fe80::1 ff02::1 fd11::1 64:ff9b::7f00:1 2002:7f00:1::1; do
	check "peer $denied is forbidden" answers code=403 -- allocate "allocate family=6" \
		"permission peer=$denied"
done
finish
