#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two clients reach each other through two relayed addresses: of one node, of two nodes, and of a
# node behind a 1:1 NAT that advertises its public address.
# Over each data path: the peers are the node itself.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient nft

space extA extB out edge1 edge2 edge3 nat hq
# "out" is the Internet: a router.
join extA 198.51.100.2/24 out 198.51.100.1/24
join extB 198.51.101.2/24 out 198.51.101.1/24
join edge1 203.0.113.11/28 out 203.0.113.1/28
join edge2 203.0.113.21/28 out 203.0.113.17/28
join nat 203.0.113.34/28 out 203.0.113.33/28
join edge3 10.45.16.2/24 nat 10.45.16.1/24
route extA default via 198.51.100.1
route extB default via 198.51.101.1
route edge1 default via 203.0.113.1
route edge2 default via 203.0.113.17
route nat default via 203.0.113.33
route edge3 default via 10.45.16.1
route out 203.0.113.40 via 203.0.113.34
for name in out nat; do
	in_space $name sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0
done
in_space nat nft -f - <<-NFT
	table ip nat {
		chain pre {
			type nat hook prerouting priority -100
			ip daddr 203.0.113.40 dnat to 10.45.16.2
		}
		chain post {
			type nat hook postrouting priority 100
			ip saddr 10.45.16.2 snat to 203.0.113.40
		}
	}
NFT
n=1
for node in edge1 edge2 edge3; do
	join hq 10.200.$n.2/24 $node 10.200.$n.1/24
	n=$((n + 1))
done
CONF_RELAY='{address: 203.0.113.11}' conf edge1 203.0.113.11 10.200.1.1
CONF_RELAY='{address: 203.0.113.21}' conf edge2 203.0.113.21 10.200.2.1
CONF_RELAY='{address: 10.45.16.2, advertise: 203.0.113.40}' conf edge3 10.45.16.2 10.200.3.1
for node in edge1 edge2 edge3; do
	edge_start $node
done
MRAS_AT=10.200.1.1
check "a credential is issued" credential '"location":"internet","limits":{"allocations":100}'

# say FROM TO: FROM sends through its allocation to TO's relayed address, TO gets it as Data.
say() {
	talk "$1" "send peer=${RELAYED[$2]} text=hello-from-$1"
	answers class=indication "peer=${RELAYED[$1]}" "text=hello-from-$1" -- \
		talk "$2" "receive wait=3000"
}

# meet NAME SERVER_A SERVER_B PREFIX_A PREFIX_B
declare -A RELAYED
meet() {
	local name=$1 who
	talk_open A extA -u "$CRED_USER" -w "$CRED_PASSWORD" "$2"
	talk_open B extB -u "$CRED_USER" -w "$CRED_PASSWORD" "$3"
	for who in A B; do
		RELAYED[$who]=$(talk $who allocate | field relayed)
	done
	check "$name: relayed address of A" prints "^$4:5[0-9]{4}\$" -- echo "${RELAYED[A]}"
	check "$name: relayed address of B" prints "^$5:5[0-9]{4}\$" -- echo "${RELAYED[B]}"
	check "$name: A permits B" answers class=success -- talk A "permission peer=${RELAYED[B]}"
	check "$name: B permits A" answers class=success -- talk B "permission peer=${RELAYED[A]}"
	check "$name: A reaches B" say A B
	check "$name: B reaches A" say B A
	check "$name: A binds a channel to B" answers class=success -- \
		talk A "bind channel=0x4000 peer=${RELAYED[B]}"
	talk A "data channel=0x4000 text=channelled" >/dev/null
	check "$name: ChannelData arrives" answers "peer=${RELAYED[A]}" text=channelled -- \
		talk B "receive wait=3000"
	talk_close A
	talk_close B
}
meet "one node" 203.0.113.11 203.0.113.11 203.0.113.11 203.0.113.11
meet "two nodes" 203.0.113.11 203.0.113.21 203.0.113.11 203.0.113.21
meet "1:1 NAT" 203.0.113.40 203.0.113.40 203.0.113.40 203.0.113.40
meet "1:1 NAT and a plain node" 203.0.113.40 203.0.113.11 203.0.113.40 203.0.113.11
check "1:1 NAT: real clients with each other" lossless uclient extA 203.0.113.40 -y -c -n 50 -m 4
finish
