/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chained hash table whose links live in the elements; it owns none of them. Keys come from the
 * network, so the hash is keyed (SipHash-1-3): nobody outside can aim at one bucket.
 */
#ifndef SALLYPORT_COMMON_HASH_H
#define SALLYPORT_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1; /* random, one pair per table or per thread */
};

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

struct hash_table {
	struct hash_node **buckets;
	size_t n_buckets; /* a power of two, or 0 before the first insert */
	size_t count;
};

void hash_table_init(struct hash_table *t);
void hash_table_fini(struct hash_table *t); /* frees the buckets, not the elements */

/*
 * Adds N under HASH; equal keys are the caller's business. The table grows as it fills; when
 * memory is short it keeps its size and only gets slower. -ENOMEM only for the first element.
 */
int hash_table_insert(struct hash_table *t, struct hash_node *n, uint64_t hash);
void hash_table_remove(struct hash_table *t, struct hash_node *n);

/* First element under HASH and the next one after N under the same hash; NULL at the end. */
struct hash_node *hash_table_first(const struct hash_table *t, uint64_t hash);
struct hash_node *hash_table_next(const struct hash_node *n);

/*
 * For whoever looks up many at once: first ask for all of them, then begin to fetch, then look them
 * up. The cache lines of one come while those of the others are waited for.
 */
static inline void hash_table_ask(const struct hash_table *t, uint64_t hash)
{
	if (t->buckets)
		__builtin_prefetch(&t->buckets[hash & (t->n_buckets - 1)]);
}
static inline void hash_table_fetch(const struct hash_table *t, uint64_t hash)
{
	if (t->buckets)
		__builtin_prefetch(t->buckets[hash & (t->n_buckets - 1)]);
}

/* Calls FN for every element; FN may remove and free the one it was given, and no other. */
void hash_table_each(struct hash_table *t, void (*fn)(struct hash_node *n, void *arg), void *arg);

#endif
