/* SPDX-License-Identifier: BSD-3-Clause */
/* Cross-field rules, the places they point at, and which values were written. */
#include "load.h"

static void a_check_points_at_the_value(void **state)
{
	EXPECT(GOOD_EDGE "  lifetime: 1h\n  session_grace: 2h\n",
		"6:18: \"session_grace\" is longer than \"lifetime\"; make it shorter");
}

static void a_warning_leaves_the_document_good(void **state)
{
	EXPECT(GOOD_EDGE "  deny: []\n",
		"warning: 5:3: nothing is denied; name the inside networks");
}

static void a_check_points_at_the_item_of_a_list(void **state)
{
	EXPECT("node: n\nedge:\n  realm: r\n  faces:\n"
	       "  - name: a\n    listen: [192.0.2.1, 192.0.2.1:1]\n"
	       "  - name: b\n    listen:\n    - 192.0.2.2:1\n",
		"6:25: port 1 is taken; choose another", "9:7: port 1 is taken; choose another");
}

static void a_check_of_a_plain_row_gets_the_section_it_is_in(void **state)
{
	EXPECT("node: -n\n", "1:7: a node does not start with a dash; rename it");
}

static void a_check_waits_until_its_values_are_in_place(void **state)
{
	EXPECT(GOOD_EDGE "  deny: []\n  lifetime: 0\n",
		"6:13: \"0\" is out of range; write 1m to 180d");
}

static void a_failed_check_does_not_hide_the_next_one(void **state)
{
	EXPECT("node: -n\n"
	       "edge:\n"
	       "  realm: r\n"
	       "  faces: [{name: a, listen: 192.0.2.1:1}]\n"
	       "  deny: []\n",
		"1:7: a node does not start with a dash; rename it",
		"4:29: port 1 is taken; choose another",
		"warning: 5:3: nothing is denied; name the inside networks");
}

static void a_problem_with_what_is_not_written_goes_to_its_section(void **state)
{
	struct conf_doc *doc = load_good(GOOD_EDGE "  limits:\n    total: 20\n");
	const struct made_root *r = root_of(doc);
	const struct made_face *face = r->edge.faces.items;

	conf_fail(doc, &r->edge.limits.buffer_bytes, "in limits");
	conf_fail(doc, &face->max_bps, "in a face");
	conf_fail(doc, &r->edge.lifetime_s, "in the edge");
	conf_fail(doc, &r->privacy, "at the root");

	assert_int_equal(conf_error_count(doc), 4);
	assert_string_equal(conf_error_at(doc, 0)->text, "t.yaml: at the root");
	assert_string_equal(conf_error_at(doc, 1)->text, "t.yaml:2:1: in the edge");
	assert_string_equal(conf_error_at(doc, 2)->text, "t.yaml:4:11: in a face");
	assert_string_equal(conf_error_at(doc, 3)->text, "t.yaml:5:3: in limits");
	conf_destroy(doc);
}

static void written_values_are_told_from_defaults(void **state)
{
	struct conf_doc *doc = load_good(GOOD_EDGE "  lifetime: 8h\n");
	const struct made_root *r = root_of(doc);
	const struct made_face *face = r->edge.faces.items;

	assert_true(conf_is_set(doc, &r->node));
	assert_true(conf_is_set(doc, &r->edge));
	assert_true(conf_is_set(doc, &r->edge.lifetime_s));
	assert_true(conf_is_set(doc, &r->edge.faces));
	assert_true(conf_is_set(doc, &face->name));
	assert_true(conf_is_set(doc, &face->listen));
	assert_true(conf_is_set(doc, face->listen.items));
	assert_false(conf_is_set(doc, &r->privacy));
	assert_false(conf_is_set(doc, &r->edge.session_grace_s));
	assert_false(conf_is_set(doc, &r->edge.deny));
	assert_false(conf_is_set(doc, r->edge.deny.items));
	assert_false(conf_is_set(doc, &r->edge.limits.per_user));
	assert_false(conf_is_set(doc, &face->max_bps));
	conf_destroy(doc);
}

static void a_section_that_begins_with_a_value_answers_for_the_value(void **state)
{
	struct conf_doc *doc = load_good("node: n\nlog:\n");

	assert_false(conf_is_set(doc, &root_of(doc)->log.target));
	conf_destroy(doc);
}

