/* SPDX-License-Identifier: BSD-3-Clause */
/* From a file or a text to a filled document. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fill.h"

#define TEXT_MAX ((size_t)1024 * 1024)

static const struct conf_pos whole_file = {0, 0};

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(" \t\r\n", text[i]) == NULL || text[i] == 0)
			return false;
	return true;
}

static void read_text(struct conf_doc *doc, const char *text, size_t len,
	const struct conf_option *rows, size_t root_size)
{
	const struct tree_node *top;
	size_t n_errors = doc->n_errors;

	if (len > TEXT_MAX) {
		doc_report(doc, whole_file, "larger than 1 MiB; make it smaller");
		return;
	}
	if (is_blank(text, len)) {
		doc_report(doc, whole_file,
			"the file is empty; start from the sample that sallyportd -s prints");
		return;
	}
	tree_read(doc, text, len, &top);
	/* What breaks off the reading would make everything behind it look missing. */
	if (top != NULL || doc->n_errors == n_errors)
		fill_root(doc, rows, top, doc->root, root_size);
}

static struct conf_doc *doc_start(const char *name, size_t root_size)
{
	struct conf_doc *doc = doc_create(name);

	if (doc == NULL)
		return NULL;
	doc->root = arena_alloc(&doc->arena, root_size);
	if (doc->root == NULL) {
		conf_destroy(doc);
		return NULL;
	}
	return doc;
}

/* Hands DOC out, unless it is incomplete for want of memory. */
static int doc_finish(struct conf_doc *doc, int rc, struct conf_doc **out)
{
	if (doc->arena.is_exhausted || rc == -ENOMEM) {
		conf_destroy(doc);
		return -ENOMEM;
	}
	*out = doc;
	if (rc != 0)
		return rc;
	return doc->n_errors > 0 ? ERR_CONFIG : 0;
}

int conf_load_text(const char *name, const char *text, size_t len, const struct conf_option *rows,
	size_t root_size, struct conf_doc **out)
{
	struct conf_doc *doc = doc_start(name, root_size);

	if (doc == NULL)
		return -ENOMEM;
	read_text(doc, text, len, rows, root_size);
	return doc_finish(doc, 0, out);
}

/* Up to CAP bytes of FD. A short read is no end: FD may be a pipe. */
static int read_all(int fd, char *buf, size_t cap, size_t *len)
{
	size_t used = 0;

	while (used < cap) {
		ssize_t n = read(fd, buf + used, cap - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*len = used;
	return 0;
}

static int read_fd(struct conf_doc *doc, int fd, const struct conf_option *rows, size_t root_size)
{
	struct stat st;
	size_t len = 0;
	char *text;
	int rc;

	if (fstat(fd, &st) != 0)
		return -errno;
	doc->is_world_readable = S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0;
	text = malloc(TEXT_MAX + 1); /* one more, to see that a file is too large */
	if (text == NULL)
		return -ENOMEM;
	rc = read_all(fd, text, TEXT_MAX + 1, &len);
	if (rc == 0)
		read_text(doc, text, len, rows, root_size);
	explicit_bzero(text, len);
	free(text);
	return rc;
}

int conf_load_file(
	const char *path, const struct conf_option *rows, size_t root_size, struct conf_doc **out)
{
	struct conf_doc *doc = doc_start(path, root_size);
	int fd, rc;

	if (doc == NULL)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	rc = fd >= 0 ? read_fd(doc, fd, rows, root_size) : -errno;
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	if (rc != 0 && rc != -ENOMEM)
		doc_report(doc, whole_file,
			"cannot be read (%s); check its name and that this user may read it",
			err_text(rc));
	return doc_finish(doc, rc, out);
}
