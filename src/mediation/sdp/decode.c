/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One walk over the lines: each is checked by its type, and the session's and each medium's section
 * is remembered as the run of bytes between m= lines.
 */
#include "attr.h"
#include "line.h"
#include "profile.h"
#include "scan.h"

struct walk {
	struct sdp *s;
	struct sdp_media *m; /* NULL before the first m= */
	size_t n_lines;
	bool is_at_end; /* an empty line was there */
	bool has_name, has_time;
	bool has_connection, has_direction; /* of this section */
	enum sdp_direction direction;       /* the session's */
};

static bool read_origin(struct bytes v, struct sdp_origin *o)
{
	struct bytes type;
	return scan_word(&v, &o->username) && scan_word(&v, &o->id) && scan_word(&v, &o->version) &&
	       scan_is_digits(o->id) && scan_is_digits(o->version) && scan_word(&v, &type) &&
	       scan_is_nocase(type, "IN") && scan_word(&v, &type) &&
	       (scan_is_nocase(type, "IP4") || scan_is_nocase(type, "IP6")) &&
	       scan_word(&v, &o->host) && v.len == 0;
}

/* "AS:64" */
static bool is_bandwidth(struct bytes v)
{
	struct bytes type;
	return scan_until(&v, ':', &type) && scan_is_token(type) && scan_is_digits(v);
}

static bool is_time(struct bytes v)
{
	struct bytes start, stop;
	return scan_word(&v, &start) && scan_is_digits(start) && scan_word(&v, &stop) &&
	       scan_is_digits(stop) && v.len == 0;
}

static bool is_proto(struct bytes proto)
{
	struct bytes part;
	while (scan_until(&proto, '/', &part)) {
		if (!scan_is_token(part))
			return false;
	}
	return scan_is_token(proto);
}

static bool read_port(struct bytes v, struct sdp_media *m)
{
	struct bytes first;
	uint64_t port, n = 1;
	if (!scan_until(&v, '/', &first))
		first = v;
	else if (!scan_number(v, 65535, &n) || n == 0)
		return false;
	if (!scan_number(first, 65535, &port))
		return false;
	m->port = (uint16_t)port;
	m->n_ports = (uint16_t)n;
	return true;
}

static enum sdp_refusal read_media(struct walk *w, struct bytes v)
{
	struct bytes port, format;
	size_t offset = 0, n = 0;
	if (w->s->n_media == SDP_MEDIA_MAX)
		return SDP_TOO_MANY_MEDIA;
	struct sdp_media *m = &w->s->media[w->s->n_media];
	*m = (struct sdp_media){.has_connection = w->s->has_connection,
		.connection = w->s->connection,
		.direction = w->direction};
	if (!scan_word(&v, &m->kind) || !scan_is_token(m->kind) || !scan_word(&v, &port) ||
		!read_port(port, m) || !scan_word(&v, &m->proto) || !is_proto(m->proto))
		return SDP_BAD_MEDIA;
	m->profile = sdp_profile_parse(m->proto);
	m->formats = v;
	while (sdp_word_next(v, &offset, &format)) {
		if (++n > SDP_FORMATS_MAX)
			return SDP_TOO_MANY_FORMATS;
	}
	if (n == 0)
		return SDP_BAD_MEDIA;
	w->s->n_media++;
	w->m = m;
	w->has_connection = w->has_direction = false;
	return SDP_OK;
}

/* The first of a section counts, also of the several c= for a multicast group's layers. */
static enum sdp_refusal read_connection(struct walk *w, struct bytes v)
{
	struct sdp_connection c;
	if (!scan_connection(v, &c))
		return SDP_BAD_CONNECTION;
	if (w->has_connection)
		return SDP_OK;
	w->has_connection = true;
	*(w->m ? &w->m->connection : &w->s->connection) = c;
	*(w->m ? &w->m->has_connection : &w->s->has_connection) = true;
	return SDP_OK;
}

static enum sdp_refusal read_attribute(struct walk *w, struct bytes v)
{
	struct sdp_attr a;
	enum sdp_direction d;
	sdp_attr_split(v, &a);
	if (!scan_is_token(a.name))
		return SDP_BAD_ATTRIBUTE;
	if (!sdp_attr_direction(a.id, &d) || w->has_direction)
		return SDP_OK;
	w->has_direction = true;
	*(w->m ? &w->m->direction : &w->direction) = d;
	return SDP_OK;
}

