/* SPDX-License-Identifier: BSD-3-Clause */
/* Where gateways are: looked up ahead, kept while DNS fails, in the order of their records. */
#include "yard.h"

static void address_needs_no_look_up(void **state)
{
	struct yard *y = yard_create(1);

	yard_start(y);
	assert_string_equal(yard_targets(y), "192.0.2.9:5060");
	yard_pass(y, 100000);

	assert_int_equal(y->n_questions, 0);
	yard_destroy(y);
}

static void name_is_looked_up_before_a_call(void **state)
{
	struct yard *y = yard_create(1);
	yard_host(y, 0, "gw.example.net", 5066);
	yard_address(y, "192.0.2.20", 60);
	yard_address(y, "192.0.2.21", 60);

	yard_start(y);
	assert_string_equal(yard_targets(y), "");
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	yard_pass(y, 2000);

	assert_string_equal(yard_targets(y), "192.0.2.20:5066 192.0.2.21:5066");
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	yard_destroy(y);
}

/* RFC 2782: the lower priority first. Without a port there is SRV (RFC 3263 §4.2). */
static void services_are_in_order_of_priority(void **state)
{
	struct yard *y = yard_create(1);
	yard_host(y, 0, "example.net", 0);
	yard_srv(y, 20, 0, "b.example.net", 60);
	yard_srv(y, 10, 0, "a.example.net", 60);
	yard_address(y, "192.0.2.20", 60);

	yard_start(y);
	yard_pass(y, 2000);

	/* Both names have the same address here: it is there once. */
	assert_string_equal(yard_targets(y), "192.0.2.20:5070");
	yard_destroy(y);
}

/* Where it stands first, though it comes again behind another. */
static void address_that_is_there_twice_keeps_its_place(void **state)
{
	struct yard *y = yard_create(1);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 60);
	yard_address(y, "192.0.2.21", 60);
	yard_address(y, "192.0.2.20", 60);

	yard_start(y);
	yard_pass(y, 2000);

	assert_string_equal(yard_targets(y), "192.0.2.20:5060 192.0.2.21:5060");
	yard_destroy(y);
}

/* What changes in DNS is seen when the time of the answer is over, and not before. */
static void answer_is_believed_for_its_time(void **state)
{
	struct yard *y = yard_create(1);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 100);
	yard_start(y);
	yard_pass(y, 2000);

	yard_no_records(y);
	yard_address(y, "192.0.2.30", 100);
	yard_pass(y, 85000);
	assert_string_equal(yard_targets(y), "192.0.2.20:5060");
	yard_pass(y, 30000);

	assert_string_equal(yard_targets(y), "192.0.2.30:5060");
	yard_destroy(y);
}

/* A time of 0 would ask at once, one of a week never again. */
static void time_has_bounds(void **state)
{
	struct yard *y = yard_create(1);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 0);
	yard_start(y);
	yard_pass(y, 60000);
	assert_true(y->n_questions <= 8);

	yard_no_records(y);
	yard_address(y, "192.0.2.20", 604800);
	yard_pass(y, 20000);
	size_t n = y->n_questions;
	yard_pass(y, 400000);

	assert_true(y->n_questions > n);
	yard_destroy(y);
}

static void what_was_found_stays_while_dns_is_silent(void **state)
{
	struct yard *y = yard_create(1);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 30);
	yard_start(y);
	yard_pass(y, 2000);

	y->dns_rc = -EIO;
	for (unsigned i = 0; i < 40; i++) {
		unsigned n = yard_await(y, 70000);
		yard_answer(y, n, 200, "");
	}

	assert_string_equal(yard_targets(y), "192.0.2.20:5060");
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	assert_true(yard_count(y, 0, TRUNK_C_LOOKUPS_FAILED) > 10);
	yard_destroy(y);
}

