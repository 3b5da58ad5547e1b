/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing UDP and IP headers (RFC 768, RFC 791, RFC 8200). */
#include <netinet/in.h>

#include "checksum.h"
#include "headers.h"

#define IPV4_DONT_FRAGMENT 0x4000

/* The addresses as the pseudo-header of the family has them; IPv4's are the last four bytes. */
static uint64_t sum_addresses(const struct addr *from, const struct addr *to)
{
	size_t skip = to->family == ADDR_IPV6 ? 0 : 12;
	uint64_t sum = net_checksum_add(0, from->ip + skip, sizeof(from->ip) - skip);

	return net_checksum_add(sum, to->ip + skip, sizeof(to->ip) - skip);
}

uint8_t *net_headers_udp(
	const struct addr *from, const struct addr *to, uint8_t *payload, size_t len)
{
	uint8_t *udp = payload - NET_UDP_HEADER;
	size_t total = NET_UDP_HEADER + len;

	be16_put(udp, from->port);
	be16_put(udp + 2, to->port);
	be16_put(udp + 4, (uint16_t)total);
	be16_put(udp + 6, 0);
	/* Protocol and length of the pseudo-header are sums of 16-bit words like all else. */
	uint64_t sum = sum_addresses(from, to) + htons(IPPROTO_UDP) + htons((uint16_t)total);
	uint16_t checksum = net_checksum_fold(net_checksum_add(sum, udp, total));
	/* 0 would say that there is none (RFC 768, RFC 8200 §8.1). */
	if (checksum == 0)
		checksum = 0xffff;
	memcpy(udp + 6, &checksum, sizeof(checksum));
	return udp;
}

static uint8_t *write_ipv4(const struct net_ip *ip, uint8_t *udp, size_t len)
{
	uint8_t *p = udp - NET_IPV4_HEADER;

	p[0] = 0x45;
	p[1] = ip->tos;
	be16_put(p + 2, (uint16_t)(NET_IPV4_HEADER + len));
	be16_put(p + 4, ip->id);
	be16_put(p + 6, ip->dont_fragment ? IPV4_DONT_FRAGMENT : 0);
	p[8] = ip->hops;
	p[9] = IPPROTO_UDP;
	be16_put(p + 10, 0);
	memcpy(p + 12, ip->from.ip + 12, 4);
	memcpy(p + 16, ip->to.ip + 12, 4);
	uint16_t checksum = net_checksum_fold(net_checksum_add(0, p, NET_IPV4_HEADER));
	memcpy(p + 10, &checksum, sizeof(checksum));
	return p;
}

static uint8_t *write_ipv6(const struct net_ip *ip, uint8_t *udp, size_t len)
{
	uint8_t *p = udp - NET_IPV6_HEADER;

	be32_put(p, 6u << 28 | (uint32_t)ip->tos << 20); /* flow label 0: not labelled */
	be16_put(p + 4, (uint16_t)len);
	p[6] = IPPROTO_UDP;
	p[7] = ip->hops;
	memcpy(p + 8, ip->from.ip, 16);
	memcpy(p + 24, ip->to.ip, 16);
	return p;
}

uint8_t *net_headers_ip(const struct net_ip *ip, uint8_t *udp, size_t len)
{
	return ip->to.family == ADDR_IPV6 ? write_ipv6(ip, udp, len) : write_ipv4(ip, udp, len);
}
