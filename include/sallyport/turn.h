/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * turn: the TURN server of one worker (RFC 8656): allocations, permissions, channels, lifetimes.
 *
 * It is fed packets and a clock and gives packets to ports; it opens relay ports through a
 * function it was given. So all of it runs in a unit test on a fake clock and a fake wire.
 */
#ifndef SALLYPORT_TURN_H
#define SALLYPORT_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/auth.h>
#include <sallyport/common.h>
#include <sallyport/crypto.h>
#include <sallyport/flow.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>
#include <sallyport/net.h>

/* ---- peers: where a client may send through the relay ---- */

/*
 * Denied unless named: loopback, unspecified, link-local, multicast, private, shared (CGNAT),
 * unique-local, reserved, and the node's own addresses; in IPv6 spellings that carry an IPv4
 * address (NAT64, 6to4, Teredo) the carried one counts too. A relay address of the node is open on
 * the relay ports, so that two clients of one node can meet.
 */
struct turn_peer_config {
	const struct prefix *allow;
	size_t n_allow;
	const struct prefix *deny; /* wins over allow at the same length */
	size_t n_deny;
	const struct addr *own; /* every address of the node */
	size_t n_own;
	const struct addr *listeners; /* transport addresses no relayed packet may go to */
	size_t n_listeners;
};

struct turn_relay_address {
	struct addr local;     /* bound */
	struct addr advertise; /* told to clients; equals local without NAT */
};

/*
 * Four UDP listeners of one family on two addresses with two ports each, for clients that find out
 * what their NAT does (RFC 5780). The place of one is a sum of the two below.
 */
enum {
	TURN_BEHAVIOR_PORT = 1,
	TURN_BEHAVIOR_ADDRESS = 2,
	TURN_BEHAVIOR_PLACES = 4,
};
struct turn_behavior {
	struct addr local[TURN_BEHAVIOR_PLACES];
	struct addr advertise[TURN_BEHAVIOR_PLACES]; /* told to clients */
};

/* ---- snapshot: what a reload replaces; immutable, counted ---- */

/*
 * A tenant has keys, limits and peers of its own. A client's tenant is that of the listener it came
 * in on, else the one with the server name it asks for by TLS, else the default. There the key that
 * a credential names may lead to another one (docs/decisions).
 */
struct turn_tenant_config {
	uint32_t id;                /* not 0; the same in every snapshot this tenant is in */
	const char *name;           /* for the log */
	struct auth_snapshot *auth; /* a count is taken; its kids are nobody else's */
	bool is_by_key;             /* its m1 credentials are good where the default's are */
	const char *const
		*hosts; /* server names that choose it, "*." in front stands for a label */
	size_t n_hosts;
	uint64_t default_lifetime_s;
	uint64_t max_lifetime_s;
	uint32_t max_allocations; /* on the whole node, by leases; 0 = no limit */
	uint32_t subject_allocations;
	uint32_t allocation_kbps;
	uint32_t subject_kbps;      /* all allocations of a subject together, each direction */
	uint32_t tenant_kbps;       /* all allocations of the tenant */
	const struct prefix *allow; /* in place of those of the default */
	size_t n_allow;
	const struct prefix *deny;
	size_t n_deny;
};
#define TURN_TENANT_DEFAULT 0 /* id of the tenant that struct turn_config itself describes */

struct turn_config {
	uint64_t default_lifetime_s;  /* 600 */
	uint64_t max_lifetime_s;      /* 3600 */
	uint32_t max_permissions;     /* per allocation */
	uint32_t max_channels;        /* per allocation */
	uint32_t max_allocations;     /* on the whole node, by leases; 0 = no limit */
	uint32_t subject_allocations; /* per credential subject when it states none; 0 = no limit */
	uint32_t allocation_kbps;     /* when the credential states none; 0 = no limit */
	uint32_t allocation_packets;  /* per second and direction; 0 = no limit */
	uint32_t subject_kbps;        /* all allocations of a subject together; 0 = no limit */
	uint32_t node_kbps;           /* all allocations of the node; 0 = no limit */
	uint32_t challenge_rate;  /* challenges/s of the node for one source prefix; 0 = no limit */
	uint32_t binding_rate;    /* Binding answers, the same */
	uint32_t max_connections; /* with peers, per TCP allocation */
	bool tcp_relay;           /* TCP may be relayed (RFC 6062) */
	bool strict_channels;     /* channel numbers of RFC 8656 only */
	bool mobility;            /* clients may ask for tickets (RFC 8016) */
	bool icmp_errors;         /* clients are told of those, RFC 8656 §11.5 */
	const char *software;     /* SOFTWARE attribute, NULL: none */
	struct turn_peer_config peers;
	const struct turn_tenant_config *tenants; /* beside the default one */
	size_t n_tenants;
	const struct turn_behavior *behaviors;
	size_t n_behaviors;
	/* Fixed for the life of the process; a snapshot repeats them. */
	const struct turn_relay_address *relays;
	size_t n_relays;
	uint16_t first_port, last_port;
	/* Not 0: allocations share this port, plus the worker's number, on each relay address. */
	uint16_t shared_port;
};

