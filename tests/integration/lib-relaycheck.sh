# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For scripts that compare what a relay lets out with what went in: relaycheck between two namespaces
# of the usual site, in one go or driven step by step, and what the kernel and the daemon say of it.

OUT=10.200.1.1 OUT6=fd00:200:1::1
IN=10.200.2.1 IN6=fd00:200:2::1
PEER=10.200.2.2 PEER6=fd00:200:2::2
[ -x "$TOOLS/relaycheck" ] || skip_all "relaycheck is not built"

# write_conf [LINES [PEERS]]: the node's configuration, with further lines of the edge section.
write_conf() {
	CONF_WORKERS=2 CONF_EDGE="${1:-}" conf edge $OUT $IN $OUT6 $IN6
	[ -z "${2:-}" ] || sed -i "s|^  peers: .*|  peers: $2|" "$WORK/edge.yaml"
}

# reload [LINES [PEERS]]: the same, until the daemon has taken it.
reload() {
	local n
	n=$(grep -c ' reloaded ' "$WORK/edge.log")
	write_conf "$@"
	kill -HUP "${PIDS[edge]}"
	within 5 reloaded_after "$n"
}
reloaded_after() {
	[ "$(grep -c ' reloaded ' "$WORK/edge.log")" -gt "$1" ]
}

# What all runs of relaycheck begin with: where its ends stand, and what it looks at there.
tool_arguments() {
	TOOL=("$TOOLS/relaycheck" -u "$CRED_USER" -w "$CRED_PASSWORD"
		-C "/run/netns/$RUN-$1" -P "/run/netns/$RUN-$2")
	[ "$1" != ext ] || TOOL+=(-c to-edge)
	[ "$2" != hq ] || TOOL+=(-p to-edge)
}

# tool CLIENTS_SPACE PEERS_SPACE ARGUMENTS...
tool() {
	tool_arguments "$1" "$2"
	timeout 120 "${TOOL[@]}" "${@:3}"
}

# good FILE: something was relayed; nothing was lost, wrong, out of order or too much; the frames on
# the wire were right.
good() {
	cat "$1"
	grep -qE '^stats sent_up=[1-9].* lost=0 ' "$1" || return 1
	! grep -E '^(stats|wire) ' "$1" | grep -vE '^stats .* lost=0 bad=0 |^wire .* bad=0 .*missed=0$' &&
		has_not "$1" '=bad|^lost|done=0|no such step'
}

# exact CLIENTS_SPACE PEERS_SPACE ARGUMENTS...: all of it is good.
exact() {
	tool "$@" wire >"$WORK/exact.out" 2>&1 || { cat "$WORK/exact.out"; return 1; }
	good "$WORK/exact.out"
}

# session NAME CLIENTS_SPACE PEERS_SPACE ARGUMENTS...: one that stays and is driven by talk.
session() {
	local name=$1
	tool_arguments "$2" "$3"
	rm -f "$WORK/$name.in"
	mkfifo "$WORK/$name.in"
	"${TOOL[@]}" "${@:4}" - <"$WORK/$name.in" >"$WORK/$name.log" 2>&1 &
	PIDS[$name]=$!
	exec {TALK_FD}>"$WORK/$name.in"
	TALK[$name]=$TALK_FD
	within 10 grep -q '^open' "$WORK/$name.log" || { cat "$WORK/$name.log"; return 1; }
}

# says NAME STEP PATTERN: what it prints to that step has a line that matches.
says() {
	talk "$1" "$2" >"$WORK/says.out"
	has "$WORK/says.out" "$3"
}
# quietly NAME STEP...: steps of which nothing is asked.
quietly() {
	local name=$1 step
	shift
	for step in "$@"; do
		talk "$name" "$step" >/dev/null
	done
}
# Something was relayed both ways, and all of it was right.
CLEAN='^stats sent_up=[1-9].* got_up=[1-9].* lost=0 bad=0 '
# What was sent while nothing might pass has not passed.
SILENT='^stats .* stale=0 .* dead=[1-9]'
FRAMES='^wire .* bad=0 .*missed=0$'

# How many datagrams with wrong checksums the kernel has met, in all namespaces.
csum_errors() {
	local space
	for space in "${SPACES[@]}"; do
		in_space "$space" cat /proc/net/snmp /proc/net/snmp6
	done | awk '/^Udp:/ && !h { for (i = 1; i <= NF; i++) if ($i == "InCsumErrors") c = i; h = 1; next }
		/^Udp:/ { n += $c; h = 0 } /^Udp6InCsumErrors/ { n += $2 } END { print n + 0 }'
}
