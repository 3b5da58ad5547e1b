/* SPDX-License-Identifier: BSD-3-Clause */
/* Transfer by REFER within a call. */
#include "world.h"

#define TARGET 500 /* the telephone that others are transferred to */

static const struct plan long_call = {.ring_ms = 100, .answer_ms = 1000};
static const char to_target[] = "Refer-To: <sip:500@b2bua.example>\r\n";

struct talk {
	struct world *w;
	struct leg *a, *b;
};

static struct talk begin_with(const struct plan *target, const char *allow)
{
	struct plan plan = long_call;
	struct talk t = {.w = world_create()};

	t.w->may_refer = true;
	t.w->plans[TARGET] = *target;
	plan.answer_fields = allow;
	t.a = party_dial(t.w, &plan);
	world_pass(t.w, 3000);
	t.b = party_callee(t.w, t.a);
	assert_true(t.a->is_up && t.b->is_up && t.b->is_acked);
	return t;
}

static struct talk begin(void)
{
	return begin_with(&long_call, NULL);
}

static struct leg *target_of(const struct talk *t)
{
	return t->w->parties[NODE_CALLEE].legs[TARGET];
}

static void refer(struct leg *g, const char *fields)
{
	g->fields = fields;
	leg_request(g, SIP_REFER, NULL);
	g->fields = NULL;
}

static void refused(struct talk *t, const char *fields, unsigned status)
{
	refer(t->a, fields);
	world_pass(t->w, 1000);
	assert_int_equal(t->a->within_status, status);
	assert_int_equal(t->a->n_notified, 0);
}

static void end(struct talk *t, struct leg *by)
{
	if (by)
		leg_hang_up(by);
	world_settle(t->w);
	world_destroy(t->w);
}

/* The two are in one call. */
static void hear_each_other(struct world *w, struct leg *one, struct leg *other)
{
	leg_request(one, SIP_INFO, "hello");
	world_pass(w, 500);
	assert_int_equal(one->within_status, 200);
	assert_string_equal(other->within_body, "hello");
	leg_request(other, SIP_INFO, "hello back");
	world_pass(w, 500);
	assert_int_equal(other->within_status, 200);
	assert_string_equal(one->within_body, "hello back");
}

