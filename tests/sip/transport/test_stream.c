/* SPDX-License-Identifier: BSD-3-Clause */
/* SIP over TCP: messages, flows, reuse, what is told of failures. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS                                                                                    \
	"OPTIONS sip:bob@example.com SIP/2.0\r\n"                                                  \
	"Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n"                                           \
	"Content-Length: 4\r\n\r\nbody"
#define ANSWER "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"

static int setup(void **state)
{
	(void)rig_setup(state);
	struct rig *r = *state;
	rig_listen(r, SIP_TCP, NULL);
	return 0;
}

/* RFC 3261 §18.3 */
static void message_in_pieces_is_handed_up_once(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = rig_connect(r, 0);

	for (const char *at = OPTIONS; *at != '\0'; at++) {
		assert_int_equal(r->n_arrived, 0);
		rig_say(fd, (char[]){*at, '\0'});
		rig_turn_now(r);
	}
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 1);

	assert_string_equal(r->text, OPTIONS);
	assert_int_equal(r->arrival.transport, SIP_TCP);
	assert_int_equal(r->arrival.listener, 0);
	assert_null(r->arrival.peer);
	struct addr local = sip_transport_local(r->layer, 0);
	assert_true(addr_equal(&r->arrival.local, &local));
	close(fd);
}

static void messages_in_one_piece_are_handed_up_one_by_one(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, OPTIONS OPTIONS ANSWER "OPTIONS sip");
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 3);
	assert_string_equal(r->text, ANSWER);
	rig_say(fd, ":a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n");
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 4);

	assert_string_equal(r->text, "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n");
	close(fd);
}

static void answer_goes_by_the_flow_that_the_request_came_on(void **state)
{
	struct rig *r = *state;
	r->answer = ANSWER;
	rig_start(r);
	int other = rig_connect(r, 0), fd = rig_connect(r, 0);

	rig_say(fd, OPTIONS);

	rig_hear(r, fd, ANSWER);
	assert_true(rig_is_quiet(r, other));
	close(fd);
	close(other);
}

/* RFC 5626 §3.5.1, §4.4.1 */
static void double_crlf_is_answered_with_one(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, "\r\n\r\n");
	rig_hear(r, fd, "\r\n");
	rig_say(fd, OPTIONS "\r\n");
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 1);
	assert_true(rig_is_quiet(r, fd));
	rig_say(fd, "\r\n" OPTIONS);
	rig_hear(r, fd, "\r\n");
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 2);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_PINGS), 2);
	close(fd);
}

/* RFC 3261 §18.3: without Content-Length nobody knows where a message ends. */
static void malformed_message_is_answered_and_ends_the_connection(void **state)
{
	struct rig *r = *state;
	r->answer = ANSWER;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\nrest");
	rig_hear(r, fd, ANSWER);
	rig_hear_end(r, fd);

	assert_true(r->arrival.is_refused);
	assert_int_equal(r->n_closed, 1);
	assert_int_equal(r->closed_why, ERR_MALFORMED);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_MALFORMED), 1);
	close(fd);
}

static void what_is_not_sip_ends_the_connection_without_a_word(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, "\x16\x03\x01 hello");
	rig_hear_end(r, fd);

	assert_int_equal(r->n_arrived, 0);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_MALFORMED), 1);
	close(fd);
}

static void owner_may_close_the_flow_of_the_message_it_gets(void **state)
{
	struct rig *r = *state;
	r->is_closing = true;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, OPTIONS OPTIONS);
	rig_hear_end(r, fd);

	assert_int_equal(r->n_arrived, 1);
	assert_int_equal(r->n_closed, 0);
	close(fd);
}

static void flow_that_is_gone_is_never_found_again(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int first = rig_connect(r, 0);
	rig_say(first, OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 1);
	struct sip_flow gone = r->arrival.flow;

	close(first);
	rig_until(r, SIP_TRANSPORT_C_END_PEER, 1);
	assert_true(sip_flow_equal(r->closed, gone));
	assert_int_equal(r->closed_why, 0);
	int second = rig_connect(r, 0);
	rig_say(second, OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 2);

	assert_int_equal(r->arrival.flow.index, gone.index);
	assert_true(rig_is_gone(r, gone));
	close(second);
}

/* ---- dialling ---- */

static struct sip_flow request(struct rig *r, const struct sip_target *to, uint64_t token)
{
	struct sip_flow flow = {0, 0};
	char text[256];

	snprintf(text, sizeof(text), "OPTIONS sip:%u@b SIP/2.0\r\nContent-Length: 0\r\n\r\n",
		(unsigned)token);
	assert_int_equal(sip_transport_request(r->layer, to, rig_bytes(text), token, &flow), 0);
	assert_int_not_equal(flow.generation, 0);
	return flow;
}

static void hear_request(struct rig *r, int fd, unsigned token)
{
	char text[256];

	snprintf(
		text, sizeof(text), "OPTIONS sip:%u@b SIP/2.0\r\nContent-Length: 0\r\n\r\n", token);
	rig_hear(r, fd, text);
}

