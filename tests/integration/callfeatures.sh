#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What calls through the B2BUA do beside being passed on, with gateways that sipp plays: which failure of
# one trunk leads to the next.
# With asan: timers, reliable answers and updates of calls.
. "$(dirname "$0")/lib.sh"
begin sipp

OUT=10.200.1.1
site
conf edge
cat >>"$WORK/edge.yaml" <<-'YAML'
	mediation:
	  gateways:
	    - {name: out, host: 10.200.1.2}
	    - {name: in, host: 10.200.2.2}
	  pools:
	    - {name: outer, nodes: [ms1.example.net], colocated: false,
	       primary_address: 10.200.1.1, trunk_listen: {udp: 5060}}
	    - {name: inner, nodes: [ms1.example.net], colocated: false,
	       primary_address: 10.200.2.1, trunk_listen: {udp: 5060-5066}}
	  trunks:
	    - {name: out, root: true, mediation: "outer:5060/udp", gateway: "out:5060", connection: private}
	    - {name: good, root: true, mediation: "inner:5060/udp", gateway: "in:5060", connection: private}
	    - {name: mapped, mediation: "inner:5061/udp", gateway: "in:5061", connection: private}
	    - {name: slow, mediation: "inner:5062/udp", gateway: "in:5062", connection: private}
	    - {name: full, mediation: "inner:5063/udp", gateway: "in:5063", connection: private}
	    - {name: provider, mediation: "inner:5064/udp", gateway: "in:5064", connection: private,
	       registration: {domain: example.net, user: edge, password_file: PASSWORD}}
	    - {name: timed, mediation: "inner:5065/udp", gateway: "in:5065", connection: private}
	    - {name: reliable, mediation: "inner:5066/udp", gateway: "in:5066", connection: private}
	  trunk_settings:
	    - {scope: "trunk:mapped", srtp: none, failover_codes: [503], response_map: [{sip: 486, q850: "34", to: 503}]}
	    - {scope: "trunk:timed", srtp: none, session_timer: true}
	    - {scope: "trunk:slow", srtp: none, fast_failover: 2s}
	  usages: [all]
	  routes:
	    - {name: to-mapped, match: '^1', usages: [all], trunks: [mapped, good], spread: ordered}
	    - {name: to-slow, match: '^2', usages: [all], trunks: [slow, good], spread: ordered}
	    - {name: to-provider, match: '^4', usages: [all], trunks: [provider]}
	    - {name: to-reliable, match: '^6', usages: [all], trunks: [reliable]}
	    - {name: to-timed, match: '^5', usages: [all], trunks: [timed]}
	    - {name: to-full, match: '^3', usages: [all], trunks: [full, good], spread: ordered}
YAML
(umask 077 && echo secret >"$WORK/password")
sed -i "s|PASSWORD|$WORK/password|" "$WORK/edge.yaml"
edge_start edge
export TERM=${TERM:-dumb}

# callee NAME ARGUMENTS: a gateway that answers, or does as its scenario says.
callee() {
	local name=$1
	shift
	start "$name" hq sipp -nostdin -trace_err -error_file "$WORK/$name.err" -i 10.200.2.2 "$@"
}
# calls ARGUMENTS: a gateway that calls; all calls must go as its scenario says.
calls() {
	in_space ext timeout 60 sipp -nostdin -trace_err -error_file "$WORK/calls.err" -i 10.200.1.2 \
		-timeout 50 -timeout_error "$@" $OUT >"$WORK/calls.out" 2>&1 && return
	tail -n 30 "$WORK/calls.out"
	head -n 20 "$WORK/calls.err"
	return 1
}
counted() {
	same "$(metric edge "$1" "${3:-}")" "$2"
}

# ---- scenarios ----

# reply STATUS [FIELD]: a message of a callee's scenario.
reply() {
	cat <<-XML
		<send><![CDATA[
		SIP/2.0 $1 Test
		[last_Via:]
		[last_From:]
		[last_To:];tag=[pid]t[call_number]
		[last_Call-ID:]
		CSeq: 1 INVITE
		Contact: <sip:[local_ip]:[local_port]>
		${2:-X-None: -}
		Content-Length: 0

		]]></send>
	XML
}
# scenario NAME: $WORK/NAME.xml from what is read.
scenario() {
	{
		echo '<?xml version="1.0" encoding="UTF-8"?>'
		echo "<scenario name=\"$1\">"
		cat
		echo '</scenario>'
	} >"$WORK/$1.xml"
}
refuses() {
	echo '<recv request="INVITE"/>'
	reply "$@"
	echo '<recv request="ACK"/>'
}
refuses 486 'Reason: Q.850;cause=34;text="no circuit"' | scenario mapped
refuses 486 | scenario busy
refuses 503 'Retry-After: 30' | scenario full
scenario slow <<-XML
	<recv request="INVITE"/>
	$(reply 100)
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
	$(reply 487)
	<recv request="ACK"/>
XML

