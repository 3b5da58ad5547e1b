/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mediation/rtp: the codec of RTP and RTCP (RFC 3550), bytes to structs and back: no I/O, no clock,
 * no heap. What is decoded points into the caller's bytes. Encryption is in rtp/srtp.h.
 */
#ifndef SALLYPORT_MEDIATION_RTP_H
#define SALLYPORT_MEDIATION_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

/* ---- RTP (RFC 3550 §5.1) ---- */

#define RTP_HEADER_LEN 12
#define RTP_CSRC_MAX   15

struct rtp_packet {
	bool has_marker;
	uint8_t payload_type;
	uint16_t sequence;
	uint32_t timestamp;
	uint32_t ssrc;
	uint8_t n_csrc;
	const uint8_t *csrc; /* of four bytes each: rtp_csrc */
	bool has_extension;
	uint16_t profile;       /* of the header extension */
	struct bytes extension; /* behind its first four bytes; a multiple of four */
	struct bytes payload;   /* without padding */
	uint8_t padding;        /* bytes behind the payload, the count among them */
	size_t header_len;      /* up to the payload */
};

/* DATA is a whole datagram. ERR_TRUNCATED, ERR_MALFORMED (version, padding). */
int rtp_decode(const void *data, size_t len, struct rtp_packet *out);
/* The same for a packet whose payload is encrypted: what follows the header is the payload, and
 * padding stays 0. */
int rtp_decode_header(const void *data, size_t len, struct rtp_packet *out);

uint32_t rtp_csrc(const struct rtp_packet *p, unsigned i);

/*
 * Writes P, whose CSRC, EXTENSION and PAYLOAD may be anywhere but in OUT, except that the payload
 * may stand where it goes already. header_len is not read. A padding of N writes N - 1 zeros and
 * the count. ERR_NO_SPACE, and ERR_MALFORMED for what cannot be written.
 */
int rtp_encode(const struct rtp_packet *p, uint8_t *out, size_t cap, size_t *len);
/* The header alone, for a payload that stands behind it: without padding. */
size_t rtp_header_len(const struct rtp_packet *p);

/* Elements of a header extension, with headers of one or of two bytes (RFC 8285 §4.2, §4.3). */
struct rtp_element {
	uint8_t id;
	struct bytes data;
};
#define RTP_PROFILE_ONE_BYTE 0xbede
/* *OFFSET begins at 0. False: no more, or not an extension of this kind. */
bool rtp_element_next(const struct rtp_packet *p, size_t *offset, struct rtp_element *out);

/* Signed distance between sequence numbers and between timestamps: how far A is ahead of B. */
static inline int16_t rtp_sequence_ahead(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b);
}
static inline int32_t rtp_timestamp_ahead(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* ---- what a datagram is, by its first bytes (RFC 7983 §7, RFC 5761 §4) ---- */

enum rtp_kind {
	RTP_KIND_RTP,
	RTP_KIND_RTCP,
	RTP_KIND_STUN,
	RTP_KIND_DTLS,
	RTP_KIND_OTHER, /* TURN channels, ZRTP, what is empty */
};
enum rtp_kind rtp_kind(const void *data, size_t len);

/* ---- RTCP (RFC 3550 §6) ---- */

enum rtcp_type {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
	RTCP_APP = 204,
	RTCP_RTPFB = 205, /* RFC 4585 */
	RTCP_PSFB = 206,
	RTCP_XR = 207, /* RFC 3611 */
};

#define RTCP_HEADER_LEN 4

/* One packet of a compound packet. Types that are not known pass through like the others. */
struct rtcp_packet {
	uint8_t type;
	uint8_t count;     /* of reports, chunks, sources; subtype; feedback format */
	struct bytes all;  /* as it stands on the wire, padding included */
	struct bytes body; /* behind the header of four bytes, without padding */
};

/*
 * Is DATA a compound packet: versions and lengths right, padding in the last one only (RFC 3550
 * §A.2)? A compound that does not begin with a report is taken (RFC 5506). ERR_TRUNCATED,
 * ERR_MALFORMED.
 */
int rtcp_check(const void *data, size_t len);
/* Packets one after the other; DATA is one that rtcp_check has found good. *OFFSET begins at 0. */
bool rtcp_next(struct bytes data, size_t *offset, struct rtcp_packet *out);

struct rtcp_sender {
	uint32_t ssrc;
	uint64_t ntp; /* seconds since 1900, 32 bits of them, and 32 bits of fraction */
	uint32_t timestamp;
	uint32_t packets;
	uint32_t octets; /* of payload */
};

struct rtcp_report {
	uint32_t ssrc;    /* whose packets are reported on */
	uint8_t fraction; /* lost since the last report, of 256 */
	int32_t lost;     /* since the beginning; -0x800000 .. 0x7fffff */
	uint32_t highest; /* sequence number, wraps in the upper half */
	uint32_t jitter;  /* in units of the timestamp */
	uint32_t last_sr; /* middle of the last sender report's ntp; 0: none */
	uint32_t delay;   /* since then, of 1/65536 s */
};
#define RTCP_REPORTS_MAX 31

/* ERR_MALFORMED when P has another type or is too short for its count. */
int rtcp_sender_decode(const struct rtcp_packet *p, struct rtcp_sender *out);
/* Who sends a receiver report, or any packet that begins with a source. */
int rtcp_ssrc_decode(const struct rtcp_packet *p, uint32_t *ssrc);
/* Of a sender or a receiver report, I < count. */
int rtcp_report_decode(const struct rtcp_packet *p, unsigned i, struct rtcp_report *out);

enum rtcp_sdes {
	RTCP_CNAME = 1,
	RTCP_NAME,
	RTCP_EMAIL,
	RTCP_PHONE,
	RTCP_LOC,
	RTCP_TOOL,
	RTCP_NOTE,
	RTCP_PRIV
};
struct rtcp_item {
	uint32_t ssrc; /* of its chunk */
	uint8_t type;
	struct bytes text;
};
/* The state of a walk over the items of all chunks; begins as {0}. */
struct rtcp_walk {
	size_t at;
	unsigned chunk;
	bool is_inside; /* of a chunk */
	uint32_t ssrc;
};
/* 1: an item; 0: no more; ERR_MALFORMED. */
int rtcp_item_next(const struct rtcp_packet *p, struct rtcp_walk *w, struct rtcp_item *out);

/* Who leaves: I < count. */
int rtcp_bye_decode(const struct rtcp_packet *p, unsigned i, uint32_t *ssrc);
/* Why, empty when nothing is said. */
int rtcp_bye_reason(const struct rtcp_packet *p, struct bytes *out);

/* Writes a compound packet. The first failure sticks, and nothing of the packet it met remains. */
struct rtcp_writer {
	uint8_t *buf; /* not owned */
	size_t cap, len;
	bool failed;
};
void rtcp_writer_init(struct rtcp_writer *w, uint8_t *buf, size_t cap);
void rtcp_write_sr(struct rtcp_writer *w, const struct rtcp_sender *s,
	const struct rtcp_report *reports, unsigned n_reports);
void rtcp_write_rr(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_report *reports,
	unsigned n_reports);
void rtcp_write_cname(struct rtcp_writer *w, uint32_t ssrc, struct bytes cname);
void rtcp_write_bye(struct rtcp_writer *w, uint32_t ssrc);
/* A packet that passes as it is. */
void rtcp_write_packet(struct rtcp_writer *w, const struct rtcp_packet *p);

#endif
