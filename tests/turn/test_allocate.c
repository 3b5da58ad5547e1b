/* SPDX-License-Identifier: BSD-3-Clause */
/* The Allocate request, RFC 8656 §7.2. Families are in test_family.c, reserved ports in
 * test_reserve.c, leases in test_lease.c. */
#include "client.h"

#include <errno.h>
#include <string.h>

struct raw {
	uint16_t type;
	uint8_t len;
	const char *value;
};
#define UDP                                                                                        \
	{                                                                                          \
		STUN_REQUESTED_TRANSPORT, 4, "\x11\0\0\0"                                          \
	}

/* An Allocate of these attributes; 0 ends them. */
static unsigned allocate_raw(struct client *c, const struct raw *attrs, struct reply *out)
{
	struct request r;
	request_begin(&r, STUN_ALLOCATE);
	for (; attrs->type != 0; attrs++)
		stun_write_bytes(&r.w, attrs->type, attrs->value, attrs->len);
	return client_ask(c, &r, out);
}

static struct client new_client(struct fixture *f, unsigned n)
{
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");
	c.where.addr.port = (uint16_t)(40000 + n);
	return c;
}

static void allocation_answer_has_what_the_rfc_lists(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	struct reply reply;
	struct addr relayed, mapped, want = at(RELAY4);
	request_begin_allocate(&r);

	assert_int_equal(client_ask(&c, &r, &reply), 0);

	assert_true(reply.is_signed);
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, &relayed));
	assert_false(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 1, &want));
	assert_true(addr_equal_ip(&relayed, &want));
	assert_in_range(relayed.port, PORT_MIN, PORT_MAX);
	assert_non_null(wire_find(f, &relayed));
	assert_true(reply_address(&reply, STUN_XOR_MAPPED_ADDRESS, 0, &mapped));
	assert_true(addr_equal(&mapped, &c.where.addr));
	assert_int_equal(reply_u32(&reply, STUN_LIFETIME), 600);
	assert_false(reply_has(&reply, STUN_RESERVATION_TOKEN));
	assert_true(reply_has(&reply, STUN_SOFTWARE));
	assert_int_equal(fixture_count(f, TURN_C_ALLOCATIONS), 1);
	assert_int_equal(fixture_count(f, TURN_C_ALLOCATE_OK), 1);
}

static void malformed_or_contradictory_requests_are_400(void **state)
{
	static const struct raw cases[][4] = {
		{{STUN_LIFETIME, 4, "\0\0\0\0"}}, /* no transport */
		{{STUN_REQUESTED_TRANSPORT, 3, "\x11\0\0"}},
		{{STUN_REQUESTED_TRANSPORT, 8, "\x11\0\0\0\0\0\0\0"}},
		{UDP, {STUN_LIFETIME, 3, "\0\0\0"}},
		{UDP, {STUN_DONT_FRAGMENT, 1, "\0"}},
		{UDP, {STUN_EVEN_PORT, 0, ""}},
		{UDP, {STUN_EVEN_PORT, 4, "\0\0\0\0"}},
		{UDP, {STUN_RESERVATION_TOKEN, 7, "1234567"}},
		{UDP, {STUN_RESERVATION_TOKEN, 8, "12345678"}, {STUN_EVEN_PORT, 1, "\0"}},
		{UDP, {STUN_RESERVATION_TOKEN, 8, "12345678"},
			{STUN_REQUESTED_ADDRESS_FAMILY, 4, "\1\0\0\0"}},
		{UDP, {STUN_RESERVATION_TOKEN, 8, "12345678"},
			{STUN_ADDITIONAL_ADDRESS_FAMILY, 4, "\2\0\0\0"}},
		{UDP, {STUN_REQUESTED_ADDRESS_FAMILY, 4, "\1\0\0\0"},
			{STUN_ADDITIONAL_ADDRESS_FAMILY, 4, "\2\0\0\0"}},
		{UDP, {STUN_REQUESTED_ADDRESS_FAMILY, 1, "\1"}},
		{UDP, {STUN_ADDITIONAL_ADDRESS_FAMILY, 1, "\2"}},
		{UDP, {STUN_ADDITIONAL_ADDRESS_FAMILY, 4, "\1\0\0\0"}},
		{UDP, {STUN_ADDITIONAL_ADDRESS_FAMILY, 4, "\2\0\0\0"}, {STUN_EVEN_PORT, 1, "\x80"}},
	};
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reply reply;
		assert_int_equal(allocate_raw(&c, cases[i], &reply), STUN_BAD_REQUEST);
		assert_true(reply.is_signed);
	}
	assert_int_equal(turn_server_allocations(f->server), 0);
	assert_int_equal(fixture_count(f, TURN_C_REFUSED_400), ARRAY_LEN(cases));
}

