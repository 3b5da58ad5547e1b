#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Calls between two gateways, which sipp plays, through the B2BUA: UDP to TCP, TCP to UDP, UDP to UDP;
# refusals, CANCEL, strangers; and nothing is left when they are over.
. "$(dirname "$0")/lib.sh"
begin sipp

OUT=10.200.1.1 IN=10.200.2.1
site
in_space ext ip address add 10.200.1.9/24 dev to-edge
conf edge
cat >>"$WORK/edge.yaml" <<-'YAML'
	mediation:
	  gateways:
	    - {name: out, host: 10.200.1.2}
	    - {name: in, host: 10.200.2.2}
	  pools:
	    - {name: outer, nodes: [ms1.example.net], colocated: false,
	       primary_address: auto/10.200.1.0/24, trunk_listen: {udp: 5060, tcp: 5068}}
	    - {name: inner, nodes: [ms1.example.net], colocated: false,
	       primary_address: 10.200.2.1, trunk_listen: {udp: 5060, tcp: 5068}}
	  trunks:
	    - {name: out-udp, root: true, mediation: "outer:5060/udp", gateway: "out:5060", connection: private}
	    - {name: out-tcp, mediation: "outer:5068/tcp", gateway: "out:5068", connection: private}
	    - {name: in-udp, root: true, mediation: "inner:5060/udp", gateway: "in:5060", connection: private}
	    - {name: in-tcp, mediation: "inner:5068/tcp", gateway: "in:5070", connection: private}
	  # What is kept for an OPTIONS would be seen at the end.
	  trunk_settings: [{scope: global, options: {send: false}}]
	  usages: [all]
	  routes:
	    - {name: to-tcp, match: '^1', usages: [all], trunks: [in-tcp]}
	    - {name: to-udp, match: '^2', usages: [all], trunks: [in-udp]}
	    - {name: to-out, match: '^3', usages: [all], trunks: [out-udp]}
	    - {name: to-both, match: '^4', usages: [all], trunks: [in-tcp, in-udp], spread: ordered}
YAML

edge_start edge
export TERM=${TERM:-dumb}

# callee NAME SPACE ARGUMENTS: a gateway that answers, or does as its scenario says.
callee() {
	local name=$1 where=$2
	shift 2
	start "$name" "$where" sipp -nostdin -trace_err -error_file "$WORK/$name.err" "$@"
}
# calls SPACE ARGUMENTS: a gateway that calls; all calls must go as its scenario says.
calls() {
	local where=$1
	shift
	in_space "$where" timeout 60 sipp -nostdin -trace_err -error_file "$WORK/calls.err" \
		-timeout 50 -timeout_error "$@" >"$WORK/calls.out" 2>&1 && return
	tail -n 30 "$WORK/calls.out"
	head -n 20 "$WORK/calls.err"
	return 1
}
same_metric_zero() {
	same "$(metric edge "$1")" 0
}
open_calls_are() {
	same "$(metric edge sallyport_calls_open)" "$1"
}
kept_calls_are() {
	same "$(metric edge sallyport_calls_kept)" "$1"
}

calls_over_reload() {
	start long ext timeout 60 sipp -nostdin -sn uac -i 10.200.1.2 -p 5067 -s 1000 -m 5 -r 5 -d 2000 $OUT
	within 10 open_calls_are 5 && kill -HUP "${PIDS[edge]}" && await long 30 && same "$STATUS" 0
}

callee tcp hq -sn uas -t t1 -i 10.200.2.2 -p 5070
callee udp hq -sn uas -i 10.200.2.2 -p 5060
callee back ext -sn uas -i 10.200.1.2 -p 5060
tcp_listens() {
	in_space hq ss -Hltn 'sport = :5070' | grep -q .
}
within 10 tcp_listens || note "the TCP gateway is late"

check "200 calls from a UDP gateway to a TCP gateway" \
	calls ext -sn uac -i 10.200.1.2 -p 5062 -s 1000 -m 200 -r 40 -d 300 $OUT
check "200 calls from a TCP gateway to a UDP gateway" \
	calls ext -sn uac -t t1 -i 10.200.1.2 -p 5063 -s 2000 -m 200 -r 40 -d 300 $OUT:5068
check "100 calls from inside to outside, UDP" \
	calls hq -sn uac -i 10.200.2.2 -p 5064 -s 3000 -m 100 -r 40 -d 300 $IN
check "all were answered" same "$(metric edge sallyport_calls_answered_total)" 500
check "all were ended by their callers" \
	within 10 metric_is edge sallyport_calls_ended_total 'reason="caller"' 500
check "none is open" within 10 open_calls_are 0

check "a reload leaves calls as they are" calls_over_reload

# ---- a call that is cancelled ----

