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

/* A socket that always has more, as a listener may, gets so many batches in a turn, then the others
 * have theirs. */
#define ROUNDS 4

/* Datagrams of one socket that come so close are a burst: those of a call are 10 ms apart or more.
 */
#define BURST_MS 4

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

/* The datagram of slot I; NULL when it is none that can be relayed, and the buffer stays. */
static struct net_buf *take_slot(struct net_rx *rx, unsigned i)
{
	struct msghdr *h = &rx->msgs[i].msg_hdr;
	struct net_buf *b = rx->bufs[i];
	bool is_good = !(h->msg_flags & MSG_TRUNC) &&
		       addr_from_sockaddr(&rx->from[i].sa, h->msg_namelen, &b->addr) == 0;

	if (is_good) {
		rx->bufs[i] = NULL;
		b->len = rx->msgs[i].msg_len;
		b->tos = tos_of(h);
	}
	reset(h);
	return is_good ? b : NULL;
}

/* Moves the received buffers out of the batch into OUT; returns how many are good. */
static size_t collect(struct net *n, unsigned received, struct net_buf **out)
{
	size_t good = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < received; i++) {
		struct net_buf *b = take_slot(n->rx, i);
		if (!b)
			continue;
		bytes += b->len;
		out[good++] = b;
	}
	if (good < received)
		metrics_add(n->cells, NET_C_RX_ERRORS, received - good);
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

/* The call for one costs less than the one for many. Datagrams, or -1 with errno. */
static int receive(int fd, struct mmsghdr *msgs, unsigned slots)
{
	if (slots > 1)
		return recvmmsg(fd, msgs, slots, 0, NULL);
	ssize_t len = recvmsg(fd, &msgs->msg_hdr, 0);
	if (len < 0)
		return -1;
	msgs->msg_len = (unsigned)len;
	return 1;
}

/*
 * How many to ask for the next time. Each datagram that is asked for and not there costs, and so
 * does each call for what one call could have brought: most sockets have one at a time, some have
 * bursts, a listener has always more. One that stands in the loop by itself is a listener.
 */
static void adapt(struct net_udp *s, unsigned received)
{
	uint64_t now_ms = loop_clock(s->net->loop)->mono_ms;

	if (s->event)
		return;
	if (received < s->want) {
		s->want = (uint8_t)(received > s->want / 2u ? received : s->want / 2u);
		return;
	}
	if (now_ms - s->full_ms <= BURST_MS)
		s->want = (uint8_t)(s->want * 2u < NET_BATCH ? s->want * 2u : NET_BATCH);
	s->full_ms = now_ms;
}

/* What one call brings, to the handler; 0 when that was nothing. */
static unsigned receive_batch(struct net_udp *s)
{
	struct net *n = s->net;
	struct net_buf *bufs[NET_BATCH];
	unsigned slots = prepare(n, s->want);

	__builtin_prefetch(s->port.recent);
	int received = slots > 0 ? receive(s->fd, n->rx->msgs, slots) : 0;

	if (received <= 0) {
		if (received < 0 && errno != EAGAIN && errno != EINTR && !is_icmp_news(s, errno))
			metrics_add(n->cells, NET_C_RX_ERRORS, 1);
		return 0;
	}
	adapt(s, (unsigned)received);
	loop_packets(n->loop, (unsigned)received);
	size_t good = collect(n, (unsigned)received, bufs);
	if (good > 0)
		s->handler->packets(s->handler->arg, &s->port, bufs, good);
	return (unsigned)received;
}

bool net_udp_receive(struct net_udp *s)
{
	struct net *n = s->net;
	unsigned rounds = 0, received;

	n->receiving = s;
	do
		received = receive_batch(s);
	while (received == NET_BATCH && ++rounds < ROUNDS && n->receiving == s);
	bool is_closed = n->receiving != s;
	n->receiving = NULL;
	/* With every buffer queued for a kernel that takes none nothing can be received, so that
	 * its errors are not looked for either. */
	return received > 0 || rounds > 0 || is_closed || n->n_free == 0;
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
