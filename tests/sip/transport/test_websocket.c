/* SPDX-License-Identifier: BSD-3-Clause */
/* SIP over WebSocket (RFC 7118): frames made by hand (RFC 6455 §5.2). */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST                                                                                    \
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"               \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n"           \
	"Sec-WebSocket-Version: 13\r\n\r\n"
#define SWITCHED                                                                                   \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"        \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"                                   \
	"Sec-WebSocket-Protocol: sip\r\n\r\n"
#define OPTIONS "OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n"
#define ANSWER  "SIP/2.0 200 OK\r\n\r\n"

/* First bytes of frames. */
#define FIN    0x80
#define TEXT   1
#define BINARY 2
#define CLOSE  8
#define PING   9
#define PONG   10

static int setup(void **state)
{
	(void)rig_setup(state);
	struct rig *r = *state;
	rig_listen(r, SIP_WS, NULL);
	return 0;
}

static int open_ws(struct rig *r)
{
	if (!r->layer)
		rig_start(r);
	int fd = rig_connect(r, 0);
	rig_say(fd, REQUEST);
	rig_hear(r, fd, SWITCHED);
	return fd;
}

/* A client's frame, masked unless told otherwise. */
static size_t frame(uint8_t *out, unsigned first, const void *data, size_t len, bool is_masked)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	const uint8_t *in = data;
	size_t at = 2;

	out[0] = (uint8_t)first;
	out[1] = (uint8_t)(len < 126 ? len : 126);
	if (len >= 126) {
		be16_put(out + 2, (uint16_t)len);
		at = 4;
	}
	if (is_masked) {
		out[1] |= 0x80;
		memcpy(out + at, mask, 4);
		at += 4;
	}
	for (size_t i = 0; i < len; i++)
		out[at + i] = is_masked ? in[i] ^ mask[i % 4] : in[i];
	return at + len;
}

static void say_frame(int fd, unsigned first, const void *data, size_t len)
{
	static uint8_t bytes[66000];
	size_t n = frame(bytes, first, data, len, true);

	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/* A server's frame. */
static void hear_frame(struct rig *r, int fd, unsigned first, const void *data, size_t len)
{
	uint8_t want[512], heard[512];
	size_t n = frame(want, first, data, len, false);

	for (size_t at = 0; at < n;) {
		ssize_t got = recv(fd, heard + at, n - at, MSG_DONTWAIT);
		assert_int_not_equal(got, 0);
		if (got > 0)
			at += (size_t)got;
		else
			rig_turn_now(r);
	}
	assert_memory_equal(heard, want, n);
}

static void hear_close(struct rig *r, int fd, unsigned code)
{
	uint8_t payload[2];

	be16_put(payload, (uint16_t)code);
	hear_frame(r, fd, FIN | CLOSE, payload, 2);
	rig_hear_end(r, fd);
}

/* ---- messages ---- */

/* RFC 7118 §5 */
static void message_is_a_sip_message_whatever_its_kind(void **state)
{
	struct rig *r = *state;
	r->answer = ANSWER;
	int fd = open_ws(r);

	say_frame(fd, FIN | TEXT, OPTIONS, strlen(OPTIONS));
	hear_frame(r, fd, FIN | TEXT, ANSWER, strlen(ANSWER));
	assert_string_equal(r->text, OPTIONS);
	assert_int_equal(r->arrival.transport, SIP_WS);
	r->answer = "\xff" ANSWER; /* cannot be text */
	say_frame(fd, FIN | BINARY, OPTIONS, strlen(OPTIONS));
	hear_frame(r, fd, FIN | BINARY, "\xff" ANSWER, strlen(ANSWER) + 1);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_RX_WS), 2);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_TX_WS), 2);
	close(fd);
}

static void frame_behind_the_request_is_not_lost(void **state)
{
	struct rig *r = *state;
	uint8_t bytes[1024];
	rig_start(r);
	int fd = rig_connect(r, 0);
	memcpy(bytes, REQUEST, strlen(REQUEST));
	size_t n = strlen(REQUEST);
	n += frame(bytes + n, FIN | TEXT, OPTIONS, strlen(OPTIONS), true);
	n += frame(bytes + n, FIN | TEXT, ANSWER, strlen(ANSWER), true);

	assert_int_equal(send(fd, bytes, n, 0), n);
	rig_until(r, SIP_TRANSPORT_C_RX_WS, 2);

	assert_string_equal(r->text, ANSWER);
	close(fd);
}

/* RFC 6455 §5.4: control frames may come between fragments. */
static void fragments_are_one_message(void **state)
{
	struct rig *r = *state;
	int fd = open_ws(r);

	say_frame(fd, TEXT, "OPTIONS sip:bob", 15);
	say_frame(fd, FIN | PING, "are you there", 13);
	hear_frame(r, fd, FIN | PONG, "are you there", 13);
	say_frame(fd, 0, "", 0);
	assert_int_equal(r->n_arrived, 0);
	say_frame(fd, FIN | 0, "@example.com SIP/2.0\r\n\r\n", 24);
	rig_until(r, SIP_TRANSPORT_C_RX_WS, 1);

	assert_string_equal(r->text, OPTIONS);
	close(fd);
}

