#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Several certificates on one face: clients on TLS and DTLS get the one with the name they ask for. A reload
# changes all of them or none.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

OUT=10.200.1.1 PEER=10.200.2.2
site
conf edge $OUT
certificate first ca serverAuth "DNS:av.example.com"
certificate second ca serverAuth "DNS:turn.example.org,DNS:stun.example.org"
certificate star ca serverAuth "DNS:*.example.net"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=rsa -keyout "$WORK/rsa.key" \
	-out "$WORK/rsa.pem" -addext "subjectAltName=DNS:turn.example.org" 2>"$WORK/openssl.log"
face() {
	sed -i "/host: av.example.com/a\\      $1" "$WORK/edge.yaml"
}
pair() {
	echo "{certificate: $WORK/$1.pem, private_key: $WORK/$1.key}"
}
face "certificates: [$(pair second), $(pair star), $(pair rsa)]"
face "certificate: $WORK/first.pem"
face "private_key: $WORK/first.key"
face "tls: [\"$OUT\"]"
face "dtls: [\"$OUT\"]"
edge_start edge

# shown NAME ARGUMENTS...: the common name of the certificate a client that asks for NAME gets; "-":
# asks for none.
shown() {
	local name=(-servername "$1")
	[ "$1" != - ] || name=(-noservername)
	shift
	in_space ext timeout 5 openssl s_client -connect $OUT:5349 "${name[@]}" "$@" </dev/null \
		2>"$WORK/s_client.log" | openssl x509 -noout -subject -nameopt multiline 2>/dev/null |
		sed -n 's/ *commonName *= //p'
}
gets() {
	local want=$1
	shift
	same "$(shown "$@")" "$want"
}
check "the name chooses the certificate" gets second turn.example.org
check "every name of a certificate does" gets second stun.example.org
check "case does not matter" gets second TURN.Example.Org
check "a wildcard bears one label" gets star a.example.net
check "and no more" gets first a.b.example.net
check "an unknown name gets the first" gets first nobody.example
check "no name gets the first" gets first -
check "TLS 1.2 chooses as well" gets star b.example.net -tls1_2
check "a client of RSA alone gets the RSA one of that name" gets rsa turn.example.org \
	-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
check "in TLS 1.3 too" gets rsa turn.example.org -sigalgs RSA-PSS+SHA256
check "DTLS chooses as well" gets second stun.example.org -dtls1_2
check "and has the first for an unknown name" gets first nobody.example -dtls1_2

listed() {
	same "$(admin edge /admin/v1/status | jq -r '[.certificates[] | select(.usedBy == "face external" and .notAfter > 0) | .file | sub(".*/"; "")] | join(" ")')" \
		"first.pem second.pem star.pem rsa.pem"
}
check "the status has every certificate and its end" listed

# A client that relays all the while loses nothing by the reloads.
start peer hq turnutils_peer -L $PEER
check "a credential is issued" credential
start load ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -t -S -p 5349 \
	-e $PEER -c -n 300 -m 4 $OUT
check "clients relay" within 15 has "$WORK/load.log" 'tot_recv_msgs=[1-9]'
certificate renewed ca serverAuth "DNS:av.example.com"
certificate moved ca serverAuth "DNS:turn.example.org"
cp "$WORK/renewed.pem" "$WORK/first.pem" && cp "$WORK/renewed.key" "$WORK/first.key"
cp "$WORK/moved.pem" "$WORK/second.pem"
kill -HUP "${PIDS[edge]}"
check "a certificate without its key refuses the reload" within 5 \
	has "$WORK/edge.log" 'edge\.yaml:[0-9]+:[0-9]+: .*second\.key'
check "the others stay as they were" gets first av.example.com
cp "$WORK/moved.key" "$WORK/second.key"
kill -HUP "${PIDS[edge]}"
check "SIGHUP changes all" within 5 gets renewed av.example.com
check "of them" gets moved turn.example.org
check "a name that is gone gets the first" gets renewed stun.example.org
await load 60
check "running connections lost nothing" uclient_clean "$WORK/load.log"

sed "/private_key: .*first.key/d; /certificate: .*first.pem/d" "$WORK/edge.yaml" >"$WORK/wrong.yaml"
check "further certificates want a first one" prints \
	'wrong\.yaml:[0-9]+:[0-9]+: .*"private_key"' -- "$SALLYPORTD" -t -c "$WORK/wrong.yaml"
finish
