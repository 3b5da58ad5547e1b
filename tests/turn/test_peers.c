/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may be sent to: the ranges that are closed, every spelling of them, and what opens them. */
#include "client.h"

#include <stdio.h>
#include <string.h>

struct rules {
	const char *allow[4], *deny[4];
};

static size_t parse(const char *const text[4], struct prefix out[4])
{
	size_t n = 0;
	for (; n < 4 && text[n]; n++)
		assert_int_equal(prefix_parse(text[n], &out[n]), 0);
	return n;
}

/* May a client of the default node with these RULES send to TEXT? */
static bool is_allowed(const struct rules *rules, const char *text)
{
	struct fixture_config config;
	struct prefix allow[4], deny[4];
	struct turn_snapshot *s;
	struct fixture *f;
	struct addr peer = at(text);
	fixture_defaults(&config);
	f = fixture_create(&config);
	config.turn.peers.allow = allow;
	config.turn.peers.n_allow = parse(rules->allow, allow);
	config.turn.peers.deny = deny;
	config.turn.peers.n_deny = parse(rules->deny, deny);
	if (peer.port == 0)
		peer.port = 9;
	s = fixture_snapshot(f, &config.turn);
	bool is = turn_peer_is_allowed(s, &peer);
	turn_snapshot_put(s);
	fixture_destroy(f);
	return is;
}

static const struct rules none = {{NULL}, {NULL}};

static void assert_allowed(const char *text, bool want)
{
	if (is_allowed(&none, text) != want)
		fail_msg("%s is%s allowed", text, want ? " not" : "");
}

