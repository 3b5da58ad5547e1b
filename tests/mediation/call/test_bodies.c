/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages that wait for their bodies, and what happens meanwhile. */
#include <errno.h>

#include "world.h"

static const struct plan usual = {.ring_ms = 100, .answer_ms = 1000, .hang_up_caller_ms = 5000};
static const struct plan long_call = {.ring_ms = 100, .answer_ms = 1000};

static void end(struct world *w)
{
	world_settle(w);
	world_destroy(w);
}

static struct world *begin_late(const struct plan *plan, struct leg **a)
{
	struct world *w = world_create();

	w->is_late = true;
	*a = party_dial(w, plan);
	world_pass(w, 500);
	assert_int_equal(w->n_asked, 1);
	assert_null(party_callee(w, *a));
	return w;
}

/* A call that is up, and then the hook says "later". */
static struct world *begin_up(struct leg **a, struct leg **b)
{
	struct world *w = world_create();

	*a = party_dial(w, &long_call);
	world_pass(w, 3000);
	*b = party_callee(w, *a);
	assert_true((*a)->is_up && (*b)->is_up && (*b)->is_acked);
	w->is_late = true;
	return w;
}

/* ---- the INVITE that begins a call ---- */

static void offer_goes_on_when_its_body_is_ready(void **state)
{
	struct leg *a;
	struct world *w = begin_late(&usual, &a);

	w->is_late = false;
	world_ready(w, 0, 0, "made anew");
	world_pass(w, 3000);
	assert_string_equal(party_callee(w, a)->body, "made anew");
	assert_true(a->is_up);
	world_ready(w, 0, 0, "again"); /* waits no more */
	end(w);
}

static void offer_that_is_refused_later_gets_488(void **state)
{
	struct leg *a;
	struct world *w = begin_late(&usual, &a);

	w->n_routes = 3;
	world_ready(w, 0, ERR_DENIED, "");
	world_pass(w, 500);
	assert_int_equal(a->status, 488);
	assert_null(party_callee(w, a));
	assert_int_equal(w->n_asked, 1);
	end(w);
}

static void caller_who_cancels_meanwhile_gets_487(void **state)
{
	struct leg *a;
	struct world *w = begin_late(&usual, &a);

	leg_cancel(a);
	world_pass(w, 500);
	assert_int_equal(a->status, 487);
	assert_int_equal(w->end, CALL_END_CANCELLED);
	assert_int_equal(w->n_calls_ended, 1);
	end(w);
}

static void connection_that_goes_meanwhile_ends_the_call(void **state)
{
	struct leg *a;
	struct world *w = world_create();

	w->is_late = true;
	w->is_reliable = true;
	a = party_dial(w, &usual);
	world_pass(w, 500);
	w->loss_percent = 100;
	leg_cancel(a);
	transactions_flow_failed(w->parties[NODE_B2BUA].l, 1u + NODE_CALLER);
	world_pass(w, 500);
	/* A reply may find another way to him; nobody asks for one yet. */
	world_ready(w, 0, ERR_DENIED, "");
	world_pass(w, 40000);
	assert_int_equal(w->n_calls_ended, 1);
	assert_null(party_callee(w, a));
	end(w);
}

static void route_that_waits_too_long_is_given_up(void **state)
{
	struct leg *a;
	struct world *w = begin_late(&usual, &a);

	world_pass(w, 20000);
	assert_int_equal(a->status, 408);
	assert_int_equal(w->end, CALL_END_FAILED);
	end(w);
}

static void next_route_is_asked_for_anew(void **state)
{
	struct leg *a;
	struct world *w = world_create();

	w->is_late = true;
	w->n_routes = 2;
	a = party_dial(w, &usual);
	world_pass(w, 300);
	world_ready(w, 0, 0, "for the first");
	world_pass(w, 300);
	assert_int_equal(w->n_asked, 2);
	assert_true(w->asked[0].exchange != w->asked[1].exchange);
	world_ready(w, 0, 0, "too late");
	w->is_late = false;
	world_ready(w, 1, 0, "for the second");
	world_pass(w, 3000);
	assert_string_equal(party_callee(w, a)->body, "for the second");
	assert_true(a->is_up);
	end(w);
}

