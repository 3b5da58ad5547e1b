/* SPDX-License-Identifier: BSD-3-Clause */
/* Reliable provisional responses, RFC 3262, on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "message.h"

static const struct sip_msg *prack(const char *rack)
{
	char field[64];
	snprintf(field, sizeof(field), "RAck: %s\r\n", rack);
	return decode("PRACK sip:b@h SIP/2.0", COMMON("8 PRACK"), field);
}

/* §3: one more each time, from a first one of 1 to 2^31 - 1. */
static void rseq_counts_up_from_its_first(void **state)
{
	static const uint32_t seeds[] = {0, 1, INT32_MAX - 1u, INT32_MAX, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		struct sip_reliable r = {0};
		char rack[32];
		assert_true(sip_reliable_send(&r, request("")->cseq, seeds[i], 0));
		assert_in_range(r.rseq, 1, INT32_MAX);
		uint32_t first = r.rseq;
		snprintf(rack, sizeof(rack), "%u 7 INVITE", first);
		assert_true(sip_reliable_take(&r, prack(rack)));
		assert_true(sip_reliable_send(&r, request("")->cseq, 99, 0));
		assert_int_equal(r.rseq, first + 1);
	}
}

static void one_at_a_time_waits_for_its_prack(void **state)
{
	struct sip_reliable r = {0};
	assert_true(sip_reliable_send(&r, request("")->cseq, 41, 0));
	assert_false(sip_reliable_send(&r, request("")->cseq, 41, 0));
	static const char *const others[] = {
		"41 7 INVITE", "43 7 INVITE", "42 8 INVITE", "42 7 UPDATE", "42 INVITE", "x"};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(sip_reliable_take(&r, prack(others[i])));
	assert_false(sip_reliable_take(&r, request("")));
	assert_true(sip_reliable_take(&r, prack("42 7 INVITE")));
	assert_false(sip_reliable_take(&r, prack("42 7 INVITE")));
	assert_true(sip_reliable_send(&r, request("")->cseq, 0, 0));
}

/* §3: from T1 on, each time after twice as long, without a bound but 64 T1. */
static void repeated_until_64_t1(void **state)
{
	static const uint64_t times[] = {500, 1500, 3500, 7500, 15500, 31500};
	struct sip_reliable r = {0};
	uint64_t due;
	assert_int_equal(sip_reliable_act(&r, 0, &due), SIP_RELIABLE_WAIT);
	assert_int_equal(due, UINT64_MAX);
	assert_true(sip_reliable_send(&r, request("")->cseq, 41, 1000));
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		assert_int_equal(
			sip_reliable_act(&r, 1000 + times[i] - 1, &due), SIP_RELIABLE_WAIT);
		assert_int_equal(due, 1000 + times[i]);
		assert_int_equal(sip_reliable_act(&r, 1000 + times[i], &due), SIP_RELIABLE_REPEAT);
	}
	assert_int_equal(due, 33000);
	assert_int_equal(sip_reliable_act(&r, 32999, &due), SIP_RELIABLE_WAIT);
	assert_int_equal(sip_reliable_act(&r, 33000, &due), SIP_RELIABLE_GIVE_UP);
	assert_int_equal(sip_reliable_act(&r, 99999, &due), SIP_RELIABLE_WAIT);
	assert_false(sip_reliable_take(&r, prack("42 7 INVITE")));
}

static enum sip_prack take(struct sip_acknowledger *a, const char *status, const char *fields)
{
	return sip_acknowledger_take(a, response(status, fields));
}

/* §4 */
static void reliable_ones_are_taken_in_order(void **state)
{
	struct sip_acknowledger a = {0};
	assert_int_equal(take(&a, "180", ""), SIP_PRACK_NONE);
	assert_int_equal(take(&a, "180", "RSeq: 5\r\n"), SIP_PRACK_NONE);
	assert_int_equal(take(&a, "100", "Require: 100rel\r\nRSeq: 5\r\n"), SIP_PRACK_NONE);
	assert_int_equal(take(&a, "200", "Require: 100rel\r\nRSeq: 5\r\n"), SIP_PRACK_NONE);
	assert_int_equal(take(&a, "180", "Require: 100rel\r\n"), SIP_PRACK_BAD);
	assert_int_equal(take(&a, "180", "Require: 100rel\r\nRSeq: 0\r\n"), SIP_PRACK_BAD);
	assert_int_equal(take(&a, "180", "Require: 100rel\r\nRSeq: x\r\n"), SIP_PRACK_BAD);

	assert_int_equal(take(&a, "183", "Require: 100rel\r\nRSeq: 5\r\n"), SIP_PRACK_SEND);
	assert_int_equal(take(&a, "183", "Require: 100rel\r\nRSeq: 5\r\n"), SIP_PRACK_REPEATED);
	assert_int_equal(take(&a, "180", "Require: 100rel\r\nRSeq: 7\r\n"), SIP_PRACK_GAP);
	assert_int_equal(take(&a, "180", "Require: 100rel\r\nRSeq: 6\r\n"), SIP_PRACK_SEND);
	assert_int_equal(take(&a, "180", "Require: 100rel\r\nRSeq: 7\r\n"), SIP_PRACK_SEND);
	assert_int_equal(take(&a, "180", "Require: 100rel\r\nRSeq: 4\r\n"), SIP_PRACK_REPEATED);
}

static void rack_names_response_and_invite(void **state)
{
	char buf[64];
	struct sip_writer w;
	sip_write_begin(&w, buf, sizeof(buf) - 1);
	sip_write_rack(&w, response("180", "Require: 100rel\r\nRSeq: 776656\r\n"));
	assert_false(w.failed);
	buf[w.len] = 0;
	assert_string_equal(buf, "RAck: 776656 7 INVITE\r\n");
	sip_write_begin(&w, buf, sizeof(buf));
	sip_write_rack(&w, response("180", ""));
	assert_true(w.failed);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(rseq_counts_up_from_its_first),
		cmocka_unit_test(one_at_a_time_waits_for_its_prack),
		cmocka_unit_test(repeated_until_64_t1),
		cmocka_unit_test(reliable_ones_are_taken_in_order),
		cmocka_unit_test(rack_names_response_and_invite),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
