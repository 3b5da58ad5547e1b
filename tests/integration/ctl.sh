#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The operator's tool: what it shows of a daemon at work, what it does to it, and what it says when
# something is wrong.
# With asan, tsan: what operators ask of a daemon that runs.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}

# ctl ARGUMENTS...: against the node "edge".
ctl() {
	"$CTL" -s "$WORK/edge.sock" "$@"
}

# says STATUS PATTERN COMMAND...: it exits with this status and prints such a line.
says() {
	local want=$1 pattern=$2
	shift 2
	"$@" >"$WORK/says.out" 2>&1
	local got=$?
	has "$WORK/says.out" "$pattern" && same "$got" "$want"
}

site
conf edge
sed -i "s|listen: \\[\"10.200.1.1\"\\]|&\\n      tls: [\"10.200.1.1\"]\\n      certificate: $WORK/edge-tls.pem\\n      private_key: $WORK/edge-tls.key|" \
	"$WORK/edge.yaml"

# ---- without a daemon ----

check "no socket: says so, and what to look at" \
	says 1 'there is no socket .*edge.sock: is sallyportd running' ctl status
check "the socket's name is read from the configuration" \
	says 1 "there is no socket $WORK/edge.sock" "$CTL" -c "$WORK/edge.yaml" status
echo 'admin: {socket: relative}' >"$WORK/bad.yaml"
check "a configuration that is wrong is named with its line" \
	says 1 'bad.yaml:1:' "$CTL" -c "$WORK/bad.yaml" status
check "an unknown command" says 2 'there is no command "frobnicate"' ctl frobnicate
check "an unknown option" says 2 'there is no option --frob' ctl status --frob
check "an argument too many" says 2 'a word too many' ctl status now
check "--help shows the arguments" says 2 'usage: sallyportctl status' ctl status --help
check "-h lists the commands" says 0 '^  reload ' "$CTL" -h

# ---- an answer that would steer the terminal ----

cat >"$WORK/hostile.py" <<'PYTHON'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
while True:
    c = s.accept()[0]
    c.recv(65536)
    body = rb'{"keys": [{"kid": "a\u001b[2Jb\u009bcd"}], "title": "x"}'
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
    c.close()
PYTHON
start hostile ext python3 "$WORK/hostile.py" "$WORK/hostile.sock"
check "a socket of another program" within 5 test -S "$WORK/hostile.sock"
"$CTL" -s "$WORK/hostile.sock" keys >"$WORK/hostile.out" 2>&1
check "its answer is shown" has "$WORK/hostile.out" '^a\?\[2Jb\?\?cd '
check "control characters do not reach the terminal" \
	same "$(LC_ALL=C tr -d '[:print:]\n' <"$WORK/hostile.out" | wc -c)" 0
stop hostile >/dev/null

# ---- DNS, from the configuration ----

dns() {
	"$CTL" -c "$WORK/edge.yaml" dns "$@"
}
check "dns: the address" says 0 '^av.example.com. +IN A +10.200.1.1$' dns
check "dns: SRV" says 0 '^_turns._tcp.example.com. +IN SRV +0 0 5349 av.example.com.$' dns
check "dns: NAPTR" \
	says 0 '^example.com. +IN NAPTR 10 10 "s" "RELAY:turn.udp" "" _turn._udp.example.com.$' dns
check "dns: the inside face in its own domain" \
	says 0 '^_stun._udp.int.example.com. +IN SRV +0 0 3478 av.int.example.com.$' dns
check "dns: another domain" says 0 '^_turn._udp.example.net. ' dns --domain example.net
check "dns: nothing that is not listened on" same "$(dns | grep -c '_turn._tcp\|_udp.*SRV.*5349')" 0
check "dns as JSON" same "$(dns --json | jq -r '[.records[].type] | unique | join(" ")')" "A NAPTR SRV"

# ---- status, keys, reload ----

edge_start edge
check "status: ready, with version and workers" says 0 '^ready' ctl status
check "status lists the listeners" says 0 '^external +internet +tls +10.200.1.1:5349' ctl status
check "status lists the keys" says 0 '^[0-9a-f]{8} +signs' ctl status
check "status lists the certificates by use and days left" \
	says 0 "^face external +[12] soon .* $WORK/edge-tls.pem" ctl status
check "status as JSON" \
	same "$(ctl --json status | jq -r '"\(.ready) \(.listeners | length) \(.certificates | length)"')" \
	"true 3 2"
check "keys" says 0 '^[0-9a-f]{8} +signs +- +- +-$' ctl keys
check "keys as JSON, the option behind the command" \
	same "$(ctl keys --json | jq -r .realm)" "$REALM"

check "a tenant that does not exist" says 1 'there is no tenant of this name' ctl keys --tenant moon
check "nor issues credentials" says 1 'there is no tenant of this name' \
	ctl credentials issue --tenant moon sip:alice@example.com

check "reload" says 0 '^reloaded$' ctl reload
check "the daemon's log has the reload" has "$WORK/edge.log" 'notice conf reloaded'
sed "s/^  realm: .*/  realm: $REALM\n  frob: 1/" "$WORK/edge.yaml" >"$WORK/edge.yaml.new"
cp "$WORK/edge.yaml" "$WORK/edge.yaml.good"
cp "$WORK/edge.yaml.new" "$WORK/edge.yaml"
check "a reload that is refused shows the line that is wrong" \
	says 1 'edge.yaml:[0-9]+:[0-9]+: unknown key "frob"' ctl reload
check "... and says what is in force" says 1 'the old configuration stays in force' ctl reload
check "... also as JSON" same "$(ctl --json reload | jq -r .reloaded)" false
cp "$WORK/edge.yaml.good" "$WORK/edge.yaml"

