/* SPDX-License-Identifier: BSD-3-Clause */
/* Client transactions: RFC 3261 §17.1 and §9.1, RFC 6026 §7.2. */
#include <errno.h>
#include <stdio.h>

#include "box.h"

/* A response to the first message that was sent. */
static void respond_to(
	struct box *b, unsigned status, const char *method, const char *branch, const char *tag)
{
	box_putf(b,
		"SIP/2.0 %u x\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%s;rport\n"
		"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>;tag=%s\n"
		"Call-ID: call\nCSeq: 1 %s\nContent-Length: 0\n\n",
		status, branch, tag, method);
}

static void respond(struct box *b, unsigned status, const char *method)
{
	respond_to(b, status, method, box_branch(b, 0), "b");
}

static void assert_sent_at(const struct box *b, const unsigned *at, unsigned n)
{
	assert_int_equal(b->n_sent, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(b->sent[i].at_ms - 1000000, at[i]);
}

/* ---- repetitions and time-outs ---- */

/* Timers A and B. */
static void invite_is_repeated_and_ends_after_64_t1(void **state)
{
	static const unsigned at[] = {0, 500, 1500, 3500, 7500, 15500, 31500};
	struct box *b = box_create(false);
	struct client_transaction *c;

	assert_int_equal(box_start(b, SIP_INVITE, &c), 0);
	assert_true(sip_str_equal(client_transaction_uri(c), sip_str_c("sip:bob@example.com")));
	box_pass(b, 31980);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 20);

	assert_sent_at(b, at, ARRAY_LEN(at));
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_TIMEOUT);
	assert_int_equal(box_count(b, TRANSACTION_C_TIMEOUT_CLIENT), 1);
	box_destroy(b);
}

/* A thread that was not let run for long has missed some: it says it once, not once for each. */
static void lost_time_is_not_made_up_for(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	assert_int_equal(box_start(b, SIP_INVITE, &c), 0);
	b->clock.mono_ms += 10000;
	box_pass(b, 20);
	assert_int_equal(b->n_sent, 2);
	box_pass(b, 900);
	assert_int_equal(b->n_sent, 2);
	box_pass(b, 200);

	assert_int_equal(b->n_sent, 3);
	box_destroy(b);
}

/* Timers E and F. */
static void request_is_repeated_up_to_every_t2(void **state)
{
	static const unsigned at[] = {
		0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500};
	struct box *b = box_create(false);
	struct client_transaction *c;

	assert_int_equal(box_start(b, SIP_OPTIONS, &c), 0);
	box_pass(b, 32000);

	assert_sent_at(b, at, ARRAY_LEN(at));
	assert_int_equal(b->end, TRANSACTION_TIMEOUT);
	box_destroy(b);
}

static void provisional_response_slows_a_request_to_t2(void **state)
{
	static const unsigned at[] = {0, 500, 4500, 8500};
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_OPTIONS, &c);
	box_pass(b, 100);
	respond(b, 100, "OPTIONS");
	box_pass(b, 10000);

	assert_sent_at(b, at, ARRAY_LEN(at));
	assert_int_equal(b->n_responses, 1);
	box_destroy(b);
}

static void provisional_response_lets_an_invite_wait_for_good(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	respond(b, 180, "INVITE");
	box_pass(b, 180000);

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(b->n_ended, 0);
	box_destroy(b);
}

static void nothing_is_repeated_on_a_connection(void **state)
{
	struct box *b = box_create(true);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	box_start(b, SIP_OPTIONS, &c);
	box_pass(b, 32000);

	assert_int_equal(b->n_sent, 2);
	assert_int_equal(b->n_ended, 2);
	assert_int_equal(b->end, TRANSACTION_TIMEOUT);
	box_destroy(b);
}

/* ---- final responses ---- */

