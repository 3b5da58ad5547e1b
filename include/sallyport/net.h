/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net: packet buffers, UDP sockets that receive and send in batches, listeners for TCP and TLS,
 * DTLS sessions, and the pool of relay ports. Everything here belongs to one worker thread, but for
 * the functions that make a socket.
 */
#ifndef SALLYPORT_NET_H
#define SALLYPORT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>

struct ssl_ctx_st;
struct ssl_st;

/* ---- packet buffers ---- */

/*
 * One datagram on its way through the worker. Headers are put before and taken off in place:
 * there is always NET_HEADROOM before the received bytes and NET_TAILROOM behind the longest.
 */
#define NET_HEADROOM     128
#define NET_TAILROOM     64
#define NET_DATAGRAM_MAX 65535

struct net_buf {
	uint8_t *data; /* first byte of the packet as it stands now */
	uint32_t len;
	uint8_t tos;          /* DSCP and ECN as received; sent on as they are */
	uint8_t flags;        /* enum net_flag */
	struct addr addr;     /* received: the sender. To be sent: the destination */
	struct net_buf *next; /* in the queue or pool it is in */
};

enum net_flag {
	NET_DONT_FRAGMENT = 1, /* send with DF set, whatever the path MTU is believed to be */
};

/* ---- ports: what packets leave from and arrive at ---- */

struct net_port;

/* An ICMP error that a packet sent from a port has met (RFC 8656 §11.5). */
struct net_icmp {
	struct addr peer; /* destination of the packet that met it */
	uint8_t type, code;
	uint32_t info; /* next-hop MTU where the type has one, else 0 */
};

/*
 * A transport address of ours. One table of functions per kind, so that the code above is the same
 * for a socket, for a packet-socket back end and for a test's fake wire.
 */
struct net_port_ops {
	/* Takes B; it goes to b->addr, now or at the end of the turn. Losses are counted, not told.
	 */
	void (*send)(struct net_port *p, struct net_buf *b);
	/* Sends what is queued and frees the port. */
	void (*close)(struct net_port *p);
};

struct net_port {
	const struct net_port_ops *ops;
	uint32_t id; /* unique in its worker's life; 0 is never used */
	struct addr local;
	void *owner; /* the opener's; handed back with every packet */
	/* What depends on the port, counted by whoever does. A connection that nothing holds may
	 * not send long messages and ends when it is idle. */
	uint32_t n_holds;
	const char *host; /* server name the peer asked for by TLS; NULL: none. The port's */
	bool is_bare; /* a packet is the payload of a UDP datagram between LOCAL and its address */
	/* What the last datagram belonged to, kept by whoever looks that up (flow), so that the
	 * next one need not be. Brought into the cache while the kernel is asked. */
	void *recent;
};

static inline void net_port_send(struct net_port *p, struct net_buf *b)
{
	p->ops->send(p, b);
}

static inline void net_port_close(struct net_port *p)
{
	p->ops->close(p);
}

/* ---- the worker's sockets ---- */

enum net_counter {
	NET_C_RX_PACKETS,
	NET_C_RX_BYTES,
	NET_C_TX_PACKETS,
	NET_C_TX_BYTES,
	NET_C_RX_CALLS,
	NET_C_TX_CALLS,
	NET_C_RX_ERRORS,
	NET_C_TX_FULL,
	NET_C_TX_UNREACHABLE,
	NET_C_TX_TOO_BIG,
	NET_C_TX_ERRORS,
	NET_C_ICMP,
	NET_C_CONNECTIONS, /* gauge */
	NET_C_ACCEPTED_TCP,
	NET_C_ACCEPTED_TLS,
	NET_C_ACCEPTED_DTLS,
	NET_C_ACCEPTED_UDP,   /* sessions of balancers */
	NET_C_REFUSED_LIMIT,  /* over max_connections, or out of memory */
	NET_C_REFUSED_CLIENT, /* over per_client */
	NET_C_REFUSED_DESCRIPTORS,
	NET_C_END_CLIENT,
	NET_C_END_ERROR,
	NET_C_END_PROTOCOL,
	NET_C_END_HTTP,
	NET_C_END_HANDSHAKE,
	NET_C_END_PROXY,  /* a balancer's, without a right header in time */
	NET_C_END_SILENT, /* no handshake or no message in time */
	NET_C_END_IDLE,
	/* A session whose port or place another client has got, or the same client anew. */
	NET_C_END_REPLACED,
	NET_C_PROXY_DROPPED,
	NET_C_RX_MESSAGES,
	NET_C_TX_MESSAGES,
	NET_C_RX_MESSAGE_BYTES,
	NET_C_TX_MESSAGE_BYTES,
	NET_C_STREAM_FULL,
	NET_C_DTLS_COOKIES,
	NET_C_DTLS_MALFORMED,
	NET_C_DTLS_NO_SESSION,
	NET_C_RX_OVERFLOW,
	NET_C_STEER_FRAMES, /* sent as whole frames; of NET_C_TX_PACKETS */
	NET_C_STEER_RAW,    /* sent by raw sockets; of the same */
	NET_C_STEER_NO_PORT,
	NET_C_COUNT,
};
extern const struct metrics_group net_counters;

