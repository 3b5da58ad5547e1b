/* SPDX-License-Identifier: BSD-3-Clause */
/* Access tokens, RFC 7635. */
#ifndef SALLYPORT_AUTH_TOKEN_H
#define SALLYPORT_AUTH_TOKEN_H

#include "snapshot.h"

/* The token in Q and its time, and that the message is signed with the key in it. *G is whole on
 * AUTH_OK and may hold a key after other reasons. */
enum auth_reason auth_token_check(
	const struct auth_snapshot *s, const struct auth_query *q, struct auth_grant *g);

#endif
