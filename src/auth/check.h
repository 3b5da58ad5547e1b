/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the forms of credentials. */
#ifndef SALLYPORT_AUTH_CHECK_H
#define SALLYPORT_AUTH_CHECK_H

#include <sallyport/auth.h>

/* Is the message signed with G's key? Prepares it. */
bool auth_key_fits(const struct auth_query *q, struct auth_grant *g);
/* Is it with PASSWORD? The keys that follow from it are G's then; else G's keys mean nothing. */
bool auth_password_fits(const struct auth_snapshot *s, const struct auth_query *q,
	struct bytes password, struct auth_grant *g);

#endif
