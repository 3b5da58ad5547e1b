/* SPDX-License-Identifier: BSD-3-Clause */
/* The computation of Digest (RFC 7616 §3.4), and writing challenges and credentials. */
#include <assert.h>
#include "scan.h"
#include "put.h"

static enum crypto_hash hash_of(enum sip_digest_algorithm alg)
{
	assert(alg != SIP_DIGEST_OTHER);
	return alg == SIP_DIGEST_MD5 || alg == SIP_DIGEST_MD5_SESS ? CRYPTO_MD5 : CRYPTO_SHA256;
}

static bool is_session(enum sip_digest_algorithm alg)
{
	return alg == SIP_DIGEST_MD5_SESS || alg == SIP_DIGEST_SHA256_SESS;
}

/* In hexadecimal, the parts with ":" between them. At most six. */
static void hash_parts(enum sip_digest_algorithm alg, const struct sip_str *parts, size_t n,
	char out[SIP_DIGEST_HEX])
{
	struct bytes all[11];
	uint8_t digest[CRYPTO_HASH_MAX];
	size_t n_all = 0;
	assert(n > 0 && n <= 6);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			all[n_all++] = bytes_str(":");
		all[n_all++] = sip_str_bytes(parts[i]);
	}
	crypto_digest(hash_of(alg), all, n_all, digest);
	hex_encode(digest, crypto_hash_len(hash_of(alg)), out);
	crypto_wipe(digest, sizeof(digest));
}

void sip_digest_secret(enum sip_digest_algorithm alg, struct sip_str username, struct sip_str realm,
	struct sip_str password, char out[SIP_DIGEST_HEX])
{
	const struct sip_str parts[] = {username, realm, password};
	out[0] = 0;
	if (alg != SIP_DIGEST_OTHER)
		hash_parts(alg, parts, ARRAY_LEN(parts), out);
}

/* H(A2): method and URI, with auth-int the hash of the body too. */
static void hash_request(const struct sip_digest *d, char out[SIP_DIGEST_HEX])
{
	char body[SIP_DIGEST_HEX];
	struct sip_str parts[3] = {d->method, d->uri};
	size_t n = 2;
	if (d->qop == SIP_QOP_AUTH_INT) {
		hash_parts(d->algorithm, &d->body, 1, body);
		parts[n++] = sip_str_c(body);
	}
	hash_parts(d->algorithm, parts, n, out);
}

static bool is_one_qop(unsigned qop)
{
	return qop == SIP_QOP_NONE || qop == SIP_QOP_AUTH || qop == SIP_QOP_AUTH_INT;
}

void sip_digest_response(const struct sip_digest *d, char out[SIP_DIGEST_HEX])
{
	char a1[SIP_DIGEST_HEX], a2[SIP_DIGEST_HEX];
	struct sip_str secret = sip_str_c(d->secret);
	out[0] = 0;
	if (d->algorithm == SIP_DIGEST_OTHER || !is_one_qop(d->qop))
		return;
	if (is_session(d->algorithm)) {
		const struct sip_str parts[] = {secret, d->nonce, d->cnonce};
		hash_parts(d->algorithm, parts, ARRAY_LEN(parts), a1);
		secret = sip_str_c(a1);
	}
	hash_request(d, a2);
	if (d->qop == SIP_QOP_NONE) {
		const struct sip_str parts[] = {secret, d->nonce, sip_str_c(a2)};
		hash_parts(d->algorithm, parts, ARRAY_LEN(parts), out);
	} else {
		struct sip_str qop = sip_str_c(d->qop == SIP_QOP_AUTH ? "auth" : "auth-int");
		const struct sip_str parts[] = {
			secret, d->nonce, d->nc, d->cnonce, qop, sip_str_c(a2)};
		hash_parts(d->algorithm, parts, ARRAY_LEN(parts), out);
	}
	crypto_wipe(a1, sizeof(a1));
}

