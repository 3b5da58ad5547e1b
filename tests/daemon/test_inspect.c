/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions to the workers: merging, silence, lateness. The workers are made up here: a question is
 * kept until the test has it answered, on the test's own thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/daemon/inspect.h"

#define N_WORKERS 3
#define HELD_MAX  64

/* ---- made-up workers ---- */

struct workers {
	bool relay_nothing;
	bool is_full[N_WORKERS]; /* their mailbox */
	struct {
		const struct msg_type *type;
		unsigned worker;
		_Alignas(max_align_t) uint8_t payload[MSG_MAX];
	} held[HELD_MAX];
	size_t n_held;
};

unsigned workers_count(const struct workers *w)
{
	return N_WORKERS;
}

bool workers_relay(const struct workers *w)
{
	return !w->relay_nothing;
}

int workers_post(struct workers *w, unsigned i, const struct msg_type *type, const void *payload)
{
	if (w->is_full[i])
		return ERR_FULL;
	assert_true(w->n_held < HELD_MAX);
	w->held[w->n_held].type = type;
	w->held[w->n_held].worker = i;
	memcpy(w->held[w->n_held++].payload, payload, type->size);
	return 0;
}

/* A worker's struct relay is its number here, and so is its server. */
static unsigned numbers[N_WORKERS] = {0, 1, 2};

struct turn_server *relay_turn(struct relay *r)
{
	return (struct turn_server *)r;
}

/* Worker W has the ids W*100+1 and W*100+2. */
struct turn_page *turn_server_inspect(struct turn_server *s, const struct turn_question *q)
{
	unsigned worker = *(const unsigned *)s;
	size_t n = q->limit < 2 ? q->limit : 2;
	struct turn_page *p = calloc(1, sizeof(*p) + n * sizeof(struct turn_alloc_info));

	p->n_matched = 2;
	p->n_infos = n;
	p->infos = (void *)(p + 1);
	for (size_t i = 0; i < n; i++)
		p->infos[i].id = worker * 100 + i + 1;
	return p;
}

/* The oldest question is answered by its worker, or lost with its mailbox. */
static void deliver(struct workers *w, bool is_lost)
{
	assert_true(w->n_held > 0);
	if (is_lost)
		w->held[0].type->discard(w->held[0].payload);
	else
		w->held[0].type->handler(
			(struct relay *)&numbers[w->held[0].worker], w->held[0].payload);
	memmove(&w->held[0], &w->held[1], --w->n_held * sizeof(w->held[0]));
}

/* ---- the box ---- */

struct box {
	struct loop *loop;
	struct workers workers;
	struct inspect *inspect;
	unsigned n_answers;
	uint64_t n_matched;
	size_t n_infos, n_silent;
	uint64_t ids[8];
	unsigned silent[N_WORKERS];
};

static int set_up(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	b->loop = loop_create("inspect", 64);
	b->inspect = inspect_create(b->loop, &b->workers);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct box *b = *state;

	while (b->workers.n_held > 0)
		deliver(&b->workers, true);
	inspect_destroy(b->inspect);
	loop_destroy(b->loop);
	free(b);
	return 0;
}

static void on_answer(void *arg, const struct api_allocations *a)
{
	struct box *b = arg;

	b->n_answers++;
	if (!a)
		return;
	b->n_matched = a->n_matched;
	b->n_infos = a->n_infos;
	b->n_silent = a->n_silent;
	for (size_t i = 0; i < a->n_infos; i++)
		b->ids[i] = a->infos[i].id;
	for (size_t i = 0; i < a->n_silent; i++)
		b->silent[i] = a->silent[i];
}

static void ask(struct box *b, uint32_t limit)
{
	assert_int_equal(
		inspect_ask(b->inspect, &(struct turn_question){.limit = limit}, on_answer, b), 0);
}

static void do_stop(void *loop, void *payload)
{
	loop_stop(loop);
}

/* What the workers have posted reaches main. */
static void run(struct box *b)
{
	static const struct msg_type stop = {"stop", 0, do_stop, NULL};

	assert_int_equal(loop_post(b->loop, &stop, b->loop, NULL), 0);
	assert_int_equal(loop_run(b->loop), 0);
}

