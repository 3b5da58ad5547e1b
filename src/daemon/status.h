/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operator's status says of the process, its listeners and its certificates. */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include <sallyport/api.h>

#include "settings.h"

struct status; /* main thread */

struct status *status_create(void); /* when the process starts; NULL: out of memory */
void status_destroy(struct status *s);
/* API_TLS: the API's context in force, NULL without one. What OUT points to is good until the next
 * call, or until FROM goes. */
void status_fill(struct status *s, const struct settings *from, const struct ssl_ctx_st *api_tls,
	struct api_status *out);

#endif
