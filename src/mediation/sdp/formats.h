/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SDP_FORMATS_H
#define SDP_FORMATS_H

#include <sallyport/mediation/sdp/session.h>

/* Not audio on its own: events and comfort noise. */
bool sdp_codec_is_aside(const struct sdp_codec *c);

/*
 * The formats of M that ABILITIES have too, in M's order, each codec once. The SEND numbers are
 * M's, the RECEIVE ones those in PAYLOADS, which has one for each codec.
 */
unsigned sdp_formats_match(const struct sdp_abilities *abilities, const struct sdp_media *m,
	const uint8_t payloads[SDP_CODECS_MAX], struct sdp_format out[SDP_CODECS_MAX]);

#endif
