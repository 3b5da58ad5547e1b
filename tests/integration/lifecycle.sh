#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# All that a call can go through, mixed, both ways at once, between sipp as a provider's SBC and sipp as
# a PBX, each on UDP and TCP, IPv4 and IPv6, with media on four workers: answer, BYE of either side, hold and
# resume, another codec, DTMF, INFO, CANCEL, refusals, silence, failover. Each call ends as it should on both
# sides, Call-IDs are of one side, and then nothing is left. SALLYPORT_LONG: 1,000 calls.
# Takes 40 s.
# With asan, tsan: calls that end in every way.
. "$(dirname "$0")/lib.sh"
begin sipp tcpdump
export TERM=${TERM:-dumb}

# UDP of the SBC and TCP of the PBX are IPv6, so that calls go from each family to each.
OUT=10.200.1.1 IN=10.200.2.1 OUT6=fd00:200:1::1 IN6=fd00:200:2::1
site
CONF_WORKERS=4 conf edge
cat >>"$WORK/edge.yaml" <<-'YAML'
	mediation:
	  gateways:
	    - {name: sbc, host: 10.200.1.2}
	    - {name: sbc6, host: "fd00:200:1::2"}
	    - {name: pbx, host: 10.200.2.2}
	    - {name: pbx6, host: "fd00:200:2::2"}
	  pools:
	    - {name: outer, nodes: [ms1.example.net], colocated: false, primary_address: 10.200.1.1,
	       audio_ports: 30000-33999, trunk_listen: {tcp: 5068-5069}}
	    - {name: outer6, nodes: [ms1.example.net], colocated: false, primary_address: "fd00:200:1::1",
	       audio_ports: 30000-33999, trunk_listen: {udp: 5060-5061}}
	    - {name: inner, nodes: [ms1.example.net], colocated: false, primary_address: 10.200.2.1,
	       audio_ports: 30000-33999, trunk_listen: {udp: 5060-5061}}
	    - {name: inner6, nodes: [ms1.example.net], colocated: false, primary_address: "fd00:200:2::1",
	       audio_ports: 30000-33999, trunk_listen: {tcp: 5068-5069}}
	  trunks:
	    - {name: sbc-udp, root: true, mediation: "outer6:5060/udp", gateway: "sbc6:5060", connection: private}
	    - {name: sbc-tcp, root: true, mediation: "outer:5068/tcp", gateway: "sbc:5070", connection: private}
	    - {name: sbc-udp-out-of-order, mediation: "outer6:5061/udp", gateway: "sbc6:5060", connection: private}
	    - {name: sbc-tcp-out-of-order, mediation: "outer:5069/tcp", gateway: "sbc:5070", connection: private}
	    - {name: pbx-udp, root: true, mediation: "inner:5060/udp", gateway: "pbx:5060", connection: private}
	    - {name: pbx-tcp, root: true, mediation: "inner6:5068/tcp", gateway: "pbx6:5070", connection: private}
	    - {name: pbx-udp-out-of-order, mediation: "inner:5061/udp", gateway: "pbx:5060", connection: private}
	    - {name: pbx-tcp-out-of-order, mediation: "inner6:5069/tcp", gateway: "pbx6:5070", connection: private}
	  trunk_settings:
	    - {scope: global, options: {send: false}} # sipp takes one for a call
	    - {scope: "trunk:sbc-udp-out-of-order", options: {send: false, fail_after: 100}, called_rules: [{match: '^.19', replace: '020'}]}
	    - {scope: "trunk:sbc-tcp-out-of-order", options: {send: false, fail_after: 100}, called_rules: [{match: '^.19', replace: '020'}]}
	    - {scope: "trunk:pbx-udp-out-of-order", options: {send: false, fail_after: 100}, called_rules: [{match: '^.19', replace: '020'}]}
	    - {scope: "trunk:pbx-tcp-out-of-order", options: {send: false, fail_after: 100}, called_rules: [{match: '^.19', replace: '020'}]}
	  usages: [all]
	  routes:
	    - {name: fail-1, match: '^119', priority: 1, usages: [all], spread: ordered, trunks: [pbx-udp-out-of-order, pbx-udp]}
	    - {name: fail-2, match: '^219', priority: 1, usages: [all], spread: ordered, trunks: [pbx-tcp-out-of-order, pbx-tcp]}
	    - {name: fail-3, match: '^319', priority: 1, usages: [all], spread: ordered, trunks: [sbc-udp-out-of-order, sbc-udp]}
	    - {name: fail-4, match: '^419', priority: 1, usages: [all], spread: ordered, trunks: [sbc-tcp-out-of-order, sbc-tcp]}
	    - {name: pbx-udp, match: '^1', priority: 9, usages: [all], trunks: [pbx-udp]}
	    - {name: pbx-tcp, match: '^2', priority: 9, usages: [all], trunks: [pbx-tcp]}
	    - {name: sbc-udp, match: '^3', priority: 9, usages: [all], trunks: [sbc-udp]}
	    - {name: sbc-tcp, match: '^4', priority: 9, usages: [all], trunks: [sbc-tcp]}
