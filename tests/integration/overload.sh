#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Some send many times what a relay can carry, from the peers' side and from the clients'. What is not
# relayed is counted somewhere, memory stays as it is, the API answers, others are served, and afterwards
# all is as before. For the back end that SALLYPORT_DATAPATH names.
# Has precedence: it floods.
# Without sanitizers: it measures.
# Takes 10 s.
# Over each data path: it overloads it.
. "$(dirname "$0")/lib.sh"
. "$HERE/lib-relaycheck.sh"
begin

FLOOD_MS=2000
[ -z "$LONG" ] || FLOOD_MS=9000
site
write_conf
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":100}'

# kernel_drops: datagrams that found no room at a socket of the node's namespace, or before that at its
# interfaces and at the far ends of these.
kernel_drops() {
	{
		in_space edge cat /proc/net/snmp /proc/net/snmp6
		in_space edge ip -s -j link | jq -r '.[] | select(.ifname != "lo") | "dropped \(.stats64.rx.dropped)"'
		for space in ext hq; do
			in_space $space ip -s -j link show to-edge | jq -r '.[] | "dropped \(.stats64.tx.dropped)"'
		done
	} | awk '/^Udp:/ && !h { for (i = 1; i <= NF; i++) if ($i == "RcvbufErrors") c = i; h = 1; next }
		/^Udp:/ { n += $c; h = 0 } /^Udp6RcvbufErrors|^dropped/ { n += $2 } END { print n + 0 }'
}
# relayed: datagrams, both ways. drops: those that have come to the daemon and that it has not relayed.
relayed() {
	admin edge /metrics | awk '/^sallyport_relay_packets_total/ { n += $2 } END { print n + 0 }'
}
drops() {
	admin edge /metrics | awk '/^sallyport_relay_drops_total/ { n += $2 } END { print n + 0 }'
}
# What is queued is relayed, and nothing is on its way any more. What programs in the kernel count is read
# once a second.
settled() {
	local n
	n=$(relayed)
	sleep 1.2
	[ "$(relayed)" = "$n" ]
}
accounted() { # SENT RELAYED DROPPED: within a hundredth
	local rest=$(($1 - $2 - $3))
	echo "sent $1, relayed $2, dropped and counted $3"
	at_most ${rest#-} $(($1 / 100))
}
# served PERCENT: so many of the others' datagrams have arrived, all of them right.
served() {
	local sent got
	cat "$WORK/stop.out"
	sent=$(($(field sent_up <"$WORK/stop.out") + $(field sent_down <"$WORK/stop.out")))
	got=$(($(field got_up <"$WORK/stop.out") + $(field got_down <"$WORK/stop.out")))
	has "$WORK/stop.out" ' bad=0 ' && at_least $((got * 100)) $((sent * $1))
}

session steady ext hq -n 6 $OUT $PEER
session storm ext hq -n 4 $OUT $PEER
quietly storm "flood_down ms=300" "flood_up ms=300" # what is touched first is not growth
within 10 settled
# Peers that flood fill a relay port, which is one allocation's; clients that flood fill the listener,
# which all clients share.
declare -A SERVED=([down]=90 [up]=50)
for way in down up; do
	from_relayed=$(relayed) from_drops=$(($(drops) + $(kernel_drops)))
	memory=$(memory_kb edge Rss)
	quietly steady stats "start rate=600"
	sleep 0.2
	printf 'flood_%s ms=%s\nmark\n' $way $FLOOD_MS >&"${TALK[storm]}"
	slowest=0
	for _ in $(seq $((FLOOD_MS / 400))); do
		began=$(date +%s%3N)
		is_ready edge || slowest=99999
		took=$(($(date +%s%3N) - began))
		[ $took -le $slowest ] || slowest=$took
		sleep 0.2
	done
	talk storm "wait ms=100" >/dev/null # which it does when it is ready
	talk steady stop >"$WORK/stop.out"
	within 10 settled
	flood=$(grep '^flood' "$WORK/storm.log" | tail -n 1)
	sent=$(field sent <<<"$flood")
	lost=$(field lost <"$WORK/stop.out")
	others=$(($(field sent_up <"$WORK/stop.out") + $(field sent_down <"$WORK/stop.out")))
	note "$way: $flood a second; others sent $others, $lost lost; slowest answer of the API $slowest ms"
	check "$way: all that was sent was relayed or counted as dropped" accounted $((sent + others)) \
		$(($(relayed) - from_relayed)) $(($(drops) + $(kernel_drops) - from_drops))
	check "$way: the others were served, ${SERVED[$way]} % of their datagrams at least" served ${SERVED[$way]}
	check "$way: the API has answered within a second" at_most $slowest 1000
	check "$way: memory is the same within 2 MiB" at_most $(($(memory_kb edge Rss) - memory)) 2048
	quietly steady "start rate=600" "wait ms=300"
	check "$way: afterwards the others lose nothing" says steady stop "$CLEAN"
	quietly storm "wait ms=100" stats "start rate=600" "wait ms=300"
	check "$way: nor does the one that has flooded" says storm stop "$CLEAN"
done
finish
