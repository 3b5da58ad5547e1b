#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients that change their address or transport keep their allocation (RFC 8016): nothing is lost
# that was not on the way, from one worker to another and back, behind a NAT whose address changes.
# Over each data path: clients change their addresses.
# With tsan: allocations that change their worker.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer nft

OUT=10.200.1.1 PEER=10.200.2.2
site
address_add ext to-edge 10.200.1.3/24
CONF_WORKERS=4 conf edge $OUT 10.200.2.1
sed -i "/host: av.example.com/a\\      tcp: [\"$OUT\"]" "$WORK/edge.yaml"
edge_start edge
start peer hq turnutils_peer -L $PEER
check "a credential is issued" credential '"location":"internet","limits":{"allocations":1000}'

metric() {
	admin edge /metrics | grep -E "^$1" | head -n 1 | awk '{ print $2 }'
}

# moves CLIENTS ARGUMENTS...: numbered packets while these clients move; all come back.
moves() {
	local clients=$1 full
	shift
	full=$(overflows ext hq)
	in_space ext timeout 60 "$TOOLS/seqprobe" -u "$CRED_USER" -w "$CRED_PASSWORD" -n "$clients" \
		-r 2000 -d 4 "$@" $OUT $PEER | tee "$WORK/moves.out"
	[ "${PIPESTATUS[0]}" = 0 ] && has "$WORK/moves.out" 'doubled=0' &&
		at_most "$(field lost <"$WORK/moves.out")" $(($(overflows ext hq) - full)) &&
		has_not "$WORK/moves.out" 'moves=0'
}

# ---- with a second address of its own, on a new port each time, so on any of the four workers ----

check "UDP to UDP and back, channels" moves 20 -M 10.200.1.3 -M 10.200.1.2 -M -
check "UDP to UDP and back, Send indications" moves 20 -s -M 10.200.1.3 -M 10.200.1.2 -M -
check "UDP to TCP to UDP" moves 20 -M 10.200.1.3/tcp -M 10.200.1.2 -M -/tcp -M -
check "TCP to UDP to TCP" moves 20 -t -M 10.200.1.3 -M 10.200.1.2/tcp -M -
check "allocations moved between sockets of one worker" at_least \
	"$(metric 'sallyport_turn_moves_total\{result="same_worker"')" 20
check "allocations moved between workers" at_least \
	"$(metric 'sallyport_turn_moves_total\{result="other_worker"')" 100
check "no move failed" same \
	"$(metric 'sallyport_turn_moves_total\{result="stayed"')$(metric 'sallyport_turn_moves_total\{result="lost"')" 00
check "no message that waited was dropped" same \
	"$(metric 'sallyport_turn_ignored_total\{reason="allocation_away"')" 0

# ---- the old connection ends, and what is under way finds nobody ----

break_before_make() {
	in_space ext timeout 60 "$TOOLS/seqprobe" -u "$CRED_USER" -w "$CRED_PASSWORD" -n 10 -r 500 \
		-d 4 -b "$@" $OUT $PEER >"$WORK/moves.out" || return
	cat "$WORK/moves.out"
	at_most "$(field lost <"$WORK/moves.out")" "$(field cut <"$WORK/moves.out")" &&
		same "$(field moves <"$WORK/moves.out")" 20
}
check "the old socket closed first: TCP" break_before_make -t -M 10.200.1.3/tcp -M -
check "the old socket closed first: UDP" break_before_make -M 10.200.1.3 -M 10.200.1.2

# ---- a real client ----

relaying "turnutils_uclient -M, UDP" ext $OUT -M -e $PEER -c -n 50 -m 4
relaying "turnutils_uclient -M, Send indications" ext $OUT -M -e $PEER -c -s -n 50 -m 4
relaying "turnutils_uclient -M, TCP" ext $OUT -t -M -e $PEER -c -n 50 -m 4
relaying "turnutils_uclient -M, between clients" ext $OUT -M -y -n 50 -m 4
all_relayed

# ---- a NAT gets another address; its clients keep their sockets and do not know ----

space home
join home 10.200.3.2/24 ext 10.200.3.1/24
route home default via 10.200.3.1
in_space ext sysctl -qw net.ipv4.ip_forward=1
masquerade() {
	in_space ext nft -f - <<-NFT
	table ip nat {
		chain post {
			type nat hook postrouting priority 100
			ip saddr 10.200.3.0/24 masquerade random
		}
	}
	NFT
}
if masquerade 2>"$WORK/nft.log"; then
	in_space ext ip address delete 10.200.1.3/24 dev to-edge
	start behind home timeout 60 "$TOOLS/seqprobe" -u "$CRED_USER" -w "$CRED_PASSWORD" -n 10 \
		-r 1000 -d 6 -m -D 300 $OUT $PEER
	within 10 grep -q ready "$WORK/behind.log"
	sleep 2
	began_ms=$(date +%s%3N)
	# The primary address goes, and with it the NAT's mappings; the route needs a new source.
	in_space ext ip address add 10.200.1.9/24 dev to-edge
	in_space ext ip address delete 10.200.1.2/24 dev to-edge
	in_space ext ip address show dev to-edge | grep -q 10.200.1.9 ||
		in_space ext ip address add 10.200.1.9/24 dev to-edge
	in_space ext ip route replace 10.200.2.0/24 via 10.200.1.1
	AWAY_MS=$(($(date +%s%3N) - began_ms))
	behind_recovers() {
		await behind 30
		cat "$WORK/behind.log"
		same "$STATUS" 0 && same "$(field recovered <"$WORK/behind.log")" 10 &&
			at_most "$(field gap_ms <"$WORK/behind.log")" $((1500 + AWAY_MS))
	}
	check "ten clients behind a NAT that gets another address go on" behind_recovers
else
	skip "a NAT that gets another address" "nft cannot masquerade here: $(head -n 1 "$WORK/nft.log")"
fi

# ---- switched off while it runs ----

switched_off() {
	sed -i "s/^  realm:/  mobility: false\n  realm:/" "$WORK/edge.yaml"
	kill -HUP "${PIDS[edge]}"
	within 5 grep -q reloaded "$WORK/edge.log" || return
	in_space home timeout 20 "$TOOLS/seqprobe" -u "$CRED_USER" -w "$CRED_PASSWORD" -d 1 -m $OUT $PEER
	has <(in_space home timeout 20 "$TOOLS/seqprobe" -u "$CRED_USER" -w "$CRED_PASSWORD" -d 1 -m \
		$OUT $PEER 2>&1) 'code=405'
}
check "edge.mobility: false, by a reload, is 405" switched_off
finish
