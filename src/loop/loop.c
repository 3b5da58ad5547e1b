/* SPDX-License-Identifier: BSD-3-Clause */
/* A thread's event loop: turns, their clock, the wheel's tick, deferred work, signals. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
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
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	loop_turn(l);
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
	if (l->wheel.count > 0 && !is_ticking)
		(void)event_add(l->tick,
			&tick); /* a timer on a running base does not fail but for memory */
	else if (l->wheel.count == 0 && is_ticking)
		(void)event_del(l->tick);
}

/* For what was put off until the next turn nobody waits. */
static void let_gather(struct loop *l)
{
	struct timespec pause = {.tv_nsec = gather_pause(&l->gather, l->clock.mono_ms)};

	if (pause.tv_nsec > 0 && list_is_empty(&l->deferred))
		(void)nanosleep(&pause, NULL); /* a signal ends it early, which is as good */
}

void loop_packets(struct loop *l, size_t n)
{
	gather_add(&l->gather, n);
}

int loop_run(struct loop *l)
{
	l->is_stopping = false;
	clock_sample(&l->clock); /* for what was deferred before the first turn */
	for (;;) {
		end_turn(l);
		if (l->is_stopping)
			return 0;
		let_gather(l);
		l->is_sampled = false;
		int flags = list_is_empty(&l->deferred) ? EVLOOP_ONCE : EVLOOP_NONBLOCK;
		if (event_base_loop(l->base, flags) < 0)
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
