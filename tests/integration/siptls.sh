#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Peers of SIP over TLS that are slow, wrong or too many, at the three places where strangers may begin a
# handshake: the SIP door (TLS and WebSocket), the listener for the front end, and that of a TLS trunk. Each
# is ended in time and counted, and memory stays within bounds; a call that leads through all three goes on
# beside it, and newcomers get in.
#
#   ext 10.200.1.2 -- 10.200.1.1 med 10.10.0.1 -- 10.10.0.10 core (Kamailio)
#   telephone                        10.99.0.1 -- 10.99.0.5 pstn (gateway)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
. "$HERE/lib-door.sh"
door_begin baresip
EDGE=10.200.1.1 EDGE_IN=$MED
STRANGERS=10.200.1.11,10.200.1.12,10.200.1.13,10.200.1.14

sip_site
space ext
join ext 10.200.1.2/24,10.200.1.3/24,10.200.1.11/24,10.200.1.12/24,10.200.1.13/24,10.200.1.14/24 med $EDGE/24
route ext default via $EDGE
door_certificates
certificate other others clientAuth DNS:fe.example.net
openssl x509 -req -in "$WORK/fe.csr" -CA "$WORK/sips.pem" -CAkey "$WORK/sips.key" -CAcreateserial -days 0 \
	-out "$WORK/expired.pem" 2>"$WORK/openssl.log" -extfile <(echo "subjectAltName=DNS:fe.example.net") ||
	cat "$WORK/openssl.log"
cp "$WORK/fe.key" "$WORK/expired.key"

SETTINGS=", srtp: none, codecs: [PCMU]" mediation_conf
sed -i "s/^  listen: \[\"$MED\"\]/  listen: [\"$MED:5063\"]/" "$WORK/med.yaml"
NEXT_HOP=fe.example.net:5061 door_conf "tls: [$EDGE]" "wss: [$EDGE]" \
	"limits: {handshakes: 40, strangers: 40, strangers_per_client: 30, stranger_time: 10s}" >>"$WORK/med.yaml"

# Numbers go to the node, from whom calls come as well.
door_front_end "sip:$MED:5070;transport=tls"
door_names 10.200.1.3
edge_start med
check "the front end answers" within 20 metric_is med sallyport_access_front_end_up "" 1

# ---- a call that leads through all three ----

NUMBER=+14255550123
PHONE_AS=gw1 softphone gw pstn $GW 5066 600 "$(gateway_number $NUMBER tls mediaenc=none audio_codecs=PCMU)"
FE=10.200.1.3 softphone alice ext 10.200.1.2 5070 1000 '<sip:alice@example.net;transport=tls>;'\
'auth_user=alice;auth_pass=x;regint=600;answermode=auto;audio_codecs=PCMU;mediaenc=srtp-mand;sipnat=outbound;'\
'outbound="sip:example.net;transport=tls"'
check "a telephone outside registers" within 30 registered alice
tell alice dial "sip:$NUMBER@example.net"
check "it calls a gateway, by the door, the front end and a trunk over TLS" within 30 heard gw CALL_ESTABLISHED
check "... which it hears" within 20 hears alice 600 500

# ---- the storm ----

# peer SPACE SERVER ACTION...
peer() {
	local where=$1 server=$2
	in_space "$where" timeout 100 python3 -B "$HERE/siptls.py" "$3" "$server" "${@:4}"
}
ended() { # REASON: connections ended for it
	metric med sallyport_sip_connections_ended_total "reason=\"$1\""
}
# hoard NAME SPACE SERVER KINDS LOCAL COUNT: connections that are held, in the background.
HOARDS=()
hoard() {
	start "$1" "$2" timeout 100 python3 -B "$HERE/siptls.py" hold "$3" --kind "$4" --local "$5" --count "$6"
	HOARDS+=("$1")
}
up() {
	local name
	for name in "$@"; do
		within 60 has "$WORK/$name.log" '^up ' >/dev/null || { echo "$name"; cat "$WORK/$name.log"; return 1; }
	done
}
gone() { # all of them were ended by the server
	local name
	for name in "${HOARDS[@]}"; do
		await "$name" 70 && has "$WORK/$name.log" '^ended=[1-9][0-9]* left=0' || return 1
	done
}
# newcomer SPACE SERVER PORT [CERTIFICATE]: somebody new who asks is answered.
newcomer() {
	local cert=- key=-
	[ -z "${4:-}" ] || cert=$WORK/$4.pem key=$WORK/$4.key
	prints '^SIP/2.0 [2-5]' -- in_space "$1" timeout 30 python3 -B "$HERE/sipdoor.py" message "$2" "$3" \
		"$WORK/sips.pem" "$cert" "$key" alice nobody
}
newcomers() {
	newcomer ext $EDGE 5061 && newcomer core $MED 5070 fe && newcomer pstn $MED_PSTN 5067 gw1
}
goes_on() { # the call
	! heard gw CALL_CLOSED && ! heard alice CALL_CLOSED && same "$(metric med sallyport_calls_open)" 1
}

