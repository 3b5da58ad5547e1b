/* SPDX-License-Identifier: BSD-3-Clause */
/* How calls end, whatever ends them, and when two things meet on the way. */
#include "world.h"

static const struct plan long_call = {.ring_ms = 100, .answer_ms = 1000};

static struct leg *call_up(struct world *w, const struct plan *plan)
{
	struct leg *a = party_dial(w, plan);

	world_pass(w, 3000);
	assert_true(a->is_up);
	return a;
}

static void assert_all_over(struct world *w, const struct leg *a, enum call_end why)
{
	world_settle(w);
	assert_true(a->is_over && party_callee(w, a)->is_over);
	assert_int_equal(w->n_calls_ended, 1);
	assert_int_equal(w->end, why);
	assert_int_equal(world_count(w, CALL_C_ENDED + why), 1);
	world_destroy(w);
}

/* ---- CANCEL ---- */

static void cancel_ends_a_ringing_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 9000, .cancel_ms = 3000};
	struct leg *a = party_dial(w, &plan);

	world_pass(w, 4000);

	assert_int_equal(a->status, 487);
	assert_true(party_callee(w, a)->is_over);
	assert_false(party_callee(w, a)->is_up);
	assert_int_equal(w->told, 487);
	assert_int_equal(w->parted, SIP_CANCEL);
	assert_all_over(w, a, CALL_END_CANCELLED);
}

/* The callee has said nothing yet: CANCEL waits for his first word (RFC 3261 §9.1). */
static void cancel_before_any_response_reaches_the_callee(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 500, .answer_ms = 9000, .cancel_ms = 300};
	struct leg *a = party_dial(w, &plan);

	world_pass(w, 4000);

	assert_int_equal(a->status, 487);
	assert_true(party_callee(w, a)->is_over);
	assert_all_over(w, a, CALL_END_CANCELLED);
}

/* The answer is on its way when the CANCEL comes: ACK and BYE. */
static void answer_that_crosses_a_cancel_is_ended(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 2000};
	struct leg *a = party_dial(w, &plan), *b;

	world_pass(w, 1900);
	b = party_callee(w, a);
	w->delay_max_ms = 1000; /* the 200 takes its time */
	while (!b->is_up)
		world_pass(w, 10);
	w->delay_max_ms = 1;
	leg_cancel(a);
	world_pass(w, 50);
	assert_int_equal(a->status, 487);
	assert_false(b->is_acked);
	world_pass(w, 2000);

	assert_int_equal(a->status, 487);
	assert_true(b->is_acked);
	assert_true(b->is_over);
	assert_all_over(w, a, CALL_END_CANCELLED);
}

/* CANCELs and answers that meet at every possible distance. */
static void cancel_and_answer_may_cross_anywhere(void **state)
{
	for (unsigned ms = 1900; ms <= 2300; ms += 10) {
		struct world *w = world_create();
		struct plan plan = {.ring_ms = 100, .answer_ms = 2000, .cancel_ms = ms};
		struct leg *a;

		w->delay_max_ms = 100;
		w->seed = ms;
		a = party_dial(w, &plan);
		world_pass(w, 10000);
		if (a->is_up)
			leg_hang_up(a);
		else
			assert_int_equal(a->status, 487);
		world_settle(w);
		assert_true(a->is_over && party_callee(w, a)->is_over);
		world_destroy(w);
	}
}

/* ---- BYE ---- */

static void callee_hangs_up(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.hang_up_callee_ms = 5000;
	a = call_up(w, &plan);

	assert_all_over(w, a, CALL_END_CALLEE);
}

static void both_hang_up_at_once(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.hang_up_caller_ms = plan.hang_up_callee_ms = 5000;
	w->delay_max_ms = 50;
	a = call_up(w, &plan);
	world_settle(w);

	assert_true(a->is_over && party_callee(w, a)->is_over);
	assert_int_equal(w->n_calls_ended, 1);
	world_destroy(w);
}

