/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes a connection still has to send: a ring that grows up to a limit and goes when empty. */
#include <assert.h>
#include <stdlib.h>

#include "stream_priv.h"

#define FIRST_CAP 4096

void net_ring_fini(struct net_ring *r)
{
	free(r->data);
	*r = (struct net_ring){0};
}

struct bytes net_ring_view(const struct net_ring *r)
{
	uint32_t to_end = r->cap - r->start;

	return bytes_of(r->data + r->start, r->len < to_end ? r->len : to_end);
}

/* With its bytes in a row from the start, as a TLS write that is repeated wants them. */
static bool grow(struct net_ring *r, size_t need, size_t limit)
{
	size_t cap = r->cap ? r->cap : FIRST_CAP;

	while (cap < need)
		cap *= 2;
	if (cap > limit)
		cap = limit;
	uint8_t *data = malloc(cap);
	if (!data)
		return false;
	uint32_t len = r->len;
	assert(len <= r->cap);
	for (size_t at = 0; r->len > 0;) {
		struct bytes part = net_ring_view(r);
		memcpy(data + at, part.data, part.len);
		at += part.len;
		r->len -= (uint32_t)part.len;
		r->start = (r->start + (uint32_t)part.len) % r->cap;
	}
	free(r->data);
	*r = (struct net_ring){data, 0, len, (uint32_t)cap};
	return true;
}

bool net_ring_put(struct net_ring *r, const uint8_t *data, size_t len, size_t limit)
{
	if (len > limit - r->len)
		return false;
	if (r->len + len > r->cap && !grow(r, r->len + len, limit))
		return false;
	if (len == 0)
		return true; /* an empty ring has no room to take it into */
	uint32_t end = (r->start + r->len) % r->cap;
	size_t first = r->cap - end;
	if (first > len)
		first = len;
	memcpy(r->data + end, data, first);
	memcpy(r->data, data + first, len - first);
	r->len += (uint32_t)len;
	return true;
}

void net_ring_drop(struct net_ring *r, size_t len)
{
	assert(len <= r->len);
	r->len -= (uint32_t)len;
	if (r->len == 0)
		net_ring_fini(r);
	else
		r->start = (r->start + (uint32_t)len) % r->cap;
}
