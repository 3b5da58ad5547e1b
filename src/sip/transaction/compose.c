/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages that we send. They are written into the layer's scratch space and are good until the
 * next one is.
 */
#include <errno.h>

#include "transaction_priv.h"

static void begin(struct transactions *l, struct sip_writer *w)
{
	sip_write_begin(w, l->scratch, SIP_MSG_MAX);
}

/* Whole header fields that the user has written. */
static void write_fields(struct sip_writer *w, struct sip_str fields)
{
	if (fields.len > w->cap - w->len)
		w->failed = true;
	if (w->failed || fields.len == 0)
		return;
	memcpy(w->buf + w->len, fields.at, fields.len);
	w->len += fields.len;
}

static int done(const struct sip_writer *w, struct sip_str *out)
{
	if (w->failed)
		return ERR_TOO_LARGE;
	*out = sip_str_of(w->buf, w->len);
	return 0;
}

/* ---- requests ---- */

struct sip_str request_method_name(const struct transaction_request *r)
{
	return r->method == SIP_METHOD_OTHER ? r->method_name
					     : sip_str_c(sip_method_name(r->method));
}

int compose_request(struct transactions *l, const struct transaction_request *r,
	const struct transaction_hop *to, const char *branch, struct sip_str *out)
{
	struct sip_via_own via = {.branch = sip_str_c(branch)};
	struct sip_writer w;
	int err = l->config.carrier.via(l->config.carrier.arg, to, &via);

	if (err)
		return err;
	begin(l, &w);
	sip_write_request(&w, request_method_name(r), r->uri);
	sip_write_via(&w, &via);
	write_fields(&w, r->fields);
	sip_write_body(&w, r->content_type, r->content);
	return done(&w, out);
}

/* What ACK and CANCEL take from the INVITE: all that makes them follow its path (RFC 3261 §9.1,
 * §17.1.1.3). */
static void write_follower(struct sip_writer *w, const struct sip_msg *invite,
	enum sip_method method, const struct sip_header *to)
{
	struct sip_str name = sip_str_c(sip_method_name(method));

	sip_write_request(w, name, invite->uri);
	sip_write_copy(w, sip_header_first(invite, SIP_HEADER_VIA));
	sip_write_header_number(w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_write_copy_all(w, invite, SIP_HEADER_ROUTE);
	sip_write_copy(w, sip_header_first(invite, SIP_HEADER_FROM));
	sip_write_copy(w, to);
	sip_write_copy(w, sip_header_first(invite, SIP_HEADER_CALL_ID));
	sip_write_cseq(w, invite->cseq, name);
}

static int decode_sent(const struct client_transaction *c, struct sip_msg *out)
{
	return sip_msg_decode(c->t.sent.data, c->t.sent.len, SIP_DATAGRAM, out) == SIP_FINE
		       ? 0
		       : ERR_MALFORMED;
}

int compose_ack(struct client_transaction *c, const struct sip_msg *response, struct sip_str *out)
{
	struct sip_msg invite;
	struct sip_writer w;

	if (decode_sent(c, &invite) != 0)
		return ERR_MALFORMED;
	begin(c->t.layer, &w);
	write_follower(&w, &invite, SIP_ACK, sip_header_first(response, SIP_HEADER_TO));
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	return done(&w, out);
}

int compose_cancel(struct client_transaction *c, struct sip_str fields, struct sip_str *out)
{
	struct sip_msg invite;
	struct sip_writer w;

	if (decode_sent(c, &invite) != 0)
		return ERR_MALFORMED;
	begin(c->t.layer, &w);
	write_follower(&w, &invite, SIP_CANCEL, sip_header_first(&invite, SIP_HEADER_TO));
	write_fields(&w, fields);
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	return done(&w, out);
}

/* ---- responses ---- */

/* A datagram's answer goes to the address it came from, and to the port that its Via asks for; not
 * to an address that it names, which would let it aim us at others (RFC 3261 §18.2.2, RFC 3581). */
void reply_hop(const struct sip_msg *m, const struct transaction_hop *from,
	struct transaction_hop *to, uint16_t *port)
{
	struct sip_via via = {.port = 0};

	*to = *from;
	*port = SIP_PORT;
	if (sip_via_top(m, &via) != 0)
		return;
	if (via.port)
		*port = via.port;
	else if (via.transport == SIP_TLS || via.transport == SIP_WSS)
		*port = SIP_TLS_PORT;
	if (!from->is_reliable && !via.has_rport)
		to->remote.port = *port;
}

/* As much of a request as its replies want, with the Via as they bear them. */
int compose_head(struct transactions *l, const struct sip_msg *m,
	const struct transaction_hop *from, struct sip_str *out)
{
	static const enum sip_header_id wanted[] = {SIP_HEADER_FROM, SIP_HEADER_TO,
		SIP_HEADER_CALL_ID, SIP_HEADER_CSEQ, SIP_HEADER_TIMESTAMP, SIP_HEADER_RECORD_ROUTE};
	struct sip_writer w;

	begin(l, &w);
	sip_write_request(&w, m->method_name, m->uri);
	sip_write_vias(&w, m, &from->remote);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		sip_write_copy_all(&w, m, wanted[i]);
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	return done(&w, out);
}

int compose_reply(
	struct server_transaction *s, const struct transaction_reply *r, struct sip_str *out)
{
	char tag[TRANSACTION_TAG_LEN];
	struct sip_msg head;
	struct sip_writer w;

	if (sip_msg_decode(s->head.data, s->head.len, SIP_DATAGRAM, &head) != SIP_FINE)
		return ERR_TOO_LARGE; /* would not be there */
	server_transaction_tag(s, tag);
	begin(s->t.layer, &w);
	sip_write_response(
		&w, &head, r->status, r->reason, r->to_tag.len ? r->to_tag : sip_str_c(tag), NULL);
	write_fields(&w, r->fields);
	sip_write_body(&w, r->content_type, r->content);
	return done(&w, out);
}

void answer(struct transactions *l, const struct sip_msg *m, const struct transaction_hop *from,
	unsigned status, const struct transaction_key *key, const char *why)
{
	char tag[TRANSACTION_TAG_LEN];
	struct transaction_hop to;
	struct sip_str message;
	struct sip_writer w;
	uint16_t port;

	tag_make(l, key, tag);
	reply_hop(m, from, &to, &port);
	begin(l, &w);
	sip_write_response(&w, m, status, NULL, sip_str_c(tag), &from->remote);
	if (status == 503)
		sip_write_header_number(&w, SIP_HEADER_RETRY_AFTER, l->config.retry_after_s);
	if (why) {
		sip_write_open(&w, SIP_HEADER_WARNING);
		sip_write_c(&w, "399 sallyport "); /* a pseudonym will do, RFC 3261 §20.43 */
		sip_write_quoted(&w, sip_str_c(why));
		sip_write_close(&w);
	}
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	if (done(&w, &message) == 0)
		(void)transaction_carry(l, &to, message); /* as good as lost on the way */
}
