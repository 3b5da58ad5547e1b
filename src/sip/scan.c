/* SPDX-License-Identifier: BSD-3-Clause */
/* The pieces that values are made of: RFC 3261 §25.1. */
#include "scan.h"

int sip_hex_digit(char c)
{
	if (sip_char_is_digit(c))
		return c - '0';
	c = sip_char_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct sip_str sip_str_trim(struct sip_str s)
{
	while (s.len > 0 && sip_char_is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && sip_char_is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

bool sip_scan_char(struct sip_scan *c, char ch)
{
	struct sip_scan try = *c;
	sip_scan_blanks(&try);
	if (try.at == try.end || *try.at != ch)
		return false;
	try.at++;
	sip_scan_blanks(&try);
	*c = try;
	return true;
}

bool sip_scan_run(struct sip_scan *c, unsigned chars, struct sip_str *out)
{
	const char *from = c->at;
	while (c->at < c->end && sip_char_is(*c->at, chars))
		c->at++;
	if (c->at == from)
		return false;
	*out = sip_scan_since(c, from);
	return true;
}

bool sip_scan_quoted(struct sip_scan *c, struct sip_str *inside)
{
	const char *p = c->at;
	if (p == c->end || *p != '"')
		return false;
	for (p++; p < c->end && *p != '"'; p++) {
		if (*p != '\\')
			continue;
		/* A backslash protects neither CR nor LF (quoted-pair). */
		if (++p == c->end || *p == '\r' || *p == '\n')
			return false;
	}
	if (p >= c->end)
		return false;
	*inside = sip_str_of(c->at + 1, (size_t)(p - c->at - 1));
	c->at = p + 1;
	return true;
}

bool sip_scan_number(struct sip_scan *c, uint32_t *out)
{
	uint64_t n = 0;
	const char *p = c->at;
	for (; p < c->end && sip_char_is_digit(*p); p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > UINT32_MAX)
			return false;
	}
	if (p == c->at)
		return false;
	c->at = p;
	*out = (uint32_t)n;
	return true;
}

static bool scan_param_value(struct sip_scan *c, struct sip_param *p)
{
	p->is_quoted = sip_scan_quoted(c, &p->value);
	return p->is_quoted || sip_scan_run(c, SIP_CHARS_VALUE, &p->value);
}

bool sip_scan_param(struct sip_scan *c, unsigned name_chars, struct sip_param *out)
{
	struct sip_scan try = *c;
	struct sip_param p = {.value = SIP_NONE};
	const char *from = try.at;
	while (try.at < try.end && *try.at != '=' && sip_char_is(*try.at, name_chars))
		try.at++;
	p.name = sip_scan_since(&try, from);
	if (p.name.len == 0)
		return false;
	if (sip_scan_char(&try, '=') && !scan_param_value(&try, &p))
		return false;
	*c = try;
	*out = p;
	return true;
}

bool sip_scan_params(struct sip_scan *c, struct sip_str *out)
{
	struct sip_scan try = *c;
	struct sip_param p;
	sip_scan_blanks(&try);
	const char *from = try.at;
	while (sip_scan_char(&try, ';'))
		if (!sip_scan_param(&try, SIP_CHARS_TOKEN, &p))
			return false;
	struct sip_str params = sip_scan_since(&try, from);
	sip_scan_blanks(&try);
	if (!sip_scan_is_end(&try))
		return false;
	*out = params.len > 0 ? params : SIP_NONE;
	*c = try;
	return true;
}

static bool is_ipv6(struct sip_str s)
{
	char text[ADDR_TEXT_LEN];
	struct addr a;
	if (s.len == 0 || s.len >= sizeof(text) || memchr(s.at, ':', s.len) == NULL)
		return false;
	for (uint32_t i = 0; i < s.len; i++)
		if (sip_hex_digit(s.at[i]) < 0 && s.at[i] != ':' && s.at[i] != '.')
			return false;
	memcpy(text, s.at, s.len);
	text[s.len] = 0;
	return addr_parse(text, 0, &a) == 0;
}

/* Four numbers up to 255; zeros in front would be octal to some. No name is digits and dots alone.
 */
static bool is_ipv4(struct sip_str s)
{
	struct sip_scan c = sip_scan_of(s);
	uint32_t n;
	for (int i = 0; i < 4; i++) {
		if (i > 0 && (c.at == c.end || *c.at++ != '.'))
			return false;
		const char *from = c.at;
		if (!sip_scan_number(&c, &n) || n > 255 || (c.at - from > 1 && *from == '0'))
			return false;
	}
	return sip_scan_is_end(&c);
}

static bool scan_ipv6(struct sip_scan *c, struct sip_host *out)
{
	const char *close = memchr(c->at, ']', (size_t)(c->end - c->at));
	if (close == NULL)
		return false;
	out->text = sip_str_of(c->at + 1, (size_t)(close - c->at - 1));
	out->kind = SIP_HOST_IPV6;
	if (!is_ipv6(out->text))
		return false;
	c->at = close + 1;
	return true;
}

/* Underscores and labels that begin with a digit are no names of RFC 3261, and in use. */
static bool scan_name(struct sip_scan *c, struct sip_host *out)
{
	const char *p = c->at;
	bool has_letter = false;
	for (; p < c->end; p++) {
		bool is_letter = sip_char_lower(*p) >= 'a' && sip_char_lower(*p) <= 'z';
		has_letter |= is_letter;
		if (!is_letter && !sip_char_is_digit(*p) && *p != '.' && *p != '-' && *p != '_')
			break;
	}
	out->text = sip_str_of(c->at, (size_t)(p - c->at));
	out->kind = has_letter ? SIP_HOST_NAME : SIP_HOST_IPV4;
	if (out->text.len == 0 || out->text.at[0] == '.' || out->text.at[0] == '-')
		return false;
	if (!has_letter && !is_ipv4(out->text))
		return false;
	c->at = p;
	return true;
}

bool sip_scan_host_port(struct sip_scan *c, struct sip_host *host, uint16_t *port)
{
	struct sip_scan try = *c;
	struct sip_host h;
	uint32_t n = 0;
	if (try.at == try.end)
		return false;
	if (!(*try.at == '[' ? scan_ipv6(&try, &h) : scan_name(&try, &h)))
		return false;
	if (sip_scan_char(&try, ':') && (!sip_scan_number(&try, &n) || n == 0 || n > 65535))
		return false;
	*host = h;
	*port = (uint16_t)n;
	*c = try;
	return true;
}
