/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <event2/event.h>

#include <sallyport/common.h>

#include "watch.h"

#define QUIET_MS 1000  /* without a further sign */
#define WAIT_MS  10000 /* at most, when signs do not end */
#define LOOK_MS  60000
#define SIGNS                                                                                      \
	(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |        \
		IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* What stat() says of a file, behind all links; zeros: it is not there. */
struct print {
	dev_t dev;
	ino_t ino;
	off_t size;
	mode_t mode;
	struct timespec modified, changed;
};

struct file {
	struct list link;
	struct print known; /* as it was when it was last read */
	struct print seen;  /* as it is, but for what the quiet waits for */
	char path[];
};

struct watch {
	struct loop *loop; /* not owned */
	void (*changed)(void *arg);
	void *arg;
	int fd; /* of inotify; -1: there is none */
	struct event *event;
	struct list files;
	struct wheel_timer look, quiet;
	uint64_t first_sign_ms; /* of those that wait for quiet */
};

static uint64_t now_ms(const struct watch *w)
{
	return loop_clock(w->loop)->mono_ms;
}

/* ---- fingerprints ---- */

static struct print take_print(const char *path)
{
	struct print p = {0};
	struct stat st;

	if (stat(path, &st) != 0)
		return p;
	p.dev = st.st_dev;
	p.ino = st.st_ino;
	p.size = st.st_size;
	p.mode = st.st_mode;
	p.modified = st.st_mtim;
	p.changed = st.st_ctim;
	return p;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct print *a, const struct print *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mode == b->mode &&
	       is_same_time(&a->modified, &b->modified) && is_same_time(&a->changed, &b->changed);
}

/* Looks at all; true when one is another than it was at the last look. */
static bool look_at_all(struct watch *w)
{
	bool has_news = false;

	list_for_each (it, &w->files) {
		struct file *f = CONTAINER_OF(it, struct file, link);
		struct print p = take_print(f->path);
		has_news = has_news || !is_same(&p, &f->seen);
		f->seen = p;
	}
	return has_news;
}

/* What has been seen is known from now on; true when it was not before. */
static bool learn_all(struct watch *w)
{
	bool has_news = false;

	list_for_each (it, &w->files) {
		struct file *f = CONTAINER_OF(it, struct file, link);
		has_news = has_news || !is_same(&f->seen, &f->known);
		f->known = f->seen;
	}
	return has_news;
}

/* ---- folders ---- */

static void watch_folder_of(struct watch *w, const char *path)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (!slash)
		return;
	slash[slash == folder] = '\0'; /* "/" stays */
	/* One that cannot be watched, or is not there yet, is left to the look every minute. A
	 * folder that is watched already keeps its watch. */
	(void)inotify_add_watch(w->fd, folder, SIGNS);
}

/* That of the name, where a link is swapped, and that of what it leads to. */
static void watch_folders(struct watch *w, const char *path)
{
	char real[PATH_MAX];

	if (w->fd < 0)
		return;
	watch_folder_of(w, path);
	if (realpath(path, real))
		watch_folder_of(w, real);
}

static void watch_all_folders(struct watch *w)
{
	list_for_each (it, &w->files)
		watch_folders(w, CONTAINER_OF(it, struct file, link)->path);
}

/* ---- signs ---- */

static void wait_for_quiet(struct watch *w)
{
	uint64_t now = now_ms(w), at = now + QUIET_MS;

	if (!wheel_timer_is_set(&w->quiet))
		w->first_sign_ms = now;
	if (at > w->first_sign_ms + WAIT_MS)
		at = w->first_sign_ms + WAIT_MS;
	wheel_set(loop_wheel(w->loop), &w->quiet, at);
}

static void on_quiet(struct wheel_timer *t, void *arg)
{
	struct watch *w = CONTAINER_OF(t, struct watch, quiet);

	(void)arg;
	watch_all_folders(w); /* links may lead elsewhere now */
	(void)look_at_all(w); /* what changes from here on gives a sign of its own */
	if (learn_all(w))
		w->changed(w->arg);
}

/*
 * Which file a sign is of does not matter: a look at all of them is cheap, and a link in between
 * has another name. Other files in the same folder may be busy; they do not prolong the wait.
 */
static void on_signs(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	char signs[4096];

	(void)what;
	loop_turn(w->loop);
	while (read(fd, signs, sizeof(signs)) > 0)
		continue;
	if (look_at_all(w))
		wait_for_quiet(w);
}

static void on_look(struct wheel_timer *t, void *arg)
{
	struct watch *w = CONTAINER_OF(t, struct watch, look);

	(void)arg;
	watch_all_folders(w);
	if (look_at_all(w))
		wait_for_quiet(w);
	wheel_set(loop_wheel(w->loop), &w->look, now_ms(w) + LOOK_MS);
}

/* ---- life ---- */

struct watch *watch_create(struct loop *l, void (*changed)(void *arg), void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->loop = l;
	w->changed = changed;
	w->arg = arg;
	list_init(&w->files);
	wheel_timer_init(&w->look, on_look);
	wheel_timer_init(&w->quiet, on_quiet);
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd >= 0)
		w->event = event_new(loop_base(l), w->fd, EV_READ | EV_PERSIST, on_signs, w);
	if (!w->event || event_add(w->event, NULL) != 0)
		log_warning(LOG_DAEMON, "files are looked at once a minute only",
			"error=\"%s\" hint=\"inotify cannot be had\"", err_text(-errno));
	wheel_set(loop_wheel(l), &w->look, now_ms(w) + LOOK_MS);
	return w;
}

void watch_destroy(struct watch *w)
{
	if (!w)
		return;
	watch_clear(w);
	wheel_cancel(loop_wheel(w->loop), &w->look);
	if (w->event)
		event_free(w->event);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

void watch_clear(struct watch *w)
{
	wheel_cancel(loop_wheel(w->loop), &w->quiet);
	list_for_each_safe (it, &w->files) {
		list_remove(it);
		free(CONTAINER_OF(it, struct file, link));
	}
}

int watch_add(struct watch *w, const char *path)
{
	size_t size = strlen(path) + 1;
	struct file *f = calloc(1, sizeof(*f) + size);

	if (!f)
		return -ENOMEM;
	memcpy(f->path, path, size);
	watch_folders(w, path);
	f->known = f->seen = take_print(path);
	list_append(&w->files, &f->link);
	return 0;
}

void watch_settle(struct watch *w)
{
	(void)look_at_all(w);
	(void)learn_all(w);
}
