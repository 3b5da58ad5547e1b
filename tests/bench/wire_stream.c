/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TCP or TLS connection for each flow, the way of clients behind strict firewalls. Connecting
 * blocks, one after the other; afterwards a message that the connection does not take at once is
 * held back, and those behind it are send errors until it has left.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <sallyport/stun.h>

#include "wire.h"

#define EVENTS    128
#define BUFFER    4096
#define CONNECT_S 10

struct connection {
	int fd;
	bool is_broken;
	SSL *ssl;
	size_t in_len;
	size_t out_len, out_sent;
	uint8_t in[BUFFER];
	uint8_t out[WIRE_DATA_MAX];
};

struct wire_stream {
	struct wire wire;
	SSL_CTX *tls; /* NULL: plain TCP */
	struct connection *connections;
	uint32_t queued[WIRE_BATCH];
	unsigned n_queued;
};

static struct wire_stream *self_of(struct wire *w)
{
	return CONTAINER_OF(w, struct wire_stream, wire);
}

/* ---- bytes ---- */

/* What was moved; 0: nothing now; negative: the connection is done for. */
static ssize_t moved(struct connection *c, ssize_t n, int ssl_result)
{
	if (c->ssl ? ssl_result > 0 : n > 0)
		return c->ssl ? ssl_result : n;
	if (c->ssl) {
		int why = SSL_get_error(c->ssl, ssl_result);
		if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
			return 0;
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	c->is_broken = true;
	return -1;
}

static void push(struct connection *c)
{
	while (c->out_sent < c->out_len && !c->is_broken) {
		const uint8_t *from = c->out + c->out_sent;
		size_t left = c->out_len - c->out_sent;
		ssize_t n = c->ssl ? moved(c, 0, SSL_write(c->ssl, from, (int)left))
				   : moved(c, send(c->fd, from, left, MSG_NOSIGNAL), 0);
		if (n <= 0)
			return;
		c->out_sent += (size_t)n;
	}
	c->out_len = c->out_sent = 0;
}

static uint8_t *stream_reserve(struct wire *w, uint32_t flow, size_t len)
{
	struct wire_stream *s = self_of(w);
	struct connection *c = &s->connections[flow];

	if (c->out_len > 0)
		push(c);
	if (c->out_len > 0 || c->is_broken || c->fd <= 0) {
		w->counts.send_errors++;
		return NULL;
	}
	s->queued[s->n_queued++] = flow;
	c->out_len = (len + 3) & ~(size_t)3; /* RFC 8656 §12.5 */
	memset(c->out + len, 0, c->out_len - len);
	return c->out;
}

static void stream_flush(struct wire *w)
{
	struct wire_stream *s = self_of(w);

	for (unsigned i = 0; i < s->n_queued; i++)
		push(&s->connections[s->queued[i]]);
	s->n_queued = 0;
}

/* Length of the message at DATA, padding included; 0 when its header has not come whole. */
static size_t message_len(const uint8_t *data, size_t len)
{
	if (len < STUN_CHANNEL_HEADER_LEN)
		return 0;
	size_t n = be16_get(data + 2);
	return stun_is_channel_data(data[0]) ? STUN_CHANNEL_HEADER_LEN + ((n + 3) & ~(size_t)3)
					     : STUN_HEADER_LEN + n;
}

static unsigned hand_out(struct connection *c, uint32_t flow, wire_receive_fn *fn, void *arg)
{
	size_t used = 0;
	unsigned n = 0;

	for (;;) {
		size_t len = message_len(c->in + used, c->in_len - used);
		if (len > BUFFER)
			c->is_broken = true; /* not a message that we cause */
		if (len == 0 || len > c->in_len - used)
			break;
		n++;
		fn(arg, flow, c->in + used, len);
		used += len;
	}
	c->in_len -= used;
	memmove(c->in, c->in + used, c->in_len);
	return n;
}

static unsigned pull(struct connection *c, uint32_t flow, wire_receive_fn *fn, void *arg)
{
	unsigned n_received = 0;

	for (;;) {
		uint8_t *to = c->in + c->in_len;
		size_t room = BUFFER - c->in_len;
		ssize_t n = c->ssl ? moved(c, 0, SSL_read(c->ssl, to, (int)room))
				   : moved(c, recv(c->fd, to, room, 0), 0);
		if (n <= 0)
			return n_received;
		c->in_len += (size_t)n;
		n_received += hand_out(c, flow, fn, arg);
		if (!c->ssl && (size_t)n < room)
			return n_received;
	}
}

static unsigned stream_receive(struct wire *w, wire_receive_fn *fn, void *arg)
{
	struct wire_stream *s = self_of(w);
	struct epoll_event events[EVENTS];
	unsigned n_received = 0;
	int n = epoll_wait(w->wait_fd, events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct connection *c = &s->connections[events[i].data.u32];
		n_received += pull(c, events[i].data.u32, fn, arg);
		if (c->is_broken) /* what is sent from now on counts as a send error */
			(void)epoll_ctl(w->wait_fd, EPOLL_CTL_DEL, c->fd, NULL);
	}
	return n_received;
}

/* ---- opening and closing ---- */

static int open_connection(struct wire_stream *s, uint32_t flow, const struct addr *to)
{
	struct connection *c = &s->connections[flow];
	struct addr local = wire_local(&s->wire.config, flow);
	struct sockaddr_storage from_ss, to_ss;
	socklen_t from_len = addr_to_sockaddr(&local, &from_ss);
	socklen_t to_len = addr_to_sockaddr(to, &to_ss);
	struct timeval limit = {.tv_sec = CONNECT_S};
	int yes = 1;

	c->fd = socket(from_ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (from_ss.ss_family == AF_INET6)
		(void)setsockopt(c->fd, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof(yes));
	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
		setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
		setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
		bind(c->fd, (struct sockaddr *)&from_ss, from_len) != 0 ||
		connect(c->fd, (struct sockaddr *)&to_ss, to_len) != 0)
		return -errno;
	return 0;
}

static int stream_target(struct wire *w, uint32_t flow, const struct addr *to)
{
	struct wire_stream *s = self_of(w);
	struct connection *c = &s->connections[flow];
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = flow};
	int home, rc = wire_enter(&w->config, &home);

	if (rc != 0)
		return rc;
	rc = open_connection(s, flow, to);
	wire_leave(home);
	if (rc != 0)
		return rc;
	if (s->tls) {
		c->ssl = SSL_new(s->tls);
		if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1)
			return ERR_TLS;
	}
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
		epoll_ctl(w->wait_fd, EPOLL_CTL_ADD, c->fd, &e) != 0)
		return -errno;
	return 0;
}

