#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What net/path says of the ways out of a host, while the host's network changes under it.
#
#   peer1 10.201.1.2 -- 10.201.1.1 edge 10.201.2.1 -- 10.201.2.2 peer2
. "$(dirname "$0")/lib.sh"
begin
PROBE=$TOOLS/pathprobe
[ -x "$PROBE" ] || skip_all "pathprobe is not built"

MAC1=02:00:00:00:01:02
MAC2=02:00:00:00:02:02
wire1() {
	join edge 10.201.1.1/24,fd00:201:1::1/64 peer1 10.201.1.2/24,fd00:201:1::2/64
}
joined() { # peers have their addresses before anybody can ask for them
	case $1 in
	peer1) in_space peer1 ip link set "$2" address $MAC1 ;;
	peer2) in_space peer2 ip link set "$2" address $MAC2 ;;
	esac
}
space edge peer1 peer2
wire1
join edge 10.201.2.1/24 peer2 10.201.2.2/24
route edge 198.51.100.0/24 via 10.201.1.2
in_space edge ip route add 203.0.113.0/24 via inet6 fd00:201:1::2 dev to-peer1
in_space edge ip tuntap add tun9 mode tun
in_space edge ip link set tun9 up
route edge 192.0.2.0/24 dev tun9

# last REMOTE: what was said of it last. is REMOTE PATTERN: that is it in time.
last() {
	grep -F "$1: " "$WORK/probe.log" | tail -n 1
}
last_is() {
	last "$1" | grep -qE -- "$2"
}
is() {
	within 5 last_is "$1" "$2" || {
		last "$1"
		return 1
	}
}

REMOTES="10.201.1.2 10.201.2.2 198.51.100.7 203.0.113.9 192.0.2.1 10.201.2.1 10.201.1.255 100.64.0.1"
begin_probe() {
	start probe edge "$@" "$PROBE" -s 100 10.201.1.1 $REMOTES
}
begin_probe
check "a neighbour on the link is resolved by what goes the ordinary way" \
	is 10.201.1.2 "ready by to-peer1 mtu 1500 to $MAC1 from .* type 0800"
check "a neighbour on another link too" is 10.201.2.2 "ready by to-peer2 .* to $MAC2"
check "a route by a gateway has the gateway's address" is 198.51.100.7 "ready .* to $MAC1"
check "an IPv6 gateway carries IPv4" is 203.0.113.9 "ready .* to $MAC1 .* type 0800"
check "a tunnel is no Ethernet" is 192.0.2.1 "no Ethernet interface"
check "an address of this host is one" is 10.201.2.1 "an address of this host"
check "a broadcast address is one" is 10.201.1.255 "broadcast or multicast"
check "without a route there is none" is 100.64.0.1 "no route"

in_space edge ip route add 100.64.0.0/16 via 10.201.2.2
check "a new route is seen" is 100.64.0.1 "ready by to-peer2 .* to $MAC2"
in_space edge ip route replace 198.51.100.0/24 via 10.201.2.2
check "a route moves to another interface" is 198.51.100.7 "ready by to-peer2 .* to $MAC2"
in_space edge ip rule add to 198.51.100.0/24 table 77
in_space edge ip route add 198.51.100.0/24 via 10.201.1.2 table 77
check "a rule moves it back" is 198.51.100.7 "ready by to-peer1 .* to $MAC1"
in_space edge ip route replace unreachable 198.51.100.0/24 table 77
check "a route that refuses" is 198.51.100.7 "no route"
in_space edge ip rule delete to 198.51.100.0/24 table 77
in_space edge ip route replace 198.51.100.0/24 via 10.201.1.2
check "and back" is 198.51.100.7 "ready by to-peer1"

# A neighbour that is silent fails, and returns as another machine.
in_space peer1 ip link set to-edge arp off
in_space edge ip neigh replace 10.201.1.2 lladdr $MAC1 dev to-peer1 nud probe
check "a neighbour that does not answer ends readiness" is 10.201.1.2 "not resolved"
check "for all that go over it" is 198.51.100.7 "not resolved"
in_space peer1 ip link set to-edge address 02:00:00:00:01:99 arp on
check "it returns with another address" is 10.201.1.2 "to 02:00:00:00:01:99"
check "for all that go over it" is 198.51.100.7 "to 02:00:00:00:01:99"
in_space peer1 ip link set to-edge address $MAC1
in_space edge ip neigh replace 10.201.1.2 lladdr $MAC1 dev to-peer1 nud reachable
check "the neighbour's address changes" is 10.201.1.2 "to $MAC1"

