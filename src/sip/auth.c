/* SPDX-License-Identifier: BSD-3-Clause */
/* Challenges and credentials: a scheme, then parameters between commas (RFC 3261 §25.1). */
#include "scan.h"

#define NC_LEN 8

static enum sip_digest_algorithm find_algorithm(struct sip_str name)
{
	static const char *const names[] = {[SIP_DIGEST_MD5] = "MD5",
		[SIP_DIGEST_MD5_SESS] = "MD5-sess",
		[SIP_DIGEST_SHA256] = "SHA-256",
		[SIP_DIGEST_SHA256_SESS] = "SHA-256-sess"};
	for (unsigned i = SIP_DIGEST_MD5; i < ARRAY_LEN(names); i++)
		if (sip_str_is(name, names[i]))
			return (enum sip_digest_algorithm)i;
	return SIP_DIGEST_OTHER;
}

static unsigned read_qop(struct sip_str list)
{
	struct sip_str word;
	uint32_t at = 0;
	unsigned qop = SIP_QOP_NONE;
	while (sip_value_next(list, &at, &word) == 1) {
		if (sip_str_is(word, "auth"))
			qop |= SIP_QOP_AUTH;
		else if (sip_str_is(word, "auth-int"))
			qop |= SIP_QOP_AUTH_INT;
		else
			qop |= SIP_QOP_OTHER;
	}
	return qop;
}

static bool take_nc(struct sip_auth *a, struct sip_str value)
{
	if (value.len != NC_LEN)
		return false;
	for (uint32_t i = 0; i < value.len; i++)
		if (sip_hex_digit(value.at[i]) < 0)
			return false;
	a->nc = value;
	return true;
}

/* False: it stands there a second time, or its value is none. A fold within is none either: the
 * digest would be over bytes that nobody writes again. */
static bool take_param(struct sip_auth *a, const struct sip_param *p)
{
	const struct {
		const char *name;
		struct sip_str *to;
	} texts[] = {{"realm", &a->realm}, {"nonce", &a->nonce}, {"opaque", &a->opaque},
		{"uri", &a->uri}, {"username", &a->username}, {"response", &a->response},
		{"cnonce", &a->cnonce}, {"nextnonce", &a->nextnonce}, {"rspauth", &a->rspauth},
		{"algorithm", &a->algorithm_name}};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!sip_str_is(p->name, texts[i].name))
			continue;
		if (texts[i].to->at != NULL || memchr(p->value.at, '\n', p->value.len) != NULL)
			return false;
		*texts[i].to = p->value;
		return true;
	}
	if (sip_str_is(p->name, "nc"))
		return a->nc.at == NULL && take_nc(a, p->value);
	if (sip_str_is(p->name, "qop"))
		a->qop = read_qop(p->value);
	else if (sip_str_is(p->name, "stale"))
		a->is_stale = sip_str_is(p->value, "true");
	else if (sip_str_is(p->name, "userhash"))
		a->is_userhash = sip_str_is(p->value, "true");
	return true;
}

/* name=value *("," name=value) up to the end. */
static bool read_params(struct sip_scan *c, struct sip_auth *a)
{
	struct sip_param p;
	do {
		sip_scan_blanks(c);
		if (!sip_scan_param(c, SIP_CHARS_TOKEN, &p) || p.value.at == NULL ||
			!take_param(a, &p))
			return false;
	} while (sip_scan_char(c, ','));
	sip_scan_blanks(c);
	if (!sip_scan_is_end(c))
		return false;
	a->algorithm =
		a->algorithm_name.at != NULL ? find_algorithm(a->algorithm_name) : SIP_DIGEST_MD5;
	return true;
}

int sip_auth_decode(struct sip_str value, struct sip_auth *out)
{
	struct sip_scan c = sip_scan_of(sip_str_trim(value));
	struct sip_auth a = {.is_digest = false};
	if (!sip_scan_run(&c, SIP_CHARS_TOKEN, &a.scheme))
		return ERR_MALFORMED;
	const char *from = c.at;
	sip_scan_blanks(&c);
	if (c.at == from || sip_scan_is_end(&c))
		return ERR_MALFORMED;
	a.params = sip_str_of(c.at, (size_t)(c.end - c.at));
	a.is_digest = sip_str_is(a.scheme, "Digest");
	if (a.is_digest && !read_params(&c, &a))
		return ERR_MALFORMED;
	*out = a;
	return 0;
}

int sip_auth_info_decode(struct sip_str value, struct sip_auth *out)
{
	struct sip_str params = sip_str_trim(value);
	struct sip_scan c = sip_scan_of(params);
	struct sip_auth a = {.is_digest = true, .params = params};
	if (!read_params(&c, &a))
		return ERR_MALFORMED;
	*out = a;
	return 0;
}
