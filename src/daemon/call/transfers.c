/* SPDX-License-Identifier: BSD-3-Clause */
/* REFER: who acts on it, as the configuration has it, and the calls that come of it. */
#include <stdio.h>

#include "thread.h"

/* ---- who acts ---- */

static bool is_sent_to(const struct call_thread *t, uint32_t peer)
{
	const struct options_trunk_settings *s = call_trunk_settings(t, peer);

	return s && s->refer == OPTIONS_REFER_SEND;
}

/* Less one byte, so that the text ends. */
static int write_target(struct call_thread *t, uint32_t peer, const struct policy_number *number,
	struct call_referred *out)
{
	struct sip_writer w;

	sip_write_begin(&w, out->to, sizeof(out->to) - 1);
	trunks_write_uri(t->running, peer, &w, sip_str_of(number->text, number->len));
	return w.failed || w.len > CALL_TARGET_MAX ? ERR_TOO_LARGE : 0;
}

static void write_referrer(const struct call_thread *t, uint32_t peer,
	const struct policy_numbers *numbers, struct call_referred *out)
{
	char host[256] = "";
	struct sip_writer w;

	if (numbers->is_anonymous || numbers->calling.len == 0 ||
		call_ways_host(t, peer, host, sizeof(host)) != 0)
		return;
	sip_write_begin(&w, out->by, sizeof(out->by) - 1);
	sip_write_c(&w, "sip:");
	sip_write_user(&w, sip_str_of(numbers->calling.text, numbers->calling.len));
	sip_write_c(&w, "@");
	sip_write_c(&w, host);
	if (w.failed)
		out->by[0] = '\0';
}

/* The gateway gets it when a call to that target would go over its trunk anyway. */
unsigned call_transfers_refer(void *arg, const struct call_referral *r, struct call_referred *out)
{
	struct call_thread *t = arg;
	uint32_t peer = call_peer_of(r->other), by = call_peer_of(r->by);
	const struct options_trunk *other = call_trunk_options(t, peer);
	struct dial_answer a;

	if (!is_sent_to(t, peer) || !r->takes_refer || r->is_attended)
		return 0;
	call_ways_ask(t, by, r->target, r->referrer, &a);
	for (size_t i = 0; i < a.n; i++) {
		const struct dial_attempt *to = &a.attempts[i];
		if (to->trunk->options != other ||
			write_target(t, peer, &to->numbers.called, out) != 0)
			continue;
		write_referrer(t, peer, &to->numbers, out);
		return CALL_REFER_PASS;
	}
	return 0;
}

/* ---- calls ---- */

static void say(struct call_thread *t, const struct sip_msg *invite, const struct call *old)
{
	struct sip_str of = call_id(old);
	char id[LOG_NAME_LEN], of_id[LOG_NAME_LEN];
	uint32_t held;

	if (log_limit_ok(&t->log_transfers, loop_clock(t->loop)->mono_ms, CALL_LINES_PER_S, &held))
		log_info(LOG_CALL, "transfer", "id=%s of=%s held=%u",
			log_name(invite->call_id.at, invite->call_id.len, id),
			log_name(of.at, of.len, of_id), held);
}

/* Its caller counts on his trunk by the old call, until he is joined. */
void call_transfers_begin(void *arg, void **own, const struct call *old,
	const struct sip_msg *invite, const struct transaction_hop *from)
{
	struct call_thread *t = arg;
	struct ways *w = call_attempts_none();

	*own = w;
	if (!w)
		return;
	w->is_transfer = w->is_unasked = true;
	w->record = call_ways_record(t, invite, call_peer_of(from));
	call_record_transfers(w->record, call_id(old));
	say(t, invite, old);
}

void call_transfers_joined(void *arg, struct call *c, enum call_side side, struct call *old,
	enum call_side side_before)
{
	struct ways *w = call_own(c), *before = call_own(old);
	uint32_t *to, *from;

	(void)arg;
	if (!w || !before)
		return;
	to = side == CALL_CALLER ? &w->in : &w->out;
	from = side_before == CALL_CALLER ? &before->in : &before->out;
	*to = *from;
	*from = CALL_NOBODY;
	if (side == CALL_CALLEE)
		call_record_joined(w->record, before->record, side_before == CALL_CALLER);
}
