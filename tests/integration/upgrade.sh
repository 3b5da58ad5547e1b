#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon is replaced while clients relay through it: nothing they send is lost, three times in a
# row; and a replacement that fails leaves the running one as it was.
# Over each data path: allocations go to another process.
# Takes 50 s.
# With asan, tsan: state that goes to another process.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

OUT=10.200.1.1 PEER=10.200.2.2
ulimit -n 16384 2>/dev/null
site
CONF_WORKERS=2 conf edge $OUT 10.200.2.1
sed -i "/host: av.example.com/a\\      tcp: [\"$OUT\"]" "$WORK/edge.yaml"
edge_start edge
start peer hq turnutils_peer -L $PEER
check "a credential is issued" credential '"location":"internet","limits":{"allocations":5000}'

metric() {
	admin edge /metrics | grep -E "^$1" | head -n 1 | awk '{ print $2 }'
}

# take_over NAME: a new daemon beside the running one. It is $1 from then on, "edge" no more.
GENERATION=0
take_over() {
	GENERATION=$((GENERATION + 1))
	NEW=edge$GENERATION
	start "$NEW" edge "$SALLYPORTD" --take-over -f -c "$WORK/${1:-edge}.yaml"
	within 10 taken_or_dead && running "$NEW" && grep -q 'taken over' "$WORK/$NEW.log" || {
		cat "$WORK/$NEW.log"
		tail -n 5 "$WORK/$RUNNING.log"
		return 1
	}
	OLD=$RUNNING
	RUNNING=$NEW
	NODES=("$NEW")
}
RUNNING=edge
taken_or_dead() {
	! running "$NEW" || grep -q 'taken over' "$WORK/$NEW.log"
}
old_ends() {
	await "$OLD" 15
	tail -n 3 "$WORK/$OLD.log"
	same "$STATUS" 0
}

# What a busy host makes clients and peers lose; with a sanitizer the daemon too, which is slow then.
LOSERS="ext hq${SANITIZED:+ edge}"
declare -A FULL=()
# probe_start NAME ARGUMENTS...: numbered packets, until probe_ends.
probe_start() {
	local name=$1
	shift
	FULL[$name]=$(overflows $LOSERS)
	start "$name" ext timeout 90 "$TOOLS/seqprobe" -u "$CRED_USER" -w "$CRED_PASSWORD" "$@" \
		$OUT $PEER
	within 50 grep -q ready "$WORK/$name.log"
}
probe_ends() {
	await "$1" 40
	cat "$WORK/$1.log"
	same "$STATUS" 0
}
none_lost() {
	probe_ends "$1" && at_most "$(field lost <"$WORK/$1.log")" $(($(overflows $LOSERS) - FULL[$1])) &&
		same "$(field doubled <"$WORK/$1.log")" 0
}

# ---- three upgrades in a row ----

probe_start channels -n 20 -r 5000 -d 9
probe_start sends -n 10 -s -r 1000 -d 9
start real ext timeout 90 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -e $PEER -c -n 400 -m 4 $OUT
start tcp ext timeout 90 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" -t -e $PEER -c -n 400 -m 4 $OUT
sleep 2
for i in 1 2 3; do
	check "upgrade $i" take_over
	sleep 1.5
done
check "5,000 packets a second through three upgrades, channels: none lost" none_lost channels
check "the same with Send indications" none_lost sends
real_client() {
	await "$1" 60
	tail -n 12 "$WORK/$1.log"
	same "$STATUS" 0 && uclient_clean "$WORK/$1.log"
}
check "turnutils_uclient loses nothing" real_client real
check "turnutils_uclient on TCP stays with the process that it began with" real_client tcp
check "the old processes end when their connections have" old_ends
for name in edge edge1; do
	await "$name" 15 >/dev/null
done
check "credentials are still issued" credential '"location":"internet","limits":{"allocations":5000}'
check "the operator's socket answers" is_ready edge

# ---- a thousand allocations ----

# turnutils_uclient does not delete its own; they are there until their lifetime is over.
REST=$(metric 'sallyport_turn_allocations ')
probe_start thousand -n 1000 -r 5000 -d 8
allocations_are() {
	same "$(metric 'sallyport_turn_allocations ')" $(($1 + REST))
}
check "a thousand allocations" within 5 allocations_are 1000
check "an upgrade" take_over
check "they are all there" allocations_are 1000
check "and none of their packets is lost" none_lost thousand
grep -h 'taken over' "$WORK"/edge*.log | sed 's/^/# /'
stood_still() {
	at_most "$(field stood_still_ms <"$WORK/$RUNNING.log")" 500
}
check "it stood still for less than half a second" stood_still
check "when they are deleted nothing is left" within 5 allocations_are 0
check "the old process ends" old_ends

