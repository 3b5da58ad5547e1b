/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a lane may forward: when all that its program has passed up has been sent. The program
 * counts what it passes, user space what has come; see struct kernel_gate.
 */
#include "kernel_priv.h"

/* So many looks, over so long, find one with nothing under way. */
#define LOOKS   8
#define LOOK_MS 50

static void look_afresh(struct kernel_gate *g, uint64_t now_ms)
{
	g->best = INT64_MIN;
	g->n_looks = 0;
	g->since_ms = now_ms;
}

static void close_gate(struct kernel_gate *g, struct kernel_lane *lane)
{
	g->is_known = false;
	look_afresh(g, 0);
	__atomic_store_n(&lane->done, UINT64_MAX, __ATOMIC_RELEASE); /* nobody counts so far */
}

void kernel_gate_begin(struct kernel_gate *g, struct kernel_lane *lane)
{
	*g = (struct kernel_gate){.seen = 0};
	lane->passed = 0;
	close_gate(g, lane);
}

bool kernel_gate_look(struct kernel_gate *g, struct kernel_lane *lane, uint64_t now_ms)
{
	uint64_t passed = __atomic_load_n(&lane->passed, __ATOMIC_ACQUIRE);
	int64_t over = (int64_t)(g->sent - passed);
	bool is_relearnt = false;

	/* Something has come that the program did not count: a datagram in fragments. */
	if (g->is_known && over > g->offset)
		close_gate(g, lane);
	if (g->n_looks == 0)
		g->since_ms = now_ms;
	if (over > g->best)
		g->best = over;
	g->n_looks++;
	if (g->n_looks >= LOOKS && now_ms - g->since_ms >= LOOK_MS) {
		is_relearnt = g->is_known && g->best < g->offset;
		g->offset = g->best;
		g->is_known = true;
		look_afresh(g, now_ms);
	}
	if (g->is_known && g->sent > 0)
		__atomic_store_n(&lane->done, g->sent - (uint64_t)g->offset, __ATOMIC_RELEASE);
	return is_relearnt;
}
