/* SPDX-License-Identifier: BSD-3-Clause */
/* Mailboxes and the threads behind them: order, bounds, discarding, many senders at once. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include <sallyport/loop.h>

#define MAILBOX_LEN 8

/* What a receiver saw; CTX of the messages. */
struct inbox {
	struct loop *loop;
	unsigned n, n_discarded;
	int values[64];
};

static void on_value(void *ctx, void *payload)
{
	struct inbox *in = ctx;

	memcpy(&in->values[in->n++], payload, sizeof(int));
}

static void on_stop(void *ctx, void *payload)
{
	loop_stop(((struct inbox *)ctx)->loop);
}

/* The payload of a counted message points to the inbox that counts. */
static void on_counted(void *ctx, void *payload)
{
	struct inbox *in;

	memcpy(&in, payload, sizeof(in));
	in->n++;
}

static void discard_counted(void *payload)
{
	struct inbox *in;

	memcpy(&in, payload, sizeof(in));
	in->n_discarded++;
}

static const struct msg_type value_msg = {"value", sizeof(int), on_value, NULL};
static const struct msg_type stop_msg = {"stop", 0, on_stop, NULL};
static const struct msg_type counted_msg = {
	"counted", sizeof(struct inbox *), on_counted, discard_counted};

static int setup(void **state)
{
	struct inbox *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return -1;
	in->loop = loop_create("receiver", MAILBOX_LEN);
	*state = in;
	return in->loop == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	struct inbox *in = *state;

	loop_destroy(in->loop);
	free(in);
	return 0;
}

static void run(struct inbox *in)
{
	assert_int_equal(loop_post(in->loop, &stop_msg, in, NULL), 0);
	assert_int_equal(loop_run(in->loop), 0);
}

static void messages_arrive_in_order_and_are_copied(void **state)
{
	struct inbox *in = *state;

	for (int v = 1; v <= 5; v++)
		assert_int_equal(loop_post(in->loop, &value_msg, in, &v), 0);
	assert_int_equal(in->n, 0);
	run(in);
	assert_int_equal(in->n, 5);
	for (int v = 1; v <= 5; v++)
		assert_int_equal(in->values[v - 1], v);
}

static void on_largest(void *ctx, void *payload)
{
	uint8_t want[MSG_MAX];
	struct inbox *in = ctx;

	memset(want, 0x5a, sizeof(want));
	in->n += memcmp(payload, want, sizeof(want)) == 0;
	in->n_discarded += (uintptr_t)payload % _Alignof(max_align_t) != 0;
}

static void largest_payload_arrives_whole_and_aligned(void **state)
{
	static const struct msg_type largest = {"largest", MSG_MAX, on_largest, NULL};
	struct inbox *in = *state;
	uint8_t payload[MSG_MAX];

	memset(payload, 0x5a, sizeof(payload));
	assert_int_equal(loop_post(in->loop, &largest, in, payload), 0);
	run(in);
	assert_int_equal(in->n, 1);
	assert_int_equal(in->n_discarded, 0);
}

static void full_mailbox_does_not_take_the_message(void **state)
{
	struct inbox *in = *state;

	for (unsigned i = 0; i < MAILBOX_LEN - 1; i++)
		assert_int_equal(loop_post(in->loop, &counted_msg, NULL, &in), 0);
	assert_int_equal(loop_post(in->loop, &stop_msg, in, NULL), 0);
	assert_int_equal(loop_post(in->loop, &counted_msg, NULL, &in), ERR_FULL);
	assert_int_equal(loop_post(in->loop, &counted_msg, NULL, &in), ERR_FULL);
	assert_int_equal(loop_run(in->loop), 0);
	assert_int_equal(in->n, MAILBOX_LEN - 1);
	assert_int_equal(in->n_discarded, 0);
}

static void emptied_mailbox_takes_messages_again(void **state)
{
	struct inbox *in = *state;

	for (unsigned round = 0; round < 3 * MAILBOX_LEN; round++) {
		for (unsigned i = 0; i < round % MAILBOX_LEN; i++)
			assert_int_equal(loop_post(in->loop, &counted_msg, NULL, &in), 0);
		in->n = 0;
		run(in);
		assert_int_equal(in->n, round % MAILBOX_LEN);
	}
}