# ---- leases, tickets, and what is told to it afterwards ----

check "a credential for one more allocation" credential \
	"\"location\":\"internet\",\"limits\":{\"allocations\":$((REST + 1))}"
probe_start only -r 200 -d 6 -m -M -
check "an upgrade while the one allocation lives" take_over
second_is_486() {
	has <(in_space ext timeout 20 "$TOOLS/seqprobe" -u "$CRED_USER" -w "$CRED_PASSWORD" -d 1 $OUT \
		$PEER 2>&1) 'code=486'
}
check "it counts for its subject in the new process" second_is_486
moved() {
	none_lost only && same "$(field moves <"$WORK/only.log")" 1
}
check "a ticket of the old process moves it in the new one" moved
check "afterwards the subject may allocate again" in_space ext timeout 20 "$TOOLS/seqprobe" \
	-u "$CRED_USER" -w "$CRED_PASSWORD" -d 1 $OUT $PEER
check "that old process ends too" old_ends

# ---- what fails leaves the running one alone ----

check "a credential again" credential '"location":"internet","limits":{"allocations":5000}'
probe_start through -n 10 -r 1000 -d 12

# refused NAME PATTERN: a take-over with $WORK/NAME.yaml that ends with this reason.
refused() {
	start other edge "$SALLYPORTD" --take-over -f -c "$WORK/$1.yaml"
	await other 15
	cat "$WORK/other.log"
	[ "$STATUS" != 0 ] && has "$WORK/other.log" "$2" && running "$RUNNING" && is_ready edge
}
sed 's/^workers: .*/workers: 3/' "$WORK/edge.yaml" >"$WORK/more.yaml"
check "another number of workers is refused" refused more 'workers=2.*workers=3'
sed 's/ports: .*/ports: 40000-49999/' "$WORK/edge.yaml" >"$WORK/ports.yaml"
check "other relay ports are refused" refused ports 'edge.relay.ports=50000-59999'
sed 's/realm:/relam:/' "$WORK/edge.yaml" >"$WORK/bad.yaml"
check "a configuration that is wrong is refused" refused bad 'relam'
sed "s#admin: .*#admin: {socket: $WORK/nobody.sock}#" "$WORK/edge.yaml" >"$WORK/alone.yaml"
check "without a running daemon it says so" refused alone 'cannot reach the running daemon'

# The real one, without descriptors for all that it is given.
without_descriptors() {
	start victim edge prlimit --nofile=34:34 "$SALLYPORTD" --take-over -f -c "$WORK/edge.yaml"
	await victim 15
	cat "$WORK/victim.log"
	[ "$STATUS" != 0 ] && has_not "$WORK/victim.log" 'taken over' && running "$RUNNING" &&
		within 5 is_ready edge
}
# One that says all the right things until it is killed, by SIGKILL, in the middle.
broken() {
	in_space edge python3 "$HERE/takeover.py" "$WORK/edge.sock.upgrade" "$1"
	[ $? = 137 ] && running "$RUNNING" && within 5 is_ready edge
}
other_version() {
	in_space edge python3 "$HERE/takeover.py" "$WORK/edge.sock.upgrade" version
}
check "one that runs out of descriptors" without_descriptors
for step in hello sockets ready some all; do
	check "one that is killed after: $step" broken $step
done
check "one that speaks another version is told" prints 'REFUSED.*version 9' -- other_version
check "the running one goes on" running "$RUNNING"
check "and nothing of what it relays is lost" none_lost through
another_user() {
	chmod 755 "$WORK" && chmod 777 "$WORK/edge.sock.upgrade"
	in_space edge setpriv --reuid 65534 --clear-groups curl -s --max-time 2 \
		--unix-socket "$WORK/edge.sock.upgrade" http://localhost/
	chmod 600 "$WORK/edge.sock.upgrade"
	within 5 grep -q 'upgrade refused.*uid=65534 reason="another user"' "$WORK/$RUNNING.log"
}
check "another user is turned away" another_user
check "the next upgrade works" take_over
check "and its predecessor ends" old_ends

# ---- by signal ----

by_signal() {
	kill -USR2 "${PIDS[$RUNNING]}"
	within 10 grep -q 'handed over' "$WORK/$RUNNING.log" || return
	await "$RUNNING" 15
	same "$STATUS" 0 && within 5 is_ready edge
}
check "SIGUSR2 starts the successor" by_signal
PIDS[spawned]=$(grep -h 'handed over' "$WORK/$RUNNING.log" | field pid)
within_end() {
	kill -TERM "${PIDS[spawned]}"
	within 10 not_running spawned
	unset "PIDS[spawned]"
}
check "which stops when told to" within_end
check "and leaves no socket behind" same "$(ls "$WORK"/*.sock* 2>/dev/null)" ""
NODES=()
finish
