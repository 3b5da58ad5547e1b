/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the header fields say. Each decoder takes the value of a header field or, where that is a
 * list, one element of it, and returns 0 or ERR_MALFORMED; OUT is written on success only. All of
 * the value is checked, parameters too, so that sip_param_next may walk OUT's.
 */
#ifndef SALLYPORT_SIP_VALUE_H
#define SALLYPORT_SIP_VALUE_H

#include <sallyport/sip/msg.h>
#include <sallyport/sip/uri.h>

/* ---- lists ---- */

/*
 * The elements of all header fields with one id, in order: those between commas and those in header
 * fields of their own are the same to RFC 3261 §7.3.1. Not for Date, nor for credentials and
 * challenges, where a comma means something else.
 */
struct sip_list {
	const struct sip_msg *msg;
	const struct sip_header *header; /* the one the last element came from */
	uint32_t at;
};
struct sip_list sip_list_of(const struct sip_msg *m, enum sip_header_id id);
/* 1 and the next element; 0 at the end; ERR_MALFORMED for an empty element or an open quote. */
int sip_list_next(struct sip_list *l, struct sip_str *element);

/* The same for one value that is not of a message. Start with *AT = 0. */
int sip_value_next(struct sip_str value, uint32_t *at, struct sip_str *element);

/* ---- addresses ---- */

/* From, To, Contact, Route, Record-Route, Path, Service-Route, Refer-To, Referred-By, Reply-To,
 * P-Asserted-Identity, Diversion, History-Info and all that look like them. */
struct sip_name_addr {
	struct sip_str display; /* words, or the inside of quotes; absent: none */
	bool is_display_quoted;
	bool has_brackets;
	bool is_star;          /* Contact: * and nothing else */
	struct sip_str uri;    /* found good by sip_uri_decode */
	struct sip_str params; /* of the header field, with the first ";"; absent: none */
};
int sip_name_addr_decode(struct sip_str element, struct sip_name_addr *out);
/* sip_list_next and sip_name_addr_decode in one: 1, 0 or ERR_MALFORMED. */
int sip_name_addr_next(struct sip_list *l, struct sip_name_addr *out);

/* q=0.5 in thousandths; 1000 where there is none. */
int sip_q_decode(struct sip_str params, unsigned *thousandths);

/* ---- Via ---- */

#define SIP_BRANCH_COOKIE "z9hG4bK"
struct sip_via {
	struct sip_str protocol; /* "SIP" */
	struct sip_str version;  /* "2.0" */
	enum sip_transport transport;
	struct sip_str transport_name;
	struct sip_host host; /* sent-by */
	uint16_t port;        /* 0: none */
	struct sip_str branch;
	bool has_cookie; /* branch begins with SIP_BRANCH_COOKIE and has more (§8.1.1.7) */
	struct sip_str received, maddr;
	bool has_rport; /* RFC 3581, with or without a value */
	uint16_t rport; /* 0: no value */
	struct sip_str params;
};
int sip_via_decode(struct sip_str element, struct sip_via *out);
int sip_via_next(struct sip_list *l, struct sip_via *out); /* 1, 0 or ERR_MALFORMED */
/* The first one of a message that sip_msg_decode has found good. */
int sip_via_top(const struct sip_msg *m, struct sip_via *out);

/* ---- numbers ---- */

/* Digits and nothing else; ERR_TOO_LARGE over 2^32-1. */
int sip_number_decode(struct sip_str value, uint32_t *out);

struct sip_cseq {
	uint32_t number; /* below 2^31 */
	enum sip_method method;
	struct sip_str method_name;
};
int sip_cseq_decode(struct sip_str value, struct sip_cseq *out);

struct sip_rack { /* RFC 3262 §7.2 */
	uint32_t rseq;
	struct sip_cseq cseq;
};
int sip_rack_decode(struct sip_str value, struct sip_rack *out);

enum sip_refresher {
	SIP_REFRESHER_NONE,
	SIP_REFRESHER_UAC,
	SIP_REFRESHER_UAS,
};
struct sip_session_expires { /* Session-Expires and Min-SE (RFC 4028) */
	uint32_t delta_s;
	enum sip_refresher refresher;
	struct sip_str params;
};
int sip_session_expires_decode(struct sip_str value, struct sip_session_expires *out);

struct sip_retry_after {
	uint32_t delay_s;
	uint32_t duration_s; /* 0: none */
	struct sip_str comment;
};
int sip_retry_after_decode(struct sip_str value, struct sip_retry_after *out);

/* Unix seconds of the one form of RFC 3261 §20.17: "Sat, 13 Nov 2010 23:29:00 GMT". */
int sip_date_decode(struct sip_str value, uint64_t *unix_s);

/* ---- words ---- */

/* Supported, Require, Proxy-Require, Unsupported; Allow. */
#define SIP_UNKNOWN_MAX 16
struct sip_tokens {
	uint64_t known; /* SIP_OPTION_BIT or SIP_METHOD_BIT */
	bool is_present;
	unsigned n_unknown; /* at most SIP_UNKNOWN_MAX; further ones are not listed */
	struct sip_str unknown[SIP_UNKNOWN_MAX];
};
int sip_options_of(const struct sip_msg *m, enum sip_header_id id, struct sip_tokens *out);
int sip_methods_of(const struct sip_msg *m, enum sip_header_id id, struct sip_tokens *out);

struct sip_media_type { /* Content-Type, an element of Accept */
	struct sip_str type, subtype;
	struct sip_str params;
};
int sip_media_type_decode(struct sip_str value, struct sip_media_type *out);
bool sip_media_type_is(const struct sip_media_type *t, const char *type, const char *subtype);

/* A token and parameters: Event (id=), Content-Disposition (handling=), Reason (an element of it:
 * cause=, text=), Subscription-State (reason=, expires=, retry-after=), Privacy's elements. */
struct sip_word {
	struct sip_str word;
	struct sip_str params;
};
int sip_word_decode(struct sip_str value, struct sip_word *out);

struct sip_replaces { /* RFC 3891; Join (RFC 3911), Target-Dialog (RFC 4538) */
	struct sip_str call_id;
	struct sip_str to_tag, from_tag; /* Target-Dialog: remote-tag and local-tag */
	bool is_early_only;
	struct sip_str params;
};
int sip_replaces_decode(struct sip_str value, struct sip_replaces *out);

struct sip_warning {   /* an element of Warning */
	unsigned code; /* 100..999 */
	struct sip_str agent;
	struct sip_str text; /* inside of the quotes */
};
int sip_warning_decode(struct sip_str element, struct sip_warning *out);

#endif
