#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The benchmark's own parts do what its figures stand on: real allocations by the dozen, packets of
# every size both ways, and an account of each. Loss at a low rate is judged here, time is not.
# Runs alone: it measures.
# Without sanitizers: it measures.
. "$(dirname "$0")/lib.sh"
begin ethtool nft taskset
export SALLYPORT_BUILD SALLYPORTD

CELL=$SOURCE/tests/bench/cell.sh
# cell ARGUMENTS OF cell.sh...: its line in $WORK/cell.json
cell() {
	timeout 60 "$CELL" "$@" --json --clients 20 --rate 2000 --seconds 1 >"$WORK/cell.json"
}
# Every packet came once, in order, as it was sent, and there were as many as there should be.
perfect() {
	cell "$@" || return
	cat "$WORK/cell.json"
	jq -e '[.up, .down][] | .sent == 1000 and .received == 1000 and .latency_us.p50 > 0 and
		.reordered + .duplicate + .corrupt + .bad_checksum + .misdirected + .late +
		.send_errors + .lost_here == 0' "$WORK/cell.json" >"$WORK/judged" &&
		same "$(sort -u "$WORK/judged")" true
}
setup_is_told() {
	jq -e '.setup | .seconds > 0 and .server_us_each > 0 and .rss_kb > 1000' "$WORK/cell.json"
}

relays='direct forward socket'
if command -v turnserver >/dev/null; then
	relays+=' coturn'
else
	skip "coturn" "turnserver is not installed"
fi
for relay in $relays; do
	check "$relay: frames, all sizes, checksums left to the device" perfect "$relay" A \
		--size 0-1468
	check "$relay: the same with complete checksums, IPv6" perfect -6 "$relay" A \
		--size 0-1448 --checksum complete
	check "$relay: sockets, all sizes, on one core" perfect -s "$relay" B --size 0-1472
	check "$relay: sockets, IPv6" perfect -s -6 "$relay" A --size 0-1472
done
for relay in ${relays#direct forward }; do
	for transport in tcp tls; do
		check "$relay: clients on $transport" perfect -t $transport "$relay" A --size 0-1472
		check "$relay: what their set-up cost is told" setup_is_told
	done
done
a_rate_is_found() {
	timeout 60 "$CELL" direct A --json --clients 20 --rate 2000 --seconds 0.1 --search \
		>"$WORK/cell.json" && cat "$WORK/cell.json" &&
		jq -e '.packets_s >= 2000 and .loss_percent <= 0.1' "$WORK/cell.json"
}
check "a search ends with a rate that holds" a_rate_is_found
refused() {
	! "$BENCH/turnload" "$@" >"$WORK/refused" 2>&1
}
check "a namespace that is not there ends it" refused --direct --from-space /run/netns/none
check "a size that is too long for a frame is refused" refused --direct --size 1470 \
	--from-link lo,2:0:0:0:0:1 --peer 198.19.0.1:10000
finish