/* First and last address of each closed range, and its open neighbours. */
static const struct {
	const char *before, *first, *last, *after;
} closed4[] =
	{
		{NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
		{"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
		{"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
		{"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
		{"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
		{"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
		{"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
		{"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
		{"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
		{"223.255.255.255", "224.0.0.0", "239.255.255.255", NULL},
		{NULL, "240.0.0.0", "255.255.255.255", NULL},
},
  closed6[] = {
	  {NULL, "::", "::fffe:ffff", "0:0:0:0:0:1::"},
	  {NULL, "::1", "::7f00:1", NULL},
	  {NULL, "::ffff:0:0:0", "::ffff:0:ffff:ffff", NULL}, /* RFC 2765 */
	  {NULL, "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::"},
	  {"ff:ffff::", "100::", "100::ffff:ffff:ffff:ffff", "100:1::"},
	  {"2001:1:ffff::", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "2001:2:1::"},
	  {"5eff:ffff::", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f01::"},
	  {"fbff:ffff::", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::"},
	  {"fe7f:ffff::", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
	  {NULL, "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
	  {NULL, "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
};

static void ranges_of_the_registries_are_closed(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(closed4); i++) {
		if (closed4[i].before)
			assert_allowed(closed4[i].before, true);
		assert_allowed(closed4[i].first, false);
		assert_allowed(closed4[i].last, false);
		if (closed4[i].after)
			assert_allowed(closed4[i].after, true);
	}
	for (size_t i = 0; i < ARRAY_LEN(closed6); i++) {
		if (closed6[i].before)
			assert_allowed(closed6[i].before, true);
		assert_allowed(closed6[i].first, false);
		assert_allowed(closed6[i].last, false);
		if (closed6[i].after)
			assert_allowed(closed6[i].after, true);
	}
}

#define SPELLINGS 5

/* The N-th IPv6 spelling of an IPv4 address. */
static const char *spell(const char *v4, unsigned n, char out[64])
{
	unsigned a, b, c, d;
	assert_int_equal(sscanf(v4, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
	switch (n) {
	case 0: /* IPv4-mapped */
		snprintf(out, 64, "::ffff:%s", v4);
		break;
	case 1: /* NAT64 */
		snprintf(out, 64, "64:ff9b::%s", v4);
		break;
	case 2: /* 6to4 */
		snprintf(out, 64, "2002:%x:%x:1::1", a << 8 | b, c << 8 | d);
		break;
	case 3: /* Teredo, as its server */
		snprintf(out, 64, "2001:0:%x:%x::3ff7:9b98", a << 8 | b, c << 8 | d);
		break;
	default: /* Teredo, as its client: inverted */
		snprintf(out, 64, "2001:0:c633:6407::%x:%x", 0xffff ^ (a << 8 | b),
			0xffff ^ (c << 8 | d));
		break;
	}
	return out;
}

static void closed_addresses_are_closed_in_every_spelling(void **state)
{
	char text[64];
	for (size_t i = 0; i < ARRAY_LEN(closed4); i++) {
		for (unsigned n = 0; n < SPELLINGS; n++) {
			assert_allowed(spell(closed4[i].first, n, text), false);
			assert_allowed(spell(closed4[i].last, n, text), false);
		}
	}
}

static void open_addresses_are_open_in_every_spelling(void **state)
{
	char text[64];
	for (unsigned n = 0; n < SPELLINGS; n++)
		assert_allowed(spell("198.51.100.8", n, text), true);
}

static void allow_opens_a_closed_range_in_every_spelling(void **state)
{
	static const struct rules rules = {{"10.1.0.0/16", "fd00:1::/32"}, {NULL}};
	char text[64];
	assert_true(is_allowed(&rules, "10.1.2.3"));
	assert_false(is_allowed(&rules, "10.2.2.3"));
	assert_true(is_allowed(&rules, "fd00:1::5"));
	assert_false(is_allowed(&rules, "fd00:2::5"));
	for (unsigned n = 0; n < SPELLINGS; n++) {
		assert_true(is_allowed(&rules, spell("10.1.2.3", n, text)));
		assert_false(is_allowed(&rules, spell("10.2.2.3", n, text)));
	}
}

/* To open a prefix of IPv6 is not to open what it can be translated to. */
static void allow_of_a_translating_prefix_opens_nothing_behind_it(void **state)
{
	static const struct rules rules = {{"64:ff9b::/96", "2002::/16", "2001::/32"}, {NULL}};
	char text[64];
	for (unsigned n = 1; n < SPELLINGS; n++)
		assert_false(is_allowed(&rules, spell("10.1.2.3", n, text)));
}

static void longest_prefix_decides_and_deny_wins_a_draw(void **state)
{
	static const struct rules rules = {
		{"10.0.0.0/8", "10.1.2.0/24", "10.1.9.9", "198.51.100.0/25"},
		{"10.1.0.0/16", "10.1.9.9", "198.51.100.0/24"}};
	char text[64];
	assert_true(is_allowed(&rules, "10.9.0.1"));
	assert_false(is_allowed(&rules, "10.1.0.1"));
	assert_true(is_allowed(&rules, "10.1.2.1"));
	assert_false(is_allowed(&rules, "10.1.9.9"));
	assert_true(is_allowed(&rules, "198.51.100.127"));
	assert_false(is_allowed(&rules, "198.51.100.128"));
	for (unsigned n = 0; n < SPELLINGS; n++)
		assert_false(is_allowed(&rules, spell("198.51.100.128", n, text)));
}

/* A short allow does not open what is closed under a longer prefix. */
static void allow_of_everything_opens_no_closed_range(void **state)
{
	static const struct rules rules = {{"0.0.0.0/0", "::/0"}, {NULL}};
	assert_true(is_allowed(&rules, "198.51.100.7"));
	assert_false(is_allowed(&rules, "10.0.0.1"));
	assert_false(is_allowed(&rules, "127.0.0.1"));
	assert_false(is_allowed(&rules, "fe80::1"));
	assert_false(is_allowed(&rules, LISTENER4));
}

/* ---- the node itself ---- */

static void own_addresses_are_closed(void **state)
{
	static const char *const own[] = {LISTENER4, "203.0.113.1:9", "203.0.113.2:22", INSIDE4,
		LISTENER6, "[2001:db8:1::1]:9"};
	char text[64];
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		assert_allowed(own[i], false);
	for (unsigned n = 0; n < SPELLINGS; n++)
		assert_allowed(spell("203.0.113.2", n, text), false);
}

/* Two clients of one node meet at its relay ports; nothing else there is to be reached. */
static void own_relay_address_is_open_on_the_relay_ports_only(void **state)
{
	char text[64];
	assert_allowed(RELAY4 ":49999", false);
	assert_allowed(RELAY4 ":50000", true);
	assert_allowed(RELAY4 ":50099", true);
	assert_allowed(RELAY4 ":50100", false);
	assert_allowed("[" RELAY6 "]:50000", true);
	assert_allowed("[" RELAY6 "]:22", false);
	for (unsigned n = 1; n < SPELLINGS; n++)
		assert_allowed(spell(RELAY4, n, text), false);
}

static void own_address_that_is_named_is_open_but_for_the_listeners(void **state)
{
	static const struct rules rules = {{"203.0.113.0/24", "2001:db8:1::1"}, {NULL}};
	assert_true(is_allowed(&rules, "203.0.113.1:9"));
	assert_false(is_allowed(&rules, LISTENER4));
	assert_false(is_allowed(&rules, LISTENER6));
	assert_true(is_allowed(&rules, RELAY4 ":22"));
}

/* A relay that sends to its own listener could be made to talk to itself without end. */
static void listener_among_the_relay_ports_is_closed(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.listeners[2] = at(RELAY4 ":50050");
	struct fixture *f = fixture_create(&config);
	struct addr peer = at(RELAY4 ":50050");
	assert_false(turn_peer_is_allowed(f->snapshot, &peer));
	peer.port++;
	assert_true(turn_peer_is_allowed(f->snapshot, &peer));
	fixture_destroy(f);
}

/* Behind 1:1 NAT both names of a relay address are the same place. */
static void advertised_name_counts_as_the_relay_address(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	config.relays[0] = (struct turn_relay_address){at("10.0.0.10"), at("198.51.100.10")};
	config.listeners[2] = at("10.0.0.10:50050");
	struct fixture *f = fixture_create(&config);
	static const struct {
		const char *text;
		bool is_open;
	} cases[] = {{"198.51.100.10:50000", true}, {"198.51.100.10:22", false},
		{"198.51.100.10:50050", false}, {"10.0.0.10:50000", true}, {"10.0.0.10:22", false},
		{"10.0.0.11:50000", false}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct addr peer = at(cases[i].text);
		assert_int_equal(turn_peer_is_allowed(f->snapshot, &peer), cases[i].is_open);
	}
	fixture_destroy(f);
}

static void port_zero_is_closed(void **state)
{
	struct fixture_config config;
	fixture_defaults(&config);
	struct fixture *f = fixture_create(&config);
	struct addr peer = at("198.51.100.7");
	assert_false(turn_peer_is_allowed(f->snapshot, &peer));
	fixture_destroy(f);
}

/* ---- asked over the wire ---- */

static void closed_peers_are_403_to_permissions_and_channels(void **state)
{
	static const char *const peers[] = {"127.0.0.1", "10.0.0.1", "169.254.169.254",
		"203.0.113.1", "::1", "fe80::1", "64:ff9b::7f00:1", "2002:7f00:1::1",
		"2001:0:a00:1::1", "2001:0:c633:6407::80ff:fffe"};
	struct client c;
	struct request r;
	struct reply reply;
	char text[64];
	client_init(&c, *state, "192.0.2.1:40000");
	request_begin_allocate(&r);
	stun_write_family(&r.w, STUN_ADDITIONAL_ADDRESS_FAMILY, 2);
	assert_int_equal(client_ask(&c, &r, &reply), 0);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		assert_int_equal(client_permit(&c, peers[i]), STUN_FORBIDDEN);
		snprintf(text, sizeof(text), strchr(peers[i], ':') ? "[%s]:80" : "%s:80", peers[i]);
		assert_int_equal(client_bind(&c, 0x4000, text), STUN_FORBIDDEN);
		client_send(&c, text, "x", 1);
	}
	assert_silence(*state);
	assert_int_equal(fixture_count(*state, TURN_C_REFUSED_403), 2 * ARRAY_LEN(peers));
}

/* An IPv6 attribute with an IPv4-mapped address is IPv4: judged as such, sent as such. */
static void mapped_spelling_on_the_wire_is_ipv4(void **state)
{
	static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
	struct client c;
	struct request r;
	struct reply reply;
	uint8_t value[20] = {0, 2, 9 ^ 0x21, 0 ^ 0x12};
	client_init(&c, *state, "192.0.2.1:40000");
	assert_int_equal(client_allocate(&c, NULL), 0);
	request_begin(&r, STUN_CREATE_PERMISSION);
	for (size_t i = 0; i < 16; i++) /* cookie and id stand behind the length */
		value[4 + i] = mapped[i] ^ r.data[4 + i];
	stun_write_bytes(&r.w, STUN_XOR_PEER_ADDRESS, value, sizeof(value));
	assert_int_equal(client_ask(&c, &r, &reply), STUN_FORBIDDEN);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		cmocka_unit_test(ranges_of_the_registries_are_closed),
		cmocka_unit_test(closed_addresses_are_closed_in_every_spelling),
		cmocka_unit_test(open_addresses_are_open_in_every_spelling),
		cmocka_unit_test(allow_opens_a_closed_range_in_every_spelling),
		cmocka_unit_test(allow_of_a_translating_prefix_opens_nothing_behind_it),
		cmocka_unit_test(longest_prefix_decides_and_deny_wins_a_draw),
		cmocka_unit_test(allow_of_everything_opens_no_closed_range),
		cmocka_unit_test(own_addresses_are_closed),
		cmocka_unit_test(own_relay_address_is_open_on_the_relay_ports_only),
		cmocka_unit_test(own_address_that_is_named_is_open_but_for_the_listeners),
		cmocka_unit_test(listener_among_the_relay_ports_is_closed),
		cmocka_unit_test(advertised_name_counts_as_the_relay_address),
		cmocka_unit_test(port_zero_is_closed),
		T(closed_peers_are_403_to_permissions_and_channels),
		T(mapped_spelling_on_the_wire_is_ipv4),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