/* ---- what answers it ---- */

static void answers_go_on_in_their_order(void **state)
{
	struct world *w = world_create();
	struct leg *a = party_dial(w, &usual);

	world_pass(w, 50);
	w->is_late = true;
	world_pass(w, 2000);
	assert_int_equal(w->n_asked, 2); /* 180 and 200 */
	assert_true(w->asked[0].fork != 0 && w->asked[0].fork == w->asked[1].fork);
	assert_true(w->asked[0].exchange == w->asked[1].exchange);
	world_ready(w, 1, 0, "final");
	world_pass(w, 100);
	assert_int_equal(a->n_ringing, 0);
	assert_false(a->is_up);
	world_ready(w, 0, 0, "early");
	world_pass(w, 100);
	assert_int_equal(a->n_ringing, 1);
	assert_true(a->is_up);
	assert_string_equal(a->body, "final");
	w->is_late = false;
	world_pass(w, 1000);
	assert_true(party_callee(w, a)->is_acked);
	end(w);
}

static struct world *begin_answered(struct leg **a, struct leg **b)
{
	struct world *w = world_create();
	struct plan plan = long_call;

	plan.ring_ms = 0;
	*a = party_dial(w, &plan);
	world_pass(w, 100);
	w->is_late = true;
	world_pass(w, 6000); /* he has answered, and says so again and again */
	*b = party_callee(w, *a);
	assert_true((*b)->is_up && !(*b)->is_acked && !(*a)->is_up);
	assert_int_equal(w->n_asked, 1);
	return w;
}

static void answer_waits_while_it_is_repeated(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_answered(&a, &b);

	world_ready(w, 0, 0, "made anew");
	world_pass(w, 5000);
	assert_string_equal(a->body, "made anew");
	assert_true(a->is_up && b->is_acked);
	w->is_late = false;
	leg_hang_up(b);
	world_pass(w, 500);
	assert_true(a->is_over);
	end(w);
}

static void answer_that_is_refused_later_ends_the_call(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_answered(&a, &b);

	world_ready(w, 0, -ENOMEM, "");
	world_pass(w, 5000);
	assert_int_equal(a->status, 488);
	assert_true(b->is_acked && b->is_over);
	assert_int_equal(w->end, CALL_END_FAILED);
	assert_int_equal(metrics_get(w->parties[NODE_CALLER].cells, TRANSACTION_C_SERVER_OTHER), 0);
	end(w);
}

static void caller_who_cancels_an_answer_that_waits_gets_487_alone(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_answered(&a, &b);

	leg_cancel(a);
	world_pass(w, 5000);
	assert_int_equal(a->status, 487);
	assert_true(b->is_acked && b->is_over);
	assert_int_equal(w->end, CALL_END_CANCELLED);
	assert_int_equal(metrics_get(w->parties[NODE_CALLER].cells, TRANSACTION_C_SERVER_OTHER), 0);
	end(w);
}

static void callee_who_hangs_up_while_his_answer_waits_ends_the_call(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_answered(&a, &b);

	leg_hang_up(b);
	world_pass(w, 5000);
	assert_int_equal(a->status, 487);
	assert_int_equal(w->end, CALL_END_CALLEE);
	assert_int_equal(metrics_get(w->parties[NODE_CALLER].cells, TRANSACTION_C_SERVER_OTHER), 0);
	end(w);
}

