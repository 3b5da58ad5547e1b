#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A spoofed flood of unauthenticated requests leaves nothing behind: the daemon's memory is the same
# before and after, a good client beside it loses nothing, and answers are small. 1,000,000 requests
# with SALLYPORT_LONG, else 100,000.
# Has precedence: it floods.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

OUT=10.200.1.1
COUNT=100000
[ -z "$LONG" ] || COUNT=1000000
RATE=${FLOOD_RATE:-20000}
[ -x "$TOOLS/stunflood" ] || skip_all "stunflood is not built"
site
# The flood comes in over a wire of its own, and the answers to it end in a black hole.
space flood
join flood 10.200.9.2/24 edge 10.200.9.1/24
route flood $OUT via 10.200.9.1
route edge 198.18.0.0/15 dev to-flood
in_space flood ip address add 198.18.0.1/15 dev lo
in_space edge sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.to-flood.rp_filter=0
# One neighbour for all of them: the far end answers ARP for every address.
in_space flood sysctl -qw net.ipv4.conf.to-edge.proxy_arp=1 net.ipv4.ip_forward=0
in_space edge ip route replace 198.18.0.0/15 via 10.200.9.2 dev to-flood
in_space flood ip route add blackhole 198.18.0.0/15 2>/dev/null
conf edge
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'
start peer hq turnutils_peer -L 10.200.2.2

# ratio NAME STEP: prints answer over request, payload alone and with IPv4 and UDP headers.
ratio() {
	local line request reply
	line=$(probe ext $OUT "$2" | tail -n 1)
	request=$(field request <<<"$line")
	reply=$(field reply <<<"$line")
	note "$1: request $request, answer $reply bytes, ratio $(awk -v q="$request" -v a="$reply" \
		'BEGIN { printf "%.2f; with headers %.2f", a / q, (a + 28) / (q + 28) }')"
	REQUEST=$request REPLY=$reply
}
ratio "Binding" binding
check "a Binding answer is at most three times the request" at_most "$REPLY" $((REQUEST * 3))
ratio "401 to a bare Allocate" allocate
check "a 401 with its headers is at most three times the request" at_most $((REPLY + 28)) \
	$(((REQUEST + 28) * 3))
note "an Allocate without credential draws $REPLY bytes for $REQUEST"

# good_client PACKETS: a real client beside the flood; good_client_relays waits until it does.
good_client() {
	start good ext timeout 120 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
		-e 10.200.2.2 -c -n "$1" -m 4 $OUT
	within 15 has "$WORK/good.log" 'tot_recv_msgs=[1-9]' >/dev/null
}
flood() {
	in_space flood "$TOOLS/stunflood" -n "$1" -r "$RATE" "${@:2}" $OUT
}
link_bytes() {
	in_space edge awk -v field="$1" \
		'$1 == "to-flood:" { print field == "rx_bytes" ? $2 : $10 }' /proc/net/dev
}

# Pools grow with what comes at once: everything together once before the first reading.
good_client 250
flood "$COUNT" >/dev/null
flood "$COUNT" -b >/dev/null
await good 60

# What clients and peers have no room for is their host's doing; with a sanitizer the daemon is slow too.
LOSERS="ext hq${SANITIZED:+ edge}"
full=$(overflows $LOSERS)
before=$(memory_kb edge Rss)
rx=$(link_bytes rx_bytes) tx=$(link_bytes tx_bytes)
good_client $((COUNT / RATE * 50 + 100))
check "$COUNT spoofed Allocates are sent" flood "$COUNT"
note "$(cat "$WORK/check.out")"
check "they reached the daemon's host" at_least $(($(link_bytes rx_bytes) - rx)) $((COUNT * 56))
note "on the wire: $(($(link_bytes rx_bytes) - rx)) bytes in, $(($(link_bytes tx_bytes) - tx)) out"
await good 120
check "the good client lost nothing beside it" uclient_clean "$WORK/good.log" \
	$(($(overflows $LOSERS) - full))
check "$COUNT spoofed Bindings are sent" flood "$COUNT" -b
after=$(memory_kb edge Rss)
note "resident memory: $before kB before, $after kB after"
if [ -z "$SANITIZED" ]; then
	check "memory is the same within 256 KiB" at_most $((after - before)) 256
else
	skip "memory is the same within 256 KiB" "a sanitizer's allocator keeps what was freed"
fi
check "it serves new clients at once" answers class=success -- \
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT allocate
finish
