/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys, and the two integrity attributes: what they cover, alone and together. */
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

struct fixture {
	struct crypto_hmac_key sha1, sha256;
	uint8_t buf[512];
	struct stun_writer w;
	struct stun_msg m;
};

static void start(struct fixture *f)
{
	crypto_hmac_key_init(&f->sha1, CRYPTO_SHA1, "secret", 6);
	crypto_hmac_key_init(&f->sha256, CRYPTO_SHA256, "secret", 6);
	stun_write_begin(&f->w, f->buf, sizeof(f->buf), STUN_REQUEST, STUN_REFRESH, tid);
	stun_write_bytes(&f->w, STUN_USERNAME, "abcde", 5);
}

static void decode(struct fixture *f)
{
	assert_false(f->w.failed);
	assert_int_equal(stun_msg_decode(f->buf, f->w.len, &f->m), 0);
}

/* RFC 8489 §9.2.2, and the digest example it takes over from HTTP */
static void long_term_key_is_the_digest_of_name_realm_password(void **state)
{
	static const uint8_t want[16] = {0x84, 0x93, 0xfb, 0xc5, 0x3b, 0xa5, 0x82, 0xfb, 0x4c, 0x04,
		0x4c, 0x45, 0x6b, 0xdc, 0x40, 0xeb};
	struct stun_key key;
	stun_key_long_term(
		STUN_PASSWORD_MD5, bytes_str("user"), bytes_str("realm"), bytes_str("pass"), &key);
	assert_int_equal(key.len, 16);
	assert_memory_equal(key.bytes, want, 16);
}

static void every_flipped_bit_is_rejected(void **state)
{
	for (size_t i = 0; i < N_VECTORS; i++) {
		size_t len = vectors[i].message.len;
		struct crypto_hmac_key key;
		struct stun_msg m;
		vector_key(&vectors[i], &key);
		uint8_t *copy = exact_copy(vectors[i].message.data, len);
		for (size_t bit = 0; bit < 8 * len; bit++) {
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			/* A flip in FINGERPRINT's own header is behind what integrity covers. */
			bool is_behind = vectors[i].has_fingerprint && bit / 8 >= len - 8;
			if (stun_msg_decode(copy, len, &m) == 0 && !is_behind)
				assert_false(stun_msg_check_integrity(&m, vectors[i].hash, &key));
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(stun_msg_decode(copy, len, &m), 0);
		assert_true(stun_msg_check_integrity(&m, vectors[i].hash, &key));
		free(copy);
	}
}

static void wrong_key_is_rejected(void **state)
{
	struct fixture f;
	struct crypto_hmac_key other;
	start(&f);
	stun_write_integrity(&f.w, CRYPTO_SHA1, &f.sha1);
	decode(&f);
	crypto_hmac_key_init(&other, CRYPTO_SHA1, "Secret", 6);
	assert_true(stun_msg_check_integrity(&f.m, CRYPTO_SHA1, &f.sha1));
	assert_false(stun_msg_check_integrity(&f.m, CRYPTO_SHA1, &other));
}

static void absent_integrity_is_not_right(void **state)
{
	struct fixture f;
	start(&f);
	decode(&f);
	assert_false(stun_msg_check_integrity(&f.m, CRYPTO_SHA1, &f.sha1));
	assert_false(stun_msg_check_integrity(&f.m, CRYPTO_SHA256, &f.sha256));

	stun_write_integrity(&f.w, CRYPTO_SHA256, &f.sha256);
	decode(&f);
	assert_false(stun_msg_check_integrity(&f.m, CRYPTO_SHA1, &f.sha1));
	assert_true(stun_msg_check_integrity(&f.m, CRYPTO_SHA256, &f.sha256));
}

/* RFC 8489 §14.5: the header's length under the HMAC ends with the attribute itself. */
static void both_integrities_and_the_fingerprint_hold_together(void **state)
{
	struct fixture f;
	start(&f);
	stun_write_integrity(&f.w, CRYPTO_SHA1, &f.sha1);
	stun_write_integrity(&f.w, CRYPTO_SHA256, &f.sha256);
	stun_write_fingerprint(&f.w);
	decode(&f);
	assert_true(stun_msg_check_integrity(&f.m, CRYPTO_SHA1, &f.sha1));
	assert_true(stun_msg_check_integrity(&f.m, CRYPTO_SHA256, &f.sha256));
	assert_true(f.m.fingerprint != 0);
	assert_int_equal(f.m.body_end, f.m.integrity);
}

static void what_stands_behind_integrity_does_not_touch_it(void **state)
{
	struct fixture f;
	start(&f);
	stun_write_integrity(&f.w, CRYPTO_SHA1, &f.sha1);
	stun_write_u32(&f.w, STUN_LIFETIME, 0);
	decode(&f);
	assert_true(stun_msg_check_integrity(&f.m, CRYPTO_SHA1, &f.sha1));
}

static void check_leaves_the_message_as_it_is(void **state)
{
	struct fixture f;
	uint8_t before[512];
	start(&f);
	stun_write_integrity(&f.w, CRYPTO_SHA1, &f.sha1);
	stun_write_fingerprint(&f.w);
	decode(&f);
	memcpy(before, f.buf, f.w.len);
	assert_true(stun_msg_check_integrity(&f.m, CRYPTO_SHA1, &f.sha1));
	assert_memory_equal(before, f.buf, f.w.len);
}

/* RFC 8489 §14.6. The length under the HMAC is that of the truncated attribute. */
static void truncated_sha256_integrity_is_accepted(void **state)
{
	for (size_t len = 16; len <= 32; len += 4) {
		struct fixture f;
		uint8_t mac[32];
		start(&f);
		size_t before = f.w.len;
		be16_put(f.buf + 2, (uint16_t)(before - 20 + 4 + len));
		struct bytes part = bytes_of(f.buf, before);
		crypto_hmac(&f.sha256, &part, 1, mac);
		stun_write_bytes(&f.w, STUN_MESSAGE_INTEGRITY_SHA256, mac, len);

		decode(&f);
		assert_true(stun_msg_check_integrity(&f.m, CRYPTO_SHA256, &f.sha256));
		f.buf[before + 4 + len - 1] ^= 1;
		assert_false(stun_msg_check_integrity(&f.m, CRYPTO_SHA256, &f.sha256));
	}
}

/* RFC 3489 computed it otherwise; RFC 8489's must not pass for it. */
static void integrity_of_a_classic_request_is_never_right(void **state)
{
	struct fixture f;
	start(&f);
	stun_write_begin(&f.w, f.buf, sizeof(f.buf), STUN_REQUEST, STUN_BINDING, tid);
	be32_put(f.buf + 4, 0x01020304);
	stun_write_integrity(&f.w, CRYPTO_SHA1, &f.sha1);
	decode(&f);
	assert_true(f.m.is_classic && f.m.integrity != 0);
	assert_false(stun_msg_check_integrity(&f.m, CRYPTO_SHA1, &f.sha1));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(long_term_key_is_the_digest_of_name_realm_password),
		cmocka_unit_test(every_flipped_bit_is_rejected),
		cmocka_unit_test(wrong_key_is_rejected),
		cmocka_unit_test(absent_integrity_is_not_right),
		cmocka_unit_test(both_integrities_and_the_fingerprint_hold_together),
		cmocka_unit_test(what_stands_behind_integrity_does_not_touch_it),
		cmocka_unit_test(check_leaves_the_message_as_it_is),
		cmocka_unit_test(truncated_sha256_integrity_is_accepted),
		cmocka_unit_test(integrity_of_a_classic_request_is_never_right),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
