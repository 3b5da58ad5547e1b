/* SPDX-License-Identifier: BSD-3-Clause */
/* Which client transactions wait on a connection, so that they end when it does. */
#include <stdlib.h>

#include "transaction_priv.h"

static uint64_t flow_hash(const struct transactions *l, uint64_t flow)
{
	return hash_bytes(&l->config.keys[0], &flow, sizeof(flow));
}

static struct flow_users *find(const struct transactions *l, uint64_t flow)
{
	struct hash_node *n = hash_table_first(&l->flows, flow_hash(l, flow));

	for (; n; n = hash_table_next(n)) {
		struct flow_users *f = CONTAINER_OF(n, struct flow_users, node);
		if (f->flow == flow)
			return f;
	}
	return NULL;
}

static struct flow_users *make(struct transactions *l, uint64_t flow)
{
	struct flow_users *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->flow = flow;
	list_init(&f->clients);
	if (hash_table_insert(&l->flows, &f->node, flow_hash(l, flow)) == 0)
		return f;
	free(f);
	return NULL;
}

/* Without memory for it, C ends by its time-out. */
void flow_users_join(struct client_transaction *c)
{
	struct transactions *l = c->t.layer;
	struct flow_users *f;

	if (!c->t.hop.is_reliable || c->t.hop.flow == 0)
		return;
	f = find(l, c->t.hop.flow);
	if (!f)
		f = make(l, c->t.hop.flow);
	if (!f)
		return;
	c->flow = f;
	list_append(&f->clients, &c->by_flow);
}

static void drop(struct transactions *l, struct flow_users *f)
{
	hash_table_remove(&l->flows, &f->node);
	free(f);
}

void flow_users_leave(struct client_transaction *c)
{
	struct flow_users *f = c->flow;

	list_remove(&c->by_flow);
	c->flow = NULL;
	if (f && list_is_empty(&f->clients))
		drop(c->t.layer, f);
}

/* The users are taken out first: who is told may start another transaction on the same flow. */
void transactions_flow_failed(struct transactions *l, uint64_t flow)
{
	struct flow_users *f = find(l, flow);
	struct list clients;

	if (!f)
		return;
	list_take(&f->clients, &clients);
	drop(l, f);
	list_for_each (it, &clients)
		CONTAINER_OF(it, struct client_transaction, by_flow)->flow = NULL;
	while (!list_is_empty(&clients)) {
		struct client_transaction *c =
			CONTAINER_OF(clients.next, struct client_transaction, by_flow);
		list_remove(&c->by_flow);
		client_fail(c);
	}
}
