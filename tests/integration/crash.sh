#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon ends under load, killed or told to: not one datagram of a dead allocation passes any more,
# nothing of it stays in the kernel, and the next one relays as if nothing had been. It is replaced under
# load: nothing is lost, and all stays in order. For the back end that SALLYPORT_DATAPATH names.
# Without sanitizers: a daemon that is ten times slower loses packets under load.
# Takes 30 s.
# Over each data path: it leaves nothing in the kernel.
. "$(dirname "$0")/lib.sh"
. "$HERE/lib-relaycheck.sh"
begin

site
address_add hq to-edge 10.200.2.3/24
write_conf
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'
CSUM_BEFORE=$(csum_errors)

# ---- what a daemon leaves in the kernel ----

# programs NAME: ids of the BPF programs that it holds, itself or by what it has attached.
programs() {
	cat "/proc/${PIDS[$1]}/fdinfo/"* 2>/dev/null | awk '/^prog_id:/ { print $2 }' | sort -un | tr '\n' ' '
}
# freed ID...: none of these programs exists. Links are given up a moment after their process has gone.
freed() {
	local id
	for id in "$@"; do
		! bpftool prog show id "$id" 2>/dev/null || return 1
	done
}
# Nothing is attached to an interface of the node or to its namespace.
detached() {
	local inode
	inode=$(stat -L -c %i "/run/netns/$RUN-edge")
	in_space edge bpftool -j net list | jq -c . | tee "$WORK/net.json"
	jq -e '[.[] | .[]? | .[]?] == []' "$WORK/net.json" >/dev/null || return 1
	! in_space edge ip -d link | grep -E 'xdp' &&
		! bpftool -j link list | jq -e --argjson inode "$inode" \
			'.[] | select(.netns_ino == $inode)'
}
# clean_after PROGRAMS: nothing is left of it.
clean_after() {
	command -v bpftool >/dev/null || { note "no bpftool"; return 0; }
	within 3 freed $1 && within 3 detached
}

# ---- the end, three times killed and once told ----

session v4 ext hq -n 20 $OUT $PEER,10.200.2.3
session v6 ext hq -n 5 -f 6 $OUT6 $PEER6
session pairs ext hq -y -n 5 $OUT $PEER
SESSIONS="v4 v6 pairs"

# to_all STEP...
to_all() {
	local name
	for name in $SESSIONS; do
		quietly "$name" "$@"
	done
}
# ends SIGNAL STATUS
ends() {
	stop edge "$1" && same "$STATUS" "$2"
}
# after_end NAME SIGNAL STATUS: ends the daemon under load, and begins anew.
after_end() {
	local name
	PROGRAMS=$(programs edge)
	note "$1: BPF programs of the daemon: ${PROGRAMS:-none}"
	to_all "start rate=1500"
	sleep 0.3
	check "$1: the daemon ends under load" ends "$2" "$3"
	sleep 0.05
	to_all dead
	sleep 0.5
	for name in $SESSIONS; do
		check "$1: nothing of $name passes any more" says $name stop "$SILENT"
	done
	check "$1: nothing of it stays in the kernel" clean_after "$PROGRAMS"
	edge_start edge
	to_all "start rate=1500"
	sleep 0.3
	for name in $SESSIONS; do
		check "$1: nor when the next daemon runs, $name" says $name stop "$SILENT"
		check "$1: $name allocates anew" says $name allocate 'done=([0-9]+) of=\1'
	done
	to_all alive "start rate=1500"
	sleep 0.3
	for name in $SESSIONS; do
		check "$1: the new allocations relay, $name" says $name stop "$CLEAN"
		check "$1: the frames were right, $name" says $name wire "$FRAMES"
	done
}
after_end "killed" KILL 137
after_end "killed again" KILL 137
after_end "stopped" TERM 0

# ---- a daemon that is replaced ----

# take_over NAME: it is the one that runs from then on.
RUNNING=edge
take_over() {
	start "$1" edge "$SALLYPORTD" --take-over -f -c "$WORK/edge.yaml"
	within 10 taken_or_dead "$1" && running "$1" && grep -q 'taken over' "$WORK/$1.log" || {
		cat "$WORK/$1.log"
		return 1
	}
	await $RUNNING 15
	same "$STATUS" 0 || return
	RUNNING=$1
	NODES=("$1")
}
taken_or_dead() {
	! running "$1" || grep -q 'taken over' "$WORK/$1.log"
}
to_all "start rate=1500"
sleep 0.2
PROGRAMS=$(programs edge)
check "it is replaced under load" take_over second
sleep 0.2
check "and once more" take_over third
sleep 0.2
for name in $SESSIONS; do
	check "nothing is lost, all is in order: $name" says $name stop "$CLEAN"
	check "the frames were right: $name" says $name wire "$FRAMES"
done
check "all are refreshed in the new process" says v4 refresh 'done=20 of=20'
freed_all() {
	within 3 freed $PROGRAMS
}
[ -z "$PROGRAMS" ] || check "the first one's programs are gone" freed_all
PROGRAMS=$(programs third)
to_all "start rate=1500"
sleep 0.2
stop third KILL
sleep 0.05
to_all dead
sleep 0.3
for name in $SESSIONS; do
	check "when the last one is killed nothing passes: $name" says $name stop "$SILENT"
done
check "and nothing stays in the kernel" clean_after "$PROGRAMS"
NODES=()
check "no kernel has met a wrong checksum" same "$(csum_errors)" "$CSUM_BEFORE"
finish
