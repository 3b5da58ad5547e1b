/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TURN servers on the fake wire, driven by a script: one byte picks a step, the next ones are its
 * arguments. The clients sign what they send, so that the script reaches what stands behind the
 * password, and remember what they were given. After each step every packet on the wire is looked
 * at, after the last one everything must be back: ports, buffers, timers, leases, memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../turn/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS   4
#define WORKERS   2
#define RELAYED   8 /* the last relayed addresses that were given */
#define STEPS_MAX 200
#define VALUE_MAX 24
#define ATTRS_MAX 6

struct script {
	const uint8_t *at, *end;
};

struct world {
	struct script in;
	unsigned n_workers;
	struct fixture *w[WORKERS];
	struct client clients[CLIENTS];
	struct addr relayed[RELAYED];
	unsigned n_relayed;
	uint8_t token[8];
	char ticket[32]; /* the last one that was given */
	uint32_t connection;
	bool is_answered[WORKERS][LEASES_MAX];
	size_t n_granted[WORKERS];
};

static const char *const peers[] = {"198.51.100.7:5000", "198.51.100.7:5001", "198.51.100.8:5000",
	"[2001:db8:2::7]:5000", "127.0.0.1:80", LISTENER4, RELAY4 ":50000", RELAY4 ":22",
	"[64:ff9b::7f00:1]:80", "[2002:a00:1::1]:80", "198.51.100.9:0", "[2001:db8:2::8]:5000"};

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static uint8_t next(struct world *x)
{
	return x->in.at < x->in.end ? *x->in.at++ : 0;
}

/* Up to MAX bytes of the script, as many as its next one says. */
static struct bytes next_bytes(struct world *x, size_t max)
{
	size_t left, len = next(x);
	len = len < max ? len : max;
	left = (size_t)(x->in.end - x->in.at);
	len = len < left ? len : left;
	x->in.at += len;
	return bytes_of(x->in.at - len, len);
}

static struct client *next_client(struct world *x)
{
	return &x->clients[next(x) % CLIENTS];
}

static struct addr next_peer(struct world *x)
{
	return at(peers[next(x) % ARRAY_LEN(peers)]);
}

/* ---- what must hold for every packet ---- */

static bool is_from_relay(const struct packet *p)
{
	struct addr v4 = at(RELAY4), v6 = at(RELAY6);
	return addr_equal_ip(&p->from, &v4) || addr_equal_ip(&p->from, &v6);
}

/* An answer to an RFC 3489 client has its id where the cookie stands in others. */
static bool is_classic(const struct packet *p)
{
	return p->len >= STUN_HEADER_LEN && be32_get(p->data + 4) != STUN_MAGIC;
}

static void remember_ticket(struct world *x, const struct stun_msg *m)
{
	struct stun_attr ticket;
	if (stun_attr_find(m, STUN_MOBILITY_TICKET, &ticket))
		memcpy(x->ticket, ticket.value, sizeof(x->ticket));
}

/* Ids come in answers to Connect and in indications. */
static void remember_connection(struct world *x, const struct packet *p)
{
	struct stun_msg m;
	struct stun_attr a;
	if (p->len > 0 && stun_is_message(p->data[0]) &&
		stun_msg_decode(p->data, p->len, &m) == 0 &&
		stun_attr_find(&m, STUN_CONNECTION_ID, &a))
		(void)stun_attr_u32(&a, &x->connection);
}

static void look_at_wire(struct world *x)
{
	for (unsigned i = 0; i < x->n_workers; i++) {
		struct fixture *f = x->w[i];
		const struct packet *p;
		while ((p = wire_take(f))) {
			struct stun_msg m;
			if (is_from_relay(p))
				require(turn_peer_is_allowed(f->snapshot, &p->to),
					"sent to a closed peer");
			else if (p->len == 0 || !stun_is_channel_data(p->data[0]))
				require(stun_msg_decode(p->data, p->len, &m) == 0 || is_classic(p),
					"malformed message to a client");
			remember_connection(x, p);
			if (stun_msg_decode(p->data, p->len, &m) == 0)
				remember_ticket(x, &m);
		}
	}
}

static void remember(struct world *x, const struct reply *r)
{
	struct addr a;
	struct stun_attr token;
	for (unsigned n = 0; reply_address(r, STUN_XOR_RELAYED_ADDRESS, n, &a); n++)
		x->relayed[x->n_relayed++ % RELAYED] = a;
	if (stun_attr_find(&r->msg, STUN_RESERVATION_TOKEN, &token))
		memcpy(x->token, token.value, sizeof(x->token));
	remember_ticket(x, &r->msg);
}

