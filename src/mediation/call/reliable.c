/* SPDX-License-Identifier: BSD-3-Clause */
/* Reliable provisional responses (RFC 3262): those of a callee are acknowledged by us, those to the
 * caller are repeated until he does. */
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "call_priv.h"

#define PRACKS_MAX 4 /* of ours to a callee, without answer */

/* ---- those of a callee ---- */

static void send_prack(struct end *e, const struct sip_msg *m)
{
	struct transaction_request r = {.method = SIP_PRACK};
	struct exchange *x = request_of_ours(e, SIP_PRACK);
	char buf[64];
	struct sip_writer w;

	if (!x)
		return;
	sip_write_begin(&w, buf, sizeof(buf));
	sip_write_rack(&w, m);
	r.fields = fields_done(&w);
	if (w.failed || request_send(x, &r) != 0)
		x->is_answered = true;
}

/* He may say the next one when he has the PRACK (§3), and that may be lost. */
static bool has_many_pracks(const struct pair *p)
{
	unsigned n = 0;

	list_for_each (it, &p->call->exchanges) {
		const struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		n += x->pair == p && x->method == SIP_PRACK && !x->is_answered;
	}
	return n >= PRACKS_MAX;
}

bool reliable_is_taken(struct pair *p, const struct sip_msg *m)
{
	struct end *e = &p->ends[CALL_CALLEE];
	struct sip_acknowledger next = e->acknowledger;
	enum sip_prack what = sip_acknowledger_take(&next, m);

	if (what == SIP_PRACK_SEND && has_many_pracks(p)) {
		count(p->call->calls, CALL_C_DROPPED_PROVISIONAL);
		return false; /* it comes again */
	}
	e->acknowledger = next;
	if (what == SIP_PRACK_SEND) {
		e->has_early_answer |= m->body.len > 0;
		send_prack(e, m);
	}
	return what == SIP_PRACK_NONE || what == SIP_PRACK_SEND;
}

/* ---- those to the caller ---- */

void reliable_read(struct call *c, const struct sip_msg *invite)
{
	const uint64_t bit = SIP_OPTION_BIT(SIP_OPTION_REL100);
	struct sip_tokens t;

	c->has_offer = invite->body.len > 0;
	c->wants_reliable = sip_options_of(invite, SIP_HEADER_REQUIRE, &t) == 0 && (t.known & bit);
	c->takes_reliable = c->has_offer && sip_options_of(invite, SIP_HEADER_SUPPORTED, &t) == 0 &&
			    (t.known & bit);
}

/* Always where he requires it, and else where it matters: for what says how media flow. */
static bool is_to_be(
	const struct exchange *x, unsigned status, const struct pair *p, size_t body_len)
{
	const struct call *c = x->call;

	return x == c->incoming && p && status > 100 && status < 200 &&
	       (c->wants_reliable || (c->takes_reliable && body_len > 0));
}

bool reliable_waits(
	const struct exchange *x, unsigned status, const struct pair *p, size_t body_len)
{
	const struct end *e = p ? &p->ends[CALL_CALLER] : NULL;

	if (x != x->call->incoming || !e || !e->reliable.is_waiting || status >= 300)
		return false;
	return status >= 200 ? e->provisional.body.content_len > 0
			     : is_to_be(x, status, p, body_len);
}

static void stop(struct end *e)
{
	e->reliable.is_waiting = false;
	wheel_cancel(e->pair->call->calls->config.wheel, &e->repeat);
	free(e->provisional.fields);
	free(e->provisional.body.at);
	e->provisional = (struct kept_reply){.status = 0};
}

void reliable_stop(struct pair *p)
{
	stop(&p->ends[CALL_CALLER]);
}

void reliable_stop_all(struct call *c, const struct pair *but)
{
	list_for_each (it, &c->pairs) {
		struct pair *p = CONTAINER_OF(it, struct pair, link);
		if (p != but)
			reliable_stop(p);
	}
}

bool reliable_write(
	struct exchange *x, struct sip_writer *w, struct transaction_reply *r, const struct pair *p)
{
	struct call *c = x->call;
	struct sip_reliable *s = &c->calls->reliable;
	uint32_t random;

	if (!is_to_be(x, r->status, p, r->content.len) || p->ends[CALL_CALLER].reliable.is_waiting)
		return false;
	*s = p->ends[CALL_CALLER].reliable;
	crypto_random(&random, sizeof(random));
	(void)sip_reliable_send(s, x->server_cseq, random, c->calls->config.clock->mono_ms);
	sip_write_options(w, SIP_HEADER_REQUIRE, SIP_OPTION_BIT(SIP_OPTION_REL100));
	sip_write_header_number(w, SIP_HEADER_RSEQ, s->rseq);
	/* Without an offer of his it would be one, and he would have to answer in his PRACK. */
	if (!c->has_offer)
		r->content_type = r->content = SIP_NONE;
	return true;
}

void reliable_sent(struct exchange *x, const struct transaction_reply *r, struct end *e)
{
	struct calls *l = x->call->calls;
	char *fields = malloc(r->fields.len + 1);

	if (!fields || body_keep(&e->provisional.body, r->content_type, r->content) != 0) {
		free(fields);
		return; /* it is not repeated, and nothing waits for it */
	}
	memcpy(fields, r->fields.at, r->fields.len);
	free(e->provisional.fields);
	e->provisional.fields = fields;
	e->provisional.fields_len = r->fields.len;
	e->provisional.status = r->status;
	e->reliable = l->reliable;
	wheel_set(l->config.wheel, &e->repeat, e->reliable.again_ms);
}

static void repeat(struct end *e)
{
	struct exchange *x = e->pair->call->incoming;
	const struct kept_reply *k = &e->provisional;
	const struct transaction_reply r = {.status = k->status,
		.to_tag = e->dialog.local_tag,
		.fields = sip_str_of(k->fields, k->fields_len),
		.content_type = body_type(&k->body),
		.content = body_content(&k->body)};

	if (x && x->server && !x->is_replied)
		(void)server_transaction_reply(x->server, &r);
}

static void on_repeat(struct wheel_timer *t, void *arg)
{
	struct end *e = CONTAINER_OF(t, struct end, repeat);
	struct call *c = e->pair->call;
	uint64_t due_ms;
	enum sip_reliable_act act =
		sip_reliable_act(&e->reliable, c->calls->config.clock->mono_ms, &due_ms);

	(void)arg;
	if (act == SIP_RELIABLE_GIVE_UP) {
		if (c->incoming)
			exchange_reply(c->incoming, 500, NULL, NULL);
		call_over(c, CALL_END_TIMEOUT, CALL_CALLER);
		return;
	}
	if (act == SIP_RELIABLE_REPEAT)
		repeat(e);
	if (due_ms != UINT64_MAX)
		wheel_set(c->calls->config.wheel, t, due_ms);
}

void reliable_init(struct end *e)
{
	wheel_timer_init(&e->repeat, on_repeat);
}

void reliable_acknowledged(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	static const struct transaction_reply ok = {.status = 200};
	struct call *c = e->pair->call;

	if (!sip_reliable_take(&e->reliable, m)) {
		refuse(c->calls, s, 481, CALL_C_REFUSED_NO_DIALOG);
		return;
	}
	e->has_early_answer |= e->provisional.body.content_len > 0;
	stop(e);
	if (m->body.len)
		refuse(c->calls, s, 488, CALL_C_REFUSED_METHOD); /* an offer: UPDATE is for that */
	else if (server_transaction_reply(s, &ok) != 0)
		server_transaction_leave(s);
	if (c->incoming)
		body_go_on(c->incoming);
}
