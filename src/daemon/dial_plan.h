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
	/* Of calls that come over it, by their place in the options; without it they have all, as
	 * those from the inside. */
	bool has_usages;
	unsigned *usages;
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

typedef enum policy_trunk_state (*dial_health_fn)(void *arg, const struct dial_trunk *t);

struct dial_question {
	const struct dial_trunk *from; /* it has come over; NULL: from the inside */
	struct bytes called;           /* what was dialled */
	struct bytes calling;          /* empty: anonymous */
	dial_health_fn health; /* NULL: all that are enabled are up; not asked about others */
	void *arg;
	uint64_t random;
};

struct dial_answer {
	struct policy_number number; /* what the dial rules made of it; empty: it cannot be one */
	/* A call from the telephone network would have gone there again: such attempts are left
	 * out. */
	bool is_loop;
	size_t n; /* 0: no trunk */
	struct dial_attempt attempts[POLICY_CHOICES_MAX];
};

/*
 * Which trunks a call goes to. One that has all usages gets the default trunk where no route
 * suits. An attempt whose numbers cannot be is left out.
 */
void dial_plan_ask(const struct dial_plan *p, struct dial_state *s, const struct dial_question *q,
	struct dial_answer *out);

/* The I-th trunk of the options. */
const struct dial_trunk *dial_plan_trunk(const struct dial_plan *p, size_t i);

/* Writes the attempts for a call for people. WHAT is "CALLED", or "CALLING:CALLED". 0, or
 * ERR_NOT_FOUND when there are none. */
int dial_plan_show(const struct dial_plan *p, const char *what, FILE *out);

#endif
