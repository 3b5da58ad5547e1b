/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns and number rules: the first that matches counts, and none can take long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/mediation/policy.h>

static int setup(void **state)
{
	*state = policy_scratch_create();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	policy_scratch_destroy(*state);
	return 0;
}

static struct policy_rules *compile(const struct policy_rule_text *texts, size_t n)
{
	struct policy_rules *r = NULL;
	char why[POLICY_WHY_LEN];
	size_t where;
	int err = policy_rules_create(texts, n, &r, &where, why);
	if (err != 0)
		fail_msg("rule %zu: %s", where, why);
	return r;
}

static void assert_becomes(
	const struct policy_rules *r, void **state, const char *number, const char *expected)
{
	struct policy_number out;
	assert_int_equal(policy_rules_apply(r, *state, bytes_str(number), &out), 0);
	assert_string_equal(out.text, expected);
	assert_int_equal(out.len, strlen(expected));
}

static void the_first_rule_that_matches_counts(void **state)
{
	static const struct policy_rule_text texts[] = {
		{"^\\+1(425|206)(\\d{7})$", "$2"},
		{"^\\+1(\\d{10})$", "91$1"},
		{"^\\+(\\d+)$", "9011$1"},
		{"^\\+1.*", "never"},
	};
	struct policy_rules *r = compile(texts, ARRAY_LEN(texts));
	assert_becomes(r, state, "+14255550123", "5550123");
	assert_becomes(r, state, "+12125550123", "912125550123");
	assert_becomes(r, state, "+442071234567", "9011442071234567");
	assert_becomes(r, state, "911", "911");
	policy_rules_destroy(r);
}

static void what_stands_around_a_match_stays(void **state)
{
	static const struct policy_rule_text texts[] = {
		{"00", "+"}, {"(a)(x)?", "[$1$2$0]"}, {"\\$", "$$$$"}};
	struct policy_rules *r = compile(texts, ARRAY_LEN(texts));
	assert_becomes(r, state, "9004920", "9+4920");
	assert_becomes(r, state, "bac", "b[aa]c");
	assert_becomes(r, state, "1$2", "1$$2");
	policy_rules_destroy(r);
	assert_becomes(NULL, state, "+1", "+1");
}

