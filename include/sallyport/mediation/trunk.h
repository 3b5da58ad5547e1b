/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mediation/trunk: trunks while they run: at which addresses the gateway of each can be reached,
 * whether it lives, how many calls it has, whether we are registered with it; and which addresses
 * are its own.
 *
 * Whoever routes a call asks and has the answer at once: names are looked up ahead of calls, and
 * what was found stays while the domain name system is silent. One thread, that of the wheel. A
 * trunk is known by its number, from 0, that of the configuration.
 */
#ifndef SALLYPORT_MEDIATION_TRUNK_H
#define SALLYPORT_MEDIATION_TRUNK_H

#include <sallyport/mediation/policy.h>
#include <sallyport/metrics.h>
#include <sallyport/sip/digest.h>
#include <sallyport/sip/transaction.h>
#include <sallyport/sip/transport/locate.h>

/* ---- what is known of each ---- */

enum trunk_why {
	TRUNK_FINE,
	TRUNK_DISABLED,
	TRUNK_NOT_FOUND, /* its name has no address, or none yet */
	TRUNK_SILENT,    /* no address of it answers */
	TRUNK_AVOIDED,   /* it has asked to be left alone (Retry-After) */
	TRUNK_UNREGISTERED,
	TRUNK_FULL,    /* it has its "max_calls" */
	TRUNK_RETIRED, /* it is in the configuration no more; its calls go on */
	TRUNK_UNUSED,  /* there is none of this number */
	TRUNK_WHY_COUNT,
};
const char *trunk_why_text(enum trunk_why why); /* "no answer" */

/* A block of cells for each trunk, one behind the other. Whoever makes the rows names the trunks;
 * trunk_templates has the rest, with a NULL name for what is no metric. */
enum trunk_counter {
	TRUNK_C_UP,  /* gauge, 0 or 1: calls go there before others */
	TRUNK_C_WHY, /* gauge: enum trunk_why */
	TRUNK_C_CALLS,
	TRUNK_C_TARGETS, /* gauges */
	TRUNK_C_TARGETS_UP,
	TRUNK_C_REGISTERED, /* gauge, 0 or 1 */
	TRUNK_C_PINGS_OK,
	TRUNK_C_PINGS_FAILED,
	TRUNK_C_CALLS_FAILED, /* attempts that speak against its health */
	TRUNK_C_REFUSED_LIMIT,
	TRUNK_C_LOOKUPS_FAILED,
	TRUNK_C_REGISTRATIONS_OK,
	TRUNK_C_REGISTRATIONS_FAILED,
	TRUNK_C_COUNT,
};
extern const struct metrics_row trunk_templates[TRUNK_C_COUNT];

/* ---- making them ---- */

/* A registration with a provider (RFC 3261 §10). Not owned; lives as long as the trunk. */
struct trunk_registration {
	const char *domain;         /* Request-URI, and host of the address of record */
	const char *user;           /* of that, and of our Contact */
	struct sip_account account; /* for its challenges */
	uint32_t expires_s;
};

struct trunk_config {
	const char *name;            /* not owned, and as long as there is the trunk */
	bool is_enabled;             /* off: its calls end, none begins */
	struct sip_next_hop gateway; /* TRANSPORT and LOCAL are set */
	struct addr address;         /* of HOST, without port; family NONE: it is looked up */
	bool sends_options;
	uint32_t interval_s;                           /* between two OPTIONS to each address */
	unsigned fail_after;                           /* misses in a row; at least 1 */
	uint32_t max_calls;                            /* 0: no bound of its own */
	const struct trunk_registration *registration; /* NULL: none */
};

struct trunks_user {
	/* How requests of the trunk get to TARGET. */
	int (*hop)(void *arg, uint32_t trunk, const struct sip_target *target,
		struct transaction_hop *out);
	/* The URI of our Contact for messages that go to HOP, with a NUL. */
	int (*contact)(void *arg, const struct transaction_hop *hop, char *out, size_t cap);
	/* A trunk that was retired is gone: its number may be another one's. NULL: nobody asks. */
	void (*gone)(void *arg, uint32_t trunk);
	void *arg;
};

struct trunks_config {
	struct wheel *wheel;         /* not owned */
	const struct clock *clock;   /* not owned */
	struct sip_locator *locator; /* not owned; NULL where all gateways are addresses */
	struct trunks_user user;
	/* Copied; one without a name is a number that is not in use. NULL: none is. */
	const struct trunk_config *trunks;
	uint32_t n_trunks;   /* numbers that there may be */
	metrics_cell *cells; /* N_TRUNKS blocks of TRUNK_C_COUNT; not owned */
	/* Uniform in [0, bound); crypto_random_below, or a test's. */
	uint32_t (*random_below)(uint32_t bound);
};

