#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Crowds of bad clients: silent ones on TLS, slow readers on TCP and TLS, hoarders in a DTLS handshake,
# spoofed hellos. The daemon's memory stays within what the configuration allows, a good client beside
# them loses nothing, and new ones get in when the silent ones' time is up. Crowds of 10,000 and floods
# of 400,000 with SALLYPORT_LONG.
# Takes 90 s.
# Has precedence: a good client beside the crowd must lose nothing.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

OUT=10.200.1.1
PEER=10.200.2.2
SILENT=1000 IDLE=200 SLOW=50 HOARD=200 HELLOS=60000
[ -z "$LONG" ] || SILENT=10000 IDLE=1000 SLOW=500 HOARD=2000 HELLOS=400000
[ -z "$SANITIZED" ] || SLOW=$((SLOW / 10)) # a tenth of the flood for a daemon that is ten times slower
[ -x "$TOOLS/stunflood" ] || skip_all "stunflood is not built"
ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
[ "$(ulimit -n)" -ge $((SILENT + 1000)) ] || skip_all "wants $((SILENT + 1000)) file descriptors"
site
# The spoofed flood has a wire of its own, as in flood.sh.
space flood
join flood 10.200.9.2/24 edge 10.200.9.1/24
route flood $OUT via 10.200.9.1
route edge 198.18.0.0/15 via 10.200.9.2
in_space flood ip address add 198.18.0.1/15 dev lo
in_space edge sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.to-flood.rp_filter=0
in_space flood sysctl -qw net.ipv4.ip_forward=0

# What a connection may cost beyond connection_buffer, in KiB: OpenSSL's state and two record buffers,
# which it has only while it is in the middle of one. In a DTLS handshake it may keep 24 datagrams of
# 17 KiB each; half as much more for what the allocator loses.
BUFFER=128 TLS=64 HANDSHAKE=$((24 * 17 * 3 / 2))
CONF_WORKERS=2 CONF_EDGE="  limits:
    max_connections: $SILENT
    connections_per_client: 0
    connection_buffer: ${BUFFER}k" conf edge $OUT
certificate av other-ca serverAuth "DNS:av.example.com"
for line in "private_key: $WORK/av.key" "certificate: $WORK/av.pem" "dtls: [\"$OUT\"]" \
	"tls: [\"$OUT\"]" "tcp: [\"$OUT\"]"; do
	sed -i "/host: av.example.com/a\\      $line" "$WORK/edge.yaml"
done
start peer hq turnutils_peer -L $PEER

# A new process for each crowd: what an earlier one has freed would hide what this one takes.
fresh() {
	stop edge
	edge_start edge
}
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'

# good WAY PACKETS: a real client that has begun to relay when this returns. Packets are 20 ms apart.
good() {
	local flags=()
	case $1 in
	tls) flags=(-t -S -p 5349) ;;
	dtls) flags=(-S -p 5349) ;;
	tcp) flags=(-t) ;;
	esac
	start good ext timeout 180 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" "${flags[@]}" \
		-e $PEER -c -n "$2" -m 4 $OUT
	within 15 has "$WORK/good.log" 'tot_recv_msgs=[1-9]' >/dev/null
}
good_lost_nothing() {
	await good 180
	check "$1" uclient_clean "$WORK/good.log"
}
connections_at_most() {
	at_most "$(metric edge sallyport_net_connections)" "$1" >/dev/null
}
# crowd NAME ARGUMENTS...: the bad clients of stream.py; sets BEFORE and AFTER, in kB, and STANDING,
# the connections there are then: the first silent ones may have been ended before the last come.
crowd() {
	local name=$1
	shift
	BEFORE=$(memory_kb edge Rss)
	start "$name" ext python3 "$HERE/stream.py" "$@"
	check "$name: they stand" within 120 has "$WORK/$name.log" '^ready'
	AFTER=$(memory_kb edge Rss)
	STANDING=$(metric edge sallyport_net_connections)
	note "$name: resident $BEFORE kB before, $AFTER kB with $STANDING connections"
}
# bounded NAME CLIENTS KIB_EACH
bounded() {
	if [ -z "$SANITIZED" ]; then
		check "$1: at most $3 KiB for each of $2" at_most $((AFTER - BEFORE)) $(($2 * $3 + 1024))
	else
		skip "$1: at most $3 KiB for each of $2" "a sanitizer's allocator has its own needs"
	fi
}
relays_over() {
	lossless uclient ext $OUT -e $PEER -c -n 10 "$@"
}

# ---- clients that have spoken once ----

good tls 400
crowd idle idle $OUT "$IDLE"
bounded idle "$IDLE" $TLS
note "idle: $(((AFTER - BEFORE) * 1024 / IDLE)) bytes for each"
stop idle KILL
good_lost_nothing "idle: the good client lost nothing"

# ---- as many silent clients on TLS as there are places ----

