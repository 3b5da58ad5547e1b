/* SPDX-License-Identifier: BSD-3-Clause */
/* A token opens what it was made for, for whom, and nothing else. */
#include <stdio.h>
#include <string.h>

#include "rig.h"

/* A request of a client's with his Call-ID, tag of the other side, and more fields. */
#define REQUEST(method, uri, call, to, more)                                                       \
	method " " uri " SIP/2.0\n"                                                                \
	       "Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bK" call method "\n"                \
	       "Max-Forwards: 70\n"                                                                \
	       "From: <sip:alice@example.net>;tag=a\n"                                             \
	       "To: <sip:alice@example.net>" to "\n"                                               \
	       "Call-ID: " call "\n"                                                               \
	       "CSeq: 1 " method "\n" more "Content-Length: 0\n\n"

#define CONTACT "Contact: <sip:alice@192.168.1.2:40000;transport=tls>\n"
/* What the front end says: $1 is our Via, $2 our Record-Route. */
#define ANSWER(status, method, call, more)                                                         \
	"SIP/2.0 " status "\n"                                                                     \
	"Via: $1\n"                                                                                \
	"Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bK" call method "\n"                       \
	"Record-Route: <sip:10.10.0.6;lr>, $2\n"                                                   \
	"From: <sip:alice@example.net>;tag=a\n"                                                    \
	"To: <sip:alice@example.net>;tag=b\n"                                                      \
	"Call-ID: " call "\n"                                                                      \
	"CSeq: 1 " method "\n" more "Content-Length: 0\n\n"

/* What a client has learned: URIs. */
struct learned {
	char contact[4096], route[4096];
};

static void uri_of(const char *message, const char *name, char out[4096])
{
	char value[4096];

	header_of(message, name, value);
	char *end = strchr(value, '>');
	assert_non_null(end);
	*end = '\0';
	strcpy(out, value + 1);
}

static void call(struct rig *r, uint64_t flow, const char *status_of_answer, struct learned *l)
{
	char text[SIP_MSG_MAX], via[4096], rr[4096];

	from_client(r, flow, REQUEST("INVITE", "sip:bob@example.net", "c1", "", CONTACT));
	header_of(r->inside, "Via", via);
	header_of(r->inside, "Record-Route", rr);
	from_inside(r, filled(text, status_of_answer, via, rr));
	assert_int_equal(r->outside_flow, flow);
	uri_of(r->outside, "Contact", l->contact);
}

static void set_up(struct rig *r, uint64_t flow, struct learned *l)
{
	call(r, flow, ANSWER("200 OK", "INVITE", "c1", "Contact: <sip:bob@10.10.0.77>\n"), l);
	uri_of(r->outside, "Record-Route", l->route);
}

static void enrol(struct rig *r, uint64_t flow, const char *request, struct learned *l)
{
	char text[SIP_MSG_MAX], via[4096];

	from_client(r, flow, request);
	header_of(r->inside, "Via", via);
	from_inside(r, filled(text,
			       ANSWER("200 OK", "REGISTER", "r1",
				       "Service-Route: <sip:10.10.0.5;lr>\n" CONTACT),
			       via, "<sip:x@y;lr>"));
	assert_int_equal(r->outside_flow, flow);
	uri_of(r->outside, "Service-Route", l->route);
}
#define REGISTER REQUEST("REGISTER", "sip:example.net", "r1", "", CONTACT)
#define REGISTER_MALLORY                                                                           \
	"REGISTER sip:example.net SIP/2.0\n"                                                       \
	"Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKm\nMax-Forwards: 70\n"                   \
	"From: <sip:mallory@example.net>;tag=a\nTo: <sip:mallory@example.net>\n"                   \
	"Call-ID: r1\nCSeq: 1 REGISTER\n" CONTACT "Content-Length: 0\n\n"
/* The same as ANSWER to it, whose To names him. */
#define ENROLLED_MALLORY                                                                           \
	"SIP/2.0 200 OK\nVia: $1\nVia: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKm\n"            \
	"From: <sip:mallory@example.net>;tag=a\nTo: <sip:mallory@example.net>;tag=b\n"             \
	"Call-ID: r1\nCSeq: 1 REGISTER\n" CONTACT "Content-Length: 0\n\n"

