/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions about an option table that filling, comparing and printing all ask. */
#ifndef CONF_ROWS_H
#define CONF_ROWS_H

#include <sallyport/conf.h>

/* The row named NAME, or NULL. */
const struct conf_option *rows_find(const struct conf_option *rows, const char *name);

/* Are keys that ROWS do not name passed over? */
bool rows_are_open(const struct conf_option *rows);

/* The row nearest to a misspelt NAME, or NULL when none is near. */
const struct conf_option *rows_suggest(const struct conf_option *rows, const char *name);

/* Bytes of the struct that ROWS describe, up to the end of its last field. */
size_t rows_extent(const struct conf_option *rows);

/* Does a value (not a section) lie at the very start of the struct? */
bool rows_start_with_value(const struct conf_option *rows);

bool row_is_section_list(const struct conf_option *row);

/* The list's item as a row of its own; secret when the list is. */
struct conf_option row_of_item(const struct conf_option *list);

/* Bytes from one list item to the next. */
size_t row_item_size(const struct conf_option *list);

#endif
