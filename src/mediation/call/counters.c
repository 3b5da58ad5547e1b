/* SPDX-License-Identifier: BSD-3-Clause */
/* The counters of calls, as the exposition names them. */
#include "call_priv.h"
#include "refusals.h"

#define ENDED(why, label, text)                                                                    \
	[CALL_C_ENDED + (why)] = {                                                                 \
		"sallyport_calls_ended_total", "reason=\"" label "\"", METRICS_COUNTER, text}
#define REFUSED(row, label, text)                                                                  \
	[CALL_C_REFUSED_##row] = {"sallyport_call_requests_refused_total", "reason=\"" label "\"", \
		METRICS_COUNTER,                                                                   \
		"Requests of callers and within calls that were refused, or came to nothing, and " \
		"why."},

static const struct metrics_row rows[CALL_C_COUNT] = {
	[CALL_C_OPEN] = {"sallyport_calls_open", NULL, METRICS_GAUGE,
		"Calls that have begun and are not over."},
	[CALL_C_KEPT] = {"sallyport_calls_kept", NULL, METRICS_GAUGE,
		"Calls that are open, or over with messages yet to come."},
	[CALL_C_BYTES] = {"sallyport_calls_bytes", NULL, METRICS_GAUGE,
		"Bytes of messages that calls keep."},
	[CALL_C_STARTED] = {"sallyport_calls_started_total", NULL, METRICS_COUNTER, "Calls begun."},
	[CALL_C_ANSWERED] = {"sallyport_calls_answered_total", NULL, METRICS_COUNTER,
		"Calls that a callee has answered."},
	ENDED(CALL_END_CALLER, "caller", "Calls ended, by what has ended them."),
	ENDED(CALL_END_CALLEE, "callee", NULL),
	ENDED(CALL_END_CANCELLED, "cancelled", NULL),
	ENDED(CALL_END_FAILED, "failed", NULL),
	ENDED(CALL_END_TIMEOUT, "timeout", NULL),
	ENDED(CALL_END_LOST, "lost", NULL),
	ENDED(CALL_END_EXPIRED, "expired", NULL),
	ENDED(CALL_END_MEDIA, "media", NULL),
	ENDED(CALL_END_SHUTDOWN, "shutdown", NULL),
	ENDED(CALL_END_TRANSFERRED, "transferred", NULL),
	CALL_REFUSALS(REFUSED)[CALL_C_NEXT_ROUTE] = {"sallyport_call_next_routes_total", NULL,
		METRICS_COUNTER, "Further attempts to reach a callee, because one had failed."},
	[CALL_C_GLARE] = {"sallyport_call_glares_total", NULL, METRICS_COUNTER,
		"INVITE requests within calls that met another one."},
	[CALL_C_STRAY_ACKS] = {"sallyport_call_stray_acks_total", NULL, METRICS_COUNTER,
		"ACK requests that belong to no answer."},
	[CALL_C_REFRESHES] = {"sallyport_call_refreshes_total", NULL, METRICS_COUNTER,
		"Refreshes of session timers that were asked for by this side."},
	[CALL_C_CHALLENGES_ANSWERED] = {"sallyport_call_challenges_total", "result=\"answered\"",
		METRICS_COUNTER, "Challenges to requests of ours, by what was made of them."},
	[CALL_C_CHALLENGES_UNANSWERED] = {"sallyport_call_challenges_total",
		"result=\"unanswered\"", METRICS_COUNTER, NULL},
	[CALL_C_FORKS_ENDED] = {"sallyport_call_late_answers_total", NULL, METRICS_COUNTER,
		"Callees who answered when another had, or nobody wanted to know any more."},
	[CALL_C_DROPPED_PROVISIONAL] = {"sallyport_call_provisional_dropped_total", NULL,
		METRICS_COUNTER,
		"Provisional responses not passed on, because too many came before."},
	[CALL_C_REFERS_PASSED] = {"sallyport_call_refers_passed_total", NULL, METRICS_COUNTER,
		"REFER requests passed to the other side, which transfers itself."},
	[CALL_C_TRANSFERS] = {"sallyport_call_transfers_total", "result=\"begun\"", METRICS_COUNTER,
		"Transfers by this node, because of a REFER."},
	[CALL_C_TRANSFERRED] = {"sallyport_call_transfers_total", "result=\"done\"",
		METRICS_COUNTER, NULL},
	[CALL_C_REPLACED] = {"sallyport_call_replaced_total", NULL, METRICS_COUNTER,
		"Sides of calls that another one has replaced, by INVITE with Replaces."},
};
const struct metrics_group call_counters = {rows, CALL_C_COUNT};
