/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decodes any bytes as a message, reads every header field as every kind of value, writes what was
 * read again and compares: the message, each URI and address, an answer, credentials for what may
 * be a challenge.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/sip.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM (2 * SIP_MSG_MAX + 4096)

/* Not assert: this must also hold where NDEBUG is set. */
static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* Every byte of what a decoder points to must be there to be read. */
static void touch(struct sip_str s)
{
	volatile char sum = 0;
	for (uint32_t i = 0; i < s.len; i++)
		sum = (char)(sum + s.at[i]);
}

static void touch_params(struct sip_str params)
{
	struct sip_param p;
	uint32_t at = 0;
	touch(params);
	while (sip_param_next(params, &at, &p)) {
		touch(p.name);
		touch(p.value);
		must(p.name.len > 0);
	}
	must(at == params.len);
}

static void read_uri(struct sip_str text, char *room)
{
	struct sip_uri u, again;
	struct sip_writer w;
	char plain[SIP_URI_MAX];
	size_t n;
	if (sip_uri_decode(text, &u) != 0)
		return;
	touch_params(u.params);
	must(sip_uri_unescape(u.user, plain, sizeof(plain), &n) == 0 && n <= u.user.len);
	sip_write_begin(&w, room, ROOM);
	sip_write_uri(&w, &u);
	must(!w.failed && sip_uri_decode(sip_str_of(room, w.len), &again) == 0);
	must(sip_str_equal(u.user, again.user) && sip_str_equal(u.host.text, again.host.text));
	must(sip_str_equal(u.params, again.params) && sip_str_equal(u.headers, again.headers));
	must(sip_uri_equal(&u, &again) == sip_uri_equal(&again, &u));
}

static void read_address(struct sip_str value, char *room)
{
	struct sip_name_addr a, again;
	struct sip_writer w;
	unsigned q;
	if (sip_name_addr_decode(value, &a) != 0 || a.is_star)
		return;
	touch(a.display);
	touch_params(a.params);
	(void)sip_q_decode(a.params, &q);
	sip_write_begin(&w, room, ROOM);
	sip_write_name_addr(&w, &a);
	if (w.failed)
		return; /* a NUL in the display name */
	must(sip_name_addr_decode(sip_str_of(room, w.len), &again) == 0);
	must(sip_str_equal(a.uri, again.uri) && again.has_brackets);
	must((a.display.at == NULL) == (again.display.at == NULL));
	read_uri(a.uri, room);
}

static void read_via(struct sip_str value)
{
	struct sip_via v;
	struct addr a;
	if (sip_via_decode(value, &v) != 0)
		return;
	touch_params(v.params);
	touch(v.branch);
	must(v.host.text.len > 0);
	must((sip_host_addr(&v.host, v.port, &a) == 0) == (v.host.kind != SIP_HOST_NAME));
}

/* What is written for a challenge is what a server finds right. */
static void read_auth(struct sip_str value, char *room)
{
	struct sip_auth a, again;
	struct sip_writer w;
	char secret[SIP_DIGEST_HEX];
	struct sip_credentials c = {.username = sip_str_c("u"),
		.secret = secret,
		.cnonce = sip_str_c("c"),
		.nc = 1,
		.method = sip_str_c("INVITE"),
		.uri = sip_str_c("sip:b@h"),
		.body = value};
	(void)sip_auth_info_decode(value, &a);
	if (sip_auth_decode(value, &a) != 0 || !a.is_digest)
		return;
	if (a.algorithm != SIP_DIGEST_OTHER)
		sip_digest_secret(a.algorithm, c.username, a.realm, sip_str_c("p"), secret);
	must(!sip_digest_check(&a, "no", c.method, c.body));
	sip_write_begin(&w, room, ROOM);
	sip_write_credentials(&w, SIP_HEADER_AUTHORIZATION, &a, &c);
	if (w.failed)
		return;
	size_t front = strlen("Authorization: ");
	must(sip_auth_decode(sip_str_of(room + front, w.len - front), &again) == 0);
	must(sip_digest_check(&again, secret, c.method, c.body));
	must(!sip_digest_check(&again, secret, sip_str_c("BYE"), c.body));
}

static void read_words(struct sip_str value)
{
	struct sip_media_type t;
	struct sip_word word;
	struct sip_replaces r;
	struct sip_warning warning;
	if (sip_media_type_decode(value, &t) == 0)
		touch_params(t.params);
	if (sip_word_decode(value, &word) == 0)
		touch_params(word.params);
	if (sip_replaces_decode(value, &r) == 0)
		must(r.call_id.len > 0 && r.to_tag.len > 0 && r.from_tag.len > 0);
	if (sip_warning_decode(value, &warning) == 0)
		touch(warning.text);
}

static void read_numbers(struct sip_str value)
{
	struct sip_cseq cseq;
	struct sip_rack rack;
	struct sip_session_expires s;
	struct sip_retry_after retry;
	uint32_t n;
	uint64_t t;
	(void)sip_number_decode(value, &n);
	(void)sip_date_decode(value, &t);
	if (sip_cseq_decode(value, &cseq) == 0)
		must(cseq.number <= INT32_MAX && cseq.method_name.len > 0);
	if (sip_rack_decode(value, &rack) == 0)
		must(rack.rseq > 0);
	if (sip_session_expires_decode(value, &s) == 0)
		touch_params(s.params);
	if (sip_retry_after_decode(value, &retry) == 0)
		touch(retry.comment);
}