static void heard(const struct leg *g, unsigned n, const unsigned *all)
{
	assert_int_equal(g->n_notified, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(g->notified[i], all[i]);
	assert_non_null(strstr(g->notify_seen, "Event: refer\r\n"));
	assert_non_null(strstr(g->notify_seen,
		all[n - 1] >= 200 ? "Subscription-State: terminated;reason=noresource\r\n"
				  : "Subscription-State: active;expires="));
}

static void transferred(struct talk *t, struct leg *by, struct leg *other)
{
	static const unsigned all[] = {100, 180, 200};
	struct leg *target;

	refer(by, to_target);
	world_pass(t->w, 100);
	assert_int_equal(by->within_status, 202);
	world_pass(t->w, 3000);
	target = target_of(t);

	heard(by, 3, all);
	assert_true(by->is_over && !other->is_over && target->is_up && target->is_acked);
	assert_string_equal(target->body, "our own");
	assert_string_equal(other->within_body, "our own");
	assert_true(other->is_acked);
	assert_int_equal(world_count(t->w, CALL_C_OPEN), 1);
	assert_int_equal(world_count(t->w, CALL_C_TRANSFERRED), 1);
	assert_int_equal(world_count(t->w, CALL_C_ENDED + CALL_END_TRANSFERRED), 1);
	assert_int_equal(t->w->n_joined, 1);
	assert_int_equal(t->w->told, 200);
	hear_each_other(t->w, other, target);
	hear_each_other(t->w, target, other);
	leg_request(other, SIP_INVITE, "hold");
	world_pass(t->w, 1000);
	assert_int_equal(other->within_status, 200);
	assert_string_equal(target->within_body, "hold");
}

static void the_caller_transfers_the_callee(void **state)
{
	struct talk t = begin();

	transferred(&t, t.a, t.b);
	leg_hang_up(target_of(&t));
	world_pass(t.w, 1000);
	assert_true(t.b->is_over);
	assert_int_equal(t.w->end, CALL_END_CALLEE);
	end(&t, NULL);
}

static void the_callee_transfers_the_caller(void **state)
{
	struct talk t = begin();

	transferred(&t, t.b, t.a);
	leg_hang_up(t.a);
	world_pass(t.w, 1000);
	assert_true(target_of(&t)->is_over);
	assert_int_equal(t.w->end, CALL_END_CALLER);
	end(&t, NULL);
}

static void who_was_transferred_transfers_again(void **state)
{
	struct talk t = begin();

	t.w->plans[TARGET + 1] = long_call;
	transferred(&t, t.a, t.b);
	refer(t.b, "Refer-To: <sip:501@b2bua.example>\r\n");
	world_pass(t.w, 3000);

	assert_int_equal(t.b->notified[t.b->n_notified - 1], 200);
	assert_true(t.b->is_over);
	hear_each_other(t.w, target_of(&t), t.w->parties[NODE_CALLEE].legs[TARGET + 1]);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	end(&t, target_of(&t));
}

static void a_target_that_refuses_leaves_the_call(void **state)
{
	static const struct plan busy = {.ring_ms = 100, .answer_ms = 500, .status = 486};
	static const unsigned all[] = {100, 180, 486};
	struct talk t = begin_with(&busy, NULL);

	refer(t.a, to_target);
	world_pass(t.w, 3000);

	heard(t.a, 3, all);
	assert_int_equal(t.w->told, 486);
	assert_int_equal(t.w->why, 0); /* he says it himself */
	assert_int_equal(t.b->n_requests, 0);
	hear_each_other(t.w, t.a, t.b);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	/* and it may be tried again, under an id of its own (RFC 3515 §2.4.6) */
	t.w->n_routes = 0;
	refer(t.a, to_target);
	world_pass(t.w, 3000);
	assert_int_equal(t.a->n_notified, 5);
	assert_int_equal(t.a->notified[4], 404);
	assert_int_equal(t.w->n_told, 3);
	assert_int_equal(t.w->told, 404);
	assert_int_equal(t.w->why, CALL_C_REFUSED_ROUTE);
	assert_int_equal(world_count(t.w, CALL_C_REFUSED_ROUTE), 1);
	assert_non_null(strstr(t.a->notify_seen, "Event: refer;id="));
	hear_each_other(t.w, t.a, t.b);
	end(&t, t.a);
}

static void who_will_not_be_joined_stays(void **state)
{
	struct talk t = begin();

	t.b->within_refusal = 488;
	refer(t.a, to_target);
	world_pass(t.w, 4000);

	assert_int_equal(t.a->notified[t.a->n_notified - 1], 488);
	assert_true(target_of(&t)->is_over && !t.a->is_over && !t.b->is_over);
	hear_each_other(t.w, t.a, t.b);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	end(&t, t.b);
}

static void an_invite_that_is_met_is_sent_again(void **state)
{
	struct talk t = begin();

	t.b->n_busy = 2;
	refer(t.a, to_target);
	world_pass(t.w, 10000);

	assert_int_equal(t.a->notified[t.a->n_notified - 1], 200);
	hear_each_other(t.w, t.b, target_of(&t));
	end(&t, t.b);
}

static void who_leaves_ends_the_transfer(void **state)
{
	static const struct plan rings = {.ring_ms = 100};
	struct talk t = begin_with(&rings, NULL);

	refer(t.a, to_target);
	world_pass(t.w, 1000);
	leg_hang_up(t.b);
	world_pass(t.w, 1000);

	assert_true(t.a->is_over && target_of(&t)->is_over);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 0);
	end(&t, NULL);
}

static void the_referrer_may_leave_at_once(void **state)
{
	static const struct plan slow = {.ring_ms = 100, .answer_ms = 60000};
	struct talk t = begin_with(&slow, NULL);

	refer(t.a, to_target);
	world_pass(t.w, 1000);
	leg_hang_up(t.a);
	world_pass(t.w, 10000);
	assert_true(!t.b->is_over);
	leg_request(t.b, SIP_INFO, "anybody?");
	world_pass(t.w, 500);
	assert_int_equal(t.b->within_status, 491);
	world_pass(t.w, 60000);

	assert_true(target_of(&t)->is_up);
	hear_each_other(t.w, t.b, target_of(&t));
	end(&t, t.b);
}

static void nobody_is_left_when_the_referrer_has_gone(void **state)
{
	static const struct plan busy = {.ring_ms = 100, .answer_ms = 5000, .status = 486};
	struct talk t = begin_with(&busy, NULL);

	refer(t.a, to_target);
	world_pass(t.w, 1000);
	leg_hang_up(t.a);
	world_pass(t.w, 10000);

	assert_true(t.b->is_over);
	assert_int_equal(t.w->end, CALL_END_CALLER);
	end(&t, NULL);
}

static void the_target_may_change_its_mind(void **state)
{
	struct talk t = begin();

	t.b->n_busy = 1; /* so that it has the time */
	refer(t.a, to_target);
	world_pass(t.w, 1100);
	assert_true(target_of(&t)->is_up);
	leg_hang_up(target_of(&t));
	world_pass(t.w, 10000);

	assert_int_equal(t.a->notified[t.a->n_notified - 1], 487);
	hear_each_other(t.w, t.a, t.b);
	end(&t, t.a);
}

