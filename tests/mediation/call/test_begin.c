/* SPDX-License-Identifier: BSD-3-Clause */
/* How calls begin: what the callee gets to see, provisional responses, forks, failures, routes. */
#include "../../../src/mediation/call/call_priv.h"
#include "world.h"

static const struct plan usual = {.ring_ms = 100, .answer_ms = 2000, .hang_up_caller_ms = 5000};

static void call_has_two_dialogs_and_ends_on_both_sides(void **state)
{
	struct world *w = world_create();
	struct leg *a = party_dial(w, &usual), *b;

	world_pass(w, 3000);
	b = party_callee(w, a);

	assert_true(a->is_up && b->is_up && b->is_acked);
	assert_false(sip_str_equal(a->dialog.call_id, b->dialog.call_id));
	assert_false(sip_str_equal(a->dialog.local_tag, b->dialog.remote_tag));
	assert_string_equal(b->body, "offer 0");
	assert_string_equal(a->body, "answer");
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	assert_int_equal(world_count(w, CALL_C_ANSWERED), 1);
	assert_int_equal(w->told, 200);
	assert_true(sip_str_equal(b->dialog.call_id, sip_str_c(w->callee_id)));
	world_settle(w);
	assert_true(a->is_over && b->is_over);
	assert_int_equal(w->n_told, 1);
	assert_int_equal(w->n_calls_ended, 1);
	assert_int_equal(w->end, CALL_END_CALLER);
	assert_int_equal(w->parted, SIP_BYE);
	world_destroy(w);
}

static void callee_gets_what_is_for_him_and_no_more(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = "Subject: hello\r\nPriority: urgent\r\nUser-Agent: secret\r\n"
		      "P-Asserted-Identity: <sip:secret@caller.example>\r\nX-Own: secret\r\n"
		      "Record-Route: <sip:secret.example;lr>\r\nSupported: gruu\r\n"
		      "Diversion: <sip:secret@x>\r\n";
	a = party_dial(w, &plan);
	world_pass(w, 1000);
	b = party_callee(w, a);

	assert_non_null(strstr(b->seen, "INVITE sip:0@callee.example SIP/2.0\r\n"));
	assert_non_null(strstr(b->seen, "\r\nSubject: hello\r\n"));
	assert_non_null(strstr(b->seen, "\r\nPriority: urgent\r\n"));
	assert_non_null(strstr(b->seen, "\r\nMax-Forwards: 9\r\n"));
	assert_non_null(strstr(b->seen, "\r\nFrom: \"Alice\" <sip:alice@b2bua.example>;tag="));
	assert_non_null(strstr(b->seen, "\r\nContact: <sip:192.0.2.2:5060>\r\n"));
	assert_non_null(strstr(b->seen, "\r\nTo: <sip:0@callee.example>\r\n"));
	assert_null(strstr(b->seen, "secret"));
	assert_null(strstr(b->seen, "gruu"));
	assert_null(strstr(b->seen, "caller"));
	world_settle(w);
	world_destroy(w);
}

/* RFC 3323 §5.3. */
/* RFC 3608 §6.1; what follows the INVITE goes the same way (RFC 3261 §9.1), what is within the
 * dialog does not. */
