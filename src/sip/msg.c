/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoding a message: start line, header fields, body, and those header fields that every message
 * has. What is wrong is noted, the first time, and the rest is decoded all the same: an answer
 * wants it.
 */
#include "scan.h"

static void refuse(struct sip_msg *m, enum sip_refusal r)
{
	if (m->refusal == SIP_FINE)
		m->refusal = r;
}

/* ---- start line ---- */

/* "SIP/" digits "." digits; in either case of letters (RFC 3261 §7.1). */
static enum sip_refusal check_version(struct sip_str s)
{
	struct sip_scan c = sip_scan_of(s);
	uint32_t major, minor;
	if (s.len < 4 || !sip_str_is(sip_str_of(s.at, 4), "SIP/"))
		return SIP_BAD_START_LINE;
	c.at += 4;
	if (!sip_scan_number(&c, &major) || c.at == c.end || *c.at++ != '.')
		return SIP_BAD_START_LINE;
	if (!sip_scan_number(&c, &minor) || !sip_scan_is_end(&c))
		return SIP_BAD_START_LINE;
	return major == 2 && minor == 0 ? SIP_FINE : SIP_BAD_VERSION;
}

/* Up to the next single space, which is stepped over, or to the end. */
static struct sip_str scan_to_space(struct sip_scan *c)
{
	const char *from = c->at;
	const char *space = memchr(c->at, ' ', (size_t)(c->end - c->at));
	struct sip_str s = sip_str_of(from, (size_t)((space != NULL ? space : c->end) - from));
	c->at = space != NULL ? space + 1 : c->end;
	return s;
}

/* Headers have no place in a Request-URI (RFC 3261 §19.1.1). */
static enum sip_refusal check_request_uri(struct sip_str text)
{
	struct sip_uri uri;
	if (text.len == 0)
		return SIP_BAD_START_LINE;
	if (text.len > SIP_URI_MAX)
		return SIP_URI_TOO_LONG;
	return sip_uri_decode(text, &uri) == 0 && uri.headers.at == NULL ? SIP_FINE : SIP_BAD_URI;
}

static void decode_request_line(struct sip_msg *m, struct sip_scan *c)
{
	struct sip_scan name;
	struct sip_str token;
	m->is_request = true;
	m->method_name = scan_to_space(c);
	m->uri = scan_to_space(c);
	name = sip_scan_of(m->method_name);
	if (!sip_scan_run(&name, SIP_CHARS_TOKEN, &token) || !sip_scan_is_end(&name)) {
		refuse(m, SIP_BAD_START_LINE);
		return;
	}
	m->method = sip_method_find(m->method_name);
	enum sip_refusal version = check_version(sip_str_of(c->at, (size_t)(c->end - c->at)));
	enum sip_refusal uri = check_request_uri(m->uri);
	if (version != SIP_FINE)
		refuse(m, version);
	if (uri != SIP_FINE)
		refuse(m, uri);
}

static void decode_status_line(struct sip_msg *m, struct sip_scan *c)
{
	enum sip_refusal version = check_version(scan_to_space(c));
	struct sip_str code = scan_to_space(c);
	struct sip_scan digits = sip_scan_of(code);
	uint32_t status;
	m->reason = sip_str_of(c->at, (size_t)(c->end - c->at));
	if (version != SIP_FINE)
		refuse(m, version);
	if (code.len != 3 || !sip_scan_number(&digits, &status) || !sip_scan_is_end(&digits) ||
		status < 100 || status > 699) {
		refuse(m, SIP_BAD_START_LINE);
		return;
	}
	m->status = (uint16_t)status;
}

static void decode_start_line(struct sip_msg *m, struct sip_scan *c)
{
	struct sip_str line;
	enum sip_refusal r;
	if (!sip_line_next(c, &line, &r)) {
		refuse(m, SIP_BAD_START_LINE);
		c->at = c->end;
		return;
	}
	if (r != SIP_FINE)
		refuse(m, r);
	struct sip_scan in = sip_scan_of(line);
	if (line.len >= 4 && sip_str_is(sip_str_of(line.at, 4), "SIP/"))
		decode_status_line(m, &in);
	else
		decode_request_line(m, &in);
}

