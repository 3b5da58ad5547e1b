/* SPDX-License-Identifier: BSD-3-Clause */
/* Server transactions: RFC 3261 §17.2 and §9.2, RFC 6026 §7.1, RFC 3581. */
#include <errno.h>
#include <stdio.h>

#include "box.h"

#define FIELDS(method, extra)                                                                      \
	"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>" extra                     \
	"\nCall-ID: call\nCSeq: 1 " method "\nMax-Forwards: 70\nContent-Length: 0\n\n"
#define REQUEST(method, extra)                                                                     \
	method " sip:bob@192.0.2.1 SIP/2.0\n"                                                      \
	       "Via: SIP/2.0/UDP 192.0.2.9:6000;branch=z9hG4bKone;rport\n" FIELDS(method, extra)
/* Without the magic cookie: RFC 2543. */
#define OLD_REQUEST(method)                                                                        \
	method " sip:bob@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9:6000\n" FIELDS(method, "")

static const char invite[] = REQUEST("INVITE", "");
static const char options[] = REQUEST("OPTIONS", "");
static const char ack[] = REQUEST("ACK", ";tag=b");
static const char cancel[] = REQUEST("CANCEL", "");

/* ---- requests that nobody could answer ---- */

/* With "received" and "rport" its Via is over the bound of a header field. */
static void request_that_is_too_large_to_answer_gets_513(void **state)
{
	static const char start[] =
		"INVITE sip:bob@192.0.2.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP host.example.com:6000;branch=z9hG4bKone;rport;x=";
	static const char rest[] = "\r\nFrom: <sip:alice@example.com>;tag=a\r\n"
				   "To: <sip:bob@example.com>\r\nCall-ID: call\r\n"
				   "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
	struct box *b = box_create(false);
	static char text[2 * SIP_HEADER_MAX];
	size_t len = strlen(start),
	       fill = SIP_HEADER_MAX - 4 - (len - strlen("INVITE sip:bob@192.0.2.1 SIP/2.0\r\n"));
	struct sip_msg m;

	memcpy(text, start, len);
	memset(text + len, 'x', fill);
	memcpy(text + len + fill, rest, strlen(rest));
	assert_int_equal(
		sip_msg_decode(text, len + fill + strlen(rest), SIP_DATAGRAM, &m), SIP_FINE);
	transactions_receive(b->l, &m, &b->peer);

	assert_int_equal(b->n_requests, 0);
	assert_int_equal(b->n_sent, 1);
	assert_int_equal(box_status(b, 0), 513);
	assert_int_equal(box_count(b, TRANSACTION_C_SERVER), 0);
	assert_int_equal(box_count(b, TRANSACTION_C_REFUSED_MALFORMED), 1);
	box_destroy(b);
}

/* ---- provisional ---- */

/* RFC 3261 §17.2.1: 100 Trying unless the user speaks within 200 ms. */
static void invite_without_word_of_the_user_gets_100_in_200_ms(void **state)
{
	struct box *b = box_create(false);

	box_put(b, invite);
	box_pass(b, 200);

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(box_status(b, 0), 100);
	box_pass(b, 60000);
	assert_int_equal(b->n_sent, 1);
	box_destroy(b);
}

static void ringing_in_time_makes_100_needless(void **state)
{
	struct box *b = box_create(false);

	box_put(b, invite);
	assert_int_equal(box_reply(b, 180), 0);
	box_pass(b, 1000);

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(box_status(b, 0), 180);
	box_destroy(b);
}

static void other_requests_get_no_100(void **state)
{
	struct box *b = box_create(false);

	box_put(b, options);
	box_pass(b, 10000);

	assert_int_equal(b->n_requests, 1);
	assert_int_equal(b->n_sent, 0);
	box_destroy(b);
}

static void repeated_invite_gets_the_last_provisional_again(void **state)
{
	struct box *b = box_create(false);

	box_put(b, invite);
	box_reply(b, 180);
	box_reply(b, 183);
	box_put(b, invite);

	assert_int_equal(b->n_requests, 1);
	assert_int_equal(b->n_sent, 3);
	assert_int_equal(box_status(b, 2), 183);
	assert_int_equal(box_count(b, TRANSACTION_C_REPEATED_IN), 1);
	box_destroy(b);
}

