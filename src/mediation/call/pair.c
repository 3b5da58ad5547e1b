/* SPDX-License-Identifier: BSD-3-Clause */
/* Two dialogs that belong together. */
#include <errno.h>
#include <stdlib.h>

#include "call_priv.h"

void pair_unfile(struct pair *p)
{
	struct calls *l = p->call->calls;

	sip_dialogs_remove(&l->dialogs, &p->ends[CALL_CALLER].dialog);
	sip_dialogs_remove(&l->dialogs, &p->ends[CALL_CALLEE].dialog);
}

void pair_free(struct pair *p)
{
	pair_unfile(p);
	list_remove(&p->link);
	reliable_stop(p);
	for (int side = 0; side < 2; side++) {
		join_unlink(&p->ends[side]);
		refresh_fini(&p->ends[side]);
		sip_dialog_fini(&p->ends[side].dialog);
	}
	free(p);
}

/* Those of another attempt have another Call-ID, whatever their tag. */
static struct pair *find(struct call *c, const struct exchange *attempt, struct sip_str callee_tag)
{
	list_for_each (it, &c->pairs) {
		struct pair *p = CONTAINER_OF(it, struct pair, link);
		if (p->attempt == attempt->ack_number &&
			sip_str_equal(p->ends[CALL_CALLEE].dialog.remote_tag, callee_tag))
			return p;
	}
	return NULL;
}

/* The first pair has the tag that a 487 of ours would have, the others have their own. */
static int make_caller(struct call *c, struct end *e)
{
	char token[TOKEN_LEN];
	struct sip_str tag = sip_str_c(c->local_tag);
	struct sip_msg invite;

	if (!c->invite ||
		sip_msg_decode(c->invite, c->invite_len, SIP_DATAGRAM, &invite) != SIP_FINE)
		return ERR_NOT_FOUND;
	if (c->n_early > 0) {
		token_make(c->calls, token);
		tag = sip_str_c(token);
	}
	refresh_look(e, &invite);
	return sip_dialog_of_request(&e->dialog, &invite, tag);
}

static int fill(
	struct pair *p, struct exchange *attempt, const struct sip_msg *response, bool is_late)
{
	struct call *c = p->call;
	struct calls *l = c->calls;
	struct end *caller = &p->ends[CALL_CALLER], *callee = &p->ends[CALL_CALLEE];
	int err = sip_dialog_of_response(
		&callee->dialog, response, client_transaction_uri(attempt->client));

	callee->hop = *client_transaction_hop(attempt->client);
	if (err || is_late)
		return err;
	caller->hop = c->from;
	err = make_caller(c, caller);
	if (err == 0)
		err = sip_dialogs_add(&l->dialogs, &caller->dialog);
	return err ? err : sip_dialogs_add(&l->dialogs, &callee->dialog);
}

static struct pair *make(struct call *c, const struct exchange *attempt)
{
	struct pair *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->call = c;
	p->attempt = attempt->ack_number;
	p->ack_number = ++c->calls->n_tokens;
	list_init(&p->link);
	for (int side = 0; side < 2; side++) {
		p->ends[side].pair = p;
		p->ends[side].side = side;
		refresh_init(&p->ends[side]);
		reliable_init(&p->ends[side]);
	}
	return p;
}

struct pair *pair_for(struct call *c, struct exchange *attempt)
{
	struct pair *p = make(c, attempt);
	struct end *caller = p ? &p->ends[CALL_CALLER] : NULL;

	if (!p)
		return NULL;
	caller->hop = c->from;
	if (make_caller(c, caller) != 0 ||
		sip_dialogs_add(&c->calls->dialogs, &caller->dialog) != 0) {
		pair_free(p);
		return NULL;
	}
	list_append(&c->pairs, &p->link);
	c->n_early++;
	return p;
}

struct pair *pair_of(
	struct call *c, struct exchange *attempt, const struct sip_msg *response, bool may_make)
{
	struct pair *p = find(c, attempt, response->to_tag);
	bool is_late = !invite_waits_for(c, attempt);

	if (p || attempt->is_joining || (is_late ? c->n_late >= LATE_MAX : !may_make))
		return p; /* within a dialog there is no other one */
	p = make(c, attempt);
	if (!p)
		return NULL;
	if (fill(p, attempt, response, is_late) != 0) {
		pair_free(p);
		return NULL;
	}
	list_append(&c->pairs, &p->link);
	if (is_late)
		c->n_late++;
	else
		c->n_early++;
	return p;
}
