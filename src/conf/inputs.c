/* SPDX-License-Identifier: BSD-3-Clause */
/* A walk over the files that a document names. */
#include "doc.h"
#include "rows.h"

struct walk {
	void (*fn)(void *arg, const char *path);
	void *arg;
};

static void walk_rows(const struct walk *w, const struct conf_option *rows, const char *base);

static void walk_list(const struct walk *w, const struct conf_option *row, const char *base)
{
	const struct conf_list *list = (const void *)(base + row->offset);
	const char *items = list->items;
	const char *const *paths = list->items;

	for (size_t i = 0; i < list->n; i++) {
		if (row->item == CONF_SECTION)
			walk_rows(w, row->children, items + i * row->item_size);
		else if (row->item == CONF_PATH && !(row->flags & CONF_OUTPUT))
			w->fn(w->arg, paths[i]);
	}
}

static void walk_path(const struct walk *w, const struct conf_option *row, const char *base)
{
	const char *const *path = (const void *)(base + row->offset);

	if (*path != NULL && !(row->flags & CONF_OUTPUT))
		w->fn(w->arg, *path);
}

static void walk_rows(const struct walk *w, const struct conf_option *rows, const char *base)
{
	for (const struct conf_option *row = rows; row->name != NULL; row++) {
		if (row->type == CONF_SECTION)
			walk_rows(w, row->children, base + row->offset);
		else if (row->type == CONF_LIST)
			walk_list(w, row, base);
		else if (row->type == CONF_PATH)
			walk_path(w, row, base);
	}
}

void conf_each_input(const struct conf_doc *doc, const struct conf_option *rows,
	void (*fn)(void *arg, const char *path), void *arg)
{
	walk_rows(&(struct walk){fn, arg}, rows, doc->root);
}
