/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing what stands in header fields: quoted strings, parameters, URIs, addresses, Via. */
#include "scan.h"
#include "put.h"

void sip_write_quoted(struct sip_writer *w, struct sip_str text)
{
	sip_put(w, "\"", 1);
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			sip_put(w, "\\", 1);
		if (text.at[i] == '\r' || text.at[i] == '\n' || text.at[i] == 0)
			w->failed = true;
		sip_put(w, text.at + i, 1);
	}
	sip_put(w, "\"", 1);
}

void sip_put_quoted_raw(struct sip_writer *w, struct sip_str inside)
{
	struct sip_str again;
	size_t from = w->len;
	sip_put(w, "\"", 1);
	sip_write_str(w, inside);
	sip_put(w, "\"", 1);
	if (w->failed)
		return;
	/* It ends where it should: no quote alone in it, no backslash at its end. */
	struct sip_scan c = {w->buf + from, w->buf + w->len};
	if (!sip_scan_quoted(&c, &again) || !sip_scan_is_end(&c))
		w->failed = true;
}

void sip_write_param(struct sip_writer *w, const char *name, struct sip_str value)
{
	sip_put(w, ";", 1);
	sip_put_token(w, sip_str_c(name));
	if (value.at == NULL)
		return;
	sip_put(w, "=", 1);
	if (sip_str_is_made_of(value, SIP_CHARS_TOKEN))
		sip_put(w, value.at, value.len);
	else
		sip_write_quoted(w, value);
}

static void put_escaped(struct sip_writer *w, struct sip_str text, unsigned chars)
{
	static const char digits[] = "0123456789ABCDEF";
	for (uint32_t i = 0; i < text.len; i++) {
		uint8_t byte = (uint8_t)text.at[i];
		if (sip_char_is(text.at[i], chars) && byte != '#') {
			sip_put(w, text.at + i, 1);
			continue;
		}
		const char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
		sip_put(w, escape, sizeof(escape));
	}
}

void sip_write_user(struct sip_writer *w, struct sip_str text)
{
	put_escaped(w, text, SIP_CHARS_USER);
}

void sip_write_host(struct sip_writer *w, const struct sip_host *h)
{
	bool is_ipv6 = h->kind == SIP_HOST_IPV6;
	for (uint32_t i = 0; i < h->text.len; i++) {
		char c = h->text.at[i];
		bool is_hex = sip_hex_digit(c) >= 0 || c == ':' || c == '.';
		bool is_name = sip_char_is(c, SIP_CHARS_TOKEN) && strchr("!%*+`'~", c) == NULL;
		if (is_ipv6 ? !is_hex : !is_name)
			w->failed = true;
	}
	if (h->text.len == 0)
		w->failed = true;
	if (is_ipv6)
		sip_put(w, "[", 1);
	sip_put(w, h->text.at, h->text.len);
	if (is_ipv6)
		sip_put(w, "]", 1);
}

static void put_port(struct sip_writer *w, uint16_t port)
{
	if (port == 0)
		return;
	sip_put(w, ":", 1);
	sip_write_u32(w, port);
}

static void put_userinfo(struct sip_writer *w, const struct sip_uri *u)
{
	if (u->user.at == NULL)
		return;
	sip_put(w, u->user.at, u->user.len);
	if (u->password.at != NULL) {
		sip_put(w, ":", 1);
		sip_put(w, u->password.at, u->password.len);
	}
	sip_put(w, "@", 1);
}

void sip_write_uri(struct sip_writer *w, const struct sip_uri *u)
{
	struct sip_uri again;
	size_t from = w->len;
	static const char *const schemes[] = {
		[SIP_SCHEME_SIP] = "sip", [SIP_SCHEME_SIPS] = "sips", [SIP_SCHEME_TEL] = "tel"};
	if (u->scheme == SIP_SCHEME_OTHER)
		sip_put(w, u->scheme_name.at, u->scheme_name.len);
	else
		sip_put_c(w, schemes[u->scheme]);
	sip_put(w, ":", 1);
	if (u->scheme == SIP_SCHEME_OTHER) {
		sip_put(w, u->rest.at, u->rest.len);
	} else if (u->scheme == SIP_SCHEME_TEL) {
		sip_put(w, u->user.at, u->user.len);
	} else {
		put_userinfo(w, u);
		sip_write_host(w, &u->host);
		put_port(w, u->port);
	}
	sip_put(w, u->params.at, u->params.len);
	if (u->headers.at != NULL) {
		sip_put(w, "?", 1);
		sip_put(w, u->headers.at, u->headers.len);
	}
	/* The parts may come from anywhere: what they make together must be a URI. */
	if (!w->failed && sip_uri_decode(sip_str_of(w->buf + from, w->len - from), &again) != 0)
		w->failed = true;
}

void sip_write_name_addr(struct sip_writer *w, const struct sip_name_addr *n)
{
	struct sip_name_addr again;
	size_t from = w->len;
	if (n->is_star) {
		sip_put(w, "*", 1);
		return;
	}
	if (n->display.at != NULL && n->is_display_quoted)
		sip_put_quoted_raw(w, n->display);
	else if (n->display.at != NULL)
		sip_write_str(w, n->display);
	if (n->display.at != NULL)
		sip_put(w, " ", 1);
	sip_put(w, "<", 1);
	sip_write_str(w, n->uri);
	sip_put(w, ">", 1);
	sip_write_str(w, n->params);
	if (!w->failed &&
		sip_name_addr_decode(sip_str_of(w->buf + from, w->len - from), &again) != 0)
		w->failed = true;
}

void sip_write_via(struct sip_writer *w, const struct sip_via_own *v)
{
	sip_write_open(w, SIP_HEADER_VIA);
	sip_put_c(w, "SIP/2.0/");
	sip_put_token(w, sip_str_c(v->transport));
	sip_put(w, " ", 1);
	sip_write_host(w, &v->host);
	put_port(w, v->port);
	sip_write_param(w, "branch", v->branch);
	if (v->has_rport)
		sip_put_c(w, ";rport");
	sip_write_str(w, v->more);
	sip_write_close(w);
}
