#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One measurement: namespaces for clients, relay and peers, one relay in the middle, one turnload,
# whose output this prints. tests/bench/run calls it for each cell of its table.
#   tests/bench/cell.sh [-6] [-s] [-t udp|tcp|tls] RELAY LAYOUT [TURNLOAD ARGUMENTS...]
#     RELAY   socket, steer, kernel or auto: Sallyport with that edge.datapath; coturn;
#             socket-poll, steer-poll: with edge.busy_poll: 250, too
#             forward: the kernel forwards between the clients and the peers, without TURN;
#             direct: clients and peers are joined without anything between them
#     LAYOUT  A: the relay alone on one core, the generator on another, which it never leaves
#             B: everything on one core, whose busy time is told
#     -6      IPv6 on both sides     -s  a UDP socket for each client and peer instead of frames
# Exits 77, with the reason, when this host cannot do it. BENCH_CORES="0 1": the generator's core and
# the relay's.
. "$(dirname "$0")/../integration/lib.sh"

SIX='' SOCKETS='' TRANSPORT=udp
while getopts 6st: option; do
	case $option in
	6) SIX=1 ;;
	s) SOCKETS=1 ;;
	t) TRANSPORT=$OPTARG ;;
	*) sed -n '5,15s/^# *//p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || { sed -n '5,15s/^# *//p' "$0" >&2; exit 2; }
RELAY=$1 LAYOUT=$2
shift 2
read -r GENERATOR_CORE RELAY_CORE <<<"${BENCH_CORES:-0 1}"
OUT=10.200.1.1 OUT6=fd00:200:1::1
PORTS=20000-59999
begin ethtool nft taskset

# ---- the site: each client and peer has an address beyond the two hosts that they live on ----

only_frames() { # SPACE DEVICE: what the generator takes from its ring must not reach the stack too
	in_space "$1" nft -f - <<-NFT || exit 1
	table netdev bench {
		chain in {
			type filter hook ingress device "$2" priority 0;
			meta l4proto udp udp dport >= 1024 drop
		}
	}
	NFT
}
mac() { # SPACE DEVICE
	in_space "$1" ip -o link show "$2" | grep -oE 'link/ether [^ ]+' | cut -d' ' -f2
}
leg() { # SPACE OTHER GATEWAY GATEWAY6 MINE MINE6 THEIRS THEIRS6
	in_space "$1" ethtool -K "to-$2" gro on >/dev/null 2>&1 # NAPI, which XDP redirects into
	in_space "$1" ip route add local "$5" dev lo
	in_space "$1" ip -6 route add local "$6" dev lo
	route "$1" "$7" via "$3"
	route "$1" "$8" via "$4"
	SPACE_ARGUMENTS+=("--$9-space" "/run/netns/$RUN-$1")
	if [ -z "$SOCKETS" ] && { [ "$9" = peer ] || [ "$TRANSPORT" = udp ]; }; then
		only_frames "$1" "to-$2"
		SPACE_ARGUMENTS+=("--$9-link" "to-$2,$(mac "$2" "to-$1")")
	fi
}
meet() { # SPACE ADDRESS...: so that no packet waits for the link layer's address
	local name=$1 address
	shift
	for address in "$@"; do
		within 5 knows "$name" "$address" || { echo "cell: $name does not reach $address"; exit 1; }
	done
}
knows() {
	in_space "$1" ip neigh show to "$2" | grep -q lladdr && return
	in_space "$1" bash -c "echo >/dev/udp/$2/9" 2>/dev/null
	return 1
}
SPACE_ARGUMENTS=()
CLIENTS=198.18.0.0/16 CLIENTS6=fd00:200:18::/64
PEERS=198.19.0.0/16 PEERS6=fd00:200:19::/64
space ext edge hq
for name in ext edge hq; do # addresses that are there at once
	in_space $name sysctl -qw net.ipv6.conf.default.dad_transmits=0 \
		net.ipv6.conf.default.accept_dad=0
done
if [ "$RELAY" = direct ]; then
	join ext 10.200.3.1/24,fd00:200:3::1/64 hq 10.200.3.2/24,fd00:200:3::2/64
	leg ext hq 10.200.3.2 fd00:200:3::2 $CLIENTS $CLIENTS6 $PEERS $PEERS6 from
	leg hq ext 10.200.3.1 fd00:200:3::1 $PEERS $PEERS6 $CLIENTS $CLIENTS6 peer
	meet ext 10.200.3.2 fd00:200:3::2
	meet hq 10.200.3.1 fd00:200:3::1
