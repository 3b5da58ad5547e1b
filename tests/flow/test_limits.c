/* SPDX-License-Identifier: BSD-3-Clause */
/* The limits of an allocation, its own and those it shares; and the bucket that threads share. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/flow.h>

#define BEGUN_MS 5000

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct net *net;
	struct flow_table *table, *other; /* of two workers */
	metrics_cell net_cells[NET_C_COUNT], cells[FLOW_C_COUNT], other_cells[FLOW_C_COUNT];
	struct flow_account account;
	struct flow_bucket *bucket; /* of what a test shares */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->clock.mono_ms = BEGUN_MS;
	f->loop = loop_create("test", 4);
	f->net = net_create(f->loop, f->net_cells);
	f->table = flow_table_create(&f->clock, f->net, f->cells);
	f->other = flow_table_create(&f->clock, f->net, f->other_cells);
	assert_non_null(f->table);
	assert_non_null(f->other);
	flow_account_init(&f->account, 0, f->clock.mono_ms);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	flow_table_destroy(f->table);
	flow_table_destroy(f->other);
	flow_account_fini(&f->account);
	flow_bucket_destroy(f->bucket);
	net_destroy(f->net);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

/* Offers N datagrams of LEN bytes; how many pass. */
static unsigned offer(
	struct fixture *f, struct flow_account *a, enum flow_direction d, unsigned n, size_t len)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < n; i++)
		passed += flow_pass(f->table, a, d, len);
	return passed;
}

/* The same each millisecond of S seconds. */
static unsigned offer_s(
	struct fixture *f, struct flow_account *a, unsigned s, unsigned n_each, size_t len)
{
	unsigned passed = 0;
	for (unsigned ms = 0; ms < s * 1000; ms++) {
		f->clock.mono_ms++;
		passed += offer(f, a, FLOW_UP, n_each, len);
	}
	return passed;
}

static uint64_t counted(struct fixture *f, enum flow_limit l)
{
	return metrics_get(f->cells, FLOW_C_OVER_PACKETS + l);
}

/* ---- packets per second ---- */

static void packets_get_a_quarter_of_a_second_at_once_and_then_their_rate(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(flow_account_packets_set(&f->account, 400), 0);
	assert_int_equal(offer(f, &f->account, FLOW_UP, 1000, 1), 100);
	assert_int_equal(offer(f, &f->account, FLOW_DOWN, 1000, 1), 100);
	assert_int_equal(offer_s(f, &f->account, 10, 3, 1), 4000);
	assert_int_equal(f->account.packets[FLOW_UP], 4100);
}

static void few_packets_a_second_still_leave_in_bursts_of_sixteen(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(flow_account_packets_set(&f->account, 1), 0);
	assert_int_equal(offer(f, &f->account, FLOW_UP, 100, 1), 16);
	f->clock.mono_ms += 999;
	assert_int_equal(offer(f, &f->account, FLOW_UP, 100, 1), 0);
	f->clock.mono_ms += 1;
	assert_int_equal(offer(f, &f->account, FLOW_UP, 100, 1), 1);
}

static void drops_are_counted_by_their_limit(void **state)
{
	struct fixture *f = *state;
	struct flow_account *a = &f->account;
	flow_account_init(a, 8, f->clock.mono_ms); /* 64 KiB in the bucket */
	assert_int_equal(flow_account_watch(a), 0);
	assert_int_equal(flow_account_packets_set(a, 400), 0);
	assert_int_equal(offer(f, a, FLOW_UP, 103, 1), 100);
	assert_int_equal(offer(f, a, FLOW_DOWN, 3, 30000), 2);
	assert_int_equal(counted(f, FLOW_LIMIT_PACKETS), 3);
	assert_int_equal(counted(f, FLOW_LIMIT_RATE), 1);
	assert_int_equal(a->limits->drops[FLOW_LIMIT_PACKETS].packets, 3);
	assert_int_equal(a->limits->drops[FLOW_LIMIT_PACKETS].bytes, 3);
	assert_int_equal(a->limits->drops[FLOW_LIMIT_RATE].packets, 1);
	assert_int_equal(a->limits->drops[FLOW_LIMIT_RATE].bytes, 30000);
	assert_int_equal(a->packets[FLOW_UP], 100);
	assert_int_equal(a->bytes[FLOW_DOWN], 60000);
}

