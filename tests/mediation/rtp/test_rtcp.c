/* SPDX-License-Identifier: BSD-3-Clause */
/* Compound RTCP packets: what is read, what is refused, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/mediation/rtp.h>

#define CAP 512

static const struct rtcp_sender sender = {
	.ssrc = 0x11223344,
	.ntp = 0x8899aabbccddeeff,
	.timestamp = 160,
	.packets = 50,
	.octets = 8000,
};
static const struct rtcp_report reports[2] = {
	{0xa, 25, -3, 0x10002, 17, 0x12345678, 65536},
	{0xb, 255, 0x7fffff, 3, 0, 0, 0},
};

/* Sender report with two blocks, a name, a good-bye. */
static size_t write_compound(uint8_t *buf, size_t cap)
{
	struct rtcp_writer w;

	rtcp_writer_init(&w, buf, cap);
	rtcp_write_sr(&w, &sender, reports, 2);
	rtcp_write_cname(&w, sender.ssrc, bytes_str("a@b"));
	rtcp_write_bye(&w, sender.ssrc);
	return w.failed ? 0 : w.len;
}

static void check_sender(const struct rtcp_sender *got, const struct rtcp_sender *want)
{
	assert_int_equal(got->ssrc, want->ssrc);
	assert_int_equal(got->ntp, want->ntp);
	assert_int_equal(got->timestamp, want->timestamp);
	assert_int_equal(got->packets, want->packets);
	assert_int_equal(got->octets, want->octets);
}

static void check_report(const struct rtcp_report *got, const struct rtcp_report *want)
{
	assert_int_equal(got->ssrc, want->ssrc);
	assert_int_equal(got->fraction, want->fraction);
	assert_int_equal(got->lost, want->lost);
	assert_int_equal(got->highest, want->highest);
	assert_int_equal(got->jitter, want->jitter);
	assert_int_equal(got->last_sr, want->last_sr);
	assert_int_equal(got->delay, want->delay);
}

/* RFC 3550 §6.4.1 */
static void sender_report_is_read_as_it_was_written(void **state)
{
	uint8_t buf[CAP];
	struct rtcp_packet p;
	struct rtcp_sender s;
	struct rtcp_report r;
	size_t len = write_compound(buf, sizeof(buf)), offset = 0;

	assert_int_equal(rtcp_check(buf, len), 0);
	assert_true(rtcp_next(bytes_of(buf, len), &offset, &p));

	assert_int_equal(p.type, RTCP_SR);
	assert_int_equal(p.count, 2);
	assert_int_equal(p.all.len, 28 + 48);
	assert_int_equal(rtcp_sender_decode(&p, &s), 0);
	check_sender(&s, &sender);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(rtcp_report_decode(&p, i, &r), 0);
		check_report(&r, &reports[i]);
	}
	assert_int_equal(rtcp_report_decode(&p, 2, &r), ERR_MALFORMED);
}

/* RFC 3550 §6.4.2 */
static void receiver_report_is_read_as_it_was_written(void **state)
{
	uint8_t buf[CAP];
	struct rtcp_writer w;
	struct rtcp_packet p;
	struct rtcp_sender s;
	struct rtcp_report r;
	size_t offset = 0;
	uint32_t ssrc;

	rtcp_writer_init(&w, buf, sizeof(buf));
	rtcp_write_rr(&w, 7, reports, 1);
	assert_true(rtcp_next(bytes_of(buf, w.len), &offset, &p));

	assert_int_equal(rtcp_ssrc_decode(&p, &ssrc), 0);
	assert_int_equal(ssrc, 7);
	assert_int_equal(rtcp_report_decode(&p, 0, &r), 0);
	check_report(&r, &reports[0]);
	assert_int_equal(rtcp_sender_decode(&p, &s), ERR_MALFORMED);
	assert_false(rtcp_next(bytes_of(buf, w.len), &offset, &p));
}

static struct rtcp_packet packet_at(const uint8_t *buf, size_t len, unsigned n)
{
	struct rtcp_packet p = {0};
	size_t offset = 0;

	for (unsigned i = 0; i <= n; i++)
		assert_true(rtcp_next(bytes_of(buf, len), &offset, &p));
	return p;
}

/* RFC 3550 §6.5 */
static void name_is_read_as_it_was_written(void **state)
{
	uint8_t buf[CAP];
	size_t len = write_compound(buf, sizeof(buf));
	struct rtcp_packet p = packet_at(buf, len, 1);
	struct rtcp_walk w = {0};
	struct rtcp_item item;

	assert_int_equal(rtcp_item_next(&p, &w, &item), 1);

	assert_int_equal(item.type, RTCP_CNAME);
	assert_int_equal(item.ssrc, sender.ssrc);
	assert_true(bytes_equal(item.text, bytes_str("a@b")));
	assert_int_equal(rtcp_item_next(&p, &w, &item), 0);
}

