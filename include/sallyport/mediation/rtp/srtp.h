/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRTP and SRTCP (RFC 3711), with AES-GCM (RFC 7714) and AES-256 counter mode (RFC 6188). Master
 * keys are derived from once (key derivation rate 0), SRTCP is encrypted.
 */
#ifndef SALLYPORT_MEDIATION_RTP_SRTP_H
#define SALLYPORT_MEDIATION_RTP_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

enum srtp_suite {
	SRTP_AES_CM_128_HMAC_SHA1_80,
	SRTP_AES_CM_128_HMAC_SHA1_32, /* SRTCP has a tag of 80 bits here too */
	SRTP_AES_256_CM_HMAC_SHA1_80,
	SRTP_AES_256_CM_HMAC_SHA1_32,
	SRTP_AEAD_AES_128_GCM,
	SRTP_AEAD_AES_256_GCM,
	SRTP_SUITES,
};

/* As SDP calls it (RFC 4568 §6.2, RFC 6188 §3, RFC 7714 §14.2). */
const char *srtp_suite_name(enum srtp_suite s);
/* ERR_NOT_FOUND. */
int srtp_suite_parse(struct bytes name, enum srtp_suite *out);
/* Master key and master salt, one behind the other. */
#define SRTP_MASTER_MAX 46
size_t srtp_master_len(enum srtp_suite s);

/*
 * What packets say their master key is called (RFC 3711 §3.1), where the peers have agreed to that.
 * A session has one key, so that it must be this one: it is not authenticated, and nothing depends
 * on it but that a packet under another is dropped.
 */
#define SRTP_MKI_MAX 8
struct srtp_mki {
	uint64_t value;
	uint8_t len; /* bytes in a packet, SRTP_MKI_MAX at most; 0: packets have none */
};

/* How much longer a packet gets. */
#define SRTP_OVERHEAD  (16 + SRTP_MKI_MAX)
#define SRTCP_OVERHEAD (20 + SRTP_MKI_MAX)

enum srtp_direction {
	SRTP_PROTECT,
	SRTP_UNPROTECT
};

struct srtp_config {
	enum srtp_suite suite;
	enum srtp_direction direction;
	struct bytes master; /* srtp_master_len(suite) bytes; not kept */
	/* The key is good for so many packets, of SRTP and of SRTCP; 0: for what the suite allows,
	 * 2^48 and 2^31, which is never passed. */
	uint64_t lifetime;
};

enum srtp_result {
	SRTP_OK,
	SRTP_MALFORMED, /* too short for what it must hold, or no RTP, no RTCP */
	SRTP_NO_SPACE,
	SRTP_AUTH_FAILED,
	SRTP_REPLAYED,
	SRTP_TOO_OLD,   /* behind the replay window, or of a source that has made room */
	SRTP_CLEAR,     /* marked as not encrypted, which nobody has agreed to */
	SRTP_STREAMS,   /* a source more than there may be */
	SRTP_KEY_SPENT, /* its lifetime has passed */
	SRTP_NO_CIPHER, /* OpenSSL refuses its work */
	SRTP_WRONG_MKI,
	SRTP_RESULTS,
};
const char *srtp_result_text(enum srtp_result r);

/* Sources of one session. Of those that send to us, the one that has been quiet for longest makes
 * room for a new one, and nothing of it is taken any more: its replay list is gone, and the key is
 * not. Phones take another source at each hold. */
#define SRTP_STREAMS_MAX 16
#define SRTP_RETIRED_MAX 112 /* that have made room, under one key */
/* Packets that may come late (RFC 3711 §3.3.2 asks for 64). */
#define SRTP_WINDOW 128

/*
 * One direction of one leg: everything that one master key protects. Owned by its creator, of one
 * thread. Creating and destroying uses the heap, protecting does not.
 */
struct srtp_session; /* opaque */

/* ERR_BAD_KEY (length of the master key), -ENOMEM, ERR_UNSUPPORTED (OpenSSL lacks a cipher). */
int srtp_session_create(const struct srtp_config *c, struct srtp_session **out);
void srtp_session_destroy(struct srtp_session *s); /* wipes it; NULL is fine */
/* Another lifetime than the configuration's; what the key has protected already counts. A session
 * that were made anew for it would use the key's numbers twice. */
void srtp_session_lifetime_set(struct srtp_session *s, uint64_t lifetime);
/* From now on packets have MKI; at first they have none. */
void srtp_session_mki_set(struct srtp_session *s, struct srtp_mki mki);

/*
 * In place. *LEN is the packet's length before and after, CAP what there is room for: to protect
 * takes up to SRTP_OVERHEAD or SRTCP_OVERHEAD bytes more. On failure *LEN is unchanged, but the
 * packet's bytes may mean nothing any more. A source gets its state when its first packet has
 * passed, never by one that has not.
 */
enum srtp_result srtp_session_protect(
	struct srtp_session *s, uint8_t *packet, size_t *len, size_t cap);
enum srtp_result srtp_session_unprotect(struct srtp_session *s, uint8_t *packet, size_t *len);
enum srtp_result srtp_session_protect_rtcp(
	struct srtp_session *s, uint8_t *packet, size_t *len, size_t cap);
enum srtp_result srtp_session_unprotect_rtcp(struct srtp_session *s, uint8_t *packet, size_t *len);

/* How often R has been the result. */
uint64_t srtp_session_count(const struct srtp_session *s, enum srtp_result r);

/* What protects is done with SSRC, which must not come again under this key: there is room for
 * another one. Without effect on one that it has not. */
void srtp_session_leave(struct srtp_session *s, uint32_t ssrc);

/* How often SSRC's sequence number has gone round, for one that begins in the middle. SRTP_STREAMS,
 * or SRTP_OK. */
enum srtp_result srtp_session_rollover_set(struct srtp_session *s, uint32_t ssrc, uint32_t roc);
/* False: no such source. */
bool srtp_session_rollover(const struct srtp_session *s, uint32_t ssrc, uint32_t *roc);

#endif