in_space edge ip link set to-peer1 mtu 1400
check "the interface's MTU is lowered" is 10.201.1.2 "mtu 1400"
in_space edge ip link set to-peer1 mtu 1500
check "and raised" is 10.201.1.2 "mtu 1500"
in_space edge ip route replace 198.51.100.0/24 via 10.201.1.2 mtu 1300
check "the route's MTU is lowered" is 198.51.100.7 "mtu 1300"
in_space edge ip route replace 198.51.100.0/24 via 10.201.1.2
check "and raised again" is 198.51.100.7 "mtu 1500"

# peer1 forwards 198.51.100.0/24 to a wire of 1280 bytes, and says so by ICMP.
in_space peer1 sysctl -qw net.ipv4.ip_forward=1
space far
join peer1 198.51.100.1/24 far 198.51.100.7/24
in_space peer1 ip link set to-far mtu 1280
in_space far ip link set to-peer1 mtu 1280
too_long() { # a datagram that must not be fragmented
	in_space edge python3 - <<-PY
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("10.201.1.1", 0))
		s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
		s.sendto(b"x" * 1400, ("198.51.100.7", 9))
	PY
}
check "a datagram over the far wire's MTU is sent" too_long
known() {
	in_space edge ip route get 198.51.100.7 | grep -q "mtu 1280"
}
check "the kernel hears of the MTU" within 5 known
kill -USR1 "${PIDS[probe]}"
check "what ICMP says of a path's MTU counts" is 198.51.100.7 "mtu 1280"

in_space edge ip link set to-peer1 address 02:00:00:00:01:01
check "our own address changes" is 10.201.1.2 "from 02:00:00:00:01:01"
in_space peer1 ip link set to-edge down
check "a link without carrier is down" is 10.201.1.2 "interface is down"
in_space peer1 ip link set to-edge up
check "and up" is 10.201.1.2 "ready by to-peer1"
in_space edge ip link delete to-peer1
check "an interface is removed" is 198.51.100.7 "no route|interface is down"
wire1
route edge 198.51.100.0/24 via 10.201.1.2
check "and made anew" is 198.51.100.7 "ready by to-peer1 mtu 1500 to $MAC1"
check "its neighbours too" is 10.201.1.2 "ready by to-peer1"
in_space edge ip address delete 10.201.1.1/24 dev to-peer1
check "our address is gone" is 10.201.2.2 "no route"
address_add edge to-peer1 10.201.1.1/24
check "and returns" is 10.201.2.2 "ready by to-peer2"

# An entry in use is confirmed when it would become stale.
in_space edge sysctl -qw net.ipv4.neigh.to-peer2.base_reachable_time_ms=1000
reachable() {
	in_space edge ip neigh show 10.201.2.2 dev to-peer2 | grep -qE "REACHABLE|DELAY|PROBE"
}
in_space edge ip neigh change 10.201.2.2 lladdr $MAC2 dev to-peer2 nud stale
check "a stale neighbour in use is asked by the kernel" within 3 reachable
check "and is ready meanwhile" is 10.201.2.2 "ready by to-peer2"

# Thousands of routes in a second: at the end what is said is right.
for i in $(seq 4000); do
	echo "route add 100.$((65 + i % 60)).$((i / 60)).0/24 via 10.201.2.2"
done >"$WORK/routes"
in_space edge ip -batch "$WORK/routes"
in_space edge ip route replace 100.64.0.0/16 via 10.201.1.2
check "after thousands of changes the last one counts" is 100.64.0.1 "ready by to-peer1"
stop probe
check "the probe ends well" same "$STATUS" 0
has "$WORK/probe.log" "sallyport_net_path_" >/dev/null && sed -n 's/^sallyport/# &/p' "$WORK/probe.log"

# Without CAP_NET_ADMIN.
if command -v setpriv >/dev/null; then
	begin_probe setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all
	check "it works without privilege" is 10.201.2.2 "ready by to-peer2"
	in_space edge ip neigh change 10.201.1.2 lladdr $MAC1 dev to-peer1 nud stale
	check "a stale neighbour gives way to the ordinary path" \
		within 3 has "$WORK/probe.log" "10.201.1.2: next hop to be confirmed"
	check "and is ready again" is 10.201.1.2 "ready by to-peer1"
	reachable1() {
		in_space edge ip neigh show 10.201.1.2 dev to-peer1 | grep -q REACHABLE
	}
	check "by then the kernel has asked it" within 9 reachable1
	stop probe
else
	skip "without privilege" "setpriv is not installed"
fi
finish