static void names_of_every_length_fill_whole_words(void **state)
{
	uint8_t buf[CAP], text[255];

	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n <= sizeof(text); n++) {
		struct rtcp_writer w;
		struct rtcp_walk walk = {0};
		struct rtcp_item item;
		rtcp_writer_init(&w, buf, sizeof(buf));
		rtcp_write_cname(&w, 1, bytes_of(text, n));
		assert_int_equal(rtcp_check(buf, w.len), 0);
		struct rtcp_packet p = packet_at(buf, w.len, 0);
		assert_int_equal(rtcp_item_next(&p, &walk, &item), 1);
		assert_int_equal(item.text.len, n);
		assert_int_equal(rtcp_item_next(&p, &walk, &item), 0);
	}
}

/* Two chunks, the first without an item. */
static void items_are_walked_over_all_chunks(void **state)
{
	static const uint8_t b[] = {0x82, 202, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, /* */
		RTCP_CNAME, 1, 'x', RTCP_TOOL, 1, 'y', 0, 0, 0, 0, 0, 0};
	struct rtcp_packet p = packet_at(b, sizeof(b), 0);
	struct rtcp_walk w = {0};
	struct rtcp_item item;

	assert_int_equal(rtcp_item_next(&p, &w, &item), 1);
	assert_int_equal(item.ssrc, 2);
	assert_int_equal(item.type, RTCP_CNAME);
	assert_int_equal(rtcp_item_next(&p, &w, &item), 1);
	assert_int_equal(item.type, RTCP_TOOL);
	assert_int_equal(rtcp_item_next(&p, &w, &item), 0);
}

static void chunk_without_its_end_is_refused(void **state)
{
	static const uint8_t open[] = {0x81, 202, 0, 2, 0, 0, 0, 1, RTCP_CNAME, 2, 'x', 'y'};
	static const uint8_t longer[] = {0x81, 202, 0, 2, 0, 0, 0, 1, RTCP_CNAME, 3, 'x', 'y'};
	static const uint8_t missing[] = {0x82, 202, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0};
	struct rtcp_item item;
	struct rtcp_packet p = packet_at(open, sizeof(open), 0);
	struct rtcp_walk w = {0};

	assert_int_equal(rtcp_item_next(&p, &w, &item), 1);
	assert_int_equal(rtcp_item_next(&p, &w, &item), ERR_MALFORMED);
	p = packet_at(longer, sizeof(longer), 0);
	w = (struct rtcp_walk){0};
	assert_int_equal(rtcp_item_next(&p, &w, &item), ERR_MALFORMED);
	p = packet_at(missing, sizeof(missing), 0);
	w = (struct rtcp_walk){0};
	assert_int_equal(rtcp_item_next(&p, &w, &item), ERR_MALFORMED);
}

/* RFC 3550 §6.6 */
static void good_bye_has_sources_and_a_reason(void **state)
{
	static const uint8_t b[] = {0x82, 203, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 2, 'o', 'k', 0, 0x81,
		203, 0, 2, 0, 0, 0, 9, 4, 'l', 'o', 'n'};
	struct rtcp_packet p = packet_at(b, sizeof(b), 0);
	struct bytes reason;
	uint32_t ssrc;

	assert_int_equal(rtcp_bye_decode(&p, 1, &ssrc), 0);
	assert_int_equal(ssrc, 2);
	assert_int_equal(rtcp_bye_decode(&p, 2, &ssrc), ERR_MALFORMED);
	assert_int_equal(rtcp_bye_reason(&p, &reason), 0);
	assert_true(bytes_equal(reason, bytes_str("ok")));
	p = packet_at(b, sizeof(b), 1);
	assert_int_equal(rtcp_bye_reason(&p, &reason), ERR_MALFORMED);
}

/* RFC 4585 §6.1, RFC 3550 §6.7: feedback and APP pass as they are. */
static void packets_of_other_types_pass_byte_for_byte(void **state)
{
	static const uint8_t b[] = {0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x85, 204, 0, 3, 0, 0,
		0, 1, 'n', 'a', 'm', 'e', 1, 2, 3, 4, 0x80, 250, 0, 0};
	uint8_t out[sizeof(b)];
	struct rtcp_writer w;
	struct rtcp_packet p;
	size_t offset = 0;

	assert_int_equal(rtcp_check(b, sizeof(b)), 0);
	rtcp_writer_init(&w, out, sizeof(out));
	while (rtcp_next(bytes_of(b, sizeof(b)), &offset, &p))
		rtcp_write_packet(&w, &p);

	assert_false(w.failed);
	assert_int_equal(w.len, sizeof(b));
	assert_memory_equal(out, b, sizeof(b));
}

