/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TURN server as the files of this folder share it.
 *
 *   server.c     a message comes in: which handler; the tables
 *   request.c    reading requests, authentication, answers
 *   allocate.c   the Allocate request        refresh.c    Refresh
 *   alloc.c      an allocation's life        bind.c       CreatePermission, ChannelBind
 *   relays.c     relay ports                 data.c       Send, Data, ICMP
 *   reserve.c    reserved relay ports        peers.c      who may be sent to
 *   shared.c     one port for all            snapshot.c   what a reload replaces
 *   replies.c    answers per source prefix   tenant.c     whose rules are in force
 *   bursts.c     two log lines for many      redirect.c   new clients sent elsewhere
 *   binding.c    Binding, RFC 5780           shortage.c   no relay port to be had
 *   travel/      allocations that travel
 *   tcp.h        TCP relaying, and its files
 */
#ifndef TURN_PRIV_H
#define TURN_PRIV_H

#include <sallyport/turn.h>

#include "bursts.h"
#include "replies.h"
#include "shortage.h"

#define TURN_PERMISSION_MS    (300 * 1000) /* RFC 8656 §9 */
#define TURN_CHANNEL_MS       (600 * 1000) /* RFC 8656 §12 */
#define TURN_RESERVATION_MS   (30 * 1000)  /* RFC 8656 §7.2: at least 30 s */
#define TURN_PENDING_MS       (5 * 1000) /* an Allocate waits this long for a lease or a reservation */
#define TURN_TOKEN_LEN        8
#define TURN_RELAYS_MAX       2 /* one per family */
#define TURN_USERNAME_MAX     508
#define TURN_MTU_ANSWER       1024 /* no answer of ours is longer */
#define TURN_RESERVATIONS_MAX 1024 /* per worker */

/* Owned by its snapshot. */
struct turn_tenant {
	const struct turn_snapshot *snapshot; /* not owned */
	uint32_t id;
	char *name;
	struct auth_snapshot *auth; /* counted */
	struct prefix_set *peer_rules;
	uint64_t default_lifetime_s, max_lifetime_s;
	uint32_t max_allocations, subject_allocations;
	uint32_t allocation_kbps, subject_kbps, tenant_kbps;
};

/* A text that chooses a tenant: a server name, or a key id. */
struct turn_choice {
	char *text;
	const struct turn_tenant *tenant;
};

struct turn_snapshot {
	_Atomic uint32_t count;
	struct turn_config config; /* pointers into this snapshot's own copies */
	struct turn_relay_address *relays;
	struct turn_behavior *behaviors;
	struct turn_tenant *tenants; /* the default one first */
	size_t n_tenants;
	struct turn_choice *hosts, *kids; /* sorted */
	size_t n_hosts, n_kids;
	struct addr *listeners;
	char *software;
};

/* What is kept of a request while its answer is on the way. */
struct turn_origin {
	struct turn_client client;
	uint16_t method;
	uint8_t tid[STUN_TID_LEN];
	const struct turn_tenant *door; /* whose realm and nonces the client is told; not owned */
	uint32_t tenant; /* id: whose credential it is, until that is known the door's */
	bool has_fingerprint;
	bool is_signed; /* the answer carries integrity under KEY */
	enum crypto_hash integrity;
	struct stun_key key;
	struct crypto_hmac_key hmac; /* KEY, prepared for INTEGRITY, where is_signed */
};

/* One request under way through its handler. */
struct turn_request {
	struct turn_server *server;
	struct stun_msg msg;
	struct turn_origin origin;
	struct turn_alloc *alloc; /* of this 5-tuple, or NULL; not owned */
	struct bytes username;
	const struct turn_tenant *tenant; /* whose credential it is; not owned */
	struct auth_grant grant;          /* set for requests that no stored key vouches for */
};

/* What an Allocate asks for. */
struct turn_wish {
	uint8_t families;   /* bits TURN_V4, TURN_V6 */
	bool is_additional; /* both by ADDITIONAL-ADDRESS-FAMILY: one may fail */
	bool has_even_port, reserve_next;
	bool has_token;
	uint8_t token[TURN_TOKEN_LEN];
	bool has_lifetime;
	uint32_t lifetime_s;
	bool is_mobile; /* wants tickets (RFC 8016) */
	bool is_tcp;    /* RFC 6062 */
};
enum {
	TURN_V4 = 1,
	TURN_V6 = 2
};