else
	join ext 10.200.1.2/24,fd00:200:1::2/64 edge $OUT/24,$OUT6/64
	join hq 10.200.2.2/24,fd00:200:2::2/64 edge 10.200.2.1/24,fd00:200:2::1/64
	for leg in to-ext to-hq; do
		in_space edge ethtool -K $leg gro on >/dev/null 2>&1
	done
	leg ext edge $OUT $OUT6 $CLIENTS $CLIENTS6 $PEERS $PEERS6 from
	leg hq edge 10.200.2.1 fd00:200:2::1 $PEERS $PEERS6 $CLIENTS $CLIENTS6 peer
	route hq $OUT via 10.200.2.1
	route hq $OUT6 via fd00:200:2::1
	route edge $CLIENTS via 10.200.1.2
	route edge $CLIENTS6 via fd00:200:1::2
	route edge $PEERS via 10.200.2.2
	route edge $PEERS6 via fd00:200:2::2
	meet ext $OUT $OUT6
	meet hq 10.200.2.1 fd00:200:2::1
	meet edge 10.200.1.2 10.200.2.2 fd00:200:1::2 fd00:200:2::2
fi

# ---- the relay ----

not_here() {
	echo "cell: $RELAY cannot be had here: $*" >&2
	exit 77
}
sallyport() {
	local poll=0
	[[ $RELAY != *-poll ]] || poll=250
	CONF_WORKERS=1 CONF_EDGE="  datapath: ${RELAY%-poll}
  busy_poll: $poll
  limits: {challenge_rate: 0}" conf edge $OUT 10.200.2.1 $OUT6 fd00:200:2::1
	sed -i "s/ports: 50000-59999/ports: $PORTS/
		s/peers: {allow: \\[/&198.18.0.0\\/15, /" "$WORK/edge.yaml"
	case $TRANSPORT in
	tcp) sed -i "/host: av.example.com/a\\      tcp: [\"$OUT\", \"$OUT6\"]" "$WORK/edge.yaml" ;;
	tls)
		certificate av ca serverAuth "DNS:av.example.com"
		sed -i "/host: av.example.com/a\\      tls: [\"$OUT\", \"$OUT6\"]\\
      certificate: $WORK/av.pem\\
      private_key: $WORK/av.key" "$WORK/edge.yaml"
		;;
	esac
	# coturn says nothing of an allocation unless it is asked to
	echo "log: {level: ${BENCH_LOG_LEVEL:-warning}}" >>"$WORK/edge.yaml"
	start edge edge taskset -c "$RELAY_CORE" "$SALLYPORTD" -f -c "$WORK/edge.yaml"
	within 10 ready_or_dead edge && running edge || not_here "$(tail -n 1 "$WORK/edge.log")"
	credential '"location":"internet","limits":{"allocations":65535}' >&2 || exit 1
	SERVER_PID=${PIDS[edge]}
}
coturn() {
	local tls=(--no-tls --no-dtls) tcp=(--no-tcp)
	command -v turnserver >/dev/null || not_here "turnserver is not installed"
	case $TRANSPORT in
	tcp) tcp=() ;;
	tls)
		certificate av ca serverAuth "DNS:av.example.com"
		tls=(--no-dtls --cert "$WORK/av.pem" --pkey "$WORK/av.key") tcp=()
		;;
	esac
	start coturn edge taskset -c "$RELAY_CORE" turnserver -n -m 1 --lt-cred-mech -u bench:bench -r $REALM \
		-L $OUT -L $OUT6 -E $OUT -E $OUT6 --min-port=${PORTS%-*} --max-port=${PORTS#*-} \
		"${tls[@]}" "${tcp[@]}" --no-cli --log-file=/dev/null --simple-log --no-stdout-log \
		--pidfile="$WORK/coturn.pid"
	within 10 coturn_answers || not_here "turnserver does not answer"
	CRED_USER=bench CRED_PASSWORD=bench SERVER_PID=${PIDS[coturn]}
}
coturn_answers() { # its UDP listener may be asked from an address that is no client's
	probe edge -W 200 $OUT binding >/dev/null 2>&1
}

SERVER_PID=0 CRED_USER='' CRED_PASSWORD=''
case $RELAY in
socket | steer | kernel | auto | socket-poll | steer-poll) sallyport ;;
coturn) coturn ;;
forward) in_space edge sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 ;;
direct) ;;
*) echo "cell: no such relay: $RELAY" >&2; exit 2 ;;
esac

# ---- the load ----

case $LAYOUT in
A) CORE=$GENERATOR_CORE PACE=(--tick 0) ;;
B) CORE=$RELAY_CORE PACE=(--tick 100 --soak) ;;
*) echo "cell: no such layout: $LAYOUT" >&2; exit 2 ;;
esac
FROM=198.18.0.1:10000 PEER=198.19.0.1:10000 SERVER=$OUT
[ -z "$SIX" ] || FROM=[fd00:200:18::1]:10000 PEER=[fd00:200:19::1]:10000 SERVER=[$OUT6]
case $RELAY in
direct | forward) TARGET=(--direct) ;;
*)
	[ "$TRANSPORT" != tls ] || SERVER=$SERVER:5349
	TARGET=(--user "$CRED_USER" --password "$CRED_PASSWORD" --pid "$SERVER_PID"
		--transport "$TRANSPORT" "$SERVER")
	;;
esac
taskset -c "$CORE" "$BENCH/turnload" "${SPACE_ARGUMENTS[@]}" --from $FROM --peer $PEER \
	--core "$RELAY_CORE" --lead 4 "${PACE[@]}" "$@" "${TARGET[@]}"