YAML
echo "  records: {file: $WORK/calls.jsonl}" >>"$WORK/edge.yaml"

# ---- the scenarios: the called number has the kind of the call behind its first digit ----

KINDS='11 caller_bye
12 callee_bye
13 hold
14 codec
15 cancel
16 busy
17 error
18 silence
19 caller_bye
20 out_of_order
21 info
22 dtmf'

sdp() { # CODECS DIRECTION
	cat <<-END
	v=0
	o=- 20518 [call_number] IN IP[local_ip_type] [local_ip]
	s=-
	c=IN IP[media_ip_type] [media_ip]
	t=0 0
	m=audio [auto_media_port] RTP/AVP $1
	a=rtpmap:101 telephone-event/8000
	a=$2
	END
}
# body CODECS DIRECTION, or nothing
body() {
	if [ $# = 0 ]; then
		printf 'Content-Length: 0\n\n'
	else
		printf 'Content-Type: application/sdp\nContent-Length: [len]\n\n%s\n' "$(sdp "$@")"
	fi
}
# asks METHOD CSEQ BODY...: the caller; its INVITE and what belongs to that have one branch.
asks() {
	local method=$1 cseq=$2 again=' retrans="500"' uri='[next_url]' branch='[branch]' to='[peer_tag_param]'
	shift 2
	case $method-$cseq in
	ACK-*) again= ;;&
	INVITE-1) to= ;;&
	INVITE-1 | CANCEL-1 | ACK-refusal)
		uri='sip:[field0]@[remote_ip]:[remote_port]' branch='z9hG4bK[pid]-[local_port]-[call_number]' cseq=1
		;;
	esac
	[ "$method" != CANCEL ] || to=
	cat <<-XML
	<send$again><![CDATA[
	$method $uri SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=$branch
	From: <sip:caller@[local_ip]:[local_port]>;tag=[pid]c[call_number]
	To: <sip:[field0]@[remote_ip]:[remote_port]>$to
	Call-ID: [call_id]
	CSeq: $cseq $method
	Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>
	Max-Forwards: 70
	$(body "$@")

	]]></send>
	XML
}
# says STATUS BODY...: to the last request. TAG: with a tag of its own in To.
says() {
	local status=$1 again=''
	shift
	[ -z "${AGAIN:-}" ] || again=' retrans="500"'
	cat <<-XML
	<send$again><![CDATA[
	SIP/2.0 $status
	[last_Via:]
	[last_From:]
	[last_To:]${TAG:-}
	[last_Call-ID:]
	${CSEQ:-[last_CSeq:]}
	Contact: <sip:[local_ip]:[local_port];transport=[transport]>
	$(body "$@")

	]]></send>
	XML
}
# demands METHOD CSEQ BODY...: the callee, within the dialog
demands() {
	local method=$1 cseq=$2 again=' retrans="500"'
	shift 2
	[ "$method" != ACK ] || again=
	cat <<-XML
	<send$again><![CDATA[
	$method [\$contact] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From:[\$to];tag=[pid]d[call_number]
	To:[\$from]
	Call-ID: [call_id]
	CSeq: $cseq $method
	Contact: <sip:[local_ip]:[local_port];transport=[transport]>
	Max-Forwards: 70
	$(body "$@")

	]]></send>
	XML
}
# plays CODEC [DIGIT]: for 200 ms, without waiting for the end; with a digit, 400 ms.
plays() {
	echo "<nop><action><exec play_pcap_audio=\"$WORK/rtp-$1${2:-}.pcap\"/></action></nop>"
}
hears() { # STATUS, behind provisional ones
	echo "<recv response=\"100\" optional=\"true\"/><recv response=\"180\" optional=\"true\"/>"
	echo "<recv response=\"$1\"${2:-}/>"
}
is_answered() {
	hears 200 ' rrs="true"'
	asks ACK 1
	plays 0 "${1:-}"
}
# gets METHOD [REPEATED]: that may come again in between; by UDP sipp knows a repetition only if it has
# sent one response to it, and not two.
gets() {
	[ -z "${2:-}" ] || echo "<recv request=\"$2\" optional=\"true\"/>"
	echo "<recv request=\"$1\"/>"
}
wait_ms() {
	echo "<pause milliseconds=\"$1\"/>"
}
ACTIVE='0 8 101'

