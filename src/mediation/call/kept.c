/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of a call for what messages have said: it counts toward what whoever began the call may
 * have, and is wiped when it is freed, because a description may have the keys of SRTP.
 */
#include <stdalign.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "call_priv.h"

struct block {
	size_t size; /* of DATA */
	alignas(max_align_t) char data[];
};

void *kept_alloc(struct call *c, size_t size)
{
	struct block *b = malloc(sizeof(*b) + size);

	if (!b)
		return NULL;
	b->size = size;
	c->bytes += size;
	metrics_add(c->calls->config.cells, CALL_C_BYTES, size);
	if (c->share)
		c->share->bytes += size;
	return b->data;
}

void kept_free(struct call *c, void *at)
{
	struct block *b = at ? CONTAINER_OF(at, struct block, data) : NULL;

	if (!b)
		return;
	c->bytes -= b->size;
	metrics_sub(c->calls->config.cells, CALL_C_BYTES, b->size);
	if (c->share)
		c->share->bytes -= b->size;
	crypto_wipe_free(b, sizeof(*b) + b->size);
}

void kept_leave(struct call *c)
{
	if (c->share)
		c->share->bytes -= c->bytes;
	share_give(&c->calls->open, c->share);
	c->share = NULL;
}
