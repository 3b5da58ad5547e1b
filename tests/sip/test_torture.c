/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages of RFC 4475, byte by byte as its appendix has them, and what the RFC wants of each.
 * Where it leaves a choice we are strict: what is not of the grammar is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/sip.h>

static char bytes[8192];
static size_t len;
static struct sip_msg m;

static void load(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[4096];
	snprintf(path, sizeof(path), "%s/tests/sip/torture/%s.dat", srcdir != NULL ? srcdir : ".",
		name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	assert_true(len > 0 && len < sizeof(bytes));
}

static void decode(const char *name)
{
	load(name);
	(void)sip_msg_decode(bytes, len, SIP_DATAGRAM, &m);
}

static void expect(struct sip_str s, const char *text)
{
	assert_non_null(s.at);
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.at, text, s.len);
}

/* ---- the table ---- */

static const struct {
	const char *name;
	enum sip_refusal refusal;
	bool is_answerable;
	unsigned n_headers, body;
} rows[] = {
	/* §3.1.1: valid */
	{"wsinv", SIP_FINE, true, 14, 150},
	{"intmeth", SIP_FINE, true, 8, 0},
	{"esc01", SIP_FINE, true, 9, 150},
	{"escnull", SIP_FINE, true, 9, 0},
	{"esc02", SIP_FINE, true, 10, 0},
	{"lwsdisp", SIP_FINE, true, 7, 0},
	{"longreq", SIP_FINE, true, 43, 150},
	{"dblreq", SIP_FINE, true, 8, 0},
	{"semiuri", SIP_FINE, true, 8, 0},
	{"transports", SIP_FINE, true, 12, 0},
	{"mpart01", SIP_FINE, true, 14, 553},
	{"unreason", SIP_FINE, false, 8, 154},
	{"noreason", SIP_FINE, false, 7, 0},
	/* §3.1.2: invalid. In badinv01 it is the Via that an answer would go to. */
	{"badinv01", SIP_BAD_VIA, false, 9, 152},
	{"clerr", SIP_BODY_SHORT, true, 9, 154},
	{"ncl", SIP_BAD_CONTENT_LENGTH, true, 9, 152},
	{"scalar02", SIP_BAD_CSEQ, true, 9, 0},
	{"scalarlg", SIP_BAD_CSEQ, false, 8, 0},
	{"quotbal", SIP_BAD_TO, true, 9, 152},
	{"ltgtruri", SIP_BAD_URI, true, 9, 159},
	{"lwsruri", SIP_BAD_START_LINE, true, 9, 159},
	{"lwsstart", SIP_BAD_START_LINE, true, 9, 150},
	{"trws", SIP_BAD_START_LINE, true, 8, 0},
	{"escruri", SIP_BAD_URI, true, 9, 150},
	{"baddate", SIP_FINE, true, 10, 150},
	{"regbadct", SIP_FINE, true, 8, 0},
	{"badaspec", SIP_BAD_TO, true, 8, 0},
	{"baddn", SIP_BAD_FROM, true, 8, 0},
	{"badvers", SIP_BAD_VERSION, true, 7, 0},
	{"mismatch01", SIP_CSEQ_MISMATCH, true, 7, 0},
	{"mismatch02", SIP_CSEQ_MISMATCH, true, 9, 138},
	{"bigcode", SIP_BAD_START_LINE, false, 7, 0},
	/* §3.2 */
	{"badbranch", SIP_FINE, true, 8, 0},
	/* §3.3: for the layers above */
	{"insuf", SIP_NO_FROM, true, 4, 152},
	{"unkscm", SIP_FINE, true, 7, 0},
	{"novelsc", SIP_FINE, true, 7, 0},
	{"unksm2", SIP_FINE, true, 8, 0},
	{"bext01", SIP_FINE, true, 9, 0},
	{"invut", SIP_FINE, true, 9, 40},
	{"regaut01", SIP_FINE, true, 8, 0},
	{"multi01", SIP_DUPLICATE, true, 15, 154},
	{"mcl01", SIP_DUPLICATE, true, 9, 67},
	{"bcast", SIP_FINE, false, 9, 154},
	{"zeromf", SIP_FINE, true, 7, 0},
	{"cparam01", SIP_FINE, true, 8, 0},
	{"cparam02", SIP_FINE, true, 8, 0},
	{"regescrt", SIP_FINE, true, 8, 0},
	{"sdp01", SIP_FINE, true, 10, 150},
	/* §3.4 */
	{"inv2543", SIP_FINE, true, 7, 105},
};

