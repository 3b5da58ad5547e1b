/* SPDX-License-Identifier: BSD-3-Clause */
/* Send and Data indications, RFC 8656 §11; what is copied from packet to packet (§14); two clients
 * of one node. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#define PEER  "198.51.100.7:5000"
#define PEER6 "[2001:db8:2::7]:5000"

static struct client allocated(struct fixture *f, const char *text, struct addr *relayed)
{
	struct client c;
	client_init(&c, f, text);
	assert_int_equal(client_allocate(&c, relayed), 0);
	return c;
}

static struct client permitted(void **state, struct addr *relayed)
{
	struct client c = allocated(*state, "192.0.2.1:40000", relayed);
	assert_int_equal(client_permit(&c, PEER), 0);
	return c;
}

/* A client with a relayed IPv6 address and a permission for PEER6. */
static struct client permitted6(void **state, const char *text, struct addr *relayed)
{
	struct client c;
	struct request r;
	struct reply reply;
	client_init(&c, *state, text);
	request_begin_allocate(&r);
	stun_write_family(&r.w, STUN_REQUESTED_ADDRESS_FAMILY, 2);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, relayed));
	assert_int_equal(client_permit(&c, PEER6), 0);
	return c;
}

/* A Send indication of these parts; the flags' attribute types are written empty. */
static void send_raw(struct client *c, const char *peer, const char *data, uint16_t flag)
{
	struct request r;
	size_t len;
	stun_write_begin(&r.w, r.data, sizeof(r.data), STUN_INDICATION, STUN_SEND,
		(const uint8_t *)"0123456789ab");
	if (peer) {
		struct addr a = at(peer);
		stun_write_xor_address(&r.w, STUN_XOR_PEER_ADDRESS, &a);
	}
	if (flag)
		stun_write_flag(&r.w, flag);
	if (data)
		stun_write_bytes(&r.w, STUN_DATA_ATTR, data, strlen(data));
	assert_int_equal(stun_write_end(&r.w, &len), 0);
	wire_from_client(c->f, &c->where, r.data, len);
}

/* ---- indications ---- */

static void indications_carry_every_length_both_ways(void **state)
{
	static const char text[] = "a datagram";
	struct addr relayed, from = at(PEER);
	struct client c = permitted(state, &relayed);
	for (size_t len = 0; len < sizeof(text); len++) {
		client_send(&c, PEER, text, len);
		assert_to_peer(&c, &relayed, PEER, text, len);
		wire_from_peer(*state, &relayed, &from, text, len);
		assert_data(&c, PEER, text, len);
	}
	assert_int_equal(fixture_flow_count(*state, FLOW_C_UP_PACKETS), sizeof(text));
	assert_int_equal(fixture_flow_count(*state, FLOW_C_DOWN_PACKETS), sizeof(text));
}

static void indications_carry_ipv6(void **state)
{
	struct addr relayed, from = at(PEER6);
	struct client c = permitted6(state, "192.0.2.1:40000", &relayed);
	client_send(&c, PEER6, "up", 2);
	assert_to_peer(&c, &relayed, PEER6, "up", 2);
	wire_from_peer(*state, &relayed, &from, "down", 4);
	assert_data(&c, PEER6, "down", 4);
}

/* §11.2: discarded silently */
static void incomplete_send_indication_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct client c = permitted(state, NULL);
	send_raw(&c, NULL, "x", 0);
	send_raw(&c, PEER, NULL, 0);
	send_raw(&c, NULL, NULL, 0);
	send_raw(&c, PEER, "x", 0x7abc); /* required, and unknown */
	send_raw(&c, "198.51.100.7:0", "x", 0);
	send_raw(&c, PEER6, "x", 0);
	assert_silence(f);
	assert_int_equal(fixture_count(f, TURN_C_SEND_DROPPED), 6);
	send_raw(&c, PEER, "x", 0xfabc); /* optional */
	assert_non_null(wire_take(f));
}

static void send_indication_without_an_allocation_is_dropped(void **state)
{
	struct client c;
	client_init(&c, *state, "192.0.2.1:40000");
	client_send(&c, PEER, "x", 1);
	assert_silence(*state);
	assert_int_equal(fixture_count(*state, TURN_C_SEND_DROPPED), 1);
}

/* §12.5: a client may use either; the server uses the channel */
static void send_indication_reaches_a_peer_that_has_a_channel(void **state)
{
	struct addr relayed, from = at(PEER);
	struct client c = permitted(state, &relayed);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	client_send(&c, PEER, "x", 1);
	assert_to_peer(&c, &relayed, PEER, "x", 1);
	wire_from_peer(*state, &relayed, &from, "y", 1);
	assert_channel(&c, 0x4000, "y", 1);
}

