/* SPDX-License-Identifier: BSD-3-Clause */
#include <sallyport/mediation/sdp.h>

const char *sdp_refusal_text(enum sdp_refusal r)
{
	static const char *const texts[SDP_REFUSALS] = {
		[SDP_OK] = "taken",
		[SDP_TOO_LONG] = "too long",
		[SDP_TOO_MANY_LINES] = "too many lines",
		[SDP_TOO_MANY_MEDIA] = "too many media",
		[SDP_TOO_MANY_FORMATS] = "too many formats",
		[SDP_BAD_BYTE] = "a byte that no line may have",
		[SDP_BAD_LINE] = "a line of no known type",
		[SDP_BAD_ORDER] = "a line out of order",
		[SDP_BAD_VERSION] = "another version",
		[SDP_BAD_ORIGIN] = "malformed origin",
		[SDP_BAD_CONNECTION] = "malformed connection",
		[SDP_BAD_BANDWIDTH] = "malformed bandwidth",
		[SDP_BAD_TIME] = "malformed time",
		[SDP_BAD_MEDIA] = "malformed media",
		[SDP_BAD_ATTRIBUTE] = "malformed attribute",
		[SDP_MISSING] = "a line is missing",
		[SDP_NO_AUDIO] = "no audio",
		[SDP_NO_PROFILE] = "no common profile",
		[SDP_NO_CODEC] = "no common codec",
		[SDP_NO_KEY] = "no usable key",
		[SDP_NO_ADDRESS] = "no usable address",
		[SDP_ANSWER_MISMATCH] = "the answer does not fit the offer",
		[SDP_WRONG_STATE] = "not at this point of the exchange",
		[SDP_NO_ROOM] = "no room",
	};
	return (unsigned)r < SDP_REFUSALS ? texts[r] : "unknown";
}

const char *sdp_direction_name(enum sdp_direction d)
{
	static const char *const names[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
	return names[d & SDP_SENDRECV];
}
