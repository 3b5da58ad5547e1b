/* SPDX-License-Identifier: BSD-3-Clause */
/* A flow becomes two lanes of the programs, and what they have forwarded is counted. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel_priv.h"

/* Each tick the next part of the slots, all within a second. */
#define TICK_MS 100
#define TICKS   8

static const struct metrics_row rows[FLOW_KERNEL_C_COUNT] = {
	[FLOW_KERNEL_C_FLOWS] = {"sallyport_kernel_flows", NULL, METRICS_GAUGE,
		"Bound channels that programs in the kernel forward."},
	[FLOW_KERNEL_C_UP_PACKETS] = {"sallyport_kernel_packets_total", "direction=\"to_peer\"",
		METRICS_COUNTER,
		"Datagrams forwarded in the kernel; sallyport_relay_packets_total has them too."},
	[FLOW_KERNEL_C_DOWN_PACKETS] = {"sallyport_kernel_packets_total", "direction=\"to_client\"",
		METRICS_COUNTER, NULL},
	[FLOW_KERNEL_C_LEFT_FULL] = {"sallyport_kernel_flows_left_total", "reason=\"full\"",
		METRICS_COUNTER, "Bound channels that stay in user space."},
	[FLOW_KERNEL_C_LEFT_LIMITED] = {"sallyport_kernel_flows_left_total",
		"reason=\"rate_limit\"", METRICS_COUNTER, NULL},
	[FLOW_KERNEL_C_LEFT_OTHER] = {"sallyport_kernel_flows_left_total", "reason=\"other\"",
		METRICS_COUNTER, NULL},
	[FLOW_KERNEL_C_RELEARNT] = {"sallyport_kernel_relearnt_total", NULL, METRICS_COUNTER,
		"Channels that went on in the kernel after datagrams were lost on their way up."},
	[FLOW_KERNEL_C_DELAYED] = {"sallyport_kernel_delayed_total", NULL, METRICS_COUNTER,
		"Datagrams that user space kept for a moment so as not to overtake the kernel."},
	[FLOW_KERNEL_C_HURRIED] = {"sallyport_kernel_hurried_total", NULL, METRICS_COUNTER,
		"Those of them that were sent early, because too many waited."},
};
const struct metrics_group flow_kernel_counters = {rows, FLOW_KERNEL_C_COUNT};

/* ---- counting ---- */

static void count_lane(struct flow_kernel_worker *w, struct kernel_flow *f, enum flow_direction d,
	struct flow_account *to)
{
	const struct kernel_lane *lane = kernel_lane_of(w, f, d);
	uint64_t packets = __atomic_load_n(&lane->packets, __ATOMIC_RELAXED) - f->packets[d];
	uint64_t bytes = __atomic_load_n(&lane->bytes, __ATOMIC_RELAXED) - f->bytes[d];
	uint64_t refused = __atomic_load_n(&lane->refused, __ATOMIC_RELAXED) - f->refused[d];
	uint64_t refused_bytes =
		__atomic_load_n(&lane->refused_bytes, __ATOMIC_RELAXED) - f->refused_bytes[d];

	if (refused != 0 || refused_bytes != 0)
		flow_offload_refused(w->flows, to, FLOW_LIMIT_NODE, refused, refused_bytes);
	f->refused[d] += refused;
	f->refused_bytes[d] += refused_bytes;
	if (packets == 0 && bytes == 0)
		return;
	f->packets[d] += packets;
	f->bytes[d] += bytes;
	flow_offload_count(w->flows, to, d, packets, bytes);
	metrics_add(w->cells, FLOW_KERNEL_C_UP_PACKETS + d, packets);
}

/* What a program was about to forward when its lane was taken away: there is no account left. */
static void count_rest(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	struct flow_account nobody = {0};

	count_lane(w, f, FLOW_UP, &nobody);
	count_lane(w, f, FLOW_DOWN, &nobody);
}

static void tend_flow(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	count_lane(w, f, FLOW_UP, f->flow->account);
	count_lane(w, f, FLOW_DOWN, f->flow->account);
	if (f->hold)
		kernel_limits_count(w, f->hold, f->flow->account);
	/* A limit has come that programs cannot keep: from now on user space does. */
	if (!kernel_limits_follow(w, f))
		flow_withdraw(w->flows, f->flow);
}

static void tick(struct wheel_timer *t, void *arg)
{
	struct flow_kernel_worker *w = CONTAINER_OF(t, struct flow_kernel_worker, timer);
	uint32_t n = w->n_used / TICKS + 1;

	(void)arg;
	for (uint32_t i = 0; i < n && w->n_used > 0; i++) {
		w->cursor = w->cursor + 1 < w->n_used ? w->cursor + 1 : 0;
		struct kernel_flow *f = &w->all[w->cursor];
		if (f->flow)
			tend_flow(w, f);
	}
	wheel_set(loop_wheel(w->loop), &w->timer, kernel_now_ms(w) + TICK_MS);
}

