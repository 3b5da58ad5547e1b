/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the two forms of credentials. */
#ifndef SALLYPORT_AUTH_CHECK_H
#define SALLYPORT_AUTH_CHECK_H

#include <sallyport/auth.h>

/* Is the message signed with PASSWORD? The key that follows from it goes to *OUT if so. */
bool auth_password_fits(const struct auth_snapshot *s, const struct auth_query *q,
	struct bytes password, struct stun_key *out);

#endif
