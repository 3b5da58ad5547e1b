/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * URIs of the schemes sip and sips (RFC 3261 §19.1), tel (RFC 3966), and others as they stand.
 *
 *   sip:user:password@host:port;params?headers        tel:+1-201-555-0123;params
 *
 * All slices are as they stand, escapes included.
 */
#ifndef SALLYPORT_SIP_URI_H
#define SALLYPORT_SIP_URI_H

#include <sallyport/sip/str.h>

enum sip_scheme {
	SIP_SCHEME_OTHER = 0, /* well-formed; a request to it is answered 416 */
	SIP_SCHEME_SIP,
	SIP_SCHEME_SIPS,
	SIP_SCHEME_TEL,
};

enum sip_host_kind {
	SIP_HOST_NAME,
	SIP_HOST_IPV4,
	SIP_HOST_IPV6, /* text without the brackets */
};
struct sip_host {
	struct sip_str text;
	enum sip_host_kind kind;
};
/* The address with PORT; ERR_NOT_FOUND when the host is a name. */
int sip_host_addr(const struct sip_host *h, uint16_t port, struct addr *out);
bool sip_host_equal(const struct sip_host *a, const struct sip_host *b);

struct sip_uri {
	enum sip_scheme scheme;
	struct sip_str scheme_name;
	struct sip_str user;     /* of tel: the number, visual separators included; absent: none */
	struct sip_str password; /* absent: none */
	struct sip_host host;    /* of sip and sips */
	uint16_t port;           /* 0: none */
	struct sip_str params;   /* with the first ";", or absent */
	struct sip_str headers;  /* behind "?", or absent */
	struct sip_str rest;     /* of other schemes: what stands behind the colon */
	struct sip_str whole;
};

/* ERR_MALFORMED, ERR_TOO_LARGE over SIP_URI_MAX. All of TEXT is the URI. */
int sip_uri_decode(struct sip_str text, struct sip_uri *out);

/*
 * Do two URIs name the same (RFC 3261 §19.1.4, RFC 3966 §4)? Of other schemes, and when one has
 * more than SIP_URI_PARAMS_MAX parameters and headers: are they the same bytes?
 */
#define SIP_URI_PARAMS_MAX 48
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);

/* One ";name=value" of a URI or of a header field. */
struct sip_param {
	struct sip_str name;
	struct sip_str value; /* absent without "="; what is inside when IS_QUOTED, escapes too */
	bool is_quoted;
};

/* Steps through params that a decoder here has found good. Start with *AT = 0; false at the end. */
bool sip_param_next(struct sip_str params, uint32_t *at, struct sip_param *out);
bool sip_param_find(struct sip_str params, const char *name, struct sip_param *out);
/* The value of the first with NAME, absent: SIP_NONE; one without "=" has at != NULL and len 0. */
struct sip_str sip_param_value(struct sip_str params, const char *name);

/* The same for the headers of a URI: "name=value" between "&". Nothing is unescaped. */
bool sip_uri_header_next(struct sip_str headers, uint32_t *at, struct sip_param *out);

/* Text without its escapes. Writes at most CAP bytes. ERR_NO_SPACE; ERR_MALFORMED: "%" without two
 * digits. A result may have any byte in it, NUL too. */
int sip_uri_unescape(struct sip_str text, char *out, size_t cap, size_t *len);

#endif
