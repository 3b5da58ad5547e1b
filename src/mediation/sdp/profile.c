/* SPDX-License-Identifier: BSD-3-Clause */
#include "profile.h"
#include "scan.h"

enum sdp_profile sdp_profile_parse(struct bytes proto)
{
	static const struct {
		const char *name;
		enum sdp_profile profile;
	} table[] = {
		{"RTP/AVP", SDP_RTP_AVP},
		{"RTP/AVPF", SDP_RTP_AVPF},
		{"RTP/SAVP", SDP_RTP_SAVP},
		{"RTP/SAVPF", SDP_RTP_SAVPF},
		{"UDP/TLS/RTP/SAVP", SDP_DTLS_RTP_SAVP},
		{"UDP/TLS/RTP/SAVPF", SDP_DTLS_RTP_SAVPF},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (scan_is_nocase(proto, table[i].name))
			return table[i].profile;
	}
	return SDP_PROFILE_OTHER;
}

bool sdp_profile_has_sdes(enum sdp_profile p)
{
	return p == SDP_RTP_SAVP || p == SDP_RTP_SAVPF;
}

bool sdp_profile_is_plain(enum sdp_profile p)
{
	return p == SDP_RTP_AVP || p == SDP_RTP_AVPF;
}
