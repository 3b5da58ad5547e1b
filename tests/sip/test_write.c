/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing: what comes out is what was meant, or the writer has failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sallyport/sip.h>

static char buf[4096];
static struct sip_writer w;
static struct sip_msg m;

static const char request[] =
	"INVITE sip:b@example.com SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 10.0.0.1:5062;received=1.1.1.1;rport;branch=z9hG4bKa;x=\"y,;\", "
	"SIP/2.0/TCP p\r\n"
	"v: SIP/2.0/TLS q;branch=z9hG4bKc\r\n"
	"Record-Route: <sip:p;lr>\r\n"
	"From: \"A\" <sip:a@example.com>;tag=1\r\n"
	"To: sip:b@example.com\r\n"
	"Call-ID: c\r\n"
	"CSeq: 1 INVITE\r\n"
	"Timestamp: 54\r\n"
	"X-Odd :  as\r\n it came\r\n"
	"Content-Length: 0\r\n\r\n";

static void begin(void)
{
	sip_write_begin(&w, buf, sizeof(buf) - 1);
}

static void expect_written(const char *text)
{
	assert_false(w.failed);
	buf[w.len] = 0;
	assert_string_equal(buf, text);
}

static void request_comes_from_pieces(void **state)
{
	const struct sip_via_own via = {.transport = "TLS",
		.host = {sip_str_c("2001:db8::1"), SIP_HOST_IPV6},
		.port = 5061,
		.branch = sip_str_c("z9hG4bKz"),
		.has_rport = true,
		.more = sip_str_c(";keep")};
	const struct sip_name_addr from = {.display = sip_str_c("Al \\\"x\\\""),
		.is_display_quoted = true,
		.uri = sip_str_c("sip:a@h"),
		.params = sip_str_c(";tag=9")};
	begin();
	sip_write_request(&w, sip_str_c("INVITE"), sip_str_c("sip:b@h;transport=tls"));
	sip_write_via(&w, &via);
	sip_write_open(&w, SIP_HEADER_FROM);
	sip_write_name_addr(&w, &from);
	sip_write_close(&w);
	sip_write_cseq(&w, 4294967295u, sip_str_c("INVITE"));
	sip_write_header_number(&w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_write_options(&w, SIP_HEADER_SUPPORTED,
		SIP_OPTION_BIT(SIP_OPTION_TIMER) | SIP_OPTION_BIT(SIP_OPTION_REL100));
	sip_write_options(&w, SIP_HEADER_REQUIRE, 0);
	sip_write_methods(
		&w, SIP_HEADER_ALLOW, SIP_METHOD_BIT(SIP_INVITE) | SIP_METHOD_BIT(SIP_BYE));
	sip_write_body(&w, sip_str_c("text/plain"), sip_str_c("a\r\nb"));
	expect_written("INVITE sip:b@h;transport=tls SIP/2.0\r\n"
		       "Via: SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKz;rport;keep\r\n"
		       "From: \"Al \\\"x\\\"\" <sip:a@h>;tag=9\r\n"
		       "CSeq: 4294967295 INVITE\r\n"
		       "Max-Forwards: 70\r\n"
		       "Supported: 100rel, timer\r\n"
		       "Allow: INVITE, BYE\r\n"
		       "Content-Type: text/plain\r\n"
		       "Content-Length: 4\r\n\r\na\r\nb");
}

/* RFC 3261 §8.2.6.2, §18.2.1, RFC 3581 §4. */
static void response_takes_over_what_it_must(void **state)
{
	struct addr source = addr_ipv4(0xc0000209, 1234);
	assert_int_equal(sip_msg_decode(request, sizeof(request) - 1, SIP_STREAM, &m), SIP_FINE);
	begin();
	sip_write_response(&w, &m, 180, NULL, sip_str_c("t"), &source);
	sip_write_body(&w, SIP_NONE, SIP_NONE);
	expect_written("SIP/2.0 180 Ringing\r\n"
		       "Via: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKa;x=\"y,;\";received=192.0.2.9"
		       ";rport=1234, SIP/2.0/TCP p\r\n"
		       "v: SIP/2.0/TLS q;branch=z9hG4bKc\r\n"
		       "From: \"A\" <sip:a@example.com>;tag=1\r\n"
		       "To: sip:b@example.com;tag=t\r\n"
		       "Call-ID: c\r\n"
		       "CSeq: 1 INVITE\r\n"
		       "Record-Route: <sip:p;lr>\r\n"
		       "Content-Length: 0\r\n\r\n");

	begin();
	sip_write_response(&w, &m, 100, "Wait", sip_str_c("t"), NULL);
	expect_written("SIP/2.0 100 Wait\r\n"
		       "Via: SIP/2.0/UDP 10.0.0.1:5062;received=1.1.1.1;rport;branch=z9hG4bKa;"
		       "x=\"y,;\", SIP/2.0/TCP p\r\n"
		       "v: SIP/2.0/TLS q;branch=z9hG4bKc\r\n"
		       "From: \"A\" <sip:a@example.com>;tag=1\r\n"
		       "To: sip:b@example.com\r\n"
		       "Call-ID: c\r\n"
		       "CSeq: 1 INVITE\r\n"
		       "Timestamp: 54\r\n");
}

static void to_with_a_tag_keeps_it(void **state)
{
	static const char bye[] =
		"BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n"
		"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n"
		"Call-ID: c\r\nCSeq: 2 BYE\r\n\r\n";
	struct addr source = addr_ipv4(0xc0000209, 5060);
	assert_int_equal(sip_msg_decode(bye, sizeof(bye) - 1, SIP_DATAGRAM, &m), SIP_FINE);
	begin();
	sip_write_response(&w, &m, 200, NULL, sip_str_c("t"), &source);
	expect_written("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n"
		       "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n"
		       "Call-ID: c\r\nCSeq: 2 BYE\r\n");
}

static void copies_are_byte_for_byte(void **state)
{
	struct sip_header_set set = {{0}};
	assert_int_equal(sip_msg_decode(request, sizeof(request) - 1, SIP_STREAM, &m), SIP_FINE);
	begin();
	for (unsigned i = 0; i < m.n_headers; i++)
		sip_write_copy(&w, &m.headers[i]);
	sip_write_close(&w);
	expect_written(strchr(request, '\n') + 1);

	begin();
	static const enum sip_header_id out[] = {SIP_HEADER_VIA, SIP_HEADER_RECORD_ROUTE,
		SIP_HEADER_FROM, SIP_HEADER_TO, SIP_HEADER_CALL_ID, SIP_HEADER_CSEQ,
		SIP_HEADER_CONTENT_LENGTH};
	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		sip_header_set_add(&set, out[i]);
	sip_write_copy_except(&w, &m, &set);
	expect_written("Timestamp: 54\r\nX-Odd :  as\r\n it came\r\n");
}

static void value_with_a_fold_is_written_unfolded(void **state)
{
	begin();
	sip_write_header(&w, SIP_HEADER_SUBJECT, sip_str_c("one \r\n\t \r\n two  3"));
	expect_written("Subject: one two  3\r\n");
}

/* No value begins a header field, ends a quoted string or breaks a start line. */
static void injection_fails(void **state)
{
	static const char *const values[] = {
		"a\r\nEvil: 1", "a\rb", "a\nb", "a\r\n", "a\r\n\r\n b"};
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct sip_str v = sip_str_c(values[i]);
		begin();
		sip_write_header(&w, SIP_HEADER_SUBJECT, v);
		assert_true(w.failed);
		begin();
		sip_write_header_named(&w, sip_str_c("X"), v);
		assert_true(w.failed);
		begin();
		sip_write_header_named(&w, v, sip_str_c("x"));
		assert_true(w.failed);
		begin();
		sip_write_quoted(&w, v);
		assert_true(w.failed);
		begin();
		sip_write_param(&w, "p", v);
		assert_true(w.failed);
		begin();
		sip_write_status(&w, 200, values[i]);
		assert_true(w.failed);
		begin();
		sip_write_request(&w, sip_str_c("INVITE"), v);
		assert_true(w.failed);
		begin();
		sip_write_request(&w, v, sip_str_c("sip:b@h"));
		assert_true(w.failed);
		begin();
		sip_write_body(&w, v, SIP_NONE);
		assert_true(w.failed);
	}
	begin();
	sip_write_header(&w, SIP_HEADER_SUBJECT, sip_str_of("a\0b", 3));
	assert_true(w.failed);
	begin();
	sip_write_request(&w, sip_str_c("INVITE"), sip_str_c("sip:b@h SIP/2.0"));
	assert_true(w.failed);

	static const struct sip_name_addr bad[] = {
		{.display = {"a\" <sip:x@y>, \"b", 16},
			.is_display_quoted = true,
			.uri = {"sip:a@h", 7}},
		{.display = {"a\\", 2}, .is_display_quoted = true, .uri = {"sip:a@h", 7}},
		{.display = {"a,b", 3}, .uri = {"sip:a@h", 7}},
		{.uri = {"sip:a@h>;x=<", 12}},
		{.uri = {"sip:a@h", 7}, .params = {";a, <sip:b@h>", 13}},
		{.uri = {"nothing", 7}},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		begin();
		sip_write_name_addr(&w, &bad[i]);
		assert_true(w.failed);
	}
}

