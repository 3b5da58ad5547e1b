/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors (RFC 792, RFC 4443): which datagram of ours met one. Written by routers and by
 * whoever wants to be taken for one; every length is checked.
 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "checksum.h"
#include "headers.h"

#define ICMP_HEADER 8
/* Extension headers that are looked behind; a datagram of ours has one, where it is a fragment. */
#define EXTENSIONS_MAX 4

/* The ports of the datagram whose UDP header begins P. */
static bool read_ports(struct bytes p, struct net_quoted *out)
{
	if (p.len < 4)
		return false;
	out->from.port = be16_get(p.data);
	out->to.port = be16_get(p.data + 2);
	return true;
}

static struct bytes skip(struct bytes p, size_t n)
{
	return bytes_of(p.data + n, p.len - n);
}

/* An IPv4 header's length, when it and its options are there; else 0. */
static size_t ipv4_header(struct bytes p)
{
	size_t len = p.len >= NET_IPV4_HEADER && p.data[0] >> 4 == 4 ? (p.data[0] & 15u) * 4 : 0;

	return len >= NET_IPV4_HEADER && len <= p.len ? len : 0;
}

static bool quotes_udp4(struct bytes p, struct net_quoted *out)
{
	size_t header = ipv4_header(p);

	/* Behind the first fragment there are no ports. */
	if (header == 0 || p.data[9] != IPPROTO_UDP || (be16_get(p.data + 6) & 0x1fff) != 0)
		return false;
	out->from = addr_ipv4(be32_get(p.data + 12), 0);
	out->to = addr_ipv4(be32_get(p.data + 16), 0);
	return read_ports(skip(p, header), out);
}

bool net_quoted_read4(struct bytes packet, struct net_quoted *out)
{
	size_t header = ipv4_header(packet);

	if (header == 0 || packet.data[9] != IPPROTO_ICMP || packet.len < header + ICMP_HEADER)
		return false;
	struct bytes icmp = skip(packet, header);
	if (net_checksum_fold(net_checksum_add(0, icmp.data, icmp.len)) != 0)
		return false;
	out->type = icmp.data[0];
	out->code = icmp.data[1];
	out->info = 0;
	if (out->type == ICMP_DEST_UNREACH && out->code == ICMP_FRAG_NEEDED)
		out->info = be16_get(icmp.data + 6);
	else if (out->type != ICMP_DEST_UNREACH && out->type != ICMP_TIME_EXCEEDED &&
		 out->type != ICMP_PARAMETERPROB)
		return false;
	return quotes_udp4(skip(icmp, ICMP_HEADER), out);
}

/* The upper layer of what begins with a NEXT, behind its extension headers; moves *P there. */
static int behind_extensions(uint8_t next, struct bytes *p)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		size_t len;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
			next != IPPROTO_FRAGMENT)
			return next;
		if (p->len < 8)
			return -1;
		if (next == IPPROTO_FRAGMENT && be16_get(p->data + 2) >> 3 != 0)
			return -1; /* not the first one */
		len = next == IPPROTO_FRAGMENT ? 8 : (p->data[1] + 1u) * 8;
		if (len > p->len)
			return -1;
		next = p->data[0];
		*p = skip(*p, len);
	}
	return -1;
}

static bool quotes_udp6(struct bytes p, struct net_quoted *out)
{
	if (p.len < NET_IPV6_HEADER || p.data[0] >> 4 != 6)
		return false;
	struct bytes rest = skip(p, NET_IPV6_HEADER);
	if (behind_extensions(p.data[6], &rest) != IPPROTO_UDP)
		return false;
	out->from = addr_ipv6(p.data + 8, 0);
	out->to = addr_ipv6(p.data + 24, 0);
	return read_ports(rest, out);
}

bool net_quoted_read6(struct bytes icmp, struct net_quoted *out)
{
	if (icmp.len < ICMP_HEADER)
		return false;
	out->type = icmp.data[0];
	out->code = icmp.data[1];
	out->info = out->type == ICMP6_PACKET_TOO_BIG ? be32_get(icmp.data + 4) : 0;
	if (out->type < ICMP6_DST_UNREACH || out->type > ICMP6_PARAM_PROB)
		return false;
	return quotes_udp6(skip(icmp, ICMP_HEADER), out);
}
