/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How often somebody may ask: token buckets, each of one word, and a table of fixed size with one
 * for each network that nobody is known in. Networks that meet in a bucket share it; who they are
 * is not to be found out without the key.
 */
#ifndef SALLYPORT_COMMON_RATE_H
#define SALLYPORT_COMMON_RATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sallyport/common/addr.h>
#include <sallyport/common/hash.h>

/* The moment when it is full again; how far that lies ahead is what has been taken. */
struct rate_bucket {
	uint64_t full_ns;
};
/* Takes one of PER_S a second; after silence a second's worth at once, and four at least. 0: always
 * true. */
bool rate_take(struct rate_bucket *b, uint32_t per_s, uint64_t now_ms);

/* Takes one of DEPTH at once, and then one each EVERY_MS. */
bool rate_take_slow(struct rate_bucket *b, uint32_t every_ms, uint32_t depth, uint64_t now_ms);

struct rate_table;                                                /* 32 KiB */
struct rate_table *rate_table_create(const struct hash_key *key); /* NULL: out of memory */
void rate_table_destroy(struct rate_table *t);
/* Of the IPv4 /24 or the IPv6 /48 that A is in. */
struct rate_bucket *rate_table_bucket(struct rate_table *t, const struct addr *a);

#endif
