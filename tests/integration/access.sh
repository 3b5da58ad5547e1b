#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The SIP door: softphones outside find the edge by SRV, register with the Kamailio inside, call and are
# called, and see nothing of the inside; who asks for credentials gets those of where he is; and what
# strangers do leaves a running call alone.
#
# Takes 30 s.
#
#   ext 10.200.1.2 -- 10.200.1.1 edge 10.10.0.11 -- 10.10.0.10 core (Kamailio, names; telephone .20)
# With asan, tsan: the SIP door.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
. "$HERE/lib-door.sh"
door_begin baresip nft
/usr/bin/python3 -c 'import websockets' 2>/dev/null || skip_all "python3-websockets is not installed"
DOOR=(/usr/bin/python3 "$HERE/sipdoor.py")
EDGE=10.200.1.1
EDGE_IN=10.10.0.11

space ext edge core
join ext 10.200.1.2/24,10.200.1.3/24 edge $EDGE/24
join core $FE/24,10.10.0.20/24 edge $EDGE_IN/24
route ext default via $EDGE
certificate fe sips serverAuth,clientAuth "DNS:fe.example.net,DNS:fe.example.com"
door_certificates
certificate phone sips serverAuth,clientAuth DNS:phone.example.net

# The outside reaches the edge alone, and the edge only the front end.
in_space edge nft -f - <<NFT
table inet door {
	chain input {
		type filter hook input priority 0; policy drop;
		ct state established,related accept
		iif lo accept
		iifname "to-ext" meta l4proto { icmp, icmpv6 } accept
		iifname "to-ext" tcp dport { 443, 5061 } accept
		iifname "to-ext" udp dport 3478 accept
		iifname "to-core" ip saddr $FE accept
	}
	chain output {
		type filter hook output priority 0; policy accept;
		oifname "to-core" ip daddr != $FE drop
	}
	chain forward { type filter hook forward priority 0; policy drop; }
}
NFT
in_space ext nft -f - <<NFT
table inet leaks {
	counter elsewhere {}
	chain output {
		type filter hook output priority 0;
		oifname "to-edge" ip daddr != $EDGE meta l4proto tcp counter name elsewhere
	}
}
NFT

door_names 10.200.1.3
name_server private core $FE --host-record=fe.example.net,$FE \
	--srv-host=_sips._tcp.fe.example.net,fe.example.net,5061,1,1
door_front_end

# ---- the door ----

conf edge $EDGE $EDGE_IN
sed -i "s/^  listen: \[\"$EDGE_IN\"\]/  listen: [\"$EDGE_IN:5063\"]/" "$WORK/edge.yaml"
door_conf "tls: [$EDGE]" "wss: [$EDGE]" "media_relay: sip:mras@example.net" >>"$WORK/edge.yaml"
check "-t takes the section" "$SALLYPORTD" -t -c "$WORK/edge.yaml"
# wrong NAME SED MESSAGE: with this change -t fails and says so.
wrong() {
	sed "$2" "$WORK/edge.yaml" >"$WORK/wrong.yaml"
	check "$1" prints "^error: .*wrong\.yaml:[0-9]+:[0-9]+: .*$3" -- "$SALLYPORTD" -t -c "$WORK/wrong.yaml"
}
wrong "a door that nobody can come in by" '/^  tls:/d; /^  wss:/d' 'nobody can come in'
wrong "a name inside that nobody can send to" "s/$EDGE_IN:5062/0.0.0.0:5062/" 'cannot send to all'
wrong "a front end with a port that is none" 's/next_hop: fe/next_hop: fe.example.net:0 #/' 'is no front end'
wrong "a credential service that is no URI" 's/media_relay: .*/media_relay: "mras> x"/' 'is no URI'
wrong "a domain that is none" 's/domains: .*/domains: ["sip:example.net"]/' 'is no domain'
wrong "a certificate of the inside that is not there" 's,inside\.pem,none.pem,' 'none\.pem'
wrong "clients asked to speak after they are closed" 's/^  domains:/  flow_timer: 1h\n&/' 'limits\.idle'
edge_start edge
check "the front end is found by SRV and answers" within 20 \
	metric_is edge sallyport_access_front_end_up "" 1

# ---- D01: registration ----

FE=10.200.1.3 softphone alice ext 10.200.1.2 5070 1000 '<sip:alice@example.net;transport=tls>;'\
'auth_user=alice;auth_pass=x;regint=600;answermode=auto;audio_codecs=PCMU;sipnat=outbound;'\
'outbound="sip:example.net;transport=tls"'
softphone bob core 10.10.0.20 5070 600 "$(inside bob audio_codecs=PCMU)"
check "a softphone outside registers, by its domain alone" within 30 registered alice
check "... and one inside" within 30 registered bob
# talk_phone NAME: on a WebSocket; what comes is in its log.
talk_phone() {
	rm -f "$WORK/$1.in"
	mkfifo "$WORK/$1.in"
	nsenter --net="/run/netns/$RUN-ext" "${DOOR[@]}" phone $EDGE "$WORK/sips.pem" "$1" \
		example.net <"$WORK/$1.in" >"$WORK/$1.log" 2>&1 &
	PIDS[$1]=$!
	exec {TALK_FD}>"$WORK/$1.in"
	TALK[$1]=$TALK_FD
}
talk_phone carol
carol_has() {
	has "$WORK/carol.log" "$1"
}
check "... and one on a WebSocket" within 20 carol_has '^SIP/2.0 200'
check "the answer names the credential service" \
	carol_has '^Call-Info: <sip:mras@example\.net>;purpose=media-relay'
