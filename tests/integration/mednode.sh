#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A node that does calls alone, by the example in etc/mediation.yaml: no relay, no credentials. A call
# with media, and what an operator does with any node: check, status, reload, drain, upgrade, stop.
# Takes 15 s.
. "$(dirname "$0")/lib.sh"
begin sipp
export TERM=${TERM:-dumb}

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
ETC=$(cd "$(dirname "$0")/../../etc" && pwd)
space core med pstn
join core 10.10.0.10/24 med 10.10.0.1/24
join pstn 10.99.0.5/24 med 10.99.0.1/24
in_space pstn ip address add 10.99.0.6/24 dev to-med
certificate ms1 ca serverAuth,clientAuth DNS:ms1.example.net

# The example, with this host's files and addresses for its names; sipp would take OPTIONS for calls, and has
# no TLS, so that a second gateway stands where gw1 does.
sed -e '/^user:/d' -e '/^log:/,/file:/d' -e "s#/run/sallyport/admin.sock#$WORK/med.sock#" \
	-e "s#/var/log/sallyport#$WORK#; s#/etc/sallyport/inside-ca.pem#$WORK/ca.pem#; s#/etc/sallyport#$WORK#" \
	-e 's/host: gw1.example.net}/host: 10.99.0.5}/; s/host: fe.example.net,/host: fe.example.net, address: 10.10.0.10,/' \
	-e 's#med:5067/tls", gateway: "gw1:5067"#med:5061/udp", gateway: "gw1:5060", connection: private#' \
	-e 's/udp: 5060}/udp: 5060-5061}/; s/\[ms1.example.net, ms2.example.net\]/[ms1.example.net]/' \
	-e 's/usages: \[[a-z, ]*\]}$/&/; s/\(scope: [^,]*\),/\1, options: {send: false},/' \
	"$ETC/mediation.yaml" >"$WORK/med.yaml"

check "-t takes the example" prints 'is right' -- "$SALLYPORTD" -t -c "$WORK/med.yaml"
check "a number of four digits is the PBX's" prints 'trunk pbx: from .* to 10.99.0.6:5060 over udp' -- \
	"$SALLYPORTD" -r 1234 -c "$WORK/med.yaml"

# refused PATTERN SED: -t has an error that matches.
refused() {
	sed "$2" "$WORK/med.yaml" >"$WORK/wrong.yaml"
	! "$SALLYPORTD" -t -c "$WORK/wrong.yaml" >"$WORK/wrong.out" 2>&1 && has "$WORK/wrong.out" "^error: .*$1"
}
secret pool
EDGE='edge: {realm: e.example, faces: [{name: f, listen: [10.10.0.1]}]}'
MRAS="mras: {keys: [{secret_file: $WORK/pool.secret}]}"
check "nothing at all is refused" refused 'asks for nothing' '/^mediation:/,$d'
check "an edge without keys is refused" refused '"edge" needs "mras"' "1i $EDGE"
check "keys without an edge are refused" refused 'has no "edge"' "1i $MRAS"
both() {
	{ echo "$EDGE"; echo "$MRAS"; cat "$WORK/med.yaml"; } >"$WORK/both.yaml"
	prints 'is right' -- "$SALLYPORTD" -t -c "$WORK/both.yaml"
}
check "both beside it are right" both

edge_start med
check "it listens for calls" has "$WORK/med.log" 'listening.*mediation=trunks address=10.99.0.1:5060 transport=UDP'
check "it is ready without keys" is_ready med

ctl() {
	"$CTL" -s "$WORK/med.sock" "$@"
}
# says STATUS PATTERN COMMAND...
says() {
	local want=$1 pattern=$2 status
	shift 2
	"$@" >"$WORK/said.out" 2>&1
	status=$?
	has "$WORK/said.out" "$pattern" && same $status "$want"
}
check "status has the trunks" says 0 '^pbx +pbx:5060 +up' ctl status
check "and no realm" has_not "$WORK/said.out" realm
check "there are no allocations" says 0 '' ctl allocations
check "there are no keys" says 1 'has no keys' ctl keys
check "nothing can be revoked" says 1 'has no keys' ctl credentials revoke --kid 0123456789abcdef
check "no credential is issued" says 1 'has no keys' ctl credentials issue alice

# ---- calls ----

start pbx pstn sipp -nostdin -sn uas -i 10.99.0.6 -mi 10.99.0.6 -mp 6600
# call ARGUMENTS: from gw1 to the PBX.
call() {
	in_space pstn timeout 60 sipp -nostdin -sn uac -i 10.99.0.5 -mi 10.99.0.5 -s 1234 -m 1 \
		-timeout 50 -timeout_error "$@" 10.99.0.1:5061 >"$WORK/call.out" 2>&1 && return
	tail -n 30 "$WORK/call.out"
	return 1
}
check "a call comes in over one trunk and leaves by the other" call
check "it has its record" within 20 has "$WORK/calls.jsonl" '"trunk": ?"pbx"'
check "the front end alone is no gateway: 403" says 1 '' in_space core timeout 30 sipp -nostdin -sn uac -m 1 \
	-i 10.10.0.10 -s 1234 -recv_timeout 5000 10.99.0.1:5061

# ---- reload ----

start long pstn timeout 120 sipp -nostdin -sn uac -i 10.99.0.5 -mi 10.99.0.5 -p 5099 -s 1234 -m 1 -d 8000 10.99.0.1:5061
check "a long call begins" within 20 metric_is med sallyport_calls_open '' 1
check "reload" says 0 'reloaded|taken' ctl reload
kill -HUP "${PIDS[med]}"
check "SIGHUP too" within 20 has "$WORK/med.log" 'notice conf reloaded.*'
certificate ms1 ca serverAuth,clientAuth DNS:ms1.example.net
check "a changed certificate is taken" within 30 has "$WORK/med.log" 'changed files taken'

# ---- upgrade, drain, end ----

kill -USR2 "${PIDS[med]}"
check "an upgrade is refused, with the way out" within 20 has "$WORK/med.log" 'upgrade not started.*drain --exit'
check "so is a takeover" prints 'nothing to take over' -- in_space med \
	timeout 20 "$SALLYPORTD" --take-over -f -c "$WORK/med.yaml"
check "drain" says 0 '^draining.*ends with the last one' ctl drain --exit
check "a call is left" has "$WORK/said.out" '^1 calls left'
check "a new one is turned away" says 1 '' call -recv_timeout 5000
check "the long one ends as it would" await long 60
check "with success" same "$STATUS" 0
check "and with it the daemon" await med 60
check "in order" same "$STATUS" 0

edge_start med
check "it starts again, and a call goes through" call
check "SIGTERM ends it" ends_well med
finish
