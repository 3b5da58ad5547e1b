/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocation into bytes and sockets, and an allocation out of them. What is packed is a copy:
 * the original is left alone until its keeper knows that the copy lives.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "mobility.h"

/* ---- out of an allocation ---- */

/* What is left until AT_MS, for timers that may be overdue by a tick. */
static uint32_t left_ms(const struct turn_server *s, uint64_t at_ms)
{
	uint64_t now = turn_now_ms(s);

	return at_ms > now ? (uint32_t)(at_ms - now) : 0;
}

static void describe_relays(const struct turn_alloc *a, struct turn_state *st)
{
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		const struct turn_relay *r = &a->relays[i];
		if (!r->port)
			continue;
		st->relays[i] = (struct turn_state_relay){
			.is_there = true,
			.local = r->port->local,
			.advertise = turn_relay_advertised(a->server, r),
			.left_ms = left_ms(a->server, r->expires_ms),
			.pool = r->pool,
			.ports_worker = r->ports_worker,
		};
	}
}

static void describe_mobile(const struct turn_mobile *m, struct turn_state *st)
{
	if (!m)
		return;
	st->is_mobile = true;
	st->first_ticket = m->first;
	st->last_ticket = m->last;
	memcpy(st->move_tid, m->tid, sizeof(st->move_tid));
}

static void describe(const struct turn_alloc *a, struct turn_state *st)
{
	const struct turn_server_config *c = &a->server->config;

	*st = (struct turn_state){
		.id = a->id,
		.age_ms = turn_now_ms(a->server) - a->created_ms,
		.refresh_until_s = a->refresh_until_s,
		.client = a->client.addr,
		.listener = a->client.port->local,
		.location = (uint8_t)a->client.location,
		.transport = (uint8_t)a->client.transport,
		.has_node_lease = a->has_node_lease,
		.is_direct = a->client.transport == AUTH_UDP &&
			     c->listener_find(c->arg, &a->client.port->local) == a->client.port,
		.has_tenant_lease = a->has_tenant_lease,
		.has_subject_lease = a->has_subject_lease,
		.has_token = a->has_token,
		.is_by_token = a->is_by_token,
		.key = a->key,
		.missing_family = a->missing_family,
		.missing_code = a->missing_code,
		.granted_s = a->granted_s,
		.account = a->account,
		.username = bytes_of(a->username, a->username_len),
		.tenant = bytes_str(a->tenant->name),
		.door = bytes_str(a->door->name),
	};
	memcpy(st->subject, a->subject, sizeof(st->subject));
	memcpy(st->jti, a->jti, sizeof(st->jti));
	memcpy(st->kid, a->kid, sizeof(st->kid));
	memcpy(st->tid, a->tid, sizeof(st->tid));
	memcpy(st->token, a->token, sizeof(st->token));
	if (a->account.limits)
		memcpy(st->drops, a->account.limits->drops, sizeof(st->drops));
	describe_relays(a, st);
	describe_mobile(a->mobile, st);
}

/* A shared port cannot go along: others are on it. */
static bool is_on_shared_port(const struct turn_alloc *a)
{
	return a->relays[0].is_shared || a->relays[1].is_shared;
}

static int write_state(const struct turn_alloc *a, struct turn_state_writer *w)
{
	struct turn_state st;

	describe(a, &st);
	turn_state_write(w, &st);
	crypto_wipe(&st.key, sizeof(st.key));
	list_for_each (it, &a->channels) {
		const struct turn_channel *c = CONTAINER_OF(it, struct turn_channel, link);
		struct turn_state_channel e = {
			c->flow.peer, left_ms(a->server, c->timer.at_ms), c->flow.channel};
		turn_state_write_channel(w, &e);
	}
	list_for_each (it, &a->permissions) {
		const struct turn_permission *p = CONTAINER_OF(it, struct turn_permission, link);
		struct turn_state_permission e = {p->peer, left_ms(a->server, p->timer.at_ms)};
		turn_state_write_permission(w, &e);
	}
	return turn_state_write_end(w);
}

