# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the scripts with a web browser share, on top of lib.sh: headless Chromium in a namespace, driven
# by browser.mjs. playwright-core comes from the npm registry: the one thing here that wants a network.

# Settings from the environment: CHROMIUM, the browser to test.

# browser_begin: skips the whole script where there is no browser.
browser_begin() {
	local program
	BROWSER=${CHROMIUM:-/usr/bin/chromium}
	[ -x "$BROWSER" ] || skip_all "$BROWSER is not installed"
	for program in node npm; do
		command -v $program >/dev/null || skip_all "$program is not installed"
	done
	cp "$HERE/browser.mjs" "$HERE/package.json" "$HERE/package-lock.json" "$WORK" || exit 1
	(cd "$WORK" && timeout 120 npm ci --ignore-scripts --prefer-offline) >"$WORK/npm.log" 2>&1 ||
		skip_all "npm ci failed ($?): $(grep -E -m 1 'npm (ERR!|error)' "$WORK/npm.log")"
}

# browser_in SPACE: prints the name of a program that starts the browser there.
browser_in() {
	cat >"$WORK/browser-$1" <<-SH
	#!/bin/sh
	exec nsenter --net=/run/netns/$RUN-$1 "$BROWSER" "\$@"
	SH
	chmod +x "$WORK/browser-$1"
	echo "$WORK/browser-$1"
}

# browser_trusts CA: Chromium on Linux takes authorities of one's own from the NSS database of the
# user, for TURN over TLS as for pages; --ignore-certificate-errors is for pages alone.
browser_trusts() {
	local db=$WORK/.pki/nssdb
	mkdir -p "$db"
	[ -f "$db/cert9.db" ] || certutil -d "sql:$db" -N --empty-password || return 1
	certutil -d "sql:$db" -A -n "$1" -t C,, -i "$WORK/$1.pem"
}

# browse SPACES MODE [OPTION=VALUE...]: browsers in the spaces, one or two with a comma between, with
# the document that credential left. What they found is in $WORK/browser.json, and what they said in
# $WORK/browser.log. BROWSE_SECONDS is how long that may take.
browse() {
	local spaces=$1 a b
	shift
	a=$(browser_in "${spaces%,*}")
	b=
	[ "$spaces" = "${spaces%,*}" ] || b=$(browser_in "${spaces#*,}")
	echo null >"$WORK/browser.json"
	env HOME="$WORK" TMPDIR="$WORK" CHROMIUM="$a" CHROMIUM_B="$b" node "$WORK/browser.mjs" "$1" \
		"$WORK/credential.json" "$WORK/browser.json" admin="$WORK/edge.sock" "${@:2}" >"$WORK/browser.log" 2>&1 &
	PIDS[browser]=$!
	await browser "${BROWSE_SECONDS:-200}"
	# Chromium's own children end a moment after it, all of them when it was killed.
	within 30 browsers_gone "$spaces" || kill -KILL $(browsers_of "$spaces")
	same "$STATUS" 0 && return
	cat "$WORK/browser.log"
	return 1
}
browsers_of() {
	local name
	for name in ${1//,/ }; do
		ip netns pids "$RUN-$name"
	done
}
browsers_gone() {
	[ -z "$(browsers_of "$1")" ]
}

# found FILTER [ARGUMENTS OF jq...]: holds for what they found.
found() {
	jq -e "${@:2}" "$1" "$WORK/browser.json" >/dev/null || {
		echo "not true: $1"
		cat "$WORK/browser.json"
		return 1
	}
}
