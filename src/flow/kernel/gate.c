/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a lane may forward: when all that its program has passed up has been sent. The program
 * counts what it passes, user space what has come; see struct kernel_gate.
 */
#include "kernel_priv.h"

/* So many looks, over so long, find one with nothing under way. */
#define LOOKS   8
#define LOOK_MS 50
/* Looks count when nothing waits in our sockets. A worker that is behind for so long has no such
 * moments, and then all count: it needs the relief more than it needs the order of one packet. */
#define PATIENCE_MS 3000
/* What a program has passed up is in a socket long before that. */
#define QUIET_MS 10

static void look_afresh(struct kernel_gate *g, uint64_t now_ms)
{
	g->best = INT64_MIN;
	g->n_looks = 0;
	g->since_ms = now_ms;
}

static void close_gate(struct kernel_gate *g, struct kernel_lane *lane, uint64_t now_ms)
{
	__u64 open = 0; /* as the programs share it */

	g->is_known = false;
	look_afresh(g, now_ms);
	__atomic_store_n(&lane->done, UINT64_MAX, __ATOMIC_RELEASE); /* nobody counts so far */
	/* The program would say so with its next packet, and may never see one: what comes by
	 * another interface. When it has said so already that stays. */
	(void)__atomic_compare_exchange_n(
		&lane->shut_ns, &open, now_ms * 1000000, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

void kernel_gate_begin(struct kernel_gate *g, struct kernel_lane *lane, uint64_t now_ms)
{
	*g = (struct kernel_gate){.seen = 0};
	lane->passed = 0;
	lane->passed_ns = lane->shut_ns = now_ms * 1000000; /* something may just have been sent */
	close_gate(g, lane, now_ms);
}

static int64_t over(const struct kernel_gate *g, const struct kernel_lane *lane)
{
	return (int64_t)(g->sent - __atomic_load_n(&lane->passed, __ATOMIC_ACQUIRE));
}

bool kernel_gate_is_sure(const struct kernel_gate *g, const struct kernel_lane *lane)
{
	return g->is_known && over(g, lane) == g->offset;
}

/* Returns true when the offset is another than it was. */
static bool learn(struct kernel_gate *g, int64_t now_over, uint64_t now_ms, bool is_dry)
{
	/* The first look since it was in order, which may be long ago: the doubt begins now. */
	if (g->best == INT64_MIN)
		g->since_ms = now_ms;
	if (now_over > g->best)
		g->best = now_over;
	if (is_dry || now_ms - g->since_ms >= PATIENCE_MS)
		g->n_looks++;
	if (g->n_looks < LOOKS || now_ms - g->since_ms < LOOK_MS)
		return false;
	bool is_relearnt = g->is_known && g->best < g->offset;
	g->offset = g->best;
	g->is_known = true;
	look_afresh(g, now_ms);
	return is_relearnt;
}

/* The first ChannelData of a lane comes up in any case: before it in the same queue are the Send
 * indications that the client sent before it had a channel. */
static void publish(const struct kernel_gate *g, struct kernel_lane *lane)
{
	if (g->is_known && (g->sent > 0 || !(lane->flags & KERNEL_UP)))
		__atomic_store_n(&lane->done, g->sent - (uint64_t)g->offset, __ATOMIC_RELEASE);
}

bool kernel_gate_look(struct kernel_gate *g, struct kernel_lane *lane, uint64_t now_ms, bool is_dry)
{
	int64_t now_over = over(g, lane);
	bool is_relearnt = false;

	/* Something has come that the program did not count: a datagram in fragments. */
	if (g->is_known && now_over > g->offset)
		close_gate(g, lane, now_ms);
	if (g->is_known && now_over == g->offset)
		look_afresh(g, now_ms);
	else
		is_relearnt = learn(g, now_over, now_ms, is_dry);
	publish(g, lane);
	return is_relearnt;
}

bool kernel_gate_rest(struct kernel_gate *g, struct kernel_lane *lane, uint64_t now_ms)
{
	int64_t now_over = over(g, lane); /* before it is asked when the last one was passed */
	uint64_t passed_ms = __atomic_load_n(&lane->passed_ns, __ATOMIC_RELAXED) / 1000000;

	if (g->seen != g->sent || now_ms < passed_ms + QUIET_MS)
		return false;
	bool is_relearnt = g->is_known && now_over < g->offset;
	g->offset = now_over;
	g->is_known = true;
	look_afresh(g, now_ms);
	publish(g, lane);
	return is_relearnt;
}
