/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of legs. In: what it is by its first bytes, authentic or not, from whom, and on to the
 * other leg's stream. Out: the header, SRTP, the port. No heap, no log.
 */
#include <sallyport/crypto.h>
#include "media_priv.h"

static bool has_mux(const struct media_leg *l)
{
	return l->agreement.is_mux || !l->rtcp;
}

/* May anything be sent to REMOTE? Not while the peer names no address (hold in the old way). */
static bool is_way(const struct media_leg *l, const struct addr *remote)
{
	return l->is_agreed && media_is_named(&l->agreement.rtp) && media_is_named(remote);
}

/* Counts what SRTP has said; false: the packet goes no further. */
static bool is_srtp_good(struct media_leg *l, enum srtp_result r)
{
	media_count(l->session->media, MEDIA_C_SRTP + r, 1);
	if (r == SRTP_OK)
		return true;
	l->refused++;
	if (r == SRTP_KEY_SPENT && !l->is_spent)
		l->is_spent = media_tell(l, MEDIA_KEY_SPENT, 0);
	return false;
}

/* ---- in ---- */

static void heard(struct media_leg *l, uint64_t now_ms)
{
	l->heard_ms = now_ms;
	if (!l->is_silent)
		return;
	l->is_silent = false;
	(void)media_tell(l, MEDIA_HEARD, 0); /* counted */
	media_session_schedule(l->session);
}

/* False: somebody else's. */
static bool is_from_peer(struct media_leg *l, struct rtp_latch *latch, const struct addr *from,
	uint32_t ssrc, uint64_t now_ms)
{
	enum rtp_latch_verdict v = latch == &l->latch
					   ? rtp_latch_packet(latch, from, ssrc, now_ms)
					   : rtp_latch_report(latch, &l->latch, from, ssrc, now_ms);

	if (v == RTP_LATCH_DROP) {
		media_count(l->session->media, MEDIA_C_SOURCE, 1);
		return false;
	}
	if (v == RTP_LATCH_MOVED && latch == &l->latch)
		(void)media_tell(l, MEDIA_LATCHED, 0); /* counted */
	return true;
}

/* A good packet that is not to be worked on: of a stream of ours, which would go round for ever
 * (RFC 3550 §8.2), or one more than any call needs, as of two calls that send to each other. */
static bool is_too_much(struct media_leg *l, const struct rtp_packet *p, uint64_t now_ms)
{
	struct media *m = l->session->media;

	if (p->ssrc == l->out.ssrc || p->ssrc == media_other_leg(l)->out.ssrc) {
		media_count(m, MEDIA_C_LOOP, 1);
		return true;
	}
	if (now_ms / 1000 != l->second) {
		l->second = now_ms / 1000;
		l->packets = 0;
	}
	/* A long one becomes many on the other leg. */
	l->packets += 1 + (uint32_t)(p->payload.len / (RTP_FRAME_MAX + 1));
	if (l->packets <= MEDIA_PACKETS_S)
		return false;
	media_count(m, MEDIA_C_RATE, 1);
	return true;
}

/* True: P has its parts, and is of a type that was agreed. */
static bool decode(const struct media_leg *l, const uint8_t *data, size_t len, struct rtp_packet *p)
{
	const struct media *m = l->session->media;

	if (rtp_decode(data, len, p) != 0) {
		media_count(m, MEDIA_C_MALFORMED, 1);
		return false;
	}
	if (rtp_format_find(&l->agreement.from, p->payload_type))
		return true;
	media_count(m, MEDIA_C_UNKNOWN_TYPE, 1);
	return false;
}

