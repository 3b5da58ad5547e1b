/* SPDX-License-Identifier: BSD-3-Clause */
/* When a loop lets packets gather before it polls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/loop/loop_priv.h"

/* A millisecond of N turns with PACKETS each; in how many of them a pause was wanted. */
static unsigned window(struct gather *g, uint64_t *now_ms, unsigned n, size_t packets)
{
	unsigned n_wanted = 0;

	for (unsigned i = 0; i < n; i++) {
		gather_add(g, packets);
		n_wanted += gather_wants_pause(g, *now_ms);
	}
	++*now_ms;
	return n_wanted;
}

static void few_packets_are_not_held_back(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(window(&g, &now_ms, GATHER_RATE_MS - 1, 1), 0);
}

static void many_that_come_one_by_one_gather(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		(void)window(&g, &now_ms, GATHER_RATE_MS + 1, 1);
	assert_int_equal(window(&g, &now_ms, GATHER_RATE_MS + 1, 1), GATHER_RATE_MS + 1);
}

static void bursts_need_no_gathering(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(window(&g, &now_ms, GATHER_RATE_MS, GATHER_ENOUGH), 0);
}

/* Gathered packets look like bursts, so it must be tried without. */
static void now_and_then_it_is_tried_without(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;
	unsigned n_on = 0;

	(void)state;
	(void)window(&g, &now_ms, GATHER_RATE_MS + 1, 1);
	(void)window(&g, &now_ms, GATHER_RATE_MS + 1, 1);
	(void)window(&g, &now_ms, GATHER_RATE_MS + 1, 1);
	while (window(&g, &now_ms, GATHER_RATE_MS, GATHER_ENOUGH) > 1)
		n_on++;
	assert_in_range(n_on, 1, GATHER_WINDOWS);
	for (unsigned i = 0; i < 100; i++)
		assert_in_range(window(&g, &now_ms, GATHER_RATE_MS, GATHER_ENOUGH), 0, 1);
	(void)window(&g, &now_ms, GATHER_RATE_MS + 1, 1);
	for (unsigned i = 0; i < GATHER_WINDOWS + 1 && n_on > 0; i++)
		n_on = window(&g, &now_ms, GATHER_RATE_MS + 1, 1) > 1 ? 0 : n_on;
	assert_int_equal(n_on, 0); /* on again when they come one by one */
}

static void a_turn_with_plenty_is_followed_at_once(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		(void)window(&g, &now_ms, GATHER_RATE_MS + 1, 1);
	gather_add(&g, GATHER_PLENTY);
	assert_false(gather_wants_pause(&g, now_ms - 1));
	gather_add(&g, GATHER_PLENTY - 1);
	assert_true(gather_wants_pause(&g, now_ms - 1));
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

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(few_packets_are_not_held_back),
		cmocka_unit_test(many_that_come_one_by_one_gather),
		cmocka_unit_test(bursts_need_no_gathering),
		cmocka_unit_test(now_and_then_it_is_tried_without),
		cmocka_unit_test(a_turn_with_plenty_is_followed_at_once),
		cmocka_unit_test(after_a_silence_the_first_packet_is_not_held_back),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
