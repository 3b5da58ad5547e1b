/* SPDX-License-Identifier: BSD-3-Clause */
/* A request on its way from one side to the other, its responses, and its ACK. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "call_priv.h"

#define REASON_MAX 128

static bool is_of_the_call(const struct exchange *x)
{
	return x->peer != x;
}

/* ---- repeating a 2xx (RFC 3261 §13.3.1.4) ---- */

/* One side has accepted what the other will not have. */
static void come_to_nothing(struct exchange *x)
{
	exchange_send_ack(x);
	refresh_restore(x);
}

void exchange_give_up(struct exchange *x, unsigned status)
{
	if (x->client)
		(void)client_transaction_cancel(x->client, SIP_NONE); /* it ends by time */
	exchange_reply(x, status, NULL, NULL);
	if (x->owes_ack)
		come_to_nothing(x); /* the answer was on its way */
}

void exchange_await(struct exchange *x)
{
	struct calls *l = x->call->calls;

	if (x->method == SIP_INVITE)
		wheel_set(l->config.wheel, &x->repeat,
			l->config.clock->mono_ms + l->config.timers.ring_ms);
}

static void on_repeat(struct wheel_timer *t, void *arg)
{
	struct exchange *x = CONTAINER_OF(t, struct exchange, repeat);
	const struct calls *l = x->call->calls;
	unsigned t2_ms = transaction_timers_default.t2_ms;
	uint64_t now = l->config.clock->mono_ms, at;

	(void)arg;
	if (x->server && !x->is_replied) { /* a provisional response, and nothing more */
		x->why = CALL_C_REFUSED_RINGING;
		exchange_give_up(x, 408);
	}
	if (x->is_ours && x->client && !x->is_answered)
		(void)client_transaction_cancel(x->client, SIP_NONE); /* it ends by time */
	if (!x->server || !x->wants_ack)
		return;
	server_transaction_repeat(x->server);
	x->interval_ms = x->interval_ms * 2 < t2_ms ? x->interval_ms * 2 : t2_ms;
	at = t->at_ms + x->interval_ms;
	wheel_set(l->config.wheel, t, at > now ? at : now + x->interval_ms);
}

void exchange_accepted(struct exchange *x)
{
	struct calls *l = x->call->calls;

	x->wants_ack = true;
	x->interval_ms = transaction_timers_default.t1_ms;
	wheel_set(l->config.wheel, &x->repeat, l->config.clock->mono_ms + x->interval_ms);
}

/* ---- life ---- */

struct exchange *exchange_open(struct call *c, enum sip_method method, enum call_side from)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->call = c;
	x->method = method;
	x->from = from;
	x->ack_number = ++c->calls->n_tokens;
	wheel_timer_init(&x->repeat, on_repeat);
	list_init(&x->waiting);
	list_append(&c->exchanges, &x->link);
	c->n_exchanges++;
	return x;
}

void exchange_free(struct exchange *x)
{
	struct call *c = x->call;

	wheel_cancel(c->calls->config.wheel, &x->repeat);
	list_remove(&x->link);
	c->n_exchanges--;
	if (x->peer && x->peer != x)
		x->peer->peer = NULL;
	if (c->incoming == x)
		c->incoming = NULL;
	if (c->attempt == x)
		c->attempt = NULL;
	reliable_stop_of(x);
	body_forget(x);
	kept_free(c, x->ack_body.at);
	kept_free(c, x->kept);
	free(x->credentials);
	free(x);
}

bool exchange_is_done(const struct exchange *x)
{
	return !x->server && !x->client && !x->owes_ack && !x->is_virtual &&
	       list_is_empty(&x->waiting);
}

/* ---- the server half ---- */

static void on_cancelled(void *arg, struct server_transaction *s, const struct sip_msg *cancel)
{
	struct exchange *x = arg;

	(void)s;
	if (is_of_the_call(x)) {
		call_parted(x->call, cancel);
		call_over(x->call, CALL_END_CANCELLED, -1);
		return;
	}
	exchange_give_up(x, 487);
}

/* The ACK has not come: there is nobody. */
static void give_up_ack(struct exchange *x)
{
	struct end *e = &x->pair->ends[x->from];

	x->wants_ack = false;
	if (e->wants_bye)
		end_bye(e);
	call_over(x->call, CALL_END_TIMEOUT, -1);
}

/* X keeps the half that has ended until all is said, so that it stays. */
static void on_server_ended(void *arg, struct server_transaction *s, enum transaction_end why)
{
	struct exchange *x = arg;
	struct call *c = x->call;
	bool is_asking = !x->is_replied;
	bool is_cut_short = is_asking || why == TRANSACTION_UNSENT;

	(void)s;
	x->is_replied = true;
	wheel_cancel(c->calls->config.wheel, &x->repeat);
	if (x->wants_ack)
		give_up_ack(x);
	else if (is_cut_short && is_of_the_call(x))
		call_over(c, CALL_END_LOST, is_asking ? CALL_CALLER : -1);
	else if (is_asking)
		body_is_off(x); /* nobody hears an answer, and it would be in the way of the next */
	x->server = NULL;
	call_settle(c);
}

