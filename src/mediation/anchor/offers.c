/* SPDX-License-Identifier: BSD-3-Clause */
/* Offers and answers: taken from one side, made for the other. */
#include <errno.h>

#include "anchor_priv.h"

/* ---- refusals ---- */

static unsigned counter_of(enum sdp_refusal r)
{
	switch (r) {
	case SDP_TOO_LONG:
	case SDP_NO_ROOM:
		return ANCHOR_C_REFUSED_SIZE;
	case SDP_NO_AUDIO:
		return ANCHOR_C_REFUSED_AUDIO;
	case SDP_NO_PROFILE:
		return ANCHOR_C_REFUSED_PROFILE;
	case SDP_NO_CODEC:
		return ANCHOR_C_REFUSED_CODEC;
	case SDP_NO_KEY:
		return ANCHOR_C_REFUSED_KEY;
	case SDP_NO_ADDRESS:
		return ANCHOR_C_REFUSED_ADDRESS;
	case SDP_ANSWER_MISMATCH:
		return ANCHOR_C_REFUSED_MISMATCH;
	case SDP_WRONG_STATE:
		return ANCHOR_C_REFUSED_STATE;
	default:
		return ANCHOR_C_REFUSED_MALFORMED;
	}
}

static int refuse(struct anchor *a, unsigned counter)
{
	anchor_count(a->all, counter);
	return counter == ANCHOR_C_REFUSED_MEMORY ? -ENOMEM : ERR_DENIED;
}

static int refuse_for(struct anchor *a, enum sdp_refusal r)
{
	return refuse(a, counter_of(r));
}

static enum sdp_refusal decode(struct bytes text, struct sdp *out)
{
	return text.len > ANCHOR_SDP_MAX ? SDP_TOO_LONG : sdp_decode(text.data, text.len, out);
}

static int written(struct anchor *a, const struct sdp_writer *w, struct bytes *sdp)
{
	size_t len;

	if (sdp_write_end(w, &len) != 0)
		return refuse(a, ANCHOR_C_REFUSED_SIZE);
	*sdp = bytes_of(a->all->written, len);
	return 0;
}

static void begin_writing(struct anchor *a, struct sdp_writer *w)
{
	sdp_write_begin(w, a->all->written, sizeof(a->all->written));
}

/* ---- offers ---- */

static void drop_offer(struct anchor *a)
{
	struct sdp_session *theirs = anchor_session_of(a, a->from, a->fork);
	struct sdp_session *ours = anchor_session_of(a, anchor_other(a->from), a->fork);

	if (theirs)
		sdp_exchange_cancel(theirs);
	if (ours)
		sdp_exchange_cancel(ours);
	anchor_passed_forget(&a->offered);
	a->is_asked = false;
}

int anchor_offer_write(struct anchor *a, struct bytes *sdp)
{
	const struct sdp_session *from = anchor_session_of(a, a->from, a->fork);
	struct sdp_session *to = anchor_session_of(a, anchor_other(a->from), a->fork);
	struct sdp_passing passing = anchor_passing(a, a->offered);
	struct sdp_writer w;
	enum sdp_refusal r;
	int rc;

	if (!a->is_asked)
		return refuse(a, ANCHOR_C_REFUSED_STATE);
	if (!from || !to) {
		drop_offer(a);
		return refuse(a, ANCHOR_C_REFUSED_MEMORY);
	}
	sdp_exchange_cancel(to); /* an offer that this one replaces */
	to->direction = a->is_ours ? SDP_SENDRECV
				   : sdp_direction_reverse(sdp_session_asked(from)->direction);
	begin_writing(a, &w);
	r = sdp_offer_write(to, &w, &passing);
	rc = r == SDP_OK ? written(a, &w, sdp) : refuse_for(a, r);
	if (rc != 0)
		drop_offer(a);
	return rc;
}

static enum sdp_refusal read_offer(struct anchor *a, struct sdp_session *s, struct bytes text)
{
	struct sdp remote;
	enum sdp_refusal r = decode(text, &remote);

	sdp_exchange_cancel(s); /* the same one again, or for another callee */
	if (r == SDP_OK)
		r = sdp_offer_take(s, &remote);
	if (r == SDP_OK && !anchor_may_send_to(a->all, &s->config.rtp, sdp_session_asked(s))) {
		sdp_exchange_cancel(s);
		r = SDP_NO_ADDRESS;
	}
	if (r == SDP_OK)
		anchor_passed_take(a->all, &a->offered, &remote, sdp_session_asked(s)->slot);
	return r;
}

