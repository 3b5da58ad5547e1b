/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The times of a connection. There is one timer; what moves a time forward does not move the timer,
 * which looks again when it fires.
 */
#include <errno.h>

#include "transport_priv.h"

#define PONG_MS (10 * 1000) /* RFC 5626 §4.4.1 */

/* CRLF twice: asks for one back. */
static const uint8_t ping[4] = "\r\n\r\n";

struct due {
	uint64_t at_ms;
	enum sip_transport_counter counter;
	int why;
	bool is_ping; /* to be sent; else C ends */
};

static void consider(struct due *d, uint64_t at_ms, enum sip_transport_counter counter, int why)
{
	if (at_ms < d->at_ms)
		*d = (struct due){at_ms, counter, why, false};
}

static void consider_pings(const struct sip_conn *c, struct due *d)
{
	if (c->ping_every_ms == 0)
		return;
	if (c->ping_ms != 0)
		consider(d, c->ping_ms + PONG_MS, SIP_TRANSPORT_C_END_PONG, -ETIMEDOUT);
	else if (c->heard_ms + c->ping_every_ms < d->at_ms)
		*d = (struct due){.at_ms = c->heard_ms + c->ping_every_ms, .is_ping = true};
}

static struct due next_due(const struct sip_conn *c)
{
	const struct sip_transport_limits *l = &c->t->config.limits;
	struct due d = {.at_ms = UINT64_MAX};

	if (c->stage == SIP_STAGE_DIALLING) {
		consider(&d, c->stage_ms + l->connect_ms, SIP_TRANSPORT_C_END_CONNECT, -ETIMEDOUT);
		return d;
	}
	if (c->stage != SIP_STAGE_OPEN) {
		consider(&d, c->stage_ms + l->handshake_ms, SIP_TRANSPORT_C_END_SLOW, -ETIMEDOUT);
		return d;
	}
	consider(&d, c->active_ms + l->idle_ms, SIP_TRANSPORT_C_END_IDLE, 0);
	if (c->partial_ms != 0)
		consider(&d, c->partial_ms + l->message_ms, SIP_TRANSPORT_C_END_SLOW, -ETIMEDOUT);
	if (!list_is_empty(&c->queue))
		consider(&d, c->taken_ms + l->write_ms, SIP_TRANSPORT_C_END_UNREAD, -ETIMEDOUT);
	if (c->stranger)
		consider(&d, c->accepted_ms + l->stranger_ms, SIP_TRANSPORT_C_END_STRANGER,
			-ETIMEDOUT);
	consider_pings(c, &d);
	return d;
}

static void send_ping(struct sip_conn *c)
{
	c->ping_ms = sip_now(c->t);
	/* Without room for it the other times count on. */
	if (sip_conn_send_raw(c, bytes_of(ping, sizeof(ping))) != -EPIPE)
		sip_conn_arm(c);
}

static void on_timer(struct wheel_timer *timer, void *arg)
{
	struct sip_conn *c = CONTAINER_OF(timer, struct sip_conn, timer);
	struct due d = next_due(c);

	(void)arg;
	if (c->is_broken)
		return;
	if (sip_now(c->t) < d.at_ms)
		sip_conn_arm(c);
	else if (d.is_ping)
		send_ping(c);
	else
		sip_conn_end(c, d.counter, d.why);
}

void sip_conn_arm(struct sip_conn *c)
{
	struct due d = next_due(c);

	if (!wheel_timer_is_set(&c->timer) || d.at_ms < c->timer.at_ms)
		wheel_set(c->t->config.wheel, &c->timer, d.at_ms);
}

void sip_conn_timer_init(struct sip_conn *c)
{
	wheel_timer_init(&c->timer, on_timer);
}
