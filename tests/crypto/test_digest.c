/* SPDX-License-Identifier: BSD-3-Clause */
/* Digests, HMAC and HKDF against the vectors of RFC 1321, RFC 3174, RFC 2202, RFC 4231, RFC 5869.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/crypto.h>

static void to_hex(const uint8_t *data, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		sprintf(out + 2 * i, "%02x", data[i]);
}

static void assert_hex(const uint8_t *data, size_t len, const char *want)
{
	char text[2 * 128 + 1];
	assert_true(len <= 128);
	to_hex(data, len, text);
	assert_string_equal(text, want);
}

static void assert_digest(enum crypto_hash h, const char *text, const char *want)
{
	uint8_t out[CRYPTO_HASH_MAX];
	struct bytes part = bytes_str(text);
	crypto_digest(h, &part, 1, out);
	assert_hex(out, crypto_hash_len(h), want);
}

static void digests_match_published_vectors(void **state)
{
	assert_digest(CRYPTO_MD5, "", "d41d8cd98f00b204e9800998ecf8427e");
	assert_digest(CRYPTO_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72");
	assert_digest(CRYPTO_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0");
	assert_digest(CRYPTO_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_digest(CRYPTO_SHA1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	assert_digest(CRYPTO_SHA256, "",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_digest(CRYPTO_SHA256, "abc",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void digest_of_parts_is_digest_of_the_whole(void **state)
{
	static const uint8_t text[200] = {1, 2, 3};
	for (int h = CRYPTO_MD5; h <= CRYPTO_SHA256; h++) {
		uint8_t whole[CRYPTO_HASH_MAX], split[CRYPTO_HASH_MAX];
		crypto_digest((enum crypto_hash)h, &(struct bytes){text, sizeof(text)}, 1, whole);
		for (size_t cut = 0; cut <= sizeof(text); cut++) {
			struct bytes parts[] = {bytes_of(text, cut), bytes_of(NULL, 0),
				bytes_of(text + cut, sizeof(text) - cut)};
			crypto_digest((enum crypto_hash)h, parts, 3, split);
			assert_memory_equal(whole, split, crypto_hash_len((enum crypto_hash)h));
		}
	}
}

struct hmac_vector {
	uint8_t key_byte;
	size_t key_len;
	const char *key; /* instead of KEY_LEN times KEY_BYTE */
	uint8_t data_byte;
	size_t data_len;
	const char *data;
	const char *sha1, *sha256; /* NULL: the RFC has none */
};

/* Keys 1..25 of test case 4. */
#define COUNTING                                                                                   \
	"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16" \
	"\x17\x18\x19"

