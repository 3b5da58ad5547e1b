/* SPDX-License-Identifier: BSD-3-Clause */
/* All trunks: their life, their state as a whole, and their calls. */
#include <stdlib.h>

#include "trunk_priv.h"

#define STOP_WAIT_MS 2000 /* for providers to hear that we go */
#define SWEEP_MS     1000
#define RETIRED_MS   64000 /* after its last call: its transactions are over */

/* ---- state ---- */

uint64_t trunk_jitter(const struct trunk *k, uint64_t span_ms)
{
	return span_ms - span_ms / 10 + k->all->config.random_below((uint32_t)(span_ms / 5) + 1);
}

static size_t n_up(const struct trunk *k)
{
	size_t n = 0;

	list_for_each (it, &k->targets)
		n += target_is_up(CONTAINER_OF(it, struct target, link));
	return n;
}

/* All are silent, or one has asked for it. */
static enum trunk_why why_not_up(const struct trunk *k)
{
	list_for_each (it, &k->targets) {
		const struct target *t = CONTAINER_OF(it, struct target, link);
		if (t->avoid_until_ms > trunk_now(k))
			return TRUNK_AVOIDED;
	}
	return TRUNK_SILENT;
}

static enum trunk_why why_of(const struct trunk *k)
{
	if (k->is_retired)
		return TRUNK_RETIRED;
	if (!k->config.is_enabled)
		return TRUNK_DISABLED;
	if (k->n_targets == 0)
		return TRUNK_NOT_FOUND;
	if (n_up(k) == 0)
		return why_not_up(k);
	return k->config.registration && !k->registration.is_registered ? TRUNK_UNREGISTERED
									: TRUNK_FINE;
}

static bool is_full(const struct trunk *k)
{
	return k->config.max_calls > 0 && k->n_calls >= k->config.max_calls;
}

static void set(struct trunk *k, enum trunk_counter row, uint64_t n)
{
	metrics_add(k->cells, row, n - metrics_get(k->cells, row));
}

static void say(const struct trunk *k)
{
	if (k->why == TRUNK_FINE)
		log_notice(LOG_SIP, "trunk up", "trunk=%s", k->config.name);
	else if (k->why == TRUNK_RETIRED)
		log_notice(LOG_SIP, "trunk removed", "trunk=%s calls=%u", k->config.name,
			(unsigned)k->n_calls);
	else if (k->why != TRUNK_DISABLED)
		log_warning(LOG_SIP, "trunk down", "trunk=%s why=\"%s\"", k->config.name,
			trunk_why_text(k->why));
}

void trunk_settle(struct trunk *k)
{
	enum trunk_why why = why_of(k);

	set(k, TRUNK_C_TARGETS, k->n_targets);
	set(k, TRUNK_C_TARGETS_UP, n_up(k));
	set(k, TRUNK_C_REGISTERED, k->registration.is_registered);
	set(k, TRUNK_C_CALLS, k->n_calls);
	set(k, TRUNK_C_WHY, why == TRUNK_FINE && is_full(k) ? TRUNK_FULL : why);
	set(k, TRUNK_C_UP, why == TRUNK_FINE && !is_full(k));
	if (why == k->why || !k->all->transactions || k->all->is_stopping)
		return;
	k->why = why;
	say(k);
}

enum policy_trunk_state trunks_state(const struct trunks *t, uint32_t trunk)
{
	const struct trunk *k = t->at[trunk];
	enum trunk_why why = why_of(k);

	if (why == TRUNK_DISABLED || why == TRUNK_RETIRED || t->is_stopping)
		return POLICY_TRUNK_OFF;
	return why == TRUNK_FINE && !is_full(k) ? POLICY_TRUNK_UP : POLICY_TRUNK_DEMOTED;
}

/* ---- calls ---- */

bool trunks_call_begin(struct trunks *t, uint32_t trunk)
{
	struct trunk *k = t->at[trunk];

	if (!k || k->is_retired)
		return false; /* a call may have had it in mind for longer than it was there */
	if (is_full(k)) {
		trunk_count(k, TRUNK_C_REFUSED_LIMIT);
		return false;
	}
	k->n_calls++;
	trunk_settle(k);
	return true;
}

