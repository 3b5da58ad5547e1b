/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reserved relay ports (EVEN-PORT with R, RFC 8656 §7.2): kept for the holder of a token, and
 * handed to the worker on which that holder turns up, for its next 5-tuple may hash to any of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/crypto.h>

#include "turn_priv.h"

static void reservation_free(struct turn_reservation *r)
{
	list_remove(&r->link);
	r->server->n_reservations--;
	wheel_cancel(r->server->config.wheel, &r->timer);
	free(r);
}

static void reservation_drop(struct turn_reservation *r)
{
	turn_relay_close(r->server, &r->relay);
	reservation_free(r);
}

static void reservation_expire(struct wheel_timer *t, void *arg)
{
	(void)arg;
	reservation_drop(CONTAINER_OF(t, struct turn_reservation, timer));
}

/* The port is bound at once: a number alone could be gone when the token comes back. */
int turn_reservation_create(
	struct turn_server *s, size_t pool, uint16_t number, uint8_t token[TURN_TOKEN_LEN])
{
	if (s->n_reservations >= TURN_RESERVATIONS_MAX)
		return ERR_FULL;
	struct turn_reservation *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	int rc = turn_relay_open_number(s, pool, number, false, &r->relay);
	if (rc != 0) {
		free(r);
		return rc;
	}
	r->server = s;
	/* The first byte is the worker, for whoever gets the token back on another 5-tuple. */
	crypto_random(r->token, sizeof(r->token));
	r->token[0] = (uint8_t)s->config.worker;
	memcpy(token, r->token, sizeof(r->token));
	wheel_timer_init(&r->timer, reservation_expire);
	wheel_set(s->config.wheel, &r->timer, turn_now_ms(s) + TURN_RESERVATION_MS);
	list_append(&s->reservations, &r->link);
	s->n_reservations++;
	return 0;
}

int turn_reservation_restore(struct turn_server *s, const uint8_t token[TURN_TOKEN_LEN],
	const struct turn_relay *relay, uint32_t left_ms)
{
	struct turn_reservation *r = NULL;

	if (s->n_reservations < TURN_RESERVATIONS_MAX)
		r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->server = s;
	r->relay = *relay;
	memcpy(r->token, token, sizeof(r->token));
	wheel_timer_init(&r->timer, reservation_expire);
	wheel_set(s->config.wheel, &r->timer, turn_now_ms(s) + left_ms);
	list_append(&s->reservations, &r->link);
	s->n_reservations++;
	return 0;
}

int turn_reservation_take(
	struct turn_server *s, const uint8_t token[TURN_TOKEN_LEN], struct turn_relay *out)
{
	list_for_each (it, &s->reservations) {
		struct turn_reservation *r = CONTAINER_OF(it, struct turn_reservation, link);
		if (!crypto_equal(r->token, token, TURN_TOKEN_LEN))
			continue;
		*out = r->relay;
		reservation_free(r);
		return 0;
	}
	return ERR_NOT_FOUND;
}

void turn_reservations_drop(struct turn_server *s)
{
	list_for_each_safe (it, &s->reservations)
		reservation_drop(CONTAINER_OF(it, struct turn_reservation, link));
}

/* ---- between workers: the socket travels, everything else is built anew ---- */

struct ask {
	uint64_t ticket;
	uint8_t token[TURN_TOKEN_LEN];
	uint8_t asker;
};

struct answer {
	uint64_t ticket;
	struct addr local;
	bool is_found;
	int fd; /* owned by the message; -1: the port has none */
	uint8_t pool;
	uint8_t ports_worker;
};

static void on_answer(void *ctx, void *payload)
{
	struct turn_server *s = ctx;
	struct answer *m = payload;
	struct turn_alloc *a = turn_pending_find(s, m->ticket);
	struct turn_relay r = {.pool = m->pool, .ports_worker = m->ports_worker};

	if (m->is_found &&
		s->config.udp->adopt(s->config.udp->arg, m->fd, &m->local, &r.port) != 0) {
		r.port = NULL;
		turn_relay_number_put(s, m->ports_worker, m->pool, m->local.port);
	}
	if (a)
		turn_allocate_reserved(a, r);
	else
		turn_relay_close(s, &r);
}

static void discard_answer(void *payload)
{
	struct answer *m = payload;

	if (m->fd >= 0)
		close(m->fd);
}

static const struct msg_type answer_msg = {
	"turn_reservation_answer", sizeof(struct answer), on_answer, discard_answer};

static void on_ask(void *ctx, void *payload)
{
	struct turn_server *s = ctx;
	const struct ask *q = payload;
	struct answer m = {.ticket = q->ticket, .fd = -1};
	struct turn_relay r;

	if (turn_reservation_take(s, q->token, &r) == 0) {
		m.is_found = true;
		m.local = r.port->local;
		m.pool = r.pool;
		m.ports_worker = r.ports_worker;
		m.fd = s->config.udp->release(s->config.udp->arg, r.port);
	}
	if (loop_post(s->loops[q->asker], &answer_msg, s->servers[q->asker], &m) != 0) {
		/* The asker's request times out; the port is free for the next one. */
		discard_answer(&m);
		if (!m.is_found)
			return;
		turn_relay_give_up(s, m.fd >= 0, &m.local);
		turn_relay_number_put(s, m.ports_worker, m.pool, m.local.port);
	}
}

static const struct msg_type ask_msg = {"turn_reservation_ask", sizeof(struct ask), on_ask, NULL};

int turn_reservation_ask(struct turn_server *s, unsigned worker, uint64_t ticket,
	const uint8_t token[TURN_TOKEN_LEN])
{
	struct ask q = {.ticket = ticket, .asker = (uint8_t)s->config.worker};

	memcpy(q.token, token, sizeof(q.token));
	return loop_post(s->loops[worker], &ask_msg, s->servers[worker], &q);
}
