/* SPDX-License-Identifier: BSD-3-Clause */
/* Which options that need a restart differ between two documents of one table. */
#include <stdarg.h>
#include <string.h>
#include "doc.h"
#include "rows.h"
#include "value.h"

struct diff_walk {
	void (*fn)(const char *path, void *arg);
	void *arg;
	size_t n_found;
	char path[256]; /* "edge.faces[0].", cut when a table nests that deep */
};

static void diff_rows(struct diff_walk *w, size_t used, const struct conf_option *rows,
	const char *a, const char *b);

/* Appends to the path at USED; returns the new length. */
__attribute__((format(printf, 3, 4))) static size_t path_append(
	struct diff_walk *w, size_t used, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->path + used, sizeof(w->path) - used, fmt, ap);
	va_end(ap);
	used += n > 0 ? (size_t)n : 0;
	return used < sizeof(w->path) ? used : sizeof(w->path) - 1;
}

static void report(struct diff_walk *w, size_t used)
{
	w->path[used] = 0;
	w->n_found++;
	if (w->fn != NULL)
		w->fn(w->path, w->arg);
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_addr(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && addr_equal(a, b);
}

static bool is_same_value(enum conf_type type, const void *a, const void *b)
{
	const struct prefix *pa = a, *pb = b;
	const struct conf_ports *ra = a, *rb = b;

	switch (type) {
	case CONF_STRING:
	case CONF_PATH:
		return is_same_text(*(const char *const *)a, *(const char *const *)b);
	case CONF_ADDR:
		return is_same_addr(a, b);
	case CONF_PREFIX:
		return is_same_addr(&pa->addr, &pb->addr) && pa->len_bits == pb->len_bits;
	case CONF_PORTS:
		return ra->first == rb->first && ra->last == rb->last;
	default: /* bool, int and uint64_t have no padding */
		return memcmp(a, b, value_size(type)) == 0;
	}
}

static bool is_same_list(enum conf_type item, const struct conf_list *a, const struct conf_list *b)
{
	size_t size = value_size(item);
	const char *pa = a->items, *pb = b->items;

	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!is_same_value(item, pa + i * size, pb + i * size))
			return false;
	return true;
}

static void diff_section(struct diff_walk *w, size_t used, const struct conf_option *row,
	const char *a, const char *b)
{
	bool is_optional = row->flags & CONF_OPTIONAL_SECTION;
	bool in_a = is_optional && *(const bool *)(a + row->present_offset);
	bool in_b = is_optional && *(const bool *)(b + row->present_offset);

	if (is_optional && (!in_a || !in_b)) {
		if (in_a != in_b && !(row->flags & CONF_RELOAD))
			report(w, used);
		return;
	}
	used = path_append(w, used, ".");
	diff_rows(w, used, row->children, a + row->offset, b + row->offset);
}

/* A list that may not change keeps its length, but its items may hold options that may. */
static void diff_section_list(struct diff_walk *w, size_t used, const struct conf_option *row,
	const struct conf_list *a, const struct conf_list *b)
{
	const char *pa = a->items, *pb = b->items;

	if (a->n != b->n) {
		report(w, used);
		return;
	}
	for (size_t i = 0; i < a->n; i++) {
		size_t item = path_append(w, used, "[%zu].", i);

		diff_rows(w, item, row->children, pa + i * row->item_size, pb + i * row->item_size);
	}
}

static void diff_row(struct diff_walk *w, size_t used, const struct conf_option *row, const char *a,
	const char *b)
{
	const void *fa = a + row->offset, *fb = b + row->offset;

	used = path_append(w, used, "%s", row->name);
	if (row->type == CONF_SECTION)
		diff_section(w, used, row, a, b);
	else if (row->flags & CONF_RELOAD)
		return;
	else if (row_is_section_list(row))
		diff_section_list(w, used, row, fa, fb);
	else if (row->type == CONF_LIST ? !is_same_list(row->item, fa, fb)
					: !is_same_value(row->type, fa, fb))
		report(w, used);
}

static void diff_rows(struct diff_walk *w, size_t used, const struct conf_option *rows,
	const char *a, const char *b)
{
	for (const struct conf_option *row = rows; row->name != NULL; row++)
		diff_row(w, used, row, a, b);
}

size_t conf_diff_fixed(const struct conf_doc *a, const struct conf_doc *b,
	const struct conf_option *rows, void (*fn)(const char *path, void *arg), void *arg)
{
	struct diff_walk w = {.fn = fn, .arg = arg};

	diff_rows(&w, 0, rows, a->root, b->root);
	return w.n_found;
}
