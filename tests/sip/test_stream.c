/* SPDX-License-Identifier: BSD-3-Clause */
/* Cutting a stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/sip.h>

#define HEAD "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKa\r\n"

static enum sip_frame frame(struct sip_stream *s, const char *text, size_t *n)
{
	return sip_stream_frame(s, text, strlen(text), n);
}

static void message_has_head_and_content_length(void **state)
{
	struct sip_stream s = {0};
	size_t n;
	assert_int_equal(
		frame(&s, HEAD "Content-Length: 4\r\n\r\nbodyOPTIONS", &n), SIP_FRAME_MESSAGE);
	assert_int_equal(n, strlen(HEAD "Content-Length: 4\r\n\r\nbody"));
	assert_int_equal(frame(&s, HEAD "l :\r\n 0\r\n\r\n", &n), SIP_FRAME_MESSAGE);
	assert_int_equal(n, strlen(HEAD "l :\r\n 0\r\n\r\n"));
}

/* Whatever pieces it comes in, the answer is the same, and each byte is searched once. */
static void message_may_come_byte_by_byte(void **state)
{
	static const char text[] = HEAD "Content-Length: 4\r\n\r\nbody";
	struct sip_stream s = {0};
	size_t n, len = sizeof(text) - 1;
	for (size_t have = 0; have < len; have++) {
		assert_int_equal(sip_stream_frame(&s, text, have, &n), SIP_FRAME_MORE);
		assert_int_equal(n, have >= len - 4 ? len : 0);
		assert_int_equal(s.scanned, have < len - 4 ? have : len - 4);
	}
	assert_int_equal(sip_stream_frame(&s, text, len, &n), SIP_FRAME_MESSAGE);
	assert_int_equal(n, len);
	assert_int_equal(s.scanned, 0);
}

static void crlf_is_pong_and_twice_is_ping(void **state)
{
	struct sip_stream s = {0};
	size_t n;
	assert_int_equal(frame(&s, "\r", &n), SIP_FRAME_MORE);
	assert_int_equal(frame(&s, "\r\n\r\n\r\n", &n), SIP_FRAME_CRLF);
	assert_int_equal(n, 2);
	assert_int_equal(frame(&s, "\r\n\r\n", &n), SIP_FRAME_PING);
	assert_int_equal(n, 2);
	assert_int_equal(frame(&s, "\r\n", &n), SIP_FRAME_CRLF);
	assert_int_equal(frame(&s, HEAD "l: 0\r\n\r\n\r\n", &n), SIP_FRAME_MESSAGE);
	assert_int_equal(frame(&s, "\r\n", &n), SIP_FRAME_CRLF);
}

static void what_is_no_sip_is_found_out_early(void **state)
{
	static const char *const texts[] = {
		"\rX", "\n", " INVITE", "\x16\x03\x01", "GET / \nHost", HEAD "X: a\nb"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct sip_stream s = {0};
		size_t n;
		assert_int_equal(frame(&s, texts[i], &n), SIP_FRAME_BAD);
		assert_int_equal(n, 0);
	}
}

/* The head can still be decoded and answered before the connection is closed. */
static void bad_length_leaves_the_head(void **state)
{
	static const char *const texts[] = {HEAD "\r\n", HEAD "Content-Length: x\r\n\r\n",
		HEAD "Content-Length: 1\r\nl: 1\r\n\r\nx", HEAD "bad line\r\nl: 0\r\n\r\n",
		HEAD "l: -1\r\n\r\n", HEAD "l: 1 2\r\n\r\n"};
	struct sip_msg m;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct sip_stream s = {0};
		size_t n;
		assert_int_equal(frame(&s, texts[i], &n), SIP_FRAME_BAD);
		assert_int_equal(n, (size_t)(strstr(texts[i], "\r\n\r\n") - texts[i]) + 4);
		assert_int_not_equal(sip_msg_decode(texts[i], n, SIP_STREAM, &m), SIP_FINE);
	}
}

static void longer_than_taken_is_said_when_the_head_is_there(void **state)
{
	static const char text[] = HEAD "l: 10\r\n\r\n";
	struct sip_stream s = {.max = sizeof(text) - 1 + 10};
	size_t n;
	assert_int_equal(frame(&s, text, &n), SIP_FRAME_MORE);
	assert_int_equal(n, s.max);

	s = (struct sip_stream){.max = sizeof(text) - 1 + 9};
	assert_int_equal(frame(&s, text, &n), SIP_FRAME_LONG);
	assert_int_equal(n, sizeof(text) - 1);

	s = (struct sip_stream){0};
	assert_int_equal(frame(&s, HEAD "l: 99999999999\r\n\r\n", &n), SIP_FRAME_LONG);
}

static void endless_head_is_too_long(void **state)
{
	struct sip_stream s = {0};
	size_t n;
	char *text = malloc(SIP_HEAD_MAX + 1);
	memset(text, 'a', SIP_HEAD_MAX + 1);
	assert_int_equal(sip_stream_frame(&s, text, SIP_HEAD_MAX, &n), SIP_FRAME_MORE);
	assert_int_equal(sip_stream_frame(&s, text, SIP_HEAD_MAX + 1, &n), SIP_FRAME_LONG);
	assert_int_equal(n, 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(message_has_head_and_content_length),
		cmocka_unit_test(message_may_come_byte_by_byte),
		cmocka_unit_test(crlf_is_pong_and_twice_is_ping),
		cmocka_unit_test(what_is_no_sip_is_found_out_early),
		cmocka_unit_test(bad_length_leaves_the_head),
		cmocka_unit_test(longer_than_taken_is_said_when_the_head_is_there),
		cmocka_unit_test(endless_head_is_too_long),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
