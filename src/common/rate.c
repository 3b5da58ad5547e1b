/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <sallyport/common/rate.h>

#define TABLE_LEN   4096 /* a power of two: hash bits choose */
#define SECOND_NS   UINT64_C(1000000000)
#define DEPTH_LEAST 4

struct rate_table {
	struct hash_key key;
	struct rate_bucket buckets[TABLE_LEN];
};

static bool take(struct rate_bucket *b, uint64_t interval_ns, uint64_t depth_ns, uint64_t now_ms)
{
	uint64_t now_ns = now_ms * 1000000;
	uint64_t full_ns = (b->full_ns > now_ns ? b->full_ns : now_ns) + interval_ns;

	if (full_ns > now_ns + depth_ns)
		return false;
	b->full_ns = full_ns;
	return true;
}

bool rate_take(struct rate_bucket *b, uint32_t per_s, uint64_t now_ms)
{
	uint64_t interval_ns = per_s ? SECOND_NS / per_s : 0;
	uint64_t least_ns = DEPTH_LEAST * interval_ns;

	return take(b, interval_ns, least_ns > SECOND_NS ? least_ns : SECOND_NS, now_ms);
}

bool rate_take_slow(struct rate_bucket *b, uint32_t every_ms, uint32_t depth, uint64_t now_ms)
{
	uint64_t interval_ns = (uint64_t)every_ms * 1000000;

	return take(b, interval_ns, depth * interval_ns, now_ms);
}

struct rate_table *rate_table_create(const struct hash_key *key)
{
	struct rate_table *t = calloc(1, sizeof(*t));

	if (t)
		t->key = *key;
	return t;
}

void rate_table_destroy(struct rate_table *t)
{
	free(t);
}

struct rate_bucket *rate_table_bucket(struct rate_table *t, const struct addr *a)
{
	size_t kept = a->family == ADDR_IPV4 ? 15 : 6; /* bytes of /96+24 and /48 */

	return &t->buckets[hash_bytes(&t->key, a->ip, kept) % TABLE_LEN];
}
