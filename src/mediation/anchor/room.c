/* SPDX-License-Identifier: BSD-3-Clause */
/* An anchor's session on a worker: asked for, told what is agreed, ended. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "anchor_priv.h"

#define ANSWER_MS 5000 /* messages wait so long for a worker */
#define WAITS_MAX 12   /* and an anchor that is closing so many times that */
#define AGAIN_MS  100  /* a mailbox that was full */

static int post(struct anchor *a, unsigned worker, const struct msg_type *type, const void *payload)
{
	const struct anchor_user *u = &a->all->config.user;

	return u->post(u->arg, worker, type, payload);
}

static void set_timer(struct anchor *a, unsigned ms)
{
	wheel_set(a->all->config.wheel, &a->timer, a->all->config.clock->mono_ms + ms);
}

/* ---- opening ---- */

static unsigned least_loaded(const struct anchors *l)
{
	unsigned best = 0;

	for (unsigned i = 1; i < l->config.n_workers; i++) {
		if (l->load[i] < l->load[best])
			best = i;
	}
	return best;
}

static int ask(struct anchor *a)
{
	struct media_open ask = {.call = a->number, .has_rtcp_port = {true, true}};

	for (unsigned i = 0; i < ANCHOR_SIDES; i++)
		ask.face[i] = a->faces[i];
	int rc = post(a, a->worker, &media_open_msg, &ask);
	if (rc != 0)
		return rc;
	a->all->load[a->worker]++;
	a->state = ANCHOR_OPENING;
	a->n_waits = 0;
	set_timer(a, ANSWER_MS);
	return 0;
}

static int ask_anew(struct anchor *a)
{
	for (unsigned i = 0; i < ANCHOR_SIDES; i++)
		a->faces[i] = a->legs[i].terms.face;
	int rc = anchor_places_take(a);

	if (rc != 0)
		return rc;
	a->worker = least_loaded(a->all);
	a->n_tried = 1;
	rc = ask(a);
	if (rc != 0) {
		anchor_places_give(a);
		anchor_count(a->all, ANCHOR_C_REFUSED_SESSION);
	}
	return rc;
}

static bool has_faces(const struct anchor *a)
{
	return a->faces[ANCHOR_CALLER] == a->legs[ANCHOR_CALLER].terms.face &&
	       a->faces[ANCHOR_CALLEE] == a->legs[ANCHOR_CALLEE].terms.face;
}

static void leave_worker(struct anchor *a)
{
	if (a->state == ANCHOR_OPENING || a->state == ANCHOR_OPEN || a->state == ANCHOR_CLOSING)
		a->all->load[a->worker]--;
	anchor_places_give(a);
}

/* Another trunk's gateway may be reached from another address: the session there is no use. It has
 * carried nothing, for nobody has rung. */
static int move(struct anchor *a)
{
	struct media_end end = {a->id};
	int rc = post(a, a->worker, &media_end_msg, &end);

	if (rc != 0)
		return rc;
	leave_worker(a);
	a->state = ANCHOR_IDLE;
	return ask_anew(a);
}

static int wait(struct anchor *a, uint64_t ticket)
{
	if (a->n_tickets == TICKETS_MAX) {
		anchor_count(a->all, ANCHOR_C_REFUSED_STATE);
		return ERR_DENIED;
	}
	a->tickets[a->n_tickets++] = ticket;
	return ANCHOR_LATER;
}

int anchor_room(struct anchor *a, uint64_t ticket)
{
	int rc = 0;

	if (a->state == ANCHOR_OPEN && has_faces(a))
		return 0;
	if (a->state == ANCHOR_FAILED || (a->state == ANCHOR_OPENING && a->n_waits > 0))
		return ERR_FULL;
	if (a->state == ANCHOR_IDLE)
		rc = ask_anew(a);
	else if (a->state == ANCHOR_OPEN)
		rc = move(a);
	return rc ? rc : wait(a, ticket);
}

/* ---- what waits goes on ---- */

/* The user may close the anchor meanwhile. */
static void go_on(struct anchor *a, int rc)
{
	struct anchors *l = a->all;
	uint64_t number = a->number, tickets[TICKETS_MAX];
	unsigned n = a->n_tickets;

	memcpy(tickets, a->tickets, sizeof(tickets));
	a->n_tickets = 0;
	for (unsigned i = 0; i < n; i++) {
		struct bytes sdp = bytes_of("", 0);
		a = anchor_find(l, number);
		if (!a || a->is_closing)
			return;
		int said = rc ? rc : anchor_offer_write(a, &sdp);
		l->config.user.ready(l->config.user.arg, a->owner, tickets[i], said, sdp);
	}
}

