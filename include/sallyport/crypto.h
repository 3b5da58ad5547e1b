/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto: digests, HMAC, HKDF, random numbers, private keys and TLS contexts, over OpenSSL.
 *
 * The digests keep their state in the caller's struct and never touch the heap, so that an HMAC
 * costs its compression rounds and nothing else (docs/decisions/).
 */
#ifndef SALLYPORT_CRYPTO_H
#define SALLYPORT_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

enum crypto_hash {
	CRYPTO_MD5,
	CRYPTO_SHA1,
	CRYPTO_SHA256
};

#define CRYPTO_MD5_LEN    16
#define CRYPTO_SHA1_LEN   20
#define CRYPTO_SHA256_LEN 32
#define CRYPTO_HASH_MAX   32

size_t crypto_hash_len(enum crypto_hash h);

/* Digest of PARTS one after the other. OUT holds crypto_hash_len(h). */
void crypto_digest(enum crypto_hash h, const struct bytes *parts, size_t n_parts, uint8_t *out);

/* HMAC (RFC 2104) with the key schedule done once. Plain data; wipe it after use. MD5 is refused by
 * assert. */
struct crypto_hmac_key {
	enum crypto_hash hash;
	_Alignas(8) uint8_t inner[128]; /* digest state after the inner pad */
	_Alignas(8) uint8_t outer[128];
};
void crypto_hmac_key_init(
	struct crypto_hmac_key *k, enum crypto_hash h, const void *key, size_t len);
void crypto_hmac(
	const struct crypto_hmac_key *k, const struct bytes *parts, size_t n_parts, uint8_t *out);

/* RFC 5869 with SHA-256. PRK is 32 bytes; OUT_LEN at most 255 * 32 (asserted). */
void crypto_hkdf_extract(
	const void *salt, size_t salt_len, const void *ikm, size_t ikm_len, uint8_t prk[32]);
void crypto_hkdf_expand(const uint8_t prk[32], const char *info, uint8_t *out, size_t out_len);

/* AES-GCM with a nonce of 96 bits and a tag of 128 (RFC 5116 §5.1, §5.2). */
enum crypto_aead {
	CRYPTO_AES_128_GCM,
	CRYPTO_AES_256_GCM
};
#define CRYPTO_AEAD_KEY_MAX   32
#define CRYPTO_AEAD_NONCE_LEN 12
#define CRYPTO_AEAD_TAG_LEN   16
#define CRYPTO_AEAD_TEXT_MAX  65535
size_t crypto_aead_key_len(enum crypto_aead a);
/*
 * SEALED is the ciphertext with the tag behind it; the text goes to OUT, which has room for it.
 * Both SEALED (with a tag at least) and AD are at most CRYPTO_AEAD_TEXT_MAX bytes, asserted. False:
 * it is not what was sealed, or memory is short; OUT is wiped.
 */
bool crypto_aead_open(enum crypto_aead a, const uint8_t *key,
	const uint8_t nonce[CRYPTO_AEAD_NONCE_LEN], struct bytes ad, struct bytes sealed,
	uint8_t *out);

/* Constant time in LEN. */
bool crypto_equal(const void *a, const void *b, size_t len);
void crypto_wipe(void *p, size_t len);
/* P is of LEN bytes, from malloc, or NULL. */
void crypto_wipe_free(void *p, size_t len);

/* From the CSPRNG. Ends the process if it fails: nothing safe can be done without it. Any thread.
 */
void crypto_random(void *out, size_t len);
/* Uniform in [0, bound), bound > 0. */
uint32_t crypto_random_below(uint32_t bound);

/* Numbers that lie ready, so that most cost no system call: for what must not be guessed but is no
 * secret once it is used. Begins as zeros; its owner's thread. */
#define CRYPTO_RANDOM_STOCK 64
struct crypto_random_stock {
	uint32_t numbers[CRYPTO_RANDOM_STOCK];
	uint32_t n_left;
};
/* As crypto_random_below. */
uint32_t crypto_random_draw(struct crypto_random_stock *s, uint32_t bound);

/*
 * Encrypts LEN > 0 bytes and proves their origin: AES-SIV (RFC 5297) without associated data. OUT
 * gets the tag, then as many bytes as IN has; the same text gives the same result, so a caller who
 * minds that puts something new into it. ERR_UNSUPPORTED when OpenSSL has no memory or no cipher.
 */
#define CRYPTO_SEAL_KEY_LEN 32
#define CRYPTO_SEAL_TAG_LEN 16
int crypto_seal(const uint8_t key[CRYPTO_SEAL_KEY_LEN], const void *in, size_t len, uint8_t *out);
/* The way back: LEN includes the tag, OUT holds LEN - CRYPTO_SEAL_TAG_LEN. ERR_DENIED: not sealed
 * with this key, or changed since; OUT's bytes mean nothing then. */
