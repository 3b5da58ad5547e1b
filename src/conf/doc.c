/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "doc.h"

struct doc_mark {
	struct hash_node link;
	const void *field;
	struct conf_pos pos;
};

struct doc_scope {
	struct doc_scope *next;
	const char *base;
	size_t extent;
	struct conf_pos pos;
};

/* The keys are our own addresses, so nobody can aim at a bucket and the hash key may be fixed. */
static const struct hash_key mark_key = {0, 0};

struct conf_doc *doc_create(const char *name)
{
	struct conf_doc *doc = calloc(1, sizeof(*doc));

	if (doc == NULL)
		return NULL;
	hash_table_init(&doc->marks);
	doc->name = arena_copy(&doc->arena, name, strlen(name));
	if (doc->name == NULL) {
		free(doc);
		return NULL;
	}
	return doc;
}

void conf_errors_clear(struct conf_doc *doc)
{
	doc->n_listed = 0;
	doc->n_errors = 0;
	doc->n_warnings = 0;
}

struct conf_doc *conf_get(struct conf_doc *doc)
{
	atomic_fetch_add_explicit(&doc->n_owners, 1, memory_order_relaxed);
	return doc;
}

void conf_destroy(struct conf_doc *doc)
{
	if (doc == NULL || atomic_fetch_sub_explicit(&doc->n_owners, 1, memory_order_acq_rel) > 0)
		return;
	hash_table_fini(&doc->marks);
	arena_fini(&doc->arena);
	free(doc);
}

const void *conf_root(const struct conf_doc *doc)
{
	return doc->root;
}

size_t conf_error_count(const struct conf_doc *doc)
{
	return doc->n_listed;
}

const struct conf_error *conf_error_at(const struct conf_doc *doc, size_t i)
{
	return i < doc->n_listed ? &doc->listed[i] : NULL;
}

void conf_errors_print(const struct conf_doc *doc, FILE *out)
{
	size_t total = doc->n_errors + doc->n_warnings;

	for (size_t i = 0; i < doc->n_listed; i++) {
		const struct conf_error *e = &doc->listed[i];

		fprintf(out, "%s: %s\n", e->is_warning ? "warning" : "error", e->text);
	}
	if (total > doc->n_listed)
		fprintf(out, "%zu more not shown\n", total - doc->n_listed);
}

/* Length of TEXT's longest start that ends between characters and has at most LEN bytes. */
static size_t cut_utf8(const char *text, size_t len)
{
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

const char *doc_quote(const char *text, char buf[CONF_QUOTE_LEN])
{
	const size_t room = CONF_QUOTE_LEN - sizeof("\"...\"");
	size_t len = strlen(text);

	if (len <= room)
		snprintf(buf, CONF_QUOTE_LEN, "\"%s\"", text);
	else
		snprintf(buf, CONF_QUOTE_LEN, "\"%.*s...\"", (int)cut_utf8(text, room), text);
	return buf;
}

/* What the file holds must not steer the terminal it is reported on: C0, DEL and C1 become '?'. */
static void blank_controls(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != 0; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			*p = '?';
		} else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
			p[0] = '?';
			p[1] = '?';
		}
	}
}

/* "FILE:LINE:COLUMN: "; of a very long name the end, which tells files apart. */
static size_t format_place(const struct conf_doc *doc, struct conf_pos pos, char *buf, size_t cap)
{
	const size_t name_max = 100;
	size_t len = strlen(doc->name);
	const char *name = len <= name_max ? doc->name : doc->name + len - name_max;
	int n = pos.line == 0 ? snprintf(buf, cap, "%s: ", name)
			      : snprintf(buf, cap, "%s:%u:%u: ", name, pos.line, pos.column);

	return (size_t)n;
}

static bool is_before(struct conf_pos pos, const struct conf_error *e)
{
	return pos.line != e->line ? pos.line < e->line : pos.column < e->column;
}

static bool has_room(const struct conf_doc *doc, bool is_warning)
{
	return doc->n_listed < CONF_LISTED_MAX &&
	       (!is_warning || doc->n_warnings < CONF_WARNINGS_MAX);
}

