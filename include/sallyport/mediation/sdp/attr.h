/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attributes of a session description: which they are, and the values of those that we act on. An
 * attribute that is not known here is walked like any other and can be copied as it is.
 *
 * Decoders take the value behind the colon. Each returns 0, or ERR_MALFORMED when it breaks its
 * definition; OUT is written on success only. Slices point into the value.
 */
#ifndef SALLYPORT_MEDIATION_SDP_ATTR_H
#define SALLYPORT_MEDIATION_SDP_ATTR_H

#include <sallyport/mediation/sdp.h>

enum sdp_attr_id {
	SDP_ATTR_OTHER,
	SDP_ATTR_CANDIDATE,
	SDP_ATTR_CONNECTION,
	SDP_ATTR_CRYPTO,
	SDP_ATTR_END_OF_CANDIDATES,
	SDP_ATTR_EXTMAP,
	SDP_ATTR_FINGERPRINT,
	SDP_ATTR_FMTP,
	SDP_ATTR_GROUP,
	SDP_ATTR_ICE_LITE,
	SDP_ATTR_ICE_OPTIONS,
	SDP_ATTR_ICE_PWD,
	SDP_ATTR_ICE_UFRAG,
	SDP_ATTR_INACTIVE,
	SDP_ATTR_LABEL,
	SDP_ATTR_MAXPTIME,
	SDP_ATTR_MID,
	SDP_ATTR_PTIME,
	SDP_ATTR_RECVONLY,
	SDP_ATTR_RTCP,
	SDP_ATTR_RTCP_FB,
	SDP_ATTR_RTCP_MUX,
	SDP_ATTR_RTPMAP,
	SDP_ATTR_SENDONLY,
	SDP_ATTR_SENDRECV,
	SDP_ATTR_SETUP,
	SDP_ATTR_SSRC,
};

struct sdp_attr {
	enum sdp_attr_id id;
	struct bytes name;
	struct bytes value; /* behind the colon; empty when there is none */
};

/* The next attribute of a section; *OFFSET begins at 0. */
bool sdp_attr_next(struct bytes lines, size_t *offset, struct sdp_attr *out);
/* The next one with this id, which is not SDP_ATTR_OTHER. */
bool sdp_attr_seek(struct bytes lines, size_t *offset, enum sdp_attr_id id, struct sdp_attr *out);
/* The first one with this id. */
bool sdp_attr_find(struct bytes lines, enum sdp_attr_id id, struct sdp_attr *out);
/* The one of M, or else of the session. */
bool sdp_attr_inherit(
	const struct sdp *s, const struct sdp_media *m, enum sdp_attr_id id, struct sdp_attr *out);

/* ---- formats (RFC 8866 §6.6, §6.15, §6.4) ---- */

struct sdp_rtpmap {
	uint8_t payload;   /* 0..127 */
	struct bytes name; /* compared without case */
	uint32_t clock_hz;
	uint8_t channels; /* 1 when not said */
};
int sdp_rtpmap_decode(struct bytes value, struct sdp_rtpmap *out);

struct sdp_fmtp {
	struct bytes format;
	struct bytes parameters;
};
int sdp_fmtp_decode(struct bytes value, struct sdp_fmtp *out);

/* ptime and maxptime: whole milliseconds, rounded down, 1..65535. */
int sdp_ptime_decode(struct bytes value, uint16_t *ms);

/* ---- RTCP (RFC 3605, RFC 4585, RFC 5576) ---- */

struct sdp_rtcp {
	uint16_t port;
	bool has_connection;
	struct sdp_connection connection;
};
int sdp_rtcp_decode(struct bytes value, struct sdp_rtcp *out);

struct sdp_rtcp_fb {
	bool is_for_all; /* "*" */
	uint8_t payload;
	struct bytes feedback; /* "nack pli" */
};
int sdp_rtcp_fb_decode(struct bytes value, struct sdp_rtcp_fb *out);

struct sdp_ssrc {
	uint32_t ssrc;
	struct bytes name;  /* of the source's attribute: "cname" */
	struct bytes value; /* behind its colon */
};
int sdp_ssrc_decode(struct bytes value, struct sdp_ssrc *out);

/* ---- grouping and header extensions (RFC 5888, RFC 8285) ---- */