static void all_calls_end_at_once(void **state)
{
	static const struct plan rings = {.ring_ms = 100};
	struct talk t = begin_with(&rings, NULL);

	refer(t.a, to_target);
	world_pass(t.w, 1000);
	assert_int_equal(calls_hang_up(t.w->calls, "over"), 2);
	world_pass(t.w, 1000);

	assert_true(t.a->is_over && t.b->is_over && target_of(&t)->is_over);
	end(&t, NULL);
}

/* RFC 3261 §21.4.6 */
static void whoever_may_not_refer_gets_405(void **state)
{
	struct talk t = begin();

	t.w->may_refer = false;
	leg_hang_up(t.a);
	world_settle(t.w);
	t.a = party_dial(t.w, &long_call);
	world_pass(t.w, 3000);
	refused(&t, to_target, 405);
	assert_non_null(strstr(t.a->seen, "Allow: INVITE"));
	assert_null(strstr(t.a->seen, ", REFER"));
	assert_int_equal(t.w->n_refers, 0);
	end(&t, t.a);
}

static void targets_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *fields;
		unsigned status;
	} bad[] = {
		{"", 400},
		{"Refer-To: <sip:500@a.example>\r\nRefer-To: <sip:501@a.example>\r\n", 400},
		{"Refer-To: nonsense\r\n", 400},
		{"Refer-To: <https://a.example/>\r\n", 416},
		{"Refer-To: <sip:500@a.example;method=BYE>\r\n", 501},
	};
	char longest[CALL_TARGET_MAX + 64];
	struct talk t = begin();

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		refused(&t, bad[i].fields, bad[i].status);
	(void)snprintf(longest, sizeof(longest), "Refer-To: <sip:500@b2bua.example;x=%0*d>\r\n",
		CALL_TARGET_MAX + 1 - (int)strlen("sip:500@b2bua.example;x="), 0);
	refused(&t, longest, 400);
	assert_int_equal(t.w->n_refers, 0);
	(void)snprintf(longest, sizeof(longest), "Refer-To: <sip:500@b2bua.example;x=%0*d>\r\n",
		CALL_TARGET_MAX - (int)strlen("sip:500@b2bua.example;x="), 0);
	refer(t.a, longest);
	world_pass(t.w, 3000);
	assert_int_equal(t.a->notified[t.a->n_notified - 1], 200);
	end(&t, t.b);
}

static void one_transfer_at_a_time(void **state)
{
	static const struct plan rings = {.ring_ms = 100};
	struct talk t = begin_with(&rings, NULL);

	refer(t.a, to_target);
	world_pass(t.w, 1000);
	refer(t.a, "Refer-To: <sip:501@b2bua.example>\r\n");
	world_pass(t.w, 500);
	assert_int_equal(t.a->within_status, 491);
	refer(t.b, "Refer-To: <sip:501@b2bua.example>\r\n");
	world_pass(t.w, 500);
	assert_int_equal(t.b->within_status, 491);
	assert_int_equal(world_count(t.w, CALL_C_TRANSFERS), 1);
	leg_hang_up(t.b);
	end(&t, NULL);
}

static void transfers_of_a_call_are_few(void **state)
{
	struct talk t = begin();

	t.w->n_routes = 0;
	for (unsigned i = 0; i < 20; i++) {
		refer(t.a, to_target);
		world_pass(t.w, 1000);
		t.a->n_notified = 0;
	}
	assert_int_equal(t.a->within_status, 403);
	assert_int_equal(world_count(t.w, CALL_C_TRANSFERS), 16);
	hear_each_other(t.w, t.a, t.b);
	end(&t, t.a);
}

static void a_transfer_counts_as_a_call_of_the_referrers(void **state)
{
	static const struct plan rings = {.ring_ms = 100};
	struct talk t = {.w = world_create_limited(8, 20)};
	struct leg *one_more;

	t.w->may_refer = true;
	t.w->plans[TARGET] = rings;
	for (unsigned i = 0; i < 5; i++)
		t.a = party_dial(t.w, &long_call);
	world_pass(t.w, 3000);
	refer(t.a, to_target);
	world_pass(t.w, 1000);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 6);
	one_more = party_dial(t.w, &long_call);
	world_pass(t.w, 1000);

	assert_int_equal(one_more->status, 503);
	(void)calls_hang_up(t.w->calls, "over");
	end(&t, NULL);
}

