/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions, and the packets of SRTP:
 *
 *   | header, CSRCs, extension | payload, encrypted | MKI | tag |
 *
 * Counter mode: the tag is over all but the MKI, and the roll-over counter. GCM: header and so on
 * are associated data, the counter is in the IV, and the MKI is behind the tag.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sallyport/mediation/rtp.h>
#include "srtp_priv.h"

/* ---- sessions ---- */

static uint64_t lifetime_of(uint64_t asked, uint64_t most)
{
	return asked > 0 && asked < most ? asked : most;
}

void srtp_session_lifetime_set(struct srtp_session *s, uint64_t lifetime)
{
	s->rtp_life.max = lifetime_of(lifetime, SRTP_INDEX_MAX + 1);
	s->rtcp_life.max = lifetime_of(lifetime, SRTCP_INDEX_MAX + 1);
}

void srtp_session_mki_set(struct srtp_session *s, struct srtp_mki mki)
{
	uint8_t all[8];

	assert(mki.len <= SRTP_MKI_MAX);
	be64_put(all, mki.value);
	memcpy(s->mki, all + sizeof(all) - mki.len, mki.len);
	s->mki_len = mki.len;
}

uint8_t *srtp_session_mki_at(const struct srtp_session *s, uint8_t *end, size_t tag_len)
{
	return s->suite->is_aead ? end + tag_len : end;
}

int srtp_session_create(const struct srtp_config *c, struct srtp_session **out)
{
	if (c->master.len != srtp_master_len(c->suite))
		return ERR_BAD_KEY;
	struct srtp_session *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->suite = srtp_suite_row(c->suite);
	s->direction = c->direction;
	srtp_session_lifetime_set(s, c->lifetime);
	int rc = srtp_key_init(&s->rtp, c, SRTP_LABEL_RTP);
	if (rc == 0)
		rc = srtp_key_init(&s->rtcp, c, SRTP_LABEL_RTCP);
	if (rc != 0)
		srtp_session_destroy(s);
	else
		*out = s;
	return rc;
}

void srtp_session_destroy(struct srtp_session *s)
{
	if (!s)
		return;
	srtp_key_fini(&s->rtp);
	srtp_key_fini(&s->rtcp);
	crypto_wipe(s, sizeof(*s));
	free(s);
}

const char *srtp_result_text(enum srtp_result r)
{
	static const char *const texts[SRTP_RESULTS] = {
		[SRTP_OK] = "ok",
		[SRTP_MALFORMED] = "malformed",
		[SRTP_NO_SPACE] = "no_space",
		[SRTP_AUTH_FAILED] = "auth_failed",
		[SRTP_REPLAYED] = "replayed",
		[SRTP_TOO_OLD] = "too_old",
		[SRTP_CLEAR] = "clear",
		[SRTP_STREAMS] = "streams",
		[SRTP_KEY_SPENT] = "key_spent",
		[SRTP_NO_CIPHER] = "no_cipher",
		[SRTP_WRONG_MKI] = "wrong_mki",
	};

	assert((unsigned)r < SRTP_RESULTS);
	return texts[r];
}

uint64_t srtp_session_count(const struct srtp_session *s, enum srtp_result r)
{
	assert((unsigned)r < SRTP_RESULTS);
	return s->counts[r];
}

enum srtp_result srtp_session_counted(struct srtp_session *s, enum srtp_result r)
{
	s->counts[r]++;
	return r;
}

/* ---- their sources ---- */

struct srtp_stream *srtp_stream_find(struct srtp_session *s, uint32_t ssrc)
{
	for (unsigned i = 0; i < s->n_streams; i++)
		if (s->streams[i].ssrc == ssrc)
			return &s->streams[i];
	return NULL;
}

/* The one that has been quiet for longest. */
static struct srtp_stream *retire(struct srtp_session *s)
{
	struct srtp_stream *st = &s->streams[0];

	assert(s->direction == SRTP_UNPROTECT && s->n_retired < SRTP_RETIRED_MAX);
	for (unsigned i = 1; i < s->n_streams; i++)
		if (s->streams[i].last < st->last)
			st = &s->streams[i];
	s->retired[s->n_retired++] = st->ssrc;
	return st;
}

