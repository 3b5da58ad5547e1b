/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file of call detail records: a line goes in whole or not at all, and never holds up a call.
 * Nobody needs to tell that it was moved: each line looks whether its name still leads to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../counters.h"
#include "records.h"

void record_file_init(struct record_file *f, const char *path, metrics_cell *cells)
{
	*f = (struct record_file){.path = path, .fd = -1, .cells = cells};
}

void record_file_fini(struct record_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd); /* nothing is buffered */
	f->fd = -1;
}

/* Without waiting: a pipe that nobody reads would hold up all calls. */
int record_file_open(struct record_file *f)
{
	int fd = open(
		f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	if (fd < 0)
		return -errno;
	record_file_fini(f);
	f->fd = fd;
	return 0;
}

static bool is_in_place(const struct record_file *f)
{
	struct stat ours, named;

	return f->fd >= 0 && fstat(f->fd, &ours) == 0 && stat(f->path, &named) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* The first N bytes of a line are there, and the rest has no room. */
static int take_back(const struct record_file *f, off_t n)
{
	struct stat now;

	if (fstat(f->fd, &now) != 0 || ftruncate(f->fd, now.st_size - n) != 0)
		return -errno;
	return -ENOSPC;
}

static int append(struct record_file *f, const char *line, size_t len)
{
	int rc = is_in_place(f) ? 0 : record_file_open(f);

	if (rc != 0)
		return rc;
	ssize_t n = write(f->fd, line, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : take_back(f, n);
}

void record_file_lose(struct record_file *f, int rc)
{
	metrics_add(f->cells, DAEMON_C_CALL_RECORDS_LOST, 1);
	if (f->n_lost++ == 0)
		log_error(LOG_CALL, "call records are lost",
			"file=%s error=\"%s\" hint=\"make room, or let the daemon's user write "
			"there; each further call tries again\"",
			f->path, err_text(rc));
}

void record_file_write(struct record_file *f, const char *line, size_t len)
{
	int rc = append(f, line, len);

	if (rc != 0) {
		record_file_lose(f, rc);
		return;
	}
	metrics_add(f->cells, DAEMON_C_CALL_RECORDS, 1);
	if (f->n_lost > 0)
		log_notice(LOG_CALL, "call records are written again", "file=%s lost=%" PRIu64,
			f->path, f->n_lost);
	f->n_lost = 0;
}
