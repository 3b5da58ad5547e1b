/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of the domain name system, made by hand for tests. */
#include "dns_wire.h"

#include <assert.h>
#include <string.h>

#define HEADER   12
#define N_ANSWER 6 /* offset of its count */

static void put(struct dns_wire *w, const void *data, size_t len)
{
	assert(w->len + len <= sizeof(w->data));
	memcpy(w->data + w->len, data, len);
	w->len += len;
}

static void put16(struct dns_wire *w, unsigned v)
{
	uint8_t b[2];

	be16_put(b, (uint16_t)v);
	put(w, b, 2);
}

static void put_string(struct dns_wire *w, const char *text)
{
	uint8_t len = (uint8_t)strlen(text);

	put(w, &len, 1);
	put(w, text, len);
}

static void put_name(struct dns_wire *w, const char *name)
{
	while (*name != '\0') {
		uint8_t len = (uint8_t)strcspn(name, ".");
		put(w, &len, 1);
		put(w, name, len);
		name += len + (name[len] == '.');
	}
	put(w, "", 1);
}

void dns_wire_begin(
	struct dns_wire *w, uint16_t id, unsigned rcode, const char *name, unsigned type)
{
	w->len = 0;
	put16(w, id);
	put16(w, 0x8180 | rcode);
	put16(w, 1);
	put16(w, 0);
	put16(w, 0);
	put16(w, 0);
	put_name(w, name);
	put16(w, type);
	put16(w, 1);
}

/* Up to the length of the data; where that stands is returned. */
static size_t begin_record(struct dns_wire *w, const char *owner, unsigned type)
{
	be16_put(w->data + N_ANSWER, (uint16_t)(be16_get(w->data + N_ANSWER) + 1));
	if (owner)
		put_name(w, owner);
	else
		put16(w, 0xc000 | HEADER);
	put16(w, type);
	put16(w, 1);
	put16(w, 0);
	put16(w, 300);
	put16(w, 0);
	return w->len - 2;
}

static void end_record(struct dns_wire *w, size_t at)
{
	be16_put(w->data + at, (uint16_t)(w->len - at - 2));
}

void dns_wire_a(struct dns_wire *w, const char *owner, const char *ip)
{
	struct addr a;

	assert(addr_parse(ip, 0, &a) == 0);
	bool is_v4 = a.family == ADDR_IPV4;
	size_t at = begin_record(w, owner, is_v4 ? DNS_A : DNS_AAAA);
	put(w, is_v4 ? a.ip + 12 : a.ip, is_v4 ? 4 : 16);
	end_record(w, at);
}

void dns_wire_cname(struct dns_wire *w, const char *owner, const char *target)
{
	size_t at = begin_record(w, owner, DNS_TYPE_CNAME);

	put_name(w, target);
	end_record(w, at);
}

void dns_wire_srv(struct dns_wire *w, const char *owner, unsigned priority, unsigned weight,
	unsigned port, const char *target)
{
	size_t at = begin_record(w, owner, DNS_SRV);

	put16(w, priority);
	put16(w, weight);
	put16(w, port);
	put_name(w, target);
	end_record(w, at);
}

void dns_wire_naptr(struct dns_wire *w, const char *owner, unsigned order, unsigned preference,
	const char *flags, const char *service, const char *regexp, const char *replacement)
{
	size_t at = begin_record(w, owner, DNS_NAPTR);

	put16(w, order);
	put16(w, preference);
	put_string(w, flags);
	put_string(w, service);
	put_string(w, regexp);
	put_name(w, replacement);
	end_record(w, at);
}

unsigned dns_wire_question(const uint8_t *query, size_t len, char name[DNS_NAME_LEN])
{
	size_t at = HEADER, n = 0;

	assert(len > HEADER);
	while (query[at] != 0) {
		assert(at + query[at] + 5 < len && n + query[at] + 1 < DNS_NAME_LEN);
		memcpy(name + n, query + at + 1, query[at]);
		n += query[at];
		name[n++] = '.';
		at += query[at] + 1u;
	}
	name[n > 0 ? n - 1 : 0] = '\0';
	return be16_get(query + at + 1);
}
