#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Encryption of media, inside and on trunks: required, optional or none on either side. One softphone has
# SRTP alone and one has RTP alone; of the gateways, too, some have the one and some the other. Whether a
# call is answered, and what is on the wire, is as the levels of both sides say.
# Takes 50 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq tcpdump
/usr/bin/python3 -c 'import pylibsrtp' 2>/dev/null || skip_all "python3-pylibsrtp is not installed"

sip_site
front_end "sip:$MED:5070;transport=tls"

# Trunks by the first digits of numbers: required, optional to a gateway with SRTP, optional to one
# without, none. Of each the gateway is at a port of its own.
TRUNK_PORTS="tls: 5067-5071"
TRUNKS=$(printf '    - {name: %s, mediation: "med:%s/tls", gateway: "gw1:%s"}\n' \
	secret 5068 5167 both 5069 5267 clear 5071 5467; echo; echo \
	'    - {name: both-clear, mediation: "med:5070/tls", gateway: "gw1:5367"}')
TRUNK_SETTINGS=$(printf '    - {scope: "trunk:%s", srtp: %s}\n' secret required both optional \
	both-clear optional clear none)
ROUTES=$(printf "    - {name: %s, match: '^\\\\+%s', usages: [all], trunks: [%s]}\n" \
	secret 21 secret both 22 both both-clear 23 both-clear clear 24 clear)
export TRUNK_PORTS TRUNKS TRUNK_SETTINGS ROUTES

# a_gateway NAME SIP_PORT NUMBER MENC RTP_PORTS
a_gateway() {
	PHONE_AS=gw1 PHONE_RTP=$5 softphone "$1" pstn $GW "$2" 600 \
		"$(gateway_number "$3" tls mediaenc="$4" audio_codecs=PCMU)"
}
a_gateway secret 5166 +21 srtp-mand 21000-21099
a_gateway both 5266 +22 srtp-mand 21100-21199
a_gateway both-clear 5366 +23 none 22000-22099
a_gateway clear 5466 +24 none 22100-22199
PHONE_RTP=23000-23099 softphone safe desk $DESK 5060 1000 \
	"$(inside 2001 mediaenc=srtp-mand audio_codecs=PCMA)"
PHONE_RTP=24000-24099 softphone plain desk $DESK 5160 1000 \
	"$(inside 2002 mediaenc=none audio_codecs=PCMA)"
check "the telephone with SRTP registers" within 30 registered safe
check "the one without registers" within 30 registered plain

count() {
	grep -c "$2" "$WORK/$1.events"
}
# is_answered PHONE NUMBER, is_refused PHONE NUMBER, over PHONE: a call begun, and ended.
is_answered() {
	local before
	before=$(count "$1" CALL_ESTABLISHED)
	tell "$1" dial "sip:$2@example.net"
	within 30 heard "$1" CALL_ESTABLISHED $((before + 1)) || {
		tail -n 5 "$WORK/$1.events"
		return 1
	}
}
is_refused() {
	local before
	before=$(count "$1" 'CALL_CLOSED .* 488')
	tell "$1" dial "sip:$2@example.net"
	within 30 heard "$1" 'CALL_CLOSED .* 488' $((before + 1)) || {
		tail -n 5 "$WORK/$1.events"
		tell "$1" hangup
		return 1
	}
}
over() {
	local before
	before=$(count "$1" CALL_CLOSED)
	tell "$1" hangup
	within 30 heard "$1" CALL_CLOSED $((before + 1))
}

declare -A NUMBERS=([secret]=+21 [both]=+22 [both-clear]=+23 [clear]=+24) HEARD=()
# cell LEVEL PHONE TRUNK: both hear each other.
cell() {
	HEARD[$2]=$((${HEARD[$2]:-0} + 600))
	HEARD[$3]=$((${HEARD[$3]:-0} + 600))
	check "$1 inside, $2: $3 on the trunk" is_answered "$2" "${NUMBERS[$3]}" || return
	check "... heard inside" within 30 hears "$2" 600 "${HEARD[$2]}"
	check "... and at the gateway" within 30 hears "$3" 1000 "${HEARD[$3]}"
	check "... until it is over" over "$2"
}
level() {
	POOL="      client_srtp: $1" mediation_conf
	edge_start med
}
level_over() {
	check "none is open" within 30 same_zero sallyport_calls_open
	check "no media either" within 30 same_zero sallyport_media_sessions
	check "it stops cleanly" ends_well med
}
same_zero() {
	same "$(metric med "$1")" 0
}

