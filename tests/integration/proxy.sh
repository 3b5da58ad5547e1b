#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Load balancers that speak the PROXY protocol, in a namespace of their own in front of the daemon:
# haproxy for TCP and TLS, nginx and one of our own for UDP. Clients are known by their own addresses,
# and relay through them as if they were not there.
# Takes 110 s.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer haproxy

# "ext" and "edge" each have a leg to "lb"; 10.200.3.1 is where the service seems to be.
OUT=10.200.1.1 PEER=10.200.2.2
VIP=10.200.3.1 VIP6=fd00:200:3::1 LB=10.200.4.2 LB6=fd00:200:4::2
site
space lb
join ext 10.200.3.2/24,fd00:200:3::2/64 lb $VIP/24,$VIP6/64
join edge 10.200.4.1/24,fd00:200:4::1/64 lb $LB/24,$LB6/64
route lb $OUT/32 via 10.200.4.1
CONF_WORKERS=2 conf edge $OUT
certificate av other-ca serverAuth "DNS:av.example.com"
face() {
	sed -i "/host: av.example.com/a\\      $1" "$WORK/edge.yaml"
}
face "private_key: $WORK/av.key"
face "certificate: $WORK/av.pem"
face "tls: [\"$OUT\"]"
face "tcp: [\"$OUT\"]"
face "dtls: [\"$OUT:5351\"]"
face "proxy_protocol: [$LB/32, \"fd00:200:4::/64\"]"
sed -i 's/proxy_protocol.*/proxy_protocol: ["0.0.0.0\/0"]/' "$WORK/edge.yaml"
check "everybody is no balancer" prints 'everybody could claim any address' -- \
	"$SALLYPORTD" -t -c "$WORK/edge.yaml"
sed -i "s|proxy_protocol.*|proxy_protocol: [$LB/32, \"fd00:200:4::/64\"]|" "$WORK/edge.yaml"
# A second face, for balancers that put their header into the first datagram only.
sed -i "s|^    - name: internal|    - name: once\n      listen: [\"$OUT:3479\"]\n\
      proxy_protocol: [$LB/32]\n      proxy_protocol_udp: first\n&|" "$WORK/edge.yaml"
sed -i '/^  relay:/a\    tcp: true' "$WORK/edge.yaml"
edge_start edge
start peer hq turnutils_peer -L $PEER
start peers hq python3 "$HERE/tcprelay.py" peers $PEER 7000
check "a credential is issued" credential

# front NAME PORT SERVER OPTIONS...: a service of haproxy's
front() {
	printf 'listen %s\n\tbind %s:%s\n\tbind [%s]:%s\n\tserver edge %s %s\n' "$1" $VIP "$2" \
		$VIP6 "$2" "$3" "${*:4}" >>"$WORK/haproxy.cfg"
}
cat >"$WORK/haproxy.cfg" <<CFG
global
	maxconn 1000
defaults
	mode tcp
	timeout connect 5s
	timeout client 60s
	timeout server 60s
CFG
front v1 3478 $OUT:3478 send-proxy
front v2 3479 $OUT:3478 send-proxy-v2
front sums 3480 $OUT:3478 send-proxy-v2 proxy-v2-options crc32c,unique-id
front none 3481 $OUT:3478
front v1-tls 5349 $OUT:5349 send-proxy
front v2-tls 5350 $OUT:5349 send-proxy-v2
start haproxy lb haproxy -db -f "$WORK/haproxy.cfg"
reached() {
	in_space ext bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null
}
check "haproxy is there" within 10 reached $VIP 5350

metric() {
	admin edge /metrics | grep -E "^$1" | head -n 1 | awk '{ print $2 }'
}
metric_is() {
	same "$(metric "$1")" "$2"
}
ENDED='sallyport_net_connections_ended_total'

