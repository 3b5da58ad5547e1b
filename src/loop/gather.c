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

/* After a silence the window has been long, so that its rate is low. */
static uint32_t pause_at(size_t packets_ms)
{
	if (packets_ms < GATHER_RATE_MS)
		return 0;
	size_t ns = (size_t)GATHER_AIM * 1000000 / packets_ms;

	return ns < GATHER_MAX_NS ? (uint32_t)ns : GATHER_MAX_NS;
}

uint32_t gather_pause(struct gather *g, uint64_t now_ms)
{
	size_t n = g->n_turn;

	g->n_turn = 0;
	g->n_window += n;
	if (now_ms != g->begun_ms) {
		g->pause_ns = pause_at(g->n_window / (now_ms - g->begun_ms));
		g->n_window = 0;
		g->begun_ms = now_ms;
	}
	return n < GATHER_PLENTY ? g->pause_ns : 0;
}
