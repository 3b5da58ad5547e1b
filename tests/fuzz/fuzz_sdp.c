/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decodes anything, reads every attribute in every way, writes a description again and compares,
 * and exchanges it as an offer and as an answer: what a session writes, the decoder takes.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/mediation/sdp/session.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* Every byte of what a decoder points to must be there to be read. */
static void touch(struct bytes b)
{
	volatile uint8_t sum = 0;
	for (size_t i = 0; i < b.len; i++)
		sum = (uint8_t)(sum + b.data[i]);
}

static void read_formats(struct bytes v)
{
	struct sdp_rtpmap map;
	struct sdp_fmtp fmtp;
	struct sdp_rtcp rtcp;
	struct sdp_rtcp_fb fb;
	struct sdp_ssrc ssrc;
	struct sdp_group group;
	struct sdp_extmap ext;
	struct bytes token;
	uint16_t ms;
	if (sdp_rtpmap_decode(v, &map) == 0) {
		must(map.payload < 128 && map.clock_hz > 0 && map.channels > 0);
		touch(map.name);
	}
	if (sdp_fmtp_decode(v, &fmtp) == 0)
		touch(fmtp.parameters);
	if (sdp_ptime_decode(v, &ms) == 0)
		must(ms > 0);
	if (sdp_rtcp_decode(v, &rtcp) == 0 && rtcp.has_connection)
		touch(rtcp.connection.host);
	if (sdp_rtcp_fb_decode(v, &fb) == 0)
		touch(fb.feedback);
	if (sdp_ssrc_decode(v, &ssrc) == 0) {
		touch(ssrc.name);
		touch(ssrc.value);
	}
	if (sdp_group_decode(v, &group) == 0)
		touch(group.mids);
	if (sdp_extmap_decode(v, &ext) == 0) {
		touch(ext.uri);
		touch(ext.attributes);
	}
	if (sdp_token_decode(v, &token) == 0)
		touch(token);
}

static void read_secrets(struct bytes v)
{
	struct sdp_crypto c;
	struct sdp_fingerprint f;
	struct sdp_candidate cand;
	enum sdp_setup setup;
	struct bytes text;
	bool is_new;
	if (sdp_crypto_decode(v, &c) == 0)
		must(c.suite < SDP_SUITES && c.mki.len <= SDP_MKI_MAX);
	if (sdp_fingerprint_decode(v, &f) == 0) {
		must(f.digest_len >= 1 && f.digest_len <= sizeof(f.digest));
		touch(f.hash);
	}
	if (sdp_candidate_decode(v, &cand) == 0) {
		touch(cand.host);
		touch(cand.type_name);
		touch(cand.extensions);
	}
	(void)sdp_setup_decode(v, &setup);
	(void)sdp_connection_is_new(v, &is_new);
	if (sdp_ice_ufrag_decode(v, &text) == 0 || sdp_ice_pwd_decode(v, &text) == 0)
		touch(text);
}

static void read_section(struct bytes lines)
{
	struct sdp_attr a;
	size_t offset = 0;
	while (sdp_attr_next(lines, &offset, &a)) {
		must(offset <= lines.len);
		touch(a.name);
		read_formats(a.value);
		read_secrets(a.value);
	}
}

/* All lines, written again, are a description that means the same. */
static void write_again(const uint8_t *data, size_t size, const struct sdp *s)
{
	struct sdp_writer w;
	struct sdp again;
	size_t cap = 2 * size + 64, len;
	char *buf = malloc(cap);
	must(buf != NULL);
	sdp_write_begin(&w, buf, cap);
	sdp_write_lines(&w, bytes_of(data, size));
	must(sdp_write_end(&w, &len) == 0);
	enum sdp_refusal r = sdp_decode(buf, len, &again);
	must(r == SDP_OK || (r == SDP_TOO_LONG && len > SDP_LEN_MAX));
	if (r == SDP_OK) {
		must(again.n_media == s->n_media);
		for (size_t i = 0; i < s->n_media; i++) {
			must(again.media[i].direction == s->media[i].direction);
			must(again.media[i].port == s->media[i].port);
			must(bytes_equal(again.media[i].formats, s->media[i].formats));
		}
	}
	free(buf);
}