bool sip_digest_check(
	const struct sip_auth *a, const char *secret, struct sip_str method, struct sip_str body)
{
	struct sip_digest d = {.algorithm = a->algorithm,
		.secret = secret,
		.nonce = a->nonce,
		.cnonce = a->cnonce,
		.nc = a->nc,
		.qop = (enum sip_qop)a->qop,
		.method = method,
		.uri = a->uri,
		.body = body};
	char right[SIP_DIGEST_HEX], said[SIP_DIGEST_HEX];
	if (!a->is_digest || a->algorithm == SIP_DIGEST_OTHER || !is_one_qop(a->qop) ||
		a->nonce.at == NULL || a->uri.at == NULL || a->response.len == 0 ||
		a->response.len >= sizeof(said))
		return false;
	if (a->qop != SIP_QOP_NONE && (a->cnonce.len == 0 || a->nc.at == NULL))
		return false;
	sip_digest_response(&d, right);
	for (uint32_t i = 0; i < a->response.len; i++)
		said[i] = sip_char_lower(a->response.at[i]);
	return a->response.len == strlen(right) && crypto_equal(said, right, a->response.len);
}

/* ---- writing ---- */

static const char *const names[] = {[SIP_DIGEST_MD5] = "MD5",
	[SIP_DIGEST_MD5_SESS] = "MD5-sess",
	[SIP_DIGEST_SHA256] = "SHA-256",
	[SIP_DIGEST_SHA256_SESS] = "SHA-256-sess"};

void sip_write_challenge(struct sip_writer *w, enum sip_header_id id, struct sip_str realm,
	struct sip_str nonce, enum sip_digest_algorithm alg, bool is_stale)
{
	assert(alg != SIP_DIGEST_OTHER);
	sip_write_open(w, id);
	sip_put_c(w, "Digest realm=");
	sip_write_quoted(w, realm);
	sip_put_c(w, ", nonce=");
	sip_write_quoted(w, nonce);
	sip_put_c(w, ", algorithm=");
	sip_put_c(w, names[alg]);
	sip_put_c(w, ", qop=\"auth\"");
	if (is_stale)
		sip_put_c(w, ", stale=true");
	sip_write_close(w);
}

static void put_text(struct sip_writer *w, const char *name, struct sip_str inside)
{
	if (inside.at == NULL)
		return;
	sip_put_c(w, ", ");
	sip_put_c(w, name);
	sip_put(w, "=", 1);
	sip_put_quoted_raw(w, inside);
}

static void put_response(struct sip_writer *w, const struct sip_digest *d)
{
	char response[SIP_DIGEST_HEX];
	sip_digest_response(d, response);
	put_text(w, "response", sip_str_c(response));
	if (d->qop == SIP_QOP_NONE && !is_session(d->algorithm))
		return;
	put_text(w, "cnonce", d->cnonce);
	if (d->qop == SIP_QOP_NONE)
		return;
	sip_put_c(w, d->qop == SIP_QOP_AUTH ? ", qop=auth, nc=" : ", qop=auth-int, nc=");
	sip_write_str(w, d->nc);
}

void sip_write_credentials(struct sip_writer *w, enum sip_header_id id,
	const struct sip_auth *challenge, const struct sip_credentials *c)
{
	char nc[9];
	uint8_t count[4];
	struct sip_digest d = {.algorithm = challenge->algorithm,
		.secret = c->secret,
		.nonce = challenge->nonce,
		.cnonce = c->cnonce,
		.qop = SIP_QOP_NONE,
		.method = c->method,
		.uri = c->uri,
		.body = c->body};
	if (challenge->qop & SIP_QOP_AUTH)
		d.qop = SIP_QOP_AUTH;
	else if (challenge->qop & SIP_QOP_AUTH_INT)
		d.qop = SIP_QOP_AUTH_INT;
	if (!challenge->is_digest || challenge->algorithm == SIP_DIGEST_OTHER ||
		challenge->realm.at == NULL || challenge->nonce.at == NULL ||
		(d.qop == SIP_QOP_NONE && challenge->qop != SIP_QOP_NONE)) {
		w->failed = true;
		return;
	}
	be32_put(count, c->nc);
	hex_encode(count, sizeof(count), nc);
	d.nc = sip_str_c(nc);
	sip_write_open(w, id);
	sip_put_c(w, "Digest username=");
	sip_put_quoted_raw(w, c->username);
	put_text(w, "realm", challenge->realm);
	put_text(w, "nonce", challenge->nonce);
	put_text(w, "uri", c->uri);
	put_text(w, "opaque", challenge->opaque);
	if (challenge->algorithm_name.at != NULL) {
		sip_put_c(w, ", algorithm=");
		sip_put_c(w, names[challenge->algorithm]);
	}
	put_response(w, &d);
	sip_write_close(w);
}
