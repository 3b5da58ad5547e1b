/* SPDX-License-Identifier: BSD-3-Clause */
/* What header fields say: good values and their parts, bad ones, and lists over several fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <sallyport/sip.h>

static void expect(struct sip_str s, const char *text)
{
	if (text == NULL) {
		assert_null(s.at);
		return;
	}
	assert_non_null(s.at);
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.at, text, s.len);
}

/* A message with these header fields behind those it must have. */
static struct sip_msg *message(const char *fields)
{
	static struct sip_msg m;
	static char text[4096];
	int n = snprintf(text, sizeof(text),
		"OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n"
		"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
		"%s\r\n",
		fields);
	assert_true(n > 0 && (size_t)n < sizeof(text));
	assert_int_equal(sip_msg_decode(text, (size_t)n, SIP_DATAGRAM, &m), SIP_FINE);
	return &m;
}

/* RFC 3261 §20.10 */
static void addresses_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *display;
		bool is_quoted;
		const char *uri, *params;
	} rows[] = {
		{"<sip:a@h>", NULL, false, "sip:a@h", NULL},
		{"sip:a@h", NULL, false, "sip:a@h", NULL},
		{"sip:a@h;tag=1", NULL, false, "sip:a@h", ";tag=1"},
		{"<sip:a@h;lr>;tag=1", NULL, false, "sip:a@h;lr", ";tag=1"},
		{"A. G. Bell <sip:a@h>", "A. G. Bell", false, "sip:a@h", NULL},
		{"A<sip:a@h> ; tag = 1", "A", false, "sip:a@h", "; tag = 1"},
		{"\"Bell, \\\"A\\\" <x>\" <sip:a@h>;q=0.1", "Bell, \\\"A\\\" <x>", true, "sip:a@h",
			";q=0.1"},
		{"\"\" <sip:a@h>", "", true, "sip:a@h", NULL},
		{"\"a\r\n b\"\r\n <sip:a@h>\r\n ;x=\"<;,>\"", "a\r\n b", true, "sip:a@h",
			";x=\"<;,>\""},
		{"J\xc3\xb6rg <sip:a@h>", "J\xc3\xb6rg", false, "sip:a@h", NULL},
		{"sip:a@h;x=\"<\"", NULL, false, "sip:a@h", ";x=\"<\""},
		{"<tel:+1;ext=2>", NULL, false, "tel:+1;ext=2", NULL},
	};
	struct sip_name_addr a;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("%s\n", rows[i].text);
		assert_int_equal(sip_name_addr_decode(sip_str_c(rows[i].text), &a), 0);
		expect(a.display, rows[i].display);
		assert_int_equal(a.is_display_quoted, rows[i].is_quoted);
		expect(a.uri, rows[i].uri);
		expect(a.params, rows[i].params);
	}
	assert_int_equal(sip_name_addr_decode(sip_str_c(" * "), &a), 0);
	assert_true(a.is_star);
}

static void what_is_no_address_is_malformed(void **state)
{
	static const char *const texts[] = {"", "a", "<>", "<sip:a@h", "sip:a@h>", "\"a <sip:a@h>",
		"a, b <sip:a@h>", "\"a\" b <sip:a@h>", "\"a\" sip:a@h", "< sip:a@h >",
		"<sip:a@h> x", "<sip:a@h>;", "<sip:a@h>;;a", "<sip:a@h>;a=", "<sip:a@h>;=a",
		"<sip:a@h>;a b", "sip:a@h?b=c", "sip:a@h, sip:b@h", "**", "a@b <sip:a@h>",
		"<sip:a@h>;a=\"b"};
	struct sip_name_addr a;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		print_message("%s\n", texts[i]);
		assert_int_equal(sip_name_addr_decode(sip_str_c(texts[i]), &a), ERR_MALFORMED);
	}
}