caller_of_caller_bye() { is_answered; wait_ms 1000; asks BYE 2; hears 200; }
callee_of_caller_bye() { answers; gets BYE; says '200 OK'; }
caller_of_callee_bye() { is_answered; gets BYE; says '200 OK'; }
callee_of_callee_bye() { answers; wait_ms 1000; demands BYE 100; hears 200; }
caller_of_hold() {
	is_answered; wait_ms 1000
	asks INVITE 2 "$ACTIVE" sendonly; hears 200; asks ACK 2; wait_ms 100
	asks INVITE 3 "$ACTIVE" sendrecv; hears 200; asks ACK 3; wait_ms 100
	asks BYE 4; hears 200
}
callee_of_hold() {
	answers
	gets INVITE; AGAIN=1 says '200 OK' "$ACTIVE" recvonly; gets ACK
	gets INVITE; AGAIN=1 says '200 OK' "$ACTIVE" sendrecv; gets ACK
	gets BYE; says '200 OK'
}
caller_of_codec() {
	is_answered; gets INVITE; AGAIN=1 says '200 OK' 8 sendrecv; gets ACK
	plays 8; wait_ms 1000; asks BYE 2; hears 200
}
callee_of_codec() {
	answers; wait_ms 1000; demands INVITE 100 8 sendrecv; hears 200; demands ACK 100
	plays 8; gets BYE; says '200 OK'
}
caller_of_cancel() {
	echo '<recv response="100" optional="true"/><recv response="180"/>'
	wait_ms 100; asks CANCEL 1
	echo '<recv response="200"/><recv response="487"/>'
	asks ACK refusal
}
is_cancelled() {
	gets CANCEL; says '200 OK'; TAG=$CALLEE CSEQ='CSeq: 1 INVITE' says '487 Request Terminated'
	gets ACK CANCEL
}
callee_of_cancel() { TAG=$CALLEE says '180 Ringing'; is_cancelled; }
caller_of_busy() { hears 486; asks ACK refusal; }
callee_of_busy() { TAG=$CALLEE AGAIN=1 says '486 Busy Here'; gets ACK; }
caller_of_error() { hears 500; asks ACK refusal; }
callee_of_error() { TAG=$CALLEE AGAIN=1 says '500 Server Internal Error'; gets ACK; }
caller_of_silence() { hears 503; asks ACK refusal; }
callee_of_silence() { says '100 Trying'; is_cancelled; }
caller_of_out_of_order() { hears 200; }
callee_of_out_of_order() { TAG=$CALLEE AGAIN=1 says '503 Service Unavailable'; gets ACK; }
caller_of_info() { is_answered; wait_ms 1000; asks INFO 2; hears 200; asks BYE 3; hears 200; }
callee_of_info() { answers; gets INFO; says '200 OK'; gets BYE; says '200 OK'; }
# Far more time than the digit takes, for a crowded host.
caller_of_dtmf() { is_answered 5; wait_ms 3000; asks BYE 2; hears 200; }
callee_of_dtmf() { answers 7; gets BYE; says '200 OK'; }

CALLEE=';tag=[pid]d[call_number]'
answers() {
	TAG=$CALLEE says '180 Ringing'
	TAG=$CALLEE AGAIN=1 says '200 OK' "$ACTIVE" sendrecv
	gets ACK INVITE
	plays 0 "${1:-}"
}
# which SOURCE PREFIX: sets a variable for each kind whose regular expression matches.
which() {
	local number name
	while read -r number name; do
		echo "<ereg regexp=\"$2.$number\" $1 assign_to=\"is_$number\"/>"
	done <<<"$KINDS"
}
# branches SIDE: the caller chooses before it calls, because sipp takes no message while it does.
branches() {
	local number name
	while read -r number name; do
		echo "<nop next=\"to_$number\" test=\"is_$number\"/>"
	done <<<"$KINDS"
	while read -r number name; do
		echo "<label id=\"to_$number\"/>"
		[ "$1" = callee ] || asks INVITE 1 "$ACTIVE" sendrecv
		"$1_of_$name"
		echo '<nop next="end"/>'
	done <<<"$KINDS"
	echo '<label id="end"/>'
}
{
	echo '<?xml version="1.0" encoding="UTF-8"?><scenario name="caller">'
	echo '<nop><action><assignstr assign_to="number" value="[field0]"/>'
	which 'search_in="var" variable="number"' '^'
	echo '</action></nop>'
	branches caller
	echo '</scenario>'
} >"$WORK/caller.xml"
{
	echo '<?xml version="1.0" encoding="UTF-8"?><scenario name="callee">'
	echo '<recv request="INVITE"><action>'
	echo '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>'
	echo '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>'
	echo '<ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" assign_to="contact"/>'
	which 'search_in="msg"' '^INVITE sip:'
	echo '</action></recv>'
	branches callee
	echo '<timewait milliseconds="1500"/></scenario>'
} >"$WORK/callee.xml"

