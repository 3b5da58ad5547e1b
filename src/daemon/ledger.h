/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ledger of the node: how many allocations the node, each tenant and each subject hold, and the
 * buckets of the rates they share. A bucket lives as long as a lease on it: that is what makes it
 * safe for a worker to draw from.
 *
 * A lock orders all who count. Main waits for it. Workers must not wait: they try, and what they do
 * not get at once they ask of main by message (docs/decisions/0023-leases-at-once.md).
 */
#ifndef DAEMON_LEDGER_H
#define DAEMON_LEDGER_H

#include <sallyport/turn.h>

struct ledger;

/* Buckets are made in POOL, which outlives the ledger; NULL: on the heap. NULL when out of memory.
 */
struct ledger *ledger_create(unsigned n_workers, struct flow_bucket_pool *pool);
void ledger_destroy(struct ledger *l); /* after all who may draw from its buckets */

/*
 * Counts the allocation of ASK under all that its lease names, or under none: then G has the code
 * that refuses it. What memory is short for is refused like what is used up.
 */
void ledger_take(struct ledger *l, const struct turn_lease_ask *ask, struct turn_lease_grant *g);
void ledger_put(struct ledger *l, const struct turn_lease *lease);
/* The same for workers: they never wait. False: nothing was done, another thread is counting. */
bool ledger_try_take(
	struct ledger *l, const struct turn_lease_ask *ask, struct turn_lease_grant *g);
bool ledger_try_put(struct ledger *l, const struct turn_lease *lease);

/* From now on S has the rates, for the allocations that live as well. A count is taken. */
void ledger_snapshot(struct ledger *l, struct turn_snapshot *s);
/* The node's; lives as long as the ledger. */
struct flow_bucket *ledger_node_bucket(const struct ledger *l);
/* What anybody holds at least one lease under; while no other thread counts. */
size_t ledger_entries(const struct ledger *l);

#endif
