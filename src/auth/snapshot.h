/* SPDX-License-Identifier: BSD-3-Clause */
/* What a snapshot is made of. */
#ifndef SALLYPORT_AUTH_SNAPSHOT_H
#define SALLYPORT_AUTH_SNAPSHOT_H

#include <stdatomic.h>
#include <sallyport/auth.h>
#include "key.h"
#include "revoke.h"

/* Plain data: a snapshot with other revocations copies it. */
struct auth_rules {
	char realm[AUTH_REALM_MAX + 1];
	bool turn_rest;
	bool sha256;
	unsigned node;
	uint64_t nonce_lifetime_s;
	uint64_t clock_skew_s;
	uint64_t session_grace_s;
	struct auth_ring ring;
	size_t n_rest_secrets;
	struct crypto_hmac_key rest_secrets[AUTH_REST_SECRETS_MAX];
	size_t n_token_keys;
	struct auth_token_key token_keys[AUTH_TOKEN_KEYS_MAX];
	char token_server[AUTH_TOKEN_SERVER_MAX + 1];
};

struct auth_snapshot {
	atomic_uint count;
	struct auth_rules rules;
	struct auth_revocations revocations;
};

/* A + B, or the largest number there is. Times come from credentials and may be absurd. */
static inline uint64_t auth_time_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

#endif
