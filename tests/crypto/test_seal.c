/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealed texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sallyport/crypto.h>

static const uint8_t key[CRYPTO_SEAL_KEY_LEN] = "0123456789abcdef0123456789abcde";
static const char text[] = "seventeen letters";
#define TEXT_LEN   (sizeof(text) - 1)
#define SEALED_LEN (TEXT_LEN + CRYPTO_SEAL_TAG_LEN)

/* Key and text of RFC 5297 §A.1, whose own result has associated data in it. */
static void result_is_that_of_rfc_5297(void **state)
{
	static const uint8_t k[CRYPTO_SEAL_KEY_LEN] = {0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9,
		0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0xf1, 0xf0, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4,
		0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};
	static const uint8_t plain[] = {
		0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee};
	static const uint8_t want[] = {0xf1, 0xc5, 0xfd, 0xea, 0xc1, 0xf1, 0x5a, 0x26, 0x77, 0x9c,
		0x15, 0x01, 0xf9, 0xfb, 0x75, 0x88, 0x27, 0xe9, 0x46, 0xc6, 0x69, 0x08, 0x8a, 0xb0,
		0x6d, 0xa5, 0x8c, 0x5c, 0x83, 0x1c};
	uint8_t out[sizeof(plain) + CRYPTO_SEAL_TAG_LEN];

	assert_int_equal(crypto_seal(k, plain, sizeof(plain), out), 0);
	assert_memory_equal(out, want, sizeof(want));
}

static void what_is_sealed_can_be_opened(void **state)
{
	uint8_t sealed[SEALED_LEN], out[TEXT_LEN];

	assert_int_equal(crypto_seal(key, text, TEXT_LEN, sealed), 0);
	assert_int_equal(crypto_open(key, sealed, sizeof(sealed), out), 0);

	assert_memory_equal(out, text, TEXT_LEN);
}

static void any_changed_bit_is_found(void **state)
{
	uint8_t sealed[SEALED_LEN], out[TEXT_LEN];

	assert_int_equal(crypto_seal(key, text, TEXT_LEN, sealed), 0);
	for (size_t i = 0; i < 8 * sizeof(sealed); i++) {
		sealed[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(crypto_open(key, sealed, sizeof(sealed), out), ERR_DENIED);
		sealed[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

static void any_other_length_is_denied(void **state)
{
	uint8_t sealed[SEALED_LEN + 1] = {0}, out[TEXT_LEN + 1];

	assert_int_equal(crypto_seal(key, text, TEXT_LEN, sealed), 0);
	for (size_t n = 0; n <= sizeof(sealed); n++) {
		if (n != SEALED_LEN)
			assert_int_equal(crypto_open(key, sealed, n, out), ERR_DENIED);
	}
}

static void another_key_opens_nothing(void **state)
{
	uint8_t other[CRYPTO_SEAL_KEY_LEN], sealed[SEALED_LEN], out[TEXT_LEN];

	memcpy(other, key, sizeof(other));
	other[31] ^= 1;
	assert_int_equal(crypto_seal(key, text, TEXT_LEN, sealed), 0);

	assert_int_equal(crypto_open(other, sealed, sizeof(sealed), out), ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(result_is_that_of_rfc_5297),
		cmocka_unit_test(what_is_sealed_can_be_opened),
		cmocka_unit_test(any_changed_bit_is_found),
		cmocka_unit_test(any_other_length_is_denied),
		cmocka_unit_test(another_key_opens_nothing),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
