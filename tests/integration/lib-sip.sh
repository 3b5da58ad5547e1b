# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# A site with telephones, over lib.sh: a Kamailio inside as registrar and front end, baresips as
# softphones and as gateways, sipps as gateways without TLS and haproxy in front of them, tones, and
# captures that are searched for them.
#
#   desk 10.10.1.20 -- core 10.10.0.10 -- 10.10.0.1 med 10.99.0.1 -- 10.99.0.5 pstn
#   telephones         Kamailio, names       Sallyport               gateways, names
#
# Sourced behind lib.sh.

FE=10.10.0.10
DESK=10.10.1.20
MED=10.10.0.1
MED_PSTN=10.99.0.1
GW=10.99.0.5
PHONES=()

# sip_site: namespaces, certificates of the authority "sips", names. Nobody forwards between the sides.
sip_site() {
	space desk core med pstn
	join desk $DESK/24 core 10.10.1.1/24
	join core $FE/24 med $MED/24
	join pstn $GW/24 med $MED_PSTN/24
	route desk default via 10.10.1.1
	route med 10.10.1.0/24 via $FE
	in_space core sysctl -qw net.ipv4.ip_forward=1
	certificate fe sips serverAuth,clientAuth "DNS:fe.example.net,IP:$FE"
	certificate phone sips serverAuth,clientAuth DNS:phone.example.net
	certificate gw1 sips serverAuth,clientAuth DNS:gw1.example.net
	certificate ms1 sips serverAuth,clientAuth DNS:ms1.example.net,DNS:med.example.net
	names core $FE $MED
	names pstn $GW $MED_PSTN
}

# mediation_conf: $WORK/med.yaml of a node on two adapters, with the inside's side and the gateway gw1 by
# TLS for numbers that begin with +1. Read from the environment, all optional: GATEWAYS, POOL, TRUNKS,
# TRUNK_SETTINGS, ROUTES: further lines of theirs, indented as here; SETTINGS: more of the global ones;
# TRUNK_PORTS.
mediation_conf() {
	conf med $MED_PSTN $MED
	cat >>"$WORK/med.yaml" <<-YAML
	mediation:
	  gateways:
	    - {name: gw1, host: gw1.example.net, address: $GW}
	${GATEWAYS:-}
	  pools:
	    - name: med
	      nodes: [ms1.example.net]
	      colocated: false
	      primary_address: auto/10.10.0.0/24
	      pstn_address: auto/10.99.0.0/24
	      trunk_listen: {${TRUNK_PORTS:-tls: 5067}}
	      client_tls: {certificate: $WORK/ms1.pem, private_key: $WORK/ms1.key, ca: $WORK/sips.pem}
	      next_hop: {host: fe.example.net, address: $FE, domain: example.net}
	${POOL:-}
	  trunks:
	    - {name: gw1, root: true, mediation: "med:5067/tls", gateway: "gw1:5067"}
	${TRUNKS:-}
	  trunk_settings:
	    - {scope: global${SETTINGS:-}}
	${TRUNK_SETTINGS:-}
	  records: {file: $WORK/calls.jsonl}
	  usages: [all]
	  routes:
	    - {name: gw1, match: '^\+1', usages: [all], trunks: [gw1]}
	${ROUTES:-}
	YAML
}

# recorded N FILTER: N calls have their records, each a line; FILTER says of the list of all whether they are
# right.
recorded() {
	same "$(wc -l <"$WORK/calls.jsonl")" "$1" && jq -es "$2" "$WORK/calls.jsonl" >/dev/null && return
	cat "$WORK/calls.jsonl"
	return 1
}

# name_server NAME SPACE ADDRESS RECORDS...
name_server() {
	# With --user=root: the one it would change to may not read a folder of ours.
	start "$1" "$2" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
		--user=root --pid-file= --bind-interfaces --listen-address="$3" --local=/example.net/ "${@:4}"
}

# names SPACE ADDRESS NODE: a name server there, for which the node has that address.
names() {
	name_server "names-$1" "$1" "$2" --host-record=fe.example.net,$FE \
		--host-record=gw1.example.net,$GW --host-record=ms1.example.net,"$3"
}

# front_end_tls: $WORK/fe-tls.cfg, both sides authenticated. FE_AS is the certificate it shows where it calls.
front_end_tls() {
	local side as=fe
	for side in server client; do
		cat <<-CFG
		[$side:default]
		method = TLSv1.2+
		certificate = $WORK/$as.pem
		private_key = $WORK/$as.key
		ca_list = $WORK/sips.pem
		verify_certificate = yes
		require_certificate = yes
		CFG
		as=${FE_AS:-fe}
	done >"$WORK/fe-tls.cfg"
}

