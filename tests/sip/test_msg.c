/* SPDX-License-Identifier: BSD-3-Clause */
/* Decoding of messages: what is where, what is refused and whether that can be answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/sip.h>

#define VIA     "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n"
#define FROM    "From: <sip:a@example.com>;tag=1\r\n"
#define TO      "To: <sip:b@example.com>\r\n"
#define CALL_ID "Call-ID: c1@example.com\r\n"
#define CSEQ    "CSeq: 7 INVITE\r\n"
#define START   "INVITE sip:b@example.com SIP/2.0\r\n"
#define ALL     VIA FROM TO CALL_ID CSEQ

static struct sip_msg m;

static enum sip_refusal decode(const char *text)
{
	return sip_msg_decode(text, strlen(text), SIP_DATAGRAM, &m);
}

static void expect(struct sip_str s, const char *text)
{
	assert_non_null(s.at);
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.at, text, s.len);
}

static void request_is_taken_apart(void **state)
{
	assert_int_equal(decode(START ALL "Max-Forwards: 70\r\nX-New : 1\r\n\r\nbody"), SIP_FINE);
	assert_true(m.is_request);
	assert_int_equal(m.method, SIP_INVITE);
	expect(m.uri, "sip:b@example.com");
	expect(m.call_id, "c1@example.com");
	expect(m.from_tag, "1");
	assert_null(m.to_tag.at);
	assert_int_equal(m.cseq, 7);
	assert_int_equal(m.max_forwards, 70);
	assert_int_equal(m.n_headers, 7);
	expect(m.headers[6].name, "X-New");
	expect(m.headers[6].value, "1");
	expect(m.headers[6].whole, "X-New : 1\r\n");
	assert_int_equal(m.headers[6].id, SIP_HEADER_OTHER);
	expect(m.body, "body");
	assert_true(sip_msg_is_answerable(&m));
}

static void response_has_the_method_of_its_cseq(void **state)
{
	assert_int_equal(decode("SIP/2.0 180 Ringing\r\n" ALL "\r\n"), SIP_FINE);
	assert_false(m.is_request);
	assert_int_equal(m.status, 180);
	expect(m.reason, "Ringing");
	assert_int_equal(m.method, SIP_INVITE);
	assert_false(sip_msg_is_answerable(&m));

	assert_int_equal(decode("SIP/2.0 200 \r\n" ALL "\r\n"), SIP_FINE);
	assert_int_equal(m.reason.len, 0);
}

/* RFC 3261 §7.3.3, §20: each has the id of its long form. */
static void compact_forms_are_known(void **state)
{
	assert_int_equal(decode("BYE sip:b@example.com SIP/2.0\r\n"
				"v: SIP/2.0/TCP h;branch=z9hG4bKx\r\nF: sip:a@h;tag=2\r\n"
				"t: sip:b@h;tag=3\r\ni: x\r\nCSeq: 1 BYE\r\nL: 0\r\n\r\n"),
		SIP_FINE);
	expect(sip_header_value(&m, SIP_HEADER_VIA), "SIP/2.0/TCP h;branch=z9hG4bKx");
	expect(m.to_tag, "3");
	expect(m.call_id, "x");
	assert_int_equal(m.body.len, 0);
}

/* RFC 3261 §7.3.1. */
static void folded_values_are_read_as_one(void **state)
{
	char text[64];
	size_t n;
	assert_int_equal(
		decode(START "Via:\r\n SIP/2.0/UDP\r\n\t192.0.2.1 ;\r\n branch=\r\n z9hG4bKq\r\n"
			     "From:\r\n <sip:a@h>\r\n ;tag\r\n =\r\n x\r\n" TO CALL_ID
			     "CSeq: 7\r\n  INVITE\r\nSubject: one \r\n  two\r\n\r\n"),
		SIP_FINE);
	struct sip_via via;
	assert_int_equal(sip_via_top(&m, &via), 0);
	expect(via.branch, "z9hG4bKq");
	expect(m.from_tag, "x");
	struct sip_str subject = sip_header_value(&m, SIP_HEADER_SUBJECT);
	assert_int_equal(sip_str_text(subject, false, text, sizeof(text), &n), 0);
	expect(sip_str_of(text, n), "one two");
}

