/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients send: what passes, how it looks inside, what is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"

#define REQUEST(method, uri, more)                                                                 \
	method " " uri " SIP/2.0\n"                                                                \
	       "Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKone;rport\n"                      \
	       "Max-Forwards: 70\n"                                                                \
	       "From: <sip:alice@example.net>;tag=a\n"                                             \
	       "To: <sip:bob@example.net>\n"                                                       \
	       "Call-ID: c1\n"                                                                     \
	       "CSeq: 1 " method "\n" more "Content-Length: 0\n\n"
#define REGISTER_OF(more)                                                                          \
	REQUEST("REGISTER", "sip:example.net",                                                     \
		"Contact: <sip:alice@192.168.1.2:40000;transport=tls>\n" more)
#define INVITE                                                                                     \
	REQUEST("INVITE", "sip:bob@example.net",                                                   \
		"Contact: <sip:alice@192.168.1.2:40000;transport=tls>\n")

static void refused(struct rig *r, const char *message, const char *status)
{
	from_client(r, CLIENT, message);
	assert_has(r->outside, status);
	assert_int_equal(r->outside_flow, CLIENT);
	assert_string_equal(r->inside, "");
}

/* RFC 3327 §5, RFC 5626 §5.1 */
static void register_gets_a_path_to_its_connection(void **state)
{
	struct rig *r = *state;
	char path[4096];

	from_client(r, CLIENT, REGISTER_OF("Supported: path, outbound\n"));

	assert_string_equal(r->outside, "");
	assert_has(r->inside, "REGISTER sip:example.net SIP/2.0\r\n");
	assert_has(r->inside, "Via: SIP/2.0/TLS " EDGE_INNER ":5061;branch=z9hG4bK");
	assert_has(r->inside, "received=198.51.100.7");
	assert_has(r->inside, "Max-Forwards: 69\r\n");
	assert_has(r->inside, "Contact: <sip:alice@192.168.1.2:40000;transport=tls>\r\n");
	header_of(r->inside, "Path", path);
	assert_has(path, "@" EDGE_INNER ":5061;transport=tls;lr;ob>");
	assert_has_not(r->inside, "Supported: path\r\n");
}

static void a_path_is_supported_for_who_does_not_know_it(void **state)
{
	struct rig *r = *state;
	char path[4096];

	from_client(r, CLIENT, REGISTER_OF("Path: <sip:mine.example.com;lr>\n"));

	header_of(r->inside, "Path", path);
	assert_has(path, ";lr>");
	assert_has(r->inside, "Supported: path\r\n");
	assert_has_not(r->inside, "mine.example.com");
}

static void what_only_a_network_says_is_taken_away(void **state)
{
	struct rig *r = *state;

	from_client(r, CLIENT,
		REQUEST("INVITE", "sip:bob@example.net",
			"P-Asserted-Identity: <sip:boss@example.net>\n"
			"P-Served-User: <sip:boss@example.net>\n"
			"Remote-Party-ID: <sip:boss@example.net>\n"
			"P-Associated-URI \t: <sip:boss@example.net>\n"
			"p-asserted-identity\t: <sip:boss@example.net>\n"
			"P-Profile-Key:\n <sip:boss@example.net>\n"
			"X-Mine: yes\n"));

	assert_has_not(r->inside, "boss");
	assert_has(r->inside, "X-Mine: yes\r\n");
	assert_has(r->inside, "Record-Route: <sip:");
}

