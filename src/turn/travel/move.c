/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocation moves to where its client is: to another 5-tuple of its worker, or packed to
 * another worker, from where it comes back if there is no place for it.
 */
#include "mobility.h"

struct fetch {
	uint64_t name, arrival;
	uint8_t asker;
};

struct delivery {
	struct turn_parcel parcel;
	uint64_t name, arrival;
	uint8_t sender, receiver;
	bool is_return;
	bool is_expected; /* of a return: the arrival is still there */
};

/* ---- the allocation goes ---- */

static void log_move(const struct turn_alloc *a, const struct turn_client *from)
{
	char was[ADDR_TEXT_LEN], is[ADDR_TEXT_LEN];

	log_info(LOG_TURN, "allocation moved", "id=%llx from=%s client=%s",
		(unsigned long long)a->id, log_addr(&from->addr, was),
		log_addr(&a->client.addr, is));
}

/* A is here and its client is that of the arrival, which ends. */
static void settle(struct turn_alloc *a, struct turn_arrival *arrival)
{
	struct turn_mobile *m = a->mobile;

	m->first = arrival->serial;
	m->is_expected = false;
	memcpy(m->tid, arrival->origin.tid, sizeof(m->tid));
	turn_arrival_end(arrival); /* may have ended A as well */
}

static void move_here(struct turn_alloc *a, struct turn_arrival *arrival)
{
	struct turn_client from = a->client;

	if (arrival->origin.client.port)
		turn_alloc_rehome(a, &arrival->origin.client);
	else
		turn_mobile_detach(a);
	turn_count(a->server, TURN_C_MOVED_HERE);
	log_move(a, &from);
	settle(a, arrival);
}

static void on_delivery(void *ctx, void *payload);

static void discard_delivery(void *payload)
{
	turn_parcel_fini(&((struct delivery *)payload)->parcel);
}

static const struct msg_type delivery_msg = {
	"turn_move_parcel", sizeof(struct delivery), on_delivery, discard_delivery};

/* To where its client has shown its ticket. On failure it stays. */
static int send_away(struct turn_alloc *a)
{
	struct turn_server *s = a->server;
	struct turn_mobile *m = a->mobile;
	struct delivery d = {.name = turn_mobile_name(a),
		.arrival = m->arrival,
		.sender = (uint8_t)s->config.worker,
		.receiver = m->worker};

	if (m->worker == s->config.worker) {
		struct turn_arrival *arrival = turn_arrival_find(s, d.name, m->arrival);
		if (!arrival)
			return ERR_NOT_FOUND;
		move_here(a, arrival);
		return 0;
	}
	int rc = turn_parcel_pack(a, &d.parcel);
	if (rc != 0)
		return rc;
	rc = turn_mobility_post(s, m->worker, &delivery_msg, &d);
	if (rc != 0)
		turn_parcel_fini(&d.parcel);
	else
		turn_alloc_leave(a);
	return rc;
}

/* Back to the sender, who has room for it: it has just had it. */
static void send_back(struct turn_server *s, struct delivery *d)
{
	d->is_return = true;
	if (turn_mobility_post(s, d->sender, &delivery_msg, d) == 0)
		return;
	turn_count(s, TURN_C_MOVE_LOST);
	turn_parcel_give_up(s, &d->parcel);
	turn_parcel_fini(&d->parcel);
}

static void take_back(struct turn_server *s, struct delivery *d)
{
	struct turn_client where_it_was = {0};
	struct turn_alloc *a;
	int rc = turn_parcel_unpack(s, &d->parcel, &where_it_was, &a);

	turn_count(s, rc == 0 ? TURN_C_MOVE_FAILED : TURN_C_MOVE_LOST);
	if (rc == 0) {
		a->mobile->is_expected = d->is_expected;
		a->mobile->worker = d->receiver;
		a->mobile->arrival = d->arrival;
	} else {
		log_warning(LOG_TURN, "allocation lost in a move", "error=\"%s\"", err_text(rc));
		turn_parcel_give_up(s, &d->parcel);
	}
	turn_parcel_fini(&d->parcel);
}

static void on_delivery(void *ctx, void *payload)
{
	struct turn_server *s = ctx;
	struct delivery *d = payload;
	struct turn_arrival *arrival = NULL;
	struct turn_alloc *a;

	if (d->is_return) {
		take_back(s, d);
		return;
	}
	arrival = turn_arrival_find(s, d->name, d->arrival);
	int rc = ERR_NOT_FOUND;
	if (arrival)
		rc = turn_parcel_unpack(s, &d->parcel, &arrival->origin.client, &a);
	if (rc != 0) {
		log_warning(LOG_TURN, "allocation not taken over", "error=\"%s\"", err_text(rc));
		if (arrival)
			turn_arrival_stay(arrival);
		d->is_expected = arrival != NULL;
		send_back(s, d);
		return;
	}
	turn_parcel_fini(&d->parcel);
	if (!arrival->origin.client.port)
		turn_mobile_detach(a); /* it has come and gone */
	turn_count(s, TURN_C_MOVED_IN);
	log_info(LOG_TURN, "allocation moved", "id=%llx from_worker=%u", (unsigned long long)a->id,
		d->sender);
	settle(a, arrival);
}

/* ---- fetch ---- */

static void on_fetch(void *ctx, void *payload)
{
	struct turn_server *s = ctx;
	const struct fetch *f = payload;
	struct turn_mobile *m = turn_mobile_find(s, f->name);
	unsigned code = STUN_ALLOCATION_MISMATCH;

	if (m && m->is_expected && m->worker == f->asker && m->arrival == f->arrival) {
		if (send_away(m->alloc) == 0)
			return;
		turn_count(s, TURN_C_MOVE_FAILED);
		code = STUN_INSUFFICIENT_CAPACITY;
	}
	turn_mobility_refuse(s, f->asker, f->name, f->arrival, code);
}

static const struct msg_type fetch_msg = {"turn_move_fetch", sizeof(struct fetch), on_fetch, NULL};

int turn_move_fetch(struct turn_arrival *a)
{
	struct turn_server *s = a->server;
	struct fetch f = {
		.name = a->name, .arrival = a->number, .asker = (uint8_t)s->config.worker};
	int rc = turn_mobility_post(s, a->owner, &fetch_msg, &f);

	if (rc == 0) {
		a->stage = TURN_ARRIVAL_MOVING;
		turn_arrival_wait_ms(a, TURN_PENDING_MS);
	}
	return rc;
}

bool turn_mobility_survives(struct turn_alloc *a)
{
	struct turn_mobile *m = a->mobile;

	if (!m || !a->server->snapshot->config.mobility)
		return false;
	/* The end of the old connection ends the wait for the new one (RFC 8016 §3.2.2). */
	if (!m->is_expected || send_away(a) != 0)
		turn_mobile_detach(a);
	return true;
}
