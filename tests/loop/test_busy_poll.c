/* SPDX-License-Identifier: BSD-3-Clause */
/* When a loop looks again without sleeping. Time is a number here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/loop/loop_priv.h"

#define US       ((uint64_t)1000)
#define BOUND_NS (250 * US)
#define LOOK_NS  US /* what a look that finds nothing takes */

struct rig {
	metrics_cell cells[LOOP_C_COUNT];
	struct busy_poll poll;
	uint64_t now_ns;
};

static uint64_t n_preempted; /* of the thread that polls */

static uint64_t preempted(void)
{
	return n_preempted;
}

static struct rig *start(struct rig *r)
{
	*r = (struct rig){.now_ns = 3600000000 * US};
	r->poll.bound_ns = BOUND_NS;
	r->poll.cells = r->cells;
	r->poll.n_preempted = preempted;
	r->poll.n_known = n_preempted;
	return r;
}

/* A turn with packets that takes TAKES_NS. */
static bool serve(struct rig *r, uint64_t takes_ns)
{
	uint64_t begun_ns = r->now_ns;

	r->now_ns += takes_ns;
	r->poll.has_packets = true;
	return busy_poll_turn(&r->poll, begun_ns, r->now_ns);
}

/* Packets GAP_NS after the last ones; until then it looks as long as it wants to. True: it was
 * awake when they came. */
static bool wait_and_serve(struct rig *r, uint64_t gap_ns)
{
	uint64_t until_ns = r->now_ns + gap_ns;
	bool is_awake = r->poll.is_on;

	while (is_awake && r->now_ns + LOOK_NS < until_ns) {
		r->now_ns += LOOK_NS;
		is_awake = busy_poll_turn(&r->poll, 0, r->now_ns);
	}
	r->now_ns = until_ns;
	(void)serve(r, 5 * US);
	return is_awake;
}

static unsigned times_awake(struct rig *r, unsigned n, uint64_t gap_ns)
{
	unsigned awake = 0;

	for (unsigned i = 0; i < n; i++)
		awake += wait_and_serve(r, gap_ns);
	return awake;
}

static void packets_that_come_within_the_bound_find_it_awake(void **state)
{
	struct rig r;

	(void)state;
	(void)times_awake(start(&r), 3, BOUND_NS - 10 * US);
	assert_int_equal(times_awake(&r, 100, BOUND_NS - 10 * US), 100);
}

static void packets_that_come_later_are_slept_for(void **state)
{
	struct rig r;

	(void)state;
	assert_int_equal(times_awake(start(&r), 100, 2 * BOUND_NS), 0);
	assert_false(r.poll.is_on);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLL_US), 0);
}

/* Woken late, it has still seen that the packet came in time. */
static void one_that_sleeps_begins_when_packets_come_often(void **state)
{
	struct rig r;

	(void)state;
	assert_false(serve(start(&r), US));
	assert_false(wait_and_serve(&r, BOUND_NS + BUSY_POLL_WAKE_NS));
	assert_false(wait_and_serve(&r, BOUND_NS + BUSY_POLL_WAKE_NS));
	assert_true(r.poll.is_on);
}

static void after_the_last_packet_it_sleeps_when_the_bound_is_over(void **state)
{
	struct rig r;

	(void)state;
	(void)times_awake(start(&r), 10, 10 * US);
	uint64_t last_ns = r.now_ns;
	do
		r.now_ns += LOOK_NS;
	while (busy_poll_turn(&r.poll, 0, r.now_ns));
	assert_int_equal(r.now_ns - last_ns, BOUND_NS);
	/* Messages and timers do not wake it up again. */
	for (unsigned i = 0; i < 100; i++)
		assert_false(busy_poll_turn(&r.poll, r.now_ns, r.now_ns + i));
}

static void one_pause_does_not_end_it(void **state)
{
	struct rig r;

	(void)state;
	(void)times_awake(start(&r), 10, 10 * US);
	assert_false(wait_and_serve(&r, 2 * BOUND_NS));
	assert_true(wait_and_serve(&r, 10 * US));
}

static void it_gives_up_when_it_is_mostly_in_vain(void **state)
{
	struct rig r;

	(void)state;
	(void)times_awake(start(&r), 10, 10 * US);
	(void)times_awake(&r, 8, 2 * BOUND_NS);
	uint64_t spent_us = metrics_get(r.cells, LOOP_C_POLL_US);
	(void)times_awake(&r, 100, 2 * BOUND_NS);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLL_US), spent_us);
}

static void whoever_else_wants_the_core_has_it_for_a_while(void **state)
{
	struct rig r;

	(void)state;
	(void)times_awake(start(&r), 10, 10 * US);
	r.now_ns += BUSY_POLL_TAKEN_NS;
	n_preempted++;
	assert_false(busy_poll_turn(&r.poll, 0, r.now_ns));
	uint64_t end_ns = r.now_ns + BUSY_POLL_RESTS * BUSY_POLL_TAKEN_NS;
	while (r.now_ns + 20 * US < end_ns)
		assert_false(wait_and_serve(&r, 10 * US));
	(void)times_awake(&r, 3, 10 * US);
	assert_true(wait_and_serve(&r, 10 * US));
}

/* It was taken away just before they came. */
static void packets_that_end_a_long_look_are_seen_by_it_too(void **state)
{
	struct rig r;

	(void)state;
	(void)times_awake(start(&r), 10, 10 * US);
	r.now_ns += BUSY_POLL_TAKEN_NS;
	n_preempted++;
	assert_false(serve(&r, US));
}

/* The host of a virtual machine had it: sleeping would not get it back. */
static void a_core_that_nobody_had_is_no_reason_to_sleep(void **state)
{
	struct rig r;

	(void)state;
	(void)times_awake(start(&r), 10, 10 * US);
	r.now_ns += BUSY_POLL_TAKEN_NS;
	assert_true(busy_poll_turn(&r.poll, 0, r.now_ns));
	assert_true(wait_and_serve(&r, 10 * US));
}

/* What is served is not waited for. */
static void long_turns_are_no_waits(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	for (unsigned i = 0; i < 3; i++)
		(void)serve(&r, 100 * BOUND_NS);
	assert_true(r.poll.is_on);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLL_US), 0);
}

static void what_it_spends_is_counted(void **state)
{
	struct rig r;

	(void)state;
	(void)times_awake(start(&r), 3, 10 * US);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLLS_HIT), 0);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLLS_VAIN), 0);
	(void)times_awake(&r, 100, 10 * US);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLLS_HIT), 100);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLL_US), 100 * 10);
	(void)wait_and_serve(&r, 2 * BOUND_NS);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLLS_HIT), 100);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLLS_VAIN), 1);
	assert_int_equal(metrics_get(r.cells, LOOP_C_POLL_US), 100 * 10 + BOUND_NS / US);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(packets_that_come_within_the_bound_find_it_awake),
		cmocka_unit_test(packets_that_come_later_are_slept_for),
		cmocka_unit_test(one_that_sleeps_begins_when_packets_come_often),
		cmocka_unit_test(after_the_last_packet_it_sleeps_when_the_bound_is_over),
		cmocka_unit_test(one_pause_does_not_end_it),
		cmocka_unit_test(it_gives_up_when_it_is_mostly_in_vain),
		cmocka_unit_test(whoever_else_wants_the_core_has_it_for_a_while),
		cmocka_unit_test(packets_that_end_a_long_look_are_seen_by_it_too),
		cmocka_unit_test(a_core_that_nobody_had_is_no_reason_to_sleep),
		cmocka_unit_test(long_turns_are_no_waits),
		cmocka_unit_test(what_it_spends_is_counted),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
