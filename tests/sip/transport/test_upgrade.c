/* SPDX-License-Identifier: BSD-3-Clause */
/* The request that begins a WebSocket: RFC 6455 §4.2, RFC 7118 §4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/sip/transport/websocket.h"

#define FIRST "GET /path HTTP/1.1\r\n"
#define HOST  "Host: edge.example\r\n"
#define UP    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define SIP   "Sec-WebSocket-Protocol: sip\r\n"
#define V13   "Sec-WebSocket-Version: 13\r\n"
#define GOOD  FIRST HOST UP KEY SIP V13 "\r\n"

static struct ws_reply reply;
static size_t used;

static enum ws_upgrade read_bytes(const char *text, size_t len, const char *origin)
{
	char *copy = malloc(len > 0 ? len : 1); /* so that a sanitizer sees a byte too far */
	const char *origins[] = {"https://other.example", origin};

	assert_non_null(copy);
	memcpy(copy, text, len);
	enum ws_upgrade what =
		ws_upgrade_read(bytes_of(copy, len), origins, origin ? 2 : 0, &reply, &used);
	free(copy);
	return what;
}

static void assert_refused(const char *text, unsigned status)
{
	char line[32];

	assert_int_equal(read_bytes(text, strlen(text), NULL), WS_UPGRADE_REFUSED);
	assert_int_equal(reply.status, status);
	snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
	assert_memory_equal(reply.text, line, strlen(line));
	assert_memory_equal(reply.text + reply.len - 4, "\r\n\r\n", 4);
}

/* §1.3: the key and the answer of its example. */
static void request_is_answered_with_its_key(void **state)
{
	(void)state;
	assert_int_equal(read_bytes(GOOD "\x81", strlen(GOOD) + 1, NULL), WS_UPGRADE_DONE);

	assert_int_equal(used, strlen(GOOD));
	assert_int_equal(reply.status, 101);
	assert_int_equal(reply.len, strlen(reply.text));
	assert_non_null(
		strstr(reply.text, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	assert_non_null(strstr(reply.text, "\r\nSec-WebSocket-Protocol: sip\r\n"));
}

static void browsers_write_more_than_they_must(void **state)
{
	static const char text[] =
		"GET / HTTP/1.1\r\nhost: a\r\nupgrade:\tWebSocket \r\n"
		"connection: keep-alive, upgrade\r\n" KEY V13 "Sec-WebSocket-Protocol: msrp\r\n"
		"sec-websocket-protocol: xmpp , sip\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate\r\n"
		"Cookie: a=b; c=:d\r\nContent-Length: 0\r\nX-Empty:\r\n\r\n";

	(void)state;
	assert_int_equal(read_bytes(text, strlen(text), NULL), WS_UPGRADE_DONE);
	assert_null(strstr(reply.text, "Extensions"));
}

static void part_of_a_request_waits_for_the_rest(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(GOOD); len++)
		assert_int_equal(read_bytes(GOOD, len, NULL), WS_UPGRADE_MORE);
}

static void request_is_so_long_at_most(void **state)
{
	static char text[WS_REQUEST_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(read_bytes(text, WS_REQUEST_MAX - 1, NULL), WS_UPGRADE_MORE);
	assert_refused(text, 431);
}

static void what_is_no_such_request_is_refused(void **state)
{
	(void)state;
	assert_refused("OPTIONS sip:a@b SIP/2.0\r\n\r\n", 400);
	assert_refused("POST / HTTP/1.1\r\n" HOST UP KEY SIP V13 "\r\n", 405);
	assert_refused("GET / HTTP/1.0\r\n" HOST UP KEY SIP V13 "\r\n", 400);
	assert_refused("GET http://a/ HTTP/1.1\r\n" HOST UP KEY SIP V13 "\r\n", 400);
	assert_refused("GET / HTTP/1.1 x\r\n" HOST UP KEY SIP V13 "\r\n", 400);
	assert_refused("\r\n\r\n", 400);
	assert_refused(FIRST "no colon\r\n" HOST UP KEY SIP V13 "\r\n", 400);
	assert_refused(FIRST HOST " folded: x\r\n" UP KEY SIP V13 "\r\n", 400);
	assert_refused(FIRST "Host : a\r\n" UP KEY SIP V13 "\r\n", 400);
	assert_refused(FIRST HOST "bare: a\nline: b\r\n" UP KEY SIP V13 "\r\n", 400);
	assert_refused(FIRST HOST "x: \x01\r\n" UP KEY SIP V13 "\r\n", 400);
}

/* §4.2.1 */
static void each_header_must_be_there_and_right(void **state)
{
	(void)state;
	assert_refused(FIRST UP KEY SIP V13 "\r\n", 400);
	assert_refused(FIRST HOST HOST UP KEY SIP V13 "\r\n", 400);
	assert_refused(FIRST HOST "Connection: Upgrade\r\n" KEY SIP V13 "\r\n", 426);
	assert_refused(FIRST HOST "Upgrade: websocket\r\n" KEY SIP V13 "\r\n", 400);
	assert_refused(FIRST HOST UP SIP V13 "\r\n", 400);
	assert_refused(FIRST HOST UP KEY KEY SIP V13 "\r\n", 400);
	assert_refused(
		FIRST HOST UP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" SIP V13 "\r\n", 400);
	assert_refused(FIRST HOST UP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=\r\n" SIP V13
				     "\r\n",
		400);
	assert_refused(FIRST HOST UP KEY V13 "\r\n", 400);
	assert_refused(FIRST HOST UP KEY V13 "Sec-WebSocket-Protocol: sipx\r\n\r\n", 400);
	assert_refused(FIRST HOST UP KEY SIP "\r\n", 426);
	assert_refused(FIRST HOST UP KEY SIP "Sec-WebSocket-Version: 8\r\n\r\n", 426);
	assert_non_null(strstr(reply.text, "\r\nSec-WebSocket-Version: 13\r\n"));
	assert_refused(FIRST HOST UP KEY SIP V13 "Content-Length: 5\r\n\r\n", 400);
	assert_refused(FIRST HOST UP KEY SIP V13 "Transfer-Encoding: chunked\r\n\r\n", 400);
}

/* §10.2 */
static void page_of_another_origin_is_refused(void **state)
{
	static const char from[] = FIRST HOST UP KEY SIP V13 "Origin: https://a.example\r\n\r\n";
	static const char both[] = FIRST HOST UP KEY SIP V13
		"Origin: https://a.example\r\nOrigin: https://b.example\r\n\r\n";

	(void)state;
	assert_int_equal(read_bytes(from, strlen(from), NULL), WS_UPGRADE_DONE);
	assert_int_equal(read_bytes(from, strlen(from), "https://A.example"), WS_UPGRADE_DONE);
	assert_int_equal(read_bytes(GOOD, strlen(GOOD), "https://a.example"), WS_UPGRADE_DONE);
	assert_int_equal(
		read_bytes(from, strlen(from), "https://a.example:8443"), WS_UPGRADE_REFUSED);
	assert_int_equal(reply.status, 403);
	assert_int_equal(read_bytes(both, strlen(both), "https://a.example"), WS_UPGRADE_REFUSED);
	assert_int_equal(reply.status, 400);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(request_is_answered_with_its_key),
		cmocka_unit_test(browsers_write_more_than_they_must),
		cmocka_unit_test(part_of_a_request_waits_for_the_rest),
		cmocka_unit_test(request_is_so_long_at_most),
		cmocka_unit_test(what_is_no_such_request_is_refused),
		cmocka_unit_test(each_header_must_be_there_and_right),
		cmocka_unit_test(page_of_another_origin_is_refused),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
