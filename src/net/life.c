/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a client's connection: counted, and timed. */
#include "life.h"

static void wait_ms(struct net_life *l, uint64_t ms)
{
	wheel_set(l->wheel, &l->timer, l->clock->mono_ms + ms);
}

/* Messages do not move the timer: they come too often. It looks when the last one was. */
static void on_timer(struct wheel_timer *t, void *arg)
{
	struct net_life *l = CONTAINER_OF(t, struct net_life, timer);
	uint64_t quiet_ms = l->clock->mono_ms - l->heard_ms;

	(void)arg;
	if (l->stage == NET_STAGE_PROXY)
		l->end(l, NET_C_END_PROXY);
	else if (l->stage != NET_STAGE_OPEN)
		l->end(l, NET_C_END_SILENT);
	else if (l->port->n_holds > 0)
		wait_ms(l, NET_IDLE_MS);
	else if (quiet_ms < NET_IDLE_MS)
		wait_ms(l, NET_IDLE_MS - quiet_ms);
	else
		l->end(l, NET_C_END_IDLE);
}

bool net_life_has_room(const struct net *n, uint32_t max)
{
	return n->n_conns < max;
}

bool net_life_admit(struct net_life *l, const struct addr *client, uint32_t per_client)
{
	return per_client == 0 ||
	       net_client_get(&l->net->clients, client, per_client, &l->client) == 0;
}

void net_life_dismiss(struct net_life *l)
{
	net_client_put(&l->net->clients, l->client);
	l->client = NULL;
}

void net_life_begin(struct net_life *l, enum net_stage stage)
{
	l->stage = (uint8_t)stage;
	l->heard_ms = 0;
	l->net->n_conns++;
	metrics_add(l->net->cells, NET_C_CONNECTIONS, 1);
	wheel_timer_init(&l->timer, on_timer);
	wait_ms(l, stage == NET_STAGE_SILENT ? NET_FIRST_MESSAGE_MS : NET_HANDSHAKE_MS);
}

void net_life_fini(struct net_life *l)
{
	wheel_cancel(l->wheel, &l->timer);
	net_life_dismiss(l);
	l->net->n_conns--;
	metrics_sub(l->net->cells, NET_C_CONNECTIONS, 1);
}

void net_life_named(struct net_life *l, bool has_handshake)
{
	if (has_handshake) {
		l->stage = NET_STAGE_HANDSHAKE;
		wait_ms(l, NET_HANDSHAKE_MS);
	} else {
		net_life_shaken(l);
	}
}

void net_life_shaken(struct net_life *l)
{
	l->stage = NET_STAGE_SILENT;
	wait_ms(l, NET_FIRST_MESSAGE_MS);
}

void net_life_heard(struct net_life *l)
{
	l->heard_ms = l->clock->mono_ms;
	if (l->stage != NET_STAGE_SILENT)
		return;
	l->stage = NET_STAGE_OPEN;
	wait_ms(l, NET_IDLE_MS);
}
