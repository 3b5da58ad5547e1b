/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One relay port for all allocations of a worker. A datagram that arrives on it belongs to the
 * allocation that meets its sender there: the one that sent to this transport address first, or
 * bound a channel to it, or holds the only permission for its IP address. An allocation that wants
 * to send to a peer whom another one meets already does so from a port of its own.
 */
#include <errno.h>
#include <stdlib.h>

#include "turn_priv.h"

/* What a meeting or a permission is looked up by, without padding. */
struct peer_key {
	uint8_t ip[16];
	uint32_t scope;
	uint32_t port_id; /* of ours */
	uint16_t port;    /* of the peer; 0 for all */
	uint16_t zero[3];
};

static uint64_t peer_hash(const struct turn_server *s, const struct net_port *p,
	const struct addr *peer, uint16_t port)
{
	struct peer_key k = {.scope = peer->scope, .port_id = p->id, .port = port};

	memcpy(k.ip, peer->ip, sizeof(k.ip));
	return hash_bytes(&s->key, &k, sizeof(k));
}

/* ---- the ports ---- */

int turn_shared_open(struct turn_server *s)
{
	const struct turn_config *c = &s->snapshot->config;

	if (c->shared_port == 0)
		return 0;
	s->shared = calloc(c->n_relays ? c->n_relays : 1, sizeof(struct net_port *));
	if (!s->shared)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_relays; i++) {
		struct addr local = c->relays[i].local;
		local.port = (uint16_t)(c->shared_port + s->config.worker);
		int rc = s->config.udp->open(s->config.udp->arg, &local, &s->shared[i]);
		if (rc != 0)
			return rc;
		s->shared[i]->owner = NULL; /* nobody's alone */
	}
	return 0;
}

void turn_shared_close(struct turn_server *s)
{
	for (size_t i = 0; s->shared && i < s->snapshot->config.n_relays; i++) {
		if (s->shared[i])
			net_port_close(s->shared[i]);
	}
	free(s->shared);
	hash_table_fini(&s->meetings);
	hash_table_fini(&s->guests);
}

void turn_shared_attach(struct turn_server *s, size_t pool, struct turn_relay *out)
{
	*out = (struct turn_relay){
		.port = s->shared[pool], .pool = (uint8_t)pool, .is_shared = true};
}

/* ---- meetings ---- */

static struct turn_meeting *first_meeting(const struct turn_server *s, uint64_t hash)
{
	struct hash_node *n = hash_table_first(&s->meetings, hash);

	return n ? CONTAINER_OF(n, struct turn_meeting, by_peer) : NULL;
}

static struct turn_meeting *next_meeting(const struct turn_meeting *m)
{
	struct hash_node *n = hash_table_next(&m->by_peer);

	return n ? CONTAINER_OF(n, struct turn_meeting, by_peer) : NULL;
}

static struct turn_meeting *meeting_of(
	const struct turn_alloc *a, const struct net_port *shared, const struct addr *peer)
{
	struct turn_meeting *m =
		first_meeting(a->server, peer_hash(a->server, shared, peer, peer->port));

	for (; m; m = next_meeting(m)) {
		if (m->alloc == a && addr_equal(&m->peer, peer))
			return m;
	}
	return NULL;
}

/* The meeting that takes place on the shared port itself. */
static struct turn_meeting *holder(
	const struct turn_server *s, const struct net_port *shared, const struct addr *peer)
{
	struct turn_meeting *m = first_meeting(s, peer_hash(s, shared, peer, peer->port));

	for (; m; m = next_meeting(m)) {
		if (m->port == shared && addr_equal(&m->peer, peer))
			return m;
	}
	return NULL;
}

/* The allocation's own port, made when it is first wanted. NULL: none is to be had. */
static struct net_port *own_port(struct turn_alloc *a, struct turn_relay *r)
{
	static const struct turn_relay_want want = {.ports = NET_PORT_ANY};
	struct turn_relay own;

	if (r->own)
		return r->own;
	if (turn_relay_open_in(a->server, r->pool, &want, &own, NULL) != 0)
		return NULL;
	own.port->owner = a;
	r->own = own.port;
	r->ports_worker = own.ports_worker;
	turn_count(a->server, TURN_C_SHARED_OWN_PORT);
	return r->own;
}