static void other_domains_are_refused(void **state)
{
	struct rig *r = *state;

	refused(r, REQUEST("INVITE", "sip:bob@example.com", ""), "SIP/2.0 403 ");
	refused(r, REQUEST("SERVICE", "sip:" EDGE, ""), "SIP/2.0 404 ");
	refused(r, REQUEST("INVITE", "mailto:bob@example.net", ""), "SIP/2.0 416 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_DOMAIN), 3);
	from_client(r, CLIENT, REQUEST("INVITE", "tel:+14255550100", ""));
	assert_has(r->inside, "INVITE tel:+14255550100 ");
	from_client(r, CLIENT, REQUEST("INVITE", "sip:bob@EXAMPLE.ORG", ""));
	assert_has(r->inside, "INVITE sip:bob@EXAMPLE.ORG ");
}

static void routes_of_others_are_refused_and_ours_go(void **state)
{
	struct rig *r = *state;

	refused(r, REQUEST("INVITE", "sip:bob@example.net", "Route: <sip:10.10.0.99;lr>\n"),
		"SIP/2.0 403 ");
	refused(r,
		REQUEST("INVITE", "sip:bob@example.net",
			"Route: <sip:" EDGE ";lr>, <sip:10.10.0.99;lr>\n"),
		"SIP/2.0 403 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_ROUTE), 2);
	refused(r, REQUEST("INVITE", "sip:bob@example.net", "Route: <sip:forged@" EDGE ";lr>\n"),
		"SIP/2.0 403 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_TOKEN), 1);
	from_client(r, CLIENT,
		REQUEST("INVITE", "sip:bob@example.net", "Route: <sip:" EDGE ":5061;lr>\n"));
	assert_has_not(r->inside, "\r\nRoute:");
	from_client(r, CLIENT,
		REQUEST("INVITE", "sip:bob@example.net",
			"Route: <sip:example.org;transport=tls;lr>\n"));
	assert_has(r->inside, "INVITE ");
}

static void hops_end(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX];

	refused(r,
		filled(text,
			"INVITE sip:b@example.net SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\n"
			"Max-Forwards: 0\nFrom: <sip:a@example.net>;tag=a\nTo: "
			"<sip:b@example.net>\n"
			"Call-ID: c\nCSeq: 1 INVITE\nContent-Length: 0\n\n",
			"", ""),
		"SIP/2.0 483 ");
}

static void unknown_extensions_are_named(void **state)
{
	struct rig *r = *state;

	refused(r, REQUEST("INVITE", "sip:bob@example.net", "Proxy-Require: magic\n"),
		"SIP/2.0 420 ");
	assert_has(r->outside, "Unsupported: magic\r\n");
}

/* RFC 3261 §16.3 (4) */
static void a_request_that_goes_round_is_refused(void **state)
{
	struct rig *r = *state;
	char again[SIP_MSG_MAX + 1], *at;

	from_client(r, CLIENT, INVITE);
	strcpy(again, r->inside);
	while ((at = strchr(again, '\r')) != NULL)
		memmove(at, at + 1, strlen(at));

	refused(r, again, "SIP/2.0 482 ");
}

#define EIGHT(text) text text text text text text text text

static void who_says_to_have_come_by_too_often_is_refused(void **state)
{
	struct rig *r = *state;

	from_client(r, CLIENT,
		REQUEST("INVITE", "sip:bob@example.net",
			EIGHT("Via: SIP/2.0/TLS " EDGE ";branch=z9hG4bKx\n")));
	assert_has(r->inside, "INVITE ");
	refused(r,
		REQUEST("INVITE", "sip:bob@example.net",
			EIGHT("Via: SIP/2.0/TLS " EDGE
			      ";branch=z9hG4bKx\n") "Via: SIP/2.0/TLS " EDGE_INNER
						    ";branch=z9hG4bKx\n"),
		"SIP/2.0 482 ");
}

/* RFC 3261 §16.11 */
static void cancel_and_ack_have_the_branch_of_their_invite(void **state)
{
	struct rig *r = *state;
	char invite[4096], other[4096];

	from_client(r, CLIENT, INVITE);
	header_of(r->inside, "Via", invite);
	from_client(r, CLIENT, REQUEST("CANCEL", "sip:bob@example.net", ""));
	header_of(r->inside, "Via", other);
	assert_string_equal(invite, other);
	from_client(r, CLIENT, REQUEST("ACK", "sip:bob@example.net", ""));
	header_of(r->inside, "Via", other);
	assert_string_equal(invite, other);
	from_client(r, NEIGHBOUR, INVITE);
	header_of(r->inside, "Via", other);
	assert_string_not_equal(invite, other);
}

static void without_a_front_end_there_is_503(void **state)
{
	struct rig *r = *state;

	r->inside_rc = -EHOSTUNREACH;
	refused(r, INVITE, "SIP/2.0 503 ");
	assert_has(r->outside, "Retry-After: 10\r\n");
	from_client(r, CLIENT, REQUEST("ACK", "sip:bob@example.net", ""));
	assert_string_equal(r->outside, "");
}

static void options_to_the_door_is_answered_by_it(void **state)
{
	struct rig *r = *state;

	refused(r, REQUEST("OPTIONS", "sip:" EDGE, ""), "SIP/2.0 200 OK");
	assert_has(r->outside, "Supported: outbound, path\r\n");
	from_client(r, CLIENT, REQUEST("OPTIONS", "sip:bob@example.net", ""));
	assert_has(r->inside, "OPTIONS sip:bob@example.net ");
}

#define RESPONSE                                                                                   \
	"SIP/2.0 200 OK\n"                                                                         \
	"Via: $1\n"                                                                                \
	"Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKone;rport=2;received=198.51.100.7\n"     \
	"Record-Route: <sip:10.10.0.6;lr;x=1>\n"                                                   \
	"Record-Route: <sip:10.10.0.5:5061;transport=tls;lr>\n"                                    \
	"Record-Route: $2\n"                                                                       \
	"From: <sip:alice@example.net>;tag=a\n"                                                    \
	"To: <sip:bob@example.net>;tag=b\n"                                                        \
	"Call-ID: c1\n"                                                                            \
	"CSeq: 1 INVITE\n"                                                                         \
	"Contact: <sip:bob@10.10.0.77:5070;transport=tls>;+sip.rendering=\"no\"\n"                 \
	"Server: inner/1.0\n"                                                                      \
	"User-Agent: desk phone\n"                                                                 \
	"Warning: 392 10.10.0.5:5061 \"noisy 10.10.0.5\"\n"                                        \
	"Content-Type: application/sdp\n"                                                          \
	"Content-Length: 5\n\nv=0\n"
#define IN_DIALOG                                                                                  \
	"BYE $1 SIP/2.0\n"                                                                         \
	"Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKtwo\n"                                   \
	"Max-Forwards: 70\n"                                                                       \
	"Route: $2\n"                                                                              \
	"From: <sip:alice@example.net>;tag=a\n"                                                    \
	"To: <sip:bob@example.net>;tag=b\n"                                                        \
	"Call-ID: c1\n"                                                                            \
	"CSeq: 2 BYE\n"                                                                            \
	"Content-Length: 0\n\n"

/* An INVITE that was answered: CONTACT and ROUTE are what the client has learned. */
static void set_up(struct rig *r, char contact[4096], char route[4096])
{
	char text[SIP_MSG_MAX], via[4096], rr[4096];

	from_client(r, CLIENT, INVITE);
	header_of(r->inside, "Via", via);
	header_of(r->inside, "Record-Route", rr);
	from_inside(r, filled(text, RESPONSE, via, rr));
	assert_int_equal(r->outside_flow, CLIENT);
	header_of(r->outside, "Contact", contact);
	header_of(r->outside, "Record-Route", route);
}

static void nothing_of_the_inside_shows_in_a_response(void **state)
{
	struct rig *r = *state;
	char contact[4096], route[4096];

	set_up(r, contact, route);

	assert_has_not(r->outside, "10.10.");
	assert_has_not(r->outside, "inner");
	assert_has_not(r->outside, "desk");
	assert_has(r->outside, "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.168.1.2:40000;");
	assert_has(contact, "@" EDGE ":5061;transport=tls>;+sip.rendering=\"no\"");
	assert_has(route, "@" EDGE ":5061;transport=tls;lr>");
	assert_has(r->outside, "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n");
}

/* RFC 3261 §12.2.1.1: the caller's route set is the list reversed. */
static void a_request_within_the_dialog_finds_its_way(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], contact[4096], route[4096], routes[4096];

	set_up(r, contact, route);
	*strchr(contact, '>') = '\0';
	from_client(r, CLIENT, filled(text, IN_DIALOG, contact + 1, route));

	assert_has(r->inside, "BYE sip:bob@10.10.0.77:5070;transport=tls SIP/2.0\r\n");
	header_of(r->inside, "Route", routes);
	assert_string_equal(routes, "<sip:10.10.0.5:5061;transport=tls;lr>,<sip:10.10.0.6;lr;x=1>");
	const struct addr node = addr_ipv4(0x0a0a0005, 0);
	assert_true(addr_equal_ip(&r->inside_way.peer, &node));
}

/* A route of ours makes nobody a proxy to hosts that the inside has not shown. */
static void no_host_is_reached_by_its_name_within_a_dialog(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], contact[4096], route[4096];

	set_up(r, contact, route);
	refused(r, filled(text, IN_DIALOG, "sip:root@10.10.0.99:6379;transport=tcp", route),
		"SIP/2.0 403 ");
	refused(r, filled(text, IN_DIALOG, "sip:bob@example.net;maddr=10.10.0.99", route),
		"SIP/2.0 403 ");
	refused(r, filled(text, IN_DIALOG, "sip:bob@example.net;alias=10.10.0.99~22~2", route),
		"SIP/2.0 403 ");
	refused(r, REQUEST("INVITE", "sip:bob@example.net;x=1;MADDR=10.10.0.99", ""),
		"SIP/2.0 403 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_DOMAIN), 4);
	from_client(r, CLIENT, filled(text, IN_DIALOG, "sip:bob@example.net;gr=1", route));
	assert_has(r->inside, "BYE sip:bob@example.net;gr=1 ");
}

static void a_forged_token_within_a_dialog_is_refused(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], contact[4096], route[4096];

	set_up(r, contact, route);
	*strchr(contact, '>') = '\0';
	route[10] = route[10] == 'A' ? 'B' : 'A';
	refused(r, filled(text, IN_DIALOG, contact + 1, route), "SIP/2.0 481 ");
	contact[10] = contact[10] == 'A' ? 'B' : 'A';
	refused(r, filled(text, IN_DIALOG, contact + 1, "<sip:" EDGE ";lr>"), "SIP/2.0 481 ");
}

