/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP towards peers: net's acceptors and pipes as the TURN server wants them. */
#ifndef RELAY_TCP_H
#define RELAY_TCP_H

#include <sallyport/net.h>
#include <sallyport/relay.h>
#include <sallyport/turn.h>

#include "listener.h"

/* Embedded in the worker's relay. */
struct relay_tcp {
	struct relay *relay;               /* not owned */
	struct relay_listeners *listeners; /* not owned */
	struct net_pipe_config pipes;
	struct turn_tcp_wire wire;
};

void relay_tcp_init(struct relay_tcp *t, struct relay *r, struct relay_listeners *ls,
	struct net *net, struct loop *loop, uint32_t buffer_bytes);

#endif
