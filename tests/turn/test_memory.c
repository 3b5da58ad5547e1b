/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that runs out. The linker puts these wrappers before malloc and its kin; from a number on
 * every call of the code under test fails. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

/* What the wrappers know; a linker's hook has no argument to hang it on. */
static struct {
	bool is_on;
	unsigned n;       /* calls since it is on */
	unsigned allowed; /* of them */
} heap;

static bool may_allocate(void)
{
	return !heap.is_on || heap.n++ < heap.allowed;
}

void *__wrap_malloc(size_t n)
{
	return may_allocate() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return may_allocate() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
	return may_allocate() ? __real_realloc(p, n) : NULL;
}

/* Sends R with ALLOWED allocations; true when it had to ask for more. */
static bool send_with(unsigned allowed, struct request *r, struct client *c, struct reply *out)
{
	heap.n = 0;
	heap.allowed = allowed;
	heap.is_on = true;
	request_send(r, c, out);
	heap.is_on = false;
	return heap.n > allowed;
}

static void begin_channel_bind(struct request *r)
{
	struct addr peer = at("198.51.100.7:5000");
	request_begin(r, STUN_CHANNEL_BIND);
	stun_write_channel(&r->w, 0x4000);
	stun_write_xor_address(&r->w, STUN_XOR_PEER_ADDRESS, &peer);
}

static void begin_permissions(struct request *r)
{
	static const char *const peers[] = {"198.51.100.1", "198.51.100.2", "198.51.100.3"};
	request_begin(r, STUN_CREATE_PERMISSION);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		struct addr peer = at(peers[i]);
		stun_write_xor_address(&r->w, STUN_XOR_PEER_ADDRESS, &peer);
	}
}

static void begin_pair(struct request *r)
{
	request_begin_allocate(r);
	stun_write_even_port(&r->w, true);
}

static void begin_dual(struct request *r)
{
	request_begin_allocate(r);
	stun_write_family(&r->w, STUN_ADDITIONAL_ADDRESS_FAMILY, 2);
}

/* RFC 8489 §9.2.4 with the design's promise: no state before authentication. */
static void strangers_cost_no_memory(void **state)
{
	static const enum stun_method methods[] = {STUN_BINDING, STUN_ALLOCATE, STUN_REFRESH,
		STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND, STUN_CONNECT, STUN_CONNECTION_BIND};
	struct client c;
	struct request r;
	struct reply reply;
	client_init(&c, *state, "192.0.2.1:40000");
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		request_begin(&r, methods[i]);
		assert_false(send_with(0, &r, &c, &reply));
		assert_true(reply.is_there);
	}
	client_challenge(&c);
	c.credential.password[0] ^= 1;
	request_begin_allocate(&r);
	request_sign(&r, &c);
	assert_false(send_with(0, &r, &c, &reply));
	assert_int_equal(reply.code, STUN_UNAUTHORIZED);
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 0);
}

/* A relayed datagram costs none either (the packet path of the guide). */
static void relaying_costs_no_memory(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at("198.51.100.7:5000");
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, &relayed), 0);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	for (int is_bound = 0; is_bound < 2; is_bound++) {
		heap.n = heap.allowed = 0;
		heap.is_on = true;
		client_send(&c, "198.51.100.7:5000", "x", 1);
		client_channel(&c, 0x4000, "x", 1);
		wire_from_peer(f, &relayed, &peer, "x", 1);
		heap.is_on = false;
		assert_int_equal(heap.n, 0);
		assert_int_equal(f->n_sent, 2 + is_bound);
		wire_clear(f);
		assert_int_equal(client_bind(&c, 0x4000, "198.51.100.7:5000"), 0);
	}
}

/*
 * Each request with 0, 1, 2, ... allocations allowed, each in a new box: it is granted or refused,
 * never half done. What is left over the box's end asserts.
 */
