#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Relay ports without sockets, which real clients and peers do not notice: the two ways out of the host,
# ICMP, long packets, neighbours that change, ports that others have, an end by force, and a host that
# does not allow it.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer capsh

OUT=10.200.1.1 OUT6=fd00:200:1::1
PEER=10.200.2.2 PEER6=fd00:200:2::2
NEAR=10.200.2.1 NEAR6=fd00:200:2::1
site
SALLYPORT_DATAPATH=steer
CONF_WORKERS=2 conf edge $OUT $NEAR $OUT6 $NEAR6
edge_start edge
start peer hq turnutils_peer -L $PEER
start peer6 hq turnutils_peer -L $PEER6
start near edge turnutils_peer -L $NEAR
start near6 edge turnutils_peer -L $NEAR6
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'

sent() {
	metric edge sallyport_net_steer_sent_total "by=\"$1\""
}
# by frame|raw AT_LEAST COMMAND...: it succeeds, and so many more datagrams have left that way.
by() {
	local before
	before=$(sent "$1")
	"${@:3}" || return 1
	at_least $(($(sent "$1") - before)) "$2"
}
relays() {
	lossless uclient ext "$@"
}

# ---- the two ways out ----

check "what can be said of a path is asked for by the first packets" relays $OUT -e $PEER -c -n 20
relays $OUT6 -e $PEER6 -c -x -n 20 >/dev/null
# All at once. One that went the wrong way either way would have 50 packets and more in the wrong sum.
frames=$(sent frame) raw=$(sent raw)
relaying "IPv4: to the peer and to the client" ext $OUT -e $PEER -c -n 100 -m 2
relaying "IPv6: to the peer and to the client" ext $OUT6 -e $PEER6 -c -x -n 100 -m 2
relaying "IPv4 to IPv6" ext $OUT -e $PEER6 -c -x -n 50
relaying "IPv6 to IPv4" ext $OUT6 -e $PEER -c -X -n 50
relaying "Send indications" ext $OUT -e $PEER -c -s -n 50
relaying "clients with each other: peers are relayed addresses" ext $OUT -y -c -n 50 -m 2
relaying "a peer's socket on this host" ext $OUT -e $NEAR -c -n 50
relaying "a peer's socket on this host, IPv6" ext $OUT6 -e $NEAR6 -c -x -n 50
all_relayed
frames=$(($(sent frame) - frames)) raw=$(($(sent raw) - raw))
note "$frames frames, $raw raw"
check "frames to peers on the wires and to all clients" at_least $frames \
	$((390 + 390 + 95 + 95 + 95 + 95 + 45 + 45))
check "raw to what is on this host" at_least $raw $((95 + 45 + 45))
check "and to nobody else" at_most $raw $((100 + 50 + 50 + 35))

# ---- one socket for all ----

no_sockets() {
	in_space edge ss -Huan >"$WORK/ss"
	has_not "$WORK/ss" "($OUT|$OUT6\]):5[0-9]{4} "
}
talk_open holder ext -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT
check "an allocation" answers class=success -- talk holder allocate
check "has no socket" no_sockets

# ---- ICMP ----

