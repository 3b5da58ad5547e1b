/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread of calls, as thread.c (its life) and ways.c (where messages go) share it. */
#ifndef DAEMON_CALL_PRIV_H
#define DAEMON_CALL_PRIV_H

#include <sallyport/mediation/call.h>
#include <sallyport/mediation/trunk.h>
#include <sallyport/sip/transport.h>

#include "../call_thread.h"
#include "../dial_plan.h"
#include "../trunk_metrics.h"
#include "records.h"

/* By its number (numbers.c), and behind all of them the front end; PLACE 0: there is none. */
struct call_trunk {
	enum sip_transport transport;
	uint32_t place;    /* of the listener that stands for us there */
	const char *label; /* what the configuration calls it; not owned */
	const char *name;  /* over TLS: the host in its certificate; not owned */
	uint32_t group;    /* of struct call_tls */
};
/* So that all of them may be others at once while calls of all go on. */
#define CALL_TRUNKS_MAX TRUNK_NUMBERS_MAX

/* Who we are where one of our listeners stands for us. */
struct call_host {
	char text[ADDR_TEXT_LEN]; /* without port */
	const char *name;         /* NULL: there they know us by address */
};

struct call_plan; /* plan.h */
struct call_numbers;
struct call_faces;

struct call_thread {
	/* Of the start: what is bound then stays while the process lives. */
	struct conf_doc *doc;
	const struct options_mediation *first;
	struct call_plan *plan;       /* of new calls */
	struct call_numbers *numbers; /* main's */
	struct loop *loop;
	struct loop_thread *thread; /* NULL: does not run */
	struct net *net;
	struct sip_transport_layer *transport;
	struct transactions *transactions;
	struct calls *calls;
	struct sip_listener_config *listeners;
	struct call_host *hosts; /* of the listeners */
	uint32_t n_listeners;
	struct call_trunk *trunks; /* N_TRUNKS, and the front end */
	uint32_t n_trunks;         /* numbers that there may be */
	uint32_t n_used;           /* above the highest that was ever used */
	uint32_t client_place;     /* of the listener for the inside; 0: there is none */
	struct call_tls tls;
	metrics_cell *cells; /* of daemon_counters */
	struct log_limit log_loops;
	struct call_gateways *gateways; /* what RUNNING points to */
	struct trunks *running;         /* where they are and whether they live; as TRUNKS */
	struct log_limit log_unanswered, log_failed, log_refused, log_transfers;
	struct call_faces *faces;     /* media.h; owned; fixed when there are transports */
	struct call_media *media;     /* media.h */
	struct call_records *records; /* owned; NULL: none are written */
	bool is_draining;
	unsigned n_stopping; /* what the end waits for */
	struct wheel_timer linger;
};

/* Lines of calls that come to nothing: no gateway fills the log. */
#define CALL_LINES_PER_S 50

/* ---- peers.c: who is at the other end ---- */

/*
 * The place of a hop has two halves: below, one more than the index of the listener that stands for
 * us there, in Via and Contact; above, one more than the number of the peer: of a trunk, or of the
 * front end, who is everybody inside. 0: unknown.
 */
#define CALL_NOBODY UINT32_MAX
static inline uint64_t call_place(uint32_t peer, uint32_t listener_place)
{
	return ((uint64_t)peer + 1) << 32 | listener_place;
}
static inline uint32_t call_peer_of(const struct transaction_hop *hop)
{
	return (uint32_t)(hop->place >> 32) - 1;
}
static inline uint32_t call_front(const struct call_thread *t)
{
	return t->n_trunks;
}

/* What the newest plan says of that trunk; NULL: it has no such trunk, or it is the front end. */
const struct options_trunk *call_trunk_options(const struct call_thread *t, uint32_t number);
const struct options_trunk_settings *call_trunk_settings(
	const struct call_thread *t, uint32_t number);
/* The number of a trunk of the newest plan's options. */
uint32_t call_trunk_number(const struct call_thread *t, const struct options_trunk *o);

/* USER of the Request-URI, or absent; IS_WITHIN: it is of a call that is there. */
uint64_t call_peers_place(const struct call_thread *t, const struct sip_arrival *a,
	struct sip_str user, bool is_within);
