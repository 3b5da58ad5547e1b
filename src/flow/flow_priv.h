/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow.c      the table and the two rewrites
 * account.c   the limits of an allocation
 * meter.c     a limit in memory that is shared
 * bucket.c    what several allocations draw from
 */
#ifndef FLOW_PRIV_H
#define FLOW_PRIV_H

#include <sallyport/flow.h>

#define FLOW_SECOND_NS UINT64_C(1000000000)
#define FLOW_MS_NS     UINT64_C(1000000)

/* To RATE units a second, a quarter of which may pass at once, and LEAST of them in any case. */
void flow_meter_set(struct flow_meter *m, uint64_t rate, uint64_t least);
/* So far ahead FULL_NS is. Also right when it has been set below zero: a program took back what it
 * had charged, and meanwhile the rate was set. */
uint64_t flow_meter_drawn(uint64_t full_ns, uint64_t now_ns);
/* How many units may pass now. */
uint64_t flow_meter_room(const struct flow_meter *m, enum flow_direction d, uint64_t now_ns);
void flow_meter_charge(struct flow_meter *m, enum flow_direction d, uint64_t n, uint64_t now_ns);

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
