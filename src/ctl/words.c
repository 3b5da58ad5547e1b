/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line behind the command, and how errors are said. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

int ctl_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("sallyportctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CTL_FAILED;
}

int ctl_usage(const struct ctl *c, const char *fmt, ...)
{
	va_list ap;

	fputs("sallyportctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: sallyportctl %s %s\n", c->command->name, c->command->args);
	return CTL_USAGE;
}

/* What every command has. */
static bool is_common(struct ctl *c, int argc, char **argv, int *i)
{
	const char *word = argv[*i];

	if (strcmp(word, "--json") == 0 || strcmp(word, "-j") == 0) {
		c->is_json = true;
		return true;
	}
	if (strcmp(word, "--tenant") != 0 || *i + 1 == argc)
		return false;
	c->tenant = argv[++*i];
	return true;
}

static const struct ctl_option *find(const struct ctl_option *table, const char *name, size_t len)
{
	for (; table && table->name; table++) {
		if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
			return table;
	}
	return NULL;
}

static int give(const struct ctl *c, const struct ctl_option *o, const char *value)
{
	if (o->value) {
		*o->value = value;
		return 0;
	}
	if (o->list->n == CTL_LIST_MAX) {
		ctl_usage(c, "--%s stands there more than %d times", o->name, CTL_LIST_MAX);
		return -1;
	}
	o->list->items[o->list->n++] = value;
	return 0;
}

/* One option at ARGV[*I], with its value; moves *I to the last word that belongs to it. */
static int take(struct ctl *c, int argc, char **argv, int *i, const struct ctl_option *table)
{
	const char *name = argv[*i] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct ctl_option *o = find(table, name, len);

	if (!o) {
		ctl_usage(c, "there is no option %s here", argv[*i]);
		return -1;
	}
	if (o->flag) {
		*o->flag = true;
		if (equals)
			ctl_usage(c, "--%s takes no value", o->name);
		return equals ? -1 : 0;
	}
	if (!equals && *i + 1 == argc) {
		ctl_usage(c, "--%s needs a value", o->name);
		return -1;
	}
	return give(c, o, equals ? equals + 1 : argv[++*i]);
}

int ctl_options(
	struct ctl *c, int argc, char **argv, const struct ctl_option *table, int min, int max)
{
	bool is_over = false; /* behind "--" */
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (is_over || argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[n++] = argv[i];
		} else if (strcmp(argv[i], "--") == 0) {
			is_over = true;
		} else if (is_common(c, argc, argv, &i)) {
			continue;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			(void)ctl_usage(c, "%s", c->command->text);
			return -1;
		} else if (argv[i][1] != '-') {
			(void)ctl_usage(c, "there is no option %s here", argv[i]);
			return -1;
		} else if (take(c, argc, argv, &i, table) != 0) {
			return -1;
		}
	}
	if (n >= min && n <= max)
		return n;
	(void)ctl_usage(c, n < min ? "something is missing" : "that is a word too many: %s",
		n > max ? argv[max] : "");
	return -1;
}
