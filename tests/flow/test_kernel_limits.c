/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits that user space and the programs keep together, from the side of user space: the programs
 * are played by the test, in memory that it owns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/flow/kernel/kernel_priv.h"

#define SLOTS 4

struct fixture {
	struct loop *loop;
	struct clock *clock; /* the loop's, which does not run */
	struct net *net;
	struct flow_kernel kernel;
	struct flow_kernel_worker worker;
	struct flow_bucket_pool *pool;
	struct flow_bucket *node, *subject;
	struct flow flows[SLOTS];
	struct flow_account account;
	metrics_cell net_cells[NET_C_COUNT], cells[FLOW_C_COUNT];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct flow_kernel_worker *w = &f->worker;

	f->loop = loop_create("test", 4);
	f->clock = (struct clock *)(uintptr_t)loop_clock(f->loop);
	f->net = net_create(f->loop, f->net_cells);
	f->kernel.accounts = calloc(1 + SLOTS, sizeof(*f->kernel.accounts));
	f->kernel.lanes = calloc(2 * SLOTS, sizeof(*f->kernel.lanes));
	f->kernel.buckets = aligned_alloc(FLOW_BUCKET_SIZE, 4 * FLOW_BUCKET_SIZE);
	memset(f->kernel.buckets, 0, 4 * FLOW_BUCKET_SIZE);
	f->pool = flow_bucket_pool_create(f->kernel.buckets, 4);
	f->node = flow_bucket_create_in(f->pool, 0);
	f->subject = flow_bucket_create_in(f->pool, 800);
	*w = (struct flow_kernel_worker){.kernel = &f->kernel, .loop = f->loop, .n_all = SLOTS};
	w->flows = flow_table_create(f->clock, f->net, f->cells);
	w->all = calloc(SLOTS, sizeof(*w->all));
	w->holds = calloc(SLOTS, sizeof(*w->holds));
	list_init(&w->free_holds);
	flow_account_init(&f->account, 800, f->clock->mono_ms); /* 100 bytes a ms, 64 KiB */
	for (int i = 0; i < SLOTS; i++) {
		f->flows[i].account = &f->account;
		w->all[i] = (struct kernel_flow){.worker = w, .flow = &f->flows[i]};
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	flow_account_fini(&f->account);
	flow_table_destroy(f->worker.flows);
	flow_bucket_destroy(f->subject);
	flow_bucket_destroy(f->node);
	flow_bucket_pool_destroy(f->pool);
	free(f->kernel.buckets);
	free(f->kernel.lanes);
	free(f->kernel.accounts);
	free(f->worker.holds);
	free(f->worker.all);
	net_destroy(f->net);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

static bool follow(struct fixture *f, int i)
{
	return kernel_limits_follow(&f->worker, &f->worker.all[i]);
}

static void leave(struct fixture *f, int i)
{
	kernel_limits_leave(&f->worker, &f->worker.all[i]);
}

static bool pass(struct fixture *f, size_t n)
{
	return flow_pass(f->worker.flows, &f->account, FLOW_UP, n);
}

static void what_has_passed_goes_along_and_comes_back(void **state)
{
	struct fixture *f = *state;

	assert_true(pass(f, 60000));
	assert_true(follow(f, 0));
	struct kernel_account *a = &f->kernel.accounts[1];
	assert_int_equal(f->kernel.lanes[0].account, 1);
	assert_int_equal(f->kernel.lanes[1].account, 1);
	assert_int_equal(a->own[FLOW_LIMIT_RATE].rate, 100000);
	assert_false(pass(f, 5537));
	assert_true(pass(f, 5000));
	assert_false(pass(f, 537));
	a->own[FLOW_LIMIT_RATE].full_ns[FLOW_UP] += 536 * UINT64_C(10000); /* a program's */
	assert_false(pass(f, 1));
	f->clock->mono_ms += 10;
	assert_false(pass(f, 1001));
	assert_true(pass(f, 1000));

	leave(f, 0);
	assert_null(f->account.limits->lent);
	assert_false(pass(f, 1));
	f->clock->mono_ms += 10000;
	assert_false(pass(f, 65537));
	assert_true(pass(f, 65535));
}

static void packets_are_kept_as_well(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0;

	assert_int_equal(flow_account_packets_set(&f->account, 100), 0); /* 25 at once */
	for (int i = 0; i < 10; i++)
		assert_true(pass(f, 1));
	assert_true(follow(f, 0));
	while (pass(f, 1))
		n++;
	assert_int_equal(n, 15);
	assert_int_equal(f->account.limits->drops[FLOW_LIMIT_PACKETS].packets, 1);
	leave(f, 0);
	assert_false(pass(f, 1));
	f->clock->mono_ms += 10;
	assert_true(pass(f, 1));
	assert_false(pass(f, 1));
}

static void flows_of_an_allocation_share_its_limits_to_the_last(void **state)
{
	struct fixture *f = *state;

	assert_true(follow(f, 0));
	assert_true(follow(f, 2));
	assert_true(follow(f, 2));
	assert_int_equal(f->kernel.lanes[5].account, 1);
	leave(f, 0);
	assert_non_null(f->account.limits->lent);
	leave(f, 2);
	assert_null(f->account.limits->lent);
	/* Its place rests before another gets it. */
	assert_true(follow(f, 1));
	assert_int_equal(f->kernel.lanes[2].account, 2);
	leave(f, 1);
}

static void what_programs_refuse_is_counted_once(void **state)
{
	struct fixture *f = *state;

	assert_true(follow(f, 0));
	f->kernel.accounts[1].refused[FLOW_LIMIT_RATE].packets = 3;
	f->kernel.accounts[1].refused[FLOW_LIMIT_RATE].bytes = 300;
	kernel_limits_count(&f->worker, f->worker.all[0].hold, &f->account);
	f->kernel.accounts[1].refused[FLOW_LIMIT_RATE].packets = 5;
	f->kernel.accounts[1].refused[FLOW_LIMIT_RATE].bytes = 500;
	leave(f, 0);

	assert_int_equal(f->account.limits->drops[FLOW_LIMIT_RATE].packets, 5);
	assert_int_equal(f->account.limits->drops[FLOW_LIMIT_RATE].bytes, 500);
	assert_int_equal(f->cells[FLOW_C_OVER_RATE], 5);
}

static void shared_bucket_that_comes_later_is_followed(void **state)
{
	struct fixture *f = *state;

	assert_true(follow(f, 0));
	assert_int_equal(f->kernel.accounts[1].shared[0], 0);
	assert_int_equal(flow_account_bucket_set(&f->account, FLOW_LIMIT_SUBJECT, f->subject), 0);
	assert_true(follow(f, 0));
	assert_int_equal(f->kernel.accounts[1].shared[0], 2);
	assert_int_equal(f->kernel.accounts[1].shared[1], 0);
	leave(f, 0);
}

static void bucket_that_programs_cannot_see_is_left_to_user_space(void **state)
{
	struct fixture *f = *state;
	struct flow_bucket *b = flow_bucket_create(800);

	assert_int_equal(flow_account_bucket_set(&f->account, FLOW_LIMIT_TENANT, b), 0);
	assert_false(follow(f, 0));
	assert_null(f->account.limits->lent);
	assert_int_equal(flow_account_bucket_set(&f->account, FLOW_LIMIT_TENANT, f->subject), 0);
	flow_table_bucket_set(f->worker.flows, b);
	assert_false(follow(f, 0));
	flow_table_bucket_set(f->worker.flows, f->node);
	assert_true(follow(f, 0));
	leave(f, 0);
	flow_bucket_destroy(b);
}

static void pool_that_is_full_gives_from_the_heap_and_takes_back(void **state)
{
	struct fixture *f = *state;
	struct flow_bucket *last = flow_bucket_create_in(f->pool, 8);
	struct flow_bucket *heap = flow_bucket_create_in(f->pool, 8);

	assert_int_equal(flow_bucket_index(f->node), FLOW_BUCKET_NODE);
	assert_int_equal(flow_bucket_index(last), 3);
	assert_int_equal(flow_bucket_index(heap), 0);
	flow_bucket_destroy(heap);
	flow_bucket_destroy(last);
	last = flow_bucket_create_in(f->pool, 8);
	assert_int_equal(flow_bucket_index(last), 3);
	flow_bucket_destroy(last);
}

/* What was drawn at a low rate lies far ahead, and would stop a high one for as long. */
static void new_rate_begins_with_a_full_bucket(void **state)
{
	struct fixture *f = *state;
	uint64_t now = f->clock->mono_ms;

	flow_bucket_rate_set(f->subject, 8);
	assert_int_equal(flow_bucket_draw(f->subject, FLOW_UP, 65000, now), 65000);
	assert_int_equal(flow_bucket_draw(f->subject, FLOW_UP, 65000, now), 0);
	flow_bucket_rate_set(f->subject, 8); /* not new */
	assert_int_equal(flow_bucket_draw(f->subject, FLOW_UP, 65000, now), 0);
	flow_bucket_rate_set(f->subject, 800);
	struct kernel_bucket *b = (struct kernel_bucket *)f->kernel.buckets;
	b[flow_bucket_index(f->subject)].meter.full_ns[FLOW_UP] -= 1000000; /* taken back late */
	assert_int_equal(flow_bucket_draw(f->subject, FLOW_UP, 65000, now), 65000);
	assert_int_equal(flow_bucket_draw(f->subject, FLOW_UP, 65000, now), 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(
			what_has_passed_goes_along_and_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(packets_are_kept_as_well, setup, teardown),
		cmocka_unit_test_setup_teardown(
			flows_of_an_allocation_share_its_limits_to_the_last, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_programs_refuse_is_counted_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			shared_bucket_that_comes_later_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			bucket_that_programs_cannot_see_is_left_to_user_space, setup, teardown),
		cmocka_unit_test_setup_teardown(
			pool_that_is_full_gives_from_the_heap_and_takes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			new_rate_begins_with_a_full_bucket, setup, teardown),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
