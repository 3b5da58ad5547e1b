/* SPDX-License-Identifier: BSD-3-Clause */
/* Session timers (RFC 4028): each side has its own. */
#include "world.h"

static const struct plan long_call = {.ring_ms = 100, .answer_ms = 1000};

#define OURS   "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n" /* in answers to us */
#define THEIRS "Session-Expires: 90;refresher=uas\r\nRequire: timer\r\n"

static void end(struct world *w, struct leg *a)
{
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void timer_that_the_caller_asks_for_is_kept(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.fields = "Supported: replaces, timer\r\nSession-Expires: 1800\r\n";
	a = party_dial(w, &plan);
	world_pass(w, 3000);

	assert_non_null(strstr(a->seen, "\r\nSession-Expires: 1800;refresher=uac\r\n"));
	assert_non_null(strstr(a->seen, "\r\nRequire: timer\r\n"));
	assert_null(strstr(party_callee(w, a)->seen, "Session-Expires"));
	assert_non_null(
		strstr(party_callee(w, a)->seen, "\r\nSupported: 100rel, replaces, timer\r\n"));
	end(w, a);
}

static void without_a_wish_there_is_no_timer(void **state)
{
	struct world *w = world_create();
	struct leg *a = party_dial(w, &long_call);

	world_pass(w, 3000);
	assert_null(strstr(a->seen, "Session-Expires"));
	world_pass(w, 4000000);

	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	assert_int_equal(world_count(w, CALL_C_REFRESHES), 0);
	end(w, a);
}

static void too_short_an_interval_gets_422(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.fields = "Supported: replaces, timer\r\nSession-Expires: 60\r\n";
	a = party_dial(w, &plan);
	world_settle(w);

	assert_int_equal(a->status, 422);
	assert_non_null(strstr(a->seen, "\r\nMin-SE: 90\r\n"));
	assert_int_equal(world_count(w, CALL_C_REFUSED_INTERVAL), 1);
	assert_int_equal(world_count(w, CALL_C_STARTED), 0);
	world_destroy(w);
}

static void callee_is_asked_for_the_interval_of_his_side(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->session_s = 1800;
	a = party_dial(w, &long_call);
	world_pass(w, 3000);

	assert_non_null(strstr(party_callee(w, a)->seen, "\r\nSession-Expires: 1800\r\n"));
	end(w, a);
}

static void refused_interval_is_made_longer(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a, *b;

	w->session_s = 1800;
	plan.first_status = 422;
	plan.refusal_fields = "Min-SE: 3600\r\n";
	a = party_dial(w, &plan);
	world_pass(w, 3000);
	b = party_callee(w, a);

	assert_true(a->is_up && b->is_up);
	assert_non_null(strstr(b->seen, "\r\nSession-Expires: 3600\r\n"));
	assert_non_null(strstr(b->seen, "\r\nMin-SE: 3600\r\n"));
	assert_non_null(strstr(b->seen, "\r\nCSeq: 2 INVITE\r\n"));
	assert_int_equal(w->n_failed, 0);
	end(w, a);
}

static void interval_that_is_never_long_enough_is_given_up(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.min_se = 91;
	a = party_dial(w, &plan);
	world_pass(w, 3000);

	assert_int_equal(a->status, 422);
	assert_in_range(w->plans[0].min_se, 92, 101);
	world_settle(w);
	world_destroy(w);
}

static void refresher_refreshes_by_update_for_ever(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a, *b;

	plan.answer_fields = OURS "Allow: INVITE, UPDATE\r\n";
	plan.within_fields = OURS;
	a = party_dial(w, &plan);
	world_pass(w, 1000000);
	b = party_callee(w, a);

	assert_in_range(b->n_updates, 20, 23);
	assert_int_equal(b->n_requests, b->n_updates);
	assert_int_equal(a->n_requests, 0);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	end(w, a);
}

static void without_update_the_session_is_said_again(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a, *b;

	plan.answer_fields = OURS "Allow: INVITE, ACK, BYE\r\n";
	plan.within_fields = OURS;
	a = party_dial(w, &plan);
	world_pass(w, 48000);
	b = party_callee(w, a);

	assert_int_equal(b->n_requests, 1);
	assert_int_equal(b->n_updates, 0);
	assert_string_equal(b->within_body, "offer 0");
	assert_true(b->is_acked);
	assert_int_equal(w->n_again, 1);
	assert_int_equal(a->n_requests, 0);
	world_pass(w, 400000);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	end(w, a);
}

/* A digit is none: to say that again would end the call. */
static void what_is_said_again_is_a_description(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a, *b;

	plan.answer_fields = OURS "Allow: INVITE, ACK, BYE, INFO\r\n";
	plan.within_fields = OURS;
	a = party_dial(w, &plan);
	world_pass(w, 3000);
	b = party_callee(w, a);
	leg_request(a, SIP_INFO, "Signal=5");
	world_pass(w, 1000);
	assert_int_equal(a->within_status, 200);
	assert_string_equal(b->within_body, "Signal=5");
	world_pass(w, 44000);

	assert_int_equal(b->n_requests, 2);
	assert_string_equal(b->within_body, "offer 0");
	end(w, a);
}

#define LONG "Session-Expires: 1800;refresher=uac\r\nRequire: timer\r\n"

/* Of an interval of half an hour; what has refused once is not asked every other second. */
static struct world *begin_long(const char *allow, struct leg **a, struct leg **b)
{
	struct world *w = world_create();
	struct plan plan = long_call;

	plan.within_fields = LONG;
	plan.answer_fields = allow;
	*a = party_dial(w, &plan);
	world_pass(w, 3000);
	*b = party_callee(w, *a);
	return w;
}

static void refused_refresh_is_tried_again_a_few_times(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_long(LONG "Allow: INVITE, UPDATE\r\n", &a, &b);

	b->update_status = 403;
	world_pass(w, 1760000);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	assert_in_range(b->n_updates, 5, 16);
	world_pass(w, 20000);

	assert_int_equal(w->end, CALL_END_EXPIRED);
	world_settle(w);
	world_destroy(w);
}

static void refresh_without_update_after_all_is_by_invite(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_long(LONG "Allow: INVITE, UPDATE\r\n", &a, &b);

	b->update_status = 405;
	world_pass(w, 910000);

	assert_int_equal(b->n_updates, 1);
	assert_int_equal(b->n_requests, 2);
	assert_string_equal(b->within_body, "offer 0");
	end(w, a);
}

static void refresh_that_only_rings_is_given_up(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_long(LONG "Allow: INVITE, ACK, BYE\r\n", &a, &b);

	b->is_thinking = true;
	world_pass(w, 905000);
	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 500);
	assert_int_equal(a->within_status, 491);
	b->is_thinking = false;
	world_pass(w, 180000);
	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 500);

	assert_int_equal(a->within_status, 200);
	assert_int_equal(b->n_requests, 2);
	end(w, a);
}

