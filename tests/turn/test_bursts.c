/* SPDX-License-Identifier: BSD-3-Clause */
/* Two lines for many events: what begins a burst, what ends it, and that strangers cannot write the
 * log full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../src/turn/bursts.h"

struct fixture {
	struct clock clock;
	struct wheel wheel;
	struct turn_bursts bursts;
	int fd;
	char text[65536]; /* of the log since it was last read */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->clock.mono_ms = 1000000;
	f->fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	log_fd_set(f->fd);
	wheel_init(&f->wheel, f->clock.mono_ms, NULL);
	turn_bursts_init(&f->bursts, &f->clock, &f->wheel, 3);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	turn_bursts_fini(&f->bursts);
	assert_int_equal(f->wheel.count, 0);
	log_fd_set(-1);
	close(f->fd);
	free(f);
	return 0;
}

static void pass_ms(struct fixture *f, uint64_t ms)
{
	f->clock.mono_ms += ms;
	wheel_advance(&f->wheel, f->clock.mono_ms);
}

static const char *log_read(struct fixture *f)
{
	ssize_t n = pread(f->fd, f->text, sizeof(f->text) - 1, 0);
	assert_true(n >= 0);
	f->text[n] = '\0';
	assert_int_equal(ftruncate(f->fd, 0), 0);
	assert_int_equal(lseek(f->fd, 0, SEEK_SET), 0);
	return f->text;
}

static unsigned lines(const char *text)
{
	unsigned n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static bool one(struct fixture *f, const char *source)
{
	struct addr a;
	assert_int_equal(addr_parse(source, 0, &a), 0);
	return turn_bursts_prefix(&f->bursts, TURN_BURST_CHALLENGES, &a);
}

static void first_of_a_prefix_begins_and_the_end_tells_how_many(void **state)
{
	struct fixture *f = *state;
	assert_true(one(f, "192.0.2.1:5"));
	for (unsigned i = 0; i < 99; i++) {
		pass_ms(f, 50);
		assert_false(one(f, "192.0.2.77:5"));
	}
	pass_ms(f, 9000);
	assert_string_equal(log_read(f), "");

	pass_ms(f, 2000);

	assert_non_null(strstr(log_read(f), "burst over what=challenges_dropped "
					    "prefix=192.0.2.0/24 count=100 seconds=5 worker=3\n"));
	assert_int_equal(f->wheel.count, 0);
	assert_true(one(f, "192.0.2.1:5"));
}

static void single_event_has_no_second_line(void **state)
{
	struct fixture *f = *state;
	assert_true(one(f, "192.0.2.1:5"));
	pass_ms(f, 20000);
	assert_string_equal(log_read(f), "");
	assert_true(one(f, "192.0.2.1:5"));
}

static void kinds_and_subjects_are_bursts_of_their_own(void **state)
{
	struct fixture *f = *state;
	static const uint8_t alice[AUTH_SUBJECT_LEN] = {0xa1}, bob[AUTH_SUBJECT_LEN] = {0xb0};
	assert_true(turn_bursts_subject(&f->bursts, TURN_BURST_PEERS, alice));
	assert_true(turn_bursts_subject(&f->bursts, TURN_BURST_PEERS, bob));
	assert_true(turn_bursts_subject(&f->bursts, TURN_BURST_QUOTA, alice));
	assert_false(turn_bursts_subject(&f->bursts, TURN_BURST_QUOTA, alice));

	turn_bursts_fini(&f->bursts);

	assert_non_null(strstr(log_read(f), "what=quota_reached "
					    "subject=a1000000000000000000000000000000 count=2 "));
}

static void burst_that_lasts_is_told_each_hour(void **state)
{
	struct fixture *f = *state;
	unsigned n_begun = 0;
	for (unsigned s = 0; s < 3 * 3600; s++) {
		n_begun += one(f, "192.0.2.1:5");
		pass_ms(f, 1000);
	}
	assert_in_range(n_begun, 3, 4);
	assert_in_range(lines(log_read(f)), 2, 3);
}

static void flood_of_prefixes_is_few_lines(void **state)
{
	struct fixture *f = *state;
	unsigned n_begun = 0;
	for (uint32_t i = 0; i < 100000; i++) {
		struct addr a = addr_ipv4(0xc6120000 + i * 256, 5);
		n_begun += turn_bursts_prefix(&f->bursts, TURN_BURST_BINDINGS, &a);
		if (i % 100 == 0)
			pass_ms(f, 10);
	}
	assert_in_range(n_begun, TURN_BURSTS_MAX, 2 * TURN_BURSTS_MAX + 2);

	turn_bursts_fini(&f->bursts);

	const char *text = log_read(f);
	assert_non_null(strstr(text, "what=bindings_dropped of=others count="));
	assert_in_range(lines(text), 1, 2 * TURN_BURSTS_MAX + 2);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(first_of_a_prefix_begins_and_the_end_tells_how_many),
		TEST(single_event_has_no_second_line),
		TEST(kinds_and_subjects_are_bursts_of_their_own),
		TEST(burst_that_lasts_is_told_each_hour),
		TEST(flood_of_prefixes_is_few_lines),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