static void destroying_discards_what_waits(void **state)
{
	struct inbox *in = *state;
	int v = 1;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(loop_post(in->loop, &counted_msg, NULL, &in), 0);
	assert_int_equal(loop_post(in->loop, &value_msg, in, &v), 0);
	loop_destroy(in->loop);
	in->loop = NULL;
	assert_int_equal(in->n, 0);
	assert_int_equal(in->n_discarded, 3);
}

/* A batch is what waited when it began: a message that posts itself again leaves it. */
static void on_again(void *ctx, void *payload)
{
	static const struct msg_type again = {"again", sizeof(int), on_again, NULL};
	struct inbox *in = ctx;
	int left;

	memcpy(&left, payload, sizeof(left));
	in->n++;
	if (left-- == 0)
		loop_stop(in->loop);
	else
		in->n_discarded += loop_post(in->loop, &again, in, &left) != 0;
}

static void handler_may_post_to_its_own_loop(void **state)
{
	static const struct msg_type again = {"again", sizeof(int), on_again, NULL};
	struct inbox *in = *state;
	int left = 20;

	assert_int_equal(loop_post(in->loop, &again, in, &left), 0);
	assert_int_equal(loop_run(in->loop), 0);
	assert_int_equal(in->n, 21);
	assert_int_equal(in->n_discarded, 0);
}

#define N_SENDERS  4
#define N_MESSAGES 5000

struct sender {
	struct loop *to;
	struct receiver *receiver;
	unsigned id;
	unsigned n_full;
};

/* Written by the receiving thread, read after it was joined. */
struct receiver {
	struct loop *loop;
	unsigned next[N_SENDERS];
	unsigned n_out_of_order, n_left;
};

struct numbered {
	unsigned sender, number;
};

static void on_numbered(void *ctx, void *payload)
{
	struct receiver *r = ctx;
	struct numbered m;

	memcpy(&m, payload, sizeof(m));
	r->n_out_of_order += m.number != r->next[m.sender];
	r->next[m.sender] = m.number + 1;
	if (--r->n_left == 0)
		loop_stop(r->loop);
}

static const struct msg_type numbered_msg = {
	"numbered", sizeof(struct numbered), on_numbered, NULL};

static void *send_all(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		struct numbered m = {s->id, i};
		while (loop_post(s->to, &numbered_msg, s->receiver, &m) != 0) {
			s->n_full++;
			(void)sched_yield();
		}
	}
	return NULL;
}

