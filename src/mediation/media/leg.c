/* SPDX-License-Identifier: BSD-3-Clause */
/* A leg: what it begins with, what is agreed with its peer, what remains of it. */
#include <assert.h>
#include <string.h>
#include <sallyport/crypto.h>
#include "media_priv.h"

#define CNAME_BYTES     12     /* RFC 7022 §4.2: 96 random bits, which say nothing of anybody */
#define FIRST_SEQUENCES 0x8000 /* struct rtp_origin_config */

static uint32_t random_32(void)
{
	uint32_t v;

	crypto_random(&v, sizeof(v));
	return v;
}

void media_leg_init(
	struct media_leg *l, struct media_session *s, enum media_side side, uint8_t face)
{
	uint8_t bits[CNAME_BYTES];
	char cname[BASE64_LEN(CNAME_BYTES) + 1];
	struct rtp_origin_config c = {
		.ssrc = random_32(),
		.timestamp = random_32(),
		.sequence = (uint16_t)crypto_random_below(FIRST_SEQUENCES),
		.clock_hz = MEDIA_CLOCK_HZ,
	};

	l->session = s;
	l->side = side;
	l->face = face;
	rtp_origin_init(&l->out, &c, media_leg_send, l);
	l->sequence = c.sequence;
	rtp_reception_init(&l->in, MEDIA_CLOCK_HZ);
	crypto_random(bits, sizeof(bits));
	size_t len = base64_encode(bits, sizeof(bits), cname);
	rtp_reporter_init(&l->reporter, c.ssrc, bytes_of(cname, len), s->media->config.clock);
}

void media_leg_fini(struct media_leg *l)
{
	srtp_session_destroy(l->from);
	srtp_session_destroy(l->to);
	crypto_wipe(l, sizeof(*l));
}

/* ---- keys ---- */

static bool is_same_key(const struct media_agreement *a, const uint8_t *key_a,
	const struct media_agreement *b, const uint8_t *key_b)
{
	return a->is_srtp && b->is_srtp && a->suite == b->suite &&
	       crypto_equal(key_a, key_b, srtp_master_len(a->suite));
}

/* The session that is there, if its key stays, or a new one; NULL in the clear. */
static int pick_session(const struct media_agreement *a, const uint8_t *key,
	enum srtp_direction direction, bool is_kept, struct srtp_session *old,
	struct srtp_session **out)
{
	struct srtp_config c = {a->suite, direction, {0}, a->lifetime};

	*out = NULL;
	if (!a->is_srtp)
		return 0;
	if (is_kept) {
		*out = old;
		return 0;
	}
	c.master = bytes_of(key, srtp_master_len(a->suite));
	return srtp_session_create(&c, out);
}

/* A key of ours has come back, with a state that has forgotten what it has protected. Of another
 * source it has protected nothing, and both ends begin to count its rounds at zero. */
static void begin_stream(struct media_leg *l)
{
	uint32_t ssrc = random_32();
	uint32_t old = l->out.ssrc;
	uint16_t sequence = (uint16_t)crypto_random_below(FIRST_SEQUENCES);

	rtp_origin_restart(&l->out, ssrc, sequence); /* sends what waits, under the old key */
	if (l->to)
		srtp_session_leave(l->to, old);
	rtp_reporter_restart(&l->reporter, ssrc);
	l->sequence = sequence;
	l->shift = 0;
	l->is_behind = false;
	l->past_packets = l->tx_packets;
	l->past_octets = l->tx_octets;
}

/* Who has a key that he had not may be somebody else, as behind a transfer, who does not know how
 * often our numbers have gone round. */
static bool is_lost(const struct media_leg *l, const struct srtp_session *from)
{
	uint32_t rounds;

	return from != l->from && srtp_session_rollover(l->to, l->out.ssrc, &rounds) && rounds > 0;
}

static void replace(struct srtp_session **at, struct srtp_session *with)
{
	if (*at != with)
		srtp_session_destroy(*at);
	*at = with;
}

