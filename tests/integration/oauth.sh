#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Third-party authorization (RFC 7635): tokens of another implementation open the relay, its client
# relays with them, and whatever is wrong with one is 401.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer turnutils_oauth

OUT=10.200.1.1 PEER=10.200.2.2
# The keys that turnutils_uclient has built in, as long as their algorithms take them.
NORTH=$(printf 01234567890123456789012345678901 | base64)
UNION=$(printf 1234567890123456 | base64)
OLDEMPIRE=$(printf 12345678901234567890123456789012 | base64)
site
CONF_WORKERS=2 CONF_MRAS="  oauth_server_name: blackdow.carleon.gov
  oauth_keys:
    - {kid: north, key: $NORTH}
    - {kid: union, key: $UNION, algorithm: A128GCM}
    - {kid: oldempire, key_file: $WORK/oldempire.key}
    - {kid: ended, key: $NORTH, verify_until: \"2020-01-01T00:00:00Z\"}" conf edge $OUT
echo "$OLDEMPIRE" >"$WORK/oldempire.key"
cp "$WORK/edge.yaml" "$WORK/good.yaml"
edge_start edge
start peer hq turnutils_peer -L $PEER

north() {
	in_space ext timeout 20 python3 "$HERE/access_token.py" $OUT north "$NORTH" A256GCM "$@"
}
check "a challenge names the server" prints '^server name=blackdow\.carleon\.gov$' -- north
check "a token allocates" prints '^allocate code=0 lifetime=600 is_rest=False$' -- north lifetime=3600 allocate
check "one of 128 bits does" prints '^allocate code=0 lifetime=600 is_rest=False$' -- in_space ext \
	timeout 20 python3 "$HERE/access_token.py" $OUT union "$UNION" A128GCM lifetime=3600 allocate
check "the key in a file does" prints '^allocate code=0 ' -- in_space ext \
	timeout 20 python3 "$HERE/access_token.py" $OUT oldempire "$OLDEMPIRE" A256GCM allocate
check "its key goes on alone" prints '^keep code=0 lifetime=600 is_rest=False$' -- \
	north lifetime=3600 allocate keep
check "the lifetime is the token's at most" prints '^allocate code=0 .* is_rest=True$' -- \
	north lifetime=200 allocate
check "what has passed of it counts" prints '^allocate code=0 .* is_rest=True$' -- \
	north lifetime=200 ago=50 allocate
check "the next token goes on" prints '^keep code=0 ' -- north allocate refresh keep
check "a token that was changed is 401" prints '^allocate code=401' -- north break allocate
check "and harms no allocation" prints '^keep code=401' -- north allocate break refresh keep
check "a token for another server is 401" prints '^allocate code=401' -- \
	north name=elsewhere.example allocate
check "a token that has ended is 401" prints '^allocate code=401' -- \
	north lifetime=100 ago=140 allocate
check "a token from the future is 401" prints '^allocate code=401' -- north ago=-100 allocate
check "a key that has ended is 401" prints '^allocate code=401' -- in_space ext \
	timeout 20 python3 "$HERE/access_token.py" $OUT ended "$NORTH" A256GCM allocate
check "a key by another name is 401" prints '^allocate code=401' -- in_space ext \
	timeout 20 python3 "$HERE/access_token.py" $OUT south "$NORTH" A256GCM allocate
counted() {
	admin edge /metrics | grep -E "auth_failures_total\{reason=\"$1\"\} [1-9]"
}
for reason in bad_token expired unknown_key; do
	check "the reason is counted ($reason)" counted $reason
done

check "a password serves beside tokens" credential
# turnutils_uclient takes one of its three keys at random, and another for each Refresh.
for i in 1 2 3 4; do
	relaying "turnutils_uclient -J loses nothing ($i)" ext $OUT -J -u nobody -w nothing -e $PEER -c \
		-n 50 -m 3
done
relaying "with Send indications" ext $OUT -J -u nobody -w nothing -s -e $PEER -c -n 50 -m 3
relaying "and relays" ext $OUT -e $PEER -c -n 50 -m 2
all_relayed

# wrong NAME SED MESSAGE
wrong() {
	sed "$2" "$WORK/good.yaml" >"$WORK/wrong.yaml"
	check "$1" prints "wrong\.yaml:[0-9]+:[0-9]+: .*$3" -- "$SALLYPORTD" -t -c "$WORK/wrong.yaml"
}
wrong "a key of the wrong length" "s|key: $UNION|key: $NORTH|" 'has 32 bytes, its algorithm takes 16'
wrong "a key that is no base64" "s|key: $UNION|key: \"?\"|" 'is no base64'
wrong "a key file that is not there" 's|oldempire.key|gone.key|' '"oldempire" is no base64'
wrong "two keys of one name" 's/kid: union/kid: north/' 'two keys of tokens are called'
wrong "a key without a key" "s|, key: $UNION||" 'exactly one of'
finish
