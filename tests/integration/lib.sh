# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the integration scripts share: namespaces, processes, certificates, a running daemon,
# credentials, checks. A script sources it, calls `begin`, and ends with `finish`. Everything made
# here is taken down by the trap that `begin` sets, whatever happens. Needs root.
#
# Settings from the environment:
#   SALLYPORT_BUILD      build tree (default: the current directory, or the source tree)
#   SALLYPORTD           the daemon to test (default: that of the build tree)
#   SALLYPORT_LONG       not empty: the long versions
#   SALLYPORT_SANITIZED  not empty: built with a sanitizer, so memory says nothing
#   SALLYPORT_DATAPATH   edge.datapath of all nodes: which way datagrams are relayed
#   KEEP=1               leave the working directory behind

set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$(cd "$HERE/../.." && pwd)
if [ -z "${SALLYPORT_BUILD:-}" ]; then
	[ -x ./sallyportd ] && SALLYPORT_BUILD=$PWD || SALLYPORT_BUILD=$SOURCE
fi
SALLYPORTD=${SALLYPORTD:-$SALLYPORT_BUILD/sallyportd}
TOOLS=$SALLYPORT_BUILD/tests/tools
BENCH=$SALLYPORT_BUILD/tests/bench
REALM=edge.example.com
LONG=${SALLYPORT_LONG:-}
SANITIZED=${SALLYPORT_SANITIZED:-}
declare -A PIDS=() TALK=()
SPACES=()
NODES=()
N_CHECKS=0
N_FAILED=0

# ---- checks ----

note() {
	printf '# %s\n' "$*"
}

# check NAME COMMAND...: runs COMMAND here, not in a subshell; its output is shown when it fails.
check() {
	local name=$1
	shift
	N_CHECKS=$((N_CHECKS + 1))
	if "$@" >"$WORK/check.out" 2>&1; then
		echo "ok - $name"
		return 0
	fi
	N_FAILED=$((N_FAILED + 1))
	echo "not ok - $name"
	sed 's/^/#   /' "$WORK/check.out" | tail -n 40
	return 1
}

skip() {
	echo "ok - $1 # SKIP $2"
}

# Skips the whole script.
skip_all() {
	echo "1..0 # SKIP $*"
	exit 77
}

# The text is in the file / is not.
has() {
	grep -qE -- "$2" "$1" || {
		echo "no match for '$2' in $1:"
		tail -n 25 "$1"
		return 1
	}
}
has_not() {
	! grep -E -- "$2" "$1"
}

# prints PATTERN -- COMMAND...: its output has a line that matches.
prints() {
	local pattern=$1
	shift 2
	"$@" >"$WORK/prints.out" 2>&1
	has "$WORK/prints.out" "$pattern"
}

# at_most A B, at_least A B: integers.
at_most() {
	[ "$1" -le "$2" ] || { echo "$1 is more than $2"; return 1; }
}
at_least() {
	[ "$1" -ge "$2" ] || { echo "$1 is less than $2"; return 1; }
}
same() {
	[ "$1" = "$2" ] || { printf 'got  %s\nwant %s\n' "$1" "$2"; return 1; }
}

# within SECONDS COMMAND...: tries until it succeeds, for so long on an idle host and for half a minute
# at least, since a crowded one gives no time. What must be fast is compared with something else.
within() {
	local seconds=$1
	shift
	try_for $((seconds > 30 ? seconds : 30)) "$@"
}
# try_for SECONDS COMMAND...: the same, and no longer than that.
try_for() {
	local end=$(($(date +%s%3N) + $1 * 1000))
	shift
	until "$@"; do
		[ "$(date +%s%3N)" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# ---- namespaces: named $RUN-NAME so that runs do not meet ----

# space NAME...
space() {
	local name
	for name in "$@"; do
		ip netns add "$RUN-$name" || exit 1
		SPACES+=("$name")
		in_space "$name" ip link set lo up
	done
}

# join A ADDRESSES B ADDRESSES: a veth pair, "to-B" in A and "to-A" in B; addresses with prefix
# length, separated by commas. A script that has a function "joined" is called with space and device
# of each end before it goes up.
join() {
	local a=$1 b=$3 address
	ip link add "to-$b" netns "$RUN-$a" type veth peer name "to-$a" netns "$RUN-$b" || exit 1
	for address in ${2//,/ }; do
		address_add "$a" "to-$b" "$address"
	done
	for address in ${4//,/ }; do
		address_add "$b" "to-$a" "$address"
	done
	if declare -F joined >/dev/null; then
		joined "$a" "to-$b"
		joined "$b" "to-$a"
	fi
	in_space "$a" ip link set "to-$b" up
	in_space "$b" ip link set "to-$a" up
}

# address_add SPACE DEVICE ADDRESS/LENGTH
address_add() {
	case $3 in
	*:*) in_space "$1" ip address add "$3" dev "$2" nodad ;;
	*) in_space "$1" ip address add "$3" dev "$2" ;;
	esac || exit 1
}

# route SPACE ARGUMENTS OF ip route add...
route() {
	local name=$1
	shift
	case "$*" in
	*:*) in_space "$name" ip -6 route add "$@" ;;
	*) in_space "$name" ip route add "$@" ;;
	esac || exit 1
}

