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

static void on_repeat(struct wheel_timer *t, void *arg)
{
	struct exchange *x = CONTAINER_OF(t, struct exchange, repeat);
	unsigned t2_ms = transaction_timers_default.t2_ms;

	(void)arg;
	if (!x->server || !x->wants_ack)
		return;
	server_transaction_repeat(x->server);
	x->interval_ms = x->interval_ms * 2 < t2_ms ? x->interval_ms * 2 : t2_ms;
	wheel_set(x->call->calls->config.wheel, t, t->at_ms + x->interval_ms);
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
	list_append(&c->exchanges, &x->link);
	return x;
}

void exchange_free(struct exchange *x)
{
	struct call *c = x->call;

	wheel_cancel(c->calls->config.wheel, &x->repeat);
	list_remove(&x->link);
	if (x->peer && x->peer != x)
		x->peer->peer = NULL;
	if (c->incoming == x)
		c->incoming = NULL;
	if (c->attempt == x)
		c->attempt = NULL;
	free(x->ack_body);
	free(x);
}

bool exchange_is_done(const struct exchange *x)
{
	return !x->server && !x->client && !x->owes_ack;
}

/* ---- the server half ---- */

static void on_cancelled(void *arg, struct server_transaction *s, const struct sip_msg *cancel)
{
	struct exchange *x = arg;

	(void)s;
	(void)cancel;
	if (is_of_the_call(x)) {
		call_over(x->call, CALL_END_CANCELLED, -1);
		return;
	}
	if (x->client)
		(void)client_transaction_cancel(x->client, SIP_NONE); /* it ends by time */
	exchange_reply(x, 487, NULL, SIP_NONE);
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
	bool is_cut_short = !x->is_replied || why == TRANSACTION_UNSENT;

	(void)s;
	x->is_replied = true;
	wheel_cancel(c->calls->config.wheel, &x->repeat);
	if (x->wants_ack)
		give_up_ack(x);
	else if (is_cut_short && is_of_the_call(x))
		call_over(c, CALL_END_LOST, -1);
	x->server = NULL;
	call_settle(c);
}

const struct server_events exchange_server_events = {on_cancelled, on_server_ended};

/* ---- the client half ---- */

static void on_response(void *arg, struct client_transaction *c, const struct sip_msg *m)
{
	struct exchange *x = arg;

	(void)c;
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
		fields_allow(w);
	if (m)
		fields_pass(w, m, x->call, other);
}

/* Nothing but a final response ends an INVITE: what cannot be said is left to the layer, which ends
 * the transaction if it cannot say anything either. */
static void say(struct exchange *x, const struct transaction_reply *r)
{
	int err = server_transaction_reply(x->server, r);

	if (r->status < 200)
		return;
	x->is_replied = true;
	if (err == 0 && x->method == SIP_INVITE && r->status < 300)
		exchange_accepted(x);
	if (err && err != -EALREADY) {
		server_transaction_leave(x->server);
		x->server = NULL;
	}
}

void exchange_reply(
	struct exchange *x, unsigned status, const struct sip_msg *m, struct sip_str to_tag)
{
	enum call_side side = x->from == CALL_CALLER ? CALL_CALLEE : CALL_CALLER;
	struct transaction_reply r = {.status = status, .to_tag = to_tag};
	char reason[REASON_MAX];
	struct sip_writer w;

	if (!x->server || x->is_replied)
		return;
	if (m && body_pass(x->call, side, m, &r.content_type, &r.content) != 0) {
		r.content_type = r.content = SIP_NONE;
		/* Ringing and refusals are what they are without a body too, an answer is none. */
		if (status >= 200 && status < 300) {
			r.status = 488;
			m = NULL;
		}
	}
	if (m && status == m->status && m->reason.len < sizeof(reason)) {
		(void)snprintf(reason, sizeof(reason), "%.*s", (int)m->reason.len, m->reason.at);
		r.reason = reason;
	}
	write_reply(&w, x, r.status, m);
	if (w.failed && status < 200)
		return;
	if (w.failed) {
		r.status = 500;
		r.reason = NULL;
		r.content_type = r.content = SIP_NONE;
	}
	r.fields = fields_done(&w);
	say(x, &r);
}

/* ---- ACK ---- */

/* Keeps what M's body is to the other side with the exchange Y, whose ACK it goes with. */
static int keep_ack_body(struct exchange *y, enum call_side from, const struct sip_msg *m)
{
	struct sip_str type, content;
	int err = body_pass(y->call, from, m, &type, &content);

	if (err || content.len == 0)
		return err;
	y->ack_body = malloc((size_t)type.len + content.len);
	if (!y->ack_body)
		return -ENOMEM;
	if (type.len)
		memcpy(y->ack_body, type.at, type.len);
	memcpy(y->ack_body + type.len, content.at, content.len);
	y->ack_type_len = type.len;
	y->ack_len = content.len;
	return 0;
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
	if (y && y->owes_ack) {
		err = keep_ack_body(y, x->from, m);
		exchange_send_ack(y);
	}
	if (e->wants_bye)
		end_bye(e);
	if (err && !c->is_over)
		call_over(c, CALL_END_FAILED, -1);
	else
		call_settle(c);
}
