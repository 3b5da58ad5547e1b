/* SPDX-License-Identifier: BSD-3-Clause */
/* What a failed attempt means, and the table of SRTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mediation/policy.h>

static const uint16_t codes[] = {408, 503, 504};
static const struct policy_response_map map[] = {{486, 34, 503}, {0, 38, 504}, {404, -1, 480}};
static const struct policy_failover failover = {codes, ARRAY_LEN(codes), map, ARRAY_LEN(map)};

static struct policy_verdict judge(unsigned code, int q850, unsigned retry_after_s)
{
	struct policy_failure f = {POLICY_RESPONSE, code, q850, retry_after_s};
	struct policy_verdict v;
	policy_failure_judge(&failover, &f, &v);
	return v;
}

static void some_codes_try_the_next_trunk_and_the_others_are_final(void **state)
{
	static const struct {
		unsigned code;
		int q850;
		bool tries_next;
		unsigned becomes;
	} cases[] = {
		{486, -1, false, 486},
		{486, 34, true, 503}, /* no circuit behind a busy */
		{486, 17, false, 486},
		{404, -1, false, 480},
		{404, 1, false, 480},
		{500, 38, true, 504},
		{408, -1, true, 408},
		{503, -1, true, 503},
		{504, 0, true, 504},
		{500, -1, false, 500},
		{603, -1, false, 603},
		{302, -1, false, 302},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_verdict v = judge(cases[i].code, cases[i].q850, 0);
		assert_int_equal(v.tries_next, cases[i].tries_next);
		assert_int_equal(v.code, cases[i].becomes);
		assert_int_equal(v.is_miss, cases[i].code == 503);
		assert_int_equal(v.avoid_s, 0);
	}
}

static void a_trunk_that_asks_for_it_is_left_alone(void **state)
{
	assert_int_equal(judge(503, -1, 30).avoid_s, 30);
	assert_int_equal(judge(486, 34, 30).avoid_s, 0);
}

static void a_trunk_that_is_silent_or_away_is_a_miss(void **state)
{
	static const enum policy_failure_kind kinds[] = {POLICY_NO_PROGRESS, POLICY_UNREACHABLE};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct policy_failure f = {.kind = kinds[i], .q850 = -1};
		struct policy_verdict v;
		policy_failure_judge(&failover, &f, &v);
		assert_true(v.tries_next && v.is_miss);
		assert_int_equal(v.code, 503);
	}
}

static void causes_are_found_among_reasons(void **state)
{
	static const struct {
		const char *reason;
		int cause;
	} cases[] = {
		{"Q.850;cause=34;text=\"no circuit\"", 34},
		{"q.850 ; cause = 16", 16},
		{"SIP ;cause=200 ;text=\"a, b;cause=7\", Q.850 ;text=\"x\\\"\";cause=31", 31},
		{"SIP;cause=503", -1},
		{"Q.850", -1},
		{"Q.850;cause=", -1},
		{"Q.850;cause=x", -1},
		{"Q.850;cause=128", -1},
		{"Q.850;cause=1234567890123", -1},
		{"Q.850;text=\"open;cause=34", -1},
		{"", -1},
		{",;=", -1},
		{"\"\\", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (policy_q850(bytes_str(cases[i].reason)) != cases[i].cause)
			fail_msg("%s", cases[i].reason);
	}
}

static void srtp_is_as_the_table_has_it(void **state)
{
	static const struct {
		enum policy_srtp client, trunk;
		bool may_srtp, may_clear;
	} cases[] = {
		{POLICY_SRTP_REQUIRED, POLICY_SRTP_REQUIRED, true, false},
		{POLICY_SRTP_REQUIRED, POLICY_SRTP_OPTIONAL, true, false},
		{POLICY_SRTP_REQUIRED, POLICY_SRTP_NONE, false, false},
		{POLICY_SRTP_OPTIONAL, POLICY_SRTP_REQUIRED, true, false},
		{POLICY_SRTP_OPTIONAL, POLICY_SRTP_OPTIONAL, true, true},
		{POLICY_SRTP_OPTIONAL, POLICY_SRTP_NONE, false, true},
		{POLICY_SRTP_NONE, POLICY_SRTP_REQUIRED, false, false},
		{POLICY_SRTP_NONE, POLICY_SRTP_OPTIONAL, false, true},
		{POLICY_SRTP_NONE, POLICY_SRTP_NONE, false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_srtp_choice c =
			policy_srtp_choose(cases[i].client, cases[i].trunk, true);
		assert_int_equal(c.client, cases[i].client);
		assert_int_equal(c.trunk, cases[i].trunk);
		assert_int_equal(c.may_bypass_srtp, cases[i].may_srtp);
		assert_int_equal(c.may_bypass_clear, cases[i].may_clear);
		/* Without TLS each row is as in the last column. */
		c = policy_srtp_choose(cases[i].client, cases[i].trunk, false);
		assert_int_equal(c.trunk, POLICY_SRTP_NONE);
		assert_false(c.may_bypass_srtp);
		assert_int_equal(c.may_bypass_clear, cases[i].client != POLICY_SRTP_REQUIRED);
	}
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(some_codes_try_the_next_trunk_and_the_others_are_final),
		cmocka_unit_test(a_trunk_that_asks_for_it_is_left_alone),
		cmocka_unit_test(a_trunk_that_is_silent_or_away_is_a_miss),
		cmocka_unit_test(causes_are_found_among_reasons),
		cmocka_unit_test(srtp_is_as_the_table_has_it),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
