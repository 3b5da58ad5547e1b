/* SPDX-License-Identifier: BSD-3-Clause */
/* One scalar: from text to its C value, and from a number back to the text a person would write. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "tree.h"

/* Bytes of the C value; a section's struct and CONF_LIST are not values. */
size_t value_size(enum conf_type type);

bool value_is_number(enum conf_type type);

/*
 * Parses the scalar NODE as ROW says into OUT. Otherwise reports what is wrong at POS, without
 * the text when the row is CONF_SECRET, and returns false with OUT as it was.
 */
bool value_parse(struct conf_doc *doc, const struct conf_option *row, const struct tree_node *node,
	struct conf_pos pos, void *out);

/* "8h", "64k", "10M", "42", "2026-01-01T00:00:00Z". Returns BUF. */
#define VALUE_TEXT_LEN 32
const char *value_format_number(enum conf_type type, uint64_t v, char buf[VALUE_TEXT_LEN]);

/* "1 to 64", "1m or more", "at most 4"; "" when the row has no range. Returns BUF. */
#define VALUE_RANGE_LEN 96
const char *value_format_range(const struct conf_option *row, char buf[VALUE_RANGE_LEN]);

/* The names of a CONF_ENUM, "udp, tcp, tls", cut when they do not fit. Returns BUF. */
const char *value_format_names(const char *const *names, char *buf, size_t cap);

#endif
