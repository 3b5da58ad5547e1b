/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets, by network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sallyport/common/rate.h>

static unsigned taken(struct rate_bucket *b, uint32_t per_s, uint64_t now_ms, unsigned n)
{
	unsigned k = 0;

	while (n-- > 0)
		k += rate_take(b, per_s, now_ms);
	return k;
}

static void a_second_may_come_at_once_and_then_the_rate(void **state)
{
	struct rate_bucket b = {0};

	(void)state;
	assert_int_equal(taken(&b, 20, 1000, 100), 20);
	assert_int_equal(taken(&b, 20, 1500, 100), 10);
	assert_int_equal(taken(&b, 20, 60000, 100), 20);
}

static void slow_rates_have_a_burst_of_four(void **state)
{
	struct rate_bucket b = {0};

	(void)state;
	assert_int_equal(taken(&b, 1, 1000, 100), 4);
	assert_int_equal(taken(&b, 1, 2000, 100), 1);
}

static void no_rate_is_no_limit(void **state)
{
	struct rate_bucket b = {0};

	(void)state;
	assert_int_equal(taken(&b, 0, 1000, 1000), 1000);
}

static void networks_have_buckets_of_their_own(void **state)
{
	const struct hash_key key = {1, 2};
	struct rate_table *t = rate_table_create(&key);
	struct addr a = addr_ipv4(0xc0000201, 1), b = addr_ipv4(0xc00002fe, 2),
		    c = addr_ipv4(0xc0000301, 1), d, e;

	(void)state;
	assert_int_equal(addr_parse("2001:db8:1:2::1", 0, &d), 0);
	assert_int_equal(addr_parse("2001:db8:1:3::1", 0, &e), 0);
	assert_ptr_equal(rate_table_bucket(t, &a), rate_table_bucket(t, &b));
	assert_ptr_not_equal(rate_table_bucket(t, &a), rate_table_bucket(t, &c));
	assert_ptr_equal(rate_table_bucket(t, &d), rate_table_bucket(t, &e));
	rate_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(a_second_may_come_at_once_and_then_the_rate),
		cmocka_unit_test(slow_rates_have_a_burst_of_four),
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(networks_have_buckets_of_their_own),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
