/* SPDX-License-Identifier: BSD-3-Clause */
/* sallyportctl: the command line up to the command. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static void usage(FILE *out)
{
	fprintf(out, "usage: sallyportctl [-s SOCKET | -c FILE] [--tenant NAME] [--json] COMMAND "
		     "...\n\n");
	for (const struct ctl_command *k = ctl_commands; k->name; k++)
		fprintf(out, "  %-20s %s\n", k->name, k->text);
	fprintf(out, "\nCOMMAND --help shows its arguments. See sallyportctl(8).\n");
}

/* How many of the words are the name of K; 0: another command. */
static int words_of(const struct ctl_command *k, int argc, char **argv)
{
	const char *blank = strchr(k->name, ' ');
	size_t first = blank ? (size_t)(blank - k->name) : strlen(k->name);

	if (argc < 1 || strlen(argv[0]) != first || memcmp(argv[0], k->name, first) != 0)
		return 0;
	if (!blank)
		return 1;
	return argc > 1 && strcmp(argv[1], blank + 1) == 0 ? 2 : 0;
}

/* The longest name that fits: "allocations show" before "allocations". */
static const struct ctl_command *find(int argc, char **argv, int *n_words)
{
	const struct ctl_command *found = NULL;

	*n_words = 0;
	for (const struct ctl_command *k = ctl_commands; k->name; k++) {
		int n = words_of(k, argc, argv);
		if (n <= *n_words)
			continue;
		*n_words = n;
		found = k;
	}
	return found;
}

static int unknown(int argc, char **argv)
{
	size_t len = strlen(argv[0]);
	bool is_group = false;

	/* "credentials" alone is the first word of several. */
	for (const struct ctl_command *k = ctl_commands; k->name; k++) {
		if (strncmp(k->name, argv[0], len) != 0 || k->name[len] != ' ')
			continue;
		fprintf(stderr, "%s sallyportctl %s %s\n", is_group ? "      " : "usage:", k->name,
			k->args);
		is_group = true;
	}
	if (!is_group)
		fprintf(stderr,
			"sallyportctl: there is no command \"%s\"; sallyportctl -h lists them\n",
			argv[0]);
	return CTL_USAGE;
}

int main(int argc, char **argv)
{
	struct ctl c = {0};
	int i = 1, n_words;

	for (; i < argc && argv[i][0] == '-'; i++) {
		bool has_value = i + 1 < argc;
		if (strcmp(argv[i], "-s") == 0 && has_value) {
			c.socket = argv[++i];
		} else if (strcmp(argv[i], "-c") == 0 && has_value) {
			c.config = argv[++i];
		} else if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-j") == 0) {
			c.is_json = true;
		} else if (strcmp(argv[i], "--tenant") == 0 && has_value) {
			c.tenant = argv[++i];
		} else if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0) {
			printf("%s\n", PACKAGE_STRING);
			return CTL_OK;
		} else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			usage(stdout);
			return CTL_OK;
		} else {
			usage(stderr);
			return CTL_USAGE;
		}
	}
	if (i == argc) {
		usage(stderr);
		return CTL_USAGE;
	}
	c.command = find(argc - i, argv + i, &n_words);
	if (!c.command)
		return unknown(argc - i, argv + i);
	int status = c.command->run(&c, argc - i - n_words, argv + i + n_words);
	/* A table that did not fit on the disk it was redirected to is no success. */
	if (fflush(stdout) != 0 && status == CTL_OK)
		return ctl_fail("the output could not be written");
	return status;
}
