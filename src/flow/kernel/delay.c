/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came up right behind what a program has sent. A program's frames leave when the poll is over
 * in which their card was emptied; a worker on another processor could be faster. So the datagram
 * that turned its lane up, and those behind it, wait until that poll must be over.
 */
#include <errno.h>

#include <event2/event.h>

#include "kernel_priv.h"

/* A poll takes 64 frames, which is some 100 us. A millisecond at least, for the clock has ticks. */
#define DELAY_MS 2
#define POLL_NS  1000000
/* Of the buffers of a worker. */
#define DELAYED_MAX 64

/* Was the last packet of the lane before this one forwarded, and that just now? */
static bool is_close(const struct kernel_lane *lane, uint64_t now_ms)
{
	uint64_t shut_ns = __atomic_load_n(&lane->shut_ns, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(&lane->packets, __ATOMIC_RELAXED) == 0)
		return false;
	/* The program has not noticed what came here while the lane is open: IP options. */
	return shut_ns == 0 || (int64_t)(now_ms * 1000000 - shut_ns) < POLL_NS;
}

static void release(struct flow_kernel_worker *w, struct kernel_delay *q)
{
	struct flow *flow = q->flow->flow;
	struct net_port *from = q->direction == FLOW_UP ? flow->relay_port : flow->client_port;

	list_remove(&q->link);
	while (q->first) {
		struct net_buf *b = q->first;
		q->first = b->next;
		w->n_delayed--;
		net_port_send(from, b);
		kernel_watch_handled(w, q->flow, q->direction);
	}
}

static struct kernel_delay *next(const struct flow_kernel_worker *w)
{
	return list_is_empty(&w->delayed)
		       ? NULL
		       : CONTAINER_OF(w->delayed.next, struct kernel_delay, link);
}

static void release_later(struct flow_kernel_worker *w)
{
	static const struct timeval after = {.tv_usec = DELAY_MS * 1000};

	if (next(w) && !event_pending(w->release, EV_TIMEOUT, NULL))
		(void)event_add(w->release, &after);
}

static void on_release(evutil_socket_t fd, short what, void *arg)
{
	struct flow_kernel_worker *w = arg;

	(void)fd;
	(void)what;
	loop_turn(w->loop);
	while (next(w) && next(w)->due_ms <= kernel_now_ms(w))
		release(w, next(w));
	release_later(w);
}

static void begin(struct flow_kernel_worker *w, struct kernel_flow *f, enum flow_direction d)
{
	struct kernel_delay *q = &f->delays[d];

	q->flow = f;
	q->direction = d;
	q->due_ms = kernel_now_ms(w) + DELAY_MS;
	q->first = NULL;
	q->last = &q->first;
	list_append(&w->delayed, &q->link);
	release_later(w);
}

bool kernel_delay_take(struct flow_kernel_worker *w, struct kernel_flow *f, enum flow_direction d,
	struct net_buf *b)
{
	struct kernel_delay *q = &f->delays[d];

	if (!q->first) {
		if (!f->is_in[d] || !is_close(kernel_lane_of(w, f, d), kernel_now_ms(w)))
			return false;
		begin(w, f, d);
	}
	b->next = NULL;
	*q->last = b;
	q->last = &b->next;
	w->n_delayed++;
	metrics_add(w->cells, FLOW_KERNEL_C_DELAYED, 1);
	if (w->n_delayed > DELAYED_MAX) {
		metrics_add(w->cells, FLOW_KERNEL_C_HURRIED, 1);
		release(w, next(w));
	}
	return true;
}

bool kernel_delay_has(const struct kernel_flow *f)
{
	return f->delays[FLOW_UP].first || f->delays[FLOW_DOWN].first;
}

void kernel_delay_end(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	for (enum flow_direction d = FLOW_UP; d <= FLOW_DOWN; d++) {
		if (f->delays[d].first)
			release(w, &f->delays[d]);
	}
}

int kernel_delay_start(struct flow_kernel_worker *w)
{
	list_init(&w->delayed);
	w->release = event_new(loop_base(w->loop), -1, 0, on_release, w);
	return w->release ? 0 : -ENOMEM;
}

void kernel_delay_stop(struct flow_kernel_worker *w)
{
	if (w->release)
		event_free(w->release);
}