void trunks_call_end(struct trunks *t, uint32_t trunk)
{
	if (--t->at[trunk]->n_calls == 0)
		t->at[trunk]->n_former = 0;
	trunk_settle(t->at[trunk]);
}

void trunks_answered(struct trunks *t, uint32_t trunk, const struct addr *remote)
{
	struct target *target = target_find(t->at[trunk], remote);

	if (target && (target->is_down || target->misses > 0))
		health_alive(target);
}

void trunks_missed(struct trunks *t, uint32_t trunk, const struct addr *remote, uint32_t avoid_s)
{
	struct target *target = target_find(t->at[trunk], remote);

	trunk_count(t->at[trunk], TRUNK_C_CALLS_FAILED);
	if (target)
		health_missed(target, avoid_s);
}

struct sip_str trunks_service_route(const struct trunks *t, uint32_t trunk)
{
	const struct registration *r = &t->at[trunk]->registration;

	return r->is_registered && r->service_route[0] ? sip_str_c(r->service_route) : SIP_NONE;
}

/* ---- requests that come ---- */

bool trunks_is_account(const struct trunks *t, uint32_t trunk, struct sip_str user)
{
	const struct trunk_registration *r = t->at[trunk]->config.registration;

	return r && user.len > 0 && sip_str_equal(user, sip_str_c(r->user));
}

void trunks_heard(struct trunks *t, uint32_t trunk, const struct addr *remote)
{
	struct target *target = target_find(t->at[trunk], remote);

	if (target)
		health_ask(target);
}

unsigned trunks_options_status(const struct trunks *t, uint32_t trunk)
{
	const struct trunk *k = t->at[trunk];

	return t->is_stopping || k->is_retired || !k->config.is_enabled ? 503 : 200;
}

/* ---- life ---- */

static void on_sweep(struct wheel_timer *timer, void *arg);

static void on_stopped(struct wheel_timer *timer, void *arg)
{
	struct trunks *t = CONTAINER_OF(timer, struct trunks, stop_timer);

	(void)arg;
	t->stopped(t->stopped_arg);
}

static metrics_cell *cells_of(const struct trunks *t, uint32_t number)
{
	return t->config.cells + (size_t)number * TRUNK_C_COUNT;
}

static void mark_unused(struct trunks *t, uint32_t number)
{
	metrics_cell *cells = cells_of(t, number);

	for (unsigned row = 0; row < TRUNK_C_COUNT; row++)
		metrics_add(cells, row, 0 - metrics_get(cells, row));
	metrics_add(cells, TRUNK_C_WHY, TRUNK_UNUSED);
}

struct trunk *trunk_prepare(void)
{
	return calloc(1, sizeof(struct trunk));
}

void trunk_discard(struct trunk *k)
{
	free(k);
}

/* In the memory of K. */
static void make(struct trunks *t, uint32_t number, const struct trunk_config *c, struct trunk *k)
{
	mark_unused(t, number);
	t->at[number] = k;
	k->all = t;
	k->number = number;
	k->config = *c;
	k->cells = cells_of(t, number);
	register_init(k);
	lookup_init(k);
	trunk_settle(k);
}

struct trunks *trunks_create(const struct trunks_config *c)
{
	struct trunks *t = calloc(1, sizeof(*t) + c->n_trunks * sizeof(t->at[0]));
	struct trunk *k;

	if (!t)
		return NULL;
	t->config = *c;
	t->n = c->n_trunks;
	wheel_timer_init(&t->stop_timer, on_stopped);
	wheel_timer_init(&t->sweep, on_sweep);
	t->config.trunks = NULL;
	for (uint32_t i = 0; i < t->n; i++)
		mark_unused(t, i);
	for (uint32_t i = 0; c->trunks && i < t->n; i++) {
		if (!c->trunks[i].name)
			continue;
		k = trunk_prepare();
		if (!k) {
			trunks_destroy(t);
			return NULL;
		}
		make(t, i, &c->trunks[i], k);
	}
	return t;
}

/* What is not known yet is no change worth a line, unless it stays so. */
static void start(struct trunk *k)
{
	if (!k->config.is_enabled) {
		k->why = TRUNK_DISABLED;
		return;
	}
	k->why = k->config.registration ? TRUNK_UNREGISTERED : TRUNK_FINE;
	lookup_start(k);
	list_for_each (it, &k->targets)
		health_start(CONTAINER_OF(it, struct target, link));
	register_start(k);
}

