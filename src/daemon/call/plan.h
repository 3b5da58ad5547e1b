/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a configuration comes to for calls. The main thread makes a plan and hands it over whole;
 * from then on new calls go by it, while those that have begun keep theirs. What a call may need
 * beyond its plan stands by the number of its trunk, which a trunk keeps from plan to plan for as
 * long as its two ends are the same. docs/decisions/0043 says why.
 */
#ifndef DAEMON_CALL_PLAN_H
#define DAEMON_CALL_PLAN_H

#include "media.h"
#include "thread.h"

#define CALL_PASSWORD_MAX 128 /* bytes of a provider's password */

/* A trunk as mediation/trunk has it, with all that its configuration points to. */
struct call_gateway {
	struct trunk_config config;
	struct trunk_registration registration;
	char name[65], domain[SIP_NAME_LEN], user[65], auth_user[65];
	char password[CALL_PASSWORD_MAX + 1];
};

/* What is put under a number. */
struct call_entry {
	struct call_trunk trunk;
	struct call_gateway *gateway; /* owned; NULL: as it is */
	struct trunk *prepared;       /* owned, until it is taken; for a number not in use */
	struct call_media_terms media;
	struct call_abilities *abilities; /* owned, until they are taken */
};

struct call_plan {
	unsigned n_users; /* the thread, and calls */
	struct conf_doc *doc;
	const struct options_mediation *options; /* in DOC */
	struct dial_plan *dial;
	struct dial_state *state;
	uint32_t numbers[OPTIONS_TRUNKS_MAX]; /* of the trunks in the options */
	uint32_t places[CALL_TRUNKS_MAX];     /* the reverse, one more; 0: no trunk */
	/* Of the trunks in the options, and behind them of the front end; NULL: taken. */
	struct call_entry *entries;
};

/* ---- plan.c ---- */

/* Main thread. NUMBERS are those of the trunks in DOC, which is right. Before the thread has its
 * transports, listeners and addresses for media are found by the plan; then they are fixed. All
 * memory that taking it needs is had here, so that it is taken whole. */
int call_plan_make(struct call_thread *t, struct conf_doc *doc, const uint32_t *numbers,
	struct call_plan **out, char why[CALL_THREAD_WHY_LEN]);
struct call_plan *call_plan_get(struct call_plan *p);
void call_plan_put(struct call_plan *p); /* NULL is fine */
/* New calls go by P from now on; the thread owns it. */
void call_plan_take(struct call_thread *t, struct call_plan *p);

/* ---- numbers.c: which trunk has which number; main thread ---- */

struct call_numbers; /* opaque */

struct call_numbers *call_numbers_create(const struct metrics_set *metrics); /* NULL: no memory */
void call_numbers_destroy(struct call_numbers *n);                           /* NULL is fine */
/* Of the trunks of a configuration, by their place in it. */
struct call_choice {
	size_t n;
	uint32_t numbers[OPTIONS_TRUNKS_MAX];
	char *keys[OPTIONS_TRUNKS_MAX]; /* owned */
};
/* ERR_FULL: those that were taken out still have too many calls; -ENOMEM. */
int call_numbers_choose(
	const struct call_numbers *n, const struct options_mediation *m, struct call_choice *out);
void call_choice_fini(struct call_choice *c); /* chosen or not */
/* So it is: the plan with these numbers is on its way. C is empty then. */
void call_numbers_keep(struct call_numbers *n, struct call_choice *c);
/* The numbers of the newest plan. */
const uint32_t *call_numbers_listed(const struct call_numbers *n);

/* ---- listeners.c ---- */

/* Where a trunk's listener is, and that of the inside; WHY has a sentence if there is none. */
int call_listeners_trunk(struct call_thread *t, const struct options_mediation *m,
	const struct options_trunk *o, struct call_trunk *k, char why[CALL_THREAD_WHY_LEN]);
int call_listeners_front(struct call_thread *t, const struct options_mediation *m,
	struct call_trunk *k, char why[CALL_THREAD_WHY_LEN]);

/* ---- passwords.c ---- */

int call_password_read(const char *path, char out[CALL_PASSWORD_MAX + 1], char *why);

/* ---- gateways.c ---- */

/* False: there is nobody to ask for the names that M has. */
bool call_gateways_can_find(const struct call_thread *t, const struct options_mediation *m);

int call_gateway_trunk(const struct call_thread *t, const struct options_mediation *m,
	const struct options_trunk *o, const struct call_trunk *k, struct call_gateway **out,
	char why[CALL_THREAD_WHY_LEN]);
int call_gateway_front(const struct call_thread *t, const struct options_mediation *m,
	const struct call_trunk *k, struct call_gateway **out);
void call_gateway_destroy(struct call_gateway *g); /* NULL is fine */
/* G, which it takes, is the gateway of that number; one that was there changes into it. PREPARED as
 * for trunks_set. */
void call_gateways_set(
	struct call_thread *t, uint32_t number, struct call_gateway *g, struct trunk **prepared);
/* What the trunk of that number is called, and its gateway. */
void call_gateways_name(const struct call_thread *t, uint32_t number, struct call_trunk *k);

#endif