/* A relayed transport address. */
struct turn_relay {
	struct net_port *port; /* owned; NULL: not allocated */
	uint64_t expires_ms;   /* each has its own lifetime (RFC 8656 §6) */
	uint8_t pool;          /* index of the relay address */
	uint8_t ports_worker;  /* whose port pool the number goes back to */
	bool is_shared;        /* PORT is the worker's, for all; not owned then */
	struct net_port *own;  /* owned, of a shared relay: for peers that are met by another too;
				  NULL until wanted */
};

/* An allocation on a shared port and a peer's transport address: the port they meet at. It lasts as
 * long as the permission for the peer, or a channel to it. */
struct turn_meeting {
	struct hash_node by_peer;
	struct list link;         /* in its allocation */
	struct turn_alloc *alloc; /* not owned */
	struct net_port *port;    /* not owned: the shared one, or the allocation's own */
	struct addr peer;         /* on the wire */
};

/* Where an allocation waits. */
struct turn_pending {
	struct hash_node by_ticket;
	uint64_t ticket;
	struct turn_alloc *alloc; /* not owned */
	struct turn_origin origin;
	struct turn_wish wish;
	struct wheel_timer timer;
};

/*
 * An allocation. Owned by the server's tuple table; owns its relays, permissions and channels.
 * There are very many: an idle one, with its socket's struct, should stay within 1 KiB.
 */
struct turn_alloc {
	struct hash_node by_tuple;
	struct turn_server *server; /* not owned */
	struct turn_client client;
	/* In the newest snapshot; not owned. DOOR has the realm its client knows, TENANT the rest.
	 */
	const struct turn_tenant *tenant, *door;
	struct turn_relay relays[TURN_RELAYS_MAX]; /* IPv4, IPv6 */
	struct list permissions;
	struct list channels;
	struct list meetings;    /* on shared ports only */
	struct list connections; /* with peers, of a TCP allocation */
	uint32_t n_permissions, n_channels, n_meetings, n_connections;
	struct wheel_timer timer; /* the first end of a relay's lifetime */
	struct flow_account account;
	struct turn_pending *pending; /* owned; NULL once granted */
	struct turn_mobile *mobile;   /* owned; NULL: its client has no tickets */
	uint64_t id;
	uint64_t created_ms;
	uint64_t refresh_until_s; /* the credential's end, with grace */
	uint32_t granted_s;       /* lifetime told in the Allocate's answer */
	uint16_t missing_code;
	uint8_t missing_family; /* raw family of a refused ADDITIONAL-ADDRESS-FAMILY, else 0 */
	bool is_tcp : 1;
	bool is_by_token : 1; /* its key is a token's; the username was that of the token's key */
	bool has_token : 1;
	bool has_node_lease : 1, has_tenant_lease : 1, has_subject_lease : 1;
	uint8_t subject[AUTH_SUBJECT_LEN];
	uint8_t jti[AUTH_JTI_LEN];
	uint8_t tid[STUN_TID_LEN]; /* of the Allocate, to know it again */
	uint8_t token[TURN_TOKEN_LEN];
	char kid[AUTH_KID_LEN + 1];
	struct stun_key key;
	uint16_t username_len;
	uint8_t username[];
};

struct turn_permission {
	struct list link;
	struct hash_node by_peer; /* in the server's guests, on a shared port */
	struct turn_alloc *alloc; /* not owned */
	struct addr peer;         /* on the wire; port 0 */
	struct wheel_timer timer;
};

struct turn_channel {
	struct list link;
	struct turn_alloc *alloc; /* not owned */
	struct flow flow;
	struct wheel_timer timer;
};

/* A port kept for the holder of a token (EVEN-PORT with R). */
struct turn_reservation {
	struct list link;
	struct turn_server *server; /* not owned */
	uint8_t token[TURN_TOKEN_LEN];
	struct turn_relay relay;
	struct wheel_timer timer;
};

