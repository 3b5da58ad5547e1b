/* SPDX-License-Identifier: BSD-3-Clause */
/* Names, the list of known attributes behind them, and the cookie in a nonce. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/stun.h>

/* Every comprehension-required type of the face; all others must be reported as unknown. */
static const uint16_t known[] = {STUN_MAPPED_ADDRESS, STUN_CHANGE_REQUEST, STUN_USERNAME,
	STUN_MESSAGE_INTEGRITY, STUN_ERROR_CODE, STUN_UNKNOWN_ATTRIBUTES, STUN_CHANNEL_NUMBER,
	STUN_LIFETIME, STUN_XOR_PEER_ADDRESS, STUN_DATA_ATTR, STUN_REALM, STUN_NONCE,
	STUN_XOR_RELAYED_ADDRESS, STUN_REQUESTED_ADDRESS_FAMILY, STUN_EVEN_PORT,
	STUN_REQUESTED_TRANSPORT, STUN_DONT_FRAGMENT, STUN_ACCESS_TOKEN,
	STUN_MESSAGE_INTEGRITY_SHA256, STUN_PASSWORD_ALGORITHM, STUN_USERHASH,
	STUN_XOR_MAPPED_ADDRESS, STUN_RESERVATION_TOKEN, STUN_PRIORITY, STUN_USE_CANDIDATE,
	STUN_PADDING, STUN_RESPONSE_PORT, STUN_CONNECTION_ID, STUN_SOURCE_ADDRESS,
	STUN_CHANGED_ADDRESS};

static const uint16_t known_optional[] = {STUN_ADDITIONAL_ADDRESS_FAMILY, STUN_ADDRESS_ERROR_CODE,
	STUN_PASSWORD_ALGORITHMS, STUN_ALTERNATE_DOMAIN, STUN_ICMP, STUN_SOFTWARE,
	STUN_ALTERNATE_SERVER, STUN_FINGERPRINT, STUN_ICE_CONTROLLED, STUN_ICE_CONTROLLING,
	STUN_RESPONSE_ORIGIN, STUN_OTHER_ADDRESS, STUN_THIRD_PARTY_AUTHORIZATION,
	STUN_MOBILITY_TICKET, STUN_ADDITIONAL_ADDRESS_FAMILY_DRAFT};

static bool is_in(const uint16_t *list, size_t n, unsigned type)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == type)
			return true;
	return false;
}

static void exactly_the_attributes_of_the_face_are_known(void **state)
{
	for (unsigned type = 0; type <= 0xffff; type++) {
		bool is_known = is_in(known, ARRAY_LEN(known), type) ||
				is_in(known_optional, ARRAY_LEN(known_optional), type);
		assert_int_equal(strcmp(stun_attr_name(type), "?") != 0, is_known);
		if (type >= 0x8000 || type == STUN_MESSAGE_INTEGRITY ||
			type == STUN_MESSAGE_INTEGRITY_SHA256)
			continue;
		uint8_t msg[24] = {0, 3, 0, 4, 0x21, 0x12, 0xa4, 0x42};
		struct stun_msg m;
		be16_put(msg + 20, (uint16_t)type);
		assert_int_equal(stun_msg_decode(msg, sizeof(msg), &m), 0);
		assert_int_equal(m.n_unknown, is_known ? 0 : 1);
	}
}

static void names_are_those_of_the_registries(void **state)
{
	assert_string_equal(stun_attr_name(0x0012), "XOR-PEER-ADDRESS");
	assert_string_equal(stun_attr_name(0x001c), "MESSAGE-INTEGRITY-SHA256");
	assert_string_equal(stun_attr_name(0x8000), "ADDITIONAL-ADDRESS-FAMILY");
	assert_string_equal(stun_attr_name(0x8030), "MOBILITY-TICKET");
	assert_string_equal(stun_method_name(STUN_BINDING), "Binding");
	assert_string_equal(stun_method_name(STUN_CREATE_PERMISSION), "CreatePermission");
	assert_string_equal(stun_method_name(STUN_CONNECTION_ATTEMPT), "ConnectionAttempt");
	static const unsigned none[] = {0x000, 0x002, 0x005, 0x00d, 0xfff};
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_string_equal(stun_method_name(none[i]), "?");
}

static void every_error_of_the_face_has_a_phrase(void **state)
{
	static const unsigned codes[] = {300, 400, 401, 403, 405, 420, 437, 438, 440, 441, 442, 443,
		446, 447, 486, 500, 508};
	size_t n = 0;
	for (unsigned code = 0; code < 1000; code++)
		n += stun_error_phrase(code)[0] != '\0';
	assert_int_equal(n, ARRAY_LEN(codes));
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		assert_string_not_equal(stun_error_phrase(codes[i]), "");
	assert_string_equal(stun_error_phrase(437), "Allocation Mismatch");
	assert_string_equal(stun_error_phrase(486), "Allocation Quota Reached");
}

/* RFC 8489 §9.2, §18.1: bit 0 is the leftmost of 24, so alone it is 0x80 0x00 0x00. */
static void feature_bit_0_is_the_leftmost(void **state)
{
	static const struct {
		uint32_t features;
		const char *text;
	} cases[] = {
		{0, "obMatJos2AAAA"},
		{STUN_FEATURE_PASSWORD_ALGORITHMS, "obMatJos2gAAA"},
		{STUN_FEATURE_USERNAME_ANONYMITY, "obMatJos2QAAA"},
		{STUN_FEATURE_PASSWORD_ALGORITHMS | STUN_FEATURE_USERNAME_ANONYMITY,
			"obMatJos2wAAA"},
		{0x000001, "obMatJos2AAAB"},
		{0xffffff, "obMatJos2////"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[STUN_NONCE_COOKIE_LEN + 1];
		uint32_t got = 0x5a5a5a5a;
		memset(text, '#', sizeof(text));
		stun_nonce_cookie_write(cases[i].features, text);
		assert_memory_equal(text, cases[i].text, STUN_NONCE_COOKIE_LEN);
		assert_int_equal(text[STUN_NONCE_COOKIE_LEN], '#');
		assert_true(stun_nonce_cookie_read(bytes_of(text, STUN_NONCE_COOKIE_LEN), &got));
		assert_int_equal(got, cases[i].features);
	}
}

static void nonce_goes_on_behind_its_cookie(void **state)
{
	uint32_t got = 0;
	assert_true(stun_nonce_cookie_read(bytes_str("obMatJos2gAAAand the rest"), &got));
	assert_int_equal(got, STUN_FEATURE_PASSWORD_ALGORITHMS);
}

static void nonce_without_a_whole_cookie_has_none(void **state)
{
	static const char *const none[] = {"", "obMatJos2", "obMatJos2gAA", "obMatJos1gAAA",
		"OBMATJOS2gAAA", "obMatJos2gA==", "obMatJos2gAA=", "obMatJos2g AA", "obMatJos2gA-_",
		" obMatJos2gAAA"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		uint32_t got = 7;
		assert_false(stun_nonce_cookie_read(bytes_str(none[i]), &got));
		assert_int_equal(got, 7);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(exactly_the_attributes_of_the_face_are_known),
		cmocka_unit_test(names_are_those_of_the_registries),
		cmocka_unit_test(every_error_of_the_face_has_a_phrase),
		cmocka_unit_test(feature_bit_0_is_the_leftmost),
		cmocka_unit_test(nonce_goes_on_behind_its_cookie),
		cmocka_unit_test(nonce_without_a_whole_cookie_has_none),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