/* ---- final responses of INVITE ---- */

/* Timer G: T1, doubled up to T2; timer H: 64 T1. */
static void refusal_is_repeated_until_the_time_for_ack_is_over(void **state)
{
	static const unsigned at[] = {
		0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500};
	struct box *b = box_create(false);

	box_put(b, invite);
	box_reply(b, 486);
	box_pass(b, 31980);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 20);

	assert_int_equal(b->n_sent, ARRAY_LEN(at));
	for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
		assert_int_equal(box_status(b, i), 486);
		assert_int_equal(b->sent[i].at_ms - 1000000, at[i]);
	}
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_TIMEOUT);
	assert_int_equal(box_count(b, TRANSACTION_C_SERVER), 0);
	box_destroy(b);
}

/* Timer I: T4 in which further copies of the ACK are absorbed. */
static void ack_ends_the_repeating(void **state)
{
	struct box *b = box_create(false);

	box_put(b, invite);
	box_reply(b, 486);
	box_pass(b, 600);
	box_put(b, ack);
	box_put(b, ack);
	box_pass(b, 4900);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 200);

	assert_int_equal(b->n_sent, 2);
	assert_int_equal(b->n_acks, 0);
	assert_int_equal(b->end, TRANSACTION_DONE);
	assert_int_equal(b->n_ended, 1);
	box_destroy(b);
}

static void refusal_on_a_connection_is_sent_once_and_waits_for_ack(void **state)
{
	struct box *b = box_create(true);

	box_put(b, invite);
	box_reply(b, 486);
	box_pass(b, 5000);
	assert_int_equal(b->n_sent, 1);
	assert_int_equal(b->n_ended, 0);
	box_put(b, ack);
	box_pass(b, 100);

	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_DONE);
	box_destroy(b);
}

/* RFC 6026 §7.1: the 2xx is the user's to repeat, copies of the INVITE are absorbed, the ACK of
 * an element that gives it the same branch is passed on; timer L. */
static void accepted_invite_stays_for_64_t1(void **state)
{
	struct box *b = box_create(false);

	box_put(b, invite);
	box_reply(b, 200);
	box_put(b, invite);
	box_pass(b, 4000);
	assert_int_equal(b->n_sent, 1);
	server_transaction_repeat(b->server);
	box_put(b, ack);
	box_pass(b, 27900);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 100);

	assert_int_equal(b->n_requests, 1);
	assert_int_equal(b->n_acks, 1);
	assert_int_equal(b->n_sent, 2);
	assert_int_equal(b->sent[0].len, b->sent[1].len);
	assert_memory_equal(b->sent[0].text, b->sent[1].text, b->sent[0].len);
	assert_int_equal(b->end, TRANSACTION_DONE);
	box_destroy(b);
}

static void ack_of_no_transaction_is_the_users(void **state)
{
	struct box *b = box_create(false);

	box_put(b, ack);

	assert_int_equal(b->n_acks, 1);
	assert_int_equal(b->n_sent, 0);
	box_destroy(b);
}

static void second_final_reply_is_refused(void **state)
{
	struct box *b = box_create(false);

	box_put(b, invite);
	assert_int_equal(box_reply(b, 200), 0);

	assert_int_equal(box_reply(b, 486), -EALREADY);
	assert_int_equal(box_reply(b, 180), -EALREADY);
	assert_int_equal(b->n_sent, 1);
	box_destroy(b);
}

/* ---- other requests ---- */

static void repeated_request_gets_its_final_response_for_64_t1(void **state)
{
	struct box *b = box_create(false);

	box_put(b, options);
	box_put(b, options);
	assert_int_equal(b->n_sent, 0);
	box_reply(b, 200);
	box_pass(b, 31900);
	box_put(b, options);
	assert_int_equal(b->n_sent, 2);
	box_pass(b, 100);

	assert_int_equal(b->n_requests, 1);
	assert_int_equal(b->end, TRANSACTION_DONE);
	box_put(b, options);
	assert_int_equal(b->n_requests, 2);
	box_destroy(b);
}

