/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners for TCP and TLS: the socket, and accepting in bounded rounds. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "stream_priv.h"

#define BACKLOG           4096
#define ACCEPTS_PER_ROUND 64
#define PAUSE_MS          500 /* with no descriptor left: somebody must close one first */

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* REUSEADDR: connections of an earlier run may linger on the port. One that listens is still met.
 */
static int bind_tcp(int fd, const struct addr *local, bool reuseport)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(local, &ss);
	int rc = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (rc == 0 && local->family == ADDR_IPV6)
		rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0 && reuseport)
		rc = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (rc != 0)
		return rc;
	return bind(fd, (struct sockaddr *)&ss, len) == 0 ? 0 : -errno;
}

int net_tcp_socket(const struct addr *local, bool reuseport, int *out)
{
	int family = local->family == ADDR_IPV6 ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0)
		return -errno;
	int rc = bind_tcp(fd, local, reuseport);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

/* ---- accepting ---- */

/* The event would come back at once and for ever, so it rests until a timer. */
static void pause_accepting(struct net_listener *l)
{
	metrics_add(l->net->cells, NET_C_REFUSED_DESCRIPTORS, 1);
	event_del(&l->event);
	wheel_set(l->config.wheel, &l->pause, l->config.clock->mono_ms + PAUSE_MS);
}

static void on_pause_end(struct wheel_timer *t, void *arg)
{
	struct net_listener *l = CONTAINER_OF(t, struct net_listener, pause);

	(void)arg;
	if (event_add(&l->event, NULL) != 0)
		wheel_set(l->config.wheel, &l->pause, l->config.clock->mono_ms + PAUSE_MS);
}

/* False: there are no more, or none can be had now. */
static bool accept_one(struct net_listener *l)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr peer;
	int fd = accept4(l->config.fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		if (net_descriptor_admit(l->net, NET_FOR_CONNECTION, fd) != 0) {
			pause_accepting(l);
			return false;
		}
		if (addr_from_sockaddr((struct sockaddr *)&ss, len, &peer) == 0)
			(void)net_conn_open(l, fd, &peer); /* counts a refusal itself */
		else
			close(fd);
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		pause_accepting(l);
	else if (errno != EAGAIN)
		return true; /* that connection has failed; there may be others */
	return false;
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct net_listener *l = arg;

	(void)fd;
	(void)what;
	loop_turn(l->net->loop);
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		if (!accept_one(l))
			return;
	}
}

/* ---- life ---- */

/*
 * Probes find a client that is gone when nothing is sent to it, the time-out when something is and
 * it does not acknowledge; without that the kernel would try for a quarter of an hour.
 */
static int watch_for_death(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, NET_DEAD_S / 2},
		{IPPROTO_TCP, TCP_KEEPINTVL, NET_DEAD_S / 8},
		{IPPROTO_TCP, TCP_KEEPCNT, 4},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, NET_DEAD_S * 1000},
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(options) && rc == 0; i++)
		rc = set_int(fd, options[i].level, options[i].name, options[i].value);
	return rc;
}

/* Connections inherit these. A fixed send buffer: the kernel would grow it to megabytes. */
static int listen_on(const struct net_listener_config *c)
{
	int rc = set_int(c->fd, IPPROTO_TCP, TCP_NODELAY, 1);

	if (rc == 0)
		rc = set_int(c->fd, SOL_SOCKET, SO_SNDBUF, (int)(c->buffer_bytes / 2));
	if (rc == 0)
		rc = watch_for_death(c->fd);
	if (rc == 0 && listen(c->fd, BACKLOG) != 0)
		rc = -errno;
	return rc;
}

int net_listener_open(struct net *n, const struct net_listener_config *c,
	const struct net_handler *h, void *owner, struct net_listener **out)
{
	struct net_listener *l = calloc(1, sizeof(*l));
	int rc = -ENOMEM;

	assert(c->buffer_bytes >= NET_BUFFER_MIN);
	if (!n->scratch)
		n->scratch = malloc(NET_SCRATCH);
	if (!l || !n->scratch)
		goto fail;
	l->net = n;
	l->config = *c;
	l->handler = h;
	l->owner = owner;
	list_init(&l->conns);
	wheel_timer_init(&l->pause, on_pause_end);
	rc = listen_on(c);
	if (rc != 0)
		goto fail;
	rc = -ENOMEM;
	if (event_assign(&l->event, loop_base(n->loop), c->fd, EV_READ | EV_PERSIST, on_connection,
		    l) != 0 ||
		event_add(&l->event, NULL) != 0)
		goto fail;
	l->config.tls = crypto_tls_get(c->tls);
	*out = l;
	return 0;
fail:
	free(l);
	close(c->fd);
	return rc;
}

int net_listener_copy(struct net_listener *l)
{
	int fd = fcntl(l->config.fd, F_DUPFD_CLOEXEC, 0);

	return fd >= 0 ? fd : -errno;
}

void net_listener_stop(struct net_listener *l)
{
	wheel_cancel(l->config.wheel, &l->pause);
	if (l->config.fd < 0)
		return;
	event_del(&l->event);
	close(l->config.fd);
	l->config.fd = -1;
}

void net_listener_close(struct net_listener *l)
{
	list_for_each_safe (it, &l->conns)
		net_conn_close(CONTAINER_OF(it, struct net_conn, link));
	net_listener_stop(l);
	crypto_tls_destroy(l->config.tls);
	free(l);
}

void net_listener_tls_set(struct net_listener *l, struct ssl_ctx_st *tls)
{
	struct ssl_ctx_st *old = l->config.tls;

	assert((old != NULL) == (tls != NULL));
	l->config.tls = crypto_tls_get(tls);
	crypto_tls_destroy(old);
}
