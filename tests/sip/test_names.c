/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of words: each is found by its own name, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <strings.h>
#include <cmocka.h>
#include <sallyport/sip.h>

static enum sip_header_id header(const char *name)
{
	return sip_header_find(sip_str_c(name));
}

static void every_header_is_found_whatever_its_case(void **state)
{
	char name[32];
	for (unsigned i = 1; i < SIP_HEADER_COUNT; i++) {
		const char *text = sip_header_name((enum sip_header_id)i);
		size_t n = strlen(text);
		assert_int_equal(header(text), i);
		for (size_t k = 0; k <= n; k++)
			name[k] = (char)(k % 2 ? toupper(text[k]) : tolower(text[k]));
		assert_int_equal(header(name), i);
		name[n - 1] = '?';
		assert_int_equal(header(name), SIP_HEADER_OTHER);
	}
	assert_int_equal(header("X-Any"), SIP_HEADER_OTHER);
	assert_int_equal(header("A-header-field-that-is-longer-than-any"), SIP_HEADER_OTHER);
	assert_int_equal(sip_header_find(SIP_NONE), SIP_HEADER_OTHER);
}

/* The look-up counts on it. */
static void headers_stand_in_order_of_length(void **state)
{
	for (unsigned i = 2; i < SIP_HEADER_COUNT; i++) {
		const char *a = sip_header_name((enum sip_header_id)(i - 1));
		const char *b = sip_header_name((enum sip_header_id)i);
		assert_true(
			strlen(a) < strlen(b) || (strlen(a) == strlen(b) && strcasecmp(a, b) < 0));
	}
}

/* RFC 3261 §20 and the registry of IANA. */
static void compact_forms_are_those_of_the_registry(void **state)
{
	static const struct {
		const char *letter;
		enum sip_header_id id;
	} rows[] = {{"a", SIP_HEADER_ACCEPT_CONTACT}, {"b", SIP_HEADER_REFERRED_BY},
		{"c", SIP_HEADER_CONTENT_TYPE}, {"d", SIP_HEADER_REFER_SUB},
		{"e", SIP_HEADER_CONTENT_ENCODING}, {"f", SIP_HEADER_FROM}, {"g", SIP_HEADER_OTHER},
		{"h", SIP_HEADER_OTHER}, {"i", SIP_HEADER_CALL_ID},
		{"j", SIP_HEADER_REJECT_CONTACT}, {"k", SIP_HEADER_SUPPORTED},
		{"l", SIP_HEADER_CONTENT_LENGTH}, {"m", SIP_HEADER_CONTACT},
		{"n", SIP_HEADER_OTHER}, {"o", SIP_HEADER_EVENT}, {"p", SIP_HEADER_OTHER},
		{"q", SIP_HEADER_OTHER}, {"r", SIP_HEADER_REFER_TO}, {"s", SIP_HEADER_SUBJECT},
		{"t", SIP_HEADER_TO}, {"u", SIP_HEADER_ALLOW_EVENTS}, {"v", SIP_HEADER_VIA},
		{"w", SIP_HEADER_OTHER}, {"x", SIP_HEADER_SESSION_EXPIRES},
		{"y", SIP_HEADER_IDENTITY}, {"z", SIP_HEADER_OTHER}, {"V", SIP_HEADER_VIA}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(header(rows[i].letter), rows[i].id);
}

static void methods_are_found_with_their_case(void **state)
{
	for (unsigned i = 1; i < SIP_METHOD_COUNT; i++)
		assert_int_equal(
			sip_method_find(sip_str_c(sip_method_name((enum sip_method)i))), i);
	assert_int_equal(sip_method_find(sip_str_c("invite")), SIP_METHOD_OTHER);
	assert_int_equal(sip_method_find(sip_str_c("INVITEE")), SIP_METHOD_OTHER);
	assert_int_equal(sip_method_find(SIP_NONE), SIP_METHOD_OTHER);
}

static void options_and_transports_are_found(void **state)
{
	enum sip_option o;
	for (unsigned i = 0; i < SIP_OPTION_COUNT; i++) {
		assert_true(sip_option_find(sip_str_c(sip_option_name((enum sip_option)i)), &o));
		assert_int_equal(o, i);
	}
	assert_false(sip_option_find(sip_str_c("foo"), &o));
	for (unsigned i = 1; i < SIP_TRANSPORT_COUNT; i++)
		assert_int_equal(
			sip_transport_find(sip_str_c(sip_transport_name((enum sip_transport)i))),
			i);
	assert_int_equal(sip_transport_find(sip_str_c("wss")), SIP_WSS);
	assert_int_equal(sip_transport_find(sip_str_c("quic")), SIP_TRANSPORT_OTHER);
}

static void unknown_codes_have_the_phrase_of_their_class(void **state)
{
	assert_string_equal(sip_reason_phrase(487), "Request Terminated");
	assert_string_equal(sip_reason_phrase(499), "Client Error");
	assert_string_equal(sip_reason_phrase(699), "Failure");
	assert_string_equal(sip_reason_phrase(0), "Unknown");
	assert_string_equal(sip_reason_phrase(100000), "Unknown");
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_header_is_found_whatever_its_case),
		cmocka_unit_test(headers_stand_in_order_of_length),
		cmocka_unit_test(compact_forms_are_those_of_the_registry),
		cmocka_unit_test(methods_are_found_with_their_case),
		cmocka_unit_test(options_and_transports_are_found),
		cmocka_unit_test(unknown_codes_have_the_phrase_of_their_class),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
