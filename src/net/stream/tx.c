/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages to a connection: gathered during a turn, then one call for all. What the kernel does not
 * take is copied into the connection's ring, so that a slow reader holds no packet buffers.
 */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include <sallyport/crypto.h>

#include "stream_priv.h"

/* RFC 8656 §12.5: on a stream ChannelData ends on a multiple of four bytes. */
static void pad(struct net_buf *b)
{
	if (b->len == 0 || b->data[0] >> 6 != 1)
		return;
	while (b->len % 4 != 0)
		b->data[b->len++] = 0;
}

void net_conn_send(struct net_port *p, struct net_buf *b)
{
	struct net_conn *c = (struct net_conn *)p;
	struct net *n = c->net;

	if (c->is_broken) {
		metrics_add(n->cells, NET_C_TX_ERRORS, 1);
		net_buf_put(n, b);
		return;
	}
	pad(b);
	b->next = NULL;
	*c->tx_tail = b;
	c->tx_tail = &b->next;
	if (!list_is_empty(&c->dirty_link))
		return;
	list_append(&n->dirty_conns, &c->dirty_link);
	loop_deferred_run(n->loop, &n->flush);
}

static void pop(struct net_conn *c)
{
	struct net_buf *b = c->tx_head;

	c->tx_head = b->next;
	if (!c->tx_head)
		c->tx_tail = &c->tx_head;
	net_buf_put(c->net, b);
}

/*
 * Writing happens in the middle of other people's callbacks, so the connection must not go here:
 * its end is made readable, and the read event finds it.
 */
static void break_off(struct net_conn *c)
{
	c->is_broken = true;
	net_ring_fini(&c->out);
	(void)shutdown(c->fd, SHUT_RDWR); /* fails when the peer has done it already */
}

/* One gathered write of the queue's front. Bytes taken, or -1: later, or never. */
static ssize_t write_front(struct net_conn *c)
{
	struct iovec iov[NET_BATCH];
	struct msghdr h = {.msg_iov = iov};

	for (struct net_buf *b = c->tx_head; b && h.msg_iovlen < NET_BATCH; b = b->next)
		iov[h.msg_iovlen++] = (struct iovec){b->data, b->len};
	ssize_t sent;
	do
		sent = sendmsg(c->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
		break_off(c);
	return sent;
}

/* True: the front message is cut; its rest must go before anything else. */
static bool take_off(struct net_conn *c, size_t sent)
{
	metrics_add(c->net->cells, NET_C_TX_MESSAGE_BYTES, sent);
	while (c->tx_head && sent >= c->tx_head->len) {
		sent -= c->tx_head->len;
		metrics_add(c->net->cells, NET_C_TX_MESSAGES, 1);
		pop(c);
	}
	if (sent == 0)
		return false;
	assert(c->tx_head); /* the kernel takes no more than it was given */
	c->tx_head->data += sent;
	c->tx_head->len -= (uint32_t)sent;
	return true;
}

/* Part of TEXT; *N 0 and false when it has to wait. */
static bool write_some(struct net_conn *c, struct bytes text, size_t *n)
{
	enum crypto_tls_io io = net_stream_write(c->fd, c->tls, text, n);

	if (io == CRYPTO_TLS_CLOSED || io == CRYPTO_TLS_FAILED)
		break_off(c);
	return io == CRYPTO_TLS_DONE;
}

/* True: the front message is cut, or TLS has made a record of it that must be the next. */
static bool write_queue(struct net_conn *c)
{
	while (c->tx_head) {
		size_t n = 0;
		ssize_t sent = 0;
		/* A record for each message: there are clients that take one for the other. */
		if (c->tls && !write_some(c, bytes_of(c->tx_head->data, c->tx_head->len), &n))
			return !c->is_broken;
		if (!c->tls)
			sent = write_front(c);
		if (sent < 0)
			return false;
		if (take_off(c, n + (size_t)sent))
			return true;
	}
	return false;
}

/* The queue goes into the ring as far as whole messages fit. A cut one must. */
static void keep_queue(struct net_conn *c, bool is_cut)
{
	size_t limit = c->listener->config.buffer_bytes;

	for (; c->tx_head; is_cut = false, pop(c)) {
		struct net_buf *b = c->tx_head;
		if (!c->is_broken && net_ring_put(&c->out, b->data, b->len, limit)) {
			metrics_add(c->net->cells, NET_C_TX_MESSAGES, 1);
			continue;
		}
		metrics_add(c->net->cells, c->is_broken ? NET_C_TX_ERRORS : NET_C_STREAM_FULL, 1);
		if (is_cut)
			break_off(c);
	}
}

void net_conn_drain(struct net_conn *c)
{
	size_t n;

	while (c->out.len > 0 && write_some(c, net_ring_view(&c->out), &n)) {
		metrics_add(c->net->cells, NET_C_TX_MESSAGE_BYTES, n);
		net_ring_drop(&c->out, n);
	}
	if (c->out.len > 0)
		(void)event_add(
			&c->write_event, NULL); /* if it fails, the next flush tries again */
}

void net_conn_flush(struct net_conn *c)
{
	bool is_cut = false;

	if (c->out.len == 0 && !c->is_broken)
		is_cut = write_queue(c);
	keep_queue(c, is_cut);
	/* Whoever waits for the kernel to take more is called when it does. */
	if (!event_pending(&c->write_event, EV_WRITE, NULL))
		net_conn_drain(c);
}

void net_conns_flush(struct net *n)
{
	while (!list_is_empty(&n->dirty_conns)) {
		struct net_conn *c = CONTAINER_OF(n->dirty_conns.next, struct net_conn, dirty_link);
		list_remove(&c->dirty_link);
		net_conn_flush(c);
	}
}

void net_conn_say(struct net_conn *c, struct bytes text)
{
	size_t n;

	if (c->out.len == 0 && !c->is_broken)
		(void)write_some(c, text, &n); /* all that is said this way fits an empty buffer */
}
