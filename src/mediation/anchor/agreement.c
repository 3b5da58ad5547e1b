/* SPDX-License-Identifier: BSD-3-Clause */
/* What was agreed in SDP as a worker's media have it, and where media may go. */
#include <string.h>

#include "anchor_priv.h"

#define PORT_MIN 1024 /* RFC 8866 §5.14 */

_Static_assert((int)SDP_SUITES == (int)SRTP_SUITES &&
		       (int)SDP_AES_CM_128_HMAC_SHA1_80 == (int)SRTP_AES_CM_128_HMAC_SHA1_80 &&
		       (int)SDP_AEAD_AES_256_GCM == (int)SRTP_AEAD_AES_256_GCM &&
		       SDP_KEY_MAX == SRTP_MASTER_MAX && SDP_MKI_MAX == SRTP_MKI_MAX,
	"suites have the same order in SDP and in SRTP");
_Static_assert((int)ANCHOR_SIDES == (int)MEDIA_SIDES, "the caller's leg is the first of a session");

/* ---- addresses ---- */

static bool is_loopback(const struct addr *a)
{
	static const uint8_t v6[16] = {[15] = 1};

	return a->family == ADDR_IPV4 ? a->ip[12] == 127 : memcmp(a->ip, v6, sizeof(v6)) == 0;
}

/* A group, everybody on the link, this network, what is reserved: nobody's. */
static bool is_nobodys(const struct addr *a)
{
	if (a->family == ADDR_IPV4)
		return a->ip[12] == 0 || a->ip[12] >= 224;
	return a->ip[0] == 0xff;
}

static bool is_of_face(const struct media_face *f, const struct addr *a)
{
	return addr_equal_ip(&f->local, a) && f->first <= a->port && a->port <= f->last;
}

static bool may_go_to(const struct anchors *l, const struct addr *own, const struct addr *a)
{
	if (addr_is_unspecified(a))
		return true; /* nothing goes there: RFC 3264 §8.4 */
	if (is_nobodys(a) || a->port < PORT_MIN || (is_loopback(a) && !is_loopback(own)))
		return false;
	for (unsigned i = 0; i < l->config.n_faces; i++) {
		if (is_of_face(&l->config.faces[i], a))
			return false;
	}
	return true;
}

bool anchor_may_send_to(const struct anchors *l, const struct addr *own, const struct sdp_agreed *g)
{
	return may_go_to(l, own, &g->remote_rtp) &&
	       (g->remote_rtcp.family == ADDR_NONE || may_go_to(l, own, &g->remote_rtcp));
}

/* ---- formats ---- */

static uint16_t codec_of(const struct sdp_codec *c)
{
	static const struct {
		const char *name;
		enum rtp_codec codec;
	} known[] = {
		{"PCMU", RTP_PCMU},
		{"PCMA", RTP_PCMA},
		{"CN", RTP_NOISE},
		{"telephone-event", RTP_EVENT},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(c->name, known[i].name) == 0)
			return (uint16_t)known[i].codec;
	}
	return RTP_OTHER;
}

static void fill_formats(const struct sdp_session *s, struct media_agreement *out)
{
	const struct sdp_agreed *g = &s->agreed;

	for (unsigned i = 0; i < g->n_formats && out->from.n < RTP_FORMATS_MAX; i++) {
		const struct sdp_format *f = &g->formats[i];
		uint16_t codec = codec_of(&s->config.abilities->codecs[f->codec]);
		if (codec == RTP_OTHER)
			continue;
		out->from.list[out->from.n++] = (struct rtp_format){f->receive, codec};
		out->to.list[out->to.n++] = (struct rtp_format){f->send, codec};
	}
}

/* What somebody asks for that nobody can mean is brought to what can be. */
static uint8_t packet_ms(const struct sdp_agreed *g)
{
	if (g->ptime_ms < MEDIA_PACKET_MS_MIN)
		return MEDIA_PACKET_MS_MIN;
	return g->ptime_ms > RTP_PACKET_MS_MAX ? RTP_PACKET_MS_MAX : (uint8_t)g->ptime_ms;
}

void anchor_agreement_fill(const struct leg *g, const struct sdp_session *s, uint64_t peer,
	struct media_agreement *out)
{
	const struct sdp_agreed *a = &s->agreed;

	*out = (struct media_agreement){
		.rtp = a->remote_rtp,
		.rtcp = a->remote_rtcp,
		.is_mux = a->has_rtcp_mux,
		.is_latching = g->terms.is_latching,
		.may_send = (a->direction & SDP_RECVONLY) != 0,
		.may_receive = (a->direction & SDP_SENDONLY) != 0,
		.is_supervised = g->terms.is_supervised,
		.is_supervised_on_hold = g->terms.is_supervised_on_hold,
		.silent_ms = g->terms.silent_ms,
		.peer = peer,
		.packet_ms = packet_ms(a),
		.is_srtp = a->has_srtp,
	};
	fill_formats(s, out);
	if (!a->has_srtp)
		return;
	out->suite = (enum srtp_suite)a->suite;
	out->lifetime = a->remote_lifetime;
	out->mki_from = (struct srtp_mki){a->remote_mki.value, a->remote_mki.len};
	out->mki_to = (struct srtp_mki){a->local_mki.value, a->local_mki.len};
	memcpy(out->master_from, a->remote_key, sizeof(out->master_from));
	memcpy(out->master_to, s->config.keys[a->suite], sizeof(out->master_to));
}
