/* SPDX-License-Identifier: BSD-3-Clause */
/* The main thread: signals, reload, HTTP servers, and the life of the workers. */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "settings.h"

struct control;

/* Binds everything, or with TAKES_OVER gets it from the daemon that runs. Takes S in any case. WHY
 * (256 bytes) gets a sentence. */
int control_create(
	const char *path, struct settings *s, bool takes_over, struct control **out, char why[256]);
/* Starts the workers and serves until SIGTERM or SIGINT, or until another process has taken over
 * and the connections that were left have ended. */
int control_run(struct control *c);
void control_destroy(struct control *c);

#endif
