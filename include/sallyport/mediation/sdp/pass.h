/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of one side's description stands in the one that the other side gets: bandwidth, and
 * attributes that speak of the call. What speaks of the stream between that side and us does not
 * pass: each side's stream is one of ours.
 */
#ifndef SALLYPORT_MEDIATION_SDP_PASS_H
#define SALLYPORT_MEDIATION_SDP_PASS_H

#include <sallyport/mediation/sdp.h>

/* Lines as they stood, in their order. */
struct sdp_passing {
	struct bytes session;
	struct bytes media; /* of the one stream */
};

/* Does a line of a section that sdp_decode has found good pass? */
bool sdp_may_pass(const struct sdp_line *line);
/* Writes those of LINES that pass. False: those from the first that W has no room for are left
 * out. */
bool sdp_pass(struct sdp_writer *w, struct bytes lines);

#endif