static void requests_wait_for_the_connection_they_cause(void **state)
{
	struct rig *r = *state;
	struct sip_target to;
	rig_start(r);
	int server = rig_server(&to);

	struct sip_flow first = request(r, &to, 1), second = request(r, &to, 2);
	int fd = rig_accept(r, server);
	hear_request(r, fd, 1);
	hear_request(r, fd, 2);
	rig_say(fd, ANSWER);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 1);

	assert_true(sip_flow_equal(first, second));
	assert_true(sip_flow_equal(r->arrival.flow, first));
	assert_int_equal(r->arrival.listener, SIP_NO_LISTENER);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_DIALLED), 1);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REUSED), 1);
	assert_int_equal(r->n_failed, 0);
	close(fd);
	close(server);
}

static void request_leaves_from_the_address_it_must(void **state)
{
	struct rig *r = *state;
	struct sip_target to, elsewhere;
	rig_start(r);
	int server = rig_server(&to);
	assert_int_equal(addr_parse("127.0.0.2", 5060, &to.local), 0);
	elsewhere = to;
	assert_int_equal(addr_parse("127.0.0.3", 0, &elsewhere.local), 0);

	struct sip_flow first = request(r, &to, 1);
	struct sip_flow second = request(r, &elsewhere, 2);
	int fd = rig_accept(r, server);
	hear_request(r, fd, 1);
	rig_say(fd, ANSWER);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 1);

	assert_true(addr_equal_ip(&r->arrival.local, &to.local));
	assert_false(sip_flow_equal(first, second));
	close(fd);
	close(server);
}

/* RFC 3261 §8.1.3.1: so that the next target is tried at once. */
static void refused_connection_fails_each_message(void **state)
{
	struct rig *r = *state;
	struct sip_target to;
	rig_start(r);
	close(rig_server(&to));

	struct sip_flow flow = request(r, &to, 7);
	(void)request(r, &to, 8);
	rig_until(r, SIP_TRANSPORT_C_END_CONNECT, 1);

	assert_int_equal(r->n_failed, 2);
	assert_int_equal(r->failed[0], 7);
	assert_int_equal(r->failed[1], 8);
	assert_int_equal(r->failed_why, -ECONNREFUSED);
	assert_int_equal(r->n_closed, 1);
	assert_true(sip_flow_equal(r->closed, flow));
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_FAILED), 2);
}

static void connection_that_has_ended_is_dialled_anew(void **state)
{
	struct rig *r = *state;
	struct sip_target to;
	rig_start(r);
	int server = rig_server(&to);
	struct sip_flow first = request(r, &to, 1);
	int fd = rig_accept(r, server);
	hear_request(r, fd, 1);

	close(fd);
	rig_until(r, SIP_TRANSPORT_C_END_PEER, 1);
	struct sip_flow second = request(r, &to, 2);
	fd = rig_accept(r, server);
	hear_request(r, fd, 2);

	assert_false(sip_flow_equal(first, second));
	close(fd);
	close(server);
}

/* Whoever comes from an address and port has not proved that requests for it are his. */
static void request_takes_no_connection_that_the_peer_has_opened(void **state)
{
	struct rig *r = *state;
	struct sip_target to = {.transport = SIP_TCP};
	struct sip_flow flow;
	rig_start(r);
	int fd = rig_connect(r, 0);
	rig_say(fd, OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 1);
	to.addr = r->arrival.remote;

	/* Nobody listens there. */
	assert_int_equal(sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 1, &flow), 0);
	rig_until(r, SIP_TRANSPORT_C_END_CONNECT, 1);

	assert_int_equal(sip_transport_alias(r->layer, r->arrival.flow, 5060), ERR_DENIED);
	close(fd);
}

static void what_cannot_be_dialled_is_said_at_once(void **state)
{
	struct rig *r = *state;
	struct sip_target to;
	struct sip_flow flow;
	struct bytes m = rig_bytes(OPTIONS);
	r->config.limits.dialled = 1;
	rig_start(r);
	int server = rig_server(&to), other = rig_server(&to);

	to.transport = SIP_TLS;
	assert_int_equal(sip_transport_request(r->layer, &to, m, 1, &flow), ERR_UNSUPPORTED);
	to.transport = SIP_WS;
	assert_int_equal(sip_transport_request(r->layer, &to, m, 1, &flow), ERR_UNSUPPORTED);
	to.transport = SIP_TCP;
	assert_int_equal(sip_transport_request(r->layer, &to, m, 1, &flow), 0);
	to.addr.port++;
	assert_int_equal(sip_transport_request(r->layer, &to, m, 1, &flow), ERR_FULL);

	assert_int_equal(r->n_failed, 0);
	close(server);
	close(other);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
		TEST(message_in_pieces_is_handed_up_once),
		TEST(messages_in_one_piece_are_handed_up_one_by_one),
		TEST(answer_goes_by_the_flow_that_the_request_came_on),
		TEST(double_crlf_is_answered_with_one),
		TEST(malformed_message_is_answered_and_ends_the_connection),
		TEST(what_is_not_sip_ends_the_connection_without_a_word),
		TEST(owner_may_close_the_flow_of_the_message_it_gets),
		TEST(flow_that_is_gone_is_never_found_again),
		TEST(requests_wait_for_the_connection_they_cause),
		TEST(request_leaves_from_the_address_it_must),
		TEST(refused_connection_fails_each_message),
		TEST(connection_that_has_ended_is_dialled_anew),
		TEST(request_takes_no_connection_that_the_peer_has_opened),
		TEST(what_cannot_be_dialled_is_said_at_once),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