static void call_begins_with_the_routes_of_its_trunk(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 1000};
	struct leg *a;

	w->routes = "<sip:a.example.net;lr>, <sip:b.example.net;lr>";
	a = party_dial(w, &plan);
	world_pass(w, 3000);

	assert_true(a->is_up);
	assert_non_null(strstr(party_callee(w, a)->seen,
		"\r\nRoute: <sip:a.example.net;lr>, <sip:b.example.net;lr>\r\n"));
	assert_null(strstr(party_callee(w, a)->ack_seen, "\r\nRoute: "));
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void caller_whom_the_route_hides_is_named_nowhere(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	w->is_anonymous = true;
	plan.fields = "Subject: secret\r\nOrganization: secret\r\nPriority: urgent\r\n"
		      "Call-Info: <http://secret.example/me.jpg>\r\n"
		      "Geolocation: <cid:secret@caller.example>\r\n"
		      "Referred-By: <sip:secret@caller.example>\r\n";
	a = party_dial(w, &plan);
	world_pass(w, 1000);
	b = party_callee(w, a);

	assert_non_null(
		strstr(b->seen, "\r\nFrom: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
	assert_non_null(strstr(b->seen, "\r\nPriority: urgent\r\n"));
	assert_null(strstr(b->seen, "secret"));
	assert_null(strstr(b->seen, "caller"));
	assert_null(strstr(b->seen, "alice"));
	world_settle(w);
	world_destroy(w);
}

static void ringing_has_the_tag_that_the_answer_has(void **state)
{
	struct world *w = world_create();
	struct leg *a = party_dial(w, &usual);

	world_pass(w, 3000);

	assert_int_equal(a->n_ringing, 1);
	assert_int_equal(a->n_tags, 1);
	assert_non_null(strstr(a->seen, "\r\nContact: <sip:192.0.2.2:5060>\r\n"));
	world_settle(w);
	world_destroy(w);
}

static void refusal_passes(void **state)
{
	static const struct {
		unsigned said, heard;
	} cases[] = {{486, 486}, {404, 404}, {603, 603}, {401, 403}, {407, 403}, {302, 480}};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct world *w = world_create();
		struct plan plan = {.answer_ms = 500, .status = cases[i].said};
		struct leg *a = party_dial(w, &plan);

		world_settle(w);

		assert_int_equal(a->status, cases[i].heard);
		assert_int_equal(w->end, CALL_END_FAILED);
		assert_int_equal(world_count(w, CALL_C_ENDED + CALL_END_FAILED), 1);
		assert_int_equal(world_count(w, CALL_C_ANSWERED), 0);
		world_destroy(w);
	}
}

/* RFC 4412, RFC 5009: orders to a network are taken from those who belong to it. */
static void orders_to_a_network_pass_among_the_trusted_alone(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct world *w = world_create();
		struct plan plan = usual;
		struct leg *a;

		w->is_trusted = i == 1;
		plan.fields = "Resource-Priority: ets.0\r\nP-Early-Media: supported\r\n";
		a = party_dial(w, &plan);
		world_pass(w, 1000);

		const char *seen = party_callee(w, a)->seen;
		assert_true((strstr(seen, "\r\nResource-Priority: ets.0\r\n") != NULL) == (i == 1));
		assert_true((strstr(seen, "\r\nP-Early-Media: ") != NULL) == (i == 1));
		world_settle(w);
		world_destroy(w);
	}
}

/* ---- refused before a callee hears of it ---- */

static void assert_refused(struct world *w, const char *fields, unsigned status, unsigned row)
{
	struct plan plan = {.answer_ms = 1, .fields = fields};
	struct leg *a = party_dial(w, &plan);

	world_settle(w);
	assert_int_equal(a->status, status);
	assert_null(party_callee(w, a));
	assert_int_equal(world_count(w, row), 1);
	assert_int_equal(world_count(w, CALL_C_STARTED), 0);
	assert_true(status == 420 || (w->why == row && w->n_refused == 1 &&
					     strstr(a->seen, "\r\nWarning: 399 sallyport \"")));
	world_destroy(w);
}

static void call_without_hops_left_gets_483(void **state)
{
	assert_refused(world_create(), "Max-Forwards: 0\r\n", 483, CALL_C_REFUSED_HOPS);
}

static void call_that_requires_extensions_gets_420(void **state)
{
	assert_refused(world_create(), "Require: gruu\r\n", 420, CALL_C_REFUSED_EXTENSION);
}

static void call_whose_routes_cannot_be_read_gets_400(void **state)
{
	assert_refused(world_create(), "Record-Route: nonsense\r\n", 400, CALL_C_REFUSED_ROUTE);
}

static void call_over_the_limit_gets_503(void **state)
{
	assert_refused(world_create_limited(0, 20), "", 503, CALL_C_REFUSED_FULL);
}