static int make_offer(struct anchor *a, const struct anchor_message *m, struct bytes *sdp)
{
	int rc;

	a->is_within = a->current != NULL;
	a->exchange = m->exchange;
	a->from = m->from;
	a->fork = m->fork;
	a->is_asked = true;
	a->is_ours = m->is_ours;
	rc = anchor_room(a, m->ticket);
	if (rc != 0 && rc != ANCHOR_LATER)
		drop_offer(a);
	return rc ? rc : anchor_offer_write(a, sdp);
}

static int offer_ourselves(struct anchor *a, const struct anchor_message *m, struct bytes *sdp)
{
	if (a->is_asked)
		return refuse(a, ANCHOR_C_REFUSED_STATE);
	anchor_passed_forget(&a->offered);
	return make_offer(a, m, sdp);
}

static int take_offer(struct anchor *a, const struct anchor_message *m, struct bytes *sdp)
{
	struct sdp_session *s = anchor_session_of(a, m->from, m->fork);
	enum sdp_refusal r;

	if (!s)
		return refuse(a, ANCHOR_C_REFUSED_MEMORY);
	if (a->is_asked && a->exchange != m->exchange)
		return refuse(a, ANCHOR_C_REFUSED_STATE);
	r = read_offer(a, s, m->sdp);
	if (r != SDP_OK) {
		a->is_asked = false;
		return refuse_for(a, r);
	}
	anchor_count(a->all, ANCHOR_C_OFFERS);
	return make_offer(a, m, sdp);
}

void anchor_off(struct anchor *a, uint64_t exchange)
{
	if (a->is_asked && a->exchange == exchange)
		drop_offer(a);
}

/* ---- answers ---- */

/* S is as it was on a refusal. */
static enum sdp_refusal read_answer(
	struct anchor *a, struct sdp_session *s, const struct anchor_message *m)
{
	struct sdp_session before = *s;
	struct sdp remote;
	enum sdp_refusal r = decode(m->sdp, &remote);

	if (r == SDP_OK)
		r = m->is_again ? sdp_answer_again(s, &remote)
				: sdp_answer_take(s, &remote, m->is_final);
	if (r == SDP_OK && !anchor_may_send_to(a->all, &s->config.rtp, &s->agreed))
		r = SDP_NO_ADDRESS;
	if (r != SDP_OK)
		*s = before;
	else if (!m->is_again)
		anchor_passed_take(
			a->all, anchor_answered_of(a, m->from, m->fork), &remote, s->agreed.slot);
	sdp_session_fini(&before);
	return r;
}

/* A final response may have no answer, or one that counts for nothing, because a provisional one
 * had it. */
static enum sdp_refusal read_last(struct sdp_session *s)
{
	sdp_answer_confirm(s);
	return s->has_agreed && s->state == SDP_STABLE ? SDP_OK : SDP_WRONG_STATE;
}

static int make_answer(struct anchor *a, const struct sdp_session *from,
	const struct anchor_passed *passed, struct bytes *sdp)
{
	struct sdp_passing passing = anchor_passing(a, passed);
	struct sdp_session *to = anchor_session_of(a, a->from, a->fork);
	struct sdp_writer w;
	enum sdp_refusal r;

	if (!to)
		return refuse(a, ANCHOR_C_REFUSED_MEMORY);
	to->direction = sdp_direction_reverse(from->agreed.direction);
	begin_writing(a, &w);
	r = sdp_answer_write(to, &w, &passing);
	return r == SDP_OK ? written(a, &w, sdp) : refuse_for(a, r);
}

static int agree(struct anchor *a, const struct anchor_message *m)
{
	int rc;

	a->current = anchor_fork(a, m->from == ANCHOR_CALLEE ? m->fork : a->fork);
	rc = anchor_push(a, ANCHOR_CALLER);
	if (rc == 0)
		rc = anchor_push(a, ANCHOR_CALLEE);
	if (rc != 0)
		return refuse(a, ANCHOR_C_REFUSED_MEMORY);
	if (m->is_final) {
		a->is_asked = false;
		anchor_passed_forget(&a->offered);
	}
	if (m->is_accepted)
		anchor_forks_free(a, a->current);
	return 0;
}

