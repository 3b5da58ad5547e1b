/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sides of other calls that go on in one. The call works on a copy of such a side's dialog: it is
 * asked by a re-INVITE to go on with the call's media, and is found where it was until all have
 * accepted. Then the copies are the dialogs, and the calls that the sides come from end.
 */
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "call_priv.h"

#define TRIES_MAX 6 /* that meet another INVITE (RFC 3261 §14.1) */

void join_want(struct call *c, enum call_side side, struct end *old)
{
	struct join *j = &c->joins[side];

	j->state = JOIN_WANTED;
	j->old = old;
	old->join = j;
}

bool join_is_wanted(const struct call *c, enum call_side side)
{
	return c->joins[side].state != JOIN_NONE;
}

bool join_is_awaited(const struct call *c)
{
	return join_is_wanted(c, CALL_CALLER) || join_is_wanted(c, CALL_CALLEE);
}

bool join_holds(const struct end *e)
{
	return e->join && e->join->state >= JOIN_ASKED;
}

/* E is to go on elsewhere, and is here until it does. */
static bool is_leaving(const struct end *e)
{
	return e->join && e->join->old == e && !e->join->call->is_over;
}

bool join_outlives(struct end *e)
{
	struct call *c = e->pair->call;

	if (c->pair != e->pair || !is_leaving(end_across(e->pair, e->side)))
		return false;
	e->is_gone = true;
	wheel_cancel(c->calls->config.wheel, &e->refresh);
	return true;
}

/* ---- copies ---- */

static int copy(struct join *j, struct end *e)
{
	struct calls *l = j->call->calls;
	struct end *old = j->old;
	struct sip_dialog dialog;

	if (sip_dialog_copy(&dialog, &old->dialog) != 0)
		return -ENOMEM;
	sip_dialogs_remove(&l->dialogs, &e->dialog);
	sip_dialog_fini(&e->dialog);
	e->dialog = dialog;
	e->hop = old->hop;
	e->session = old->session;
	e->takes_update = old->takes_update;
	e->takes_refer = old->takes_refer;
	e->is_gone = true;
	e->join = j;
	j->copy = e;
	return 0;
}

void join_count(const struct end *e)
{
	const struct join *j = e->join;

	if (j && j->copy)
		j->old->dialog.local_cseq = j->copy->dialog.local_cseq = e->dialog.local_cseq;
}

void join_part(struct join *j)
{
	j->state = JOIN_NONE;
	j->old->join = NULL;
	if (j->copy)
		j->copy->join = NULL;
	j->copy = NULL;
}

void join_unlink(struct end *e)
{
	if (e->join)
		join_part(e->join);
}

/* ---- asking ---- */

void join_fail(struct call *c, unsigned status)
{
	c->outcome = status;
	call_over(c, CALL_END_FAILED, -1);
}

/* Of whoever's it is that is in the way (RFC 3261 §14.1). */
static void wait_for_end(struct join *j)
{
	struct calls *l = j->call->calls;
	uint32_t random;

	crypto_random(&random, sizeof(random));
	wheel_set(l->config.wheel, &j->again,
		l->config.clock->mono_ms + 10 +
			sip_glare_wait_ms(j->old->dialog.is_call_id_ours, random));
}

static int send_invite(struct exchange *x, struct end *e, const struct call_body *b)
{
	struct calls *l = x->call->calls;
	struct transaction_request r = {
		.method = SIP_INVITE, .content_type = b->type, .content = b->content};
	struct sip_writer w;

	fields_begin(l, &w);
	fields_contact(l, &w, &e->hop);
	fields_allow(l, &w, &e->hop);
	if (w.failed)
		return ERR_TOO_LARGE;
	r.fields = fields_done(&w);
	return request_send(x, &r);
}

/* By X, from now on until it has its final answer. */
static void begin_asking(struct join *j, struct exchange *x)
{
	x->is_joining = true;
	x->joining = j;
	j->state = JOIN_ASKED;
}

/* ---- the callee's side, which is asked as any attempt is made ---- */

/* What C's caller is told: RC is of the body or, where that is 0, ERR of what was sent with it. */
static unsigned refusal(struct call *c, int rc, int err)
{
	unsigned why = rc ? refusal_of_body(rc) : refusal_of_error(err);

	c->incoming->why = why;
	return why == CALL_C_REFUSED_DESCRIPTION || why == CALL_C_REFUSED_SIZE ? 488 : 503;
}

