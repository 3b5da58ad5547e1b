/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SIP by UDP. What else comes to the same port: STUN, which is answered (RFC 5626 §4.4.2), and the
 * few bytes by which clients keep a NAT's binding alive, which are not.
 */
#include <sallyport/stun.h>

#include "transport_priv.h"

#define STUN_ANSWER_MAX 128

static size_t write_answer(
	const struct stun_msg *m, const struct addr *from, uint8_t out[STUN_ANSWER_MAX])
{
	struct stun_writer w;
	size_t len;

	if (m->n_unknown > 0) {
		stun_write_answer(&w, out, STUN_ANSWER_MAX, m, STUN_ERROR);
		stun_write_error(&w, STUN_UNKNOWN_ATTRIBUTE, NULL);
		stun_write_unknown(&w, m->unknown, m->n_unknown);
	} else {
		stun_write_answer(&w, out, STUN_ANSWER_MAX, m, STUN_SUCCESS);
		stun_write_xor_address(&w, STUN_XOR_MAPPED_ADDRESS, from);
	}
	return stun_write_end(&w, &len) == 0 ? len : 0;
}

static void receive_stun(struct sip_listener *l, const struct net_buf *b)
{
	const struct sip_transport_user *u = &l->t->config.user;
	uint8_t answer[STUN_ANSWER_MAX];
	struct stun_msg m;
	size_t len = 0;

	/* An answer is longer than its request, and the sender may be forged. */
	if (u->admits && !u->admits(u->arg, l->index, &b->addr)) {
		sip_count(l->t, SIP_TRANSPORT_C_DROPPED_UDP);
		return;
	}
	if (stun_msg_decode(b->data, b->len, &m) == 0 && m.class == STUN_REQUEST &&
		m.method == STUN_BINDING && !m.is_classic)
		len = write_answer(&m, &b->addr, answer);
	if (len == 0) {
		sip_count(l->t, SIP_TRANSPORT_C_DROPPED_UDP);
		return;
	}
	struct net_buf *reply = net_buf_get(l->t->config.net);
	if (!reply) {
		sip_count(l->t, SIP_TRANSPORT_C_FULL);
		return;
	}
	memcpy(reply->data, answer, len);
	reply->len = (uint32_t)len;
	reply->addr = b->addr;
	net_port_send(l->port, reply);
	sip_count(l->t, SIP_TRANSPORT_C_PINGS);
}

/* Blank lines, and the zeros that some clients send. */
static bool is_keep_alive(const struct net_buf *b)
{
	for (uint32_t i = 0; i < b->len; i++) {
		if (b->data[i] != '\r' && b->data[i] != '\n' && b->data[i] != 0)
			return false;
	}
	return true;
}

static void receive(struct sip_listener *l, const struct net_buf *b)
{
	struct sip_transport_layer *t = l->t;

	if (b->len > t->config.limits.message_bytes) {
		sip_count(t, SIP_TRANSPORT_C_DROPPED_UDP);
		return;
	}
	if (b->len <= 4 && is_keep_alive(b)) {
		sip_count(t, SIP_TRANSPORT_C_PINGS);
		return;
	}
	if (stun_is_message(b->data[0]) && b->data[0] < 2) {
		receive_stun(l, b);
		return;
	}
	const struct sip_arrival a = {.message = bytes_of(b->data, b->len),
		.transport = SIP_UDP,
		.flow = {l->index, t->slots[l->index].generation},
		.local = l->local,
		.remote = b->addr,
		.listener = l->index};
	sip_count(t, SIP_TRANSPORT_C_RX_UDP);
	t->config.user.arrived(t->config.user.arg, &a);
}

static void on_packets(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct sip_transport_layer *t = arg;

	for (size_t i = 0; i < n; i++) {
		receive(p->owner, bufs[i]);
		net_buf_put(t->config.net, bufs[i]);
	}
}

static void on_icmp(void *arg, struct net_port *p, const struct net_icmp *e)
{
	struct sip_transport_layer *t = arg;
	const struct sip_listener *l = p->owner;
	struct sip_flow flow = {l->index, t->slots[l->index].generation};

	sip_count(t, SIP_TRANSPORT_C_ICMP);
	if (t->config.user.unreachable)
		t->config.user.unreachable(t->config.user.arg, flow, &e->peer);
}

void sip_udp_handler_init(struct sip_transport_layer *t)
{
	t->udp = (struct net_handler){.packets = on_packets, .icmp = on_icmp, .arg = t};
}

int sip_udp_send(struct sip_listener *l, const struct addr *to, struct bytes m)
{
	struct net_buf *b = m.len <= NET_DATAGRAM_MAX ? net_buf_get(l->t->config.net) : NULL;

	if (!b) {
		sip_count(l->t, SIP_TRANSPORT_C_FULL);
		return m.len <= NET_DATAGRAM_MAX ? ERR_FULL : ERR_TOO_LARGE;
	}
	memcpy(b->data, m.data, m.len);
	b->len = (uint32_t)m.len;
	b->addr = *to;
	net_port_send(l->port, b);
	sip_count(l->t, SIP_TRANSPORT_C_TX_UDP);
	return 0;
}
