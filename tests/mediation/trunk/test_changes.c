/* SPDX-License-Identifier: BSD-3-Clause */
/* Trunks that change, go and come while they run. */
#include "yard.h"

static struct trunk_registration account = {
	.domain = "example.net", .user = "4711", .account = {"4711", "secret"}, .expires_s = 600};

#define BOUND   "Contact: <sip:4711@192.0.2.1:5060>;expires=600\n"
#define GONE_MS 70000 /* long enough for one without calls */

/* Two trunks without OPTIONS; the first is registered. */
static struct yard *registered(void)
{
	struct yard *y = yard_create(2);

	y->config[0].sends_options = y->config[1].sends_options = false;
	y->config[0].registration = &account;
	yard_host(y, 1, "192.0.2.10", 5060);
	yard_start(y);
	yard_answer(y, yard_await(y, 3000), 200, BOUND);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 1);
	return y;
}

static bool has_no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return has_no_memory ? NULL : __real_calloc(n, size);
}

static void set(struct yard *y, uint32_t trunk)
{
	struct trunk *prepared = trunk_prepare();

	assert_non_null(prepared);
	trunks_set(y->trunks, trunk, &y->config[trunk], &prepared);
	trunk_discard(prepared);
}

static void changed_settings_keep_the_registration(void **state)
{
	struct yard *y = registered();
	unsigned n = y->n_sent;

	y->config[0].max_calls = 1;
	set(y, 0);
	yard_pass(y, 10000);

	assert_int_equal(y->n_sent, n);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 1);
	assert_true(trunks_call_begin(y->trunks, 0));
	assert_false(trunks_call_begin(y->trunks, 0));
	trunks_call_end(y->trunks, 0);
	yard_destroy(y);
}

static void silent_address_stays_silent_when_settings_change(void **state)
{
	struct yard *y = yard_create(1);
	struct addr gateway = addr_ipv4(0xc0000209, 5060);
	y->config[0].sends_options = false;
	yard_start(y);
	for (unsigned i = 0; i < 3; i++)
		trunks_missed(y->trunks, 0, &gateway, 0);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_SILENT);

	y->config[0].fail_after = 5;
	set(y, 0);

	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_SILENT);
	yard_destroy(y);
}

static void refused_account_is_tried_at_once_when_it_changes(void **state)
{
	struct yard *y = yard_create(1);
	y->config[0].sends_options = false;
	y->config[0].registration = &account;
	yard_start(y);
	yard_answer(y, yard_await(y, 3000), 403, "");
	unsigned n = y->n_sent;

	set(y, 0);
	unsigned i = yard_await(y, 3000);

	assert_int_equal(i, n);
	assert_true(yard_begins(y, i, "REGISTER"));
	yard_destroy(y);
}

static void shorter_interval_counts_at_once(void **state)
{
	struct yard *y = yard_create(1);
	y->config[0].interval_s = 3600;
	yard_start(y);
	yard_answer(y, yard_await(y, 6000), 200, "");
	unsigned n = y->n_sent;

	y->config[0].interval_s = 2;
	set(y, 0);
	yard_pass(y, 3000);

	assert_true(y->n_sent > n);
	yard_destroy(y);
}

static void disabled_trunk_takes_its_registration_back(void **state)
{
	struct yard *y = registered();

	y->config[0].is_enabled = false;
	set(y, 0);
	unsigned i = y->n_sent - 1;

	assert_true(yard_begins(y, i, "REGISTER"));
	assert_true(yard_has(y, i, "Expires: 0\r\n"));
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_OFF);
	yard_destroy(y);
}

static void silent_trunk_has_another_chance_when_it_comes_back(void **state)
{
	struct yard *y = yard_create(1);
	struct addr gateway = addr_ipv4(0xc0000209, 5060);
	y->config[0].sends_options = false;
	yard_start(y);
	for (unsigned i = 0; i < 3; i++)
		trunks_missed(y->trunks, 0, &gateway, 0);
	y->config[0].is_enabled = false;
	set(y, 0);

	y->config[0].is_enabled = true;
	set(y, 0);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_SILENT);
	yard_pass(y, 61000);

	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_FINE);
	yard_destroy(y);
}

