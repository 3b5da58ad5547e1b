/* SPDX-License-Identifier: BSD-3-Clause */
/* Two dialogs that belong together, and the requests that we send within one. */
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
	sip_dialog_fini(&p->ends[CALL_CALLER].dialog);
	sip_dialog_fini(&p->ends[CALL_CALLEE].dialog);
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
static int make_caller(struct call *c, struct sip_dialog *d)
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
	return sip_dialog_of_request(d, &invite, tag);
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
	caller->hop = *server_transaction_hop(c->incoming->server);
	err = make_caller(c, &caller->dialog);
	if (err == 0)
		err = sip_dialogs_add(&l->dialogs, &caller->dialog);
	return err ? err : sip_dialogs_add(&l->dialogs, &callee->dialog);
}

struct pair *pair_of(
	struct call *c, struct exchange *attempt, const struct sip_msg *response, bool may_make)
{
	struct pair *p = find(c, attempt, response->to_tag);
	bool is_late = !invite_waits_for(c, attempt);

	if (p || (is_late ? c->n_late >= LATE_MAX : !may_make))
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->call = c;
	p->attempt = attempt->ack_number;
	p->ack_number = ++c->calls->n_tokens;
	list_init(&p->link);
	for (int side = 0; side < 2; side++) {
		p->ends[side].pair = p;
		p->ends[side].side = side;
	}
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

/* ---- requests ---- */

static void find_way(struct end *e)
{
	const struct call_user *u = &e->pair->call->calls->config.user;

	if (u->next_hop)
		u->next_hop(u->arg, sip_dialog_next_hop(&e->dialog), &e->hop);
}

/* R's fields are in front of those of the dialog, which end up behind them in L's buffer. */
static int complete(
	struct end *e, struct transaction_request *r, uint32_t cseq, char *buf, size_t cap)
{
	struct sip_writer w;

	sip_write_begin(&w, buf, cap);
	sip_dialog_write(&e->dialog, &w, r->method, cseq);
	if (r->fields.len > w.cap - w.len)
		w.failed = true;
	if (w.failed)
		return ERR_TOO_LARGE;
	if (r->fields.len)
		memcpy(w.buf + w.len, r->fields.at, r->fields.len);
	r->fields = sip_str_of(w.buf, w.len + r->fields.len);
	r->uri = sip_dialog_uri(&e->dialog);
	return 0;
}

int end_request(struct end *e, struct transaction_request *r, const struct client_events *events,
	void *arg, struct client_transaction **out, uint32_t *cseq)
{
	struct transactions *t = e->pair->call->calls->transactions;
	struct client_transaction *c;
	char buf[SIP_HEAD_MAX];
	int err = complete(e, r, ++e->dialog.local_cseq, buf, sizeof(buf));

	if (err)
		return err;
	find_way(e);
	err = client_transaction_start(t, r, &e->hop, events, arg, out ? out : &c);
	if (err == 0 && cseq)
		*cseq = e->dialog.local_cseq;
	return err;
}

/* Nobody waits for its answer: whatever that is, the dialog is over. */
void end_bye(struct end *e)
{
	struct transaction_request r = {.method = SIP_BYE};

	e->wants_bye = false;
	if (e->dialog.text)
		(void)end_request(e, &r, NULL, NULL, NULL, NULL);
}

/* R has its body. NUMBER: one for each 2xx that is acknowledged. */
static int send_ack(struct end *e, struct transaction_request *r, uint32_t cseq, uint64_t number)
{
	struct transactions *t = e->pair->call->calls->transactions;
	char buf[SIP_HEAD_MAX];
	int err = complete(e, r, cseq, buf, sizeof(buf));

	if (err)
		return err;
	find_way(e);
	return transactions_send_ack(t, r, &e->hop, number);
}

/* A lost ACK is asked for again by the next copy of the 2xx. */
void exchange_send_ack(struct exchange *x)
{
	struct pair *p = x->pair;
	struct transaction_request r = {.method = SIP_ACK};

	if (!p)
		return;
	if (x->ack_body) {
		r.content_type = sip_str_of(x->ack_body, x->ack_type_len);
		r.content = sip_str_of(x->ack_body + x->ack_type_len, x->ack_len);
	}
	x->owes_ack = false;
	(void)send_ack(end_across(p, x->from), &r, x->client_cseq, x->ack_number);
}

void pair_give_up(struct pair *p, struct exchange *attempt)
{
	struct end *callee = &p->ends[CALL_CALLEE];
	struct transaction_request ack = {.method = SIP_ACK};

	(void)send_ack(callee, &ack, attempt->client_cseq, p->ack_number);
	if (p->is_given_up)
		return;
	p->is_given_up = true;
	count(p->call->calls, CALL_C_FORKS_ENDED);
	end_bye(callee);
}
