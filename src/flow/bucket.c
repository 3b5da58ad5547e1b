/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bucket that the allocations of one subject, tenant or node draw from, on whatever worker. It
 * is one of the few things that threads share: every field is an atomic that stands for itself, so
 * relaxed order does.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "flow_priv.h"

#define DEPTH_LEAST UINT64_C(65536) /* bytes: the longest datagram fits */
#define QUANTUM_MAX 65536

struct flow_bucket {
	_Alignas(FLOW_BUCKET_SIZE) struct flow_meter meter; /* first: it is all that programs see */
	struct flow_bucket_pool *pool;                      /* not owned; NULL: on the heap */
	struct flow_bucket *next;                           /* in the pool's list of free ones */
	_Atomic uint32_t holders;
};
_Static_assert(sizeof(struct flow_bucket) == FLOW_BUCKET_SIZE, "a pool is an array of them");

struct flow_bucket_pool {
	struct flow_bucket *at; /* not owned */
	uint32_t n, n_used;
	struct flow_bucket *free;
};

static inline uint64_t peek(const uint64_t *v)
{
	return __atomic_load_n(v, __ATOMIC_RELAXED);
}

/* ---- where they live ---- */

struct flow_bucket_pool *flow_bucket_pool_create(void *at, uint32_t n)
{
	struct flow_bucket_pool *p = calloc(1, sizeof(*p));

	if (p)
		*p = (struct flow_bucket_pool){.at = at, .n = n, .n_used = 1};
	return p;
}

void flow_bucket_pool_destroy(struct flow_bucket_pool *p)
{
	free(p);
}

static struct flow_bucket *pool_take(struct flow_bucket_pool *p)
{
	struct flow_bucket *b = p ? p->free : NULL;

	if (b)
		p->free = b->next;
	else if (p && p->n_used < p->n)
		b = &p->at[p->n_used++];
	return b;
}

struct flow_bucket *flow_bucket_create_in(struct flow_bucket_pool *pool, uint32_t kbps)
{
	struct flow_bucket *b = pool_take(pool);

	if (!b) {
		pool = NULL;
		b = aligned_alloc(FLOW_BUCKET_SIZE, sizeof(*b));
	}
	if (!b)
		return NULL;
	b->meter = (struct flow_meter){.rate = 0};
	b->pool = pool;
	b->next = NULL;
	atomic_init(&b->holders, 1);
	flow_bucket_rate_set(b, kbps);
	return b;
}

struct flow_bucket *flow_bucket_create(uint32_t kbps)
{
	return flow_bucket_create_in(NULL, kbps);
}

void flow_bucket_destroy(struct flow_bucket *b)
{
	if (!b || !b->pool) {
		free(b);
		return;
	}
	flow_bucket_rate_set(b, 0);
	b->next = b->pool->free;
	b->pool->free = b;
}

uint32_t flow_bucket_index(const struct flow_bucket *b)
{
	return b->pool ? (uint32_t)(b - b->pool->at) : 0;
}

/* ---- drawing ---- */

void flow_bucket_rate_set(struct flow_bucket *b, uint32_t kbps)
{
	flow_meter_set(&b->meter, (uint64_t)kbps * 125, DEPTH_LEAST);
}

void flow_bucket_holders_set(struct flow_bucket *b, uint32_t n)
{
	assert(n > 0);
	atomic_store_explicit(&b->holders, n, memory_order_relaxed);
}

uint32_t flow_bucket_kbps(const struct flow_bucket *b)
{
	return (uint32_t)(peek(&b->meter.rate) / 125);
}

/* What all holders keep in hand together is a fiftieth of a second. */
static uint64_t quantum_of(const struct flow_bucket *b, uint64_t rate)
{
	uint64_t q = rate / 50 / atomic_load_explicit(&b->holders, memory_order_relaxed);

	return q < QUANTUM_MAX ? q : QUANTUM_MAX;
}

uint32_t flow_bucket_draw(
	struct flow_bucket *b, enum flow_direction d, uint32_t need, uint64_t now_ms)
{
	uint64_t rate = peek(&b->meter.rate);
	uint64_t now_ns = now_ms * FLOW_MS_NS;
	uint64_t full = peek(&b->meter.full_ns[d]);

	if (rate == 0)
		return need > QUANTUM_MAX ? need : QUANTUM_MAX;
	uint64_t wish = quantum_of(b, rate), depth_ns = peek(&b->meter.depth_ns);
	if (wish < need)
		wish = need;
	for (;;) {
		uint64_t drawn_ns = flow_meter_drawn(full, now_ns), from = now_ns + drawn_ns;
		uint64_t room =
			drawn_ns < depth_ns ? (depth_ns - drawn_ns) * rate / FLOW_SECOND_NS : 0;
		if (room < need)
			return 0;
		uint64_t n = wish < room ? wish : room;
		uint64_t next = from + (n * FLOW_SECOND_NS + rate - 1) / rate;
		/* On failure FULL is what another thread has made of it. */
		if (__atomic_compare_exchange_n(&b->meter.full_ns[d], &full, next, true,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return (uint32_t)n;
	}
}
