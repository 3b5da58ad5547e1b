#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Trunks while they run: gateways that are asked by OPTIONS, vanish and come back; a provider, played by
# Kamailio, with which one is registered by Digest.
# Takes 30 s.
# With asan: gateways that come, go and want passwords.
. "$(dirname "$0")/lib.sh"
begin sipp dnsmasq kamailio tcpdump

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
OUT=10.200.1.1 IN=10.200.2.1 PROVIDER=10.200.1.7
site
in_space ext ip address add $PROVIDER/24 dev to-edge
in_space hq ip address add 10.200.2.3/24 dev to-edge
echo 'right-Password' >"$WORK/right.password"
printf 'wrong-Password' >"$WORK/wrong.password"
chmod 600 "$WORK"/*.password
conf edge
cat >>"$WORK/edge.yaml" <<-YAML
	mediation:
	  dns_servers: ["10.200.2.2@5353"]
	  gateways:
	    - {name: out, host: 10.200.1.2, kind: ip_pbx}
	    - {name: provider, host: $PROVIDER}
	    - {name: pair, host: gateways.example.net, kind: ip_pbx}
	  pools:
	    - {name: outer, nodes: [ms1.example.net], colocated: false,
	       primary_address: $OUT, trunk_listen: {udp: 5060-5062}}
	    - {name: inner, nodes: [ms1.example.net], colocated: false,
	       primary_address: $IN, trunk_listen: {udp: 5060}}
	  trunks:
	    - {name: out, root: true, mediation: "outer:5060/udp", gateway: "out:5060", connection: private}
	    - {name: provider, root: true, mediation: "outer:5061/udp", gateway: "provider:5060", connection: private,
	       registration: {domain: provider.example, user: "4711", password_file: $WORK/right.password, expires: 60s}}
	    - {name: locked-out, mediation: "outer:5062/udp", gateway: "provider:5060", connection: private,
	       registration: {domain: provider.example, user: "4712", password_file: $WORK/wrong.password}}
	    - {name: pair, root: true, mediation: "inner:5060/udp", gateway: pair, connection: private}
	  trunk_settings:
	    - {scope: global, usages: [all], fast_failover: 2s, options: {interval: 1s, fail_after: 2}}
	  usages: [all]
	  routes:
	    - {name: to-pair, match: '^1', usages: [all], trunks: [pair]}
	    - {name: to-out, match: '^2', usages: [all], trunks: [out]}
	    - {name: to-provider, match: '^3', usages: [all], trunks: [provider]}
YAML

# ---- those around us ----

# A gateway that takes calls and answers OPTIONS.
cat >"$WORK/gateway.xml" <<-'XML'
	<?xml version="1.0" encoding="UTF-8"?>
	<scenario name="gateway">
	<recv request="OPTIONS" optional="true" next="1"/>
	<recv request="INVITE"/>
	<send retrans="500"><![CDATA[
	SIP/2.0 200 OK
	[last_Via:]
	[last_From:]
	[last_To:];tag=[pid]i[call_number]
	[last_Call-ID:]
	[last_CSeq:]
	Contact: <sip:[local_ip]:[local_port]>
	Content-Type: application/sdp
	Content-Length: [len]

	v=0
	o=a 1 1 IN IP4 [local_ip]
	s=-
	c=IN IP4 [media_ip]
	t=0 0
	m=audio [media_port] RTP/AVP 8
	a=rtpmap:8 PCMA/8000

	]]></send>
	<recv request="ACK"/>
	<recv request="BYE" timeout="60000"/>
	<send next="2"><![CDATA[
	SIP/2.0 200 OK
	[last_Via:]
	[last_From:]
	[last_To:]
	[last_Call-ID:]
	[last_CSeq:]
	Content-Length: 0

	]]></send>
	<label id="1"/>
	<send><![CDATA[
	SIP/2.0 200 OK
	[last_Via:]
	[last_From:]
	[last_To:];tag=[pid]o[call_number]
	[last_Call-ID:]
	[last_CSeq:]
	Allow: INVITE, ACK, BYE, CANCEL, OPTIONS
	Content-Length: 0

	]]></send>
	<label id="2"/>
	</scenario>
XML
export TERM=${TERM:-dumb}
# gateway NAME SPACE ADDRESS PORT
gateway() {
	start "$1" "$2" sipp -nostdin -sf "$WORK/gateway.xml" -i "$3" -p "$4" -trace_err \
		-error_file "$WORK/$1.err" -trace_stat -stf "$WORK/$1.csv" -fd 1
}
gateway out ext 10.200.1.2 5060
gateway first hq 10.200.2.2 5070
gateway second hq 10.200.2.3 5070
start names hq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= \
	--bind-interfaces --listen-address=10.200.2.2 --port=5353 --local=/example.net/ --local-ttl=5 \
	--srv-host=_sip._udp.gateways.example.net,first.example.net,5070,10,0 \
	--srv-host=_sip._udp.gateways.example.net,second.example.net,5070,20,0 \
	--host-record=first.example.net,10.200.2.2 --host-record=second.example.net,10.200.2.3

# The provider asks for SHA-256, and says what he has let in.
cat >"$WORK/provider.cfg" <<-CFG
	#!KAMAILIO
	log_stderror=yes
	debug=2
	children=2
	disable_tcp=yes
	auto_aliases=no
	alias="provider.example"
	listen=udp:$PROVIDER:5060
	loadmodule "tm.so"
	loadmodule "sl.so"
	loadmodule "pv.so"
	loadmodule "usrloc.so"
	loadmodule "registrar.so"
	loadmodule "auth.so"
	loadmodule "rr.so"
	loadmodule "textops.so"
	loadmodule "siputils.so"
	loadmodule "xlog.so"
	modparam("usrloc", "db_mode", 0)
	modparam("auth", "algorithm", "SHA-256")
	modparam("auth", "nonce_expire", 10)

	request_route {
		if (is_method("OPTIONS")) {
			sl_send_reply("200", "OK");
			exit;
		}
		if (is_method("REGISTER")) {
			if (!pv_www_authenticate("provider.example", "right-Password", "0")) {
				xlog("L_NOTICE", "CHALLENGED \$fU\n");
				www_challenge("provider.example", "0");
				exit;
			}
			xlog("L_NOTICE", "BOUND \$fU for \$hdr(Expires)\n");
			append_to_reply("Service-Route: <sip:served@$PROVIDER;lr>\r\n");
			save("location");
			exit;
		}
		# Who is served is known by the way he comes.
		if (is_method("INVITE") && \$hdr(Route) =~ "served@") {
			loose_route();
			\$du = "sip:10.200.1.2:5060";
			t_relay();
			exit;
		}
		# A call for an account goes to its Contact, with the number in To.
		if (is_method("INVITE") && \$rU =~ "^471") {
			if (!lookup("location")) {
				sl_send_reply("404", "Not Registered");
				exit;
			}
		} else if (!has_totag() && !is_method("CANCEL|ACK")) {
			sl_send_reply("404", "Not Found");
			exit;
		}
		t_relay();
	}
CFG
start provider ext kamailio -DD -E -f "$WORK/provider.cfg" -w "$WORK" -P "$WORK/provider.pid" -Y "$WORK" -m 32 -M 4
provider_listens() {
	in_space ext ss -Hlun "src $PROVIDER:5060" | grep -q .
}
within 20 provider_listens || note "Kamailio is late"
start wire ext tcpdump -lnn -A -i to-edge udp port 5060
start inside hq tcpdump -lnn -i to-edge udp port 5070
chmod 644 "$WORK/right.password"
check "a password that all can read is refused" prints 'right.password: is open to others' -- \
	in_space edge timeout 10 "$SALLYPORTD" -f -c "$WORK/edge.yaml"
chmod 600 "$WORK/right.password"
edge_start edge

# ---- who lives ----

is_up() {
	metric_is edge sallyport_trunk_up "trunk=\"$1\"" "$2"
}
says() {
	"$CTL" -s "$WORK/edge.sock" status >"$WORK/status.out" 2>&1 &&
		grep -Eq "^ *$1 +.* $2" "$WORK/status.out"
}
check "a gateway that answers OPTIONS is up" within 10 is_up out 1
check "OPTIONS are on the wire, with our Contact" within 10 has "$WORK/wire.log" 'Contact: <sip:10.200.1.1:5060>'
check "both hosts of a name are found by SRV and asked" within 20 \
	metric_is edge sallyport_trunk_addresses_up 'trunk="pair"' 2

# ---- calls ----

# calls N MS NUMBER: from the gateway outside; all go as they should.
calls() {
	in_space ext timeout 40 sipp -nostdin -sn uac -i 10.200.1.2 -p 5080 -s "$3" -m "$1" -r 20 -d "$2" \
		-timeout 35 -timeout_error -trace_err -error_file "$WORK/calls.err" $OUT >"$WORK/calls.out" 2>&1 &&
		return
	tail -n 20 "$WORK/calls.out"
	head -n 10 "$WORK/calls.err"
	return 1
}
# invites NAME: how many calls have come to that address inside.
invites() {
	grep -c "> $1: SIP: INVITE " "$WORK/inside.log"
}
# Some may have been sent twice.
only_first() {
	at_least "$(invites 10.200.2.2.5070)" 20 && same "$(invites 10.200.2.3.5070)" 0
}
check "20 calls to a name all succeed" calls 20 100 1000
check "all of them went to the host of the lower priority" within 5 only_first
start long ext timeout 40 sipp -nostdin -sn uac -i 10.200.1.2 -p 5081 -s 2000 -m 5 -r 20 -d 6000 $OUT

# ---- gateways that go and come back ----

stop first USR1
check "of 20 calls while one host is gone none is lost" calls 20 100 1000
check "they went to the other" at_least "$(invites 10.200.2.3.5070)" 20
check "it is known to be down" within 30 metric_is edge sallyport_trunk_addresses_up 'trunk="pair"' 1
check "the trunk is up with the other" within 20 is_up pair 1
long_calls_end_well() {
	await long 30 && same "$STATUS" 0
}
check "calls that ran meanwhile were not disturbed" long_calls_end_well
no_calls_count() {
	same "$(metric edge sallyport_trunk_calls 'trunk="out"')" 0 &&
		same "$(metric edge sallyport_trunk_calls 'trunk="pair"')" 0
}
check "no call counts on a trunk any more" within 10 no_calls_count
stop out USR1
check "one that does not answer any more is down" within 30 is_up out 0
check "the status says why" within 5 says out 'no answer'
check "the others are not" within 20 is_up pair 1
gateway out ext 10.200.1.2 5060
check "it comes back with its first answer" within 30 is_up out 1
# However often a slow gateway has gone and come back: never one change twice.
said_once() {
	grep -oE 'trunk (up|down) trunk=out' "$WORK/edge.log" >"$WORK/changes"
	at_least "$(wc -l <"$WORK/changes")" 2 && same "$(uniq -d "$WORK/changes")" ''
}
check "the log has a line for each change and no more" said_once

# ---- registration ----

check "a trunk is registered, by SHA-256" within 20 metric_is edge sallyport_trunk_registered 'trunk="provider"' 1
check "the provider knows the account" within 5 has "$WORK/provider.log" 'BOUND 4711 for 60'
check "the status says so" says provider 'yes'
check "a call to the provider goes the way that he has told us to" calls 5 100 3000
# A call for our account, to a number of ours.
cat >"$WORK/for-us.xml" <<-'XML'
	<?xml version="1.0" encoding="UTF-8"?>
	<scenario name="a call for the account">
	<send retrans="500"><![CDATA[
	INVITE sip:4711@[remote_ip]:[remote_port] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From: <sip:555@[local_ip]:[local_port]>;tag=[pid]a[call_number]
	To: <sip:2000@provider.example>
	Call-ID: [call_id]
	CSeq: 1 INVITE
	Contact: <sip:555@[local_ip]:[local_port]>
	Max-Forwards: 70
	Content-Type: application/sdp
	Content-Length: [len]

	v=0
	o=a 1 1 IN IP4 [local_ip]
	s=-
	c=IN IP4 [media_ip]
	t=0 0
	m=audio 7000 RTP/AVP 8
	a=rtpmap:8 PCMA/8000

	]]></send>
	<recv response="100" optional="true"/>
	<recv response="200" rrs="true"/>
	<send><![CDATA[
	ACK [next_url] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From: <sip:555@[local_ip]:[local_port]>;tag=[pid]a[call_number]
	[last_To:]
	Call-ID: [call_id]
	CSeq: 1 ACK
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	<pause milliseconds="200"/>
	<send retrans="500"><![CDATA[
	BYE [next_url] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From: <sip:555@[local_ip]:[local_port]>;tag=[pid]a[call_number]
	[last_To:]
	Call-ID: [call_id]
	CSeq: 2 BYE
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	<recv response="200"/>
	</scenario>
XML
called_by_the_provider() {
	in_space ext timeout 20 sipp -nostdin -sf "$WORK/for-us.xml" -i 10.200.1.2 -p 5082 -m 1 -timeout 15 \
		-timeout_error -trace_err -error_file "$WORK/for-us.err" $PROVIDER >"$WORK/for-us.out" 2>&1 &&
		has "$WORK/wire.log" 'INVITE sip:2000@10.200.1.2:5060 SIP/2.0' && return
	tail -n 20 "$WORK/for-us.out" "$WORK/provider.log" "$WORK/edge.log"
	return 1
}
check "a call for the account goes to the number in its To" called_by_the_provider
check "with a wrong password there is no registration" \
	metric_is edge sallyport_trunk_registered 'trunk="locked-out"' 0
check "the log says so" within 20 has "$WORK/edge.log" 'trunk not registered trunk=locked-out status=401'
# Twice at the start, and after 15 s at the earliest again; each may be said twice.
asked_few() {
	at_most "$(grep -c 'CHALLENGED 4712' "$WORK/provider.log")" $((4 + 4 * SECONDS / 15))
}
check "the provider is not asked again and again" asked_few
no_password() {
	"$SALLYPORTD" -t -c "$WORK/edge.yaml" >"$WORK/shown.out" 2>&1
	"$SALLYPORTD" -r 1000 -c "$WORK/edge.yaml" >>"$WORK/shown.out" 2>&1
	cat "$WORK/edge.log" "$WORK/status.out" >>"$WORK/shown.out"
	has_not "$WORK/shown.out" '(right|wrong)-Password'
}
check "nobody is shown a password" no_password
stop edge
check "the end takes the registration back" within 5 has "$WORK/provider.log" 'BOUND 4711 for 0'
check "and is an orderly one" same "$STATUS" 0
finish
