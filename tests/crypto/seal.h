/* SPDX-License-Identifier: BSD-3-Clause */
/* What an authorization server does: access tokens of RFC 7635 §6.2, right or deliberately wrong.
 */
#ifndef SALLYPORT_TESTS_CRYPTO_SEAL_H
#define SALLYPORT_TESTS_CRYPTO_SEAL_H

#include <sallyport/crypto.h>

#define SEAL_MAX 512

/* TEXT sealed for SERVER behind the nonce and its length; the token's length. */
size_t seal_text(enum crypto_aead a, const uint8_t *key, const char *nonce, const char *server,
	struct bytes text, uint8_t out[SEAL_MAX]);
/* The text of a token; its length. */
size_t seal_fields(
	struct bytes mac_key, uint64_t timestamp, uint32_t lifetime_s, uint8_t out[SEAL_MAX]);

#endif
