/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * G.711 on its way: the law and the packet time change here. Packets of the right length pass as
 * they are, out of order too. Others are cut and joined; a gap ends a packet early, because nothing
 * is made up. Noise for a side that has none becomes silence.
 */
#include <string.h>
#include "origin_priv.h"

#define CUT_LEN       160  /* where no packet time is agreed and one is needed */
#define HELD_MS       200  /* samples that nothing follows have waited long enough */
#define SILENCE_BURST 20   /* packets at a time; more have been missed for good */
#define LOST_MAX      2998 /* 3000 ahead and more is no loss but a jump (RFC 3550 §A.1) */

static unsigned packet_len(const struct rtp_origin *o)
{
	return o->frame_len > 0 ? o->frame_len : CUT_LEN;
}

static void convert(const struct origin_step *s, const uint8_t *in, uint8_t *out, size_t n)
{
	g711_convert(origin_law(s->codec), origin_law(s->to->codec), in, out, n);
}

/* Our clock does not go back: a source that would begin before what has been sent is shifted. */
static void catch_up(struct rtp_origin *o, struct origin_step *s)
{
	if (!o->has_sent || rtp_timestamp_ahead(o->end, s->timestamp) <= 0)
		return;
	o->offset += o->end - s->timestamp;
	s->timestamp = o->end;
}

/* ---- packets cut and joined ---- */

void origin_flush(struct rtp_origin *o, uint64_t now_ms)
{
	struct rtp_packet p = {
		.has_marker = o->is_marker_due,
		.payload_type = o->held_type,
		.sequence = (uint16_t)(o->sequence + 1),
		.timestamp = o->held_at,
		.payload = bytes_of(o->frame, o->held),
	};

	if (o->held == 0)
		return;
	o->sequence = p.sequence;
	o->in_floor = (uint16_t)(o->in_sequence + 1);
	o->is_marker_due = false;
	o->held = 0;
	origin_clock(o, p.timestamp, (uint32_t)p.payload.len, now_ms);
	origin_send(o, &p);
}

/* Sequence numbers that the other side shall miss, for what has been lost on the way here. */
static void count_lost(struct rtp_origin *o, const struct origin_step *s)
{
	int32_t gap = rtp_timestamp_ahead(s->timestamp, o->end);

	if (!o->has_sent || s->ahead <= 1 || gap <= 0)
		return;
	unsigned lost = (unsigned)gap / packet_len(o);
	unsigned most = (unsigned)s->ahead * RTP_FRAME_MAX / packet_len(o);
	lost = lost < most ? lost : most;
	/* Many short packets for few long ones: so many that SRTP would take them for a round. */
	o->sequence = (uint16_t)(o->sequence + (lost < LOST_MAX ? lost : LOST_MAX));
}

static void hold(struct rtp_origin *o, const struct origin_step *s)
{
	const uint8_t *in = s->in->payload.data;
	size_t left = s->in->payload.len;
	uint32_t at = s->timestamp;

	while (left > 0) {
		size_t room = packet_len(o) - o->held, n = left < room ? left : room;
		if (o->held == 0) {
			o->held_at = at;
			o->held_ms = s->now_ms;
			o->held_type = s->to->payload_type;
		}
		convert(s, in, o->frame + o->held, n);
		o->held = (uint16_t)(o->held + n);
		in += n;
		at += (uint32_t)n;
		left -= n;
		if (o->held == packet_len(o))
			origin_flush(o, s->now_ms);
	}
}

static void repacketise(struct rtp_origin *o, struct origin_step *s)
{
	if (s->ahead <= 0) {
		o->counts[RTP_ORIGIN_LATE]++;
		return;
	}
	if (o->held > 0 &&
		(o->held_at + o->held != s->timestamp || o->held_type != s->to->payload_type))
		origin_flush(o, s->now_ms);
	if (o->held == 0) {
		count_lost(o, s);
		catch_up(o, s);
	}
	o->is_marker_due = o->is_marker_due || s->in->has_marker;
	hold(o, s);
	o->in_floor = (uint16_t)(s->in->sequence + 1);
}

/* ---- packets that keep their length ---- */

static void pass_whole(struct rtp_origin *o, const struct origin_step *s)
{
	struct bytes payload = s->in->payload;

	if (s->to->codec != s->codec) {
		convert(s, payload.data, o->frame, payload.len);
		payload.data = o->frame;
	}
	if (s->ahead > 0)
		origin_clock(o, s->timestamp, (uint32_t)payload.len, s->now_ms);
	origin_pass(o, s, payload);
}

void origin_audio(struct rtp_origin *o, struct origin_step *s)
{
	size_t n = s->in->payload.len;

	if (n == 0) {
		o->counts[RTP_ORIGIN_MALFORMED]++;
		origin_skip(o, s);
		return;
	}
	if (o->is_silent && s->ahead > 0) {
		o->is_silent = false;
		o->is_marker_due = true;
		catch_up(o, s);
	}
	bool is_whole = o->frame_len == 0 ? n <= RTP_FRAME_MAX : n == o->frame_len;
	if (is_whole && o->held == 0)
		pass_whole(o, s);
	else
		repacketise(o, s);
}

/* ---- noise ---- */

static const struct rtp_format *audio_format(const struct rtp_origin *o)
{
	for (size_t i = 0; i < o->to.n; i++)
		if (origin_is_g711(o->to.list[i].codec))
			return &o->to.list[i];
	return NULL;
}

/* Packets of silence up to now. They follow the clock of the last sample that came. */
static void send_silence(struct rtp_origin *o, uint64_t now_ms)
{
	const struct rtp_format *f = audio_format(o);
	unsigned len = packet_len(o), n = 0;
	uint32_t now = o->timestamp + (uint32_t)((now_ms - o->sent_ms) * o->clock_hz / 1000);

	if (!f) {
		o->is_silent = false;
		return;
	}
	memset(o->frame, g711_silence(origin_law(f->codec)), len);
	while (rtp_timestamp_ahead(now, o->end) >= (int32_t)len && n++ < SILENCE_BURST) {
		struct rtp_packet p = {
			.payload_type = f->payload_type,
			.sequence = ++o->sequence,
			.timestamp = o->end,
			.payload = bytes_of(o->frame, len),
		};
		o->end += len;
		o->counts[RTP_ORIGIN_SILENCE]++;
		origin_send(o, &p);
	}
	if (rtp_timestamp_ahead(now, o->end) >= (int32_t)len)
		o->end = now;
}

void origin_noise(struct rtp_origin *o, struct origin_step *s)
{
	if (s->ahead > 0)
		origin_flush(o, s->now_ms);
	if (s->to) {
		origin_pass(o, s, s->in->payload);
		o->is_marker_due = true;
		if (!o->has_sent)
			origin_clock(o, s->timestamp, 0, s->now_ms);
		return;
	}
	origin_skip(o, s);
	if (!audio_format(o)) {
		o->counts[RTP_ORIGIN_NOT_OFFERED]++;
	} else if (s->ahead > 0 && !o->is_silent) {
		o->is_silent = true;
		if (!o->has_sent || rtp_timestamp_ahead(s->timestamp, o->end) > 0)
			origin_clock(o, s->timestamp, 0, s->now_ms);
		send_silence(o, s->now_ms);
	}
}

bool rtp_origin_has_due(const struct rtp_origin *o)
{
	return o->is_silent || o->held > 0;
}

void rtp_origin_tick(struct rtp_origin *o, uint64_t now_ms)
{
	if (o->is_silent)
		send_silence(o, now_ms);
	if (o->held > 0 && now_ms - o->held_ms >= HELD_MS)
		origin_flush(o, now_ms);
}
