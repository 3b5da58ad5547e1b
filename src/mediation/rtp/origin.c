/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream of our own out of whatever sources send: which source is followed, how its sequence
 * numbers and its clock become ours, events. G.711 and noise are in origin_audio.c.
 */
#include <assert.h>
#include <string.h>
#include "origin_priv.h"

/* RFC 3550 §A.1: beyond these a sequence number is a jump, which the next packet confirms. */
#define DROPOUT_MAX  3000
#define MISORDER_MAX 100
#define LEAVING_MS   200 /* late packets of a source that has just been left start nothing */
#define JUMP_S       2   /* a clock that is so far from the time that has passed has jumped */
#define EVENT_S      10  /* the longest event, 2^16 units of 8000 a second, and what slack has */
#define EVENT_MAX    16  /* RFC 4733: the keys of a telephone, and flash */
#define EVENT_LEN    4

/* ---- what is agreed ---- */

void rtp_origin_init(
	struct rtp_origin *o, const struct rtp_origin_config *c, rtp_origin_fn send, void *arg)
{
	assert(c->clock_hz > 0);
	memset(o, 0, sizeof(*o));
	o->ssrc = c->ssrc;
	o->clock_hz = c->clock_hz;
	o->send = send;
	o->arg = arg;
	o->sequence = c->sequence;
	o->timestamp = o->end = c->timestamp;
	o->in_wrong = -1;
	rtp_origin_formats_set(o, &c->from, &c->to, c->packet_ms);
}

void rtp_origin_formats_set(struct rtp_origin *o, const struct rtp_formats *from,
	const struct rtp_formats *to, uint8_t packet_ms)
{
	assert(from->n <= RTP_FORMATS_MAX && to->n <= RTP_FORMATS_MAX &&
		packet_ms <= RTP_PACKET_MS_MAX);
	origin_flush(o, o->held_ms);
	o->from = *from;
	o->to = *to;
	o->frame_len = (uint16_t)(packet_ms * 8);
}

void rtp_origin_restart(struct rtp_origin *o, uint32_t ssrc, uint16_t sequence)
{
	origin_flush(o, o->held_ms);
	o->ssrc = ssrc;
	o->sequence = sequence;
	o->is_marker_due = true;
	/* What comes late belongs into the stream that is over. */
	o->in_floor = (uint16_t)(o->in_sequence + 1);
}

const struct rtp_format *rtp_format_find(const struct rtp_formats *f, unsigned payload_type)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].payload_type == payload_type)
			return &f->list[i];
	return NULL;
}

static const struct rtp_format *format_of_codec(const struct rtp_formats *f, unsigned codec)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].codec == codec)
			return &f->list[i];
	return NULL;
}

static const struct rtp_format *partner(const struct rtp_origin *o, unsigned codec)
{
	const struct rtp_format *f = format_of_codec(&o->to, codec);

	if (!f && origin_is_g711(codec))
		f = format_of_codec(&o->to, codec == RTP_PCMU ? RTP_PCMA : RTP_PCMU);
	return f;
}

/* ---- our stream ---- */

static uint32_t ticks(const struct rtp_origin *o, uint64_t ms)
{
	return (uint32_t)(ms * o->clock_hz / 1000);
}

uint32_t rtp_origin_timestamp(const struct rtp_origin *o, uint64_t now_ms)
{
	if (!o->has_sent)
		return o->timestamp;
	uint32_t now = o->timestamp + ticks(o, now_ms - o->sent_ms);
	return rtp_timestamp_ahead(o->end, now) > 0 ? o->end : now;
}

void origin_send(struct rtp_origin *o, struct rtp_packet *p)
{
	p->ssrc = o->ssrc;
	o->counts[RTP_ORIGIN_SENT]++;
	o->counts[RTP_ORIGIN_OCTETS] += p->payload.len;
	o->send(o->arg, p);
}

void origin_clock(struct rtp_origin *o, uint32_t timestamp, uint32_t n, uint64_t now_ms)
{
	o->has_sent = true;
	o->timestamp = timestamp;
	o->sent_ms = now_ms;
	o->end = timestamp + n;
}

void origin_pass(struct rtp_origin *o, const struct origin_step *s, struct bytes payload)
{
	struct rtp_packet p = {
		.has_marker = s->in->has_marker,
		.payload_type = s->to->payload_type,
		.sequence = (uint16_t)(o->sequence + s->ahead),
		.timestamp = s->timestamp,
		.payload = payload,
	};

	if (s->ahead > 0) {
		o->sequence = p.sequence;
		if (s->codec != RTP_EVENT && s->codec != RTP_NOISE) {
			p.has_marker = p.has_marker || o->is_marker_due;
			o->is_marker_due = false;
		}
	}
	origin_send(o, &p);
}

void origin_skip(struct rtp_origin *o, const struct origin_step *s)
{
	if (s->ahead <= 0)
		return;
	o->sequence = (uint16_t)(o->sequence + s->ahead - 1);
	o->in_floor = (uint16_t)(s->in->sequence + 1);
}

/* ---- the source ---- */

