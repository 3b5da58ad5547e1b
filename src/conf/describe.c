/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include "describe.h"
#include "rows.h"
#include "value.h"

struct phrase {
	char *buf;
	size_t used;
};

/* SAMPLE serves where a row brings neither example nor default. */
static const struct {
	const char *one, *many, *sample;
} kinds[] = {
	[CONF_BOOL] = {"True or false", "true or false", "false"},
	[CONF_UINT] = {"Number", "numbers", NULL},
	[CONF_DURATION] = {"Duration", "durations", NULL},
	[CONF_SIZE] = {"Size in bytes", "sizes in bytes", NULL},
	[CONF_RATE] = {"Bits per second", "bit rates", NULL},
	[CONF_STRING] = {"Text", "texts", "\"\""},
	[CONF_PATH] = {"Absolute file name", "absolute file names", "/path/to/file"},
	[CONF_ENUM] = {"One of", "names out of", NULL},
	[CONF_ADDR] = {"IP address with or without port", "IP addresses with or without port",
		"192.0.2.1"},
	[CONF_PREFIX] = {"Network", "networks", "192.0.2.0/24"},
	[CONF_PORTS] = {"Port range", "port ranges", "50000-59999"},
	[CONF_TIME] = {"Time (RFC 3339)", "times (RFC 3339)", "2026-01-01T00:00:00Z"},
	[CONF_SECTION] = {"Section", "sections", ""},
	[CONF_LIST] = {"List", "lists", "[]"},
};

__attribute__((format(printf, 2, 3))) static void say(struct phrase *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->buf + p->used, DESCRIBE_LEN - p->used, fmt, ap);
	va_end(ap);
	p->used += n > 0 ? (size_t)n : 0;
	if (p->used >= DESCRIBE_LEN)
		p->used = DESCRIBE_LEN - 1;
}

/* The range of a scalar row with its unit, or the names of an enum. */
static void say_bounds(struct phrase *p, const struct conf_option *row)
{
	char range[VALUE_RANGE_LEN], names[400];

	if (row->type == CONF_ENUM)
		say(p, " %s", value_format_names(row->names, names, sizeof(names)));
	else if (row->type == CONF_ADDR && row->min != 0)
		say(p, ", port %u when left out", (unsigned)row->min);
	else if (value_format_range(row, range)[0] != 0)
		say(p, ", %s", range);
	if (row->type == CONF_STRING && (row->min != 0 || row->max != 0))
		say(p, " bytes");
	if (row->unit != NULL)
		say(p, " %s", row->unit);
}

static void say_list(struct phrase *p, const struct conf_option *row)
{
	struct conf_option item = row_of_item(row);
	char range[VALUE_RANGE_LEN];

	say(p, "List of %s", kinds[row->item].many);
	if (row->item != CONF_SECTION)
		say_bounds(p, &item);
	if (value_format_range(row, range)[0] != 0)
		say(p, "; %s items", range);
}

static const char *default_text(const struct conf_option *row, char buf[VALUE_TEXT_LEN])
{
	if (row->fallback != NULL)
		return row->fallback;
	if (row->type == CONF_BOOL)
		return "false";
	if (row->type == CONF_ENUM)
		return row->names[0];
	if (value_is_number(row->type) && row->min == 0 && row->type != CONF_TIME)
		return value_format_number(row->type, 0, buf);
	return "none";
}

const char *describe_facts(const struct conf_option *row, char buf[DESCRIBE_LEN])
{
	struct phrase p = {buf, 0};
	char zero[VALUE_TEXT_LEN];
	bool is_section = row->type == CONF_SECTION;

	if (row->type == CONF_LIST) {
		say_list(&p, row);
	} else {
		say(&p, "%s", kinds[row->type].one);
		if (!is_section)
			say_bounds(&p, row);
	}
	say(&p, ". ");
	if (row->flags & CONF_REQUIRED)
		say(&p, "Required. ");
	else if (row->flags & CONF_OPTIONAL_SECTION)
		say(&p, "Off unless it is here. ");
	else if (!is_section && !row_is_section_list(row) && !(row->flags & CONF_SECRET))
		say(&p, "Default: %s. ", default_text(row, zero));
	if (row->flags & CONF_SECRET)
		say(&p, "Secret. ");
	if (is_section && !(row->flags & CONF_OPTIONAL_SECTION))
		buf[p.used - 1] = 0; /* such a section has no value of its own to change */
	else
		say(&p, "%s", row->flags & CONF_RELOAD ? "Reloadable." : "Needs a restart.");
	return buf;
}

const char *describe_sample(const struct conf_option *row, char buf[DESCRIBE_LEN])
{
	char range[VALUE_TEXT_LEN];
	const char *text = row->example;

	if (text == NULL && !(row->flags & CONF_SECRET))
		text = row->fallback;
	if (text == NULL && row->type == CONF_ENUM)
		text = row->names[0];
	if (text == NULL && value_is_number(row->type) && row->type != CONF_TIME)
		text = value_format_number(row->type, row->min, range);
	if (text == NULL)
		text = kinds[row->type].sample;
	snprintf(buf, DESCRIBE_LEN, "%s", text);
	return buf;
}
