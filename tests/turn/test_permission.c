/* SPDX-License-Identifier: BSD-3-Clause */
/* CreatePermission and what a permission lets through, RFC 8656 §9 and §10. */
#include "client.h"

#include <string.h>

#define PEER      "198.51.100.7:5000"
#define LIMIT     8 /* the box's max_permissions */
#define ADDR_LIST 12

static struct client allocated(void **state, struct addr *relayed)
{
	struct client c;
	client_init(&c, *state, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, relayed), 0);
	return c;
}

/* One request for several peers; NULL ends them. */
static unsigned permit_all(struct client *c, const char *const *peers)
{
	struct request r;
	struct reply reply;
	request_begin(&r, STUN_CREATE_PERMISSION);
	for (; *peers; peers++) {
		struct addr a = at(*peers);
		stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &a);
	}
	return client_ask(c, &r, &reply);
}

/* Does a datagram of PEER come through to the client? */
static bool passes(struct client *c, const struct addr *relayed, const char *peer)
{
	struct addr from = at(peer);
	wire_from_peer(c->f, relayed, &from, "ping", 4);
	if (c->f->n_sent == 0)
		return false;
	assert_data(c, peer, "ping", 4);
	return true;
}

static bool is_sent(struct client *c, const struct addr *relayed, const char *peer)
{
	client_send(c, peer, "pong", 4);
	if (c->f->n_sent == 0)
		return false;
	assert_to_peer(c, relayed, peer, "pong", 4);
	return true;
}

static void nothing_passes_without_a_permission(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_false(passes(&c, &relayed, PEER));
	assert_false(is_sent(&c, &relayed, PEER));
	assert_int_equal(fixture_count(*state, TURN_C_PEER_DROPPED), 1);
	assert_int_equal(fixture_count(*state, TURN_C_SEND_DROPPED), 1);
}

/* §9: only addresses are compared */
static void permission_is_for_an_address_and_all_its_ports(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_permit(&c, PEER), 0);
	assert_true(passes(&c, &relayed, PEER));
	assert_true(passes(&c, &relayed, "198.51.100.7:1"));
	assert_false(passes(&c, &relayed, "198.51.100.8:5000"));
	assert_true(is_sent(&c, &relayed, PEER));
	assert_true(is_sent(&c, &relayed, "198.51.100.7:65535"));
	assert_false(is_sent(&c, &relayed, "198.51.100.8:5000"));
}

/* §10.2: the port may be any value, zero too */
static void port_of_a_permission_is_ignored(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_permit(&c, "198.51.100.7:0"), 0);
	assert_true(passes(&c, &relayed, PEER));
}

static void one_request_may_name_several_peers(void **state)
{
	static const char *const peers[] = {PEER, "198.51.100.8", "198.51.100.9", NULL};
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(permit_all(&c, peers), 0);
	for (size_t i = 0; peers[i]; i++)
		assert_true(passes(&c, &relayed,
			i == 0   ? PEER
			: i == 1 ? "198.51.100.8:1"
				 : "198.51.100.9:1"));
	assert_int_equal(fixture_count(*state, TURN_C_PERMISSION_OK), 1);
}

static void refused_request_installs_nothing(void **state)
{
	static const struct {
		const char *const peers[ADDR_LIST];
		unsigned code;
	} cases[] = {
		{{PEER, "10.0.0.1", NULL}, STUN_FORBIDDEN},
		{{"10.0.0.1", PEER, NULL}, STUN_FORBIDDEN},
		{{PEER, "2001:db8:2::1", NULL}, STUN_FAMILY_MISMATCH},
		{{PEER, "198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4",
			 "198.51.100.5", "198.51.100.6", "198.51.100.8", "198.51.100.9", NULL},
			STUN_INSUFFICIENT_CAPACITY},
	};
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(permit_all(&c, cases[i].peers), cases[i].code);
		assert_false(passes(&c, &relayed, PEER));
	}
	assert_int_equal(fixture_count(*state, TURN_C_PERMISSION_OK), 0);
}

