/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow: the bound channels of a worker, looked up from both sides, and the rewrite between them.
 * This is the only code most packets see: no allocation, no lock, no log.
 *
 *   client --ChannelData--> (listener, client address, channel number) --> relay port --> peer
 *   client <--ChannelData-- listener <-- (relay port, peer address) <-- peer
 *
 * A flow is installed and removed by the code that owns its channel; flow keeps no time.
 */
#ifndef SALLYPORT_FLOW_H
#define SALLYPORT_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/metrics.h>
#include <sallyport/net.h>

enum flow_counter {
	FLOW_C_UP_PACKETS, /* client to peer */
	FLOW_C_UP_BYTES,
	FLOW_C_DOWN_PACKETS, /* peer to client */
	FLOW_C_DOWN_BYTES,
	FLOW_C_NO_CHANNEL,
	FLOW_C_BAD_LENGTH,
	FLOW_C_NO_PERMISSION,
	FLOW_C_OVER_RATE,
	FLOW_C_COUNT,
};
extern const struct metrics_group flow_counters;

enum flow_direction {
	FLOW_UP,
	FLOW_DOWN
};

/*
 * Traffic and rate limit of one allocation, all its paths together. Owned by the allocation.
 * Bytes are payload: what the peer sends or gets in UDP.
 */
struct flow_account {
	uint64_t packets[2]; /* by enum flow_direction */
	uint64_t bytes[2];
	uint32_t rate_bytes_s; /* per direction; 0 = no limit */
	uint32_t tokens[2];    /* bytes that may pass now */
	uint32_t thousandths;  /* of the byte to come */
	uint64_t filled_ms;    /* when tokens were last added */
};
void flow_account_init(struct flow_account *a, uint32_t kbps, uint64_t now_ms);

/* One bound channel. Embedded in its owner; plain data but for the links. */
struct flow {
	struct hash_node up_link, down_link;
	struct net_port *client_port; /* not owned: the listener */
	struct net_port *relay_port;  /* not owned */
	struct flow_account *account; /* not owned */
	struct addr client;
	struct addr peer; /* as it stands on the wire */
	uint16_t channel;
	bool is_permitted; /* false: packets of the peer are dropped (its permission ran out) */
};

struct flow_table; /* one per worker */

/* CLOCK outlives the table. NULL when out of memory. */
struct flow_table *flow_table_create(
	const struct clock *clock, struct net *net, metrics_cell *cells);
void flow_table_destroy(struct flow_table *t); /* its flows are removed before */

/* Asked about ChannelData of a client for which there is no flow: true when FN has taken B.
 * Otherwise it is dropped and counted. */
void flow_table_miss_set(struct flow_table *t,
	bool (*fn)(void *arg, struct net_port *p, struct net_buf *b), void *arg);

/* The fields of F are set and its keys are new in T. -ENOMEM. */
int flow_insert(struct flow_table *t, struct flow *f);
void flow_remove(struct flow_table *t, struct flow *f);

struct flow *flow_find_up(struct flow_table *t, const struct net_port *client_port,
	const struct addr *client, uint16_t channel);
struct flow *flow_find_down(
	struct flow_table *t, const struct net_port *relay_port, const struct addr *peer);

/*
 * May N payload bytes pass under A's rate? Counts them, in A and in the table's counters, or the
 * drop. Every relayed datagram goes through here, on a channel or in an indication.
 */
bool flow_pass(struct flow_table *t, struct flow_account *a, enum flow_direction d, size_t n);

/* A ChannelData message from a client, B taken in any case: sent on, or dropped and counted. */
void flow_from_client(struct flow_table *t, struct net_port *p, struct net_buf *b);

/* A datagram at a relay port. True: B was taken. False: no flow, B is still the caller's. */
bool flow_from_peer(struct flow_table *t, struct net_port *p, struct net_buf *b);

#endif
