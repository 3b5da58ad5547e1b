#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Which credentials the relay takes, and the code it refuses others with: wrong password, flipped
# bytes, expired, foreign or revoked key, wrong place. The bad ones are minted here from the secret.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient

SERVER=10.200.1.1
site
conf edge
secret foreign
edge_start edge

# mint ARGUMENTS...: sets CRED_USER and CRED_PASSWORD.
mint() {
	read -r CRED_USER CRED_PASSWORD < <("$HERE/mint.py" "$WORK/pool.secret" "$@")
}
# allocate [STEP...]: an Allocate with the credential, from outside.
allocate() {
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER allocate "$@"
}
accepted() {
	check "$1" answers class=success -- allocate
}
refused() {
	check "$2" answers class=error code="$1" -- allocate
}

check "a credential is issued for the Internet" credential '"location":"internet"'
accepted "an issued credential allocates"
check "turnutils_uclient takes it unchanged" lossless uclient ext $SERVER -y -n 10 -m 2
check "with SHA-256 (RFC 8489) as well" answers class=success integrity=ok -- \
	probe ext -S -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER allocate

check "no credential: 401 with realm and nonce" answers code=401 realm=$REALM -- \
	probe ext $SERVER allocate
check "a wrong password: 401" answers code=401 -- \
	probe ext -u "$CRED_USER" -w wrong $SERVER allocate
check "turnutils_uclient is refused with a wrong password" prints 'Cannot complete Allocation' -- \
	in_space ext timeout 20 turnutils_uclient -v -u "$CRED_USER" -w wrong -y -n 1 $SERVER
check "a spoiled integrity: 401" answers code=401 -- \
	probe ext -C -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER allocate
check "a wrong realm: 401" answers code=401 -- probe ext -1 -u "$CRED_USER" -w "$CRED_PASSWORD" \
	-r other.example.com -n "$(probe ext $SERVER allocate | field nonce)" $SERVER allocate
check "a nonce that nobody made: 438" answers code=438 -- probe ext -1 -u "$CRED_USER" \
	-w "$CRED_PASSWORD" -r $REALM -n obMatJos2gAAAAAAAAAAAAAAAAAAAAAAAAAA $SERVER allocate
good_user=$CRED_USER
CRED_USER=${CRED_USER%?}A
[ "$CRED_USER" != "$good_user" ] || CRED_USER=${CRED_USER%?}Q
refused 401 "one changed character of the claims"
CRED_USER=$good_user

mint
accepted "a credential minted from the secret by other software"
mint --in -3600
refused 401 "an hour past its expiry"
mint --in -10
accepted "ten seconds past its expiry, within the clock skew"
mint --kid 00000000
refused 401 "a key id that is not in the ring"
read -r CRED_USER CRED_PASSWORD < <("$HERE/mint.py" "$WORK/foreign.secret")
refused 401 "a key of another pool"
mint --locations 2
refused 403 "a credential for inside, used outside"
mint --locations 0
accepted "a credential for any place"
mint --transports 2
refused 403 "a credential for TCP, used over UDP"
mint --relays 0x8000000000000000
refused 403 "a credential for another pool member"
two_allocations() {
	local rc
	talk_open first ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER
	talk first allocate
	answers code=486 -- allocate
	rc=$?
	talk first "refresh lifetime=0"
	talk_close first
	return $rc
}
mint --allocations 1
check "a second allocation over the credential's limit: 486" two_allocations

check "inside: a credential is issued" credential '"location":"intranet"'
check "inside: it works there" answers class=success -- \
	probe hq -u "$CRED_USER" -w "$CRED_PASSWORD" 10.200.2.1 allocate
refused 403 "inside: and not outside"

mint --rest
accepted "TURN REST: the pool's derived secret"
mint --rest --in -3600
refused 401 "TURN REST: expired"
mint --rest-secret wrong
refused 401 "TURN REST: a wrong secret"

# Requests on a living allocation belong to the user who made it.
mint --identity sip:alice@example.com
alice="user=$CRED_USER password=$CRED_PASSWORD"
mint --identity sip:mallory@example.com
mallory="login user=$CRED_USER password=$CRED_PASSWORD"
check "another user's credential on an allocation: 441" answers code=441 -- \
	probe ext -u "${alice#user=}" $SERVER "login $alice" allocate "$mallory" \
	"permission peer=10.200.2.2"

# Revocation: a token id, a user name that was handed out, a person, a whole key. What lives under it
# ends.
revoke() {
	same "200 1" "$(mras /revocations -H 'Content-Type: application/json' -o "$WORK/revoke.json" \
		-w '%{http_code}' -d "{\"revocations\":[$1]}") $(jq .accepted "$WORK/revoke.json")"
}
mint --jti 0102030405060708
accepted "a token before its revocation"
talk_open living ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER
check "it holds an allocation" answers class=success -- talk living allocate
check "its token id is revoked" revoke '{"jti":"0102030405060708"}'
refused 401 "a revoked token id"
ended() {
	prints 'allocations_ended_total\{reason="revoked"\} 2$' -- admin edge /metrics
}
check "its allocations end" within 5 ended
check "... for its owner too" answers class=error code=401 -- talk living refresh
talk_close living
check "a credential of another caller" credential '"location":"internet"'
accepted "another token of the same person is not touched"
check "it is revoked by its user name" revoke "{\"username\":\"$CRED_USER\"}"
refused 401 "a revoked user name"
mint --identity sip:bob@example.com
subject=$(python3 -c 'import base64, sys
claims = sys.argv[1].split(".")[2]
print(base64.urlsafe_b64decode(claims + "=")[20:36].hex())' "$CRED_USER")
accepted "a person before the revocation"
check "the person is revoked" revoke "{\"subject\":\"$subject\"}"
refused 401 "a revoked person"
mint --identity sip:bob@example.com
refused 401 "... with a fresh credential too"
mint --identity sip:carol@example.com
accepted "another person is not touched"
check "revocations are listed" same 3 \
	"$(mras /revocations | jq '.revocations | length')"

if [ -n "$LONG" ]; then
	check "one minute: issued" credential '"location":"internet","duration":1'
	talk_open minute ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER
	check "one minute: it allocates" answers class=success -- talk minute allocate
	sleep 95
	refused 401 "one minute and the skew later: no new allocation"
	check "... but the living one is refreshed" answers class=success -- talk minute refresh
	talk_close minute
else
	skip "a lifetime of one minute in real time" "SALLYPORT_LONG is not set"
fi

# Expiry in real time, without the usual skew and with four seconds of grace: new allocations end
# with the credential, living ones are refreshed a little longer.
CONF_MRAS='  clock_skew: 0s
  session_grace: 4s' conf edge
kill -HUP "${PIDS[edge]}"
mint --in -2
skew_is_gone() {
	answers code=401 -- allocate
}
check "a reload without skew" within 5 skew_is_gone
mint --in 3
talk_open short ext -u "$CRED_USER" -w "$CRED_PASSWORD" $SERVER
check "three seconds to go: an allocation" answers class=success -- talk short allocate
sleep 4
refused 401 "a second past the end: no new allocation"
check "... but the living one is refreshed" answers class=success -- talk short refresh
check "... and may be given a permission" answers class=success -- \
	talk short "permission peer=10.200.2.2"
sleep 4
over() {
	[[ $(talk short refresh | tail -n 1) =~ code=(401|437) ]]
}
check "past the grace too: no more" over
talk_close short
check "the whole key is revoked" revoke \
	"{\"kid\":\"$("$HERE/mint.py" "$WORK/pool.secret" | cut -d. -f2)\"}"
mint
refused 401 "a revoked key"

finish
