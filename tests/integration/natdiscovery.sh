#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Behaviour discovery (RFC 5780): a client finds out what NAT it is behind. The NATs are nftables'
# rules in a namespace between the client and the edge; coturn's client is the judge.
# Without sanitizers: it tries network address translation.
. "$(dirname "$0")/lib.sh"
begin turnutils_natdiscovery nft

# "home" is behind "nat", which has one outside address; the edge has two addresses outside.
A1=10.200.1.1 A2=10.200.1.3 NAT=10.200.1.10 HOME=10.200.7.2
site
space home nat
join home $HOME/24 nat 10.200.7.1/24
route home default via 10.200.7.1
join nat 10.200.8.2/24 edge 10.200.8.1/24
route nat default via 10.200.8.1
in_space nat ip address add $NAT/32 dev lo
route edge $NAT/32 via 10.200.8.2
in_space nat sysctl -qw net.ipv4.ip_forward=1
in_space edge ip address add $A2/24 dev to-ext
CONF_WORKERS=2 CONF_RELAY="{address: $A1}" conf edge $A1
sed -i "s|listen: \[\"$A1\"\]|behavior_discovery: true\n      tcp: [\"$A1\"]\n      listen: [\"$A1\", \"$A1:3479\", \"$A2\", \"$A2:3479\"]|" \
	"$WORK/edge.yaml"

refused() {
	sed "$1" "$WORK/edge.yaml" >"$WORK/bad.yaml"
	prints "$2" -- "$SALLYPORTD" -t -c "$WORK/bad.yaml"
}
check "three listeners are not enough" refused "s|, \"$A2:3479\"\]|]|" 'needs two addresses'
check "four that do not match are not enough" refused "s|$A2:3479|$A2:3480|" 'needs two addresses'
check "balancers and discovery do not go together" refused \
	"s|behavior_discovery: true|&\n      proxy_protocol: [192.0.2.1]|" 'use a face without'
edge_start edge

metric() {
	admin edge /metrics | grep -E "^$1" | head -n 1 | awk '{ print $2 }'
}

# finds SPACE OPTIONS -- VERDICT...: the client comes to these verdicts, and to no other.
finds() {
	local options=() verdict where=$1
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	in_space "$where" timeout 90 turnutils_natdiscovery "${options[@]}" $A1 >"$WORK/finds.out" 2>&1
	cat "$WORK/finds.out"
	for verdict in "$@"; do
		has "$WORK/finds.out" "^NAT with $verdict!" || return 1
	done
	same "$(grep -c '^NAT with' "$WORK/finds.out")" $#
}
# nat_of RULES: the NAT's, anew.
nat_of() {
	in_space nat nft -f - <<-NFT
	flush ruleset
	table ip nat {
		$1
	}
	NFT
}
snat() {
	echo "chain post { type nat hook postrouting priority 100; oif to-edge snat to $NAT ${1:-}; }"
}

INDEPENDENT="Endpoint Independent"
ADDRESS="Address Dependent"
PORT="Address and Port Dependent"
check "no NAT: both are independent" finds ext -m -f -- "$INDEPENDENT Mapping" \
	"$INDEPENDENT Filtering"
nat_of "$(snat)"
check "a NAT that keeps ports: what comes from elsewhere does not get in" finds home -m -f -- \
	"$INDEPENDENT Mapping" "$PORT Filtering"
check "the answers had the NAT's address" has "$WORK/finds.out" "reflexive addr: $NAT:"
nat_of "$(snat random)"
check "a NAT with another port each time: symmetric" finds home -m -f -- "$PORT Mapping" \
	"$PORT Filtering"
nat_of "$(snat)
	chain pre { type nat hook prerouting priority -100; iif to-edge dnat to $HOME; }"
check "a NAT that lets everything in: a full cone" finds home -m -f -- "$INDEPENDENT Mapping" \
	"$INDEPENDENT Filtering"
check "the same in fragments: padding of 1500 bytes, there and back" finds home -m -f -P -- \
	"$INDEPENDENT Mapping" "$INDEPENDENT Filtering"
nat_of "$(snat)
	set seen { type ipv4_addr; flags dynamic, timeout; timeout 1m; }
	chain out { type filter hook forward priority 0; iif to-home add @seen { ip daddr }; }
	chain pre { type nat hook prerouting priority -100; iif to-edge ip saddr @seen dnat to $HOME; }"
check "a NAT that looks at addresses only: a restricted cone" finds home -f -- "$ADDRESS Filtering"
check "answers left from other listeners, or to other ports" at_least \
	"$(metric sallyport_stun_bindings_changed_total)" 8

nat_of "$(snat)"
check "an answer goes to another port of the client: the lifetime test" prints 'RFC 5780 response 2' -- \
	in_space home timeout 60 turnutils_natdiscovery -t -T 1 $A1
# An RFC 3489 client: MAPPED-ADDRESS, SOURCE-ADDRESS 10.200.1.1:3478, CHANGED-ADDRESS 10.200.1.3:3479.
check "a client of RFC 3489 hears of both addresses" prints \
	'hex=010100240{24}00000000000100080001[0-9a-f]{4}0ac80102000400080001'"0d960ac80101000500080001"'0d970ac80103' -- \
	probe ext $A1 "hex bytes=0001000000000000000000000000000000000000"
check "on TCP nobody does" prints 'class=success .*reply=32 ' -- \
	probe ext -t $A1 "hex bytes=000100002112a4426162636465666768696a6b6c"
check "a listener of another face does not know CHANGE-REQUEST" prints 'code=420.* unknown=0x0003' -- \
	probe hq 10.200.2.1 "hex bytes=000100082112a4426162636465666768696a6b6c0003000400000006"
finish
