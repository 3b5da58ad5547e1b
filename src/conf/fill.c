/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "fill.h"
#include "keys.h"
#include "rows.h"
#include "value.h"

/* A check may rely on the values of its section, so all functions here that return bool say
 * whether the value is in place. */
static bool fill_rows(const struct fill_section *s);
static bool fill_value(
	const struct fill_section *s, const struct conf_option *row, const struct tree_node *node);

static struct conf_pos node_pos(const struct fill_section *s, const struct tree_node *node)
{
	return s->origin == FILL_FROM_FILE ? tree_pos(node) : s->pos;
}

static const char *format_label(const struct conf_option *row, bool is_item, char buf[LABEL_LEN])
{
	char quoted[CONF_QUOTE_LEN];

	snprintf(
		buf, LABEL_LEN, "%s%s", is_item ? "an item of " : "", doc_quote(row->name, quoted));
	return buf;
}

static void mark(const struct fill_section *s, const void *field, struct conf_pos pos)
{
	if (s->origin == FILL_FROM_FILE)
		doc_mark_set(s->doc, field, pos);
}

/* ---- one scalar ---- */

static void warn_of_readers(
	struct conf_doc *doc, const struct conf_option *row, struct conf_pos pos)
{
	if (!(row->flags & CONF_SECRET) || !doc->is_world_readable)
		return;
	doc->is_world_readable = false; /* once is enough */
	doc_report_warning(doc, pos,
		"a secret in a file that everyone on this machine may read; take the right away "
		"(chmod o-r)");
}

/* Is NODE one plain value? Otherwise says so. */
static bool is_one_value(
	const struct fill_section *s, const char *label, const struct tree_node *node)
{
	struct conf_pos pos = node_pos(s, node);

	if (node->kind == TREE_LIST)
		doc_report(s->doc, pos,
			"%s is one value, not a list; write it without [ ] and dashes, in quotes "
			"if "
			"it starts with [",
			label);
	else if (node->kind == TREE_MAP)
		doc_report(s->doc, pos, "%s is one value, not a section; write it behind the colon",
			label);
	else if (node->kind == TREE_SCALAR && node->is_null)
		doc_report(s->doc, pos, "%s has no value; write one or remove the line", label);
	return node->kind == TREE_SCALAR && !node->is_null;
}

static bool fill_scalar(const struct fill_section *s, const struct conf_option *row,
	const struct tree_node *node, bool is_item, void *out)
{
	char label[LABEL_LEN];
	struct conf_pos pos = node_pos(s, node);

	if (!is_one_value(s, format_label(row, is_item, label), node))
		return false;
	mark(s, out, pos);
	if (s->origin == FILL_FROM_FILE)
		warn_of_readers(s->doc, row, pos);
	return value_parse(s->doc, row, node, pos, out);
}

/* ---- sections ---- */

static struct fill_section section_enter(const struct fill_section *outer,
	const struct conf_option *row, const struct tree_node *node, void *base, const char *label)
{
	return (struct fill_section){
		.doc = outer->doc,
		.rows = row->children,
		.root_rows = outer->root_rows,
		.node = node->kind == TREE_MAP ? node : NULL,
		.base = base,
		.label = label,
		.pos = outer->origin == FILL_FROM_FILE && node->key != NULL ? node->key->pos
									    : node_pos(outer, node),
		.origin = outer->origin,
	};
}

static bool is_section(
	const struct fill_section *s, const char *label, const struct tree_node *node)
{
	struct conf_pos pos = node_pos(s, node);

	if (node->kind == TREE_LIST)
		doc_report(s->doc, pos,
			"%s is a section, not a list; remove the dashes before its options", label);
	else if (node->kind == TREE_SCALAR && !node->is_null)
		doc_report(s->doc, pos,
			"%s is a section; write its options on the lines below, indented", label);
	return node->kind == TREE_MAP || (node->kind == TREE_SCALAR && node->is_null);
}