static void q_is_in_thousandths(void **state)
{
	static const struct {
		const char *params;
		int result;
		unsigned q;
	} rows[] = {{"", 0, 1000}, {";q=1", 0, 1000}, {";q=0", 0, 0}, {";q=0.5", 0, 500},
		{";q=0.125", 0, 125}, {";q=1.000", 0, 1000}, {";q=0.", 0, 0},
		{";q=1.001", ERR_MALFORMED, 0}, {";q=2", ERR_MALFORMED, 0},
		{";q=0.1234", ERR_MALFORMED, 0}, {";q=.5", ERR_MALFORMED, 0},
		{";q", ERR_MALFORMED, 0}, {";q=0.x", ERR_MALFORMED, 0}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned q = 0;
		assert_int_equal(sip_q_decode(sip_str_c(rows[i].params), &q), rows[i].result);
		assert_int_equal(q, rows[i].q);
	}
}

/* RFC 3261 §7.3.1: commas and header fields of their own are one list. */
static void list_goes_over_all_header_fields(void **state)
{
	struct sip_msg *m = message("Contact: \"a,b\" <sip:1@h?x=a,b>;p=\"c,d\" , <sip:2@h>\r\n"
				    "Contact:\r\nm: <sip:3@h>\r\n");
	struct sip_list l = sip_list_of(m, SIP_HEADER_CONTACT);
	struct sip_str e;
	assert_int_equal(sip_list_next(&l, &e), 1);
	expect(e, "\"a,b\" <sip:1@h?x=a,b>;p=\"c,d\"");
	assert_int_equal(sip_list_next(&l, &e), 1);
	expect(e, "<sip:2@h>");
	assert_int_equal(sip_list_next(&l, &e), 1);
	expect(e, "<sip:3@h>");
	assert_int_equal(sip_list_next(&l, &e), 0);

	static const char *const bad[] = {"Route: ,\r\n", "Route: <sip:a>,\r\n",
		"Route: ,<sip:a>\r\n", "Route: <sip:a>,,<sip:b>\r\n", "Route: <sip:a\r\n",
		"Route: \"a\r\n"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int r;
		l = sip_list_of(message(bad[i]), SIP_HEADER_ROUTE);
		while ((r = sip_list_next(&l, &e)) == 1)
			continue;
		assert_int_equal(r, ERR_MALFORMED);
	}
}

/* RFC 3261 §20.42, RFC 3581, RFC 5118 §4.5 */
static void via_is_taken_apart(void **state)
{
	struct sip_via v;
	assert_int_equal(sip_via_decode(sip_str_c("SIP / 2.0 / UDP first.example.com: 4000;ttl=16"
						  ";maddr=224.2.0.1 ;branch=Z9hg4BKa7c6a8dlze.1"),
				 &v),
		0);
	assert_int_equal(v.transport, SIP_UDP);
	expect(v.host.text, "first.example.com");
	assert_int_equal(v.port, 4000);
	expect(v.maddr, "224.2.0.1");
	assert_true(v.has_cookie);
	assert_false(v.has_rport);

	assert_int_equal(sip_via_decode(sip_str_c("SIP/2.0/TLS [2001:db8::9:1];received="
						  "2001:db8::9:255;rport=65535;branch=x"),
				 &v),
		0);
	assert_int_equal(v.host.kind, SIP_HOST_IPV6);
	expect(v.received, "2001:db8::9:255");
	assert_int_equal(v.rport, 65535);
	assert_false(v.has_cookie);

	static const char *const bad[] = {"", "SIP/2.0/UDP", "SIP/2.0 h", "SIP/2.0/UDP h;",
		"SIP/2.0/UDP h;;a", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:65536",
		"SIP/2.0/UDP h;rport=x", "SIP/2.0/UDP h;rport=65536", "SIP/2.0/UDP h i",
		"SIP/2.0/UDPh", "SIP/2.0/UDP h;branch=", "SIP/2.0/UDP h;branch=a;branch=b",
		"SIP/2.0/UDP h;branch;branch=b"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		print_message("%s\n", bad[i]);
		assert_int_equal(sip_via_decode(sip_str_c(bad[i]), &v), ERR_MALFORMED);
	}
}

