/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's media: its counters, its table of sessions, the messages it is sent. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sallyport/crypto.h>
#include "media_priv.h"

_Static_assert(sizeof(struct media_ready) <= MSG_MAX && sizeof(struct media_event) <= MSG_MAX,
	"what is told must fit into a message");

#define DROPPED(name) "sallyport_media_dropped_total", "reason=\"" name "\"", METRICS_COUNTER
#define ORIGIN(name)  "sallyport_media_origin_total", "result=\"" name "\"", METRICS_COUNTER
#define SRTP(name)    "sallyport_media_srtp_total", "result=\"" name "\"", METRICS_COUNTER

static const struct metrics_row rows[MEDIA_C_COUNT] = {
	[MEDIA_C_SESSIONS] = {"sallyport_media_sessions", NULL, METRICS_GAUGE,
		"Media sessions that are open."},
	[MEDIA_C_OPENED] = {"sallyport_media_opened_total", NULL, METRICS_COUNTER,
		"Media sessions that have been opened."},
	[MEDIA_C_REFUSED_LIMIT] = {"sallyport_media_refused_total", "reason=\"limit\"",
		METRICS_COUNTER, "Media sessions that were refused."},
	[MEDIA_C_REFUSED_PORTS] = {"sallyport_media_refused_total", "reason=\"ports\"",
		METRICS_COUNTER, NULL},
	[MEDIA_C_REFUSED_DESCRIPTORS] = {"sallyport_media_refused_total", "reason=\"descriptors\"",
		METRICS_COUNTER, NULL},
	[MEDIA_C_REFUSED_MEMORY] = {"sallyport_media_refused_total", "reason=\"memory\"",
		METRICS_COUNTER, NULL},
	[MEDIA_C_RX_RTP] = {"sallyport_media_packets_total", "direction=\"rx\",kind=\"rtp\"",
		METRICS_COUNTER, "Good packets of legs, received and sent."},
	[MEDIA_C_TX_RTP] = {"sallyport_media_packets_total", "direction=\"tx\",kind=\"rtp\"",
		METRICS_COUNTER, NULL},
	[MEDIA_C_RX_RTCP] = {"sallyport_media_packets_total", "direction=\"rx\",kind=\"rtcp\"",
		METRICS_COUNTER, NULL},
	[MEDIA_C_TX_RTCP] = {"sallyport_media_packets_total", "direction=\"tx\",kind=\"rtcp\"",
		METRICS_COUNTER, NULL},
	[MEDIA_C_NOT_AGREED] = {DROPPED("not_agreed"), "Packets of legs that were dropped."},
	[MEDIA_C_SOURCE] = {DROPPED("source"), NULL},
	[MEDIA_C_UNKNOWN_TYPE] = {DROPPED("unknown_type"), NULL},
	[MEDIA_C_LOOP] = {DROPPED("loop"), NULL},
	[MEDIA_C_RATE] = {DROPPED("rate"), NULL},
	[MEDIA_C_MALFORMED] = {DROPPED("malformed"), NULL},
	[MEDIA_C_STUN] = {DROPPED("stun"), NULL},
	[MEDIA_C_DTLS] = {DROPPED("dtls"), NULL},
	[MEDIA_C_OTHER] = {DROPPED("other"), NULL},
	[MEDIA_C_NO_WAY] = {DROPPED("no_way"), NULL},
	[MEDIA_C_NO_BUFFER] = {DROPPED("no_buffer"), NULL},
	[MEDIA_C_SILENT] = {"sallyport_media_silent_total", NULL, METRICS_COUNTER,
		"Times that nothing has come on a leg for 30 seconds."},
	[MEDIA_C_EVENTS_LOST] = {"sallyport_media_events_lost_total", NULL, METRICS_COUNTER,
		"Events of sessions that could not be passed on."},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_OCTETS] = {"sallyport_media_payload_bytes_total", NULL,
		METRICS_COUNTER, "Payload made for legs; counted every few seconds."},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_SENT] = {ORIGIN("sent"),
		"What became of packets on their way to the other leg; counted every few seconds."},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_SILENCE] = {ORIGIN("silence"), NULL},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_SOURCES] = {ORIGIN("sources"), NULL},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_REBASED] = {ORIGIN("rebased"), NULL},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_UNKNOWN] = {ORIGIN("unknown_type"), NULL},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_NOT_OFFERED] = {ORIGIN("not_offered"), NULL},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_LATE] = {ORIGIN("late"), NULL},
	[MEDIA_C_ORIGIN + RTP_ORIGIN_MALFORMED] = {ORIGIN("malformed"), NULL},
	[MEDIA_C_SRTP + SRTP_OK] = {SRTP("ok"), "Packets of SRTP and SRTCP, both directions."},
	[MEDIA_C_SRTP + SRTP_MALFORMED] = {SRTP("malformed"), NULL},
	[MEDIA_C_SRTP + SRTP_NO_SPACE] = {SRTP("no_space"), NULL},
	[MEDIA_C_SRTP + SRTP_AUTH_FAILED] = {SRTP("auth_failed"), NULL},
	[MEDIA_C_SRTP + SRTP_REPLAYED] = {SRTP("replayed"), NULL},
	[MEDIA_C_SRTP + SRTP_TOO_OLD] = {SRTP("too_old"), NULL},
	[MEDIA_C_SRTP + SRTP_CLEAR] = {SRTP("clear"), NULL},
	[MEDIA_C_SRTP + SRTP_STREAMS] = {SRTP("streams"), NULL},
	[MEDIA_C_SRTP + SRTP_KEY_SPENT] = {SRTP("key_spent"), NULL},
	[MEDIA_C_SRTP + SRTP_NO_CIPHER] = {SRTP("no_cipher"), NULL},
	[MEDIA_C_SRTP + SRTP_WRONG_MKI] = {SRTP("wrong_mki"), NULL},
};
const struct metrics_group media_counters = {rows, MEDIA_C_COUNT};

