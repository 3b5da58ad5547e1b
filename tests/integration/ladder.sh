#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A web browser climbs down the ladder: on the direct path while there is one, on reflexive addresses
# while UDP between the clients gets through, on the relay over UDP while the edge can be reached so,
# and in the end on the relay over TCP. Two browsers, each behind a NAT, with the iceServers of the API.
# Without sanitizers: it tries the browser, not more of the daemon than others do.
. "$(dirname "$0")/lib.sh"
. "$HERE/lib-browser.sh"
begin nft
browser_begin

EDGE=203.0.113.11
homes
nat natA 192.168.11.2 port
nat natB 192.168.12.2 port
conf edge $EDGE
sed -i "/host: av.example.com/a\\      tcp: [\"$EDGE:443\"]" "$WORK/edge.yaml"
edge_start edge
check "a credential is issued" credential '"location":"internet"'

# firewall RULES: of natA, for what its client sends. What leaves it is counted behind that.
firewall() {
	in_space natA nft -f - <<-NFT || exit 1
	table inet firewall
	delete table inet firewall
	table inet firewall {
		counter any-udp {}
		counter tcp-443 {}
		counter others {}
		chain forward {
			type filter hook forward priority 0
			$1
		}
		chain leaves {
			type filter hook forward priority 10
			iifname != "to-extA" accept
			meta l4proto udp counter name any-udp accept
			tcp dport 443 counter name tcp-443 accept
			counter name others
		}
	}
	NFT
}
# left NAME: packets that left natA for good.
left() {
	in_space natA nft list counter inet firewall "$1" | awk '$1 == "packets" { print $2 }'
}
relayed() {
	echo $(($(metric edge sallyport_relay_packets_total 'direction="to_peer"') +
		$(metric edge sallyport_relay_packets_total 'direction="to_client"')))
}

# climb STEP TYPE [RELAY-PROTOCOL]: a call with audio, video and data, and what it went over. It lasts
# some seconds because the browser starts on the first pair that works and changes to the best.
climb() {
	local step=$1 type=$2 protocol=${3:-} before
	before=$(relayed)
	check "$step: the call stands" browse extA,extB call policy=all seconds=4 \
		hosts=av.example.com=$EDGE || return
	check "$step: over $type${protocol:+/$protocol}" found \
		'.[0].transports[0].local | .candidateType == $type and (.relayProtocol // "") == $protocol' \
		--arg type "$type" --arg protocol "$protocol"
	check "$step: messages, sound and pictures came" found 'all(.[]; .received == 1000 and
		.audio.totalAudioEnergy > 0 and .video.framesDecoded >= 15)'
	setup_ms=$(jq '.[0].setup_ms' "$WORK/browser.json")
	# No bound on the step to the next: the host may be busy with anything.
	note "$step: connected after $setup_ms ms, $((setup_ms - ${last_ms:-setup_ms})) more than the last step"
	last_ms=$setup_ms
	check "$step: connected in good time" at_most "$setup_ms" 8000
	relayed=$(($(relayed) - before))
}
DIRECT='iifname "to-extA" oifname "to-natB" drop'
PEERS="iifname \"to-extA\" meta l4proto udp ip daddr . th dport != { $EDGE . 3478 } drop"
ONLY_443='iifname "to-extA" tcp dport != 443 drop
			iifname "to-extA" meta l4proto != tcp drop'

firewall ""
climb "nothing blocked" host
firewall "$DIRECT"
climb "no direct path" srflx
firewall "$DIRECT
$PEERS"
climb "no UDP to peers" relay udp
check "... the edge relays" at_least "$relayed" 1000
firewall "$DIRECT
$ONLY_443"
climb "no UDP at all" relay tcp
check "... the edge relays" at_least "$relayed" 1000
note "behind the last firewall left $(left tcp-443) packets to TCP 443, $(left any-udp) of UDP, $(left others) others"
check "... only TCP to port 443 left" same "$(left any-udp) $(left others)" "0 0"
check "... and that did" at_least "$(left tcp-443)" 500
finish