static void same_header_fields_are_chained_in_order(void **state)
{
	assert_int_equal(decode(START "Route: <sip:1@h>\r\n" ALL
				      "Route: <sip:2@h>, <sip:3@h>\r\nRoute: <sip:4@h>\r\n\r\n"),
		SIP_FINE);
	struct sip_list l = sip_list_of(&m, SIP_HEADER_ROUTE);
	struct sip_name_addr a;
	for (char i = '1'; i <= '4'; i++) {
		assert_int_equal(sip_name_addr_next(&l, &a), 1);
		assert_int_equal(a.uri.at[4], i);
	}
	assert_int_equal(sip_name_addr_next(&l, &a), 0);
	assert_int_equal(sip_name_addr_next(&l, &a), 0);
}

static void refusals_are_named_and_answered(void **state)
{
	static const struct {
		const char *text;
		enum sip_refusal refusal;
		bool is_answerable;
		unsigned status;
	} rows[] = {
		{"", SIP_BAD_START_LINE, false, 400},
		{"\r\n\r\n", SIP_BAD_START_LINE, false, 400},
		{"INVITE  sip:b@h SIP/2.0\r\n" ALL "\r\n", SIP_BAD_START_LINE, true, 400},
		{"INVITE sip:b@h  SIP/2.0\r\n" ALL "\r\n", SIP_BAD_START_LINE, true, 400},
		{"INVITE sip:b@h SIP/2.0 \r\n" ALL "\r\n", SIP_BAD_START_LINE, true, 400},
		{"INVITE sip:b@h HTTP/1.1\r\n" ALL "\r\n", SIP_BAD_START_LINE, true, 400},
		{"INVITE <sip:b@h> SIP/2.0\r\n" ALL "\r\n", SIP_BAD_URI, true, 400},
		{"INVITE sip:b@h?Subject=x SIP/2.0\r\n" ALL "\r\n", SIP_BAD_URI, true, 400},
		{"INVITE sip:b@ SIP/2.0\r\n" ALL "\r\n", SIP_BAD_URI, true, 400},
		{"INVITE sip:b@h SIP/7.0\r\n" ALL "\r\n", SIP_BAD_VERSION, true, 505},
		{"INVITE sip:b@h SIP/2.1\r\n" ALL "\r\n", SIP_BAD_VERSION, true, 505},
		{"SIP/2.0 20 OK\r\n" ALL "\r\n", SIP_BAD_START_LINE, false, 400},
		{"SIP/2.0 700 OK\r\n" ALL "\r\n", SIP_BAD_START_LINE, false, 400},
		{"SIP/2.0 4294967301 OK\r\n" ALL "\r\n", SIP_BAD_START_LINE, false, 400},
		{START ALL, SIP_NO_END, true, 400},
		{START " x\r\n" ALL "\r\n", SIP_BAD_HEADER, true, 400},
		{START ALL "no colon\r\n\r\n", SIP_BAD_HEADER, true, 400},
		{START ALL ": no name\r\n\r\n", SIP_BAD_HEADER, true, 400},
		{START ALL "X: a\nY: b\r\n\r\n", SIP_BAD_BYTE, true, 400},
		{START ALL "X: a\rY: b\r\n\r\n", SIP_BAD_BYTE, true, 400},
		{START FROM TO CALL_ID CSEQ "\r\n", SIP_NO_VIA, false, 400},
		{START "Via: SIP/2.0/UDP\r\n" FROM TO CALL_ID CSEQ "\r\n", SIP_BAD_VIA, false, 400},
		{START VIA TO CALL_ID CSEQ "\r\n", SIP_NO_FROM, true, 400},
		{START VIA FROM CALL_ID CSEQ "\r\n", SIP_NO_TO, true, 400},
		{START VIA FROM TO CSEQ "\r\n", SIP_NO_CALL_ID, true, 400},
		{START VIA FROM TO CALL_ID "\r\n", SIP_NO_CSEQ, true, 400},
		{START VIA FROM "To: \"open <sip:b@h>\r\n" CALL_ID CSEQ "\r\n", SIP_BAD_TO, true,
			400},
		{START VIA FROM "To: <sip:b@h>;tag\r\n" CALL_ID CSEQ "\r\n", SIP_BAD_TO, true, 400},
		{START VIA FROM "To: <sip:b@h>;tag=1;tag=2\r\n" CALL_ID CSEQ "\r\n", SIP_BAD_TO,
			true, 400},
		{START ALL "c: a/b\r\nContent-Type: a/b\r\n\r\n", SIP_DUPLICATE, true, 400},
		{START VIA "From: *\r\n" TO CALL_ID CSEQ "\r\n", SIP_BAD_FROM, true, 400},
		{START VIA FROM TO "Call-ID:\r\n" CSEQ "\r\n", SIP_BAD_CALL_ID, true, 400},
		{START VIA FROM TO "Call-ID: a b\r\n" CSEQ "\r\n", SIP_BAD_CALL_ID, true, 400},
		{START VIA FROM TO CALL_ID "CSeq: x INVITE\r\n\r\n", SIP_BAD_CSEQ, true, 400},
		{START VIA FROM TO CALL_ID "CSeq: 2147483648 INVITE\r\n\r\n", SIP_BAD_CSEQ, true,
			400},
		{START VIA FROM TO CALL_ID "CSeq: 7 BYE\r\n\r\n", SIP_CSEQ_MISMATCH, true, 400},
		{START VIA FROM TO CALL_ID "CSeq: 7 invite\r\n\r\n", SIP_CSEQ_MISMATCH, true, 400},
		{START ALL TO "\r\n", SIP_DUPLICATE, true, 400},
		{START ALL CSEQ "\r\n", SIP_DUPLICATE, true, 400},
		{START ALL "l: 0\r\nContent-Length: 0\r\n\r\n", SIP_DUPLICATE, true, 400},
		{START ALL "Content-Length: -9\r\n\r\n", SIP_BAD_CONTENT_LENGTH, true, 400},
		{START ALL "Content-Length: 1\r\n\r\n", SIP_BODY_SHORT, true, 400},
		{START ALL "Content-Length: 65536\r\n\r\n", SIP_TOO_LARGE, true, 413},
		{START ALL "Content-Length: 99999999999999999999\r\n\r\n", SIP_TOO_LARGE, true,
			413},
		{START ALL "Max-Forwards: 256\r\n\r\n", SIP_BAD_MAX_FORWARDS, true, 400},
		{"ACK sip:b@h SIP/2.0\r\n" VIA FROM TO CALL_ID "CSeq: 7 ACK\r\nbad\r\n\r\n",
			SIP_BAD_HEADER, false, 400},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row %zu\n", i);
		assert_int_equal(decode(rows[i].text), rows[i].refusal);
		assert_int_equal(sip_msg_is_answerable(&m), rows[i].is_answerable);
		assert_int_equal(sip_refusal_status(m.refusal), rows[i].status);
	}
	for (unsigned r = 0; r < SIP_REFUSAL_COUNT; r++)
		assert_non_null(sip_refusal_text((enum sip_refusal)r));
}