/* ---- life ---- */

static void link_slots(struct media *m)
{
	for (uint32_t i = 0; i < m->config.max_sessions; i++)
		m->slots[i].next_free = i + 1;
	m->first_free = 0;
}

int media_create(const struct media_config *c, struct media **out)
{
	assert(c->max_sessions > 0 && c->max_sessions <= MEDIA_SESSIONS_MAX);
	struct media *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->config = *c;
	m->handler = (struct net_handler){.packets = media_on_packets, .arg = m};
	m->slots = calloc(c->max_sessions, sizeof(*m->slots));
	int rc = m->slots ? media_ports_init(m) : -ENOMEM;
	if (rc != 0) {
		free(m->slots);
		free(m);
		return rc;
	}
	link_slots(m);
	*out = m;
	return 0;
}

void media_destroy(struct media *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->config.max_sessions; i++)
		if (m->slots[i].session)
			media_session_close(m->slots[i].session);
	media_ports_fini(m);
	free(m->slots);
	free(m);
}

struct media_session *media_session_find(struct media *m, struct media_id id)
{
	if (id.index >= m->config.max_sessions)
		return NULL;
	struct media_session *s = m->slots[id.index].session;
	return s && s->id.generation == id.generation ? s : NULL;
}

bool media_tell(struct media_leg *l, enum media_event_kind kind, int rc)
{
	struct media_session *s = l->session;
	const struct media_config *c = &s->media->config;
	struct media_event e = {
		.call = s->call,
		.id = s->id,
		.kind = kind,
		.side = l->side,
		.rc = rc,
		.remote = l->latch.remote,
	};

	if (kind == MEDIA_CLOSED)
		for (unsigned i = 0; i < MEDIA_SIDES; i++)
			media_leg_stats(&s->legs[i], &e.stats[i]);
	if (c->event(c->arg, &e))
		return true;
	media_count(s->media, MEDIA_C_EVENTS_LOST, 1);
	return false;
}

