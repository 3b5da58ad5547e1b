/* SPDX-License-Identifier: BSD-3-Clause */
/* Every mistake a file can hold: its place, its words and the way out. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "load.h"

static void unknown_keys_are_told_with_the_nearest_known_one(void **state)
{
	EXPECT("node: n\nedge:\n  relm: example.org\n  faces: [{name: a, listen: 192.0.2.1}]\n",
		"3:3: unknown key \"relm\" in \"edge\"; did you mean \"realm\"?");
	EXPECT("node: n\nLog-Level: info\n",
		"2:1: unknown key \"Log-Level\"; did you mean \"log_level\"?");
	EXPECT("node: n\nprviacy: on\n", "2:1: unknown key \"prviacy\"; did you mean \"privacy\"?");
	EXPECT("node: n\ncolour: red\n",
		"2:1: unknown key \"colour\"; remove it, sallyportd -s prints all there are");
	EXPECT("node: n\nx: 1\n",
		"2:1: unknown key \"x\"; remove it, sallyportd -s prints all there are");
	EXPECT(GOOD_EDGE "  limits:\n    totl: 20\n    per_user: 3\n",
		"6:5: unknown key \"totl\" in \"limits\"; did you mean \"total\"?");
}

static void a_key_at_the_wrong_indentation_is_sent_home(void **state)
{
	EXPECT("node: n\nrealm: example.org\n",
		"2:1: unknown key \"realm\"; it belongs in \"edge\"");
	EXPECT("node: n\nper_user: 3\n",
		"2:1: unknown key \"per_user\"; it belongs in \"edge.limits\"");
	EXPECT("node: n\ntransport: udp\n",
		"2:1: unknown key \"transport\"; it belongs in \"edge.faces\"");
	EXPECT("node: n\nlog:\n  pid_file: /x\n",
		"3:3: unknown key \"pid_file\" in \"log\"; it belongs at the left margin, in no "
		"section");
}

static void repeated_keys_are_told_with_the_first_line(void **state)
{
	EXPECT("node: n\nprivacy: on\nnode: m\n",
		"3:1: \"node\" is already set in line 1; remove one of the two");
}

static void required_options_are_told_at_their_section(void **state)
{
	EXPECT("privacy: on\n",
		"t.yaml: the file needs \"node\"; add it (the name of this node in its pool)");
	EXPECT("node: n\nedge:\n  faces: [{name: a, listen: 192.0.2.1}]\n",
		"2:1: \"edge\" needs \"realm\"; add it (the domain your TURN credentials are for)");
	EXPECT("node: n\nedge:\n  realm: r\n  faces:\n  - name: a\n",
		"5:5: an item of \"faces\" needs \"listen\"; add it (addresses to listen on)");
	EXPECT("node: n\nedge:\n",
		"2:1: \"edge\" needs \"realm\"; add it (the domain your TURN credentials are for)",
		"2:1: \"edge\" needs \"faces\"; add it (where clients come in)");
}

static void bad_values_are_told_at_the_value(void **state)
{
	EXPECT(GOOD_EDGE "  lifetime: 8x\n",
		"5:13: \"8x\" is not a duration; write a number with s, m, h or d, such as 8h");
	EXPECT("node: n\nprivacy: maybe\n",
		"2:10: \"maybe\" is not a yes or no; write true or false");
	EXPECT("node: n\nweights: [1, two]\n",
		"2:14: \"two\" is not a number; write digits only, such as 42");
	EXPECT("node: n\npid_file: made.pid\n",
		"2:11: \"made.pid\" is not an absolute file name; write one that starts with /, "
		"such as /etc/sallyport/key.pem");
	EXPECT("node: n\nlog_level: inof\n",
		"2:12: \"inof\" is not one of error, warning, notice, info, debug; did you mean "
		"\"info\"?");
	EXPECT("node: n\nlog_level: 7\n",
		"2:12: \"7\" is not one of error, warning, notice, info, debug; write one of them");
	EXPECT("node: n\nadmin: localhost\n",
		"2:8: \"localhost\" is not an address; write an IP address with or without port, "
		"such as 192.0.2.1:3478 or \"[2001:db8::1]:3478\"");
	EXPECT("node: n\ninside: 10.0.0.1/8\n",
		"2:9: \"10.0.0.1/8\" is not a network; write address/length with no bits set "
		"behind the length, such as 10.0.0.0/8");
	EXPECT("node: n\nnot_before: today\n",
		"2:13: \"today\" is not a time; write it as in 2026-01-01T00:00:00Z");
	EXPECT(GOOD_EDGE "  ports: 9-1\n",
		"5:10: \"9-1\" is not a port range; write first-last, such as 50000-59999");
	EXPECT(GOOD_EDGE "  limits: {buffer: big}\n",
		"5:20: \"big\" is not a size; write a number with k, M or G, such as 64k");
}

static void values_out_of_range_are_told_the_range(void **state)
{
	EXPECT(GOOD_EDGE "  lifetime: 181d\n", "5:13: \"181d\" is out of range; write 1m to 180d");
	EXPECT(GOOD_EDGE "  limits: {per_user: 0}\n",
		"5:22: \"0\" is out of range; write 1 to 1000 allocations");
	EXPECT(GOOD_EDGE "  limits: {total: 15}\n",
		"5:19: \"15\" is out of range; write 16 or more");
	EXPECT("node: n\nweights: [1, 101]\n",
		"2:14: \"101\" is out of range; write 1 to 100 points");
	EXPECT("node: n\nweights: [1, 2, 3, 4]\n", "2:1: \"weights\" has 4 items; write at most 3");
	EXPECT("node: n\nedge: {realm: r, faces: []}\n",
		"2:18: \"faces\" has 0 items; write 1 to 3");
	EXPECT("node: n\nnot_before: 1999-12-31T23:59:59Z\n",
		"2:13: \"1999-12-31T23:59:59Z\" is out of range; write 2000-01-01T00:00:00Z or "
		"more");
}

static void values_of_the_wrong_kind_are_told_as_such(void **state)
{
	EXPECT("node: [n]\n",
		"1:1: \"node\" is one value, not a list; write it without [ ] and dashes, in "
		"quotes if it starts with [");
	EXPECT("node: {a: b}\n",
		"1:1: \"node\" is one value, not a section; write it behind the colon");
	EXPECT("node:\n", "1:6: \"node\" has no value; write one or remove the line");
	EXPECT("node: ~\n", "1:7: \"node\" has no value; write one or remove the line");
	EXPECT("node: n\nlog: stderr\n",
		"2:6: \"log\" is a section; write its options on the lines below, indented");
	EXPECT("node: n\nlog:\n- target: x\n",
		"2:1: \"log\" is a section, not a list; remove the dashes before its options");
	EXPECT("node: n\nwords: {a: b}\n", "2:1: \"words\" is a list; start each item with a dash");
	EXPECT("node: n\nwords:\n", "2:7: \"words\" has no items; write some, or [] for none");
	EXPECT("node: n\nwords: [a, [b]]\n",
		"2:12: an item of \"words\" is one value, not a list; write it without [ ] and "
		"dashes, in quotes if it starts with [");
	EXPECT("node: n\nwords:\n- a\n-\n",
		"4:2: an item of \"words\" has no value; write one or remove the line");
	EXPECT("node: n\nedge: {realm: r, faces: {name: a, listen: 192.0.2.1}}\n",
		"2:18: \"faces\" is a list; start each item with a dash");
	EXPECT("node: n\nedge: {realm: r, faces: [a]}\n",
		"2:26: an item of \"faces\" is a section; write its options on the lines below, "
		"indented");
	EXPECT("- node: n\n", "1:1: the file is a list; write sections, as in \"node:\"");
	EXPECT("node n\n",
		"1:1: the file is one value; write \"key: value\" lines, with a space behind the "
		"colon");
	EXPECT("node: n\n? [a, b]\n: c\n",
		"2:3: a list or section cannot be a key; write a plain word");
}

static void a_list_of_plain_values_may_be_written_as_one(void **state)
{
	struct conf_doc *doc = load_good("node: n\nwords: one\n");

	assert_int_equal(root_of(doc)->words.n, 1);
	assert_string_equal(((const char *const *)root_of(doc)->words.items)[0], "one");
	conf_destroy(doc);
}

static void broken_yaml_is_told_with_its_place(void **state)
{
	EXPECT("node: n\n\tlog: x\n",
		"2:1: not valid YAML: a tab in the indentation; indent with spaces");
	EXPECT("node: n\nlog:\n  target: a\n   x: b\n",
		"4:5: not valid YAML: mapping values are not allowed in this context; check the "
		"indentation, and quote a value that holds \": \" or starts with [ or {");
	EXPECT("node: n\nwords: [a\n",
		"3:1: not valid YAML: did not find expected ',' or ']' (while parsing a flow "
		"sequence that starts in line 2); close the list with ]");
	EXPECT("node: \"n\n",
		"2:1: not valid YAML: found unexpected end of stream (while scanning a quoted "
		"scalar that starts in line 1); close the quotes");
}

static void bytes_that_are_no_text_are_told_with_their_place(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *want;
	} cases[] = {
		{"node: n\nlog: a\0b\n", 17,
			"t.yaml:2:7: a NUL byte; save the file as plain UTF-8 text"},
		{"node: n\nlog: \xff\n", 15,
			"t.yaml:2:6: not UTF-8 text (invalid leading UTF-8 octet); save the file "
			"as UTF-8"},
		{"node: \xc3\xa9\x01\n", 10, "t.yaml:1:8: a control character (0x01); remove it"},
		{"\xff\xfen\0o\0", 6,
			"t.yaml:1:1: not UTF-8 text (invalid leading UTF-8 octet); save the file "
			"as UTF-8"},
		{"node: \"a\\0b\"\n", 13,
			"t.yaml:1:7: a NUL character (\\0) in a value; remove it"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int rc;
		struct conf_doc *doc = load_bytes(cases[i].text, cases[i].len, &rc);

		assert_int_equal(rc, ERR_CONFIG);
		assert_string_equal(conf_error_at(doc, 0)->text, cases[i].want);
		conf_destroy(doc);
	}
}

static void a_byte_order_mark_is_skipped(void **state)
{
	struct conf_doc *doc = load_good("\xef\xbb\xbfnode: n\nprivacy: off\n");

	assert_string_equal(root_of(doc)->node, "n");
	conf_destroy(doc);
}

static void yaml_features_without_a_use_are_refused(void **state)
{
	EXPECT("node: &x n\n", "1:7: the anchor \"x\" has no use here; remove the &NAME");
	EXPECT("node: *x\n", "1:7: the alias \"x\" has no use here; write the value itself");
	EXPECT("node: !!str n\n",
		"1:7: the tag \"tag:yaml.org,2002:str\" has no use here; remove it");
	EXPECT("node: n\n---\nnode: m\n",
		"2:1: a second document starts here; keep one and remove this line");
	EXPECT("node: n\nlog: &x {target: a}\nwords: !t [b]\n",
		"2:6: the anchor \"x\" has no use here; remove the &NAME",
		"3:8: the tag \"!t\" has no use here; remove it");
}

static void an_empty_file_is_an_error_and_one_of_comments_is_none(void **state)
{
	EXPECT("", "t.yaml: the file is empty; start from the sample that sallyportd -s prints");
	EXPECT(" \n\r\n\t\n",
		"t.yaml: the file is empty; start from the sample that sallyportd -s prints");
	EXPECT("# nothing yet\n",
		"t.yaml: the file needs \"node\"; add it (the name of this node in its pool)");
}

static void all_errors_are_gathered_in_order_of_place(void **state)
{
	EXPECT("privacy: maybe\nlog_level: x\nwords: {}\nedge:\n  lifetime: 0\n  zzz: 1\n",
		"t.yaml: the file needs \"node\"; add it (the name of this node in its pool)",
		"1:10: \"maybe\" is not a yes or no; write true or false",
		"2:12: \"x\" is not one of error, warning, notice, info, debug; write one of them",
		"3:1: \"words\" is a list; start each item with a dash",
		"4:1: \"edge\" needs \"realm\"; add it (the domain your TURN credentials are for)",
		"4:1: \"edge\" needs \"faces\"; add it (where clients come in)",
		"5:13: \"0\" is out of range; write 1m to 180d",
		"6:3: unknown key \"zzz\" in \"edge\"; remove it, sallyportd -s prints all there "
		"are");
}

static void only_the_first_64_errors_are_kept(void **state)
{
	char text[4096] = "", printed[40000], *end;
	struct conf_doc *doc;
	FILE *out = fmemopen(printed, sizeof(printed), "w");
	int rc;

	for (int i = 0; i < 100; i++)
		sprintf(text + strlen(text), "key%d: v\n", i);
	doc = load_bytes(text, strlen(text), &rc);
	conf_errors_print(doc, out);
	fclose(out);

	assert_int_equal(rc, ERR_CONFIG);
	assert_int_equal(conf_error_count(doc), 64);
	end = strrchr(printed, '\n');
	*end = 0;
	assert_string_equal(strrchr(printed, '\n') + 1, "37 more not shown"); /* and "node" */
	conf_destroy(doc);
}