/* ---- a shared rate ---- */

/* 10000 kbit/s are 1250 bytes a millisecond. */
static struct flow_bucket *share(struct fixture *f, struct flow_account *a, uint32_t kbps)
{
	if (!f->bucket)
		f->bucket = flow_bucket_create(kbps);
	assert_non_null(f->bucket);
	assert_int_equal(flow_account_bucket_set(a, FLOW_LIMIT_SUBJECT, f->bucket), 0);
	return f->bucket;
}

static void bucket_lets_its_rate_through(void **state)
{
	struct fixture *f = *state;
	share(f, &f->account, 10000);
	unsigned at_once = offer(f, &f->account, FLOW_UP, 100000, 1000);
	assert_int_equal(at_once, 312); /* a quarter of a second */
	unsigned passed = offer_s(f, &f->account, 10, 10, 1000);
	assert_in_range(passed, 12499, 12501);
	assert_int_equal(offer(f, &f->account, FLOW_DOWN, 100000, 1000), 312);
	assert_true(counted(f, FLOW_LIMIT_SUBJECT) > 0);
	assert_true(f->account.limits->drops[FLOW_LIMIT_SUBJECT].bytes > 0);
}

static void holders_share_one_rate(void **state)
{
	struct fixture *f = *state;
	struct flow_account all[8];
	uint64_t sum = 0, least = UINT64_MAX;
	for (unsigned i = 0; i < 8; i++) {
		flow_account_init(&all[i], 0, f->clock.mono_ms);
		share(f, &all[i], 10000);
	}
	flow_bucket_holders_set(f->bucket, 8);
	for (unsigned ms = 0; ms < 10000; ms++) {
		f->clock.mono_ms++;
		for (unsigned i = 0; i < 8; i++) /* nobody is always the first */
			(void)offer(f, &all[(i + ms) % 8], FLOW_UP, 2, 1000);
	}
	for (unsigned i = 0; i < 8; i++) {
		sum += all[i].bytes[FLOW_UP];
		least = all[i].bytes[FLOW_UP] < least ? all[i].bytes[FLOW_UP] : least;
	}
	assert_in_range(sum, 12500000, 12500000 + 312500);
	assert_true(least > sum / 8 / 2);
	for (unsigned i = 0; i < 8; i++)
		flow_account_fini(&all[i]);
}

static void smaller_rate_of_its_own_leaves_the_rest_to_others(void **state)
{
	struct fixture *f = *state;
	struct flow_account small, big;
	flow_account_init(&small, 3000, f->clock.mono_ms);
	flow_account_init(&big, 0, f->clock.mono_ms);
	share(f, &small, 10000);
	share(f, &big, 10000);
	flow_bucket_holders_set(f->bucket, 2);
	for (unsigned ms = 0; ms < 10000; ms++) {
		f->clock.mono_ms++;
		(void)offer(f, &small, FLOW_UP, 1, 1000);
		(void)offer(f, &big, FLOW_UP, 10, 100);
	}
	uint64_t sum = small.bytes[FLOW_UP] + big.bytes[FLOW_UP];
	assert_in_range(sum, 12500000, 12500000 + 312500);
	assert_in_range(small.bytes[FLOW_UP], 1, 3750000 + 93750);
	assert_true(counted(f, FLOW_LIMIT_RATE) > 0);
	flow_account_fini(&small);
	flow_account_fini(&big);
}