/* ---- paths ---- */

static void write_path(struct flow_kernel_worker *w, const struct net_path *p)
{
	struct kernel_path *to = &w->kernel->paths[w->first_path + p->index];
	uint16_t mtu = net_path_is_ready(p) ? p->mtu : 0;

	/* Other lanes may be using it. */
	if (mtu == to->mtu && to->ifindex == p->ifindex &&
		memcmp(to->header, p->header, sizeof(to->header)) == 0)
		return;
	/* Not ready while it is written. */
	__atomic_store_n(&to->mtu, 0, __ATOMIC_SEQ_CST);
	memcpy(to->header, p->header, sizeof(to->header));
	to->ifindex = p->ifindex;
	to->since_ns = kernel_now_ms(w) * 1000000;
	__atomic_store_n(&to->mtu, mtu, __ATOMIC_RELEASE);
}

static void up_path_changed(struct net_path_hold *h)
{
	struct kernel_flow *f = CONTAINER_OF(h, struct kernel_flow, up_path);

	write_path(f->worker, h->path);
}

static void down_path_changed(struct net_path_hold *h)
{
	struct kernel_flow *f = CONTAINER_OF(h, struct kernel_flow, down_path);

	write_path(f->worker, h->path);
}

static int take_paths(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	const struct flow *flow = f->flow;
	int rc = net_path_take(
		w->paths, &f->up_path, &flow->relay_port->local, &flow->peer, up_path_changed);

	if (rc != 0)
		return rc;
	rc = net_path_take(w->paths, &f->down_path, &flow->client_port->local, &flow->client,
		down_path_changed);
	if (rc != 0) {
		net_path_release(w->paths, &f->up_path);
		return rc;
	}
	write_path(w, f->up_path.path);
	write_path(w, f->down_path.path);
	return 0;
}

/* ---- lanes ---- */

static void fill_lanes(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	const struct flow *flow = f->flow;
	struct kernel_lane *up = kernel_lane_of(w, f, FLOW_UP);
	struct kernel_lane *down = kernel_lane_of(w, f, FLOW_DOWN);

	kernel_lane_fill(up, &f->keys[FLOW_UP], flow, FLOW_UP);
	kernel_lane_fill(down, &f->keys[FLOW_DOWN], flow, FLOW_DOWN);
	up->path = w->first_path + f->up_path.path->index;
	down->path = w->first_path + f->down_path.path->index;
	kernel_gate_begin(&f->gates[FLOW_UP], up, kernel_now_ms(w));
	kernel_gate_begin(&f->gates[FLOW_DOWN], down, kernel_now_ms(w));
}

static int open_lane(struct flow_kernel_worker *w, struct kernel_flow *f, enum flow_direction d)
{
	int rc = kernel_index_put(w->kernel, &f->keys[d], kernel_number_of(w, f, d));

	f->is_in[d] = rc == 0;
	return rc;
}

static void close_lane(struct flow_kernel_worker *w, struct kernel_flow *f, enum flow_direction d)
{
	if (f->is_in[d])
		kernel_index_drop(w->kernel, &f->keys[d], kernel_number_of(w, f, d));
	f->is_in[d] = false;
}

/* ---- slots ---- */

static struct kernel_flow *slot_take(struct flow_kernel_worker *w)
{
	if (!list_is_empty(&w->free)) {
		struct kernel_flow *f = CONTAINER_OF(w->free.next, struct kernel_flow, link);
		if (kernel_now_ms(w) - f->freed_ms >= KERNEL_REST_MS) {
			list_remove(&f->link);
			count_rest(w, f);
			return f;
		}
	}
	return w->n_used < w->n_all ? &w->all[w->n_used++] : NULL;
}

static void slot_put(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	f->flow = NULL;
	f->freed_ms = kernel_now_ms(w);
	list_append(&w->free, &f->link);
}

static bool is_bare(const struct net_port *p)
{
	return p->is_bare && p->local.scope == 0 && !addr_is_unspecified(&p->local);
}

static bool can_go(const struct flow *flow)
{
	return is_bare(flow->client_port) && is_bare(flow->relay_port) && flow->client.scope == 0 &&
	       flow->peer.scope == 0;
}

static int begin(struct flow_kernel_worker *w, struct kernel_flow *f, struct flow *flow)
{
	f->worker = w;
	f->flow = flow;
	f->hold = NULL;
	int rc = take_paths(w, f);
	if (rc != 0)
		return rc;
	/* With the lanes' own; what they were before has been counted. */
	f->packets[0] = f->packets[1] = f->bytes[0] = f->bytes[1] = 0;
	f->refused[0] = f->refused[1] = f->refused_bytes[0] = f->refused_bytes[1] = 0;
	fill_lanes(w, f);
	rc = kernel_limits_follow(w, f) ? open_lane(w, f, FLOW_UP) : ERR_UNSUPPORTED;
	if (rc != 0) {
		kernel_limits_leave(w, f);
		net_path_release(w->paths, &f->up_path);
		net_path_release(w->paths, &f->down_path);
	}
	return rc;
}