static void request_without_a_valid_peer_is_400(void **state)
{
	static const char *const good[] = {PEER, NULL};
	static const uint8_t bad[][8] = {
		{0, 3, 0, 0, 1, 2, 3, 4}, /* no such family */
		{0, 1, 0, 0, 1, 2, 3, 4}, /* right but for its length, see below */
		{0, 2, 0, 0, 1, 2, 3, 4}, /* too short for IPv6 */
	};
	struct addr relayed, peer = at(good[0]);
	struct client c = allocated(state, &relayed);
	struct request r;
	struct reply reply;
	request_begin(&r, STUN_CREATE_PERMISSION);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		request_begin(&r, STUN_CREATE_PERMISSION);
		stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
		stun_write_bytes(&r.w, STUN_XOR_PEER_ADDRESS, bad[i], i == 1 ? 7 : 8);
		assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	}
	assert_false(passes(&c, &relayed, PEER));
}

static void peer_of_the_other_family_is_443(void **state)
{
	struct client c = allocated(state, NULL);
	struct client d;
	struct request r;
	struct reply reply;
	assert_int_equal(client_permit(&c, "2001:db8:2::1"), STUN_FAMILY_MISMATCH);
	client_init(&d, *state, "192.0.2.1:40001");
	request_begin_allocate(&r);
	stun_write_family(&r.w, STUN_REQUESTED_ADDRESS_FAMILY, 2);
	assert_int_equal(client_ask(&d, &r, &reply), 0);
	assert_int_equal(client_permit(&d, PEER), STUN_FAMILY_MISMATCH);
	assert_int_equal(client_permit(&d, "2001:db8:2::1"), 0);
}

/* ---- how many ---- */

static void fill(struct client *c, unsigned n)
{
	char text[32] = "198.51.100.101";
	for (unsigned i = 0; i < n; i++, text[13]++)
		assert_int_equal(client_permit(c, text), 0);
}

static void permission_over_the_limit_is_508(void **state)
{
	struct client c = allocated(state, NULL);
	fill(&c, LIMIT);
	assert_int_equal(client_permit(&c, PEER), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(client_permit(&c, "198.51.100.101"), 0); /* a refresh */
	fixture_pass_s(*state, 300);
	assert_int_equal(client_permit(&c, PEER), 0);
}

/* As ICE does for the candidates of one host. */
static void peer_named_twice_counts_once(void **state)
{
	static const char *const peers[] = {
		PEER, "198.51.100.7:5001", "198.51.100.101", "198.51.100.7:5002", NULL};
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	fill(&c, LIMIT - 1);
	assert_int_equal(permit_all(&c, peers), 0);
	assert_true(passes(&c, &relayed, PEER));
}

/* ---- how long ---- */

static void permission_lasts_five_minutes(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_permit(&c, PEER), 0);
	fixture_pass_ms(*state, 299900);
	assert_true(passes(&c, &relayed, PEER));
	assert_true(is_sent(&c, &relayed, PEER));
	fixture_pass_ms(*state, 100);
	assert_false(passes(&c, &relayed, PEER));
	assert_false(is_sent(&c, &relayed, PEER));
}

static void refreshed_permission_lasts_from_now_on(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_permit(&c, PEER), 0);
	fixture_pass_s(*state, 299);
	assert_int_equal(client_permit(&c, PEER), 0);
	fixture_pass_ms(*state, 299900);
	assert_true(passes(&c, &relayed, PEER));
	fixture_pass_ms(*state, 100);
	assert_false(passes(&c, &relayed, PEER));
}

