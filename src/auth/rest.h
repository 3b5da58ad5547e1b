/* SPDX-License-Identifier: BSD-3-Clause */
/* The TURN REST form, "EXP:name". */
#ifndef SALLYPORT_AUTH_REST_H
#define SALLYPORT_AUTH_REST_H

#include <sallyport/auth.h>

/* Tries every secret in force on the message. G gets the keys and the kid ("" for a further secret)
 * of the one that fits; false when none does. */
bool auth_rest_find_secret(
	const struct auth_snapshot *s, const struct auth_query *q, struct auth_grant *g);
/* What the bearer of such a credential may do: anything, in the name of NAME. */
void auth_rest_claims(struct bytes name, struct auth_claims *out);

#endif
