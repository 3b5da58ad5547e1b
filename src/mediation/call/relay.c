/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests within the dialogs of a call. */
#include <errno.h>
#include <stdlib.h>

#include "call_priv.h"

/* Of a call: those that only absorb repetitions, for half a minute, too. Sixteen digits a second by
 * INFO are fewer; and whatever happens in a call may look at all of them. */
#define EXCHANGES_MAX 512

/* ---- from one side to the other ---- */

static int send_with(struct exchange *x, const struct call_body *b)
{
	struct call *c = x->call;
	struct end *to = end_across(x->pair, x->from);
	struct transaction_request r = {
		.method = x->method, .content_type = b->type, .content = b->content};
	struct sip_writer w;

	fields_begin(c->calls, &w);
	if (x->method == SIP_INVITE || x->method == SIP_UPDATE)
		fields_contact(c->calls, &w, &to->hop);
	if (x->method == SIP_INVITE)
		fields_allow(c->calls, &w, &to->hop);
	fields_pass(&w, b->msg, c, x->from);
	if (w.failed)
		return ERR_TOO_LARGE;
	r.fields = fields_done(&w);
	return request_send(x, &r);
}

/* The INVITE that the PRACK X belongs to. */
static struct exchange *invite_of(const struct exchange *x)
{
	list_for_each (it, &x->call->exchanges) {
		struct exchange *y = CONTAINER_OF(it, struct exchange, link);
		if (y->method == SIP_INVITE && y->from == x->from && y->server && !y->is_replied)
			return y;
	}
	return NULL;
}

/* Who has offered in a provisional response and gets no answer has no session. An offer in PRACK is
 * refused, and the response acknowledged all the same. */
static void refuse_prack(struct exchange *x)
{
	struct exchange *invite = invite_of(x);

	if (x->answers == 0)
		reliable_prack_for(end_across(x->pair, x->from), x->acknowledges);
	else if (invite)
		reliable_give_up(invite, 488, CALL_END_FAILED);
}

static void refuse_for(struct exchange *x, int err)
{
	x->why = refusal_of_error(err);
	exchange_reply(x, err == ERR_DENIED ? 488 : 503, NULL, NULL);
	if (x->method == SIP_PRACK)
		refuse_prack(x);
}

static void go_on_sending(struct exchange *x, const struct waiting *w, const struct call_body *b)
{
	int err;

	if (x->is_replied)
		return; /* cancelled */
	err = w->rc ? ERR_DENIED : send_with(x, b);
	if (err)
		refuse_for(x, err);
}

static int send_on(struct exchange *x, const struct sip_msg *m)
{
	static const struct waiting how = {.go_on = go_on_sending};
	struct call_body b = {.msg = m};
	int err = body_ask(x, x->from, NULL, NULL, &b);

	if (err == CALL_BODY_LATER)
		return body_wait(x, &b, err, &how);
	return err ? ERR_DENIED : send_with(x, &b);
}

/* NULL: M has been refused. */
static struct exchange *admit(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	struct call *c = e->pair->call;
	struct exchange *x;

	if (c->n_exchanges >= EXCHANGES_MAX) {
		refuse(c->calls, s, 503, CALL_C_REFUSED_FULL);
		return NULL;
	}
	x = exchange_open(c, m->method, e->side);
	if (!x) {
		refuse(c->calls, s, 503, CALL_C_REFUSED_MEMORY);
		return NULL;
	}
	x->pair = e->pair;
	x->peer = x;
	x->server = s;
	x->server_cseq = m->cseq;
	x->asked = sip_session_read(m);
	if (m->method == SIP_INVITE)
		reliable_read(x, m);
	server_transaction_take(s, &exchange_server_events, x);
	exchange_await(x);
	return x;
}

static void go(struct exchange *x, const struct sip_msg *m)
{
	struct call *c = x->call;
	int err = send_on(x, m);

	if (err) {
		refuse_for(x, err);
		call_settle(c);
	}
}

static void relay(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	struct exchange *x = admit(e, s, m);

	if (x)
		go(x, m);
}

void relay_prack(struct end *e, struct server_transaction *s, const struct sip_msg *m,
	struct acknowledged what, uint64_t answers)
{
	struct exchange *x = admit(e, s, m);

	if (!x)
		return;
	x->acknowledges = what;
	x->answers = answers;
	go(x, m);
}

/* An INVITE of either side that is not done, its ACK included; one that was cancelled may not be
 * done on the other side. */