# bracketed ADDRESS: as it stands in a URI.
bracketed() {
	case $1 in
	*:*) echo "[$1]" ;;
	*) echo "$1" ;;
	esac
}

# front_end_start: Kamailio in "core" with $WORK/fe.cfg, until it listens.
front_end_start() {
	start fe core kamailio -DD -E -f "$WORK/fe.cfg" -w "$WORK" -P "$WORK/fe.pid" -Y "$WORK" -m 32 -M 4
	within 20 listens core tcp "$(bracketed "$FE")" 5061 || {
		echo "Bail out! Kamailio does not listen"
		tail -n 30 "$WORK/fe.log" | sed 's/^/# /'
		exit 1
	}
}

# front_end POOL_URI: Kamailio at $FE:5061, mutual TLS on both sides. Who has registered is reached by his
# user part; other numbers go to the pool. FE_LISTEN is a further line of its configuration, FE_AS the
# certificate it shows.
front_end() {
	front_end_tls
	cat >"$WORK/fe.cfg" <<-CFG
	#!KAMAILIO
	log_stderror=yes
	children=2
	tcp_children=2
	auto_aliases=no
	alias="example.net"
	enable_tls=yes
	tcp_connection_lifetime=3600
	tcp_accept_no_cl=yes
	listen=tls:$FE:5061
	${FE_LISTEN:-}
	loadmodule "tls.so"
	loadmodule "tm.so"
	loadmodule "sl.so"
	loadmodule "rr.so"
	loadmodule "pv.so"
	loadmodule "maxfwd.so"
	loadmodule "usrloc.so"
	loadmodule "registrar.so"
	loadmodule "textops.so"
	loadmodule "siputils.so"
	loadmodule "xlog.so"
	loadmodule "nathelper.so"
	modparam("tls", "config", "$WORK/fe-tls.cfg")
	modparam("usrloc", "db_mode", 0)
	modparam("nathelper", "received_avp", "\$avp(s:rcv)")
	modparam("registrar", "received_avp", "\$avp(s:rcv)")
	modparam("tm", "fr_timer", 5000)
	modparam("tm", "fr_inv_timer", 60000)
	modparam("rr", "append_fromtag", 0)

	request_route {
		if (!mf_process_maxfwd_header("20")) {
			sl_send_reply("483", "Too Many Hops");
			exit;
		}
		xlog("L_NOTICE", "\$rm \$ru from \$si:\$sp call=\$ci own=\$ft other=\$tt\n");
		if (is_method("OPTIONS") && !has_totag()) {
			sl_send_reply("200", "OK");
			exit;
		}
		if (is_method("CANCEL")) {
			if (t_check_trans()) t_relay();
			exit;
		}
		if (has_totag()) {
			if (loose_route()) {
				handle_ruri_alias();
				t_relay();
				exit;
			}
			if (is_method("ACK")) {
				if (t_check_trans()) t_relay();
				exit;
			}
			sl_send_reply("404", "Not Here");
			exit;
		}
		if (is_method("REGISTER")) {
			fix_nated_register();
			save("location");
			exit;
		}
		record_route();
		if (\$si != "$MED") add_contact_alias();
		if (lookup("location")) {
			t_relay();
			exit;
		}
		if (\$si != "$MED" && \$rU =~ "^[+]?[0-9]+$") {
			\$du = "$1";
			t_relay();
			exit;
		}
		sl_send_reply("404", "Not Found");
	}
	onreply_route {
		if (status =~ "18[0-9]")
			xlog("L_NOTICE", "Ringing \$rs from \$si:\$sp call=\$ci own=\$ft other=\$tt\n");
		if (\$si != "$MED" && \$proto == "tls") add_contact_alias();
	}
	CFG
	front_end_start
}

# inside USER KEY=VALUE...: the account of a telephone inside, with these parameters.
inside() {
	local user=$1
	shift
	printf '<sip:%s@example.net;transport=tls>;auth_user=x;auth_pass=x;regint=600;answermode=auto' "$user"
	printf ';outbound="sip:%s:5061;transport=tls"' $FE
	printf ';%s' "$@"
}
# gateway_number NUMBER TRANSPORT KEY=VALUE...: that of a baresip which is a gateway, for calls to the number.
gateway_number() {
	local number=$1 transport=$2
	shift 2
	printf '<sip:%s@gw1.example.net;transport=%s>;regint=0;answermode=auto' "$number" "$transport"
	printf ';%s' "$@"
}

