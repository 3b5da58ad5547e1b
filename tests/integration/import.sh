#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A turnserver.conf that works with coturn works after import-coturn, with the same client: it is
# given to both in turn.
# Without sanitizers: most of it is coturn and the converter.
. "$(dirname "$0")/lib.sh"
begin turnserver turnutils_uclient turnutils_peer

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
OUT=10.200.1.1
PEER=10.200.2.2
site
in_space hq ip address add 10.200.2.3/24 dev to-edge
certificate turn ca serverAuth "DNS:turn.example.com,IP:$OUT"
cat >"$WORK/turnserver.conf" <<CONF
# as people write it
listening-ip=$OUT
listening-port=3478   # the usual one
tls-listening-port=5349
relay-ip = $OUT
min-port 50000
max-port 50999
fingerprint
use-auth-secret
static-auth-secret="north#star"
static-auth-secret=south
realm=turn.example.com
user-quota=50
bps-capacity=50000000
mobility
total-quota=100
max-bps=3000000
stale-nonce
cert=$WORK/turn.pem
pkey=$WORK/turn.key
denied-peer-ip=10.200.0.0-10.200.255.255
allowed-peer-ip=$PEER
no-multicast-peers
no-tlsv1
no-cli
pidfile="$WORK/turnserver.pid"
log-file=stdout
simple-log
CONF

# turnutils_uclient picks one of its TLS contexts at random, and coturn does not take every one. It
# takes another then, and sometimes hangs: a few tries, each of twice the time it needs.
relays() {
	local _
	for _ in 1 2 3 4 5 6 7 8; do
		relays_once "$@" && return 0
	done
	return 1
}
relays_once() {
	in_space ext timeout 12 turnutils_uclient -u bob -W "$1" -e $PEER -c -n 30 "${@:2}" $OUT \
		>"$WORK/uclient.out" 2>&1
	tail -n 8 "$WORK/uclient.out"
	uclient_clean "$WORK/uclient.out"
}
refused() {
	in_space ext timeout 30 turnutils_uclient -u bob -W south -e 10.200.2.3 -c -n 5 $OUT \
		>"$WORK/uclient.out" 2>&1
	has "$WORK/uclient.out" '403'
}
listens() {
	in_space edge ss -lun | grep -q "$OUT:3478"
}
# The same for both servers.
serves() {
	check "$1: first shared secret, UDP" relays 'north#star'
	check "$1: second shared secret, UDP" relays south
	check "$1: TCP" relays south -t
	check "$1: TLS" relays south -t -S
	check "$1: DTLS" relays south -S
	check "$1: a denied peer" refused
}

start peer hq turnutils_peer -L $PEER
start coturn edge turnserver -c "$WORK/turnserver.conf" --db "$WORK/turn.db"
check "coturn starts" within 10 listens
serves coturn
stop coturn

check "the file converts" prints 'report.txt has a line for every key' -- \
	"$CTL" import-coturn --output "$WORK/new" "$WORK/turnserver.conf"
check "each of its keys has a line in the report" \
	same "$(grep -c '^line ' "$WORK/new/report.txt")" "$(grep -vcE '^(#|$)' "$WORK/turnserver.conf")"
check "the keys are for their owner alone" \
	same "$(stat -c %a "$WORK"/new/keys/* | sort -u)" 600
echo "admin: {socket: $WORK/edge.sock}" >>"$WORK/new/sallyport.yaml"
cp "$WORK/new/sallyport.yaml" "$WORK/edge.yaml"
check "the configuration is right" prints 'is right' -- "$SALLYPORTD" -t -c "$WORK/edge.yaml"
edge_start edge
serves sallyport

check "what is there already is not written over" \
	prints 'File exists' -- "$CTL" import-coturn --output "$WORK/new" "$WORK/turnserver.conf"
check "a file that is not there is named" \
	prints 'cannot read .*nowhere.conf: No such file' -- "$CTL" import-coturn "$WORK/nowhere.conf"
check "Debian's own turnserver.conf converts" \
	prints ' 0 unreadable, 0 unknown' -- "$CTL" import-coturn /etc/turnserver.conf
finish
