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
	FLOW_C_OVER_PACKETS, /* + enum flow_limit */
	FLOW_C_OVER_RATE,
	FLOW_C_OVER_SUBJECT,
	FLOW_C_OVER_TENANT,
	FLOW_C_OVER_NODE,
	FLOW_C_STREAM_UP_BYTES, /* client to peer */
	FLOW_C_STREAM_DOWN_BYTES,
	FLOW_C_COUNT,
};
extern const struct metrics_group flow_counters;

enum flow_direction {
	FLOW_UP,
	FLOW_DOWN
};

/* ---- limits ---- */

/* In the order in which they are asked; the first that refuses has dropped the packet. */
enum flow_limit {
	FLOW_LIMIT_PACKETS, /* an allocation's packets/s */
	FLOW_LIMIT_RATE,    /* its kbit/s */
	FLOW_LIMIT_SUBJECT, /* kbit/s of all allocations of its credential's subject */
	FLOW_LIMIT_TENANT,
	FLOW_LIMIT_NODE,
	FLOW_LIMITS,
};
/* As its option is called. Inline: who shows limits need not link flow. */
static inline const char *flow_limit_name(enum flow_limit l)
{
	static const char *const names[FLOW_LIMITS] = {
		[FLOW_LIMIT_PACKETS] = "allocation_packets",
		[FLOW_LIMIT_RATE] = "allocation_rate",
		[FLOW_LIMIT_SUBJECT] = "subject_rate",
		[FLOW_LIMIT_TENANT] = "tenant_rate",
		[FLOW_LIMIT_NODE] = "node_rate",
	};

	return names[l];
}

/*
 * A limit in memory that threads and programs in the kernel share: per direction the moment
 * (CLOCK_MONOTONIC) when all may pass at once again; how far it lies ahead is what has passed. What
 * is charged moves it on, atomically.
 */
struct flow_meter {
	uint64_t full_ns[2];
	uint64_t rate;     /* bytes or packets a second; 0: no limit */
	uint64_t depth_ns; /* so far ahead it may be */
};

/*
 * A rate that allocations on several workers share: per direction, in a bucket of a quarter of a
 * second and 64 KiB at least. Owned by who counts the holders; it outlives them. Any thread may
 * draw. Refilled by the clock alone, so nobody has to tend it.
 */
struct flow_bucket;                                    /* opaque */
struct flow_bucket *flow_bucket_create(uint32_t kbps); /* NULL when out of memory; 0 = no limit */
void flow_bucket_destroy(struct flow_bucket *b);
/* N entries of memory, zeroed and not owned, where programs see buckets: each begins with its
 * flow_meter. Entry 0 stays empty; the first bucket made, of index 1, is the node's. Destroyed
 * after its buckets. Of one thread at a time. */
#define FLOW_BUCKET_SIZE 64
struct flow_bucket_pool; /* opaque */
struct flow_bucket_pool *flow_bucket_pool_create(void *at, uint32_t n);
void flow_bucket_pool_destroy(struct flow_bucket_pool *p);
/* On the heap when POOL is NULL or full. */
struct flow_bucket *flow_bucket_create_in(struct flow_bucket_pool *pool, uint32_t kbps);
uint32_t flow_bucket_index(const struct flow_bucket *b); /* in its pool; 0: it has none */
#define FLOW_BUCKET_NODE 1
/* A new rate begins with a full bucket. */
void flow_bucket_rate_set(struct flow_bucket *b, uint32_t kbps);
uint32_t flow_bucket_kbps(const struct flow_bucket *b);
/* How many draw from it, 1 or more: the more, the less each keeps in hand. */
void flow_bucket_holders_set(struct flow_bucket *b, uint32_t n);
/* Takes NEED bytes or more (up to 64 KiB, so that a holder seldom asks); 0 when it has not NEED. */
uint32_t flow_bucket_draw(
	struct flow_bucket *b, enum flow_direction d, uint32_t need, uint64_t now_ms);

