/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attribute values: what the writer writes comes back, and every other length is refused.
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

static const uint8_t tid[STUN_TID_LEN] = {0xf0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x0f};

struct fixture {
	uint8_t buf[2048];
	struct stun_writer w;
	struct stun_msg m;
};

static void start(struct fixture *f)
{
	stun_write_begin(&f->w, f->buf, sizeof(f->buf), STUN_REQUEST, STUN_ALLOCATE, tid);
}

/* Decodes what was written; its one attribute must be of TYPE and LEN bytes long. */
static struct stun_attr only(struct fixture *f, uint16_t type, size_t len)
{
	struct stun_attr a, b;
	size_t offset = 0, total;
	assert_int_equal(stun_write_end(&f->w, &total), 0);
	assert_int_equal(stun_msg_decode(f->buf, total, &f->m), 0);
	assert_true(stun_attr_next(&f->m, &offset, &a));
	assert_false(stun_attr_next(&f->m, &offset, &b));
	assert_int_equal(a.type, type);
	assert_int_equal(a.len, len);
	return a;
}

/* An attribute by hand. Its value must outlive it. */
static struct stun_attr attr(uint16_t type, const void *value, size_t len)
{
	return (struct stun_attr){.type = type, .len = (uint16_t)len, .value = value};
}

static void flag_comes_back(void **state)
{
	struct fixture f;
	start(&f);
	stun_write_flag(&f.w, STUN_DONT_FRAGMENT);
	struct stun_attr a = only(&f, STUN_DONT_FRAGMENT, 0);
	assert_int_equal(stun_attr_flag(&a), 0);
}

static void numbers_come_back(void **state)
{
	struct fixture f;
	struct stun_attr a;
	uint8_t v8 = 0;
	uint32_t v32 = 0;
	uint64_t v64 = 0;
	start(&f);
	stun_write_bytes(&f.w, STUN_EVEN_PORT, "\xc5", 1);
	a = only(&f, STUN_EVEN_PORT, 1);
	assert_int_equal(stun_attr_u8(&a, &v8), 0);
	assert_int_equal(v8, 0xc5);

	start(&f);
	stun_write_u32(&f.w, STUN_LIFETIME, 0x89abcdef);
	a = only(&f, STUN_LIFETIME, 4);
	assert_int_equal(stun_attr_u32(&a, &v32), 0);
	assert_int_equal(v32, 0x89abcdef);

	start(&f);
	stun_write_u64(&f.w, STUN_ICE_CONTROLLING, 0x89abcdef01234567);
	a = only(&f, STUN_ICE_CONTROLLING, 8);
	assert_int_equal(stun_attr_u64(&a, &v64), 0);
	assert_true(v64 == 0x89abcdef01234567);
}

static void addresses_come_back_plain_and_xored(void **state)
{
	static const char *const texts[] = {"192.0.2.1:3478", "0.0.0.0:0", "255.255.255.255:65535",
		"[2001:db8::1]:49152", "[::]:0", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct fixture f;
		struct addr in, out;
		struct stun_attr a;
		assert_int_equal(addr_parse(texts[i], 0, &in), 0);
		size_t len = in.family == ADDR_IPV4 ? 8 : 20;

		start(&f);
		stun_write_address(&f.w, STUN_MAPPED_ADDRESS, &in);
		a = only(&f, STUN_MAPPED_ADDRESS, len);
		assert_int_equal(stun_attr_address(&a, &out), 0);
		assert_true(addr_equal(&in, &out));

		start(&f);
		stun_write_xor_address(&f.w, STUN_XOR_PEER_ADDRESS, &in);
		a = only(&f, STUN_XOR_PEER_ADDRESS, len);
		assert_int_equal(stun_attr_xor_address(&f.m, &a, &out), 0);
		assert_true(addr_equal(&in, &out));
		assert_int_equal(stun_attr_address(&a, &out), 0);
		assert_false(addr_equal(&in, &out));
	}
}

