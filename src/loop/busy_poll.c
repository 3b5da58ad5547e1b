/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When to look for packets again without sleeping. A thread that is awake has a packet at once, one
 * that sleeps is woken for it, which takes tens of microseconds where its core has halted. It pays
 * only where the next packet comes soon; so the last waits decide whether the next one is polled
 * through. And it pays only where nobody else wants the core: who has used up its share by polling
 * gets it back late, so that packets would wait longer than for one that sleeps. No clock of its
 * own.
 */
#include "loop_priv.h"

static const struct metrics_row rows[LOOP_C_COUNT] = {
	[LOOP_C_POLLS_HIT] = {"sallyport_busy_polls_total", "result=\"packets\"", METRICS_COUNTER,
		"Times that workers have polled instead of sleeping: until packets came, or for "
		"nothing."},
	[LOOP_C_POLLS_VAIN] = {"sallyport_busy_polls_total", "result=\"nothing\"", METRICS_COUNTER,
		NULL},
	[LOOP_C_POLL_US] = {"sallyport_busy_poll_microseconds_total", NULL, METRICS_COUNTER,
		"Of the workers' processor time what they have polled for packets, and found "
		"none."},
};

const struct metrics_group loop_counters = {rows, LOOP_C_COUNT};

/* Ends what was spent on one wait. */
static void count(struct busy_poll *p, enum loop_counter result)
{
	metrics_add(p->cells, result, 1);
	metrics_add(p->cells, LOOP_C_POLL_US, p->spent_ns / 1000);
	p->spent_ns %= 1000;
}

static void see_look(struct busy_poll *p, uint64_t end_ns)
{
	uint64_t took_ns = end_ns - p->looked_ns;

	if (took_ns < BUSY_POLL_TAKEN_NS) {
		p->spent_ns += took_ns;
		return;
	}
	uint64_t n = p->n_preempted();
	if (n != p->n_known)
		p->rests_ns = end_ns + BUSY_POLL_RESTS * took_ns;
	p->n_known = n;
}

static void see_packets(struct busy_poll *p, uint64_t begun_ns, uint64_t now_ns)
{
	uint64_t wait_ns = begun_ns - p->served_ns;
	/* Who slept through it was woken late. */
	uint64_t limit_ns = p->bound_ns + (p->has_polled ? 0 : BUSY_POLL_WAKE_NS);

	if (p->is_on) {
		see_look(p, begun_ns);
		count(p, LOOP_C_POLLS_HIT);
	}
	p->waits = (uint8_t)(p->waits << 1 | (wait_ns <= limit_ns));
	p->served_ns = now_ns;
	p->has_packets = false;
	p->is_on = now_ns >= p->rests_ns && __builtin_popcount(p->waits) >= BUSY_POLL_WORTH;
	p->has_polled = p->is_on;
}

static void see_nothing(struct busy_poll *p, uint64_t now_ns)
{
	see_look(p, now_ns);
	p->is_on = now_ns >= p->rests_ns && now_ns - p->served_ns < p->bound_ns;
	if (!p->is_on)
		count(p, LOOP_C_POLLS_VAIN);
}

bool busy_poll_turn(struct busy_poll *p, uint64_t begun_ns, uint64_t now_ns)
{
	if (p->has_packets)
		see_packets(p, begun_ns, now_ns);
	else if (p->is_on)
		see_nothing(p, now_ns);
	p->looked_ns = now_ns;
	return p->is_on;
}
