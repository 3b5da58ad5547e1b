/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arrivals: clients at a new 5-tuple whose allocation is still elsewhere. What such a client sends
 * is copied and waits, within bounds, until the allocation is here.
 */
#include <stdlib.h>

#include "mobility.h"

struct held {
	struct list link;
	uint32_t len;
	uint8_t tos;
	uint8_t data[];
};

/* ---- life ---- */

static void drop_held(struct turn_arrival *a)
{
	list_for_each_safe (it, &a->held) {
		turn_count(a->server, TURN_C_HELD_DROPPED);
		list_remove(it);
		free(CONTAINER_OF(it, struct held, link));
	}
	a->server->held_bytes -= a->held_bytes;
	a->held_bytes = 0;
}

/* Off its 5-tuple; it can still be found by name. */
void turn_arrival_close(struct turn_arrival *a)
{
	struct turn_client *c = &a->origin.client;

	if (!c->port)
		return;
	hash_table_remove(&a->server->arrivals_by_tuple, &a->by_tuple);
	c->port->n_holds--;
	c->port = NULL;
	drop_held(a);
}

void turn_arrival_destroy(struct turn_arrival *a)
{
	struct turn_server *s = a->server;

	turn_arrival_close(a);
	hash_table_remove(&s->arrivals_by_name, &a->by_name);
	wheel_cancel(s->config.wheel, &a->timer);
	turn_origin_wipe(&a->origin);
	free(a);
}

void turn_arrival_refuse(struct turn_arrival *a, unsigned code)
{
	for (unsigned i = 0; i <= a->n_again; i++)
		turn_origin_refuse(a->server, &a->origin, turn_refuse(code));
	turn_arrival_destroy(a);
}

/* The client has not spoken, or whoever was asked has not answered. */
static void expire(struct wheel_timer *t, void *arg)
{
	struct turn_arrival *a = CONTAINER_OF(t, struct turn_arrival, timer);

	(void)arg;
	if (a->stage == TURN_ARRIVAL_ASKING && a->origin.client.port)
		turn_arrival_refuse(a, STUN_INSUFFICIENT_CAPACITY);
	else
		turn_arrival_destroy(a);
}

void turn_arrival_wait_ms(struct turn_arrival *a, uint64_t ms)
{
	wheel_set(a->server->config.wheel, &a->timer, turn_now_ms(a->server) + ms);
}

static uint64_t name_hash(const struct turn_server *s, uint64_t name)
{
	return hash_bytes(&s->key, &name, sizeof(name));
}

struct turn_arrival *turn_arrival_create(const struct turn_request *req, uint64_t name)
{
	struct turn_server *s = req->server;
	struct turn_arrival *a = NULL;

	if (s->arrivals_by_name.count < TURN_ARRIVALS_MAX)
		a = calloc(1, sizeof(*a));
	if (!a || hash_table_insert(&s->arrivals_by_name, &a->by_name, name_hash(s, name)) != 0)
		goto fail;
	if (hash_table_insert(&s->arrivals_by_tuple, &a->by_tuple,
		    turn_tuple_hash(s, &req->origin.client)) != 0) {
		hash_table_remove(&s->arrivals_by_name, &a->by_name);
		goto fail;
	}
	a->server = s;
	a->origin = req->origin;
	a->origin.client.port->n_holds++;
	a->name = name;
	a->number = ++s->next_arrival;
	list_init(&a->held);
	wheel_timer_init(&a->timer, expire);
	turn_arrival_wait_ms(a, TURN_PENDING_MS);
	return a;
fail:
	free(a);
	return NULL;
}

struct turn_arrival *turn_arrival_at(struct turn_server *s, const struct turn_client *c)
{
	struct hash_node *n = hash_table_first(&s->arrivals_by_tuple, turn_tuple_hash(s, c));

	for (; n; n = hash_table_next(n)) {
		struct turn_arrival *a = CONTAINER_OF(n, struct turn_arrival, by_tuple);
		if (a->origin.client.port == c->port &&
			addr_equal(&a->origin.client.addr, &c->addr))
			return a;
	}
	return NULL;
}

struct turn_arrival *turn_arrival_find(struct turn_server *s, uint64_t name, uint64_t number)
{
	struct hash_node *n = hash_table_first(&s->arrivals_by_name, name_hash(s, name));

