#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The credential API: who gets in, what the documents look like, and what it does with those that
# are too large, malformed or hostile.
# With asan, tsan: HTTP, JSON and XML.
. "$(dirname "$0")/lib.sh"
begin

site
conf edge
certificate stranger ca clientAuth "DNS:stranger.example.com"
certificate foreign other-ca clientAuth "DNS:fe.example.com"
certificate server-only ca serverAuth "DNS:fe.example.com"
certificate limited ca clientAuth "DNS:limited.example.com"
sed -i 's|^  clients:|&\n    - {name: limited, san: [limited.example.com], identities: ["*@inside.example"], locations: [intranet]}|' \
	"$WORK/edge.yaml"
edge_start edge

JSON='Content-Type: application/json'
XML='Content-Type: application/msrtc-media-relay-auth+xml'
DOC='{"requestId":"r-1","credentials":[{"id":"1","identity":"sip:alice@example.com","location":"internet","duration":480}]}'

# call STATUS PATH CURL ARGUMENTS...: the API answers with this status; document in $WORK/api.out.
call() {
	local want=$1 path=$2 got
	shift 2
	got=$(mras "$path" -o "$WORK/api.out" -D "$WORK/api.head" -w '%{http_code}' "$@")
	head -c 2000 "$WORK/api.out"
	same "$got" "$want"
}
# json FILTER: holds for the last document.
json() {
	jq -e "$1" "$WORK/api.out" >/dev/null || {
		echo "not true: $1"
		head -c 2000 "$WORK/api.out"
		return 1
	}
}
refused_in_handshake() {
	local status
	in_space hq curl -sS --max-time 5 --cacert "$WORK/ca.pem" "$@" \
		https://10.200.2.1:5062/mras/v1/credentials -H "$JSON" -d "$DOC"
	status=$?
	# 35: handshake, 56: the alert arrives while reading (TLS 1.3), 52 and 55: closed.
	case $status in
	35 | 52 | 55 | 56) ;;
	*)
		echo "curl ended with $status"
		return 1
		;;
	esac
}

# Who gets in.
check "no certificate: refused in the handshake" refused_in_handshake
check "no certificate, TLS 1.2: refused in the handshake" refused_in_handshake --tls-max 1.2
check "a certificate of a foreign authority: refused in the handshake" refused_in_handshake \
	--cert "$WORK/foreign.pem" --key "$WORK/foreign.key"
check "a certificate for servers only: refused in the handshake" refused_in_handshake \
	--cert "$WORK/server-only.pem" --key "$WORK/server-only.key"
check "TLS 1.1 is not spoken" refused_in_handshake --tls-max 1.1 \
	--cert "$WORK/fe.pem" --key "$WORK/fe.key"
MRAS_AS=stranger
check "a good certificate with a name that is not listed: 403" call 403 /credentials -H "$JSON" \
	-d "$DOC"
MRAS_AS=limited
check "an identity the caller may not ask for is refused by item" call 200 /credentials \
	-H "$JSON" -d "$DOC"
check "... as forbidden, without a credential" json \
	'.credentials[0] | .result == "forbidden" and (has("username") | not)'
check "a location it may not ask for as well" call 200 /credentials -H "$JSON" \
	-d '{"credentials":[{"id":"1","identity":"a@inside.example","location":"internet"}]}'
check "... as forbidden" json '.credentials[0].result == "forbidden"'
check "what it may ask for it gets" call 200 /credentials -H "$JSON" \
	-d '{"credentials":[{"id":"1","identity":"a@inside.example","location":"intranet"}]}'
check "... ok" json '.credentials[0].result == "ok"'
check "a caller without the admin role cannot list keys: 403" call 403 /keys
MRAS_AS=fe
check "from outside the port is not even open" same 7 "$(
	in_space ext curl -s -o /dev/null --max-time 5 https://10.200.1.1:5062/healthz
	echo $?
)"

# JSON.
check "JSON request" call 200 /credentials -H "$JSON" -d "$DOC"
check "the answer must not be kept" has "$WORK/api.head" '^[Cc]ache-[Cc]ontrol: .*no-store'
check "requestId and id come back" json '.requestId == "r-1" and .credentials[0].id == "1"'
check "user name, password, realm" json '.credentials[0] |
	(.username | test("^[0-9]+:m1\\.[0-9a-f]{8}\\.[A-Za-z0-9_-]{59}$")) and
	(.password | test("^[A-Za-z0-9_-]{43}$")) and .realm == "edge.example.com"'
check "duration in minutes, ttl in seconds, expiry in Unix time" json '.serverTime as $now |
	.credentials[0] | .duration == 480 and .ttl == 28800 and
	(.expires - $now - 28800 | . >= -1 and . <= 1)'
check "the expiry is that of the user name" json \
	'.credentials[0] | (.username | split(":")[0] | tonumber) == .expires'
check "the outside relay for a client outside" json '.credentials[0].relays |
	length == 1 and .[0].location == "internet" and .[0].hostName == "av.example.com" and
	.[0].udpPort == 3478'
