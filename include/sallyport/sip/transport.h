/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sip/transport: SIP messages over UDP, TCP, TLS and WebSocket (RFC 3261 §18, RFC 7118): sockets,
 * connections and their limits, reuse, keep-alive (RFC 5626). It cuts messages and looks into none:
 * Via, routes and transactions are for those above.
 *
 * All of it belongs to one thread, that of its loop.
 */
#ifndef SALLYPORT_SIP_TRANSPORT_H
#define SALLYPORT_SIP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>
#include <sallyport/net.h>
#include <sallyport/sip/names.h>

static inline bool sip_transport_is_secure(enum sip_transport transport)
{
	return transport == SIP_TLS || transport == SIP_WSS;
}
/* 5060, 5061; 80 and 443 for WebSocket. */
uint16_t sip_transport_port(enum sip_transport transport);

/*
 * A flow (RFC 5626 §2): a connection, or a UDP socket. Its number is never given to another one
 * while the process lives, so one that is kept too long finds nothing.
 */
struct sip_flow {
	uint32_t index;
	uint32_t generation; /* 0: no flow */
};

static inline bool sip_flow_equal(struct sip_flow a, struct sip_flow b)
{
	return a.index == b.index && a.generation == b.generation;
}

/* In one number, for those who keep flows as such; 0 is no flow. */
static inline uint64_t sip_flow_pack(struct sip_flow f)
{
	return (uint64_t)f.generation << 32 | f.index;
}
static inline struct sip_flow sip_flow_unpack(uint64_t n)
{
	return (struct sip_flow){(uint32_t)n, (uint32_t)(n >> 32)};
}

/* Where a request goes: what RFC 3263 finds. */
#define SIP_NAME_LEN 256
struct sip_target {
	enum sip_transport transport; /* UDP, TCP or TLS: nobody is dialled by WebSocket */
	struct addr addr;
	/* The address of ours that it leaves from: of a UDP listener with its port; for
	 * connections the port counts not. Family NONE: any. */
	struct addr local;
	/* Over TLS: the host the caller wants to reach, a name or a numeric address, which the
	 * peer's certificate must bear (RFC 5922 §7). */
	char name[SIP_NAME_LEN];
	/* Over TLS: whom we show and whom we trust; NULL: the context of the layer. Not owned. Two
	 * contexts are of two groups: a connection serves the requests of its own group alone. */
	struct ssl_ctx_st *tls;
	uint32_t group;
	/* Over UDP: it is known to take nothing else, so that long requests go there as well. */
	bool has_udp_alone;
	/* What DNS says of it: that of the SRV record, with a number that its addresses share; and
	 * how long all that may be believed, UINT32_MAX without DNS. 0 for whoever does not choose.
	 */
	uint16_t priority, weight, host;
	uint32_t ttl_s;
};

/* ---- what is told ---- */

#define SIP_NO_LISTENER UINT32_MAX

struct sip_arrival {
	struct bytes message; /* a view */
	/* It is only the head of a message that cannot be taken, as sip_stream_frame says: whoever
	 * answers does so now, because the connection ends behind that. */
	bool is_refused;
	enum sip_transport transport;
	struct sip_flow flow;
	struct addr local, remote;
	uint32_t listener; /* index in the configuration; SIP_NO_LISTENER: we have dialled */
	/* What the peer's verified certificate says; NULL: it has shown none. A view. */
	const struct crypto_peer *peer;
};

/*
 * Callbacks may call everything but sip_transport_destroy. None is made before the function that
 * causes it has returned.
 */
struct sip_transport_user {
	void (*arrived)(void *arg, const struct sip_arrival *a);
	/* A message that had been taken under TOKEN cannot be sent: WHY is an error code. */
	void (*failed)(void *arg, uint64_t token, struct sip_flow flow, int why);
	/* The connection is gone, behind what of it has failed; WHY 0: in good order. */
	void (*closed)(void *arg, struct sip_flow flow, int why);
	/* An ICMP error has come for what was sent to PEER by UDP (RFC 3261 §18.4). */
	void (*unreachable)(void *arg, struct sip_flow flow, const struct addr *peer);
	/* May PEER have a connection to that listener, or over UDP an answer to STUN? Who may not
	 * is closed before he costs anything. NULL: anybody may. */
	bool (*admits)(void *arg, uint32_t listener, const struct addr *peer);
	/* The same when the handshake of TLS is done: PEER is what its verified certificate says,
	 * and has none when none was shown. NULL: whoever the context has let in. */
	bool (*trusts)(void *arg, uint32_t listener, const struct addr *remote,
		const struct crypto_peer *peer);
	void *arg;
};

/* ---- the object ---- */

