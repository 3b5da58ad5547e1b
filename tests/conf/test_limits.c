/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are cut, too deep, too long, or met when memory is short. Linked with --wrap=malloc
 * and --wrap=calloc. */
#include <errno.h>
#include "load.h"

/* The allocation, counted from 0, that fails; -1 for none. Only this test binary has it. */
static long fail_at = -1;
static long n_allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
	return n_allocations++ == fail_at ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return n_allocations++ == fail_at ? NULL : __real_calloc(n, size);
}

static const char full_text[] = "# a comment\n"
				"node: \"edge\\u00e91\"\n"
				"log_level: debug\n"
				"admin: '[2001:db8::1]:99'\n"
				"words: [one, \"two: 2\", 'three']\n"
				"edge:\n"
				"  realm: example.org\n"
				"  deny:\n"
				"  - 10.0.0.0/8\n"
				"  - fc00::/7\n"
				"  faces:\n"
				"  - name: a\n"
				"    listen: [192.0.2.1, 192.0.2.1:443]\n"
				"  - {name: b, listen: 192.0.2.2, max_bps: 3M}\n"
				"  limits:\n"
				"    buffer: 64k\n"
				"log:\n"
				"  target: >-\n"
				"    stderr,\n"
				"    folded\n";

static void every_truncation_gives_a_document(void **state)
{
	for (size_t len = 0; len < sizeof(full_text); len++) {
		/* An exact copy, so that a sanitizer sees a read behind the end. */
		char *text = malloc(len + 1);
		struct conf_doc *doc;
		int rc;

		memcpy(text, full_text, len);
		doc = load_bytes(text, len, &rc);
		assert_true(rc == 0 || rc == ERR_CONFIG);
		assert_int_equal(rc != 0, conf_error_count(doc) > 0);
		conf_destroy(doc);
		free(text);
	}
}

/* "words" with N brackets around nothing; true when the nesting is what was refused. */
static bool is_too_deep(size_t n)
{
	char text[4096] = "node: n\nwords: ";
	struct conf_doc *doc;
	bool is_refused = false;
	int rc;

	memset(text + strlen(text), '[', n);
	memset(text + strlen(text), ']', n);
	doc = load_bytes(text, strlen(text), &rc);
	for (size_t i = 0; i < conf_error_count(doc); i++)
		is_refused = is_refused || strstr(conf_error_at(doc, i)->text,
						   "nested more than 16 deep") != NULL;
	conf_destroy(doc);
	return is_refused;
}

static void nesting_ends_at_16(void **state)
{
	assert_false(is_too_deep(15)); /* the file itself is a level */
	assert_true(is_too_deep(16));
	assert_true(is_too_deep(2000));
}

static int load_padded(size_t len, struct conf_doc **doc)
{
	char *text = malloc(len);
	int rc;

	memset(text, '\n', len);
	memcpy(text, "node: n", 7);
	*doc = load_bytes(text, len, &rc);
	free(text);
	return rc;
}

static void a_file_has_at_most_1_mib(void **state)
{
	struct conf_doc *doc;

	assert_int_equal(load_padded(1048576, &doc), 0);
	conf_destroy(doc);
	assert_int_equal(load_padded(1048577, &doc), ERR_CONFIG);
	assert_string_equal(
		conf_error_at(doc, 0)->text, "t.yaml: larger than 1 MiB; make it smaller");
	assert_int_equal(conf_error_count(doc), 1);
	conf_destroy(doc);
}

/* A file of N values: the file itself, "node", "n", "words", its list, and the items. */
static int load_values(size_t n, struct conf_doc **doc)
{
	char *text = malloc(n * 2 + 64);
	size_t used = (size_t)sprintf(text, "node: n\nwords: [a");
	int rc;

	for (size_t i = 6; i < n; i++)
		used += (size_t)sprintf(text + used, ",a");
	used += (size_t)sprintf(text + used, "]\n");
	*doc = load_bytes(text, used, &rc);
	free(text);
	return rc;
}

static void a_file_has_at_most_65536_values(void **state)
{
	struct conf_doc *doc;

	assert_int_equal(load_values(65536, &doc), 0);
	assert_int_equal(root_of(doc)->words.n, 65531);
	conf_destroy(doc);
	assert_int_equal(load_values(65537, &doc), ERR_CONFIG);
	assert_int_equal(conf_error_count(doc), 1);
	assert_non_null(strstr(conf_error_at(doc, 0)->text, "more than 65536 values; make the"));
	conf_destroy(doc);
}

static void a_thousand_mistakes_in_a_large_file_are_counted_fast_enough(void **state)
{
	size_t n = 30000;
	char *text = malloc(n * 16 + 64);
	struct conf_doc *doc;
	size_t used = 0;
	int rc;

	for (size_t i = 0; i < n; i++)
		used += (size_t)sprintf(text + used, "nod%zu: v\n", i);
	doc = load_bytes(text, used, &rc);
	assert_int_equal(rc, ERR_CONFIG);
	assert_int_equal(conf_error_count(doc), 64);
	conf_destroy(doc);
	free(text);
}

static void short_memory_refuses_the_document_and_leaks_nothing(void **state)
{
	char text[sizeof(full_text) + 2048];
	size_t n_refused = 0;
	int rc = -ENOMEM;

	strcpy(text, full_text);
	for (int i = 0; i < 200; i++)
		strcat(text, i == 0 ? "# \nlevels: [info" : ", debug");
	strcat(text, "]\n");
	for (long i = 0;; i++) {
		struct conf_doc *doc = NULL;

		fail_at = i;
		n_allocations = 0;
		rc = conf_load_text(
			"t.yaml", text, strlen(text), made_rows, sizeof(struct made_root), &doc);
		fail_at = -1;
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(rc == 0, doc != NULL);
		conf_destroy(doc);
		n_refused += rc != 0;
		if (n_allocations <= i)
			break;
	}
	assert_int_equal(rc, 0);
	assert_in_range(n_refused, 4, 1000);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_truncation_gives_a_document),
		cmocka_unit_test(nesting_ends_at_16),
		cmocka_unit_test(a_file_has_at_most_1_mib),
		cmocka_unit_test(a_file_has_at_most_65536_values),
		cmocka_unit_test(a_thousand_mistakes_in_a_large_file_are_counted_fast_enough),
		cmocka_unit_test(short_memory_refuses_the_document_and_leaks_nothing),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