static void a_secret_never_shows_in_a_message(void **state)
{
	EXPECT(GOOD_EDGE "  shared_secret: hush\n",
		"5:18: the value has the wrong length; write 8 to 64 bytes");
}

static void what_a_file_holds_does_not_steer_the_terminal(void **state)
{
	EXPECT("node: n\nprivacy: \"\\e[2J\\x9b\\n\"\n",
		"2:10: \"?[2J???\" is not a yes or no; write true or false");
}

static void long_words_are_cut_between_characters(void **state)
{
	EXPECT("node: n\nprivacy: "
	       "1234567890123456789012345678901234567890123456789012345é7é9é\n",
		"2:10: \"1234567890123456789012345678901234567890123456789012345\xc3\xa9"
		"7...\" is not a yes or no; write true or false");
}

static void a_very_long_file_name_shows_its_end(void **state)
{
	char name[400];
	struct conf_doc *doc = NULL;

	memset(name, 'a', sizeof(name));
	strcpy(name + sizeof(name) - 8, "/b.yaml");
	(void)conf_load_text(name, "- a", 3, made_rows, sizeof(struct made_root), &doc);
	assert_non_null(strstr(conf_error_at(doc, 0)->text, "aaa/b.yaml:1:1: the file is a list"));
	conf_destroy(doc);
}

