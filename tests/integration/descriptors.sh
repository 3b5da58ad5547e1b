#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A host that gives the daemon few file descriptors: allocations end where the reserve begins, with 508
# and one line that says what to do. The API, sallyportctl, clients on TCP and the calls that run are
# untouched, and as soon as allocations end there are new ones.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
OUT=10.200.1.1
PEER=10.200.2.2
LIMIT=1024 # of which relay ports leave 128
site
crowd_site
start peer hq turnutils_peer -L $PEER
# The other data paths need no descriptor for an allocation.
SALLYPORT_DATAPATH=socket CONF_WORKERS=2 conf edge $OUT
sed -i "/host: av.example.com/a\\      tcp: [\"$OUT\"]" "$WORK/edge.yaml"

cat >"$WORK/limited" <<-SH
#!/bin/sh
ulimit -n $LIMIT && exec "$SALLYPORTD" "\$@"
SH
chmod +x "$WORK/limited"
SALLYPORTD=$WORK/limited
edge_start edge
check "a credential is issued" credential '"location":"internet"'

descriptors() {
	find "/proc/${PIDS[edge]}/fd" -mindepth 1 | wc -l
}
crowd() {
	in_space crowd "$TOOLS/turncrowd" -u "$CRED_USER" -w "$CRED_PASSWORD" "$@" $OUT
}
relays_over() {
	lossless uclient ext $OUT -e $PEER -c -n 10 "$@"
}
cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/${PIDS[edge]}/stat"
}

start good ext timeout 120 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -e $PEER -c -n 400 \
	-m 4 $OUT
within 15 has "$WORK/good.log" 'tot_recv_msgs=[1-9]' >/dev/null
start crowd crowd "$TOOLS/turncrowd" -u "$CRED_USER" -w "$CRED_PASSWORD" -n 1500 -k $OUT
check "a crowd asks for more allocations than there are descriptors" \
	within 30 has "$WORK/crowd.log" '^ready'
line=$(grep '^allocate' "$WORK/crowd.log")
note "$line"
granted=$(grep -oE 'granted=[0-9]+' <<<"$line" | cut -d= -f2)
refused=$(grep -oE 'refused=[0-9]+' <<<"$line" | cut -d= -f2)
check "some are granted" at_least "$granted" $((LIMIT * 3 / 4))
check "all others are refused, with 508" same "$line" "${line/refused=*lost/refused=$((1500 - granted))(508) lost}"
check "none is left without an answer" has "$WORK/crowd.log" '^allocate .* lost=0 '
check "the reserve is left" at_most "$(descriptors)" $((LIMIT - LIMIT / 8 + 16))
check "each refusal is counted" metric_at_least edge sallyport_turn_relay_ports_refused_total \
	'reason="descriptors"' "$refused"
check "and told in a line for each worker at most" at_most \
	"$(grep -c 'turn no relay port reason=descriptors' "$WORK/edge.log")" 2
check "which says what to do" has "$WORK/edge.log" 'no relay port .*LimitNOFILE'
before=$(cpu_ticks)
sleep 1
check "nothing spins" at_most $(($(cpu_ticks) - before)) 20

check "the credential API answers" credential '"location":"internet"'
check "the operator is answered" is_ready edge
check "sallyportctl is" "$CTL" -s "$WORK/edge.sock" status
connects() {
	in_space ext timeout 5 bash -c "exec 3<>/dev/tcp/$OUT/3478"
}
check "a client on TCP gets in" connects
check "new clients are told 508" prints '^allocate .* refused=[1-9][0-9]*\(508\)' -- \
	crowd -n 100 -f 20000
await good 120
check "the call that ran lost nothing" uclient_clean "$WORK/good.log"
stop crowd
few_are_left() {
	at_most "$(metric edge sallyport_turn_allocations)" 8
}
check "the crowd gives its allocations back" few_are_left
check "then there are new ones" relays_over
check "on TCP too" relays_over -t
finish
