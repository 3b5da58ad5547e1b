/* SPDX-License-Identifier: BSD-3-Clause */
/* EVEN-PORT and RESERVATION-TOKEN on one worker, RFC 8656 §7.2. Between workers: test_handover.c.
 */
#include "client.h"

#include <errno.h>
#include <string.h>

static struct client new_client(struct fixture *f, unsigned n)
{
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");
	c.where.addr.port = (uint16_t)(40000 + n);
	return c;
}

static unsigned claim(struct client *c, const uint8_t token[8], struct addr *relayed)
{
	struct request r;
	struct reply reply;
	request_claim(&r, c, token);
	request_send(&r, c, &reply);
	assert_true(reply.is_there);
	if (reply.code == 0)
		assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, relayed));
	return reply.code;
}

static struct fixture *with_ports(unsigned n)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.last_port = (uint16_t)(PORT_MIN + n - 1);
	return fixture_create(&config);
}

static void even_port_is_even(void **state)
{
	for (unsigned i = 0; i < 40; i++) {
		struct client c = new_client(*state, i);
		struct request r;
		struct reply reply;
		struct addr relayed;
		request_begin_allocate(&r);
		stun_write_even_port(&r.w, false);
		assert_int_equal(client_ask(&c, &r, &reply), 0);
		assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, &relayed));
		assert_int_equal(relayed.port % 2, 0);
		assert_false(reply_has(&reply, STUN_RESERVATION_TOKEN));
	}
}

