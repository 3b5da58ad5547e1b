/* SPDX-License-Identifier: BSD-3-Clause */
/* 300 Try Alternate, RFC 8489 §10: who is sent where. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sallyport/turn/redirect.h>

#define ALTERNATE4 "198.51.100.77:3479"
#define ALTERNATE6 "[2001:db8:7::7]:3478"

/* One alternate of each family, "av2.example.com", with TLS on 443. */
static struct turn_redirect *redirect(size_t n)
{
	static const char *const addresses[] = {ALTERNATE4, ALTERNATE6};
	struct turn_redirect *r = calloc(1, sizeof(*r) + n * sizeof(struct turn_alternate));

	assert_non_null(r);
	r->n_alternates = n;
	for (size_t i = 0; i < n; i++)
		r->alternates[i] = (struct turn_alternate){.address = at(addresses[i % 2]),
			.tls_port = 443,
			.domain = "av2.example.com"};
	return r;
}

static void drain(struct fixture *f, size_t n_alternates)
{
	struct turn_redirect *r = redirect(n_alternates);

	r->is_draining = true;
	turn_server_redirect(f->server, r);
}

/* The code of a whole Allocate, and its answer. */
static unsigned allocate(struct client *c, struct reply *out)
{
	struct request r;

	client_challenge(c);
	request_begin_allocate(&r);
	return client_ask(c, &r, out);
}

static void assert_alternate(const struct reply *r, const char *want)
{
	struct stun_attr a;
	struct addr got, wanted = at(want);

	assert_true(stun_attr_find(&r->msg, STUN_ALTERNATE_SERVER, &a));
	assert_int_equal(stun_attr_address(&a, &got), 0);
	assert_true(addr_equal(&got, &wanted));
}

static void draining_node_names_an_alternate_of_the_clients_family(void **state)
{
	struct client c4, c6;
	struct reply r;

	drain(*state, 2);
	client_init(&c4, *state, "192.0.2.1:40000");
	assert_int_equal(allocate(&c4, &r), STUN_TRY_ALTERNATE);
	assert_alternate(&r, ALTERNATE4);
	assert_false(reply_has(&r, STUN_ALTERNATE_DOMAIN));
	client_init(&c6, *state, "[2001:db8::1]:40000");
	assert_int_equal(allocate(&c6, &r), STUN_TRY_ALTERNATE);
	assert_alternate(&r, ALTERNATE6);
	assert_int_equal(fixture_count(*state, TURN_C_REDIRECTED), 2);
	assert_int_equal(turn_server_allocations(((struct fixture *)*state)->server), 0);
}

/* The answer is worth nothing to a client that cannot tell who sent it. */
static void redirect_is_signed_and_strangers_learn_nothing(void **state)
{
	struct client c;
	struct request ask;
	struct reply r;

	drain(*state, 2);
	client_init(&c, *state, "192.0.2.1:40000");
	request_begin_allocate(&ask);
	request_send(&ask, &c, &r);
	assert_int_equal(r.code, STUN_UNAUTHORIZED);
	assert_false(reply_has(&r, STUN_ALTERNATE_SERVER));
	assert_int_equal(allocate(&c, &r), STUN_TRY_ALTERNATE);
	assert_true(r.is_signed);
}

/* §14.16: a client of TLS or DTLS gets the port for it and the name in the certificate. */
static void client_on_tls_gets_port_and_domain(void **state)
{
	static const enum auth_transport secure[] = {AUTH_TLS, AUTH_DTLS};
	struct fixture *f = *state;
	struct stun_attr a;
	struct bytes domain;
	struct reply r;

	drain(f, 1);
	for (size_t i = 0; i < ARRAY_LEN(secure); i++) {
		struct client c;
		client_init(&c, f, "192.0.2.1:40000");
		c.where.transport = secure[i];
		assert_int_equal(allocate(&c, &r), STUN_TRY_ALTERNATE);
		assert_alternate(&r, "198.51.100.77:443");
		assert_true(stun_attr_find(&r.msg, STUN_ALTERNATE_DOMAIN, &a));
		assert_int_equal(stun_attr_text(&a, &domain), 0);
		assert_true(bytes_equal(domain, bytes_str("av2.example.com")));
	}
}

static void without_an_alternate_that_suits_there_is_no_room(void **state)
{
	struct fixture *f = *state;
	struct turn_redirect *r = redirect(1);
	struct client c4, c6, tls;
	struct reply reply;

	r->is_draining = true;
	r->alternates[0].tls_port = 0;
	turn_server_redirect(f->server, r);
	client_init(&c6, f, "[2001:db8::1]:40000");
	assert_int_equal(allocate(&c6, &reply), STUN_INSUFFICIENT_CAPACITY);
	client_init(&tls, f, "192.0.2.1:40000");
	tls.where.transport = AUTH_TLS;
	assert_int_equal(allocate(&tls, &reply), STUN_INSUFFICIENT_CAPACITY);
	client_init(&c4, f, "192.0.2.1:40001");
	assert_int_equal(allocate(&c4, &reply), STUN_TRY_ALTERNATE);

	drain(f, 0);
	assert_int_equal(allocate(&c4, &reply), STUN_INSUFFICIENT_CAPACITY);
}

