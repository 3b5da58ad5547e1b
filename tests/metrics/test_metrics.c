/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters: blocks, sums, and the text a scraper reads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/metrics.h>

enum {
	TURN_OK,
	TURN_REFUSED,
	TURN_LIVE,
	TURN_N
};
static const struct metrics_row turn_rows[TURN_N] = {
	[TURN_OK] = {"sallyport_requests_total", "result=\"ok\"", METRICS_COUNTER, "Requests."},
	[TURN_REFUSED] = {"sallyport_requests_total", "result=\"refused\"", METRICS_COUNTER,
		"Requests."},
	[TURN_LIVE] = {"sallyport_allocations", NULL, METRICS_GAUGE, "Allocations that live."},
};
static const struct metrics_group turn = {turn_rows, TURN_N};

static const struct metrics_row net_rows[] = {
	{"sallyport_packets_total", "dir=\"in\"", METRICS_COUNTER, "Packets."},
	{"sallyport_errors_total", NULL, METRICS_COUNTER, "Errors."},
	{"sallyport_packets_total", "dir=\"out\"", METRICS_COUNTER, "Packets."},
};
static const struct metrics_group net = {net_rows, ARRAY_LEN(net_rows)};

static const struct metrics_group *const groups[] = {&turn, &net};

static struct metrics_set *create(unsigned n_threads)
{
	struct metrics_set *s = metrics_set_create(groups, ARRAY_LEN(groups), n_threads);

	assert_non_null(s);
	return s;
}

static void cells_start_at_zero(void **state)
{
	struct metrics_set *s = create(3);

	for (unsigned thread = 0; thread < 3; thread++) {
		for (unsigned row = 0; row < TURN_N; row++)
			assert_int_equal(metrics_get(metrics_set_cells(s, &turn, thread), row), 0);
	}
	assert_int_equal(metrics_set_sum(s, &net, 2), 0);
	metrics_set_destroy(s);
}

static void sum_adds_all_threads_and_no_other_row(void **state)
{
	struct metrics_set *s = create(3);

	for (unsigned thread = 0; thread < 3; thread++) {
		metrics_add(metrics_set_cells(s, &turn, thread), TURN_OK, 1 + thread);
		metrics_add(metrics_set_cells(s, &net, thread), 0, 100);
	}
	assert_int_equal(metrics_set_sum(s, &turn, TURN_OK), 6);
	assert_int_equal(metrics_set_sum(s, &turn, TURN_REFUSED), 0);
	assert_int_equal(metrics_set_sum(s, &net, 0), 300);
	assert_int_equal(metrics_set_sum(s, &net, 1), 0);
	metrics_set_destroy(s);
}

static void gauge_may_rise_on_one_thread_and_fall_on_another(void **state)
{
	struct metrics_set *s = create(2);

	metrics_add(metrics_set_cells(s, &turn, 0), TURN_LIVE, 5);
	metrics_sub(metrics_set_cells(s, &turn, 1), TURN_LIVE, 3);
	assert_int_equal(metrics_set_sum(s, &turn, TURN_LIVE), 2);
	metrics_set_destroy(s);
}

static void threads_share_no_cache_line(void **state)
{
	struct metrics_set *s = create(2);
	uintptr_t last = (uintptr_t)(metrics_set_cells(s, &net, 0) + net.n_rows) - 1;
	uintptr_t first = (uintptr_t)metrics_set_cells(s, &turn, 1);

	assert_true(first / 64 > last / 64);
	metrics_set_destroy(s);
}

static void assert_printed(const struct metrics_set *s, const char *want)
{
	char *text;
	size_t len;

	assert_int_equal(metrics_set_print(s, &text, &len), 0);
	assert_string_equal(text, want);
	assert_int_equal(len, strlen(want));
	free(text);
}

/* Prometheus text format 0.0.4: all lines of one name together, under one HELP and one TYPE. */
static void text_names_every_metric_once(void **state)
{
	struct metrics_set *s = create(2);

	metrics_add(metrics_set_cells(s, &turn, 0), TURN_OK, 7);
	metrics_add(metrics_set_cells(s, &turn, 1), TURN_LIVE, 2);
	metrics_add(metrics_set_cells(s, &net, 1), 2, UINT64_MAX);
	assert_printed(s, "# HELP sallyport_requests_total Requests.\n"
			  "# TYPE sallyport_requests_total counter\n"
			  "sallyport_requests_total{result=\"ok\"} 7\n"
			  "sallyport_requests_total{result=\"refused\"} 0\n"
			  "# HELP sallyport_allocations Allocations that live.\n"
			  "# TYPE sallyport_allocations gauge\n"
			  "sallyport_allocations 2\n"
			  "# HELP sallyport_packets_total Packets.\n"
			  "# TYPE sallyport_packets_total counter\n"
			  "sallyport_packets_total{dir=\"in\"} 0\n"
			  "sallyport_packets_total{dir=\"out\"} 18446744073709551615\n"
			  "# HELP sallyport_errors_total Errors.\n"
			  "# TYPE sallyport_errors_total counter\n"
			  "sallyport_errors_total 0\n");
	metrics_set_destroy(s);
}