static void request_on_a_connection_ends_with_its_response(void **state)
{
	struct box *b = box_create(true);

	box_put(b, options);
	box_reply(b, 200);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 100);

	assert_int_equal(b->n_ended, 1);
	box_destroy(b);
}

static void request_that_nobody_answers_ends_after_64_t1(void **state)
{
	struct box *b = box_create(false);

	box_put(b, options);
	box_pass(b, 32000);

	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_TIMEOUT);
	assert_int_equal(box_count(b, TRANSACTION_C_TIMEOUT_SERVER), 1);
	box_destroy(b);
}

/* ---- CANCEL ---- */

/* RFC 3261 §9.2: both responses bear one tag. */
static void cancel_gets_200_and_its_invite_487(void **state)
{
	char to[128];
	char tag[TRANSACTION_TAG_LEN];
	struct box *b = box_create(false);

	box_put(b, invite);
	server_transaction_tag(b->server, tag);
	box_put(b, cancel);

	assert_int_equal(b->n_cancelled, 1);
	assert_int_equal(b->n_sent, 2);
	assert_int_equal(box_status(b, 0), 200);
	assert_true(box_has(b, 0, "CSeq: 1 CANCEL"));
	assert_int_equal(box_status(b, 1), 487);
	assert_true(box_has(b, 1, "CSeq: 1 INVITE"));
	(void)snprintf(to, sizeof(to), "To: <sip:bob@example.com>;tag=%s", tag);
	assert_true(box_has(b, 0, to));
	assert_true(box_has(b, 1, to));
	box_destroy(b);
}

static void user_may_answer_a_cancelled_invite(void **state)
{
	struct box *b = box_create(false);

	b->reply_when_cancelled = 603;
	box_put(b, invite);
	box_put(b, cancel);

	assert_int_equal(b->n_sent, 2);
	assert_int_equal(box_status(b, 1), 603);
	box_destroy(b);
}

static void cancel_after_the_final_response_changes_nothing(void **state)
{
	struct box *b = box_create(false);

	box_put(b, invite);
	box_reply(b, 200);
	box_put(b, cancel);
	box_put(b, cancel);

	assert_int_equal(b->n_cancelled, 0);
	assert_int_equal(b->n_sent, 3);
	assert_int_equal(box_status(b, 2), 200);
	assert_true(box_has(b, 2, "CSeq: 1 CANCEL"));
	box_destroy(b);
}

static void cancel_of_nothing_gets_481(void **state)
{
	struct box *b = box_create(false);

	box_put(b, options);
	box_put(b, cancel);

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(box_status(b, 0), 481);
	assert_int_equal(box_count(b, TRANSACTION_C_CANCEL_UNMATCHED), 1);
	box_destroy(b);
}

/* ---- matching (RFC 3261 §17.2.3) ---- */

static void branch_sent_by_and_method_tell_transactions_apart(void **state)
{
	struct box *b = box_create(false);
	static const char *const others[] = {
		"OPTIONS sip:bob@192.0.2.1 SIP/2.0\n"
		"Via: SIP/2.0/UDP 192.0.2.9:6000;branch=z9hG4bKtwo\n" FIELDS("OPTIONS", ""),
		"OPTIONS sip:bob@192.0.2.1 SIP/2.0\n"
		"Via: SIP/2.0/UDP 192.0.2.9:6001;branch=z9hG4bKone\n" FIELDS("OPTIONS", ""),
		"OPTIONS sip:bob@192.0.2.1 SIP/2.0\n"
		"Via: SIP/2.0/UDP 192.0.2.8:6000;branch=z9hG4bKone\n" FIELDS("OPTIONS", ""),
		REQUEST("INFO", ""),
	};

	box_put(b, options);
	for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
		box_put(b, others[i]);
		assert_int_equal(b->n_requests, i + 2);
		box_put(b, others[i]);
		assert_int_equal(b->n_requests, i + 2);
	}
	box_destroy(b);
}

