/* SPDX-License-Identifier: BSD-3-Clause */
/* A loop whose thread was not let run for a while. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "../../src/loop/loop_priv.h"

struct fixture {
	struct loop *loop;
	struct event *event;
	int fd; /* readable three times, as a socket with three datagrams is */
	struct wheel_timer timer;
	char trace[8];
};

static void trace(struct fixture *f, char c)
{
	size_t n = strlen(f->trace);

	if (n + 1 < sizeof(f->trace))
		f->trace[n] = c;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fixture *f = arg;
	uint64_t n;

	(void)what;
	loop_turn(f->loop);
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	trace(f, 'r');
}

static void on_timer(struct wheel_timer *t, void *arg)
{
	trace(CONTAINER_OF(t, struct fixture, timer), 't');
	loop_stop(arg);
}

/* Whose tick comes LATE_MS after the last one, before anything is read; and whose timer is due. */
static void run(struct fixture *f, uint64_t late_ms)
{
	uint64_t now_ms;

	f->loop = loop_create("test", 16);
	assert_non_null(f->loop);
	now_ms = loop_clock(f->loop)->mono_ms;
	f->fd = eventfd(3, EFD_NONBLOCK | EFD_SEMAPHORE);
	f->event = event_new(loop_base(f->loop), f->fd, EV_READ | EV_PERSIST, on_readable, f);
	assert_int_equal(event_add(f->event, NULL), 0);
	wheel_timer_init(&f->timer, on_timer);
	f->loop->wheel.tick -= 10; /* due since */
	wheel_set(loop_wheel(f->loop), &f->timer, now_ms - 500);
	f->loop->ticked_ms = now_ms - late_ms;
	event_active(f->loop->tick, EV_TIMEOUT, 0);
	assert_int_equal(loop_run(f->loop), 0);
	event_free(f->event);
	close(f->fd);
	loop_destroy(f->loop);
}

/* Whether it is TRACE, or begins so, in one of a few tries: on a busy host this thread may be kept
 * waiting itself, where it should not. */
static bool comes_to(const char *trace, uint64_t late_ms)
{
	bool is_so = false;

	for (unsigned i = 0; i < 20 && !is_so; i++) {
		struct fixture f = {.fd = -1};

		run(&f, late_ms);
		is_so = strncmp(f.trace, trace, strlen(trace)) == 0;
	}
	return is_so;
}

/* Else who has answered in time would be taken for silent. */
static void late_thread_reads_all_before_its_timers_fire(void **state)
{
	(void)state;
	assert_true(comes_to("rrrt", 10000));
}

static void thread_that_is_in_time_judges_timers_as_they_come(void **state)
{
	(void)state;
	assert_true(comes_to("t", 0));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(late_thread_reads_all_before_its_timers_fire),
		cmocka_unit_test(thread_that_is_in_time_judges_timers_as_they_come),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
