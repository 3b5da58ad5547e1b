/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tree of a file and the option table meet here: every row finds its value or its default,
 * every key its row, and the structs are filled.
 */
#ifndef CONF_FILL_H
#define CONF_FILL_H

#include "tree.h"

/* TOP is what the file holds (NULL: nothing); ROOT is the zeroed struct that ROWS describe. */
void fill_root(struct conf_doc *doc, const struct conf_option *rows, const struct tree_node *top,
	void *root, size_t root_size);

#endif
