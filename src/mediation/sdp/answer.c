/* SPDX-License-Identifier: BSD-3-Clause */
/* Their offer, and our answer to it. */
#include "agree.h"
#include "describe.h"
#include "scan.h"
#include "session.h"

static bool copy(struct bytes from, char *to, size_t cap)
{
	if (from.len >= cap)
		return false;
	memcpy(to, from.data, from.len);
	to[from.len] = '\0';
	return true;
}

/* Every m= line comes back in its place, with one format at least (RFC 3264 §6). */
static bool read_slot(const struct sdp_media *m, struct sdp_slot *slot)
{
	struct bytes format;
	size_t offset = 0;
	*slot = (struct sdp_slot){.is_live = false};
	return sdp_word_next(m->formats, &offset, &format) &&
	       copy(m->kind, slot->kind, sizeof(slot->kind)) &&
	       copy(m->proto, slot->proto, sizeof(slot->proto)) &&
	       copy(format, slot->format, sizeof(slot->format));
}

/* The first audio stream that suits us; one of SRTP before one that is not. */
static enum sdp_refusal choose(
	const struct sdp_session *s, const struct sdp *remote, struct sdp_agreed *out)
{
	enum sdp_refusal why = SDP_NO_AUDIO;
	bool is_found = false;
	struct sdp_agreed a;
	for (unsigned i = 0; i < remote->n_media; i++) {
		const struct sdp_media *m = &remote->media[i];
		if (!scan_is_nocase(m->kind, "audio") || m->port == 0)
			continue;
		enum sdp_refusal r = sdp_agree(s, m, false, &a);
		if (r != SDP_OK) {
			why = why == SDP_NO_AUDIO ? r : why;
			continue;
		}
		if (is_found && (out->has_srtp || !a.has_srtp))
			continue;
		a.slot = i;
		a.local_mki = a.remote_mki; /* who sends one expects one */
		*out = a;
		is_found = true;
	}
	explicit_bzero(&a, sizeof(a));
	return is_found ? SDP_OK : why;
}

/* An answer has the numbers of the offer, both ways (RFC 3264 §6.1). */
static void take_numbers(struct sdp_agreed *a)
{
	for (unsigned i = 0; i < a->n_formats; i++)
		a->formats[i].receive = a->formats[i].send;
}

enum sdp_refusal sdp_offer_take(struct sdp_session *s, const struct sdp *remote)
{
	struct sdp_slot slots[SDP_SLOTS_MAX];
	struct sdp_agreed agreed;
	if (s->state != SDP_STABLE)
		return SDP_WRONG_STATE;
	if (remote->n_media > SDP_SLOTS_MAX)
		return SDP_TOO_MANY_MEDIA;
	for (unsigned i = 0; i < remote->n_media; i++) {
		if (!read_slot(&remote->media[i], &slots[i]))
			return SDP_BAD_MEDIA;
	}
	enum sdp_refusal r = choose(s, remote, &agreed);
	if (r != SDP_OK)
		return r;
	take_numbers(&agreed);
	slots[agreed.slot].is_live = true;
	s->pending = agreed;
	explicit_bzero(&agreed, sizeof(agreed));
	memcpy(s->pending_slots, slots, remote->n_media * sizeof(slots[0]));
	s->n_pending_slots = (unsigned)remote->n_media;
	s->was_answered_here = false;
	s->state = SDP_ASKED;
	return SDP_OK;
}

const struct sdp_agreed *sdp_session_asked(const struct sdp_session *s)
{
	return &s->pending;
}

enum sdp_refusal sdp_answer_write(
	struct sdp_session *s, struct sdp_writer *w, const struct sdp_passing *passing)
{
	if (s->state != SDP_ASKED && !(s->state == SDP_STABLE && s->was_answered_here))
		return SDP_WRONG_STATE;
	struct sdp_agreed agreed = s->pending;
	agreed.direction &= s->direction;
	struct sdp_said said = {.formats = agreed.formats,
		.n_formats = agreed.n_formats,
		.direction = agreed.direction,
		.has_rtcp_mux = agreed.has_rtcp_mux,
		.mki = agreed.local_mki,
		.mki_lifetime = agreed.remote_lifetime,
		.answer = &agreed};
	if (passing)
		said.passing = *passing;
	enum sdp_refusal r = sdp_describe(s, w, s->pending_slots, s->n_pending_slots, &said);
	if (r == SDP_OK) {
		sdp_session_commit(s, &agreed);
		s->was_answered_here = true;
	}
	explicit_bzero(&agreed, sizeof(agreed));
	return r;
}
