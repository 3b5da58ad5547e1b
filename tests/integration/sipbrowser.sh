#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The SIP door for web pages: two pages in Chromium with JsSIP register over WebSocket at the Kamailio
# inside, send a message, call each other with sound, hold and hang up.
#
#   ext 10.200.1.2 -- 10.200.1.1 edge 10.10.0.11 -- 10.10.0.10 core (Kamailio)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-sip.sh"
. "$(dirname "$0")/lib-browser.sh"
begin kamailio dnsmasq certutil
[ -f "$(dirname "$(find /usr/lib -name tls.so -path '*kamailio*' | head -n 1)")/outbound.so" ] ||
	skip_all "kamailio-outbound-modules is not installed"
browser_begin
cp "$HERE/sipbrowser.mjs" "$WORK" || exit 1
EDGE=10.200.1.1 EDGE_IN=10.10.0.11

space ext edge core
join ext 10.200.1.2/24 edge $EDGE/24
join core $FE/24 edge $EDGE_IN/24
route ext default via $EDGE
certificate fe sips serverAuth,clientAuth DNS:fe.example.net
certificate sip sips serverAuth "DNS:example.net,DNS:sip.example.net"
certificate inside sips serverAuth,clientAuth "IP:$EDGE_IN"
names core $FE $EDGE_IN

sed "s,@WORK@,$WORK,; s,@FE@,$FE,; s,@EDGE@,$EDGE_IN,; s,@TLS@,$WORK/fe-tls.cfg," \
	"$SOURCE/contrib/kamailio-access.cfg" >"$WORK/fe.cfg"
for side in server client; do
	cat >>"$WORK/fe-tls.cfg" <<-CFG
	[$side:default]
	method = TLSv1.2+
	certificate = $WORK/fe.pem
	private_key = $WORK/fe.key
	ca_list = $WORK/sips.pem
	verify_certificate = yes
	require_certificate = yes
	CFG
done
start fe core kamailio -DD -E -f "$WORK/fe.cfg" -w "$WORK" -P "$WORK/fe.pid" -Y "$WORK" -m 32 -M 4
check "Kamailio listens" within 20 listens core tcp $FE 5061
cat >"$WORK/edge.yaml" <<YAML
admin: {socket: $WORK/edge.sock}
access:
  host: sip.example.net
  wss: [$EDGE]
  origins: ["https://page.example.com"]
  certificate: $WORK/sip.pem
  private_key: $WORK/sip.key
  domains: [example.net]
  inside:
    listen: ["$EDGE_IN:5062"]
    certificate: $WORK/inside.pem
    private_key: $WORK/inside.key
    ca: $WORK/sips.pem
    next_hop: "fe.example.net:5061"
    dns_servers: [$FE@53]
YAML
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