static void frame_may_come_byte_by_byte(void **state)
{
	struct rig *r = *state;
	uint8_t bytes[256];
	int fd = open_ws(r);
	size_t n = frame(bytes, FIN | TEXT, OPTIONS, strlen(OPTIONS), true);

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(r->n_arrived, 0);
		assert_int_equal(send(fd, bytes + i, 1, 0), 1);
		rig_turn(r);
	}
	rig_until(r, SIP_TRANSPORT_C_RX_WS, 1);

	assert_string_equal(r->text, OPTIONS);
	close(fd);
}

static void long_message_passes_whole(void **state)
{
	struct rig *r = *state;
	static char text[65000];
	memset(text, 'x', sizeof(text));
	int fd = open_ws(r);

	say_frame(fd, FIN | BINARY, text, sizeof(text));
	rig_until(r, SIP_TRANSPORT_C_RX_WS, 1);

	assert_int_equal(r->arrival.message.len, sizeof(text));
	assert_memory_equal(r->text, text, sizeof(text));
	close(fd);
}

/* Clients that know RFC 5626 better than RFC 7118. */
static void blank_message_is_a_ping(void **state)
{
	struct rig *r = *state;
	int fd = open_ws(r);

	say_frame(fd, FIN | TEXT, "\r\n\r\n", 4);
	hear_frame(r, fd, FIN | TEXT, "\r\n", 2);
	say_frame(fd, FIN | TEXT, "", 0);
	rig_until(r, SIP_TRANSPORT_C_PINGS, 2);

	assert_int_equal(r->n_arrived, 0);
	close(fd);
}

static void owner_may_close_the_flow_of_the_message_it_gets(void **state)
{
	struct rig *r = *state;
	uint8_t bytes[512];
	r->is_closing = true;
	int fd = open_ws(r);
	size_t n = frame(bytes, FIN | TEXT, OPTIONS, strlen(OPTIONS), true);
	n += frame(bytes + n, FIN | TEXT, OPTIONS, strlen(OPTIONS), true);

	assert_int_equal(send(fd, bytes, n, 0), n);
	rig_hear_end(r, fd);

	assert_int_equal(r->n_arrived, 1);
	close(fd);
}

/* ---- the end ---- */

/* RFC 6455 §5.5.1 */
static void close_is_answered_with_its_code(void **state)
{
	struct rig *r = *state;
	int fd = open_ws(r), other = open_ws(r);

	say_frame(fd, FIN | CLOSE, "\x03\xe9going", 7);
	hear_close(r, fd, 1001);
	say_frame(other, FIN | CLOSE, "", 0);
	hear_close(r, other, 1000);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_PEER), 2);
	assert_int_equal(r->closed_why, 0);
	close(fd);
	close(other);
}

static void assert_bad(struct rig *r, const void *bytes, size_t len, unsigned code)
{
	int fd = open_ws(r);
	uint64_t n = rig_counted(r, SIP_TRANSPORT_C_END_MALFORMED);

	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
	hear_close(r, fd, code);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_MALFORMED), n + 1);
	close(fd);
}

static void assert_bad_frame(
	struct rig *r, unsigned first, const char *data, size_t len, unsigned code)
{
	uint8_t bytes[256];

	assert_bad(r, bytes, frame(bytes, first, data, len, true), code);
}

static void frame_that_breaks_the_protocol_ends_the_connection(void **state)
{
	struct rig *r = *state;
	uint8_t bytes[512];
	char payload[126] = {0};

	assert_bad(r, bytes, frame(bytes, FIN | TEXT, "a", 1, false), 1002); /* §5.1 */
	assert_bad_frame(r, FIN | 0, "a", 1, 1002);           /* goes on with nothing */
	assert_bad_frame(r, FIN | 3, "a", 1, 1002);           /* no such opcode */
	assert_bad_frame(r, FIN | 0x40 | TEXT, "a", 1, 1002); /* an extension's bit */
	assert_bad_frame(r, PING, "a", 1, 1002);              /* §5.5: in pieces */
	assert_bad_frame(r, FIN | PING, payload, 126, 1002);  /* §5.5: too long */
	assert_bad_frame(r, FIN | CLOSE, "a", 1, 1002);
	assert_bad_frame(r, FIN | CLOSE, "\x03\xed", 2, 1002); /* 1005 is not sent */
	assert_bad_frame(r, FIN | CLOSE, "\x03\xe8\xff", 3, 1007);
	assert_bad_frame(r, FIN | TEXT, "\xc3(", 2, 1007);
	size_t n = frame(bytes, TEXT, "a", 1, true);
	n += frame(bytes + n, FIN | TEXT, "a", 1, true);
	assert_bad(r, bytes, n, 1002); /* two messages at once */
	assert_int_equal(r->n_arrived, 0);
}

