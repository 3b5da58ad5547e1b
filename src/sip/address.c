/* SPDX-License-Identifier: BSD-3-Clause */
/* name-addr and addr-spec with parameters (RFC 3261 §20.10, §25.1); Via (§20.42). */
#include "scan.h"

/* Is there a "<" before anything that only stands behind an address? */
static bool has_bracket(struct sip_str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.at[i] == '<')
			return true;
		if (s.at[i] == ';' || s.at[i] == '"')
			return false;
	}
	return false;
}

/* Words up to "<". Bytes of UTF-8 are taken although the grammar wants quotes around them. */
static bool scan_words(struct sip_scan *c, struct sip_str *out)
{
	const char *from = c->at;
	while (c->at < c->end && *c->at != '<') {
		if (!sip_char_is(*c->at, SIP_CHARS_TOKEN) && !sip_char_is_blank(*c->at) &&
			!((uint8_t)*c->at & 0x80))
			return false;
		c->at++;
	}
	struct sip_str words = sip_str_trim(sip_scan_since(c, from));
	*out = words.len > 0 ? words : SIP_NONE;
	return true;
}

/* No blank belongs between brackets and URI. */
static bool scan_bracketed(struct sip_scan *c, struct sip_str *uri)
{
	if (c->at == c->end || *c->at != '<')
		return false;
	const char *close = memchr(c->at, '>', (size_t)(c->end - c->at));
	if (close == NULL)
		return false;
	*uri = sip_str_of(c->at + 1, (size_t)(close - c->at - 1));
	c->at = close + 1;
	return true;
}

/* Without brackets the URI has no ";", "?" or "," (§20.10). */
static bool scan_bare(struct sip_scan *c, struct sip_str *uri)
{
	const char *from = c->at;
	while (c->at < c->end && *c->at != ';' && *c->at != '?' && *c->at != ',' &&
		!sip_char_is_blank(*c->at))
		c->at++;
	*uri = sip_scan_since(c, from);
	return true;
}

int sip_name_addr_decode(struct sip_str element, struct sip_name_addr *out)
{
	struct sip_name_addr a = {.uri = SIP_NONE};
	struct sip_scan c = sip_scan_of(sip_str_trim(element));
	struct sip_uri uri;
	if (c.end - c.at == 1 && *c.at == '*') {
		*out = (struct sip_name_addr){.is_star = true};
		return 0;
	}
	a.is_display_quoted = sip_scan_quoted(&c, &a.display);
	a.has_brackets = a.is_display_quoted || has_bracket(element);
	if (a.is_display_quoted)
		sip_scan_blanks(&c);
	else if (a.has_brackets && !scan_words(&c, &a.display))
		return ERR_MALFORMED;
	if (!(a.has_brackets ? scan_bracketed(&c, &a.uri) : scan_bare(&c, &a.uri)))
		return ERR_MALFORMED;
	if (sip_uri_decode(a.uri, &uri) != 0 || !sip_scan_params(&c, &a.params))
		return ERR_MALFORMED;
	*out = a;
	return 0;
}

int sip_name_addr_next(struct sip_list *l, struct sip_name_addr *out)
{
	struct sip_str element;
	int r = sip_list_next(l, &element);
	if (r == 1 && sip_name_addr_decode(element, out) != 0)
		return ERR_MALFORMED;
	return r;
}

int sip_q_decode(struct sip_str params, unsigned *thousandths)
{
	struct sip_str q = sip_param_value(params, "q");
	unsigned v, unit = 100;
	if (q.at == NULL) {
		*thousandths = 1000;
		return 0;
	}
	if (q.len == 0 || q.len > 5 || (q.at[0] != '0' && q.at[0] != '1'))
		return ERR_MALFORMED;
	if (q.len > 1 && q.at[1] != '.')
		return ERR_MALFORMED;
	v = q.at[0] == '1' ? 1000 : 0;
	for (uint32_t i = 2; i < q.len; i++, unit /= 10) {
		if (!sip_char_is_digit(q.at[i]))
			return ERR_MALFORMED;
		v += unit * (unsigned)(q.at[i] - '0');
	}
	if (v > 1000)
		return ERR_MALFORMED;
	*thousandths = v;
	return 0;
}

/* What every transaction asks of a Via, in one walk over its parameters. */
static bool read_via_params(struct sip_via *v)
{
	static const char cookie[] = SIP_BRANCH_COOKIE;
	struct sip_param p;
	uint32_t at = 0, port;
	while (sip_param_next(v->params, &at, &p)) {
		if (sip_str_is(p.name, "branch")) {
			/* Two of them, or one that says nothing: others might match another one. */
			if (v->branch.at != NULL || p.value.len == 0)
				return false;
			v->branch = p.value;
		} else if (sip_str_is(p.name, "received")) {
			v->received = p.value;
		} else if (sip_str_is(p.name, "maddr")) {
			v->maddr = p.value;
		} else if (sip_str_is(p.name, "rport")) {
			v->has_rport = true;
			if (p.value.at == NULL)
				continue;
			if (sip_number_decode(p.value, &port) != 0 || port == 0 || port > 65535)
				return false;
			v->rport = (uint16_t)port;
		}
	}
	v->has_cookie = v->branch.len > sizeof(cookie) - 1 &&
			sip_str_is(sip_str_of(v->branch.at, sizeof(cookie) - 1), cookie);
	return true;
}

int sip_via_decode(struct sip_str element, struct sip_via *out)
{
	struct sip_via v = {.port = 0};
	struct sip_scan c = sip_scan_of(sip_str_trim(element));
	if (!sip_scan_run(&c, SIP_CHARS_TOKEN, &v.protocol) || !sip_scan_char(&c, '/') ||
		!sip_scan_run(&c, SIP_CHARS_TOKEN, &v.version) || !sip_scan_char(&c, '/') ||
		!sip_scan_run(&c, SIP_CHARS_TOKEN, &v.transport_name))
		return ERR_MALFORMED;
	v.transport = sip_transport_find(v.transport_name);
	const char *from = c.at;
	sip_scan_blanks(&c);
	if (c.at == from || !sip_scan_host_port(&c, &v.host, &v.port) ||
		!sip_scan_params(&c, &v.params) || !read_via_params(&v))
		return ERR_MALFORMED;
	*out = v;
	return 0;
}

int sip_via_next(struct sip_list *l, struct sip_via *out)
{
	struct sip_str element;
	int r = sip_list_next(l, &element);
	if (r == 1 && sip_via_decode(element, out) != 0)
		return ERR_MALFORMED;
	return r;
}

int sip_via_top(const struct sip_msg *m, struct sip_via *out)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_VIA);
	return sip_via_next(&l, out) == 1 ? 0 : ERR_MALFORMED;
}