static void no_even_port_left_is_508(void **state)
{
	struct fixture *f = with_ports(2);
	struct client c = new_client(f, 0), d = new_client(f, 1);
	struct addr relayed;
	uint8_t token[8];
	struct request r;
	struct reply reply;
	assert_int_equal(client_reserve(&c, &relayed, token), 0);
	fixture_pass_s(f, 31); /* the odd one is free again */
	request_begin_allocate(&r);
	stun_write_even_port(&r.w, false);
	assert_int_equal(client_ask(&d, &r, &reply), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(client_reserve(&d, &relayed, token), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(client_allocate(&d, NULL), 0);
	fixture_destroy(f);
}

/* From any 5-tuple: another address, another listener */
static void token_gives_the_next_higher_port(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d;
	struct addr first, second, peer = at("198.51.100.7:9");
	uint8_t token[8];
	assert_int_equal(client_reserve(&c, &first, token), 0);
	assert_int_equal(first.port % 2, 0);
	client_init(&d, f, "[2001:db8::7]:40000");

	assert_int_equal(claim(&d, token, &second), 0);

	assert_true(addr_equal_ip(&first, &second));
	assert_int_equal(second.port, first.port + 1);
	assert_int_equal(turn_server_allocations(f->server), 2);
	/* And it relays. */
	assert_int_equal(client_permit(&d, "198.51.100.7"), 0);
	wire_from_peer(f, &second, &peer, "y", 1);
	assert_data(&d, "198.51.100.7:9", "y", 1);
	client_send(&d, "198.51.100.7:9", "x", 1);
	assert_to_peer(&d, &second, "198.51.100.7:9", "x", 1);
}

static void token_serves_once(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d = new_client(f, 1), e = new_client(f, 2);
	struct addr relayed;
	uint8_t token[8];
	assert_int_equal(client_reserve(&c, &relayed, token), 0);
	assert_int_equal(claim(&d, token, &relayed), 0);
	assert_int_equal(claim(&e, token, &relayed), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(turn_server_allocations(f->server), 2);
}

static void reservation_lasts_30_seconds(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d = new_client(f, 1), e = new_client(f, 2);
	struct addr relayed, next;
	uint8_t token[8];
	assert_int_equal(client_reserve(&c, &relayed, token), 0);
	fixture_pass_ms(f, 29900);
	assert_int_equal(claim(&d, token, &next), 0);

	assert_int_equal(client_reserve(&e, &relayed, token), 0);
	next = relayed;
	next.port++;
	assert_non_null(wire_find(f, &next));
	fixture_pass_ms(f, 30000);
	assert_null(wire_find(f, &next));
	struct client g = new_client(f, 3);
	assert_int_equal(claim(&g, token, &next), STUN_INSUFFICIENT_CAPACITY);
}

static void reservation_outlives_the_allocation_that_made_it(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d = new_client(f, 1);
	struct addr first, second;
	uint8_t token[8];
	assert_int_equal(client_reserve(&c, &first, token), 0);
	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_int_equal(claim(&d, token, &second), 0);
	assert_int_equal(second.port, first.port + 1);
}

/* Both numbers come back, whichever way the pair ends. */
static void ports_of_a_pair_are_free_again(void **state)
{
	struct fixture *f = with_ports(2);
	struct client c = new_client(f, 0), d = new_client(f, 1);
	struct addr relayed;
	uint8_t token[8];
	for (int i = 0; i < 3; i++) {
		assert_int_equal(client_reserve(&c, &relayed, token), 0);
		if (i == 1)
			fixture_pass_s(f, 31);
		else
			assert_int_equal(claim(&d, token, &relayed), 0);
		assert_int_equal(client_refresh(&c, 0, NULL), 0);
		if (i != 1)
			assert_int_equal(client_refresh(&d, 0, NULL), 0);
	}
	fixture_destroy(f);
}

static void pair_moves_on_when_somebody_else_holds_its_second_port(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct addr relayed;
	uint8_t token[8];
	f->fail_code = -EADDRINUSE;
	f->fail_skip = 1;
	f->fail_n = 1;
	assert_int_equal(client_reserve(&c, &relayed, token), 0);
	assert_int_equal(f->n_opened, 4);
	relayed.port++;
	assert_non_null(wire_find(f, &relayed));
}

static void pair_that_cannot_be_opened_gives_its_numbers_back(void **state)
{
	struct fixture *f = with_ports(2);
	struct client c = new_client(f, 0);
	struct addr relayed;
	uint8_t token[8];
	for (unsigned skip = 0; skip < 2; skip++) {
		f->fail_code = -EMFILE;
		f->fail_skip = skip;
		f->fail_n = 1;
		assert_int_equal(client_reserve(&c, &relayed, token), STUN_INSUFFICIENT_CAPACITY);
		assert_int_equal(f->n_ports, 3);
	}
	assert_int_equal(client_reserve(&c, &relayed, token), 0);
	fixture_destroy(f);
}

static void forged_tokens_are_508(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d = new_client(f, 1);
	struct addr relayed;
	uint8_t token[8], forged[8];
	assert_int_equal(client_reserve(&c, &relayed, token), 0);
	for (size_t i = 0; i < sizeof(token); i++) {
		memcpy(forged, token, sizeof(token));
		forged[i] ^= 1; /* the first byte names another worker: there is none */
		assert_int_equal(claim(&d, forged, &relayed), STUN_INSUFFICIENT_CAPACITY);
	}
	assert_int_equal(turn_server_allocations(f->server), 1);
	assert_int_equal(claim(&d, token, &relayed), 0);
}

static void datagrams_at_a_reserved_port_go_nowhere(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct addr relayed, peer = at("198.51.100.7:9");
	struct net_icmp e = {.peer = peer, .type = 3};
	uint8_t token[8];
	assert_int_equal(client_reserve(&c, &relayed, token), 0);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	relayed.port++;
	wire_from_peer(f, &relayed, &peer, "x", 1);
	turn_icmp(f->server, wire_find(f, &relayed), &e);
	assert_silence(f);
	assert_int_equal(fixture_count(f, TURN_C_PEER_DROPPED), 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(even_port_is_even),
		cmocka_unit_test(no_even_port_left_is_508),
		T(token_gives_the_next_higher_port),
		T(token_serves_once),
		T(reservation_lasts_30_seconds),
		T(reservation_outlives_the_allocation_that_made_it),
		cmocka_unit_test(ports_of_a_pair_are_free_again),
		T(pair_moves_on_when_somebody_else_holds_its_second_port),
		cmocka_unit_test(pair_that_cannot_be_opened_gives_its_numbers_back),
		T(forged_tokens_are_508),
		T(datagrams_at_a_reserved_port_go_nowhere),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
