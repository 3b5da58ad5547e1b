/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mediation/anchor: the media of calls as the thread of calls has them. Each call with media has an
 * anchor: it takes the offers and answers of both sides, has a session opened for them on a worker,
 * and makes the offers and answers that the other side gets, with our addresses and keys. What the
 * two sides have agreed to with us goes to the worker.
 *
 * It knows no SIP: which message a description comes in, and what follows from a refusal, is its
 * user's. One thread; workers are reached by message.
 */
#ifndef SALLYPORT_MEDIATION_ANCHOR_H
#define SALLYPORT_MEDIATION_ANCHOR_H

#include <sallyport/common.h>
#include <sallyport/loop.h>
#include <sallyport/mediation/media.h>
#include <sallyport/mediation/sdp/session.h>
#include <sallyport/metrics.h>

enum anchor_counter {
	ANCHOR_C_KEPT, /* gauge */
	ANCHOR_C_OFFERS,
	ANCHOR_C_ANSWERS,
	ANCHOR_C_REFUSED_SIZE, /* over ANCHOR_SDP_MAX, or the other side's would be */
	ANCHOR_C_REFUSED_MALFORMED,
	ANCHOR_C_REFUSED_AUDIO,
	ANCHOR_C_REFUSED_PROFILE, /* RTP where SRTP is required, or the reverse */
	ANCHOR_C_REFUSED_KEY,
	ANCHOR_C_REFUSED_CODEC,
	ANCHOR_C_REFUSED_ADDRESS, /* none, or one that media may not go to */
	ANCHOR_C_REFUSED_MISMATCH,
	ANCHOR_C_REFUSED_STATE,   /* an offer while another is open */
	ANCHOR_C_REFUSED_SESSION, /* no worker has one */
	ANCHOR_C_REFUSED_SHARE,   /* whose call it is has his share of the ports, or none is free */
	ANCHOR_C_REFUSED_MEMORY,
	ANCHOR_C_TIMEOUT, /* a worker has not answered */
	ANCHOR_C_PASSED_CUT,
	ANCHOR_C_COUNT
};
extern const struct metrics_group anchor_counters;

#define ANCHOR_SDP_MAX    16384 /* of a description; longer ones are refused */
#define ANCHOR_FORKS_MAX  32    /* callees of one call that have said something of media */
#define ANCHOR_PASSED_MAX 4096  /* bytes of a description's lines that pass; more fall away */
#define ANCHOR_LATER      1

enum anchor_side {
	ANCHOR_CALLER,
	ANCHOR_CALLEE,
	ANCHOR_SIDES,
};

/* What holds for one side of a call. */
struct anchor_terms {
	const struct sdp_abilities *abilities; /* must outlive the anchor */
	uint8_t face;                          /* of the workers' media */
	bool is_latching;
	/* Lines that may pass (sdp/pass.h) do so between sides that both have this. */
	bool is_passing;
	/* As in struct media_agreement, from when the call is accepted. */
	bool is_supervised, is_supervised_on_hold;
	uint32_t silent_ms;
};

/* Of one side, when all is over. */
struct anchor_leg {
	bool has_agreed, has_srtp;
	bool has_stats; /* the worker has told them */
	enum srtp_suite suite;
	const char *codec;  /* "PCMA"; NULL: none is agreed; of the terms' abilities */
	struct addr remote; /* as it was agreed */
	struct media_leg_stats stats;
};

enum anchor_loss {
	ANCHOR_SILENT,  /* nothing has come for as long as the terms allow */
	ANCHOR_REFUSED, /* the worker cannot do what was agreed */
	ANCHOR_KEY_SPENT,
};

