/* SPDX-License-Identifier: BSD-3-Clause */
/* The log: what a line looks like, what a stranger cannot do to it, and sinks that refuse. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <sallyport/common.h>

struct sink {
	int fds[2];
	char text[65536];
};

static int setup(void **state)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (s == NULL || pipe(s->fds) != 0)
		return -1;
	log_fd_set(s->fds[1]);
	log_level_set(LOG_LEVEL_INFO);
	log_privacy_set(false);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct sink *s = *state;

	log_fd_set(2);
	log_level_set(LOG_LEVEL_INFO);
	log_privacy_set(false);
	for (unsigned i = 0; i < 2; i++) {
		if (s->fds[i] >= 0)
			(void)close(s->fds[i]);
	}
	free(s);
	return 0;
}

/* All that was written since the last call. */
static const char *taken(struct sink *s)
{
	ssize_t n;

	assert_int_equal(fcntl(s->fds[0], F_SETFL, O_NONBLOCK), 0);
	n = read(s->fds[0], s->text, sizeof(s->text) - 1);
	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	s->text[n < 0 ? 0 : n] = '\0';
	return s->text;
}

/* The line behind its time stamp, whose form is checked here. */
static const char *taken_line(struct sink *s)
{
	static const char form[] = "0000-00-00T00:00:00.000Z ";
	const char *line = taken(s);

	assert_true(strlen(line) > sizeof(form) - 1);
	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] == '0')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], form[i]);
	}
	return line + sizeof(form) - 1;
}

static void line_has_time_level_area_event_and_pairs(void **state)
{
	log_info(LOG_TURN, "allocation granted", "id=%u lifetime_s=%u", 7u, 600u);
	assert_string_equal(
		taken_line(*state), "info turn allocation granted id=7 lifetime_s=600\n");
}

static void event_may_come_without_pairs(void **state)
{
	log_notice(LOG_DAEMON, "ready");
	assert_string_equal(taken_line(*state), "notice daemon ready\n");
	log_notice(LOG_DAEMON, "ready", "%s", "");
	assert_string_equal(taken_line(*state), "notice daemon ready\n");
}

static void levels_above_the_set_one_are_not_written(void **state)
{
	log_debug(LOG_NET, "quiet", "n=%d", 1);
	assert_string_equal(taken(*state), "");
	log_level_set(LOG_LEVEL_DEBUG);
	log_debug(LOG_NET, "quiet", "n=%d", 1);
	assert_string_equal(taken_line(*state), "debug net quiet n=1\n");
	log_level_set(LOG_LEVEL_ERROR);
	log_warning(LOG_NET, "quiet", "n=%d", 1);
	assert_string_equal(taken(*state), "");
	log_error(LOG_NET, "loud", "n=%d", 1);
	assert_string_equal(taken_line(*state), "error net loud n=1\n");
}

static int count_call(int *n)
{
	return ++*n;
}

static void arguments_of_a_silent_line_are_not_evaluated(void **state)
{
	int n = 0;

	log_debug(LOG_NET, "quiet", "n=%d", count_call(&n));
	assert_int_equal(n, 0);
}

static void level_names_are_known(void **state)
{
	static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
	enum log_level level;

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(log_level_parse(names[i], &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("loud", &level), ERR_NOT_FOUND);
	assert_int_equal(log_level_parse("", &level), ERR_NOT_FOUND);
}

static void bytes_that_do_not_print_are_escaped(void **state)
{
	log_info(LOG_AUTH, "refused", "user=%s",
		"a\n2026-11-21T08:00:00.000Z error daemon forged\r\t\x1b[31m\x7f\xc2\x9b");
	assert_string_equal(taken_line(*state),
		"info auth refused user=a\\x0a2026-11-21T08:00:00.000Z error daemon forged"
		"\\x0d\\x09\\x1b[31m\\x7f\\xc2\\x9b\n");
}

static void long_line_is_cut_and_says_so(void **state)
{
	char name[3000];
	const char *line;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	log_info(LOG_AUTH, "refused", "user=%s", name);
	line = taken(*state);
	assert_in_range(strlen(line), 1000, 1024);
	assert_string_equal(line + strlen(line) - 5, "x...\n");
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);

	memset(name, '\n', sizeof(name) - 1);
	log_info(LOG_AUTH, "refused", "user=%s", name);
	line = taken(*state);
	assert_in_range(strlen(line), 1000, 1024);
	assert_string_equal(line + strlen(line) - 8, "\\x0a...\n");
}

