#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same requests to coturn, as Debian has it, and to this daemon, each in a world of its own with the
# same addresses: all answers are equal, or the difference stands in docs/coturn-differences.md.
. "$(dirname "$0")/lib.sh"
begin turnserver turnutils_peer turnutils_uclient turnutils_stunclient

OUT=10.200.1.1 OUT6=fd00:200:1::1
PAGE=${PAGE:-$SOURCE/docs/coturn-differences.md}
SECRET=an-old-secret-of-some-back-end
(umask 077 && printf %s "$SECRET" >"$WORK/rest.secret")

# world NAME: "NAME" is the server, "NAME-c" the client outside, "NAME-i" the host inside.
world() {
	space "$1" "$1-c" "$1-i"
	join "$1-c" 10.200.1.2/24,fd00:200:1::2/64 "$1" 10.200.1.1/24,fd00:200:1::1/64
	join "$1-i" 10.200.2.2/24,fd00:200:2::2/64 "$1" 10.200.2.1/24,fd00:200:2::1/64
	in_space "$1-c" ip address add 10.200.1.3/24 dev "to-$1"
	route "$1-c" 10.200.2.0/24 via 10.200.1.1
	route "$1-c" fd00:200:2::/64 via fd00:200:1::1
	route "$1-i" 10.200.1.0/24 via 10.200.2.1
	route "$1-i" fd00:200:1::/64 via fd00:200:2::1
}
world theirs
world ours

CONF_RELAY="{address: $OUT}, {address: \"$OUT6\"}" conf ours $OUT 10.200.2.1 $OUT6
certificate av ca serverAuth "DNS:av.example.com,IP:$OUT"
sed -i "/host: av.example.com/a\\      tcp: [$OUT, \"$OUT6\"]\n      tls: [$OUT, \"$OUT6\"]\n\
      dtls: [$OUT]\n\
      certificate: $WORK/av.pem\n      private_key: $WORK/av.key
	s|^mras:|mras:\n  turn_rest_secrets: [$WORK/rest.secret]|
	s|^  relay:|  relay:\n    tcp: true|
	s|^  peers:|  limits: {challenge_rate: 0, binding_rate: 0}\n  peers:|" "$WORK/ours.yaml"
edge_start ours
start coturn theirs turnserver -n --log-file=stdout --simple-log --no-cli --pidfile="$WORK/coturn.pid" \
	--listening-ip=$OUT --listening-ip=$OUT6 --relay-ip=$OUT --relay-ip=$OUT6 \
	--min-port=50000 --max-port=59999 --realm=$REALM --use-auth-secret \
	--static-auth-secret=$SECRET --mobility --userdb="$WORK/turndb" --cert="$WORK/av.pem" --pkey="$WORK/av.key"
theirs_listens() {
	probe theirs-c -W 300 $OUT binding >/dev/null
}
for where in theirs ours; do
	start $where-peer $where-i turnutils_peer -L 10.200.2.2
done
check "coturn listens" within 10 theirs_listens || finish

# ask WORLD [CASE...]
ask() {
	local where=$1
	shift
	in_space "$where-c" python3 "$HERE/differential.py" run $OUT $OUT6 "$WORK/rest.secret" \
		"$WORK/$where.json" "$@"
}
ask_both() {
	ask theirs "$@" &
	local first=$!
	ask ours "$@"
	wait $first
}
compare() {
	python3 "$HERE/differential.py" compare "$WORK/theirs.json" "$WORK/ours.json" "$PAGE" \
		"$WORK/unexpected"
}
# What differs is asked again, patiently: a busy host makes a difference too.
as_the_page_says() {
	local -a again
	local try
	for try in 1 2 3; do
		compare && return
		mapfile -t again <"$WORK/unexpected"
		[ ${#again[@]} -gt 0 ] || return 1
		ask_both "${again[@]}"
	done
	compare
}
check "single requests are asked" ask_both
check "the answers differ as docs/coturn-differences.md says, and not otherwise" as_the_page_says
note "$(tail -n 1 "$WORK/check.out")"
finish
