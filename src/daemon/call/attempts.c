/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * At which addresses a call is tried, and on which trunks it counts. A trunk's addresses follow
 * each other, but those that are silent come behind all others, those of other trunks too.
 */
#include <stdlib.h>
#include <string.h>

#include "thread.h"

static void add(struct ways *w, const struct dial_attempt *to, uint32_t peer,
	const struct sip_target *target)
{
	if (w->n == CALL_WAYS_MAX)
		return;
	struct way *more = realloc(w->at, (w->n + 1) * sizeof(*more));

	if (!more) {
		w->lacks_address = true;
		return;
	}
	w->at = more;
	w->at[w->n++] = (struct way){.to = *to, .peer = peer, .remote = target->addr};
}

static void add_trunk(
	struct call_thread *t, struct ways *w, const struct dial_attempt *to, bool wants_up)
{
	uint32_t peer = to->trunk ? call_trunk_number(t, to->trunk->options) : call_front(t);
	const struct sip_target *targets[SIP_TARGETS_MAX];
	size_t n_up, n;

	if (t->trunks[peer].place == 0)
		return;
	n = trunks_targets(t->running, peer, targets, &n_up);
	if (n == 0 && trunks_state(t->running, peer) != POLICY_TRUNK_OFF)
		w->lacks_address = true;
	for (size_t i = wants_up ? 0 : n_up; i < (wants_up ? n_up : n); i++)
		add(w, to, peer, targets[i]);
}

static void fill(struct call_thread *t, struct ways *w, const struct dial_attempt *all, size_t n)
{
	for (int wants_up = 1; wants_up >= 0; wants_up--) {
		for (size_t i = 0; i < n; i++)
			add_trunk(t, w, &all[i], wants_up == 1);
	}
}

struct ways *call_attempts_none(void)
{
	struct ways *w = calloc(1, sizeof(*w));

	if (w)
		w->in = w->out = CALL_NOBODY;
	return w;
}

void call_attempts_out(struct call_thread *t, struct ways *w, const struct dial_answer *a)
{
	fill(t, w, a->attempts, a->n);
}

void call_attempts_in(struct call_thread *t, struct ways *w, const struct policy_number *number)
{
	const struct dial_attempt user = {.numbers.called = *number};

	if (number->len > 0)
		fill(t, w, &user, 1);
}

/* ---- how many ---- */

static bool begin(struct call_thread *t, uint32_t peer)
{
	return trunks_call_begin(t->running, peer);
}

static void end(struct call_thread *t, uint32_t *peer)
{
	if (*peer != CALL_NOBODY)
		trunks_call_end(t->running, *peer);
	*peer = CALL_NOBODY;
}

bool call_attempts_admit(struct call_thread *t, struct ways *w, uint32_t from)
{
	if (!begin(t, from))
		return false;
	w->in = from;
	return true;
}

/* The number of a trunk that is gone may be another's: this call did not count on it. */
static bool is_there(const struct call_thread *t, const struct way *way)
{
	const char *label = t->trunks[way->peer].label;

	return !way->to.trunk || (label && strcmp(label, way->to.trunk->options->name) == 0);
}

bool call_attempts_take(struct call_thread *t, struct ways *w, unsigned i)
{
	while (i < w->n) {
		uint32_t peer = w->at[i].peer;
		if (peer == w->out)
			return true;
		end(t, &w->out);
		if (is_there(t, &w->at[i]) && begin(t, peer)) {
			w->out = peer;
			return true;
		}
		w->n--;
		memmove(&w->at[i], &w->at[i + 1], (w->n - i) * sizeof(w->at[0]));
	}
	return false;
}

void call_attempts_over(struct call_thread *t, struct ways *w)
{
	end(t, &w->in);
	end(t, &w->out);
}
