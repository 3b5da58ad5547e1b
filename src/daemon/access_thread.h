/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread of the SIP door, as the section "access" has it. */
#ifndef DAEMON_ACCESS_THREAD_H
#define DAEMON_ACCESS_THREAD_H

#include <sallyport/api.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>

#include "settings.h"

#define ACCESS_THREAD_WHY_LEN 256

struct access_thread; /* main thread */

struct access_thread_config {
	const char *path; /* of the configuration file, which has passed its checks */
	const struct settings *settings;
	struct loop *main; /* where credentials are granted: */
	struct api *const *api;
	struct metrics_set *metrics;
	unsigned block; /* of METRICS */
};

/* Reads the section and binds what it listens on; nothing runs yet. WHY gets a sentence. */
int access_thread_create(const struct access_thread_config *c, struct access_thread **out,
	char why[ACCESS_THREAD_WHY_LEN]);
int access_thread_start(struct access_thread *t);
void access_thread_log(const struct access_thread *t); /* a line for each listener */
/* What has changed of certificates, domains and rates. -ENOMEM, ERR_FULL: the old ones stay. */
int access_thread_update(struct access_thread *t, const struct settings *s);
/* No new dialogs, or as ever. ERR_FULL. */
int access_thread_drain(struct access_thread *t, bool is_on);
/* Stops and joins it if it runs. NULL is fine. */
void access_thread_destroy(struct access_thread *t);

#endif
