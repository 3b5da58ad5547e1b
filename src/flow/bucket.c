/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bucket that the allocations of one subject, tenant or node draw from, on whatever worker. It
 * is one of the few things that threads share: every field is an atomic that stands for itself, so
 * relaxed order does.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <sallyport/flow.h>

#define CACHE_LINE  64
#define SECOND_NS   UINT64_C(1000000000)
#define DEPTH_LEAST UINT64_C(65536) /* bytes: the longest datagram fits */
#define DEPTH_MOST  (UINT64_C(1) << 30)
#define QUANTUM_MAX 65536

/* A direction is the moment when it is full again; how far that lies ahead is what has been drawn.
 */
struct flow_bucket {
	_Alignas(CACHE_LINE) _Atomic uint64_t full_ns[2];
	_Alignas(CACHE_LINE) _Atomic uint64_t rate_bytes_s;
	_Atomic uint32_t holders;
};

static inline uint64_t peek(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

struct flow_bucket *flow_bucket_create(uint32_t kbps)
{
	struct flow_bucket *b = aligned_alloc(CACHE_LINE, sizeof(*b));

	if (!b)
		return NULL;
	atomic_init(&b->full_ns[FLOW_UP], 0);
	atomic_init(&b->full_ns[FLOW_DOWN], 0);
	atomic_init(&b->rate_bytes_s, (uint64_t)kbps * 125);
	atomic_init(&b->holders, 1);
	return b;
}

void flow_bucket_destroy(struct flow_bucket *b)
{
	free(b);
}

void flow_bucket_rate_set(struct flow_bucket *b, uint32_t kbps)
{
	atomic_store_explicit(&b->rate_bytes_s, (uint64_t)kbps * 125, memory_order_relaxed);
}

void flow_bucket_holders_set(struct flow_bucket *b, uint32_t n)
{
	assert(n > 0);
	atomic_store_explicit(&b->holders, n, memory_order_relaxed);
}

uint32_t flow_bucket_kbps(const struct flow_bucket *b)
{
	return (uint32_t)(peek(&b->rate_bytes_s) / 125);
}

/* A quarter of a second, as the bucket of an allocation. */
static uint64_t depth_of(uint64_t rate)
{
	uint64_t quarter = rate / 4;

	if (quarter > DEPTH_MOST)
		return DEPTH_MOST;
	return quarter > DEPTH_LEAST ? quarter : DEPTH_LEAST;
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
	uint64_t rate = peek(&b->rate_bytes_s);
	uint64_t now_ns = now_ms * 1000000;
	uint64_t full = peek(&b->full_ns[d]);

	if (rate == 0)
		return need > QUANTUM_MAX ? need : QUANTUM_MAX;
	uint64_t wish = quantum_of(b, rate), depth = depth_of(rate);
	if (wish < need)
		wish = need;
	for (;;) {
		uint64_t from = full > now_ns ? full : now_ns;
		uint64_t drawn_ns = from - now_ns, depth_ns = depth * SECOND_NS / rate;
		uint64_t room = drawn_ns < depth_ns ? (depth_ns - drawn_ns) * rate / SECOND_NS : 0;
		if (room < need)
			return 0;
		uint64_t n = wish < room ? wish : room;
		uint64_t next = from + (n * SECOND_NS + rate - 1) / rate;
		/* On failure FULL is what another thread has made of it. */
		if (atomic_compare_exchange_weak_explicit(&b->full_ns[d], &full, next,
			    memory_order_relaxed, memory_order_relaxed))
			return (uint32_t)n;
	}
}
