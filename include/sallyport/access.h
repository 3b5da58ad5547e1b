/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * access: the SIP door of an edge node. Clients outside speak to it over TLS or WebSocket, the
 * front end inside over mutual TLS, and it passes requests and responses between the two (RFC 3261
 * §16.11, RFC 3327, RFC 5626). What is inside does not show outside: Via, Record-Route and Contact
 * of there leave as sealed tokens. It keeps no transaction, no dialog and no user; only a few words
 * for each connection of a client.
 *
 * No sockets: messages are handed in, and leave through a carrier. All of it is of one thread.
 */
#ifndef SALLYPORT_ACCESS_H
#define SALLYPORT_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/metrics.h>
#include <sallyport/sip.h>

/* ---- what comes and goes ---- */

/* Connections are numbers of the carrier's (sip_flow_pack), apart for each side; 0 is none. */
struct access_arrival {
	struct bytes message; /* a view */
	uint64_t flow;
	struct addr remote;
	/* Of the outside: which of the config's faces it came in at. */
	uint32_t face;
	/* Of the inside: what the peer's verified certificate says; a view. */
	const struct crypto_peer *peer;
};

/* Where in the inside a message goes. */
struct access_way {
	uint64_t flow;    /* first choice: this connection; 0: none */
	struct addr peer; /* second: the front end's node with this address; family NONE: any */
};

/* Must not call this folder. Results are 0 or a negative code: the message cannot leave. */
struct access_carrier {
	int (*send_outside)(void *arg, uint64_t flow, struct bytes message);
	/* Third choice: whichever node of the front end is up. */
	int (*send_inside)(void *arg, const struct access_way *to, struct bytes message);
	/*
	 * The front end asks for credentials (SERVICE with MRAS_XML_TYPE). It is answered later, by
	 * access_service_answer with a copy of the same bytes. Not 0: it cannot be taken now.
	 */
	int (*service)(void *arg, const struct access_arrival *a, struct bytes document);
	/* The front end has taken in what came by this connection of a client's: he is no stranger
	 * any more, and may stay. */
	void (*vouch)(void *arg, uint64_t flow);
	/* Ends a connection of a client's when what was sent by it is gone. */
	void (*end)(void *arg, uint64_t flow);
	void *arg;
};

/* ---- configuration ---- */

/* How one side names the door: host and port of its URIs and of its Via. */
struct access_face {
	const char *host; /* a name, or an address without brackets */
	uint16_t port;
	enum sip_transport transport; /* TLS, WS or WSS */
};

/* What may change while it runs. Plain data, borrowed until others take their place. */
struct access_rules {
	const char *const *domains; /* served, in any case of letters */
	size_t n_domains;
	/* Requests a second: of the clients of one network (IPv4 /24, IPv6 /48) whose connections
	 * have not registered, and of one connection that has. 0: no limit. */
	uint32_t stranger_rate, client_rate;
	const char *media_relay; /* URI told to clients that register; NULL: none */
	uint32_t flow_timer_s;   /* told to clients with "outbound" (RFC 5626 §4.4); 0: nothing */
	uint32_t retry_after_s;  /* with every 503 */
};

#define ACCESS_KEY_LEN CRYPTO_SEAL_KEY_LEN
struct access_config {
	const struct clock *clock;   /* not owned; so are all pointers here */
	metrics_cell *cells;         /* ACCESS_C_COUNT of them */
	uint8_t key[ACCESS_KEY_LEN]; /* of the tokens; random */
	struct hash_key hash;        /* random */
	struct access_carrier carrier;
	const struct access_face *outside; /* by the arrivals' FACE */
	size_t n_outside;
	struct access_face inside;
	size_t max_flows; /* connections of clients that are remembered */
	const struct access_rules *rules;
};

/* ---- the object ---- */

struct access;

struct access *access_create(const struct access_config *c); /* NULL: out of memory */
void access_destroy(struct access *a);                       /* NULL is fine */
void access_rules_set(struct access *a, const struct access_rules *r);
/* Clients begin no dialog and no registration: they get 503 and Retry-After. */
void access_drain_set(struct access *a, bool is_on);

/* A whole message, or the head of one that is refused, has come from a client. */
void access_receive_outside(struct access *a, const struct access_arrival *from);
/* From a node of the front end: whose certificate was checked by whoever calls. */
void access_receive_inside(struct access *a, const struct access_arrival *from);
/* A client's connection is gone: requests for it get 430 (RFC 5626 §5.3). */
void access_flow_closed(struct access *a, uint64_t flow);

/*
 * Answers a SERVICE, whose bytes MESSAGE are those that came, with STATUS and the document BODY of
 * MRAS_XML_TYPE (may be empty). RETRY_AFTER_S 0: not said.
 */
struct access_answer {
	struct bytes message;
	uint64_t flow;
	struct addr remote;
	unsigned status;
	unsigned retry_after_s;
	struct bytes body;
};
void access_service_answer(struct access *a, const struct access_answer *r);

/* ---- counters ---- */

enum access_counter {
	ACCESS_C_FLOWS,      /* gauges */
	ACCESS_C_REGISTERED, /* of these, those over which somebody has registered */
	ACCESS_C_NODES,      /* of the front end: those that are up; the carrier's to count */
	ACCESS_C_REQUESTS_INWARD,
	ACCESS_C_REQUESTS_OUTWARD,
	ACCESS_C_RESPONSES_INWARD,
	ACCESS_C_RESPONSES_OUTWARD,
	ACCESS_C_SERVICE,
	ACCESS_C_REFUSED_MALFORMED,
	ACCESS_C_REFUSED_RATE,
	ACCESS_C_REFUSED_DOMAIN,
	ACCESS_C_REFUSED_ROUTE,
	ACCESS_C_REFUSED_TOKEN,
	ACCESS_C_REFUSED_EARLY, /* a token's user has not registered yet */
	ACCESS_C_REFUSED_HOPS,
	ACCESS_C_REFUSED_LOOP,
	ACCESS_C_REFUSED_EXTENSION,
	ACCESS_C_REFUSED_DRAINING,
	ACCESS_C_REFUSED_UNAVAILABLE,
	ACCESS_C_REFUSED_FLOW,
	ACCESS_C_REFUSED_LARGE,
	ACCESS_C_REFUSED_SERVICE,
	ACCESS_C_DROPPED_MALFORMED,
	ACCESS_C_DROPPED_RESPONSE,
	ACCESS_C_DROPPED_ROUTE, /* responses that begin a dialog without our Record-Route */
	ACCESS_C_UNSENT,
	ACCESS_C_ENDED, /* connections, for all that was refused of them */
	ACCESS_C_COUNT
};
extern const struct metrics_group access_counters;

#endif
