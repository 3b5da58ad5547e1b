/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where calls go by the section "mediation": its rules and routes compiled, its trunks with what
 * holds for them. Immutable; lives as long as the document it is made from.
 */
#ifndef DAEMON_DIAL_PLAN_H
#define DAEMON_DIAL_PLAN_H

#include <stdio.h>
#include "options_mediation.h"

struct dial_trunk {
	const struct options_trunk *options;
	const struct options_gateway *gateway;
	const struct options_pool *pool;
	uint16_t local_port, remote_port;
	enum options_sip_transport transport;
	enum policy_srtp srtp; /* none without TLS */
	uint64_t fast_failover_s;
	struct policy_numbering numbering;
	struct policy_failover failover;
	/* By which calls that come in over it may leave; none named: by all. */
	const unsigned *usages;
	size_t n_usages;
};

struct dial_plan; /* opaque; one owner */

/* M has passed its check. -ENOMEM, or ERR_CONFIG if it has not. */
int dial_plan_create(const struct options_mediation *m, struct dial_plan **out);
void dial_plan_destroy(struct dial_plan *p); /* NULL is fine */

/* One attempt to reach who is called: by which trunk, with which numbers. */
struct dial_attempt {
	const struct dial_trunk *trunk;
	const struct options_route *route; /* NULL: by the default trunk */
	struct policy_numbers numbers;
};

/* What a choice depends on besides the numbers: of one thread. */
struct dial_state;
struct dial_state *dial_state_create(const struct dial_plan *p); /* NULL when out of memory */
void dial_state_destroy(struct dial_state *s);

/*
 * The attempts for a call from CALLING (empty: anonymous) to CALLED, which is what was dialled.
 * FROM is the index of the trunk it came in over, or DIAL_INSIDE. *NUMBER is what the dial rules
 * made of it. HEALTH may be NULL: all that are enabled are up; it is not asked about others. An
 * attempt whose numbers cannot be is left out. Returns how many; 0: nowhere to go, or the number
 * cannot be one.
 */
typedef enum policy_trunk_state (*dial_health_fn)(void *arg, const struct dial_trunk *t);
#define DIAL_INSIDE SIZE_MAX
size_t dial_plan_attempts(const struct dial_plan *p, struct dial_state *s, size_t from,
	struct bytes called, struct bytes calling, dial_health_fn health, void *arg,
	uint64_t random, struct policy_number *number, struct dial_attempt out[POLICY_CHOICES_MAX]);

/* Writes the attempts for a call for people. WHAT is "CALLED", or "CALLING:CALLED". 0, or
 * ERR_NOT_FOUND when there are none. */
int dial_plan_show(const struct dial_plan *p, const char *what, FILE *out);

#endif
