/* SPDX-License-Identifier: BSD-3-Clause */
/* Our descriptions, offers and answers alike. */
#include <stdio.h>
#include "describe.h"
#include "line.h"
#include "profile.h"

/* "8 0 101" */
static void list_payloads(const struct sdp_said *said, char *out, size_t cap)
{
	size_t len = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < said->n_formats && len < cap; i++)
		len += (size_t)snprintf(
			out + len, cap - len, " %u", (unsigned)said->formats[i].receive);
}

static void write_formats(
	const struct sdp_session *s, struct sdp_writer *w, const struct sdp_said *said)
{
	for (unsigned i = 0; i < said->n_formats; i++) {
		const struct sdp_codec *c = &s->config.abilities->codecs[said->formats[i].codec];
		unsigned payload = said->formats[i].receive;
		if (c->channels > 1)
			sdp_write_line(w, 'a', "rtpmap:%u %s/%u/%u", payload, c->name,
				(unsigned)c->clock_hz, (unsigned)c->channels);
		else
			sdp_write_line(
				w, 'a', "rtpmap:%u %s/%u", payload, c->name, (unsigned)c->clock_hz);
		if (c->fmtp)
			sdp_write_line(w, 'a', "fmtp:%u %s", payload, c->fmtp);
	}
}

static void write_key(const struct sdp_session *s, struct sdp_writer *w,
	const struct sdp_said *said, uint32_t tag, enum sdp_suite suite)
{
	struct sdp_crypto c = {.tag = tag, .suite = suite, .mki = said->mki};
	if (c.mki.len) /* who has an MKI in his line has a lifetime, too */
		c.lifetime = said->mki_lifetime;
	memcpy(c.key, s->config.keys[suite], sizeof(c.key));
	sdp_write_crypto(w, &c);
	explicit_bzero(&c, sizeof(c));
}

/* An answer has the one line that was taken, under its tag; an offer all of ours. */
static void write_keys(
	const struct sdp_session *s, struct sdp_writer *w, const struct sdp_said *said)
{
	const struct sdp_abilities *abilities = s->config.abilities;
	if (said->answer) {
		write_key(s, w, said, said->answer->crypto_tag, said->answer->suite);
		return;
	}
	for (unsigned i = 0; i < abilities->n_suites; i++)
		write_key(s, w, said, i + 1, abilities->suites[i]);
}

/* What passes from the other side. */
static void write_passing(struct sdp_writer *w, struct bytes lines, char type)
{
	struct sdp_line l;
	size_t offset = 0;
	while (sdp_line_next(lines, &offset, &l)) {
		if (l.type == type)
			sdp_write_copy(w, &l);
	}
}

static void write_live(const struct sdp_session *s, struct sdp_writer *w,
	const struct sdp_slot *slot, const struct sdp_said *said)
{
	const struct sdp_session_config *c = &s->config;
	char payloads[SDP_CODECS_MAX * 4 + 1];
	list_payloads(said, payloads, sizeof(payloads));
	sdp_write_line(
		w, 'm', "%s %u %s%s", slot->kind, (unsigned)c->rtp.port, slot->proto, payloads);
	write_passing(w, said->passing.media, 'b');
	write_formats(s, w, said);
	if (sdp_profile_has_sdes(sdp_profile_parse(bytes_str(slot->proto))))
		write_keys(s, w, said);
	if (c->abilities->ptime_ms)
		sdp_write_line(w, 'a', "ptime:%u", (unsigned)c->abilities->ptime_ms);
	if (c->abilities->maxptime_ms)
		sdp_write_line(w, 'a', "maxptime:%u", (unsigned)c->abilities->maxptime_ms);
	if (said->has_rtcp_mux)
		sdp_write_line(w, 'a', "rtcp-mux");
	/* In an offer it says where to without rtcp-mux (RFC 5761 §5.1.1). */
	if (!(said->has_rtcp_mux && said->answer) && c->rtcp_port != 0 &&
		c->rtcp_port != c->rtp.port + 1u)
		sdp_write_line(w, 'a', "rtcp:%u", (unsigned)c->rtcp_port);
	sdp_write_line(w, 'a', "%s", sdp_direction_name(said->direction));
	write_passing(w, said->passing.media, 'a');
}

static void write_all(const struct sdp_session *s, struct sdp_writer *w,
	const struct sdp_slot *slots, unsigned n_slots, const struct sdp_said *said)
{
	sdp_write_line(w, 's', "-");
	sdp_write_connection(w, &s->config.rtp);
	write_passing(w, said->passing.session, 'b');
	sdp_write_line(w, 't', "0 0");
	write_passing(w, said->passing.session, 'a');
	for (unsigned i = 0; i < n_slots; i++) {
		if (slots[i].is_live)
			write_live(s, w, &slots[i], said);
		else
			sdp_write_line(w, 'm', "%s 0 %s %s", slots[i].kind, slots[i].proto,
				slots[i].format);
	}
}

/* Not for keeping anything secret: only the session's own descriptions are compared. */
static uint64_t digest_of(const char *text, size_t len)
{
	static const struct hash_key key = {0x5d1f, 0x3264};
	uint64_t digest = hash_bytes(&key, text, len);
	return digest ? digest : 1;
}

/* Before anything has been written there is no version. */
static uint64_t version_for(const struct sdp_origin_own *o, uint64_t digest)
{
	return digest == o->written ? o->version : o->version + 1;
}

static uint64_t digest_behind(const struct sdp_writer *w, size_t at)
{
	return digest_of(w->buf + at, w->len - at);
}

/* The version has as many digits as it has: what stands behind it is written first. */
enum sdp_refusal sdp_describe(struct sdp_session *s, struct sdp_writer *w,
	const struct sdp_slot *slots, unsigned n_slots, const struct sdp_said *said)
{
	struct sdp_origin_own *o = s->config.origin;
	struct sdp_writer start = *w;
	size_t at = w->len;
	write_all(s, w, slots, n_slots, said);
	if (w->has_failed)
		return SDP_NO_ROOM;
	const struct sdp_origin_own next = {.id = o->id,
		.written = digest_behind(w, at),
		.version = version_for(o, digest_behind(w, at))};
	*w = start;
	sdp_write_line(w, 'v', "0");
	sdp_write_origin(w, next.id, next.version, &s->config.rtp);
	write_all(s, w, slots, n_slots, said);
	if (w->has_failed)
		return SDP_NO_ROOM;
	*o = next;
	return SDP_OK;
}

/* Two lines stand in front of what is compared. */
enum sdp_refusal sdp_offer_again(
	const struct sdp_session *s, struct sdp_writer *w, struct bytes text)
{
	struct sdp_origin_own *o = s->config.origin;
	struct bytes line;
	size_t at = 0;
	if (s->state != SDP_STABLE || !s->has_agreed)
		return SDP_WRONG_STATE;
	if (!sdp_line_cut(text, &at, &line) || !sdp_line_cut(text, &at, &line))
		return SDP_BAD_ORIGIN;
	struct bytes rest = bytes_of(text.data + at, text.len - at);
	uint64_t digest = digest_of((const char *)rest.data, rest.len);
	uint64_t version = version_for(o, digest);
	sdp_write_line(w, 'v', "0");
	sdp_write_origin(w, o->id, version, &s->config.rtp);
	sdp_write_lines(w, rest);
	if (w->has_failed)
		return SDP_NO_ROOM;
	o->version = version;
	o->written = digest;
	return SDP_OK;
}
