#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A web browser takes the iceServers of the credential API's answer as they are. Two pages of headless
# Chromium call each other through the relay alone, with sound, pictures and data: over UDP, TCP and
# TLS, where a firewall leaves nothing else, and with a flow of its own for each kind.
# Without sanitizers: it tries the browser, not more of the daemon than others do.
. "$(dirname "$0")/lib.sh"
. "$HERE/lib-browser.sh"
begin nft
browser_begin

OUT=10.200.1.1
HOSTS=av.example.com=$OUT,av.int.example.com=$OUT # both faces' names lead to the outside one
site
route ext default via $OUT
conf edge
certificate av ca serverAuth "DNS:av.example.com"
sed -i "/host: av.example.com/a\\      tcp: [$OUT]\n      tls: [\"$OUT:443\"]\n\
      certificate: $WORK/av.pem\n      private_key: $WORK/av.key" "$WORK/edge.yaml"
edge_start edge

# only [PROTOCOL PORT]: what a firewall on the way from the browser to the edge lets through.
only() {
	in_space edge nft flush ruleset
	[ $# = 0 ] || in_space edge nft -f - <<-NFT
	table inet firewall {
		chain in {
			type filter hook input priority 0
			iifname "to-ext" $1 dport $2 accept
			iifname "to-ext" meta l4proto udp drop
			iifname "to-ext" meta l4proto tcp reject with tcp reset
		}
	}
	NFT
}
# calls NAME PROTOCOL URL FLOWS OPTIONS...: a call, and what was found of it and counted for it.
calls() {
	local name=$1 protocol=$2 url=$3 flows=$4
	local granted to_peer to_client bytes
	shift 4
	granted=$(metric edge sallyport_turn_requests_total 'method="allocate"')
	to_peer=$(metric edge sallyport_relay_packets_total 'direction="to_peer"')
	to_client=$(metric edge sallyport_relay_packets_total 'direction="to_client"')
	bytes=$(metric edge sallyport_relay_bytes_total 'direction="to_client"')
	check "$name: two pages call each other" browse ext call hosts=$HOSTS "$@" || return
	note "$name: connected after $(jq -c '[.[]?.setup_ms]' "$WORK/browser.json") ms"
	check "$name: all their candidates are of the relay" found 'length == 2 and
		all(.[].candidates; length > 0 and all(.[]; .type == "relay" and .address == $out))' \
		--arg out $OUT
	check "$name: $flows flow(s) on each side" found 'all(.[].transports; length == $n)' \
		--argjson n "$flows"
	check "$name: selected are relayed candidates of $url" found \
		'all(.[].transports[].local; .candidateType == "relay" and .relayProtocol == $protocol and
		.url == $url) and all(.[].transports[].remote; .candidateType == "relay")' \
		--arg protocol "$protocol" --arg url "$url"
	check "$name: ... that lead to each other" found '([.[].transports | sort_by(.local.port)[] |
		[.local, .remote | "\(.address):\(.port)"]]) as $pairs |
		($pairs | map(reverse) | sort) == ($pairs | sort)'
	check "$name: 1,000 messages came in order, both ways" found 'all(.[]; .received == 1000)'
	check "$name: sound came, both ways" found \
		'all(.[].audio; .packetsReceived >= 100 and .totalAudioEnergy > 0)'
	check "$name: pictures came, both ways" found \
		'all(.[].video; .framesDecoded >= 15 and .bytesReceived > 10000)'
	check "$name: every flow carried both ways" found \
		'all(.[].transports[]; .bytesSent > 3000 and .bytesReceived > 3000)'
	check "$name: no connection was lost on the way" found \
		'all(.[]; .states == ["connecting", "connected"])'
	check "$name: the daemon relayed toward the peers" metric_at_least edge \
		sallyport_relay_packets_total 'direction="to_peer"' $((to_peer + 1000))
	check "$name: ... and toward the clients" metric_at_least edge \
		sallyport_relay_packets_total 'direction="to_client"' $((to_client + 1000))
	check "$name: ... all that the messages were" metric_at_least edge \
		sallyport_relay_bytes_total 'direction="to_client"' $((bytes + 1000000))
	check "$name: an allocation was granted for each flow" metric_at_least edge \
		sallyport_turn_requests_total 'method="allocate"' $((granted + 2 * flows))
	check "$name: the closed connections gave their allocations back" within 30 \
		metric_is edge sallyport_turn_allocations "" 0
}