struct turn_snapshot;

/* Copies C and takes a count of AUTH, which is the default tenant's. ERR_CONFIG, -ENOMEM. */
int turn_snapshot_create(
	const struct turn_config *c, struct auth_snapshot *auth, struct turn_snapshot **out);
struct turn_snapshot *turn_snapshot_get(struct turn_snapshot *s);
void turn_snapshot_put(struct turn_snapshot *s);

/* What it was made of, as far as it is plain data; as long as S lives. */
const struct turn_config *turn_snapshot_config(const struct turn_snapshot *s);

/* What S says of a rate that allocations share: FLOW_LIMIT_SUBJECT, _TENANT (of this tenant) or
 * _NODE. In kbit/s; 0: no limit, or no such tenant. */
uint32_t turn_snapshot_kbps(const struct turn_snapshot *s, enum flow_limit l, uint32_t tenant);

/* May a client of the default tenant send to PEER? For checks of a configuration; the server asks
 * the same. */
bool turn_peer_is_allowed(const struct turn_snapshot *s, const struct addr *peer);

/* ---- server ---- */

/* What a relay port could not be had for want of. */
enum turn_lack {
	TURN_LACK_DESCRIPTORS,
	TURN_LACK_PORTS, /* the range of every address is in use */
	TURN_LACK_OTHER, /* the kernel's refusal: memory, an address that is gone */
	TURN_LACKS,
};

enum turn_counter {
	TURN_C_BINDING,
	TURN_C_BINDING_CLASSIC,
	TURN_C_BINDING_CHANGED, /* of both: from another listener, or to another port */
	TURN_C_ALLOCATIONS,     /* gauge */
	TURN_C_ALLOCATE_OK,
	TURN_C_REFRESH_OK,
	TURN_C_PERMISSION_OK,
	TURN_C_CHANNEL_OK,
	TURN_C_CONNECT_OK,
	TURN_C_CONNECTION_BIND_OK,
	TURN_C_EXPIRED,
	TURN_C_DELETED,
	TURN_C_REVOKED,
	TURN_C_CLOSED, /* with the client's connection */
	TURN_C_KILLED, /* by an operator */
	TURN_C_TENANT_REMOVED,
	TURN_C_CHALLENGE, /* 401 to a request without credentials */
	TURN_C_STALE_NONCE,
	TURN_C_REDIRECTED, /* 300 */
	TURN_C_REFUSED_400,
	TURN_C_REFUSED_401,
	TURN_C_REFUSED_403,
	TURN_C_REFUSED_405,
	TURN_C_REFUSED_420,
	TURN_C_REFUSED_437,
	TURN_C_REFUSED_440,
	TURN_C_REFUSED_441,
	TURN_C_REFUSED_442,
	TURN_C_REFUSED_443,
	TURN_C_REFUSED_446,
	TURN_C_REFUSED_447,
	TURN_C_REFUSED_486,
	TURN_C_REFUSED_500,
	TURN_C_REFUSED_508,
	TURN_C_AUTH_FAILURE, /* + enum auth_reason - 1 */
	TURN_C_AUTH_FAILURE_LAST = TURN_C_AUTH_FAILURE + AUTH_REASON_COUNT - 2,
	TURN_C_MALFORMED,
	TURN_C_UNKNOWN_MESSAGE,
	TURN_C_SEND_DROPPED, /* Send indication without permission, or malformed */
	TURN_C_PEER_DROPPED, /* datagram of a peer without permission, or too long for a message */
	TURN_C_NO_BUFFER,
	TURN_C_NO_RELAY_PORT, /* + enum turn_lack */
	TURN_C_NO_RELAY_PORT_LAST = TURN_C_NO_RELAY_PORT + TURN_LACKS - 1,
	TURN_C_LIMITED_CHALLENGE, /* refusals to strangers, over the rate of their prefix */
	TURN_C_LIMITED_BINDING,
	TURN_C_SHARED_OWN_PORT,
	TURN_C_SHARED_AMBIGUOUS,
	TURN_C_MOVED_HERE,   /* an allocation to another 5-tuple of its worker */
	TURN_C_MOVED_IN,     /* to this worker from another one */
	TURN_C_MOVE_FAILED,  /* it stays where it was */
	TURN_C_MOVE_LOST,    /* it could not be taken back either, and has ended */
	TURN_C_NO_CLIENT,    /* datagram for a client whose connection has ended */
	TURN_C_HELD_DROPPED, /* message that was to wait for an allocation */
	TURN_C_CONNECTIONS,  /* gauge: with peers, RFC 6062 */
	TURN_C_CONNECTION_ATTEMPT,
	TURN_C_CONNECTION_NOT_PERMITTED,
	TURN_C_CONNECTION_LIMIT,
	TURN_C_CONNECTION_NO_MEMORY,
	TURN_C_CONNECTION_UNBOUND,
	TURN_C_CONNECTION_MOVED,
	TURN_C_CONNECTION_LOST,
	TURN_C_COUNT,
};
extern const struct metrics_group turn_counters;