static void rules_that_cannot_be_are_refused_with_the_reason(void **state)
{
	static const struct {
		struct policy_rule_text text;
		const char *why;
	} cases[] = {
		{{"^(\\d+", "$1"}, "parenthes"},
		{{"[", "1"}, "character 2"},
		{{"^\\d+$", "$1"}, "no group 1"},
		{{"^(\\d+)$", "$2"}, "no group 2"},
		{{"^(\\d+)$", "$"}, "behind $"},
		{{"^(\\d+)$", "$x"}, "behind $"},
		{{"^(\\d+)$", "1 2"}, "byte 0x20"},
		{{"^(\\d+)$", "1\r\n2"}, "byte 0x0d"},
		{{"^(\\d+)$", "<$1>"}, "byte 0x3c"},
		{{"\\C", "1"}, "\\C"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_rule_text texts[2] = {{"1", "2"}, cases[i].text};
		struct policy_rules *r;
		char why[POLICY_WHY_LEN] = "";
		size_t where = 9;
		assert_int_equal(policy_rules_create(texts, 2, &r, &where, why), ERR_MALFORMED);
		assert_int_equal(where, 1);
		if (!strstr(why, cases[i].why))
			fail_msg("%s: %s", cases[i].text.match, why);
	}
	char longest[POLICY_PATTERN_MAX + 2];
	char why[POLICY_WHY_LEN];
	struct policy_pattern *p;
	memset(longest, '1', sizeof(longest));
	longest[POLICY_PATTERN_MAX + 1] = '\0';
	assert_int_equal(policy_pattern_create(longest, &p, why), ERR_MALFORMED);
	longest[POLICY_PATTERN_MAX] = '\0';
	assert_int_equal(policy_pattern_create(longest, &p, why), 0);
	policy_pattern_destroy(p);
}

static void numbers_have_bounds_and_characters(void **state)
{
	static const struct policy_rule_text doubling[] = {{"^(.*)$", "$1$1"}};
	static const struct policy_rule_text emptying[] = {{"^0$", ""}};
	struct policy_rules *twice = compile(doubling, 1), *none = compile(emptying, 1);
	struct policy_number out;
	char text[POLICY_NUMBER_MAX + 1];
	memset(text, '1', sizeof(text));
	assert_int_equal(
		policy_rules_apply(NULL, *state, bytes_of(text, POLICY_NUMBER_MAX), &out), 0);
	assert_int_equal(out.len, POLICY_NUMBER_MAX);
	assert_int_equal(policy_rules_apply(NULL, *state, bytes_of(text, sizeof(text)), &out),
		ERR_TOO_LARGE);
	assert_int_equal(
		policy_rules_apply(twice, *state, bytes_of(text, POLICY_NUMBER_MAX / 2), &out), 0);
	assert_int_equal(
		policy_rules_apply(twice, *state, bytes_of(text, POLICY_NUMBER_MAX / 2 + 1), &out),
		ERR_TOO_LARGE);
	assert_int_equal(policy_rules_apply(none, *state, bytes_str("0"), &out), ERR_MALFORMED);
	static const char *const wrong[] = {"", "1 2", "1\r\n2", "a@b", "<1>", "\"1\"", "\x80"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(
			policy_rules_apply(NULL, *state, bytes_str(wrong[i]), &out), ERR_MALFORMED);
	assert_becomes(NULL, state, "+1425;ext=12", "+1425;ext=12");
	policy_rules_destroy(twice);
	policy_rules_destroy(none);
}

/* A pattern with exponential trouble, and a number made for it: it ends, and is counted. */
static void a_match_takes_a_bounded_number_of_steps(void **state)
{
	struct policy_pattern *p;
	char why[POLICY_WHY_LEN], number[POLICY_NUMBER_MAX];
	assert_int_equal(policy_pattern_create("^(1|11|1?1)+x$", &p, why), 0);
	memset(number, '1', sizeof(number));
	number[sizeof(number) - 2] = 'x'; /* so that it must try */
	assert_false(policy_pattern_matches(p, *state, bytes_of(number, sizeof(number))));
	assert_int_equal(policy_scratch_costly(*state), 1);
	number[3] = 'x';
	assert_true(policy_pattern_matches(p, *state, bytes_of(number, 4)));
	assert_int_equal(policy_scratch_costly(*state), 1);
	policy_pattern_destroy(p);
}

/* Repeated groups over the longest number there is need many levels and few steps. */
static void the_bounds_leave_room_for_patterns_that_are_right(void **state)
{
	static const char *const patterns[] = {"^(\\d)+$", "^(\\d|-)*$", "^((\\d)(-)?)+$",
		"^(?:(\\d)|(-)|(\\+))+$", "^\\+?(?:\\d[-. ]?){7,128}$", ".*.*.*1$"};
	char why[POLICY_WHY_LEN], number[POLICY_NUMBER_MAX];
	memset(number, '1', sizeof(number));
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		struct policy_pattern *p;
		assert_int_equal(policy_pattern_create(patterns[i], &p, why), 0);
		if (!policy_pattern_matches(p, *state, bytes_of(number, sizeof(number))))
			fail_msg("%s", patterns[i]);
		policy_pattern_destroy(p);
	}
	assert_int_equal(policy_scratch_costly(*state), 0);
}

static void a_dollar_is_the_very_end(void **state)
{
	struct policy_pattern *p;
	char why[POLICY_WHY_LEN];
	assert_int_equal(policy_pattern_create("^\\d+$", &p, why), 0);
	assert_true(policy_pattern_matches(p, *state, bytes_str("12")));
	assert_false(policy_pattern_matches(p, *state, bytes_str("12\n")));
	assert_false(policy_pattern_matches(p, *state, bytes_of("12\0", 3)));
	assert_false(policy_pattern_matches(p, *state, bytes_of(NULL, 0)));
	policy_pattern_destroy(p);
}

static void caller_id_comes_before_rules_and_the_plus_goes_last(void **state)
{
	static const struct policy_rule_text called[] = {{"^\\+1(\\d+)$", "+9$1"}};
	static const struct policy_rule_text calling[] = {{"^\\+1425(\\d+)$", "+$1"}};
	struct policy_rules *on_called = compile(called, 1), *on_calling = compile(calling, 1);
	struct policy_numbering t = {.called = on_called, .calling = on_calling};
	struct policy_caller_id id = {.is_suppressed = false};
	struct policy_numbers n;
	struct bytes to = bytes_str("+12065550100"), from = bytes_str("+14255550111");
	assert_int_equal(policy_numbers_apply(&t, NULL, *state, to, from, &n), 0);
	assert_string_equal(n.called.text, "+92065550100");
	assert_string_equal(n.calling.text, "+5550111");
	assert_false(n.is_anonymous);
	t.removes_plus = true;
	assert_int_equal(policy_numbers_apply(&t, &id, *state, to, from, &n), 0);
	assert_string_equal(n.called.text, "92065550100");
	assert_string_equal(n.calling.text, "5550111");
	assert_int_equal(n.calling.len, 7);
	id = (struct policy_caller_id){.is_suppressed = true, .alternate = "+14255550000"};
	assert_int_equal(policy_numbers_apply(&t, &id, *state, to, from, &n), 0);
	assert_string_equal(n.calling.text, "5550000");
	id.alternate = NULL;
	assert_int_equal(policy_numbers_apply(&t, &id, *state, to, from, &n), 0);
	assert_true(n.is_anonymous);
	assert_int_equal(n.calling.len, 0);
	assert_int_equal(
		policy_numbers_apply(&t, NULL, *state, bytes_str("a b"), from, &n), ERR_MALFORMED);
	policy_rules_destroy(on_called);
	policy_rules_destroy(on_calling);
}

int main(void)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(
			the_first_rule_that_matches_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_stands_around_a_match_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(
			rules_that_cannot_be_are_refused_with_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(
			numbers_have_bounds_and_characters, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_match_takes_a_bounded_number_of_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_bounds_leave_room_for_patterns_that_are_right, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dollar_is_the_very_end, setup, teardown),
		cmocka_unit_test_setup_teardown(
			caller_id_comes_before_rules_and_the_plus_goes_last, setup, teardown),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
