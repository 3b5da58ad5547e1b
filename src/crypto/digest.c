/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Digests and HMAC on OpenSSL's low-level contexts, which live on the stack: one HMAC costs its
 * compression rounds and no fetch, no heap (docs/decisions/0006-own-hmac-state.md).
 * The Final calls clear the block they buffered, and what remains is the digest itself, so only
 * the padded key needs wiping here.
 */
#include <assert.h>
#include <string.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <sallyport/crypto.h>

#define BLOCK_LEN 64 /* of all three */

union state {
	MD5_CTX md5;
	SHA_CTX sha1;
	SHA256_CTX sha256;
};

_Static_assert(sizeof(union state) <= sizeof(((struct crypto_hmac_key *)0)->inner),
	"struct crypto_hmac_key is too small for OpenSSL's digest state");
_Static_assert(MD5_CBLOCK == BLOCK_LEN && SHA_CBLOCK == BLOCK_LEN && SHA256_CBLOCK == BLOCK_LEN,
	"the HMAC pads assume one block length");

static void state_init(enum crypto_hash h, union state *s)
{
	int ok = 0;
	switch (h) {
	case CRYPTO_MD5:
		ok = MD5_Init(&s->md5);
		break;
	case CRYPTO_SHA1:
		ok = SHA1_Init(&s->sha1);
		break;
	case CRYPTO_SHA256:
		ok = SHA256_Init(&s->sha256);
		break;
	}
	assert(ok == 1);
}

static void state_update(enum crypto_hash h, union state *s, const void *data, size_t len)
{
	if (len == 0)
		return;
	int ok = 0;
	switch (h) {
	case CRYPTO_MD5:
		ok = MD5_Update(&s->md5, data, len);
		break;
	case CRYPTO_SHA1:
		ok = SHA1_Update(&s->sha1, data, len);
		break;
	case CRYPTO_SHA256:
		ok = SHA256_Update(&s->sha256, data, len);
		break;
	}
	assert(ok == 1);
}

static void state_final(enum crypto_hash h, union state *s, uint8_t *out)
{
	int ok = 0;
	switch (h) {
	case CRYPTO_MD5:
		ok = MD5_Final(out, &s->md5);
		break;
	case CRYPTO_SHA1:
		ok = SHA1_Final(out, &s->sha1);
		break;
	case CRYPTO_SHA256:
		ok = SHA256_Final(out, &s->sha256);
		break;
	}
	assert(ok == 1);
}

static void state_update_parts(
	enum crypto_hash h, union state *s, const struct bytes *parts, size_t n_parts)
{
	for (size_t i = 0; i < n_parts; i++)
		state_update(h, s, parts[i].data, parts[i].len);
}

size_t crypto_hash_len(enum crypto_hash h)
{
	switch (h) {
	case CRYPTO_MD5:
		return CRYPTO_MD5_LEN;
	case CRYPTO_SHA1:
		return CRYPTO_SHA1_LEN;
	case CRYPTO_SHA256:
		return CRYPTO_SHA256_LEN;
	}
	assert(!"no such hash");
	return 0;
}

void crypto_digest(enum crypto_hash h, const struct bytes *parts, size_t n_parts, uint8_t *out)
{
	union state s;
	state_init(h, &s);
	state_update_parts(h, &s, parts, n_parts);
	state_final(h, &s, out);
}

/* The state of H after one block of the key XOR PAD; BLOCK is the key, zero-padded. */
static void pad_state(enum crypto_hash h, const uint8_t block[BLOCK_LEN], uint8_t pad, uint8_t *out)
{
	uint8_t padded[BLOCK_LEN];
	for (size_t i = 0; i < BLOCK_LEN; i++)
		padded[i] = block[i] ^ pad;
	union state s;
	memset(&s, 0, sizeof(s));
	state_init(h, &s);
	state_update(h, &s, padded, BLOCK_LEN);
	memcpy(out, &s, sizeof(s));
	crypto_wipe(&s, sizeof(s));
	crypto_wipe(padded, sizeof(padded));
}

void crypto_hmac_key_init(
	struct crypto_hmac_key *k, enum crypto_hash h, const void *key, size_t len)
{
	assert(h != CRYPTO_MD5);
	uint8_t block[BLOCK_LEN] = {0};
	if (len > BLOCK_LEN)
		crypto_digest(h, &(struct bytes){key, len}, 1, block);
	else if (len > 0)
		memcpy(block, key, len);
	memset(k, 0, sizeof(*k));
	k->hash = h;
	pad_state(h, block, 0x36, k->inner);
	pad_state(h, block, 0x5c, k->outer);
	crypto_wipe(block, sizeof(block));
}

void crypto_hmac(
	const struct crypto_hmac_key *k, const struct bytes *parts, size_t n_parts, uint8_t *out)
{
	uint8_t inner[CRYPTO_HASH_MAX];
	union state s;
	memcpy(&s, k->inner, sizeof(s));
	state_update_parts(k->hash, &s, parts, n_parts);
	state_final(k->hash, &s, inner);
	memcpy(&s, k->outer, sizeof(s));
	state_update(k->hash, &s, inner, crypto_hash_len(k->hash));
	state_final(k->hash, &s, out);
}