struct net; /* one per worker: buffer pool, receive batch, send queue */

/* CELLS: this worker's block of net_counters. NULL when out of memory. */
struct net *net_create(struct loop *loop, metrics_cell *cells);
void net_destroy(struct net *n); /* after its ports are closed */

/* A free buffer with full head- and tailroom, len 0; or NULL when all are queued: drop and count.
 */
struct net_buf *net_buf_get(struct net *n);
void net_buf_put(struct net *n, struct net_buf *b);

/*
 * What a port delivers. FN gets N buffers at once and owns them: each is sent on or put back.
 * The callbacks may close any port, the one that calls included.
 */
struct net_handler {
	void (*packets)(void *arg, struct net_port *p, struct net_buf **bufs, size_t n);
	/* NULL: ICMP errors are not asked for. */
	void (*icmp)(void *arg, struct net_port *p, const struct net_icmp *e);
	void *arg;
	/* The connection with PEER has ended and P goes when this returns; nothing can be sent any
	 * more. Not called for what net_port_close and net_listener_close end. NULL: not told. */
	void (*closed)(void *arg, struct net_port *p, const struct addr *peer);
};

/*
 * Makes a bound, non-blocking UDP socket; any thread. IPv6 sockets take no IPv4. With REUSEPORT the
 * socket joins the group on that address; without, it fails when anything holds the address.
 * RCVBUF_BYTES 0 keeps the kernel's default. -errno.
 */
int net_udp_socket(const struct addr *local, bool reuseport, uint32_t rcvbuf_bytes, int *fd);

/*
 * The last of the process's descriptors are kept back: relay ports leave some for connections, and
 * both leave some for the API, the operator's socket and files. The kernel gives the lowest number
 * that is free, so a descriptor's number says how many are in use. 0: FD may be used so; else it is
 * closed and -EMFILE returned. The limit is the one in force when N was made.
 */
enum net_descriptor_use {
	NET_FOR_RELAY,
	NET_FOR_CONNECTION
};
int net_descriptor_admit(const struct net *n, enum net_descriptor_use use, int fd);
/* The first number that USE may not have; INT_MAX: there is no limit. */
int net_descriptor_end(const struct net *n, enum net_descriptor_use use);

/* Takes FD (closed on failure too). -ENOMEM, -errno. */
int net_udp_open(struct net *n, int fd, const struct addr *local, const struct net_handler *h,
	void *owner, struct net_port **out);

/* Takes the socket out of its port: flushes, stops events, frees P and returns the descriptor. UDP
 * ports only. */
int net_udp_detach(struct net_port *p);

/* P has one datagram at a time, and is to be served without asking first which socket it is. UDP
 * ports only; without memory nothing changes. */
void net_udp_apart(struct net_port *p);

/* A second descriptor of P's socket, for the caller to close. UDP ports only. -errno. */
int net_udp_copy(struct net_port *p);

/* Sends all that is queued; runs by itself at the end of each turn. */
void net_flush(struct net *n);

/* Does nothing wait in any UDP socket of N, those of steered ports included? One system call. */
bool net_is_dry(const struct net *n);

/* ---- TCP and TLS (RFC 8656 §2.1) ---- */

/*
 * Each connection is a port: packets that come on it are whole STUN or ChannelData messages, and
 * what is sent on it gets the padding of RFC 8656 §12.5, whatever its destination says. What a slow
 * reader does not take is kept up to BUFFER_BYTES; beyond that whole messages are dropped.
 *
 * A client is an IPv4 address or an IPv6 network of 64 bits, behind a balancer the one it names. A
 * connection whose client neither answers nor takes anything ends after NET_DEAD_S, whatever holds
 * it.
 */
#define NET_DEAD_S           120
#define NET_HANDSHAKE_MS     (10 * 1000)
#define NET_FIRST_MESSAGE_MS (10 * 1000)
#define NET_IDLE_MS          (60 * 1000) /* without a message and without a hold */
#define NET_UNHELD_MAX       4096        /* longest message without a hold */
#define NET_BUFFER_MIN       (128 * 1024)