/* RFC 3261 §17.1.1.3; timer D. */
static void refused_invite_is_acknowledged_as_often_as_refused(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	respond(b, 486, "INVITE");
	respond(b, 486, "INVITE");
	assert_int_equal(b->n_responses, 1);
	assert_int_equal(b->n_sent, 3);
	box_pass(b, 31900);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 100);

	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(
			strncmp(b->sent[i].text, "ACK sip:bob@example.com SIP/2.0\r\n", 33), 0);
		assert_true(box_has(b, i, "CSeq: 1 ACK"));
		assert_true(box_has(b, i, "To: <sip:bob@example.com>;tag=b"));
		assert_true(box_has(b, i, "From: <sip:alice@example.com>;tag=a"));
		assert_true(box_has(b, i, "Call-ID: call"));
		assert_true(box_has(b, i, "Route: <sip:proxy.example.com;lr>"));
		assert_string_equal(box_branch(b, i), box_branch(b, 0));
	}
	assert_int_equal(b->end, TRANSACTION_DONE);
	assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 0);
	box_destroy(b);
}

/* RFC 6026 §7.2: repetitions and those of other dialogs; timer M. */
static void every_2xx_of_an_invite_is_the_users(void **state)
{
	char branch[64];
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	(void)snprintf(branch, sizeof(branch), "%s", box_branch(b, 0));
	respond_to(b, 200, "INVITE", branch, "b");
	respond_to(b, 200, "INVITE", branch, "b");
	respond_to(b, 200, "INVITE", branch, "other");
	respond_to(b, 180, "INVITE", branch, "b");
	assert_int_equal(b->n_responses, 3);
	assert_int_equal(b->n_sent, 1);
	box_pass(b, 32000);

	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_DONE);
	respond_to(b, 200, "INVITE", branch, "b");
	assert_int_equal(b->n_responses, 3);
	assert_int_equal(box_count(b, TRANSACTION_C_DROPPED_RESPONSE), 1);
	box_destroy(b);
}

/* Timer K. */
static void repeated_response_is_absorbed(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_OPTIONS, &c);
	respond(b, 200, "OPTIONS");
	respond(b, 200, "OPTIONS");
	box_pass(b, 4900);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 200);

	assert_int_equal(b->n_responses, 1);
	assert_int_equal(b->n_sent, 1);
	assert_int_equal(b->end, TRANSACTION_DONE);
	assert_int_equal(box_count(b, TRANSACTION_C_REPEATED_IN), 1);
	box_destroy(b);
}

static void response_on_a_connection_ends_a_request(void **state)
{
	struct box *b = box_create(true);
	struct client_transaction *c;

	box_start(b, SIP_OPTIONS, &c);
	respond(b, 404, "OPTIONS");
	box_pass(b, 100);

	assert_int_equal(b->last_status, 404);
	assert_int_equal(b->n_ended, 1);
	box_destroy(b);
}

static void response_must_have_branch_and_method(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	respond(b, 200, "BYE");
	respond_to(b, 200, "INVITE", "z9hG4bKfalse", "b");

	assert_int_equal(b->n_responses, 0);
	assert_int_equal(box_count(b, TRANSACTION_C_DROPPED_RESPONSE), 2);
	box_destroy(b);
}

/* RFC 3261 §8.1.3.3, §18.1.2. */
static void response_must_have_our_via_and_no_other(void **state)
{
	static const char *const vias[][2] = {{"192.0.2.9:5060", ""}, {"192.0.2.1:5070", ""},
		{"192.0.2.1:5060", "\nVia: SIP/2.0/UDP x;branch=z9hG4bKx"},
		{"192.0.2.1:5060", ", SIP/2.0/UDP x;branch=z9hG4bKx"}};
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_OPTIONS, &c);
	for (size_t i = 0; i < ARRAY_LEN(vias); i++) {
		box_putf(b,
			"SIP/2.0 200 OK\nVia: SIP/2.0/UDP %s;branch=%s%s\n"
			"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>;tag=b\n"
			"Call-ID: call\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
			vias[i][0], box_branch(b, 0), vias[i][1]);
	}

	assert_int_equal(b->n_responses, 0);
	assert_int_equal(box_count(b, TRANSACTION_C_DROPPED_RESPONSE), ARRAY_LEN(vias));
	box_destroy(b);
}

