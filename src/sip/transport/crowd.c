/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What strangers share: places for handshakes, places for those whom nobody has vouched for yet,
 * buffers. Where one too many comes the oldest gives way, because whoever is somebody is through
 * within a second or two: so places must be taken faster than that to keep him out, and not once in
 * as long as they may be held.
 */
#include "transport_priv.h"

/* Blank lines, of which a ping is two, or frames of WebSocket's own that may come at once, and then
 * in which time: RFC 5626 §4.4.1 asks for a ping in about two minutes. */
#define PINGS_MAX     128
#define PING_EVERY_MS 500

/* ---- places ---- */

/* Ends with the turn; its place is free now. */
static bool evict_first(struct list *crowd)
{
	if (list_is_empty(crowd))
		return false;
	struct sip_conn *c = CONTAINER_OF(crowd->next, struct sip_conn, crowd);
	sip_crowd_leave(c);
	c->is_evicted = true;
	c->t->n_accepted--;
	sip_conn_break(c, SIP_TRANSPORT_C_END_CROWDED, ERR_FULL);
	return true;
}

int sip_crowd_enter(struct sip_conn *c)
{
	struct sip_transport_layer *t = c->t;
	const struct sip_transport_limits *l = &t->config.limits;

	if (l->strangers == 0)
		return 0;
	return net_client_get(
		&t->stranger_clients, &c->remote, l->strangers_per_client, &c->stranger);
}

void sip_crowd_unready(struct sip_conn *c)
{
	struct sip_transport_layer *t = c->t;

	if (t->n_unready >= t->config.limits.unready)
		(void)evict_first(&t->unready);
	c->is_unready = true;
	t->n_unready++;
	list_append(&t->unready, &c->crowd);
}

void sip_crowd_open(struct sip_conn *c)
{
	struct sip_transport_layer *t = c->t;

	sip_crowd_leave(c);
	if (!c->stranger)
		return;
	if (t->n_strangers >= t->config.limits.strangers)
		(void)evict_first(&t->strangers);
	t->n_strangers++;
	list_append(&t->strangers, &c->crowd);
}

void sip_crowd_leave(struct sip_conn *c)
{
	if (list_is_empty(&c->crowd))
		return;
	list_remove(&c->crowd);
	if (c->is_unready)
		c->t->n_unready--;
	else
		c->t->n_strangers--;
	c->is_unready = false;
}

bool sip_crowd_give_way(struct sip_transport_layer *t)
{
	return evict_first(&t->strangers) ||
	       (t->config.limits.strangers && evict_first(&t->unready));
}

void sip_transport_vouch(struct sip_transport_layer *t, struct sip_flow flow)
{
	struct sip_conn *c = sip_flow_conn(t, flow);

	if (!c || !c->stranger)
		return;
	sip_crowd_leave(c);
	net_client_put(&t->stranger_clients, c->stranger);
	c->stranger = NULL;
	t->stranger_buffered -= c->buffered;
}

/* ---- buffers ---- */

bool sip_buffer_take(struct sip_conn *c, size_t n)
{
	struct sip_transport_layer *t = c->t;
	const struct sip_transport_limits *l = &t->config.limits;

	if (t->buffered + n > l->buffer_bytes ||
		(c->stranger && t->stranger_buffered + n > l->stranger_bytes) ||
		c->client->bytes + n > l->client_bytes ||
		!share_allows(c->client->bytes, t->buffered, l->buffer_bytes))
		return false;
	t->buffered += n;
	c->buffered += n;
	if (c->stranger)
		t->stranger_buffered += n;
	c->client->bytes += n;
	metrics_add(t->config.cells, SIP_TRANSPORT_C_BUFFERED, n);
	return true;
}

void sip_buffer_give(struct sip_conn *c, size_t n)
{
	struct sip_transport_layer *t = c->t;

	t->buffered -= n;
	c->buffered -= n;
	if (c->stranger)
		t->stranger_buffered -= n;
	c->client->bytes -= n;
	metrics_sub(t->config.cells, SIP_TRANSPORT_C_BUFFERED, n);
}

/* ---- pings ---- */

bool sip_crowd_ping(struct sip_conn *c)
{
	uint64_t now_ms = sip_now(c->t);

	c->noise_ms = (c->noise_ms > now_ms ? c->noise_ms : now_ms) + PING_EVERY_MS;
	if (c->noise_ms <= now_ms + PINGS_MAX * PING_EVERY_MS)
		return true;
	sip_conn_break(c, SIP_TRANSPORT_C_END_FLOOD, ERR_DENIED);
	return false;
}
