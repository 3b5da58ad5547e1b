#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two ICE agents behind NATs of several kinds (RFC 4787): where their reflexive addresses lead to each
# other the edge stands aside, and where not it carries one side or both; over UDP, TCP and TLS. All
# pairs of kinds with SALLYPORT_LONG.
# Without sanitizers: it tries other agents, not more of the daemon than others do.
. "$(dirname "$0")/lib.sh"
. "$HERE/lib-agent.sh"
begin nft
EDGE=203.0.113.11
homes
in_space natA ip link set to-natB down
conf edge $EDGE
certificate av ca serverAuth "DNS:av.example.com,IP:$EDGE"
sed -i "/host: av.example.com/a\\      tcp: [$EDGE]\n      tls: [\"$EDGE:443\"]\n\
      certificate: $WORK/av.pem\n      private_key: $WORK/av.key" "$WORK/edge.yaml"
edge_start edge
check "a credential is issued" credential '"location":"internet","route":"directip"'

# behind KIND_A KIND_B: the NATs.
behind() {
	nat natA 192.168.11.2 "$1"
	nat natB 192.168.12.2 "$2"
}
# direct KIND_A KIND_B: they need no relay.
direct() {
	behind "$1" "$2"
	check "$1 and $2: they connect" meet libnice || return
	check "$1 and $2: what they sent came" saw "$ALL_CAME"
	check "$1 and $2: to what the NATs show of each other" saw '[.[].remote.address] ==
		["198.51.101.2", "198.51.100.2"]'
	check "$1 and $2: past the edge" at_most "$RELAYED" 10
}
# mixed KIND_A KIND_B: one side's relayed address meets the reflexive address of the other.
mixed() {
	behind "$1" "$2"
	check "$1 and $2: they connect" meet libnice || return
	check "$1 and $2: what they sent came" saw "$ALL_CAME"
	check "$1 and $2: one side is on the relay, the other is not" saw \
		'[.[] | .local.type == "relay", .remote.type == "relay"] | . == [true, false, false, true] or
		. == [false, true, true, false]'
	check "$1 and $2: all of it through the edge" at_least "$RELAYED" 600
}
# hopeless KIND_A KIND_B: without a relay they would not connect.
hopeless() {
	behind "$1" "$2"
	check "$1 and $2: not without a relay" fails meet libnice relay=none
}
fails() {
	! "$@"
}
if ldconfig -p | grep -q 'libnice\.so\.10'; then
	direct port port
	direct open symmetric
	mixed port symmetric
	if [ -n "$LONG" ]; then
		direct open open
		direct address address
		direct address symmetric
		direct symmetric open
		hopeless port symmetric
		hopeless symmetric symmetric
		mixed symmetric port
		mixed symmetric symmetric
	fi
else
	skip "reflexive addresses" "libnice10 is not installed"
fi

# carried TRANSPORT: they may use the relay alone, and reach it over this.
carried() {
	behind symmetric symmetric
	check "relay over $1: they connect" meet aioice policy=relay "transport=$1" || return
	check "relay over $1: what they sent came" saw "$ALL_CAME"
	check "relay over $1: both are on it" saw 'all(.[]; .candidates == ["relay"] and
		.local.type == "relay" and .local.address == "'$EDGE'" and .remote.address == "'$EDGE'")'
	check "relay over $1: all of it through the edge, twice" at_least "$RELAYED" 1200
	check "relay over $1: they gave their allocations back" within 30 \
		metric_is edge sallyport_turn_allocations "" 0
}
if agent_has aioice; then
	for transport in udp tcp tls; do
		carried $transport
	done
else
	skip "aioice" "python3-aioice is not installed"
fi
finish
