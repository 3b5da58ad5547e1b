/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 and UDP headers, and the addresses that tests may use. Face: rawudp.h. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "rawudp.h"

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += be16_get(p);
	return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t udp_checksum(const uint8_t *ip, size_t udp_len)
{
	uint32_t sum = sum16(ip + 12, 8, IPPROTO_UDP + (uint32_t)udp_len);

	sum = sum16(ip + 20, udp_len, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

void rawudp_wrap(
	uint8_t *ip, size_t len, uint32_t source, uint16_t source_port, const struct addr *to)
{
	uint8_t *udp = ip + 20;

	memset(ip, 0, RAWUDP_HEADERS);
	ip[0] = 0x45;
	be16_put(ip + 2, (uint16_t)(RAWUDP_HEADERS + len));
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	be32_put(ip + 12, source);
	memcpy(ip + 16, to->ip + 12, 4);
	be16_put(udp, source_port);
	be16_put(udp + 2, to->port);
	be16_put(udp + 4, (uint16_t)(8 + len));
	be16_put(udp + 6, udp_checksum(ip, 8 + len));
}

int rawudp_parse_prefix(char *text, uint32_t *base, uint32_t *mask)
{
	char *slash = strchr(text, '/');
	unsigned long bits = slash ? strtoul(slash + 1, NULL, 10) : 32;
	struct addr a;

	if (slash)
		*slash = '\0';
	if (addr_parse(text, 0, &a) != 0 || a.family != ADDR_IPV4 || bits < 1 || bits > 32)
		return ERR_MALFORMED;
	*mask = bits == 32 ? 0 : 0xffffffffu >> bits;
	*base = be32_get(a.ip + 12) & ~*mask;
	return 0;
}

bool rawudp_is_test_address(const struct addr *a)
{
	uint32_t ip = be32_get(a->ip + 12);

	return a->family == ADDR_IPV4 && (ip >> 24 == 10 || ip >> 24 == 127 || ip >> 20 == 0xac1 ||
						 ip >> 16 == 0xc0a8 || ip >> 17 == 0xc612 >> 1);
}
