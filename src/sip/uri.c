/* SPDX-License-Identifier: BSD-3-Clause */
/* URIs: their parts (RFC 3261 §25.1, RFC 3966 §3). Comparing them is in uri_equal.c. */
#include "scan.h"

int sip_host_addr(const struct sip_host *h, uint16_t port, struct addr *out)
{
	char text[ADDR_TEXT_LEN];
	if (h->kind == SIP_HOST_NAME || h->text.len >= sizeof(text))
		return ERR_NOT_FOUND;
	memcpy(text, h->text.at, h->text.len);
	text[h->text.len] = 0;
	return addr_parse(text, port, out) == 0 ? 0 : ERR_NOT_FOUND;
}

static bool is_escape(struct sip_str s, uint32_t i)
{
	return s.len - i >= 3 && sip_hex_digit(s.at[i + 1]) >= 0 && sip_hex_digit(s.at[i + 2]) >= 0;
}

/* All of S is CHARS and escapes. */
static bool is_made_of(struct sip_str s, unsigned chars)
{
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.at[i] == '%') {
			if (!is_escape(s, i))
				return false;
			i += 2;
		} else if (!sip_char_is(s.at[i], chars)) {
			return false;
		}
	}
	return true;
}

/* Splits S at the first CH: what is before it stays. False: there is none. */
static bool split(struct sip_str *s, char ch, struct sip_str *behind)
{
	const char *p = s->len > 0 ? memchr(s->at, ch, s->len) : NULL;
	if (p == NULL)
		return false;
	*behind = sip_str_of(p + 1, (size_t)(s->at + s->len - p - 1));
	s->len = (uint32_t)(p - s->at);
	return true;
}

static bool decode_user(struct sip_str text, struct sip_uri *u)
{
	bool has_password = split(&text, ':', &u->password);
	u->user = text;
	return text.len > 0 && is_made_of(text, SIP_CHARS_USER) &&
	       (!has_password || is_made_of(u->password, SIP_CHARS_PASSWORD));
}

/* Every "name" or "name=value" between SEPARATORs; TEXT is not empty. */
static bool check_pairs(struct sip_str text, char separator, unsigned chars, bool wants_value)
{
	struct sip_str rest = text, one;
	do {
		struct sip_str value = SIP_NONE, behind = SIP_NONE;
		one = rest;
		(void)split(&one, separator, &behind); /* none: the last one */
		rest = behind;
		bool has_value = split(&one, '=', &value);
		if (one.len == 0 || !is_made_of(one, chars) || !is_made_of(value, chars))
			return false;
		if (wants_value ? !has_value : has_value && value.len == 0)
			return false;
	} while (rest.at != NULL);
	return true;
}

/* TEXT goes from the first ";". */
static bool check_params(struct sip_str text)
{
	return text.at == NULL ||
	       check_pairs(sip_str_of(text.at + 1, text.len - 1), ';', SIP_CHARS_PARAM, false);
}

/* Cuts ";params" from the end of TEXT. */
static void cut_params(struct sip_str *text, struct sip_str *params)
{
	struct sip_str behind;
	if (split(text, ';', &behind))
		*params = sip_str_of(behind.at - 1, (size_t)behind.len + 1);
}

static bool decode_sip(struct sip_str text, struct sip_uri *u)
{
	struct sip_str host = text;
	struct sip_str behind;
	if (split(&text, '@', &behind)) {
		if (!decode_user(text, u))
			return false;
		host = behind;
	}
	if (split(&host, '?', &u->headers) && !check_pairs(u->headers, '&', SIP_CHARS_HEADER, true))
		return false;
	cut_params(&host, &u->params);
	struct sip_scan c = sip_scan_of(host);
	for (uint32_t i = 0; i < host.len; i++)
		if (sip_char_is_blank(host.at[i]))
			return false;
	return check_params(u->params) && sip_scan_host_port(&c, &u->host, &u->port) &&
	       sip_scan_is_end(&c);
}

static bool is_tel_digit(char c)
{
	return sip_hex_digit(c) >= 0 || strchr("-.()*#", c) != NULL;
}

static bool decode_tel(struct sip_str text, struct sip_uri *u)
{
	cut_params(&text, &u->params);
	u->user = text;
	uint32_t i = text.len > 0 && text.at[0] == '+';
	if (i == text.len)
		return false;
	for (; i < text.len; i++)
		if (text.at[i] == 0 || !is_tel_digit(text.at[i]))
			return false;
	return check_params(u->params);
}

static enum sip_scheme find_scheme(struct sip_str name)
{
	if (sip_str_is(name, "sip"))
		return SIP_SCHEME_SIP;
	if (sip_str_is(name, "sips"))
		return SIP_SCHEME_SIPS;
	return sip_str_is(name, "tel") ? SIP_SCHEME_TEL : SIP_SCHEME_OTHER;
}

static bool is_scheme(struct sip_str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		char c = sip_char_lower(s.at[i]);
		bool is_letter = c >= 'a' && c <= 'z';
		bool is_more = sip_char_is_digit(c) || c == '+' || c == '-' || c == '.';
		if (!is_letter && (i == 0 || !is_more))
			return false;
	}
	return s.len > 0;
}

int sip_uri_decode(struct sip_str text, struct sip_uri *out)
{
	struct sip_uri u = {.whole = text, .scheme_name = text};
	struct sip_str rest;
	bool is_good;
	if (text.len > SIP_URI_MAX)
		return ERR_TOO_LARGE;
	if (!split(&u.scheme_name, ':', &rest) || !is_scheme(u.scheme_name))
		return ERR_MALFORMED;
	u.scheme = find_scheme(u.scheme_name);
	if (u.scheme == SIP_SCHEME_SIP || u.scheme == SIP_SCHEME_SIPS) {
		is_good = decode_sip(rest, &u);
	} else if (u.scheme == SIP_SCHEME_TEL) {
		is_good = decode_tel(rest, &u);
	} else {
		u.rest = rest;
		is_good = rest.len > 0 && is_made_of(rest, SIP_CHARS_URI);
	}
	if (!is_good)
		return ERR_MALFORMED;
	*out = u;
	return 0;
}

int sip_uri_unescape(struct sip_str text, char *out, size_t cap, size_t *len)
{
	size_t n = 0;
	for (uint32_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == '%') {
			if (!is_escape(text, i))
				return ERR_MALFORMED;
			c = (char)(sip_hex_digit(text.at[i + 1]) << 4 |
				   sip_hex_digit(text.at[i + 2]));
			i += 2;
		}
		if (n == cap)
			return ERR_NO_SPACE;
		out[n++] = c;
	}
	*len = n;
	return 0;
}
