/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests within a call. */
#include "world.h"

static const struct plan long_call = {.ring_ms = 100, .answer_ms = 1000};

struct talk {
	struct world *w;
	struct leg *a, *b;
};

static struct talk begin(void)
{
	struct talk t = {.w = world_create()};

	t.a = party_dial(t.w, &long_call);
	world_pass(t.w, 3000);
	t.b = party_callee(t.w, t.a);
	assert_true(t.a->is_up && t.b->is_up && t.b->is_acked);
	return t;
}

static void end(struct talk *t)
{
	leg_hang_up(t->a);
	world_settle(t->w);
	assert_true(t->a->is_over && t->b->is_over);
	world_destroy(t->w);
}

static void reinvite_of_the_caller_passes(void **state)
{
	struct talk t = begin();

	leg_request(t.a, SIP_INVITE, "hold");
	world_pass(t.w, 1000);

	assert_int_equal(t.b->n_requests, 1);
	assert_string_equal(t.b->within_body, "hold");
	assert_int_equal(t.a->within_status, 200);
	assert_string_equal(t.a->within_body, "answer again");
	assert_true(t.b->is_acked);
	end(&t);
}

static void reinvite_of_the_callee_passes(void **state)
{
	struct talk t = begin();

	leg_request(t.b, SIP_INVITE, "hold");
	world_pass(t.w, 1000);

	assert_string_equal(t.a->within_body, "hold");
	assert_int_equal(t.b->within_status, 200);
	assert_string_equal(t.b->within_body, "answer again");
	assert_true(t.a->is_acked);
	end(&t);
}

static void update_and_info_pass_both_ways(void **state)
{
	static const enum sip_method methods[] = {SIP_UPDATE, SIP_INFO};
	struct talk t = begin();

	for (unsigned i = 0; i < ARRAY_LEN(methods); i++) {
		leg_request(t.a, methods[i], "from a");
		world_pass(t.w, 500);
		assert_string_equal(t.b->within_body, "from a");
		assert_int_equal(t.a->within_status, 200);
		leg_request(t.b, methods[i], "from b");
		world_pass(t.w, 500);
		assert_string_equal(t.a->within_body, "from b");
		assert_int_equal(t.b->within_status, 200);
	}
	end(&t);
}

/* RFC 3261 §14.2: both sides begin at once. */
static void reinvites_that_meet_get_491(void **state)
{
	struct talk t = begin();

	t.w->delay_max_ms = 40;
	leg_request(t.a, SIP_INVITE, "hold");
	leg_request(t.b, SIP_INVITE, "hold");
	world_pass(t.w, 2000);

	assert_int_equal(world_count(t.w, CALL_C_GLARE), 1);
	assert_true((t.a->within_status == 491) != (t.b->within_status == 491));
	assert_true((t.a->within_status == 200) != (t.b->within_status == 200));
	t.a->within_status = 0;
	leg_request(t.a, SIP_INVITE, "once more");
	world_pass(t.w, 2000);
	assert_int_equal(t.a->within_status, 200);
	end(&t);
}

static void second_reinvite_of_one_side_gets_500(void **state)
{
	struct talk t = begin();

	leg_request(t.a, SIP_INVITE, "one");
	leg_request(t.a, SIP_INVITE, "two");
	world_pass(t.w, 2000);

	assert_int_equal(t.b->n_requests, 1);
	assert_int_equal(world_count(t.w, CALL_C_GLARE), 1);
	end(&t);
}

static void reinvite_that_was_cancelled_is_in_nobodys_way(void **state)
{
	struct talk t = begin();

	t.b->is_thinking = true;
	leg_request(t.a, SIP_INVITE, "one");
	world_pass(t.w, 300);
	leg_cancel_within(t.a);
	world_pass(t.w, 300);
	assert_int_equal(t.a->within_status, 487);
	t.b->is_thinking = false;
	leg_request(t.a, SIP_INVITE, "two");
	world_pass(t.w, 1000);

	assert_int_equal(t.a->within_status, 200);
	assert_int_equal(world_count(t.w, CALL_C_GLARE), 0);
	end(&t);
}

/* The other side has not heard of the CANCEL yet: RFC 3261 §14.1. */
static void reinvite_waits_for_one_that_is_being_cancelled(void **state)
{
	struct talk t = begin();

	t.b->is_thinking = true;
	leg_request(t.a, SIP_INVITE, "one");
	world_pass(t.w, 300);
	leg_cancel_within(t.a);
	leg_request(t.a, SIP_INVITE, "two");
	world_pass(t.w, 1000);

	assert_int_equal(t.b->n_requests, 1);
	assert_int_equal(world_count(t.w, CALL_C_GLARE), 1);
	t.b->is_thinking = false;
	end(&t);
}

