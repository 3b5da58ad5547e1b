/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners: opening one of each kind, with its balancers and its TLS; leaving and closing them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/net/steer.h>

#include "listener.h"

/* ---- opening ---- */

/* -ENOMEM. */
static int name_balancers(struct listener *l, const struct relay_listener *from)
{
	int rc = 0;

	if (from->n_balancers == 0)
		return 0;
	l->balancers = prefix_set_create();
	if (!l->balancers)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_balancers && rc == 0; i++)
		rc = prefix_set_insert(l->balancers, &from->balancers[i], 1);
	return rc;
}

/* A wildcard address leaves it to the kernel what packets come from. */
static int open_socket(struct relay_listeners *ls, const struct relay_listener *from,
	const struct net_handler *h, struct listener *l)
{
	int rc = net_udp_open(ls->net, from->fd, &from->local, h, l, &l->port);

	if (rc == 0 && ls->steer && !addr_is_unspecified(&from->local))
		net_steer_listener(ls->steer, l->port);
	return rc;
}

static int open_udp(struct relay_listeners *ls, const struct relay_config *c,
	const struct relay_listener *from, struct listener *l)
{
	if (!l->balancers)
		return open_socket(ls, from, &ls->handler, l);
	struct net_proxy_config n = {
		.fd = from->fd,
		.local = from->local,
		.balancers = l->balancers,
		.is_first_only = from->is_header_first_only,
		.wheel = loop_wheel(c->loop),
		.clock = loop_clock(c->loop),
		.max_connections = c->max_connections,
		.per_client = c->connections_per_client,
	};
	return net_proxy_open(ls->net, &n, &ls->handler, l, &l->proxy);
}

static struct listener *find_udp(struct relay_listeners *ls, const struct addr *local)
{
	for (size_t i = 0; i < ls->n; i++) {
		struct listener *l = &ls->all[i];
		if (l->transport == AUTH_UDP && addr_equal(&listener_udp_port(l)->local, local))
			return l;
	}
	return NULL;
}

static int open_dtls(struct relay_listeners *ls, const struct relay_config *c,
	const struct relay_listener *from, struct listener *l)
{
	bool is_shared = from->fd < 0;
	struct listener *udp = is_shared ? find_udp(ls, &from->local) : l;
	int rc = 0;

	assert(udp); /* whoever gives no socket names one of ours */
	if (!is_shared)
		rc = open_socket(ls, from, &ls->dtls_handler, l);
	if (rc != 0)
		return rc;
	struct net_dtls_config n = {.port = listener_udp_port(udp),
		.tls = from->tls,
		.wheel = loop_wheel(c->loop),
		.clock = loop_clock(c->loop),
		.max_connections = c->max_connections,
		.per_client = c->connections_per_client};
	rc = net_dtls_create(ls->net, &n, &ls->handler, l, &l->dtls);
	if (rc == 0)
		udp->dtls = l->dtls;
	return rc;
}

static int open_listener(struct relay_listeners *ls, const struct relay_config *c, size_t i)
{
	const struct relay_listener *from = &c->listeners[i];
	struct listener *l = &ls->all[i];

	*l = (struct listener){.relay = ls->relay,
		.location = from->location,
		.transport = from->transport,
		.tenant = from->tenant,
		.face = from->face};
	int rc = name_balancers(l, from);
	if (rc != 0) {
		if (from->fd >= 0)
			close(from->fd);
		return rc;
	}
	if (from->transport == AUTH_DTLS)
		return open_dtls(ls, c, from, l);
	if (from->transport == AUTH_UDP)
		return open_udp(ls, c, from, l);
	struct net_listener_config n = {
		.fd = from->fd,
		.local = from->local,
		.tls = from->tls,
		.wheel = loop_wheel(c->loop),
		.clock = loop_clock(c->loop),
		.max_connections = c->max_connections,
		.per_client = c->connections_per_client,
		.buffer_bytes = c->connection_buffer,
		.balancers = l->balancers,
	};
	return net_listener_open(ls->net, &n, &ls->handler, l, &l->listener);
}