static void pass_ms(struct box *b, uint64_t ms)
{
	wheel_advance(loop_wheel(b->loop), loop_clock(b->loop)->mono_ms + ms);
}

/* ---- tests ---- */

static void pages_are_merged_by_id_and_cut(void **state)
{
	struct box *b = *state;

	ask(b, 5);
	for (unsigned i = 0; i < N_WORKERS; i++)
		deliver(&b->workers, false);
	assert_int_equal(b->n_answers, 0); /* not before main has read them */
	run(b);

	static const uint64_t want[] = {1, 2, 101, 102, 201};
	assert_int_equal(b->n_answers, 1);
	assert_int_equal(b->n_matched, 6);
	assert_int_equal(b->n_infos, 5);
	assert_memory_equal(b->ids, want, sizeof(want));
	assert_int_equal(b->n_silent, 0);
}

static void silent_worker_is_named_when_time_is_up(void **state)
{
	struct box *b = *state;

	b->workers.is_full[1] = true;
	ask(b, 10);
	deliver(&b->workers, false);
	deliver(&b->workers, true);
	run(b);
	assert_int_equal(b->n_answers, 0);
	pass_ms(b, 2200);

	assert_int_equal(b->n_answers, 1);
	assert_int_equal(b->n_infos, 2);
	assert_int_equal(b->n_silent, 2);
	assert_int_equal(b->silent[0], 1);
	assert_int_equal(b->silent[1], 2);
}

static void answer_that_comes_too_late_is_thrown_away(void **state)
{
	struct box *b = *state;

	ask(b, 10);
	pass_ms(b, 2200);
	assert_int_equal(b->n_answers, 1);
	assert_int_equal(b->n_silent, N_WORKERS);
	for (unsigned i = 0; i < N_WORKERS; i++)
		deliver(&b->workers, false);
	run(b);

	assert_int_equal(b->n_answers, 1);
}

static void two_questions_get_their_own_answers(void **state)
{
	struct box *b = *state;

	ask(b, 10);
	ask(b, 1);
	for (unsigned i = 0; i < N_WORKERS; i++)
		deliver(&b->workers, false);
	run(b);
	assert_int_equal(b->n_answers, 1);
	assert_int_equal(b->n_infos, 6);
	for (unsigned i = 0; i < N_WORKERS; i++)
		deliver(&b->workers, false);
	run(b);

	assert_int_equal(b->n_answers, 2);
	assert_int_equal(b->n_infos, 1);
}

static void too_many_questions_are_refused(void **state)
{
	struct box *b = *state;

	for (unsigned i = 0; i < 16; i++)
		ask(b, 1);
	assert_int_equal(inspect_ask(b->inspect, &(struct turn_question){.limit = 1}, on_answer, b),
		ERR_FULL);
	assert_int_equal(b->n_answers, 0);
	pass_ms(b, 2200);
	assert_int_equal(b->n_answers, 16);
	ask(b, 1);
}

/* Whoever asked holds a request open: it must be told in the end. */
static void questions_are_answered_when_the_daemon_ends(void **state)
{
	struct box *b = *state;

	ask(b, 1);
	inspect_destroy(b->inspect);
	b->inspect = NULL;

	assert_int_equal(b->n_answers, 1);
	assert_int_equal(b->n_silent, N_WORKERS);
}

static void workers_that_relay_nothing_have_none(void **state)
{
	struct box *b = *state;

	b->workers.relay_nothing = true;
	ask(b, 1);

	assert_int_equal(b->n_answers, 1);
	assert_int_equal(b->n_infos, 0);
	assert_int_equal(b->n_silent, 0);
	assert_int_equal(b->workers.n_held, 0);
}

#define WITH_BOX(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest t[] = {
		WITH_BOX(pages_are_merged_by_id_and_cut),
		WITH_BOX(silent_worker_is_named_when_time_is_up),
		WITH_BOX(answer_that_comes_too_late_is_thrown_away),
		WITH_BOX(two_questions_get_their_own_answers),
		WITH_BOX(too_many_questions_are_refused),
		WITH_BOX(questions_are_answered_when_the_daemon_ends),
		WITH_BOX(workers_that_relay_nothing_have_none),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