/* RFC 4488 */
static void a_referrer_may_want_no_word(void **state)
{
	struct talk t = begin();

	refer(t.a, "Refer-To: <sip:500@b2bua.example>\r\nRefer-Sub: false\r\n"
		   "Require: norefersub\r\n");
	world_pass(t.w, 100);
	assert_int_equal(t.a->within_status, 200);
	assert_non_null(strstr(t.a->seen, "Refer-Sub: false"));
	world_pass(t.w, 3000);

	assert_int_equal(t.a->n_notified, 0);
	hear_each_other(t.w, t.b, target_of(&t));
	end(&t, t.b);
}

static void notify(struct leg *g, const char *fields, const char *body)
{
	g->fields = fields;
	leg_request(g, SIP_NOTIFY, body);
	g->fields = NULL;
}

static void a_peer_that_can_transfers_itself(void **state)
{
	struct talk t = begin_with(&long_call, "Allow: INVITE, ACK, BYE, REFER\r\n");
	static const unsigned all[] = {180, 200};

	t.w->passes_refers = true;
	leg_hang_up(t.a);
	world_settle(t.w);
	struct plan plan = long_call;
	plan.answer_fields = "Allow: INVITE, ACK, BYE, REFER\r\n";
	t.a = party_dial(t.w, &plan);
	world_pass(t.w, 3000);
	t.b = party_callee(t.w, t.a);
	notify(t.b, "Event: refer\r\nSubscription-State: active\r\n", "SIP/2.0 200 OK\r\n");
	world_pass(t.w, 500);
	assert_int_equal(t.b->within_status, 481); /* nobody has asked */

	refer(t.a, "Refer-To: <sip:500@b2bua.example>\r\nReferred-By: <sip:7@a.example>\r\n");
	world_pass(t.w, 1000);
	assert_int_equal(t.a->within_status, 200);
	assert_int_equal(world_count(t.w, CALL_C_REFERS_PASSED), 1);
	assert_non_null(strstr(t.b->within_seen, "Refer-To: <sip:elsewhere@callee.example>\r\n"));
	assert_non_null(strstr(t.b->within_seen, "Referred-By: <sip:referrer@b2bua.example>\r\n"));
	assert_null(strstr(t.b->within_seen, "7@a.example"));
	notify(t.b, "Event: refer\r\nSubscription-State: active\r\n",
		"SIP/2.0 180 Ringing\r\nServer: secret\r\n");
	world_pass(t.w, 500);
	notify(t.b, "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n",
		"SIP/2.0 200 OK\r\n");
	world_pass(t.w, 500);

	heard(t.a, 2, all);
	assert_null(target_of(&t));
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	end(&t, t.a);
}

/* Each of them is a transaction to somebody else. */
static void words_of_progress_are_few(void **state)
{
	struct plan plan = long_call;
	struct talk t = {.w = world_create()};
	unsigned n = 0;

	plan.answer_fields = "Allow: INVITE, ACK, BYE, REFER\r\n";
	t.w->may_refer = t.w->passes_refers = true;
	t.a = party_dial(t.w, &plan);
	world_pass(t.w, 3000);
	t.b = party_callee(t.w, t.a);
	refer(t.a, to_target);
	world_pass(t.w, 1000);
	for (unsigned i = 0; i < 40; i++) {
		notify(t.b, "Event: refer\r\nSubscription-State: active\r\n",
			i % 2 ? "SIP/2.0 180 Ringing\r\n" : "SIP/2.0 183 Progress\r\n");
		world_pass(t.w, 500);
		n += t.a->n_notified;
		t.a->n_notified = 0;
	}
	assert_int_equal(n, 16);
	notify(t.b, "Event: refer\r\nSubscription-State: terminated\r\n", "SIP/2.0 200 OK\r\n");
	world_pass(t.w, 500);
	assert_int_equal(t.a->n_notified, 1);
	assert_int_equal(t.a->notified[0], 200);
	end(&t, t.a);
}

static void a_peer_that_cannot_has_it_done(void **state)
{
	struct talk t = begin_with(&long_call, "Allow: INVITE, ACK, BYE\r\n");

	t.w->passes_refers = true;
	transferred(&t, t.a, t.b);
	assert_int_equal(world_count(t.w, CALL_C_REFERS_PASSED), 0);
	end(&t, t.b);
}

/* ---- with Replaces (RFC 3891) ---- */

/* As the header of a URI, or a header field of its own: the dialog of G's with us. */
static void name_dialog(const struct leg *g, bool is_escaped, char *out, size_t cap)
{
	const struct sip_dialog *d = &g->dialog;
	const char *semicolon = is_escaped ? "%3B" : ";", *equals = is_escaped ? "%3D" : "=";

	(void)snprintf(out, cap, "%.*s%sto-tag%s%.*s%sfrom-tag%s%.*s", (int)d->call_id.len,
		d->call_id.at, semicolon, equals, (int)d->remote_tag.len, d->remote_tag.at,
		semicolon, equals, (int)d->local_tag.len, d->local_tag.at);
}

