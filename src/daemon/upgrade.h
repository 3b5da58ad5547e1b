/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replacing the daemon while it works (docs/upgrade.md): the side that hands over, behind a Unix
 * socket of its own, and the side that takes over. Main thread. What they say: upgrade/wire.h.
 */
#ifndef DAEMON_UPGRADE_H
#define DAEMON_UPGRADE_H

#include "settings.h"
#include "workers.h"

struct http_server;

/* ---- handing over ---- */

struct upgrade_config {
	struct loop *loop;
	struct workers *workers;
	const struct settings *const *settings;      /* those in force */
	struct http_server *api, *admin, *admin_tcp; /* or NULL */
	/* Another process, PID, has it all: the workers and servers keep only their connections. */
	void (*done)(void *arg, int pid);
	void *arg;
};

struct upgrade;

/* FD is a door that was inherited, taken, or -1 to make one beside the operator's socket, for
 * USER (NULL: whoever we are). WHY gets a sentence. */
int upgrade_open(const struct upgrade_config *c, int fd, const char *user, struct upgrade **out,
	char why[256]);
/* NULL is fine. The door's file stays if another process is behind it: one that has taken over, or
 * with IS_LENT the one that it came from. */
void upgrade_close(struct upgrade *u, bool is_lent);
/* Starts PROGRAM --take-over with the configuration file PATH, and forgets it. -errno. */
int upgrade_spawn(const char *program, const char *path);

/* ---- taking over ---- */

struct takeover;

/* Meets the running daemon and gets its sockets. WHY gets a sentence. */
int takeover_begin(
	const struct settings *s, unsigned n_workers, struct takeover **out, char why[256]);
const struct inherited *takeover_inherited(struct takeover *t);
/* For struct http_config, with what takeover_http_arg returns. */
int takeover_http(void *arg, const struct addr *a);
void *takeover_http_arg(struct takeover *t, bool is_admin);
int takeover_door(struct takeover *t); /* taken; -1: none */
/* The running daemon stands still; its allocations come into W, which does not run. */
int takeover_receive(struct takeover *t, struct workers *w, char why[256]);
/* W runs. On success the other has given up everything, and T has been freed. */
int takeover_confirm(struct takeover *t, char why[256]);
void takeover_destroy(struct takeover *t); /* NULL is fine */

#endif