static void requests_without_the_cookie_match_as_in_rfc2543(void **state)
{
	struct box *b = box_create(false);

	box_put(b, OLD_REQUEST("INVITE"));
	box_put(b, OLD_REQUEST("INVITE"));
	assert_int_equal(b->n_requests, 1);
	box_put(b, OLD_REQUEST("CANCEL"));
	assert_int_equal(b->n_cancelled, 1);
	box_put(b, OLD_REQUEST("ACK"));
	box_pass(b, 5000);

	assert_int_equal(b->n_acks, 0);
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_DONE);
	box_destroy(b);
}

/* ---- what replies say and where they go ---- */

static void replies_bear_what_their_request_had(void **state)
{
	struct box *b = box_create(false);
	struct transaction_reply r = {.status = 200,
		.to_tag = sip_str_c("mine"),
		.fields = sip_str_c("Contact: <sip:us@192.0.2.1>\r\n"),
		.content_type = sip_str_c("application/sdp"),
		.content = sip_str_c("v=0\r\n")};

	box_put(b, "INVITE sip:bob@192.0.2.1 SIP/2.0\n"
		   "Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKone;rport\n"
		   "Via: SIP/2.0/TCP 198.51.100.1;branch=z9hG4bKold\n"
		   "Record-Route: <sip:p1;lr>\nRecord-Route: <sip:p2;lr>\nSubject: x\n" FIELDS(
			   "INVITE", ""));
	assert_int_equal(server_transaction_reply(b->server, &r), 0);

	assert_non_null(strstr(b->sent[0].text, "received=192.0.2.9"));
	assert_non_null(strstr(b->sent[0].text, "rport=6000"));
	assert_true(box_has(b, 0, "Via: SIP/2.0/TCP 198.51.100.1;branch=z9hG4bKold"));
	assert_true(box_has(b, 0, "From: <sip:alice@example.com>;tag=a"));
	assert_true(box_has(b, 0, "To: <sip:bob@example.com>;tag=mine"));
	assert_true(box_has(b, 0, "Call-ID: call"));
	assert_true(box_has(b, 0, "CSeq: 1 INVITE"));
	assert_true(box_has(b, 0, "Record-Route: <sip:p1;lr>"));
	assert_true(box_has(b, 0, "Record-Route: <sip:p2;lr>"));
	assert_true(box_has(b, 0, "Contact: <sip:us@192.0.2.1>"));
	assert_true(box_has(b, 0, "Content-Type: application/sdp"));
	assert_true(box_has(b, 0, "Content-Length: 5"));
	assert_null(strstr(b->sent[0].text, "Subject"));
	assert_string_equal(b->sent[0].text + b->sent[0].len - 9, "\r\n\r\nv=0\r\n");
	box_destroy(b);
}

/* RFC 3261 §18.2.2, RFC 3581 §4. */
static void datagrams_are_answered_at_the_port_of_the_via_or_the_source(void **state)
{
	static const struct {
		const char *via;
		uint16_t port;
	} cases[] = {
		{"192.0.2.9:7000", 7000},
		{"192.0.2.9", 5060},
		{"192.0.2.9:7000;rport", 6000},
		{"203.0.113.1:7000;maddr=203.0.113.2", 7000},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct box *b = box_create(false);
		struct addr want = b->peer.remote;

		box_putf(b, "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bKx\n%s",
			cases[i].via, FIELDS("OPTIONS", ""));
		box_reply(b, 200);
		want.port = cases[i].port;
		assert_true(addr_equal(&b->sent[0].to.remote, &want));
		box_destroy(b);
	}
}

/* RFC 3261 §18.2.2. */
static void reply_finds_another_connection_when_its_own_is_gone(void **state)
{
	struct box *b = box_create(true);

	box_put(b, invite);
	b->dead_flow = b->peer.flow;
	box_reply(b, 200);

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(b->sent[0].to.remote.port, 6000);
	assert_int_equal(b->sent[0].to.flow, 9);
	assert_int_equal(b->n_ended, 0);
	box_destroy(b);
}

