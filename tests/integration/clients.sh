#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients of other projects, as Debian has them, with the relay: aiortc with the credential's iceServers
# as they are, libnice over each transport and with TCP candidates, the example clients of Pion; nat.sh
# has aioice. At the end the agents over each data path. What is not installed is skipped by name.
# Without sanitizers: it tries other agents, not more of the daemon than others do.
. "$(dirname "$0")/lib.sh"
. "$HERE/lib-agent.sh"
begin nft

EDGE=203.0.113.11
GO_SOURCES=${GO_SOURCES:-/usr/share/gocode}
homes
nat natA 192.168.11.2 symmetric
nat natB 192.168.12.2 symmetric
conf edge $EDGE
certificate av ca serverAuth "DNS:av.example.com,IP:$EDGE"
sed -i "/host: av.example.com/a\\      tcp: [$EDGE]\n      tls: [\"$EDGE:443\"]\n\
      certificate: $WORK/av.pem\n      private_key: $WORK/av.key" "$WORK/edge.yaml"
edge_start edge
check "a credential is issued" credential '"location":"internet","route":"directip"'

# ---- Pion: its example sends itself 10 datagrams through the relay, one a second ----

pion() {
	local example=$1 program=$WORK/pion-$1
	GOPATH=$GO_SOURCES GO111MODULE=off GOFLAGS='' GOCACHE=$WORK/go-build timeout 120 go build -o \
		"$program" "github.com/pion/turn/v2/examples/turn-client/$example" >"$WORK/go.log" 2>&1 || {
		cat "$WORK/go.log"
		return 1
	}
	start "pion-$example" out timeout 120 "$program" -host $EDGE -realm $REALM \
		-user "$CRED_USER=$CRED_PASSWORD" -ping
}
PION=
if ! command -v go >/dev/null; then
	skip "Pion" "go is not installed"
elif [ ! -d "$GO_SOURCES/src/github.com/pion/turn/v2" ]; then
	skip "Pion" "github.com/pion/turn/v2 (golang-github-pion-turn.v2-dev) is not installed"
else
	PION="udp tcp"
	for example in $PION; do
		check "Pion: the client for $example is built" pion $example
	done
fi

# ---- libnice ----

# udp drop|accept: what the NATs do with UDP of their clients.
udp() {
	local name
	for name in natA natB; do
		in_space $name nft -f - <<-NFT || exit 1
		table inet firewall
		delete table inet firewall
		table inet firewall {
			chain forward {
				type filter hook forward priority 0
				meta l4proto udp $1
			}
		}
		NFT
	done
}
# relayed NAME OPTIONS...: by libnice, through the relay alone.
relayed() {
	local name=$1
	shift
	check "libnice, $name: two agents connect" meet libnice "$@" || return
	check "libnice, $name: all they sent came" saw "$ALL_CAME"
	check "libnice, $name: over relayed addresses" saw 'all(.[]; .local.type == "relay" and
		.remote.type == "relay")'
	check "libnice, $name: through the edge, twice" at_least "$RELAYED" 1200
}
direct_link() {
	in_space natA ip link set to-natB up
	route natA 192.168.12.0/24 via 172.31.0.2
}
if ldconfig -p | grep -q 'libnice\.so\.10'; then
	in_space natA ip link set to-natB down
	relayed "relay over UDP" policy=relay
	udp drop
	relayed "relay over TCP, no UDP" policy=relay transport=tcp
	direct_link
	check "libnice, ICE-TCP: two agents connect" meet libnice ice=tcp transport=tcp
	check "libnice, ICE-TCP: all they sent came" saw "$ALL_CAME"
	check "libnice, ICE-TCP: over TCP" saw 'all(.[]; .local.transport == "tcp")'
	check "libnice, ICE-TCP: past the edge" at_most "$RELAYED" 10
	check "libnice, ICE-TCP: offered is the address that the edge saw its connection from" saw \
		'[.[].candidates[] | select(.type == "srflx" and .transport == "tcp").address] | unique ==
		["198.51.100.2", "198.51.101.2"]'
	udp accept
	in_space natA ip link set to-natB down
else
	skip "libnice" "libnice10 is not installed"
fi

# ---- aiortc ----

if agent_has aiortc; then
	check "aiortc: two peers connect" meet aiortc
	check "aiortc: ... over the relay, as both have symmetric NATs" saw \
		'any(.[]; .local.type == "relay")'
	check "aiortc: ... all they sent came" saw "$ALL_CAME"
	check "aiortc: ... and sound, both ways" saw 'all(.[].heard; .frames >= 50 and .samples > 0)'
	check "aiortc: ... through the edge" at_least "$RELAYED" 600
else
	skip "aiortc" "python3-aiortc is not installed"
fi

for example in $PION; do
	check "Pion: the client for $example ends by itself" await "pion-$example" 90
	check "Pion: ... with an address of the relay" has "$WORK/pion-$example.log" \
		"relayed-address=$EDGE:5[0-9]{4}"
	check "Pion: ... and 10 answers through it" same \
		"$(grep -cE "bytes from from $EDGE:[0-9]+ time=" "$WORK/pion-$example.log")" 10
done
check "all gave their allocations back" within 30 metric_is edge sallyport_turn_allocations "" 0

# ---- over the other data paths ----

# agent_over LIBRARY PATH: two agents that need one relay, and what they send goes that way. Not two
# relays: what goes from relayed address to relayed address stays in user space.
agent_over() {
	local library=$1 path=$2 before
	before=$(by_path "$path")
	check "$path, $library: two agents connect" meet "$library" relay=A || return
	check "$path, $library: all they sent came" saw "$ALL_CAME"
	check "$path, $library: through the edge" at_least "$RELAYED" 600
	check "$path, $library: past its sockets" within 3 by_path_at_least "$path" $((before + 300))
}
agents_over() {
	! agent_has aiortc || agent_over aiortc "$1"
	! agent_has aioice || agent_over aioice "$1"
	! ldconfig -p | grep -q 'libnice\.so\.10' || agent_over libnice "$1"
}
nat natB 192.168.12.2 port
in_space natA ip link set to-natB down
over_each agents_over
finish
