#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The SIP door and a mediation node where there is no IPv4: a softphone outside finds the door by SRV and
# AAAA, registers, calls one inside and is called, and calls a gateway by a trunk over TLS; addresses in
# Via, Path and Record-Route stand in brackets.
#
#   ext fd00:200:1::2 -- fd00:200:1::1 edge fd00:10::11 -- fd00:10::10 core (Kamailio; telephone ::20)
#                                           fd00:99::1  -- fd00:99::5  pstn (gateway)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
. "$HERE/lib-door.sh"
door_begin baresip
EDGE=fd00:200:1::1 EDGE_IN=fd00:10::11 EDGE_PSTN=fd00:99::1 FE=fd00:10::10 GW6=fd00:99::5

space ext edge core pstn
join ext fd00:200:1::2/64,fd00:200:1::3/64 edge $EDGE/64
join core $FE/64,fd00:10::20/64 edge $EDGE_IN/64
join pstn $GW6/64 edge $EDGE_PSTN/64
route ext default via $EDGE
route core default via $EDGE_IN # for media from outside
in_space edge sysctl -qw net.ipv6.conf.all.forwarding=1
certificate fe sips serverAuth,clientAuth DNS:fe.example.net
door_certificates
certificate ms1 sips serverAuth,clientAuth DNS:ms1.example.net
certificate gw1 sips serverAuth,clientAuth DNS:gw1.example.net
certificate phone sips serverAuth,clientAuth DNS:phone.example.net

door_names fd00:200:1::3
name_server private core $FE --host-record=fe.example.net,$FE --host-record=ms1.example.net,$EDGE_IN \
	--srv-host=_sips._tcp.fe.example.net,fe.example.net,5061,1,1
name_server gateways pstn $GW6 --host-record=gw1.example.net,$GW6 --host-record=ms1.example.net,$EDGE_PSTN
# Numbers go to the node, from whom calls come as well.
door_front_end "sip:[$EDGE_IN]:5070;transport=tls" \
	's,$rm $ru from,$rm $ru via=$hdr(Via) path=$hdr(Path) route=$hdr(Record-Route) from,'

{
	echo "admin: {socket: $WORK/edge.sock}"
	door_conf "tls: [\"$EDGE\"]"
} >"$WORK/edge.yaml"
cat >>"$WORK/edge.yaml" <<YAML
mediation:
  gateways:
    - {name: gw1, host: gw1.example.net, address: "$GW6"}
  pools:
    - name: med
      nodes: [ms1.example.net]
      colocated: false
      primary_address: "$EDGE_IN"
      pstn_address: "$EDGE_PSTN"
      trunk_listen: {tls: 5067}
      client_tls: {certificate: $WORK/ms1.pem, private_key: $WORK/ms1.key, ca: $WORK/sips.pem}
      next_hop: {host: fe.example.net, address: "$FE", domain: example.net}
  trunks:
    - {name: gw1, root: true, mediation: "med:5067/tls", gateway: "gw1:5067"}
  trunk_settings:
    - {scope: global, srtp: none, codecs: [PCMU]}
  usages: [all]
  routes:
    - {name: gw1, match: '^\+1', usages: [all], trunks: [gw1]}
YAML
check "-t takes it" "$SALLYPORTD" -t -c "$WORK/edge.yaml"
edge_start edge
check "the front end is found by SRV and AAAA" within 20 metric_is edge sallyport_access_front_end_up "" 1
check "no listener has an address of IPv4" same "$(in_space edge ss -Hltn4 | wc -l)" 0

NUMBER=+14255550123
FE="[fd00:200:1::3]" softphone alice ext '[fd00:200:1::2]' 5070 1000 '<sip:alice@example.net;transport=tls>;'\
'auth_user=alice;auth_pass=x;regint=600;answermode=auto;audio_codecs=PCMU;mediaenc=srtp-mand;sipnat=outbound;'\
'outbound="sip:example.net;transport=tls"'
FE="[$FE]" softphone bob core '[fd00:10::20]' 5070 600 "<sip:bob@example.net;transport=tls>;auth_user=x;auth_pass=x;"\
"regint=600;answermode=auto;audio_codecs=PCMU;mediaenc=srtp-mand;outbound=\"sip:[$FE]:5061;transport=tls\""
GW="[$GW6]" PHONE_AS=gw1 softphone gw pstn "[$GW6]" 5066 600 \
	"$(gateway_number $NUMBER tls mediaenc=none audio_codecs=PCMU)"
check "a softphone outside registers" within 30 registered alice
check "... and one inside" within 30 registered bob

# both NAME COUNT EVENT OTHER: alice and the other have had it so often.
both() {
	check "$1" within 20 heard alice "$3" "$2" && check "... on both sides" within 20 heard "$4" "$3" "$2"
}
tell alice dial sip:bob@example.net
both "a call from outside to inside" 1 CALL_ESTABLISHED bob
tell bob hangup
both "... ended by the callee" 1 CALL_CLOSED bob
tell bob dial sip:alice@example.net
both "a call from inside to outside" 2 CALL_ESTABLISHED bob
tell bob hangup
both "... ended by the caller" 2 CALL_CLOSED bob
tell alice dial "sip:$NUMBER@example.net"
check "a call to a gateway, by the door and a trunk" within 20 heard gw CALL_ESTABLISHED
check "who calls hears it" within 20 hears alice 600 500
check "... and is heard" within 20 hears gw 1000 500
tell alice hold
check "he holds" within 20 heard gw CALL_REMOTE_SDP 2
tell gw hangup
check "the gateway hangs up" within 20 heard alice CALL_CLOSED 3
no_calls() {
	metric_is edge sallyport_calls_open "" 0 && metric_is edge sallyport_media_sessions "" 0
}
check "nothing is left of it" within 10 no_calls
# What the front end was shown of the door.
DOOR='\[fd00:10::11\]:5062'
check "Path and Via have the address in brackets" has "$WORK/fe.log" \
	"REGISTER .* via=SIP/2\.0/TLS $DOOR;.* path=<sip:[^@]*@$DOOR;"
check "... and so has Record-Route" has "$WORK/fe.log" "INVITE .* route=<sip:[^@]*@$DOOR;transport=tls;lr>"
sip_finish