static struct leg *consult(struct talk *t, struct leg **callee)
{
	struct leg *g = party_dial(t->w, &long_call);

	world_pass(t->w, 3000);
	*callee = party_callee(t->w, g);
	assert_true(g->is_up && (*callee)->is_up);
	return g;
}

static void attended(struct leg *by, const struct leg *replaced)
{
	char id[256], fields[400];

	name_dialog(replaced, true, id, sizeof(id));
	(void)snprintf(
		fields, sizeof(fields), "Refer-To: <sip:x@b2bua.example?Replaces=%s>\r\n", id);
	refer(by, fields);
}

static void two_calls_of_a_referrer_become_one(void **state)
{
	static const unsigned all[] = {100, 200};
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	attended(t.a, second);
	world_pass(t.w, 3000);

	heard(t.a, 2, all);
	assert_true(t.a->is_over && second->is_over && !t.b->is_over && !q->is_over);
	assert_string_equal(t.b->within_body, "our own");
	assert_string_equal(q->within_body, "our own");
	assert_true(t.b->is_acked && q->is_acked);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	assert_int_equal(world_count(t.w, CALL_C_ENDED + CALL_END_TRANSFERRED), 2);
	assert_int_equal(t.w->n_joined, 2);
	hear_each_other(t.w, t.b, q);
	leg_request(q, SIP_INVITE, "hold");
	world_pass(t.w, 1000);
	assert_string_equal(t.b->within_body, "hold");
	end(&t, q);
}

static void who_was_asked_first_is_told_again_when_the_other_refuses(void **state)
{
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	t.b->within_refusal = 488;
	attended(t.a, second);
	world_pass(t.w, 10000);

	assert_int_equal(t.a->notified[t.a->n_notified - 1], 488);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 2);
	assert_string_equal(q->within_body, "offer 1");
	hear_each_other(t.w, t.a, t.b);
	hear_each_other(t.w, second, q);
	leg_hang_up(t.a);
	end(&t, q);
}

static void a_second_call_that_refuses_leaves_both(void **state)
{
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	q->within_refusal = 488;
	attended(t.a, second);
	world_pass(t.w, 10000);

	assert_int_equal(t.a->notified[t.a->n_notified - 1], 488);
	hear_each_other(t.w, t.a, t.b);
	hear_each_other(t.w, second, q);
	leg_hang_up(t.b);
	end(&t, second);
}

/* Who has accepted is not called back to the call that he leaves. */
static void nothing_is_offered_meanwhile(void **state)
{
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	t.b->n_busy = 1; /* so that q waits for him */
	attended(t.a, second);
	world_pass(t.w, 200);
	assert_string_equal(q->within_body, "our own");
	leg_request(second, SIP_INVITE, "hold");
	world_pass(t.w, 300);
	assert_int_equal(second->within_status, 491);
	world_pass(t.w, 10000);

	assert_string_equal(q->within_body, "our own");
	hear_each_other(t.w, t.b, q);
	end(&t, q);
}

/* RFC 3261 §14.1: one INVITE at a time, in whichever call. */
static void who_is_asked_in_vain_is_told_again_when_he_has_answered(void **state)
{
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	t.b->is_thinking = true;
	attended(t.a, second);
	world_pass(t.w, 500);
	assert_string_equal(t.b->within_body, "our own");
	t.w->drops_cancel = true;
	leg_hang_up(q);
	world_pass(t.w, 5000);
	assert_true(second->is_over);
	assert_int_equal(t.w->n_said_again, 0);
	leg_request(t.a, SIP_INVITE, "hold");
	world_pass(t.w, 500);
	assert_int_equal(t.a->within_status, 491);
	refer(t.a, to_target);
	world_pass(t.w, 500);
	assert_int_equal(t.a->within_status, 491);

	leg_answer(t.b);
	world_pass(t.w, 3000);
	assert_int_equal(t.b->n_overlaps, 0);
	assert_int_equal(t.w->n_said_again, 1);
	assert_string_equal(t.b->within_body, "offer 0");
	assert_true(t.b->is_acked);
	hear_each_other(t.w, t.a, t.b);
	end(&t, t.a);
}

static void who_has_refused_in_the_end_is_told_nothing(void **state)
{
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	t.b->is_thinking = true;
	attended(t.a, second);
	world_pass(t.w, 500);
	leg_hang_up(q);
	world_pass(t.w, 5000);

	assert_int_equal(t.w->n_said_again, 0);
	assert_string_equal(t.b->within_body, "our own");
	hear_each_other(t.w, t.a, t.b);
	end(&t, t.a);
}

