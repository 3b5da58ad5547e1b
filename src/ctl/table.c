/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table.h"

#define CELL_MAX 512

static void push(struct ctl_table *t, char *text)
{
	char **grown = reallocarray(t->cells, t->n_cells + 1, sizeof(*grown));

	if (!grown || !text) {
		fputs("sallyportctl: out of memory\n", stderr);
		exit(1);
	}
	t->cells = grown;
	t->cells[t->n_cells++] = text;
}

void ctl_table_init(struct ctl_table *t, const char *const *head, size_t n)
{
	assert(n > 0 && n <= CTL_COLUMNS_MAX);
	*t = (struct ctl_table){.n_columns = n};
	for (size_t i = 0; i < n; i++)
		push(t, strdup(head[i]));
}

void ctl_table_add(struct ctl_table *t, const char *fmt, ...)
{
	char text[CELL_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	push(t, strdup(text));
}

static void print_row(const struct ctl_table *t, size_t row, const size_t *widths)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		const char *cell = t->cells[row * t->n_columns + i];
		bool is_right = t->cells[i][0] == '>', is_last = i + 1 == t->n_columns;
		if (row == 0 && is_right)
			cell++;
		if (is_right)
			printf("%s%*s", i ? "  " : "", (int)widths[i], cell);
		else
			printf("%s%-*s", i ? "  " : "", is_last ? 0 : (int)widths[i], cell);
	}
	putchar('\n');
}

void ctl_table_end(struct ctl_table *t, const char *title)
{
	size_t widths[CTL_COLUMNS_MAX] = {0};
	size_t n_rows = t->n_cells / t->n_columns;

	for (size_t i = 0; i < t->n_cells; i++) {
		bool is_mark = i < t->n_columns && t->cells[i][0] == '>';
		size_t len = strlen(t->cells[i]) - is_mark;
		if (len > widths[i % t->n_columns])
			widths[i % t->n_columns] = len;
	}
	if (n_rows > 1 && title)
		printf("\n%s\n", title);
	for (size_t row = 0; n_rows > 1 && row < n_rows; row++)
		print_row(t, row, widths);
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
}

const char *ctl_duration(int64_t s, char buf[CTL_CELL_LEN])
{
	const char *sign = s < 0 ? "-" : "";
	long long n = s < 0 ? -(long long)s : (long long)s;

	if (n >= 86400)
		snprintf(buf, CTL_CELL_LEN, "%s%lldd %lldh", sign, n / 86400, n / 3600 % 24);
	else if (n >= 3600)
		snprintf(buf, CTL_CELL_LEN, "%s%lldh %lldm", sign, n / 3600, n / 60 % 60);
	else if (n >= 60)
		snprintf(buf, CTL_CELL_LEN, "%s%lldm %llds", sign, n / 60, n % 60);
	else
		snprintf(buf, CTL_CELL_LEN, "%s%llds", sign, n);
	return buf;
}

static const char *scaled(double n, const char *const *units, char buf[CTL_CELL_LEN])
{
	size_t i = 0;

	for (; n >= 1000 && units[i + 1]; i++)
		n /= 1000;
	snprintf(buf, CTL_CELL_LEN, i == 0 ? "%.0f %s" : "%.1f %s", n, units[i]);
	return buf;
}

const char *ctl_bytes(double n, char buf[CTL_CELL_LEN])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", NULL};

	return scaled(n, units, buf);
}

const char *ctl_rate(double bytes_s, char buf[CTL_CELL_LEN])
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", NULL};

	return scaled(bytes_s * 8, units, buf);
}

const char *ctl_time(int64_t unix_s, char buf[CTL_CELL_LEN])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (unix_s <= 0 || !gmtime_r(&t, &tm) ||
		strftime(buf, CTL_CELL_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(buf, CTL_CELL_LEN, "-");
	return buf;
}