static void each_is_taken_or_refused_as_it_should(void **state)
{
	assert_int_equal(ARRAY_LEN(rows), 49);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		decode(rows[i].name);
		print_message("%s: %s, %u header fields, body of %u\n", rows[i].name,
			sip_refusal_text(m.refusal), m.n_headers, m.body.len);
		assert_int_equal(m.refusal, rows[i].refusal);
		assert_int_equal(sip_msg_is_answerable(&m), rows[i].is_answerable);
		assert_int_equal(m.n_headers, rows[i].n_headers);
		assert_int_equal(m.body.len, rows[i].body);
	}
}

static struct sip_name_addr address(enum sip_header_id id)
{
	struct sip_name_addr a;
	assert_int_equal(sip_name_addr_decode(sip_header_value(&m, id), &a), 0);
	return a;
}

static struct sip_uri uri_of(struct sip_str text)
{
	struct sip_uri u;
	assert_int_equal(sip_uri_decode(text, &u), 0);
	return u;
}

static void expect_unescaped(struct sip_str s, const char *text, size_t n)
{
	char plain[256];
	size_t got;
	assert_int_equal(sip_uri_unescape(s, plain, sizeof(plain), &got), 0);
	assert_int_equal(got, n);
	assert_memory_equal(plain, text, n);
}

/* §3.1.1.1 */
static void tortuous_invite_reads_as_a_plain_one(void **state)
{
	static const char *const hosts[] = {"192.0.2.2", "spindle.example.com", "192.168.255.111"};
	static const char *const branches[] = {"390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"};
	struct sip_via via;
	struct sip_param p;
	char text[128];
	size_t n;
	decode("wsinv");

	expect(m.to_tag, "1918181833n");
	expect(m.from_tag, "98asjd8");
	assert_int_equal(m.max_forwards, 68);
	assert_int_equal(m.cseq, 9);
	assert_true(sip_param_find(uri_of(m.uri).params, "unknownparam", &p));
	struct sip_name_addr from = address(SIP_HEADER_FROM);
	assert_int_equal(sip_str_text(from.display, true, text, sizeof(text), &n), 0);
	expect(sip_str_of(text, n), "J Rosenberg \\\"");
	expect(sip_header_value(&m, SIP_HEADER_SUBJECT), "");

	struct sip_list l = sip_list_of(&m, SIP_HEADER_VIA);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sip_via_next(&l, &via), 1);
		expect(via.host.text, hosts[i]);
		expect(via.branch, branches[i]);
		assert_int_equal(via.transport, i == 1 ? SIP_TCP : SIP_UDP);
		assert_int_equal(via.has_cookie, i > 0);
	}
	assert_int_equal(sip_via_next(&l, &via), 0);

	struct sip_str odd = sip_header_named(&m, "NewFangledHeader")->value;
	assert_int_equal(sip_str_text(odd, false, text, sizeof(text), &n), 0);
	expect(sip_str_of(text, n), "newfangled value continued newfangled value");
	expect(sip_header_named(&m, "UnknownHeaderWithUnusualValue")->value, ";;,,;;,;");

	struct sip_name_addr contact = address(SIP_HEADER_CONTACT);
	unsigned q;
	assert_int_equal(sip_q_decode(contact.params, &q), 0);
	assert_int_equal(q, 330);
	expect(sip_param_value(contact.params, "newparam"), "newvalue");
	assert_true(sip_param_find(contact.params, "secondparam", &p) && p.value.at == NULL);
	expect(sip_param_value(uri_of(address(SIP_HEADER_ROUTE).uri).params, "unknownwith"),
		"value");
}