/* Room for a problem at POS in the sorted list; NULL when the list is full. */
static struct conf_error *list_slot(struct conf_doc *doc, struct conf_pos pos, bool is_warning)
{
	bool is_listed = has_room(doc, is_warning);
	size_t i = doc->n_listed;

	*(is_warning ? &doc->n_warnings : &doc->n_errors) += 1;
	if (!is_listed)
		return NULL;
	for (; i > 0 && is_before(pos, &doc->listed[i - 1]); i--)
		doc->listed[i] = doc->listed[i - 1];
	doc->n_listed++;
	return &doc->listed[i];
}

__attribute__((format(printf, 4, 0))) static void report(
	struct conf_doc *doc, struct conf_pos pos, bool is_warning, const char *fmt, va_list ap)
{
	struct conf_error *e = list_slot(doc, pos, is_warning);

	if (e == NULL)
		return;
	e->line = pos.line;
	e->column = pos.column;
	e->is_warning = is_warning;
	size_t used = format_place(doc, pos, e->text, sizeof(e->text));
	int n = vsnprintf(e->text + used, sizeof(e->text) - used, fmt, ap);
	if (n >= (int)(sizeof(e->text) - used))
		memcpy(e->text + cut_utf8(e->text, sizeof(e->text) - 4), "...", 4);
	blank_controls(e->text);
}

void doc_report(struct conf_doc *doc, struct conf_pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(doc, pos, false, fmt, ap);
	va_end(ap);
}

void doc_report_warning(struct conf_doc *doc, struct conf_pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(doc, pos, true, fmt, ap);
	va_end(ap);
}

static uint64_t mark_hash(const void *field)
{
	return hash_bytes(&mark_key, &field, sizeof(field));
}

static const struct doc_mark *mark_find(const struct conf_doc *doc, const void *field)
{
	struct hash_node *n = hash_table_first(&doc->marks, mark_hash(field));

	for (; n != NULL; n = hash_table_next(n)) {
		struct doc_mark *m = CONTAINER_OF(n, struct doc_mark, link);

		if (m->field == field)
			return m;
	}
	return NULL;
}

void doc_mark_set(struct conf_doc *doc, const void *field, struct conf_pos pos)
{
	struct doc_mark *m = arena_alloc(&doc->arena, sizeof(*m));

	if (m == NULL)
		return;
	m->field = field;
	m->pos = pos;
	if (hash_table_insert(&doc->marks, &m->link, mark_hash(field)) != 0)
		doc->arena.is_exhausted = true;
}

void doc_scope_add(struct conf_doc *doc, const void *base, size_t extent, struct conf_pos pos)
{
	struct doc_scope *s = arena_alloc(&doc->arena, sizeof(*s));

	if (s == NULL)
		return;
	*s = (struct doc_scope){doc->scopes, base, extent, pos};
	doc->scopes = s;
}

/* Where FIELD was written, or its innermost section, or the file as a whole. */
static struct conf_pos field_pos(const struct conf_doc *doc, const void *field, bool is_warning)
{
	const struct doc_mark *m;
	const struct doc_scope *inner = NULL;
	uintptr_t at = (uintptr_t)field;

	if (!has_room(doc, is_warning)) /* it is only counted: save the search */
		return (struct conf_pos){0, 0};
	m = mark_find(doc, field);
	if (m != NULL)
		return m->pos;
	for (const struct doc_scope *s = doc->scopes; s != NULL; s = s->next) {
		if (at < (uintptr_t)s->base || at - (uintptr_t)s->base >= s->extent)
			continue;
		if (inner == NULL || s->extent < inner->extent)
			inner = s;
	}
	return inner != NULL ? inner->pos : (struct conf_pos){0, 0};
}

bool conf_is_set(const struct conf_doc *doc, const void *field)
{
	return mark_find(doc, field) != NULL;
}

void conf_fail(struct conf_doc *doc, const void *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(doc, field_pos(doc, field, false), false, fmt, ap);
	va_end(ap);
}

void conf_warn(struct conf_doc *doc, const void *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(doc, field_pos(doc, field, true), true, fmt, ap);
	va_end(ap);
}
