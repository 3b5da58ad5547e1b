/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's steered ports: opening, finding, releasing, closing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>

#include "steer_priv.h"

/* Batches of a socket that always has more, in a turn; then the others have theirs. */
#define ROUNDS 4

/* ---- whose a port is ---- */

static _Atomic uint16_t *owner_of(const struct net_steer *s, size_t row, uint16_t port)
{
	return &s->steering->rows[row].by_port[port];
}

/* Unless another worker has opened it since. */
static void disown(const struct net_steer *s, size_t row, uint16_t port)
{
	uint16_t ours = s->owner;

	(void)atomic_compare_exchange_strong(owner_of(s, row, port), &ours, STEER_NOBODY);
}

static int row_of(const struct net_steer *s, const struct addr *a, size_t *out)
{
	for (size_t i = 0; i < s->steering->n_addresses; i++) {
		if (!addr_equal_ip(&s->steering->addresses[i], a))
			continue;
		*out = i;
		return 0;
	}
	return ERR_NOT_FOUND;
}

struct steer_port **net_steer_slot(const struct net_steer *s, const struct addr *local)
{
	size_t row;

	return row_of(s, local, &row) == 0 ? &s->ports[row].by_port[local->port] : NULL;
}

struct steer_port *net_steer_find(const struct net_steer *s, const struct addr *local)
{
	struct steer_port **slot = net_steer_slot(s, local);

	return slot ? *slot : NULL;
}

/* ---- a port ---- */

static void port_send(struct net_port *p, struct net_buf *b)
{
	net_steer_send(((struct steer_port *)p)->steer, &p->local, b);
}

static void port_free(struct steer_port *p, bool is_disowned)
{
	struct net_steer *s = p->steer;
	size_t row = 0;

	(void)row_of(s, &p->port.local, &row); /* it was opened there */
	s->ports[row].by_port[p->port.local.port] = NULL;
	if (is_disowned)
		disown(s, row, p->port.local.port);
	free(p);
}

static void port_close(struct net_port *p)
{
	port_free((struct steer_port *)p, true);
}

static const struct net_port_ops steer_ops = {port_send, port_close};

/* Fails as a socket would on an address that is not the host's, or a port that somebody binds; but
 * not for want of descriptors. */
static int probe(const struct addr *local)
{
	int fd;
	int rc = net_udp_socket(local, false, 0, &fd);

	if (rc == 0)
		close(fd);
	return rc == -EMFILE || rc == -ENFILE ? 0 : rc;
}

static int make_port(
	struct net_steer *s, size_t row, const struct addr *local, struct net_port **out)
{
	struct steer_port **slot = &s->ports[row].by_port[local->port];
	struct steer_port *p = *slot ? NULL : calloc(1, sizeof(*p));

	if (!p)
		return *slot ? -EADDRINUSE : -ENOMEM;
	p->port =
		(struct net_port){.ops = &steer_ops, .id = ++s->net->next_port_id, .local = *local};
	p->port.is_bare = true;
	p->steer = s;
	*slot = p;
	*out = &p->port;
	return 0;
}

int net_steer_open(struct net_steer *s, const struct addr *local, struct net_port **out)
{
	uint16_t nobody = STEER_NOBODY;
	size_t row;
	int rc = row_of(s, local, &row);

	if (rc == 0)
		rc = probe(local);
	if (rc == 0)
		rc = make_port(s, row, local, out);
	if (rc != 0)
		return rc;
	if (atomic_compare_exchange_strong(owner_of(s, row, local->port), &nobody, s->owner))
		return 0;
	port_free((struct steer_port *)*out, false);
	return -EADDRINUSE;
}

int net_steer_adopt(struct net_steer *s, const struct addr *local, struct net_port **out)
{
	size_t row;
	int rc = row_of(s, local, &row);

	if (rc == 0)
		rc = make_port(s, row, local, out);
	if (rc == 0)
		atomic_store(owner_of(s, row, local->port), s->owner);
	return rc;
}

bool net_steer_is_port(const struct net_port *p)
{
	return p->ops == &steer_ops;
}

void net_steer_release(struct net_port *p)
{
	port_free((struct steer_port *)p, false);
}

