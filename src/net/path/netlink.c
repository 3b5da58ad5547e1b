/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two netlink sockets: one asks and is answered, the other is told of changes, so that a flood of
 * changes costs no answer. The kernel answers a question before the call that asks it returns.
 * Questions about links and, before Linux 6.17, neighbours take its lock for network configuration:
 * whoever holds that holds us up, which is why little is asked and the rest is learnt from
 * notifications.
 */
#include "path_priv.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#define READ_LEN    32768 /* what the kernel puts into one message of a dump at most */
#define READ_TURN   32    /* messages of a turn; the rest waits for the next one */
#define EVENT_QUEUE (1024 * 1024)

struct path_netlink {
	struct net_paths paths;
	struct path_wire wire;
	struct loop *loop;
	struct loop_deferred ask;
	struct path_socket {
		int fd;
		bool is_answers;
		struct event *event;
		struct path_netlink *owner;
	} asking, told;
	uint8_t buf[READ_LEN];
};

static const unsigned groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR,
	RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE,
	RTNLGRP_IPV6_RULE, RTNLGRP_IPV6_IFINFO, RTNLGRP_NEXTHOP};

/* One datagram. False: there is none. */
static bool receive(struct path_socket *s)
{
	struct path_netlink *p = s->owner;
	struct sockaddr_nl from;
	struct iovec iov = {p->buf, sizeof(p->buf)};
	struct msghdr h = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(s->fd, &h, MSG_DONTWAIT);

	if (n < 0 && errno == ENOBUFS) {
		path_overrun(&p->paths);
		return true;
	}
	if (n < 0)
		return errno == EINTR;
	if (h.msg_namelen != sizeof(from) || from.nl_pid != 0)
		return true; /* not the kernel's */
	if (h.msg_flags & MSG_TRUNC)
		path_overrun(&p->paths);
	path_receive(&p->paths, bytes_of(p->buf, (size_t)n), s->is_answers);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct path_socket *s = arg;

	(void)fd;
	(void)what;
	loop_turn(s->owner->loop);
	for (unsigned i = 0; i < READ_TURN && receive(s); i++)
		;
}

static int send_message(void *arg, const void *msg, size_t len)
{
	struct path_netlink *p = arg;
	static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n = sendto(p->asking.fd, msg, len, MSG_DONTWAIT, (const struct sockaddr *)&kernel,
		sizeof(kernel));

	return n == (ssize_t)len ? 0 : -errno;
}

static void ask_later(void *arg)
{
	struct path_netlink *p = arg;

	loop_deferred_run(p->loop, &p->ask);
}

static void ask_now(void *arg)
{
	struct path_netlink *p = arg;

	path_ask_run(&p->paths);
}

/* ---- making ---- */

static int join_groups(int fd)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			    sizeof(groups[i])) != 0)
			return -errno;
	}
	return 0;
}

static int open_socket(struct path_netlink *p, struct path_socket *s, bool is_answers)
{
	static const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	int size = EVENT_QUEUE;

	s->owner = p;
	s->is_answers = is_answers;
	s->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	/* One that has no address is told nothing. */
	if (s->fd < 0 || bind(s->fd, (const struct sockaddr *)&any, sizeof(any)) != 0)
		return -errno;
	/* What is not granted is made up for by asking everything again. */
	if (!is_answers && setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	int rc = is_answers ? 0 : join_groups(s->fd);
	if (rc != 0)
		return rc;
	s->event = event_new(loop_base(p->loop), s->fd, EV_READ | EV_PERSIST, on_readable, s);
	return s->event && event_add(s->event, NULL) == 0 ? 0 : -ENOMEM;
}

static void close_socket(struct path_socket *s)
{
	if (s->event)
		event_free(s->event);
	if (s->fd >= 0)
		close(s->fd);
}

int net_paths_create(const struct net_paths_config *c, struct net_paths **out)
{
	struct path_netlink *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->loop = c->loop;
	p->wire = (struct path_wire){send_message, ask_later, p};
	p->paths.wire = &p->wire;
	p->asking.fd = p->told.fd = -1;
	loop_deferred_init(&p->ask, ask_now, p);
	int rc = path_cache_init(&p->paths, c);
	/* Told first, then asked: nothing falls between. */
	if (rc == 0)
		rc = open_socket(p, &p->told, false);
	if (rc == 0)
		rc = open_socket(p, &p->asking, true);
	if (rc != 0) {
		net_paths_destroy(&p->paths);
		return rc;
	}
	path_ask_links(&p->paths);
	*out = &p->paths;
	return 0;
}

void net_paths_destroy(struct net_paths *ps)
{
	if (!ps)
		return;
	struct path_netlink *p = CONTAINER_OF(ps, struct path_netlink, paths);
	loop_deferred_cancel(&p->ask);
	close_socket(&p->told);
	close_socket(&p->asking);
	path_cache_fini(ps);
	free(p);
}