# accepts STATUS...: what a callee says in its dialog, with the CSeq that came.
accepts() {
	reply 200 "$@" | sed 's/^CSeq: .*/[last_CSeq:]/'
}
# answers FIELD: the same to an INVITE, with a description.
answers() {
	local sdp
	sdp=$(printf '%s\n' v=0 'o=t 1 1 IN IP4 [local_ip]' s=- 'c=IN IP4 [local_ip]' 't=0 0' \
		'm=audio 6000 RTP/AVP 0')
	accepts "$@" | awk -v sdp="$sdp" '/^[[:space:]]*Content-Length: 0/ {
		print "Content-Type: application/sdp"
		print "Content-Length: [len]"
		print ""
		print sdp
		next
	} { print }'
}
ends() {
	echo '<recv request="BYE">'
	cat
	echo '</recv>'
	accepts | sed 's/;tag=[^[:space:]]*//'
}
challenge='WWW-Authenticate: Digest realm="example.net", nonce="1f2e3d", algorithm=MD5, qop="auth"'
scenario provider <<-XML
	<recv request="INVITE"/>
	$(reply 401 "$challenge")
	<recv request="ACK"/>
	<recv request="INVITE">
	<action>
	<verifyauth assign_to="right" username="edge" password="secret"/>
	</action>
	</recv>
	<nop next="1" test="right"/>
	$(reply 403)
	<recv request="ACK" next="2"/>
	<label id="1"/>
	$(answers)
	<recv request="ACK"><action><ereg regexp="Digest" search_in="hdr" header="Authorization:" check_it="true" assign_to="a"/></action></recv>
	$(ends <<<'<action><verifyauth assign_to="right" username="edge" password="secret"/></action>')
	<label id="2"/>
	<Reference variables="right,a"/>
XML
scenario timed <<-XML
	<recv request="INVITE"><action><ereg regexp="^ *1800" search_in="hdr" header="Session-Expires:" check_it="true" assign_to="a"/></action></recv>
	$(reply 422 'Min-SE: 2000')
	<recv request="ACK"/>
	<recv request="INVITE"><action><ereg regexp="^ *2000" search_in="hdr" header="Session-Expires:" check_it="true" assign_to="a"/></action></recv>
	$(answers 'Session-Expires: 2000;refresher=uac')
	<recv request="ACK"/>
	$(ends <<<'')
	<Reference variables="a"/>
XML
scenario reliable <<-XML
	<recv request="INVITE"><action>
	<ereg regexp="100rel" search_in="hdr" header="Supported:" check_it="true" assign_to="a"/>
	<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>
	</action></recv>
	$(reply 183 $'Require: 100rel\nRSeq: 4711')
	<recv request="PRACK"><action><ereg regexp="4711 1 INVITE" search_in="hdr" header="RAck:" check_it="true" assign_to="a"/></action></recv>
	$(accepts | sed 's/;tag=[^[:space:]]*//')
	$(answers | sed 's/;tag=[^[:space:]]*//; s/\[last_Via:\]/Via:[$via]/; s/\[last_CSeq:\]/CSeq: 1 INVITE/')
	<recv request="ACK"/>
	$(ends <<<'')
	<Reference variables="a"/>
XML

# later FILTER: what follows a PRACK is to the INVITE whose Via and CSeq are kept.
later() {
	sed 's/;tag=[^[:space:]]*//; s/\[last_Via:\]/Via:[$via]/; s/\[last_CSeq:\]/CSeq:[$cseq]/'
}
keeps='<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>
	<ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="cseq"/>'
has_offer='<ereg regexp="m=audio" search_in="body" check_it="true" assign_to="a"/>'
# acknowledged NUMBER [CHECK]: the PRACK of a provisional response of a callee's.
acknowledged() {
	echo "<recv request=\"PRACK\"><action><ereg regexp=\"$1 \" search_in=\"hdr\" header=\"RAck:\"" \
		"check_it=\"true\" assign_to=\"a\"/>${2:-}</action></recv>"
}
scenario early <<-XML
	<recv request="INVITE"><action>$keeps</action></recv>
	$(answers $'Require: 100rel\nRSeq: 4711' | sed 's/200 Test/183 Test/')
	$(acknowledged 4711 "$has_offer")
	$(answers | sed 's/;tag=[^[:space:]]*//')
	$(accepts | later)
	<recv request="ACK"/>
	<recv request="INVITE"><action>$keeps</action></recv>
	$(accepts $'Require: 100rel\nRSeq: 12' | sed 's/200 Test/180 Test/; s/;tag=[^[:space:]]*//')
	$(acknowledged 12)
	$(accepts | sed 's/;tag=[^[:space:]]*//')
	$(answers | later)
	<recv request="ACK"/>
	$(ends <<<'')
	<Reference variables="a"/>
XML