/* Those from FIRST on. */
static void close_sockets(const struct relay_config *c, size_t first)
{
	for (size_t i = first; i < c->n_listeners; i++) {
		if (c->listeners[i].fd >= 0)
			close(c->listeners[i].fd);
	}
}

void relay_listeners_refuse(const struct relay_config *c)
{
	close_sockets(c, 0);
}

int relay_listeners_open(struct relay_listeners *ls, const struct relay_config *c)
{
	ls->all = calloc(c->n_listeners ? c->n_listeners : 1, sizeof(*ls->all));
	if (!ls->all) {
		close_sockets(c, 0);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->n_listeners; i++) {
		int rc = open_listener(ls, c, i);
		ls->n++;
		/* It has taken this descriptor; those behind it are still ours. */
		if (rc != 0) {
			close_sockets(c, i + 1);
			return rc;
		}
	}
	return 0;
}

/* ---- closing ---- */

/* Before the sockets: its sessions say good-bye through them. */
static void close_dtls(struct relay_listeners *ls)
{
	for (size_t i = 0; i < ls->n; i++) {
		struct listener *l = &ls->all[i];
		if (l->transport == AUTH_DTLS && l->dtls)
			net_dtls_destroy(l->dtls);
	}
	for (size_t i = 0; i < ls->n; i++)
		ls->all[i].dtls = NULL;
}

void relay_listeners_close(struct relay_listeners *ls)
{
	close_dtls(ls);
	for (size_t i = 0; i < ls->n; i++) {
		struct listener *l = &ls->all[i];
		if (l->port)
			net_port_close(l->port);
		else if (l->proxy)
			net_proxy_close(l->proxy);
		else if (l->listener)
			net_listener_close(l->listener);
		prefix_set_destroy(l->balancers);
	}
	free(ls->all);
}

void relay_listeners_leave(struct relay_listeners *ls)
{
	close_dtls(ls);
	for (size_t i = 0; i < ls->n; i++) {
		struct listener *l = &ls->all[i];
		if (l->port)
			net_port_close(l->port);
		if (l->proxy)
			net_proxy_close(l->proxy);
		if (l->listener)
			net_listener_stop(l->listener);
		l->port = NULL;
		l->proxy = NULL;
	}
}

/* ---- what others want of them ---- */

int relay_listeners_copy(const struct relay_listeners *ls, size_t i)
{
	const struct listener *l = &ls->all[i];
	struct net_port *p = listener_udp_port(l);

	if (!p && !l->listener)
		return ERR_NOT_FOUND;
	return p ? net_udp_copy(p) : net_listener_copy(l->listener);
}

void relay_listeners_tls_set(struct relay_listeners *ls, const struct relay_tls *t)
{
	for (size_t i = 0; i < ls->n; i++) {
		struct listener *l = &ls->all[i];
		assert(l->face < RELAY_FACES_MAX);
		if (l->transport == AUTH_TLS && t->by_face[l->face])
			net_listener_tls_set(l->listener, t->by_face[l->face]);
		if (l->transport == AUTH_DTLS && l->dtls && t->dtls_by_face[l->face])
			net_dtls_tls_set(l->dtls, t->dtls_by_face[l->face]);
	}
}

struct net_port *relay_listeners_find(const struct relay_listeners *ls, const struct addr *local)
{
	for (size_t i = 0; i < ls->n; i++) {
		struct net_port *p = listener_udp_port(&ls->all[i]);
		if (p && ls->all[i].transport == AUTH_UDP && addr_equal(&p->local, local))
			return p;
	}
	return NULL;
}

unsigned relay_listeners_number(const struct relay_listeners *ls, const struct net_port *p)
{
	const struct listener *l = p->owner;

	return (unsigned)(l - ls->all);
}

struct net_listener *relay_listeners_at(const struct relay_listeners *ls, unsigned number)
{
	assert(number < ls->n); /* all workers have the same ones */
	return ls->all[number].listener;
}