# ---- packets that somebody else has made ----

srtp_is() {
	at_least "$(metric med sallyport_media_srtp_total "result=\"$1\"")" "$2"
}
# On a crowded host they come behind the replay window.
repeats_are() {
	at_least $(($(metric med sallyport_media_srtp_total 'result="replayed"') + \
		$(metric med sallyport_media_srtp_total 'result="too_old"'))) "$1"
}
rtcp_is_good() {
	at_least "$(metric med sallyport_media_packets_total 'direction="rx",kind="rtcp"')" 2 &&
		same "$(metric med sallyport_media_srtp_total 'result="auth_failed"')" 0
}
injected() {
	in_space desk "$HERE/rtpinject.py" "$1" "$WORK/core.pcap" "$FROM" "$TO" 50
}
# In a call with SRTP on both sides, to the node's port for the telephone.
tampering() {
	local events
	check "a call with SRTP on both sides" is_answered safe ${NUMBERS[secret]}
	events=$(grep -c CALL_RTCP "$WORK/safe.events")
	check "the node takes the SRTCP of both" within 30 rtcp_is_good
	check "the telephone takes the node's" within 30 heard safe CALL_RTCP $((events + 1))
	sound core 1000 $DESK:23 | tail -n 1 >"$WORK/last"
	FROM=$(field from <"$WORK/last") TO=$(field to <"$WORK/last")
	check "the last 50 packets of it are sent once more in its name" injected replayed
	check "they are dropped and counted" within 30 repeats_are 50
	check "50 are sent with a bit wrong" injected tampered
	check "they are dropped and counted" within 30 srtp_is auth_failed 50
	HEARD[safe]=$((HEARD[safe] + 1600)) HEARD[secret]=$((HEARD[secret] + 1600))
	check "the call goes on, heard inside" within 30 hears safe 600 "${HEARD[safe]}"
	check "... and at the gateway" within 30 hears secret 1000 "${HEARD[secret]}"
	check "... until it is over" over safe
}

# ---- a telephone whose packets say what their key is called ----

named_keys() {
	in_space desk timeout 60 /usr/bin/python3 "$HERE/mkiphone.py" $FE 5061 "$WORK/sips.pem" \
		"$WORK/phone.pem" "$WORK/phone.key" ${NUMBERS[secret]} 25000 >"$WORK/named.out" 2>&1
}
named_is_heard() {
	at_least "$(field loud <"$WORK/named.out")" 50 && same "$(field strange <"$WORK/named.out")" 0
}
mki() {
	check "a telephone that has SRTP only with an MKI is answered with that" named_keys
	sed '' "$WORK/named.out"
	check "... hears the gateway under it" named_is_heard
	HEARD[secret]=$((HEARD[secret] + 1000))
	check "... and is heard there" within 30 hears secret 1000 "${HEARD[secret]}"
	check "what it sends under another MKI is dropped and counted" within 30 srtp_is wrong_mki 20
}

capture core med to-core
capture trunk med to-pstn
level required
for trunk in secret both both-clear clear; do
	cell required safe $trunk
	check "required inside, plain: refused" is_refused plain ${NUMBERS[$trunk]}
done
tampering
mki
level_over
level optional
for trunk in secret both both-clear clear; do
	cell optional safe $trunk
	cell optional plain $trunk
done
level_over
level none
for trunk in secret both both-clear clear; do
	cell none plain $trunk
	check "none inside, safe: refused" is_refused safe ${NUMBERS[$trunk]}
done
level_over
stop core INT
stop trunk INT
check "what the telephone with SRTP sends never decodes as G.711" unheard core 1000 $DESK:23
check "that without it sends its tone" carries core 1000 $DESK:24 PCMA 600
check "gateways with SRTP send nothing that decodes" unheard trunk 600 $GW:21
check "those without send their tone" carries trunk 600 $GW:22 PCMU 600
sip_finish
