/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose request it is, in which order addresses are tried, how many calls a trunk may have. */
#include "yard.h"

static const struct trunk_registration account = {
	.domain = "example.net", .user = "4711", .account = {"4711", "secret"}, .expires_s = 600};

static struct trunk_source from(const char *remote)
{
	struct trunk_source s = {.transport = SIP_UDP, .local = addr_ipv4(0xc0000201, 5060)};

	assert_int_equal(addr_parse(remote, 0, &s.remote), 0);
	return s;
}

static void quiet(struct yard *y)
{
	for (uint32_t i = 0; i < y->n; i++)
		y->config[i].sends_options = false;
}

/* ---- whose it is ---- */

static void gateway_is_known_by_its_address(void **state)
{
	struct yard *y = yard_create(2);
	quiet(y);
	yard_host(y, 1, "192.0.2.10", 5060);
	yard_start(y);

	struct trunk_source s = from("192.0.2.10:5060");
	assert_int_equal(trunks_find(y->trunks, &s), 1);
	s = from("192.0.2.10:40000"); /* whatever its port */
	assert_int_equal(trunks_find(y->trunks, &s), 1);
	s = from("192.0.2.11:5060");
	assert_int_equal(trunks_find(y->trunks, &s), TRUNK_NONE);
	s = from("192.0.2.9:5060");
	s.local.port = 5061;
	assert_int_equal(trunks_find(y->trunks, &s), TRUNK_NONE);
	s.is_dialled = true;
	assert_int_equal(trunks_find(y->trunks, &s), 0);
	s.transport = SIP_TCP;
	assert_int_equal(trunks_find(y->trunks, &s), TRUNK_NONE);
	yard_destroy(y);
}

static void trunk_with_its_port_comes_first(void **state)
{
	struct yard *y = yard_create(2);
	quiet(y);
	yard_host(y, 1, "192.0.2.9", 5080);
	yard_start(y);

	struct trunk_source s = from("192.0.2.9:5080");
	assert_int_equal(trunks_find(y->trunks, &s), 1);
	s = from("192.0.2.9:5060");
	assert_int_equal(trunks_find(y->trunks, &s), 0);
	yard_destroy(y);
}

static void named_gateway_sends_from_all_its_addresses(void **state)
{
	struct yard *y = yard_create(1);
	struct trunk_source s = from("192.0.2.21:5060");
	quiet(y);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 3000);
	yard_address(y, "192.0.2.21", 3000);
	yard_start(y);

	assert_int_equal(trunks_find(y->trunks, &s), TRUNK_NONE);
	yard_pass(y, 2000);

	assert_int_equal(trunks_find(y->trunks, &s), 0);
	yard_destroy(y);
}

/* Over TLS an address proves nothing, and the name all. */
static void certificate_says_who_it_is(void **state)
{
	struct yard *y = yard_create(2);
	struct crypto_peer peer = {.has_certificate = true, .n_names = 1};
	quiet(y);
	for (uint32_t i = 0; i < 2; i++) {
		y->config[i].gateway.transport = SIP_TLS;
		yard_host(y, i, i == 0 ? "a.example.net" : "b.example.net", 5061);
	}
	yard_address(y, "192.0.2.20", 3000);
	yard_start(y);
	yard_pass(y, 2000);
	strcpy(peer.names[0], "B.example.net");

	struct trunk_source s = from("198.51.100.7:40000");
	s.transport = SIP_TLS;
	s.peer = &peer;
	assert_int_equal(trunks_find(y->trunks, &s), 1);
	s.peer = NULL;
	s.remote = addr_ipv4(0xc0000214, 5061);
	assert_int_equal(trunks_find(y->trunks, &s), TRUNK_NONE);
	strcpy(peer.names[0], "c.example.net");
	s.peer = &peer;
	assert_int_equal(trunks_find(y->trunks, &s), TRUNK_NONE);
	yard_destroy(y);
}

static void call_to_our_contact_is_of_that_registration(void **state)
{
	struct yard *y = yard_create(2);
	struct trunk_source s = from("192.0.2.9:5060");
	quiet(y);
	y->config[1].registration = &account;
	yard_host(y, 1, "192.0.2.9", 5070);
	yard_start(y);

	assert_int_equal(trunks_find(y->trunks, &s), 0);
	s.user = sip_str_c("4711");
	assert_int_equal(trunks_find(y->trunks, &s), 1);
	assert_true(trunks_is_account(y->trunks, 1, s.user));
	assert_false(trunks_is_account(y->trunks, 0, s.user));
	assert_false(trunks_is_account(y->trunks, 1, SIP_NONE));
	yard_destroy(y);
}