/* The checks of the section's plain rows, in order, then its own; the root has no row. */
static void run_checks(const struct fill_section *s, const struct conf_option *section)
{
	for (const struct conf_option *row = s->rows; row->name != NULL; row++)
		if (row->check != NULL && row->type != CONF_SECTION && !row_is_section_list(row))
			row->check(s->doc, s->base);
	if (section != NULL && section->check != NULL)
		section->check(s->doc, s->base);
}

/* A section in place, or one item of a list of sections. */
static bool fill_section(const struct fill_section *outer, const struct conf_option *row,
	const struct tree_node *node, bool is_item, void *base)
{
	char label[LABEL_LEN];
	struct fill_section s;

	if (!is_section(outer, format_label(row, is_item, label), node))
		return false;
	s = section_enter(outer, row, node, base, label);
	doc_scope_add(s.doc, base, is_item ? row->item_size : rows_extent(row->children), s.pos);
	if (!rows_start_with_value(row->children))
		mark(outer, base, s.pos);
	if (!fill_rows(&s))
		return false;
	run_checks(&s, row);
	return true;
}

/* Defaults, and the check over them where the file could have left the section out on purpose. */
static void fill_absent_section(const struct fill_section *outer, const struct conf_option *row)
{
	struct fill_section s = *outer;

	s.rows = row->children;
	s.node = NULL;
	s.base = outer->base + row->offset;
	s.origin = FILL_ABSENT;
	doc_scope_add(s.doc, s.base, rows_extent(s.rows), s.pos);
	if (fill_rows(&s) && !(row->flags & CONF_OPTIONAL_SECTION))
		run_checks(&s, row);
}

/* ---- lists ---- */

static bool has_list_length(const struct fill_section *s, const struct conf_option *row,
	const struct tree_node *node, size_t n)
{
	char range[VALUE_RANGE_LEN], quoted[CONF_QUOTE_LEN];

	if (n >= row->min && (row->max == 0 || n <= row->max))
		return true;
	doc_report(s->doc, node_pos(s, node), "%s has %zu items; write %s",
		doc_quote(row->name, quoted), n, value_format_range(row, range));
	return false;
}

static bool fill_item(const struct fill_section *s, const struct conf_option *row,
	const struct tree_node *node, void *out)
{
	struct conf_option item = row_of_item(row);

	if (row->item != CONF_SECTION)
		return fill_scalar(s, &item, node, true, out);
	item.item_size = row->item_size;
	item.check = row->check;
	return fill_section(s, &item, node, true, out);
}

/* FIRST and its N - 1 followers become the items. */
static bool fill_items(const struct fill_section *s, const struct conf_option *row,
	const struct tree_node *first, size_t n, struct conf_list *list)
{
	size_t size = row_item_size(row);
	char *items = n > 0 ? arena_alloc(&s->doc->arena, n * size) : NULL;
	bool is_good = n == 0 || items != NULL;

	if (items == NULL)
		return is_good;
	list->items = items;
	list->n = n;
	for (size_t i = 0; i < n; i++, first = first->next)
		is_good = fill_item(s, row, first, items + i * size) && is_good;
	return is_good;
}

static bool fill_list(const struct fill_section *s, const struct conf_option *row,
	const struct tree_node *node, struct conf_list *list)
{
	struct conf_pos pos = node_pos(s, node);
	char quoted[CONF_QUOTE_LEN];
	bool is_list = node->kind == TREE_LIST;

	doc_quote(row->name, quoted);
	if (node->kind == TREE_BAD)
		return false;
	if (node->kind == TREE_SCALAR && node->is_null) {
		doc_report(s->doc, pos, "%s has no items; write some, or [] for none", quoted);
		return false;
	}
	if (!is_list && (node->kind == TREE_MAP || row->item == CONF_SECTION)) {
		doc_report(s->doc, pos, "%s is a list; start each item with a dash", quoted);
		return false;
	}
	mark(s, list, pos);
	if (is_list)
		return has_list_length(s, row, node, node->n_children) &&
		       fill_items(s, row, node->children, node->n_children, list);
	return has_list_length(s, row, node, 1) && fill_items(s, row, node, 1, list);
}

