/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * auth: credentials that any holder of the pool's key can mint and check alone; nonces that store
 * nothing; revocations. docs/credentials.md has the formats and the test vectors.
 *
 * A snapshot is immutable once created. Any thread may hold one; the count is the only thing in
 * it that changes.
 */
#ifndef SALLYPORT_AUTH_H
#define SALLYPORT_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/stun.h>

/* ---- claims of an m1 credential ---- */

enum auth_location {
	AUTH_INTERNET = 1,
	AUTH_INTRANET = 2
}; /* bits; 0 = any */
enum auth_transport {
	AUTH_UDP = 1,
	AUTH_TCP = 2,
	AUTH_TLS = 4,
	AUTH_DTLS = 8
}; /* bits; 0 = any */
/* Of one bit, as users meet it: "udp", "tcp", "tls", "dtls". */
const char *auth_transport_name(enum auth_transport t);
enum auth_flag {
	AUTH_NO_IPV6 = 1,
	AUTH_TCP_RELAY = 2
};

#define AUTH_SUBJECT_LEN 16
#define AUTH_JTI_LEN     8
#define AUTH_KID_LEN     8 /* hex digits */

struct auth_claims {
	uint8_t locations;        /* enum auth_location bits */
	uint8_t transports;       /* enum auth_transport bits */
	uint8_t flags;            /* enum auth_flag bits */
	uint16_t max_allocations; /* 0 = the node's default */
	uint32_t kbps;            /* per allocation; 0 = the node's default */
	uint64_t relays;          /* bitmap of pool member numbers 0..63; all ones = any */
	uint8_t subject[AUTH_SUBJECT_LEN];
	uint8_t jti[AUTH_JTI_LEN];
};

/* ---- snapshot ---- */

/*
 * Where a key comes from: exactly one of SECRET_FILE and DERIVE_FROM_KEY (PEM) is set. A secret
 * file holds 32 to 4096 bytes, all of which count, and only its owner may have access. Of keys with
 * one sign_from, the first listed is the newest.
 */
struct auth_key_config {
	const char *secret_file;
	const char *derive_from_key;
	uint64_t sign_from;    /* Unix seconds; 0 = since ever */
	uint64_t verify_until; /* Unix seconds; 0 = no end */
};

enum auth_revocation_kind {
	AUTH_REVOKE_JTI,
	AUTH_REVOKE_SUBJECT,
	AUTH_REVOKE_KID
};
struct auth_revocation {
	enum auth_revocation_kind kind;
	uint8_t id[AUTH_SUBJECT_LEN]; /* jti: 8 bytes; subject: 16; kid: 8 hex digits as text */
	uint64_t until_s;             /* in force up to this time and the clock skew */
};

/*
 * Third-party authorization (RFC 7635): a key that an authorization server seals access tokens with
 * for this server. Clients give its KID as their username.
 */
#define AUTH_TOKEN_KEYS_MAX   16
#define AUTH_TOKEN_KID_MAX    127
#define AUTH_TOKEN_SERVER_MAX 255
struct auth_token_key {
	char kid[AUTH_TOKEN_KID_MAX + 1];
	enum crypto_aead algorithm;
	uint8_t key[CRYPTO_AEAD_KEY_MAX]; /* crypto_aead_key_len of them count */
	uint64_t verify_until;            /* Unix seconds; 0 = no end */
};

#define AUTH_KEYS_MAX         16
#define AUTH_REST_SECRETS_MAX 16
#define AUTH_REALM_MAX        127
struct auth_config {
	const char *realm;
	const struct auth_key_config *keys; /* 1..AUTH_KEYS_MAX */
	size_t n_keys;
	bool turn_rest;                  /* accept "EXP:name" credentials */
	const char *const *rest_secrets; /* further shared secrets for that form (coturn's
					    static-auth-secret) */
	size_t n_rest_secrets;
	uint64_t nonce_lifetime_s; /* 600 */
	uint64_t clock_skew_s;     /* 30: an expiry this far in the past still counts */
	uint64_t session_grace_s;  /* 86400: running allocations may be refreshed this long after
				      expiry */
	bool sha256;               /* offer PASSWORD-ALGORITHMS */
	unsigned node;             /* this pool member's number, 0..63 */
	const struct auth_revocation *revocations;
	size_t n_revocations;
	const struct auth_token_key *token_keys; /* copied; at most AUTH_TOKEN_KEYS_MAX */
	size_t n_token_keys;
	const char *token_server; /* this server's name in tokens; NULL: the realm */
};

