/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's listeners: sockets of each kind that clients come in by. What comes in is relay.c's.
 */
#ifndef RELAY_LISTENER_H
#define RELAY_LISTENER_H

#include <sallyport/net.h>
#include <sallyport/relay.h>

struct listener {
	struct relay *relay;           /* not owned */
	struct net_port *port;         /* UDP without balancers; DTLS with a socket of its own */
	struct net_proxy *proxy;       /* UDP with them */
	struct net_listener *listener; /* TCP and TLS */
	struct net_dtls *dtls;         /* DTLS: owned. UDP: that of its socket, not owned */
	struct prefix_set *balancers;  /* owned; NULL: none */
	enum auth_location location;
	enum auth_transport transport;
	uint32_t tenant;
	unsigned face;
};

/* Embedded in the worker's relay, which fills in the upper half. */
struct relay_listeners {
	struct relay *relay;     /* not owned */
	struct net *net;         /* not owned */
	struct net_steer *steer; /* not owned; NULL: what is sent leaves by the sockets */
	/* For what clients send, its ports' owners being listeners; and for sockets with nothing
	 * but DTLS on them. */
	struct net_handler handler, dtls_handler;

	struct listener *all;
	size_t n;
};

/* Takes all descriptors of C, also when it fails; relay_listeners_close in any case. */
int relay_listeners_open(struct relay_listeners *ls, const struct relay_config *c);
void relay_listeners_refuse(const struct relay_config *c); /* takes them to no use */
void relay_listeners_close(struct relay_listeners *ls);
/* As relay_leave and relay_copy_listener say. */
void relay_listeners_leave(struct relay_listeners *ls);
int relay_listeners_copy(const struct relay_listeners *ls, size_t i);
/* T stays the caller's. */
void relay_listeners_tls_set(struct relay_listeners *ls, const struct relay_tls *t);

/* The UDP listener's port on LOCAL, or NULL. */
struct net_port *relay_listeners_find(const struct relay_listeners *ls, const struct addr *local);
/* The number of the listener that a client's port belongs to, and the listener of a number. */
unsigned relay_listeners_number(const struct relay_listeners *ls, const struct net_port *p);
struct net_listener *relay_listeners_at(const struct relay_listeners *ls, unsigned number);

/* The socket itself, not a balancer's session on it; NULL: it has left, or is none for UDP. */
static inline struct net_port *listener_udp_port(const struct listener *l)
{
	return l->proxy ? net_proxy_port(l->proxy) : l->port;
}

#endif
