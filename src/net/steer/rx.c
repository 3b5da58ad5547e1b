/* SPDX-License-Identifier: BSD-3-Clause */
/* From the kernel: batches of datagrams for any of a worker's ports, each told which by itself. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <linux/sock_diag.h>

#include "steer_priv.h"

/* TOS or TCLASS, and where it was sent to. */
#define CONTROL_LEN (CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct sockaddr_in6)))

/* How often the kernel is asked what did not fit. */
#define OVERFLOWS_MS 1000

/* Of what a port's last datagram belonged to. */
#define FETCH_RECENT 192
#define CACHE_LINE   64

union sockaddr_inet {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct net_steer_rx {
	struct mmsghdr msgs[NET_BATCH];
	struct iovec iov[NET_BATCH];
	union sockaddr_inet from[NET_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[NET_BATCH][CONTROL_LEN];
	struct net_buf *bufs[NET_BATCH];
	uint32_t overflows[STEER_FAMILIES]; /* as the kernel has told it, counted already */
	uint64_t asked_ms[STEER_FAMILIES];
};

/* What a datagram's control messages say. */
struct arrival {
	struct addr local;
	uint8_t tos;
};

/* What the kernel overwrites in a header is set anew when the datagram is taken out. */
static void reset(struct msghdr *h)
{
	h->msg_namelen = sizeof(union sockaddr_inet);
	h->msg_controllen = CONTROL_LEN;
	h->msg_flags = 0;
}

struct net_steer_rx *net_steer_rx_create(void)
{
	struct net_steer_rx *rx = calloc(1, sizeof(*rx));

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

void net_steer_rx_destroy(struct net_steer_rx *rx)
{
	free(rx);
}

/* Puts free buffers into the slots; returns how many have one. */
static unsigned prepare(struct net_steer *s)
{
	struct net_steer_rx *rx = s->rx;

	if (s->net->n_free < NET_BATCH)
		net_flush(s->net);
	for (unsigned i = 0; i < NET_BATCH; i++) {
		if (rx->bufs[i])
			continue;
		rx->bufs[i] = net_buf_get(s->net);
		if (!rx->bufs[i])
			return i;
		rx->iov[i].iov_base = rx->bufs[i]->data;
	}
	return NET_BATCH;
}

static void read_control(struct msghdr *h, struct arrival *out)
{
	*out = (struct arrival){.tos = 0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP, v6 = c->cmsg_level == IPPROTO_IPV6;
		int tclass;

		if (v4 && c->cmsg_type == IP_TOS) {
			out->tos = *CMSG_DATA(c);
		} else if (v6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
			out->tos = (uint8_t)tclass;
		} else if ((v4 && c->cmsg_type == IP_ORIGDSTADDR) ||
			   (v6 && c->cmsg_type == IPV6_ORIGDSTADDR)) {
			/* It is of either family, or the port is found to be nobody's. */
			(void)addr_from_sockaddr((const struct sockaddr *)(void *)CMSG_DATA(c),
				(socklen_t)(c->cmsg_len - CMSG_LEN(0)), &out->local);
		}
	}
}

/*
 * Each datagram of a batch is for another port, and nothing of it is in the cache. So for all of
 * them one step is fetched while the one before is on its way: where the port stands (by
 * take_slot), the port, what its last datagram belonged to.
 */
static void fetch(struct steer_port **const *slots, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct steer_port *p = slots[i] ? *slots[i] : NULL;
		if (!p)
			continue;
		__builtin_prefetch(&p->port);
		__builtin_prefetch(&p->port.recent);
	}
	for (unsigned i = 0; i < n; i++) {
		struct steer_port *p = slots[i] ? *slots[i] : NULL;
		if (!p || !p->port.recent)
			continue;
		for (size_t at = 0; at < FETCH_RECENT; at += CACHE_LINE)
			__builtin_prefetch((const uint8_t *)p->port.recent + at);
	}
}

/* One datagram to the port it was sent to. Whoever gets it may close any port, so that only now it
 * is seen whether it is there. */
static void hand_up(struct net_steer *s, struct steer_port **slot, struct net_buf *b)
{
	if (slot && *slot) {
		s->handler->packets(s->handler->arg, &(*slot)->port, &b, 1);
		return;
	}
	metrics_add(s->net->cells, NET_C_STEER_NO_PORT, 1);
	net_buf_put(s->net, b);
}

/* The datagram of slot I; NULL when it is none that can be relayed, and the buffer stays. */
static struct net_buf *take_slot(struct net_steer *s, unsigned i, struct steer_port ***slot)
{
	struct net_steer_rx *rx = s->rx;
	struct msghdr *h = &rx->msgs[i].msg_hdr;
	struct net_buf *b = rx->bufs[i];
	struct arrival arrival;
	bool is_good = !(h->msg_flags & MSG_TRUNC) &&
		       addr_from_sockaddr(&rx->from[i].sa, h->msg_namelen, &b->addr) == 0;