/* common/share.h: three quarters of the room. */
/* What rings keeps its INVITE, for the next route. */
static void calls_that_ring_keep_no_more_than_there_is_for_them(void **state)
{
	struct world *w = world_create_bounded(1000, 20, 40000);
	struct plan plan = {.ring_ms = 100, .cancel_ms = 5000};
	const struct leg *a;

	for (unsigned i = 0; i < 100; i++) {
		(void)party_dial(w, &plan);
		world_pass(w, 20);
	}
	assert_in_range(world_count(w, CALL_C_BYTES), 10000, 40000);
	assert_in_range(world_count(w, CALL_C_OPEN), 10, 60);
	assert_int_equal(world_count(w, CALL_C_REFUSED_FULL), 100 - world_count(w, CALL_C_STARTED));
	world_settle(w);
	plan.cancel_ms = 0;
	plan.answer_ms = 500;
	a = party_dial(w, &plan);
	world_pass(w, 3000);

	assert_true(a->is_up);
	assert_in_range(world_count(w, CALL_C_BYTES), 1, 200); /* what was said of the session */
	leg_hang_up(w->parties[NODE_CALLER].legs[100]);
	world_settle(w);
	world_destroy(w);
}

static void calls_of_one_caller_leave_room_for_others(void **state)
{
	struct world *w = world_create_limited(8, 20);

	for (unsigned i = 0; i < 8; i++)
		(void)party_dial(w, &usual);
	world_pass(w, 1000);

	assert_int_equal(world_count(w, CALL_C_OPEN), 6);
	assert_int_equal(world_count(w, CALL_C_REFUSED_FULL), 2);
	world_settle(w);
	world_destroy(w);
}

/* RFC 3261 §8.2.2.2. */
static void same_invite_by_another_way_gets_482(void **state)
{
	static const char twin[] =
		"INVITE sip:0@b2bua.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKotherway\r\n"
		"Max-Forwards: 9\r\nContact: <sip:a@192.0.2.1>\r\n"
		"From: \"Alice\" <sip:alice@caller.example>;tag=a0\r\nTo: <sip:0@b2bua.example>\r\n"
		"Call-ID: caller-0\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
	struct world *w = world_create();
	struct leg *a = party_dial(w, &usual);

	world_pass(w, 500);
	world_put(w, NODE_CALLER, NODE_B2BUA, twin, strlen(twin));
	world_settle(w);

	assert_int_equal(world_count(w, CALL_C_REFUSED_MERGED), 1);
	assert_int_equal(world_count(w, CALL_C_STARTED), 1);
	assert_true(a->is_up);
	world_destroy(w);
}

static void call_id_that_is_the_tag_too_is_hashed_as_any_other(void **state)
{
	static const char invite[] =
		"INVITE sip:0@b2bua.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKsame\r\nMax-Forwards: 9\r\n"
		"Contact: <sip:a@192.0.2.1>\r\nFrom: <sip:alice@caller.example>;tag=same\r\n"
		"To: <sip:0@b2bua.example>\r\nCall-ID: same\r\nCSeq: 1 INVITE\r\n"
		"Content-Length: 0\r\n\r\n";
	struct world *w = world_create();

	world_put(w, NODE_CALLER, NODE_B2BUA, invite, strlen(invite));
	world_pass(w, 500);

	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	assert_null(hash_table_first(&w->calls->callers, 0));
	world_settle(w);
	world_destroy(w);
}

static void call_without_route_gets_what_the_route_says(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->n_routes = 0;
	a = party_dial(w, &usual);
	world_settle(w);

	assert_int_equal(a->status, 404);
	assert_int_equal(world_count(w, CALL_C_REFUSED_ROUTE), 1);
	assert_int_equal(w->why, CALL_C_REFUSED_ROUTE);
	assert_non_null(strstr(a->seen, "\r\nWarning: 399 sallyport \"no route\"\r\n"));
	world_destroy(w);
}

/* The limit of calls does not count what is over, nor that of the transactions' bytes this. */
static void invite_of_a_call_that_is_over_is_not_kept(void **state)
{
	struct world *w = world_create();

	w->n_routes = 0;
	(void)party_dial(w, &usual);
	world_pass(w, 100);

	assert_int_equal(world_count(w, CALL_C_OPEN), 0);
	assert_int_equal(world_count(w, CALL_C_KEPT), 1);
	assert_null(CONTAINER_OF(w->calls->calls.next, struct call, link)->invite);
	world_settle(w);
	world_destroy(w);
}

