/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoding: what is a message, and which of its attributes count. Messages are written by hand or
 * by the writer; FINGERPRINT and the integrity attributes hold what they must to get past decode.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/stun.h>
#include "vectors.h"

static const uint8_t tid[STUN_TID_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const uint8_t zeros[64];

struct draft {
	uint8_t buf[2048];
	struct stun_writer w;
};

static void draft_begin(struct draft *d)
{
	stun_write_begin(&d->w, d->buf, sizeof(d->buf), STUN_REQUEST, STUN_ALLOCATE, tid);
}

static void draft_add(struct draft *d, uint16_t type, size_t len)
{
	stun_write_bytes(&d->w, type, zeros, len);
}

static int draft_decode(struct draft *d, struct stun_msg *m)
{
	assert_false(d->w.failed);
	return stun_msg_decode(d->buf, d->w.len, m);
}

static bool has(const struct stun_msg *m, uint16_t type)
{
	struct stun_attr a;
	return stun_attr_find(m, type, &a);
}

static void every_truncation_is_truncated(void **state)
{
	for (size_t i = 0; i < N_VECTORS; i++)
		for (size_t n = 0; n < vectors[i].message.len; n++)
			assert_int_equal(decode_copy(vectors[i].message.data, n), ERR_TRUNCATED);
}

static void bytes_behind_the_end_are_malformed(void **state)
{
	uint8_t buf[256] = {0};
	for (size_t i = 0; i < N_VECTORS; i++) {
		size_t len = vectors[i].message.len;
		memcpy(buf, vectors[i].message.data, len);
		for (size_t more = 1; more <= 4; more++)
			assert_int_equal(decode_copy(buf, len + more), ERR_MALFORMED);
	}
}

static void header_length_that_is_off_is_refused(void **state)
{
	static const struct {
		int off;
		int want;
	} cases[] = {{-1, ERR_MALFORMED}, {1, ERR_MALFORMED}, {2, ERR_MALFORMED},
		{-4, ERR_MALFORMED}, {4, ERR_TRUNCATED}};
	for (size_t i = 0; i < N_VECTORS; i++) {
		for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
			uint8_t *copy = exact_copy(vectors[i].message.data, vectors[i].message.len);
			be16_put(copy + 2, (uint16_t)(be16_get(copy + 2) + cases[c].off));
			assert_int_equal(decode_copy(copy, vectors[i].message.len), cases[c].want);
			free(copy);
		}
	}
}

/* Within the padding another length still parses; then integrity or fingerprint must see it. */
static void attribute_length_that_is_off_is_noticed(void **state)
{
	for (size_t i = 0; i < N_VECTORS; i++) {
		const struct bytes whole = vectors[i].message;
		struct crypto_hmac_key key;
		vector_key(&vectors[i], &key);
		for (size_t at = 20; at < whole.len;
			at += 4 + (be16_get(whole.data + at + 2) + 3u) / 4 * 4) {
			for (int off = -5; off <= 5; off++) {
				uint8_t *copy = exact_copy(whole.data, whole.len);
				struct stun_msg m;
				be16_put(copy + at + 2, (uint16_t)(be16_get(copy + at + 2) + off));
				bool is_good = stun_msg_decode(copy, whole.len, &m) == 0 &&
					       stun_msg_check_integrity(&m, vectors[i].hash, &key);
				assert_int_equal(is_good, off == 0);
				free(copy);
			}
		}
	}
}

static void refused_message_leaves_the_result_alone(void **state)
{
	struct stun_msg m, before;
	memset(&m, 0x5a, sizeof(m));
	before = m;
	assert_int_equal(stun_msg_decode(vectors[0].message.data, 50, &m), ERR_TRUNCATED);
	assert_memory_equal(&m, &before, sizeof(m));
}