struct net_listener_config {
	int fd; /* of net_tcp_socket; taken, on failure too */
	struct addr local;
	struct ssl_ctx_st *tls; /* a count is taken; NULL: plain TCP */
	struct wheel *wheel;
	const struct clock *clock;
	uint32_t max_connections; /* of this net, DTLS included; further ones are closed */
	uint32_t per_client;      /* of them; 0: no limit. See NET_C_REFUSED_CLIENT */
	uint32_t buffer_bytes;    /* at least NET_BUFFER_MIN; the kernel's buffer is as large */
	/* Who begins each connection with a header of the PROXY protocol, before TLS: the client
	 * is the one it names. Not owned; NULL: nobody. */
	const struct prefix_set *balancers;
};

struct net_listener;

/* Makes a bound, non-blocking TCP socket that does not listen yet; any thread. REUSEPORT as for
 * UDP. -errno. */
int net_tcp_socket(const struct addr *local, bool reuseport, int *fd);

/* OWNER becomes that of every connection. -ENOMEM, -errno. */
int net_listener_open(struct net *n, const struct net_listener_config *c,
	const struct net_handler *h, void *owner, struct net_listener **out);
/* A second descriptor of its socket, for the caller to close. -errno. */
int net_listener_copy(struct net_listener *l);
/* Accepts no more and closes its socket; its connections go on. */
void net_listener_stop(struct net_listener *l);
/* Ends its connections too. */
void net_listener_close(struct net_listener *l);
/* New connections use TLS (a count is taken); running ones keep theirs. */
void net_listener_tls_set(struct net_listener *l, struct ssl_ctx_st *tls);

/* ---- UDP through load balancers ---- */

/*
 * A UDP listener whose balancers put a header of the PROXY protocol in front of what they pass on.
 * A balancer's session, that is its address and port, is a port with one client; it counts under
 * max_connections and ends like a connection: when it is idle and nothing holds it, to make room
 * for a newer one when nothing holds it, and when its balancer gives the port to another client.
 * What anybody else sends, and the balancer for itself, is net_udp_open's.
 */
struct net_proxy_config {
	int fd; /* of net_udp_socket; taken, on failure too */
	struct addr local;
	const struct prefix_set *balancers; /* not owned */
	/* The header is in a session's first datagram only; else in each, and one without is
	 * dropped. */
	bool is_first_only;
	struct wheel *wheel;
	const struct clock *clock;
	uint32_t max_connections, per_client;
};

struct net_proxy;

/* -ENOMEM, -errno. */
int net_proxy_open(struct net *n, const struct net_proxy_config *c, const struct net_handler *h,
	void *owner, struct net_proxy **out);
/* Ends its sessions too; not from its handler. */
void net_proxy_close(struct net_proxy *x);
/* The socket's own port. */
struct net_port *net_proxy_port(struct net_proxy *x);

/* ---- DTLS (RFC 7350) ---- */

/*
 * Sessions over a UDP port that its opener keeps and may use for other things as well. Each is a
 * port, whose packets are what its records hold, and has the times of a connection. Nothing is kept
 * of a client before it has shown by a cookie that it receives at its address (RFC 6347 §4.2.1),
 * and nothing it is sent until then is longer than what it sent.
 */
#define NET_DTLS_MTU 1200 /* longest datagram of a handshake */

struct net_dtls_config {
	struct net_port *port;  /* UDP; not owned, closed after this */
	struct ssl_ctx_st *tls; /* with is_datagram; a count is taken */
	struct wheel *wheel;
	const struct clock *clock;
	/* As in net_listener_config; a client over them gets no answer. */
	uint32_t max_connections, per_client;
};

struct net_dtls;

/* Is it DTLS, by a datagram's first byte (RFC 7983 §7)? */
static inline bool net_is_dtls(uint8_t first)
{
	return first >= 20 && first <= 63;
}

/* OWNER becomes that of every session. -ENOMEM. */
int net_dtls_create(struct net *n, const struct net_dtls_config *c, const struct net_handler *h,
	void *owner, struct net_dtls **out);
/* Ends its sessions too. */
void net_dtls_destroy(struct net_dtls *d);
/* A datagram that came to the port; B is taken. */
void net_dtls_receive(struct net_dtls *d, struct net_buf *b);
/* As net_listener_tls_set. */
void net_dtls_tls_set(struct net_dtls *d, struct ssl_ctx_st *tls);

/* ---- a connection between two owners ---- */

/* Bytes on their way out; private to net. */
struct net_ring {
	uint8_t *data; /* owned */
	uint32_t start, len, cap;
};

/*
 * A connection that no port holds: on its way to another listener, which may be another thread's,
 * or into a pipe. Plain data; whoever has it owns what it names.
 */
struct net_parcel {
	int fd;
	struct ssl_st *tls; /* NULL on plain TCP */
	struct addr peer;
	struct net_ring out; /* not written yet */
	uint8_t *in;         /* read, and to be handed up; owned */
	uint32_t in_len;
};