cat >"$WORK/ring.xml" <<-'XML'
	<?xml version="1.0" encoding="UTF-8"?>
	<scenario name="rings until it is cancelled">
	<recv request="INVITE"/>
	<send><![CDATA[
	SIP/2.0 180 Ringing
	[last_Via:]
	[last_From:]
	[last_To:];tag=[pid]ring[call_number]
	[last_Call-ID:]
	[last_CSeq:]
	Contact: <sip:[local_ip]:[local_port]>
	Content-Length: 0

	]]></send>
	<recv request="CANCEL"/>
	<send><![CDATA[
	SIP/2.0 200 OK
	[last_Via:]
	[last_From:]
	[last_To:]
	[last_Call-ID:]
	[last_CSeq:]
	Content-Length: 0

	]]></send>
	<send><![CDATA[
	SIP/2.0 487 Request Terminated
	[last_Via:]
	[last_From:]
	[last_To:];tag=[pid]ring[call_number]
	[last_Call-ID:]
	CSeq: 1 INVITE
	Content-Length: 0

	]]></send>
	<recv request="ACK"/>
	</scenario>
XML
cat >"$WORK/cancel.xml" <<-'XML'
	<?xml version="1.0" encoding="UTF-8"?>
	<scenario name="cancels when it rings">
	<send retrans="500"><![CDATA[
	INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bKcancel[call_number]
	From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]c[call_number]
	To: <sip:[service]@[remote_ip]:[remote_port]>
	Call-ID: [call_id]
	CSeq: 1 INVITE
	Contact: <sip:sipp@[local_ip]:[local_port]>
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	<recv response="100" optional="true"/>
	<recv response="180"/>
	<send retrans="500"><![CDATA[
	CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bKcancel[call_number]
	From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]c[call_number]
	To: <sip:[service]@[remote_ip]:[remote_port]>
	Call-ID: [call_id]
	CSeq: 1 CANCEL
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	<recv response="200"/>
	<recv response="487"/>
	<send><![CDATA[
	ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bKcancel[call_number]
	From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]c[call_number]
	[last_To:]
	Call-ID: [call_id]
	CSeq: 1 ACK
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	</scenario>
XML
stop back USR1
callee ring ext -sf "$WORK/ring.xml" -i 10.200.1.2 -p 5060
check "20 calls are cancelled while they ring" \
	calls hq -sf "$WORK/cancel.xml" -i 10.200.2.2 -p 5065 -s 3000 -m 20 -r 20 $IN
check "they count as cancelled" \
	same "$(metric edge sallyport_calls_ended_total 'reason="cancelled"')" 20
check "the gateway they rang at saw it so" within 5 open_calls_are 0
stop ring USR1

# ---- refusals ----

kept_no_more() {
	same "$(metric edge sallyport_sip_requests_refused_total 'reason="stranger"')" 1 &&
		same "$(metric edge sallyport_call_requests_refused_total 'reason="no_route"')" 0
}

# What comes back to a request of one datagram.
ask() {
	printf '%s\r\n' "$@" '' | in_space ext timeout 30 python3 -B "$HERE/sipstorm.py" ask $OUT:5060 \
		--local "${FROM%:*}" --port "${FROM#*:}"
}
request() {
	ask "$1 sip:${NUMBER:-1000}@$OUT SIP/2.0" "Via: SIP/2.0/UDP $FROM;branch=z9hG4bK$1${3:-};rport" \
		'From: <sip:x@example.com>;tag=1' "To: <sip:${NUMBER:-1000}@$OUT>${2:-}" "Call-ID: $1${3:-}" \
		"CSeq: 1 $1" "Contact: <sip:x@$FROM>" "Max-Forwards: ${HOPS:-70}" 'Content-Length: 0'
}
FROM=10.200.1.9:5066
check "a stranger's call gets 403" prints '^SIP/2.0 403 ' -- request INVITE
check "nothing is kept of it" kept_no_more
FROM=10.200.1.2:5066
check "OPTIONS get 200" prints '^SIP/2.0 200 ' -- request OPTIONS
check "a BYE of no call gets 481" prints '^SIP/2.0 481 ' -- request BYE ';tag=none'
check "REGISTER gets 405" prints '^SIP/2.0 405 ' -- request REGISTER
check "CANCEL of nothing gets 481" prints '^SIP/2.0 481 ' -- request CANCEL
NUMBER=7000
check "a number without a route gets 404" prints '^SIP/2.0 404 ' -- request INVITE '' lost
NUMBER=1000
HOPS=0
check "a call without hops left gets 483" prints '^SIP/2.0 483 ' -- request INVITE '' hops
HOPS=70

# ---- a gateway that is gone ----

stop tcp USR1
check "a gateway that refuses connections: the caller hears 503" \
	prints '^SIP/2.0 503 ' -- request INVITE '' gone
check "20 calls go to the next trunk instead" \
	calls ext -sn uac -i 10.200.1.2 -p 5068 -s 4000 -m 20 -r 20 -d 100 $OUT
check "none is open" within 5 open_calls_are 0
check "after the time for repetitions nothing is kept" within 45 kept_calls_are 0
check "no transaction either" within 10 same_metric_zero sallyport_sip_transaction_bytes
finish
