#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Bound channels that programs in the kernel forward, by XDP and by TC: that it is they who do it, that
# content, order and counts are right while paths come and go, and that nothing of them is left behind.
# Runs alone: it counts how many packets the kernel forwards, which is slower to begin on a busy host.
# Without sanitizers: a daemon that is ten times slower loses packets under load.
. "$(dirname "$0")/lib.sh"
begin ethtool turnutils_uclient
export SALLYPORT_DATAPATH=kernel

OUT=10.200.1.1 OUT6=fd00:200:1::1
IN=10.200.2.1 IN6=fd00:200:2::1
PEER=10.200.2.2 PEER6=fd00:200:2::2
CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
LOG=$WORK/edge.log
site
CONF_WORKERS=2 conf edge $OUT $IN $OUT6 $IN6
edge_start edge || skip_all "no data path in the kernel here: $(grep -m 1 'no data path' "$LOG")"
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'

tool() {
	timeout 120 "$TOOLS/relaycheck" -u "$CRED_USER" -w "$CRED_PASSWORD" \
		-C "/run/netns/$RUN-ext" -P "/run/netns/$RUN-hq" "$@"
}
# good FILE: something was relayed; nothing lost, wrong, late or too much.
good() {
	cat "$1"
	grep -qE '^stats sent_up=[1-9].* lost=0 ' "$1" &&
		! grep '^stats ' "$1" | grep -vE ' lost=0 bad=0 '
}
exact() {
	tool "$@" >"$WORK/exact.out" 2>&1 || { cat "$WORK/exact.out"; return 1; }
	good "$WORK/exact.out"
}
# metric NAME [LABELS]
metric() {
	curl -s --unix-socket "$WORK/edge.sock" http://edge/metrics |
		awk -v name="$1${2:+{$2\}}" '$1 == name { print $2 }'
}
in_kernel() {
	metric sallyport_kernel_packets_total "direction=\"$1\""
}
relayed() {
	metric sallyport_relay_packets_total "direction=\"$1\""
}
# sum FIELD: over all lines of relaycheck's statistics
sum() {
	grep -o " $1=[0-9]*" "$WORK/exact.out" | awk -F= '{ n += $2 } END { print n + 0 }'
}
# counts: relayed in the kernel and in all, to the peers and to the clients, at one moment.
counts() {
	curl -s --unix-socket "$WORK/edge.sock" http://edge/metrics |
		awk '/^sallyport_(kernel|relay)_packets_total\{direction="to_(peer|client)"/ { n[$1] = $2 }
			END { for (way in n) print way, n[way] | "sort" }' | cut -d' ' -f2 | xargs
}
# nearly_all: of what is relayed within a second. A lane that is never still learns for a while.
nearly_all() {
	local -a from to
	local i
	read -ra from <<<"$(counts)"
	sleep 1.2 # what the kernel counts is read each second
	read -ra to <<<"$(counts)"
	for i in 0 1; do
		echo "$((to[i] - from[i])) of $((to[i + 2] - from[i + 2])) in the kernel"
		[ $((to[i + 2] - from[i + 2])) -ge 1000 ] &&
			[ $(((to[i] - from[i]) * 100)) -ge $(((to[i + 2] - from[i + 2]) * 90)) ] || return 1
	done
}
# by_kernel PAIR...: ten channels for each, at once: soon nearly all their packets are forwarded in the
# kernel; they are exact, and so are the counts.
by_kernel() {
	local pair name status=0
	local -a names=() from to
	read -ra from <<<"$(counts)"
	for pair in "$@"; do
		name=pair${#names[@]}
		names+=("$name")
		rm -f "$WORK/$name.in"
		mkfifo "$WORK/$name.in"
		# shellcheck disable=SC2086  # words
		tool -n 10 $pair - <"$WORK/$name.in" >"$WORK/$name.log" 2>&1 &
		PIDS[$name]=$!
		exec {TALK_FD}>"$WORK/$name.in"
		TALK[$name]=$TALK_FD
	done
	for name in "${names[@]}"; do
		talk "$name" "start rate=1500 from=12 to=1200" >/dev/null || status=1
	done
	within 30 nearly_all || status=1
	for name in "${names[@]}"; do
		talk "$name" stop >/dev/null
		talk "$name" "sizes step=7" >/dev/null
		talk_close "$name"
		good "$WORK/$name.log" || status=1
	done
	cat "$WORK"/pair*.log >"$WORK/exact.out"
	rm "$WORK"/pair*.log
	sleep 1.2 # slots rest, and what they hold is counted
	read -ra to <<<"$(counts)"
	same $((to[3] - from[3])) "$(sum got_up)" && same $((to[2] - from[2])) "$(sum got_down)" &&
		return $status
}
mode() {
	"$CTL" -s "$WORK/edge.sock" --json status |
		jq -r '.interfaces[] | [.name, .datapath, .mode] | join(" ")' | sort | tr '\n' ' '
}
gro() {
	in_space ext ethtool -K to-edge gro "$1" && in_space hq ethtool -K to-edge gro "$1"
}
check "both interfaces run native XDP" same "$(mode)" "to-ext kernel native XDP to-hq kernel native XDP "

both_ways() {
	by_kernel "$OUT $PEER" "-f 6 $OUT $PEER6" "$OUT6 $PEER" "-f 6 $OUT6 $PEER6"
}
# The other ends of a veth take redirected frames with GRO only; else XDP leaves it to TC.
check "without GRO at the other ends" gro off
check "TC: all pairs of families, exact and in the kernel" both_ways
check "the other ends get GRO" gro on
redirects() {
	grep "interface=$1 " "$LOG" | tail -n 1 | grep -q 'redirects=yes'
}
check "that is seen" within 6 redirects to-ext
check "on both" within 6 redirects to-hq
check "XDP: all pairs of families, exact and in the kernel" both_ways
check "senders compute their checksums" eval 'in_space ext ethtool -K to-edge tx off >/dev/null &&
	in_space hq ethtool -K to-edge tx off >/dev/null'
check "XDP: the same" both_ways
check "without GRO again" gro off
check "that is seen too" eval 'within 6 eval "! redirects to-ext" && within 6 eval "! redirects to-hq"'
check "TC: the same" both_ways
check "checksums are left to devices again" eval 'in_space ext ethtool -K to-edge tx on >/dev/null &&
	in_space hq ethtool -K to-edge tx on >/dev/null && gro on'

# ---- up and down under load ----

# Four of 173 sizes of the peers are too long with four bytes more, and four of the clients' come in
# fragments: those go up, and what is behind them must wait.
# by_both N COMMAND...: most of the peers' packets were forwarded in the kernel, N and more by user space.
by_both() {
	local all kernel least=$1
	shift
	all=$(relayed to_client) kernel=$(in_kernel to_client)
	"$@" || return 1
	sleep 1.2
	all=$(($(relayed to_client) - all)) kernel=$(($(in_kernel to_client) - kernel))
	echo "$kernel of $all"
	at_least $((kernel * 2)) "$all" && at_least $((all - kernel)) "$least"
}
moved() {
	exact -n 50 $OUT $PEER "start rate=8000 from=1300 to=1472" "wait ms=4500" stop
}
check "50 flows go up and down under load, in order and without loss" by_both 400 moved
check "what came up right behind the kernel's own waited" at_least \
	"$(metric sallyport_kernel_delayed_total)" 100

# Neighbours are forgotten all the time, so that paths come and go and the kernel holds packets back.
forgetful() {
	local pid rc i
	for i in $(seq 40); do
		in_space edge ip neighbour flush dev to-hq
		in_space edge ip neighbour flush dev to-ext
		sleep 0.1
	done >/dev/null 2>&1 &
	pid=$!
	tool -n 50 "$@" "start rate=8000 from=12 to=1200" "wait ms=4500" stop >"$WORK/exact.out" 2>&1
	rc=$?
	wait $pid
	cat "$WORK/exact.out"
	# What waits for a neighbour that is flushed is dropped by the kernel.
	[ $rc = 0 ] && at_most "$(sum lost)" 20 && at_most "$(sum bad)" 0
}
check "the same while neighbours are forgotten, IPv4" by_both 150 forgetful $OUT $PEER
check "IPv6" by_both 150 forgetful -f 6 $OUT6 $PEER6

# ---- limits ----

check "a credential with a rate is issued" credential \
	'"location":"internet","limits":{"allocations":100,"kbps":8000}'
# Of 96 Mbit/s each way on four allocations of 8 Mbit/s each, 32 pass; first what their buckets hold,
# a quarter of a second. It is all the kernel's, and what it refuses is counted as user space does.
limited() {
	local up all refused
	exact -n 4 $OUT $PEER "sizes step=50" || return 1
	up=$(in_kernel to_peer) all=$(relayed to_peer)
	refused=$(metric sallyport_relay_drops_total 'reason="over_rate"')
	tool -n 4 $OUT $PEER "start rate=20000 from=600 to=600" "wait ms=5000" stop >"$WORK/exact.out"
	sleep 1.2
	up=$(($(in_kernel to_peer) - up)) all=$(($(relayed to_peer) - all))
	refused=$(($(metric sallyport_relay_drops_total 'reason="over_rate"') - refused))
	cat "$WORK/exact.out"
	echo "$up of $all to peers in the kernel, $refused refused"
	same "$(sum bad)" 0 && same "$all" "$(sum got_up)" && at_least $((up * 100)) $((all * 90)) &&
		same "$refused" $(($(sum sent_up) + $(sum sent_down) - $(sum got_up) - $(sum got_down))) &&
		at_least $((all * 600)) $((4 * 1000000 * 5 * 95 / 100)) &&
		at_most $((all * 600)) $((4 * (1000000 * 5 * 105 / 100 + 250000)))
}
check "flows under a rate limit are kept to their rate in the kernel" limited
check "none of them is left to user space" same \
	"$(metric sallyport_kernel_flows_left_total 'reason="rate_limit"')" 0
check "a credential without is issued" credential '"location":"internet","limits":{"allocations":5000}'

# ---- a client of another project ----

start echo hq turnutils_peer -L $PEER -p 3480
uclient() {
	in_space ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -e $PEER -r 3480 \
		-c -n 100 -m 10 -l 172 -z 10 $OUT >"$WORK/uclient.log" 2>&1
	tail -n 5 "$WORK/uclient.log"
	has "$WORK/uclient.log" 'Total lost packets 0 '
}
before=$(in_kernel to_peer)
check "turnutils_uclient loses nothing" uclient
check "and much of it went through the kernel" at_least "$(($(in_kernel to_peer) - before))" 500

# ---- interfaces come and go ----

anew() {
	in_space edge ip link delete to-ext
	join edge $OUT/24,$OUT6/64 ext 10.200.1.2/24,fd00:200:1::2/64
	in_space ext ethtool -K to-edge gro on
}
check "an interface is deleted and made anew" anew
check "its programs are there again" within 8 eval '[ "$(mode)" = "to-ext kernel native XDP to-hq kernel native XDP " ]'
check "and it relays in the kernel again" by_kernel "$OUT $PEER"

# ---- the end ----

has_program() {
	in_space edge ip link show "$1" | grep -q 'xdp'
}
check "programs can be seen" eval 'has_program to-ext && has_program to-hq'
stop edge KILL
check "after kill -9 none is left" eval '! has_program to-ext && ! has_program to-hq'
check "it starts again" edge_start edge
check "and relays" exact -n 10 $OUT $PEER "sizes step=7"
check "it ends well" ends_well edge
check "and leaves no program" eval '! has_program to-ext && ! has_program to-hq'
finish
