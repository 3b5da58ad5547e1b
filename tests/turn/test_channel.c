/* SPDX-License-Identifier: BSD-3-Clause */
/* ChannelBind and ChannelData, RFC 8656 §12. */
#include "client.h"

#include <string.h>

#define PEER  "198.51.100.7:5000"
#define OTHER "198.51.100.7:5001" /* another port: another transport address */
#define LIMIT 8                   /* the box's max_channels and max_permissions */

static struct client allocated(void **state, struct addr *relayed)
{
	struct client c;
	client_init(&c, *state, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, relayed), 0);
	return c;
}

/* Sends on the channel; does it come out for PEER? */
static bool goes_up(struct client *c, uint16_t number, const struct addr *relayed, const char *peer)
{
	client_channel(c, number, "up", 2);
	if (c->f->n_sent == 0)
		return false;
	assert_to_peer(c, relayed, peer, "up", 2);
	return true;
}

static bool comes_down(
	struct client *c, uint16_t number, const struct addr *relayed, const char *peer)
{
	struct addr from = at(peer);
	wire_from_peer(c->f, relayed, &from, "down", 4);
	if (c->f->n_sent == 0)
		return false;
	assert_channel(c, number, "down", 4);
	return true;
}

/* ---- the request ---- */

static void channel_carries_both_ways(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	assert_true(goes_up(&c, 0x4000, &relayed, PEER));
	assert_true(comes_down(&c, 0x4000, &relayed, PEER));
	assert_int_equal(fixture_count(*state, TURN_C_CHANNEL_OK), 1);
	assert_int_equal(fixture_flow_count(*state, FLOW_C_UP_PACKETS), 1);
	assert_int_equal(fixture_flow_count(*state, FLOW_C_UP_BYTES), 2);
	assert_int_equal(fixture_flow_count(*state, FLOW_C_DOWN_PACKETS), 1);
	assert_int_equal(fixture_flow_count(*state, FLOW_C_DOWN_BYTES), 4);
}

/* §12.2: a binding installs a permission, for the address and not for the port alone */
static void binding_permits_the_peer(void **state)
{
	struct addr relayed, from = at(OTHER);
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	wire_from_peer(*state, &relayed, &from, "x", 1);
	assert_data(&c, OTHER, "x", 1);
	client_send(&c, OTHER, "y", 1);
	assert_to_peer(&c, &relayed, OTHER, "y", 1);
}

static void incomplete_request_is_400(void **state)
{
	struct client c = allocated(state, NULL);
	struct addr peer = at(PEER);
	struct request r;
	struct reply reply;
	request_begin(&r, STUN_CHANNEL_BIND);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	request_begin(&r, STUN_CHANNEL_BIND);
	stun_write_channel(&r.w, 0x4000);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	request_begin(&r, STUN_CHANNEL_BIND);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	request_begin(&r, STUN_CHANNEL_BIND);
	stun_write_bytes(&r.w, STUN_CHANNEL_NUMBER, "\x40\0", 2);
	stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &peer);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
	request_begin(&r, STUN_CHANNEL_BIND);
	stun_write_channel(&r.w, 0x4000);
	stun_write_bytes(&r.w, STUN_XOR_PEER_ADDRESS, "\0\1\0", 3);
	assert_int_equal(client_ask(&c, &r, &reply), STUN_BAD_REQUEST);
}

/* RFC 5766 §11 has numbers up to 0x7fff, RFC 8656 §12 up to 0x4fff. */
static void number_out_of_range_is_400(void **state)
{
	static const struct {
		uint16_t number;
		unsigned code, strict_code;
	} cases[] = {
		{0x0000, STUN_BAD_REQUEST, STUN_BAD_REQUEST},
		{0x3fff, STUN_BAD_REQUEST, STUN_BAD_REQUEST},
		{0x4000, 0, 0},
		{0x4fff, 0, 0},
		{0x5000, 0, STUN_BAD_REQUEST},
		{0x7fff, 0, STUN_BAD_REQUEST},
		{0x8000, STUN_BAD_REQUEST, STUN_BAD_REQUEST},
		{0xffff, STUN_BAD_REQUEST, STUN_BAD_REQUEST},
	};
	for (int is_strict = 0; is_strict < 2; is_strict++) {
		struct fixture_config config;
		fixture_defaults(&config);
		config.turn.strict_channels = is_strict;
		struct fixture *f = fixture_create(&config);
		struct client c;
		char peer[] = "198.51.100.7:5000";
		client_init(&c, f, "192.0.2.1:40000");
		assert_int_equal(client_allocate(&c, NULL), 0);
		for (size_t i = 0; i < ARRAY_LEN(cases); i++, peer[16]++)
			assert_int_equal(client_bind(&c, cases[i].number, peer),
				is_strict ? cases[i].strict_code : cases[i].code);
		fixture_destroy(f);
	}
}

