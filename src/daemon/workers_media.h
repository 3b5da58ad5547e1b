/* SPDX-License-Identifier: BSD-3-Clause */
/* The media of calls on the workers. */
#ifndef DAEMON_WORKERS_MEDIA_H
#define DAEMON_WORKERS_MEDIA_H

#include <sallyport/mediation/anchor.h>
#include <sallyport/mediation/media.h>

#include "workers.h"

struct workers_media_config {
	struct loop *calls;      /* whose thread hears of sessions; outlives the workers' threads */
	struct anchors *anchors; /* as context of what it is told */
	const struct media_face *faces; /* copied */
	unsigned n_faces;
	uint32_t max_sessions; /* of each worker */
	struct metrics_set *metrics;
};

/* Before the workers' threads run; they end with the workers. -ENOMEM, ERR_FULL: a face has fewer
 * ports than there are workers. */
int workers_media_create(struct workers *w, const struct workers_media_config *c);
/* To the struct media of worker I; as loop_post. Any thread. */
int workers_media_post(
	struct workers *w, unsigned i, const struct msg_type *type, const void *payload);
/* When no thread runs. NULL and what has no media are fine. */
void workers_media_destroy(struct workers *w);

#endif
