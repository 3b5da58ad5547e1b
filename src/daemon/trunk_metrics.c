/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include <sallyport/mediation/trunk.h>

#include "trunk_metrics.h"

#define LABELS_LEN 100 /* a name of 64, and one more label */

/* One more than there are trunks, which the front end has. */
static struct metrics_row rows[(OPTIONS_TRUNKS_MAX + 1) * TRUNK_C_COUNT];
static char labels[ARRAY_LEN(rows)][LABELS_LEN];
const struct metrics_group trunk_counters = {rows, ARRAY_LEN(rows)};

static bool is_shown(const struct options_trunk *t, enum trunk_counter c)
{
	bool is_of_registration = c == TRUNK_C_REGISTERED || c == TRUNK_C_REGISTRATIONS_OK ||
				  c == TRUNK_C_REGISTRATIONS_FAILED;

	return trunk_templates[c].name && (t->has_registration || !is_of_registration);
}

void trunk_metrics_show(const struct options_mediation *m)
{
	const struct options_trunk *t = m->trunks.items;

	for (size_t i = 0; i < m->trunks.n && i < OPTIONS_TRUNKS_MAX; i++) {
		for (unsigned c = 0; c < TRUNK_C_COUNT; c++) {
			const struct metrics_row *from = &trunk_templates[c];
			size_t at = i * TRUNK_C_COUNT + c;
			if (!is_shown(&t[i], (enum trunk_counter)c))
				continue;
			(void)snprintf(labels[at], LABELS_LEN, "trunk=\"%s\"%s", t[i].name,
				from->labels ? from->labels : "");
			rows[at] = (struct metrics_row){
				from->name, labels[at], from->kind, from->help};
		}
	}
}

size_t trunk_metrics_status(const struct metrics_set *set, const struct options_mediation *m,
	struct api_trunk out[OPTIONS_TRUNKS_MAX])
{
	const struct options_trunk *t = m->trunks.items;
	size_t n = m->trunks.n < OPTIONS_TRUNKS_MAX ? m->trunks.n : OPTIONS_TRUNKS_MAX;
	uint64_t v[TRUNK_C_COUNT];

	for (size_t i = 0; i < n; i++) {
		for (unsigned c = 0; c < TRUNK_C_COUNT; c++)
			v[c] = metrics_set_sum(
				set, &trunk_counters, (unsigned)(i * TRUNK_C_COUNT + c));
		out[i] = (struct api_trunk){.name = t[i].name,
			.gateway = t[i].gateway,
			.state = v[TRUNK_C_WHY] < TRUNK_WHY_COUNT
					 ? trunk_why_text((enum trunk_why)v[TRUNK_C_WHY])
					 : "?",
			.is_up = v[TRUNK_C_UP] != 0,
			.has_registration = t[i].has_registration,
			.is_registered = v[TRUNK_C_REGISTERED] != 0,
			.n_calls = v[TRUNK_C_CALLS],
			.n_addresses = v[TRUNK_C_TARGETS],
			.n_addresses_up = v[TRUNK_C_TARGETS_UP]};
	}
	return n;
}
