/* SPDX-License-Identifier: BSD-3-Clause */
/* Session timers (RFC 4028). The sides of a call have timers of their own: what one refreshes is
 * not passed on, unless it says something else too. */
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>

#include "call_priv.h"

#define AGAIN_MS 2000 /* after a refresh that was refused or could not be sent, at least */

static uint64_t now_ms(const struct call *c)
{
	return c->calls->config.clock->mono_ms;
}

static struct sip_session_timer *timer_of(struct exchange *x)
{
	return x->pair ? &end_across(x->pair, x->from)->session : &x->session;
}

/* ---- time ---- */

static void wait_ms(struct end *e, uint64_t ms)
{
	wheel_set(e->pair->call->calls->config.wheel, &e->refresh, now_ms(e->pair->call) + ms);
}

static void arm(struct end *e)
{
	struct call *c = e->pair->call;
	uint64_t due_ms;

	(void)sip_session_act(&e->session, now_ms(c), &due_ms);
	if (e->is_astray)
		return; /* something is to be done before that */
	if (due_ms == UINT64_MAX || c->is_over)
		wheel_cancel(c->calls->config.wheel, &e->refresh);
	else
		wheel_set(c->calls->config.wheel, &e->refresh, due_ms);
}

/* Not byte for byte if he has been told something else since, even in vain. */
static int say_again(struct exchange *x, const struct end *e, struct transaction_request *r)
{
	const struct sip_msg none = {.is_request = true, .method = SIP_INVITE};
	struct call_body b = {.msg = &none,
		.is_again = true,
		.type = body_type(&e->said),
		.content = body_content(&e->said)};
	int err = body_ask(x, x->from, x->pair, NULL, &b);

	r->content_type = b.type;
	r->content = b.content;
	return err;
}

/* By UPDATE, which says nothing of the session, or by what was said of it last (§7.4). */
static int send_refresh(struct end *e, bool is_update)
{
	struct call *c = e->pair->call;
	struct transaction_request r = {.method = is_update ? SIP_UPDATE : SIP_INVITE};
	struct exchange *x = request_of_ours(e, r.method);
	struct sip_writer w;
	int err;

	if (!x)
		return -ENOMEM;
	fields_begin(c->calls, &w);
	fields_contact(c->calls, &w, &e->hop);
	fields_allow(c->calls, &w, &e->hop);
	r.fields = fields_done(&w);
	err = is_update ? 0 : say_again(x, e, &r);
	exchange_await(x);
	if (err == 0)
		err = w.failed ? ERR_TOO_LARGE : request_send(x, &r);
	if (err)
		x->is_answered = true;
	else
		count(c->calls, CALL_C_REFRESHES);
	return err;
}

/* Sessions begin in early dialogs, too (RFC 3311); another callee may have the call since. */
static bool is_given_up(const struct end *e)
{
	const struct call *c = e->pair->call;

	return c->is_over || e->pair->is_dropped || (c->pair && c->pair != e->pair);
}

/* Nothing else may ever happen in the call that lets go of what was to be sent. */
static void wait_unsent(struct end *e)
{
	wait_ms(e, AGAIN_MS);
	call_settle(e->pair->call);
}

static void on_refresh(struct wheel_timer *t, void *arg)
{
	struct end *e = CONTAINER_OF(t, struct end, refresh);
	struct call *c = e->pair->call;
	uint64_t due_ms;
	enum sip_session_act act = sip_session_act(&e->session, now_ms(c), &due_ms);
	bool is_update = !e->is_astray && (e->takes_update || !e->said.at);

	(void)arg;
	if (is_given_up(e))
		return;
	if (act == SIP_SESSION_END) {
		call_over(c, CALL_END_EXPIRED, -1);
		return;
	}
	if (act == SIP_SESSION_WAIT && !e->is_astray)
		arm(e);
	else if (join_holds(e) || relay_has_open_offer(c))
		wait_ms(e, AGAIN_MS);
	else if (send_refresh(e, is_update) != 0)
		wait_unsent(e);
	else if (due_ms != UINT64_MAX)
		wheel_set(c->calls->config.wheel, &e->refresh, due_ms);
}

void refresh_say_again(struct end *e)
{
	e->is_astray = !is_given_up(e) && e->said.at;
	if (e->is_astray)
		wait_ms(e, 0);
}

void refresh_restore(struct exchange *x)
{
	refresh_say_again(end_across(x->pair, x->from));
}

void refresh_init(struct end *e)
{
	wheel_timer_init(&e->refresh, on_refresh);
	e->session.rules.interval_s = e->pair->call->peers[e->side].session_s;
}

