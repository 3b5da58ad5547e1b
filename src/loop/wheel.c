/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hierarchical timer wheel (Varghese and Lauck): level N has 64 slots of 64^N ticks each. Setting
 * and cancelling cost O(1); a timer moves down a level when its slot comes up. A jump of the clock
 * steps over the ticks in which nothing can happen, so its cost does not grow with its length.
 */
#include <sallyport/loop.h>

#define SLOTS (1u << WHEEL_BITS)
#define MASK  (SLOTS - 1)

void wheel_init(struct wheel *w, uint64_t now_ms, void *arg)
{
	w->tick = now_ms / WHEEL_TICK_MS;
	w->arg = arg;
	w->count = 0;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		w->level_count[level] = 0;
		for (unsigned i = 0; i < SLOTS; i++)
			list_init(&w->slots[level][i]);
	}
}

void wheel_timer_init(struct wheel_timer *t, wheel_fn fn)
{
	list_init(&t->link);
	t->at_ms = 0;
	t->level = 0;
	t->fn = fn;
}

bool wheel_timer_is_set(const struct wheel_timer *t)
{
	return t->link.next && !list_is_empty(&t->link);
}

/* First tick at or after the timer's time. */
static uint64_t tick_of(const struct wheel_timer *t)
{
	return t->at_ms / WHEEL_TICK_MS + (t->at_ms % WHEEL_TICK_MS != 0);
}

/* Files T under the slot in which tick AT, or the way to it, comes up next. */
static void place(struct wheel *w, struct wheel_timer *t, uint64_t at)
{
	uint64_t reach = (uint64_t)1 << (WHEEL_BITS * WHEEL_LEVELS);
	unsigned level = 0;

	/* Beyond the top level: wait in its farthest slot and be placed anew from there. */
	if (at - w->tick >= reach)
		at = w->tick + reach - 1;
	while ((at - w->tick) >> (WHEEL_BITS * (level + 1)) != 0)
		level++;
	t->level = (uint8_t)level;
	w->level_count[level]++;
	list_append(&w->slots[level][at >> (WHEEL_BITS * level) & MASK], &t->link);
}

static void unlink_timer(struct wheel *w, struct wheel_timer *t)
{
	list_remove(&t->link);
	w->level_count[t->level]--;
}

void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t at_ms)
{
	uint64_t at;

	wheel_cancel(w, t);
	t->at_ms = at_ms;
	w->count++;
	at = tick_of(t);
	place(w, t, at > w->tick ? at : w->tick + 1);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (!wheel_timer_is_set(t))
		return;
	unlink_timer(w, t);
	w->count--;
}

/* Files anew what waits in the slot that begins with this tick: all of it goes to lower levels. */
static void cascade(struct wheel *w, unsigned level)
{
	struct list head;

	list_take(&w->slots[level][w->tick >> (WHEEL_BITS * level) & MASK], &head);
	while (!list_is_empty(&head)) {
		struct wheel_timer *t = CONTAINER_OF(head.next, struct wheel_timer, link);
		unlink_timer(w, t);
		place(w, t, tick_of(t));
	}
}

/* The slot is emptied first, so that what callbacks set does not join the batch. */
static void fire(struct wheel *w)
{
	struct list head;

	list_take(&w->slots[0][w->tick & MASK], &head);
	while (!list_is_empty(&head)) {
		struct wheel_timer *t = CONTAINER_OF(head.next, struct wheel_timer, link);
		wheel_cancel(w, t);
		t->fn(t, w->arg);
	}
}

/* With nothing on the levels below N, nothing happens before a slot of level N begins. */
static uint64_t next_stop(const struct wheel *w)
{
	unsigned level = 0;

	while (level < WHEEL_LEVELS - 1 && w->level_count[level] == 0)
		level++;
	return ((w->tick >> (WHEEL_BITS * level)) + 1) << (WHEEL_BITS * level);
}

/* Higher levels first: what they let go may belong into the slots emptied after them. */
static void step(struct wheel *w, uint64_t next)
{
	w->tick = next;
	for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
		if ((next & (((uint64_t)1 << (WHEEL_BITS * level)) - 1)) == 0)
			cascade(w, level);
	}
	fire(w);
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
	uint64_t now = now_ms / WHEEL_TICK_MS, next;

	while (w->count > 0 && (next = next_stop(w)) <= now)
		step(w, next);
	if (w->tick < now)
		w->tick = now;
}
