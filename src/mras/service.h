/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MRAS_SERVICE_H
#define MRAS_SERVICE_H

#include <sallyport/mras.h>

/* Owned by its service. */
struct bucket {
	struct list link;
	char *name;          /* of the caller */
	int64_t level_milli; /* thousandths of a credential; below zero after a batch */
	uint64_t filled_ms;
};

struct mras_service {
	const struct mras_config *config; /* not owned */
	struct list buckets;
};

/* Takes N credentials out of the caller's rate: 0, or in how many seconds to come again. */
unsigned mras_rate_take(
	struct mras_service *s, const struct mras_caller *c, const struct clock *now, size_t n);

#endif
