/* SPDX-License-Identifier: BSD-3-Clause */
/* The media of calls on the workers: made beside the relay, in the same loop. */
#include <errno.h>
#include <stdlib.h>

#include "workers_media.h"
#include "workers_priv.h"

/* Of one worker; what it says goes to the thread of calls. */
struct worker_media {
	struct net *net;
	struct media *media;
	struct loop *calls;      /* not owned */
	struct anchors *anchors; /* not owned */
};

static bool on_ready(void *arg, const struct media_ready *r)
{
	const struct worker_media *m = arg;

	return loop_post(m->calls, &anchor_ready_msg, m->anchors, r) == 0;
}

static bool on_event(void *arg, const struct media_event *e)
{
	const struct worker_media *m = arg;

	return loop_post(m->calls, &anchor_event_msg, m->anchors, e) == 0;
}

static int make(struct workers *ws, unsigned i, const struct workers_media_config *c)
{
	struct worker *w = &ws->all[i];
	struct worker_media *m = calloc(1, sizeof(*m));
	struct media_config mc = {
		.clock = loop_clock(w->loop),
		.wheel = loop_wheel(w->loop),
		.cells = metrics_set_cells(c->metrics, &media_counters, i),
		.worker = i,
		.n_workers = ws->n,
		.max_sessions = c->max_sessions,
		.n_faces = c->n_faces,
		.ready = on_ready,
		.event = on_event,
		.arg = m,
	};

	if (!m)
		return -ENOMEM;
	w->media = m;
	m->calls = c->calls;
	m->anchors = c->anchors;
	m->net = net_create(w->loop, metrics_set_cells(c->metrics, &net_counters, i));
	if (!m->net)
		return -ENOMEM;
	mc.net = m->net;
	memcpy(mc.faces, c->faces, c->n_faces * sizeof(mc.faces[0]));
	return media_create(&mc, &m->media);
}

int workers_media_create(struct workers *ws, const struct workers_media_config *c)
{
	int rc = 0;

	for (unsigned i = 0; i < ws->n && rc == 0; i++)
		rc = make(ws, i, c);
	return rc;
}

int workers_media_post(
	struct workers *ws, unsigned i, const struct msg_type *type, const void *payload)
{
	return loop_post(ws->all[i].loop, type, ws->all[i].media->media, payload);
}

void workers_media_destroy(struct workers *ws)
{
	for (unsigned i = 0; ws->all && i < ws->n; i++) {
		struct worker_media *m = ws->all[i].media;
		if (!m)
			continue;
		media_destroy(m->media);
		net_destroy(m->net);
		free(m);
		ws->all[i].media = NULL;
	}
}
