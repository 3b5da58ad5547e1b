#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The server's processor time for each request of an allocation's life, and for refusals: Sallyport and
# coturn in turn, one worker thread each, so many requests under way at once. Prints every round and
# the medians: challenge + allocate is what a new allocation costs.
#   tests/bench/requests.sh [CLIENTS [ROUNDS [UNDER_WAY]]]
. "$(dirname "$0")/../integration/lib.sh"
begin turnserver

N=${1:-5000}
ROUNDS=${2:-3}
UNDER_WAY=${3:-32}
OUT=10.200.1.1
PEER=10.200.2.2
site
crowd_site
CONF_WORKERS=1 CONF_EDGE="${BENCH_EDGE:-}" conf edge
[ -z "${BENCH_LEVEL:-}" ] || echo "log: {level: $BENCH_LEVEL}" >>"$WORK/edge.yaml"

# measure NAME FLAGS...: the crowd against the server that runs under that name.
measure() {
	local name=$1
	shift
	in_space crowd "$TOOLS/turncrowd" -u "$CRED_USER" -w "$CRED_PASSWORD" -p "${PIDS[edge]}" \
		-n "$N" -j "$UNDER_WAY" "$@" $OUT | sed "s/^/$name /" | tee -a "$WORK/rounds"
}
both() {
	measure "$1" -P $PEER
	measure "$1-wrong" -b -w wrong -f 20000
}
median() {
	grep "^$1 $2 " "$WORK/rounds" | grep -oE "cpu_us_each=[0-9.]+" | cut -d= -f2 | sort -n |
		awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for _ in $(seq "$ROUNDS"); do
	edge_start edge
	credential "\"location\":\"internet\"${BENCH_LIMITS:-}" || exit 1
	both sallyport
	stop edge

	start edge edge turnserver -n -m 1 --lt-cred-mech -u bench:bench -r $REALM -L $OUT -E $OUT \
		--min-port=50000 --max-port=59999 --no-tls --no-dtls --no-cli --log-file=stdout \
		--allowed-peer-ip=$PEER --pidfile="$WORK/coturn.pid"
	within 10 probe ext -W 200 $OUT binding >/dev/null || exit 1
	CRED_USER=bench CRED_PASSWORD=bench
	both coturn
	stop edge
done
compare() {
	local ours theirs
	ours=$(median "sallyport$2" "$1")
	theirs=$(median "coturn$2" "$1")
	echo "$1$2: sallyport $ours us, coturn $theirs us, ratio $(awk -v a="$ours" -v b="$theirs" \
		'BEGIN { printf "%.3f", a / b }')"
}
for phase in challenge allocate permit bind release; do
	compare $phase ""
done
compare allocate -wrong
