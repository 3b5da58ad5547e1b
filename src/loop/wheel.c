/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hierarchical timer wheel (Varghese and Lauck): level N has 64 slots of 64^N ticks each. Setting
 * and cancelling cost O(1); a timer moves down a level when its slot comes up.
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
		for (unsigned i = 0; i < SLOTS; i++)
			list_init(&w->slots[level][i]);
	}
}

void wheel_timer_init(struct wheel_timer *t, wheel_fn fn)
{
	list_init(&t->link);
	t->at_ms = 0;
	t->fn = fn;
}

bool wheel_timer_is_set(const struct wheel_timer *t)
{
	return t->link.next && !list_is_empty(&t->link);
}

/* Files T under the slot in which its tick, or the way to it, comes up next. */
static void place(struct wheel *w, struct wheel_timer *t)
{
	uint64_t at = (t->at_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
	unsigned level = 0;

	if (at <= w->tick)
		at = w->tick + 1;
	uint64_t delta = at - w->tick;
	while (level < WHEEL_LEVELS - 1 && delta >= (uint64_t)1 << (WHEEL_BITS * (level + 1)))
		level++;
	/* Beyond the top level: wait in its farthest slot and be placed anew from there. */
	uint64_t reach = (uint64_t)1 << (WHEEL_BITS * WHEEL_LEVELS);
	if (delta >= reach)
		at = w->tick + reach - 1;
	list_append(&w->slots[level][at >> (WHEEL_BITS * level) & MASK], &t->link);
}

void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t at_ms)
{
	wheel_cancel(w, t);
	t->at_ms = at_ms;
	w->count++;
	place(w, t);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (!wheel_timer_is_set(t))
		return;
	list_remove(&t->link);
	w->count--;
}

/* Empties SLOT into HEAD, so that what is set meanwhile does not join it. */
static void take_slot(struct list *slot, struct list *head)
{
	list_init(head);
	if (list_is_empty(slot))
		return;
	*head = *slot;
	head->next->prev = head;
	head->prev->next = head;
	list_init(slot);
}

/* Files anew what waits in the slot that begins at tick NEXT. */
static void cascade(struct wheel *w, unsigned level, uint64_t next)
{
	struct list head;

	take_slot(&w->slots[level][next >> (WHEEL_BITS * level) & MASK], &head);
	while (!list_is_empty(&head)) {
		struct wheel_timer *t = CONTAINER_OF(head.next, struct wheel_timer, link);
		list_remove(&t->link);
		place(w, t);
	}
}

static void fire(struct wheel *w)
{
	struct list head;

	take_slot(&w->slots[0][w->tick & MASK], &head);
	while (!list_is_empty(&head)) {
		struct wheel_timer *t = CONTAINER_OF(head.next, struct wheel_timer, link);
		list_remove(&t->link);
		w->count--;
		t->fn(t, w->arg);
	}
}

/*
 * A slot of level N covers the ticks from its start on, so it is emptied one tick before that
 * start: what is due on the very tick still finds its place on level 0.
 */
static void step(struct wheel *w)
{
	uint64_t next = w->tick + 1;
	unsigned top = 0;

	while (top < WHEEL_LEVELS - 1 &&
		(next & (((uint64_t)1 << (WHEEL_BITS * (top + 1))) - 1)) == 0)
		top++;
	for (unsigned level = top; level > 0; level--)
		cascade(w, level, next);
	w->tick = next;
	fire(w);
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
	uint64_t now = now_ms / WHEEL_TICK_MS;

	while (w->tick < now && w->count > 0)
		step(w);
	if (w->tick < now)
		w->tick = now;
}
