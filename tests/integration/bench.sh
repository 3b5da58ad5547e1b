#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The benchmark does what its figures stand on: real allocations by the dozen, packets of every size
# both ways, an account of each; then tables, a plot, and a matrix that can be cut into pieces. Loss at
# a low rate is judged here, time is not.
# Runs alone: it measures.
# Without sanitizers: it measures.
. "$(dirname "$0")/lib.sh"
begin ethtool nft taskset
export SALLYPORT_BUILD SALLYPORTD

CELL=$SOURCE/tests/bench/cell.sh
# cell ARGUMENTS OF cell.sh...: its line in $WORK/cell.json
cell() {
	timeout 60 "$CELL" "$@" --json --clients 20 --rate 2000 --seconds 1 >"$WORK/cell.json"
}
# Every packet came once, in order, as it was sent. A busy host may have sent fewer than it should.
perfect() {
	cell "$@" || return
	cat "$WORK/cell.json"
	jq -e '[.up, .down][] | .sent >= 100 and .received == .sent and .latency_us.p50 > 0 and
		.reordered + .duplicate + .corrupt + .bad_checksum + .misdirected + .late +
		.send_errors + .lost_here == 0' "$WORK/cell.json" >"$WORK/judged" &&
		same "$(sort -u "$WORK/judged")" true
}
# Enough of them to see what they cost: a thread's processor time is counted when it is switched.
setup_is_told() {
	timeout 60 "$CELL" "$@" A --json --clients 200 --seconds 0 >"$WORK/cell.json" || return
	cat "$WORK/cell.json"
	jq -e '.setup | .seconds > 0 and .server_us_each > 0 and .rss_kb > 1000' "$WORK/cell.json"
}

relays='direct forward socket'
for relay in steer kernel; do
	timeout 60 "$CELL" "$relay" A --clients 1 --seconds 0 >"$WORK/why" 2>&1
	case $? in
	0) relays+=" $relay" ;;
	77) skip "$relay" "$(tail -n 1 "$WORK/why")" ;;
	*) check "$relay starts" cat "$WORK/why" false ;;
	esac
done
if command -v turnserver >/dev/null; then
	relays+=' coturn'
else
	skip "coturn" "turnserver is not installed"
fi
for relay in $relays; do
	check "$relay: frames, all sizes, complete checksums, IPv6" perfect -6 "$relay" A \
		--size 0-1448 --checksum complete
	check "$relay: sockets, all sizes, on one core" perfect -s "$relay" B --size 0-1472
	[ -n "$LONG" ] || continue
	check "$relay: frames, checksums left to the device" perfect "$relay" A --size 0-1468
	check "$relay: sockets, IPv6" perfect -s -6 "$relay" A --size 0-1472
done
for relay in socket coturn; do
	[[ " $relays " = *" $relay "* ]] || continue
	for transport in tcp tls; do
		check "$relay: clients on $transport" perfect -t $transport "$relay" A --size 0-1472
		check "$relay: what their set-up cost is told" setup_is_told -t $transport "$relay"
	done
done
a_rate_is_found() {
	timeout 60 "$CELL" direct A --json --clients 20 --rate 2000 --seconds 0.1 --search \
		>"$WORK/cell.json" && cat "$WORK/cell.json" &&
		jq -e '.packets_s >= 2000 and .loss_percent <= 0.1' "$WORK/cell.json"
}
check "a search ends with a rate that holds" a_rate_is_found
# ---- the driver ----

