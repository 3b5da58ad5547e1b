/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DTLS session: a port whose packets are what its records hold, one in each. Below it is the UDP
 * port that it shares with the others, so a record is lost as any datagram is.
 */
#include <stdlib.h>

#include "dtls_priv.h"

_Static_assert(CRYPTO_DTLS_OVERHEAD <= NET_TAILROOM, "a record must fit its message's buffer");

/* ---- datagrams ---- */

static void wire_send(struct crypto_dtls_wire *w, struct bytes datagram)
{
	struct net_session *s = CONTAINER_OF(w, struct net_session, wire);
	struct net *n = s->dtls->net;
	struct net_buf *b;

	if (s->is_mute)
		return;
	b = s->out ? s->out : net_buf_get(n);
	s->out = NULL;
	if (!b) {
		metrics_add(n->cells, NET_C_TX_FULL, 1);
		return;
	}
	memcpy(b->data, datagram.data, datagram.len);
	b->len = (uint32_t)datagram.len;
	b->addr = s->peer;
	net_port_send(s->dtls->config.port, b);
}

static uint64_t now_ms(const struct net_session *s)
{
	return s->dtls->config.clock->mono_ms;
}

static void wait_ms(struct net_session *s, uint64_t ms)
{
	wheel_set(s->dtls->config.wheel, &s->timer, now_ms(s) + ms);
}

/* Before anything is done with the session's TLS. False: out of memory. */
static bool wake(struct net_session *s)
{
	s->used_ms = now_ms(s);
	if (!s->is_resting)
		return true;
	if (!crypto_dtls_wake(s->tls))
		return false;
	s->is_resting = false;
	wait_ms(s, NET_DTLS_REST_MS);
	return true;
}

/* ---- the port ---- */

static void port_send(struct net_port *p, struct net_buf *b)
{
	struct net_session *s = (struct net_session *)p;
	struct net *n = s->dtls->net;
	enum net_counter why = NET_C_TX_ERRORS;
	size_t taken;

	if (b->len > CRYPTO_TLS_RECORD_MAX) {
		why = NET_C_TX_TOO_BIG;
	} else if (!s->is_ended && s->life.stage != NET_STAGE_HANDSHAKE && wake(s)) {
		s->out = b;
		(void)crypto_tls_write(s->tls, b->data, b->len, &taken); /* B tells */
		b = s->out;
		s->out = NULL;
	}
	if (!b)
		return;
	metrics_add(n->cells, why, 1);
	net_buf_put(n, b);
}

static void port_close(struct net_port *p)
{
	net_session_close((struct net_session *)p);
}

static const struct net_port_ops session_ops = {port_send, port_close};

/* ---- the end ---- */

static void take_out(struct net_session *s)
{
	struct net *n = s->dtls->net;

	s->is_ended = true;
	hash_table_remove(&s->dtls->by_peer, &s->by_peer);
	list_remove(&s->link);
	net_life_fini(&s->life);
	wheel_cancel(s->dtls->config.wheel, &s->timer);
	if (n->serving == &s->port)
		n->serving = NULL;
}

static void free_session(struct net_session *s)
{
	(void)wake(s); /* if it cannot, it goes without a good-bye */
	wheel_cancel(s->dtls->config.wheel, &s->timer);
	crypto_tls_conn_destroy(s->tls);
	free(s);
}

void net_session_close(struct net_session *s)
{
	take_out(s);
	free_session(s);
}

void net_session_end(struct net_session *s, enum net_counter why)
{
	const struct net_handler *h = s->dtls->handler;

	metrics_add(s->dtls->net->cells, why, 1);
	take_out(s);
	if (h->closed)
		h->closed(h->arg, &s->port, &s->peer);
	free_session(s);
}

static void end_in_time(struct net_life *l, enum net_counter why)
{
	net_session_end(CONTAINER_OF(l, struct net_session, life), why);
}

/* ---- the handshake, and rest ---- */

static void wait_to_resend(struct net_session *s)
{
	uint64_t ms;

	if (crypto_dtls_resend_in_ms(s->tls, &ms))
		wait_ms(s, ms);
	else
		wheel_cancel(s->dtls->config.wheel, &s->timer);
}

static void on_timer(struct wheel_timer *t, void *arg)
{
	struct net_session *s = CONTAINER_OF(t, struct net_session, timer);
	uint64_t quiet_ms = now_ms(s) - s->used_ms;

	(void)arg;
	if (s->life.stage == NET_STAGE_HANDSHAKE) {
		if (crypto_dtls_resend(s->tls))
			wait_to_resend(s);
		else
			net_session_end(s, NET_C_END_HANDSHAKE);
	} else if (quiet_ms < NET_DTLS_REST_MS) {
		wait_ms(s, NET_DTLS_REST_MS - quiet_ms);
	} else {
		crypto_dtls_rest(s->tls);
		s->is_resting = true;
	}
}

/* True: done, S is there and may be read. */
static bool shake_hands(struct net_session *s)
{
	if (++s->n_datagrams > NET_DTLS_HANDSHAKE_DATAGRAMS) {
		net_session_end(s, NET_C_END_HANDSHAKE);
		return false;
	}
	switch (crypto_tls_handshake(s->tls)) {
	case CRYPTO_TLS_DONE:
		net_life_shaken(&s->life);
		s->port.host = crypto_tls_name(s->tls);
		wait_ms(s, NET_DTLS_REST_MS);
		return true;
	case CRYPTO_TLS_WANT_READ:
		wait_to_resend(s);
		return false;
	case CRYPTO_TLS_WANT_WRITE:
	case CRYPTO_TLS_CLOSED:
	case CRYPTO_TLS_FAILED:
	default:
		net_session_end(s, NET_C_END_HANDSHAKE);
		return false;
	}
}

