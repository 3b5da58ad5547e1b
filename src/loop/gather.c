/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When to let packets gather, as a network card holds back its interrupts. A thread that sleeps and
 * is woken for every packet spends more on that than on the packet; where many packets come, a
 * short pause before the poll lets it serve several of them for one wake-up. Where few come, and
 * where a turn has found plenty, there is nothing to gain.
 */
#include "loop_priv.h"

void gather_add(struct gather *g, size_t n)
{
	g->n_turn += n;
}

/* The rate is that of the last whole window, which is as long as it took: after a silence it is
 * low. */
bool gather_wants_pause(struct gather *g, uint64_t now_ms)
{
	size_t n = g->n_turn;
	uint64_t passed_ms = now_ms - g->begun_ms;

	g->n_turn = 0;
	g->n_window += n;
	if (passed_ms > 0) {
		g->is_dense = g->n_window >= GATHER_RATE_MS * passed_ms;
		g->n_window = 0;
		g->begun_ms = now_ms;
	}
	return g->is_dense && n < GATHER_PLENTY;
}