static void refusal_overtakes_ringing_that_waits(void **state)
{
	struct world *w = world_create();
	struct plan plan = {.ring_ms = 100, .answer_ms = 500, .status = 486};
	struct leg *a = party_dial(w, &plan);

	world_pass(w, 50);
	w->is_late = true;
	world_pass(w, 300);
	assert_int_equal(w->n_asked, 1);
	w->is_late = false;
	world_pass(w, 1000);
	assert_int_equal(a->n_ringing, 0);
	assert_int_equal(a->status, 486);
	end(w);
}

/* ---- within the call ---- */

/* The callee has accepted a session that the caller does not have. */
static void answer_that_waits_when_it_is_cancelled_is_undone(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 200); /* 100 Trying, so that he may cancel */
	world_ready(w, 0, 0, "hold");
	world_pass(w, 100);
	assert_int_equal(w->n_asked, 2); /* his answer */
	w->is_late = false;
	leg_cancel_within(a);
	world_pass(w, 1000);

	assert_int_equal(a->within_status, 487);
	assert_int_equal(b->n_requests, 2);
	assert_string_equal(b->within_body, "offer 0");
	assert_true(b->is_acked);
	leg_hang_up(a);
	end(w);
}

static void answer_that_is_refused_within_the_call_is_undone(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 100);
	world_ready(w, 0, 0, "hold");
	world_pass(w, 100);
	w->is_late = false;
	world_ready(w, 1, ERR_DENIED, "");
	world_pass(w, 1000);

	assert_int_equal(a->within_status, 488);
	assert_int_equal(b->n_requests, 2);
	assert_string_equal(b->within_body, "offer 0");
	assert_true(b->is_acked);
	leg_hang_up(a);
	end(w);
}

/* ---- ACK ---- */

static void late_answer_goes_on_when_it_is_ready(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.ring_ms = 0;
	plan.is_late_offer = true;
	a = party_dial(w, &plan);
	world_pass(w, 500);
	w->is_late = true;
	world_pass(w, 1000);
	world_ready(w, 0, 0, "offer of the callee");
	world_pass(w, 3000);
	b = party_callee(w, a);
	assert_string_equal(a->body, "offer of the callee");
	assert_int_equal(w->n_asked, 2);
	assert_true(w->asked[0].exchange == w->asked[1].exchange);
	assert_false(b->is_acked);
	world_ready(w, 1, 0, "answer of the caller");
	world_pass(w, 500);
	assert_true(b->is_acked);
	assert_string_equal(b->ack_body, "answer of the caller");
	end(w);
}

static void late_answer_that_is_refused_ends_the_call(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a, *b;

	plan.ring_ms = 0;
	plan.is_late_offer = true;
	a = party_dial(w, &plan);
	world_pass(w, 500);
	w->is_late = true;
	world_pass(w, 1000);
	world_ready(w, 0, 0, "offer of the callee");
	world_pass(w, 1000);
	b = party_callee(w, a);
	world_ready(w, 1, ERR_DENIED, "");
	world_pass(w, 1000);
	assert_true(a->is_over && b->is_over && b->is_acked);
	assert_string_equal(b->ack_body, "");
	assert_int_equal(w->end, CALL_END_FAILED);
	end(w);
}

static void caller_may_hang_up_while_his_answer_waits(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.ring_ms = 0;
	plan.is_late_offer = true;
	a = party_dial(w, &plan);
	world_pass(w, 500);
	w->is_late = true;
	world_pass(w, 1000);
	world_ready(w, 0, 0, "offer of the callee");
	world_pass(w, 1000);
	leg_hang_up(a);
	world_pass(w, 1000);
	assert_true(party_callee(w, a)->is_over && party_callee(w, a)->is_acked);
	end(w);
}

/* ---- within a call ---- */

static void reinvite_and_its_answer_wait(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 3000);
	assert_int_equal(b->n_requests, 0);
	world_ready(w, 0, 0, "hold anew");
	world_pass(w, 3000);
	assert_string_equal(b->within_body, "hold anew");
	assert_int_equal(a->within_status, 0);
	world_ready(w, 1, 0, "held");
	world_pass(w, 1000);
	assert_int_equal(a->within_status, 200);
	assert_string_equal(a->within_body, "held");
	assert_true(b->is_acked);
	w->is_late = false;
	leg_hang_up(a);
	end(w);
}