const struct exchange *relay_open_invite(const struct call *c)
{
	list_for_each (it, &c->exchanges) {
		const struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		bool is_waiting = x->server && (!x->is_replied || x->wants_ack);
		bool is_asking = x->pair && x->client && !x->is_answered;
		if (x->method == SIP_INVITE && (is_waiting || is_asking || x->owes_ack))
			return x;
	}
	return NULL;
}

bool relay_has_open_offer(const struct call *c)
{
	list_for_each (it, &c->exchanges) {
		const struct exchange *x = CONTAINER_OF(it, struct exchange, link);
		if (x->method == SIP_UPDATE && x->server && !x->is_replied)
			return true;
	}
	return relay_open_invite(c) != NULL;
}

/* RFC 3261 §14.2. */
static void on_invite(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	struct call *c = e->pair->call;
	const struct exchange *other = relay_open_invite(c);

	if (!other && c->pair == e->pair) {
		(void)sip_dialog_refresh(&e->dialog, m); /* the old target does as well */
		relay(e, s, m);
	} else {
		bool is_his = other && other->from == e->side && !other->is_ours;
		refuse(c->calls, s, is_his ? 500 : 491, CALL_C_GLARE);
	}
}

/* Another callee that rings, and may answer. */
static bool has_another(const struct call *c, const struct pair *but)
{
	list_for_each (it, &c->pairs) {
		const struct pair *p = CONTAINER_OF(it, struct pair, link);
		if (p != but && p->ends[CALL_CALLER].dialog.text && !p->is_dropped)
			return true;
	}
	return false;
}

/* RFC 3261 §15: a BYE ends the early dialog that it belongs to, and no other one. */
static void drop(struct pair *p, const struct end *by)
{
	reliable_stop(p);
	p->is_dropped = true;
	pair_unfile(p);
	if (by->side == CALL_CALLER)
		end_bye(&p->ends[CALL_CALLEE]);
	if (p->call->incoming)
		body_go_on(p->call->incoming);
}

static void on_bye(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	static const struct transaction_reply ok = {.status = 200};
	struct call *c = e->pair->call;
	enum call_end why = e->side == CALL_CALLER ? CALL_END_CALLER : CALL_END_CALLEE;

	if (server_transaction_reply(s, &ok) != 0)
		server_transaction_leave(s);
	if (!c->pair && has_another(c, e->pair)) {
		drop(e->pair, e);
		return;
	}
	if (join_outlives(e))
		return;
	if (!c->pair && e->side == CALL_CALLER)
		why = CALL_END_CANCELLED;
	call_parted(c, m);
	call_over(c, why, (int)e->side);
}

void options_reply(struct calls *l, struct server_transaction *s, unsigned status)
{
	struct transaction_reply r = {.status = status};
	struct sip_writer w;

	fields_begin(l, &w);
	fields_allow(l, &w, server_transaction_hop(s));
	sip_write_header_c(&w, SIP_HEADER_ACCEPT, "application/sdp");
	r.fields = fields_done(&w);
	if (server_transaction_reply(s, &r) != 0)
		server_transaction_leave(s);
}

/* RFC 3311 §5.1, §5.2: no offer before the one that is under way has its answer. */
static bool may_offer(const struct end *e)
{
	const struct pair *p = e->pair;
	const struct call *c = p->call;

	if (body_is_awaited(c))
		return false;
	return c->pair ? c->pair == p
		       : p->ends[CALL_CALLER].has_early_answer &&
				 p->ends[CALL_CALLEE].has_early_answer;
}

/* The other side has left, or is not there yet; or either is being asked to go on elsewhere. */
static bool is_for_nobody(const struct end *e, const struct sip_msg *m)
{
	bool is_offer = m->method == SIP_INVITE || (m->method == SIP_UPDATE && m->body.len > 0);
	const struct end *other = end_across(e->pair, e->side);
	const struct call *c = e->pair->call;

	if (is_offer && (join_holds(e) || join_holds(other)))
		return true;
	return (is_offer || m->method == SIP_INFO) && (other->is_gone || join_is_awaited(c));
}

