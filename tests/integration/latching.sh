#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Gateways behind a NAT, which name an address that leads nowhere. With "rtp_latching" both sides hear each
# other, over RTP and over SRTP; without it nobody does. A stranger who sends to the same ports gets nothing
# and is not heard: over RTP while the gateway speaks, over SRTP even when it has stopped.
# Takes 30 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq sipp tcpdump nft

HOME_AT=192.168.7.2
BOX=10.99.1.2
STRANGER=10.99.0.66
sip_site
space home box
join home $HOME_AT/24 box 192.168.7.1/24
join box $BOX/24 pstn 10.99.1.1/24
route home default via 192.168.7.1
route box default via 10.99.1.1
route med 10.99.1.0/24 via $GW
in_space box sysctl -qw net.ipv4.ip_forward=1
in_space pstn sysctl -qw net.ipv4.ip_forward=1
in_space pstn ip address add $STRANGER/24 dev to-med
nat box $HOME_AT port to-pstn
certificate far sips serverAuth,clientAuth DNS:far.example.net
front_end "sip:$MED:5070;transport=tls"

TRUNK_PORTS="tls: 5067, tcp: 5068-5069"
GATEWAYS="    - {name: far, host: far.example.net, address: $BOX}
    - {name: box, host: $BOX}"
TRUNKS='    - {name: secret, root: true, mediation: "med:5067/tls", gateway: "far:5067"}
    - {name: clear, root: true, mediation: "med:5068/tcp", gateway: "box:5068"}
    - {name: named, mediation: "med:5069/tcp", gateway: "box:5069"}'
TRUNK_SETTINGS='    - {scope: "trunk:secret", srtp: required, rtp_latching: true, options: {send: false}}
    - {scope: "trunk:clear", srtp: none, rtp_latching: true, options: {send: false}}
    - {scope: "trunk:named", srtp: none, options: {send: false}}'
mediation_conf
edge_start med
export TERM=${TERM:-dumb}

for name in secret clear named; do
	n=$((${n:-0} + 1))
	softphone "for-$name" desk $DESK $((5060 + 100 * n)) 1000 \
		"$(inside 300$n mediaenc=srtp-mand audio_codecs=PCMA)"
done
PHONE_AS=far PHONE_NAMES=$GW softphone secret home $HOME_AT 5066 600 \
	"$(gateway_number 100 tls mediaenc=srtp-mand audio_codecs=PCMU)"
for name in secret clear named; do
	check "the telephone for \"$name\" registers" within 20 registered "for-$name"
done
capture home home to-box
capture trunk pstn to-med

# calls NAME NUMBER PORT RTP_PORT: a sipp behind the NAT.
calls() {
	GATEWAY="sip:gw@$HOME_AT:[local_port];transport=tcp" GW=$HOME_AT gateway_calls 100 "$2" 600 60000 \
		>"$WORK/$1.xml"
	GW=$HOME_AT gateway "$1" home -t t1 -i $HOME_AT -p "$4" -mp "$(($4 + 1000))" -m 1 $MED_PSTN:"$3"
}
calls named 3003 5069 6200
calls clear 3002 5068 6400
tell secret dial "sip:3001@ms1.example.net:5067;transport=tls"
for name in secret clear named; do
	check "the call from \"$name\" is answered" within 30 heard "for-$name" CALL_ESTABLISHED
done

# ---- who is behind a NAT ----

for name in secret clear; do
	check "\"$name\" is heard" within 30 hears "for-$name" 600 2000
done
check "\"secret\" hears the telephone" within 30 hears secret 1000 2000
not() {
	! "$@"
}
# What came to the gateway at this port.
comes_in() {
	sound home 1000 "$MED_PSTN:[0-9]+ to=$HOME_AT:$1" | grep .
}
clear_hears() {
	carries home 1000 "$MED_PSTN:[0-9]+ to=$HOME_AT:74[0-9]+ " PCMU 2000
}
check "\"clear\" hears the telephone" within 30 clear_hears
dropped() {
	at_least "$(metric med sallyport_media_dropped_total 'reason="source"')" "$1"
}
check "what \"named\" sends is dropped for its address" within 30 dropped 50
check "nobody hears it" not hears for-named 600 100
check "and it hears nobody" not comes_in '72[0-9]+ '
tell for-named hangup
check "it is hung up" within 20 heard for-named CALL_CLOSED

# ---- a stranger ----

# ours PORT: the stream from behind the NAT that comes from there; to $WORK/last.
ours() {
	"$HERE/tone.py" pcap 600 "$WORK/trunk.pcap" | grep -E "^from=$BOX:$1 to=$MED_PSTN:" | tail -n 1 | tee "$WORK/last"
}
ours '74[0-9]+' >/dev/null
TO=$(field to <"$WORK/last")
# A host so crowded that the gateway itself says nothing for a second shows nothing.
was_held_back() {
	tcpdump -ttnr "$WORK/trunk.pcap" "src host $BOX and udp dst port ${TO##*:}" 2>/dev/null |
		awk '{ if (at && $1 - at > 0.8) { print "# silent since", at; found = 1 } at = $1 } END { exit !found }'
}
# strange PORT COUNT: a tone from there, with nothing in return.
strange() {
	in_space pstn "$HERE/rtpinject.py" stranger $STRANGER:"$1" "$TO" "$2" 1500 >"$WORK/stranger.out"
	has "$WORK/stranger.out" "sent=$2 came=0$"
}
strange_while_it_speaks() {
	strange 9000 100 || was_held_back
}
check "who sends to the port of \"clear\" gets nothing" strange_while_it_speaks
unmoved() {
	{ not hears for-clear 1500 100 && hears for-clear 600 4000; } || was_held_back
}
check "nor is he heard, but the gateway" within 30 unmoved

ours '2[0-9]+' >/dev/null
FROM=$(field from <"$WORK/last") TO=$(field to <"$WORK/last")
srtp_is() {
	at_least "$(metric med sallyport_media_srtp_total "result=\"$1\"")" "$2"
}
elsewhere() {
	in_space pstn "$HERE/rtpinject.py" "$1" "$WORK/trunk.pcap" "$FROM" "$TO" 50 $STRANGER:9002
}
repeats_are() {
	at_least $(($(metric med sallyport_media_srtp_total 'result="replayed"') + \
		$(metric med sallyport_media_srtp_total 'result="too_old"'))) "$1"
}
check "\"secret\" falls silent" kill -STOP "${PIDS[secret]}"
sent_for_long() {
	strange 9002 150 && srtp_is auth_failed 150
}
check "who sends to its port for three seconds gets nothing" sent_for_long
check "its last packets come from elsewhere" elsewhere replayed
check "they are counted as that" within 20 repeats_are 50
check "packets like its own come from elsewhere" elsewhere tampered
check "they are counted as that" within 20 srtp_is auth_failed 200
to_stranger() {
	tcpdump -nr "$WORK/trunk.pcap" "dst host $STRANGER and udp" 2>/dev/null | grep -q .
}
check "nothing has gone there" not to_stranger
kill -CONT "${PIDS[secret]}"
check "the gateway speaks again, and is heard" within 30 hears for-secret 600 5000
check "and hears" within 30 hears secret 1000 5000
for name in secret clear; do
	tell "for-$name" hangup
	check "\"$name\" is hung up" within 20 heard "for-$name" CALL_CLOSED
done
none_open() {
	same "$(metric med sallyport_calls_open)" 0 && same "$(metric med sallyport_media_sessions)" 0
}
check "none is open" within 20 none_open
sip_finish
