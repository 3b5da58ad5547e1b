/* SPDX-License-Identifier: BSD-3-Clause */
/* A relay port that peers connect to. Who they are and whether they may is for the code above. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipe.h"

#define BACKLOG           128
#define ACCEPTS_PER_ROUND 16
#define PAUSE_MS          500 /* with no descriptor left: somebody must close one first */

struct net_acceptor {
	struct net_port port;                 /* first: a port is cast back */
	const struct net_pipe_config *config; /* not owned */
	int fd;
	struct event event;
	struct wheel_timer pause;
};

/* The event would come back at once and for ever, so it rests until a timer. */
static void pause_accepting(struct net_acceptor *a)
{
	const struct net_pipe_config *c = a->config;

	metrics_add(c->net->cells, NET_C_REFUSED_DESCRIPTORS, 1);
	event_del(&a->event);
	wheel_set(c->wheel, &a->pause, c->clock->mono_ms + PAUSE_MS);
}

static void on_pause_end(struct wheel_timer *t, void *arg)
{
	struct net_acceptor *a = CONTAINER_OF(t, struct net_acceptor, pause);

	(void)arg;
	if (event_add(&a->event, NULL) != 0)
		wheel_set(a->config->wheel, &a->pause, a->config->clock->mono_ms + PAUSE_MS);
}

/* False: there are no more, or A is gone. */
static bool accept_one(struct net_acceptor *a)
{
	const struct net_pipe_config *c = a->config;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr peer;
	int fd = accept4(a->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(a);
		return false;
	}
	if (net_descriptor_admit(c->net, NET_FOR_RELAY, fd) != 0) {
		pause_accepting(a);
		return false;
	}
	if (addr_from_sockaddr((struct sockaddr *)&ss, len, &peer) != 0) {
		close(fd);
		return true;
	}
	c->net->accepting = a;
	c->accepted(c->arg, &a->port, fd, &peer);
	return c->net->accepting == a;
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct net_acceptor *a = arg;
	struct net *n = a->config->net;

	(void)fd;
	(void)what;
	loop_turn(n->loop);
	for (int i = 0; i < ACCEPTS_PER_ROUND && accept_one(a); i++)
		continue;
	n->accepting = NULL;
}

static void acceptor_send(struct net_port *p, struct net_buf *b)
{
	struct net *n = ((struct net_acceptor *)p)->config->net;

	metrics_add(n->cells, NET_C_TX_ERRORS, 1);
	net_buf_put(n, b);
}

static void acceptor_close(struct net_port *p)
{
	struct net_acceptor *a = (struct net_acceptor *)p;

	if (a->config->net->accepting == a)
		a->config->net->accepting = NULL;
	wheel_cancel(a->config->wheel, &a->pause);
	event_del(&a->event);
	close(a->fd);
	free(a);
}

static const struct net_port_ops acceptor_ops = {acceptor_send, acceptor_close};

/* Connections inherit these. A fixed send buffer: the kernel would grow it to megabytes. */
static int listen_on(const struct net_pipe_config *c, int fd)
{
	int one = 1, size = (int)(c->buffer_bytes / 2);
	int rc = net_stream_keep_alive(fd);

	if (rc != 0)
		return rc;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) != 0 ||
		listen(fd, BACKLOG) != 0)
		return -errno;
	return 0;
}

int net_acceptor_open(
	const struct net_pipe_config *c, int fd, const struct addr *local, struct net_port **out)
{
	struct net_acceptor *a = calloc(1, sizeof(*a));
	int rc = -ENOMEM;

	if (!a)
		goto fail;
	a->port = (struct net_port){
		.ops = &acceptor_ops, .id = ++c->net->next_port_id, .local = *local};
	a->config = c;
	a->fd = fd;
	wheel_timer_init(&a->pause, on_pause_end);
	rc = listen_on(c, fd);
	if (rc != 0)
		goto fail;
	rc = -ENOMEM;
	if (event_assign(&a->event, loop_base(c->net->loop), fd, EV_READ | EV_PERSIST,
		    on_connection, a) != 0 ||
		event_add(&a->event, NULL) != 0)
		goto fail;
	*out = &a->port;
	return 0;
fail:
	free(a);
	close(fd);
	return rc;
}