static void number_and_peer_belong_together(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	assert_int_equal(client_bind(&c, 0x4000, OTHER), STUN_BAD_REQUEST);
	assert_int_equal(client_bind(&c, 0x4001, PEER), STUN_BAD_REQUEST);
	assert_int_equal(client_bind(&c, 0x4001, OTHER), 0);
	assert_int_equal(client_bind(&c, 0x4001, PEER), STUN_BAD_REQUEST); /* both are bound */
	assert_true(goes_up(&c, 0x4000, &relayed, PEER));
	assert_true(goes_up(&c, 0x4001, &relayed, OTHER));
}

static void peer_of_the_other_family_is_443(void **state)
{
	struct client c = allocated(state, NULL);
	assert_int_equal(client_bind(&c, 0x4000, "[2001:db8:2::1]:9"), STUN_FAMILY_MISMATCH);
}

static void channels_over_the_limit_are_508(void **state)
{
	struct client c = allocated(state, NULL);
	char peer[] = "198.51.100.7:5000";
	for (uint16_t i = 0; i < LIMIT; i++, peer[16]++)
		assert_int_equal(client_bind(&c, 0x4000 + i, peer), 0);
	assert_int_equal(client_bind(&c, 0x4100, peer), STUN_INSUFFICIENT_CAPACITY);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0); /* a refresh */
	/* And the refused binding permits nothing. */
	assert_int_equal(client_bind(&c, 0x4100, "198.51.100.9:9"), STUN_INSUFFICIENT_CAPACITY);
	client_send(&c, "198.51.100.9:9", "x", 1);
	assert_silence(*state);
}

/* Nothing is left of a binding whose permission does not fit. */
static void binding_over_the_permission_limit_is_508(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	char peer[] = "198.51.100.100";
	for (unsigned i = 0; i < LIMIT; i++, peer[13]++)
		assert_int_equal(client_permit(&c, peer), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), STUN_INSUFFICIENT_CAPACITY);
	assert_false(goes_up(&c, 0x4000, &relayed, PEER));
	assert_int_equal(client_bind(&c, 0x4000, "198.51.100.100:5000"), 0);
}

/* ---- time ---- */

static void channel_lasts_ten_minutes(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_refresh(&c, 3600, NULL), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	fixture_pass_ms(*state, 599900);
	assert_true(goes_up(&c, 0x4000, &relayed, PEER));
	fixture_pass_ms(*state, 100);
	assert_false(goes_up(&c, 0x4000, &relayed, PEER));
	assert_int_equal(fixture_flow_count(*state, FLOW_C_NO_CHANNEL), 1);
	/* Number and peer are free for others now. */
	assert_int_equal(client_bind(&c, 0x4001, PEER), 0);
	assert_int_equal(client_bind(&c, 0x4000, OTHER), 0);
}

static void rebinding_refreshes_channel_and_permission(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_refresh(&c, 3600, NULL), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	fixture_pass_s(*state, 299);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	fixture_pass_ms(*state, 299900);
	assert_true(comes_down(&c, 0x4000, &relayed, PEER));
	fixture_pass_ms(*state, 300000);
	assert_true(goes_up(&c, 0x4000, &relayed, PEER));
	fixture_pass_ms(*state, 100);
	assert_false(goes_up(&c, 0x4000, &relayed, PEER));
}

/* §9, §12: the permission goes after five minutes, the channel after ten. Between them what the
 * client sends still leaves, and what the peer sends is dropped. */
static void permission_that_runs_out_stops_the_way_down_only(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	fixture_pass_s(*state, 300);
	assert_false(comes_down(&c, 0x4000, &relayed, PEER));
	assert_int_equal(fixture_flow_count(*state, FLOW_C_NO_PERMISSION), 1);
	assert_true(goes_up(&c, 0x4000, &relayed, PEER));

	assert_int_equal(client_permit(&c, PEER), 0);

	assert_true(comes_down(&c, 0x4000, &relayed, PEER));
}

/* §12.6: data refreshes neither */
static void channel_data_refreshes_nothing(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_refresh(&c, 3600, NULL), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	for (int i = 0; i < 6; i++) {
		fixture_pass_s(*state, 99);
		assert_true(goes_up(&c, 0x4000, &relayed, PEER));
		assert_int_equal(comes_down(&c, 0x4000, &relayed, PEER), i < 3);
	}
	fixture_pass_s(*state, 6);
	assert_false(goes_up(&c, 0x4000, &relayed, PEER));
}

