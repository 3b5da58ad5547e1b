/* SPDX-License-Identifier: BSD-3-Clause */
/* An allocation's life: the tuple it is found by, its lifetime, its end. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "turn_priv.h"

/* Less than the 128 KiB from which on a request gets memory of its own, outside the heap. */
#define HEAP_STEP_ALLOCS 64
#define HEAP_STEP_BYTES  98304

/* What a client's packet is known by, without padding (RFC 8656 §3: the 5-tuple). */
struct tuple_key {
	uint8_t ip[16];
	uint32_t scope;
	uint32_t port_id;
	uint16_t port;
	uint16_t zero[3];
};

uint64_t turn_tuple_hash(const struct turn_server *s, const struct turn_client *c)
{
	struct tuple_key k = {.scope = c->addr.scope, .port_id = c->port->id, .port = c->addr.port};

	memcpy(k.ip, c->addr.ip, sizeof(k.ip));
	return hash_bytes(&s->key, &k, sizeof(k));
}

struct turn_alloc *turn_alloc_find(struct turn_server *s, const struct turn_client *c)
{
	struct hash_node *n = hash_table_first(&s->by_tuple, turn_tuple_hash(s, c));

	for (; n; n = hash_table_next(n)) {
		struct turn_alloc *a = CONTAINER_OF(n, struct turn_alloc, by_tuple);
		if (a->client.port == c->port && addr_equal(&a->client.addr, &c->addr))
			return a;
	}
	return NULL;
}

bool turn_alloc_wait(struct turn_alloc *a)
{
	const struct turn_relay *first = NULL;

	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		const struct turn_relay *r = &a->relays[i];
		if (r->port && (!first || r->expires_ms < first->expires_ms))
			first = r;
	}
	if (first)
		wheel_set(a->server->config.wheel, &a->timer, first->expires_ms);
	return first != NULL;
}

static void expire(struct wheel_timer *t, void *arg)
{
	struct turn_alloc *a = CONTAINER_OF(t, struct turn_alloc, timer);

	(void)arg;
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		struct turn_relay *r = &a->relays[i];
		if (r->port && r->expires_ms <= turn_now_ms(a->server))
			turn_alloc_relay_close(a, r);
	}
	if (turn_alloc_wait(a))
		return;
	turn_count(a->server, TURN_C_EXPIRED);
	turn_alloc_destroy(a, "expired");
}

/*
 * The C library lets the heap of a thread grow by no more than a request needs: a system call for
 * every page. So now and then it is asked for more at once, and keeps that as its own.
 */
static void grow_heap(const struct turn_server *s)
{
	if (s->by_tuple.count % HEAP_STEP_ALLOCS != 0)
		return;
	void *volatile room = malloc(HEAP_STEP_BYTES); /* or it would be left out */
	free(room);
}

struct turn_alloc *turn_alloc_make(
	struct turn_server *s, const struct turn_client *c, struct bytes username)
{
	grow_heap(s);
	struct turn_alloc *a = calloc(1, sizeof(*a) + username.len);

	if (!a)
		return NULL;
	if (hash_table_insert(&s->by_tuple, &a->by_tuple, turn_tuple_hash(s, c)) != 0) {
		free(a);
		return NULL;
	}
	a->server = s;
	a->client = *c;
	a->client.port->n_holds++;
	list_init(&a->permissions);
	list_init(&a->channels);
	list_init(&a->meetings);
	list_init(&a->connections);
	wheel_timer_init(&a->timer, expire);
	a->username_len = (uint16_t)username.len;
	memcpy(a->username, username.data, username.len);
	metrics_add(s->config.cells, TURN_C_ALLOCATIONS, 1);
	return a;
}

void turn_alloc_tenants_set(
	struct turn_alloc *a, const struct turn_tenant *tenant, const struct turn_tenant *door)
{
	a->tenant = tenant;
	a->door = door;
	turn_tenant_count(a->server, tenant->id, TURN_T_ALLOCATIONS, 1);
}

