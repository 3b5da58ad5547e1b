#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients on TCP and TLS (RFC 8656 §2.1): real ones lose nothing, also beside silent connections and
# readers that do not read, for which the daemon's memory is bounded. Larger numbers with
# SALLYPORT_LONG.
# Takes 60 s.
# Has precedence: a good client beside the crowd must lose nothing.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

OUT=10.200.1.1 OUT6=fd00:200:1::1
PEER=10.200.2.2
SILENT=1000 SLOW=200
[ -z "$LONG" ] || SILENT=4000 SLOW=1000
[ -z "$SANITIZED" ] || SLOW=$((SLOW / 10)) # a tenth of the flood for a daemon that is ten times slower
ulimit -n 16384 2>/dev/null
site
CONF_WORKERS=2 CONF_EDGE="  limits: {connections_per_client: $((SILENT + SLOW + 100))}" \
	conf edge $OUT 10.200.2.1 $OUT6
certificate av other-ca serverAuth "DNS:av.example.com"
cp "$WORK/av.pem" "$WORK/face.pem" && cp "$WORK/av.key" "$WORK/face.key"
face() {
	sed -i "/host: av.example.com/a\\      $1" "$WORK/edge.yaml"
}
face "private_key: $WORK/face.key"
face "certificate: $WORK/face.pem"
face "tls: [\"$OUT\", \"$OUT6\"]"
face "tcp: [\"$OUT\", \"$OUT6\"]"
edge_start edge
start peer hq turnutils_peer -L $PEER
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'
check "its addresses have TCP" prints 'turn:av\.example\.com:3478\?transport=tcp' -- \
	cat "$WORK/credential.json"
check "its addresses have TLS" prints 'turns:av\.example\.com:5349\?transport=tcp' -- \
	cat "$WORK/credential.json"

# metric PATTERN: the value of the first sample that matches, no number: 0.
metric() {
	admin edge /metrics | grep -E "^$1" | head -n 1 | awk '{ print $2 }'
}
metric_is() {
	same "$(metric "$1")" "$2"
}

for way in "TCP:-t" "TLS:-t -S -p 5349"; do
	name=${way%%:*}
	read -ra flags <<<"${way#*:}"
	relaying "$name: channels to a peer" ext $OUT "${flags[@]}" -e $PEER -c -n 50 -m 2
	relaying "$name: Send indications to a peer" ext $OUT "${flags[@]}" -e $PEER -c -s -n 50 -m 2
	relaying "$name: channels between two clients" ext $OUT "${flags[@]}" -y -n 50 -m 2
	relaying "$name: a payload of 11 bytes, padded on the way" ext $OUT "${flags[@]}" -e $PEER -c \
		-l 11 -n 50
	relaying "$name: an IPv6 client" ext $OUT6 "${flags[@]}" -e $PEER -c -X -n 50
done
all_relayed
check "every connection is gone" within 5 metric_is 'sallyport_net_connections ' 0
check "the allocations went with them" within 5 metric_is 'sallyport_turn_allocations ' 0

# ---- TLS ----

tls() {
	in_space ext timeout 5 openssl s_client -connect $OUT:5349 -servername av.example.com \
		-CAfile "$WORK/${CA:-other-ca}.pem" -verify_return_error "$@" </dev/null
}
check "the certificate is the face's" prints 'Verify return code: 0 \(ok\)' -- tls
check "ALPN stun.turn" prints 'ALPN protocol: stun\.turn' -- tls -alpn stun.turn
check "ALPN stun.nat-discovery" prints 'ALPN protocol: stun\.nat-discovery' -- \
	tls -alpn h2,stun.nat-discovery
check "a client that offers other protocols gets in" prints 'No ALPN negotiated' -- tls -alpn h2
check "TLS 1.2 is spoken" prints 'Protocol *: TLSv1\.2' -- tls -tls1_2
certificate av2 third-ca serverAuth "DNS:av.example.com"
cp "$WORK/av2.pem" "$WORK/face.pem" && cp "$WORK/av2.key" "$WORK/face.key"
kill -HUP "${PIDS[edge]}"
renewed() {
	CA=third-ca prints 'Verify return code: 0 \(ok\)' -- tls
}
check "after SIGHUP a new connection gets the new certificate" within 5 renewed

