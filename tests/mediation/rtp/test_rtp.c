/* SPDX-License-Identifier: BSD-3-Clause */
/* RTP packets: what is read, what is refused, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/mediation/rtp.h>

/* Marker, payload type 8, two CSRCs, an extension of two words, three bytes of payload, padding. */
static const uint8_t full[] = {
	0xb2, 0x88, 0x12, 0x34, 0x00, 0x00, 0x10, 0x00, 0xca, 0xfe, 0xba, 0xbe, /* fixed */
	0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02,                         /* CSRC */
	0xbe, 0xde, 0x00, 0x02, 0x10, 0xaa, 0x21, 0xbb, 0xcc, 0x00, 0x00, 0x00, /* extension */
	0x01, 0x02, 0x03,                                                       /* payload */
	0x00, 0x02,                                                             /* padding */
};
#define FULL_HEADER 32

/* RFC 3550 §5.1, §5.3.1 */
static void packet_is_read_with_all_its_parts(void **state)
{
	struct rtp_packet p;

	int rc = rtp_decode(full, sizeof(full), &p);

	assert_int_equal(rc, 0);
	assert_true(p.has_marker);
	assert_int_equal(p.payload_type, 8);
	assert_int_equal(p.sequence, 0x1234);
	assert_int_equal(p.timestamp, 0x1000);
	assert_int_equal(p.ssrc, 0xcafebabe);
	assert_int_equal(p.n_csrc, 2);
	assert_int_equal(rtp_csrc(&p, 0), 1);
	assert_int_equal(rtp_csrc(&p, 1), 2);
	assert_true(p.has_extension);
	assert_int_equal(p.profile, RTP_PROFILE_ONE_BYTE);
	assert_int_equal(p.extension.len, 8);
	assert_int_equal(p.header_len, FULL_HEADER);
	assert_ptr_equal(p.payload.data, full + FULL_HEADER);
	assert_int_equal(p.payload.len, 3);
	assert_int_equal(p.padding, 2);
}

/* What is encrypted may be padding or not. */
static void header_alone_leaves_the_padding_in_the_payload(void **state)
{
	struct rtp_packet p;

	int rc = rtp_decode_header(full, sizeof(full), &p);

	assert_int_equal(rc, 0);
	assert_int_equal(p.payload.len, 5);
	assert_int_equal(p.padding, 0);
}

static void every_cut_header_is_refused(void **state)
{
	for (size_t n = 0; n < FULL_HEADER; n++) {
		uint8_t *copy = malloc(n > 0 ? n : 1);
		struct rtp_packet p;
		memcpy(copy, full, n);
		assert_int_equal(rtp_decode(copy, n, &p), ERR_TRUNCATED);
		assert_int_equal(rtp_decode_header(copy, n, &p), ERR_TRUNCATED);
		free(copy);
	}
}

static void other_versions_are_refused(void **state)
{
	for (unsigned version = 0; version < 4; version++) {
		uint8_t copy[sizeof(full)];
		struct rtp_packet p;
		memcpy(copy, full, sizeof(full));
		copy[0] = (uint8_t)((copy[0] & 0x3f) | version << 6);
		assert_int_equal(
			rtp_decode(copy, sizeof(copy), &p), version == 2 ? 0 : ERR_MALFORMED);
	}
}

/* RFC 3550 §5.1: the last byte counts the padding, itself included. */
static void padding_is_at_least_one_and_at_most_the_payload(void **state)
{
	uint8_t copy[sizeof(full)];
	struct rtp_packet p;

	memcpy(copy, full, sizeof(full));
	for (unsigned n = 0; n <= 255; n++) {
		copy[sizeof(copy) - 1] = (uint8_t)n;
		int rc = rtp_decode(copy, sizeof(copy), &p);
		assert_int_equal(rc, n >= 1 && n <= 5 ? 0 : ERR_MALFORMED);
		if (rc == 0)
			assert_int_equal(p.payload.len, 5 - n);
	}
}

static void padding_bit_without_a_byte_is_refused(void **state)
{
	uint8_t bare[RTP_HEADER_LEN] = {0xa0};
	struct rtp_packet p;

	assert_int_equal(rtp_decode(bare, sizeof(bare), &p), ERR_TRUNCATED);
}