/* A holder's hand in a bucket: what it has drawn and not used yet. Of one thread. */
struct flow_share {
	struct flow_bucket *bucket; /* not owned; NULL: no limit */
	uint64_t dry_ms[2];         /* when it was last refused */
	uint32_t credit[2];         /* bytes */
};

/*
 * Traffic and limits of one allocation, all its paths together. Owned by the allocation.
 * Bytes are payload: what the peer sends or gets in UDP.
 */
struct flow_account {
	uint64_t packets[2]; /* by enum flow_direction */
	uint64_t bytes[2];
	bool is_limited;       /* by the rate or by LIMITS */
	uint32_t rate_bytes_s; /* per direction; 0 = no limit */
	uint32_t tokens[2];    /* bytes that may pass now */
	uint32_t thousandths;  /* of the byte to come */
	uint64_t filled_ms;    /* when tokens were last added */
	/* Owned; apart, for most allocations have none: further limits, and what each has dropped.
	 */
	struct flow_limits {
		uint64_t packet_ns; /* between packets, per direction; 0 = no limit */
		uint64_t packets_full_ns[2];
		struct flow_share shares[2]; /* the subject's, the tenant's */
		/* By FLOW_LIMIT_PACKETS and FLOW_LIMIT_RATE: the allocation's own, while programs
		 * keep them too. Not owned; NULL: those above are good. */
		struct flow_meter *lent;
		void *offload; /* of who has lent it */
		struct flow_drops {
			uint64_t packets, bytes;
		} drops[FLOW_LIMITS];
	} * limits;
};
void flow_account_init(struct flow_account *a, uint32_t kbps, uint64_t now_ms);
void flow_account_fini(struct flow_account *a);
/* From now on what is dropped is counted in A too. What sets a limit below implies it. -ENOMEM. */
int flow_account_watch(struct flow_account *a);
/* A has been carried here as plain data: its counts and what was left of its own rate are good, its
 * time begins anew, and it has no further limits until they are set. */
void flow_account_resume(struct flow_account *a, uint64_t now_ms);
int flow_account_packets_set(struct flow_account *a, uint32_t packets_s);
uint32_t flow_account_packets(const struct flow_account *a); /* per second; 0 = no limit */
/* Of FLOW_LIMIT_RATE, or of a bucket it shares; 0 = no limit. */
uint32_t flow_account_kbps(const struct flow_account *a, enum flow_limit l);
/* Of FLOW_LIMIT_SUBJECT or FLOW_LIMIT_TENANT; B outlives A. */
int flow_account_bucket_set(struct flow_account *a, enum flow_limit l, struct flow_bucket *b);
struct flow_bucket *flow_account_bucket(const struct flow_account *a, enum flow_limit l);
/* A's own limits, with what has passed under them, move to OWN[2] and back. Of an A that is watched
 * and relays datagrams only. */
void flow_account_lend(struct flow_account *a, struct flow_meter *own, uint64_t now_ms);
void flow_account_return(struct flow_account *a, uint64_t now_ms);

/* ---- flows ---- */

/* One bound channel. Embedded in its owner; plain data but for the links. */
struct flow {
	struct hash_node up_link, down_link;
	struct net_port *client_port; /* not owned: the listener */
	struct net_port *relay_port;  /* not owned */
	struct flow_account *account; /* not owned */
	struct addr client;
	struct addr peer; /* as it stands on the wire */
	uint16_t channel;
	/* Set by flow_permit. False: packets of the peer are dropped (its permission ran out). */
	bool is_permitted;
	void *offload; /* what the offload has made of it; NULL: its packets are all ours */
};

struct flow_table; /* one per worker */

/*
 * Whoever can forward the packets of a flow before they come here, such as a program in the kernel.
 * It is told of flows; what it forwards it counts by flow_offload_count, once a second at least.
 */
