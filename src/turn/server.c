/* SPDX-License-Identifier: BSD-3-Clause */
/* A message comes in: what it is, and whose business. Server, tables, snapshot change. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "turn_priv.h"

static int make_ports(struct turn_server *s)
{
	const struct turn_config *c = &s->snapshot->config;

	s->ports = calloc(c->n_relays ? c->n_relays : 1, sizeof(*s->ports));
	if (!s->ports)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_relays; i++) {
		int rc = net_ports_init(&s->ports[i], c->first_port, c->last_port, s->config.worker,
			s->config.n_workers);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Off, it is not even asked. */
static void limit_node(struct turn_server *s)
{
	flow_table_bucket_set(
		s->config.flows, s->snapshot->config.node_kbps ? s->config.node_bucket : NULL);
}

int turn_server_create(const struct turn_server_config *c, struct turn_server **out)
{
	struct turn_server *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->config = *c;
	s->snapshot = turn_snapshot_get(c->snapshot);
	crypto_random(&s->key, sizeof(s->key));
	crypto_random(s->indication_tid, sizeof(s->indication_tid));
	hash_table_init(&s->by_tuple);
	hash_table_init(&s->pending);
	hash_table_init(&s->meetings);
	hash_table_init(&s->guests);
	hash_table_init(&s->mobiles);
	hash_table_init(&s->arrivals_by_name);
	hash_table_init(&s->arrivals_by_tuple);
	hash_table_init(&s->connections);
	list_init(&s->reservations);
	turn_bursts_init(&s->bursts, c->clock, c->wheel, c->worker);
	s->replies = turn_replies_create();
	int rc = s->replies ? make_ports(s) : -ENOMEM;
	if (rc == 0)
		rc = turn_shared_open(s);
	if (rc != 0) {
		turn_server_destroy(s);
		return rc;
	}
	flow_table_miss_set(s->config.flows, turn_arrival_takes, s);
	limit_node(s);
	*out = s;
	return 0;
}

static void end_alloc(struct hash_node *n, void *why)
{
	turn_alloc_destroy(CONTAINER_OF(n, struct turn_alloc, by_tuple), why);
}

void turn_server_destroy(struct turn_server *s)
{
	static const char why[] = "shutdown";

	if (!s)
		return;
	s->is_ending = true;
	hash_table_each(&s->by_tuple, end_alloc, (void *)(uintptr_t)why);
	turn_arrivals_drop(s);
	turn_reservations_drop(s);
	turn_bursts_fini(&s->bursts);
	turn_replies_destroy(s->replies);
	turn_shared_close(s);
	for (size_t i = 0; s->ports && i < s->snapshot->config.n_relays; i++)
		net_ports_fini(&s->ports[i]);
	free(s->ports);
	hash_table_fini(&s->by_tuple);
	hash_table_fini(&s->pending);
	hash_table_fini(&s->mobiles);
	hash_table_fini(&s->arrivals_by_name);
	hash_table_fini(&s->arrivals_by_tuple);
	crypto_wipe(&s->config.ticket_key, sizeof(s->config.ticket_key));
	free(s->redirect);
	hash_table_fini(&s->connections);
	turn_snapshot_put(s->snapshot);
	free(s);
}

void turn_server_join(
	struct turn_server *s, struct turn_server *const *servers, struct loop *const *loops)
{
	s->servers = servers;
	s->loops = loops;
}

/* An allocation comes under the new snapshot, or ends. */
static void carry_over(struct hash_node *n, void *arg)
{
	struct turn_alloc *a = CONTAINER_OF(n, struct turn_alloc, by_tuple);
	struct turn_server *s = arg;

	const struct turn_tenant *tenant = turn_tenant_find(s->snapshot, a->tenant->id);
	const struct turn_tenant *door = turn_tenant_find(s->snapshot, a->door->id);

	if (!tenant || !door) {
		turn_count(s, TURN_C_TENANT_REMOVED);
		turn_alloc_destroy(a, "tenant_removed");
		return;
	}
	a->tenant = tenant;
	a->door = door;
	if (a->pending)
		a->pending->origin.door = door;
	turn_connections_carry_over(a);
	if (auth_grant_is_revoked(tenant->auth, a->subject, a->jti, a->kid, turn_now_s(s))) {
		turn_count(s, TURN_C_REVOKED);
		turn_alloc_destroy(a, "revoked");
		return;
	}
	turn_bindings_judge(a);
}

