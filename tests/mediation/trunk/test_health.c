/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether gateways live: OPTIONS, what calls teach, Retry-After. */
#include "yard.h"

static struct addr at(void)
{
	return addr_ipv4(0xc0000209, 5060);
}

/* The next OPTIONS get no answer. */
static void miss(struct yard *y)
{
	(void)yard_await(y, 70000);
	yard_pass(y, 10500);
}

static struct yard *started(void)
{
	struct yard *y = yard_create(1);

	yard_start(y);
	return y;
}

static void gateway_is_asked(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 6000);

	assert_true(yard_begins(y, n, "OPTIONS sip:192.0.2.9:5060 SIP/2.0\r\n"));
	assert_true(yard_has(y, n, "From: <sip:192.0.2.1:5060>;tag="));
	assert_true(yard_has(y, n, "To: <sip:192.0.2.9:5060>\r\n"));
	assert_true(yard_has(y, n, "Contact: <sip:192.0.2.1:5060>\r\n"));
	assert_true(yard_has(y, n, "Max-Forwards: 70\r\n"));
	assert_int_equal(y->sent[n].to.place, 1);
	yard_answer(y, n, 200, "");
	unsigned next = yard_await(y, 70000);

	assert_in_range(y->sent[next].at_ms - y->sent[n].at_ms, 54000, 66000);
	assert_int_equal(yard_count(y, 0, TRUNK_C_PINGS_OK), 1);
	yard_destroy(y);
}

static void three_misses_take_it_down(void **state)
{
	struct yard *y = started();

	miss(y);
	miss(y);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	miss(y);

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_UP), 0);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_SILENT);
	assert_string_equal(
		yard_targets(y), "192.0.2.9:5060"); /* still tried, when all else fails */
	yard_destroy(y);
}

static void first_answer_brings_it_back(void **state)
{
	struct yard *y = started();
	for (unsigned i = 0; i < 3; i++)
		miss(y);

	unsigned n = yard_await(y, 70000);
	yard_answer(y, n, 405, "");

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	assert_int_equal(yard_count(y, 0, TRUNK_C_UP), 1);
	yard_destroy(y);
}

static void answer_between_misses_starts_anew(void **state)
{
	struct yard *y = started();

	for (unsigned i = 0; i < 3; i++) {
		miss(y);
		miss(y);
		yard_answer(y, yard_await(y, 70000), 404, "");
	}

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	yard_destroy(y);
}

static void what_cannot_be_sent_is_a_miss(void **state)
{
	struct yard *y = started();

	y->send_error = -ECONNREFUSED;
	yard_pass(y, 200000);

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	assert_true(yard_count(y, 0, TRUNK_C_PINGS_FAILED) >= 3);
	yard_destroy(y);
}

/* RFC 3261 §20.33: it is not asked before that, and then at once. */
static void retry_after_is_kept(void **state)
{
	struct yard *y = started();
	unsigned n = yard_await(y, 6000);

	yard_answer(y, n, 503, "Retry-After: 200\n");
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_AVOIDED);
	unsigned next = yard_await(y, 210000);
	yard_answer(y, next, 200, "");

	assert_in_range(y->sent[next].at_ms - y->sent[n].at_ms, 200000, 200200);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	yard_destroy(y);
}

static void calls_teach_as_well(void **state)
{
	struct yard *y = started();
	struct addr a = at();

	for (unsigned i = 0; i < 3; i++)
		trunks_missed(y->trunks, 0, &a, 0);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_CALLS_FAILED), 3);
	yard_pass(y, 3100);
	trunks_answered(y->trunks, 0, &a);

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	yard_destroy(y);
}

/* A gateway at its limit takes some and refuses some: its state does not change with each. */
static void state_lasts_a_while(void **state)
{
	struct yard *y = started();
	struct addr a = at();

	for (unsigned i = 0; i < 3; i++)
		trunks_missed(y->trunks, 0, &a, 0);
	trunks_answered(y->trunks, 0, &a);

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	yard_destroy(y);
}

static void retry_after_of_a_call_is_kept(void **state)
{
	struct yard *y = yard_create(1);
	struct addr a = at();
	y->config[0].sends_options = false;
	yard_start(y);

	trunks_missed(y->trunks, 0, &a, 30);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	yard_pass(y, 29000);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_DEMOTED);
	yard_pass(y, 1200);

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	yard_destroy(y);
}

