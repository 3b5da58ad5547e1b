/* SPDX-License-Identifier: BSD-3-Clause */
/* Pipes on loopback: a client's connection on one side, a peer's on the other. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#define BULK (32u << 20) /* more than all buffers on the way hold */

struct pipes {
	struct fixture *f;
	struct net_pipe_config config;
	struct net_port *acceptor;
	struct addr local; /* of the acceptor */
	struct net_pipe *pipe;
	int peer; /* the peer's end */
	size_t room[2], passed[2];
	int n_opened, rc, n_ended;
	int accepted;
	bool is_closing;
};

static void on_accepted(void *arg, struct net_port *p, int fd, const struct addr *peer)
{
	struct pipes *x = arg;

	assert_int_equal(peer->family, ADDR_IPV4);
	x->accepted = fd;
	if (x->is_closing)
		net_port_close(p);
}

static void on_opened(void *arg, void *owner, int rc)
{
	struct pipes *x = arg;

	assert_ptr_equal(owner, x);
	x->n_opened++;
	x->rc = rc;
}

static void on_ended(void *arg, void *owner)
{
	struct pipes *x = arg;

	assert_ptr_equal(owner, x);
	x->n_ended++;
	x->pipe = NULL;
}

static size_t room(void *arg, void *owner, enum net_end end)
{
	struct pipes *x = arg;

	(void)owner;
	return x->room[end];
}

static void on_passed(void *arg, void *owner, enum net_end end, size_t n)
{
	struct pipes *x = arg;

	(void)owner;
	x->passed[end] += n;
	if (x->room[end] != SIZE_MAX)
		x->room[end] -= n < x->room[end] ? n : x->room[end];
}

static void setup(struct pipes *x, struct fixture *f)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	*x = (struct pipes){.f = f, .peer = -1, .accepted = -1, .room = {SIZE_MAX, SIZE_MAX}};
	x->config = (struct net_pipe_config){.net = f->net,
		.wheel = &f->wheel,
		.clock = &f->clock,
		.buffer_bytes = NET_BUFFER_MIN,
		.accepted = on_accepted,
		.opened = on_opened,
		.ended = on_ended,
		.room = room,
		.passed = on_passed,
		.arg = x};
	assert_int_equal(addr_parse("127.0.0.1", 0, &x->local), 0);
	assert_int_equal(net_tcp_socket(&x->local, true, &fd), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &x->local), 0);
	assert_int_equal(net_acceptor_open(&x->config, fd, &x->local, &x->acceptor), 0);
}

static int connect_to(const struct addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void teardown(struct pipes *x)
{
	if (x->pipe)
		net_pipe_close(x->pipe);
	if (x->acceptor)
		net_port_close(x->acceptor);
	if (x->peer >= 0)
		close(x->peer);
	assert_int_equal(x->f->wheel.count, 0);
	assert_int_equal(counted(x->f, NET_C_CONNECTIONS), 0);
}

/* A client that has spoken and a peer that has come, not joined yet. */
static void meet(struct pipes *x, struct fixture *f)
{
	setup(x, f);
	open_listener(f, 10, NULL);
	f->client = dial(f);
	SAY(f, BINDING);
	until(f, NET_C_RX_MESSAGES, 1);
	assert_int_equal(fcntl(f->client, F_SETFL, O_NONBLOCK), 0);
	x->peer = connect_to(&x->local);
	while (x->accepted < 0)
		turn(f);
	assert_int_equal(net_pipe_take(&x->config, x->accepted, x, &x->pipe), 0);
}

static void join(struct pipes *x, struct fixture *f)
{
	meet(x, f);
	assert_int_equal(net_pipe_join(x->pipe, f->port), 0);
}

/* Reads what comes to FD until LEN bytes are there, or the end. */
static size_t read_up_to(struct fixture *f, int fd, uint8_t *out, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = recv(fd, out + at, len - at, MSG_DONTWAIT);
		if (n == 0)
			return at;
		if (n > 0)
			at += (size_t)n;
		else
			turn_now(f);
	}
	return len;
}

static void assert_hears(struct fixture *f, int fd, const char *text)
{
	uint8_t heard[256];
	size_t len = strlen(text);

	assert_int_equal(read_up_to(f, fd, heard, len), len);
	assert_memory_equal(heard, text, len);
}

static void assert_end(struct fixture *f, int fd)
{
	uint8_t byte;

	assert_int_equal(read_up_to(f, fd, &byte, 1), 0);
}

static uint8_t *bulk(void)
{
	uint8_t *b = malloc(BULK);

	assert_non_null(b);
	for (uint32_t i = 0; i < BULK; i += 4)
		be32_put(b + i, i * 2654435761u);
	return b;
}

