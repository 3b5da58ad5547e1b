/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes through a pipe. A side is read only while the other one's ring and the rate have room, so
 * that nothing is ever dropped: who sends too fast fills its own socket and waits.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <sallyport/crypto.h>

#include "pipe.h"

/*
 * Less than a TLS record is not asked for: what of one is left unread would be in OpenSSL, where no
 * poll of the descriptor shows it.
 */
#define READ_MIN CRYPTO_TLS_RECORD_MAX

/* What the connection had read ahead before it became S's, no poll shows either. A side that rests
 * is told when it is woken. */
static void go_on(struct net_side *s)
{
	if (s->tls && event_pending(&s->read_event, EV_READ, NULL) && crypto_tls_holds(s->tls))
		event_active(&s->read_event, EV_READ, 0);
}

/* ---- stopping ---- */

/* How much may be read from S now; 0: it rests until somebody wakes it. */
static size_t may_read(struct net_side *s)
{
	const struct net_pipe_config *c = s->pipe->config;
	size_t space = c->buffer_bytes - net_side_other(s)->out.len;
	enum net_end from = s == &s->pipe->sides[NET_CLIENT] ? NET_CLIENT : NET_PEER;
	size_t rate = c->room(c->arg, s->pipe->owner, from);

	s->waits_for_ring = space < READ_MIN;
	s->waits_for_rate = rate < (s->tls ? READ_MIN : 1);
	if (s->waits_for_ring || s->waits_for_rate) {
		event_del(&s->read_event);
		if (s->waits_for_rate)
			wheel_set(c->wheel, &s->pipe->timer, c->clock->mono_ms + WHEEL_TICK_MS);
		return 0;
	}
	if (space > rate)
		space = rate;
	return space < NET_SCRATCH ? space : NET_SCRATCH;
}

/* False: P is gone. */
static bool read_again(struct net_side *s)
{
	s->waits_for_ring = s->waits_for_rate = false;
	if (s->is_ended)
		return true;
	if (event_add(&s->read_event, NULL) != 0) {
		net_pipe_end(s->pipe);
		return false;
	}
	go_on(s);
	return true;
}

/* ---- ends ---- */

/* A side that has ended is not read, so that nothing tells when it goes altogether. */
static void watch(struct net_pipe *p)
{
	const struct net_pipe_config *c = p->config;

	if (!wheel_timer_is_set(&p->timer))
		wheel_set(c->wheel, &p->timer, c->clock->mono_ms + NET_WATCH_MS);
}

static bool is_gone(const struct net_side *s)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	/* With our own end on its way it closes as it should. */
	return s->is_ended && !s->is_told &&
	       getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state == TCP_CLOSE;
}

/* S has failed. What the other one has not got of it yet may still be written for a while. */
static void break_off(struct net_side *s)
{
	struct net_pipe *p = s->pipe;
	struct net_side *other = net_side_other(s);

	net_side_close(s);
	if (other->fd < 0 || other->out.len == 0) {
		net_pipe_end(p);
		return;
	}
	event_del(&other->read_event);
	wheel_set(p->config->wheel, &p->timer, p->config->clock->mono_ms + NET_LINGER_MS);
}

/* Tells S that nothing more comes to it. False: P is gone. */
static bool tell_end(struct net_side *s)
{
	struct net_pipe *p = s->pipe;
	struct net_side *other = net_side_other(s);

	if (!s->tls) {
		(void)shutdown(s->fd,
			SHUT_WR); /* fails when the connection is over: then reading shows it */
	} else {
		switch (crypto_tls_end(s->tls)) {
		case CRYPTO_TLS_DONE:
			break;
		case CRYPTO_TLS_WANT_READ:
		case CRYPTO_TLS_WANT_WRITE:
			if (event_add(&s->write_event, NULL) == 0)
				return true;
			/* fall through */
		default:
			break_off(s);
			return false;
		}
	}
	s->is_told = true;
	if (!other->is_told)
		return true;
	net_pipe_end(p); /* both have said all they had */
	return false;
}

