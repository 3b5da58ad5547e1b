#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon and its configuration: what is wrong is named with its place and ends the start; a
# reload swaps or keeps, and loses no packet; SIGTERM ends cleanly under load.
# With asan: files that are wrong in every way.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

SERVER=10.200.1.1
site
conf edge
cp "$WORK/edge.yaml" "$WORK/good.yaml"

check "-V prints the version" prints '^sallyport [0-9]+\.[0-9]+' -- "$SALLYPORTD" -V
check "-t accepts a good file" "$SALLYPORTD" -t -c "$WORK/good.yaml"
sample() {
	"$SALLYPORTD" -s >"$WORK/sample.yaml" && at_least "$(wc -l <"$WORK/sample.yaml")" 100
}
check "-s prints a sample of every option" sample
check "an unknown option is an error" prints '[uU]sage|invalid option' -- "$SALLYPORTD" -9

# wrong NAME SED MESSAGE [LINE]: the file changed by SED neither passes -t nor starts, and the
# message names file, line and column of the changed line, and matches MESSAGE.
wrong() {
	sed "$2" "$WORK/good.yaml" >"$WORK/wrong.yaml"
	local line
	line=$(diff "$WORK/good.yaml" "$WORK/wrong.yaml" | sed -n '1s/^[0-9,]*[acd]\([0-9]*\).*/\1/p')
	check "$1: -t says where" says "$line" "$3" -t
	check "$1: it does not start" says "$line" "$3" -f
}
says() {
	local line=$1 message=$2
	shift 2
	in_space edge timeout 10 "$SALLYPORTD" "$@" -c "$WORK/wrong.yaml" >"$WORK/wrong.out" 2>&1
	local status=$?
	cat "$WORK/wrong.out"
	[ $status != 0 ] && [ $status != 124 ] && [ $status -lt 128 ] || {
		echo "exit status $status"
		return 1
	}
	grep -qE "wrong\.yaml:${line}:[0-9]+: .*$message" "$WORK/wrong.out" || {
		echo "no wrong.yaml:$line:COLUMN: ... $message"
		return 1
	}
}
wrong "an unknown key" 's/^  realm:/  relam:/' 'relam'
wrong "an unknown section" 's/^admin:/admn:/' 'admn'
wrong "a bad unit" 's/^mras:/&\n  max_duration: 8parsecs/' '8parsecs'
wrong "a number out of range" 's/^edge:/&\n  node: 64/' '64'
wrong "a repeated key" 's/^  realm: .*/&\n&/' 'realm'
wrong "ports the wrong way round" 's/50000-59999/59999-50000/' '59999-50000'
wrong "a bad address" 's/\["10.200.1.1"\]/["10.200.1.300"]/' '10\.200\.1\.300'
wrong "an IPv4 address as wildcard" 's/\["10.200.1.1"\]/["0.0.0.0"]/' 'wildcard'
wrong "two faces at one address" 's/\["10.200.2.1"\]/["10.200.1.1"]/' 'face "external" listens on this'
wrong "a tab in the indentation" 's/^  realm/\trealm/' ''
wrong "a missing realm" '/^  realm:/d' 'realm'

# fails NAME MESSAGE: the start with wrong.yaml fails with a message that matches.
fails() {
	check "$1" fails_with "$2"
}
fails_with() {
	in_space edge timeout 10 "$SALLYPORTD" -f -c "$WORK/wrong.yaml" >"$WORK/wrong.out" 2>&1
	local status=$?
	cat "$WORK/wrong.out"
	[ $status != 0 ] && [ $status != 124 ] && [ $status -lt 128 ] && has "$WORK/wrong.out" "$1"
}
sed "s|$WORK/pool.secret|$WORK/missing.secret|" "$WORK/good.yaml" >"$WORK/wrong.yaml"
fails "a key file that is not there" 'missing\.secret'
head -c 16 /dev/urandom >"$WORK/short.secret"
chmod 600 "$WORK/short.secret"
sed "s|$WORK/pool.secret|$WORK/short.secret|" "$WORK/good.yaml" >"$WORK/wrong.yaml"
fails "a key that is too short" 'short\.secret'
sed "s|$WORK/edge-tls.key|$WORK/fe.key|" "$WORK/good.yaml" >"$WORK/wrong.yaml"
fails "a private key that does not fit its certificate" 'fe\.key|edge-tls\.pem'
sed '/host: av.example.com/a\      dtls: ["10.200.1.1"]' "$WORK/good.yaml" >"$WORK/wrong.yaml"
fails "DTLS without a certificate" '"dtls" needs a certificate'
sed "s|10.200.1.1|10.200.9.9|" "$WORK/good.yaml" >"$WORK/wrong.yaml"
fails "an address that is not the host's" '10\.200\.9\.9'
fails_missing() {
	in_space edge timeout 10 "$SALLYPORTD" -f -c "$WORK/nothing.yaml"
}
check "no configuration file" prints 'nothing\.yaml' -- fails_missing
if [ "$(id -u)" = 0 ] && command -v runuser >/dev/null && getent passwd nobody >/dev/null; then
	chmod 755 "$WORK"
	cp "$WORK/good.yaml" "$WORK/wrong.yaml"
	chmod 644 "$WORK/wrong.yaml"
	cp "$SALLYPORTD" "$WORK/sallyportd-copy"
	check "a key file that may not be read" prints 'pool\.secret.*[Pp]ermission denied' -- \
		in_space edge timeout 10 runuser -u nobody -- "$WORK/sallyportd-copy" -f \
		-c "$WORK/wrong.yaml"
	chmod 700 "$WORK"