static void extension_that_ends_behind_the_packet_is_refused(void **state)
{
	uint8_t copy[sizeof(full)];
	struct rtp_packet p;

	memcpy(copy, full, sizeof(full));
	for (uint16_t words = 0; words < 8; words++) {
		be16_put(copy + 22, words);
		/* 13 bytes are left behind the extension's header. */
		assert_int_equal(
			rtp_decode_header(copy, sizeof(copy), &p), words <= 3 ? 0 : ERR_TRUNCATED);
	}
	be16_put(copy + 22, UINT16_MAX);
	assert_int_equal(rtp_decode_header(copy, sizeof(copy), &p), ERR_TRUNCATED);
}

static void what_is_read_is_written_again(void **state)
{
	struct rtp_packet p;
	uint8_t out[sizeof(full)];
	size_t len = 0;

	assert_int_equal(rtp_decode(full, sizeof(full), &p), 0);
	for (size_t cap = 0; cap < sizeof(full); cap++)
		assert_int_equal(rtp_encode(&p, out, cap, &len), ERR_NO_SPACE);
	assert_int_equal(rtp_encode(&p, out, sizeof(out), &len), 0);

	assert_int_equal(rtp_header_len(&p), FULL_HEADER);
	assert_int_equal(len, sizeof(full));
	assert_memory_equal(out, full, sizeof(full));
}

static void what_no_packet_can_hold_is_not_written(void **state)
{
	uint8_t out[64], odd[4] = {0};
	size_t len;
	struct rtp_packet type = {.payload_type = 128};
	struct rtp_packet sources = {.n_csrc = RTP_CSRC_MAX + 1, .csrc = out};
	struct rtp_packet words = {.has_extension = true, .extension = bytes_of(odd, 3)};

	assert_int_equal(rtp_encode(&type, out, sizeof(out), &len), ERR_MALFORMED);
	assert_int_equal(rtp_encode(&sources, out, sizeof(out), &len), ERR_MALFORMED);
	assert_int_equal(rtp_encode(&words, out, sizeof(out), &len), ERR_MALFORMED);
}

/* A header grows into the room before the payload, which overlaps where it was. */
static void payload_may_lie_where_the_packet_goes(void **state)
{
	uint8_t buf[64];
	struct rtp_packet p;
	size_t len;

	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)i;
	p = (struct rtp_packet){.payload = bytes_of(buf + 4, 20)};
	assert_int_equal(rtp_encode(&p, buf, sizeof(buf), &len), 0);

	assert_int_equal(len, RTP_HEADER_LEN + 20);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(buf[RTP_HEADER_LEN + i], 4 + i);
}

static struct rtp_packet with_extension(uint16_t profile, const uint8_t *data, size_t len)
{
	return (struct rtp_packet){
		.has_extension = true, .profile = profile, .extension = bytes_of(data, len)};
}

/* RFC 8285 §4.2 */
static void elements_with_one_byte_headers_are_walked(void **state)
{
	static const uint8_t data[] = {0x10, 0xaa, 0x00, 0x00, 0x22, 1, 2, 3};
	struct rtp_packet p = with_extension(RTP_PROFILE_ONE_BYTE, data, sizeof(data));
	struct rtp_element e;
	size_t offset = 0;

	assert_true(rtp_element_next(&p, &offset, &e));
	assert_int_equal(e.id, 1);
	assert_int_equal(e.data.len, 1);
	assert_true(rtp_element_next(&p, &offset, &e));
	assert_int_equal(e.id, 2);
	assert_int_equal(e.data.len, 3);
	assert_ptr_equal(e.data.data, data + 5);
	assert_false(rtp_element_next(&p, &offset, &e));
}

/* RFC 8285 §4.2: what follows an identifier of 15 is not looked at. */
static void identifier_fifteen_ends_the_walk(void **state)
{
	static const uint8_t data[] = {0xf0, 0xaa, 0x10, 0xbb};
	struct rtp_packet p = with_extension(RTP_PROFILE_ONE_BYTE, data, sizeof(data));
	struct rtp_element e;
	size_t offset = 0;

	assert_false(rtp_element_next(&p, &offset, &e));
}