/* A file of TEXT with MODE; the caller unlinks and frees the name. */
static char *make_file(const char *text, mode_t mode)
{
	char *path = strdup("conf-test-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void a_file_loads_as_its_text_does(void **state)
{
	char *path = make_file("node: from-file\n", 0644);
	struct conf_doc *doc = NULL;

	assert_int_equal(conf_load_file(path, made_rows, sizeof(struct made_root), &doc), 0);
	assert_string_equal(root_of(doc)->node, "from-file");
	conf_destroy(doc);
	unlink(path);
	free(path);
}

static void a_secret_in_a_file_that_everyone_may_read_is_a_warning(void **state)
{
	static const struct {
		mode_t mode;
		size_t n_warnings;
	} cases[] = {{0644, 1}, {0640, 0}, {0600, 0}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *path = make_file(GOOD_EDGE "  shared_secret: 0123456789\n", cases[i].mode);
		struct conf_doc *doc = NULL;

		assert_int_equal(
			conf_load_file(path, made_rows, sizeof(struct made_root), &doc), 0);
		assert_int_equal(conf_error_count(doc), cases[i].n_warnings);
		if (cases[i].n_warnings > 0) {
			assert_true(conf_error_at(doc, 0)->is_warning);
			assert_int_equal(conf_error_at(doc, 0)->line, 5);
		}
		conf_destroy(doc);
		unlink(path);
		free(path);
	}
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	struct conf_doc *doc = NULL;

	assert_int_equal(
		conf_load_file("no/such.yaml", made_rows, sizeof(struct made_root), &doc), -ENOENT);
	assert_int_equal(conf_error_count(doc), 1);
	assert_int_equal(conf_error_at(doc, 0)->line, 0);
	assert_non_null(strstr(conf_error_at(doc, 0)->text, "no/such.yaml: cannot be read ("));
	conf_destroy(doc);
	assert_int_equal(conf_load_file("/", made_rows, sizeof(struct made_root), &doc), -EISDIR);
	conf_destroy(doc);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(unknown_keys_are_told_with_the_nearest_known_one),
		cmocka_unit_test(a_key_at_the_wrong_indentation_is_sent_home),
		cmocka_unit_test(repeated_keys_are_told_with_the_first_line),
		cmocka_unit_test(required_options_are_told_at_their_section),
		cmocka_unit_test(bad_values_are_told_at_the_value),
		cmocka_unit_test(values_out_of_range_are_told_the_range),
		cmocka_unit_test(values_of_the_wrong_kind_are_told_as_such),
		cmocka_unit_test(a_list_of_plain_values_may_be_written_as_one),
		cmocka_unit_test(broken_yaml_is_told_with_its_place),
		cmocka_unit_test(bytes_that_are_no_text_are_told_with_their_place),
		cmocka_unit_test(a_byte_order_mark_is_skipped),
		cmocka_unit_test(yaml_features_without_a_use_are_refused),
		cmocka_unit_test(an_empty_file_is_an_error_and_one_of_comments_is_none),
		cmocka_unit_test(all_errors_are_gathered_in_order_of_place),
		cmocka_unit_test(only_the_first_64_errors_are_kept),
		cmocka_unit_test(a_secret_never_shows_in_a_message),
		cmocka_unit_test(what_a_file_holds_does_not_steer_the_terminal),
		cmocka_unit_test(long_words_are_cut_between_characters),
		cmocka_unit_test(a_very_long_file_name_shows_its_end),
		cmocka_unit_test(a_file_loads_as_its_text_does),
		cmocka_unit_test(a_secret_in_a_file_that_everyone_may_read_is_a_warning),
		cmocka_unit_test(a_file_that_cannot_be_read_is_told),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