/* ---- header fields ---- */

static void add_header(struct sip_msg *m, const struct sip_field *f, uint8_t last[])
{
	if (m->n_headers == SIP_HEADERS_MAX) {
		refuse(m, SIP_TOO_MANY_HEADERS);
		return;
	}
	uint8_t id = (uint8_t)sip_header_find(f->name);
	uint8_t number = (uint8_t)(m->n_headers + 1);
	m->headers[m->n_headers++] = (struct sip_header){
		.id = id, .name = f->name, .value = f->value, .whole = f->whole};
	if (id == SIP_HEADER_OTHER)
		return;
	if (last[id] == 0)
		m->first[id] = number;
	else
		m->headers[last[id] - 1].next = number;
	last[id] = number;
}
_Static_assert(SIP_HEADERS_MAX < 256 && SIP_HEADER_COUNT < 256, "an index is a byte");

static void decode_headers(struct sip_msg *m, struct sip_scan *c)
{
	uint8_t last[SIP_HEADER_COUNT] = {0};
	struct sip_field f;
	while (sip_field_next(c, &f)) {
		if (f.refusal != SIP_FINE)
			refuse(m, f.refusal);
		else if (f.whole.len > 2)
			add_header(m, &f, last);
		else
			return;
	}
	refuse(m, SIP_NO_END);
	c->at = c->end;
}

const struct sip_header *sip_header_first(const struct sip_msg *m, enum sip_header_id id)
{
	return m->first[id] != 0 ? &m->headers[m->first[id] - 1] : NULL;
}

const struct sip_header *sip_header_next(const struct sip_msg *m, const struct sip_header *h)
{
	return h->next != 0 ? &m->headers[h->next - 1] : NULL;
}

struct sip_str sip_header_value(const struct sip_msg *m, enum sip_header_id id)
{
	const struct sip_header *h = sip_header_first(m, id);
	return h != NULL ? h->value : SIP_NONE;
}

const struct sip_header *sip_header_named(const struct sip_msg *m, const char *name)
{
	for (unsigned i = 0; i < m->n_headers; i++)
		if (sip_str_is(m->headers[i].name, name))
			return &m->headers[i];
	return NULL;
}

/* ---- body ---- */

static void decode_body(struct sip_msg *m, const struct sip_scan *c, enum sip_carrier carrier)
{
	const struct sip_header *h = sip_header_first(m, SIP_HEADER_CONTENT_LENGTH);
	uint32_t length = (uint32_t)(c->end - c->at);
	m->body = sip_str_of(c->at, length);
	if (h == NULL) {
		if (carrier == SIP_STREAM)
			refuse(m, SIP_NO_CONTENT_LENGTH);
		return;
	}
	int err = sip_number_decode(h->value, &length);
	if (sip_header_next(m, h) != NULL)
		refuse(m, SIP_DUPLICATE);
	else if (err == ERR_TOO_LARGE || (err == 0 && length > SIP_MSG_MAX))
		refuse(m, SIP_TOO_LARGE);
	else if (err != 0)
		refuse(m, SIP_BAD_CONTENT_LENGTH);
	else if (length > m->body.len)
		refuse(m, SIP_BODY_SHORT);
	else
		m->body.len = length;
}

/* ---- what every message has ---- */

/* The one header field with ID, or NULL and a refusal. */
static const struct sip_header *one(struct sip_msg *m, enum sip_header_id id, enum sip_refusal none)
{
	const struct sip_header *h = sip_header_first(m, id);
	if (h == NULL)
		refuse(m, none);
	else if (sip_header_next(m, h) != NULL)
		refuse(m, SIP_DUPLICATE);
	return h;
}

/* Its tag, or none. False: it stands twice, or without a value; others might read another one. */
static bool find_tag(struct sip_str params, struct sip_str *tag)
{
	struct sip_param p;
	uint32_t at = 0;
	*tag = SIP_NONE;
	while (sip_param_next(params, &at, &p)) {
		if (!sip_str_is(p.name, "tag"))
			continue;
		if (tag->at != NULL || p.value.len == 0)
			return false;
		*tag = p.value;
	}
	return true;
}