static void first_two_bits_must_be_zero(void **state)
{
	uint8_t header[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	for (unsigned first = 0; first < 256; first++) {
		header[0] = (uint8_t)first;
		assert_int_equal(decode_copy(header, 20), first < 0x40 ? 0 : ERR_MALFORMED);
		assert_int_equal(stun_msg_peek_len(header), first < 0x40 ? 20 : 0);
		assert_int_equal(stun_is_message(header[0]), first < 0x40);
		assert_int_equal(stun_is_channel_data(header[0]), first >= 0x40 && first < 0x80);
	}
}

/* RFC 8489 §5: the class bits lie between the method's. */
static void every_method_and_class_comes_back(void **state)
{
	uint8_t buf[20];
	for (unsigned method = 0; method <= 0xfff; method++) {
		for (unsigned class = 0; class < 4; class ++) {
			struct stun_writer w;
			struct stun_msg m;
			stun_write_begin(
				&w, buf, sizeof(buf), (enum stun_class) class, method, tid);
			assert_int_equal(stun_msg_decode(buf, w.len, &m), 0);
			assert_int_equal(m.method, method);
			assert_int_equal(m.class, class);
		}
	}
}

static void message_types_are_those_of_the_registry(void **state)
{
	static const struct {
		enum stun_class class;
		enum stun_method method;
		uint16_t type;
	} cases[] = {
		{STUN_REQUEST, STUN_BINDING, 0x0001},
		{STUN_INDICATION, STUN_BINDING, 0x0011},
		{STUN_SUCCESS, STUN_BINDING, 0x0101},
		{STUN_ERROR, STUN_BINDING, 0x0111},
		{STUN_REQUEST, STUN_ALLOCATE, 0x0003},
		{STUN_ERROR, STUN_ALLOCATE, 0x0113},
		{STUN_INDICATION, STUN_SEND, 0x0016},
		{STUN_INDICATION, STUN_DATA, 0x0017},
		{STUN_SUCCESS, STUN_CHANNEL_BIND, 0x0109},
		{STUN_INDICATION, STUN_CONNECTION_ATTEMPT, 0x001c},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stun_writer w;
		uint8_t buf[20];
		stun_write_begin(&w, buf, sizeof(buf), cases[i].class, cases[i].method, tid);
		assert_int_equal(be16_get(buf), cases[i].type);
	}
}

/* RFC 8489 §11 */
static void without_the_cookie_only_a_binding_request_is_accepted(void **state)
{
	for (unsigned type = 0; type < 0x4000; type++) {
		uint8_t header[20] = {(uint8_t)(type >> 8), (uint8_t)type, 0, 0, 9, 8, 7, 6};
		struct stun_msg m;
		int err = stun_msg_decode(header, sizeof(header), &m);
		assert_int_equal(err, type == 0x0001 ? 0 : ERR_MALFORMED);
		assert_int_equal(stun_msg_peek_len(header), 0);
		if (err == 0)
			assert_true(m.is_classic && m.method == STUN_BINDING);
	}
}

static void classic_request_is_answered_with_its_long_id(void **state)
{
	/* CHANGE-REQUEST with both flags off */
	const uint8_t request[] = {0, 1, 0, 8, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',
		'k', 'l', 'm', 'n', 'o', 'p', 0, 3, 0, 4, 0, 0, 0, 0};
	struct stun_msg m;
	struct stun_writer w;
	uint8_t buf[64];
	assert_int_equal(stun_msg_decode(request, sizeof(request), &m), 0);
	assert_true(has(&m, STUN_CHANGE_REQUEST));

	stun_write_answer(&w, buf, sizeof(buf), &m, STUN_SUCCESS);

	assert_memory_equal(buf,
		"\x01\x01\x00\x00"
		"abcdefghijklmnop",
		20);
}

static void peek_tells_length_or_that_it_is_no_header(void **state)
{
	uint8_t h[20] = {0, 3, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42};
	assert_int_equal(stun_msg_peek_len(h), 20 + 0xfffc);
	be16_put(h + 2, 0);
	assert_int_equal(stun_msg_peek_len(h), 20);
	for (unsigned n = 1; n < 4; n++) {
		be16_put(h + 2, (uint16_t)(8 + n));
		assert_int_equal(stun_msg_peek_len(h), 0);
	}
	be16_put(h + 2, 8);
	h[7] ^= 1;
	assert_int_equal(stun_msg_peek_len(h), 0);
}

static void longest_message_is_decoded(void **state)
{
	size_t len = 20 + 0xfffc;
	uint8_t *buf = calloc(1, len);
	struct stun_writer w;
	struct stun_msg m;
	struct stun_attr a;
	assert_non_null(buf);
	stun_write_begin(&w, buf, len, STUN_INDICATION, STUN_SEND, tid);
	be16_put(buf + 2, 0xfffc);
	be16_put(buf + 20, STUN_DATA_ATTR);
	be16_put(buf + 22, 0xfff8);

	assert_int_equal(stun_msg_decode(buf, len, &m), 0);
	assert_true(stun_attr_find(&m, STUN_DATA_ATTR, &a));
	assert_int_equal(a.len, 0xfff8);

	/* One byte more, and its padding, would end behind the message. */
	be16_put(buf + 22, 0xfff9);
	assert_int_equal(stun_msg_decode(buf, len, &m), ERR_MALFORMED);
	be16_put(buf + 22, 0xffff);
	assert_int_equal(stun_msg_decode(buf, len, &m), ERR_MALFORMED);
	free(buf);
}

static void attributes_of_length_zero_are_attributes(void **state)
{
	struct draft d;
	struct stun_msg m;
	struct stun_attr a;
	size_t offset = 0;
	draft_begin(&d);
	draft_add(&d, STUN_DONT_FRAGMENT, 0);
	draft_add(&d, STUN_DATA_ATTR, 0);
	assert_int_equal(draft_decode(&d, &m), 0);

	assert_true(stun_attr_next(&m, &offset, &a));
	assert_int_equal(a.type, STUN_DONT_FRAGMENT);
	assert_true(stun_attr_next(&m, &offset, &a));
	assert_int_equal(a.type, STUN_DATA_ATTR);
	assert_int_equal(a.len, 0);
	assert_false(stun_attr_next(&m, &offset, &a));
	assert_false(stun_attr_next(&m, &offset, &a));
}

static void message_without_attributes_has_none(void **state)
{
	struct draft d;
	struct stun_msg m;
	struct stun_attr a;
	size_t offset = 0;
	draft_begin(&d);
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_false(stun_attr_next(&m, &offset, &a));
	assert_false(has(&m, STUN_MESSAGE_INTEGRITY));
	assert_false(has(&m, STUN_FINGERPRINT));
}

/* RFC 8489 §14: padding may be any value. */
static void padding_need_not_be_zero(void **state)
{
	struct draft d;
	struct stun_msg m;
	struct stun_attr a;
	draft_begin(&d);
	stun_write_bytes(&d.w, STUN_USERNAME, "abcde", 5);
	memset(d.buf + 20 + 4 + 5, 0xff, 3);
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_true(stun_attr_find(&m, STUN_USERNAME, &a));
	assert_int_equal(a.len, 5);
}

static void last_attribute_must_be_padded(void **state)
{
	struct draft d;
	draft_begin(&d);
	stun_write_bytes(&d.w, STUN_USERNAME, "abcde", 5);
	for (size_t cut = 1; cut <= 3; cut++) {
		be16_put(d.buf + 2, (uint16_t)(12 - cut));
		assert_int_equal(decode_copy(d.buf, d.w.len - cut), ERR_MALFORMED);
	}
}

static void attribute_over_the_end_is_malformed(void **state)
{
	for (unsigned len = 0; len <= 0xffff; len++) {
		uint8_t msg[28] = {0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42};
		struct stun_msg m;
		be16_put(msg + 20, STUN_SOFTWARE);
		be16_put(msg + 22, (uint16_t)len);
		/* With length 0 the four zeros are another attribute, with an empty value. */
		int want = len <= 4 ? 0 : ERR_MALFORMED;
		assert_int_equal(stun_msg_decode(msg, sizeof(msg), &m), want);
	}
}

static void of_repeated_attributes_the_first_counts(void **state)
{
	struct draft d;
	struct stun_msg m;
	struct stun_attr a;
	uint32_t v;
	draft_begin(&d);
	stun_write_u32(&d.w, STUN_LIFETIME, 600);
	stun_write_u32(&d.w, STUN_LIFETIME, 7);
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_true(stun_attr_find(&m, STUN_LIFETIME, &a));
	assert_int_equal(stun_attr_u32(&a, &v), 0);
	assert_int_equal(v, 600);
}

/* RFC 8489 §14.5, §14.6 */
static void attributes_behind_integrity_are_unreachable(void **state)
{
	static const uint16_t types[] = {STUN_MESSAGE_INTEGRITY, STUN_MESSAGE_INTEGRITY_SHA256};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct draft d;
		struct stun_msg m;
		struct stun_attr a;
		size_t offset = 0;
		draft_begin(&d);
		draft_add(&d, STUN_DONT_FRAGMENT, 0);
		draft_add(&d, types[i], 20);
		draft_add(&d, STUN_LIFETIME, 4);
		draft_add(&d, 0x7777, 4);
		stun_write_fingerprint(&d.w);
		assert_int_equal(draft_decode(&d, &m), 0);

		assert_true(stun_attr_next(&m, &offset, &a));
		assert_int_equal(a.type, STUN_DONT_FRAGMENT);
		assert_false(stun_attr_next(&m, &offset, &a));
		assert_false(has(&m, STUN_LIFETIME));
		assert_int_equal(m.n_unknown, 0);
		assert_int_equal(m.body_end, 24);
		assert_true(has(&m, types[i]));
		assert_true(has(&m, STUN_FINGERPRINT));
	}
}

