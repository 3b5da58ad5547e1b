/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A caller's party and a callee's, with as many telephones as there are calls, and the B2BUA
 * between them; all under one clock that the test moves, over wires that may lose, double and
 * reorder.
 */
#ifndef TEST_MEDIATION_CALL_WORLD_H
#define TEST_MEDIATION_CALL_WORLD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/mediation/call.h>
#include <sallyport/sip/dialog.h>

#define LEGS_MAX 1024
#define WIRE_MAX 16384

enum node {
	NODE_CALLER,
	NODE_B2BUA,
	NODE_CALLEE,
	NODE_COUNT,
};

/* What the telephones of a call do; times from the INVITE, or from the answer; 0: not at all. */
struct plan {
	unsigned ring_ms;                              /* the callee says 180 */
	unsigned answer_ms;                            /* the callee says STATUS */
	unsigned status;                               /* 200 where 0 */
	unsigned hang_up_caller_ms, hang_up_callee_ms; /* after the answer */
	unsigned cancel_ms;
	unsigned reinvite_caller_ms, reinvite_callee_ms; /* after the answer */
	unsigned n_forks;        /* callees that ring, with tags of their own; the first answers */
	bool is_bare_ringing;    /* without Contact */
	bool second_answers_too; /* of them, in the same moment */
	bool second_answers;     /* in place of the first */
	unsigned n_late;         /* callees that answer then and have not rung */
	bool no_ack;             /* the caller sends none */
	bool is_late_offer;      /* the caller's INVITE has no body, its ACK has */
	const char *fields;      /* of the INVITE, further ones */
	const char *answer_fields, *refusal_fields;
	unsigned min_se;       /* the callee refuses each INVITE for it, and wants more each time */
	unsigned first_status; /* of the callee to the first INVITE; 0: he takes it */
	bool is_reliable;      /* the callee rings so, until he hears PRACK */
	bool sends_prack;      /* the caller, for what is reliable */
	const char *prack_body;    /* of that */
	const char *within_fields; /* of his answers within the call */
};

/* A telephone in a call. */
struct leg {
	struct world *world;
	enum node node;
	unsigned index;
	struct plan plan;
	struct sip_dialog dialog;
	struct server_transaction *server; /* of the last INVITE that came */
	struct client_transaction *client; /* of the INVITE that began the call */
	struct client_transaction *within; /* of its last request within the call */
	bool answers_late;                 /* and answers when that is cancelled */
	bool is_thinking;                  /* rings at an INVITE within the call */
	bool is_asked;                     /* that one has no final answer yet */
	unsigned n_overlaps;               /* INVITEs that came before it had */
	unsigned n_busy, within_refusal;   /* so many of these it refuses, all of them with that */
	unsigned update_status;            /* refuses UPDATE with it; 0: it does not */
	const char *fields;                /* of its requests within the call, further ones */
	struct wheel_timer ring, answer, hang_up, reinvite, repeat;
	unsigned interval_ms;
	char request[4096]; /* the INVITE that came */
	size_t request_len;

	/* What it knows. */
	bool is_up, is_over, is_acked;
	unsigned n_ringing, status;        /* final */
	unsigned n_within_ringing;         /* at requests of its own within the call */
	unsigned n_pracks;                 /* that came, or were sent */
	uint32_t rseq;                     /* of the last reliable response that came */
	unsigned n_updates;                /* of those requests */
	bool was_asked;                    /* the first INVITE was refused */
	unsigned n_requests;               /* within the dialog, answered with 200 */
	unsigned within_status;            /* of the last request of its own within the dialog */
	unsigned n_late_acks, n_late_byes; /* to a second callee */
	char late_uri[64];                 /* of that ACK */
	char tags[8][64];                  /* To tags it has seen */
	unsigned n_tags;
	char body[64], ack_body[64], within_body[64]; /* as they came */
	unsigned n_notified, notified[8];             /* what NOTIFY requests have said */
	char notify_seen[1024];                       /* head of the last one */
	char within_seen[1024]; /* head of the last request within the dialog */
	char reason[64];
	char ack_seen[2048];
	char seen[2048]; /* head of the INVITE or final response that came */
};

struct party {
	struct world *world;
	enum node node;
	struct transactions *l;
	metrics_cell cells[TRANSACTION_C_COUNT];
	struct sip_dialogs dialogs;
	struct leg *legs[LEGS_MAX];
	unsigned n_legs;
};

struct packet {
	uint64_t at_ms;
	enum node to, from;
	size_t len;
	char data[];
};

/* Of the hook for bodies, when that says "later". */
struct asked {
	struct call *call;
	uint64_t ticket, exchange, fork;
};

