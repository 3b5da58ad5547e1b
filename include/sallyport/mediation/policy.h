/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mediation/policy: what is decided about a call to or from a trunk, as pure functions: no I/O, no
 * clock, no state but what the caller keeps. Rules on numbers, which trunks a call may leave by and
 * in which order, what a failure means, and whether RTP may be clear.
 *
 * Patterns are Perl-compatible regular expressions on bytes. What is compiled is immutable and may
 * be read by any thread; the heap is used when it is made.
 */
#ifndef SALLYPORT_MEDIATION_POLICY_H
#define SALLYPORT_MEDIATION_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>

/* ---- patterns and number rules ---- */

#define POLICY_NUMBER_MAX  128 /* bytes of a number, in and out */
#define POLICY_PATTERN_MAX 256

/* What matching needs to write to: one for each thread. A match takes a bounded number of steps;
 * one that would take more does not match, and is counted here. */
struct policy_scratch;
struct policy_scratch *policy_scratch_create(void); /* NULL when out of memory */
void policy_scratch_destroy(struct policy_scratch *s);
uint64_t policy_scratch_costly(const struct policy_scratch *s);

struct policy_pattern;
/* ERR_MALFORMED with the reason in WHY, or -ENOMEM. */
#define POLICY_WHY_LEN 160
int policy_pattern_create(const char *text, struct policy_pattern **out, char why[POLICY_WHY_LEN]);
void policy_pattern_destroy(struct policy_pattern *p);
/* Anywhere in the number, unless the pattern has anchors. */
bool policy_pattern_matches(
	const struct policy_pattern *p, struct policy_scratch *s, struct bytes number);

/*
 * One rule: what matches becomes REPLACE, what stands around it stays. In REPLACE $1 to $9 are the
 * groups of the pattern, $0 is all that matched, $$ is a dollar sign.
 */
struct policy_rule_text {
	const char *match;
	const char *replace;
};
struct policy_rules;
/* The first error; *WHERE is its rule. A group that the pattern does not have is one. */
int policy_rules_create(const struct policy_rule_text *texts, size_t n, struct policy_rules **out,
	size_t *where, char why[POLICY_WHY_LEN]);
void policy_rules_destroy(struct policy_rules *r);

/*
 * NUMBER by the first rule that matches, as it is when none does. LEN excludes the NUL.
 * ERR_TOO_LARGE when number or result is over POLICY_NUMBER_MAX, ERR_MALFORMED when the result is
 * empty or has what no user part may have as it is: blanks, controls, quotes, "<", ">", "@", "\",
 * bytes over 126.
 */
struct policy_number {
	char text[POLICY_NUMBER_MAX + 1];
	size_t len;
};
int policy_rules_apply(const struct policy_rules *r, struct policy_scratch *s, struct bytes number,
	struct policy_number *out);

/* What one trunk makes of the numbers of a call that leaves by it. NULL rules change nothing. */
struct policy_numbering {
	const struct policy_rules *called;
	const struct policy_rules *calling;
	bool removes_plus; /* last, from both */
};
/* What a route says about who calls. */
struct policy_caller_id {
	bool is_suppressed;
	const char *alternate; /* shown instead; NULL: nobody is shown */
};
struct policy_numbers {
	struct policy_number called;
	struct policy_number calling; /* empty when the caller is anonymous */
	bool is_anonymous;
};
/* Caller ID first, then the rules, then the plus. An empty CALLING is an anonymous caller. Errors
 * as of policy_rules_apply. */
int policy_numbers_apply(const struct policy_numbering *t, const struct policy_caller_id *id,
	struct policy_scratch *s, struct bytes called, struct bytes calling,
	struct policy_numbers *out);

/* ---- routes ---- */

enum policy_spread {
	POLICY_ROUND_ROBIN,
	POLICY_SHUFFLE,
	POLICY_ORDERED,
};
const char *policy_spread_name(enum policy_spread s);

/* Usages and trunks are numbers of the caller's own tables. */
struct policy_route_text {
	const char *match;
	unsigned priority; /* a lower one comes first; equal ones as they stand */
	const unsigned *usages;
	size_t n_usages;
	const unsigned *trunks;
	size_t n_trunks;
	enum policy_spread spread;
};
struct policy_routes;
int policy_routes_create(const struct policy_route_text *texts, size_t n,
	struct policy_routes **out, size_t *where, char why[POLICY_WHY_LEN]);