/* received= makes its Via longer than one may be, also in the response that says so. */
static void call_that_cannot_be_answered_is_none(void **state)
{
	static const char front[] = "INVITE sip:0@b2bua.example SIP/2.0\r\n"
				    "Via: SIP/2.0/UDP caller.example;branch=z9hG4bKlong;x=";
	static const char back[] =
		"\r\nMax-Forwards: 9\r\nContact: <sip:a@192.0.2.1>\r\n"
		"From: <sip:alice@caller.example>;tag=l\r\nTo: <sip:0@b2bua.example>\r\n"
		"Call-ID: long\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
	struct world *w = world_create();
	char text[SIP_HEADER_MAX + 512];
	int len = snprintf(text, sizeof(text), "%s%0*d%s", front, SIP_HEADER_MAX - 60, 0, back);

	w->is_caller_strict = true;
	world_put(w, NODE_CALLER, NODE_B2BUA, text, (size_t)len);
	world_settle(w);

	assert_int_equal(world_count(w, CALL_C_STARTED), 0);
	assert_int_equal(world_count(w, CALL_C_OPEN), 0);
	assert_int_equal(world_count(w, CALL_C_KEPT), 0);
	world_destroy(w);
}

/* ---- several routes ---- */

static void next_route_is_tried_after_503(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->n_routes = 3;
	a = party_dial(w, &usual);
	world_settle(w);

	assert_true(a->is_up && party_callee(w, a)->is_up);
	assert_int_equal(world_count(w, CALL_C_NEXT_ROUTE), 2);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

static void busy_callee_is_not_sought_elsewhere(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.answer_ms = 500, .status = 486};
	struct leg *a = party_dial(w, &plan);

	world_settle(w);

	assert_int_equal(a->status, 486);
	assert_int_equal(world_count(w, CALL_C_NEXT_ROUTE), 0);
	world_destroy(w);
}

static void call_without_progress_fails_after_10_s(void **state)
{
	struct world *w = world_create();
	struct plan silent = {.ring_ms = 0};
	struct leg *a = party_dial(w, &silent);

	world_pass(w, 9900);
	assert_int_equal(a->status, 0);
	world_pass(w, 300);

	assert_int_equal(a->status, 408);
	world_settle(w);
	assert_true(party_callee(w, a)->is_over);
	world_destroy(w);
}

static void call_that_rings_for_3_minutes_fails(void **state)
{
	struct world *w = world_create();
	struct plan deaf = {.ring_ms = 100};
	struct leg *a = party_dial(w, &deaf);

	world_pass(w, 179000);
	assert_int_equal(a->status, 0);
	world_pass(w, 2000);

	assert_int_equal(a->status, 408);
	assert_true(party_callee(w, a)->is_over);
	assert_int_equal(w->end, CALL_END_TIMEOUT);
	world_settle(w);
	world_destroy(w);
}

/* ---- forks ---- */

static void each_callee_has_an_early_dialog_of_its_own(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.n_forks = 3;
	a = party_dial(w, &plan);
	world_settle(w);

	assert_int_equal(a->n_ringing, 3);
	assert_int_equal(a->n_tags, 3);
	assert_true(sip_str_equal(a->dialog.remote_tag, sip_str_c(a->tags[0])));
	assert_string_equal(a->body, "answer");
	world_destroy(w);
}

static void callees_over_the_limit_ring_without_a_dialog(void **state)
{
	struct world *w = world_create_limited(10, 2);
	struct plan plan = usual;
	struct leg *a;

	plan.n_forks = 5;
	a = party_dial(w, &plan);
	world_settle(w);

	assert_int_equal(a->n_ringing, 5);
	assert_int_equal(a->n_tags, 2);
	assert_true(a->is_up);
	world_destroy(w);
}

/* RFC 3261 §13.2.2.4. */
static void second_callee_that_answers_gets_ack_and_bye(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.n_forks = 2;
	plan.second_answers_too = true;
	a = party_dial(w, &plan);
	world_pass(w, 4000);
	b = party_callee(w, a);

	assert_true(a->is_up && b->is_up && !a->is_over && !b->is_over);
	assert_int_equal(b->n_late_acks, 1);
	assert_string_equal(b->late_uri, "sip:second@192.0.2.3");
	assert_int_equal(b->n_late_byes, 1);
	assert_int_equal(world_count(w, CALL_C_FORKS_ENDED), 1);
	world_settle(w);
	world_destroy(w);
}

