/* SPDX-License-Identifier: BSD-3-Clause */
/* The process and its host: background, user, file descriptors, service manager. */
#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Forks into the background. The parent waits for process_ready() or the child's end and exits
 * with the right status, so that a failed start is seen by whoever started it. Returns in the
 * child.
 */
int process_background(void);
/* Startup is over: lets the parent go (and standard streams with it), tells the service manager. */
void process_ready(void);
/* Tells the service manager, if there is one: "RELOADING=1", "STOPPING=1". One datagram, never
 * blocks. */
void process_notify(const char *state);

/* Soft limit of open files up to the hard one; returns the limit in force. */
unsigned long process_raise_files(void);

/*
 * Becomes USER with its groups, for good. Of its capabilities the process keeps those of the bits
 * KEEP, if it has them, and hands them to a program that it executes. WHY (256 bytes) gets a
 * sentence. Before there are other threads.
 */
int process_become(const char *user, uint64_t keep, char why[256]);

#endif