void turn_server_snapshot(struct turn_server *s, struct turn_snapshot *snapshot)
{
	struct turn_snapshot *old = s->snapshot;

	s->snapshot = turn_snapshot_get(snapshot);
	hash_table_each(&s->by_tuple, carry_over, s);
	turn_arrivals_carry_over(s);
	limit_node(s);
	turn_snapshot_put(old); /* allocations have pointed into it */
}

size_t turn_server_allocations(const struct turn_server *s)
{
	return s->by_tuple.count;
}

/* ---- dispatch ---- */

static void refuse_unknown(struct turn_request *req, const uint16_t *types, size_t n)
{
	struct turn_answer a;

	turn_count(req->server, TURN_C_REFUSED_420);
	if (!turn_answer_begin(req->server, &req->origin, STUN_ERROR, &a))
		return;
	/* Begun anew from the message: an RFC 3489 client's id has 16 bytes. */
	stun_write_answer(&a.w, a.buf->data, TURN_MTU_ANSWER, &req->msg, STUN_ERROR);
	stun_write_error(&a.w, STUN_UNKNOWN_ATTRIBUTE, NULL);
	stun_write_unknown(&a.w, types, n);
	turn_answer_send(&a);
}

static void (*handler_of(unsigned method))(struct turn_request *)
{
	switch (method) {
	case STUN_ALLOCATE:
		return turn_handle_allocate;
	case STUN_REFRESH:
		return turn_handle_refresh;
	case STUN_CREATE_PERMISSION:
		return turn_handle_create_permission;
	case STUN_CHANNEL_BIND:
		return turn_handle_channel_bind;
	case STUN_CONNECT:
		return turn_handle_connect;
	case STUN_CONNECTION_BIND:
		return turn_handle_connection_bind;
	default:
		return NULL;
	}
}

static void handle_request(struct turn_request *req)
{
	uint16_t unknown[STUN_UNKNOWN_MAX];
	size_t n;
	bool is_binding = req->msg.method == STUN_BINDING;
	void (*handler)(struct turn_request *) = handler_of(req->msg.method);

	if (!is_binding && !handler) {
		turn_count(req->server, TURN_C_UNKNOWN_MESSAGE);
		return;
	}
	if (is_binding && !turn_request_may_answer(req, TURN_REPLY_BINDING))
		return;
	if (!is_binding) {
		/* Integrity first: an answer to a stranger is a challenge and nothing more (RFC
		 * 8489 §6.3). */
		struct stun_refusal r = turn_request_authenticate(req);
		if (r.code != 0) {
			turn_request_refuse(req, r);
			return;
		}
	}
	if (!turn_request_is_understood(req, unknown, ARRAY_LEN(unknown), &n)) {
		refuse_unknown(req, unknown, n);
		return;
	}
	if (is_binding)
		turn_handle_binding(req);
	else
		handler(req);
}

static void start_request(
	struct turn_server *s, const struct turn_client *c, const struct stun_msg *m)
{
	struct turn_request req = {.server = s, .msg = *m};
	const struct turn_tenant *door = turn_tenant_find(s->snapshot, c->tenant);

	assert(door != NULL); /* listeners keep their tenants */
	req.origin.client = *c;
	req.origin.method = m->method;
	req.origin.has_fingerprint = m->fingerprint != 0;
	memcpy(req.origin.tid, m->tid, STUN_TID_LEN);
	if (m->method != STUN_BINDING)
		req.alloc = turn_alloc_find(s, c);
	/* Who has an allocation stays with the realm it knows. */
	req.origin.door = req.alloc ? req.alloc->door : door;
	req.origin.tenant = req.alloc ? req.alloc->tenant->id : door->id;
	handle_request(&req);
	auth_grant_wipe(&req.grant);
	turn_origin_wipe(&req.origin);
}

