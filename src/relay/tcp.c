/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP towards peers (RFC 6062): sockets for the TURN server, and what they tell, to it. */
#include <unistd.h>

#include "tcp.h"

/* ---- from the TURN server ---- */

/*
 * What is dialled leaves from the same port, so the two must share it. SO_REUSEPORT would share it
 * with a second daemon of the same user as well: the port is bound once without it, which fails
 * when anybody listens there, and given up again.
 */
static int listen_on(void *arg, const struct addr *local, struct net_port **out)
{
	struct relay_tcp *t = arg;
	int fd;
	int rc = net_tcp_socket(local, false, &fd);

	if (rc != 0)
		return rc;
	close(fd);
	rc = net_tcp_socket(local, true, &fd);
	if (rc == 0)
		rc = net_descriptor_admit(t->pipes.net, NET_FOR_RELAY, fd);
	return rc == 0 ? net_acceptor_open(&t->pipes, fd, local, out) : rc;
}

static int dial(void *arg, const struct addr *local, const struct addr *peer,
	struct turn_connection *owner, struct net_pipe **out)
{
	struct relay_tcp *t = arg;

	return net_pipe_dial(&t->pipes, local, peer, owner, out);
}

static int take(void *arg, int fd, struct turn_connection *owner, struct net_pipe **out)
{
	struct relay_tcp *t = arg;

	return net_pipe_take(&t->pipes, fd, owner, out);
}

static int join(void *arg, struct net_pipe *p, struct net_port *client)
{
	(void)arg;
	return net_pipe_join(p, client);
}

static void close_pipe(void *arg, struct net_pipe *p)
{
	(void)arg;
	net_pipe_close(p);
}

static int detach(void *arg, struct net_port *client, struct bytes again, struct turn_moved *out)
{
	struct relay_tcp *t = arg;

	out->listener = relay_listeners_number(t->listeners, client);
	return net_conn_detach(client, again, &out->parcel);
}

static void adopt(void *arg, struct turn_moved *m)
{
	struct relay_tcp *t = arg;

	net_listener_adopt(relay_listeners_at(t->listeners, m->listener), &m->parcel);
}

/* ---- to the TURN server ---- */

static void on_accepted(void *arg, struct net_port *p, int fd, const struct addr *peer)
{
	struct relay_tcp *t = arg;

	turn_tcp_accepted(relay_turn(t->relay), p, fd, peer);
}

static void on_opened(void *arg, void *owner, int rc)
{
	(void)arg;
	turn_tcp_opened(owner, rc);
}

static void on_ended(void *arg, void *owner)
{
	(void)arg;
	turn_tcp_ended(owner);
}

static size_t room(void *arg, void *owner, enum net_end end)
{
	(void)arg;
	return turn_tcp_room(owner, end);
}

static void on_passed(void *arg, void *owner, enum net_end end, size_t n)
{
	(void)arg;
	turn_tcp_passed(owner, end, n);
}

void relay_tcp_init(struct relay_tcp *t, struct relay *r, struct relay_listeners *ls,
	struct net *net, struct loop *loop, uint32_t buffer_bytes)
{
	t->relay = r;
	t->listeners = ls;
	t->pipes = (struct net_pipe_config){
		.net = net,
		.wheel = loop_wheel(loop),
		.clock = loop_clock(loop),
		.buffer_bytes = buffer_bytes,
		.accepted = on_accepted,
		.opened = on_opened,
		.ended = on_ended,
		.room = room,
		.passed = on_passed,
		.arg = t,
	};
	t->wire = (struct turn_tcp_wire){
		.listen = listen_on,
		.dial = dial,
		.take = take,
		.join = join,
		.close = close_pipe,
		.detach = detach,
		.adopt = adopt,
		.arg = t,
	};
}
