/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors that relayed datagrams meet, RFC 8656 §11.5. */
#include "client.h"

#define PEER  "198.51.100.7:5000"
#define PEER6 "[2001:db8:2::7]:5000"

/* A client with both families, permitted to send to PEER and PEER6. */
static struct client permitted(void **state, struct addr *v4, struct addr *v6)
{
	struct client c;
	struct request r;
	struct reply reply;
	client_init(&c, *state, "192.0.2.1:40000");
	request_begin_allocate(&r);
	stun_write_family(&r.w, STUN_ADDITIONAL_ADDRESS_FAMILY, 2);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 0, v4));
	assert_true(reply_address(&reply, STUN_XOR_RELAYED_ADDRESS, 1, v6));
	assert_int_equal(client_permit(&c, PEER), 0);
	assert_int_equal(client_permit(&c, PEER6), 0);
	return c;
}

static void meet(struct fixture *f, const struct addr *relayed, const struct net_icmp *e)
{
	struct net_port *p = wire_find(f, relayed);
	assert_non_null(p);
	turn_icmp(f->server, p, e);
}

static void assert_told(struct client *c, const struct net_icmp *e)
{
	const struct packet *p = wire_take(c->f);
	struct stun_msg m;
	struct stun_attr a;
	struct addr peer;
	uint8_t type, code;
	uint32_t info;
	assert_non_null(p);
	assert_ptr_equal(p->port, c->where.port);
	assert_true(addr_equal(&p->to, &c->where.addr));
	assert_int_equal(stun_msg_decode(p->data, p->len, &m), 0);
	assert_int_equal(m.class, STUN_INDICATION);
	assert_int_equal(m.method, STUN_DATA);
	assert_false(stun_attr_find(&m, STUN_DATA_ATTR, &a));
	assert_true(stun_attr_find(&m, STUN_XOR_PEER_ADDRESS, &a));
	assert_int_equal(stun_attr_xor_address(&m, &a, &peer), 0);
	assert_true(addr_equal(&peer, &e->peer));
	assert_true(stun_attr_find(&m, STUN_ICMP, &a));
	assert_int_equal(stun_attr_icmp(&a, &type, &code, &info), 0);
	assert_int_equal(type, e->type);
	assert_int_equal(code, e->code);
	assert_int_equal(info, e->info);
}

static void errors_of_the_listed_types_are_told(void **state)
{
	static const struct {
		const char *peer;
		uint8_t type, code;
		uint32_t info;
		bool is_told;
	} cases[] = {
		{PEER, 3, 3, 0, true},    /* port unreachable */
		{PEER, 3, 4, 1400, true}, /* fragmentation needed */
		{PEER, 11, 0, 0, true},   /* time exceeded */
		{PEER, 4, 0, 0, false},   /* source quench */
		{PEER, 5, 1, 0, false},   /* redirect */
		{PEER, 12, 0, 0, false},  /* parameter problem */
		{PEER, 1, 0, 0, false},
		{PEER6, 1, 4, 0, true},    /* port unreachable */
		{PEER6, 2, 0, 1280, true}, /* packet too big */
		{PEER6, 3, 0, 0, true},    /* time exceeded */
		{PEER6, 4, 0, 0, false},   /* parameter problem */
		{PEER6, 11, 0, 0, false},
	};
	struct addr v4, v6;
	struct client c = permitted(state, &v4, &v6);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net_icmp e = {
			at(cases[i].peer), cases[i].type, cases[i].code, cases[i].info};
		meet(*state, e.peer.family == ADDR_IPV6 ? &v6 : &v4, &e);
		if (cases[i].is_told)
			assert_told(&c, &e);
		assert_silence(*state);
	}
}

/* The permission is that of the destination; ports are not compared. */
static void error_from_beyond_the_permissions_is_dropped(void **state)
{
	struct addr v4, v6;
	struct client c = permitted(state, &v4, &v6);
	struct net_icmp e = {at("198.51.100.8:5000"), 3, 3, 0};
	meet(*state, &v4, &e);
	assert_silence(*state);
	e.peer = at("198.51.100.7:1");
	meet(*state, &v4, &e);
	assert_told(&c, &e);
	fixture_pass_s(*state, 300);
	meet(*state, &v4, &e);
	assert_silence(*state);
}

/* ChannelData has no room for it: it is a Data indication all the same. */
static void error_on_a_channel_is_told_in_an_indication(void **state)
{
	struct addr v4, v6;
	struct client c = permitted(state, &v4, &v6);
	struct net_icmp e = {at(PEER), 3, 3, 0};
	assert_int_equal(client_bind(&c, 0x4000, PEER), 0);
	meet(*state, &v4, &e);
	assert_told(&c, &e);
}

static void error_names_the_advertised_address_of_a_peer(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.relays[0] = (struct turn_relay_address){at("10.0.0.10"), at("198.51.100.10")};
	struct fixture *f = fixture_create(&config);
	struct client c;
	struct addr relayed;
	client_init(&c, f, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, &relayed), 0);
	assert_int_equal(client_permit(&c, "198.51.100.10"), 0);
	struct addr local = at("10.0.0.10");
	local.port = relayed.port;
	struct net_icmp e = {at("10.0.0.10:50001"), 3, 3, 0};
	meet(f, &local, &e);
	e.peer = at("198.51.100.10:50001");
	assert_told(&c, &e);
	fixture_destroy(f);
}

static void tell_of_errors(struct fixture *f, bool on)
{
	struct turn_config config = f->config.turn;
	config.icmp_errors = on;
	struct turn_snapshot *s = fixture_snapshot(f, &config);
	turn_server_snapshot(f->server, s);
	turn_snapshot_put(s);
}

/* Some clients take an indication without DATA for the end of everything. */
static void error_is_told_only_where_the_operator_wants_it(void **state)
{
	struct fixture *f = *state;
	struct addr v4, v6;
	struct client c = permitted(state, &v4, &v6);
	struct net_icmp e = {at(PEER), 3, 3, 0};
	tell_of_errors(f, false);
	meet(f, &v4, &e);
	assert_silence(f);

	tell_of_errors(f, true);
	meet(f, &v4, &e);
	assert_told(&c, &e);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(errors_of_the_listed_types_are_told),
		T(error_from_beyond_the_permissions_is_dropped),
		T(error_on_a_channel_is_told_in_an_indication),
		T(error_is_told_only_where_the_operator_wants_it),
		cmocka_unit_test(error_names_the_advertised_address_of_a_peer),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
