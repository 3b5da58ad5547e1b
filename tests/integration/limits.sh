#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The limits of the edge, with real packets: what a flood of one network draws, and who does not
# feel it. Replies are counted by the kernel, outside the daemon, and where they arrive: not all of
# them leave by a socket.
# Has precedence: it floods.
# Without sanitizers: rates are not kept by a daemon that is ten times slower.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer nft

OUT=10.200.1.1
SECONDS_LONG=6
[ -z "$LONG" ] || SECONDS_LONG=60
FLOOD=${FLOOD_RATE:-4000} # requests/s
[ -x "$TOOLS/stunflood" ] || skip_all "stunflood is not built"
site
# The flood comes in over a wire of its own, and the answers to it end in a black hole; a good
# client lives among the addresses that it forges.
space flood
join flood 10.200.9.2/24 edge 10.200.9.1/24
route flood $OUT via 10.200.9.1
in_space edge sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.to-flood.rp_filter=0
in_space edge ip route replace 198.18.0.0/15 via 10.200.9.2 dev to-flood
in_space flood ip address add 198.18.5.9/32 dev lo
in_space flood ip route add blackhole 198.18.0.0/15

in_space flood nft -f - <<'RULES' || skip_all "nft cannot count here"
table ip count {
	counter good {}
	counter flooded {}
	counter other {}
	chain out {
		type filter hook prerouting priority -300;
		udp sport 3478 ip daddr 198.18.5.9 counter name good accept
		udp sport 3478 ip daddr 198.18.5.0/24 counter name flooded
		udp sport 3478 ip daddr 198.18.7.0/24 counter name other
	}
}
RULES
# replies NAME: of this counter so far.
replies() {
	in_space flood nft -j list counter ip count "$1" | jq '.nftables[] | .counter? // empty | .packets'
}
# total ROW LABELS: a counter of the daemon.
total() {
	admin edge /metrics | awk -v row="$1{$2}" '$1 == row { print $2 }'
}
# write_conf LINES: the limits, and nothing else changes but a tenant that comes with ACME.
write_conf() {
	CONF_WORKERS=2 CONF_EDGE="  limits: {$1}" conf edge
	[ -n "${ACME:-}" ] || return 0
	cat >>"$WORK/edge.yaml" <<-YAML
	tenants:
	  - name: acme
	    realm: acme.example
	    by_key: true
	    keys: [{secret_file: $WORK/acme.secret}]
	    limits: {tenant_rate: 8000k, subject_rate: 6000k}
	    peers: {allow: [10.200.0.0/16]}
	YAML
}
secret acme
# flood SECONDS RATE PREFIX ARGUMENTS...
flood() {
	in_space flood "$TOOLS/stunflood" -n $(($1 * $2)) -r "$2" -s "$3" "${@:4}" $OUT
}
# burst_sum WHAT: what the lines at the ends of bursts add up to.
burst_sum() {
	awk -v what="what=$1" '/ burst over / && index($0, what) && match($0, /count=[0-9]+/) {
		n += substr($0, RSTART + 6, RLENGTH - 6) } END { print n + 0 }' "$WORK/edge.log"
}

write_conf "challenge_rate: 200, binding_rate: 300"
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'
start peer hq turnutils_peer -L 10.200.2.2

# ---- challenges ----

start good flood timeout 120 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -L 198.18.5.9 \
	-e 10.200.2.2 -c -n $((SECONDS_LONG * 50 + 400)) -m 4 $OUT
