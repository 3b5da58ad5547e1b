/* SPDX-License-Identifier: BSD-3-Clause */
/* What the front end sends: whom it reaches, what clients see of the inside. */
#include <stdio.h>
#include <string.h>

#include "rig.h"

#define REGISTER                                                                                   \
	"REGISTER sip:example.net SIP/2.0\n"                                                       \
	"Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKone;rport\n"                             \
	"Max-Forwards: 70\n"                                                                       \
	"From: <sip:alice@example.net>;tag=a\n"                                                    \
	"To: <sip:alice@example.net>\n"                                                            \
	"Call-ID: c1\n"                                                                            \
	"CSeq: 1 REGISTER\n"                                                                       \
	"Supported: path, outbound\n"                                                              \
	"Contact: <sip:alice@192.168.1.2:40000;transport=tls>\n"                                   \
	"Content-Length: 0\n\n"
#define REGISTERED                                                                                 \
	"SIP/2.0 200 OK\n"                                                                         \
	"Via: $1\n"                                                                                \
	"Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKone;rport=2;received=198.51.100.7\n"     \
	"From: <sip:alice@example.net>;tag=a\n"                                                    \
	"To: <sip:alice@example.net>;tag=r\n"                                                      \
	"Call-ID: c1\n"                                                                            \
	"CSeq: 1 REGISTER\n"                                                                       \
	"Require: outbound\n"                                                                      \
	"Path: <sip:x@10.10.0.11;lr>\n"                                                            \
	"Service-Route: <sip:10.10.0.5;lr>\n"                                                      \
	"Contact: $2\n"                                                                            \
	"Server: inner/1.0\n"                                                                      \
	"Content-Length: 0\n\n"
#define OWN_AND_OTHER                                                                              \
	"<sip:alice@192.168.1.2:40000;transport=tls>;expires=60, <sip:alice@10.10.0.70>;expires=9"

/* ROUTE is what the registrar has learned. */
static void register_client(struct rig *r, uint64_t flow, const char *contacts, char route[4096])
{
	char text[SIP_MSG_MAX], via[4096];

	from_client(r, flow, REGISTER);
	header_of(r->inside, "Via", via);
	header_of(r->inside, "Path", route);
	from_inside(r, filled(text, REGISTERED, via, contacts));
	assert_int_equal(r->outside_flow, flow);
}

#define REQUEST(method, more)                                                                      \
	method " sip:alice@192.168.1.2:40000;transport=tls SIP/2.0\n"                              \
	       "Via: SIP/2.0/TLS 10.10.0.5:5061;branch=z9hG4bKfe\n"                                \
	       "Via: SIP/2.0/UDP 10.10.0.70:5060;branch=z9hG4bKbob\n"                              \
	       "Max-Forwards: 60\n"                                                                \
	       "Route: $1\n"                                                                       \
	       "Record-Route: <sip:10.10.0.5:5061;transport=tls;lr>, <sip:10.10.0.6;lr>\n"         \
	       "From: <sip:bob@example.net>;tag=b\n"                                               \
	       "To: <sip:alice@example.net>\n"                                                     \
	       "Call-ID: c2\n"                                                                     \
	       "CSeq: 1 " method "\n"                                                              \
	       "Contact: <sip:bob@10.10.0.70:5060>\n"                                              \
	       "User-Agent: desk phone\n" more "Content-Length: 0\n\n"
#define RESPONSE                                                                                   \
	"SIP/2.0 180 Ringing\n"                                                                    \
	"Via: $1\n"                                                                                \
	"Record-Route: $2\n"                                                                       \
	"From: <sip:bob@example.net>;tag=b\n"                                                      \
	"To: <sip:alice@example.net>;tag=a\n"                                                      \
	"Call-ID: c2\n"                                                                            \
	"CSeq: 1 INVITE\n"                                                                         \
	"Contact: <sip:alice@192.168.1.2:40000;transport=tls>\n"                                   \
	"P-Asserted-Identity: <sip:boss@example.net>\n"                                            \
	"Content-Length: 0\n\n"

/* RFC 5626 §4.4; and where the credentials for the relay are. */
static void who_registers_learns_the_media_relay(void **state)
{
	struct rig *r = *state;
	char route[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);

	assert_has(r->outside, "Call-Info: <sip:mras@example.net>;purpose=media-relay\r\n");
	assert_has(r->outside, "Flow-Timer: 120\r\n");
	assert_int_equal(counted(r, ACCESS_C_REGISTERED), 1);
}