static void every_data_indication_has_an_id_of_its_own(void **state)
{
	uint8_t ids[3][STUN_TID_LEN];
	struct addr relayed, from = at(PEER);
	struct client c = permitted(state, &relayed);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		wire_from_peer(c.f, &relayed, &from, "x", 1);
		const struct packet *p = wire_take(c.f);
		assert_non_null(p);
		memcpy(ids[i], p->data + 8, STUN_TID_LEN);
	}
	assert_memory_not_equal(ids[0], ids[1], STUN_TID_LEN);
	assert_memory_not_equal(ids[1], ids[2], STUN_TID_LEN);
}

/* A datagram whose Data indication would not fit the 16 bits of its length. */
static void datagram_too_long_for_an_indication_is_dropped(void **state)
{
	struct addr relayed, from = at(PEER6);
	struct client c = permitted6(state, "192.0.2.1:40000", &relayed);
	uint8_t *data = calloc(1, NET_DATAGRAM_MAX);
	wire_from_peer(c.f, &relayed, &from, data, 65504);
	assert_data(&c, PEER6, data, 65504);
	for (size_t len = 65505; len <= NET_DATAGRAM_MAX; len += 10) {
		wire_from_peer(c.f, &relayed, &from, data, len);
		assert_silence(c.f);
	}
	assert_int_equal(fixture_count(c.f, TURN_C_PEER_DROPPED), 4);
	/* A channel's header is shorter. */
	assert_int_equal(client_bind(&c, 0x4000, PEER6), 0);
	wire_from_peer(c.f, &relayed, &from, data, NET_DATAGRAM_MAX);
	assert_channel(&c, 0x4000, data, NET_DATAGRAM_MAX);
	free(data);
}

/* ---- the IP header (§14) ---- */

static void dscp_and_ecn_are_carried(void **state)
{
	struct fixture *f = *state;
	struct addr relayed, from = at(PEER);
	struct client c = permitted(state, &relayed);
	for (int is_bound = 0; is_bound < 2; is_bound++) {
		f->tos = 0xb9;
		client_send(&c, PEER, "x", 1);
		assert_int_equal(wire_take(f)->tos, 0xb9);
		wire_from_peer(f, &relayed, &from, "x", 1);
		assert_int_equal(wire_take(f)->tos, 0xb9);
		if (is_bound) {
			client_channel(&c, 0x4000, "x", 1);
			assert_int_equal(wire_take(f)->tos, 0xb9);
		}
		f->tos = 0;
		assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	}
}

static void dont_fragment_is_asked_for_packet_by_packet(void **state)
{
	struct client c = permitted(state, NULL);
	send_raw(&c, PEER, "x", STUN_DONT_FRAGMENT);
	assert_int_equal(wire_take(c.f)->flags, NET_DONT_FRAGMENT);
	send_raw(&c, PEER, "x", 0);
	assert_int_equal(wire_take(c.f)->flags, 0);
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	client_channel(&c, 0x4000, "x", 1);
	assert_int_equal(wire_take(c.f)->flags, 0);
}

/* §13.1 to §13.3: where IPv6 is on either side the attribute is ignored */
static void dont_fragment_is_ignored_where_ipv6_is_involved(void **state)
{
	static const char *const clients[] = {"192.0.2.1:40000", "[2001:db8::7]:40000"};
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		struct addr relayed;
		struct client c = permitted6(state, clients[i], &relayed);
		send_raw(&c, PEER6, "x", STUN_DONT_FRAGMENT);
		assert_int_equal(wire_take(c.f)->flags, 0);
	}
	struct client c = allocated(*state, "[2001:db8::7]:40001", NULL);
	assert_int_equal(client_permit(&c, PEER), 0);
	send_raw(&c, PEER, "x", STUN_DONT_FRAGMENT);
	assert_int_equal(wire_take(c.f)->flags, 0);
}

/* §15: a stream has no DF bit, so there the attribute is all there is */
static void dont_fragment_of_a_stream_client_counts_for_ipv6_too(void **state)
{
	static const enum auth_transport transports[] = {AUTH_TCP, AUTH_TLS};
	struct addr relayed;
	struct client c = permitted6(state, "[2001:db8::7]:40000", &relayed);
	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		c.where.transport = transports[i];
		send_raw(&c, PEER6, "x", STUN_DONT_FRAGMENT);
		assert_int_equal(wire_take(c.f)->flags, NET_DONT_FRAGMENT);
		send_raw(&c, PEER6, "x", 0);
		assert_int_equal(wire_take(c.f)->flags, 0);
	}
}

/* ---- rate ---- */

static void what_is_over_the_rate_is_dropped_each_way_for_itself(void **state)
{
	struct fixture *f = *state;
	struct client c;
	struct auth_claims claims = claims_of("alice");
	struct addr relayed, from = at(PEER);
	static const uint8_t data[1000];
	unsigned up = 0, down = 0;
	claims.kbps = 8; /* 1000 bytes a second */
	client_init(&c, f, "192.0.2.1:40000");
	client_mint(&c, &claims, f->clock.wall_s + 3600);
	assert_int_equal(client_allocate(&c, &relayed), 0);
	assert_int_equal(client_permit(&c, PEER), 0);
	for (int i = 0; i < 100; i++) {
		client_send(&c, PEER, data, sizeof(data));
		up += wire_take(f) != NULL;
	}
	for (int i = 0; i < 100; i++) {
		wire_from_peer(f, &relayed, &from, data, sizeof(data));
		down += wire_take(f) != NULL;
	}
	assert_int_equal(up, 65); /* what the bucket holds */
	assert_int_equal(down, 65);
	assert_int_equal(fixture_flow_count(f, FLOW_C_OVER_RATE), 70);
	fixture_pass_s(f, 1);
	client_send(&c, PEER, data, sizeof(data));
	assert_non_null(wire_take(f));
}

