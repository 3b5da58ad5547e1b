/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mras: credential documents (JSON, MRAS XML, TURN REST) and the decision to grant. It knows no
 * carriage: the HTTP API wraps mras_answer(), and a SIP SERVICE handler would wrap the same call.
 *
 * Everything here runs on one thread, the one that owns the struct mras_service.
 */
#ifndef SALLYPORT_MRAS_H
#define SALLYPORT_MRAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/auth.h>

/* ---- results ---- */

enum mras_result {
	MRAS_OK,
	MRAS_MALFORMED,
	MRAS_VERSION_MISMATCH,
	MRAS_FORBIDDEN,
	MRAS_TOO_LARGE,
	MRAS_NOT_SUPPORTED,
	MRAS_BUSY,
	MRAS_TIME_OUT,
	MRAS_INTERNAL,
	MRAS_OTHER,
	MRAS_RESULT_COUNT,
};
const char *mras_result_phrase(enum mras_result r); /* "Request Malformed", for XML */
const char *mras_result_reason(enum mras_result r); /* "requestMalformed", for JSON */
unsigned mras_result_status(enum mras_result r);    /* of HTTP: 400 */

/* ---- configuration: plain data, filled by the daemon, borrowed by the service ---- */

enum mras_role {
	MRAS_ISSUE = 1,
	MRAS_ADMIN = 2
};

#define MRAS_DURATION_MAX     (180 * 24 * 60) /* minutes; no configuration may allow more */
#define MRAS_DURATION_DEFAULT 480

/* Who may ask. A caller is found by its certificate (a name or a pin) or by its bearer token. */
struct mras_caller {
	const char *name; /* unique; for the log and the rate limit */
	unsigned tenant;  /* whose keys it asks for, and whose relays it is told */
	const char *const
		*names; /* dNSName SANs in any ASCII case, URI SANs exactly; no wildcard */
	size_t n_names;
	const uint8_t (*pins)[CRYPTO_SHA256_LEN]; /* SHA-256 of the certificate's SPKI */
	size_t n_pins;
	const uint8_t (*tokens)[CRYPTO_SHA256_LEN]; /* SHA-256 of bearer tokens */
	size_t n_tokens;
	unsigned roles; /* enum mras_role bits */
	/* Identities it may ask for, see mras_identity_matches; none: it may ask for nobody. */
	const char *const *identities;
	size_t n_identities;
	uint8_t locations;         /* enum auth_location bits; 0 = both */
	uint32_t max_duration_min; /* 0 = the configuration's */
	uint32_t rate_per_s;       /* credentials a second; 0 = no limit */
};

/* One relay address pair as a tenant's clients of one location reach it. A port of 0: not offered.
 */
struct mras_relay {
	enum auth_location location;
	const char *host_name;        /* NULL: answers carry the addresses only */
	const struct addr *addresses; /* their ports are not looked at */
	size_t n_addresses;
	uint16_t udp_port, tcp_port, tls_port, dtls_port;
	unsigned tenant;
};

/* What the two elements username and password of an XML answer hold. */
enum mras_xml_token {
	MRAS_XML_M1 /* the text credential, literally */
};

/* Tenants are numbers: 0 is the default, which is all there is without others. */
struct mras_config {
	const char *const *tenants; /* names of those from 1 on */
	size_t n_tenants;
	const struct mras_caller *callers;
	size_t n_callers;
	const struct mras_relay *relays;
	size_t n_relays;
	uint32_t default_duration_min; /* for requests that name none; 0 = MRAS_DURATION_DEFAULT */
	uint32_t max_duration_min;     /* 0 = MRAS_DURATION_DEFAULT */
	/* Limits written into credentials: asked for by the item, else the default; never above the
	 * maximum. A default of 0 leaves it to the relay, a maximum of 0 does not cap. */
	uint16_t default_allocations, max_allocations;
	uint32_t default_kbps, max_kbps;
	bool tcp_relay; /* credentials permit TCP relaying (RFC 6062) */
	enum mras_xml_token xml_token;
};

/* 64 hexadecimal digits, or base64 with or without a leading "sha256/". ERR_MALFORMED. */
int mras_hash_parse(const char *text, uint8_t out[CRYPTO_SHA256_LEN]);

/*
 * The caller a verified certificate or a bearer token belongs to; the first that fits. NULL when
 * none does. Tokens are compared by their hash in constant time.
 */
const struct mras_caller *mras_caller_by_peer(
	const struct mras_config *c, const struct crypto_peer *peer);
const struct mras_caller *mras_caller_by_token(const struct mras_config *c, struct bytes token);

/*
 * PATTERN is "*" (anybody) or a text in which '*' stands for any run of characters without '@'.
 * ASCII case does not matter. A leading "sip:" or "sips:" is left out of the comparison on both
 * sides: "*@example.com" and "sip:*@example.com" both match "sip:a@example.com" and
 * "a@example.com".
 */
