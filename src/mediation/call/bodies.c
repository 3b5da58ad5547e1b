/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies on their way from one side to the other, and messages that wait for theirs. Those of an
 * exchange go on in the order in which they came.
 */
#include <errno.h>
#include <stdlib.h>

#include "call_priv.h"

#define WAITING_MAX 16384 /* bytes of an exchange's messages; what comes then may be larger */

/* ---- keeping ---- */

int body_keep(struct call *c, struct kept_body *b, struct sip_str type, struct sip_str content)
{
	char *at = kept_alloc(c, (size_t)type.len + content.len + 1);

	if (!at)
		return -ENOMEM;
	if (type.len)
		memcpy(at, type.at, type.len);
	if (content.len)
		memcpy(at + type.len, content.at, content.len);
	kept_free(c, b->at);
	*b = (struct kept_body){at, type.len, content.len};
	return 0;
}

struct sip_str body_type(const struct kept_body *b)
{
	return b->type_len ? sip_str_of(b->at, b->type_len) : SIP_NONE;
}

struct sip_str body_content(const struct kept_body *b)
{
	return b->content_len ? sip_str_of(b->at + b->type_len, b->content_len) : SIP_NONE;
}

/* ---- asking ---- */

bool body_describes(const struct exchange *x)
{
	return x->method == SIP_INVITE || x->method == SIP_UPDATE || x->method == SIP_PRACK;
}

/* The half that went out names both: it is there once for each offer. */
uint64_t body_number(const struct exchange *x)
{
	const struct call *c = x->call;

	if (x->answers != 0)
		return x->answers;
	if (x == c->incoming)
		x = x->peer ? x->peer : c->attempt;
	return x ? x->ack_number : 0;
}

static uint64_t fork_of(const struct exchange *x, const struct pair *p)
{
	if (!p)
		p = x->pair;
	return p ? p->ack_number : 0;
}

/* Where nothing is said a call begins, or a callee is chosen. */
static bool tells_without(const struct call_body *b)
{
	unsigned status = b->msg->status;

	return b->route || b->is_ours ||
	       (b->msg->method == SIP_INVITE && status >= 200 && status < 300);
}

int body_ask(struct exchange *x, enum call_side from, const struct pair *p,
	const struct call_route *route, struct call_body *b)
{
	struct call *c = x->call;
	const struct call_user *u = &c->calls->config.user;

	b->call = c;
	b->from = from;
	b->exchange = body_number(x);
	b->fork = fork_of(x, p);
	b->route = route;
	b->caller = route ? &c->from : NULL;
	b->rights = route ? &c->rights : NULL;
	b->ticket = ++c->calls->n_tokens;
	if (!b->is_again || !b->msg->is_request) {
		b->type = sip_header_value(b->msg, SIP_HEADER_CONTENT_TYPE);
		b->content = b->msg->body;
	}
	if (!u->body || (b->content.len == 0 && !tells_without(b)))
		return 0;
	return u->body(u->arg, b);
}

void body_again(struct exchange *x, const struct sip_msg *m)
{
	struct call_body b = {.msg = m, .is_again = true};

	if (m->body.len > 0 && !x->call->is_over)
		(void)body_ask(
			x, x->from == CALL_CALLER ? CALL_CALLEE : CALL_CALLER, NULL, NULL, &b);
}

void body_is_off(struct exchange *x)
{
	struct call *c = x->call;
	const struct call_user *u = &c->calls->config.user;

	if (u->off && !c->is_over)
		u->off(u->arg, c, body_number(x));
}

/* ---- waiting ---- */

static void copy(char **at, struct sip_str from, struct sip_str *out)
{
	*out = from.len ? sip_str_of(*at, from.len) : SIP_NONE;
	if (from.len)
		memcpy(*at, from.at, from.len);
	*at += from.len;
}

static int keep_answer(
	struct call *c, struct waiting *w, int rc, struct sip_str type, struct sip_str content)
{
	char *at = kept_alloc(c, (size_t)type.len + content.len + 1);

	if (!at)
		return -ENOMEM;
	w->answer = at;
	copy(&at, type, &w->type);
	copy(&at, content, &w->content);
	w->rc = rc;
	w->is_ready = true;
	return 0;
}

int body_wait(struct exchange *x, const struct call_body *b, int rc, const struct waiting *how)
{
	struct waiting *w = kept_alloc(x->call, sizeof(*w) + b->msg->bytes.len);

	if (!w)
		return -ENOMEM;
	*w = *how;
	w->ticket = b->ticket;
	w->len = b->msg->bytes.len;
	memcpy(w->bytes, b->msg->bytes.at, w->len);
	if (rc != CALL_BODY_LATER && keep_answer(x->call, w, rc, b->type, b->content) != 0) {
		kept_free(x->call, w);
		return -ENOMEM;
	}
	list_append(&x->waiting, &w->link);
	return 0;
}

bool body_is_full(const struct exchange *x)
{
	size_t n = 0;

	list_for_each (it, &x->waiting)
		n += sizeof(struct waiting) + CONTAINER_OF(it, struct waiting, link)->len;
	return n >= WAITING_MAX;
}

bool body_is_awaited(const struct call *c)
{
	list_for_each (it, &c->exchanges) {
		if (!list_is_empty(&CONTAINER_OF(it, struct exchange, link)->waiting))
			return true;
	}
	return false;
}

static void forget(struct call *c, struct waiting *w)
{
	free(w->route);
	kept_free(c, w->answer);
	kept_free(c, w);
}

void body_forget(struct exchange *x)
{
	list_for_each_safe (it, &x->waiting) {
		list_remove(it);
		forget(x->call, CONTAINER_OF(it, struct waiting, link));
	}
}

static void go_on(struct exchange *x, struct waiting *w)
{
	struct call *c = x->call;
	struct sip_msg m;

	if (sip_msg_decode(w->bytes, w->len, SIP_DATAGRAM, &m) == SIP_FINE) {
		struct call_body b = {.msg = &m, .type = w->type, .content = w->content};
		w->go_on(x, w, &b);
	}
	forget(c, w);
}

/* The last one may take X with it; X is held as long as there are others. */
static void flush(struct exchange *x)
{
	bool is_last = false;

	while (!is_last && !list_is_empty(&x->waiting)) {
		struct waiting *w = CONTAINER_OF(x->waiting.next, struct waiting, link);
		if (!w->is_ready || reliable_waits(x, w->status, w->pair, w->content.len))
			break;
		list_remove(&w->link);
		is_last = list_is_empty(&x->waiting);
		go_on(x, w);
	}
}

void body_go_on(struct exchange *x)
{
	struct call *c = x->call;

	if (c->is_held)
		return; /* whoever holds it goes on */
	c->is_held = true;
	flush(x);
	c->is_held = false;
	call_settle(c);
}

static struct waiting *find(const struct exchange *x, uint64_t ticket)
{
	list_for_each (it, &x->waiting) {
		struct waiting *w = CONTAINER_OF(it, struct waiting, link);
		if (w->ticket == ticket)
			return w;
	}
	return NULL;
}

void call_body_ready(
	struct call *c, uint64_t ticket, int rc, struct sip_str type, struct sip_str content)
{
	list_for_each (it, &c->exchanges) {
		struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		struct waiting *w = find(x, ticket);
		if (!w || w->is_ready)
			continue;
		if (keep_answer(c, w, rc, type, content) != 0) {
			w->rc = -ENOMEM;
			w->is_ready = true;
		}
		body_go_on(x);
		return;
	}
}
