/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer's limits: the buffer, the length field, and an overflow that sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/stun.h>
#include "vectors.h"

#define CANARY 0xa5

static const uint8_t tid[STUN_TID_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/* One attribute of every kind, with every length of padding. */
static void write_everything(struct stun_writer *w, void *buf, size_t cap)
{
	static const uint16_t types[] = {0x7001, 0x7002, 0x7003};
	struct addr v4 = addr_ipv4(0xc0000201, 3478);
	struct addr v6 = addr_ipv6((const uint8_t *)"0123456789abcdef", 3478);
	struct crypto_hmac_key sha1, sha256;
	crypto_hmac_key_init(&sha1, CRYPTO_SHA1, "k", 1);
	crypto_hmac_key_init(&sha256, CRYPTO_SHA256, "k", 1);

	stun_write_begin(w, buf, cap, STUN_ERROR, STUN_ALLOCATE, tid);
	stun_write_error(w, 420, NULL);
	stun_write_unknown(w, types, 3);
	stun_write_bytes(w, STUN_REALM, "abc", 3);
	stun_write_flag(w, STUN_DONT_FRAGMENT);
	stun_write_u32(w, STUN_LIFETIME, 600);
	stun_write_u64(w, STUN_ICE_CONTROLLED, 1);
	stun_write_address(w, STUN_MAPPED_ADDRESS, &v4);
	stun_write_xor_address(w, STUN_XOR_RELAYED_ADDRESS, &v6);
	stun_write_channel(w, 0x4000);
	stun_write_transport(w, 17);
	stun_write_family(w, STUN_REQUESTED_ADDRESS_FAMILY, 1);
	stun_write_even_port(w, true);
	stun_write_address_error(w, 2, 440, "no IPv6");
	stun_write_icmp(w, 3, 4, 1400);
	stun_write_password_algorithm(w, STUN_PASSWORD_MD5);
	stun_write_password_algorithms(w, types, 3);
	stun_write_integrity(w, CRYPTO_SHA1, &sha1);
	stun_write_integrity(w, CRYPTO_SHA256, &sha256);
	stun_write_fingerprint(w);
}

static void nothing_is_written_behind_the_buffer_at_any_capacity(void **state)
{
	uint8_t whole[1024];
	struct stun_writer w;
	size_t len;
	write_everything(&w, whole, sizeof(whole));
	assert_int_equal(stun_write_end(&w, &len), 0);
	assert_int_equal(decode_copy(whole, len), 0);

	for (size_t cap = 0; cap < len; cap++) {
		uint8_t buf[1024];
		size_t got = 12345;
		memset(buf, CANARY, sizeof(buf));
		write_everything(&w, buf, cap);
		assert_int_equal(stun_write_end(&w, &got), ERR_NO_SPACE);
		assert_int_equal(got, 12345);
		for (size_t i = cap; i < sizeof(buf); i++)
			assert_int_equal(buf[i], CANARY);
	}
	uint8_t *exact = malloc(len);
	assert_non_null(exact);
	write_everything(&w, exact, len);
	assert_int_equal(stun_write_end(&w, &len), 0);
	assert_memory_equal(exact, whole, len);
	free(exact);
}

/* What still fits behind a failed attribute must not be written: the order would be another. */
static void overflow_sticks(void **state)
{
	uint8_t buf[40];
	struct stun_writer w;
	size_t len;
	stun_write_begin(&w, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, tid);
	stun_write_bytes(&w, STUN_SOFTWARE, "this does not fit in here", 25);
	stun_write_flag(&w, STUN_USE_CANDIDATE);
	assert_int_equal(w.len, 20);
	assert_int_equal(stun_write_end(&w, &len), ERR_NO_SPACE);
}

static void length_field_is_right_after_every_call(void **state)
{
	uint8_t buf[256];
	struct stun_writer w;
	stun_write_begin(&w, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, tid);
	for (size_t len = 0; len <= 9; len++) {
		assert_int_equal(be16_get(buf + 2), w.len - 20);
		assert_int_equal(w.len % 4, 0);
		stun_write_bytes(&w, STUN_SOFTWARE, "123456789", len);
	}
	assert_int_equal(be16_get(buf + 2), w.len - 20);
}

static void padding_is_written_as_zeros(void **state)
{
	for (size_t len = 1; len <= 4; len++) {
		uint8_t buf[28];
		struct stun_writer w;
		memset(buf, CANARY, sizeof(buf));
		stun_write_begin(&w, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, tid);
		stun_write_bytes(&w, STUN_SOFTWARE, "\xff\xff\xff\xff", len);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(buf[24 + i], i < len ? 0xff : 0);
	}
}

/* The length field ends at 65532; a larger buffer does not help. */
static void message_cannot_outgrow_its_length_field(void **state)
{
	size_t cap = 80000, len;
	uint8_t *buf = malloc(cap);
	uint8_t *value = calloc(1, cap);
	struct stun_writer w;
	assert_non_null(buf);
	assert_non_null(value);
	memset(buf, CANARY, cap);

	stun_write_begin(&w, buf, cap, STUN_INDICATION, STUN_DATA, tid);
	stun_write_bytes(&w, STUN_DATA_ATTR, value, 0xfff8);
	assert_int_equal(stun_write_end(&w, &len), 0);
	assert_int_equal(len, 20 + 0xfffc);
	assert_int_equal(decode_copy(buf, len), 0);
	stun_write_flag(&w, STUN_DONT_FRAGMENT);
	assert_int_equal(stun_write_end(&w, &len), ERR_NO_SPACE);

	static const size_t too_long[] = {0xfff9, 0xfffc, 0xffff, 0x10000, 0x10004, 70000};
	for (size_t i = 0; i < ARRAY_LEN(too_long); i++) {
		stun_write_begin(&w, buf, cap, STUN_INDICATION, STUN_DATA, tid);
		stun_write_bytes(&w, STUN_DATA_ATTR, value, too_long[i]);
		assert_int_equal(stun_write_end(&w, &len), ERR_NO_SPACE);
	}
	stun_write_begin(&w, buf, cap, STUN_INDICATION, STUN_DATA, tid);
	stun_write_bytes(&w, STUN_DATA_ATTR, value, SIZE_MAX);
	assert_int_equal(stun_write_end(&w, &len), ERR_NO_SPACE);
	for (size_t i = 20 + 0xfffc; i < cap; i++)
		assert_int_equal(buf[i], CANARY);
	free(value);
	free(buf);
}

static void answer_takes_method_and_id_and_may_overwrite_the_request(void **state)
{
	uint8_t buf[64];
	struct stun_writer w;
	struct stun_msg m;
	struct addr a = addr_ipv4(0xc6336401, 5000), got;
	struct stun_attr attr;
	stun_write_begin(&w, buf, sizeof(buf), STUN_REQUEST, STUN_CHANNEL_BIND, tid);
	stun_write_channel(&w, 0x4001);
	assert_int_equal(stun_msg_decode(buf, w.len, &m), 0);

	stun_write_answer(&w, buf, sizeof(buf), &m, STUN_SUCCESS);
	stun_write_xor_address(&w, STUN_XOR_MAPPED_ADDRESS, &a);

	assert_int_equal(stun_msg_decode(buf, w.len, &m), 0);
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_int_equal(m.method, STUN_CHANNEL_BIND);
	assert_memory_equal(m.tid, tid, sizeof(tid));
	assert_true(stun_attr_find(&m, STUN_XOR_MAPPED_ADDRESS, &attr));
	assert_int_equal(stun_attr_xor_address(&m, &attr, &got), 0);
	assert_true(addr_equal(&a, &got));
}

/* The wrap around a payload in place, against the writer's own way. */
static void assert_wrapped(const struct addr *peer, size_t len, size_t front)
{
	uint8_t buf[STUN_DATA_PREFIX_MAX + 64 + 4], want[256], payload[64];
	struct stun_writer w;
	size_t total = 0, want_len;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(0xc0 + i);
	stun_write_begin(&w, want, sizeof(want), STUN_INDICATION, STUN_DATA, tid);
	stun_write_xor_address(&w, STUN_XOR_PEER_ADDRESS, peer);
	stun_write_bytes(&w, STUN_DATA_ATTR, payload, len);
	assert_int_equal(stun_write_end(&w, &want_len), 0);

	memset(buf, CANARY, sizeof(buf));
	uint8_t *data = buf + STUN_DATA_PREFIX_MAX;
	memcpy(data, payload, len);
	assert_int_equal(stun_data_indication_wrap(data, len, peer, tid, &total), front);

	assert_int_equal(total, want_len);
	assert_memory_equal(data - front, want, want_len);
	for (uint8_t *p = buf; p < data - front; p++)
		assert_int_equal(*p, CANARY);
	for (uint8_t *p = data - front + total; p < buf + sizeof(buf); p++)
		assert_int_equal(*p, CANARY);
}

static void data_indication_is_wrapped_around_its_payload(void **state)
{
	struct addr v4 = addr_ipv4(0xc0000201, 49152);
	struct addr v6 = addr_ipv6((const uint8_t *)"fedcba9876543210", 65535);
	for (size_t len = 0; len <= 64; len++) {
		assert_wrapped(&v4, len, 36);
		assert_wrapped(&v6, len, 48);
	}
}

static void data_indication_has_the_limit_of_the_length_field(void **state)
{
	struct addr v4 = addr_ipv4(0xc0000201, 49152);
	struct addr v6 = addr_ipv6((const uint8_t *)"fedcba9876543210", 65535);
	size_t size = STUN_DATA_PREFIX_MAX + 65536 + 3, total = 7;
	uint8_t *buf = calloc(1, size);
	assert_non_null(buf);
	uint8_t *data = buf + STUN_DATA_PREFIX_MAX;

	assert_int_equal(stun_data_indication_wrap(data, 65517, &v4, tid, &total), 0);
	assert_int_equal(stun_data_indication_wrap(data, 65505, &v6, tid, &total), 0);
	assert_int_equal(stun_data_indication_wrap(data, 70000, &v6, tid, &total), 0);
	assert_int_equal(total, 7);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(buf[i], 0);

	assert_int_equal(stun_data_indication_wrap(data, 65516, &v4, tid, &total), 36);
	assert_int_equal(decode_copy(data - 36, total), 0);
	assert_int_equal(stun_data_indication_wrap(data, 65504, &v6, tid, &total), 48);
	assert_int_equal(decode_copy(data - 48, total), 0);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(nothing_is_written_behind_the_buffer_at_any_capacity),
		cmocka_unit_test(overflow_sticks),
		cmocka_unit_test(length_field_is_right_after_every_call),
		cmocka_unit_test(padding_is_written_as_zeros),
		cmocka_unit_test(message_cannot_outgrow_its_length_field),
		cmocka_unit_test(answer_takes_method_and_id_and_may_overwrite_the_request),
		cmocka_unit_test(data_indication_is_wrapped_around_its_payload),
		cmocka_unit_test(data_indication_has_the_limit_of_the_length_field),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