	if (is_good) {
		read_control(h, &arrival);
		rx->bufs[i] = NULL;
		b->len = rx->msgs[i].msg_len;
		b->tos = arrival.tos;
		*slot = net_steer_slot(s, &arrival.local);
		__builtin_prefetch(*slot);
	}
	reset(h);
	return is_good ? b : NULL;
}

static void count(struct net_steer *s, unsigned received, unsigned good, uint64_t bytes)
{
	metrics_add(s->net->cells, NET_C_RX_CALLS, 1);
	metrics_add(s->net->cells, NET_C_RX_PACKETS, good);
	metrics_add(s->net->cells, NET_C_RX_BYTES, bytes);
	if (good < received)
		metrics_add(s->net->cells, NET_C_RX_ERRORS, received - good);
	loop_packets(s->net->loop, received);
}

/* Now and then: told with every datagram, as SO_RXQ_OVFL does, it would cost each of them. */
static void count_overflows(struct net_steer *s, unsigned family)
{
	uint64_t now_ms = loop_clock(s->net->loop)->mono_ms;
	uint32_t mem[SK_MEMINFO_VARS];
	socklen_t len = sizeof(mem);

	if (now_ms - s->rx->asked_ms[family] < OVERFLOWS_MS)
		return;
	s->rx->asked_ms[family] = now_ms;
	if (getsockopt(s->sockets->receive[family], SOL_SOCKET, SO_MEMINFO, mem, &len) != 0 ||
		len <= SK_MEMINFO_DROPS * sizeof(*mem))
		return;
	uint32_t drops = mem[SK_MEMINFO_DROPS];
	metrics_add(s->net->cells, NET_C_RX_OVERFLOW, drops - s->rx->overflows[family]);
	s->rx->overflows[family] = drops;
}

unsigned net_steer_receive(struct net_steer *s, unsigned family)
{
	struct net_buf *bufs[NET_BATCH];
	struct steer_port **slots[NET_BATCH];
	unsigned want = prepare(s), n = 0;
	uint64_t bytes = 0;
	int received =
		want > 0 ? recvmmsg(s->sockets->receive[family], s->rx->msgs, want, 0, NULL) : 0;

	if (received <= 0) {
		if (received < 0 && errno != EAGAIN && errno != EINTR)
			metrics_add(s->net->cells, NET_C_RX_ERRORS, 1);
		return 0;
	}
	for (unsigned i = 0; i < (unsigned)received; i++) {
		bufs[n] = take_slot(s, i, &slots[n]);
		if (bufs[n])
			bytes += bufs[n++]->len;
	}
	count(s, (unsigned)received, n, bytes);
	count_overflows(s, family);
	fetch(slots, n);
	for (unsigned i = 0; i < n; i++)
		hand_up(s, slots[i], bufs[i]);
	return (unsigned)received;
}