/* §9: only the two requests do */
static void data_does_not_refresh_a_permission(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_permit(&c, PEER), 0);
	for (int i = 0; i < 3; i++) {
		fixture_pass_s(*state, 99);
		assert_true(passes(&c, &relayed, PEER));
		assert_true(is_sent(&c, &relayed, PEER));
	}
	fixture_pass_s(*state, 3);
	assert_false(passes(&c, &relayed, PEER));
}

static void refused_request_refreshes_nothing(void **state)
{
	static const char *const peers[] = {PEER, "198.51.100.1", "198.51.100.2", "198.51.100.3",
		"198.51.100.4", "198.51.100.5", "198.51.100.6", "198.51.100.8", "198.51.100.9",
		NULL};
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_permit(&c, PEER), 0);
	fixture_pass_s(*state, 200);
	assert_int_equal(permit_all(&c, peers), STUN_INSUFFICIENT_CAPACITY);
	fixture_pass_s(*state, 100);
	assert_false(passes(&c, &relayed, PEER));
}

/* ---- whose ---- */

static void permission_of_one_allocation_is_none_of_another(void **state)
{
	struct addr one, two;
	struct client c = allocated(state, &one);
	struct client d;
	client_init(&d, *state, "192.0.2.1:40001");
	assert_int_equal(client_allocate(&d, &two), 0);
	assert_int_equal(client_permit(&c, PEER), 0);
	assert_true(passes(&c, &one, PEER));
	assert_false(passes(&d, &two, PEER));
	assert_false(is_sent(&d, &two, PEER));
}

static void close_by_reload(struct fixture *f, const char *prefix)
{
	struct turn_config config = f->config.turn;
	struct prefix deny;
	assert_int_equal(prefix_parse(prefix, &deny), 0);
	config.peers.deny = &deny;
	config.peers.n_deny = 1;
	struct turn_snapshot *s = fixture_snapshot(f, &config);
	turn_server_snapshot(f->server, s);
	turn_snapshot_put(s);
}

/* A reload that closes a prefix ends the channels to it; the others go on. */
static void channel_to_a_peer_closed_by_a_reload_ends(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER);
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	assert_int_equal(client_bind(&c, 0x4001, "203.0.113.99:5000"), 0);
	close_by_reload(f, "198.51.100.0/24");
	client_channel(&c, 0x4000, "x", 1);
	wire_from_peer(f, &relayed, &peer, "x", 1);
	assert_silence(f);
	client_channel(&c, 0x4001, "x", 1);
	assert_to_peer(&c, &relayed, "203.0.113.99:5000", "x", 1);
	assert_int_equal(client_bind(&c, 0x4000, PEER), STUN_FORBIDDEN);
}

/* A reload that closes a prefix closes it to what is sent there, too. */
static void peer_closed_by_a_reload_is_not_sent_to(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, peer = at(PEER);
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_permit(&c, PEER), 0);
	close_by_reload(f, "198.51.100.0/24");
	assert_false(is_sent(&c, &relayed, PEER));
	wire_from_peer(f, &relayed, &peer, "x", 1);
	assert_silence(f);
	assert_int_equal(client_permit(&c, PEER), STUN_FORBIDDEN);
	assert_int_equal(turn_server_allocations(f->server), 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(nothing_passes_without_a_permission),
		T(permission_is_for_an_address_and_all_its_ports),
		T(port_of_a_permission_is_ignored),
		T(one_request_may_name_several_peers),
		T(refused_request_installs_nothing),
		T(request_without_a_valid_peer_is_400),
		T(peer_of_the_other_family_is_443),
		T(permission_over_the_limit_is_508),
		T(peer_named_twice_counts_once),
		T(permission_lasts_five_minutes),
		T(refreshed_permission_lasts_from_now_on),
		T(data_does_not_refresh_a_permission),
		T(refused_request_refreshes_nothing),
		T(permission_of_one_allocation_is_none_of_another),
		T(peer_closed_by_a_reload_is_not_sent_to),
		T(channel_to_a_peer_closed_by_a_reload_ends),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