check "newcomers are answered at each listener" newcomers
RSS=$(memory_kb med Rss)
hoard one ext $EDGE:5061 silent 10.200.1.11 45
check "one address holds what it may" up one
check "... and no more" metric_at_least med sallyport_sip_connections_refused_total 'reason="client"' 15
# Behind the handshake, then before it; more than there are places for strangers.
hoard door-open ext $EDGE:5061 message,blank $STRANGERS 60
hoard web-open ext $EDGE:443 frame,upgrade $STRANGERS 60
check "strangers are slow with messages, requests and frames, or send blank lines" up door-open web-open
hoard door ext $EDGE:5061 silent,loris,half $STRANGERS 90
hoard web ext $EDGE:443 silent,loris,half $STRANGERS 60
hoard client core $MED:5070 silent,loris,half $FE 60
hoard trunk pstn $MED_PSTN:5067 silent,loris,half $GW 60
check "... and with handshakes, at all listeners" up door web client trunk
note "RSS $(memory_kb med Rss) kB, before $RSS kB"
[ -n "$SANITIZED" ] || check "all of them hold 30 MB of memory at most" \
	at_most $(($(memory_kb med Rss) - RSS)) 30000
check "newcomers are answered meanwhile" within 20 newcomers
check "the call goes on" goes_on
check "each of them is ended" gone
check "some gave way to others" at_least "$(ended crowded)" 1
check "some were strangers for too long" at_least "$(ended stranger)" 1
check "some were too slow" at_least "$(ended slow)" 60

# ---- what is wrong ----

all_end() { # N: as many cases, each ended
	same "$(grep -c '^case=[a-z0-9_]* ended=True' "$WORK/wrong.out")" "$1" && ! grep ended=False "$WORK/wrong.out"
}
wrong() { # N SPACE SERVER ARGUMENTS...
	peer "$2" "$3" wrong "${@:4}" >"$WORK/wrong.out" 2>&1
	all_end "$1" && return
	cat "$WORK/wrong.out"
	return 1
}
check "over TLS what is no message ends its connection" wrong 4 ext $EDGE:5061 --local 10.200.1.11
check "... with a 413 where it is too long" has "$WORK/wrong.out" '^case=huge_length .* says=413'
check "over WebSocket what is no frame does, or what is too long" wrong 12 ext $EDGE:443 --web --local 10.200.1.12
check "... and what begins none" has "$WORK/wrong.out" '^case=upgrade_http .* says=4'
check "so it is for the front end" wrong 4 core $MED:5070 --local $FE --cert "$WORK/fe.pem" --key "$WORK/fe.key"
check "... and for a trunk" wrong 4 pstn $MED_PSTN:5067 --local $GW --cert "$WORK/gw1.pem" --key "$WORK/gw1.key"
check "pings without end end the connection" prints '^ended=True' -- \
	peer ext $EDGE:5061 pings --local 10.200.1.13 --count 5000
check "... over WebSocket as well" prints '^ended=True' -- \
	peer ext $EDGE:443 pings --web --local 10.200.1.13 --count 5000
check "... which is counted" at_least "$(ended flood)" 2

# ---- certificates ----

# shown SPACE SERVER PATTERN [CERTIFICATE]: the server ends it, and says why.
shown() {
	local with=()
	[ -z "${4:-}" ] || with=(-cert "$WORK/$4.pem" -key "$WORK/$4.key")
	prints "$3" -- in_space "$1" timeout 20 openssl s_client -connect "$2" -ign_eof "${with[@]}" </dev/null
}
refuses() { # SPACE SERVER
	local handshake identity
	handshake=$(ended handshake) identity=$(ended identity)
	shown "$1" "$2" 'alert (certificate required|handshake failure)' && shown "$1" "$2" 'alert unknown ca' other &&
		shown "$1" "$2" 'alert certificate expired' expired &&
		at_least "$(ended handshake)" $((handshake + 3)) &&
		shown "$1" "$2" 'Verification' phone && within 5 identity_is $((identity + 1))
}
identity_is() {
	same "$(ended identity)" "$1" >/dev/null
}
check "without, with a foreign, an expired or another's certificate nobody is the front end" refuses core $MED:5070
check "... nor a gateway" refuses pstn $MED_PSTN:5067
renegotiates() {
	in_space ext timeout 20 openssl s_client -tls1_2 -connect $EDGE:5061 < <(echo R; cat /dev/null) 2>&1 |
		has /dev/stdin 'no renegotiation'
}
check "nobody renegotiates" renegotiates

# ---- afterwards ----

check "the call goes on" goes_on
OFFERS=$(grep -c 'CALL_REMOTE_SDP' "$WORK/gw.events")
tell alice hold
check "it is put on hold" within 20 heard gw CALL_REMOTE_SDP $((OFFERS + 1))
tell gw hangup
check "it ends as it should" within 20 heard alice CALL_CLOSED
check "the telephone is registered as ever" metric_is med sallyport_access_flows_registered "" 1
check "newcomers are answered" newcomers
sip_finish