struct turn_server {
	struct turn_server_config config;
	struct turn_snapshot *snapshot; /* counted */
	struct hash_key key;
	struct hash_table by_tuple;
	struct hash_table pending;
	struct net_ports *ports; /* one per relay address */
	struct net_port *
		*shared; /* owned, one per relay address; NULL: each allocation has its own */
	struct hash_table meetings; /* on shared ports, by the peer's transport address */
	struct hash_table guests;   /* permissions on shared ports, by IP address */
	struct hash_table mobiles;  /* by name */
	struct hash_table arrivals_by_name, arrivals_by_tuple; /* the first one owns */
	uint64_t next_arrival;
	size_t held_bytes; /* of all arrivals */
	struct list reservations;
	size_t n_reservations;
	struct hash_table connections; /* with peers, by id */
	uint64_t next_id;
	struct crypto_random_stock random; /* which relay address */
	uint8_t indication_tid[STUN_TID_LEN];
	struct turn_server *const *servers; /* all workers', see turn_server_join */
	struct loop *const *loops;
	struct turn_replies *replies;
	struct turn_bursts bursts;
	struct turn_shortage shortages[TURN_LACKS];
	struct turn_redirect *redirect; /* owned; NULL: new clients are welcome */
	bool is_ending;                 /* other workers are not written to any more */
};

/* What A holds. */
static inline struct turn_lease turn_lease_of(const struct turn_alloc *a)
{
	struct turn_lease l = {.tenant = a->tenant->id,
		.has_node = a->has_node_lease,
		.has_tenant = a->has_tenant_lease,
		.has_subject = a->has_subject_lease};

	memcpy(l.subject, a->subject, sizeof(l.subject));
	return l;
}

static inline bool turn_lease_is_held(const struct turn_lease *l)
{
	return l->has_node || l->has_tenant || l->has_subject;
}

static inline void turn_count(struct turn_server *s, unsigned row)
{
	metrics_add(s->config.cells, row, 1);
}

static inline void turn_tenant_count(
	struct turn_server *s, uint32_t tenant, enum turn_tenant_counter row, uint64_t n)
{
	unsigned place = tenant < TURN_TENANT_CELLS_MAX ? tenant : TURN_TENANT_CELLS_MAX - 1;

	if (s->config.tenant_cells)
		metrics_add(s->config.tenant_cells, place * TURN_T_COUNT + row, n);
}

static inline uint64_t turn_now_ms(const struct turn_server *s)
{
	return s->config.clock->mono_ms;
}

static inline uint64_t turn_now_s(const struct turn_server *s)
{
	return s->config.clock->wall_s;
}

/* request.c */

/* A refusal of CODE with the standard phrase. */
static inline struct stun_refusal turn_refuse(unsigned code)
{
	return (struct stun_refusal){(uint16_t)code, NULL};
}
#define TURN_GRANTED ((struct stun_refusal){0, NULL})

/* Sends the refusal of REQ, with what its code asks for; counts it. */
void turn_request_refuse(struct turn_request *req, struct stun_refusal r);
void turn_origin_wipe(struct turn_origin *o); /* its keys */
void turn_origin_refuse(struct turn_server *s, const struct turn_origin *o, struct stun_refusal r);
/*
 * Checks integrity, nonce and credential (RFC 8489 §9.2.4). Sets req->origin's key, and the grant
 * if the key is not the allocation's own.
 */
struct stun_refusal turn_request_authenticate(struct turn_request *req);
/* 420 if the request carries a comprehension-required attribute this server has no use for. */
bool turn_request_is_understood(
	const struct turn_request *req, uint16_t *types, size_t cap, size_t *n);

/* May an answer to this stranger leave? Counts it and tells of it, if not. */
bool turn_request_may_answer(struct turn_request *req, enum turn_reply kind);

/* An answer being written. The buffer goes out with turn_answer_send or back with it on overflow.
 */
struct turn_answer {
	struct turn_server *server;
	const struct turn_origin *origin;
	struct net_buf *buf;
	struct stun_writer w;
};
/* False: no buffer is free; counted. */
bool turn_answer_begin(struct turn_server *s, const struct turn_origin *o, enum stun_class class,
	struct turn_answer *a);
