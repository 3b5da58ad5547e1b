#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# SIP transports against clients and servers of others: where a URI leads by a real name server,
# mutual TLS, failover, WebSocket.
#
#   client 10.202.1.2 -- 10.202.1.1 server (dnsmasq, sipprobe serve)
# With asan: SIP over each transport.
. "$(dirname "$0")/lib.sh"
begin dnsmasq sipsak
PROBE=$TOOLS/sipprobe
[ -x "$PROBE" ] || skip_all "sipprobe is not built"
/usr/bin/python3 -c 'import websockets' 2>/dev/null || skip_all "python3-websockets is not installed"

space client server
join client 10.202.1.2/24,fd00:202:1::2/64 server 10.202.1.1/24,fd00:202:1::1/64
certificate server sips serverAuth DNS:voice.test
certificate other sips serverAuth DNS:other.test
certificate client sips clientAuth DNS:client.test,URI:sip:client.test
certificate stranger strangers clientAuth DNS:client.test

start names server dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
	--user=root --pid-file= --bind-interfaces --listen-address=10.202.1.1 --local=/test/ \
	--host-record=one.voice.test,10.202.1.1 \
	--host-record=two.voice.test,10.202.1.1,fd00:202:1::1 \
	--host-record=plain.test,10.202.1.1 \
	--naptr-record=voice.test,10,20,s,SIP+D2T,,_sip._tcp.voice.test \
	--naptr-record=voice.test,10,10,s,SIPS+D2T,,_sips._tcp.voice.test \
	--srv-host=_sips._tcp.voice.test,one.voice.test,5061,1,1 \
	--srv-host=_sip._tcp.voice.test,two.voice.test,5060,2,1 \
	--srv-host=_sip._tcp.voice.test,one.voice.test,5999,1,1 \
	--srv-host=_sips._tcp.wrong.test,one.voice.test,5061,1,1

tls() {
	echo -c "$WORK/$1.pem" -k "$WORK/$1.key" -a "$WORK/sips.pem"
}
start udp server "$PROBE" serve udp 10.202.1.1
start tcp server "$PROBE" serve tcp 10.202.1.1 '[fd00:202:1::1]:5060'
# shellcheck disable=SC2046  # words
start tls server "$PROBE" $(tls server) serve tls 10.202.1.1
start ws server "$PROBE" serve ws 10.202.1.1:80
start wss server "$PROBE" -c "$WORK/server.pem" -k "$WORK/server.key" serve wss 10.202.1.1:443
for name in udp tcp tls ws wss; do
	check "a listener for $name starts" within 5 has "$WORK/$name.log" '^listening '
done

# ask CERTIFICATE ARGUMENT...
ask() {
	local name=$1
	shift
	# shellcheck disable=SC2046
	in_space client "$PROBE" $(tls "$name") -r 10.202.1.1@53 "$@"
}

# ---- where a URI leads ----

check "the name server answers" within 5 prints '^target UDP 10\.202\.1\.1:5060$' -- \
	ask client locate sip:plain.test
located() {
	ask client locate "$1" | grep '^target' | cut -d' ' -f2-4 | paste -sd,
}
check "NAPTR and SRV give the order" same "$(located sip:voice.test)" "TLS 10.202.1.1:5061 \
voice.test,TCP 10.202.1.1:5999,TCP [fd00:202:1::1]:5060,TCP 10.202.1.1:5060"
check "sips takes TLS alone" same "$(located sips:voice.test)" "TLS 10.202.1.1:5061 voice.test"
check "a port means addresses alone" same "$(located 'sip:two.voice.test:5070;transport=tcp')" \
	"TCP [fd00:202:1::1]:5070,TCP 10.202.1.1:5070"
check "a name that is not there" prints 'not located' -- ask client locate sip:nobody.test

# ---- requests ----

check "a request by UDP is answered" prints '^status 200 by UDP' -- \
	ask client options 'sip:plain.test;transport=udp'
check "a refused connection leads to the next target" prints '^status 200 by TCP from fd00' -- \
	ask client options 'sip:voice.test;transport=tcp'