static void sends(struct rig *r, uint64_t flow, const char *template, const struct learned *l)
{
	char text[SIP_MSG_MAX];

	from_client(r, flow, filled(text, template, l->contact, l->route));
}

static void passes(struct rig *r, uint64_t flow, const char *template, const struct learned *l)
{
	sends(r, flow, template, l);
	assert_string_equal(r->outside, "");
	assert_string_not_equal(r->inside, "");
}

static void refused(struct rig *r, uint64_t flow, const char *template, const struct learned *l,
	const char *status)
{
	sends(r, flow, template, l);
	assert_has(r->outside, status);
	assert_string_equal(r->inside, "");
}

#define ROUTE "Route: <$2>\n"
#define BYE   REQUEST("BYE", "$1", "c1", ";tag=b", ROUTE)

static void what_one_connection_was_told_opens_nothing_for_another(void **state)
{
	struct rig *r = *state;
	struct learned l;

	set_up(r, CLIENT, &l);

	refused(r, NEIGHBOUR, BYE, &l, "SIP/2.0 481 ");
	refused(r, NEIGHBOUR, REQUEST("BYE", "$1", "c1", ";tag=b", ""), &l, "SIP/2.0 481 ");
	refused(r, NEIGHBOUR, REQUEST("BYE", "sip:bob@example.net", "c1", ";tag=b", ROUTE), &l,
		"SIP/2.0 481 ");
	refused(r, NEIGHBOUR, REQUEST("INVITE", "$1", "c7", "", CONTACT), &l, "SIP/2.0 404 ");
	passes(r, CLIENT, BYE, &l);
}