/* RFC 3261 §18.2.2: who writes Via anew may leave 5060 out. */
static void our_via_may_come_back_without_its_default_port(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_OPTIONS, &c);
	box_putf(b,
		"SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1;branch=%s\n"
		"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>;tag=b\n"
		"Call-ID: call\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
		box_branch(b, 0));

	assert_int_equal(b->n_responses, 1);
	box_destroy(b);
}

/* A datagram's sender may be anybody; whoever is asked over a connection answers over one, this or
 * another (RFC 3261 §18.2.2). */
static void what_was_asked_over_a_connection_is_answered_over_one(void **state)
{
	struct box *b = box_create(true);
	struct client_transaction *c;

	box_start(b, SIP_OPTIONS, &c);
	b->peer.is_reliable = false;
	respond(b, 200, "OPTIONS");
	assert_int_equal(b->n_responses, 0);
	b->peer.is_reliable = true;
	b->peer.flow = 77;
	respond(b, 200, "OPTIONS");

	assert_int_equal(b->n_responses, 1);
	box_pass(b, 100);
	box_destroy(b);
}

static void two_requests_have_two_branches(void **state)
{
	char first[64];
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_OPTIONS, &c);
	box_start(b, SIP_OPTIONS, &c);

	(void)snprintf(first, sizeof(first), "%s", box_branch(b, 0));
	assert_int_equal(strncmp(first, "z9hG4bK", 7), 0);
	assert_string_not_equal(first, box_branch(b, 1));
	box_destroy(b);
}

/* ---- CANCEL (RFC 3261 §9.1) ---- */

static void cancel_waits_for_a_provisional_response(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	assert_int_equal(client_transaction_cancel(c, SIP_NONE), 0);
	assert_int_equal(b->n_sent, 1);
	respond(b, 100, "INVITE");

	assert_int_equal(b->n_sent, 2);
	assert_int_equal(strncmp(b->sent[1].text, "CANCEL sip:bob@example.com ", 27), 0);
	box_destroy(b);
}

static void cancel_follows_its_invite(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	respond(b, 180, "INVITE");
	client_transaction_cancel(c, sip_str_c("Reason: SIP;cause=200\r\n"));
	client_transaction_cancel(c, SIP_NONE);

	assert_int_equal(b->n_sent, 2);
	assert_string_equal(box_branch(b, 1), box_branch(b, 0));
	assert_true(box_has(b, 1, "CSeq: 1 CANCEL"));
	assert_true(box_has(b, 1, "To: <sip:bob@example.com>"));
	assert_true(box_has(b, 1, "Route: <sip:proxy.example.com;lr>"));
	assert_true(box_has(b, 1, "Reason: SIP;cause=200"));
	box_destroy(b);
}

static void cancelled_invite_gets_its_final_response(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	respond(b, 180, "INVITE");
	client_transaction_cancel(c, SIP_NONE);
	respond(b, 200, "CANCEL");
	assert_int_equal(b->n_responses, 1);
	respond(b, 487, "INVITE");

	assert_int_equal(b->n_responses, 2);
	assert_int_equal(b->last_status, 487);
	assert_true(box_has(b, 2, "CSeq: 1 ACK"));
	box_pass(b, 32000);
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 0);
	box_destroy(b);
}

static void cancelled_invite_does_not_wait_for_ever(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	respond(b, 180, "INVITE");
	client_transaction_cancel(c, SIP_NONE);
	respond(b, 200, "CANCEL");
	box_pass(b, 32000);

	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_TIMEOUT);
	box_destroy(b);
}

static void cancel_after_the_final_response_sends_nothing(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	respond(b, 200, "INVITE");
	assert_int_equal(client_transaction_cancel(c, SIP_NONE), 0);

	assert_int_equal(b->n_sent, 1);
	box_destroy(b);
}

/* ---- failures and limits ---- */

