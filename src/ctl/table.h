/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables for people: columns as wide as their widest cell; and numbers as people read them. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define CTL_COLUMNS_MAX 12

struct ctl_table {
	size_t n_columns;
	size_t n_cells;
	char **cells; /* row by row; the first row is the head. Owned */
};

/* HEAD has N names; one that begins with '>' is of a column that stands right. */
void ctl_table_init(struct ctl_table *t, const char *const *head, size_t n);
/* The next cell; copied. */
void ctl_table_add(struct ctl_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints it under a blank line and TITLE (may be NULL), nothing when it has no row; frees it. */
void ctl_table_end(struct ctl_table *t, const char *title);

/* All of these return BUF. */
#define CTL_CELL_LEN 32
const char *ctl_duration(int64_t seconds, char buf[CTL_CELL_LEN]); /* "3d 4h", "59s" */
const char *ctl_bytes(double n, char buf[CTL_CELL_LEN]);           /* "1.2 MB" */
const char *ctl_rate(double bytes_s, char buf[CTL_CELL_LEN]);      /* "64.0 kbit/s" */
const char *ctl_time(int64_t unix_s, char buf[CTL_CELL_LEN]);      /* RFC 3339; 0: "-" */

#endif