static void reinvite_that_is_cancelled_meanwhile_goes_nowhere(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(b, SIP_INVITE, "hold");
	world_pass(w, 500);
	leg_cancel_within(b);
	world_pass(w, 500);
	assert_int_equal(b->within_status, 487);
	assert_true(w->off == w->asked[0].exchange);
	world_ready(w, 0, 0, "hold anew");
	w->is_late = false;
	world_pass(w, 500);
	assert_int_equal(a->n_requests, 0);
	leg_request(b, SIP_INVITE, "once more");
	world_pass(w, 1000);
	assert_int_equal(b->within_status, 200);
	leg_hang_up(a);
	end(w);
}

/* The other side has changed its session: it gets its ACK. */
static void reinvite_that_is_cancelled_when_its_answer_waits_is_acknowledged(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 500);
	world_ready(w, 0, 0, "hold anew");
	world_pass(w, 500);
	assert_int_equal(w->n_asked, 2);
	leg_cancel_within(a);
	world_pass(w, 1000);
	assert_int_equal(a->within_status, 487);
	assert_true(b->is_acked);
	w->is_late = false;
	leg_hang_up(a);
	end(w);
}

static void update_meets_491_while_something_waits(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(a, SIP_UPDATE, "one");
	world_pass(w, 100);
	leg_request(b, SIP_UPDATE, "two");
	world_pass(w, 100);
	assert_int_equal(b->within_status, 491);
	w->is_late = false;
	world_ready(w, 0, 0, "one anew");
	world_pass(w, 500);
	assert_string_equal(b->within_body, "one anew");
	assert_int_equal(a->within_status, 200);
	leg_hang_up(a);
	end(w);
}

/* It is answered within 64 T1, or not at all: RFC 3261 §17.2.2. */
static void update_that_waits_too_long_goes_nowhere(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(a, SIP_UPDATE, "one");
	world_pass(w, 40000);
	world_ready(w, 0, 0, "one anew");
	world_pass(w, 500);
	assert_int_equal(b->n_requests, 0);
	w->is_late = false;
	leg_hang_up(a);
	end(w);
}

static void reinvite_that_is_refused_tells_who_made_the_offer(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 100);
	world_ready(w, 0, ERR_DENIED, "");
	world_pass(w, 500);
	assert_int_equal(a->within_status, 488);
	assert_true(w->off == w->asked[0].exchange);
	w->is_late = false;
	leg_hang_up(b);
	end(w);
}

/* Neither what an UPDATE offers nor what a 2xx does stays open for ever. */
static void offer_that_nobody_answers_is_off(void **state)
{
	struct world *w = world_create();
	struct leg *a = party_dial(w, &long_call);

	world_pass(w, 3000);
	w->off = 0;
	leg_request(a, SIP_UPDATE, "offer again");
	world_pass(w, 100);
	assert_int_equal(a->within_status, 200);
	assert_true(w->off != 0);
	w->off = 0;
	leg_request(a, SIP_INVITE, NULL);
	world_pass(w, 100);
	assert_int_equal(a->within_status, 200);
	assert_true(w->off != 0);
	leg_hang_up(a);
	end(w);
}

static void hanging_up_meanwhile_ends_the_call(void **state)
{
	struct leg *a, *b;
	struct world *w = begin_up(&a, &b);

	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 100);
	leg_hang_up(b);
	world_pass(w, 2000);
	assert_true(a->is_over);
	assert_int_equal(a->within_status, 487);
	end(w);
}

/* ---- out of memory ---- */

/* The allocation that fails, from 1, and so many behind it; 0: none. */
static unsigned failing, n_behind;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	if (failing == 0 || --failing > 0)
		return __real_malloc(size);
	if (n_behind > 0) {
		n_behind--;
		failing = 1;
	}
	return NULL;
}

