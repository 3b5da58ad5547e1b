/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "keys.h"
#include "rows.h"

/* "Domain of the credentials. More." as "domain of the credentials", for the end of a message. */
static const char *first_sentence(const struct conf_option *row, char *buf, size_t cap)
{
	const char *text = row->text != NULL ? row->text : "see the sample file";
	const char *end = strstr(text, ". ");
	size_t len = end != NULL ? (size_t)(end - text) : strlen(text);

	if (end == NULL && len > 0 && text[len - 1] == '.')
		len--;
	snprintf(buf, cap, "%.*s", (int)len, text);
	if (isupper((unsigned char)buf[0]) && !isupper((unsigned char)buf[1]))
		buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

/* Nobody would see another message, so the search for a good one is saved. */
static bool is_counted_only(struct conf_doc *doc)
{
	if (doc->n_listed < CONF_LISTED_MAX)
		return false;
	doc->n_errors++;
	return true;
}

/* Was ROW meant by a misspelt key? Then one message is enough. */
static bool is_misspelt(const struct fill_section *s, const struct conf_option *row)
{
	const struct tree_node *child = s->node != NULL ? s->node->children : NULL;

	for (; child != NULL; child = child->next)
		if (child->key->kind == TREE_SCALAR &&
			rows_find(s->rows, child->key->text) == NULL &&
			rows_suggest(s->rows, child->key->text) == row)
			return true;
	return false;
}

void keys_report_missing(const struct fill_section *s, const struct conf_option *row)
{
	char quoted[CONF_QUOTE_LEN], why[120];

	if (is_counted_only(s->doc) || is_misspelt(s, row))
		return;
	doc_report(s->doc, s->pos, "%s needs %s; add it (%s)",
		s->label != NULL ? s->label : "the file", doc_quote(row->name, quoted),
		first_sentence(row, why, sizeof(why)));
}

/* The path of a section elsewhere in the table that knows NAME, for a key at a wrong indentation.
 */
static bool find_home(const struct conf_option *rows, const char *name, char *path, size_t cap)
{
	for (const struct conf_option *row = rows; row->name != NULL; row++) {
		if (row->type != CONF_SECTION && !row_is_section_list(row))
			continue;
		int n = snprintf(path, cap, "%s", row->name);
		if (n < 0 || (size_t)n + 2 > cap)
			continue;
		if (rows_find(row->children, name) != NULL)
			return true;
		path[n] = '.';
		if (find_home(row->children, name, path + n + 1, cap - (size_t)n - 1))
			return true;
	}
	return false;
}

static void report_one(const struct fill_section *s, const struct tree_node *key)
{
	const struct conf_option *near;
	char quoted[CONF_QUOTE_LEN], home[64], hint[128], in[LABEL_LEN + 8] = "";

	if (is_counted_only(s->doc))
		return;
	near = rows_suggest(s->rows, key->text);
	if (near != NULL)
		snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near->name);
	else if (find_home(s->root_rows, key->text, home, sizeof(home)))
		snprintf(hint, sizeof(hint), "it belongs in \"%s\"", home);
	else if (rows_find(s->root_rows, key->text) != NULL)
		snprintf(hint, sizeof(hint), "it belongs at the left margin, in no section");
	else
		snprintf(hint, sizeof(hint), "remove it, sallyportd -s prints all there are");
	if (s->label != NULL)
		snprintf(in, sizeof(in), " in %s", s->label);
	doc_report(
		s->doc, key->pos, "unknown key %s%s; %s", doc_quote(key->text, quoted), in, hint);
}

void keys_report_repeated(
	const struct fill_section *s, const struct tree_node *first, const struct tree_node *again)
{
	char quoted[CONF_QUOTE_LEN];

	doc_report(s->doc, again->key->pos, "%s is already set in line %u; remove one of the two",
		doc_quote(again->key->text, quoted), first->key->pos.line);
}

void keys_report_unknown(const struct fill_section *s)
{
	const struct tree_node *child = s->node != NULL ? s->node->children : NULL;

	if (rows_are_open(s->rows))
		return;
	for (; child != NULL; child = child->next)
		if (child->key->kind == TREE_SCALAR && rows_find(s->rows, child->key->text) == NULL)
			report_one(s, child->key);
}
