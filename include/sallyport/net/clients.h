/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/clients: how many connections a client has, for whoever accepts connections. A client is an
 * IPv4 address or an IPv6 network of 64 bits. One table per owner, on its thread.
 */
#ifndef SALLYPORT_NET_CLIENTS_H
#define SALLYPORT_NET_CLIENTS_H

#include <sallyport/common.h>

/* One for each client that has a connection, so there are no more than connections. */
struct net_client {
	struct hash_node link;
	struct addr network;
	uint32_t n;
	uint64_t bytes; /* for the owner, who may count what it holds */
};

struct net_clients {
	struct hash_key key;
	struct hash_table table; /* owns them */
};

void net_clients_init(struct net_clients *c);
void net_clients_fini(struct net_clients *c); /* no client has a connection any more */

/* One connection more for the client of ADDR. ERR_FULL: it has MAX already. -ENOMEM. */
int net_client_get(
	struct net_clients *c, const struct addr *addr, uint32_t max, struct net_client **out);
void net_client_put(struct net_clients *c, struct net_client *client); /* NULL is fine */

#endif
