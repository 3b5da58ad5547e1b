/* SPDX-License-Identifier: BSD-3-Clause */
/* Who a caller is and for whom it may ask. */
#include <string.h>
#include <strings.h>
#include <sallyport/mras.h>

int mras_hash_parse(const char *text, uint8_t out[CRYPTO_SHA256_LEN])
{
	static const char prefix[] = "sha256/";
	uint8_t hash[CRYPTO_SHA256_LEN];
	size_t len;
	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
		text += sizeof(prefix) - 1;
	size_t n = strlen(text);
	int code = n == 2 * sizeof(hash) ? hex_decode(text, n, hash, sizeof(hash), &len)
					 : base64_decode(text, n, hash, sizeof(hash), &len);
	if (code != 0 || len != sizeof(hash))
		return ERR_MALFORMED;
	memcpy(out, hash, sizeof(hash));
	return 0;
}

/* A URI SAN may have parts where case matters; a DNS name has none, and no colon. */
static bool san_equal(const char *wanted, const char *name)
{
	return strchr(wanted, ':') != NULL ? strcmp(wanted, name) == 0
					   : strcasecmp(wanted, name) == 0;
}

static bool caller_has_peer(const struct mras_caller *c, const struct crypto_peer *peer)
{
	for (size_t i = 0; i < c->n_pins; i++) {
		if (crypto_equal(c->pins[i], peer->spki_sha256, CRYPTO_SHA256_LEN))
			return true;
	}
	for (size_t i = 0; i < c->n_names; i++) {
		for (size_t j = 0; j < peer->n_names; j++) {
			if (san_equal(c->names[i], peer->names[j]))
				return true;
		}
	}
	return false;
}

const struct mras_caller *mras_caller_by_peer(
	const struct mras_config *c, const struct crypto_peer *peer)
{
	if (!peer->has_certificate)
		return NULL;
	for (size_t i = 0; i < c->n_callers; i++) {
		if (caller_has_peer(&c->callers[i], peer))
			return &c->callers[i];
	}
	return NULL;
}

const struct mras_caller *mras_caller_by_token(const struct mras_config *c, struct bytes token)
{
	const struct mras_caller *found = NULL;
	uint8_t hash[CRYPTO_SHA256_LEN];
	crypto_digest(CRYPTO_SHA256, &token, 1, hash);
	for (size_t i = 0; i < c->n_callers; i++) {
		const struct mras_caller *caller = &c->callers[i];
		for (size_t j = 0; j < caller->n_tokens; j++) {
			bool is_it = crypto_equal(caller->tokens[j], hash, sizeof(hash));
			if (is_it && found == NULL)
				found = caller;
		}
	}
	return found;
}

/* ---- identities ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* One '*' back is enough: what a later one takes, an earlier one need not give. */
static bool part_matches(const char *p, const char *p_end, const char *s, const char *s_end)
{
	const char *star = NULL, *resume = NULL;
	while (s < s_end) {
		if (p < p_end && *p == '*') {
			star = ++p;
			resume = s;
		} else if (p < p_end && lower(*p) == lower(*s)) {
			p++;
			s++;
		} else if (star != NULL) {
			p = star;
			s = ++resume;
		} else {
			return false;
		}
	}
	while (p < p_end && *p == '*')
		p++;
	return p == p_end;
}

static const char *without_scheme(const char *uri)
{
	if (strncasecmp(uri, "sip:", 4) == 0)
		return uri + 4;
	return strncasecmp(uri, "sips:", 5) == 0 ? uri + 5 : uri;
}

bool mras_identity_matches(const char *pattern, const char *identity)
{
	const char *p = without_scheme(pattern), *s = without_scheme(identity);
	if (strcmp(p, "*") == 0)
		return true;
	for (;;) {
		const char *p_end = p + strcspn(p, "@"), *s_end = s + strcspn(s, "@");
		if (*p_end != *s_end || !part_matches(p, p_end, s, s_end))
			return false;
		if (*p_end == '\0')
			return true;
		p = p_end + 1;
		s = s_end + 1;
	}
}