/* Sends what FD takes until nothing moves any more. */
static size_t stuff(struct fixture *f, int fd, const uint8_t *data, size_t len)
{
	size_t at = 0;

	for (int idle = 0; idle < 50 && at < len;) {
		ssize_t n = send(fd, data + at, len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		idle = n > 0 ? 0 : idle + 1;
		at += n > 0 ? (size_t)n : 0;
		turn_now(f);
	}
	return at;
}

/* ---- joining ---- */

static void an_answer_goes_before_the_peers_bytes(void **state)
{
	struct fixture *f = *state;
	struct pipes x;
	struct net_buf *b;

	meet(&x, f);
	assert_int_equal(send(x.peer, "early", 5, 0), 5);
	b = net_buf_get(f->net);
	memcpy(b->data, "<done>", 6);
	b->len = 6;
	net_port_send(f->port, b);
	assert_int_equal(net_pipe_join(x.pipe, f->port), 0);
	assert_hears(f, f->client, "<done>early");
	teardown(&x);
}

static void join_on_message(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct pipes *x = arg;

	assert_int_equal(n, 1);
	net_buf_put(x->f->net, bufs[0]);
	x->f->n_messages++;
	assert_int_equal(net_pipe_join(x->pipe, p), 0);
}

/* Whatever it looks like. */
static void what_stands_behind_the_last_message_is_the_peers(void **state)
{
	struct fixture *f = *state;
	struct pipes x;

	meet(&x, f);
	f->handler.packets = join_on_message;
	f->handler.arg = &x;
	assert_int_equal(send(f->client, BINDING "\x80 no message", 20 + 12, 0), 32);
	assert_hears(f, x.peer, "\x80 no message");
	assert_int_equal(x.passed[NET_CLIENT], 12);
	f->handler = (struct net_handler){0};
	teardown(&x);
}

static void a_joined_client_counts_as_a_connection(void **state)
{
	struct fixture *f = *state;
	struct pipes x;

	join(&x, f);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	wait_ms(f, 10 * NET_IDLE_MS); /* and does not end for being idle */
	assert_int_equal(x.n_ended, 0);
	teardown(&x);
}

/* ---- bytes ---- */

static void bytes_go_both_ways(void **state)
{
	struct fixture *f = *state;
	struct pipes x;

	join(&x, f);
	SAY(f, "to the peer");
	assert_int_equal(send(x.peer, "to the client", 13, 0), 13);
	assert_hears(f, x.peer, "to the peer");
	assert_hears(f, f->client, "to the client");
	assert_int_equal(x.passed[NET_CLIENT], 11);
	assert_int_equal(x.passed[NET_PEER], 13);
	teardown(&x);
}

/* In either direction: FROM sends until nothing moves; then all of it arrives. */
static void flood(void **state, bool is_up)
{
	struct fixture *f = *state;
	struct pipes x;
	uint8_t *data = bulk(), *heard = malloc(BULK);

	join(&x, f);
	int from = is_up ? f->client : x.peer, to = is_up ? x.peer : f->client;
	size_t sent = stuff(f, from, data, BULK);
	enum net_end end = is_up ? NET_CLIENT : NET_PEER;
	assert_true(sent < BULK); /* it is held back */
	/* The ring and the kernel's buffer, which counts its own overhead. */
	assert_true(x.passed[end] <= 4 * NET_BUFFER_MIN);

	for (size_t got = 0; got < BULK;) {
		if (sent < BULK) {
			ssize_t n = send(from, data + sent, BULK - sent, MSG_DONTWAIT);
			sent += n > 0 ? (size_t)n : 0;
		}
		ssize_t n = recv(to, heard + got, BULK - got, MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
		turn_now(f);
	}
	assert_memory_equal(heard, data, BULK);
	assert_int_equal(x.passed[end], BULK);
	free(data);
	free(heard);
	teardown(&x);
}

static void a_slow_peer_holds_the_client_back_and_loses_nothing(void **state)
{
	flood(state, true);
}

static void a_slow_client_holds_the_peer_back_and_loses_nothing(void **state)
{
	flood(state, false);
}

static void a_rate_stops_the_reading_and_time_resumes_it(void **state)
{
	struct fixture *f = *state;
	struct pipes x;
	uint8_t heard[100];

	meet(&x, f);
	x.room[NET_PEER] = 60;
	assert_int_equal(net_pipe_join(x.pipe, f->port), 0);
	assert_int_equal(send(x.peer,
				 "0123456789"
				 "0123456789"
				 "0123456789"
				 "0123456789"
				 "0123456789"
				 "0123456789"
				 "0123456789"
				 "0123456789"
				 "0123456789"
				 "0123456789",
				 100, 0),
		100);
	assert_int_equal(read_up_to(f, f->client, heard, 60), 60);
	turn_now(f);
	turn_now(f);
	assert_int_equal(x.passed[NET_PEER], 60);
	SAY(f, "other way"); /* is not held up */
	assert_hears(f, x.peer, "other way");

	x.room[NET_PEER] = 1000;
	wait_ms(f, 200);
	assert_int_equal(read_up_to(f, f->client, heard, 40), 40);
	teardown(&x);
}

/* ---- ends ---- */

static void the_end_of_one_direction_leaves_the_other(void **state)
{
	struct fixture *f = *state;
	struct pipes x;

	join(&x, f);
	SAY(f, "last");
	assert_int_equal(shutdown(f->client, SHUT_WR), 0);
	assert_hears(f, x.peer, "last");
	assert_end(f, x.peer);
	assert_int_equal(send(x.peer, "still here", 10, 0), 10);
	assert_hears(f, f->client, "still here");
	assert_int_equal(x.n_ended, 0);

	assert_int_equal(shutdown(x.peer, SHUT_WR), 0);
	assert_end(f, f->client);
	assert_int_equal(x.n_ended, 1);
	teardown(&x);
}

static void the_end_waits_for_what_is_in_the_ring(void **state)
{
	struct fixture *f = *state;
	struct pipes x;
	uint8_t *data = bulk(), *heard = malloc(BULK);

	join(&x, f);
	size_t sent = stuff(f, x.peer, data, BULK);
	assert_int_equal(shutdown(x.peer, SHUT_WR), 0);
	assert_int_equal(read_up_to(f, f->client, heard, BULK), sent);
	assert_memory_equal(heard, data, sent);
	free(data);
	free(heard);
	teardown(&x);
}

static void reset(int fd)
{
	struct linger now = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
}

static void a_reset_ends_the_other_side(void **state)
{
	struct fixture *f = *state;
	struct pipes x;

	join(&x, f);
	SAY(f, "x");
	assert_hears(f, x.peer, "x");
	reset(x.peer);
	x.peer = -1;
	assert_end(f, f->client);
	assert_int_equal(x.n_ended, 1);
	teardown(&x);
}

static void what_was_read_before_a_reset_is_still_written_for_a_while(void **state)
{
	struct fixture *f = *state;
	struct pipes x;
	uint8_t *data = bulk(), *heard = malloc(BULK);

	join(&x, f);
	(void)stuff(f, x.peer, data, NET_BUFFER_MIN * 2);
	size_t read = x.passed[NET_PEER];
	reset(x.peer);
	x.peer = -1;
	/* The client's own bytes have nowhere to go; its side shows that the peer is gone. */
	SAY(f, "y");
	for (int i = 0; i < 20; i++)
		turn_now(f);
	size_t got = read_up_to(f, f->client, heard, BULK);
	assert_true(got >= read);
	assert_memory_equal(heard, data, got);
	assert_int_equal(x.n_ended, 1);
	free(data);
	free(heard);
	teardown(&x);
}

static void a_reader_that_takes_nothing_ends_with_the_linger(void **state)
{
	struct fixture *f = *state;
	struct pipes x;
	uint8_t *data = bulk();

	join(&x, f);
	(void)stuff(f, x.peer, data, BULK);
	reset(x.peer);
	x.peer = -1;
	SAY(f, "y");
	for (int i = 0; i < 20; i++)
		turn_now(f);
	assert_int_equal(x.n_ended, 0);
	wait_ms(f, NET_LINGER_MS - 1000);
	assert_int_equal(x.n_ended, 0);
	wait_ms(f, 1200);
	assert_int_equal(x.n_ended, 1);
	free(data);
	teardown(&x);
}

/* It is not read any more, so nothing else would tell. */
static void a_client_that_goes_after_its_end_is_found_out(void **state)
{
	struct fixture *f = *state;
	struct pipes x;

	join(&x, f);
	assert_int_equal(shutdown(f->client, SHUT_WR), 0);
	assert_end(f, x.peer);
	wait_ms(f, 61 * 1000);
	assert_int_equal(x.n_ended, 0); /* it may be silent for as long as it likes */
	reset(f->client);
	f->client = -1;
	turn_now(f);
	wait_ms(f, 61 * 1000);
	assert_int_equal(x.n_ended, 1);
	teardown(&x);
}

/* ---- dialling ---- */

static void a_dialled_peer_sees_the_port_that_listens(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct pipes x;
	struct addr to = {0}, seen;
	int listener;

	setup(&x, f);
	assert_int_equal(addr_parse("127.0.0.1", 0, &to), 0);
	assert_int_equal(net_tcp_socket(&to, false, &listener), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &to), 0);

	assert_int_equal(net_pipe_dial(&x.config, &x.local, &to, &x, &x.pipe), 0);
	assert_int_equal(x.n_opened, 0);
	while (x.n_opened == 0)
		turn(f);
	assert_int_equal(x.rc, 0);
	len = sizeof(ss);
	x.peer = accept(listener, (struct sockaddr *)&ss, &len);
	assert_true(x.peer >= 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &seen), 0);
	assert_true(addr_equal(&seen, &x.local));

	/* A second one to the same peer cannot be: the two would have one name. */
	struct net_pipe *second;
	assert_int_equal(net_pipe_dial(&x.config, &x.local, &to, &x, &second), -EADDRNOTAVAIL);
	close(listener);
	teardown(&x);
}

