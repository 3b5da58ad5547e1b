/* SPDX-License-Identifier: BSD-3-Clause */
/* The last descriptors: what relay ports leave to connections, and both to the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>
#include <sallyport/loop.h>
#include <sallyport/net.h>

#define LIMIT 256

struct fixture {
	struct loop *loop;
	struct net *net;
	metrics_cell cells[NET_C_COUNT];
	struct rlimit before;
};

static struct fixture *begin(void)
{
	static struct fixture f;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &f.before), 0);
	struct rlimit r = {LIMIT, f.before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	f.loop = loop_create("test", 16);
	assert_non_null(f.loop);
	f.net = net_create(f.loop, f.cells);
	assert_non_null(f.net);
	return &f;
}

static void end(struct fixture *f)
{
	net_destroy(f->net);
	loop_destroy(f->loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &f->before), 0);
}

/* A descriptor of this number. */
static int numbered(int n)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, n);
	assert_int_equal(fd, n);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The first number that USE may not have. */
static int end_of(const struct fixture *f, enum net_descriptor_use use)
{
	for (int n = LIMIT / 2; n < LIMIT; n++) {
		int fd = numbered(n);
		if (net_descriptor_admit(f->net, use, fd) != 0)
			return n;
		close(fd);
	}
	return LIMIT;
}

static void relay_ports_leave_an_eighth(void **state)
{
	struct fixture *f = begin();
	assert_int_equal(end_of(f, NET_FOR_RELAY), LIMIT - LIMIT / 8);
	end(f);
	(void)state;
}

static void connections_leave_some_of_that(void **state)
{
	struct fixture *f = begin();
	assert_int_equal(end_of(f, NET_FOR_CONNECTION), LIMIT - LIMIT / 32);
	end(f);
	(void)state;
}

static void what_is_not_admitted_is_closed(void **state)
{
	struct fixture *f = begin();
	int fd = numbered(LIMIT - 1);
	assert_int_equal(net_descriptor_admit(f->net, NET_FOR_RELAY, fd), -EMFILE);
	assert_false(is_open(fd));
	end(f);
	(void)state;
}

static void what_is_admitted_stays_open(void **state)
{
	struct fixture *f = begin();
	int fd = numbered(LIMIT / 2);
	assert_int_equal(net_descriptor_admit(f->net, NET_FOR_RELAY, fd), 0);
	assert_true(is_open(fd));
	close(fd);
	end(f);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(relay_ports_leave_an_eighth),
		cmocka_unit_test(connections_leave_some_of_that),
		cmocka_unit_test(what_is_not_admitted_is_closed),
		cmocka_unit_test(what_is_admitted_stays_open),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
