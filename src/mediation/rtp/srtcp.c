/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets of SRTCP. E is 1: encrypted; the index counts them, per source.
 *
 *   counter mode (RFC 3711 §3.4)   | header, SSRC | rest, encrypted | E, index | MKI | tag |
 *   GCM (RFC 7714 §9)              | header, SSRC | rest, encrypted | tag | E, index | MKI |
 *
 * Counter mode: the tag is over all that stands before the MKI. GCM: the first eight bytes and the
 * word with the index are associated data.
 */
#include <assert.h>
#include <sallyport/mediation/rtp.h>
#include "srtp_priv.h"

#define CLEAR_LEN 8 /* header and source of the first packet */
#define INDEX_LEN 4
#define E_BIT     0x80000000u

struct srtcp_packet {
	struct srtp_session *session;
	struct srtp_stream *stream; /* NULL: of a new source */
	uint32_t ssrc;
	uint32_t index;
	uint8_t *data;
	size_t len; /* without what SRTCP adds */
};

static enum srtp_result locate(
	struct srtp_session *s, uint8_t *data, size_t len, struct srtcp_packet *out)
{
	if (len < CLEAR_LEN || data[0] >> 6 != 2)
		return SRTP_MALFORMED;
	uint32_t ssrc = be32_get(data + 4);
	*out = (struct srtcp_packet){s, srtp_stream_find(s, ssrc), ssrc, 0, data, len};
	return srtp_session_admit(s, out->stream, out->ssrc, &s->rtcp_life);
}

/* It has passed. */
static void settle(const struct srtcp_packet *p)
{
	struct srtp_session *s = p->session;
	struct srtp_stream *st = srtp_stream_heard(s, p->stream, p->ssrc);

	srtp_window_add(&st->rtcp, p->index);
	s->rtcp_life.used++;
}

/* The tag of counter mode; the word with the index stands behind the packet. */
static void mac(const struct srtcp_packet *p, uint8_t out[20])
{
	struct bytes parts[2] = {bytes_of(p->data, p->len + INDEX_LEN)};

	srtp_key_mac(&p->session->rtcp, parts, out);
}

/* The packet's part of GCM's IV: two zeros, source, two zeros, index. */
static void gcm_iv(const struct srtcp_packet *p, uint8_t iv[12])
{
	memset(iv, 0, 12);
	be32_put(iv + 2, p->ssrc);
	be32_put(iv + 8, p->index);
}

static enum srtp_result seal_gcm(const struct srtcp_packet *p)
{
	uint8_t *word = p->data + p->len + SRTP_TAG_MAX;
	struct bytes ad[2] = {bytes_of(p->data, CLEAR_LEN), bytes_of(word, INDEX_LEN)};
	uint8_t iv[12];

	gcm_iv(p, iv);
	be32_put(word, E_BIT | p->index);
	return srtp_key_seal(&p->session->rtcp, iv, ad, p->data + CLEAR_LEN, p->len - CLEAR_LEN)
		       ? SRTP_OK
		       : SRTP_NO_CIPHER;
}

static enum srtp_result seal_counter(const struct srtcp_packet *p)
{
	uint8_t tag[CRYPTO_SHA1_LEN];
	size_t len = p->len - CLEAR_LEN;

	if (!srtp_key_crypt(&p->session->rtcp, p->ssrc, p->index, p->data + CLEAR_LEN, len))
		return SRTP_NO_CIPHER;
	be32_put(p->data + p->len, E_BIT | p->index);
	mac(p, tag);
	memcpy(srtp_session_tag_at(p->session, p->data + p->len + INDEX_LEN), tag,
		p->session->suite->rtcp_tag_len);
	return SRTP_OK;
}

static enum srtp_result open_gcm(const struct srtcp_packet *p)
{
	const uint8_t *word = p->data + p->len + SRTP_TAG_MAX;
	struct bytes ad[2] = {bytes_of(p->data, CLEAR_LEN), bytes_of(word, INDEX_LEN)};
	uint8_t iv[12];

	gcm_iv(p, iv);
	return srtp_key_open(&p->session->rtcp, iv, ad, p->data + CLEAR_LEN, p->len - CLEAR_LEN);
}

static enum srtp_result open_counter(const struct srtcp_packet *p)
{
	uint8_t tag[CRYPTO_SHA1_LEN];
	size_t len = p->len - CLEAR_LEN;

	mac(p, tag);
	if (!crypto_equal(tag, srtp_session_tag_at(p->session, p->data + p->len + INDEX_LEN),
		    p->session->suite->rtcp_tag_len))
		return SRTP_AUTH_FAILED;
	return srtp_key_crypt(&p->session->rtcp, p->ssrc, p->index, p->data + CLEAR_LEN, len)
		       ? SRTP_OK
		       : SRTP_NO_CIPHER;
}

static enum srtp_result protect(struct srtp_session *s, uint8_t *data, size_t *len, size_t cap)
{
	struct srtcp_packet p;
	size_t tag_len = s->suite->rtcp_tag_len, extra = INDEX_LEN + tag_len + s->mki_len;
	enum srtp_result r = locate(s, data, *len, &p);

	if (r != SRTP_OK)
		return r;
	if (cap < *len || cap - *len < extra)
		return SRTP_NO_SPACE;
	if (p.stream && p.stream->rtcp.has_any) {
		if (p.stream->rtcp.top == SRTCP_INDEX_MAX)
			return SRTP_KEY_SPENT;
		p.index = (uint32_t)p.stream->rtcp.top + 1;
	}
	r = s->suite->is_aead ? seal_gcm(&p) : seal_counter(&p);
	if (r != SRTP_OK)
		return r;
	memcpy(srtp_session_mki_at(s, data + *len + INDEX_LEN, tag_len), s->mki, s->mki_len);
	settle(&p);
	*len += extra;
	return SRTP_OK;
}

static enum srtp_result unprotect(struct srtp_session *s, uint8_t *data, size_t *len)
{
	struct srtcp_packet p;
	size_t tag_len = s->suite->rtcp_tag_len, extra = INDEX_LEN + tag_len + s->mki_len;

	if (*len < CLEAR_LEN + extra)
		return SRTP_MALFORMED;
	uint8_t *end = data + *len - extra + INDEX_LEN;
	if (memcmp(srtp_session_mki_at(s, end, tag_len), s->mki, s->mki_len) != 0)
		return SRTP_WRONG_MKI;
	enum srtp_result r = locate(s, data, *len - extra, &p);
	if (r != SRTP_OK)
		return r;
	uint32_t word = be32_get(data + p.len + (s->suite->is_aead ? tag_len : 0));
	if (!(word & E_BIT))
		return SRTP_CLEAR;
	p.index = word & ~E_BIT;
	if (p.stream)
		r = srtp_window_check(&p.stream->rtcp, p.index);
	if (r == SRTP_OK)
		r = s->suite->is_aead ? open_gcm(&p) : open_counter(&p);
	if (r != SRTP_OK)
		return r;
	settle(&p);
	*len -= extra;
	return SRTP_OK;
}

enum srtp_result srtp_session_protect_rtcp(
	struct srtp_session *s, uint8_t *packet, size_t *len, size_t cap)
{
	assert(s->direction == SRTP_PROTECT);
	return srtp_session_counted(s, protect(s, packet, len, cap));
}

enum srtp_result srtp_session_unprotect_rtcp(struct srtp_session *s, uint8_t *packet, size_t *len)
{
	assert(s->direction == SRTP_UNPROTECT);
	return srtp_session_counted(s, unprotect(s, packet, len));
}