/* Signs and sends; the answer, if any, must be well-formed and, after the password, signed. */
static void ask(struct world *x, struct client *c, struct request *r)
{
	struct reply reply;
	request_sign(r, c);
	request_send(r, c, &reply);
	if (!reply.is_there)
		return;
	if (reply.code == 0) {
		require(reply.is_signed || r->method == STUN_BINDING, "unsigned success");
		remember(x, &reply);
	}
	if (reply.code == STUN_STALE_NONCE)
		client_challenge(c);
}

/* ---- steps ---- */

static void step_raw(struct world *x)
{
	struct client *c = next_client(x);
	struct bytes b = next_bytes(x, 255);
	wire_from_client(c->f, &c->where, b.data, b.len);
}

static void step_allocate(struct world *x)
{
	struct client *c = next_client(x);
	uint8_t flags = next(x);
	struct request r;
	request_begin_allocate(&r);
	if (flags & 1)
		stun_write_even_port(&r.w, flags & 2);
	if (flags & 4)
		stun_write_bytes(&r.w, STUN_RESERVATION_TOKEN, x->token, sizeof(x->token));
	if (flags & 8)
		stun_write_family(&r.w, STUN_REQUESTED_ADDRESS_FAMILY, flags & 16 ? 2 : 1);
	if ((flags & 24) == 16)
		stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, "", 0);
	if (flags & 32)
		stun_write_family(&r.w, STUN_ADDITIONAL_ADDRESS_FAMILY, 2);
	if (flags & 64)
		stun_write_u32(&r.w, STUN_LIFETIME, (uint32_t)next(x) * 20);
	if (flags & 128)
		stun_write_fingerprint(&r.w); /* before the integrity: malformed */
	ask(x, c, &r);
}

static void step_refresh(struct world *x)
{
	struct client *c = next_client(x);
	uint8_t flags = next(x);
	struct request r;
	request_begin(&r, STUN_REFRESH);
	if (flags & 1)
		stun_write_u32(&r.w, STUN_LIFETIME, flags & 2 ? (uint32_t)next(x) * 20 : 0);
	if (flags & 4)
		stun_write_family(&r.w, STUN_REQUESTED_ADDRESS_FAMILY, flags & 8 ? 2 : 1);
	if (flags & 16)
		stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, x->ticket, sizeof(x->ticket));
	ask(x, c, &r);
}

static void step_permit(struct world *x)
{
	struct client *c = next_client(x);
	struct request r;
	request_begin(&r, STUN_CREATE_PERMISSION);
	for (unsigned n = next(x) % 5; n > 0; n--) {
		struct addr peer = next_peer(x);
		stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	}
	ask(x, c, &r);
}

static void step_bind(struct world *x)
{
	struct client *c = next_client(x);
	struct addr peer = next_peer(x);
	struct request r;
	request_begin(&r, STUN_CHANNEL_BIND);
	stun_write_channel(&r.w, (uint16_t)(0x3ffe + next(x) % 8));
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	ask(x, c, &r);
}

/* Any method with any attributes, signed. */
static void step_any(struct world *x)
{
	static const uint16_t types[] = {STUN_CHANNEL_NUMBER, STUN_LIFETIME, STUN_XOR_PEER_ADDRESS,
		STUN_DATA_ATTR, STUN_REQUESTED_ADDRESS_FAMILY, STUN_EVEN_PORT,
		STUN_REQUESTED_TRANSPORT, STUN_DONT_FRAGMENT, STUN_RESERVATION_TOKEN,
		STUN_ADDITIONAL_ADDRESS_FAMILY, STUN_USERNAME, STUN_REALM, STUN_NONCE,
		STUN_USERHASH, STUN_PASSWORD_ALGORITHM, STUN_PASSWORD_ALGORITHMS,
		STUN_MAPPED_ADDRESS, STUN_CONNECTION_ID, 0x7fff, 0xffff};
	static const enum stun_method methods[] = {STUN_BINDING, STUN_ALLOCATE, STUN_REFRESH,
		STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND, STUN_SEND, STUN_CONNECT,
		STUN_CONNECTION_BIND};
	struct client *c = next_client(x);
	struct request r;
	request_begin(&r, methods[next(x) % ARRAY_LEN(methods)]);
	for (unsigned n = next(x) % ATTRS_MAX; n > 0; n--) {
		uint16_t type = types[next(x) % ARRAY_LEN(types)];
		struct bytes value = next_bytes(x, VALUE_MAX);
		stun_write_bytes(&r.w, type, value.data, value.len);
	}
	ask(x, c, &r);
}

