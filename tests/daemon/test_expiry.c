/* SPDX-License-Identifier: BSD-3-Clause */
/* When the end of a certificate is said, and how the gauge follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <sallyport/common.h>

#include "../../src/daemon/counters.h"
#include "../../src/daemon/expiry.h"

#define DAY 86400u
#define NOW 1800000000u

struct box {
	struct loop *loop;
	struct metrics_set *metrics;
	metrics_cell *cells;
	struct expiry *expiry;
	int pipe[2]; /* the log */
	uint64_t now_s;
};

static int set_up(void **state)
{
	static const struct metrics_group *const groups[] = {&daemon_counters};
	struct box *b = calloc(1, sizeof(*b));

	b->loop = loop_create("expiry", 4);
	b->now_s = loop_clock(b->loop)->wall_s;
	b->metrics = metrics_set_create(groups, 1, 1);
	b->cells = metrics_set_cells(b->metrics, &daemon_counters, 0);
	b->expiry = expiry_create(b->loop, b->cells);
	assert_int_equal(pipe(b->pipe), 0);
	log_fd_set(b->pipe[1]);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct box *b = *state;

	log_fd_set(2);
	close(b->pipe[0]);
	close(b->pipe[1]);
	expiry_destroy(b->expiry);
	metrics_set_destroy(b->metrics);
	loop_destroy(b->loop);
	free(b);
	return 0;
}

/* How many lines the log has got since, with WORD in the last. */
static unsigned lines(struct box *b, const char *word)
{
	char text[8192];
	unsigned n = 0;

	log_notice(LOG_DAEMON, "mark"); /* so that there is something to read */
	ssize_t len = read(b->pipe[0], text, sizeof(text) - 1);
	assert_true(len > 0);
	text[len] = '\0';
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		n++;
	if (word && !strstr(text, word))
		fail_msg("no \"%s\" in: %s", word, text);
	return n - 1;
}

static void levels_are_thirty_days_seven_one_and_over(void **state)
{
	assert_int_equal(expiry_level(NOW + 31 * DAY, NOW), 0);
	assert_int_equal(expiry_level(NOW + 30 * DAY + 1, NOW), 0);
	assert_int_equal(expiry_level(NOW + 30 * DAY, NOW), 1);
	assert_int_equal(expiry_level(NOW + 7 * DAY + 1, NOW), 1);
	assert_int_equal(expiry_level(NOW + 7 * DAY, NOW), 2);
	assert_int_equal(expiry_level(NOW + DAY, NOW), 3);
	assert_int_equal(expiry_level(NOW + 1, NOW), 3);
	assert_int_equal(expiry_level(NOW, NOW), 4);
	assert_int_equal(expiry_level(0, NOW), 4);
}

static void each_level_is_said_once(void **state)
{
	struct box *b = *state;
	struct api_certificate c = {"mras", "/m.pem", b->now_s + 6 * DAY};

	assert_int_equal(expiry_update(b->expiry, &c, 1), 0);
	assert_int_equal(lines(b, "days_left=6"), 1);
	assert_int_equal(expiry_update(b->expiry, &c, 1), 0);
	assert_int_equal(lines(b, NULL), 0);
	c.not_after_s = b->now_s + 90 * DAY; /* renewed */
	assert_int_equal(expiry_update(b->expiry, &c, 1), 0);
	assert_int_equal(lines(b, NULL), 0);
	c.not_after_s = b->now_s - 1;
	assert_int_equal(expiry_update(b->expiry, &c, 1), 0);
	assert_int_equal(lines(b, "has ended"), 1);
}

static void gauge_has_the_first_end(void **state)
{
	struct box *b = *state;
	const struct api_certificate c[] = {{"mras", "/m.pem", b->now_s + 90 * DAY},
		{"face a", "/a.pem", b->now_s + 40 * DAY},
		{"face b", "/b.pem", b->now_s + 50 * DAY}};

	assert_int_equal(expiry_update(b->expiry, c, 3), 0);
	assert_int_equal(metrics_get(b->cells, DAEMON_C_CERTIFICATE_END), b->now_s + 40 * DAY);
	assert_int_equal(expiry_update(b->expiry, c, 1), 0);
	assert_int_equal(metrics_get(b->cells, DAEMON_C_CERTIFICATE_END), b->now_s + 90 * DAY);
	assert_int_equal(expiry_update(b->expiry, NULL, 0), 0);
	assert_int_equal(metrics_get(b->cells, DAEMON_C_CERTIFICATE_END), 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(levels_are_thirty_days_seven_one_and_over),
		cmocka_unit_test_setup_teardown(each_level_is_said_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gauge_has_the_first_end, set_up, tear_down),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
