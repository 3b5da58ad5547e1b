#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Calls between the inside, which speaks SIP over mutual TLS, and trunks over TLS and TCP, both ways: who
# is let in, what each side is shown, from which address it is reached, and what is left afterwards.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin sipp haproxy socat

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
export TERM=${TERM:-dumb}

sip_site
certificate stranger others serverAuth,clientAuth DNS:fe.example.net
certificate other sips serverAuth,clientAuth DNS:other.example.net
certificate trunk sips serverAuth,clientAuth DNS:trunk.example.net
conf med $MED_PSTN $MED
cat >>"$WORK/med.yaml" <<-YAML
	mediation:
	  gateways:
	    - {name: gw1, host: gw1.example.net, address: $GW}
	    - {name: pbx, host: $GW, kind: ip_pbx}
	  pools:
	    - name: med
	      nodes: [ms1.example.net]
	      colocated: false
	      primary_address: auto/10.10.0.0/24
	      pstn_address: $MED_PSTN
	      trunk_listen: {tls: 5067, tcp: 5068}
	      client_tls: {certificate: $WORK/ms1.pem, private_key: $WORK/ms1.key, ca: $WORK/sips.pem}
	      trunk_tls: {certificate: $WORK/trunk.pem, private_key: $WORK/trunk.key, ca: $WORK/sips.pem}
	      client_srtp: none
	      next_hop: {host: fe.example.net, address: $FE, domain: example.net}
	  trunks:
	    - {name: gw1-tls, root: true, mediation: "med:5067/tls", gateway: "gw1:5067", connection: private}
	    - {name: pbx-tcp, root: true, mediation: "med:5068/tcp", gateway: "pbx:5060"}
	  trunk_settings:
	    - {scope: "trunk:gw1-tls", srtp: none, usages: [all]}
	    - {scope: "trunk:pbx-tcp", usages: [all]}
	  usages: [all, pbx]
	  routes:
	    - {name: by-tls, match: '^1', usages: [all], trunks: [gw1-tls]}
	    - {name: by-tcp, match: '^2', usages: [pbx], trunks: [pbx-tcp]}
YAML
edge_start med

check "the log names the clear trunk alone" same "$(grep -c 'trunk is clear' "$WORK/med.log")" 1
check "and says how a new version is had" has "$WORK/med.log" 'calls do not survive an upgrade'
sockets() {
	in_space med ss -H"$1"tn | awk '{ print $4 }' | sort -u
}
listeners_are() {
	same "$(sockets l | grep -E ':(5067|5068|5070)$' | tr '\n' ' ')" "$*"" "
}
check "one listener for the inside, those of trunks at the other address" \
	listeners_are $MED:5070 $MED_PSTN:5067 $MED_PSTN:5068

# ---- who is let in ----

ended() {
	metric med sallyport_sip_connections_ended_total "reason=\"$1\""
}
# knocks REASON ARGUMENTS: a client of TLS is turned away, and counted. It hears out who does so.
knocks() {
	local before after=$1
	before=$(ended "$1")
	shift
	in_space "${FROM:-core}" timeout 20 openssl s_client -ign_eof -connect "${AT:-$MED:5070}" \
		-CAfile "$WORK/sips.pem" "$@" </dev/null >"$WORK/knock.out" 2>&1
	within 20 is_ended "$after" $((before + 1))
}
is_ended() {
	[ "$(ended "$1")" -ge "$2" ]
}
as() {
	echo -cert "$WORK/$1.pem" -key "$WORK/$1.key"
}
openssl x509 -req -in "$WORK/fe.csr" -CA "$WORK/sips.pem" -CAkey "$WORK/sips.key" -CAcreateserial \
	-days 0 -out "$WORK/expired.pem" -extfile <(echo subjectAltName=DNS:fe.example.net) 2>"$WORK/openssl.log"
cp "$WORK/fe.key" "$WORK/expired.key"
check "without a certificate: no handshake" knocks handshake
check "nor with TLS 1.2" knocks handshake -tls1_2
check "the client is told so" has "$WORK/knock.out" 'alert'
# shellcheck disable=SC2046
{
	check "of another authority: none" knocks handshake $(as stranger)
	check "an expired one: none" knocks handshake $(as expired)
	check "the client is told" has "$WORK/knock.out" 'alert certificate expired'
	check "another name: turned away behind it" knocks identity $(as other)
	AT=$MED_PSTN:5067 FROM=pstn
	check "the front end is no gateway" knocks identity $(as fe)
}

# ---- calls ----