static void step_send(struct world *x)
{
	struct client *c = next_client(x);
	const char *peer = peers[next(x) % ARRAY_LEN(peers)];
	struct bytes data = next_bytes(x, 64);
	client_send(c, peer, data.data, data.len);
}

static void step_channel(struct world *x)
{
	struct client *c = next_client(x);
	uint16_t number = (uint16_t)(0x3ffe + next(x) % 8);
	struct bytes data = next_bytes(x, 64);
	client_channel(c, number, data.data, data.len);
}

/* The worker that has this relayed address now: allocations move. */
static struct fixture *keeper(struct world *x, const struct addr *relayed)
{
	for (unsigned i = 0; i < x->n_workers; i++) {
		if (wire_find(x->w[i], relayed))
			return x->w[i];
	}
	return NULL;
}

static void step_peer(struct world *x)
{
	const struct addr *to = &x->relayed[next(x) % RELAYED];
	struct addr peer = next_peer(x);
	struct bytes data = next_bytes(x, 64);
	struct fixture *f = keeper(x, to);
	if (f)
		wire_from_peer(f, to, &peer, data.data, data.len);
}

static void step_icmp(struct world *x)
{
	const struct addr *to = &x->relayed[next(x) % RELAYED];
	struct net_icmp e = {.peer = next_peer(x), .type = next(x), .code = next(x), .info = 1400};
	struct fixture *f = keeper(x, to);
	if (f)
		turn_icmp(f->server, wire_find(f, to), &e);
}

static void step_time(struct world *x)
{
	uint64_t ms = UINT64_C(100) << next(x) % 16;
	for (unsigned i = 0; i < x->n_workers; i++)
		fixture_pass_ms(x->w[i], ms);
}

static void step_lease(struct world *x)
{
	unsigned w = next(x) % x->n_workers;
	uint8_t which = next(x);
	size_t i = which % LEASES_MAX;
	bool is_granted = which & 0x80;
	if (i >= x->w[w]->n_asked || x->is_answered[w][i])
		return;
	x->is_answered[w][i] = true;
	x->n_granted[w] += is_granted;
	fixture_answer(x->w[w], &x->w[w]->asked[i], is_granted);
}

static void step_deliver(struct world *x)
{
	fixture_deliver(x->w[next(x) % x->n_workers]);
}

static void step_revoke(struct world *x)
{
	struct fixture *f = x->w[next(x) % x->n_workers];
	struct auth_claims claims = claims_of(next(x) & 1 ? "carol" : "alice");
	struct auth_revocation r = {.kind = AUTH_REVOKE_SUBJECT, .until_s = UINT64_MAX};
	memcpy(r.id, claims.subject, AUTH_SUBJECT_LEN);
	fixture_revoke(f, &r);
}

static void step_fail(struct world *x)
{
	struct fixture *f = x->w[next(x) % x->n_workers];
	uint8_t how = next(x);
	f->fail_code = how & 1 ? -EADDRINUSE : -EMFILE;
	f->fail_skip = how >> 1 & 3;
	f->fail_n = how >> 3 & 15;
	f->fail_adopt = how & 0x80;
	f->fail_copy = (how & 0x81) == 0x81;
}

static void step_close(struct world *x)
{
	struct client *c = next_client(x);
	turn_client_closed(c->f->server, c->where.port, &c->where.addr);
}

/* ---- TCP towards peers (RFC 6062) ---- */

static void allocate_tcp(struct world *x, struct client *c)
{
	uint8_t flags = next(x);
	struct request r;
	request_begin(&r, STUN_ALLOCATE);
	stun_write_transport(&r.w, 6);
	if (flags & 1)
		stun_write_family(&r.w, STUN_ADDITIONAL_ADDRESS_FAMILY, 2);
	if (flags & 2)
		stun_write_even_port(&r.w, flags & 4);
	if (flags & 8)
		stun_write_bytes(&r.w, STUN_MOBILITY_TICKET, NULL, 0);
	ask(x, c, &r);
}

static void connect_peer(struct world *x, struct client *c)
{
	struct addr peer = next_peer(x);
	struct request r;
	c->f->dial_code = next(x) == 1 ? -EMFILE : 0;
	request_begin(&r, STUN_CONNECT);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	ask(x, c, &r);
}

/* A connection that moves arrives at the owner's listener from the same address. */
static void bind_connection(struct world *x, struct client *c)
{
	struct request r;
	for (unsigned i = 0; i < x->n_workers; i++) {
		struct fixture *f = x->w[i];
		f->mover = c->where;
		f->mover.port = c->where.addr.family == ADDR_IPV6 ? f->listener6 : f->listener4;
	}
	request_begin(&r, STUN_CONNECTION_BIND);
	stun_write_u32(&r.w, STUN_CONNECTION_ID, x->connection ^ next(x));
	ask(x, c, &r);
}

