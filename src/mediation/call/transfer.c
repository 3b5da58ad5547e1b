/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transfers by this node. The other side of whoever has sent REFER becomes the caller of a new
 * call, whose INVITE nobody has sent: it is written here and takes the way that all take. When the
 * callee has answered, join.c makes the other side go on in the new call, and the old one ends.
 * Until then that stays as it is, and goes on if nothing comes of this.
 */
#include <stdlib.h>

#include "call_priv.h"

/* ---- the INVITE ---- */

/* Who calls is the one who is transferred, as we know him. */
static void write_from(struct sip_writer *w, const struct end *caller, const char *tag)
{
	struct sip_name_addr a;

	if (sip_name_addr_decode(caller->dialog.remote, &a) != 0) {
		w->failed = true;
		return;
	}
	a.has_brackets = true;
	a.params = SIP_NONE;
	sip_write_open(w, SIP_HEADER_FROM);
	sip_write_name_addr(w, &a);
	sip_write_param(w, "tag", sip_str_c(tag));
	sip_write_close(w);
}

static void write_uri_header(struct sip_writer *w, enum sip_header_id id, struct sip_str uri)
{
	const struct sip_name_addr a = {.has_brackets = true, .uri = uri};

	sip_write_open(w, id);
	sip_write_name_addr(w, &a);
	sip_write_close(w);
}

static void write_invite(struct sip_writer *w, struct end *caller, const struct transfer_target *to,
	const struct sip_msg *refer)
{
	struct calls *l = caller->pair->call->calls;
	char id[TOKEN_LEN], tag[TOKEN_LEN], replaces[CALL_TARGET_MAX];
	size_t len = 0;

	token_make(l, id);
	token_make(l, tag);
	sip_write_request(w, sip_str_c("INVITE"), to->uri);
	sip_write_header_c(
		w, SIP_HEADER_VIA, "SIP/2.0/TCP refer.invalid;branch=" SIP_BRANCH_COOKIE "-");
	sip_write_header_number(w, SIP_HEADER_MAX_FORWARDS, 70);
	write_from(w, caller, tag);
	write_uri_header(w, SIP_HEADER_TO, to->uri);
	sip_write_header_c(w, SIP_HEADER_CALL_ID, id);
	sip_write_cseq(w, 1, sip_str_c("INVITE"));
	write_uri_header(w, SIP_HEADER_CONTACT, caller->dialog.target);
	sip_write_copy_all(w, refer, SIP_HEADER_REFERRED_BY);
	if (to->replaces.at && !to->instead && !to->rings) { /* the target's to find */
		if (sip_uri_unescape(to->replaces, replaces, sizeof(replaces), &len) != 0)
			w->failed = true;
		sip_write_header(w, SIP_HEADER_REPLACES, sip_str_of(replaces, len));
		sip_write_options(w, SIP_HEADER_REQUIRE, SIP_OPTION_BIT(SIP_OPTION_REPLACES));
	}
	sip_write_body(w, SIP_NONE, SIP_NONE);
}

/* ---- the call ---- */

static struct call *open_call(struct end *by, const struct sip_msg *invite)
{
	struct call *old = by->pair->call;
	struct end *other = end_across(by->pair, by->side);
	struct call *c = invite_call(old->calls, NULL, invite, &other->hop, &by->hop);

	if (!c)
		return NULL;
	c->referred_by = old;
	old->refer.call = c;
	join_want(c, CALL_CALLER, other);
	count(c->calls, CALL_C_TRANSFERS);
	return c;
}

/* An early dialog cannot be replaced at a target that rings (RFC 3891 §3): it is called anew, by
 * the one who is transferred (RFC 5589 §7.6). That it has not missed the other call, it is told. */
static void end_ringing(struct call *c)
{
	c->reason = "SIP;cause=200;text=\"Call completed elsewhere\"";
	call_over(c, CALL_END_TRANSFERRED, -1);
}

static unsigned place(
	struct end *by, const struct sip_msg *invite, const struct transfer_target *to)
{
	struct end *instead = to->instead;
	struct call *old = by->pair->call;
	const struct call_user *u = &old->calls->config.user;
	struct call *c = invite_has_room(old->calls, &by->hop) ? open_call(by, invite) : NULL;
	unsigned status;

	if (!c)
		return 503;
	if (u->transfer)
		u->transfer(u->arg, &c->own, old, invite, &c->from);
	if (to->rings)
		end_ringing(to->rings);
	if (instead)
		join_want(c, CALL_CALLEE, end_across(instead->pair, instead->side));
	status = instead ? join_ask_callee(c, invite) : attempt_next(c, invite, 503);
	if (status)
		invite_fail(c, status, NULL);
	return 0;
}

unsigned transfer_begin(struct end *e, const struct transfer_target *to, const struct sip_msg *m)
{
	char *text = malloc(SIP_HEAD_MAX);
	struct sip_msg *invite = malloc(sizeof(*invite));
	struct sip_writer w;
	unsigned status = 503;

	if (text && invite) {
		sip_write_begin(&w, text, SIP_HEAD_MAX);
		write_invite(&w, end_across(e->pair, e->side), to, m);
		status = w.failed || sip_msg_decode(text, w.len, SIP_DATAGRAM, invite) != SIP_FINE
				 ? 400
				 : place(e, invite, to);
	}
	free(invite);
	free(text);
	return status;
}

/* ---- what comes of it ---- */

/* The callee's answer to our own offer, or no answer. */
static int take_answer(struct exchange *x, const struct sip_msg *m, struct pair *p)
{
	struct call_body b = {.msg = m};

	return body_ask(x, CALL_CALLEE, p, NULL, &b);
}

static void tell_referrer(struct call *c, unsigned status)
{
	if (c->referred_by)
		refer_notify(c->referred_by, status);
}

/* He has his answer from us already: the offer was ours. */
static void answered(struct exchange *x, const struct sip_msg *m, struct pair *p)
{
	struct call *c = x->call;

	if (take_answer(x, m, p) != 0) {
		x->why = CALL_C_REFUSED_DESCRIPTION;
		c->outcome = 488;
		call_over(c, CALL_END_FAILED, -1);
		return;
	}
	request_holds(x->peer);
	exchange_send_ack(x->peer);
	join_ask_caller(c);
}

static void ringing(struct exchange *x, unsigned status, const struct sip_msg *m, struct pair *p)
{
	if (m && p) {
		if (m->body.len > 0)
			(void)take_answer(x, m, p);
		reliable_prack(x, p, m);
	}
	tell_referrer(x->call, status);
}

/* Nobody reads a Warning; whoever writes the call down hears what the referrer does. */
static void failed(struct exchange *x, unsigned status, bool is_ours)
{
	struct call *c = x->call;
	const struct call_user *u = &c->calls->config.user;
	unsigned why = is_ours ? x->why : 0;

	x->is_replied = true;
	x->is_virtual = false;
	c->outcome = c->outcome ? c->outcome : status;
	if (why)
		count(c->calls, why);
	if (u->told)
		u->told(u->arg, c, c->outcome, why);
	body_is_off(x);
}

void transfer_reply(struct exchange *x, unsigned status, const struct sip_msg *m, struct pair *p)
{
	if (x->is_replied)
		return;
	if (status >= 300) {
		failed(x, status, !m);
	} else if (status >= 200) {
		answered(x, m, p);
	} else {
		ringing(x, status, m, p);
	}
}

void transfer_over(struct call *c)
{
	struct call *old = c->referred_by;

	if (!old)
		return;
	c->referred_by = NULL;
	old->refer.call = NULL;
	refer_notify(old, c->outcome >= 300 ? c->outcome : 503);
}
