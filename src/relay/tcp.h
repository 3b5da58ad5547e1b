/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP towards peers: net's acceptors and pipes as the TURN server wants them. */
#ifndef RELAY_TCP_H
#define RELAY_TCP_H

#include <sallyport/net.h>
#include <sallyport/relay.h>
#include <sallyport/turn.h>

/* Embedded in the worker's relay. */
struct relay_tcp {
	struct relay *relay;
	struct net_pipe_config pipes;
	struct turn_tcp_wire wire;
};

void relay_tcp_init(struct relay_tcp *t, struct relay *r, struct net *net, struct loop *loop,
	uint32_t buffer_bytes);

/* relay.c */
/* The number of the listener that a client's port belongs to, and the listener of a number. */
unsigned relay_listener_number(struct relay *r, const struct net_port *p);
struct net_listener *relay_listener_at(struct relay *r, unsigned number);

#endif