static void reply_that_cannot_be_sent_ends_the_transaction(void **state)
{
	struct box *b = box_create(false);

	box_put(b, invite);
	b->send_error = -ENETUNREACH;
	assert_int_equal(box_reply(b, 486), 0);
	assert_int_equal(b->n_ended, 0);
	box_pass(b, 100);

	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end, TRANSACTION_UNSENT);
	assert_int_equal(box_count(b, TRANSACTION_C_UNSENT), 1);
	box_destroy(b);
}

static void left_request_is_answered_500(void **state)
{
	struct box *b = box_create(false);

	box_put(b, options);
	server_transaction_leave(b->server);
	box_pass(b, 40000);

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(box_status(b, 0), 500);
	assert_int_equal(b->n_ended, 0);
	assert_int_equal(box_count(b, TRANSACTION_C_SERVER), 0);
	box_destroy(b);
}

/* ---- refusals ---- */

static void put_numbered(struct box *b, const char *method, unsigned i, const char *to_params)
{
	box_putf(b,
		"%s sip:x SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKn%u\n"
		"From: <sip:a@x>;tag=a\nTo: <sip:b@x>%s\nCall-ID: c%u\nCSeq: 1 %s\n"
		"Max-Forwards: 70\nContent-Length: 0\n\n",
		method, i, to_params, i, method);
}

/* From the sender SENDER. */
static void put_from(struct box *b, unsigned sender, const char *method, unsigned i)
{
	b->peer.remote = addr_ipv4(sender, 5060);
	put_numbered(b, method, i, "");
}

static void request_over_the_limit_gets_503_and_nothing_is_kept(void **state)
{
	struct box *b = box_create_small(false, 16);
	uint64_t bytes;

	for (unsigned i = 0; i < 14; i++)
		put_from(b, i, "OPTIONS", i);
	assert_int_equal(b->n_requests, 14);
	bytes = box_count(b, TRANSACTION_C_BYTES);
	put_numbered(b, "INVITE", 14, "");

	assert_int_equal(b->n_requests, 14);
	assert_int_equal(b->n_sent, 1);
	assert_int_equal(box_status(b, 0), 503);
	assert_true(box_has(b, 0, "Retry-After: 7"));
	assert_true(box_has(
		b, 0, "Warning: 399 sallyport \"no room for more transactions, or of yours\""));
	assert_int_equal(box_count(b, TRANSACTION_C_BYTES), bytes);
	assert_int_equal(box_count(b, TRANSACTION_C_SERVER), 14);
	assert_int_equal(box_count(b, TRANSACTION_C_REFUSED_FULL), 1);
	box_destroy(b);
}

static void requests_within_dialogs_have_the_last_eighth(void **state)
{
	struct box *b = box_create_small(false, 16);

	for (unsigned i = 0; i < 14; i++)
		put_from(b, i, "OPTIONS", i);
	put_numbered(b, "BYE", 14, ";tag=b");
	put_numbered(b, "BYE", 15, ";tag=b");
	assert_int_equal(b->n_requests, 16);
	put_numbered(b, "BYE", 16, ";tag=b");

	assert_int_equal(b->n_requests, 16);
	assert_int_equal(box_status(b, 0), 503);
	box_destroy(b);
}

static void requests_of_one_leave_room_for_others(void **state)
{
	struct box *b = box_create_small(false, 16);

	for (unsigned i = 0; i < 16; i++)
		put_from(b, 1, "OPTIONS", i);
	unsigned of_one = b->n_requests;
	put_from(b, 2, "OPTIONS", 16);

	assert_in_range(of_one, 9, 12);
	assert_int_equal(b->n_requests, of_one + 1);
	box_destroy(b);
}

static void bytes_of_one_leave_room_for_others(void **state)
{
	struct box *b = box_create_bounded(false, 1000, 16384);

	for (unsigned i = 0; i < 200; i++)
		put_from(b, 1, "OPTIONS", i);
	unsigned of_one = b->n_requests;
	put_from(b, 2, "OPTIONS", 200);

	assert_in_range(of_one, 20, 199);
	assert_int_equal(b->n_requests, of_one + 1);
	b->n_sent = 0;
	box_pass(b, 40000);
	put_from(b, 1, "OPTIONS", 201); /* what was kept is free again */
	assert_int_equal(b->n_requests, of_one + 2);
	box_destroy(b);
}

