/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a program finds the lane of a packet: what user space writes there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/flow/kernel/kernel_priv.h"

#define LANES 4096

static struct kernel_bin bins[LANES];

static void begin(struct flow_kernel *k, uint32_t n_lanes)
{
	*k = (struct flow_kernel){.bins = bins};
	kernel_index_init(&k->index, n_lanes);
	assert_true(k->index.mask < LANES);
	memset(bins, 0, sizeof(bins));
}

static struct kernel_key key_of(uint32_t n)
{
	return (struct kernel_key){.src = {0, 0, 0xffff0000, n}, .dst = {0, 0, 0xffff0000, 1}};
}

static unsigned n_found(const struct flow_kernel *k, uint32_t lane)
{
	unsigned n = 0;

	for (uint32_t b = 0; b <= k->index.mask; b++)
		for (int i = 0; i < KERNEL_BIN; i++)
			n += bins[b].entries[i] != 0 && (uint32_t)bins[b].entries[i] == lane;
	return n;
}

static void bin_takes_eight_lanes(void **state)
{
	struct flow_kernel k;
	(void)state;

	begin(&k, 2); /* one bin */
	assert_int_equal(k.index.mask, 0);
	for (uint32_t i = 0; i < KERNEL_BIN; i++) {
		struct kernel_key key = key_of(i);
		assert_int_equal(kernel_index_put(&k, &key, i), 0);
	}
	struct kernel_key more = key_of(KERNEL_BIN), third = key_of(3);
	assert_int_equal(kernel_index_put(&k, &more, KERNEL_BIN), ERR_FULL);

	kernel_index_drop(&k, &third, 3);
	assert_int_equal(n_found(&k, 3), 0);
	assert_int_equal(kernel_index_put(&k, &more, KERNEL_BIN), 0);
	for (uint32_t i = 0; i <= KERNEL_BIN; i++)
		assert_int_equal(n_found(&k, i), i == 3 ? 0 : 1);
}

static void key_has_one_lane(void **state)
{
	struct flow_kernel k;
	struct kernel_key key = key_of(7);
	(void)state;

	begin(&k, LANES);
	assert_int_equal(kernel_index_put(&k, &key, 4), 0);
	assert_int_equal(kernel_index_put(&k, &key, 6), ERR_EXISTS);
	kernel_index_drop(&k, &key, 6); /* not this one's */
	assert_int_equal(n_found(&k, 4), 1);
	kernel_index_drop(&k, &key, 4);
	assert_int_equal(n_found(&k, 4), 0);
	assert_int_equal(kernel_index_put(&k, &key, 6), 0);
}

/* As many as there are lanes, their addresses in a row. */
static void nearly_all_lanes_find_room(void **state)
{
	struct flow_kernel k;
	unsigned n_left = 0;
	(void)state;

	begin(&k, LANES);
	for (uint32_t i = 0; i < LANES; i++) {
		struct kernel_key key = key_of(i << 8);
		n_left += kernel_index_put(&k, &key, i) != 0;
	}
	assert_true(n_left < LANES / 200);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(bin_takes_eight_lanes),
		cmocka_unit_test(key_has_one_lane),
		cmocka_unit_test(nearly_all_lanes_find_room),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
