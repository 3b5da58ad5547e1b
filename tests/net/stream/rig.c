/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig of the connection tests. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include <event2/event.h>

void expect_proxies(struct fixture *f)
{
	struct prefix loopback;

	assert_int_equal(prefix_parse("127.0.0.0/8", &loopback), 0);
	f->balancers = prefix_set_create();
	assert_non_null(f->balancers);
	assert_int_equal(prefix_set_insert(f->balancers, &loopback, 1), 0);
}

void open_listener(struct fixture *f, uint32_t max_connections, struct ssl_ctx_st *tls)
{
	struct net_listener_config c = {.tls = tls,
		.wheel = &f->wheel,
		.clock = &f->clock,
		.max_connections = max_connections,
		.buffer_bytes = NET_BUFFER_MIN,
		.per_client = f->per_client,
		.balancers = f->balancers};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	assert_int_equal(addr_parse("127.0.0.1", 0, &c.local), 0);
	assert_int_equal(net_tcp_socket(&c.local, true, &c.fd), 0);
	assert_int_equal(getsockname(c.fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &c.local), 0);
	f->local = c.local;
	assert_int_equal(net_listener_open(f->net, &c, &f->handler, f, &f->listener), 0);
}

int rig_setup(void **state)
{
	struct fixture *f = fixture_create();

	f->client = -1;
	*state = f;
	return 0;
}

int rig_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->client >= 0)
		close(f->client);
	if (f->listener)
		net_listener_close(f->listener);
	prefix_set_destroy(f->balancers);
	fixture_destroy(f);
	return 0;
}

/* ---- the server's side ---- */

void turn(struct fixture *f)
{
	assert_true(event_base_loop(loop_base(f->loop), EVLOOP_ONCE) >= 0);
	net_flush(f->net);
}

void turn_now(struct fixture *f)
{
	assert_true(event_base_loop(loop_base(f->loop), EVLOOP_NONBLOCK) >= 0);
	net_flush(f->net);
}

void until(struct fixture *f, enum net_counter row, uint64_t n)
{
	while (counted(f, row) < n)
		turn(f);
	assert_int_equal(counted(f, row), n);
}

/* ---- the client's side ---- */

int dial(struct fixture *f)
{
	return dial_from(f, "127.0.0.1");
}

int dial_from(struct fixture *f, const char *ip)
{
	struct sockaddr_storage ss, from;
	struct addr local;
	socklen_t len = addr_to_sockaddr(&f->local, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(addr_parse(ip, 0, &local), 0);
	socklen_t from_len = addr_to_sockaddr(&local, &from);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, from_len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

void say(struct fixture *f, const void *data, size_t len)
{
	assert_int_equal(send(f->client, data, len, MSG_NOSIGNAL), len);
}

void hear(struct fixture *f, void *out, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = recv(f->client, (uint8_t *)out + at, len - at, MSG_DONTWAIT);
		assert_int_not_equal(n, 0);
		if (n > 0)
			at += (size_t)n;
		else
			turn_now(f);
	}
}

void assert_ended(struct fixture *f)
{
	char bytes[256];
	ssize_t n;

	do
		n = recv(f->client, bytes, sizeof(bytes), 0); /* blocks, unless it is so */
	while (n > 0);
}
