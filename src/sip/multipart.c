/* SPDX-License-Identifier: BSD-3-Clause */
/* Bodies of several parts: RFC 2046 §5.1. */
#include "scan.h"

#define BOUNDARY_MAX 70

static bool is_line_break(struct sip_scan *c)
{
	return c->end - c->at >= 2 && c->at[0] == '\r' && c->at[1] == '\n';
}

/* At the start of a line: "--boundary", then perhaps "--", blanks and CRLF (or the end). */
static bool scan_boundary(struct sip_scan *c, struct sip_str boundary, bool *is_last)
{
	struct sip_scan try = *c;
	if (try.end - try.at < (ptrdiff_t)boundary.len + 2 || memcmp(try.at, "--", 2) != 0 ||
		memcmp(try.at + 2, boundary.at, boundary.len) != 0)
		return false;
	try.at += boundary.len + 2;
	bool is_end = try.end - try.at >= 2 && memcmp(try.at, "--", 2) == 0;
	if (is_end)
		try.at += 2;
	while (try.at < try.end && (*try.at == ' ' || *try.at == '\t'))
		try.at++;
	if (is_line_break(&try))
		try.at += 2;
	else if (!is_end || !sip_scan_is_end(&try))
		return false;
	*is_last = is_end;
	*c = try;
	return true;
}

/* Everything before the next boundary line, which is stepped over, the CRLF before it too. */
static bool scan_to_boundary(
	struct sip_scan *c, struct sip_str boundary, struct sip_str *before, bool *is_last)
{
	struct sip_scan try = *c;
	if (scan_boundary(&try, boundary, is_last)) {
		*before = sip_str_of(c->at, 0);
		*c = try;
		return true;
	}
	while ((try.at = memchr(try.at, '\r', (size_t)(try.end - try.at))) != NULL) {
		const char *end = try.at;
		if (!is_line_break(&try)) {
			try.at++;
			continue;
		}
		try.at += 2;
		if (!scan_boundary(&try, boundary, is_last))
			continue;
		*before = sip_str_of(c->at, (size_t)(end - c->at));
		*c = try;
		return true;
	}
	return false;
}

int sip_multipart_begin(struct sip_str content_type, struct sip_str body, struct sip_multipart *out)
{
	struct sip_media_type t;
	struct sip_multipart w = {.n_parts = 0};
	struct sip_str preamble;
	if (content_type.at == NULL || sip_media_type_decode(content_type, &t) != 0 ||
		!sip_str_is(t.type, "multipart"))
		return ERR_UNSUPPORTED;
	w.boundary = sip_param_value(t.params, "boundary");
	if (w.boundary.len == 0 || w.boundary.len > BOUNDARY_MAX || body.len == 0)
		return ERR_MALFORMED;
	struct sip_scan c = sip_scan_of(body);
	if (!scan_to_boundary(&c, w.boundary, &preamble, &w.is_at_end) || w.is_at_end)
		return ERR_MALFORMED;
	w.rest = sip_str_of(c.at, (size_t)(c.end - c.at));
	*out = w;
	return 0;
}

static void take_field(struct sip_part *p, const struct sip_field *f)
{
	enum sip_header_id id = sip_header_find(f->name);
	if (id == SIP_HEADER_CONTENT_TYPE)
		p->content_type = f->value;
	else if (id == SIP_HEADER_CONTENT_ID)
		p->content_id = f->value;
	else if (id == SIP_HEADER_CONTENT_DISPOSITION)
		p->disposition = f->value;
}

static int split_part(struct sip_part *p)
{
	struct sip_scan c = sip_scan_of(p->whole);
	struct sip_field f;
	while (sip_field_next(&c, &f)) {
		if (f.refusal != SIP_FINE)
			return ERR_MALFORMED;
		if (f.whole.len == 2) {
			p->head = sip_scan_since(&c, p->whole.at);
			p->body = sip_str_of(c.at, (size_t)(c.end - c.at));
			return 0;
		}
		take_field(p, &f);
	}
	return ERR_MALFORMED;
}

int sip_multipart_next(struct sip_multipart *w, struct sip_part *out)
{
	struct sip_part p = {.head = SIP_NONE};
	if (w->is_at_end)
		return 0;
	struct sip_scan c = sip_scan_of(w->rest);
	if (w->n_parts == SIP_MULTIPART_PARTS || w->rest.len == 0 ||
		!scan_to_boundary(&c, w->boundary, &p.whole, &w->is_at_end) || split_part(&p) != 0)
		return ERR_MALFORMED;
	w->rest = sip_str_of(c.at, (size_t)(c.end - c.at));
	w->n_parts++;
	*out = p;
	return 1;
}

/* Looks into PART, of which only type and body count. Goes DEPTH deep at most. */
static int find(const struct sip_part *part, const char *type, const char *subtype, unsigned depth,
	struct sip_part *out)
{
	struct sip_media_type t;
	struct sip_multipart w;
	struct sip_part p;
	int r;
	if (part->content_type.at == NULL)
		return ERR_NOT_FOUND;
	if (sip_media_type_decode(part->content_type, &t) != 0)
		return ERR_MALFORMED;
	if (sip_media_type_is(&t, type, subtype)) {
		*out = *part;
		return 0;
	}
	if (!sip_str_is(t.type, "multipart") || depth == 0)
		return ERR_NOT_FOUND;
	r = sip_multipart_begin(part->content_type, part->body, &w);
	if (r != 0)
		return r;
	while ((r = sip_multipart_next(&w, &p)) == 1) {
		r = find(&p, type, subtype, depth - 1, out);
		if (r != ERR_NOT_FOUND)
			return r;
	}
	return r == 0 ? ERR_NOT_FOUND : r;
}

int sip_body_find(
	const struct sip_msg *m, const char *type, const char *subtype, struct sip_part *out)
{
	const struct sip_part all = {.whole = m->body,
		.body = m->body,
		.content_type = sip_header_value(m, SIP_HEADER_CONTENT_TYPE),
		.content_id = sip_header_value(m, SIP_HEADER_CONTENT_ID),
		.disposition = sip_header_value(m, SIP_HEADER_CONTENT_DISPOSITION)};
	return m->body.len > 0 ? find(&all, type, subtype, SIP_MULTIPART_DEPTH, out)
			       : ERR_NOT_FOUND;
}