static void requests_are_granted_or_refused_when_memory_is_short(void **state)
{
	static const struct {
		void (*begin)(struct request *);
		bool needs_allocation, has_leases;
	} cases[] = {{request_begin_allocate, false, false}, {begin_pair, false, false},
		{begin_dual, false, false}, {request_begin_allocate, false, true},
		{begin_permissions, true, false}, {begin_channel_bind, true, false}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool is_short = true;
		for (unsigned allowed = 0; is_short; allowed++) {
			struct fixture_config config;
			fixture_defaults(&config);
			config.has_leases = cases[i].has_leases;
			config.turn.subject_allocations = 3;
			config.turn.allocation_packets = 1000;
			struct fixture *f = fixture_create(&config);
			struct client c;
			struct request r;
			struct reply reply;
			client_init(&c, f, "192.0.2.1:40000");
			client_challenge(&c);
			if (cases[i].needs_allocation)
				assert_int_equal(client_allocate(&c, NULL), 0);
			cases[i].begin(&r);
			request_sign(&r, &c);

			is_short = send_with(allowed, &r, &c, &reply);

			if (reply.code != 0)
				assert_int_equal(reply.code, STUN_INSUFFICIENT_CAPACITY);
			if (!is_short)
				assert_int_equal(reply.code, 0);
			if (!cases[i].needs_allocation)
				assert_int_equal(
					turn_server_allocations(f->server), reply.code == 0);
			fixture_pass_s(f, 3600); /* and all of it ends by itself */
			assert_int_equal(f->wheel.count, 0);
			assert_int_equal(f->n_ports, 3);
			fixture_destroy(f);
			assert_true(allowed < 40);
		}
	}
}

/* The same for TCP allocations (RFC 6062): Allocate, then Connect, then a peer that comes. */
static void tcp_is_granted_or_refused_when_memory_is_short(void **state)
{
	struct addr peer = at("198.51.100.7:5000"), other = at("198.51.100.7:5001"), relayed;
	unsigned n_short = 0;
	(void)state;
	for (unsigned allowed = 0; allowed < 12; allowed++) {
		struct fixture *f;
		struct client c;
		struct request r;
		struct reply reply;
		struct auth_claims claims = claims_of("alice");
		assert_int_equal(fixture_setup((void **)&f), 0);
		client_init(&c, f, "192.0.2.1:40000");
		c.where.transport = AUTH_TCP;
		claims.flags = AUTH_TCP_RELAY;
		client_mint(&c, &claims, f->clock.wall_s + 3600);
		client_challenge(&c);
		for (int is_short = 1; is_short >= 0; is_short--) {
			request_begin(&r, STUN_ALLOCATE);
			stun_write_transport(&r.w, 6);
			request_sign(&r, &c);
			n_short += send_with(is_short ? allowed : 1000, &r, &c, &reply);
			if (reply.code == 0)
				break;
			assert_int_equal(reply.code, STUN_INSUFFICIENT_CAPACITY);
		}
		assert_int_equal(reply.code, 0);
		assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, &relayed));
		assert_int_equal(client_permit(&c, "198.51.100.7"), 0);

		request_begin(&r, STUN_CONNECT);
		stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
		request_sign(&r, &c);
		n_short += send_with(allowed, &r, &c, &reply);
		assert_int_equal(f->n_pipes, !reply.is_there);
		assert_true(!reply.is_there || reply.code == STUN_INSUFFICIENT_CAPACITY);

		size_t before = f->n_pipes;
		heap.n = 0;
		heap.allowed = allowed;
		heap.is_on = true;
		wire_peer_connects(f, &relayed, &other);
		heap.is_on = false;
		assert_int_equal(
			f->n_pipes + fixture_count(f, TURN_C_CONNECTION_NO_MEMORY), before + 1);
		fixture_destroy(f);
	}
	assert_true(n_short > 4);
}

