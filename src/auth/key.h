/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool's keys: where they come from, which one signs, which ones verify. */
#ifndef SALLYPORT_AUTH_KEY_H
#define SALLYPORT_AUTH_KEY_H

#include <sallyport/auth.h>

/* All that is derived from one secret; a key of its own for each purpose. */
struct auth_key {
	char kid[AUTH_KID_LEN + 1];
	uint64_t sign_from, verify_until;
	struct crypto_hmac_key password; /* of m1 credentials */
	struct crypto_hmac_key subject;
	struct crypto_hmac_key nonce;
	struct crypto_hmac_key rest; /* SHA-1: the TURN REST form */
};

/* Newest first. */
struct auth_ring {
	size_t n_keys;
	struct auth_key keys[AUTH_KEYS_MAX];
};

/* Reads and derives all keys. The caller wipes the ring, also after an error. */
int auth_ring_load(struct auth_ring *r, const struct auth_key_config *c, size_t n, char *why);

bool auth_key_verifies(const struct auth_key *k, uint64_t now_s);
/* The key that signs at NOW_S, or NULL. */
const struct auth_key *auth_ring_signing(const struct auth_ring *r, uint64_t now_s);
/* The key with this kid if it verifies at NOW_S, or NULL. */
const struct auth_key *auth_ring_find(
	const struct auth_ring *r, const char kid[AUTH_KID_LEN], uint64_t now_s);

#endif
