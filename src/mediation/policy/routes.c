/* SPDX-License-Identifier: BSD-3-Clause */
/* By which trunks a call may leave, and in which order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sallyport/mediation/policy.h>

struct route {
	struct policy_pattern *pattern;
	unsigned index; /* in the texts */
	unsigned priority;
	enum policy_spread spread;
	unsigned *usages; /* with the trunks behind them */
	size_t n_usages;
	unsigned *trunks;
	size_t n_trunks;
};

struct policy_routes {
	size_t n;
	struct route routes[]; /* by priority */
};

const char *policy_spread_name(enum policy_spread s)
{
	static const char *const names[] = {"round_robin", "shuffle", "ordered"};
	return names[s];
}

static int compile(const struct policy_route_text *t, struct route *out, char why[POLICY_WHY_LEN])
{
	out->priority = t->priority;
	out->spread = t->spread;
	out->n_usages = t->n_usages;
	out->n_trunks = t->n_trunks;
	int err = policy_pattern_create(t->match, &out->pattern, why);
	if (err != 0)
		return err;
	out->usages = calloc(t->n_usages + t->n_trunks + 1, sizeof(unsigned));
	if (!out->usages) {
		(void)snprintf(why, POLICY_WHY_LEN, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	out->trunks = out->usages + t->n_usages;
	for (size_t i = 0; i < t->n_usages; i++)
		out->usages[i] = t->usages[i];
	for (size_t i = 0; i < t->n_trunks; i++)
		out->trunks[i] = t->trunks[i];
	return 0;
}

static int by_priority(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

int policy_routes_create(const struct policy_route_text *texts, size_t n,
	struct policy_routes **out, size_t *where, char why[POLICY_WHY_LEN])
{
	struct policy_routes *r = calloc(1, sizeof(*r) + n * sizeof(r->routes[0]));
	*where = 0;
	if (!r) {
		(void)snprintf(why, POLICY_WHY_LEN, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	r->n = n;
	for (size_t i = 0; i < n; i++) {
		r->routes[i].index = (unsigned)i;
		int err = compile(&texts[i], &r->routes[i], why);
		if (err != 0) {
			*where = i;
			policy_routes_destroy(r);
			return err;
		}
	}
	if (n > 1)
		qsort(r->routes, n, sizeof(r->routes[0]), by_priority);
	*out = r;
	return 0;
}

void policy_routes_destroy(struct policy_routes *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		policy_pattern_destroy(r->routes[i].pattern);
		free(r->routes[i].usages);
	}
	free(r);
}

/* The attempts so far, those by demoted trunks apart. */
struct choices {
	struct policy_choice *up; /* the caller's */
	size_t n_up;
	struct policy_choice demoted[POLICY_CHOICES_MAX];
	size_t n_demoted;
};

static bool has_trunk(const struct policy_choice *list, size_t n, unsigned trunk)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].trunk == trunk)
			return true;
	}
	return false;
}

/* SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void shuffle(struct policy_choice *list, size_t n, uint64_t *random)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = (size_t)(next_random(random) % i);
		struct policy_choice c = list[i - 1];
		list[i - 1] = list[k];
		list[k] = c;
	}
}

static void rotate(struct policy_choice *list, size_t n, uint32_t turn)
{
	struct policy_choice copy[POLICY_CHOICES_MAX];
	if (n < 2)
		return;
	memcpy(copy, list, n * sizeof(list[0]));
	for (size_t i = 0; i < n; i++)
		list[i] = copy[(i + turn) % n];
}

/*
 * A route's trunks that are UP, or those that are demoted, behind the N in LIST. Spread is over
 * them alone: else the one behind a trunk that is down would get the calls of both.
 */
static size_t add_trunks(const struct route *r, struct policy_world *w,
	enum policy_trunk_state state, struct policy_choice *list, size_t n)
{
	size_t from = n;
	for (size_t i = 0; i < r->n_trunks && n < POLICY_CHOICES_MAX; i++) {
		unsigned trunk = r->trunks[i];
		if (w->state(w->arg, trunk) == state && !has_trunk(list, n, trunk))
			list[n++] = (struct policy_choice){.route = r->index, .trunk = trunk};
	}
	if (r->spread == POLICY_ROUND_ROBIN)
		rotate(list + from, n - from, w->turns[r->index]);
	else if (r->spread == POLICY_SHUFFLE)
		shuffle(list + from, n - from, &w->random);
	return n;
}

static bool has_usage(const struct route *r, unsigned usage)
{
	for (size_t i = 0; i < r->n_usages; i++) {
		if (r->usages[i] == usage)
			return true;
	}
	return false;
}

/* A route with two of the caller's usages counts where the first of them stands. */
static bool is_first_usage(const struct route *r, const unsigned *usages, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (has_usage(r, usages[k]))
			return false;
	}
	return has_usage(r, usages[i]);
}

size_t policy_routes_choose(const struct policy_routes *r, struct policy_scratch *s,
	const unsigned *usages, size_t n_usages, struct bytes number, struct policy_world *world,
	struct policy_choice out[POLICY_CHOICES_MAX])
{
	struct choices c = {.up = out};
	for (size_t i = 0; i < n_usages; i++) {
		for (size_t k = 0; k < r->n; k++) {
			const struct route *route = &r->routes[k];
			if (!is_first_usage(route, usages, i) ||
				!policy_pattern_matches(route->pattern, s, number))
				continue;
			c.n_up = add_trunks(route, world, POLICY_TRUNK_UP, c.up, c.n_up);
			c.n_demoted = add_trunks(
				route, world, POLICY_TRUNK_DEMOTED, c.demoted, c.n_demoted);
			world->turns[route->index]++;
		}
	}
	for (size_t i = 0; i < c.n_demoted && c.n_up < POLICY_CHOICES_MAX; i++)
		out[c.n_up++] = c.demoted[i];
	return c.n_up;
}