/* ---- the message ---- */

/* §12.4: zero is a valid length, and a datagram is sent for it */
static void empty_channel_data_is_relayed(void **state)
{
	struct addr relayed, from = at(PEER);
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	client_channel(&c, 0x4000, "", 0);
	assert_to_peer(&c, &relayed, PEER, "", 0);
	wire_from_peer(*state, &relayed, &from, "", 0);
	assert_channel(&c, 0x4000, "", 0);
}

/* §12.5: over UDP padding is not required but may be there */
static void padding_is_not_relayed(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	for (uint16_t len = 1; len <= 5; len++) {
		uint8_t message[12] = {0x40, 0, 0, (uint8_t)len, 'a', 'b', 'c', 'd', 'e'};
		wire_from_client(*state, &c.where, message, len > 4 ? 12 : 8);
		assert_to_peer(&c, &relayed, PEER, "abcde", len);
	}
}

/* §12.6: too short for what it claims */
static void truncated_channel_data_is_dropped(void **state)
{
	struct client c = allocated(state, NULL);
	uint8_t message[8] = {0x40, 0, 0, 4, 'a', 'b', 'c', 'd'};
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	for (size_t len = 1; len < sizeof(message); len++)
		wire_from_client(*state, &c.where, message, len);
	message[3] = 5;
	wire_from_client(*state, &c.where, message, sizeof(message));
	message[2] = 0xff;
	wire_from_client(*state, &c.where, message, sizeof(message));
	assert_silence(*state);
	assert_int_equal(fixture_flow_count(*state, FLOW_C_BAD_LENGTH), sizeof(message) + 1);
}

static void channel_of_nobody_is_dropped(void **state)
{
	struct client c = allocated(state, NULL);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	client_channel(&c, 0x4001, "x", 1);
	client_channel(&c, 0x7fff, "x", 1);
	assert_silence(*state);
	assert_int_equal(fixture_flow_count(*state, FLOW_C_NO_CHANNEL), 2);
}

/* §12: channel numbers and peers of one allocation are nothing to another */
static void channels_of_two_allocations_do_not_mix(void **state)
{
	struct fixture *f = *state;
	struct addr one, two;
	struct client c = allocated(state, &one), d, e;
	client_init(&d, f, "192.0.2.1:40001");
	assert_int_equal(client_allocate(&d, &two), 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	assert_int_equal(client_bind(&d, 0x4000, OTHER), 0);
	assert_int_equal(client_bind(&d, 0x4001, PEER), 0);
	assert_true(goes_up(&c, 0x4000, &one, PEER));
	assert_true(goes_up(&d, 0x4000, &two, OTHER));
	assert_true(comes_down(&c, 0x4000, &one, PEER));
	assert_true(comes_down(&d, 0x4001, &two, PEER));
	/* The same number from elsewhere: another port, another address, another listener. */
	client_init(&e, f, "192.0.2.1:40002");
	assert_false(goes_up(&e, 0x4000, &one, PEER));
	client_init(&e, f, "192.0.2.2:40000");
	assert_false(goes_up(&e, 0x4000, &one, PEER));
	e = c;
	e.where.port = f->inside4;
	assert_false(goes_up(&e, 0x4000, &one, PEER));
}

static void channels_end_with_their_allocation(void **state)
{
	struct addr relayed;
	struct client c = allocated(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	assert_int_equal(client_refresh(&c, 0, NULL), 0);
	assert_false(goes_up(&c, 0x4000, &relayed, PEER));
	assert_int_equal(client_allocate(&c, &relayed), 0);
	assert_false(goes_up(&c, 0x4000, &relayed, PEER));
	assert_int_equal(client_bind(&c, 0x4001, PEER), 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(channel_carries_both_ways),
		T(binding_permits_the_peer),
		T(incomplete_request_is_400),
		cmocka_unit_test(number_out_of_range_is_400),
		T(number_and_peer_belong_together),
		T(peer_of_the_other_family_is_443),
		T(channels_over_the_limit_are_508),
		T(binding_over_the_permission_limit_is_508),
		T(channel_lasts_ten_minutes),
		T(rebinding_refreshes_channel_and_permission),
		T(permission_that_runs_out_stops_the_way_down_only),
		T(channel_data_refreshes_nothing),
		T(empty_channel_data_is_relayed),
		T(padding_is_not_relayed),
		T(truncated_channel_data_is_dropped),
		T(channel_of_nobody_is_dropped),
		T(channels_of_two_allocations_do_not_mix),
		T(channels_end_with_their_allocation),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
