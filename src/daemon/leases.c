/* SPDX-License-Identifier: BSD-3-Clause */
/* The workers' clerks; and leases by message, when the ledger is busy. */
#include <stdlib.h>

#include "leases.h"

struct leases {
	struct loop *loop; /* not owned: the ledger's thread */
	struct loop *const *loops;
	struct relay *const *relays;
	struct ledger *ledger;
};

struct lease_clerk {
	struct leases *leases; /* not owned; but for the ledger an address for messages alone */
	struct ledger *ledger; /* not owned; tried, never waited for */
	struct loop *worker;   /* not owned */
	struct list held_back; /* leases the full mailbox would not take back yet */
	struct wheel_timer retry;
};

struct held {
	struct list link;
	struct turn_lease lease;
};

#define RETRY_MS 200

/* ---- main's side ---- */

static void on_ask(void *ctx, void *payload)
{
	struct leases *l = ctx;
	struct relay_lease_answer a = {.ask = *(struct turn_lease_ask *)payload};

	ledger_take(l->ledger, &a.ask, &a.grant);
	int rc = loop_post(l->loops[a.ask.worker], &relay_lease_msg, l->relays[a.ask.worker], &a);
	/* A worker that is so far behind lets the request time out; the lease is not left behind.
	 */
	if (rc != 0 && a.grant.code == 0)
		ledger_put(l->ledger, &a.ask.lease);
}

static void on_put(void *ctx, void *payload)
{
	const struct leases *l = ctx;

	ledger_put(l->ledger, payload);
}

static const struct msg_type ask_msg = {"lease_ask", sizeof(struct turn_lease_ask), on_ask, NULL};
static const struct msg_type put_msg = {"lease_put", sizeof(struct turn_lease), on_put, NULL};

struct leases *leases_create(struct loop *own, struct loop *const *loops,
	struct relay *const *relays, unsigned n, struct flow_bucket_pool *pool)
{
	struct leases *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct leases){own, loops, relays, ledger_create(n, pool)};
	if (l->ledger)
		return l;
	free(l);
	return NULL;
}

void leases_destroy(struct leases *l)
{
	if (!l)
		return;
	ledger_destroy(l->ledger);
	free(l);
}

struct ledger *leases_ledger(const struct leases *l)
{
	return l->ledger;
}

/* ---- clerks ---- */

static void try_again(struct wheel_timer *t, void *arg)
{
	struct lease_clerk *c = CONTAINER_OF(t, struct lease_clerk, retry);

	(void)arg;
	while (!list_is_empty(&c->held_back)) {
		struct held *h = CONTAINER_OF(c->held_back.next, struct held, link);
		if (loop_post(c->leases->loop, &put_msg, c->leases, &h->lease) != 0)
			break;
		list_remove(&h->link);
		free(h);
	}
	if (!list_is_empty(&c->held_back))
		wheel_set(loop_wheel(c->worker), &c->retry,
			loop_clock(c->worker)->mono_ms + RETRY_MS);
}

struct lease_clerk *lease_clerk_create(struct leases *l, struct loop *worker)
{
	struct lease_clerk *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->leases = l;
	c->ledger = l->ledger;
	c->worker = worker;
	list_init(&c->held_back);
	wheel_timer_init(&c->retry, try_again);
	return c;
}

void lease_clerk_destroy(struct lease_clerk *c)
{
	if (!c)
		return;
	wheel_cancel(loop_wheel(c->worker), &c->retry);
	list_for_each_safe (it, &c->held_back) {
		list_remove(it);
		free(CONTAINER_OF(it, struct held, link));
	}
	free(c);
}

bool lease_clerk_try(void *arg, const struct turn_lease_ask *ask, struct turn_lease_grant *grant)
{
	struct lease_clerk *c = arg;

	return ledger_try_take(c->ledger, ask, grant);
}

int lease_clerk_ask(void *arg, const struct turn_lease_ask *ask)
{
	struct lease_clerk *c = arg;

	return loop_post(c->leases->loop, &ask_msg, c->leases, ask);
}

void lease_clerk_put(void *arg, const struct turn_lease *lease)
{
	struct lease_clerk *c = arg;

	if (ledger_try_put(c->ledger, lease) ||
		loop_post(c->leases->loop, &put_msg, c->leases, lease) == 0)
		return;
	struct held *h = calloc(1, sizeof(*h));
	if (!h) {
		log_error(LOG_TURN, "lease lost",
			"hint=\"out of memory; the counts it stood in are one too high "
			"until "
			"restart\"");
		return;
	}
	h->lease = *lease;
	list_append(&c->held_back, &h->link);
	if (!wheel_timer_is_set(&c->retry))
		wheel_set(loop_wheel(c->worker), &c->retry,
			loop_clock(c->worker)->mono_ms + RETRY_MS);
}