unreachable() {
	in_space hq python3 - $OUT "$1" <<-PY
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(3)
	s.connect((sys.argv[1], int(sys.argv[2])))
	s.send(b"x")
	try:
	    s.recv(1)
	except ConnectionRefusedError:
	    sys.exit(0)
	except TimeoutError:
	    sys.exit(1)
	PY
}
# Clients of before have not given theirs back.
NOBODYS=$(admin edge /admin/v1/allocations | python3 -c '
import re, sys
taken = set(re.findall(r":(5[0-9]{4})\b", sys.stdin.read()))
print(next(port for port in range(59998, 50000, -1) if str(port) not in taken))')
check "a port that nobody has answers with ICMP" within 5 unreachable "$NOBODYS"
icmp_comes() {
	talk holder "permission peer=$PEER:9" >/dev/null
	talk holder "send peer=$PEER:9 text=nobody-listens" >/dev/null
	within 3 metric_at_least edge sallyport_net_icmp_errors_total "" "$1"
}
check "an error that a datagram meets comes back to its port" icmp_comes 1
HELD=$(grep -oE 'relayed=[^ ]+' "$WORK/holder.log" | tail -n 1 | cut -d: -f2)
not_unreachable() {
	! unreachable "$1"
}
check "a port in use does not answer with ICMP" not_unreachable "$HELD"
talk holder "refresh lifetime=0" >/dev/null
check "but once it is deleted" unreachable "$HELD"
talk_close holder

# ---- long packets ----

check "fragments leave and arrive, IPv4" relays $OUT -e $PEER -c -l 3000 -n 20
check "fragments leave and arrive, IPv6" relays $OUT6 -e $PEER6 -c -x -l 3000 -n 20
route edge 10.200.2.2 dev to-hq mtu 600
check "a smaller MTU of a route: the kernel fragments" by raw 45 relays $OUT -e $PEER -c -l 1000 -n 50
in_space edge ip route del 10.200.2.2
sleep 0.2
check "and no more when it is gone" by frame 95 relays $OUT -e $PEER -c -l 1000 -n 50

# ---- neighbours ----

new_mac() {
	in_space hq ip link set to-edge down
	in_space hq ip link set to-edge address 02:00:00:00:00:77
	in_space hq ip link set to-edge up
	address_add hq to-edge fd00:200:2::2/64 2>/dev/null
	in_space hq ip route replace 10.200.1.0/24 via 10.200.2.1
	in_space hq ip -6 route replace fd00:200:1::/64 via fd00:200:2::1
	# As a host does that comes up, it says something.
	in_space hq bash -c 'echo >/dev/udp/10.200.2.1/9'
}
check "the peer comes back with another MAC address" new_mac
check "and is reached there" by frame 95 relays $OUT -e $PEER -c -n 50

# ---- ports of others ----

taken() {
	start squatter edge python3 -c "
import socket, time
held = []
for port in range(50000, 60000):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('$OUT', port))
    held.append(s)
print('held', flush=True)
time.sleep(60)"
	within 20 grep -q held "$WORK/squatter.log"
}
if [ "$(ulimit -Hn)" -ge 12000 ]; then
	ulimit -n 12000
	check "another program binds all ports" taken
	check "an allocation is refused with 508" answers code=508 -- \
		probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT allocate
	stop squatter
	check "when it has gone there is one" answers code=0 -- \
		probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT allocate
fi

# ---- the end, and what is not allowed ----

if command -v bpftool >/dev/null; then
	PROGRAM=$(grep -hs '^prog_id' "/proc/${PIDS[edge]}"/fdinfo/* | awk '{ print $2; exit }')
	check "its program is in the kernel" bpftool prog show id "$PROGRAM"
	stop edge KILL
	gone() { ! bpftool prog show id "$PROGRAM"; }
	check "killed, it leaves no program in the kernel" within 5 gone
else
	stop edge KILL
fi
check "nor a port" unreachable 50000
NODES=()
sed 's/^admin: .*/admin: {socket: '"${WORK//\//\\/}"'\/poor.sock}/' "$WORK/edge.yaml" >"$WORK/poor.yaml"
refused() {
	start poor edge capsh --drop=cap_net_admin,cap_bpf,cap_sys_admin,cap_net_raw -- \
		-c "exec $SALLYPORTD -f -c $WORK/poor.yaml"
	await poor 10
	cat "$WORK/poor.log"
	same "$STATUS" 1 && has "$WORK/poor.log" 'steer.*CAP_'
}
check "without capabilities it is refused, with the reason" refused
sed -i 's/datapath: steer/datapath: auto/' "$WORK/poor.yaml"
falls_back() {
	start poor edge capsh --drop=cap_net_admin,cap_bpf,cap_sys_admin,cap_net_raw -- \
		-c "exec $SALLYPORTD -f -c $WORK/poor.yaml"
	within 10 is_ready poor || { cat "$WORK/poor.log"; return 1; }
	stop poor
	has "$WORK/poor.log" 'kind=socket.*CAP_'
}
check "auto goes on with sockets, and says why" falls_back
no_port_is_left() {
	sed -i 's/datapath: auto/datapath: steer/' "$WORK/poor.yaml"
	in_space edge sysctl -qw net.ipv4.ip_local_port_range='50000 59999' \
		net.ipv4.ip_local_reserved_ports=50000-59999
	start poor edge "$SALLYPORTD" -f -c "$WORK/poor.yaml"
	await poor 10
	cat "$WORK/poor.log"
	same "$STATUS" 1 && has "$WORK/poor.log" 'steer.*ip_local_port_range.*ip_local_reserved_ports'
}
check "where all ports are reserved it says so" no_port_is_left
finish
