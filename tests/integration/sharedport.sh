#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# All clients relayed through one port: a packet filter lets in the listening port, this one port and
# answers to what was sent, as a container with two published ports does.
# With sockets only: its packet filter knows answers by connection tracking, which frames go past.
. "$(dirname "$0")/lib.sh"
SALLYPORT_DATAPATH=socket
begin turnutils_uclient turnutils_peer nft

OUT=10.200.1.1
PEER=10.200.2.2
site
CONF_WORKERS=1 CONF_RELAY_MORE="    shared_port: 40000" conf edge

# Held by another program, the port is named and nothing starts.
start holder edge python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.200.1.1", 40000))
print("bound", flush=True)
time.sleep(60)'
refused() {
	within 5 has "$WORK/holder.log" bound || return 1
	start early edge "$SALLYPORTD" -f -c "$WORK/edge.yaml"
	await early 10
	same "$STATUS" 1 && has "$WORK/early.log" 'edge.relay.shared_port.*another program'
}
check "a port that another program holds is named at start" refused
stop holder

edge_start edge
in_space edge nft -f - <<NFT
table ip published {
	chain input {
		type filter hook input priority 0; policy drop;
		iif lo accept
		ct state established,related accept
		icmp type { destination-unreachable, time-exceeded } accept
		udp dport { 3478, 40000 } accept
		ip daddr 10.200.2.1 tcp dport 5062 accept
	}
}
NFT
start peer hq turnutils_peer -L $PEER
start peer2 hq turnutils_peer -L $PEER -p 3490
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'

fallbacks() {
	admin edge /metrics | awk '$1 == "sallyport_turn_shared_port_fallbacks_total" { print $2 }'
}
relayed_at() {
	answers code=0 "relayed=$OUT:40000" -- probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" \
		$OUT allocate
}
check "a client is told the one port" relayed_at
check "channels to a peer" lossless uclient ext $OUT -e $PEER -c -n 50
check "Send indications to a peer" lossless uclient ext $OUT -e $PEER -c -s -n 50
check "no client needed a port of its own" same "$(fallbacks)" 0

both() {
	start one ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
		-e $PEER -c -n 100 $OUT
	start two ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
		-e $PEER -r 3490 -c -n 100 $OUT
	await one 60 && uclient_clean "$WORK/one.log" && await two 60 && uclient_clean "$WORK/two.log"
}
check "two clients of two peers on one host share the port" both
check "and still none needed its own" same "$(fallbacks)" 0

check "twenty clients of one peer, channels" lossless uclient ext $OUT -e $PEER -c -n 50 -m 20
# How many depends on how they overlap; the first of those that do has the shared port.
some_not_all() {
	at_least "$1" 1 && at_most "$1" 19
}
check "those that came while another met the peer got a port of their own" \
	some_not_all "$(fallbacks)"
check "twenty clients of one peer, Send" lossless uclient ext $OUT -e $PEER -c -s -n 50 -m 20

finish
