#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a call costs: sipp calls sipp at a fixed rate through Sallyport's B2BUA and through Kamailio as a
# proxy with transactions and Record-Route, in turn, the very same calls. The server is alone on one core,
# sipp on another. Prints every round and a table of the medians.
#   tests/bench/calls.sh [-t tcp|udp] [-r RATE] [-d SECONDS] [-l MS] [-a PACKETS] [-n ROUNDS] [-k]
#                        [-c PERCENT] [-m] [-s SERVERS] [-f RESULTS]
#     RATE     calls a second (200), for SECONDS (60), each of MS (1000)
#     PACKETS  of audio, 20 ms each, that each side sends (0); Sallyport has ports for media anyway
#     PERCENT  of its core that the server gets, so that it can be asked for more than it can do
#     -k       the server is not started anew for each round, to see whether its memory grows
#     -m       memory of calls is looked at every second, at some cost of processor time
#     SERVERS  those that take turns ("sallyport kamailio")
#     RESULTS  a file to which each round is appended as a line; the table is of all that are in it
# Of each round: rss_kb before and behind it; with -m, what it was more with most calls open, for each.
# Fails if a call has. BENCH_CORES="0 1": sipp's core and the server's.
. "$(dirname "$0")/../integration/lib.sh"

TRANSPORT=tcp RATE=200 SECONDS_EACH=60 LENGTH=1000 AUDIO=0 ROUNDS=3 KEEPS='' MEMORY='' RESULTS=
SERVERS="sallyport kamailio" PERCENT=''
while getopts t:r:d:l:a:n:c:kms:f: option; do
	case $option in
	t) TRANSPORT=$OPTARG ;;
	r) RATE=$OPTARG ;;
	d) SECONDS_EACH=$OPTARG ;;
	l) LENGTH=$OPTARG ;;
	a) AUDIO=$OPTARG ;;
	n) ROUNDS=$OPTARG ;;
	c) PERCENT=$OPTARG ;;
	k) KEEPS=1 ;;
	m) MEMORY=1 ;;
	s) SERVERS=$OPTARG ;;
	f) RESULTS=$OPTARG ;;
	*) sed -n '6,15s/^# *//p' "$0" >&2; exit 2 ;;
	esac
done
read -r SIPP_CORE SERVER_CORE <<<"${BENCH_CORES:-0 1}"
begin sipp kamailio taskset
RESULTS=${RESULTS:-$WORK/results}
export TERM=${TERM:-dumb}
FLAG='' # of sipp
[ "$TRANSPORT" = udp ] || FLAG="-t t1"

site
conf edge
cat >>"$WORK/edge.yaml" <<-YAML
	mediation:
	  gateways: [{name: caller, host: 10.200.1.2}, {name: callee, host: 10.200.2.2}]
	  pools:
	    - {name: outer, nodes: [ms1.example.net], colocated: false, primary_address: 10.200.1.1,
	       audio_ports: 20000-49999, trunk_listen: {$TRANSPORT: 5060}}
	    - {name: inner, nodes: [ms1.example.net], colocated: false, primary_address: 10.200.2.1,
	       audio_ports: 20000-49999, trunk_listen: {$TRANSPORT: 5060}}
	  trunks:
	    - {name: in, root: true, mediation: "outer:5060/$TRANSPORT", gateway: "caller:5060", connection: private}
	    - {name: out, root: true, mediation: "inner:5060/$TRANSPORT", gateway: "callee:5070", connection: private}
	  trunk_settings: [{scope: global, options: {send: false}}]
	  usages: [all]
	  routes: [{name: all, match: '^1', usages: [all], trunks: [out]}]
