/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conf: an option-table engine over YAML. It knows no module: a module (in the daemon's tables)
 * describes its options as rows, conf fills the module's plain struct from a file, and prints the
 * sample file and the manual page from the same rows.
 *
 * One parsed file is one immutable document; its strings and lists live until it is destroyed.
 */
#ifndef SALLYPORT_CONF_H
#define SALLYPORT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sallyport/common.h>

enum conf_type {
	CONF_BOOL,     /* bool: true, false, yes, no, on, off */
	CONF_UINT,     /* uint64_t, plain number */
	CONF_DURATION, /* uint64_t seconds: "90", "90s", "10m", "8h", "7d" */
	CONF_SIZE,     /* uint64_t bytes: "65536", "64k", "4M", "1G" (powers of 1024) */
	CONF_RATE, /* uint64_t bits per second: "3000k", "10M" (powers of 1000), "0" where the range
		      has it */
	CONF_STRING,  /* const char * */
	CONF_PATH,    /* const char *: absolute file name */
	CONF_ENUM,    /* int: one of the row's NAMES, stored as its index */
	CONF_ADDR,    /* struct addr; the row's MIN is the default port when not 0 */
	CONF_PREFIX,  /* struct prefix */
	CONF_PORTS,   /* struct conf_ports: "50000-59999" */
	CONF_TIME,    /* uint64_t Unix seconds: RFC 3339 "2026-01-01T00:00:00Z" */
	CONF_SECTION, /* a struct in place, its rows in CHILDREN */
	CONF_LIST,    /* struct conf_list: items of ITEM type (any of the above but CONF_LIST) */
};

struct conf_ports {
	uint16_t first, last;
};

struct conf_list {
	void *items; /* array of the item's C type, or of the section's struct (ITEM_SIZE apart) */
	size_t n;
};

enum conf_flags {
	CONF_REQUIRED = 1, /* must be in the file when its section is */
	CONF_RELOAD = 2,   /* a running daemon takes a new value */
	CONF_SECRET = 4,   /* never printed */
	CONF_OPTIONAL_SECTION =
		8, /* the bool at PRESENT_OFFSET says whether the section is in the file */
};

struct conf_doc;

struct conf_option {
	const char *name;
	enum conf_type type;
	size_t offset;        /* in the section's struct */
	uint64_t min, max;    /* range for numbers; list length for lists; string length */
	const char *fallback; /* default, as it would be written in YAML; NULL: zero or empty */
	unsigned flags;
	const char *const *names; /* CONF_ENUM: NULL-terminated */
	const struct conf_option
		*children;     /* CONF_SECTION, or CONF_LIST of sections; ends with name NULL */
	enum conf_type item;   /* CONF_LIST */
	size_t item_size;      /* CONF_SECTION in a list: sizeof its struct */
	size_t present_offset; /* CONF_OPTIONAL_SECTION */
	const char *unit;      /* for people: "seconds"; may be NULL */
	const char *example;   /* what the sample file shows commented out when it differs from the
				  default */
	const char *text;      /* one or more sentences */
	/* Runs after the section's own values are in place: cross-field rules. Reports with
	 * conf_fail. */
	void (*check)(struct conf_doc *doc, void *section);
};

/* A problem, ready to print: "FILE:LINE:COLUMN: text; the way out". Line 0: the file as a whole. */
struct conf_error {
	unsigned line, column;
	bool is_warning;
	char text[320];
};

/*
 * Parses TEXT (or the file) into ROOT, ROOT_SIZE bytes that conf allocates inside the document and
 * that live with it. All errors are gathered (the first 64), not just the first. Always gives a
 * document in *OUT unless out of memory; returns 0, or ERR_CONFIG when there is at least one error,
 * or -errno when the file cannot be read (that is an error in the list too).
 * File size at most 1 MiB, nesting at most 16, no aliases (each a clear error). Unknown and
 * repeated keys are errors; an unknown key near a known one gets a suggestion.
 */
int conf_load_file(
	const char *path, const struct conf_option *rows, size_t root_size, struct conf_doc **out);
int conf_load_text(const char *name, const char *text, size_t len, const struct conf_option *rows,
	size_t root_size, struct conf_doc **out);
void conf_destroy(struct conf_doc *doc);

const void *conf_root(const struct conf_doc *doc);
size_t conf_error_count(const struct conf_doc *doc);
const struct conf_error *conf_error_at(const struct conf_doc *doc, size_t i);
/* One line per problem, "error: FILE:LINE:COLUMN: ..." */
void conf_errors_print(const struct conf_doc *doc, FILE *out);

/*
 * For check functions and for the daemon after loading: reports a problem at the place where the
 * value at FIELD (a pointer into the root struct or a list item) was written, or at its section
 * when the file does not have it. conf_warn does not make the document wrong.
 */
void conf_fail(struct conf_doc *doc, const void *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void conf_warn(struct conf_doc *doc, const void *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Was the value at FIELD written in the file (and not a default)? */
bool conf_is_set(const struct conf_doc *doc, const void *field);

/*
 * Compares two documents of the same rows and calls FN for every row without CONF_RELOAD whose
 * value differs, with the dotted path ("edge.listen"). Returns the number of differences.
 */
size_t conf_diff_fixed(const struct conf_doc *a, const struct conf_doc *b,
	const struct conf_option *rows, void (*fn)(const char *path, void *arg), void *arg);

/* The sample file (every option commented with its text, range and default) and mdoc(7) list items.
 */
void conf_print_sample(const struct conf_option *rows, FILE *out);
void conf_print_mdoc(const struct conf_option *rows, FILE *out);

#endif