# ---- lost clients ----

check "a web client is told so" prints 'HTTP/1\.1 400 Bad Request' -- \
	in_space ext curl -s -i --max-time 5 http://$OUT:3478/
check "bytes that are neither STUN nor ChannelData end the connection" prints '^0$' -- \
	in_space ext timeout 5 bash -c "exec 3<>/dev/tcp/$OUT/3478; printf '\\200\\1\\2\\3' >&3; wc -c <&3"

# ---- bad clients beside a good one ----

good() {
	start good ext timeout 120 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
		-t -e $PEER -c -n 400 -m 4 $OUT
	within 15 has "$WORK/good.log" 'tot_recv_msgs=[1-9]' >/dev/null
}
before=$(memory_kb edge Rss)
start slow ext python3 "$HERE/stream.py" slow $OUT $SLOW "$CRED_USER" "$CRED_PASSWORD" $PEER
check "$SLOW readers have allocations" within 60 has "$WORK/slow.log" '^ready'
start silent ext python3 "$HERE/stream.py" silent $OUT $SILENT
check "$SILENT silent connections stand" within 30 has "$WORK/silent.log" '^ready'
idle=$(memory_kb edge Rss)
good
mapfile -t ports < <(awk '/^relayed/ { print $2 }' "$WORK/slow.log")
# Again where the host is so slow that too little of it gets through.
flooded() {
	in_space hq python3 "$HERE/stream.py" flood "${PIDS[edge]}" 1500000 $OUT "${ports[@]}"
	at_least "$(metric sallyport_net_stream_drops_total)" $SLOW
}
check "what slow readers leave is dropped and counted" within 30 flooded
full=$(memory_kb edge Rss)
note "resident: $before kB, with $SLOW allocations and $SILENT connections $idle kB, flooded $full kB"
if [ -z "$SANITIZED" ]; then
	check "idle connections cost at most 4 KiB" at_most $(((idle - before) / (SILENT + SLOW))) 4
	check "a slow reader costs little more than its buffer" at_most $((full - idle)) $((SLOW * 290 + 4096))
fi
await good 120
note "full sockets: ext $(overflows ext) edge $(overflows edge) hq $(overflows hq)"
check "the good client lost nothing beside them" uclient_clean "$WORK/good.log"
check "silent connections end by themselves" within 15 metric_is \
	'sallyport_net_connections ' $SLOW
stop slow KILL
stop silent KILL
check "the slow readers' allocations end with their connections" within 5 metric_is \
	'sallyport_turn_allocations ' 0

# ---- clients that are gone ----

talk_open gone ext -t -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT
check "a client allocates" prints 'code=0' -- talk gone allocate
watched() {
	in_space edge ss -tnoH state established sport = :3478 | grep -E 'timer:\(keepalive,([0-9]+sec|1min)'
}
check "the kernel asks within a minute whether it is still there" within 5 watched
if [ -n "$LONG" ]; then
	in_space ext ip link set to-edge down
	check "a dead client's connection ends, and its allocation with it, before the lifetime" \
		within 140 metric_is 'sallyport_net_connections ' 0
	check "the allocation went with it" metric_is 'sallyport_turn_allocations ' 0
	in_space ext ip link set to-edge up
	route ext 10.200.2.0/24 via 10.200.1.1
fi
stop gone KILL

# ---- one client with many connections ----

stop edge
sed -i 's/connections_per_client: .*/connections_per_client: 3}/' "$WORK/edge.yaml"
edge_start edge
start many ext python3 "$HERE/stream.py" silent $OUT 20
refused() {
	at_least "$(metric 'sallyport_net_connections_refused_total.reason="client"')" 14
}
check "of twenty connections two workers keep no more than three each" within 5 refused
check "the others stand" at_least "$(metric 'sallyport_net_connections ')" 3
check "another client is not refused" prints 'mapped=' -- probe hq -t $OUT binding
stop many KILL
finish