static void numbers_are_digits_and_fit(void **state)
{
	uint32_t n = 0;
	assert_int_equal(sip_number_decode(sip_str_c(" 0042 "), &n), 0);
	assert_int_equal(n, 42);
	assert_int_equal(sip_number_decode(sip_str_c("4294967295"), &n), 0);
	assert_int_equal(n, UINT32_MAX);
	assert_int_equal(sip_number_decode(sip_str_c("4294967296"), &n), ERR_TOO_LARGE);
	assert_int_equal(
		sip_number_decode(sip_str_c("99999999999999999999999999"), &n), ERR_TOO_LARGE);
	static const char *const bad[] = {"", " ", "-1", "+1", "1 2", "1x", "0x1", "99999999999x"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sip_number_decode(sip_str_c(bad[i]), &n), ERR_MALFORMED);
}

/* RFC 3261 §20.16, RFC 3262 §7.2 */
static void cseq_and_rack_are_numbers_and_a_method(void **state)
{
	struct sip_cseq c;
	struct sip_rack r;
	assert_int_equal(sip_cseq_decode(sip_str_c("2147483647  INVITE"), &c), 0);
	assert_int_equal(c.number, INT32_MAX);
	assert_int_equal(c.method, SIP_INVITE);
	assert_int_equal(sip_rack_decode(sip_str_c("776656 1 NEW"), &r), 0);
	assert_int_equal(r.rseq, 776656);
	assert_int_equal(r.cseq.number, 1);
	expect(r.cseq.method_name, "NEW");
	static const char *const bad[] = {
		"", "1", "INVITE", "1INVITE", "2147483648 INVITE", "1 INVITE x", "-1 INVITE"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sip_cseq_decode(sip_str_c(bad[i]), &c), ERR_MALFORMED);
	static const char *const bad_rack[] = {"0 1 INVITE", "1 INVITE", "1 2 3 INVITE", "1"};
	for (size_t i = 0; i < ARRAY_LEN(bad_rack); i++)
		assert_int_equal(sip_rack_decode(sip_str_c(bad_rack[i]), &r), ERR_MALFORMED);
}

/* RFC 4028 §4 */
static void session_expires_names_its_refresher(void **state)
{
	struct sip_session_expires s;
	assert_int_equal(sip_session_expires_decode(sip_str_c("4000;refresher=UAC;x"), &s), 0);
	assert_int_equal(s.delta_s, 4000);
	assert_int_equal(s.refresher, SIP_REFRESHER_UAC);
	assert_int_equal(sip_session_expires_decode(sip_str_c("90 ; refresher=uas"), &s), 0);
	assert_int_equal(s.refresher, SIP_REFRESHER_UAS);
	assert_int_equal(sip_session_expires_decode(sip_str_c("90"), &s), 0);
	assert_int_equal(s.refresher, SIP_REFRESHER_NONE);
	assert_int_equal(
		sip_session_expires_decode(sip_str_c("90;refresher=me"), &s), ERR_MALFORMED);
	assert_int_equal(sip_session_expires_decode(sip_str_c("x"), &s), ERR_MALFORMED);
}

/* RFC 3261 §20.33 */
static void retry_after_has_comment_and_duration(void **state)
{
	struct sip_retry_after r;
	assert_int_equal(sip_retry_after_decode(
				 sip_str_c("18000 (I'm (in) a \\) meeting) ;duration=3600"), &r),
		0);
	assert_int_equal(r.delay_s, 18000);
	assert_int_equal(r.duration_s, 3600);
	expect(r.comment, "I'm (in) a \\) meeting");
	assert_int_equal(sip_retry_after_decode(sip_str_c("5 (a"), &r), ERR_MALFORMED);
	assert_int_equal(sip_retry_after_decode(sip_str_c("5 a"), &r), ERR_MALFORMED);
	assert_int_equal(sip_retry_after_decode(sip_str_c("5;duration=x"), &r), ERR_MALFORMED);
}

