/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's packet machinery as the files of this folder share it. */
#ifndef NET_PRIV_H
#define NET_PRIV_H

#include <sallyport/net.h>
#include <sallyport/net/clients.h>

#include "ready.h"

/* Datagrams taken or given to the kernel in one call. */
#define NET_BATCH 32

/*
 * Buffers of a worker. A full receive batch plus what a turn may queue; when they are used up the
 * queue is flushed, which frees them.
 */
#define NET_BUFS 256

/* What one read of a connection may bring: four full TLS records' worth. */
#define NET_SCRATCH 65536

struct event;
struct net_acceptor;
struct net_conn;
struct net_steer;
struct net_rx;
struct net_tx; /* scratch for one sendmmsg */

struct net_udp {
	struct net_port port; /* first: a port is cast back */
	struct net *net;      /* not owned */
	const struct net_handler *handler;
	int fd;
	struct net_steer *steer; /* sends for it; NULL: the socket does. Not owned */
	struct event *event;     /* in the loop itself; NULL: in the set of net_ready. Owned */
	bool is_dirty;           /* in net->dirty */
	bool is_listener;        /* there is always more, so that WANT stays */
	uint8_t want;            /* datagrams to ask for, 1 to NET_BATCH */
	uint64_t full_ms;        /* when so many came */
	/* Packets waiting for the end of the turn. */
	struct net_buf *tx_head, **tx_tail;
	struct net_udp *next_dirty;
};

struct net {
	struct loop *loop;
	metrics_cell *cells;
	struct loop_deferred flush;
	struct net_buf *free_bufs;
	size_t n_free;
	uint8_t *memory;          /* all buffers' bytes */
	struct net_buf *all_bufs; /* NET_BUFS of them */
	struct net_udp *dirty, **dirty_tail;
	struct net_udp *receiving; /* set to NULL when it closes under its own callback */
	uint32_t next_port_id;
	uint8_t *scratch; /* NET_SCRATCH bytes that connections are read into; NULL without any */
	struct list dirty_conns;
	const struct net_port *serving; /* as RECEIVING, of clients' connections */
	struct bytes unread; /* of the connection that is served: behind what was handed up */
	struct net_acceptor *accepting; /* as RECEIVING, of listening relay ports */
	uint32_t n_conns;
	struct net_clients clients;
	struct net_ready ready;
	struct log_limit log_proxy;
	int descriptor_end[2]; /* by enum net_descriptor_use: the first number that is kept back */
	struct net_steer *steer; /* NULL: none. Not owned */
	struct net_rx *rx;
	struct net_tx *tx;
};

void net_descriptors_init(struct net *n);
struct net_tx *net_tx_create(void);
void net_tx_destroy(struct net_tx *tx);

/* What S has, up to some batches, to its handler, which may have closed S then. False: nothing, and
 * S is there. */
bool net_udp_receive(struct net_udp *s);
/* Reads the socket's error queue and hands ICMP errors to the handler. */
void net_udp_read_errors(struct net_udp *s);
/* Under what a packet is counted that the kernel refuses with ERROR. */
enum net_counter net_tx_counter_of(int error);
/* Gives S's queue to the kernel. */
void net_udp_flush(struct net_udp *s);

/* Gives to the kernel what connections have queued. */
void net_conns_flush(struct net *n);

/* Takes B; it goes from FROM to b->addr, now or at the end of the turn. */
void net_steer_send(struct net_steer *s, const struct addr *from, struct net_buf *b);
/* Gives to the kernel what is queued. */
void net_steer_flush(struct net_steer *s);
/* The sockets that its datagrams arrive at, one for each family; -1: the host has no such family.
 */
void net_steer_receivers(const struct net_steer *s, int out[2]);

#endif
