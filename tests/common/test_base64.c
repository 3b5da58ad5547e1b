/* SPDX-License-Identifier: BSD-3-Clause */
/* base64 and hexadecimal: RFC 4648 vectors, and one spelling for every value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/common.h>

typedef int (*decode_fn)(const char *text, size_t n, void *out, size_t cap, size_t *len);

/* RFC 4648 §10. */
static const struct {
	const char *plain, *padded, *hex;
} vectors[] = {
	{"", "", ""},
	{"f", "Zg==", "66"},
	{"fo", "Zm8=", "666f"},
	{"foo", "Zm9v", "666f6f"},
	{"foob", "Zm9vYg==", "666f6f62"},
	{"fooba", "Zm9vYmE=", "666f6f6261"},
	{"foobar", "Zm9vYmFy", "666f6f626172"},
};

/* From an allocation of its exact size, so that a sanitizer sees every read past the end. */
static int decode(decode_fn fn, const char *text, size_t n, void *out, size_t cap, size_t *len)
{
	char *copy = malloc(n > 0 ? n : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, n);
	rc = fn(copy, n, out, cap, len);
	free(copy);
	return rc;
}

static void assert_decodes(decode_fn fn, const char *text, const char *want)
{
	size_t len = 99, want_len = strlen(want);
	uint8_t out[64];

	assert_int_equal(decode(fn, text, strlen(text), out, want_len, &len), 0);
	assert_int_equal(len, want_len);
	assert_memory_equal(out, want, want_len);
	if (want_len > 0)
		assert_int_equal(
			decode(fn, text, strlen(text), out, want_len - 1, &len), ERR_NO_SPACE);
}

static void assert_malformed(decode_fn fn, const char *text, size_t n)
{
	size_t len = 99;
	uint8_t out[64];

	if (decode(fn, text, n, out, sizeof(out), &len) != ERR_MALFORMED)
		fail_msg("'%s' was taken", text);
	assert_int_equal(len, 99);
}

static void base64_matches_published_vectors(void **state)
{
	char out[BASE64_LEN(6) + 1];

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		size_t n = strlen(vectors[i].plain);
		assert_int_equal(base64_encode(vectors[i].plain, n, out), BASE64_LEN(n));
		assert_string_equal(out, vectors[i].padded);
		assert_decodes(base64_decode, vectors[i].padded, vectors[i].plain);
	}
}

static void base64url_is_the_same_without_padding(void **state)
{
	char out[BASE64URL_LEN(6) + 1], want[16];

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		size_t n = strlen(vectors[i].plain);
		memcpy(want, vectors[i].padded, strlen(vectors[i].padded) + 1);
		want[strcspn(want, "=")] = '\0';
		assert_int_equal(base64url_encode(vectors[i].plain, n, out), BASE64URL_LEN(n));
		assert_string_equal(out, want);
		assert_decodes(base64url_decode, want, vectors[i].plain);
	}
}

static void alphabets_differ_in_two_characters(void **state)
{
	char out[8];

	(void)base64_encode("\xfb\xef\xff", 3, out);
	assert_string_equal(out, "++//");
	(void)base64url_encode("\xfb\xef\xff", 3, out);
	assert_string_equal(out, "--__");
	assert_malformed(base64_decode, "--__", 4);
	assert_malformed(base64url_decode, "++//", 4);
}

static void base64_has_one_spelling(void **state)
{
	static const char *const texts[] = {"Z", "Zg", "Zg=", "Zg===", "Zg==\n",
		"\nZg==", "Zg= =", "Z===", "====", "=", "==", "Zm8=Zm8=", "Zm=v", "=Zm9",
		"Zh==", "Zm9=", "Zm9v ", " Zm9v", "Zm9vZ", "Zm.v",
		"Zm9v====", "Zm9vY===", "\xc3\xa9mv"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_malformed(base64_decode, texts[i], strlen(texts[i]));
	assert_malformed(base64_decode, "Zm\0v", 4);
}

static void base64url_has_one_spelling(void **state)
{
	static const char *const texts[] = {
		"A", "AAAAA", "Z", "Zg==", "Zm8=", "Zh", "Zm9", "Zm9vZ", "Zm9v=", "Zm 8", "Zm8\n"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_malformed(base64url_decode, texts[i], strlen(texts[i]));
}

/* Of the 64 x 64 two-character texts only those with four zero bits at the end name a byte. */
static void no_two_texts_name_one_value(void **state)
{
	unsigned taken = 0;

	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char text[2] = {(char)a, (char)b}, again[4];
			size_t len;
			uint8_t byte;
			if (base64url_decode(text, 2, &byte, 1, &len) != 0)
				continue;
			assert_int_equal(base64url_encode(&byte, 1, again), 2);
			assert_memory_equal(text, again, 2);
			taken++;
		}
	}
	assert_int_equal(taken, 256);
}

static void every_length_round_trips(void **state)
{
	uint8_t data[100], back[100];
	char text[BASE64_LEN(100) + 1];
	size_t len;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 167 + 3);
	for (size_t n = 0; n <= sizeof(data); n++) {
		size_t chars = base64_encode(data, n, text);
		assert_int_equal(decode(base64_decode, text, chars, back, n, &len), 0);
		assert_int_equal(len, n);
		assert_memory_equal(back, data, n);
		chars = base64url_encode(data, n, text);
		assert_int_equal(decode(base64url_decode, text, chars, back, n, &len), 0);
		assert_int_equal(len, n);
		assert_memory_equal(back, data, n);
	}
}

static void hex_matches_published_vectors(void **state)
{
	char out[13];

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		hex_encode(vectors[i].plain, strlen(vectors[i].plain), out);
		assert_string_equal(out, vectors[i].hex);
		assert_decodes(hex_decode, vectors[i].hex, vectors[i].plain);
	}
	assert_decodes(hex_decode, "6A6b", "jk");
}

static void hex_takes_pairs_of_digits_only(void **state)
{
	static const char *const texts[] = {
		"6", "666", "6g", "g6", " 66", "66 ", "0x66", "6:", "@6"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_malformed(hex_decode, texts[i], strlen(texts[i]));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(base64_matches_published_vectors),
		cmocka_unit_test(base64url_is_the_same_without_padding),
		cmocka_unit_test(alphabets_differ_in_two_characters),
		cmocka_unit_test(base64_has_one_spelling),
		cmocka_unit_test(base64url_has_one_spelling),
		cmocka_unit_test(no_two_texts_name_one_value),
		cmocka_unit_test(every_length_round_trips),
		cmocka_unit_test(hex_matches_published_vectors),
		cmocka_unit_test(hex_takes_pairs_of_digits_only),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