static void message_is_so_long_at_most(void **state)
{
	struct rig *r = *state;
	char text[600];
	memset(text, 'x', sizeof(text));
	r->config.limits.message_bytes = 1000;
	int fd = open_ws(r);

	say_frame(fd, TEXT, text, 600);
	say_frame(fd, FIN | 0, text, 600);
	hear_close(r, fd, 1009);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_TOO_LARGE), 1);
	assert_int_equal(r->n_arrived, 0);
	close(fd);
}

/* It is not waited for. */
static void frame_that_says_to_be_too_long_ends_at_once(void **state)
{
	struct rig *r = *state;
	const uint8_t huge[] = {FIN | BINARY, 0x80 | 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'x'};
	int fd = open_ws(r);

	assert_int_equal(send(fd, huge, sizeof(huge), MSG_NOSIGNAL), sizeof(huge));
	hear_close(r, fd, 1009);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_TOO_LARGE), 1);
	close(fd);
}

static void pings_without_end_end_the_connection(void **state)
{
	struct rig *r = *state;
	int fd = open_ws(r);

	for (int i = 0; i < 129; i++)
		say_frame(fd, FIN | (i % 2 ? PING : PONG), "", 0);
	rig_hear_end(r, fd);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_FLOOD), 1);
	close(fd);
}

/* ---- the request, and times ---- */

static void refused_request_is_told_why(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	rig_hear(r, fd, "HTTP/1.1 400 Bad Request\r\n");
	rig_hear_end(r, fd);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_UPGRADE), 1);
	close(fd);
}

static void origin_is_the_listeners_affair(void **state)
{
	static const char *const origins[] = {"https://a.example"};
	struct rig *r = *state;
	r->listeners[0].origins = origins;
	r->listeners[0].n_origins = 1;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, "GET / HTTP/1.1\r\nOrigin: https://b.example\r\n");
	rig_say(fd, strchr(REQUEST, '\n') + 1);
	rig_hear(r, fd, "HTTP/1.1 403 Forbidden\r\n");
	rig_hear_end(r, fd);
	close(fd);
}

static void request_must_be_there_in_time(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, "GET / HTTP/1.1\r\n");
	rig_until(r, SIP_TRANSPORT_C_ACCEPTED, 1);
	rig_turn(r);
	rig_wait(r, r->config.limits.handshake_ms + 200);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_SLOW), 1);
	close(fd);
}

static void message_must_be_whole_in_time(void **state)
{
	struct rig *r = *state;
	int fd = open_ws(r);
	say_frame(fd, FIN | TEXT, OPTIONS, strlen(OPTIONS));
	rig_until(r, SIP_TRANSPORT_C_RX_WS, 1);
	rig_wait(r, r->config.limits.message_ms + 200);
	assert_int_equal(r->n_closed, 0);

	say_frame(fd, TEXT, "OPTIONS", 7);
	rig_turn(r);
	rig_wait(r, r->config.limits.message_ms - 200);
	say_frame(fd, FIN | PING, "", 0); /* buys no time */
	hear_frame(r, fd, FIN | PONG, "", 0);
	rig_wait(r, 400);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_SLOW), 1);
	close(fd);
}

/* Where segments end is the network's affair. */
static void ping_in_pieces_begins_no_message(void **state)
{
	struct rig *r = *state;
	uint8_t bytes[64];
	int fd = open_ws(r);
	size_t n = frame(bytes, FIN | PING, "ping", 4, true);
	say_frame(fd, FIN | TEXT, OPTIONS, strlen(OPTIONS));
	rig_until(r, SIP_TRANSPORT_C_RX_WS, 1);

	assert_int_equal(send(fd, bytes, 8, 0), 8);
	rig_turn(r);
	assert_int_equal(send(fd, bytes + 8, n - 8, 0), n - 8);
	hear_frame(r, fd, FIN | PONG, "ping", 4);
	rig_wait(r, r->config.limits.message_ms + 200);

	assert_int_equal(r->n_closed, 0);
	close(fd);
}

static void client_must_say_something_in_time(void **state)
{
	struct rig *r = *state;
	int fd = open_ws(r);

	rig_wait(r, r->config.limits.message_ms + 200);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_SLOW), 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
		TEST(message_is_a_sip_message_whatever_its_kind),
		TEST(frame_behind_the_request_is_not_lost),
		TEST(fragments_are_one_message),
		TEST(frame_may_come_byte_by_byte),
		TEST(long_message_passes_whole),
		TEST(blank_message_is_a_ping),
		TEST(owner_may_close_the_flow_of_the_message_it_gets),
		TEST(close_is_answered_with_its_code),
		TEST(frame_that_breaks_the_protocol_ends_the_connection),
		TEST(message_is_so_long_at_most),
		TEST(frame_that_says_to_be_too_long_ends_at_once),
		TEST(pings_without_end_end_the_connection),
		TEST(refused_request_is_told_why),
		TEST(origin_is_the_listeners_affair),
		TEST(request_must_be_there_in_time),
		TEST(message_must_be_whole_in_time),
		TEST(ping_in_pieces_begins_no_message),
		TEST(client_must_say_something_in_time),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