static void without_options_it_gets_another_chance(void **state)
{
	struct yard *y = yard_create(1);
	struct addr a = at();
	y->config[0].sends_options = false;
	yard_start(y);

	for (unsigned i = 0; i < 3; i++)
		trunks_missed(y->trunks, 0, &a, 0);
	yard_pass(y, 50000);
	assert_int_equal(yard_count(y, 0, TRUNK_C_UP), 0);
	yard_pass(y, 15000);
	assert_int_equal(yard_count(y, 0, TRUNK_C_UP), 1);
	trunks_missed(y->trunks, 0, &a, 0);

	assert_int_equal(yard_count(y, 0, TRUNK_C_UP), 0);
	assert_int_equal(y->n_sent, 0);
	yard_destroy(y);
}

/* One that sends requests lives: it is asked, however often it sends, a few seconds later. */
static void request_of_one_that_is_down_asks_it(void **state)
{
	struct yard *y = started();
	struct addr a = at();
	for (unsigned i = 0; i < 3; i++)
		miss(y);
	yard_pass(y, 4000);

	unsigned n = y->n_sent;
	for (unsigned i = 0; i < 50; i++) {
		trunks_heard(y->trunks, 0, &a);
		yard_pass(y, 100);
	}
	assert_true(y->n_sent > n && yard_begins(y, n, "OPTIONS "));
	yard_answer(y, n, 200, "");

	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	yard_destroy(y);
}

/* Health is of addresses: one that is down leaves the trunk up. */
static void trunk_is_up_with_one_address(void **state)
{
	struct yard *y = yard_create(1);
	struct addr first = addr_ipv4(0xc0000214, 5060);
	yard_host(y, 0, "gw.example.net", 5060);
	yard_address(y, "192.0.2.20", 3000);
	yard_address(y, "192.0.2.21", 3000);
	yard_start(y);
	yard_pass(y, 2000);

	for (unsigned i = 0; i < 3; i++)
		trunks_missed(y->trunks, 0, &first, 0);

	assert_string_equal(yard_targets(y), "192.0.2.21:5060 192.0.2.20:5060");
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_UP);
	assert_int_equal(yard_count(y, 0, TRUNK_C_TARGETS_UP), 1);
	yard_destroy(y);
}

static void disabled_trunk_is_left_alone(void **state)
{
	struct yard *y = yard_create(1);
	y->config[0].is_enabled = false;

	yard_start(y);
	yard_pass(y, 100000);

	assert_int_equal(y->n_sent, 0);
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_OFF);
	assert_int_equal(trunks_options_status(y->trunks, 0), 503);
	yard_destroy(y);
}

static uint32_t next_lot;

/* Even: each in its turn of the bound. */
static uint32_t spread(uint32_t bound)
{
	next_lot = next_lot * 1103515245 + 12345;
	return (next_lot >> 8) % bound;
}

static void many_are_not_asked_in_one_tick(void **state)
{
	struct yard *y = yard_create(256);
	next_lot = 7;
	y->random_below = spread;
	yard_start(y);

	unsigned most = 0;
	for (unsigned i = 0; i < 60; i++) {
		unsigned n = y->n_sent;
		yard_pass(y, 100);
		most = y->n_sent - n > most ? y->n_sent - n : most;
		for (; n < y->n_sent; n++)
			yard_answer(y, n, 200, "");
	}

	assert_int_equal(y->n_sent, 256);
	assert_true(most < 30);
	yard_destroy(y);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(gateway_is_asked),
		cmocka_unit_test(three_misses_take_it_down),
		cmocka_unit_test(first_answer_brings_it_back),
		cmocka_unit_test(answer_between_misses_starts_anew),
		cmocka_unit_test(what_cannot_be_sent_is_a_miss),
		cmocka_unit_test(retry_after_is_kept),
		cmocka_unit_test(calls_teach_as_well),
		cmocka_unit_test(state_lasts_a_while),
		cmocka_unit_test(retry_after_of_a_call_is_kept),
		cmocka_unit_test(without_options_it_gets_another_chance),
		cmocka_unit_test(request_of_one_that_is_down_asks_it),
		cmocka_unit_test(trunk_is_up_with_one_address),
		cmocka_unit_test(disabled_trunk_is_left_alone),
		cmocka_unit_test(many_are_not_asked_in_one_tick),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