/* ---- rows ---- */

static bool fill_value(
	const struct fill_section *s, const struct conf_option *row, const struct tree_node *node)
{
	void *out = s->base + row->offset;

	if (row->type == CONF_LIST)
		return fill_list(s, row, node, out);
	if (row->type != CONF_SECTION)
		return fill_scalar(s, row, node, false, out);
	if (row->flags & CONF_OPTIONAL_SECTION)
		*(bool *)(void *)(s->base + row->present_offset) = true;
	return fill_section(s, row, node, false, out);
}

/* A fallback that does not parse is a mistake in the table, hence the assert. */
static void fill_default(const struct fill_section *s, const struct conf_option *row)
{
	struct fill_section from = *s;
	struct tree_node plain = {.kind = TREE_SCALAR, .text = row->fallback};
	const struct tree_node *node = &plain;
	size_t n_errors = s->doc->n_errors;
	bool is_yaml = row->type == CONF_LIST || strchr("\"'", row->fallback[0]) != NULL;

	if (is_yaml)
		tree_read(s->doc, row->fallback, strlen(row->fallback), &node);
	from.origin = FILL_FROM_DEFAULT;
	if (node != NULL)
		(void)fill_value(&from, row, node); /* what it could say, the assert says */
	assert(s->doc->arena.is_exhausted || (node != NULL && s->doc->n_errors == n_errors));
}

static bool fill_absent(const struct fill_section *s, const struct conf_option *row)
{
	if (row->flags & CONF_REQUIRED) {
		if (s->origin != FILL_ABSENT)
			keys_report_missing(s, row);
		if (row->type == CONF_SECTION)
			fill_absent_section(s, row);
		return false;
	}
	if (row->type == CONF_SECTION)
		fill_absent_section(s, row);
	else if (row->fallback != NULL)
		fill_default(s, row);
	return true;
}

/* The value of ROW in the section; a repetition is reported and left out. */
static const struct tree_node *find_child(
	const struct fill_section *s, const struct conf_option *row)
{
	const struct tree_node *found = NULL;
	const struct tree_node *child = s->node != NULL ? s->node->children : NULL;

	for (; child != NULL; child = child->next) {
		if (child->key->kind != TREE_SCALAR || strcmp(child->key->text, row->name) != 0)
			continue;
		if (found != NULL)
			keys_report_repeated(s, found, child);
		else
			found = child;
	}
	return found;
}

static bool fill_rows(const struct fill_section *s)
{
	bool is_good = true;

	keys_report_unknown(s);
	for (const struct conf_option *row = s->rows; row->name != NULL; row++) {
		const struct tree_node *child = find_child(s, row);
		bool is_in_place = child != NULL ? fill_value(s, row, child) : fill_absent(s, row);

		is_good = is_in_place && is_good;
	}
	return is_good && !s->doc->arena.is_exhausted;
}

void fill_root(struct conf_doc *doc, const struct conf_option *rows, const struct tree_node *top,
	void *root, size_t root_size)
{
	struct fill_section s = {.doc = doc,
		.rows = rows,
		.root_rows = rows,
		.node = top,
		.base = root,
		.origin = FILL_FROM_FILE};

	assert(rows_extent(rows) <= root_size);
	if (top != NULL && top->kind == TREE_LIST) {
		doc_report(doc, top->pos, "the file is a list; write sections, as in \"%s:\"",
			rows->name);
		return;
	}
	if (top != NULL && top->kind == TREE_SCALAR && !top->is_null) {
		doc_report(doc, top->pos,
			"the file is one value; write \"key: value\" lines, with a space behind "
			"the "
			"colon");
		return;
	}
	if (top != NULL && top->kind != TREE_MAP)
		s.node = NULL;
	if (fill_rows(&s))
		run_checks(&s, NULL);
}