matrix() {
	timeout 300 "$SOURCE/tests/bench/run" --results "$WORK/results.jsonl" --clients 20 --sizes 172 \
		--relays "coturn,socket,socket-poll,forward${LONG:+,steer,kernel}" --repeats 1 --most 0 --seconds 0.5 \
		--trial 0.1 --search-from 50000 --rate 2000 --stream-rate 2000 --setup-clients 100 \
		--calm 0 "$@" >"$WORK/matrix.out" 2>&1
	local status=$?
	cat "$WORK/matrix.out"
	return $status
}
cut_short() {
	matrix --budget 1 "$@"
	same $? 75
}
lines() {
	wc -l <"$WORK/results.jsonl"
}
# As many as there are measurements for that relay, in the file and in the tables.
has_all_of() {
	same "$(jq -s "map(select(.cell.relay == \"$1\")) | length" "$WORK/results.jsonl")" "$2" &&
		at_least "$(grep -c "^| .*| $3 | [0-9a-z]" "$WORK/page.md")" "$2"
}
lost_nothing() {
	jq -c 'select(.cell.measure != "rate") | .result | [.up, .down] | map(.sent - .received +
		.reordered + .duplicate + .corrupt + .bad_checksum + .misdirected + .late +
		.send_errors) | add' "$WORK/results.jsonl" | sort -u >"$WORK/judged"
	same "$(cat "$WORK/judged")" 0
}
plot_is_right() {
	python3 - "$WORK/plot.svg" <<-'PYTHON'
	import sys, xml.etree.ElementTree as tree
	dots = tree.parse(sys.argv[1]).findall(".//{*}circle/{*}title")
	bad = [d.text for d in dots if "Sallyport" not in d.text and "coturn" not in d.text and "kernel" not in d.text]
	sys.exit(0 if len(dots) >= 10 and not bad else "dots: %d, bad: %s" % (len(dots), bad))
	PYTHON
}
# A packet costs 2 and 3 more than without a relay.
growth_is_told() {
	jq -c 'select(.cell.measure == "cpu") | .result.core_us_each = (if .cell.relay == "direct" then 1
		else 3 end), (.cell.clients = 2000 | .result.core_us_each = (if .cell.relay == "direct" then 1
		else 4 end))' "$WORK/results.jsonl" >"$WORK/grown.jsonl"
	"$SOURCE/tests/bench/run" --report --results "$WORK/grown.jsonl" >"$WORK/grown.out"
	has "$WORK/grown.out" '^\| 20 to 2,000, 172 B \| Sallyport, socket \| 50 % \|$'
}
page_keeps_its_text() {
	has "$WORK/page.md" '^before$' && has "$WORK/page.md" '^after$' && has "$WORK/page.md" '^Measured on: '
}
printf 'before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nafter\n' >"$WORK/page.md"
check "a matrix stops when its budget is used, and says so" cut_short
FIRST=$(lines)
# What failed on a busy host is tried again.
the_rest() {
	local i
	for i in 1 2 3; do
		matrix "$@" && return
	done
	return 1
}
check "called again, it does the rest" the_rest --page "$WORK/page.md" --svg "$WORK/plot.svg"
check "there was a rest" at_least "$(lines)" $((FIRST + 5))
LAST=$(lines)
check "called once more, it has nothing to do" matrix
check "and measures nothing" same "$(lines)" "$LAST"
check "all figures of sockets are there" has_all_of socket 6 "Sallyport, socket"
check "and of sockets with busy polling" has_all_of socket-poll 1 "Sallyport, socket, busy_poll 250"
[[ $relays != *coturn* ]] || check "and of coturn" has_all_of coturn 6 coturn
check "and of plain forwarding" has_all_of forward 3 "kernel forwarding"
check "at these rates nothing was lost, doubled, reordered or changed" lost_nothing
check "the page has new tables in its old text" page_keeps_its_text
check "the plot is XML with a dot for each run" plot_is_right
check "how the cost grows is told" growth_is_told


# ---- calls ----

no_call_failed() {
	timeout 90 "$SOURCE/tests/bench/calls.sh" -t "$1" -r 50 -d 1 -n 1 >"$WORK/calls" 2>&1
	local status=$?
	cat "$WORK/calls"
	[ $status = 0 ] && same "$(grep -c ' calls=50 failed=0 ' "$WORK/calls")" 2 &&
		has "$WORK/calls" "^\\| ${1^^}, 50/s for 1 s \\| Sallyport \\| [1-9][0-9]* \\| 0*[1-9.]"
}
for transport in tcp udp; do
	if command -v sipp >/dev/null && command -v kamailio >/dev/null; then
		check "calls over $transport, through Sallyport and Kamailio" no_call_failed $transport
	else
		skip "calls over $transport" "sipp or kamailio is not installed"
	fi
done

refused() {
	! "$BENCH/turnload" "$@" >"$WORK/refused" 2>&1
}
check "a namespace that is not there ends it" refused --direct --from-space /run/netns/none
check "a size that is too long for a frame is refused" refused --direct --size 1470 \
	--from-link lo,2:0:0:0:0:1 --peer 198.19.0.1:10000
finish
