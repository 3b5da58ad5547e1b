#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Resident memory for each idle allocation, Sallyport and coturn in turn: fresh server, real clients,
# three rounds each, one worker thread each. Prints every round and the ratio of the medians.
#   tests/bench/memory.sh [ALLOCATIONS [ROUNDS]]
. "$(dirname "$0")/../integration/lib.sh"
begin turnserver

N=${1:-5000}
ROUNDS=${2:-3}
OUT=10.200.1.1
site
# One client opens them all, as fast as it can.
CONF_WORKERS=1 CONF_EDGE="  limits: {challenge_rate: 0}" conf edge

# measure NAME: turnbench against the server that runs under that name.
measure() {
	local line
	line=$(in_space ext "$BENCH/turnbench" memory -u "$CRED_USER" -w "$CRED_PASSWORD" \
		-p "${PIDS[$1]}" -n "$N" $OUT) || exit 1
	echo "$1 $line" | tee -a "$WORK/rounds"
}

median() {
	grep "^$1 " "$WORK/rounds" | grep -oE " $2=[0-9-]+" | cut -d= -f2 | sort -n |
		awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for _ in $(seq "$ROUNDS"); do
	edge_start edge
	credential '"location":"internet","limits":{"allocations":65535}' || exit 1
	measure edge
	stop edge

	start coturn edge turnserver -n -m 1 --lt-cred-mech -u bench:bench -r $REALM -L $OUT -E $OUT \
		--min-port=50000 --max-port=59999 --no-tls --no-dtls --no-cli --log-file=stdout \
		--pidfile="$WORK/coturn.pid"
	within 10 probe ext -W 200 $OUT binding >/dev/null || exit 1
	CRED_USER=bench CRED_PASSWORD=bench
	measure coturn
	stop coturn
done
for field in bytes_each private_bytes_each cpu_us_each; do
	ours=$(median edge $field)
	theirs=$(median coturn $field)
	echo "$field: sallyport $ours, coturn $theirs, ratio $(awk -v a="$ours" -v b="$theirs" \
		'BEGIN { printf "%.3f", a / b }')"
done