static void a_response_for_nobody_is_dropped(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], via[4096], rr[4096];

	from_client(r, CLIENT, INVITE);
	header_of(r->inside, "Via", via);
	header_of(r->inside, "Record-Route", rr);
	access_flow_closed(r->access, CLIENT);
	from_inside(r, filled(text, RESPONSE, via, rr));
	assert_string_equal(r->outside, "");
	from_client(r, CLIENT, INVITE);
	from_inside(r, filled(text, RESPONSE, "SIP/2.0/TLS " EDGE_INNER ";branch=z9hG4bKx", rr));
	assert_string_equal(r->outside, "");
	assert_int_equal(counted(r, ACCESS_C_DROPPED_RESPONSE), 2);
}

static void strangers_of_a_network_share_a_rate(void **state)
{
	struct rig *r = *state;

	r->rules.stranger_rate = 5;
	for (unsigned i = 0; i < 5; i++)
		from_client(r, i % 2 ? CLIENT : NEIGHBOUR, INVITE);
	refused(r, INVITE, "SIP/2.0 503 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_RATE), 1);
	r->clock.mono_ms += 200;
	from_client(r, CLIENT, INVITE);
	assert_has(r->inside, "INVITE ");
}

static void flows_are_bounded(void **state)
{
	struct rig *r = *state;

	for (uint64_t flow = 100; flow < 104; flow++)
		from_client(r, flow, INVITE);
	refused(r, INVITE, "SIP/2.0 503 ");
	assert_int_equal(counted(r, ACCESS_C_FLOWS), 4);
	access_flow_closed(r->access, 101);
	from_client(r, CLIENT, INVITE);
	assert_has(r->inside, "INVITE ");
}

static void draining_ends_dialogs_and_begins_none(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], contact[4096], route[4096];

	set_up(r, contact, route);
	access_drain_set(r->access, true);
	refused(r, INVITE, "SIP/2.0 503 ");
	refused(r, REGISTER_OF(""), "SIP/2.0 503 ");
	*strchr(contact, '>') = '\0';
	from_client(r, CLIENT, filled(text, IN_DIALOG, contact + 1, route));
	assert_has(r->inside, "BYE ");
	from_client(r, CLIENT, REQUEST("CANCEL", "sip:bob@example.net", ""));
	assert_has(r->inside, "CANCEL ");
}

