/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Joins calls and anchors: a call's bodies are what its anchor makes of them, its end is the
 * anchor's, and media that cannot go on end the call.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "media.h"
#include "thread.h"

#define SESSIONS_MAX 5000 /* of one worker: as many as there are calls */
#define DESCRIPTORS  4    /* of a session: two ports at either side */

struct call_media {
	struct call_thread *thread; /* not owned */
	struct workers *workers;    /* not owned */
	struct anchors *anchors;
	struct call_media_side *sides; /* N_SIDES, by number */
	uint32_t n_sides;
	struct list abilities; /* struct call_abilities; owned */
	struct list leashes;   /* owned */
	void (*ended)(void *arg, struct call *c, enum call_end why); /* the hook behind ours */
};

/* What holds for whoever has a number. */
struct call_media_side {
	struct anchor_terms terms;
	bool is_usable;
};

/* Calls point to them for as long as they last, some beyond their anchor. There are few different
 * ones, however often the configuration changes, so they stay. */
struct call_abilities {
	struct list link;
	struct sdp_abilities abilities;
};

/* Of one call; lives until its anchor is gone. */
struct call_leash {
	struct list link;
	struct call *call; /* NULL: over */
	struct anchor *anchor;
	struct call_record *record; /* not owned; of one that is over; NULL: it waits for nothing */
	char id[LOG_NAME_LEN];      /* of the call, for the log */
};

/* ---- what bodies become ---- */

static bool has_description(enum sip_method m)
{
	return m == SIP_INVITE || m == SIP_UPDATE || m == SIP_ACK || m == SIP_PRACK;
}

static const struct anchor_terms *terms_of(
	const struct call_media *m, const struct transaction_hop *hop)
{
	uint32_t i = call_peer_of(hop);

	return i < m->n_sides && m->sides[i].is_usable ? &m->sides[i].terms : NULL;
}

/* The first INVITE makes it. NULL: no memory, or nobody's. */
static struct call_leash *leash_of(struct call_media *m, const struct call_body *b)
{
	struct call_leash *l = call_media(b->call);
	const struct anchor_terms *caller;
	struct sip_str id = call_id(b->call);

	if (l || !b->caller)
		return l;
	caller = terms_of(m, b->caller);
	l = caller ? calloc(1, sizeof(*l)) : NULL;
	if (!l)
		return NULL;
	l->call = b->call;
	(void)log_name(id.at, id.len, l->id);
	const struct anchor_asker whose = {b->rights->remote, b->rights->place};
	l->anchor = anchor_open(m->anchors, l, &whose, caller);
	if (!l->anchor) {
		free(l);
		return NULL;
	}
	list_append(&m->leashes, &l->link);
	call_media_set(b->call, l);
	return l;
}

static bool is_final(const struct sip_msg *m)
{
	return m->status == 0 || m->status >= 200 || sip_header_first(m, SIP_HEADER_RSEQ);
}

static int take(struct call_leash *l, struct call_body *b, const struct anchor_terms *callee,
	struct bytes sdp)
{
	bool is_response = b->msg->status != 0;
	const struct call_leash *goes_on = b->goes_on ? call_media(b->goes_on) : NULL;
	struct anchor_message a = {
		.from = b->from == CALL_CALLER ? ANCHOR_CALLER : ANCHOR_CALLEE,
		.exchange = b->exchange,
		.fork = b->fork,
		.ticket = b->ticket,
		.is_final = is_final(b->msg),
		.says_again = b->is_again && !is_response,
		.is_again = b->is_again && is_response,
		.is_ours = b->is_ours,
		.goes_on = goes_on ? goes_on->anchor : NULL,
		.whose = b->whose == CALL_CALLER ? ANCHOR_CALLER : ANCHOR_CALLEE,
		.is_accepted = is_response && b->msg->status >= 200 && b->msg->method == SIP_INVITE,
		.callee = callee,
		.sdp = sdp,
	};
	struct bytes out = sdp;
	int rc = anchor_take(l->anchor, &a, &out);

	if (rc == 0) {
		b->content = sip_str_of((const char *)out.data, (uint32_t)out.len);
		b->type = out.len ? sip_str_c("application/sdp") : SIP_NONE;
	}
	return rc == ANCHOR_LATER ? CALL_BODY_LATER : rc;
}

