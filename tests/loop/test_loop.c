/* SPDX-License-Identifier: BSD-3-Clause */
/* A loop's turns: their clock, deferred calls, timers and signals. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>

#include <cmocka.h>
#include <event2/event.h>

#include <sallyport/loop.h>

struct fixture {
	struct loop *loop;
	char trace[64]; /* a letter for every call, in order */
	struct loop_deferred deferred[3];
	uint64_t seen_ms[2];
	struct wheel_timer timer;
	void *timer_arg;
	uint64_t fired_ms;
	int signo;
	struct sched_attr attr;
	metrics_cell cells[LOOP_C_COUNT];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->loop = loop_create("test", 16);
	*state = f;
	return f->loop == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_destroy(f->loop);
	free(f);
	return 0;
}

static void trace(struct fixture *f, char c)
{
	size_t n = strlen(f->trace);

	if (n + 1 < sizeof(f->trace))
		f->trace[n] = c;
}

static void post(struct fixture *f, const struct msg_type *type)
{
	assert_int_equal(loop_post(f->loop, type, f, NULL), 0);
}

static void on_stop(void *ctx, void *payload)
{
	struct fixture *f = ctx;

	trace(f, 's');
	loop_stop(f->loop);
}

static const struct msg_type stop_msg = {"stop", 0, on_stop, NULL};

