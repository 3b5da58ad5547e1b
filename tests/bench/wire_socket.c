/* SPDX-License-Identifier: BSD-3-Clause */
/* A connected UDP socket for each flow: what ordinary clients and peers on this host are. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

#define EVENTS 128

struct message {
	uint32_t flow;
	uint32_t len;
	uint8_t data[WIRE_DATA_MAX];
};

struct wire_socket {
	struct wire wire;
	int *fds;
	unsigned n_queued;
	struct message queue[WIRE_BATCH];
};

static struct wire_socket *self_of(struct wire *w)
{
	return CONTAINER_OF(w, struct wire_socket, wire);
}

static uint8_t *socket_reserve(struct wire *w, uint32_t flow, size_t len)
{
	struct wire_socket *s = self_of(w);
	struct message *m = &s->queue[s->n_queued++];

	m->flow = flow;
	m->len = (uint32_t)len;
	return m->data;
}

static void socket_flush(struct wire *w)
{
	struct wire_socket *s = self_of(w);

	for (unsigned i = 0; i < s->n_queued; i++) {
		const struct message *m = &s->queue[i];
		ssize_t n = send(s->fds[m->flow], m->data, m->len, 0);
		if (n < 0 && errno == ECONNREFUSED) /* an earlier one was; this one did not leave */
			n = send(s->fds[m->flow], m->data, m->len, 0);
		w->counts.send_errors += n < 0;
	}
	s->n_queued = 0;
}

static unsigned socket_receive(struct wire *w, wire_receive_fn *fn, void *arg)
{
	struct wire_socket *s = self_of(w);
	struct epoll_event events[EVENTS];
	uint8_t data[2048];
	unsigned n_received = 0;
	int n = epoll_wait(w->wait_fd, events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		uint32_t flow = events[i].data.u32;
		ssize_t len = recv(s->fds[flow], data, sizeof(data), 0);
		if (len < 0)
			continue; /* an ICMP error: what it was for counts as lost */
		n_received++;
		fn(arg, flow, data, (size_t)len);
	}
	return n_received;
}

static int socket_target(struct wire *w, uint32_t flow, const struct addr *to)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(to, &ss);

	return connect(self_of(w)->fds[flow], (struct sockaddr *)&ss, len) == 0 ? 0 : -errno;
}

static void socket_destroy(struct wire *w)
{
	struct wire_socket *s = self_of(w);

	for (uint32_t i = 0; s->fds && i < w->config.n_flows; i++) {
		if (s->fds[i] > 0)
			(void)close(s->fds[i]); /* nothing is buffered in it */
	}
	if (w->wait_fd > 0)
		(void)close(w->wait_fd); /* nothing is buffered in it */
	free(s->fds);
	free(s);
}

static const struct wire_ops socket_ops = {
	.reserve = socket_reserve,
	.flush = socket_flush,
	.receive = socket_receive,
	.target = socket_target,
	.destroy = socket_destroy,
};

/* The source address is bound without asking whether it is this host's: a whole prefix may be
 * routed to "lo" instead of one address at a time. */
static int open_flow(struct wire_socket *s, uint32_t flow)
{
	struct addr local = wire_local(&s->wire.config, flow);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&local, &ss);
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = flow};
	int yes = 1;

	s->fds[flow] = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fds[flow] < 0)
		return -errno;
	if (ss.ss_family == AF_INET6)
		(void)setsockopt(s->fds[flow], IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof(yes));
	if (bind(s->fds[flow], (struct sockaddr *)&ss, len) != 0 ||
		epoll_ctl(s->wire.wait_fd, EPOLL_CTL_ADD, s->fds[flow], &e) != 0)
		return -errno;
	return 0;
}

int wire_socket_create(const struct wire_config *config, struct wire **out)
{
	struct wire_socket *s = calloc(1, sizeof(*s));
	int home;

	if (!s)
		return -ENOMEM;
	s->wire.ops = &socket_ops;
	s->wire.config = *config;
	s->wire.wait_fd = epoll_create1(EPOLL_CLOEXEC);
	s->fds = calloc(config->n_flows, sizeof(*s->fds));
	int rc = !s->fds ? -ENOMEM : s->wire.wait_fd < 0 ? -errno : wire_enter(config, &home);
	if (rc == 0) {
		for (uint32_t i = 0; i < config->n_flows && rc == 0; i++)
			rc = open_flow(s, i);
		wire_leave(home);
	}
	if (rc != 0) {
		socket_destroy(&s->wire);
		return rc;
	}
	*out = &s->wire;
	return 0;
}