/*
 * What is counted for each tenant, in cells of their own: those of a tenant begin at TURN_T_COUNT
 * times its id, and all whose id is beyond the last share the last ones.
 */
enum turn_tenant_counter {
	TURN_T_ALLOCATIONS, /* gauge */
	TURN_T_ALLOCATE_OK,
	TURN_T_REFUSED, /* but for challenges */
	TURN_T_TO_PEER, /* bytes relayed by allocations that have ended */
	TURN_T_TO_CLIENT,
	TURN_T_COUNT,
};
#define TURN_TENANT_CELLS_MAX 257 /* tenants with cells; the last are those of all others */

struct turn_server;

/* A client as a listener sees it. */
struct turn_client {
	struct net_port *port;
	struct addr addr;
	enum auth_location location : 8;
	enum auth_transport transport : 8;
	uint32_t tenant; /* id of the listener's or the server name's */
};

/* What an allocation is counted under on the whole node. Subjects are those of their tenant. */
struct turn_lease {
	uint32_t tenant;
	bool has_node;    /* counts for the node's limit */
	bool has_tenant;  /* for the tenant's limit or rate */
	bool has_subject; /* for the subject's */
	uint8_t subject[AUTH_SUBJECT_LEN];
};

/* A lease asked of whoever counts: granted for all that it has, or not at all. */
struct turn_lease_ask {
	unsigned worker;
	uint64_t ticket;
	struct turn_lease lease;
	uint32_t node_limit, tenant_limit, subject_limit; /* allocations; 0 = no limit */
};

/* The answer. The buckets are the counter's; they live as long as the lease. */
struct turn_lease_grant {
	uint16_t code; /* 0: granted; 486: tenant or subject have enough; 508: the node has */
	struct flow_bucket *tenant, *subject; /* NULL: no rate limit */
};

/* Relay ports for UDP. */
struct turn_udp_wire {
	/*
	 * Opens a relay port on LOCAL and has its packets brought to turn_from_peer and turn_icmp.
	 * The server sets the port's owner. -EADDRINUSE makes it try another port.
	 */
	int (*open)(void *arg, const struct addr *local, struct net_port **out);
	/*
	 * A port on its way to another worker or process is the descriptor of its socket, or none
	 * (-1) where it has no socket: then its address is enough for who adopts it, and it stays
	 * taken until somebody does.
	 */
	/* Out of P, which is freed. The descriptor, or -1. */
	int (*release)(void *arg, struct net_port *p);
	/* Into a new port; FD is taken. */
	int (*adopt)(void *arg, int fd, const struct addr *local, struct net_port **out);
	/* A second descriptor in FD, or -1; it stays open when P closes. -errno. */
	int (*copy)(void *arg, struct net_port *p, int *fd);
	/* The client of P is on a connection. NULL: that makes no difference. */
	void (*for_stream)(void *arg, struct net_port *p);
	void *arg;
};

/*
 * TCP towards peers (RFC 6062): acceptors and pipes as in net.h, whose events are brought to
 * turn_tcp_*. A pipe's owner is the connection it is made for.
 */
