/* SPDX-License-Identifier: BSD-3-Clause */
/* Permissions and channels: CreatePermission (RFC 8656 §10) and ChannelBind (§12). */
#include <stdlib.h>

#include "turn_priv.h"

/* ---- permissions ---- */

struct turn_permission *turn_permission_find(struct turn_alloc *a, const struct addr *peer)
{
	list_for_each (it, &a->permissions) {
		struct turn_permission *p = CONTAINER_OF(it, struct turn_permission, link);
		if (addr_equal_ip(&p->peer, peer))
			return p;
	}
	return NULL;
}

/* Channels outlive the permission of their peer by up to five minutes; what the peer sends is then
 * dropped. */
static void permit_channels(struct turn_permission *p, bool on)
{
	list_for_each (it, &p->alloc->channels) {
		struct turn_channel *c = CONTAINER_OF(it, struct turn_channel, link);
		if (addr_equal_ip(&c->flow.peer, &p->peer))
			flow_permit(p->alloc->server->config.flows, &c->flow, on);
	}
}

void turn_permission_destroy(struct turn_permission *p)
{
	permit_channels(p, false);
	list_remove(&p->link);
	p->alloc->n_permissions--;
	turn_shared_forbid(p);
	turn_shared_forget(p->alloc, &p->peer);
	wheel_cancel(p->alloc->server->config.wheel, &p->timer);
	free(p);
}

static void permission_expire(struct wheel_timer *t, void *arg)
{
	(void)arg;
	turn_permission_destroy(CONTAINER_OF(t, struct turn_permission, timer));
}

/* It is in force from its first refresh on. NULL: out of memory. */
static struct turn_permission *permission_make(struct turn_alloc *a, const struct addr *peer)
{
	struct turn_permission *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->alloc = a;
	p->peer = *peer;
	p->peer.port = 0;
	if (turn_shared_permit(p) != 0) {
		free(p);
		return NULL;
	}
	wheel_timer_init(&p->timer, permission_expire);
	list_append(&a->permissions, &p->link);
	a->n_permissions++;
	return p;
}

/* NULL: the limit is reached, or memory is short. */
static struct turn_permission *permission_create(struct turn_alloc *a, const struct addr *peer)
{
	if (a->n_permissions >= a->server->snapshot->config.max_permissions)
		return NULL;
	return permission_make(a, peer);
}

static void permission_live_ms(struct turn_permission *p, uint32_t ms)
{
	struct turn_server *s = p->alloc->server;

	wheel_set(s->config.wheel, &p->timer, turn_now_ms(s) + ms);
	permit_channels(p, true);
}

/* Another five minutes. */
static void permission_refresh(struct turn_permission *p)
{
	permission_live_ms(p, TURN_PERMISSION_MS);
}

struct turn_permission *turn_permission_restore(
	struct turn_alloc *a, const struct addr *peer, uint32_t left_ms)
{
	if (!turn_alloc_relay(a, peer->family) || turn_permission_find(a, peer))
		return NULL;
	struct turn_permission *p = permission_make(a, peer);
	if (p)
		permission_live_ms(p, left_ms);
	return p;
}

/* ---- what both requests ask of a peer address ---- */

static void log_denied(struct turn_request *req, const struct addr *peer)
{
	const struct turn_alloc *a = req->alloc;
	char client[ADDR_TEXT_LEN], text[ADDR_TEXT_LEN], subject[AUTH_SUBJECT_LEN * 2 + 1];

	if (!turn_bursts_subject(&req->server->bursts, TURN_BURST_PEERS, a->subject))
		return;
	hex_encode(a->subject, sizeof(a->subject), subject);
	log_warning(LOG_TURN, "peer denied",
		"id=%llx subject=%s client=%s peer=%s hint=\"edge.peers.allow opens a prefix\"",
		(unsigned long long)a->id, subject, log_addr(&req->origin.client.addr, client),
		log_addr(peer, text));
}

/* Reads an XOR-PEER-ADDRESS: as it stands there, and as it is on the wire. */
static bool decode_peer(const struct turn_request *req, const struct stun_attr *attr,
	struct addr *peer, struct addr *wire)
{
	if (stun_attr_xor_address(&req->msg, attr, peer) != 0)
		return false;
	*wire = turn_peer_to_wire(req->server->snapshot, peer);
	return true;
}

struct stun_refusal turn_peer_read(
	struct turn_request *req, const struct stun_attr *attr, bool with_port, struct addr *wire)
{
	const struct turn_tenant *tenant = req->alloc->tenant;
	struct addr peer;

	if (!decode_peer(req, attr, &peer, wire))
		return turn_refuse(STUN_BAD_REQUEST);
	if (!turn_alloc_relay(req->alloc, wire->family))
		return turn_refuse(STUN_FAMILY_MISMATCH);
	bool is_allowed = with_port ? turn_peer_port_is_allowed(tenant, wire)
				    : turn_peer_ip_is_allowed(tenant, wire);
	if (!is_allowed) {
		log_denied(req, &peer);
		return turn_refuse(STUN_FORBIDDEN);
	}
	return TURN_GRANTED;
}

