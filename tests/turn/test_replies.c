/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers to strangers per source prefix: the table alone, and the server on it. */
#include "client.h"

#include "../../src/turn/replies.h"

#define MS UINT64_C(1000000)

/* ---- the table ---- */

static int table_setup(void **state)
{
	*state = turn_replies_create();
	assert_non_null(*state);
	return 0;
}

static int table_teardown(void **state)
{
	turn_replies_destroy(*state);
	return 0;
}

/* How many of N tries at this moment pass, one each 10 ms allowed. */
static unsigned passed(struct turn_replies *r, const char *source, unsigned n, uint64_t now_ms)
{
	struct addr a = at(source);
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++)
		count += turn_replies_pass(r, TURN_REPLY_CHALLENGE, &a, 10 * MS, now_ms);
	return count;
}

static void prefixes_are_24_and_48_bits(void **state)
{
	static const char *const pairs[][2] = {{"203.0.113.77:4000", "203.0.113.0/24"},
		{"[2001:db8:1:2::7]:4000", "2001:db8:1::/48"}};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct addr a = at(pairs[i][0]);
		char text[ADDR_TEXT_LEN];
		struct prefix p = turn_replies_prefix(&a);
		assert_string_equal(prefix_format(&p, text), pairs[i][1]);
		assert_true(prefix_contains(&p, &a));
	}
}

static void prefix_gets_a_second_at_once_and_then_its_rate(void **state)
{
	unsigned count = 0;
	assert_int_equal(passed(*state, "203.0.113.1", 1000, 5000), 100);
	for (uint64_t ms = 5001; ms <= 15000; ms++)
		count += passed(*state, "203.0.113.1", 5, ms);
	assert_int_equal(count, 1000);
	assert_int_equal(passed(*state, "203.0.113.1", 1000, 999000), 100);
}

static void addresses_of_a_prefix_share_and_others_lose_nothing(void **state)
{
	assert_int_equal(passed(*state, "203.0.113.1", 60, 5000), 60);
	assert_int_equal(passed(*state, "203.0.113.255", 60, 5000), 40);
	assert_int_equal(passed(*state, "203.0.112.1", 60, 5000), 60);
	assert_int_equal(passed(*state, "2001:db8:1:1::1", 60, 5000), 60);
	assert_int_equal(passed(*state, "2001:db8:1:2::1", 60, 5000), 40);
	assert_int_equal(passed(*state, "2001:db8:2::1", 60, 5000), 60);
}

static void kinds_have_buckets_of_their_own(void **state)
{
	struct addr a = at("203.0.113.1");
	assert_int_equal(passed(*state, "203.0.113.1", 1000, 5000), 100);
	assert_true(turn_replies_pass(*state, TURN_REPLY_BINDING, &a, 10 * MS, 5000));
}

static void slow_rate_lets_four_through_at_once(void **state)
{
	struct addr a = at("203.0.113.1");
	unsigned count = 0;
	for (unsigned i = 0; i < 10; i++)
		count += turn_replies_pass(*state, TURN_REPLY_BINDING, &a, 2000 * MS, 5000);
	assert_int_equal(count, 4);
	assert_false(turn_replies_pass(*state, TURN_REPLY_BINDING, &a, 2000 * MS, 6999));
	assert_true(turn_replies_pass(*state, TURN_REPLY_BINDING, &a, 2000 * MS, 7000));
}

/* Others draw on each of its two buckets at times of their own; that must never add to its share.
 */
static void crowd_takes_from_a_prefix_but_never_gives(void **state)
{
	unsigned count = 0;
	uint32_t random = 1;
	for (uint64_t ms = 5000; ms < 15000; ms++) {
		for (unsigned i = 0; i < 100; i++) {
			random = random * 1664525 + 1013904223;
			struct addr a = addr_ipv4(random, 0);
			(void)turn_replies_pass(*state, TURN_REPLY_CHALLENGE, &a, 10 * MS, ms);
		}
		count += passed(*state, "203.0.113.1", 5, ms);
	}
	assert_true(count <= 1100);
	assert_true(count >= 500);
}