static void address_of_wrong_length_or_family_is_malformed(void **state)
{
	uint8_t value[24] = {0};
	struct fixture f;
	struct addr out;
	start(&f);
	assert_int_equal(stun_msg_decode(f.buf, f.w.len, &f.m), 0);
	for (unsigned family = 0; family < 256; family++) {
		for (size_t len = 0; len <= sizeof(value); len++) {
			value[1] = (uint8_t)family;
			uint8_t *copy = exact_copy(value, len);
			struct stun_attr a = attr(STUN_XOR_PEER_ADDRESS, copy, len);
			bool is_good = (family == 1 && len == 8) || (family == 2 && len == 20);
			int want = is_good ? 0 : ERR_MALFORMED;
			assert_int_equal(stun_attr_address(&a, &out), want);
			assert_int_equal(stun_attr_xor_address(&f.m, &a, &out), want);
			free(copy);
		}
	}
}

/* One spelling inside: an IPv4 address in IPv6 clothes must meet the rules for IPv4. */
static void ipv4_mapped_address_becomes_ipv4(void **state)
{
	const uint8_t value[20] = {
		0, 2, 0x0d, 0x96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
	struct stun_attr a = attr(STUN_ALTERNATE_SERVER, value, sizeof(value));
	struct addr got, want = addr_ipv4(0x7f000001, 3478);
	assert_int_equal(stun_attr_address(&a, &got), 0);
	assert_true(addr_equal(&got, &want));
}

static void reserved_first_byte_of_an_address_is_ignored(void **state)
{
	const uint8_t value[8] = {0xff, 1, 0, 80, 192, 0, 2, 1};
	struct stun_attr a = attr(STUN_MAPPED_ADDRESS, value, sizeof(value));
	struct addr got, want = addr_ipv4(0xc0000201, 80);
	assert_int_equal(stun_attr_address(&a, &got), 0);
	assert_true(addr_equal(&got, &want));
}

static void turn_values_come_back(void **state)
{
	struct fixture f;
	struct stun_attr a;
	uint16_t channel = 0;
	uint8_t byte = 0;
	start(&f);
	stun_write_channel(&f.w, 0x4123);
	a = only(&f, STUN_CHANNEL_NUMBER, 4);
	assert_memory_equal(a.value, "\x41\x23\0\0", 4);
	assert_int_equal(stun_attr_channel(&a, &channel), 0);
	assert_int_equal(channel, 0x4123);

	start(&f);
	stun_write_transport(&f.w, 17);
	a = only(&f, STUN_REQUESTED_TRANSPORT, 4);
	assert_memory_equal(a.value, "\x11\0\0\0", 4);
	assert_int_equal(stun_attr_transport(&a, &byte), 0);
	assert_int_equal(byte, 17);

	start(&f);
	stun_write_family(&f.w, STUN_ADDITIONAL_ADDRESS_FAMILY, 2);
	a = only(&f, STUN_ADDITIONAL_ADDRESS_FAMILY, 4);
	assert_memory_equal(a.value, "\x02\0\0\0", 4);
	assert_int_equal(stun_attr_family(&a, &byte), 0);
	assert_int_equal(byte, 2);
}

static void even_port_comes_back(void **state)
{
	for (int reserve = 0; reserve < 2; reserve++) {
		struct fixture f;
		bool got = !reserve;
		start(&f);
		stun_write_even_port(&f.w, reserve != 0);
		struct stun_attr a = only(&f, STUN_EVEN_PORT, 1);
		assert_int_equal(a.value[0], reserve ? 0x80 : 0);
		assert_int_equal(stun_attr_even_port(&a, &got), 0);
		assert_int_equal(got, reserve);
	}
}

/* RFC 8656 §18: reserved bits are ignored on receipt. */
static void reserved_bits_are_ignored(void **state)
{
	const uint8_t ones[4] = {0x40, 0x01, 0xff, 0xff};
	struct stun_attr a = attr(STUN_CHANNEL_NUMBER, ones, 4);
	uint16_t channel;
	uint8_t byte;
	bool reserve;
	assert_int_equal(stun_attr_channel(&a, &channel), 0);
	assert_int_equal(channel, 0x4001);
	assert_int_equal(stun_attr_transport(&a, &byte), 0);
	assert_int_equal(byte, 0x40);
	assert_int_equal(stun_attr_family(&a, &byte), 0);
	assert_int_equal(byte, 0x40);
	a = attr(STUN_EVEN_PORT, "\x7f", 1);
	assert_int_equal(stun_attr_even_port(&a, &reserve), 0);
	assert_false(reserve);
}

static void icmp_comes_back(void **state)
{
	struct fixture f;
	uint8_t type = 0, code = 0;
	uint32_t data = 0;
	start(&f);
	stun_write_icmp(&f.w, 3, 4, 1400);
	struct stun_attr a = only(&f, STUN_ICMP, 8);
	assert_memory_equal(a.value, "\0\0\x03\x04\0\0\x05\x78", 8);
	assert_int_equal(stun_attr_icmp(&a, &type, &code, &data), 0);
	assert_int_equal(type, 3);
	assert_int_equal(code, 4);
	assert_int_equal(data, 1400);
}

static void token_comes_back(void **state)
{
	struct fixture f;
	uint8_t token[8];
	start(&f);
	stun_write_bytes(&f.w, STUN_RESERVATION_TOKEN, "12345678", 8);
	struct stun_attr a = only(&f, STUN_RESERVATION_TOKEN, 8);
	assert_int_equal(stun_attr_token(&a, token), 0);
	assert_memory_equal(token, "12345678", 8);
}

/* Every fixed-size decoder, at every length up to 40: right at one, malformed at all others. */
static void values_of_wrong_length_are_malformed(void **state)
{
	static const uint8_t zeros[40];
	for (size_t len = 0; len <= sizeof(zeros); len++) {
		uint8_t *copy = exact_copy(zeros, len);
		struct stun_attr a = attr(STUN_SOFTWARE, copy, len);
		uint8_t byte, token[8];
		uint16_t v16;
		uint32_t v32;
		uint64_t v64;
		bool flag;
		const uint8_t *hash;
#define WANT(n) (len == (n) ? 0 : ERR_MALFORMED)
		assert_int_equal(stun_attr_flag(&a), WANT(0));
		assert_int_equal(stun_attr_u8(&a, &byte), WANT(1));
		assert_int_equal(stun_attr_u32(&a, &v32), WANT(4));
		assert_int_equal(stun_attr_u64(&a, &v64), WANT(8));
		assert_int_equal(stun_attr_channel(&a, &v16), WANT(4));
		assert_int_equal(stun_attr_transport(&a, &byte), WANT(4));
		assert_int_equal(stun_attr_family(&a, &byte), WANT(4));
		assert_int_equal(stun_attr_even_port(&a, &flag), WANT(1));
		assert_int_equal(stun_attr_token(&a, token), WANT(8));
		assert_int_equal(stun_attr_icmp(&a, &byte, &byte, &v32), WANT(8));
		assert_int_equal(stun_attr_userhash(&a, &hash), WANT(32));
#undef WANT
		free(copy);
	}
}

static void error_codes_come_back_with_their_phrase(void **state)
{
	for (unsigned code = 300; code <= 699; code++) {
		struct fixture f;
		uint16_t got = 0;
		struct bytes reason;
		const char *want = stun_error_phrase(code);
		start(&f);
		stun_write_error(&f.w, code, NULL);
		struct stun_attr a = only(&f, STUN_ERROR_CODE, 4 + strlen(want));
		assert_int_equal(stun_attr_error(&a, &got, &reason), 0);
		assert_int_equal(got, code);
		assert_true(bytes_equal(reason, bytes_str(want)));
	}
}

static void error_code_takes_its_own_reason(void **state)
{
	struct fixture f;
	uint16_t code = 0;
	uint8_t family = 0;
	struct bytes reason;
	start(&f);
	stun_write_error(&f.w, 403, "no relay to this peer");
	struct stun_attr a = only(&f, STUN_ERROR_CODE, 4 + 21);
	assert_int_equal(stun_attr_error(&a, &code, &reason), 0);
	assert_int_equal(code, 403);
	assert_true(bytes_equal(reason, bytes_str("no relay to this peer")));

	start(&f);
	stun_write_address_error(&f.w, 2, 440, NULL);
	a = only(&f, STUN_ADDRESS_ERROR_CODE, 4 + strlen(stun_error_phrase(440)));
	assert_int_equal(stun_attr_address_error(&a, &family, &code, &reason), 0);
	assert_int_equal(family, 2);
	assert_int_equal(code, 440);
	assert_true(bytes_equal(reason, bytes_str(stun_error_phrase(440))));
}

/* RFC 8489 §14.8: class 3 to 6, number 0 to 99, the bits above the class reserved. */
static void error_code_out_of_range_is_malformed(void **state)
{
	for (unsigned class = 0; class < 256; class ++) {
		for (unsigned number = 0; number < 256; number++) {
			uint8_t value[4] = {0xff, 0xff, (uint8_t) class, (uint8_t)number};
			struct stun_attr a = attr(STUN_ERROR_CODE, value, sizeof(value));
			uint16_t code = 0;
			struct bytes reason;
			unsigned want = (class & 7) * 100 + number;
			bool is_good = want >= 300 && want <= 699 && number <= 99;
			int err = stun_attr_error(&a, &code, &reason);
			assert_int_equal(err, is_good ? 0 : ERR_MALFORMED);
			assert_int_equal(code, is_good ? want : 0);
		}
	}
	for (size_t len = 0; len < 4; len++) {
		struct stun_attr a = attr(STUN_ERROR_CODE, "\0\0\x04\x01", len);
		uint8_t family;
		uint16_t code;
		struct bytes reason;
		assert_int_equal(stun_attr_error(&a, &code, &reason), ERR_MALFORMED);
		assert_int_equal(
			stun_attr_address_error(&a, &family, &code, &reason), ERR_MALFORMED);
	}
}

static void reason_phrase_has_the_limits_of_text(void **state)
{
	uint8_t value[4 + 128] = {0, 0, 4, 1};
	memset(value + 4, 'x', 128);
	struct stun_attr a = attr(STUN_ERROR_CODE, value, 4 + 127);
	uint16_t code;
	struct bytes reason;
	assert_int_equal(stun_attr_error(&a, &code, &reason), 0);
	a.len++;
	assert_int_equal(stun_attr_error(&a, &code, &reason), ERR_MALFORMED);
}

static int text_of(uint16_t type, const void *value, size_t len)
{
	uint8_t *copy = exact_copy(value, len);
	struct stun_attr a = attr(type, copy, len);
	struct bytes out;
	int err = stun_attr_text(&a, &out);
	if (err == 0)
		assert_true(out.data == copy && out.len == len);
	free(copy);
	return err;
}

/* RFC 8489 §14.3, §14.9, §14.10, §14.14 */
static void text_has_limits_in_bytes_and_characters(void **state)
{
	static const uint16_t types[] = {
		STUN_REALM, STUN_NONCE, STUN_SOFTWARE, STUN_THIRD_PARTY_AUTHORIZATION};
	uint8_t ascii[1024], wide[1024];
	memset(ascii, 'a', sizeof(ascii));
	for (size_t i = 0; i < sizeof(wide); i += 4)
		memcpy(wide + i, "\xf0\x9f\x8e\xb5", 4);

	assert_int_equal(text_of(STUN_USERNAME, ascii, 508), 0);
	assert_int_equal(text_of(STUN_USERNAME, ascii, 509), ERR_MALFORMED);
	assert_int_equal(text_of(STUN_USERNAME, wide, 508), 0);
	assert_int_equal(text_of(STUN_USERNAME, wide, 512), ERR_MALFORMED);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		assert_int_equal(text_of(types[i], ascii, 0), 0);
		assert_int_equal(text_of(types[i], ascii, 127), 0);
		assert_int_equal(text_of(types[i], ascii, 128), ERR_MALFORMED);
		assert_int_equal(text_of(types[i], wide, 4 * 127), 0);
		assert_int_equal(text_of(types[i], wide, 4 * 128), ERR_MALFORMED);
	}
	assert_int_equal(text_of(STUN_ALTERNATE_DOMAIN, ascii, 255), 0);
	assert_int_equal(text_of(STUN_ALTERNATE_DOMAIN, ascii, 256), ERR_MALFORMED);
	assert_int_equal(text_of(STUN_ALTERNATE_DOMAIN, wide, 4), ERR_MALFORMED);
}