bool turn_request_is_usable(struct turn_request *req)
{
	struct turn_alloc *a = req->alloc;

	if (!a || a->pending) {
		turn_request_refuse(req, turn_refuse(STUN_ALLOCATION_MISMATCH));
		return false;
	}
	if (turn_now_s(req->server) > a->refresh_until_s) {
		turn_request_refuse(req, turn_refuse(STUN_UNAUTHORIZED));
		return false;
	}
	return true;
}

static void answer_empty(struct turn_request *req)
{
	struct turn_answer out;

	if (turn_answer_begin(req->server, &req->origin, STUN_SUCCESS, &out))
		turn_answer_send(&out);
}

/* ---- CreatePermission ---- */

/* All or nothing: the request is gone through to judge it, to make what is new, and to grant. */

static bool next_peer(const struct turn_request *req, size_t *offset, struct stun_attr *out)
{
	while (stun_attr_next(&req->msg, offset, out)) {
		if (out->type == STUN_XOR_PEER_ADDRESS)
			return true;
	}
	return false;
}

static struct stun_refusal judge_all(struct turn_request *req)
{
	struct stun_attr attr;
	struct addr wire;
	size_t offset = 0;
	bool is_empty = true;

	while (next_peer(req, &offset, &attr)) {
		struct stun_refusal r = turn_peer_read(req, &attr, false, &wire);
		if (r.code != 0)
			return r;
		is_empty = false;
	}
	return is_empty ? turn_refuse(STUN_BAD_REQUEST) : TURN_GRANTED;
}

/* False: they do not all fit, and none is there. */
static bool create_missing(struct turn_request *req)
{
	struct turn_alloc *a = req->alloc;
	uint32_t before = a->n_permissions;
	struct stun_attr attr;
	struct addr peer, wire;
	size_t offset = 0;

	while (next_peer(req, &offset, &attr)) {
		if (decode_peer(req, &attr, &peer, &wire) &&
			(turn_permission_find(a, &wire) || permission_create(a, &wire)))
			continue;
		while (a->n_permissions > before) /* the newest stand last */
			turn_permission_destroy(
				CONTAINER_OF(a->permissions.prev, struct turn_permission, link));
		return false;
	}
	return true;
}

static void refresh_all(struct turn_request *req)
{
	struct stun_attr attr;
	struct addr peer, wire;
	size_t offset = 0;

	while (next_peer(req, &offset, &attr)) {
		struct turn_permission *p = NULL;
		if (decode_peer(req, &attr, &peer, &wire))
			p = turn_permission_find(req->alloc, &wire);
		if (p)
			permission_refresh(p);
	}
}

void turn_handle_create_permission(struct turn_request *req)
{
	if (!turn_request_is_usable(req))
		return;
	struct stun_refusal r = judge_all(req);
	if (r.code == 0 && !create_missing(req))
		r = turn_refuse(STUN_INSUFFICIENT_CAPACITY);
	if (r.code != 0) {
		turn_request_refuse(req, r);
		return;
	}
	refresh_all(req);
	turn_count(req->server, TURN_C_PERMISSION_OK);
	answer_empty(req);
}

/* ---- channels ---- */

void turn_channel_destroy(struct turn_channel *c)
{
	struct turn_server *s = c->alloc->server;

	flow_remove(s->config.flows, &c->flow);
	list_remove(&c->link);
	c->alloc->n_channels--;
	turn_shared_forget(c->alloc, &c->flow.peer);
	wheel_cancel(s->config.wheel, &c->timer);
	free(c);
}

static void channel_expire(struct wheel_timer *t, void *arg)
{
	(void)arg;
	turn_channel_destroy(CONTAINER_OF(t, struct turn_channel, timer));
}

/* NULL: out of memory. */
static struct turn_channel *channel_make(
	struct turn_alloc *a, uint16_t number, const struct addr *peer)
{
	struct net_port *port = turn_peer_port(a, peer);
	struct turn_channel *c = port ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->alloc = a;
	c->flow.client_port = a->client.port;
	c->flow.client = a->client.addr;
	c->flow.relay_port = port;
	c->flow.peer = *peer;
	c->flow.channel = number;
	c->flow.account = &a->account;
	if (flow_insert(a->server->config.flows, &c->flow) != 0) {
		free(c);
		return NULL;
	}
	wheel_timer_init(&c->timer, channel_expire);
	list_append(&a->channels, &c->link);
	a->n_channels++;
	return c;
}

/* NULL: the limit is reached, or memory is short. */
static struct turn_channel *channel_create(
	struct turn_alloc *a, uint16_t number, const struct addr *peer)
{
	if (a->n_channels >= a->server->snapshot->config.max_channels)
		return NULL;
	return channel_make(a, number, peer);
}

