/* SPDX-License-Identifier: BSD-3-Clause */
/* What the door counts. */
#include <sallyport/access.h>

#define MESSAGES(what, direction)                                                                  \
	{                                                                                          \
		"sallyport_access_messages_total",                                                 \
			"kind=\"" what "\",direction=\"" direction "\"", METRICS_COUNTER, NULL     \
	}
#define REFUSED(reason)                                                                            \
	{                                                                                          \
		"sallyport_access_refused_total", "reason=\"" reason "\"", METRICS_COUNTER, NULL   \
	}
#define DROPPED(reason)                                                                            \
	{                                                                                          \
		"sallyport_access_dropped_total", "reason=\"" reason "\"", METRICS_COUNTER, NULL   \
	}

static const struct metrics_row rows[ACCESS_C_COUNT] = {
	[ACCESS_C_FLOWS] = {"sallyport_access_flows", NULL, METRICS_GAUGE,
		"Connections of SIP clients outside that have sent a request."},
	[ACCESS_C_REGISTERED] = {"sallyport_access_flows_registered", NULL, METRICS_GAUGE,
		"Connections of SIP clients outside over which somebody has registered."},
	[ACCESS_C_NODES] = {"sallyport_access_front_end_up", NULL, METRICS_GAUGE,
		"Nodes of the front end that answer."},
	[ACCESS_C_REQUESTS_INWARD] = {"sallyport_access_messages_total",
		"kind=\"request\",direction=\"inward\"", METRICS_COUNTER,
		"SIP messages passed between clients outside and the front end inside."},
	[ACCESS_C_REQUESTS_OUTWARD] = MESSAGES("request", "outward"),
	[ACCESS_C_RESPONSES_INWARD] = MESSAGES("response", "inward"),
	[ACCESS_C_RESPONSES_OUTWARD] = MESSAGES("response", "outward"),
	[ACCESS_C_SERVICE] = {"sallyport_access_service_total", NULL, METRICS_COUNTER,
		"Requests for credentials by SIP."},
	[ACCESS_C_REFUSED_MALFORMED] = {"sallyport_access_refused_total", "reason=\"malformed\"",
		METRICS_COUNTER, "SIP requests that the door has refused, by reason."},
	[ACCESS_C_REFUSED_RATE] = REFUSED("rate"),
	[ACCESS_C_REFUSED_DOMAIN] = REFUSED("domain"),
	[ACCESS_C_REFUSED_ROUTE] = REFUSED("route"),
	[ACCESS_C_REFUSED_TOKEN] = REFUSED("token"),
	[ACCESS_C_REFUSED_EARLY] = REFUSED("unregistered"),
	[ACCESS_C_REFUSED_HOPS] = REFUSED("hops"),
	[ACCESS_C_REFUSED_LOOP] = REFUSED("loop"),
	[ACCESS_C_REFUSED_EXTENSION] = REFUSED("extension"),
	[ACCESS_C_REFUSED_DRAINING] = REFUSED("draining"),
	[ACCESS_C_REFUSED_UNAVAILABLE] = REFUSED("unavailable"),
	[ACCESS_C_REFUSED_FLOW] = REFUSED("flow"),
	[ACCESS_C_REFUSED_LARGE] = REFUSED("large"),
	[ACCESS_C_REFUSED_SERVICE] = REFUSED("service"),
	[ACCESS_C_DROPPED_MALFORMED] = {"sallyport_access_dropped_total", "reason=\"malformed\"",
		METRICS_COUNTER, "SIP messages that the door has dropped, by reason."},
	[ACCESS_C_DROPPED_RESPONSE] = DROPPED("response"),
	[ACCESS_C_DROPPED_ROUTE] = DROPPED("route"),
	[ACCESS_C_UNSENT] = DROPPED("unsent"),
	[ACCESS_C_ENDED] = {"sallyport_access_flows_ended_total", NULL, METRICS_COUNTER,
		"Connections of clients ended because too much came by them that was refused or "
		"meant nothing."},
};

const struct metrics_group access_counters = {rows, ACCESS_C_COUNT};
