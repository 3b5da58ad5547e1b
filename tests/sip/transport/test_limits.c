/* SPDX-License-Identifier: BSD-3-Clause */
/* What SIP connections may cost: in time, number and memory. */
#include "rig.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPTIONS "OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"

static int setup(void **state)
{
	(void)rig_setup(state);
	struct rig *r = *state;
	rig_listen(r, SIP_TCP, NULL);
	return 0;
}

/* A connection that has sent a message. */
static int connect_and_speak(struct rig *r)
{
	uint64_t n = rig_counted(r, SIP_TRANSPORT_C_RX_TCP);
	int fd = rig_connect(r, 0);

	rig_say(fd, OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, n + 1);
	return fd;
}

/* A dialled connection that is open, with a request by it; the server's end. */
static int dial(struct rig *r, struct sip_flow *flow)
{
	struct sip_target to;
	int server = rig_server(&to);

	assert_int_equal(sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 0, flow), 0);
	int fd = rig_accept(r, server);
	rig_hear(r, fd, OPTIONS);
	close(server);
	return fd;
}

/* ---- number ---- */

static void listener_that_cannot_start_is_named(void **state)
{
	struct rig *r = *state;
	struct sip_transport_layer *other = NULL;
	char text[ADDR_TEXT_LEN];
	rig_start(r);
	r->listeners[0].local = sip_transport_local(r->layer, 0);

	assert_int_equal(sip_transport_create(&r->config, &other, r->why), -EADDRINUSE);

	assert_null(other);
	assert_non_null(strstr(r->why, addr_format(&r->listeners[0].local, text)));
	assert_non_null(strstr(r->why, "TCP"));
}

static void client_has_so_many_connections(void **state)
{
	struct rig *r = *state;
	r->config.limits.per_client = 2;
	rig_start(r);
	int a = connect_and_speak(r), b = connect_and_speak(r);

	int c = rig_connect(r, 0);
	rig_hear_end(r, c);
	close(b);
	rig_until(r, SIP_TRANSPORT_C_END_PEER, 1);
	int d = connect_and_speak(r);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_CLIENT), 1);
	close(a);
	close(c);
	close(d);
}

static void accepted_ones_are_so_many_and_leave_the_dialled_alone(void **state)
{
	struct rig *r = *state;
	struct sip_flow flow;
	r->config.limits.accepted = 1;
	rig_start(r);
	int a = connect_and_speak(r), b = rig_connect(r, 0);

	rig_hear_end(r, b);
	int c = dial(r, &flow);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_LIMIT), 1);
	close(a);
	close(b);
	close(c);
}

static void dialling_without_descriptors_is_counted(void **state)
{
	struct rig *r = *state;
	struct sip_target to;
	struct sip_flow flow;
	struct rlimit all, few;
	rig_start(r);
	int server = rig_server(&to), next = dup(server);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = (rlim_t)next;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int rc = sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 1, &flow);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);

	assert_int_equal(rc, -EMFILE);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_DESCRIPTORS), 1);
	close(server);
}

static void who_is_not_admitted_takes_nobodys_place(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int a = connect_and_speak(r);

	r->admits_nobody = true;
	int b = rig_connect(r, 0);
	rig_hear_end(r, b);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_STRANGER), 1);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_CONNECTIONS), 1);
	assert_int_equal(r->n_closed, 0);
	close(a);
	close(b);
}

/* ---- time ---- */

static void message_must_be_whole_in_time(void **state)
{
	struct rig *r = *state;
	uint32_t half_ms = r->config.limits.message_ms / 2;
	rig_start(r);
	int fd = connect_and_speak(r);

	rig_say(fd, "OPTIONS");
	rig_turn(r);
	rig_wait(r, half_ms);
	rig_say(fd, " sip"); /* a byte now and then buys no time */
	rig_turn(r);
	rig_wait(r, half_ms - 200);
	assert_int_equal(r->n_closed, 0);
	rig_wait(r, 400);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_SLOW), 1);
	assert_int_equal(r->closed_why, -ETIMEDOUT);
	close(fd);
}