static int open_account(struct turn_alloc *a, const struct auth_claims *claims)
{
	const struct turn_config *c = &a->server->snapshot->config;
	uint32_t kbps = claims->kbps ? claims->kbps : a->tenant->allocation_kbps;

	flow_account_init(&a->account, kbps, turn_now_ms(a->server));
	if (kbps == 0 && c->node_kbps == 0)
		return flow_account_packets_set(&a->account, c->allocation_packets);
	int rc = flow_account_watch(&a->account); /* its last line tells what they have dropped */
	return rc == 0 ? flow_account_packets_set(&a->account, c->allocation_packets) : rc;
}

struct turn_alloc *turn_alloc_create(struct turn_request *req)
{
	struct turn_server *s = req->server;
	struct turn_alloc *a = turn_alloc_make(s, &req->origin.client, req->username);

	if (!a)
		return NULL;
	turn_alloc_tenants_set(a, req->tenant, req->origin.door);
	if (open_account(a, &req->grant.claims) != 0) {
		turn_alloc_leave(a);
		return NULL;
	}
	/* The worker in the upper bits: an id names one allocation of the whole node. */
	a->id = (uint64_t)s->config.worker << 48 | ++s->next_id;
	a->created_ms = turn_now_ms(s);
	a->refresh_until_s = req->grant.refresh_until_s;
	memcpy(a->subject, req->grant.claims.subject, sizeof(a->subject));
	memcpy(a->jti, req->grant.claims.jti, sizeof(a->jti));
	memcpy(a->kid, req->grant.kid, sizeof(a->kid));
	a->key = req->origin.key;
	a->is_by_token = req->grant.form == AUTH_FORM_TOKEN;
	memcpy(a->tid, req->origin.tid, sizeof(a->tid));
	return a;
}

/* " subject_rate_dropped_packets=7 subject_rate_dropped_bytes=8400", for each limit that has cut.
 */
#define DROPS_LEN 640
static const char *drops(const struct flow_account *a, char buf[DROPS_LEN])
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned l = 0; a->limits && l < FLOW_LIMITS; l++) {
		const struct flow_drops *d = &a->limits->drops[l];
		if (d->packets == 0)
			continue;
		int n = snprintf(buf + len, DROPS_LEN - len,
			" %s_dropped_packets=%llu %s_dropped_bytes=%llu", flow_limit_name(l),
			(unsigned long long)d->packets, flow_limit_name(l),
			(unsigned long long)d->bytes);
		len += n > 0 ? (size_t)n : 0;
		assert(len < DROPS_LEN); /* five limits, 110 bytes at most */
	}
	return buf;
}

static void log_end(const struct turn_alloc *a, const char *why)
{
	char client[ADDR_TEXT_LEN], dropped[DROPS_LEN];

	log_info(LOG_TURN, "allocation ended",
		"id=%llx reason=%s client=%s age_s=%llu to_peer_packets=%llu to_peer_bytes=%llu "
		"to_client_packets=%llu to_client_bytes=%llu%s",
		(unsigned long long)a->id, why, log_addr(&a->client.addr, client),
		(unsigned long long)(turn_now_ms(a->server) - a->created_ms) / 1000,
		(unsigned long long)a->account.packets[FLOW_UP],
		(unsigned long long)a->account.bytes[FLOW_UP],
		(unsigned long long)a->account.packets[FLOW_DOWN],
		(unsigned long long)a->account.bytes[FLOW_DOWN], drops(&a->account, dropped));
}

void turn_alloc_settle(struct turn_alloc *a)
{
	struct turn_pending *p = a->pending;

	if (!p)
		return;
	hash_table_remove(&a->server->pending, &p->by_ticket);
	wheel_cancel(a->server->config.wheel, &p->timer);
	turn_origin_wipe(&p->origin);
	free(p);
	a->pending = NULL;
}

