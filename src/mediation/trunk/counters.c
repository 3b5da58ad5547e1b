/* SPDX-License-Identifier: BSD-3-Clause */
#include "trunk_priv.h"

const struct metrics_row trunk_templates[TRUNK_C_COUNT] = {
	[TRUNK_C_UP] = {"sallyport_trunk_up", NULL, METRICS_GAUGE,
		"1 when the trunk takes calls, 0 when they go elsewhere first."},
	[TRUNK_C_WHY] = {NULL, NULL, METRICS_GAUGE, NULL},
	[TRUNK_C_CALLS] = {"sallyport_trunk_calls", NULL, METRICS_GAUGE,
		"Calls of the trunk that are open, in and out."},
	[TRUNK_C_TARGETS] = {"sallyport_trunk_addresses", NULL, METRICS_GAUGE,
		"Addresses at which the gateway of the trunk was found."},
	[TRUNK_C_TARGETS_UP] = {"sallyport_trunk_addresses_up", NULL, METRICS_GAUGE,
		"Those of them that answer."},
	[TRUNK_C_REGISTERED] = {"sallyport_trunk_registered", NULL, METRICS_GAUGE,
		"1 while the trunk is registered with its provider."},
	[TRUNK_C_PINGS_OK] = {"sallyport_trunk_options_total", ",result=\"answered\"",
		METRICS_COUNTER, "OPTIONS sent to the gateway of the trunk."},
	[TRUNK_C_PINGS_FAILED] = {"sallyport_trunk_options_total", ",result=\"failed\"",
		METRICS_COUNTER, NULL},
	[TRUNK_C_CALLS_FAILED] = {"sallyport_trunk_call_failures_total", NULL, METRICS_COUNTER,
		"Attempts to call over the trunk that speak against its health."},
	[TRUNK_C_REFUSED_LIMIT] = {"sallyport_trunk_calls_refused_total", NULL, METRICS_COUNTER,
		"Calls of the trunk, in and out, that were over its max_calls."},
	[TRUNK_C_LOOKUPS_FAILED] = {"sallyport_trunk_lookups_failed_total", NULL, METRICS_COUNTER,
		"Times that the name of the gateway was looked up and not found."},
	[TRUNK_C_REGISTRATIONS_OK] = {"sallyport_trunk_registrations_total", ",result=\"accepted\"",
		METRICS_COUNTER,
		"Registrations of the trunk with its provider, refreshes included."},
	[TRUNK_C_REGISTRATIONS_FAILED] = {"sallyport_trunk_registrations_total",
		",result=\"failed\"", METRICS_COUNTER, NULL},
};

const char *trunk_why_text(enum trunk_why why)
{
	static const char *const texts[TRUNK_WHY_COUNT] = {
		[TRUNK_FINE] = "up",
		[TRUNK_DISABLED] = "disabled",
		[TRUNK_NOT_FOUND] = "no address",
		[TRUNK_SILENT] = "no answer",
		[TRUNK_AVOIDED] = "asked to be left alone",
		[TRUNK_UNREGISTERED] = "not registered",
		[TRUNK_FULL] = "full",
		[TRUNK_RETIRED] = "removed",
		[TRUNK_UNUSED] = "not there",
	};

	return texts[why];
}
