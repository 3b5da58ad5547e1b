#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two nodes that share a key file and nothing else: a credential and a nonce of one are good at the
# other; with another key they are not; clients of a killed node go on at the other at once.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer nft

space ext edge1 edge2 hq lan
# "lan" is a plain bridge for the outside, so that both nodes have one client address.
in_space lan ip link add name br0 type bridge
in_space lan ip link set br0 up
for leg in "ext 10.200.1.2/24" "edge1 10.200.1.11/24" "edge2 10.200.1.12/24"; do
	read -r name address <<<"$leg"
	join "$name" "$address" lan ""
	in_space lan ip link set "to-$name" master br0
done
join hq 10.200.2.2/24 edge1 10.200.2.11/24
join hq 10.200.3.2/24 edge2 10.200.3.12/24
NODE1=10.200.1.11 NODE2=10.200.1.12

conf edge1 $NODE1 10.200.2.11
conf edge2 $NODE2 10.200.3.12
edge_start edge1
edge_start edge2
MRAS_AT=10.200.2.11
check "node 1 issues a credential" credential '"location":"internet","limits":{"allocations":1000}'

allocate() {
	local server=$1
	shift
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" "$@" "$server" allocate
}
check "it allocates at node 1" answers class=success -- allocate $NODE1
check "it allocates at node 2" answers class=success -- allocate $NODE2
nonce=$(probe ext $NODE1 allocate | field nonce)
check "a nonce of node 1 is good at node 2, unchallenged" answers class=success -- \
	allocate $NODE2 -1 -r $REALM -n "$nonce"

# Another key at node 2, then the pool's again.
secret other
check "node 2 ends" ends_well edge2
CONF_KEYS="{secret_file: $WORK/other.secret}" conf edge2 $NODE2 10.200.3.12
edge_start edge2
check "node 2 with another key refuses the credential" answers code=401 -- allocate $NODE2
check "and the nonce" answers code=438 -- allocate $NODE2 -1 -r $REALM -n "$nonce"
check "node 2 ends" ends_well edge2
conf edge2 $NODE2 10.200.3.12
edge_start edge2
check "with the pool's key it takes the old credential again" answers class=success -- \
	allocate $NODE2

# Node loss. A client relays through node 1, looks once a second whether the node still answers, and
# moves to node 2 when it does not.
client() {
	local server=$1 pid
	relay_through() {
		turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -e 10.200.1.2 -c -n 3000 "$1" &
		pid=$!
	}
	trap 'kill $pid; wait $pid; exit' TERM
	relay_through "$server"
	while "$TOOLS/stunprobe" -W 300 "$server" binding >/dev/null; do
		sleep 1
	done
	kill $pid
	relay_through "$2"
	wait $pid
}
allocations() {
	admin "$1" /metrics | awk '/^sallyport_turn_allocations / { print $2 + 0 }'
}
twenty_at() {
	local n
	n=$(allocations "$1")
	at_least "${n:-0}" 20
}
api_packets() {
	in_space "$1" nft list counter inet watch api | grep -oE 'packets [0-9]+'
}
for node in edge1 edge2; do
	in_space $node nft -f - <<-NFT
		table inet watch {
			counter api { }
			chain in {
				type filter hook input priority 0
				tcp dport 5062 counter name api
			}
		}
	NFT
done
start peer ext turnutils_peer -L 10.200.1.2
export CRED_USER CRED_PASSWORD TOOLS
export -f client
for i in $(seq 20); do
	start "client$i" ext bash -c "client $NODE1 $NODE2"
done
check "twenty clients run on node 1" within 15 twenty_at edge1
before=$(api_packets edge2)
killed=$(date +%s%3N)
stop edge1 KILL
check "within 10 s all are at node 2 with the old credential" within 10 twenty_at edge2
note "took $(($(date +%s%3N) - killed)) ms"
relaying() {
	[ "$(grep -lE 'tot_recv_msgs=[1-9]' "$WORK"/client*.log | wc -l)" = 20 ]
}
check "... and relay" within 10 relaying
check "no credential was asked for" same "$(api_packets edge2)" "$before"
finish
