/* SPDX-License-Identifier: BSD-3-Clause */
/* What the failure of an attempt means is the user's to say. */
#include <errno.h>

#include "world.h"

static const struct plan usual = {.ring_ms = 100, .answer_ms = 2000, .hang_up_caller_ms = 5000};

/* A refusal of ours says why to the caller, to the user, and in its counter. */
static void assert_explained(const struct world *w, const struct leg *a, unsigned why)
{
	assert_non_null(strstr(a->seen, "\r\nWarning: 399 sallyport \""));
	assert_int_equal(w->why, why);
	assert_int_equal(world_count(w, why), 1);
}

static void attempt_that_rings_is_reached_once(void **state)
{
	struct world *w = world_create();

	(void)party_dial(w, &usual);
	world_settle(w);

	assert_int_equal(w->n_reached, 1);
	assert_int_equal(w->n_failed, 0);
	world_destroy(w);
}

static void attempt_that_is_answered_at_once_is_reached_too(void **state)
{
	struct world *w = world_create();
	struct plan plan = usual;

	plan.ring_ms = 0;
	w->n_routes = 2;
	(void)party_dial(w, &plan);
	world_settle(w);

	assert_int_equal(w->n_failed, 1);
	assert_int_equal(w->failure, CALL_FAILED_RESPONSE);
	assert_int_equal(w->n_reached, 1);
	assert_int_equal(w->last_attempt, 1);
	world_destroy(w);
}

/* An INVITE with as many bytes of fields as may be: with ours there is no room for them. */
static void put_long_invite(struct world *w)
{
	static const char head[] =
		"INVITE sip:0@b2bua.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKl\r\nFrom: <sip:a@b>;tag=a\r\n"
		"To: <sip:0@b>\r\nCall-ID: l\r\nCSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1>\r\n"
		"Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: 1\r\n";
	char text[SIP_HEAD_MAX + 1];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", head);

	while (len < SIP_HEAD_MAX - 512)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "Subject: %0480d\r\n", 0);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\nv");
	world_put(w, NODE_CALLER, NODE_B2BUA, text, len);
}

static void request_that_grows_too_long_says_nothing_about_its_trunk(void **state)
{
	for (int is_late = 0; is_late < 2; is_late++) {
		struct world *w = world_create();

		w->n_routes = 3;
		w->is_late = is_late;
		put_long_invite(w);
		world_pass(w, 1000);
		if (is_late)
			world_ready(w, 0, 0, "v");
		world_settle(w);

		assert_int_equal(world_count(w, CALL_C_STARTED), 1);
		assert_int_equal(world_count(w, CALL_C_ENDED + CALL_END_FAILED), 1);
		assert_int_equal(w->n_failed, 0);
		world_destroy(w);
	}
}

static void user_may_try_elsewhere_after_any_response(void **state)
{
	static const struct call_verdict again = {.tries_next = true, .status = 480};
	struct world *w = world_create();
	struct plan busy = {.answer_ms = 100, .status = 486};
	struct leg *a;

	w->verdict = &again;
	a = party_dial(w, &busy);
	world_settle(w);

	assert_int_equal(w->n_failed, 1);
	assert_int_equal(a->status, 480);
	assert_int_equal(w->why, 0); /* the callee's own */
	assert_null(strstr(a->seen, "\r\nWarning: "));
	world_destroy(w);
}

static void user_may_end_it_after_503(void **state)
{
	static const struct call_verdict final = {.tries_next = false, .status = 486};
	struct world *w = world_create();
	struct leg *a;

	w->n_routes = 3;
	w->verdict = &final;
	a = party_dial(w, &usual);
	world_settle(w);

	assert_int_equal(a->status, 486);
	assert_string_equal(a->reason, "Busy Here");
	assert_int_equal(world_count(w, CALL_C_NEXT_ROUTE), 0);
	world_destroy(w);
}

/* RFC 3326: why says more than the code, which may have been mapped. */
static void reason_of_the_callee_passes_with_another_code(void **state)
{
	static const struct call_verdict final = {.tries_next = false, .status = 503};
	struct world *w = world_create();
	struct plan busy = {.answer_ms = 100,
		.status = 486,
		.refusal_fields = "Reason: Q.850;cause=34;text=\"no circuit\"\r\n"};
	struct leg *a;

	w->verdict = &final;
	a = party_dial(w, &busy);
	world_settle(w);

	assert_int_equal(a->status, 503);
	assert_non_null(strstr(a->seen, "\r\nReason: Q.850;cause=34;text=\"no circuit\"\r\n"));
	world_destroy(w);
}

static void silence_is_told_from_a_refusal(void **state)
{
	struct world *w = world_create();
	struct plan silent = {.ring_ms = 0};
	struct leg *a;

	w->progress_ms = 3000;
	a = party_dial(w, &silent);
	world_pass(w, 2800);
	assert_int_equal(w->n_failed, 0);
	world_pass(w, 500);

	assert_int_equal(w->n_failed, 1);
	assert_int_equal(w->failure, CALL_FAILED_NO_PROGRESS);
	assert_int_equal(a->status, 408);
	assert_explained(w, a, CALL_C_REFUSED_NO_PROGRESS);
	world_settle(w);
	world_destroy(w);
}

/* Nothing but 100: with no time for progress it is the one for an answer. */
static void without_a_time_for_progress_ringing_time_counts(void **state)
{
	struct world *w = world_create();
	struct plan silent = {.ring_ms = 0};
	struct leg *a;

	w->progress_ms = 0;
	a = party_dial(w, &silent);
	world_pass(w, 179000);
	assert_int_equal(a->status, 0);
	world_pass(w, 2000);

	assert_int_equal(a->status, 408);
	world_settle(w);
	world_destroy(w);
}

