/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON request: what is read from it, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mras.h>

static enum mras_result decode(const char *text, struct mras_request *r)
{
	char detail[MRAS_DETAIL_LEN];
	enum mras_result code = mras_request_decode(MRAS_JSON, bytes_str(text), r, detail);
	assert_int_equal(code == MRAS_OK, detail[0] == '\0');
	return code;
}

static enum mras_result judge(const char *text)
{
	struct mras_request r;
	enum mras_result code = decode(text, &r);
	mras_request_fini(&r);
	return code;
}

static void whole_item_is_read(void **state)
{
	struct mras_request r;
	assert_int_equal(decode("{\"requestId\":\"fe1-000417\",\"credentials\":[{\"id\":\"a\","
				"\"identity\":\"sip:alice@example.com\",\"location\":\"intranet\","
				"\"duration\":480,\"route\":\"directip\",\"family\":\"ipv4\","
				"\"limits\":{\"allocations\":8,\"kbps\":3000}}]}",
				 &r),
		MRAS_OK);
	assert_string_equal(r.request_id, "fe1-000417");
	assert_int_equal(r.n_items, 1);
	assert_false(r.is_all_or_nothing);
	const struct mras_item *i = &r.items[0];
	assert_string_equal(i->id, "a");
	assert_string_equal(i->identity, "sip:alice@example.com");
	assert_int_equal(i->location, AUTH_INTRANET);
	assert_int_equal(i->duration_min, 480);
	assert_true(i->is_direct);
	assert_true(i->is_ipv4_only);
	assert_int_equal(i->allocations, 8);
	assert_int_equal(i->kbps, 3000);
	mras_request_fini(&r);
}

static void only_the_identity_is_required(void **state)
{
	struct mras_request r;
	assert_int_equal(
		decode("{\"credentials\":[{\"identity\":\"a\"},{\"identity\":\"b\"}]}", &r),
		MRAS_OK);
	assert_null(r.request_id);
	assert_int_equal(r.n_items, 2);
	assert_string_equal(r.items[1].id, "2");
	assert_int_equal(r.items[1].location, 0);
	assert_int_equal(r.items[1].duration_min, 0);
	assert_false(r.items[1].is_direct);
	assert_false(r.items[1].is_ipv4_only);
	mras_request_fini(&r);
}

static void unknown_members_are_passed_over(void **state)
{
	assert_int_equal(judge("{\"x\":[{}],\"credentials\":[{\"identity\":\"a\",\"y\":null,"
			       "\"limits\":{\"z\":1}}]}"),
		MRAS_OK);
}

static void numbers_beyond_their_range_are_clamped(void **state)
{
	struct mras_request r;
	assert_int_equal(
		decode("{\"credentials\":[{\"identity\":\"a\","
		       "\"duration\":9223372036854775807,\"limits\":{\"allocations\":65536,"
		       "\"kbps\":4294967296}}]}",
			&r),
		MRAS_OK);
	assert_int_equal(r.items[0].duration_min, MRAS_DURATION_MAX);
	assert_int_equal(r.items[0].allocations, 65535);
	assert_int_equal(r.items[0].kbps, UINT32_MAX);
	mras_request_fini(&r);
}

static void malformed_documents_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"[]",
		"1",
		"null",
		"{",
		"{}",
		"{}x",
		"{\"credentials\":[]}",
		"{\"credentials\":{}}",
		"{\"credentials\":null}",
		"{\"credentials\":[1]}",
		"{\"credentials\":[[]]}",
		"{\"credentials\":[{}]}",
		"{\"credentials\":[{\"identity\":\"a\"},]}",
		"{\"credentials\":[{\"identity\":\"a\"}],}",
		"{'credentials':[{'identity':'a'}]}",
		"{\"requestId\":1,\"credentials\":[{\"identity\":\"a\"}]}",
		"{\"requestId\":null,\"credentials\":[{\"identity\":\"a\"}]}",
		"{\"requestId\":\"a\\nb\",\"credentials\":[{\"identity\":\"a\"}]}",
		"{\"credentials\":[{\"identity\":\"a\"}],\"credentials\":[{\"identity\":\"a\"}]}",
		"{\"credentials\":[{\"identity\":\"a\",\"identity\":\"b\"}]}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(judge(bad[i]), MRAS_MALFORMED);
}