static void malformed_request_is_answered_if_it_can_be(void **state)
{
	struct box *b = box_create(false);

	box_put(b, "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\n"
		   "From: <sip:a@x>;tag=a\nTo: <sip:b@x>\nCall-ID: c\nCSeq: 1 INVITE\n\n");
	assert_int_equal(b->n_sent, 1);
	assert_int_equal(box_status(b, 0), 400);
	box_put(b, "OPTIONS sip:x SIP/2.0\nFrom: <sip:a@x>;tag=a\n\n");

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(b->n_requests, 0);
	assert_int_equal(box_count(b, TRANSACTION_C_REFUSED_MALFORMED), 1);
	assert_int_equal(box_count(b, TRANSACTION_C_DROPPED_MALFORMED), 1);
	box_destroy(b);
}

/* No cookie, so that its words are hashed; and next to nothing else in it than those. */
static void request_as_long_as_any_is_answered(void **state)
{
	static const char begin[] = "M sip:", end[] = "\r\nv:SIP/2.0/UDP 192.0.2.9\r\n";
	const size_t n_begin = strlen(begin), n_end = strlen(end);
	struct box *b = box_create(false);
	char *wire = malloc(SIP_MSG_MAX);
	struct sip_msg m;

	assert_non_null(wire);
	memset(wire, 'x', SIP_MSG_MAX);
	memcpy(wire, begin, n_begin);
	memcpy(wire + SIP_MSG_MAX - n_end, end, n_end);
	(void)sip_msg_decode(wire, SIP_MSG_MAX, SIP_DATAGRAM, &m);
	transactions_receive(b->l, &m, &b->peer);
	transactions_receive_stranger(b->l, &m, &b->peer);

	assert_int_equal(b->n_sent, 2);
	assert_int_equal(box_status(b, 0), sip_refusal_status(m.refusal));
	assert_int_equal(box_status(b, 1), 403);
	free(wire);
	box_destroy(b);
}

static void put_of_stranger(struct box *b)
{
	struct sip_msg m;
	static const char wire[] =
		"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n"
		"From: <sip:a@x>;tag=a\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

	assert_int_equal(sip_msg_decode(wire, strlen(wire), SIP_DATAGRAM, &m), SIP_FINE);
	transactions_receive_stranger(b->l, &m, &b->peer);
}

static void strangers_request_gets_403_once_and_nothing_is_kept(void **state)
{
	struct box *b = box_create(false);

	put_of_stranger(b);
	box_pass(b, 32000);

	assert_int_equal(b->n_sent, 1);
	assert_int_equal(box_status(b, 0), 403);
	assert_int_equal(b->n_requests, 0);
	assert_int_equal(box_count(b, TRANSACTION_C_SERVER_INVITE), 0);
	assert_int_equal(box_count(b, TRANSACTION_C_REFUSED_STRANGER), 1);
	box_destroy(b);
}

static void strangers_datagrams_get_so_many_answers_in_a_second(void **state)
{
	struct box *b = box_create(false);

	for (unsigned i = 0; i < BOX_STRANGERS + 3; i++)
		put_of_stranger(b);
	assert_int_equal(b->n_sent, BOX_STRANGERS);
	assert_int_equal(box_count(b, TRANSACTION_C_DROPPED_STRANGER), 3);
	box_pass(b, 1000);
	put_of_stranger(b);

	assert_int_equal(b->n_sent, BOX_STRANGERS + 1);
	box_destroy(b);
}

/* Whoever floods us in the name of one network. */
static void strangers_of_one_network_silence_us_for_no_other(void **state)
{
	struct box *b = box_create(false);

	for (unsigned i = 0; i < 100 * BOX_STRANGERS; i++)
		put_of_stranger(b);
	assert_int_equal(b->n_sent, BOX_STRANGERS);
	b->peer.remote.ip[14] ^= 1; /* the next /24 */
	put_of_stranger(b);
	assert_int_equal(b->n_sent, BOX_STRANGERS + 1);
	b->peer.remote.ip[14] ^= 1;
	put_of_stranger(b);
	assert_int_equal(b->n_sent, BOX_STRANGERS + 1);
	box_destroy(b);
}

