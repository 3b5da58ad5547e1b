/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP relaying (RFC 6062) as the files of this folder share it.
 *
 *   tcp.c        connections with peers: Connect, ConnectionAttempt, their end
 *   tcp_bind.c   ConnectionBind, and a client's connection that moves to another worker
 */
#ifndef TURN_TCP_H
#define TURN_TCP_H

#include "turn_priv.h"

#define TURN_CONNECT_MS (30 * 1000) /* RFC 6062 §5.2: at least 30 s */
#define TURN_BIND_MS    (30 * 1000) /* RFC 6062 §5.2, §5.3 */

/* A connection with a peer. Owned by its allocation. */
struct turn_connection {
	struct hash_node by_id;
	struct list link;
	struct turn_alloc *alloc;   /* not owned */
	struct net_pipe *pipe;      /* owned */
	struct turn_origin *origin; /* of the Connect that waits for its answer; owned */
	struct addr peer;           /* on the wire */
	uint32_t id;                /* see turn_connection_worker */
	bool is_bound;              /* a client's connection has joined */
	struct wheel_timer timer;   /* until it is bound */
};

/* The worker that made the id stands in its first byte; a forged one may be out of range. */
static inline unsigned turn_connection_worker(uint32_t id)
{
	return id >> 24;
}
struct turn_connection *turn_connection_find(struct turn_server *s, uint32_t id);

#endif
