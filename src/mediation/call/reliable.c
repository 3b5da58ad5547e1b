/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reliable provisional responses (RFC 3262). One that is passed on reliably is acknowledged when
 * the other side does so, because its PRACK may bring an answer, or another offer. The rest we
 * acknowledge ourselves; what we have sent reliably is repeated until PRACK.
 */
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "call_priv.h"

#define PRACKS_MAX 4 /* of ours to one side, without answer */

/* ---- what INVITEs say of them ---- */

void reliable_read(struct exchange *x, const struct sip_msg *invite)
{
	const uint64_t bit = SIP_OPTION_BIT(SIP_OPTION_REL100);
	struct sip_tokens t;

	x->has_offer = invite->body.len > 0;
	x->wants_reliable = sip_options_of(invite, SIP_HEADER_REQUIRE, &t) == 0 && (t.known & bit);
	x->takes_reliable =
		sip_options_of(invite, SIP_HEADER_SUPPORTED, &t) == 0 && (t.known & bit);
}

/* Without an offer of ours his reliable responses bring one, which PRACK must answer: so somebody
 * must be there who does. */
bool reliable_is_offered(const struct exchange *x, bool has_offer)
{
	const struct exchange *asked = x->pair ? x : x->call->incoming;

	if (x->is_ours)
		return false;
	return has_offer || (asked && (asked->wants_reliable || asked->takes_reliable));
}

/* ---- those that come ---- */

static struct acknowledged acknowledged_by(const struct sip_msg *m)
{
	struct acknowledged a = {.cseq = m->cseq};
	struct sip_acknowledger fresh = {0};

	if (sip_acknowledger_take(&fresh, m) == SIP_PRACK_SEND)
		a.rseq = fresh.rseq;
	return a;
}

void reliable_prack_for(struct end *e, struct acknowledged what)
{
	struct transaction_request r = {.method = SIP_PRACK};
	struct exchange *x = request_of_ours(e, SIP_PRACK);

	if (!x)
		return;
	x->acknowledges = what;
	if (request_send(x, &r) != 0)
		x->is_answered = true;
}

void reliable_prack(const struct exchange *x, struct pair *p, const struct sip_msg *m)
{
	struct acknowledged what = acknowledged_by(m);

	if (what.rseq != 0)
		reliable_prack_for(end_across(p, x->from), what);
}

/* He may say the next one when he has the PRACK (§3), and that may be lost. */
static bool has_many_pracks(const struct end *e)
{
	unsigned n = 0;

	list_for_each (it, &e->pair->call->exchanges) {
		const struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		n += x->pair == e->pair && x->from != e->side && x->method == SIP_PRACK &&
		     !x->is_answered;
	}
	return n >= PRACKS_MAX;
}

bool reliable_is_taken(const struct exchange *x, struct pair *p, const struct sip_msg *m)
{
	struct end *e = end_across(p, x->from);
	struct sip_acknowledger next = e->acknowledger;
	enum sip_prack what = sip_acknowledger_take(&next, m);

	if (what == SIP_PRACK_SEND && has_many_pracks(e)) {
		count(p->call->calls, CALL_C_DROPPED_PROVISIONAL);
		return false; /* it comes again */
	}
	e->acknowledger = next;
	e->has_early_answer |= what == SIP_PRACK_SEND && m->body.len > 0;
	return what == SIP_PRACK_NONE || what == SIP_PRACK_SEND;
}

/* ---- those that are sent ---- */

/* Always where he requires it, and else where it matters: for what says how media flow. The first
 * one has the offer if his INVITE has none (RFC 3261 §13.2.1): the other side's, who then waits for
 * the answer in PRACK. */
static bool is_to_be(const struct exchange *x, unsigned status, const struct pair *p,
	const struct sip_msg *m, size_t body_len)
{
	if (x->method != SIP_INVITE || !p || !m || status <= 100 || status >= 200)
		return false;
	if (!x->has_offer && (body_len == 0 || acknowledged_by(m).rseq == 0))
		return false;
	return x->wants_reliable || (x->takes_reliable && body_len > 0);
}

bool reliable_waits(
	const struct exchange *x, unsigned status, const struct pair *p, size_t body_len)
{
	const struct end *e = p ? &p->ends[x->from] : NULL;

	if (!e || e->inviting != x || status >= 300)
		return false;
	if (status >= 200)
		return e->provisional.body.content_len > 0;
	return x->wants_reliable || (x->takes_reliable && body_len > 0);
}

/* It is not repeated any more. */
static void let_be(struct end *e)
{
	e->inviting = NULL;
	wheel_cancel(e->pair->call->calls->config.wheel, &e->repeat);
	kept_free(e->pair->call, e->provisional.fields);
	kept_free(e->pair->call, e->provisional.body.at);
	e->provisional = (struct kept_reply){.status = 0};
}

static void stop(struct end *e)
{
	e->reliable.is_waiting = false;
	let_be(e);
}