/* It is read again for its ACK and its CANCEL. */
static void invite_over_the_bounds_of_a_message_is_not_sent(void **state)
{
	static const char one[] = "Subject: x\r\n";
	struct box *b = box_create(false);
	struct transaction_request r = {
		.method = SIP_INVITE, .uri = sip_str_c("sip:bob@example.com")};
	struct client_transaction *c;
	char fields[256 + (SIP_HEADERS_MAX - 4) * sizeof(one)];
	size_t len = (size_t)snprintf(fields, sizeof(fields),
		"Max-Forwards: 70\r\nFrom: <sip:a@x>;tag=a\r\nTo: <sip:b@x>\r\nCall-ID: c\r\n"
		"CSeq: 1 INVITE\r\n");

	for (unsigned i = 0; i < SIP_HEADERS_MAX - 4; i++, len += strlen(one))
		memcpy(fields + len, one, sizeof(one));
	r.fields = sip_str_of(fields, len);
	assert_int_equal(
		client_transaction_start(b->l, &r, &b->peer, &box_events, b, &c), ERR_TOO_LARGE);

	assert_int_equal(b->n_sent, 0);
	assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 0);
	box_destroy(b);
}

static void request_that_cannot_be_sent_begins_nothing(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	b->send_error = -ECONNREFUSED;
	assert_int_equal(box_start(b, SIP_INVITE, &c), -ECONNREFUSED);
	box_pass(b, 40000);

	assert_int_equal(b->n_ended, 0);
	assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 0);
	box_destroy(b);
}

static void repetition_that_cannot_be_sent_ends_the_transaction(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	b->send_error = -ENETUNREACH;
	box_pass(b, 500);

	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_UNSENT);
	box_destroy(b);
}

static void lost_connection_ends_what_waits_on_it(void **state)
{
	struct box *b = box_create(true);
	struct client_transaction *c;

	b->peer.flow = 3;
	box_start(b, SIP_INVITE, &c);
	box_start(b, SIP_OPTIONS, &c);
	b->peer.flow = 4;
	box_start(b, SIP_OPTIONS, &c);
	b->peer.flow = 0; /* the carrier finds 9 */
	box_start(b, SIP_OPTIONS, &c);
	transactions_flow_failed(b->l, 3);
	assert_int_equal(b->n_ended, 2);
	assert_int_equal(b->end, TRANSACTION_UNSENT);
	transactions_flow_failed(b->l, 3);
	assert_int_equal(b->n_ended, 2);
	transactions_flow_failed(b->l, 9);

	assert_int_equal(b->n_ended, 3);
	assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 1);
	box_destroy(b);
}

/* Its dialog remembers one that is gone. */
static void request_finds_another_connection_when_its_own_is_gone(void **state)
{
	struct box *b = box_create(true);
	struct client_transaction *c;

	b->dead_flow = b->peer.flow;
	assert_int_equal(box_start(b, SIP_BYE, &c), 0);

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(b->sent[0].to.flow, 9);
	transactions_flow_failed(b->l, 9);
	assert_int_equal(b->n_ended, 1);
	box_destroy(b);
}

static void accepted_invite_outlives_its_connection(void **state)
{
	struct box *b = box_create(true);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	respond(b, 200, "INVITE");
	transactions_flow_failed(b->l, b->peer.flow);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 32000);

	assert_int_equal(b->end, TRANSACTION_DONE);
	box_destroy(b);
}

static void requests_over_the_limit_are_refused(void **state)
{
	struct box *b = box_create_small(false, 2);
	struct client_transaction *c;

	assert_int_equal(box_start(b, SIP_OPTIONS, &c), 0);
	assert_int_equal(box_start(b, SIP_OPTIONS, &c), 0);

	assert_int_equal(box_start(b, SIP_OPTIONS, &c), ERR_FULL);
	assert_int_equal(b->n_sent, 2);
	box_destroy(b);
}

/* Else no BYE could be sent when there are as many calls as can be. */
static void invites_leave_the_last_eighth_to_others(void **state)
{
	struct box *b = box_create_small(false, 16);
	struct client_transaction *c;

	for (unsigned i = 0; i < 14; i++) {
		b->peer.remote = addr_ipv4(i, 5060); /* nobody is asked all of it */
		assert_int_equal(box_start(b, SIP_INVITE, &c), 0);
	}
	assert_int_equal(box_start(b, SIP_INVITE, &c), ERR_FULL);
	assert_int_equal(box_start(b, SIP_BYE, &c), 0);
	assert_int_equal(box_start(b, SIP_BYE, &c), 0);

	assert_int_equal(box_start(b, SIP_BYE, &c), ERR_FULL);
	box_destroy(b);
}

