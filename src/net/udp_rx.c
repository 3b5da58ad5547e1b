/* SPDX-License-Identifier: BSD-3-Clause */
/* From the kernel: a socket's datagrams, and the error queue with the ICMP errors. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
/* linux/errqueue.h wants struct timespec in scope */
#include <time.h>
#include <linux/errqueue.h>

#include "net_priv.h"
#include "rx.h"

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

/*
 * How many to ask for the next time. Each datagram that is asked for and not there costs, and so
 * does each call for what one call could have brought: most sockets have one at a time, some have
 * bursts, a listener has always more.
 */
static void adapt(struct net_udp *s, unsigned received)
{
	uint64_t now_ms = loop_clock(s->net->loop)->mono_ms;

	if (s->is_listener)
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
	unsigned good = 0;

	__builtin_prefetch(s->port.recent);
	int received = net_rx_call(n, s->fd, s->want);
	if (received <= 0) {
		if (received < 0 && errno != EAGAIN && errno != EINTR && !is_icmp_news(s, errno))
			metrics_add(n->cells, NET_C_RX_ERRORS, 1);
		return 0;
	}
	adapt(s, (unsigned)received);
	for (unsigned i = 0; i < (unsigned)received; i++) {
		bufs[good] = net_rx_take(n, i, NULL);
		good += bufs[good] != NULL;
	}
	net_rx_count(n, (unsigned)received, bufs, good);
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