static void fail(struct anchor *a)
{
	leave_worker(a);
	a->state = ANCHOR_FAILED;
	wheel_cancel(a->all->config.wheel, &a->timer);
	anchor_count(a->all, ANCHOR_C_REFUSED_SESSION);
	if (a->is_closing)
		anchor_gone(a);
	else
		go_on(a, ERR_FULL);
}

/* Shares leave room; so ports are held by somebody else, or the host lacks something. */
static void say_refused(struct anchors *l, int rc)
{
	bool is_descriptors = rc == -EMFILE || rc == -ENFILE;
	uint32_t held;

	if (log_limit_ok(&l->log_refused, l->config.clock->mono_ms, 1, &held))
		log_warning(LOG_CALL, "no media for a call",
			"error=\"%s\" held_back=%u hint=\"%s\"", err_text(rc), held,
			rc == ERR_FULL   ? "see who else has ports of audio_ports, or widen it"
			: is_descriptors ? "raise the limit of open files, in the service's unit "
					   "LimitNOFILE"
					 : "the host is out of memory, or has the address no more");
}

static void on_refused(struct anchor *a, int rc)
{
	struct anchors *l = a->all;

	if (a->is_closing || a->n_tried >= l->config.n_workers) {
		say_refused(l, rc);
		fail(a);
		return;
	}
	l->load[a->worker]--;
	a->state = ANCHOR_IDLE;
	a->worker = (a->worker + 1) % l->config.n_workers;
	a->n_tried++;
	if (ask(a) != 0)
		fail(a);
}

static void on_opened(struct anchor *a, const struct media_ready *r)
{
	a->id = r->id;
	a->state = ANCHOR_OPEN;
	wheel_cancel(a->all->config.wheel, &a->timer);
	if (a->is_closing) {
		anchor_room_close(a);
		return;
	}
	for (unsigned i = 0; i < ANCHOR_SIDES; i++) {
		a->rtp[i] = r->rtp[i];
		a->rtcp_port[i] = r->rtcp[i].port;
		if (a->faces[i] == a->legs[i].terms.face)
			anchor_leg_move(a, (enum anchor_side)i);
	}
	if (has_faces(a))
		go_on(a, 0);
	else if (move(a) != 0)
		go_on(a, ERR_FULL);
}

/* Nobody waits for it any more. */
static void give_back(struct anchors *l, const struct media_ready *r)
{
	const struct anchor_user *u = &l->config.user;
	struct media_end end = {r->id};

	if (r->rc == 0)
		(void)u->post(u->arg, r->id.worker, &media_end_msg, &end);
}

static void on_ready(void *ctx, void *payload)
{
	struct anchors *l = ctx;
	const struct media_ready *r = payload;
	struct anchor *a = anchor_find(l, r->call);

	if (!a || a->state != ANCHOR_OPENING)
		give_back(l, r);
	else if (r->rc != 0)
		on_refused(a, r->rc);
	else
		on_opened(a, r);
}
const struct msg_type anchor_ready_msg = {
	"anchor_ready", sizeof(struct media_ready), on_ready, NULL};

/* ---- agreements ---- */

void anchor_due_forget(struct leg *g)
{
	if (g->due)
		crypto_wipe(g->due, sizeof(*g->due));
	free(g->due);
	g->due = NULL;
}

/* False: the mailbox is full. */
static bool post_due(struct anchor *a, enum anchor_side side)
{
	struct leg *g = &a->legs[side];
	struct media_update u = {a->id, (enum media_side)side, g->due};

	if (g->due && post(a, a->worker, &media_update_msg, &u) == 0)
		g->due = NULL; /* the worker's now */
	return !g->due;
}