/* ---- the order of addresses ---- */

static uint32_t lot;

static uint32_t drawn(uint32_t bound)
{
	return lot % bound;
}

/* All names of the yard have the same addresses: the port tells services apart. */
static void weights_are_drawn_for_each_call(void **state)
{
	struct yard *y = yard_create(1);
	quiet(y);
	y->random_below = drawn;
	yard_host(y, 0, "example.net", 0);
	yard_srv(y, 1, 30, "a.example.net", 3000);
	yard_srv(y, 1, 70, "b.example.net", 3000);
	yard_srv(y, 2, 0, "c.example.net", 3000);
	for (size_t i = 0; i < 3; i++)
		y->records[i].port = (uint16_t)(5071 + i);
	yard_address(y, "192.0.2.20", 3000);
	yard_start(y);
	yard_pass(y, 2000);

	unsigned n_second = 0;
	for (lot = 0; lot < 100; lot++) {
		const char *targets = yard_targets(y);
		bool is_second =
			strcmp(targets, "192.0.2.20:5072 192.0.2.20:5071 192.0.2.20:5073") == 0;
		assert_true(is_second || strcmp(targets, "192.0.2.20:5071 192.0.2.20:5072 "
							 "192.0.2.20:5073") == 0);
		n_second += is_second;
	}

	assert_int_equal(n_second, 70);
	yard_destroy(y);
}

static void silent_ones_are_last(void **state)
{
	struct yard *y = yard_create(1);
	struct addr first = addr_ipv4(0xc0000214, 5070);
	quiet(y);
	yard_host(y, 0, "example.net", 0);
	yard_srv(y, 1, 0, "a.example.net", 3000);
	yard_address(y, "192.0.2.20", 3000);
	yard_address(y, "192.0.2.21", 3000);
	yard_start(y);
	yard_pass(y, 2000);
	assert_string_equal(yard_targets(y), "192.0.2.20:5070 192.0.2.21:5070");

	trunks_missed(y->trunks, 0, &first, 30);

	assert_string_equal(yard_targets(y), "192.0.2.21:5070 192.0.2.20:5070");
	yard_destroy(y);
}

/* ---- how many calls ---- */

static void calls_have_a_bound(void **state)
{
	struct yard *y = yard_create(1);
	quiet(y);
	y->config[0].max_calls = 2;
	yard_start(y);

	assert_true(trunks_call_begin(y->trunks, 0, 1000));
	assert_true(trunks_call_begin(y->trunks, 0, 1000));
	assert_false(trunks_call_begin(y->trunks, 0, 1000));
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REFUSED_LIMIT), 1);
	trunks_call_end(y->trunks, 0);

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	assert_true(trunks_call_begin(y->trunks, 0, 1000));
	assert_int_equal(yard_count(y, 0, TRUNK_C_CALLS), 2);
	yard_destroy(y);
}

/* Two flood us until neither gets any more: a third still has room. */
static void flood_leaves_room_for_others(void **state)
{
	struct yard *y = yard_create(3);
	const size_t all = 900;
	size_t open = 0;
	quiet(y);
	yard_start(y);

	for (bool goes_on = true; goes_on;) {
		goes_on = false;
		for (uint32_t i = 0; i < 2; i++) {
			if (trunks_call_begin(y->trunks, i, all - open)) {
				open++;
				goes_on = true;
			}
		}
	}

	assert_in_range(open, 798, 800); /* eight ninths */
	assert_int_equal(yard_count(y, 0, TRUNK_C_CALLS), open / 2);
	for (size_t i = 0; i < 70; i++)
		assert_true(trunks_call_begin(y->trunks, 2, all - open - i));
	assert_true(yard_count(y, 0, TRUNK_C_REFUSED_SHARE) > 0);
	yard_destroy(y);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(gateway_is_known_by_its_address),
		cmocka_unit_test(trunk_with_its_port_comes_first),
		cmocka_unit_test(named_gateway_sends_from_all_its_addresses),
		cmocka_unit_test(certificate_says_who_it_is),
		cmocka_unit_test(call_to_our_contact_is_of_that_registration),
		cmocka_unit_test(weights_are_drawn_for_each_call),
		cmocka_unit_test(silent_ones_are_last),
		cmocka_unit_test(calls_have_a_bound),
		cmocka_unit_test(flood_leaves_room_for_others),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