within 15 has "$WORK/good.log" 'tot_recv_msgs=[1-9]' >/dev/null
flood 1 $FLOOD 198.18.5.0/24 >/dev/null # pages of tables that are touched now are not growth
flood 4 250 198.18.7.0/24 -b >/dev/null
# The client opens its sessions one by one, and its packets bring what they use into memory.
steady() {
	local n kb
	n=$(metric edge sallyport_turn_allocations) kb=$(memory_kb edge Rss)
	sleep 1.5
	metric_is edge sallyport_turn_allocations "" "$n" && at_most $(($(memory_kb edge Rss) - kb)) 16
}
check "the good client has all its sessions, and they all they need" within 20 steady
memory=$(memory_kb edge Rss)
before=$(replies flooded) other=$(replies other)
nonce=$(probe flood -1 -L 198.18.5.9 $OUT allocate | field nonce)
start aside flood "$TOOLS/stunflood" -n $((SECONDS_LONG * 50)) -r 50 -s 198.18.7.0/24 $OUT
began=$(date +%s%3N)
start storm flood "$TOOLS/stunflood" -n $((SECONDS_LONG * FLOOD)) -r "$FLOOD" -s 198.18.5.0/24 $OUT
sleep 2
check "a new client of the flooded network gets in if it has a nonce" answers class=success -- \
	probe flood -r $REALM -n "$nonce" -u "$CRED_USER" -w "$CRED_PASSWORD" -L 198.18.5.9 $OUT allocate
check "the network sends $FLOOD requests/s for $SECONDS_LONG s" await storm $((SECONDS_LONG + 20))
ms=$(($(date +%s%3N) - began))
got=$(($(replies flooded) - before))
note "$got challenges in $ms ms; 200/s are allowed"
check "it draws 200 challenges a second and a second's worth at most" at_most $got \
	$((200 * (ms + 1000) / 1000 + 8))
check "it draws what is allowed" at_least $got $((200 * ms / 1000 * 8 / 10))
await aside 10
check "a network beside it gets every answer" same $(($(replies other) - other)) $((SECONDS_LONG * 50))
await good 60
check "a client of the flooded network that has an allocation loses nothing" uclient_clean \
	"$WORK/good.log"
check "the rest is counted" at_least \
	"$(total sallyport_turn_replies_limited_total 'kind="challenge"')" \
	$((SECONDS_LONG * (FLOOD - 200) * 9 / 10))
check "after the flood one without gets in too" answers class=success -- \
	probe flood -u "$CRED_USER" -w "$CRED_PASSWORD" -L 198.18.5.9 $OUT allocate

# ---- Bindings ----

before=$(replies flooded)
began=$(date +%s%3N)
flood 3 $FLOOD 198.18.5.0/24 -b >/dev/null
ms=$(($(date +%s%3N) - began))
got=$(($(replies flooded) - before))
note "$got Binding answers in $ms ms; 300/s are allowed"
check "Binding answers have a limit of their own" at_most $got $((300 * (ms + 1000) / 1000 + 8))
check "which is what is allowed" at_least $got $((300 * ms / 1000 * 8 / 10))
if [ -z "$SANITIZED" ]; then
	check "memory is the same within 256 KiB" at_most $(($(memory_kb edge Rss) - memory)) 256
else
	skip "memory is the same within 256 KiB" "a sanitizer's allocator keeps what was freed"
fi

# ---- the log ----

told() {
	[ "$(burst_sum challenges_dropped)" = "$(total sallyport_turn_replies_limited_total 'kind="challenge"')" ] &&
		[ "$(burst_sum bindings_dropped)" = "$(total sallyport_turn_replies_limited_total 'kind="binding"')" ]
}
check "the lines at the bursts' ends add up to the counters" within 15 told
note "$(grep -c 'answers dropped' "$WORK/edge.log") lines at the begin, $(grep -c 'burst over' \
	"$WORK/edge.log") at the end"
check "each burst is one line of each worker at its begin" same \
	"$(grep -cE 'answers dropped prefix=198.18.5.0/24' "$WORK/edge.log")" 4
check "and one at its end" same "$(grep -c ' burst over ' "$WORK/edge.log")" 4

# ---- reload ----

write_conf "challenge_rate: 0"
kill -HUP "${PIDS[edge]}"
within 5 has "$WORK/edge.log" ' reloaded ' >/dev/null
before=$(replies flooded)
flood 1 2000 198.18.5.0/24 >/dev/null
check "a reload to 0 lifts the limit" at_least $(($(replies flooded) - before)) 1900

# ---- rates: of an allocation, of a subject, of the node, in packets ----