void turn_answer_send(struct turn_answer *a);

/* allocate.c */
void turn_handle_allocate(struct turn_request *req);
/* Goes on with a pending allocation: its lease is there. */
void turn_allocate_resume(struct turn_alloc *alloc);
void turn_allocate_fail(struct turn_alloc *alloc, struct stun_refusal r);
/* The reservation asked of another worker has come (or not: PORT is NULL). */
void turn_allocate_reserved(struct turn_alloc *alloc, struct turn_relay relay);
/* Seconds to grant for a wish; RFC 8656 §7.2, and never past the credential's end. */
uint32_t turn_lifetime(const struct turn_alloc *a, bool has_wish, uint32_t wish_s);

/* redirect.c */
/* True: new allocations go elsewhere at this time, and REQ has been told so. */
bool turn_request_redirect(struct turn_request *req, const struct turn_wish *w);

/* binding.c */
void turn_handle_binding(struct turn_request *req);
/* Have the attributes of RFC 5780 a meaning in REQ, where it has come in? */
bool turn_binding_takes_wishes(const struct turn_request *req);

/* refresh.c, bind.c, data.c */
void turn_handle_refresh(struct turn_request *req);
struct stun_refusal turn_refresh_read_lifetime(
	const struct turn_request *req, bool *has_wish, uint32_t *wish_s);
void turn_handle_create_permission(struct turn_request *req);
void turn_handle_channel_bind(struct turn_request *req);
void turn_handle_send(struct turn_server *s, const struct turn_client *c, const struct stun_msg *m,
	struct net_buf *b);

const uint8_t *turn_next_tid(struct turn_server *s);

/* tcp.c, tcp_bind.c */
struct turn_connection;
void turn_handle_connect(struct turn_request *req);
void turn_handle_connection_bind(struct turn_request *req);
/* WHY is for the log. */
void turn_connection_destroy(struct turn_connection *c, const char *why);
/* The Connects of A that wait come under A's door. */
void turn_connections_carry_over(struct turn_alloc *a);
/* Those with peers that the rules, which may be new, deny are closed. */
void turn_connections_judge(struct turn_alloc *a);
/* All connections of A, or those with peers of FAMILY when that is not ADDR_NONE. */
void turn_connections_close(struct turn_alloc *a, uint8_t family);

/* alloc.c */
struct turn_alloc *turn_alloc_find(struct turn_server *s, const struct turn_client *c);
struct turn_alloc *turn_alloc_create(struct turn_request *req);
/* An empty one; -ENOMEM is NULL. */
struct turn_alloc *turn_alloc_make(
	struct turn_server *s, const struct turn_client *c, struct bytes username);
/* It goes on elsewhere: nothing of it is given back but its memory and its descriptors. */
void turn_alloc_leave(struct turn_alloc *a);
/* Its client is there from now on. */
void turn_alloc_rehome(struct turn_alloc *a, const struct turn_client *c);
/* Starts to wait for the first end of a relay's lifetime. False: it has no relay. */
bool turn_alloc_wait(struct turn_alloc *a);
uint64_t turn_tuple_hash(const struct turn_server *s, const struct turn_client *c);
/* Whose it is. Once, before anything else may end it. */
void turn_alloc_tenants_set(
	struct turn_alloc *a, const struct turn_tenant *tenant, const struct turn_tenant *door);
/* All that is offloaded of its channels comes through us again, and its account is true. */
void turn_alloc_withdraw(struct turn_alloc *a);
/* WHY is for the log: "expired", "deleted", ... */
void turn_alloc_destroy(struct turn_alloc *a, const char *why);
/* It waits for nothing any more: what was kept for the answer goes. */
void turn_alloc_settle(struct turn_alloc *a);
/* For ONLY, or for all relays of A when it is NULL. */
void turn_alloc_lifetime_set(struct turn_alloc *a, struct turn_relay *only, uint32_t lifetime_s);
struct turn_relay *turn_alloc_relay(struct turn_alloc *a, uint8_t family);
void turn_alloc_relay_close(struct turn_alloc *a, struct turn_relay *r);

