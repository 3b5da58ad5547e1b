/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors that our packets have met: no socket holds their port, so all that come are looked
 * at. */
#include <sys/socket.h>

#include "headers.h"
#include "steer_priv.h"

/* A round takes a bounded number, so that a flood cannot hold the turn. */
#define ERRORS_PER_ROUND 64
/* Routers quote up to 576 and 1,280 bytes (RFC 1812 §4.3.2.3, RFC 4443 §2.4). */
#define ERROR_MAX 2048

static void tell(struct net_steer *s, const struct net_quoted *q)
{
	struct steer_port *p = net_steer_find(s, &q->from);
	struct net_icmp e = {.peer = q->to, .type = q->type, .code = q->code, .info = q->info};

	if (s->paths)
		net_path_doubt(s->paths, &q->from, &q->to);
	if (!p || !s->handler->icmp)
		return;
	metrics_add(s->net->cells, NET_C_ICMP, 1);
	s->handler->icmp(s->handler->arg, &p->port, &e);
}

void net_steer_read_errors(struct net_steer *s, unsigned family)
{
	uint8_t bytes[ERROR_MAX];
	struct net_quoted q;

	for (int i = 0; i < ERRORS_PER_ROUND; i++) {
		ssize_t n = recv(s->sockets->icmp[family], bytes, sizeof(bytes), MSG_TRUNC);
		if (n < 0)
			return;
		if ((size_t)n > sizeof(bytes))
			continue;
		struct bytes b = bytes_of(bytes, (size_t)n);
		if (family == STEER_IPV6 ? net_quoted_read6(b, &q) : net_quoted_read4(b, &q))
			tell(s, &q);
	}
}