static void every_cut_compound_is_refused(void **state)
{
	uint8_t buf[CAP];
	size_t len = write_compound(buf, sizeof(buf));
	unsigned whole = 0;

	for (size_t n = 0; n <= len; n++) {
		uint8_t *copy = malloc(n > 0 ? n : 1);
		memcpy(copy, buf, n);
		if (rtcp_check(copy, n) == 0)
			whole++;
		free(copy);
	}
	/* At the end of each of its three packets. */
	assert_int_equal(whole, 3);
}

static void lengths_and_versions_that_are_wrong_are_refused(void **state)
{
	uint8_t buf[CAP];
	size_t len = write_compound(buf, sizeof(buf));

	buf[3]++;
	assert_int_equal(rtcp_check(buf, len), ERR_MALFORMED);
	buf[3]--;
	buf[76] ^= 0x40;
	assert_int_equal(rtcp_check(buf, len), ERR_MALFORMED);
	buf[76] ^= 0x40;
	assert_int_equal(rtcp_check(buf, len), 0);
}

/* RFC 3550 §6.4.1: padding stands in the last packet only, and counts whole words. */
static void padding_belongs_to_the_last_packet(void **state)
{
	uint8_t b[] = {0x80, 201, 0, 1, 0, 0, 0, 1, 0xa0, 203, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4};
	struct rtcp_packet p;

	assert_int_equal(rtcp_check(b, sizeof(b)), 0);
	p = packet_at(b, sizeof(b), 1);
	assert_int_equal(p.body.len, 4);
	for (unsigned n = 0; n < 256; n++) {
		b[sizeof(b) - 1] = (uint8_t)n;
		assert_int_equal(rtcp_check(b, sizeof(b)), n == 4 || n == 8 ? 0 : ERR_MALFORMED);
	}
	b[sizeof(b) - 1] = 4;
	b[0] |= 0x20;
	assert_int_equal(rtcp_check(b, sizeof(b)), ERR_MALFORMED);
}

static void report_counts_beyond_the_packet_are_refused(void **state)
{
	uint8_t buf[CAP];
	struct rtcp_writer w;
	struct rtcp_report r;

	rtcp_writer_init(&w, buf, sizeof(buf));
	rtcp_write_rr(&w, 7, reports, 1);
	buf[0] = 0x82;
	struct rtcp_packet p = packet_at(buf, w.len, 0);

	assert_int_equal(rtcp_report_decode(&p, 0, &r), 0);
	assert_int_equal(rtcp_report_decode(&p, 1, &r), ERR_MALFORMED);
}

static void writer_without_room_writes_no_part_of_a_packet(void **state)
{
	uint8_t buf[CAP], whole[CAP];
	size_t len = write_compound(whole, sizeof(whole));

	for (size_t cap = 0; cap < len; cap++) {
		struct rtcp_writer w;
		memset(buf, 0xee, sizeof(buf));
		rtcp_writer_init(&w, buf, cap);
		rtcp_write_sr(&w, &sender, reports, 2);
		rtcp_write_cname(&w, sender.ssrc, bytes_str("a@b"));
		rtcp_write_bye(&w, sender.ssrc);
		assert_true(w.failed);
		assert_true(w.len <= cap && (w.len == 0 || rtcp_check(buf, w.len) == 0));
		assert_int_equal(buf[cap], 0xee);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(sender_report_is_read_as_it_was_written),
		cmocka_unit_test(receiver_report_is_read_as_it_was_written),
		cmocka_unit_test(name_is_read_as_it_was_written),
		cmocka_unit_test(names_of_every_length_fill_whole_words),
		cmocka_unit_test(items_are_walked_over_all_chunks),
		cmocka_unit_test(chunk_without_its_end_is_refused),
		cmocka_unit_test(good_bye_has_sources_and_a_reason),
		cmocka_unit_test(packets_of_other_types_pass_byte_for_byte),
		cmocka_unit_test(every_cut_compound_is_refused),
		cmocka_unit_test(lengths_and_versions_that_are_wrong_are_refused),
		cmocka_unit_test(padding_belongs_to_the_last_packet),
		cmocka_unit_test(report_counts_beyond_the_packet_are_refused),
		cmocka_unit_test(writer_without_room_writes_no_part_of_a_packet),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
