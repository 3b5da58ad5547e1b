/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The revocation file: one entry a line, "jti HEX UNTIL", "subject HEX UNTIL" or "kid ID UNTIL",
 * with UNTIL in Unix seconds; empty lines and lines that begin with # are skipped.
 */
#ifndef DAEMON_REVOCATIONS_H
#define DAEMON_REVOCATIONS_H

#include <sallyport/auth.h>

#define REVOCATIONS_MAX 65536

/* A file that is not there is an empty one. *LIST is malloc'd. WHY names the line. */
int revocations_load(
	const char *path, struct auth_revocation **list, size_t *n, char why[CRYPTO_WHY_LEN]);
/* Replaces the file as a whole: written aside, synced, renamed. -errno. */
int revocations_save(const char *path, const struct auth_revocation *list, size_t n);

#endif