static void session_that_is_not_refreshed_ends_on_both_sides(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.answer_fields = THEIRS;
	a = party_dial(w, &plan);
	world_pass(w, 59000);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	world_pass(w, 5000);

	assert_int_equal(w->end, CALL_END_EXPIRED);
	world_settle(w);
	assert_true(a->is_over && party_callee(w, a)->is_over);
	world_destroy(w);
}

static void update_that_only_refreshes_is_answered_here(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a, *b;

	plan.answer_fields = THEIRS;
	a = party_dial(w, &plan);
	world_pass(w, 3000);
	b = party_callee(w, a);
	b->fields = "Supported: replaces, timer\r\nSession-Expires: 90;refresher=uac\r\n";
	for (unsigned i = 0; i < 5; i++) {
		world_pass(w, 45000);
		leg_request(b, SIP_UPDATE, NULL);
		world_pass(w, 500);
		assert_int_equal(b->within_status, 200);
		assert_non_null(strstr(b->seen, "\r\nSession-Expires: 90;refresher=uac\r\n"));
	}

	assert_int_equal(a->n_requests, 0);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	end(w, a);
}

static void reinvite_refreshes_both_sides(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a, *b;

	plan.answer_fields = plan.within_fields = THEIRS;
	a = party_dial(w, &plan);
	world_pass(w, 3000);
	b = party_callee(w, a);
	for (unsigned i = 0; i < 5; i++) {
		world_pass(w, 45000);
		leg_request(a, SIP_INVITE, "again");
		world_pass(w, 500);
		assert_int_equal(a->within_status, 200);
	}

	assert_int_equal(b->n_requests, 5);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	end(w, a);
}

static void side_that_does_not_answer_a_refresh_is_lost(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.answer_fields = OURS "Allow: INVITE, UPDATE\r\n";
	a = party_dial(w, &plan);
	world_pass(w, 3000);
	w->is_callee_deaf = true;
	world_pass(w, 80000);

	assert_int_equal(world_count(w, CALL_C_OPEN), 0);
	assert_true(a->is_over);
	w->is_callee_deaf = false;
	leg_hang_up(party_callee(w, a));
	world_settle(w);
	world_destroy(w);
}

static void timer_of_a_callee_who_did_not_answer_ends_nothing(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100,
		.answer_ms = 5000,
		.fields = "Supported: 100rel\r\n",
		.is_reliable = true,
		.sends_prack = true,
		.second_answers = true};
	struct leg *a, *b;

	a = party_dial(w, &plan);
	world_pass(w, 1500);
	b = party_callee(w, a);
	a->fields = "Supported: replaces, timer\r\nSession-Expires: 90;refresher=uac\r\n";
	leg_request(a, SIP_UPDATE, "early hold");
	a->fields = NULL;
	world_pass(w, 500);
	assert_non_null(strstr(a->seen, "\r\nSession-Expires: 90;refresher=uac\r\n"));
	world_pass(w, 100000);

	assert_true(a->is_up);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	leg_hang_up(a);
	world_pass(w, 1000);
	assert_int_equal(b->n_late_byes, 1);
	server_transaction_leave(b->server);
	b->server = NULL;
	world_settle(w);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(timer_that_the_caller_asks_for_is_kept),
		cmocka_unit_test(without_a_wish_there_is_no_timer),
		cmocka_unit_test(too_short_an_interval_gets_422),
		cmocka_unit_test(callee_is_asked_for_the_interval_of_his_side),
		cmocka_unit_test(refused_interval_is_made_longer),
		cmocka_unit_test(interval_that_is_never_long_enough_is_given_up),
		cmocka_unit_test(refresher_refreshes_by_update_for_ever),
		cmocka_unit_test(without_update_the_session_is_said_again),
		cmocka_unit_test(what_is_said_again_is_a_description),
		cmocka_unit_test(refused_refresh_is_tried_again_a_few_times),
		cmocka_unit_test(refresh_without_update_after_all_is_by_invite),
		cmocka_unit_test(refresh_that_only_rings_is_given_up),
		cmocka_unit_test(session_that_is_not_refreshed_ends_on_both_sides),
		cmocka_unit_test(update_that_only_refreshes_is_answered_here),
		cmocka_unit_test(reinvite_refreshes_both_sides),
		cmocka_unit_test(side_that_does_not_answer_a_refresh_is_lost),
		cmocka_unit_test(timer_of_a_callee_who_did_not_answer_ends_nothing),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
