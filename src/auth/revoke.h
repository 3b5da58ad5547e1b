/* SPDX-License-Identifier: BSD-3-Clause */
/* A sorted set of revocations, built once and then read by any thread. */
#ifndef SALLYPORT_AUTH_REVOKE_H
#define SALLYPORT_AUTH_REVOKE_H

#include <sallyport/auth.h>

struct auth_revocations {
	struct auth_revocation *list; /* owned; NULL when empty */
	size_t n;
};

/* Copies R; of entries for one thing the one that lasts longest stays. -ENOMEM. */
int auth_revocations_init(struct auth_revocations *out, const struct auth_revocation *r, size_t n);
void auth_revocations_fini(struct auth_revocations *r);

/* Is there an entry for the first bytes of ID that is in force at NOW_S? */
bool auth_revocations_has(const struct auth_revocations *r, enum auth_revocation_kind kind,
	const void *id, uint64_t now_s);

#endif
