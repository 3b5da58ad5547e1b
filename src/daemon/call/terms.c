/* SPDX-License-Identifier: BSD-3-Clause */
/* What holds with a gateway in a call, whoever has called whom. */
#include "thread.h"

#define SESSION_S 1800 /* what RFC 4028 §4 recommends */

void call_terms(void *arg, const struct transaction_hop *hop, struct call_peer *out)
{
	const struct call_thread *t = arg;
	uint32_t i = call_peer_of(hop);

	out->is_trusted = out->may_refer = i == call_front(t); /* the inside */
	if (i >= t->n_trunks)
		return;
	const struct options_trunk *o = call_trunk_options(t, i);
	const struct options_trunk_settings *s = call_trunk_settings(t, i);
	out->is_trusted = o && o->connection != OPTIONS_INTERNET;
	out->account = call_gateways_account(t, i);
	out->may_refer = s && s->accept_refer;
	out->gets_refer = s && s->refer == OPTIONS_REFER_SEND;
	out->session_s = s && s->session_timer ? SESSION_S : 0;
}
