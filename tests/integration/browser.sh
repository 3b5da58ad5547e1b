#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A web browser takes the iceServers of the credential API's answer as they are: two peer connections
# of headless Chromium reach each other through the relay alone. playwright-core, which drives it,
# comes from the npm registry: the one thing here that wants a network.
. "$(dirname "$0")/lib.sh"
begin

no_browser() {
	echo "skip - browser: $*"
	exit 77
}
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
[ -x "$CHROMIUM" ] || no_browser "$CHROMIUM is not installed"
for program in node npm; do
	command -v $program >/dev/null || no_browser "$program is not installed"
done
cp "$HERE/browser.mjs" "$HERE/package.json" "$HERE/package-lock.json" "$WORK" || exit 1
(cd "$WORK" && timeout 120 npm ci --ignore-scripts --prefer-offline) >"$WORK/npm.log" 2>&1 ||
	no_browser "npm ci failed ($?): $(grep -E -m 1 'npm (ERR!|error)' "$WORK/npm.log")"

OUT=10.200.1.1
site
route ext default via $OUT
conf edge
edge_start edge

# browse MODE: the browser outside, with the document that credential left; what it found is in
# $WORK/browser.json. The names of both faces lead it to the outside one.
browse() {
	echo null >"$WORK/browser.json"
	start browser ext env HOME="$WORK" TMPDIR="$WORK" node "$WORK/browser.mjs" "$1" \
		"$WORK/credential.json" "$WORK/browser.json" av.example.com=$OUT av.int.example.com=$OUT
	await browser 75
	# Chromium's own children end a moment after it, all of them when it was killed.
	within 5 all_gone || kill -KILL $(ip netns pids "$RUN-ext")
	same "$STATUS" 0 && return
	cat "$WORK/browser.log"
	return 1
}
all_gone() {
	[ -z "$(ip netns pids "$RUN-ext")" ]
}
# found FILTER: holds for what it found.
found() {
	jq -e "$1" "$WORK/browser.json" >/dev/null || {
		echo "not true: $1"
		cat "$WORK/browser.json"
		return 1
	}
}
# metric NAME LABEL: its value; nothing when there is none.
metric() {
	admin edge /metrics | awk -v row="$1${2:+{$2\}}" '$1 == row { print $2 }'
}
counts() {
	same "$(metric "$1" "$2")" "$3"
}
counts_at_least() {
	at_least "$(metric "$1" "$2")" "$3"
}

check "a credential for outside" credential '"location":"internet"'
check "two peer connections call each other" browse call
check "all their candidates are of the relay" found \
	"all(.[].candidates; length > 0 and all(.[]; .type == \"relay\" and .address == \"$OUT\"))"
check "the local candidates of the selected pairs are relayed, over UDP, by the server asked for" \
	found 'all(.[].local; .candidateType == "relay" and .relayProtocol == "udp" and
	.url == "turn:av.example.com:3478?transport=udp")'
check "the remote ones are those of the other side" found 'length == 2 and
	all(.[].remote; .candidateType == "relay") and
	[.[].remote | .address, .port] == [.[1, 0].local | .address, .port]'
check "1,000 messages came in order, both ways" found 'all(.[]; .received == 1000)'
check "sound came, both ways" found \
	'all(.[].audio; .packetsReceived >= 100 and .totalAudioEnergy > 0)'
check "no connection was lost on the way" found 'all(.[]; .states == ["connecting", "connected"])'
check "the daemon granted an allocation to each" counts sallyport_turn_requests_total \
	'method="allocate"' 2
check "it relayed toward the peers" counts_at_least sallyport_relay_packets_total \
	'direction="to_peer"' 1000
check "it relayed toward the clients" counts_at_least sallyport_relay_packets_total \
	'direction="to_client"' 1000
check "... all that the messages were" counts_at_least sallyport_relay_bytes_total \
	'direction="to_client"' 1000000
check "the closed connections gave their allocations back" within 5 \
	counts sallyport_turn_allocations "" 0

check "a credential for inside" credential '"location":"intranet"'
check "a peer connection gathers with it, outside" browse gather
check "... no candidate" found '.candidates == []'
check "... but a 403" found 'any(.errors[]; .errorCode == 403 and
	.url == "turn:av.int.example.com:3478?transport=udp")'
check "the daemon says why" counts_at_least sallyport_turn_auth_failures_total \
	'reason="wrong_location"' 1
check "... and granted nothing" counts sallyport_turn_requests_total 'method="allocate"' 2
finish
