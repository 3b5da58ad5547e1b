/* SPDX-License-Identifier: BSD-3-Clause */
/* All anchors of a thread, and the life of one. */
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "anchor_priv.h"

#define REFUSED(name) "sallyport_anchor_refused_total", "reason=\"" name "\"", METRICS_COUNTER

static const struct metrics_row rows[ANCHOR_C_COUNT] = {
	[ANCHOR_C_KEPT] = {"sallyport_anchors", NULL, METRICS_GAUGE,
		"Calls whose media pass through this node, or have until a moment ago."},
	[ANCHOR_C_OFFERS] = {"sallyport_anchor_descriptions_total", "kind=\"offer\"",
		METRICS_COUNTER, "Session descriptions of calls that were taken."},
	[ANCHOR_C_ANSWERS] = {"sallyport_anchor_descriptions_total", "kind=\"answer\"",
		METRICS_COUNTER, NULL},
	[ANCHOR_C_REFUSED_SIZE] = {REFUSED("size"), "Session descriptions that were refused."},
	[ANCHOR_C_REFUSED_MALFORMED] = {REFUSED("malformed"), NULL},
	[ANCHOR_C_REFUSED_AUDIO] = {REFUSED("no_audio"), NULL},
	[ANCHOR_C_REFUSED_PROFILE] = {REFUSED("profile"), NULL},
	[ANCHOR_C_REFUSED_KEY] = {REFUSED("no_key"), NULL},
	[ANCHOR_C_REFUSED_CODEC] = {REFUSED("no_codec"), NULL},
	[ANCHOR_C_REFUSED_ADDRESS] = {REFUSED("address"), NULL},
	[ANCHOR_C_REFUSED_MISMATCH] = {REFUSED("mismatch"), NULL},
	[ANCHOR_C_REFUSED_STATE] = {REFUSED("state"), NULL},
	[ANCHOR_C_REFUSED_SESSION] = {REFUSED("no_session"), NULL},
	[ANCHOR_C_REFUSED_SHARE] = {REFUSED("share"), NULL},
	[ANCHOR_C_REFUSED_MEMORY] = {REFUSED("memory"), NULL},
	[ANCHOR_C_TIMEOUT] = {"sallyport_anchor_timeouts_total", NULL, METRICS_COUNTER,
		"Times that a worker has not answered."},
	[ANCHOR_C_PASSED_CUT] = {"sallyport_anchor_lines_cut_total", NULL, METRICS_COUNTER,
		"Descriptions with more bandwidth lines and attributes than can pass."},
};
const struct metrics_group anchor_counters = {rows, ANCHOR_C_COUNT};

/* ---- all ---- */

struct anchors *anchors_create(const struct anchors_config *c)
{
	struct anchors *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->config = *c;
	l->load = calloc(c->n_workers, sizeof(*l->load));
	if (!l->load || anchor_rooms_init(l) != 0) {
		free(l->load);
		free(l);
		return NULL;
	}
	hash_table_init(&l->by_number);
	list_init(&l->list);
	return l;
}

static void destroy(struct anchor *a)
{
	struct anchors *l = a->all;

	wheel_cancel(l->config.wheel, &a->timer);
	anchor_places_give(a);
	anchor_forks_free(a, NULL);
	anchor_passed_forget(&a->offered);
	for (unsigned i = 0; i < ANCHOR_SIDES; i++)
		anchor_leg_end(&a->legs[i]);
	hash_table_remove(&l->by_number, &a->node);
	list_remove(&a->link);
	metrics_sub(l->config.cells, ANCHOR_C_KEPT, 1);
	free(a);
}

void anchors_destroy(struct anchors *l)
{
	if (!l)
		return;
	list_for_each_safe (it, &l->list)
		destroy(CONTAINER_OF(it, struct anchor, link));
	hash_table_fini(&l->by_number);
	anchor_rooms_fini(l);
	free(l->load);
	free(l);
}

static uint64_t hash_of(const struct anchors *l, uint64_t number)
{
	return hash_bytes(&l->config.key, &number, sizeof(number));
}

struct anchor *anchor_find(struct anchors *l, uint64_t number)
{
	struct hash_node *n = hash_table_first(&l->by_number, hash_of(l, number));

	for (; n; n = hash_table_next(n)) {
		struct anchor *a = CONTAINER_OF(n, struct anchor, node);
		if (a->number == number)
			return a;
	}
	return NULL;
}

/* ---- one ---- */

struct anchor *anchor_open(struct anchors *l, void *owner, const struct anchor_asker *whose,
	const struct anchor_terms *caller)
{
	struct anchor *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->all = l;
	a->owner = owner;
	a->asker = *whose;
	a->number = ++l->last_number;
	list_init(&a->forks);
	wheel_timer_init(&a->timer, anchor_room_timer);
	if (anchor_leg_begin(a, ANCHOR_CALLER, caller) != 0 ||
		hash_table_insert(&l->by_number, &a->node, hash_of(l, a->number)) != 0) {
		anchor_leg_end(&a->legs[ANCHOR_CALLER]);
		free(a);
		return NULL;
	}
	list_append(&l->list, &a->link);
	metrics_add(l->config.cells, ANCHOR_C_KEPT, 1);
	return a;
}

void anchor_close(struct anchor *a)
{
	a->is_closing = true;
	a->n_tickets = 0;
	anchor_forks_free(a, NULL);
	anchor_room_close(a);
}

void anchor_gone(struct anchor *a)
{
	const struct anchor_user *u = &a->all->config.user;
	struct anchor_leg legs[ANCHOR_SIDES];
	void *owner = a->owner;

	for (unsigned i = 0; i < ANCHOR_SIDES; i++)
		legs[i] = a->legs[i].record;
	destroy(a);
	u->closed(u->arg, owner, legs);
}