/* May it be from a client whose allocation is still elsewhere? A Refresh with a ticket may be the
 * one that is being answered, come again; Binding needs no allocation. */
static bool is_early(const struct turn_server *s, const struct stun_msg *m)
{
	return s->arrivals_by_tuple.count > 0 && m->method != STUN_BINDING &&
	       !turn_request_has_ticket(m);
}

void turn_from_client(struct turn_server *s, const struct turn_client *c, struct net_buf *b)
{
	struct stun_msg m;

	if (stun_msg_decode(b->data, b->len, &m) != 0) {
		turn_count(s, TURN_C_MALFORMED);
	} else if (is_early(s, &m) && turn_arrival_holds(s, c, b)) {
		/* it is handled when the client's allocation is here */
	} else if (m.class == STUN_REQUEST) {
		start_request(s, c, &m);
	} else if (m.class == STUN_INDICATION && m.method == STUN_SEND) {
		turn_handle_send(s, c, &m, b);
		return; /* the buffer has gone on, or back */
	} else if (m.class != STUN_INDICATION || m.method != STUN_BINDING) {
		/* A Binding indication is a keep-alive and means nothing more. */
		turn_count(s, TURN_C_UNKNOWN_MESSAGE);
	}
	net_buf_put(s->config.net, b);
}

void turn_client_closed(struct turn_server *s, struct net_port *p, const struct addr *client)
{
	struct turn_client c = {.port = p, .addr = *client};
	struct turn_alloc *a = turn_alloc_find(s, &c);

	turn_arrivals_closed(s, &c);
	if (!a || turn_mobility_survives(a))
		return;
	turn_count(s, TURN_C_CLOSED);
	turn_alloc_destroy(a, "closed");
}

struct turn_alloc *turn_pending_find(struct turn_server *s, uint64_t ticket)
{
	uint64_t h = hash_bytes(&s->key, &ticket, sizeof(ticket));
	struct hash_node *n = hash_table_first(&s->pending, h);

	for (; n; n = hash_table_next(n)) {
		struct turn_pending *p = CONTAINER_OF(n, struct turn_pending, by_ticket);
		if (p->ticket == ticket)
			return p->alloc;
	}
	return NULL;
}

static void tell_quota(struct turn_server *s, const struct turn_alloc *a)
{
	char subject[AUTH_SUBJECT_LEN * 2 + 1];

	if (!turn_bursts_subject(&s->bursts, TURN_BURST_QUOTA, a->subject))
		return;
	hex_encode(a->subject, sizeof(a->subject), subject);
	log_warning(LOG_TURN, "quota reached", "subject=%s tenant=%s worker=%u", subject,
		a->tenant->name, s->config.worker);
}

struct stun_refusal turn_lease_hold(
	struct turn_alloc *a, const struct turn_lease *lease, const struct turn_lease_grant *grant)
{
	if (grant->code == STUN_QUOTA_REACHED)
		tell_quota(a->server, a);
	if (grant->code != 0)
		return turn_refuse(grant->code);
	a->has_node_lease = lease->has_node;
	a->has_tenant_lease = lease->has_tenant;
	a->has_subject_lease = lease->has_subject;
	if (flow_account_bucket_set(&a->account, FLOW_LIMIT_TENANT, grant->tenant) != 0 ||
		flow_account_bucket_set(&a->account, FLOW_LIMIT_SUBJECT, grant->subject) != 0)
		return turn_refuse(STUN_INSUFFICIENT_CAPACITY);
	return TURN_GRANTED;
}

void turn_lease_answer(struct turn_server *s, const struct turn_lease_ask *ask,
	const struct turn_lease_grant *grant)
{
	struct turn_alloc *a = turn_pending_find(s, ask->ticket);

	if (!a) {
		/* Nobody waits any more: the request has timed out. What was granted goes back. */
		if (grant->code == 0)
			s->config.lease_put(s->config.arg, &ask->lease);
		return;
	}
	struct stun_refusal r = turn_lease_hold(a, &ask->lease, grant);
	if (r.code != 0)
		turn_allocate_fail(a, r);
	else
		turn_allocate_resume(a);
}