static void disabled_trunk_is_not_asked(void **state)
{
	struct yard *y = yard_create(1);
	struct addr gateway = addr_ipv4(0xc0000209, 5060);
	y->config[0].interval_s = 10;
	yard_start(y);
	y->config[0].is_enabled = false;
	set(y, 0);
	unsigned n = y->n_sent;

	trunks_missed(y->trunks, 0, &gateway, 5); /* an attempt that was under way */
	yard_pass(y, 61000);

	assert_int_equal(y->n_sent, n);
	yard_destroy(y);
}

static void retired_trunk_ends_with_its_calls(void **state)
{
	struct yard *y = registered();
	struct addr gateway = addr_ipv4(0xc0000209, 5060);
	assert_true(trunks_call_begin(y->trunks, 0));

	trunks_retire(y->trunks, 0);

	/* Nothing new, but what its call needs. */
	assert_true(yard_has(y, y->n_sent - 1, "Expires: 0\r\n"));
	assert_int_equal(trunks_state(y->trunks, 0), POLICY_TRUNK_OFF);
	assert_int_equal(trunks_options_status(y->trunks, 0), 503);
	yard_pass(y, 2 * GONE_MS);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_RETIRED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_CALLS), 1);
	assert_int_equal(trunks_match(y->trunks, 0, &gateway), TRUNK_SAME_PORT);

	trunks_call_end(y->trunks, 0);
	yard_pass(y, GONE_MS);

	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_UNUSED);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTRATIONS_OK), 0);
	assert_int_equal(yard_count(y, 1, TRUNK_C_WHY), TRUNK_FINE);
	yard_destroy(y);
}

static void no_call_begins_on_one_that_is_retired_or_gone(void **state)
{
	struct yard *y = registered();

	trunks_retire(y->trunks, 0);
	assert_false(trunks_call_begin(y->trunks, 0));
	yard_pass(y, GONE_MS);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_UNUSED);
	assert_false(trunks_call_begin(y->trunks, 0));
	yard_destroy(y);
}

static void nobody_is_at_one_that_is_gone(void **state)
{
	struct yard *y = registered();
	struct addr gateway = addr_ipv4(0xc0000209, 5060);

	trunks_retire(y->trunks, 0);
	yard_pass(y, GONE_MS);

	assert_int_equal(trunks_match(y->trunks, 0, &gateway), TRUNK_ELSEWHERE);
	assert_int_equal(trunks_listens(y->trunks, 0, &gateway), ERR_NOT_FOUND);
	yard_destroy(y);
}

static void number_of_one_that_is_gone_is_another_trunks(void **state)
{
	struct yard *y = registered();
	struct addr gateway = addr_ipv4(0xc0000209, 5060), other = addr_ipv4(0xc000020b, 5060);
	trunks_retire(y->trunks, 0);
	yard_pass(y, GONE_MS);

	y->config[0].registration = NULL;
	yard_host(y, 0, "192.0.2.11", 5060);
	set(y, 0);

	assert_int_equal(trunks_match(y->trunks, 0, &gateway), TRUNK_ELSEWHERE);
	assert_int_equal(trunks_match(y->trunks, 0, &other), TRUNK_SAME_PORT);
	assert_int_equal(yard_count(y, 0, TRUNK_C_UP), 1);
	yard_destroy(y);
}