check "a credential for outside" credential '"location":"internet"'
UDP="turn:av.example.com:3478?transport=udp"
TCP="turn:av.example.com:3478?transport=tcp"
TLS="turns:av.example.com:443?transport=tcp"
# With all of them open the browser starts on any and ends on UDP, which ladder.sh waits for.
only udp 3478
calls UDP udp $UDP 1
calls "three kinds" udp $UDP 3 bundle=no seconds=${LONG:+30}

# One outside and one inside, each with a credential for where it is.
cp "$WORK/credential.json" "$WORK/outside.json"
check "a credential for inside" credential '"location":"intranet"'
mv "$WORK/credential.json" "$WORK/inside.json"
cp "$WORK/outside.json" "$WORK/credential.json"
check "across: a page inside and one outside call each other" browse ext,hq call bundle=no \
	credential="$WORK/inside.json" hosts=av.example.com=$OUT,av.int.example.com=10.200.2.1
check "across: three flows, each over the face of its side" found \
	'[.[].transports[].local | "\(.candidateType) \(.url)"] ==
	[range(3) | "relay \($outside)"] + [range(3) | "relay \($inside)"]' \
	--arg outside "$UDP" --arg inside "turn:av.int.example.com:3478?transport=udp"
check "across: messages, sound and pictures came, both ways" found 'all(.[]; .received == 1000 and
	.audio.totalAudioEnergy > 0 and .video.framesDecoded >= 15)'
check "across: every flow carried both ways" found \
	'all(.[].transports[]; .bytesSent > 3000 and .bytesReceived > 3000)'

only tcp 3478
calls TCP tcp $TCP 1
only tcp 443
check "the browser does not know the authority of the certificate" browse ext gather until=$TLS \
	hosts=$HOSTS
check "... so TLS gives it nothing" found '.candidates == [] and any(.errors[]; .url == $url)' \
	--arg url $TLS
check "... and the daemon saw it turn away" metric_at_least edge \
	sallyport_net_connections_ended_total 'reason="handshake"' 1
if command -v certutil >/dev/null; then
	browser_trusts ca
	calls TLS tls $TLS 1
else
	skip "TLS" "certutil (libnss3-tools) is not installed"
fi
only

cp "$WORK/inside.json" "$WORK/credential.json"
granted=$(metric edge sallyport_turn_requests_total 'method="allocate"')
check "a peer connection gathers with the credential for inside, outside" browse ext gather hosts=$HOSTS
check "... no candidate" found '.candidates == []'
check "... but a 403" found 'any(.errors[]; .errorCode == 403 and
	.url == "turn:av.int.example.com:3478?transport=udp")'
check "the daemon says why" metric_at_least edge sallyport_turn_auth_failures_total \
	'reason="wrong_location"' 1
check "... and granted nothing" metric_is edge sallyport_turn_requests_total 'method="allocate"' \
	"$granted"

# ---- over the other data paths ----

cp "$WORK/outside.json" "$WORK/credential.json"
# A page inside and one outside, of which one takes its own address and the other a relayed one: what
# goes from relayed address to relayed address stays in user space.
calls_over() {
	check "$1: a page inside and one outside" browse ext,hq call policy=all bundle=no \
		credential="$WORK/inside.json" hosts=av.example.com=$OUT,av.int.example.com=10.200.2.1
	check "$1: messages, sound and pictures came, both ways" found 'all(.[];
		.received == 1000 and .audio.totalAudioEnergy > 0 and .video.framesDecoded >= 15)'
	check "$1: through the edge, past its sockets" within 3 by_path_at_least "$1" 1000
	note "$1: $(by_path "$1") past the sockets"
}
over_each calls_over
finish
