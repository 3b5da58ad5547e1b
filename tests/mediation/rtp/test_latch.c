/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose packets a leg takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/mediation/rtp/latch.h>

#define NAMED (addr_ipv4(0xc0000201, 4000))
#define NAT   (addr_ipv4(0xc6336407, 61000))
#define OTHER (addr_ipv4(0xcb007101, 5000))
#define SSRC  7

static struct rtp_latch latch(bool is_latching)
{
	struct rtp_latch l = {0};
	struct addr named = NAMED;

	rtp_latch_set(&l, is_latching, &named);
	return l;
}

static enum rtp_latch_verdict packet(
	struct rtp_latch *l, struct addr from, uint32_t ssrc, uint64_t now_ms)
{
	return rtp_latch_packet(l, &from, ssrc, now_ms);
}

static bool goes_to(const struct rtp_latch *l, struct addr a)
{
	return addr_equal(&l->remote, &a);
}

static void without_latching_the_named_address_is_taken_from_any_port(void **state)
{
	struct rtp_latch l = latch(false);

	assert_int_equal(packet(&l, NAMED, SSRC, 0), RTP_LATCH_TAKE);
	assert_int_equal(packet(&l, addr_ipv4(0xc0000201, 9), SSRC, 0), RTP_LATCH_TAKE);
	assert_int_equal(packet(&l, NAT, SSRC, 0), RTP_LATCH_DROP);
	assert_true(goes_to(&l, NAMED));
}

static void first_good_packet_latches(void **state)
{
	struct rtp_latch l = latch(true);

	assert_int_equal(packet(&l, NAT, SSRC, 0), RTP_LATCH_MOVED);
	assert_true(goes_to(&l, NAT));
	assert_int_equal(packet(&l, NAT, SSRC, 20), RTP_LATCH_TAKE);
	assert_int_equal(packet(&l, NAT, SSRC + 1, 40), RTP_LATCH_TAKE);
}

static void first_packet_from_the_named_address_is_no_move(void **state)
{
	struct rtp_latch l = latch(true);

	assert_int_equal(packet(&l, NAMED, SSRC, 0), RTP_LATCH_TAKE);
	assert_int_equal(packet(&l, NAT, SSRC, 1), RTP_LATCH_DROP);
}

static void stranger_gets_nothing_while_the_latched_one_sends(void **state)
{
	struct rtp_latch l = latch(true);
	uint64_t now = 0;

	for (unsigned i = 0; i < 200; i++, now += 20) {
		assert_int_not_equal(packet(&l, NAT, SSRC, now), RTP_LATCH_DROP);
		for (unsigned k = 0; k < 20; k++)
			assert_int_equal(packet(&l, OTHER, SSRC, now), RTP_LATCH_DROP);
	}
	assert_true(goes_to(&l, NAT));
}

static void silence_and_enough_packets_move_the_leg(void **state)
{
	struct rtp_latch l = latch(true);

	packet(&l, NAT, SSRC, 0);
	assert_int_equal(packet(&l, OTHER, SSRC, RTP_LATCH_SILENT_MS - 1), RTP_LATCH_DROP);
	for (unsigned i = 1; i < RTP_LATCH_PACKETS; i++)
		assert_int_equal(
			packet(&l, OTHER, SSRC, RTP_LATCH_SILENT_MS + 20 * i), RTP_LATCH_DROP);
	assert_int_equal(packet(&l, OTHER, SSRC, RTP_LATCH_SILENT_MS + 300), RTP_LATCH_MOVED);
	assert_true(goes_to(&l, OTHER));
	assert_int_equal(packet(&l, NAT, SSRC, RTP_LATCH_SILENT_MS + 310), RTP_LATCH_DROP);
}

static void packets_of_others_in_between_begin_the_count_anew(void **state)
{
	struct rtp_latch l = latch(true);
	uint64_t now = RTP_LATCH_SILENT_MS;

	packet(&l, NAT, SSRC, 0);
	for (unsigned i = 0; i < 10 * RTP_LATCH_PACKETS; i++) {
		struct addr from = i % 2 ? OTHER : NAMED;
		assert_int_equal(packet(&l, from, SSRC, now), RTP_LATCH_DROP);
	}
	for (unsigned i = 0; i < 10 * RTP_LATCH_PACKETS; i++)
		assert_int_equal(packet(&l, OTHER, i, now), RTP_LATCH_DROP);
	for (unsigned i = 1; i < RTP_LATCH_PACKETS; i++)
		packet(&l, OTHER, SSRC, now);
	assert_int_equal(packet(&l, NAT, SSRC, now), RTP_LATCH_TAKE);
	assert_int_equal(packet(&l, OTHER, SSRC, now), RTP_LATCH_DROP);
}

static void new_agreement_begins_anew(void **state)
{
	struct rtp_latch l = latch(true);
	struct addr same = NAMED, other = OTHER;

	packet(&l, NAT, SSRC, 0);
	rtp_latch_set(&l, true, &same);
	assert_true(goes_to(&l, NAT));
	rtp_latch_set(&l, true, &other);
	assert_true(goes_to(&l, OTHER));
	assert_int_equal(packet(&l, NAMED, SSRC, 1), RTP_LATCH_MOVED);
}

/* Reports come every few seconds, which is no silence that a stranger may use; and they go along
 * when RTP moves. */
static void reports_come_from_where_rtp_has_latched(void **state)
{
	struct rtp_latch rtp = latch(true), l = latch(true);
	struct addr nat = NAT, other = OTHER;
	uint64_t now = 0;

	assert_int_equal(rtp_latch_report(&l, &rtp, &nat, SSRC, now), RTP_LATCH_MOVED);
	assert_int_equal(packet(&rtp, NAT, SSRC, now), RTP_LATCH_MOVED);
	for (unsigned i = 0; i < 20; i++, now += 2000)
		assert_int_equal(rtp_latch_report(&l, &rtp, &other, SSRC, now), RTP_LATCH_DROP);
	nat.port += 5;
	assert_int_equal(rtp_latch_report(&l, &rtp, &nat, SSRC, now), RTP_LATCH_MOVED);
	rtp.remote = OTHER;
	assert_int_equal(rtp_latch_report(&l, &rtp, &other, SSRC, now), RTP_LATCH_MOVED);
	assert_true(goes_to(&l, OTHER));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(without_latching_the_named_address_is_taken_from_any_port),
		cmocka_unit_test(first_good_packet_latches),
		cmocka_unit_test(first_packet_from_the_named_address_is_no_move),
		cmocka_unit_test(stranger_gets_nothing_while_the_latched_one_sends),
		cmocka_unit_test(silence_and_enough_packets_move_the_leg),
		cmocka_unit_test(packets_of_others_in_between_begin_the_count_anew),
		cmocka_unit_test(new_agreement_begins_anew),
		cmocka_unit_test(reports_come_from_where_rtp_has_latched),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
