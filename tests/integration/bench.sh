#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The benchmark program does what its measurements stand on: opens allocations, reads the server's
# memory, and relays paced packets both ways. No figure is judged here but loss.
# Runs alone: it measures.
# Without sanitizers: it measures.
. "$(dirname "$0")/lib.sh"
begin

OUT=10.200.1.1
site
conf edge
edge_start edge
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'
check "memory of 200 allocations, 20 to warm up" prints \
	'^memory allocations=200 bytes_each=-?[0-9]+ .*full_kb=[1-9][0-9]*$' -- \
	in_space ext "$BENCH/turnbench" memory -u "$CRED_USER" -w "$CRED_PASSWORD" \
	-p "${PIDS[edge]}" -n 200 -k 20 $OUT
check "the same with a channel on each" prints '^memory allocations=200 ' -- \
	in_space ext "$BENCH/turnbench" memory -u "$CRED_USER" -w "$CRED_PASSWORD" \
	-p "${PIDS[edge]}" -n 200 -k 20 -c -P 10.200.2.2 $OUT
check "ten calls of voice for three seconds, none lost" prints \
	'^voice calls=10 .* up_sent=1500 up_lost=0 .* down_sent=1500 down_lost=0 ' -- \
	in_space ext "$BENCH/turnbench" voice -u "$CRED_USER" -w "$CRED_PASSWORD" \
	-p "${PIDS[edge]}" -n 10 -d 3 -P 10.200.1.2 $OUT
check "wrong credentials end it with a word" prints 'refused with 401' -- \
	in_space ext "$BENCH/turnbench" memory -u "$CRED_USER" -w wrong -p "${PIDS[edge]}" -n 1 $OUT
finish
