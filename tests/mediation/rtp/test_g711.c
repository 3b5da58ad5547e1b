/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables against G.711's own terms: decision values and the values between them (tables 1a and
 * 2a of the recommendation), built segment by segment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sallyport/mediation/rtp/g711.h>

#define LEVELS 128

/* Decision values of the positive half, and the value that each interval stands for; both on the
 * scale of mu-law (8031 at most), of which a unit of A-law is two. */
struct law {
	int decision[LEVELS + 1];
	int value[LEVELS];
};

/* Segments of 16 intervals, but for the first of mu-law, 1 and 15 of them: 1, then twos. */
static struct law mu_law(void)
{
	struct law l = {.decision = {0, 1}};

	for (int i = 2; i <= LEVELS; i++)
		l.decision[i] = l.decision[i - 1] + (2 << (i - 1) / 16);
	for (int i = 0; i < LEVELS; i++)
		l.value[i] = i == 0 ? 0 : (l.decision[i] + l.decision[i + 1]) / 2;
	return l;
}

/* The first two segments have the same step: four of this scale. */
static struct law a_law(void)
{
	struct law l = {.decision = {0}};

	for (int i = 1; i <= LEVELS; i++) {
		int segment = (i - 1) / 16;
		l.decision[i] = l.decision[i - 1] + (4 << (segment > 1 ? segment - 1 : 0));
	}
	for (int i = 0; i < LEVELS; i++)
		l.value[i] = (l.decision[i] + l.decision[i + 1]) / 2;
	return l;
}

static int interval_of(const struct law *l, int value)
{
	int i = 0;

	while (i < LEVELS - 1 && value >= l->decision[i + 1])
		i++;
	return i;
}

/* On the wire mu-law is inverted, A-law has its even bits inverted; the sign bit is 1 for plus. */
static uint8_t mu_code(int interval, bool is_plus)
{
	return (uint8_t)((is_plus ? 0x80 : 0) | (0x7f - interval));
}

static uint8_t a_code(int interval, bool is_plus)
{
	return (uint8_t)(((is_plus ? 0x80 : 0) | interval) ^ 0x55);
}

static uint8_t converted(enum g711_law from, enum g711_law to, uint8_t code)
{
	uint8_t out = 0;

	g711_convert(from, to, &code, &out, 1);
	return out;
}

static void tables_are_the_arithmetic_of_the_recommendation(void **state)
{
	struct law mu = mu_law(), a = a_law();

	assert_int_equal(mu.decision[LEVELS], 8159);
	assert_int_equal(mu.value[LEVELS - 1], 8031);
	assert_int_equal(a.decision[LEVELS], 2 * 4096);
	assert_int_equal(a.value[LEVELS - 1], 2 * 4032);
	for (int sign = 0; sign < 2; sign++) {
		for (int i = 0; i < LEVELS; i++) {
			assert_int_equal(converted(G711_MU, G711_A, mu_code(i, sign)),
				a_code(interval_of(&a, mu.value[i]), sign));
			assert_int_equal(converted(G711_A, G711_MU, a_code(i, sign)),
				mu_code(interval_of(&mu, a.value[i]), sign));
		}
	}
}

static void there_and_back_changes_sixteen_codes(void **state)
{
	unsigned mu = 0, a = 0;

	for (unsigned c = 0; c < 256; c++) {
		uint8_t code = (uint8_t)c;
		mu += converted(G711_A, G711_MU, converted(G711_MU, G711_A, code)) != code;
		a += converted(G711_MU, G711_A, converted(G711_A, G711_MU, code)) != code;
	}
	assert_int_equal(mu, 16);
	assert_int_equal(a, 16);
}

static void same_law_changes_nothing(void **state)
{
	uint8_t in[256], out[256];

	for (unsigned c = 0; c < 256; c++)
		in[c] = (uint8_t)c;
	g711_convert(G711_A, G711_A, in, out, sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	g711_convert(G711_MU, G711_MU, NULL, NULL, 0);
}

static void silence_is_the_smallest_value(void **state)
{
	assert_int_equal(g711_silence(G711_MU), mu_code(0, true));
	assert_int_equal(g711_silence(G711_A), a_code(0, true));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(tables_are_the_arithmetic_of_the_recommendation),
		cmocka_unit_test(there_and_back_changes_sixteen_codes),
		cmocka_unit_test(same_law_changes_nothing),
		cmocka_unit_test(silence_is_the_smallest_value),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
