/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sallyport/mediation/call.h>
#include <sallyport/turn/redirect.h>

#include "drain.h"
#include "health.h"

#define TICK_MS 1000

struct drain {
	struct drain_config config;
	struct health *health;
	bool is_on, exits;
	bool has_own; /* the order named alternates; the configuration's wait */
	uint64_t above;
	struct turn_alternate configured[API_ALTERNATES_MAX], ordered[API_ALTERNATES_MAX];
	size_t n_configured, n_ordered;
	bool is_behind[OPTIONS_WORKERS_MAX]; /* this worker has not got the newest */
	struct wheel_timer tick;
};

static const struct turn_alternate *alternates(const struct drain *d, size_t *n)
{
	*n = d->has_own ? d->n_ordered : d->n_configured;
	return d->has_own ? d->ordered : d->configured;
}

/* ---- telling the workers ---- */

static void on_redirect(void *ctx, void *payload)
{
	turn_server_redirect(relay_turn(ctx), *(struct turn_redirect **)payload);
}

static void discard(void *payload)
{
	free(*(struct turn_redirect **)payload);
}

static const struct msg_type redirect_msg = {
	"redirect", sizeof(struct turn_redirect *), on_redirect, discard};

/* A worker's own copy: alternates that are up, and its share of the mark. NULL: out of memory. */
static struct turn_redirect *make_redirect(const struct drain *d)
{
	size_t n, n_workers = workers_count(d->config.workers);
	const struct turn_alternate *all = alternates(d, &n);
	struct turn_redirect *r = calloc(1, sizeof(*r) + n * sizeof(*all));

	if (!r)
		return NULL;
	r->is_draining = d->is_on;
	r->above = (uint32_t)((d->above + n_workers - 1) / n_workers);
	for (size_t i = 0; i < n; i++) {
		if (health_is_up(d->health, i))
			r->alternates[r->n_alternates++] = all[i];
	}
	return r;
}

/* Those that could not be told are told at the next tick. */
static bool tell(struct drain *d)
{
	bool is_done = true;

	for (unsigned w = 0; w < workers_count(d->config.workers); w++) {
		if (!d->is_behind[w])
			continue;
		struct turn_redirect *r = make_redirect(d);
		d->is_behind[w] = !r || workers_post(d->config.workers, w, &redirect_msg, &r) != 0;
		if (d->is_behind[w])
			free(r);
		is_done = is_done && !d->is_behind[w];
	}
	return is_done;
}

static void tell_all(void *arg)
{
	struct drain *d = arg;

	for (unsigned w = 0; w < workers_count(d->config.workers); w++)
		d->is_behind[w] = workers_relay(d->config.workers);
	if (!tell(d) || d->is_on)
		wheel_set(loop_wheel(d->config.loop), &d->tick,
			loop_clock(d->config.loop)->mono_ms + TICK_MS);
}

static uint64_t n_allocations(const struct drain *d)
{
	return metrics_set_sum(d->config.metrics, &turn_counters, TURN_C_ALLOCATIONS);
}

/* With those that are over, while a BYE may have to be said again. */
static uint64_t n_calls(const struct drain *d)
{
	return metrics_set_sum(d->config.metrics, &call_counters, CALL_C_KEPT);
}

/* An Allocate that a worker has let in before it was told must not be cut off by the end. */
static bool is_drained(const struct drain *d, bool all_told)
{
	return d->is_on && d->exits && all_told && n_allocations(d) == 0 && n_calls(d) == 0;
}

static void on_tick(struct wheel_timer *t, void *arg)
{
	struct drain *d = CONTAINER_OF(t, struct drain, tick);
	bool all_told = tell(d);

	(void)arg;
	if (is_drained(d, all_told)) {
		d->exits = false; /* once */
		log_notice(LOG_DAEMON, "drained", "allocations=0 calls=0");
		d->config.ended(d->config.arg);
		return;
	}
	if (!all_told || d->is_on)
		wheel_set(loop_wheel(d->config.loop), &d->tick,
			loop_clock(d->config.loop)->mono_ms + TICK_MS);
}

/* ---- what is asked for ---- */

static int watch(struct drain *d)
{
	struct addr a[API_ALTERNATES_MAX];
	size_t n;
	const struct turn_alternate *all = alternates(d, &n);

	for (size_t i = 0; i < n; i++)
		a[i] = all[i].address;
	int rc = health_watch(d->health, a, n);
	if (rc == 0)
		tell_all(d);
	return rc;
}

/* "80%" of the limit, or a number; checked when the file was loaded. */
static uint64_t mark_of(const struct options_edge *e)
{
	char *end;
	uint64_t n = strtoull(e->redirect_above, &end, 10);

	return *end == '%' ? e->limits.allocations * n / 100 : n;
}

int drain_options(struct drain *d, const struct options_edge *e)
{
	const struct options_alternate *o = e->alternates.items;

	d->above = mark_of(e);
	d->n_configured = e->alternates.n;
	for (size_t i = 0; i < e->alternates.n; i++) {
		struct turn_alternate *a = &d->configured[i];
		*a = (struct turn_alternate){.address = o[i].address,
			.tls_port = (uint16_t)o[i].tls_port,
			.locations = o[i].location ? AUTH_INTRANET : AUTH_INTERNET};
		if (o[i].domain)
			snprintf(a->domain, sizeof(a->domain), "%s", o[i].domain);
	}
	return watch(d);
}

int drain_order(struct drain *d, const struct api_drain_order *o)
{
	if (o->n_alternates > API_ALTERNATES_MAX)
		return ERR_TOO_LARGE;
	d->is_on = o->is_on;
	d->exits = o->is_on && o->exits;
	d->has_own = o->is_on && o->n_alternates > 0;
	d->n_ordered = o->n_alternates;
	if (o->n_alternates > 0)
		memcpy(d->ordered, o->alternates, o->n_alternates * sizeof(*o->alternates));
	log_notice(LOG_DAEMON, d->is_on ? "draining" : "not draining",
		"exit=%d alternates=%zu allocations=%llu calls=%llu", d->exits,
		d->has_own ? d->n_ordered : d->n_configured, (unsigned long long)n_allocations(d),
		(unsigned long long)n_calls(d));
	return watch(d);
}

void drain_show(const struct drain *d, struct api_drain *out)
{
	*out = (struct api_drain){.is_on = d->is_on,
		.exits = d->exits,
		.n_allocations = n_allocations(d),
		.n_calls = metrics_set_sum(d->config.metrics, &call_counters, CALL_C_OPEN),
		.above = d->above};
	out->alternates = alternates(d, &out->n_alternates);
	for (size_t i = 0; i < out->n_alternates; i++)
		out->is_up[i] = health_is_up(d->health, i);
}

bool drain_is_on(const struct drain *d)
{
	return d->is_on;
}

/* ---- life ---- */

struct drain *drain_create(const struct drain_config *c)
{
	struct drain *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->config = *c;
	wheel_timer_init(&d->tick, on_tick);
	d->health = health_create(c->loop, tell_all, d);
	if (d->health)
		return d;
	free(d);
	return NULL;
}

void drain_destroy(struct drain *d)
{
	if (!d)
		return;
	wheel_cancel(loop_wheel(d->config.loop), &d->tick);
	health_destroy(d->health);
	free(d);
}