void reliable_stop(struct pair *p)
{
	stop(&p->ends[CALL_CALLER]);
	stop(&p->ends[CALL_CALLEE]);
}

void reliable_stop_all(struct call *c, const struct pair *but)
{
	list_for_each (it, &c->pairs) {
		struct pair *p = CONTAINER_OF(it, struct pair, link);
		if (p != but)
			reliable_stop(p);
	}
}

/* §3: the PRACK may be on its way. */
void reliable_stop_of(const struct exchange *x)
{
	list_for_each (it, &x->call->pairs) {
		struct end *e = &CONTAINER_OF(it, struct pair, link)->ends[x->from];
		if (e->inviting == x)
			let_be(e);
	}
}

/* §3: the numbers begin anew with each INVITE. */
bool reliable_write(struct exchange *x, struct sip_writer *w, const struct transaction_reply *r,
	const struct pair *p, const struct sip_msg *m)
{
	struct calls *l = x->call->calls;
	struct sip_reliable *s = &l->reliable;
	uint32_t random;

	if (!is_to_be(x, r->status, p, m, r->content.len) || p->ends[x->from].inviting)
		return false;
	*s = p->ends[x->from].reliable;
	if (s->cseq != x->server_cseq)
		*s = (struct sip_reliable){.rseq = 0};
	crypto_random(&random, sizeof(random));
	(void)sip_reliable_send(s, x->server_cseq, random, l->config.clock->mono_ms);
	sip_write_options(w, SIP_HEADER_REQUIRE, SIP_OPTION_BIT(SIP_OPTION_REL100));
	sip_write_header_number(w, SIP_HEADER_RSEQ, s->rseq);
	return true;
}

void reliable_sent(struct exchange *x, const struct transaction_reply *r, struct pair *p,
	const struct sip_msg *m)
{
	struct calls *l = x->call->calls;
	struct end *e = &p->ends[x->from];
	char *fields = kept_alloc(x->call, r->fields.len + 1);

	if (!fields || body_keep(x->call, &e->provisional.body, r->content_type, r->content) != 0) {
		kept_free(x->call, fields);
		reliable_prack(x, p, m);
		return; /* it is not repeated, and nothing waits for it */
	}
	memcpy(fields, r->fields.at, r->fields.len);
	kept_free(x->call, e->provisional.fields);
	e->provisional.fields = fields;
	e->provisional.fields_len = r->fields.len;
	e->provisional.status = r->status;
	e->provisional.theirs = acknowledged_by(m);
	e->reliable = l->reliable;
	e->inviting = x;
	wheel_set(l->config.wheel, &e->repeat, e->reliable.again_ms);
}

static void repeat(struct end *e)
{
	struct exchange *x = e->inviting;
	const struct kept_reply *k = &e->provisional;
	const struct transaction_reply r = {.status = k->status,
		.to_tag = e->dialog.local_tag,
		.fields = sip_str_of(k->fields, k->fields_len),
		.content_type = body_type(&k->body),
		.content = body_content(&k->body)};

	if (x->server && !x->is_replied)
		(void)server_transaction_reply(x->server, &r);
}

void reliable_give_up(struct exchange *x, unsigned status, enum call_end why)
{
	struct call *c = x->call;

	x->why = status == 488 ? CALL_C_REFUSED_DESCRIPTION : CALL_C_REFUSED_NO_PRACK;
	if (x == c->incoming) {
		exchange_reply(x, status, NULL, NULL);
		call_over(c, why, CALL_CALLER);
		return;
	}
	exchange_give_up(x, status);
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
		reliable_give_up(e->inviting, 500, CALL_END_TIMEOUT);
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

/* ---- PRACK ---- */

/* What was said on our own account is answered so, too; nobody is there to answer an offer. */
static void answer_prack(struct calls *l, struct server_transaction *s, const struct sip_msg *m)
{
	static const struct transaction_reply ok = {.status = 200};

	if (m->body.len)
		refuse(l, s, 488, CALL_C_REFUSED_METHOD);
	else if (server_transaction_reply(s, &ok) != 0)
		server_transaction_leave(s);
}

void reliable_acknowledged(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	struct exchange *x = e->inviting;
	struct call *c = e->pair->call;
	struct acknowledged theirs = e->provisional.theirs;

	if (!sip_reliable_take(&e->reliable, m)) {
		refuse(c->calls, s, 481, CALL_C_REFUSED_NO_DIALOG);
		return;
	}
	if (!x) { /* the final response was faster */
		answer_prack(c->calls, s, m);
		return;
	}
	e->has_early_answer |= e->provisional.body.content_len > 0;
	stop(e);
	c->is_held = true; /* a PRACK that cannot go on may end the call */
	if (theirs.rseq != 0)
		relay_prack(e, s, m, theirs, x->has_offer ? 0 : body_number(x));
	else
		answer_prack(c->calls, s, m);
	c->is_held = false;
	body_go_on(x);
}