static void users_are_escaped(void **state)
{
	begin();
	sip_write_user(&w, sip_str_c("a b@c:#%\xc3\xa9+1&=$,;?/"));
	expect_written("a%20b%40c%3A%23%25%C3%A9+1&=$,;?/");
}

static void parameters_are_quoted_when_they_must(void **state)
{
	begin();
	sip_write_param(&w, "a", sip_str_c("tok.en"));
	sip_write_param(&w, "b", sip_str_c("two \"words\""));
	sip_write_param(&w, "c", sip_str_c(""));
	sip_write_param(&w, "lr", SIP_NONE);
	expect_written(";a=tok.en;b=\"two \\\"words\\\"\";c=\"\";lr");
}

static void uri_is_written_from_its_parts(void **state)
{
	static const char *const uris[] = {
		"sip:a:p@h:5070;lr;x=1?s=a&t=", "sips:[2001:db8::1]:5061",
		"tel:+1-201;phone-context=x", "urn:service:sos", "sip:%61%20b@h"};
	struct sip_uri u;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		assert_int_equal(sip_uri_decode(sip_str_c(uris[i]), &u), 0);
		begin();
		sip_write_uri(&w, &u);
		expect_written(uris[i]);
	}
	u = (struct sip_uri){.scheme = SIP_SCHEME_SIP,
		.user = sip_str_c("a@b"),
		.host = {sip_str_c("h"), SIP_HOST_NAME}};
	begin();
	sip_write_uri(&w, &u);
	assert_true(w.failed);
}

