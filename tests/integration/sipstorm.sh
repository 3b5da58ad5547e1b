#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What is wrong, too much or never ends, from a trunk's gateway and from strangers, at the listeners for
# calls: each has a clear answer or is counted, memory stays within bounds, strangers fill no log, and
# calls of others beside it go on and end as they should. Gateways that vanish in the middle of calls.
# With asan: SIP that is wrong in every way.
. "$(dirname "$0")/lib.sh"
begin sipp nft
export TERM=${TERM:-dumb}

OUT=10.200.1.1 IN=10.200.2.1 STORM=10.200.1.2 QUIET=10.200.1.5 STRANGER=10.200.1.9
site
space gone
join gone 10.200.4.2/24 edge 10.200.4.1/24
for address in $QUIET $STRANGER; do
	in_space ext ip address add $address/24 dev to-edge
done
conf edge
cat >>"$WORK/edge.yaml" <<-'YAML'
	mediation:
	  gateways:
	    - {name: storm, host: 10.200.1.2}
	    - {name: quiet, host: 10.200.1.5}
	    - {name: in, host: 10.200.2.2}
	    - {name: gone, host: 10.200.4.2}
	  pools:
	    - {name: outer, nodes: [ms1.example.net], colocated: false, primary_address: 10.200.1.1,
	       trunk_listen: {udp: 5060-5061, tcp: 5068}}
	    - {name: inner, nodes: [ms1.example.net], colocated: false, primary_address: 10.200.2.1,
	       trunk_listen: {udp: 5060, tcp: 5068}}
	    - {name: other, nodes: [ms1.example.net], colocated: false, primary_address: 10.200.4.1,
	       audio_ports: 40000-40199, trunk_listen: {udp: 5060, tcp: 5068}}
	  trunks:
	    - {name: storm-udp, root: true, mediation: "outer:5060/udp", gateway: "storm:5060", connection: private}
	    - {name: storm-tcp, mediation: "outer:5068/tcp", gateway: "storm:5070", connection: private}
	    - {name: storm-sink, mediation: "outer:5061/udp", gateway: "storm:5066", connection: private}
	    - {name: quiet-udp, root: true, mediation: "outer:5060/udp", gateway: "quiet:5060", connection: private}
	    - {name: quiet-tcp, mediation: "outer:5068/tcp", gateway: "quiet:5070", connection: private}
	    - {name: in-udp, root: true, mediation: "inner:5060/udp", gateway: "in:5060", connection: private}
	    - {name: in-tcp, mediation: "inner:5068/tcp", gateway: "in:5070", connection: private}
	    - {name: gone-udp, root: true, mediation: "other:5060/udp", gateway: "gone:5060", connection: private}
	    - {name: gone-tcp, mediation: "other:5068/tcp", gateway: "gone:5070", connection: private}
	  usages: [all]
	  routes:
	    - {name: in-udp, match: '^5', usages: [all], trunks: [in-udp]}
	    - {name: sink, match: '^6', usages: [all], trunks: [storm-sink]}
	    - {name: gone-udp, match: '^71', usages: [all], trunks: [gone-udp]}
	    - {name: gone-tcp, match: '^72', usages: [all], trunks: [gone-tcp]}
	    - {name: quiet, match: '^8', usages: [all], trunks: [quiet-udp]}
	    - {name: in-tcp, match: '^9', usages: [all], trunks: [in-tcp]}
YAML

storm() { # ACTION SERVER ARGUMENTS...
	in_space ext timeout 60 python3 -B "$HERE/sipstorm.py" "$1" "$2" --local "${FROM:-$STORM}" "${@:3}" |
		tee "$WORK/storm.out"
}
value() { # NAME: of the last storm
	field "$1" <"$WORK/storm.out"
}
callee() { # NAME SPACE ARGUMENTS...
	local name=$1 where=$2
	shift 2
	start "$name" "$where" sipp -nostdin -sn uas "$@"
}
# caller NAME SPACE NUMBER SERVER CALLS MS ARGUMENTS...: calls so long, then BYE
caller() {
	local name=$1
	start "$name" "$2" sipp -nostdin -sn uac -s "$3" -m "$5" -r "$5" -d "$6" -timeout 120 \
		-timeout_error -trace_err -error_file "$WORK/$name.err" "${@:7}" "$4"
}
well() { # NAME: all of its calls were answered and ended
	await "$1" 130 && same "$STATUS" 0 && return
	head -c 1500 "$WORK/$1.err"
	tail -n 30 "$WORK/$1.log"
	return 1
}
listens() {
	in_space "$1" ss -Hltun "sport = :$2" | grep -q .
}
open_calls_are() {
	same "$(metric edge sallyport_calls_open)" "$1"
}
refused() { # REASON: requests refused
	metric edge sallyport_sip_requests_refused_total "reason=\"$1\""
}
dropped() {
	metric edge sallyport_sip_messages_dropped_total "reason=\"$1\""
}
lines() {
	wc -l <"$WORK/edge.log"
}