YAML
# One process for each kind of work, as there is one core.
cat >"$WORK/kamailio.cfg" <<-CFG
	#!KAMAILIO
	debug=1
	log_stderror=yes
	fork=yes
	children=1
	tcp_children=1
	auto_aliases=no
	dns=no
	rev_dns=no
	listen=$TRANSPORT:10.200.1.1:5060
	listen=$TRANSPORT:10.200.2.1:5060
	$([ "$TRANSPORT" = udp ] && echo disable_tcp=yes)
	mpath="$(dirname "$(find /usr/lib -path '*/kamailio/modules/tm.so' 2>/dev/null | head -n 1)")/"
	loadmodule "tm.so"
	loadmodule "sl.so"
	loadmodule "rr.so"
	loadmodule "pv.so"
	loadmodule "textops.so"
	loadmodule "siputils.so"
	request_route {
	  if (is_method("CANCEL")) {
	    if (t_check_trans()) t_relay();
	    exit;
	  }
	  if (has_totag()) {
	    if (loose_route()) t_relay();
	    else if (is_method("ACK") && t_check_trans()) t_relay();
	    else sl_send_reply("404", "Not here");
	    exit;
	  }
	  t_check_trans();
	  if (is_method("INVITE")) record_route();
	  \$du = "sip:10.200.2.2:5070;transport=$TRANSPORT";
	  if (!t_relay()) sl_reply_error();
	}
CFG

# ---- the calls ----

SDP='Content-Type: application/sdp
	Content-Length: [len]

	v=0
	o=- 20518 0 IN IP[local_ip_type] [local_ip]
	s=-
	c=IN IP[media_ip_type] [media_ip]
	t=0 0
	m=audio [auto_media_port] RTP/AVP 0 8 101
	a=rtpmap:0 PCMU/8000
	a=rtpmap:8 PCMA/8000
	a=rtpmap:101 telephone-event/8000
	a=fmtp:101 0-15
	a=sendrecv'
# request METHOD URI CSEQ MORE: one of the caller's
request() {
	cat <<-XML
	<send${4:-}><![CDATA[
	$1 $2 SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	[routes]
	From: "Caller" <sip:+14255550111@[local_ip]:[local_port]>;tag=[pid]c[call_number]
	To: <sip:[service]@[remote_ip]:[remote_port]>$([ "$1" = INVITE ] || echo '[peer_tag_param]')
	Call-ID: [call_id]
	CSeq: $3 $1
	Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>
	Max-Forwards: 70
	User-Agent: sipp
	$([ "$1" = INVITE ] && echo "$SDP" || echo "Content-Length: 0")

	]]></send>
	XML
}
# reply STATUS... BODY: the callee's
reply() {
	cat <<-XML
	<send${3:-}><![CDATA[
	SIP/2.0 $1
	[last_Via:]
	[last_Record-Route:]
	[last_From:]
	[last_To:]$([ -z "${2:-}" ] || echo ';tag=[pid]d[call_number]')
	[last_Call-ID:]
	[last_CSeq:]
	Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>
	$([ "${2:-}" = body ] && echo "$SDP" || echo "Content-Length: 0")

	]]></send>
	XML
}
scenario() {
	printf '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="%s">\n' "$1"
	cat
	echo '</scenario>'
}
# audio: of PACKETS, while the scenario goes on.
audio() {
	[ "$AUDIO" = 0 ] || echo "<nop><action><exec play_pcap_audio=\"$WORK/audio.pcap\"/></action></nop>"
}
python3 - "$AUDIO" "$WORK/audio.pcap" <<'PYTHON' || exit 1
import struct
import sys