static void other_methods_get_405(void **state)
{
	struct talk t = begin();

	leg_request(t.a, SIP_REFER, NULL);
	world_pass(t.w, 500);

	assert_int_equal(t.a->within_status, 405);
	assert_int_equal(t.b->n_requests, 0);
	end(&t);
}

/* RFC 3261 §8.2.2.3. */
static void request_that_requires_an_extension_hears_which(void **state)
{
	struct talk t = begin();

	t.a->fields = "Require: timer, gruu\r\n";
	leg_request(t.a, SIP_INVITE, "hold");
	t.a->fields = NULL;
	world_pass(t.w, 500);

	assert_int_equal(t.a->within_status, 420);
	assert_non_null(strstr(t.a->seen, "\r\nUnsupported: gruu\r\n"));
	assert_int_equal(world_count(t.w, CALL_C_REFUSED_EXTENSION), 1);
	assert_int_equal(t.b->n_requests, 0);
	end(&t);
}

static void options_within_a_call_are_answered_here(void **state)
{
	struct talk t = begin();

	leg_request(t.a, SIP_OPTIONS, NULL);
	world_pass(t.w, 500);

	assert_int_equal(t.a->within_status, 200);
	assert_int_equal(t.b->n_requests, 0);
	end(&t);
}

/* RFC 3261 §12.2.2. */
static void request_out_of_order_gets_500(void **state)
{
	struct talk t = begin();

	leg_request(t.a, SIP_INFO, "one");
	world_pass(t.w, 500);
	t.a->dialog.local_cseq--;
	leg_request(t.a, SIP_INFO, "again");
	world_pass(t.w, 500);

	assert_int_equal(t.a->within_status, 500);
	assert_int_equal(t.b->n_requests, 1);
	end(&t);
}

static void refused_reinvite_leaves_the_call_as_it_was(void **state)
{
	struct talk t = begin();

	t.w->body_error = 1; /* the answer cannot be passed */
	leg_request(t.a, SIP_INVITE, "hold");
	world_pass(t.w, 2000);

	assert_int_equal(t.a->within_status, 488);
	assert_true(t.b->is_acked);
	t.w->body_error = 0;
	leg_request(t.a, SIP_INFO, "still here");
	world_pass(t.w, 500);
	assert_int_equal(t.a->within_status, 200);
	end(&t);
}

static void hanging_up_ends_a_reinvite_on_its_way(void **state)
{
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct talk t = begin();

		t.w->seed = seed;
		t.w->delay_max_ms = 300;
		leg_request(t.a, SIP_INVITE, "hold");
		world_pass(t.w, 10 * (unsigned)seed);
		leg_hang_up(t.b);
		world_settle(t.w);

		assert_true(t.a->is_over && t.b->is_over);
		world_destroy(t.w);
	}
}

/* ---- outside of calls ---- */

static void ask(struct world *w, const char *method, const char *to_params)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
		"%s sip:x@b2bua.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK%s\r\n"
		"Max-Forwards: 9\r\nFrom: <sip:a@x>;tag=q\r\nTo: <sip:b@x>%s\r\n"
		"Call-ID: q\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
		method, method, to_params, method);

	world_put(w, NODE_CALLER, NODE_B2BUA, text, (size_t)len);
	world_pass(w, 100);
}

static void requests_outside_of_calls_are_answered(void **state)
{
	struct world *w = world_create();

	ask(w, "BYE", ";tag=none");
	assert_int_equal(world_count(w, CALL_C_REFUSED_NO_DIALOG), 1);
	ask(w, "REGISTER", "");
	assert_int_equal(world_count(w, CALL_C_REFUSED_METHOD), 1);
	ask(w, "OPTIONS", "");
	ask(w, "ACK", ";tag=none");

	assert_int_equal(world_count(w, CALL_C_STRAY_ACKS), 1);
	assert_int_equal(world_count(w, CALL_C_REFUSED_METHOD), 1);
	assert_int_equal(world_count(w, CALL_C_STARTED), 0);
	world_settle(w);
	world_destroy(w);
}

/* RFC 3261 §9.1: it may be accepted all the same, and the two sides would not agree. */
static void cancel_that_crosses_the_answer_is_undone(void **state)
{
	struct talk t = begin();

	t.b->is_thinking = t.b->answers_late = true;
	leg_request(t.a, SIP_INVITE, "hold");
	world_pass(t.w, 300);
	t.b->is_thinking = false;
	leg_cancel_within(t.a);
	world_pass(t.w, 1000);

	assert_int_equal(t.a->within_status, 487);
	assert_int_equal(t.b->n_requests, 2);
	assert_string_equal(t.b->within_body, "offer 0");
	assert_true(t.b->is_acked);
	assert_int_equal(t.a->n_requests, 0);
	end(&t);
}