bool mras_identity_matches(const char *pattern, const char *identity);

/* ---- documents ---- */

enum mras_format {
	MRAS_JSON,
	MRAS_XML
};
#define MRAS_XML_TYPE   "application/msrtc-media-relay-auth+xml"
#define MRAS_JSON_TYPE  "application/json"
#define MRAS_ITEMS_MAX  100
#define MRAS_ID_MAX     64    /* characters of requestID and credentialsRequestID */
#define MRAS_IDENT_MAX  65536 /* characters of an identity */
#define MRAS_BODY_MAX   262144
#define MRAS_DETAIL_LEN 160

struct mras_item {
	char *id;              /* JSON: its number, from "1", when the request has none */
	char *identity;        /* UTF-8, not empty, no control characters */
	uint8_t location;      /* one enum auth_location, or 0: both */
	uint32_t duration_min; /* 0: not given */
	bool is_direct;        /* route "directip": addresses instead of the host name */
	bool is_ipv4_only;     /* family "ipv4" */
	uint16_t allocations;  /* 0: not given */
	uint32_t kbps;         /* 0: not given */
};

struct mras_request {
	char *request_id; /* NULL when absent or not understood; so are the next three, XML only */
	char *version, *to, *from;
	bool is_all_or_nothing;  /* XML: its answer has no place for a refused item */
	struct mras_item *items; /* 1..MRAS_ITEMS_MAX once decoded well */
	size_t n_items;
};

/*
 * Reads a document. Returns MRAS_OK or why not, with one sentence in DETAIL. *OUT is always
 * written and must be finished: after a failure it holds what is needed for the answer.
 */
enum mras_result mras_request_decode(enum mras_format f, struct bytes body,
	struct mras_request *out, char detail[MRAS_DETAIL_LEN]);
void mras_request_fini(struct mras_request *r);

/* ---- the decision ---- */

struct mras_service; /* opaque: the rate limits of the callers, kept over configuration swaps */

struct mras_service *mras_service_create(void); /* NULL when out of memory */
void mras_service_destroy(struct mras_service *s);
/* C is borrowed until the next call; NULL at first. Rate limits go on under the callers' names. */
void mras_service_config_set(struct mras_service *s, const struct mras_config *c);
const struct mras_config *mras_service_config(const struct mras_service *s);

/* Who asks, when, and with which keys. All borrowed for the call. */
struct mras_context {
	const struct mras_caller *caller; /* NULL: nobody we know, all is forbidden */
	const struct auth_snapshot *auth; /* NULL: not supported */
	const struct clock *clock;
	unsigned tenant; /* whose AUTH is */
};

struct mras_grant {
	enum mras_result result;
	const char *detail; /* static; NULL when granted */
	struct auth_credential credential;
	uint8_t locations;     /* of the relays to answer with; enum auth_location bits */
	unsigned tenant;       /* of these relays */
	uint32_t duration_min; /* granted */
};

struct mras_response {
	enum mras_result result;
	const char *detail; /* static; NULL when OK */
	unsigned retry_after_s;
	struct mras_grant *grants; /* one per item when RESULT is OK, else NULL */
	size_t n_grants;
	const char *realm; /* borrowed from the context's snapshot */
	uint64_t time_s;
};

/* Decides all items and mints. Logs one line per credential. Finish OUT: it holds passwords. */
void mras_decide(struct mras_service *s, const struct mras_context *ctx,
	const struct mras_request *req, struct mras_response *out);
void mras_response_fini(struct mras_response *r);

/* *OUT is malloc'd, LEN bytes and a NUL, the caller's to wipe and free. -ENOMEM. */
int mras_response_encode(enum mras_format f, const struct mras_config *c,
	const struct mras_request *req, const struct mras_response *r, char **out, size_t *len);

/* ---- all of it in one call ---- */

struct mras_reply {
	enum mras_result result;
	char detail[MRAS_DETAIL_LEN]; /* "" when OK */
	char *request_id;             /* NULL when the request had none */
	unsigned retry_after_s;       /* 0 or, with MRAS_BUSY, when to come again */
	/* The document. NULL only for JSON and TURN REST failures, which the carriage words. */
	char *body;
	size_t len;
	unsigned granted, refused; /* items */
};

/* Body in, document out. XML is all or nothing: its schema has no place for a refused item. */
void mras_answer(struct mras_service *s, const struct mras_context *ctx, enum mras_format f,
	struct bytes body, struct mras_reply *out);

/* The TURN REST form ("EXP:NAME") for NAME; TTL_S 0: the default; LOCATION as in an item. */
struct mras_rest_request {
	const char *name;
	uint64_t ttl_s;
	uint8_t location;
};
void mras_answer_rest(struct mras_service *s, const struct mras_context *ctx,
	const struct mras_rest_request *req, struct mras_reply *out);

void mras_reply_fini(struct mras_reply *r); /* wipes the body */

#endif
