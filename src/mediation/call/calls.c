/* SPDX-License-Identifier: BSD-3-Clause */
/* All calls of a thread, and which of them a request is for. */
#include <stdio.h>
#include <stdlib.h>

#include "call_priv.h"

struct calls *calls_create(const struct calls_config *c)
{
	struct calls *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->config = *c;
	list_init(&l->calls);
	sip_dialogs_init(&l->dialogs, c->key);
	hash_table_init(&l->callers);
	share_table_init(&l->open, c->key);
	return l;
}

void calls_set_transactions(struct calls *l, struct transactions *t)
{
	l->transactions = t;
}

void calls_destroy(struct calls *l)
{
	if (!l)
		return;
	list_for_each_safe (it, &l->calls) {
		struct call *c = CONTAINER_OF(it, struct call, link);
		if (!c->is_over)
			metrics_sub(l->config.cells, CALL_C_OPEN, 1);
		call_free(c);
	}
	sip_dialogs_fini(&l->dialogs);
	hash_table_fini(&l->callers);
	share_table_fini(&l->open);
	free(l);
}

void token_make(struct calls *l, char out[TOKEN_LEN])
{
	uint64_t text[2] = {++l->n_tokens, 0};
	uint64_t first = hash_bytes(&l->config.key, text, sizeof(text));

	text[1] = 1;
	(void)snprintf(out, TOKEN_LEN, "%016jx%016jx", (uintmax_t)first,
		(uintmax_t)hash_bytes(&l->config.key, text, sizeof(text)));
}

void refuse(struct calls *l, struct server_transaction *s, unsigned status, unsigned counter)
{
	const struct call_user *u = &l->config.user;
	struct transaction_reply r = {.status = status};
	struct sip_writer w;

	count(l, counter);
	if (u->refused && call_refusal_name(counter))
		u->refused(u->arg, server_transaction_hop(s), status, counter);
	fields_begin(l, &w);
	if (status == 405)
		fields_allow(l, &w, server_transaction_hop(s));
	if (status == 503)
		sip_write_header_number(&w, SIP_HEADER_RETRY_AFTER, l->config.retry_after_s);
	if (status == 500)
		sip_write_header_number(&w, SIP_HEADER_RETRY_AFTER, 5); /* RFC 3261 §14.2 */
	refusal_write(&w, counter);
	r.fields = fields_done(&w);
	if (server_transaction_reply(s, &r) != 0)
		server_transaction_leave(s);
}

static struct end *find_end(const struct calls *l, const struct sip_msg *m)
{
	struct sip_dialog *d = m->to_tag.len ? sip_dialogs_find(&l->dialogs, m) : NULL;

	return d ? CONTAINER_OF(d, struct end, dialog) : NULL;
}

static void on_options(struct calls *l, struct server_transaction *s)
{
	const struct call_user *u = &l->config.user;

	options_reply(l, s, u->options ? u->options(u->arg, server_transaction_hop(s)) : 200);
}

static void on_request(void *arg, struct server_transaction *s, const struct sip_msg *m)
{
	struct calls *l = arg;
	struct end *e = find_end(l, m);

	if (e)
		relay_open(e, s, m);
	else if (m->to_tag.len || m->method == SIP_BYE)
		refuse(l, s, 481, CALL_C_REFUSED_NO_DIALOG);
	else if (m->method == SIP_INVITE)
		invite_open(l, s, m);
	else if (m->method == SIP_OPTIONS)
		on_options(l, s);
	else
		refuse(l, s, 405, CALL_C_REFUSED_METHOD);
}

static void on_ack(void *arg, const struct sip_msg *m, const struct transaction_hop *from)
{
	struct calls *l = arg;
	struct end *e = find_end(l, m);

	(void)from;
	if (!e) {
		count(l, CALL_C_STRAY_ACKS);
		return;
	}
	list_for_each (it, &e->pair->call->exchanges) {
		struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		if (x->wants_ack && x->pair == e->pair && x->from == e->side &&
			x->server_cseq == m->cseq) {
			exchange_ack_came(x, m);
			return;
		}
	}
}

struct transaction_user calls_transaction_user(struct calls *l)
{
	return (struct transaction_user){on_request, on_ack, l};
}

void call_meet(struct call *c, enum call_side side, const struct transaction_hop *hop)
{
	const struct call_user *u = &c->calls->config.user;

	memset(&c->peers[side], 0, sizeof(c->peers[side]));
	free(c->auth[side]);
	c->auth[side] = NULL;
	if (u->peer)
		u->peer(u->arg, hop, &c->peers[side]);
}

struct sip_str call_id(const struct call *c)
{
	return sip_str_of(c->caller, c->call_id_len);
}

struct sip_str call_callee_id(const struct call *c)
{
	return sip_str_c(c->callee_id);
}

void *call_own(const struct call *c)
{
	return c->own;
}

void *call_media(const struct call *c)
{
	return c->media;
}

void call_media_set(struct call *c, void *media)
{
	c->media = media;
}
