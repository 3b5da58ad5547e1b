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

void trunk_metrics_show(const struct options_mediation *m, const uint32_t *numbers)
{
	const struct options_trunk *t = m->trunks.items;

	memset(rows, 0, sizeof(rows));
	for (size_t i = 0; i < m->trunks.n; i++)
		show(&t[i], numbers[i]);
}

static void read_trunk(const struct metrics_set *set, const struct options_trunk *t,
	uint32_t number, struct api_trunk *out)
{
	uint64_t v[TRUNK_C_COUNT];

	for (unsigned c = 0; c < TRUNK_C_COUNT; c++)
		v[c] = metrics_set_sum(
			set, &trunk_counters, (unsigned)(number * TRUNK_C_COUNT + c));
	*out = (struct api_trunk){.name = t->name,
		.gateway = t->gateway,
		.state = v[TRUNK_C_WHY] < TRUNK_WHY_COUNT
				 ? trunk_why_text((enum trunk_why)v[TRUNK_C_WHY])
				 : "?",
		.is_up = v[TRUNK_C_UP] != 0,
		.has_registration = t->has_registration,
		.is_registered = v[TRUNK_C_REGISTERED] != 0,
		.n_calls = v[TRUNK_C_CALLS],
		.n_addresses = v[TRUNK_C_TARGETS],
		.n_addresses_up = v[TRUNK_C_TARGETS_UP]};
}

size_t trunk_metrics_status(const struct metrics_set *set, const struct options_mediation *m,
	const uint32_t *numbers, struct api_trunk out[OPTIONS_TRUNKS_MAX])
{
	const struct options_trunk *t = m->trunks.items;

	for (size_t i = 0; i < m->trunks.n; i++)
		read_trunk(set, &t[i], numbers[i], &out[i]);
	return m->trunks.n;
}