/* RFC 3629 §3, §4 */
static void text_must_be_utf8(void **state)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{"\x7f", 0},
		{"\xc2\x80", 0},
		{"\xdf\xbf", 0},
		{"\xe0\xa0\x80", 0},
		{"\xed\x9f\xbf", 0},
		{"\xee\x80\x80", 0},
		{"\xef\xbf\xbf", 0},
		{"\xf0\x90\x80\x80", 0},
		{"\xf4\x8f\xbf\xbf", 0},
		{"\x80", ERR_MALFORMED},                 /* continuation alone */
		{"a\xbf", ERR_MALFORMED},                /* the same, later */
		{"\xc0\x80", ERR_MALFORMED},             /* overlong NUL */
		{"\xc1\xbf", ERR_MALFORMED},             /* overlong */
		{"\xe0\x9f\xbf", ERR_MALFORMED},         /* overlong */
		{"\xf0\x8f\xbf\xbf", ERR_MALFORMED},     /* overlong */
		{"\xed\xa0\x80", ERR_MALFORMED},         /* surrogate */
		{"\xed\xbf\xbf", ERR_MALFORMED},         /* surrogate */
		{"\xf4\x90\x80\x80", ERR_MALFORMED},     /* above U+10FFFF */
		{"\xf5\x80\x80\x80", ERR_MALFORMED},     /* above U+10FFFF */
		{"\xf8\x88\x80\x80\x80", ERR_MALFORMED}, /* five bytes */
		{"\xff", ERR_MALFORMED},
		{"\xc3", ERR_MALFORMED}, /* cut */
		{"\xe3\x83", ERR_MALFORMED},
		{"\xf0\x9f\x8e", ERR_MALFORMED},
		{"\xc3(", ERR_MALFORMED}, /* no continuation */
		{"\xe3\x83(", ERR_MALFORMED},
		{"\xe3(\x83", ERR_MALFORMED},
		{"\xf0\x9f\x8e(", ERR_MALFORMED},
		{"\xf0\x9f(\x8e", ERR_MALFORMED},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(text_of(STUN_USERNAME, cases[i].text, strlen(cases[i].text)),
			cases[i].want);
}

