/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The document: its memory, its list of problems, and the map from a field of the filled structs
 * to the place in the file where its value was written.
 */
#ifndef CONF_DOC_H
#define CONF_DOC_H

#include <stdarg.h>
#include <stdatomic.h>
#include <sallyport/conf.h>
#include "arena.h"

#define CONF_LISTED_MAX   64 /* problems that are kept; the rest is counted */
#define CONF_WARNINGS_MAX 32 /* of those, so that warnings never hide an error */

/* Counted from 1; line 0 is the file as a whole. */
struct conf_pos {
	unsigned line, column;
};

struct conf_doc {
	atomic_uint n_owners; /* beside the first */
	struct arena arena;
	char *name; /* of the file, for messages */
	void *root;
	struct hash_table marks;  /* struct doc_mark by field address */
	struct doc_scope *scopes; /* every section, written or not */
	size_t n_listed;          /* in LISTED, sorted by position */
	size_t n_errors;          /* all of them */
	size_t n_warnings;
	bool is_world_readable; /* the file's mode; false for text */
	struct conf_error listed[CONF_LISTED_MAX];
};

struct conf_doc *doc_create(const char *name); /* NULL when out of memory */

void doc_report(struct conf_doc *doc, struct conf_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void doc_report_warning(struct conf_doc *doc, struct conf_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* FIELD was written at POS. */
void doc_mark_set(struct conf_doc *doc, const void *field, struct conf_pos pos);

/* A section's struct lies at BASE; problems with what the file leaves out go to POS. */
void doc_scope_add(struct conf_doc *doc, const void *base, size_t extent, struct conf_pos pos);

/*
 * TEXT in double quotes, shortened in the middle of nowhere but never of a character, into BUF.
 * A label fits any name an option table has; what a stranger wrote is cut.
 */
#define CONF_QUOTE_LEN 64
const char *doc_quote(const char *text, char buf[CONF_QUOTE_LEN]);

#endif