/* What passes is a part of what there is, and passes again as it is. */
static void pass_on(struct bytes lines, struct sdp_writer *w, struct bytes *out)
{
	struct sdp_writer again;
	char text[4096];
	size_t from = w->len;
	(void)sdp_pass(w, lines);
	must(!w->has_failed && w->len <= w->cap);
	*out = bytes_of(w->buf + from, w->len - from);
	sdp_write_begin(&again, text, sizeof(text));
	must(sdp_pass(&again, *out) && bytes_equal(bytes_of(text, again.len), *out));
}

static void session_init(struct sdp_session *s, struct sdp_abilities *abilities,
	struct sdp_origin_own *origin, unsigned variant)
{
	struct sdp_session_config c = {.abilities = abilities, .origin = origin};
	*origin = (struct sdp_origin_own){.id = 7};
	*abilities = (struct sdp_abilities){
		.codecs = {{"opus", 48000, 2, 96, NULL}, {"PCMA", 8000, 1, 8, NULL},
			{"PCMU", 8000, 1, 0, NULL}, {"telephone-event", 8000, 1, 101, "0-16"},
			{"CN", 8000, 1, 13, NULL}},
		.n_codecs = 5,
		.suites = {SDP_AES_CM_128_HMAC_SHA1_80, SDP_AEAD_AES_256_GCM},
		.n_suites = 2,
		.security = (enum sdp_security)(variant % 3),
		.ptime_ms = 20,
		.has_rtcp_mux = variant % 2,
	};
	must(addr_parse(variant >= 3 ? "[2001:db8::1]:4000" : "192.0.2.1:4000", 0, &c.rtp) == 0);
	sdp_session_init(s, &c);
}

static void check_agreed(const struct sdp_session *s)
{
	const struct sdp_agreed *a = &s->agreed;
	must(s->has_agreed);
	must(s->state != SDP_STABLE || (a->slot < s->n_slots && s->slots[a->slot].is_live));
	must(sdp_agreed_audio(s->config.abilities, a) != NULL);
	must(a->ptime_ms > 0 && a->remote_rtp.family == s->config.rtp.family);
	must(s->config.abilities->security != SDP_SRTP_REQUIRED || a->has_srtp);
	for (unsigned i = 0; i < a->n_formats; i++)
		must(a->formats[i].receive < 128 && a->formats[i].send < 128);
}

/* What we write is taken, and has as many m= lines as it answers. */
static void check_written(struct sdp_writer *w, unsigned n_slots)
{
	struct sdp s;
	size_t len;
	must(sdp_write_end(w, &len) == 0);
	must(sdp_decode(w->buf, len, &s) == SDP_OK && s.n_media == n_slots);
}

static void exchange(const struct sdp *remote, unsigned variant)
{
	char text[16384], passed[4096];
	struct sdp_passing passing;
	struct sdp_abilities abilities;
	struct sdp_origin_own origin;
	struct sdp_session s;
	struct sdp_writer w;
	session_init(&s, &abilities, &origin, variant);
	sdp_write_begin(&w, passed, sizeof(passed));
	pass_on(remote->lines, &w, &passing.session);
	pass_on(remote->n_media > 0 ? remote->media[0].lines : bytes_of("", 0), &w, &passing.media);
	for (unsigned turn = 0; turn < 2; turn++) {
		sdp_write_begin(&w, text, sizeof(text));
		if (sdp_offer_take(&s, remote) == SDP_OK) {
			must(sdp_answer_write(&s, &w, &passing) == SDP_OK);
			check_written(&w, (unsigned)remote->n_media);
			check_agreed(&s);
		}
		sdp_write_begin(&w, text, sizeof(text));
		must(sdp_offer_write(&s, &w, &passing) == SDP_OK);
		check_written(&w, s.n_pending_slots);
		if (sdp_answer_take(&s, remote, turn) == SDP_OK)
			check_agreed(&s);
		sdp_exchange_cancel(&s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdp s;
	read_formats(bytes_of(data, size));
	read_secrets(bytes_of(data, size));
	if (sdp_decode(data, size, &s) != SDP_OK)
		return 0;
	must(s.n_media <= SDP_MEDIA_MAX);
	read_section(s.lines);
	for (size_t i = 0; i < s.n_media; i++)
		read_section(s.media[i].lines);
	write_again(data, size, &s);
	for (unsigned variant = 0; variant < 6; variant++)
		exchange(&s, variant);
	return 0;
}
