/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses: the canonical form, to and from the kernel and people. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/common.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const uint8_t ip[16])
{
	return memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

struct addr addr_ipv4(uint32_t ip_host_order, uint16_t port)
{
	struct addr a = {.port = port, .family = ADDR_IPV4};

	memcpy(a.ip, mapped_prefix, sizeof(mapped_prefix));
	be32_put(a.ip + 12, ip_host_order);
	return a;
}

struct addr addr_ipv6(const uint8_t ip[16], uint16_t port)
{
	struct addr a = {.port = port, .family = is_mapped(ip) ? ADDR_IPV4 : ADDR_IPV6};

	memcpy(a.ip, ip, sizeof(a.ip));
	return a;
}

int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *out)
{
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
		if (out->family == ADDR_IPV6 && IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
			out->scope = in6.sin6_scope_id;
		return 0;
	}
	return ERR_UNSUPPORTED;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	if (a->family == ADDR_IPV6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
			.sin6_port = htons(a->port),
			.sin6_scope_id = a->scope};
		memcpy(&in6.sin6_addr, a->ip, sizeof(a->ip));
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	memcpy(&in.sin_addr, a->ip + 12, 4);
	memcpy(out, &in, sizeof(in));
	return sizeof(in);
}

static int parse_ip(const char *text, size_t len, struct addr *out)
{
	char buf[INET6_ADDRSTRLEN];
	uint8_t ip[16];

	if (len == 0 || len >= sizeof(buf))
		return ERR_MALFORMED;
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (inet_pton(AF_INET, buf, ip) == 1) {
		*out = addr_ipv4(be32_get(ip), 0);
		return 0;
	}
	if (inet_pton(AF_INET6, buf, ip) == 1) {
		*out = addr_ipv6(ip, 0);
		return 0;
	}
	return ERR_MALFORMED;
}

static int parse_port(const char *text, uint16_t *out)
{
	unsigned long n = 0;
	size_t i = 0;

	for (; text[i] >= '0' && text[i] <= '9' && i < 5; i++)
		n = n * 10 + (unsigned long)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || n > 65535)
		return ERR_MALFORMED;
	*out = (uint16_t)n;
	return 0;
}

int addr_parse(const char *text, uint16_t default_port, struct addr *out)
{
	const char *colon = strchr(text, ':');
	const char *port = NULL;
	const char *ip = text;
	size_t len = strlen(text);
	struct addr a;
	int rc;

	if (text[0] == '[') {
		const char *end = strchr(text, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return ERR_MALFORMED;
		ip = text + 1;
		len = (size_t)(end - ip);
		port = end[1] == ':' ? end + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		len = (size_t)(colon - text);
		port = colon + 1;
	}
	rc = parse_ip(ip, len, &a);
	a.port = default_port;
	if (rc == 0 && port)
		rc = parse_port(port, &a.port);
	/* Brackets belong to IPv6, and only they may hold it. */
	if (rc == 0 && text[0] == '[' && !memchr(ip, ':', len))
		rc = ERR_MALFORMED;
	if (rc == 0)
		*out = a;
	return rc;
}

const char *addr_format_ip(const struct addr *a, char buf[ADDR_TEXT_LEN])
{
	if (a->family == ADDR_NONE)
		snprintf(buf, ADDR_TEXT_LEN, "none");
	else if (a->family == ADDR_IPV4)
		inet_ntop(AF_INET, a->ip + 12, buf, ADDR_TEXT_LEN);
	else
		inet_ntop(AF_INET6, a->ip, buf, ADDR_TEXT_LEN);
	if (a->scope != 0) {
		size_t n = strlen(buf);
		snprintf(buf + n, ADDR_TEXT_LEN - n, "%%%u", a->scope);
	}
	return buf;
}

const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_LEN])
{
	char ip[ADDR_TEXT_LEN - 8];
	char full[ADDR_TEXT_LEN];

	addr_format_ip(a, full);
	snprintf(ip, sizeof(ip), "%.*s", (int)sizeof(ip) - 1, full);
	snprintf(buf, ADDR_TEXT_LEN, a->family == ADDR_IPV6 ? "[%s]:%u" : "%s:%u", ip, a->port);
	return buf;
}

bool addr_equal_ip(const struct addr *a, const struct addr *b)
{
	return a->scope == b->scope && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && addr_equal_ip(a, b);
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	if (a->family == ADDR_IPV4)
		return be32_get(a->ip + 12) == 0;
	return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

unsigned addr_embedded_ipv4(const struct addr *a, struct addr out[2])
{
	static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};

	if (a->family != ADDR_IPV6)
		return 0;
	if (memcmp(a->ip, nat64, sizeof(nat64)) == 0) {
		out[0] = addr_ipv4(be32_get(a->ip + 12), 0);
		return 1;
	}
	if (be16_get(a->ip) == 0x2002) { /* 6to4, RFC 3056 */
		out[0] = addr_ipv4(be32_get(a->ip + 2), 0);
		return 1;
	}
	if (be32_get(a->ip) ==
		0x20010000) { /* Teredo, RFC 4380 §4: the client's address is inverted */
		out[0] = addr_ipv4(be32_get(a->ip + 4), 0);
		out[1] = addr_ipv4(~be32_get(a->ip + 12), 0);
		return 2;
	}
	return 0;
}
