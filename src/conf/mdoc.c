/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table as list items of an mdoc(7) manual page. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "describe.h"
#include "rows.h"

/*
 * Text for the page: no character of it is a request, a macro or an escape. A sentence starts on
 * a new line, so that roff knows where it ends.
 */
static void print_text(const char *text, FILE *out)
{
	bool is_line_start = true;

	for (const char *p = text; *p != 0; p++) {
		bool is_sentence_end = *p == '.' && p[1] == ' ' && isupper((unsigned char)p[2]);

		if (is_line_start && *p == ' ')
			continue;
		if (is_line_start && (*p == '.' || *p == '\''))
			fputs("\\&", out);
		is_line_start = *p == '\n';
		if (*p == '\\')
			fputs("\\e", out);
		else if (*p == '-')
			fputs("\\-", out);
		else
			fputc(*p, out);
		if (is_sentence_end) {
			fputc('\n', out);
			is_line_start = true;
		}
	}
	if (!is_line_start)
		fputc('\n', out);
}

/* \& keeps a name from being taken for a macro ("No") or for punctuation. */
static void print_rows(const struct conf_option *rows, const char *prefix, FILE *out)
{
	char path[256], facts[DESCRIBE_LEN];

	for (const struct conf_option *row = rows; row->name != NULL; row++) {
		fprintf(out, ".It Cm \\&%s%s\n", prefix, row->name);
		if (row->text != NULL)
			print_text(row->text, out);
		print_text(describe_facts(row, facts), out);
		if (row->type != CONF_SECTION && !row_is_section_list(row))
			continue;
		snprintf(path, sizeof(path), "%s%s%s.", prefix, row->name,
			row->type == CONF_LIST ? "[]" : "");
		print_rows(row->children, path, out);
	}
}

void conf_print_mdoc(const struct conf_option *rows, FILE *out)
{
	print_rows(rows, "", out);
}
