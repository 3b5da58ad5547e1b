#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two IP-PBXs that dial five digits and a gateway to the telephone network, played by sipp, and a
# softphone inside behind its front end: each sees the digits it wants, and calls from trunk to trunk go
# only where the usages of the trunk they came over lead.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq sipp

PBX1=10.99.0.6 PBX2=10.99.0.7
sip_site
for address in $PBX1 $PBX2; do
	in_space pstn ip address add $address/24 dev to-med
done
front_end "sip:$MED:5070;transport=tls"
conf med $MED_PSTN $MED
cat >>"$WORK/med.yaml" <<-YAML
	mediation:
	  gateways:
	    - {name: gw, host: $GW}
	    - {name: pbx1, host: $PBX1, kind: ip_pbx}
	    - {name: pbx2, host: $PBX2, kind: ip_pbx}
	  pools:
	    - name: med
	      nodes: [ms1.example.net]
	      colocated: false
	      primary_address: auto/10.10.0.0/24
	      pstn_address: $MED_PSTN
	      trunk_listen: {tcp: 5068, udp: 5060}
	      client_tls: {certificate: $WORK/ms1.pem, private_key: $WORK/ms1.key, ca: $WORK/sips.pem}
	      next_hop: {host: fe.example.net, address: $FE, domain: example.net}
	  trunks:
	    - {name: gw, root: true, mediation: "med:5068/tcp", gateway: "gw:5066", connection: private}
	    - {name: pbx1, root: true, mediation: "med:5068/tcp", gateway: "pbx1:5066", connection: private}
	    - {name: pbx2, root: true, mediation: "med:5060/udp", gateway: "pbx2:5060", connection: private}
	  trunk_settings:
	    - {scope: "trunk:gw", usages: [pbx],
	       calling_rules: [{match: '^[246]\d{4}$', replace: '+142555\$0'}]}
	    - {scope: "trunk:pbx1", usages: [pbx, pstn],
	       called_rules: [{match: '^\+142555(4\d{4})$', replace: '\$1'}],
	       calling_rules: [{match: '^\+142555(\d{5})$', replace: '\$1'}]}
	    - {scope: "trunk:pbx2", usages: [pbx],
	       called_rules: [{match: '^\+142555(6\d{4})$', replace: '\$1'}]}
	  usages: [pbx, pstn]
	  dial_rules:
	    - {match: '^[246]\d{4}$', replace: '+142555\$0'}
	    - {match: '^9(\d{10})$', replace: '+1\$1'}
	  routes:
	    - {name: pbx1, match: '^\+1425554\d{4}$', usages: [pbx], trunks: [pbx1]}
	    - {name: pbx2, match: '^\+1425556\d{4}$', usages: [pbx], trunks: [pbx2]}
	    - {name: pstn, match: '^\+1(?!425552)\d{10}$', priority: 9, usages: [pstn], trunks: [gw]}
YAML

of_pstn() {
	sed '/scope: "trunk:gw"/s/pbx/pbx, pstn/' "$WORK/med.yaml" >"$WORK/loop.yaml"
	"$SALLYPORTD" -t -c "$WORK/loop.yaml" >"$WORK/loop.out" 2>&1
	has "$WORK/loop.out" 'over trunk "gw" may go back there over "gw", by route "pstn"'
}
no_loops() {
	"$SALLYPORTD" -t -c "$WORK/med.yaml" 2>&1 | has_not /dev/stdin 'may go back there'
}
check "a way from the telephone network back to it is warned of" of_pstn
check "there is none here" no_loops
edge_start med

