/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets: making, opening as a port, queueing, closing. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "net_priv.h"

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int bind_udp(int fd, const struct addr *local, bool reuseport, uint32_t rcvbuf_bytes)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(local, &ss);
	int rc = 0;

	if (local->family == ADDR_IPV6)
		rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0 && reuseport)
		rc = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	/* FORCE passes rmem_max and needs CAP_NET_ADMIN; without it the kernel gives what it
	 * allows. */
	if (rc == 0 && rcvbuf_bytes > 0 &&
		set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)rcvbuf_bytes) != 0)
		rc = set_int(fd, SOL_SOCKET, SO_RCVBUF, (int)rcvbuf_bytes);
	if (rc != 0)
		return rc;
	return bind(fd, (struct sockaddr *)&ss, len) == 0 ? 0 : -errno;
}

int net_udp_socket(const struct addr *local, bool reuseport, uint32_t rcvbuf_bytes, int *out)
{
	int family = local->family == ADDR_IPV6 ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);

	if (fd < 0)
		return -errno;
	int rc = bind_udp(fd, local, reuseport, rcvbuf_bytes);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

/*
 * DSCP and ECN travel with a packet. A relayed IPv4 packet leaves without DF and may be fragmented
 * (RFC 8656 §14), unless its sender asked for DONT-FRAGMENT. ICMP errors come by the error queue.
 */
static int set_options(int fd, const struct addr *local, bool wants_icmp)
{
	bool v6 = local->family == ADDR_IPV6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int rc = set_int(fd, level, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1);

	if (rc == 0)
		rc = set_int(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
			v6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT);
	if (rc == 0 && wants_icmp)
		rc = set_int(fd, level, v6 ? IPV6_RECVERR : IP_RECVERR, 1);
	return rc;
}

static void udp_send(struct net_port *p, struct net_buf *b)
{
	struct net_udp *s = (struct net_udp *)p;
	struct net *n = s->net;

	if (s->steer) {
		net_steer_send(s->steer, &p->local, b);
		return;
	}
	b->next = NULL;
	*s->tx_tail = b;
	s->tx_tail = &b->next;
	if (s->is_dirty)
		return;
	s->is_dirty = true;
	s->next_dirty = NULL;
	*n->dirty_tail = s;
	n->dirty_tail = &s->next_dirty;
	loop_deferred_run(n->loop, &n->flush);
}

int net_udp_detach(struct net_port *p)
{
	struct net_udp *s = (struct net_udp *)p;
	int fd = s->fd;

	/* The queue is a singly linked list: flush it whole rather than search it for one socket.
	 */
	if (s->is_dirty)
		net_flush(s->net);
	if (s->net->receiving == s)
		s->net->receiving = NULL;
	net_ready_remove(&s->net->ready, s);
	free(s);
	return fd;
}

void net_udp_apart(struct net_port *p)
{
	struct net_udp *s = (struct net_udp *)p;

	if (!s->event)
		(void)net_ready_apart(&s->net->ready, s);
}

int net_udp_copy(struct net_port *p)
{
	int fd = fcntl(((struct net_udp *)p)->fd, F_DUPFD_CLOEXEC, 0);

	return fd >= 0 ? fd : -errno;
}

static void udp_close(struct net_port *p)
{
	close(net_udp_detach(p));
}

static const struct net_port_ops udp_ops = {udp_send, udp_close};

int net_udp_open(struct net *n, int fd, const struct addr *local, const struct net_handler *h,
	void *owner, struct net_port **out)
{
	struct net_udp *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (!s)
		goto fail;
	rc = set_options(fd, local, h->icmp != NULL);
	if (rc != 0)
		goto fail;
	s->port = (struct net_port){
		.ops = &udp_ops, .id = ++n->next_port_id, .local = *local, .owner = owner};
	s->port.is_bare = true;
	s->net = n;
	s->handler = h;
	s->fd = fd;
	s->want = 1;
	s->tx_tail = &s->tx_head;
	rc = net_ready_add(&n->ready, s);
	if (rc != 0)
		goto fail;
	*out = &s->port;
	return 0;
fail:
	free(s);
	close(fd);
	return rc;
}