# reload LINES: until the daemon has taken them.
reload() {
	local n
	n=$(grep -c ' reloaded ' "$WORK/edge.log")
	write_conf "challenge_rate: 0${1:+, $1}"
	kill -HUP "${PIDS[edge]}"
	within 5 reloaded_after "$n"
}
reloaded_after() {
	[ "$(grep -c ' reloaded ' "$WORK/edge.log")" -gt "$1" ]
}
# uclient_flood ALLOCATIONS LENGTH: datagrams of LENGTH bytes each 2 ms on each of so many
# allocations of one user, echoed by the peer. (uclient makes as many again and leaves them idle.)
uclient_flood() {
	credential '"location":"internet","limits":{"allocations":1000}'
	start uflood ext timeout 120 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
		-e 10.200.2.2 -c -n 100000 -m "$1" -l "$2" -z 2 $OUT
	within 15 has "$WORK/uflood.log" 'tot_recv_msgs=[1-9]' >/dev/null
	all_at_work "$1"
}
# all_at_work ALLOCATIONS: they send, and their buckets' first quarter of a second is spent.
all_at_work() {
	within 30 at_work "$1" || note "not all allocations send"
	sleep 2
}
at_work() {
	admin edge /admin/v1/allocations | jq -e --argjson n "$1" \
		'[.allocations[] | select(.toPeers.packets > 10)] | length == $n' >/dev/null
}
# measure ROW DIRECTION: how fast that counter grows, by the second, over five of them.
measure() {
	local from to began ended
	from=$(total "$1" "direction=\"$2\"") began=$(date +%s%N)
	sleep 5
	to=$(total "$1" "direction=\"$2\"") ended=$(date +%s%N)
	echo $(((to - from) * 1000000000 / (ended - began)))
}
kbps() {
	echo $(($(measure sallyport_relay_bytes_total "$1") * 8 / 1000))
}
within_tenth() {
	at_least "$1" $(($2 * 9 / 10)) && at_most "$1" $(($2 * 11 / 10))
}
# is_cut NAME GOT WANTED REASON OPTION: within a tenth, and by that limit.
is_cut() {
	note "$1: $2, the limit is $3"
	admin edge /admin/v1/allocations >"$WORK/allocations.json"
	check "an operator sees who is cut: $1" jq -e --arg limit "$5" \
		'[.allocations[] | select(.dropped[$limit].packets > 0)] | length > 0' \
		"$WORK/allocations.json"
	check "$1 is cut to $3 within a tenth" within_tenth "$2" "$3"
	check "what is over is counted as $4" at_least \
		"$(total sallyport_relay_drops_total "reason=\"$4\"")" 100
	stop uflood
	stop uflood2
	mras /revocations -H 'Content-Type: application/json' -o "$WORK/revoke.json" \
		-d "{\"revocations\":[{\"username\":\"$CRED_USER\"}]}"
	[ "$4" = over_tenant_rate ] || within 5 no_allocations || note "allocations are left"
}
no_allocations() {
	prints '^sallyport_turn_allocations 0$' -- admin edge /metrics >/dev/null
}
mras /revocations -H 'Content-Type: application/json' -o "$WORK/revoke.json" \
	-d "{\"revocations\":[{\"username\":\"$CRED_USER\"}]}"
within 5 no_allocations || note "allocations are left"

reload "allocation_rate: 3000k, subject_rate: 10000k" || note "no reload"
uclient_flood 2 1000
is_cut "two allocations of 3000 kbit/s each" "$(kbps to_peer)" 6000 over_rate allocation_rate
uclient_flood 8 1000
is_cut "eight allocations of a user who may have 10000 kbit/s" "$(kbps to_peer)" 10000 over_subject_rate subject_rate
check "the line at an allocation's end says what cut it" has "$WORK/edge.log" \
	'allocation ended .* allocation_rate_dropped_packets=[1-9][0-9]* allocation_rate_dropped_bytes=[1-9]'
check "also when it was the subject's rate" has "$WORK/edge.log" \
	'allocation ended .* subject_rate_dropped_packets=[1-9][0-9]* subject_rate_dropped_bytes=[1-9]'