static void left_transaction_goes_on_unheard(void **state)
{
	struct box *b = box_create(false);
	struct client_transaction *c;

	box_start(b, SIP_INVITE, &c);
	client_transaction_leave(c);
	respond(b, 486, "INVITE");
	box_pass(b, 32000);

	assert_int_equal(b->n_responses, 0);
	assert_int_equal(b->n_ended, 0);
	assert_int_equal(b->n_sent, 2);
	assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 0);
	box_destroy(b);
}

/* ---- ACK of a 2xx ---- */

static void ack_of_a_2xx_is_the_same_each_time(void **state)
{
	struct box *b = box_create(false);
	struct transaction_request r = {.method = SIP_ACK,
		.uri = sip_str_c("sip:bob@192.0.2.7"),
		.fields = sip_str_c("From: <sip:a@x>;tag=a\r\nTo: <sip:b@x>;tag=b\r\n"
				    "Call-ID: call\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\n")};

	assert_int_equal(transactions_send_ack(b->l, &r, &b->peer, 77), 0);
	assert_int_equal(transactions_send_ack(b->l, &r, &b->peer, 77), 0);
	assert_int_equal(transactions_send_ack(b->l, &r, &b->peer, 78), 0);

	assert_string_equal(b->sent[0].text, b->sent[1].text);
	assert_string_not_equal(b->sent[0].text, b->sent[2].text);
	assert_int_equal(box_count(b, TRANSACTION_C_CLIENT), 0);
	box_destroy(b);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(invite_is_repeated_and_ends_after_64_t1),
		cmocka_unit_test(lost_time_is_not_made_up_for),
		cmocka_unit_test(request_is_repeated_up_to_every_t2),
		cmocka_unit_test(provisional_response_slows_a_request_to_t2),
		cmocka_unit_test(provisional_response_lets_an_invite_wait_for_good),
		cmocka_unit_test(nothing_is_repeated_on_a_connection),
		cmocka_unit_test(refused_invite_is_acknowledged_as_often_as_refused),
		cmocka_unit_test(every_2xx_of_an_invite_is_the_users),
		cmocka_unit_test(repeated_response_is_absorbed),
		cmocka_unit_test(response_on_a_connection_ends_a_request),
		cmocka_unit_test(response_must_have_branch_and_method),
		cmocka_unit_test(response_must_have_our_via_and_no_other),
		cmocka_unit_test(our_via_may_come_back_without_its_default_port),
		cmocka_unit_test(what_was_asked_over_a_connection_is_answered_over_one),
		cmocka_unit_test(two_requests_have_two_branches),
		cmocka_unit_test(cancel_waits_for_a_provisional_response),
		cmocka_unit_test(cancel_follows_its_invite),
		cmocka_unit_test(cancelled_invite_gets_its_final_response),
		cmocka_unit_test(cancelled_invite_does_not_wait_for_ever),
		cmocka_unit_test(cancel_after_the_final_response_sends_nothing),
		cmocka_unit_test(invite_over_the_bounds_of_a_message_is_not_sent),
		cmocka_unit_test(request_that_cannot_be_sent_begins_nothing),
		cmocka_unit_test(repetition_that_cannot_be_sent_ends_the_transaction),
		cmocka_unit_test(lost_connection_ends_what_waits_on_it),
		cmocka_unit_test(request_finds_another_connection_when_its_own_is_gone),
		cmocka_unit_test(accepted_invite_outlives_its_connection),
		cmocka_unit_test(requests_over_the_limit_are_refused),
		cmocka_unit_test(invites_leave_the_last_eighth_to_others),
		cmocka_unit_test(left_transaction_goes_on_unheard),
		cmocka_unit_test(ack_of_a_2xx_is_the_same_each_time),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