struct auth_snapshot; /* opaque, counted */

/*
 * Reads the key files and derives every key. WHY gets one sentence naming the file. Returns with a
 * count of 1, or -errno, ERR_BAD_KEY, ERR_EXISTS (two entries with one key), ERR_CONFIG.
 */
int auth_snapshot_create(
	const struct auth_config *c, struct auth_snapshot **out, char why[CRYPTO_WHY_LEN]);
/* The same keys and options with other revocations (sorted and deduplicated inside). */
int auth_snapshot_with_revocations(const struct auth_snapshot *from,
	const struct auth_revocation *r, size_t n, struct auth_snapshot **out);
struct auth_snapshot *auth_snapshot_get(struct auth_snapshot *s);
void auth_snapshot_put(struct auth_snapshot *s); /* NULL is fine; the last one wipes the keys */

const char *auth_snapshot_realm(const struct auth_snapshot *s);
bool auth_snapshot_sha256(const struct auth_snapshot *s);
/* The name that clients are to ask for tokens with; NULL when there are no keys to check any. */
const char *auth_snapshot_token_server(const struct auth_snapshot *s);

/* Key ids for people and for GET /mras/v1/keys; never the secrets. False behind the last one. */
struct auth_key_info {
	char kid[AUTH_KID_LEN + 1];
	uint64_t sign_from, verify_until;
	bool is_signing; /* the one that signs at NOW_S */
};
bool auth_snapshot_key(
	const struct auth_snapshot *s, size_t i, uint64_t now_s, struct auth_key_info *out);
/* The revocations it holds, each once, those past their time included. False behind the last one.
 */
bool auth_snapshot_revocation(const struct auth_snapshot *s, size_t i, struct auth_revocation *out);

/* ---- minting ---- */

#define AUTH_USERNAME_MAX 256
#define AUTH_PASSWORD_MAX 64
struct auth_credential {
	char username[AUTH_USERNAME_MAX];
	char password[AUTH_PASSWORD_MAX]; /* wipe with crypto_wipe after use */
	char kid[AUTH_KID_LEN + 1];
	uint64_t expires_s;
};

/* Pseudonym of IDENTITY under the key that signs at NOW_S. ERR_NOT_FOUND when none does. */
int auth_subject(const struct auth_snapshot *s, uint64_t now_s, struct bytes identity,
	uint8_t out[AUTH_SUBJECT_LEN]);
/* Mints "EXP:m1.KID.claims" with the key that signs at NOW_S; the caller has filled in a random
 * jti. ERR_NOT_FOUND when no key signs, ERR_UNSUPPORTED for claim bits that no check would pass. */
int auth_mint_m1(const struct auth_snapshot *s, uint64_t now_s, uint64_t expires_s,
	const struct auth_claims *claims, struct auth_credential *out);
/* Mints "EXP:NAME" (TURN REST). ERR_UNSUPPORTED when the form is off, ERR_TOO_LARGE for a name that
 * does not fit, ERR_MALFORMED for one that is empty or would be taken for the m1 form,
 * ERR_NOT_FOUND when no key signs. */
int auth_mint_rest(const struct auth_snapshot *s, uint64_t now_s, uint64_t expires_s,
	struct bytes name, struct auth_credential *out);

/* ---- checking ---- */

enum auth_form {
	AUTH_FORM_M1,
	AUTH_FORM_REST,
	AUTH_FORM_TOKEN /* RFC 7635 */
};

struct auth_grant {
	enum auth_form form;
	/* REST form: all zero, relays all ones, subject = first 16 bytes of the SHA-256 of the
	 * name behind the colon; token form: the same of the username, a NUL and the token. */
	struct auth_claims claims;
	uint64_t expires_s;          /* of the credential */
	uint64_t refresh_until_s;    /* expires + session_grace */
	struct stun_key key;         /* what later requests on this 5-tuple are checked with */
	struct crypto_hmac_key hmac; /* KEY, prepared for the query's integrity */
	char kid[AUTH_KID_LEN + 1];  /* "" for a further shared secret and for a token */
};

