/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A UDP listener with load balancers in front. A balancer sends each client's datagrams from a port
 * of its own; such a session is a port here, as a connection is, and what is sent on it goes back
 * to the balancer. All that a stranger can make grow is the number of sessions, and that is
 * bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "life.h"
#include "proxy.h"

/* So many old sessions are looked at for one that can go when there is no room; those that cannot
 * are passed over the next time. */
#define TRIES 8

struct net_proxy {
	struct net *net; /* not owned */
	struct net_proxy_config config;
	struct net_handler below;        /* what the socket brings */
	const struct net_handler *above; /* not owned */
	struct net_port *port;           /* owned: the socket */
	struct hash_key key;
	struct hash_table sessions; /* by the balancer's address and port; owns them */
	struct list by_age;         /* of the last datagram, oldest first, or nearly */
};

struct session {
	struct net_port port;    /* first: a port is cast back */
	struct net_proxy *proxy; /* not owned */
	struct hash_node link;
	struct list age;
	struct addr balancer, client;
	struct net_life life;
};

static void count(const struct net_proxy *x, enum net_counter row)
{
	metrics_add(x->net->cells, row, 1);
}

/* ---- sessions ---- */

static uint64_t hash_of(const struct net_proxy *x, const struct addr *balancer)
{
	return hash_bytes(&x->key, balancer, sizeof(*balancer));
}

static struct session *find(const struct net_proxy *x, const struct addr *balancer)
{
	struct hash_node *n = hash_table_first(&x->sessions, hash_of(x, balancer));

	for (; n; n = hash_table_next(n)) {
		struct session *s = CONTAINER_OF(n, struct session, link);
		if (addr_equal(&s->balancer, balancer))
			return s;
	}
	return NULL;
}

static void take_out(struct session *s)
{
	hash_table_remove(&s->proxy->sessions, &s->link);
	list_remove(&s->age);
	net_life_fini(&s->life);
}

static void end(struct session *s, enum net_counter why)
{
	const struct net_handler *h = s->proxy->above;

	count(s->proxy, why);
	take_out(s);
	if (h->closed)
		h->closed(h->arg, &s->port, &s->client);
	free(s);
}

static void end_in_time(struct net_life *l, enum net_counter why)
{
	end(CONTAINER_OF(l, struct session, life), why);
}

static void session_send(struct net_port *p, struct net_buf *b)
{
	struct session *s = (struct session *)p;

	b->addr = s->balancer;
	net_port_send(s->proxy->port, b);
}

static void session_close(struct net_port *p)
{
	struct session *s = (struct session *)p;

	take_out(s);
	free(s);
}

static const struct net_port_ops session_ops = {session_send, session_close};

/* True: there is a place, if need be that of an old session which nothing depends on. */
static bool make_room(struct net_proxy *x)
{
	int tries = 0;

	if (net_life_has_room(x->net, x->config.max_connections))
		return true;
	list_for_each_safe (it, &x->by_age) {
		struct session *s = CONTAINER_OF(it, struct session, age);
		if (s->port.n_holds == 0) {
			end(s, NET_C_END_REPLACED);
			return true;
		}
		list_remove(it);
		list_append(&x->by_age, it);
		if (++tries == TRIES)
			break;
	}
	return false;
}

static struct session *make(
	struct net_proxy *x, const struct addr *balancer, const struct addr *client)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s) {
		count(x, NET_C_REFUSED_LIMIT);
		return NULL;
	}
	s->port = (struct net_port){.ops = &session_ops,
		.id = ++x->net->next_port_id,
		.local = x->config.local,
		.owner = x->port->owner};
	s->proxy = x;
	s->balancer = *balancer;
	s->client = *client;
	s->life = (struct net_life){.net = x->net,
		.wheel = x->config.wheel,
		.clock = x->config.clock,
		.port = &s->port,
		.end = end_in_time};
	return s;
}

/* Takes S. NULL: refused, and counted. Whoever has too many already takes nobody's place. */
static struct session *begin(struct session *s)
{
	struct net_proxy *x = s->proxy;
	enum net_counter why = NET_C_REFUSED_CLIENT;