/* Every length around the limit: a whole line or a cut one, never more than 1 KiB. */
static void line_of_every_length_is_whole_or_cut(void **state)
{
	char name[1100];
	unsigned n_whole = 0;

	for (size_t n = 900; n < sizeof(name); n++) {
		const char *line;
		size_t len;
		memset(name, 'x', n);
		name[n] = '\0';
		log_info(LOG_AUTH, "refused", "user=%s", name);
		line = taken_line(*state);
		len = strlen(line);
		assert_true(len + 25 <= 1024);
		if (len == strlen("info auth refused user=\n") + n)
			n_whole++;
		else
			assert_string_equal(line + len - 4, "...\n");
	}
	assert_in_range(n_whole, 50, 199);
}

static void name_is_one_word(void **state)
{
	char buf[LOG_NAME_LEN];

	assert_string_equal(log_name("alice@example.org", 17, buf), "alice@example.org");
	assert_string_equal(log_name("a b", 3, buf), "a\\x20b");
	assert_string_equal(log_name("\" ok=\"1", 7, buf), "\\x22\\x20ok\\x3d\\x221");
	assert_string_equal(log_name("\\x20", 4, buf), "\\x5cx20");
	assert_string_equal(log_name("a\0b", 3, buf), "a\\x00b");
	assert_string_equal(log_name("", 0, buf), "");
}

static void long_name_is_cut_and_says_so(void **state)
{
	char name[200], buf[LOG_NAME_LEN];

	for (int c = 'x'; c >= '\n'; c -= 'x' - '\n') {
		for (size_t n = 0; n < sizeof(name); n++) {
			memset(name, c, sizeof(name));
			log_name(name, n, buf);
			assert_true(strlen(buf) < LOG_NAME_LEN);
			if (strlen(buf) != (c == 'x' ? n : 4 * n))
				assert_string_equal(buf + strlen(buf) - 3, "...");
		}
	}
}

static void privacy_hides_addresses_and_names(void **state)
{
	struct addr a = addr_ipv4(0xc0000201, 3478), b = a, c = addr_ipv4(0xc0000202, 3478);
	char at[ADDR_TEXT_LEN], bt[ADDR_TEXT_LEN], ct[ADDR_TEXT_LEN];
	char nt[LOG_NAME_LEN], mt[LOG_NAME_LEN];

	assert_string_equal(log_addr(&a, at), "192.0.2.1:3478");
	log_privacy_set(true);
	b.port = 9;
	log_addr(&a, at);
	log_addr(&b, bt);
	log_addr(&c, ct);
	assert_int_equal(strlen(at), 17);
	assert_int_equal(strspn(at + 1, "0123456789abcdef"), 16);
	assert_string_equal(at, bt);
	assert_string_not_equal(at, ct);
	log_name("alice", 5, nt);
	log_name("alicf", 5, mt);
	assert_null(strstr(nt, "alice"));
	assert_string_not_equal(nt, mt);
	log_name("alice", 5, mt);
	assert_string_equal(nt, mt);
}

static void limiter_holds_back_and_tells_how_many(void **state)
{
	struct log_limit l = {0};
	uint32_t held = 99;

	for (unsigned i = 0; i < 3; i++) {
		assert_true(log_limit_ok(&l, 5000 + i, 3, &held));
		assert_int_equal(held, 0);
	}
	for (unsigned i = 0; i < 10; i++)
		assert_false(log_limit_ok(&l, 5999, 3, &held));
	assert_true(log_limit_ok(&l, 6000, 3, &held));
	assert_int_equal(held, 10);
	assert_true(log_limit_ok(&l, 6000, 3, &held));
	assert_int_equal(held, 0);
	assert_false(log_limit_ok(&l, 6001, 0, &held));
}

static void assert_dropped(void (*refuse)(void *arg), void *arg)
{
	uint64_t before = log_dropped_count();

	refuse(arg);
	errno = 1234;
	log_error(LOG_DAEMON, "lost", "n=%d", 1);
	assert_int_equal(errno, 1234);
	assert_int_equal(log_dropped_count(), before + 1);
}

static void close_reader(void *arg)
{
	struct sink *s = arg;

	assert_int_equal(close(s->fds[0]), 0);
	s->fds[0] = -1;
}

static void closed_reader_drops_and_counts(void **state)
{
	assert_dropped(close_reader, *state);
}

