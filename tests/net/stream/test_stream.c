/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP connections: what comes up, what goes out, when they end. */
#include "rig.h"

#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../src/net/stream/stream_priv.h"

static void connect_one(struct fixture *f)
{
	open_listener(f, 10, NULL);
	f->client = dial(f);
	until(f, NET_C_ACCEPTED_TCP, 1);
}

/* A connection that has spoken, so that f->port is its port. */
static void connect_and_speak(struct fixture *f)
{
	connect_one(f);
	SAY(f, BINDING);
	until(f, NET_C_RX_MESSAGES, 1);
}

static void a_message_in_parts_comes_up_once_and_whole(void **state)
{
	static const char text[] = BINDING CHANNEL;
	struct fixture *f = *state;

	connect_one(f);
	f->is_echo = true;
	say(f, text, 9);
	turn(f);
	assert_int_equal(f->n_messages, 0);

	say(f, text + 9, sizeof(text) - 1 - 9);
	uint8_t heard[sizeof(text) - 1];
	hear(f, heard, sizeof(heard));
	assert_memory_equal(heard, text, sizeof(heard));
	assert_int_equal(f->n_messages, 2);
}

static void more_messages_than_buffers_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	uint8_t text[600][20], heard[600][20];

	connect_one(f);
	f->is_echo = true;
	for (uint32_t i = 0; i < 600; i++) {
		memcpy(text[i], BINDING, 20);
		be32_put(text[i] + 16, i);
	}
	say(f, text, sizeof(text));

	hear(f, heard, sizeof(heard));
	assert_memory_equal(heard, text, sizeof(heard));
}

/* RFC 8656 §12.5 */
static void channel_data_is_padded_to_four(void **state)
{
	struct fixture *f = *state;
	struct net_buf *b;
	uint8_t heard[12];

	connect_and_speak(f);
	b = net_buf_get(f->net);
	memcpy(b->data, CHANNEL, 9);
	memset(b->data + 9, 'x', 3);
	b->len = 9;
	net_port_send(f->port, b);
	net_flush(f->net);

	hear(f, heard, 12);
	assert_memory_equal(heard, CHANNEL, 12);
}

#define BIG (20 + 1180)

static void send_number(struct fixture *f, uint32_t number)
{
	struct net_buf *b = net_buf_get(f->net);

	assert_non_null(b); /* a slow reader holds none of them */
	memset(b->data, 0, BIG);
	memcpy(b->data, "\x01\x01\x04\x9c\x21\x12\xa4\x42", 8);
	be32_put(b->data + 8, number);
	b->len = BIG;
	net_port_send(f->port, b);
}

static void a_slow_reader_loses_whole_messages_and_gets_the_others_in_order(void **state)
{
	struct fixture *f = *state;
	uint8_t heard[BIG];
	uint32_t last = 0;

	connect_and_speak(f);
	for (uint32_t i = 1; i <= 2000; i++) {
		send_number(f, i);
		if (i % 7 == 0)
			net_flush(f->net);
	}
	net_flush(f->net);
	uint64_t kept = counted(f, NET_C_TX_MESSAGES);
	assert_true(counted(f, NET_C_STREAM_FULL) > 0);
	assert_int_equal(kept + counted(f, NET_C_STREAM_FULL), 2000);

	for (uint64_t i = 0; i < kept; i++) {
		hear(f, heard, BIG);
		assert_memory_equal(heard, "\x01\x01\x04\x9c", 4);
		assert_true(be32_get(heard + 8) > last);
		last = be32_get(heard + 8);
	}
	assert_int_equal(counted(f, NET_C_TX_MESSAGE_BYTES), kept * BIG);
	send_number(f, 3000);
	net_flush(f->net);
	hear(f, heard, BIG);
	assert_int_equal(be32_get(heard + 8), 3000);
}

/* For a successor: its socket goes, what was accepted stays. */
static void a_listener_that_has_stopped_keeps_its_connections(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_storage to;

	connect_and_speak(f);
	socklen_t len = addr_to_sockaddr(&f->local, &to);
	int copy = net_listener_copy(f->listener);
	assert_true(copy >= 0);
	net_listener_stop(f->listener);
	net_listener_stop(f->listener); /* again does no harm */

	f->is_echo = true;
	SAY(f, BINDING);
	until(f, NET_C_RX_MESSAGES, counted(f, NET_C_RX_MESSAGES) + 1);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, len), 0); /* waits in the copy */
	turn_now(f);
	assert_int_equal(counted(f, NET_C_ACCEPTED_TCP), 1);
	close(fd);
	close(copy);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, len), -1);
	close(fd);
}