static void peer_comes(struct world *x)
{
	struct addr a = x->relayed[next(x) % RELAYED], peer = next_peer(x);
	struct fixture *f = keeper(x, &a);
	if (!f || !wire_listens(f, &a))
		return;
	f->fail_take = next(x) == 1;
	wire_peer_connects(f, &a, &peer);
	f->fail_take = false;
}

static void pipe_tells(struct world *x, struct fixture *f)
{
	size_t i = f->n_pipes > 0 ? next(x) % f->n_pipes : 0;
	bool is_good = next(x) & 1;
	if (f->n_pipes == 0)
		return;
	if (!f->pipes[i]->is_open)
		wire_opened_at(f, i, is_good ? 0 : -ECONNREFUSED);
	else if (!is_good)
		wire_ended_at(f, i);
	else
		turn_tcp_passed(f->pipes[i]->owner, NET_PEER,
			turn_tcp_room(f->pipes[i]->owner, NET_PEER) / 2);
}

static void step_tcp(struct world *x)
{
	uint8_t what = next(x) % 5;
	if (what == 0)
		allocate_tcp(x, next_client(x));
	else if (what == 1)
		connect_peer(x, next_client(x));
	else if (what == 2)
		bind_connection(x, next_client(x));
	else if (what == 3)
		peer_comes(x);
	else
		pipe_tells(x, x->w[next(x) % x->n_workers]);
}

static void (*const steps[])(struct world *) = {step_raw, step_allocate, step_refresh, step_permit,
	step_bind, step_any, step_send, step_channel, step_peer, step_icmp, step_time, step_lease,
	step_deliver, step_revoke, step_fail, step_close, step_tcp};

/* ---- the world ---- */

/* Clients 0 and 1 are one user, 2 and 3 another; even ones at worker 0, odd ones at the last. */
static void make_clients(struct world *x, bool is_tcp)
{
	static const char *const where[CLIENTS] = {
		"192.0.2.1:40000", "192.0.2.1:40001", "192.0.2.2:40000", "[2001:db8::7]:40000"};
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client *c = &x->clients[i];
		struct auth_claims claims = claims_of(i < 2 ? "alice" : "carol");
		client_init(c, x->w[i % x->n_workers], where[i]);
		claims.kbps = i == 3 ? 8 : 0;
		claims.max_allocations = i == 2 ? 1 : 0;
		claims.flags = is_tcp && i != 3 ? AUTH_TCP_RELAY : 0;
		c->where.transport = is_tcp ? AUTH_TCP : AUTH_UDP;
		client_mint(c, &claims, START_WALL_S + 8 * 3600);
		c->algorithm = i == 1 ? STUN_PASSWORD_SHA256 : 0;
		c->integrity = i == 1 ? CRYPTO_SHA256 : CRYPTO_SHA1;
		client_challenge(c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *x = calloc(1, sizeof(*x));
	struct fixture_config config;
	require(x != NULL, "no memory");
	x->in = (struct script){data, data + size};
	uint8_t how = next(x);
	fixture_defaults(&config);
	config.has_leases = how & 1;
	config.turn.subject_allocations = how & 1 ? 2 : 0;
	config.turn.strict_channels = how & 2;
	config.turn.last_port = how & 4 ? PORT_MIN + 3 : PORT_MAX;
	config.turn.shared_port = how & 16 ? 40000 : 0;
	x->n_workers = how & 8 ? 2 : 1;
	fixture_create_joined(&config, x->w, x->n_workers);
	make_clients(x, how & 32);

	for (unsigned n = 0; n < STEPS_MAX && x->in.at < x->in.end; n++) {
		steps[next(x) % ARRAY_LEN(steps)](x);
		look_at_wire(x);
	}

	size_t n_put = 0, n_granted = 0;
	/* What is on its way between workers has a lease too. */
	for (unsigned i = 0; i < 4; i++)
		fixture_deliver(x->w[i % x->n_workers]);
	for (unsigned i = 0; i < x->n_workers; i++) {
		struct fixture *f = x->w[i];
		turn_server_destroy(f->server);
		f->server = NULL;
		n_put += f->n_put;
		n_granted += x->n_granted[i];
	}
	require(n_put == n_granted, "leases do not add up");
	for (unsigned i = 0; i < x->n_workers; i++)
		fixture_destroy(x->w[i]);
	free(x);
	return 0;
}
