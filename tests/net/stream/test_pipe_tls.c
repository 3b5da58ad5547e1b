/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients on TLS whose connection moves to another listener, and into a pipe. */
#include "tls_rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#define BULK (4u << 20)

struct piped {
	struct fixture *f;
	struct tls tls;
	struct net_pipe_config config;
	struct net_pipe *pipe;
	size_t room; /* from the client */
	int peer, n_ended;
};

static void on_ended(void *arg, void *owner)
{
	struct piped *x = arg;

	assert_ptr_equal(owner, x);
	x->n_ended++;
	x->pipe = NULL;
}

static size_t room(void *arg, void *owner, enum net_end end)
{
	struct piped *x = arg;

	(void)owner;
	return end == NET_CLIENT ? x->room : SIZE_MAX;
}

static void on_passed(void *arg, void *owner, enum net_end end, size_t n)
{
	struct piped *x = arg;

	(void)owner;
	if (end == NET_CLIENT && x->room != SIZE_MAX)
		x->room -= n;
}

/* A client that has shaken hands, and a peer. */
static void meet(struct piped *x, struct fixture *f)
{
	int fds[2];

	*x = (struct piped){.f = f, .room = SIZE_MAX};
	open_tls(f, &x->tls);
	shake_hands(f, &x->tls);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	x->peer = fds[1];
	x->config = (struct net_pipe_config){.net = f->net,
		.wheel = &f->wheel,
		.clock = &f->clock,
		.buffer_bytes = NET_BUFFER_MIN,
		.ended = on_ended,
		.room = room,
		.passed = on_passed,
		.arg = x};
	assert_int_equal(net_pipe_take(&x->config, fds[0], x, &x->pipe), 0);
}

/* They are joined when the client has spoken. */
static void join(struct piped *x, struct fixture *f)
{
	meet(x, f);
	say_tls(f, &x->tls, BINDING, 20);
	until(f, NET_C_RX_MESSAGES, 1);
	assert_int_equal(net_pipe_join(x->pipe, f->port), 0);
}

static void leave(struct piped *x)
{
	if (x->pipe)
		net_pipe_close(x->pipe);
	close(x->peer);
	close_tls(&x->tls);
	assert_int_equal(x->f->wheel.count, 0);
}

static uint8_t *bulk(void)
{
	uint8_t *b = malloc(BULK);

	assert_non_null(b);
	for (uint32_t i = 0; i < BULK; i += 4)
		be32_put(b + i, i * 2654435761u);
	return b;
}

static void a_slow_peer_gets_all_of_it(void **state)
{
	struct fixture *f = *state;
	struct piped x;
	uint8_t *data = bulk(), *heard = malloc(BULK);
	size_t sent = 0;

	join(&x, f);
	for (size_t got = 0; got < BULK; turn_now(f)) {
		int n = sent < BULK ? SSL_write(x.tls.client, data + sent, 16384) : 0;
		sent += n > 0 ? (size_t)n : 0;
		ssize_t r = recv(x.peer, heard + got, 5000, 0); /* less than came */
		got += r > 0 ? (size_t)r : 0;
	}
	assert_memory_equal(heard, data, BULK);
	free(data);
	free(heard);
	leave(&x);
}

