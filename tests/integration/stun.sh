#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The STUN half on the same ports: Binding from everywhere, classic clients, unknown attributes; and
# broken packets do not disturb those who behave.
# With asan: messages that are wrong in every way.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_stunclient nft

OUT=10.200.1.1 IN=10.200.2.1 OUT6=fd00:200:1::1
site
# "home" sits behind a NAT that stands outside the edge.
space nat home
join nat 10.200.3.2/24 edge 10.200.3.1/24
join home 192.168.7.2/24 nat 192.168.7.1/24
route home default via 192.168.7.1
route nat 10.200.1.0/24 via 10.200.3.1
in_space nat sysctl -qw net.ipv4.ip_forward=1
in_space nat nft -f - <<-NFT
	table ip nat {
		chain post {
			type nat hook postrouting priority 100
			oifname "to-edge" masquerade random
		}
	}
NFT
conf edge $OUT $IN $OUT6 fd00:200:2::1
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'

check "Binding outside: the client's own address" answers class=success \
	mapped=10.200.1.2:40001 -- probe ext -L 10.200.1.2:40001 $OUT binding
check "Binding inside" answers class=success mapped=10.200.2.2:40001 -- \
	probe hq -L 10.200.2.2:40001 $IN binding
check "Binding over IPv6" answers class=success "mapped=[fd00:200:1::2]:40001" -- \
	probe ext -L '[fd00:200:1::2]:40001' "[$OUT6]" binding
mapping() {
	probe home -L 192.168.7.2:40001 $OUT binding >"$WORK/nat.out"
	has "$WORK/nat.out" 'class=success .*mapped=10\.200\.3\.2:[0-9]+ '
}
check "Binding behind a NAT: the NAT's mapping" mapping
for where in "ext $OUT" "hq $IN" "home $OUT"; do
	read -r name server <<<"$where"
	in_space "$name" timeout 10 turnutils_stunclient "$server" >"$WORK/stunclient.$name" 2>&1
done
check "turnutils_stunclient outside" has "$WORK/stunclient.ext" 'reflexive addr: 10\.200\.1\.2:'
check "turnutils_stunclient inside" has "$WORK/stunclient.hq" 'reflexive addr: 10\.200\.2\.2:'
check "turnutils_stunclient behind the NAT" has "$WORK/stunclient.home" \
	'reflexive addr: 10\.200\.3\.2:'
check "an allocation from behind the NAT" lossless uclient home $OUT -y -c -n 20

check "FINGERPRINT is answered with FINGERPRINT" answers class=success fingerprint=yes -- \
	probe ext -F $OUT binding
check "an unknown comprehension-required attribute: 420 that names it" answers code=420 \
	unknown=0x7777 -- probe ext $OUT "binding unknown=0x7777"
check "an unknown optional attribute is ignored" answers class=success -- \
	probe ext $OUT "binding unknown=0xc777"
check "the same in a signed Allocate" answers code=420 unknown=0x7777 -- probe ext \
	-u "$CRED_USER" -w "$CRED_PASSWORD" $OUT "allocate unknown=0x7777"
# 10.200.1.2:40002 as MAPPED-ADDRESS, behind the 16 bytes of the classic transaction id.
id=00112233445566778899aabbccddeeff
check "a classic (RFC 3489) Binding is answered in kind" \
	prints "hex=0101[0-9a-f]{4}${id}.*0001000800019c420ac80102" -- \
	probe ext -L 10.200.1.2:40002 $OUT "hex bytes=00010000$id"
check "a Binding indication is not answered" answers class=none -- \
	probe ext -W 300 $OUT "hex bytes=001100002112a442000102030405060708090a0b"
check "a response is not answered" answers class=none -- \
	probe ext -W 300 $OUT "hex bytes=010100002112a442000102030405060708090a0b"
check "half a header is not answered" answers class=none -- \
	probe ext -W 300 $OUT "hex bytes=000100002112a442"
check "a length that is not a multiple of 4 is not answered" answers class=none -- \
	probe ext -W 300 $OUT "hex bytes=000100032112a442000102030405060708090a0b000000"
check "ChannelData of nobody is not answered" answers class=none -- \
	probe ext -W 300 $OUT "hex bytes=4000000401020304"

# Junk beside a good client, over 20,000 packets of three kinds of brokenness.
start good ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -y -c -n 300 -m 4 $OUT
within 10 has "$WORK/good.log" 'tot_send_msgs=[1-9]' >/dev/null
for seed in 1 2 3 4; do
	probe ext $OUT "junk count=5000 seed=$seed" >>"$WORK/junk.out"
	probe ext "[$OUT6]" "junk count=1000 seed=$seed" >>"$WORK/junk.out"
done
note "$(tail -n 1 "$WORK/junk.out")"
check "the good client still ran when the junk was through" running good
await good 60
check "the good client lost nothing" uclient_clean "$WORK/good.log"
check "the daemon still runs" running edge
in_space ext timeout 10 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -y -c -N -R -n 5 $OUT \
	>"$WORK/negative.out" 2>&1
check "turnutils_uclient's negative tests leave it standing" running edge
check "and Binding is still answered" answers class=success -- probe ext $OUT binding
finish
