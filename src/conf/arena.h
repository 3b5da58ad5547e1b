/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of one document: zeroed pieces that live until the arena ends. They may hold secrets
 * from the file, so they are wiped before they are freed.
 */
#ifndef CONF_ARENA_H
#define CONF_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the newest first */
	bool is_exhausted;          /* an allocation failed; stays set */
};

void arena_fini(struct arena *a);

/* SIZE zeroed bytes, aligned for any type; NULL when memory is short. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy of LEN bytes with a NUL behind them; NULL when memory is short. */
char *arena_copy(struct arena *a, const void *data, size_t len);

#endif
