/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections with peers: the client asks for one, or a peer comes; until a client binds it. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "tcp.h"

/* ---- ids ---- */

static uint64_t hash_of(const struct turn_server *s, uint32_t id)
{
	uint64_t word = id;

	return hash_bytes(&s->key, &word, sizeof(word));
}

struct turn_connection *turn_connection_find(struct turn_server *s, uint32_t id)
{
	struct hash_node *n = hash_table_first(&s->connections, hash_of(s, id));

	for (; n; n = hash_table_next(n)) {
		struct turn_connection *c = CONTAINER_OF(n, struct turn_connection, by_id);
		if (c->id == id)
			return c;
	}
	return NULL;
}

/* Descriptors run out long before 24 bits do, so a free one is found at once. */
static uint32_t new_id(struct turn_server *s)
{
	uint32_t id;

	do
		id = (uint32_t)s->config.worker << 24 | crypto_random_below(1u << 24);
	while (turn_connection_find(s, id));
	return id;
}

/* ---- life ---- */

static void log_connection(const struct turn_connection *c, const char *event, const char *why)
{
	char peer[ADDR_TEXT_LEN];

	log_info(LOG_TURN, event, "id=%llx connection=%08x peer=%s reason=%s",
		(unsigned long long)c->alloc->id, c->id, log_addr(&c->peer, peer), why);
}

static void forget_origin(struct turn_connection *c)
{
	if (!c->origin)
		return;
	turn_origin_wipe(c->origin);
	free(c->origin);
	c->origin = NULL;
}

void turn_connection_destroy(struct turn_connection *c, const char *why)
{
	struct turn_server *s = c->alloc->server;

	if (!c->origin)
		log_connection(c, "connection ended", why);
	hash_table_remove(&s->connections, &c->by_id);
	list_remove(&c->link);
	c->alloc->n_connections--;
	wheel_cancel(s->config.wheel, &c->timer);
	forget_origin(c);
	if (c->pipe)
		s->config.tcp->close(s->config.tcp->arg, c->pipe);
	metrics_sub(s->config.cells, TURN_C_CONNECTIONS, 1);
	free(c);
}

void turn_connections_carry_over(struct turn_alloc *a)
{
	list_for_each (it, &a->connections) {
		struct turn_connection *c = CONTAINER_OF(it, struct turn_connection, link);
		if (c->origin)
			c->origin->door = a->door;
	}
}

void turn_connections_judge(struct turn_alloc *a)
{
	list_for_each_safe (it, &a->connections) {
		struct turn_connection *c = CONTAINER_OF(it, struct turn_connection, link);
		if (turn_peer_ip_is_allowed(a->tenant, &c->peer))
			continue;
		if (c->origin)
			turn_origin_refuse(a->server, c->origin, turn_refuse(STUN_FORBIDDEN));
		turn_connection_destroy(c, "new_rules");
	}
}

void turn_connections_close(struct turn_alloc *a, uint8_t family)
{
	list_for_each_safe (it, &a->connections) {
		struct turn_connection *c = CONTAINER_OF(it, struct turn_connection, link);
		if (family == ADDR_NONE || c->peer.family == family)
			turn_connection_destroy(c, "allocation");
	}
}

/* A time is up: the peer has not answered, or the client has not come. */
static void expire(struct wheel_timer *t, void *arg)
{
	struct turn_connection *c = CONTAINER_OF(t, struct turn_connection, timer);
	struct turn_server *s = c->alloc->server;

	(void)arg;
	if (c->origin)
		turn_origin_refuse(s, c->origin, turn_refuse(STUN_CONNECTION_TIMEOUT));
	else
		turn_count(s, TURN_C_CONNECTION_UNBOUND);
	turn_connection_destroy(c, "not_bound");
}

static void wait_ms(struct turn_connection *c, uint64_t ms)
{
	struct turn_server *s = c->alloc->server;

	wheel_set(s->config.wheel, &c->timer, turn_now_ms(s) + ms);
}

static bool has_room(const struct turn_alloc *a)
{
	return a->n_connections < a->server->snapshot->config.max_connections;
}

/* Without a pipe yet. NULL: memory is short. */
static struct turn_connection *create(struct turn_alloc *a, const struct addr *peer)
{
	struct turn_server *s = a->server;
	struct turn_connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->id = new_id(s);
	if (hash_table_insert(&s->connections, &c->by_id, hash_of(s, c->id)) != 0) {
		free(c);
		return NULL;
	}
	c->alloc = a;
	c->peer = *peer;
	wheel_timer_init(&c->timer, expire);
	list_append(&a->connections, &c->link);
	a->n_connections++;
	metrics_add(s->config.cells, TURN_C_CONNECTIONS, 1);
	return c;
}

/* ---- Connect, RFC 6062 §5.2 ---- */

static bool is_connected(const struct turn_alloc *a, const struct addr *peer)
{
	list_for_each (it, &a->connections) {
		if (addr_equal(&CONTAINER_OF(it, struct turn_connection, link)->peer, peer))
			return true;
	}
	return false;
}

static unsigned code_of(int rc)
{
	switch (rc) {
	case -ENOMEM:
	case -ENOBUFS:
	case -EMFILE:
	case -ENFILE:
		return STUN_INSUFFICIENT_CAPACITY;
	default:
		return STUN_CONNECTION_TIMEOUT;
	}
}

/* The answer waits for the peer's. */
static struct stun_refusal dial(struct turn_request *req, const struct addr *peer)
{
	struct turn_server *s = req->server;
	const struct turn_tcp_wire *tcp = s->config.tcp;
	struct turn_origin *origin = malloc(sizeof(*origin));
	struct turn_connection *c = origin ? create(req->alloc, peer) : NULL;

