/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SIP transports as the files of this folder share them.
 *
 *   transport.c  the object, its flows, sending      reuse.c     which connection a request takes
 *   listener.c   listening sockets, accepting        dial.c      making one
 *   udp.c        datagrams                           identity.c  what a certificate says
 *   conn.c       a connection: stages, events, end   conn_time.c its times
 *   conn_ws.c    the same over WebSocket      crowd.c      strangers, and who gives way
 *   conn_rx.c    bytes to messages                   conn_tx.c   messages to bytes
 */
#ifndef SIP_TRANSPORT_PRIV_H
#define SIP_TRANSPORT_PRIV_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include <sallyport/net/clients.h>
#include <sallyport/sip.h>
#include <sallyport/sip/transport.h>

/* What one read of a connection may bring: four full TLS records' worth. */
#define SIP_SCRATCH 65536

#define SIP_ACCEPTS_PER_ROUND 32

struct sip_conn;
struct ws;

struct sip_listener {
	struct sip_transport_layer *t; /* not owned */
	uint32_t index;
	enum sip_transport transport;
	struct addr local;
	struct ssl_ctx_st *tls; /* a count */
	uint32_t group;
	const char *const *origins;
	size_t n_origins;
	struct net_port *port; /* of UDP */
	int fd;                /* of the others; -1: none */
	struct event event;
	struct wheel_timer pause; /* set while descriptors are short */
};

/* Whose a flow's number is now. The first n_listeners of them are the listeners'. */
struct sip_slot {
	struct sip_conn *conn; /* NULL: nobody's, or a listener's */
	uint32_t generation;
	uint32_t next_free;
};

struct sip_transport_layer {
	struct sip_transport_config config;
	struct net_handler udp;
	struct sip_listener *listeners;
	uint32_t n_open; /* listeners */
	struct sip_slot *slots;
	uint32_t n_slots, free_slot;
	struct list conns;
	struct list unready, strangers; /* in the order in which they have become so */
	struct list doomed; /* broken while somebody else was at work; they end with the turn */
	struct loop_deferred reap;
	struct hash_key key;
	struct hash_table by_remote;                  /* connections that requests may take */
	struct net_clients clients, stranger_clients; /* of those that were accepted */
	struct net_clients dialled_clients;
	uint32_t n_accepted, n_dialled, n_unready, n_strangers;
	uint64_t buffered, stranger_buffered;
	struct log_limit log_accepted, log_dialled, log_strangers;
	struct sip_conn *serving; /* set to NULL when it goes under its own callback */
	uint8_t *scratch;
};

enum sip_stage {
	SIP_STAGE_DIALLING,
	SIP_STAGE_HANDSHAKE,
	SIP_STAGE_UPGRADE, /* of WebSocket */
	SIP_STAGE_OPEN,
};

/* A message that the kernel has not taken whole. */
struct sip_outgoing {
	struct list link;
	uint64_t token;
	uint32_t len, sent;
	uint8_t data[];
};

/* Bytes that are no whole message yet. While they are looked at they are out of the connection,
 * which may go, and not counted as its own. */
struct sip_rest {
	uint8_t *data;
	uint32_t len, cap, counted;
};

/* An address under which requests find a connection. */
struct sip_known_as {
	struct hash_node node;
	struct sip_conn *conn;
	struct addr remote;
	bool is_set;
};

struct sip_conn {
	struct sip_transport_layer *t; /* not owned */
	struct list link;              /* in t->conns */
	struct list doom;              /* in t->doomed, or alone */
	struct list crowd;             /* in t->unready or t->strangers, or alone */
	struct sip_flow flow;
	enum sip_transport transport;
	enum sip_stage stage;
	uint32_t listener; /* SIP_NO_LISTENER: dialled */
	struct addr local, remote;
	int fd;
	struct ssl_st *tls;       /* owned; NULL before an accepted client's first bytes */
	char *name;               /* what was dialled over TLS; owned, else NULL */
	struct ssl_ctx_st *dials; /* the context to do it with; counted, else NULL */
	uint32_t group;
	struct crypto_peer *peer;             /* owned; NULL: has shown no certificate */
	struct net_client *client, *stranger; /* STRANGER NULL: dialled, or vouched for */
	struct ws *ws;                        /* owned; NULL: no WebSocket, or not yet */
	struct sip_known_as known, alias;
	bool is_unready; /* counted as such */
	bool is_evicted; /* no longer counted at all */
	bool is_broken;  /* nothing is sent or read any more; WHY says why */
	bool is_last;    /* ends when all is sent */
	int why;
	enum sip_transport_counter why_counter;

	struct sip_stream stream;
	struct sip_rest rest;
	struct list queue; /* struct sip_outgoing */
	uint64_t queued;   /* bytes, of memory */
	uint64_t buffered; /* all that is counted as its own */

	uint64_t accepted_ms;
	uint64_t noise_ms;  /* when the pings that have come are forgotten */
	uint64_t stage_ms;  /* when the stage began */
	uint64_t active_ms; /* the last byte, either way */
	uint64_t heard_ms;  /* the last byte that came */
	/* When the message in REST began, or an accepted connection that has said nothing; 0:
	 * neither. */
	uint64_t partial_ms;
	uint64_t taken_ms; /* when the kernel last took something, or the queue began */
	uint64_t ping_ms;  /* when a ping was sent that nothing has answered; 0: none */
	uint32_t ping_every_ms;
	struct wheel_timer timer;
	struct event read_event, write_event;
};

static inline bool sip_conn_is_dialled(const struct sip_conn *c)
{
	return c->listener == SIP_NO_LISTENER;
}

