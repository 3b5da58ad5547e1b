#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The section "mediation": the daemon says what is wrong with it and where, names the trunks that are
# clear, tells where a call would go, and runs as ever with it.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient

site
conf edge
cat >"$WORK/section.yaml" <<'END'
mediation:
  gateways:
    - {name: gw1, host: gw1.example.net}
    - {name: sbc, host: 198.51.100.5}
  pools:
    - {name: med, nodes: [ms1.example.net], colocated: false, primary_address: auto/10.10.0.0/24,
       pstn_address: 10.200.2.1, trunk_listen: {tls: 5067-5069, tcp: 5068}, trunk_tls: {certificate: WORK/ms1.pem, private_key: WORK/ms1.key, ca: WORK/ca.pem}}
  trunks:
    - {name: gw1-root, root: true, mediation: "med:5067/tls", gateway: "gw1:5067"}
    - {name: sbc-root, root: true, mediation: "med:5068/tcp", gateway: "sbc:5060", connection: vpn}
  trunk_settings:
    - scope: global
      called_rules:
        - {match: '^\+1(425|206)(\d{7})$', replace: '9$1$2'}
    - {scope: "trunk:sbc-root", srtp: none, remove_plus: true}
  usages: [local, hopoff]
  routes:
    - {name: na-local, match: '^\+1(425|206)\d{7}$', priority: 1, usages: [local], trunks: [gw1-root]}
    - {name: any, match: '^\+?\d+$', priority: 9, usages: [hopoff], trunks: [sbc-root]}
END
certificate ms1 ca serverAuth,clientAuth DNS:ms1.example.net
sed -i "s#WORK/#$WORK/#g" "$WORK/section.yaml"
cat "$WORK/edge.yaml" "$WORK/section.yaml" >"$WORK/good.yaml"

check "-t takes it" "$SALLYPORTD" -t -c "$WORK/good.yaml"

# changed SED: the section changed by SED, behind the rest.
changed() {
	{
		cat "$WORK/edge.yaml"
		sed "$1" "$WORK/section.yaml"
	} >"$WORK/wrong.yaml"
}
# wrong NAME SED MESSAGE: -t fails and its message, at the changed line, matches MESSAGE.
wrong() {
	changed "$2"
	local line
	line=$(diff "$WORK/good.yaml" "$WORK/wrong.yaml" | sed -n '1s/^[0-9,]*[acd]\([0-9]*\).*/\1/p')
	check "$1" refused "wrong\.yaml:$line:[0-9]+: .*$3"
}
refused() {
	"$SALLYPORTD" -t -c "$WORK/wrong.yaml" >"$WORK/wrong.out" 2>&1
	local status=$?
	cat "$WORK/wrong.out"
	[ $status = 1 ] && grep -E '^error' "$WORK/wrong.out" | has /dev/stdin "$1"
}
wrong "TLS to a gateway without a name (E4)" '/name: gw1-root/s/"gw1:/"sbc:/; /name: sbc-root/s/"sbc:/"gw1:/' \
	'is an address'
wrong "a port outside of the range (E5)" 's/med:5067/med:5070/' 'outside of the ports 5067-5069'
wrong "the same ports twice (E6)" \
	'/name: gw1-root/{p;s/gw1-root, root: true/gw1-b/}' 'the same pool, gateway and ports'
wrong "a gateway without a root trunk (E7)" '/gateways:/a\    - {name: gw3, host: gw3.example.net}' \
	'no root trunk'
wrong "a clear trunk on the Internet (E10)" 's/connection: vpn/connection: internet/' \
	'on the Internet without TLS'
wrong "a pool that is colocated and too large (E14)" \
	's/\[ms1.example.net\], colocated: false/[a,b,c,d,e,f,g,h,i,j,k,l,m]/;s/pstn_address: 10.200.2.1,//' \
	'at most 12'
wrong "a second address where there is one (E15)" \
	's/ms1.example.net\], colocated: false,/ms1.example.net], pstn_address: 10.200.2.1,/;s/^ *pstn_address: 10.200.2.1,//' \
	'have one address'
wrong "a password that cannot be read" \
	's#connection: vpn#connection: vpn, registration: {user: "1", password_file: /nowhere/password}#' \
	'/nowhere/password: No such file'
wrong "a pattern with an open group" 's/(425|206)(/(425|206((/' 'cannot be used: missing'

changed 's/, connection: vpn//'
check "a clear trunk on a network that is not protected is named" \
	prints 'warning: .*signalling and media of trunk "sbc-root" are clear' -- \
	"$SALLYPORTD" -t -c "$WORK/wrong.yaml"
quiet() {
	! "$SALLYPORTD" -t -c "$WORK/good.yaml" 2>&1 | grep 'sbc-root.* clear'
}
check "on a network that is, it is not" quiet

check "where there is no inside, a trunk without usages is named" \
	prints 'warning: .*trunk "gw1-root" names no usages.* may call the world' -- "$SALLYPORTD" -t -c "$WORK/good.yaml"
changed 's/{scope: "trunk:sbc-root",/& usages: [local],/'
some_usages() {
	"$SALLYPORTD" -t -c "$WORK/wrong.yaml" >"$WORK/wrong.out" 2>&1
	has_not "$WORK/wrong.out" '"sbc-root" names no usages' && has "$WORK/wrong.out" '"gw1-root" names no usages'
}
check "one with usages is not" some_usages

changed 's/pstn_address: 10.200.2.1/pstn_address: auto\/10.200.1.0\/24/'
check "audio and relay ports that overlap at one address are named" \
	prints 'warning: .*"edge.relay.ports" overlap at 10.200.1.1' -- \
	"$SALLYPORTD" -t -c "$WORK/wrong.yaml"
changed 's/pstn_address: 10.200.2.1/pstn_address: 10.200.1.1, audio_ports: 40000-49999/'
apart() {
	! "$SALLYPORTD" -t -c "$WORK/wrong.yaml" 2>&1 | grep overlap
}
check "those that do not are not" apart

check "a local number goes by its route and its trunk's rules" prints \
	'1\. route na-local, trunk gw1-root: from 10.200.2.1 port 5067 to gw1.example.net:5067 over tls, SRTP' -- \
	"$SALLYPORTD" -r +14255550111:+14255550123 -c "$WORK/good.yaml"
check "the gateway sees what the rules made of it" prints 'calls 94255550123 as \+14255550111' -- \
	"$SALLYPORTD" -r +14255550111:+14255550123 -c "$WORK/good.yaml"
check "another number leaves by the other, without its plus" prints 'calls 442071234567 as anonymous' -- \
	"$SALLYPORTD" -r +442071234567 -c "$WORK/good.yaml"
nowhere() {
	"$SALLYPORTD" -r operator -c "$WORK/good.yaml" 2>/dev/null && return 1
	"$SALLYPORTD" -r operator -c "$WORK/good.yaml" 2>/dev/null | has /dev/stdin 'no route for it'
}
check "what has no route has exit status 1" nowhere

cp "$WORK/good.yaml" "$WORK/edge.yaml"
edge_start edge
check "a credential is issued beside it" credential '"location":"internet"'
check "the edge relays beside it" lossless uclient ext 10.200.1.1 -y -n 10 -m 2
finish