# known [SPACE] tcp|tls SERVER PORT: the address in the answer is the client's own.
known() {
	in_space ext python3 "$HERE/proxy.py" ask "$@" >"$WORK/known.out" 2>&1
	cat "$WORK/known.out"
	local mapped local
	mapped=$(field mapped <"$WORK/known.out") local=$(field local <"$WORK/known.out")
	[ -n "$mapped" ] && same "$mapped" "$local"
}
check "version 1: the client is known by its own address" known tcp $VIP 3478
check "version 2: the client is known by its own address" known tcp $VIP 3479
check "version 2 with checksum and unique id: also" known tcp $VIP 3480
check "version 1, TLS: also" known tls $VIP 5349
check "version 2, TLS: also" known tls $VIP 5350
check "an IPv6 client of the IPv4 listener: also (1)" known tcp $VIP6 3478
check "an IPv6 client of the IPv4 listener: also (2)" known tcp $VIP6 3479
check "without a balancer: also" known tcp $OUT 3478
check "a balancer that forgets the header is refused" prints '^ended$' -- \
	in_space ext python3 "$HERE/proxy.py" ask tcp $VIP 3481
check "and counted" metric_is "$ENDED.reason=\"proxy_header\"" 1
check "and named" has "$WORK/edge.log" "warning net no PROXY header .*balancer=$LB:.* transport=tcp"

FORGED=$(printf 'PROXY TCP4 192.0.2.7 203.0.113.1 40000 3478\r\n' | od -An -v -tx1 | tr -d ' \n')
check "a client cannot name itself" prints '^ended$' -- \
	in_space ext python3 "$HERE/proxy.py" ask tcp $OUT 3478 "$FORGED"
check "nor behind the balancer's header" prints '^ended$' -- \
	in_space ext python3 "$HERE/proxy.py" ask tcp $VIP 3479 "$FORGED"
check "both are bad messages" metric_is "$ENDED.reason=\"protocol\"" 2

relayed_for() {
	has "$WORK/edge.log" "allocation granted .*client=$1"
}
for way in "1, TCP:-t -p 3478" "2, TCP:-t -p 3479" "1, TLS:-t -S -p 5349" "2, TLS:-t -S -p 5350"; do
	read -ra flags <<<"${way#*:}"
	relaying "version ${way%%:*}: channels to a peer" ext $VIP "${flags[@]}" -e $PEER -c -n 50 -m 4
	relaying "version ${way%%:*}: channels between two clients" ext $VIP "${flags[@]}" -y -n 50 -m 2
done
all_relayed
# A data connection comes by the balancer too, and lands on any worker (RFC 6062).
tcp_client() {
	in_space ext timeout 60 env "$1" python3 "$HERE/tcprelay.py" client $VIP "$CRED_USER" \
		"$CRED_PASSWORD" $PEER 7000 "${@:2}"
}
check "TCP peers are there" within 10 has "$WORK/peers.log" '^ready'
check "version 1, TCP: 1 MB to a TCP peer and back" answers same=True -- tcp_client A=1 echo 1
check "version 1, TCP: data connections on all workers" answers right=10 -- tcp_client A=1 many 10
check "version 1, TLS: data connections on all workers" answers right=10 -- tcp_client TLS=1 many 10
check "allocations are the client's in the log" relayed_for 10.200.3.2:
check "and not the balancer's" has_not "$WORK/edge.log" "client=$LB:"

# ---- health checks: haproxy says LOCAL, asks for nothing and goes ----

stop haproxy
before=$(metric "$ENDED.reason=\"proxy_header\"")
lines=$(wc -l <"$WORK/edge.log")
front checked 3482 $OUT:3478 send-proxy-v2 check check-send-proxy inter 100ms
front checked-v1 3483 $OUT:3478 send-proxy check check-send-proxy inter 100ms
start haproxy lb haproxy -db -f "$WORK/haproxy.cfg"
accepted() {
	at_least "$(metric 'sallyport_net_connections_total.transport="tcp"')" "$1" >/dev/null
}
check "twenty health checks were made" within 20 accepted \
	$(($(metric 'sallyport_net_connections_total.transport="tcp"') + 20))
check "none of them is an error" metric_is "$ENDED.reason=\"proxy_header\"" "$before"
check "none of them left a line in the log" same "$(wc -l <"$WORK/edge.log")" "$lines"
check "haproxy takes the node for healthy" known tcp $VIP 3482
stop haproxy
check "every connection is gone" within 5 metric_is 'sallyport_net_connections ' 0

# ---- UDP ----

