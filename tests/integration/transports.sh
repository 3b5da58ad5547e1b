#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Calls of a softphone, whose front end speaks SIP over mutual TLS with the node, with gateways over TLS
# and over TCP, in both directions; which front end is let in; what listens.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq

sip_site
certificate other sips serverAuth,clientAuth DNS:other.example.net
mediation_conf
cp "$WORK/med.yaml" "$WORK/no-tcp.yaml"
GATEWAYS="    - {name: pbx, host: $GW}"
TRUNKS='    - {name: pbx, root: true, mediation: "med:5068/tcp", gateway: "pbx:5066"}'
ROUTES="    - {name: pbx, match: '^\\+2', usages: [all], trunks: [pbx]}"
TRUNK_PORTS="tls: 5067, tcp: 5068" SETTINGS=", srtp: none, codecs: [PCMU]" mediation_conf

listeners_are() {
	in_space med ss -Hltn | awk '{ print $4 }' | grep -E ':(506[0-9]|50[78][0-9])$' |
		grep -v "^$MED:5062$" | sort -u | paste -sd' ' >"$WORK/listeners"
	same "$(cat "$WORK/listeners")" "$1"
}
mv "$WORK/med.yaml" "$WORK/both.yaml"
cp "$WORK/no-tcp.yaml" "$WORK/med.yaml"
edge_start med
check "without TCP trunks nothing listens for TCP" listeners_are "$MED:5070 $MED_PSTN:5067"
check "it stops cleanly" ends_well med
cp "$WORK/both.yaml" "$WORK/med.yaml"
edge_start med
check "one listener for the inside, those of trunks at the other address" \
	listeners_are "$MED:5070 $MED_PSTN:5067 $MED_PSTN:5068"
check "the log names the clear trunk" has "$WORK/med.log" 'trunk is clear trunk=pbx '

PHONE_AS=gw1 softphone gw pstn $GW 5066 600 \
	"$(gateway_number +14255550123 tls mediaenc=none audio_codecs=PCMU)" \
	"$(gateway_number +24255550123 tcp mediaenc=none audio_codecs=PCMU)"

# ---- a front end that is not ours ----

turned_away() {
	[ "$(metric med sallyport_sip_connections_ended_total "reason=\"$1\"")" -ge 1 ]
}
FE_AS=other front_end "sip:$MED:5070;transport=tls"
softphone phone desk $DESK 5060 1000 "$(inside 2001 mediaenc=srtp-mand audio_codecs=PCMA)"
check "the telephone registers" within 20 registered phone
tell phone dial sip:+14255550123@example.net
check "a front end of another name is turned away" within 20 turned_away identity
check "its user hears so" within 60 heard phone 'CALL_CLOSED .* [45][0-9][0-9] '
check "no call has begun" same "$(metric med sallyport_calls_started_total)" 0
stop fe

# ---- calls ----

front_end "sip:$MED:5070;transport=tls"
stop phone-control
stop phone
softphone phone desk $DESK 5060 1000 "$(inside 2001 mediaenc=srtp-mand audio_codecs=PCMA)"
check "the telephone registers with ours" within 20 registered phone
CALLS=0
# calls NAME WHO URI WHO_HANGS_UP
calls() {
	CALLS=$((CALLS + 1))
	tell "$2" dial "$3"
	check "$1" within 20 heard phone CALL_ESTABLISHED $CALLS
	check "... on both sides" within 20 heard gw CALL_ESTABLISHED $CALLS
	check "... heard by the telephone" within 20 hears phone 600 $((CALLS * 500))
	check "... and by the gateway" within 20 hears gw 1000 $((CALLS * 500))
	tell "$4" hangup
	check "... until it is over" within 20 heard phone CALL_CLOSED $CALLS
	check "... on both sides" within 20 heard gw CALL_CLOSED $CALLS
}
calls "from the inside to a trunk over TLS" phone sip:+14255550123@example.net gw
calls "from the inside to a trunk over TCP" phone sip:+24255550123@example.net phone
calls "from a trunk over TLS to the inside" gw "sip:2001@ms1.example.net:5067;transport=tls" phone
calls "from a trunk over TCP to the inside" gw "sip:2001@$MED_PSTN:5068;transport=tcp" gw
none_open() {
	same "$(metric med sallyport_calls_open)" 0
}
check "none is open" within 10 none_open
sip_finish
