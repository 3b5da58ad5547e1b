/* SPDX-License-Identifier: BSD-3-Clause */
/* The TURN server's counters, as the exposition names them. */
#include "turn_priv.h"

#define REFUSED(code)                                                                              \
	[TURN_C_REFUSED_##code] = {                                                                \
		"sallyport_turn_refusals_total", "code=\"" #code "\"", METRICS_COUNTER, NULL}
#define AUTH_FAILURE(reason, label)                                                                \
	[TURN_C_AUTH_FAILURE + (reason)-1] = {"sallyport_turn_auth_failures_total",                \
		"reason=\"" label "\"", METRICS_COUNTER, NULL}
#define DONE(row, method)                                                                          \
	[row] = {"sallyport_turn_requests_total", "method=\"" method "\"", METRICS_COUNTER, NULL}

static const struct metrics_row rows[TURN_C_COUNT] = {
	[TURN_C_BINDING] = {"sallyport_stun_bindings_total", "client=\"rfc8489\"", METRICS_COUNTER,
		"Binding requests answered."},
	[TURN_C_BINDING_CLASSIC] = {"sallyport_stun_bindings_total", "client=\"rfc3489\"",
		METRICS_COUNTER, NULL},
	[TURN_C_ALLOCATIONS] = {"sallyport_turn_allocations", NULL, METRICS_GAUGE,
		"Allocations that live now."},
	[TURN_C_ALLOCATE_OK] = {"sallyport_turn_requests_total", "method=\"allocate\"",
		METRICS_COUNTER, "Authenticated requests granted."},
	DONE(TURN_C_REFRESH_OK, "refresh"),
	DONE(TURN_C_PERMISSION_OK, "create_permission"),
	DONE(TURN_C_CHANNEL_OK, "channel_bind"),
	[TURN_C_EXPIRED] = {"sallyport_turn_allocations_ended_total", "reason=\"expired\"",
		METRICS_COUNTER, "Allocations ended."},
	[TURN_C_DELETED] = {"sallyport_turn_allocations_ended_total", "reason=\"deleted\"",
		METRICS_COUNTER, NULL},
	[TURN_C_REVOKED] = {"sallyport_turn_allocations_ended_total", "reason=\"revoked\"",
		METRICS_COUNTER, NULL},
	[TURN_C_CLOSED] = {"sallyport_turn_allocations_ended_total", "reason=\"closed\"",
		METRICS_COUNTER, NULL},
	[TURN_C_TENANT_REMOVED] = {"sallyport_turn_allocations_ended_total",
		"reason=\"tenant_removed\"", METRICS_COUNTER, NULL},
	[TURN_C_KILLED] = {"sallyport_turn_allocations_ended_total", "reason=\"killed\"",
		METRICS_COUNTER, NULL},
	[TURN_C_CHALLENGE] = {"sallyport_turn_challenges_total", "reason=\"no_credentials\"",
		METRICS_COUNTER,
		"Requests told to come back with credentials, which every client's first one is, "
		"or with a fresh nonce."},
	[TURN_C_STALE_NONCE] = {"sallyport_turn_challenges_total", "reason=\"stale_nonce\"",
		METRICS_COUNTER, NULL},
	[TURN_C_REFUSED_400] = {"sallyport_turn_refusals_total", "code=\"400\"", METRICS_COUNTER,
		"Requests refused, by STUN error code."},
	REFUSED(401),
	REFUSED(403),
	REFUSED(420),
	REFUSED(437),
	REFUSED(440),
	REFUSED(441),
	REFUSED(442),
	REFUSED(443),
	REFUSED(486),
	REFUSED(500),
	REFUSED(508),
	[TURN_C_AUTH_FAILURE] = {"sallyport_turn_auth_failures_total", "reason=\"bad_form\"",
		METRICS_COUNTER,
		"Why credentials were refused; the client is told no more than 401 or 403."},
	AUTH_FAILURE(AUTH_EXPIRED, "expired"),
	AUTH_FAILURE(AUTH_UNKNOWN_KEY, "unknown_key"),
	AUTH_FAILURE(AUTH_BAD_INTEGRITY, "bad_integrity"),
	AUTH_FAILURE(AUTH_REVOKED, "revoked"),
	AUTH_FAILURE(AUTH_WRONG_LOCATION, "wrong_location"),
	AUTH_FAILURE(AUTH_WRONG_TRANSPORT, "wrong_transport"),
	AUTH_FAILURE(AUTH_WRONG_RELAY, "wrong_relay"),
	[TURN_C_MALFORMED] = {"sallyport_turn_ignored_total", "reason=\"malformed\"",
		METRICS_COUNTER, "Messages and datagrams ignored."},
	[TURN_C_UNKNOWN_MESSAGE] = {"sallyport_turn_ignored_total", "reason=\"unknown_message\"",
		METRICS_COUNTER, NULL},
	[TURN_C_SEND_DROPPED] = {"sallyport_turn_ignored_total", "reason=\"send_not_permitted\"",
		METRICS_COUNTER, NULL},
	[TURN_C_PEER_DROPPED] = {"sallyport_turn_ignored_total", "reason=\"peer_not_permitted\"",
		METRICS_COUNTER, NULL},
	[TURN_C_NO_BUFFER] = {"sallyport_turn_ignored_total", "reason=\"no_buffer\"",
		METRICS_COUNTER, NULL},
	[TURN_C_LIMITED_CHALLENGE] = {"sallyport_turn_replies_limited_total", "kind=\"challenge\"",
		METRICS_COUNTER,
		"Requests of strangers left without an answer because their network drew too "
		"many."},
	[TURN_C_LIMITED_BINDING] = {"sallyport_turn_replies_limited_total", "kind=\"binding\"",
		METRICS_COUNTER, NULL},
	[TURN_C_SHARED_OWN_PORT] = {"sallyport_turn_shared_port_fallbacks_total", NULL,
		METRICS_COUNTER,
		"Allocations on the shared relay port that got a port of their own, because "
		"another one meets the same peer."},
	[TURN_C_SHARED_AMBIGUOUS] = {"sallyport_turn_ignored_total", "reason=\"shared_port_peer\"",
		METRICS_COUNTER, NULL},
};
const struct metrics_group turn_counters = {rows, TURN_C_COUNT};