with open(sys.argv[2], "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for n in range(int(sys.argv[1])):
        rtp = struct.pack("!BBHII", 0x80, (n == 0) << 7, n, n * 160, 0x5A11) + bytes([0xAA]) * 160
        udp = struct.pack("!HHHH", 4000, 4002, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, 0x0A000001, 0x0A000002)
        frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + udp
        out.write(struct.pack("<IIII", n // 50, n % 50 * 20000, len(frame), len(frame)) + frame)
PYTHON
{
	request INVITE 'sip:[service]@[remote_ip]:[remote_port]' 1 ' retrans="500"'
	echo '<recv response="100" optional="true"/><recv response="180" optional="true"/>'
	echo '<recv response="200" rrs="true" rtd="1"/>'
	request ACK '[next_url]' 1
	audio
	echo '<pause/>'
	request BYE '[next_url]' 2 ' retrans="500"'
	echo '<recv response="200"/>'
} | scenario caller >"$WORK/caller.xml"
{
	echo '<recv request="INVITE"/>'
	reply '180 Ringing' tag
	reply '200 OK' body ' retrans="500"'
	# By UDP sipp does not know a repetition of what it has sent two responses to.
	echo '<recv request="INVITE" optional="true"/><recv request="ACK"/>'
	audio
	echo '<recv request="BYE"/>'
	reply '200 OK'
	echo '<timewait milliseconds="4000"/>' # for a BYE that comes again
} | scenario callee >"$WORK/callee.xml"

# ---- a round ----

server_sallyport() {
	start edge edge taskset -c "$SERVER_CORE" "$SALLYPORTD" -f -c "$WORK/edge.yaml"
	within 10 ready_or_dead edge && running edge
}
server_kamailio() {
	start edge edge taskset -c "$SERVER_CORE" kamailio -f "$WORK/kamailio.cfg" -DD -E \
		-P "$WORK/kamailio.pid" -m 256 -M 16 -Y "$WORK"
	within 10 listens edge 5060 && running edge
}
listens() {
	in_space "$1" ss -Hltun "sport = :$2" | grep -q .
}
tree() { # the server's processes
	local pid=${PIDS[edge]}
	echo "$pid" "$(ps -o pid= --ppid "$pid" | tr '\n' ' ')"
}
cpu_ns() {
	local pid
	for pid in $(tree); do
		cat "/proc/$pid"/task/*/schedstat 2>/dev/null
	done | awk '{ n += $1 } END { printf "%.0f", n }'
}
kilobytes() { # resident, what processes share counted once
	local pid
	for pid in $(tree); do
		awk '$1 == "Pss:" { print $2 }' "/proc/$pid/smaps_rollup"
	done | awk '{ n += $1 } END { print n }'
}
last_of() { # COLUMN: of sipp's statistics
	awk -F';' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next }
		{ v = $c } END { print v + 0 }' "$WORK/calls.csv"
}

# What the server has while calls go on, every second: calls that are open, kilobytes.
watch_memory() {
	local open
	while sleep 1; do
		open=$(metric edge sallyport_calls_open 2>/dev/null) || return
		echo "$open $(kilobytes)"
	done >"$WORK/memory"
}
# bytes_each IDLE_KB: at the moment with most calls.
bytes_each() {
	sort -n "$WORK/memory" | awk -v idle="$1" '{ open = $1; kb = $2 }
		END { printf "%d", (open > 100 ? (kb - idle) * 1024 / open : 0) }'
}

# The server's processes get PERCENT of a core, in slices of 20 ms.
confine() {
	local group pid
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		group=/sys/fs/cgroup/calls.$$
		mkdir -p "$group" && echo "$((PERCENT * 200)) 20000" >"$group/cpu.max" || return 1
	else
		group=/sys/fs/cgroup/cpu/calls.$$
		mkdir -p "$group" && echo 20000 >"$group/cpu.cfs_period_us" &&
			echo $((PERCENT * 200)) >"$group/cpu.cfs_quota_us" || return 1
	fi
	for pid in $(tree); do
		echo "$pid" >"$group/cgroup.procs" || return 1
	done
}
free_groups() {
	rmdir /sys/fs/cgroup/calls.$$ /sys/fs/cgroup/cpu/calls.$$ 2>/dev/null
}

# round SERVER
round() {
	local name=$1 before after idle status=0
	running edge || "server_$name" || { tail "$WORK/edge.log"; exit 1; }
	[ -z "$PERCENT" ] || confine || { echo "no control group of its own" >&2; exit 1; }
	# shellcheck disable=SC2086  # the flag is two words or none
	start callee hq taskset -c "$SIPP_CORE" sipp -nostdin -sf "$WORK/callee.xml" $FLAG \
		-i 10.200.2.2 -p 5070 -mp 10000
	within 10 listens hq 5070 || exit 1
	idle=$(kilobytes)
	: >"$WORK/memory"
	[ -z "$MEMORY" ] || { watch_memory & PIDS["watch"]=$!; }
	before=$(cpu_ns)
	rm -f "$WORK/calls.csv"
	# shellcheck disable=SC2086
	in_space ext taskset -c "$SIPP_CORE" timeout $((SECONDS_EACH * 2 + LENGTH / 1000 + 60)) sipp -nostdin \
		-sf "$WORK/caller.xml" $FLAG -i 10.200.1.2 -p 5060 -mp 10000 -s 14255550123 -r "$RATE" \
		-m $((RATE * SECONDS_EACH)) -l 15000 -d "$LENGTH" -trace_stat -fd 3600 \
		-stf "$WORK/calls.csv" -trace_err -error_file "$WORK/calls.err" \
		10.200.1.1:5060 >"$WORK/calls.out" 2>&1 || status=$?
	after=$(cpu_ns)
	stop watch
	printf '%s %s rate=%s seconds=%s length_ms=%s audio=%s core=%s calls=%s failed=%s repeated=%s cpu_us_each=%s rss_kb=%s-%s bytes_each=%s\n' \
		"$name" "$TRANSPORT" "$RATE" "$SECONDS_EACH" "$LENGTH" "$AUDIO" "${PERCENT:-100}" "$(last_of 'SuccessfulCall(C)')" \
		"$(last_of 'FailedCall(C)')" "$(last_of 'Retransmissions(C)')" \
		"$(awk -v n=$((after - before)) -v calls=$((RATE * SECONDS_EACH)) \
			'BEGIN { printf "%.1f", n / calls / 1000 }')" "$idle" "$(kilobytes)" "$(bytes_each "$idle")" |
		tee -a "$RESULTS"
	[ $status = 0 ] || { tail -n 20 "$WORK/calls.err"; N_FAILED=$((N_FAILED + 1)); }
	[ -z "${BENCH_AFTER:-}" ] || sleep "$BENCH_AFTER"
	stop callee
	[ -n "$KEEPS" ] || stop edge
	free_groups
}
for _ in $(seq "$ROUNDS"); do
	for server in $SERVERS; do
		round "$server"
	done
done

# ---- the table ----

python3 - "$RESULTS" <<'PYTHON'
import statistics
import sys

runs = {}
for line in open(sys.argv[1], encoding="utf-8"):
    name, transport, *rest = line.split()
    values = dict(word.split("=") for word in rest)
    runs.setdefault((transport, values["rate"], values["seconds"], values["length_ms"], values["audio"]), {}).setdefault(name, []).append(values)
print("| calls | server | µs of processor time a call | to Kamailio | every run | failed | repeated |")
print("|---|---|--:|--:|---|--:|--:|")
for (transport, rate, seconds, _, audio), servers in sorted(runs.items()):
    median = {n: statistics.median(float(v["cpu_us_each"]) for v in r) for n, r in servers.items()}
    for name, rounds in sorted(servers.items()):
        ratio = "%.2f" % (median[name] / median["kamailio"]) if "kamailio" in median else ""
        print("| %s, %s/s for %s s%s | %s | %.0f | %s | %s | %d | %d |" % (
            transport.upper(), rate, seconds, ", %s packets" % audio if audio != "0" else "", name.capitalize(), median[name], ratio,
            " ".join("%.0f" % float(v["cpu_us_each"]) for v in rounds),
            sum(int(v["failed"]) for v in rounds), sum(int(v["repeated"]) for v in rounds)))
PYTHON
exit $((N_FAILED > 0))
