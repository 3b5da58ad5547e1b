/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a limit lets pass, in memory that threads and programs in the kernel share. Every word is
 * loaded and stored for itself, so relaxed order does.
 */
#include "flow_priv.h"

uint64_t flow_meter_drawn(uint64_t full_ns, uint64_t now_ns)
{
	return (int64_t)(full_ns - now_ns) > 0 ? full_ns - now_ns : 0;
}

/* Products with it stay within 64 bits. */
#define DEPTH_MOST (UINT64_C(1) << 30)

static uint64_t get(const uint64_t *v)
{
	return __atomic_load_n(v, __ATOMIC_RELAXED);
}

static void put(uint64_t *v, uint64_t n)
{
	__atomic_store_n(v, n, __ATOMIC_RELAXED);
}

void flow_meter_set(struct flow_meter *m, uint64_t rate, uint64_t least)
{
	uint64_t depth = rate / 4;

	if (rate == get(&m->rate))
		return;
	if (depth < least)
		depth = least;
	if (depth > DEPTH_MOST)
		depth = DEPTH_MOST;
	put(&m->rate, 0);
	put(&m->depth_ns, rate ? depth * FLOW_SECOND_NS / rate : 0);
	/* How far ahead these are has been told at the old rate. */
	put(&m->full_ns[FLOW_UP], 0);
	put(&m->full_ns[FLOW_DOWN], 0);
	put(&m->rate, rate);
}

uint64_t flow_meter_room(const struct flow_meter *m, enum flow_direction d, uint64_t now_ns)
{
	uint64_t depth = get(&m->depth_ns);
	uint64_t drawn = flow_meter_drawn(get(&m->full_ns[d]), now_ns);

	return drawn < depth ? (depth - drawn) * get(&m->rate) / FLOW_SECOND_NS : 0;
}

void flow_meter_charge(struct flow_meter *m, enum flow_direction d, uint64_t n, uint64_t now_ns)
{
	uint64_t rate = get(&m->rate), full = get(&m->full_ns[d]);

	if (rate == 0)
		return;
	/* Whoever was faster has done the same. */
	if ((int64_t)(full - now_ns) < 0)
		(void)__atomic_compare_exchange_n(
			&m->full_ns[d], &full, now_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	(void)__atomic_fetch_add(
		&m->full_ns[d], (n * FLOW_SECOND_NS + rate - 1) / rate, __ATOMIC_RELAXED);
}