static void a_slow_client_gets_all_of_it(void **state)
{
	struct fixture *f = *state;
	struct piped x;
	uint8_t *data = bulk(), *heard = malloc(BULK);
	size_t sent = 0;

	join(&x, f);
	for (size_t got = 0; got < BULK; turn_now(f)) {
		ssize_t n = sent < BULK ? send(x.peer, data + sent, BULK - sent, MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (size_t)n : 0;
		int r = SSL_read(x.tls.client, heard + got, 5000);
		got += r > 0 ? (size_t)r : 0;
	}
	assert_memory_equal(heard, data, BULK);
	free(data);
	free(heard);
	leave(&x);
}

/* What is left of a record would be where no poll shows it. */
static void a_rate_waits_for_a_whole_record(void **state)
{
	struct fixture *f = *state;
	struct piped x;
	uint8_t data[1000] = {1}, heard[1000];

	join(&x, f);
	x.room = CRYPTO_TLS_RECORD_MAX - 1;
	say_tls(f, &x.tls, data, sizeof(data));
	turn_now(f);
	turn_now(f);
	assert_int_equal(recv(x.peer, heard, sizeof(heard), 0), -1);
	x.room = CRYPTO_TLS_RECORD_MAX;
	wait_ms(f, 200);
	turn_now(f);
	assert_int_equal(recv(x.peer, heard, sizeof(heard), 0), sizeof(data));
	assert_memory_equal(heard, data, sizeof(data));
	leave(&x);
}

/* RFC 8446 §6.1: each direction is closed for itself. */
static void the_end_of_one_direction_leaves_the_other(void **state)
{
	struct fixture *f = *state;
	struct piped x;
	char heard[16];

	join(&x, f);
	say_tls(f, &x.tls, "last", 4);
	assert_int_equal(SSL_shutdown(x.tls.client), 0);
	for (ssize_t n = -1; n < 0; turn_now(f))
		n = recv(x.peer, heard, sizeof(heard), 0);
	assert_memory_equal(heard, "last", 4);
	ssize_t end = -1;
	for (int i = 0; i < 10 && end < 0; i++, turn_now(f))
		end = recv(x.peer, heard, sizeof(heard), 0);
	assert_int_equal(end, 0);

	assert_int_equal(send(x.peer, "still here", 10, 0), 10);
	hear_tls(f, &x.tls, heard, 10);
	assert_memory_equal(heard, "still here", 10);
	assert_int_equal(x.n_ended, 0);

	assert_int_equal(shutdown(x.peer, SHUT_WR), 0);
	for (int i = 0; i < 10 && x.n_ended == 0; i++)
		turn_now(f);
	assert_int_equal(SSL_read(x.tls.client, heard, 1), 0);
	assert_int_equal(
		SSL_get_shutdown(x.tls.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	assert_int_equal(x.n_ended, 1);
	leave(&x);
}

static void the_peers_end_leaves_the_way_to_it(void **state)
{
	struct fixture *f = *state;
	struct piped x;
	char heard[16];

	join(&x, f);
	assert_int_equal(shutdown(x.peer, SHUT_WR), 0);
	for (int i = 0; i < 5; i++)
		turn_now(f);
	assert_int_equal(SSL_read(x.tls.client, heard, 1), 0);
	say_tls(f, &x.tls, "back", 4);
	for (ssize_t n = -1; n < 0; turn_now(f))
		n = recv(x.peer, heard, sizeof(heard), 0);
	assert_memory_equal(heard, "back", 4);
	leave(&x);
}

/* An end without a word in TLS may be an attacker's: it is a failure. */
static void a_cut_connection_ends_the_peers(void **state)
{
	struct fixture *f = *state;
	struct piped x;
	char heard[16];

	join(&x, f);
	assert_int_equal(shutdown(f->client, SHUT_WR), 0);
	for (int i = 0; i < 10 && x.n_ended == 0; i++)
		turn_now(f);
	assert_int_equal(x.n_ended, 1);
	assert_int_equal(recv(x.peer, heard, sizeof(heard), 0), 0);
	leave(&x);
}

static void join_at_once(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct piped *x = arg;

	assert_int_equal(n, 1);
	net_buf_put(x->f->net, bufs[0]);
	assert_int_equal(net_pipe_join(x->pipe, p), 0);
}

/* All comes in one piece; what of it the listener has read ahead no poll shows to the pipe. */
static void what_was_read_ahead_goes_through_the_pipe(void **state)
{
	static uint8_t data[100][1000], heard[sizeof(data) - sizeof(data[0])];
	struct fixture *f = *state;
	struct piped x;

	meet(&x, f);
	f->handler.packets = join_at_once;
	f->handler.arg = &x;
	for (size_t i = 0; i < ARRAY_LEN(data); i++)
		memset(data[i], (int)i, sizeof(data[i]));
	memcpy(data[0], BINDING, 20);
	be16_put(data[0] + 2, sizeof(data[0]) - 20);
	say_records(f, &x.tls, data, sizeof(data[0]), ARRAY_LEN(data));
	for (size_t got = 0; got < sizeof(heard); turn_now(f)) {
		ssize_t n = recv(x.peer, heard + got, sizeof(heard) - got, 0);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_memory_equal(heard, data[1], sizeof(heard));
	leave(&x);
}

/* ---- from one listener to another ---- */

struct mover {
	struct fixture *f;
	struct net_parcel parcel;
};

static void detach(void *arg, struct net_port *p, struct net_buf **bufs, size_t n)
{
	struct mover *m = arg;

	assert_int_equal(n, 1);
	assert_int_equal(net_conn_detach(p, bytes_of(bufs[0]->data, bufs[0]->len), &m->parcel), 0);
	net_buf_put(m->f->net, bufs[0]);
}

static void a_session_goes_on_at_another_listener(void **state)
{
	struct fixture *f = *state;
	struct net_handler echo = f->handler;
	struct mover m = {.f = f, .parcel = {.fd = -1}};
	struct net_listener *first;
	uint8_t heard[40];
	struct tls t;

	f->is_echo = true;
	open_tls(f, &t);
	shake_hands(f, &t);
	f->handler.packets = detach;
	f->handler.arg = &m;
	say_tls(f, &t, BINDING BINDING, 40);
	while (m.parcel.fd < 0)
		turn(f);
	f->handler = echo;
	first = f->listener;
	open_listener(f, 10, t.server);
	net_listener_adopt(f->listener, &m.parcel);

	hear_tls(f, &t, heard, 40);
	assert_memory_equal(heard, BINDING BINDING, 40);
	net_listener_close(first);
	close_tls(&t);
}

static void what_was_read_ahead_goes_on_there_too(void **state)
{
	static uint8_t data[100][1000], heard[sizeof(data)];
	struct fixture *f = *state;
	struct net_handler echo = f->handler;
	struct mover m = {.f = f, .parcel = {.fd = -1}};
	struct net_listener *first;
	struct tls t;

	f->is_echo = true;
	open_tls(f, &t);
	shake_hands(f, &t);
	f->handler.packets = detach;
	f->handler.arg = &m;
	for (uint32_t i = 0; i < ARRAY_LEN(data); i++) {
		memcpy(data[i], BINDING, 20);
		be16_put(data[i] + 2, sizeof(data[i]) - 20);
		be32_put(data[i] + 16, i);
	}
	say_records(f, &t, data, sizeof(data[0]), ARRAY_LEN(data));
	while (m.parcel.fd < 0)
		turn(f);
	f->handler = echo;
	first = f->listener;
	open_listener(f, 10, t.server);
	net_listener_adopt(f->listener, &m.parcel);

	hear_tls(f, &t, heard, sizeof(heard));
	assert_memory_equal(heard, data, sizeof(heard));
	net_listener_close(first);
	close_tls(&t);
}

int main(void)
{
	const struct CMUnitTest t[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
		T(a_slow_peer_gets_all_of_it),
		T(a_slow_client_gets_all_of_it),
		T(a_rate_waits_for_a_whole_record),
		T(the_end_of_one_direction_leaves_the_other),
		T(the_peers_end_leaves_the_way_to_it),
		T(a_cut_connection_ends_the_peers),
		T(what_was_read_ahead_goes_through_the_pipe),
		T(a_session_goes_on_at_another_listener),
		T(what_was_read_ahead_goes_on_there_too),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