static int copy_sockets(const struct turn_alloc *a, int fds[TURN_RELAYS_MAX])
{
	const struct turn_server_config *c = &a->server->config;

	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		if (!a->relays[i].port)
			continue;
		int rc = c->udp->copy(c->udp->arg, a->relays[i].port, &fds[i]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

void turn_parcel_fini(struct turn_parcel *p)
{
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	}
	if (p->data)
		crypto_wipe(p->data, p->len); /* the key is in it */
	free(p->data);
}

int turn_parcel_pack(struct turn_alloc *a, struct turn_parcel *out)
{
	struct turn_state_writer w = {0};
	struct turn_parcel p = {.fds = {-1, -1}};

	turn_alloc_withdraw(a);
	int rc = is_on_shared_port(a) ? ERR_UNSUPPORTED : write_state(a, &w);

	p.data = w.data;
	p.len = w.len;
	p.tenant = flow_account_bucket(&a->account, FLOW_LIMIT_TENANT);
	p.subject = flow_account_bucket(&a->account, FLOW_LIMIT_SUBJECT);
	if (rc == 0)
		rc = copy_sockets(a, p.fds);
	if (rc != 0)
		turn_parcel_fini(&p);
	else
		*out = p;
	return rc;
}

/* ---- into an allocation ---- */

/* Is it an address that this server relays on, of a number that one of its workers gives out? */
static bool is_ours(const struct turn_server *s, const struct turn_state_relay *r)
{
	const struct turn_config *c = &s->snapshot->config;

	return r->pool < c->n_relays && addr_equal_ip(&c->relays[r->pool].local, &r->local) &&
	       r->local.port >= c->first_port && r->local.port <= c->last_port &&
	       r->ports_worker < s->config.n_workers;
}

static int open_relay(struct turn_alloc *a, size_t i, const struct turn_state_relay *from, int fd)
{
	struct turn_server *s = a->server;
	struct turn_relay *r = &a->relays[i];

	if (!is_ours(s, from))
		return ERR_CONFIG;
	int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd >= 0 && copy < 0)
		return -errno;
	int rc = s->config.udp->adopt(s->config.udp->arg, copy, &from->local, &r->port);
	if (rc != 0) {
		r->port = NULL;
		return rc;
	}
	r->port->owner = a;
	r->expires_ms = turn_now_ms(s) + from->left_ms;
	r->pool = from->pool;
	r->ports_worker = from->ports_worker;
	return 0;
}

static int open_relays(
	struct turn_alloc *a, const struct turn_state *st, const int fds[TURN_RELAYS_MAX])
{
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		if (!st->relays[i].is_there)
			continue;
		int rc = open_relay(a, i, &st->relays[i], fds[i]);
		if (rc != 0)
			return rc;
	}
	return turn_alloc_wait(a) ? 0 : ERR_MALFORMED;
}

static int restore_peers(struct turn_alloc *a, const struct turn_state *st)
{
	struct turn_state_channel c;
	struct turn_state_permission p;
	size_t offset = 0;

	while (turn_state_next_channel(st, &offset, &c)) {
		if (!turn_channel_restore(a, c.number, &c.peer, c.left_ms))
			return -ENOMEM;
	}
	offset = 0;
	while (turn_state_next_permission(st, &offset, &p)) {
		if (!turn_permission_restore(a, &p.peer, p.left_ms))
			return -ENOMEM;
	}
	return 0;
}

static int restore_mobile(struct turn_alloc *a, const struct turn_state *st)
{
	int rc = st->is_mobile ? turn_mobile_create(a) : 0;

	if (rc == 0 && a->mobile) {
		a->mobile->first = st->first_ticket;
		a->mobile->last = st->last_ticket;
		memcpy(a->mobile->tid, st->move_tid, sizeof(a->mobile->tid));
	}
	return rc;
}

static struct turn_lease lease_of(const struct turn_tenant *t, const struct turn_state *st)
{
	struct turn_lease l = {.tenant = t->id,
		.has_node = st->has_node_lease,
		.has_tenant = st->has_tenant_lease,
		.has_subject = st->has_subject_lease};

	memcpy(l.subject, st->subject, sizeof(l.subject));
	return l;
}

static const struct turn_tenant *tenant_named(const struct turn_server *s, struct bytes name)
{
	for (size_t i = 0; i < s->snapshot->n_tenants; i++) {
		if (bytes_equal(bytes_str(s->snapshot->tenants[i].name), name))
			return &s->snapshot->tenants[i];
	}
	return NULL;
}

static int restore_account(struct turn_alloc *a, const struct turn_state *st)
{
	const struct turn_config *c = &a->server->snapshot->config;
	int rc = 0;

	a->account = st->account;
	flow_account_resume(&a->account, turn_now_ms(a->server));
	if (st->account.rate_bytes_s != 0 || c->node_kbps != 0 || turn_state_has_drops(st))
		rc = flow_account_watch(&a->account);
	if (rc == 0)
		rc = flow_account_packets_set(&a->account, c->allocation_packets);
	if (rc == 0 && a->account.limits)
		memcpy(a->account.limits->drops, st->drops, sizeof(st->drops));
	return rc;
}