const struct server_events exchange_server_events = {on_cancelled, on_server_ended};

/* ---- the client half ---- */

static void on_response(void *arg, struct client_transaction *c, const struct sip_msg *m)
{
	struct exchange *x = arg;

	(void)c;
	if (m->status >= 300 && request_is_repeated(x, m))
		return;
	if (is_of_the_call(x))
		invite_response(x, m);
	else
		relay_response(x, m);
}

static void on_client_ended(void *arg, struct client_transaction *t, enum transaction_end why)
{
	struct exchange *x = arg;
	struct call *c = x->call;

	(void)t;
	if (!x->is_answered && is_of_the_call(x))
		invite_attempt_ended(x, why);
	else if (!x->is_answered)
		relay_client_ended(x, why);
	x->client = NULL;
	call_settle(c);
}

const struct client_events exchange_client_events = {on_response, on_client_ended};

/* ---- replies ---- */

static void write_reply(
	struct sip_writer *w, struct exchange *x, unsigned status, const struct sip_msg *m)
{
	struct calls *l = x->call->calls;
	enum call_side other = x->from == CALL_CALLER ? CALL_CALLEE : CALL_CALLER;
	bool is_refresh = x->method == SIP_INVITE || x->method == SIP_UPDATE;

	fields_begin(l, w);
	if (is_refresh && status > 100 && status < 300)
		fields_contact(l, w, server_transaction_hop(x->server));
	if (status == 405 || (x->method == SIP_INVITE && status >= 200 && status < 300))
		fields_allow(l, w, server_transaction_hop(x->server));
	if (is_refresh && status >= 200 && status < 300)
		refresh_write_reply(x, w);
	if (status == 503 && !m && x->call->lacks_room)
		sip_write_header_number(w, SIP_HEADER_RETRY_AFTER, l->config.retry_after_s);
	if (m)
		fields_pass(w, m, x->call, other);
	else if (status >= 300 && x->why) {
		count(l, x->why);
		refusal_write(w, x->why);
	}
}

static void tell_user(struct call *c, unsigned status, unsigned why)
{
	const struct call_user *u = &c->calls->config.user;

	if (u->told)
		u->told(u->arg, c, status, why);
}

/* Nothing but a final response ends an INVITE: what cannot be said is left to the layer, which ends
 * the transaction if it cannot say anything either. */
static void say(struct exchange *x, const struct transaction_reply *r, const struct sip_msg *m)
{
	int err = server_transaction_reply(x->server, r);

	if (r->status < 200)
		return;
	x->is_replied = true;
	wheel_cancel(x->call->calls->config.wheel, &x->repeat);
	reliable_stop_of(x);
	if (x == x->call->incoming)
		tell_user(x->call, r->status, m || r->status < 300 ? 0 : x->why);
	if (err == 0 && r->status < 300 && x->pair && x->peer)
		request_holds(x->peer);
	if (err == 0 && r->status < 300 && r->content.len && x->pair && body_describes(x))
		(void)body_keep(x->call, &x->pair->ends[x->from].said, r->content_type, r->content);
	if (err == 0 && x->method == SIP_INVITE && r->status < 300)
		exchange_accepted(x);
	if (err && err != -EALREADY) {
		server_transaction_leave(x->server);
		x->server = NULL;
	}
}

/* M, or one of ours if that is NULL, is not said. */
static void drop_provisional(struct exchange *x, struct pair *p, const struct sip_msg *m)
{
	count(x->call->calls, CALL_C_DROPPED_PROVISIONAL);
	if (m && p)
		reliable_prack(x, p, m);
}

/* B is what M has become, NULL without one; RC what its body has come to. */
static void reply_with(
	struct exchange *x, unsigned status, struct pair *p, const struct call_body *b, int rc)
{
	const struct sip_msg *m = b ? b->msg : NULL;
	struct transaction_reply r = {.status = status};
	char reason[REASON_MAX];
	struct sip_writer w;
	bool is_reliable;

	if (p)
		r.to_tag = p->ends[CALL_CALLER].dialog.local_tag;
	/* Ringing and refusals are what they are without a body too, an answer is none. */
	if (rc && status >= 200 && status < 300) {
		r.status = 488;
		x->why = CALL_C_REFUSED_DESCRIPTION;
		m = NULL;
	} else if (b && rc == 0) {
		r.content_type = b->type;
		r.content = b->content;
	}
	if (m && status == m->status && m->reason.len < sizeof(reason)) {
		(void)snprintf(reason, sizeof(reason), "%.*s", (int)m->reason.len, m->reason.at);
		r.reason = reason;
	}
	write_reply(&w, x, r.status, m);
	is_reliable = reliable_write(x, &w, &r, p, m);
	if (status < 200 && (w.failed || (x->wants_reliable && !is_reliable))) {
		drop_provisional(x, p, m);
		return;
	}
	if (w.failed) {
		r.status = 500;
		x->why = CALL_C_REFUSED_SIZE;
		r.reason = NULL;
		r.content_type = r.content = SIP_NONE;
	}
	r.fields = fields_done(&w);
	/* An offer that got no answer would be in the way of the next one. */
	if (r.status >= 300 || (x->method != SIP_INVITE && !x->answers && r.content.len == 0))
		body_is_off(x);
	if (is_reliable)
		reliable_sent(x, &r, p, m);
	else if (m && p)
		reliable_prack(x, p, m);
	say(x, &r, m);
}