void policy_routes_destroy(struct policy_routes *r);

enum policy_trunk_state {
	POLICY_TRUNK_UP,
	POLICY_TRUNK_DEMOTED, /* down, or to be left alone for a while: tried last */
	POLICY_TRUNK_OFF,     /* takes no calls */
};

/* What a choice depends on besides the call. */
struct policy_world {
	enum policy_trunk_state (*state)(void *arg, unsigned trunk);
	void *arg;
	uint32_t *turns; /* one for each route, counted up here: where a round robin stands */
	uint64_t random; /* a new one for each call: for shuffles */
};

/* One attempt. */
struct policy_choice {
	unsigned route; /* index in the texts */
	unsigned trunk;
};
#define POLICY_CHOICES_MAX 32
/*
 * The attempts for a call to NUMBER by somebody with USAGES, in order: all routes of the first
 * usage before those of the second, by priority, the trunks of a route as it spreads them; each
 * trunk once; those that are demoted behind all others. Returns how many; 0: no route.
 */
size_t policy_routes_choose(const struct policy_routes *r, struct policy_scratch *s,
	const unsigned *usages, size_t n_usages, struct bytes number, struct policy_world *world,
	struct policy_choice out[POLICY_CHOICES_MAX]);

/* ---- scopes ---- */

enum policy_scope {
	POLICY_GLOBAL,
	POLICY_SITE,
	POLICY_TRUNK,
};
/* "global", "site:NAME" or "trunk:NAME"; *NAME points into TEXT, at its end for global. */
int policy_scope_parse(const char *text, enum policy_scope *out, const char **name);
/*
 * The set of settings for TRUNK in SITE (NULL: none) among N scopes: its own, its site's or the
 * global one. It counts as a whole: nothing is taken from wider ones. Returns N when there is none.
 */
size_t policy_scope_choose(
	const char *const *scopes, size_t n, const char *trunk, const char *site);

/* ---- failures ---- */

enum policy_failure_kind {
	POLICY_RESPONSE,    /* a final one, 300 and above */
	POLICY_NO_PROGRESS, /* nothing but 100 Trying in the time for it */
	POLICY_UNREACHABLE, /* no address, no connection, no TLS, no answer at all */
};
struct policy_failure {
	enum policy_failure_kind kind;
	unsigned code;          /* of a response */
	int q850;               /* cause of its Reason header; -1: none */
	unsigned retry_after_s; /* 0: none */
};
/* "SIP 486 with cause 34 means 503". */
struct policy_response_map {
	uint16_t sip; /* 0: any */
	int16_t q850; /* -1: any, or none */
	uint16_t becomes;
};
struct policy_failover {
	const uint16_t *codes; /* with these the next trunk is tried */
	size_t n_codes;
	const struct policy_response_map *map; /* the first that fits, before CODES are looked at */
	size_t n_map;
};
struct policy_verdict {
	bool tries_next;
	bool is_miss;     /* speaks against the trunk's health */
	unsigned code;    /* for the caller, if there is no next one */
	unsigned avoid_s; /* the trunk is to be demoted for so long; 0: no */
};
void policy_failure_judge(const struct policy_failover *f, const struct policy_failure *what,
	struct policy_verdict *out);
/* The cause of Q.850 in a Reason header's value (RFC 3326), or -1. */
int policy_q850(struct bytes reason);

/* ---- SRTP ---- */

enum policy_srtp {
	POLICY_SRTP_NONE,
	POLICY_SRTP_OPTIONAL,
	POLICY_SRTP_REQUIRED,
};
struct policy_srtp_choice {
	enum policy_srtp client, trunk; /* of the legs of a call whose media pass through us */
	/* How client and peer could speak without us; neither: they cannot. */
	bool may_bypass_srtp;
	bool may_bypass_clear;
};
/* A trunk without TLS cannot keep keys: its level counts as none. */
struct policy_srtp_choice policy_srtp_choose(
	enum policy_srtp client, enum policy_srtp trunk, bool trunk_has_tls);

#endif