static void a_refused_dial_is_told_with_its_error(void **state)
{
	struct fixture *f = *state;
	struct pipes x;
	struct addr nobody;

	setup(&x, f);
	/* A port that was bound a moment ago and listens no more. */
	nobody = x.local;
	net_port_close(x.acceptor);
	x.acceptor = NULL;
	struct addr from = x.local;
	from.port = 0;
	int rc = net_pipe_dial(&x.config, &from, &nobody, &x, &x.pipe);
	if (rc == 0) {
		while (x.n_opened == 0)
			turn(f);
		rc = x.rc;
		x.pipe = NULL; /* it has gone by itself */
	}
	assert_int_equal(rc, -ECONNREFUSED);
	teardown(&x);
}

static void an_acceptor_may_be_closed_under_its_own_callback(void **state)
{
	struct fixture *f = *state;
	struct pipes x;

	setup(&x, f);
	x.is_closing = true;
	int a = connect_to(&x.local), b = connect_to(&x.local);
	while (x.accepted < 0)
		turn(f);
	x.acceptor = NULL;
	turn_now(f);
	close(x.accepted);
	close(a);
	close(b);
	teardown(&x);
}

/* ---- from one listener to another ---- */

struct mover {
	struct fixture *f;
	struct net_parcel parcel;
	bool has_parcel;
};

