/* SPDX-License-Identifier: BSD-3-Clause */
/* A thousand calls of all kinds at once: whatever becomes of them, nothing is left. */
#include "world.h"

#define N_CALLS 1000

static struct plan some_plan(struct world *w, unsigned i)
{
	static const unsigned statuses[] = {486, 404, 503, 603, 302, 480};
	struct plan p = {
		.ring_ms = 50 + world_draw(w, 1000), .answer_ms = 1000 + world_draw(w, 4000)};

	switch (i % 8) {
	case 0:
		p.hang_up_caller_ms = 1 + world_draw(w, 20000);
		break;
	case 1:
		p.hang_up_callee_ms = 1 + world_draw(w, 20000);
		break;
	case 2:
		p.status = statuses[world_draw(w, ARRAY_LEN(statuses))];
		break;
	case 3:
		p.cancel_ms = 1 + world_draw(w, 6000);
		p.hang_up_callee_ms = 10000;
		break;
	case 4:
		p.n_forks = 1 + world_draw(w, 4);
		p.hang_up_caller_ms = 3000;
		break;
	case 5:
		p.reinvite_caller_ms = 500 + world_draw(w, 3000);
		p.reinvite_callee_ms = 500 + world_draw(w, 3000);
		p.hang_up_caller_ms = 8000;
		p.is_late_offer = true;
		break;
	case 6:
		p.hang_up_caller_ms = p.hang_up_callee_ms = 5000;
		break;
	default:
		p.answer_ms = 0;
		p.cancel_ms = 7000;
		break;
	}
	return p;
}

static void dial_all(struct world *w)
{
	for (unsigned i = 0; i < N_CALLS; i++) {
		struct plan p = some_plan(w, i);

		(void)party_dial(w, &p);
		world_pass(w, 20);
	}
	world_settle(w);
	world_settle(w);
}

static void assert_all_over(struct world *w)
{
	uint64_t ended = 0;

	for (unsigned i = 0; i < CALL_END_COUNT; i++)
		ended += world_count(w, CALL_C_ENDED + i);
	assert_int_equal(world_count(w, CALL_C_STARTED), ended);
	assert_int_equal(w->n_calls_ended, ended);
	for (unsigned i = 0; i < N_CALLS; i++)
		assert_true(w->parties[NODE_CALLER].legs[i]->is_over);
}

static void mixed_calls_leave_nothing_behind(void **state)
{
	struct world *w = world_create();

	dial_all(w);

	assert_all_over(w);
	assert_int_equal(world_count(w, CALL_C_STARTED), N_CALLS);
	assert_int_equal(world_count(w, CALL_C_ENDED + CALL_END_LOST), 0);
	assert_int_equal(world_count(w, CALL_C_ENDED + CALL_END_TIMEOUT), 0);
	for (unsigned i = 0; i < N_CALLS; i++) {
		struct leg *b = w->parties[NODE_CALLEE].legs[i];
		assert_true(!b || b->is_over);
	}
	world_destroy(w);
}

static void mixed_calls_over_connections_leave_nothing_behind(void **state)
{
	struct world *w = world_create();

	w->is_reliable = true;
	dial_all(w);

	assert_all_over(w);
	assert_int_equal(world_count(w, CALL_C_STARTED), N_CALLS);
	world_destroy(w);
}

/* Of ten messages one is lost and one comes twice; they overtake each other by up to 0.3 s. */
static void mixed_calls_over_bad_wires_leave_nothing_behind(void **state)
{
	struct world *w = world_create();

	w->loss_percent = 10;
	w->doubled_percent = 10;
	w->delay_max_ms = 300;
	dial_all(w);

	assert_all_over(w);
	assert_true(world_count(w, CALL_C_ANSWERED) > N_CALLS / 2);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(mixed_calls_leave_nothing_behind),
		cmocka_unit_test(mixed_calls_over_connections_leave_nothing_behind),
		cmocka_unit_test(mixed_calls_over_bad_wires_leave_nothing_behind),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