static struct srtp_stream *add_stream(struct srtp_session *s, uint32_t ssrc)
{
	struct srtp_stream *st =
		s->n_streams < SRTP_STREAMS_MAX ? &s->streams[s->n_streams++] : retire(s);

	*st = (struct srtp_stream){.ssrc = ssrc};
	return st;
}

struct srtp_stream *srtp_stream_heard(struct srtp_session *s, struct srtp_stream *st, uint32_t ssrc)
{
	if (!st)
		st = add_stream(s, ssrc);
	st->last = ++s->n_good;
	return st;
}

static bool is_retired(const struct srtp_session *s, uint32_t ssrc)
{
	for (unsigned i = 0; i < s->n_retired; i++)
		if (s->retired[i] == ssrc)
			return true;
	return false;
}

/* What protects must not forget how far a source has come: its numbers would be used twice. */
static bool has_room(const struct srtp_session *s)
{
	return s->n_streams < SRTP_STREAMS_MAX ||
	       (s->direction == SRTP_UNPROTECT && s->n_retired < SRTP_RETIRED_MAX);
}

enum srtp_result srtp_session_admit(const struct srtp_session *s, const struct srtp_stream *st,
	uint32_t ssrc, const struct srtp_lifetime *life)
{
	if (life->used >= life->max)
		return SRTP_KEY_SPENT;
	if (st)
		return SRTP_OK;
	if (is_retired(s, ssrc))
		return SRTP_TOO_OLD;
	return has_room(s) ? SRTP_OK : SRTP_STREAMS;
}

void srtp_session_leave(struct srtp_session *s, uint32_t ssrc)
{
	struct srtp_stream *st = srtp_stream_find(s, ssrc);

	assert(s->direction == SRTP_PROTECT);
	if (!st)
		return;
	*st = s->streams[--s->n_streams];
	memset(&s->streams[s->n_streams], 0, sizeof(s->streams[0]));
}

enum srtp_result srtp_session_rollover_set(struct srtp_session *s, uint32_t ssrc, uint32_t roc)
{
	struct srtp_stream *st = srtp_stream_find(s, ssrc);

	if (!st && s->n_streams == SRTP_STREAMS_MAX)
		return SRTP_STREAMS;
	if (!st)
		st = add_stream(s, ssrc);
	st->rtp = (struct srtp_window){.top = (uint64_t)roc << 16};
	return SRTP_OK;
}

bool srtp_session_rollover(const struct srtp_session *s, uint32_t ssrc, uint32_t *roc)
{
	for (unsigned i = 0; i < s->n_streams; i++) {
		if (s->streams[i].ssrc == ssrc) {
			*roc = (uint32_t)(s->streams[i].rtp.top >> 16);
			return true;
		}
	}
	return false;
}

/* ---- SRTP ---- */

/* A packet and its place in its source. */
struct srtp_packet {
	struct srtp_session *session;
	struct srtp_stream *stream; /* NULL: of a new source */
	uint32_t ssrc;
	uint64_t index;
	uint8_t *data;
	size_t header_len;
	size_t len; /* without MKI and tag */
};

/* LEN is without MKI and tag. */
static enum srtp_result locate(
	struct srtp_session *s, uint8_t *data, size_t len, struct srtp_packet *out)
{
	static const struct srtp_window fresh;
	struct rtp_packet rtp;

	if (rtp_decode_header(data, len, &rtp) != 0)
		return SRTP_MALFORMED;
	struct srtp_stream *st = srtp_stream_find(s, rtp.ssrc);
	enum srtp_result r = srtp_session_admit(s, st, rtp.ssrc, &s->rtp_life);
	if (r != SRTP_OK)
		return r;
	const struct srtp_window *w = st ? &st->rtp : &fresh;
	*out = (struct srtp_packet){
		s, st, rtp.ssrc, srtp_window_estimate(w, rtp.sequence), data, rtp.header_len, len};
	return out->index > SRTP_INDEX_MAX ? SRTP_KEY_SPENT : srtp_window_check(w, out->index);
}

/* It has passed. */
static void settle(const struct srtp_packet *p)
{
	struct srtp_session *s = p->session;
	struct srtp_stream *st = srtp_stream_heard(s, p->stream, p->ssrc);

	srtp_window_add(&st->rtp, p->index);
	s->rtp_life.used++;
}

