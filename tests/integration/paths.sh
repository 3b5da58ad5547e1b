#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The network changes under running flows: a neighbour gets another MAC address, goes away and comes
# back, a route moves, an interface goes and comes again, an MTU shrinks, here and on the way. What is
# lost is what no relay could have delivered at that moment, as controls show that are not relayed, and
# afterwards all is as it was. For the back end that SALLYPORT_DATAPATH names.
# Without sanitizers: a daemon that is ten times slower loses packets under load.
# Takes 45 s.
# Has precedence: how long nothing is relayed is part of it.
# Over each data path: it changes what leads there.
. "$(dirname "$0")/lib.sh"
. "$HERE/lib-relaycheck.sh"
begin

RATE=1000
# What waits for a neighbour is let out by the kernel while others already pass it by. Here one datagram
# waits at most, so that the order of the rest is the relay's.
joined() {
	in_space "$1" sysctl -qw "net.ipv4.neigh.$2.unres_qlen_bytes=1" \
		"net.ipv6.neigh.$2.unres_qlen_bytes=1"
}
site
# A second wire between the node and the inside, and a network behind the inside with a small MTU.
in_space edge ip link add to-hq2 type veth peer name to-edge2 netns "$RUN-hq"
address_add edge to-hq2 10.200.12.1/24
address_add edge to-hq2 fd00:200:12::1/64
address_add hq to-edge2 10.200.12.2/24
address_add hq to-edge2 fd00:200:12::2/64
joined edge to-hq2
joined hq to-edge2
in_space edge ip link set to-hq2 up
in_space hq ip link set to-edge2 up
space far
join far 10.200.3.2/24,fd00:200:3::2/64 hq 10.200.3.1/24,fd00:200:3::1/64
route far default via 10.200.3.1
route far default via fd00:200:3::1
route edge 10.200.3.0/24 via 10.200.2.2
route edge fd00:200:3::/64 via $PEER6
# ip_forward sets other values anew, so it comes first. Who gets a new MAC address says so.
in_space hq sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for name in ext edge hq; do
	in_space $name sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv4.conf.all.arp_notify=1 net.ipv4.conf.default.arp_notify=1 \
		net.ipv6.conf.all.ndisc_notify=1 net.ipv6.conf.default.ndisc_notify=1
	for device in $(in_space $name ip -j link | jq -r '.[].ifname' | grep to-); do
		in_space $name sysctl -qw "net.ipv4.conf.$device.rp_filter=0" \
			"net.ipv4.conf.$device.arp_notify=1" "net.ipv6.conf.$device.ndisc_notify=1"
	done
done
write_conf
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'
CSUM_BEFORE=$(csum_errors)

session v4 ext hq -n 5 $OUT $PEER
session v6 ext hq -n 5 -f 6 $OUT6 $PEER6
session across ext hq -n 3 -f 6 $OUT $PEER6
SESSIONS="v4 v6 across"
# The controls: the same traffic on each leg of a relay, without one, so that the network, the kernel's
# own finding of neighbours and a busy host do to it what they do to what is relayed.
session ext4 ext edge -d 10.200.1.2 $OUT
session ext6 ext edge -d fd00:200:1::2 $OUT6
session hq4 edge hq -d $OUT $PEER
session hq6 edge hq -d $OUT6 $PEER6
declare -A LEGS=([v4]="ext4 hq4" [v6]="ext6 hq6" [across]="ext4 hq6") LOST=()
CONTROLS="ext4 ext6 hq4 hq6"
ALLOWED_MS=400 # more than the controls lose; to hear of a change and to find the new path

# Controls begin before what they are compared with and end after it.
load_on() {
	local name
	for name in $CONTROLS $SESSIONS; do
		quietly "$name" "start rate=$RATE $*"
	done
}
load_off() {
	local name
	for name in $SESSIONS $CONTROLS; do
		talk "$name" stop >"$WORK/stop-$name.out"
		LOST[$name]=$(field lost <"$WORK/stop-$name.out")
	done
	note "lost:$(for name in $SESSIONS $CONTROLS; do echo -n " $name ${LOST[$name]}"; done)"
}
nothing_bad() {
	cat "$WORK/stop-$1.out"
	has "$WORK/stop-$1.out" '^stats .* bad=0 '
}
# little_lost NAME: nothing worse than lost, and not much more of that than the controls.
little_lost() {
	local leg most=$((RATE * ALLOWED_MS / 1000))
	for leg in ${LEGS[$1]}; do
		most=$((most + LOST[$leg]))
	done
	nothing_bad "$1" && at_most "${LOST[$1]}" $most
}
# all_arrives: of all of them. While the controls lose something too, this is not yet afterwards.
all_arrives() {
	local name
	load_on to=1472
	sleep 0.4
	load_off
	for name in $CONTROLS; do
		[ "${LOST[$name]}" = 0 ] || return 1
	done
	return 0
}
# change NAME COMMAND...: under load.
change() {
	local what=$1 name
	shift
	load_on to=1400 tos=256
	sleep 0.3
	check "$what" "$@"
	sleep 1
	load_off
	for name in $SESSIONS; do
		check "$what: at most $ALLOWED_MS ms more of $name are lost than without a relay" \
			little_lost $name
	done
	check "$what: afterwards all arrives without a relay" within 10 all_arrives
	for name in $SESSIONS; do
		check "$what: and all of $name" has "$WORK/stop-$name.out" "$CLEAN"
	done
}

