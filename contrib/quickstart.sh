#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# From a fresh clone on Debian 12 to relayed packets, as root or with sudo:
#
#   contrib/quickstart.sh            does it all, shows the result and cleans up
#   contrib/quickstart.sh --keep     leaves the edge running, and says how to use and to end it
#
# It installs what the build needs, builds, writes a throw-away configuration, starts the edge on
# loopback, asks its API for a credential and relays packets with it. Everything it writes is in
# build-quickstart/ and in one folder under /tmp. SALLYPORT_BUILD names another build folder.
set -u
export LC_ALL=C
exec </dev/null

top=$(cd "$(dirname "$0")/.." && pwd)
build=${SALLYPORT_BUILD:-$top/build-quickstart}
keep=false
case ${1:-} in
'') ;;
--keep) keep=true ;;
*)
	sed -n '4,11s/^# \{0,1\}//p' "$0"
	[ "$1" = --help ] || [ "$1" = -h ]
	exit
	;;
esac

work=
daemon_pid=
echo_pid=
left_running=false
clean_up()
{
	$left_running && return
	[ -z "$daemon_pid" ] || kill "$daemon_pid" 2>/dev/null
	[ -z "$echo_pid" ] || kill "$echo_pid" 2>/dev/null
	wait
	[ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

step()
{
	printf '\n== %s\n' "$*"
}

# WHAT FILE NEXT: what went wrong, the end of the file that may say why, and what to do.
fail()
{
	printf '\nIt did not work: %s.\n' "$1" >&2
	if [ -n "$2" ] && [ -s "$2" ]; then
		echo "The last lines of ${2##*/}:" >&2
		tail -n 25 "$2" | sed 's/^/    /' >&2
	fi
	echo "Next: $3" >&2
	exit 1
}

# FIRST: the first port from FIRST on that nobody here has, for UDP or TCP.
free_port()
{
	local port=$1
	while grep -qi "[0-9A-F]:$(printf %04X "$port") " /proc/net/{udp,tcp}{,6} 2>/dev/null; do
		port=$((port + 1))
	done
	echo "$port"
}

install_packages()
{
	step "1. Packages: what the build and this demonstration need, from Debian"
	"$top/scripts/install-packages" try >"$work/apt.log" 2>&1 ||
		fail "a package could not be installed" "$work/apt.log" \
			"see that apt works (apt-get update), or install by hand what the log names"
	grep -E '^(all packages|to install)' "$work/apt.log"
}

build_daemon()
{
	step "2. Build, in $build"
	{
		mkdir -p "$build" &&
			{ [ -e "$top/configure" ] || (cd "$top" && autoreconf -fi); } &&
			cd "$build" &&
			{ [ -e Makefile ] || "$top/configure" -q; } &&
			make -j"$(nproc)" sallyportd &&
			cd "$work"
	} >"$work/build.log" 2>&1 ||
		fail "the build failed" "$work/build.log" \
			"remove $build and try again; if the tree was built in place before, make distclean"
	"$build/sallyportd" -V
}

# NAME USAGE SUBJECT-ALT-NAMES: a certificate of the throw-away authority
certificate()
{
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
		-keyout "$1.key" -out "$1.csr" &&
		printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$3" "$2" >"$1.ext" &&
		openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
			-extfile "$1.ext" -out "$1.pem"
}

write_configuration()
{
	step "3. A throw-away configuration, in $work"
	turn_port=$(free_port 3478)
	api_port=$(free_port 5062)
	echo_port=$(free_port 3480)
	cd "$work" || exit 1
	umask 077
	{
		head -c 32 /dev/urandom >secret &&
			openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
				-days 30 -subj '/CN=quickstart' -keyout ca.key -out ca.pem &&
			certificate api serverAuth 'DNS:localhost,IP:127.0.0.1' &&
			certificate frontend clientAuth 'DNS:frontend.example.com'
	} >openssl.log 2>&1 ||
		fail "no certificates could be made" openssl.log "run the openssl command it names by hand"
	cat >sallyport.yaml <<-YAML
		edge:
		  realm: edge.example.com
		  faces:
		    - {name: loopback, location: internet, listen: ["127.0.0.1:$turn_port"]}
		  relay:
		    addresses: [{address: 127.0.0.1}]
		    ports: 50000-50999
		  peers: {allow: [127.0.0.1/32]}     # loopback is refused unless it is named
		mras:
		  listen: ["127.0.0.1:$api_port"]
		  certificate: $work/api.pem
		  private_key: $work/api.key
		  client_ca: $work/ca.pem
		  keys: [{secret_file: $work/secret}]
		  clients:
		    - {name: frontend, san: [frontend.example.com], roles: [issue], identities: ["*@example.com"]}
		admin: {socket: $work/admin.sock}
	YAML
	sed 's/^/    /' sallyport.yaml
	"$build/sallyportd" -t -c "$work/sallyport.yaml" >check.log 2>&1 ||
		fail "sallyportd does not like this configuration" check.log \
			"this is a mistake of contrib/quickstart.sh; please report it"
}

is_ready()
{
	curl -s -f -o /dev/null --max-time 2 --unix-socket "$work/admin.sock" http://localhost/readyz
}

start_edge()
{
	local tries=0
	step "4. Start: the edge on 127.0.0.1:$turn_port, its API on 127.0.0.1:$api_port"
	setsid "$build/sallyportd" -f -c "$work/sallyport.yaml" >"$work/sallyportd.log" 2>&1 &
	daemon_pid=$!
	until is_ready; do
		tries=$((tries + 1))
		if ! kill -0 "$daemon_pid" 2>/dev/null || [ $tries -gt 100 ]; then
			fail "the edge did not get ready" "$work/sallyportd.log" \
				"the log line with \"error\" says what it lacks"
		fi
		sleep 0.1
	done
	echo "It is ready, process $daemon_pid."
}

ask_for_credential()
{
	step "5. Ask the API for a credential, as a front end with a client certificate does"
	request='{"credentials": [{"id": "1", "identity": "sip:alice@example.com", "location": "internet"}]}'
	echo "POST https://127.0.0.1:$api_port/mras/v1/credentials"
	echo "$request"
	curl -sS -f --max-time 10 --cacert "$work/ca.pem" --cert "$work/frontend.pem" \
		--key "$work/frontend.key" -H 'Content-Type: application/json' -d "$request" \
		-o "$work/credential.json" "https://127.0.0.1:$api_port/mras/v1/credentials" \
		2>"$work/curl.log" ||
		fail "the API did not answer with a credential: $(cat "$work/curl.log")" \
			"$work/sallyportd.log" "the log of the edge says why it refused"
	username=$(jq -r '.credentials[0].username // empty' "$work/credential.json")
	password=$(jq -r '.credentials[0].password // empty' "$work/credential.json")
	[ -n "$username" ] && [ -n "$password" ] ||
		fail "the answer holds no credential" "$work/credential.json" \
			"\"result\" and \"detail\" in it say why"
	jq '.credentials[0]' "$work/credential.json"
}

relay_packets()
{
	local count=250
	step "6. Relay $count packets of the size of voice, 50 a second, with that credential"
	echo "turnutils_uclient -> 127.0.0.1:$turn_port -> relay port -> echo on 127.0.0.1:$echo_port, and back"
	setsid turnutils_peer -L 127.0.0.1 -p "$echo_port" >"$work/echo.log" 2>&1 &
	echo_pid=$!
	timeout 60 turnutils_uclient -u "$username" -w "$password" -p "$turn_port" -e 127.0.0.1 \
		-r "$echo_port" -n $count -l 172 -z 20 -c 127.0.0.1 >"$work/uclient.log" 2>&1 ||
		fail "the TURN client gave up" "$work/uclient.log" \
			"the log of the edge, $work/sallyportd.log with --keep, has its side"
	sent=$(sed -n 's/.*tot_send_msgs=\([0-9]*\).*/\1/p' "$work/uclient.log" | tail -n 1)
	received=$(sed -n 's/.*tot_recv_msgs=\([0-9]*\).*/\1/p' "$work/uclient.log" | tail -n 1)
	[ "${sent:-0}" -gt 0 ] ||
		fail "no packet was sent" "$work/uclient.log" "the log of the edge has its side"
}

show_result()
{
	step "Result"
	echo "credential  user      $username"
	echo "            password  $password"
	jq -r '.credentials[0] | "            realm     \(.realm), for \(.ttl) seconds"' "$work/credential.json"
	echo "packets     sent      $sent"
	echo "            received  $received"
	awk -v s="$sent" -v r="$received" 'BEGIN { printf "            loss      %.2f %%\n", 100 * (s - r) / s }'
	[ "$sent" = "$received" ] ||
		fail "packets were lost" "$work/sallyportd.log" \
			"run it once more on a machine that is less busy"
}

stop_edge()
{
	kill "$echo_pid" "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null ||
		fail "the edge did not end as it should" "$work/sallyportd.log" \
			"this is a mistake of sallyportd; please report it with the lines above"
	wait "$echo_pid" 2>/dev/null
	daemon_pid=
	echo_pid=
}

say_how_to_go_on()
{
	left_running=true
	cat <<-TEXT

		The edge is still running. A credential of your own:
		    curl --cacert $work/ca.pem --cert $work/frontend.pem --key $work/frontend.key \\
		        -H 'Content-Type: application/json' -d '$request' \\
		        https://127.0.0.1:$api_port/mras/v1/credentials
		Its counters:
		    curl --unix-socket $work/admin.sock http://localhost/metrics
		Its log: $work/sallyportd.log
		To end it:
		    kill $daemon_pid $echo_pid; rm -rf $work
	TEXT
}

work=$(mktemp -d /tmp/sallyport-quickstart.XXXXXX) || exit 1
install_packages
build_daemon
write_configuration
start_edge
ask_for_credential
relay_packets
show_result
if $keep; then
	say_how_to_go_on
else
	stop_edge
	printf '\nIt works.\n'
fi