/* Why a check failed; for counters and the log, never told to the client beyond the code. */
enum auth_reason {
	AUTH_OK,
	AUTH_BAD_FORM,        /* 401: not a username of ours */
	AUTH_EXPIRED,         /* 401 */
	AUTH_UNKNOWN_KEY,     /* 401: no such kid, or outside its window */
	AUTH_BAD_INTEGRITY,   /* 401: wrong password */
	AUTH_REVOKED,         /* 401 */
	AUTH_BAD_TOKEN,       /* 401: not sealed with our key for our name, or not a token */
	AUTH_WRONG_LOCATION,  /* 403 */
	AUTH_WRONG_TRANSPORT, /* 403 */
	AUTH_WRONG_RELAY,     /* 403 */
	AUTH_REASON_COUNT,
};
const char *auth_reason_text(enum auth_reason r); /* "bad_integrity" */

struct auth_query {
	const struct stun_msg *msg;             /* carries the integrity to check */
	enum crypto_hash integrity;             /* which of the two attributes */
	enum stun_password_algorithm algorithm; /* of the key */
	struct bytes username;                  /* bytes, never a C string */
	const char *realm; /* the client was told, and has in its key; NULL: the snapshot's */
	bool has_token;    /* an ACCESS-TOKEN is there, and this server takes tokens */
	struct bytes token;
	enum auth_location location;   /* of the listener */
	enum auth_transport transport; /* the client's */
	bool is_running; /* for an allocation that runs: good until the session grace is over */
	uint64_t now_s;
};

/*
 * Checks an Allocate: form, expiry, key, password, integrity, revocation, location, transport,
 * relay, in this order. One HMAC chain for m1; the REST form has no key id and tries the ring's
 * newest first, then the further secrets. Any thread; no heap.
 *
 * A query with a token is checked by that instead: key, seal, time, integrity, revocation.
 *
 * *OUT is written when the password was right and not revoked: on AUTH_OK, and on the AUTH_WRONG_*
 * reasons, whose 403 is signed with OUT->key as every answer to an authenticated request is
 * (RFC 8489 §9.2.4).
 */
enum auth_reason auth_check(
	const struct auth_snapshot *s, const struct auth_query *q, struct auth_grant *out);
void auth_grant_wipe(struct auth_grant *g); /* its keys */
/* The key id in a username of the m1 form, whether or not any key has it; false for other names. */
bool auth_username_kid(struct bytes username, char kid[AUTH_KID_LEN + 1]);
/*
 * What a username says, and whether a password for it would be accepted at NOW_S: the steps of
 * auth_check that need no message and no listener. *OUT is written, without keys, unless the
 * reason is AUTH_BAD_FORM.
 */
enum auth_reason auth_explain(const struct auth_snapshot *s, struct bytes username, uint64_t now_s,
	struct auth_grant *out);
/* STUN error code of a reason: 401 or 403, 0 for AUTH_OK. */
unsigned auth_reason_code(enum auth_reason r);

/* Is a grant given earlier now revoked (by jti, subject or kid)? A jti of zeros is none. */
bool auth_grant_is_revoked(const struct auth_snapshot *s, const uint8_t subject[AUTH_SUBJECT_LEN],
	const uint8_t jti[AUTH_JTI_LEN], const char *kid, uint64_t now_s);

/* ---- access tokens (RFC 7635 §6.2) ---- */

#define AUTH_TOKEN_MAC_KEY_MIN 20 /* that of HMAC-SHA1; STUN_KEY_MAX is the longest */
struct auth_token {
	struct stun_key key; /* what the holder's messages are signed with */
	uint64_t made_s;     /* Unix seconds, of 48 bits */
	uint32_t lifetime_s;
};
/* Opens TOKEN, sealed for SERVER with KEY. ERR_MALFORMED, ERR_BAD_KEY (any of the three is another
 * one, or the token was changed). No state; any thread. */
int auth_token_decode(enum crypto_aead a, const uint8_t *key, struct bytes server,
	struct bytes token, struct auth_token *out);

/* ---- nonces: time and client address under the pool's nonce key; nothing is stored ---- */

#define AUTH_NONCE_LEN (STUN_NONCE_COOKIE_LEN + 22)
/* Bound to the client's IP address (not its port), so that a client's next socket need not be
 * challenged again. */
void auth_nonce_make(const struct auth_snapshot *s, const struct addr *client, uint64_t now_s,
	char out[AUTH_NONCE_LEN + 1]);
/* True when a pool member with our keys and our offer of algorithms made it for this address within
 * the lifetime. */
bool auth_nonce_check(const struct auth_snapshot *s, const struct addr *client, uint64_t now_s,
	struct bytes nonce);

#endif
