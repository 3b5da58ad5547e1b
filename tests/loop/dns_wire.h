/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of the domain name system, made by hand for tests (RFC 1035 §4). */
#ifndef TESTS_LOOP_DNS_WIRE_H
#define TESTS_LOOP_DNS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <sallyport/loop/dns.h>

#define DNS_TYPE_CNAME 5

struct dns_wire {
	uint8_t data[2048];
	size_t len;
};

/* The header and a question; RCODE 0 or an error. */
void dns_wire_begin(
	struct dns_wire *w, uint16_t id, unsigned rcode, const char *name, unsigned type);
/* Each adds a record to the answer section; OWNER NULL: the name in the question. */
void dns_wire_a(struct dns_wire *w, const char *owner, const char *ip); /* or AAAA */
void dns_wire_cname(struct dns_wire *w, const char *owner, const char *target);
void dns_wire_srv(struct dns_wire *w, const char *owner, unsigned priority, unsigned weight,
	unsigned port, const char *target);
void dns_wire_naptr(struct dns_wire *w, const char *owner, unsigned order, unsigned preference,
	const char *flags, const char *service, const char *regexp, const char *replacement);

/* Of a query: its name as text, and type. */
unsigned dns_wire_question(const uint8_t *query, size_t len, char name[DNS_NAME_LEN]);

#endif
