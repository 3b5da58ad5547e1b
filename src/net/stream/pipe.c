/* SPDX-License-Identifier: BSD-3-Clause */
/* A pipe's life: the connection with the peer, the client's that joins it, their end. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "pipe.h"

/* ---- events ---- */

static void opened(struct net_pipe *p)
{
	const struct net_pipe_config *c = p->config;
	int rc = 0;
	socklen_t len = sizeof(rc);

	if (getsockopt(p->sides[NET_PEER].fd, SOL_SOCKET, SO_ERROR, &rc, &len) != 0)
		rc = errno;
	if (rc == 0) {
		c->opened(c->arg, p->owner, 0);
		return;
	}
	net_side_close(&p->sides[NET_PEER]);
	c->opened(c->arg, p->owner, -rc);
	free(p);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct net_side *s = arg;

	(void)fd;
	(void)what;
	loop_turn(s->pipe->config->net->loop);
	net_side_readable(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct net_side *s = arg;

	(void)fd;
	(void)what;
	loop_turn(s->pipe->config->net->loop);
	if (s->pipe->is_joined)
		net_side_writable(s);
	else
		opened(s->pipe);
}

static void on_timer(struct wheel_timer *t, void *arg)
{
	(void)arg;
	net_pipe_timer(CONTAINER_OF(t, struct net_pipe, timer));
}

/* ---- sides ---- */

static bool side_open(struct net_side *s, int fd, struct ssl_st *tls)
{
	struct event_base *base = loop_base(s->pipe->config->net->loop);

	if (event_assign(&s->read_event, base, fd, EV_READ | EV_PERSIST, on_readable, s) != 0 ||
		event_assign(&s->write_event, base, fd, EV_WRITE, on_writable, s) != 0)
		return false;
	s->fd = fd;
	s->tls = tls;
	return true;
}

void net_side_close(struct net_side *s)
{
	struct net *n = s->pipe->config->net;

	if (s->fd < 0)
		return;
	event_del(&s->read_event);
	event_del(&s->write_event);
	crypto_tls_conn_destroy(s->tls);
	s->tls = NULL;
	net_ring_fini(&s->out);
	close(s->fd);
	s->fd = -1;
	if (s != &s->pipe->sides[NET_CLIENT])
		return;
	net_client_put(&n->clients, s->pipe->client);
	n->n_conns--;
	metrics_sub(n->cells, NET_C_CONNECTIONS, 1);
}

/* ---- life ---- */

static struct net_pipe *make(const struct net_pipe_config *c, void *owner)
{
	struct net *n = c->net;
	struct net_pipe *p = calloc(1, sizeof(*p));

	assert(c->buffer_bytes >= NET_BUFFER_MIN);
	if (!n->scratch)
		n->scratch = malloc(NET_SCRATCH);
	if (!p || !n->scratch) {
		free(p);
		return NULL;
	}
	p->config = c;
	p->owner = owner;
	for (size_t i = 0; i < ARRAY_LEN(p->sides); i++) {
		p->sides[i].pipe = p;
		p->sides[i].fd = -1;
	}
	wheel_timer_init(&p->timer, on_timer);
	return p;
}

int net_pipe_take(const struct net_pipe_config *c, int fd, void *owner, struct net_pipe **out)
{
	struct net_pipe *p = make(c, owner);

	if (!p || !side_open(&p->sides[NET_PEER], fd, NULL)) {
		close(fd);
		free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

/* As a listener's connections are; and both must be told to share the port. */
static int dial(const struct net_pipe_config *c, const struct addr *local, const struct addr *peer,
	int *out)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(peer, &ss);
	int fd, one = 1, size = (int)(c->buffer_bytes / 2);
	int rc = net_tcp_socket(local, true, &fd);

	if (rc == 0)
		rc = net_descriptor_admit(c->net, NET_FOR_RELAY, fd);
	if (rc != 0)
		return rc;
	rc = net_stream_keep_alive(fd);
	if (rc == 0 && (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
			       setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) != 0))
		rc = -errno;
	if (rc == 0 && connect(fd, (struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS)
		rc = -errno;
	if (rc != 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

int net_pipe_dial(const struct net_pipe_config *c, const struct addr *local,
	const struct addr *peer, void *owner, struct net_pipe **out)
{
	int fd;
	int rc = dial(c, local, peer, &fd);

	if (rc == 0)
		rc = net_pipe_take(c, fd, owner, out);
	if (rc == 0 && event_add(&(*out)->sides[NET_PEER].write_event, NULL) != 0) {
		net_pipe_close(*out);
		rc = -ENOMEM;
	}
	return rc;
}

static void take_out(struct net_pipe *p)
{
	wheel_cancel(p->config->wheel, &p->timer);
	net_side_close(&p->sides[NET_CLIENT]);
	net_side_close(&p->sides[NET_PEER]);
}

void net_pipe_close(struct net_pipe *p)
{
	take_out(p);
	free(p);
}

void net_pipe_end(struct net_pipe *p)
{
	take_out(p);
	p->config->ended(p->config->arg, p->owner);
	free(p);
}

int net_pipe_join(struct net_pipe *p, struct net_port *client)
{
	struct net *n = p->config->net;
	struct net_side *s = &p->sides[NET_CLIENT], *peer = &p->sides[NET_PEER];
	struct net_parcel parcel;

	assert(!p->is_joined);
	if (net_conn_detach(client, bytes_of(NULL, 0), &parcel) != 0) {
		net_port_close(client);
		return -ENOMEM;
	}
	if (!side_open(s, parcel.fd, parcel.tls)) {
		net_parcel_drop(&parcel);
		return -ENOMEM;
	}
	n->n_conns++;
	metrics_add(n->cells, NET_C_CONNECTIONS, 1);
	/* It is one of its client's still, which was not too many before. */
	(void)net_client_get(&n->clients, &parcel.peer, UINT32_MAX, &p->client);
	s->out = parcel.out;
	/* A side may rest at any time, which is simpler with nothing held back. What TLS holds now
	 * is read when the side is found writable. */
	if (s->tls)
		crypto_tls_read_ahead(s->tls, false);
	/* What the client has sent behind its request waits here as if it had been read now. */
	bool is_kept = net_ring_put(&peer->out, parcel.in, parcel.in_len, p->config->buffer_bytes);
	p->config->passed(p->config->arg, p->owner, NET_CLIENT, parcel.in_len);
	free(parcel.in);
	if (!is_kept || net_stream_keep_alive(s->fd) != 0 || event_add(&s->read_event, NULL) != 0 ||
		event_add(&s->write_event, NULL) != 0 || event_add(&peer->read_event, NULL) != 0 ||
		event_add(&peer->write_event, NULL) != 0)
		return -ENOMEM;
	p->is_joined = true;
	return 0;
}