static void take_apart(struct turn_alloc *a)
{
	struct turn_server *s = a->server;

	hash_table_remove(&s->by_tuple, &a->by_tuple);
	a->client.port->n_holds--;
	wheel_cancel(s->config.wheel, &a->timer);
	turn_alloc_settle(a);
	turn_connections_close(a, ADDR_NONE);
	list_for_each_safe (it, &a->channels)
		turn_channel_destroy(CONTAINER_OF(it, struct turn_channel, link));
	list_for_each_safe (it, &a->permissions)
		turn_permission_destroy(CONTAINER_OF(it, struct turn_permission, link));
	turn_mobile_destroy(a->mobile);
	flow_account_fini(&a->account);
	metrics_sub(s->config.cells, TURN_C_ALLOCATIONS, 1);
	if (a->tenant)
		turn_tenant_count(s, a->tenant->id, TURN_T_ALLOCATIONS, (uint64_t)-1);
	crypto_wipe(&a->key, sizeof(a->key));
}

void turn_alloc_withdraw(struct turn_alloc *a)
{
	list_for_each (it, &a->channels)
		flow_withdraw(a->server->config.flows,
			&CONTAINER_OF(it, struct turn_channel, link)->flow);
}

void turn_alloc_destroy(struct turn_alloc *a, const char *why)
{
	struct turn_server *s = a->server;

	turn_alloc_withdraw(a);
	if (a->granted_s > 0) { /* else it never began */
		log_end(a, why);
		turn_tenant_count(s, a->tenant->id, TURN_T_TO_PEER, a->account.bytes[FLOW_UP]);
		turn_tenant_count(s, a->tenant->id, TURN_T_TO_CLIENT, a->account.bytes[FLOW_DOWN]);
	}
	take_apart(a);
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++)
		turn_relay_close(s, &a->relays[i]);
	if (a->has_node_lease || a->has_tenant_lease || a->has_subject_lease) {
		struct turn_lease lease = turn_lease_of(a);
		s->config.lease_put(s->config.arg, &lease);
	}
	free(a);
}

void turn_alloc_leave(struct turn_alloc *a)
{
	take_apart(a);
	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		if (a->relays[i].port && !a->relays[i].is_shared)
			turn_relay_leave(a->server, a->relays[i].port);
	}
	free(a);
}

void turn_alloc_rehome(struct turn_alloc *a, const struct turn_client *c)
{
	struct turn_server *s = a->server;

	hash_table_remove(&s->by_tuple, &a->by_tuple);
	a->client.port->n_holds--;
	a->client = *c;
	a->client.port->n_holds++;
	/* Into a table that has just had room for it. */
	(void)hash_table_insert(&s->by_tuple, &a->by_tuple, turn_tuple_hash(s, c));
	list_for_each (it, &a->channels) {
		struct flow *f = &CONTAINER_OF(it, struct turn_channel, link)->flow;
		flow_remove(s->config.flows, f);
		f->client_port = c->port;
		f->client = c->addr;
		(void)flow_insert(s->config.flows, f);
	}
}

void turn_alloc_lifetime_set(struct turn_alloc *a, struct turn_relay *only, uint32_t lifetime_s)
{
	uint64_t expires_ms = turn_now_ms(a->server) + (uint64_t)lifetime_s * 1000;

	for (size_t i = 0; i < TURN_RELAYS_MAX; i++) {
		if (!only || only == &a->relays[i])
			a->relays[i].expires_ms = expires_ms;
	}
	(void)turn_alloc_wait(a); /* it has a relay, or there would be nothing to refresh */
}

struct turn_relay *turn_alloc_relay(struct turn_alloc *a, uint8_t family)
{
	struct turn_relay *r = &a->relays[family == ADDR_IPV6];

	return r->port ? r : NULL;
}

/* Channels and permissions of a family end with its relay: their packets have nowhere to go. */
void turn_alloc_relay_close(struct turn_alloc *a, struct turn_relay *r)
{
	uint8_t family = r->port->local.family;

	turn_connections_close(a, family);
	list_for_each_safe (it, &a->channels) {
		struct turn_channel *c = CONTAINER_OF(it, struct turn_channel, link);
		if (c->flow.peer.family == family)
			turn_channel_destroy(c);
	}
	list_for_each_safe (it, &a->permissions) {
		struct turn_permission *p = CONTAINER_OF(it, struct turn_permission, link);
		if (p->peer.family == family)
			turn_permission_destroy(p);
	}
	turn_relay_close(a->server, r);
}