struct sip_listener_config {
	enum sip_transport transport; /* UDP, TCP, TLS, WS or WSS */
	struct addr local;            /* port 0: the kernel picks */
	struct ssl_ctx_st *tls;       /* for TLS and WSS; a count is taken */
	uint32_t group;               /* of the requests that its connections may serve */
	/* WebSocket: the origins a browser's page may have (RFC 6454), "https://example.org".
	 * None: any. A client that names no origin is no browser, and let in. Not owned. */
	const char *const *origins;
	size_t n_origins;
};

/* Every limit is given; sip_transport_limits_default has what suits most. */
struct sip_transport_limits {
	uint32_t accepted; /* connections at once */
	/* Of one client, and as many dialled to it; a client is an IPv4 address or an IPv6 network
	 * of 64 bits. */
	uint32_t per_client;
	/* Of those: still in the handshake of TLS or WebSocket. One more ends the oldest of them:
	 * who has waited longest is the least likely to be anybody. */
	uint32_t unready;
	/* Of those: for whom nobody has vouched; in all and of one client. One more in all ends the
	 * oldest. 0: nobody needs it. */
	uint32_t strangers, strangers_per_client;
	uint32_t dialled;        /* connections at once; apart, so that strangers take none */
	uint32_t message_bytes;  /* longest message, headers and body */
	uint32_t datagram_bytes; /* longest request by UDP (RFC 3261 §18.1.1) */
	uint32_t queue_bytes;    /* of a connection: what its peer has not read */
	/* Begun messages and queues of all; a client has his share of them (common/share.h), once
	 * for connections that were accepted and once for those dialled, and: */
	uint64_t buffer_bytes;
	uint64_t client_bytes;   /* ... of one client's at most, each time */
	uint64_t stranger_bytes; /* ... of all for whom nobody has vouched */
	uint32_t connect_ms;
	uint32_t handshake_ms; /* TLS; and again for the upgrade of WebSocket */
	uint32_t message_ms;   /* from a message's first byte to its last */
	uint32_t write_ms;     /* with bytes to send and none taken */
	uint32_t idle_ms;      /* without a byte */
	uint32_t stranger_ms;  /* from accepting until somebody vouches */
};
extern const struct sip_transport_limits sip_transport_limits_default;

struct sip_transport_config {
	struct loop *loop;
	struct wheel *wheel;       /* that of LOOP */
	const struct clock *clock; /* that of LOOP */
	struct net *net;           /* of this thread; not owned */
	metrics_cell *cells;       /* this thread's block of sip_transport_counters */
	const struct sip_listener_config *listeners;
	uint32_t n_listeners;
	struct ssl_ctx_st
		*client_tls; /* for dialling; a count is taken; NULL: TLS is not dialled */
	struct sip_transport_limits limits;
	struct sip_transport_user user;
};

struct sip_transport_layer; /* opaque */

/* Opens every listener, or none: then WHY has a sentence with its address. -errno, -ENOMEM. */
#define SIP_TRANSPORT_WHY_LEN 256
int sip_transport_create(const struct sip_transport_config *c, struct sip_transport_layer **out,
	char why[SIP_TRANSPORT_WHY_LEN]);
/* Nobody is told. Not from a callback; NULL is fine. */
void sip_transport_destroy(struct sip_transport_layer *t);

/* The address that listener I is bound to. */
struct addr sip_transport_local(const struct sip_transport_layer *t, uint32_t i);
/* New connections of listener I use TLS, or new ones that are dialled; running ones keep theirs. A
 * count is taken. */
void sip_transport_tls_set(struct sip_transport_layer *t, uint32_t i, struct ssl_ctx_st *tls);
void sip_transport_client_tls_set(struct sip_transport_layer *t, struct ssl_ctx_st *tls);

/* ---- sending ---- */

/*
 * Sends M, which is copied, on FLOW; TO is the destination on a UDP socket and not looked at
 * otherwise. 0: taken, which on a connection means that FAILED will say so if it is not sent; TOKEN
 * 0 asks for no such word. ERR_NOT_FOUND: the flow is gone; ERR_FULL: the peer does not read, or
 * all buffers are full; -EPIPE: the connection is broken, CLOSED follows.
 */
int sip_transport_send(struct sip_transport_layer *t, struct sip_flow flow, const struct addr *to,
	struct bytes m, uint64_t token);

/*
 * Sends a request to TARGET: on a connection that is there, or on one that is dialled; M waits for
 * it. *FLOW is what it goes by. As above, and: ERR_TOO_LARGE: too long for UDP, use TCP (RFC 3261
 * §18.1.1); ERR_FULL: too many are dialled, or its client has too many; ERR_UNSUPPORTED: TLS
 * without a client context, or WebSocket; -EADDRNOTAVAIL: no UDP listener of that address or
 * family; -errno of the dialling.
 */
int sip_transport_request(struct sip_transport_layer *t, const struct sip_target *target,
	struct bytes m, uint64_t token, struct sip_flow *flow);

