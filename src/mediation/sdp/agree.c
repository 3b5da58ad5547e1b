/* SPDX-License-Identifier: BSD-3-Clause */
/* One audio stream of theirs against what we can do. */
#include "agree.h"
#include "formats.h"
#include "profile.h"

#define PTIME_DEFAULT_MS 20 /* RFC 3551 §4.2 */

static bool suits_profile(const struct sdp_abilities *abilities, enum sdp_profile p)
{
	if (sdp_profile_has_sdes(p))
		return abilities->security != SDP_SRTP_NONE;
	return sdp_profile_is_plain(p) && abilities->security != SDP_SRTP_REQUIRED;
}

static bool has_suite(const struct sdp_abilities *abilities, enum sdp_suite suite)
{
	for (unsigned i = 0; i < abilities->n_suites; i++) {
		if (abilities->suites[i] == suite)
			return true;
	}
	return false;
}

/* The tags of our offer count its suites from 1 (RFC 4568 §5.1.3). */
static bool is_as_offered(const struct sdp_abilities *abilities, const struct sdp_crypto *c)
{
	return c->tag >= 1 && c->tag <= abilities->n_suites &&
	       abilities->suites[c->tag - 1] == c->suite;
}

/* The first line that we can take: an offer has its best first. */
static bool find_key(const struct sdp_abilities *abilities, const struct sdp_media *m,
	bool is_answer, struct sdp_crypto *out)
{
	struct sdp_attr a;
	size_t offset = 0;
	while (sdp_attr_seek(m->lines, &offset, SDP_ATTR_CRYPTO, &a)) {
		if (sdp_crypto_decode(a.value, out) == 0 && !out->is_plain &&
			has_suite(abilities, out->suite) &&
			(!is_answer || is_as_offered(abilities, out)))
			return true;
	}
	return false;
}

static bool agree_key(const struct sdp_abilities *abilities, const struct sdp_media *m,
	bool is_answer, struct sdp_agreed *out)
{
	struct sdp_crypto c = {.tag = 0};
	out->has_srtp = find_key(abilities, m, is_answer, &c);
	if (out->has_srtp) {
		out->crypto_tag = c.tag;
		out->suite = c.suite;
		out->remote_lifetime = c.lifetime;
		out->remote_mki = c.mki;
		memcpy(out->remote_key, c.key, sizeof(out->remote_key));
	}
	explicit_bzero(&c, sizeof(c));
	return out->has_srtp;
}

static bool has_audio(const struct sdp_abilities *abilities, const struct sdp_agreed *a)
{
	return sdp_agreed_audio(abilities, a) != NULL;
}

static void agree_rtcp(
	const struct sdp_abilities *abilities, const struct sdp_media *m, struct sdp_agreed *out)
{
	struct sdp_attr a;
	struct sdp_rtcp rtcp;
	out->has_rtcp_mux =
		abilities->has_rtcp_mux && sdp_attr_find(m->lines, SDP_ATTR_RTCP_MUX, &a);
	out->remote_rtcp = out->remote_rtp;
	if (out->has_rtcp_mux)
		return;
	if (sdp_attr_find(m->lines, SDP_ATTR_RTCP, &a) && sdp_rtcp_decode(a.value, &rtcp) == 0) {
		if (rtcp.has_connection && rtcp.connection.addr.family == out->remote_rtp.family)
			out->remote_rtcp = rtcp.connection.addr;
		out->remote_rtcp.port = rtcp.port;
	} else {
		out->remote_rtcp.port = (uint16_t)(m->port + 1u);
	}
	if (out->remote_rtcp.port == 0)
		out->remote_rtcp = (struct addr){.family = ADDR_NONE};
}

static void agree_ptime(const struct sdp_media *m, struct sdp_agreed *out)
{
	struct sdp_attr a;
	uint16_t ms;
	out->ptime_ms = PTIME_DEFAULT_MS;
	if (sdp_attr_find(m->lines, SDP_ATTR_PTIME, &a) && sdp_ptime_decode(a.value, &ms) == 0)
		out->ptime_ms = ms;
	if (sdp_attr_find(m->lines, SDP_ATTR_MAXPTIME, &a) && sdp_ptime_decode(a.value, &ms) == 0)
		out->maxptime_ms = ms;
	if (out->maxptime_ms != 0 && out->ptime_ms > out->maxptime_ms)
		out->ptime_ms = out->maxptime_ms;
}

static enum sdp_direction left_to_us(const struct sdp_media *m)
{
	unsigned theirs = m->direction;
	if (addr_is_unspecified(&m->connection.addr))
		theirs &= ~(unsigned)SDP_RECVONLY;
	return sdp_direction_reverse((enum sdp_direction)theirs);
}

enum sdp_refusal sdp_agree(const struct sdp_session *s, const struct sdp_media *m, bool is_answer,
	struct sdp_agreed *out)
{
	const struct sdp_abilities *abilities = s->config.abilities;
	struct sdp_agreed a = {.profile = m->profile};
	if (!suits_profile(abilities, m->profile))
		return SDP_NO_PROFILE;
	if (!m->has_connection || m->connection.addr.family != s->config.rtp.family)
		return SDP_NO_ADDRESS;
	a.remote_rtp = m->connection.addr;
	a.remote_rtp.port = m->port;
	a.n_formats = sdp_formats_match(abilities, m, s->payloads, a.formats);
	if (!has_audio(abilities, &a))
		return SDP_NO_CODEC;
	if (sdp_profile_has_sdes(m->profile) && !agree_key(abilities, m, is_answer, &a))
		return SDP_NO_KEY;
	a.direction = left_to_us(m);
	agree_rtcp(abilities, m, &a);
	agree_ptime(m, &a);
	*out = a;
	explicit_bzero(&a, sizeof(a));
	return SDP_OK;
}

const struct sdp_format *sdp_agreed_audio(
	const struct sdp_abilities *abilities, const struct sdp_agreed *a)
{
	for (unsigned i = 0; i < a->n_formats; i++) {
		if (!sdp_codec_is_aside(&abilities->codecs[a->formats[i].codec]))
			return &a->formats[i];
	}
	return NULL;
}

const struct sdp_format *sdp_agreed_find(const struct sdp_abilities *abilities,
	const struct sdp_agreed *a, const char *name, uint32_t clock_hz)
{
	for (unsigned i = 0; i < a->n_formats; i++) {
		const struct sdp_codec *c = &abilities->codecs[a->formats[i].codec];
		if (c->clock_hz == clock_hz && strcmp(c->name, name) == 0)
			return &a->formats[i];
	}
	return NULL;
}