struct trunks; /* opaque */
struct trunk;  /* opaque; the memory of one */

struct trunks *trunks_create(const struct trunks_config *c); /* NULL when out of memory */
/* Begins to look up, ask and register, over T, which is not owned. */
void trunks_start(struct trunks *t, struct transactions *transactions);
/* Memory for a trunk, had ahead on any thread, so that trunks_set cannot fail. NULL: none. */
struct trunk *trunk_prepare(void);
void trunk_discard(struct trunk *k); /* one that was not taken; NULL is fine */
/*
 * Trunk number TRUNK is this from now on. A number that is in use keeps what is known of its
 * gateway and the registration: only what says how it is asked, how many calls it may have and the
 * account's password and time may differ. One that is not takes *PREPARED, which is NULL then.
 */
void trunks_set(
	struct trunks *t, uint32_t trunk, const struct trunk_config *c, struct trunk **prepared);
/* It begins no more calls, asks for nothing and takes its registration back. Its calls and whose
 * its addresses are stay until it is gone: a while after the last of them. */
void trunks_retire(struct trunks *t, uint32_t trunk);
/*
 * The orderly end: nothing new is asked, and what is registered is taken back. DONE comes when that
 * is answered, or the time for it is up; never before the return. False: there is nothing to wait
 * for, and DONE does not come.
 */
bool trunks_stop(struct trunks *t, void (*done)(void *arg), void *arg);
/* Before the transactions and the locator. Nobody is told. NULL is fine. */
void trunks_destroy(struct trunks *t);

/* ---- calls that leave ---- */

/* As the choice of routes wants it. */
enum policy_trunk_state trunks_state(const struct trunks *t, uint32_t trunk);
/*
 * The addresses of a trunk for one call, in the order they are tried: by priority, drawn by weight
 * within one (RFC 2782), those that are down or to be left alone behind all others. Views, until
 * the next turn of the loop. *N_UP is the number of the others.
 */
size_t trunks_targets(const struct trunks *t, uint32_t trunk,
	const struct sip_target *out[SIP_TARGETS_MAX], size_t *n_up);
/* Writes "sip:USER@HOST:PORT;transport=tcp" of its gateway. */
void trunks_write_uri(
	const struct trunks *t, uint32_t trunk, struct sip_writer *w, struct sip_str user);
#define TRUNK_SERVICE_ROUTE_MAX 1024
/*
 * The Route that a call over the trunk begins with, while it is registered (RFC 3608 §6.1), below
 * TRUNK_SERVICE_ROUTE_MAX bytes; absent: none. It goes to an address of the gateway all the same,
 * which is the outbound proxy. A view.
 */
struct sip_str trunks_service_route(const struct trunks *t, uint32_t trunk);

/* One more call on the trunk, in or out. False: it has its bound, or is retired or gone, so the
 * call counts not, and gets 503 or the next route. */
bool trunks_call_begin(struct trunks *t, uint32_t trunk);
void trunks_call_end(struct trunks *t, uint32_t trunk);

/* What a call has taught about the address that it went to. */
void trunks_answered(struct trunks *t, uint32_t trunk, const struct addr *remote);
/* It speaks against it; AVOID_S: it has asked to be left alone for so long, or 0. */
void trunks_missed(struct trunks *t, uint32_t trunk, const struct addr *remote, uint32_t avoid_s);

/* ---- requests that come ---- */

/* Is REMOTE an address of the trunk's gateway? One that its name has no more is that of somebody
 * who may be in a call, as long as the trunk has any, and may begin none. */
enum trunk_match {
	TRUNK_ELSEWHERE,
	TRUNK_FORMER,
	TRUNK_SAME_HOST,
	TRUNK_SAME_PORT, /* too */
};
enum trunk_match trunks_match(const struct trunks *t, uint32_t trunk, const struct addr *remote);
/* Where the gateway listens that sends from REMOTE; another one of its addresses if it does not
 * have that. ERR_NOT_FOUND: none is known. */
int trunks_listens(const struct trunks *t, uint32_t trunk, struct addr *remote);
/* A request has come from it: it lives. */
void trunks_heard(struct trunks *t, uint32_t trunk, const struct addr *remote);
/* Are we registered there under USER? Then the Request-URI is ours, and To has the number. */
bool trunks_is_account(const struct trunks *t, uint32_t trunk, struct sip_str user);
/* What its OPTIONS are answered: 200, or 503 where it should send no calls. */
unsigned trunks_options_status(const struct trunks *t, uint32_t trunk);

#endif