void net_steer_listener(struct net_steer *s, struct net_port *p)
{
	struct net_udp *u = (struct net_udp *)p;

	u->steer = s;
	u->want = NET_BATCH;
	u->is_listener = true;
	net_udp_apart(p);
}

/* ---- events ---- */

static void on_datagrams(evutil_socket_t fd, short what, void *arg)
{
	struct net_steer *s = arg;

	(void)what;
	unsigned family = (int)fd == s->sockets->receive[STEER_IPV6];
	loop_turn(s->net->loop);
	for (int i = 0; i < ROUNDS && net_steer_receive(s, family) == NET_BATCH; i++)
		continue;
}

static void on_icmp(evutil_socket_t fd, short what, void *arg)
{
	struct net_steer *s = arg;

	(void)what;
	loop_turn(s->net->loop);
	net_steer_read_errors(s, (int)fd == s->sockets->icmp[STEER_IPV6]);
}

static int watch(struct net_steer *s, struct event **e, int fd, event_callback_fn fn)
{
	if (fd < 0)
		return 0;
	*e = event_new(loop_base(s->net->loop), fd, EV_READ | EV_PERSIST, fn, s);
	return *e && event_add(*e, NULL) == 0 ? 0 : -ENOMEM;
}

static int watch_all(struct net_steer *s)
{
	int rc = 0;

	for (unsigned f = 0; f < STEER_FAMILIES && rc == 0; f++) {
		rc = watch(s, &s->events[2 * f], s->sockets->receive[f], on_datagrams);
		if (rc == 0)
			rc = watch(s, &s->events[2 * f + 1], s->sockets->icmp[f], on_icmp);
	}
	return rc;
}

/* ---- life ---- */

static size_t ports_size(const struct net_steer *s)
{
	return s->steering->n_addresses * sizeof(*s->ports);
}

int net_steer_create(const struct net_steer_config *c, struct net_steer **out)
{
	struct net_steer *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->net = c->net;
	s->steering = c->steering;
	s->sockets = &c->steering->sockets[c->worker];
	s->paths = c->paths;
	s->handler = c->handler;
	s->owner = (uint16_t)STEER_OWNER(c->steering->generation, c->worker);
	s->tx = net_steer_tx_create(s);
	/* Half a megabyte an address, of which only what is used is touched. */
	void *ports = mmap(NULL, ports_size(s), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	s->ports = ports != MAP_FAILED ? ports : NULL;
	if (!s->tx || !s->ports || watch_all(s) != 0) {
		net_steer_destroy(s);
		return -ENOMEM;
	}
	c->net->steer = s;
	*out = s;
	return 0;
}

void net_steer_destroy(struct net_steer *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_LEN(s->events); i++) {
		if (s->events[i])
			event_free(s->events[i]);
	}
	if (s->net->steer == s) {
		net_steer_flush(s);
		s->net->steer = NULL;
	}
	if (s->ports)
		munmap(s->ports, ports_size(s));
	net_steer_tx_destroy(s->tx);
	free(s);
}

void net_steer_receivers(const struct net_steer *s, int out[2])
{
	_Static_assert(STEER_FAMILIES == 2, "one socket for each");
	memcpy(out, s->sockets->receive, sizeof(s->sockets->receive));
}

void net_steer_drain(struct net_steer *s)
{
	for (unsigned f = 0; f < STEER_FAMILIES; f++) {
		while (s->sockets->receive[f] >= 0 && net_steer_receive(s, f) > 0)
			continue;
	}
	net_steer_flush(s);
}

void net_steer_reclaim(struct net_steer *s)
{
	for (size_t row = 0; row < s->steering->n_addresses; row++) {
		for (unsigned port = 0; port < STEER_PORTS; port++) {
			if (s->ports[row].by_port[port])
				atomic_store(owner_of(s, row, (uint16_t)port), s->owner);
		}
	}
}

void net_steer_leave(struct net_steer *s)
{
	for (size_t row = 0; row < s->steering->n_addresses; row++) {
		for (unsigned port = 0; port < STEER_PORTS; port++) {
			if (!s->ports[row].by_port[port])
				disown(s, row, (uint16_t)port);
		}
	}
}
