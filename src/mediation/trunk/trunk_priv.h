/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this folder share.
 *
 *   trunks ── trunk: one for each of the configuration
 *              ├─ targets: one for each address of its gateway, as lookup.c finds them; health.c
 *              │           asks each whether it lives
 *              └─ registration: register.c
 */
#ifndef MEDIATION_TRUNK_PRIV_H
#define MEDIATION_TRUNK_PRIV_H

#include <sallyport/mediation/trunk.h>

#define TRUNK_TOKEN_LEN 33 /* 32 hexadecimal digits and NUL: a tag or Call-ID of ours */
#define CONTACT_MAX     512
#define FIELDS_MAX      4096
#define FORMER_MAX      8 /* addresses that a name has no more */

/* Owned by the list of its trunk. */
struct target {
	struct list link;
	struct trunk *trunk; /* not owned */
	struct sip_target at;
	unsigned misses; /* in a row */
	bool is_down;
	uint64_t since_ms; /* down since */
	uint64_t avoid_until_ms;
	struct wheel_timer timer;           /* when OPTIONS are due, or not waited for any longer */
	struct client_transaction *options; /* under way; NULL: none */
};

struct registration {
	struct client_transaction *client; /* NULL: none is under way */
	struct wheel_timer timer;          /* the next REGISTER */
	struct wheel_timer lapse;          /* the provider has forgotten us */
	struct sip_auth_sessions sessions;
	char call_id[TRUNK_TOKEN_LEN], tag[TRUNK_TOKEN_LEN];
	uint32_t cseq, expires_s; /* EXPIRES_S is what we ask for */
	unsigned n_tries;         /* of one request: challenges and intervals that were too short */
	unsigned n_targets;       /* that were tried in this round */
	unsigned n_failures;      /* rounds in a row */
	unsigned last_status;     /* of the failure in the log; 0: none */
	struct transaction_hop hop; /* of the request under way */
	bool is_registered, is_leaving;
	char service_route[TRUNK_SERVICE_ROUTE_MAX]; /* "": none */
};

struct trunk {
	struct trunks *all; /* not owned */
	uint32_t number;
	bool is_retired;  /* nothing is asked, and no call begins */
	uint64_t idle_ms; /* without a call since then, as far as retirement goes */
	struct trunk_config config;
	struct list targets; /* in the order in which they were found */
	size_t n_targets;
	struct sip_location *location; /* under way; NULL: none */
	struct wheel_timer lookup;
	unsigned n_lookups_failed; /* in a row */
	uint32_t n_calls;
	struct addr former[FORMER_MAX]; /* that it had while it has had calls; the newest last */
	unsigned n_former;
	enum trunk_why why;
	struct registration registration;
	metrics_cell *cells; /* not owned */
};

struct trunks {
	struct trunks_config config;
	struct transactions *transactions; /* not owned; NULL: not started */
	bool is_stopping;
	uint32_t n_leaving; /* registrations that are being taken back */
	void (*stopped)(void *arg);
	void *stopped_arg;
	struct wheel_timer stop_timer;
	char fields[FIELDS_MAX];
	uint32_t n;
	struct wheel_timer sweep; /* looks at those that are retired */
	struct trunk *at[];       /* owned; NULL: the number is not in use */
};

static inline uint64_t trunk_now(const struct trunk *k)
{
	return k->all->config.clock->mono_ms;
}
static inline void trunk_timer(struct trunk *k, struct wheel_timer *t, uint64_t in_ms)
{
	wheel_set(k->all->config.wheel, t, trunk_now(k) + in_ms);
}
static inline uint32_t trunk_index(const struct trunk *k)
{
	return k->number;
}
static inline void trunk_count(struct trunk *k, enum trunk_counter row)
{
	metrics_add(k->cells, row, 1);
}
/* SPAN_MS, more or less by up to a tenth: so that what begins together does not go on so. */
uint64_t trunk_jitter(const struct trunk *k, uint64_t span_ms);

/* Its gauges and its state are what they should be; a change of that is logged. */
void trunk_settle(struct trunk *k);

/* ---- target.c ---- */

struct target *target_open(struct trunk *k, const struct sip_target *at); /* NULL: no memory */
void target_close(struct target *t);
struct target *target_find(const struct trunk *k, const struct addr *remote);
/* What T's address was is known as long as the trunk has calls. */
void target_remember(const struct target *t);
/* May calls go there before others? */
bool target_is_up(const struct target *t);

/* ---- lookup.c ---- */

void lookup_init(struct trunk *k);
void lookup_start(struct trunk *k);
void lookup_stop(struct trunk *k);

/* ---- health.c ---- */

void health_init(struct target *t);
void health_start(struct target *t);
void health_changed(struct target *t); /* the trunk's configuration has */
void health_stop(struct target *t);
void health_alive(struct target *t);
void health_missed(struct target *t, uint32_t avoid_s);
/* It may be back: it is asked now. */
void health_ask(struct target *t);

/* ---- register.c ---- */

void register_init(struct trunk *k);
void register_start(struct trunk *k);
void register_changed(struct trunk *k); /* the account has another password, or another time */
/* True: something is to be taken back; register_stopped comes. */
bool register_stop(struct trunk *k);
void register_abandon(struct trunk *k);

/* ---- request.c: requests of our own, outside of dialogs ---- */

void trunk_token(char out[TRUNK_TOKEN_LEN]);
/* "sip:USER@HOST:PORT;transport=tcp" of the trunk's gateway; without USER if that is absent. */
void request_uri(struct sip_writer *w, const struct trunk *k, struct sip_str user);
/* Our Contact's URI for HOP, with USER if not NULL. ERR_NO_SPACE, or the user's. */
int request_contact(
	const struct trunk *k, const struct transaction_hop *hop, const char *user, char *out);

/* ---- trunks.c ---- */

void trunks_left(struct trunks *t); /* one registration less is being taken back */

#endif
