#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Media of calls between two gateways, which sipp plays: A-law on one side, mu-law on the other, a tone
# each way; what passes of descriptions; silence; and nothing is left when they are over.
# With asan: descriptions of media from both sides.
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

# talk FROM FROM_SPACE FROM_ADDRESS TO TO_SPACE TO_ADDRESS VIA [ARGUMENTS]: one calls, the other answers.
talk() {
	GW=$6 gateway "$4-answers" "$5" -i "$6" -p 5060 -m 1
	within 10 listens "$5" udp "$6" 5060 || return 1
	in_space "$2" timeout 40 sipp -nostdin -sf "$WORK/$1-calls.xml" -i "$3" -mi "$3" -p 5062 -m 1 \
		-trace_err -error_file "$WORK/calls.err" -timeout 30 -timeout_error "${@:8}" "$7" >"$WORK/calls.out" 2>&1 ||
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

# ---- descriptions ----

# As a browser says it, with lines that nobody but the two ends of a call knows. $SAYS is said besides.
gateway_sdp() {
	local live="m=audio [rtpstream_audio_port] RTP/AVP 111 63 $TYPE 13 110 126"
	[ "$SAYS" = offers ] || live="m=audio [rtpstream_audio_port] RTP/AVP $TYPE 101"
	printf '%s\n' v=0 "o=gw 1 $1 IN IP4 [media_ip]" s=- b=CT:1000 't=0 0' a=group:BUNDLE\ 0\ 1 \
		'a=msid-semantic: WMS one' "a=x-session:$SAYS" 'a=tool:gateway 1.0'
	[ "$SAYS" != offers ] ||
		printf '%s\n' 'm=video [rtpstream_audio_port] RTP/AVPF 96' 'c=IN IP4 [media_ip]' \
			'a=rtpmap:96 VP8/90000' a=x-video:1
	printf '%s\n' "$live" 'c=IN IP4 [media_ip]' b=AS:80 b=RS:0 a=mid:1 'a=rtpmap:111 opus/48000/2' \
		"a=x-media:$SAYS;first" 'a=fmtp:111 minptime=10;useinbandfec=1' 'a=rtcp-fb:111 transport-cc' \
		"a=rtpmap:$TYPE $LAW/8000" 'a=rtpmap:110 telephone-event/48000' \
		'a=rtpmap:126 telephone-event/8000' 'a=rtpmap:101 telephone-event/8000' a=ice-ufrag:Hd7+ \
		'a=ice-pwd:aVcZ9Df0aVcZ9Df0aVcZ9Df0' 'a=candidate:1 1 udp 2113937151 10.200.9.9 54400 typ host' \
		'a=fingerprint:sha-256 AB:CD' a=setup:actpass "a=silenceSupp:off - - - -" \
		'a=x-relay:10.200.9.9 4000' 'a=ssrc:7 cname:x' "a=x-media:$SAYS;last" a=sendrecv
}
play() {
	echo '<nop/>'
}
SAYS=offers LAW=PCMU TYPE=0 GW=10.200.1.2 GATEWAY="sip:gw@10.200.1.2:[local_port]"
gateway_calls 100 1000 500 300 >"$WORK/out-calls.xml"
SAYS=answers LAW=PCMA TYPE=8 GW=10.200.2.2 GATEWAY="sip:gw@10.200.2.2:[local_port]"
gateway_answers 800 >"$WORK/in-answers.xml"
check "a call whose descriptions have much in them" \
	talk out ext 10.200.1.2 in hq 10.200.2.2 $OUT -trace_msg -message_file "$WORK/out-calls.msg"

# came FILE FIRST: the description in the first message that begins so, ports and numbers of o= left out.
came() {
	tr -d '\r' <"$1" | awk -v first="$2" '
		index($0, first) == 1 { is_in = 1 }
		is_in && /^v=0$/ { is_body = 1 }
		is_body && !/^[a-z]=/ { exit }
		is_body' |
		sed -E 's/^o=- [0-9]+ [0-9]+/o=-/; s/^m=audio [0-9]+/m=audio PORT/; /^a=rtcp:/d'
}
# says FILE FIRST: it is what is on standard input.
says() {
	came "$1" "$2" >"$WORK/came.sdp"
	diff - "$WORK/came.sdp"
}
offered() {
	says "$WORK/in-answers.msg" 'INVITE ' <<-SDP
		v=0
		o=- IN IP4 $IN
		s=-
		c=IN IP4 $IN
		b=CT:1000
		t=0 0
		a=x-session:offers
		m=audio PORT RTP/AVP 8 101 13
		b=AS:80
		a=rtpmap:8 PCMA/8000
		a=rtpmap:101 telephone-event/8000
		a=fmtp:101 0-16
		a=rtpmap:13 CN/8000
		a=ptime:20
		a=sendrecv
		a=x-media:offers;first
		a=silenceSupp:off - - - -
		a=x-media:offers;last
	SDP
}
answered() {
	says "$WORK/out-calls.msg" 'SIP/2.0 200 OK' <<-SDP
		v=0
		o=- IN IP4 $OUT
		s=-
		c=IN IP4 $OUT
		b=CT:1000
		t=0 0
		a=x-session:answers
		m=video 0 RTP/AVPF 96
		m=audio PORT RTP/AVP 0 13 126
		b=AS:80
		a=rtpmap:0 PCMU/8000
		a=rtpmap:13 CN/8000
		a=rtpmap:126 telephone-event/8000
		a=fmtp:126 0-16
		a=ptime:20
		a=sendrecv
		a=x-media:answers;first
		a=silenceSupp:off - - - -
		a=x-media:answers;last
	SDP
}
check "the offer has what is of the call, in its order, and nothing of the other side's stream" offered
check "the answer too, under the numbers of its offer, with the video refused in its place" answered
check "nothing is left of it" within 20 nothing_is_open

# ---- silence ----

# A call that nobody ends.
LAW=PCMU TYPE=0 GW=10.200.1.2 GATEWAY="sip:gw@10.200.1.2:[local_port]"
gateway_calls 100 1000 500 40000 >"$WORK/out-calls.xml"
LAW=PCMA TYPE=8 GW=10.200.2.2 GATEWAY="sip:gw@10.200.2.2:[local_port]"
gateway_answers 800 >"$WORK/in-answers.xml"
check "a call without media is ended on both sides" \
	talk out ext 10.200.1.2 in hq 10.200.2.2 $OUT
check "it counts as that" same "$(metric edge sallyport_calls_ended_total 'reason="media"')" 1
check "the gateway is told why" prints 'Reason: Q.850;cause=102' -- cat "$WORK/in-answers.msg"
check "nothing is left of it" within 10 nothing_is_open
check "each call has its record" within 10 recorded 4 '
	(map([.caller.trunk, .callee.trunk, .status, .attempts]) ==
		[["out", "in", 200, 1], ["in", "out", 200, 1], ["out", "in", 200, 1], ["out", "in", 200, 1]])
	and (.[:2] | all(.duration_ms > 1000 and (.cause | IN("caller", "callee")) and
		([.caller, .callee] | all(.media.rx_packets > 100 and .media.tx_packets > 100))))
	and (map(.caller.media.codec) == ["PCMU", "PCMA", "PCMU", "PCMU"]) and .[0].callee.media.codec == "PCMA"
	and (.[0].callee.media | .srtp == null and (.remote | startswith("10.200.2.2:")))
	and .[0].caller.asked == "100" and .[0].callee.sent == "1000"
	and .[3].cause == "media" and .[3].q850 == 102 and .[3].callee.media.rx_packets == 0'
stop outer
stop inner
finish
