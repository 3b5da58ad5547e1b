/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection: opening, the handshake of TLS, its end. */
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "../proxy.h"
#include "stream_priv.h"

static void free_conn(struct net_conn *c)
{
	while (c->tx_head) {
		struct net_buf *b = c->tx_head;
		c->tx_head = b->next;
		net_buf_put(c->net, b);
	}
	crypto_tls_conn_destroy(c->tls);
	free(c->proxy);
	net_framer_fini(&c->framer);
	net_ring_fini(&c->out);
	close(c->fd);
	free(c);
}

void net_conn_take_out(struct net_conn *c)
{
	struct net *n = c->net;

	if (c->tx_head)
		net_conn_flush(c);
	c->is_broken = true;
	list_remove(&c->dirty_link);
	list_remove(&c->link);
	net_life_fini(&c->life);
	event_del(&c->read_event);
	event_del(&c->write_event);
	if (n->serving == &c->port)
		n->serving = NULL;
}

void net_conn_close(struct net_conn *c)
{
	net_conn_take_out(c);
	free_conn(c);
}

void net_conn_end(struct net_conn *c, enum net_counter why)
{
	const struct net_handler *h = c->listener->handler;

	metrics_add(c->net->cells, why, 1);
	if (why == NET_C_END_PROXY)
		net_proxy_complain(
			c->net, c->listener->config.clock, &c->peer, c->tls ? "tls" : "tcp");
	net_conn_take_out(c);
	if (h->closed)
		h->closed(h->arg, &c->port, &c->peer);
	free_conn(c);
}

static void port_close(struct net_port *p)
{
	net_conn_close((struct net_conn *)p);
}

static const struct net_port_ops conn_ops = {net_conn_send, port_close};

static void end_in_time(struct net_life *l, enum net_counter why)
{
	net_conn_end(CONTAINER_OF(l, struct net_conn, life), why);
}

/* ---- events ---- */

/* OpenSSL's state costs more than all the rest, so it is made when the client's first bytes are
 * there. NULL: out of memory. */
static struct ssl_st *tls_of(struct net_conn *c)
{
	if (!c->tls)
		c->tls = crypto_tls_conn_create(c->listener->config.tls, c->fd);
	return c->tls;
}

/* True: done, C is there and may be read. */
static bool shake_hands(struct net_conn *c)
{
	switch (tls_of(c) ? crypto_tls_handshake(c->tls) : CRYPTO_TLS_FAILED) {
	case CRYPTO_TLS_DONE:
		net_life_shaken(&c->life);
		c->port.host = crypto_tls_name(c->tls);
		return true;
	case CRYPTO_TLS_WANT_READ:
		return false;
	case CRYPTO_TLS_WANT_WRITE:
		if (event_add(&c->write_event, NULL) == 0)
			return false;
		/* fall through */
	case CRYPTO_TLS_CLOSED:
	case CRYPTO_TLS_FAILED:
	default:
		net_conn_end(c, NET_C_END_HANDSHAKE);
		return false;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct net_conn *c = arg;

	(void)fd;
	(void)what;
	loop_turn(c->net->loop);
	if (c->is_broken) {
		net_conn_end(c, NET_C_END_ERROR);
		return;
	}
	if (c->life.stage == NET_STAGE_PROXY && !net_conn_read_proxy(c))
		return;
	if (c->life.stage != NET_STAGE_HANDSHAKE || shake_hands(c))
		net_conn_receive(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct net_conn *c = arg;

	(void)fd;
	(void)what;
	loop_turn(c->net->loop);
	if (c->life.stage == NET_STAGE_HANDSHAKE) {
		(void)shake_hands(c); /* what can be read then has its own event */
		return;
	}
	net_conn_drain(c);
	net_conn_read_on(c); /* perhaps it is reading that has waited */
}

/* ---- opening ---- */

static bool start(struct net_conn *c)
{
	struct event_base *base = loop_base(c->net->loop);

	if (event_assign(&c->read_event, base, c->fd, EV_READ | EV_PERSIST, on_readable, c) != 0 ||
		event_assign(&c->write_event, base, c->fd, EV_WRITE, on_writable, c) != 0)
		return false;
	return event_add(&c->read_event, NULL) == 0;
}

static enum net_stage first_stage(const struct net_listener *l, const struct addr *peer)
{
	if (l->config.balancers && prefix_set_lookup(l->config.balancers, peer) != 0)
		return NET_STAGE_PROXY;
	return l->config.tls ? NET_STAGE_HANDSHAKE : NET_STAGE_SILENT;
}

static struct net_conn *make(struct net_listener *l, int fd, const struct addr *peer)
{
	struct net *n = l->net;
	struct net_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->port = (struct net_port){.ops = &conn_ops,
		.id = ++n->next_port_id,
		.local = l->config.local,
		.owner = l->owner};
	c->net = n;
	c->listener = l;
	c->peer = *peer;
	c->fd = fd;
	c->life = (struct net_life){.net = n,
		.wheel = l->config.wheel,
		.clock = l->config.clock,
		.port = &c->port,
		.end = end_in_time};
	c->tx_tail = &c->tx_head;
	list_init(&c->dirty_link);
	return c;
}

/* A balancer's connection is admitted when it has said whose it is. */
static bool admit(struct net_conn *c)
{
	return first_stage(c->listener, &c->peer) == NET_STAGE_PROXY ||
	       net_life_admit(&c->life, &c->peer, c->listener->config.per_client);
}

/* Starts C, which may be NULL. False: refused, counted, and no longer counted as its client's. */
static bool begin(struct net_listener *l, struct net_conn *c, bool is_admitted)
{
	if (c && is_admitted && start(c)) {
		list_append(&l->conns, &c->link);
		return true;
	}
	metrics_add(
		l->net->cells, c && !is_admitted ? NET_C_REFUSED_CLIENT : NET_C_REFUSED_LIMIT, 1);
	if (c) {
		net_life_dismiss(&c->life);
		free_conn(c);
	}
	return false;
}

bool net_conn_open(struct net_listener *l, int fd, const struct addr *peer)
{
	struct net *n = l->net;
	struct net_conn *c =
		net_life_has_room(n, l->config.max_connections) ? make(l, fd, peer) : NULL;

	if (!begin(l, c, c && admit(c))) {
		if (!c)
			close(fd);
		return false;
	}
	metrics_add(n->cells, l->config.tls ? NET_C_ACCEPTED_TLS : NET_C_ACCEPTED_TCP, 1);
	net_life_begin(&c->life, first_stage(l, &c->peer));
	return true;
}

/* Its balancer, if it has one, has named the client before. */
struct net_conn *net_conn_adopt(struct net_listener *l, struct net_parcel *p)
{
	struct net_conn *c = net_life_has_room(l->net, l->config.max_connections)
				     ? make(l, p->fd, &p->peer)
				     : NULL;

	if (c) {
		c->tls = p->tls;
		c->out = p->out;
		c->port.host = c->tls ? crypto_tls_name(c->tls) : NULL;
		p->fd = -1;
		p->tls = NULL;
		p->out = (struct net_ring){0};
	}
	if (!begin(l, c, c && net_life_admit(&c->life, &c->peer, l->config.per_client)))
		return NULL;
	net_life_begin(&c->life, NET_STAGE_SILENT);
	return c;
}
