/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PROXY protocol's header.
 *
 *   1:  PROXY TCP4 192.0.2.7 203.0.113.1 40000 3478\r\n             at most 107 bytes
 *   2:  signature (12) | version 2, command (1) | family, transport (1) | length (2)
 *       | source, destination address, source, destination port | type (1) length (2) value ...
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "proxy.h"

#define V1_MAX    107
#define V2_HEADER 16
#define V2_IPV4   12 /* bytes of two addresses and two ports */
#define V2_IPV6   36

#define TLV_HEADER 3
#define TLV_CRC32C 0x03

enum {
	COMMAND_LOCAL,
	COMMAND_PROXY
};
enum {
	FAMILY_UNSPEC,
	FAMILY_IPV4,
	FAMILY_IPV6,
	FAMILY_UNIX
};

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static size_t shorter(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- version 1 ---- */

static bool read_ip(bool v6, const char *text, struct addr *out)
{
	uint8_t ip[16];

	if (!text || inet_pton(v6 ? AF_INET6 : AF_INET, text, ip) != 1)
		return false;
	*out = v6 ? addr_ipv6(ip, 0) : addr_ipv4(be32_get(ip), 0);
	return true;
}

static bool read_port(const char *text, uint16_t *out)
{
	uint32_t port = 0;
	size_t n = text ? strlen(text) : 0;

	if (n == 0 || n > 5 || (n > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (uint32_t)(text[i] - '0');
	}
	*out = (uint16_t)port;
	return port <= UINT16_MAX;
}

/* LINE is what stands behind "PROXY ", and is cut up. */
static int read_line(char *line, struct net_proxy_header *out)
{
	const char *family = strsep(&line, " ");
	struct addr server;
	uint16_t server_port;

	if (strcmp(family, "UNKNOWN") == 0)
		return 0; /* and whatever follows it */
	bool v6 = strcmp(family, "TCP6") == 0;
	if (!v6 && strcmp(family, "TCP4") != 0)
		return ERR_MALFORMED;
	if (!read_ip(v6, strsep(&line, " "), &out->client) ||
		!read_ip(v6, strsep(&line, " "), &server) ||
		!read_port(strsep(&line, " "), &out->client.port) ||
		!read_port(strsep(&line, " "), &server_port) || line)
		return ERR_MALFORMED;
	out->has_client = true;
	return 0;
}

static int parse_v1(struct bytes in, struct net_proxy_header *out)
{
	static const char start[] = "PROXY ";
	const size_t n_start = sizeof(start) - 1;
	char line[V1_MAX];

	if (memcmp(in.data, start, shorter(in.len, n_start)) != 0)
		return ERR_MALFORMED;
	const uint8_t *end = memchr(in.data, '\r', shorter(in.len, V1_MAX - 1));
	if (!end)
		return in.len < V1_MAX - 1 ? ERR_TRUNCATED : ERR_MALFORMED;
	size_t n = (size_t)(end - in.data);
	if (n + 1 == in.len)
		return ERR_TRUNCATED;
	if (n < n_start || end[1] != '\n' || memchr(in.data, '\0', n))
		return ERR_MALFORMED;
	memcpy(line, in.data + n_start, n - n_start);
	line[n - n_start] = '\0';
	out->len = n + 2;
	return read_line(line, out);
}

/* ---- version 2 ---- */

static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t len)
{
	/* Of four bits each: headers are short. */
	static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6,
		0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

/* The sum of the HEADER with its own field, at VALUE, taken as zero. */
static bool is_sum_right(struct bytes header, const uint8_t *value)
{
	static const uint8_t zero[4];
	const uint8_t *behind = value + sizeof(zero);
	uint32_t crc = crc32c(UINT32_MAX, header.data, (size_t)(value - header.data));

	crc = crc32c(crc, zero, sizeof(zero));
	crc = crc32c(crc, behind, (size_t)(header.data + header.len - behind));
	return ~crc == be32_get(value);
}

/* They must fill the header to its end. */
static bool are_extensions_right(struct bytes header, size_t at)
{
	bool has_sum = false;

	while (at < header.len) {
		if (header.len - at < TLV_HEADER)
			return false;
		const uint8_t *tlv = header.data + at;
		size_t len = be16_get(tlv + 1);
		if (len > header.len - at - TLV_HEADER)
			return false;
		if (tlv[0] == TLV_CRC32C) {
			if (has_sum || len != 4 || !is_sum_right(header, tlv + TLV_HEADER))
				return false;
			has_sum = true;
		}
		at += TLV_HEADER + len;
	}
	return true;
}

static int read_addresses(struct bytes header, uint8_t family, struct net_proxy_header *out)
{
	const uint8_t *at = header.data + V2_HEADER;
	size_t len = family == FAMILY_IPV4 ? V2_IPV4 : V2_IPV6;

	if (header.len < V2_HEADER + len || !are_extensions_right(header, V2_HEADER + len))
		return ERR_MALFORMED;
	out->client = family == FAMILY_IPV4 ? addr_ipv4(be32_get(at), be16_get(at + 8))
					    : addr_ipv6(at, be16_get(at + 32));
	out->has_client = true;
	return 0;
}

static int read_v2(struct bytes header, struct net_proxy_header *out)
{
	uint8_t command = header.data[12] & 15;
	uint8_t family = header.data[13] >> 4, transport = header.data[13] & 15;

	if (family > FAMILY_UNIX || transport > NET_PROXY_DATAGRAM)
		return ERR_MALFORMED;
	out->len = header.len;
	/* A balancer's own probe may carry anything, and one that knows no address says so. */
	if (command == COMMAND_LOCAL || family == FAMILY_UNSPEC || transport == NET_PROXY_UNTOLD)
		return 0;
	out->transport = transport;
	return family == FAMILY_UNIX ? ERR_UNSUPPORTED : read_addresses(header, family, out);
}

static int parse_v2(struct bytes in, struct net_proxy_header *out)
{
	if (memcmp(in.data, signature, shorter(in.len, sizeof(signature))) != 0)
		return ERR_MALFORMED;
	if (in.len > 12 && (in.data[12] >> 4 != 2 || (in.data[12] & 15) > COMMAND_PROXY))
		return ERR_MALFORMED;
	if (in.len < V2_HEADER)
		return ERR_TRUNCATED;
	size_t len = V2_HEADER + (size_t)be16_get(in.data + 14);
	if (len > NET_PROXY_MAX)
		return ERR_TOO_LARGE;
	return in.len < len ? ERR_TRUNCATED : read_v2(bytes_of(in.data, len), out);
}

/* ---- both ---- */

int net_proxy_parse(struct bytes in, struct net_proxy_header *out)
{
	struct net_proxy_header h = {.transport = NET_PROXY_UNTOLD};

	if (in.len == 0)
		return ERR_TRUNCATED;
	int rc = in.data[0] == signature[0] ? parse_v2(in, &h) : parse_v1(in, &h);
	if (rc == 0)
		*out = h;
	return rc;
}

void net_proxy_complain(struct net *n, const struct clock *clock, const struct addr *balancer,
	const char *transport)
{
	char text[ADDR_TEXT_LEN];
	uint32_t held;

	if (log_limit_ok(&n->log_proxy, clock->mono_ms, 1, &held))
		log_warning(LOG_NET, "no PROXY header from a balancer",
			"balancer=%s transport=%s held=%u", log_addr(balancer, text), transport,
			(unsigned)held);
}
