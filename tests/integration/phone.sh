#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A softphone inside places calls to a gateway and gets them. Its SIP goes over mutual TLS by way of a
# registrar, its media are SRTP in A-law over one port with RTCP; the gateway has TLS, RTP and mu-law. Each
# hears the other's tone, digits pass under the number of each side, either side holds, resumes and hangs
# up; and nothing is left when they are over.
# With asan, tsan: calls of phones, with media on the workers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq tcpdump

sip_site
front_end "sip:$MED:5070;transport=tls"
SETTINGS=", srtp: none, codecs: [PCMU], dtmf_pt: 97" mediation_conf
edge_start med

NUMBER=+14255550123
PHONE_AS=gw1 softphone gw pstn $GW 5066 600 "$(gateway_number $NUMBER tls mediaenc=none audio_codecs=PCMU)"
PHONE_MUX=yes softphone phone desk $DESK 5060 1000 "$(inside 2001 mediaenc=srtp-mand audio_codecs=PCMA)"
check "the telephone registers" within 20 registered phone
capture core med to-core
capture trunk med to-pstn

# both NAME COUNT EVENT: telephone and gateway have had it so often.
both() {
	check "$1" within 20 heard phone "$3" "$2" && check "... on both sides" within 20 heard gw "$3" "$2"
}
call_counts() {
	same "$(metric med sallyport_calls_open)" "$1" &&
		same "$(metric med sallyport_calls_answered_total)" "$2" &&
		same "$(metric med sallyport_media_sessions)" "$1"
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
not() {
	! "$@"
}

tell phone dial "sip:$NUMBER@example.net"
both "a call to the gateway" 1 CALL_ESTABLISHED
check "the telephone hears the gateway" within 20 hears phone 600 2000
check "the gateway hears the telephone" within 20 hears gw 1000 2000
check "nobody hears himself" not hears phone 1000 100
check "it is one call" call_counts 1 1
press phone 1 2 '#'
check "digits reach the gateway" within 10 digits gw '12#'
press gw 4 '*' 0
check "digits reach the telephone" within 10 digits phone '4*0'
check "the node's RTCP reaches both" within 30 heard phone CALL_RTCP
check "... also the gateway" within 30 heard gw CALL_RTCP

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
check "they hear each other again" within 20 hears phone 600 4000
check "... on both sides" within 20 hears gw 1000 4000
tell phone hangup
both "the telephone hangs up" 1 CALL_CLOSED
stop core INT
stop trunk INT
check "what the telephone sends never decodes as G.711" unheard core 1000 $DESK:
check "nor what it gets" unheard core 600 $MED:
check "what the gateway gets is the tone in mu-law" carries trunk 1000 $MED_PSTN: PCMU 3000
check "so is what it sends" carries trunk 600 $GW: PCMU 3000

# numbered FROM PRESENT ABSENT: what the trunk carries from there has packets of the one type, none of the other.
numbered() {
	sound trunk 1000 "$1" | grep -E " types=[^ ]*\\b$2:" | grep -vE " types=[^ ]*\\b$3:"
}
check "digits to the gateway have the trunk's number" numbered $MED_PSTN: 97 101
check "so have those that it sends" numbered $GW: 97 101
# flows FROM TO N: so many pairs of ports.
flows() {
	local n
	n=$(tcpdump -nr "$WORK/core.pcap" "udp and src host $1 and dst host $2 and greater 60" 2>/dev/null |
		awk '{ print $3, $5 }' | sort -u | tee "$WORK/flows" | wc -l)
	same "$n" "$3" || cat "$WORK/flows"
	[ "$n" = "$3" ]
}
check "RTP and RTCP of the telephone have one port" flows $DESK $MED 1
check "and one of the node's" flows $MED $DESK 1

tell phone dial "sip:$NUMBER@example.net"
both "another call" 2 CALL_ESTABLISHED
tell gw hangup
both "the gateway hangs up" 2 CALL_CLOSED

tell gw dial "sip:2001@ms1.example.net:5067;transport=tls"
both "a call from the gateway" 3 CALL_ESTABLISHED
check "the telephone hears it" within 20 hears phone 600 5000
check "the gateway hears the telephone" within 20 hears gw 1000 5000
tell phone hangup
both "the telephone hangs up" 3 CALL_CLOSED
tell gw dial "sip:2001@ms1.example.net:5067;transport=tls"
both "another one" 4 CALL_ESTABLISHED
tell gw hangup
both "the gateway hangs up" 4 CALL_CLOSED
check "four calls were answered and none is open, nor media" within 10 call_counts 0 4
check "each has its record" within 10 recorded 4 '
	(map([.caller.trunk, .callee.trunk, .cause, .status]) ==
		[["inside", "gw1", "caller", 200], ["inside", "gw1", "callee", 200],
		["gw1", "inside", "callee", 200], ["gw1", "inside", "caller", 200]])
	and all(.start <= .answer and .answer <= .end and .duration_ms >= 0 and .tried == [.callee.trunk])
	and (.[0] | .callee.sent == "+14255550123" and .callee.media.codec == "PCMU" and .callee.media.srtp == null
		and .caller.media.codec == "PCMA" and (.caller.media.srtp | type == "string")
		and ([.caller, .callee] | all(.media.rx_packets > 0 and .media.tx_octets > 0)))'
sip_finish
