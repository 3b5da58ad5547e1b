/* SPDX-License-Identifier: BSD-3-Clause */
/* When the heap is trimmed: seldom, for it holds each worker's arena for some milliseconds. Packets
 * need none of it; a request may wait that long. */
#include <malloc.h>
#include <stdlib.h>

#include <sallyport/turn.h>

#include "trim.h"

/* What may lie free at the top of an arena. Walking the heap does not reach it; it goes back by
 * itself when it is more than this, which would otherwise be twice the largest block ever freed. */
#define TOP_BYTES (512 * 1024)

struct trim {
	struct loop *loop;           /* not owned */
	const struct metrics_set *m; /* not owned */
	struct wheel_timer timer;
	uint64_t peak, rests_until_ms;
};

bool trim_is_due(uint64_t *peak, uint64_t n)
{
	if (n > *peak)
		*peak = n;
	if (*peak < TRIM_FROM || n > *peak / 2)
		return false;
	*peak = n;
	return true;
}

static void look(struct wheel_timer *timer, void *arg)
{
	struct trim *t = CONTAINER_OF(timer, struct trim, timer);
	uint64_t n = metrics_set_sum(t->m, &turn_counters, TURN_C_ALLOCATIONS);
	uint64_t now_ms = loop_clock(t->loop)->mono_ms;

	(void)arg;
	if (now_ms < t->rests_until_ms) {
		t->peak = n > t->peak ? n : t->peak;
	} else if (trim_is_due(&t->peak, n)) {
		t->rests_until_ms = now_ms + TRIM_REST_MS;
#ifdef M_TRIM_THRESHOLD /* glibc */
		int has_trimmed = malloc_trim(0);
		log_debug(LOG_DAEMON, "heap trimmed", "returned=%d", has_trimmed);
#endif
	}
	wheel_set(loop_wheel(t->loop), timer, now_ms + TRIM_LOOK_MS);
}

struct trim *trim_create(struct loop *loop, const struct metrics_set *m)
{
	struct trim *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->loop = loop;
	t->m = m;
#ifdef M_TRIM_THRESHOLD
	(void)mallopt(M_TRIM_THRESHOLD, TOP_BYTES);
	/* Small blocks that were freed join their neighbours at once. Else they only do so in
	 * malloc_trim, which adds them to the top of a worker's arena and leaves that as it is. */
	(void)mallopt(M_MXFAST, 0);
#endif
	wheel_timer_init(&t->timer, look);
	wheel_set(loop_wheel(loop), &t->timer, loop_clock(loop)->mono_ms + TRIM_LOOK_MS);
	return t;
}

void trim_destroy(struct trim *t)
{
	if (!t)
		return;
	wheel_cancel(loop_wheel(t->loop), &t->timer);
	free(t);
}
