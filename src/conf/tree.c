/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include <yaml.h>
#include "tree.h"

/* A list or map that is still open. */
struct tree_frame {
	struct tree_node *node;
	const struct tree_node *key; /* read, and waiting for its value */
	const struct tree_node **tail;
};

struct tree_reader {
	struct conf_doc *doc;
	const char *text;
	size_t len;
	yaml_parser_t parser;
	struct tree_node *top;
	unsigned n_documents;
	size_t n_nodes;
	size_t depth;
	struct tree_frame open[TREE_DEPTH_MAX];
};

/* libyaml says what it met; this says what to do about it. */
static const struct {
	const char *problem, *hint;
} hints[] = {
	{"mapping values are not allowed in this context",
		"check the indentation, and quote a value that holds \": \" or starts with [ or {"},
	{"did not find expected key", "let all keys of a section start in the same column"},
	{"did not find expected '-' indicator",
		"let all dashes of a list start in the same column"},
	{"could not find expected ':'", "write a colon and a space behind the key"},
	{"found unexpected end of stream", "close the quotes"},
	{"did not find expected ',' or ']'", "close the list with ]"},
	{"did not find expected ',' or '}'", "close the section with }"},
	{"found character that cannot start any token", "put the value in quotes"},
	{"found unknown escape character", "write \\\\ for a backslash, or use single quotes"},
};

struct conf_pos tree_pos(const struct tree_node *n)
{
	return n->key != NULL && n->kind != TREE_SCALAR ? n->key->pos : n->pos;
}

static struct conf_pos pos_of(yaml_mark_t m)
{
	return (struct conf_pos){(unsigned)m.line + 1, (unsigned)m.column + 1};
}

/* The reader of libyaml knows only a byte offset. */
static struct conf_pos pos_of_offset(const struct tree_reader *r, size_t offset)
{
	struct conf_pos pos = {1, 1};

	for (size_t i = 0; i < offset && i < r->len; i++) {
		if (r->text[i] == '\n')
			pos = (struct conf_pos){pos.line + 1, 1};
		else if (((unsigned char)r->text[i] & 0xc0) != 0x80)
			pos.column++;
	}
	return pos;
}

static bool is_indented_by_tab(const struct tree_reader *r, size_t line)
{
	const char *p = r->text, *end = r->text + r->len;

	for (; line > 0 && p != NULL; line--) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p != NULL ? p + 1 : NULL;
	}
	while (p != NULL && p < end && *p == ' ')
		p++;
	return p != NULL && p < end && *p == '\t';
}

static const char *hint_for(const char *problem)
{
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (strcmp(hints[i].problem, problem) == 0)
			return hints[i].hint;
	return "check the indentation and the quotes";
}

static void report_encoding(struct tree_reader *r, const char *problem)
{
	struct conf_pos pos = pos_of_offset(r, r->parser.problem_offset);

	if (r->parser.problem_value == 0)
		doc_report(r->doc, pos, "a NUL byte; save the file as plain UTF-8 text");
	else if (strstr(problem, "control") != NULL)
		doc_report(r->doc, pos, "a control character (0x%02x); remove it",
			(unsigned)r->parser.problem_value);
	else
		doc_report(r->doc, pos, "not UTF-8 text (%s); save the file as UTF-8", problem);
}

static void report_broken(struct tree_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem != NULL ? p->problem : "unreadable";
	char from[96] = "";

	if (p->error == YAML_MEMORY_ERROR) {
		r->doc->arena.is_exhausted = true;
		return;
	}
	if (p->error == YAML_READER_ERROR) {
		report_encoding(r, problem);
		return;
	}
	if (is_indented_by_tab(r, p->problem_mark.line)) {
		doc_report(r->doc, pos_of(p->problem_mark),
			"not valid YAML: a tab in the indentation; indent with spaces");
		return;
	}
	if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
		snprintf(from, sizeof(from), " (%s that starts in line %zu)", p->context,
			p->context_mark.line + 1);
	doc_report(r->doc, pos_of(p->problem_mark), "not valid YAML: %s%s; %s", problem, from,
		hint_for(problem));
}

static void attach(struct tree_reader *r, struct tree_node *n)
{
	struct tree_frame *f = r->depth > 0 ? &r->open[r->depth - 1] : NULL;

	if (f == NULL) {
		r->top = n;
	} else if (f->node->kind == TREE_MAP && f->key == NULL) {
		f->key = n;
		if (n->kind == TREE_LIST || n->kind == TREE_MAP)
			doc_report(r->doc, n->pos,
				"a list or section cannot be a key; write a plain word");
	} else {
		n->key = f->key;
		f->key = NULL;
		*f->tail = n;
		f->tail = &n->next;
		f->node->n_children++;
	}
}

