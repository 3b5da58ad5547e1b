/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of ours that are challenged (RFC 3261 §22, RFC 7616). */
#include "world.h"

static const struct plan usual = {.ring_ms = 100, .answer_ms = 1000};

static struct world *asked_by(unsigned status, enum sip_digest_algorithm algorithm)
{
	struct world *w = world_create();

	w->account = (struct sip_account){"edge", "secret"};
	w->challenge = status;
	w->algorithm = algorithm;
	return w;
}

static void invite_is_sent_again_with_credentials(void **state)
{
	static const enum sip_digest_algorithm algorithms[] = {
		SIP_DIGEST_MD5, SIP_DIGEST_MD5_SESS, SIP_DIGEST_SHA256, SIP_DIGEST_SHA256_SESS};

	for (unsigned i = 0; i < 2 * ARRAY_LEN(algorithms); i++) {
		struct world *w = asked_by(i % 2 ? 407 : 401, algorithms[i / 2]);
		struct leg *a = party_dial(w, &usual), *b;

		world_pass(w, 3000);
		b = party_callee(w, a);
		assert_true(a->is_up && b->is_up && b->is_acked);
		assert_non_null(strstr(b->seen, "\r\nCSeq: 2 INVITE\r\n"));
		assert_string_equal(b->body, "offer 0");
		assert_int_equal(w->n_challenges, 1);
		assert_int_equal(world_count(w, CALL_C_CHALLENGES_ANSWERED), 1);
		assert_int_equal(world_count(w, CALL_C_NEXT_ROUTE), 0);
		assert_int_equal(w->n_failed, 0);
		leg_hang_up(a);
		world_settle(w);
		assert_true(b->is_over);
		world_destroy(w);
	}
}

/* RFC 3261 §13.2.2.4. */
static void ack_has_the_credentials_of_its_invite(void **state)
{
	struct world *w = asked_by(401, SIP_DIGEST_MD5);
	struct leg *a = party_dial(w, &usual), *b;

	world_pass(w, 3000);
	b = party_callee(w, a);

	assert_non_null(strstr(b->ack_seen, "\r\nAuthorization: Digest "));
	assert_non_null(strstr(b->ack_seen, "\r\nCSeq: 2 ACK\r\n"));
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void further_requests_have_credentials_at_once(void **state)
{
	struct world *w = asked_by(407, SIP_DIGEST_SHA256);
	struct leg *a = party_dial(w, &usual), *b;

	world_pass(w, 3000);
	b = party_callee(w, a);
	leg_request(a, SIP_INFO, "x");
	world_pass(w, 500);
	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 500);
	leg_hang_up(a);
	world_settle(w);

	assert_int_equal(a->within_status, 200);
	assert_true(b->is_over);
	assert_int_equal(w->n_challenges, 1);
	assert_int_equal(w->n_credentials, 4);
	world_destroy(w);
}

static void each_request_may_be_challenged_anew(void **state)
{
	struct world *w = asked_by(401, SIP_DIGEST_MD5);
	struct leg *a, *b;

	w->is_nonce_once = true;
	a = party_dial(w, &usual);
	world_pass(w, 3000);
	b = party_callee(w, a);
	leg_request(a, SIP_UPDATE, "x");
	world_pass(w, 500);
	assert_int_equal(a->within_status, 200);
	leg_request(a, SIP_INVITE, "hold");
	world_pass(w, 500);
	assert_int_equal(a->within_status, 200);
	leg_hang_up(a);
	world_settle(w);

	assert_true(b->is_over);
	assert_int_equal(w->n_credentials, 4);
	world_destroy(w);
}

static void bye_to_the_caller_is_sent_again_too(void **state)
{
	struct world *w = world_create();
	struct leg *a, *b;

	w->account = (struct sip_account){"edge", "secret"};
	w->algorithm = SIP_DIGEST_MD5;
	a = party_dial(w, &usual);
	world_pass(w, 3000);
	b = party_callee(w, a);
	w->challenge = 407;
	leg_hang_up(b); /* is asked, too, and knows nothing */
	w->challenge = 407;
	world_settle(w);

	assert_true(a->is_over);
	assert_int_equal(world_count(w, CALL_C_CHALLENGES_ANSWERED), 1);
	world_destroy(w);
}

static void wrong_account_is_refused_after_few_tries(void **state)
{
	struct world *w = asked_by(401, SIP_DIGEST_MD5);
	struct leg *a;

	w->takes_nobody = true;
	a = party_dial(w, &usual);
	world_settle(w);

	assert_int_equal(a->status, 403);
	assert_in_range(w->n_challenges, 2, SIP_AUTH_TRIES + 1);
	assert_int_equal(w->end, CALL_END_FAILED);
	world_destroy(w);
}

static void without_an_account_the_caller_hears_403(void **state)
{
	struct world *w = asked_by(407, SIP_DIGEST_MD5);
	struct leg *a;

	w->account.username = NULL;
	a = party_dial(w, &usual);
	world_settle(w);

	assert_int_equal(a->status, 403);
	assert_int_equal(w->n_challenges, 1);
	world_destroy(w);
}

/* The account is that of the gateway of the next attempt. */
static void late_callee_of_another_attempt_gets_no_credentials(void **state)
{
	struct world *w = world_create();
	struct leg *a;

	w->account = (struct sip_account){"edge", "secret"};
	w->algorithm = SIP_DIGEST_MD5;
	w->n_routes = 2;
	w->is_lost_late = true;
	w->progress_ms = 2000;
	a = party_dial(w, &usual);
	while (world_count(w, CALL_C_NEXT_ROUTE) == 0)
		world_pass(w, 10);
	world_pass(w, 20);
	w->challenge = 401; /* BYE is on its way to him */
	world_pass(w, 20);
	assert_int_equal(w->n_challenges, 1);
	w->challenge = 0;
	world_pass(w, 3000);

	assert_true(a->is_up);
	assert_int_equal(world_count(w, CALL_C_FORKS_ENDED), 1);
	assert_int_equal(world_count(w, CALL_C_CHALLENGES_ANSWERED), 0);
	leg_hang_up(a);
	world_settle(w);
	world_destroy(w);
}

static void cancel_follows_the_request_that_was_sent_again(void **state)
{
	struct world *w = asked_by(401, SIP_DIGEST_MD5);
	struct plan plan = {.ring_ms = 100, .cancel_ms = 1000};
	struct leg *a;

	a = party_dial(w, &plan);
	world_settle(w);

	assert_int_equal(a->status, 487);
	assert_true(party_callee(w, a)->is_over);
	assert_int_equal(w->n_challenges, 1);
	assert_int_equal(w->end, CALL_END_CANCELLED);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(invite_is_sent_again_with_credentials),
		cmocka_unit_test(ack_has_the_credentials_of_its_invite),
		cmocka_unit_test(further_requests_have_credentials_at_once),
		cmocka_unit_test(each_request_may_be_challenged_anew),
		cmocka_unit_test(bye_to_the_caller_is_sent_again_too),
		cmocka_unit_test(wrong_account_is_refused_after_few_tries),
		cmocka_unit_test(without_an_account_the_caller_hears_403),
		cmocka_unit_test(late_callee_of_another_attempt_gets_no_credentials),
		cmocka_unit_test(cancel_follows_the_request_that_was_sent_again),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
