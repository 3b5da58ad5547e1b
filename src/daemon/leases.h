/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leases on the node's allocations and rates, between threads: each worker has a clerk that counts
 * in the ledger when nobody else does so at that moment, and else asks the main thread by message.
 */
#ifndef DAEMON_LEASES_H
#define DAEMON_LEASES_H

#include <sallyport/relay.h>

#include "ledger.h"

struct leases; /* main thread */

/*
 * Answers go to RELAYS[worker] on LOOPS[worker], N of them; both arrays outlive this. It outlives
 * the relays.
 */
struct leases *leases_create(struct loop *own, struct loop *const *loops,
	struct relay *const *relays, unsigned n, struct flow_bucket_pool *pool);
void leases_destroy(struct leases *l);
struct ledger *leases_ledger(const struct leases *l);

struct lease_clerk; /* one per worker, on its thread */

struct lease_clerk *lease_clerk_create(struct leases *l, struct loop *worker);
void lease_clerk_destroy(struct lease_clerk *c);
/* For struct relay_config, with the clerk as ARG. */
bool lease_clerk_try(void *arg, const struct turn_lease_ask *ask, struct turn_lease_grant *grant);
int lease_clerk_ask(void *arg, const struct turn_lease_ask *ask);
void lease_clerk_put(void *arg, const struct turn_lease *lease);

#endif