/* For struct sip_transport_user. */
bool call_peers_admits(void *arg, uint32_t listener, const struct addr *remote);
bool call_peers_trusts(
	void *arg, uint32_t listener, const struct addr *remote, const struct crypto_peer *peer);

/* What transports, transactions and calls are made with; ARG is the thread. */
struct sip_transport_user call_ways_transport(struct call_thread *t);
struct transaction_carrier call_ways_carrier(struct call_thread *t);
struct call_user call_ways_calls(struct call_thread *t);
/* The record of the call that INVITE from PEER begins. NULL: none. */
struct call_record *call_ways_record(
	struct call_thread *t, const struct sip_msg *invite, uint32_t peer);
/* Where a call from PEER goes, by the URIs of who is called and who calls. */
void call_ways_ask(struct call_thread *t, uint32_t peer, struct sip_str called,
	struct sip_str calling, struct dial_answer *out);
/* Whom PEER's side is to know us as: host, or address with brackets. */
int call_ways_host(const struct call_thread *t, uint32_t peer, char *out, size_t cap);

/* The attempts of a call that are left to it, as the route hook keeps them; one without a trunk is
 * to the front end. */
#define CALL_WAYS_MAX 32
struct way {
	struct dial_attempt to;
	uint32_t peer;
	struct addr remote;
};
struct ways {
	struct call_plan *plan;     /* counted; NULL: none has been asked yet */
	uint32_t in, out;           /* trunks that the call counts on; CALL_NOBODY: none */
	bool is_transfer;           /* by a REFER: its caller counts where he did so far */
	bool is_unasked;            /* the dial plan has not been asked yet */
	bool lacks_address;         /* somebody to try has none yet, or none any more */
	struct call_record *record; /* not owned; NULL: none, or no more */
	unsigned status;            /* that the caller was told; 0: none yet */
	const char *why;            /* not owned; NULL: that is no refusal of ours */
	size_t n;
	struct way
		*at; /* owned; no larger than needed, as a call that is over is kept for a while */
};

/* ---- attempts.c: at which addresses a call is tried, and how many a trunk may have ---- */

struct ways *call_attempts_none(void); /* NULL: no memory */
void call_attempts_out(struct call_thread *t, struct ways *w, const struct dial_answer *a);
/* To the user of that number, if there is one; the front end knows. */
void call_attempts_in(struct call_thread *t, struct ways *w, const struct policy_number *number);
/* The call counts on its caller's trunk from now on. False: that has no room. */
bool call_attempts_admit(struct call_thread *t, struct ways *w, uint32_t from);
/* The same of the trunk of attempt I; those without room are left out. False: none is left. */
bool call_attempts_take(struct call_thread *t, struct ways *w, unsigned i);
void call_attempts_over(struct call_thread *t, struct ways *w);

/* ---- transfers.c: calls because of a REFER; for struct call_user ---- */

unsigned call_transfers_refer(void *arg, const struct call_referral *r, struct call_referred *out);
void call_transfers_begin(void *arg, void **own, const struct call *old,
	const struct sip_msg *invite, const struct transaction_hop *from);
void call_transfers_joined(void *arg, struct call *c, enum call_side side, struct call *old,
	enum call_side side_before);

/* ---- gateways.c: the trunks while they run ---- */

/* Behind transactions and transports. CELLS are of trunk_counters. */
int call_gateways_create(struct call_thread *t, metrics_cell *cells, metrics_cell *locator_cells,
	char why[CALL_THREAD_WHY_LEN]);
void call_gateways_destroy(struct call_thread *t); /* before transactions and transports */

/* With the provider of that trunk; NULL: none. */
const struct sip_account *call_gateways_account(const struct call_thread *t, uint32_t trunk);

/* ---- terms.c: what holds with whoever is at HOP; for struct call_user ---- */

void call_terms(void *arg, const struct transaction_hop *hop, struct call_peer *out);

/* ---- verdicts.c: what has come of an attempt; for struct call_user and the dial plan ---- */

void call_verdicts_judge(void *arg, void *own, unsigned attempt, const struct call_failure *f,
	struct call_verdict *v);
void call_verdicts_reached(void *arg, void *own, unsigned attempt);
enum policy_trunk_state call_verdicts_state(void *arg, const struct dial_trunk *k);
/* The cause of Q.850 in M's Reason (RFC 3326); below 0: none. */
int call_verdicts_q850(const struct sip_msg *m);

#endif