static void go_on_asking(struct exchange *x, const struct waiting *w, const struct call_body *b)
{
	struct call *c = x->call;
	int err;

	if (!invite_waits_for(c, x))
		return;
	err = w->rc ? w->rc : send_invite(x, &x->pair->ends[CALL_CALLEE], b);
	if (err == 0) {
		attempt_timer(c, c->calls->config.timers.ring_ms);
		return;
	}
	c->attempt = NULL;
	invite_fail(c, refusal(c, w->rc, err), NULL);
}

/* 0, or the status that refuses it. */
static unsigned ask_with_body(struct exchange *x, const struct sip_msg *invite, struct end *old)
{
	static const struct waiting how = {.go_on = go_on_asking};
	struct call_route route = {.hop = old->hop};
	struct call_body b = {.msg = invite,
		.is_ours = x->call->incoming->is_virtual,
		.goes_on = old->pair->call,
		.whose = old->side};
	int rc = body_ask(x, CALL_CALLER, NULL, &route, &b), err = 0;

	if (rc == CALL_BODY_LATER)
		rc = body_wait(x, &b, rc, &how);
	else if (rc == 0)
		err = send_invite(x, &x->pair->ends[CALL_CALLEE], &b);
	return rc || err ? refusal(x->call, rc, err) : 0;
}

/* The one that was made when he was asked before. */
static struct pair *pair_again(struct join *j, const struct exchange *x)
{
	struct pair *p = j->copy->pair;

	p->attempt = x->ack_number;
	return p;
}

static unsigned ask_callee(struct join *j, const struct sip_msg *invite)
{
	struct call *c = j->call;
	struct end *old = j->old;
	struct exchange *x = exchange_open(c, SIP_INVITE, CALL_CALLER);
	unsigned status;

	c->incoming->why = CALL_C_REFUSED_MEMORY;
	if (!x)
		return 503;
	x->pair = j->copy ? pair_again(j, x) : pair_for(c, x);
	if (!x->pair || copy(j, &x->pair->ends[CALL_CALLEE]) != 0) {
		exchange_free(x);
		return 503;
	}
	begin_asking(j, x);
	c->attempt = x;
	x->session = old->session;
	call_meet(c, CALL_CALLEE, &old->hop);
	c->callee = x->ack_number;
	status = ask_with_body(x, invite, old);
	if (status) {
		exchange_free(x);
		return status;
	}
	c->incoming->why = 0;
	attempt_timer(c, c->calls->config.timers.ring_ms);
	return 0;
}

unsigned join_ask_callee(struct call *c, const struct sip_msg *invite)
{
	struct join *j = &c->joins[CALL_CALLEE];

	if (j->n_tries++ >= TRIES_MAX)
		return 491;
	if (!relay_has_open_offer(j->old->pair->call))
		return ask_callee(j, invite);
	wait_for_end(j);
	return 0;
}

static void ask_callee_again(struct call *c)
{
	struct sip_msg invite;
	unsigned status = 500;

	if (sip_msg_decode(c->invite, c->invite_len, SIP_DATAGRAM, &invite) == SIP_FINE)
		status = join_ask_callee(c, &invite);
	if (status)
		invite_fail(c, status, NULL);
}

void join_refused(struct call *c, const struct call_failure *f)
{
	struct join *j = &c->joins[CALL_CALLEE];
	unsigned status = f->response ? status_pass(f->response->status) : 408;

	if (status == 491) {
		wheel_cancel(c->calls->config.wheel, &c->timer);
		wait_for_end(j);
	} else if (status == 481 || f->kind == CALL_FAILED_SILENT) {
		call_over(j->old->pair->call, CALL_END_LOST, (int)j->old->side); /* C with it */
	} else {
		invite_fail(c, status, NULL);
	}
}

/* ---- the caller's side ---- */

/* The hooks of bodies want a message: it has nothing in it, for the offer is ours. */
static int ask_caller(struct join *j)
{
	const struct sip_msg none = {.is_request = true, .method = SIP_INVITE};
	struct call_body b = {.msg = &none,
		.is_ours = true,
		.goes_on = j->old->pair->call,
		.whose = j->old->side};
	struct exchange *x = request_of_ours(j->copy, SIP_INVITE);
	int err;

	if (!x)
		return -ENOMEM;
	begin_asking(j, x);
	exchange_await(x);
	err = body_ask(x, x->from, NULL, NULL, &b);
	if (err == 0)
		err = send_invite(x, j->copy, &b);
	if (err)
		x->is_answered = true;
	return err ? ERR_DENIED : 0;
}

