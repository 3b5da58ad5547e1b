/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The limits of an allocation, where the programs and its worker both keep them. What it shares is
 * drawn from by both in any case; its own moves here with its first flow and back with its last.
 */
#include "kernel_priv.h"

_Static_assert(sizeof(struct kernel_meter) == sizeof(struct flow_meter), "one layout");
_Static_assert(sizeof(struct kernel_bucket) == FLOW_BUCKET_SIZE, "a pool is an array of them");
_Static_assert(KERNEL_LIMITS == FLOW_LIMITS && KERNEL_LIMITS_OWN == FLOW_LIMIT_SUBJECT &&
		       KERNEL_BUCKET_NODE == FLOW_BUCKET_NODE,
	"one order");

static uint64_t now_ms(const struct flow_kernel_worker *w)
{
	return loop_clock(w->loop)->mono_ms;
}

static uint32_t index_of(const struct flow_kernel_worker *w, const struct kernel_hold *h)
{
	return 1 + w->first + (uint32_t)(h - w->holds);
}

void kernel_limits_count(
	struct flow_kernel_worker *w, struct kernel_hold *h, struct flow_account *to)
{
	const struct kernel_account *a = &w->kernel->accounts[index_of(w, h)];

	for (unsigned l = 0; l < ARRAY_LEN(a->refused); l++) {
		uint64_t packets = __atomic_load_n(&a->refused[l].packets, __ATOMIC_RELAXED);
		uint64_t bytes = __atomic_load_n(&a->refused[l].bytes, __ATOMIC_RELAXED);
		if (packets != h->packets[l] || bytes != h->bytes[l])
			flow_offload_refused(w->flows, to, (enum flow_limit)l,
				packets - h->packets[l], bytes - h->bytes[l]);
		h->packets[l] = packets;
		h->bytes[l] = bytes;
	}
}

static struct kernel_hold *hold_take(struct flow_kernel_worker *w)
{
	struct flow_account nobody = {0};

	if (!list_is_empty(&w->free_holds)) {
		struct kernel_hold *h = CONTAINER_OF(w->free_holds.next, struct kernel_hold, link);
		if (now_ms(w) - h->freed_ms >= KERNEL_REST_MS) {
			list_remove(&h->link);
			kernel_limits_count(w, h, &nobody);
			return h;
		}
	}
	return w->n_holds_used < w->n_all ? &w->holds[w->n_holds_used++] : NULL;
}

static bool is_in_pool(const struct flow_bucket *b)
{
	return !b || flow_bucket_index(b) != 0;
}

static bool can_keep(const struct flow_kernel_worker *w, const struct flow_account *a)
{
	const struct flow_bucket *node = flow_table_bucket(w->flows);

	return (!node || flow_bucket_index(node) == FLOW_BUCKET_NODE ||
		       flow_bucket_kbps(node) == 0) &&
	       is_in_pool(flow_account_bucket(a, FLOW_LIMIT_SUBJECT)) &&
	       is_in_pool(flow_account_bucket(a, FLOW_LIMIT_TENANT));
}

static void write_shared(struct kernel_account *to, const struct flow_account *from)
{
	for (enum flow_limit l = FLOW_LIMIT_SUBJECT; l <= FLOW_LIMIT_TENANT; l++) {
		const struct flow_bucket *b = flow_account_bucket(from, l);
		__atomic_store_n(&to->shared[l - FLOW_LIMIT_SUBJECT], b ? flow_bucket_index(b) : 0,
			__ATOMIC_RELAXED);
	}
}

static void lend(struct flow_kernel_worker *w, struct flow_account *a, struct kernel_hold *h)
{
	struct kernel_account *to = &w->kernel->accounts[index_of(w, h)];

	a->limits->offload = h;
	h->n_flows = 0;
	flow_account_lend(a, (void *)to->own, now_ms(w));
}

static void set_account(struct flow_kernel_worker *w, struct kernel_flow *f, uint32_t index)
{
	for (enum flow_direction d = FLOW_UP; d <= FLOW_DOWN; d++)
		__atomic_store_n(&kernel_lane_of(w, f, d)->account, index, __ATOMIC_RELEASE);
}

static bool join(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	struct flow_account *a = f->flow->account;

	if (flow_account_watch(a) != 0)
		return false;
	if (!a->limits->offload) {
		struct kernel_hold *h = hold_take(w);
		if (!h)
			return false;
		lend(w, a, h);
	}
	f->hold = a->limits->offload;
	f->hold->n_flows++;
	return true;
}

bool kernel_limits_follow(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	const struct flow_account *a = f->flow->account;

	if (!can_keep(w, a))
		return false;
	if (!a->is_limited)
		return true;
	bool is_new = !f->hold;
	if (is_new && !join(w, f))
		return false;
	write_shared(&w->kernel->accounts[index_of(w, f->hold)], a);
	if (is_new)
		set_account(w, f, index_of(w, f->hold));
	return true;
}

void kernel_limits_leave(struct flow_kernel_worker *w, struct kernel_flow *f)
{
	struct flow_account *a = f->flow->account;
	struct kernel_hold *h = f->hold;

	f->hold = NULL;
	if (!h)
		return;
	kernel_limits_count(w, h, a);
	if (--h->n_flows > 0)
		return;
	flow_account_return(a, now_ms(w));
	a->limits->offload = NULL;
	h->freed_ms = now_ms(w);
	list_append(&w->free_holds, &h->link);
}
