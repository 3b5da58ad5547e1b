/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "arena.h"

#define CHUNK_BYTES 8192

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used; /* of BYTES */
	_Alignas(max_align_t) unsigned char bytes[];
};

void arena_fini(struct arena *a)
{
	while (a->chunks != NULL) {
		struct arena_chunk *c = a->chunks;

		a->chunks = c->next;
		explicit_bzero(c->bytes, c->used);
		free(c);
	}
}

static struct arena_chunk *chunk_create(struct arena *a, size_t size)
{
	struct arena_chunk *c = malloc(sizeof(*c) + size);

	if (c == NULL) {
		a->is_exhausted = true;
		return NULL;
	}
	c->next = a->chunks;
	c->size = size;
	c->used = 0;
	a->chunks = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_chunk *c = a->chunks;

	if (size > SIZE_MAX / 2) {
		a->is_exhausted = true;
		return NULL;
	}
	size = (size + align - 1) / align * align;
	if (c == NULL || c->size - c->used < size) {
		c = chunk_create(a, size > CHUNK_BYTES ? size : CHUNK_BYTES);
		if (c == NULL)
			return NULL;
	}
	void *p = c->bytes + c->used;
	c->used += size;
	memset(p, 0, size);
	return p;
}

char *arena_copy(struct arena *a, const void *data, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (p != NULL && len > 0)
		memcpy(p, data, len);
	return p;
}
