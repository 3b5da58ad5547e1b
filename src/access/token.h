/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the door gives away and must know again: text for the user part of a URI, for a branch, for
 * a parameter. Base64url of AES-SIV over one byte that says what it is and the content, so that
 * nobody else can make one, read one, or show one where another belongs.
 */
#ifndef ACCESS_TOKEN_H
#define ACCESS_TOKEN_H

#include <sallyport/access.h>

enum token_kind {
	TOKEN_FLOW = 1, /* 8 bytes: a client's connection */
	TOKEN_BRANCH,   /* struct token_branch */
	TOKEN_ROUTES,   /* a node's ip, a bond, then the routes as text */
	TOKEN_TARGET,   /* a bond, then a URI */
	TOKEN_VIAS,     /* two flows, a node's ip, a transaction, a bit; then the Via as text */
};

#define TOKEN_CONTENT_MAX 5400 /* so that a header field has room for it */
#define TOKEN_TEXT_MAX    BASE64URL_LEN(TOKEN_CONTENT_MAX + 1 + CRYPTO_SEAL_TAG_LEN)

/* Writes the token and a NUL; OUT has TOKEN_TEXT_MAX + 1 bytes. ERR_TOO_LARGE; ERR_UNSUPPORTED: no
 * memory. */
int token_seal(const uint8_t key[ACCESS_KEY_LEN], enum token_kind kind, struct bytes content,
	char *out, size_t *len);
/* OUT has TOKEN_CONTENT_MAX bytes. ERR_DENIED: it is no token of ours of that kind. */
int token_open(const uint8_t key[ACCESS_KEY_LEN], enum token_kind kind, struct sip_str text,
	uint8_t *out, size_t *len);

#define TOKEN_FLOW_TEXT_MAX BASE64URL_LEN(8 + 1 + CRYPTO_SEAL_TAG_LEN)
int token_flow_seal(
	const uint8_t key[ACCESS_KEY_LEN], uint64_t flow, char out[TOKEN_FLOW_TEXT_MAX + 1]);
int token_flow_open(const uint8_t key[ACCESS_KEY_LEN], struct sip_str text, uint64_t *flow);

/* What our branches say: the connection a response goes to, which transaction of the sender's it
 * is, and what a request looked like that may come again as a loop (RFC 3261 §16.6). */
struct token_branch {
	uint64_t flow;
	uint64_t match;
	uint64_t loop;
};
#define TOKEN_BRANCH_TEXT_MAX (7 + BASE64URL_LEN(24 + 1 + CRYPTO_SEAL_TAG_LEN))
/* With the cookie in front. */
int token_branch_seal(const uint8_t key[ACCESS_KEY_LEN], const struct token_branch *b,
	char out[TOKEN_BRANCH_TEXT_MAX + 1]);
int token_branch_open(
	const uint8_t key[ACCESS_KEY_LEN], struct sip_str branch, struct token_branch *out);

#endif