/* Else whoever forges addresses of many could have us flood them. */
static void strangers_of_all_networks_get_ten_times_as_many(void **state)
{
	struct box *b = box_create(false);

	for (unsigned i = 0; i < 100 * BOX_STRANGERS; i++) {
		b->peer.remote.ip[14] = (uint8_t)(i % 100);
		put_of_stranger(b);
	}
	assert_int_equal(b->n_sent, TRANSACTION_STRANGER_NETWORKS * BOX_STRANGERS);
	box_pass(b, 1000);
	put_of_stranger(b);
	assert_int_equal(b->n_sent, TRANSACTION_STRANGER_NETWORKS * BOX_STRANGERS + 1);
	box_destroy(b);
}

/* Nobody can forge the address that a connection comes from. */
static void strangers_on_connections_are_all_answered(void **state)
{
	struct box *b = box_create(true);

	for (unsigned i = 0; i < BOX_STRANGERS + 3; i++)
		put_of_stranger(b);

	assert_int_equal(b->n_sent, BOX_STRANGERS + 3);
	box_destroy(b);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(request_that_is_too_large_to_answer_gets_513),
		cmocka_unit_test(invite_without_word_of_the_user_gets_100_in_200_ms),
		cmocka_unit_test(ringing_in_time_makes_100_needless),
		cmocka_unit_test(other_requests_get_no_100),
		cmocka_unit_test(repeated_invite_gets_the_last_provisional_again),
		cmocka_unit_test(refusal_is_repeated_until_the_time_for_ack_is_over),
		cmocka_unit_test(ack_ends_the_repeating),
		cmocka_unit_test(refusal_on_a_connection_is_sent_once_and_waits_for_ack),
		cmocka_unit_test(accepted_invite_stays_for_64_t1),
		cmocka_unit_test(ack_of_no_transaction_is_the_users),
		cmocka_unit_test(second_final_reply_is_refused),
		cmocka_unit_test(repeated_request_gets_its_final_response_for_64_t1),
		cmocka_unit_test(request_on_a_connection_ends_with_its_response),
		cmocka_unit_test(request_that_nobody_answers_ends_after_64_t1),
		cmocka_unit_test(cancel_gets_200_and_its_invite_487),
		cmocka_unit_test(user_may_answer_a_cancelled_invite),
		cmocka_unit_test(cancel_after_the_final_response_changes_nothing),
		cmocka_unit_test(cancel_of_nothing_gets_481),
		cmocka_unit_test(branch_sent_by_and_method_tell_transactions_apart),
		cmocka_unit_test(requests_without_the_cookie_match_as_in_rfc2543),
		cmocka_unit_test(replies_bear_what_their_request_had),
		cmocka_unit_test(datagrams_are_answered_at_the_port_of_the_via_or_the_source),
		cmocka_unit_test(reply_finds_another_connection_when_its_own_is_gone),
		cmocka_unit_test(reply_that_cannot_be_sent_ends_the_transaction),
		cmocka_unit_test(left_request_is_answered_500),
		cmocka_unit_test(request_over_the_limit_gets_503_and_nothing_is_kept),
		cmocka_unit_test(requests_within_dialogs_have_the_last_eighth),
		cmocka_unit_test(requests_of_one_leave_room_for_others),
		cmocka_unit_test(bytes_of_one_leave_room_for_others),
		cmocka_unit_test(malformed_request_is_answered_if_it_can_be),
		cmocka_unit_test(request_as_long_as_any_is_answered),
		cmocka_unit_test(strangers_request_gets_403_once_and_nothing_is_kept),
		cmocka_unit_test(strangers_datagrams_get_so_many_answers_in_a_second),
		cmocka_unit_test(strangers_of_one_network_silence_us_for_no_other),
		cmocka_unit_test(strangers_of_all_networks_get_ten_times_as_many),
		cmocka_unit_test(strangers_on_connections_are_all_answered),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