/* RFC 3261 §20.17 */
static void date_has_one_form(void **state)
{
	uint64_t t = 0;
	assert_int_equal(sip_date_decode(sip_str_c("Sat, 13 Nov 2010 23:29:00 GMT"), &t), 0);
	assert_int_equal(t, 1289690940);
	assert_int_equal(sip_date_decode(sip_str_c("Thu, 01 Jan 1970 00:00:00 GMT"), &t), 0);
	assert_int_equal(t, 0);
	assert_int_equal(sip_date_decode(sip_str_c("Thu, 29 Feb 2024 12:00:01 GMT"), &t), 0);
	assert_int_equal(t, 1709208001);
	static const char *const bad[] = {"", "Fri, 01 Jan 2010 16:00:00 EST",
		"Sun, 13 Nov 2010 23:29:00 GMT", "Sat, 13 Nov 2010 24:29:00 GMT",
		"Sat, 13 nov 2010 23:29:00 GMT", "Wed, 29 Feb 2023 12:00:01 GMT",
		"Sat, 00 Nov 2010 23:29:00 GMT", "Sat, 1  Nov 2010 23:29:00 GMT",
		"Sat, 13 Nov 2010 23:60:00 GMT", "Sat 13 Nov 2010  23:29:00 GMT"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sip_date_decode(sip_str_c(bad[i]), &t), ERR_MALFORMED);
}

static void sets_have_known_bits_and_unknown_slices(void **state)
{
	struct sip_tokens t;
	struct sip_msg *m = message("Supported: 100rel, Timer\r\nk: foo\r\nRequire:\r\n"
				    "Allow: INVITE,invite , BYE\r\nUnsupported: a b\r\n");
	assert_int_equal(sip_options_of(m, SIP_HEADER_SUPPORTED, &t), 0);
	assert_true(
		t.known == (SIP_OPTION_BIT(SIP_OPTION_REL100) | SIP_OPTION_BIT(SIP_OPTION_TIMER)));
	assert_int_equal(t.n_unknown, 1);
	expect(t.unknown[0], "foo");
	assert_int_equal(sip_options_of(m, SIP_HEADER_REQUIRE, &t), 0);
	assert_true(t.is_present && t.known == 0 && t.n_unknown == 0);
	assert_int_equal(sip_options_of(m, SIP_HEADER_PROXY_REQUIRE, &t), 0);
	assert_false(t.is_present);
	assert_int_equal(sip_methods_of(m, SIP_HEADER_ALLOW, &t), 0);
	assert_true(t.known == (SIP_METHOD_BIT(SIP_INVITE) | SIP_METHOD_BIT(SIP_BYE)));
	expect(t.unknown[0], "invite");
	assert_int_equal(sip_options_of(m, SIP_HEADER_UNSUPPORTED, &t), ERR_MALFORMED);
}

static void unknown_slices_are_bounded(void **state)
{
	struct sip_tokens t;
	struct sip_msg *m = message("Require: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,timer\r\n");
	assert_int_equal(sip_options_of(m, SIP_HEADER_REQUIRE, &t), 0);
	assert_int_equal(t.n_unknown, SIP_UNKNOWN_MAX);
	assert_true(t.known == SIP_OPTION_BIT(SIP_OPTION_TIMER));
}