void refresh_fini(struct end *e)
{
	wheel_cancel(e->pair->call->calls->config.wheel, &e->refresh);
	kept_free(e->pair->call, e->said.at);
}

/* ---- asked by the other side ---- */

bool refresh_is_refused(
	struct calls *l, struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	static const struct sip_session_timer none;
	const struct sip_session_timer *t = e ? &e->session : &none;
	struct transaction_reply r = {.status = 422, .reason = "Session Interval Too Small"};
	struct sip_writer w;

	if ((m->method != SIP_INVITE && m->method != SIP_UPDATE) || !sip_session_wants_422(t, m))
		return false;
	count(l, CALL_C_REFUSED_INTERVAL);
	fields_begin(l, &w);
	sip_session_write_min(t, &w);
	r.fields = fields_done(&w);
	if (server_transaction_reply(s, &r) != 0)
		server_transaction_leave(s);
	return true;
}

void refresh_write_reply(struct exchange *x, struct sip_writer *w)
{
	struct end *e = x->pair ? &x->pair->ends[x->from] : NULL;

	sip_write_options(w, SIP_HEADER_SUPPORTED, CALL_EXTENSIONS);
	if (!e)
		return;
	sip_session_answer(&e->session, &x->asked, now_ms(x->call), w);
	arm(e);
}

void refresh_take(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	struct call *c = e->pair->call;
	struct transaction_reply r = {.status = 200};
	const struct sip_session_asked asked = sip_session_read(m);
	struct sip_writer w;

	fields_begin(c->calls, &w);
	fields_contact(c->calls, &w, server_transaction_hop(s));
	sip_write_options(&w, SIP_HEADER_SUPPORTED, CALL_EXTENSIONS);
	sip_session_answer(&e->session, &asked, now_ms(c), &w);
	r.fields = fields_done(&w);
	arm(e);
	if (w.failed || server_transaction_reply(s, &r) != 0)
		server_transaction_leave(s);
}

static void look_at(struct end *e, uint64_t methods)
{
	e->takes_update = (methods & SIP_METHOD_BIT(SIP_UPDATE)) != 0;
	e->takes_refer = (methods & SIP_METHOD_BIT(SIP_REFER)) != 0;
}

void refresh_look(struct end *e, const struct sip_msg *m)
{
	struct sip_tokens methods;

	if (sip_methods_of(m, SIP_HEADER_ALLOW, &methods) == 0 && methods.is_present)
		look_at(e, methods.known);
}

/* ---- asked by us ---- */

void refresh_write_request(const struct exchange *x, struct sip_writer *w)
{
	const struct sip_session_timer *t =
		x->pair ? &end_across(x->pair, x->from)->session : &x->session;

	sip_session_write_request(t, w);
}

void refresh_accepted(struct exchange *x, const struct sip_msg *m)
{
	struct end *e = end_across(x->pair, x->from);

	refresh_look(e, m);
	if (x->method == SIP_INVITE)
		e->is_astray = false;
	if (x->is_ours)
		request_holds(x);
	sip_session_confirmed(&e->session, m, now_ms(x->call));
	arm(e);
}

bool refresh_may_ask_again(struct exchange *x, const struct sip_msg *m)
{
	return m->status == 422 && sip_session_too_small(timer_of(x), m);
}

/* RFC 3261 §14.1 after 491. Whatever else it was is not mended at once: half of the time that is
 * left is waited, so that all of them are few. */
static uint64_t wait_after(const struct end *e, unsigned status)
{
	uint64_t now = now_ms(e->pair->call), end_ms;
	uint32_t random;

	crypto_random(&random, sizeof(random));
	if (status == 491)
		return sip_glare_wait_ms(e->dialog.is_call_id_ours, random);
	(void)sip_session_act(&e->session, now, &end_ms);
	if (end_ms == UINT64_MAX || end_ms - now < 2 * AGAIN_MS)
		return AGAIN_MS;
	return (end_ms - now) / 2;
}

void refresh_refused(struct exchange *x, unsigned status)
{
	struct end *e = end_across(x->pair, x->from);
	bool is_unknown = x->method == SIP_UPDATE && (status == 405 || status == 501);

	if (!x->is_ours || x->call->is_over)
		return;
	if (is_unknown)
		e->takes_update = false; /* whatever it has said */
	if (x->method == SIP_INVITE && status != 491)
		e->is_astray = false; /* he will not have it back */
	if (e->is_astray || e->session.interval_s != 0)
		wait_ms(e, is_unknown ? AGAIN_MS : wait_after(e, status));
}