static struct net_port *meet(struct turn_alloc *a, struct turn_relay *r, const struct addr *peer)
{
	struct turn_server *s = a->server;
	const struct turn_config *c = &s->snapshot->config;

	if (a->n_meetings >= c->max_permissions + c->max_channels)
		return NULL;
	struct net_port *port = holder(s, r->port, peer) ? own_port(a, r) : r->port;
	struct turn_meeting *m = port ? calloc(1, sizeof(*m)) : NULL;
	if (!m)
		return NULL;
	m->alloc = a;
	m->port = port;
	m->peer = *peer;
	if (hash_table_insert(&s->meetings, &m->by_peer, peer_hash(s, r->port, peer, peer->port)) !=
		0) {
		free(m);
		return NULL;
	}
	list_append(&a->meetings, &m->link);
	a->n_meetings++;
	return port;
}

struct net_port *turn_peer_port_find(struct turn_alloc *a, const struct addr *wire)
{
	struct turn_relay *r = turn_alloc_relay(a, wire->family);

	if (!r || !r->is_shared)
		return r ? r->port : NULL;
	struct turn_meeting *m = meeting_of(a, r->port, wire);
	return m ? m->port : NULL;
}

struct net_port *turn_peer_port(struct turn_alloc *a, const struct addr *wire)
{
	struct net_port *port = turn_peer_port_find(a, wire);
	struct turn_relay *r = turn_alloc_relay(a, wire->family);

	return port || !r ? port : meet(a, r, wire);
}

static bool has_channel(const struct turn_alloc *a, const struct addr *peer)
{
	list_for_each (it, &a->channels) {
		if (addr_equal(&CONTAINER_OF(it, struct turn_channel, link)->flow.peer, peer))
			return true;
	}
	return false;
}

void turn_shared_forget(struct turn_alloc *a, const struct addr *peer)
{
	if (a->n_meetings == 0 || turn_permission_find(a, peer))
		return;
	list_for_each_safe (it, &a->meetings) {
		struct turn_meeting *m = CONTAINER_OF(it, struct turn_meeting, link);
		if (!addr_equal_ip(&m->peer, peer) || has_channel(a, &m->peer))
			continue;
		hash_table_remove(&a->server->meetings, &m->by_peer);
		list_remove(&m->link);
		a->n_meetings--;
		free(m);
	}
}

/* ---- permissions, by the IP address they are for ---- */

static const struct turn_relay *shared_relay(const struct turn_permission *p)
{
	const struct turn_relay *r = turn_alloc_relay(p->alloc, p->peer.family);

	return r && r->is_shared ? r : NULL;
}

int turn_shared_permit(struct turn_permission *p)
{
	struct turn_server *s = p->alloc->server;
	const struct turn_relay *r = shared_relay(p);

	if (!r)
		return 0;
	return hash_table_insert(&s->guests, &p->by_peer, peer_hash(s, r->port, &p->peer, 0));
}

void turn_shared_forbid(struct turn_permission *p)
{
	if (shared_relay(p))
		hash_table_remove(&p->alloc->server->guests, &p->by_peer);
}

/* The one allocation on PORT that permits PEER's IP address; NULL when there is none, or two. */
static struct turn_alloc *only_host(
	struct turn_server *s, const struct net_port *port, const struct addr *peer)
{
	struct hash_node *n = hash_table_first(&s->guests, peer_hash(s, port, peer, 0));
	struct turn_alloc *found = NULL;

	for (; n; n = hash_table_next(n)) {
		struct turn_permission *p = CONTAINER_OF(n, struct turn_permission, by_peer);
		if (!addr_equal_ip(&p->peer, peer) || shared_relay(p)->port != port)
			continue;
		if (found) {
			turn_count(s, TURN_C_SHARED_AMBIGUOUS);
			return NULL;
		}
		found = p->alloc;
	}
	return found;
}

struct turn_alloc *turn_shared_host(
	struct turn_server *s, const struct net_port *port, const struct addr *peer)
{
	struct turn_meeting *m = holder(s, port, peer);

	return m ? m->alloc : only_host(s, port, peer);
}
