/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow.c      the table and the two rewrites
 * account.c   the limits of an allocation
 * bucket.c    what several allocations draw from
 */
#ifndef FLOW_PRIV_H
#define FLOW_PRIV_H

#include <sallyport/flow.h>

/*
 * May N bytes pass under all limits of A, and under the node's if NODE has a bucket? Charges them,
 * or writes whose limit it was; then nothing is charged.
 */
bool flow_account_take(struct flow_account *a, struct flow_share *node, enum flow_direction d,
	uint32_t n, uint64_t now_ms, enum flow_limit *by);

/* Draws for S, which has a bucket, until N bytes are in hand. */
bool flow_share_covers(struct flow_share *s, enum flow_direction d, uint32_t n, uint64_t now_ms);

/* How many bytes of a stream A's limits let pass now; and N have. Packets are not counted. */
size_t flow_account_room(
	struct flow_account *a, struct flow_share *node, enum flow_direction d, uint64_t now_ms);
void flow_account_charge(
	struct flow_account *a, struct flow_share *node, enum flow_direction d, size_t n);

#endif