static void trunk_that_is_prepared_needs_no_memory(void **state)
{
	struct yard *y = yard_create(2);
	struct trunk *prepared = trunk_prepare();
	struct trunk_config second = y->config[1];
	const struct sip_target *targets[SIP_TARGETS_MAX];
	size_t n_up;
	y->config[1].name = NULL;
	yard_start(y);
	assert_int_equal(yard_count(y, 1, TRUNK_C_WHY), TRUNK_UNUSED);

	has_no_memory = true;
	trunks_set(y->trunks, 1, &second, &prepared);
	has_no_memory = false;

	assert_null(prepared);
	assert_true(trunks_call_begin(y->trunks, 1));
	trunks_call_end(y->trunks, 1);
	yard_pass(y, 61000);
	assert_int_equal(trunks_targets(y->trunks, 1, targets, &n_up), 1);
	yard_destroy(y);
}

/* The REGISTER may have been taken, and its answer be on its way. */
static void retired_while_it_registers_it_takes_that_back(void **state)
{
	struct yard *y = yard_create(1);
	unsigned first, last;
	y->config[0].sends_options = false;
	y->config[0].registration = &account;
	yard_start(y);
	first = yard_await(y, 3000);
	assert_false(yard_has(y, first, "Expires: 0\r\n"));

	trunks_retire(y->trunks, 0);
	last = y->n_sent - 1;
	assert_true(last > first && yard_begins(y, last, "REGISTER"));
	assert_true(yard_has(y, last, "Expires: 0\r\n") && yard_has(y, last, "CSeq: 2 "));
	yard_answer(y, first, 200, BOUND);
	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 0);
	yard_answer(y, last, 401,
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\n");
	assert_true(yard_has(y, y->n_sent - 1, "Expires: 0\r\n"));
	assert_true(yard_has(y, y->n_sent - 1, "Authorization: "));
	yard_answer(y, y->n_sent - 1, 200, "");
	yard_pass(y, GONE_MS);
	assert_int_equal(y->n_sent, last + 2);
	assert_int_equal(yard_count(y, 0, TRUNK_C_WHY), TRUNK_UNUSED);
	yard_destroy(y);
}

static void retired_trunk_that_comes_back_begins_anew(void **state)
{
	struct yard *y = registered();
	assert_true(trunks_call_begin(y->trunks, 0));
	trunks_retire(y->trunks, 0);

	set(y, 0);
	yard_answer(y, yard_await(y, 3000), 200, BOUND);
	yard_pass(y, 2 * GONE_MS);

	assert_int_equal(yard_count(y, 0, TRUNK_C_REGISTERED), 1);
	assert_int_equal(yard_count(y, 0, TRUNK_C_CALLS), 1);
	trunks_call_end(y->trunks, 0);
	yard_destroy(y);
}

static void retired_trunk_is_no_trouble_at_the_end(void **state)
{
	struct yard *y = registered();

	trunks_retire(y->trunks, 0);
	trunks_retire(y->trunks, 0);
	trunks_retire(y->trunks, 1);
	yard_destroy(y);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(changed_settings_keep_the_registration),
		cmocka_unit_test(silent_address_stays_silent_when_settings_change),
		cmocka_unit_test(refused_account_is_tried_at_once_when_it_changes),
		cmocka_unit_test(shorter_interval_counts_at_once),
		cmocka_unit_test(disabled_trunk_takes_its_registration_back),
		cmocka_unit_test(silent_trunk_has_another_chance_when_it_comes_back),
		cmocka_unit_test(disabled_trunk_is_not_asked),
		cmocka_unit_test(retired_trunk_ends_with_its_calls),
		cmocka_unit_test(no_call_begins_on_one_that_is_retired_or_gone),
		cmocka_unit_test(nobody_is_at_one_that_is_gone),
		cmocka_unit_test(number_of_one_that_is_gone_is_another_trunks),
		cmocka_unit_test(trunk_that_is_prepared_needs_no_memory),
		cmocka_unit_test(retired_while_it_registers_it_takes_that_back),
		cmocka_unit_test(retired_trunk_that_comes_back_begins_anew),
		cmocka_unit_test(retired_trunk_is_no_trouble_at_the_end),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