static void each_message_has_its_own_time(void **state)
{
	struct rig *r = *state;
	uint32_t most_ms = r->config.limits.message_ms - 200;
	rig_start(r);
	int fd = connect_and_speak(r);

	rig_say(fd, "OPTIONS");
	rig_turn(r);
	rig_wait(r, most_ms);
	rig_say(fd, " sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\nOPT");
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 2);
	rig_wait(r, most_ms);

	assert_int_equal(r->n_closed, 0);
	close(fd);
}

static void client_must_say_something_in_time(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = rig_connect(r, 0);
	rig_until(r, SIP_TRANSPORT_C_ACCEPTED, 1);

	rig_wait(r, r->config.limits.message_ms + 200);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_SLOW), 1);
	close(fd);
}

static void connection_without_a_byte_ends(void **state)
{
	struct rig *r = *state;
	uint32_t most_ms = r->config.limits.idle_ms - 200;
	rig_start(r);
	int fd = connect_and_speak(r);

	rig_wait(r, most_ms);
	rig_say(fd, "\r\n\r\n"); /* RFC 5626 §4.4.1: that is what it is for */
	rig_hear(r, fd, "\r\n");
	rig_wait(r, most_ms);
	assert_int_equal(r->n_closed, 0);
	rig_wait(r, 400);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_IDLE), 1);
	assert_int_equal(r->closed_why, 0);
	close(fd);
}

static void connection_must_be_made_in_time(void **state)
{
	struct rig *r = *state;
	struct sip_target to;
	struct sip_flow flow;
	rig_start(r);
	int server = rig_server(&to);
	assert_int_equal(sip_transport_request(r->layer, &to, rig_bytes(OPTIONS), 5, &flow), 0);

	/* That it is made is not looked at meanwhile. */
	rig_wait(r, r->config.limits.connect_ms + 200);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_CONNECT), 1);
	assert_int_equal(r->n_failed, 1);
	assert_int_equal(r->failed[0], 5);
	assert_int_equal(r->failed_why, -ETIMEDOUT);
	close(server);
}

/* RFC 5626 §4.4.1 */
static void ping_that_nobody_answers_ends_the_flow(void **state)
{
	struct rig *r = *state;
	struct sip_flow flow;
	rig_start(r);
	int fd = dial(r, &flow);
	assert_int_equal(sip_transport_keep_alive(r->layer, flow, 30000), 0);

	for (int i = 0; i < 3; i++) {
		rig_wait(r, 30200);
		rig_hear(r, fd, "\r\n\r\n");
		rig_say(fd, "\r\n");
		rig_turn(r);
		rig_wait(r, 15000);
		rig_say(fd, OPTIONS); /* any byte will do */
		rig_turn(r);
	}
	rig_wait(r, 30200);
	rig_hear(r, fd, "\r\n\r\n");
	rig_wait(r, 10200);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_PONG), 1);
	assert_int_equal(r->closed_why, -ETIMEDOUT);
	close(fd);
}

/* ---- memory ---- */

static void message_is_so_long_at_most(void **state)
{
	struct rig *r = *state;
	r->config.limits.message_bytes = 1000;
	rig_start(r);
	int fd = rig_connect(r, 0);

	rig_say(fd, "OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 1000\r\n\r\n");
	rig_hear_end(r, fd);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_TOO_LARGE), 1);
	assert_int_equal(r->n_arrived, 1);
	assert_true(r->arrival.is_refused);
	assert_int_equal(r->closed_why, ERR_TOO_LARGE);
	close(fd);
}

static void begun_messages_take_so_much_in_all(void **state)
{
	struct rig *r = *state;
	r->config.limits.buffer_bytes = 4096;
	rig_start(r);
	int fds[5];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		char from[] = "127.0.0.1";
		from[8] = (char)('1' + i);
		fds[i] = rig_connect_from(r, 0, from);
		rig_say(fds[i], "OPTIONS");
		rig_until(r, SIP_TRANSPORT_C_ACCEPTED, i + 1);
		rig_turn_now(r);
	}
	rig_hear_end(r, fds[4]);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_BUFFERS), 1);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_BUFFERED), 4096);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