static int take_answer(struct anchor *a, const struct anchor_message *m, struct bytes *sdp)
{
	struct sdp_session *s = anchor_session_of(a, m->from, m->fork);
	enum sdp_refusal r;
	int rc;

	/* It could be taken back with the offer: what is agreed within a call waits for the end. */
	if (a->is_within && !m->is_final)
		return ERR_DENIED;
	if (!s)
		return refuse(a, ANCHOR_C_REFUSED_MEMORY);
	if (m->sdp.len > 0 && s->state == SDP_OFFERED)
		r = read_answer(a, s, m);
	else
		r = read_last(s);
	if (r != SDP_OK)
		return refuse_for(a, r);
	anchor_count(a->all, ANCHOR_C_ANSWERS);
	a->legs[m->from].is_taken_over = false;
	if (a->is_ours)
		return agree(a, m);
	a->legs[a->from].is_taken_over = false;
	/* Who has heard it already does not listen (RFC 3261 §13.2.1); he may not have heard it
	 * reliably, whatever the other side has. */
	rc = make_answer(a, s, *anchor_answered_of(a, m->from, m->fork), sdp);
	return rc ? rc : agree(a, m);
}

/* One who has agreed reliably before he answers, and on something else since, or by an offer of his
 * own: what his 200 repeats does not count, but he has the call. */
static bool is_chosen(const struct anchor *a, const struct anchor_message *m)
{
	const struct fork *f = anchor_fork(a, m->fork);

	bool is_over = m->exchange != a->exchange || (m->from == a->from && !a->is_asked);

	return m->is_accepted && m->exchange == a->invite && is_over && f && f->sdp.has_agreed;
}

static int choose(struct anchor *a, const struct anchor_message *m)
{
	if (a->is_asked && a->fork != m->fork)
		drop_offer(a);
	a->current = anchor_fork(a, m->fork);
	anchor_forks_free(a, a->current);
	if (anchor_push(a, ANCHOR_CALLER) != 0 || anchor_push(a, ANCHOR_CALLEE) != 0)
		return refuse(a, ANCHOR_C_REFUSED_MEMORY);
	return 0;
}

/* The side that is told again. NULL: it is not one that has the call. */
static struct sdp_session *established(struct anchor *a, enum anchor_side side, uint64_t fork)
{
	if (side == ANCHOR_CALLER)
		return &a->legs[side].sdp;
	return a->current && a->current->number == fork ? &a->current->sdp : NULL;
}

static int offer_again(struct anchor *a, const struct anchor_message *m, struct bytes *sdp)
{
	struct sdp_session *s = established(a, anchor_other(m->from), m->fork);
	enum sdp_refusal r = SDP_WRONG_STATE;
	struct sdp_writer w;

	begin_writing(a, &w);
	if (s && !a->is_asked)
		r = sdp_offer_again(s, &w, m->sdp);
	return r == SDP_OK ? written(a, &w, sdp) : refuse_for(a, r);
}

static int take_again(struct anchor *a, const struct anchor_message *m)
{
	struct sdp_session *s = established(a, m->from, m->fork);
	enum sdp_refusal r = SDP_WRONG_STATE;

	if (s && !a->is_asked)
		r = read_answer(a, s, m);
	if (r != SDP_OK)
		return refuse_for(a, r);
	anchor_count(a->all, ANCHOR_C_ANSWERS);
	return anchor_push(a, m->from) == 0 ? 0 : refuse(a, ANCHOR_C_REFUSED_MEMORY);
}

int anchor_take(struct anchor *a, const struct anchor_message *m, struct bytes *sdp)
{
	bool is_answer = m->from != a->from && m->exchange == a->exchange;

	if (m->callee) {
		if (anchor_begin(a, m->callee) != 0)
			return refuse(a, ANCHOR_C_REFUSED_MEMORY);
		a->invite = m->exchange;
		is_answer = false;
	}
	a->is_up = a->is_up || m->is_accepted;
	*sdp = bytes_of("", 0);
	if (m->goes_on)
		anchor_take_over(a, anchor_other(m->from), m->goes_on, m->whose);
	if (m->is_ours)
		return offer_ourselves(a, m, sdp);
	if (m->says_again)
		return offer_again(a, m, sdp);
	if (m->is_again)
		return take_again(a, m);
	if (is_chosen(a, m))
		return choose(a, m);
	if (m->sdp.len == 0 && !is_answer)
		return 0;
	return is_answer ? take_answer(a, m, sdp) : take_offer(a, m, sdp);
}

int anchor_begin(struct anchor *a, const struct anchor_terms *callee)
{
	if (a->is_asked)
		drop_offer(a);
	a->exchange = 0;
	a->is_up = false;
	a->n_tickets = 0;
	anchor_forks_free(a, NULL);
	return anchor_leg_begin(a, ANCHOR_CALLEE, callee);
}
