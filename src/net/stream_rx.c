/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes from a connection: one read, cut into messages, handed up in batches. */
#include <errno.h>
#include <sys/socket.h>

#include <sallyport/crypto.h>

#include "stream.h"

_Static_assert(NET_SCRATCH >= CRYPTO_TLS_RECORD_MAX, "a TLS record must be read whole");
_Static_assert(NET_FRAME_MAX <= NET_DATAGRAM_MAX + NET_TAILROOM, "a message must fit a buffer");

enum reading {
	READ_SOME,
	READ_LATER,
	READ_END,
	READ_ERROR
};

static enum reading read_tls(struct net_conn *c, size_t *n)
{
	switch (crypto_tls_read(c->tls, c->net->scratch, NET_SCRATCH, n)) {
	case CRYPTO_TLS_DONE:
		return READ_SOME;
	case CRYPTO_TLS_CLOSED:
		return READ_END;
	case CRYPTO_TLS_FAILED:
		return READ_ERROR;
	case CRYPTO_TLS_WANT_WRITE:
		/* It wants to answer something of TLS's own; the next readable event goes on. */
	case CRYPTO_TLS_WANT_READ:
	default:
		return READ_LATER;
	}
}

static enum reading read_some(struct net_conn *c, size_t *n)
{
	if (c->tls)
		return read_tls(c, n);
	ssize_t got = recv(c->fd, c->net->scratch, NET_SCRATCH, 0);
	if (got > 0) {
		*n = (size_t)got;
		return READ_SOME;
	}
	if (got == 0)
		return READ_END;
	return errno == EAGAIN || errno == EINTR ? READ_LATER : READ_ERROR;
}

static struct net_buf *message(struct net_conn *c, struct bytes text)
{
	struct net_buf *b = net_buf_get(c->net);

	if (!b) {
		metrics_add(c->net->cells, NET_C_RX_ERRORS, 1);
		return NULL;
	}
	memcpy(b->data, text.data, text.len);
	b->len = (uint32_t)text.len;
	b->addr = c->peer;
	metrics_add(c->net->cells, NET_C_RX_MESSAGES, 1);
	metrics_add(c->net->cells, NET_C_RX_MESSAGE_BYTES, text.len);
	return b;
}

/* False: C was closed under its own callback. */
static bool deliver(struct net_conn *c, struct net_buf **bufs, size_t n)
{
	struct net *net = c->net;
	const struct net_handler *h = c->listener->handler;

	if (n == 0)
		return true;
	net_life_heard(&c->life);
	net->serving = &c->port;
	h->packets(h->arg, &c->port, bufs, n);
	bool is_there = net->serving == &c->port;
	net->serving = NULL;
	return is_there;
}

static void refuse(struct net_conn *c, enum net_frame what)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n"
				   "Content-Type: text/plain\r\n"
				   "Content-Length: 36\r\n"
				   "Connection: close\r\n\r\n"
				   "This is a TURN server, not the web.\n";

	if (what == NET_FRAME_HTTP) {
		net_conn_say(c, bytes_str(http));
		net_conn_end(c, NET_C_END_HTTP);
	} else {
		net_conn_end(c, what == NET_FRAME_BAD ? NET_C_END_PROTOCOL : NET_C_END_ERROR);
	}
}

static void hand_up(struct net_conn *c, struct bytes in)
{
	struct net_buf *bufs[NET_BATCH];
	size_t n = 0, limit = c->port.n_holds > 0 ? NET_FRAME_MAX : NET_UNHELD_MAX;
	struct bytes text;
	enum net_frame what;

	while ((what = net_framer_next(&c->framer, &in, limit, &text)) == NET_FRAME_MESSAGE) {
		bufs[n] = message(c, text);
		if (bufs[n])
			n++;
		if (n < NET_BATCH)
			continue;
		if (!deliver(c, bufs, n))
			return;
		n = 0;
	}
	if (deliver(c, bufs, n) && what != NET_FRAME_MORE)
		refuse(c, what);
}

void net_conn_receive(struct net_conn *c)
{
	size_t n = 0;

	switch (read_some(c, &n)) {
	case READ_SOME:
		hand_up(c, bytes_of(c->net->scratch, n));
		break;
	case READ_LATER:
		break;
	case READ_END:
		net_conn_end(c, NET_C_END_CLIENT);
		break;
	case READ_ERROR:
	default:
		net_conn_end(c, NET_C_END_ERROR);
		break;
	}
}
