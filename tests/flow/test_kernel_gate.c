/* SPDX-License-Identifier: BSD-3-Clause */
/* A lane's gate: it opens when all that was passed up has been sent, and never before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../src/flow/kernel/kernel_priv.h"

/* Datagrams on their way from the program to user space, in order; of each whether the program has
 * counted it. */
struct fixture {
	struct kernel_lane lane;
	struct kernel_gate gate;
	uint64_t now_ms;
	unsigned n_under_way;
};

static void begin(struct fixture *f, unsigned n_under_way)
{
	*f = (struct fixture){.now_ms = 1000, .n_under_way = n_under_way};
	kernel_gate_begin(&f->gate, &f->lane, f->now_ms);
}

/* What the program does with a packet: true, it forwards it. */
static bool packet_comes(struct fixture *f)
{
	if (f->lane.passed == f->lane.done)
		return true;
	f->lane.passed++;
	f->n_under_way++;
	return false;
}

/* A turn of the worker's loop that finds N packets. */
static bool turn(struct fixture *f, unsigned n)
{
	assert_true(n <= f->n_under_way);
	f->n_under_way -= n;
	f->gate.sent = f->gate.seen += n;
	f->now_ms += 5;
	return kernel_gate_look(&f->gate, &f->lane, f->now_ms, f->n_under_way == 0);
}

static void learn(struct fixture *f)
{
	for (int i = 0; i < 20; i++) {
		(void)packet_comes(f);
		(void)turn(f, f->n_under_way);
	}
}

static void gate_is_shut_at_first(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 0);

	assert_false(packet_comes(&f));
	(void)turn(&f, 1);
	assert_false(packet_comes(&f)); /* one look proves nothing */
}

static void gate_opens_when_nothing_is_under_way(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 3); /* not counted: they were on their way when it began */
	learn(&f);

	assert_true(packet_comes(&f));
}

static void gate_stays_shut_while_a_packet_is_under_way(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 3);
	learn(&f);
	f.lane.passed++; /* one that the program could not send */
	f.n_under_way++;

	assert_false(packet_comes(&f));
	(void)turn(&f, 1);
	assert_false(packet_comes(&f));
	(void)turn(&f, f.n_under_way);

	assert_true(packet_comes(&f));
}

/* A socket that overflowed: what was passed up never comes. */
static void gate_opens_again_after_a_loss(void **state)
{
	struct fixture f;
	bool is_relearnt = false;
	(void)state;

	begin(&f, 0);
	learn(&f);
	f.lane.passed += 7;
	for (int i = 0; i < 20; i++) {
		assert_true(is_relearnt || !packet_comes(&f));
		is_relearnt |= turn(&f, f.n_under_way);
	}

	assert_true(is_relearnt);
	assert_true(packet_comes(&f));
}

/* Datagrams in fragments: the program sees no ports in them. */
static void gate_shuts_when_what_was_not_counted_comes(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 0);
	learn(&f);
	assert_true(packet_comes(&f));
	f.n_under_way += 2;
	(void)turn(&f, 1);

	assert_false(packet_comes(&f));
	learn(&f);
	assert_true(packet_comes(&f));
}

/* Or else what comes here would be kept for a moment each time, as right behind what is forwarded.
 */
static void lane_that_user_space_shuts_is_shut_since_then(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 0);
	learn(&f);
	f.lane.shut_ns = 0; /* the program forwards */
	f.n_under_way += 3;
	(void)turn(&f, 1);
	uint64_t since_ns = f.now_ms * 1000000;
	assert_int_equal(f.lane.shut_ns, since_ns);

	(void)turn(&f, 2);
	assert_int_equal(f.lane.shut_ns, since_ns);
}

/*
 * Whatever the pace at which user space takes packets, the losses, and those that were not counted
 * at the beginning: no packet is forwarded while one that came before it is under way.
 */
static void nothing_overtakes(void **state)
{
	uint32_t seed = 1;
	unsigned n_forwarded = 0;
	(void)state;

	for (int run = 0; run < 500; run++) {
		struct fixture f;
		begin(&f, seed % 4);
		for (int i = 0; i < 400; i++) {
			seed = seed * 1664525 + 1013904223;
			if (packet_comes(&f)) {
				assert_int_equal(f.n_under_way, 0);
				n_forwarded++;
			}
			if (seed >> 28 == 0 && f.lane.passed == f.lane.done) {
				f.lane.passed++; /* too big, or no path */
				f.n_under_way++;
			}
			/* One turn in eight finds only a part; the others all. */
			unsigned n = f.n_under_way;
			if ((seed >> 20 & 7) == 0)
				n = n / 2;
			(void)turn(&f, n);
		}
	}

	assert_true(n_forwarded > 1000);
}

