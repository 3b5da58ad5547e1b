/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sample file. "# words" explains; "#name: value" is an option that is not set. What must be
 * there is set to its example, so the file parses as it is printed.
 */
#include <string.h>
#include "describe.h"
#include "rows.h"

#define WIDTH 90

static void print_rows(
	const struct conf_option *rows, unsigned indent, bool is_live, bool has_dash, FILE *out);

/* Columns of LEN bytes of UTF-8. */
static size_t columns(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* TEXT as comment lines of at most WIDTH columns; a newline in it begins a new one. */
static void print_comment(const char *text, unsigned indent, FILE *out)
{
	size_t used = 0;

	while (*text != 0) {
		size_t len = strcspn(text, " \n"), wide = columns(text, len);

		if (len > 0 && used > 0 && used + 1 + wide > WIDTH) {
			fputc('\n', out);
			used = 0;
		}
		if (len > 0 && used == 0) {
			fprintf(out, "%*s#", (int)indent, "");
			used = indent + 1;
		}
		if (len > 0)
			fprintf(out, " %.*s", (int)len, text);
		used += len > 0 ? wide + 1 : 0;
		text += len;
		if (*text == '\n' && used > 0) {
			fputc('\n', out);
			used = 0;
		}
		text += *text != 0;
	}
	if (used > 0)
		fputc('\n', out);
}

static void print_rule(const char *name, FILE *out)
{
	size_t used = strlen(name) + 7;

	fprintf(out, "# --- %s ", name);
	for (; used < WIDTH; used++)
		fputc('-', out);
	fputs("\n", out);
}

static bool is_section_like(const struct conf_option *row)
{
	return row->type == CONF_SECTION || row_is_section_list(row);
}

static bool has_required(const struct conf_option *rows)
{
	for (const struct conf_option *row = rows; row->name != NULL; row++)
		if ((row->flags & CONF_REQUIRED) ||
			(row->type == CONF_SECTION && !(row->flags & CONF_OPTIONAL_SECTION) &&
				has_required(row->children)))
			return true;
	return false;
}

/*
 * Is the row set in the sample? A section whose mere presence changes nothing is, so that its
 * options can be set one by one.
 */
static bool is_set(const struct conf_option *row)
{
	if (row->flags & (CONF_REQUIRED | CONF_SAMPLE))
		return true;
	return row->type == CONF_SECTION && !(row->flags & CONF_OPTIONAL_SECTION) &&
	       !has_required(row->children);
}

static void print_row(
	const struct conf_option *row, unsigned indent, bool is_live, const char *dash, FILE *out)
{
	char text[DESCRIBE_LEN];
	bool is_item_list = row_is_section_list(row);

	if (row->text != NULL)
		print_comment(row->text, indent, out);
	print_comment(describe_facts(row, text), indent, out);
	fprintf(out, "%*s%s%s%s:", (int)(indent - strlen(dash)), "", is_live ? "" : "#", dash,
		row->name);
	if (!is_section_like(row))
		fprintf(out, " %s", describe_sample(row, text));
	fputc('\n', out);
	if (is_item_list)
		print_rows(row->children, indent + 4, is_live, true, out);
	else if (row->type == CONF_SECTION)
		print_rows(row->children, indent + 2, is_live, false, out);
}

/*
 * With HAS_DASH the rows are the first item of a list, whose dash stands before the first option,
 * or alone when that option is not set and the item is.
 */
static void print_rows(
	const struct conf_option *rows, unsigned indent, bool is_live, bool has_dash, FILE *out)
{
	bool is_dash_alone = has_dash && is_live && !is_set(rows);

	if (is_dash_alone)
		fprintf(out, "%*s-\n", (int)indent - 2, "");
	for (const struct conf_option *row = rows; row->name != NULL; row++) {
		bool is_first = row == rows;

		if (indent == 0 && row->type == CONF_SECTION)
			print_rule(row->name, out);
		print_row(row, indent, is_live && is_set(row),
			is_first && has_dash && !is_dash_alone ? "- " : "", out);
		if (row[1].name != NULL)
			fputc('\n', out);
	}
}

void conf_print_sample(const struct conf_option *rows, FILE *out)
{
	print_comment(
		"Every option there is. A line with # directly before a name is an option "
		"that is not set; it shows the default or an example. Delete the # to set it, "
		"and the # of the section it stands in.",
		0, out);
	fputc('\n', out);
	print_rows(rows, 0, true, false, out);
}