static void a_join_that_meets_an_invite_is_tried_again(void **state)
{
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	q->n_busy = 2;
	t.b->n_busy = 2;
	attended(t.a, second);
	world_pass(t.w, 20000);

	assert_int_equal(t.a->notified[t.a->n_notified - 1], 200);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	hear_each_other(t.w, t.b, q);
	end(&t, q);
}

/* RFC 3264 §4: one offer at a time, whatever method has it. */
static void a_join_waits_for_an_update_that_offers(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct talk t = begin();
		struct leg *q, *second = consult(&t, &q);
		struct leg *const by[] = {t.a, t.b, second, q};
		t.w->is_late = true;
		leg_request(by[i], SIP_UPDATE, "hold");
		world_pass(t.w, 200);
		assert_int_equal(t.w->n_asked, 1);
		t.w->is_late = false;
		attended(t.a, second);
		world_pass(t.w, 1000);
		assert_string_not_equal(i < 2 ? t.b->within_body : q->within_body, "our own");
		world_ready(t.w, 0, 0, "hold made anew");
		world_pass(t.w, 20000);
		assert_int_equal(by[i]->within_status, 200);
		assert_int_equal(t.a->notified[t.a->n_notified - 1], 200);
		hear_each_other(t.w, t.b, q);
		end(&t, q);
	}
}

static void a_join_is_not_tried_for_ever(void **state)
{
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	q->n_busy = 1000;
	attended(t.a, second);
	world_pass(t.w, 60000);

	assert_int_equal(t.a->notified[t.a->n_notified - 1], 491);
	assert_int_equal(q->n_requests, 6);
	q->n_busy = 0;
	hear_each_other(t.w, t.a, t.b);
	hear_each_other(t.w, second, q);
	leg_hang_up(t.a);
	end(&t, q);
}

/* Telephones hang up both calls when they have their 202. */
static void the_referrer_may_leave_the_second_call_too(void **state)
{
	for (unsigned i = 1; i < 4; i++) {
		struct talk t = begin();
		struct leg *q, *second = consult(&t, &q);
		q->is_thinking = true;
		attended(t.a, second);
		world_pass(t.w, 200);
		if (i & 1)
			leg_hang_up(second);
		if (i & 2)
			leg_hang_up(t.a);
		world_pass(t.w, 5000);
		assert_false(q->is_over || t.b->is_over);
		leg_answer(q);
		world_pass(t.w, 3000);
		assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
		hear_each_other(t.w, t.b, q);
		end(&t, q);
	}
}

static void who_was_left_for_a_join_in_vain_is_alone(void **state)
{
	struct talk t = begin();
	struct leg *q, *second = consult(&t, &q);

	t.b->is_thinking = true;
	t.b->within_refusal = 0;
	attended(t.a, second);
	world_pass(t.w, 200);
	leg_hang_up(second);
	world_pass(t.w, 500);
	assert_false(q->is_over);
	leg_hang_up(t.b);
	world_pass(t.w, 3000);

	assert_true(q->is_over && t.a->is_over);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 0);
	end(&t, NULL);
}

static void a_dialog_of_others_is_the_targets_to_find(void **state)
{
	struct talk t = begin();

	refer(t.a, "Refer-To: <sip:500@b2bua.example?"
		   "Replaces=foreign%40x%3Bto-tag%3D1%3Bfrom-tag%3D2&Route=%3Csip:evil%3E>\r\n");
	world_pass(t.w, 3000);

	assert_non_null(
		strstr(target_of(&t)->seen, "\r\nReplaces: foreign@x;to-tag=1;from-tag=2\r\n"));
	assert_non_null(strstr(target_of(&t)->seen, "\r\nRequire: replaces\r\n"));
	assert_null(strstr(target_of(&t)->seen, "evil"));
	hear_each_other(t.w, t.b, target_of(&t));
	end(&t, t.b);
}

static void refer_to_ringing(struct talk *t, const struct leg *second)
{
	char fields[400];

	(void)snprintf(fields, sizeof(fields),
		"Refer-To: <sip:192.0.2.2:5060?"
		"Replaces=caller-%u%%3Bto-tag%%3D%s%%3Bfrom-tag%%3Da%u>\r\n",
		second->index, second->tags[0], second->index);
	refer(t->a, fields);
}

/* RFC 5589 §7.6: an early dialog is not replaced at its callee, who is called by the other one. */
static void a_call_that_rings_is_placed_anew(void **state)
{
	static const unsigned all[] = {100, 180, 200};
	static const struct plan rings = {.ring_ms = 100, .answer_ms = 2500};
	struct talk t = begin();
	struct leg *second = party_dial(t.w, &rings), *q, *target;

	world_pass(t.w, 1000);
	q = party_callee(t.w, second);
	refer_to_ringing(&t, second);
	world_pass(t.w, 1000);
	target = party_callee(t.w, second);
	assert_ptr_not_equal(target, q);
	assert_true(q->is_over);
	assert_int_equal(second->status, 487);
	assert_null(strstr(target->seen, "Replaces"));
	leg_cancel(second); /* by habit */
	world_pass(t.w, 5000);

	heard(t.a, 3, all);
	assert_true(t.a->is_over && target->is_up);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	hear_each_other(t.w, t.b, target);
	end(&t, t.b);
}