static void fail_from_here(void *arg)
{
	failing = *(const unsigned *)arg;
}

static void offer_that_cannot_wait_gets_503(void **state)
{
	for (unsigned nth = 1; nth <= 2; nth++) {
		struct world *w = world_create();
		struct leg *a = party_dial(w, &usual);

		w->is_late = true;
		w->asking = fail_from_here;
		w->asking_arg = &nth;
		world_pass(w, 500);
		assert_int_equal(failing, 0);
		assert_int_equal(a->status, 503);
		assert_int_equal(w->why, CALL_C_REFUSED_MEMORY);
		assert_int_equal(w->n_failed, 0); /* it says nothing of the trunk */
		assert_int_equal(w->end, CALL_END_FAILED);
		end(w);
	}
}

static void answer_that_cannot_wait_ends_the_call(void **state)
{
	unsigned nth = 1;
	struct world *w = world_create();
	struct plan plan = usual;
	struct leg *a;

	plan.ring_ms = 0;
	a = party_dial(w, &plan);
	world_pass(w, 500);
	w->is_late = true;
	w->asking = fail_from_here;
	w->asking_arg = &nth;
	world_pass(w, 2000);
	assert_int_equal(a->status, 488);
	assert_true(party_callee(w, a)->is_acked && party_callee(w, a)->is_over);
	end(w);
}

static void body_that_cannot_be_kept_is_refused(void **state)
{
	struct leg *a;
	struct world *w = begin_late(&usual, &a);

	failing = 1;
	world_ready(w, 0, 0, "made anew");
	world_pass(w, 500);
	assert_int_equal(a->status, 503);
	end(w);
}

struct window {
	unsigned from, behind;
};

static void fail_for_a_while(void *arg)
{
	const struct window *f = arg;

	failing = f->from;
	n_behind = f->behind;
}

static void fail_no_more(void)
{
	failing = n_behind = 0;
}

/* The INVITE that it belongs to may be gone before the PRACK is done with. */
static void prack_that_is_refused_leaves_nothing_without_memory(void **state)
{
	for (unsigned i = 0; i < 64; i++) {
		struct world *w = world_create();
		struct window f = {.from = 1 + i % 8, .behind = i / 8};
		struct plan plan = usual;
		struct leg *a;

		plan.fields = "Supported: 100rel\r\n";
		plan.is_late_offer = plan.is_reliable = plan.sends_prack = true;
		plan.prack_body = "answer of a";
		w->refuses_offers = true;
		w->asking = fail_for_a_while;
		w->asking_arg = &f;
		w->done = fail_no_more;
		a = party_dial(w, &plan);
		world_pass(w, 1500);
		assert_int_equal(w->n_calls_ended, 1);
		if (a->status == 0) /* not even that could be said */
			leg_cancel(a);
		end(w);
	}
}

/* ---- the end of everything ---- */

static void calls_that_wait_go_with_all_others(void **state)
{
	struct leg *a;
	struct world *w = begin_late(&usual, &a);
	struct transactions *old = w->parties[NODE_B2BUA].l;

	(void)a;
	transactions_destroy(old);
	calls_destroy(w->calls);
	assert_int_equal(world_count(w, CALL_C_OPEN), 0);
	assert_int_equal(world_count(w, CALL_C_KEPT), 0);
	w->calls = NULL;
	w->parties[NODE_B2BUA].l = NULL;
	for (unsigned i = 0; i < WIRE_MAX && w->n_wire > 0; i++)
		free(w->wire[--w->n_wire]);
	transactions_destroy(w->parties[NODE_CALLER].l);
	transactions_destroy(w->parties[NODE_CALLEE].l);
	party_close(&w->parties[NODE_CALLER]);
	party_close(&w->parties[NODE_CALLEE]);
	assert_int_equal(w->wheel.count, 0);
	free(w);
}