check "... and a time for keep-alive" carol_has '^Flow-Timer: 120'
check "both are known to be registered" within 10 \
	metric_is edge sallyport_access_flows_registered "" 2
elsewhere() {
	in_space ext nft list counter inet leaks elsewhere | has /dev/stdin 'packets 0 '
}
check "all that the outside has sent went to the edge" elsewhere

# ---- calls ----

# same_count FILE PATTERN N
same_count() {
	same "$(grep -cE "$2" "$1")" "$3"
}

both() {
	check "$1" within 30 heard alice "$3" "$2" && check "... on both sides" within 30 heard bob "$3" "$2"
}
tell alice dial sip:bob@example.net
both "a call from outside to inside is established" 1 '^event CALL_ESTABLISHED'
tell bob hangup
both "... and ended by the callee" 1 '^event CALL_CLOSED'
tell bob dial sip:alice@example.net
both "a call from inside to outside is established" 2 '^event CALL_ESTABLISHED'
tell bob hangup
both "... and ended by the caller" 2 '^event CALL_CLOSED'
tell bob dial sip:carol@example.net
check "a call to the WebSocket is refused by its client" within 20 heard bob '^event CALL_CLOSED' 3
check "... who sees nothing of the inside" within 10 carol_has '^INVITE '
hidden() {
	sed '/^[a-z]=/d' "$WORK/carol.log" >"$WORK/carol.seen" # the body is from end to end
	has_not "$WORK/carol.seen" '10\.10\.|fe\.example|kamailio|baresip'
}
check "... in no message" hidden
echo ring >&"${TALK[carol]}"
tell bob dial sip:carol@example.net
check "ringing passes from outside to inside" within 20 heard bob '^event CALL_RINGING .*carol'
tell bob hangup
check "... and CANCEL from inside to outside" within 20 carol_has '^CANCEL '
check "... whose INVITE ends with 487 and ACK" within 20 \
	same_count "$WORK/carol.log" '^ACK ' 2
echo "message alice" >&"${TALK[carol]}"
check "a request between two outside goes by the front end" within 10 has "$WORK/fe.log" \
	"MESSAGE sip:alice@example\\.net from $EDGE_IN"
check "... and is answered" within 10 carol_has '^CSeq: 1 MESSAGE'

# ---- D02: credentials ----

echo "service internet" >&"${TALK[carol]}"
check "who is outside asks for credentials by the front end" within 10 carol_has '<credentialsResponse'
check "... and gets the relay as it is outside" carol_has '<hostName>av\.example\.com'
check "... with its ports" carol_has '<udpPort>3478'
check "... and user name and password" carol_has '<username>.*<password>'
tls_client() {
	local where=$1 what=$2 host=$3 port=$4
	shift 4
	in_space "$where" timeout 20 "${DOOR[@]}" "$what" "$host" "$port" "$WORK/sips.pem" "$@"
}
check "who is inside gets it as it is inside" prints '<hostName>av\.int\.example\.com' -- \
	tls_client core service $FE 5061 "$WORK/phone.pem" "$WORK/phone.key" intranet
check "the front end may ask directly" prints '^SIP/2.0 200' -- \
	tls_client core service $EDGE_IN 5062 "$WORK/fe.pem" "$WORK/fe.key" intranet
fails() {
	! "$@" >"$WORK/fails.out" 2>&1 && has_not "$WORK/fails.out" '^SIP/2.0'
}
check "... another with a certificate may not" fails \
	tls_client core service $EDGE_IN 5062 "$WORK/phone.pem" "$WORK/phone.key" intranet
check "... nor does one without get through the handshake" fails \
	tls_client core service $EDGE_IN 5062 - - intranet
check "... and from outside there is no way" fails in_space ext timeout 2 \
	bash -c "exec 3<>/dev/tcp/$EDGE_IN/5062"

# ---- connections that are gone ----

talk_close carol
check "a connection that ends is forgotten" within 20 metric_is edge sallyport_access_flows "" 1
check "... and the registrar told so" prints '^SIP/2.0 4[38]0' -- \
	tls_client core message $FE 5061 "$WORK/phone.pem" "$WORK/phone.key" bob carol
check "... by 430" metric_is edge sallyport_access_refused_total 'reason="flow"' 1

# ---- strangers ----

