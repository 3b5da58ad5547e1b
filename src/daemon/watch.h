/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sees when files change: by inotify on their folders, so that renames and swapped symbolic links
 * are seen, and by a look every minute for what inotify does not tell (a network file system, a
 * link in the middle of a path). Main thread; reads no file.
 */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include <sallyport/loop.h>

struct watch;

/*
 * CHANGED is called when at least one file is another than it was, a second after the last sign of
 * it, for a certificate and its key are seldom written at once. NULL: out of memory.
 */
struct watch *watch_create(struct loop *l, void (*changed)(void *arg), void *arg);
void watch_destroy(struct watch *w);

/* Forgets all files; watch_add takes PATH as it is now. -ENOMEM. */
void watch_clear(struct watch *w);
int watch_add(struct watch *w, const char *path);
/* What the files are now is known: for whoever has just written one. */
void watch_settle(struct watch *w);

#endif
