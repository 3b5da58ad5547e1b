#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A softphone inside places calls to a gateway and gets them: each hears the other's tone, digits pass,
# either side holds, resumes, and hangs up; and nothing is left when they are over.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq

sip_site
# Media goes past the node.
in_space med sysctl -qw net.ipv4.ip_forward=1
route pstn 10.10.0.0/16 via $MED_PSTN
route core 10.99.0.0/24 via $MED
FE_LISTEN=listen=tcp:$FE:5060 front_end "sip:$MED:5068;transport=tcp"
conf med $MED_PSTN $MED
cat >>"$WORK/med.yaml" <<-YAML
	mediation:
	  gateways:
	    - {name: fe, host: $FE}
	    - {name: gw, host: $GW}
	  pools:
	    - {name: inner, nodes: [ms1.example.net], colocated: false,
	       primary_address: auto/10.10.0.0/24, trunk_listen: {tcp: 5068}}
	    - {name: outer, nodes: [ms1.example.net], colocated: false,
	       primary_address: $MED_PSTN, trunk_listen: {tcp: 5068}}
	  trunks:
	    - {name: fe, root: true, mediation: "inner:5068/tcp", gateway: "fe:5060", connection: private}
	    - {name: gw, root: true, mediation: "outer:5068/tcp", gateway: "gw:5066", connection: private}
	  usages: [all]
	  routes:
	    - {name: out, match: '^\+1', usages: [all], trunks: [gw]}
	    - {name: in, match: '^2', usages: [all], trunks: [fe]}
YAML
edge_start med

NUMBER=+14255550123
PHONE_AS=gw1 softphone gw pstn $GW 5066 600 "$(gateway_number $NUMBER tcp mediaenc=none audio_codecs=PCMU)"
softphone phone desk $DESK 5060 1000 "$(inside 2001 mediaenc=none audio_codecs=PCMU)"
check "the telephone registers" within 20 registered phone

# both NAME COUNT EVENT: telephone and gateway have had it so often.
both() {
	check "$1" within 20 heard phone "$3" "$2" && check "... on both sides" within 20 heard gw "$3" "$2"
}
call_counts() {
	same "$(metric med sallyport_calls_open)" "$1" &&
		same "$(metric med sallyport_calls_answered_total)" "$2"
}
digits() {
	same "$(sed -n 's/^event CALL_DTMF_START [^ ]* \([^ ]\) .*/\1/p' "$WORK/$1.events" | tr -d '\n')" "$2"
}
press() {
	local name=$1 digit
	shift
	for digit in "$@"; do
		tell "$name" sndcode "$digit"
		sleep 0.3 # so that it is let go
	done
}

tell phone dial "sip:$NUMBER@example.net"
both "a call to the gateway" 1 CALL_ESTABLISHED
check "the telephone hears the gateway" within 20 hears phone 600 2000
check "the gateway hears the telephone" within 20 hears gw 1000 2000
check "it is one call" call_counts 1 1
press phone 1 2 '#'
check "digits reach the gateway" within 10 digits gw '12#'
press gw 4 '*' 0
check "digits reach the telephone" within 10 digits phone '4*0'

# offers NAME COUNT: so many offers have come.
offered() {
	check "$1" within 20 heard "$2" 'CALL_REMOTE_SDP .* offer' "$3"
}
answered() {
	check "... and is answered" within 20 heard "$1" 'CALL_REMOTE_SDP .* answer' "$2"
}
tell phone hold
offered "the telephone holds" gw 2
answered phone 2
tell phone resume
offered "it resumes" gw 3
answered phone 3
tell gw hold
offered "the gateway holds" phone 1
answered gw 1
tell gw resume
offered "it resumes" phone 2
answered gw 2
tell phone hangup
both "the telephone hangs up" 1 CALL_CLOSED

tell phone dial "sip:$NUMBER@example.net"
both "another call" 2 CALL_ESTABLISHED
tell gw hangup
both "the gateway hangs up" 2 CALL_CLOSED

tell gw dial "sip:2001@$MED_PSTN:5068;transport=tcp"
both "a call from the gateway" 3 CALL_ESTABLISHED
tell phone hangup
both "the telephone hangs up" 3 CALL_CLOSED
tell gw dial "sip:2001@$MED_PSTN:5068;transport=tcp"
both "another one" 4 CALL_ESTABLISHED
tell gw hangup
both "the gateway hangs up" 4 CALL_CLOSED
check "four calls were answered and none is open" within 10 call_counts 0 4
finish
