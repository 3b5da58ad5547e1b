/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SDP_AGREE_H
#define SDP_AGREE_H

#include <sallyport/mediation/sdp/session.h>

/*
 * What S and the medium M come to. OUT->direction is what M leaves us, whatever we want. An answer
 * is held to what our offer said: its crypto tag, and rtcp-mux only if we can.
 */
enum sdp_refusal sdp_agree(const struct sdp_session *s, const struct sdp_media *m, bool is_answer,
	struct sdp_agreed *out);

#endif
