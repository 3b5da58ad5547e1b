/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Digest authentication (RFC 7616 and RFC 8760 in SIP; RFC 2617 as RFC 3261 §22 has it): challenges
 * and credentials as slices, the computation as pure functions, nonces that nobody stores.
 */
#ifndef SALLYPORT_SIP_DIGEST_H
#define SALLYPORT_SIP_DIGEST_H

#include <sallyport/crypto.h>
#include <sallyport/sip/names.h>
#include <sallyport/sip/write.h>

enum sip_digest_algorithm {
	SIP_DIGEST_OTHER = 0,
	SIP_DIGEST_MD5, /* also when none is named */
	SIP_DIGEST_MD5_SESS,
	SIP_DIGEST_SHA256,
	SIP_DIGEST_SHA256_SESS,
};

enum sip_qop {
	SIP_QOP_NONE = 0, /* none said: RFC 2069 */
	SIP_QOP_AUTH = 1,
	SIP_QOP_AUTH_INT = 2,
	SIP_QOP_OTHER = 4,
};

/* A value of WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization or
 * Authentication-Info. Slices are the insides of quotes, escapes included; absent: not there. */
struct sip_auth {
	struct sip_str scheme; /* "Digest"; absent in Authentication-Info */
	bool is_digest;
	struct sip_str params; /* of other schemes: as they stand */
	struct sip_str realm, nonce, opaque, uri, username, response, cnonce, nextnonce, rspauth;
	struct sip_str nc; /* eight hexadecimal digits, checked */
	enum sip_digest_algorithm algorithm;
	struct sip_str algorithm_name; /* absent: none */
	unsigned qop;                  /* bits; in credentials one of them */
	bool is_stale, is_userhash;
};
int sip_auth_decode(struct sip_str value, struct sip_auth *out);
int sip_auth_info_decode(struct sip_str value, struct sip_auth *out); /* Authentication-Info */

#define SIP_DIGEST_HEX 65 /* of a digest, with its NUL */

/*
 * H(username ":" realm ":" password), what a server may store in place of a password. Of the -sess
 * ones the same as without. Of an algorithm that we do not have: an empty text.
 */
void sip_digest_secret(enum sip_digest_algorithm alg, struct sip_str username, struct sip_str realm,
	struct sip_str password, char out[SIP_DIGEST_HEX]);

/* What a response is made of (RFC 7616 §3.4). An algorithm or a qop that we do not have makes an
 * empty one, which no check takes. */
struct sip_digest {
	enum sip_digest_algorithm algorithm;
	const char *secret;               /* of sip_digest_secret */
	struct sip_str nonce, cnonce, nc; /* the latter two not for SIP_QOP_NONE */
	enum sip_qop qop;
	struct sip_str method; /* empty for rspauth (RFC 7616 §3.5) */
	struct sip_str uri;
	struct sip_str body; /* for SIP_QOP_AUTH_INT */
};
void sip_digest_response(const struct sip_digest *d, char out[SIP_DIGEST_HEX]);

/*
 * Are these credentials right for METHOD and BODY under SECRET? Constant time in the response. Does
 * not look at nonce, realm, username and nc: who was asked and when is the caller's to check, and
 * so is whether uri= is the Request-URI's.
 */
bool sip_digest_check(
	const struct sip_auth *a, const char *secret, struct sip_str method, struct sip_str body);

/* Writes a challenge with realm, nonce, algorithm, qop="auth" and, if so, stale=true. ID is
 * SIP_HEADER_WWW_AUTHENTICATE or SIP_HEADER_PROXY_AUTHENTICATE. */
void sip_write_challenge(struct sip_writer *w, enum sip_header_id id, struct sip_str realm,
	struct sip_str nonce, enum sip_digest_algorithm alg, bool is_stale);

/* What a client answers a challenge with. */
struct sip_credentials {
	struct sip_str username; /* as it stands within quotes: escapes in it already */
	const char *secret;      /* of the challenge's algorithm and realm */
	struct sip_str cnonce;   /* fresh; hexadecimal or another token without quotes */
	uint32_t nc;             /* how often this nonce was used, this time included */
	struct sip_str method, uri, body;
};
/*
 * The answer to CHALLENGE, which names Digest, realm, nonce and an algorithm that we have: else the
 * writer fails. Takes auth where that is offered, else auth-int. ID is Authorization or
 * Proxy-Authorization.
 */
void sip_write_credentials(struct sip_writer *w, enum sip_header_id id,
	const struct sip_auth *challenge, const struct sip_credentials *c);

/* ---- a client that is challenged (RFC 3261 §22.2, §22.3; RFC 7616 §3.6) ---- */

/* Texts as people write them, without quotes and backslashes in the name. Not owned. */
struct sip_account {
	const char *username;
	const char *password;
};

/* What a challenger has said, kept for the requests that follow. A longer value is one that we
 * cannot answer. */
struct sip_auth_session {
	enum sip_digest_algorithm algorithm; /* OTHER: nothing is known */
	unsigned qop;
	bool has_algorithm, has_opaque;
	uint32_t nc; /* requests that have borne it */
	char realm[128], nonce[512], opaque[256], cnonce[33];
};
/* Of a server and of the proxy before it. Plain data; all zero: nobody has asked yet. */
struct sip_auth_sessions {
	struct sip_auth_session server, proxy;
};

/*
 * Takes the challenge of M, a 401 or 407: the first that we can answer (RFC 8760 §2.4). 0: the
 * request, as a new one with the next CSeq, may be accepted with what sip_write_auth writes.
 * ERR_UNSUPPORTED: no challenge that we can answer. ERR_DENIED: that nonce has been answered, so
 * what is wrong is the account. Some servers have a new nonce each time, so the caller answers at
 * most SIP_AUTH_TRIES challenges for one request of his.
 */
#define SIP_AUTH_TRIES 3
int sip_auth_take(struct sip_auth_sessions *s, const struct sip_msg *m);
/*
 * Writes what the next request must bear: Authorization, Proxy-Authorization, both or nothing. Not
 * for ACK and CANCEL, which cannot be challenged and repeat what their INVITE had (RFC 3261 §22.1).
 */
void sip_write_auth(struct sip_writer *w, struct sip_auth_sessions *s, const struct sip_account *a,
	struct sip_str method, struct sip_str uri, struct sip_str body);

/* ---- nonces ---- */

/*
 * A nonce says when it was made and proves who made it: base64url of the time (32 bits), of 32 bits
 * that the caller chooses, so that two in one second differ, and of 128 bits of an HMAC over both
 * and BOUND, what it is good for (an address, a connection, a realm).
 */
#define SIP_NONCE_LEN 32
void sip_nonce_make(const struct crypto_hmac_key *k, uint64_t now_s, uint32_t number,
	struct bytes bound, char out[SIP_NONCE_LEN + 1]);
enum sip_nonce {
	SIP_NONCE_FORGED, /* or of another key, or bound to something else */
	SIP_NONCE_STALE,  /* ours, older than LIFETIME_S: challenge with stale=true */
	SIP_NONCE_FRESH,
};
enum sip_nonce sip_nonce_check(const struct crypto_hmac_key *k, uint64_t now_s, uint32_t lifetime_s,
	struct bytes bound, struct sip_str nonce);

#endif