# in_space NAME COMMAND... nsenter and not "ip netns exec" or "ip -n", which mount and therefore fail in
# a chroot. So /sys still shows the namespace that the script was started in; /proc/net does not.
in_space() {
	local name=$1
	shift
	nsenter --net="/run/netns/$RUN-$name" "$@"
}

# ---- processes ----

# start NAME SPACE COMMAND...: in the background, output in $WORK/NAME.log.
start() {
	local name=$1 where=$2
	shift 2
	nsenter --net="/run/netns/$RUN-$where" "$@" >"$WORK/$name.log" 2>&1 &
	PIDS[$name]=$!
}

running() {
	[ -n "${PIDS[$1]:-}" ] && kill -0 "${PIDS[$1]}" 2>/dev/null
}

not_running() {
	! running "$1"
}

# await NAME SECONDS: waits for its end by itself. Sets STATUS; 124 when it had to be killed.
await() {
	local pid=${PIDS[$1]}
	STATUS=124
	if ! within "$2" not_running "$1"; then
		echo "$1 did not end within $2 s"
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		unset "PIDS[$1]"
		return 1
	fi
	wait "$pid" 2>/dev/null
	STATUS=$?
	unset "PIDS[$1]"
}

# stop NAME [SIGNAL [SECONDS]]: ends it and waits. Sets STATUS.
stop() {
	[ -n "${PIDS[$1]:-}" ] || return 0
	kill "-${2:-TERM}" "${PIDS[$1]}" 2>/dev/null
	await "$1" "${3:-10}"
}

# memory_kb NAME FIELD: Rss, Pss, ... of smaps_rollup.
memory_kb() {
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/${PIDS[$1]}/smaps_rollup"
}

# ---- begin and finish ----

# begin PROGRAM...: the outside programs that the script cannot do without.
begin() {
	local program
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-it.XXXXXX") || exit 1
	RUN=sp$$
	trap take_down EXIT
	trap 'exit 130' INT TERM HUP
	trap : PIPE # a probe that ended early must not end the script
	[ "$(id -u)" = 0 ] || skip_all "needs root for network namespaces"
	for program in ip openssl curl jq python3 "$@"; do
		command -v "$program" >/dev/null || skip_all "$program is not installed"
	done
	for program in "$SALLYPORTD" "$TOOLS/stunprobe"; do
		[ -x "$program" ] || {
			echo "Bail out! $program is missing: build it, or set SALLYPORT_BUILD"
			exit 1
		}
	done
	ip netns add "$RUN-try" 2>/dev/null || skip_all "cannot make a network namespace"
	ip netns delete "$RUN-try"
}

take_down() {
	local status=$? name
	trap - EXIT INT TERM HUP
	for name in "${!PIDS[@]}"; do
		kill -TERM "${PIDS[$name]}" 2>/dev/null
	done
	for name in "${!PIDS[@]}"; do
		try_for 5 not_running "$name" || kill -KILL "${PIDS[$name]}" 2>/dev/null
		wait "${PIDS[$name]}" 2>/dev/null
	done
	for name in "${SPACES[@]}"; do
		ip netns delete "$RUN-$name" 2>/dev/null
	done
	if [ -n "${KEEP:-}" ]; then
		echo "# kept $WORK"
	else
		rm -rf "$WORK"
	fi
	exit "$status"
}

finish() {
	local node
	for node in "${NODES[@]}"; do
		[ -z "${PIDS[$node]:-}" ] || check "$node ran to the end and stops cleanly" ends_well "$node"
	done
	echo "1..$N_CHECKS"
	[ "$N_FAILED" = 0 ] || echo "# $N_FAILED of $N_CHECKS failed"
	exit $((N_FAILED > 0))
}

