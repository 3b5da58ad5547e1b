/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access tokens that say all themselves (RFC 7635 §6.2), sealed by an authorization server with a
 * key that it shares with us; the name of this server is sealed in as associated data.
 *
 *   nonce length (16) = 12   nonce   sealed: mac key length (16)   mac key
 *                                            time (64, in 1/65536 s)   lifetime (32, in s)   tag
 */
#include <string.h>
#include "check.h"
#include "token.h"

#define HEAD_LEN   (2 + CRYPTO_AEAD_NONCE_LEN)
#define TAIL_LEN   (8 + 4)
#define TEXT_MAX   (2 + STUN_KEY_MAX + TAIL_LEN)
#define SKEW_MIN_S 5 /* RFC 7635 §9 */

static int parse(const uint8_t *text, size_t len, struct auth_token *out)
{
	size_t key_len = len >= 2 + TAIL_LEN ? be16_get(text) : 0;
	if (key_len < AUTH_TOKEN_MAC_KEY_MIN || key_len > STUN_KEY_MAX ||
		len != 2 + key_len + TAIL_LEN)
		return ERR_MALFORMED;
	const uint8_t *tail = text + 2 + key_len;
	*out = (struct auth_token){
		.made_s = be64_get(tail) >> 16, .lifetime_s = be32_get(tail + 8)};
	out->key.len = (uint8_t)key_len;
	memcpy(out->key.bytes, text + 2, key_len);
	return 0;
}

int auth_token_decode(enum crypto_aead a, const uint8_t *key, struct bytes server,
	struct bytes token, struct auth_token *out)
{
	uint8_t text[TEXT_MAX];
	if (token.len < HEAD_LEN + CRYPTO_AEAD_TAG_LEN ||
		token.len > HEAD_LEN + sizeof(text) + CRYPTO_AEAD_TAG_LEN ||
		be16_get(token.data) != CRYPTO_AEAD_NONCE_LEN)
		return ERR_MALFORMED;
	struct bytes sealed = bytes_of(token.data + HEAD_LEN, token.len - HEAD_LEN);
	if (!crypto_aead_open(a, key, token.data + 2, server, sealed, text))
		return ERR_BAD_KEY;
	int rc = parse(text, sealed.len - CRYPTO_AEAD_TAG_LEN, out);
	crypto_wipe(text, sizeof(text));
	return rc;
}

/* ---- checking ---- */

static const struct auth_token_key *find_key(
	const struct auth_snapshot *s, struct bytes kid, uint64_t now_s)
{
	for (size_t i = 0; i < s->rules.n_token_keys; i++) {
		const struct auth_token_key *k = &s->rules.token_keys[i];
		if (bytes_equal(kid, bytes_str(k->kid)))
			return k->verify_until == 0 || now_s < k->verify_until ? k : NULL;
	}
	return NULL;
}

/* RFC 7635 §9 lets clocks differ by at least five seconds. A token from further ahead than that is
 * refused: its maker's clock is wrong, or ours. */
static bool is_in_time(const struct auth_snapshot *s, const struct auth_token *t, uint64_t now_s)
{
	uint64_t skew_s = s->rules.clock_skew_s > SKEW_MIN_S ? s->rules.clock_skew_s : SKEW_MIN_S;
	return t->made_s <= auth_time_add(now_s, skew_s) &&
	       now_s <= auth_time_add(t->made_s + t->lifetime_s, skew_s);
}

/* Who holds a token is known by it alone: the name in it is that of a key. */
static void fill_subject(const struct auth_query *q, struct auth_claims *c)
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	const struct bytes parts[] = {q->username, bytes_of("", 1), q->token};
	crypto_digest(CRYPTO_SHA256, parts, ARRAY_LEN(parts), digest);
	*c = (struct auth_claims){.relays = UINT64_MAX};
	memcpy(c->subject, digest, AUTH_SUBJECT_LEN);
}

/*
 * With all of the token's key, as RFC 7635 has it; or with as much of it as the key of a password
 * has, which is what coturn and its clients do. G's key becomes the one that fits.
 */
static bool find_key_length(const struct auth_query *q, struct auth_grant *g)
{
	if (auth_key_fits(q, g))
		return true;
	if (q->integrity != CRYPTO_SHA1)
		return false;
	g->key.len = CRYPTO_MD5_LEN;
	return auth_key_fits(q, g);
}

enum auth_reason auth_token_check(
	const struct auth_snapshot *s, const struct auth_query *q, struct auth_grant *g)
{
	const struct auth_token_key *k = find_key(s, q->username, q->now_s);
	struct auth_token t;
	if (k == NULL)
		return AUTH_UNKNOWN_KEY;
	if (auth_token_decode(k->algorithm, k->key, bytes_str(auth_snapshot_token_server(s)),
		    q->token, &t) != 0)
		return AUTH_BAD_TOKEN;
	enum auth_reason r = AUTH_OK;
	*g = (struct auth_grant){.form = AUTH_FORM_TOKEN, .expires_s = t.made_s + t.lifetime_s};
	/* No grace: the holder gets the next token before this one ends (RFC 7635 §9). */
	g->refresh_until_s = g->expires_s;
	g->key = t.key;
	if (!is_in_time(s, &t, q->now_s))
		r = AUTH_EXPIRED;
	else if (!find_key_length(q, g))
		r = AUTH_BAD_INTEGRITY;
	fill_subject(q, &g->claims);
	crypto_wipe(&t, sizeof(t));
	return r;
}
