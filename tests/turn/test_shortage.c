/* SPDX-License-Identifier: BSD-3-Clause */
/* Relay ports that cannot be had: what the client is told, what is counted, what is written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "client.h"
#include "../../src/turn/shortage.h"

static struct client new_client(struct fixture *f, unsigned i)
{
	struct client c;
	char text[32];
	snprintf(text, sizeof(text), "192.0.2.%u:40000", 1 + i);
	client_init(&c, f, text);
	return c;
}

static uint64_t refused(struct fixture *f, enum turn_lack lack)
{
	return fixture_count(f, TURN_C_NO_RELAY_PORT + lack);
}

static unsigned count_lines(int fd, const char *what)
{
	static char text[65536];
	unsigned n = 0;
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

static int log_to_memory(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(fd >= 0);
	log_fd_set(fd);
	return fd;
}

static void want_of_descriptors_is_508_and_counted(void **state)
{
	static const int codes[] = {-EMFILE, -ENFILE};
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		f->fail_code = codes[i];
		f->fail_n = 1;
		assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
		assert_int_equal(refused(f, TURN_LACK_DESCRIPTORS), i + 1);
	}
	assert_int_equal(refused(f, TURN_LACK_PORTS), 0);
	assert_int_equal(refused(f, TURN_LACK_OTHER), 0);
}

static void allocations_go_on_when_descriptors_are_back(void **state)
{
	struct fixture *f = *state;
	struct client a = new_client(f, 0), b = new_client(f, 1);
	assert_int_equal(client_allocate(&a, NULL), 0);
	f->fail_code = -EMFILE;
	f->fail_n = 1;
	assert_int_equal(client_allocate(&b, NULL), STUN_INSUFFICIENT_CAPACITY);

	assert_int_equal(client_refresh(&a, 0, NULL), 0);
	assert_int_equal(client_allocate(&b, NULL), 0);
}

/* Another address would ask the same process for a descriptor. */
static void want_of_descriptors_is_not_asked_of_every_address(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.relays[1] = config.relays[0];
	config.relays[1].local.ip[15]++;
	config.relays[1].advertise.ip[15]++;
	config.turn.relays = config.relays;
	config.turn.n_relays = 2;
	struct fixture *f = fixture_create(&config);
	struct client c = new_client(f, 0);
	f->fail_code = -EMFILE;
	f->fail_n = 100;
	assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(f->n_opened, 1);
	f->fail_n = 0;
	fixture_destroy(f);
	(void)state;
}

static void a_full_range_is_508_and_counted(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.last_port = PORT_MIN + 1;
	struct fixture *f = fixture_create(&config);
	for (unsigned i = 0; i < 2; i++) {
		struct client c = new_client(f, i);
		assert_int_equal(client_allocate(&c, NULL), 0);
	}
	struct client c = new_client(f, 2);
	assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(refused(f, TURN_LACK_PORTS), 1);
	assert_int_equal(refused(f, TURN_LACK_DESCRIPTORS), 0);
	fixture_destroy(f);
	(void)state;
}

static void the_kernels_refusal_is_508_and_counted(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	f->fail_code = -ENOBUFS;
	f->fail_n = 1;
	assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(refused(f, TURN_LACK_OTHER), 1);
}

static void one_line_a_minute_says_what_to_do(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	int fd = log_to_memory();
	f->fail_code = -EMFILE;
	f->fail_n = 100;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(count_lines(fd, "no relay port"), 1);
	assert_int_equal(count_lines(fd, "reason=descriptors"), 1);
	assert_int_equal(count_lines(fd, "LimitNOFILE"), 1);

	fixture_pass_ms(f, TURN_SHORTAGE_PAUSE_MS);
	assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(count_lines(fd, "no relay port"), 2);
	assert_int_equal(count_lines(fd, "refused=20 "), 1); /* since the first */
	f->fail_n = 0;
	log_fd_set(-1);
	close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest t[] = {
		CASE(want_of_descriptors_is_508_and_counted),
		CASE(allocations_go_on_when_descriptors_are_back),
		cmocka_unit_test(want_of_descriptors_is_not_asked_of_every_address),
		cmocka_unit_test(a_full_range_is_508_and_counted),
		CASE(the_kernels_refusal_is_508_and_counted),
		CASE(one_line_a_minute_says_what_to_do),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
