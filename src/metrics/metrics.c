/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of all counters: a block per thread, their sums, and the text a scraper reads. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/metrics.h>

#define CACHE_LINE 64

struct metrics_set {
	const struct metrics_group *const *groups; /* not owned */
	size_t n_groups;
	unsigned n_threads;
	size_t block_len;    /* cells of one thread, padded to cache lines */
	metrics_cell *cells; /* n_threads blocks */
};

struct metrics_set *metrics_set_create(
	const struct metrics_group *const *groups, size_t n_groups, unsigned n_threads)
{
	struct metrics_set *s = calloc(1, sizeof(*s));
	size_t n = 0;
	size_t per_line = CACHE_LINE / sizeof(metrics_cell);

	if (!s)
		return NULL;
	for (size_t i = 0; i < n_groups; i++)
		n += groups[i]->n_rows;
	*s = (struct metrics_set){groups, n_groups, n_threads, 0, NULL};
	s->block_len = (n + per_line - 1) / per_line * per_line;
	size_t size = s->block_len * n_threads * sizeof(metrics_cell);
	s->cells = aligned_alloc(CACHE_LINE, size ? size : CACHE_LINE);
	if (!s->cells) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < s->block_len * n_threads; i++)
		atomic_init(&s->cells[i], 0);
	return s;
}

void metrics_set_destroy(struct metrics_set *s)
{
	if (!s)
		return;
	free(s->cells);
	free(s);
}

metrics_cell *metrics_set_cells(
	struct metrics_set *s, const struct metrics_group *group, unsigned thread)
{
	metrics_cell *at = s->cells + s->block_len * thread;

	assert(thread < s->n_threads);
	for (size_t i = 0; i < s->n_groups; i++) {
		if (s->groups[i] == group)
			return at;
		at += s->groups[i]->n_rows;
	}
	assert(!"a group of this set");
	return NULL;
}

static uint64_t sum_at(const struct metrics_set *s, size_t cell)
{
	uint64_t sum = 0;

	for (unsigned t = 0; t < s->n_threads; t++)
		sum += atomic_load_explicit(
			&s->cells[s->block_len * t + cell], memory_order_relaxed);
	return sum;
}

uint64_t metrics_set_sum(
	const struct metrics_set *s, const struct metrics_group *group, unsigned row)
{
	size_t first = 0, i = 0;

	for (; i < s->n_groups && s->groups[i] != group; i++)
		first += s->groups[i]->n_rows;
	assert(i < s->n_groups && row < group->n_rows);
	return sum_at(s, first + row);
}

void metrics_set_each(const struct metrics_set *s,
	void (*fn)(void *arg, const struct metrics_row *row, uint64_t value), void *arg)
{
	size_t cell = 0;

	for (size_t i = 0; i < s->n_groups; i++) {
		for (size_t k = 0; k < s->groups[i]->n_rows; k++, cell++) {
			if (s->groups[i]->rows[k].name)
				fn(arg, &s->groups[i]->rows[k], sum_at(s, cell));
		}
	}
}

static void print_row(FILE *out, const struct metrics_row *row, const char *last, uint64_t value)
{
	if (!last || strcmp(last, row->name) != 0) {
		fprintf(out, "# HELP %s %s\n", row->name, row->help ? row->help : "");
		fprintf(out, "# TYPE %s %s\n", row->name,
			row->kind == METRICS_GAUGE ? "gauge" : "counter");
	}
	fputs(row->name, out);
	if (row->labels)
		fprintf(out, "{%s}", row->labels);
	/* A gauge that one thread raises and another lowers may be seen below zero for a moment. */
	if (row->kind == METRICS_GAUGE)
		fprintf(out, " %lld\n", (long long)value);
	else
		fprintf(out, " %llu\n", (unsigned long long)value);
}

/* The format wants all lines of one name together, and rows of one name need not stand so. */
static void print_group(
	const struct metrics_set *s, const struct metrics_group *g, size_t first, FILE *out)
{
	for (size_t i = 0; i < g->n_rows; i++) {
		const char *name = g->rows[i].name;
		bool is_printed = name == NULL;
		for (size_t k = 0; k < i && !is_printed; k++)
			is_printed = g->rows[k].name && strcmp(g->rows[k].name, name) == 0;
		if (is_printed)
			continue;
		const char *last = NULL;
		for (size_t k = i; k < g->n_rows; k++) {
			if (!g->rows[k].name || strcmp(g->rows[k].name, name) != 0)
				continue;
			print_row(out, &g->rows[k], last, sum_at(s, first + k));
			last = name;
		}
	}
}

int metrics_set_print(const struct metrics_set *s, char **text, size_t *len)
{
	size_t first = 0;
	FILE *out = open_memstream(text, len);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_groups; i++) {
		print_group(s, s->groups[i], first, out);
		first += s->groups[i]->n_rows;
	}
	bool is_bad = ferror(out) != 0;
	if (fclose(out) == 0 && !is_bad)
		return 0;
	free(*text);
	*text = NULL;
	return -ENOMEM;
}
