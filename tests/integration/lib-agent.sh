# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the scripts with two ICE agents share, on top of lib.sh: they meet, and what their data went
# over is looked at while it flows. agent.py says how they are driven.

# Debian's own Python: that is the one which its packages of the libraries are for.
AGENT_PYTHON=${AGENT_PYTHON:-/usr/bin/python3}

# agent_has MODULE: this library is installed.
agent_has() {
	"$AGENT_PYTHON" -c "import $1" 2>/dev/null
}

# meet LIBRARY OPTIONS...: the agents in extA and extB, with the document that credential left. What
# they saw is in $WORK/agents.json, A's first. RELAYED is how many packets the edge relayed while they
# sent their data.
meet() {
	local library=$1 folder=$WORK/meeting name before status=0
	shift
	rm -rf "$folder"
	mkdir "$folder"
	echo '[]' >"$WORK/agents.json"
	for name in A B; do
		start $name ext$name env SSL_CERT_FILE="$WORK/ca.pem" timeout 180 "$AGENT_PYTHON" \
			"$HERE/agent_$library.py" $name "$folder" "$WORK/credential.json" "$@"
	done
	within 90 agents_connected "$folder" || status=1
	before=$(packets_relayed)
	echo null >"$folder/go.new" && mv "$folder/go.new" "$folder/go"
	for name in A B; do
		await $name 90
		[ "$STATUS" = 0 ] || status=1
	done
	RELAYED=$(($(packets_relayed) - before))
	for name in A B; do
		[ $status = 0 ] || sed "s/^/$name: /" "$WORK/$name.log" | tail -n 15
		tail -n 1 "$WORK/$name.log"
	done | if [ $status = 0 ]; then jq -s . >"$WORK/agents.json"; else cat; fi
	return $status
}
agents_connected() {
	not_running A || not_running B || { [ -e "$1/A.connected" ] && [ -e "$1/B.connected" ]; }
}

packets_relayed() {
	echo $(($(metric edge sallyport_relay_packets_total 'direction="to_peer"') +
		$(metric edge sallyport_relay_packets_total 'direction="to_client"')))
}

# saw FILTER: holds for what they saw.
saw() {
	jq -e "$1" "$WORK/agents.json" >/dev/null || {
		echo "not true: $1"
		jq -c '.[]' "$WORK/agents.json"
		return 1
	}
}
ALL_CAME='length == 2 and all(.[]; .received == 300 and .wrong == 0)'
