/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data outside channels: Send and Data indications (RFC 8656 §11) and ICMP errors (§11.5, §11.6).
 * The payload stays where it is in the buffer; headers are taken off and put before it.
 */
#include "turn_priv.h"

/* ---- client to peer ---- */

/* What a Send indication carries; false when it is to be dropped without a word (§11.2). */
static bool read_send(struct turn_server *s, const struct stun_msg *m, struct addr *wire,
	struct stun_attr *data, bool *dont_fragment)
{
	struct stun_attr peer_attr, df;
	struct addr peer;

	if (!stun_attr_find(m, STUN_XOR_PEER_ADDRESS, &peer_attr) ||
		!stun_attr_find(m, STUN_DATA_ATTR, data) ||
		stun_attr_xor_address(m, &peer_attr, &peer) != 0)
		return false;
	if (m->n_unknown > 0)
		return false;
	*dont_fragment = stun_attr_find(m, STUN_DONT_FRAGMENT, &df);
	*wire = turn_peer_to_wire(s->snapshot, &peer);
	return true;
}

/*
 * From UDP to UDP the attribute is ignored where IPv6 is on either side (RFC 8656 §13.1 to §13.3);
 * from TCP it always counts, because there is no packet whose DF bit could (§15).
 */
static bool honours_dont_fragment(const struct turn_client *c, const struct addr *wire)
{
	bool is_stream = c->transport == AUTH_TCP || c->transport == AUTH_TLS;

	return is_stream || (c->addr.family == ADDR_IPV4 && wire->family == ADDR_IPV4);
}

void turn_handle_send(struct turn_server *s, const struct turn_client *c, const struct stun_msg *m,
	struct net_buf *b)
{
	struct turn_alloc *a = turn_alloc_find(s, c);
	struct stun_attr data;
	struct addr wire;
	bool dont_fragment;

	if (!a || a->pending || a->is_tcp || !read_send(s, m, &wire, &data, &dont_fragment))
		goto drop;
	if (!turn_permission_find(a, &wire) || !turn_peer_port_is_allowed(a->tenant, &wire))
		goto drop;
	struct net_port *port = turn_peer_port(a, &wire);
	if (!port)
		goto drop;
	if (!flow_pass(s->config.flows, &a->account, FLOW_UP, data.len)) {
		net_buf_put(s->config.net, b);
		return;
	}
	b->data += data.value - b->data; /* not const: the buffer is ours */
	b->len = data.len;
	b->addr = wire;
	b->flags = dont_fragment && honours_dont_fragment(c, &wire) ? NET_DONT_FRAGMENT : 0;
	net_port_send(port, b);
	return;
drop:
	turn_count(s, TURN_C_SEND_DROPPED);
	net_buf_put(s->config.net, b);
}

/* ---- peer to client ---- */

/*
 * Indications need an id that differs, not one that cannot be guessed: nobody answers them. A
 * counter on a random start saves a call to the generator for each packet.
 */
const uint8_t *turn_next_tid(struct turn_server *s)
{
	be64_put(s->indication_tid + 4, be64_get(s->indication_tid + 4) + 1);
	return s->indication_tid;
}

void turn_from_peer(struct turn_server *s, struct net_port *p, struct net_buf *b)
{
	struct turn_alloc *a = p->owner ? p->owner : turn_shared_host(s, p, &b->addr);
	size_t total;

	if (!a || !turn_permission_find(a, &b->addr)) {
		turn_count(s, TURN_C_PEER_DROPPED);
		net_buf_put(s->config.net, b);
		return;
	}
	struct addr peer = turn_peer_from_wire(s->snapshot, &b->addr);
	size_t prefix = stun_data_indication_wrap(b->data, b->len, &peer, turn_next_tid(s), &total);
	if (prefix == 0) /* longer than an indication can say */
		turn_count(s, TURN_C_PEER_DROPPED);
	if (prefix == 0 || !flow_pass(s->config.flows, &a->account, FLOW_DOWN, b->len)) {
		net_buf_put(s->config.net, b);
		return;
	}
	b->data -= prefix;
	b->len = (uint32_t)total;
	b->addr = a->client.addr;
	net_port_send(a->client.port, b);
}

/* ---- ICMP ---- */

/* The errors RFC 8656 §11.5 passes on: unreachable and time exceeded; in IPv6 too big as well. */
static bool is_passed_on(const struct net_icmp *e)
{
	if (e->peer.family == ADDR_IPV4)
		return e->type == 3 || e->type == 11;
	return e->type == 1 || e->type == 2 || e->type == 3;
}

void turn_icmp(struct turn_server *s, struct net_port *p, const struct net_icmp *e)
{
	struct turn_alloc *a = p->owner ? p->owner : turn_shared_host(s, p, &e->peer);

	if (!s->snapshot->config.icmp_errors || !a || !is_passed_on(e) ||
		!turn_permission_find(a, &e->peer))
		return;
	struct addr peer = turn_peer_from_wire(s->snapshot, &e->peer);
	struct net_buf *b = net_buf_get(s->config.net);
	struct stun_writer w;
	size_t len;

	if (!b) {
		turn_count(s, TURN_C_NO_BUFFER);
		return;
	}
	stun_write_begin(
		&w, b->data, TURN_MTU_ANSWER, STUN_INDICATION, STUN_DATA, turn_next_tid(s));
	stun_write_xor_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	stun_write_icmp(&w, e->type, e->code, e->info);
	if (stun_write_end(&w, &len) != 0) {
		net_buf_put(s->config.net, b);
		return;
	}
	b->len = (uint32_t)len;
	b->addr = a->client.addr;
	net_port_send(a->client.port, b);
}