/* His BYE and ours may cross. */
static void callee_that_answers_too_late_cannot_end_the_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;
	char text[512];
	int len;

	plan.ring_ms = 0;
	plan.second_answers_too = true;
	a = party_dial(w, &plan);
	world_pass(w, 4000);
	b = party_callee(w, a);
	len = snprintf(text, sizeof(text),
		"BYE sip:192.0.2.2 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bKlate\r\nMax-Forwards: 9\r\n"
		"From: <sip:0@callee.example>;tag=b1\r\nTo: <sip:alice@b2bua.example>;tag=%.*s\r\n"
		"Call-ID: %.*s\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
		(int)b->dialog.remote_tag.len, b->dialog.remote_tag.at, (int)b->dialog.call_id.len,
		b->dialog.call_id.at);
	world_put(w, NODE_CALLEE, NODE_B2BUA, text, (size_t)len);
	world_pass(w, 500);

	assert_int_equal(b->n_late_byes, 1);
	assert_int_equal(world_count(w, CALL_C_REFUSED_NO_DIALOG), 1);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	assert_false(a->is_over || b->is_over);
	world_settle(w);
	world_destroy(w);
}

static void callees_that_answer_too_late_are_kept_up_to_a_limit(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.n_late = 40;
	a = party_dial(w, &plan);
	world_settle(w);

	assert_true(a->is_up);
	assert_int_equal(world_count(w, CALL_C_FORKS_ENDED), 16);
	world_destroy(w);
}

/* A callee of the next route may have the same tag. */
static void late_answer_of_a_route_is_not_the_next_ones(void **state)
{
	struct world *w = world_create();
	struct leg *a, *b;

	w->n_routes = 3;
	w->is_lost_late = true;
	a = party_dial(w, &usual);
	world_pass(w, 24000);
	b = party_callee(w, a);

	assert_int_equal(world_count(w, CALL_C_FORKS_ENDED), 2);
	assert_int_equal(world_count(w, CALL_C_NEXT_ROUTE), 2);
	assert_true(a->is_up && b && b->is_up && b->is_acked);
	world_settle(w);
	world_destroy(w);
}

/* The caller hears of it at once, and the callee gets ACK and BYE by the way he has rung. */
static void answer_whose_routes_cannot_be_read_ends_the_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.answer_fields = "Record-Route: nonsense\r\n";
	a = party_dial(w, &plan);
	world_pass(w, 3000);

	assert_int_equal(a->status, 503);
	assert_true(party_callee(w, a)->is_acked && party_callee(w, a)->is_over);
	assert_int_equal(w->end, CALL_END_FAILED);
	world_settle(w);
	world_destroy(w);
}

/* ---- bodies ---- */

static void late_offer_is_answered_in_the_ack(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.is_late_offer = true;
	a = party_dial(w, &plan);
	world_settle(w);

	assert_string_equal(a->body, "answer");
	assert_string_equal(party_callee(w, a)->ack_body, "late answer");
	world_destroy(w);
}

static void late_answer_that_cannot_be_passed_ends_the_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.is_late_offer = true;
	w->refuses_offers = true;
	a = party_dial(w, &plan);
	world_pass(w, 3000);
	b = party_callee(w, a);

	assert_true(b->is_acked && b->is_over && a->is_over);
	assert_string_equal(b->ack_body, "");
	assert_int_equal(w->end, CALL_END_FAILED);
	world_settle(w);
	world_destroy(w);
}

static void offer_that_cannot_be_passed_gets_488_at_once(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->n_routes = 3;
	w->refuses_offers = true;
	a = party_dial(w, &usual);
	world_settle(w);

	assert_int_equal(a->status, 488);
	assert_int_equal(w->n_bodies, 1);
	assert_int_equal(world_count(w, CALL_C_NEXT_ROUTE), 0);
	world_destroy(w);
}

static void answer_that_cannot_be_passed_ends_the_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.ring_ms = 0;
	w->body_error = 1;
	a = party_dial(w, &plan);
	world_settle(w);

	assert_int_equal(a->status, 488);
	assert_string_equal(a->body, "");
	assert_false(a->is_up);
	assert_true(party_callee(w, a)->is_acked && party_callee(w, a)->is_over);
	assert_int_equal(w->end, CALL_END_FAILED);
	assert_int_equal(w->n_bodies, 2);
	assert_int_equal(metrics_get(w->parties[NODE_CALLER].cells, TRANSACTION_C_SERVER_OTHER), 0);
	world_destroy(w);
}

