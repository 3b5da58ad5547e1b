/* SPDX-License-Identifier: BSD-3-Clause */
/* One relay port for all allocations: who gets what arrives, and from where things are sent. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SHARED 40000
#define PEER   "198.51.100.7:5000"
#define OTHER  "198.51.100.7:5001" /* the same host */
#define THIRD  "198.51.100.9:5000"

static int setup(void **state)
{
	struct fixture_config c;

	fixture_defaults(&c);
	c.turn.shared_port = SHARED;
	*state = fixture_create(&c);
	return 0;
}

static struct addr shared_port(void)
{
	return at(RELAY4 ":40000");
}

static struct client allocated(void **state, const char *where)
{
	struct addr relayed, shared = shared_port();
	struct client c;

	client_init(&c, *state, where);
	assert_int_equal(client_allocate(&c, &relayed), 0);
	assert_true(addr_equal(&relayed, &shared));
	return c;
}

static void permitted(struct client *c, const char *peer)
{
	assert_int_equal(client_permit(c, peer), 0);
}

static void arrives(struct client *c, const char *peer)
{
	struct addr from = at(peer), to = shared_port();

	wire_from_peer(c->f, &to, &from, "down", 4);
}

/* Sends and returns the port it left from; 0: nothing left. */
static uint16_t sent_from(struct client *c, const char *peer)
{
	struct addr to = at(peer);

	client_send(c, peer, "up", 2);
	const struct packet *p = wire_take(c->f);
	if (!p)
		return 0;
	assert_true(addr_equal(&p->to, &to));
	assert_memory_equal(p->data, "up", 2);
	return p->from.port;
}

/* ---- one client for each peer ---- */

static void allocations_share_the_port_and_are_told_apart_by_peer(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");

	permitted(&a, PEER);
	permitted(&b, THIRD);

	assert_int_equal(sent_from(&a, PEER), SHARED);
	assert_int_equal(sent_from(&b, THIRD), SHARED);
	arrives(&a, PEER);
	assert_data(&a, PEER, "down", 4);
	arrives(&b, THIRD);
	assert_data(&b, THIRD, "down", 4);
}

static void channels_work_on_the_shared_port(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");
	struct addr shared = shared_port();

	assert_int_equal(client_bind(&a, 0x4000, PEER), 0);
	assert_int_equal(client_bind(&b, 0x4000, OTHER), 0);

	client_channel(&a, 0x4000, "up", 2);
	assert_to_peer(&a, &shared, PEER, "up", 2);
	client_channel(&b, 0x4000, "up", 2);
	assert_to_peer(&b, &shared, OTHER, "up", 2);
	arrives(&a, PEER);
	assert_channel(&a, 0x4000, "down", 4);
	arrives(&b, OTHER);
	assert_channel(&b, 0x4000, "down", 4);
}

/* A peer behind a NAT speaks from a port that nobody knew. */
static void unknown_port_of_a_permitted_host_reaches_the_only_one_that_permits_it(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000");

	permitted(&a, PEER);
	arrives(&a, OTHER);

	assert_data(&a, OTHER, "down", 4);
}

static void stranger_is_dropped(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000");

	permitted(&a, PEER);
	arrives(&a, THIRD);

	assert_silence(*state);
	assert_int_equal(fixture_count(*state, TURN_C_PEER_DROPPED), 1);
}

/* ---- two clients and one peer ---- */

static void second_client_of_a_peer_sends_from_a_port_of_its_own(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");
	struct addr peer = at(PEER);

	permitted(&a, PEER);
	permitted(&b, PEER);
	assert_int_equal(sent_from(&a, PEER), SHARED);
	uint16_t own = sent_from(&b, PEER);
	assert_in_range(own, PORT_MIN, PORT_MAX);
	assert_int_equal(fixture_count(*state, TURN_C_SHARED_OWN_PORT), 1);

	/* Each keeps its port, and what comes back finds its way. */
	assert_int_equal(sent_from(&a, PEER), SHARED);
	assert_int_equal(sent_from(&b, PEER), own);
	arrives(&a, PEER);
	assert_data(&a, PEER, "down", 4);
	struct addr to = at(RELAY4);
	to.port = own;
	wire_from_peer(*state, &to, &peer, "down", 4);
	assert_data(&b, PEER, "down", 4);
}

static void second_channel_to_a_peer_has_a_port_of_its_own(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");
	struct addr shared = shared_port();

	assert_int_equal(client_bind(&a, 0x4000, PEER), 0);
	assert_int_equal(client_bind(&b, 0x4000, PEER), 0);
	assert_int_equal(client_bind(&b, 0x4000, PEER), 0); /* refreshed: still that one */
	client_channel(&a, 0x4000, "up", 2);
	assert_to_peer(&a, &shared, PEER, "up", 2);
	client_channel(&b, 0x4000, "up", 2);
	const struct packet *p = wire_take(*state);
	assert_non_null(p);
	assert_in_range(p->from.port, PORT_MIN, PORT_MAX);
	assert_int_equal(client_bind(&b, 0x4001, PEER), STUN_BAD_REQUEST);
}

static void own_port_serves_every_peer_that_needs_it(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");

	permitted(&a, PEER);
	permitted(&b, PEER);
	(void)sent_from(&a, PEER);
	(void)sent_from(&a, OTHER);
	uint16_t own = sent_from(&b, PEER);

	assert_int_equal(sent_from(&b, OTHER), own);
	assert_int_equal(fixture_count(*state, TURN_C_SHARED_OWN_PORT), 1);
}