/*
 * Takes the connection out of its port, which is gone when this returns 0; nobody is told. May be
 * called while its messages are handed up: of those AGAIN comes first in the parcel, then what was
 * read behind them. -ENOMEM: nothing has changed.
 */
int net_conn_detach(struct net_port *p, struct bytes again, struct net_parcel *out);
/* P becomes a connection of L and its bytes are handed up, unless L is full, which is counted. A
 * TLS connection goes to a TLS listener. P is used up. */
void net_listener_adopt(struct net_listener *l, struct net_parcel *p);
/* Ends the connection. */
void net_parcel_drop(struct net_parcel *p);

/* ---- pipes: two connections, and what one says goes to the other (RFC 6062) ---- */

/*
 * A pipe begins as a connection with a peer, dialled or accepted, that is not read: what the peer
 * sends waits in the kernel. With net_pipe_join a client's connection becomes the other side, and
 * bytes go both ways as they come: none is dropped, because a side is read only while the other's
 * ring and the rate have room. The end of one direction is passed on and leaves the other be. When
 * a side fails, what was read from it is still written, for NET_LINGER_MS at most.
 */
#define NET_LINGER_MS (10 * 1000)

struct net_pipe;

enum net_end {
	NET_CLIENT,
	NET_PEER
};

/* One for all pipes and acceptors of a worker; outlives them. */
struct net_pipe_config {
	struct net *net;
	struct wheel *wheel;
	const struct clock *clock;
	uint32_t buffer_bytes; /* per side; at least NET_BUFFER_MIN; the kernel's is as large */
	/* A connection at the acceptor P: FD is the callee's. It may close P. */
	void (*accepted)(void *arg, struct net_port *p, int fd, const struct addr *peer);
	/* What was dialled is connected; or it has failed with -errno, and the pipe goes when this
	 * returns. OWNER as it was given. */
	void (*opened)(void *arg, void *owner, int rc);
	/* Both sides are closed, and the pipe goes when this returns. */
	void (*ended)(void *arg, void *owner);
	/* How many bytes may be read from END now; 0: none for a while. */
	size_t (*room)(void *arg, void *owner, enum net_end end);
	/* N bytes were read from END. */
	void (*passed)(void *arg, void *owner, enum net_end end, size_t n);
	void *arg;
};

/*
 * A port that listens on FD, of net_tcp_socket, which is taken. Nothing can be sent from it.
 * -ENOMEM, -errno.
 */
int net_acceptor_open(
	const struct net_pipe_config *c, int fd, const struct addr *local, struct net_port **out);

/*
 * Connects from LOCAL, which must have been bound with REUSEPORT where it is in use, to PEER. What
 * comes of it is told by OPENED, never before this returns. -ENOMEM, -errno.
 */
int net_pipe_dial(const struct net_pipe_config *c, const struct addr *local,
	const struct addr *peer, void *owner, struct net_pipe **out);
/* Around the accepted FD, which is taken. -ENOMEM. */
int net_pipe_take(const struct net_pipe_config *c, int fd, void *owner, struct net_pipe **out);
/*
 * CLIENT, a connection's port, is gone when this returns. What was queued on it goes out first,
 * what it has sent behind the message that is handed up goes to the peer first. -ENOMEM: close P.
 */
int net_pipe_join(struct net_pipe *p, struct net_port *client);
/* Closes both sides; nobody is told. */
void net_pipe_close(struct net_pipe *p);

/* ---- relay ports ---- */

/* The ports of one relay address that belong to one worker. */
struct net_ports {
	uint16_t first;
	uint32_t count;
	uint32_t n_used;
	uint64_t *used; /* bitmap */
	struct crypto_random_stock random;
};

/* Ports FIRST..LAST cut into N_SHARES runs of even start and length; this one gets run SHARE.
 * -ENOMEM, ERR_FULL when a run would be empty. */
int net_ports_init(
	struct net_ports *p, uint16_t first, uint16_t last, unsigned share, unsigned n_shares);
void net_ports_fini(struct net_ports *p);

enum net_ports_want {
	NET_PORT_ANY,
	NET_PORT_EVEN,
	NET_PORT_EVEN_PAIR
};
/* A free port picked from the CSPRNG, marked used (with its successor for a pair). ERR_FULL. */
int net_ports_take(struct net_ports *p, enum net_ports_want want, uint16_t *port);
/* PORT is in use already, by a socket that comes from elsewhere. ERR_CONFIG: not in this run;
 * ERR_EXISTS. */
int net_ports_claim(struct net_ports *p, uint16_t port);
void net_ports_put(struct net_ports *p, uint16_t port);
bool net_ports_has(const struct net_ports *p, uint16_t port); /* does PORT lie in this run? */

#endif
