/* SPDX-License-Identifier: BSD-3-Clause */
/* All sides of a call have accepted: it has their dialogs, and the calls they come from end. */
#include "call_priv.h"

/* The new call's dialog is found from now on. */
static void take_over(struct call *c, enum call_side side)
{
	struct calls *l = c->calls;
	struct join *j = &c->joins[side];
	struct end *old = j->old, *e = j->copy;
	const struct call_user *u = &l->config.user;

	sip_dialogs_remove(&l->dialogs, &old->dialog);
	e->dialog.remote_cseq = old->dialog.remote_cseq;
	e->dialog.has_remote_cseq = old->dialog.has_remote_cseq;
	e->is_gone = false;
	old->is_gone = true;
	join_part(j);
	if (u->joined)
		u->joined(u->arg, c, side, old->pair->call, old->side);
}

static int file(struct call *c)
{
	int err = 0;

	for (int side = 0; side < 2 && err == 0; side++) {
		if (join_is_wanted(c, side))
			err = sip_dialogs_add(&c->calls->dialogs, &c->joins[side].copy->dialog);
	}
	return err;
}

static void tell_user(struct call *c)
{
	const struct call_user *u = &c->calls->config.user;

	if (u->told)
		u->told(u->arg, c, 200, 0);
}

/* The caller is in place of who was at the other side of OLD. */
static void replaced(struct call *c, const struct end *old)
{
	const struct call_user *u = &c->calls->config.user;

	count(c->calls, CALL_C_REPLACED);
	if (u->joined)
		u->joined(u->arg, c, CALL_CALLER, old->pair->call,
			old->side == CALL_CALLER ? CALL_CALLEE : CALL_CALLER);
}

void join_finish(struct call *c)
{
	struct end *old[2] = {NULL, NULL};
	struct call *referred_by = c->referred_by;

	if (file(c) != 0) {
		join_fail(c, 503);
		return;
	}
	for (int side = 0; side < 2; side++) {
		if (!join_is_wanted(c, side))
			continue;
		old[side] = c->joins[side].old;
		take_over(c, (enum call_side)side);
	}
	c->referred_by = NULL;
	if (c->incoming && c->incoming->is_virtual) {
		c->incoming->is_virtual = false;
		c->incoming->is_replied = true;
		tell_user(c);
	} else if (old[CALL_CALLEE]) {
		replaced(c, old[CALL_CALLEE]);
	}
	if (referred_by) {
		count(c->calls, CALL_C_TRANSFERRED);
		referred_by->refer.call = NULL;
		refer_notify(referred_by, 200);
	}
	for (int side = 0; side < 2; side++) {
		if (old[side])
			call_over(
				old[side]->pair->call, CALL_END_TRANSFERRED, (int)old[side]->side);
	}
}