/* What one limit refuses is not charged to another. */
static void refused_packet_costs_nothing(void **state)
{
	struct fixture *f = *state;
	struct flow_account *a = &f->account;
	flow_account_init(a, 8000, f->clock.mono_ms);
	assert_int_equal(flow_account_packets_set(a, 100000), 0);
	share(f, a, 8); /* 64 KiB in the bucket, and a byte each millisecond */
	assert_int_equal(offer(f, a, FLOW_UP, 1000, 65000), 1);
	assert_int_equal(a->tokens[FLOW_UP], 250000 - 65000);
	uint64_t full_ns = a->limits->packets_full_ns[FLOW_UP];
	assert_int_equal(offer(f, a, FLOW_UP, 1000, 65000), 0);
	assert_int_equal(a->limits->packets_full_ns[FLOW_UP], full_ns);
	assert_int_equal(a->tokens[FLOW_UP], 250000 - 65000);
}

static void longest_datagram_passes_any_rate(void **state)
{
	struct fixture *f = *state;
	share(f, &f->account, 1);
	assert_int_equal(offer(f, &f->account, FLOW_UP, 2, 65535), 1);
	f->clock.mono_ms += 65535 * 8;
	assert_int_equal(offer(f, &f->account, FLOW_UP, 2, 65535), 1);
}

static void node_is_one_rate_for_all_workers(void **state)
{
	struct fixture *f = *state;
	struct flow_account other;
	flow_account_init(&other, 0, f->clock.mono_ms);
	assert_int_equal(flow_account_watch(&f->account), 0);
	f->bucket = flow_bucket_create(10000);
	flow_bucket_holders_set(f->bucket, 2);
	flow_table_bucket_set(f->table, f->bucket);
	flow_table_bucket_set(f->other, f->bucket);
	for (unsigned ms = 0; ms < 10000; ms++) {
		f->clock.mono_ms++;
		for (unsigned i = 0; i < 5; i++) {
			(void)flow_pass(f->table, &f->account, FLOW_UP, 1000);
			(void)flow_pass(f->other, &other, FLOW_UP, 1000);
		}
	}
	assert_in_range(
		f->account.bytes[FLOW_UP] + other.bytes[FLOW_UP], 12500000, 12500000 + 312500);
	assert_int_equal(
		f->account.limits->drops[FLOW_LIMIT_NODE].packets, counted(f, FLOW_LIMIT_NODE));
	flow_table_bucket_set(f->table, NULL);
	assert_int_equal(offer(f, &f->account, FLOW_UP, 5000, 1000), 5000);
}

/* What a stream may read is asked before, under every limit but that of packets. */
static void stream_is_held_to_the_least_of_its_limits(void **state)
{
	struct fixture *f = *state;
	struct flow_account *a = &f->account;

	assert_int_equal(flow_stream_room(f->table, a, FLOW_UP), SIZE_MAX);
	flow_account_init(a, 8000, f->clock.mono_ms); /* a bucket of 250000 bytes */
	flow_account_packets_set(a, 1);
	assert_int_equal(flow_stream_room(f->table, a, FLOW_UP), 250000);
	f->bucket = flow_bucket_create(800); /* of 64 KiB, drawn from in portions */
	flow_account_bucket_set(a, FLOW_LIMIT_SUBJECT, f->bucket);

	size_t passed = 0;
	for (size_t n; (n = flow_stream_room(f->table, a, FLOW_UP)) > 0; passed += n)
		flow_stream_passed(f->table, a, FLOW_UP, n);
	assert_true(passed >= 65536 - 16384 && passed <= 65536 + 2000);
	assert_true(flow_stream_room(f->table, a, FLOW_DOWN) > 0);
	assert_int_equal(a->bytes[FLOW_UP], passed);
	assert_int_equal(metrics_get(f->cells, FLOW_C_STREAM_UP_BYTES), passed);

	/* 100000 bytes a second from then on. */
	size_t before = passed;
	for (int i = 0; i < 100; i++) {
		f->clock.mono_ms += 100;
		for (size_t n; (n = flow_stream_room(f->table, a, FLOW_UP)) > 0; passed += n)
			flow_stream_passed(f->table, a, FLOW_UP, n);
	}
	assert_in_range(passed - before, 970000, 1030000);
}

