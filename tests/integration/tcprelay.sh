#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP allocations (RFC 6062) with real clients: what goes in comes out, on whatever worker the
# client's data connection lands, over TCP and TLS, with slow readers, half-closed connections and
# peers that nobody wants. Larger amounts with SALLYPORT_LONG.
# Takes 90 s.
# With asan, tsan: data connections, which change their worker.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient

OUT=10.200.1.1 OUT6=fd00:200:1::1
PEER=10.200.2.2 PEER6=fd00:200:2::2
PORT=7000
BULK=50
[ -z "$LONG" ] || BULK=200
[ -z "$SANITIZED" ] || BULK=10
ulimit -n 16384 2>/dev/null
site
CONF_WORKERS=4 CONF_EDGE="  limits: {peer_connections: 40}" conf edge $OUT 10.200.2.1 $OUT6
certificate av other-ca serverAuth "DNS:av.example.com"
sed -i -e "/host: av.example.com/a\\      private_key: $WORK/av.key" \
	-e "/host: av.example.com/a\\      certificate: $WORK/av.pem" \
	-e "/host: av.example.com/a\\      tls: [\"$OUT\", \"$OUT6\"]" \
	-e "/host: av.example.com/a\\      tcp: [\"$OUT\", \"$OUT6\"]" \
	-e "/^  relay:/a\\    tcp: true" "$WORK/edge.yaml"
edge_start edge
start peers hq python3 "$HERE/tcprelay.py" peers $PEER $PORT
start peers6 hq python3 "$HERE/tcprelay.py" peers $PEER6 $PORT
check "the peers are there" within 10 has "$WORK/peers.log" '^ready'
check "the IPv6 peers are there" within 10 has "$WORK/peers6.log" '^ready'
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'

metric() {
	admin edge /metrics | grep -E "^$1" | head -n 1 | awk '{ print $2 }'
}
metric_is() {
	same "$(metric "$1")" "$2"
}
client() {
	in_space ext timeout 150 python3 "$HERE/tcprelay.py" client "${SERVER:-$OUT}" \
		"$CRED_USER" "$CRED_PASSWORD" "${AT:-$PEER}" $PORT "$@"
}
python() {
	in_space "$1" timeout 60 python3 "$HERE/tcprelay.py" "${@:2}"
}

within_range() {
	at_least "$1" "$2" && at_most "$1" "$3"
}

# ---- bytes ----

check "1 MB there and back" answers same=True -- client echo 1
check "$BULK MB there and back" answers same=True -- client echo $BULK
note "$(tail -n 1 "$WORK/answers.out")"
check "a peer that reads slowly" answers same=True -- client echo 2 0 1
check "a client that reads slowly" answers same=True -- client echo 3 0.005
check "what comes behind the ConnectionBind is the peer's" answers same=True -- client echo 0.2 0 0 1
check "the client's end leaves the way back open" answers same=True -- client half_close
check "a peer that ended before the bind is heard whole" answers same=True -- client source
check "the same, read slowly" answers same=True -- client source 0.005
export TLS=1
check "TLS: 1 MB there and back" answers same=True -- client echo 1
check "TLS: $BULK MB there and back" answers same=True -- client echo $BULK
note "$(tail -n 1 "$WORK/answers.out")"
check "TLS: a peer that reads slowly" answers same=True -- client echo 2 0 1
check "TLS: a client that reads slowly" answers same=True -- client echo 3 0.005
check "TLS: what comes behind the ConnectionBind is the peer's" answers same=True -- \
	client echo 0.2 0 0 1
check "TLS: a peer that ended before the bind is heard whole" answers same=True -- client source
check "TLS: connections on all workers" answers right=30 -- client many 30
unset TLS
SERVER=$OUT6 check "an IPv6 client" answers same=True -- client echo 1
export IPV6=1
AT=$PEER6 check "an IPv6 peer" answers same=True -- client echo 1
unset IPV6
check "connections on all workers" answers right=30 -- client many 30
moved=$(metric 'sallyport_turn_connections_moved_total\{result="sent"\}')
note "connections moved to another worker: $moved"
check "some moved to another worker" at_least "$moved" 10
check "none was lost" metric_is 'sallyport_turn_connections_moved_total{result="lost"}' 0

# ---- turnutils_uclient: -T means TCP relaying between two of its own clients ----

start silent ext python3 "$HERE/tcprelay.py" client $OUT "$CRED_USER" "$CRED_PASSWORD" $PEER $PORT \
	silent_peer # its answer takes half a minute
# With -P it is the peer too, and counts only one of its two ends as having received.
start passive ext timeout 120 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -t -P -L 10.200.1.2 \
	-n 5 $OUT