/* A new node in its place of the tree; NULL ends reading. */
static struct tree_node *node_add(struct tree_reader *r, enum tree_kind kind, yaml_mark_t mark)
{
	struct tree_node *n;

	if (++r->n_nodes > TREE_NODES_MAX) {
		doc_report(r->doc, pos_of(mark), "more than %d values; make the file smaller",
			TREE_NODES_MAX);
		return NULL;
	}
	n = arena_alloc(&r->doc->arena, sizeof(*n));
	if (n == NULL)
		return NULL;
	n->kind = kind;
	n->pos = pos_of(mark);
	attach(r, n);
	return n;
}

/* Neither changes what the value is, so reading goes on. */
static void refuse_extras(
	struct tree_reader *r, yaml_mark_t mark, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	char quoted[CONF_QUOTE_LEN];

	if (anchor != NULL)
		doc_report(r->doc, pos_of(mark), "the anchor %s has no use here; remove the &%s",
			doc_quote((const char *)anchor, quoted), "NAME");
	if (tag != NULL)
		doc_report(r->doc, pos_of(mark), "the tag %s has no use here; remove it",
			doc_quote((const char *)tag, quoted));
}

static bool open_collection(
	struct tree_reader *r, enum tree_kind kind, yaml_mark_t mark, struct tree_node **out)
{
	struct tree_node *n;

	if (r->depth == TREE_DEPTH_MAX) {
		doc_report(r->doc, pos_of(mark), "nested more than %d deep; no option is that deep",
			TREE_DEPTH_MAX);
		return false;
	}
	n = node_add(r, kind, mark);
	if (n == NULL)
		return false;
	r->open[r->depth++] = (struct tree_frame){n, NULL, &n->children};
	*out = n;
	return true;
}

static bool is_null_text(const char *text, size_t len)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
			return true;
	return false;
}

static bool take_scalar(struct tree_reader *r, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	struct tree_node *n = node_add(r, TREE_SCALAR, e->start_mark);

	if (n == NULL)
		return false;
	refuse_extras(r, e->start_mark, e->data.scalar.anchor, e->data.scalar.tag);
	n->is_null = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_null_text(text, len);
	n->text = arena_copy(&r->doc->arena, text, len);
	if (n->text == NULL)
		return false;
	if (strlen(n->text) != len) {
		doc_report(r->doc, n->pos, "a NUL character (\\0) in a value; remove it");
		n->kind = TREE_BAD;
	}
	return true;
}

static bool take_alias(struct tree_reader *r, const yaml_event_t *e)
{
	char quoted[CONF_QUOTE_LEN];

	doc_report(r->doc, pos_of(e->start_mark),
		"the alias %s has no use here; write the value itself",
		doc_quote((const char *)e->data.alias.anchor, quoted));
	return node_add(r, TREE_BAD, e->start_mark) != NULL;
}

static bool take_document(struct tree_reader *r, const yaml_event_t *e)
{
	if (++r->n_documents == 1)
		return true;
	doc_report(r->doc, pos_of(e->start_mark),
		"a second document starts here; keep one and remove this line");
	return false;
}

/* False ends reading. */
static bool take_event(struct tree_reader *r, const yaml_event_t *e)
{
	struct tree_node *n;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return take_document(r, e);
	case YAML_ALIAS_EVENT:
		return take_alias(r, e);
	case YAML_SCALAR_EVENT:
		return take_scalar(r, e);
	case YAML_SEQUENCE_START_EVENT:
		if (!open_collection(r, TREE_LIST, e->start_mark, &n))
			return false;
		refuse_extras(r, e->start_mark, e->data.sequence_start.anchor,
			e->data.sequence_start.tag);
		return true;
	case YAML_MAPPING_START_EVENT:
		if (!open_collection(r, TREE_MAP, e->start_mark, &n))
			return false;
		refuse_extras(
			r, e->start_mark, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		return true;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		return true;
	default:
		return true;
	}
}

static bool read_events(struct tree_reader *r)
{
	bool is_end = false, is_good = true;

	while (is_good && !is_end) {
		yaml_event_t e;

		if (!yaml_parser_parse(&r->parser, &e)) {
			report_broken(r);
			return false;
		}
		is_end = e.type == YAML_STREAM_END_EVENT;
		is_good = take_event(r, &e);
		yaml_event_delete(&e);
	}
	return is_good;
}

void tree_read(struct conf_doc *doc, const char *text, size_t len, const struct tree_node **out)
{
	struct tree_reader r = {.doc = doc};

	*out = NULL;
	/* libyaml would count a byte order mark as a column and then miss the indentation. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	r.text = text;
	r.len = len;
	if (!yaml_parser_initialize(&r.parser)) {
		doc->arena.is_exhausted = true;
		return;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	if (read_events(&r))
		*out = r.top;
	yaml_parser_delete(&r.parser);
}