/* Whatever ports somebody has us call. */
static void connections_to_an_address_are_so_many(void **state)
{
	struct rig *r = *state;
	struct sip_target to = {.transport = SIP_TCP};
	struct sip_flow flow;
	struct bytes m = bytes_of("\r\n\r\n", 4);
	r->config.limits.per_client = 2;
	rig_start(r);

	for (uint16_t port = 1; port <= 2; port++) {
		assert_int_equal(addr_parse("127.0.0.3", port, &to.addr), 0);
		(void)sip_transport_request(r->layer, &to, m, 0, &flow);
	}
	assert_int_equal(addr_parse("127.0.0.3", 3, &to.addr), 0);
	assert_int_equal(sip_transport_request(r->layer, &to, m, 0, &flow), ERR_FULL);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_CLIENT), 1);
	assert_int_equal(addr_parse("127.0.0.4", 3, &to.addr), 0);
	assert_int_not_equal(sip_transport_request(r->layer, &to, m, 0, &flow), ERR_FULL);
	rig_until(r, SIP_TRANSPORT_C_END_CONNECT, 3);
	assert_int_equal(addr_parse("127.0.0.3", 3, &to.addr), 0);
	assert_int_not_equal(sip_transport_request(r->layer, &to, m, 0, &flow), ERR_FULL);
	rig_until(r, SIP_TRANSPORT_C_END_CONNECT, 4);
}

/* Nor do others behind it keep us from calling whom they share it with. */
static void connections_from_an_address_leave_us_ours_to_it(void **state)
{
	struct rig *r = *state;
	struct sip_target to;
	struct sip_flow flow;
	int server = rig_server(&to), fds[2];
	r->config.limits.per_client = ARRAY_LEN(fds);
	rig_start(r);

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = rig_connect(r, 0);
	rig_until(r, SIP_TRANSPORT_C_ACCEPTED, ARRAY_LEN(fds));
	assert_int_equal(
		sip_transport_request(r->layer, &to, bytes_of("\r\n\r\n", 4), 0, &flow), 0);
	int peer = rig_accept(r, server);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_REFUSED_CLIENT), 0);

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	close(peer);
	close(server);
}

/* docs/decisions/0039 */
static void nobody_takes_all_buffers(void **state)
{
	struct rig *r = *state;
	r->config.limits.buffer_bytes = 8192;
	rig_start(r);
	int fds[8];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = rig_connect_from(r, 0, i < 7 ? "127.0.0.1" : "127.0.0.2");
		rig_say(fds[i], "OPTIONS");
		rig_until(r, SIP_TRANSPORT_C_ACCEPTED, i + 1);
		rig_turn_now(r);
	}
	rig_hear_end(r, fds[6]); /* he has three quarters */

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_BUFFERS), 1);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_BUFFERED), 7 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

static void fill(struct rig *r, struct sip_flow flow)
{
	char body[8000];
	int rc;

	memset(body, 'x', sizeof(body));
	do
		rc = sip_transport_send(r->layer, flow, NULL, bytes_of(body, sizeof(body)), 9);
	while (rc == 0);
	assert_int_equal(rc, ERR_FULL);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_FULL), 1);
}

/* ... to the last byte, when the kernel takes no more either. */
static void fill_up(struct rig *r, struct sip_flow flow)
{
	uint64_t waiting;

	do {
		while (sip_transport_send(r->layer, flow, NULL, rig_bytes("\n"), 0) == 0)
			continue;
		waiting = rig_counted(r, SIP_TRANSPORT_C_BUFFERED);
		rig_turn_now(r);
	} while (rig_counted(r, SIP_TRANSPORT_C_BUFFERED) != waiting);
}

