/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SDP_LINE_H
#define SDP_LINE_H

#include <sallyport/mediation/sdp.h>

/* The next line without its end, whatever it is; *OFFSET goes behind that end. */
bool sdp_line_cut(struct bytes text, size_t *offset, struct bytes *out);

#endif
