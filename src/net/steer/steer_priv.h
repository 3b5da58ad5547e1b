/* SPDX-License-Identifier: BSD-3-Clause */
/* Steered relay ports, as the files of this folder share them. */
#ifndef NET_STEER_PRIV_H
#define NET_STEER_PRIV_H

#include <stdatomic.h>

#include <sallyport/net/path.h>
#include <sallyport/net/steer.h>

#include "../net_priv.h"
#include "map.h"

struct event;
struct net_steer_tx;

/* By family: the kernel keeps IPv4 and IPv6 apart. */
enum {
	STEER_IPV4,
	STEER_IPV6,
	STEER_FAMILIES
};

static inline unsigned steer_family(const struct addr *a)
{
	return a->family == ADDR_IPV6 ? STEER_IPV6 : STEER_IPV4;
}

/* A worker's sockets; -1: the host has no such family. */
struct net_steer_sockets {
	int receive[STEER_FAMILIES]; /* UDP; the program chooses it */
	int icmp[STEER_FAMILIES];
	int raw[STEER_FAMILIES]; /* UDP with a header of ours; receives nothing */
	int frames;              /* AF_PACKET; receives nothing */
};

/* The row of owners that belongs to an address, as the workers see it: a store says whose a port
 * is. */
struct net_steer_row {
	_Atomic uint16_t by_port[STEER_PORTS];
};
_Static_assert(sizeof(struct net_steer_row) == sizeof(struct steer_owners), "one form for both");

struct bpf_link;
struct bpf_object;

struct net_steering {
	struct addr *addresses; /* ports are 0 */
	size_t n_addresses;
	unsigned n_workers;
	struct net_steer_sockets *sockets; /* of each worker */
	struct net_steer_row *rows;        /* of each address; the map's memory */
	uint8_t generation;                /* of this process among those that share the map */
	uint8_t hops[STEER_FAMILIES];      /* the host's default */
	struct bpf_object *object;
	struct bpf_link *link;
};

/* sockets.c */
int net_steer_sockets_open(struct net_steer_sockets *s, uint32_t rcvbuf_bytes, char why[256]);
void net_steer_sockets_close(struct net_steer_sockets *s);
/* The hop limit that the kernel gives to packets of SOCK. */
uint8_t net_steer_hops(int sock, unsigned family);

struct steer_port {
	struct net_port port; /* first: a port is cast back */
	struct net_steer *steer;
};

/* The ports of an address, by number. */
struct steer_ports {
	struct steer_port *by_port[STEER_PORTS];
};

struct net_steer {
	struct net *net;
	struct net_steering *steering;
	const struct net_steer_sockets *sockets;
	struct net_paths *paths;
	const struct net_handler *handler;
	uint16_t owner;            /* what the map says of our ports */
	struct steer_ports *ports; /* of each address; touched where ports are */
	struct event *events[2 * STEER_FAMILIES];
	struct net_steer_tx *tx;
	/* What did not fit, as the kernel has told it and is counted already; and when. */
	uint32_t overflows[STEER_FAMILIES];
	uint64_t asked_ms[STEER_FAMILIES];
};

/* Where the port of ours at LOCAL stands, NULL in it: nobody has it. NULL: none of our addresses.
 */
struct steer_port **net_steer_slot(const struct net_steer *s, const struct addr *local);
/* The port of ours at LOCAL, or NULL. */
struct steer_port *net_steer_find(const struct net_steer *s, const struct addr *local);

/* range.c */
/* Is PORT in a LIST as the kernel writes it: "3478,49152-65535"? */
bool net_steer_is_reserved(const char *list, unsigned port);

/* rx.c */
/* One batch of FAMILY to the handler; how many datagrams it had. */
unsigned net_steer_receive(struct net_steer *s, unsigned family);

/* icmp.c */
/* Reads FAMILY's ICMP socket: errors of our ports go to the handler, all others to net/path. */
void net_steer_read_errors(struct net_steer *s, unsigned family);

/* tx.c */
struct net_steer_tx *net_steer_tx_create(struct net_steer *s);
void net_steer_tx_destroy(struct net_steer_tx *tx);

#endif