struct world {
	struct clock clock;
	struct wheel wheel;
	uint64_t seed;
	unsigned loss_percent, doubled_percent, delay_max_ms;
	bool is_reliable;
	struct packet *wire[WIRE_MAX];
	size_t n_wire;
	struct party parties[NODE_COUNT]; /* the B2BUA's has the transactions only */
	struct calls *calls;
	metrics_cell cells[CALL_C_COUNT];
	struct plan plans[LEGS_MAX];
	unsigned n_routes; /* that there are; the last leads to the callee */
	bool is_lost_late; /* the others answer when they are cancelled, with the callee's tag */
	unsigned n_calls_ended;
	unsigned n_told, told;   /* finally, the last caller */
	unsigned n_refused, why; /* the last refusal of ours */
	char callee_id[64];      /* at that time */
	enum sip_method parted;  /* what has ended the last call */
	enum call_end end;       /* of the last one */
	unsigned body_error;     /* of the hook, for messages of the callee's */
	bool is_anonymous;       /* the routes hide who calls */
	bool refuses_offers;     /* it does, those of the caller's */
	unsigned n_bodies;
	bool is_late; /* it says "later" */
	struct asked asked[16];
	unsigned n_asked;
	bool refuses_again;        /* it does, whatever is to be said again */
	unsigned n_said_again;     /* that it was asked what that is */
	unsigned n_again;          /* answers of callees to what was said again */
	void (*asking)(void *arg); /* before it says so, or refuses offers; or NULL */
	void *asking_arg;
	void (*done)(void);    /* a message has been taken; or NULL */
	uint64_t off;          /* the last exchange that came to nothing */
	bool is_callee_deaf;   /* what goes to it is lost */
	bool is_callee_gone;   /* nothing can be sent to it */
	bool drops_cancel;     /* each is lost */
	bool is_callee_unread; /* it does not read, and no more can wait for it */
	bool is_full;          /* there is no room for messages to the callee */
	bool is_caller_strict; /* he drops what is malformed */
	unsigned progress_ms;  /* of routes */
	const char *routes;    /* that attempts begin with; NULL: none */
	unsigned n_reached, n_failed, last_attempt;
	enum call_failure_kind failure;     /* the last one */
	const struct call_verdict *verdict; /* on failures; NULL: as they are */
	bool is_trusted;                    /* both sides are */
	bool may_refer, passes_refers;      /* as both sides do */
	unsigned n_refers, n_joined;
	uint32_t session_s;         /* asked of both sides */
	struct sip_account account; /* with both sides; username NULL: none */
	/* Both sides ask who we are, by this status; 0: they do not. */
	unsigned challenge;
	enum sip_digest_algorithm algorithm;
	bool is_nonce_once;                   /* a nonce is good for one request */
	bool takes_nobody;                    /* whatever the credentials are */
	unsigned n_challenges, n_credentials; /* those sent, those found right */
};

struct world *world_create(void);
/* The message that was asked about goes on, the first one is 0. */
void world_ready(struct world *w, unsigned i, int rc, const char *content);
struct world *world_create_limited(size_t max_calls, unsigned max_early);
struct world *world_create_bounded(size_t max_calls, unsigned max_early, size_t max_bytes);
/* Asserts that nothing is left anywhere. */
void world_destroy(struct world *w);
void world_pass(struct world *w, unsigned ms);
/* Enough for everything that begins to end. */
void world_settle(struct world *w);
uint64_t world_count(const struct world *w, unsigned row);
unsigned world_draw(struct world *w, unsigned below);
void world_put(struct world *w, enum node from, enum node to, const void *data, size_t len);
struct transaction_hop world_hop(const struct world *w, enum node n);

void party_open(struct party *p, struct world *w, enum node n);
void party_close(struct party *p);
struct transaction_user party_user(struct party *p);
/* Calls, as PLAN has it. The callee's telephone, once it has rung, is the one with the same index.
 */
struct leg *party_dial(struct world *w, const struct plan *plan);
struct leg *party_callee(struct world *w, const struct leg *caller);
/* A request within the leg's dialog. */
void leg_request(struct leg *g, enum sip_method method, const char *body);
void leg_cancel(struct leg *g);
void leg_cancel_within(struct leg *g);
void leg_hang_up(struct leg *g);
/* A provisional response of the callee's, reliable with RSEQ. 0: not so. */
void leg_ring(struct leg *g, uint32_t rseq, const char *body);
/* The callee takes the INVITE at which he is thinking. */
void leg_answer(struct leg *g);

#endif
