/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of anchor share. */
#ifndef SALLYPORT_ANCHOR_PRIV_H
#define SALLYPORT_ANCHOR_PRIV_H

#include <sallyport/mediation/anchor.h>

#define TICKETS_MAX   4 /* messages of one call that wait for its session */
#define WRITTEN_MAX   ANCHOR_SDP_MAX
#define ANCHOR_PLACES (ANCHOR_SIDES + 1) /* at the face of each side, and of all */

enum anchor_state {
	ANCHOR_IDLE,    /* there is no session */
	ANCHOR_OPENING, /* a worker has been asked for one */
	ANCHOR_OPEN,
	ANCHOR_FAILED,  /* there is none to be had */
	ANCHOR_CLOSING, /* the worker has been told */
};

/* What passes of a description. */
struct anchor_passed {
	size_t session_len, media_len;
	char lines[]; /* the session's, then the stream's */
};

/* A callee who has said something. Owned by the anchor. */
struct fork {
	struct list link;
	uint64_t number;
	struct sdp_session sdp;
	struct anchor_passed *answered; /* owned; of the last answer; NULL: nothing passes */
};

struct leg {
	struct anchor_terms terms;
	/* Of our keys. What is agreed with the caller; with the callee, what the offer to all forks
	 * begins with. */
	struct sdp_session sdp;
	struct anchor_passed *answered; /* as in struct fork */
	bool is_taken_over; /* what is agreed is another anchor's, as long as nothing was here */
	struct media_agreement *due; /* owned; not posted yet, for the worker's mailbox is full */
	struct anchor_leg record;
};

struct anchor {
	struct anchors *all; /* not owned */
	struct hash_node node;
	struct list link;
	void *owner; /* the user's */
	uint64_t number;
	enum anchor_state state;
	bool is_closing; /* the user has given it up */
	unsigned worker, n_tried;
	unsigned n_waits; /* times that the worker should have answered */
	struct media_id id;
	uint8_t faces[ANCHOR_SIDES]; /* of the session that there is */
	struct anchor_asker asker;
	struct share *places[ANCHOR_PLACES]; /* for that session; NULL: there is none */
	struct addr rtp[ANCHOR_SIDES];
	uint16_t rtcp_port[ANCHOR_SIDES];
	struct wheel_timer timer; /* a worker that does not answer; a mailbox that was full */
	struct leg legs[ANCHOR_SIDES];
	struct list forks;
	unsigned n_forks;
	struct fork *current; /* not owned; whose media the callee's leg has */
	/* The last offer. */
	uint64_t exchange, fork;
	uint64_t invite; /* the exchange of the newest attempt to reach a callee */
	enum anchor_side from;
	struct anchor_passed *offered; /* owned; what passes of it */
	bool is_ours;                  /* nobody's: FROM only hears the answer */
	bool is_asked;                 /* and it has not been answered finally */
	bool is_within;                /* the call was there */
	bool is_up;                    /* a callee has accepted it */
	uint64_t tickets[TICKETS_MAX];
	unsigned n_tickets;
};

struct anchors {
	struct anchors_config config;
	struct hash_table by_number;
	struct list list;
	uint64_t last_number;
	unsigned *load;            /* owned; sessions of each worker */
	struct share_table *rooms; /* owned; of each face, and behind them of all sessions */
	struct log_limit log_refused;
	char written[WRITTEN_MAX];
	char passing[ANCHOR_PASSED_MAX]; /* while a description is read */
};

static inline void anchor_count(struct anchors *l, unsigned row)
{
	metrics_add(l->config.cells, row, 1);
}

static inline enum anchor_side anchor_other(enum anchor_side s)
{
	return s == ANCHOR_CALLER ? ANCHOR_CALLEE : ANCHOR_CALLER;
}

/* ---- anchor.c ---- */

struct anchor *anchor_find(struct anchors *l, uint64_t number);

/* ---- room.c: the session on a worker ---- */

/* 0: there is one with the faces of both legs. ANCHOR_LATER: the ticket waits for it. */
int anchor_room(struct anchor *a, uint64_t ticket);
void anchor_room_close(struct anchor *a);
/* For wheel_timer_init. */
void anchor_room_timer(struct wheel_timer *t, void *arg);
/* What is agreed with SIDE goes to the worker. -ENOMEM. */
int anchor_push(struct anchor *a, enum anchor_side side);
void anchor_due_forget(struct leg *g);
/* The anchor is gone, and whoever asked for it knows. */
void anchor_gone(struct anchor *a);

/* ---- places.c: who may have a session ---- */

int anchor_rooms_init(struct anchors *l); /* -ENOMEM */
void anchor_rooms_fini(struct anchors *l);
/* For a session with the faces of A, which has none. ERR_FULL: whose call it is has his share, or
 * all are used up; -ENOMEM. Either is counted. */
int anchor_places_take(struct anchor *a);
void anchor_places_give(struct anchor *a); /* if it has any */

/* ---- agreement.c ---- */

/* May media go to where what was agreed says? */
bool anchor_may_send_to(
	const struct anchors *l, const struct addr *own, const struct sdp_agreed *g);
void anchor_agreement_fill(const struct leg *g, const struct sdp_session *s, uint64_t peer,
	struct media_agreement *out);

/* ---- passed.c ---- */

/* What passes of REMOTE, whose stream is at SLOT, takes the place of *P. */
void anchor_passed_take(
	struct anchors *l, struct anchor_passed **p, const struct sdp *remote, unsigned slot);
void anchor_passed_forget(struct anchor_passed **p);
/* P for whom A's other side gives it to; nothing where either side is not for that. */
struct sdp_passing anchor_passing(const struct anchor *a, const struct anchor_passed *p);

/* ---- sessions.c ---- */

/* A session of SIDE that there was not. On -ENOMEM it is what it was. */
int anchor_leg_begin(struct anchor *a, enum anchor_side side, const struct anchor_terms *terms);
void anchor_leg_end(struct leg *g);
/* The worker's session is there: says where. */
void anchor_leg_move(struct anchor *a, enum anchor_side side);
/* What FROM has with WHOSE goes on here, with SIDE, which has just begun. */
void anchor_take_over(
	struct anchor *a, enum anchor_side side, const struct anchor *from, enum anchor_side whose);
void anchor_forks_free(struct anchor *a, const struct fork *but);
struct fork *anchor_fork(const struct anchor *a, uint64_t number); /* NULL: not heard of */
/* FORK 0: of all callees. NULL: no room. */
struct sdp_session *anchor_session_of(struct anchor *a, enum anchor_side side, uint64_t fork);
/* What passes of the answer of whom that has found. */
struct anchor_passed **anchor_answered_of(struct anchor *a, enum anchor_side side, uint64_t fork);
/* What is agreed with SIDE now. NULL: nothing. */
const struct sdp_session *anchor_session(const struct anchor *a, enum anchor_side side);

/* ---- offers.c ---- */

/* The offer that waits for it. On a failure it is off. */
int anchor_offer_write(struct anchor *a, struct bytes *sdp);

#endif
