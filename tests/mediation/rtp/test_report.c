/* SPDX-License-Identifier: BSD-3-Clause */
/* Reception and reports, under a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/mediation/rtp/report.h>

#define CLOCK 8000
#define OURS  0xaaaa
#define PEER  0xbbbb

static void arrive(
	struct rtp_reception *r, uint32_t ssrc, uint16_t sequence, uint32_t timestamp, uint64_t now)
{
	struct rtp_packet p = {.ssrc = ssrc,
		.sequence = sequence,
		.timestamp = timestamp,
		.payload = bytes_of("x", 1)};

	rtp_reception_packet(r, &p, now);
}

static struct rtp_reception reception(void)
{
	struct rtp_reception r;

	rtp_reception_init(&r, CLOCK);
	return r;
}

/* The report that a leg without a stream of its own writes. */
static struct rtcp_report reported(struct rtp_reporter *t, struct rtp_reception *r, uint64_t now_ms)
{
	uint8_t buf[RTP_REPORT_MAX];
	struct clock now = {now_ms, 1000};
	struct rtp_sent none = {0};
	struct rtcp_report report = {0};
	struct rtcp_packet p;
	size_t offset = 0;

	size_t len = rtp_reporter_write(t, r, &none, false, &now, buf, sizeof(buf));
	assert_int_equal(rtcp_check(buf, len), 0);
	assert_true(rtcp_next(bytes_of(buf, len), &offset, &p));
	assert_int_equal(p.type, RTCP_RR);
	if (p.count > 0)
		assert_int_equal(rtcp_report_decode(&p, 0, &report), 0);
	return report;
}

static struct rtp_reporter reporter(void)
{
	struct rtp_reporter t;

	rtp_reporter_init(&t, OURS, bytes_str("name"), &(struct clock){0, 1000});
	return t;
}

/* RFC 3550 §A.3 */
static void loss_is_what_is_missing_and_its_share_since_the_last_report(void **state)
{
	struct rtp_reception r = reception();
	struct rtp_reporter t = reporter();

	for (uint16_t i = 0; i < 100; i++)
		if (i % 4 != 1)
			arrive(&r, PEER, (uint16_t)(65500 + i), 160u * i, 20u * i);
	struct rtcp_report first = reported(&t, &r, 2000);
	for (uint16_t i = 100; i < 200; i++)
		arrive(&r, PEER, (uint16_t)(65500 + i), 160u * i, 20u * i);
	struct rtcp_report second = reported(&t, &r, 4000);

	assert_int_equal(first.ssrc, PEER);
	assert_int_equal(first.lost, 25);
	assert_int_equal(first.fraction, 64);
	assert_int_equal(first.highest, 65536 + 63);
	assert_int_equal(second.lost, 25);
	assert_int_equal(second.fraction, 0);
	assert_int_equal(rtp_reception_lost(&r), 25);
}

static void late_and_doubled_packets_are_no_loss(void **state)
{
	static const uint16_t order[] = {1, 3, 2, 5, 4, 4, 6};
	struct rtp_reception r = reception();
	struct rtp_reporter t = reporter();

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		arrive(&r, PEER, order[i], 160u * order[i], 20 * i);

	assert_int_equal(reported(&t, &r, 1000).lost, -1);
	assert_int_equal(rtp_reception_lost(&r), 0);
	assert_int_equal(r.all_received, ARRAY_LEN(order));
}

static void even_packets_have_no_jitter(void **state)
{
	struct rtp_reception r = reception();

	for (uint16_t i = 0; i < 500; i++)
		arrive(&r, PEER, i, UINT32_MAX - 8000 + 160u * i, 20u * i);

	assert_int_equal(rtp_reception_jitter(&r), 0);
}

/* RFC 3550 §6.4.1: packets that come 0 and 10 ms late in turn deviate by 10 ms, 80 units. */
static void jitter_approaches_the_mean_deviation(void **state)
{
	struct rtp_reception r = reception();

	for (uint16_t i = 0; i < 500; i++)
		arrive(&r, PEER, i, 160u * i, 20u * i + (i % 2 ? 10 : 0));

	assert_in_range(rtp_reception_jitter(&r), 75, 80);
}

static void new_source_begins_anew_and_keeps_what_was_lost(void **state)
{
	struct rtp_reception r = reception();
	struct rtp_reporter t = reporter();

	arrive(&r, PEER, 1, 0, 0);
	arrive(&r, PEER, 4, 480, 60);
	arrive(&r, PEER + 1, 30000, 7, 80);
	arrive(&r, PEER + 1, 30001, 167, 100);

	assert_int_equal(rtp_reception_lost(&r), 2);
	assert_int_equal(r.all_received, 4);
	assert_int_equal(reported(&t, &r, 1000).ssrc, PEER + 1);
	assert_int_equal(reported(&t, &r, 1000).lost, 0);
}

/* RFC 3550 §A.1: one stray packet is no jump, two in a row are. */
static void jump_is_believed_when_it_goes_on(void **state)
{
	struct rtp_reception r = reception();

	arrive(&r, PEER, 1, 0, 0);
	arrive(&r, PEER, 20000, 160, 20);
	assert_int_equal(r.highest, 1);
	arrive(&r, PEER, 2, 320, 40);
	assert_int_equal(r.highest, 2);
	arrive(&r, PEER, 40000, 480, 60);
	arrive(&r, PEER, 40001, 640, 80);

	assert_int_equal(r.highest, 40001);
	assert_int_equal(rtp_reception_lost(&r), 0);
}

static void nothing_received_is_an_empty_report(void **state)
{
	struct rtp_reception r = reception();
	struct rtp_reporter t = reporter();

	assert_int_equal(reported(&t, &r, 1000).ssrc, 0);
}

