/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes from a connection: one read, cut into messages by the codec, handed up one by one. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "transport_priv.h"

_Static_assert(SIP_SCRATCH >= CRYPTO_TLS_RECORD_MAX, "a TLS record must be read whole");

#define FIRST_CAP 1024

/* ---- bytes that wait ---- */

bool sip_rest_count(struct sip_conn *c, struct sip_rest *r)
{
	if (!sip_buffer_take(c, r->cap - r->counted))
		return false;
	r->counted = r->cap;
	return true;
}

void sip_rest_uncount(struct sip_conn *c, struct sip_rest *r)
{
	sip_buffer_give(c, r->counted);
	r->counted = 0;
}

void sip_rest_free(struct sip_conn *c, struct sip_rest *r)
{
	sip_rest_uncount(c, r);
	crypto_wipe_free(r->data, r->cap); /* a description may have the keys of SRTP */
	*r = (struct sip_rest){0};
}

bool sip_rest_put(struct sip_conn *c, struct sip_rest *r, struct bytes in)
{
	size_t cap = r->cap ? r->cap : FIRST_CAP;

	while (cap < r->len + in.len)
		cap *= 2;
	if (cap > r->cap) {
		if (!sip_buffer_take(c, cap - r->counted))
			return false;
		uint8_t *grown = malloc(cap);
		if (!grown) {
			sip_buffer_give(c, cap - r->counted);
			return false;
		}
		if (r->len > 0)
			memcpy(grown, r->data, r->len);
		crypto_wipe_free(r->data, r->cap);
		r->data = grown;
		r->cap = r->counted = (uint32_t)cap;
	}
	if (in.len > 0)
		memcpy(r->data + r->len, in.data, in.len);
	r->len += (uint32_t)in.len;
	return true;
}

/* ---- messages ---- */

bool sip_conn_deliver(struct sip_conn *c, struct bytes message, bool is_refused)
{
	struct sip_transport_layer *t = c->t;
	const struct sip_arrival a = {.message = message,
		.is_refused = is_refused,
		.transport = c->transport,
		.flow = c->flow,
		.local = c->local,
		.remote = c->remote,
		.listener = c->listener,
		.peer = c->peer};

	sip_count_message(t, SIP_TRANSPORT_C_RX_UDP, c->transport);
	t->serving = c;
	t->config.user.arrived(t->config.user.arg, &a);
	bool is_there = t->serving == c;
	t->serving = NULL;
	if (is_there)
		return !c->is_broken && !c->is_last;
	sip_conn_free(c);
	return false;
}

/* What is left of C is to send the answer. */
static bool refuse(struct sip_conn *c, enum sip_frame what, struct bytes head)
{
	bool is_long = what == SIP_FRAME_LONG;

	if (head.len > 0 && !sip_conn_deliver(c, head, true))
		return false;
	sip_conn_end_sent(c,
		is_long ? SIP_TRANSPORT_C_END_TOO_LARGE : SIP_TRANSPORT_C_END_MALFORMED,
		is_long ? ERR_TOO_LARGE : ERR_MALFORMED);
	return false;
}

static bool answer_ping(struct sip_conn *c)
{
	sip_count(c->t, SIP_TRANSPORT_C_PINGS);
	if (!sip_crowd_ping(c))
		return false;
	/* A peer that reads nothing gets no pong, and is read all the same. */
	return sip_conn_send_raw(c, bytes_of("\r\n", 2)) != -EPIPE;
}

/* What stands at the front of IN is taken off it. False: C is gone, or ends. */
static bool take(struct sip_conn *c, struct bytes *in, enum sip_frame what, size_t n)
{
	struct bytes front = bytes_of(in->data, n);

	switch (what) {
	case SIP_FRAME_MESSAGE:
		*in = bytes_of(in->data + n, in->len - n);
		c->partial_ms = c->noise_ms = 0;
		return sip_conn_deliver(c, front, false);
	case SIP_FRAME_CRLF:
	case SIP_FRAME_PING:
		*in = bytes_of(in->data + n, in->len - n);
		return what == SIP_FRAME_CRLF ? sip_crowd_ping(c) : answer_ping(c);
	case SIP_FRAME_MORE:
	case SIP_FRAME_BAD:
	case SIP_FRAME_LONG:
	default:
		return refuse(c, what, front);
	}
}

