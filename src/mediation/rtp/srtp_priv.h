/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of SRTP share: session keys, the sources of a session, their replay lists. */
#ifndef SALLYPORT_RTP_SRTP_PRIV_H
#define SALLYPORT_RTP_SRTP_PRIV_H

#include <openssl/evp.h>
#include <sallyport/crypto.h>
#include <sallyport/mediation/rtp/srtp.h>

#define SRTP_SALT_LEN 14 /* of counter mode; GCM has 12 and two zeros */
#define SRTP_TAG_MAX  16

struct srtp_suite_row {
	const char *name;
	uint8_t key_len, salt_len;
	bool is_aead;
	uint8_t rtp_tag_len, rtcp_tag_len;
};
const struct srtp_suite_row *srtp_suite_row(enum srtp_suite s);

/* ---- session keys, of SRTP or of SRTCP ---- */

struct srtp_key {
	EVP_CIPHER_CTX *cipher; /* owned */
	uint8_t salt[SRTP_SALT_LEN];
	struct crypto_hmac_key hmac; /* not of an AEAD */
};

/* LABEL is the first of three (RFC 3711 §4.3.2). -ENOMEM, ERR_UNSUPPORTED; K may be ended then. */
int srtp_key_init(struct srtp_key *k, const struct srtp_config *c, uint8_t label);
void srtp_key_fini(struct srtp_key *k);
#define SRTP_LABEL_RTP  0
#define SRTP_LABEL_RTCP 3

/* Counter mode under INDEX (RFC 3711 §4.1.1), both ways. False: OpenSSL refuses. */
bool srtp_key_crypt(struct srtp_key *k, uint32_t ssrc, uint64_t index, uint8_t *data, size_t len);
/* HMAC of PARTS, cut to TAG_LEN bytes by whoever compares. */
void srtp_key_mac(const struct srtp_key *k, const struct bytes parts[2], uint8_t out[20]);

/*
 * GCM with AD in two parts, in place. IV is what is added to the salt (RFC 7714 §8.1, §9.1).
 * Sealing writes the tag behind DATA; opening reads it there.
 */
bool srtp_key_seal(struct srtp_key *k, const uint8_t iv[12], const struct bytes ad[2],
	uint8_t *data, size_t len);
enum srtp_result srtp_key_open(struct srtp_key *k, const uint8_t iv[12], const struct bytes ad[2],
	uint8_t *data, size_t len);

/* ---- which packets have passed ---- */

struct srtp_window {
	uint64_t top;     /* highest index that has passed; its upper part is good without one */
	uint64_t seen[2]; /* bit N of both: top - N has passed */
	bool has_any;
};
enum srtp_result srtp_window_check(const struct srtp_window *w, uint64_t index);
void srtp_window_add(struct srtp_window *w, uint64_t index);
/* The index that a sequence number most likely means (RFC 3711 §3.3.1). */
uint64_t srtp_window_estimate(const struct srtp_window *w, uint16_t sequence);

#define SRTP_INDEX_MAX  (((uint64_t)1 << 48) - 1)
#define SRTCP_INDEX_MAX (((uint64_t)1 << 31) - 1)

/* ---- a session ---- */

struct srtp_stream {
	uint32_t ssrc;
	uint64_t last; /* when it was heard, counted in good packets */
	struct srtp_window rtp, rtcp;
};

/* How many packets the key has protected, and how many it may. */
struct srtp_lifetime {
	uint64_t used, max;
};

struct srtp_session {
	const struct srtp_suite_row *suite;
	enum srtp_direction direction;
	unsigned n_streams;
	uint8_t mki_len;
	uint8_t mki[SRTP_MKI_MAX];
	struct srtp_key rtp, rtcp;
	struct srtp_lifetime rtp_life, rtcp_life;
	uint64_t counts[SRTP_RESULTS];
	uint64_t n_good;
	struct srtp_stream streams[SRTP_STREAMS_MAX];
	unsigned n_retired;
	uint32_t retired[SRTP_RETIRED_MAX];
};

/* NULL: there is none yet. */
struct srtp_stream *srtp_stream_find(struct srtp_session *s, uint32_t ssrc);
/* A packet of SSRC has passed, whose stream is ST (NULL: a new one, for which srtp_session_admit
 * has found room). */
struct srtp_stream *srtp_stream_heard(
	struct srtp_session *s, struct srtp_stream *st, uint32_t ssrc);
/* May a packet of SSRC, whose stream is ST (NULL: a new one), be worked on? */
enum srtp_result srtp_session_admit(const struct srtp_session *s, const struct srtp_stream *st,
	uint32_t ssrc, const struct srtp_lifetime *life);
enum srtp_result srtp_session_counted(struct srtp_session *s, enum srtp_result r);
/* The MKI of a packet whose other parts end at END, and whose tag has TAG_LEN bytes: in front of
 * the tag of HMAC; behind that of an AEAD, which is a part of the ciphertext (RFC 7714 §8.2). */
uint8_t *srtp_session_mki_at(const struct srtp_session *s, uint8_t *end, size_t tag_len);
/* Where the tag of HMAC begins. */
static inline uint8_t *srtp_session_tag_at(const struct srtp_session *s, uint8_t *end)
{
	return end + s->mki_len;
}

#endif
