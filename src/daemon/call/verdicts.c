/* SPDX-License-Identifier: BSD-3-Clause */
/* What has come of an attempt to call by a trunk: for the call, and for the calls behind it. */
#include "thread.h"

/* A gateway may ask for as long as it likes; nobody is left out for longer than that. */
#define AVOID_MAX_S 3600

static const char *const kinds[] = {
	[CALL_FAILED_RESPONSE] = "response",
	[CALL_FAILED_NO_PROGRESS] = "no_progress",
	[CALL_FAILED_UNREACHABLE] = "unreachable",
	[CALL_FAILED_SILENT] = "silent",
};

int call_verdicts_q850(const struct sip_msg *m)
{
	int cause = -1;

	for (const struct sip_header *h = sip_header_first(m, SIP_HEADER_REASON); h && cause < 0;
		h = sip_header_next(m, h))
		cause = policy_q850(sip_str_bytes(h->value));
	return cause;
}

static struct policy_failure read_failure(const struct call_failure *f)
{
	struct policy_failure out = {.kind = POLICY_UNREACHABLE, .q850 = -1};
	struct sip_retry_after again;

	if (f->kind == CALL_FAILED_NO_PROGRESS)
		out.kind = POLICY_NO_PROGRESS;
	if (f->kind != CALL_FAILED_RESPONSE)
		return out;
	out.kind = POLICY_RESPONSE;
	out.code = f->response->status;
	out.q850 = call_verdicts_q850(f->response);
	if (sip_retry_after_decode(sip_header_value(f->response, SIP_HEADER_RETRY_AFTER), &again) ==
		0)
		out.retry_after_s = again.delay_s < AVOID_MAX_S ? again.delay_s : AVOID_MAX_S;
	return out;
}

/* The front end is judged as RFC 3261 §16.7 does. */
static void judge(
	const struct way *way, const struct policy_failure *what, struct policy_verdict *out)
{
	static const uint16_t codes[] = {408, 503, 504};
	const struct policy_failover front = {.codes = codes, .n_codes = ARRAY_LEN(codes)};

	policy_failure_judge(way->to.trunk ? &way->to.trunk->failover : &front, what, out);
}

void call_verdicts_judge(void *arg, void *own, unsigned attempt, const struct call_failure *f,
	struct call_verdict *v)
{
	struct call_thread *t = arg;
	const struct ways *w = own;
	const struct way *way = &w->at[attempt];
	const struct policy_failure what = read_failure(f);
	struct policy_verdict p;
	uint32_t held;

	call_record_cause(w->record, what.q850);
	judge(way, &what, &p);
	if (p.is_miss)
		trunks_missed(t->running, way->peer, &way->remote, p.avoid_s);
	else
		trunks_answered(t->running, way->peer, &way->remote);
	v->tries_next = p.tries_next;
	v->status = p.code;
	if (log_limit_ok(&t->log_failed, loop_clock(t->loop)->mono_ms, CALL_LINES_PER_S, &held))
		log_info(LOG_CALL, "attempt failed",
			"trunk=%s why=%s status=%u counts_as=%u next=%s avoid_s=%u held=%u",
			way->to.trunk ? way->to.trunk->options->name : "front", kinds[f->kind],
			what.code, p.code, p.tries_next && attempt + 1 < w->n ? "yes" : "no",
			p.avoid_s, held);
}

void call_verdicts_reached(void *arg, void *own, unsigned attempt)
{
	struct call_thread *t = arg;
	const struct ways *w = own;

	trunks_answered(t->running, w->at[attempt].peer, &w->at[attempt].remote);
}

enum policy_trunk_state call_verdicts_state(void *arg, const struct dial_trunk *k)
{
	const struct call_thread *t = arg;

	return trunks_state(t->running, call_trunk_number(t, k->options));
}
