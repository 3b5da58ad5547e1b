/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * To the kernel, past its UDP. A datagram whose path is known leaves as a frame on a packet socket;
 * any other gets its UDP header from us and the rest from the kernel, on a raw socket: it routes,
 * resolves, fragments and loops back. Packets to one address keep their order.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <sallyport/crypto.h>

#include "headers.h"
#include "steer_priv.h"

/* Where IPv4 identifications come from; a counter for every so many destinations. */
#define ID_COUNTERS 1024

#define CONTROL_LEN (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))

/* Messages on their way to one socket. */
struct batch {
	int fd;
	unsigned n;
	bool dont_fragment; /* all of them */
	struct mmsghdr msgs[NET_BATCH];
	struct iovec iov[NET_BATCH];
	struct sockaddr_storage to[NET_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[NET_BATCH][CONTROL_LEN];
	struct net_buf *bufs[NET_BATCH];
};

struct net_steer_tx {
	struct batch frames;
	struct batch raw[STEER_FAMILIES];
	struct hash_key key; /* of the counters */
	uint16_t ids[ID_COUNTERS];
};

struct net_steer_tx *net_steer_tx_create(struct net_steer *s)
{
	struct net_steer_tx *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return NULL;
	tx->frames.fd = s->sockets->frames;
	for (unsigned f = 0; f < STEER_FAMILIES; f++)
		tx->raw[f].fd = s->sockets->raw[f];
	crypto_random(&tx->key, sizeof(tx->key));
	crypto_random(tx->ids, sizeof(tx->ids));
	return tx;
}

void net_steer_tx_destroy(struct net_steer_tx *tx)
{
	free(tx);
}

/* ---- to the kernel ---- */

static void drop(struct net_steer *s, struct net_buf *b, enum net_counter why)
{
	metrics_add(s->net->cells, why, 1);
	net_buf_put(s->net, b);
}

/* As set_dont_fragment of udp_tx.c. */
static void set_dont_fragment(const struct net_steer *s, const struct batch *b, bool on)
{
	bool v6 = b == &s->tx->raw[STEER_IPV6];
	int value = v6 ? (on ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT)
		       : (on ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT);

	(void)setsockopt(b->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
		v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &value, sizeof(value));
}

/* A call stops at the first message that fails, which is dropped and counted. */
static void send_batch(struct net_steer *s, struct batch *b)
{
	unsigned i = 0;

	while (i < b->n) {
		int sent = sendmmsg(b->fd, b->msgs + i, b->n - i, 0);
		if (sent <= 0) {
			metrics_add(s->net->cells, net_tx_counter_of(errno), 1);
			i++;
			continue;
		}
		metrics_add(s->net->cells, NET_C_TX_CALLS, 1);
		metrics_add(s->net->cells, NET_C_TX_PACKETS, (uint64_t)sent);
		for (unsigned end = i + (unsigned)sent; i < end; i++)
			metrics_add(s->net->cells, NET_C_TX_BYTES, b->bufs[i]->len);
		metrics_add(s->net->cells,
			b == &s->tx->frames ? NET_C_STEER_FRAMES : NET_C_STEER_RAW, (uint64_t)sent);
	}
}

static void flush(struct net_steer *s, struct batch *b)
{
	if (b->n == 0)
		return;
	if (b->dont_fragment)
		set_dont_fragment(s, b, true);
	send_batch(s, b);
	if (b->dont_fragment)
		set_dont_fragment(s, b, false);
	for (unsigned i = 0; i < b->n; i++)
		net_buf_put(s->net, b->bufs[i]);
	b->n = 0;
}

void net_steer_flush(struct net_steer *s)
{
	flush(s, &s->tx->frames);
	for (unsigned f = 0; f < STEER_FAMILIES; f++)
		flush(s, &s->tx->raw[f]);
}

/* What waits in the other batch for the same address goes first. */
static void keep_order(struct net_steer *s, struct batch *other, const struct addr *to)
{
	for (unsigned i = 0; i < other->n; i++) {
		if (addr_equal(&other->bufs[i]->addr, to)) {
			flush(s, other);
			return;
		}
	}
}

/* The next message of BATCH, for LEN bytes at DATA. b->len stays that of the payload. */
static struct msghdr *append(
	struct net_steer *s, struct batch *batch, struct net_buf *b, uint8_t *data, size_t len)
{
	struct msghdr *h = &batch->msgs[batch->n].msg_hdr;

	batch->bufs[batch->n] = b;
	batch->iov[batch->n] = (struct iovec){data, len};
	*h = (struct msghdr){.msg_name = &batch->to[batch->n],
		.msg_iov = &batch->iov[batch->n],
		.msg_iovlen = 1};
	batch->n++;
	loop_deferred_run(s->net->loop, &s->net->flush);
	return h;
}

/* ---- by a raw socket ---- */

static struct cmsghdr *put_source(struct msghdr *h, const struct addr *from)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(h);

