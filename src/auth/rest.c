/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TURN REST form: password = base64(HMAC-SHA1(secret, username)). It names no key, so checking
 * tries one secret after the other; the list is short and its length is bounded.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "check.h"
#include "claims.h"
#include "rest.h"
#include "snapshot.h"

#define PASSWORD_LEN BASE64_LEN(CRYPTO_SHA1_LEN)

_Static_assert(PASSWORD_LEN < AUTH_PASSWORD_MAX, "a REST password fits");

static void make_password(
	const struct crypto_hmac_key *secret, struct bytes username, char out[PASSWORD_LEN + 1])
{
	uint8_t mac[CRYPTO_SHA1_LEN];
	crypto_hmac(secret, &username, 1, mac);
	base64_encode(mac, sizeof(mac), out);
	crypto_wipe(mac, sizeof(mac));
}

static bool secret_fits(const struct auth_snapshot *s, const struct auth_query *q,
	const struct crypto_hmac_key *secret, struct auth_grant *g)
{
	char password[PASSWORD_LEN + 1];
	make_password(secret, q->username, password);
	bool ok = auth_password_fits(s, q, bytes_of(password, PASSWORD_LEN), g);
	crypto_wipe(password, sizeof(password));
	return ok;
}

bool auth_rest_find_secret(
	const struct auth_snapshot *s, const struct auth_query *q, struct auth_grant *g)
{
	for (size_t i = 0; i < s->rules.ring.n_keys; i++) {
		const struct auth_key *k = &s->rules.ring.keys[i];
		if (!auth_key_verifies(k, q->now_s) || !secret_fits(s, q, &k->rest, g))
			continue;
		memcpy(g->kid, k->kid, sizeof(k->kid));
		return true;
	}
	g->kid[0] = '\0';
	for (size_t i = 0; i < s->rules.n_rest_secrets; i++)
		if (secret_fits(s, q, &s->rules.rest_secrets[i], g))
			return true;
	return false;
}

void auth_rest_claims(struct bytes name, struct auth_claims *out)
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	crypto_digest(CRYPTO_SHA256, &name, 1, digest);
	*out = (struct auth_claims){.relays = UINT64_MAX};
	memcpy(out->subject, digest, AUTH_SUBJECT_LEN);
}

int auth_mint_rest(const struct auth_snapshot *s, uint64_t now_s, uint64_t expires_s,
	struct bytes name, struct auth_credential *out)
{
	if (!s->rules.turn_rest)
		return ERR_UNSUPPORTED;
	if (name.len == 0 || auth_m1_is(name) || memchr(name.data, '\0', name.len))
		return ERR_MALFORMED;
	const struct auth_key *k = auth_ring_signing(&s->rules.ring, now_s);
	if (k == NULL)
		return ERR_NOT_FOUND;
	struct auth_credential c = {.expires_s = expires_s};
	int digits =
		snprintf(c.username, sizeof(c.username), "%llu:", (unsigned long long)expires_s);
	assert(digits > 0);
	if (name.len >= sizeof(c.username) - (size_t)digits)
		return ERR_TOO_LARGE;
	memcpy(c.username + digits, name.data, name.len); /* the NUL is there */
	memcpy(c.kid, k->kid, sizeof(c.kid));
	make_password(&k->rest, bytes_str(c.username), c.password);
	*out = c;
	crypto_wipe(&c, sizeof(c));
	return 0;
}