check "the line at its begin says what limits it" has "$WORK/edge.log" \
	'allocation granted .* kbps=3000 packets_s=0 subject_kbps=10000'
# Two of its users, on several workers; each may have more than half of it, and the sum is cut.
ACME=1 reload ""
for n in 2 ''; do
	read -r CRED_USER CRED_PASSWORD < <(python3 "$HERE/mint.py" --identity "user$n" "$WORK/acme.secret")
	start uflood$n ext timeout 120 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
		-e 10.200.2.2 -c -n 100000 -m 4 -l 1000 -z 2 $OUT
	within 15 has "$WORK/uflood$n.log" 'tot_recv_msgs=[1-9]' >/dev/null
done
all_at_work 8
is_cut "a tenant who may have 8000 kbit/s" "$(kbps to_peer)" 8000 over_tenant_rate tenant_rate
reload ""
check "the tenant's allocations end with it" within 5 no_allocations
reload "node_rate: 12000k"
uclient_flood 8 1000
is_cut "the whole node" "$(kbps to_peer)" 12000 over_node_rate node_rate
reload "allocation_packets: 100"
uclient_flood 4 100
is_cut "four allocations of 100 packets/s" \
	"$(measure sallyport_relay_packets_total to_peer)" 400 over_packets allocation_packets

# ---- how many: exact over the workers, however the kernel deals ----

# codes N: how N clients fare that ask for an allocation each: "5 success 3 508".
codes() {
	local i
	for i in $(seq "$1"); do
		probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT allocate | tail -n 1
	done | sed -E 's/.*class=success.*/success/; s/.*code=([0-9]+).*/\1/' | sort | uniq -c |
		sort -k2 -r | xargs
}
end_all() {
	mras /revocations -H 'Content-Type: application/json' -o "$WORK/revoke.json" \
		-d "{\"revocations\":[{\"username\":\"$CRED_USER\"}]}"
	within 5 no_allocations || note "allocations are left"
	credential '"location":"internet","limits":{"allocations":1000}'
}
end_all
reload "allocations: 9"
check "a node of two workers takes nine allocations and no tenth" same "$(codes 12)" "9 success 3 508"
end_all
check "and nine again when they have ended" same "$(codes 10)" "9 success 1 508"
end_all
reload "allocations: 0"
credential '"location":"internet","limits":{"allocations":4}'
check "a user of four allocations gets 486 for the fifth" same "$(codes 12)" "4 success 8 486"
subject=$(grep -oE 'allocation granted .* subject=[0-9a-f]+' "$WORK/edge.log" | tail -n 1 | field subject)
end_all

# ---- what is refused again and again: a line at the begin, a line at the end ----

for _ in $(seq 20); do
	probe ext -u "$CRED_USER" -w wrong $OUT allocate
done >"$WORK/wrong.out"
check "a wrong password is refused" has "$WORK/wrong.out" 'code=401'
talk_open denied ext -u "$CRED_USER" -w "$CRED_PASSWORD" $OUT
check "an allocation" answers class=success -- talk denied allocate
for _ in $(seq 20); do
	talk denied "permission peer=127.0.0.1"
done >"$WORK/denied.out"
check "a peer that is denied is refused" has "$WORK/denied.out" 'code=403'
talk_close denied
refused() {
	[ "$(burst_sum credential_refused)" -ge 18 ] && [ "$(burst_sum peer_denied)" = 20 ] &&
		[ "$(burst_sum quota_reached)" -ge 6 ]
}
check "bursts of refusals end with their number" within 15 refused
check "wrong passwords are a line of each worker" at_most \
	"$(grep -c 'credential refused reason=bad_integrity prefix=10.200.1.0/24' "$WORK/edge.log")" 2
check "a denied peer is one line" same "$(grep -c "peer denied .*subject=" "$WORK/edge.log")" 1
check "a quota is a line of each worker" at_most \
	"$(grep -c "quota reached subject=$subject" "$WORK/edge.log")" 2
finish