static int set_keys(struct media_leg *l, const struct media_agreement *a)
{
	const struct media_agreement *was = &l->agreement;
	struct srtp_session *from, *to;
	int rc = pick_session(a, a->master_from, SRTP_UNPROTECT,
		is_same_key(a, a->master_from, was, was->master_from), l->from, &from);

	if (rc != 0)
		return rc;
	rc = pick_session(a, a->master_to, SRTP_PROTECT,
		is_same_key(a, a->master_to, was, was->master_to), l->to, &to);
	if (rc != 0) {
		if (from != l->from)
			srtp_session_destroy(from);
		return rc;
	}
	if (from != l->from || to != l->to || a->lifetime != was->lifetime)
		l->is_spent = false;
	if (to && to != l->to) {
		if (l->keyed >> a->suite & 1)
			begin_stream(l);
		l->keyed |= 1u << a->suite;
	} else if (to && (a->peer != was->peer || is_lost(l, from))) {
		begin_stream(l);
	}
	replace(&l->from, from);
	replace(&l->to, to);
	if (a->is_srtp) {
		srtp_session_lifetime_set(from, a->lifetime);
		srtp_session_lifetime_set(to, a->lifetime);
		srtp_session_mki_set(from, a->mki_from);
		srtp_session_mki_set(to, a->mki_to);
	}
	return 0;
}

/* ---- the agreement ---- */

/* Without a new one, what the peer sends still comes from where it did. */
static void set_addresses(struct media_leg *l)
{
	const struct media_agreement *a = &l->agreement;
	struct addr rtcp = a->rtcp;

	if (!media_is_named(&a->rtp))
		return;
	if (rtcp.family == ADDR_NONE) {
		rtcp = a->rtp;
		if (!a->is_mux)
			rtcp.port++;
	}
	rtp_latch_set(&l->latch, a->is_latching, &a->rtp);
	rtp_latch_set(&l->rtcp_latch, a->is_latching, &rtcp);
}

/* Once both sides have agreed, each gets what the other sends. */
static void join(struct media_session *s)
{
	struct media_leg *client = &s->legs[MEDIA_CLIENT], *gateway = &s->legs[MEDIA_GATEWAY];
	const struct media_agreement *c = &client->agreement, *g = &gateway->agreement;

	if (!client->is_agreed || !gateway->is_agreed)
		return;
	rtp_origin_formats_set(&client->out, &g->from, &c->to, c->packet_ms);
	rtp_origin_formats_set(&gateway->out, &c->from, &g->to, g->packet_ms);
}

/* It was read from what a peer says, so it is looked at before it is relied on. */
static bool is_possible(const struct media_agreement *a)
{
	bool is_time = a->packet_ms == 0 ||
		       (a->packet_ms >= MEDIA_PACKET_MS_MIN && a->packet_ms <= RTP_PACKET_MS_MAX);

	return a->from.n <= RTP_FORMATS_MAX && a->to.n <= RTP_FORMATS_MAX && is_time &&
	       (!a->is_srtp || a->suite < SRTP_SUITES);
}

int media_leg_agree(struct media_leg *l, const struct media_agreement *a)
{
	uint64_t now_ms = media_now_ms(l->session->media);
	int rc = is_possible(a) ? set_keys(l, a) : ERR_UNSUPPORTED;

	if (rc != 0)
		return rc;
	l->agreement = *a;
	set_addresses(l);
	if (!l->is_agreed)
		l->report_ms = now_ms + RTP_REPORT_MS / 5;
	l->is_agreed = true;
	l->heard_ms = now_ms;
	l->is_silent = false;
	join(l->session);
	media_session_schedule(l->session);
	return 0;
}

void media_leg_stats(const struct media_leg *l, struct media_leg_stats *out)
{
	*out = (struct media_leg_stats){
		.rx_packets = l->in.all_received,
		.rx_octets = l->in.all_octets,
		.rx_lost = rtp_reception_lost(&l->in),
		.tx_packets = l->tx_packets,
		.tx_octets = l->tx_octets,
		.rx_jitter_us = rtp_reception_jitter(&l->in) * (1000000 / MEDIA_CLOCK_HZ),
		.round_trip_ms = l->reporter.quality.round_trip_ms,
		.far_lost = l->reporter.quality.lost > 0 ? (uint32_t)l->reporter.quality.lost : 0,
		.refused = l->refused,
	};
}
