/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a call, and its memory. */
#include <stdlib.h>

#include "call_priv.h"

void call_free(struct call *c)
{
	struct calls *l = c->calls;

	wheel_cancel(l->config.wheel, &c->timer);
	join_fini(c);
	list_for_each_safe (x, &c->exchanges)
		exchange_free(CONTAINER_OF(x, struct exchange, link));
	list_for_each_safe (p, &c->pairs)
		pair_free(CONTAINER_OF(p, struct pair, link));
	if (c->caller)
		hash_table_remove(&l->callers, &c->by_caller);
	kept_free(c, c->invite);
	list_remove(&c->link);
	kept_leave(c);
	metrics_sub(l->config.cells, CALL_C_KEPT, 1);
	if (c->own && l->config.user.forget)
		l->config.user.forget(l->config.user.arg, c->own);
	free(c->auth[CALL_CALLER]);
	free(c->auth[CALL_CALLEE]);
	free(c->caller);
	free(c);
}

void call_settle(struct call *c)
{
	if (c->is_held)
		return;
	list_for_each_safe (it, &c->exchanges) {
		struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		if (exchange_is_done(x))
			exchange_free(x);
	}
	if (c->is_over && list_is_empty(&c->exchanges))
		call_free(c);
}

/* What is under way is ended on both sides of it. */
static void end_exchange(struct exchange *x)
{
	body_forget(x);
	if (x->owes_ack)
		exchange_send_ack(x);
	if (x->client && !x->is_answered && x->method == SIP_INVITE)
		(void)client_transaction_cancel(x->client, fields_reason(x->call)); /* by time */
	exchange_reply(x, 487, NULL, NULL);
}

/* Does an ACK of this side's come yet? Until then it gets no BYE (RFC 3261 §15). */
static bool is_ack_coming(const struct call *c, enum call_side side)
{
	list_for_each (it, &c->exchanges) {
		const struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		if (x->wants_ack && x->from == side && x->server)
			return true;
	}
	return false;
}

static void say_bye(struct call *c, enum call_side side)
{
	struct end *e = &c->pair->ends[side];

	if (is_ack_coming(c, side))
		e->wants_bye = true;
	else
		end_bye(e);
}

void call_parted(struct call *c, const struct sip_msg *m)
{
	const struct call_user *u = &c->calls->config.user;

	if (u->parted && !c->is_over)
		u->parted(u->arg, c, m);
}

/* Whoever has left while the other side is to go on elsewhere is silent, of course. */
static bool has_left(const struct call *c)
{
	for (int side = 0; c->pair && side < 2; side++) {
		const struct end *e = &c->pair->ends[side];
		if (e->is_gone && !e->join)
			return true;
	}
	return false;
}

void call_hang_up(struct call *c, const char *reason)
{
	if (has_left(c))
		return;
	c->reason = reason;
	call_over(c, CALL_END_MEDIA, -1);
}

void call_over(struct call *c, enum call_end why, int quiet)
{
	struct calls *l = c->calls;
	/* The callee's answer has not been passed on: there is no dialog with the caller. */
	bool is_caller_asking = c->incoming && !c->incoming->is_replied;

	if (c->is_over)
		return;
	c->is_over = true;
	kept_leave(c);
	metrics_sub(l->config.cells, CALL_C_OPEN, 1);
	count(l, CALL_C_ENDED + why);
	wheel_cancel(l->config.wheel, &c->timer);
	kept_free(c, c->invite);
	c->invite = NULL;
	reliable_stop_all(c, NULL);
	join_lose(c);
	list_for_each (it, &c->exchanges)
		end_exchange(CONTAINER_OF(it, struct exchange, link));
	for (int side = 0; c->pair && side < 2; side++) {
		wheel_cancel(l->config.wheel, &c->pair->ends[side].refresh);
		if (side != quiet && !c->pair->ends[side].is_gone &&
			!(side == CALL_CALLER && is_caller_asking))
			say_bye(c, side);
	}
	if (l->config.user.ended)
		l->config.user.ended(l->config.user.arg, c, why);
	transfer_over(c);
	join_forget(c);
	call_settle(c);
}

size_t calls_hang_up(struct calls *l, const char *reason)
{
	size_t n = 0;

	/* One that ends may take another with it: none is freed before all are over. */
	list_for_each (it, &l->calls) {
		struct call *c = CONTAINER_OF(it, struct call, link);
		c->is_held = true;
		if (c->is_over)
			continue;
		c->reason = reason;
		n++;
	}
	list_for_each (it, &l->calls)
		call_over(CONTAINER_OF(it, struct call, link), CALL_END_SHUTDOWN, -1);
	list_for_each_safe (it, &l->calls) {
		struct call *c = CONTAINER_OF(it, struct call, link);
		c->is_held = false;
		call_settle(c);
	}
	return n;
}