# What plays plays: packets of 20 ms, with a digit in the middle (RFC 4733).
python3 - "$WORK" <<'PYTHON' || exit 1
import struct
import sys


def packet(n, kind, first, timestamp, payload):
    rtp = struct.pack("!BBHII", 0x80, kind | first << 7, n, timestamp, 0x5A11) + payload
    udp = struct.pack("!HHHH", 4000, 4002, 8 + len(rtp), 0) + rtp
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, b"\x0a\0\0\x01", b"\x0a\0\0\x02")
    frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + udp
    return struct.pack("<IIII", 1, n * 20000, len(frame), len(frame)) + frame


def stream(codec, digit):
    for n in range(10):
        yield packet(n, codec, n == 0, n * 160, bytes([codec ^ 0xAA]) * 160)
    if digit is not None:
        for n in range(10, 20):
            event = struct.pack("!BBH", digit, 10 | (n > 16) << 7, min(n - 9, 8) * 160)
            yield packet(n, 101, n == 10, 1600, event)


for codec, digit in (0, None), (8, None), (0, 5), (0, 7):
    with open("%s/rtp-%d%s.pcap" % (sys.argv[1], codec, "" if digit is None else digit), "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        out.write(b"".join(stream(codec, digit)))
PYTHON

# ---- the calls ----

# A kind that takes ten seconds comes first; in the short run not over UDP, where it would be
# remembered for half a minute more.
N=${N:-$([ -n "$LONG" ] && echo 250 || echo 20)}
numbers() { # PREFIX: N of them
	local kinds=(11 12 13 14 15 16 17 19 21 22 ${LONG:+18}) i
	case $1-$LONG in
	2- | 4-) echo "${1}18000" ;;
	*) echo "${1}11000" ;;
	esac
	for i in $(seq 2 "$N"); do
		echo "$1${kinds[i % ${#kinds[@]}]}000"
	done
}
RATE=$([ -n "$LONG" ] && echo 20 || echo 10)
FAILOVERS=0 DIGITS=0
# gateway NAME SPACE ADDRESS PORT FLAG PREFIX MEDIA_PORT: takes the calls of that prefix.
gateway() {
	numbers "$6" >"$WORK/$1.numbers"
	local twice
	twice=$(grep -c "^.19" "$WORK/$1.numbers")
	FAILOVERS=$((FAILOVERS + twice))
	DIGITS=$((DIGITS + $(grep -c "^.22" "$WORK/$1.numbers")))
	start "$1" "$2" sipp -nostdin -sf "$WORK/callee.xml" -t "$5" -i "$3" -p "$4" \
		-mp "$7" -m $((N + twice)) -trace_err -error_file "$WORK/$1.err" \
		-trace_shortmsg -shortmessage_file "$WORK/$1.messages"
}
# caller NAME SPACE ADDRESS PORT FLAG PREFIX MEDIA_PORT TO
caller() {
	{ echo SEQUENTIAL; numbers "$6"; } >"$WORK/$1.csv"
	start "$1" "$2" sipp -nostdin -sf "$WORK/caller.xml" -inf "$WORK/$1.csv" -t "$5" -i "$3" \
		-p "$4" -mp "$7" -m "$N" -r $RATE -timeout 110 -timeout_error -trace_err \
		-error_file "$WORK/$1.err" -trace_shortmsg -shortmessage_file "$WORK/$1.messages" "$8"
}
# ends NAME: all of its calls went as its scenario says.
ends() {
	await "$1" 120 && same "$STATUS" 0 && return
	head -c 3000 "$WORK/$1.err"
	tail -n 60 "$WORK/$1.log"
	return 1
}
listens() {
	in_space "$1" ss -Hltun "sport = :$2" | grep -q .
}

# audio NAME SPACE ADDRESS ADDRESS6: a line for each packet that comes there from the node, until "stop NAME".
audio() {
	start "$1" "$2" tcpdump -lntT rtp -i to-edge -B 16384 -Z root \
		"udp and dst portrange 10000-19999 and (src host $3 or src host $4)"
	within 20 has "$WORK/$1.log" 'listening on' >/dev/null
}

