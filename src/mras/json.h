/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing JSON. References to json_t are taken. */
#ifndef MRAS_JSON_H
#define MRAS_JSON_H

#include <jansson.h>
#include <sallyport/mras.h>
#include "relay.h"

/* The text of ROOT, malloc'd, or -ENOMEM, also when ROOT is NULL. */
int mras_json_take(json_t *root, char **out, size_t *len);
/* The URLs of all relays in view. NULL when out of memory. */
json_t *mras_json_urls(const struct mras_config *c, const struct mras_view *v);
int mras_json_encode(const struct mras_config *c, const struct mras_request *req,
	const struct mras_response *r, char **out, size_t *len);

#endif