/* With a byte less there is no room, and not one byte behind the buffer is written. */
static void every_capacity_too_small_fails(void **state)
{
	struct addr source = addr_ipv4(0xc0000209, 1234);
	assert_int_equal(sip_msg_decode(request, sizeof(request) - 1, SIP_STREAM, &m), SIP_FINE);
	begin();
	sip_write_response(&w, &m, 200, NULL, sip_str_c("t"), &source);
	sip_write_body(&w, sip_str_c("a/b"), sip_str_c("body"));
	assert_false(w.failed);
	size_t need = w.len;
	for (size_t cap = 0; cap < need; cap++) {
		memset(buf, '#', sizeof(buf));
		sip_write_begin(&w, buf, cap);
		sip_write_response(&w, &m, 200, NULL, sip_str_c("t"), &source);
		sip_write_body(&w, sip_str_c("a/b"), sip_str_c("body"));
		assert_true(w.failed && w.len <= cap);
		assert_int_equal(buf[cap], '#');
	}
}

static void what_cannot_be_answered_fails(void **state)
{
	static const char ack[] = "ACK sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n"
				  "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n"
				  "Call-ID: c\r\nCSeq: 1 ACK\r\n\r\n";
	assert_int_equal(sip_msg_decode(ack, sizeof(ack) - 1, SIP_DATAGRAM, &m), SIP_FINE);
	begin();
	sip_write_response(&w, &m, 200, NULL, SIP_NONE, NULL);
	assert_true(w.failed);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(request_comes_from_pieces),
		cmocka_unit_test(response_takes_over_what_it_must),
		cmocka_unit_test(to_with_a_tag_keeps_it),
		cmocka_unit_test(copies_are_byte_for_byte),
		cmocka_unit_test(value_with_a_fold_is_written_unfolded),
		cmocka_unit_test(injection_fails),
		cmocka_unit_test(users_are_escaped),
		cmocka_unit_test(parameters_are_quoted_when_they_must),
		cmocka_unit_test(uri_is_written_from_its_parts),
		cmocka_unit_test(every_capacity_too_small_fails),
		cmocka_unit_test(what_cannot_be_answered_fails),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
