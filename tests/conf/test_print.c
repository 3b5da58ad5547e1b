/* SPDX-License-Identifier: BSD-3-Clause */
/* The sample file and the manual page, printed from the rows. */
#include "load.h"

/* What PRINT writes for ROWS; the caller frees it. */
static char *printed(
	void (*print)(const struct conf_option *rows, FILE *out), const struct conf_option *rows)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	print(rows, out);
	fclose(out);
	return text;
}

/* Deletes every # directly before an option, as a person would who sets them all. */
static void set_all(char *text)
{
	char *out = text;
	bool is_line_start = true;

	for (const char *p = text; *p != 0; p++) {
		if (is_line_start && *p == '#' && p[1] != ' ' && p[1] != '\n')
			p++;
		is_line_start = *p == '\n' || (is_line_start && *p == ' ');
		*out++ = *p;
	}
	*out = 0;
}

static void the_sample_parses_as_it_is_printed(void **state)
{
	char *text = printed(conf_print_sample, made_rows);
	struct conf_doc *doc = load_good(text);

	assert_string_equal(root_of(doc)->node, "edge1");
	assert_false(root_of(doc)->edge.is_present);
	conf_destroy(doc);
	free(text);
}

static void the_sample_parses_with_every_option_set(void **state)
{
	char *text = printed(conf_print_sample, made_rows);
	struct conf_doc *doc;
	const struct made_face *face;

	set_all(text);
	doc = load_good(text);
	face = root_of(doc)->edge.faces.items;

	assert_true(conf_is_set(doc, &root_of(doc)->edge.limits.buffer_bytes));
	assert_int_equal(root_of(doc)->edge.limits.buffer_bytes, 4194304);
	assert_int_equal(root_of(doc)->edge.faces.n, 1);
	assert_string_equal(face->name, "external");
	assert_int_equal(face->listen.n, 2);
	conf_destroy(doc);
	free(text);
}

static void the_sample_stays_within_90_columns(void **state)
{
	char *text = printed(conf_print_sample, made_rows);

	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		assert_in_range(strlen(line), 0, 90);
	free(text);
}

static void a_secret_shows_its_example_and_not_its_default(void **state)
{
	char *sample = printed(conf_print_sample, made_rows);
	char *page = printed(conf_print_mdoc, made_rows);

	assert_non_null(strstr(sample, "#shared_secret: change-me-please\n"));
	assert_null(strstr(sample, "never-shown-default"));
	assert_null(strstr(page, "never-shown-default"));
	free(sample);
	free(page);
}

struct small {
	uint64_t first;
	const char *second;
};

static const struct conf_option small_item_rows[] = {
	{.name = "size",
		.type = CONF_SIZE,
		.offset = offsetof(struct small, first),
		.max = 1048576,
		.fallback = "64k",
		.flags = CONF_RELOAD,
		.text = "First sentence. Second \\fBword\\fR one-two."},
	{.name = "name",
		.type = CONF_STRING,
		.offset = offsetof(struct small, second),
		.flags = CONF_REQUIRED,
		.example = "x",
		.text = "'quoted' start.\n.Dd is no macro."},
	{.name = NULL},
};

struct small_root {
	struct conf_list no;
	struct small in;
};

static const struct conf_option small_rows[] = {
	{.name = "No",
		.type = CONF_LIST,
		.item = CONF_SECTION,
		.item_size = sizeof(struct small),
		.offset = offsetof(struct small_root, no),
		.children = small_item_rows,
		.flags = CONF_REQUIRED,
		.text = "A list whose first option is not set, with a text long enough to need a "
			"second line in the sample."},
	{.name = "in",
		.type = CONF_SECTION,
		.offset = offsetof(struct small_root, in),
		.children = small_item_rows,
		.text = "A section."},
	{.name = NULL},
};

static void the_sample_sets_what_is_required_and_nothing_else(void **state)
{
	char *text = printed(conf_print_sample, small_rows);
	struct conf_doc *doc = NULL;

	assert_string_equal(text,
		"# Every option there is. A line with # directly before a name is an option that "
		"is not\n"
		"# set; it shows the default or an example. Delete the # to set it, and the # of "
		"the\n"
		"# section it stands in.\n"
		"\n"
		"# A list whose first option is not set, with a text long enough to need a second "
		"line in\n"
		"# the sample.\n"
		"# List of sections. Required. Needs a restart.\n"
		"No:\n"
		"  -\n"
		"    # First sentence. Second \\fBword\\fR one-two.\n"
		"    # Size in bytes, 0 to 1M. Default: 64k. Reloadable.\n"
		"    #size: 64k\n"
		"\n"
		"    # 'quoted' start.\n"
		"    # .Dd is no macro.\n"
		"    # Text. Required. Needs a restart.\n"
		"    name: x\n"
		"\n"
		"# --- in ---------------------------------------"
		"------------------------------------------\n"
		"# A section.\n"
		"# Section.\n"
		"#in:\n"
		"  # First sentence. Second \\fBword\\fR one-two.\n"
		"  # Size in bytes, 0 to 1M. Default: 64k. Reloadable.\n"
		"  #size: 64k\n"
		"\n"
		"  # 'quoted' start.\n"
		"  # .Dd is no macro.\n"
		"  # Text. Required. Needs a restart.\n"
		"  #name: x\n");
	assert_int_equal(conf_load_text("s", text, strlen(text), small_rows,
				 sizeof(struct small_root), &doc),
		0);
	conf_destroy(doc);
	free(text);
}

static void the_manual_page_escapes_what_roff_would_read(void **state)
{
	char *text = printed(conf_print_mdoc, small_rows + 1);

	assert_string_equal(text, ".It Cm \\&in\n"
				  "A section.\n"
				  "Section.\n"
				  ".It Cm \\&in.size\n"
				  "First sentence.\n"
				  "Second \\efBword\\efR one\\-two.\n"
				  "Size in bytes, 0 to 1M.\n"
				  "Default: 64k.\n"
				  "Reloadable.\n"
				  ".It Cm \\&in.name\n"
				  "\\&'quoted' start.\n"
				  "\\&.Dd is no macro.\n"
				  "Text.\n"
				  "Required.\n"
				  "Needs a restart.\n");
	free(text);
}

static void the_manual_page_names_options_by_their_path(void **state)
{
	char *text = printed(conf_print_mdoc, made_rows);

	assert_non_null(strstr(text, ".It Cm \\&edge.faces[].name\n"));
	assert_non_null(strstr(text, ".It Cm \\&edge.limits.per_user\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(the_sample_parses_as_it_is_printed),
		cmocka_unit_test(the_sample_parses_with_every_option_set),
		cmocka_unit_test(the_sample_stays_within_90_columns),
		cmocka_unit_test(a_secret_shows_its_example_and_not_its_default),
		cmocka_unit_test(the_sample_sets_what_is_required_and_nothing_else),
		cmocka_unit_test(the_manual_page_escapes_what_roff_would_read),
		cmocka_unit_test(the_manual_page_names_options_by_their_path),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
