/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig of the tests of SIP transports. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

/* ---- the owner ---- */

static void on_arrived(void *arg, const struct sip_arrival *a)
{
	struct rig *r = arg;

	r->n_arrived++;
	r->arrival = *a;
	assert_true(a->message.len < sizeof(r->text));
	memcpy(r->text, a->message.data, a->message.len);
	r->text[a->message.len] = '\0';
	if (a->peer)
		r->peer = *a->peer;
	r->arrival.peer = a->peer ? &r->peer : NULL;
	if (r->answer)
		assert_int_equal(
			sip_transport_send(r->layer, a->flow, &a->remote, rig_bytes(r->answer), 0),
			0);
	if (!r->is_closing)
		return;
	sip_transport_close(r->layer, a->flow);
	assert_memory_equal(a->message.data, r->text, a->message.len);
	assert_int_equal(a->peer ? a->peer->n_names : 0, a->peer ? r->peer.n_names : 0);
}

static void on_failed(void *arg, uint64_t token, struct sip_flow flow, int why)
{
	struct rig *r = arg;

	(void)flow;
	if (r->n_failed < RIG_TOKENS)
		r->failed[r->n_failed] = token;
	r->n_failed++;
	r->failed_why = why;
}

static void on_closed(void *arg, struct sip_flow flow, int why)
{
	struct rig *r = arg;

	r->n_closed++;
	r->closed = flow;
	r->closed_why = why;
	assert_true(rig_is_gone(r, flow));
}

static void on_unreachable(void *arg, struct sip_flow flow, const struct addr *peer)
{
	struct rig *r = arg;

	(void)flow;
	r->n_unreachable++;
	r->unreachable = *peer;
}

static bool on_admits(void *arg, uint32_t listener, const struct addr *peer)
{
	const struct rig *r = arg;

	assert_in_range(listener, 0, r->config.n_listeners - 1);
	assert_int_not_equal(peer->port, 0);
	return !r->admits_nobody;
}

static bool on_trusts(
	void *arg, uint32_t listener, const struct addr *remote, const struct crypto_peer *peer)
{
	struct rig *r = arg;

	(void)listener;
	(void)remote;
	return !r->trusted || sip_peer_is(peer, r->trusted);
}

/* ---- life ---- */

int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	(void)mallopt(M_PERTURB, 0xa5); /* what is freed does not look as before */
	r->loop = loop_create("test", 16);
	r->net = net_create(r->loop, r->net_cells);
	assert_non_null(r->net);
	r->clock.mono_ms = 1000000;
	wheel_init(&r->wheel, r->clock.mono_ms, NULL);
	r->config = (struct sip_transport_config){.loop = r->loop,
		.wheel = &r->wheel,
		.clock = &r->clock,
		.net = r->net,
		.cells = r->cells,
		.listeners = r->listeners,
		.limits = sip_transport_limits_default,
		.user = {
			on_arrived, on_failed, on_closed, on_unreachable, on_admits, on_trusts, r}};
	log_fd_set(-1);
	alarm(60);
	*state = r;
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *r = *state;

	sip_transport_destroy(r->layer);
	alarm(0);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_CONNECTIONS), 0);
	assert_int_equal(rig_counted(r, SIP_TRANSPORT_C_BUFFERED), 0);
	assert_int_equal(r->wheel.count, 0);
	net_destroy(r->net);
	loop_destroy(r->loop);
	free(r);
	return 0;
}

void rig_listen(struct rig *r, enum sip_transport transport, struct ssl_ctx_st *tls)
{
	struct sip_listener_config *l = &r->listeners[r->config.n_listeners++];

	assert_true(r->config.n_listeners <= RIG_LISTENERS);
	l->transport = transport;
	l->tls = tls;
	assert_int_equal(addr_parse("127.0.0.1", 0, &l->local), 0);
}

void rig_start(struct rig *r)
{
	assert_int_equal(sip_transport_create(&r->config, &r->layer, r->why), 0);
}

/* ---- turns ---- */

static void end_turn(struct rig *r)
{
	(void)loop_deliver(r->loop);
	net_flush(r->net);
}

void rig_turn(struct rig *r)
{
	assert_true(event_base_loop(loop_base(r->loop), EVLOOP_ONCE) >= 0);
	end_turn(r);
}

void rig_turn_now(struct rig *r)
{
	assert_true(event_base_loop(loop_base(r->loop), EVLOOP_NONBLOCK) >= 0);
	end_turn(r);
}

uint64_t rig_counted(const struct rig *r, enum sip_transport_counter row)
{
	return metrics_get(r->cells, row);
}

void rig_until(struct rig *r, enum sip_transport_counter row, uint64_t n)
{
	while (rig_counted(r, row) < n)
		rig_turn(r);
	assert_int_equal(rig_counted(r, row), n);
}

void rig_wait(struct rig *r, uint64_t ms)
{
	for (uint64_t end = r->clock.mono_ms + ms; r->clock.mono_ms < end;) {
		uint64_t left = end - r->clock.mono_ms;
		r->clock.mono_ms += left < WHEEL_TICK_MS ? left : WHEEL_TICK_MS;
		wheel_advance(&r->wheel, r->clock.mono_ms);
		end_turn(r);
	}
}

/* ---- peers ---- */

int rig_connect(struct rig *r, uint32_t i)
{
	return rig_connect_from(r, i, "127.0.0.1");
}

int rig_connect_from(struct rig *r, uint32_t i, const char *address)
{
	struct addr from;
	struct sockaddr_storage ours;
	struct addr to = sip_transport_local(r->layer, i);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&to, &ss);
	int small = 4096, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(addr_parse(address, 0, &from), 0);
	socklen_t ours_len = addr_to_sockaddr(&from, &ours);
	assert_int_equal(bind(fd, (struct sockaddr *)&ours, ours_len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

int rig_server(struct sip_target *target)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr any;
	int fd;

	*target = (struct sip_target){.transport = SIP_TCP};
	assert_int_equal(addr_parse("127.0.0.1", 0, &any), 0);
	assert_int_equal(net_tcp_socket(&any, false, &fd), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, len, &target->addr), 0);
	return fd;
}

int rig_accept(struct rig *r, int server)
{
	int fd;

	while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
		assert_int_equal(errno, EAGAIN);
		rig_turn_now(r);
	}
	return fd;
}

void rig_say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void rig_hear(struct rig *r, int fd, const char *text)
{
	size_t len = strlen(text);
	char heard[4096];

	assert_true(len < sizeof(heard));
	for (size_t at = 0; at < len;) {
		ssize_t n = recv(fd, heard + at, len - at, MSG_DONTWAIT);
		assert_int_not_equal(n, 0);
		if (n > 0)
			at += (size_t)n;
		else
			rig_turn_now(r);
	}
	assert_memory_equal(heard, text, len);
}

void rig_hear_end(struct rig *r, int fd)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != 0) {
		if (n < 0 && errno != EAGAIN)
			return; /* reset */
		rig_turn_now(r);
	}
}

bool rig_is_quiet(struct rig *r, int fd)
{
	char byte;

	rig_turn_now(r);
	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

struct bytes rig_bytes(const char *text)
{
	return bytes_str(text);
}

bool rig_is_gone(struct rig *r, struct sip_flow flow)
{
	return sip_transport_send(r->layer, flow, NULL, rig_bytes("\r\n"), 0) == ERR_NOT_FOUND;
}