static void warnings_never_crowd_out_an_error(void **state)
{
	struct conf_doc *doc = load_good("node: n\n");
	size_t n_errors = 0;

	for (int i = 0; i < 200; i++)
		conf_warn(doc, &root_of(doc)->node, "warning %d", i);
	conf_fail(doc, &root_of(doc)->node, "the error");
	for (size_t i = 0; i < conf_error_count(doc); i++)
		n_errors += !conf_error_at(doc, i)->is_warning;
	assert_int_equal(n_errors, 1);
	conf_destroy(doc);
}

static void a_message_that_is_too_long_ends_in_dots(void **state)
{
	struct conf_doc *doc = load_good("node: n\n");
	const char *text;

	conf_fail(doc, &root_of(doc)->node, "%0400d", 0);
	text = conf_error_at(doc, 0)->text;
	assert_int_equal(strlen(text), sizeof(conf_error_at(doc, 0)->text) - 1);
	assert_string_equal(text + strlen(text) - 4, "0...");
	conf_destroy(doc);
}

static void an_open_table_passes_over_what_it_does_not_name(void **state)
{
	static const struct conf_option inner[] = {
		{.name = "known", .type = CONF_STRING}, {.name = NULL, .flags = CONF_OPEN}};
	static const struct conf_option open[] = {
		{.name = "s", .type = CONF_SECTION, .children = inner},
		{.name = NULL, .flags = CONF_OPEN}};
	static const char text[] = "other: [1, {a: b}]\ns:\n  more: 1\n  known: yes, it is\n";
	struct conf_doc *doc = NULL;

	int rc = conf_load_text("t.yaml", text, strlen(text), open, sizeof(char *), &doc);

	assert_int_equal(rc, 0);
	assert_string_equal(*(const char *const *)conf_root(doc), "yes, it is");
	conf_destroy(doc);
}

static void note_path(void *arg, const char *path)
{
	strcat(strcat(arg, path), " ");
}

static void inputs_are_all_paths_but_those_the_program_makes(void **state)
{
	static const struct conf_option item[] = {
		{.name = "key", .type = CONF_PATH}, {.name = NULL}};
	static const struct conf_option rows[] = {
		{.name = "log", .type = CONF_PATH, .flags = CONF_OUTPUT},
		{.name = "ca", .type = CONF_PATH, .offset = sizeof(char *)},
		{.name = "unset", .type = CONF_PATH, .offset = 2 * sizeof(char *)},
		{.name = "more",
			.type = CONF_LIST,
			.item = CONF_PATH,
			.offset = 3 * sizeof(char *)},
		{.name = "keys",
			.type = CONF_LIST,
			.item = CONF_SECTION,
			.children = item,
			.item_size = sizeof(char *),
			.offset = 3 * sizeof(char *) + sizeof(struct conf_list)},
		{.name = NULL}};
	static const char text[] =
		"log: /l\nca: /ca\nmore: [/m1, /m2]\nkeys: [{key: /k1}, {}, {key: /k2}]\n";
	struct conf_doc *doc = NULL;
	char seen[128] = "";

	assert_int_equal(conf_load_text("t.yaml", text, strlen(text), rows,
				 3 * sizeof(char *) + 2 * sizeof(struct conf_list), &doc),
		0);
	conf_each_input(doc, rows, note_path, seen);
	assert_string_equal(seen, "/ca /m1 /m2 /k1 /k2 ");

	conf_fail(doc, conf_root(doc), "gone bad");
	assert_int_equal(conf_error_count(doc), 1);
	conf_errors_clear(doc);
	assert_int_equal(conf_error_count(doc), 0);
	conf_destroy(doc);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(a_check_points_at_the_value),
		cmocka_unit_test(a_warning_leaves_the_document_good),
		cmocka_unit_test(a_check_points_at_the_item_of_a_list),
		cmocka_unit_test(a_check_of_a_plain_row_gets_the_section_it_is_in),
		cmocka_unit_test(a_check_waits_until_its_values_are_in_place),
		cmocka_unit_test(a_failed_check_does_not_hide_the_next_one),
		cmocka_unit_test(a_problem_with_what_is_not_written_goes_to_its_section),
		cmocka_unit_test(written_values_are_told_from_defaults),
		cmocka_unit_test(a_section_that_begins_with_a_value_answers_for_the_value),
		cmocka_unit_test(warnings_never_crowd_out_an_error),
		cmocka_unit_test(a_message_that_is_too_long_ends_in_dots),
		cmocka_unit_test(an_open_table_passes_over_what_it_does_not_name),
		cmocka_unit_test(inputs_are_all_paths_but_those_the_program_makes),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