struct sdp_group {
	struct bytes semantics; /* "BUNDLE" */
	struct bytes mids;      /* words */
};
int sdp_group_decode(struct bytes value, struct sdp_group *out);
/* mid, label: one token. */
int sdp_token_decode(struct bytes value, struct bytes *out);

struct sdp_extmap {
	uint16_t id; /* 1..14, 1..255, 4096..4351 */
	enum sdp_direction direction;
	struct bytes uri;
	struct bytes attributes;
};
int sdp_extmap_decode(struct bytes value, struct sdp_extmap *out);

/* ---- SDES (RFC 4568), with the suites of RFC 6188 and RFC 7714 ---- */

enum sdp_suite {
	SDP_AES_CM_128_HMAC_SHA1_80,
	SDP_AES_CM_128_HMAC_SHA1_32,
	SDP_AES_256_CM_HMAC_SHA1_80,
	SDP_AES_256_CM_HMAC_SHA1_32,
	SDP_AEAD_AES_128_GCM,
	SDP_AEAD_AES_256_GCM,
	SDP_SUITES,
};
/* As it is called in SDP, and how long its master key and salt are together. */
#define SDP_KEY_MAX 46
const char *sdp_suite_name(enum sdp_suite s);
size_t sdp_suite_key_len(enum sdp_suite s);

/* What packets say the key is called. */
#define SDP_MKI_MAX 8
struct sdp_mki {
	uint64_t value;
	uint8_t len; /* bytes in a packet; 0: packets have none */
};

struct sdp_crypto {
	uint32_t tag;
	enum sdp_suite suite;
	uint8_t key[SDP_KEY_MAX]; /* master key, then salt: sdp_suite_key_len bytes. A secret */
	uint64_t lifetime;        /* packets; 0: not said */
	struct sdp_mki mki;
	bool is_plain; /* a session parameter asks for no encryption, no authentication, or FEC */
};
/*
 * ERR_UNSUPPORTED for a suite or key method we do not have, for several keys, for a key derivation
 * rate other than 0, for an MKI over 8 bytes, and for session parameters that are not known and not
 * optional.
 */
int sdp_crypto_decode(struct bytes value, struct sdp_crypto *out);
/* The line that is read as C; without is_plain. A lifetime of 0 is not said. */
void sdp_write_crypto(struct sdp_writer *w, const struct sdp_crypto *c);

/* ---- DTLS (RFC 8122, RFC 4145) ---- */

struct sdp_fingerprint {
	struct bytes hash; /* "sha-256" */
	uint8_t digest[64];
	size_t digest_len;
};
int sdp_fingerprint_decode(struct bytes value, struct sdp_fingerprint *out);

enum sdp_setup {
	SDP_SETUP_ACTIVE,
	SDP_SETUP_PASSIVE,
	SDP_SETUP_ACTPASS,
	SDP_SETUP_HOLDCONN,
};
int sdp_setup_decode(struct bytes value, enum sdp_setup *out);
/* connection: "new" or "existing". */
int sdp_connection_is_new(struct bytes value, bool *out);

/* ---- ICE (RFC 8839) ---- */

enum sdp_candidate_type {
	SDP_CANDIDATE_HOST,
	SDP_CANDIDATE_SRFLX,
	SDP_CANDIDATE_PRFLX,
	SDP_CANDIDATE_RELAY,
	SDP_CANDIDATE_OTHER,
};
struct sdp_candidate {
	struct bytes foundation; /* 1..32 */
	uint16_t component;      /* 1..256 */
	struct bytes transport;  /* "udp", "TCP" */
	uint32_t priority;
	struct bytes host; /* as written: may be a name (mDNS) */
	struct addr addr;  /* ADDR_NONE when it is one */
	uint16_t port;
	enum sdp_candidate_type type;
	struct bytes type_name;
	struct addr related;     /* raddr, rport; ADDR_NONE when not said */
	struct bytes extensions; /* what follows, in pairs of words */
};
int sdp_candidate_decode(struct bytes value, struct sdp_candidate *out);
/* ice-ufrag: 4..256 characters, ice-pwd: 22..256, of those that ICE has. */
int sdp_ice_ufrag_decode(struct bytes value, struct bytes *out);
int sdp_ice_pwd_decode(struct bytes value, struct bytes *out);

#endif
