/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions about allocations, which live on the workers: each is asked by message, and their
 * answers are put together when all have come or time is up. Main thread.
 */
#ifndef DAEMON_INSPECT_H
#define DAEMON_INSPECT_H

#include <sallyport/api.h>

#include "workers.h"

struct inspect;

/* LOOP is the main thread's. Both outlive it; destroyed when no worker runs any more. */
struct inspect *inspect_create(struct loop *loop, struct workers *w);
/* Questions that wait are answered with what there is. */
void inspect_destroy(struct inspect *i);
/* For struct api_operator. -ENOMEM; ERR_FULL when too many wait. */
int inspect_ask(
	struct inspect *i, const struct turn_question *q, api_allocations_fn fn, void *fn_arg);

#endif
