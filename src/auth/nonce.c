/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nonces that are computed, not stored: the cookie of RFC 8489 §9.2, then in base64url the time
 * (32 bits) and 96 bits of its HMAC with the client's IP address.
 */
#include <string.h>
#include "snapshot.h"

#define TIME_LEN 4
#define MAC_LEN  12
#define TAIL_LEN BASE64URL_LEN(TIME_LEN + MAC_LEN)

_Static_assert(STUN_NONCE_COOKIE_LEN + TAIL_LEN == AUTH_NONCE_LEN, "nonce length");

/* Username anonymity is never offered: a hash cannot be turned back into the claims. */
static void write_cookie(const struct auth_snapshot *s, char out[STUN_NONCE_COOKIE_LEN])
{
	stun_nonce_cookie_write(s->rules.sha256 ? STUN_FEATURE_PASSWORD_ALGORITHMS : 0, out);
}

static void make_mac(const struct auth_key *k, const uint8_t time[TIME_LEN],
	const struct addr *client, uint8_t out[CRYPTO_SHA256_LEN])
{
	const struct bytes parts[] = {
		bytes_of(time, TIME_LEN), bytes_of(client->ip, sizeof(client->ip))};
	crypto_hmac(&k->nonce, parts, ARRAY_LEN(parts), out);
}

void auth_nonce_make(const struct auth_snapshot *s, const struct addr *client, uint64_t now_s,
	char out[AUTH_NONCE_LEN + 1])
{
	/* A challenge is sent also while no key signs. */
	const struct auth_key *k = auth_ring_signing(&s->rules.ring, now_s);
	if (k == NULL)
		k = &s->rules.ring.keys[0];
	uint8_t tail[TIME_LEN + CRYPTO_SHA256_LEN];
	be32_put(tail, (uint32_t)now_s);
	make_mac(k, tail, client, tail + TIME_LEN);
	write_cookie(s, out);
	base64url_encode(tail, TIME_LEN + MAC_LEN, out + STUN_NONCE_COOKIE_LEN);
}

static bool is_fresh(const struct auth_snapshot *s, uint32_t made_s, uint64_t now_s)
{
	uint32_t now = (uint32_t)now_s;
	if (made_s > now)
		return made_s - now <= s->rules.clock_skew_s;
	return now - made_s <= s->rules.nonce_lifetime_s;
}

/*
 * Every key of the ring will do, whatever its times: another member may sign with a newer or an
 * older one. A nonce opens nothing; it only dates the message that the password signs.
 */
static bool was_made_here(
	const struct auth_snapshot *s, const struct addr *client, const uint8_t *tail)
{
	for (size_t i = 0; i < s->rules.ring.n_keys; i++) {
		uint8_t mac[CRYPTO_SHA256_LEN];
		make_mac(&s->rules.ring.keys[i], tail, client, mac);
		if (crypto_equal(mac, tail + TIME_LEN, MAC_LEN))
			return true;
	}
	return false;
}

bool auth_nonce_check(const struct auth_snapshot *s, const struct addr *client, uint64_t now_s,
	struct bytes nonce)
{
	char cookie[STUN_NONCE_COOKIE_LEN];
	uint8_t tail[TIME_LEN + MAC_LEN];
	size_t len;
	if (nonce.len != AUTH_NONCE_LEN)
		return false;
	/* Other feature bits than ours: somebody wants the client to use a weaker algorithm
	 * (RFC 8489 §9.2.1). */
	write_cookie(s, cookie);
	if (memcmp(nonce.data, cookie, sizeof(cookie)) != 0)
		return false;
	const char *text = (const char *)nonce.data + sizeof(cookie);
	if (base64url_decode(text, TAIL_LEN, tail, sizeof(tail), &len) != 0 || len != sizeof(tail))
		return false;
	return is_fresh(s, be32_get(tail), now_s) && was_made_here(s, client, tail);
}
