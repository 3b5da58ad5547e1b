#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients on DTLS 1.2 (RFC 7350): real ones lose nothing, on a port of its own and on the one that
# they share with UDP, and end with their sessions.
# Takes 90 s.
# With asan, tsan: DTLS.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer socat

OUT=10.200.1.1 OUT6=fd00:200:1::1
PEER=10.200.2.2
site
CONF_WORKERS=2 conf edge $OUT 10.200.2.1 $OUT6
certificate av other-ca serverAuth "DNS:av.example.com"
cp "$WORK/av.pem" "$WORK/face.pem" && cp "$WORK/av.key" "$WORK/face.key"
face() {
	sed -i "/host: av.example.com/a\\      $1" "$WORK/edge.yaml"
}
face "private_key: $WORK/face.key"
face "certificate: $WORK/face.pem"
face "dtls: [\"$OUT\", \"$OUT6\", \"$OUT:3478\", \"[$OUT6]:3478\"]"
edge_start edge
start peer hq turnutils_peer -L $PEER
check "the log names the listeners" has "$WORK/edge.log" "address=$OUT:5349 transport=dtls"
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'
check "its addresses have DTLS" prints 'turns:av\.example\.com:5349\?transport=udp' -- \
	cat "$WORK/credential.json"
check "and its port" prints '"dtlsPort": *5349' -- cat "$WORK/credential.json"

for way in "own port:-S -p 5349" "port of UDP:-S -p 3478"; do
	name=${way%%:*}
	read -ra flags <<<"${way#*:}"
	relaying "$name: channels to a peer" ext $OUT "${flags[@]}" -e $PEER -c -n 50 -m 2
	relaying "$name: Send indications to a peer" ext $OUT "${flags[@]}" -e $PEER -c -s -n 50 -m 2
	relaying "$name: channels between two clients" ext $OUT "${flags[@]}" -y -n 50 -m 2
	relaying "$name: a payload of 11 bytes" ext $OUT "${flags[@]}" -e $PEER -c -l 11 -n 50
	relaying "$name: a payload of 1400 bytes" ext $OUT "${flags[@]}" -e $PEER -c -l 1400 -n 50
	relaying "$name: an IPv6 client" ext $OUT6 "${flags[@]}" -e $PEER -c -X -n 50
	all_relayed
done
relaying "UDP is served on the same socket" ext $OUT -e $PEER -c -n 50 -m 2
relaying "50 clients at once" ext $OUT -S -p 3478 -e $PEER -c -n 50 -m 50
all_relayed
check "50 clients at once to each other" lossless uclient ext $OUT -S -p 3478 -y -n 50 -m 50
check "sessions were counted" at_least "$(metric edge sallyport_net_connections_total 'transport="dtls"')" 100
check "sessions end with close_notify" at_least \
	"$(metric edge sallyport_net_connections_ended_total 'reason="client"')" 50
stop edge
edge_start edge

# ---- one session ----

# bridge SOURCE_PORT: datagrams to 127.0.0.1:SOURCE_PORT leave in a session from that port.
bridge() {
	start "bridge$1" ext socat "UDP4-LISTEN:$1,bind=127.0.0.1,reuseaddr" \
		"OPENSSL-DTLS-CLIENT:$OUT:5349,sourceport=$1,reuseaddr,openssl-min-proto-version=DTLS1.2,cafile=$WORK/other-ca.pem,commonname=av.example.com,snihost=av.example.com"
	within 5 udp_is_bound "$1"
}
udp_is_bound() {
	in_space ext awk -v port="$(printf ':%04X' "$1")" '$2 ~ port { found = 1 } END { exit !found }' \
		/proc/net/udp
}
session() {
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" "$@"
}

bridge 4001
check "a Binding answer has the session's own address" answers class=success mapped=10.200.1.2:4001 -- \
	probe ext 127.0.0.1:4001 binding
bridge 4002
check "an allocation in a session" answers class=success -- session 127.0.0.1:4002 allocate
check "sessions and allocation stand" metric_is edge sallyport_turn_allocations "" 1
stop bridge4002
check "its close_notify ends the allocation" within 5 metric_is edge sallyport_turn_allocations "" 0
check "which is counted" metric_is edge sallyport_turn_allocations_ended_total 'reason="closed"' 1
bridge 4003
check "another allocation" answers class=success -- session 127.0.0.1:4003 allocate
stop bridge4003 KILL
bridge 4003
check "a client that starts anew gets in at its old address" answers class=success -- \
	session 127.0.0.1:4003 allocate
check "the old session has ended" metric_is edge sallyport_net_connections_ended_total 'reason="replaced"' 1
check "its allocation too" metric_is edge sallyport_turn_allocations "" 1

# ---- certificate, ALPN ----

dtls() {
	in_space ext timeout 5 openssl s_client -connect $OUT:5349 -servername av.example.com \
		-CAfile "$WORK/${CA:-other-ca}.pem" -verify_return_error -dtls "$@" </dev/null
}
check "the certificate is the face's" prints 'Verify return code: 0 \(ok\)' -- dtls
check "DTLS 1.2 is spoken" prints 'Protocol *: DTLSv1\.2' -- dtls
check "ALPN stun.turn" prints 'ALPN protocol: stun\.turn' -- dtls -alpn stun.turn
certificate av2 third-ca serverAuth "DNS:av.example.com"
cp "$WORK/av2.pem" "$WORK/face.pem" && cp "$WORK/av2.key" "$WORK/face.key"
kill -HUP "${PIDS[edge]}"
renewed() {
	CA=third-ca prints 'Verify return code: 0 \(ok\)' -- dtls
}
check "after SIGHUP a new session gets the new certificate" within 5 renewed

# ---- what is not DTLS ----

junk() {
	in_space ext python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for text in (b"\x16\xfe", b"\x17\xfe\xfd\0\1\0\0\0\0\0\1\0\1x", b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)):
	s.sendto(text, ("'$OUT'", 5349))
s.settimeout(0.5)
try:
	print("answer", s.recv(1500))
except TimeoutError:
	print("nothing")'
}
before=$(metric edge sallyport_net_dtls_drops_total 'reason="no_session"')
check "nothing answers what is not a hello" prints '^nothing$' -- junk
check "a broken record is counted" metric_is edge sallyport_net_dtls_drops_total 'reason="malformed"' 1
check "a stray record is counted" metric_is edge sallyport_net_dtls_drops_total 'reason="no_session"' \
	$((before + 1))
check "STUN without DTLS is counted" metric_is edge sallyport_relay_unknown_datagrams_total "" 1
finish