/* TCP has rules of its own: test_tcp.c */
static void transport_other_than_udp_and_tcp_is_442(void **state)
{
	static const struct raw sctp[] = {
		{STUN_REQUESTED_TRANSPORT, 4, "\204\0\0\0"}, {0, 0, NULL}};
	struct client c = new_client(*state, 0);
	struct reply reply;
	assert_int_equal(allocate_raw(&c, sctp, &reply), STUN_TRANSPORT_NOT_SUPPORTED);
}

/* The reserved bits of an attribute are ignored on reception (RFC 8656 §18). */
static void reserved_bits_are_ignored(void **state)
{
	static const struct raw attrs[] = {{STUN_REQUESTED_TRANSPORT, 4, "\x11\1\2\3"},
		{STUN_EVEN_PORT, 1, "\x7f"}, {STUN_REQUESTED_ADDRESS_FAMILY, 4, "\1\1\2\3"},
		{0, 0, NULL}};
	struct client c = new_client(*state, 0);
	struct reply reply;
	assert_int_equal(allocate_raw(&c, attrs, &reply), 0);
	assert_false(reply_has(&reply, STUN_RESERVATION_TOKEN));
}

static void dont_fragment_is_accepted(void **state)
{
	static const struct raw attrs[] = {UDP, {STUN_DONT_FRAGMENT, 0, ""}, {0, 0, NULL}};
	struct client c = new_client(*state, 0);
	struct reply reply;
	assert_int_equal(allocate_raw(&c, attrs, &reply), 0);
}

/* ---- the 5-tuple ---- */

static void second_allocation_on_a_tuple_is_437(void **state)
{
	struct client c = new_client(*state, 0);
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(client_allocate(&c, NULL), STUN_ALLOCATION_MISMATCH);
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 1);
}

/* RFC 8656 §5: a retransmission is no second request */
static void retransmission_is_answered_alike(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	struct reply first, again;
	struct stun_attr a, b;
	struct addr before, after;
	client_challenge(&c);
	request_begin_allocate(&r);
	stun_write_u32(&r.w, STUN_LIFETIME, 1200);
	stun_write_even_port(&r.w, true);
	request_sign(&r, &c);
	request_send(&r, &c, &first);
	assert_int_equal(first.code, 0);

	fixture_pass_s(f, 2);
	request_send(&r, &c, &again);

	assert_int_equal(again.code, 0);
	assert_true(reply_address(&first, STUN_XOR_RELAYED_ADDRESS, 0, &before));
	assert_true(reply_address(&again, STUN_XOR_RELAYED_ADDRESS, 0, &after));
	assert_true(addr_equal(&before, &after));
	assert_int_equal(reply_u32(&again, STUN_LIFETIME), 1200);
	assert_true(stun_attr_find(&first.msg, STUN_RESERVATION_TOKEN, &a));
	assert_true(stun_attr_find(&again.msg, STUN_RESERVATION_TOKEN, &b));
	assert_memory_equal(a.value, b.value, 8);
	assert_int_equal(turn_server_allocations(f->server), 1);
	assert_int_equal(fixture_count(f, TURN_C_ALLOCATE_OK), 1);
}

static void the_same_client_address_on_two_listeners_is_two_tuples(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0), d = new_client(f, 0);
	struct addr one, two;
	d.where.port = f->inside4;
	assert_int_equal(client_allocate(&c, &one), 0);
	assert_int_equal(client_allocate(&d, &two), 0);
	assert_false(addr_equal(&one, &two));
	assert_int_equal(turn_server_allocations(f->server), 2);
}

/* ---- lifetimes ---- */

static void lifetime_is_between_default_and_maximum(void **state)
{
	static const struct {
		bool has_wish;
		uint32_t wish, granted;
	} cases[] = {{false, 0, 600}, {true, 0, 600}, {true, 599, 600}, {true, 600, 600},
		{true, 601, 601}, {true, 3600, 3600}, {true, 3601, 3600}, {true, UINT32_MAX, 3600}};
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct client c = new_client(*state, i);
		struct request r;
		struct reply reply;
		request_begin_allocate(&r);
		if (cases[i].has_wish)
			stun_write_u32(&r.w, STUN_LIFETIME, cases[i].wish);

		assert_int_equal(client_ask(&c, &r, &reply), 0);

		assert_int_equal(reply_u32(&reply, STUN_LIFETIME), cases[i].granted);
	}
}