/* ---- what is asked for ---- */

static void count_refusal(struct media *m, int rc)
{
	bool is_limit = m->first_free == m->config.max_sessions;

	if (rc == -ENOMEM || rc == -ENOBUFS)
		media_count(m, MEDIA_C_REFUSED_MEMORY, 1);
	else if (rc == -EMFILE || rc == -ENFILE)
		media_count(m, MEDIA_C_REFUSED_DESCRIPTORS, 1);
	else
		media_count(m, is_limit ? MEDIA_C_REFUSED_LIMIT : MEDIA_C_REFUSED_PORTS, 1);
}

void media_open(struct media *m, const struct media_open *ask, struct media_ready *answer)
{
	struct media_session *s = NULL;

	*answer = (struct media_ready){.call = ask->call};
	answer->rc = media_session_open(m, ask, &s);
	if (answer->rc != 0) {
		count_refusal(m, answer->rc);
		return;
	}
	answer->id = s->id;
	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		const struct media_leg *l = &s->legs[i];
		answer->rtp[i] = l->rtp->local;
		answer->rtcp[i] = l->rtcp ? l->rtcp->local : l->rtp->local;
	}
}

int media_agree(
	struct media *m, struct media_id id, enum media_side side, const struct media_agreement *a)
{
	struct media_session *s = media_session_find(m, id);

	assert((unsigned)side < MEDIA_SIDES);
	return s ? media_leg_agree(&s->legs[side], a) : ERR_NOT_FOUND;
}

int media_stats(struct media *m, struct media_id id, struct media_leg_stats out[MEDIA_SIDES])
{
	const struct media_session *s = media_session_find(m, id);

	if (!s)
		return ERR_NOT_FOUND;
	for (unsigned i = 0; i < MEDIA_SIDES; i++)
		media_leg_stats(&s->legs[i], &out[i]);
	return 0;
}

int media_close(struct media *m, struct media_id id, struct media_leg_stats out[MEDIA_SIDES])
{
	int rc = media_stats(m, id, out);

	if (rc == 0)
		media_session_close(media_session_find(m, id));
	return rc;
}

/* ---- and by message ---- */

static void on_open(void *ctx, void *payload)
{
	struct media *m = ctx;
	struct media_ready answer;

	media_open(m, payload, &answer);
	if (!m->config.ready(m->config.arg, &answer) && answer.rc == 0)
		media_session_close(media_session_find(m, answer.id));
}
const struct msg_type media_open_msg = {"media_open", sizeof(struct media_open), on_open, NULL};

static void drop_agreement(struct media_agreement *a)
{
	crypto_wipe(a, sizeof(*a));
	free(a);
}

static void on_update(void *ctx, void *payload)
{
	const struct media_update *u = payload;
	int rc = media_agree(ctx, u->id, u->side, u->agreement);

	if (rc != 0 && rc != ERR_NOT_FOUND)
		(void)media_tell(&media_session_find(ctx, u->id)->legs[u->side], MEDIA_REFUSED,
			rc); /* counted */
	drop_agreement(u->agreement);
}

static void discard_update(void *payload)
{
	drop_agreement(((struct media_update *)payload)->agreement);
}
const struct msg_type media_update_msg = {
	"media_update", sizeof(struct media_update), on_update, discard_update};

static void on_end(void *ctx, void *payload)
{
	const struct media_end *e = payload;
	struct media_session *s = media_session_find(ctx, e->id);

	if (!s)
		return;
	(void)media_tell(&s->legs[MEDIA_CLIENT], MEDIA_CLOSED, 0); /* counted */
	media_session_close(s);
}
const struct msg_type media_end_msg = {"media_end", sizeof(struct media_end), on_end, NULL};
