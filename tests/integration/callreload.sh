#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Trunks, gateways, routes and media options are others after a reload, while a call runs: it goes on to its
# end over a trunk that is gone, new calls go by the new ones, and what wants a restart is said.
# Takes 25 s.
. "$(dirname "$0")/lib.sh"
begin sipp
export TERM=${TERM:-dumb}

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
US=10.99.0.1 CALLER=10.99.0.5 OLD=10.99.0.6 NEW=10.99.0.7
LONG_MS=15000
[ -z "${SANITIZED:-}" ] || LONG_MS=60000
space med pstn
join pstn $CALLER/24 med $US/24
in_space pstn ip address add $OLD/24 dev to-med
in_space pstn ip address add $NEW/24 dev to-med
cat >"$WORK/med.yaml" <<-YAML
	admin: {socket: $WORK/med.sock}
	mediation:
	  gateways:
	    - {name: caller, host: $CALLER, kind: ip_pbx}
	    - {name: old, host: $OLD, kind: ip_pbx}
	  pools:
	    - {name: med, nodes: [ms1.example.net], colocated: false, primary_address: $US, trunk_listen: {udp: 5060-5062}}
	  trunks:
	    - {name: caller, root: true, mediation: "med:5060/udp", gateway: "caller:5060", connection: private}
	    - {name: pbx, root: true, mediation: "med:5061/udp", gateway: "old:5060", connection: private}
	  trunk_settings:
	    # sipp takes OPTIONS for a call, and its calls are silent.
	    - {scope: global, usages: [all], rtcp_active: false, options: {send: false}}
	  usages: [all]
	  routes:
	    - {name: four, match: '^\d{4}$', usages: [all], trunks: [pbx]}
	  records: {file: $WORK/calls.jsonl}
YAML
cp "$WORK/med.yaml" "$WORK/first.yaml"

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
# with SED: the first configuration, changed so.
with() {
	sed -E "$1" "$WORK/first.yaml" >"$WORK/med.yaml"
}
# taken SED: a reload with that is taken, and calls go by it.
taken() {
	local before
	before=$(metric med sallyport_call_plans_total)
	with "$1"
	says 0 reloaded ctl reload && within 20 metric_is med sallyport_call_plans_total '' $((before + 1))
}
# refused PATTERN SED
refused() {
	with "$2"
	says 1 "$1" ctl reload
}
# call NUMBER: from the caller, to its end.
call() {
	in_space pstn timeout 60 sipp -nostdin -sn uac -i $CALLER -mi $CALLER -p 5070 -s "$1" -m 1 -recv_timeout 20000 \
		-timeout 50 -timeout_error $US:5060 >"$WORK/call.out" 2>&1 && return
	tail -n 30 "$WORK/call.out"
	return 1
}
no_message_too_many() {
	[ ! -s "$WORK/long.err" ] || {
		head -n 20 "$WORK/long.err"
		return 1
	}
}
no_call() {
	! call "$@"
}
# went N TRUNK: N calls over that trunk have their records.
went() {
	same "$(jq -s "[.[] | select(.callee.trunk == \"$2\" and .answer != null)] | length" "$WORK/calls.jsonl")" "$1"
}

edge_start med
start old pstn sipp -nostdin -sn uas -i $OLD -mi $OLD -mp 6600
start new pstn sipp -nostdin -sn uas -i $NEW -mi $NEW -mp 6700
check "a call goes by the first configuration" call 1234
check "over its trunk" within 20 went 1 pbx

# ---- another configuration, and a call that runs ----

start long pstn timeout 120 sipp -nostdin -sn uac -i $CALLER -mi $CALLER -mp 6800 -p 5071 -s 1234 -m 1 -d $LONG_MS \
	-trace_err -error_file "$WORK/long.err" $US:5060
check "a long call begins" within 20 metric_is med sallyport_calls_open '' 1
GONE="s/name: old, host: $OLD/name: new, host: $NEW/; s/\"old:5060\"/\"new:5060\"/; s/name: pbx,/name: other,/; s/\[pbx\]/[other]/"
check "its trunk and gateway are taken out, others come" taken "$GONE"
check "the log says what is left of it" within 20 has "$WORK/med.log" 'trunk removed trunk=pbx calls=1'
check "status has the new trunk" says 0 '^other +new:5060 +up' ctl status
check "and not the old" has_not "$WORK/said.out" '^pbx'
check "a new call goes by the new configuration" call 1234
check "over the new trunk" within 20 went 1 other
check "the long call goes on" metric_is med sallyport_calls_open '' 1

# ---- what wants a restart ----

check "a listener that is not there" refused \
	'trunk "more" wants a listener at 10.99.0.1:5062 over udp, and a running daemon opens none' \
	'/name: pbx,/a\    - {name: more, mediation: "med:5062/udp", gateway: "old:5060", connection: private}'
check "addresses and ports of a pool" refused '"mediation.pools\[0\].audio_ports" cannot change while' \
	's/colocated: false,/colocated: false, audio_ports: 40000-40999,/'
check "and one that is wrong" refused 'error.*no trunk "nobody"|nobody' 's/trunks: \[pbx\]/trunks: [nobody]/'
check "nothing of that is taken: calls go on as before" call 1234
check "over the new trunk again" within 20 went 2 other

# ---- rules, media, a trunk that is off ----

check "number rules" taken "$GONE; s/options: \{send: false\}\}/options: {send: false}, called_rules: [{match: '^12', replace: '99'}]}/"
check "hold for new calls" call 1234
check "by the new rule" within 20 has "$WORK/calls.jsonl" '"sent": ?"9934"'
check "codecs" taken "$GONE; s/send: false\}\}/send: false}, codecs: [PCMA]}/"
check "too: sipp has PCMU alone, and no call" no_call 1234
check "a trunk is disabled" taken "$GONE; s/name: caller, root: true,/&  enabled: false,/"
check "and has no calls: 403" no_call 1234
check "because of that" has "$WORK/call.out" 403
check "it is enabled again" taken "$GONE"
check "and has them" call 1234
check "the long call has gone on all the while" metric_is med sallyport_calls_open '' 1

# ---- back, and the end of the long call ----

check "the old trunk comes back" taken ''
check "with the call that it has had" says 0 '^pbx +old:5060 +up +1 ' ctl status
check "it has new ones too" call 1234
check "the long call ends by BYE, over the trunk it began on" await long 120
check "as it would" same "$STATUS" 0
check "without a message too many" no_message_too_many
check "and has its record" within 20 went 3 pbx
many() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		taken "$GONE" && taken '' || return
	done
}
check "the same again and again" many
check "calls go as at first" call 1234
check "no call is left" within 20 metric_is med sallyport_calls_open '' 0
finish
