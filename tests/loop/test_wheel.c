/* SPDX-License-Identifier: BSD-3-Clause */
/* The timer wheel, against a model that only knows when each timer is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sallyport/loop.h>

#define N_TIMERS 64
#define HOUR_MS  (UINT64_C(3600) * 1000)
#define YEAR_MS  (365 * 24 * HOUR_MS)

/* A wheel, its timers and what is expected of them. */
struct model {
	struct wheel wheel;
	struct timer {
		struct wheel_timer timer;
		struct model *model;
		bool is_set;
		uint64_t due_tick;
		unsigned n_fired;
	} timers[N_TIMERS];
	uint64_t seed;
	uint64_t span_ms;  /* timers are set up to this far ahead */
	uint64_t now_tick; /* the tick that is being advanced to */
	uint64_t last_tick;
	bool is_busy; /* callbacks set and cancel */
	unsigned n_fired;
};

/* xorshift64: the same sequence in every run. */
static uint64_t next_random(struct model *m)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 7;
	m->seed ^= m->seed << 17;
	return m->seed;
}

static void set(struct model *m, struct timer *t, uint64_t at_ms)
{
	uint64_t at = at_ms / WHEEL_TICK_MS + (at_ms % WHEEL_TICK_MS != 0);

	wheel_set(&m->wheel, &t->timer, at_ms);
	t->due_tick = at > m->wheel.tick ? at : m->wheel.tick + 1;
	t->is_set = true;
}

static void cancel(struct model *m, struct timer *t)
{
	wheel_cancel(&m->wheel, &t->timer);
	t->is_set = false;
}

/* Sets one timer at random, near or far or in the past, or cancels one. */
static void disturb(struct model *m)
{
	struct timer *t = &m->timers[next_random(m) % N_TIMERS];
	uint64_t here_ms = m->wheel.tick * WHEEL_TICK_MS, r = next_random(m);

	if (r % 4 == 0)
		cancel(m, t);
	else if (r % 4 == 1)
		set(m, t, here_ms > 1000 ? here_ms - r / 4 % 1000 : 0);
	else
		set(m, t, here_ms + next_random(m) % (UINT64_C(1) << (r / 4 % 64)) % m->span_ms);
}

static void on_fire(struct wheel_timer *timer, void *arg)
{
	struct timer *t = CONTAINER_OF(timer, struct timer, timer);
	struct model *m = t->model;

	assert_ptr_equal(arg, m);
	assert_true(t->is_set);
	assert_false(wheel_timer_is_set(timer));
	assert_int_equal(m->wheel.tick, t->due_tick);
	assert_true(m->wheel.tick >= m->last_tick && m->wheel.tick <= m->now_tick);
	m->last_tick = m->wheel.tick;
	t->is_set = false;
	t->n_fired++;
	m->n_fired++;
	for (unsigned n = m->is_busy ? next_random(m) % 3 : 0; n > 0; n--)
		disturb(m);
}

static void init(struct model *m, uint64_t now_ms, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	wheel_init(&m->wheel, now_ms, m);
	m->seed = seed;
	m->span_ms = HOUR_MS;
	for (unsigned i = 0; i < N_TIMERS; i++) {
		wheel_timer_init(&m->timers[i].timer, on_fire);
		m->timers[i].model = m;
	}
}

/* Advances, and checks that exactly what is due has fired. */
static void advance(struct model *m, uint64_t now_ms)
{
	size_t n_set = 0;

	m->now_tick = now_ms / WHEEL_TICK_MS;
	wheel_advance(&m->wheel, now_ms);
	for (unsigned i = 0; i < N_TIMERS; i++) {
		const struct timer *t = &m->timers[i];
		assert_int_equal(wheel_timer_is_set(&t->timer), t->is_set);
		if (t->is_set)
			assert_true(t->due_tick > m->now_tick);
		n_set += t->is_set;
	}
	assert_int_equal(m->wheel.count, n_set);
	assert_int_equal(m->wheel.tick, m->now_tick);
}

