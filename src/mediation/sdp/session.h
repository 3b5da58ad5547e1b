/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SDP_SESSION_H
#define SDP_SESSION_H

#include <sallyport/mediation/sdp/session.h>

/* An exchange is over and has come to AGREED and the pending slots. */
void sdp_session_commit(struct sdp_session *s, const struct sdp_agreed *agreed);

#endif