ends_well() {
	stop "$1" && same "$STATUS" 0 && return
	tail -n 8 "$WORK/$1.log"
	return 1
}

# ---- certificates ----

# ca NAME: makes $WORK/NAME.pem and .key, once.
ca() {
	[ -f "$WORK/$1.pem" ] && return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-subj "/CN=$1" -keyout "$WORK/$1.key" -out "$WORK/$1.pem" 2>"$WORK/openssl.log" ||
		{ cat "$WORK/openssl.log"; exit 1; }
}

# certificate NAME CA serverAuth|clientAuth SUBJECT_ALT_NAMES: $WORK/NAME.pem and .key
certificate() {
	ca "$2"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
		-keyout "$WORK/$1.key" -out "$WORK/$1.csr" 2>"$WORK/openssl.log" &&
		openssl x509 -req -in "$WORK/$1.csr" -CA "$WORK/$2.pem" -CAkey "$WORK/$2.key" \
			-CAcreateserial -days 2 -out "$WORK/$1.pem" 2>"$WORK/openssl.log" -extfile <(
				echo "subjectAltName=$4"
				echo "extendedKeyUsage=$3"
				echo "basicConstraints=critical,CA:FALSE"
			) || { cat "$WORK/openssl.log"; exit 1; }
}

# secret NAME: 48 random bytes in $WORK/NAME.secret
secret() {
	(umask 077 && head -c 48 /dev/urandom >"$WORK/$1.secret")
}

# ---- the daemon ----

# The usual site: "ext" outside, "hq" inside, "edge" between them with a leg on each side. Either
# side can reach all addresses of the edge and, as it does not forward, nothing beyond it.
# IPv4 10.200.1.0/24 outside and 10.200.2.0/24 inside; IPv6 fd00:200:1::/64 and fd00:200:2::/64.
site() {
	space ext edge hq
	join ext 10.200.1.2/24,fd00:200:1::2/64 edge 10.200.1.1/24,fd00:200:1::1/64
	join hq 10.200.2.2/24,fd00:200:2::2/64 edge 10.200.2.1/24,fd00:200:2::1/64
	route ext 10.200.2.0/24 via 10.200.1.1
	route ext fd00:200:2::/64 via fd00:200:1::1
	route hq 10.200.1.0/24 via 10.200.2.1
	route hq fd00:200:1::/64 via fd00:200:2::1
}

# The other site: the clients "extA" and "extB", each behind a NAT of its own, and "edge" with "hq"
# behind it. All NATs and the edge meet in "out", the Internet.
#   extA 192.168.11.2 - natA 198.51.100.2 - out - 198.51.101.2 natB - 192.168.12.2 extB
#                    hq 10.200.2.2 - 10.200.2.1 edge 203.0.113.11 - out
# Both private networks are also joined directly, as by a leased line. nat says what the NATs do.
homes() {
	space out natA natB extA extB edge hq
	join natA 198.51.100.2/24 out 198.51.100.1/24
	join natB 198.51.101.2/24 out 198.51.101.1/24
	join edge 203.0.113.11/24 out 203.0.113.1/24
	join extA 192.168.11.2/24 natA 192.168.11.1/24
	join extB 192.168.12.2/24 natB 192.168.12.1/24
	join hq 10.200.2.2/24 edge 10.200.2.1/24
	join natA 172.31.0.1/30 natB 172.31.0.2/30
	route natA 192.168.12.0/24 via 172.31.0.2
	route natB 192.168.11.0/24 via 172.31.0.1
	route extA default via 192.168.11.1
	route extB default via 192.168.12.1
	route natA default via 198.51.100.1
	route natB default via 198.51.101.1
	route edge default via 203.0.113.1
	for name in out natA natB; do
		in_space $name sysctl -qw net.ipv4.ip_forward=1
	done
}

