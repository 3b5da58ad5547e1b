/* SPDX-License-Identifier: BSD-3-Clause */
/* When two URIs name the same: RFC 3261 §19.1.4, RFC 3966 §4. */
#include "scan.h"

/* One character, escapes undone, with a mark when it was escaped and is one that then differs. */
static int next_char(const struct sip_str *s, uint32_t *i)
{
	static const char reserved[] = ";/?:@&=+$,%";
	char c = s->at[(*i)++];
	if (c != '%' || s->len - *i < 2)
		return (uint8_t)c;
	int byte = sip_hex_digit(s->at[*i]) << 4 | sip_hex_digit(s->at[*i + 1]);
	*i += 2;
	return byte != 0 && strchr(reserved, byte) != NULL ? byte | 0x100 : byte;
}

static int fold_case(int c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool equal(struct sip_str a, struct sip_str b, bool with_case)
{
	uint32_t i = 0, j = 0;
	if (a.at == NULL || b.at == NULL)
		return a.at == b.at;
	while (i < a.len && j < b.len) {
		int x = next_char(&a, &i), y = next_char(&b, &j);
		if (x != y && (with_case || fold_case(x) != fold_case(y)))
			return false;
	}
	return i == a.len && j == b.len;
}

bool sip_host_equal(const struct sip_host *a, const struct sip_host *b)
{
	struct addr x, y;
	if (a->kind != b->kind)
		return false;
	if (a->kind == SIP_HOST_IPV6 && sip_host_addr(a, 0, &x) == 0 &&
		sip_host_addr(b, 0, &y) == 0)
		return addr_equal(&x, &y);
	return sip_str_equal_nocase(a->text, b->text);
}

static bool find_param(struct sip_str params, struct sip_str name, struct sip_param *out)
{
	uint32_t at = 0;
	while (sip_param_next(params, &at, out))
		if (equal(out->name, name, false))
			return true;
	return false;
}

/* Those that say where a request goes count even when only one URI has them. */
static bool must_match(struct sip_str name)
{
	static const char *const names[] = {"user", "ttl", "method", "maddr", "transport"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (sip_str_is(name, names[i]))
			return true;
	return false;
}

/* Every parameter of A is in B with the same value, or need not be there. */
static bool params_match(struct sip_str a, struct sip_str b, bool all_count)
{
	struct sip_param p, q;
	uint32_t at = 0;
	while (sip_param_next(a, &at, &p)) {
		if (!find_param(b, p.name, &q)) {
			if (all_count || must_match(p.name))
				return false;
		} else if (!equal(p.value, q.value, false)) {
			return false;
		}
	}
	return true;
}

static unsigned count_header(struct sip_str headers, const struct sip_param *wanted)
{
	struct sip_param p;
	uint32_t at = 0;
	unsigned n = 0;
	while (sip_uri_header_next(headers, &at, &p))
		n += equal(p.name, wanted->name, false) && equal(p.value, wanted->value, true);
	return n;
}

/* Every header of A is in B, as often. */
static bool headers_match(struct sip_str a, struct sip_str b)
{
	struct sip_param p;
	uint32_t at = 0;
	while (sip_uri_header_next(a, &at, &p))
		if (count_header(a, &p) != count_header(b, &p))
			return false;
	return true;
}

/* Comparing takes time by their product: a stranger chooses how many there are. */
static bool has_many(const struct sip_uri *u)
{
	struct sip_param p;
	uint32_t at = 0;
	unsigned n = 0;
	while (sip_param_next(u->params, &at, &p))
		n++;
	at = 0;
	while (sip_uri_header_next(u->headers, &at, &p))
		n++;
	return n > SIP_URI_PARAMS_MAX;
}

static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')';
}

static bool numbers_match(struct sip_str a, struct sip_str b)
{
	uint32_t i = 0, j = 0;
	for (;;) {
		while (i < a.len && is_separator(a.at[i]))
			i++;
		while (j < b.len && is_separator(b.at[j]))
			j++;
		if (i == a.len || j == b.len)
			return i == a.len && j == b.len;
		if (sip_char_lower(a.at[i++]) != sip_char_lower(b.at[j++]))
			return false;
	}
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	if (a->scheme == SIP_SCHEME_OTHER || has_many(a) || has_many(b))
		return sip_str_equal(a->whole, b->whole);
	bool is_tel = a->scheme == SIP_SCHEME_TEL;
	if (!params_match(a->params, b->params, is_tel) ||
		!params_match(b->params, a->params, is_tel))
		return false;
	if (is_tel)
		return numbers_match(a->user, b->user);
	return equal(a->user, b->user, true) && equal(a->password, b->password, true) &&
	       sip_host_equal(&a->host, &b->host) && a->port == b->port &&
	       headers_match(a->headers, b->headers) && headers_match(b->headers, a->headers);
}