/* RFC 8285 §4.3: the four lowest bits of the profile mean something else. */
static void elements_with_two_byte_headers_are_walked(void **state)
{
	static const uint8_t data[] = {0xff, 0x00, 0x00, 0x20, 0x02, 7, 8, 0x00};
	struct rtp_packet p = with_extension(0x1005, data, sizeof(data));
	struct rtp_element e;
	size_t offset = 0;

	assert_true(rtp_element_next(&p, &offset, &e));
	assert_int_equal(e.id, 255);
	assert_int_equal(e.data.len, 0);
	assert_true(rtp_element_next(&p, &offset, &e));
	assert_int_equal(e.id, 0x20);
	assert_int_equal(e.data.len, 2);
	assert_false(rtp_element_next(&p, &offset, &e));
}

static void element_that_ends_behind_the_extension_is_none(void **state)
{
	static const uint8_t one[] = {0x13, 1, 2, 3}, two[] = {1, 3, 1, 2}, stub[] = {0, 0, 0, 1};
	struct rtp_packet p = with_extension(RTP_PROFILE_ONE_BYTE, one, sizeof(one));
	struct rtp_element e;
	size_t offset = 0;

	assert_false(rtp_element_next(&p, &offset, &e));
	p = with_extension(0x1000, two, sizeof(two));
	offset = 0;
	assert_false(rtp_element_next(&p, &offset, &e));
	p = with_extension(0x1000, stub, sizeof(stub));
	offset = 0;
	assert_false(rtp_element_next(&p, &offset, &e));
}

static void extension_of_another_profile_has_no_elements(void **state)
{
	static const uint8_t data[] = {0x10, 0xaa, 0x10, 0xaa};
	struct rtp_packet p = with_extension(0xabcd, data, sizeof(data));
	struct rtp_element e;
	size_t offset = 0;

	assert_false(rtp_element_next(&p, &offset, &e));
}

/* RFC 7983 §7, RFC 5761 §4 */
static void first_bytes_say_what_a_datagram_is(void **state)
{
	for (unsigned first = 0; first < 256; first++) {
		for (unsigned second = 0; second < 256; second++) {
			uint8_t b[2] = {(uint8_t)first, (uint8_t)second};
			enum rtp_kind want = RTP_KIND_OTHER;
			if (first <= 3)
				want = RTP_KIND_STUN;
			else if (first >= 20 && first <= 63)
				want = RTP_KIND_DTLS;
			else if (first >= 128 && first <= 191)
				want = second >= 192 && second <= 223 ? RTP_KIND_RTCP
								      : RTP_KIND_RTP;
			assert_int_equal(rtp_kind(b, 2), want);
		}
		assert_int_equal(rtp_kind(&first, 1), RTP_KIND_OTHER);
	}
}

static void distances_go_round(void **state)
{
	assert_int_equal(rtp_sequence_ahead(2, 65535), 3);
	assert_int_equal(rtp_sequence_ahead(65535, 2), -3);
	assert_int_equal(rtp_timestamp_ahead(10, UINT32_MAX - 9), 20);
	assert_int_equal(rtp_timestamp_ahead(UINT32_MAX - 9, 10), -20);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(packet_is_read_with_all_its_parts),
		cmocka_unit_test(header_alone_leaves_the_padding_in_the_payload),
		cmocka_unit_test(every_cut_header_is_refused),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(padding_is_at_least_one_and_at_most_the_payload),
		cmocka_unit_test(padding_bit_without_a_byte_is_refused),
		cmocka_unit_test(extension_that_ends_behind_the_packet_is_refused),
		cmocka_unit_test(what_is_read_is_written_again),
		cmocka_unit_test(what_no_packet_can_hold_is_not_written),
		cmocka_unit_test(payload_may_lie_where_the_packet_goes),
		cmocka_unit_test(elements_with_one_byte_headers_are_walked),
		cmocka_unit_test(identifier_fifteen_ends_the_walk),
		cmocka_unit_test(elements_with_two_byte_headers_are_walked),
		cmocka_unit_test(element_that_ends_behind_the_extension_is_none),
		cmocka_unit_test(extension_of_another_profile_has_no_elements),
		cmocka_unit_test(first_bytes_say_what_a_datagram_is),
		cmocka_unit_test(distances_go_round),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