/* A worker that is behind takes what is under way for lost only after a while. */
static void gate_does_not_learn_while_datagrams_wait(void **state)
{
	struct fixture f;
	unsigned turns = 0;
	(void)state;

	begin(&f, 0);
	(void)packet_comes(&f);
	for (; turns < 100000 && !packet_comes(&f); turns++)
		(void)turn(&f, 1);

	assert_in_range(turns * 5, 3000, 4000);
}

/* A lane that has forwarded for long was looked at long ago, and its worker is not behind for that.
 */
static void long_run_is_no_patience_spent(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 0);
	learn(&f);
	f.now_ms += 10000;
	f.lane.passed++; /* too big, or no path */
	f.n_under_way++;

	for (int i = 0; i < 9; i++) {
		assert_false(packet_comes(&f));
		assert_false(turn(&f, 1));
	}
}

/* ---- a lane that rests ---- */

/* The worker's sockets are empty, SILENT_MS after the program has passed something. */
static bool rest(struct fixture *f, uint64_t silent_ms)
{
	f->lane.passed_ns = (f->now_ms - silent_ms) * 1000000;
	return kernel_gate_rest(&f->gate, &f->lane, f->now_ms);
}

static void lane_without_packets_opens(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 0);
	f.now_ms += 20;
	(void)kernel_gate_rest(&f.gate, &f.lane, f.now_ms);

	assert_true(packet_comes(&f));
}

/* What is on its way when the lane begins has not been counted. */
static void lane_that_has_just_begun_does_not_rest(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 1);
	f.now_ms += 5;
	(void)kernel_gate_rest(&f.gate, &f.lane, f.now_ms);
	assert_false(packet_comes(&f));

	(void)turn(&f, 2);
	f.now_ms += 20;
	(void)rest(&f, 20);
	assert_true(packet_comes(&f));
}

static void lane_rests_when_nothing_was_passed_for_a_while(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 0);
	f.now_ms += 100;
	assert_false(packet_comes(&f));
	(void)rest(&f, 1);
	assert_int_equal(f.lane.done, UINT64_MAX);
	(void)turn(&f, 1);
	(void)rest(&f, 10);

	assert_true(packet_comes(&f));
}

/* It is seen, but not sent yet. */
static void lane_does_not_rest_while_something_waits_to_be_sent(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 1);
	f.now_ms += 20;
	f.gate.seen = 1;
	(void)rest(&f, 20);

	assert_false(packet_comes(&f));
}

static void loss_is_known_when_the_lane_rests(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 0);
	learn(&f);
	f.lane.passed += 7;
	assert_false(rest(&f, 9));
	assert_true(rest(&f, 10));
	assert_true(packet_comes(&f));
	assert_false(rest(&f, 10));
}

/* Send indications may be before it. */
static void first_channel_data_always_comes_up(void **state)
{
	struct fixture f;
	(void)state;

	begin(&f, 0);
	f.lane.flags = KERNEL_UP;
	f.now_ms += 20;
	(void)rest(&f, 20);
	assert_false(packet_comes(&f));

	(void)turn(&f, 1);
	assert_true(packet_comes(&f));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(gate_does_not_learn_while_datagrams_wait),
		cmocka_unit_test(gate_is_shut_at_first),
		cmocka_unit_test(gate_opens_when_nothing_is_under_way),
		cmocka_unit_test(gate_stays_shut_while_a_packet_is_under_way),
		cmocka_unit_test(gate_opens_again_after_a_loss),
		cmocka_unit_test(gate_shuts_when_what_was_not_counted_comes),
		cmocka_unit_test(lane_that_user_space_shuts_is_shut_since_then),
		cmocka_unit_test(nothing_overtakes),
		cmocka_unit_test(long_run_is_no_patience_spent),
		cmocka_unit_test(lane_without_packets_opens),
		cmocka_unit_test(lane_that_has_just_begun_does_not_rest),
		cmocka_unit_test(lane_rests_when_nothing_was_passed_for_a_while),
		cmocka_unit_test(lane_does_not_rest_while_something_waits_to_be_sent),
		cmocka_unit_test(loss_is_known_when_the_lane_rests),
		cmocka_unit_test(first_channel_data_always_comes_up),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