/* quoted-pair of RFC 3261 §25.1: a backslash makes NUL a character of a quoted string. */
static void nul_stands_behind_a_backslash_only(void **state)
{
	static const char good[] =
		START VIA FROM "To: \"a\\\0b\" <sip:b@h>\r\n" CALL_ID CSEQ "\r\n";
	static const char bad[] = START VIA FROM "To: \"a\0b\" <sip:b@h>\r\n" CALL_ID CSEQ "\r\n";
	assert_int_equal(sip_msg_decode(good, sizeof(good) - 1, SIP_DATAGRAM, &m), SIP_FINE);
	assert_int_equal(sip_msg_decode(bad, sizeof(bad) - 1, SIP_DATAGRAM, &m), SIP_BAD_BYTE);
}

/* RFC 3261 §18.3. */
static void datagram_is_cut_at_content_length(void **state)
{
	assert_int_equal(decode(START ALL "Content-Length: 2\r\n\r\nabcd"), SIP_FINE);
	expect(m.body, "ab");
	assert_int_equal(m.bytes.len, m.head.len + 2);
}

static void stream_message_wants_content_length(void **state)
{
	const char *text = START ALL "\r\n";
	assert_int_equal(sip_msg_decode(text, strlen(text), SIP_STREAM, &m), SIP_NO_CONTENT_LENGTH);
	assert_true(sip_msg_is_answerable(&m));
}

