/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sallyportctl: what every command shares. A command is a row of the table in commands.c and a
 * function in a file of its own; it talks JSON over HTTP to the daemon's socket, or works on a
 * configuration file alone.
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

/* Exit statuses. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1, /* no daemon, or it said no; why is on standard error */
	CTL_USAGE = 2,  /* the command line is wrong */
};

struct ctl_command;

struct ctl {
	const char *socket; /* of -s; NULL: the configuration's */
	const char *config; /* of -c; NULL: the usual file */
	const char *tenant; /* of --tenant; NULL: the default one */
	bool is_json;
	const struct ctl_command *command; /* that runs */
};

/* ARGV without the command's name; returns an enum ctl_exit. */
typedef int (*ctl_run_fn)(struct ctl *c, int argc, char **argv);

struct ctl_command {
	const char *name; /* one word, or two: "credentials issue" */
	const char *args; /* for the usage */
	const char *text; /* one line */
	ctl_run_fn run;
};
extern const struct ctl_command ctl_commands[]; /* ends with name NULL */

/* ---- options of a command ---- */

/* Exactly one of FLAG, VALUE and LIST is set. */
struct ctl_option {
	const char *name; /* "client": as --client VALUE or --client=VALUE; NULL ends a table */
	bool *flag;
	const char **value;
	struct ctl_list *list;
};
#define CTL_LIST_MAX 16
struct ctl_list {
	const char *items[CTL_LIST_MAX];
	size_t n;
};

/*
 * Takes the options of TABLE, --tenant and --json out of ARGV; what remains, MIN to MAX words, is
 * moved to its front. Returns how many, or -1 after the usage has been printed.
 */
int ctl_options(
	struct ctl *c, int argc, char **argv, const struct ctl_option *table, int min, int max);

/* "sallyportctl: ..." on standard error; returns CTL_FAILED. */
int ctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Says what is wrong with the command line and how it goes; returns CTL_USAGE. */
int ctl_usage(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- the daemon ---- */

struct ctl_answer {
	long status;  /* of HTTP */
	json_t *root; /* the caller's; NULL: the answer was not JSON */
};

/*
 * POST with BODY (taken), or GET without one. CTL_OK whatever the status, or CTL_FAILED after
 * saying why there is no answer and what to do about it.
 */
int ctl_ask(struct ctl *c, const char *path, json_t *body, struct ctl_answer *out);
/* The same, and a status other than 200 is a failure that is said. */
int ctl_fetch(struct ctl *c, const char *path, json_t *body, json_t **out);
/* Appends "?NAME=VALUE" or "&NAME=VALUE", encoded, to URL of CTL_URL_MAX bytes; nothing when VALUE
 * is NULL. False: it does not fit. */
#define CTL_URL_MAX 2048
bool ctl_url_add(char url[CTL_URL_MAX], const char *name, const char *value);
/* Says what a refusal says; returns CTL_FAILED. */
int ctl_refused(const struct ctl_answer *a);
/* With --json a command prints the answer and is done. Takes ROOT. */
int ctl_print_json(json_t *root);

/* Members for printing: "" and 0 when they are not there or of another type. */
const char *ctl_text(const json_t *o, const char *member);
int64_t ctl_number(const json_t *o, const char *member);
bool ctl_is_true(const json_t *o, const char *member);

#endif