fresh
good tls 1000
crowd silent silent $OUT "$SILENT" 5349
bounded silent "$STANDING" 4
note "silent: $(((AFTER - BEFORE) * 1024 / STANDING)) bytes for each"
check "silent: more than the places are refused" metric_at_least edge \
	sallyport_net_connections_refused_total 'reason="limit"' 1
note "silent: $(metric edge sallyport_net_connections_refused_total 'reason="limit"') refused"
check "silent: a UDP client gets in beside them" relays_over
check "silent: their time ends" within 20 connections_at_most 100
check "silent: then a TLS client gets in" relays_over -t -S -p 5349
check "silent: and a DTLS client" relays_over -S -p 5349
stop silent KILL
good_lost_nothing "silent: the good client lost nothing"

# ---- readers that do not read ----

fresh
good tcp 800
crowd slow slow $OUT "$SLOW" "$CRED_USER" "$CRED_PASSWORD" $PEER
TCP_BEFORE=$BEFORE
crowd slow-tls slow $OUT "$SLOW" "$CRED_USER" "$CRED_PASSWORD" $PEER tls
mapfile -t ports < <(awk '/^relayed/ { print $2 }' "$WORK/slow.log" "$WORK/slow-tls.log")
check "slow: all have a relay port" same "${#ports[@]}" $((2 * SLOW))
flooded() {
	in_space hq python3 "$HERE/stream.py" flood "${PIDS[edge]}" 600000 $OUT "${ports[@]}"
	metric_at_least edge sallyport_net_stream_drops_total "" $((2 * SLOW))
}
check "slow: what they leave is dropped" within 90 flooded
BEFORE=$TCP_BEFORE AFTER=$(memory_kb edge Rss)
note "slow: resident $BEFORE kB before, $AFTER kB after the flood"
bounded slow $((2 * SLOW)) $((BUFFER + TLS))
note "slow: $(((AFTER - BEFORE) * 1024 / 2 / SLOW)) bytes for each"
good_lost_nothing "slow: the good client lost nothing"
stop slow KILL
stop slow-tls KILL

# ---- DTLS: what a handshake makes OpenSSL keep ----

fresh
good dtls 400
crowd hoard hoard $OUT "$HOARD"
bounded hoard "$HOARD" $HANDSHAKE
note "hoard: $(((AFTER - BEFORE) * 1024 / HOARD)) bytes for each"
check "hoard: they stood all the while" metric_at_least edge sallyport_net_connections "" "$HOARD"
stop hoard KILL
check "hoard: they are gone in time" within 20 connections_at_most 100
good_lost_nothing "hoard: the good client lost nothing"

# ---- DTLS: hellos from everywhere ----

flood() {
	in_space flood "$TOOLS/stunflood" -d -n "$1" -r 20000 $OUT:5349
}
link_bytes() {
	in_space edge awk -v field="$1" \
		'$1 == "to-flood:" { print field == "rx_bytes" ? $2 : $10 }' /proc/net/dev
}
fresh
check "hellos: a first flood" flood "$HELLOS"
good dtls $((HELLOS / 20000 * 50 + 600))
# The client opens its sessions one by one, and its packets bring what they use into memory.
sessions() {
	metric edge sallyport_net_connections_total 'transport="dtls"'
}
steady() {
	local n kb
	n=$(sessions) kb=$(memory_kb edge Rss)
	sleep 2
	same "$(sessions)" "$n" && at_most $(($(memory_kb edge Rss) - kb)) 16
}
check "hellos: the good client has all its sessions, and they all they need" within 20 steady
BEFORE=$(memory_kb edge Rss) rx=$(link_bytes rx_bytes) tx=$(link_bytes tx_bytes)
before=$(sessions)
cookies=$(metric edge sallyport_net_dtls_cookies_total)
check "hellos: $HELLOS from spoofed addresses" flood "$HELLOS"
note "$(cat "$WORK/check.out")"
AFTER=$(memory_kb edge Rss) rx=$(($(link_bytes rx_bytes) - rx)) tx=$(($(link_bytes tx_bytes) - tx))
note "hellos: resident $BEFORE kB before, $AFTER kB after; $rx bytes in, $tx out"
[ -n "$SANITIZED" ] || check "hellos: memory is the same within 256 KiB" at_most $((AFTER - BEFORE)) 256
check "hellos: they reached the daemon's host" at_least "$rx" $((HELLOS * 80))
check "hellos: the answers are shorter" at_most "$tx" "$rx"
check "hellos: none got a session" same "$(sessions)" "$before"
check "hellos: half of them drew a cookie" at_least \
	$(($(metric edge sallyport_net_dtls_cookies_total) - cookies)) $((HELLOS / 4))
good_lost_nothing "hellos: the good client lost nothing"
check "hellos: a new DTLS client gets in at once" relays_over -S -p 5349
finish
