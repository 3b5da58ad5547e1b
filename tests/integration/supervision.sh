#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Gateways that fall silent: a call ends 30 s after the last packet, unless its trunk says otherwise or
# it is on hold and RTCP goes on. With SALLYPORT_LONG the others go on for five minutes.
# Takes 45 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq sipp tcpdump

# A softphone whose tone is over hangs up.
[ -z "$LONG" ] || export TONE_S=400
sip_site
front_end "sip:$MED:5070;transport=tls"

# Gateways over TCP, each with a trunk and telephone of its own. Of music only the gateway's audio flows.
NAMES=(silent patient held music)
TRUNK_PORTS="tls: 5067, tcp: 5068"
for name in "${NAMES[@]}"; do
	n=$((${n:-0} + 1))
	in_space pstn ip address add 10.99.0.1$n/24 dev to-med
	GATEWAYS+="    - {name: $name, host: 10.99.0.1$n}"$'\n'
	TRUNKS+="    - {name: $name, root: true, mediation: \"med:5068/tcp\", gateway: \"$name:5066\"}"$'\n'
	ROUTES+="    - {name: $name, match: '^2$n', usages: [all], trunks: [$name]}"$'\n'
done
TRUNK_SETTINGS='    - {scope: "trunk:patient", rtcp_active: false}'
mediation_conf
edge_start med

# silent_gateway NAME HZ: as gateway_answers, but it plays for two seconds alone.
silent_gateway() {
	gateway_answers "$2" | sed "/rtp_stream/a <pause milliseconds=\"2000\"/><nop><action><exec rtp_stream=\"pause\"/></action></nop>" \
		>"$WORK/$1.xml"
}
# at NAME ADDRESS: what is on standard input with that address as the gateway's.
played() {
	GATEWAY="sip:$1@$2:5066;transport=tcp"
	GW=$2 gateway "$1" pstn -t t1 -i "$2" -p 5066
}
GATEWAY="sip:gw@10.99.0.11:5066;transport=tcp" silent_gateway silent 600
GATEWAY="sip:gw@10.99.0.12:5066;transport=tcp" silent_gateway patient 600
GATEWAY="sip:gw@10.99.0.14:5066;transport=tcp" gateway_answers 600 |
	sed 's/a=sendrecv/a=sendonly/' >"$WORK/music.xml"
played silent 10.99.0.11
played patient 10.99.0.12
played music 10.99.0.14
PHONE_AS=gw1 softphone held pstn 10.99.0.13 5066 600 "$(gateway_number 23 tcp mediaenc=none audio_codecs=PCMU)"
n=0
for name in "${NAMES[@]}"; do
	n=$((n + 1))
	softphone "for-$name" desk $DESK $((5060 + 100 * n)) 1000 \
		"$(inside 300$n mediaenc=srtp-mand audio_codecs=PCMA)"
done
for name in "${NAMES[@]}"; do
	check "the telephone for \"$name\" registers" within 20 registered "for-$name"
done

capture trunk pstn to-med
n=0
for name in "${NAMES[@]}"; do
	n=$((n + 1))
	tell "for-$name" dial "sip:2$n@example.net"
done
for name in "${NAMES[@]}"; do
	check "the call to \"$name\" is answered" within 20 heard "for-$name" CALL_ESTABLISHED
done
tell for-held hold
check "\"held\" is put on hold" within 20 heard held 'CALL_REMOTE_SDP .* offer' 2

# ---- silence ----

check "the silent gateway's call ends" within 60 heard for-silent CALL_CLOSED
# From its last packet to the BYE that it got, in seconds.
silence() {
	local last bye
	last=$(tcpdump -ttnr "$WORK/trunk.pcap" 'src host 10.99.0.11 and udp' 2>/dev/null | tail -n 1 | cut -d' ' -f1)
	bye=$(tcpdump -ttAnr "$WORK/trunk.pcap" 'dst host 10.99.0.11 and tcp' 2>/dev/null |
		awk '/^[0-9.]+ IP/ { at = $1 } /BYE sip:/ { print at; exit }')
	awk -v a="$last" -v b="$bye" 'BEGIN { printf "%d\n", (b - a) * 1000 }'
}
SILENCE=$(silence)
check "30 s after its last packet" at_least "$SILENCE" 29500
[ -n "$SANITIZED" ] || check "and not much later" at_most "$SILENCE" 35000
check "it says why" has "$WORK/med.log" 'media lost .*why=silent'
for name in patient held music; do
	check "that to \"$name\" has not ended" same "$(grep -c CALL_CLOSED "$WORK/for-$name.events")" 0
done
if [ -n "$LONG" ]; then
	sleep 270
	for name in patient held music; do
		check "nor after 5 minutes" same "$(grep -c CALL_CLOSED "$WORK/for-$name.events")" 0
	done
fi
for name in patient held music; do
	tell "for-$name" hangup
	check "\"$name\" is hung up" within 20 heard "for-$name" CALL_CLOSED
done
none_open() {
	same "$(metric med sallyport_calls_open)" 0 && same "$(metric med sallyport_media_sessions)" 0
}
check "none is open" within 20 none_open
sip_finish