/* ---- flows ---- */

/*
 * The peer's Via says "alias" (RFC 5923 §5): requests to its address with PORT, that of the
 * sent-by, may go by FLOW from now on. Only over TLS with a verified certificate, and to names
 * which that bears, of its listener's group. ERR_NOT_FOUND, ERR_DENIED.
 */
int sip_transport_alias(struct sip_transport_layer *t, struct sip_flow flow, uint16_t port);

/*
 * Sends a ping on a TCP or TLS connection when so many milliseconds have gone by without a byte,
 * and ends it if nothing comes within ten seconds (RFC 5626 §4.4.1): where the peer has agreed (RFC
 * 6223). 0: no more. ERR_NOT_FOUND, ERR_UNSUPPORTED.
 */
int sip_transport_keep_alive(
	struct sip_transport_layer *t, struct sip_flow flow, uint32_t interval_ms);

/* Ends a connection; what it has not sent is lost. Nobody is told. */
void sip_transport_close(struct sip_transport_layer *t, struct sip_flow flow);
/* Reads no more of it, and ends it when all is sent; CLOSED follows. */
void sip_transport_end(struct sip_transport_layer *t, struct sip_flow flow);

/* Whoever has opened it is no stranger: it may stay, and has room that strangers cannot take. */
void sip_transport_vouch(struct sip_transport_layer *t, struct sip_flow flow);

/*
 * Does the certificate bear the host NAME, as RFC 5922 §7 wants it? A SIP URI in it speaks for
 * itself and silences its DNS names; no wildcard counts. A numeric NAME is looked for among the
 * addresses.
 */
bool sip_peer_is(const struct crypto_peer *peer, const char *name);

/* ---- counters ---- */

enum sip_transport_counter {
	SIP_TRANSPORT_C_RX_UDP, /* messages, in the order of enum sip_transport */
	SIP_TRANSPORT_C_RX_TCP,
	SIP_TRANSPORT_C_RX_TLS,
	SIP_TRANSPORT_C_RX_WS,
	SIP_TRANSPORT_C_RX_WSS,
	SIP_TRANSPORT_C_TX_UDP,
	SIP_TRANSPORT_C_TX_TCP,
	SIP_TRANSPORT_C_TX_TLS,
	SIP_TRANSPORT_C_TX_WS,
	SIP_TRANSPORT_C_TX_WSS,
	SIP_TRANSPORT_C_CONNECTIONS, /* gauge */
	SIP_TRANSPORT_C_BUFFERED,    /* gauge: bytes */
	SIP_TRANSPORT_C_ACCEPTED,
	SIP_TRANSPORT_C_DIALLED,
	SIP_TRANSPORT_C_REUSED,
	SIP_TRANSPORT_C_REFUSED_LIMIT,
	SIP_TRANSPORT_C_REFUSED_CLIENT,
	SIP_TRANSPORT_C_REFUSED_DESCRIPTORS,
	SIP_TRANSPORT_C_REFUSED_STRANGER,
	SIP_TRANSPORT_C_END_PEER,
	SIP_TRANSPORT_C_END_OWN,
	SIP_TRANSPORT_C_END_ERROR,
	SIP_TRANSPORT_C_END_CONNECT,
	SIP_TRANSPORT_C_END_HANDSHAKE,
	SIP_TRANSPORT_C_END_IDENTITY,
	SIP_TRANSPORT_C_END_UPGRADE,
	SIP_TRANSPORT_C_END_MALFORMED,
	SIP_TRANSPORT_C_END_TOO_LARGE,
	SIP_TRANSPORT_C_END_BUFFERS,
	SIP_TRANSPORT_C_END_SLOW,   /* a message, handshake or upgrade not done in time */
	SIP_TRANSPORT_C_END_UNREAD, /* the peer does not read */
	SIP_TRANSPORT_C_END_IDLE,
	SIP_TRANSPORT_C_END_PONG,
	SIP_TRANSPORT_C_END_CROWDED,  /* gave way to newer ones, in its handshake or a stranger */
	SIP_TRANSPORT_C_END_STRANGER, /* nobody has vouched for it in time */
	SIP_TRANSPORT_C_END_FLOOD,    /* pings without end */
	SIP_TRANSPORT_C_PINGS,        /* of peers: CRLF, STUN and WebSocket */
	SIP_TRANSPORT_C_DROPPED_UDP,
	SIP_TRANSPORT_C_FAILED, /* messages taken and not sent */
	SIP_TRANSPORT_C_FULL,   /* messages not taken */
	SIP_TRANSPORT_C_ICMP,
	SIP_TRANSPORT_C_LOCATED, /* next hops whose targets were found, and not */
	SIP_TRANSPORT_C_NOT_LOCATED,
	SIP_TRANSPORT_C_COUNT,
};
extern const struct metrics_group sip_transport_counters;

#endif