# ---- neighbours ----

mac() {
	in_space "$1" ip link set dev to-edge address "$2"
}
change "another MAC address of the peers' host" mac hq 02:00:00:00:02:22
change "another MAC address of the clients' host" mac ext 02:00:00:00:01:11
# The kernel finds out by itself, after some seconds.
silent_mac() {
	in_space hq sysctl -qw net.ipv4.conf.to-edge.arp_notify=0 net.ipv4.conf.all.arp_notify=0 \
		net.ipv6.conf.to-edge.ndisc_notify=0 net.ipv6.conf.all.ndisc_notify=0
	mac hq 02:00:00:00:02:33
	in_space edge ip neigh flush dev to-hq
	in_space edge ip -6 neigh flush dev to-hq
}
change "a MAC address that nobody tells, neighbours flushed" silent_mac
away() {
	in_space hq ip link set to-edge down
	sleep 0.5
	in_space hq ip link set to-edge up
	in_space hq ip address add fd00:200:2::2/64 dev to-edge nodad 2>/dev/null
	in_space hq ip route replace 10.200.1.0/24 via 10.200.2.1
	in_space hq ip -6 route replace fd00:200:1::/64 via fd00:200:2::1
}
change "the peers' host is away for half a second" away

# ---- routes ----

by_second() {
	in_space edge ip route replace $PEER/32 via 10.200.12.2
	in_space edge ip -6 route replace $PEER6/128 via fd00:200:12::2
}
change "the route to the peers moves to another interface" by_second
by_first() {
	in_space edge ip route delete $PEER/32
	in_space edge ip -6 route delete $PEER6/128
}
change "and back" by_first

# ---- MTU ----

# A veth takes no frame that is longer than its own MTU, so both of its ends have the same.
mtu() {
	local name
	for name in ext hq; do
		in_space $name ip link set to-edge mtu "$1"
		in_space edge ip link set to-$name mtu "$1"
	done
}
around() {
	local name
	for name in $SESSIONS; do
		check "$1: every size around it, $name" says $name "sizes from=1180 to=1320" "$CLEAN"
	done
}
change "a smaller MTU of the interfaces" mtu 1300
around "a smaller MTU of the interfaces"
change "the old MTU again" mtu 1500
route_mtu() {
	in_space edge ip route replace $PEER/32 dev to-hq mtu "$1"
	in_space edge ip -6 route replace $PEER6/128 dev to-hq mtu "$1"
	in_space edge ip route replace 10.200.1.2/32 dev to-ext mtu "$1"
	in_space edge ip -6 route replace fd00:200:1::2/128 dev to-ext mtu "$1"
}
change "a smaller MTU of the node's routes" route_mtu 1300
around "a smaller MTU of the node's routes"
route_mtu_gone() {
	by_first
	in_space edge ip route delete 10.200.1.2/32
	in_space edge ip -6 route delete fd00:200:1::2/128
}
change "the routes' old MTU again" route_mtu_gone

# ---- interfaces that go and come ----

inside_anew() {
	in_space edge ip link delete to-hq
	sleep 0.3
	join hq $PEER/24,$PEER6/64 edge $IN/24,$IN6/64
	route hq 10.200.1.0/24 via $IN
	route hq fd00:200:1::/64 via $IN6
	in_space edge ip route replace 10.200.3.0/24 via 10.200.2.2
	in_space edge ip -6 route replace fd00:200:3::/64 via $PEER6
}
change "the inside interface is made anew" inside_anew
outside_anew() {
	in_space edge ip link delete to-ext
	sleep 0.3
	join ext 10.200.1.2/24,fd00:200:1::2/64 edge $OUT/24,$OUT6/64
	route ext 10.200.2.0/24 via $OUT
	route ext fd00:200:2::/64 via $OUT6
}
change "the outside interface is made anew" outside_anew
for name in $SESSIONS $CONTROLS; do
	talk_close $name
done
check "new clients after all that" exact ext hq $OUT $PEER "sizes to=1472 step=3"

# ---- a small MTU on the way ----

in_space hq ip link set to-far mtu 1280
in_space far ip link set to-hq mtu 1280
check "a smaller MTU on the way, IPv4" exact ext far -n 2 $OUT 10.200.3.2 "sizes from=1100 to=1472"
# Over IPv6 the first ones are lost, until the relay's host has been told (RFC 8201).
session narrow ext far -n 2 -f 6 $OUT6 fd00:200:3::2
for size in 1300 1400 1472; do
	quietly narrow "sizes from=$size to=$size"
done
check "a smaller MTU on the way, IPv6" says narrow "sizes from=1100 to=1472" "$CLEAN"
talk_close narrow

# ---- a large MTU ----

stop edge
for name in ext hq; do
	in_space $name ip link set to-edge mtu 9000
	in_space edge ip link set to-$name mtu 9000
done
edge_start edge
check "jumbo frames" exact ext hq -n 2 $OUT $PEER "sizes from=0 to=8960 step=31 window=4" \
	"sizes from=8940 to=9000 window=4"
check "jumbo frames, IPv6" exact ext hq -n 2 -f 6 $OUT6 $PEER6 "sizes from=0 to=8940 step=31 window=4"
check "no kernel has met a wrong checksum" same "$(csum_errors)" "$CSUM_BEFORE"
finish