	if (!c) {
		free(origin);
		return turn_refuse(STUN_INSUFFICIENT_CAPACITY);
	}
	*origin = req->origin;
	c->origin = origin;
	const struct addr *local = &turn_alloc_relay(req->alloc, peer->family)->port->local;
	int rc = tcp->dial(tcp->arg, local, peer, c, &c->pipe);
	if (rc != 0) {
		c->pipe = NULL;
		turn_connection_destroy(c, "failed");
		return turn_refuse(code_of(rc));
	}
	wait_ms(c, TURN_CONNECT_MS);
	return TURN_GRANTED;
}

static struct stun_refusal connect_to_peer(struct turn_request *req)
{
	struct stun_attr attr;
	struct addr peer;

	if (!req->alloc->is_tcp)
		return turn_refuse(STUN_ALLOCATION_MISMATCH);
	if (!stun_attr_find(&req->msg, STUN_XOR_PEER_ADDRESS, &attr))
		return turn_refuse(STUN_BAD_REQUEST);
	struct stun_refusal r = turn_peer_read(req, &attr, true, &peer);
	if (r.code != 0)
		return r;
	if (is_connected(req->alloc, &peer))
		return turn_refuse(STUN_CONNECTION_EXISTS);
	if (!has_room(req->alloc))
		return turn_refuse(STUN_INSUFFICIENT_CAPACITY);
	return dial(req, &peer);
}

void turn_handle_connect(struct turn_request *req)
{
	if (!turn_request_is_usable(req))
		return;
	struct stun_refusal r = connect_to_peer(req);
	if (r.code != 0)
		turn_request_refuse(req, r);
}

static void answer_connect(struct turn_connection *c)
{
	struct turn_server *s = c->alloc->server;
	struct turn_answer out;

	turn_count(s, TURN_C_CONNECT_OK);
	if (!turn_answer_begin(s, c->origin, STUN_SUCCESS, &out))
		return; /* the client asks again and hears 446, until the time to bind is up */
	stun_write_u32(&out.w, STUN_CONNECTION_ID, c->id);
	turn_answer_send(&out);
}

void turn_tcp_opened(struct turn_connection *c, int rc)
{
	if (rc != 0) {
		c->pipe = NULL; /* it goes by itself */
		turn_origin_refuse(c->alloc->server, c->origin, turn_refuse(code_of(rc)));
		turn_connection_destroy(c, "failed");
		return;
	}
	answer_connect(c);
	forget_origin(c);
	log_connection(c, "peer connected", "connect");
	wait_ms(c, TURN_BIND_MS);
}

/* ---- a peer comes, RFC 6062 §5.3 ---- */

/* False: the client cannot be told. */
static bool tell_client(struct turn_connection *c)
{
	struct turn_alloc *a = c->alloc;
	struct turn_server *s = a->server;
	struct net_buf *b = net_buf_get(s->config.net);
	struct addr peer = turn_peer_from_wire(s->snapshot, &c->peer);
	struct stun_writer w;
	size_t len;

	if (!b) {
		turn_count(s, TURN_C_NO_BUFFER);
		return false;
	}
	stun_write_begin(&w, b->data, TURN_MTU_ANSWER, STUN_INDICATION, STUN_CONNECTION_ATTEMPT,
		turn_next_tid(s));
	stun_write_u32(&w, STUN_CONNECTION_ID, c->id);
	stun_write_xor_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	if (stun_write_end(&w, &len) != 0) {
		net_buf_put(s->config.net, b);
		return false;
	}
	b->len = (uint32_t)len;
	b->addr = a->client.addr;
	net_port_send(a->client.port, b);
	return true;
}

/* Why a peer is turned away: a counter, or -1. */
static int judge(struct turn_alloc *a, const struct addr *peer)
{
	if (!a || !turn_permission_find(a, peer))
		return TURN_C_CONNECTION_NOT_PERMITTED;
	return has_room(a) ? -1 : TURN_C_CONNECTION_LIMIT;
}

void turn_tcp_accepted(struct turn_server *s, struct net_port *p, int fd, const struct addr *peer)
{
	const struct turn_tcp_wire *tcp = s->config.tcp;
	struct turn_alloc *a = p->owner;
	int why = judge(a, peer);
	struct turn_connection *c = why < 0 ? create(a, peer) : NULL;

	if (!c) {
		turn_count(s, why < 0 ? TURN_C_CONNECTION_NO_MEMORY : (unsigned)why);
		close(fd);
		return;
	}
	if (tcp->take(tcp->arg, fd, c, &c->pipe) != 0) {
		c->pipe = NULL;
		turn_count(s, TURN_C_CONNECTION_NO_MEMORY);
		turn_connection_destroy(c, "memory");
		return;
	}
	if (!tell_client(c)) {
		turn_connection_destroy(c, "memory");
		return;
	}
	turn_count(s, TURN_C_CONNECTION_ATTEMPT);
	log_connection(c, "peer connected", "accept");
	wait_ms(c, TURN_BIND_MS);
}

/* ---- data ---- */

static enum flow_direction direction_of(enum net_end from)
{
	return from == NET_CLIENT ? FLOW_UP : FLOW_DOWN;
}

void turn_tcp_ended(struct turn_connection *c)
{
	c->pipe = NULL; /* it goes by itself */
	turn_connection_destroy(c, "closed");
}

size_t turn_tcp_room(struct turn_connection *c, enum net_end from)
{
	struct turn_alloc *a = c->alloc;

	return flow_stream_room(a->server->config.flows, &a->account, direction_of(from));
}

void turn_tcp_passed(struct turn_connection *c, enum net_end from, size_t n)
{
	struct turn_alloc *a = c->alloc;

	flow_stream_passed(a->server->config.flows, &a->account, direction_of(from), n);
}