static void what_is_of_a_dialog_opens_nothing_within_another(void **state)
{
	struct rig *r = *state;
	struct learned l;

	set_up(r, CLIENT, &l);

	refused(r, CLIENT, REQUEST("BYE", "$1", "c2", ";tag=b", ROUTE), &l, "SIP/2.0 481 ");
	refused(r, CLIENT, REQUEST("BYE", "$1", "c2", ";tag=b", ""), &l, "SIP/2.0 481 ");
	refused(r, CLIENT, REQUEST("INVITE", "sip:bob@example.net", "c2", ";tag=b", ROUTE), &l,
		"SIP/2.0 481 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_TOKEN), 3);
}

/* Whoever is within a dialog is asked for no password. */
static void routes_of_a_dialog_lead_no_new_request(void **state)
{
	struct rig *r = *state;
	struct learned l;

	set_up(r, CLIENT, &l);

	refused(r, CLIENT, REQUEST("INVITE", "sip:bob@example.net", "c1", "", ROUTE CONTACT), &l,
		"SIP/2.0 403 ");
	refused(r, CLIENT, REQUEST("INVITE", "tel:+19005550100", "c2", "", ROUTE CONTACT), &l,
		"SIP/2.0 403 ");
	passes(r, CLIENT, REQUEST("INVITE", "$1", "c2", "", CONTACT), &l);
}

/* RFC 3608 §5; RFC 3261 §17.1.1.3: ACK to a refusal goes where its request has gone. */
static void a_service_route_leads_new_requests_alone(void **state)
{
	struct rig *r = *state;
	struct learned l = {.contact = ""};

	enrol(r, CLIENT, REGISTER, &l);

	passes(r, CLIENT, REQUEST("INVITE", "sip:bob@example.net", "c3", "", ROUTE CONTACT), &l);
	assert_has(r->inside, "\r\nRoute: <sip:10.10.0.5;lr>\r\n");
	passes(r, CLIENT, REQUEST("ACK", "sip:bob@example.net", "c3", ";tag=b", ROUTE), &l);
	refused(r, CLIENT, REQUEST("BYE", "sip:bob@example.net", "c3", ";tag=b", ROUTE), &l,
		"SIP/2.0 481 ");
	refused(r, NEIGHBOUR, REQUEST("INVITE", "sip:bob@example.net", "c3", "", ROUTE CONTACT), &l,
		"SIP/2.0 500 ");
}

static void who_comes_back_and_registers_goes_on(void **state)
{
	struct rig *r = *state;
	struct learned l, other;

	enrol(r, CLIENT, REGISTER, &other);
	set_up(r, CLIENT, &l);
	access_flow_closed(r->access, CLIENT);

	refused(r, NEIGHBOUR, BYE, &l, "SIP/2.0 500 ");
	enrol(r, NEIGHBOUR, REGISTER, &other);
	passes(r, NEIGHBOUR, BYE, &l);
}

#define REINVITE REQUEST("INVITE", "$1", "c1", ";tag=b", ROUTE CONTACT)

/* His call must not end because his REGISTER is still on its way. */
static void who_comes_back_to_where_he_was_need_not_wait(void **state)
{
	struct rig *r = *state;
	struct learned l, service;

	enrol(r, CLIENT, REGISTER, &service);
	set_up(r, CLIENT, &l);

	passes(r, RETURNED, REINVITE, &l); /* the old connection may seem to be there still */
	access_flow_closed(r->access, CLIENT);
	passes(r, RETURNED, REINVITE, &l);
	assert_has(r->inside, "INVITE sip:bob@10.10.0.77 SIP/2.0\r\n");
	passes(r, RETURNED, BYE, &l);
	refused(r, RETURNED, REQUEST("BYE", "$1", "c2", ";tag=b", ROUTE), &l, "SIP/2.0 481 ");
	refused(r, RETURNED, REQUEST("INVITE", "$1", "c2", "", ROUTE CONTACT), &l, "SIP/2.0 403 ");
	passes(r, RETURNED, REQUEST("INVITE", "sip:bob@example.net", "c2", "", ROUTE CONTACT),
		&service);
}

/* RFC 3261 §21.5.1: neither his dialog nor this edge is given up. */
static void who_comes_back_elsewhere_is_told_to_register_first(void **state)
{
	struct rig *r = *state;
	struct learned l, service;

	enrol(r, CLIENT, REGISTER, &service);
	set_up(r, CLIENT, &l);

	refused(r, NEIGHBOUR, REINVITE, &l, "SIP/2.0 500 ");
	assert_has(r->outside, "\r\nRetry-After: 2\r\n");
	refused(r, NEIGHBOUR, REQUEST("BYE", "$1", "c1", ";tag=b", ""), &l, "SIP/2.0 500 ");
	refused(r, NEIGHBOUR, REQUEST("INVITE", "sip:bob@example.net", "c3", "", ROUTE CONTACT),
		&service, "SIP/2.0 500 ");
	assert_int_equal(counted(r, ACCESS_C_REFUSED_EARLY), 3);
	refused(r, NEIGHBOUR, REQUEST("BYE", "$1", "c2", ";tag=b", ROUTE), &l, "SIP/2.0 481 ");
	sends(r, NEIGHBOUR, REQUEST("ACK", "$1", "c1", ";tag=b", ROUTE), &l);
	assert_string_equal(r->outside, "");
	assert_string_equal(r->inside, "");
}

/* Else he would wait for himself; and what another process has sealed is of no use to anybody. */
static void who_registers_is_not_held_up_by_a_route_that_he_has_kept(void **state)
{
	struct rig *r = *state;
	struct learned service;

	enrol(r, CLIENT, REGISTER, &service);

	passes(r, NEIGHBOUR, REQUEST("REGISTER", "sip:example.net", "r2", "", ROUTE CONTACT),
		&service);
	assert_has_not(r->inside, "\r\nRoute: ");
	service.route[10] ^= 1;
	passes(r, NEIGHBOUR, REQUEST("REGISTER", "sip:example.net", "r3", "", ROUTE CONTACT),
		&service);
	assert_has_not(r->inside, "\r\nRoute: ");
}

/* A guest registers nowhere, so he has nothing to wait for. */
static void a_guest_comes_back_to_where_he_was_alone(void **state)
{
	struct rig *r = *state;
	struct learned l, other;

	set_up(r, CLIENT, &l);

	passes(r, RETURNED, BYE, &l);
	refused(r, NEIGHBOUR, BYE, &l, "SIP/2.0 481 ");
	enrol(r, RETURNED, REGISTER, &other);
	refused(r, RETURNED, BYE, &l, "SIP/2.0 481 ");
}

static void a_referral_shows_nobody_the_target_of_another(void **state)
{
	struct rig *r = *state;
	struct learned l, other;

	enrol(r, CLIENT, REGISTER, &other);
	set_up(r, CLIENT, &l);

	passes(r, NEIGHBOUR, REQUEST("REFER", "sip:bob@example.net", "c4", "", "Refer-To: <$1>\n"),
		&l);
	assert_has_not(r->inside, "10.10.0.77");
	passes(r, CLIENT, REQUEST("REFER", "sip:bob@example.net", "c4", "", "Refer-To: <$1>\n"),
		&l);
	assert_has(r->inside, "Refer-To: <sip:bob@10.10.0.77>");
}

static void another_user_does_not(void **state)
{
	struct rig *r = *state;
	char text[SIP_MSG_MAX], via[4096];
	struct learned l, other;

	enrol(r, CLIENT, REGISTER, &other);
	set_up(r, CLIENT, &l);
	from_client(r, NEIGHBOUR, REGISTER_MALLORY);
	header_of(r->inside, "Via", via);
	from_inside(r, filled(text, ENROLLED_MALLORY, via, ""));
	assert_int_equal(counted(r, ACCESS_C_REGISTERED), 2);

	refused(r, NEIGHBOUR, BYE, &l, "SIP/2.0 500 ");
	from_client(r, RETURNED, REGISTER_MALLORY);
	header_of(r->inside, "Via", via);
	from_inside(r, filled(text, ENROLLED_MALLORY, via, ""));
	refused(r, RETURNED, BYE, &l, "SIP/2.0 500 ");
}

/* RFC 3261 §8.1.3.4 */
static void targets_of_a_redirection_are_for_new_requests(void **state)
{
	struct rig *r = *state;
	struct learned l = {.route = ""};

	call(r, CLIENT, ANSWER("302 Moved", "INVITE", "c1", "Contact: <sip:carol@10.10.0.78>\n"),
		&l);

	passes(r, CLIENT, REQUEST("INVITE", "$1", "c1", "", CONTACT), &l);
	assert_has(r->inside, "INVITE sip:carol@10.10.0.78 SIP/2.0\r\n");
	passes(r, CLIENT, REQUEST("ACK", "$1", "c1", ";tag=b", ""), &l);
	refused(r, CLIENT, REQUEST("BYE", "$1", "c1", ";tag=b", ""), &l, "SIP/2.0 481 ");
}

/* ---- answers of clients ---- */

#define ASKED(method, to)                                                                          \
	method " sip:alice@192.168.1.2:40000;transport=tls SIP/2.0\n"                              \
	       "Via: SIP/2.0/TLS 10.10.0.5:5061;branch=z9hG4bKfe\n"                                \
	       "Max-Forwards: 60\n"                                                                \
	       "Route: $1\n"                                                                       \
	       "Record-Route: <sip:10.10.0.5:5061;transport=tls;lr>\n"                             \
	       "From: <sip:bob@example.net>;tag=b\n"                                               \
	       "To: <sip:alice@example.net>" to "\n"                                               \
	       "Call-ID: c8\n"                                                                     \
	       "CSeq: 1 " method "\n"                                                              \
	       "Contact: <sip:bob@10.10.0.70:5060>\nContent-Length: 0\n\n"
#define ANSWERED(status, method, cseq, to, more)                                                   \
	"SIP/2.0 " status "\n"                                                                     \
	"Via: $1\n" more "From: <sip:bob@example.net>;tag=b\n"                                     \
	"To: <sip:alice@example.net>" to "\n"                                                      \
	"Call-ID: c8\n"                                                                            \
	"CSeq: " cseq " " method "\n" CONTACT "Content-Length: 0\n\n"

#define REFER_OF(more)                                                                             \
	"REFER sip:alice@192.168.1.2:40000;transport=tls SIP/2.0\n"                                \
	"Via: SIP/2.0/TLS 10.10.0.5:5061;branch=z9hG4bKfe\n"                                       \
	"Route: $1\nRecord-Route: <sip:10.10.0.5:5061;transport=tls;lr>\n"                         \
	"From: <sip:bob@example.net>;tag=b\nTo: <sip:alice@example.net>\n"                         \
	"Call-ID: c8\nCSeq: 1 REFER\nRefer-To: <sip:carol@example.net>\n" more                     \
	"Contact: <sip:bob@10.10.0.70:5060>\nContent-Length: 0\n\n"

/* The front end asks the client; VIA and RR are what it is shown. */
static void ask(struct rig *r, const char *request, char via[4096], char rr[4096])
{
	char text[SIP_MSG_MAX], path[4096];

	from_client(r, CLIENT, REGISTER);
	header_of(r->inside, "Path", path);
	from_inside(r, filled(text, request, path, ""));
	assert_int_equal(r->outside_flow, CLIENT);
	header_of(r->outside, "Via", via);
	if (rr)
		header_of(r->outside, "Record-Route", rr);
}

static void answers(struct rig *r, const char *template, const char *via, const char *rr)
{
	char text[SIP_MSG_MAX];

	from_client(r, CLIENT, filled(text, template, via, rr));
}

/* RFC 3261 §12.1.1: else the inside would send to whatever host the Contact names. */
static void an_answer_that_begins_a_dialog_has_our_route(void **state)
{
	static const char *const dropped[] = {
		ANSWERED("200 OK", "INVITE", "1", ";tag=a", ""),
		ANSWERED("183 Progress", "INVITE", "1", ";tag=a", ""),
		ANSWERED("200 OK", "INVITE", "1", ";tag=a",
			"Record-Route: <sip:10.10.0.9;lr>, <sip:x@" EDGE ";lr>\n"),
	};
	static const char *const fine[] = {
		ANSWERED("200 OK", "INVITE", "1", ";tag=a", "Record-Route: $2\n"),
		ANSWERED("100 Trying", "INVITE", "1", "", ""),
		ANSWERED("486 Busy Here", "INVITE", "1", ";tag=a", ""),
	};
	struct rig *r = *state;
	char via[4096], rr[4096];

	ask(r, ASKED("INVITE", ""), via, rr);
	for (size_t i = 0; i < ARRAY_LEN(dropped); i++) {
		answers(r, dropped[i], via, rr);
		assert_string_equal(r->inside, "");
		assert_int_equal(counted(r, ACCESS_C_DROPPED_ROUTE), i + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		answers(r, fine[i], via, rr);
		assert_has(r->inside, "SIP/2.0 ");
	}
}

/* RFC 4488 §4: then there is no dialog; whether there is one both have to say. */
static void a_referral_without_a_subscription_needs_no_route(void **state)
{
#define NO_SUB "Refer-Sub: false\n"
	static const struct {
		const char *request, *answer;
		bool passes;
	} cases[] = {
		{REFER_OF(NO_SUB), ANSWERED("200 OK", "REFER", "1", ";tag=a", NO_SUB), true},
		{REFER_OF(NO_SUB), ANSWERED("200 OK", "REFER", "1", ";tag=a", ""), false},
		{REFER_OF(NO_SUB),
			ANSWERED("202 Accepted", "REFER", "1", ";tag=a", "Refer-Sub: true\n"),
			false},
		{REFER_OF(""), ANSWERED("200 OK", "REFER", "1", ";tag=a", NO_SUB), false},
		{REFER_OF("Refer-Sub: true\n"), ANSWERED("200 OK", "REFER", "1", ";tag=a", NO_SUB),
			false},
	};
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char via[4096];
		ask(r, cases[i].request, via, NULL);
		answers(r, cases[i].answer, via, "");
		assert_int_equal(r->inside[0] != '\0', cases[i].passes);
	}
	assert_int_equal(counted(r, ACCESS_C_DROPPED_ROUTE), 4);
}

static void within_a_dialog_an_answer_needs_no_route(void **state)
{
	struct rig *r = *state;
	char via[4096], rr[4096];

	ask(r, ASKED("INVITE", ";tag=a"), via, rr);
	answers(r,
		ANSWERED("200 OK", "INVITE", "1", ";tag=a", "Record-Route: <sip:10.10.0.9;lr>\n"),
		via, rr);

	assert_has(r->inside, "SIP/2.0 200 OK\r\n");
	assert_has_not(r->inside, "Record-Route");
}

static void an_answer_is_to_the_request_it_was_asked_by(void **state)
{
	struct rig *r = *state;
	char via[4096];

	ask(r, ASKED("MESSAGE", ""), via, NULL);
	answers(r, ANSWERED("200 OK", "MESSAGE", "2", ";tag=a", ""), via, "");
	assert_string_equal(r->inside, "");
	answers(r, ANSWERED("200 OK", "INVITE", "1", ";tag=a", ""), via, "");
	assert_string_equal(r->inside, "");
	assert_int_equal(counted(r, ACCESS_C_DROPPED_RESPONSE), 2);
	answers(r, ANSWERED("200 OK", "MESSAGE", "1", ";tag=a", ""), via, "");
	assert_has(r->inside, "SIP/2.0 200 OK\r\n");
}

/* ---- telephones with many accounts ---- */

#define ACCOUNT(method, call, more)                                                                \
	method " sip:example.net SIP/2.0\n"                                                        \
	       "Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bK" call "$1\n"                     \
	       "From: <sip:user$1@example.net>;tag=a\nTo: <sip:user$1@example.net>\n"              \
	       "Call-ID: " call "\nCSeq: 1 " method "\n" CONTACT more "Content-Length: 0\n\n"
#define ACCOUNT_ANSWER                                                                             \
	"SIP/2.0 200 OK\nVia: $2\n"                                                                \
	"Via: SIP/2.0/TLS 192.168.1.2:40000;branch=z9hG4bKr$1\n"                                   \
	"From: <sip:user$1@example.net>;tag=a\nTo: <sip:user$1@example.net>;tag=b\n"               \
	"Call-ID: r\nCSeq: 1 REGISTER\n" CONTACT "Content-Length: 0\n\n"

static void enrol_account(struct rig *r, uint64_t flow, unsigned i)
{
	char text[SIP_MSG_MAX], via[4096], number[16];

	(void)snprintf(number, sizeof(number), "%u", i);
	from_client(r, flow, filled(text, ACCOUNT("REGISTER", "r", ""), number, ""));
	header_of(r->inside, "Via", via);
	from_inside(r, filled(text, ACCOUNT_ANSWER, number, via));
	assert_int_equal(r->outside_flow, flow);
}

/* None of them has another forgotten, however often it registers. */
static void sixteen_accounts_may_come_back_together(void **state)
{
	struct rig *r = *state;
	struct learned l;

	for (unsigned i = 0; i < 16; i++)
		enrol_account(r, CLIENT, i);
	set_up(r, CLIENT, &l);
	access_flow_closed(r->access, CLIENT);
	for (unsigned i = 15; i > 0; i--)
		enrol_account(r, NEIGHBOUR, i);
	refused(r, NEIGHBOUR, BYE, &l, "SIP/2.0 500 ");
	enrol_account(r, NEIGHBOUR, 0);
	enrol_account(r, NEIGHBOUR, 1);
	passes(r, NEIGHBOUR, BYE, &l);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest t[] = {
		UNIT(what_one_connection_was_told_opens_nothing_for_another),
		UNIT(what_is_of_a_dialog_opens_nothing_within_another),
		UNIT(routes_of_a_dialog_lead_no_new_request),
		UNIT(a_service_route_leads_new_requests_alone),
		UNIT(who_comes_back_and_registers_goes_on),
		UNIT(who_comes_back_to_where_he_was_need_not_wait),
		UNIT(who_comes_back_elsewhere_is_told_to_register_first),
		UNIT(who_registers_is_not_held_up_by_a_route_that_he_has_kept),
		UNIT(a_guest_comes_back_to_where_he_was_alone),
		UNIT(a_referral_shows_nobody_the_target_of_another),
		UNIT(another_user_does_not),
		UNIT(targets_of_a_redirection_are_for_new_requests),
		UNIT(an_answer_that_begins_a_dialog_has_our_route),
		UNIT(a_referral_without_a_subscription_needs_no_route),
		UNIT(within_a_dialog_an_answer_needs_no_route),
		UNIT(sixteen_accounts_may_come_back_together),
		UNIT(an_answer_is_to_the_request_it_was_asked_by),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