struct anchor_user {
	/* The message of that ticket goes on, with RC and SDP as if anchor_take had said so. May
	 * close the anchor. */
	void (*ready)(void *arg, void *owner, uint64_t ticket, int rc, struct bytes sdp);
	/* Media cannot go on. May close the anchor. */
	void (*lost)(void *arg, void *owner, enum anchor_side side, enum anchor_loss why);
	/* The anchor is gone, and its session. Once for each, also from within anchor_close; not
	 * by anchors_destroy. */
	void (*closed)(void *arg, void *owner, const struct anchor_leg legs[ANCHOR_SIDES]);
	/* Sends a message to a worker's struct media: as loop_post. */
	int (*post)(void *arg, unsigned worker, const struct msg_type *type, const void *payload);
	void *arg;
};

struct anchors_config {
	struct wheel *wheel;       /* not owned */
	const struct clock *clock; /* not owned */
	metrics_cell *cells;       /* ANCHOR_C_COUNT of them; not owned */
	struct hash_key key;       /* random */
	unsigned n_workers;
	const struct media_face *faces; /* the workers'; not owned */
	unsigned n_faces;
	size_t max_sessions; /* of all workers; 0: as many as there are ports */
	struct anchor_user user;
};

struct anchors; /* opaque; one per thread of calls */
struct anchor;  /* opaque */

/* NULL when out of memory. */
struct anchors *anchors_create(const struct anchors_config *c);
/* Nobody is told; the workers' sessions are left to them. NULL is fine. */
void anchors_destroy(struct anchors *l);

/* What workers say, with the struct anchors as context; of struct media_ready and media_event. */
extern const struct msg_type anchor_ready_msg, anchor_event_msg;

/* Whose call it is. Of the ports of a face, and of all sessions, nobody gets more than his share
 * (common/share.h): to him anchor_take says ERR_FULL then. */
struct anchor_asker {
	struct addr address; /* whatever the port */
	uint64_t place;      /* a number of the user's */
};
/* NULL when out of memory. WHOSE and CALLER are copied. */
struct anchor *anchor_open(struct anchors *l, void *owner, const struct anchor_asker *whose,
	const struct anchor_terms *caller);
/* Its session ends; OWNER hears of that, and A must not be used any more. */
void anchor_close(struct anchor *a);

struct anchor_message {
	enum anchor_side from;
	/* What belongs together: an offer, its answers. Not 0. */
	uint64_t exchange;
	uint64_t fork;   /* which callee it is to or from; 0: none has said anything yet */
	uint64_t ticket; /* of the user's, for "later" */
	/* False: the answer counts until the next one (RFC 3261 §13.2.1: a provisional response
	 * that was not sent reliably). */
	bool is_final;
	bool is_accepted; /* it chooses the callee: no other one has a say any more */
	/* SDP is what the side that it goes to has of us, and that side may have heard something
	 * else since: the same goes on as the newest. */
	bool says_again;
	/* The answer to that: nothing goes on. */
	bool is_again;
	/* FROM has offered nothing: what goes on is an offer of our own, and ends with its answer.
	 */
	bool is_ours;
	/* The side it goes to was WHOSE of this anchor: the same session goes on, with ports and
	 * keys of A's. NULL: of none. */
	const struct anchor *goes_on;
	enum anchor_side whose;
	/* Of a new attempt to reach a callee: what holds for that side from now on. NULL: none. */
	const struct anchor_terms *callee;
	struct bytes sdp;
};
/*
 * What the other side gets for M: 0 and *SDP, a view that is good until the next call;
 * ANCHOR_LATER; ERR_DENIED: nothing can be agreed on, and all is as it was before; ERR_FULL: no
 * worker has room for a session, or not for one more of this asker; -ENOMEM.
 *
 * Media are sent to where descriptions say, if that is an address that somebody can have: no
 * group, no loopback unless ours is one too, no port below 1024 (RFC 8866 §5.14), and none of the
 * workers' own. Private addresses are as good as any: trunks and clients have them.
 */
int anchor_take(struct anchor *a, const struct anchor_message *m, struct bytes *sdp);
/* A new attempt to reach a callee, whose INVITE has no description. -ENOMEM. */
int anchor_begin(struct anchor *a, const struct anchor_terms *callee);
/* What was offered has been refused or withdrawn. Without effect if it is another exchange. */
void anchor_off(struct anchor *a, uint64_t exchange);

#endif