# No media flow, but it could: nobody's are at 127.0.0.1.
media_of() {
	case $1 in core) echo $FE ;; *) echo $GW ;; esac
}
# Without TLS of their own, behind haproxy. The front end, and a gateway.
callee() {
	start "$1" "$2" sipp -nostdin -sn uas -t t1 -i "$3" -p "$4" -mi "$(media_of "$2")"
	within 20 listens "$2" tcp "$3" "$4"
}
calls() {
	local where=$1
	shift
	in_space "$where" timeout 60 sipp -nostdin -sn uac -t t1 -m 20 -r 20 -d 200 -timeout 50 -timeout_error \
		-mi "$(media_of "$where")" "$@" >"$WORK/calls.out" 2>&1 && return
	tail -n 30 "$WORK/calls.out"
	return 1
}
answered_are() {
	same "$(metric med sallyport_calls_answered_total)" "$1"
}
callee gateway pstn 127.0.0.1 5071 && callee pbx pstn $GW 5060 && callee inside core 127.0.0.1 5081 || note "late"
FRONT_EXPECTS=trunk.example.net tls_front gw1 pstn $GW 5067 5071
tls_front fe core $FE 5061 5081 $MED:5070

check "from the inside to a trunk over TLS" calls core -i 127.0.0.1 -s 1000 127.0.0.1:5082
check "from the inside to a trunk over TCP" calls core -i 127.0.0.1 -s 2000 127.0.0.1:5082
check "from a trunk over TLS to the inside" calls pstn -i 127.0.0.1 -s 3000 127.0.0.1:5072
check "from a trunk over TCP to the inside" calls pstn -i $GW -s 3000 $MED_PSTN:5068
check "from trunk to trunk, with the usage of the one it came over" \
	calls pstn -i $GW -s 1000 $MED_PSTN:5068
check "all were answered" answered_are 100
check "without that usage to the inside, though there is a route" \
	calls pstn -i 127.0.0.1 -s 2000 127.0.0.1:5072
check "no call returns to the telephone network: it goes inside" \
	calls pstn -i 127.0.0.1 -s 1000 127.0.0.1:5072
check "that is counted" metric_is med sallyport_call_loops_total '' 20
check "and said" has "$WORK/med.log" 'route back to the telephone network not taken.*trunk=gw1-tls'
check "none is open" within 10 metric_is med sallyport_calls_open '' 0

# Connections stay, so that they can be looked at.
apart() {
	in_space med ss -Htn | awk '{ print $4, $5 }' >"$WORK/apart.out"
	cat "$WORK/apart.out"
	grep -q " $FE:5061$" "$WORK/apart.out" && grep -q " $GW:5067$" "$WORK/apart.out" &&
		! grep -E "^$MED:.* ${GW%.*}\.|^$MED_PSTN:.* ${FE%.*}\." "$WORK/apart.out"
}
check "the inside is reached from the one address, gateways from the other" apart

# ---- new certificates ----

serial() {
	in_space core openssl s_client -connect $MED:5070 </dev/null 2>/dev/null | openssl x509 -noout -serial
}
serial_is_of() {
	same "$(serial)" "$(openssl x509 -noout -serial <"$WORK/$1.pem")"
}
cp "$WORK/ms1.pem" "$WORK/old.pem"
check "the inside is shown its certificate" serial_is_of old
certificate ms1 sips serverAuth,clientAuth DNS:ms1.example.net
check "a new one is taken when its file changes" within 30 serial_is_of ms1
certificates_are_shown() {
	"$CTL" -s "$WORK/med.sock" status >"$WORK/status.out" &&
		has "$WORK/status.out" 'inside of pool med .*ms1.pem' &&
		has "$WORK/status.out" 'trunks of pool med .*trunk.pem' &&
		has "$WORK/status.out" '^\(front end\) +fe.example.net +up +[0-9]+ +1 of 1 up'
}
check "the status has how long both are good, and how the front end is" certificates_are_shown
check "so have the metrics" metric_is med sallyport_front_end_up '' 1
check "calls go on with it" calls core -i 127.0.0.1 -s 1000 127.0.0.1:5082

# ---- the end ----

start last core timeout 120 sipp -nostdin -sn uac -t t1 -m 1 -d 100000 -mi $FE -i 127.0.0.1 -s 1000 127.0.0.1:5082
check "a call runs" within 20 metric_is med sallyport_calls_open '' 1
check "the node drains" "$CTL" -s "$WORK/med.sock" drain --exit
is_refused() {
	in_space core timeout 20 sipp -nostdin -sn uac -t t1 -m 1 -timeout 15 -timeout_error -mi $FE -i 127.0.0.1 \
		-s 1000 -trace_err -error_file "$WORK/refused.err" 127.0.0.1:5082 >"$WORK/refused.out" 2>&1 && return 1
	has "$WORK/refused.err" 'SIP/2.0 503'
}
check "a new call gets 503" is_refused
check "the one that runs goes on, and the daemon with it" metric_is med sallyport_calls_open '' 1
stop last
finish