/* The 2xx of an INVITE has been passed on, or whoever asked is gone, or was refused for its body.
 */
static void after_accepting(struct exchange *x)
{
	if (x->wants_ack)
		return;
	if (is_of_the_call(x))
		call_over(x->call, CALL_END_FAILED, CALL_CALLER);
	else if (x->is_ours)
		exchange_send_ack(x);
	else
		come_to_nothing(x);
}

static void reply_now(
	struct exchange *x, unsigned status, struct pair *p, const struct call_body *b, int rc)
{
	if (x->server && !x->is_replied)
		reply_with(x, status, p, b, rc);
	else if (status >= 300)
		body_is_off(x);
	if (b && x->method == SIP_INVITE && status >= 200 && status < 300)
		after_accepting(x);
}

/* His early dialog is over, or somebody else has answered: no PRACK would come. */
static bool is_past(const struct call *c, const struct pair *p)
{
	return p && (p->is_dropped || (c->pair && c->pair != p));
}

static void go_on_replying(struct exchange *x, const struct waiting *w, const struct call_body *b)
{
	if (w->status < 200 && is_past(x->call, w->pair)) {
		count(x->call->calls, CALL_C_DROPPED_PROVISIONAL);
		return;
	}
	reply_now(x, w->status, w->pair, b, w->rc);
}

void exchange_reply(struct exchange *x, unsigned status, const struct sip_msg *m, struct pair *p)
{
	enum call_side side = x->from == CALL_CALLER ? CALL_CALLEE : CALL_CALLER;
	struct waiting how = {.go_on = go_on_replying, .status = status};
	struct call_body b = {.msg = m};
	int rc = 0;

	if (x->is_virtual) {
		transfer_reply(x, status, m, p);
		return;
	}
	if (status >= 300)
		body_forget(x);
	if (!p)
		p = x->pair;
	how.pair = p;
	if (status < 200 && body_is_full(x)) {
		drop_provisional(x, p, m);
		return;
	}
	if (m && x->server && !x->is_replied)
		rc = body_ask(x, side, p, NULL, &b);
	if (m && (rc == CALL_BODY_LATER || !list_is_empty(&x->waiting) ||
			 reliable_waits(x, status, p, b.content.len))) {
		rc = body_wait(x, &b, rc, &how);
		if (rc == 0)
			return;
	}
	reply_now(x, status, p, m ? &b : NULL, rc);
}

/* ---- ACK ---- */

/* With the exchange Y, whose ACK it goes with. */
static int keep_ack_body(struct exchange *y, const struct call_body *b)
{
	return b->content.len ? body_keep(y->call, &y->ack_body, b->type, b->content) : 0;
}

static void go_on_acknowledging(
	struct exchange *y, const struct waiting *w, const struct call_body *b)
{
	int err = w->rc ? w->rc : keep_ack_body(y, b);

	if (!y->owes_ack)
		return;
	exchange_send_ack(y);
	if (err)
		call_over(y->call, CALL_END_FAILED, -1);
}

/* What M, an ACK from FROM, says to the other side, to which Y owes one: now or later. */
static int acknowledge(struct exchange *y, enum call_side from, const struct sip_msg *m)
{
	static const struct waiting how = {.go_on = go_on_acknowledging};
	struct call_body b = {.msg = m};
	int err = body_ask(y, from, NULL, NULL, &b);

	if (err == CALL_BODY_LATER) {
		err = body_wait(y, &b, err, &how);
		if (err == 0)
			return 0;
	}
	if (err == 0)
		err = keep_ack_body(y, &b);
	if (m->body.len == 0)
		body_is_off(y); /* a late offer that has no answer; others have theirs */
	exchange_send_ack(y);
	return err;
}

/* An answer that cannot be passed leaves the other side without a session: there is no call. */
void exchange_ack_came(struct exchange *x, const struct sip_msg *m)
{
	struct exchange *y = x->peer;
	struct call *c = x->call;
	struct end *e = &x->pair->ends[x->from];
	int err = 0;

	if (!x->wants_ack)
		return;
	x->wants_ack = false;
	wheel_cancel(c->calls->config.wheel, &x->repeat);
	if (y && y->owes_ack)
		err = acknowledge(y, x->from, m);
	if (e->wants_bye)
		end_bye(e);
	if (err && !c->is_over)
		call_over(c, CALL_END_FAILED, -1);
	else
		call_settle(c);
}
