/* SPDX-License-Identifier: BSD-3-Clause */
/* Which differences between two documents need a restart. */
#include "load.h"

static void note_path(const char *path, void *arg)
{
	char *all = arg;

	strcat(all, path);
	strcat(all, " ");
}

/* The paths that differ between two texts must be WANT, each followed by a space. */
static void expect_diff(const char *a, const char *b, const char *want)
{
	struct conf_doc *da = load_good(a), *db = load_good(b);
	char got[512] = "";
	size_t n = conf_diff_fixed(da, db, made_rows, note_path, got), spaces = 0;

	for (const char *p = got; *p != 0; p++)
		spaces += *p == ' ';
	assert_string_equal(got, want);
	assert_int_equal(n, spaces);
	assert_int_equal(conf_diff_fixed(db, da, made_rows, NULL, NULL), n);
	conf_destroy(da);
	conf_destroy(db);
}

static void equal_values_differ_in_nothing(void **state)
{
	expect_diff(GOOD_EDGE "  lifetime: 8h\n", GOOD_EDGE "  lifetime: 480m\n", "");
	expect_diff("node: n\nprivacy: true\n", "node: \"n\"\n", "");
	expect_diff("node: n\nwords: a\n", "node: n\nwords: [\"a\"]\n", "");
}

static void every_fixed_type_is_compared_by_value(void **state)
{
	expect_diff("node: n\n", "node: m\n", "node ");
	expect_diff("node: n\n", "node: n\nprivacy: no\n", "privacy ");
	expect_diff("node: n\nadmin: 192.0.2.1\n", "node: n\nadmin: 192.0.2.1:5081\n", "admin ");
	expect_diff("node: n\nadmin: 192.0.2.1:5080\n", "node: n\nadmin: 192.0.2.1\n", "");
	expect_diff("node: n\ninside: 10.0.0.0/8\n", "node: n\ninside: 10.0.0.0/9\n", "inside ");
	expect_diff("node: n\n", "node: n\npid_file: /x\n", "pid_file ");
	expect_diff("node: n\nweights: [1, 2]\n", "node: n\nweights: [2, 1]\n", "weights ");
	expect_diff("node: n\nwords: [a, b]\n", "node: n\nwords: [a, c]\n", "words ");
	expect_diff("node: n\nwords: [a]\n", "node: n\nwords: [a, b]\n", "words ");
	expect_diff("node: n\nlevels: [info]\n", "node: n\nlevels: [debug]\n", "levels ");
	expect_diff(
		GOOD_EDGE "  ports: 2000-3000\n", GOOD_EDGE "  ports: 2000-3001\n", "edge.ports ");
	expect_diff(GOOD_EDGE, GOOD_EDGE "  limits: {total: 20, buffer: 8k}\n",
		"edge.limits.total edge.limits.buffer ");
}

static void reloadable_rows_may_differ(void **state)
{
	expect_diff(GOOD_EDGE,
		GOOD_EDGE "  lifetime: 1h\n  deny: [10.0.0.0/9]\n  limits: {per_user: 3}\n", "");
	expect_diff(
		"node: n\n", "node: n\nlog_level: debug\nnot_before: 2026-01-01T00:00:00Z\n", "");
}

static void a_fixed_section_may_not_come_or_go(void **state)
{
	expect_diff("node: n\n", GOOD_EDGE, "edge ");
}

static void a_fixed_list_of_sections_keeps_its_length_and_its_fixed_options(void **state)
{
#define FACES "node: n\nedge:\n  realm: r\n  faces:\n  - {name: a, listen: 192.0.2.1}\n"
	expect_diff(FACES, FACES "  - {name: b, listen: 192.0.2.2}\n", "edge.faces ");
	expect_diff(FACES "  - {name: b, listen: 192.0.2.2}\n",
		FACES "  - {name: c, listen: 192.0.2.2, max_bps: 1M}\n", "edge.faces[1].name ");
#undef FACES
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(equal_values_differ_in_nothing),
		cmocka_unit_test(every_fixed_type_is_compared_by_value),
		cmocka_unit_test(reloadable_rows_may_differ),
		cmocka_unit_test(a_fixed_section_may_not_come_or_go),
		cmocka_unit_test(a_fixed_list_of_sections_keeps_its_length_and_its_fixed_options),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
