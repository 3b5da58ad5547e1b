/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions: opening, closing, and their one timer, which looks after reports, silence and samples.
 */
#include <errno.h>
#include <stdlib.h>
#include <sallyport/crypto.h>
#include "media_priv.h"

#define TICK_MS 100 /* while a stream has silence to send, or samples that wait */

/* ---- the timer ---- */

static bool is_supervised(const struct media_leg *l)
{
	const struct media_agreement *a = &l->agreement;

	if (!l->is_agreed)
		return false;
	return a->may_send || a->may_receive ? a->is_supervised : a->is_supervised_on_hold;
}

static uint32_t silent_ms(const struct media_leg *l)
{
	return l->agreement.silent_ms ? l->agreement.silent_ms : MEDIA_SILENT_MS;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t leg_due_ms(const struct media_leg *l, uint64_t now_ms)
{
	uint64_t at = UINT64_MAX;

	if (l->is_agreed)
		at = l->report_ms;
	if (is_supervised(l) && !l->is_silent)
		at = sooner(at, l->heard_ms + silent_ms(l));
	if (rtp_origin_has_due(&l->out))
		at = sooner(at, now_ms + TICK_MS);
	return at;
}

void media_session_schedule(struct media_session *s)
{
	uint64_t now_ms = media_now_ms(s->media), at = UINT64_MAX;
	struct wheel *wheel = s->media->config.wheel;

	for (unsigned i = 0; i < MEDIA_SIDES; i++)
		at = sooner(at, leg_due_ms(&s->legs[i], now_ms));
	if (wheel_timer_is_set(&s->timer) && s->timer.at_ms <= at)
		return;
	if (at != UINT64_MAX)
		wheel_set(wheel, &s->timer, at);
}

static void supervise(struct media_leg *l, uint64_t now_ms)
{
	if (l->is_silent || !is_supervised(l) || now_ms - l->heard_ms < silent_ms(l))
		return;
	/* Who does not learn of it never ends the call: told again with the next tick. */
	if (!media_tell(l, MEDIA_SILENT, 0))
		return;
	l->is_silent = true;
	media_count(l->session->media, MEDIA_C_SILENT, 1);
}

static void on_timer(struct wheel_timer *t, void *arg)
{
	struct media_session *s = CONTAINER_OF(t, struct media_session, timer);
	uint64_t now_ms = media_now_ms(s->media);

	(void)arg;
	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		struct media_leg *l = &s->legs[i];
		rtp_origin_tick(&l->out, now_ms);
		if (l->is_agreed && now_ms >= l->report_ms)
			media_leg_report(l, false);
		supervise(l, now_ms);
	}
	media_session_schedule(s);
}

/* ---- opening and closing ---- */

static struct media_session *take_slot(struct media *m)
{
	struct media_slot *slot = &m->slots[m->first_free];
	struct media_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->media = m;
	s->id = (struct media_id){m->first_free, ++slot->generation, m->config.worker};
	slot->session = s;
	m->first_free = slot->next_free;
	return s;
}

static void give_slot(struct media_session *s)
{
	struct media *m = s->media;
	struct media_slot *slot = &m->slots[s->id.index];

	slot->session = NULL;
	slot->next_free = m->first_free;
	m->first_free = s->id.index;
	free(s);
}

static void end_session(struct media_session *s)
{
	wheel_cancel(s->media->config.wheel, &s->timer);
	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		media_ports_close(&s->legs[i]);
		media_leg_fini(&s->legs[i]);
	}
	give_slot(s);
}

int media_session_open(struct media *m, const struct media_open *ask, struct media_session **out)
{
	int rc = 0;

	for (unsigned i = 0; i < MEDIA_SIDES; i++) {
		if (ask->face[i] >= m->config.n_faces)
			return -EINVAL;
	}
	if (m->first_free == m->config.max_sessions)
		return ERR_FULL;
	struct media_session *s = take_slot(m);
	if (!s)
		return -ENOMEM;
	s->call = ask->call;
	wheel_timer_init(&s->timer, on_timer);
	for (unsigned i = 0; i < MEDIA_SIDES; i++)
		media_leg_init(&s->legs[i], s, (enum media_side)i, ask->face[i]);
	for (unsigned i = 0; rc == 0 && i < MEDIA_SIDES; i++)
		rc = media_ports_open(&s->legs[i], ask->has_rtcp_port[i]);
	if (rc != 0) {
		end_session(s);
		return rc;
	}
	media_count(m, MEDIA_C_SESSIONS, 1);
	media_count(m, MEDIA_C_OPENED, 1);
	*out = s;
	return 0;
}

void media_session_close(struct media_session *s)
{
	struct media *m = s->media;

	for (unsigned i = 0; i < MEDIA_SIDES; i++)
		media_leg_report(&s->legs[i], true);
	end_session(s);
	metrics_sub(m->config.cells, MEDIA_C_SESSIONS, 1);
}
