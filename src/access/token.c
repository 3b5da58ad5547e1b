/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealing and opening tokens. */
#include "token.h"

int token_seal(const uint8_t key[ACCESS_KEY_LEN], enum token_kind kind, struct bytes content,
	char *out, size_t *len)
{
	uint8_t plain[1 + TOKEN_CONTENT_MAX], sealed[sizeof(plain) + CRYPTO_SEAL_TAG_LEN];

	if (content.len > TOKEN_CONTENT_MAX)
		return ERR_TOO_LARGE;
	plain[0] = (uint8_t)kind;
	if (content.len)
		memcpy(plain + 1, content.data, content.len);
	int rc = crypto_seal(key, plain, 1 + content.len, sealed);
	if (rc == 0)
		*len = base64url_encode(sealed, 1 + content.len + CRYPTO_SEAL_TAG_LEN, out);
	return rc;
}

int token_open(const uint8_t key[ACCESS_KEY_LEN], enum token_kind kind, struct sip_str text,
	uint8_t *out, size_t *len)
{
	uint8_t plain[1 + TOKEN_CONTENT_MAX], sealed[sizeof(plain) + CRYPTO_SEAL_TAG_LEN];
	size_t n;

	if (text.at == NULL ||
		base64url_decode(text.at, text.len, sealed, sizeof(sealed), &n) != 0 ||
		n <= CRYPTO_SEAL_TAG_LEN || crypto_open(key, sealed, n, plain) != 0 ||
		plain[0] != kind)
		return ERR_DENIED;
	*len = n - CRYPTO_SEAL_TAG_LEN - 1;
	memcpy(out, plain + 1, *len);
	return 0;
}

int token_flow_seal(
	const uint8_t key[ACCESS_KEY_LEN], uint64_t flow, char out[TOKEN_FLOW_TEXT_MAX + 1])
{
	uint8_t content[8];
	size_t len;

	be64_put(content, flow);
	return token_seal(key, TOKEN_FLOW, bytes_of(content, sizeof(content)), out, &len);
}

/* Of SIZE bytes exactly. */
static int open_fixed(const uint8_t key[ACCESS_KEY_LEN], enum token_kind kind, struct sip_str text,
	uint8_t *out, size_t size)
{
	uint8_t content[TOKEN_CONTENT_MAX];
	size_t len;
	int rc = token_open(key, kind, text, content, &len);

	if (rc != 0 || len != size)
		return ERR_DENIED;
	memcpy(out, content, size);
	return 0;
}

int token_flow_open(const uint8_t key[ACCESS_KEY_LEN], struct sip_str text, uint64_t *flow)
{
	uint8_t content[8];
	int rc = open_fixed(key, TOKEN_FLOW, text, content, sizeof(content));

	if (rc == 0)
		*flow = be64_get(content);
	return rc;
}

int token_branch_seal(const uint8_t key[ACCESS_KEY_LEN], const struct token_branch *b,
	char out[TOKEN_BRANCH_TEXT_MAX + 1])
{
	uint8_t content[24];
	static const char cookie[] = SIP_BRANCH_COOKIE;
	size_t len;

	be64_put(content, b->flow);
	be64_put(content + 8, b->match);
	be64_put(content + 16, b->loop);
	memcpy(out, cookie, sizeof(cookie));
	return token_seal(key, TOKEN_BRANCH, bytes_of(content, sizeof(content)),
		out + sizeof(cookie) - 1, &len);
}

int token_branch_open(
	const uint8_t key[ACCESS_KEY_LEN], struct sip_str branch, struct token_branch *out)
{
	uint8_t content[24];
	uint32_t cookie = (uint32_t)strlen(SIP_BRANCH_COOKIE);

	if (branch.at == NULL || branch.len < cookie ||
		memcmp(branch.at, SIP_BRANCH_COOKIE, cookie) != 0)
		return ERR_DENIED;
	branch = sip_str_of(branch.at + cookie, branch.len - cookie);
	int rc = open_fixed(key, TOKEN_BRANCH, branch, content, sizeof(content));
	if (rc == 0)
		*out = (struct token_branch){
			be64_get(content), be64_get(content + 8), be64_get(content + 16)};
	return rc;
}