/* The callee ends the call in the moment he answers it: 200 and BYE may overtake each other. */
static void bye_may_cross_the_answer(void **state)
{
	for (uint64_t seed = 1; seed < 30; seed++) {
		struct world *w = world_create();
		struct plan plan = long_call;
		struct leg *a;

		plan.hang_up_callee_ms = 1;
		w->delay_max_ms = 400;
		w->seed = seed;
		a = party_dial(w, &plan);
		world_settle(w);

		assert_true(a->is_over && party_callee(w, a)->is_over);
		world_destroy(w);
	}
}

/* RFC 3261 §15: no BYE to a caller whose ACK is on its way. */
static void bye_waits_for_the_ack(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.no_ack = true;
	plan.hang_up_callee_ms = 1000;
	a = call_up(w, &plan);
	world_pass(w, 10000);
	assert_true(party_callee(w, a)->is_over);
	assert_false(a->is_over);
	world_pass(w, 30000);

	assert_true(a->is_over);
	assert_all_over(w, a, CALL_END_CALLEE);
}

/* RFC 3261 §13.3.1.4. */
static void call_whose_ack_never_comes_ends(void **state)
{
	struct world *w = world_create();
	struct plan plan = long_call;
	struct leg *a;

	plan.no_ack = true;
	a = call_up(w, &plan);
	assert_false(party_callee(w, a)->is_acked);
	world_pass(w, 35000);

	assert_true(party_callee(w, a)->is_acked);
	assert_all_over(w, a, CALL_END_TIMEOUT);
}

/* ---- sides that are gone ---- */

/* RFC 3261 §12.2.1.2. */
static void side_that_knows_nothing_of_the_call_ends_it(void **state)
{
	struct world *w = world_create();
	struct leg *a = call_up(w, &long_call);
	struct leg *b = party_callee(w, a);

	b->is_over = true; /* he has lost his memory */
	leg_request(a, SIP_INFO, "are you there");
	world_pass(w, 2000);

	assert_int_equal(a->within_status, 481);
	assert_true(a->is_over);
	assert_all_over(w, a, CALL_END_LOST);
}

static void side_that_does_not_answer_ends_the_call(void **state)
{
	struct world *w = world_create();
	struct leg *a = call_up(w, &long_call);
	struct leg *b = party_callee(w, a);

	leg_request(b, SIP_UPDATE, "offer");
	w->loss_percent = 100;
	world_pass(w, 50);
	w->loss_percent = 0;
	leg_request(b, SIP_INFO, "x");
	world_pass(w, 1000);
	w->loss_percent = 100;
	leg_request(b, SIP_INFO, "y");
	world_pass(w, 100000);
	w->loss_percent = 0;
	leg_hang_up(a);
	leg_hang_up(b);
	world_settle(w);

	assert_true(a->is_over && b->is_over);
	assert_int_equal(w->n_calls_ended, 1);
	world_destroy(w);
}

/* ---- the end of all ---- */

/* RFC 3261 §15: also him whom nobody has answered, and him who has not answered. */
static void both_sides_of_all_calls_hear_that_they_end(void **state)
{
	struct world *w = world_create();
	struct plan ringing = {.ring_ms = 100, .answer_ms = 60000};
	struct leg *a = call_up(w, &long_call), *b = call_up(w, &long_call);
	struct leg *c = party_dial(w, &ringing);
	world_pass(w, 1000);

	assert_int_equal(calls_hang_up(w->calls, "SIP ;cause=503"), 3);
	assert_int_equal(calls_hang_up(w->calls, "SIP ;cause=503"), 0);
	world_settle(w);

	assert_true(a->is_over && party_callee(w, a)->is_over);
	assert_true(b->is_over && party_callee(w, b)->is_over);
	assert_int_equal(c->status, 487);
	assert_true(party_callee(w, c)->is_over);
	assert_int_equal(world_count(w, CALL_C_ENDED + CALL_END_SHUTDOWN), 3);
	world_destroy(w);
}