static void a_connection_may_be_closed_by_its_own_packets(void **state)
{
	struct fixture *f = *state;

	connect_one(f);
	f->is_closing = true;
	SAY(f, BINDING BINDING);
	until(f, NET_C_RX_MESSAGES, 1); /* what stands behind a STUN message waits for it */

	assert_ended(f);
	assert_int_equal(f->n_closed, 0);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 0);
}

static void the_handler_hears_of_the_end(void **state)
{
	struct fixture *f = *state;

	connect_and_speak(f);
	shutdown(f->client, SHUT_WR);
	until(f, NET_C_END_CLIENT, 1);

	assert_int_equal(f->n_closed, 1);
	assert_ended(f);
}

static void a_reset_found_while_sending_ends_the_connection_later(void **state)
{
	struct fixture *f = *state;
	struct linger reset = {1, 0};

	connect_and_speak(f);
	struct net_port *p = f->port;
	assert_int_equal(setsockopt(f->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(f->client);
	f->client = -1;
	send_number(f, 1);
	net_flush(f->net);
	assert_ptr_equal(f->port, p);
	send_number(f, 2);
	net_flush(f->net);

	until(f, NET_C_END_ERROR, 1);
	assert_int_equal(f->n_closed, 1);
}

static void silence_ends_a_connection(void **state)
{
	struct fixture *f = *state;

	connect_one(f);
	say(f, BINDING, 19);
	turn(f);
	wait_ms(f, NET_FIRST_MESSAGE_MS - 200);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);

	wait_ms(f, 400);
	assert_int_equal(counted(f, NET_C_END_SILENT), 1);
	assert_int_equal(f->n_closed, 1);
}

static void an_idle_connection_ends_a_minute_after_its_last_message(void **state)
{
	struct fixture *f = *state;

	connect_and_speak(f);
	wait_ms(f, NET_IDLE_MS - 10000);
	SAY(f, BINDING);
	until(f, NET_C_RX_MESSAGES, 2);
	wait_ms(f, NET_IDLE_MS - 200);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);

	wait_ms(f, 400);
	assert_int_equal(counted(f, NET_C_END_IDLE), 1);
}

static void a_held_connection_may_be_idle(void **state)
{
	struct fixture *f = *state;

	connect_and_speak(f);
	f->port->n_holds++;
	for (int i = 0; i < 10; i++)
		wait_ms(f, NET_IDLE_MS);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);

	f->port->n_holds--;
	wait_ms(f, NET_IDLE_MS + 200);
	assert_int_equal(counted(f, NET_C_END_IDLE), 1);
}

static void only_a_held_connection_may_send_long_messages(void **state)
{
	static const uint8_t start[] = {0x40, 0, 0x20, 0};
	static uint8_t payload[0x2000];
	struct fixture *f = *state;

	connect_and_speak(f);
	f->port->n_holds++;
	say(f, start, sizeof(start));
	turn(f);
	say(f, payload, sizeof(payload));
	until(f, NET_C_RX_MESSAGES, 2);

	f->port->n_holds--;
	say(f, start, sizeof(start));
	until(f, NET_C_END_PROTOCOL, 1);
}

static void http_is_answered_and_ended(void **state)
{
	static const char want[] = "HTTP/1.1 400 Bad Request\r\n";
	struct fixture *f = *state;
	char heard[sizeof(want) - 1];

	connect_one(f);
	SAY(f, "GET / HTTP/1.1\r\nHost: edge\r\n\r\n");
	until(f, NET_C_END_HTTP, 1);
	assert_int_equal(recv(f->client, heard, sizeof(heard), MSG_WAITALL), sizeof(heard));
	assert_memory_equal(heard, want, sizeof(heard));
	assert_ended(f);
}

