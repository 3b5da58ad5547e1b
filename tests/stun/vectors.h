/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Published messages: RFC 5769 §2.1 to §2.4, and RFC 8489 §B.1 as erratum 6268 corrects it.
 */
#ifndef TESTS_STUN_VECTORS_H
#define TESTS_STUN_VECTORS_H

#include <sallyport/stun.h>

struct vector {
	const char *name;
	struct bytes message;
	enum crypto_hash hash; /* of its integrity attribute */
	bool is_long_term;     /* user name, realm and password are the ones below */
	bool has_fingerprint;
};

enum vector_id {
	VECTOR_REQUEST,
	VECTOR_RESPONSE_IPV4,
	VECTOR_RESPONSE_IPV6,
	VECTOR_LONG_TERM,
	VECTOR_SHA256,
	N_VECTORS
};
extern const struct vector vectors[N_VECTORS];

#define VECTOR_SHORT_TERM_PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"
#define VECTOR_USERNAME            "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"
#define VECTOR_REALM               "example.org"
#define VECTOR_PASSWORD            "TheMatrIX" /* behind SASLprep and OpaqueString alike */
#define VECTOR_NONCE               "f//499k954d6OL34oL9FSTvy64sA"

void vector_key(const struct vector *v, struct crypto_hmac_key *out);

/* A heap copy of exactly N bytes, so that a sanitizer sees the first byte read behind them. */
uint8_t *exact_copy(const void *data, size_t n);

/* Decodes an exact copy and frees it: for messages that must be refused. */
int decode_copy(const void *data, size_t n);

#endif