/* An address that is still there keeps what is known of it. */
static void new_answer_keeps_health(void **state)
{
	struct yard *y = yard_create(1);
	struct addr down = addr_ipv4(0xc0000214, 5060);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 30);
	yard_address(y, "192.0.2.21", 30);
	y->config[0].sends_options = false;
	yard_start(y);
	yard_pass(y, 2000);
	for (unsigned i = 0; i < 3; i++)
		trunks_missed(y->trunks, 0, &down, 0);
	assert_string_equal(yard_targets(y), "192.0.2.21:5060 192.0.2.20:5060");

	yard_no_records(y);
	yard_address(y, "192.0.2.22", 30);
	yard_address(y, "192.0.2.20", 30);
	yard_pass(y, 40000);

	assert_string_equal(yard_targets(y), "192.0.2.22:5060 192.0.2.20:5060");
	yard_destroy(y);
}

/* Whoever is in a call may be heard of it yet, and of no new one. */
static void address_that_is_gone_is_known_while_there_are_calls(void **state)
{
	struct yard *y = yard_create(1);
	struct addr old, other;
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 10);
	assert_int_equal(addr_parse("192.0.2.20", 5060, &old), 0);
	assert_int_equal(addr_parse("192.0.2.66", 5060, &other), 0);

	yard_start(y);
	yard_pass(y, 2000);
	assert_int_equal(trunks_match(y->trunks, 0, &old), TRUNK_SAME_PORT);
	assert_true(trunks_call_begin(y->trunks, 0));
	for (unsigned i = 21; i < 25; i++) {
		char text[16];
		yard_no_records(y);
		(void)snprintf(text, sizeof(text), "192.0.2.%u", i);
		yard_address(y, text, 10);
		yard_pass(y, 15000);
	}

	assert_string_equal(yard_targets(y), "192.0.2.24:5060");
	assert_int_equal(trunks_match(y->trunks, 0, &old), TRUNK_FORMER);
	assert_int_equal(trunks_match(y->trunks, 0, &other), TRUNK_ELSEWHERE);
	trunks_call_end(y->trunks, 0);
	assert_int_equal(trunks_match(y->trunks, 0, &old), TRUNK_ELSEWHERE);
	yard_destroy(y);
}

static void address_that_is_gone_is_nobodys_without_calls(void **state)
{
	struct yard *y = yard_create(1);
	struct addr old;
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 10);
	assert_int_equal(addr_parse("192.0.2.20", 5060, &old), 0);

	yard_start(y);
	yard_pass(y, 2000);
	yard_no_records(y);
	yard_address(y, "192.0.2.21", 10);
	yard_pass(y, 15000);

	assert_int_equal(trunks_match(y->trunks, 0, &old), TRUNK_ELSEWHERE);
	yard_destroy(y);
}

static void many_trunks_do_not_ask_at_once(void **state)
{
	struct yard *y = yard_create(200);
	for (uint32_t i = 0; i < 200; i++) {
		yard_host(y, i, "gw.example.net", 5060);
		y->config[i].sends_options = false;
	}
	yard_address(y, "192.0.2.20", 30);

	/* There is room for 64 questions at once: who finds none asks again. */
	yard_start(y);
	yard_pass(y, 90000);

	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(yard_count(y, i, TRUNK_C_TARGETS), 1);
	yard_destroy(y);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(address_needs_no_look_up),
		cmocka_unit_test(name_is_looked_up_before_a_call),
		cmocka_unit_test(services_are_in_order_of_priority),
		cmocka_unit_test(address_that_is_there_twice_keeps_its_place),
		cmocka_unit_test(answer_is_believed_for_its_time),
		cmocka_unit_test(time_has_bounds),
		cmocka_unit_test(what_was_found_stays_while_dns_is_silent),
		cmocka_unit_test(new_answer_keeps_health),
		cmocka_unit_test(address_that_is_gone_is_known_while_there_are_calls),
		cmocka_unit_test(address_that_is_gone_is_nobodys_without_calls),
		cmocka_unit_test(many_trunks_do_not_ask_at_once),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
