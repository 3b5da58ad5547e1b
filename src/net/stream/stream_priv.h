/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP and TLS connections as the files of this folder share them.
 *
 *   stream.c   listeners, accepting
 *   conn.c     a connection: opening, handshake, end
 *   proxy.c    the header that a balancer puts in front
 *   rx.c       bytes to messages        tx.c       messages to bytes
 *   io.c       one read, one write      parcel.c   from one owner to another
 *   ring.c     what a slow reader has not taken yet
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include <sallyport/crypto.h>

#include "frame.h"
#include "../life.h"

struct ssl_st;

/* All of it or nothing: false when it does not fit into LIMIT bytes. */
bool net_ring_put(struct net_ring *r, const uint8_t *data, size_t len, size_t limit);
/* The first bytes, as many as stand together. */
struct bytes net_ring_view(const struct net_ring *r);
void net_ring_drop(struct net_ring *r, size_t len);
void net_ring_fini(struct net_ring *r);

struct net_listener {
	struct net *net; /* not owned */
	struct net_listener_config config;
	const struct net_handler *handler;
	void *owner;
	struct list conns;
	struct event event;
	struct wheel_timer pause; /* set while descriptors are short */
};

/* A connection. Owned by its listener's list; ends by net_conn_end, or by closing the listener. */
struct net_conn {
	struct net_port port;          /* first: a port is cast back */
	struct net *net;               /* not owned */
	struct net_listener *listener; /* not owned */
	struct list link;
	struct list dirty_link; /* in net->dirty_conns, or alone */
	struct addr peer;       /* behind a balancer the one it names */
	int fd;
	bool is_broken; /* a write has failed; nothing is sent any more */
	uint32_t proxy_len;
	uint8_t *proxy;     /* the beginning of a balancer's header; owned */
	struct ssl_st *tls; /* owned; NULL on plain TCP, and before the client's first bytes */
	struct net_framer framer;
	struct net_buf *tx_head, **tx_tail; /* waiting for the end of the turn */
	struct net_ring out;
	struct net_life life;
	struct event read_event, write_event;
};

/* Takes FD. False: refused, and counted. */
bool net_conn_open(struct net_listener *l, int fd, const struct addr *peer);
/* WHY is a counter. Tells the handler; C is gone after it. */
void net_conn_end(struct net_conn *c, enum net_counter why);
/* Without a word to the handler. */
void net_conn_close(struct net_conn *c);

/* True: the header was there, and C is at its next stage. False: later, or C is gone. */
bool net_conn_read_proxy(struct net_conn *c);
/* Reads what there is, up to a bound. C may be gone after it. */
void net_conn_receive(struct net_conn *c);
/* TLS reads ahead: what it holds no poll shows, so that C is read once more. */
void net_conn_read_on(struct net_conn *c);
/* Cuts IN into messages and hands them up. False: C is gone. */
bool net_conn_hand_up(struct net_conn *c, struct bytes in);
/* The connection in P becomes one of L. NULL: refused and counted. What it takes is no longer in P.
 */
struct net_conn *net_conn_adopt(struct net_listener *l, struct net_parcel *p);
/* Sends what can be sent and takes C out of everything that knows it; its descriptor, TLS and ring
 * stay. */
void net_conn_take_out(struct net_conn *c);

void net_conn_send(struct net_port *p, struct net_buf *b);
/* Bytes of our own, past the queue; what is not taken is lost. */
void net_conn_say(struct net_conn *c, struct bytes text);
/* What is queued goes to the kernel, or into the ring. */
void net_conn_flush(struct net_conn *c);
/* What is in the ring goes to the kernel. */
void net_conn_drain(struct net_conn *c);

/* One read or write; TLS may be NULL. *N bytes were moved when the result is CRYPTO_TLS_DONE. */
enum crypto_tls_io net_stream_read(int fd, struct ssl_st *tls, void *out, size_t cap, size_t *n);
enum crypto_tls_io net_stream_write(int fd, struct ssl_st *tls, struct bytes text, size_t *n);
/* Finds out within two minutes that nobody is there any more. -errno. */
int net_stream_keep_alive(int fd);

#endif