static void timer_fires_on_its_tick_from_every_phase(void **state)
{
	static const uint64_t phases[] = {0, 1, 62, 63, 64, 65, 4031, 4095, 4096, 262143};
	struct model m;

	for (size_t p = 0; p < ARRAY_LEN(phases); p++) {
		for (uint64_t ticks = 1; ticks < 2 * 4096 + 3; ticks++) {
			init(&m, phases[p] * WHEEL_TICK_MS, 1);
			set(&m, &m.timers[0], (phases[p] + ticks) * WHEEL_TICK_MS);
			advance(&m, (phases[p] + ticks) * WHEEL_TICK_MS - 1);
			assert_int_equal(m.n_fired, 0);
			advance(&m, (phases[p] + ticks) * WHEEL_TICK_MS);
			assert_int_equal(m.n_fired, 1);
		}
	}
}

static void timer_fires_on_its_tick_when_every_tick_is_walked(void **state)
{
	struct model m;

	init(&m, 0, 1);
	for (unsigned i = 0; i < N_TIMERS; i++)
		set(&m, &m.timers[i], (i + 1) * 64 * WHEEL_TICK_MS - WHEEL_TICK_MS);
	for (uint64_t tick = 1; tick <= 64 * (N_TIMERS + 1); tick++)
		advance(&m, tick * WHEEL_TICK_MS);
	assert_int_equal(m.n_fired, N_TIMERS);
}

static void timer_never_fires_before_its_time(void **state)
{
	struct model m;

	init(&m, 1000, 1);
	set(&m, &m.timers[0], 1001);
	advance(&m, 1099);
	assert_int_equal(m.n_fired, 0);
	advance(&m, 1100);
	assert_int_equal(m.n_fired, 1);
}

static void time_in_the_past_fires_on_the_next_tick(void **state)
{
	struct model m;

	init(&m, 5000, 1);
	set(&m, &m.timers[0], 0);
	advance(&m, 5099);
	assert_int_equal(m.n_fired, 0);
	advance(&m, 5100);
	assert_int_equal(m.n_fired, 1);
}

static void setting_again_moves_the_timer(void **state)
{
	struct model m;

	init(&m, 0, 1);
	set(&m, &m.timers[0], 200);
	set(&m, &m.timers[0], 90000);
	assert_int_equal(m.wheel.count, 1);
	advance(&m, 89999);
	assert_int_equal(m.n_fired, 0);
	advance(&m, 90000);
	assert_int_equal(m.n_fired, 1);
}

static void cancelling_twice_or_a_zeroed_timer_is_harmless(void **state)
{
	struct wheel_timer zeroed;
	struct model m;

	init(&m, 0, 1);
	memset(&zeroed, 0, sizeof(zeroed));
	set(&m, &m.timers[0], 200);
	cancel(&m, &m.timers[0]);
	cancel(&m, &m.timers[0]);
	wheel_cancel(&m.wheel, &zeroed);
	advance(&m, 300);
	assert_int_equal(m.n_fired, 0);
	assert_int_equal(m.wheel.count, 0);
}

static void timer_beyond_the_top_level_fires_on_its_tick(void **state)
{
	uint64_t reach_ms = (UINT64_C(1) << (WHEEL_BITS * WHEEL_LEVELS)) * WHEEL_TICK_MS;
	struct model m;

	init(&m, 12345678, 1);
	for (unsigned i = 0; i < 8; i++)
		set(&m, &m.timers[i], 12345678 + i * reach_ms + i * 777777);
	for (unsigned i = 0; i < 8; i++) {
		advance(&m, 12345678 + i * reach_ms + i * 777777 - 1);
		assert_int_equal(m.timers[i].n_fired, 0);
		advance(&m, 12345678 + i * reach_ms + i * 777777 + WHEEL_TICK_MS);
		assert_int_equal(m.timers[i].n_fired, 1);
	}
}

