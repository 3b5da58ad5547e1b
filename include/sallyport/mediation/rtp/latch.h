/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latching: whose packets a leg takes, and where it sends, when the peer's packets come from
 * another address than it named, because it stands behind a NAT. Pure.
 *
 * Without latching, packets from the named IP address are taken, from any port of it, and ours go
 * to the named port. With it, the first packet that is good (authentic, where there is SRTP) says
 * the address, and nobody else's are taken. Another address gets in when the latched one has been
 * silent for a while and so many of its packets, of one source, have come with no other in between;
 * or by a new agreement. In the clear that is all the protection there is: who can guess the port
 * and outlive the silence gets the leg.
 */
#ifndef SALLYPORT_MEDIATION_RTP_LATCH_H
#define SALLYPORT_MEDIATION_RTP_LATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sallyport/common.h>

#define RTP_LATCH_PACKETS   10
#define RTP_LATCH_SILENT_MS 1000

/* Embedded; fields are private but for REMOTE. */
struct rtp_latch {
	bool is_latching;
	bool is_latched;
	struct addr named;  /* in the agreement */
	struct addr remote; /* where our packets go; family NONE: nowhere yet */
	uint64_t heard_ms;  /* from there */
	struct addr candidate;
	uint32_t candidate_ssrc;
	unsigned candidate_packets;
};

enum rtp_latch_verdict {
	RTP_LATCH_TAKE,
	RTP_LATCH_MOVED, /* take it; REMOTE is new */
	RTP_LATCH_DROP,
};

/* NAMED is what the peer's SDP says. Also for a new agreement: whoever was latched is forgotten if
 * that names another address than before. */
void rtp_latch_set(struct rtp_latch *l, bool is_latching, const struct addr *named);
/* A good packet of SSRC from FROM. */
enum rtp_latch_verdict rtp_latch_packet(
	struct rtp_latch *l, const struct addr *from, uint32_t ssrc, uint64_t now_ms);
/* The same of RTCP at a port of its own: its source is silent for seconds all the time, which says
 * nothing. Once RTP has latched, reports are taken from that host, and from nobody else. */
enum rtp_latch_verdict rtp_latch_report(struct rtp_latch *l, const struct rtp_latch *rtp,
	const struct addr *from, uint32_t ssrc, uint64_t now_ms);

#endif
