/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of attributes; those of SDES are in crypto.c, of ICE and DTLS in ice.c. */
#include "scan.h"
#include <sallyport/mediation/sdp/attr.h>

/* Several spaces are forgiven here: gateways write them, and nobody can mean anything by them. */
static bool next_word(struct bytes *in, struct bytes *out)
{
	size_t offset = 0;
	if (!sdp_word_next(*in, &offset, out))
		return false;
	in->data += offset;
	in->len -= offset;
	while (in->len > 0 && in->data[0] == ' ') {
		in->data++;
		in->len--;
	}
	return true;
}

static bool next_number(struct bytes *in, uint64_t max, uint64_t *out)
{
	struct bytes word;
	return next_word(in, &word) && scan_number(word, max, out);
}

/* "PCMU/8000" or "opus/48000/2" */
static bool read_encoding(struct bytes in, struct sdp_rtpmap *m)
{
	struct bytes clock;
	uint64_t hz, channels = 1;
	if (!scan_until(&in, '/', &m->name) || !scan_is_token(m->name))
		return false;
	if (!scan_until(&in, '/', &clock))
		clock = in;
	else if (!scan_number(in, 255, &channels) || channels == 0)
		return false;
	if (!scan_number(clock, UINT32_MAX, &hz) || hz == 0)
		return false;
	m->clock_hz = (uint32_t)hz;
	m->channels = (uint8_t)channels;
	return true;
}

int sdp_rtpmap_decode(struct bytes value, struct sdp_rtpmap *out)
{
	struct sdp_rtpmap m;
	struct bytes encoding;
	uint64_t payload;
	if (!next_number(&value, 127, &payload) || !next_word(&value, &encoding) ||
		!read_encoding(encoding, &m))
		return ERR_MALFORMED;
	m.payload = (uint8_t)payload;
	*out = m;
	return 0;
}

int sdp_fmtp_decode(struct bytes value, struct sdp_fmtp *out)
{
	struct sdp_fmtp f;
	if (!next_word(&value, &f.format) || value.len == 0)
		return ERR_MALFORMED;
	f.parameters = value;
	*out = f;
	return 0;
}

int sdp_ptime_decode(struct bytes value, uint16_t *ms)
{
	struct bytes whole;
	uint64_t v;
	/* "22.5" is allowed (RFC 8866 §9). */
	if (!scan_until(&value, '.', &whole))
		whole = value;
	else if (!scan_is_digits(value))
		return ERR_MALFORMED;
	if (!scan_number(whole, UINT16_MAX, &v) || v == 0)
		return ERR_MALFORMED;
	*ms = (uint16_t)v;
	return 0;
}

int sdp_rtcp_decode(struct bytes value, struct sdp_rtcp *out)
{
	struct sdp_rtcp r = {.has_connection = false};
	uint64_t port;
	if (!next_number(&value, 65535, &port))
		return ERR_MALFORMED;
	r.port = (uint16_t)port;
	r.has_connection = value.len > 0;
	if (r.has_connection && !scan_connection(value, &r.connection))
		return ERR_MALFORMED;
	*out = r;
	return 0;
}

int sdp_rtcp_fb_decode(struct bytes value, struct sdp_rtcp_fb *out)
{
	struct sdp_rtcp_fb f = {.is_for_all = false};
	struct bytes format;
	uint64_t payload = 0;
	if (!next_word(&value, &format) || value.len == 0)
		return ERR_MALFORMED;
	f.is_for_all = scan_is(format, "*");
	if (!f.is_for_all && !scan_number(format, 127, &payload))
		return ERR_MALFORMED;
	f.payload = (uint8_t)payload;
	f.feedback = value;
	*out = f;
	return 0;
}

int sdp_ssrc_decode(struct bytes value, struct sdp_ssrc *out)
{
	struct sdp_ssrc s;
	uint64_t ssrc;
	if (!next_number(&value, UINT32_MAX, &ssrc) || value.len == 0)
		return ERR_MALFORMED;
	s.ssrc = (uint32_t)ssrc;
	s.value = value;
	if (!scan_until(&s.value, ':', &s.name)) {
		s.name = value;
		s.value = bytes_of(value.data + value.len, 0);
	}
	if (!scan_is_token(s.name))
		return ERR_MALFORMED;
	*out = s;
	return 0;
}

int sdp_group_decode(struct bytes value, struct sdp_group *out)
{
	struct sdp_group g;
	if (!next_word(&value, &g.semantics) || !scan_is_token(g.semantics))
		return ERR_MALFORMED;
	g.mids = value;
	*out = g;
	return 0;
}

int sdp_token_decode(struct bytes value, struct bytes *out)
{
	if (!scan_is_token(value))
		return ERR_MALFORMED;
	*out = value;
	return 0;
}

static bool read_direction(struct bytes word, enum sdp_direction *out)
{
	for (unsigned d = SDP_INACTIVE; d <= SDP_SENDRECV; d++) {
		if (scan_is(word, sdp_direction_name((enum sdp_direction)d))) {
			*out = (enum sdp_direction)d;
			return true;
		}
	}
	return false;
}

int sdp_extmap_decode(struct bytes value, struct sdp_extmap *out)
{
	struct sdp_extmap e = {.direction = SDP_SENDRECV};
	struct bytes front, id;
	uint64_t v;
	if (!next_word(&value, &front) || !next_word(&value, &e.uri))
		return ERR_MALFORMED;
	if (!scan_until(&front, '/', &id))
		id = front;
	else if (!read_direction(front, &e.direction))
		return ERR_MALFORMED;
	if (!scan_number(id, 4351, &v) || v == 0 || (v > 255 && v < 4096))
		return ERR_MALFORMED;
	e.id = (uint16_t)v;
	e.attributes = value;
	*out = e;
	return 0;
}
