/* SPDX-License-Identifier: BSD-3-Clause */
/* Our offer, and the answer to it. */
#include <assert.h>
#include <stdio.h>
#include "agree.h"
#include "describe.h"
#include "scan.h"
#include "session.h"

static void slot_set(struct sdp_slot *slot, const char *proto, unsigned payload)
{
	*slot = (struct sdp_slot){.kind = "audio", .is_live = true};
	(void)snprintf(slot->proto, sizeof(slot->proto), "%s", proto);
	(void)snprintf(slot->format, sizeof(slot->format), "%u", payload);
}

/*
 * SRTP that is optional gets two m= lines of one port, the better one first: the other side takes
 * one of them, and one that does not know SRTP refuses a line and not the call.
 */
static void first_slots(struct sdp_session *s)
{
	const struct sdp_abilities *abilities = s->config.abilities;
	s->n_pending_slots = 0;
	if (abilities->security != SDP_SRTP_NONE)
		slot_set(&s->pending_slots[s->n_pending_slots++], "RTP/SAVP", s->payloads[0]);
	if (abilities->security != SDP_SRTP_REQUIRED)
		slot_set(&s->pending_slots[s->n_pending_slots++], "RTP/AVP", s->payloads[0]);
}

/* There is one: a session has fewer codecs than there are dynamic numbers. */
static uint8_t free_payload(const bool is_used[128])
{
	uint8_t p = 96;
	while (is_used[p]) {
		p++;
		assert(p < 128);
	}
	return p;
}

/* What a number meant once it means as long as the session lasts (RFC 3264 §8.3.2): codecs that
 * were agreed keep theirs, one whose number the other side has given away gets another. */
static unsigned offered_formats(struct sdp_session *s, struct sdp_format out[SDP_CODECS_MAX])
{
	const struct sdp_abilities *abilities = s->config.abilities;
	bool is_used[128] = {false}, is_fixed[SDP_CODECS_MAX] = {false};
	unsigned n = 0;
	for (unsigned i = 0; s->has_agreed && i < s->agreed.n_formats; i++) {
		is_fixed[s->agreed.formats[i].codec] = true;
		is_used[s->agreed.formats[i].receive] = true;
	}
	for (unsigned i = 0; i < abilities->n_codecs; i++) {
		if (!is_fixed[i] && is_used[s->payloads[i]])
			s->payloads[i] = free_payload(is_used);
		is_used[s->payloads[i]] = true;
		out[n++] = (struct sdp_format){.codec = (uint8_t)i, .receive = s->payloads[i]};
	}
	return n;
}

enum sdp_refusal sdp_offer_write(
	struct sdp_session *s, struct sdp_writer *w, const struct sdp_passing *passing)
{
	struct sdp_format formats[SDP_CODECS_MAX];
	if (s->state != SDP_STABLE)
		return SDP_WRONG_STATE;
	if (s->has_agreed) {
		memcpy(s->pending_slots, s->slots, sizeof(s->slots));
		s->n_pending_slots = s->n_slots;
	} else {
		first_slots(s);
	}
	struct sdp_said said = {.formats = formats,
		.n_formats = offered_formats(s, formats),
		.direction = s->direction,
		.has_rtcp_mux = s->config.abilities->has_rtcp_mux};
	if (s->has_agreed) {
		said.mki = s->agreed.local_mki;
		said.mki_lifetime = s->agreed.remote_lifetime;
	}
	if (passing)
		said.passing = *passing;
	enum sdp_refusal r = sdp_describe(s, w, s->pending_slots, s->n_pending_slots, &said);
	if (r != SDP_OK)
		return r;
	s->pending = (struct sdp_agreed){.direction = s->direction, .local_mki = said.mki};
	s->before = s->agreed;
	s->had_agreed = s->has_agreed;
	s->was_answered_here = false;
	s->state = SDP_OFFERED;
	return SDP_OK;
}

/* The stream of M, which answers SLOT. */
static enum sdp_refusal take_answered(
	const struct sdp_session *s, const struct sdp_media *m, unsigned i, struct sdp_agreed *out)
{
	const struct sdp_slot *slot = &s->pending_slots[i];
	if (!slot->is_live || m->port == 0)
		return SDP_NO_AUDIO;
	if (!scan_is_nocase(m->kind, slot->kind) || !scan_is_nocase(m->proto, slot->proto))
		return SDP_ANSWER_MISMATCH;
	enum sdp_refusal r = sdp_agree(s, m, true, out);
	if (r != SDP_OK)
		return r;
	out->slot = i;
	out->local_mki = s->pending.local_mki;
	return SDP_OK;
}

enum sdp_refusal sdp_answer_take(struct sdp_session *s, const struct sdp *remote, bool is_final)
{
	enum sdp_refusal why = SDP_NO_AUDIO;
	struct sdp_agreed agreed;
	if (s->state != SDP_OFFERED)
		return SDP_WRONG_STATE;
	if (remote->n_media > s->n_pending_slots)
		return SDP_ANSWER_MISMATCH;
	for (unsigned i = 0; i < remote->n_media; i++) {
		enum sdp_refusal r = take_answered(s, &remote->media[i], i, &agreed);
		if (r != SDP_OK) {
			why = why == SDP_NO_AUDIO ? r : why;
			continue;
		}
		agreed.direction &= s->pending.direction;
		s->agreed = agreed;
		s->has_agreed = true;
		if (is_final)
			sdp_session_commit(s, &agreed);
		explicit_bzero(&agreed, sizeof(agreed));
		return SDP_OK;
	}
	return why;
}

/* What was said may have been an answer, whose key had the other side's tag: no tag is looked at.
 */
enum sdp_refusal sdp_answer_again(struct sdp_session *s, const struct sdp *remote)
{
	struct sdp_agreed agreed;
	unsigned i = s->agreed.slot;
	if (s->state != SDP_STABLE || !s->has_agreed)
		return SDP_WRONG_STATE;
	if (i >= remote->n_media || remote->media[i].port == 0)
		return SDP_NO_AUDIO;
	if (!scan_is_nocase(remote->media[i].kind, s->slots[i].kind) ||
		!scan_is_nocase(remote->media[i].proto, s->slots[i].proto))
		return SDP_ANSWER_MISMATCH;
	enum sdp_refusal r = sdp_agree(s, &remote->media[i], false, &agreed);
	if (r == SDP_OK && agreed.has_srtp && agreed.suite != s->agreed.suite)
		r = SDP_ANSWER_MISMATCH;
	if (r == SDP_OK) {
		agreed.slot = i;
		agreed.direction = s->agreed.direction;
		agreed.crypto_tag = s->agreed.crypto_tag;
		agreed.local_mki = s->agreed.local_mki;
		s->agreed = agreed;
	}
	explicit_bzero(&agreed, sizeof(agreed));
	return r;
}

void sdp_answer_confirm(struct sdp_session *s)
{
	struct sdp_agreed agreed = s->agreed;

	if (s->state == SDP_OFFERED && s->has_agreed)
		sdp_session_commit(s, &agreed);
	explicit_bzero(&agreed, sizeof(agreed));
}
