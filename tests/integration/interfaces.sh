#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Which data path carries what, as the operator asks for it and sees it: the option, interfaces that
# come and go, and what is said where a data path cannot be had.
. "$(dirname "$0")/lib.sh"
begin setpriv

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
LOG=$WORK/edge.log
site

# with DATAPATH: the configuration asks for it.
with() {
	SALLYPORT_DATAPATH=$1 CONF_WORKERS=1 conf edge 10.200.1.1 10.200.2.1 fd00:200:1::1
}
status() {
	"$CTL" -s "$WORK/edge.sock" --json status | jq -r "$1"
}
# shows FILTER TEXT: what the filter makes of the status.
shows() {
	status "$1" >"$WORK/shows.out" && same "$(cat "$WORK/shows.out")" "$2"
}
OUT='.interfaces[] | select(.name == "to-ext")'

# ---- what the configuration asks for ----

with warp
check "an unknown data path is told with its line" \
	prints 'edge.yaml:4:[0-9]+: "warp" is not one of auto, socket' -- "$SALLYPORTD" -t -c "$WORK/edge.yaml"

with socket
edge_start edge
check "sockets when they are asked for" shows "[.datapath] + [.interfaces[].datapath] | unique | join(\" \")" \
	socket
# The kernel calls an interface up a second after its wire is.
check "and that is why it is not faster" within 3 shows "$OUT | .whyNotFaster" '"edge.datapath" is "socket"'
check "an interface is shown with our addresses" shows "$OUT | .addresses | sort | join(\" \")" \
	"10.200.1.1 fd00:200:1::1"
check "as a table too" prints '^to-ext +10\.200\.1\.1 +socket +"edge.datapath" is' -- \
	"$CTL" -s "$WORK/edge.sock" status

# ---- interfaces come and go ----

in_space edge ip address delete 10.200.1.1/24 dev to-ext
check "an address that is gone is told" within 6 has "$LOG" \
	'warning daemon address is on no interface address=10.200.1.1 was_on=to-ext'
check "and shown" shows '.interfaces[] | select(.name == "") | .addresses | join(" ")' 10.200.1.1
address_add edge to-ext 10.200.1.1/24
check "and told when it returns" within 6 has "$LOG" \
	'notice daemon interface is up address=10.200.1.1 interface=to-ext'
in_space ext ip link set to-edge down
check "an interface that is down is told" within 6 has "$LOG" \
	'warning daemon interface is down address=10.200.1.1 interface=to-ext'
check "and shown" shows "$OUT | .whyNotFaster" "interface is down"
in_space ext ip link set to-edge up
check "and up again" within 6 shows "$OUT | .whyNotFaster" '"edge.datapath" is "socket"'
check "the daemon ends well" ends_well edge

# ---- what cannot be had ----

powerless() {
	start edge edge setpriv --inh-caps=-all --bounding-set=-all "$SALLYPORTD" -f -c "$WORK/edge.yaml"
}
for kind in steer kernel; do
	with $kind
	powerless
	await edge 10
	check "$kind without capabilities does not start" at_least "$STATUS" 1
	check "$kind says why" has "$LOG" "error: no data path \"$kind\": .+"
done
with auto
powerless
check "auto without capabilities starts" within 10 is_ready edge
check "with sockets" shows .datapath socket
check "and says why not better, in one line" \
	same "$(grep -cE 'notice daemon data path kind=socket no_steer=".+" no_kernel=".+"' "$LOG")" 1
check "and in the status" shows "$OUT | .whyNotFaster | length > 10" true
check "the daemon ends well" ends_well edge

# ---- what it keeps of its privileges ----

# capabilities: the effective ones of every thread, and those that a program it executes would have.
capabilities() {
	sort -u <(sed -n 's/^CapEff:\t*//p' /proc/"${PIDS[edge]}"/task/*/status) \
		<(sed -n 's/^CapAmb:\t*//p' /proc/"${PIDS[edge]}"/status)
}
keeps() {
	capabilities >"$WORK/caps.out"
	sed -n 's/^Uid://p' /proc/"${PIDS[edge]}"/status
	same "$(cat "$WORK/caps.out")" "$1" &&
		same "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' /proc/"${PIDS[edge]}"/status)" "$(id -u nobody)"
}
# as_nobody DATAPATH
as_nobody() {
	with "$1"
	echo "user: nobody" >>"$WORK/edge.yaml"
	chmod 755 "$WORK"
	edge_start edge
}
as_nobody socket
check "with sockets it keeps no capability" keeps 0000000000000000
check "the daemon ends well" ends_well edge

# The rest only where this build and this kernel can.
can() {
	with "$1"
	start try edge "$SALLYPORTD" -f -c "$WORK/edge.yaml"
	within 10 ready_or_not
	running try
	local rc=$?
	stop try
	return $rc
}
ready_or_not() {
	! running try || is_ready edge
}
best=socket
for kind in steer kernel auto; do
	if [ $kind != auto ] && ! can $kind; then
		skip "what $kind keeps" "$(grep -m 1 error "$WORK/try.log")"
		continue
	fi
	[ $kind = auto ] || best=$kind
	[ $best != socket ] || continue
	as_nobody $kind
	# CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, and in the kernel CAP_PERFMON
	kept=0000008000003000
	[ $best != kernel ] || kept=000000c000003000
	check "with $kind it keeps what that needs, and hands it on" keeps $kept
	check "the daemon ends well" ends_well edge
	with $kind
	start edge edge setpriv --inh-caps=-all \
		--bounding-set=-all,+net_admin,+net_raw,+bpf,+perfmon "$SALLYPORTD" -f -c "$WORK/edge.yaml"
	check "$kind needs no more than these" within 10 is_ready edge
	check "and has them" shows .datapath $best
	check "the daemon ends well" ends_well edge
done
finish
