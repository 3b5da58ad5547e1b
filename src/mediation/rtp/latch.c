/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose packets a leg takes. */
#include <sallyport/mediation/rtp/latch.h>

void rtp_latch_set(struct rtp_latch *l, bool is_latching, const struct addr *named)
{
	if (is_latching == l->is_latching && addr_equal(named, &l->named))
		return;
	*l = (struct rtp_latch){.is_latching = is_latching, .named = *named, .remote = *named};
}

static enum rtp_latch_verdict move(struct rtp_latch *l, const struct addr *from, uint64_t now_ms)
{
	bool is_new = !addr_equal(&l->remote, from);

	l->is_latched = true;
	l->remote = *from;
	l->heard_ms = now_ms;
	l->candidate_packets = 0;
	return is_new ? RTP_LATCH_MOVED : RTP_LATCH_TAKE;
}

/* One more of a stranger's packets; true when they are enough. */
static bool is_enough(struct rtp_latch *l, const struct addr *from, uint32_t ssrc, uint64_t now_ms)
{
	if (now_ms - l->heard_ms < RTP_LATCH_SILENT_MS) {
		l->candidate_packets = 0;
		return false;
	}
	if (l->candidate_packets > 0 && l->candidate_ssrc == ssrc &&
		addr_equal(&l->candidate, from)) {
		l->candidate_packets++;
	} else {
		l->candidate = *from;
		l->candidate_ssrc = ssrc;
		l->candidate_packets = 1;
	}
	return l->candidate_packets >= RTP_LATCH_PACKETS;
}

enum rtp_latch_verdict rtp_latch_packet(
	struct rtp_latch *l, const struct addr *from, uint32_t ssrc, uint64_t now_ms)
{
	if (!l->is_latching)
		return addr_equal_ip(&l->remote, from) ? RTP_LATCH_TAKE : RTP_LATCH_DROP;
	if (!l->is_latched)
		return move(l, from, now_ms);
	if (addr_equal(&l->remote, from)) {
		l->heard_ms = now_ms;
		l->candidate_packets = 0;
		return RTP_LATCH_TAKE;
	}
	return is_enough(l, from, ssrc, now_ms) ? move(l, from, now_ms) : RTP_LATCH_DROP;
}

enum rtp_latch_verdict rtp_latch_report(struct rtp_latch *l, const struct rtp_latch *rtp,
	const struct addr *from, uint32_t ssrc, uint64_t now_ms)
{
	if (!rtp->is_latched)
		return rtp_latch_packet(l, from, ssrc, now_ms);
	return addr_equal_ip(&rtp->remote, from) ? move(l, from, now_ms) : RTP_LATCH_DROP;
}
