#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Calls are transferred by telephones inside, whoever had called: to another telephone, to a gateway, to
# nobody, to one that rings. Who stays hears the new party and is heard, the old one is out, and a transfer that
# fails leaves the call, with audio, though a party had agreed to go. A gateway may not ask for one; one that can transfer itself is asked to.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq sipp tcpdump

sip_site
FE_LISTEN=debug=1 front_end "sip:$MED:5070;transport=tls"
SETTINGS=", srtp: none, codecs: [PCMU], options: {send: false}" TRUNK_PORTS="tls: 5067, tcp: 5068" \
GATEWAYS="    - {name: gw2, host: $GW}
    - {name: gw3, host: $GW}
    - {name: gw4, host: $GW}" \
TRUNKS="    - {name: gw2, root: true, mediation: \"med:5068/tcp\", gateway: \"gw2:5080\", connection: private}
    - {name: gw3, root: true, mediation: \"med:5068/tcp\", gateway: \"gw3:5082\", connection: private}
    - {name: gw4, root: true, mediation: \"med:5068/tcp\", gateway: \"gw4:5084\", connection: private}" \
TRUNK_SETTINGS='    - {scope: "trunk:gw3", srtp: none, codecs: [PCMU], refer: send, options: {send: false},
       called_rules: [{match: "^.(3.*)$", replace: "$1"}], calling_rules: [{match: "^2", replace: "+12"}]}' \
ROUTES="    - {name: gw2, match: '^\\+2', usages: [all], trunks: [gw2]}
    - {name: gw3, match: '^\\+3', usages: [all], trunks: [gw3]}
    - {name: gw4, match: '^\\+4', usages: [all], trunks: [gw4]}" mediation_conf
edge_start med

NUMBER=+14255550123
PHONE_AS=gw1 softphone gw pstn $GW 5066 600 "$(gateway_number $NUMBER tls mediaenc=none audio_codecs=PCMU)"
softphone phone desk $DESK 5060 1000 "$(inside 2001 mediaenc=srtp-mand audio_codecs=PCMA)"
softphone other desk $DESK 5160 1400 "$(inside 2002 mediaenc=srtp-mand audio_codecs=PCMA)"
GATEWAY="sip:gw2@$GW:5080;transport=tcp" gateway_answers 800 |
	sed '/<label id="2"/,$s/;tag=.pid.gw.call_number.//' >"$WORK/gw2.xml"
gateway gw2 pstn -i $GW -p 5080 -t t1 -m 3 -mp 30000
within_dialog() {
	no_body | reply "$@" | sed 's/;tag=.pid.gw.call_number.//'
}
GATEWAY="sip:gw3@$GW:5082;transport=tcp"
cat >"$WORK/gw3.xml" <<XML
<?xml version="1.0" encoding="UTF-8"?><scenario name="gateway transfers itself">
<recv request="INVITE"/>
$( (echo "Allow: INVITE, ACK, BYE, CANCEL, REFER, NOTIFY"; body 1) | reply 200 OK)
<recv request="ACK"/>
<recv request="REFER"><action>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="us"/>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="them"/>
</action></recv>
$(within_dialog 202 Accepted)
<send><![CDATA[
NOTIFY sip:$MED_PSTN:5068;transport=tcp SIP/2.0
Via: SIP/2.0/TCP $GW:[local_port];branch=[branch]
From:[\$us]
To:[\$them]
Call-ID: [call_id]
CSeq: 7 NOTIFY
Max-Forwards: 70
Contact: <$GATEWAY>
Event: refer
Subscription-State: terminated;reason=noresource
Content-Type: message/sipfrag
Content-Length: [len]

SIP/2.0 200 OK
]]></send>
<recv response="200"/>
<recv request="BYE"/>
$(within_dialog 200 OK)
</scenario>
XML
gateway gw3 pstn -i $GW -p 5082 -t t1 -m 1 -mp 31000
# The first call is not to be moved; the second rings until it is withdrawn, and the third is answered.
samples 700
GATEWAY="sip:gw4@$GW:5084;transport=tcp"
answered() {
	reply 200 OK 'retrans="500"' | sed 's/.last_CSeq:./CSeq: 1 INVITE/'
}
cat >"$WORK/gw4.xml" <<XML
<?xml version="1.0" encoding="UTF-8"?><scenario name="gateway stays, then rings">
<recv request="INVITE"><action>
<ereg regexp="INVITE sip:.?4001@" search_in="msg" check_it="false" assign_to="stays"/>
</action></recv>
$(no_body | reply 180 Ringing)
<nop test="stays" next="1"/>
<recv request="CANCEL" timeout="12000" ontimeout="1"/>
$(no_body | reply 200 OK)
$(no_body | reply 487 "Request Terminated" | sed 's/.last_CSeq:./CSeq: 1 INVITE/')
<recv request="ACK" next="3"/>
<label id="1"/>
$(body 1 | answered)
<recv request="ACK"><action>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="us"/>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="them"/>
</action></recv>
$(play "$WORK/tone700.ul")
<label id="2"/>
<recv request="INVITE" optional="true" next="4" timeout="6000" ontimeout="5"/>
<recv request="BYE"/>
$(no_body | reply_within 200 OK 'next="3"')
<label id="5"/><nop test="stays" next="2"/>
<send><![CDATA[
BYE sip:$MED_PSTN:5068;transport=tcp SIP/2.0
Via: SIP/2.0/TCP $GW:[local_port];branch=[branch]
From:[\$us]
To:[\$them]
Call-ID: [call_id]
CSeq: 7 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200" next="3"/><label id="4"/>
$(no_body | reply_within 488 "Not Acceptable Here")
<recv request="ACK" next="2"/>
<label id="3"/>
</scenario>
XML
gateway gw4 pstn -i $GW -p 5084 -t t1 -m 3 -mp 32000
capture trunk med to-pstn
check "telephones register" within 20 registered phone
check "... both" within 20 registered other

# listened NAME HZ MS: its recordings have so much of the tone, whatever else.
listened() {
	local file tone=0 line
	for file in "$WORK/$1"/dump-*-dec.wav; do
		[ -e "$file" ] || return 1
		line=$("$HERE/tone.py" wav "$2" "$file") || continue
		echo "${file##*/} $line"
		tone=$((tone + $(field tone_ms <<<"$line")))
	done
	[ $tone -ge "$3" ]
}
count() {
	same "$(metric med "$1")" "$2"
}
nothing_left() {
	count sallyport_calls_open 0 && count sallyport_media_sessions 0 && count sallyport_anchors 0
}
over() {
	check "$1" within 20 heard "$2" CALL_CLOSED "$3"
	check "nothing is left" within 20 nothing_left
}

tell phone dial "sip:$NUMBER@example.net"
check "a telephone calls the gateway" within 20 heard gw CALL_ESTABLISHED 1
check "... which hears it" within 20 listened gw 1000 1000
tell phone transfer sip:2002@example.net
check "the telephone transfers it to another" within 20 heard other CALL_ESTABLISHED 1
check "... and is out" within 20 heard phone CALL_CLOSED 1
check "the other hears the gateway" within 20 listened other 600 2000
check "the gateway gets what the other says" within 20 carries trunk 1400 $MED_PSTN: PCMU 2000
check "it is one call" within 20 count sallyport_calls_open 1
check "... with one session of media" within 20 count sallyport_media_sessions 1
tell gw hangup
over "the gateway ends it" other 1

tell gw dial "sip:2001@ms1.example.net:5067;transport=tls"
check "the gateway calls the telephone" within 20 heard phone CALL_ESTABLISHED 2
check "... which holds the call" within 20 heard gw CALL_ESTABLISHED 2
tell phone hold
check "... as the gateway is told" within 20 heard gw 'CALL_REMOTE_SDP .* offer' 2
tell phone transfer sip:+2555@example.net
check "it is transferred to another gateway" within 20 heard phone CALL_CLOSED 2
check "... whose tone the first one gets" within 20 carries trunk 800 $MED_PSTN: PCMU 2000
check "... as the other gets the first one's" within 20 carries trunk 600 $MED_PSTN: PCMU 2000
tell gw hangup
over "the gateway ends it" gw 2

tell phone dial sip:+3001@example.net
check "a call to a gateway that transfers itself" within 20 heard phone CALL_ESTABLISHED 3
tell phone transfer sip:+3002@example.net
over "it is asked to, and the telephone hears that it has" phone 3
check "the target is as its trunk has numbers" has "$WORK/gw3.msg" "^Refer-To: <sip:3002@$GW:5082"
check "... and the referrer" has "$WORK/gw3.msg" "^Referred-By: <sip:[+]12001@$MED_PSTN>"

tell phone dial "sip:$NUMBER@example.net"
check "a call to the gateway, from one who wants to ask back" within 20 heard gw CALL_ESTABLISHED 3
acknowledged() {
	grep "ACK .*from $DESK:.* call=" "$WORK/fe.log" | tail -n 1
}
newest() {
	acknowledged | grep -q "call=$(sed -n 's/^event CALL_ESTABLISHED .* id=//p' "$WORK/phone.events" | tail -n 1) "
}
# replaced LINE: what a Refer-To says of the dialog that the front end's log has there.
replaced() {
	printf '?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s' "$(field call <<<"$1")" \
		"$(field other <<<"$1")" "$(field own <<<"$1")"
}
check "... whose dialog is known" within 20 newest
DIALOG=$(acknowledged)
tell phone dial sip:+2555@example.net
check "it calls the other gateway" within 20 heard phone CALL_ESTABLISHED 5
capture joined med to-pstn
tell phone transfer "<sip:$NUMBER@example.net$(replaced "$DIALOG")>"
check "it joins the two, and is out of both calls" within 20 heard phone CALL_CLOSED 5
check "the gateway gets what the other says" within 20 carries joined 800 $MED_PSTN: PCMU 1500
check "... and the other what it says" within 20 carries joined 600 $MED_PSTN: PCMU 1500
check "it is one call" count sallyport_calls_open 1
tell gw hangup
over "the gateway ends it" gw 3

tell phone dial sip:+2555@example.net
check "a call to the other gateway" within 20 heard phone CALL_ESTABLISHED 6
check "... whose dialog is known" within 20 newest
DIALOG=$(acknowledged)
tell phone dial sip:+4001@example.net
check "it calls one that is not to be moved" within 20 heard phone CALL_ESTABLISHED 7
tell phone transfer "<sip:+2555@example.net$(replaced "$DIALOG")>"
check "they are not joined" within 20 heard phone 'TRANSFER_FAILED .*488'
# Told once more what it had before it agreed to go: SIP is in the clear here.
versions() {
	grep -ao '^o=- [0-9]* [0-9]*' "$WORK/gw2.msg" | awk -v id="$(grep -ao '^o=- [0-9]*' "$WORK/gw2.msg" | tail -n 1)" \
		'$1 " " $2 == id {print $3}'
}
grows() {
	local list
	list=$(versions)
	echo "$list" | tr '\n' ' '
	[ "$(wc -l <<<"$list")" -ge "$1" ] && same "$(sort -nu <<<"$list")" "$list"
}
check "who had agreed is told again, as the newest of all" within 20 grows 3
check "... and the other is let go" within 20 has "$WORK/gw4.msg" "^BYE "
capture again med to-pstn
tell phone resume
check "... and hears the telephone as before" within 20 carries again 1000 $MED_PSTN: PCMU 1500

tell phone dial sip:+4002@example.net
rings() {
	DIALOG=$(grep "Ringing 180 from $MED:" "$WORK/fe.log" | tail -n 1)
	grep -q "call=$(sed -n 's/^event CALL_RINGING .* id=//p' "$WORK/phone.events" | tail -n 1) " <<<"$DIALOG"
}
check "it calls one that rings" within 20 rings
capture placed med to-pstn
tell phone line 1
tell phone transfer "<sip:$MED:5070$(replaced "$DIALOG")>"
check "that one is called for the other gateway" within 20 has "$WORK/gw4.msg" '^Reason: SIP;cause=200'
check "... and answers, and the telephone is out" within 30 heard phone CALL_CLOSED 7
check "they hear each other" within 20 carries placed 700 $MED_PSTN: PCMU 1500
check "... both" within 20 carries placed 800 $MED_PSTN: PCMU 1500
over "the one that rang ends it" phone 7
check "the other gateways have had their calls to the end" within 20 not_running gw2
check "... both" within 20 not_running gw4

# This softphone hangs up when a transfer fails.
tell phone dial "sip:$NUMBER@example.net"
check "another call to the gateway" within 20 heard gw CALL_ESTABLISHED 4
tell phone transfer sip:2009@example.net
check "a transfer to nobody fails" within 20 heard phone 'TRANSFER_FAILED .*404'
over "... and that is over" gw 4
tell phone dial "sip:$NUMBER@example.net"
check "a last call" within 20 heard gw CALL_ESTABLISHED 5
tell gw transfer sip:2002@ms1.example.net
check "a gateway may not transfer" within 20 has "$WORK/gw.log" '405 Method Not Allowed'
over "... and that is over" phone 8
# Two calls end at once when they are joined; either may be written first.
check "each call has its record" within 10 recorded 16 '. as $c |
	(map(.cause) == ["transferred", "caller", "transferred", "caller", "caller",
		"transferred", "transferred", "callee", "failed", "caller", "transferred", "transferred",
		"callee", "failed", "caller", "callee"])
	and .[1].transfer_of == .[0].id and .[3].transfer_of == .[2].id
	and (.[7].transfer_of | IN($c[5, 6].id)) and .[8].transfer_of == .[9].id
	and .[10].status == 487 and .[12].transfer_of == .[11].id and .[13].transfer_of != null
	and (.[7] | .caller.trunk == "gw2" and .callee.trunk == "gw1" and .attempts == 0 and .status == 200)
	and (.[1] | .caller.trunk == "gw1" and .callee.trunk == "inside" and .status == 200
		and .caller.media.rx_packets > 0 and .callee.media.rx_packets > 0)
	and (.[3] | .caller.trunk == "gw1" and .callee.trunk == "gw2" and .tried == ["gw2"])'
sip_finish