int crypto_open(const uint8_t key[CRYPTO_SEAL_KEY_LEN], const void *in, size_t len, uint8_t *out);

/*
 * The canonical private value of a key, the same for every encoding of one key:
 *   EC       "EC" 0 d,  d padded to the length of the group order
 *   RSA      "RSA" 0 min(p,q) max(p,q), each padded to half the modulus
 *   Ed25519  "ED" 0 seed
 * Reads PEM at PATH (no pass phrase; not readable by "others"). Writes to OUT and *LEN; the caller
 * wipes OUT. WHY (may be NULL) gets one sentence for people. -errno, ERR_BAD_KEY, ERR_UNSUPPORTED,
 * ERR_NO_SPACE.
 */
#define CRYPTO_CANONICAL_MAX 2064
#define CRYPTO_WHY_LEN       256
int crypto_key_canonical(
	const char *path, uint8_t *out, size_t cap, size_t *len, char why[CRYPTO_WHY_LEN]);

/* ---- TLS ---- */

struct ssl_ctx_st; /* SSL_CTX */
struct ssl_st;     /* SSL */

struct crypto_tls_identity {
	const char *certificate; /* PEM chain */
	const char *private_key; /* PEM */
};

struct crypto_tls_config {
	const char *certificate; /* PEM chain */
	const char *private_key; /* PEM */
	/*
	 * Further ones. A client gets the one whose dNSNames bear the name it asks for (RFC 6066
	 * §3), as it stands there before a wildcard of one label; the one above when none does or
	 * it names none. Of several with that name, the one whose type of key it can use, and the
	 * first listed of each type.
	 */
	const struct crypto_tls_identity *more;
	size_t n_more;
	const char *client_ca; /* PEM bundle callers must chain to, each certificate in it an anchor
				  of its own; NULL: no client certificate is asked for */
	const char
		*client_crl; /* PEM, optional; a caller whose issuer has no list in it is refused */
	bool client_required; /* false: a caller without certificate gets in and has no names */
	/* ALPN of RFC 7443: takes "stun.turn" and "stun.nat-discovery". A client that offers
	 * neither, or no ALPN at all, gets in without. */
	bool has_stun_alpn;
	bool is_datagram; /* for DTLS 1.2 and nothing else; without client_ca */
};

/*
 * A server context for TLS 1.2 and 1.3. The client CA is the only trust store; the EKU must allow
 * client authentication. *OUT is freed with crypto_tls_destroy. WHY as above.
 */
int crypto_tls_server_create(
	const struct crypto_tls_config *c, struct ssl_ctx_st **out, char why[CRYPTO_WHY_LEN]);
/*
 * A client context for TLS 1.2 and 1.3. The peer's certificate must chain to CA and its EKU allow
 * server authentication; whether it is the right peer, the caller asks of crypto_tls_peer.
 */
struct crypto_tls_client_config {
	const char *certificate; /* PEM chain, for servers that want one; NULL: none */
	const char *private_key; /* PEM; NULL with CERTIFICATE */
	const char *ca;          /* PEM bundle, each certificate in it an anchor of its own */
	const char *crl; /* PEM, optional; a server whose issuer has no list in it is refused */
};
int crypto_tls_client_create(const struct crypto_tls_client_config *c, struct ssl_ctx_st **out,
	char why[CRYPTO_WHY_LEN]);
/* When the context's I-th certificate ends, Unix seconds: 0 the first, then those of MORE. 0 behind
 * the last one. */
uint64_t crypto_tls_not_after(const struct ssl_ctx_st *ctx, size_t i);
/* One more count; any thread. NULL is fine for both. */
struct ssl_ctx_st *crypto_tls_get(struct ssl_ctx_st *ctx);
void crypto_tls_destroy(struct ssl_ctx_st *ctx); /* gives one back */

/* Does PATTERN, a host name or one whose leftmost label is "*", bear NAME? Case does not matter. */
enum crypto_name_match {
	CRYPTO_NAME_NONE,
	CRYPTO_NAME_WILDCARD,
	CRYPTO_NAME_EXACT,
};
enum crypto_name_match crypto_name_match(const char *pattern, const char *name);

/*
 * A connection on a non-blocking descriptor, which stays the caller's. A write may take
 * only part, and one that wants to wait is repeated with the same bytes, at any address, and
 * perhaps more behind them. Unless it reads ahead, a read with room for CRYPTO_TLS_RECORD_MAX
 * leaves nothing behind that a poll of the descriptor would not show.
 */
#define CRYPTO_TLS_RECORD_MAX 16384
enum crypto_tls_io {
	CRYPTO_TLS_DONE,
	CRYPTO_TLS_WANT_READ,
	CRYPTO_TLS_WANT_WRITE,
	CRYPTO_TLS_CLOSED, /* by the peer */
	CRYPTO_TLS_FAILED,
};
struct ssl_st *crypto_tls_conn_create(struct ssl_ctx_st *ctx, int fd); /* NULL: out of memory */
/* The client's end. NAME goes into the hello, where it is a host name; a numeric address does not.
 */