/* False: C is gone, or ends. */
static bool take_all(struct sip_conn *c, struct bytes *in)
{
	enum sip_frame what;
	size_t n = 0;

	while (in->len > 0 &&
		(what = sip_stream_frame(&c->stream, in->data, in->len, &n)) != SIP_FRAME_MORE) {
		if (!take(c, in, what, n))
			return false;
	}
	return true;
}

/* LEFT, the end of REST or of what was read, waits in C for the bytes behind it. */
static bool keep(struct sip_conn *c, struct sip_rest *rest, struct bytes left)
{
	if (left.len == 0) {
		c->partial_ms = 0;
		crypto_wipe_free(rest->data, rest->cap);
		return true;
	}
	if (c->partial_ms == 0)
		c->partial_ms = sip_now(c->t);
	if (rest->len == 0)
		return sip_rest_put(c, &c->rest, left);
	memmove(rest->data, left.data, left.len);
	rest->len = (uint32_t)left.len;
	if (!sip_rest_count(c, rest)) {
		crypto_wipe_free(rest->data, rest->cap);
		return false;
	}
	c->rest = *rest;
	return true;
}

/*
 * What waited is out of C while messages are handed up: they may lie in it, and whoever gets one
 * may close C.
 */
static void cut(struct sip_conn *c, struct bytes in)
{
	struct sip_rest rest = c->rest;

	c->rest = (struct sip_rest){0};
	if (rest.len > 0) {
		if (!sip_rest_put(c, &rest, in)) {
			sip_rest_free(c, &rest);
			sip_conn_end(c, SIP_TRANSPORT_C_END_BUFFERS, ERR_FULL);
			return;
		}
		in = bytes_of(rest.data, rest.len);
		sip_rest_uncount(c, &rest);
	}
	if (!take_all(c, &in)) {
		crypto_wipe_free(rest.data, rest.cap);
		return;
	}
	if (keep(c, &rest, in))
		sip_conn_arm(c);
	else
		sip_conn_end(c, SIP_TRANSPORT_C_END_BUFFERS, ERR_FULL);
}

/* ---- reading ---- */

static enum crypto_tls_io read_some(struct sip_conn *c, size_t *n)
{
	ssize_t got;

	if (c->tls)
		return crypto_tls_read(c->tls, c->t->scratch, SIP_SCRATCH, n);
	do
		got = recv(c->fd, c->t->scratch, SIP_SCRATCH, 0);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return CRYPTO_TLS_CLOSED;
	if (got < 0)
		return errno == EAGAIN ? CRYPTO_TLS_WANT_READ : CRYPTO_TLS_FAILED;
	*n = (size_t)got;
	return CRYPTO_TLS_DONE;
}

void sip_conn_receive(struct sip_conn *c)
{
	size_t n = 0;

	switch (read_some(c, &n)) {
	case CRYPTO_TLS_DONE:
		c->heard_ms = c->active_ms = sip_now(c->t);
		c->ping_ms = 0;
		if (c->stage == SIP_STAGE_UPGRADE)
			sip_conn_upgrade(c, bytes_of(c->t->scratch, n));
		else if (c->ws)
			sip_conn_read_frames(c, bytes_of(c->t->scratch, n));
		else
			cut(c, bytes_of(c->t->scratch, n));
		break;
	case CRYPTO_TLS_WANT_WRITE:
		/* TLS wants to answer something of its own; the next readable event goes on. */
	case CRYPTO_TLS_WANT_READ:
		break;
	case CRYPTO_TLS_CLOSED:
		sip_conn_end(c, SIP_TRANSPORT_C_END_PEER, 0);
		break;
	case CRYPTO_TLS_FAILED:
	default:
		sip_conn_end(c, SIP_TRANSPORT_C_END_ERROR, -EIO);
		break;
	}
}