static void a_registrars_answer_shows_the_clients_own_contact_alone(void **state)
{
	struct rig *r = *state;
	char route[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);

	assert_has(
		r->outside, "Contact: <sip:alice@192.168.1.2:40000;transport=tls>;expires=60\r\n");
	assert_has(r->outside, ";transport=tls>;expires=9\r\n");
	assert_has_not(r->outside, "10.10.");
	assert_has_not(r->outside, "\r\nPath:");
	assert_has_not(r->outside, "inner");
	assert_has(r->outside, "Service-Route: <sip:");
}

static void without_a_contact_nobody_is_registered(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096], via[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_client(r, CLIENT, REGISTER);
	header_of(r->inside, "Via", via);
	filled(text, REGISTERED, via, "x");
	char *contact = strstr(text, "Contact: x\n");
	memmove(contact, contact + 11, strlen(contact + 11) + 1);
	from_inside(r, text);
	assert_has(r->outside, "SIP/2.0 200");
	assert_int_equal(counted(r, ACCESS_C_REGISTERED), 0);
}

static void a_request_reaches_its_client_and_nothing_of_the_inside_does(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_inside(r, filled(text, REQUEST("INVITE", ""), route, ""));

	assert_int_equal(r->outside_flow, CLIENT);
	assert_has(r->outside, "INVITE sip:alice@192.168.1.2:40000;transport=tls SIP/2.0\r\n"
			       "Via: SIP/2.0/TLS " EDGE ":5061;branch=z9hG4bK");
	assert_has(r->outside, "Max-Forwards: 59\r\n");
	assert_has_not(r->outside, "10.10.");
	assert_has_not(r->outside, "desk");
	assert_has_not(r->outside, "\r\nRoute:");
	assert_has(r->outside, "Contact: <sip:");
}

static void its_response_finds_the_way_back(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096], via[4096], rr[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_inside(r, filled(text, REQUEST("INVITE", ""), route, ""));
	header_of(r->outside, "Via", via);
	header_of(r->outside, "Record-Route", rr);
	from_client(r, CLIENT, filled(text, RESPONSE, via, rr));

	assert_int_equal(r->inside_way.flow, FRONT_END);
	assert_has(r->inside, "SIP/2.0 180 Ringing\r\n"
			      "Via: SIP/2.0/TLS 10.10.0.5:5061;branch=z9hG4bKfe,"
			      "SIP/2.0/UDP 10.10.0.70:5060;branch=z9hG4bKbob\r\n"
			      "Record-Route: <sip:");
	assert_has(r->inside, "Record-Route: <sip:10.10.0.5:5061;transport=tls;lr>,"
			      "<sip:10.10.0.6;lr>\r\n");
	assert_has_not(r->inside, EDGE);
	assert_has_not(r->inside, "boss");
}

/* What was asked once is no ticket to flood the inside with its answer. */
static void a_response_is_not_repeated_for_ever(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096], via[4096], rr[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_inside(r, filled(text, REQUEST("INVITE", ""), route, ""));
	header_of(r->outside, "Via", via);
	header_of(r->outside, "Record-Route", rr);
	filled(text, RESPONSE, via, rr);
	for (unsigned i = 0; i < 32; i++) {
		from_client(r, CLIENT, text);
		assert_has(r->inside, "SIP/2.0 180 ");
	}
	from_client(r, CLIENT, text);
	assert_string_equal(r->inside, "");
	assert_int_equal(counted(r, ACCESS_C_DROPPED_RESPONSE), 1);
}

static void nobody_answers_for_another(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096], via[4096], rr[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_inside(r, filled(text, REQUEST("INVITE", ""), route, ""));
	header_of(r->outside, "Via", via);
	header_of(r->outside, "Record-Route", rr);
	from_client(r, NEIGHBOUR, filled(text, RESPONSE, via, rr));

	assert_string_equal(r->inside, "");
	assert_int_equal(counted(r, ACCESS_C_DROPPED_RESPONSE), 1);
}

