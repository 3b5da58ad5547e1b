/* SPDX-License-Identifier: BSD-3-Clause */
/* The main thread: signals, reload, HTTP servers, and the life of the workers. */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "settings.h"

struct control;

/* Binds everything. Takes S in any case. WHY (256 bytes) gets a sentence. */
int control_create(const char *path, struct settings *s, struct control **out, char why[256]);
/* Starts the workers and serves until SIGTERM or SIGINT. */
int control_run(struct control *c);
void control_destroy(struct control *c);

#endif
