/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server's allocations and reserved ports, all of them, out of one process and into another. A
 * reserved port is short enough to have a form of its own:
 *
 *     magic (4)  worker (1)  token (8)  left (4)  pool (1)  port (2)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/turn/handover.h>

#include "mobility.h"

#define RESERVED_MAGIC 0x53505252u /* "SPRR" */
#define RESERVED_LEN   20

/* ---- out ---- */

static bool is_on_stream(const struct turn_alloc *a)
{
	return a->client.transport == AUTH_TCP || a->client.transport == AUTH_TLS;
}

/*
 * A session of a load balancer, or of DTLS, is a port of its own and cannot go. An allocation whose
 * client is away can: wherever it comes with its ticket, it must be found.
 */
static bool can_go(const struct turn_alloc *a)
{
	const struct turn_server_config *c = &a->server->config;

	if (turn_mobile_is_detached(a))
		return true;
	return !a->pending && a->client.transport == AUTH_UDP &&
	       c->listener_find(c->arg, &a->client.port->local) == a->client.port;
}

struct pack {
	int (*fn)(void *arg, const struct turn_parcel *p);
	void *arg;
	int rc;
};

static void pack_alloc(struct hash_node *n, void *arg)
{
	struct turn_alloc *a = CONTAINER_OF(n, struct turn_alloc, by_tuple);
	struct pack *k = arg;
	struct turn_parcel p;

	if (k->rc != 0 || !can_go(a))
		return;
	k->rc = turn_parcel_pack(a, &p);
	if (k->rc != 0)
		return;
	k->rc = k->fn(k->arg, &p);
	turn_parcel_fini(&p);
}

static int pack_reservation(const struct turn_reservation *r, struct pack *k)
{
	const struct turn_server *s = r->server;
	uint64_t now = turn_now_ms(s);
	uint8_t bytes[RESERVED_LEN];
	struct turn_parcel p = {.data = bytes, .len = sizeof(bytes), .fds = {-1, -1}};

	be32_put(bytes, RESERVED_MAGIC);
	bytes[4] = r->relay.ports_worker;
	memcpy(bytes + 5, r->token, TURN_TOKEN_LEN);
	be32_put(bytes + 13, r->timer.at_ms > now ? (uint32_t)(r->timer.at_ms - now) : 0);
	bytes[17] = r->relay.pool;
	be16_put(bytes + 18, r->relay.port->local.port);
	int rc = s->config.udp->copy(s->config.udp->arg, r->relay.port, &p.fds[0]);
	if (rc != 0)
		return rc;
	rc = k->fn(k->arg, &p);
	if (p.fds[0] >= 0)
		close(p.fds[0]);
	return rc;
}

int turn_server_pack(
	struct turn_server *s, int (*fn)(void *arg, const struct turn_parcel *p), void *arg)
{
	struct pack k = {fn, arg, 0};

	hash_table_each(&s->by_tuple, pack_alloc, &k);
	list_for_each (it, &s->reservations) {
		if (k.rc == 0)
			k.rc = pack_reservation(
				CONTAINER_OF(it, struct turn_reservation, link), &k);
	}
	return k.rc;
}

static void leave_alloc(struct hash_node *n, void *arg)
{
	struct turn_alloc *a = CONTAINER_OF(n, struct turn_alloc, by_tuple);

	(void)arg;
	if (can_go(a))
		turn_alloc_leave(a);
	else if (!is_on_stream(a))
		turn_alloc_destroy(a, "upgrade");
}

void turn_server_leave(struct turn_server *s)
{
	turn_arrivals_drop(s);
	hash_table_each(&s->by_tuple, leave_alloc, NULL);
	turn_reservations_drop(s);
}

/* ---- in ---- */

/* The number is in use, in the pool of the worker that it belongs to. */
static int claim(struct turn_server *s, unsigned worker, uint8_t pool, uint16_t number)
{
	struct turn_server *owner = worker < s->config.n_workers ? s->servers[worker] : NULL;

	if (!owner || pool >= s->snapshot->config.n_relays)
		return ERR_CONFIG;
	return net_ports_claim(&owner->ports[pool], number);
}

static int claim_all(struct turn_alloc *a)
{
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		const struct turn_relay *r = &a->relays[i];
		int rc = r->port ? claim(a->server, r->ports_worker, r->pool, r->port->local.port)
				 : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* New allocations get ids that no old one has. */
static void pass_id(struct turn_server *s, uint64_t id)
{
	uint64_t worker = id >> 48, number = id & (((uint64_t)1 << 48) - 1);

	if (worker < s->config.n_workers && s->servers[worker]->next_id < number)
		s->servers[worker]->next_id = number;
}

typedef int count_fn(void *arg, const struct turn_lease *lease, struct turn_lease_grant *grant);

static int unpack_alloc(
	struct turn_server *s, const struct turn_parcel *p, count_fn *count, void *arg)
{
	struct turn_client where_it_was = {0};
	struct turn_lease_grant grant = {0};
	struct turn_alloc *a;
	int rc = turn_parcel_unpack(s, p, &where_it_was, &a);

	if (rc != 0)
		return rc;
	rc = claim_all(a);
	if (rc == 0) {
		struct turn_lease lease = turn_lease_of(a);
		rc = turn_lease_is_held(&lease) ? count(arg, &lease, &grant) : 0;
	}
	if (rc != 0) {
		turn_alloc_leave(a);
		return rc;
	}
	/* Where memory is short a call goes on without its limit: it was granted long ago. */
	(void)flow_account_bucket_set(&a->account, FLOW_LIMIT_TENANT, grant.tenant);
	(void)flow_account_bucket_set(&a->account, FLOW_LIMIT_SUBJECT, grant.subject);
	pass_id(s, a->id);
	return 0;
}

static int unpack_reservation(struct turn_server *s, const struct turn_parcel *p)
{
	const uint8_t *b = p->data;
	struct net_port *port;
	uint16_t number = be16_get(b + 18);

	int rc = claim(s, b[4], b[17], number);
	if (rc != 0)
		return rc;
	int fd = p->fds[0] >= 0 ? fcntl(p->fds[0], F_DUPFD_CLOEXEC, 0) : -1;
	if (p->fds[0] >= 0 && fd < 0)
		return -errno;
	struct addr local = s->snapshot->config.relays[b[17]].local;
	local.port = number;
	rc = s->config.udp->adopt(s->config.udp->arg, fd, &local, &port);
	if (rc != 0)
		return rc;
	struct turn_relay relay = {.port = port, .pool = b[17], .ports_worker = b[4]};
	rc = turn_reservation_restore(s, b + 5, &relay, be32_get(b + 13));
	if (rc != 0)
		net_port_close(port);
	return rc;
}

int turn_server_unpack(
	struct turn_server *s, const struct turn_parcel *p, count_fn *count, void *arg)
{
	if (p->len == RESERVED_LEN && be32_get(p->data) == RESERVED_MAGIC)
		return unpack_reservation(s, p);
	return unpack_alloc(s, p, count, arg);
}