# listens SPACE tcp|udp ADDRESS PORT
listens() {
	in_space "$1" ss -Hln"${2:0:1}" "src $3 and sport = :$4" | grep -q .
}

# softphone NAME SPACE ADDRESS PORT HZ LINES...: a baresip there that plays a tone (for TONE_S seconds),
# records what it hears under $WORK/NAME/, and is driven by tell. LINES are its accounts; TLS is at PORT + 1,
# its port for control PORT + 1000. PHONE_AS is its certificate, PHONE_NAMES its name server, PHONE_MUX
# whether its RTCP may go over the port of RTP.
softphone() {
	local name=$1 where=$2 address=$3 port=$4 hz=$5 names=${PHONE_NAMES:-$FE}
	[ "$where" != pstn ] || names=$GW
	shift 5
	mkdir -p "$WORK/$name"
	[ -f "$WORK/tone$hz.wav" ] || "$HERE/tone.py" make "$hz" "${TONE_S:-120}" "$WORK/tone$hz.wav"
	cat "$WORK/${PHONE_AS:-phone}.pem" "$WORK/${PHONE_AS:-phone}.key" >"$WORK/$name/own.pem"
	cat >"$WORK/$name/config" <<-CFG
	poll_method epoll
	sip_listen $address:$port
	sip_certificate $WORK/$name/own.pem
	sip_cafile $WORK/sips.pem
	call_local_timeout 120
	call_max_calls 4
	audio_player aubridge,$name
	audio_source aufile,$WORK/tone$hz.wav
	audio_alert aubridge,$name
	ausrc_srate 8000
	auplay_srate 8000
	ausrc_channels 1
	auplay_channels 1
	audio_txmode poll
	audio_level no
	rtp_tos 184
	rtp_ports ${PHONE_RTP:-20000-20999}
	rtcp_mux ${PHONE_MUX:-no}
	jitter_buffer_delay 2-5
	rtp_stats yes
	dns_server $names:53
	module_path /usr/lib/baresip/modules
	module g711.so
	module aubridge.so
	module aufile.so
	module sndfile.so
	module srtp.so
	module_tmp uuid.so
	module_tmp account.so
	module_app contact.so
	module_app menu.so
	module_app ctrl_tcp.so
	snd_path $WORK/$name
	ctrl_tcp_listen $address:$((port + 1000))
	CFG
	: >"$WORK/$name/contacts"
	printf '%s\n' "$@" >"$WORK/$name/accounts"
	start "$name" "$where" baresip -f "$WORK/$name" -v
	PHONES+=("$name")
	rm -f "$WORK/$name.in"
	mkfifo "$WORK/$name.in"
	nsenter --net="/run/netns/$RUN-$where" "$HERE/softphone.py" "$address" $((port + 1000)) \
		<"$WORK/$name.in" >"$WORK/$name.events" 2>&1 &
	PIDS[$name-control]=$!
	exec {TALK_FD}>"$WORK/$name.in"
	TALK[$name]=$TALK_FD
	within 30 has "$WORK/$name.events" '^ready' >/dev/null
}

# Ends the softphones, which would wait long for a registrar that is gone, and then finish.
sip_finish() {
	local name
	for name in "${PHONES[@]}" again "${PHONES[@]}"; do
		[ "$name" != again ] || sleep 0.3 # the second signal means now
		running "$name" && kill -TERM "${PIDS[$name]}" 2>/dev/null
	done
	finish
}

# tell NAME COMMAND [PARAMETERS]
tell() {
	local name=$1
	shift
	echo "$*" >&"${TALK[$name]}"
}

# heard NAME PATTERN [COUNT]: an event of it has come (so often).
heard() {
	[ "$(grep -cE "$2" "$WORK/$1.events")" -ge "${3:-1}" ]
}

# registered NAME: its account is registered.
registered() {
	has "$WORK/$1.log" '200 OK \(.*\) \[1 binding'
}

# hears NAME HZ MS: its recordings have so much of the tone, and hardly anything else.
hears() {
	local file tone=0 other=0 line
	for file in "$WORK/$1"/dump-*-dec.wav; do
		[ -e "$file" ] || return 1
		line=$("$HERE/tone.py" wav "$2" "$file") || continue
		echo "${file##*/} $line"
		tone=$((tone + $(field tone_ms <<<"$line")))
		other=$((other + $(field other_ms <<<"$line")))
	done
	[ $tone -ge "$3" ] && [ $other -le $((tone / 10)) ]
}