static void decode_tag(
	struct sip_msg *m, const struct sip_header *h, enum sip_refusal bad, struct sip_str *tag)
{
	struct sip_name_addr a;
	struct sip_str found;
	if (h == NULL)
		return;
	if (sip_name_addr_decode(h->value, &a) != 0 || a.is_star || !find_tag(a.params, &found))
		refuse(m, bad);
	else
		*tag = found;
}

static void decode_call_id(struct sip_msg *m)
{
	const struct sip_header *h = one(m, SIP_HEADER_CALL_ID, SIP_NO_CALL_ID);
	if (h == NULL)
		return;
	for (uint32_t i = 0; i < h->value.len; i++)
		if (sip_char_is_blank(h->value.at[i]))
			refuse(m, SIP_BAD_CALL_ID);
	if (h->value.len == 0)
		refuse(m, SIP_BAD_CALL_ID);
	m->call_id = h->value;
}

static void decode_cseq(struct sip_msg *m)
{
	const struct sip_header *h = one(m, SIP_HEADER_CSEQ, SIP_NO_CSEQ);
	struct sip_cseq cseq;
	if (h == NULL)
		return;
	if (sip_cseq_decode(h->value, &cseq) != 0) {
		refuse(m, SIP_BAD_CSEQ);
		return;
	}
	m->cseq = cseq.number;
	if (!m->is_request) {
		m->method = cseq.method;
		m->method_name = cseq.method_name;
	} else if (!sip_str_equal(m->method_name, cseq.method_name)) {
		refuse(m, SIP_CSEQ_MISMATCH);
	}
}

static void decode_max_forwards(struct sip_msg *m)
{
	const struct sip_header *h = sip_header_first(m, SIP_HEADER_MAX_FORWARDS);
	uint32_t hops;
	if (h == NULL)
		return;
	if (sip_header_next(m, h) != NULL)
		refuse(m, SIP_DUPLICATE);
	if (sip_number_decode(h->value, &hops) != 0 || hops > 255)
		refuse(m, SIP_BAD_MAX_FORWARDS);
	else
		m->max_forwards = (int)hops;
}

static void decode_common(struct sip_msg *m)
{
	struct sip_via via;
	if (sip_header_first(m, SIP_HEADER_VIA) == NULL)
		refuse(m, SIP_NO_VIA);
	else if (sip_via_top(m, &via) != 0)
		refuse(m, SIP_BAD_VIA);
	decode_tag(m, one(m, SIP_HEADER_FROM, SIP_NO_FROM), SIP_BAD_FROM, &m->from_tag);
	decode_tag(m, one(m, SIP_HEADER_TO, SIP_NO_TO), SIP_BAD_TO, &m->to_tag);
	decode_call_id(m);
	decode_cseq(m);
	decode_max_forwards(m);
	const struct sip_header *type = sip_header_first(m, SIP_HEADER_CONTENT_TYPE);
	if (type != NULL && sip_header_next(m, type) != NULL)
		refuse(m, SIP_DUPLICATE);
}

enum sip_refusal sip_msg_decode(
	const void *data, size_t len, enum sip_carrier carrier, struct sip_msg *out)
{
	memset(out, 0, offsetof(struct sip_msg, headers));
	out->max_forwards = -1;
	if (len > SIP_MSG_MAX) {
		refuse(out, SIP_TOO_LARGE);
		len = SIP_MSG_MAX;
	}
	struct sip_scan c = sip_scan_of(sip_str_of(data, len));
	/* RFC 3261 §7.5: empty lines before the start line are stepped over. */
	while (c.end - c.at >= 2 && c.at[0] == '\r' && c.at[1] == '\n')
		c.at += 2;
	const char *from = c.at;
	decode_start_line(out, &c);
	decode_headers(out, &c);
	out->head = sip_scan_since(&c, from);
	if (out->head.len > SIP_HEAD_MAX)
		refuse(out, SIP_TOO_LARGE);
	decode_body(out, &c, carrier);
	out->bytes = sip_str_of(from, out->head.len + out->body.len);
	decode_common(out);
	return out->refusal;
}

bool sip_msg_is_answerable(const struct sip_msg *m)
{
	struct sip_via via;
	return m->is_request && m->method != SIP_ACK && sip_via_top(m, &via) == 0;
}
