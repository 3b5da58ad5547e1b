/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places for sessions: a pair of ports at the face of either side, and one of all sessions that the
 * workers can have. Whose calls they are counts, so that nobody takes all of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "anchor_priv.h"

#define PORTS_EACH 2 /* for RTP and RTCP, the first one even */

/* The room of all sessions stands behind those of the faces. */
static unsigned room_of(const struct anchor *a, unsigned place)
{
	return place < ANCHOR_SIDES ? a->faces[place] : a->all->config.n_faces;
}

static size_t size_of(const struct anchors *l, unsigned room)
{
	const struct media_face *f = &l->config.faces[room];

	if (room == l->config.n_faces)
		return l->config.max_sessions ? l->config.max_sessions : SIZE_MAX;
	if (f->first == 0)
		return SIZE_MAX;
	uint32_t first = f->first + (f->first & 1u);
	return f->last > first ? (f->last - first + 1) / PORTS_EACH : 0;
}

int anchor_rooms_init(struct anchors *l)
{
	l->rooms = calloc(l->config.n_faces + 1, sizeof(*l->rooms));
	if (!l->rooms)
		return -ENOMEM;
	for (unsigned i = 0; i <= l->config.n_faces; i++)
		share_table_init(&l->rooms[i], l->config.key);
	return 0;
}

void anchor_rooms_fini(struct anchors *l)
{
	for (unsigned i = 0; l->rooms && i <= l->config.n_faces; i++)
		share_table_fini(&l->rooms[i]);
	free(l->rooms);
}

static void tell(const struct anchor *a, unsigned room)
{
	struct anchors *l = a->all;
	bool is_face = room < l->config.n_faces;
	struct addr first = is_face ? l->config.faces[room].local : (struct addr){.port = 0};
	char from[ADDR_TEXT_LEN], at[ADDR_TEXT_LEN];
	uint32_t held;

	if (!log_limit_ok(&l->log_refused, l->config.clock->mono_ms, 1, &held))
		return;
	first.port = is_face ? l->config.faces[room].first : 0;
	log_warning(LOG_CALL, "no ports for one more call",
		"from=%s at=%s used=%zu of=%zu held_back=%u hint=\"%s\"",
		log_addr(&a->asker.address, from), is_face ? log_addr(&first, at) : "any",
		l->rooms[room].n, size_of(l, room), held,
		is_face ? "whoever calls may have three times what is free: see why its calls do "
			  "not end, give its trunk max_calls, or widen audio_ports"
			: "raise the limit of open files, in the service's unit LimitNOFILE");
}

int anchor_places_take(struct anchor *a)
{
	struct anchors *l = a->all;
	const struct anchor_asker *k = &a->asker;

	for (unsigned i = 0; i < ANCHOR_PLACES; i++) {
		struct share_table *room = &l->rooms[room_of(a, i)];
		bool is_free =
			share_is_free(room, &k->address, k->place, size_of(l, room_of(a, i)));
		a->places[i] = is_free ? share_take(room, &k->address, k->place) : NULL;
		if (a->places[i])
			continue;
		if (!is_free)
			tell(a, room_of(a, i));
		anchor_places_give(a);
		anchor_count(l, is_free ? ANCHOR_C_REFUSED_MEMORY : ANCHOR_C_REFUSED_SHARE);
		return is_free ? -ENOMEM : ERR_FULL;
	}
	return 0;
}

void anchor_places_give(struct anchor *a)
{
	for (unsigned i = 0; i < ANCHOR_PLACES; i++) {
		share_give(&a->all->rooms[room_of(a, i)], a->places[i]);
		a->places[i] = NULL;
	}
}