struct ssl_st *crypto_tls_conn_dial(struct ssl_ctx_st *ctx, int fd, const char *name);
/* The name the client asked for, whether or not a certificate bears it, and as it wrote it; NULL:
 * none. Good after the handshake, as long as SSL. */
const char *crypto_tls_name(const struct ssl_st *ssl);
/* Says that no more comes. What the peer still sends can be read. */
enum crypto_tls_io crypto_tls_end(struct ssl_st *ssl);
/* Says good-bye if that can be done at once. NULL is fine. */
void crypto_tls_conn_destroy(struct ssl_st *ssl);
enum crypto_tls_io crypto_tls_handshake(struct ssl_st *ssl);
/* What was wrong with the peer's certificate, for people; NULL: nothing, or it has shown none. */
const char *crypto_tls_problem(const struct ssl_st *ssl);
/*
 * With ON a read takes from the descriptor whatever is there, so that a record costs one call and
 * not two: its length is read with it. What came behind the record stays in SSL, also when this is
 * switched off again; the next read begins with it.
 */
void crypto_tls_read_ahead(struct ssl_st *ssl, bool on);
/* Has SSL bytes that no poll shows? A whole record or part of one: a read tells. */
bool crypto_tls_holds(const struct ssl_st *ssl);
enum crypto_tls_io crypto_tls_read(struct ssl_st *ssl, void *out, size_t cap, size_t *n);
enum crypto_tls_io crypto_tls_write(struct ssl_st *ssl, const void *data, size_t len, size_t *n);

/* ---- DTLS 1.2 (RFC 6347) ---- */

struct bio_method_st; /* BIO_METHOD */

/*
 * Where a connection's datagrams come from and go to. Embedded in the connection's owner; it
 * outlives the connection.
 */
struct crypto_dtls_wire {
	struct bytes in; /* the datagram that came; the next call reads it and leaves it empty */
	/* DATAGRAM is the callee's until it returns. There is no failing: it may be lost. */
	void (*send)(struct crypto_dtls_wire *w, struct bytes datagram);
};

/* What connections share; one is enough for any number of them, and goes after them. NULL: out of
 * memory. */
struct bio_method_st *crypto_dtls_method_create(void);
void crypto_dtls_method_destroy(struct bio_method_st *m); /* NULL is fine */

/*
 * A server's connection that begins with wire->in: a ClientHello whose cookie the caller has found
 * good (RFC 6347 §4.2.1). What the handshake sends comes in datagrams of at most MTU bytes. CTX is
 * one with is_datagram. Then the functions for TLS do their work, and none of them ever wants to
 * write; a record is one datagram, longer ones than CRYPTO_TLS_RECORD_MAX are not taken. -ENOMEM,
 * ERR_MALFORMED.
 */
#define CRYPTO_DTLS_OVERHEAD 64 /* at most what a record is longer than what is in it */
int crypto_dtls_conn_create(struct ssl_ctx_st *ctx, struct bio_method_st *method,
	struct crypto_dtls_wire *wire, size_t mtu, struct ssl_st **out);
/* In how many milliseconds the last flight is due again; false when none is. By the system's
 * clock. */
bool crypto_dtls_resend_in_ms(struct ssl_st *ssl, uint64_t *ms);
/* Sends the flight again, if it is due. False: it has been sent too often. */
bool crypto_dtls_resend(struct ssl_st *ssl);
/* Gives the record buffers back, 33 KiB; and takes them again, which must be before anything else
 * is done with SSL. False: out of memory; then SSL may only be destroyed, or asked again. */
void crypto_dtls_rest(struct ssl_st *ssl);
bool crypto_dtls_wake(struct ssl_st *ssl);

/*
 * What a peer's verified certificate says. Names are dNSName and URI SANs as they stand in it, case
 * included. Left out: names with anything but printable ASCII in them (an embedded NUL, a space),
 * names that do not fit, and what comes behind the 16th. Addresses are iPAddress SANs, port 0.
 */
#define CRYPTO_PEER_NAMES     16
#define CRYPTO_PEER_NAME_LEN  256
#define CRYPTO_PEER_ADDRESSES 8
struct crypto_peer {
	bool has_certificate;
	uint8_t spki_sha256[32];
	size_t n_names;
	char names[CRYPTO_PEER_NAMES][CRYPTO_PEER_NAME_LEN];
	size_t n_addresses;
	struct addr addresses[CRYPTO_PEER_ADDRESSES];
};
void crypto_tls_peer(struct ssl_st *ssl, struct crypto_peer *out);

#endif
