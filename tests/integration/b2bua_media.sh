#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Media of calls between two gateways, which sipp plays: A-law on one side, mu-law on the other, a tone
# each way; descriptions that cannot be; silence; and nothing is left when they are over.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin sipp tcpdump

OUT=10.200.1.1 IN=10.200.2.1
site
conf edge
cat >>"$WORK/edge.yaml" <<-'YAML'
	mediation:
	  gateways:
	    - {name: out, host: 10.200.1.2}
	    - {name: in, host: 10.200.2.2}
	  pools:
	    - {name: outer, nodes: [ms1.example.net], colocated: false, audio_ports: 30000-30999,
	       primary_address: 10.200.1.1, trunk_listen: {udp: 5060}}
	    - {name: inner, nodes: [ms1.example.net], colocated: false, audio_ports: 30000-30999,
	       primary_address: 10.200.2.1, trunk_listen: {udp: 5060}}
	  trunks:
	    - {name: out, root: true, mediation: "outer:5060/udp", gateway: "out:5060", connection: private}
	    - {name: in, root: true, mediation: "inner:5060/udp", gateway: "in:5060", connection: private}
	  trunk_settings:
	    - {scope: "trunk:out", srtp: none, codecs: [PCMU], rtcp_timeout: 5s, options: {send: false}}
	    - {scope: "trunk:in", srtp: none, codecs: [PCMA], rtcp_timeout: 5s, options: {send: false}}
	  usages: [all]
	  routes:
	    - {name: to-in, match: '^1', usages: [all], trunks: [in]}
	    - {name: to-out, match: '^3', usages: [all], trunks: [out]}
YAML
echo "  records: {file: $WORK/calls.jsonl}" >>"$WORK/edge.yaml"
edge_start edge
export TERM=${TERM:-dumb} VIA=UDP

# What the gateways speak: LAW and its payload type.
gateway_sdp() {
	printf '%s\n' v=0 "o=gw 1 $1 IN IP4 [media_ip]" s=- 'c=IN IP4 [media_ip]' 't=0 0' \
		"m=audio [rtpstream_audio_port] RTP/AVP $TYPE 101" "a=rtpmap:$TYPE $LAW/8000" \
		'a=rtpmap:101 telephone-event/8000' "a=${2:-sendrecv}"
}
samples() {
	"$HERE/tone.py" g711 "$1" 10 "$LAW" "$WORK/tone$1.ul"
}
play() {
	echo "<nop><action><exec rtp_stream=\"$1,-1,$TYPE\"/></action></nop>"
}

# scenarios NAME LAW TYPE ADDRESS: NAME-answers and NAME-calls.
scenarios() {
	LAW=$2 TYPE=$3 GW=$4 GATEWAY="sip:gw@$4:[local_port]"
	gateway_answers "$5" >"$WORK/$1-answers.xml"
	gateway_calls 100 "$6" "$5" 3000 >"$WORK/$1-calls.xml"
}
scenarios out PCMU 0 10.200.1.2 500 1000
scenarios in PCMA 8 10.200.2.2 800 3000

# talk FROM FROM_SPACE FROM_ADDRESS TO TO_SPACE TO_ADDRESS VIA: one calls, the other answers.
talk() {
	GW=$6 gateway "$4-answers" "$5" -i "$6" -p 5060 -m 1
	within 10 listens "$5" udp "$6" 5060 || return 1
	in_space "$2" timeout 40 sipp -nostdin -sf "$WORK/$1-calls.xml" -i "$3" -mi "$3" -p 5062 -m 1 \
		-trace_err -error_file "$WORK/calls.err" -timeout 30 -timeout_error "$7" >"$WORK/calls.out" 2>&1 ||
		{ cat "$WORK/calls.err" "$WORK/edge.log" | tail -n 30; return 1; }
	await "$4-answers" 20 && same "$STATUS" 0
}
nothing_is_open() {
	same "$(metric edge sallyport_calls_open)" 0 &&
		same "$(metric edge sallyport_media_sessions)" 0 && same "$(metric edge sallyport_anchors)" 0
}

capture outer ext to-edge
capture inner hq to-edge
check "a call from outside, mu-law, to inside, A-law" \
	talk out ext 10.200.1.2 in hq 10.200.2.2 $OUT
check "inside hears the tone of outside as A-law" carries inner 500 $IN PCMA 1500
check "outside hears the tone of inside as mu-law" carries outer 800 $OUT PCMU 1500
check "a call the other way" talk in hq 10.200.2.2 out ext 10.200.1.2 $IN
check "no packet had a type that was not agreed" \
	same "$(metric edge sallyport_media_dropped_total 'reason="unknown_type"')" 0
check "nothing is left of them" within 10 nothing_is_open
check "what each side has sent is in the log" \
	prints 'media over.* side=callee remote=10.200.2.2:.* srtp=none rx_packets=[1-9]' -- cat "$WORK/edge.log"

# ---- silence ----

# Without samples: a call that nobody ends.
play() {
	echo '<nop/>'
}
LAW=PCMU TYPE=0 GW=10.200.1.2 GATEWAY="sip:gw@10.200.1.2:[local_port]"
gateway_calls 100 1000 500 40000 >"$WORK/out-calls.xml"
LAW=PCMA TYPE=8 GW=10.200.2.2 GATEWAY="sip:gw@10.200.2.2:[local_port]"
gateway_answers 800 >"$WORK/in-answers.xml"
check "a call without media is ended on both sides" \
	talk out ext 10.200.1.2 in hq 10.200.2.2 $OUT
check "it counts as that" same "$(metric edge sallyport_calls_ended_total 'reason="media"')" 1
check "the gateway is told why" prints 'Reason: Q.850;cause=102' -- cat "$WORK/in-answers.msg"
check "nothing is left of it" within 10 nothing_is_open
check "each call has its record" within 10 recorded 3 '
	(map([.caller.trunk, .callee.trunk, .status, .attempts]) ==
		[["out", "in", 200, 1], ["in", "out", 200, 1], ["out", "in", 200, 1]])
	and (.[:2] | all(.duration_ms > 1000 and (.cause | IN("caller", "callee")) and
		([.caller, .callee] | all(.media.rx_packets > 100 and .media.tx_packets > 100))))
	and (map(.caller.media.codec) == ["PCMU", "PCMA", "PCMU"]) and .[0].callee.media.codec == "PCMA"
	and (.[0].callee.media | .srtp == null and (.remote | startswith("10.200.2.2:")))
	and .[0].caller.asked == "100" and .[0].callee.sent == "1000"
	and .[2].cause == "media" and .[2].q850 == 102 and .[2].callee.media.rx_packets == 0'
stop outer
stop inner
finish