static void a_call_that_rings_in_vain_leaves_the_first(void **state)
{
	static const struct plan rings = {.ring_ms = 100, .answer_ms = 2500, .status = 486};
	struct talk t = begin();
	struct leg *second = party_dial(t.w, &rings);

	world_pass(t.w, 1000);
	refer_to_ringing(&t, second);
	world_pass(t.w, 5000);

	assert_int_equal(t.a->notified[t.a->n_notified - 1], 486);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	hear_each_other(t.w, t.a, t.b);
	end(&t, t.b);
}

static void a_call_is_not_joined_with_itself(void **state)
{
	char id[256], fields[400];
	struct talk t = begin();

	name_dialog(t.a, true, id, sizeof(id));
	(void)snprintf(
		fields, sizeof(fields), "Refer-To: <sip:x@b2bua.example?Replaces=%s>\r\n", id);
	refused(&t, fields, 400);
	end(&t, t.a);
}

static struct leg *dial_with(struct talk *t, const char *name, const char *value, const char *more)
{
	char fields[400];
	struct plan plan = {.fields = fields};
	struct leg *g;

	(void)snprintf(fields, sizeof(fields), "%s: %s%s\r\n", name, value, more);
	g = party_dial(t->w, &plan);
	world_pass(t->w, 3000);
	return g;
}

static void an_invite_takes_the_place_of_a_side(void **state)
{
	struct talk t = begin();
	struct leg *c;
	char id[256];

	name_dialog(t.a, false, id, sizeof(id));
	c = dial_with(&t, "Replaces", id, "");

	assert_int_equal(c->status, 200);
	assert_true(c->is_up && t.a->is_over && !t.b->is_over);
	assert_string_equal(t.b->within_body, "offer 1");
	assert_string_equal(c->body, "answer again");
	assert_true(t.b->is_acked);
	assert_int_equal(world_count(t.w, CALL_C_REPLACED), 1);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	assert_int_equal(t.w->n_joined, 2);
	hear_each_other(t.w, c, t.b);
	end(&t, t.b);
}

static void who_is_replaced_may_leave_at_once(void **state)
{
	struct talk t = begin();
	char id[256], fields[400];
	struct plan plan = {.fields = fields};
	struct leg *c;

	name_dialog(t.a, false, id, sizeof(id));
	(void)snprintf(fields, sizeof(fields), "Replaces: %s\r\n", id);
	t.b->is_thinking = true;
	t.b->n_busy = 1;
	c = party_dial(t.w, &plan);
	world_pass(t.w, 100);
	leg_hang_up(t.a);
	world_pass(t.w, 5000);
	assert_true(!t.b->is_over && !c->is_up);
	leg_answer(t.b);
	world_pass(t.w, 3000);

	assert_true(c->is_up);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	hear_each_other(t.w, c, t.b);
	end(&t, c);
}

static void what_is_refused_leaves_the_call(void **state)
{
	struct talk t = begin();
	char id[256];

	name_dialog(t.a, false, id, sizeof(id));
	t.b->within_refusal = 488;
	assert_int_equal(dial_with(&t, "Replaces", id, "")->status, 488);
	hear_each_other(t.w, t.a, t.b);
	assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
	end(&t, t.a);
}

static void who_cannot_be_asked_is_no_fault_of_the_descriptions(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct talk t = begin();
		char id[256];

		name_dialog(t.a, false, id, sizeof(id));
		t.w->is_callee_gone = i == 0;
		t.w->is_full = i == 1;
		assert_int_equal(dial_with(&t, "Replaces", id, "")->status, 503);
		assert_int_equal(t.w->why,
			i == 0 ? CALL_C_REFUSED_UNREACHABLE : CALL_C_REFUSED_TRANSACTIONS);
		t.w->is_callee_gone = t.w->is_full = false;
		hear_each_other(t.w, t.a, t.b);
		assert_int_equal(world_count(t.w, CALL_C_OPEN), 1);
		end(&t, t.a);
	}
}