static void stop_ends_the_run_after_its_turn(void **state)
{
	struct fixture *f = *state;

	post(f, &stop_msg);
	post(f, &stop_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_string_equal(f->trace, "ss");
	post(f, &stop_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_string_equal(f->trace, "sss");
}

static void trace_a(void *arg)
{
	trace(arg, 'a');
}

static void trace_b(void *arg)
{
	trace(arg, 'b');
}

static void on_defer_a(void *ctx, void *payload)
{
	struct fixture *f = ctx;

	trace(f, '.');
	loop_deferred_run(f->loop, &f->deferred[0]);
}

static const struct msg_type defer_a_msg = {"defer", 0, on_defer_a, NULL};

static void deferred_call_runs_once_at_the_end_of_the_turn(void **state)
{
	struct fixture *f = *state;

	loop_deferred_init(&f->deferred[0], trace_a, f);
	post(f, &defer_a_msg);
	post(f, &defer_a_msg);
	post(f, &stop_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_string_equal(f->trace, "..sa");
}

static void deferred_calls_run_in_the_order_of_asking(void **state)
{
	struct fixture *f = *state;

	loop_deferred_init(&f->deferred[0], trace_a, f);
	loop_deferred_init(&f->deferred[1], trace_b, f);
	loop_deferred_run(f->loop, &f->deferred[1]);
	loop_deferred_run(f->loop, &f->deferred[0]);
	loop_deferred_run(f->loop, &f->deferred[1]);
	post(f, &stop_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_string_equal(f->trace, "bas");
}

static void cancel_a(void *arg)
{
	struct fixture *f = arg;

	trace(f, 'c');
	loop_deferred_cancel(&f->deferred[0]);
}

static void cancelled_deferred_call_does_not_run(void **state)
{
	struct fixture *f = *state;

	loop_deferred_init(&f->deferred[0], trace_a, f);
	loop_deferred_init(&f->deferred[1], trace_b, f);
	loop_deferred_init(&f->deferred[2], cancel_a, f);
	loop_deferred_run(f->loop, &f->deferred[1]);
	loop_deferred_cancel(&f->deferred[1]);
	loop_deferred_cancel(&f->deferred[1]);
	loop_deferred_run(f->loop, &f->deferred[2]);
	loop_deferred_run(f->loop, &f->deferred[0]);
	post(f, &stop_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_string_equal(f->trace, "cs");
}

/* Nothing else wakes the loop here: a turn that slept would not end. */
static void defer_again(void *arg)
{
	struct fixture *f = arg;

	trace(f, 'd');
	if (strlen(f->trace) < 5)
		loop_deferred_run(f->loop, &f->deferred[0]);
	else
		loop_stop(f->loop);
}

static void deferred_call_that_defers_itself_runs_in_the_next_turn(void **state)
{
	struct fixture *f = *state;

	loop_deferred_init(&f->deferred[0], defer_again, f);
	loop_deferred_run(f->loop, &f->deferred[0]);
	assert_int_equal(loop_run(f->loop), 0);
	assert_string_equal(f->trace, "ddddd");
}

/* Returns when the system's clock shows a later millisecond than LAST_MS. */
static void wait_past(uint64_t last_ms)
{
	struct clock c;

	do
		clock_sample(&c);
	while (c.mono_ms <= last_ms);
}

static void on_see_clock(void *ctx, void *payload)
{
	struct fixture *f = ctx;

	loop_turn(f->loop); /* as every callback of libevent begins */
	f->seen_ms[f->seen_ms[0] != 0] = loop_clock(f->loop)->mono_ms;
	wait_past(loop_clock(f->loop)->mono_ms);
}

static const struct msg_type see_clock_msg = {"see clock", 0, on_see_clock, NULL};

static void clock_is_sampled_when_the_turn_begins_and_stands_in_it(void **state)
{
	struct fixture *f = *state;
	const struct clock *clock = loop_clock(f->loop);
	struct clock before;

	wait_past(clock->mono_ms);
	clock_sample(&before);
	post(f, &see_clock_msg);
	post(f, &see_clock_msg);
	post(f, &stop_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_true(f->seen_ms[0] >= before.mono_ms);
	assert_int_equal(f->seen_ms[1], f->seen_ms[0]);
	assert_ptr_equal(loop_clock(f->loop), clock);
	assert_true(clock->wall_s >= before.wall_s);
}

/* What it posts comes with the next turn, which follows at once. */
static void on_see_clock_and_post(void *ctx, void *payload)
{
	struct fixture *f = ctx;

	on_see_clock(ctx, payload);
	(void)loop_post(f->loop, &see_clock_msg, f, NULL);
	(void)loop_post(f->loop, &stop_msg, f, NULL);
}

static void every_turn_has_its_own_clock(void **state)
{
	static const struct msg_type first = {"first", 0, on_see_clock_and_post, NULL};
	struct fixture *f = *state;

	post(f, &first);
	assert_int_equal(loop_run(f->loop), 0);
	assert_true(f->seen_ms[1] > f->seen_ms[0]);
}

static void on_timer(struct wheel_timer *t, void *arg)
{
	struct fixture *f = CONTAINER_OF(t, struct fixture, timer);

	f->timer_arg = arg;
	f->fired_ms = loop_clock(f->loop)->mono_ms;
	loop_stop(f->loop);
}

static void wheel_ticks_while_it_holds_a_timer_and_no_longer(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = loop_base(f->loop);
	int n_idle = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
	uint64_t at_ms = loop_clock(f->loop)->mono_ms + 1;

	wheel_timer_init(&f->timer, on_timer);
	wheel_set(loop_wheel(f->loop), &f->timer, at_ms);
	assert_int_equal(loop_run(f->loop), 0);
	assert_ptr_equal(f->timer_arg, f->loop);
	assert_true(f->fired_ms >= at_ms);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), n_idle);

	wheel_set(loop_wheel(f->loop), &f->timer, f->fired_ms + 3600000);
	post(f, &stop_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_true(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > n_idle);
	wheel_cancel(loop_wheel(f->loop), &f->timer);
	post(f, &stop_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), n_idle);
}

/* As if a packet had come. The next one comes at once, until some have been polled for. */
static void on_packet(void *ctx, void *payload)
{
	static const struct msg_type packet_msg = {"packet", 0, on_packet, NULL};
	struct fixture *f = ctx;

	loop_packets(f->loop, 1);
	if (metrics_get(f->cells, LOOP_C_POLLS_HIT) < 3)
		post(f, &packet_msg);
	else
		wheel_set(loop_wheel(f->loop), &f->timer, loop_clock(f->loop)->mono_ms + 1);
}

static void messages_and_timers_are_served_while_it_polls(void **state)
{
	static const struct msg_type packet_msg = {"packet", 0, on_packet, NULL};
	static const uint32_t bound_us = 3600000000;
	struct fixture *f = *state;

	wheel_timer_init(&f->timer, on_timer);
	loop_count_in(f->loop, f->cells);
	assert_int_equal(loop_post(f->loop, &loop_busy_poll_msg, f->loop, &bound_us), 0);
	post(f, &packet_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_ptr_equal(f->timer_arg, f->loop);
	assert_in_range(metrics_get(f->cells, LOOP_C_POLLS_HIT), 3, 4);
}

static void on_signal(int signo, void *arg)
{
	struct fixture *f = arg;

	f->signo = signo;
	loop_stop(f->loop);
}

static void on_raise(void *ctx, void *payload)
{
	(void)raise(SIGUSR1);
}

static void signal_calls_its_handler_on_the_loop(void **state)
{
	static const struct msg_type raise_msg = {"raise", 0, on_raise, NULL};
	struct fixture *f = *state;

	assert_int_equal(loop_signal_add(f->loop, SIGUSR1, on_signal, f), 0);
	assert_int_equal(loop_signal_add(f->loop, SIGUSR2, on_signal, f), 0);
	post(f, &raise_msg);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->signo, SIGUSR1);
}

static void on_slice(void *ctx, void *payload)
{
	struct fixture *f = ctx;

	(void)syscall(SYS_sched_getattr, 0, &f->attr, sizeof(f->attr), 0);
	loop_stop(f->loop);
}

static const struct msg_type slice_msg = {"slice", 0, on_slice, NULL};

/* Kernels that know no slices of a thread's own leave the field 0. */
static void threads_ask_for_short_time_slices(void **state)
{
	struct fixture *f = *state;
	struct loop_thread *t;
	struct sched_attr own = {0};

	assert_int_equal(syscall(SYS_sched_getattr, 0, &own, sizeof(own), 0), 0);
	if (own.sched_runtime == 0 || own.sched_policy != SCHED_NORMAL)
		skip();
	post(f, &slice_msg);
	assert_int_equal(loop_thread_start(f->loop, &t), 0);
	assert_int_equal(loop_thread_join(t), 0);
	assert_in_range(f->attr.sched_runtime, 1, 100000);
	assert_int_equal(f->attr.sched_nice, own.sched_nice);
}

static void destroying_nothing_is_harmless(void **state)
{
	loop_destroy(NULL);
}

#define loop_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		loop_test(stop_ends_the_run_after_its_turn),
		loop_test(deferred_call_runs_once_at_the_end_of_the_turn),
		loop_test(deferred_calls_run_in_the_order_of_asking),
		loop_test(cancelled_deferred_call_does_not_run),
		loop_test(deferred_call_that_defers_itself_runs_in_the_next_turn),
		loop_test(clock_is_sampled_when_the_turn_begins_and_stands_in_it),
		loop_test(every_turn_has_its_own_clock),
		loop_test(wheel_ticks_while_it_holds_a_timer_and_no_longer),
		loop_test(messages_and_timers_are_served_while_it_polls),
		loop_test(signal_calls_its_handler_on_the_loop),
		loop_test(threads_ask_for_short_time_slices),
		cmocka_unit_test(destroying_nothing_is_harmless),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
