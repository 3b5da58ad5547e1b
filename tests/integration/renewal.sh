#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A certificate is renewed and the pool's key rolls over while clients relay over UDP, TCP and TLS:
# nobody loses a packet, credentials of both keys are accepted until the first one ends, then those
# of the second alone. Hours are seconds here.
# Takes 45 s.
# With asan, tsan: certificates and keys that change under load.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
ctl() {
	"$CTL" -s "$WORK/edge.sock" "$@"
}
site
secret k1
secret k2
certificate cert1 ca serverAuth "DNS:av.example.com"
certificate cert2 ca serverAuth "DNS:av.example.com"
cp "$WORK/cert1.pem" "$WORK/av.pem"
cp "$WORK/cert1.key" "$WORK/av.key"
at() {
	date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ
}
# keys SIGNS ENDS: the second key signs from then on, and the first is accepted until then.
FAR=$(($(date +%s) + 3600))
keys() {
	CONF_KEYS="{secret_file: $WORK/k1.secret, verify_until: $(at "$2")}, {secret_file: $WORK/k2.secret, sign_from: $(at "$1")}" \
		CONF_MRAS="  clock_skew: 0s" conf edge
	sed -i "s|listen: \\[\"10.200.1.1\"\\]|&\\n      tcp: [\"10.200.1.1\"]\\n      tls: [\"10.200.1.1\"]\\n      certificate: $WORK/av.pem\\n      private_key: $WORK/av.key|" \
		"$WORK/edge.yaml"
}
keys $FAR $FAR
edge_start edge

serial_is() {
	[ "$(in_space ext openssl s_client -connect 10.200.1.1:5349 </dev/null 2>/dev/null |
		openssl x509 -noout -serial)" = "$(openssl x509 -noout -serial -in "$1")" ]
}
kid_of() {
	ctl --json credentials decode "$1" | jq -r .claims.kid
}
allocate() {
	probe ext -u "$1" -w "$2" 10.200.1.1 allocate
}
# until TIME: Unix seconds.
until_then() {
	while [ "$(date +%s)" -lt "$1" ]; do
		sleep 0.2
	done
}

# ---- clients at work, with a credential of the first key ----

check "a credential of the first key" credential
USER1=$CRED_USER PASSWORD1=$CRED_PASSWORD
KID1=$(kid_of "$USER1")
check "it is of the key that signs" same "$KID1" \
	"$(ctl --json keys | jq -r '.keys[] | select(.signing) | .kid')"
start peer hq turnutils_peer -L 10.200.2.2 -p 5555
CALL=1800 # packets, of which there are 50 a second
[ -z "$SANITIZED" ] || CALL=5000
for way in udp tcp tls; do
	case $way in
	udp) options=() ;;
	tcp) options=(-t) ;;
	tls) options=(-t -S -p 5349) ;;
	esac
	start "$way" ext turnutils_uclient -u "$USER1" -w "$PASSWORD1" -c -n $CALL -l 160 \
		-e 10.200.2.2 -r 5555 "${options[@]}" 10.200.1.1
done
at_work() {
	[ "$(ctl --json allocations | jq '[.allocations[] | select(.toPeers.packets > 10) | .transport] | unique | length')" = 3 ]
}
check "clients relay over UDP, TCP and TLS" within 15 at_work
check "the first certificate is shown" serial_is "$WORK/cert1.pem"

# ---- the certificate ----

for part in key pem; do
	cp "$WORK/cert2.$part" "$WORK/av.$part.next"
	mv "$WORK/av.$part.next" "$WORK/av.$part"
done
check "a new certificate is shown to new clients" within 10 serial_is "$WORK/cert2.pem"
check "and the tool shows its end" same "$(ctl --json status | jq '[.certificates[] | select(.usedBy == "face external")] | length')" 1

# ---- the keys ----

check "the second key is staged" prints '^[0-9a-f]{8} +staged ' -- ctl keys
check "before its time the first one still signs" credential
check "..." same "$(kid_of "$CRED_USER")" "$KID1"
SIGNS=$(($(date +%s) + 4))
keys $SIGNS $FAR
check "its time is set" ctl reload
until_then $((SIGNS + 1))
check "from its time on the second one signs" credential
USER2=$CRED_USER PASSWORD2=$CRED_PASSWORD
KID2=$(kid_of "$USER2")
check "... with another key id" eval '[ "$KID2" != "$KID1" ]'
check "both are accepted: the first" answers class=success -- allocate "$USER1" "$PASSWORD1"
check "both are accepted: the second" answers class=success -- allocate "$USER2" "$PASSWORD2"
check "a reload in between changes nothing" ctl reload
check "the first" answers class=success -- allocate "$USER1" "$PASSWORD1"
check "the second" answers class=success -- allocate "$USER2" "$PASSWORD2"
ENDS=$(($(date +%s) + 4))
keys $SIGNS $ENDS
check "the first key's end is set" ctl reload
until_then $((ENDS + 2))
for way in udp tcp tls; do
	check "the client on $way is still at work" running "$way"
done
check "after its end the first key's is refused" answers code=401 -- allocate "$USER1" "$PASSWORD1"
check "the tool says why" prints '^unknown_key' -- ctl credentials decode "$USER1"
check "the second key's is accepted" answers class=success -- allocate "$USER2" "$PASSWORD2"

# ---- who was at work all the time ----

for way in udp tcp tls; do
	check "the client on $way ends by itself" await "$way" 150
	check "it lost nothing" uclient_clean "$WORK/$way.log"
done
finish