	if (net_life_admit(&s->life, &s->client, x->config.per_client)) {
		why = NET_C_REFUSED_LIMIT;
		if (make_room(x) &&
			hash_table_insert(&x->sessions, &s->link, hash_of(x, &s->balancer)) == 0) {
			list_append(&x->by_age, &s->age);
			net_life_begin(&s->life, NET_STAGE_SILENT);
			count(x, NET_C_ACCEPTED_UDP);
			return s;
		}
		net_life_dismiss(&s->life);
	}
	count(x, why);
	free(s);
	return NULL;
}

/* ---- datagrams ---- */

/* A balancer gives its port to another client: the old one's session is over. */
static struct session *session_of(
	struct net_proxy *x, const struct addr *balancer, const struct addr *client)
{
	struct session *s = find(x, balancer);

	if (s && addr_equal(&s->client, client))
		return s;
	if (s)
		end(s, NET_C_END_REPLACED);
	s = make(x, balancer, client);
	return s ? begin(s) : NULL;
}

/* Takes the header off B. */
static bool read_header(const struct net_proxy *x, struct net_buf *b, struct net_proxy_header *h)
{
	if (net_proxy_parse(bytes_of(b->data, b->len), h) != 0 ||
		h->transport == NET_PROXY_STREAM) {
		count(x, NET_C_PROXY_DROPPED);
		net_proxy_complain(x->net, x->config.clock, &b->addr, "udp");
		return false;
	}
	b->data += h->len;
	b->len -= (uint32_t)h->len;
	return true;
}

static void hand_up(struct session *s, struct net_buf *b)
{
	struct net_proxy *x = s->proxy;

	list_remove(&s->age);
	list_append(&x->by_age, &s->age);
	net_life_heard(&s->life);
	if (b->len == 0) {
		net_buf_put(x->net, b); /* a header and nothing else */
		return;
	}
	b->addr = s->client;
	x->above->packets(x->above->arg, &s->port, &b, 1);
}

static void from_balancer(struct net_proxy *x, struct net_buf *b)
{
	struct net_proxy_header h;
	/* With one header a session all that follows is the client's own words, never believed. */
	struct session *s = x->config.is_first_only ? find(x, &b->addr) : NULL;

	if (s) {
		hand_up(s, b);
		return;
	}
	if (!read_header(x, b, &h)) {
		net_buf_put(x->net, b);
		return;
	}
	if (!h.has_client) { /* it speaks for itself */
		x->above->packets(x->above->arg, x->port, &b, 1);
		return;
	}
	s = session_of(x, &b->addr, &h.client);
	if (s)
		hand_up(s, b);
	else
		net_buf_put(x->net, b);
}

static void on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct net_proxy *x = arg;
	size_t n_own = 0;

	for (size_t i = 0; i < n; i++) {
		if (prefix_set_lookup(x->config.balancers, &bufs[i]->addr) != 0)
			from_balancer(x, bufs[i]);
		else
			bufs[n_own++] = bufs[i];
	}
	if (n_own > 0)
		x->above->packets(x->above->arg, p, bufs, n_own);
}

/* ---- life ---- */

int net_proxy_open(struct net *n, const struct net_proxy_config *c, const struct net_handler *h,
	void *owner, struct net_proxy **out)
{
	struct net_proxy *x = calloc(1, sizeof(*x));

	if (!x) {
		close(c->fd);
		return -ENOMEM;
	}
	x->net = n;
	x->config = *c;
	x->above = h;
	x->below = (struct net_handler){.packets = on_packets, .arg = x};
	crypto_random(&x->key, sizeof(x->key));
	hash_table_init(&x->sessions);
	list_init(&x->by_age);
	int rc = net_udp_open(n, c->fd, &c->local, &x->below, owner, &x->port);
	if (rc != 0) {
		free(x);
		return rc;
	}
	*out = x;
	return 0;
}

void net_proxy_close(struct net_proxy *x)
{
	list_for_each_safe (it, &x->by_age)
		session_close(&CONTAINER_OF(it, struct session, age)->port);
	hash_table_fini(&x->sessions);
	net_port_close(x->port);
	free(x);
}

struct net_port *net_proxy_port(struct net_proxy *x)
{
	return x->port;
}