check "iceServers is what RTCPeerConnection takes" json '.credentials[0] | . as $c |
	.iceServers | length >= 1 and all(.[]; .username == $c.username and
	.credential == $c.password and (.urls | type == "array" and length >= 1 and
	all(.[]; test("^turns?:[^/?]+(:[0-9]+)?\\?transport=(udp|tcp)$"))))'
check "... with the relay's name and port" json \
	'.credentials[0].iceServers[0].urls | index("turn:av.example.com:3478?transport=udp") != null'
check "a client inside" call 200 /credentials -H "$JSON" -d "${DOC/\"internet\"/\"intranet\"}"
check "... gets the inside relay only" json \
	'.credentials[0].relays | length == 1 and .[0].hostName == "av.int.example.com"'
check "no location" call 200 /credentials -H "$JSON" -d "${DOC/\"location\":\"internet\",/}"
check "... gets both" json '.credentials[0].relays | map(.location) | sort == ["internet","intranet"]'
check "route directip" call 200 /credentials -H "$JSON" -d "${DOC/\"duration\"/\"route\":\"directip\",\"duration\"}"
check "... gets addresses and no name" json '.credentials[0] |
	(.relays[0] | has("hostName") | not) and
	(.iceServers[0].urls | index("turn:10.200.1.1:3478?transport=udp") != null)'
check "a wish over the maximum" call 200 /credentials -H "$JSON" -d "${DOC/480/100000}"
check "... is shortened" json '.credentials[0].duration == 480'
check "unknown members are ignored" call 200 /credentials -H "$JSON" \
	-d '{"new":1,"credentials":[{"id":"1","identity":"a@b.example","newer":{"a":[1,2]}}]}'

# items N: a request for N credentials.
items() {
	jq -nc --argjson n "$1" '{requestId: "many", credentials: [range($n) |
		{id: tostring, identity: "sip:u\(.)@example.com", location: "internet"}]}' \
		>"$WORK/items.json"
}
items 100
check "100 items" call 200 /credentials -H "$JSON" --data-binary "@$WORK/items.json"
check "... are 100 answers, each of its own" json \
	'(.credentials | length) == 100 and (.credentials | map(.username) | unique | length) == 100'
items 101
check "101 items: 413" call 413 /credentials -H "$JSON" --data-binary "@$WORK/items.json"
head -c 1048576 /dev/zero | tr '\0' 'x' >"$WORK/large"
check "a body of 1 MiB: 413" call 413 /credentials -H "$JSON" -H 'Expect:' --data-binary "@$WORK/large"
for bad in '{' 'null' '[]' '{}' '{"credentials":{}}' '{"credentials":[]}' \
	'{"credentials":[{"id":"1"}]}' '{"credentials":[{"id":"1","identity":""}]}' \
	'{"credentials":[{"id":"1","identity":"a@b","location":"moon"}]}' \
	'{"credentials":[{"id":"1","identity":"a@b","duration":-1}]}'; do
	check "malformed JSON ($bad): 400" call 400 /credentials -H "$JSON" -d "$bad"
done
check "... told as problem+json" has "$WORK/api.head" '^[Cc]ontent-[Tt]ype: application/problem\+json'
check "... with status and reason" json '.status == 400 and .reason == "requestMalformed"'
deep=$(printf '[%.0s' $(seq 10000))
check "JSON nested 10,000 deep: 400" call 400 /credentials -H "$JSON" -d "$deep"
check "another content type is refused" call 415 /credentials -H 'Content-Type: text/plain' -d "$DOC"
check "GET on credentials is refused" call 405 /credentials
check "an unknown path: 404" call 404 /nothing

# XML.
xml() {
	cat <<-XML
	<?xml version="1.0"?>
	<request xmlns="http://schemas.microsoft.com/2006/09/sip/mrasp" requestID="77120"
	 version="${2:-2.0}" route="loadbalanced" to="sip:edge@corp.example;gruu;opaque=srvr:MRAS:aB3dE"
	 from="sip:alice@corp.example">$(for i in $(seq "$1"); do
		echo "<credentialsRequest credentialsRequestID=\"$i\"><identity>sip:alice@corp.example</identity><location>internet</location><duration>480</duration></credentialsRequest>"
	done)</request>
	XML
}
# xpath EXPRESSION: the string it gives in the last document, default namespace as "m".
xpath() {
	python3 - "$WORK/api.out" "$1" <<-'PY'
		import sys, xml.etree.ElementTree as e
		root = e.parse(sys.argv[1]).getroot()
		ns = {"m": "http://schemas.microsoft.com/2006/09/sip/mrasp"}
		path, _, attribute = sys.argv[2].partition("@")
		found = root if path in ("", ".") else root.find(path.rstrip("/"), ns)
		print(found.get(attribute) if attribute else found.text)
	PY
}
xml 1 >"$WORK/one.xml"
check "XML request" call 200 /credentials -H "$XML" --data-binary "@$WORK/one.xml"
check "the answer is XML" has "$WORK/api.head" '^[Cc]ontent-[Tt]ype: application/msrtc-media-relay-auth\+xml'
check "reasonPhrase OK" same "$(xpath .@reasonPhrase)" OK
check "attributes come back" same "$(xpath .@requestID) $(xpath .@from)" "77120 sip:alice@corp.example"
check "granted minutes" same "$(xpath m:credentialsResponse/m:credentials/m:duration)" 480
check "the relay" same "$(xpath m:credentialsResponse/m:mediaRelayList/m:mediaRelay/m:hostName)" \
	av.example.com
