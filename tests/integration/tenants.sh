#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Tenants on one node: chosen by the face ("red"), by the server name of TLS ("blue") and by the
# credential's key ("green"). Their credentials, limits, peers and revocations are their own, and a
# change of one does not touch the others.
. "$(dirname "$0")/lib.sh"
begin turnutils_uclient turnutils_peer

OUT=10.200.1.1 RED=10.200.1.3 PEER=10.200.2.2 OTHER_PEER=10.200.2.3
site
address_add edge to-ext $RED/24
address_add hq to-edge $OTHER_PEER/24
CONF_WORKERS=2 conf edge $OUT
certificate av ca serverAuth "DNS:av.example.com"
certificate blue ca serverAuth "DNS:blue.example.com"
certificate fe-red ca clientAuth "DNS:fe.red.example"
certificate fe-blue ca clientAuth "DNS:fe.blue.example"
for name in red blue green; do
	secret $name
done
sed -i "/host: av.example.com/a\\
      tls: [\"$OUT\"]\\
      dtls: [\"$OUT\"]\\
      certificate: $WORK/av.pem\\
      private_key: $WORK/av.key\\
    - name: red\\
      listen: [\"$RED\"]\\
      host: red.example.com\\
      tenant: red" "$WORK/edge.yaml"
sed -i "/^  clients:/a\\
    - {name: fe-red, tenant: red, san: [fe.red.example], roles: [issue, admin], identities: [\"*\"]}\\
    - {name: fe-blue, tenant: blue, san: [fe.blue.example], identities: [\"*\"]}" "$WORK/edge.yaml"
cat >>"$WORK/edge.yaml" <<YAML
tenants:
  - name: red
    realm: red.example
    keys: [{secret_file: $WORK/red.secret}]
    revocation_file: $WORK/red.revocations
    limits: {allocations: 3}
    peers: {allow: [$PEER/32]}
  - name: blue
    realm: blue.example
    hosts: [blue.example.com, "*.blue.example.com"]
    keys: [{secret_file: $WORK/blue.secret}]
    certificates: [{certificate: $WORK/blue.pem, private_key: $WORK/blue.key}]
    limits: {subject_allocations: 2}
    peers: {allow: [10.200.0.0/16], deny: [$OTHER_PEER/32]}
  - name: green
    realm: green.example
    by_key: true
    keys: [{secret_file: $WORK/green.secret}]
    peers: {allow: [$OTHER_PEER/32]}
YAML
cp "$WORK/edge.yaml" "$WORK/good.yaml"
edge_start edge
start peer hq turnutils_peer -L $PEER
start tunnel ext python3 "$HERE/tunnel.py" 3478 $OUT:5349 blue.example.com
start nobody ext python3 "$HERE/tunnel.py" 3479 $OUT:5349 nobody.example.com
within 5 has "$WORK/tunnel.log" ready >/dev/null
within 5 has "$WORK/nobody.log" ready >/dev/null

# minted SECRET [ARGUMENTS...]: sets CRED_* to a credential of the key in $WORK/SECRET.secret.
minted() {
	read -r CRED_USER CRED_PASSWORD < <(python3 "$HERE/mint.py" "${@:2}" "$WORK/$1.secret")
}
# asks CODE SERVER ARGUMENTS...: an Allocate with CRED_*, and further steps, ends with CODE (0: well).
asks() {
	local want=$1 server=$2
	shift 2
	[ "$want" = 0 ] && want=class=success || want=code=$want
	answers "$want" -- probe ext "${WAY[@]}" -u "$CRED_USER" -w "$CRED_PASSWORD" "$server" \
		allocate "$@"
}
WAY=()
told() {
	answers code=401 realm="$1" -- probe ext "${WAY[@]}" -1 "$2" allocate
}

# ---- whose door it is ----

check "the default face tells the default realm" told $REALM $OUT
check "a tenant's face tells its realm" told red.example $RED
WAY=(-t)
check "a tenant's host name tells its realm" told blue.example 127.0.0.1:3478
check "an unknown host name tells the default realm" told $REALM 127.0.0.1:3479
WAY=()
shown() {
	in_space ext timeout 5 openssl s_client -connect $OUT:5349 -servername "$1" </dev/null 2>&1
}
# An Allocate by DTLS; the realm stands in the answer as it is.
told_by_dtls() {
	{
		printf '\0\3\0\10\41\22\244\102abcdefghijkl\0\31\0\4\21\0\0\0'
		sleep 1
	} | in_space ext timeout 5 openssl s_client -dtls1_2 -quiet -connect $OUT:5349 \
		-servername "$1" 2>/dev/null | grep -ac "$2"
}
check "by DTLS too" prints '^1$' -- told_by_dtls blue.example.com blue.example
check "DTLS without a name of a tenant's tells the default realm" prints '^1$' -- \
	told_by_dtls nobody.example.com $REALM
check "a tenant's certificate is the one of its name" prints 'subject=CN = blue' -- \
	shown blue.example.com
check "any other name has the face's" prints 'subject=CN = av' -- shown nobody.example.com

# ---- whose credential it is ----

MRAS_AS=fe-red
check "the red caller gets a red credential" credential
red_user=$CRED_USER red_password=$CRED_PASSWORD
check "with the red realm" prints '"realm":"red\.example"' -- cat "$WORK/credential.json"
check "and the red face alone" prints 'turn:red\.example\.com:3478' -- cat "$WORK/credential.json"
check "not the default one's" has_not "$WORK/credential.json" 'av\.example\.com'
check "it serves at the red face" lossless uclient ext $RED -e $PEER -c -n 50 -m 1
check "it is refused at the default face" asks 401 $OUT
MRAS_AS=fe-blue
check "the blue caller gets a blue credential" credential
blue_user=$CRED_USER blue_password=$CRED_PASSWORD
check "its host name leads by TLS and DTLS alone" prints '"urls":\["turns:blue\.example\.com:5349\?transport=tcp","turns:blue\.example\.com:5349\?transport=udp"\]' \
	-- cat "$WORK/credential.json"
WAY=(-t)
check "it serves by TLS with the blue name" lossless uclient ext 127.0.0.1 -t -e $PEER -c -n 50 -m 1
check "it is refused with another name" asks 401 127.0.0.1:3479
WAY=()
check "it is refused at the red face" asks 401 $RED
MRAS_AS=fe
check "the default caller gets a credential" credential
default_user=$CRED_USER default_password=$CRED_PASSWORD
check "it serves at the default face" asks 0 $OUT
check "it is refused at the red face" asks 401 $RED
WAY=(-t)
check "it is refused with the blue name" asks 401 127.0.0.1:3478
check "it serves by TLS with an unknown name" asks 0 127.0.0.1:3479
WAY=()
minted green
check "a green key serves at the default face" asks 0 $OUT "refresh lifetime=600"
check "with green peers" asks 0 $OUT "permission peer=$OTHER_PEER"
check "and no others" asks 403 $OUT "permission peer=$PEER"
check "it is refused at the red face" asks 401 $RED
WAY=(-t)
check "and with the blue name" asks 401 127.0.0.1:3478
WAY=()
minted red
check "a red key does not lead to red there" asks 401 $OUT

# ---- limits and peers ----

red() {
	CRED_USER=$red_user CRED_PASSWORD=$red_password
}
blue() {
	CRED_USER=$blue_user CRED_PASSWORD=$blue_password
}
default() {
	CRED_USER=$default_user CRED_PASSWORD=$default_password
}
red
check "red may send to its peer" asks 0 $RED "permission peer=$PEER"
check "and to no other inside" asks 403 $RED "permission peer=$OTHER_PEER"
blue
WAY=(-t)
check "blue may send to all inside" asks 0 127.0.0.1:3478 "permission peer=$PEER"
check "but one" asks 403 127.0.0.1:3478 "permission peer=$OTHER_PEER"
WAY=()
# hold NAME SERVER ARGUMENTS...: a probe that holds an allocation.
hold() {
	local name=$1 server=$2
	shift 2
	talk_open "$name" ext "$@" -u "$CRED_USER" -w "$CRED_PASSWORD" "$server"
}
free_red() {
	local i
	for i in 1 2 3 4 5; do
		asks 0 $RED "refresh lifetime=0" || return 1
	done
}
# Allocations that the clients above have left behind go with it.
edge_again() {
	stop edge && edge_start edge
}
check "the node starts anew" edge_again
red
check "what is given back can be had again" free_red
hold red1 $RED && hold red2 $RED && hold red3 $RED
for name in red1 red2 red3; do
	check "red has an allocation ($name)" answers class=success -- talk $name allocate
done
check "the tenant's next is 486" asks 486 $RED
minted red --identity bob
check "also for another of its users" asks 486 $RED
default
check "others are not touched" asks 0 $OUT "refresh lifetime=0"
check "one is given back" answers class=success -- talk red1 "refresh lifetime=0"
red
check "and the next has it" asks 0 $RED "refresh lifetime=0"
check "it is there once more" answers class=success -- talk red1 allocate
check "and no more than that" asks 486 $RED
blue
hold blue1 127.0.0.1:3478 -t && hold blue2 127.0.0.1:3478 -t
for name in blue1 blue2; do
	check "blue has an allocation ($name)" answers class=success -- talk $name allocate
done
WAY=(-t)
check "one identity's next is 486" asks 486 127.0.0.1:3478
minted blue --identity bob
check "another one of the tenant is not touched" asks 0 127.0.0.1:3478 "refresh lifetime=0"
WAY=()

# ---- counters ----

counts() {
	same "$(admin edge /metrics | sed -n "s/^sallyport_tenant_$1 //p")" "$2"
}
check "red's allocations are counted" counts 'allocations{tenant="red"}' 3
check "blue's are" counts 'allocations{tenant="blue"}' 2
check "the default's are not among them" counts 'allocations{tenant="default"}' 0
check "red's refusals are counted" counts 'refusals_total{tenant="red"}' 3

# ---- reload ----

red
for name in red1 red3; do
	check "red gives one back ($name)" answers class=success -- talk $name "refresh lifetime=0"
done
start load ext timeout 60 turnutils_uclient -u "$CRED_USER" -w "$CRED_PASSWORD" \
	-e $PEER -c -n 400 -m 1 $RED
check "a red client relays" within 15 has "$WORK/load.log" 'tot_recv_msgs=[1-9]'
reload() {
	local before
	before=$(grep -c 'reloaded' "$WORK/edge.log")
	kill -HUP "${PIDS[edge]}"
	within 5 reloaded $((before + 1))
}
reloaded() {
	[ "$(grep -c 'reloaded' "$WORK/edge.log")" -ge "$1" ]
}
sed -i "s|deny: \[$OTHER_PEER/32\]|deny: [$PEER/32]|" "$WORK/edge.yaml"
check "a reload changes blue" reload
check "its peers are others now" answers code=403 -- talk blue1 "permission peer=$PEER"
check "both ways" answers class=success -- talk blue1 "permission peer=$OTHER_PEER"
# The tenant goes, and whoever names it.
python3 - "$WORK/edge.yaml" <<'PY'
import re, sys
text = open(sys.argv[1]).read()
text = re.sub(r"  - name: blue\n(    .*\n)*", "", text)
text = re.sub(r"    - \{name: fe-blue.*\n", "", text)
open(sys.argv[1], "w").write(text)
PY
check "a reload removes blue" reload
ended() {
	same "$(grep -c 'allocation ended.*reason=tenant_removed' "$WORK/edge.log")" "$1"
}
check "its allocations end with a line each" within 5 ended 2
WAY=(-t)
check "its name leads to the default" told $REALM 127.0.0.1:3478
WAY=()
cp "$WORK/good.yaml" "$WORK/edge.yaml"
check "a reload brings it back" reload
WAY=(-t)
blue
check "with no debt" asks 0 127.0.0.1:3478 "refresh lifetime=0"
WAY=()
check "it is counted as the one it was" counts 'allocations{tenant="blue"}' 0
await load 60
check "the red client lost nothing" uclient_clean "$WORK/load.log"
check "nor did the one that waited" answers class=success -- talk red2 "refresh lifetime=600"

# ---- revocation ----

MRAS_AS=fe
revoke() {
	prints '"accepted":1' -- mras /revocations -H 'Content-Type: application/json' \
		-d "{\"revocations\":[{\"username\":\"$1\"}]}"
}
check "the default caller's revocation is taken" revoke "$red_user"
check "and means nothing to red" answers class=success -- talk red2 "refresh lifetime=600"
MRAS_AS=fe-red
check "red's own is taken" revoke "$red_user"
ended_revoked() {
	at_least "$(grep -c 'allocation ended.*reason=revoked' "$WORK/edge.log")" 1
}
check "and ends its allocations" within 5 ended_revoked
check "it is in its file" has "$WORK/red.revocations" '^jti '
check "it sees its own key alone" prints '^\{"realm":"red\.example","keys":\[\{[^{]*\}\]\}$' -- mras /keys
check "the local operator names the tenant" prints '"realm":"green\.example"' -- \
	admin edge '/mras/v1/keys?tenant=green'

# ---- bad configurations ----

# wrong NAME SED MESSAGE
wrong() {
	sed "$2" "$WORK/good.yaml" >"$WORK/wrong.yaml"
	check "$1" prints "wrong\.yaml:[0-9]+:[0-9]+: .*$3" -- "$SALLYPORTD" -t -c "$WORK/wrong.yaml"
}
wrong "a face of no tenant" 's/tenant: red$/tenant: read/' 'no tenant "read"'
wrong "a caller of no tenant" 's/tenant: blue,/tenant: blew,/' 'no tenant "blew"'
wrong "one name for two tenants" 's/name: green/name: red/' 'two tenants are called "red"'
wrong "a name that would break a log line" 's/name: green/name: "gre en"/' 'letters, digits'
wrong "a tenant called default" 's/name: green/name: default/' '"default" is what'
wrong "one key for two tenants" "s|$WORK/green.secret|$WORK/red.secret|" 'is one of tenant "red" too'
wrong "the default's key for a tenant" "s|$WORK/green.secret|$WORK/pool.secret|" \
	'is one of tenant "default" too'
wrong "a host name twice" 's/"\*.blue.example.com"/Blue.example.com/' 'leads to a tenant already'
wrong "no host name" 's/"\*.blue.example.com"/"b*.example.com"/' 'is not a host name'
wrong "a key file that is not there" "s|$WORK/green.secret|$WORK/gone.secret|" 'gone\.secret'
wrong "a certificate that is not there" "s|$WORK/blue.pem|$WORK/gone.pem|" 'gone\.pem'
wrong "a tenant nobody can be of" 's/by_key: true/by_key: false/' 'no client can be of this tenant'
finish
