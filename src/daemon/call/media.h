/* SPDX-License-Identifier: BSD-3-Clause */
/* The media of calls on their thread: what holds for each side, and what bodies become. */
#ifndef DAEMON_CALL_MEDIA_H
#define DAEMON_CALL_MEDIA_H

#include <sallyport/mediation/anchor.h>
#include <sallyport/mediation/call.h>
#include <sallyport/sip.h>

#include "../workers_media.h"

struct call_thread;
struct call_trunk;
struct call_media_terms;
struct options_mediation;
struct options_trunk;
struct call_media; /* of the thread */

/* Behind the listeners, before the calls. WHY has CALL_THREAD_WHY_LEN bytes. */
int call_media_create(struct call_thread *t, struct workers *workers, struct metrics_set *m,
	unsigned block, char *why);
/* After the calls; when no worker runs. */
void call_media_destroy(struct call_media *m); /* NULL is fine */
/* Memory for what C's side can do, had ahead on any thread. NULL: none. */
struct call_abilities *call_media_prepare(const struct call_media_terms *c);
void call_media_discard(struct call_abilities *a); /* what was not taken; NULL is fine */
/* What holds for that number in what is agreed on from now on. C is copied; *PREPARED is of C, and
 * NULL if it was taken. */
void call_media_set_terms(struct call_media *m, uint32_t number, const struct call_media_terms *c,
	struct call_abilities **prepared);
/* Puts media into the hooks of calls, in front of what is there. */
void call_media_hook(struct call_thread *t, struct call_user *u);

/* ---- media_terms.c: what holds for a side ---- */

/* Of one peer: a trunk, or all of the inside. */
struct call_media_terms {
	struct sdp_abilities abilities;
	struct anchor_terms terms; /* without them */
	bool is_usable;            /* there is an address for its media */
};

/* The faces are found with the terms that first need them, before there are transports. */
struct call_faces {
	struct media_face list[MEDIA_FACES_MAX];
	unsigned n;
};

/* ERR_FULL: more addresses than MEDIA_FACES_MAX, or a new one while the thread runs. */
int call_media_terms_trunk(struct call_thread *t, const struct options_mediation *m,
	const struct options_trunk *o, const struct call_trunk *k, struct call_media_terms *out,
	char *why);
int call_media_terms_inside(struct call_thread *t, const struct options_mediation *m,
	const struct call_trunk *k, struct call_media_terms *out, char *why);

#endif