# ---- credentials ----

ctl --json credentials issue --location internet sip:alice@example.com >"$WORK/issued.json"
check "issue gives a credential" \
	same "$(jq -r '.credentials[0].result' "$WORK/issued.json")" ok
CRED_USER=$(jq -r '.credentials[0].username' "$WORK/issued.json")
CRED_PASSWORD=$(jq -r '.credentials[0].password' "$WORK/issued.json")
check "issue for people" says 0 '^username +[0-9]+:m1\.' ctl credentials issue --duration 30m bob
check "issue at a location that does not exist" \
	says 1 'refused|Malformed' ctl credentials issue --location moon bob
check "decode: accepted" says 0 '^accepted' ctl credentials decode "$CRED_USER"
check "decode: the claims" says 0 '^locations +internet$' ctl credentials decode "$CRED_USER"
check "decode: expired" says 1 '^expired' ctl credentials decode "1000000000:${CRED_USER#*:}"
check "decode: not ours" says 1 '^bad_form' ctl credentials decode nobody

# ---- allocations ----

check "no allocation yet" says 0 '^0 allocations$' ctl allocations
start peer hq turnutils_peer -L 10.200.2.2 -p 5555
start uclient ext turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -m 3 -n 4000 -l 160 \
	-e 10.200.2.2 -r 5555 10.200.1.1
n_allocations() {
	[ "$(ctl --json allocations "${@:2}" | jq '.allocations | length')" = "$1" ]
}
check "the allocations of a client at work are listed" within 10 n_allocations 6
check "listed for people" says 0 '^[0-9a-f]+ +10.200.1.2:[0-9]+ +udp +external +10.200.1.1:' \
	ctl allocations
ID=$(ctl --json allocations | jq -r '.allocations[0].id')
CLIENT=$(ctl --json allocations | jq -r '.allocations[0].client')
SUBJECT=$(ctl --json allocations | jq -r '.allocations[0].subject')
check "filter: client with port" n_allocations 1 --client "$CLIENT"
check "filter: client's prefix" n_allocations 6 --client 10.200.1.0/24
check "filter: another client" n_allocations 0 --client 10.200.9.9
check "filter: subject" n_allocations 6 --subject "$SUBJECT"
check "filter: subject by identity" n_allocations 6 --subject sip:alice@example.com
check "filter: another identity" n_allocations 0 --subject sip:bob@example.com
check "filter: face" n_allocations 6 --face external
check "filter: the other face" n_allocations 0 --face internal
check "filter: a face that does not exist" says 1 'no face of this name' \
	ctl allocations --face moon
check "filter: an address that is none" says 1 'write an address.* or a prefix' ctl allocations --peer moon
pages() {
	local after= next n=0
	while next=$(ctl --json allocations --limit 4 ${after:+--after "$after"}); do
		jq -r '.allocations[].id' <<<"$next"
		after=$(jq -r '.next // empty' <<<"$next")
		n=$((n + 1))
		[ -n "$after" ] && [ $n -lt 10 ] || break
	done
}
check "pages have each allocation once" same "$(pages | sort -u | wc -l)/$(pages | wc -l)" 6/6
sends() {
	ID=$(ctl --json allocations | jq -r '[.allocations[] | select(.toPeers.packets > 0)][0].id // empty')
	[ -n "$ID" ]
}
check "the traffic is counted" within 30 sends
CLIENT=$(ctl --json allocations | jq -r ".allocations[] | select(.id == \"$ID\") | .client")
check "filter: peer" same "$(ctl --json allocations --peer 10.200.2.2 | jq '.allocations | length')" \
	"$(ctl --json allocations | jq '[.allocations[] | select(.permissions > 0)] | length')"
check "filter: another peer" n_allocations 0 --peer 10.200.2.3
ctl allocations show "$ID" >"$WORK/show.out"
check "show: the client" has "$WORK/show.out" "^client +$CLIENT over udp on 10.200.1.1:3478"
check "show: a peer with its channel" has "$WORK/show.out" '^10.200.2.2:555[56] +0x[4-7][0-9a-f]{3}'
check "show: the rate now" has "$WORK/show.out" '^to peers +[0-9]+ packets.*now [0-9.]+ k?bit/s'
check "show: no such allocation" says 1 'no such allocation' ctl allocations show ffff
check "show: not an id" says 1 'not a hexadecimal number' ctl allocations show moon
check "status counts them" says 0 '^allocations +6$' ctl status

check "kill by id" says 0 '^1 ended' ctl allocations kill "$ID"
check "it is gone" n_allocations 5
check "kill what is not there" says 1 'no allocation matches' ctl allocations kill "$ID"
check "kill needs a choice" says 2 'say which' ctl allocations kill
check "kill by client" says 0 '^5 ended' ctl allocations kill --client 10.200.1.2
check "all gone" n_allocations 0
check "the log says who ended them" has "$WORK/edge.log" 'allocation ended id=.* reason=killed'
stop uclient KILL >/dev/null

check "revoke" says 0 '^revoked' ctl credentials revoke "$CRED_USER"
check "decode: revoked" says 1 '^revoked' ctl credentials decode "$CRED_USER"
check "revoke two things at once" says 2 'say one thing' ctl credentials revoke a --kid 00000000

# ---- an operator who may not ----

chmod 755 "$WORK"
check "a user without rights is told the group" \
	says 1 'this user may not open .*: become root, or a member of the group root' \
	setpriv --reuid=65534 --regid=65534 --clear-groups "$CTL" -s "$WORK/edge.sock" status
stop edge KILL
check "a socket that nobody listens on any more" says 1 'nobody listens on .*start it' ctl status
finish
