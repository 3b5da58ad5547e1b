/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/steer: relay ports without a socket each. A program in the kernel (sk_lookup) brings the
 * datagrams of all relay ports that a worker has in use into one socket of that worker and family;
 * what is sent leaves as whole Ethernet frames where net/path knows how, else by a raw socket, past
 * the kernel's UDP either way. Opening a port is a store into a map.
 */
#ifndef SALLYPORT_NET_STEER_H
#define SALLYPORT_NET_STEER_H

#include <sallyport/net.h>

struct net_paths;

/* ---- of the process; main thread ---- */

struct net_steering_config {
	const struct addr *addresses; /* of relay ports; ports are not looked at */
	size_t n_addresses;
	unsigned n_workers;
	uint32_t rcvbuf_bytes; /* of each receiving socket; as of net_udp_socket */
	/* For a process that takes over: its predecessor's net_steering_map, not owned, and the
	 * one after its net_steering_generation. -1: there is none. */
	int map;
	uint8_t generation;
};

struct net_steering;

/*
 * Makes the sockets of all workers, loads the program and attaches it to the process's network
 * namespace, for as long as the process lives. Needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW; what
 * follows does not. On failure WHY has a sentence with the next step. ERR_UNSUPPORTED: not in this
 * build; ERR_FULL: too many addresses; -errno.
 */
int net_steering_create(
	const struct net_steering_config *c, struct net_steering **out, char why[256]);
/*
 * The map that says whose each port is. Processes that share it, told apart by their generation,
 * adopt each other's ports and open none that another has.
 */
int net_steering_map(const struct net_steering *s);
uint8_t net_steering_generation(const struct net_steering *s);

/* After its workers' net_steer. NULL is fine. */
void net_steering_destroy(struct net_steering *s);

/*
 * The kernel does not know that steered ports are in use and may give them to others. Is any port
 * of FIRST..LAST among those it picks by itself (ip_local_port_range), and not reserved
 * (ip_local_reserved_ports)?
 */
bool net_steering_range_is_exposed(uint16_t first, uint16_t last);

/* ---- of a worker ---- */

struct net_steer_config {
	struct net *net;
	struct net_steering *steering; /* not owned */
	unsigned worker;
	struct net_paths *paths;           /* not owned; NULL: no frames, raw sockets alone */
	const struct net_handler *handler; /* of every port; not owned */
};

struct net_steer;

/* One per net, before its thread runs. -ENOMEM, -errno. */
int net_steer_create(const struct net_steer_config *c, struct net_steer **out);
/* After its ports are closed, before net_destroy. NULL is fine. */
void net_steer_destroy(struct net_steer *s);

/*
 * A relay port on LOCAL. ERR_NOT_FOUND: none of the addresses; -EADDRINUSE: somebody has it, be it
 * a socket of another program; -EADDRNOTAVAIL: not an address of the host now; -ENOMEM, -errno.
 */
int net_steer_open(struct net_steer *s, const struct addr *local, struct net_port **out);
/* The same, but it becomes this worker's whoever has it: so it moves between workers and processes.
 */
int net_steer_adopt(struct net_steer *s, const struct addr *local, struct net_port **out);
/* Is P one of these? */
bool net_steer_is_port(const struct net_port *p);
/*
 * Frees P, of net_steer_open, but leaves its datagrams with this worker until another adopts it:
 * they are dropped, and no peer is told that the port is closed.
 */
void net_steer_release(struct net_port *p);

/* What is sent from P, a UDP port, leaves as from a steered one. It must be bound to an address. */
void net_steer_listener(struct net_steer *s, struct net_port *p);

/* For a worker whose thread does not run. What has arrived is handed up. */
void net_steer_drain(struct net_steer *s);
/* Its open ports are its own again, whoever has adopted them. */
void net_steer_reclaim(struct net_steer *s);
/* What it has released and nobody has adopted is closed. */
void net_steer_leave(struct net_steer *s);

#endif