/* The transport hands up its head, and then ends the connection. */
static void a_message_that_is_too_long_gets_413(void **state)
{
	struct rig *r = *state;

	refused(r,
		"MESSAGE sip:bob@example.net SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\n"
		"From: <sip:alice@example.net>;tag=a\nTo: <sip:bob@example.net>\n"
		"Call-ID: c1\nCSeq: 1 MESSAGE\nContent-Length: 60000\n\n",
		"SIP/2.0 413 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_LARGE), 1);
}

/* RFC 7118 §5, RFC 3261 §18.3 */
static void over_websocket_a_message_needs_no_length(void **state)
{
	struct rig *r = *state;
	static const char message[] =
		"MESSAGE sip:bob@example.net SIP/2.0\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bKx\n"
		"From: <sip:alice@example.net>;tag=a\nTo: <sip:bob@example.net>\n"
		"Call-ID: c1\nCSeq: 1 MESSAGE\nContent-Type: text/plain\n\nhello";

	from_web_client(r, CLIENT, message);
	assert_has(r->inside, "Content-Length: 5\r\n\r\nhello");
	refused(r, message, "SIP/2.0 400 ");
}

static void malformed_messages_are_answered_or_dropped(void **state)
{
	struct rig *r = *state;

	refused(r, REQUEST("INVITE", "sip:bob@example.net", "Call-ID: again\n"), "SIP/2.0 400 ");
	from_client(r, CLIENT, "rubbish\n\n");
	assert_string_equal(r->outside, "");
	assert_int_equal(counted(r, ACCESS_C_DROPPED_MALFORMED), 1);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		UNIT(register_gets_a_path_to_its_connection),
		UNIT(a_path_is_supported_for_who_does_not_know_it),
		UNIT(what_only_a_network_says_is_taken_away),
		UNIT(other_domains_are_refused),
		UNIT(routes_of_others_are_refused_and_ours_go),
		UNIT(hops_end),
		UNIT(unknown_extensions_are_named),
		UNIT(a_request_that_goes_round_is_refused),
		UNIT(who_says_to_have_come_by_too_often_is_refused),
		UNIT(cancel_and_ack_have_the_branch_of_their_invite),
		UNIT(without_a_front_end_there_is_503),
		UNIT(options_to_the_door_is_answered_by_it),
		UNIT(nothing_of_the_inside_shows_in_a_response),
		UNIT(a_request_within_the_dialog_finds_its_way),
		UNIT(no_host_is_reached_by_its_name_within_a_dialog),
		UNIT(a_forged_token_within_a_dialog_is_refused),
		UNIT(a_response_for_nobody_is_dropped),
		UNIT(strangers_of_a_network_share_a_rate),
		UNIT(flows_are_bounded),
		UNIT(draining_ends_dialogs_and_begins_none),
		UNIT(a_message_that_is_too_long_gets_413),
		UNIT(over_websocket_a_message_needs_no_length),
		UNIT(malformed_messages_are_answered_or_dropped),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