/* ---- two clients of one node ---- */

static void clients_of_one_node_meet_at_their_relayed_addresses(void **state)
{
	struct fixture *f = *state;
	struct addr one, two;
	char one_text[ADDR_TEXT_LEN], two_text[ADDR_TEXT_LEN];
	struct client c = allocated(f, "192.0.2.1:40000", &one);
	struct client d = allocated(f, "192.0.2.2:40000", &two);
	addr_format(&one, one_text);
	addr_format(&two, two_text);
	assert_int_equal(client_permit(&c, two_text), 0);
	assert_int_equal(client_permit(&d, one_text), 0);
	client_send(&c, two_text, "hello", 5);
	assert_to_peer(&c, &one, two_text, "hello", 5);
	wire_from_peer(f, &two, &one, "hello", 5);
	assert_data(&d, one_text, "hello", 5);
}

/* Behind 1:1 NAT the clients know the outside name of a relayed address; the packet between them
 * does not leave the node and has the inside one. */
static void advertised_addresses_are_translated_both_ways(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.relays[0] = (struct turn_relay_address){at("10.0.0.10"), at("198.51.100.10")};
	struct fixture *f = fixture_create(&config);
	struct addr one, two, one_local, two_local, inside = at("10.0.0.10"),
						    outside = at("198.51.100.10");
	char one_text[ADDR_TEXT_LEN], two_text[ADDR_TEXT_LEN], local_text[ADDR_TEXT_LEN];
	struct client c = allocated(f, "192.0.2.1:40000", &one);
	struct client d = allocated(f, "192.0.2.2:40000", &two);
	assert_true(addr_equal_ip(&one, &outside));
	one_local = two_local = inside;
	one_local.port = one.port;
	two_local.port = two.port;
	assert_non_null(wire_find(f, &one_local));
	addr_format(&one, one_text);
	addr_format(&two, two_text);
	addr_format(&two_local, local_text);
	assert_int_equal(client_permit(&c, two_text), 0);
	assert_int_equal(client_permit(&d, one_text), 0);

	client_send(&c, two_text, "hello", 5);
	assert_to_peer(&c, &one_local, local_text, "hello", 5);
	wire_from_peer(f, &two_local, &one_local, "hello", 5);
	assert_data(&d, one_text, "hello", 5);

	assert_int_equal(client_bind(&c, 0x4000, two_text), 0);
	client_channel(&c, 0x4000, "again", 5);
	assert_to_peer(&c, &one_local, local_text, "again", 5);
	wire_from_peer(f, &one_local, &two_local, "back", 4);
	assert_channel(&c, 0x4000, "back", 4);
	/* One place, one channel, whichever name it is called by. */
	assert_int_equal(client_bind(&c, 0x4001, local_text), STUN_BAD_REQUEST);
	fixture_destroy(f);
}

/* A permission for the relay address opens relay ports, not what else listens there. */
static void own_relay_address_is_not_sent_to_off_the_relay_ports(void **state)
{
	struct fixture *f = *state;
	struct addr relayed;
	struct client c = allocated(f, "192.0.2.1:40000", &relayed);
	assert_int_equal(client_permit(&c, RELAY4), 0);
	client_send(&c, RELAY4 ":22", "x", 1);
	client_send(&c, RELAY4 ":0", "x", 1);
	assert_silence(f);
	assert_int_equal(client_bind(&c, 0x4000, RELAY4 ":22"), STUN_FORBIDDEN);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(indications_carry_every_length_both_ways),
		T(indications_carry_ipv6),
		T(incomplete_send_indication_is_dropped),
		T(send_indication_without_an_allocation_is_dropped),
		T(send_indication_reaches_a_peer_that_has_a_channel),
		T(every_data_indication_has_an_id_of_its_own),
		T(datagram_too_long_for_an_indication_is_dropped),
		T(dscp_and_ecn_are_carried),
		T(dont_fragment_is_asked_for_packet_by_packet),
		T(dont_fragment_is_ignored_where_ipv6_is_involved),
		T(dont_fragment_of_a_stream_client_counts_for_ipv6_too),
		T(what_is_over_the_rate_is_dropped_each_way_for_itself),
		T(clients_of_one_node_meet_at_their_relayed_addresses),
		cmocka_unit_test(advertised_addresses_are_translated_both_ways),
		T(own_relay_address_is_not_sent_to_off_the_relay_ports),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
