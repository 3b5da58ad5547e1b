/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Draining: new clients are sent to alternates, what runs goes on, and the daemon ends with the
 * last allocation and call when asked. Also the alternates themselves, which take the load above a
 * mark. Main thread.
 */
#ifndef DAEMON_DRAIN_H
#define DAEMON_DRAIN_H

#include <sallyport/api.h>
#include <sallyport/metrics.h>

#include "workers.h"

struct drain;

struct drain_config {
	struct loop *loop; /* all not owned */
	struct workers *workers;
	const struct metrics_set *metrics;
	/* Called once, when the last allocation and call has gone and the order said to end. */
	void (*ended)(void *arg);
	void *arg;
};

struct drain *drain_create(const struct drain_config *c); /* NULL: out of memory */
void drain_destroy(struct drain *d);                      /* before the workers */

/* Alternates and mark as a configuration has them; copied. -ENOMEM: as before. */
int drain_options(struct drain *d, const struct options_edge *e);
/* For struct api_operator. ERR_TOO_LARGE: too many alternates; -ENOMEM. */
int drain_order(struct drain *d, const struct api_drain_order *o);
void drain_show(const struct drain *d, struct api_drain *out);
bool drain_is_on(const struct drain *d);

#endif