static void unknown_attributes_come_back(void **state)
{
	const uint16_t types[] = {0x7001, 0x0002, 0xffff};
	for (size_t n = 0; n <= ARRAY_LEN(types); n++) {
		struct fixture f;
		uint16_t got[3];
		size_t n_got = 99;
		start(&f);
		stun_write_unknown(&f.w, types, n);
		struct stun_attr a = only(&f, STUN_UNKNOWN_ATTRIBUTES, 2 * n);
		assert_int_equal(stun_attr_unknown(&a, got, ARRAY_LEN(got), &n_got), 0);
		assert_int_equal(n_got, n);
		assert_memory_equal(got, types, 2 * n);
		if (n > 0)
			assert_int_equal(stun_attr_unknown(&a, got, n - 1, &n_got), ERR_NO_SPACE);
	}
	struct stun_attr odd = attr(STUN_UNKNOWN_ATTRIBUTES, "abc", 3);
	uint16_t got[3];
	size_t n;
	assert_int_equal(stun_attr_unknown(&odd, got, 3, &n), ERR_MALFORMED);
}

static void password_algorithms_come_back(void **state)
{
	const uint16_t algorithms[] = {STUN_PASSWORD_SHA256, STUN_PASSWORD_MD5, 0x1234};
	struct stun_password_entry got[3];
	struct fixture f;
	struct stun_attr a;
	size_t n = 99;
	start(&f);
	stun_write_password_algorithm(&f.w, STUN_PASSWORD_SHA256);
	a = only(&f, STUN_PASSWORD_ALGORITHM, 4);
	assert_int_equal(stun_attr_password_algorithm(&a, &got[0]), 0);
	assert_int_equal(got[0].algorithm, STUN_PASSWORD_SHA256);
	assert_int_equal(got[0].parameters.len, 0);

	for (size_t i = 0; i <= ARRAY_LEN(algorithms); i++) {
		start(&f);
		stun_write_password_algorithms(&f.w, algorithms, i);
		a = only(&f, STUN_PASSWORD_ALGORITHMS, 4 * i);
		assert_int_equal(stun_attr_password_algorithms(&a, got, 3, &n), 0);
		assert_int_equal(n, i);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(got[k].algorithm, algorithms[k]);
		if (i > 0)
			assert_int_equal(
				stun_attr_password_algorithms(&a, got, i - 1, &n), ERR_NO_SPACE);
	}
}

