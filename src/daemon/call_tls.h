/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two sides of calls are shown by TLS, and whom they must be. */
#ifndef DAEMON_CALL_TLS_H
#define DAEMON_CALL_TLS_H

#include <stdint.h>

#include "options_mediation.h"

/*
 * What the inside and the gateways of each pool are shown, and whom they must be: one group of
 * connections each. Counted contexts; NULL: no TLS there.
 */
#define CALL_TLS_GROUPS (2 * OPTIONS_POOLS_MAX)
struct call_tls {
	struct call_tls_pair {
		struct ssl_ctx_st *accepts, *dials;
	} pairs[CALL_TLS_GROUPS];
};
static inline uint32_t call_tls_clients(uint32_t pool)
{
	return 2 * pool;
}
static inline uint32_t call_tls_trunks(uint32_t pool)
{
	return 2 * pool + 1;
}

/* Reads the files that M names into OUT, which is zeroed; says what is wrong with all of them at
 * their places in DOC. Made or not, OUT is given to call_tls_fini. */
int call_tls_make(struct conf_doc *doc, const struct options_mediation *m, struct call_tls *out);
void call_tls_fini(struct call_tls *t);
void call_tls_get(const struct call_tls *from, struct call_tls *out); /* one more count of each */

#endif