static void stream_draws_from_the_nodes_bucket_too(void **state)
{
	struct fixture *f = *state;

	f->bucket = flow_bucket_create(800);
	flow_table_bucket_set(f->table, f->bucket);
	size_t passed = 0;
	for (size_t n; (n = flow_stream_room(f->table, &f->account, FLOW_DOWN)) > 0; passed += n)
		flow_stream_passed(f->table, &f->account, FLOW_DOWN, n);
	assert_true(passed >= 65536 - 16384 && passed <= 65536 + 2000);
	flow_table_bucket_set(f->table, NULL);
}

static void rate_may_change_while_it_is_drawn_from(void **state)
{
	struct fixture *f = *state;
	struct flow_bucket *b = share(f, &f->account, 10000);
	(void)offer(f, &f->account, FLOW_UP, 100000, 1000);
	flow_bucket_rate_set(b, 20000);
	assert_int_equal(flow_bucket_kbps(b), 20000);
	assert_in_range(offer_s(f, &f->account, 10, 10, 1000), 25000, 25000 + 625);
	flow_bucket_rate_set(b, 0);
	f->clock.mono_ms++;
	assert_int_equal(offer(f, &f->account, FLOW_UP, 100000, 1000), 100000);
}

/* A terabit: no product of it overflows. */
static void greatest_rate_holds(void **state)
{
	struct fixture *f = *state;
	f->bucket = flow_bucket_create(1000000000);
	uint64_t sum = 0;
	for (uint32_t n; (n = flow_bucket_draw(f->bucket, FLOW_UP, 1200, BEGUN_MS)) != 0;)
		sum += n;
	assert_in_range(sum, 1063000000, 1u << 30);
	sum = 0;
	for (unsigned ms = 1; ms <= 100; ms++) {
		for (uint32_t n;
			(n = flow_bucket_draw(f->bucket, FLOW_UP, 1200, BEGUN_MS + ms)) != 0;)
			sum += n;
	}
	assert_in_range(sum, 12375000000, 12500000000);
}

/* ---- threads ---- */

struct drawer {
	struct flow_bucket *bucket;
	uint64_t drawn;
};

static void *draw(void *arg)
{
	struct drawer *d = arg;
	for (uint64_t ms = 0; ms < 1000; ms++) {
		for (unsigned i = 0; i < 20; i++)
			d->drawn += flow_bucket_draw(d->bucket, FLOW_DOWN, 1000, BEGUN_MS + ms);
	}
	return NULL;
}

/* Each with a clock of its own, that runs as it likes. */
static void threads_together_draw_no_more_than_the_rate(void **state)
{
	struct fixture *f = *state;
	struct drawer d[4];
	pthread_t threads[4];
	uint64_t sum = 0;
	f->bucket = flow_bucket_create(80000); /* 10 MB in a second */
	flow_bucket_holders_set(f->bucket, 4);
	for (unsigned i = 0; i < 4; i++) {
		d[i] = (struct drawer){.bucket = f->bucket};
		assert_int_equal(pthread_create(&threads[i], NULL, draw, &d[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		sum += d[i].drawn;
	}
	assert_in_range(sum, 10000000, 12500000);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(packets_get_a_quarter_of_a_second_at_once_and_then_their_rate),
		T(few_packets_a_second_still_leave_in_bursts_of_sixteen),
		T(drops_are_counted_by_their_limit),
		T(bucket_lets_its_rate_through),
		T(holders_share_one_rate),
		T(smaller_rate_of_its_own_leaves_the_rest_to_others),
		T(refused_packet_costs_nothing),
		T(longest_datagram_passes_any_rate),
		T(node_is_one_rate_for_all_workers),
		T(stream_is_held_to_the_least_of_its_limits),
		T(stream_draws_from_the_nodes_bucket_too),
		T(rate_may_change_while_it_is_drawn_from),
		T(greatest_rate_holds),
		T(threads_together_draw_no_more_than_the_rate),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