/* Whatever comes when, nothing is left: world_destroy says so. */
static void any_order_of_things_comes_to_an_end(void **state)
{
	for (uint64_t seed = 1; seed < 60; seed++) {
		struct world *w = world_create();
		struct plan plan = {.ring_ms = 200, .answer_ms = 600, .n_forks = 1 + seed % 3};
		struct leg *a;

		w->seed = seed;
		w->is_late = true;
		w->delay_max_ms = 200;
		w->loss_percent = seed % 20;
		plan.hang_up_caller_ms = seed % 2 ? 900 : 0;
		plan.hang_up_callee_ms = seed % 2 ? 0 : 700;
		plan.reinvite_caller_ms = 300;
		plan.reinvite_callee_ms = seed % 3 ? 0 : 350;
		plan.cancel_ms = seed % 5 ? 0 : 700;
		a = party_dial(w, &plan);
		for (unsigned i = 0, done = 0; i < 60; i++) {
			world_pass(w, 10 + world_draw(w, 200));
			if (w->n_calls_ended == 0 && done < w->n_asked)
				world_ready(w, done++, world_draw(w, 12) ? 0 : ERR_DENIED, "any");
		}
		leg_hang_up(a);
		w->loss_percent = 0;
		world_pass(w, 40000);
		for (unsigned i = 0; w->n_calls_ended == 0 && i < w->n_asked; i++)
			world_ready(w, i, ERR_DENIED, "");
		end(w);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(offer_goes_on_when_its_body_is_ready),
		cmocka_unit_test(offer_that_is_refused_later_gets_488),
		cmocka_unit_test(caller_who_cancels_meanwhile_gets_487),
		cmocka_unit_test(connection_that_goes_meanwhile_ends_the_call),
		cmocka_unit_test(route_that_waits_too_long_is_given_up),
		cmocka_unit_test(next_route_is_asked_for_anew),
		cmocka_unit_test(answers_go_on_in_their_order),
		cmocka_unit_test(answer_waits_while_it_is_repeated),
		cmocka_unit_test(answer_that_is_refused_later_ends_the_call),
		cmocka_unit_test(caller_who_cancels_an_answer_that_waits_gets_487_alone),
		cmocka_unit_test(callee_who_hangs_up_while_his_answer_waits_ends_the_call),
		cmocka_unit_test(refusal_overtakes_ringing_that_waits),
		cmocka_unit_test(answer_that_waits_when_it_is_cancelled_is_undone),
		cmocka_unit_test(answer_that_is_refused_within_the_call_is_undone),
		cmocka_unit_test(late_answer_goes_on_when_it_is_ready),
		cmocka_unit_test(late_answer_that_is_refused_ends_the_call),
		cmocka_unit_test(caller_may_hang_up_while_his_answer_waits),
		cmocka_unit_test(reinvite_and_its_answer_wait),
		cmocka_unit_test(reinvite_that_is_cancelled_meanwhile_goes_nowhere),
		cmocka_unit_test(reinvite_that_is_cancelled_when_its_answer_waits_is_acknowledged),
		cmocka_unit_test(update_meets_491_while_something_waits),
		cmocka_unit_test(update_that_waits_too_long_goes_nowhere),
		cmocka_unit_test(reinvite_that_is_refused_tells_who_made_the_offer),
		cmocka_unit_test(offer_that_nobody_answers_is_off),
		cmocka_unit_test(hanging_up_meanwhile_ends_the_call),
		cmocka_unit_test(offer_that_cannot_wait_gets_503),
		cmocka_unit_test(answer_that_cannot_wait_ends_the_call),
		cmocka_unit_test(body_that_cannot_be_kept_is_refused),
		cmocka_unit_test(prack_that_is_refused_leaves_nothing_without_memory),
		cmocka_unit_test(calls_that_wait_go_with_all_others),
		cmocka_unit_test(any_order_of_things_comes_to_an_end),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
