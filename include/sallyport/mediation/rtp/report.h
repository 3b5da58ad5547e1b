/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reports (RFC 3550 §6): how a leg's packets arrive, what we tell its peer of that and of our own
 * stream, and what the peer tells us. Packets and the time in, bytes out.
 */
#ifndef SALLYPORT_MEDIATION_RTP_REPORT_H
#define SALLYPORT_MEDIATION_RTP_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/mediation/rtp.h>

/* ---- what arrives (§A.1, §A.3, §A.8) ---- */

/* Of one source, the present one, and what those before have left. Fields are private but for the
 * totals. */
struct rtp_reception {
	uint32_t clock_hz;
	bool has_source;
	uint32_t ssrc;
	uint16_t highest, base;
	uint32_t cycles; /* 65536 for each round */
	int32_t wrong;   /* what would confirm a jump; -1: none */
	uint32_t received;
	uint32_t told_expected, told_received; /* at the last report */
	uint32_t transit;
	uint32_t jitter_16; /* sixteenths of a unit */
	uint64_t last_ms;   /* of the last packet; good once there is a source */
	uint64_t all_received;
	uint64_t all_octets; /* of payload */
	uint64_t past_lost;  /* of former sources */
};
void rtp_reception_init(struct rtp_reception *r, uint32_t clock_hz);
/* A packet that is ours to judge: authentic, and from the source that was agreed or latched. Times
 * are those of loop turns, so jitter is seen in steps of one millisecond. */
void rtp_reception_packet(struct rtp_reception *r, const struct rtp_packet *p, uint64_t now_ms);
/* Of all sources; never below 0, doubles notwithstanding. */
uint64_t rtp_reception_lost(const struct rtp_reception *r);
uint32_t rtp_reception_jitter(const struct rtp_reception *r); /* units of the timestamp */

/* ---- reports ---- */

#define RTP_CNAME_MAX  63
#define RTP_REPORT_MAX 160  /* bytes of what is written here */
#define RTP_REPORT_MS  5000 /* a report is due so often at least (a peer may supervise by it) */

/* What the peer has last said of our stream. */
struct rtp_quality {
	bool has_any;
	uint8_t fraction; /* lost, of 256 */
	int32_t lost;
	uint32_t jitter; /* units of the timestamp */
	uint32_t round_trip_ms;
	bool has_round_trip;
};

/* One leg's reports. Embedded; fields are private but for QUALITY. */
struct rtp_reporter {
	uint32_t ssrc; /* ours */
	uint64_t ntp;  /* of MONO_MS */
	uint64_t mono_ms;
	size_t cname_len;
	char cname[RTP_CNAME_MAX];
	uint32_t told_packets; /* of our stream, at the last report */
	uint32_t last_sr;      /* the peer's, its middle 32 bits; 0: none */
	uint64_t last_sr_ms;
	struct rtp_quality quality;
};
/* CNAME is cut to RTP_CNAME_MAX; it should say nothing of who calls. */
void rtp_reporter_init(
	struct rtp_reporter *r, uint32_t ssrc, struct bytes cname, const struct clock *now);

/* Our stream is another one from here on; what it has sent counts from zero (RFC 3550 §6.4.1). */
void rtp_reporter_restart(struct rtp_reporter *r, uint32_t ssrc);

/* Where our own stream stands. */
struct rtp_sent {
	uint32_t packets, octets;
	uint32_t timestamp; /* now */
};
/*
 * Writes a compound: a sender report when something has been sent since the last one, else a
 * receiver report; a block on what arrives, if something has; the name; and a good-bye when the leg
 * ends. CAP is RTP_REPORT_MAX at least; returns the length.
 */
size_t rtp_reporter_write(struct rtp_reporter *r, struct rtp_reception *in,
	const struct rtp_sent *out, bool is_end, const struct clock *now, uint8_t *buf, size_t cap);
/* The peer's compound, which rtcp_check has found good. */
void rtp_reporter_read(struct rtp_reporter *r, struct bytes data, const struct clock *now);

#endif
