/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "tenant_metrics.h"

#define LABELS_LEN 80 /* a name of 32 and a direction */

static struct metrics_row rows[TURN_TENANT_CELLS_MAX * TURN_T_COUNT];
static char labels[ARRAY_LEN(rows)][LABELS_LEN];
const struct metrics_group tenant_counters = {rows, ARRAY_LEN(rows)};

static const struct {
	const char *name, *direction;
	enum metrics_kind kind;
	const char *help;
} templates[TURN_T_COUNT] = {
	[TURN_T_ALLOCATIONS] = {"sallyport_tenant_allocations", NULL, METRICS_GAUGE,
		"Allocations of the tenant that live now."},
	[TURN_T_ALLOCATE_OK] = {"sallyport_tenant_allocations_total", NULL, METRICS_COUNTER,
		"Allocations granted to clients of the tenant."},
	[TURN_T_REFUSED] = {"sallyport_tenant_refusals_total", NULL, METRICS_COUNTER,
		"Requests refused: those with a credential of the tenant, and those that came in "
		"at its door with none that is known."},
	[TURN_T_TO_PEER] = {"sallyport_tenant_relayed_bytes_total", ",direction=\"to_peer\"",
		METRICS_COUNTER, "Bytes relayed by allocations of the tenant that have ended."},
	[TURN_T_TO_CLIENT] = {"sallyport_tenant_relayed_bytes_total", ",direction=\"to_client\"",
		METRICS_COUNTER, NULL},
};

/* A name has one id for good, so no two rows have the same labels. */
static void show(uint32_t id, const char *name)
{
	bool is_last = id >= TURN_TENANT_CELLS_MAX - 1;
	size_t first = (is_last ? TURN_TENANT_CELLS_MAX - 1 : id) * TURN_T_COUNT;

	for (size_t i = 0; i < TURN_T_COUNT; i++) {
		struct metrics_row *row = &rows[first + i];
		const char *direction = templates[i].direction;
		if (row->name)
			continue;
		snprintf(labels[first + i], LABELS_LEN, "tenant=\"%s\"%s",
			is_last ? "others" : name, direction ? direction : "");
		*row = (struct metrics_row){
			templates[i].name, labels[first + i], templates[i].kind, templates[i].help};
	}
}

void tenant_metrics_show(const struct settings *s)
{
	if (s->n_tenants > 0)
		show(TURN_TENANT_DEFAULT, "default");
	for (size_t i = 0; i < s->n_tenants; i++)
		show(s->tenants[i].id, s->tenants[i].options->name);
}