static void on_rtp(struct media_leg *l, struct net_buf *b)
{
	struct media *m = l->session->media;
	struct media_leg *other = media_other_leg(l);
	uint64_t now_ms = media_now_ms(m);
	size_t len = b->len;
	struct rtp_packet p;

	if (!l->is_agreed) {
		media_count(m, MEDIA_C_NOT_AGREED, 1);
		return;
	}
	/* Also on hold: who speaks on there goes round, which SRTP must not miss. */
	if (l->from && !is_srtp_good(l, srtp_session_unprotect(l->from, b->data, &len)))
		return;
	if (!l->agreement.may_send) {
		media_count(m, MEDIA_C_NOT_AGREED, 1);
		return;
	}
	if (!decode(l, b->data, len, &p) || !is_from_peer(l, &l->latch, &b->addr, p.ssrc, now_ms) ||
		is_too_much(l, &p, now_ms))
		return;
	media_count(m, MEDIA_C_RX_RTP, 1);
	heard(l, now_ms);
	rtp_reception_packet(&l->in, &p, now_ms);
	rtp_origin_packet(&other->out, &p, now_ms);
	if (rtp_origin_has_due(&other->out))
		media_session_schedule(l->session);
}

static void on_rtcp(struct media_leg *l, bool is_muxed, struct net_buf *b)
{
	struct media *m = l->session->media;
	const struct clock *clock = m->config.clock;
	struct rtp_latch *latch = is_muxed ? &l->latch : &l->rtcp_latch;
	size_t len = b->len, offset = 0;
	struct rtcp_packet first;
	uint32_t ssrc = 0;

	if (!l->is_agreed) {
		media_count(m, MEDIA_C_NOT_AGREED, 1);
		return;
	}
	if (l->from && !is_srtp_good(l, srtp_session_unprotect_rtcp(l->from, b->data, &len)))
		return;
	if (rtcp_check(b->data, len) != 0 || !rtcp_next(bytes_of(b->data, len), &offset, &first) ||
		rtcp_ssrc_decode(&first, &ssrc) != 0) {
		media_count(m, MEDIA_C_MALFORMED, 1);
		return;
	}
	if (!is_from_peer(l, latch, &b->addr, ssrc, clock->mono_ms))
		return;
	media_count(m, MEDIA_C_RX_RTCP, 1);
	heard(l, clock->mono_ms);
	rtp_reporter_read(&l->reporter, bytes_of(b->data, len), clock);
}

static void on_packet(struct media_leg *l, const struct net_port *p, struct net_buf *b)
{
	struct media *m = l->session->media;
	bool is_rtp_port = p == l->rtp;

	switch (rtp_kind(b->data, b->len)) {
	case RTP_KIND_RTP:
		if (is_rtp_port)
			on_rtp(l, b);
		else
			media_count(m, MEDIA_C_OTHER, 1);
		break;
	case RTP_KIND_RTCP:
		if (!is_rtp_port || has_mux(l))
			on_rtcp(l, is_rtp_port, b);
		else
			media_count(m, MEDIA_C_OTHER, 1);
		break;
	case RTP_KIND_STUN:
		media_count(m, MEDIA_C_STUN, 1);
		break;
	case RTP_KIND_DTLS:
		media_count(m, MEDIA_C_DTLS, 1);
		break;
	case RTP_KIND_OTHER:
		media_count(m, MEDIA_C_OTHER, 1);
		break;
	}
}

void media_on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct media *m = arg;

	for (size_t i = 0; i < n; i++) {
		on_packet(p->owner, p, bufs[i]);
		net_buf_put(m->config.net, bufs[i]);
	}
}

/* ---- out ---- */

static struct net_buf *get_buf(struct media_leg *l)
{
	struct media *m = l->session->media;
	struct net_buf *b = net_buf_get(m->config.net);

	if (!b)
		media_count(m, MEDIA_C_NO_BUFFER, 1);
	else
		b->tos = (uint8_t)(m->config.faces[l->face].dscp << 2);
	return b;
}

/* P with the number that it leaves under. What could not leave, as on hold, has taken numbers of
 * the stream; a gap of half of them all would be a step back for SRTP (RFC 3711 §3.3.1). */
