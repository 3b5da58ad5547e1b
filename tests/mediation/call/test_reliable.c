/* SPDX-License-Identifier: BSD-3-Clause */
/* Provisional responses that are acknowledged (RFC 3262), each side by itself or one by the other.
 */
#include "world.h"

#define SUPPORTS "Supported: 100rel\r\n"
static const struct plan usual = {
	.ring_ms = 100, .answer_ms = 2000, .hang_up_caller_ms = 5000, .sends_prack = true};

static void callee_is_acknowledged_for_a_caller_who_cannot(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.is_reliable = true;
	a = party_dial(w, &plan);
	world_pass(w, 1500);
	b = party_callee(w, a);

	assert_non_null(strstr(b->seen, "\r\nSupported: 100rel, replaces, timer\r\n"));
	assert_int_equal(b->n_pracks, 1);
	assert_int_equal(a->n_ringing, 1);
	assert_string_equal(a->body, "early");
	assert_null(strstr(a->seen, "100rel"));
	assert_null(strstr(a->seen, "RSeq"));
	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

static void copy_of_a_reliable_response_is_not_passed(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.is_reliable = true;
	w->doubled_percent = 100;
	a = party_dial(w, &plan);
	world_pass(w, 1500);

	assert_int_equal(party_callee(w, a)->n_pracks, 1);
	w->doubled_percent = 0;
	world_settle(w);
	world_destroy(w);
}

static void caller_gets_what_says_how_media_flow_reliably(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.fields = SUPPORTS;
	a = party_dial(w, &plan);
	world_pass(w, 1500);

	assert_int_equal(a->n_ringing, 1);
	assert_int_equal(a->n_pracks, 1);
	assert_int_equal(a->within_status, 200);
	assert_int_equal(party_callee(w, a)->n_pracks, 0);
	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

static void caller_who_requires_it_gets_all_of_them_so(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.fields = "Require: 100rel\r\n";
	plan.n_forks = 3; /* each in a dialog of its own, with numbers of its own */
	plan.sends_prack = false;
	a = party_dial(w, &plan);
	world_pass(w, 300);

	assert_int_equal(a->n_ringing, 3);
	assert_int_equal(a->n_tags, 3);
	assert_non_null(strstr(a->seen, "\r\nRSeq: "));
	leg_cancel(a);
	world_settle(w);
	assert_int_equal(a->status, 487);
	world_destroy(w);
}

/* RFC 3261 §13.2.1: the first reliable response would have to bring an offer. */
static void what_cannot_be_said_reliably_is_not_said(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.fields = "Require: 100rel\r\n";
	plan.is_late_offer = true;
	a = party_dial(w, &plan);
	world_pass(w, 1500);

	assert_int_equal(a->n_ringing, 0);
	assert_int_equal(world_count(w, CALL_C_DROPPED_PROVISIONAL), 1);
	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

/* RFC 6337 §2.2, the 4th of its patterns. */
static void offer_of_the_callee_is_answered_in_prack(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.is_late_offer = plan.is_reliable = true;
	plan.prack_body = "answer of a";
	a = party_dial(w, &plan);
	world_pass(w, 1500);
	b = party_callee(w, a);

	assert_non_null(strstr(b->seen, "\r\nSupported: 100rel, replaces, timer\r\n"));
	assert_string_equal(a->body, "early");
	assert_int_equal(b->n_pracks, 1);
	assert_string_equal(b->within_body, "answer of a");
	assert_int_equal(a->within_status, 200);
	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

static void answer_in_prack_that_is_refused_ends_the_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.is_late_offer = plan.is_reliable = true;
	plan.prack_body = "answer of a";
	w->refuses_offers = true;
	a = party_dial(w, &plan);
	world_pass(w, 1500);
	b = party_callee(w, a);

	assert_int_equal(a->status, 488);
	assert_int_equal(w->end, CALL_END_FAILED);
	assert_true(b->is_over);
	world_settle(w);
	world_destroy(w);
}

/* Who does not offer and cannot do it is told of no offer before the answer. */
static void without_an_offer_callee_hears_of_it_from_a_caller_who_can(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.is_late_offer = true;
	a = party_dial(w, &plan);
	world_pass(w, 1500);

	assert_null(strstr(party_callee(w, a)->seen, "100rel"));
	world_settle(w);
	world_destroy(w);
}

static void prack_is_the_other_sides(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.is_reliable = true;
	plan.sends_prack = false;
	a = party_dial(w, &plan);
	world_pass(w, 900);
	b = party_callee(w, a);
	assert_int_equal(b->n_pracks, 0);
	a->plan.sends_prack = true; /* for the next copy */
	world_pass(w, 1000);

	assert_int_equal(a->n_pracks, 1);
	assert_int_equal(b->n_pracks, 1);
	assert_int_equal(a->within_status, 200);
	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

/* RFC 3262 §5. */
static void offer_in_prack_has_its_answer(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.is_reliable = true;
	plan.prack_body = "another offer";
	a = party_dial(w, &plan);
	world_pass(w, 1500);
	b = party_callee(w, a);

	assert_int_equal(b->n_pracks, 1);
	assert_string_equal(b->within_body, "another offer");
	assert_int_equal(a->within_status, 200);
	assert_string_equal(a->within_body, "answer to prack");
	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

static void offer_in_prack_that_is_refused_acknowledges_all_the_same(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.is_reliable = true;
	plan.prack_body = "another offer";
	a = party_dial(w, &plan);
	world_pass(w, 50);
	w->refuses_offers = true;
	world_pass(w, 1000);
	b = party_callee(w, a);

	assert_int_equal(a->within_status, 488);
	assert_int_equal(b->n_pracks, 1);
	assert_string_equal(b->within_body, "");
	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

/* ---- INVITE within the call ---- */

static struct world *begin_thinking(const char *fields, struct leg **a, struct leg **b)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 1000, .is_reliable = true};

	*a = party_dial(w, &plan);
	world_pass(w, 2000);
	*b = party_callee(w, *a);
	assert_true((*a)->is_up && (*b)->is_up);
	(*b)->is_thinking = true;
	(*b)->n_pracks = 0;
	(*a)->fields = fields;
	leg_request(*a, SIP_INVITE, "hold");
	(*a)->fields = NULL;
	return w;
}

static void reinvite_may_require_reliable_responses(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_thinking("Require: 100rel\r\n", &a, &b);

	a->plan.sends_prack = true;
	world_pass(w, 500);
	assert_int_equal(a->n_within_ringing, 1);
	assert_int_equal(a->n_pracks, 1);
	assert_int_equal(a->within_status, 200); /* of PRACK */
	assert_int_equal(b->n_pracks, 1);        /* with the number that his first INVITE had */
	leg_answer(b);
	world_pass(w, 500);

	assert_string_equal(a->within_body, "answer again");
	assert_true(b->is_acked);
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void callee_is_acknowledged_within_the_call_for_one_who_cannot(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_thinking(NULL, &a, &b);

	world_pass(w, 500);
	assert_int_equal(a->n_within_ringing, 1);
	assert_null(strstr(a->seen, "RSeq"));
	assert_int_equal(b->n_pracks, 1);
	leg_answer(b);
	world_pass(w, 500);

	assert_int_equal(a->within_status, 200);
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void reinvite_that_is_never_acknowledged_leaves_the_call(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_thinking("Require: 100rel\r\n", &a, &b);

	world_pass(w, 34000);
	assert_int_equal(a->within_status, 500);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	b->is_thinking = false;
	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 500);

	assert_int_equal(a->within_status, 200);
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

/* The answer waits for a PRACK that never comes: whoever has given it gets his ACK. */
static void answer_that_has_waited_in_vain_is_acknowledged(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_thinking("Require: 100rel\r\n", &a, &b);

	world_pass(w, 500);
	leg_ring(b, 8, "early");
	leg_answer(b);
	world_pass(w, 30000);
	assert_false(b->is_acked);
	world_pass(w, 5000);
	assert_int_equal(a->within_status, 500);
	assert_true(b->is_acked);
	b->is_thinking = false;
	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 500);

	assert_int_equal(a->within_status, 200);
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void reliable_response_is_repeated_until_prack(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.fields = SUPPORTS;
	plan.answer_ms = 0;
	plan.sends_prack = false;
	plan.cancel_ms = 10000;
	a = party_dial(w, &plan);
	world_pass(w, 8200); /* after 0, 0.5, 1.5, 3.5, 7.5 s */

	assert_int_equal(a->n_ringing, 5);
	world_settle(w);
	assert_int_equal(a->status, 487);
	world_destroy(w);
}

static void answer_does_not_wait_behind_who_rang_in_vain(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = "Require: 100rel\r\n";
	plan.sends_prack = false;
	plan.second_answers = true;
	a = party_dial(w, &plan);
	world_pass(w, 300);
	b = party_callee(w, a);
	leg_ring(b, 0, "early");
	leg_ring(b, 0, "early");
	world_pass(w, 3000);

	assert_int_equal(a->status, 200);
	assert_int_equal(world_count(w, CALL_C_DROPPED_PROVISIONAL), 2);
	leg_answer(b); /* too late */
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

/* RFC 3262 §3: or the caller might not know whether he has the answer yet. */
static void answer_waits_for_prack(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.sends_prack = false;
	a = party_dial(w, &plan);
	world_pass(w, 4000);
	b = party_callee(w, a);
	assert_true(b->is_up);
	assert_int_equal(a->status, 0);
	a->plan.sends_prack = true; /* he gets a copy of it yet */
	world_pass(w, 5000);

	assert_int_equal(a->n_pracks, 1);
	assert_int_equal(a->status, 200);
	assert_true(a->is_up && b->is_acked);
	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

static void caller_who_never_acknowledges_is_given_up(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.sends_prack = false;
	a = party_dial(w, &plan);
	world_pass(w, 34000);
	b = party_callee(w, a);

	assert_int_equal(a->status, 500);
	assert_int_equal(w->end, CALL_END_TIMEOUT);
	world_settle(w);
	assert_true(b->is_over);
	world_destroy(w);
}

/* RFC 3262 §3: he waits for each PRACK. */
static void callee_who_does_not_wait_for_prack_gets_few(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .is_reliable = true};
	struct leg *a, *b;

	a = party_dial(w, &plan);
	world_pass(w, 500);
	b = party_callee(w, a);
	assert_int_equal(b->n_pracks, 1);
	for (uint32_t i = 8; i < 108; i++)
		leg_ring(b, i, "early");
	world_pass(w, 500);
	assert_in_range(b->n_pracks, 2, 8);
	assert_int_equal(world_count(w, CALL_C_DROPPED_PROVISIONAL), 1); /* then there is a gap */
	b->n_pracks = 0;
	leg_ring(b, 12, "early");
	world_pass(w, 500);
	assert_int_equal(b->n_pracks, 1);
	leg_cancel(a);
	world_settle(w);
	assert_int_equal(a->status, 487);
	world_destroy(w);
}

static void callee_who_rings_for_ever_fills_no_memory(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .fields = SUPPORTS, .sends_prack = false};
	struct leg *a, *b;

	a = party_dial(w, &plan);
	world_pass(w, 300);
	b = party_callee(w, a);
	for (unsigned i = 0; i < 500; i++)
		leg_ring(b, 0, "still ringing");
	world_pass(w, 100);
	a->plan.sends_prack = true; /* from the next copy on */
	world_pass(w, 20000);

	assert_in_range(a->n_pracks, 2, 100);
	assert_int_equal(world_count(w, CALL_C_DROPPED_PROVISIONAL), 501 - a->n_pracks);
	leg_cancel(a);
	world_settle(w);
	assert_int_equal(a->status, 487);
	world_destroy(w);
}

static void prack_of_nothing_gets_481(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	a = party_dial(w, &plan);
	world_pass(w, 3000);
	a->fields = "RAck: 1 1 INVITE\r\n";
	leg_request(a, SIP_PRACK, NULL);
	a->fields = NULL;
	world_pass(w, 500);

	assert_int_equal(a->within_status, 481);
	world_settle(w);
	world_destroy(w);
}

/* RFC 3262 §3: whoever has said the final one meanwhile is prepared for it. */
static void prack_that_crosses_the_answer_gets_200(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_thinking("Require: 100rel\r\n", &a, &b);
	const char *rack;
	char field[64];

	world_pass(w, 500);
	rack = strstr(a->seen, "\r\nRSeq: ");
	assert_non_null(rack);
	(void)snprintf(field, sizeof(field), "RAck: %lu %u INVITE\r\n", strtoul(rack + 8, NULL, 10),
		(unsigned)a->dialog.local_cseq);
	leg_answer(b);
	world_pass(w, 500);
	assert_true(b->is_acked);
	a->fields = field;
	leg_request(a, SIP_PRACK, NULL);
	world_pass(w, 500);
	assert_int_equal(a->within_status, 200);
	leg_request(a, SIP_PRACK, NULL);
	world_pass(w, 500);
	assert_int_equal(a->within_status, 481);

	a->fields = NULL;
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

/* RFC 3311: both sides have offer and answer, reliably. */
static void update_passes_in_an_early_dialog(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.is_reliable = true;
	plan.answer_ms = 5000;
	a = party_dial(w, &plan);
	world_pass(w, 1500);
	b = party_callee(w, a);
	leg_request(a, SIP_UPDATE, "early hold");
	world_pass(w, 500);
	assert_int_equal(a->within_status, 200);
	assert_string_equal(b->within_body, "early hold");
	leg_request(b, SIP_UPDATE, "from b");
	world_pass(w, 500);
	assert_int_equal(b->within_status, 200);
	assert_string_equal(a->within_body, "from b");

	world_settle(w);
	assert_int_equal(w->end, CALL_END_CALLER);
	world_destroy(w);
}

static void update_to_who_has_lost_ends_no_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.fields = SUPPORTS;
	plan.is_reliable = plan.second_answers = true;
	a = party_dial(w, &plan);
	world_pass(w, 1900);
	b = party_callee(w, a);
	b->update_status = 481;
	w->is_callee_deaf = true;
	leg_request(a, SIP_UPDATE, "early hold");
	world_pass(w, 600);
	assert_int_equal(a->status, 200);
	w->is_callee_deaf = false;
	world_pass(w, 2000);

	assert_int_equal(b->n_updates, 1);
	assert_int_equal(world_count(w, CALL_C_OPEN), 1);
	leg_answer(b); /* too late */
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void update_before_an_answer_gets_491(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.fields = SUPPORTS; /* the callee's ringing is not reliable */
	plan.answer_ms = 5000;
	a = party_dial(w, &plan);
	world_pass(w, 1500);
	leg_request(a, SIP_UPDATE, "early hold");
	world_pass(w, 500);

	assert_int_equal(a->within_status, 491);
	world_settle(w);
	world_destroy(w);
}

/* Everything at once, and every way to end. */
static void nothing_is_left_of_any_mixture(void **state)
{
	static const char *const wishes[] = {NULL, SUPPORTS, "Require: 100rel\r\n",
		"Supported: replaces, timer, 100rel\r\nSession-Expires: 90\r\n"};
	static const char *const sessions[] = {NULL,
		"Session-Expires: 90;refresher=uac\r\nRequire: timer\r\nAllow: UPDATE\r\n",
		"Session-Expires: 90;refresher=uas\r\nRequire: timer\r\n"};
	struct world *w = world_create();

	w->loss_percent = 5;
	w->doubled_percent = 5;
	w->delay_max_ms = 60;
	w->account = (struct sip_account){"edge", "secret"};
	w->algorithm = SIP_DIGEST_MD5;
	for (unsigned i = 0; i < 300; i++) {
		struct plan plan = {.ring_ms = world_draw(w, 2) ? 100 : 0,
			.answer_ms = world_draw(w, 4) ? 1 + world_draw(w, 4000) : 0,
			.status = world_draw(w, 5) ? 200 : 486,
			.hang_up_caller_ms = world_draw(w, 2) ? 1 + world_draw(w, 9000) : 0,
			.hang_up_callee_ms = world_draw(w, 2) ? 1 + world_draw(w, 9000) : 0,
			.cancel_ms = world_draw(w, 4) ? 0 : 1 + world_draw(w, 5000),
			.reinvite_caller_ms = world_draw(w, 3) ? 0 : 1 + world_draw(w, 3000),
			.reinvite_callee_ms = world_draw(w, 3) ? 0 : 1 + world_draw(w, 3000),
			.is_reliable = world_draw(w, 2),
			.is_late_offer = world_draw(w, 4) == 0,
			.prack_body = world_draw(w, 2) ? "in prack" : NULL,
			.sends_prack = world_draw(w, 4) != 0,
			.fields = wishes[world_draw(w, ARRAY_LEN(wishes))],
			.answer_fields = sessions[world_draw(w, ARRAY_LEN(sessions))]};
		plan.within_fields = plan.answer_fields;
		w->challenge = i % 3 == 2 ? 407 : 0;
		(void)party_dial(w, &plan);
		world_pass(w, 1 + world_draw(w, 300));
	}
	w->loss_percent = 0;
	w->challenge = 0;
	world_pass(w, 200000);
	for (unsigned i = 0; i < 300; i++) {
		struct leg *a = w->parties[NODE_CALLER].legs[i];
		if (a->is_up)
			leg_hang_up(a);
	}
	world_settle(w);

	assert_int_equal(world_count(w, CALL_C_OPEN), 0);
	assert_true(world_count(w, CALL_C_ANSWERED) > 50);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(callee_is_acknowledged_for_a_caller_who_cannot),
		cmocka_unit_test(copy_of_a_reliable_response_is_not_passed),
		cmocka_unit_test(caller_gets_what_says_how_media_flow_reliably),
		cmocka_unit_test(caller_who_requires_it_gets_all_of_them_so),
		cmocka_unit_test(what_cannot_be_said_reliably_is_not_said),
		cmocka_unit_test(offer_of_the_callee_is_answered_in_prack),
		cmocka_unit_test(answer_in_prack_that_is_refused_ends_the_call),
		cmocka_unit_test(without_an_offer_callee_hears_of_it_from_a_caller_who_can),
		cmocka_unit_test(prack_is_the_other_sides),
		cmocka_unit_test(offer_in_prack_has_its_answer),
		cmocka_unit_test(offer_in_prack_that_is_refused_acknowledges_all_the_same),
		cmocka_unit_test(reinvite_may_require_reliable_responses),
		cmocka_unit_test(callee_is_acknowledged_within_the_call_for_one_who_cannot),
		cmocka_unit_test(reinvite_that_is_never_acknowledged_leaves_the_call),
		cmocka_unit_test(answer_that_has_waited_in_vain_is_acknowledged),
		cmocka_unit_test(reliable_response_is_repeated_until_prack),
		cmocka_unit_test(answer_does_not_wait_behind_who_rang_in_vain),
		cmocka_unit_test(answer_waits_for_prack),
		cmocka_unit_test(caller_who_never_acknowledges_is_given_up),
		cmocka_unit_test(callee_who_does_not_wait_for_prack_gets_few),
		cmocka_unit_test(callee_who_rings_for_ever_fills_no_memory),
		cmocka_unit_test(prack_of_nothing_gets_481),
		cmocka_unit_test(prack_that_crosses_the_answer_gets_200),
		cmocka_unit_test(update_passes_in_an_early_dialog),
		cmocka_unit_test(update_to_who_has_lost_ends_no_call),
		cmocka_unit_test(update_before_an_answer_gets_491),
		cmocka_unit_test(nothing_is_left_of_any_mixture),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