static void many_senders_lose_nothing_and_keep_their_order(void **state)
{
	struct inbox *in = *state;
	struct receiver r = {.loop = in->loop, .n_left = N_SENDERS * N_MESSAGES};
	struct sender senders[N_SENDERS];
	pthread_t threads[N_SENDERS];
	struct loop_thread *t;

	assert_int_equal(loop_thread_start(in->loop, &t), 0);
	for (unsigned i = 0; i < N_SENDERS; i++) {
		senders[i] = (struct sender){in->loop, &r, i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	for (unsigned i = 0; i < N_SENDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(loop_thread_join(t), 0);

	assert_int_equal(r.n_out_of_order, 0);
	for (unsigned i = 0; i < N_SENDERS; i++)
		assert_int_equal(r.next[i], N_MESSAGES);
}

/* Two loops that answer each other: the hand-over in both directions. */
struct player {
	struct loop *loop;
	struct player *other;
	unsigned n;
};

static void on_ball(void *ctx, void *payload)
{
	static const struct msg_type ball = {"ball", sizeof(int), on_ball, NULL};
	struct player *p = ctx;
	int left;

	memcpy(&left, payload, sizeof(left));
	p->n++;
	left--;
	if (left >= 0)
		(void)loop_post(p->other->loop, &ball, p->other, &left);
	if (left <= 0)
		loop_stop(p->loop);
}

static void threads_hand_messages_back_and_forth(void **state)
{
	static const struct msg_type ball = {"ball", sizeof(int), on_ball, NULL};
	struct player a = {.loop = loop_create("a", 2)}, b = {loop_create("b", 2), &a, 0};
	struct loop_thread *ta, *tb;
	int left = 2000;

	a.other = &b;
	assert_non_null(a.loop);
	assert_non_null(b.loop);
	assert_int_equal(loop_post(a.loop, &ball, &a, &left), 0);
	assert_int_equal(loop_thread_start(a.loop, &ta), 0);
	assert_int_equal(loop_thread_start(b.loop, &tb), 0);
	assert_int_equal(loop_thread_join(ta), 0);
	assert_int_equal(loop_thread_join(tb), 0);
	assert_int_equal(a.n + b.n, 2001);
	loop_destroy(a.loop);
	loop_destroy(b.loop);
}

struct self {
	struct loop *loop;
	char name[16];
	unsigned n_blocked;
};

static void on_look(void *ctx, void *payload)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGCHLD};
	struct self *s = ctx;
	sigset_t mask;

	(void)prctl(PR_GET_NAME, s->name);
	(void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
	for (unsigned i = 0; i < ARRAY_LEN(signals); i++)
		s->n_blocked += sigismember(&mask, signals[i]) == 1;
	loop_stop(s->loop);
}

static void thread_is_named_and_takes_no_signals(void **state)
{
	static const struct msg_type look = {"look", 0, on_look, NULL};
	static const char *const names[][2] = {
		{"worker-0", "worker-0"}, {"a-name-of-twenty-bytes", "a-name-of-twent"}};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		struct self s = {.loop = loop_create(names[i][0], 4)};
		struct loop_thread *t;
		sigset_t mask;
		assert_non_null(s.loop);
		assert_int_equal(loop_post(s.loop, &look, &s, NULL), 0);
		assert_int_equal(loop_thread_start(s.loop, &t), 0);
		assert_int_equal(loop_thread_join(t), 0);
		assert_string_equal(s.name, names[i][1]);
		assert_int_equal(s.n_blocked, 6);
		assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
		assert_int_equal(sigismember(&mask, SIGTERM), 0);
		loop_destroy(s.loop);
	}
}

#define mailbox_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* ---- a loop that stands still ---- */

static void on_forward(void *ctx, void *payload)
{
	struct inbox *in = ctx;
	int value = 7;
	in->n++;
	assert_int_equal(loop_post(in->loop, &value_msg, in, &value), 0);
}

static const struct msg_type forward_msg = {"forward", 0, on_forward, NULL};

static void deliver_empties_the_box_of_a_loop_that_does_not_run(void **state)
{
	struct inbox in = {.loop = loop_create("still", MAILBOX_LEN)};
	int value = 3;
	assert_false(loop_deliver(in.loop));
	assert_int_equal(loop_post(in.loop, &value_msg, &in, &value), 0);
	assert_int_equal(loop_post(in.loop, &forward_msg, &in, NULL), 0);

	assert_true(loop_deliver(in.loop));
	assert_int_equal(in.n, 2);
	/* What a message has caused comes with the next round. */
	assert_true(loop_deliver(in.loop));
	assert_int_equal(in.n, 3);
	assert_int_equal(in.values[2], 7);
	assert_false(loop_deliver(in.loop));
	loop_destroy(in.loop);
}

/* Stopped, looked into, and sent on its way again. */
static void loop_runs_again_after_it_has_been_stopped(void **state)
{
	struct inbox in = {.loop = loop_create("again", MAILBOX_LEN)};
	for (int i = 0; i < 3; i++) {
		struct loop_thread *t;
		assert_int_equal(loop_thread_start(in.loop, &t), 0);
		assert_int_equal(loop_post(in.loop, &value_msg, &in, &i), 0);
		assert_int_equal(loop_post(in.loop, &stop_msg, &in, NULL), 0);
		assert_int_equal(loop_thread_join(t), 0);
		assert_int_equal(in.n, i + 1);
		assert_int_equal(in.values[i], i);
	}
	loop_destroy(in.loop);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		mailbox_test(messages_arrive_in_order_and_are_copied),
		mailbox_test(largest_payload_arrives_whole_and_aligned),
		mailbox_test(full_mailbox_does_not_take_the_message),
		mailbox_test(emptied_mailbox_takes_messages_again),
		mailbox_test(destroying_discards_what_waits),
		mailbox_test(handler_may_post_to_its_own_loop),
		mailbox_test(many_senders_lose_nothing_and_keep_their_order),
		cmocka_unit_test(deliver_empties_the_box_of_a_loop_that_does_not_run),
		cmocka_unit_test(loop_runs_again_after_it_has_been_stopped),
		cmocka_unit_test(threads_hand_messages_back_and_forth),
		cmocka_unit_test(thread_is_named_and_takes_no_signals),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
