#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The relay carries every packet: real clients outside, a real peer inside, over both families, with
# Send indications and channels, one client and a hundred.
# Over each data path: real clients relay.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

OUT=10.200.1.1 OUT6=fd00:200:1::1
PEER=10.200.2.2 PEER6=fd00:200:2::2
site
conf edge $OUT 10.200.2.1 $OUT6 fd00:200:2::1
edge_start edge
start peer hq turnutils_peer -L $PEER
start peer6 hq turnutils_peer -L $PEER6
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'

# relays NAME SERVER ARGUMENTS...: starts a uclient; collect waits for all started so far and checks
# that each relayed everything it sent.
NAMES=()
relays() {
	local server=$2
	NAMES+=("$1")
	shift 2
	start "uclient${#NAMES[@]}" ext timeout 60 turnutils_uclient -u "$CRED_USER" \
		-w "$CRED_PASSWORD" "$@" "$server"
}
clean() {
	await "$1" 60
	tail -n 12 "$WORK/$1.log"
	same "$STATUS" 0 && uclient_clean "$WORK/$1.log"
}
collect() {
	local i
	for i in "${!NAMES[@]}"; do
		check "${NAMES[i]}" clean "uclient$((i + 1))"
	done
	NAMES=()
}

relays "channels to a peer inside" $OUT -e $PEER -c -n 50 -m 2
relays "Send indications to a peer inside" $OUT -e $PEER -c -s -n 50 -m 2
relays "channels between two clients" $OUT -y -n 50 -m 2
relays "Send indications between two clients" $OUT -y -s -n 50 -m 2
collect
relays "a payload of 11 bytes, padded on the way" $OUT -e $PEER -c -l 11 -n 50
relays "a payload near the path MTU" $OUT -e $PEER -c -l 1400 -n 50
relays "padded ChannelData over UDP" $OUT -e $PEER -c -D -l 101 -n 50
relays "DONT-FRAGMENT on Allocate and Send" $OUT -e $PEER -c -s -g -n 50
relays "repeated CreatePermission and ChannelBind" $OUT -e $PEER -c -G -n 50
collect
relays "IPv4 client, IPv6 relayed address and peer" $OUT -e $PEER6 -c -x -n 50 -m 2
relays "IPv6 client, IPv4 relayed address and peer" $OUT6 -e $PEER -c -X -n 50 -m 2
relays "IPv6 client, IPv6 relayed address and peer" $OUT6 -e $PEER6 -c -x -n 50 -m 2
relays "IPv6 clients with each other" $OUT6 -y -x -n 50 -m 2
collect
relays "a hundred clients, channels" $OUT -y -c -n 50 -m 100
collect
relays "a hundred clients, Send indications" $OUT -e $PEER -c -s -n 50 -m 100
collect
finish
