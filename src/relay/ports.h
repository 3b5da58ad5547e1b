/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Relay ports for UDP: made for the TURN server, whose they are, and what comes in on them. Where
 * there is more than one kind of port, the choice between them is made in the four functions of
 * WIRE; HANDLER does not care which kind brings it packets.
 */
#ifndef RELAY_PORTS_H
#define RELAY_PORTS_H

#include <sallyport/flow.h>
#include <sallyport/net.h>
#include <sallyport/net/steer.h>
#include <sallyport/relay.h>
#include <sallyport/turn.h>

/* Embedded in the worker's relay. */
struct relay_ports {
	struct relay *relay;      /* not owned */
	struct net *net;          /* not owned */
	struct flow_table *flows; /* not owned */
	struct net_steer *steer;  /* owned; NULL: a socket each */
	struct net_handler handler;
	struct turn_udp_wire wire;
};

void relay_ports_init(
	struct relay_ports *p, struct relay *r, struct net *net, struct flow_table *flows);
/* From now on ports are steered, if C says so. -ENOMEM, -errno. */
int relay_ports_steer(struct relay_ports *p, const struct relay_config *c, struct net_paths *paths);
/* After all ports are closed. */
void relay_ports_fini(struct relay_ports *p);

#endif