edge_start edge
callee in-udp hq -i 10.200.2.2 -p 5060
callee in-tcp hq -t t1 -i 10.200.2.2 -p 5070
callee quiet ext -i $QUIET -p 5060
callee gone-udp gone -i 10.200.4.2 -p 5060
callee gone-tcp gone -t t1 -i 10.200.4.2 -p 5070
for at in 'hq 5060' 'hq 5070' 'ext 5060' 'gone 5060' 'gone 5070'; do
	# shellcheck disable=SC2086  # two words
	within 10 listens $at || note "a gateway is late: $at"
done

# ---- calls of others, which must not notice ----

HELD=4
calls_beside() { # MS: they run so long
	caller beside-udp hq 8000 $IN:5060 $HELD "$1" -i 10.200.2.2 -p 5062
	caller beside-tcp ext 9000 $OUT:5068 $HELD "$1" -t t1 -i $QUIET -p 5072
	within 10 open_calls_are $((2 * HELD))
}
calls_beside_end() {
	well beside-udp && well beside-tcp
}
fresh() { # a call of others that begins now
	caller fresh hq 8000 $IN:5060 2 50 -i 10.200.2.2 -p 5064 && well fresh
}
check "calls begin that run beside all of it" calls_beside 22000
RSS=$(memory_kb edge Rss)

# ---- wrong messages ----

for over in udp tcp; do
	at=$OUT:$([ $over = udp ] && echo 5060 || echo 5068)
	check "the messages of RFC 4475 by ${over^^}, from a trunk" storm torture $at --over $over \
		--folder "$SOURCE/tests/sip/torture" --port 5060
	check "and some had an answer" at_least "$(value answers)" 5
done
check "from a stranger by UDP" eval "FROM=$STRANGER storm torture $OUT:5060 --folder $SOURCE/tests/sip/torture --port 5099"
check "what cannot be read is counted" at_least "$(($(refused malformed) + $(dropped malformed)))" 30
wrong_ends() {
	storm wrong $OUT:5068
	same "$(grep -c '^case=[a-z_]* status=[04][0-9]* ended=True$' "$WORK/storm.out")" 10 &&
		same "$(grep -c '^case=many_[a-z]* status=400 ended=False$' "$WORK/storm.out")" 2 &&
		has "$WORK/storm.out" '^case=good status=200 ended=False$'
}
check "a stream that cannot be cut into messages ends, a good one does not" wrong_ends
large_goes() {
	storm large $OUT:5068 --number 9000
	has "$WORK/storm.out" '^bytes=1024 invite=200 bye=200$' &&
		same "$(grep -c ' invite=488 bye=0$' "$WORK/storm.out")" 2 &&
		has "$WORK/storm.out" '^bytes=65536 invite=413 bye=0$'
}
check "a description of 1 KiB goes, those of 20 and of 60 KiB do not, a message over 64 KiB is too large" large_goes
check "half messages" storm half $OUT:5068 --count 40

# ---- said by those who may not ----

spoofed() {
	local before
	before=$(dropped unmatched_response)
	storm spoof $OUT:5060 --number 5000 --stranger $STRANGER
	same "$(cat "$WORK/storm.out")" "invite=200 stranger_bye=403 stranger_invite=403 stranger_cancel=403 \
wrong_from_tag=481 wrong_to_tag=481 wrong_call_id=481 late_cancel=200 old_cseq=500 bye=200" &&
		same $(($(dropped unmatched_response) - before)) 24
}
check "BYE, CANCEL and responses of others end no call" spoofed

# ---- too many ----

BEFORE=$(lines)
strangers() {
	FROM=$STRANGER storm stranger $OUT:5060 --tcp $OUT:5068 --count 5000
	at_least "$(value sent)" 5000 && at_most "$(value forbidden)" $((100 * ($(value seconds) + 2))) &&
		same "$(value refused)" "$(value connections)"
}
check "5,000 datagrams and 500 connections of strangers" strangers
check "write few lines" at_most $(($(lines) - BEFORE)) 200