# nat SPACE CLIENT KIND: the NAT "SPACE" for the one client, toward "out". The kinds, in the terms of
# RFC 4787 and in older ones; all keep the client's port, except the last:
#   open       endpoint-independent mapping and filtering (full cone)
#   address    address-dependent filtering (restricted cone)
#   port       address- and port-dependent filtering (port-restricted cone)
#   symmetric  the same, and a mapping for each destination, at a random port
# What is not let in goes before it could become a connection of its own, which would take the
# client's port and so make a symmetric NAT of any.
nat() {
	local let_in="" forward="accept" random="" device=${4:-to-out}
	case $3 in
	open) let_in="ct state new accept" forward="meta l4proto udp dnat to $2" ;;
	address)
		let_in="ct state new ip saddr @contacted accept"
		forward="meta l4proto udp dnat to $2"
		;;
	port) ;;
	symmetric) random="fully-random" ;;
	*) echo "Bail out! no such NAT: $3"; exit 1 ;;
	esac
	in_space "$1" nft -f - <<-NFT || exit 1
	table ip nat
	delete table ip nat
	table ip nat {
		set contacted {
			type ipv4_addr
			flags dynamic, timeout
			timeout 60s
		}
		chain out {
			type filter hook postrouting priority -10
			oifname "$device" meta l4proto udp update @contacted { ip daddr }
		}
		chain in {
			type filter hook prerouting priority -150
			iifname "$device" meta l4proto udp $let_in
			iifname "$device" ct state new drop
		}
		chain pre {
			type nat hook prerouting priority -100
			iifname "$device" $forward
		}
		chain post {
			type nat hook postrouting priority 100
			oifname "$device" masquerade $random
		}
	}
	NFT
}

# crowd_site: beside the usual one "crowd", with a wire of its own to the edge, to which the edge routes
# 198.18.0.0/15: for turncrowd, whose clients have no sockets.
crowd_site() {
	space crowd
	join crowd 10.200.9.2/24 edge 10.200.9.1/24
	route crowd 10.200.1.0/24 via 10.200.9.1
	route edge 198.18.0.0/15 via 10.200.9.2
	in_space edge sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.to-crowd.rp_filter=0
	in_space crowd sysctl -qw net.ipv4.ip_forward=0
}