/* It is tried every other second, for as long as the call lasts. */
static void what_cannot_be_undone_fills_no_call(void **state)
{
	struct talk t = begin();

	t.w->refuses_again = true;
	t.b->is_thinking = t.b->answers_late = true;
	leg_request(t.a, SIP_INVITE, "hold");
	world_pass(t.w, 300);
	t.b->is_thinking = false;
	leg_cancel_within(t.a);
	world_pass(t.w, 1200000);
	assert_in_range(t.w->n_said_again, 550, 600);
	assert_int_equal(t.b->n_requests, 1);

	leg_request(t.a, SIP_INFO, "x");
	world_pass(t.w, 1000);
	assert_int_equal(t.a->within_status, 200);
	t.w->refuses_again = false;
	world_pass(t.w, 3000);
	assert_string_equal(t.b->within_body, "offer 0");
	end(&t);
}

/* His connection is lost, and the other side accepts. */
static void offer_whose_answer_nobody_hears_is_off(void **state)
{
	struct talk t = begin();

	t.a->is_thinking = true;
	t.w->off = 0;
	leg_request(t.b, SIP_INVITE, "hold");
	t.w->is_callee_gone = true;
	world_pass(t.w, 100);
	t.w->is_callee_gone = false;
	assert_int_equal(t.a->n_requests, 1);
	assert_true(t.w->off != 0);
	leg_answer(t.a);
	world_pass(t.w, 1000);

	assert_int_equal(t.w->n_said_again, 1);
	assert_int_equal(t.a->n_requests, 2);
	assert_string_equal(t.a->within_body, "answer");
	assert_true(t.a->is_acked);
	end(&t);
}

static void reinvite_that_only_rings_is_given_up(void **state)
{
	struct talk t = begin();

	t.b->is_thinking = true;
	leg_request(t.a, SIP_INVITE, "hold");
	world_pass(t.w, 179000);
	assert_int_equal(t.a->within_status, 0);
	world_pass(t.w, 3000);
	assert_int_equal(t.a->within_status, 408);
	world_pass(t.w, 1000);

	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	t.b->is_thinking = false;
	leg_request(t.b, SIP_INVITE, "again");
	world_pass(t.w, 1000);
	assert_int_equal(t.b->within_status, 200);
	end(&t);
}

static void flood_within_a_call_is_bounded(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 1000};
	struct leg *a = party_dial(w, &plan), *b;

	world_pass(w, 3000);
	b = party_callee(w, a);
	for (unsigned i = 0; i < 600; i++)
		leg_request(a, SIP_INFO, "x");
	world_pass(w, 1000);
	assert_int_equal(world_count(w, CALL_C_REFUSED_FULL), 600 - b->n_requests);
	assert_in_range(b->n_requests, 500, 512);
	world_pass(w, 40000);
	leg_request(a, SIP_INFO, "x");
	world_pass(w, 1000);
	assert_int_equal(a->within_status, 200);
	leg_hang_up(a);
	world_settle(w);
	assert_true(b->is_over);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(reinvite_of_the_caller_passes),
		cmocka_unit_test(cancel_that_crosses_the_answer_is_undone),
		cmocka_unit_test(what_cannot_be_undone_fills_no_call),
		cmocka_unit_test(offer_whose_answer_nobody_hears_is_off),
		cmocka_unit_test(reinvite_that_only_rings_is_given_up),
		cmocka_unit_test(reinvite_of_the_callee_passes),
		cmocka_unit_test(update_and_info_pass_both_ways),
		cmocka_unit_test(reinvites_that_meet_get_491),
		cmocka_unit_test(second_reinvite_of_one_side_gets_500),
		cmocka_unit_test(reinvite_that_was_cancelled_is_in_nobodys_way),
		cmocka_unit_test(reinvite_waits_for_one_that_is_being_cancelled),
		cmocka_unit_test(other_methods_get_405),
		cmocka_unit_test(request_that_requires_an_extension_hears_which),
		cmocka_unit_test(options_within_a_call_are_answered_here),
		cmocka_unit_test(request_out_of_order_gets_500),
		cmocka_unit_test(refused_reinvite_leaves_the_call_as_it_was),
		cmocka_unit_test(hanging_up_ends_a_reinvite_on_its_way),
		cmocka_unit_test(requests_outside_of_calls_are_answered),
		cmocka_unit_test(flood_within_a_call_is_bounded),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
