/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading texts with the made-up table, for the tests of this folder. */
#ifndef TESTS_CONF_LOAD_H
#define TESTS_CONF_LOAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "all_types.h"

/* The document of LEN bytes, named "t.yaml"; *RC gets the result. */
static inline struct conf_doc *load_bytes(const void *text, size_t len, int *rc)
{
	struct conf_doc *doc = NULL;

	*rc = conf_load_text("t.yaml", text, len, made_rows, sizeof(struct made_root), &doc);
	assert_non_null(doc);
	return doc;
}

/* The document of a text that must be without errors and warnings. */
static inline struct conf_doc *load_good(const char *text)
{
	int rc;
	struct conf_doc *doc = load_bytes(text, strlen(text), &rc);

	if (rc != 0 || conf_error_count(doc) > 0)
		fail_msg("%s", conf_error_at(doc, 0)->text);
	return doc;
}

static inline const struct made_root *root_of(const struct conf_doc *doc)
{
	return conf_root(doc);
}

/*
 * TEXT must give exactly the N problems of WANT, each as "LINE:COLUMN: text" behind the file name,
 * a warning with "warning: " before it.
 */
static inline void expect_problems(const char *text, const char *const *want, size_t n)
{
	int rc;
	struct conf_doc *doc = load_bytes(text, strlen(text), &rc);
	int want_rc = 0;

	for (size_t i = 0; i < n; i++) {
		const struct conf_error *e = conf_error_at(doc, i);
		char got[400];

		assert_non_null(e);
		snprintf(got, sizeof(got), "%s%s", e->is_warning ? "warning: " : "",
			e->text + (e->line > 0 ? strlen("t.yaml:") : 0));
		assert_string_equal(got, want[i]);
		if (!e->is_warning)
			want_rc = ERR_CONFIG;
	}
	assert_null(conf_error_at(doc, n));
	assert_int_equal(conf_error_count(doc), n);
	assert_int_equal(rc, want_rc);
	conf_destroy(doc);
}

#define EXPECT(text, ...)                                                                          \
	do {                                                                                       \
		const char *const want_[] = {__VA_ARGS__};                                         \
		expect_problems((text), want_, ARRAY_LEN(want_));                                  \
	} while (0)

/* A file whose edge is complete, so that a test adds only what it is about. */
#define GOOD_EDGE                                                                                  \
	"node: n\n"                                                                                \
	"edge:\n"                                                                                  \
	"  realm: example.org\n"                                                                   \
	"  faces: [{name: a, listen: 192.0.2.1}]\n"

#endif