static void gauge_below_zero_is_printed_as_such(void **state)
{
	static const struct metrics_row row = {"live", NULL, METRICS_GAUGE, "Live."};
	static const struct metrics_group group = {&row, 1};
	static const struct metrics_group *const only[] = {&group};
	struct metrics_set *s = metrics_set_create(only, 1, 1);

	assert_non_null(s);
	metrics_sub(metrics_set_cells(s, &group, 0), 0, 1);
	assert_printed(s, "# HELP live Live.\n# TYPE live gauge\nlive -1\n");
	metrics_set_destroy(s);
}

static void set_without_groups_prints_nothing(void **state)
{
	struct metrics_set *s = metrics_set_create(NULL, 0, 1);

	assert_non_null(s);
	assert_printed(s, "");
	metrics_set_destroy(s);
	metrics_set_destroy(NULL);
}

#define N_WRITERS 3
#define N_ADDS    20000

static void *write_cells(void *arg)
{
	for (unsigned i = 0; i < N_ADDS; i++)
		metrics_add(arg, TURN_OK, 1);
	return NULL;
}

static void sum_may_be_read_while_threads_write(void **state)
{
	struct metrics_set *s = create(N_WRITERS);
	pthread_t threads[N_WRITERS];
	uint64_t last = 0;

	for (unsigned i = 0; i < N_WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_cells,
					 metrics_set_cells(s, &turn, i)),
			0);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t now = metrics_set_sum(s, &turn, TURN_OK);
		assert_true(now >= last);
		last = now;
	}
	for (unsigned i = 0; i < N_WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(metrics_set_sum(s, &turn, TURN_OK), N_WRITERS * N_ADDS);
	metrics_set_destroy(s);
}

struct seen {
	size_t n;
	uint64_t errors;
};

static void see(void *arg, const struct metrics_row *row, uint64_t value)
{
	struct seen *seen = arg;

	seen->n++;
	if (strcmp(row->name, "sallyport_errors_total") == 0)
		seen->errors = value;
}

/* A row gets its name when it is known what it counts. */
static void row_without_a_name_is_shown_once_it_has_one(void **state)
{
	struct metrics_row rows[] = {{NULL, NULL, METRICS_COUNTER, NULL},
		{"sallyport_b_total", "of=\"b\"", METRICS_COUNTER, "Things."},
		{NULL, NULL, METRICS_COUNTER, NULL}};
	const struct metrics_group late = {rows, ARRAY_LEN(rows)};
	const struct metrics_group *const all[] = {&late};
	struct metrics_set *s = metrics_set_create(all, 1, 1);

	assert_non_null(s);
	metrics_add(metrics_set_cells(s, &late, 0), 2, 7);
	assert_printed(s, "# HELP sallyport_b_total Things.\n# TYPE sallyport_b_total counter\n"
			  "sallyport_b_total{of=\"b\"} 0\n");

	rows[2] = (struct metrics_row){"sallyport_b_total", "of=\"c\"", METRICS_COUNTER, NULL};
	assert_printed(s, "# HELP sallyport_b_total Things.\n# TYPE sallyport_b_total counter\n"
			  "sallyport_b_total{of=\"b\"} 0\nsallyport_b_total{of=\"c\"} 7\n");
	metrics_set_destroy(s);
}

static void each_gives_every_row_with_its_sum(void **state)
{
	struct metrics_set *s = create(2);
	struct seen seen = {0};

	metrics_add(metrics_set_cells(s, &net, 0), 1, 3);
	metrics_add(metrics_set_cells(s, &net, 1), 1, 4);
	metrics_set_each(s, see, &seen);

	assert_int_equal(seen.n, TURN_N + ARRAY_LEN(net_rows));
	assert_int_equal(seen.errors, 7);
	metrics_set_destroy(s);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(cells_start_at_zero),
		cmocka_unit_test(sum_adds_all_threads_and_no_other_row),
		cmocka_unit_test(gauge_may_rise_on_one_thread_and_fall_on_another),
		cmocka_unit_test(threads_share_no_cache_line),
		cmocka_unit_test(text_names_every_metric_once),
		cmocka_unit_test(gauge_below_zero_is_printed_as_such),
		cmocka_unit_test(set_without_groups_prints_nothing),
		cmocka_unit_test(sum_may_be_read_while_threads_write),
		cmocka_unit_test(row_without_a_name_is_shown_once_it_has_one),
		cmocka_unit_test(each_gives_every_row_with_its_sum),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
