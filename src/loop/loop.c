/* SPDX-License-Identifier: BSD-3-Clause */
/* A thread's event loop: turns, their clock, the wheel's tick, deferred work, signals. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <event2/event.h>

#include "loop_priv.h"

struct loop_signal {
	struct loop_signal *next;
	struct loop *loop; /* not owned */
	struct event *event;
	loop_signal_fn fn;
	void *arg;
};

void loop_turn(struct loop *l)
{
	if (l->is_sampled)
		return;
	l->is_sampled = true;
	clock_sample(&l->clock);
	if (l->busy_poll.bound_ns > 0)
		l->begun_ns = clock_mono_ns();
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	loop_turn(l);
	l->is_behind |= l->clock.mono_ms - l->ticked_ms > LATE_MS;
	l->ticked_ms = l->clock.mono_ms;
	if (!l->is_behind)
		wheel_advance(&l->wheel, l->clock.mono_ms);
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	loop_turn(l);
	(void)mailbox_drain(&l->mailbox);
}

static int make_events(struct loop *l, size_t mailbox_len)
{
	l->base = event_base_new();
	if (!l->base)
		return -ENOMEM;
	int rc = mailbox_init(&l->mailbox, mailbox_len);
	if (rc != 0)
		return rc;
	l->tick = event_new(l->base, -1, EV_PERSIST, on_tick, l);
	l->mail_event = event_new(l->base, l->mailbox.wake_fd, EV_READ | EV_PERSIST, on_mail, l);
	if (!l->tick || !l->mail_event || event_add(l->mail_event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

struct loop *loop_create(const char *name, size_t mailbox_len)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->mailbox.wake_fd = -1;
	l->busy_poll.cells = l->cells;
	l->name = strdup(name);
	list_init(&l->deferred);
	clock_sample(&l->clock);
	wheel_init(&l->wheel, l->clock.mono_ms, l);
	if (!l->name || make_events(l, mailbox_len) != 0) {
		loop_destroy(l);
		return NULL;
	}
	return l;
}

static void destroy_signals(struct loop *l)
{
	for (struct loop_signal *s = l->signals, *next; s; s = next) {
		next = s->next;
		event_free(s->event);
		free(s);
	}
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	destroy_signals(l);
	if (l->mail_event)
		event_free(l->mail_event);
	if (l->tick)
		event_free(l->tick);
	if (l->mailbox.wake_fd >= 0)
		mailbox_fini(&l->mailbox);
	if (l->base)
		event_base_free(l->base);
	free((void *)(uintptr_t)l->name);
	free(l);
}

static void run_deferred(struct loop *l)
{
	struct list head;

	list_take(&l->deferred, &head);
	while (!list_is_empty(&head)) {
		struct loop_deferred *d = CONTAINER_OF(head.next, struct loop_deferred, link);
		list_remove(&d->link);
		d->fn(d->arg);
	}
}

/* Before the loop sleeps: what the turn has put off, then a tick if there are timers to wait for.
 */
static void end_turn(struct loop *l)
{
	struct timeval tick = {.tv_usec = WHEEL_TICK_MS * 1000};

	run_deferred(l);
	bool is_ticking = event_pending(l->tick, EV_TIMEOUT, NULL);
	if (l->wheel.count > 0 && !is_ticking) {
		l->ticked_ms = l->clock.mono_ms;
		/* a timer on a running base does not fail but for memory */
		(void)event_add(l->tick, &tick);
	} else if (l->wheel.count == 0 && is_ticking) {
		(void)event_del(l->tick);
	}
}

/* What has come while the thread was not let run is read before timers are judged: an answer that
 * waits in a socket is no time-out. */
static int catch_up(struct loop *l)
{
	uint64_t until_ms = l->clock.mono_ms + CATCH_UP_MS;

	do {
		run_deferred(l);
		l->is_sampled = false;
		if (event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) < 0)
			return -EIO;
	} while (l->is_sampled && l->clock.mono_ms < until_ms && !l->is_stopping);
	l->is_behind = false;
	wheel_advance(&l->wheel, l->clock.mono_ms);
	return 0;
}

/* False: the next turn must not sleep. For what was put off until then nobody waits; and with busy
 * polling no pause is made, which would look like a time without packets. */
static bool rest(struct loop *l)
{
	struct timespec pause = {.tv_nsec = gather_pause(&l->gather, l->clock.mono_ms)};
	bool may_poll = l->busy_poll.bound_ns > 0;
	bool is_polling = may_poll && busy_poll_turn(&l->busy_poll, l->begun_ns, clock_mono_ns());

	if (is_polling || !list_is_empty(&l->deferred))
		return false;
	if (pause.tv_nsec > 0 && !may_poll)
		(void)nanosleep(&pause, NULL); /* a signal ends it early, which is as good */
	return true;
}

void loop_packets(struct loop *l, size_t n)
{
	gather_add(&l->gather, n);
	l->busy_poll.has_packets = true;
}

static uint64_t n_preempted(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_THREAD, &u);
	return (uint64_t)u.ru_nivcsw;
}

void loop_busy_poll(struct loop *l, uint32_t bound_us)
{
	l->busy_poll = (struct busy_poll){
		.bound_ns = (uint64_t)bound_us * 1000,
		.cells = l->busy_poll.cells,
		.n_preempted = n_preempted,
	};
}

void loop_count_in(struct loop *l, metrics_cell *cells)
{
	l->busy_poll.cells = cells;
}

static void on_busy_poll(void *ctx, void *payload)
{
	loop_busy_poll(ctx, *(const uint32_t *)payload);
}

const struct msg_type loop_busy_poll_msg = {"loop_busy_poll", sizeof(uint32_t), on_busy_poll, NULL};

int loop_run(struct loop *l)
{
	l->is_stopping = false;
	clock_sample(&l->clock); /* for what was deferred before the first turn */
	for (;;) {
		end_turn(l);
		if (l->is_stopping)
			return 0;
		/* Without ONCE it would go on, within one turn, as long as there is something. */
		int flags = rest(l) ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK;
		l->is_sampled = false;
		if (event_base_loop(l->base, flags) < 0 || (l->is_behind && catch_up(l) != 0))
			return -EIO;
	}
}

bool loop_deliver(struct loop *l)
{
	l->is_sampled = false;
	loop_turn(l);
	bool has_mail = mailbox_drain(&l->mailbox);
	run_deferred(l);
	return has_mail;
}

void loop_stop(struct loop *l)
{
	l->is_stopping = true;
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

const struct clock *loop_clock(const struct loop *l)
{
	return &l->clock;
}

struct wheel *loop_wheel(struct loop *l)
{
	return &l->wheel;
}

void loop_deferred_init(struct loop_deferred *d, void (*fn)(void *), void *arg)
{
	list_init(&d->link);
	d->fn = fn;
	d->arg = arg;
}

void loop_deferred_cancel(struct loop_deferred *d)
{
	list_remove(&d->link);
}

void loop_deferred_run(struct loop *l, struct loop_deferred *d)
{
	if (list_is_empty(&d->link))
		list_append(&l->deferred, &d->link);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)what;
	loop_turn(s->loop);
	s->fn((int)signo, s->arg);
}

int loop_signal_add(struct loop *l, int signo, loop_signal_fn fn, void *arg)
{
	struct loop_signal *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct loop_signal){l->signals, l, NULL, fn, arg};
	s->event = evsignal_new(l->base, signo, on_signal, s);
	if (!s->event || event_add(s->event, NULL) != 0) {
		if (s->event)
			event_free(s->event);
		free(s);
		return -ENOMEM;
	}
	l->signals = s;
	return 0;
}