/* 100,000 packets a second from everywhere are 24 for each bucket, which allows 100. */
static void flood_from_everywhere_leaves_room_for_a_newcomer(void **state)
{
	uint32_t random = 1;
	for (uint64_t ms = 5000; ms < 8000; ms++) {
		for (unsigned i = 0; i < 100; i++) {
			random = random * 1664525 + 1013904223;
			struct addr a = addr_ipv4(random, 0);
			(void)turn_replies_pass(*state, TURN_REPLY_CHALLENGE, &a, 10 * MS, ms);
		}
	}
	assert_int_equal(passed(*state, "203.0.113.1", 10, 8000), 10);
}

/* ---- the server ---- */

static struct fixture *make(uint32_t challenge_rate, uint32_t binding_rate, unsigned n_workers)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.turn.challenge_rate = challenge_rate;
	config.turn.binding_rate = binding_rate;
	config.n_workers = n_workers;
	return fixture_create(&config);
}

static int setup(void **state)
{
	*state = make(20, 30, 1);
	return 0;
}

/* How many of N bare requests of METHOD from C's prefix are answered. */
static unsigned answered(struct client *c, enum stun_method method, unsigned n)
{
	struct turn_client was = c->where;
	struct request r;
	struct reply reply;
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++) {
		c->where.addr.ip[15] = (uint8_t)i;
		c->where.addr.port = (uint16_t)(1024 + i);
		request_begin(&r, method);
		request_send(&r, c, &reply);
		count += reply.is_there;
	}
	c->where = was;
	return count;
}

static void challenges_over_the_rate_are_dropped_and_counted(void **state)
{
	struct fixture *f = *state;
	struct client c, other;
	client_init(&c, f, "192.0.2.1:40000");
	client_init(&other, f, "192.0.3.1:40000");

	assert_int_equal(answered(&c, STUN_ALLOCATE, 100), 20);

	assert_int_equal(fixture_count(f, TURN_C_CHALLENGE), 20);
	assert_int_equal(fixture_count(f, TURN_C_LIMITED_CHALLENGE), 80);
	assert_int_equal(answered(&c, STUN_BINDING, 1), 1);
	assert_int_equal(client_allocate(&other, NULL), 0);
	fixture_pass_s(f, 1);
	assert_int_equal(answered(&c, STUN_ALLOCATE, 100), 20);
}

static void bindings_have_a_rate_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");

	assert_int_equal(answered(&c, STUN_BINDING, 100), 30);

	assert_int_equal(fixture_count(f, TURN_C_BINDING), 30);
	assert_int_equal(fixture_count(f, TURN_C_LIMITED_BINDING), 70);
	assert_int_equal(answered(&c, STUN_ALLOCATE, 1), 1);
}

static void wrong_passwords_count_as_strangers(void **state)
{
	struct fixture *f = *state;
	struct client c;
	unsigned count = 0;
	client_init(&c, f, "192.0.2.1:40000");
	client_challenge(&c);
	c.credential.password[0] ^= 1;

	for (unsigned i = 0; i < 100; i++) {
		struct request r;
		struct reply reply;
		request_begin_allocate(&r);
		request_sign(&r, &c);
		request_send(&r, &c, &reply);
		count += reply.is_there;
	}

	assert_int_equal(count, 19);
	assert_int_equal(fixture_count(f, TURN_C_REFUSED_401), 19);
	assert_int_equal(fixture_count(f, TURN_C_AUTH_FAILURE + AUTH_BAD_INTEGRITY - 1), 100);
	assert_int_equal(fixture_count(f, TURN_C_LIMITED_CHALLENGE), 81);
}

