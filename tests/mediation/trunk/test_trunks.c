/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose an address is, in which order addresses are tried, how many calls a trunk may have. */
#include "yard.h"

static const struct trunk_registration account = {
	.domain = "example.net", .user = "4711", .account = {"4711", "secret"}, .expires_s = 600};

static void quiet(struct yard *y)
{
	for (uint32_t i = 0; i < y->n; i++)
		y->config[i].sends_options = false;
}

/* ---- whose an address is ---- */

static enum trunk_match match(struct yard *y, uint32_t trunk, const char *remote)
{
	struct addr a;

	assert_int_equal(addr_parse(remote, 0, &a), 0);
	return trunks_match(y->trunks, trunk, &a);
}

static void gateway_is_known_by_its_address(void **state)
{
	struct yard *y = yard_create(2);
	quiet(y);
	yard_host(y, 1, "192.0.2.10", 5070);
	yard_start(y);

	assert_int_equal(match(y, 1, "192.0.2.10:5070"), TRUNK_SAME_PORT);
	assert_int_equal(match(y, 1, "192.0.2.10:40000"), TRUNK_SAME_HOST);
	assert_int_equal(match(y, 0, "192.0.2.10:5070"), TRUNK_ELSEWHERE);
	yard_destroy(y);
}

static void named_gateway_sends_from_all_its_addresses(void **state)
{
	struct yard *y = yard_create(1);
	quiet(y);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 3000);
	yard_address(y, "192.0.2.21", 3000);
	yard_start(y);

	assert_int_equal(match(y, 0, "192.0.2.21:5060"), TRUNK_ELSEWHERE);
	yard_pass(y, 2000);

	assert_int_equal(match(y, 0, "192.0.2.21:5060"), TRUNK_SAME_PORT);
	yard_destroy(y);
}

/* The port that a connection comes from is nobody's to connect to. */
static void gateway_listens_where_it_was_found(void **state)
{
	struct yard *y = yard_create(1);
	struct addr second = addr_ipv4(0xc0000215, 40000), other = addr_ipv4(0xc6336407, 40000);
	quiet(y);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 3000);
	yard_address(y, "192.0.2.21", 3000);
	yard_start(y);
	assert_int_equal(trunks_listens(y->trunks, 0, &second), ERR_NOT_FOUND);
	yard_pass(y, 2000);

	assert_int_equal(trunks_listens(y->trunks, 0, &second), 0);
	assert_int_equal(second.port, 5060);
	assert_int_equal(trunks_listens(y->trunks, 0, &other), 0);
	assert_int_equal(other.port, 5060);
	yard_destroy(y);
}

/* A name with an address in the configuration asks nobody. */
static void address_of_the_configuration_is_not_looked_up(void **state)
{
	struct yard *y = yard_create(1);
	yard_host(y, 0, "gw.example.net", 5066);
	y->config[0].address = addr_ipv4(0xc0000220, 0);
	yard_start(y);
	yard_pass(y, 2000);

	assert_string_equal(yard_targets(y), "192.0.2.32:5066");
	assert_int_equal(y->n_questions, 0);
	yard_destroy(y);
}

static void call_to_our_contact_is_of_that_account(void **state)
{
	struct yard *y = yard_create(2);
	quiet(y);
	y->config[1].registration = &account;
	yard_start(y);

	assert_true(trunks_is_account(y->trunks, 1, sip_str_c("4711")));
	assert_false(trunks_is_account(y->trunks, 1, sip_str_c("4712")));
	assert_false(trunks_is_account(y->trunks, 0, sip_str_c("4711")));
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

	assert_true(trunks_call_begin(y->trunks, 0));
	assert_true(trunks_call_begin(y->trunks, 0));
	assert_false(trunks_call_begin(y->trunks, 0));
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REFUSED_LIMIT), 1);
	trunks_call_end(y->trunks, 0);

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	assert_true(trunks_call_begin(y->trunks, 0));
	assert_int_equal(yard_count(y, 0, TRUNK_C_CALLS), 2);
	yard_destroy(y);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(gateway_is_known_by_its_address),
		cmocka_unit_test(named_gateway_sends_from_all_its_addresses),
		cmocka_unit_test(gateway_listens_where_it_was_found),
		cmocka_unit_test(address_of_the_configuration_is_not_looked_up),
		cmocka_unit_test(call_to_our_contact_is_of_that_account),
		cmocka_unit_test(weights_are_drawn_for_each_call),
		cmocka_unit_test(silent_ones_are_last),
		cmocka_unit_test(calls_have_a_bound),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
