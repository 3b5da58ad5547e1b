/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a configuration file, under a table that holds every type. What must hold is said
 * by abort(): the result agrees with the list of problems, messages are printable, and a document
 * does not differ from itself.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../conf/all_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static bool is_printable(const char *text)
{
	for (; *text != 0; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

/* The number of errors, warnings left out. */
static size_t look_at_problems(const struct conf_doc *doc)
{
	size_t n_errors = 0;

	for (size_t i = 0; i < conf_error_count(doc); i++) {
		const struct conf_error *e = conf_error_at(doc, i);

		require(is_printable(e->text));
		n_errors += !e->is_warning;
	}
	return n_errors;
}

static void look_at_values(const struct conf_doc *doc)
{
	const struct made_root *r = conf_root(doc);

	require(r->node != NULL && strlen(r->node) <= 63);
	require(r->log_level >= 0 && r->log_level <= 4);
	require(r->weights.n <= 3);
	if (r->edge.is_present) {
		require(r->edge.realm != NULL && r->edge.faces.n >= 1 && r->edge.faces.n <= 3);
		require(r->edge.lifetime_s >= 60 && r->edge.ports.first <= r->edge.ports.last);
	}
	(void)conf_is_set(doc, &r->edge.realm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_doc *doc, *again;
	const char *text = (const char *)data;
	int rc = conf_load_text("f", text, size, made_rows, sizeof(struct made_root), &doc);

	if (rc == -ENOMEM)
		return 0;
	require((rc == ERR_CONFIG) == (look_at_problems(doc) > 0));
	if (rc == 0) {
		look_at_values(doc);
		require(conf_load_text(
				"f", text, size, made_rows, sizeof(struct made_root), &again) == 0);
		require(conf_diff_fixed(doc, again, made_rows, NULL, NULL) == 0);
		conf_destroy(again);
	}
	conf_destroy(doc);
	return 0;
}
