/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which dialog a Replaces names (RFC 3891), and INVITE with one: whoever has sent it takes the
 * place of the side that it names, in a new call with the other side of that.
 */
#include "call_priv.h"

/* A party may name its own dialogs with us alone. Others it does not learn of (§3). */
static unsigned judge(const struct end *e, const struct transaction_hop *by, bool is_early_only)
{
	const struct call *c = e->pair->call;
	const struct end *other = end_across((struct pair *)e->pair, e->side);

	if (e->hop.place != by->place)
		return 481;
	if (c->is_over)
		return 603;
	if (c->pair != e->pair) /* a call that rings is not picked up */
		return e->side == CALL_CALLEE ? 501 : 481;
	if (is_early_only)
		return 486;
	if (e->join || other->join || join_is_awaited(c) || relay_open_invite(c) ||
		c->refer.state == REFER_ACTED)
		return 491;
	return 0;
}

unsigned replaces_find(
	struct calls *l, struct sip_str value, const struct transaction_hop *by, struct end **out)
{
	struct sip_replaces r;
	struct sip_dialog *d;
	unsigned status = 481;

	*out = NULL;
	if (sip_replaces_decode(value, &r) != 0)
		return 400;
	d = sip_dialogs_find_replaced(&l->dialogs, &r);
	if (d)
		status = judge(CONTAINER_OF(d, struct end, dialog), by, r.is_early_only);
	if (status == 0)
		*out = CONTAINER_OF(d, struct end, dialog);
	return status;
}

struct call *replaces_find_ringing(
	struct calls *l, struct sip_str value, const struct transaction_hop *by)
{
	struct sip_replaces r;
	struct sip_dialog *d = sip_replaces_decode(value, &r) == 0
				       ? sip_dialogs_find_replaced(&l->dialogs, &r)
				       : NULL;
	const struct end *e = d ? CONTAINER_OF(d, struct end, dialog) : NULL;
	struct call *c = e ? e->pair->call : NULL;

	if (!c || e->side != CALL_CALLER || e->hop.place != by->place || c->is_over || c->pair ||
		join_is_awaited(c))
		return NULL;
	return c;
}

static unsigned find(struct calls *l, const struct sip_msg *m, const struct transaction_hop *by,
	struct end **out)
{
	const struct sip_header *h = sip_header_first(m, SIP_HEADER_REPLACES);
	struct sip_dialog d;

	if (sip_header_next(m, h) || sip_header_first(m, SIP_HEADER_JOIN))
		return 400;
	/* His dialog is there with his answer: too late to see that he cannot have one. */
	if (sip_dialog_of_request(&d, m, sip_str_c("t")) != 0)
		return 400;
	sip_dialog_fini(&d);
	return replaces_find(l, h->value, by, out);
}

void replaces_open(struct calls *l, struct server_transaction *s, const struct sip_msg *m)
{
	const struct transaction_hop *by = server_transaction_hop(s);
	const struct call_user *u = &l->config.user;
	struct end *old = NULL;
	struct call *c;
	unsigned status = find(l, m, by, &old);

	if (status) {
		refuse(l, s, status, CALL_C_REFUSED_REPLACES);
		return;
	}
	c = invite_call(l, s, m, by, by);
	if (!c) {
		refuse(l, s, 503, CALL_C_REFUSED_MEMORY);
		return;
	}
	join_want(c, CALL_CALLEE, end_across(old->pair, old->side));
	if (u->transfer)
		u->transfer(u->arg, &c->own, old->pair->call, m, &c->from);
	status = join_ask_callee(c, m);
	if (status)
		invite_fail(c, status, NULL);
}
