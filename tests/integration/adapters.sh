#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A node with an adapter inside and one toward gateways: every socket is bound to the address of its side,
# no packet of one network is seen on the other, and media keep to their ports.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
begin kamailio baresip dnsmasq tcpdump

sip_site
front_end "sip:$MED:5070;transport=tls"
POOL="      audio_ports: 40000-40099" SETTINGS=", srtp: none" mediation_conf
colocated() {
	sed 's/colocated: false/colocated: true/' "$WORK/med.yaml" >"$WORK/colocated.yaml"
	! "$SALLYPORTD" -t -c "$WORK/colocated.yaml" >"$WORK/colocated.out" 2>&1 &&
		has "$WORK/colocated.out" 'pstn_address|one address'
}
check "a node that is the registrar's host has one address" colocated

capture core med to-core
capture pstn med to-pstn
edge_start med
PHONE_AS=gw1 softphone gw pstn $GW 5066 600 \
	"$(gateway_number +14255550123 tls mediaenc=none audio_codecs=PCMU)"
softphone phone desk $DESK 5060 1000 "$(inside 2001 mediaenc=srtp-mand audio_codecs=PCMA)"
check "the telephone registers" within 20 registered phone

# Sockets of SIP and media whose own address is that of the other side, or none.
sockets_apart() {
	in_space med ss -Hnatu | awk '{ print $5, $6 }' >"$WORK/sockets"
	cat "$WORK/sockets"
	grep -q "^$MED:400" "$WORK/sockets" && grep -q "^$MED_PSTN:400" "$WORK/sockets" &&
		! grep -E "^$MED:.* 10\.99\.|^$MED_PSTN:.* 10\.10\.|^(\*|0\.0\.0\.0|\[::\]):(50[67]|400)" \
			"$WORK/sockets"
}
tell phone dial sip:+14255550123@example.net
check "a call to the gateway" within 20 heard gw CALL_ESTABLISHED
check "its sockets are bound to the two addresses" within 10 sockets_apart
check "the telephone hears the gateway" within 20 hears phone 600 1000
check "the gateway hears the telephone" within 20 hears gw 1000 1000
tell phone hangup
check "it is over" within 20 heard gw CALL_CLOSED
tell gw dial "sip:2001@ms1.example.net:5067;transport=tls"
check "a call from the gateway" within 20 heard phone CALL_ESTABLISHED 2
check "the telephone hears the gateway" within 20 hears phone 600 2000
check "the gateway hears the telephone" within 20 hears gw 1000 2000
tell gw hangup
check "it is over" within 20 heard phone CALL_CLOSED 2
stop core INT
stop pstn INT

# seen CAPTURE FILTER: how many packets.
seen() {
	tcpdump -nr "$WORK/$1.pcap" "$2" 2>/dev/null | wc -l
}
check "packets were seen inside" at_least "$(seen core "udp and host $MED")" 200
check "packets were seen outside" at_least "$(seen pstn "udp and host $MED_PSTN")" 200
check "none of the gateways' network inside" same "$(seen core 'ip and net 10.99.0.0/24')" 0
check "none of the inside's network outside" same "$(seen pstn 'ip and net 10.10.0.0/16')" 0
check "none from another address inside" \
	same "$(seen core "ip and not host $MED and not net 10.10.0.0/16")" 0
check "all media inside from their ports" \
	same "$(seen core "udp and src host $MED and not src portrange 40000-40099 and not port 53")" 0
check "and outside" same "$(seen pstn "udp and src host $MED_PSTN and not src portrange 40000-40099")" 0
sip_finish
