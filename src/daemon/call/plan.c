/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans: made on the main thread, taken and given up on that of calls. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../counters.h"
#include "plan.h"

/* ---- making ---- */

static int make_entry(struct call_thread *t, const struct call_plan *p,
	const struct options_trunk *o, struct call_entry *e, char *why)
{
	int rc = call_listeners_trunk(t, p->options, o, &e->trunk, why);

	if (rc == 0)
		rc = call_media_terms_trunk(t, p->options, o, &e->trunk, &e->media, why);
	return rc ? rc : call_gateway_trunk(t, p->options, o, &e->trunk, &e->gateway, why);
}

/* The front end itself is not another one while the daemon runs. */
static int make_front(
	struct call_thread *t, const struct call_plan *p, struct call_entry *e, char *why)
{
	int rc = call_listeners_front(t, p->options, &e->trunk, why);

	if (rc == 0)
		rc = call_media_terms_inside(t, p->options, &e->trunk, &e->media, why);
	return rc || t->transport ? rc : call_gateway_front(t, p->options, &e->trunk, &e->gateway);
}

static int prepare(struct call_entry *e)
{
	e->prepared = trunk_prepare();
	e->abilities = call_media_prepare(&e->media);
	return e->prepared && e->abilities ? 0 : -ENOMEM;
}

static int make_entries(struct call_thread *t, struct call_plan *p, char *why)
{
	const struct options_trunk *o = p->options->trunks.items;
	size_t n = p->options->trunks.n;

	p->entries = calloc(n + 1, sizeof(*p->entries));
	int rc = p->entries ? make_front(t, p, &p->entries[n], why) : -ENOMEM;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = make_entry(t, p, &o[i], &p->entries[i], why);
	for (size_t i = 0; i <= n && rc == 0; i++)
		rc = prepare(&p->entries[i]);
	return rc;
}

int call_plan_make(struct call_thread *t, struct conf_doc *doc, const uint32_t *numbers,
	struct call_plan **out, char why[CALL_THREAD_WHY_LEN])
{
	struct call_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->n_users = 1;
	p->doc = conf_get(doc);
	p->options = &((const struct options *)conf_root(doc))->mediation;
	for (uint32_t i = 0; i < p->options->trunks.n; i++) {
		p->numbers[i] = numbers[i];
		p->places[numbers[i]] = i + 1;
	}
	int rc = dial_plan_create(p->options, &p->dial);
	if (rc == 0 && !(p->state = dial_state_create(p->dial)))
		rc = -ENOMEM;
	if (rc == 0)
		rc = make_entries(t, p, why);
	if (rc != 0) {
		call_plan_put(p);
		return rc;
	}
	*out = p;
	return 0;
}

/* ---- life ---- */

static void put_entries(struct call_plan *p)
{
	for (size_t i = 0; p->entries && i <= p->options->trunks.n; i++) {
		call_gateway_destroy(p->entries[i].gateway);
		trunk_discard(p->entries[i].prepared);
		call_media_discard(p->entries[i].abilities);
	}
	free(p->entries);
	p->entries = NULL;
}

struct call_plan *call_plan_get(struct call_plan *p)
{
	p->n_users++;
	return p;
}

void call_plan_put(struct call_plan *p)
{
	if (!p || --p->n_users > 0)
		return;
	put_entries(p);
	dial_state_destroy(p->state);
	dial_plan_destroy(p->dial);
	conf_destroy(p->doc);
	free(p);
}

/* ---- taking ---- */

static void take_entry(struct call_thread *t, uint32_t number, struct call_entry *e)
{
	if (e->gateway) {
		call_gateways_set(t, number, e->gateway, &e->prepared);
		e->gateway = NULL;
		t->trunks[number] = e->trunk;
		call_gateways_name(t, number, &t->trunks[number]);
	}
	call_media_set_terms(t->media, number, &e->media, &e->abilities);
}

void call_plan_take(struct call_thread *t, struct call_plan *p)
{
	uint32_t n = (uint32_t)p->options->trunks.n;

	for (uint32_t i = 0; i < t->n_used; i++) {
		if (p->places[i] == 0)
			trunks_retire(t->running, i);
	}
	call_plan_put(t->plan);
	t->plan = p;
	for (uint32_t i = 0; i < n; i++) {
		take_entry(t, p->numbers[i], &p->entries[i]);
		if (p->numbers[i] >= t->n_used)
			t->n_used = p->numbers[i] + 1;
	}
	take_entry(t, call_front(t), &p->entries[n]);
	put_entries(p);
	metrics_add(t->cells, DAEMON_C_CALL_PLANS, 1);
}

/* ---- for the thread that runs ---- */

static void on_plan(void *ctx, void *payload)
{
	struct call_thread *t = ctx;

	call_plan_take(t, *(struct call_plan **)payload);
	log_info(LOG_CALL, "new calls by another plan", "trunks=%zu routes=%zu",
		t->plan->options->trunks.n, t->plan->options->routes.n);
}

static void discard_plan(void *payload)
{
	call_plan_put(*(struct call_plan **)payload);
}

static const struct msg_type plan_msg = {
	"call_plan", sizeof(struct call_plan *), on_plan, discard_plan};

static int post_plan(struct call_thread *t, struct call_plan *p, char *why)
{
	if (loop_post(t->loop, &plan_msg, t, &p) == 0)
		return 0;
	(void)snprintf(why, CALL_THREAD_WHY_LEN, "the thread of calls does not keep up; try again");
	call_plan_put(p);
	return ERR_FULL;
}

int call_thread_reload(struct call_thread *t, struct conf_doc *doc, char why[CALL_THREAD_WHY_LEN])
{
	const struct options_mediation *m = &((const struct options *)conf_root(doc))->mediation;
	struct call_choice c;
	struct call_plan *p = NULL;
	int rc = call_numbers_choose(t->numbers, m, &c);

	(void)snprintf(why, CALL_THREAD_WHY_LEN, "%s",
		rc == ERR_FULL ? "too many trunks that were taken out still have calls; try again "
				 "when they are over"
			       : "out of memory");
	if (rc == 0 && !call_gateways_can_find(t, m)) {
		(void)snprintf(why, CALL_THREAD_WHY_LEN,
			"gateways have names, and there was no resolver at the start; restart the "
			"daemon for that");
		rc = ERR_CONFIG;
	}
	if (rc == 0)
		rc = call_plan_make(t, doc, c.numbers, &p, why);
	if (rc == 0)
		rc = post_plan(t, p, why);
	if (rc == 0)
		call_numbers_keep(t->numbers, &c);
	call_choice_fini(&c);
	return rc;
}

const uint32_t *call_thread_numbers(const struct call_thread *t)
{
	return call_numbers_listed(t->numbers);
}