relaying "uclient -t -T" ext $OUT -t -T -n 50 -m 2
relaying "uclient -t -T -y" ext $OUT -t -T -y -n 50 -m 2
relaying "uclient -t -S -T" ext $OUT -t -S -T -p 5349 -n 50 -m 2
relaying "uclient -t -T, an IPv6 client and IPv6 peers" ext $OUT6 -t -T -x -n 50 -m 2
all_relayed
await passive 130
check "uclient -t -P: the peer comes to the relay" \
	has "$WORK/edge.log" 'to_peer_bytes=500 .* to_client_bytes=500$'

# ---- what is refused ----

first=$CRED_USER first_password=$CRED_PASSWORD
credential '"location":"internet","limits":{"allocations":5000}'
export OTHER_USER=$CRED_USER OTHER_PASSWORD=$CRED_PASSWORD
CRED_USER=$first CRED_PASSWORD=$first_password
check "each error has its code" answers denied=403 refused=447 no_peer=400 twice=446 \
	other_user=441 wrong_id=400 no_such_worker=400 at_last=0 bound_twice=400 channel=437 \
	even_port=400 df=400 token=400 -- client codes
check "an allocation of both families meets peers of both" answers right=2 -- \
	client both_families $PEER6
check "a client's reset ends the peer's connection" answers ended=True -- client client_resets
check "with the control connection all connections end" answers ended=4 -- client control_ends

read -r CRED_USER CRED_PASSWORD < <(python3 "$HERE/mint.py" "$WORK/pool.secret")
check "a credential that does not permit TCP gets 403" answers code=403 -- client allocate
read -r CRED_USER CRED_PASSWORD < <(python3 "$HERE/mint.py" --flags 2 --transports 2 "$WORK/pool.secret")
check "one that does, does" answers same=True -- client echo 0.1
read -r CRED_USER CRED_PASSWORD < <(python3 "$HERE/mint.py" --rest "$WORK/pool.secret")
check "one of the TURN REST form does" answers same=True -- client echo 0.1
read -r CRED_USER CRED_PASSWORD < <(python3 "$HERE/mint.py" --flags 2 --kbps 4000 "$WORK/pool.secret")
check "a rate is kept to, and loses nothing" answers same=True -- client echo 2
took=$(field seconds <"$WORK/answers.out")
check "2 MB at 4 Mbit/s take 3 to 8 seconds" within_range "${took%.*}" 3 8
CRED_USER=$first CRED_PASSWORD=$first_password

# ---- peers that come ----

# wait_for NAME SCENARIO SECONDS: a client in the background; sets RELAYED to its address and port.
wait_for() {
	start "$1" ext python3 "$HERE/tcprelay.py" client $OUT "$CRED_USER" "$CRED_PASSWORD" $PEER $PORT \
		"$2" "$3"
	within 10 has "$WORK/$1.log" '^permitted' >/dev/null
	read -r _ RELAYED RELAYED_PORT <"$WORK/$1.log"
}
wait_for wait wait 20
check "a permitted peer's megabyte comes back from the client" answers same=True -- \
	python hq dial $RELAYED $RELAYED_PORT 1
check "the client was told of it" has "$WORK/wait.log" 'from_peer=True bytes=1000000'
stop wait

wait_for closed wait_closed 60
check "peers without a permission are closed at once" answers live=0 -- \
	python hq dial $RELAYED $RELAYED_PORT 20
kill -USR1 "${PIDS[closed]}"
await closed 20
check "the client hears nothing of them" has "$WORK/closed.log" 'code=0 attempts=0'
check "they are counted" at_least \
	"$(metric 'sallyport_turn_peer_connections_refused_total\{reason="not_permitted"')" 20

wait_for flood wait_unbound 60
before=$(memory_kb edge Rss)
check "of 1,000 connections that nobody binds the limit is kept" answers tried=1000 live=40 -- \
	python hq dial $RELAYED $RELAYED_PORT 1000
after=$(memory_kb edge Rss)
check "the others are counted" at_least \
	"$(metric 'sallyport_turn_peer_connections_refused_total\{reason="limit"')" 960
[ -n "$SANITIZED" ] || check "they cost little memory" at_most $((after - before)) 4096
kill -USR1 "${PIDS[flood]}"
await flood 30
check "the client was told of as many and is served" has "$WORK/flood.log" 'code=0 attempts=40'

await silent 60
check "a peer that never answers gets 447 after 30 seconds" has "$WORK/silent.log" 'code=447 seconds=3[0-2]'

# ---- nothing is left; switched off ----

check "no allocation is left" within 5 metric_is 'sallyport_turn_allocations ' 0
check "no connection with a peer is left" within 5 metric_is 'sallyport_turn_peer_connections ' 0
check "no connection of a client is left" within 5 metric_is 'sallyport_net_connections ' 0
sed -i 's/^    tcp: true/    tcp: false/' "$WORK/edge.yaml"
kill -HUP "${PIDS[edge]}"
is_off() {
	answers code=442 -- client allocate
}
check "switched off by a reload, TCP is refused with 442" within 5 is_off
finish