static int fill(struct turn_alloc *a, const struct turn_state *st)
{
	uint64_t now = turn_now_ms(a->server);

	const struct turn_tenant *tenant = tenant_named(a->server, st->tenant);
	const struct turn_tenant *door = tenant_named(a->server, st->door);

	if (!tenant || !door)
		return ERR_CONFIG;
	turn_alloc_tenants_set(a, tenant, door);
	a->client.tenant = a->door->id;
	a->id = st->id;
	a->created_ms = st->age_ms < now ? now - st->age_ms : 0;
	a->refresh_until_s = st->refresh_until_s;
	memcpy(a->subject, st->subject, sizeof(a->subject));
	memcpy(a->jti, st->jti, sizeof(a->jti));
	memcpy(a->kid, st->kid, sizeof(a->kid));
	memcpy(a->tid, st->tid, sizeof(a->tid));
	memcpy(a->token, st->token, sizeof(a->token));
	a->has_token = st->has_token;
	a->is_by_token = st->is_by_token;
	a->key = st->key;
	a->missing_family = st->missing_family;
	a->missing_code = st->missing_code;
	a->granted_s = st->granted_s;
	return restore_account(a, st);
}

/*
 * The client's place: as given, or where the state says. A connection cannot be found again, so
 * then the caller gets one that stands for the lack of it, if the allocation can live with that.
 */
static int place_of(struct turn_server *s, const struct turn_state *st, struct turn_client *c,
	struct net_port *nowhere)
{
	if (c->port)
		return turn_alloc_find(s, c) ? ERR_EXISTS : 0;
	*c = (struct turn_client){.addr = st->client,
		.location = (enum auth_location)st->location,
		.transport = (enum auth_transport)st->transport};
	if (st->is_direct) {
		c->port = s->config.listener_find(s->config.arg, &st->listener);
		if (!c->port)
			return ERR_CONFIG;
		return turn_alloc_find(s, c) ? ERR_EXISTS : 0;
	}
	if (!st->is_mobile)
		return ERR_MALFORMED;
	*nowhere = (struct net_port){.local = st->listener};
	c->port = nowhere;
	return 0;
}

static int unpack(struct turn_server *s, const struct turn_state *st, const struct turn_parcel *p,
	struct turn_client place, struct turn_alloc **out)
{
	struct net_port nowhere;
	int rc = place_of(s, st, &place, &nowhere);

	if (rc != 0)
		return rc;
	struct turn_alloc *a = turn_alloc_make(s, &place, st->username);
	if (!a)
		return -ENOMEM;
	rc = fill(a, st);
	if (rc == 0)
		rc = restore_mobile(a, st);
	if (rc == 0 && place.port == &nowhere)
		turn_mobile_detach(a);
	if (rc == 0)
		rc = flow_account_bucket_set(&a->account, FLOW_LIMIT_TENANT, p->tenant);
	if (rc == 0)
		rc = flow_account_bucket_set(&a->account, FLOW_LIMIT_SUBJECT, p->subject);
	if (rc == 0)
		rc = open_relays(a, st, p->fds);
	if (rc == 0)
		rc = restore_peers(a, st);
	if (rc != 0) {
		turn_alloc_leave(a); /* numbers and lease are the parcel's still */
		return rc;
	}
	a->has_node_lease = st->has_node_lease;
	a->has_tenant_lease = st->has_tenant_lease;
	a->has_subject_lease = st->has_subject_lease;
	turn_bindings_judge(a); /* the rules here may be others */
	*out = a;
	return 0;
}

int turn_parcel_unpack(struct turn_server *s, const struct turn_parcel *p,
	const struct turn_client *client, struct turn_alloc **out)
{
	struct turn_state st;
	int rc = turn_state_read(bytes_of(p->data, p->len), &st);

	if (rc != 0)
		return rc;
	rc = unpack(s, &st, p, *client, out);
	crypto_wipe(&st.key, sizeof(st.key));
	return rc;
}

void turn_parcel_give_up(struct turn_server *s, const struct turn_parcel *p)
{
	struct turn_state st;

	if (turn_state_read(bytes_of(p->data, p->len), &st) != 0)
		return;
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		const struct turn_state_relay *r = &st.relays[i];
		if (!r->is_there || !is_ours(s, r))
			continue;
		turn_relay_give_up(s, p->fds[i] >= 0, &r->local);
		turn_relay_number_put(s, r->ports_worker, r->pool, r->local.port);
	}
	const struct turn_tenant *t = tenant_named(s, st.tenant);
	if (t && s->config.lease_put) {
		struct turn_lease l = lease_of(t, &st);
		if (turn_lease_is_held(&l))
			s->config.lease_put(s->config.arg, &l);
	}
	crypto_wipe(&st.key, sizeof(st.key));
}