edge_start edge
audio at-sbc ext $OUT $OUT6
audio at-pbx hq $IN $IN6
gateway pbx-udp hq 10.200.2.2 5060 u1 1 10000
gateway pbx-tcp hq fd00:200:2::2 5070 t1 2 12000
gateway sbc-udp ext fd00:200:1::2 5060 u1 3 10000
gateway sbc-tcp ext 10.200.1.2 5070 t1 4 12000
for space in ext hq; do
	within 10 listens $space 5060 && within 10 listens $space 5070 || note "a gateway is late"
done
caller from-sbc-tcp ext 10.200.1.2 5072 t1 1 14000 $OUT:5068
caller from-sbc-udp ext fd00:200:1::2 5062 u1 2 16000 "[$OUT6]:5060"
caller from-pbx-tcp hq fd00:200:2::2 5072 t1 4 14000 "[$IN6]:5068"
caller from-pbx-udp hq 10.200.2.2 5062 u1 3 16000 $IN:5060

for name in from-sbc-tcp from-sbc-udp from-pbx-tcp from-pbx-udp; do
	check "$name: $N calls go as they should for who calls" ends $name
done
for name in pbx-udp pbx-tcp sbc-udp sbc-tcp; do
	check "$name: and for who is called" ends $name
done

# ---- what they said to each other ----

stop at-sbc
stop at-pbx
# Each side of each call has its own pair of ports.
digits_came() {
	awk '/ c101 / { print $2, $4 }' "$WORK"/at-{sbc,pbx}.log | sort -u >"$WORK/digits"
	same "$(wc -l <"$WORK/digits")" $((2 * DIGITS))
}
# The ports are shared out in order.
on_all_workers() {
	same "$(sed -nE 's/^IP6? .*\.(3[0-3])[0-9]{3} > .*/\1/p' "$WORK"/at-{sbc,pbx}.log | sort -u | tr '\n' ' ')" \
		"30 31 32 33 "
}
check "digits come on both sides" digits_came
check "media flow on all workers" on_all_workers
answered() {
	cp "$WORK/calls.jsonl" "$WORK/records"
	same "$(wc -l <"$WORK/records")" $((4 * N)) && jq -es "$1" "$WORK/records" >/dev/null && return
	head -n 3 "$WORK/records"
	return 1
}
check "all calls have records, with media of both sides if they were answered" within 20 answered '
	map(select(.status == 200)) | length >= 40 and
	all(.[]; [.caller, .callee] | all(.media.rx_packets > 0 and .media.tx_packets > 0))'
check "others say why not" answered '
	def told(f): map(select(.callee.asked | test(f))) | map(.status) | unique;
	told("^.15") == [487] and told("^.16") == [486] and told("^.17") == [500] and told("^.(11|12|13|14|19|21|22)") == [200]'
check "another codec is another one on both sides" answered '
	map(select(.callee.asked | test("^.14"))) | length >= 4 and
	all(.[]; .caller.media.codec == "PCMA" and .callee.media.codec == "PCMA")'

# ---- what they have left ----

no_id_on_both_sides() {
	local a=("$WORK"/from-sbc-*.messages "$WORK"/sbc-*.messages) b=("$WORK"/from-pbx-*.messages "$WORK"/pbx-*.messages)
	cat "${a[@]}" | cut -f5 | sort -u >"$WORK/a"
	cat "${b[@]}" | cut -f5 | sort -u >"$WORK/b"
	same "$(comm -12 "$WORK/a" "$WORK/b")" "" &&
		at_least "$(cat "$WORK/a" "$WORK/b" | grep -c .)" $((8 * N))
}
gauge_is_zero() { # NAME [LABELS]
	same "$(metric edge "$@")" 0
}
check "calls have other Call-IDs on the other side" no_id_on_both_sides
check "all of them began" same "$(metric edge sallyport_calls_started_total)" $((4 * N))
check "those that met a trunk out of order took the next one" \
	at_least "$(metric edge sallyport_call_next_routes_total)" "$FAILOVERS"
check "no call is open" within 5 gauge_is_zero sallyport_calls_open
check "no media" within 10 gauge_is_zero sallyport_anchors
check "no session of a worker, with its ports" within 10 gauge_is_zero sallyport_media_sessions
check "none is kept when the time for repetitions is over" within 60 gauge_is_zero sallyport_calls_kept
for side in server client; do
	check "no transaction of a $side" within 20 gauge_is_zero sallyport_sip_transactions "side=\"$side\""
done
check "no byte of them" gauge_is_zero sallyport_sip_transaction_bytes
check "no connection" within 5 gauge_is_zero sallyport_sip_connections
check "no buffer" gauge_is_zero sallyport_sip_buffered_bytes
finish
