/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tally.h"

struct fixture {
	struct stream stream;
	struct tally tally;
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* Numbers as they came, ended by -1; counted from BASE. */
static void come(struct fixture *f, uint32_t base, const int *numbers)
{
	f->stream.next = base;
	stream_start(&f->stream);
	for (; *numbers >= 0; numbers++)
		(void)tally_count(&f->tally, &f->stream, base + (uint32_t)*numbers);
}

static void a_gap_is_loss_and_no_reordering(void **state)
{
	struct fixture *f = *state;

	come(f, 0, (const int[]){0, 1, 5, 6, 90, 91, -1});

	assert_int_equal(f->tally.received, 6);
	assert_int_equal(f->tally.reordered, 0);
	assert_int_equal(f->tally.duplicate, 0);
}

/* RFC 4737 §3.3: reordered is the one that comes behind a later one, and only that. */
static void one_behind_later_ones_is_reordered_and_received(void **state)
{
	struct fixture *f = *state;

	come(f, 0, (const int[]){0, 2, 3, 1, 4, -1});

	assert_int_equal(f->tally.received, 5);
	assert_int_equal(f->tally.reordered, 1);
	assert_int_equal(f->tally.duplicate, 0);
}

static void one_that_comes_twice_is_received_once(void **state)
{
	struct fixture *f = *state;

	come(f, 0, (const int[]){0, 1, 1, 2, 0, -1});

	assert_int_equal(f->tally.received, 3);
	assert_int_equal(f->tally.duplicate, 2);
	assert_int_equal(f->tally.reordered, 0);
}

static void a_reordered_one_that_comes_twice_is_received_once(void **state)
{
	struct fixture *f = *state;

	come(f, 0, (const int[]){0, 60, 1, 1, -1});

	assert_int_equal(f->tally.received, 3);
	assert_int_equal(f->tally.duplicate, 1);
	assert_int_equal(f->tally.reordered, 1);
}

static void the_number_may_wrap(void **state)
{
	struct fixture *f = *state;

	come(f, UINT32_MAX - 2, (const int[]){0, 1, 2, 3, 5, 4, 6, 3, -1});

	assert_int_equal(f->tally.received, 7);
	assert_int_equal(f->tally.reordered, 1);
	assert_int_equal(f->tally.duplicate, 1);
	assert_int_equal(f->tally.late, 0);
}

static void one_of_an_earlier_run_is_late_and_not_received(void **state)
{
	struct fixture *f = *state;
	f->stream.next = 10;
	stream_start(&f->stream);

	assert_false(tally_count(&f->tally, &f->stream, 9));
	assert_true(tally_count(&f->tally, &f->stream, 10));

	assert_int_equal(f->tally.late, 1);
	assert_int_equal(f->tally.received, 1);
	assert_int_equal(f->tally.reordered, 0);
}

static void a_jump_of_64_forgets_no_newer_one(void **state)
{
	struct fixture *f = *state;

	come(f, 0, (const int[]){0, 64, 64, 1, 1, -1});

	assert_int_equal(f->tally.duplicate, 2);
	assert_int_equal(f->tally.received, 3);
}

static void percentiles_are_within_two_percent(void **state)
{
	struct fixture *f = *state;

	for (uint64_t us = 1; us <= 10000; us++)
		histogram_add(&f->tally.latency, us * 1000);

	assert_in_range((uintmax_t)histogram_us(&f->tally.latency, 50), 4900, 5100);
	assert_in_range((uintmax_t)histogram_us(&f->tally.latency, 99), 9702, 10098);
	assert_in_range((uintmax_t)histogram_us(&f->tally.latency, 99.9), 9790, 10190);
	assert_int_equal(f->tally.latency.max_ns, 10000000);
}

static void without_packets_there_is_no_percentile(void **state)
{
	struct fixture *f = *state;

	assert_true(histogram_us(&f->tally.latency, 99) == 0);
}

static void a_latency_beyond_all_buckets_is_in_the_last(void **state)
{
	struct fixture *f = *state;

	histogram_add(&f->tally.latency, UINT64_MAX);

	assert_int_equal(f->tally.latency.buckets[HISTOGRAM_BUCKETS - 1], 1);
	assert_true(histogram_us(&f->tally.latency, 50) > 1e9);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest t[] = {
		T(a_gap_is_loss_and_no_reordering),
		T(one_behind_later_ones_is_reordered_and_received),
		T(one_that_comes_twice_is_received_once),
		T(a_reordered_one_that_comes_twice_is_received_once),
		T(the_number_may_wrap),
		T(one_of_an_earlier_run_is_late_and_not_received),
		T(a_jump_of_64_forgets_no_newer_one),
		T(percentiles_are_within_two_percent),
		T(without_packets_there_is_no_percentile),
		T(a_latency_beyond_all_buckets_is_in_the_last),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