CRED_USER=$(xpath m:credentialsResponse/m:credentials/m:username)
CRED_PASSWORD=$(xpath m:credentialsResponse/m:credentials/m:password)
check "the credential in it allocates" answers class=success -- \
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" 10.200.1.1 allocate
xml 100 >"$WORK/many.xml"
check "100 requests in one" call 200 /credentials -H "$XML" --data-binary "@$WORK/many.xml"
check "... 100 answers" same "$(grep -o '<credentialsResponse ' "$WORK/api.out" | wc -l)" 100
xml 101 >"$WORK/many.xml"
check "101: 413" call 413 /credentials -H "$XML" --data-binary "@$WORK/many.xml"
check "... Request Too Large" same "$(xpath .@reasonPhrase)" "Request Too Large"
xml 1 3.0 >"$WORK/version.xml"
check "version 3.0: 400" call 400 /credentials -H "$XML" --data-binary "@$WORK/version.xml"
check "... Version Mismatch" same "$(xpath .@reasonPhrase)" "Version Mismatch"
head -c 300 "$WORK/one.xml" >"$WORK/cut.xml"
check "cut off XML: 400" call 400 /credentials -H "$XML" --data-binary "@$WORK/cut.xml"
check "... Request Malformed" same "$(xpath .@reasonPhrase)" "Request Malformed"
{
	echo '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
	for i in 1 2 3 4 5 6 7 8 9; do
		echo "<!ENTITY lol$i \"$(printf "&lol$((i - 1));%.0s" 1 2 3 4 5 6 7 8 9 10)\">" |
			sed 's/&lol0;/\&lol;/g'
	done
	echo ']><request xmlns="http://schemas.microsoft.com/2006/09/sip/mrasp" requestID="1" version="2.0" to="a" from="b"><credentialsRequest credentialsRequestID="1"><identity>&lol9;</identity></credentialsRequest></request>'
} >"$WORK/laughs.xml"
before=$(memory_kb edge Rss)
check "a billion laughs: 400" call 400 /credentials -H "$XML" --data-binary "@$WORK/laughs.xml"
{
	echo '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
	echo '<request xmlns="http://schemas.microsoft.com/2006/09/sip/mrasp" requestID="1" version="2.0" to="a" from="b"><credentialsRequest credentialsRequestID="1"><identity>&x;</identity></credentialsRequest></request>'
} >"$WORK/entity.xml"
check "an external entity: 400" call 400 /credentials -H "$XML" --data-binary "@$WORK/entity.xml"
printf '<a>%.0s' $(seq 50000) >"$WORK/deep.xml"
check "XML nested 50,000 deep: 400" call 400 /credentials -H "$XML" --data-binary "@$WORK/deep.xml"
if [ -z "$SANITIZED" ]; then
	check "memory stayed within 4 MiB of before" at_most $(($(memory_kb edge Rss) - before)) 4096
else
	skip "memory stayed within 4 MiB of before" "a sanitizer's allocator keeps what was freed"
fi

# TURN REST.
check "TURN REST request" call 200 "/turn?service=turn&username=alice&ttl=3600"
check "user name, ttl" json '(.username | test("^[0-9]+:alice$")) and .ttl == 3600'
check "... and uris" json '.uris | index("turn:av.example.com:3478?transport=udp") != null'
CRED_USER=$(jq -r .username "$WORK/api.out")
CRED_PASSWORD=$(jq -r .password "$WORK/api.out")
check "the credential in it allocates" answers class=success -- \
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" 10.200.1.1 allocate
check "without a user name" call 400 "/turn?service=turn&username="
check "another service" call 400 "/turn?service=mail&username=alice"

# Keys and health.
check "an admin lists the keys" call 200 /keys
check "... their ids, not their secrets" json \
	"(tostring | test(\"[0-9a-f]{8}\")) and (tostring | contains(\"$(base64 -w0 <"$WORK/pool.secret" | cut -c1-20)\") | not)"
check "healthz without a role" same ok "$(admin edge /healthz | tr -d '[:space:]' | tr A-Z a-z)"
for password in $(jq -r '.password // empty' "$WORK"/*.out "$WORK/credential.json" 2>/dev/null) \
	"$CRED_PASSWORD"; do
	check "no password is in the log" has_not "$WORK/edge.log" "$password"
done
finish
