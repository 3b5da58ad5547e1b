#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs the programs in docs/credentials.md and compares what they give with the vectors in it.
# shellcheck disable=SC1091,SC2034,SC2154 # those programs use and define what is not seen here
set -eu
doc=$(cd "$(dirname "$0")/../.." && pwd)/docs/credentials.md
for tool in python3 openssl basenc; do
	command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

block() { # the code blocks of one language
	awk -v start="\`\`\`$1" '/^```/ {inside = !inside; on = inside && $0 == start; next} on' "$doc"
}
vector() {
	block text | awk -v name="$1" '$1 == name {print $2}'
}
same() { # what, got, want
	[ -n "$3" ] && [ "$2" = "$3" ] && { echo "ok: $1"; return; }
	echo "FAIL: $1 is '$2', the vector is '$3'" >&2
	exit 1
}

block python > "$dir/mint.py"
same "python" "$(cd "$dir" && python3 -c "
from mint import *
print(*mint(b'EC\0' + bytes.fromhex('$(vector d)'), '$(vector identity)', 1800000000,
    bytes.fromhex('$(vector jti)')))")" "$(vector username) $(vector password)"

secret=454300$(vector d)
block sh > "$dir/check.sh"
. "$dir/check.sh"
same "openssl: kid" "$kid" "$(vector kid)"
same "openssl: subject key" "$(hkdf subject 32 | tr A-F a-f)" "$(vector K_sub)"
same "openssl: nonce key" "$(hkdf nonce 32 | tr A-F a-f)" "$(vector K_nonce)"
same "openssl: password" "$(password "$(vector username)")" "$(vector password)"
same "openssl: REST secret" "$(hkdf turn-rest 32 | basenc -d --base16 | base64)" "$(vector K_rest)"
same "openssl: REST password" "$(rest_password "$(vector K_rest)" "$(vector rest_user)")" \
	"$(vector rest_pass)"
same "openssl: MD5 key" "$(printf '%s:%s:%s' "$(vector username)" "$(vector realm)" \
	"$(vector password)" | openssl dgst -md5 -r | cut -d' ' -f1)" "$(vector md5_key)"
same "openssl: SHA-256 key" "$(printf '%s:%s:%s' "$(vector username)" "$(vector realm)" \
	"$(vector password)" | openssl dgst -sha256 -r | cut -d' ' -f1)" "$(vector sha256_key)"
