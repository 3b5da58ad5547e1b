#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The SIP door for web pages: two pages in Chromium with JsSIP register over WebSocket at the Kamailio
# inside, send a message, call each other with sound, hold and hang up.
#
#   ext 10.200.1.2 -- 10.200.1.1 edge 10.10.0.11 -- 10.10.0.10 core (Kamailio)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
. "$HERE/lib-door.sh"
. "$(dirname "$0")/lib-browser.sh"
door_begin certutil
browser_begin
cp "$HERE/sipbrowser.mjs" "$WORK" || exit 1
EDGE=10.200.1.1 EDGE_IN=10.10.0.11

space ext edge core
join ext 10.200.1.2/24 edge $EDGE/24
join core $FE/24 edge $EDGE_IN/24
route ext default via $EDGE
certificate fe sips serverAuth,clientAuth DNS:fe.example.net
door_certificates
names core $FE $EDGE_IN

door_front_end
{
	echo "admin: {socket: $WORK/edge.sock}"
	NEXT_HOP=fe.example.net:5061 door_conf "wss: [$EDGE]" 'origins: ["https://page.example.com"]'
} >"$WORK/edge.yaml"
edge_start edge
check "the front end answers" within 20 metric_is edge sallyport_access_front_end_up "" 1
check "the browser trusts the authority" browser_trusts sips

pages() {
	local program
	program=$(browser_in ext)
	env HOME="$WORK" TMPDIR="$WORK" CHROMIUM="$program" node "$WORK/sipbrowser.mjs" wss://sip.example.net/ $EDGE \
		"$WORK/browser.json" >"$WORK/browser.log" 2>&1 &
	PIDS[browser]=$!
	await browser 170
	within 5 browsers_gone ext || kill -KILL $(browsers_of ext)
	same "$STATUS" 0 && return
	cat "$WORK/browser.log"
	tail -n 20 "$WORK/fe.log"
	return 1
}
check "two pages with JsSIP call each other" pages
check "both have registered" found 'all(.[]; .registered | test("SIP/2.0 200"))'
check "a message has come, and its answer" found '.[1].messages == ["hello"] and .[0].answered == [200]'
check "the call was held from one side, and ended from the other" found \
	'.[1].held == 1 and all(.[]; .confirmed == 1 and .ended == 1)'
check "nothing of the inside was seen" found 'all(.[]; .registered | test("10\\.10\\.|kamailio|fe\\.example") | not)'
check "requests passed both ways" metric_at_least edge sallyport_access_messages_total \
	'kind="request",direction="outward"' 3
finish