static void sha256_integrity_counts_behind_the_other(void **state)
{
	struct draft d;
	struct stun_msg m;
	draft_begin(&d);
	draft_add(&d, STUN_MESSAGE_INTEGRITY, 20);
	draft_add(&d, STUN_LIFETIME, 4);
	draft_add(&d, STUN_MESSAGE_INTEGRITY_SHA256, 32);
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_int_equal(m.integrity, 20);
	assert_int_equal(m.integrity_sha256, 20 + 24 + 8);
	assert_int_equal(m.body_end, 20);
	assert_false(has(&m, STUN_LIFETIME));
}

static void integrity_behind_the_sha256_one_is_ignored(void **state)
{
	struct draft d;
	struct stun_msg m;
	draft_begin(&d);
	draft_add(&d, STUN_MESSAGE_INTEGRITY_SHA256, 32);
	draft_add(&d, STUN_MESSAGE_INTEGRITY, 20);
	draft_add(&d, STUN_MESSAGE_INTEGRITY, 7);
	draft_add(&d, STUN_MESSAGE_INTEGRITY_SHA256, 7);
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_int_equal(m.integrity, 0);
	assert_int_equal(m.integrity_sha256, 20);
	assert_false(has(&m, STUN_MESSAGE_INTEGRITY));
}

