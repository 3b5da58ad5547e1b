/* SPDX-License-Identifier: BSD-3-Clause */
/* When so many allocations have ended that the heap is worth a walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../src/daemon/trim.h"

static void few_allocations_are_not_worth_it(void **state)
{
	uint64_t peak = 0;
	assert_false(trim_is_due(&peak, TRIM_FROM - 1));
	assert_false(trim_is_due(&peak, 0));
	(void)state;
}

static void due_when_half_of_the_most_have_gone(void **state)
{
	uint64_t peak = 0;
	assert_false(trim_is_due(&peak, 5000));
	assert_false(trim_is_due(&peak, 8000));
	assert_false(trim_is_due(&peak, 4001));
	assert_true(trim_is_due(&peak, 4000));
	(void)state;
}

static void not_due_again_for_the_same(void **state)
{
	uint64_t peak = 8000;
	assert_true(trim_is_due(&peak, 100));
	assert_false(trim_is_due(&peak, 100));
	assert_false(trim_is_due(&peak, 0));
	(void)state;
}

static void due_again_after_the_next_crowd(void **state)
{
	uint64_t peak = 8000;
	assert_true(trim_is_due(&peak, 2000));
	assert_false(trim_is_due(&peak, 1500));
	assert_true(trim_is_due(&peak, 1000));
	assert_false(trim_is_due(&peak, 9000));
	assert_true(trim_is_due(&peak, 0));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(few_allocations_are_not_worth_it),
		cmocka_unit_test(due_when_half_of_the_most_have_gone),
		cmocka_unit_test(not_due_again_for_the_same),
		cmocka_unit_test(due_again_after_the_next_crowd),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
