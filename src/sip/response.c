/* SPDX-License-Identifier: BSD-3-Clause */
/* The beginning of an answer: what it takes from its request (RFC 3261 §8.2.6.2, §18.2.1). */
#include "scan.h"
#include "put.h"

/* received= stands when sent-by is another address or a name, and with rport (RFC 3581 §4). */
static bool wants_received(const struct sip_via *v, const struct addr *source)
{
	struct addr said;
	return v->has_rport || v->received.at != NULL || sip_host_addr(&v->host, 0, &said) != 0 ||
	       !addr_equal_ip(&said, source);
}

static void put_source(struct sip_writer *w, const struct sip_via *v, const struct addr *source)
{
	char text[ADDR_TEXT_LEN];
	if (wants_received(v, source)) {
		sip_put_c(w, ";received=");
		sip_put_c(w, addr_format_ip(source, text));
	}
	if (v->has_rport) {
		sip_put_c(w, ";rport=");
		sip_write_u32(w, source->port);
	}
}

/* What the decoder has let through needs no look again, and may have what a value of our own may
 * not: a NUL behind a backslash. */
static void put_as_is(struct sip_writer *w, struct sip_str s)
{
	sip_put(w, s.at, s.len);
}

static void put_param(struct sip_writer *w, const struct sip_param *p)
{
	sip_put(w, ";", 1);
	put_as_is(w, p->name);
	if (p->value.at == NULL)
		return;
	sip_put_c(w, p->is_quoted ? "=\"" : "=");
	put_as_is(w, p->value);
	if (p->is_quoted)
		sip_put(w, "\"", 1);
}

/* The first Via: what a sender may not say itself is left out and said anew. */
static void put_top_via(struct sip_writer *w, struct sip_str element, const struct addr *source)
{
	struct sip_via v;
	struct sip_param p;
	uint32_t at = 0;
	if (sip_via_decode(element, &v) != 0) {
		w->failed = true;
		return;
	}
	size_t front = v.params.at != NULL ? (size_t)(v.params.at - element.at) : element.len;
	put_as_is(w, sip_str_trim(sip_str_of(element.at, front)));
	while (sip_param_next(v.params, &at, &p))
		if (!sip_str_is(p.name, "received") && !sip_str_is(p.name, "rport"))
			put_param(w, &p);
	put_source(w, &v, source);
}

void sip_write_vias(struct sip_writer *w, const struct sip_msg *m, const struct addr *source)
{
	const struct sip_header *h = sip_header_first(m, SIP_HEADER_VIA);
	struct sip_str element;
	uint32_t at = 0;
	if (source == NULL || h == NULL || sip_value_next(h->value, &at, &element) != 1) {
		sip_write_copy_all(w, m, SIP_HEADER_VIA);
		return;
	}
	sip_write_open(w, SIP_HEADER_VIA);
	put_top_via(w, element, source);
	if (at <= h->value.len) {
		sip_put(w, ", ", 2);
		put_as_is(w, sip_str_trim(sip_str_of(h->value.at + at, h->value.len - at)));
	}
	sip_write_close(w);
	while ((h = sip_header_next(m, h)) != NULL)
		sip_write_copy(w, h);
}

static void put_to(
	struct sip_writer *w, const struct sip_msg *m, unsigned status, struct sip_str to_tag)
{
	const struct sip_header *h = sip_header_first(m, SIP_HEADER_TO);
	struct sip_name_addr to;
	if (h == NULL)
		return;
	bool is_tagged = m->to_tag.at != NULL || sip_name_addr_decode(h->value, &to) != 0;
	if (is_tagged || to_tag.at == NULL || status == 100) {
		sip_write_copy(w, h);
		return;
	}
	sip_write_open(w, SIP_HEADER_TO);
	put_as_is(w, h->value);
	sip_write_param(w, "tag", to_tag);
	sip_write_close(w);
}

/* A request that is refused may lack it, or have two. */
static void put_first(struct sip_writer *w, const struct sip_msg *m, enum sip_header_id id)
{
	const struct sip_header *h = sip_header_first(m, id);
	if (h != NULL)
		sip_write_copy(w, h);
}

void sip_write_response(struct sip_writer *w, const struct sip_msg *m, unsigned status,
	const char *reason, struct sip_str to_tag, const struct addr *source)
{
	if (!sip_msg_is_answerable(m)) {
		w->failed = true;
		return;
	}
	sip_write_status(w, status, reason);
	sip_write_vias(w, m, source);
	put_first(w, m, SIP_HEADER_FROM);
	put_to(w, m, status, to_tag);
	put_first(w, m, SIP_HEADER_CALL_ID);
	put_first(w, m, SIP_HEADER_CSEQ);
	if (status > 100 && status < 300)
		sip_write_copy_all(w, m, SIP_HEADER_RECORD_ROUTE);
	if (status == 100)
		sip_write_copy_all(w, m, SIP_HEADER_TIMESTAMP);
}