# says METHOD CSEQ [FIELD]: a request of a caller's in his call; with a description if it is read.
says() {
	local sdp type=X-None
	sdp=$(cat)
	[[ $sdp ]] && type='Content-Type: application/sdp'
	cat <<-XML
		<send><![CDATA[
		$1 sip:[service]@[remote_ip]:[remote_port] SIP/2.0
		Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
		From: <sip:c@[local_ip]:[local_port]>;tag=[pid]c[call_number]
		To: <sip:[service]@[remote_ip]>[peer_tag_param]
		Call-ID: [call_id]
		CSeq: $2 $1
		Contact: <sip:c@[local_ip]:[local_port]>
		Max-Forwards: 70
		${3:-X-None: -}
		${type/%X-None/X-None: -}
		Content-Length: [len]

		$sdp
		]]></send>
	XML
}
description() {
	printf '%s\n' v=0 "o=t 1 $1 IN IP4 [local_ip]" s=- 'c=IN IP4 [local_ip]' 't=0 0' 'm=audio 6100 RTP/AVP 0'
}
# hears STATUS [CHECK]
hears() {
	echo "<recv response=\"$1\"><action>${2:-<ereg regexp=\".*\" search_in=\"hdr\" header=\"CSeq:\" assign_to=\"a\"/>}</action></recv>"
}
number='<ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" assign_to="rseq"/>'
scenario offering <<-XML
	$(description 1 | says INVITE 1 'Supported: 100rel')
	<recv response="100" optional="true"/>
	$(hears 183 "$number")
	$(description 2 | says PRACK 2 'RAck: [$rseq] 1 INVITE')
	$(hears 200 "$has_offer")
	$(hears 200)
	$(says ACK 1 </dev/null)
	$(description 3 | says INVITE 3 'Require: 100rel')
	<recv response="100" optional="true"/>
	$(hears 180 "$number")
	$(says PRACK 4 'RAck: [$rseq] 3 INVITE' </dev/null)
	$(hears 200)
	$(hears 200 "$has_offer")
	$(says ACK 3 </dev/null)
	$(says BYE 5 </dev/null)
	$(hears 200)
	<Reference variables="a"/>
XML

callee provider -sf "$WORK/provider.xml" -p 5064
callee reliable -sf "$WORK/reliable.xml" -p 5066
callee timed -sf "$WORK/timed.xml" -p 5065
callee good -sn uas -p 5060
callee mapped -sf "$WORK/mapped.xml" -p 5061
callee slow -sf "$WORK/slow.xml" -p 5062
callee full -sf "$WORK/full.xml" -p 5063

# ---- which failure leads to the next trunk ----

# A request of one datagram, and what comes back.
ask() {
	printf '%s\r\n' "INVITE sip:$1@$OUT SIP/2.0" \
		"Via: SIP/2.0/UDP 10.200.1.2:5066;branch=z9hG4bK$2;rport" "From: <sip:x@example.com>;tag=$2" \
		"To: <sip:$1@$OUT>" "Call-ID: $2" 'CSeq: 1 INVITE' 'Contact: <sip:x@10.200.1.2:5066>' \
		'Max-Forwards: 70' 'Content-Length: 0' '' |
		in_space ext timeout 30 python3 -B "$HERE/sipstorm.py" ask $OUT:5060 --local 10.200.1.2 --port 5066
}

check "busy with a cause that is mapped: 20 calls go to the next trunk" \
	calls -sn uac -p 5064 -s 1000 -m 20 -r 20 -d 100
check "each was tried twice" counted sallyport_call_next_routes_total 20
check "nothing but 100: after two seconds the next trunk" \
	calls -sn uac -p 5065 -s 2000 -m 5 -r 20 -d 100
check "it was tried" counted sallyport_call_next_routes_total 25
check "503 with Retry-After: the next trunk" calls -sn uac -p 5067 -s 3000 -m 1 -d 100
check "and the first is left alone from then on" calls -sn uac -p 5068 -s 3000 -m 10 -r 20 -d 100
check "only one call had gone there" counted sallyport_call_next_routes_total 26
stop mapped USR1
callee busy -sf "$WORK/busy.xml" -p 5061
busy_listens() {
	in_space hq ss -Hlun 'sport = :5061' | grep -q .
}
within 20 busy_listens || note "the gateway is late"
check "busy alone is the caller's to know" prints '^SIP/2.0 486 ' -- ask 1000 busy
check "no other trunk was tried" counted sallyport_call_next_routes_total 26

# ---- who asks for more ----

check "a provider that wants credentials gets them" calls -sn uac -p 5070 -s 4000 -m 10 -r 10 -d 100
check "one answer for each call: BYE had them at once" \
	counted sallyport_call_challenges_total 10 'result="answered"'
check "a session interval that is too short is made longer" \
	calls -sn uac -p 5071 -s 5000 -m 10 -r 10 -d 100
check "reliable ringing is acknowledged for a caller who cannot" \
	calls -sn uac -p 5072 -s 6000 -m 10 -r 10 -d 100
stop reliable USR1
callee early -sf "$WORK/early.xml" -p 5066
early_listens() {
	in_space hq ss -Hlun 'sport = :5066' | grep -q .
}
within 20 early_listens || note "the gateway is late"
check "an offer in PRACK, and ringing within the call that must be acknowledged" \
	calls -sf "$WORK/offering.xml" -p 5074 -s 6000 -m 10 -r 10
check "none is open" within 10 counted sallyport_calls_open 0
finish