void trunks_start(struct trunks *t, struct transactions *transactions)
{
	t->transactions = transactions;
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->at[i])
			start(t->at[i]);
	}
}

static void be_quiet(struct trunk *k)
{
	lookup_stop(k);
	list_for_each (it, &k->targets)
		health_stop(CONTAINER_OF(it, struct target, link));
}

void trunks_left(struct trunks *t)
{
	if (--t->n_leaving == 0)
		wheel_set(t->config.wheel, &t->stop_timer, t->config.clock->mono_ms);
}

bool trunks_stop(struct trunks *t, void (*done)(void *arg), void *arg)
{
	t->is_stopping = true;
	t->stopped = done;
	t->stopped_arg = arg;
	for (uint32_t i = 0; i < t->n && t->transactions; i++) {
		if (!t->at[i])
			continue;
		be_quiet(t->at[i]);
		t->n_leaving += register_stop(t->at[i]);
	}
	if (t->n_leaving > 0)
		wheel_set(t->config.wheel, &t->stop_timer, t->config.clock->mono_ms + STOP_WAIT_MS);
	return t->n_leaving > 0;
}

static void drop(struct trunk *k)
{
	k->all->at[k->number] = NULL;
	register_abandon(k);
	lookup_stop(k);
	list_for_each_safe (it, &k->targets)
		target_close(CONTAINER_OF(it, struct target, link));
	free(k);
}

void trunks_destroy(struct trunks *t)
{
	if (!t)
		return;
	wheel_cancel(t->config.wheel, &t->stop_timer);
	wheel_cancel(t->config.wheel, &t->sweep);
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->at[i])
			drop(t->at[i]);
	}
	free(t);
}

/* ---- changes while they run ---- */

/* Whoever was retired and comes back begins anew. */
static void change(struct trunk *k, const struct trunk_config *c)
{
	bool was_running = k->config.is_enabled && !k->is_retired;
	bool asks_alike = k->config.sends_options == c->sends_options &&
			  k->config.interval_s == c->interval_s;

	k->config = *c;
	k->is_retired = false;
	if (was_running && !c->is_enabled) {
		be_quiet(k);
		(void)register_stop(k);
	} else if (!was_running && c->is_enabled) {
		start(k);
	} else if (was_running) {
		list_for_each (it, &k->targets) {
			if (!asks_alike)
				health_changed(CONTAINER_OF(it, struct target, link));
		}
		register_changed(k);
	}
	trunk_settle(k);
}

void trunks_set(
	struct trunks *t, uint32_t trunk, const struct trunk_config *c, struct trunk **prepared)
{
	if (t->at[trunk]) {
		change(t->at[trunk], c);
		return;
	}
	make(t, trunk, c, *prepared);
	*prepared = NULL;
	if (t->transactions)
		start(t->at[trunk]);
}

void trunks_retire(struct trunks *t, uint32_t trunk)
{
	struct trunk *k = t->at[trunk];

	if (!k || k->is_retired)
		return;
	k->is_retired = true;
	k->idle_ms = trunk_now(k);
	be_quiet(k);
	(void)register_stop(k);
	trunk_settle(k);
	if (!wheel_timer_is_set(&t->sweep))
		wheel_set(t->config.wheel, &t->sweep, trunk_now(k) + SWEEP_MS);
}

/* A REGISTER that takes a binding back has had its time by then. */
static void on_sweep(struct wheel_timer *timer, void *arg)
{
	struct trunks *t = CONTAINER_OF(timer, struct trunks, sweep);
	uint64_t now = t->config.clock->mono_ms;
	bool is_left = false;

	(void)arg;
	for (uint32_t i = 0; i < t->n; i++) {
		struct trunk *k = t->at[i];
		if (!k || !k->is_retired)
			continue;
		if (k->n_calls > 0)
			k->idle_ms = now;
		if (now - k->idle_ms < RETIRED_MS) {
			is_left = true;
			continue;
		}
		log_notice(LOG_SIP, "trunk gone", "trunk=%s", k->config.name);
		drop(k);
		mark_unused(t, i);
		if (t->config.user.gone)
			t->config.user.gone(t->config.user.arg, i);
	}
	if (is_left)
		wheel_set(t->config.wheel, &t->sweep, now + SWEEP_MS);
}