static void mac(const struct srtp_packet *p, uint8_t out[20])
{
	uint8_t rollover[4];
	struct bytes parts[2] = {bytes_of(p->data, p->len), bytes_of(rollover, sizeof(rollover))};

	be32_put(rollover, (uint32_t)(p->index >> 16));
	srtp_key_mac(&p->session->rtp, parts, out);
}

/* The packet's part of GCM's IV: two zeros, source, roll-over counter, sequence number. */
static void gcm_iv(const struct srtp_packet *p, uint8_t iv[12])
{
	be64_put(iv + 4, p->index);
	be16_put(iv, 0);
	be32_put(iv + 2, p->ssrc);
}

static enum srtp_result seal(const struct srtp_packet *p)
{
	struct srtp_key *k = &p->session->rtp;
	uint8_t *payload = p->data + p->header_len;
	size_t len = p->len - p->header_len;

	if (p->session->suite->is_aead) {
		struct bytes ad[2] = {bytes_of(p->data, p->header_len)};
		uint8_t iv[12];
		gcm_iv(p, iv);
		return srtp_key_seal(k, iv, ad, payload, len) ? SRTP_OK : SRTP_NO_CIPHER;
	}
	uint8_t tag[CRYPTO_SHA1_LEN];
	if (!srtp_key_crypt(k, p->ssrc, p->index, payload, len))
		return SRTP_NO_CIPHER;
	mac(p, tag);
	memcpy(srtp_session_tag_at(p->session, p->data + p->len), tag,
		p->session->suite->rtp_tag_len);
	return SRTP_OK;
}

static enum srtp_result open_packet(const struct srtp_packet *p)
{
	struct srtp_key *k = &p->session->rtp;
	uint8_t *payload = p->data + p->header_len;
	size_t len = p->len - p->header_len;

	if (p->session->suite->is_aead) {
		struct bytes ad[2] = {bytes_of(p->data, p->header_len)};
		uint8_t iv[12];
		gcm_iv(p, iv);
		return srtp_key_open(k, iv, ad, payload, len);
	}
	uint8_t tag[CRYPTO_SHA1_LEN];
	mac(p, tag);
	if (!crypto_equal(tag, srtp_session_tag_at(p->session, p->data + p->len),
		    p->session->suite->rtp_tag_len))
		return SRTP_AUTH_FAILED;
	return srtp_key_crypt(k, p->ssrc, p->index, payload, len) ? SRTP_OK : SRTP_NO_CIPHER;
}

static enum srtp_result protect(struct srtp_session *s, uint8_t *data, size_t *len, size_t cap)
{
	struct srtp_packet p;
	size_t tag_len = s->suite->rtp_tag_len, extra = tag_len + s->mki_len;
	enum srtp_result r = locate(s, data, *len, &p);

	if (r != SRTP_OK)
		return r;
	if (cap < *len || cap - *len < extra)
		return SRTP_NO_SPACE;
	r = seal(&p);
	if (r != SRTP_OK)
		return r;
	memcpy(srtp_session_mki_at(s, data + *len, tag_len), s->mki, s->mki_len);
	settle(&p);
	*len += extra;
	return SRTP_OK;
}

static enum srtp_result unprotect(struct srtp_session *s, uint8_t *data, size_t *len)
{
	struct srtp_packet p;
	size_t tag_len = s->suite->rtp_tag_len, extra = tag_len + s->mki_len;

	if (*len < RTP_HEADER_LEN + extra)
		return SRTP_MALFORMED;
	if (memcmp(srtp_session_mki_at(s, data + *len - extra, tag_len), s->mki, s->mki_len) != 0)
		return SRTP_WRONG_MKI;
	enum srtp_result r = locate(s, data, *len - extra, &p);
	if (r == SRTP_OK)
		r = open_packet(&p);
	if (r != SRTP_OK)
		return r;
	settle(&p);
	*len -= extra;
	return SRTP_OK;
}

enum srtp_result srtp_session_protect(
	struct srtp_session *s, uint8_t *packet, size_t *len, size_t cap)
{
	assert(s->direction == SRTP_PROTECT);
	return srtp_session_counted(s, protect(s, packet, len, cap));
}

enum srtp_result srtp_session_unprotect(struct srtp_session *s, uint8_t *packet, size_t *len)
{
	assert(s->direction == SRTP_UNPROTECT);
	return srtp_session_counted(s, unprotect(s, packet, len));
}