static void words_have_parameters(void **state)
{
	struct sip_media_type t;
	struct sip_word w;
	assert_int_equal(
		sip_media_type_decode(sip_str_c("Multipart / mixed ;boundary=\"a b\""), &t), 0);
	assert_true(sip_media_type_is(&t, "multipart", "MIXED"));
	expect(sip_param_value(t.params, "boundary"), "a b");
	assert_int_equal(sip_media_type_decode(sip_str_c("application"), &t), ERR_MALFORMED);
	assert_int_equal(sip_media_type_decode(sip_str_c("a/b c"), &t), ERR_MALFORMED);

	assert_int_equal(
		sip_word_decode(sip_str_c("Q.850 ;cause=16 ;text=\"a \\\"b\\\"\""), &w), 0);
	expect(w.word, "Q.850");
	expect(sip_param_value(w.params, "cause"), "16");
	expect(sip_param_value(w.params, "text"), "a \\\"b\\\"");
	assert_int_equal(sip_word_decode(sip_str_c(";a"), &w), ERR_MALFORMED);
	assert_int_equal(sip_word_decode(sip_str_c("a b"), &w), ERR_MALFORMED);
}

/* RFC 3891 §6.1, RFC 4538 §7 */
static void replaces_names_a_dialog(void **state)
{
	struct sip_replaces r;
	assert_int_equal(sip_replaces_decode(sip_str_c("98732@sip.example.com ;from-tag=r33th4x0r "
						       ";to-tag=ff87ff;early-only"),
				 &r),
		0);
	expect(r.call_id, "98732@sip.example.com");
	expect(r.to_tag, "ff87ff");
	expect(r.from_tag, "r33th4x0r");
	assert_true(r.is_early_only);
	assert_int_equal(sip_replaces_decode(sip_str_c("a;local-tag=1;remote-tag=2"), &r), 0);
	expect(r.to_tag, "2");
	assert_false(r.is_early_only);
	static const char *const bad[] = {"", "a", "a;to-tag=1", "a;from-tag=1",
		"a;to-tag;from-tag=1", ";to-tag=1;from-tag=2", "a b;to-tag=1;from-tag=2"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sip_replaces_decode(sip_str_c(bad[i]), &r), ERR_MALFORMED);
}

/* RFC 3261 §20.43 */
static void warning_has_code_agent_and_text(void **state)
{
	struct sip_warning w;
	assert_int_equal(sip_warning_decode(sip_str_c("307 isi.edu:5060 \"Session\""), &w), 0);
	assert_int_equal(w.code, 307);
	expect(w.agent, "isi.edu:5060");
	expect(w.text, "Session");
	static const char *const bad[] = {
		"", "307", "307 a", "1000 a \"b\"", "99 a \"b\"", "307 a \"b", "307 a \"b\" c"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sip_warning_decode(sip_str_c(bad[i]), &w), ERR_MALFORMED);
}

static void text_is_unfolded_and_unquoted(void **state)
{
	char out[16];
	size_t n;
	struct sip_str s = sip_str_c("a \r\n\t b\\\"c\\\\");
	assert_int_equal(sip_str_text(s, true, out, sizeof(out), &n), 0);
	expect(sip_str_of(out, n), "a b\"c\\");
	assert_int_equal(sip_str_text(s, false, out, sizeof(out), &n), 0);
	expect(sip_str_of(out, n), "a b\\\"c\\\\");
	assert_int_equal(sip_str_text(s, false, out, n - 1, &n), ERR_NO_SPACE);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(addresses_are_taken_apart),
		cmocka_unit_test(what_is_no_address_is_malformed),
		cmocka_unit_test(q_is_in_thousandths),
		cmocka_unit_test(list_goes_over_all_header_fields),
		cmocka_unit_test(via_is_taken_apart),
		cmocka_unit_test(numbers_are_digits_and_fit),
		cmocka_unit_test(cseq_and_rack_are_numbers_and_a_method),
		cmocka_unit_test(session_expires_names_its_refresher),
		cmocka_unit_test(retry_after_has_comment_and_duration),
		cmocka_unit_test(date_has_one_form),
		cmocka_unit_test(sets_have_known_bits_and_unknown_slices),
		cmocka_unit_test(unknown_slices_are_bounded),
		cmocka_unit_test(words_have_parameters),
		cmocka_unit_test(replaces_names_a_dialog),
		cmocka_unit_test(warning_has_code_agent_and_text),
		cmocka_unit_test(text_is_unfolded_and_unquoted),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