static void calls_that_run_are_freed_at_the_end(void **state)
{
	struct world *w = world_create();
	struct leg *a = call_up(w, &long_call);

	assert_non_null(a);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	for (unsigned i = 0; i < NODE_COUNT; i++) {
		transactions_destroy(w->parties[i].l);
		w->parties[i].l = NULL;
	}
	calls_destroy(w->calls);

	assert_int_equal(world_count(w, CALL_C_KEPT), 0);
	assert_int_equal(world_count(w, CALL_C_OPEN), 0);
	party_close(&w->parties[NODE_CALLER]);
	party_close(&w->parties[NODE_CALLEE]);
	assert_int_equal(w->wheel.count, 0);
	for (size_t i = 0; i < w->n_wire; i++)
		free(w->wire[i]);
	free(w);
}

/* The caller's BYE within the early dialog with TAG. */
static void end_early(struct world *w, const char *tag, unsigned n)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
		"BYE sip:192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKe%u\r\n"
		"From: <sip:alice@caller.example>;tag=a0\r\nTo: <sip:0@b2bua.example>;tag=%s\r\n"
		"Call-ID: caller-0\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
		n, tag);

	world_put(w, NODE_CALLER, NODE_B2BUA, text, (size_t)len);
	world_pass(w, 200);
}

/* RFC 3261 §15. */
static void bye_of_one_early_dialog_leaves_the_others(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 3000, .n_forks = 2};
	struct leg *a, *b;

	a = party_dial(w, &plan);
	world_pass(w, 1000);
	b = party_callee(w, a);
	assert_int_equal(a->n_tags, 2);
	end_early(w, a->tags[1], 1);

	assert_int_equal(b->n_late_byes, 1); /* the callee of that one hears it */
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	world_pass(w, 4000);
	assert_true(a->is_up && b->is_up && b->is_acked);
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void bye_of_the_last_early_dialog_ends_the_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 3000, .n_forks = 2};
	struct leg *a;

	a = party_dial(w, &plan);
	world_pass(w, 1000);
	end_early(w, a->tags[1], 1);
	end_early(w, a->tags[0], 2);

	assert_int_equal(world_count(w, CALL_C_OPEN), 0);
	assert_int_equal(w->end, CALL_END_CANCELLED);
	world_settle(w);
	assert_int_equal(a->status, 487);
	world_destroy(w);
}

static void dropped_callee_who_answers_gets_bye(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 3000, .n_forks = 2};
	struct leg *a, *b;

	a = party_dial(w, &plan);
	world_pass(w, 1000);
	end_early(w, a->tags[0], 1); /* of the one who answers */
	world_settle(w);
	b = party_callee(w, a);

	assert_true(b->is_up && b->is_over);
	assert_int_equal(a->status, 503);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(cancel_ends_a_ringing_call),
		cmocka_unit_test(cancel_before_any_response_reaches_the_callee),
		cmocka_unit_test(answer_that_crosses_a_cancel_is_ended),
		cmocka_unit_test(cancel_and_answer_may_cross_anywhere),
		cmocka_unit_test(callee_hangs_up),
		cmocka_unit_test(both_hang_up_at_once),
		cmocka_unit_test(bye_may_cross_the_answer),
		cmocka_unit_test(bye_waits_for_the_ack),
		cmocka_unit_test(bye_of_one_early_dialog_leaves_the_others),
		cmocka_unit_test(bye_of_the_last_early_dialog_ends_the_call),
		cmocka_unit_test(dropped_callee_who_answers_gets_bye),
		cmocka_unit_test(call_whose_ack_never_comes_ends),
		cmocka_unit_test(side_that_knows_nothing_of_the_call_ends_it),
		cmocka_unit_test(side_that_does_not_answer_ends_the_call),
		cmocka_unit_test(both_sides_of_all_calls_hear_that_they_end),
		cmocka_unit_test(calls_that_run_are_freed_at_the_end),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
