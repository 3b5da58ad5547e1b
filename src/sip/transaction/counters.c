/* SPDX-License-Identifier: BSD-3-Clause */
/* The counters of transactions, as the exposition names them. */
#include "transaction_priv.h"

#define STARTED(row, side, method, text)                                                           \
	[row] = {"sallyport_sip_transactions_total", "side=\"" side "\",method=\"" method "\"",    \
		METRICS_COUNTER, text}
#define REFUSED(row, reason, text)                                                                 \
	[row] = {"sallyport_sip_requests_refused_total", "reason=\"" reason "\"", METRICS_COUNTER, \
		text}
#define DROPPED(row, reason, text)                                                                 \
	[row] = {"sallyport_sip_messages_dropped_total", "reason=\"" reason "\"", METRICS_COUNTER, \
		text}
#define FAILED(row, reason, text)                                                                  \
	[row] = {"sallyport_sip_transactions_failed_total", "reason=\"" reason "\"",               \
		METRICS_COUNTER, text}

static const struct metrics_row rows[TRANSACTION_C_COUNT] = {
	[TRANSACTION_C_SERVER] = {"sallyport_sip_transactions", "side=\"server\"", METRICS_GAUGE,
		"Transactions that are kept now, those that only absorb repetitions among them."},
	[TRANSACTION_C_CLIENT] = {"sallyport_sip_transactions", "side=\"client\"", METRICS_GAUGE,
		NULL},
	[TRANSACTION_C_BYTES] = {"sallyport_sip_transaction_bytes", NULL, METRICS_GAUGE,
		"Bytes of messages kept for transactions."},
	STARTED(TRANSACTION_C_SERVER_INVITE, "server", "invite", "Transactions begun."),
	STARTED(TRANSACTION_C_SERVER_OTHER, "server", "other", NULL),
	STARTED(TRANSACTION_C_CLIENT_INVITE, "client", "invite", NULL),
	STARTED(TRANSACTION_C_CLIENT_OTHER, "client", "other", NULL),
	[TRANSACTION_C_REPEATED_IN] = {"sallyport_sip_repetitions_total", "direction=\"in\"",
		METRICS_COUNTER, "Messages that came or were sent again."},
	[TRANSACTION_C_REPEATED_OUT] = {"sallyport_sip_repetitions_total", "direction=\"out\"",
		METRICS_COUNTER, NULL},
	[TRANSACTION_C_TRYING] = {"sallyport_sip_trying_total", NULL, METRICS_COUNTER,
		"100 Trying sent because nothing else was there to be said."},
	[TRANSACTION_C_CANCELLED] = {"sallyport_sip_cancels_total", "result=\"cancelled\"",
		METRICS_COUNTER,
		"CANCEL requests that came for an INVITE without final response, "
		"or for none that is known."},
	[TRANSACTION_C_CANCEL_UNMATCHED] = {"sallyport_sip_cancels_total", "result=\"unmatched\"",
		METRICS_COUNTER, NULL},
	REFUSED(TRANSACTION_C_REFUSED_FULL, "full", "Requests refused before anybody saw them."),
	REFUSED(TRANSACTION_C_REFUSED_MEMORY, "memory", NULL),
	REFUSED(TRANSACTION_C_REFUSED_MALFORMED, "malformed", NULL),
	REFUSED(TRANSACTION_C_REFUSED_STRANGER, "stranger", NULL),
	DROPPED(TRANSACTION_C_DROPPED_MALFORMED, "malformed", "Messages dropped unanswered."),
	DROPPED(TRANSACTION_C_DROPPED_RESPONSE, "unmatched_response", NULL),
	DROPPED(TRANSACTION_C_DROPPED_STRANGER, "stranger", NULL),
	FAILED(TRANSACTION_C_TIMEOUT_CLIENT, "no_response",
		"Transactions that ended without the message they waited for."),
	FAILED(TRANSACTION_C_TIMEOUT_SERVER, "no_reply_or_ack", NULL),
	FAILED(TRANSACTION_C_UNSENT, "unsent", NULL),
};
const struct metrics_group transaction_counters = {rows, TRANSACTION_C_COUNT};