static void wrong_values_of_known_members_are_refused(void **state)
{
	static const char *const bad[] = {
		"\"identity\":1",
		"\"identity\":\"\"",
		"\"identity\":null",
		"\"identity\":\"a\\u0000b\"",
		"\"identity\":\"a\\u0007\"",
		"\"identity\":\"a\\u007f\"",
		"\"identity\":\"a\xff\"",
		"\"identity\":\"\xc0\xaf\"",
		"\"identity\":\"\xed\xa0\x80\"",
		"\"identity\":\"\\ud800\"",
		"\"identity\":\"a\",\"id\":1",
		"\"identity\":\"a\",\"location\":\"moon\"",
		"\"identity\":\"a\",\"location\":\"Internet\"",
		"\"identity\":\"a\",\"location\":null",
		"\"identity\":\"a\",\"location\":[\"internet\"]",
		"\"identity\":\"a\",\"duration\":0",
		"\"identity\":\"a\",\"duration\":-1",
		"\"identity\":\"a\",\"duration\":1.5",
		"\"identity\":\"a\",\"duration\":480.0",
		"\"identity\":\"a\",\"duration\":\"480\"",
		"\"identity\":\"a\",\"duration\":true",
		"\"identity\":\"a\",\"duration\":99999999999999999999",
		"\"identity\":\"a\",\"duration\":1e999",
		"\"identity\":\"a\",\"duration\":012",
		"\"identity\":\"a\",\"route\":\"direct\"",
		"\"identity\":\"a\",\"family\":\"ipv6\"",
		"\"identity\":\"a\",\"limits\":[]",
		"\"identity\":\"a\",\"limits\":{\"allocations\":0}",
		"\"identity\":\"a\",\"limits\":{\"allocations\":\"8\"}",
		"\"identity\":\"a\",\"limits\":{\"kbps\":-1}",
	};
	char text[256];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "{\"credentials\":[{%s}]}", bad[i]);
		assert_int_equal(judge(text), MRAS_MALFORMED);
	}
}

static void request_id_survives_a_later_error(void **state)
{
	struct mras_request r;
	assert_int_equal(decode("{\"requestId\":\"7\",\"credentials\":[]}", &r), MRAS_MALFORMED);
	assert_string_equal(r.request_id, "7");
	mras_request_fini(&r);
}

/* {"credentials":[ITEM,ITEM,...]}; malloc'd. */
static char *items(unsigned n)
{
	static const char item[] = "{\"identity\":\"sip:a@example.com\"},";
	char *text = malloc(64 + n * sizeof(item)), *end = text;
	end += sprintf(end, "{\"credentials\":[");
	for (unsigned i = 0; i < n; i++)
		end += sprintf(end, "%s", item);
	strcpy(end - 1, "]}");
	return text;
}

static void hundred_items_are_the_most(void **state)
{
	char *good = items(100), *bad = items(101);
	assert_int_equal(judge(good), MRAS_OK);
	assert_int_equal(judge(bad), MRAS_TOO_LARGE);
	free(good);
	free(bad);
}

/* PREFIX, N times C, SUFFIX; malloc'd. */
static char *padded(const char *prefix, size_t n, char c, const char *suffix)
{
	size_t a = strlen(prefix), b = strlen(suffix);
	char *text = malloc(a + n + b + 1);
	memcpy(text, prefix, a);
	memset(text + a, c, n);
	memcpy(text + a + n, suffix, b + 1);
	return text;
}

static enum mras_result judge_padded(const char *prefix, size_t n, char c, const char *suffix)
{
	char *text = padded(prefix, n, c, suffix);
	enum mras_result r = judge(text);
	free(text);
	return r;
}

static void texts_have_a_longest_length(void **state)
{
	static const char end[] = "\"}]}";
	static const char identity[] = "{\"credentials\":[{\"identity\":\"";
	static const char id[] = "{\"credentials\":[{\"identity\":\"a\",\"id\":\"";
	assert_int_equal(judge_padded(identity, 65536, 'a', end), MRAS_OK);
	assert_int_equal(judge_padded(identity, 65537, 'a', end), MRAS_MALFORMED);
	assert_int_equal(judge_padded(id, 64, 'a', end), MRAS_OK);
	assert_int_equal(judge_padded(id, 65, 'a', end), MRAS_MALFORMED);
	/* characters, not bytes */
	assert_int_equal(judge("{\"requestId\":\""
			       "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää"
			       "\",\"credentials\":[{\"identity\":\"a\"}]}"),
		MRAS_OK);
}

static void body_over_256_kib_is_too_large_and_not_read(void **state)
{
	assert_int_equal(judge_padded("{\"x\":\"", 1 << 20, 'a', "\"}"), MRAS_TOO_LARGE);
	assert_int_equal(judge_padded("", MRAS_BODY_MAX, '[', ""), MRAS_MALFORMED);
	assert_int_equal(judge_padded("", MRAS_BODY_MAX + 1, '[', ""), MRAS_TOO_LARGE);
}

static void every_truncation_is_malformed(void **state)
{
	static const char text[] =
		"{\"requestId\":\"1\",\"credentials\":[{\"identity\":\"a\",\"duration\":5}]}";
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct mras_request r;
		char detail[MRAS_DETAIL_LEN];
		assert_int_equal(mras_request_decode(MRAS_JSON, bytes_of(text, n), &r, detail),
			MRAS_MALFORMED);
		mras_request_fini(&r);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(whole_item_is_read),
		cmocka_unit_test(only_the_identity_is_required),
		cmocka_unit_test(unknown_members_are_passed_over),
		cmocka_unit_test(numbers_beyond_their_range_are_clamped),
		cmocka_unit_test(malformed_documents_are_refused),
		cmocka_unit_test(wrong_values_of_known_members_are_refused),
		cmocka_unit_test(request_id_survives_a_later_error),
		cmocka_unit_test(hundred_items_are_the_most),
		cmocka_unit_test(texts_have_a_longest_length),
		cmocka_unit_test(body_over_256_kib_is_too_large_and_not_read),
		cmocka_unit_test(every_truncation_is_malformed),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
