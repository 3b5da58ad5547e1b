/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <string.h>
#include "rows.h"
#include "suggest.h"
#include "value.h"

const struct conf_option *rows_find(const struct conf_option *rows, const char *name)
{
	for (const struct conf_option *row = rows; row->name != NULL; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

bool rows_are_open(const struct conf_option *rows)
{
	while (rows->name != NULL)
		rows++;
	return (rows->flags & CONF_OPEN) != 0;
}

const struct conf_option *rows_suggest(const struct conf_option *rows, const char *name)
{
	const struct conf_option *found = NULL;
	unsigned best = UINT_MAX;

	for (const struct conf_option *row = rows; row->name != NULL; row++)
		if (suggest_is_better(name, row->name, &best))
			found = row;
	return found;
}

static size_t row_size(const struct conf_option *row)
{
	if (row->type == CONF_SECTION)
		return rows_extent(row->children);
	return row->type == CONF_LIST ? sizeof(struct conf_list) : value_size(row->type);
}

size_t rows_extent(const struct conf_option *rows)
{
	size_t extent = 0;

	for (const struct conf_option *row = rows; row->name != NULL; row++) {
		size_t end = row->offset + row_size(row);

		if (end > extent)
			extent = end;
	}
	return extent;
}

bool rows_start_with_value(const struct conf_option *rows)
{
	for (const struct conf_option *row = rows; row->name != NULL; row++)
		if (row->offset == 0 &&
			(row->type != CONF_SECTION || rows_start_with_value(row->children)))
			return true;
	return false;
}

bool row_is_section_list(const struct conf_option *row)
{
	return row->type == CONF_LIST && row->item == CONF_SECTION;
}

struct conf_option row_of_item(const struct conf_option *list)
{
	struct conf_option item = {.name = list->name,
		.type = list->item,
		.names = list->names,
		.children = list->children};

	/* One row may stand there for the range of a plain item. */
	if (list->item != CONF_SECTION && list->children != NULL) {
		item = list->children[0];
		item.name = list->name;
		item.type = list->item;
	}
	item.flags |= list->flags & CONF_SECRET;
	return item;
}

size_t row_item_size(const struct conf_option *list)
{
	return list->item == CONF_SECTION ? list->item_size : value_size(list->item);
}
