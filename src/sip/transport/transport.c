/* SPDX-License-Identifier: BSD-3-Clause */
/* The object: its listeners, the numbers of its flows, and sending by them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "transport_priv.h"

const struct sip_transport_limits sip_transport_limits_default = {
	.accepted = 4096,
	.per_client = 256,
	.unready = 1024,
	.dialled = 1024,
	.message_bytes = SIP_MSG_MAX,
	.datagram_bytes = 1300,
	.queue_bytes = 256 * 1024,
	.buffer_bytes = 64 * 1024 * 1024,
	.client_bytes = 8 * 1024 * 1024,
	.connect_ms = 4000,
	.handshake_ms = 8000,
	.message_ms = 20000,
	.write_ms = 20000,
	.idle_ms = 10 * 60 * 1000,
};

/* ---- what all connections share ---- */

struct sip_conn *sip_flow_conn(const struct sip_transport_layer *t, struct sip_flow f)
{
	if (f.index >= t->n_slots || t->slots[f.index].generation != f.generation)
		return NULL;
	return t->slots[f.index].conn;
}

/* NULL: gone, or a connection's. */
static struct sip_listener *flow_socket(struct sip_transport_layer *t, struct sip_flow f)
{
	if (f.index >= t->n_open || f.generation != t->slots[f.index].generation)
		return NULL;
	return t->listeners[f.index].port ? &t->listeners[f.index] : NULL;
}

static void reap(void *arg)
{
	struct sip_transport_layer *t = arg;

	while (!list_is_empty(&t->doomed)) {
		struct sip_conn *c = CONTAINER_OF(t->doomed.next, struct sip_conn, doom);
		sip_conn_end(c, c->why_counter, c->why);
	}
}

/* ---- life ---- */

static int make_slots(struct sip_transport_layer *t)
{
	const struct sip_transport_limits *l = &t->config.limits;
	uint32_t first = t->config.n_listeners;

	/* Who gives way keeps his for the rest of the turn, in which each listener accepts. */
	t->n_slots = first + l->accepted + l->dialled + SIP_ACCEPTS_PER_ROUND * first;
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	if (!t->slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n_slots; i++)
		t->slots[i] = (struct sip_slot){.generation = 1, .next_free = i + 1};
	t->free_slot = first;
	return 0;
}

static int open_listeners(struct sip_transport_layer *t, char *why)
{
	for (uint32_t i = 0; i < t->config.n_listeners; i++) {
		const struct sip_listener_config *c = &t->config.listeners[i];
		char text[ADDR_TEXT_LEN];
		int rc = sip_listener_open(t, i);
		if (rc == 0)
			continue;
		snprintf(why, SIP_TRANSPORT_WHY_LEN, "SIP cannot listen on %s %s: %s",
			sip_transport_name(c->transport), addr_format(&c->local, text),
			err_text(rc));
		return rc;
	}
	return 0;
}

static int start(struct sip_transport_layer *t, char *why)
{
	int rc = make_slots(t);

	t->listeners = calloc(t->config.n_listeners + 1, sizeof(*t->listeners));
	t->scratch = malloc(SIP_SCRATCH);
	if (rc == 0 && t->listeners && t->scratch)
		return open_listeners(t, why);
	snprintf(why, SIP_TRANSPORT_WHY_LEN, "SIP: out of memory");
	return -ENOMEM;
}

int sip_transport_create(const struct sip_transport_config *c, struct sip_transport_layer **out,
	char why[SIP_TRANSPORT_WHY_LEN])
{
	struct sip_transport_layer *t = calloc(1, sizeof(*t));

	if (!t) {
		snprintf(why, SIP_TRANSPORT_WHY_LEN, "SIP: out of memory");
		return -ENOMEM;
	}
	t->config = *c;
	t->config.client_tls = crypto_tls_get(c->client_tls);
	list_init(&t->conns);
	list_init(&t->unready);
	list_init(&t->strangers);
	list_init(&t->doomed);
	loop_deferred_init(&t->reap, reap, t);
	crypto_random(&t->key, sizeof(t->key));
	hash_table_init(&t->by_remote);
	net_clients_init(&t->clients);
	net_clients_init(&t->stranger_clients);
	net_clients_init(&t->dialled_clients);
	sip_udp_handler_init(t);
	int rc = start(t, why);
	if (rc == 0)
		*out = t;
	else
		sip_transport_destroy(t);
	return rc;
}

