/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SDP_PROFILE_H
#define SDP_PROFILE_H

#include <sallyport/mediation/sdp.h>

enum sdp_profile sdp_profile_parse(struct bytes proto);
/* SRTP with keys in the description. */
bool sdp_profile_has_sdes(enum sdp_profile p);
/* RTP as it is. */
bool sdp_profile_is_plain(enum sdp_profile p);

#endif