/* bind.c */
/* Has the request an allocation that is granted and may go on? False: it is refused. */
bool turn_request_is_usable(struct turn_request *req);
/* Reads an XOR-PEER-ADDRESS and judges it; *WIRE is the address to send to. */
struct stun_refusal turn_peer_read(
	struct turn_request *req, const struct stun_attr *attr, bool with_port, struct addr *wire);
struct turn_permission *turn_permission_find(struct turn_alloc *a, const struct addr *peer);
void turn_permission_destroy(struct turn_permission *p);
void turn_channel_destroy(struct turn_channel *c);
/* Permissions and channels of peers that the rules, which may be new, deny are dropped. */
void turn_bindings_judge(struct turn_alloc *a);
/* As they were elsewhere, with what is left of their time; NULL: no memory, no relay of the family,
 * or there already. Channels come first: a permission that is restored permits those of its peer.
 */
struct turn_permission *turn_permission_restore(
	struct turn_alloc *a, const struct addr *peer, uint32_t left_ms);
struct turn_channel *turn_channel_restore(
	struct turn_alloc *a, uint16_t number, const struct addr *peer, uint32_t left_ms);

/* relays.c */
struct turn_relay_want {
	enum net_ports_want ports;
	bool is_tcp; /* the port listens for peers */
};
/* Opens a port of FAMILY. The successor of an even one that has a pair is kept under a token. 0,
 * ERR_UNSUPPORTED (no such family), ERR_FULL. */
int turn_relay_open(struct turn_server *s, enum addr_family family,
	const struct turn_relay_want *want, struct turn_relay *out, uint8_t token[TURN_TOKEN_LEN]);
/* On the relay address POOL alone. ERR_FULL, -errno. TOKEN is for NET_PORT_EVEN_PAIR. */
int turn_relay_open_in(struct turn_server *s, size_t pool, const struct turn_relay_want *want,
	struct turn_relay *out, uint8_t *token);
/* The port NUMBER of POOL. */
int turn_relay_open_number(
	struct turn_server *s, size_t pool, uint16_t number, bool is_tcp, struct turn_relay *out);
void turn_relay_close(struct turn_server *s, struct turn_relay *r);
/* P travels, or has not arrived: frees it, while whoever adopts it has it. */
void turn_relay_leave(struct turn_server *s, struct net_port *p);
/* A port on its way that nobody adopts; its descriptor, if it has one, is closed by the caller. */
void turn_relay_give_up(struct turn_server *s, bool has_socket, const struct addr *local);
/* What the client is told of R, which has a port. */
struct addr turn_relay_advertised(const struct turn_server *s, const struct turn_relay *r);
/* Gives NUMBER of POOL, which nothing binds any more, back to the WORKER it belongs to. */
void turn_relay_number_put(struct turn_server *s, unsigned worker, uint8_t pool, uint16_t number);

/* travel/mobility.c */
/* Is it a Refresh with a ticket? Handled apart: RFC 8016 §3.2.2. */
bool turn_request_has_ticket(const struct stun_msg *m);
void turn_handle_move(struct turn_request *req);
/* A new ticket for A goes into the answer, if A is mobile. */
void turn_mobility_write_ticket(struct turn_alloc *a, struct stun_writer *w);
/* Its connection has ended. False: so does A. */
bool turn_mobility_survives(struct turn_alloc *a);
int turn_mobile_create(struct turn_alloc *a);
void turn_mobile_destroy(struct turn_mobile *m); /* NULL is fine */

/* travel/arrival.c */
/* Is a message of C to wait for an allocation on its way? Then it has been copied, or dropped. */
bool turn_arrival_holds(
	struct turn_server *s, const struct turn_client *c, const struct net_buf *b);
void turn_arrivals_closed(struct turn_server *s, const struct turn_client *c);
void turn_arrivals_drop(struct turn_server *s);
void turn_arrivals_carry_over(struct turn_server *s); /* they come under a new snapshot */
/* For flow_table_miss_set: ChannelData that no flow takes. */
bool turn_arrival_takes(void *server, struct net_port *p, struct net_buf *b);

/* reserve.c */
/* Binds NUMBER, which the caller has taken from the pool, and keeps it; -ENOMEM, ERR_FULL, -errno.
 */
