/* SPDX-License-Identifier: BSD-3-Clause */
/* The listeners of a face that behaviour discovery (RFC 5780) needs. */
#ifndef DAEMON_BEHAVIOR_H
#define DAEMON_BEHAVIOR_H

#include <sallyport/turn.h>

#include "options.h"

/* Has F two addresses of FAMILY with the same two ports each, and no other? OUT gets them. */
bool behavior_find(
	const struct options_face *f, enum addr_family family, struct turn_behavior *out);
/* Those of all faces that ask for it; OUT has room for two for each face. Returns how many. */
size_t behavior_all(const struct options_edge *e, struct turn_behavior *out);
/* The rules of the configuration. */
void behavior_check(struct conf_doc *doc, const struct options_face *f);

#endif