int anchor_push(struct anchor *a, enum anchor_side side)
{
	const struct sdp_session *s = anchor_session(a, side);
	struct leg *g = &a->legs[side];

	if (!s || !s->has_agreed || g->is_taken_over || a->state != ANCHOR_OPEN)
		return 0;
	struct media_agreement *m = malloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	const struct sdp_format *audio = sdp_agreed_audio(s->config.abilities, &s->agreed);
	anchor_agreement_fill(
		g, s, side == ANCHOR_CALLEE && a->current ? a->current->number : 0, m);
	/* Nobody has to say anything while it rings, whatever was agreed early. */
	m->is_supervised = m->is_supervised && a->is_up;
	m->is_supervised_on_hold = m->is_supervised_on_hold && a->is_up;
	g->record.has_agreed = true;
	g->record.has_srtp = m->is_srtp;
	g->record.suite = m->suite;
	g->record.codec = audio ? s->config.abilities->codecs[audio->codec].name : NULL;
	g->record.remote = m->rtp;
	anchor_due_forget(g);
	g->due = m;
	if (!post_due(a, side))
		set_timer(a, AGAIN_MS);
	return 0;
}

/* ---- the end ---- */

void anchor_room_close(struct anchor *a)
{
	struct media_end end = {a->id};

	for (unsigned i = 0; i < ANCHOR_SIDES; i++)
		anchor_due_forget(&a->legs[i]);
	if (a->state == ANCHOR_OPEN && post(a, a->worker, &media_end_msg, &end) == 0) {
		a->state = ANCHOR_CLOSING;
		set_timer(a, ANSWER_MS);
	} else if (a->state == ANCHOR_OPEN) {
		set_timer(a, AGAIN_MS);
	} else if (a->state != ANCHOR_OPENING) {
		anchor_gone(a);
	}
}

static void on_closed(struct anchor *a, const struct media_event *e)
{
	for (unsigned i = 0; i < ANCHOR_SIDES; i++) {
		a->legs[i].record.has_stats = true;
		a->legs[i].record.stats = e->stats[i];
	}
	leave_worker(a);
	a->state = ANCHOR_IDLE;
	anchor_gone(a);
}

static void lose(struct anchor *a, const struct media_event *e, enum anchor_loss why)
{
	const struct anchor_user *u = &a->all->config.user;

	if (!a->is_closing)
		u->lost(u->arg, a->owner, (enum anchor_side)e->side, why);
}

static bool is_of(const struct anchor *a, struct media_id id)
{
	return (a->state == ANCHOR_OPEN || a->state == ANCHOR_CLOSING) &&
	       a->id.worker == id.worker && a->id.index == id.index &&
	       a->id.generation == id.generation;
}

static void on_event(void *ctx, void *payload)
{
	const struct media_event *e = payload;
	struct anchor *a = anchor_find(ctx, e->call);

	if (!a || !is_of(a, e->id))
		return;
	if (e->kind == MEDIA_CLOSED && a->state == ANCHOR_CLOSING)
		on_closed(a, e);
	else if (e->kind == MEDIA_SILENT)
		lose(a, e, ANCHOR_SILENT);
	else if (e->kind == MEDIA_REFUSED)
		lose(a, e, ANCHOR_REFUSED);
	else if (e->kind == MEDIA_KEY_SPENT)
		lose(a, e, ANCHOR_KEY_SPENT);
}
const struct msg_type anchor_event_msg = {
	"anchor_event", sizeof(struct media_event), on_event, NULL};

/* ---- time ---- */

/* The session may come yet, and is to be closed then. */
static void wait_on(struct anchor *a)
{
	anchor_count(a->all, ANCHOR_C_TIMEOUT);
	if (a->n_waits++ == 0)
		go_on(a, ERR_FULL);
	if (a->is_closing && a->n_waits >= WAITS_MAX) {
		leave_worker(a);
		a->state = ANCHOR_IDLE;
		anchor_gone(a);
	} else {
		set_timer(a, ANSWER_MS);
	}
}

void anchor_room_timer(struct wheel_timer *t, void *arg)
{
	struct anchor *a = CONTAINER_OF(t, struct anchor, timer);

	(void)arg;
	if (a->state == ANCHOR_OPENING) {
		wait_on(a);
	} else if (a->state == ANCHOR_CLOSING) {
		anchor_count(a->all, ANCHOR_C_TIMEOUT);
		leave_worker(a);
		a->state = ANCHOR_IDLE;
		anchor_gone(a);
	} else if (a->is_closing) {
		anchor_room_close(a);
	} else {
		bool is_done = true;
		for (unsigned i = 0; i < ANCHOR_SIDES; i++)
			is_done = post_due(a, (enum anchor_side)i) && is_done;
		if (!is_done)
			set_timer(a, AGAIN_MS);
	}
}
