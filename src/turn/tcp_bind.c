/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ConnectionBind (RFC 6062 §5.4): a client's connection becomes the other side of a peer's. The
 * kernel deals it to any worker; the id says which one has the peer's, and it moves there whole,
 * request included, as if the kernel had dealt it there.
 */
#include <sallyport/crypto.h>

#include "tcp.h"

/* ---- to another worker ---- */

static void on_moved(void *ctx, void *payload)
{
	struct turn_server *s = ctx;

	s->config.tcp->adopt(s->config.tcp->arg, payload);
}

static void discard_moved(void *payload)
{
	struct turn_moved *m = payload;

	net_parcel_drop(&m->parcel);
}

static const struct msg_type moved_msg = {
	"turn_moved", sizeof(struct turn_moved), on_moved, discard_moved};
_Static_assert(sizeof(struct turn_moved) <= MSG_MAX, "a moving connection must fit a message");

static struct stun_refusal move(struct turn_request *req, unsigned worker)
{
	struct turn_server *s = req->server;
	const struct turn_tcp_wire *tcp = s->config.tcp;
	struct turn_moved m;

	if (worker >= s->config.n_workers || !s->servers)
		return turn_refuse(STUN_BAD_REQUEST);
	if (tcp->detach(tcp->arg, req->origin.client.port, bytes_of(req->msg.data, req->msg.len),
		    &m) != 0)
		return turn_refuse(STUN_INSUFFICIENT_CAPACITY);
	turn_count(s, TURN_C_CONNECTION_MOVED);
	if (loop_post(s->loops[worker], &moved_msg, s->servers[worker], &m) != 0) {
		/* It is out of its port: all that can be done is to end it. */
		turn_count(s, TURN_C_CONNECTION_LOST);
		net_parcel_drop(&m.parcel);
	}
	return TURN_GRANTED;
}

/* ---- here ---- */

/* The port is gone after it, unless the answer cannot be written. */
static void join(struct turn_request *req, struct turn_connection *c)
{
	struct turn_server *s = req->server;
	const struct turn_tcp_wire *tcp = s->config.tcp;
	struct turn_answer out;

	if (!turn_answer_begin(s, &req->origin, STUN_SUCCESS, &out))
		return;
	turn_answer_send(&out);
	turn_count(s, TURN_C_CONNECTION_BIND_OK);
	c->is_bound = true;
	wheel_cancel(s->config.wheel, &c->timer);
	if (tcp->join(tcp->arg, c->pipe, req->origin.client.port) != 0)
		turn_connection_destroy(c, "memory");
}

/* The same credential: by its name, or where there is only a token, by that one's key. */
static bool is_owner(const struct turn_request *req, const struct turn_alloc *a)
{
	bool is_by_token = req->grant.form == AUTH_FORM_TOKEN;
	const struct stun_key *key = &req->origin.key;

	if (req->tenant != a->tenant || is_by_token != a->is_by_token)
		return false;
	if (is_by_token)
		return key->len == a->key.len && crypto_equal(key->bytes, a->key.bytes, key->len);
	return bytes_equal(req->username, bytes_of(a->username, a->username_len));
}

static struct stun_refusal bind_here(struct turn_request *req, uint32_t id)
{
	struct turn_connection *c = turn_connection_find(req->server, id);

	if (!c || c->origin || c->is_bound)
		return turn_refuse(STUN_BAD_REQUEST);
	if (!is_owner(req, c->alloc))
		return turn_refuse(STUN_WRONG_CREDENTIALS);
	join(req, c);
	return TURN_GRANTED;
}

static struct stun_refusal bind_connection(struct turn_request *req)
{
	enum auth_transport transport = req->origin.client.transport;
	struct stun_attr attr;
	uint32_t id;

	/* A connection that has an allocation of its own carries its messages. */
	if ((transport != AUTH_TCP && transport != AUTH_TLS) || req->alloc ||
		!req->server->config.tcp || !stun_attr_find(&req->msg, STUN_CONNECTION_ID, &attr) ||
		stun_attr_u32(&attr, &id) != 0)
		return turn_refuse(STUN_BAD_REQUEST);
	if (turn_connection_worker(id) != req->server->config.worker)
		return move(req, turn_connection_worker(id));
	return bind_here(req, id);
}

void turn_handle_connection_bind(struct turn_request *req)
{
	struct stun_refusal r = bind_connection(req);

	if (r.code != 0)
		turn_request_refuse(req, r);
}