static inline void sip_count(struct sip_transport_layer *t, unsigned row)
{
	metrics_add(t->config.cells, row, 1);
}

static inline uint64_t sip_now(const struct sip_transport_layer *t)
{
	return t->config.clock->mono_ms;
}

/* ROW is that of UDP; the others follow in their order. */
static inline void sip_count_message(
	struct sip_transport_layer *t, unsigned row, enum sip_transport transport)
{
	sip_count(t, row + (unsigned)transport - SIP_UDP);
}

/* N bytes more in buffers of C's. False: a bound is met. */
bool sip_buffer_take(struct sip_conn *c, size_t n);
void sip_buffer_give(struct sip_conn *c, size_t n);
/* NULL: it is gone, or none. */
struct sip_conn *sip_flow_conn(const struct sip_transport_layer *t, struct sip_flow f);

/* ---- listeners ---- */

/* Of config.listeners[I]; adds to n_open what it opens. -errno, -ENOMEM. */
int sip_listener_open(struct sip_transport_layer *t, uint32_t i);
void sip_listener_close(struct sip_listener *l);
void sip_udp_handler_init(struct sip_transport_layer *t);
int sip_udp_send(struct sip_listener *l, const struct addr *to, struct bytes m);
/* Options of every connection. -errno. */
int sip_socket_set(int fd);
/* The address it is bound to. -errno. */
int sip_socket_name(int fd, struct addr *out);

/* ---- connections ---- */

/* With the peer REMOTE as one of CLIENT's; L NULL: dialled. Takes FD; and CLIENT, unless it fails:
 * NULL, out of memory or of places. */
struct sip_conn *sip_conn_create(struct sip_transport_layer *t, struct sip_listener *l, int fd,
	const struct addr *remote, struct net_client *client);
/* Watches the descriptor from now on; STAGE begins. False: it cannot. */
bool sip_conn_begin(struct sip_conn *c, enum sip_stage stage);
/* It may carry messages: handshakes are done. False: C is gone. */
bool sip_conn_open(struct sip_conn *c);
/* Tells what fails and that it closes; C is gone. COUNTER says why for the counters. */
void sip_conn_end(struct sip_conn *c, enum sip_transport_counter counter, int why);
/* The same at the end of the turn, for whoever is called from elsewhere. */
void sip_conn_break(struct sip_conn *c, enum sip_transport_counter counter, int why);
/* Without a word. In the callback that gets its message, its memory stays until that returns. */
void sip_conn_drop(struct sip_conn *c);
/* Its memory alone: it has been taken out. */
void sip_conn_free(struct sip_conn *c);
/* Connects to TARGET. -errno, -ENOMEM, ERR_FULL. */
int sip_conn_dial(
	struct sip_transport_layer *t, const struct sip_target *target, struct sip_conn **out);
/* What came of connect(). C may be gone. */
void sip_conn_dialled(struct sip_conn *c);

/* Reads what there is, once; C may be gone. */
void sip_conn_receive(struct sip_conn *c);
/* Gives a message up. False: C is gone or ends. */
bool sip_conn_deliver(struct sip_conn *c, struct bytes message, bool is_refused);
/* Bytes behind those that wait. False: no room; R is as it was. */
bool sip_rest_put(struct sip_conn *c, struct sip_rest *r, struct bytes in);
/* Counted as C's, or not. False: no room. */
bool sip_rest_count(struct sip_conn *c, struct sip_rest *r);
void sip_rest_uncount(struct sip_conn *c, struct sip_rest *r);
void sip_rest_free(struct sip_conn *c, struct sip_rest *r);

/* WebSocket: the request that begins it; then frames. C may be gone. */
void sip_conn_upgrade(struct sip_conn *c, struct bytes in);
void sip_conn_read_frames(struct sip_conn *c, struct bytes in);
/* M as a frame, MALLOCED; -ENOMEM. */
int sip_conn_frame(struct bytes m, struct bytes *out);

/* Sends M or queues it. 0, ERR_FULL, -EPIPE. */
int sip_conn_send(struct sip_conn *c, struct bytes m, uint64_t token);
/* The same for bytes that are no message. */
int sip_conn_send_raw(struct sip_conn *c, struct bytes m);
/* What is queued goes to the kernel. False: C ends. */
bool sip_conn_drain(struct sip_conn *c);
/* Reads no more, and ends when all is sent. */
void sip_conn_end_sent(struct sip_conn *c, enum sip_transport_counter counter, int why);

/* ---- crowds ---- */

/* The connection C has been accepted: it begins as a stranger. ERR_FULL: its client has too many;
 * -ENOMEM. */
int sip_crowd_enter(struct sip_conn *c);
/* Its handshake begins; it is open. Somebody older gives way where there are too many. */
void sip_crowd_unready(struct sip_conn *c);
void sip_crowd_open(struct sip_conn *c);
/* It is among them no more. */
void sip_crowd_leave(struct sip_conn *c);
/* All places are taken: a stranger gives his up. False: there is none. */
bool sip_crowd_give_way(struct sip_transport_layer *t);
/* A ping has come. False: so many that C ends. */
bool sip_crowd_ping(struct sip_conn *c);

/* Sets the timer to what is due first. */
void sip_conn_arm(struct sip_conn *c);
void sip_conn_timer_init(struct sip_conn *c);

/* ---- reuse ---- */

/* Requests to REMOTE find C from now on. -ENOMEM. */
int sip_known_add(struct sip_conn *c, struct sip_known_as *k, const struct addr *remote);
void sip_known_remove(struct sip_known_as *k);
/* NULL: none that TARGET may take. */
struct sip_conn *sip_known_find(struct sip_transport_layer *t, const struct sip_target *target);

#endif
