/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending new clients elsewhere (RFC 8489 §10), for a node that drains or has enough to do. What
 * runs here goes on and may be refreshed. On the worker's thread.
 */
#ifndef SALLYPORT_TURN_REDIRECT_H
#define SALLYPORT_TURN_REDIRECT_H

#include <sallyport/turn.h>

#define TURN_DOMAIN_MAX 255
struct turn_alternate {
	struct addr address;              /* for UDP and TCP */
	uint16_t tls_port;                /* at that address, for TLS and DTLS; 0: it has none */
	uint8_t locations;                /* of its clients: enum auth_location bits; 0 = any */
	char domain[TURN_DOMAIN_MAX + 1]; /* in its certificate; "": none */
};

struct turn_redirect {
	bool is_draining; /* all new allocations; without an alternate they get 508 */
	uint32_t above;   /* or those beyond so many on this worker, if there is one; 0: none */
	size_t n_alternates;
	struct turn_alternate alternates[]; /* that can be named: reachable ones */
};

/* R is malloc'd and taken; NULL: nobody is redirected. */
void turn_server_redirect(struct turn_server *s, struct turn_redirect *r);

#endif