static void refusal_whose_body_cannot_be_passed_stays_what_it_is(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.answer_ms = 500, .status = 486};
	struct leg *a;

	w->body_error = 1;
	a = party_dial(w, &plan);
	world_settle(w);

	assert_int_equal(a->status, 486);
	assert_string_equal(a->body, "");
	world_destroy(w);
}

/* Some gateways say only with the answer where they want to hear more. */
static void callee_who_rings_without_contact_is_where_the_invite_went(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	const struct call *c;
	const struct pair *p;

	plan.is_bare_ringing = true;
	(void)party_dial(w, &plan);
	world_pass(w, 1000);

	c = CONTAINER_OF(w->calls->calls.next, struct call, link);
	p = CONTAINER_OF(c->pairs.next, struct pair, link);
	assert_true(sip_str_equal(
		p->ends[CALL_CALLEE].dialog.target, sip_str_c("sip:0@callee.example")));
	world_settle(w);
	world_destroy(w);
}

/* No 488 before the end: the callee rings, and his answer is still to come. */
static void ringing_whose_body_cannot_be_passed_goes_on_without(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.answer_ms = 20000;
	w->body_error = 1;
	a = party_dial(w, &plan);
	world_pass(w, 19000);
	assert_int_equal(a->n_ringing, 1);
	assert_int_equal(a->status, 0);
	assert_string_equal(a->body, "");
	w->body_error = 0;
	world_settle(w);

	assert_int_equal(a->status, 200);
	assert_string_equal(a->body, "answer");
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(call_has_two_dialogs_and_ends_on_both_sides),
		cmocka_unit_test(callee_gets_what_is_for_him_and_no_more),
		cmocka_unit_test(call_begins_with_the_routes_of_its_trunk),
		cmocka_unit_test(caller_whom_the_route_hides_is_named_nowhere),
		cmocka_unit_test(ringing_has_the_tag_that_the_answer_has),
		cmocka_unit_test(refusal_passes),
		cmocka_unit_test(orders_to_a_network_pass_among_the_trusted_alone),
		cmocka_unit_test(call_without_hops_left_gets_483),
		cmocka_unit_test(call_that_requires_extensions_gets_420),
		cmocka_unit_test(call_whose_routes_cannot_be_read_gets_400),
		cmocka_unit_test(call_over_the_limit_gets_503),
		cmocka_unit_test(calls_that_ring_keep_no_more_than_there_is_for_them),
		cmocka_unit_test(calls_of_one_caller_leave_room_for_others),
		cmocka_unit_test(same_invite_by_another_way_gets_482),
		cmocka_unit_test(call_id_that_is_the_tag_too_is_hashed_as_any_other),
		cmocka_unit_test(call_without_route_gets_what_the_route_says),
		cmocka_unit_test(invite_of_a_call_that_is_over_is_not_kept),
		cmocka_unit_test(call_that_cannot_be_answered_is_none),
		cmocka_unit_test(next_route_is_tried_after_503),
		cmocka_unit_test(busy_callee_is_not_sought_elsewhere),
		cmocka_unit_test(call_without_progress_fails_after_10_s),
		cmocka_unit_test(call_that_rings_for_3_minutes_fails),
		cmocka_unit_test(each_callee_has_an_early_dialog_of_its_own),
		cmocka_unit_test(callees_over_the_limit_ring_without_a_dialog),
		cmocka_unit_test(second_callee_that_answers_gets_ack_and_bye),
		cmocka_unit_test(callee_that_answers_too_late_cannot_end_the_call),
		cmocka_unit_test(callees_that_answer_too_late_are_kept_up_to_a_limit),
		cmocka_unit_test(late_answer_of_a_route_is_not_the_next_ones),
		cmocka_unit_test(answer_whose_routes_cannot_be_read_ends_the_call),
		cmocka_unit_test(late_offer_is_answered_in_the_ack),
		cmocka_unit_test(late_answer_that_cannot_be_passed_ends_the_call),
		cmocka_unit_test(offer_that_cannot_be_passed_gets_488_at_once),
		cmocka_unit_test(answer_that_cannot_be_passed_ends_the_call),
		cmocka_unit_test(refusal_whose_body_cannot_be_passed_stays_what_it_is),
		cmocka_unit_test(callee_who_rings_without_contact_is_where_the_invite_went),
		cmocka_unit_test(ringing_whose_body_cannot_be_passed_goes_on_without),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