/* Of a body of several parts the description alone goes on, and no other body does. */
static int on_body(void *arg, struct call_body *b)
{
	struct call_media *m = ((struct call_thread *)arg)->media;
	const struct anchor_terms *callee = b->route ? terms_of(m, &b->route->hop) : NULL;
	struct bytes sdp = bytes_of("", 0);
	struct call_leash *l;
	struct sip_part part;

	if (!has_description(b->msg->method))
		return 0;
	if (b->msg->status >= 300) {
		b->type = b->content = SIP_NONE;
		return 0;
	}
	l = leash_of(m, b);
	if (!l || (b->route && !callee))
		return ERR_DENIED;
	if (b->is_again && b->msg->is_request)
		sdp = bytes_of(b->content.at, b->content.len); /* our own */
	else if (b->content.len > 0 && sip_body_find(b->msg, "application", "sdp", &part) == 0)
		sdp = bytes_of(part.body.at, part.body.len);
	return take(l, b, callee, sdp);
}

static void on_off(void *arg, struct call *c, uint64_t exchange)
{
	struct call_leash *l = call_media(c);

	(void)arg;
	if (l)
		anchor_off(l->anchor, exchange);
}

static struct call_record *take_record(const struct call *c)
{
	struct ways *w = call_own(c);
	struct call_record *record = w ? w->record : NULL;

	if (w)
		w->record = NULL;
	return record;
}

static void on_ended(void *arg, struct call *c, enum call_end why)
{
	struct call_media *m = ((struct call_thread *)arg)->media;
	struct call_leash *l = call_media(c);

	if (m->ended)
		m->ended(arg, c, why);
	struct call_record *record = take_record(c);
	if (!l || !call_record_waits(record)) {
		call_record_write(record, NULL);
		record = NULL;
	}
	if (!l)
		return;
	l->record = record;
	call_media_set(c, NULL);
	l->call = NULL;
	anchor_close(l->anchor);
}

void call_media_hook(struct call_thread *t, struct call_user *u)
{
	t->media->ended = u->ended;
	u->body = on_body;
	u->off = on_off;
	u->ended = on_ended;
}

/* ---- what anchors say ---- */

static void on_ready(void *arg, void *owner, uint64_t ticket, int rc, struct bytes sdp)
{
	struct call_leash *l = owner;

	(void)arg;
	if (l->call)
		call_body_ready(l->call, ticket, rc, sip_str_c("application/sdp"),
			sip_str_of((const char *)sdp.data, (uint32_t)sdp.len));
}

static void on_lost(void *arg, void *owner, enum anchor_side side, enum anchor_loss why)
{
	static const char *const sides[] = {"caller", "callee"};
	static const char *const names[] = {"silent", "refused", "key_spent"};
	/* Q.850: 102 is recovery on timer expiry, 47 resource unavailable. */
	static const char *const reasons[] = {"Q.850;cause=102;text=\"No media\"",
		"Q.850;cause=47;text=\"Media not possible\"",
		"Q.850;cause=47;text=\"Media key used up\""};
	struct call_leash *l = owner;
	struct ways *w = l->call ? call_own(l->call) : NULL;

	(void)arg;
	if (!l->call)
		return;
	if (w)
		call_record_cause(w->record, why == ANCHOR_SILENT ? 102 : 47);
	log_info(LOG_CALL, "media lost", "id=%s side=%s why=%s", l->id, sides[side], names[why]);
	call_hang_up(l->call, reasons[why]);
}

static void log_leg(const struct call_leash *l, const char *side, const struct anchor_leg *g)
{
	const struct media_leg_stats *s = &g->stats;
	char a[ADDR_TEXT_LEN];

	log_info(LOG_CALL, "media over",
		"id=%s side=%s remote=%s srtp=%s rx_packets=%" PRIu64 " rx_lost=%" PRIu64
		" rx_jitter_us=%" PRIu32 " tx_packets=%" PRIu64 " far_lost=%" PRIu32
		" round_trip_ms=%" PRIu32,
		l->id, side, log_addr(&g->remote, a),
		g->has_srtp ? srtp_suite_name(g->suite) : "none", s->rx_packets, s->rx_lost,
		s->rx_jitter_us, s->tx_packets, s->far_lost, s->round_trip_ms);
}

static void on_closed(void *arg, void *owner, const struct anchor_leg legs[ANCHOR_SIDES])
{
	struct call_leash *l = owner;

	(void)arg;
	call_record_write(l->record, legs);
	if (legs[ANCHOR_CALLER].has_agreed)
		log_leg(l, "caller", &legs[ANCHOR_CALLER]);
	if (legs[ANCHOR_CALLEE].has_agreed)
		log_leg(l, "callee", &legs[ANCHOR_CALLEE]);
	list_remove(&l->link);
	free(l);
}

/* ---- what holds ---- */

