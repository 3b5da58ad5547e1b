/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include <sallyport/mediation/trunk.h>

#include "trunk_metrics.h"

#define LABELS_LEN 100 /* a name of 64, and one more label */

/* One more than there are numbers, which the front end has. */
static struct metrics_row rows[(TRUNK_NUMBERS_MAX + 1) * TRUNK_C_COUNT];
static char labels[ARRAY_LEN(rows)][LABELS_LEN];
const struct metrics_group trunk_counters = {rows, ARRAY_LEN(rows)};

static bool is_shown(const struct options_trunk *t, enum trunk_counter c)
{
	bool is_of_registration = c == TRUNK_C_REGISTERED || c == TRUNK_C_REGISTRATIONS_OK ||
				  c == TRUNK_C_REGISTRATIONS_FAILED;

	return trunk_templates[c].name && (t->has_registration || !is_of_registration);
}

/* NULL: there is none. */
static const struct options_next_hop *front_of(const struct options_mediation *m)
{
	const struct options_pool *p = options_client_pool(m);

	return p && p->has_next_hop ? &p->next_hop : NULL;
}

static void show(const struct options_trunk *t, uint32_t number)
{
	for (unsigned c = 0; c < TRUNK_C_COUNT; c++) {
		const struct metrics_row *from = &trunk_templates[c];
		size_t at = number * TRUNK_C_COUNT + c;
		if (!is_shown(t, (enum trunk_counter)c))
			continue;
		(void)snprintf(labels[at], LABELS_LEN, "trunk=\"%s\"%s", t->name,
			from->labels ? from->labels : "");
		rows[at] = (struct metrics_row){from->name, labels[at], from->kind, from->help};
	}
}

/* It is no trunk, so that its rows have names of their own. */
static void show_front(void)
{
	static const struct metrics_row front[TRUNK_C_COUNT] = {
		[TRUNK_C_UP] = {"sallyport_front_end_up", NULL, METRICS_GAUGE,
			"1 when calls reach the front end, 0 when no address of it answers."},
		[TRUNK_C_CALLS] = {"sallyport_front_end_calls", NULL, METRICS_GAUGE,
			"Calls with the inside that are open, from there and to it."},
		[TRUNK_C_TARGETS] = {"sallyport_front_end_addresses", NULL, METRICS_GAUGE,
			"Addresses at which the front end was found."},
		[TRUNK_C_TARGETS_UP] = {"sallyport_front_end_addresses_up", NULL, METRICS_GAUGE,
			"Those of them that calls have reached, or have not tried."},
		[TRUNK_C_CALLS_FAILED] = {"sallyport_front_end_call_failures_total", NULL,
			METRICS_COUNTER,
			"Attempts to call the inside that speak against the front end's health."},
		[TRUNK_C_LOOKUPS_FAILED] = {"sallyport_front_end_lookups_failed_total", NULL,
			METRICS_COUNTER,
			"Times that the name of the front end was looked up and not found."},
	};

	memcpy(&rows[TRUNK_NUMBERS_MAX * TRUNK_C_COUNT], front, sizeof(front));
}

void trunk_metrics_show(const struct options_mediation *m, const uint32_t *numbers)
{
	const struct options_trunk *t = m->trunks.items;

	memset(rows, 0, sizeof(rows));
	for (size_t i = 0; i < m->trunks.n; i++)
		show(&t[i], numbers[i]);
	if (front_of(m))
		show_front();
}

static void read_cells(const struct metrics_set *set, uint32_t number, struct api_trunk *out)
{
	uint64_t v[TRUNK_C_COUNT];

	for (unsigned c = 0; c < TRUNK_C_COUNT; c++)
		v[c] = metrics_set_sum(
			set, &trunk_counters, (unsigned)(number * TRUNK_C_COUNT + c));
	*out = (struct api_trunk){.state = v[TRUNK_C_WHY] < TRUNK_WHY_COUNT
						   ? trunk_why_text((enum trunk_why)v[TRUNK_C_WHY])
						   : "?",
		.is_up = v[TRUNK_C_UP] != 0,
		.is_registered = v[TRUNK_C_REGISTERED] != 0,
		.n_calls = v[TRUNK_C_CALLS],
		.n_addresses = v[TRUNK_C_TARGETS],
		.n_addresses_up = v[TRUNK_C_TARGETS_UP]};
}

size_t trunk_metrics_status(const struct metrics_set *set, const struct options_mediation *m,
	const uint32_t *numbers, struct api_trunk out[OPTIONS_TRUNKS_MAX])
{
	const struct options_trunk *t = m->trunks.items;

	for (size_t i = 0; i < m->trunks.n; i++) {
		read_cells(set, numbers[i], &out[i]);
		out[i].name = t[i].name;
		out[i].gateway = t[i].gateway;
		out[i].has_registration = t[i].has_registration;
	}
	return m->trunks.n;
}

bool trunk_metrics_front(
	const struct metrics_set *set, const struct options_mediation *m, struct api_trunk *out)
{
	const struct options_next_hop *front = front_of(m);

	if (!front)
		return false;
	read_cells(set, TRUNK_NUMBERS_MAX, out);
	out->name = "(front end)";
	out->gateway = front->host;
	return true;
}