tell alice dial sip:bob@example.net
both "a call is set up" 3 '^event CALL_ESTABLISHED'
start slow ext "${DOOR[@]}" slow $EDGE 5061 "$WORK/sips.pem" 25
start slow-web ext "${DOOR[@]}" slow $EDGE 443 "$WORK/sips.pem" 25
check "slow peers hold connections" within 30 has "$WORK/slow.log" '^held 25'
check "... of either kind" within 30 has "$WORK/slow-web.log" '^held 25'
check "garbage is no message" in_space ext timeout 60 "${DOOR[@]}" garbage $EDGE 5061 "$WORK/sips.pem" 40
check "... nor a WebSocket" in_space ext timeout 60 "${DOOR[@]}" garbage $EDGE 443 "$WORK/sips.pem" 40
check "requests to other domains are refused, and beyond a rate nobody looks at them" \
	prints '403=[0-9]+ 503=[0-9]+ ended=[1-9]' -- \
	in_space ext timeout 60 "${DOOR[@]}" flood $EDGE 5061 "$WORK/sips.pem" 2000
check "... which is counted" metric_at_least edge sallyport_access_refused_total 'reason="rate"' 1
check "... and ends the connections" metric_at_least edge sallyport_access_flows_ended_total "" 1
check "the call goes on" test "$(grep -c '^event CALL_CLOSED' "$WORK/alice.events")" = 2
OFFERS=$(grep -c '^event CALL_REMOTE_SDP' "$WORK/bob.events")
tell alice hold
check "... and is put on hold from outside" within 20 heard bob '^event CALL_REMOTE_SDP' $((OFFERS + 1))
tell alice hangup
both "... and ended" 3 '^event CALL_CLOSED'
stop slow
stop slow-web

# ---- who comes back and hangs up before he has registered anew ----

CLOSED=$(grep -c '^event CALL_CLOSED' "$WORK/bob.events")
comes_back() {
	in_space ext timeout 60 "${DOOR[@]}" back $EDGE 5061 "$WORK/sips.pem" frida bob "$1" |
		tr '\n' ' ' >"$WORK/back.out"
	has "$WORK/back.out" "^$2 \$"
}
check "from the address where he was: his call is over" comes_back 10.200.1.2 'call 200 bye 200'
check "... for the other side too" within 20 heard bob '^event CALL_CLOSED' $((CLOSED + 1))
check "from another: he is told to register first" comes_back 10.200.1.3 'call 200 bye 500 bye 200'
check "... and then it is over" within 20 heard bob '^event CALL_CLOSED' $((CLOSED + 2))
check "... which is counted" metric_is edge sallyport_access_refused_total 'reason="unregistered"' 1

check "the longest message leaves the front end's connection alone" prints '^SIP/2.0 404' -- \
	tls_client ext message $EDGE 5061 - - alice nobody 32000

# ---- the front end is gone for a while ----

front_end_up() {
	metric_is edge sallyport_access_front_end_up "" "$1"
}
hello() {
	tls_client ext message $EDGE 5061 - - alice bob
}
stop fe
check "a front end that is gone is seen" within 20 front_end_up 0
check "... and requests get 503" prints '^SIP/2.0 503' -- hello
check "... which says when to come again" has "$WORK/prints.out" '^Retry-After: '
front_end_start
check "one that is back is seen" within 30 front_end_up 1
check "... and reached" prints '^SIP/2.0 404' -- hello

# ---- changes while it runs ----

certificate sip sips serverAuth "DNS:example.net,DNS:sip.example.net,DNS:renewed.example.net"
renewed() {
	in_space ext timeout 10 openssl s_client -connect $EDGE:5061 </dev/null 2>/dev/null |
		openssl x509 -noout -ext subjectAltName | has /dev/stdin renewed
}
check "a renewed certificate is taken" within 30 renewed
sed -i 's/domains: \[example.net\]/domains: [example.org]/' "$WORK/edge.yaml"
kill -HUP "${PIDS[edge]}"
check "a domain that is taken out is refused" within 10 prints '^SIP/2.0 403' -- hello
sed -i 's/domains: \[example.org\]/domains: [example.net]/' "$WORK/edge.yaml"
kill -HUP "${PIDS[edge]}"
check "... and served again" within 10 prints '^SIP/2.0 404' -- hello
kill -USR1 "${PIDS[edge]}"
check "a node that drains takes nobody more" within 10 prints '^SIP/2.0 503' -- hello

# ---- without SRV ----

REGISTERED=$(grep -c ' REGISTER ' "$WORK/fe.log")
stop public
name_server public ext 10.200.1.3 --host-record=sip.example.net,$EDGE
FE=10.200.1.3 softphone erin ext 10.200.1.2 5080 1000 \
	'<sip:erin@example.net;transport=tls>;auth_pass=x;regint=60'
check "without SRV a softphone fails to register" within 40 \
	has "$WORK/erin.log" 'erin@example\.net.*(Destination|No route|failed|unreachable|Unknown|[Ee]rror|timed out|not found|DNS)'
check "... and nothing of it reaches the front end" same "$(grep -c ' REGISTER ' "$WORK/fe.log")" "$REGISTERED"
finish