# forwarder NAME ADDRESS PORT SERVER_PORT each|first|none
forwarder() {
	start "$1" lb python3 "$HERE/proxy.py" forward "$2" "$3" $OUT "$4" "$5"
}
forwarder each $VIP 3490 3478 each
forwarder each6 $VIP6 3490 3478 each
forwarder first $VIP 3491 3479 first
forwarder none $VIP 3492 3478 none
check "UDP, a header on each datagram: the client is known by its own address" within 5 known udp \
	$VIP 3490
check "UDP, on the first only: also" within 5 known udp $VIP 3491
check "UDP, an IPv6 client of the IPv4 listener: also" within 5 known udp $VIP6 3490
check "UDP, without a balancer: also" known udp $OUT 3478
check "UDP, a balancer without header is not answered" prints '^ended$' -- \
	in_space ext python3 "$HERE/proxy.py" ask udp $VIP 3492
check "and counted" at_least "$(metric sallyport_net_proxy_drops_total)" 1
check "and named" has "$WORK/edge.log" "warning net no PROXY header .*balancer=$LB:.* transport=udp"
check "UDP, a client cannot name itself" prints '^ended$' -- \
	in_space ext python3 "$HERE/proxy.py" ask udp $OUT 3478 "$FORGED"
check "nor behind the balancer's header" prints '^ended$' -- \
	in_space ext python3 "$HERE/proxy.py" ask udp $VIP 3490 "$FORGED"
dtls() {
	in_space "$1" timeout 3 openssl s_client -dtls -connect $OUT:5351 </dev/null
}
check "DTLS of a client is served" prints 'Cipher is [A-Z]' -- dtls ext
nobodys() {
	local before
	before=$(metric sallyport_relay_unknown_datagrams_total)
	dtls lb >"$WORK/dtls.out" 2>&1
	has_not "$WORK/dtls.out" 'Cipher is [A-Z]' &&
		at_least "$(metric sallyport_relay_unknown_datagrams_total)" $((before + 1))
}
check "DTLS of a balancer is nobody's" nobodys
for way in "each:3490" "the first:3491"; do
	relaying "UDP, a header on ${way%%:*}: channels to a peer" ext $VIP -p "${way#*:}" -e $PEER -c \
		-n 50 -m 4
	relaying "UDP, a header on ${way%%:*}: Send indications between two clients" ext $VIP \
		-p "${way#*:}" -y -s -n 50 -m 2
done
relaying "UDP, an IPv6 client: channels to a peer" ext $VIP6 -p 3490 -X -e $PEER -c -n 50
all_relayed
check "IPv6 in the log too" relayed_for '\[fd00:200:3::2\]:'
check "sessions are counted" at_least "$(metric 'sallyport_net_connections_total.transport="udp"')" 20

NGINX_STREAM=/usr/lib/nginx/modules/ngx_stream_module.so
if command -v nginx >/dev/null && [ -e $NGINX_STREAM ]; then
	cat >"$WORK/nginx.conf" <<-CFG
	load_module $NGINX_STREAM;
	daemon off;
	pid $WORK/nginx.pid;
	error_log stderr warn;
	events {}
	stream {
		server {
			listen $VIP:3493 udp;
			listen [$VIP6]:3493 udp;
			proxy_pass $OUT:3479;
			proxy_protocol on;
		}
		server {
			listen $VIP:3493;
			proxy_pass $OUT:3478;
			proxy_protocol on;
		}
	}
	CFG
	start nginx lb nginx -c "$WORK/nginx.conf" -e stderr
	check "nginx, TCP: the client is known by its own address" within 10 known tcp $VIP 3493
	check "nginx, UDP: also" known udp $VIP 3493
	check "nginx, UDP: an IPv6 client also" known udp $VIP6 3493
	relaying "nginx, UDP: channels to a peer" ext $VIP -p 3493 -e $PEER -c -n 50 -m 4
	relaying "nginx, TCP: channels to a peer" ext $VIP -t -p 3493 -e $PEER -c -n 50
	all_relayed
else
	skip "nginx" "it is not installed, or without its stream module"
fi
check "no allocation was the balancer's" has_not "$WORK/edge.log" "client=$LB:"
finish
