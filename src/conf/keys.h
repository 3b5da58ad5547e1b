/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The section whose rows are being filled, and what can be wrong with its keys: unknown, written
 * twice, missing.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "tree.h"

#define LABEL_LEN (CONF_QUOTE_LEN + 16)

enum fill_origin {
	FILL_FROM_FILE,
	FILL_FROM_DEFAULT, /* a row's fallback, read as YAML */
	FILL_ABSENT,       /* a section that the file does not have */
};

/* The section whose rows are being filled. */
struct fill_section {
	struct conf_doc *doc;
	const struct conf_option *rows, *root_rows;
	const struct tree_node *node; /* NULL when it holds nothing */
	char *base;                   /* its struct */
	const char *label;            /* for messages; NULL at the root */
	struct conf_pos pos;
	enum fill_origin origin;
};

/* Every key of the section that no row has; says where it may belong. */
void keys_report_unknown(const struct fill_section *s);

/* ROW is required and not there. Silent when a misspelt key was told to be it. */
void keys_report_missing(const struct fill_section *s, const struct conf_option *row);

void keys_report_repeated(
	const struct fill_section *s, const struct tree_node *first, const struct tree_node *again);

#endif
