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
	CONF_RATE,     /* uint64_t bits per second: "3000k", "10M" (powers of 1000) */
	CONF_STRING,   /* const char *; NULL when neither written nor defaulted */
	CONF_PATH,     /* const char *: absolute file name, or NULL likewise */
	CONF_ENUM,     /* int: one of the row's NAMES, stored as its index */
	CONF_ADDR,     /* struct addr; the row's MIN is the default port when not 0 */
	CONF_PREFIX,   /* struct prefix */
	CONF_PORTS,    /* struct conf_ports: "50000-59999", or one port */
	CONF_TIME,     /* uint64_t Unix seconds: RFC 3339 "2026-01-01T00:00:00Z" */
	CONF_SECTION,  /* a struct in place, its rows in CHILDREN */
	CONF_LIST,     /* struct conf_list: items of ITEM type (any of the above but CONF_LIST) */
};

struct conf_ports {
	uint16_t first, last;
};

struct conf_list {
	void *items; /* array of the item's C type, or of the section's struct (ITEM_SIZE apart) */
	size_t n;
};

enum conf_flags {
	CONF_REQUIRED = 1,         /* must be in the file when its section is */
	CONF_RELOAD = 2,           /* a running daemon takes a new value */
	CONF_SECRET = 4,           /* a value: no message and no default shows it */
	CONF_OPTIONAL_SECTION = 8, /* the bool at PRESENT_OFFSET says if the file has the section */
	/* On the row with name NULL that ends a table: keys that the table does not name are passed
	 * over. For a program that reads a part of another one's file. */
	CONF_OPEN = 16,
	CONF_OUTPUT = 32, /* a path that the program makes, and does not read */
	CONF_SAMPLE = 64, /* on an optional section: the sample file has it all the same */
};

struct conf_doc;

struct conf_option {
	const char *name;
	enum conf_type type;
	size_t offset; /* in the struct of the section that the row is in */
	/* Range of numbers and ports, items of a list, bytes of a string. MAX 0: no upper limit. */
	uint64_t min, max;
	/* Default, as it would be written in YAML on one line; NULL: zero or empty. */
	const char *fallback;
	unsigned flags;
	const char *const *names; /* CONF_ENUM: NULL-terminated */
	/* CONF_SECTION, CONF_LIST of sections: its rows, ending with name NULL. CONF_LIST of
	 * anything else: NULL, or one row with the MIN, MAX, NAMES and UNIT of an item. */
	const struct conf_option *children;
	enum conf_type item;   /* CONF_LIST */
	size_t item_size;      /* CONF_LIST of sections: sizeof the item's struct */
	size_t present_offset; /* CONF_OPTIONAL_SECTION: counted from where OFFSET is */
	const char *unit;      /* for people: "packets"; may be NULL */
	const char *example;   /* as FALLBACK; shown in the sample file instead of it */
	const char *text;      /* one or more sentences */
	/*
	 * A cross-field rule; reports with conf_fail. On a section it gets the section's struct, on
	 * a list of sections each item in turn, on any other row the struct that the row is in.
	 * Runs after all values of that struct are in place, sections in it included, and only
	 * then: a required value is there, and a section that is not in the file has its defaults.
	 * Does not run for an optional section that is not in the file.
	 */
	void (*check)(struct conf_doc *doc, void *section);
};

/* A problem, ready to print: "FILE:LINE:COLUMN: text; the way out", or "FILE: ..." with line 0 when
 * it is the file as a whole. Free of control characters. */
struct conf_error {
	unsigned line, column;
	bool is_warning;
	char text[320];
};

/*
 * Parses TEXT (or the file) into ROOT, ROOT_SIZE bytes that conf allocates inside the document and
 * that live with it. All errors are gathered (the first 64), not just the first, and listed by
 * position. Always gives a document in *OUT unless out of memory (-ENOMEM); returns 0, or
 * ERR_CONFIG when there is at least one error, or -errno when the file cannot be read (that is an
 * error in the list too). After an error the root is for the checks and not for use.
 * File size at most 1 MiB, 65,536 values, nesting at most 16, one document, no aliases, anchors or
 * tags (each a clear error). Unknown and repeated keys are errors; an unknown key near a known one
 * gets a suggestion. An empty file is an error, one of comments only is not. A secret in a file
 * that others may read is a warning. ROWS must outlive the document.
 */
int conf_load_file(
	const char *path, const struct conf_option *rows, size_t root_size, struct conf_doc **out);
int conf_load_text(const char *name, const char *text, size_t len, const struct conf_option *rows,
	size_t root_size, struct conf_doc **out);
void conf_destroy(struct conf_doc *doc);
/* One more owner, who calls conf_destroy too, on whatever thread. What is in the document stays as
 * it is; of its problems the first owner alone speaks. */
struct conf_doc *conf_get(struct conf_doc *doc);

const void *conf_root(const struct conf_doc *doc);
size_t conf_error_count(const struct conf_doc *doc); /* warnings included */
const struct conf_error *conf_error_at(const struct conf_doc *doc, size_t i);
/* One line per problem: "error: FILE:LINE:COLUMN: ...", "warning: FILE:..." */
void conf_errors_print(const struct conf_doc *doc, FILE *out);

/*
 * For check functions and for the daemon after loading: reports a problem at the place where the
 * value at FIELD (a pointer into the root struct or a list item) was written, or at its section
 * when the file does not have it. conf_warn does not make the document wrong. A section that
 * begins with a value shares its address; the value is meant then.
 */
void conf_fail(struct conf_doc *doc, const void *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void conf_warn(struct conf_doc *doc, const void *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Was the value at FIELD written in the file (and not a default)? */
bool conf_is_set(const struct conf_doc *doc, const void *field);

/*
 * Compares two documents of the same rows and calls FN for every row without CONF_RELOAD whose
 * value differs, with the dotted path ("edge.listen", "edge.faces[0].name"). Returns the number of
 * differences. FN may be NULL. CONF_RELOAD on an optional section lets it come and go; its options
 * speak for themselves. On a list of sections it covers all that is in the items; without it the
 * list keeps its length and the items are compared option by option.
 */
size_t conf_diff_fixed(const struct conf_doc *a, const struct conf_doc *b,
	const struct conf_option *rows, void (*fn)(const char *path, void *arg), void *arg);

/* Calls FN for every path that the document names, those of rows with CONF_OUTPUT left out. */
void conf_each_input(const struct conf_doc *doc, const struct conf_option *rows,
	void (*fn)(void *arg, const char *path), void *arg);
/* Forgets what was reported: before a document's values are looked at once more. */
void conf_errors_clear(struct conf_doc *doc);

/* The sample file (every option commented with its text, range and default) and mdoc(7) list items.
 */
void conf_print_sample(const struct conf_option *rows, FILE *out);
void conf_print_mdoc(const struct conf_option *rows, FILE *out);

#endif
