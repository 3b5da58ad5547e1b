/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes from a connection: one read, cut into messages, handed up in batches. */
#include <sallyport/crypto.h>

#include "stream_priv.h"

_Static_assert(NET_SCRATCH >= CRYPTO_TLS_RECORD_MAX, "a TLS record must be read whole");
_Static_assert(NET_FRAME_MAX <= NET_DATAGRAM_MAX + NET_TAILROOM, "a message must fit a buffer");

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
	loop_packets(net->loop, n);
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

/*
 * A batch ends behind each STUN message: what it asks for may change what the bytes behind it are,
 * and whose.
 */
static bool ends_batch(struct bytes text, size_t n)
{
	return n == NET_BATCH || text.data[0] >> 6 == 0;
}

bool net_conn_hand_up(struct net_conn *c, struct bytes in)
{
	struct net_buf *bufs[NET_BATCH];
	size_t n = 0, limit = c->port.n_holds > 0 ? NET_FRAME_MAX : NET_UNHELD_MAX;
	struct bytes text;
	enum net_frame what;

	while ((what = net_framer_next(&c->framer, &in, limit, &text)) == NET_FRAME_MESSAGE) {
		bufs[n] = message(c, text);
		if (bufs[n])
			n++;
		if (!ends_batch(text, n))
			continue;
		c->net->unread = in;
		if (!deliver(c, bufs, n))
			return false;
		n = 0;
	}
	c->net->unread = bytes_of(NULL, 0);
	if (!deliver(c, bufs, n))
		return false;
	if (what == NET_FRAME_MORE)
		return true;
	refuse(c, what);
	return false;
}

void net_conn_read_on(struct net_conn *c)
{
	if (c->tls && crypto_tls_holds(c->tls))
		event_active(&c->read_event, EV_READ, 0);
}

/*
 * As many records as TLS has at hand and as are sure to fit. What it still holds from the last time
 * goes first, without reading ahead again: else somebody who sends fast enough would be read for
 * ever, in one turn.
 */
static enum crypto_tls_io read_records(struct net_conn *c, size_t *len)
{
	enum crypto_tls_io io;
	size_t n;

	*len = 0;
	if (c->tls)
		crypto_tls_read_ahead(c->tls, !crypto_tls_holds(c->tls));
	do {
		io = net_stream_read(c->fd, c->tls, c->net->scratch + *len, NET_SCRATCH - *len, &n);
		*len += n;
	} while (io == CRYPTO_TLS_DONE && NET_SCRATCH - *len >= CRYPTO_TLS_RECORD_MAX && c->tls &&
		 crypto_tls_holds(c->tls));
	return io;
}

void net_conn_receive(struct net_conn *c)
{
	size_t len;
	enum crypto_tls_io io = read_records(c, &len);

	if (io == CRYPTO_TLS_DONE)
		net_conn_read_on(c);
	if (len > 0 && !net_conn_hand_up(c, bytes_of(c->net->scratch, len)))
		return;
	switch (io) {
	case CRYPTO_TLS_DONE:
	case CRYPTO_TLS_WANT_READ:
		break;
	case CRYPTO_TLS_WANT_WRITE: /* TLS has something of its own to say before it reads on */
		if (event_add(&c->write_event, NULL) != 0)
			net_conn_end(c, NET_C_END_ERROR);
		break;
	case CRYPTO_TLS_CLOSED:
		net_conn_end(c, NET_C_END_CLIENT);
		break;
	case CRYPTO_TLS_FAILED:
	default:
		net_conn_end(c, NET_C_END_ERROR);
		break;
	}
}