check "... and is told for its message" has "$WORK/prints.out" '^failed 1: Connection refused'
check "mutual TLS: the server's name is known" prints \
	'^status 200 by TLS from 10\.202\.1\.1 peer voice\.test' -- ask client options sips:voice.test
check "... and the client's" has "$WORK/tls.log" \
	'^request OPTIONS by TLS from 10\.202\.1\.2 peer client\.test sip:client\.test'
check "a certificate for another name is refused" prints '^failed 1: ' -- \
	ask client options sips:wrong.test
check "... and that was the only target" has "$WORK/prints.out" '^no target left'
check "a client of another CA is refused" prints '^no target left' -- \
	ask stranger options sips:voice.test

# ---- clients of others ----

check "sipsak by UDP" in_space client sipsak -s sip:probe@10.202.1.1
check "sipsak by TCP" in_space client sipsak -E tcp -s sip:probe@10.202.1.1
s_client() {
	{
		printf '%s\r\n' 'OPTIONS sip:probe SIP/2.0' 'Via: SIP/2.0/TLS a.test;branch=z9hG4bK1' \
			'From: <sip:a@a.test>;tag=1' 'To: <sip:b@b.test>' 'Call-ID: 1' \
			'CSeq: 1 OPTIONS' 'Max-Forwards: 70' 'Content-Length: 0' ''
		sleep 1 # for the answer
	} | in_space client timeout 10 openssl s_client -connect 10.202.1.1:5061 -quiet \
		-CAfile "$WORK/sips.pem" -verify_return_error "$@" 2>&1
}
check "openssl with a certificate is answered" prints '^SIP/2.0 200 ' -- \
	s_client -cert "$WORK/client.pem" -key "$WORK/client.key"
check "openssl without one is refused" prints 'certificate required|alert number 116' -- s_client
check "... and its request is not heard" same "$(grep -c '^request' "$WORK/tls.log")" 2

# ---- WebSocket ----

cat >"$WORK/ws.py" <<'PYTHON'
import asyncio, ssl, sys, websockets
url, ca = sys.argv[1], sys.argv[2]
text = ("OPTIONS sip:probe SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n"
	"From: <sip:a@x.invalid>;tag=1\r\nTo: <sip:b@b.test>\r\nCall-ID: 1\r\n"
	"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: %d\r\n\r\n%s")

async def main():
	more = {}
	if url.startswith("wss:"):
		more = {"ssl": ssl.create_default_context(cafile=ca),
			"server_hostname": "voice.test"}
	async with websockets.connect(url, subprotocols=["sip"], **more) as ws:
		assert ws.subprotocol == "sip"
		assert "permessage" not in str(ws.response_headers)
		await ws.send(text % (0, ""))
		assert (await ws.recv()).startswith("SIP/2.0 200 ")
		await ws.send((text % (3, "\xff\xfe\xfd")).encode("latin-1"))
		assert (await ws.recv()).startswith("SIP/2.0 200 ")
		whole = text % (40000, "x" * 40000)
		await ws.send([whole[i:i + 999] for i in range(0, len(whole), 999)])
		assert (await ws.recv()).startswith("SIP/2.0 200 ")
		await (await ws.ping())
		await ws.close(1000)
		assert ws.close_code == 1000, ws.close_code
	try:
		async with websockets.connect(url, subprotocols=["xmpp"], **more):
			sys.exit("another subprotocol was let in")
	except websockets.InvalidStatusCode as e:
		assert e.status_code == 400, e
	print("all well")

asyncio.run(asyncio.wait_for(main(), 20))
PYTHON
check "a WebSocket client of others" prints 'all well' -- \
	in_space client /usr/bin/python3 "$WORK/ws.py" ws://10.202.1.1 -
check "... over TLS" prints 'all well' -- \
	in_space client /usr/bin/python3 "$WORK/ws.py" wss://10.202.1.1 "$WORK/sips.pem"

for name in udp tcp tls ws wss; do
	check "the listener for $name stops cleanly" ends_well "$name"
done
finish