static void second_integrity_of_a_kind_is_ignored(void **state)
{
	struct draft d;
	struct stun_msg m;
	draft_begin(&d);
	draft_add(&d, STUN_MESSAGE_INTEGRITY, 20);
	draft_add(&d, STUN_MESSAGE_INTEGRITY, 20);
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_int_equal(m.integrity, 20);
}

static void integrity_of_wrong_length_is_malformed(void **state)
{
	for (size_t len = 0; len <= 40; len++) {
		struct draft d;
		struct stun_msg m;
		draft_begin(&d);
		draft_add(&d, STUN_MESSAGE_INTEGRITY, len);
		assert_int_equal(draft_decode(&d, &m), len == 20 ? 0 : ERR_MALFORMED);

		draft_begin(&d);
		draft_add(&d, STUN_MESSAGE_INTEGRITY_SHA256, len);
		bool is_good = len >= 16 && len <= 32 && len % 4 == 0;
		assert_int_equal(draft_decode(&d, &m), is_good ? 0 : ERR_MALFORMED);
	}
}

static void every_flipped_bit_breaks_the_fingerprint(void **state)
{
	struct draft d;
	struct stun_msg m;
	draft_begin(&d);
	stun_write_bytes(&d.w, STUN_SOFTWARE, "abcdefg", 7);
	stun_write_fingerprint(&d.w);
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_int_equal(m.fingerprint, 32);
	for (size_t bit = 0; bit < 8 * d.w.len; bit++) {
		/* A flip may hide the attribute, or put it into the value before: then none is
		 * seen. */
		d.buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(draft_decode(&d, &m) != 0 || m.fingerprint == 0);
		d.buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void fingerprint_must_be_last(void **state)
{
	struct draft d;
	struct stun_msg m;
	draft_begin(&d);
	stun_write_fingerprint(&d.w);
	draft_add(&d, STUN_SOFTWARE, 4);
	assert_int_equal(draft_decode(&d, &m), ERR_MALFORMED);

	draft_begin(&d);
	stun_write_fingerprint(&d.w);
	stun_write_fingerprint(&d.w);
	assert_int_equal(draft_decode(&d, &m), ERR_MALFORMED);

	draft_begin(&d);
	stun_write_fingerprint(&d.w);
	draft_add(&d, STUN_MESSAGE_INTEGRITY, 20);
	assert_int_equal(draft_decode(&d, &m), ERR_MALFORMED);
}

static void fingerprint_of_wrong_length_is_malformed(void **state)
{
	for (size_t len = 0; len <= 8; len++) {
		struct draft d;
		struct stun_msg m;
		draft_begin(&d);
		if (len == 4)
			continue;
		draft_add(&d, STUN_FINGERPRINT, len);
		assert_int_equal(draft_decode(&d, &m), ERR_MALFORMED);
	}
}

/* Against the definition, bit by bit. */
static void fingerprint_is_the_crc_of_the_standard(void **state)
{
	struct draft d;
	for (size_t len = 0; len <= 40; len++) {
		uint8_t value[40];
		uint32_t crc = 0xffffffff;
		for (size_t i = 0; i < len; i++)
			value[i] = (uint8_t)(37 * i + len);
		draft_begin(&d);
		stun_write_bytes(&d.w, STUN_SOFTWARE, value, len);
		size_t before = d.w.len;
		stun_write_fingerprint(&d.w);
		for (size_t i = 0; i < before; i++) {
			crc ^= d.buf[i];
			for (int bit = 0; bit < 8; bit++)
				crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
		}
		assert_int_equal(be32_get(d.buf + before + 4), ~crc ^ 0x5354554e);
	}
}

static void unknown_required_types_are_listed_once(void **state)
{
	struct draft d;
	struct stun_msg m;
	draft_begin(&d);
	draft_add(&d, 0x7fff, 0);
	draft_add(&d, STUN_USERNAME, 4);
	draft_add(&d, 0x0000, 4);
	draft_add(&d, 0x7fff, 8);
	draft_add(&d, 0x8000 | 0x1234, 4); /* optional: not listed */
	draft_add(&d, 0xffff, 0);
	draft_add(&d, 0x0002, 4); /* RFC 3489's RESPONSE-ADDRESS */
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_int_equal(m.n_unknown, 3);
	assert_int_equal(m.unknown[0], 0x7fff);
	assert_int_equal(m.unknown[1], 0x0000);
	assert_int_equal(m.unknown[2], 0x0002);
}

static void list_of_unknown_types_is_bounded(void **state)
{
	struct draft d;
	struct stun_msg m;
	draft_begin(&d);
	for (uint16_t i = 0; i < STUN_UNKNOWN_MAX + 5; i++)
		draft_add(&d, 0x7000 + i, 0);
	assert_int_equal(draft_decode(&d, &m), 0);
	assert_int_equal(m.n_unknown, STUN_UNKNOWN_MAX);
	assert_int_equal(m.unknown[STUN_UNKNOWN_MAX - 1], 0x7000 + STUN_UNKNOWN_MAX - 1);
}

/* RFC 8656 §12.5: over UDP padding may be absent, over TCP it is there. */
static void channel_data_needs_what_it_announces(void **state)
{
	const uint8_t data[] = {0x40, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5, 0, 0, 0};
	for (size_t len = 0; len <= sizeof(data); len++) {
		uint16_t channel = 0;
		size_t n = 0;
		uint8_t *copy = exact_copy(data, len);
		int err = stun_channel_decode(copy, len, &channel, &n);
		assert_int_equal(err, len < 9 ? ERR_TRUNCATED : 0);
		assert_int_equal(channel, len < 9 ? 0 : 0x4001);
		assert_int_equal(n, len < 9 ? 0 : 5);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_truncation_is_truncated),
		cmocka_unit_test(bytes_behind_the_end_are_malformed),
		cmocka_unit_test(header_length_that_is_off_is_refused),
		cmocka_unit_test(attribute_length_that_is_off_is_noticed),
		cmocka_unit_test(refused_message_leaves_the_result_alone),
		cmocka_unit_test(first_two_bits_must_be_zero),
		cmocka_unit_test(every_method_and_class_comes_back),
		cmocka_unit_test(message_types_are_those_of_the_registry),
		cmocka_unit_test(without_the_cookie_only_a_binding_request_is_accepted),
		cmocka_unit_test(classic_request_is_answered_with_its_long_id),
		cmocka_unit_test(peek_tells_length_or_that_it_is_no_header),
		cmocka_unit_test(longest_message_is_decoded),
		cmocka_unit_test(attributes_of_length_zero_are_attributes),
		cmocka_unit_test(message_without_attributes_has_none),
		cmocka_unit_test(padding_need_not_be_zero),
		cmocka_unit_test(last_attribute_must_be_padded),
		cmocka_unit_test(attribute_over_the_end_is_malformed),
		cmocka_unit_test(of_repeated_attributes_the_first_counts),
		cmocka_unit_test(attributes_behind_integrity_are_unreachable),
		cmocka_unit_test(sha256_integrity_counts_behind_the_other),
		cmocka_unit_test(integrity_behind_the_sha256_one_is_ignored),
		cmocka_unit_test(second_integrity_of_a_kind_is_ignored),
		cmocka_unit_test(integrity_of_wrong_length_is_malformed),
		cmocka_unit_test(every_flipped_bit_breaks_the_fingerprint),
		cmocka_unit_test(fingerprint_must_be_last),
		cmocka_unit_test(fingerprint_of_wrong_length_is_malformed),
		cmocka_unit_test(fingerprint_is_the_crc_of_the_standard),
		cmocka_unit_test(unknown_required_types_are_listed_once),
		cmocka_unit_test(list_of_unknown_types_is_bounded),
		cmocka_unit_test(channel_data_needs_what_it_announces),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