static struct rtp_packet numbered(struct media_leg *l, const struct rtp_packet *p)
{
	struct rtp_packet out = *p;

	if (l->is_behind)
		l->shift = (uint16_t)(l->sequence + 1 - p->sequence);
	l->is_behind = false;
	out.sequence = (uint16_t)(p->sequence + l->shift);
	if (rtp_sequence_ahead(out.sequence, l->sequence) > 0)
		l->sequence = out.sequence;
	return out;
}

void media_leg_send(void *arg, const struct rtp_packet *p)
{
	struct media_leg *l = arg;
	struct media *m = l->session->media;
	size_t len;

	if (!l->agreement.may_receive || !is_way(l, &l->latch.remote)) {
		media_count(m, MEDIA_C_NO_WAY, 1);
		l->is_behind = true;
		return;
	}
	struct net_buf *b = get_buf(l);
	if (!b)
		return;
	struct rtp_packet out = numbered(l, p);
	bool ok = rtp_encode(&out, b->data, NET_DATAGRAM_MAX - SRTP_OVERHEAD, &len) == 0;
	if (!ok)
		media_count(m, MEDIA_C_MALFORMED, 1);
	else if (l->to)
		ok = is_srtp_good(l, srtp_session_protect(l->to, b->data, &len, NET_DATAGRAM_MAX));
	if (!ok) {
		net_buf_put(m->config.net, b);
		return;
	}
	b->len = (uint32_t)len;
	b->addr = l->latch.remote;
	l->tx_packets++;
	l->tx_octets += p->payload.len;
	media_count(m, MEDIA_C_TX_RTP, 1);
	net_port_send(l->rtp, b);
}

/* What the stream has counted since the last time. */
static void count_origin(struct media_leg *l)
{
	for (unsigned i = 0; i < RTP_ORIGIN_COUNTS; i++) {
		media_count(l->session->media, MEDIA_C_ORIGIN + i, l->out.counts[i] - l->told[i]);
		l->told[i] = l->out.counts[i];
	}
}

/* The report into B; false: it cannot leave. */
static bool write_report(struct media_leg *l, bool is_end, struct net_buf *b)
{
	const struct clock *clock = l->session->media->config.clock;
	struct rtp_sent sent = {(uint32_t)(l->tx_packets - l->past_packets),
		(uint32_t)(l->tx_octets - l->past_octets),
		rtp_origin_timestamp(&l->out, clock->mono_ms)};
	size_t len = rtp_reporter_write(
		&l->reporter, &l->in, &sent, is_end, clock, b->data, RTP_REPORT_MAX);

	if (l->to && !is_srtp_good(l, srtp_session_protect_rtcp(l->to, b->data, &len,
					      RTP_REPORT_MAX + SRTCP_OVERHEAD)))
		return false;
	b->len = (uint32_t)len;
	return true;
}

/* The next one comes within RTP_REPORT_MS, the wheel's tick included, and not in step with those of
 * other sessions (RFC 3550 §6.2). */
void media_leg_report(struct media_leg *l, bool is_end)
{
	struct media *m = l->session->media;
	bool is_muxed = has_mux(l);
	const struct addr *to = is_muxed ? &l->latch.remote : &l->rtcp_latch.remote;

	count_origin(l);
	l->report_ms = media_now_ms(m) + RTP_REPORT_MS / 2 +
		       crypto_random_below(RTP_REPORT_MS / 2 - 2 * WHEEL_TICK_MS);
	if (!is_way(l, to))
		return;
	struct net_buf *b = get_buf(l);
	if (!b)
		return;
	if (!write_report(l, is_end, b)) {
		net_buf_put(m->config.net, b);
		return;
	}
	b->addr = *to;
	media_count(m, MEDIA_C_TX_RTCP, 1);
	net_port_send(is_muxed ? l->rtp : l->rtcp, b);
}
