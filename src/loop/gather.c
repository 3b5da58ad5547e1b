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

/*
 * A window in which nothing is held back shows how many packets a turn finds by itself; what it
 * shows is good for the next GATHER_WINDOWS. After a silence the window has been long, so that its
 * rate is low.
 */
static void end_window(struct gather *g, uint64_t passed_ms)
{
	if (g->n_window < GATHER_RATE_MS * passed_ms) {
		g->is_on = false;
		g->n_left = 0;
	} else if (g->n_left == 0) {
		g->is_on = g->n_window < (size_t)GATHER_ENOUGH * g->n_turns;
		g->n_left = GATHER_WINDOWS;
	} else if (--g->n_left == 0) {
		g->is_on = false;
	}
	g->n_window = g->n_turns = 0;
}

bool gather_wants_pause(struct gather *g, uint64_t now_ms)
{
	size_t n = g->n_turn;

	g->n_turn = 0;
	g->n_window += n;
	g->n_turns += n > 0;
	if (now_ms != g->begun_ms) {
		end_window(g, now_ms - g->begun_ms);
		g->begun_ms = now_ms;
	}
	return g->is_on && n < GATHER_PLENTY;
}