static void connections_over_the_limit_are_closed(void **state)
{
	struct fixture *f = *state;
	int others[3];

	open_listener(f, 2, NULL);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		others[i] = dial(f);
	until(f, NET_C_REFUSED_LIMIT, 1);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 2);
	close(others[0]);
	until(f, NET_C_END_CLIENT, 1);

	f->client = dial(f);
	until(f, NET_C_ACCEPTED_TCP, 3);
	close(others[1]);
	close(others[2]);
}

static void a_client_has_so_many_connections_and_others_theirs(void **state)
{
	struct fixture *f = *state;
	int others[2];

	f->per_client = 2;
	open_listener(f, 10, NULL);
	others[0] = dial(f);
	others[1] = dial(f);
	f->client = dial(f);
	until(f, NET_C_REFUSED_CLIENT, 1);
	assert_ended(f);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 2);
	close(f->client);
	f->client = dial_from(f, "127.0.0.2");
	until(f, NET_C_ACCEPTED_TCP, 3);
	close(f->client);
	close(others[0]);
	until(f, NET_C_END_CLIENT, 2);

	f->client = dial(f);
	until(f, NET_C_ACCEPTED_TCP, 4);
	assert_int_equal(counted(f, NET_C_REFUSED_CLIENT), 1);
	close(others[1]);
}

/* A client that vanishes without a word is found out, whether or not something is sent to it. */
static void the_kernel_watches_whether_the_client_is_there(void **state)
{
	static const struct {
		int level, name;
	} options[] = {
		{IPPROTO_TCP, TCP_KEEPIDLE},
		{IPPROTO_TCP, TCP_KEEPINTVL},
		{IPPROTO_TCP, TCP_KEEPCNT},
		{SOL_SOCKET, SO_KEEPALIVE},
		{IPPROTO_TCP, TCP_USER_TIMEOUT},
	};
	struct fixture *f = *state;
	int value[ARRAY_LEN(options)];

	connect_and_speak(f);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		socklen_t len = sizeof(value[i]);
		assert_int_equal(getsockopt(((struct net_conn *)f->port)->fd, options[i].level,
					 options[i].name, &value[i], &len),
			0);
	}
	assert_true(value[0] > 0 && value[0] + value[1] * value[2] <= NET_DEAD_S);
	assert_int_not_equal(value[3], 0);
	assert_int_equal(value[4], NET_DEAD_S * 1000);
}

/* The listener stays readable all the time: without the pause each round would try again. */
static void without_descriptors_accepting_pauses(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, none;

	open_listener(f, 10, NULL);
	turn_now(f); /* opens what the loop needs itself */
	f->client = dial(f);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	until(f, NET_C_REFUSED_DESCRIPTORS, 1);
	for (int i = 0; i < 100; i++)
		turn_now(f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(counted(f, NET_C_REFUSED_DESCRIPTORS), 1);
	assert_int_equal(counted(f, NET_C_ACCEPTED_TCP), 0);

	wait_ms(f, 1000);
	until(f, NET_C_ACCEPTED_TCP, 1);
}

static void closing_the_listener_ends_its_connections(void **state)
{
	struct fixture *f = *state;

	connect_and_speak(f);
	net_listener_close(f->listener);
	f->listener = NULL;

	assert_ended(f);
	assert_int_equal(f->n_closed, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		TEST(a_message_in_parts_comes_up_once_and_whole),
		TEST(more_messages_than_buffers_are_answered_in_order),
		TEST(channel_data_is_padded_to_four),
		TEST(a_slow_reader_loses_whole_messages_and_gets_the_others_in_order),
		TEST(a_listener_that_has_stopped_keeps_its_connections),
		TEST(a_connection_may_be_closed_by_its_own_packets),
		TEST(the_handler_hears_of_the_end),
		TEST(a_reset_found_while_sending_ends_the_connection_later),
		TEST(silence_ends_a_connection),
		TEST(an_idle_connection_ends_a_minute_after_its_last_message),
		TEST(a_held_connection_may_be_idle),
		TEST(only_a_held_connection_may_send_long_messages),
		TEST(http_is_answered_and_ended),
		TEST(connections_over_the_limit_are_closed),
		TEST(a_client_has_so_many_connections_and_others_theirs),
		TEST(the_kernel_watches_whether_the_client_is_there),
		TEST(without_descriptors_accepting_pauses),
		TEST(closing_the_listener_ends_its_connections),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