static void alternate_of_another_location_is_not_named(void **state)
{
	struct fixture *f = *state;
	struct turn_redirect *r = redirect(1);
	struct client c;
	struct reply reply;

	r->is_draining = true;
	r->alternates[0].locations = AUTH_INTRANET;
	turn_server_redirect(f->server, r);
	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(allocate(&c, &reply), STUN_INSUFFICIENT_CAPACITY);
}

static void what_runs_on_a_draining_node_goes_on(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct addr relayed;
	uint32_t granted;

	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, &relayed), 0);
	drain(f, 2);

	assert_int_equal(client_refresh(&c, 600, &granted), 0);
	assert_int_equal(granted, 600);
	assert_int_equal(client_bind(&c, 0x4000, "198.51.100.7:5000"), 0);
	client_channel(&c, 0x4000, "still", 5);
	assert_to_peer(&c, &relayed, "198.51.100.7:5000", "still", 5);
}

/* The second of a pair of ports belongs to the first, which runs here. */
static void reserved_port_is_given_out_while_draining(void **state)
{
	struct fixture *f = *state;
	struct client first, second;
	struct request ask;
	struct reply r;
	struct addr relayed;
	uint8_t token[8];

	client_init(&first, f, "192.0.2.1:40000");
	assert_int_equal(client_reserve(&first, &relayed, token), 0);
	drain(f, 2);
	client_init(&second, f, "192.0.2.1:40002");
	request_claim(&ask, &second, token);

	request_send(&ask, &second, &r);
	assert_int_equal(r.code, 0);
}

static void load_above_the_mark_is_redirected_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct turn_redirect *r = redirect(1);
	struct client c[3];
	struct reply reply;

	r->above = 2;
	turn_server_redirect(f->server, r);
	client_init(&c[0], f, "192.0.2.1:40000");
	client_init(&c[1], f, "192.0.2.2:40000");
	client_init(&c[2], f, "192.0.2.3:40000");
	assert_int_equal(allocate(&c[0], &reply), 0);
	assert_int_equal(allocate(&c[1], &reply), 0);
	assert_int_equal(allocate(&c[2], &reply), STUN_TRY_ALTERNATE);
	assert_int_equal(client_refresh(&c[0], 0, NULL), 0);
	assert_int_equal(allocate(&c[2], &reply), 0);
}

/* Load is no reason to turn away whom nobody else would take. */
static void load_without_an_alternate_is_served(void **state)
{
	struct fixture *f = *state;
	struct turn_redirect *r = redirect(0);
	struct client c[2];

	r->above = 1;
	turn_server_redirect(f->server, r);
	client_init(&c[0], f, "192.0.2.1:40000");
	client_init(&c[1], f, "192.0.2.2:40000");
	assert_int_equal(client_allocate(&c[0], NULL), 0);
	assert_int_equal(client_allocate(&c[1], NULL), 0);
}

static void new_clients_are_welcome_again(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct reply r;

	drain(f, 1);
	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(allocate(&c, &r), STUN_TRY_ALTERNATE);
	turn_server_redirect(f->server, NULL);
	assert_int_equal(allocate(&c, &r), 0);
}

/* Clients are spread over the alternates; one client is always sent to the same. */
static void clients_are_spread(void **state)
{
	struct fixture *f = *state;
	struct turn_redirect *r = redirect(3);
	unsigned seen[2] = {0};

	r->is_draining = true;
	r->alternates[1].address = at("198.51.100.78:3479");
	r->n_alternates = 2;
	turn_server_redirect(f->server, r);
	for (unsigned i = 0; i < 40; i++) {
		struct client c;
		struct reply first, second;
		struct stun_attr a;
		struct addr to[2];
		char text[32];
		snprintf(text, sizeof(text), "192.0.2.%u:40000", i + 1);
		client_init(&c, f, text);
		assert_int_equal(allocate(&c, &first), STUN_TRY_ALTERNATE);
		assert_true(stun_attr_find(&first.msg, STUN_ALTERNATE_SERVER, &a));
		assert_int_equal(stun_attr_address(&a, &to[0]), 0);
		assert_int_equal(allocate(&c, &second), STUN_TRY_ALTERNATE);
		assert_true(stun_attr_find(&second.msg, STUN_ALTERNATE_SERVER, &a));
		assert_int_equal(stun_attr_address(&a, &to[1]), 0);
		assert_true(addr_equal(&to[0], &to[1]));
		seen[to[0].ip[15] == 78]++;
	}
	assert_true(seen[0] > 5 && seen[1] > 5); /* under a fair coin, all but certain */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest t[] = {
		T(draining_node_names_an_alternate_of_the_clients_family),
		T(redirect_is_signed_and_strangers_learn_nothing),
		T(client_on_tls_gets_port_and_domain),
		T(without_an_alternate_that_suits_there_is_no_room),
		T(alternate_of_another_location_is_not_named),
		T(what_runs_on_a_draining_node_goes_on),
		T(reserved_port_is_given_out_while_draining),
		T(load_above_the_mark_is_redirected_and_no_other),
		T(load_without_an_alternate_is_served),
		T(new_clients_are_welcome_again),
		T(clients_are_spread),
	};
#undef T
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
