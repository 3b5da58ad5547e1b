/* SPDX-License-Identifier: BSD-3-Clause */
/* The token buckets of answers to strangers; the face has the reasons. */
#include <stdlib.h>
#include <string.h>

#include <sallyport/crypto.h>

#include "replies.h"

#define ROWS        2
#define ROW_LEN     4096 /* a power of two: hash bits choose */
#define SECOND_NS   UINT64_C(1000000000)
#define DEPTH_LEAST 4

/* A bucket is the moment when it is full again; how far that lies ahead is what has been taken. */
struct turn_replies {
	struct hash_key key;
	uint64_t full_ns[TURN_REPLY_KINDS][ROWS][ROW_LEN];
};

struct turn_replies *turn_replies_create(void)
{
	struct turn_replies *r = calloc(1, sizeof(*r));

	if (r)
		crypto_random(&r->key, sizeof(r->key));
	return r;
}

void turn_replies_destroy(struct turn_replies *r)
{
	free(r);
}

struct prefix turn_replies_prefix(const struct addr *source)
{
	struct prefix p = {*source, source->family == ADDR_IPV4 ? 96 + 24 : 48};
	size_t kept = p.len_bits / 8;

	memset(p.addr.ip + kept, 0, sizeof(p.addr.ip) - kept);
	p.addr.port = 0;
	p.addr.scope = 0;
	return p;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

bool turn_replies_pass(struct turn_replies *r, enum turn_reply kind, const struct addr *source,
	uint64_t interval_ns, uint64_t now_ms)
{
	struct prefix prefix = turn_replies_prefix(source);
	uint64_t h = hash_bytes(&r->key, prefix.addr.ip, sizeof(prefix.addr.ip));
	uint64_t now_ns = now_ms * 1000000;
	uint64_t empty_ns = now_ns + later(SECOND_NS, DEPTH_LEAST * interval_ns);
	uint64_t *first = &r->full_ns[kind][0][h % ROW_LEN];
	uint64_t *second = &r->full_ns[kind][1][(h >> 32) % ROW_LEN];
	uint64_t a = later(*first, now_ns) + interval_ns, b = later(*second, now_ns) + interval_ns;

	if (a > empty_ns && b > empty_ns)
		return false;
	/* The poorer one is emptied but not overdrawn, or two out of step would add up. */
	*first = a < empty_ns ? a : empty_ns;
	*second = b < empty_ns ? b : empty_ns;
	return true;
}