void join_ask_caller(struct call *c)
{
	struct join *j = &c->joins[CALL_CALLER];

	if (j->n_tries++ >= TRIES_MAX)
		join_fail(c, 491);
	else if (relay_has_open_offer(j->old->pair->call))
		wait_for_end(j);
	else if (copy(j, &c->pair->ends[CALL_CALLER]) != 0 || ask_caller(j) != 0)
		join_fail(c, 503);
}

static void on_again(struct wheel_timer *t, void *arg)
{
	struct join *j = CONTAINER_OF(t, struct join, again);

	(void)arg;
	if (j == &j->call->joins[CALL_CALLEE])
		ask_callee_again(j->call);
	else
		join_ask_caller(j->call);
}

void join_init(struct call *c)
{
	for (int side = 0; side < 2; side++) {
		c->joins[side].call = c;
		wheel_timer_init(&c->joins[side].again, on_again);
	}
}

void join_fini(struct call *c)
{
	for (int side = 0; side < 2; side++) {
		wheel_cancel(c->calls->config.wheel, &c->joins[side].again);
		if (join_is_wanted(c, side))
			join_part(&c->joins[side]);
	}
}

/* ---- what the caller's side answers ---- */

/* His answer is to our own offer. */
static void accepted(struct exchange *x, const struct sip_msg *m)
{
	struct call *c = x->call;
	struct call_body b = {.msg = m};
	int err = body_ask(x, x->from == CALL_CALLER ? CALL_CALLEE : CALL_CALLER, NULL, NULL, &b);

	exchange_send_ack(x);
	if (err)
		join_fail(c, 488);
	else if (!c->is_over)
		join_finish(c);
}

/* RFC 3261 §12.2.1.2: he does not know his dialog any more, in the old call neither. */
static void lose(struct call *c)
{
	const struct end *old = c->joins[CALL_CALLER].old;

	call_over(old->pair->call, CALL_END_LOST, (int)old->side);
}

void join_response(struct exchange *x, const struct sip_msg *m)
{
	struct call *c = x->call;

	join_heard(x, m ? m->status : 0);
	if (c->is_over || !join_is_wanted(c, CALL_CALLER)) {
		if (x->owes_ack)
			exchange_send_ack(x);
	} else if (m && m->status < 300) {
		accepted(x, m);
	} else if (m && m->status == 491) {
		wait_for_end(&c->joins[CALL_CALLER]);
	} else if (!m || m->status == 481 || m->status == 408) {
		lose(c);
	} else {
		join_fail(c, 488);
	}
}

/* ---- ends ---- */

/* Nothing comes of J. The one at the other side of the old call may have left, and there is nobody
 * then. Who has accepted, as far as anybody knows, hears the old again. */
static void leave(struct join *j, bool may_have_accepted)
{
	struct end *old = j->old;
	const struct end *other = end_across(old->pair, old->side);

	join_part(j);
	if (other->is_gone && !old->pair->call->is_over)
		call_over(old->pair->call,
			other->side == CALL_CALLER ? CALL_END_CALLER : CALL_END_CALLEE,
			(int)other->side);
	else if (may_have_accepted)
		refresh_say_again(old);
}

void join_heard(struct exchange *x, unsigned status)
{
	struct join *j = x->joining;

	if (!j)
		return;
	x->joining = NULL;
	if (j->state != JOIN_ASKED)
		return;
	j->state = status >= 200 && status < 300 ? JOIN_ACCEPTED : JOIN_WANTED;
	if (j->call->is_over)
		leave(j, status < 300);
}

/* No INVITE of his dialog may begin before that one has its final answer (RFC 3261 §14.1). */
static bool is_unanswered(const struct join *j)
{
	list_for_each (it, &j->call->exchanges) {
		const struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		if (x->joining == j && x->client)
			return true;
	}
	return false;
}

void join_forget(struct call *c)
{
	for (int side = 0; side < 2; side++) {
		struct join *j = &c->joins[side];
		wheel_cancel(c->calls->config.wheel, &j->again);
		if (join_is_wanted(c, side) && !(j->state == JOIN_ASKED && is_unanswered(j)))
			leave(j, j->state == JOIN_ACCEPTED);
	}
}

void join_lose(struct call *c)
{
	for (int side = 0; c->pair && side < 2; side++) {
		if (is_leaving(&c->pair->ends[side]))
			call_over(c->pair->ends[side].join->call, CALL_END_CANCELLED, -1);
	}
}
