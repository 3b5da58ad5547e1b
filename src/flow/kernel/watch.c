/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes up of lanes, and what their gates learn of it. */
#include <errno.h>

#include <event2/event.h>

#include "kernel_priv.h"

/* So often gates that have to learn are looked at although nothing comes, and so many at once. */
#define SETTLE_MS  20
#define SETTLE_MAX 1024

static bool is_dry(struct flow_kernel_worker *w)
{
	if (w->is_dry < 0)
		w->is_dry = net_is_dry(w->net);
	return w->is_dry > 0;
}

/* ---- gates that have to learn ---- */

static bool is_sure(const struct flow_kernel_worker *w, const struct kernel_flow *f)
{
	for (enum flow_direction d = FLOW_UP; d <= FLOW_DOWN; d++) {
		if (f->is_in[d] && !kernel_gate_is_sure(&f->gates[d], kernel_lane_of(w, f, d)))
			return false;
	}
	return true;
}

static void settle_later(struct flow_kernel_worker *w)
{
	static const struct timeval after = {.tv_usec = SETTLE_MS * 1000};

	if (!list_is_empty(&w->unsure) && !event_pending(w->settle, EV_TIMEOUT, NULL))
		(void)event_add(w->settle, &after); /* a look at a packet does it as well */
}

void kernel_watch_begin(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	if (f->is_unsure)
		return;
	f->is_unsure = true;
	list_append(&w->unsure, &f->unsure_link);
	settle_later(w);
}

static void be_sure(struct kernel_flow *f)
{
	if (f->is_unsure)
		list_remove(&f->unsure_link);
	f->is_unsure = false;
}

static void rest(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	for (enum flow_direction d = FLOW_UP; d <= FLOW_DOWN; d++) {
		if (f->is_in[d] &&
			kernel_gate_rest(&f->gates[d], kernel_lane_of(w, f, d), kernel_now_ms(w)))
			metrics_add(w->cells, FLOW_KERNEL_C_RELEARNT, 1);
	}
}

static void settle(evutil_socket_t fd, short what, void *arg)
{
	struct flow_kernel_worker *w = arg;

	(void)fd;
	(void)what;
	loop_turn(w->loop);
	w->is_dry = -1;
	/* Each once: what stays in doubt goes behind LAST. */
	struct list *it = &w->unsure, *last = w->unsure.prev;
	for (int i = 0; i < SETTLE_MAX && it != last && is_dry(w); i++) {
		it = w->unsure.next;
		struct kernel_flow *f = CONTAINER_OF(it, struct kernel_flow, unsure_link);
		if (!f->is_warm && !kernel_delay_has(f))
			rest(w, f);
		be_sure(f);
		if (!is_sure(w, f)) {
			f->is_unsure = true;
			list_append(&w->unsure, &f->unsure_link);
		}
	}
	settle_later(w);
}

/* ---- what comes up ---- */

static void warm(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	f->is_warm = true;
	list_append(&w->warm, &f->warm_link);
}

void kernel_watch_handled(
	struct flow_kernel_worker *w, struct kernel_flow *f, enum flow_direction d)
{
	f->gates[d].seen++;
	if (f->is_warm)
		return;
	warm(w, f);
	loop_deferred_run(w->loop, &w->publish);
}

static void look(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	for (enum flow_direction d = FLOW_UP; d <= FLOW_DOWN; d++) {
		struct kernel_gate *g = &f->gates[d];
		struct kernel_lane *lane = kernel_lane_of(w, f, d);
		bool is_known = kernel_gate_is_sure(g, lane);
		if (kernel_gate_look(g, lane, kernel_now_ms(w), !is_known && is_dry(w)))
			metrics_add(w->cells, FLOW_KERNEL_C_RELEARNT, 1);
	}
	if (!is_sure(w, f))
		kernel_watch_begin(w, f);
}

/*
 * At the end of each turn. What came in this one may be sent after us, by whoever was asked later;
 * so it counts as sent at the end of the next, which follows at once.
 */
static void publish(void *arg)
{
	struct flow_kernel_worker *w = arg;

	w->is_dry = -1;
	while (!list_is_empty(&w->due)) {
		struct kernel_flow *f = CONTAINER_OF(w->due.next, struct kernel_flow, warm_link);
		list_remove(&f->warm_link);
		f->is_warm = false;
		look(w, f);
		if (f->gates[FLOW_UP].seen != f->gates[FLOW_UP].sent ||
			f->gates[FLOW_DOWN].seen != f->gates[FLOW_DOWN].sent)
			warm(w, f);
	}
	while (!list_is_empty(&w->warm)) {
		struct kernel_flow *f = CONTAINER_OF(w->warm.next, struct kernel_flow, warm_link);
		list_remove(&f->warm_link);
		list_append(&w->due, &f->warm_link);
		f->gates[FLOW_UP].sent = f->gates[FLOW_UP].seen;
		f->gates[FLOW_DOWN].sent = f->gates[FLOW_DOWN].seen;
	}
	if (!list_is_empty(&w->due))
		loop_deferred_run(w->loop, &w->publish);
}

void kernel_watch_end(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	(void)w;
	be_sure(f);
	if (f->is_warm)
		list_remove(&f->warm_link);
	f->is_warm = false;
}

/* ---- life ---- */

int kernel_watch_start(struct flow_kernel_worker *w)
{
	list_init(&w->warm);
	list_init(&w->due);
	list_init(&w->unsure);
	loop_deferred_init(&w->publish, publish, w);
	w->settle = event_new(loop_base(w->loop), -1, 0, settle, w);
	return w->settle ? 0 : -ENOMEM;
}

void kernel_watch_stop(struct flow_kernel_worker *w)
{
	if (!w->settle)
		return;
	loop_deferred_cancel(&w->publish);
	event_free(w->settle);
}
