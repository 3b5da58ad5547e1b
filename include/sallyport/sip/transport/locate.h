/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sip/transport/locate: from a URI to the addresses that a request is sent to, in the order they
 * are tried (RFC 3263): by NAPTR, SRV and address records, or by what the URI says itself. And from
 * a Via to where its response goes.
 */
#ifndef SALLYPORT_SIP_TRANSPORT_LOCATE_H
#define SALLYPORT_SIP_TRANSPORT_LOCATE_H

#include <sallyport/loop/dns.h>
#include <sallyport/sip.h>
#include <sallyport/sip/transport.h>

/* ---- what is looked for ---- */

struct sip_next_hop {
	bool is_sips;
	/* What is looked up: maddr where the URI has one, else its host. A numeric IPv6 address has
	 * no brackets. */
	char host[SIP_NAME_LEN];
	char domain[SIP_NAME_LEN];    /* the URI's host: whom a certificate must name */
	uint16_t port;                /* 0: the URI has none */
	enum sip_transport transport; /* SIP_TRANSPORT_OTHER: the URI has none */
	struct addr local;            /* as in struct sip_target, for all of them */
};

/* URI: the Request-URI, or that of the first Route. ERR_UNSUPPORTED: no SIP URI, a transport that
 * we do not have, or sips by UDP; ERR_TOO_LARGE: a host over SIP_NAME_LEN. */
int sip_next_hop_of(const struct sip_uri *uri, struct sip_next_hop *out);

/* ---- looking for it ---- */

/* DNS as the locator wants it: dns_ask and dns_cancel, or a test's. */
struct sip_locator_dns {
	int (*ask)(void *arg, const char *name, enum dns_type type, dns_answer_fn fn, void *fn_arg,
		struct dns_question **out);
	void (*cancel)(struct dns_question *q);
	void *arg;
};
struct sip_locator_dns sip_locator_dns_of(struct dns *d);

struct sip_locator_config {
	struct loop *loop;
	struct wheel *wheel;       /* that of LOOP */
	const struct clock *clock; /* that of LOOP */
	metrics_cell *cells;       /* this thread's block of sip_transport_counters */
	struct sip_locator_dns dns;
	bool has_udp, has_tcp, has_tls; /* what we can send by */
	bool has_ipv4, has_ipv6;
	uint32_t timeout_ms; /* of all questions together */
	uint32_t max;        /* at once */
	/* Uniform in [0, bound); crypto_random_below, or a test's. */
	uint32_t (*random_below)(uint32_t bound);
};

struct sip_locator;  /* opaque; of one thread */
struct sip_location; /* opaque; until its answer or sip_locate_cancel */

/* NULL: out of memory. */
struct sip_locator *sip_locator_create(const struct sip_locator_config *c);
void sip_locator_destroy(struct sip_locator *l); /* nobody is told; NULL is fine */

/*
 * RC 0: N targets, the first to be tried first; a view. Else none: ERR_NOT_FOUND: there is no such
 * name, or no such service; ERR_UNSUPPORTED: nothing of it that we can send by; -ETIMEDOUT; -EIO.
 */
#define SIP_TARGETS_MAX 24
typedef void (*sip_located_fn)(void *arg, int rc, const struct sip_target *targets, size_t n);

/* FN is called once, after this has returned. *OUT may be NULL. ERR_FULL, -ENOMEM. */
int sip_locate(struct sip_locator *l, const struct sip_next_hop *hop, sip_located_fn fn, void *arg,
	struct sip_location **out);
void sip_locate_cancel(struct sip_location *at); /* FN is not called */

/* Puts SRV records into the order in which they are tried (RFC 2782). */
void sip_srv_order(struct dns_record *records, size_t n, uint32_t (*random_below)(uint32_t bound));

/* ---- responses ---- */

/*
 * Where the response to a request goes that came from SOURCE with VIA as its first (RFC 3261
 * §18.2.2, RFC 3581 §4): by UDP always, else when the connection it came on is gone. It is the
 * address that the request has come from, and the port that it came from where rport asks for that,
 * else that of sent-by. A maddr is not looked at: it would let a stranger send our answers to
 * anybody, and is there for multicast, which we do not have. ERR_UNSUPPORTED: a transport that we
 * do not dial.
 */
int sip_response_target(
	const struct sip_via *via, const struct addr *source, struct sip_target *out);

#endif