/* Nothing more comes from S. */
static void end_of(struct net_side *s)
{
	struct net_side *other = net_side_other(s);

	s->is_ended = true;
	event_del(&s->read_event);
	watch(s->pipe);
	if (other->out.len == 0)
		(void)tell_end(other);
}

/* ---- writing ---- */

/* Writes what the ring has. False: P is gone. */
static bool drain(struct net_side *s)
{
	while (s->out.len > 0) {
		size_t n;
		switch (net_stream_write(s->fd, s->tls, net_ring_view(&s->out), &n)) {
		case CRYPTO_TLS_DONE:
			net_ring_drop(&s->out, n);
			break;
		case CRYPTO_TLS_WANT_READ:
		case CRYPTO_TLS_WANT_WRITE:
			if (event_add(&s->write_event, NULL) == 0)
				return true;
			/* fall through */
		default:
			break_off(s);
			return false;
		}
	}
	return true;
}

void net_side_writable(struct net_side *s)
{
	struct net_pipe *p = s->pipe;
	struct net_side *other = net_side_other(s);

	if (!drain(s))
		return;
	if (other->fd < 0) {
		if (s->out.len == 0)
			net_pipe_end(p);
		return;
	}
	go_on(s);
	if (other->waits_for_ring && s->out.len <= p->config->buffer_bytes / 2 &&
		!read_again(other))
		return;
	if (s->out.len == 0 && other->is_ended && !s->is_told)
		(void)tell_end(s);
}

/* ---- reading ---- */

static void pass(struct net_side *s, struct bytes text)
{
	const struct net_pipe_config *c = s->pipe->config;
	struct net_side *to = net_side_other(s);
	enum net_end from = s == &s->pipe->sides[NET_CLIENT] ? NET_CLIENT : NET_PEER;
	enum crypto_tls_io io = CRYPTO_TLS_DONE;

	c->passed(c->arg, s->pipe->owner, from, text.len);
	while (to->out.len == 0 && text.len > 0 && io == CRYPTO_TLS_DONE) {
		size_t n;
		io = net_stream_write(to->fd, to->tls, text, &n);
		text = bytes_of(text.data + n, text.len - n);
	}
	if (io == CRYPTO_TLS_FAILED || io == CRYPTO_TLS_CLOSED) {
		break_off(to);
		return;
	}
	if (text.len == 0)
		return;
	/* There was room before the read; memory may be short all the same. */
	if (!net_ring_put(&to->out, text.data, text.len, c->buffer_bytes) ||
		event_add(&to->write_event, NULL) != 0)
		net_pipe_end(s->pipe);
}

void net_side_readable(struct net_side *s)
{
	uint8_t *scratch = s->pipe->config->net->scratch;
	size_t cap = may_read(s), n;

	if (cap == 0)
		return;
	switch (net_stream_read(s->fd, s->tls, scratch, cap, &n)) {
	case CRYPTO_TLS_DONE:
		go_on(s);
		pass(s, bytes_of(scratch, n));
		break;
	case CRYPTO_TLS_CLOSED:
		end_of(s);
		break;
	case CRYPTO_TLS_WANT_READ:
		break;
	case CRYPTO_TLS_WANT_WRITE: /* TLS has something of its own to say before it reads on */
		if (event_add(&s->write_event, NULL) != 0)
			break_off(s);
		break;
	case CRYPTO_TLS_FAILED:
	default:
		break_off(s);
		break;
	}
}

void net_pipe_timer(struct net_pipe *p)
{
	for (size_t i = 0; i < ARRAY_LEN(p->sides); i++) {
		if (p->sides[i].fd < 0) {
			net_pipe_end(p); /* it has had its time to write the rest */
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(p->sides); i++) {
		struct net_side *s = &p->sides[i];
		if (is_gone(s)) {
			break_off(s);
			return;
		}
		if (s->waits_for_rate && !s->waits_for_ring && !read_again(s))
			return;
	}
	if (p->sides[NET_CLIENT].is_ended || p->sides[NET_PEER].is_ended)
		watch(p);
}
