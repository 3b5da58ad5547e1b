/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The headers of a UDP datagram, written in place in front of its payload, for packets that leave
 * past the kernel's UDP; and read again where an ICMP error quotes them. Pure: bytes and structs.
 */
#ifndef NET_HEADERS_H
#define NET_HEADERS_H

#include <sallyport/net.h>

#define NET_UDP_HEADER  8
#define NET_IPV4_HEADER 20
#define NET_IPV6_HEADER 40
/* Ethernet, IPv6, UDP; a buffer has room for them whatever else was put before its payload. */
#define NET_HEADERS_MAX (14 + NET_IPV6_HEADER + NET_UDP_HEADER)

/* What an IP header says beside lengths. FROM and TO are of one family. */
struct net_ip {
	struct addr from, to; /* with the ports of the UDP header */
	uint8_t tos;          /* or traffic class */
	uint8_t hops;         /* TTL or hop limit */
	bool dont_fragment;   /* IPv4 */
	uint16_t id;          /* IPv4 */
};

/* The length of the headers that net_headers_write puts before a payload. */
static inline size_t net_headers_len(const struct net_ip *ip)
{
	return ip->to.family == ADDR_IPV6 ? NET_IPV6_HEADER + NET_UDP_HEADER
					  : NET_IPV4_HEADER + NET_UDP_HEADER;
}

/* The longest payload that a datagram of the family can carry. */
static inline size_t net_payload_max(uint8_t family)
{
	size_t ip = family == ADDR_IPV6 ? 0 : NET_IPV4_HEADER;

	return NET_DATAGRAM_MAX - ip - NET_UDP_HEADER;
}

/*
 * Writes the UDP header, with its checksum, right before the LEN bytes at PAYLOAD; at most
 * net_payload_max. Returns where it begins.
 */
uint8_t *net_headers_udp(
	const struct addr *from, const struct addr *to, uint8_t *payload, size_t len);
/* Writes the IP header right before the LEN bytes at UDP, a datagram with its header. Returns where
 * it begins. */
uint8_t *net_headers_ip(const struct net_ip *ip, uint8_t *udp, size_t len);

/* An ICMP error as it came, and the datagram that met it. */
struct net_quoted {
	struct addr from, to; /* of the datagram */
	uint8_t type, code;
	uint32_t info; /* as in struct net_icmp */
};

/*
 * Reads an ICMP message, IPv4's with its IP header in front as a raw socket gives it, IPv6's
 * without. False for what is no error, is cut short before the ports, quotes no UDP, or, of IPv4,
 * has a wrong checksum; that of IPv6 the kernel has checked.
 */
bool net_quoted_read4(struct bytes packet, struct net_quoted *out);
bool net_quoted_read6(struct bytes icmp, struct net_quoted *out);

#endif