/* No byte less is a message, and none of them is read behind its end. */
static void every_truncation_is_refused(void **state)
{
	static const char text[] = START ALL "Max-Forwards: 70\r\nContent-Length: 4\r\n\r\nbody";
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *copy = malloc(n > 0 ? n : 1);
		memcpy(copy, text, n);
		assert_int_not_equal(sip_msg_decode(copy, n, SIP_DATAGRAM, &m), SIP_FINE);
		assert_int_not_equal(sip_msg_decode(copy, n, SIP_STREAM, &m), SIP_FINE);
		free(copy);
	}
	assert_int_equal(sip_msg_decode(text, sizeof(text) - 1, SIP_STREAM, &m), SIP_FINE);
}

/* A text with N times PIECE in the middle. */
static char *build(const char *before, const char *piece, size_t n, const char *after)
{
	size_t len = strlen(before) + n * strlen(piece) + strlen(after) + 1;
	char *text = malloc(len), *p = text;
	assert_non_null(text);
	p = stpcpy(p, before);
	for (size_t i = 0; i < n; i++)
		p = stpcpy(p, piece);
	strcpy(p, after);
	return text;
}

static enum sip_refusal decode_built(
	const char *before, const char *piece, size_t n, const char *after)
{
	char *text = build(before, piece, n, after);
	enum sip_refusal r = decode(text);
	free(text);
	return r;
}

static void bounds_hold_to_the_byte(void **state)
{
	const char *uri = "INVITE sip:", *version = " SIP/2.0\r\n" ALL "\r\n";
	assert_int_equal(decode_built(uri, "a", SIP_URI_MAX - 4, version), SIP_FINE);
	assert_int_equal(decode_built(uri, "a", SIP_URI_MAX - 3, version), SIP_URI_TOO_LONG);
	assert_int_equal(sip_refusal_status(SIP_URI_TOO_LONG), 414);

	assert_int_equal(
		decode_built(START ALL, "X: 1\r\n", SIP_HEADERS_MAX - 5, "\r\n"), SIP_FINE);
	assert_int_equal(m.n_headers, SIP_HEADERS_MAX);
	assert_int_equal(decode_built(START ALL, "X: 1\r\n", SIP_HEADERS_MAX - 4, "\r\n"),
		SIP_TOO_MANY_HEADERS);
	assert_int_equal(m.n_headers, SIP_HEADERS_MAX);

	assert_int_equal(
		decode_built(START ALL "X: ", "a", SIP_HEADER_MAX - 5, "\r\n\r\n"), SIP_FINE);
	assert_int_equal(decode_built(START ALL "X: ", "a", SIP_HEADER_MAX - 4, "\r\n\r\n"),
		SIP_HEADER_TOO_LONG);

	size_t head = strlen(START ALL "\r\n");
	assert_int_equal(decode_built(START ALL "\r\n", "a", SIP_MSG_MAX - head, ""), SIP_FINE);
	assert_int_equal(
		decode_built(START ALL "\r\n", "a", SIP_MSG_MAX - head + 1, ""), SIP_TOO_LARGE);
	assert_int_equal(sip_refusal_status(SIP_TOO_LARGE), 413);
	assert_true(decode_built(START ALL,
			    "X: 12345678901234567890123456789012345678901234567890"
			    "12345678901234567890123456789012345678901234567890"
			    "12345678901234567890123456789012345678901234567890"
			    "12345678901234567890123456789012345678901234567890"
			    "12345678901234567890123456789012345678901234567890"
			    "12345678901234567890123456789012345678901234567890\r\n",
			    120, "\r\n") == SIP_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(request_is_taken_apart),
		cmocka_unit_test(response_has_the_method_of_its_cseq),
		cmocka_unit_test(compact_forms_are_known),
		cmocka_unit_test(folded_values_are_read_as_one),
		cmocka_unit_test(same_header_fields_are_chained_in_order),
		cmocka_unit_test(refusals_are_named_and_answered),
		cmocka_unit_test(nul_stands_behind_a_backslash_only),
		cmocka_unit_test(datagram_is_cut_at_content_length),
		cmocka_unit_test(stream_message_wants_content_length),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(bounds_hold_to_the_byte),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