/* The callee's requests within the dialog: its route set is the list as it stands. */
static void the_callee_finds_the_caller(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096], rr[4096], contact[4096], routes[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_inside(r, filled(text, REQUEST("INVITE", ""), route, ""));
	header_of(r->outside, "Record-Route", rr);
	header_of(r->outside, "Contact", contact);
	*strchr(contact, '>') = '\0';
	from_client(r, CLIENT,
		filled(text,
			"BYE $1 SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\nRoute: $2\n"
			"From: <sip:alice@example.net>;tag=a\nTo: <sip:bob@example.net>;tag=b\n"
			"Call-ID: c2\nCSeq: 7 BYE\nContent-Length: 0\n\n",
			contact + 1, rr));

	assert_has(r->inside, "BYE sip:bob@10.10.0.70:5060 SIP/2.0\r\n");
	assert_has(r->inside, "Max-Forwards: 70\r\n");
	header_of(r->inside, "Route", routes);
	assert_string_equal(routes, "<sip:10.10.0.5:5061;transport=tls;lr>,<sip:10.10.0.6;lr>");
}

/* RFC 5626 §5.3.1 */
static void a_connection_that_is_gone_is_430(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	access_flow_closed(r->access, CLIENT);
	from_inside(r, filled(text, REQUEST("INVITE", ""), route, ""));
	assert_has(r->inside, "SIP/2.0 430 ");
	assert_int_equal(r->inside_way.flow, FRONT_END);
	register_client(r, CLIENT, OWN_AND_OTHER, route);
	r->outside_rc = ERR_NOT_FOUND;
	from_inside(r, filled(text, REQUEST("INVITE", ""), route, ""));
	assert_has(r->inside, "SIP/2.0 430 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_FLOW), 2);
}

static void who_does_not_read_is_not_forgotten(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	r->outside_rc = ERR_FULL;
	from_inside(r, filled(text, REQUEST("INVITE", ""), route, ""));
	assert_has(r->inside, "SIP/2.0 480 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_UNAVAILABLE), 1);
}

static void nothing_leaves_but_to_a_client(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_inside(r, filled(text, REQUEST("INVITE", ""), "<sip:203.0.113.9;lr>", ""));
	assert_has(r->inside, "SIP/2.0 404 ");
	from_inside(r, filled(text, REQUEST("INVITE", ""), "<sip:forged@" EDGE_INNER ";lr>", ""));
	assert_has(r->inside, "SIP/2.0 430 ");
	assert_string_equal(r->outside, "");
}

/* RFC 3325 §7 */
static void who_wants_privacy_is_not_named_outside(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_inside(r, filled(text,
			       REQUEST("INVITE",
				       "P-Asserted-Identity: <sip:bob@example.net>\nPrivacy: id\n"),
			       route, ""));
	assert_has_not(r->outside, "P-Asserted-Identity");
	from_inside(
		r, filled(text, REQUEST("INVITE", "P-Asserted-Identity: <sip:bob@example.net>\n"),
			   route, ""));
	assert_has(r->outside, "P-Asserted-Identity: <sip:bob@example.net>\r\n");
}

/* Attended transfer: the target is somebody inside, and the client asks for it by our name. */
static void a_hidden_uri_in_refer_to_is_shown_inside(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], route[4096], contact[4096], refer[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	from_inside(r,
		filled(text,
			REQUEST("REFER",
				"Refer-To: <sip:carol@10.10.0.71?Replaces=a%40b%3Bto-tag%3D1>\n"),
			route, ""));
	assert_has_not(r->outside, "10.10.");
	header_of(r->outside, "Refer-To", contact);
	assert_has(contact, "?Replaces=a%40b%3Bto-tag%3D1>");
	from_client(r, CLIENT,
		filled(text,
			"REFER sip:bob@example.net SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\n"
			"Refer-To: $1\nFrom: <sip:alice@example.net>;tag=a\n"
			"To: <sip:bob@example.net>\nCall-ID: c3\nCSeq: 7 REFER\n"
			"Content-Length: 0\n\n",
			contact, ""));
	header_of(r->inside, "Refer-To", refer);
	assert_string_equal(refer, "<sip:carol@10.10.0.71?Replaces=a%40b%3Bto-tag%3D1>");
}

static void a_registered_connection_has_a_rate_of_its_own(void **state)
{
	struct rig *r = *state;
	char route[4096];

	register_client(r, CLIENT, OWN_AND_OTHER, route);
	r->rules.stranger_rate = 4;
	r->rules.client_rate = 8;
	for (unsigned i = 0; i < 8; i++) {
		from_client(r, CLIENT, REGISTER);
		assert_has(r->inside, "REGISTER ");
	}
	from_client(r, CLIENT, REGISTER);
	assert_has(r->outside, "SIP/2.0 503 ");
	for (unsigned i = 0; i < 4; i++)
		from_client(r, NEIGHBOUR, REGISTER);
	assert_has(r->inside, "REGISTER ");
	from_client(r, NEIGHBOUR, REGISTER);
	assert_has(r->outside, "SIP/2.0 503 ");
}

#define SERVICE_TO(to)                                                                             \
	"SERVICE sip:mras@example.net SIP/2.0\n"                                                   \
	"Via: SIP/2.0/TLS 10.10.0.5:5061;branch=z9hG4bKfe\n"                                       \
	"From: <sip:alice@example.net>;tag=a\n"                                                    \
	"To: " to "\n"                                                                             \
	"Call-ID: c4\n"                                                                            \
	"CSeq: 1 SERVICE\n"                                                                        \
	"Content-Type: application/msrtc-media-relay-auth+xml\n"                                   \
	"Content-Length: 10\n\n<request/>"
#define SERVICE SERVICE_TO("<sip:mras@example.net>")

static void a_request_for_credentials_is_answered(void **state)
{
	struct rig *r = *state;
	static const char message[] =
		"SERVICE sip:mras@example.net SIP/2.0\r\n"
		"Via: SIP/2.0/TLS 10.10.0.5:5061;branch=z9hG4bKfe\r\n"
		"From: <sip:alice@example.net>;tag=a\r\nTo: <sip:mras@example.net>\r\n"
		"Call-ID: c4\r\nCSeq: 1 SERVICE\r\nContent-Length: 0\r\n\r\n";

	from_inside(r, SERVICE);
	assert_string_equal(r->document, "<request/>");
	assert_string_equal(r->inside, "");
	access_service_answer(r->access, &(struct access_answer){.message = bytes_str(message),
						 .flow = FRONT_END,
						 .remote = addr_ipv4(0x0a0a0005, 5061),
						 .status = 200,
						 .body = bytes_str("<response/>")});

	assert_has(r->inside, "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 10.10.0.5:5061;");
	assert_has(r->inside, "Content-Type: application/msrtc-media-relay-auth+xml\r\n"
			      "Content-Length: 11\r\n\r\n<response/>");
	assert_int_equal(r->inside_way.flow, FRONT_END);
	assert_string_equal(r->outside, "");
}

static void a_request_for_credentials_that_cannot_be_taken_is_503(void **state)
{
	struct rig *r = *state;

	r->service_rc = ERR_FULL;
	from_inside(r, SERVICE);
	assert_has(r->inside, "SIP/2.0 503 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_SERVICE), 1);
}

/* The front end has authenticated nobody for it. */
static void a_request_for_credentials_within_a_dialog_is_refused(void **state)
{
	struct rig *r = *state;

	from_inside(r, SERVICE_TO("<sip:mras@example.net>;tag=b"));
	assert_has(r->inside, "SIP/2.0 404 ");
	assert_string_equal(r->document, "");
	assert_int_equal(counted(r, ACCESS_C_SERVICE), 0);
}

static void a_client_reaches_the_credential_service_by_the_front_end_alone(void **state)
{
	struct rig *r = *state;

	from_client(r, CLIENT, SERVICE);
	assert_string_equal(r->document, "");
	assert_has(r->inside, "SERVICE sip:mras@example.net SIP/2.0\r\n");
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		UNIT(who_registers_learns_the_media_relay),
		UNIT(a_registrars_answer_shows_the_clients_own_contact_alone),
		UNIT(without_a_contact_nobody_is_registered),
		UNIT(a_request_reaches_its_client_and_nothing_of_the_inside_does),
		UNIT(its_response_finds_the_way_back),
		UNIT(a_response_is_not_repeated_for_ever),
		UNIT(nobody_answers_for_another),
		UNIT(the_callee_finds_the_caller),
		UNIT(a_connection_that_is_gone_is_430),
		UNIT(who_does_not_read_is_not_forgotten),
		UNIT(nothing_leaves_but_to_a_client),
		UNIT(who_wants_privacy_is_not_named_outside),
		UNIT(a_hidden_uri_in_refer_to_is_shown_inside),
		UNIT(a_registered_connection_has_a_rate_of_its_own),
		UNIT(a_request_for_credentials_is_answered),
		UNIT(a_request_for_credentials_that_cannot_be_taken_is_503),
		UNIT(a_request_for_credentials_within_a_dialog_is_refused),
		UNIT(a_client_reaches_the_credential_service_by_the_front_end_alone),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
