/* SPDX-License-Identifier: BSD-3-Clause */
/* What holds for the media of each trunk, and of the inside, by the configuration. */
#include <stdio.h>
#include <string.h>

#include "media.h"
#include "thread.h"

#define DSCP_AUDIO 46 /* expedited forwarding (RFC 3246) */
#define PTIME_MS   20
#define EVENT_TYPE 101
#define NOISE_TYPE 13
#define SILENT_MS  30000

static const struct sdp_codec laws[OPTIONS_CODECS] = {
	[OPTIONS_PCMA] = {"PCMA", 8000, 1, 8, NULL},
	[OPTIONS_PCMU] = {"PCMU", 8000, 1, 0, NULL},
};

/* Without settings for a trunk, and toward the inside. */
static const struct options_trunk_media usual = {
	.rtcp_active = true,
	.rtcp_hold = true,
	.rtcp_timeout_s = SILENT_MS / 1000,
	.dtmf_pt = EVENT_TYPE,
	.cn = true,
	.sdp_attributes = true,
};

static void add_codec(struct sdp_abilities *a, struct sdp_codec c)
{
	a->codecs[a->n_codecs++] = c;
}

static void fill_codecs(const struct options_trunk_media *o, struct sdp_abilities *a)
{
	const int *list = o->codecs.items;
	bool has[OPTIONS_CODECS] = {false};

	for (size_t i = 0; i < o->codecs.n; i++) {
		if (!has[list[i]])
			add_codec(a, laws[list[i]]);
		has[list[i]] = true;
	}
	for (unsigned i = 0; o->codecs.n == 0 && i < OPTIONS_CODECS; i++)
		add_codec(a, laws[i]);
	add_codec(a, (struct sdp_codec){"telephone-event", 8000, 1, (uint8_t)o->dtmf_pt, "0-16"});
	if (o->cn)
		add_codec(a, (struct sdp_codec){"CN", 8000, 1, NOISE_TYPE, NULL});
}

static void fill(struct call_media_terms *out, const struct options_trunk_media *o,
	enum policy_srtp srtp, bool is_inside)
{
	static const enum sdp_security levels[] = {
		[POLICY_SRTP_NONE] = SDP_SRTP_NONE,
		[POLICY_SRTP_OPTIONAL] = SDP_SRTP_OPTIONAL,
		[POLICY_SRTP_REQUIRED] = SDP_SRTP_REQUIRED,
	};
	struct sdp_abilities *a = &out->abilities;

	fill_codecs(o, a);
	a->security = levels[srtp];
	a->suites[0] = SDP_AES_CM_128_HMAC_SHA1_80;
	a->suites[1] = SDP_AES_CM_128_HMAC_SHA1_32;
	a->n_suites = srtp == POLICY_SRTP_NONE ? 0 : 2;
	a->ptime_ms = PTIME_MS;
	a->has_rtcp_mux = is_inside;
	out->terms.is_latching = o->rtp_latching;
	out->terms.is_passing = o->sdp_attributes;
	out->terms.is_supervised = o->rtcp_active;
	out->terms.is_supervised_on_hold = o->rtcp_hold;
	out->terms.silent_ms = (uint32_t)o->rtcp_timeout_s * 1000;
}

/* ---- addresses ---- */

static int refuse_face(const struct options_pool *p, bool is_running, char *why)
{
	if (is_running)
		(void)snprintf(why, CALL_THREAD_WHY_LEN,
			"pool \"%s\" has had no trunk since the start, and no ports for audio; "
			"restart the daemon for that",
			p->name);
	else
		(void)snprintf(why, CALL_THREAD_WHY_LEN,
			"the pools of \"mediation\" have more than %d addresses for media",
			MEDIA_FACES_MAX);
	return ERR_FULL;
}

static int find_face(struct call_thread *t, uint32_t place, const struct options_pool *p,
	struct call_media_terms *out, char *why)
{
	const struct conf_ports *ports = &p->audio_ports;
	struct media_face want = {
		t->listeners[place - 1].local, ports->first, ports->last, DSCP_AUDIO};
	struct call_faces *f = t->faces;
	unsigned i = 0;

	want.local.port = 0;
	while (i < f->n && !(addr_equal_ip(&f->list[i].local, &want.local) &&
				   f->list[i].first == want.first && f->list[i].last == want.last))
		i++;
	if (i == MEDIA_FACES_MAX || (i == f->n && t->transport))
		return refuse_face(p, t->transport != NULL, why);
	if (i == f->n)
		f->list[f->n++] = want;
	out->terms.face = (uint8_t)i;
	out->is_usable = true;
	return 0;
}

int call_media_terms_trunk(struct call_thread *t, const struct options_mediation *m,
	const struct options_trunk *o, const struct call_trunk *k, struct call_media_terms *out,
	char *why)
{
	const struct options_trunk_settings *s = options_trunk_settings_of(m, o);
	enum policy_srtp srtp = s ? (enum policy_srtp)s->srtp : POLICY_SRTP_REQUIRED;
	struct options_trunk_end ours;

	if (options_trunk_mediation(o, &ours) != 0)
		return ERR_CONFIG;
	srtp = policy_srtp_choose(POLICY_SRTP_REQUIRED, srtp, ours.transport == OPTIONS_SIP_TLS)
		       .trunk; /* whatever the inside has */
	fill(out, s ? &s->media : &usual, srtp, false);
	return find_face(t, k->place, options_pool_find(m, ours.name), out, why);
}

int call_media_terms_inside(struct call_thread *t, const struct options_mediation *m,
	const struct call_trunk *k, struct call_media_terms *out, char *why)
{
	const struct options_pool *p = options_client_pool(m);

	if (!p)
		return 0;
	fill(out, &usual, (enum policy_srtp)p->client_srtp, true);
	return find_face(t, k->place, p, out, why);
}