/* RFC 3550 §6.4: who has sent since the last report says so, and then no more. */
static void sender_reports_while_it_sends(void **state)
{
	struct rtp_reception r = reception();
	struct rtp_reporter t = reporter();
	struct rtp_sent out = {50, 8000, 4711};
	struct clock now = {1500, 1001};
	uint8_t buf[RTP_REPORT_MAX];
	struct rtcp_packet p;
	struct rtcp_sender s;
	size_t offset = 0;

	size_t len = rtp_reporter_write(&t, &r, &out, false, &now, buf, sizeof(buf));
	assert_int_equal(rtcp_check(buf, len), 0);
	assert_true(rtcp_next(bytes_of(buf, len), &offset, &p));
	assert_int_equal(rtcp_sender_decode(&p, &s), 0);
	assert_int_equal(s.ssrc, OURS);
	assert_int_equal(s.packets, 50);
	assert_int_equal(s.octets, 8000);
	assert_int_equal(s.timestamp, 4711);
	assert_int_equal(s.ntp >> 32, 2208988800u + 1000 + 1);
	assert_int_equal((uint32_t)s.ntp, 0x80000000);
	assert_true(rtcp_next(bytes_of(buf, len), &offset, &p));
	assert_int_equal(p.type, RTCP_SDES);
	assert_false(rtcp_next(bytes_of(buf, len), &offset, &p));

	(void)rtp_reporter_write(&t, &r, &out, false, &now, buf, sizeof(buf));
	assert_int_equal(buf[1], RTCP_RR);
}

static void end_says_good_bye(void **state)
{
	struct rtp_reception r = reception();
	struct rtp_reporter t = reporter();
	struct rtp_sent out = {0};
	struct rtcp_packet p = {0};
	size_t offset = 0;
	uint32_t ssrc = 0;
	struct clock now = {0, 1000};
	uint8_t buf[RTP_REPORT_MAX];

	size_t len = rtp_reporter_write(&t, &r, &out, true, &now, buf, sizeof(buf));
	while (p.type != RTCP_BYE)
		assert_true(rtcp_next(bytes_of(buf, len), &offset, &p));

	assert_int_equal(rtcp_bye_decode(&p, 0, &ssrc), 0);
	assert_int_equal(ssrc, OURS);
}

/* The longest report there can be has room. */
static void longest_name_fits(void **state)
{
	struct rtp_reception r = reception();
	struct rtp_reporter t;
	struct rtp_sent out = {1, 1, 1};
	struct clock now = {0, 1000};
	uint8_t buf[RTP_REPORT_MAX], name[RTP_CNAME_MAX + 10];

	memset(name, 'n', sizeof(name));
	rtp_reporter_init(&t, OURS, bytes_of(name, sizeof(name)), &now);
	arrive(&r, PEER, 1, 0, 0);

	size_t len = rtp_reporter_write(&t, &r, &out, true, &now, buf, sizeof(buf));

	assert_true(len <= RTP_REPORT_MAX);
	assert_int_equal(rtcp_check(buf, len), 0);
}

/* RFC 3550 §6.4.1, figure 2: A's report, 5.25 s at B, 125 ms on the way in all. */
static void round_trip_is_without_the_time_at_the_peers(void **state)
{
	struct rtp_reception a_in = reception(), b_in = reception();
	struct rtp_reporter a, b;
	struct rtp_sent out = {1, 1, 1}, none = {0};
	struct clock t0 = {10000, 1000}, t1 = {10050, 1000}, t2 = {15300, 1005}, t3 = {15375, 1005};
	uint8_t buf[RTP_REPORT_MAX];

	rtp_reporter_init(&a, OURS, bytes_str("a"), &(struct clock){0, 990});
	rtp_reporter_init(&b, PEER, bytes_str("b"), &(struct clock){7, 12345});
	arrive(&b_in, OURS, 1, 0, 10000);
	size_t len = rtp_reporter_write(&a, &a_in, &out, false, &t0, buf, sizeof(buf));
	rtp_reporter_read(&b, bytes_of(buf, len), &t1);
	len = rtp_reporter_write(&b, &b_in, &none, false, &t2, buf, sizeof(buf));
	rtp_reporter_read(&a, bytes_of(buf, len), &t3);

	assert_true(a.quality.has_round_trip);
	assert_in_range(a.quality.round_trip_ms, 124, 126);
	assert_false(b.quality.has_any);
}

static void blocks_about_others_are_not_ours(void **state)
{
	struct rtp_reporter t = reporter();
	struct rtcp_report other = {.ssrc = OURS + 1, .lost = 9};
	struct rtcp_writer w;
	uint8_t buf[64];

	rtcp_writer_init(&w, buf, sizeof(buf));
	rtcp_write_rr(&w, PEER, &other, 1);
	rtp_reporter_read(&t, bytes_of(buf, w.len), &(struct clock){5, 1000});

	assert_false(t.quality.has_any);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(loss_is_what_is_missing_and_its_share_since_the_last_report),
		cmocka_unit_test(late_and_doubled_packets_are_no_loss),
		cmocka_unit_test(even_packets_have_no_jitter),
		cmocka_unit_test(jitter_approaches_the_mean_deviation),
		cmocka_unit_test(new_source_begins_anew_and_keeps_what_was_lost),
		cmocka_unit_test(jump_is_believed_when_it_goes_on),
		cmocka_unit_test(nothing_received_is_an_empty_report),
		cmocka_unit_test(sender_reports_while_it_sends),
		cmocka_unit_test(end_says_good_bye),
		cmocka_unit_test(longest_name_fits),
		cmocka_unit_test(round_trip_is_without_the_time_at_the_peers),
		cmocka_unit_test(blocks_about_others_are_not_ours),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