static void replaces_is_answered_as_the_rfc_says(void **state)
{
	struct talk t = begin();
	char id[256];

	name_dialog(t.a, false, id, sizeof(id));
	assert_int_equal(dial_with(&t, "Replaces", "no@x;to-tag=1;from-tag=2", "")->status, 481);
	assert_int_equal(dial_with(&t, "Replaces", id, ";early-only")->status, 486);
	assert_int_equal(dial_with(&t, "Replaces", "nonsense", "")->status, 400);
	assert_int_equal(
		dial_with(&t, "Replaces", id, "\r\nReplaces: a;to-tag=1;from-tag=2")->status, 400);
	assert_int_equal(world_count(t.w, CALL_C_REFUSED_REPLACES), 4);
	hear_each_other(t.w, t.a, t.b);
	end(&t, t.a);
}

static void joins_survive_a_bad_network(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		struct talk t = begin();
		struct leg *q, *second = consult(&t, &q);
		t.w->seed = i;
		t.w->loss_percent = 15;
		t.w->doubled_percent = 15;
		t.w->delay_max_ms = 300;
		attended(t.a, second);
		world_pass(t.w, i * 200);
		if (i % 3 == 0)
			leg_hang_up(i % 2 ? t.b : q);
		world_pass(t.w, 60000);
		t.w->loss_percent = 0;
		leg_hang_up(t.a);
		leg_hang_up(t.b);
		leg_hang_up(q);
		leg_hang_up(second);
		end(&t, NULL);
	}
}

static void transfers_survive_a_bad_network(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		struct talk t = begin();
		t.w->seed = i;
		t.w->loss_percent = 15;
		t.w->doubled_percent = 15;
		t.w->delay_max_ms = 300;
		refer(i % 2 ? t.a : t.b, to_target);
		world_pass(t.w, 60000);
		t.w->loss_percent = 0;
		leg_hang_up(t.a);
		leg_hang_up(t.b);
		if (target_of(&t))
			leg_hang_up(target_of(&t));
		end(&t, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(the_caller_transfers_the_callee),
		cmocka_unit_test(the_callee_transfers_the_caller),
		cmocka_unit_test(who_was_transferred_transfers_again),
		cmocka_unit_test(a_target_that_refuses_leaves_the_call),
		cmocka_unit_test(who_will_not_be_joined_stays),
		cmocka_unit_test(an_invite_that_is_met_is_sent_again),
		cmocka_unit_test(who_leaves_ends_the_transfer),
		cmocka_unit_test(the_referrer_may_leave_at_once),
		cmocka_unit_test(nobody_is_left_when_the_referrer_has_gone),
		cmocka_unit_test(the_target_may_change_its_mind),
		cmocka_unit_test(all_calls_end_at_once),
		cmocka_unit_test(whoever_may_not_refer_gets_405),
		cmocka_unit_test(targets_that_are_none_are_refused),
		cmocka_unit_test(one_transfer_at_a_time),
		cmocka_unit_test(transfers_of_a_call_are_few),
		cmocka_unit_test(a_transfer_counts_as_a_call_of_the_referrers),
		cmocka_unit_test(a_referrer_may_want_no_word),
		cmocka_unit_test(a_peer_that_can_transfers_itself),
		cmocka_unit_test(words_of_progress_are_few),
		cmocka_unit_test(a_peer_that_cannot_has_it_done),
		cmocka_unit_test(two_calls_of_a_referrer_become_one),
		cmocka_unit_test(who_was_asked_first_is_told_again_when_the_other_refuses),
		cmocka_unit_test(a_second_call_that_refuses_leaves_both),
		cmocka_unit_test(nothing_is_offered_meanwhile),
		cmocka_unit_test(who_is_asked_in_vain_is_told_again_when_he_has_answered),
		cmocka_unit_test(who_has_refused_in_the_end_is_told_nothing),
		cmocka_unit_test(a_join_that_meets_an_invite_is_tried_again),
		cmocka_unit_test(a_join_waits_for_an_update_that_offers),
		cmocka_unit_test(a_join_is_not_tried_for_ever),
		cmocka_unit_test(the_referrer_may_leave_the_second_call_too),
		cmocka_unit_test(who_was_left_for_a_join_in_vain_is_alone),
		cmocka_unit_test(a_dialog_of_others_is_the_targets_to_find),
		cmocka_unit_test(a_call_that_rings_is_placed_anew),
		cmocka_unit_test(a_call_that_rings_in_vain_leaves_the_first),
		cmocka_unit_test(a_call_is_not_joined_with_itself),
		cmocka_unit_test(an_invite_takes_the_place_of_a_side),
		cmocka_unit_test(who_is_replaced_may_leave_at_once),
		cmocka_unit_test(what_is_refused_leaves_the_call),
		cmocka_unit_test(who_cannot_be_asked_is_no_fault_of_the_descriptions),
		cmocka_unit_test(replaces_is_answered_as_the_rfc_says),
		cmocka_unit_test(joins_survive_a_bad_network),
		cmocka_unit_test(transfers_survive_a_bad_network),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
