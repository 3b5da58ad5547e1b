#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A node drains: running clients lose nothing, new ones land on the other node, a dead alternate is
# never named, and the daemon ends with its last allocation.
# With tsan: a node that goes, with clients on it.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
space ext edge1 edge2 hq lan
in_space lan ip link add name br0 type bridge
in_space lan ip link set br0 up
for leg in "ext 10.200.1.2/24,fd00:200:1::2/64" "edge1 10.200.1.11/24,fd00:200:1::11/64" \
	"edge2 10.200.1.12/24,fd00:200:1::12/64"; do
	read -r name address <<<"$leg"
	join "$name" "$address" lan ""
	in_space lan ip link set "to-$name" master br0
done
join hq 10.200.2.2/24 edge1 10.200.2.11/24
join hq 10.200.3.2/24 edge2 10.200.3.12/24
NODE1=10.200.1.11 NODE2=10.200.1.12 DEAD=10.200.1.99

ctl() {
	"$CTL" -s "$WORK/edge1.sock" "$@"
}
says() {
	local want=$1 pattern=$2
	shift 2
	"$@" >"$WORK/says.out" 2>&1
	local got=$?
	has "$WORK/says.out" "$pattern" && same "$got" "$want"
}
is_up() {
	[ "$(ctl --json drain --show | jq ".alternates[] | select(.address == \"$1\") | .up")" = "$2" ]
}

CONF_EDGE="  alternates: [{address: $NODE2}, {address: $DEAD}, {address: \"fd00:200:1::12\"}]
  limits: {allocations: 100}
  redirect_above: 0" conf edge1 $NODE1 10.200.2.11 fd00:200:1::11
conf edge2 $NODE2 10.200.3.12 fd00:200:1::12
edge_start edge2
edge_start edge1
MRAS_AT=10.200.2.11
check "node 1 issues a credential" credential
check "the other node is seen" within 10 is_up $NODE2:3478 true
check "... on IPv6 too" within 10 is_up '[fd00:200:1::12]:3478' true
check "an address where nobody answers is down" is_up $DEAD:3478 false

allocate() {
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" "$@" allocate
}
check "before: node 1 allocates" answers class=success -- allocate $NODE1
# forget: ends the allocations that test clients left on node 1.
forget() {
	ctl allocations kill --client 10.200.1.2
}
check "its allocation is ended" says 0 '^1 ended' forget

# ---- running clients and new ones ----

# What a full socket of clients and peers loses is their host's doing; with a sanitizer the daemon is slow too.
LOSERS="ext${SANITIZED:+ edge1}"
full=$(overflows $LOSERS)
start peer ext turnutils_peer -L 10.200.1.2 -p 5555
start old ext turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -c -m 4 -n 1000 -l 160 \
	-e 10.200.1.2 -r 5555 $NODE1
sends() {
	[ "$(ctl --json allocations | jq '[.allocations[] | select(.toPeers.packets > 10)] | length')" = 4 ]
}
check "clients at work on node 1" within 20 sends
check "drain" says 0 'draining: [0-9]+ allocations left, new clients are sent to the alternates' \
	ctl drain
check "node 1 is not ready: draining" prints '^not ready: draining' -- admin edge1 /readyz
check "status says it" says 0 '^NOT READY: draining' ctl status
relayed() {
	ctl --json allocations | jq '[.allocations[].toPeers.packets] | add'
}
before=$(relayed)
go_on() {
	at_least "$(relayed)" $((before + 50))
}
check "the running clients go on" within 20 go_on
check "a stranger is challenged as ever" answers class=error code=401 -- probe ext -1 $NODE1 allocate
check "a new client is sent to node 2" answers code=300 alternate=$NODE2:3478 -- allocate $NODE1
check "one on IPv6 as well" answers code=300 'alternate=[fd00:200:1::12]:3478' -- \
	allocate fd00:200:1::11
check "a Binding request is answered" answers class=success -- probe ext $NODE1 binding
named() {
	local i
	for i in $(seq 30); do
		probe ext -L 10.200.1.2 -u "$CRED_USER" -w "$CRED_PASSWORD" $NODE1 allocate | field alternate
	done | sort | uniq -c
}
check "30 clients, and the dead alternate is never named" same "$(named | awk '{ print $2 }')" \
	$NODE2:3478
check "turnutils_uclient follows to node 2 and loses nothing" \
	lossless uclient ext $NODE1 -c -m 2 -n 40 -l 160 -y
check "node 2 had its allocations" has "$WORK/edge2.log" 'allocation granted'
check "node 1 granted none since" same \
	"$(sed -n '/notice daemon draining/,$p' "$WORK/edge1.log" | grep -c 'allocation granted')" 0
check "redirects are counted" prints '^sallyport_turn_redirects_total [1-9]' -- admin edge1 /metrics
check "they end by themselves" await old 60
check "... and lost nothing" uclient_clean "$WORK/old.log" $(($(overflows $LOSERS) - full))

# ---- the alternate dies ----

check "node 2 stops" ends_well edge2
check "its end is seen" within 15 is_up $NODE2:3478 false
check "without an alternate: 508" answers code=508 -- allocate $NODE1
check "the log says it" has "$WORK/edge1.log" "warning daemon alternate is down address=$NODE2"
check "drain --off" says 0 '^not draining' ctl drain --off
check "node 1 is ready again" is_ready edge1
check "and allocates" answers class=success -- allocate $NODE1

# ---- by load ----

edge_start edge2
check "node 2 is back" within 10 is_up $NODE2:3478 true
sed -i 's/redirect_above: 0/redirect_above: 4%/' "$WORK/edge1.yaml"
check "a mark of 4% of 100 allocations is taken" says 0 '^reloaded' ctl reload
forget >/dev/null 2>&1
codes() {
	local i
	for i in $(seq 20); do
		allocate $NODE1 | field code
	done | sort | uniq -c | awk '{ print $2 ":" $1 }' | xargs
}
# One that has been granted keeps its worker busy; the share of each is two.
check "20 clients: 4 stay, the others are sent on" same "$(codes)" "0:4 300:16"
check "one that is sent on relays through node 2" lossless uclient ext $NODE1 -c -n 40 -l 160 -y
check "node 2 had its allocations" has "$WORK/edge2.log" 'allocation granted'
check "node 1 is ready all the same" is_ready edge1
sed -i 's/redirect_above: 4%/redirect_above: 0/' "$WORK/edge1.yaml"
check "the mark is taken away" says 0 '^reloaded' ctl reload

# ---- another alternate than the configuration's; an end by itself ----

check "a name that does not exist" says 1 'name the alternate by its address' \
	in_space edge1 "$CTL" -s "$WORK/edge1.sock" drain --to nowhere.invalid
check "an alternate without an address" says 2 'needs a value' ctl drain --to
check "drain --to an alternate that is down" says 0 'new clients get 508' ctl drain --to $DEAD
check "only that one counts: 508" answers code=508 -- allocate $NODE1
check "drain --off" says 0 '^not draining' ctl drain --off
forget >/dev/null 2>&1
talk_open client ext -u "$CRED_USER" -w "$CRED_PASSWORD" $NODE1
check "a client at node 1" answers class=success -- talk client allocate
check "drain --exit" says 0 'ends with the last one' ctl drain --to $NODE2 --exit
check "its client may refresh" answers class=success -- talk client "refresh lifetime=600"
check "the daemon waits for it" running edge1
check "the client ends its allocation" answers class=success -- talk client "refresh lifetime=0"
check "and the daemon ends by itself" await edge1 10
check "... as if it had been stopped" same "$STATUS" 0
check "the log says why" has "$WORK/edge1.log" 'notice daemon drained'
talk_close client >/dev/null 2>&1

# ---- SIGUSR1 ----

conf edge1 $NODE1 10.200.2.11 fd00:200:1::11
edge_start edge1
kill -USR1 "${PIDS[edge1]}"
drains() {
	[ "$(ctl --json drain --show | jq .draining)" = true ]
}
check "SIGUSR1 drains" within 5 drains
check "without any alternate: 508" answers code=508 -- allocate $NODE1
finish