static bool is_same(const struct sdp_abilities *a, const struct sdp_abilities *b)
{
	if (a->n_codecs != b->n_codecs || a->n_suites != b->n_suites ||
		a->security != b->security || a->ptime_ms != b->ptime_ms ||
		a->maxptime_ms != b->maxptime_ms || a->has_rtcp_mux != b->has_rtcp_mux)
		return false;
	for (unsigned i = 0; i < a->n_codecs; i++) {
		if (strcmp(a->codecs[i].name, b->codecs[i].name) != 0 ||
			a->codecs[i].payload != b->codecs[i].payload)
			return false;
	}
	return memcmp(a->suites, b->suites, sizeof(a->suites)) == 0;
}

struct call_abilities *call_media_prepare(const struct call_media_terms *c)
{
	struct call_abilities *new = calloc(1, sizeof(*new));

	if (new)
		new->abilities = c->abilities;
	return new;
}

void call_media_discard(struct call_abilities *a)
{
	free(a);
}

static const struct sdp_abilities *keep(
	struct call_media *m, const struct sdp_abilities *a, struct call_abilities **prepared)
{
	struct call_abilities *new = *prepared;

	list_for_each (it, &m->abilities) {
		struct call_abilities *old = CONTAINER_OF(it, struct call_abilities, link);
		if (is_same(&old->abilities, a))
			return &old->abilities;
	}
	*prepared = NULL;
	list_append(&m->abilities, &new->link);
	return &new->abilities;
}

void call_media_set_terms(struct call_media *m, uint32_t number, const struct call_media_terms *c,
	struct call_abilities **prepared)
{
	struct call_media_side *s = &m->sides[number];

	s->terms = c->terms;
	s->terms.abilities = c->is_usable ? keep(m, &c->abilities, prepared) : NULL;
	s->is_usable = c->is_usable;
}

static int on_post(void *arg, unsigned worker, const struct msg_type *type, const void *payload)
{
	const struct call_media *m = arg;

	return workers_media_post(m->workers, worker, type, payload);
}

/* ---- life ---- */

static int make_anchors(struct call_media *m, struct metrics_set *metrics, unsigned block)
{
	struct call_thread *t = m->thread;
	struct anchors_config c = {
		.wheel = loop_wheel(t->loop),
		.clock = loop_clock(t->loop),
		.cells = metrics_set_cells(metrics, &anchor_counters, block),
		.n_workers = workers_count(m->workers),
		.faces = m->thread->faces->list,
		.n_faces = m->thread->faces->n,
		.max_sessions = (size_t)net_descriptor_end(t->net, NET_FOR_RELAY) / DESCRIPTORS,
		.user = {on_ready, on_lost, on_closed, on_post, m},
	};

	crypto_random(&c.key, sizeof(c.key));
	m->anchors = anchors_create(&c);
	return m->anchors ? 0 : -ENOMEM;
}

static int make_workers(struct call_media *m, struct metrics_set *metrics, char *why)
{
	const struct workers_media_config c = {
		.calls = m->thread->loop,
		.anchors = m->anchors,
		.faces = m->thread->faces->list,
		.n_faces = m->thread->faces->n,
		.max_sessions = SESSIONS_MAX,
		.metrics = metrics,
	};
	int rc = workers_media_create(m->workers, &c);

	if (rc == ERR_FULL)
		(void)snprintf(why, CALL_THREAD_WHY_LEN,
			"\"audio_ports\" of a pool is too small for %u workers; widen it or lower "
			"\"workers\"",
			workers_count(m->workers));
	return rc;
}

int call_media_create(struct call_thread *t, struct workers *workers, struct metrics_set *metrics,
	unsigned block, char *why)
{
	struct call_media *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	t->media = m;
	m->thread = t;
	list_init(&m->leashes);
	m->workers = workers;
	list_init(&m->abilities);
	m->n_sides = t->n_trunks + 1;
	m->sides = calloc(m->n_sides, sizeof(*m->sides));
	int rc = m->sides ? 0 : -ENOMEM;
	if (rc == 0)
		rc = make_anchors(m, metrics, block);
	return rc ? rc : make_workers(m, metrics, why);
}

void call_media_destroy(struct call_media *m)
{
	if (!m)
		return;
	anchors_destroy(m->anchors); /* tells nobody */
	list_for_each_safe (it, &m->leashes)
		free(CONTAINER_OF(it, struct call_leash, link));
	list_for_each_safe (it, &m->abilities)
		free(CONTAINER_OF(it, struct call_abilities, link));
	free(m->sides);
	free(m);
}
