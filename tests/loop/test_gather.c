/* SPDX-License-Identifier: BSD-3-Clause */
/* When a loop lets packets gather before it polls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/loop/loop_priv.h"

/* N turns of one millisecond, each with PACKETS; what the last one says. */
static bool turns(struct gather *g, uint64_t *now_ms, unsigned n, size_t packets)
{
	bool is_wanted = false;

	for (unsigned i = 0; i < n; i++) {
		gather_add(g, packets);
		is_wanted = gather_wants_pause(g, ++*now_ms);
	}
	return is_wanted;
}

static void few_packets_are_not_held_back(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	assert_false(turns(&g, &now_ms, 100, GATHER_RATE_MS - 1));
}

static void dense_packets_gather(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	assert_true(turns(&g, &now_ms, 3, GATHER_RATE_MS));
}

static void the_rate_is_that_of_all_turns_of_a_millisecond(void **state)
{
	struct gather g = {.begun_ms = 1000};

	(void)state;
	for (unsigned i = 0; i < GATHER_RATE_MS; i++) {
		gather_add(&g, 1);
		assert_false(gather_wants_pause(&g, 1000));
	}
	assert_true(gather_wants_pause(&g, 1001));
}

static void a_turn_with_plenty_is_followed_at_once(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	assert_false(turns(&g, &now_ms, 10, GATHER_PLENTY));
	gather_add(&g, GATHER_PLENTY - 1);
	assert_true(gather_wants_pause(&g, now_ms));
}

static void after_a_silence_the_first_packet_is_not_held_back(void **state)
{
	struct gather g = {0};
	uint64_t now_ms = 1000;

	(void)state;
	(void)turns(&g, &now_ms, 10, GATHER_RATE_MS);
	now_ms += 50;
	assert_false(turns(&g, &now_ms, 1, 1));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(few_packets_are_not_held_back),
		cmocka_unit_test(dense_packets_gather),
		cmocka_unit_test(the_rate_is_that_of_all_turns_of_a_millisecond),
		cmocka_unit_test(a_turn_with_plenty_is_followed_at_once),
		cmocka_unit_test(after_a_silence_the_first_packet_is_not_held_back),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