static void read_value(struct sip_str value, char *room)
{
	size_t n;
	must(sip_str_text(value, false, room, ROOM, &n) == 0 && n <= value.len);
	must(sip_str_text(value, true, room, ROOM, &n) == 0 && n <= value.len);
	read_uri(value, room);
	read_address(value, room);
	read_via(value);
	read_auth(value, room);
	read_words(value);
	read_numbers(value);
}

static void read_header(const struct sip_header *h, char *room)
{
	struct sip_str element;
	uint32_t at = 0;
	must(h->id == (uint8_t)sip_header_find(h->name));
	read_value(h->value, room);
	while (sip_value_next(h->value, &at, &element) == 1)
		read_value(element, room);
}

static void read_sets(const struct sip_msg *m)
{
	struct sip_tokens t;
	struct sip_part p;
	(void)sip_options_of(m, SIP_HEADER_SUPPORTED, &t);
	(void)sip_options_of(m, SIP_HEADER_REQUIRE, &t);
	(void)sip_methods_of(m, SIP_HEADER_ALLOW, &t);
	if (sip_body_find(m, "application", "sdp", &p) == 0) {
		touch(p.whole);
		must(p.body.at >= m->body.at && p.body.at + p.body.len <= m->body.at + m->body.len);
	}
}

/* The same header fields in the same order with the same text. */
static void compare(const struct sip_msg *a, const struct sip_msg *b, char *room)
{
	must(b->refusal == SIP_FINE && a->is_request == b->is_request && a->method == b->method);
	must(a->status == b->status && a->n_headers == b->n_headers && a->cseq == b->cseq);
	must(sip_str_equal(a->uri, b->uri) && sip_str_equal(a->body, b->body));
	for (unsigned i = 0; i < a->n_headers; i++) {
		size_t n, k;
		must(a->headers[i].id == b->headers[i].id);
		must(sip_str_text(a->headers[i].value, false, room, ROOM / 2, &n) == 0);
		must(sip_str_text(b->headers[i].value, false, room + ROOM / 2, ROOM / 2, &k) == 0);
		must(n == k && memcmp(room, room + ROOM / 2, n) == 0);
	}
}

static void write_again(const struct sip_msg *m, bool is_unfolded, char *out, char *room)
{
	static struct sip_msg again;
	struct sip_writer w;
	sip_write_begin(&w, out, ROOM);
	if (m->is_request)
		sip_write_request(&w, m->method_name, m->uri);
	else
		sip_write_status(&w, m->status, "x");
	for (unsigned i = 0; i < m->n_headers; i++) {
		const struct sip_header *h = &m->headers[i];
		if (is_unfolded)
			sip_write_header_named(&w, h->name, h->value);
		else
			sip_write_copy(&w, h);
	}
	sip_write_close(&w);
	if (w.failed) {
		must(is_unfolded); /* a NUL behind a backslash */
		return;
	}
	must(m->body.len <= w.cap - w.len);
	if (m->body.len > 0)
		memcpy(out + w.len, m->body.at, m->body.len);
	w.len += m->body.len;
	/* A version that grew by a change of line may pass a bound. */
	if (w.len > SIP_MSG_MAX)
		return;
	(void)sip_msg_decode(out, w.len, SIP_DATAGRAM, &again);
	if (!is_unfolded || again.refusal != SIP_HEADER_TOO_LONG)
		compare(m, &again, room);
}

static void answer(const struct sip_msg *m, char *out)
{
	static struct sip_msg again;
	struct addr source = addr_ipv4(0xc0000201, 5060);
	struct sip_writer w;
	sip_write_begin(&w, out, ROOM);
	sip_write_response(&w, m, 400, NULL, sip_str_c("t"), &source);
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	must(!w.failed);
	(void)sip_msg_decode(out, w.len, SIP_STREAM, &again);
	if (m->refusal != SIP_FINE || again.refusal == SIP_HEADER_TOO_LONG)
		return;
	must(again.refusal == SIP_FINE && again.status == 400 && again.to_tag.len > 0);
	must(sip_str_equal(again.call_id, m->call_id) && again.cseq == m->cseq);
}

static void run(const uint8_t *data, size_t size, enum sip_carrier carrier, char *out, char *room)
{
	static struct sip_msg m;
	enum sip_refusal r = sip_msg_decode(data, size, carrier, &m);
	must(r == m.refusal && r < SIP_REFUSAL_COUNT && m.n_headers <= SIP_HEADERS_MAX);
	must(sip_refusal_status(r) >= 400);
	touch(m.bytes);
	for (unsigned i = 0; i < m.n_headers; i++)
		read_header(&m.headers[i], room);
	read_sets(&m);
	if (sip_msg_is_answerable(&m))
		answer(&m, out);
	if (r != SIP_FINE)
		return;
	must(m.is_request ? m.uri.len > 0 : m.status >= 100);
	must(m.head.at + m.head.len == m.body.at && m.bytes.len == m.head.len + m.body.len);
	write_again(&m, false, out, room);
	write_again(&m, true, out, room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char out[ROOM], room[ROOM];
	if (size > SIP_MSG_MAX + 16)
		return 0;
	run(data, size, SIP_DATAGRAM, out, room);
	run(data, size, SIP_STREAM, out, room);
	return 0;
}
