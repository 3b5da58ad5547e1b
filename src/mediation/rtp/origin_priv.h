/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of re-origination share. */
#ifndef SALLYPORT_RTP_ORIGIN_PRIV_H
#define SALLYPORT_RTP_ORIGIN_PRIV_H

#include <sallyport/mediation/rtp/g711.h>
#include <sallyport/mediation/rtp/origin.h>

/* A packet on its way. */
struct origin_step {
	const struct rtp_packet *in;
	unsigned codec;
	const struct rtp_format *to; /* NULL: the other side has nothing for it */
	uint32_t timestamp;          /* ours */
	int ahead;                   /* of the source's last; below 0: it is late */
	uint64_t now_ms;
};

/* Sends P as a packet of our stream, under the sequence number it has. */
void origin_send(struct rtp_origin *o, struct rtp_packet *p);
/* N samples at TIMESTAMP have been sent. */
void origin_clock(struct rtp_origin *o, uint32_t timestamp, uint32_t n, uint64_t now_ms);
/* Sends PAYLOAD in place of the source's packet, its place in the sequence kept. */
void origin_pass(struct rtp_origin *o, const struct origin_step *s, struct bytes payload);
/* Nothing is sent in its place, and nobody shall think it lost. */
void origin_skip(struct rtp_origin *o, const struct origin_step *s);

void origin_audio(struct rtp_origin *o, struct origin_step *s);
void origin_noise(struct rtp_origin *o, struct origin_step *s);
/* Sends the samples that wait for more. */
void origin_flush(struct rtp_origin *o, uint64_t now_ms);

static inline bool origin_is_g711(unsigned codec)
{
	return codec == RTP_PCMU || codec == RTP_PCMA;
}

static inline enum g711_law origin_law(unsigned codec)
{
	return codec == RTP_PCMU ? G711_MU : G711_A;
}

#endif