static void timer_at_the_edge_of_a_level_fires_on_its_tick(void **state)
{
	static const uint64_t phases[] = {0, 1, 63, 64, 4097};
	struct model m;

	for (size_t p = 0; p < ARRAY_LEN(phases); p++) {
		for (unsigned level = 1; level <= WHEEL_LEVELS; level++) {
			uint64_t edge = phases[p] + (UINT64_C(1) << (WHEEL_BITS * level));
			init(&m, phases[p] * WHEEL_TICK_MS, 1);
			for (unsigned i = 0; i < 3; i++)
				set(&m, &m.timers[i], (edge - 1 + i) * WHEEL_TICK_MS);
			for (unsigned i = 0; i < 3; i++) {
				advance(&m, (edge - 1 + i) * WHEEL_TICK_MS - 1);
				assert_int_equal(m.n_fired, i);
				advance(&m, (edge - 1 + i) * WHEEL_TICK_MS);
				assert_int_equal(m.n_fired, i + 1);
			}
		}
	}
}

static void never_is_a_time(void **state)
{
	struct model m;

	init(&m, 1000, 1);
	set(&m, &m.timers[0], UINT64_MAX);
	advance(&m, 100 * YEAR_MS);
	assert_int_equal(m.n_fired, 0);
	cancel(&m, &m.timers[0]);
	assert_int_equal(m.wheel.count, 0);
}

/* One step a tick would need 3e13 of them: the test would not end. */
static void jump_costs_no_step_for_every_tick_without_timers(void **state)
{
	uint64_t far_ms = 100000 * YEAR_MS;
	struct model m;

	init(&m, 7, 1);
	advance(&m, far_ms);
	set(&m, &m.timers[0], far_ms + 50 * YEAR_MS);
	set(&m, &m.timers[1], far_ms + 5000);
	advance(&m, far_ms + 49 * YEAR_MS);
	assert_int_equal(m.n_fired, 1);
	advance(&m, far_ms + 51 * YEAR_MS);
	assert_int_equal(m.n_fired, 2);
}

static void clock_that_steps_back_fires_nothing(void **state)
{
	struct model m;

	init(&m, 10000, 1);
	set(&m, &m.timers[0], 20000);
	wheel_advance(&m.wheel, 5000);
	assert_int_equal(m.n_fired, 0);
	assert_int_equal(m.wheel.tick, 100);
	advance(&m, 20000);
	assert_int_equal(m.n_fired, 1);
}

static void run_random(uint64_t seed, uint64_t span_ms, uint64_t step_ms)
{
	struct model m;
	uint64_t now_ms;

	init(&m, seed % 100000000, seed);
	m.span_ms = span_ms;
	m.is_busy = true;
	now_ms = seed % 100000000;
	for (unsigned i = 0; i < 2000; i++) {
		for (unsigned n = next_random(&m) % 8; n > 0; n--)
			disturb(&m);
		now_ms += next_random(&m) % step_ms;
		if (next_random(&m) % 64 == 0)
			now_ms += next_random(&m) % span_ms;
		m.last_tick = 0;
		advance(&m, now_ms);
	}
	assert_true(m.n_fired > 100);
}

static void random_use_agrees_with_the_model(void **state)
{
	for (uint64_t seed = 1; seed <= 25; seed++) {
		run_random(seed * 7919, 30000, 250);
		run_random(seed * 104729, HOUR_MS, 60000);
		run_random(seed * 1299709, YEAR_MS / 12, HOUR_MS);
		run_random(seed * 15485863, 100 * YEAR_MS, YEAR_MS);
	}
}

/* Each of two timers of one tick cancels the other: the first to fire wins. */
static void cancel_other(struct wheel_timer *timer, void *arg)
{
	struct timer *t = CONTAINER_OF(timer, struct timer, timer);
	struct model *m = t->model;

	m->n_fired++;
	for (unsigned i = 0; i < 2; i++)
		wheel_cancel(&m->wheel, &m->timers[i].timer);
}