struct flow_offload_ops {
	/* F is in the table, or may do what it might not, or may no more: F->offload is set if the
	 * offload takes it. What may not pass does not when this returns. */
	void (*offer)(void *arg, struct flow *f);
	/* It forwards nothing of F when this returns, all is counted, and F->offload is NULL. */
	void (*withdraw)(void *arg, struct flow *f);
	/* A datagram of F, which it has, came here nevertheless. It is dropped, or sent when the
	 * turn ends. */
	void (*handled)(void *arg, struct flow *f, enum flow_direction d);
	/* B, one of those, is about to be sent. True: it was taken and is sent shortly, because
	 * what the offload has just forwarded goes first. HANDLED is not called for it. */
	bool (*delay)(void *arg, struct flow *f, enum flow_direction d, struct net_buf *b);
};

/* CLOCK outlives the table. NULL when out of memory. */
struct flow_table *flow_table_create(
	const struct clock *clock, struct net *net, metrics_cell *cells);
void flow_table_destroy(struct flow_table *t); /* its flows are removed before */
/* From now on all that passes draws from NODE, which outlives the table; NULL: no limit. */
void flow_table_bucket_set(struct flow_table *t, struct flow_bucket *node);

/* Asked about ChannelData of a client for which there is no flow: true when FN has taken B.
 * Otherwise it is dropped and counted. */
void flow_table_miss_set(struct flow_table *t,
	bool (*fn)(void *arg, struct net_port *p, struct net_buf *b), void *arg);

/* Before the first flow. OPS and ARG outlive the flows. */
void flow_table_offload_set(struct flow_table *t, const struct flow_offload_ops *ops, void *arg);

/* The fields of F are set and its keys are new in T. -ENOMEM. */
int flow_insert(struct flow_table *t, struct flow *f);
void flow_remove(struct flow_table *t, struct flow *f);
/* May its peer send to the client? */
void flow_permit(struct flow_table *t, struct flow *f, bool on);
/* What has been offloaded of F comes here and is counted, until something of it changes. */
void flow_withdraw(struct flow_table *t, struct flow *f);
/* So much has been forwarded. */
void flow_offload_count(struct flow_table *t, struct flow_account *a, enum flow_direction d,
	uint64_t packets, uint64_t bytes);
/* So much has been dropped. */
void flow_offload_refused(struct flow_table *t, struct flow_account *a, enum flow_limit by,
	uint64_t packets, uint64_t bytes);
/* NULL: none. */
struct flow_bucket *flow_table_bucket(const struct flow_table *t);

struct flow *flow_find_up(struct flow_table *t, const struct net_port *client_port,
	const struct addr *client, uint16_t channel);
struct flow *flow_find_down(
	struct flow_table *t, const struct net_port *relay_port, const struct addr *peer);

/*
 * May N payload bytes pass under A's limits and the node's? Counts them, in A and in the table's
 * counters, or the drop. Every relayed datagram goes through here, on a channel or in an
 * indication.
 */
bool flow_pass(struct flow_table *t, struct flow_account *a, enum flow_direction d, size_t n);

/*
 * The same for a stream, of which nothing may be dropped: how many bytes may be read now, SIZE_MAX
 * without a limit; and N bytes have been read, counted in A as bytes without a packet.
 */
size_t flow_stream_room(struct flow_table *t, struct flow_account *a, enum flow_direction d);
void flow_stream_passed(
	struct flow_table *t, struct flow_account *a, enum flow_direction d, size_t n);

/* ChannelData messages from clients, in order. All are taken: sent on, or dropped and counted. */
void flow_from_clients(struct flow_table *t, struct net_port *p, struct net_buf **bufs, size_t n);
/* One of them. */
void flow_from_client(struct flow_table *t, struct net_port *p, struct net_buf *b);

/* A datagram at a relay port. True: B was taken. False: no flow, B is still the caller's. */
bool flow_from_peer(struct flow_table *t, struct net_port *p, struct net_buf *b);

#endif