static const struct hmac_vector hmac_vectors[] = {
	{.key_byte = 0x0b,
		.key_len = 20,
		.data = "Hi There",
		.sha1 = "b617318655057264e28bc0b6fb378c8ef146be00",
		.sha256 = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{.key = "Jefe",
		.data = "what do ya want for nothing?",
		.sha1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		.sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{.key_byte = 0xaa,
		.key_len = 20,
		.data_byte = 0xdd,
		.data_len = 50,
		.sha1 = "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
		.sha256 = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{.key = COUNTING,
		.data_byte = 0xcd,
		.data_len = 50,
		.sha1 = "4c9007f4026250c6bc8414f9bf50c86c2d7235da",
		.sha256 = "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	{.key_byte = 0xaa,
		.key_len = 80,
		.data = "Test Using Larger Than Block-Size Key - Hash Key First",
		.sha1 = "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
	{.key_byte = 0xaa,
		.key_len = 80,
		.data = "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
		.sha1 = "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
	{.key_byte = 0xaa,
		.key_len = 131,
		.data = "Test Using Larger Than Block-Size Key - Hash Key First",
		.sha256 = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
};

static void assert_hmac(enum crypto_hash h, struct bytes key, struct bytes data, const char *want)
{
	if (want == NULL)
		return;
	struct crypto_hmac_key k;
	uint8_t out[CRYPTO_HASH_MAX];
	crypto_hmac_key_init(&k, h, key.data, key.len);
	for (int again = 0; again < 2; again++) {
		crypto_hmac(&k, &data, 1, out);
		assert_hex(out, crypto_hash_len(h), want);
	}
}

static void hmacs_match_rfc2202_and_rfc4231(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(hmac_vectors); i++) {
		const struct hmac_vector *v = &hmac_vectors[i];
		uint8_t key[256], data[256];
		memset(key, v->key_byte, sizeof(key));
		memset(data, v->data_byte, sizeof(data));
		struct bytes k = v->key ? bytes_str(v->key) : bytes_of(key, v->key_len);
		struct bytes d = v->data ? bytes_str(v->data) : bytes_of(data, v->data_len);
		assert_hmac(CRYPTO_SHA1, k, d, v->sha1);
		assert_hmac(CRYPTO_SHA256, k, d, v->sha256);
	}
}

/* A key of one block is used as it is, one byte more and it is hashed first (RFC 2104 §3). */
static void hmac_key_at_the_block_edge(void **state)
{
	uint8_t key[65], hashed[CRYPTO_SHA256_LEN], a[32], b[32];
	memset(key, 'k', sizeof(key));
	struct bytes data = bytes_str("x");
	struct crypto_hmac_key k;

	crypto_digest(CRYPTO_SHA256, &(struct bytes){key, 65}, 1, hashed);
	crypto_hmac_key_init(&k, CRYPTO_SHA256, key, 65);
	crypto_hmac(&k, &data, 1, a);
	crypto_hmac_key_init(&k, CRYPTO_SHA256, hashed, sizeof(hashed));
	crypto_hmac(&k, &data, 1, b);
	assert_memory_equal(a, b, 32);

	crypto_digest(CRYPTO_SHA256, &(struct bytes){key, 64}, 1, hashed);
	crypto_hmac_key_init(&k, CRYPTO_SHA256, key, 64);
	crypto_hmac(&k, &data, 1, a);
	crypto_hmac_key_init(&k, CRYPTO_SHA256, hashed, sizeof(hashed));
	crypto_hmac(&k, &data, 1, b);
	assert_memory_not_equal(a, b, 32);
}

/* RFC 5869 A.1 to A.3; the infos of A.2 and A.1 hold bytes over 127, but no NUL but for A.2's. */
static void hkdf_matches_rfc5869(void **state)
{
	uint8_t ikm[22], salt[13], prk[32], okm[82];
	memset(ikm, 0x0b, sizeof(ikm));
	for (size_t i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)i;

	crypto_hkdf_extract(salt, sizeof(salt), ikm, sizeof(ikm), prk);
	assert_hex(prk, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	crypto_hkdf_expand(prk, "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", okm, 42);
	assert_hex(okm, 42,
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b8871858"
		"65");

	crypto_hkdf_extract(NULL, 0, ikm, sizeof(ikm), prk);
	assert_hex(prk, 32, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
	crypto_hkdf_expand(prk, "", okm, 42);
	assert_hex(okm, 42,
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96"
		"c8");
}

static void hkdf_longer_than_two_blocks(void **state)
{
	uint8_t ikm[80], salt[80], prk[32], okm[82];
	char info[81];
	for (size_t i = 0; i < 80; i++) {
		ikm[i] = (uint8_t)i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (char)(0xb0 + i);
	}
	info[80] = '\0';
	crypto_hkdf_extract(salt, 80, ikm, 80, prk);
	crypto_hkdf_expand(prk, info, okm, sizeof(okm));
	assert_hex(okm, sizeof(okm),
		"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
		"59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
		"cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

static void equal_looks_at_every_byte(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0};
	assert_true(crypto_equal(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 0x80;
		assert_false(crypto_equal(a, b, sizeof(a)));
		b[i] = 0;
	}
}

static void wipe_leaves_zeros(void **state)
{
	uint8_t a[40], zero[40] = {0};
	memset(a, 0xff, sizeof(a));
	crypto_wipe(a, sizeof(a));
	assert_memory_equal(a, zero, sizeof(a));
}

/* 64 bytes are equal by chance once in 2^512 runs; 300 bytes may come in more than one piece. */
static void random_fills_the_whole_buffer(void **state)
{
	uint8_t a[300] = {0}, b[300] = {0};
	crypto_random(a, sizeof(a));
	crypto_random(b, sizeof(b));
	assert_memory_not_equal(a, b, 64);
	assert_memory_not_equal(a + 236, b + 236, 64);
}

static void random_below_stays_below_and_reaches_all(void **state)
{
	assert_int_equal(crypto_random_below(1), 0);
	unsigned seen = 0;
	for (int i = 0; i < 2000; i++) { /* misses one of 7 once in 10^133 runs */
		uint32_t v = crypto_random_below(7);
		assert_true(v < 7);
		seen |= 1u << v;
	}
	assert_int_equal(seen, 0x7f);
}

/* Taking the remainder alone would give half of the numbers the first third of the range: 1500
 * below 2^30 here, where 1000 are due and 1250 come once in 10^20 runs. */
static void random_below_prefers_no_number(void **state)
{
	unsigned low = 0;
	for (int i = 0; i < 3000; i++)
		low += crypto_random_below(UINT32_C(3) << 30) < UINT32_C(1) << 30;
	assert_in_range(low, 750, 1250);
}

static void drawn_numbers_stay_below_and_reach_all(void **state)
{
	struct crypto_random_stock s = {.n_left = 0};
	assert_int_equal(crypto_random_draw(&s, 1), 0);
	unsigned seen = 0;
	for (int i = 0; i < 2000; i++) {
		uint32_t v = crypto_random_draw(&s, 7);
		assert_true(v < 7);
		seen |= 1u << v;
	}
	assert_int_equal(seen, 0x7f);
}

/* Of 1000 numbers of 32 bits two are equal by chance once in 8600 runs, nine once in 10^38. */
static void no_number_is_drawn_twice(void **state)
{
	struct crypto_random_stock s = {.n_left = 0};
	uint32_t drawn[1000];
	unsigned equal = 0;
	for (int i = 0; i < 1000; i++) {
		drawn[i] = crypto_random_draw(&s, UINT32_MAX);
		for (int j = 0; j < i; j++)
			equal += drawn[j] == drawn[i];
	}
	assert_true(equal < 9);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(digests_match_published_vectors),
		cmocka_unit_test(digest_of_parts_is_digest_of_the_whole),
		cmocka_unit_test(hmacs_match_rfc2202_and_rfc4231),
		cmocka_unit_test(hmac_key_at_the_block_edge),
		cmocka_unit_test(hkdf_matches_rfc5869),
		cmocka_unit_test(hkdf_longer_than_two_blocks),
		cmocka_unit_test(equal_looks_at_every_byte),
		cmocka_unit_test(wipe_leaves_zeros),
		cmocka_unit_test(random_fills_the_whole_buffer),
		cmocka_unit_test(random_below_stays_below_and_reaches_all),
		cmocka_unit_test(random_below_prefers_no_number),
		cmocka_unit_test(drawn_numbers_stay_below_and_reach_all),
		cmocka_unit_test(no_number_is_drawn_twice),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