static void callback_can_cancel_one_of_the_same_tick(void **state)
{
	struct model m;

	init(&m, 0, 1);
	for (unsigned i = 0; i < 2; i++) {
		wheel_timer_init(&m.timers[i].timer, cancel_other);
		wheel_set(&m.wheel, &m.timers[i].timer, 500);
	}
	wheel_advance(&m.wheel, 500);
	assert_int_equal(m.n_fired, 1);
	assert_int_equal(m.wheel.count, 0);
}

static void set_again(struct wheel_timer *timer, void *arg)
{
	struct timer *t = CONTAINER_OF(timer, struct timer, timer);

	t->n_fired++;
	wheel_set(&t->model->wheel, timer, timer->at_ms + 1000);
}

static void callback_can_set_its_own_timer_and_catches_up(void **state)
{
	struct model m;

	init(&m, 0, 1);
	wheel_timer_init(&m.timers[0].timer, set_again);
	wheel_set(&m.wheel, &m.timers[0].timer, 1000);
	wheel_advance(&m.wheel, 100 * 1000);
	assert_int_equal(m.timers[0].n_fired, 100);
	assert_true(wheel_timer_is_set(&m.timers[0].timer));
}

static void set_for_now(struct wheel_timer *timer, void *arg)
{
	struct timer *t = CONTAINER_OF(timer, struct timer, timer);

	t->n_fired++;
	wheel_set(&t->model->wheel, timer, 0);
}

static void callback_that_sets_the_past_does_not_hold_the_tick(void **state)
{
	struct model m;

	init(&m, 0, 1);
	wheel_timer_init(&m.timers[0].timer, set_for_now);
	wheel_set(&m.wheel, &m.timers[0].timer, 0);
	wheel_advance(&m.wheel, 10 * WHEEL_TICK_MS);
	assert_int_equal(m.timers[0].n_fired, 10);
}

static void free_owner(struct wheel_timer *timer, void *arg)
{
	free(CONTAINER_OF(timer, struct timer, timer));
}

static void callback_can_free_the_owner(void **state)
{
	struct model m;

	init(&m, 0, 1);
	for (unsigned i = 0; i < 20; i++) {
		struct timer *t = calloc(1, sizeof(*t));
		assert_non_null(t);
		wheel_timer_init(&t->timer, free_owner);
		wheel_set(&m.wheel, &t->timer, 100 + i % 2 * 9000);
	}
	wheel_advance(&m.wheel, 10000);
	assert_int_equal(m.wheel.count, 0);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(timer_fires_on_its_tick_from_every_phase),
		cmocka_unit_test(timer_fires_on_its_tick_when_every_tick_is_walked),
		cmocka_unit_test(timer_never_fires_before_its_time),
		cmocka_unit_test(time_in_the_past_fires_on_the_next_tick),
		cmocka_unit_test(setting_again_moves_the_timer),
		cmocka_unit_test(cancelling_twice_or_a_zeroed_timer_is_harmless),
		cmocka_unit_test(timer_beyond_the_top_level_fires_on_its_tick),
		cmocka_unit_test(timer_at_the_edge_of_a_level_fires_on_its_tick),
		cmocka_unit_test(never_is_a_time),
		cmocka_unit_test(jump_costs_no_step_for_every_tick_without_timers),
		cmocka_unit_test(clock_that_steps_back_fires_nothing),
		cmocka_unit_test(random_use_agrees_with_the_model),
		cmocka_unit_test(callback_can_cancel_one_of_the_same_tick),
		cmocka_unit_test(callback_can_set_its_own_timer_and_catches_up),
		cmocka_unit_test(callback_that_sets_the_past_does_not_hold_the_tick),
		cmocka_unit_test(callback_can_free_the_owner),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
