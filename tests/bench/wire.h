/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire: how one side of the load generator, all clients or all peers, reaches the network. Every
 * flow has a transport address of its own there. Three kinds: a UDP socket for each flow, a TCP or
 * TLS connection for each (clients only), or whole frames by one packet socket, which costs a
 * fraction of either. One thread; nothing blocks after the opening.
 */
#ifndef TESTS_BENCH_WIRE_H
#define TESTS_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

#define WIRE_BATCH    64   /* messages between two flushes, at most */
#define WIRE_DATA_MAX 1480 /* bytes of one message: 1,472 and what ChannelData adds, padded */

enum wire_kind {
	WIRE_UDP,
	WIRE_TCP,
	WIRE_TLS,
	WIRE_PACKET,
};

/* Whose addresses they are, and how to get there. */
struct wire_config {
	enum wire_kind kind;
	uint32_t n_flows;
	const char *space; /* path of the network namespace; NULL: this one */
	struct addr first; /* flow 0; the port counts up, then the address */
	uint32_t per_address;
	/* WIRE_PACKET */
	const char *interface;
	uint8_t next_hop[6];       /* the MAC address that all frames go to */
	bool has_partial_checksum; /* left to the device, as the kernel does for its own sockets */
};

struct wire_counts {
	uint64_t send_errors;  /* messages that were reserved and did not leave */
	uint64_t lost_here;    /* frames that this side had no room for */
	uint64_t bad_checksum; /* frames whose IP, UDP or left-over checksum is wrong */
	uint64_t misdirected;  /* from someone else than the flow's target, or to nobody */
	uint64_t fragments;
};

struct wire;
typedef void wire_receive_fn(void *arg, uint32_t flow, const uint8_t *data, size_t len);

struct wire_ops {
	uint8_t *(*reserve)(struct wire *w, uint32_t flow, size_t len);
	void (*flush)(struct wire *w);
	unsigned (*receive)(struct wire *w, wire_receive_fn *fn, void *arg);
	int (*target)(struct wire *w, uint32_t flow, const struct addr *to);
	void (*destroy)(struct wire *w);
};

struct wire {
	const struct wire_ops *ops;
	struct wire_config config;
	struct wire_counts counts;
	int wait_fd; /* readable when something has come */
};

/* Opens all flows. CONFIG's texts outlive the wire. -errno, ERR_TLS, ERR_MALFORMED. */
int wire_create(const struct wire_config *config, struct wire **out);
void wire_destroy(struct wire *w); /* NULL is fine */

/* The address of a flow on this side. */
struct addr wire_local(const struct wire_config *c, uint32_t flow);
/* The flow with that address; false when there is none. */
bool wire_flow(const struct wire_config *c, const struct addr *local, uint32_t *flow);

/* Whom FLOW sends to and takes messages from, from now on. Streams connect here, which blocks. */
static inline int wire_target(struct wire *w, uint32_t flow, const struct addr *to)
{
	return w->ops->target(w, flow, to);
}

/* Room for a message of LEN <= WIRE_DATA_MAX bytes, which the caller fills before the next call.
 * NULL: counted as a send error. After WIRE_BATCH of them comes a flush. */
static inline uint8_t *wire_reserve(struct wire *w, uint32_t flow, size_t len)
{
	return w->ops->reserve(w, flow, len);
}
static inline void wire_flush(struct wire *w)
{
	w->ops->flush(w);
}

/* Hands what has come to FN, some hundred messages at most. How many there were. */
static inline unsigned wire_receive(struct wire *w, wire_receive_fn *fn, void *arg)
{
	return w->ops->receive(w, fn, arg);
}

/* ---- for the kinds ---- */

int wire_socket_create(const struct wire_config *config, struct wire **out);
int wire_stream_create(const struct wire_config *config, struct wire **out);
int wire_packet_create(const struct wire_config *config, struct wire **out);

/* Enters the namespace of CONFIG and comes back: *HOME is a descriptor for wire_leave. */
int wire_enter(const struct wire_config *config, int *home);
void wire_leave(int home);

#endif