static void take(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	struct call *c = e->pair->call;

	if (m->method == SIP_BYE) {
		on_bye(e, s, m);
	} else if (is_for_nobody(e, m)) {
		refuse(c->calls, s, 491, CALL_C_GLARE);
	} else if (m->method == SIP_PRACK) {
		reliable_acknowledged(e, s, m);
	} else if (m->method == SIP_INVITE) {
		on_invite(e, s, m);
	} else if (m->method == SIP_UPDATE && m->body.len == 0 && c->pair == e->pair) {
		(void)sip_dialog_refresh(&e->dialog, m);
		refresh_take(e, s, m);
	} else if (m->method == SIP_UPDATE && m->body.len > 0 && !may_offer(e)) {
		refuse(c->calls, s, 491, CALL_C_GLARE); /* RFC 3311 §5.2 */
	} else if (m->method == SIP_REFER) {
		refer_take(e, s, m);
	} else if (m->method == SIP_NOTIFY && c->peers[e->side].gets_refer) {
		refer_heard(e, s, m);
	} else if (m->method == SIP_UPDATE || m->method == SIP_INFO) {
		if (m->method == SIP_UPDATE)
			(void)sip_dialog_refresh(&e->dialog, m);
		relay(e, s, m);
	} else if (m->method == SIP_OPTIONS) {
		options_reply(c->calls, s, 200);
	} else {
		refuse(c->calls, s, 405, CALL_C_REFUSED_METHOD);
	}
}

void relay_open(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	struct call *c = e->pair->call;

	if (!sip_dialog_take(&e->dialog, m))
		refuse(c->calls, s, 500, CALL_C_REFUSED_NO_DIALOG);
	else if (c->is_over || e->is_gone)
		refuse(c->calls, s, 481, CALL_C_REFUSED_NO_DIALOG);
	else if (!invite_asks_for_extensions(c->calls, s, m) &&
		 !refresh_is_refused(c->calls, e, s, m))
		take(e, s, m);
}

/* ---- and back ---- */

static void on_accepted(struct exchange *x, const struct sip_msg *m)
{
	if (x->is_answered) {
		if (!x->owes_ack)
			exchange_send_ack(x);
		return;
	}
	x->is_answered = true;
	x->owes_ack = true;
	(void)sip_dialog_refresh(&end_across(x->pair, x->from)->dialog, m);
	if (x->is_replied && !x->is_ours) {
		exchange_reply(x, m->status, m, NULL); /* ACK */
		return;
	}
	refresh_accepted(x, m);
	if (x->is_joining) {
		join_response(x, m);
		return;
	}
	if (x->is_ours)
		body_again(x, m);
	exchange_reply(x, m->status, m, NULL);
}

/* RFC 3261 §12.2.1.2: the other side does not know the dialog any more. Callees who were not the
 * first need not. */
static void lose(struct exchange *x)
{
	if (x->pair->is_dropped || (x->call->pair && x->call->pair != x->pair))
		return;
	enum call_side gone = x->from == CALL_CALLER ? CALL_CALLEE : CALL_CALLER;

	call_over(x->call, CALL_END_LOST, (int)gone);
}

/* The dialog is over, or goes on, whatever is said of it. */
static bool is_told_nobody(const struct exchange *x)
{
	return x->method == SIP_BYE || (x->method == SIP_PRACK && x->is_ours);
}

void relay_response(struct exchange *x, const struct sip_msg *m)
{
	if (m->status < 200) {
		if (m->status > 100 && x->method == SIP_INVITE && !x->is_ours &&
			reliable_is_taken(x, x->pair, m))
			exchange_reply(x, m->status, m, NULL);
		return;
	}
	if (x->method == SIP_INVITE && m->status < 300) {
		on_accepted(x, m);
		return;
	}
	x->is_answered = true;
	if (is_told_nobody(x))
		return;
	if (x->is_joining) {
		join_response(x, m);
		return;
	}
	if (x->method == SIP_NOTIFY) {
		x->call->refer.is_silent |= m->status >= 300;
		return;
	}
	if (x->method == SIP_REFER)
		refer_passed(x->call, m);
	if (x->method == SIP_UPDATE && m->status < 300) {
		(void)sip_dialog_refresh(&end_across(x->pair, x->from)->dialog, m);
		refresh_accepted(x, m);
	} else {
		refresh_refused(x, m->status);
	}
	exchange_reply(x, status_pass(m->status), m, NULL);
	if ((m->status == 481 || m->status == 408) && x->method != SIP_PRACK)
		lose(x);
}

void relay_client_ended(struct exchange *x, enum transaction_end why)
{
	x->is_answered = true;
	if (is_told_nobody(x) || x->method == SIP_NOTIFY)
		return;
	if (x->is_joining) {
		join_response(x, NULL);
		return;
	}
	x->why = why == TRANSACTION_TIMEOUT ? CALL_C_REFUSED_SILENT : CALL_C_REFUSED_UNREACHABLE;
	exchange_reply(x, why == TRANSACTION_TIMEOUT ? 408 : 503, NULL, NULL);
	if (x->method != SIP_PRACK) /* its INVITE says what becomes of the call */
		lose(x);
}
