/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * May a packet pass under the limits of its allocation and of the node? All are charged, one after
 * the other, and when one refuses all get it back.
 */
#ifndef FLOW_KERNEL_LIMITS_BPF_H
#define FLOW_KERNEL_LIMITS_BPF_H

#include "packet.bpf.h"

#define SECOND_NS 1000000000ULL

struct bill {
	__u64 *full_ns[KERNEL_LIMITS];
	__u64 cost_ns[KERNEL_LIMITS]; /* 0: not charged */
};

INLINE struct kernel_meter *bucket_at(__u32 index)
{
	struct kernel_bucket *b = index ? bpf_map_lookup_elem(&buckets, &index) : 0;

	return b ? &b->meter : 0;
}

/* False: it refuses, and is on the bill nevertheless. NOW is 0 when nobody has asked for it. */
INLINE bool charge(
	struct kernel_meter *m, __u64 **full_ns, __u64 *cost_ns, __u64 n, bool is_up, __u64 *now)
{
	__u64 rate = m ? m->rate : 0;

	if (rate == 0)
		return true;
	if (*now == 0)
		*now = bpf_ktime_get_ns();
	__u64 *at = is_up ? &m->full_ns[0] : &m->full_ns[1];
	__u64 full = *(volatile __u64 *)at, cost = (n * SECOND_NS + rate - 1) / rate;
	/* Whoever was faster has done the same. Signed: what is taken back from a limit that has
	 * just been set anew leaves it below zero. */
	if ((__s64)(full - *now) < 0)
		__sync_val_compare_and_swap(at, full, *now);
	full = __sync_fetch_and_add(at, cost) + cost;
	*full_ns = at;
	*cost_ns = cost;
	return (__s64)(full - *now) <= (__s64)m->depth_ns;
}

INLINE void take_back(const struct bill *b)
{
#pragma unroll
	for (int l = 0; l < KERNEL_LIMITS; l++) {
		if (b->full_ns[l])
			__sync_fetch_and_add(b->full_ns[l], -b->cost_ns[l]);
	}
}

INLINE void count_refused(
	struct kernel_lane *lane, struct kernel_account *a, int by, const struct plan *plan)
{
	if (by == KERNEL_LIMITS - 1) {
		__sync_fetch_and_add(&lane->refused, 1);
		__sync_fetch_and_add(&lane->refused_bytes, plan->payload_len);
	} else if (a && by >= 0 && by < KERNEL_LIMITS - 1) {
		__sync_fetch_and_add(&a->refused[by].packets, 1);
		__sync_fetch_and_add(&a->refused[by].bytes, plan->payload_len);
	}
}

/* True: it may go, and is charged. Else it is counted. B is zeroed. */
INLINE bool admit(struct kernel_lane *lane, const struct plan *plan, struct bill *b)
{
	struct kernel_meter *meters[KERNEL_LIMITS] = {0};
	struct kernel_account *a = 0;
	__u32 account = lane->account;
	__u64 now = 0;
	int by = KERNEL_LIMITS;

	if (account)
		a = bpf_map_lookup_elem(&accounts, &account);
	if (a) {
		meters[0] = &a->own[0];
		meters[1] = &a->own[1];
		meters[2] = bucket_at(a->shared[0]);
		meters[3] = bucket_at(a->shared[1]);
	}
	meters[4] = bucket_at(KERNEL_BUCKET_NODE);
#pragma unroll
	for (int l = 0; l < KERNEL_LIMITS; l++) {
		if (by == KERNEL_LIMITS &&
			!charge(meters[l], &b->full_ns[l], &b->cost_ns[l],
				l == 0 ? 1 : plan->payload_len, plan->is_up, &now))
			by = l;
	}
	if (by == KERNEL_LIMITS)
		return true;
	take_back(b);
	count_refused(lane, a, by, plan);
	return false;
}

#endif
