/* SPDX-License-Identifier: BSD-3-Clause */
/* Bodies of several parts: RFC 2046 §5.1, RFC 5621. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <sallyport/sip.h>

static struct sip_multipart w;
static struct sip_part p;

static void expect(struct sip_str s, const char *text)
{
	assert_non_null(s.at);
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.at, text, s.len);
}

static int begin(const char *type, const char *body)
{
	return sip_multipart_begin(sip_str_c(type), sip_str_c(body), &w);
}

static void parts_are_byte_for_byte_what_stands_there(void **state)
{
	assert_int_equal(
		begin("multipart/mixed;boundary=\"a b\"",
			"preamble\r\n--a b \t\r\nContent-Type: x/y\r\nc: z/w\r\nContent-ID: "
			"<1@h>\r\nContent-Disposition: session\r\n\r\n one\r\n--a bx\r\n"
			"\r\n--a b\r\n\r\n\r\n--a b--\r\nepilogue --a b"),
		0);
	assert_int_equal(sip_multipart_next(&w, &p), 1);
	expect(p.body, " one\r\n--a bx\r\n");
	expect(p.content_type, "z/w");
	expect(p.content_id, "<1@h>");
	expect(p.disposition, "session");
	assert_int_equal(p.whole.len, p.head.len + p.body.len);
	assert_int_equal(sip_multipart_next(&w, &p), 1);
	expect(p.head, "\r\n");
	expect(p.body, "");
	assert_null(p.content_type.at);
	assert_int_equal(sip_multipart_next(&w, &p), 0);
	assert_int_equal(sip_multipart_next(&w, &p), 0);
}

static void what_has_no_boundary_is_malformed(void **state)
{
	assert_int_equal(begin("text/plain", "x"), ERR_UNSUPPORTED);
	assert_int_equal(begin("multipart/mixed", "--\r\n"), ERR_MALFORMED);
	assert_int_equal(begin("multipart/mixed;boundary=\"\"", "--\r\n\r\n----"), ERR_MALFORMED);
	assert_int_equal(begin("multipart/mixed;boundary=a", ""), ERR_MALFORMED);
	assert_int_equal(begin("multipart/mixed;boundary=a", "b"), ERR_MALFORMED);
	assert_int_equal(begin("multipart/mixed;boundary=a", "--a--\r\n"), ERR_MALFORMED);
	assert_int_equal(
		begin("multipart/mixed;boundary="
		      "12345678901234567890123456789012345678901234567890123456789012345678901",
			"--12345678901234567890123456789012345678901234567890123456789012345678"
			"901\r\n\r\n"),
		ERR_MALFORMED);
	assert_int_equal(begin("multipart/mixed;boundary=a", "--a\r\n\r\nno end"), 0);
	assert_int_equal(sip_multipart_next(&w, &p), ERR_MALFORMED);
	assert_int_equal(
		begin("multipart/mixed;boundary=a", "--a\r\nno colon\r\n\r\n\r\n--a--"), 0);
	assert_int_equal(sip_multipart_next(&w, &p), ERR_MALFORMED);
}

static void parts_are_bounded(void **state)
{
	static char body[1024];
	size_t n = 0;
	for (unsigned i = 0; i <= SIP_MULTIPART_PARTS; i++)
		n += (size_t)snprintf(body + n, sizeof(body) - n, "--a\r\n\r\nx\r\n");
	assert_int_equal(begin("multipart/mixed;boundary=a", body), 0);
	for (unsigned i = 0; i < SIP_MULTIPART_PARTS; i++)
		assert_int_equal(sip_multipart_next(&w, &p), 1);
	assert_int_equal(sip_multipart_next(&w, &p), ERR_MALFORMED);
}

static int find(const char *type, const char *body)
{
	static struct sip_msg m;
	static char text[4096];
	int n = snprintf(text, sizeof(text),
		"INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n"
		"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
		"%s%s\r\n\r\n%s",
		type[0] != 0 ? "Content-Type: " : "X: ", type, body);
	assert_true(n > 0 && (size_t)n < sizeof(text));
	assert_int_equal(sip_msg_decode(text, (size_t)n, SIP_DATAGRAM, &m), SIP_FINE);
	return sip_body_find(&m, "application", "sdp", &p);
}

static void sdp_is_found_wherever_it_is(void **state)
{
	assert_int_equal(find("application/SDP", "v=0"), 0);
	expect(p.body, "v=0");
	assert_int_equal(find("text/plain", "v=0"), ERR_NOT_FOUND);
	assert_int_equal(find("application/sdp", ""), ERR_NOT_FOUND);
	assert_int_equal(find("", "v=0"), ERR_NOT_FOUND);
	assert_int_equal(find("a b", "v=0"), ERR_MALFORMED);
	assert_int_equal(
		find("multipart/mixed;boundary=o",
			"--o\r\nContent-Type: text/plain\r\n\r\n1\r\n--o\r\n"
			"Content-Type: multipart/alternative;boundary=i\r\n\r\n"
			"--i\r\nContent-Type: text/html\r\n\r\n2\r\n"
			"--i\r\nContent-Type: application/sdp\r\n\r\nv=1\r\n--i--\r\n--o--"),
		0);
	expect(p.body, "v=1");
}

/* LEVELS multiparts around an SDP. */
static int find_nested(unsigned levels)
{
	char body[2048];
	size_t n = 0;
	for (unsigned i = 1; i < levels; i++)
		n += (size_t)snprintf(body + n, sizeof(body) - n,
			"--%u\r\nContent-Type: multipart/mixed;boundary=%u\r\n\r\n", i, i + 1);
	n += (size_t)snprintf(body + n, sizeof(body) - n,
		"--%u\r\nContent-Type: application/sdp\r\n\r\nv=0", levels);
	for (unsigned i = levels; i > 0; i--)
		n += (size_t)snprintf(body + n, sizeof(body) - n, "\r\n--%u--", i);
	return find("multipart/mixed;boundary=1", body);
}

static void nesting_is_bounded(void **state)
{
	assert_int_equal(find_nested(SIP_MULTIPART_DEPTH), 0);
	expect(p.body, "v=0");
	assert_int_equal(find_nested(SIP_MULTIPART_DEPTH + 1), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(parts_are_byte_for_byte_what_stands_there),
		cmocka_unit_test(what_has_no_boundary_is_malformed),
		cmocka_unit_test(parts_are_bounded),
		cmocka_unit_test(sdp_is_found_wherever_it_is),
		cmocka_unit_test(nesting_is_bounded),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