	for (; n; n = hash_table_next(n)) {
		struct turn_arrival *a = CONTAINER_OF(n, struct turn_arrival, by_name);
		bool is_it = number ? a->number == number : a->stage != TURN_ARRIVAL_ASKING;
		if (a->name == name && is_it)
			return a;
	}
	return NULL;
}

static void destroy_node(struct hash_node *n, void *arg)
{
	(void)arg;
	turn_arrival_destroy(CONTAINER_OF(n, struct turn_arrival, by_name));
}

void turn_arrivals_drop(struct turn_server *s)
{
	hash_table_each(&s->arrivals_by_name, destroy_node, NULL);
}

static void carry_over(struct hash_node *n, void *arg)
{
	struct turn_arrival *a = CONTAINER_OF(n, struct turn_arrival, by_name);

	(void)arg;
	a->origin.door = turn_tenant_find(a->server->snapshot, a->origin.door->id);
	if (!a->origin.door)
		turn_arrival_destroy(a);
}

void turn_arrivals_carry_over(struct turn_server *s)
{
	hash_table_each(&s->arrivals_by_name, carry_over, NULL);
}

void turn_arrivals_closed(struct turn_server *s, const struct turn_client *c)
{
	struct turn_arrival *a = s->arrivals_by_tuple.count > 0 ? turn_arrival_at(s, c) : NULL;

	/* One that was granted stays, because the ticket in its answer is good. */
	if (a && a->stage == TURN_ARRIVAL_ASKING)
		turn_arrival_destroy(a);
	else if (a)
		turn_arrival_close(a);
}

/* ---- what waits ---- */

static void hold(struct turn_arrival *a, const struct net_buf *b)
{
	struct turn_server *s = a->server;
	struct held *h = NULL;

	if (a->held_bytes + b->len <= TURN_HELD_BYTES &&
		s->held_bytes + b->len <= TURN_HELD_BYTES_ALL)
		h = malloc(sizeof(*h) + b->len);
	if (!h) {
		turn_count(s, TURN_C_HELD_DROPPED);
		return;
	}
	h->len = b->len;
	h->tos = b->tos;
	memcpy(h->data, b->data, b->len);
	list_append(&a->held, &h->link);
	a->held_bytes += b->len;
	s->held_bytes += b->len;
}

bool turn_arrival_holds(struct turn_server *s, const struct turn_client *c, const struct net_buf *b)
{
	struct turn_arrival *a = turn_arrival_at(s, c);

	if (!a || a->stage == TURN_ARRIVAL_ASKING)
		return false;
	hold(a, b);
	if (a->stage == TURN_ARRIVAL_GRANTED && turn_move_fetch(a) != 0)
		drop_held(a); /* and with its next message it is tried again */
	return true;
}

bool turn_arrival_takes(void *server, struct net_port *p, struct net_buf *b)
{
	struct turn_server *s = server;
	struct turn_client c = {.port = p, .addr = b->addr};

	if (s->arrivals_by_tuple.count == 0 || !turn_arrival_holds(s, &c, b))
		return false;
	net_buf_put(s->config.net, b);
	return true;
}

void turn_arrival_stay(struct turn_arrival *a)
{
	drop_held(a);
	a->stage = TURN_ARRIVAL_GRANTED;
	turn_arrival_wait_ms(a, a->lifetime_s * UINT64_C(1000));
}

static void handle(struct turn_server *s, const struct turn_client *c, const struct held *h)
{
	struct net_buf *b = net_buf_get(s->config.net);

	if (!b) {
		turn_count(s, TURN_C_HELD_DROPPED);
		return;
	}
	memcpy(b->data, h->data, h->len);
	b->len = h->len;
	b->tos = h->tos;
	b->addr = c->addr;
	if (stun_is_channel_data(b->data[0]))
		flow_from_client(s->config.flows, c->port, b);
	else
		turn_from_client(s, c, b);
}

void turn_arrival_end(struct turn_arrival *a)
{
	struct turn_server *s = a->server;
	struct turn_client c = a->origin.client;
	struct list waiting;

	list_take(&a->held, &waiting);
	s->held_bytes -= a->held_bytes;
	a->held_bytes = 0;
	turn_arrival_destroy(a);
	list_for_each_safe (it, &waiting) {
		struct held *h = CONTAINER_OF(it, struct held, link);
		handle(s, &c, h);
		list_remove(it);
		free(h);
	}
}