/* RFC 8489 §14.11: parameters are padded to four bytes. */
static void algorithm_parameters_are_stepped_over(void **state)
{
	const uint8_t two[] = {0, 9, 0, 5, 'p', 'a', 'r', 'a', 'm', 0xee, 0xee, 0xee, 0, 2, 0, 0};
	struct stun_attr a = attr(STUN_PASSWORD_ALGORITHMS, two, sizeof(two));
	struct stun_password_entry got[2];
	size_t n;
	assert_int_equal(stun_attr_password_algorithms(&a, got, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(got[0].algorithm, 9);
	assert_true(bytes_equal(got[0].parameters, bytes_str("param")));
	assert_int_equal(got[1].algorithm, STUN_PASSWORD_SHA256);
}

static void algorithm_list_that_ends_early_is_malformed(void **state)
{
	const uint8_t one[] = {0, 9, 0, 5, 'p', 'a', 'r', 'a', 'm', 0, 0, 0};
	for (size_t len = 0; len <= sizeof(one); len++) {
		uint8_t *copy = exact_copy(one, len);
		struct stun_attr a = attr(STUN_PASSWORD_ALGORITHM, copy, len);
		struct stun_password_entry got[2];
		size_t n = 99;
		int want = len >= 9 ? 0 : ERR_MALFORMED;
		assert_int_equal(stun_attr_password_algorithm(&a, got), want);
		if (len == 0) /* an empty list is one */
			want = 0;
		assert_int_equal(stun_attr_password_algorithms(&a, got, 2, &n), want);
		free(copy);
	}
	struct stun_attr two = attr(STUN_PASSWORD_ALGORITHM, "\0\1\0\0\0\2\0\0", 8);
	struct stun_password_entry got;
	assert_int_equal(stun_attr_password_algorithm(&two, &got), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(flag_comes_back),
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(addresses_come_back_plain_and_xored),
		cmocka_unit_test(address_of_wrong_length_or_family_is_malformed),
		cmocka_unit_test(ipv4_mapped_address_becomes_ipv4),
		cmocka_unit_test(reserved_first_byte_of_an_address_is_ignored),
		cmocka_unit_test(turn_values_come_back),
		cmocka_unit_test(even_port_comes_back),
		cmocka_unit_test(reserved_bits_are_ignored),
		cmocka_unit_test(icmp_comes_back),
		cmocka_unit_test(token_comes_back),
		cmocka_unit_test(values_of_wrong_length_are_malformed),
		cmocka_unit_test(error_codes_come_back_with_their_phrase),
		cmocka_unit_test(error_code_takes_its_own_reason),
		cmocka_unit_test(error_code_out_of_range_is_malformed),
		cmocka_unit_test(reason_phrase_has_the_limits_of_text),
		cmocka_unit_test(text_has_limits_in_bytes_and_characters),
		cmocka_unit_test(text_must_be_utf8),
		cmocka_unit_test(unknown_attributes_come_back),
		cmocka_unit_test(password_algorithms_come_back),
		cmocka_unit_test(algorithm_parameters_are_stepped_over),
		cmocka_unit_test(algorithm_list_that_ends_early_is_malformed),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
