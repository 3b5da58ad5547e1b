/* SPDX-License-Identifier: BSD-3-Clause */
/* From the kernel: batches of datagrams, and the error queue with the ICMP errors. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
/* linux/errqueue.h wants struct timespec in scope */
#include <time.h>
#include <linux/errqueue.h>

#include "net_priv.h"

/* Room for the TOS or TCLASS message, the only ones asked for on the data path. */
#define CONTROL_LEN CMSG_SPACE(sizeof(int))

/* A round takes a bounded number of errors, so that a flood of ICMP cannot hold the turn. */
#define ERRORS_PER_ROUND 64

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

struct net_rx *net_rx_create(void)
{
	return calloc(1, sizeof(struct net_rx));
}

void net_rx_destroy(struct net_rx *rx)
{
	free(rx);
}

/* Arms up to NET_BATCH slots with free buffers; returns how many. */
static unsigned prepare(struct net *n)
{
	struct net_rx *rx = n->rx;

	if (n->n_free < NET_BATCH)
		net_flush(n);
	for (unsigned i = 0; i < NET_BATCH; i++) {
		if (!rx->bufs[i])
			rx->bufs[i] = net_buf_get(n);
		if (!rx->bufs[i])
			return i;
		rx->iov[i] = (struct iovec){rx->bufs[i]->data, NET_DATAGRAM_MAX};
		rx->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &rx->from[i],
			.msg_namelen = sizeof(rx->from[i]),
			.msg_iov = &rx->iov[i],
			.msg_iovlen = 1,
			.msg_control = rx->control[i],
			.msg_controllen = CONTROL_LEN,
		};
	}
	return NET_BATCH;
}

static uint8_t tos_of(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			return *CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			int tclass;
			memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
			return (uint8_t)tclass;
		}
	}
	return 0;
}

/* Moves the received buffers out of the batch into OUT; returns how many are good. */
static size_t collect(struct net *n, unsigned received, struct net_buf **out)
{
	struct net_rx *rx = n->rx;
	size_t good = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < received; i++) {
		struct msghdr *h = &rx->msgs[i].msg_hdr;
		struct net_buf *b = rx->bufs[i];

		if ((h->msg_flags & MSG_TRUNC) ||
			addr_from_sockaddr(&rx->from[i].sa, h->msg_namelen, &b->addr) != 0) {
			metrics_add(n->cells, NET_C_RX_ERRORS, 1);
			continue; /* the buffer stays in its slot */
		}
		rx->bufs[i] = NULL;
		b->len = rx->msgs[i].msg_len;
		b->tos = tos_of(h);
		bytes += b->len;
		out[good++] = b;
	}
	metrics_add(n->cells, NET_C_RX_CALLS, 1);
	metrics_add(n->cells, NET_C_RX_PACKETS, good);
	metrics_add(n->cells, NET_C_RX_BYTES, bytes);
	return good;
}

/*
 * Is ERROR no more than the news that the error queue has something? The kernel says so on the next
 * call, in the words of the ICMP error (RFC 1122 §4.1.3.3).
 */
static bool is_icmp_news(const struct net_udp *s, int error)
{
	if (!s->handler->icmp)
		return false;
	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPROTO:
	case EACCES:
	case EMSGSIZE:
		return true;
	default:
		return false;
	}
}

bool net_udp_receive(struct net_udp *s)
{
	struct net *n = s->net;
	struct net_buf *bufs[NET_BATCH];
	unsigned slots = prepare(n);

	if (slots == 0)
		return true; /* every buffer is queued for a kernel that takes none: try again next
				turn */
	int received = recvmmsg(s->fd, n->rx->msgs, slots, 0, NULL);
	if (received <= 0) {
		if (received < 0 && errno != EAGAIN && errno != EINTR && !is_icmp_news(s, errno))
			metrics_add(n->cells, NET_C_RX_ERRORS, 1);
		return false;
	}
	size_t good = collect(n, (unsigned)received, bufs);
	if (good > 0)
		s->handler->packets(s->handler->arg, &s->port, bufs, good);
	return true;
}

/* The error itself and the address the failed packet went to; false when it is not ICMP. */
static bool icmp_of(struct msghdr *h, struct net_icmp *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
		if (!v4 && !v6)
			continue;
		struct sock_extended_err e;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.ee_origin != SO_EE_ORIGIN_ICMP && e.ee_origin != SO_EE_ORIGIN_ICMP6)
			return false;
		out->type = e.ee_type;
		out->code = e.ee_code;
		out->info = e.ee_info;
		return true;
	}
	return false;
}

void net_udp_read_errors(struct net_udp *s)
{
	struct net *n = s->net;

	if (!s->handler->icmp)
		return;
	n->receiving = s;
	for (int i = 0; i < ERRORS_PER_ROUND && n->receiving == s; i++) {
		union sockaddr_inet to;
		_Alignas(struct cmsghdr) uint8_t control[256];
		struct msghdr h = {
			.msg_name = &to,
			.msg_namelen = sizeof(to),
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		struct net_icmp e = {0};

		if (recvmsg(s->fd, &h, MSG_ERRQUEUE) < 0)
			break;
		if (!icmp_of(&h, &e) || addr_from_sockaddr(&to.sa, h.msg_namelen, &e.peer) != 0)
			continue;
		metrics_add(n->cells, NET_C_ICMP, 1);
		s->handler->icmp(s->handler->arg, &s->port, &e);
	}
	n->receiving = NULL;
}