static void right_credential_and_nonce_are_never_limited(void **state)
{
	struct fixture *f = *state;
	struct client c, fresh;
	client_init(&c, f, "192.0.2.1:40000");
	client_init(&fresh, f, "192.0.2.1:40001");
	client_challenge(&fresh);
	assert_int_equal(client_allocate(&c, NULL), 0);
	(void)answered(&c, STUN_ALLOCATE, 100);

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(client_refresh(&c, 600, NULL), 0);
	assert_int_equal(client_permit(&c, "198.51.100.7"), 0);
	assert_int_equal(client_permit(&c, "127.0.0.1"), STUN_FORBIDDEN);
	assert_int_equal(client_allocate(&fresh, NULL), 0);
}

/* Nonces run out while an allocation lives; its owner must get the next one. */
static void holder_of_an_allocation_gets_a_new_nonce_in_a_flood(void **state)
{
	struct fixture *f = *state;
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, NULL), 0);
	assert_int_equal(client_refresh(&c, 3600, NULL), 0);
	fixture_pass_s(f, 700);
	assert_int_equal(answered(&c, STUN_ALLOCATE, 100), 20);

	assert_int_equal(client_refresh(&c, 600, NULL), 0);
	assert_int_equal(fixture_count(f, TURN_C_STALE_NONCE), 1);
}

/* Whoever takes its address without its key is as limited as all others. */
static void address_of_an_allocation_alone_is_no_pass(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct request r;
	struct reply reply;
	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, NULL), 0);
	(void)answered(&c, STUN_ALLOCATE, 100);
	c.credential.password[0] ^= 1;
	c.nonce[0] ^= 1;

	request_begin(&r, STUN_REFRESH);
	request_sign(&r, &c);
	request_send(&r, &c, &reply);

	assert_false(reply.is_there);
}

/* The address of a connection cannot be forged. */
static void connections_are_not_limited(void **state)
{
	struct client c;
	client_init(&c, *state, "192.0.2.1:40000");
	c.where.transport = AUTH_TCP;
	assert_int_equal(answered(&c, STUN_ALLOCATE, 100), 100);
	assert_int_equal(answered(&c, STUN_BINDING, 100), 100);
}

static void zero_is_no_limit_and_a_reload_changes_it(void **state)
{
	struct fixture *f = *state;
	struct turn_config config = f->config.turn;
	struct client c;
	config.challenge_rate = config.binding_rate = 0;
	struct turn_snapshot *s = fixture_snapshot(f, &config);
	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(answered(&c, STUN_BINDING, 100), 30);

	turn_server_snapshot(f->server, s);

	assert_int_equal(answered(&c, STUN_BINDING, 100), 100);
	assert_int_equal(answered(&c, STUN_ALLOCATE, 100), 100);
	turn_snapshot_put(s);
}

static void workers_share_the_rate(void **state)
{
	struct fixture *f = make(20, 32, 4);
	struct client c;
	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(answered(&c, STUN_ALLOCATE, 100), 5);
	assert_int_equal(answered(&c, STUN_BINDING, 100), 8);
	fixture_destroy(f);
}

#define TABLE(test)  cmocka_unit_test_setup_teardown(test, table_setup, table_teardown)
#define SERVER(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(prefixes_are_24_and_48_bits),
		TABLE(prefix_gets_a_second_at_once_and_then_its_rate),
		TABLE(addresses_of_a_prefix_share_and_others_lose_nothing),
		TABLE(kinds_have_buckets_of_their_own),
		TABLE(slow_rate_lets_four_through_at_once),
		TABLE(crowd_takes_from_a_prefix_but_never_gives),
		TABLE(flood_from_everywhere_leaves_room_for_a_newcomer),
		SERVER(challenges_over_the_rate_are_dropped_and_counted),
		SERVER(bindings_have_a_rate_of_their_own),
		SERVER(wrong_passwords_count_as_strangers),
		SERVER(right_credential_and_nonce_are_never_limited),
		SERVER(holder_of_an_allocation_gets_a_new_nonce_in_a_flood),
		SERVER(address_of_an_allocation_alone_is_no_pass),
		SERVER(connections_are_not_limited),
		SERVER(zero_is_no_limit_and_a_reload_changes_it),
		cmocka_unit_test(workers_share_the_rate),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