static void peer_that_does_not_read_is_cut_off_and_told_of(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = connect_and_speak(r);

	fill(r, r->arrival.flow);
	uint64_t waiting = rig_counted(r, SIP_TRANSPORT_C_BUFFERED);
	assert_in_range(waiting, 8000, r->config.limits.queue_bytes + 8200);
	rig_wait(r, r->config.limits.write_ms + 200);

	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_END_UNREAD), 1);
	assert_int_equal(r->n_closed, 1);
	assert_int_equal(r->failed[0], 9);
	assert_int_equal(r->n_failed, waiting / 8000);
	assert_int_equal(r->failed_why, -ETIMEDOUT);
	close(fd);
}

static void messages_fail_for_a_reason_when_the_peer_goes_in_good_order(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = connect_and_speak(r);
	fill(r, r->arrival.flow);

	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	rig_until(r, SIP_TRANSPORT_C_END_PEER, 1);

	assert_int_equal(r->closed_why, 0);
	assert_true(r->n_failed > 0);
	assert_int_equal(r->failed_why, -EPIPE);
	close(fd);
}

static void ping_without_room_stops_no_time(void **state)
{
	struct rig *r = *state;
	struct sip_flow flow;
	rig_start(r);
	int fd = dial(r, &flow);
	assert_int_equal(sip_transport_keep_alive(r->layer, flow, 1000), 0);
	fill(r, flow);
	fill_up(r, flow);

	rig_wait(r, 1200);
	assert_int_equal(r->n_closed, 0);
	rig_wait(r, r->config.limits.write_ms);

	assert_int_equal(r->n_closed, 1);
	close(fd);
}

/* Its ping is not answered: there is no room. What stands behind it counts. */
static void peer_that_does_not_read_is_heard(void **state)
{
	struct rig *r = *state;
	rig_start(r);
	int fd = connect_and_speak(r);
	fill(r, r->arrival.flow);
	fill_up(r, r->arrival.flow);

	rig_say(fd, "\r\n\r\n" OPTIONS);
	rig_until(r, SIP_TRANSPORT_C_RX_TCP, 2);

	assert_int_equal(r->n_closed, 0);
	assert_string_equal(r->text, OPTIONS);
	close(fd);
}

static void slow_reader_gets_everything_in_order(void **state)
{
	struct rig *r = *state;
	char bytes[4096];
	size_t heard = 0;
	rig_start(r);
	int fd = connect_and_speak(r);

	fill(r, r->arrival.flow);
	uint64_t sent = (rig_counted(r, SIP_TRANSPORT_C_TX_TCP)) * 8000;
	assert_int_equal(
		sip_transport_send(r->layer, r->arrival.flow, NULL, rig_bytes("\n"), 1), 0);
	while (heard < sent + 1) {
		ssize_t n = read(fd, bytes, sizeof(bytes));
		for (ssize_t i = 0; i < n; i++, heard++)
			assert_int_equal(bytes[i], heard < sent ? 'x' : '\n');
		rig_turn_now(r);
	}

	assert_int_equal(r->n_failed, 0);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_BUFFERED), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
		TEST(listener_that_cannot_start_is_named),
		TEST(client_has_so_many_connections),
		TEST(accepted_ones_are_so_many_and_leave_the_dialled_alone),
		TEST(dialling_without_descriptors_is_counted),
		TEST(who_is_not_admitted_takes_nobodys_place),
		TEST(message_must_be_whole_in_time),
		TEST(each_message_has_its_own_time),
		TEST(client_must_say_something_in_time),
		TEST(connection_without_a_byte_ends),
		TEST(connection_must_be_made_in_time),
		TEST(ping_that_nobody_answers_ends_the_flow),
		TEST(message_is_so_long_at_most),
		TEST(begun_messages_take_so_much_in_all),
		TEST(nobody_takes_all_buffers),
		TEST(connections_to_an_address_are_so_many),
		TEST(connections_from_an_address_leave_us_ours_to_it),
		TEST(peer_that_does_not_read_is_cut_off_and_told_of),
		TEST(messages_fail_for_a_reason_when_the_peer_goes_in_good_order),
		TEST(ping_without_room_stops_no_time),
		TEST(peer_that_does_not_read_is_heard),
		TEST(slow_reader_gets_everything_in_order),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
