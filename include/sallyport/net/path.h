/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/path: where a packet from LOCAL to REMOTE leaves this host, as the kernel would send it:
 * interface, Ethernet header, MTU. For whoever writes whole frames, in user space or in a program
 * in the kernel.
 *
 * One per worker, on its thread. It asks the kernel by rtnetlink and is told of every change by
 * it; no call waits for an answer. What has no ready path goes the kernel's ordinary way (a
 * socket), which also resolves the neighbour, so that the path becomes ready by itself.
 */
#ifndef SALLYPORT_NET_PATH_H
#define SALLYPORT_NET_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>

/* Why a path is not ready, if it is not. */
enum net_path_state {
	NET_PATH_ASKED, /* the kernel's answer is still out */
	NET_PATH_READY,
	NET_PATH_LOCAL,        /* an address of this host */
	NET_PATH_NOT_UNICAST,  /* broadcast or multicast */
	NET_PATH_NO_ROUTE,     /* none, or a route that refuses; or LOCAL is not ours */
	NET_PATH_ENCAPSULATED, /* the route adds a header of its own (MPLS, SRv6, a tunnel) */
	NET_PATH_LINK_DOWN,
	NET_PATH_NO_ETHERNET,  /* the interface's frames are no Ethernet frames */
	NET_PATH_NO_NEIGHBOUR, /* the next hop's MAC address is not known */
	/* The next hop has not been heard of for a while, and we may not make the kernel ask it:
	 * for a second packets go the ordinary way, which does. */
	NET_PATH_UNCONFIRMED,
	NET_PATH_STATE_COUNT
};

#define NET_PATH_HEADER 14 /* an Ethernet header: to, from, type */

/* Written by net/path alone. Good until the turn ends, or while it is held. */
struct net_path {
	struct addr local, remote; /* ports are 0 */
	uint8_t state;             /* enum net_path_state; the rest is set when it is READY */
	uint8_t header[NET_PATH_HEADER];
	uint16_t mtu; /* longest IP packet, header included; what ICMP has said counts */
	uint32_t ifindex;
	/* 0 .. max-1, its own while it is held; for a table beside this one. */
	uint32_t index;
};

static inline bool net_path_is_ready(const struct net_path *p)
{
	return p->state == NET_PATH_READY;
}

/* "no Ethernet interface"; static. */
const char *net_path_state_text(enum net_path_state s);

enum net_path_counter {
	NET_PATH_C_CACHED, /* gauge */
	NET_PATH_C_READY,  /* gauge */
	NET_PATH_C_ROUTES_ASKED,
	NET_PATH_C_NEIGHBOURS_ASKED,
	NET_PATH_C_NEIGHBOURS_USED,
	NET_PATH_C_FAILED,
	NET_PATH_C_CHANGED,
	NET_PATH_C_OVERRUNS,
	NET_PATH_C_FORGOTTEN,
	NET_PATH_C_FULL,
	NET_PATH_C_COUNT
};
extern const struct metrics_group net_path_counters;

struct net_paths; /* opaque */

/* Bounds of one worker: an entry is about 200 bytes, touched when it is first used. */
#define NET_PATHS_MIN     64
#define NET_PATHS_DEFAULT 16384
#define NET_PATHS_MAX     65536

struct net_paths_config {
	struct loop *loop;         /* its wheel's callbacks run on its thread */
	struct wheel *wheel;       /* that of LOOP */
	const struct clock *clock; /* that of LOOP */
	metrics_cell *cells;       /* this worker's block of net_path_counters */
	/* Entries at most, within the bounds above; 0: NET_PATHS_DEFAULT. When all are in use,
	 * those nobody holds and nobody has looked up lately go first. */
	uint32_t max;
};

/* Needs no privilege. -ENOMEM, -errno of the netlink sockets. */
int net_paths_create(const struct net_paths_config *c, struct net_paths **out);
void net_paths_destroy(struct net_paths *ps); /* after all holds are released; NULL is fine */

/*
 * The entry of LOCAL to REMOTE; their ports are not looked at. An unknown one is made, not ready,
 * and asked for at the end of the turn. NULL when there is no room: send the ordinary way. For each
 * packet: one hash and a comparison.
 */
const struct net_path *net_path_find(
	struct net_paths *ps, const struct addr *local, const struct addr *remote);

/*
 * A hold keeps an entry, its index and its neighbour, and is told of changes. Lives in its owner;
 * zeroed memory is a hold of nothing.
 */
struct net_path_hold {
	struct list link;
	const struct net_path *path; /* NULL: of nothing */
	/* Something in PATH is different. May take and release any hold. NULL: not told. */
	void (*changed)(struct net_path_hold *h);
};

/* As net_path_find; CHANGED is called from now on, never by this call. ERR_FULL. */
int net_path_take(struct net_paths *ps, struct net_path_hold *h, const struct addr *local,
	const struct addr *remote, void (*changed)(struct net_path_hold *h));
void net_path_release(struct net_paths *ps, struct net_path_hold *h); /* of nothing: fine */

/*
 * An ICMP error says that a packet from LOCAL to REMOTE was too long or could not be delivered: the
 * kernel is asked again. Cheap, and bounded whatever strangers send. Of unknown paths nothing is
 * done.
 */
void net_path_doubt(struct net_paths *ps, const struct addr *local, const struct addr *remote);

#endif
