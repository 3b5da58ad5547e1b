/* SPDX-License-Identifier: BSD-3-Clause */
/* Shares of a room: how much one gets, and that others always find some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sallyport/common.h>

#define MAX 4000

static struct share_table table;
static struct share *taken[2 * MAX];
static size_t n_taken;

static int begin(void **state)
{
	(void)state;
	share_table_init(&table, (struct hash_key){1, 2});
	n_taken = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	while (n_taken > 0)
		share_give(&table, taken[--n_taken]);
	assert_int_equal(table.n, 0);
	assert_int_equal(table.shares.count, 0);
	share_table_fini(&table);
	return 0;
}

/* Takes as much of MAX as there is for WHO, and says how much that was. */
static size_t fill(struct addr who, uint64_t place, size_t max)
{
	size_t n = 0;

	while (share_is_free(&table, &who, place, max)) {
		taken[n_taken] = share_take(&table, &who, place);
		assert_non_null(taken[n_taken]);
		n_taken++;
		n++;
	}
	return n;
}

static void one_alone_gets_three_quarters(void **state)
{
	(void)state;
	assert_int_equal(fill(addr_ipv4(1, 5060), 1, MAX), MAX / 4 * 3);
}

static void others_find_some_behind_any_number_of_takers(void **state)
{
	size_t last = MAX;

	(void)state;
	for (uint32_t who = 1; who < 5; who++) {
		size_t n = fill(addr_ipv4(who, 5060), 1, MAX);
		assert_in_range(n, MAX >> (2 * who), last);
		last = n;
	}
}

static void ports_are_of_one_and_places_are_not(void **state)
{
	(void)state;
	(void)fill(addr_ipv4(1, 5060), 1, MAX);
	struct addr other_port = addr_ipv4(1, 5061);

	assert_false(share_is_free(&table, &other_port, 1, MAX));
	assert_true(share_is_free(&table, &other_port, 2, MAX));
}

static void what_is_given_back_is_free_again(void **state)
{
	(void)state;
	size_t n = fill(addr_ipv4(1, 5060), 1, MAX);
	for (size_t i = 0; i < n; i++)
		share_give(&table, taken[--n_taken]);

	assert_int_equal(table.n, 0);
	assert_int_equal(fill(addr_ipv4(1, 5060), 1, MAX), n);
}

static void a_room_for_few_is_used(void **state)
{
	struct addr who = addr_ipv4(1, 0);

	(void)state;
	assert_int_equal(fill(who, 1, 3), 3);
	assert_false(share_is_free(&table, &who, 2, 3));
	assert_false(share_is_free(&table, &who, 1, 0));
}

static void bytes_are_divided_as_places_are(void **state)
{
	struct addr who = addr_ipv4(1, 0), other = addr_ipv4(2, 0);
	size_t used = 0;

	(void)state;
	taken[n_taken++] = share_take(&table, &who, 1);
	while (share_has_bytes(&table, &who, 1, used, 4000)) {
		used += 10;
		taken[0]->bytes += 10;
	}
	assert_in_range(used, 2980, 3020);
	assert_true(share_has_bytes(&table, &other, 1, used, 4000));
	assert_true(share_has_bytes(&table, &who, 2, used, 4000));
	assert_false(share_has_bytes(&table, &other, 1, 4000, 4000));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(one_alone_gets_three_quarters, begin, end),
		cmocka_unit_test_setup_teardown(
			others_find_some_behind_any_number_of_takers, begin, end),
		cmocka_unit_test_setup_teardown(ports_are_of_one_and_places_are_not, begin, end),
		cmocka_unit_test_setup_teardown(what_is_given_back_is_free_again, begin, end),
		cmocka_unit_test_setup_teardown(a_room_for_few_is_used, begin, end),
		cmocka_unit_test_setup_teardown(bytes_are_divided_as_places_are, begin, end),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