# Ringing at once and silent but for a tone, each at its own address.
GATEWAY="sip:gw@$GW:5066;transport=tcp"
gateway_answers 600 >"$WORK/gw.xml"
gateway gw pstn -t t1 -i $GW -p 5066
GATEWAY="sip:pbx1@$PBX1:5066;transport=tcp"
gateway_answers 600 >"$WORK/pbx1.xml"
GW=$PBX1 gateway pbx1 pstn -t t1 -i $PBX1 -p 5066
GATEWAY="sip:pbx2@$PBX2:5060"
gateway_answers 600 >"$WORK/pbx2.xml"
GW=$PBX2 gateway pbx2 pstn -i $PBX2 -p 5060
softphone phone desk $DESK 5060 1000 "$(inside +14255520001 mediaenc=srtp-mand audio_codecs=PCMA)"
check "the telephone registers" within 20 registered phone
check "the gateway listens" within 20 listens pstn tcp $GW 5066
check "the PBX listens" within 20 listens pstn tcp $PBX1 5066

# invited NAME CALLED CALLING: its last INVITE.
invited() {
	tr -d '\r' <"$WORK/$1.msg" | awk '/^INVITE /{ line = $2; next } /^From:/ && line { print line, $0; line = "" }' |
		tail -n 1 >"$WORK/invited"
	has "$WORK/invited" "^sip:$2@.* From: .*<sip:$3@"
}
# calls NAME TRANSPORT FROM ADDRESS CALLED [ARGUMENTS]: one call from there, with what sipp says of it.
calls() {
	local name=$1 via=$2 number=$3 address=$4 called=$5
	shift 5
	VIA=$via GATEWAY="sip:$number@$address:5076" GW=$address gateway_calls "$number" "$called" 700 500 \
		>"$WORK/$name.xml"
	GW=$address gateway "$name" pstn -i "$address" -m 1 "$@"
	await "$name" 30
	head -n 20 "$WORK/$name.err" 2>/dev/null
	return $STATUS
}
from_pbx1() {
	calls "$1" TCP 40123 $PBX1 "$2" -t t1 -p 5076 $MED_PSTN:5068
}
from_pbx2() {
	calls "$1" UDP 60123 $PBX2 "$2" -p 5076 $MED_PSTN:5060
}
from_gw() {
	calls "$1" TCP +12065550100 $GW "$2" -t t1 -p 5076 $MED_PSTN:5068
}
refused() {
	! "$1" "$2" "$3" && has "$WORK/$2.msg" '^SIP/2.0 404'
}

tell phone dial sip:40555@example.net
check "a user calls a telephone of the PBX" within 20 heard phone CALL_ESTABLISHED
check "the PBX is dialled five digits, by five" invited pbx1 40555 20001
tell phone hangup
check "the user hangs up" within 20 heard phone CALL_CLOSED
tell phone dial sip:92065550111@example.net
check "a user calls the telephone network" within 20 heard phone CALL_ESTABLISHED 2
check "with whole numbers" invited gw '[+]12065550111' '[+]14255520001'
tell phone hangup
check "the user hangs up once more" within 20 heard phone CALL_CLOSED 2
check "a telephone of the PBX calls a user" from_pbx1 user 20001
check "who sees it" within 10 heard phone 'CALL_ESTABLISHED sip:40123@'
check "the PBX calls the telephone network" from_pbx1 out 92065550111
check "the gateway gets whole numbers" invited gw '[+]12065550111' '[+]14255540123'
check "one PBX calls the other" from_pbx1 across 60555
check "that is dialled five digits, too" invited pbx2 60555 40123
check "the other one calls back" from_pbx2 back 40555
check "it may not call the telephone network" refused from_pbx2 toll 92065550111
check "the telephone network calls the PBX" from_gw in +14255540555
check "with the PBX's digits" invited pbx1 40555 '[+]12065550100'
check "and a user" from_gw "in-user" +14255520001
check "who sees that" within 10 heard phone 'CALL_ESTABLISHED sip:[+]12065550100@'
check "it may not call itself" refused from_gw loop +12065550111
none_open() {
	same "$(metric med sallyport_calls_open)" 0
}
check "none is open" within 10 none_open
sip_finish
