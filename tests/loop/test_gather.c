/* SPDX-License-Identifier: BSD-3-Clause */
/* When a loop lets packets gather before it polls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/loop/loop_priv.h"

/* A millisecond of N turns with PACKETS each; the longest pause between them. */
static uint32_t window(struct gather *g, uint64_t *now_ms, unsigned n, size_t packets)
{
	uint32_t longest = 0;

	for (unsigned i = 0; i < n; i++) {
		gather_add(g, packets);
		uint32_t ns = gather_pause(g, *now_ms);
		longest = ns > longest ? ns : longest;
	}
	++*now_ms;
	return longest;
}

/* At PACKETS a millisecond, one in a turn. */
static uint32_t pause_at(size_t packets)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	for (unsigned i = 0; i < 3; i++)
		(void)window(&g, &now_ms, (unsigned)packets, 1);
	return window(&g, &now_ms, (unsigned)packets, 1);
}

static void few_packets_are_not_held_back(void **state)
{
	(void)state;
	for (unsigned packets = 1; packets < GATHER_RATE_MS; packets++)
		assert_int_equal(pause_at(packets), 0);
}

static void many_gather_for_a_bounded_time(void **state)
{
	(void)state;
	assert_int_equal(pause_at(GATHER_RATE_MS), GATHER_MAX_NS);
	assert_int_equal(pause_at(GATHER_RATE_MS + 1), GATHER_MAX_NS);
}

static void the_more_come_the_shorter_the_pause(void **state)
{
	(void)state;
	for (unsigned packets = 4 * GATHER_RATE_MS; packets < 1000; packets *= 2)
		assert_int_equal(pause_at(packets), GATHER_AIM * 1000000 / packets);
}

static void a_turn_with_plenty_is_followed_at_once(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		(void)window(&g, &now_ms, GATHER_RATE_MS + 1, 1);
	gather_add(&g, GATHER_PLENTY);
	assert_int_equal(gather_pause(&g, now_ms - 1), 0);
	gather_add(&g, GATHER_PLENTY - 1);
	assert_int_not_equal(gather_pause(&g, now_ms - 1), 0);
}

static void after_a_silence_the_first_packet_is_not_held_back(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		(void)window(&g, &now_ms, GATHER_RATE_MS + 1, 1);
	now_ms += 50;
	assert_int_equal(window(&g, &now_ms, 1, 1), 0);
}

/* A turn may take longer than a window. */
static void a_clock_that_jumps_is_no_silence(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		gather_add(&g, 3 * GATHER_RATE_MS);
		(void)gather_pause(&g, now_ms);
		now_ms += 3;
	}
	assert_int_equal(g.pause_ns, GATHER_MAX_NS);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(few_packets_are_not_held_back),
		cmocka_unit_test(many_gather_for_a_bounded_time),
		cmocka_unit_test(the_more_come_the_shorter_the_pause),
		cmocka_unit_test(a_turn_with_plenty_is_followed_at_once),
		cmocka_unit_test(after_a_silence_the_first_packet_is_not_held_back),
		cmocka_unit_test(a_clock_that_jumps_is_no_silence),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
