/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sessions that a call's descriptions are of: the caller's, one for each callee who has said
 * something, and those that go on from another call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/crypto.h>

#include "anchor_priv.h"

/* ---- origins: one for each dialog, in however many calls that goes on ---- */

struct origin {
	struct sdp_origin_own own;
	unsigned n_users;
};

/* As OLD is. NULL: no memory. */
static struct sdp_origin_own *origin_make(const struct sdp_origin_own *old)
{
	struct origin *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->own = *old;
	o->n_users = 1;
	return &o->own;
}

static struct sdp_origin_own *origin_join(struct sdp_origin_own *own)
{
	CONTAINER_OF(own, struct origin, own)->n_users++;
	return own;
}

static struct sdp_origin_own *origin_new(void)
{
	struct sdp_origin_own own = {.id = 0};

	crypto_random(&own.id, sizeof(own.id));
	own.id >>= 2;
	return origin_make(&own);
}

static void end(struct sdp_session *s)
{
	struct origin *o =
		s->config.origin ? CONTAINER_OF(s->config.origin, struct origin, own) : NULL;

	if (o && --o->n_users == 0)
		free(o);
	sdp_session_fini(s);
}

/* ---- legs ---- */

int anchor_leg_begin(struct anchor *a, enum anchor_side side, const struct anchor_terms *terms)
{
	struct leg *g = &a->legs[side];
	struct sdp_session_config c = {
		.abilities = terms->abilities,
		.origin = origin_new(),
		.rtp = a->all->config.faces[terms->face].local,
	};

	if (!c.origin)
		return -ENOMEM;
	g->terms = *terms;
	anchor_passed_forget(&g->answered);
	g->is_taken_over = false;
	crypto_random(c.keys, sizeof(c.keys));
	end(&g->sdp);
	sdp_session_init(&g->sdp, &c);
	crypto_wipe(&c, sizeof(c));
	if (a->state == ANCHOR_OPEN && a->faces[side] == terms->face)
		anchor_leg_move(a, side);
	return 0;
}

void anchor_leg_move(struct anchor *a, enum anchor_side side)
{
	sdp_session_move(&a->legs[side].sdp, &a->rtp[side], a->rtcp_port[side]);
	if (side == ANCHOR_CALLER)
		return;
	list_for_each (it, &a->forks)
		sdp_session_move(&CONTAINER_OF(it, struct fork, link)->sdp, &a->rtp[side],
			a->rtcp_port[side]);
}

void anchor_leg_end(struct leg *g)
{
	anchor_passed_forget(&g->answered);
	anchor_due_forget(g);
	end(&g->sdp);
}

/* Its lines, numbers and o= line, but not its keys, and none of its media until the side has agreed
 * with us. What it can do is what it could when its call began. */
void anchor_take_over(
	struct anchor *a, enum anchor_side side, const struct anchor *from, enum anchor_side whose)
{
	struct leg *g = &a->legs[side];
	const struct sdp_session *theirs = anchor_session(from, whose);
	struct sdp_session_config c = g->sdp.config;

	if (!theirs)
		return;
	c.origin = origin_join(theirs->config.origin);
	c.abilities = theirs->config.abilities;
	g->terms.abilities = c.abilities;
	end(&g->sdp);
	g->sdp = *theirs;
	sdp_exchange_cancel(&g->sdp);
	g->sdp.config = c;
	g->is_taken_over = true;
	crypto_wipe(&c, sizeof(c));
}

/* ---- callees ---- */

void anchor_forks_free(struct anchor *a, const struct fork *but)
{
	list_for_each_safe (it, &a->forks) {
		struct fork *f = CONTAINER_OF(it, struct fork, link);
		if (f == but)
			continue;
		if (a->current == f)
			a->current = NULL;
		list_remove(&f->link);
		anchor_passed_forget(&f->answered);
		end(&f->sdp);
		free(f);
		a->n_forks--;
	}
}

struct fork *anchor_fork(const struct anchor *a, uint64_t number)
{
	list_for_each (it, &a->forks) {
		struct fork *f = CONTAINER_OF(it, struct fork, link);
		if (f->number == number)
			return f;
	}
	return NULL;
}

/* Its dialog is another one than those of the others, unless it was there before. */
static struct sdp_origin_own *origin_of_fork(const struct leg *g)
{
	struct sdp_origin_own *own = g->sdp.config.origin;

	return g->is_taken_over ? origin_join(own) : origin_make(own);
}

/* One that has not been heard of begins with what all were offered. NULL: no room. */
static struct fork *fork_of(struct anchor *a, uint64_t number)
{
	const struct leg *g = &a->legs[ANCHOR_CALLEE];
	struct fork *f = anchor_fork(a, number);
	struct sdp_origin_own *origin;

	if (f || a->n_forks == ANCHOR_FORKS_MAX)
		return f;
	f = calloc(1, sizeof(*f));
	origin = f && g->sdp.config.origin ? origin_of_fork(g) : NULL;
	if (!origin) {
		free(f);
		return NULL;
	}
	f->number = number;
	f->sdp = g->sdp;
	f->sdp.config.origin = origin;
	list_append(&a->forks, &f->link);
	a->n_forks++;
	return f;
}

/* ---- whose ---- */

struct sdp_session *anchor_session_of(struct anchor *a, enum anchor_side side, uint64_t fork)
{
	struct fork *f;

	if (side == ANCHOR_CALLER || fork == 0)
		return &a->legs[side].sdp;
	f = fork_of(a, fork);
	return f ? &f->sdp : NULL;
}

struct anchor_passed **anchor_answered_of(struct anchor *a, enum anchor_side side, uint64_t fork)
{
	struct fork *f = side == ANCHOR_CALLEE ? anchor_fork(a, fork) : NULL;

	return f ? &f->answered : &a->legs[side].answered;
}

const struct sdp_session *anchor_session(const struct anchor *a, enum anchor_side side)
{
	if (side == ANCHOR_CALLER)
		return &a->legs[side].sdp;
	return a->current ? &a->current->sdp : NULL;
}