/* s= and t=, which a session has. */
static enum sdp_refusal read_session_line(struct walk *w, const struct sdp_line *l)
{
	if (w->m)
		return SDP_BAD_LINE;
	if (l->type == 's') {
		if (w->has_name)
			return SDP_BAD_ORDER;
		w->has_name = true;
		w->s->name = l->value;
	} else if (l->type == 't') {
		if (!is_time(l->value))
			return SDP_BAD_TIME;
		w->has_time = true;
	}
	return SDP_OK;
}

static enum sdp_refusal read_line(struct walk *w, const struct sdp_line *l)
{
	switch (l->type) {
	case 's':
	case 't':
	case 'u':
	case 'e':
	case 'p':
	case 'r':
	case 'z':
		return read_session_line(w, l);
	case 'i':
	case 'k':
		return SDP_OK;
	case 'c':
		return read_connection(w, l->value);
	case 'b':
		return is_bandwidth(l->value) ? SDP_OK : SDP_BAD_BANDWIDTH;
	case 'a':
		return read_attribute(w, l->value);
	case 'm':
		return w->has_name && w->has_time ? read_media(w, l->value) : SDP_MISSING;
	case 'v':
	case 'o':
		return SDP_BAD_ORDER;
	default:
		return SDP_BAD_LINE;
	}
}

/* v= and o= come first and once. */
static enum sdp_refusal read_front(struct walk *w, const struct sdp_line *l)
{
	if (w->n_lines == 1) {
		if (l->type != 'v')
			return SDP_BAD_ORDER;
		return scan_is(l->value, "0") ? SDP_OK : SDP_BAD_VERSION;
	}
	if (l->type != 'o')
		return SDP_BAD_ORDER;
	return read_origin(l->value, &w->s->origin) ? SDP_OK : SDP_BAD_ORIGIN;
}

static enum sdp_refusal take_line(struct walk *w, struct bytes line)
{
	/* Some end with an empty line more. */
	w->is_at_end = w->is_at_end || line.len == 0;
	if (line.len == 0)
		return SDP_OK;
	if (memchr(line.data, '\r', line.len) || memchr(line.data, '\0', line.len))
		return SDP_BAD_BYTE;
	if (w->is_at_end || line.len < 2 || line.data[1] != '=')
		return SDP_BAD_LINE;
	if (++w->n_lines > SDP_LINES_MAX)
		return SDP_TOO_MANY_LINES;
	struct sdp_line l = {
		.type = (char)line.data[0], .value = bytes_of(line.data + 2, line.len - 2)};
	return w->n_lines <= 2 ? read_front(w, &l) : read_line(w, &l);
}

/* The line from AT to END has been taken: it belongs to a section, or begins one behind it. */
static void extend_section(
	struct walk *w, const struct sdp_media *before, struct bytes line_and_end)
{
	const uint8_t *end = line_and_end.data + line_and_end.len;
	if (!w->m)
		w->s->lines.len += line_and_end.len;
	else if (w->m != before)
		w->m->lines = bytes_of(end, 0);
	else
		w->m->lines.len += line_and_end.len;
}

enum sdp_refusal sdp_decode(const void *text, size_t len, struct sdp *out)
{
	struct bytes all = bytes_of(text, len), line;
	struct sdp s = {.lines = bytes_of(text, 0)};
	struct walk w = {.s = &s, .direction = SDP_SENDRECV};
	size_t offset = 0, from = 0;
	if (len > SDP_LEN_MAX)
		return SDP_TOO_LONG;
	while (sdp_line_cut(all, &offset, &line)) {
		const struct sdp_media *before = w.m;
		enum sdp_refusal r = take_line(&w, line);
		if (r != SDP_OK)
			return r;
		extend_section(&w, before, bytes_of(all.data + from, offset - from));
		from = offset;
	}
	if (!w.has_name || !w.has_time)
		return SDP_MISSING;
	*out = s;
	return SDP_OK;
}
