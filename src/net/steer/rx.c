/* SPDX-License-Identifier: BSD-3-Clause */
/* From the kernel: batches of datagrams for any of a worker's ports, each told which by itself. */
#include <errno.h>

#include <linux/sock_diag.h>

#include "../rx.h"
#include "steer_priv.h"

/* How often the kernel is asked what did not fit. */
#define OVERFLOWS_MS 1000

/* Of what a port's last datagram belonged to. */
#define FETCH_RECENT 192
#define CACHE_LINE   64

/*
 * Each datagram of a batch is for another port, and nothing of it is in the cache. So for all of
 * them one step is fetched while the one before is on its way: where the port stands (by
 * take), the port, what its last datagram belonged to.
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

/* Datagram I, and where its port stands; NULL when it is none that can be relayed. */
static struct net_buf *take(struct net_steer *s, unsigned i, struct steer_port ***slot)
{
	struct addr to = {.family = ADDR_NONE};
	struct net_buf *b = net_rx_take(s->net, i, &to);

	if (!b)
		return NULL;
	*slot = net_steer_slot(s, &to);
	__builtin_prefetch(*slot);
	return b;
}

/* Now and then: told with every datagram, as SO_RXQ_OVFL does, it would cost each of them. */
static void count_overflows(struct net_steer *s, unsigned family)
{
	uint64_t now_ms = loop_clock(s->net->loop)->mono_ms;
	uint32_t mem[SK_MEMINFO_VARS];
	socklen_t len = sizeof(mem);

	if (now_ms - s->asked_ms[family] < OVERFLOWS_MS)
		return;
	s->asked_ms[family] = now_ms;
	if (getsockopt(s->sockets->receive[family], SOL_SOCKET, SO_MEMINFO, mem, &len) != 0 ||
		len <= SK_MEMINFO_DROPS * sizeof(*mem))
		return;
	uint32_t drops = mem[SK_MEMINFO_DROPS];
	metrics_add(s->net->cells, NET_C_RX_OVERFLOW, drops - s->overflows[family]);
	s->overflows[family] = drops;
}

unsigned net_steer_receive(struct net_steer *s, unsigned family)
{
	struct net_buf *bufs[NET_BATCH];
	struct steer_port **slots[NET_BATCH];
	unsigned n = 0;
	int received = net_rx_call(s->net, s->sockets->receive[family], NET_BATCH);

	if (received <= 0) {
		if (received < 0 && errno != EAGAIN && errno != EINTR)
			metrics_add(s->net->cells, NET_C_RX_ERRORS, 1);
		return 0;
	}
	for (unsigned i = 0; i < (unsigned)received; i++) {
		bufs[n] = take(s, i, &slots[n]);
		n += bufs[n] != NULL;
	}
	net_rx_count(s->net, (unsigned)received, bufs, n);
	count_overflows(s, family);
	fetch(slots, n);
	for (unsigned i = 0; i < n; i++)
		hand_up(s, slots[i], bufs[i]);
	return (unsigned)received;
}