int turn_reservation_create(
	struct turn_server *s, size_t pool, uint16_t number, uint8_t token[TURN_TOKEN_LEN]);
/* One that was made elsewhere; takes the relay's port on success. -ENOMEM. */
int turn_reservation_restore(struct turn_server *s, const uint8_t token[TURN_TOKEN_LEN],
	const struct turn_relay *relay, uint32_t left_ms);
/* The worker that made TOKEN; may be out of range in a forged one. */
static inline unsigned turn_token_worker(const uint8_t token[TURN_TOKEN_LEN])
{
	return token[0];
}
/* Takes the reserved relay out of this server's keeping; ERR_NOT_FOUND. */
int turn_reservation_take(
	struct turn_server *s, const uint8_t token[TURN_TOKEN_LEN], struct turn_relay *out);
/* Asks WORKER for it; the answer comes to turn_allocate_reserved. ERR_FULL. */
int turn_reservation_ask(struct turn_server *s, unsigned worker, uint64_t ticket,
	const uint8_t token[TURN_TOKEN_LEN]);
void turn_reservations_drop(struct turn_server *s);

/* shared.c */
/* The shared ports, where the configuration has them. -errno; closed with turn_shared_close. */
int turn_shared_open(struct turn_server *s);
void turn_shared_close(struct turn_server *s);
/* OUT is relayed through the shared port of POOL. */
void turn_shared_attach(struct turn_server *s, size_t pool, struct turn_relay *out);
/*
 * The port through which A and the peer at WIRE meet, which on a relay that is not shared is the
 * relay's. The first makes it out when they meet first; NULL when there is no relay of the family,
 * no port or too many meetings. The second only looks.
 */
struct net_port *turn_peer_port(struct turn_alloc *a, const struct addr *wire);
struct net_port *turn_peer_port_find(struct turn_alloc *a, const struct addr *wire);
/* Meetings with PEER's IP address end if neither a permission nor a channel holds them. */
void turn_shared_forget(struct turn_alloc *a, const struct addr *peer);
/* A permission begins and ends. -ENOMEM. */
int turn_shared_permit(struct turn_permission *p);
void turn_shared_forbid(struct turn_permission *p);
/* Whose is a datagram from PEER at the shared PORT? NULL: nobody's, or that cannot be said. */
struct turn_alloc *turn_shared_host(
	struct turn_server *s, const struct net_port *port, const struct addr *peer);

/* server.c */
struct turn_alloc *turn_pending_find(struct turn_server *s, uint64_t ticket);
/* What was decided of LEASE, asked for A: A holds it, or is refused so. */
struct stun_refusal turn_lease_hold(
	struct turn_alloc *a, const struct turn_lease *lease, const struct turn_lease_grant *grant);

/* tenant.c */
/* Fills in S's tenants and what chooses them. ERR_EXISTS, -ENOMEM; S is finished in any case. */
int turn_tenants_init(
	struct turn_snapshot *s, const struct turn_config *c, struct auth_snapshot *auth);
void turn_tenants_fini(struct turn_snapshot *s);
const struct turn_tenant *turn_tenant_find(
	const struct turn_snapshot *s, uint32_t id); /* or NULL */
/* The one whose credential a client brings to DOOR. */
const struct turn_tenant *turn_tenant_of(const struct turn_tenant *door, struct bytes username);

/* peers.c */
/* The rules of C, but with what P allows and denies. */
struct prefix_set *turn_peer_rules_create(
	const struct turn_config *c, const struct turn_peer_config *p);
/*
 * The address a client's PEER has on the wire: a relay address of this node by its advertised name
 * is reached at its local one. And back.
 */
struct addr turn_peer_to_wire(const struct turn_snapshot *s, const struct addr *peer);
struct addr turn_peer_from_wire(const struct turn_snapshot *s, const struct addr *wire);
/* With the port, where it matters: a node's own addresses. */
bool turn_peer_port_is_allowed(const struct turn_tenant *t, const struct addr *wire);
bool turn_peer_ip_is_allowed(const struct turn_tenant *t, const struct addr *wire);

#endif
