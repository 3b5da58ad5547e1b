/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The numbers of trunks. A trunk has the same one for as long as its name, its two ends and its
 * account are the same. That of one which was taken out is free when the thread of calls says that
 * it is not in use any more, in its counters.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../counters.h"
#include "../trunk_metrics.h"
#include "plan.h"

struct call_numbers {
	const struct metrics_set *metrics; /* not owned */
	char *keys[CALL_TRUNKS_MAX];       /* NULL: nobody has had it */
	bool is_listed[CALL_TRUNKS_MAX];   /* by the newest plan */
	uint32_t listed[OPTIONS_TRUNKS_MAX];
	uint64_t n_plans;
};

struct call_numbers *call_numbers_create(const struct metrics_set *metrics)
{
	struct call_numbers *n = calloc(1, sizeof(*n));

	if (n)
		n->metrics = metrics;
	return n;
}

void call_numbers_destroy(struct call_numbers *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < CALL_TRUNKS_MAX; i++)
		free(n->keys[i]);
	free(n);
}

/* What tells T from others. */
static char *key_of(const struct options_mediation *m, const struct options_trunk *t)
{
	const struct options_registration *r = &t->registration;
	struct options_trunk_end end;
	char address[ADDR_TEXT_LEN] = "";
	char *key = NULL;
	size_t len;
	FILE *f = open_memstream(&key, &len);

	if (!f)
		return NULL;
	if (options_trunk_gateway(t, &end) == 0) {
		const struct options_gateway *g = options_gateway_find(m, end.name);
		if (g->address.family != ADDR_NONE)
			(void)addr_format_ip(&g->address, address);
		fprintf(f, "%s\n%s\n%s %s %u\n", t->name, t->mediation, g->host, address,
			(unsigned)end.port);
	}
	if (t->has_registration)
		fprintf(f, "%s@%s\n", r->user, r->domain ? r->domain : "");
	if (fclose(f) == 0)
		return key;
	free(key);
	return NULL;
}

static uint64_t read_gauge(const struct call_numbers *n, uint32_t number)
{
	return metrics_set_sum(n->metrics, &trunk_counters, number * TRUNK_C_COUNT + TRUNK_C_WHY);
}

/* The gauges of a thread that has not got all plans yet say nothing of the newest: read behind. */
static bool is_free(const struct call_numbers *n, uint32_t number)
{
	if (!n->keys[number])
		return true;
	return !n->is_listed[number] &&
	       metrics_set_sum(n->metrics, &daemon_counters, DAEMON_C_CALL_PLANS) == n->n_plans &&
	       read_gauge(n, number) == TRUNK_UNUSED;
}

static uint32_t find_key(const struct call_numbers *n, const char *key)
{
	uint32_t i = 0;

	while (i < CALL_TRUNKS_MAX && !(n->keys[i] && strcmp(n->keys[i], key) == 0))
		i++;
	return i;
}

static int choose_keys(
	const struct call_numbers *n, const struct options_mediation *m, struct call_choice *out)
{
	const struct options_trunk *t = m->trunks.items;

	for (size_t i = 0; i < m->trunks.n; i++) {
		out->keys[i] = key_of(m, &t[i]);
		if (!out->keys[i])
			return -ENOMEM;
		out->numbers[i] = find_key(n, out->keys[i]);
	}
	return 0;
}

int call_numbers_choose(
	const struct call_numbers *n, const struct options_mediation *m, struct call_choice *out)
{
	bool is_taken[CALL_TRUNKS_MAX] = {false};
	uint32_t next = 0;

	memset(out, 0, sizeof(*out));
	out->n = m->trunks.n;
	int rc = choose_keys(n, m, out);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < out->n; i++) {
		if (out->numbers[i] < CALL_TRUNKS_MAX)
			is_taken[out->numbers[i]] = true;
	}
	for (size_t i = 0; i < out->n; i++) {
		if (out->numbers[i] < CALL_TRUNKS_MAX)
			continue;
		while (next < CALL_TRUNKS_MAX && (is_taken[next] || !is_free(n, next)))
			next++;
		if (next == CALL_TRUNKS_MAX)
			return ERR_FULL;
		out->numbers[i] = next++;
	}
	return 0;
}

void call_choice_fini(struct call_choice *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->keys[i]);
	c->n = 0;
}

void call_numbers_keep(struct call_numbers *n, struct call_choice *c)
{
	memset(n->is_listed, 0, sizeof(n->is_listed));
	for (size_t i = 0; i < c->n; i++) {
		uint32_t number = c->numbers[i];
		free(n->keys[number]);
		n->keys[number] = c->keys[i];
		n->is_listed[number] = true;
		n->listed[i] = number;
	}
	n->n_plans++;
	c->n = 0;
}

const uint32_t *call_numbers_listed(const struct call_numbers *n)
{
	return n->listed;
}