static void gateway_that_says_nothing_is_silent(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->progress_ms = 0;
	w->is_callee_deaf = true;
	a = party_dial(w, &usual);
	world_pass(w, 33000);

	assert_int_equal(w->failure, CALL_FAILED_SILENT);
	assert_int_equal(a->status, 408);
	assert_explained(w, a, CALL_C_REFUSED_SILENT);
	world_settle(w);
	world_destroy(w);
}

static void gateway_that_cannot_be_sent_to_is_unreachable(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->is_callee_gone = true;
	a = party_dial(w, &usual);
	world_settle(w);

	assert_int_equal(w->n_failed, 1);
	assert_int_equal(w->failure, CALL_FAILED_UNREACHABLE);
	assert_int_equal(a->status, 503);
	assert_explained(w, a, CALL_C_REFUSED_UNREACHABLE);
	world_destroy(w);
}

/* It has no room, not we: the next one is tried. */
static void gateway_that_does_not_read_is_told_from_one_that_is_gone(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->is_callee_unread = true;
	a = party_dial(w, &usual);
	world_settle(w);

	assert_int_equal(w->failure, CALL_FAILED_UNREACHABLE);
	assert_int_equal(a->status, 503);
	assert_explained(w, a, CALL_C_REFUSED_UNREAD);
	world_destroy(w);
}

/* Nor is it final: the next one has room of its own. */
static void node_that_is_full_says_nothing_about_a_trunk(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->is_late = w->is_full = true;
	w->n_routes = 2;
	a = party_dial(w, &usual);
	world_pass(w, 100);
	world_ready(w, 0, 0, "v");
	world_pass(w, 100);
	assert_int_equal(w->n_asked, 2);
	world_ready(w, 1, 0, "v");
	world_settle(w);

	assert_int_equal(w->n_failed, 0);
	assert_int_equal(a->status, 503);
	assert_explained(w, a, CALL_C_REFUSED_TRANSACTIONS);
	world_destroy(w);
}

/* Else the caller would leave the node alone for a gateway's sake. */
static void want_of_room_is_not_told_of_a_later_attempt(void **state)
{
	static const struct call_verdict failed = {.status = 503};
	struct world *w = world_create();
	struct leg *a;

	w->is_late = w->is_full = true;
	w->n_routes = 2;
	w->verdict = &failed;
	a = party_dial(w, &(struct plan){.ring_ms = 0});
	world_pass(w, 100);
	world_ready(w, 0, 0, "v");
	w->is_full = false;
	w->is_callee_deaf = true;
	world_ready(w, 1, 0, "v");
	world_settle(w);

	assert_int_equal(w->n_failed, 1);
	assert_int_equal(a->status, 503);
	assert_null(strstr(a->seen, "\r\nRetry-After: "));
	world_destroy(w);
}

static void media_without_room_is_told_from_a_description_that_cannot_be(void **state)
{
	static const struct {
		int rc;
		unsigned status, why;
	} cases[] = {{ERR_FULL, 503, CALL_C_REFUSED_MEDIA},
		{ERR_DENIED, 488, CALL_C_REFUSED_DESCRIPTION},
		{-ENOMEM, 503, CALL_C_REFUSED_MEMORY}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world *w = world_create();
		struct leg *a;

		w->is_late = true;
		a = party_dial(w, &usual);
		world_pass(w, 100);
		world_ready(w, 0, cases[i].rc, "");
		world_settle(w);

		assert_int_equal(a->status, cases[i].status);
		assert_explained(w, a, cases[i].why);
		world_destroy(w);
	}
}

/* RFC 3261 §9.2: what a route before has come to is not why. */
static void caller_who_cancels_the_second_attempt_is_not_refused_for_the_first(void **state)
{
	static const struct call_verdict again = {.tries_next = true, .status = 503};
	struct world *w = world_create();
	struct plan silent = {.ring_ms = 0};
	struct leg *a;

	w->progress_ms = 3000;
	w->n_routes = 2;
	w->verdict = &again;
	a = party_dial(w, &silent);
	world_pass(w, 1000);
	assert_int_equal(w->n_failed, 1);
	leg_cancel(a);
	world_settle(w);

	assert_int_equal(a->status, 487);
	assert_int_equal(w->why, 0);
	assert_null(strstr(a->seen, "\r\nWarning: "));
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(attempt_that_rings_is_reached_once),
		cmocka_unit_test(attempt_that_is_answered_at_once_is_reached_too),
		cmocka_unit_test(request_that_grows_too_long_says_nothing_about_its_trunk),
		cmocka_unit_test(user_may_try_elsewhere_after_any_response),
		cmocka_unit_test(user_may_end_it_after_503),
		cmocka_unit_test(reason_of_the_callee_passes_with_another_code),
		cmocka_unit_test(silence_is_told_from_a_refusal),
		cmocka_unit_test(without_a_time_for_progress_ringing_time_counts),
		cmocka_unit_test(gateway_that_says_nothing_is_silent),
		cmocka_unit_test(gateway_that_cannot_be_sent_to_is_unreachable),
		cmocka_unit_test(gateway_that_does_not_read_is_told_from_one_that_is_gone),
		cmocka_unit_test(node_that_is_full_says_nothing_about_a_trunk),
		cmocka_unit_test(want_of_room_is_not_told_of_a_later_attempt),
		cmocka_unit_test(media_without_room_is_told_from_a_description_that_cannot_be),
		cmocka_unit_test(
			caller_who_cancels_the_second_attempt_is_not_refused_for_the_first),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
