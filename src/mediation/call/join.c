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
	c->joins[side] = old;
	old->wanted_by = c;
}

bool join_is_awaited(const struct call *c)
{
	return c->joins[CALL_CALLER] || c->joins[CALL_CALLEE];
}

/* ---- copies ---- */

static int copy(struct end *e, struct end *old)
{
	struct calls *l = e->pair->call->calls;
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
	e->is_copy = e->is_gone = true;
	e->twin = old;
	old->twin = e;
	return 0;
}

/* He has not accepted: there is nothing that he would have to be told again. */
static void untwin(struct end *old)
{
	if (old->twin)
		old->twin->twin = NULL;
	old->twin = NULL;
}

static void part(struct end *old)
{
	untwin(old);
	old->wanted_by = NULL;
}

/* ---- asking ---- */

static void fail(struct call *c, unsigned status)
{
	c->outcome = status;
	call_over(c, CALL_END_FAILED, -1);
}

static void wait_for_end(struct call *c)
{
	uint32_t random;

	crypto_random(&random, sizeof(random));
	wheel_set(c->calls->config.wheel, &c->join,
		c->calls->config.clock->mono_ms + 10 + sip_glare_wait_ms(false, random));
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

/* The hooks of bodies want a message: it has nothing in it, for the offer is ours. */
static int ask(struct end *e, const struct end *old)
{
	const struct sip_msg none = {.is_request = true, .method = SIP_INVITE};
	struct call_body b = {
		.msg = &none, .is_ours = true, .goes_on = old->pair->call, .whose = old->side};
	struct exchange *x = request_of_ours(e, SIP_INVITE);
	int err;

	if (!x)
		return -ENOMEM;
	x->is_joining = true;
	exchange_await(x);
	err = body_ask(x, x->from, NULL, NULL, &b);
	if (err == 0)
		err = send_invite(x, e, &b);
	if (err)
		x->is_answered = true;
	return err ? ERR_DENIED : 0;
}

/* ---- the callee's side, which is asked as any attempt is made ---- */

static void go_on_asking(struct exchange *x, const struct waiting *w, const struct call_body *b)
{
	struct call *c = x->call;

	if (!invite_waits_for(c, x))
		return;
	if (w->rc == 0 && send_invite(x, &x->pair->ends[CALL_CALLEE], b) == 0) {
		attempt_timer(c, c->calls->config.timers.ring_ms);
		return;
	}
	c->attempt = NULL;
	invite_fail(c, w->rc == ERR_FULL ? 503 : 488, NULL);
}

static int ask_for_body(struct exchange *x, const struct sip_msg *invite, struct end *old)
{
	static const struct waiting how = {.go_on = go_on_asking};
	struct call_route route = {.hop = old->hop};
	struct call_body b = {.msg = invite,
		.is_ours = x->call->incoming->is_virtual,
		.goes_on = old->pair->call,
		.whose = old->side};
	int err = body_ask(x, CALL_CALLER, NULL, &route, &b);

	if (err == CALL_BODY_LATER)
		return body_wait(x, &b, err, &how);
	return err ? err : send_invite(x, &x->pair->ends[CALL_CALLEE], &b);
}

unsigned join_ask_callee(struct call *c, const struct sip_msg *invite)
{
	struct end *old = c->joins[CALL_CALLEE];
	struct exchange *x = exchange_open(c, SIP_INVITE, CALL_CALLER);
	int err;

	if (!x)
		return 503;
	x->pair = pair_for(c, x);
	if (!x->pair || copy(&x->pair->ends[CALL_CALLEE], old) != 0) {
		exchange_free(x);
		return 503;
	}
	c->attempt = x;
	x->is_joining = true;
	x->session = old->session;
	call_meet(c, CALL_CALLEE, &old->hop);
	c->callee = x->ack_number;
	err = ask_for_body(x, invite, old);
	if (err) {
		untwin(old);
		exchange_free(x);
		return err == ERR_FULL || err == -ENOMEM ? 503 : 488;
	}
	attempt_timer(c, c->calls->config.timers.ring_ms);
	return 0;
}

void join_refused(struct call *c, const struct call_failure *f)
{
	struct end *old = c->joins[CALL_CALLEE];
	unsigned status = f->response ? status_pass(f->response->status) : 408;

	if (f->kind == CALL_FAILED_RESPONSE)
		untwin(old);
	if (status == 481 || f->kind == CALL_FAILED_SILENT) {
		call_over(old->pair->call, CALL_END_LOST, (int)old->side); /* C with it */
		return;
	}
	invite_fail(c, status, NULL);
}

/* ---- the caller's side ---- */

void join_ask_caller(struct call *c)
{
	struct end *old = c->joins[CALL_CALLER];
	struct end *e = &c->pair->ends[CALL_CALLER];

	if (c->n_joins++ >= TRIES_MAX)
		fail(c, 491);
	else if (relay_open_invite(old->pair->call))
		wait_for_end(c);
	else if (copy(e, old) != 0 || ask(e, old) != 0)
		fail(c, 503);
}

static void on_join(struct wheel_timer *t, void *arg)
{
	(void)arg;
	join_ask_caller(CONTAINER_OF(t, struct call, join));
}

void join_init(struct call *c)
{
	wheel_timer_init(&c->join, on_join);
}

/* ---- joined ---- */

/* The new call's dialog is found from now on. */
static void take_over(struct call *c, enum call_side side)
{
	struct calls *l = c->calls;
	struct end *old = c->joins[side], *e = &c->pair->ends[side];
	const struct call_user *u = &l->config.user;

	sip_dialogs_remove(&l->dialogs, &old->dialog);
	e->dialog.remote_cseq = old->dialog.remote_cseq;
	e->dialog.has_remote_cseq = old->dialog.has_remote_cseq;
	e->is_copy = e->is_gone = false;
	old->is_gone = true;
	part(old);
	c->joins[side] = NULL;
	if (u->joined)
		u->joined(u->arg, c, side, old->pair->call, old->side);
}

static int file(struct call *c)
{
	int err = 0;

	for (int side = 0; side < 2 && err == 0; side++) {
		if (c->joins[side])
			err = sip_dialogs_add(&c->calls->dialogs, &c->pair->ends[side].dialog);
	}
	return err;
}

static void tell_user(struct call *c)
{
	const struct call_user *u = &c->calls->config.user;

	if (u->told)
		u->told(u->arg, c, 200);
}

/* The caller is in place of who was at the other side of OLD. */
static void replaced(struct call *c, struct call *old, enum call_side stays)
{
	const struct call_user *u = &c->calls->config.user;

	count(c->calls, CALL_C_REPLACED);
	if (u->joined)
		u->joined(u->arg, c, CALL_CALLER, old,
			stays == CALL_CALLER ? CALL_CALLEE : CALL_CALLER);
}

void join_finish(struct call *c)
{
	struct call *old[2] = {NULL, NULL}, *referred_by = c->referred_by;
	enum call_side sides[2] = {CALL_CALLER, CALL_CALLER};

	if (file(c) != 0) {
		fail(c, 503);
		return;
	}
	for (int side = 0; side < 2; side++) {
		if (!c->joins[side])
			continue;
		old[side] = c->joins[side]->pair->call;
		sides[side] = c->joins[side]->side;
		take_over(c, (enum call_side)side);
	}
	c->referred_by = NULL;
	if (c->incoming && c->incoming->is_virtual) {
		c->incoming->is_virtual = false;
		c->incoming->is_replied = true;
		tell_user(c);
	} else {
		replaced(c, old[CALL_CALLEE], sides[CALL_CALLEE]);
	}
	if (referred_by) {
		count(c->calls, CALL_C_TRANSFERRED);
		referred_by->refer.call = NULL;
		refer_notify(referred_by, 200);
	}
	for (int side = 0; side < 2; side++) {
		if (old[side])
			call_over(old[side], CALL_END_TRANSFERRED, (int)sides[side]);
	}
}

/* His answer is to our own offer. */
static void accepted(struct exchange *x, const struct sip_msg *m)
{
	struct call *c = x->call;
	struct call_body b = {.msg = m};
	int err = body_ask(x, x->from == CALL_CALLER ? CALL_CALLEE : CALL_CALLER, NULL, NULL, &b);

	exchange_send_ack(x);
	if (err)
		fail(c, 488);
	else if (!c->is_over)
		join_finish(c);
}

/* RFC 3261 §12.2.1.2: he does not know his dialog any more, in the old call neither. */
static void lose(struct call *c)
{
	const struct end *old = c->joins[CALL_CALLER];

	call_over(old->pair->call, CALL_END_LOST, (int)old->side);
}

void join_response(struct exchange *x, const struct sip_msg *m)
{
	struct call *c = x->call;

	if (c->is_over || !c->joins[CALL_CALLER]) {
		if (x->owes_ack)
			exchange_send_ack(x);
		return;
	}
	if (m && m->status < 300)
		accepted(x, m);
	else if (m && m->status == 491) {
		untwin(c->joins[CALL_CALLER]);
		wait_for_end(c);
	} else if (!m || m->status == 481 || m->status == 408)
		lose(c);
	else {
		untwin(c->joins[CALL_CALLER]);
		fail(c, 488);
	}
}

/* ---- ends ---- */

void join_forget(struct call *c)
{
	wheel_cancel(c->calls->config.wheel, &c->join);
	for (int side = 0; side < 2; side++) {
		struct end *old = c->joins[side];
		bool was_asked = old && old->twin;
		c->joins[side] = NULL;
		if (old)
			part(old);
		if (was_asked)
			refresh_say_again(old); /* he may have accepted */
	}
}

void join_lose(struct call *c)
{
	for (int side = 0; c->pair && side < 2; side++) {
		if (c->pair->ends[side].wanted_by)
			call_over(c->pair->ends[side].wanted_by, CALL_END_CANCELLED, -1);
	}
}
