#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Trunks while they run: gateways that are asked by OPTIONS, vanish and come back; a provider, played by
# Kamailio, with which one is registered by Digest.
# Takes 30 s.
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
	    - {name: out, host: 10.200.1.2}
	    - {name: provider, host: $PROVIDER}
	    - {name: pair, host: gateways.example.net}
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
	    - {scope: global, options: {interval: 1s, fail_after: 2}}
	  usages: [all]
	  routes:
	    - {name: to-pair, match: '^1', usages: [all], trunks: [pair]}
	    - {name: to-out, match: '^2', usages: [all], trunks: [out]}
YAML

# ---- those around us ----

# answers: a gateway that answers OPTIONS.
cat >"$WORK/options.xml" <<-'XML'
	<?xml version="1.0" encoding="UTF-8"?>
	<scenario name="answers OPTIONS">
	<recv request="OPTIONS"/>
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
	</scenario>
XML
export TERM=${TERM:-dumb}
# gateway NAME SPACE ADDRESS PORT: it lives.
gateway() {
	start "$1" "$2" sipp -nostdin -sf "$WORK/options.xml" -i "$3" -p "$4" -trace_err \
		-error_file "$WORK/$1.err"
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
			save("location");
			exit;
		}
		sl_send_reply("404", "Not Found");
	}
CFG
start provider ext kamailio -DD -E -f "$WORK/provider.cfg" -w "$WORK" -P "$WORK/provider.pid" -Y "$WORK" -m 32 -M 4
provider_listens() {
	in_space ext ss -Hlun "src $PROVIDER:5060" | grep -q .
}
within 20 provider_listens || note "Kamailio is late"
start wire ext tcpdump -lnn -A -i to-edge udp port 5060
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
stop out USR1
check "one that does not answer any more is down" within 30 is_up out 0
check "the status says why" within 5 says out 'no answer'
check "the others are not" is_up pair 1
gateway out ext 10.200.1.2 5060
check "it comes back with its first answer" within 30 is_up out 1
stop first USR1
check "of two hosts one is down" within 30 metric_is edge sallyport_trunk_addresses_up 'trunk="pair"' 1
check "the trunk is up with the other" is_up pair 1
said_once() {
	same "$(grep -c "trunk down trunk=out" "$WORK/edge.log")" 1
}
check "the log has a line for each change and no more" said_once

# ---- registration ----

check "a trunk is registered, by SHA-256" within 20 metric_is edge sallyport_trunk_registered 'trunk="provider"' 1
check "the provider knows the account" within 5 has "$WORK/provider.log" 'BOUND 4711 for 60'
check "the status says so" says provider 'yes'
check "with a wrong password there is no registration" \
	metric_is edge sallyport_trunk_registered 'trunk="locked-out"' 0
check "the log says so" within 20 has "$WORK/edge.log" 'trunk not registered trunk=locked-out status=401'
asked_few() {
	at_most "$(grep -c 'CHALLENGED 4712' "$WORK/provider.log")" 4
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
