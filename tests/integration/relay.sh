#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The relay carries every packet: real clients outside, a real peer inside, over both families, with
# Send indications and channels, one client and a hundred.
# Over each data path: real clients relay.
# With asan, tsan: clients of every kind, UDP and channels.
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

relaying "channels to a peer inside" ext $OUT -e $PEER -c -n 50 -m 2
relaying "Send indications to a peer inside" ext $OUT -e $PEER -c -s -n 50 -m 2
relaying "channels between two clients" ext $OUT -y -n 50 -m 2
relaying "Send indications between two clients" ext $OUT -y -s -n 50 -m 2
all_relayed
relaying "a payload of 11 bytes, padded on the way" ext $OUT -e $PEER -c -l 11 -n 50
relaying "a payload near the path MTU" ext $OUT -e $PEER -c -l 1400 -n 50
relaying "padded ChannelData over UDP" ext $OUT -e $PEER -c -D -l 101 -n 50
relaying "DONT-FRAGMENT on Allocate and Send" ext $OUT -e $PEER -c -s -g -n 50
relaying "repeated CreatePermission and ChannelBind" ext $OUT -e $PEER -c -G -n 50
all_relayed
relaying "IPv4 client, IPv6 relayed address and peer" ext $OUT -e $PEER6 -c -x -n 50 -m 2
relaying "IPv6 client, IPv4 relayed address and peer" ext $OUT6 -e $PEER -c -X -n 50 -m 2
relaying "IPv6 client, IPv6 relayed address and peer" ext $OUT6 -e $PEER6 -c -x -n 50 -m 2
relaying "IPv6 clients with each other" ext $OUT6 -y -x -n 50 -m 2
all_relayed
relaying "a hundred clients, channels" ext $OUT -y -c -n 50 -m 100
all_relayed
relaying "a hundred clients, Send indications" ext $OUT -e $PEER -c -s -n 50 -m 100
all_relayed
finish