# conf NODE [OUTSIDE [INSIDE [OUTSIDE6 [INSIDE6]]]]: writes $WORK/NODE.yaml for a node with these
# addresses, and makes what it names. Relayed addresses are on the outside leg. Read from the
# environment, all optional:
#   CONF_WORKERS  number of workers
#   CONF_RELAY    the items of edge.relay.addresses, flow style
#   CONF_RELAY_MORE  further lines of edge.relay, four spaces indented
#   CONF_KEYS     the items of mras.keys, flow style
#   CONF_EDGE     further lines of the edge section, two spaces indented
#   CONF_MRAS     further lines of the mras section
conf() {
	local node=$1 out=${2:-10.200.1.1} in=${3:-10.200.2.1} out6=${4:-} in6=${5:-}
	local relay=${CONF_RELAY:-"{address: $out}${out6:+, {address: \"$out6\"\}}"}
	local keys=${CONF_KEYS:-"{secret_file: $WORK/pool.secret}"}
	local datapath=${SALLYPORT_DATAPATH:-}
	case ${CONF_EDGE:-} in *datapath:*) datapath= ;; esac
	[ -f "$WORK/pool.secret" ] || secret pool
	[ -f "$WORK/$node-tls.pem" ] || certificate "$node-tls" ca serverAuth \
		"DNS:mras.example.com,IP:$in"
	[ -f "$WORK/fe.pem" ] || certificate fe ca clientAuth "DNS:fe.example.com"
	cat >"$WORK/$node.yaml" <<-YAML
	workers: ${CONF_WORKERS:-auto}
	edge:
	  realm: $REALM
	${datapath:+  datapath: $datapath}
	  faces:
	    - name: external
	      location: internet
	      listen: ["$out"${out6:+, \"$out6\"}]
	      host: av.example.com
	    - name: internal
	      location: intranet
	      listen: ["$in"${in6:+, \"$in6\"}]
	      host: av.int.example.com
	  relay:
	    addresses: [$relay]
	    ports: 50000-59999
	${CONF_RELAY_MORE:-}
	  peers: {allow: [10.200.0.0/16, "fd00:200::/32"]}
	${CONF_EDGE:-}
	mras:
	  listen: ["$in"]
	  certificate: $WORK/$node-tls.pem
	  private_key: $WORK/$node-tls.key
	  client_ca: $WORK/ca.pem
	  keys: [$keys]
	  clients:
	    - name: fe
	      san: [fe.example.com]
	      roles: [issue, admin]
	      identities: ["*"]
	      rate: 0
	${CONF_MRAS:-}
	admin: {socket: $WORK/$node.sock}
	YAML
}

admin() {
	curl -sS --max-time 30 --unix-socket "$WORK/$1.sock" "http://localhost$2"
}

is_ready() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 --unix-socket "$WORK/$1.sock" \
		http://localhost/readyz)" = 200 ]
}

# edge_start NODE [SPACE]: with $WORK/NODE.yaml, until it says that it is ready.
edge_start() {
	NODES+=("$1")
	start "$1" "${2:-$1}" "$SALLYPORTD" -f -c "$WORK/$1.yaml"
	within 10 ready_or_dead "$1" && running "$1" || {
		echo "Bail out! the daemon did not get ready:"
		sed 's/^/# /' "$WORK/$1.log" | tail -n 40
		exit 1
	}
}
ready_or_dead() {
	! running "$1" || is_ready "$1"
}

# mras CURL ARGUMENTS...: the credential API as the front end "fe" calls it. MRAS_SPACE is where
# from, MRAS_AT the node's inside address, MRAS_AS the client certificate.
mras() {
	local path=$1
	shift
	in_space "${MRAS_SPACE:-hq}" curl -sS --max-time 30 --cacert "$WORK/ca.pem" \
		--cert "$WORK/${MRAS_AS:-fe}.pem" --key "$WORK/${MRAS_AS:-fe}.key" \
		--resolve "mras.example.com:5062:${MRAS_AT:-10.200.2.1}" \
		"https://mras.example.com:5062/mras/v1$path" "$@"
}

# credential [MEMBERS]: asks for one ("location":"internet" and so on, JSON members); sets CRED_USER
# and CRED_PASSWORD, and leaves the document in $WORK/credential.json.
credential() {
	local members=${1:-'"location":"internet"'}
	mras /credentials -H 'Content-Type: application/json' -o "$WORK/credential.json" -d \
		"{\"requestId\":\"it\",\"credentials\":[{\"id\":\"1\",\"identity\":\"sip:alice@example.com\",$members}]}" ||
		return 1
	CRED_USER=$(jq -r '.credentials[0].username // empty' "$WORK/credential.json")
	CRED_PASSWORD=$(jq -r '.credentials[0].password // empty' "$WORK/credential.json")
	[ -n "$CRED_USER" ] && [ -n "$CRED_PASSWORD" ] || {
		cat "$WORK/credential.json"
		return 1
	}
}

# metric NODE NAME [LABELS]: the value of that sample, as the labels are printed; 0 when there is none.
metric() {
	admin "$1" /metrics | awk -v row="$2${3:+{$3\}}" '$1 == row { v = $2 } END { print v + 0 }'
}
metric_is() {
	same "$(metric "$1" "$2" "$3")" "$4"
}
metric_at_least() {
	at_least "$(metric "$1" "$2" "$3")" "$4"
}

# ---- the data paths beside sockets ----

# over_each COMMAND...: "edge" anew on each of them, a credential as the last one, and the command with
# the path's name behind its words. It fails no check where there can be none.
over_each() {
	local path
	if ! grep -q '^#define HAVE_BPF 1' "$SALLYPORT_BUILD/config.h"; then
		skip "other data paths" "built without BPF: clang or libbpf is missing"
		return
	fi
	for path in steer kernel; do
		stop edge
		sed -i -e '/^  datapath:/d' -e "s/^edge:/&\n  datapath: $path/" "$WORK/edge.yaml"
		edge_start edge
		"$@" "$path"
	done
}

# by_path PATH: how many datagrams have gone that way, past the sockets.
by_path() {
	case $1 in
	steer) metric edge sallyport_net_steer_sent_total 'by="frame"' ;;
	kernel)
		echo $(($(metric edge sallyport_kernel_packets_total 'direction="to_peer"') +
			$(metric edge sallyport_kernel_packets_total 'direction="to_client"')))
		;;
	esac
}
by_path_at_least() {
	at_least "$(by_path "$1")" "$2"
}

# ---- clients ----

# probe SPACE ARGUMENTS...: stunprobe
probe() {
	local where=$1
	shift
	in_space "$where" "$TOOLS/stunprobe" "$@"
}

# answers TEXT... -- COMMAND...: the last line the command prints has all these "field=value" words.
answers() {
	local line want=()
	while [ "$1" != -- ]; do
		want+=("$1")
		shift
	done
	shift
	"$@" >"$WORK/answers.out" 2>&1
	cat "$WORK/answers.out"
	line=" $(tail -n 1 "$WORK/answers.out") "
	for word in "${want[@]}"; do
		[[ $line == *" $word "* ]] || { echo "no $word"; return 1; }
	done
}

# field NAME < LINES: its value in the last line that has it.
field() {
	grep -oE "(^| )$1=[^ ]*" | tail -n 1 | cut -d= -f2-
}