static void lifetime_ends_with_the_credential_and_its_grace(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.auth.session_grace_s = 100;
	struct fixture *f = fixture_create(&config);
	struct client c = new_client(f, 0);
	struct auth_claims claims = claims_of("alice");
	client_mint(&c, &claims, f->clock.wall_s + 50);
	struct request r;
	struct reply reply;
	request_begin_allocate(&r);

	assert_int_equal(client_ask(&c, &r, &reply), 0);

	assert_int_equal(reply_u32(&reply, STUN_LIFETIME), 150);
	fixture_pass_s(f, 149);
	assert_int_equal(turn_server_allocations(f->server), 1);
	fixture_pass_s(f, 1);
	assert_int_equal(turn_server_allocations(f->server), 0);
	fixture_destroy(f);
}

/* ---- capacity ---- */

static void allocations_without_a_free_port_are_508(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.last_port = PORT_MIN + 3;
	struct fixture *f = fixture_create(&config);
	struct client c[5];
	for (unsigned i = 0; i < 5; i++) {
		c[i] = new_client(f, i);
		assert_int_equal(
			client_allocate(&c[i], NULL), i < 4 ? 0 : STUN_INSUFFICIENT_CAPACITY);
	}
	assert_int_equal(client_refresh(&c[2], 0, NULL), 0);
	assert_int_equal(client_allocate(&c[4], NULL), 0);
	fixture_destroy(f);
}

static void second_relay_address_is_used_when_one_is_full(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.last_port = PORT_MIN + 3;
	config.relays[1] = (struct turn_relay_address){at("203.0.113.11"), at("203.0.113.11")};
	struct fixture *f = fixture_create(&config);
	unsigned n[2] = {0, 0};
	for (unsigned i = 0; i < 8; i++) {
		struct client c = new_client(f, i);
		struct addr relayed;
		assert_int_equal(client_allocate(&c, &relayed), 0);
		n[relayed.ip[15] == 11]++;
	}
	assert_int_equal(n[0], 4);
	assert_int_equal(n[1], 4);
	fixture_destroy(f);
}

static void port_that_somebody_else_holds_is_passed_over(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	f->fail_code = -EADDRINUSE;
	f->fail_n = 5;
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(f->n_opened, 6);
}

/* Whatever fails, no port number is lost by it. */
static void failed_openings_give_their_numbers_back(void **state)
{
	static const int codes[] = {-EADDRINUSE, -EMFILE, -ENOMEM};
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.last_port = PORT_MIN + 1;
	struct fixture *f = fixture_create(&config);
	struct client c = new_client(f, 0), d = new_client(f, 1);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		f->fail_code = codes[i];
		f->fail_n = 1000;
		assert_int_equal(client_allocate(&c, NULL), STUN_INSUFFICIENT_CAPACITY);
		assert_in_range(f->fail_n, 1000 - 64, 999); /* it gives up */
		f->fail_n = 0;
	}
	assert_int_equal(turn_server_allocations(f->server), 0);

	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(client_allocate(&d, NULL), 0);
	fixture_destroy(f);
}

/* With no buffer free the answer is lost as if on the way; the retransmission finds it done. */
static void answer_lost_for_want_of_a_buffer_comes_with_the_retransmission(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client(f, 0);
	struct request r;
	struct reply reply;
	struct net_buf *held;
	client_challenge(&c);
	request_begin_allocate(&r);
	request_sign(&r, &c);
	held = fixture_hold(f, 1); /* for what arrives */
	request_send(&r, &c, &reply);
	assert_false(reply.is_there);
	assert_int_equal(fixture_count(f, TURN_C_NO_BUFFER), 1);
	fixture_release(f, held);

	request_send(&r, &c, &reply);

	assert_int_equal(reply.code, 0);
	assert_int_equal(fixture_count(f, TURN_C_ALLOCATE_OK), 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(allocation_answer_has_what_the_rfc_lists),
		T(malformed_or_contradictory_requests_are_400),
		T(transport_other_than_udp_and_tcp_is_442),
		T(reserved_bits_are_ignored),
		T(dont_fragment_is_accepted),
		T(second_allocation_on_a_tuple_is_437),
		T(retransmission_is_answered_alike),
		T(the_same_client_address_on_two_listeners_is_two_tuples),
		T(lifetime_is_between_default_and_maximum),
		cmocka_unit_test(lifetime_ends_with_the_credential_and_its_grace),
		cmocka_unit_test(allocations_without_a_free_port_are_508),
		cmocka_unit_test(second_relay_address_is_used_when_one_is_full),
		T(port_that_somebody_else_holds_is_passed_over),
		cmocka_unit_test(failed_openings_give_their_numbers_back),
		T(answer_lost_for_want_of_a_buffer_comes_with_the_retransmission),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
