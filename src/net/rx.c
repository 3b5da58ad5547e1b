/* SPDX-License-Identifier: BSD-3-Clause */
/* From the kernel: the worker's receive batch, which serves all of its UDP sockets in turn. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net_priv.h"
#include "rx.h"

/* TOS or TCLASS, and, of steered ports, where it was sent to. */
#define CONTROL_LEN (CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct sockaddr_in6)))

union sockaddr_inet {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct net_rx {
	struct mmsghdr msgs[NET_BATCH];
	struct iovec iov[NET_BATCH];
	union sockaddr_inet from[NET_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[NET_BATCH][CONTROL_LEN];
	struct net_buf *bufs[NET_BATCH];
};

/* What the kernel overwrites in a header is set anew when the datagram is taken out. */
static void reset(struct msghdr *h)
{
	h->msg_namelen = sizeof(union sockaddr_inet);
	h->msg_controllen = CONTROL_LEN;
	h->msg_flags = 0;
}

struct net_rx *net_rx_create(void)
{
	struct net_rx *rx = calloc(1, sizeof(*rx));

	for (unsigned i = 0; rx && i < NET_BATCH; i++) {
		struct msghdr *h = &rx->msgs[i].msg_hdr;
		rx->iov[i].iov_len = NET_DATAGRAM_MAX;
		h->msg_name = &rx->from[i];
		h->msg_iov = &rx->iov[i];
		h->msg_iovlen = 1;
		h->msg_control = rx->control[i];
		reset(h);
	}
	return rx;
}

void net_rx_destroy(struct net_rx *rx)
{
	free(rx);
}

/* Puts free buffers into the first WANT slots; returns how many have one. */
static unsigned prepare(struct net *n, unsigned want)
{
	struct net_rx *rx = n->rx;

	if (n->n_free < want)
		net_flush(n);
	for (unsigned i = 0; i < want; i++) {
		if (rx->bufs[i])
			continue;
		rx->bufs[i] = net_buf_get(n);
		if (!rx->bufs[i])
			return i;
		rx->iov[i].iov_base = rx->bufs[i]->data;
	}
	return want;
}

int net_rx_call(struct net *n, int fd, unsigned want)
{
	struct mmsghdr *msgs = n->rx->msgs;
	unsigned slots = prepare(n, want);

	if (slots != 1)
		return slots > 0 ? recvmmsg(fd, msgs, slots, 0, NULL) : 0;
	/* The call for one costs less than the one for many. */
	ssize_t len = recvmsg(fd, &msgs->msg_hdr, 0);
	if (len < 0)
		return -1;
	msgs->msg_len = (unsigned)len;
	return 1;
}

/* TOS is 0 where the kernel does not tell it. */
static void read_control(struct msghdr *h, uint8_t *tos, struct addr *to)
{
	*tos = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP, v6 = c->cmsg_level == IPPROTO_IPV6;
		int tclass;

		if (v4 && c->cmsg_type == IP_TOS) {
			*tos = *CMSG_DATA(c);
		} else if (v6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
			*tos = (uint8_t)tclass;
		} else if (to && ((v4 && c->cmsg_type == IP_ORIGDSTADDR) ||
					 (v6 && c->cmsg_type == IPV6_ORIGDSTADDR))) {
			/* It is of either family, or the port is found to be nobody's. */
			(void)addr_from_sockaddr((const struct sockaddr *)(void *)CMSG_DATA(c),
				(socklen_t)(c->cmsg_len - CMSG_LEN(0)), to);
		}
	}
}

struct net_buf *net_rx_take(struct net *n, unsigned i, struct addr *to)
{
	struct net_rx *rx = n->rx;
	struct msghdr *h = &rx->msgs[i].msg_hdr;
	struct net_buf *b = rx->bufs[i];
	bool is_good = !(h->msg_flags & MSG_TRUNC) &&
		       addr_from_sockaddr(&rx->from[i].sa, h->msg_namelen, &b->addr) == 0;

	if (is_good) {
		rx->bufs[i] = NULL;
		b->len = rx->msgs[i].msg_len;
		read_control(h, &b->tos, to);
	}
	reset(h);
	return is_good ? b : NULL;
}

void net_rx_count(struct net *n, unsigned received, struct net_buf *const *bufs, unsigned good)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < good; i++)
		bytes += bufs[i]->len;
	metrics_add(n->cells, NET_C_RX_CALLS, 1);
	metrics_add(n->cells, NET_C_RX_PACKETS, good);
	metrics_add(n->cells, NET_C_RX_BYTES, bytes);
	if (good < received)
		metrics_add(n->cells, NET_C_RX_ERRORS, received - good);
	loop_packets(n->loop, received);
}
