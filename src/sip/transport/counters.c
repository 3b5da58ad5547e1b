/* SPDX-License-Identifier: BSD-3-Clause */
/* What SIP transports count. */
#include "transport_priv.h"

#define MESSAGES(direction, transport)                                                             \
	{                                                                                          \
		"sallyport_sip_messages_total",                                                    \
			"direction=\"" direction "\",transport=\"" transport "\"",                 \
			METRICS_COUNTER, NULL                                                      \
	}
#define ENDED(reason)                                                                              \
	{                                                                                          \
		"sallyport_sip_connections_ended_total", "reason=\"" reason "\"", METRICS_COUNTER, \
			NULL                                                                       \
	}
#define REFUSED(reason)                                                                            \
	{                                                                                          \
		"sallyport_sip_connections_refused_total", "reason=\"" reason "\"",                \
			METRICS_COUNTER, NULL                                                      \
	}

static const struct metrics_row rows[SIP_TRANSPORT_C_COUNT] = {
	[SIP_TRANSPORT_C_RX_UDP] = {"sallyport_sip_messages_total",
		"direction=\"in\",transport=\"udp\"", METRICS_COUNTER,
		"SIP messages received and given to the kernel, by transport."},
	[SIP_TRANSPORT_C_RX_TCP] = MESSAGES("in", "tcp"),
	[SIP_TRANSPORT_C_RX_TLS] = MESSAGES("in", "tls"),
	[SIP_TRANSPORT_C_RX_WS] = MESSAGES("in", "ws"),
	[SIP_TRANSPORT_C_RX_WSS] = MESSAGES("in", "wss"),
	[SIP_TRANSPORT_C_TX_UDP] = MESSAGES("out", "udp"),
	[SIP_TRANSPORT_C_TX_TCP] = MESSAGES("out", "tcp"),
	[SIP_TRANSPORT_C_TX_TLS] = MESSAGES("out", "tls"),
	[SIP_TRANSPORT_C_TX_WS] = MESSAGES("out", "ws"),
	[SIP_TRANSPORT_C_TX_WSS] = MESSAGES("out", "wss"),
	[SIP_TRANSPORT_C_CONNECTIONS] = {"sallyport_sip_connections", NULL, METRICS_GAUGE,
		"Connections that carry SIP, those being made among them."},
	[SIP_TRANSPORT_C_BUFFERED] = {"sallyport_sip_buffered_bytes", NULL, METRICS_GAUGE,
		"Bytes of begun messages and of messages that peers have not read."},
	[SIP_TRANSPORT_C_ACCEPTED] = {"sallyport_sip_connections_total", "by=\"peer\"",
		METRICS_COUNTER, "Connections accepted and dialled."},
	[SIP_TRANSPORT_C_DIALLED] = {"sallyport_sip_connections_total", "by=\"us\"",
		METRICS_COUNTER, NULL},
	[SIP_TRANSPORT_C_REUSED] = {"sallyport_sip_connections_reused_total", NULL, METRICS_COUNTER,
		"Requests that took a connection which was there."},
	[SIP_TRANSPORT_C_REFUSED_LIMIT] = {"sallyport_sip_connections_refused_total",
		"reason=\"limit\"", METRICS_COUNTER,
		"Connections closed at once: too many in all or of one client, or by somebody who "
		"is none of ours; for want of descriptors: pauses in accepting, and connections "
		"not dialled."},
	[SIP_TRANSPORT_C_REFUSED_CLIENT] = REFUSED("client"),
	[SIP_TRANSPORT_C_REFUSED_DESCRIPTORS] = REFUSED("descriptors"),
	[SIP_TRANSPORT_C_REFUSED_STRANGER] = REFUSED("stranger"),
	[SIP_TRANSPORT_C_END_PEER] = {"sallyport_sip_connections_ended_total", "reason=\"peer\"",
		METRICS_COUNTER, "Connections ended, by who or what ended them."},
	[SIP_TRANSPORT_C_END_OWN] = ENDED("own"),
	[SIP_TRANSPORT_C_END_ERROR] = ENDED("error"),
	[SIP_TRANSPORT_C_END_CONNECT] = ENDED("connect"),
	[SIP_TRANSPORT_C_END_HANDSHAKE] = ENDED("handshake"),
	[SIP_TRANSPORT_C_END_IDENTITY] = ENDED("identity"),
	[SIP_TRANSPORT_C_END_UPGRADE] = ENDED("upgrade"),
	[SIP_TRANSPORT_C_END_MALFORMED] = ENDED("malformed"),
	[SIP_TRANSPORT_C_END_TOO_LARGE] = ENDED("too_large"),
	[SIP_TRANSPORT_C_END_BUFFERS] = ENDED("buffers"),
	[SIP_TRANSPORT_C_END_SLOW] = ENDED("slow"),
	[SIP_TRANSPORT_C_END_UNREAD] = ENDED("unread"),
	[SIP_TRANSPORT_C_END_IDLE] = ENDED("idle"),
	[SIP_TRANSPORT_C_END_PONG] = ENDED("no_pong"),
	[SIP_TRANSPORT_C_END_CROWDED] = ENDED("crowded"),
	[SIP_TRANSPORT_C_END_STRANGER] = ENDED("stranger"),
	[SIP_TRANSPORT_C_END_FLOOD] = ENDED("flood"),
	[SIP_TRANSPORT_C_PINGS] = {"sallyport_sip_pings_total", NULL, METRICS_COUNTER,
		"Keep-alives of peers: CRLF, STUN and WebSocket."},
	[SIP_TRANSPORT_C_DROPPED_UDP] = {"sallyport_sip_datagrams_dropped_total", NULL,
		METRICS_COUNTER,
		"Datagrams that are too long, or STUN that is not a request or a stranger's."},
	[SIP_TRANSPORT_C_FAILED] = {"sallyport_sip_send_failures_total", "reason=\"connection\"",
		METRICS_COUNTER,
		"Messages lost with their connection, and messages refused because a peer does "
		"not read or no buffer is left."},
	[SIP_TRANSPORT_C_FULL] = {"sallyport_sip_send_failures_total", "reason=\"full\"",
		METRICS_COUNTER, NULL},
	[SIP_TRANSPORT_C_ICMP] = {"sallyport_sip_icmp_errors_total", NULL, METRICS_COUNTER,
		"ICMP errors that messages sent by UDP have met."},
	[SIP_TRANSPORT_C_LOCATED] = {"sallyport_sip_lookups_total", "result=\"found\"",
		METRICS_COUNTER, "Next hops looked for by RFC 3263."},
	[SIP_TRANSPORT_C_NOT_LOCATED] = {"sallyport_sip_lookups_total", "result=\"not_found\"",
		METRICS_COUNTER, NULL},
};
const struct metrics_group sip_transport_counters = {rows, SIP_TRANSPORT_C_COUNT};
