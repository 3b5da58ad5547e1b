#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A node full of allocations that nobody uses: 100,000 with SALLYPORT_LONG, else 5,000. What each takes
# of memory, what all together take of the processor, that a call beside them loses nothing, and that
# nothing is left when their lifetimes are over. On the data path that needs no socket for each, with
# workers that poll after packets.
# Takes 90 s.
# Without sanitizers: their allocators have needs of their own.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
OUT=10.200.1.1
SECOND=10.200.1.3 # an address has fewer ports than the node has allocations
PEER=10.200.2.2
N=5000 LIFETIME=60
[ -z "$LONG" ] || N=100000
[ -z "$SANITIZED" ] || skip_all "a sanitizer's allocator has its own needs"
site
crowd_site
address_add edge to-ext $SECOND/24
# The whole relay range is the daemon's: other programs' ports come from below it.
in_space edge sysctl -qw net.ipv4.ip_local_port_range='4000 9999'
start peer hq turnutils_peer -L $PEER
SALLYPORT_DATAPATH=steer CONF_WORKERS=2 CONF_RELAY="{address: $OUT}, {address: $SECOND}" \
	CONF_EDGE="  busy_poll: 2000
  limits: {default_lifetime: ${LIFETIME}s}" conf edge
sed -i 's/ports: 50000-59999/ports: 10000-65535/' "$WORK/edge.yaml"
"$SALLYPORTD" -t -c "$WORK/edge.yaml" >/dev/null || exit 1

# What a fresh process holds when it has served a few and a good client relays: BEFORE.
begin_with() {
	edge_start edge
	credential '"location":"internet"' || exit 1
	crowd warm 500
	BEFORE=$(memory_kb edge Rss)
	FULL=$(overflows ext hq)
	start good ext timeout 120 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -e $PEER -c \
		-n "$1" -m 4 $OUT
	within 15 has "$WORK/good.log" 'tot_recv_msgs=[1-9]' >/dev/null
}
# What clients and peers have no room for is their host's doing.
good_ends() {
	await good 60
	check "the call beside them lost nothing" uclient_clean "$WORK/good.log" $(($(overflows ext hq) - FULL))
}
# crowd NAME COUNT FLAGS...: until it ends.
crowd() {
	local name=$1 n=$2
	shift 2
	in_space crowd "$TOOLS/turncrowd" -u "$CRED_USER" -w "$CRED_PASSWORD" -p "${PIDS[edge]}" \
		-n "$n" -f $((FIRST += 1000)) "$@" $OUT >"$WORK/$name.log"
}
FIRST=1024
granted() {
	has "$WORK/$1.log" "^allocate n=$N granted=$N "
}
cpu_us() {
	cat "/proc/${PIDS[edge]}"/task/*/schedstat | awk '{ ns += $1 } END { print int(ns / 1000) }'
}
# Sets IDLE: processor time in microseconds for each of five seconds in which nothing comes.
idle_cpu() {
	local before
	before=$(cpu_us)
	sleep 5
	IDLE=$((($(cpu_us) - before) / 5))
	note "$1: $IDLE us of the processor in a second"
}
# The daemon looks every second whether much is to be given back, and does so every ten at most.
gives_back() {
	at_most "$(memory_kb edge Rss)" $((BEFORE + (AFTER - BEFORE) / 4 + 512))
}
none_is_left() {
	at_most "$(metric edge sallyport_turn_allocations)" 8
}

# ---- as they are when a client has gathered its candidates ----

begin_with 300
start crowd crowd "$TOOLS/turncrowd" -u "$CRED_USER" -w "$CRED_PASSWORD" -p "${PIDS[edge]}" -n $N \
	-f 20000 -k $OUT
check "$N allocations stand" within 60 has "$WORK/crowd.log" '^ready'
check "all were granted" granted crowd
note "$(grep '^allocate' "$WORK/crowd.log")"
AFTER=$(memory_kb edge Rss)
note "resident: $BEFORE kB before, $AFTER kB with them, $(((AFTER - BEFORE) * 1024 / N)) bytes for each"
check "at most 1 KiB for each" at_most $(((AFTER - BEFORE) * 1024 / N)) 1024
good_ends
idle_cpu "$N idle"
check "idle, they cost less than a hundredth of a processor" at_most "$IDLE" 10000
check "and yet the workers poll where packets come often" metric_at_least edge \
	sallyport_busy_polls_total 'result="packets"' 10
note "polled for $(metric edge sallyport_busy_poll_microseconds_total) us"
note "descriptors: $(find "/proc/${PIDS[edge]}/fd" -mindepth 1 | wc -l)"
check "they need no descriptor each" at_most "$(find "/proc/${PIDS[edge]}/fd" -mindepth 1 | wc -l)" 400
stop crowd TERM 60
check "their clients give them back" within 10 none_is_left
check "and the daemon their memory to the host" within 15 gives_back
note "resident: $(memory_kb edge Rss) kB when they are gone"
# Polls so far, once a call has run and ended.
polls_after_call() {
	start call ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -e $PEER -c \
		-n 50 -m 4 $OUT
	await call 60
	metric edge sallyport_busy_polls_total 'result="packets"'
}
sed -i 's/busy_poll: 2000/busy_poll: 0/' "$WORK/edge.yaml"
"$CTL" -s "$WORK/edge.sock" reload >"$WORK/reload.out" 2>&1 || note "$(cat "$WORK/reload.out")"
POLLS=$(metric edge sallyport_busy_polls_total 'result="packets"')
check "a reload to 0 ends that" same "$(polls_after_call)" "$POLLS"
stop edge

# ---- as they are before anybody talks: a permission and a channel each; nobody gives them back ----

begin_with 300
check "$N more, each with a permission and a channel" crowd channels $N -P $PEER -e
check "all were granted" granted channels
check "and their channels bound" has "$WORK/channels.log" "^bind n=$N granted=$N "
AFTER=$(memory_kb edge Rss)
note "resident: $(((AFTER - BEFORE) * 1024 / N)) bytes for each, permission and channel included"
good_ends
idle_cpu "$N with a permission and a channel"
check "idle, they cost less than a hundredth of a processor" at_most "$IDLE" 10000
check "they end when their lifetime does" within $((LIFETIME + 30)) none_is_left
check "as expired" metric_at_least edge sallyport_turn_allocations_ended_total 'reason="expired"' $N
check "and their memory goes back to the host" within 15 gives_back
note "resident: $(memory_kb edge Rss) kB when they are gone, $AFTER kB before"
finish