/* Whose it is cannot be said: better lost than given to the wrong client. */
static void unknown_port_of_a_host_that_two_permit_is_dropped(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");

	permitted(&a, PEER);
	permitted(&b, PEER);
	arrives(&a, PEER);

	assert_silence(*state);
	assert_int_equal(fixture_count(*state, TURN_C_SHARED_AMBIGUOUS), 1);
}

/* ---- ends ---- */

static void a_peer_is_free_when_permission_and_channel_are_gone(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");

	permitted(&a, PEER);
	assert_int_equal(sent_from(&a, PEER), SHARED);
	fixture_pass_s(*state, 301);
	permitted(&b, PEER);

	assert_int_equal(sent_from(&b, PEER), SHARED);
	assert_int_equal(sent_from(&a, PEER), 0);
}

static void a_channel_holds_its_peer_when_the_permission_is_gone(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");

	assert_int_equal(client_bind(&a, 0x4000, PEER), 0);
	fixture_pass_s(*state, 301);
	assert_int_equal(client_bind(&b, 0x4000, PEER), 0);

	client_channel(&b, 0x4000, "up", 2);
	assert_in_range(wire_take(*state)->from.port, PORT_MIN, PORT_MAX);
	permitted(&a, PEER);
	arrives(&a, PEER);
	assert_channel(&a, 0x4000, "down", 4);
}

static void deleted_allocation_leaves_the_port_to_the_others(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");

	permitted(&a, PEER);
	permitted(&b, PEER);
	(void)sent_from(&a, PEER);
	(void)sent_from(&b, PEER);
	assert_int_equal(client_refresh(&b, 0, NULL), 0);
	assert_int_equal(client_refresh(&a, 0, NULL), 0);
	struct client c = allocated(state, "192.0.2.3:1000");
	permitted(&c, PEER);

	assert_int_equal(sent_from(&c, PEER), SHARED);
	arrives(&c, PEER);
	assert_data(&c, PEER, "down", 4);
}

/* ---- bounds and refusals ---- */

static void meetings_are_bounded(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000");
	char peer[40];
	unsigned n = 0;

	permitted(&a, PEER);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(peer, sizeof(peer), "198.51.100.7:%u", 1000 + i);
		n += sent_from(&a, peer) != 0;
	}

	assert_in_range(n, 1, 100);
	assert_int_equal(fixture_count(*state, TURN_C_SEND_DROPPED), 1000 - n);
}

static void no_port_of_its_own_left_is_a_refusal(void **state)
{
	struct fixture *f = *state;
	struct client a = allocated(state, "192.0.2.1:1000"),
		      b = allocated(state, "192.0.2.2:1000");

	assert_int_equal(client_bind(&a, 0x4000, PEER), 0);
	f->fail_code = -EMFILE;
	f->fail_n = 1;
	assert_int_equal(client_bind(&b, 0x4000, PEER), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(client_bind(&b, 0x4000, PEER), 0);
}

static void the_shared_port_itself_is_no_peer(void **state)
{
	struct client a = allocated(state, "192.0.2.1:1000");

	assert_int_equal(client_bind(&a, 0x4000, RELAY4 ":40000"), STUN_FORBIDDEN);
}

/* RFC 8656 §7.2: who asks for an even port and its neighbour wants ports of its own. */
static void even_port_is_not_shared(void **state)
{
	struct addr relayed;
	uint8_t token[8];
	struct client a;

	client_init(&a, *state, "192.0.2.1:1000");
	assert_int_equal(client_reserve(&a, &relayed, token), 0);
	assert_in_range(relayed.port, PORT_MIN, PORT_MAX);
}

static void each_worker_has_the_next_number(void **state)
{
	struct fixture_config c;
	struct fixture *both[2];
	struct addr first = at(RELAY4 ":40000"), second = at(RELAY4 ":40001");

	(void)state;
	fixture_defaults(&c);
	c.turn.shared_port = SHARED;
	fixture_create_joined(&c, both, 2);
	assert_non_null(wire_find(both[0], &first));
	assert_non_null(wire_find(both[1], &second));
	fixture_destroy(both[0]);
	fixture_destroy(both[1]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(allocations_share_the_port_and_are_told_apart_by_peer),
		T(channels_work_on_the_shared_port),
		T(unknown_port_of_a_permitted_host_reaches_the_only_one_that_permits_it),
		T(stranger_is_dropped),
		T(second_client_of_a_peer_sends_from_a_port_of_its_own),
		T(second_channel_to_a_peer_has_a_port_of_its_own),
		T(own_port_serves_every_peer_that_needs_it),
		T(unknown_port_of_a_host_that_two_permit_is_dropped),
		T(a_peer_is_free_when_permission_and_channel_are_gone),
		T(a_channel_holds_its_peer_when_the_permission_is_gone),
		T(deleted_allocation_leaves_the_port_to_the_others),
		T(meetings_are_bounded),
		T(no_port_of_its_own_left_is_a_refusal),
		T(the_shared_port_itself_is_no_peer),
		T(even_port_is_not_shared),
		cmocka_unit_test(each_worker_has_the_next_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