struct turn_channel *turn_channel_restore(
	struct turn_alloc *a, uint16_t number, const struct addr *peer, uint32_t left_ms)
{
	struct turn_server *s = a->server;
	struct turn_relay *r = turn_alloc_relay(a, peer->family);

	if (!r || flow_find_up(s->config.flows, a->client.port, &a->client.addr, number) ||
		flow_find_down(s->config.flows, r->port, peer))
		return NULL;
	struct turn_channel *c = channel_make(a, number, peer);
	if (c)
		wheel_set(s->config.wheel, &c->timer, turn_now_ms(s) + left_ms);
	return c;
}

static bool is_channel_number(const struct turn_server *s, uint16_t n)
{
	uint16_t last =
		s->snapshot->config.strict_channels ? STUN_CHANNEL_MAX_STRICT : STUN_CHANNEL_MAX;

	return n >= STUN_CHANNEL_MIN && n <= last;
}

/* The channel a number and a peer agree on: found, or NULL in *OUT for a new one; 400 when they do
 * not. */
static struct stun_refusal find_channel(struct turn_request *req, uint16_t number,
	const struct addr *peer, struct turn_channel **out)
{
	struct turn_alloc *a = req->alloc;
	struct flow_table *flows = req->server->config.flows;
	struct flow *by_number = flow_find_up(flows, a->client.port, &a->client.addr, number);
	struct net_port *port = turn_peer_port_find(a, peer);
	struct flow *by_peer = port ? flow_find_down(flows, port, peer) : NULL;

	if (by_number != by_peer)
		return turn_refuse(STUN_BAD_REQUEST);
	*out = by_number ? CONTAINER_OF(by_number, struct turn_channel, flow) : NULL;
	return TURN_GRANTED;
}

static struct stun_refusal bind_channel(
	struct turn_request *req, uint16_t number, const struct addr *peer)
{
	struct turn_alloc *a = req->alloc;
	struct turn_server *s = req->server;
	struct turn_channel *channel;
	struct stun_refusal r = find_channel(req, number, peer, &channel);

	if (r.code != 0)
		return r;
	/* A binding installs or refreshes the permission of its peer too (RFC 8656 §12.2). */
	struct turn_permission *old = turn_permission_find(a, peer);
	struct turn_permission *p = old ? old : permission_create(a, peer);
	if (p && !channel)
		channel = channel_create(a, number, peer);
	if (!p || !channel) {
		if (p && !old)
			turn_permission_destroy(p);
		return turn_refuse(STUN_INSUFFICIENT_CAPACITY);
	}
	permission_refresh(p);
	wheel_set(s->config.wheel, &channel->timer, turn_now_ms(s) + TURN_CHANNEL_MS);
	return TURN_GRANTED;
}

void turn_handle_channel_bind(struct turn_request *req)
{
	struct stun_attr number_attr, peer_attr;
	struct addr peer;
	uint16_t number;

	if (!turn_request_is_usable(req))
		return;
	if (!stun_attr_find(&req->msg, STUN_CHANNEL_NUMBER, &number_attr) ||
		stun_attr_channel(&number_attr, &number) != 0 ||
		!is_channel_number(req->server, number) ||
		!stun_attr_find(&req->msg, STUN_XOR_PEER_ADDRESS, &peer_attr)) {
		turn_request_refuse(req, turn_refuse(STUN_BAD_REQUEST));
		return;
	}
	/* A channel belongs to an allocation of the other kind (RFC 6062 §3). */
	struct stun_refusal r =
		req->alloc->is_tcp ? turn_refuse(STUN_ALLOCATION_MISMATCH) : TURN_GRANTED;
	if (r.code == 0)
		r = turn_peer_read(req, &peer_attr, true, &peer);
	if (r.code == 0)
		r = bind_channel(req, number, &peer);
	if (r.code != 0) {
		turn_request_refuse(req, r);
		return;
	}
	turn_count(req->server, TURN_C_CHANNEL_OK);
	answer_empty(req);
}

/* ---- new rules ---- */

void turn_bindings_judge(struct turn_alloc *a)
{
	uint32_t before = a->n_channels + a->n_permissions;

	turn_connections_judge(a);
	list_for_each_safe (it, &a->channels) {
		struct turn_channel *c = CONTAINER_OF(it, struct turn_channel, link);
		if (!turn_peer_port_is_allowed(a->tenant, &c->flow.peer))
			turn_channel_destroy(c);
	}
	list_for_each_safe (it, &a->permissions) {
		struct turn_permission *p = CONTAINER_OF(it, struct turn_permission, link);
		if (!turn_peer_ip_is_allowed(a->tenant, &p->peer))
			turn_permission_destroy(p);
	}
	if (a->n_channels + a->n_permissions != before)
		log_notice(LOG_TURN, "peers dropped", "id=%llx n=%u reason=new_rules",
			(unsigned long long)a->id, before - a->n_channels - a->n_permissions);
}
