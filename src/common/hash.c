/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-1-3 (Aumasson, Bernstein) and the table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/common.h>

#define FIRST_BUCKETS 16

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static inline uint64_t le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
	uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
		key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
	const uint8_t *p = data;
	uint64_t last = (uint64_t)len << 56;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t m = le64(p + i);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (unsigned shift = 0; i < len; i++, shift += 8)
		last |= (uint64_t)p[i] << shift;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hash_table_init(struct hash_table *t)
{
	*t = (struct hash_table){NULL, 0, 0};
}

void hash_table_fini(struct hash_table *t)
{
	free(t->buckets);
	hash_table_init(t);
}

static struct hash_node **bucket_of(const struct hash_table *t, uint64_t hash)
{
	return &t->buckets[hash & (t->n_buckets - 1)];
}

static void grow(struct hash_table *t)
{
	size_t n = t->n_buckets ? t->n_buckets * 2 : FIRST_BUCKETS;
	struct hash_table bigger = {calloc(n, sizeof(*t->buckets)), n, t->count};

	if (!bigger.buckets)
		return; /* slower, not wrong */
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct hash_node *e = t->buckets[i], *next; e; e = next) {
			struct hash_node **to = bucket_of(&bigger, e->hash);
			next = e->next;
			e->next = *to;
			*to = e;
		}
	}
	free(t->buckets);
	*t = bigger;
}

int hash_table_insert(struct hash_table *t, struct hash_node *n, uint64_t hash)
{
	if (t->count >= t->n_buckets)
		grow(t);
	if (!t->buckets)
		return -ENOMEM;
	struct hash_node **b = bucket_of(t, hash);
	n->hash = hash;
	n->next = *b;
	*b = n;
	t->count++;
	return 0;
}

void hash_table_remove(struct hash_table *t, struct hash_node *n)
{
	struct hash_node **at = bucket_of(t, n->hash);

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->next = NULL;
	t->count--;
}

static struct hash_node *same_hash(struct hash_node *n, uint64_t hash)
{
	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct hash_node *hash_table_first(const struct hash_table *t, uint64_t hash)
{
	return t->buckets ? same_hash(*bucket_of(t, hash), hash) : NULL;
}

struct hash_node *hash_table_next(const struct hash_node *n)
{
	return same_hash(n->next, n->hash);
}

void hash_table_each(struct hash_table *t, void (*fn)(struct hash_node *, void *), void *arg)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct hash_node *n = t->buckets[i], *next; n; n = next) {
			next = n->next;
			fn(n, arg);
		}
	}
}