static void stream_destroy(struct wire *w)
{
	struct wire_stream *s = self_of(w);

	for (uint32_t i = 0; s->connections && i < w->config.n_flows; i++) {
		struct connection *c = &s->connections[i];
		SSL_free(c->ssl);
		if (c->fd > 0)
			(void)close(c->fd); /* whatever is left in it does not count any more */
	}
	SSL_CTX_free(s->tls);
	if (w->wait_fd >= 0)
		(void)close(w->wait_fd); /* nothing is buffered in it */
	free(s->connections);
	free(s);
}

static const struct wire_ops stream_ops = {
	.reserve = stream_reserve,
	.flush = stream_flush,
	.receive = stream_receive,
	.target = stream_target,
	.destroy = stream_destroy,
};

int wire_stream_create(const struct wire_config *config, struct wire **out)
{
	struct wire_stream *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (!s)
		return rc;
	s->wire.ops = &stream_ops;
	s->wire.config = *config;
	s->wire.wait_fd = epoll_create1(EPOLL_CLOEXEC);
	s->connections = calloc(config->n_flows, sizeof(*s->connections));
	if (s->wire.wait_fd >= 0 && s->connections)
		rc = 0;
	if (rc == 0 && config->kind == WIRE_TLS) {
		s->tls = SSL_CTX_new(TLS_client_method()); /* any certificate will do here */
		if (s->tls)
			SSL_CTX_set_mode(s->tls, SSL_MODE_RELEASE_BUFFERS);
		rc = s->tls ? 0 : ERR_TLS;
	}
	if (rc != 0) {
		stream_destroy(&s->wire);
		return rc;
	}
	*out = &s->wire;
	return 0;
}
