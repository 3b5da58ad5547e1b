/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing lines and whole header fields. What stands in them is written in write_value.c. */
#include "scan.h"
#include "put.h"

void sip_put(struct sip_writer *w, const char *at, size_t len)
{
	if (w->failed || len > w->cap - w->len) {
		w->failed = true;
		return;
	}
	if (len > 0)
		memcpy(w->buf + w->len, at, len);
	w->len += len;
}

void sip_put_c(struct sip_writer *w, const char *s)
{
	sip_put(w, s, strlen(s));
}

/* One CR, LF or NUL and what is written would not be what was meant. */
static bool is_plain(struct sip_str s)
{
	return s.len == 0 ||
	       (memchr(s.at, '\r', s.len) == NULL && memchr(s.at, '\n', s.len) == NULL &&
		       memchr(s.at, 0, s.len) == NULL);
}

/* A fold with the blanks around it is one space, as in sip_str_text; other CR, LF, NUL fail. */
static void put_unfolded(struct sip_writer *w, struct sip_str s)
{
	struct sip_scan c = sip_scan_of(s);
	while (c.at < c.end) {
		if (sip_scan_fold(&c)) {
			sip_put(w, " ", 1);
		} else if (*c.at == '\r' || *c.at == '\n' || *c.at == 0) {
			w->failed = true;
			return;
		} else {
			sip_put(w, c.at++, 1);
		}
	}
}

void sip_write_str(struct sip_writer *w, struct sip_str s)
{
	if (is_plain(s))
		sip_put(w, s.at, s.len);
	else
		put_unfolded(w, s);
}

void sip_write_c(struct sip_writer *w, const char *s)
{
	sip_write_str(w, sip_str_c(s));
}

void sip_write_u32(struct sip_writer *w, uint32_t n)
{
	char digits[10];
	size_t at = sizeof(digits);
	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	sip_put(w, digits + at, sizeof(digits) - at);
}

bool sip_str_is_made_of(struct sip_str s, unsigned chars)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (!sip_char_is(s.at[i], chars))
			return false;
	return s.len > 0;
}

void sip_put_token(struct sip_writer *w, struct sip_str s)
{
	if (sip_str_is_made_of(s, SIP_CHARS_TOKEN))
		sip_put(w, s.at, s.len);
	else
		w->failed = true;
}

/* ---- lines ---- */

void sip_write_begin(struct sip_writer *w, void *buf, size_t cap)
{
	*w = (struct sip_writer){.buf = buf, .cap = cap};
}

void sip_write_request(struct sip_writer *w, struct sip_str method, struct sip_str uri)
{
	if (!sip_str_is_made_of(uri, SIP_CHARS_URI))
		w->failed = true;
	sip_put_token(w, method);
	sip_put(w, " ", 1);
	sip_put(w, uri.at, uri.len);
	sip_put_c(w, " SIP/2.0\r\n");
}

void sip_write_status(struct sip_writer *w, unsigned status, const char *reason)
{
	if (status < 100 || status > 699)
		w->failed = true;
	sip_put_c(w, "SIP/2.0 ");
	sip_write_u32(w, status);
	sip_put(w, " ", 1);
	sip_write_c(w, reason != NULL ? reason : sip_reason_phrase(status));
	sip_write_close(w);
}

void sip_write_open(struct sip_writer *w, enum sip_header_id id)
{
	sip_put_c(w, sip_header_name(id));
	sip_put(w, ": ", 2);
	if (id == SIP_HEADER_OTHER)
		w->failed = true;
}

void sip_write_open_named(struct sip_writer *w, struct sip_str name)
{
	sip_put_token(w, name);
	sip_put(w, ": ", 2);
}

void sip_write_close(struct sip_writer *w)
{
	sip_put(w, "\r\n", 2);
}

/* ---- whole header fields ---- */

void sip_write_header(struct sip_writer *w, enum sip_header_id id, struct sip_str value)
{
	sip_write_open(w, id);
	sip_write_str(w, value);
	sip_write_close(w);
}

void sip_write_header_c(struct sip_writer *w, enum sip_header_id id, const char *value)
{
	sip_write_header(w, id, sip_str_c(value));
}

void sip_write_header_named(struct sip_writer *w, struct sip_str name, struct sip_str value)
{
	sip_write_open_named(w, name);
	sip_write_str(w, value);
	sip_write_close(w);
}

void sip_write_header_number(struct sip_writer *w, enum sip_header_id id, uint32_t value)
{
	sip_write_open(w, id);
	sip_write_u32(w, value);
	sip_write_close(w);
}

void sip_write_cseq(struct sip_writer *w, uint32_t number, struct sip_str method)
{
	sip_write_open(w, SIP_HEADER_CSEQ);
	sip_write_u32(w, number);
	sip_put(w, " ", 1);
	sip_put_token(w, method);
	sip_write_close(w);
}

static void write_words(struct sip_writer *w, enum sip_header_id id, uint64_t bits,
	const char *(*name_of)(unsigned bit))
{
	if (bits == 0)
		return;
	sip_write_open(w, id);
	for (unsigned i = 0; bits != 0; i++, bits >>= 1) {
		if (!(bits & 1))
			continue;
		sip_put_c(w, name_of(i));
		if (bits != 1)
			sip_put(w, ", ", 2);
	}
	sip_write_close(w);
}

static const char *name_of_option(unsigned bit)
{
	return sip_option_name((enum sip_option)bit);
}

static const char *name_of_method(unsigned bit)
{
	return sip_method_name((enum sip_method)bit);
}

void sip_write_options(struct sip_writer *w, enum sip_header_id id, uint64_t options)
{
	write_words(w, id, options & (SIP_OPTION_BIT(SIP_OPTION_COUNT) - 1), name_of_option);
}

void sip_write_methods(struct sip_writer *w, enum sip_header_id id, uint64_t methods)
{
	uint64_t known = (SIP_METHOD_BIT(SIP_METHOD_COUNT) - 1) & ~SIP_METHOD_BIT(0);
	write_words(w, id, methods & known, name_of_method);
}

/* ---- as they came ---- */

void sip_write_copy(struct sip_writer *w, const struct sip_header *h)
{
	sip_put(w, h->whole.at, h->whole.len);
}

void sip_write_copy_all(struct sip_writer *w, const struct sip_msg *m, enum sip_header_id id)
{
	const struct sip_header *h = sip_header_first(m, id);
	for (; h != NULL; h = sip_header_next(m, h))
		sip_write_copy(w, h);
}

void sip_write_copy_except(
	struct sip_writer *w, const struct sip_msg *m, const struct sip_header_set *left_out)
{
	for (unsigned i = 0; i < m->n_headers; i++) {
		enum sip_header_id id = (enum sip_header_id)m->headers[i].id;
		if (!sip_header_set_has(left_out, id))
			sip_write_copy(w, &m->headers[i]);
	}
}

void sip_write_body(struct sip_writer *w, struct sip_str content_type, struct sip_str body)
{
	if (content_type.at != NULL)
		sip_write_header(w, SIP_HEADER_CONTENT_TYPE, content_type);
	sip_write_header_number(w, SIP_HEADER_CONTENT_LENGTH, body.len);
	sip_write_close(w);
	sip_put(w, body.at, body.len);
}