/* ---- what the flow table tells ---- */

static void follow_permission(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	if (f->flow->is_permitted == f->is_in[FLOW_DOWN])
		return;
	if (!f->flow->is_permitted) {
		close_lane(w, f, FLOW_DOWN);
		return;
	}
	kernel_gate_begin(&f->gates[FLOW_DOWN], kernel_lane_of(w, f, FLOW_DOWN), kernel_now_ms(w));
	(void)open_lane(w, f, FLOW_DOWN); /* without it user space forwards this direction */
	kernel_watch_begin(w, f);
}

static void offer(void *arg, struct flow *flow)
{
	struct flow_kernel_worker *w = arg;
	struct kernel_flow *f = flow->offload;

	if (f) {
		follow_permission(w, f);
		return;
	}
	if (!can_go(flow))
		return;
	f = slot_take(w);
	if (!f) {
		metrics_add(w->cells, FLOW_KERNEL_C_LEFT_FULL, 1);
		return;
	}
	int rc = begin(w, f, flow);
	if (rc != 0) {
		slot_put(w, f);
		metrics_add(w->cells,
			rc == ERR_UNSUPPORTED ? FLOW_KERNEL_C_LEFT_LIMITED
					      : FLOW_KERNEL_C_LEFT_OTHER,
			1);
		return;
	}
	flow->offload = f;
	kernel_watch_begin(w, f);
	metrics_add(w->cells, FLOW_KERNEL_C_FLOWS, 1);
	follow_permission(w, f);
}

static void withdraw(void *arg, struct flow *flow)
{
	struct flow_kernel_worker *w = arg;
	struct kernel_flow *f = flow->offload;

	close_lane(w, f, FLOW_UP);
	close_lane(w, f, FLOW_DOWN);
	count_lane(w, f, FLOW_UP, flow->account);
	count_lane(w, f, FLOW_DOWN, flow->account);
	kernel_limits_leave(w, f);
	kernel_delay_end(w, f);
	kernel_watch_end(w, f);
	net_path_release(w->paths, &f->up_path);
	net_path_release(w->paths, &f->down_path);
	slot_put(w, f);
	flow->offload = NULL;
	metrics_sub(w->cells, FLOW_KERNEL_C_FLOWS, 1);
}

static void handled(void *arg, struct flow *flow, enum flow_direction d)
{
	kernel_watch_handled(arg, flow->offload, d);
}

static bool delay(void *arg, struct flow *flow, enum flow_direction d, struct net_buf *b)
{
	return kernel_delay_take(arg, flow->offload, d, b);
}

static const struct flow_offload_ops ops = {offer, withdraw, handled, delay};

/* ---- life ---- */

static void destroy(struct flow_kernel_worker *w)
{
	kernel_delay_stop(w);
	kernel_watch_stop(w);
	free(w->holds);
	free(w->all);
	free(w);
}

int flow_kernel_worker_create(
	const struct flow_kernel_worker_config *c, struct flow_kernel_worker **out)
{
	struct flow_kernel_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->kernel = c->kernel;
	w->loop = c->loop;
	w->net = c->net;
	w->flows = c->flows;
	w->paths = c->paths;
	w->cells = c->cells;
	w->n_all = c->kernel->flows_per_worker;
	w->first = c->worker * w->n_all;
	w->first_path = c->worker * c->kernel->max_paths;
	assert(c->worker < c->kernel->n_workers);
	list_init(&w->free);
	list_init(&w->free_holds);
	wheel_timer_init(&w->timer, tick);
	w->all = calloc(w->n_all, sizeof(*w->all)); /* touched as they are used */
	w->holds = calloc(w->n_all, sizeof(*w->holds));
	if (!w->all || !w->holds || kernel_watch_start(w) != 0 || kernel_delay_start(w) != 0) {
		destroy(w);
		return -ENOMEM;
	}
	flow_table_offload_set(w->flows, &ops, w);
	wheel_set(loop_wheel(w->loop), &w->timer, kernel_now_ms(w) + TICK_MS);
	*out = w;
	return 0;
}

void flow_kernel_worker_destroy(struct flow_kernel_worker *w)
{
	if (!w)
		return;
	struct flow_account nobody = {0};
	list_for_each (it, &w->free)
		count_rest(w, CONTAINER_OF(it, struct kernel_flow, link));
	list_for_each (it, &w->free_holds)
		kernel_limits_count(w, CONTAINER_OF(it, struct kernel_hold, link), &nobody);
	flow_table_offload_set(w->flows, NULL, NULL);
	wheel_cancel(loop_wheel(w->loop), &w->timer);
	destroy(w);
}