# capture NAME SPACE DEVICE: all of it to $WORK/NAME.pcap until "stop NAME".
capture() {
	start "$1" "$2" tcpdump -i "$3" -s 0 -U --immediate-mode -Z root -w "$WORK/$1.pcap"
	within 20 has "$WORK/$1.log" 'listening on' >/dev/null
}

# sound CAPTURE HZ FROM [SINCE_S [UNTIL_S]]: the streams in it that come from addresses that match.
sound() {
	"$HERE/tone.py" pcap "$2" "$WORK/$1.pcap" "${@:4}" | grep -E "^from=$3"
}

# carries CAPTURE HZ FROM CODEC MS: a stream from there has the tone for so long when read as that codec,
# and hardly anything else.
carries() {
	local line
	sound "$1" "$2" "$3" >"$WORK/sound.out"
	cat "$WORK/sound.out"
	while read -r line; do
		[ "$(field best <<<"$line")" = "$4" ] &&
			[ "$(field tone_ms <<<"$line")" -ge "$5" ] &&
			[ "$(field other_ms <<<"$line")" -le $(($5 / 10)) ] && return
	done <"$WORK/sound.out"
	return 1
}

# unheard CAPTURE HZ FROM: there are streams from there, and none of them is the tone in G.711.
unheard() {
	sound "$1" "$2" "$3" >"$WORK/sound.out"
	cat "$WORK/sound.out"
	[ -s "$WORK/sound.out" ] && ! grep -vE ' tone_ms=0 ' "$WORK/sound.out"
}

# tls_front NAME SPACE ADDRESS PORT BACK [DIALLED]: haproxy that ends TLS there, as certificate NAME, for
# a gateway without it at 127.0.0.1:BACK; and in front of the port BACK + 1, which leads to the TLS port
# DIALLED (address:port) of the mediation server.
tls_front() {
	local name=$1
	cat "$WORK/$name.pem" "$WORK/$name.key" >"$WORK/$name-both.pem"
	cat >"$WORK/$name-front.cfg" <<-CFG
	defaults
		mode tcp
		timeout connect 5s
		timeout client 1h
		timeout server 1h
	listen in
		bind $3:$4 ssl crt $WORK/$name-both.pem ca-file $WORK/sips.pem verify required
		server gateway 127.0.0.1:$5
	listen out
		bind 127.0.0.1:$(($5 + 1))
		server mediation ${6:-$MED_PSTN:5067} source $3 ssl crt $WORK/$name-both.pem \
			ca-file $WORK/sips.pem verify required verifyhost ${FRONT_EXPECTS:-ms1.example.net}
	CFG
	start "$name-front" "$2" haproxy -db -f "$WORK/$name-front.cfg"
	within 20 listens "$2" tcp "$3" "$4"
}

# ---- gateways that sipp plays ----

# gateway_sdp VERSION [DIRECTION]: the lines of a session description, for a scenario.
gateway_sdp() {
	printf '%s\n' v=0 "o=gw 1 $1 IN IP4 [media_ip]" s=- 'c=IN IP4 [media_ip]' 't=0 0' \
		'm=audio [rtpstream_audio_port] RTP/AVP 0 101' 'a=rtpmap:0 PCMU/8000' \
		'a=rtpmap:101 telephone-event/8000' 'a=fmtp:101 0-16' "a=${2:-sendrecv}"
}

# reply CODE REASON [ATTRIBUTES OF send]: a response with what is on standard input behind its usual
# fields.
reply() {
	printf '%s\n' "<send ${3:-}><![CDATA[" "SIP/2.0 $1 $2" '[last_Via:]' '[last_Record-Route:]' \
		'[last_From:]' '[last_To:];tag=[pid]gw[call_number]' '[last_Call-ID:]' '[last_CSeq:]' \
		"Contact: <$GATEWAY>"
	cat
	echo ']]></send>'
}
# reply_within: the same to a request that has the tag already: of two the response would be malformed, and the
# request would come again, to whoever is the gateway then.
reply_within() {
	reply "$@" | sed 's/;tag=.pid.gw.call_number.//'
}
no_body() {
	printf '%s\n' 'Content-Length: 0' ''
}
body() {
	printf '%s\n' 'Content-Type: application/sdp' 'Content-Length: [len]' ''
	gateway_sdp "$@"
}

# play FILE: an action that plays these samples of PCMU over and over.
play() {
	echo "<nop><action><exec rtp_stream=\"$1,-1,0\"/></action></nop>"
}

