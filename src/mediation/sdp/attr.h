/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SDP_ATTR_H
#define SDP_ATTR_H

#include <sallyport/mediation/sdp/attr.h>

/* The value of an a= line; the name may be empty. */
void sdp_attr_split(struct bytes line, struct sdp_attr *out);
/* False: not an attribute that says a direction. */
bool sdp_attr_direction(enum sdp_attr_id id, enum sdp_direction *out);

#endif