STARTED=$(metric edge sallyport_calls_started_total)
check "an INVITE that comes 5,000 times" storm again $OUT:5060 --count 5000 --number 5000
check "is one call" same "$(metric edge sallyport_calls_started_total)" $((STARTED + 1))

# A daemon with a sanitizer needs longer for as many.
BEFORE=$(lines)
LASTS=$([ -n "$SANITIZED" ] && echo 8 || echo 2)
no_route() {
	storm flood $OUT:5060 --number 4000 --rate 2000 --seconds "$LASTS"
	at_least "$(value other)" 1000 && at_most $(($(lines) - BEFORE)) $((50 * (LASTS + 3)))
}
check "thousands of calls to no route write few lines" no_route
# At 10.200.4.1 there are ports for 100 calls: whoever calls may have 75 of them.
audio() {
	start audio ext timeout 90 python3 -B "$HERE/sipstorm.py" flood $OUT:5060 --local $STORM \
		--number 7100 --sdp --rate 100 --seconds 60 --count 200 --until "$WORK/audio.over"
	within 20 metric_at_least edge sallyport_anchor_refused_total 'reason="share"' 20 &&
		caller other hq 7100 $IN:5060 2 50 -i 10.200.2.2 -p 5066 && well other &&
		running audio && touch "$WORK/audio.over" && await audio 40 && at_least "$(field busy <"$WORK/audio.log")" 20
}
check "calls with audio, answered and never acknowledged: there are ports for others" audio
check "and the log says what to do" has "$WORK/edge.log" \
	'no ports for one more call from=10.200.1.2:[0-9]+ at=10.200.4.1:40000 used=7[5-9] of=100 .*widen audio_ports'

# Until calls are refused, and then on: another trunk's go through all the same.
flooded() {
	start flood ext timeout 90 python3 -B "$HERE/sipstorm.py" flood $OUT:5060 --local $STORM \
		--number 6000 --gateway $STORM:5066 --rate 4000 --seconds 60 --count 4000 --until "$WORK/flood.over"
	within 20 metric_at_least edge sallyport_call_requests_refused_total 'reason="full"' 100 &&
		fresh && running flood && touch "$WORK/flood.over" && await flood 40 && cat "$WORK/flood.log" &&
		at_least "$(field sent <"$WORK/flood.log")" 4000
}
check "thousands of INVITEs a second, answered and never acknowledged: others still call" flooded
check "and afterwards" fresh
note "open calls: $(metric edge sallyport_calls_open), RSS $(memory_kb edge Rss) kB, before $RSS kB"
[ -n "$SANITIZED" ] || check "within 150 MB of memory" at_most $(($(memory_kb edge Rss) - RSS)) 150000
[ -n "$SANITIZED" ] || note "$(lines) lines of log"

# ---- too slow ----

crawled() {
	storm crawl $OUT:5068 --count 300 --seconds 3
	at_most "$(value left)" 256
}
check "300 connections that crawl" crawled
check "connections that read nothing" storm deaf $OUT:5068 --count 20 --seconds 3
[ -n "$SANITIZED" ] || check "hold 150 MB of memory at most" at_most $(($(memory_kb edge Rss) - RSS)) 150000
check "another call begins" fresh
check "all the calls beside ended as they should" calls_beside_end

# ---- gateways that vanish in the middle of calls ----

vanish() {
	caller gone-1 hq 7100 $IN:5060 2 2500 -i 10.200.2.2 -p 5081
	caller gone-2 hq 7200 $IN:5060 2 2500 -i 10.200.2.2 -p 5082
	within 10 answered 4 || return
	"$@"
	well gone-1 && well gone-2
}
answered() {
	metric_at_least edge sallyport_calls_answered_total "" $((ANSWERED + $1))
}
drop_all() {
	in_space gone nft 'add table inet gone; add chain inet gone in { type filter hook input priority 0; policy drop; }'
}
link_down() {
	in_space gone ip link set to-edge down
}
killed() {
	stop gone-tcp KILL
	stop gone-udp KILL
}
ANSWERED=$(metric edge sallyport_calls_answered_total)
check "a gateway behind a filter: who called hangs up as ever" vanish drop_all
in_space gone nft delete table inet gone
ANSWERED=$(metric edge sallyport_calls_answered_total)
check "a gateway whose connection is reset" vanish killed
callee gone-udp gone -i 10.200.4.2 -p 5060
callee gone-tcp gone -t t1 -i 10.200.4.2 -p 5070
within 10 listens gone 5060 && within 10 listens gone 5070
ANSWERED=$(metric edge sallyport_calls_answered_total)
check "a gateway whose link goes down" vanish link_down
finish