static void use_full_disk(void *arg)
{
	struct sink *s = arg;

	assert_int_equal(close(s->fds[1]), 0);
	s->fds[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(s->fds[1] >= 0);
	log_fd_set(s->fds[1]);
}

static void full_disk_drops_and_counts(void **state)
{
	assert_dropped(use_full_disk, *state);
}

static void use_no_descriptor(void *arg)
{
	log_fd_set(-1);
}

static void bad_descriptor_drops_and_counts(void **state)
{
	assert_dropped(use_no_descriptor, NULL);
}

/* The descriptor blocks: a log that waited for the reader would hang here. */
static void full_pipe_drops_and_counts(void **state)
{
	uint64_t before = log_dropped_count();
	struct sink *s = *state;
	unsigned n = 0;

	while (log_dropped_count() == before && n++ < 100000)
		log_error(LOG_DAEMON, "much", "n=%u", n);
	assert_int_equal(log_dropped_count(), before + 1);
	(void)taken(s);
	while (taken(s)[0] != '\0')
		continue;
	log_error(LOG_DAEMON, "again", "n=%d", 1);
	assert_string_equal(taken_line(s), "error daemon again n=1\n");
}

static void replace_sink(struct sink *s, int reader, int writer)
{
	assert_int_equal(close(s->fds[0]), 0);
	assert_int_equal(close(s->fds[1]), 0);
	s->fds[0] = reader;
	s->fds[1] = writer;
	log_fd_set(writer);
}

/* As a service manager gives one. */
static void full_socket_drops_and_counts(void **state)
{
	uint64_t before = log_dropped_count();
	struct sink *s = *state;
	unsigned n = 0;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	replace_sink(s, pair[0], pair[1]);
	while (log_dropped_count() == before && n++ < 100000)
		log_error(LOG_DAEMON, "much", "n=%u", n);
	assert_int_equal(log_dropped_count(), before + 1);
	assert_true(n > 1);
	while (taken(s)[0] != '\0')
		continue;
	log_error(LOG_DAEMON, "again", "n=%d", 1);
	assert_string_equal(taken_line(s), "error daemon again n=1\n");
}

static void file_gets_every_line(void **state)
{
	uint64_t before = log_dropped_count();
	struct sink *s = *state;
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_true(fd >= 0);
	replace_sink(s, dup(fd), fd);
	for (unsigned i = 0; i < 300; i++)
		log_error(LOG_DAEMON, "much", "n=%u", i);
	assert_int_equal(log_dropped_count(), before);
	assert_int_equal(lseek(s->fds[0], 0, SEEK_SET), 0);
	const char *text = taken(s);
	for (unsigned i = 0; i < 300; i++) {
		char line[40];
		(void)snprintf(line, sizeof(line), " error daemon much n=%u\n", i);
		assert_non_null(strstr(text, line));
	}
}

static void *log_hundred(void *arg)
{
	char buf[LOG_NAME_LEN], at[ADDR_TEXT_LEN];
	const char *name = arg;
	struct addr a = addr_ipv4(1, 1);

	for (unsigned i = 0; i < 100; i++)
		log_info(LOG_API, "line", "name=%s addr=%s end=1", log_name(name, 1, buf),
			log_addr(&a, at));
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	char names[4] = "abcd", *line;
	struct sink *s = *state;
	pthread_t threads[4];
	unsigned n = 0;

	log_privacy_set(true);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_hundred, &names[i]), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	(void)taken(s);
	line = strtok(s->text, "\n");
	for (; line != NULL; line = strtok(NULL, "\n")) {
		assert_non_null(strstr(line, "Z info api line name=~"));
		assert_string_equal(line + strlen(line) - 6, " end=1");
		assert_int_equal(
			strlen(line), strlen("2026-11-21T08:00:00.123Z info api line name=~"
					     "0123456789abcdef addr=~0123456789abcdef end=1"));
		n++;
	}
	assert_int_equal(n, 400);
}

#define log_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		log_test(line_has_time_level_area_event_and_pairs),
		log_test(event_may_come_without_pairs),
		log_test(levels_above_the_set_one_are_not_written),
		log_test(arguments_of_a_silent_line_are_not_evaluated),
		log_test(level_names_are_known),
		log_test(bytes_that_do_not_print_are_escaped),
		log_test(long_line_is_cut_and_says_so),
		log_test(line_of_every_length_is_whole_or_cut),
		log_test(name_is_one_word),
		log_test(long_name_is_cut_and_says_so),
		log_test(privacy_hides_addresses_and_names),
		log_test(limiter_holds_back_and_tells_how_many),
		log_test(closed_reader_drops_and_counts),
		log_test(full_disk_drops_and_counts),
		log_test(bad_descriptor_drops_and_counts),
		log_test(full_pipe_drops_and_counts),
		log_test(full_socket_drops_and_counts),
		log_test(file_gets_every_line),
		log_test(lines_of_threads_do_not_mix),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
