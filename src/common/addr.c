/* SPDX-License-Identifier: BSD-3-Clause */
/* Transport addresses in canonical form: conversion, text, comparison. Prefixes are in prefix.c. */
#include <sallyport/common/addr.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sallyport/common/bytes.h>
#include <sallyport/common/err.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct addr addr_ipv4(uint32_t ip_host_order, uint16_t port)
{
	struct addr a = {.port = port, .family = ADDR_IPV4};

	memcpy(a.ip, mapped_prefix, sizeof(mapped_prefix));
	be32_put(a.ip + 12, ip_host_order);
	return a;
}

struct addr addr_ipv6(const uint8_t ip[16], uint16_t port)
{
	struct addr a = {.port = port, .family = ADDR_IPV6};

	memcpy(a.ip, ip, 16);
	if (memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0)
		a.family = ADDR_IPV4;
	return a;
}

/* Unicast and multicast link-local: the only addresses that mean nothing without an interface. */
static bool has_scope(const struct addr *a)
{
	return a->family == ADDR_IPV6 && ((a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80) ||
						 (a->ip[0] == 0xff && (a->ip[1] & 0x0f) == 0x02));
}

int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *out)
{
	if (len < offsetof(struct sockaddr, sa_family) + sizeof(sa->sa_family))
		return ERR_UNSUPPORTED;
	if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		*out = addr_ipv4(ntohl(in.sin_addr.s_addr), ntohs(in.sin_port));
		return 0;
	}
	if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		*out = addr_ipv6(in6.sin6_addr.s6_addr, ntohs(in6.sin6_port));
		if (has_scope(out))
			out->scope = in6.sin6_scope_id;
		return 0;
	}
	return ERR_UNSUPPORTED;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	if (a->family == ADDR_IPV4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		memset(in, 0, sizeof(*in));
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip + 12, 4);
		return sizeof(*in);
	}
	if (a->family == ADDR_IPV6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

		memset(in6, 0, sizeof(*in6));
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		in6->sin6_scope_id = a->scope;
		memcpy(&in6->sin6_addr, a->ip, 16);
		return sizeof(*in6);
	}
	out->ss_family = AF_UNSPEC;
	return 0;
}

/* Decimal digits only, no sign, no leading zero, at most MAX. */
static int number_parse(const char *text, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return ERR_MALFORMED;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return ERR_MALFORMED;
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > max)
			return ERR_MALFORMED;
	}
	*out = (uint32_t)v;
	return 0;
}

/* An IPv6 address, with "%index" where a scope is meant. Cuts TEXT at the percent sign. */
static int ipv6_parse(char *text, struct addr *out)
{
	char *percent = strchr(text, '%');
	uint8_t ip[16];

	if (percent != NULL)
		*percent++ = '\0';
	if (inet_pton(AF_INET6, text, ip) != 1)
		return ERR_MALFORMED;
	*out = addr_ipv6(ip, 0);
	if (percent == NULL)
		return 0;
	if (!has_scope(out))
		return ERR_MALFORMED;
	return number_parse(percent, UINT32_MAX, &out->scope);
}

static int ipv4_parse(const char *text, struct addr *out)
{
	uint8_t ip[4];

	if (inet_pton(AF_INET, text, ip) != 1)
		return ERR_MALFORMED;
	*out = addr_ipv4(be32_get(ip), 0);
	return 0;
}

/*
 * Cuts TEXT into host and port. *HOST and *PORT point into it, *PORT is NULL when there is none;
 * *IS_IPV6 says which family the punctuation promises.
 */
static int host_port_split(char *text, char **host, char **port, bool *is_ipv6)
{
	char *colon = strchr(text, ':');

	*host = text;
	*port = NULL;
	*is_ipv6 = true;
	if (text[0] == '[') {
		char *end = strchr(text, ']');

		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return ERR_MALFORMED;
		*host = text + 1;
		*port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
		return 0;
	}
	if (colon != NULL && strchr(colon + 1, ':') != NULL)
		return 0;
	*is_ipv6 = false;
	if (colon != NULL) {
		*colon = '\0';
		*port = colon + 1;
	}
	return 0;
}

int addr_parse(const char *text, uint16_t default_port, struct addr *out)
{
	char copy[ADDR_TEXT_LEN];
	size_t len = strlen(text);
	char *host, *port_text;
	bool is_ipv6;
	uint32_t port = default_port;
	struct addr a;

	if (len >= sizeof(copy))
		return ERR_MALFORMED;
	memcpy(copy, text, len + 1);
	if (host_port_split(copy, &host, &port_text, &is_ipv6) != 0)
		return ERR_MALFORMED;
	if (port_text != NULL && number_parse(port_text, UINT16_MAX, &port) != 0)
		return ERR_MALFORMED;
	if ((is_ipv6 ? ipv6_parse(host, &a) : ipv4_parse(host, &a)) != 0)
		return ERR_MALFORMED;
	a.port = (uint16_t)port;
	*out = a;
	return 0;
}

/* Without printf: log lines are written for each allocation, with two addresses or more. */
static char *number_put(char *to, unsigned v)
{
	char digits[8];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	while (n > 0)
		*to++ = digits[--n];
	return to;
}

static char *ipv4_put(char *to, const struct addr *a)
{
	for (size_t i = 12; i < 16; i++) {
		to = number_put(to, a->ip[i]);
		*to++ = '.';
	}
	return to - 1;
}

const char *addr_format_ip(const struct addr *a, char buf[ADDR_TEXT_LEN])
{
	size_t len;

	if (a->family == ADDR_IPV4) {
		*ipv4_put(buf, a) = '\0';
		return buf;
	}
	if (a->family != ADDR_IPV6) {
		(void)snprintf(buf, ADDR_TEXT_LEN, "none");
		return buf;
	}
	(void)inet_ntop(AF_INET6, a->ip, buf, ADDR_TEXT_LEN); /* 46 bytes always suffice */
	if (a->scope != 0) {
		len = strlen(buf);
		(void)snprintf(buf + len, ADDR_TEXT_LEN - len, "%%%u", a->scope);
	}
	return buf;
}

const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_LEN])
{
	char ip[ADDR_TEXT_LEN];

	if (a->family == ADDR_IPV4) {
		char *end = ipv4_put(buf, a);
		*end++ = ':';
		*number_put(end, a->port) = '\0';
		return buf;
	}
	(void)addr_format_ip(a, ip);
	/* An address and its scope need 57 bytes; the precision lets the compiler see that. */
	if (a->family == ADDR_IPV6)
		(void)snprintf(buf, ADDR_TEXT_LEN, "[%.60s]:%u", ip, a->port);
	else
		(void)snprintf(buf, ADDR_TEXT_LEN, "none");
	return buf;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_equal_ip(a, b) && a->port == b->port;
}

bool addr_equal_ip(const struct addr *a, const struct addr *b)
{
	return memcmp(a->ip, b->ip, 16) == 0 && a->scope == b->scope && a->family == b->family;
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	if (a->family == ADDR_IPV4)
		return be32_get(a->ip + 12) == 0;
	return memcmp(a->ip, zero, 16) == 0;
}