struct turn_connection;
struct turn_moved {
	struct net_parcel parcel;
	unsigned listener; /* which one it came in on; the same on all workers */
};
struct turn_tcp_wire {
	/* A port that listens on LOCAL. -EADDRINUSE makes the server try another one. */
	int (*listen)(void *arg, const struct addr *local, struct net_port **out);
	int (*dial)(void *arg, const struct addr *local, const struct addr *peer,
		struct turn_connection *owner, struct net_pipe **out);
	int (*take)(void *arg, int fd, struct turn_connection *owner, struct net_pipe **out);
	int (*join)(void *arg, struct net_pipe *p, struct net_port *client);
	void (*close)(void *arg, struct net_pipe *p);
	/* A client's connection on its way to another worker, with the message AGAIN; and what came
	 * from another, whose message is then brought to turn_from_client. */
	int (*detach)(
		void *arg, struct net_port *client, struct bytes again, struct turn_moved *out);
	void (*adopt)(void *arg, struct turn_moved *m);
	void *arg;
};

struct turn_server_config {
	uint8_t ticket_key[CRYPTO_SEAL_KEY_LEN]; /* one for all workers */
	const struct clock *clock;
	struct wheel *wheel; /* its callbacks' ARG is not used */
	struct net *net;
	struct flow_table *flows;
	metrics_cell *cells;
	metrics_cell *tenant_cells; /* TURN_T_COUNT * TURN_TENANT_CELLS_MAX; NULL: not counted */
	unsigned worker, n_workers;
	struct turn_snapshot *snapshot; /* a count is taken */

	const struct turn_udp_wire *udp;
	/* The UDP listener on LOCAL, or NULL. */
	struct net_port *(*listener_find)(void *arg, const struct addr *local);

	const struct turn_tcp_wire *tcp; /* NULL: TCP is not relayed, whatever the snapshot says */

	/*
	 * Leases. TRY decides at once, or does nothing and returns false (NULL: always); then ASK
	 * returns 0 and answers later with turn_lease_answer, or a negative code. PUT gives a
	 * granted lease back and cannot fail. NULL: nothing is limited by them.
	 */
	bool (*lease_try)(
		void *arg, const struct turn_lease_ask *ask, struct turn_lease_grant *grant);
	int (*lease_ask)(void *arg, const struct turn_lease_ask *ask);
	void (*lease_put)(void *arg, const struct turn_lease *lease);
	void *arg;

	struct flow_bucket *node_bucket; /* of all workers, not owned; may be NULL */
};

/* -ENOMEM, ERR_FULL when the port range is too small for the workers, -errno of a shared port. */
int turn_server_create(const struct turn_server_config *c, struct turn_server **out);
/* Ends every allocation without a word to the clients. */
void turn_server_destroy(struct turn_server *s);

/* From now on requests are judged by SNAPSHOT (a count is taken); allocations it revokes end at
 * once, and those whose tenant is not in it. */
void turn_server_snapshot(struct turn_server *s, struct turn_snapshot *snapshot);

/*
 * The other workers, so that a reservation made on one can be used on any: called once, before
 * the threads run. SERVERS and LOOPS have n_workers entries.
 */
void turn_server_join(
	struct turn_server *s, struct turn_server *const *servers, struct loop *const *loops);

/* Id of the tenant that the server name HOST chooses; that of the default when none does. */
uint32_t turn_server_tenant(const struct turn_server *s, const char *host);

/* A STUN message from a client; B is taken. */
void turn_from_client(struct turn_server *s, const struct turn_client *c, struct net_buf *b);
/* The connection P with CLIENT has ended, and its allocation with it (RFC 8656 §3.1). */
void turn_client_closed(struct turn_server *s, struct net_port *p, const struct addr *client);
/* A datagram for which there is no flow, at a relay port the server has opened; B is taken. */
void turn_from_peer(struct turn_server *s, struct net_port *p, struct net_buf *b);
void turn_icmp(struct turn_server *s, struct net_port *p, const struct net_icmp *e);
/* A connection at a listening relay port; FD is taken. */
void turn_tcp_accepted(struct turn_server *s, struct net_port *p, int fd, const struct addr *peer);
/* What a pipe tells, as in net.h. */
void turn_tcp_opened(struct turn_connection *c, int rc);
void turn_tcp_ended(struct turn_connection *c);
size_t turn_tcp_room(struct turn_connection *c, enum net_end from);
void turn_tcp_passed(struct turn_connection *c, enum net_end from, size_t n);
/* ASK as it was asked. */
void turn_lease_answer(struct turn_server *s, const struct turn_lease_ask *ask,
	const struct turn_lease_grant *grant);

size_t turn_server_allocations(const struct turn_server *s);

#endif
