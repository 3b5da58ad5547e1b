/* SPDX-License-Identifier: BSD-3-Clause */
/* What an attempt that has failed means, as the user judges it or, without a word of his, we do. */
#include "call_priv.h"

static void judge(const struct call_failure *f, struct call_verdict *out)
{
	out->status = 408;
	if (f->kind == CALL_FAILED_RESPONSE)
		out->status = f->response->status;
	else if (f->kind == CALL_FAILED_UNREACHABLE)
		out->status = 503;
	out->tries_next = out->status == 408 || out->status == 503 || out->status == 504;
}

/* What concerns our own side of the dialog with the callee says nothing to the caller. */
struct call_verdict failure_judge(struct call *c, const struct call_failure *f)
{
	const struct call_user *u = &c->calls->config.user;
	struct call_verdict v;

	judge(f, &v);
	if (u->judge)
		u->judge(u->arg, c->own, c->n_attempts - 1, f, &v);
	v.status = status_pass(v.status);
	return v;
}

void attempt_reached(struct call *c)
{
	const struct call_user *u = &c->calls->config.user;

	if (u->reached && c->n_attempts > 0)
		u->reached(u->arg, c->own, c->n_attempts - 1);
}
