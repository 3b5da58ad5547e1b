/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mobility, RFC 8016: tickets given and taken, and what workers say to each other about them.
 *
 *    new worker                         worker that has the allocation
 *    Refresh with ticket ── ask ──────► good? lives longer, waits for its client
 *    answer, new ticket  ◄── reply ────
 *    first message ──────── fetch ────► packs it
 *    handled here        ◄── parcel ──  and has it no more
 *
 * Until the parcel goes everything stays on the old 5-tuple (§3.2.2). The two may be one worker.
 */
#include <errno.h>
#include <stdlib.h>

#include "mobility.h"

#define HOPS_MAX    2
#define AGAIN_MAX   7     /* copies of a request that are answered with it */
#define TICKETS_MAX 60000 /* good at once; the serial has 16 bits */
#define USER_LEN    CRYPTO_SHA256_LEN

/* ---- mobile allocations ---- */

static void send_nowhere(struct net_port *p, struct net_buf *b)
{
	struct turn_mobile *m = CONTAINER_OF(p, struct turn_mobile, nowhere);
	struct turn_server *s = m->alloc->server;

	turn_count(s, TURN_C_NO_CLIENT);
	net_buf_put(s->config.net, b);
}

static const struct net_port_ops nowhere_ops = {send_nowhere, NULL};

static uint64_t name_hash(const struct turn_server *s, uint64_t name)
{
	return hash_bytes(&s->key, &name, sizeof(name));
}

int turn_mobile_create(struct turn_alloc *a)
{
	struct turn_server *s = a->server;
	struct turn_mobile *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	if (hash_table_insert(&s->mobiles, &m->by_name, name_hash(s, turn_mobile_name(a))) != 0) {
		free(m);
		return -ENOMEM;
	}
	m->alloc = a;
	m->nowhere.ops = &nowhere_ops;
	a->mobile = m;
	return 0;
}

void turn_mobile_destroy(struct turn_mobile *m)
{
	if (!m)
		return;
	hash_table_remove(&m->alloc->server->mobiles, &m->by_name);
	free(m);
}

struct turn_mobile *turn_mobile_find(struct turn_server *s, uint64_t name)
{
	struct hash_node *n = hash_table_first(&s->mobiles, name_hash(s, name));

	for (; n; n = hash_table_next(n)) {
		struct turn_mobile *m = CONTAINER_OF(n, struct turn_mobile, by_name);
		if (turn_mobile_name(m->alloc) == name)
			return m;
	}
	return NULL;
}

void turn_mobile_detach(struct turn_alloc *a)
{
	struct turn_client c = a->client;

	a->mobile->nowhere.local = c.port->local;
	c.port = &a->mobile->nowhere;
	turn_alloc_rehome(a, &c);
}

/* ---- tickets ---- */

static uint16_t next_serial(struct turn_mobile *m)
{
	m->last++;
	if ((uint16_t)(m->last - m->first) > TICKETS_MAX)
		m->first++;
	return m->last;
}

static void write_ticket(
	struct turn_server *s, uint64_t name, uint16_t serial, struct stun_writer *w)
{
	struct turn_ticket t = {
		.name = name, .worker = (uint8_t)s->config.worker, .serial = serial};
	char text[TURN_TICKET_LEN + 1];

	if (turn_ticket_write(s->config.ticket_key, &t, text))
		stun_write_bytes(w, STUN_MOBILITY_TICKET, text, TURN_TICKET_LEN);
}

void turn_mobility_write_ticket(struct turn_alloc *a, struct stun_writer *w)
{
	if (a->mobile && a->server->snapshot->config.mobility)
		write_ticket(a->server, turn_mobile_name(a), next_serial(a->mobile), w);
}

bool turn_request_has_ticket(const struct stun_msg *m)
{
	struct stun_attr a;

	return m->class == STUN_REQUEST && m->method == STUN_REFRESH &&
	       stun_attr_find(m, STUN_MOBILITY_TICKET, &a);
}

/* ---- messages ---- */

struct ask {
	uint64_t name, arrival;
	uint32_t wish_s;
	uint16_t serial;
	uint32_t tenant, door;
	uint8_t asker, hops;
	bool has_wish;
	uint8_t user[USER_LEN]; /* digest of the name it was signed under */
};

struct reply {
	uint64_t name, arrival;
	uint32_t lifetime_s; /* 0: it has been deleted */
	uint16_t code;       /* 0: granted */
	uint16_t serial;
	uint8_t owner;
};

static void on_reply(void *ctx, void *payload);
static const struct msg_type reply_msg = {"turn_move_reply", sizeof(struct reply), on_reply, NULL};

