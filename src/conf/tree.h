/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * YAML text as a tree of nodes with positions: what the file says, before any option table is
 * asked. Keeps out what a configuration has no use for (aliases, anchors, tags, more than one
 * document) and what could hurt (depth, number of nodes, NUL bytes).
 */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "doc.h"

#define TREE_DEPTH_MAX 16
#define TREE_NODES_MAX 65536

enum tree_kind {
	TREE_SCALAR,
	TREE_LIST,
	TREE_MAP,
	TREE_BAD, /* already reported; whoever meets it leaves it alone */
};

struct tree_node {
	enum tree_kind kind;
	bool is_null; /* nothing, ~ or null, unquoted */
	struct conf_pos pos;
	const char *text; /* TREE_SCALAR, NUL-terminated */
	size_t n_children;
	const struct tree_node *children; /* linked by NEXT */
	const struct tree_node *next;
	const struct tree_node *key; /* of a value in a map */
};

/* Reads TEXT; problems go to DOC. *OUT is NULL when there is no content, or after a problem that
 * ends reading. Memory that runs out shows in the arena. */
void tree_read(struct conf_doc *doc, const char *text, size_t len, const struct tree_node **out);

/* Where a problem with the node is reported: a section or a list at its key. */
struct conf_pos tree_pos(const struct tree_node *n);

#endif
