/* SPDX-License-Identifier: BSD-3-Clause */
/* Tokens come back as they were, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/access/token.h"

static const uint8_t key[ACCESS_KEY_LEN] = {9, 8, 7};

static void content_of_every_length_comes_back(void **state)
{
	static uint8_t in[TOKEN_CONTENT_MAX], out[TOKEN_CONTENT_MAX];
	static char text[TOKEN_TEXT_MAX + 1];
	size_t len, n;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);

	for (size_t size = 0; size <= sizeof(in); size += size < 40 ? 1 : 67) {
		assert_int_equal(token_seal(key, TOKEN_TARGET, bytes_of(in, size), text, &len), 0);
		assert_int_equal(strlen(text), len);
		assert_int_equal(token_open(key, TOKEN_TARGET, sip_str_of(text, len), out, &n), 0);
		assert_int_equal(n, size);
		assert_memory_equal(in, out, size);
	}
}

static void too_long_is_told(void **state)
{
	static uint8_t in[TOKEN_CONTENT_MAX + 1];
	static char text[TOKEN_TEXT_MAX + 1];
	size_t len;

	(void)state;
	assert_int_equal(
		token_seal(key, TOKEN_VIAS, bytes_of(in, sizeof(in)), text, &len), ERR_TOO_LARGE);
}

static void the_same_content_is_the_same_text(void **state)
{
	char a[TOKEN_FLOW_TEXT_MAX + 1], b[TOKEN_FLOW_TEXT_MAX + 1];

	(void)state;
	assert_int_equal(token_flow_seal(key, 77, a), 0);
	assert_int_equal(token_flow_seal(key, 77, b), 0);
	assert_string_equal(a, b);
	assert_int_equal(token_flow_seal(key, 78, b), 0);
	assert_string_not_equal(a, b);
}

static void a_changed_character_makes_it_nothing(void **state)
{
	char text[TOKEN_FLOW_TEXT_MAX + 1];
	uint64_t flow;

	(void)state;
	assert_int_equal(token_flow_seal(key, 77, text), 0);
	for (size_t i = 0; text[i]; i++) {
		char was = text[i];
		text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(token_flow_open(key, sip_str_c(text), &flow), ERR_DENIED);
		text[i] = was;
	}
	assert_int_equal(token_flow_open(key, sip_str_c(text), &flow), 0);
	assert_int_equal(flow, 77);
}

static void every_cut_makes_it_nothing(void **state)
{
	char text[TOKEN_FLOW_TEXT_MAX + 1];
	uint64_t flow;

	(void)state;
	assert_int_equal(token_flow_seal(key, 77, text), 0);
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(token_flow_open(key, sip_str_of(text, len), &flow), ERR_DENIED);
	assert_int_equal(token_flow_open(key, SIP_NONE, &flow), ERR_DENIED);
}

static void one_kind_is_not_taken_for_another(void **state)
{
	uint8_t content[8] = {0}, out[TOKEN_CONTENT_MAX];
	char text[TOKEN_TEXT_MAX + 1];
	uint64_t flow;
	size_t len, n;

	(void)state;
	assert_int_equal(token_seal(key, TOKEN_TARGET, bytes_of(content, 8), text, &len), 0);
	assert_int_equal(token_flow_open(key, sip_str_of(text, len), &flow), ERR_DENIED);
	assert_int_equal(token_open(key, TOKEN_VIAS, sip_str_of(text, len), out, &n), ERR_DENIED);
}

static void another_key_opens_nothing(void **state)
{
	static const uint8_t other[ACCESS_KEY_LEN] = {9, 8, 6};
	char text[TOKEN_FLOW_TEXT_MAX + 1];
	uint64_t flow;

	(void)state;
	assert_int_equal(token_flow_seal(key, 77, text), 0);
	assert_int_equal(token_flow_open(other, sip_str_c(text), &flow), ERR_DENIED);
}

static void branches_come_back(void **state)
{
	const struct token_branch b = {1, UINT64_MAX, 3};
	char text[TOKEN_BRANCH_TEXT_MAX + 1];
	struct token_branch out;

	(void)state;
	assert_int_equal(token_branch_seal(key, &b, text), 0);
	assert_int_equal(strncmp(text, SIP_BRANCH_COOKIE, 7), 0);
	assert_int_equal(token_branch_open(key, sip_str_c(text), &out), 0);
	assert_memory_equal(&b, &out, sizeof(b));
	assert_int_equal(token_branch_open(key, sip_str_c(text + 7), &out), ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(content_of_every_length_comes_back),
		cmocka_unit_test(too_long_is_told),
		cmocka_unit_test(the_same_content_is_the_same_text),
		cmocka_unit_test(a_changed_character_makes_it_nothing),
		cmocka_unit_test(every_cut_makes_it_nothing),
		cmocka_unit_test(one_kind_is_not_taken_for_another),
		cmocka_unit_test(another_key_opens_nothing),
		cmocka_unit_test(branches_come_back),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