/* A reply that cannot be posted is missed by a timer. */
static void reply(struct turn_server *s, unsigned worker, const struct reply *r)
{
	(void)turn_mobility_post(s, worker, &reply_msg, r);
}

/* ---- ask ---- */

static bool is_good(const struct turn_mobile *m, uint16_t serial)
{
	return (uint16_t)(serial - m->first) <= (uint16_t)(m->last - m->first);
}

static unsigned judge(const struct turn_mobile *m, const struct ask *q)
{
	const struct turn_alloc *a = m->alloc;
	struct bytes username = bytes_of(a->username, a->username_len);
	uint8_t user[USER_LEN];

	if (!is_good(m, q->serial))
		return STUN_BAD_REQUEST;
	crypto_digest(CRYPTO_SHA256, &username, 1, user);
	/* Another door has another realm, and with it another key. */
	if (!crypto_equal(user, q->user, sizeof(user)) || a->tenant->id != q->tenant ||
		a->door->id != q->door)
		return STUN_WRONG_CREDENTIALS;
	if (turn_now_s(a->server) > a->refresh_until_s)
		return STUN_UNAUTHORIZED;
	return 0;
}

void turn_mobility_refuse(
	struct turn_server *s, unsigned worker, uint64_t name, uint64_t arrival, unsigned code)
{
	struct reply r = {.name = name, .arrival = arrival, .code = (uint16_t)code};

	reply(s, worker, &r);
}

/* A client that has shown a ticket before and has not spoken there will not speak there any more.
 */
static void forget_arrival(struct turn_server *s, const struct turn_mobile *m, uint64_t name)
{
	if (m->is_expected)
		turn_mobility_refuse(s, m->worker, name, m->arrival, STUN_ALLOCATION_MISMATCH);
}

static void grant(struct turn_mobile *m, const struct ask *q, struct reply *r)
{
	struct turn_alloc *a = m->alloc;
	struct turn_server *s = a->server;

	if (q->has_wish && q->wish_s == 0) {
		turn_count(s, TURN_C_DELETED);
		turn_alloc_destroy(a, "deleted");
		return;
	}
	forget_arrival(s, m, q->name);
	m->is_expected = true;
	m->worker = q->asker;
	m->arrival = q->arrival;
	r->serial = next_serial(m);
	r->lifetime_s = turn_lifetime(a, q->has_wish, q->wish_s);
	turn_alloc_lifetime_set(a, NULL, r->lifetime_s);
}

static void on_ask(void *ctx, void *payload);
static const struct msg_type ask_msg = {"turn_move_ask", sizeof(struct ask), on_ask, NULL};

/* The ticket says who has the allocation once its client has spoken. Before that it is known there
 * who has it still. */
static bool pass_on(struct turn_server *s, struct ask *q)
{
	struct turn_arrival *a = turn_arrival_find(s, q->name, 0);

	return a && q->hops++ < HOPS_MAX && turn_mobility_post(s, a->owner, &ask_msg, q) == 0;
}

static void on_ask(void *ctx, void *payload)
{
	struct turn_server *s = ctx;
	struct ask *q = payload;
	struct turn_mobile *m = turn_mobile_find(s, q->name);
	struct reply r = {.name = q->name,
		.arrival = q->arrival,
		.code = STUN_ALLOCATION_MISMATCH,
		.owner = (uint8_t)s->config.worker};

	if (!m && pass_on(s, q))
		return;
	if (m)
		r.code = (uint16_t)judge(m, q);
	if (r.code == 0)
		grant(m, q, &r);
	reply(s, q->asker, &r);
}

/* ---- reply ---- */

static void answer(struct turn_server *s, const struct turn_origin *o, uint32_t lifetime_s,
	uint64_t name, uint16_t serial)
{
	struct turn_answer out;

	if (!turn_answer_begin(s, o, STUN_SUCCESS, &out))
		return;
	stun_write_u32(&out.w, STUN_LIFETIME, lifetime_s);
	if (lifetime_s > 0)
		write_ticket(s, name, serial, &out.w);
	turn_answer_send(&out);
}

static void answer_arrival(const struct turn_arrival *a)
{
	answer(a->server, &a->origin, a->lifetime_s, a->name, a->serial);
}

/* Who repeats its request on a connection, where nothing is lost, waits for as many answers. */
static void on_verdict(struct turn_arrival *a, const struct reply *r)
{
	struct turn_server *s = a->server;

	if (r->code != 0) {
		turn_arrival_refuse(a, r->code);
		return;
	}
	turn_count(s, TURN_C_REFRESH_OK);
	a->stage = TURN_ARRIVAL_GRANTED;
	a->owner = r->owner;
	a->serial = r->serial;
	a->lifetime_s = r->lifetime_s;
	for (unsigned i = 0; i <= a->n_again; i++)
		answer_arrival(a);
	if (r->lifetime_s == 0)
		turn_arrival_destroy(a);
	else
		turn_arrival_wait_ms(a, r->lifetime_s * UINT64_C(1000));
}

