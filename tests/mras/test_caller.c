/* SPDX-License-Identifier: BSD-3-Clause */
/* Who a caller is, and which identities its patterns allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mras.h>

static void pattern_matches_with_and_without_scheme(void **state)
{
	assert_true(mras_identity_matches("*@example.com", "sip:alice@example.com"));
	assert_true(mras_identity_matches("*@example.com", "alice@example.com"));
	assert_true(mras_identity_matches("sip:*@example.com", "alice@example.com"));
	assert_true(mras_identity_matches("sip:*@example.com", "SIPS:Alice@EXAMPLE.com"));
	assert_true(mras_identity_matches("alice@example.com", "sip:alice@example.com"));
	assert_true(mras_identity_matches("a*e@ex*.com", "alice@example.com"));
	assert_true(mras_identity_matches("*@*.example.com", "a@b.c.example.com"));
	assert_true(mras_identity_matches("*a*a*@b", "xaxax@b"));
	assert_true(mras_identity_matches("bot-*", "bot-7"));
}

static void pattern_does_not_match_more_than_it_says(void **state)
{
	assert_false(mras_identity_matches("*@example.com", "alice@example.org"));
	assert_false(mras_identity_matches("*@example.com", "alice@example.com.evil.org"));
	assert_false(mras_identity_matches("*@example.com", "alice@notexample.com"));
	assert_false(mras_identity_matches("*@*.example.com", "alice@example.com"));
	assert_false(mras_identity_matches("alice", "alicex"));
	assert_false(mras_identity_matches("", "a"));
	assert_false(mras_identity_matches("tel:*", "alice"));
}

static void star_does_not_reach_over_an_at_sign(void **state)
{
	assert_false(mras_identity_matches("*@example.com", "mallory@evil.org;x=@example.com"));
	assert_false(mras_identity_matches("*@example.com", "sip:mallory@evil.org?a@example.com"));
	assert_false(mras_identity_matches("bot-*", "bot-7@evil.org"));
}

static void lone_star_matches_everybody(void **state)
{
	assert_true(mras_identity_matches("*", "sip:alice@example.com"));
	assert_true(mras_identity_matches("*", "a@b@c"));
	assert_true(mras_identity_matches("sip:*", "alice"));
}

static void many_stars_end_in_time(void **state)
{
	char identity[4096];
	memset(identity, 'a', sizeof(identity) - 1);
	identity[sizeof(identity) - 1] = '\0';
	assert_false(mras_identity_matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", identity));
}

/* ---- callers ---- */

static const char *const first_names[] = {"fe.example.com"};
static const char *const second_names[] = {"spiffe://example.com/Sbc"};
static const uint8_t pins[1][CRYPTO_SHA256_LEN] = {{1, 2, 3}};
/* SHA-256 of "secret" */
static const uint8_t tokens[1][CRYPTO_SHA256_LEN] = {{0x2b, 0xb8, 0x0d, 0x53, 0x7b, 0x1d, 0xa3,
	0xe3, 0x8b, 0xd3, 0x03, 0x61, 0xaa, 0x85, 0x56, 0x86, 0xbd, 0xe0, 0xea, 0xcd, 0x71, 0x62,
	0xfe, 0xf6, 0xa2, 0x5f, 0xe9, 0x7b, 0xf5, 0x27, 0xa2, 0x5b}};

static const struct mras_caller callers[] = {
	{.name = "first", .names = first_names, .n_names = 1},
	{.name = "second", .names = second_names, .n_names = 1},
	{.name = "third", .pins = pins, .n_pins = 1},
	{.name = "fourth", .tokens = tokens, .n_tokens = 1},
};
static const struct mras_config config = {.callers = callers, .n_callers = ARRAY_LEN(callers)};

static const char *name_of(const struct mras_caller *c)
{
	return c != NULL ? c->name : "nobody";
}

static const char *by_name(const char *san)
{
	struct crypto_peer peer = {.has_certificate = true, .n_names = 2};
	strcpy(peer.names[0], "other.example.com");
	strcpy(peer.names[1], san);
	return name_of(mras_caller_by_peer(&config, &peer));
}

static void caller_is_found_by_a_name_of_its_certificate(void **state)
{
	assert_string_equal(by_name("fe.example.com"), "first");
	assert_string_equal(by_name("FE.Example.com"), "first");
	assert_string_equal(by_name("spiffe://example.com/Sbc"), "second");
	assert_string_equal(by_name("spiffe://example.com/sbc"), "nobody"); /* a path has case */
	assert_string_equal(by_name("fe.example.com.evil.org"), "nobody");
	assert_string_equal(by_name("*.example.com"), "nobody");
}

static void caller_is_found_by_its_key(void **state)
{
	struct crypto_peer peer = {.has_certificate = true, .spki_sha256 = {1, 2, 3}};
	assert_string_equal(name_of(mras_caller_by_peer(&config, &peer)), "third");
	peer.spki_sha256[31] = 1;
	assert_string_equal(name_of(mras_caller_by_peer(&config, &peer)), "nobody");
	peer.spki_sha256[31] = 0;
	peer.has_certificate = false;
	assert_string_equal(name_of(mras_caller_by_peer(&config, &peer)), "nobody");
}

static void caller_is_found_by_its_token(void **state)
{
	assert_string_equal(name_of(mras_caller_by_token(&config, bytes_str("secret"))), "fourth");
	assert_string_equal(name_of(mras_caller_by_token(&config, bytes_str("Secret"))), "nobody");
	assert_string_equal(name_of(mras_caller_by_token(&config, bytes_str(""))), "nobody");
}

static void hash_is_read_as_hex_and_as_base64(void **state)
{
	uint8_t hash[CRYPTO_SHA256_LEN];
	assert_int_equal(
		mras_hash_parse(
			"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", hash),
		0);
	assert_memory_equal(hash, tokens[0], sizeof(hash));
	memset(hash, 0, sizeof(hash));
	assert_int_equal(
		mras_hash_parse("sha256/K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=", hash), 0);
	assert_memory_equal(hash, tokens[0], sizeof(hash));
	assert_int_equal(mras_hash_parse("", hash), ERR_MALFORMED);
	assert_int_equal(mras_hash_parse("2bb80d53", hash), ERR_MALFORMED);
	assert_int_equal(
		mras_hash_parse(
			"xbb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", hash),
		ERR_MALFORMED);
}

static void every_result_has_words_and_a_status(void **state)
{
	for (unsigned r = 0; r < MRAS_RESULT_COUNT; r++) {
		assert_true(strlen(mras_result_phrase(r)) > 0);
		assert_true(strlen(mras_result_reason(r)) > 0);
		assert_int_equal(mras_result_status(r) == 200, r == MRAS_OK);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(pattern_matches_with_and_without_scheme),
		cmocka_unit_test(pattern_does_not_match_more_than_it_says),
		cmocka_unit_test(star_does_not_reach_over_an_at_sign),
		cmocka_unit_test(lone_star_matches_everybody),
		cmocka_unit_test(many_stars_end_in_time),
		cmocka_unit_test(caller_is_found_by_a_name_of_its_certificate),
		cmocka_unit_test(caller_is_found_by_its_key),
		cmocka_unit_test(caller_is_found_by_its_token),
		cmocka_unit_test(hash_is_read_as_hex_and_as_base64),
		cmocka_unit_test(every_result_has_words_and_a_status),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