	if (from->family == ADDR_IPV6) {
		struct in6_pktinfo info = {.ipi6_ifindex = from->scope};
		memcpy(&info.ipi6_addr, from->ip, sizeof(info.ipi6_addr));
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(info)),
			.cmsg_level = IPPROTO_IPV6,
			.cmsg_type = IPV6_PKTINFO};
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		h->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in_pktinfo info = {.ipi_ifindex = 0};
		memcpy(&info.ipi_spec_dst, from->ip + 12, sizeof(info.ipi_spec_dst));
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(info)),
			.cmsg_level = IPPROTO_IP,
			.cmsg_type = IP_PKTINFO};
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		h->msg_controllen = CMSG_SPACE(sizeof(info));
	}
	return (struct cmsghdr *)(void *)((uint8_t *)h->msg_control + h->msg_controllen);
}

static void put_control(struct msghdr *h, const struct addr *from, uint8_t tos)
{
	bool v6 = from->family == ADDR_IPV6;
	int value = tos;

	h->msg_controllen = CONTROL_LEN;
	struct cmsghdr *c = put_source(h, from);
	if (tos == 0)
		return;
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(value)),
		.cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP,
		.cmsg_type = v6 ? IPV6_TCLASS : IP_TOS};
	memcpy(CMSG_DATA(c), &value, sizeof(value));
	h->msg_controllen += CMSG_SPACE(sizeof(value));
}

static void send_raw(struct net_steer *s, const struct addr *from, struct net_buf *b)
{
	struct batch *raw = &s->tx->raw[steer_family(&b->addr)];
	bool dont_fragment = (b->flags & NET_DONT_FRAGMENT) != 0;

	keep_order(s, &s->tx->frames, &b->addr);
	if (raw->n == NET_BATCH || raw->dont_fragment != dont_fragment)
		flush(s, raw);
	raw->dont_fragment = dont_fragment;
	uint8_t *udp = net_headers_udp(from, &b->addr, b->data, b->len);
	unsigned i = raw->n;
	struct msghdr *h = append(s, raw, b, udp, NET_UDP_HEADER + b->len);
	/* A raw socket has no ports; IPv6 takes one for a protocol's number. */
	struct addr to = b->addr;
	to.port = 0;
	h->msg_namelen = addr_to_sockaddr(&to, &raw->to[i]);
	h->msg_control = raw->control[i];
	put_control(h, from, b->tos);
}

/* ---- by frames ---- */

static uint16_t next_id(struct net_steer_tx *tx, const struct addr *to)
{
	return tx->ids[hash_bytes(&tx->key, to->ip, sizeof(to->ip)) % ID_COUNTERS]++;
}

static void send_frame(struct net_steer *s, const struct net_path *path, const struct addr *from,
	struct net_buf *b)
{
	struct batch *frames = &s->tx->frames;
	struct net_ip ip = {.from = *from,
		.to = b->addr,
		.tos = b->tos,
		.hops = s->steering->hops[steer_family(&b->addr)],
		.dont_fragment = (b->flags & NET_DONT_FRAGMENT) != 0};

	keep_order(s, &s->tx->raw[steer_family(&b->addr)], &b->addr);
	if (frames->n == NET_BATCH)
		flush(s, frames);
	if (b->addr.family == ADDR_IPV4)
		ip.id = next_id(s->tx, &b->addr);
	uint8_t *p = net_headers_udp(from, &b->addr, b->data, b->len);
	p = net_headers_ip(&ip, p, NET_UDP_HEADER + b->len);
	p -= NET_PATH_HEADER;
	memcpy(p, path->header, NET_PATH_HEADER);
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
		.sll_protocol = htons(b->addr.family == ADDR_IPV6 ? ETH_P_IPV6 : ETH_P_IP),
		.sll_ifindex = (int)path->ifindex};
	memcpy(&frames->to[frames->n], &to, sizeof(to));
	size_t len = NET_PATH_HEADER + net_headers_len(&ip) + b->len;
	append(s, frames, b, p, len)->msg_namelen = sizeof(to);
}

/* The path for a frame, or NULL: too long for it, or the kernel has to see to the packet. */
static const struct net_path *frame_path(
	struct net_steer *s, const struct addr *from, const struct net_buf *b)
{
	const struct net_path *path = s->paths ? net_path_find(s->paths, from, &b->addr) : NULL;
	size_t headers = b->addr.family == ADDR_IPV6 ? NET_IPV6_HEADER : NET_IPV4_HEADER;

	if (!path || !net_path_is_ready(path) || headers + NET_UDP_HEADER + b->len > path->mtu)
		return NULL;
	return path;
}

void net_steer_send(struct net_steer *s, const struct addr *from, struct net_buf *b)
{
	if (b->len > net_payload_max(b->addr.family)) {
		drop(s, b, NET_C_TX_TOO_BIG);
		return;
	}
	/* What a socket refuses too; and a family that the host does not have. */
	if (b->addr.family != from->family || b->addr.port == 0 ||
		s->sockets->raw[steer_family(&b->addr)] < 0) {
		drop(s, b, NET_C_TX_ERRORS);
		return;
	}
	const struct net_path *path = frame_path(s, from, b);
	if (path)
		send_frame(s, path, from, b);
	else
		send_raw(s, from, b);
}
