/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Binding request (RFC 8489 §6.3.1), and what it may ask of a server with two addresses and two
 * ports, so that a client learns how its NAT maps and filters (RFC 5780, and RFC 3489 before it).
 *
 * An answer goes to the address it was asked from, though its port may be another, and its padding
 * makes it no longer than the request: a forger gains nothing by it.
 */
#include "turn_priv.h"

#define CHANGE_ADDRESS 4u
#define CHANGE_PORT    2u

/* What a request wants beside its address. AT and FROM are places in BEHAVIOR. */
struct wish {
	const struct turn_behavior *behavior; /* NULL: nothing of this is served here */
	unsigned at, from;                    /* asked at, to be answered from */
	bool has_port;
	uint16_t port; /* to be answered to */
	struct bytes padding;
};

/* Not for a session or connection that has the listener's address: it is no listener. */
static const struct turn_behavior *find(const struct turn_request *req, unsigned *at)
{
	const struct turn_server_config *s = &req->server->config;
	const struct turn_config *c = &req->server->snapshot->config;
	const struct net_port *p = req->origin.client.port;

	for (size_t i = 0; i < c->n_behaviors; i++) {
		for (*at = 0; *at < TURN_BEHAVIOR_PLACES; (*at)++) {
			const struct addr *local = &c->behaviors[i].local[*at];
			if (addr_equal(local, &p->local))
				return s->listener_find(s->arg, local) == p ? &c->behaviors[i]
									    : NULL;
		}
	}
	return NULL;
}

bool turn_binding_takes_wishes(const struct turn_request *req)
{
	unsigned at;

	return req->msg.method == STUN_BINDING && find(req, &at) != NULL;
}

/* RFC 5780 §7.5: 16 bits of port and as many of nothing, which not everybody counts. */
static bool read_port(const struct stun_attr *a, uint16_t *out)
{
	if (a->len != 2 && a->len != 4)
		return false;
	*out = be16_get(a->value);
	return *out != 0;
}

/* False: malformed, or a combination that is forbidden (RFC 5780 §6.1). */
static bool read_wish(const struct turn_request *req, struct wish *out)
{
	struct stun_attr a;
	uint32_t change = 0;

	*out = (struct wish){0};
	out->behavior = find(req, &out->at);
	out->from = out->at;
	if (!out->behavior)
		return true;
	if (stun_attr_find(&req->msg, STUN_CHANGE_REQUEST, &a) && stun_attr_u32(&a, &change) != 0)
		return false;
	if (change & CHANGE_ADDRESS)
		out->from ^= TURN_BEHAVIOR_ADDRESS;
	if (change & CHANGE_PORT)
		out->from ^= TURN_BEHAVIOR_PORT;
	out->has_port = stun_attr_find(&req->msg, STUN_RESPONSE_PORT, &a);
	if (out->has_port && !read_port(&a, &out->port))
		return false;
	if (!stun_attr_find(&req->msg, STUN_PADDING, &a))
		return true;
	out->padding = bytes_of(a.value, a.len);
	return !out->has_port;
}

/* Bytes of padding that keep the answer within the length of its request. */
static size_t padding_len(const struct turn_request *req, const struct wish *w, size_t written)
{
	size_t taken = written + 4 + (req->origin.has_fingerprint ? 8 : 0);
	size_t room = req->msg.len > taken ? req->msg.len - taken : 0;

	return (w->padding.len < room ? w->padding.len : room) & ~(size_t)3;
}

static void write_addresses(
	const struct turn_request *req, const struct wish *wish, struct stun_writer *w)
{
	const struct turn_behavior *b = wish->behavior;
	bool is_classic = req->msg.is_classic;

	if (is_classic)
		stun_write_address(w, STUN_MAPPED_ADDRESS, &req->origin.client.addr);
	else
		stun_write_xor_address(w, STUN_XOR_MAPPED_ADDRESS, &req->origin.client.addr);
	if (!b)
		return;
	stun_write_address(w, is_classic ? STUN_SOURCE_ADDRESS : STUN_RESPONSE_ORIGIN,
		&b->advertise[wish->from]);
	stun_write_address(w, is_classic ? STUN_CHANGED_ADDRESS : STUN_OTHER_ADDRESS,
		&b->advertise[wish->at ^ TURN_BEHAVIOR_ADDRESS ^ TURN_BEHAVIOR_PORT]);
}

static void send_answer(
	struct turn_request *req, const struct wish *wish, struct stun_writer *w, struct net_buf *b)
{
	struct turn_server *s = req->server;
	struct net_port *p = req->origin.client.port;
	size_t len;

	if (req->origin.has_fingerprint)
		stun_write_fingerprint(w);
	if (wish->from != wish->at)
		p = s->config.listener_find(s->config.arg, &wish->behavior->local[wish->from]);
	if (!p || stun_write_end(w, &len) != 0) {
		net_buf_put(s->config.net, b);
		return;
	}
	b->len = (uint32_t)len;
	b->addr = req->origin.client.addr;
	if (wish->has_port)
		b->addr.port = wish->port;
	net_port_send(p, b);
}

static void answer(struct turn_request *req, const struct wish *wish, struct net_buf *b)
{
	struct turn_server *s = req->server;
	struct stun_writer w;

	stun_write_answer(&w, b->data, NET_DATAGRAM_MAX, &req->msg, STUN_SUCCESS);
	write_addresses(req, wish, &w);
	size_t n = padding_len(req, wish, w.len);
	if (n > 0)
		stun_write_bytes(&w, STUN_PADDING, wish->padding.data, n);
	turn_count(s, req->msg.is_classic ? TURN_C_BINDING_CLASSIC : TURN_C_BINDING);
	if (wish->from != wish->at || wish->has_port)
		turn_count(s, TURN_C_BINDING_CHANGED);
	send_answer(req, wish, &w, b);
}

static void refuse(struct turn_request *req, struct net_buf *b)
{
	struct stun_writer w;

	stun_write_answer(&w, b->data, TURN_MTU_ANSWER, &req->msg, STUN_ERROR);
	stun_write_error(&w, STUN_BAD_REQUEST, NULL);
	turn_count(req->server, TURN_C_REFUSED_400);
	send_answer(req, &(struct wish){0}, &w, b);
}

void turn_handle_binding(struct turn_request *req)
{
	struct net_buf *b = net_buf_get(req->server->config.net);
	struct wish wish;

	if (!b)
		turn_count(req->server, TURN_C_NO_BUFFER);
	else if (read_wish(req, &wish))
		answer(req, &wish, b);
	else
		refuse(req, b);
}