void sip_transport_destroy(struct sip_transport_layer *t)
{
	if (!t)
		return;
	list_for_each_safe (it, &t->conns)
		sip_conn_drop(CONTAINER_OF(it, struct sip_conn, link));
	while (t->n_open > 0)
		sip_listener_close(&t->listeners[--t->n_open]);
	loop_deferred_cancel(&t->reap);
	hash_table_fini(&t->by_remote);
	net_clients_fini(&t->clients);
	net_clients_fini(&t->stranger_clients);
	net_clients_fini(&t->dialled_clients);
	crypto_tls_destroy(t->config.client_tls);
	free(t->listeners);
	free(t->slots);
	crypto_wipe_free(t->scratch, SIP_SCRATCH);
	free(t);
}

struct addr sip_transport_local(const struct sip_transport_layer *t, uint32_t i)
{
	return t->listeners[i].local;
}

static void tls_replace(struct ssl_ctx_st **at, struct ssl_ctx_st *tls)
{
	struct ssl_ctx_st *old = *at;

	*at = crypto_tls_get(tls);
	crypto_tls_destroy(old);
}

void sip_transport_tls_set(struct sip_transport_layer *t, uint32_t i, struct ssl_ctx_st *tls)
{
	tls_replace(&t->listeners[i].tls, tls);
}

void sip_transport_client_tls_set(struct sip_transport_layer *t, struct ssl_ctx_st *tls)
{
	tls_replace(&t->config.client_tls, tls);
}

/* ---- sending ---- */

int sip_transport_send(struct sip_transport_layer *t, struct sip_flow flow, const struct addr *to,
	struct bytes m, uint64_t token)
{
	struct sip_listener *socket = flow_socket(t, flow);

	if (socket)
		return sip_udp_send(socket, to, m);
	struct sip_conn *c = sip_flow_conn(t, flow);
	return c ? sip_conn_send(c, m, token) : ERR_NOT_FOUND;
}

/* The socket that a request to TARGET leaves from; NULL: there is none. */
static struct sip_listener *socket_for(
	struct sip_transport_layer *t, const struct sip_target *target)
{
	for (uint32_t i = 0; i < t->n_open; i++) {
		struct sip_listener *l = &t->listeners[i];
		if (!l->port || l->local.family != target->addr.family)
			continue;
		if (target->local.family == ADDR_NONE || addr_equal(&target->local, &l->local))
			return l;
	}
	return NULL;
}

static int request_by_udp(struct sip_transport_layer *t, const struct sip_target *target,
	struct bytes m, struct sip_flow *flow)
{
	struct sip_listener *l = socket_for(t, target);

	if (m.len > t->config.limits.datagram_bytes && !target->has_udp_alone)
		return ERR_TOO_LARGE;
	if (!l)
		return -EADDRNOTAVAIL;
	int rc = sip_udp_send(l, &target->addr, m);
	if (rc == 0)
		*flow = (struct sip_flow){l->index, t->slots[l->index].generation};
	return rc;
}

static bool is_dialled(enum sip_transport transport)
{
	return transport == SIP_TCP || transport == SIP_TLS;
}

int sip_transport_request(struct sip_transport_layer *t, const struct sip_target *target,
	struct bytes m, uint64_t token, struct sip_flow *flow)
{
	if (target->transport == SIP_UDP)
		return request_by_udp(t, target, m, flow);
	if (!is_dialled(target->transport) ||
		(target->transport == SIP_TLS && !target->tls && !t->config.client_tls))
		return ERR_UNSUPPORTED;
	struct sip_conn *c = sip_known_find(t, target);
	if (c)
		sip_count(t, SIP_TRANSPORT_C_REUSED);
	int rc = c ? 0 : sip_conn_dial(t, target, &c);
	if (rc != 0)
		return rc;
	*flow = c->flow;
	return sip_conn_send(c, m, token);
}

/* ---- flows ---- */

int sip_transport_keep_alive(
	struct sip_transport_layer *t, struct sip_flow flow, uint32_t interval_ms)
{
	struct sip_conn *c = sip_flow_conn(t, flow);

	if (!c)
		return ERR_NOT_FOUND;
	if (!is_dialled(c->transport))
		return ERR_UNSUPPORTED;
	c->ping_every_ms = interval_ms;
	c->ping_ms = 0;
	sip_conn_arm(c);
	return 0;
}

void sip_transport_close(struct sip_transport_layer *t, struct sip_flow flow)
{
	struct sip_conn *c = sip_flow_conn(t, flow);

	if (!c)
		return;
	sip_count(t, SIP_TRANSPORT_C_END_OWN);
	sip_conn_drop(c);
}

void sip_transport_end(struct sip_transport_layer *t, struct sip_flow flow)
{
	struct sip_conn *c = sip_flow_conn(t, flow);

	if (c && !c->is_broken && !c->is_last)
		sip_conn_end_sent(c, SIP_TRANSPORT_C_END_OWN, 0);
}