/* From now on TIMESTAMP of the source is the present. */
static void rebase(struct rtp_origin *o, uint32_t timestamp, uint64_t now_ms)
{
	o->offset = rtp_origin_timestamp(o, now_ms) - timestamp;
	o->is_marker_due = true;
}

static void source_begin(struct rtp_origin *o, struct origin_step *s)
{
	const struct rtp_packet *p = s->in;

	origin_flush(o, s->now_ms);
	o->previous = o->has_source ? o->source : p->ssrc;
	o->source = p->ssrc;
	o->has_source = true;
	o->source_ms = s->now_ms;
	o->in_sequence = (uint16_t)(p->sequence - 1);
	o->in_floor = p->sequence;
	o->in_wrong = -1;
	o->in_timestamp = p->timestamp;
	o->in_ms = s->now_ms;
	o->is_silent = false;
	o->counts[RTP_ORIGIN_SOURCES]++;
	rebase(o, p->timestamp, s->now_ms);
	s->ahead = 1;
}

/* A source whose clock goes on as the time does is followed through any silence; one whose clock
 * jumps is given a new offset, so that ours does not jump. An event has the time of its beginning
 * all along, which says little of the present. */
static void follow_clock(struct rtp_origin *o, const struct origin_step *s)
{
	bool is_event = s->codec == RTP_EVENT;
	int64_t ahead = rtp_timestamp_ahead(s->in->timestamp, o->in_timestamp);
	int64_t passed = (int64_t)ticks(o, s->now_ms - o->in_ms), slack = JUMP_S * o->clock_hz;
	int64_t behind = is_event ? EVENT_S * o->clock_hz : slack;
	bool has_jumped = ahead < -behind || ahead > passed + slack;

	if (has_jumped) {
		origin_flush(o, s->now_ms);
		rebase(o, s->in->timestamp, s->now_ms);
		o->counts[RTP_ORIGIN_REBASED]++;
	}
	if (has_jumped || !is_event) {
		o->in_timestamp = s->in->timestamp;
		o->in_ms = s->now_ms;
	}
}

/* A jump of the sequence numbers is believed when the next packet goes on from there. */
static bool follow_jump(struct rtp_origin *o, struct origin_step *s)
{
	if (s->in->sequence == o->in_wrong) {
		source_begin(o, s);
		return true;
	}
	o->in_wrong = (uint16_t)(s->in->sequence + 1);
	return false;
}

/* False: the packet is late, or not to be believed yet. */
static bool follow(struct rtp_origin *o, struct origin_step *s)
{
	const struct rtp_packet *p = s->in;

	if (!o->has_source || p->ssrc != o->source) {
		if (o->has_source && p->ssrc == o->previous &&
			s->now_ms - o->source_ms < LEAVING_MS)
			return false;
		source_begin(o, s);
		return true;
	}
	s->ahead = rtp_sequence_ahead(p->sequence, o->in_sequence);
	if (s->ahead > DROPOUT_MAX || s->ahead < -MISORDER_MAX)
		return follow_jump(o, s);
	if (s->ahead > 0) {
		follow_clock(o, s);
		return true;
	}
	return s->ahead < 0 && rtp_sequence_ahead(p->sequence, o->in_floor) >= 0;
}

/* ---- events and what is not looked into ---- */

static void pass_event(struct rtp_origin *o, struct origin_step *s)
{
	struct bytes payload = s->in->payload;

	if (payload.len < EVENT_LEN || payload.len % EVENT_LEN != 0 ||
		payload.data[0] > EVENT_MAX) {
		o->counts[RTP_ORIGIN_MALFORMED]++;
		origin_skip(o, s);
		return;
	}
	if (s->ahead > 0)
		origin_flush(o, s->now_ms);
	origin_pass(o, s, payload);
	if (!o->has_sent)
		origin_clock(o, s->timestamp, 0, s->now_ms);
}

static void pass_other(struct rtp_origin *o, struct origin_step *s)
{
	origin_pass(o, s, s->in->payload);
	if (s->ahead > 0)
		origin_clock(o, s->timestamp, 1, s->now_ms);
}

void rtp_origin_packet(struct rtp_origin *o, const struct rtp_packet *p, uint64_t now_ms)
{
	const struct rtp_format *from = rtp_format_find(&o->from, p->payload_type);

	if (!from) {
		o->counts[RTP_ORIGIN_UNKNOWN]++;
		return;
	}
	struct origin_step s = {
		.in = p, .codec = from->codec, .to = partner(o, from->codec), .now_ms = now_ms};
	if (!follow(o, &s)) {
		o->counts[RTP_ORIGIN_LATE]++;
		return;
	}
	s.timestamp = p->timestamp + o->offset;
	if (s.codec == RTP_NOISE) {
		origin_noise(o, &s);
	} else if (!s.to) {
		o->counts[RTP_ORIGIN_NOT_OFFERED]++;
		origin_skip(o, &s);
	} else if (origin_is_g711(s.codec)) {
		origin_audio(o, &s);
	} else if (s.codec == RTP_EVENT) {
		pass_event(o, &s);
	} else {
		pass_other(o, &s);
	}
	if (s.ahead > 0)
		o->in_sequence = p->sequence;
}