static void detach_on_message(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct mover *m = arg;

	assert_int_equal(n, 1);
	assert_int_equal(net_conn_detach(p, bytes_of(bufs[0]->data, bufs[0]->len), &m->parcel), 0);
	m->has_parcel = true;
	net_buf_put(m->f->net, bufs[0]);
}

static void a_connection_moves_whole_to_another_listener(void **state)
{
	static const char text[] = BINDING CHANNEL;
	struct fixture *f = *state;
	struct mover m = {.f = f};
	struct net_handler echo = f->handler;
	struct net_listener *first;
	uint8_t heard[sizeof(text) - 1];

	f->handler.packets = detach_on_message;
	f->handler.arg = &m;
	open_listener(f, 10, NULL);
	first = f->listener;
	f->client = dial(f);
	say(f, text, sizeof(text) - 1 - 4); /* the second message is cut */
	while (!m.has_parcel)
		turn(f);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 0);

	f->handler = echo;
	f->is_echo = true;
	open_listener(f, 10, NULL);
	net_listener_adopt(f->listener, &m.parcel);
	assert_int_equal(counted(f, NET_C_CONNECTIONS), 1);
	say(f, text + sizeof(text) - 1 - 4, 4);
	hear(f, heard, sizeof(heard));
	assert_memory_equal(heard, text, sizeof(heard));
	net_listener_close(first);
}

static void a_listener_that_is_full_refuses_what_moves(void **state)
{
	struct fixture *f = *state;
	struct net_parcel parcel;

	open_listener(f, 1, NULL);
	f->client = dial(f);
	SAY(f, BINDING);
	until(f, NET_C_RX_MESSAGES, 1);
	assert_int_equal(net_conn_detach(f->port, bytes_of(NULL, 0), &parcel), 0);
	int other = dial(f);
	until(f, NET_C_ACCEPTED_TCP, 2);
	net_listener_adopt(f->listener, &parcel);
	assert_int_equal(counted(f, NET_C_REFUSED_LIMIT), 1);
	assert_ended(f);
	close(other);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
		T(an_answer_goes_before_the_peers_bytes),
		T(what_stands_behind_the_last_message_is_the_peers),
		T(a_joined_client_counts_as_a_connection),
		T(bytes_go_both_ways),
		T(a_slow_peer_holds_the_client_back_and_loses_nothing),
		T(a_slow_client_holds_the_peer_back_and_loses_nothing),
		T(a_rate_stops_the_reading_and_time_resumes_it),
		T(the_end_of_one_direction_leaves_the_other),
		T(the_end_waits_for_what_is_in_the_ring),
		T(a_reset_ends_the_other_side),
		T(what_was_read_before_a_reset_is_still_written_for_a_while),
		T(a_reader_that_takes_nothing_ends_with_the_linger),
		T(a_client_that_goes_after_its_end_is_found_out),
		T(a_dialled_peer_sees_the_port_that_listens),
		T(a_refused_dial_is_told_with_its_error),
		T(an_acceptor_may_be_closed_under_its_own_callback),
		T(a_connection_moves_whole_to_another_listener),
		T(a_listener_that_is_full_refuses_what_moves),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
