/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SDP_DESCRIBE_H
#define SDP_DESCRIBE_H

#include <sallyport/mediation/sdp/session.h>

/* What is said in a live m= line of ours. */
struct sdp_said {
	const struct sdp_format *formats; /* RECEIVE numbers */
	unsigned n_formats;
	enum sdp_direction direction;
	bool has_rtcp_mux;
	struct sdp_mki mki;    /* of what we send, */
	uint64_t mki_lifetime; /* and with it how long our key lives */
	struct sdp_passing passing;
	const struct sdp_agreed *answer; /* NULL in an offer */
};

/*
 * Writes a description with SLOTS. The version in its o= line is one higher than in the last
 * description exactly when something is different behind that line (RFC 3264 §8).
 */
enum sdp_refusal sdp_describe(struct sdp_session *s, struct sdp_writer *w,
	const struct sdp_slot *slots, unsigned n_slots, const struct sdp_said *said);

#endif