/* §3.1.1.2 */
static void every_character_that_may_stand_stands(void **state)
{
	decode("intmeth");
	expect(m.method_name, "!interesting-Method0123456789_*+`.%indeed'~");
	assert_int_equal(m.method, SIP_METHOD_OTHER);
	struct sip_uri u = uri_of(m.uri);
	expect(u.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
	expect(u.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
	expect(u.host.text, "example.com");
	struct sip_name_addr to = address(SIP_HEADER_TO);
	assert_int_equal(to.display.len, 20);
	assert_memory_equal(to.display.at, "BEL:\\\a NUL:\\\0 DEL:\\\x7f", 20);
	expect(m.from_tag, "_token~1'+`*%!-.");
	expect(m.call_id, "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
	expect(address(SIP_HEADER_FROM).display, "token1~` token2'+_ token3*%!.-");
	assert_int_equal(m.max_forwards, 255);
}

/* §3.1.1.3, §3.1.1.4 */
static void escapes_are_undone_when_asked(void **state)
{
	decode("esc01");
	expect_unescaped(uri_of(m.uri).user, "sips:user@example.com", 21);
	expect_unescaped(uri_of(address(SIP_HEADER_TO).uri).user, "user", 4);
	expect_unescaped(uri_of(address(SIP_HEADER_FROM).uri).user, "I have spaces", 13);
	struct sip_uri contact = uri_of(address(SIP_HEADER_CONTACT).uri);
	struct sip_uri same = uri_of(sip_str_c("sip:caller@host5.example.net;lr;name=value%2541"));
	assert_true(sip_uri_equal(&contact, &same));
	expect_unescaped(contact.user, "caller", 6);
	expect_unescaped(sip_param_value(contact.params, "n%61me"), "value%41", 8);

	decode("escnull");
	expect_unescaped(uri_of(address(SIP_HEADER_TO).uri).user, "null-\0-null", 11);
	struct sip_list l = sip_list_of(&m, SIP_HEADER_CONTACT);
	struct sip_name_addr a;
	assert_int_equal(sip_name_addr_next(&l, &a), 1);
	expect_unescaped(uri_of(a.uri).user, "\0", 1);
	assert_int_equal(sip_name_addr_next(&l, &a), 1);
	expect_unescaped(uri_of(a.uri).user, "\0\0", 2);
}

/* §3.1.1.5: "%" means nothing outside of URIs. */
static void percent_is_a_character_elsewhere(void **state)
{
	struct sip_via via;
	decode("esc02");
	expect(m.method_name, "RE%47IST%45R");
	expect(address(SIP_HEADER_TO).display, "%Z%45");
	assert_int_equal(sip_via_top(&m, &via), 0);
	expect(via.branch, "z9hG4bK209%fzsnel234");
	struct sip_list l = sip_list_of(&m, SIP_HEADER_CONTACT);
	struct sip_name_addr a;
	assert_int_equal(sip_name_addr_next(&l, &a), 1);
	assert_int_equal(sip_name_addr_next(&l, &a), 1);
	assert_int_equal(sip_name_addr_next(&l, &a), 0);
	assert_non_null(sip_header_named(&m, "C%6Fntact"));
}

/* §3.1.1.6 */
static void no_blank_before_a_bracket_is_fine(void **state)
{
	decode("lwsdisp");
	expect(address(SIP_HEADER_FROM).display, "caller");
}

/* §3.1.1.7 */
static void long_values_are_whole(void **state)
{
	struct sip_via via;
	unsigned n = 0;
	decode("longreq");
	struct sip_list l = sip_list_of(&m, SIP_HEADER_VIA);
	while (sip_via_next(&l, &via) == 1)
		n++;
	assert_int_equal(n, 34);
	expect(via.received, "192.0.2.5");
	assert_int_equal(m.from_tag.len, 155);
}

/* §3.1.1.8: a datagram has one message; on a stream the second follows. */
static void second_request_is_cut_off_a_datagram(void **state)
{
	struct sip_stream s = {0};
	size_t at = 0, n, messages = 0;
	enum sip_frame r;
	decode("dblreq");
	assert_int_equal(m.method, SIP_REGISTER);
	assert_true(m.bytes.len < len);
	while (messages < 2) {
		r = sip_stream_frame(&s, bytes + at, len - at, &n);
		assert_true(r == SIP_FRAME_MESSAGE || r == SIP_FRAME_CRLF || r == SIP_FRAME_PING);
		if (r == SIP_FRAME_MESSAGE)
			assert_int_equal(sip_msg_decode(bytes + at, n, SIP_STREAM, &m), SIP_FINE);
		messages += r == SIP_FRAME_MESSAGE;
		at += n;
	}
	assert_int_equal(messages, 2);
	assert_int_equal(m.method, SIP_INVITE);
}

/* §3.1.1.9 */
static void semicolon_in_a_user_begins_no_parameter(void **state)
{
	decode("semiuri");
	struct sip_uri u = uri_of(m.uri);
	expect(u.user, "user;par=u%40example.net");
	assert_null(u.params.at);
	struct sip_list l = sip_list_of(&m, SIP_HEADER_ACCEPT);
	struct sip_media_type t;
	struct sip_str e;
	unsigned n = 0;
	while (sip_list_next(&l, &e) == 1 && sip_media_type_decode(e, &t) == 0)
		n++;
	assert_int_equal(n, 6);
}

/* §3.1.1.10 */
static void transports_are_known_or_other(void **state)
{
	static const enum sip_transport transports[] = {
		SIP_UDP, SIP_SCTP, SIP_TLS, SIP_TRANSPORT_OTHER, SIP_TCP};
	struct sip_via via;
	decode("transports");
	struct sip_list l = sip_list_of(&m, SIP_HEADER_VIA);
	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		assert_int_equal(sip_via_next(&l, &via), 1);
		assert_int_equal(via.transport, transports[i]);
	}
}

/* §3.1.1.11: two parts, one of which is binary. */
static void binary_part_is_itself(void **state)
{
	struct sip_multipart w;
	struct sip_part p;
	decode("mpart01");
	assert_int_equal(
		sip_multipart_begin(sip_header_value(&m, SIP_HEADER_CONTENT_TYPE), m.body, &w), 0);
	assert_int_equal(sip_multipart_next(&w, &p), 1);
	expect(p.content_type, "text/plain");
	expect(p.body, "Hello");
	assert_int_equal(sip_multipart_next(&w, &p), 1);
	expect(p.content_type, "application/octet-stream");
	assert_true(p.body.len > 300);
	assert_int_equal(
		(uint8_t)p.body.at[0], 0x30); /* a sequence of ASN.1, of two length bytes */
	assert_int_equal(p.body.len, 4 + be16_get((const uint8_t *)p.body.at + 2));
	assert_int_equal(sip_multipart_next(&w, &p), 0);
}

/* §3.1.1.12, §3.1.1.13 */
static void reason_is_utf8_or_nothing(void **state)
{
	decode("unreason");
	assert_int_equal(m.status, 200);
	assert_memory_equal(m.reason.at, "= 2**3 * 5**2 \xd0\xbd\xd0\xbe", 18);
	decode("noreason");
	assert_int_equal(m.status, 100);
	assert_int_equal(m.reason.len, 0);
}

/* §3.1.2.4, §3.1.2.5: what is too large is no number of 32 bits, and nothing overflows. */
static void large_numbers_are_said_to_be(void **state)
{
	uint32_t n;
	struct sip_retry_after retry;
	struct sip_warning warning;
	decode("scalar02");
	assert_int_equal(
		sip_number_decode(sip_header_value(&m, SIP_HEADER_EXPIRES), &n), ERR_TOO_LARGE);
	struct sip_str expires = sip_param_value(address(SIP_HEADER_CONTACT).params, "expires");
	assert_int_equal(sip_number_decode(expires, &n), ERR_TOO_LARGE);
	decode("scalarlg");
	assert_int_equal(m.status, 503);
	assert_int_equal(
		sip_retry_after_decode(sip_header_value(&m, SIP_HEADER_RETRY_AFTER), &retry),
		ERR_MALFORMED);
	assert_int_equal(sip_warning_decode(sip_header_value(&m, SIP_HEADER_WARNING), &warning),
		ERR_MALFORMED);
}

/* §3.1.2.12, §3.1.2.13 */
static void values_that_are_none_are_malformed(void **state)
{
	uint64_t t;
	struct sip_name_addr a;
	decode("baddate");
	assert_int_equal(sip_date_decode(sip_header_value(&m, SIP_HEADER_DATE), &t), ERR_MALFORMED);
	decode("regbadct");
	assert_int_equal(
		sip_name_addr_decode(sip_header_value(&m, SIP_HEADER_CONTACT), &a), ERR_MALFORMED);
	decode("badinv01");
	assert_int_equal(
		sip_name_addr_decode(sip_header_value(&m, SIP_HEADER_CONTACT), &a), ERR_MALFORMED);
}

/* §3.2.1 */
static void cookie_alone_is_no_branch_of_rfc3261(void **state)
{
	struct sip_via via;
	decode("badbranch");
	assert_int_equal(sip_via_top(&m, &via), 0);
	expect(via.branch, "z9hG4bK");
	assert_false(via.has_cookie);
}

/* §3.3.2 to §3.3.4 */
static void unknown_schemes_are_well_formed(void **state)
{
	decode("unkscm");
	assert_int_equal(uri_of(m.uri).scheme, SIP_SCHEME_OTHER);
	expect(uri_of(m.uri).rest, "totallyopaquecontent");
	decode("novelsc");
	expect(uri_of(m.uri).scheme_name, "soap.beep");
	decode("unksm2");
	assert_int_equal(uri_of(address(SIP_HEADER_TO).uri).scheme, SIP_SCHEME_OTHER);
	assert_int_equal(uri_of(address(SIP_HEADER_FROM).uri).scheme, SIP_SCHEME_OTHER);
	expect(address(SIP_HEADER_CONTACT).uri, "name:John_Smith");
}

/* §3.3.5: all of them go into Unsupported. */
static void unknown_option_tags_are_listed(void **state)
{
	struct sip_tokens t;
	decode("bext01");
	assert_int_equal(sip_options_of(&m, SIP_HEADER_REQUIRE, &t), 0);
	assert_int_equal(t.known, 0);
	assert_int_equal(t.n_unknown, 2);
	expect(t.unknown[1], "nothingSupportsThisEither");
	assert_int_equal(sip_options_of(&m, SIP_HEADER_PROXY_REQUIRE, &t), 0);
	expect(t.unknown[0], "noProxiesSupportThis");
}

/* §3.3.6, §3.3.7 */
static void foreign_types_and_schemes_are_named(void **state)
{
	struct sip_media_type t;
	struct sip_auth a;
	decode("invut");
	assert_int_equal(
		sip_media_type_decode(sip_header_value(&m, SIP_HEADER_CONTENT_TYPE), &t), 0);
	assert_true(sip_media_type_is(&t, "application", "unknownformat"));
	decode("regaut01");
	assert_int_equal(sip_auth_decode(sip_header_value(&m, SIP_HEADER_AUTHORIZATION), &a), 0);
	assert_false(a.is_digest);
	expect(a.scheme, "NoOneKnowsThisScheme");
	expect(a.params, "opaque-data=here");
}

/* §3.3.9 to §3.3.15 */
static void the_rest_says_what_it_says(void **state)
{
	struct sip_uri u;
	struct sip_param p;
	decode("bcast");
	assert_int_equal(m.status, 200);
	decode("zeromf");
	assert_int_equal(m.max_forwards, 0);
	decode("cparam01");
	assert_true(sip_param_find(address(SIP_HEADER_CONTACT).params, "unknownparam", &p));
	decode("cparam02");
	assert_null(address(SIP_HEADER_CONTACT).params.at);
	u = uri_of(address(SIP_HEADER_CONTACT).uri);
	assert_true(sip_param_find(u.params, "unknownparam", &p));
	decode("regescrt");
	u = uri_of(address(SIP_HEADER_CONTACT).uri);
	uint32_t at = 0;
	assert_true(sip_uri_header_next(u.headers, &at, &p));
	expect(p.name, "Route");
	expect_unescaped(p.value, "<sip:sip.example.com>", 21);
	assert_false(sip_uri_header_next(u.headers, &at, &p));
}

/* §3.4.1 */
static void request_of_rfc2543_is_taken(void **state)
{
	struct sip_via via;
	decode("inv2543");
	assert_null(m.from_tag.at);
	assert_int_equal(m.max_forwards, -1);
	assert_int_equal(sip_via_top(&m, &via), 0);
	assert_null(via.branch.at);
	expect(uri_of(address(SIP_HEADER_FROM).uri).params, ";user=phone");
	expect(address(SIP_HEADER_TO).params, ";user=phone");
}

/* What a refused request gets is a response that our own decoder takes, if it has what it takes. */
static void answers_to_refused_requests_are_good(void **state)
{
	char out[16384];
	struct sip_writer w;
	struct sip_msg answer;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		decode(rows[i].name);
		if (!rows[i].is_answerable)
			continue;
		print_message("%s\n", rows[i].name);
		unsigned status = sip_refusal_status(m.refusal);
		sip_write_begin(&w, out, sizeof(out));
		sip_write_response(&w, &m, status, NULL, sip_str_c("t"), NULL);
		sip_write_body(&w, SIP_NONE, SIP_NONE);
		assert_false(w.failed);
		enum sip_refusal r = sip_msg_decode(out, w.len, SIP_STREAM, &answer);
		bool is_broken = m.refusal == SIP_BAD_TO || m.refusal == SIP_BAD_FROM ||
				 m.refusal == SIP_BAD_CSEQ || m.refusal == SIP_NO_FROM;
		assert_int_equal(r, is_broken ? m.refusal : SIP_FINE);
		assert_int_equal(answer.status, status);
		if (r == SIP_FINE)
			assert_true(sip_str_equal(answer.call_id, m.call_id));
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(each_is_taken_or_refused_as_it_should),
		cmocka_unit_test(tortuous_invite_reads_as_a_plain_one),
		cmocka_unit_test(every_character_that_may_stand_stands),
		cmocka_unit_test(escapes_are_undone_when_asked),
		cmocka_unit_test(percent_is_a_character_elsewhere),
		cmocka_unit_test(no_blank_before_a_bracket_is_fine),
		cmocka_unit_test(long_values_are_whole),
		cmocka_unit_test(second_request_is_cut_off_a_datagram),
		cmocka_unit_test(semicolon_in_a_user_begins_no_parameter),
		cmocka_unit_test(transports_are_known_or_other),
		cmocka_unit_test(binary_part_is_itself),
		cmocka_unit_test(reason_is_utf8_or_nothing),
		cmocka_unit_test(large_numbers_are_said_to_be),
		cmocka_unit_test(values_that_are_none_are_malformed),
		cmocka_unit_test(cookie_alone_is_no_branch_of_rfc3261),
		cmocka_unit_test(unknown_schemes_are_well_formed),
		cmocka_unit_test(unknown_option_tags_are_listed),
		cmocka_unit_test(foreign_types_and_schemes_are_named),
		cmocka_unit_test(the_rest_says_what_it_says),
		cmocka_unit_test(request_of_rfc2543_is_taken),
		cmocka_unit_test(answers_to_refused_requests_are_good),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
