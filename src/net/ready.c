/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker has a UDP socket for each allocation. They stand in an epoll set that is one descriptor
 * of the loop: so a ready socket costs no event of the loop's, which needs memory and is one more
 * thing to look up, and while one socket is served what belongs to the next ones is fetched. Under
 * steer there are only listeners, and each is one of the loop's; so are the sockets of clients on
 * connections, which need an event of the loop's for each of their own packets anyway.
 */
#include <errno.h>
#include <unistd.h>

#include <event2/event.h>

#include "net_priv.h"

/* How far ahead of its use a socket, and what its last datagram belonged to, is fetched. */
#define FETCH_SOCKET 4
#define FETCH_RECENT 2

static void fetch(const struct net_ready *r)
{
	unsigned socket = r->next + FETCH_SOCKET, recent = r->next + FETCH_RECENT;
	const struct net_udp *s = socket < r->n_found ? r->found[socket].data.ptr : NULL;

	if (s) {
		__builtin_prefetch(&s->port);
		__builtin_prefetch(&s->fd);
	}
	s = recent < r->n_found ? r->found[recent].data.ptr : NULL;
	if (s)
		__builtin_prefetch(s->port.recent);
}

static void serve(struct net_udp *s)
{
	/* With nothing to read it is the error queue that calls. */
	if (!net_udp_receive(s))
		net_udp_read_errors(s);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct net_udp *s = arg;

	(void)fd;
	(void)what;
	loop_turn(s->net->loop);
	serve(s);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct net *n = arg;
	struct net_ready *r = &n->ready;

	(void)what;
	loop_turn(n->loop);
	int found = epoll_wait(fd, r->found, NET_READY_MAX, 0);
	r->n_found = found > 0 ? (unsigned)found : 0;
	for (r->next = 0; r->next < r->n_found;) {
		fetch(r);
		struct net_udp *s = r->found[r->next++].data.ptr;
		if (s)
			serve(s);
	}
	r->n_found = r->next = 0;
}

int net_ready_init(struct net_ready *r, struct net *n)
{
	r->fd = epoll_create1(EPOLL_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	r->event = event_new(loop_base(n->loop), r->fd, EV_READ | EV_PERSIST, on_ready, n);
	if (r->event && event_add(r->event, NULL) == 0)
		return 0;
	net_ready_fini(r);
	return -ENOMEM;
}

void net_ready_fini(struct net_ready *r)
{
	if (r->event)
		event_free(r->event);
	r->event = NULL;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

int net_ready_add(struct net_ready *r, struct net_udp *s)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};

	return epoll_ctl(r->fd, EPOLL_CTL_ADD, s->fd, &e) == 0 ? 0 : -errno;
}

static void leave_set(struct net_ready *r, const struct net_udp *s)
{
	/* It is in the set; and a copy of the descriptor would keep it there. */
	(void)epoll_ctl(r->fd, EPOLL_CTL_DEL, s->fd, NULL);
	for (unsigned i = r->next; i < r->n_found; i++) {
		if (r->found[i].data.ptr == s)
			r->found[i].data.ptr = NULL;
	}
}

int net_ready_apart(struct net_ready *r, struct net_udp *s)
{
	struct event *e =
		event_new(loop_base(s->net->loop), s->fd, EV_READ | EV_PERSIST, on_socket, s);

	if (!e || event_add(e, NULL) != 0) {
		if (e)
			event_free(e);
		return -ENOMEM;
	}
	leave_set(r, s);
	s->event = e;
	return 0;
}

void net_ready_remove(struct net_ready *r, struct net_udp *s)
{
	if (!s->event) {
		leave_set(r, s);
		return;
	}
	event_free(s->event);
	s->event = NULL;
}
