#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The operator's tool: what it shows of a daemon at work, what it does to it, and what it says when
# something is wrong.
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

# ---- an operator who may not ----

chmod 755 "$WORK"
check "a user without rights is told the group" \
	says 1 'this user may not open .*: become root, or a member of the group root' \
	setpriv --reuid=65534 --regid=65534 --clear-groups "$CTL" -s "$WORK/edge.sock" status
stop edge KILL
check "a socket that nobody listens on any more" says 1 'nobody listens on .*start it' ctl status
finish