# gateway_answers HZ [BYE_AFTER_MS]: the scenario of a gateway that rings, answers, plays a tone, takes
# re-INVITEs, and ends with BYE: the other's, or after that time its own. GATEWAY is its URI.
gateway_answers() {
	local wait=
	samples "$1"
	[ -z "${2:-}" ] || wait="timeout=\"$2\" ontimeout=\"9\""
	echo '<?xml version="1.0" encoding="UTF-8"?><scenario name="gateway answers">'
	echo '<recv request="INVITE"/>'
	no_body | reply 180 Ringing
	body 1 | reply 200 OK 'retrans="500"'
	# By UDP sipp does not know a repetition of what it has sent two responses to.
	echo '<recv request="INVITE" optional="true"/><recv request="ACK"/>'
	play "$WORK/tone$1.ul"
	cat <<-XML
	<label id="1"/>
	<recv request="INVITE" optional="true" next="2">
	<action><ereg regexp="a=(sendonly|inactive)" search_in="body" check_it="false" assign_to="held"/></action>
	</recv>
	<recv request="BYE" $wait/>
	XML
	no_body | reply_within 200 OK 'next="10"'
	echo '<label id="2"/><nop test="held" next="3"/>'
	body 2 | reply_within 200 OK 'retrans="500"'
	echo '<recv request="ACK" next="1"/><label id="3"/>'
	body 3 recvonly | reply_within 200 OK 'retrans="500"'
	echo '<recv request="ACK" next="1"/><label id="9"/>'
	cat <<-XML
	<send retrans="500"><![CDATA[
	BYE [next_url] SIP/2.0
	Via: SIP/2.0/${VIA:-TCP} $GW:[local_port];branch=[branch]
	[last_To:]
	[last_From:]
	Call-ID: [call_id]
	CSeq: 2 BYE
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	<recv response="200"/>
	<label id="10"/>
	</scenario>
	XML
}

# gateway_calls NUMBER CALLED HZ MS [HELD]: the scenario of one that calls and plays a tone; hangs up after MS
# unless the other does.
gateway_calls() {
	samples "$3"
	cat <<-XML
	<?xml version="1.0" encoding="UTF-8"?><scenario name="gateway calls">
	<send retrans="500"><![CDATA[
	INVITE sip:$2@[remote_ip]:[remote_port] SIP/2.0
	Via: SIP/2.0/${VIA:-TCP} $GW:[local_port];branch=[branch]
	From: <sip:$1@gw1.example.net>;tag=[pid]gw[call_number]
	To: <sip:$2@med.example.net>
	Call-ID: [call_id]
	CSeq: 1 INVITE
	Contact: <$GATEWAY>
	Max-Forwards: 70
	$(body 1)
	]]></send>
	<recv response="100" optional="true"/>
	<recv response="180" optional="true"/>
	<recv response="183" optional="true"/>
	<recv response="200" rrs="true"/>
	<send><![CDATA[
	ACK [next_url] SIP/2.0
	Via: SIP/2.0/${VIA:-TCP} $GW:[local_port];branch=[branch]
	[routes]
	From: <sip:$1@gw1.example.net>;tag=[pid]gw[call_number]
	[last_To:]
	Call-ID: [call_id]
	CSeq: 1 ACK
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	$(play "$WORK/tone$3.ul")
	<recv request="BYE" timeout="$4" ontimeout="1"/>
	$(no_body | reply_within 200 OK 'next="2"')
	<label id="1"/>
	<send retrans="500"><![CDATA[
	BYE [next_url] SIP/2.0
	Via: SIP/2.0/${VIA:-TCP} $GW:[local_port];branch=[branch]
	[routes]
	From: <sip:$1@gw1.example.net>;tag=[pid]gw[call_number]
	[last_To:]
	Call-ID: [call_id]
	CSeq: 2 BYE
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	<recv response="200"/>
	<label id="2"/>
	</scenario>
	XML
}

# samples HZ
samples() {
	[ -f "$WORK/tone$1.ul" ] || "$HERE/tone.py" g711 "$1" 10 PCMU "$WORK/tone$1.ul"
}

# gateway NAME SPACE ARGUMENTS: a sipp that plays the scenario $WORK/NAME.xml.
gateway() {
	local name=$1 where=$2
	shift 2
	start "$name" "$where" sipp -nostdin -sf "$WORK/$name.xml" -trace_err \
		-error_file "$WORK/$name.err" -trace_msg -message_file "$WORK/$name.msg" -mi $GW "$@"
}
