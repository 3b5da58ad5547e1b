/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Re-origination: what one side sends becomes a stream of our own toward the other, with one SSRC,
 * one run of sequence numbers and one clock, whatever sources come and go. G.711 changes its law
 * and its packet time on the way. Packets and the time go in, packets come out: no socket, no heap.
 */
#ifndef SALLYPORT_MEDIATION_RTP_ORIGIN_H
#define SALLYPORT_MEDIATION_RTP_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/mediation/rtp.h>

/* Formats are joined when they have the same number here; any from RTP_OTHER on is the caller's. */
enum rtp_codec {
	RTP_PCMU,
	RTP_PCMA,
	RTP_NOISE, /* comfort noise (RFC 3389) */
	RTP_EVENT, /* telephone-event (RFC 4733); events 0 to 16 pass */
	RTP_OTHER,
};
struct rtp_format {
	uint8_t payload_type;
	uint16_t codec; /* enum rtp_codec */
};
#define RTP_FORMATS_MAX 8

/* What one side has agreed to; those of another clock than the stream's are left out. */
struct rtp_formats {
	size_t n;
	struct rtp_format list[RTP_FORMATS_MAX];
};
/* NULL: there is none of this type. */
const struct rtp_format *rtp_format_find(const struct rtp_formats *f, unsigned payload_type);

struct rtp_origin_config {
	uint32_t ssrc, timestamp; /* random */
	/* The one before the first; random, and below 2^15, so that SRTP at the other end knows
	 * how often it has gone round when first packets are lost (RFC 3711 §3.3.1). */
	uint16_t sequence;
	uint32_t clock_hz; /* 8000 wherever G.711, noise or events pass */
	struct rtp_formats from, to;
	uint8_t packet_ms; /* of G.711 toward TO, up to RTP_PACKET_MS_MAX; 0: as they come */
};
#define RTP_PACKET_MS_MAX 60
#define RTP_FRAME_MAX     (8 * RTP_PACKET_MS_MAX)

enum rtp_origin_count {
	RTP_ORIGIN_OCTETS, /* of payload sent */
	RTP_ORIGIN_SENT,
	RTP_ORIGIN_SILENCE,     /* of those sent: made here, in place of noise that TO has not */
	RTP_ORIGIN_SOURCES,     /* that have begun */
	RTP_ORIGIN_REBASED,     /* jumps of a source's clock that did not go on */
	RTP_ORIGIN_UNKNOWN,     /* dropped: a payload type that FROM has not */
	RTP_ORIGIN_NOT_OFFERED, /* dropped: TO has nothing for it */
	RTP_ORIGIN_LATE,        /* dropped: what comes behind it has left already, or twice */
	RTP_ORIGIN_MALFORMED,   /* dropped: an event that is none, no sample */
	RTP_ORIGIN_COUNTS,
};

/* Takes P, whose bytes are the caller's until it returns, for the other side. */
typedef void (*rtp_origin_fn)(void *arg, const struct rtp_packet *p);

/* One direction. Embedded in its owner; fields are private. */
struct rtp_origin {
	uint32_t ssrc, clock_hz;
	struct rtp_formats from, to;
	uint16_t frame_len; /* samples of a packet; 0: as they come */
	rtp_origin_fn send;
	void *arg;
	/* What has been sent. */
	uint16_t sequence;
	uint32_t timestamp; /* of SENT_MS */
	uint64_t sent_ms;
	uint32_t end; /* right behind the last sample */
	bool has_sent;
	/* The source, and how its numbers become ours. */
	bool has_source;
	uint32_t source, previous;
	uint64_t source_ms; /* since when */
	uint16_t in_sequence, in_floor;
	int32_t in_wrong; /* what would confirm a jump of its sequence numbers; -1: none */
	uint32_t in_timestamp, offset;
	uint64_t in_ms;
	bool is_marker_due;
	bool is_silent; /* FROM sends noise, of which TO gets silence */
	/* Samples that wait for more. */
	uint32_t held_at;
	uint64_t held_ms;
	uint16_t held;
	uint8_t held_type;
	uint8_t frame[RTP_FRAME_MAX];
	uint64_t counts[RTP_ORIGIN_COUNTS];
};

void rtp_origin_init(
	struct rtp_origin *o, const struct rtp_origin_config *c, rtp_origin_fn send, void *arg);
/* What was agreed anew; the stream goes on. */
void rtp_origin_formats_set(struct rtp_origin *o, const struct rtp_formats *from,
	const struct rtp_formats *to, uint8_t packet_ms);
/* From here on it is another stream, of SSRC and behind SEQUENCE; its clock goes on. */
void rtp_origin_restart(struct rtp_origin *o, uint32_t ssrc, uint16_t sequence);
/* A packet of FROM's side, decoded; CSRCs and header extensions end here. */
void rtp_origin_packet(struct rtp_origin *o, const struct rtp_packet *p, uint64_t now_ms);
/* About every 100 ms: silence that is due, samples that nothing follows. */
void rtp_origin_tick(struct rtp_origin *o, uint64_t now_ms);
/* Is there anything for it? */
bool rtp_origin_has_due(const struct rtp_origin *o);
/* Where the stream's clock stands. */
uint32_t rtp_origin_timestamp(const struct rtp_origin *o, uint64_t now_ms);

#endif
