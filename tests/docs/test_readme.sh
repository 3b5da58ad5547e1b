#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# The configuration that the README shows is one that sallyportd takes, and every link between the
# pages leads somewhere. A reader's first try must not fail on a page that nobody read again.
set -u
top=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
daemon=${SALLYPORTD:-$PWD/sallyportd}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0
result()
{
	if [ "$1" -eq 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
	fi
}

# The files it names are made here, in place of those in /etc/sallyport.
readme_configuration()
{
	umask 077
	sed -n '/^```yaml/,/^```/p' "$top/README.md" | grep -v '^```' |
		sed "s#/etc/sallyport/#$dir/#" >"$dir/sallyport.yaml"
	openssl rand 32 >"$dir/secret" &&
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
			-subj /CN=readme -keyout "$dir/mras.key" -out "$dir/mras.pem" 2>"$dir/log" &&
		cp "$dir/mras.pem" "$dir/callers-ca.pem" || {
		cat "$dir/log"
		exit 99
	}
	"$daemon" -t -c "$dir/sallyport.yaml"
}

if ! command -v openssl >/dev/null; then
	echo "ok - the_configuration_of_the_readme_is_right # SKIP there is no openssl program"
else
	readme_configuration
	result $? the_configuration_of_the_readme_is_right
fi

# What docs/routing.md shows of a call is what the daemon says with the section on that page.
routing_is_as_shown()
{
	sed -n '/^```yaml/,/^```/p' "$top/docs/routing.md" | grep -v '^```' >>"$dir/sallyport.yaml"
	sed -i "s#/etc/sallyport/#$dir/#" "$dir/sallyport.yaml"
	cp "$dir/mras.pem" "$dir/trunk.pem" && cp "$dir/mras.key" "$dir/trunk.key" &&
		cp "$dir/mras.pem" "$dir/gateways-ca.pem" && cp "$dir/mras.pem" "$dir/inside-ca.pem" || return 1
	# Nor is it warned of: who copies it should not begin with what is unwise.
	"$daemon" -t -c "$dir/sallyport.yaml" 2>"$dir/log" && [ ! -s "$dir/log" ] || {
		cat "$dir/log"
		return 1
	}
	sed -n '/^```console/,/^```/p' "$top/docs/routing.md" | grep -v '^```' >"$dir/shown"
	sed -n 's/^\$ sallyportd -r //p' "$dir/shown" | while read -r number; do
		echo "\$ sallyportd -r $number"
		"$daemon" -r "$number" -c "$dir/sallyport.yaml" 2>"$dir/log"
	done >"$dir/said"
	[ -s "$dir/said" ] && diff -u "$dir/shown" "$dir/said"
}
if [ -s "$dir/sallyport.yaml" ]; then
	routing_is_as_shown
	result $? calls_are_routed_as_the_page_shows
fi

# is_right PAGE HEADING: the first file below that heading, which stands alone.
is_right()
{
	awk -v heading="$2" '$0 == heading { is_below = 1 } is_below && /^```yaml/ { is_file = 1; next }
		is_file && /^```/ { exit } is_file' "$top/$1" |
		sed "s#/etc/sallyport/[a-z0-9-]*\.key#$dir/mras.key#; s#/etc/sallyport/[a-z0-9-]*\.pem#$dir/mras.pem#g" >"$dir/example.yaml"
	[ -s "$dir/example.yaml" ] && "$daemon" -t -c "$dir/example.yaml" >"$dir/log" 2>&1 || {
		echo "$1, $2:"
		cat "$dir/log"
		return 1
	}
}
if [ -s "$dir/mras.pem" ]; then
	is_right docs/mediation.md "## A first call" && is_right docs/access.md "## What you need"
	result $? files_of_the_pages_that_stand_alone_are_right
fi

links_lead_somewhere()
{
	grep -oE '\]\([^)#: ]+' README.md ARCHITECTURE.md HACKING.md SECURITY.md docs/*.md \
		docs/decisions/*.md | grep -v '(https\{0,1\}$' | sed 's/:\](/ /' |
		while read -r page target; do
			[ -e "$(dirname "$page")/$target" ] || echo "$page: $target is not there"
		done | tee "$dir/dead"
	[ ! -s "$dir/dead" ]
}

cd "$top" && links_lead_somewhere
result $? links_between_the_pages_lead_somewhere

every_page_is_listed()
{
	for page in docs/decisions/[0-9]*.md; do
		grep -qF "(${page##*/})" docs/decisions/README.md || echo "$page is not in the list"
	done | tee "$dir/unlisted"
	[ ! -s "$dir/unlisted" ]
}
every_page_is_listed
result $? every_decision_is_listed

# docs/correctness.md: the scripts that a row names are there, and their checks are called so. What
# stands between dots differs from run to run.
promises_have_their_checks()
{
	grep '^|' docs/correctness.md | while IFS='|' read -r _ promise scripts checks _; do
		files=
		for name in $(echo "$scripts" | grep -oE '[a-z0-9_]+\.sh'); do
			files="$files tests/integration/$name"
			[ -e "tests/integration/$name" ] || echo "$name is not there:$promise"
		done
		[ -n "$files" ] || continue
		echo "$checks" | grep -oE '"[^"]+"' | sed 's/\.\.\./\n/g' | sed 's/"//g; s/^ *//; s/ *$//' |
			while read -r words; do
				# shellcheck disable=SC2086  # names of files
				[ -z "$words" ] || cat $files | grep -qF -- "$words" ||
					echo "no check in$files says: $words"
			done
	done | tee "$dir/unkept"
	[ ! -s "$dir/unkept" ]
}
promises_have_their_checks
result $? promises_have_their_checks

exit $failed