else
	skip "a key file that may not be read" "no user nobody"
fi

# A port in use: an outsider holds the listening port, then the API's.
cp "$WORK/good.yaml" "$WORK/wrong.yaml"
start holder edge python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.200.1.1", 3478))
print("held", flush=True); time.sleep(60)'
within 5 has "$WORK/holder.log" held >/dev/null
fails "the relay's port is in use" '10\.200\.1\.1:3478'
stop holder
start holder edge python3 -c 'import socket, time
s = socket.socket(); s.bind(("10.200.2.1", 5062)); s.listen()
print("held", flush=True); time.sleep(60)'
within 5 has "$WORK/holder.log" held >/dev/null
fails "the API's port is in use" '10\.200\.2\.1:5062'
stop holder

# Reload.
edge_start edge
check "a second daemon on the same addresses does not start" prints '10\.200\.|admin\.sock|edge\.sock' -- \
	in_space edge timeout 10 "$SALLYPORTD" -f -c "$WORK/good.yaml"
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'
start peer hq turnutils_peer -L 10.200.2.2
start load ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
	-e 10.200.2.2 -c -n 400 -m 8 $SERVER
check "clients relay" within 15 has "$WORK/load.log" 'tot_recv_msgs=[1-9]'
allowed() {
	answers "$1" -- probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER allocate \
		"permission peer=192.168.50.1"
}
check "a private peer is denied" allowed code=403
sed 's|allow: \[|&192.168.50.0/24, |' "$WORK/good.yaml" >"$WORK/edge.yaml"
kill -HUP "${PIDS[edge]}"
check "SIGHUP: a newly allowed peer is allowed" within 5 allowed class=success
sed 's|allow: \[|&192.168.50.0/33, |' "$WORK/good.yaml" >"$WORK/edge.yaml"
kill -HUP "${PIDS[edge]}"
check "SIGHUP with a bad file: the log says where" within 5 has "$WORK/edge.log" \
	'edge\.yaml:[0-9]+:[0-9]+: '
check "... and the old configuration stays" allowed class=success
check "... and it is ready" is_ready edge
secret new
sed "s|keys: \[|&{secret_file: $WORK/new.secret}, |" "$WORK/good.yaml" >"$WORK/edge.yaml"
kill -HUP "${PIDS[edge]}"
two_keys() {
	same 2 "$(mras /keys | grep -oE '"kid": ?"[0-9a-f]{8}"' | sort -u | wc -l)"
}
check "SIGHUP: a second key is in the ring" within 5 two_keys
check "... a credential of the old key still allocates" answers class=success -- \
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER allocate
for _ in $(seq 20); do
	kill -HUP "${PIDS[edge]}"
	sleep 0.05
done
check "it survives twenty reloads in a second" is_ready edge
await load 60
check "the clients lost nothing over all reloads" uclient_clean "$WORK/load.log"

# In the background and as another user: the command ends with 0 once it serves.
background() {
	in_space edge timeout 10 "$SALLYPORTD" -c "$WORK/back.yaml"
}
if getent passwd nobody >/dev/null; then
	stop edge
	chmod 755 "$WORK"
	chown nobody "$WORK/pool.secret" "$WORK/edge-tls.key"
	touch "$WORK/back.log"
	chown nobody "$WORK/back.log"
	sed "1i log: {file: $WORK/back.log}\nuser: nobody" "$WORK/good.yaml" >"$WORK/back.yaml"
	check "it starts in the background" background
	check "... and is ready when the command ends" is_ready edge
	PIDS[edge]=$(ip netns pids "$RUN-edge" | head -n 1)
	check "... as the user it shall be" same nobody "$(stat -c %U "/proc/${PIDS[edge]}")"
	check "... and serves" answers class=success -- \
		probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER allocate
	kill -HUP "${PIDS[edge]}"
	check "... and reloads" within 5 has "$WORK/back.log" 'reload'
	kill -TERM "${PIDS[edge]}"
	check "... and ends" within 5 not_running edge
	unset "PIDS[edge]"
	chown root "$WORK/pool.secret" "$WORK/edge-tls.key"
	chmod 700 "$WORK"
	cp "$WORK/good.yaml" "$WORK/edge.yaml"
	edge_start edge
else
	skip "it starts in the background as another user" "no user nobody"
fi

# The end.
start load ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
	-e 10.200.2.2 -c -n 4000 -m 8 $SERVER
check "clients relay again" within 15 has "$WORK/load.log" 'tot_recv_msgs=[1-9]'
check "SIGTERM ends it" stop edge TERM 5
check "... with status 0" same "$STATUS" 0
check "... and the admin socket is gone" test ! -e "$WORK/edge.sock"
stop load KILL
edge_start edge
check "it starts again on the same addresses" answers class=success -- \
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER allocate
kill -KILL "${PIDS[edge]}"
await edge 5
edge_start edge
check "and after SIGKILL, over the socket file left behind" is_ready edge
finish
