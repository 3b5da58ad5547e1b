/* SPDX-License-Identifier: BSD-3-Clause */
/* The state that exchanges go through; our offers are in offer.c, theirs in answer.c. */
#include <assert.h>
#include "session.h"

const char *sdp_security_name(enum sdp_security s)
{
	static const char *const names[] = {"none", "optional", "required"};
	return names[s];
}

void sdp_session_init(struct sdp_session *s, const struct sdp_session_config *c)
{
	assert(c->abilities->n_codecs <= SDP_CODECS_MAX && c->abilities->n_suites <= SDP_SUITES);
	*s = (struct sdp_session){.config = *c, .direction = SDP_SENDRECV};
	for (unsigned i = 0; i < c->abilities->n_codecs; i++)
		s->payloads[i] = c->abilities->codecs[i].payload;
}

void sdp_session_fini(struct sdp_session *s)
{
	explicit_bzero(s, sizeof(*s));
}

void sdp_session_move(struct sdp_session *s, const struct addr *rtp, uint16_t rtcp_port)
{
	s->config.rtp = *rtp;
	s->config.rtcp_port = rtcp_port;
}

void sdp_exchange_cancel(struct sdp_session *s)
{
	if (s->state == SDP_OFFERED) {
		s->agreed = s->before;
		s->has_agreed = s->had_agreed;
	}
	s->state = SDP_STABLE;
	s->was_answered_here = false;
}

void sdp_session_commit(struct sdp_session *s, const struct sdp_agreed *agreed)
{
	s->agreed = *agreed;
	s->has_agreed = true;
	s->state = SDP_STABLE;
	s->n_slots = s->n_pending_slots;
	for (unsigned i = 0; i < s->n_slots; i++) {
		s->slots[i] = s->pending_slots[i];
		s->slots[i].is_live = i == agreed->slot;
	}
	for (unsigned i = 0; i < agreed->n_formats; i++)
		s->payloads[agreed->formats[i].codec] = agreed->formats[i].receive;
}