static void on_reply(void *ctx, void *payload)
{
	const struct reply *r = payload;
	struct turn_arrival *a = turn_arrival_find(ctx, r->name, r->arrival);

	if (!a)
		return;
	if (a->stage == TURN_ARRIVAL_ASKING)
		on_verdict(a, r);
	else if (r->code == STUN_INSUFFICIENT_CAPACITY)
		turn_arrival_stay(a); /* it could not be packed and is where it was; the next
						message fetches it again */
	else
		turn_arrival_destroy(a);
}

/* ---- the request ---- */

static struct stun_refusal read_request(
	struct turn_request *req, struct turn_ticket *t, struct ask *q)
{
	struct turn_server *s = req->server;
	struct stun_attr ticket, family;

	/* A token's name is its key's: it does not say whose allocation it may move. */
	if (!s->snapshot->config.mobility || req->grant.form == AUTH_FORM_TOKEN)
		return turn_refuse(STUN_MOBILITY_FORBIDDEN);
	(void)stun_attr_find(&req->msg, STUN_MOBILITY_TICKET, &ticket); /* or we were not here */
	/* It is the whole allocation that moves. */
	if (!turn_ticket_read(s->config.ticket_key, bytes_of(ticket.value, ticket.len), t) ||
		stun_attr_find(&req->msg, STUN_REQUESTED_ADDRESS_FAMILY, &family))
		return turn_refuse(STUN_BAD_REQUEST);
	q->name = t->name;
	q->serial = t->serial;
	q->asker = (uint8_t)s->config.worker;
	q->tenant = req->tenant ? req->tenant->id : req->origin.door->id;
	q->door = req->origin.door->id;
	crypto_digest(CRYPTO_SHA256, &req->username, 1, q->user);
	return turn_refresh_read_lifetime(req, &q->has_wish, &q->wish_s);
}

/*
 * True: done with it. The 5-tuple of an allocation cannot be moved to; its own is refused by RFC
 * 8016 §3.2.2, but for the request that moved it there, should that come again.
 */
static bool answer_taken(struct turn_request *req, const struct turn_ticket *t)
{
	struct turn_alloc *a = req->alloc;

	if (!a)
		return false;
	bool is_own = a->mobile && turn_mobile_name(a) == t->name;
	if (is_own && memcmp(a->mobile->tid, req->origin.tid, STUN_TID_LEN) == 0) {
		uint64_t left_ms = a->timer.at_ms > turn_now_ms(a->server)
					   ? a->timer.at_ms - turn_now_ms(a->server)
					   : 0;
		answer(a->server, &req->origin, (uint32_t)(left_ms / 1000), t->name,
			next_serial(a->mobile));
	} else {
		turn_request_refuse(
			req, turn_refuse(is_own ? STUN_BAD_REQUEST : STUN_ALLOCATION_MISMATCH));
	}
	return true;
}

/* True: the request has come before, and its answer goes out again or is on its way. */
static bool answer_again(struct turn_request *req)
{
	struct turn_arrival *a = turn_arrival_at(req->server, &req->origin.client);

	if (!a)
		return false;
	if (memcmp(a->origin.tid, req->origin.tid, STUN_TID_LEN) != 0) {
		turn_arrival_destroy(a);
		return false;
	}
	if (a->stage != TURN_ARRIVAL_ASKING)
		answer_arrival(a);
	else if (a->n_again < AGAIN_MAX)
		a->n_again++;
	return true;
}

static bool has_room(const struct turn_server *s)
{
	uint32_t limit = s->snapshot->config.max_allocations;

	return limit == 0 || s->by_tuple.count + s->arrivals_by_tuple.count < limit;
}

void turn_handle_move(struct turn_request *req)
{
	struct turn_server *s = req->server;
	struct turn_ticket t;
	struct ask q = {0};
	struct stun_refusal r = read_request(req, &t, &q);

	if (r.code != 0) {
		turn_request_refuse(req, r);
		return;
	}
	if (answer_taken(req, &t) || answer_again(req))
		return;
	struct turn_arrival *a = has_room(s) ? turn_arrival_create(req, t.name) : NULL;
	if (a)
		q.arrival = a->number;
	if (!a || turn_mobility_post(s, t.worker, &ask_msg, &q) != 0) {
		if (a)
			turn_arrival_destroy(a);
		turn_request_refuse(req, turn_refuse(STUN_INSUFFICIENT_CAPACITY));
	}
}