# overflows SPACE...: how many datagrams have found a socket full there. In clients and peers it is the
# crowd on the host that loses them.
overflows() {
	local space
	for space in "$@"; do
		in_space "$space" cat /proc/net/snmp /proc/net/snmp6
	done | awk '/^Udp:/ && !h { for (i = 1; i <= NF; i++) if ($i == "RcvbufErrors") c = i; h = 1; next }
		/^Udp:/ { n += $c; h = 0 } /^Udp6RcvbufErrors/ { n += $2 } END { print n + 0 }'
}

# talk_open NAME SPACE ARGUMENTS...: a stunprobe that stays, driven by talk; talk_close ends it.
talk_open() {
	local name=$1 where=$2
	shift 2
	rm -f "$WORK/$name.in"
	mkfifo "$WORK/$name.in"
	nsenter --net="/run/netns/$RUN-$where" "$TOOLS/stunprobe" "$@" - \
		<"$WORK/$name.in" >"$WORK/$name.log" 2>&1 &
	PIDS[$name]=$!
	exec {TALK_FD}>"$WORK/$name.in"
	TALK[$name]=$TALK_FD
}

# talk NAME STEP: sends the step and prints what it answered.
talk() {
	local before
	before=$(grep -c '^mark$' "$WORK/$1.log")
	printf '%s\nmark\n' "$2" >&"${TALK[$1]}"
	within 60 marked "$1" $((before + 1)) || return 1
	awk -v n="$before" 'm == n && !/^mark$/ { print } /^mark$/ { m++ }' "$WORK/$1.log"
}
marked() {
	[ "$(grep -c '^mark$' "$WORK/$1.log")" -ge "$2" ]
}

talk_close() {
	local fd=${TALK[$1]}
	exec {fd}>&-
	unset "TALK[$1]"
	stop "$1"
}

# uclient SPACE SERVER ARGUMENTS...: turnutils_uclient with the credential in CRED_*.
uclient() {
	local where=$1 server=$2
	shift 2
	in_space "$where" timeout "${UCLIENT_SECONDS:-120}" turnutils_uclient \
		-u "$CRED_USER" -w "$CRED_PASSWORD" "$@" "$server"
}

# lossless COMMAND...: a uclient that relayed everything it sent.
lossless() {
	"$@" >"$WORK/uclient.out" 2>&1
	local status=$?
	tail -n 12 "$WORK/uclient.out"
	[ $status = 0 ] || { echo "exit status $status"; return 1; }
	uclient_clean "$WORK/uclient.out"
}

# relaying NAME SPACE SERVER ARGUMENTS...: a uclient in the background; all_relayed waits for all of
# them, with a check NAME for each, that it relayed everything it sent. They mostly wait, for seconds.
RELAYING=()
relaying() {
	local name=$1 where=$2 server=$3
	shift 3
	start "uclient${#RELAYING[@]}" "$where" timeout "${UCLIENT_SECONDS:-120}" turnutils_uclient \
		-u "$CRED_USER" -w "$CRED_PASSWORD" "$@" "$server"
	RELAYING+=("$name")
}
all_relayed() {
	local i
	for i in "${!RELAYING[@]}"; do
		check "${RELAYING[i]}" has_relayed "uclient$i"
	done
	RELAYING=()
}
has_relayed() {
	await "$1" $((${UCLIENT_SECONDS:-120} + 5))
	tail -n 12 "$WORK/$1.log"
	same "$STATUS" 0 && uclient_clean "$WORK/$1.log"
}

# uclient_clean FILE [MISSING]: packets were sent, and as many received; none was lost or dropped, but
# for so many that others are known to have lost.
uclient_clean() {
	local sent received missing=${2:-0}
	sent=$(grep -oE 'tot_send_msgs=[0-9]+' "$1" | tail -n 1 | cut -d= -f2)
	received=$(grep -oE 'tot_recv_msgs=[0-9]+' "$1" | tail -n 1 | cut -d= -f2)
	if [ "$missing" != 0 ]; then
		[ "${sent:-0}" -gt 0 ] && at_most $((sent - ${received:-0})) "$missing"
		return
	fi
	[ "${sent:-0}" -gt 0 ] && [ "$sent" = "$received" ] &&
		grep -q 'Total lost packets 0 (0.000000%), total send dropped 0 (0.000000%)' "$1" && return
	tail -n 12 "$1"
	return 1
}
