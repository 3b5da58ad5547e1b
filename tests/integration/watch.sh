#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Certificates, keys and revocations that change on disk are taken by themselves, in the ways that
# certbot, Kubernetes and editors write them; broken ones are not.
. "$(dirname "$0")/lib.sh"
begin

CTL=${SALLYPORTCTL:-$SALLYPORT_BUILD/sallyportctl}
ctl() {
	"$CTL" -s "$WORK/edge.sock" "$@"
}
site
conf edge
mkdir "$WORK/live" "$WORK/archive" "$WORK/kube" "$WORK/kube/..1" "$WORK/state"
certificate cert1 ca serverAuth "DNS:av.example.com"
# certbot: live/X.pem is a link to archive/XN.pem.
cp "$WORK/cert1.pem" "$WORK/archive/cert1.pem"
cp "$WORK/cert1.key" "$WORK/archive/key1.pem"
ln -s ../archive/cert1.pem "$WORK/live/cert.pem"
ln -s ../archive/key1.pem "$WORK/live/key.pem"
# Kubernetes: ca.crt is a link to ..data/ca.crt, and ..data one to a folder that is swapped.
cp "$WORK/ca.pem" "$WORK/kube/..1/ca.crt"
ln -s ..1 "$WORK/kube/..data"
ln -s ..data/ca.crt "$WORK/kube/ca.crt"
sed -i -e "s|listen: \\[\"10.200.1.1\"\\]|&\\n      tls: [\"10.200.1.1\"]\\n      certificate: $WORK/live/cert.pem\\n      private_key: $WORK/live/key.pem|" \
	-e "s|client_ca: .*|client_ca: $WORK/kube/ca.crt\\n  revocation_file: $WORK/state/revoked|" \
	"$WORK/edge.yaml"
edge_start edge

# serial: of the certificate that the TLS listener shows.
serial() {
	in_space ext openssl s_client -connect 10.200.1.1:5349 </dev/null 2>/dev/null |
		openssl x509 -noout -serial
}
serial_is() {
	[ "$(serial)" = "$(openssl x509 -noout -serial -in "$1")" ]
}
taken() {
	[ "$(admin edge /metrics | sed -n 's/^sallyport_changed_files_total{result="taken"} //p')" = "$1" ]
}
refused() {
	[ "$(admin edge /metrics | sed -n 's/^sallyport_changed_files_total{result="refused"} //p')" = "$1" ]
}

check "the first certificate is shown" serial_is "$WORK/cert1.pem"
check "its end is a metric" prints '^sallyport_certificate_end_timestamp_seconds 1[0-9]{9}$' -- \
	admin edge /metrics
check "the log warns: it ends within 7 days" has "$WORK/edge.log" \
	'warning tls certificate ends soon used_by="face external" file=.*/live/cert.pem days_left=[12]'

# ---- links swapped, one after the other ----

certificate cert2 ca serverAuth "DNS:av.example.com"
cp "$WORK/cert2.pem" "$WORK/archive/cert2.pem"
cp "$WORK/cert2.key" "$WORK/archive/key2.pem"
ln -s ../archive/cert2.pem "$WORK/live/next"
mv -T "$WORK/live/next" "$WORK/live/cert.pem"
ln -s ../archive/key2.pem "$WORK/live/next"
mv -T "$WORK/live/next" "$WORK/live/key.pem"
check "certbot: links are swapped, the new certificate is shown" within 10 serial_is "$WORK/cert2.pem"
check "it was taken in one step" taken 1
check "the moment between the two links was waited out" refused 0

# ---- written in place, by halves ----

certificate cert3 ca serverAuth "DNS:av.example.com"
cat "$WORK/cert3.pem" >"$WORK/archive/cert2.pem"
check "a certificate without its key is refused" within 10 refused 1
check "the log says so in one line" has "$WORK/edge.log" \
	'error conf changed files not taken error=".*key2?.pem.*belongs to the certificate'
check "the old one stays in force" serial_is "$WORK/cert2.pem"
cat "$WORK/cert3.key" >"$WORK/archive/key2.pem"
check "with the key it is taken" within 10 serial_is "$WORK/cert3.pem"

# ---- a folder swapped behind two links ----

certificate fe-of-other other-ca clientAuth "DNS:fe.example.com"
reaches() {
	MRAS_AS=$1 mras /keys -o /dev/null -f
}
check "a caller of another authority is kept out" eval '! reaches fe-of-other'
mkdir "$WORK/kube/..2"
cat "$WORK/ca.pem" "$WORK/other-ca.pem" >"$WORK/kube/..2/ca.crt"
ln -s ..2 "$WORK/kube/..next"
mv -T "$WORK/kube/..next" "$WORK/kube/..data"
check "Kubernetes: the folder is swapped, the new authority counts" within 10 reaches fe-of-other
check "the old one too" reaches fe

# ---- keys ----

check "a credential under the first key" credential
first=$CRED_USER
allocate() {
	probe ext -u "$CRED_USER" -w "$CRED_PASSWORD" 10.200.1.1 allocate
}
check "it is good" answers class=success -- allocate
kid=$(ctl --json keys | jq -r '.keys[0].kid')
secret next
mv "$WORK/next.secret" "$WORK/pool.secret"
kid_is_new() {
	[ "$(ctl --json keys | jq -r '.keys[0].kid')" != "$kid" ]
}
check "another secret in its place is taken" within 10 kid_is_new
check "what the old one made is not good any more" answers code=401 -- allocate
check "and what the new one makes is" credential
check "..." answers class=success -- allocate

: >"$WORK/pool.secret"
before=$(admin edge /metrics | sed -n 's/^sallyport_changed_files_total{result="refused"} //p')
check "an empty secret is refused" within 10 refused $((before + 1))
check "credentials of the key in force stay good" answers class=success -- allocate
secret again
mv "$WORK/again.secret" "$WORK/pool.secret"
now=$(ctl --json keys | jq -r '.keys[0].kid')
check "a whole one is taken" within 10 eval '[ "$(ctl --json keys | jq -r ".keys[0].kid")" != '"$now"' ]'

# ---- revocations ----

check "a credential to be revoked" credential
n_taken=$(admin edge /metrics | sed -n 's/^sallyport_changed_files_total{result="taken"} //p')
check "revoked by the tool" ctl credentials revoke "$CRED_USER"
check "it is not good any more" answers code=401 -- allocate
sleep 2
check "the file that the daemon writes itself is no news" taken "$n_taken"
check "another one" credential
jti=$(ctl --json credentials decode "$CRED_USER" | jq -r .claims.jti)
echo "jti $jti $(($(date +%s) + 3600))" >>"$WORK/state/revoked"
check "an entry added by hand counts" within 10 answers code=401 -- allocate
check "the tool's is still there" eval '[ "$(mras /revocations | jq ".revocations | length")" = 2 ]'

# ---- the configuration itself is not read ----

sed -i 's/^edge:/edge:\n  frob: 1/' "$WORK/edge.yaml"
certificate cert4 ca serverAuth "DNS:av.example.com"
cat "$WORK/cert4.pem" >"$WORK/archive/cert2.pem"
cat "$WORK/cert4.key" >"$WORK/archive/key2.pem"
check "a half-edited configuration does not keep a certificate out" within 10 serial_is "$WORK/cert4.pem"
finish
