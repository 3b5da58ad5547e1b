/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Allocations that travel, as the files of this part of turn share them.
 *
 *   state.c     an allocation as bytes            ticket.c    what a client shows
 *   travel.c    an allocation into bytes and sockets, and out of them
 *   mobility.c  tickets given and taken, who answers them
 *   move.c      an allocation goes to where its client is
 *   arrival.c   a client at its new 5-tuple before its allocation is there
 *   handover.c  all of a server's to another process
 */
#ifndef TURN_MOBILITY_H
#define TURN_MOBILITY_H

#include <sallyport/turn/handover.h>

#include "state.h"
#include "../turn_priv.h"

/* ---- tickets ---- */

#define TURN_TICKET_LEN 32
struct turn_ticket {
	uint64_t name; /* of the allocation, see turn_mobile_name */
	uint8_t worker;
	uint16_t serial;
};
/* False: no memory. */
bool turn_ticket_write(const uint8_t key[CRYPTO_SEAL_KEY_LEN], const struct turn_ticket *t,
	char out[TURN_TICKET_LEN + 1]);
/* False: not one of ours. */
bool turn_ticket_read(
	const uint8_t key[CRYPTO_SEAL_KEY_LEN], struct bytes text, struct turn_ticket *out);

/* ---- allocations with tickets ---- */

/* What makes an allocation mobile; owned by it. */
struct turn_mobile {
	struct hash_node by_name;
	struct turn_alloc *alloc; /* not owned */
	/* Serials of the tickets that are good: those given since it moved last. */
	uint16_t first, last;
	bool is_expected;          /* the client has shown a ticket and not spoken since: */
	uint8_t worker;            /* there, */
	uint64_t arrival;          /* to this one */
	uint8_t tid[STUN_TID_LEN]; /* of the Refresh that moved it here, to know it again */
	struct net_port nowhere;   /* in place of a client's connection that has ended */
};

/* An allocation's id as a ticket has it: the worker that made it, and 32 bits of its number. */
static inline uint64_t turn_mobile_name(const struct turn_alloc *a)
{
	return (a->id >> 48 & 0xff) << 32 | (uint32_t)a->id;
}

static inline bool turn_mobile_is_detached(const struct turn_alloc *a)
{
	return a->mobile && a->client.port == &a->mobile->nowhere;
}
struct turn_mobile *turn_mobile_find(struct turn_server *s, uint64_t name); /* or NULL */
/* A's client is nowhere until it shows a ticket: what is sent to it is counted and dropped. */
void turn_mobile_detach(struct turn_alloc *a);

/* ---- an allocation out of one worker and into another ---- */

/* Copies A, with a second descriptor for each socket; A stays. -ENOMEM, ERR_TOO_LARGE, -errno. */
int turn_parcel_pack(struct turn_alloc *a, struct turn_parcel *out);
/*
 * Makes an allocation of P, which the caller keeps. CLIENT is where its client is now; with port
 * NULL the client is where it was, or nowhere if that was a connection. ERR_MALFORMED,
 * ERR_UNSUPPORTED, ERR_EXISTS (the 5-tuple is taken), ERR_CONFIG (other relay addresses or
 * workers), -ENOMEM, -errno.
 */
int turn_parcel_unpack(struct turn_server *s, const struct turn_parcel *p,
	const struct turn_client *client, struct turn_alloc **out);

/* What cannot be unpacked anywhere has ended: its port numbers and its lease go back. */
void turn_parcel_give_up(struct turn_server *s, const struct turn_parcel *p);

/* ---- arrivals ---- */

enum turn_arrival_stage {
	TURN_ARRIVAL_ASKING,  /* the ticket is being looked at */
	TURN_ARRIVAL_GRANTED, /* the client has its answer and has not spoken since */
	TURN_ARRIVAL_MOVING,  /* the allocation is on its way */
};

/*
 * A client that has shown a ticket on a 5-tuple without allocation. What it says before the
 * allocation is here waits. Owned by the server's table BY_NAME.
 */
struct turn_arrival {
	struct hash_node by_name, by_tuple;
	struct turn_server *server; /* not owned */
	struct turn_origin
		origin; /* of the Refresh; its client's port is NULL when it has closed */
	enum turn_arrival_stage stage;
	uint8_t n_again; /* copies of the Refresh that came while it was ASKING */
	uint64_t name;   /* of the allocation */
	uint64_t number; /* of this arrival, unique in its worker's life */
	uint8_t owner;   /* the worker that has the allocation */
	uint16_t serial; /* of the ticket in the answer */
	uint32_t lifetime_s;
	struct list held; /* struct held, oldest first */
	size_t held_bytes;
	struct wheel_timer timer;
};

#define TURN_ARRIVALS_MAX   16384       /* per worker */
#define TURN_HELD_BYTES     (64 * 1024) /* per arrival */
#define TURN_HELD_BYTES_ALL (4 * 1024 * 1024)

/* NULL: too many, or no memory. */
struct turn_arrival *turn_arrival_create(const struct turn_request *req, uint64_t name);
void turn_arrival_destroy(struct turn_arrival *a);
/* Its Refresh, and each copy that has come of it, is answered with CODE; it is gone. */
void turn_arrival_refuse(struct turn_arrival *a, unsigned code);
struct turn_arrival *turn_arrival_at(struct turn_server *s, const struct turn_client *c);
/* The one with NAME and NUMBER; for NUMBER 0 the first one that has been granted. */
struct turn_arrival *turn_arrival_find(struct turn_server *s, uint64_t name, uint64_t number);
void turn_arrival_wait_ms(struct turn_arrival *a, uint64_t ms);
/* The connection has ended. */
void turn_arrival_close(struct turn_arrival *a);
/* The allocation does not come now: what has waited is dropped. */
void turn_arrival_stay(struct turn_arrival *a);
/* The allocation is here: A goes, and what has waited is handled as if it came now. */
void turn_arrival_end(struct turn_arrival *a);

/* ---- what workers say to each other ---- */

/* To any worker, this one included. ERR_FULL. */
static inline int turn_mobility_post(
	struct turn_server *s, unsigned worker, const struct msg_type *type, const void *m)
{
	if (!s->loops || worker >= s->config.n_workers)
		return ERR_FULL;
	return loop_post(s->loops[worker], type, s->servers[worker], m);
}

/* The allocation does not come to an arrival of WORKER: now (508), or at all. What cannot be posted
 * is missed there by a timer. */
void turn_mobility_refuse(
	struct turn_server *s, unsigned worker, uint64_t name, uint64_t arrival, unsigned code);
/* The client has spoken: its allocation is sent for. ERR_FULL. */
int turn_move_fetch(struct turn_arrival *a);

#endif
