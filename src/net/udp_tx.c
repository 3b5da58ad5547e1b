/* SPDX-License-Identifier: BSD-3-Clause */
/* To the kernel: a socket's queue in batches of sendmmsg, every loss counted. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "net_priv.h"

#define CONTROL_LEN CMSG_SPACE(sizeof(int))

struct net_tx {
	struct mmsghdr msgs[NET_BATCH];
	struct iovec iov[NET_BATCH];
	struct sockaddr_storage to[NET_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[NET_BATCH][CONTROL_LEN];
	struct net_buf *bufs[NET_BATCH];
};

struct net_tx *net_tx_create(void)
{
	return calloc(1, sizeof(struct net_tx));
}

void net_tx_destroy(struct net_tx *tx)
{
	free(tx);
}

/* Only packets that came marked carry the control message: most do not, and it costs. */
static void put_tos(struct msghdr *h, uint8_t *control, const struct net_buf *b)
{
	int tos = b->tos;
	bool v6 = b->addr.family == ADDR_IPV6;
	struct cmsghdr *c;

	h->msg_control = control;
	h->msg_controllen = CONTROL_LEN;
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = v6 ? IPV6_TCLASS : IP_TOS;
	c->cmsg_len = CMSG_LEN(sizeof(tos));
	memcpy(CMSG_DATA(c), &tos, sizeof(tos));
}

static void fill(struct net_tx *tx, unsigned i, struct net_buf *b)
{
	struct msghdr *h = &tx->msgs[i].msg_hdr;

	tx->bufs[i] = b;
	tx->iov[i] = (struct iovec){b->data, b->len};
	*h = (struct msghdr){.msg_name = &tx->to[i], .msg_iov = &tx->iov[i], .msg_iovlen = 1};
	h->msg_namelen = addr_to_sockaddr(&b->addr, &tx->to[i]);
	if (b->tos != 0)
		put_tos(h, tx->control[i], b);
}

enum net_counter net_tx_counter_of(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return NET_C_TX_FULL;
	case EMSGSIZE:
		return NET_C_TX_TOO_BIG;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EADDRNOTAVAIL:
		return NET_C_TX_UNREACHABLE;
	default:
		return NET_C_TX_ERRORS;
	}
}

/* The call for one costs less than the one for many. Messages sent, or -1 with errno. */
static int give(int fd, struct mmsghdr *msgs, unsigned n)
{
	const struct msghdr *h = &msgs->msg_hdr;

	if (n > 1 || h->msg_control)
		return sendmmsg(fd, msgs, n, 0);
	return sendto(fd, h->msg_iov->iov_base, h->msg_iov->iov_len, 0, h->msg_name,
		       h->msg_namelen) >= 0
		       ? 1
		       : -1;
}

static void count_sent(struct net *n, const struct iovec *iov, unsigned sent)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < sent; i++)
		bytes += iov[i].iov_len;
	metrics_add(n->cells, NET_C_TX_CALLS, 1);
	metrics_add(n->cells, NET_C_TX_PACKETS, sent);
	metrics_add(n->cells, NET_C_TX_BYTES, bytes);
}

/*
 * Sends N messages. A call stops at the first message that fails. An ICMP error that arrived
 * earlier is reported on the next send whatever that one is, so each failure gets one more try.
 */
static void send_all(struct net_udp *s, struct net_tx *tx, unsigned n)
{
	unsigned i = 0;
	bool retried = false;

	while (i < n) {
		int sent = give(s->fd, tx->msgs + i, n - i);
		if (sent > 0) {
			count_sent(s->net, tx->iov + i, (unsigned)sent);
			i += (unsigned)sent;
			retried = false;
			continue;
		}
		if (!retried && errno != EAGAIN && errno != EMSGSIZE) {
			retried = true;
			continue;
		}
		metrics_add(s->net->cells, net_tx_counter_of(errno), 1);
		i++;
		retried = false;
	}
}

/*
 * Linux has no per-packet DF for UDP, so the socket is switched around the one packet that wants
 * it: RFC 8656 §14.8 asks for DONT-FRAGMENT to be honoured, and it is rare.
 */
static void set_dont_fragment(struct net_udp *s, bool on)
{
	bool v6 = s->port.local.family == ADDR_IPV6;
	int value = v6 ? (on ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT)
		       : (on ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT);

	/* It cannot fail on a socket on which the same call has worked at its opening. */
	(void)setsockopt(s->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
		v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &value, sizeof(value));
}

/* Takes the longest run of packets that agree on DF, at most a batch. */
static unsigned take_run(struct net_udp *s, struct net_tx *tx)
{
	unsigned n = 0;
	uint8_t flags = s->tx_head->flags;

	while (s->tx_head && n < NET_BATCH && s->tx_head->flags == flags) {
		struct net_buf *b = s->tx_head;
		s->tx_head = b->next;
		fill(tx, n++, b);
	}
	if (!s->tx_head)
		s->tx_tail = &s->tx_head;
	return n;
}

void net_udp_flush(struct net_udp *s)
{
	struct net_tx *tx = s->net->tx;

	while (s->tx_head) {
		unsigned n = take_run(s, tx);
		bool dont_fragment = (tx->bufs[0]->flags & NET_DONT_FRAGMENT) != 0;

		if (dont_fragment)
			set_dont_fragment(s, true);
		send_all(s, tx, n);
		if (dont_fragment)
			set_dont_fragment(s, false);
		for (unsigned i = 0; i < n; i++)
			net_buf_put(s->net, tx->bufs[i]);
	}
}