/* After a refusal for want of memory the same request works, with the whole of what it asks. */
static void refused_request_can_be_made_again(void **state)
{
	for (unsigned allowed = 0; allowed < 8; allowed++) {
		struct fixture *f;
		struct client c;
		struct request r;
		struct reply reply;
		struct addr relayed;
		assert_int_equal(fixture_setup((void **)&f), 0);
		client_init(&c, f, "192.0.2.1:40000");
		assert_int_equal(client_allocate(&c, &relayed), 0);
		for (int i = 0; i < 2; i++) {
			(i == 0 ? begin_permissions : begin_channel_bind)(&r);
			request_sign(&r, &c);
			send_with(allowed, &r, &c, &reply);
			if (reply.code != 0 && i == 0) {
				client_send(&c, "198.51.100.1:9", "x", 1);
				assert_silence(f); /* all or nothing */
			}
			if (reply.code != 0 && i == 1) {
				client_channel(&c, 0x4000, "x", 1);
				assert_silence(f);
			}
			(i == 0 ? begin_permissions : begin_channel_bind)(&r);
			assert_int_equal(client_ask(&c, &r, &reply), 0);
		}
		client_send(&c, "198.51.100.3:9", "x", 1);
		assert_to_peer(&c, &relayed, "198.51.100.3:9", "x", 1);
		client_channel(&c, 0x4000, "x", 1);
		assert_to_peer(&c, &relayed, "198.51.100.7:5000", "x", 1);
		fixture_destroy(f);
	}
}

static void snapshot_is_made_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct turn_snapshot *s = NULL;
	unsigned allowed = 0;
	int rc;
	do {
		heap.n = 0;
		heap.allowed = allowed++;
		heap.is_on = true;
		rc = turn_snapshot_create(&f->config.turn, f->auth, &s);
		heap.is_on = false;
		assert_true(rc == 0 || s == NULL);
	} while (rc != 0);
	assert_in_range(allowed, 4, 40);
	turn_snapshot_put(s);
}

static void server_is_made_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct turn_server_config c = {.clock = &f->clock,
		.wheel = &f->wheel,
		.net = f->net,
		.flows = f->flows,
		.cells = f->turn,
		.n_workers = 1,
		.snapshot = f->snapshot};
	struct turn_server *s = NULL;
	unsigned allowed = 0;
	int rc;
	do {
		heap.n = 0;
		heap.allowed = allowed++;
		heap.is_on = true;
		rc = turn_server_create(&c, &s);
		heap.is_on = false;
		assert_true(rc == 0 || s == NULL);
	} while (rc != 0);
	assert_in_range(allowed, 3, 40);
	turn_server_destroy(s);
}

/* More workers than pairs of ports: some would have none. */
static void port_range_too_small_for_the_workers_is_refused(void **state)
{
	struct fixture *f = *state;
	struct turn_config config = f->config.turn;
	config.last_port = PORT_MIN + 7;
	struct turn_snapshot *small = fixture_snapshot(f, &config);
	struct turn_server_config c = {.clock = &f->clock,
		.wheel = &f->wheel,
		.net = f->net,
		.flows = f->flows,
		.cells = f->turn,
		.snapshot = small};
	struct turn_server *s = NULL;
	c.n_workers = 5;
	assert_int_equal(turn_server_create(&c, &s), ERR_FULL);
	assert_null(s);
	c.n_workers = 4;
	assert_int_equal(turn_server_create(&c, &s), 0);
	turn_server_destroy(s);
	turn_snapshot_put(small);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(strangers_cost_no_memory),
		T(relaying_costs_no_memory),
		cmocka_unit_test(requests_are_granted_or_refused_when_memory_is_short),
		cmocka_unit_test(tcp_is_granted_or_refused_when_memory_is_short),
		cmocka_unit_test(refused_request_can_be_made_again),
		T(snapshot_is_made_whole_or_not_at_all),
		T(server_is_made_whole_or_not_at_all),
		T(port_range_too_small_for_the_workers_is_refused),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