/* ---- receiving ---- */

/* B, or another when that is used up, with what is in the scratch. False: S is gone. */
static bool deliver(struct net_session *s, struct net_buf **b, size_t len)
{
	struct net *n = s->dtls->net;
	const struct net_handler *h = s->dtls->handler;
	struct net_buf *m = *b ? *b : net_buf_get(n);

	*b = NULL;
	if (!m) {
		metrics_add(n->cells, NET_C_RX_ERRORS, 1);
		return true;
	}
	memcpy(m->data, n->scratch, len);
	m->len = (uint32_t)len;
	m->addr = s->peer;
	net_life_heard(&s->life);
	n->serving = &s->port;
	h->packets(h->arg, &s->port, &m, 1);
	bool is_there = n->serving == &s->port;
	n->serving = NULL;
	return is_there;
}

/* All records of the datagram, which is in B; what is left of it is put back by the caller. */
static void read_messages(struct net_session *s, struct net_buf **b)
{
	enum crypto_tls_io io;
	size_t len;

	while ((io = crypto_tls_read(s->tls, s->dtls->net->scratch, NET_SCRATCH, &len)) ==
		CRYPTO_TLS_DONE) {
		if (!deliver(s, b, len))
			return;
	}
	if (io != CRYPTO_TLS_WANT_READ)
		net_session_end(s, io == CRYPTO_TLS_CLOSED ? NET_C_END_CLIENT : NET_C_END_ERROR);
}

/* With the datagram in wire.in. */
static void go_on(struct net_session *s, struct net_buf *b)
{
	struct net *n = s->dtls->net;

	if (s->life.stage != NET_STAGE_HANDSHAKE || shake_hands(s))
		read_messages(s, &b);
	if (b)
		net_buf_put(n, b);
}

void net_session_receive(struct net_session *s, struct net_buf *b)
{
	struct net *n = s->dtls->net;
	struct bytes records = net_dtls_records(bytes_of(b->data, b->len));

	if (records.len == 0 || !wake(s)) {
		metrics_add(n->cells, records.len == 0 ? NET_C_DTLS_MALFORMED : NET_C_RX_ERRORS, 1);
		net_buf_put(n, b);
		return;
	}
	s->wire.in = records;
	go_on(s, b);
}

/* ---- opening ---- */

static struct net_session *make(
	struct net_dtls *d, const struct net_hello *hello, const struct net_buf *b)
{
	struct net_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->port = (struct net_port){.ops = &session_ops,
		.id = ++d->net->next_port_id,
		.local = d->config.port->local,
		.owner = d->owner};
	s->dtls = d;
	s->peer = b->addr;
	s->hello = net_dtls_hash(d, hello->random.data, hello->random.len);
	s->wire = (struct crypto_dtls_wire){net_dtls_records(bytes_of(b->data, b->len)), wire_send};
	s->used_ms = d->config.clock->mono_ms;
	s->life = (struct net_life){.net = d->net,
		.wheel = d->config.wheel,
		.clock = d->config.clock,
		.port = &s->port,
		.end = end_in_time};
	wheel_timer_init(&s->timer, on_timer);
	return s;
}

/* -ENOMEM, ERR_MALFORMED; ERR_DENIED when the client has too many. */
static int start(struct net_dtls *d, struct net_session *s)
{
	if (!net_life_admit(&s->life, &s->peer, d->config.per_client))
		return ERR_DENIED;
	int rc = crypto_dtls_conn_create(d->config.tls, d->method, &s->wire, NET_DTLS_MTU, &s->tls);
	if (rc == 0)
		rc = hash_table_insert(
			&d->by_peer, &s->by_peer, net_dtls_hash(d, &s->peer, sizeof(s->peer)));
	if (rc != 0)
		net_life_dismiss(&s->life);
	return rc;
}

static void refuse(struct net_dtls *d, struct net_session *s, struct net_buf *b, int rc)
{
	enum net_counter why = rc == ERR_MALFORMED ? NET_C_DTLS_MALFORMED
			       : rc == ERR_DENIED  ? NET_C_REFUSED_CLIENT
						   : NET_C_REFUSED_LIMIT;

	metrics_add(d->net->cells, why, 1);
	if (s)
		crypto_tls_conn_destroy(s->tls);
	free(s);
	net_buf_put(d->net, b);
}

void net_session_open(struct net_dtls *d, const struct net_hello *hello, struct net_buf *b)
{
	struct net *n = d->net;
	struct net_session *s =
		net_life_has_room(n, d->config.max_connections) ? make(d, hello, b) : NULL;
	int rc = s ? start(d, s) : ERR_FULL;

	if (rc != 0) {
		refuse(d, s, b, rc);
		return;
	}
	list_append(&d->sessions, &s->link);
	metrics_add(n->cells, NET_C_ACCEPTED_DTLS, 1);
	net_life_begin(&s->life, NET_STAGE_HANDSHAKE);
	go_on(s, b);
}
