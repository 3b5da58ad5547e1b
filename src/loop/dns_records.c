/* SPDX-License-Identifier: BSD-3-Clause */
/* Records from the bytes of an answer, by the C library's reader of the format. */
#include <arpa/nameser.h>
#include <string.h>

#include "dns_records.h"

/* A name at *AT, which may point back into the message; *AT goes behind it. */
static bool read_name(const ns_msg *m, const uint8_t **at, char out[DNS_NAME_LEN])
{
	char text[NS_MAXDNAME];
	int len = ns_name_uncompress(ns_msg_base(*m), ns_msg_end(*m), *at, text, sizeof(text));

	size_t text_len = len < 0 || strcmp(text, ".") == 0 ? 0 : strlen(text);

	/* Escapes make a text longer than a name can be that anybody may connect to. */
	if (len < 0 || text_len >= DNS_NAME_LEN)
		return false;
	*at += len;
	memcpy(out, text, text_len);
	out[text_len] = '\0';
	return true;
}

/* A length and so many bytes (RFC 1035 §3.3). Of one that does not fit nothing is kept. */
static bool read_string(const uint8_t **at, const uint8_t *end, char *out, size_t cap)
{
	if (*at >= end || end - *at <= **at)
		return false;
	size_t len = **at;
	bool has_nul = memchr(*at + 1, 0, len) != NULL;
	out[0] = '\0';
	if (len < cap && !has_nul) {
		memcpy(out, *at + 1, len);
		out[len] = '\0';
	}
	*at += len + 1;
	return true;
}

static bool read_srv(const ns_msg *m, const ns_rr *rr, struct dns_record *out)
{
	const uint8_t *at = ns_rr_rdata(*rr);

	if (ns_rr_rdlen(*rr) < 7)
		return false;
	out->priority = be16_get(at);
	out->weight = be16_get(at + 2);
	out->port = be16_get(at + 4);
	at += 6;
	return read_name(m, &at, out->name);
}

/* RFC 3403 §4.1. */
static bool read_naptr(const ns_msg *m, const ns_rr *rr, struct dns_record *out)
{
	const uint8_t *at = ns_rr_rdata(*rr), *end = at + ns_rr_rdlen(*rr);

	if (ns_rr_rdlen(*rr) < 8)
		return false;
	out->priority = be16_get(at);
	out->weight = be16_get(at + 2);
	at += 4;
	if (!read_string(&at, end, out->flags, sizeof(out->flags)) ||
		!read_string(&at, end, out->service, sizeof(out->service)) || at >= end ||
		end - at <= *at)
		return false;
	out->has_regexp = *at > 0;
	at += *at + 1;
	return at < end && read_name(m, &at, out->name);
}

static bool read_record(
	const ns_msg *m, const ns_rr *rr, enum dns_type type, struct dns_record *out)
{
	const uint8_t *data = ns_rr_rdata(*rr);

	memset(out, 0, sizeof(*out));
	switch (type) {
	case DNS_A:
		if (ns_rr_rdlen(*rr) == 4)
			out->addr = addr_ipv4(be32_get(data), 0);
		return ns_rr_rdlen(*rr) == 4;
	case DNS_AAAA:
		if (ns_rr_rdlen(*rr) == 16)
			out->addr = addr_ipv6(data, 0);
		return ns_rr_rdlen(*rr) == 16;
	case DNS_SRV:
		return read_srv(m, rr, out);
	case DNS_NAPTR:
		return read_naptr(m, rr, out);
	default:
		return false;
	}
}

int dns_records_read(struct bytes packet, enum dns_type type, struct dns_record *out, size_t *n_out)
{
	uint32_t ttl_s = UINT32_MAX;
	size_t n = 0;
	ns_msg m;

	if (packet.len > UINT16_MAX || ns_initparse(packet.data, (int)packet.len, &m) != 0)
		return ERR_MALFORMED;
	for (int i = 0; i < ns_msg_count(m, ns_s_an) && n < DNS_RECORDS_MAX; i++) {
		ns_rr rr;
		if (ns_parserr(&m, ns_s_an, i, &rr) != 0)
			return ERR_MALFORMED;
		if (ns_rr_ttl(rr) < ttl_s)
			ttl_s = ns_rr_ttl(rr);
		if (ns_rr_type(rr) != (unsigned)type || ns_rr_class(rr) != ns_c_in)
			continue;
		if (!read_record(&m, &rr, type, &out[n]))
			return ERR_MALFORMED;
		n++;
	}
	for (size_t i = 0; i < n; i++)
		out[i].ttl_s = ttl_s;
	*n_out = n;
	return 0;
}
