/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access tokens from strangers (RFC 7635 §6.2). The first byte says how the rest comes: as it is,
 * or sealed with the right key, so that what only the seal guards is reached too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sallyport/auth.h>
#include "../crypto/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SERVER "blackdow.carleon.gov"
#define KEY    "HGkj32KJGiuy098sdfaqbNjOiaz71923"
#define NONCE  "h4j3k2l2n4b5"

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* What passes says again what was in it. */
static void check_fields(const struct auth_token *t, struct bytes text)
{
	uint8_t again[SEAL_MAX];
	size_t n;
	require(t->key.len >= AUTH_TOKEN_MAC_KEY_MIN && t->key.len <= STUN_KEY_MAX, "key length");
	require(text.len == 2u + t->key.len + 12u, "text length");
	n = seal_fields(bytes_of(t->key.bytes, t->key.len), be64_get(text.data + 2 + t->key.len),
		t->lifetime_s, again);
	require(n == text.len && memcmp(again, text.data, n) == 0, "fields");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t sealed[SEAL_MAX];
	struct auth_token t;
	if (size == 0)
		return 0;
	enum crypto_aead a = data[0] & 1 ? CRYPTO_AES_128_GCM : CRYPTO_AES_256_GCM;
	bool is_sealed_here = data[0] & 2;
	struct bytes in = bytes_of(data + 1, size - 1), token = in;
	if (is_sealed_here && in.len <= 256)
		token = bytes_of(
			sealed, seal_text(a, (const uint8_t *)KEY, NONCE, SERVER, in, sealed));
	int rc = auth_token_decode(a, (const uint8_t *)KEY, bytes_str(SERVER), token, &t);
	require(rc == 0 || rc == ERR_MALFORMED || rc == ERR_BAD_KEY, "code");
	if (rc == 0 && is_sealed_here && in.len <= 256)
		check_fields(&t, in);
	return 0;
}
