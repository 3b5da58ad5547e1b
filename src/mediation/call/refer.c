/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * REFER within a call (RFC 3515): what may be asked for, who acts on it, and what the referrer
 * hears. He gets NOTIFY requests of ours, whoever acts; each says a status and nothing more.
 */
#include <stdio.h>
#include <stdlib.h>

#include "call_priv.h"

#define REFERS_MAX 16 /* that are taken in one call */
#define TOLD_MAX   16 /* provisional words on each; whoever rings may say any number */
#define TAIL_MS    64000

/* ---- what the referrer hears ---- */

static void write_subscription(struct sip_writer *w, const struct calls *l, unsigned status)
{
	sip_write_open(w, SIP_HEADER_SUBSCRIPTION_STATE);
	if (status < 200) {
		sip_write_c(w, "active;expires=");
		sip_write_u32(w, (l->config.timers.ring_ms + TAIL_MS) / 1000);
	} else {
		sip_write_c(w, "terminated;reason=noresource");
	}
	sip_write_close(w);
}

/* The first REFER of a dialog needs no id (RFC 3515 §2.4.6). */
static void write_event(struct sip_writer *w, const struct refer *r)
{
	sip_write_open(w, SIP_HEADER_EVENT);
	sip_write_c(w, "refer");
	if (r->n > 1) {
		sip_write_c(w, ";id=");
		sip_write_u32(w, r->cseq);
	}
	sip_write_close(w);
}

static void send_notify(struct end *e, unsigned status)
{
	struct calls *l = e->pair->call->calls;
	struct exchange *x = request_of_ours(e, SIP_NOTIFY);
	struct transaction_request r = {
		.method = SIP_NOTIFY, .content_type = sip_str_c("message/sipfrag;version=2.0")};
	struct sip_writer w, fragment;
	char said[64];

	if (!x)
		return;
	sip_write_begin(&fragment, said, sizeof(said));
	sip_write_status(&fragment, status, NULL);
	fields_begin(l, &w);
	fields_contact(l, &w, &e->hop);
	write_event(&w, &e->pair->call->refer);
	write_subscription(&w, l, status);
	r.fields = fields_done(&w);
	r.content = sip_str_of(said, fragment.len);
	if (w.failed || fragment.failed || request_send(x, &r) != 0)
		x->is_answered = true;
}

void refer_notify(struct call *c, unsigned status)
{
	struct refer *r = &c->refer;
	unsigned before = r->status;

	if (status < 200 && (status == before || r->n_told >= TOLD_MAX))
		return;
	r->status = status;
	r->n_told++;
	if (status >= 200)
		r->state = REFER_NONE;
	if (!c->is_over && !r->is_silent && status != before)
		send_notify(&c->pair->ends[r->by], status);
}

/* ---- what was passed ---- */

static bool is_passed(const struct call *c)
{
	return c->refer.state == REFER_PASSED &&
	       c->calls->config.clock->mono_ms < c->refer.until_ms;
}

void refer_passed(struct call *c, const struct sip_msg *m)
{
	if (m->status >= 300)
		c->refer.state = REFER_NONE;
}

/* "SIP/2.0 180 Ringing"; 0: it is none. */
static unsigned fragment_status(struct sip_str body)
{
	struct sip_str version = sip_str_of(body.at, body.len < 8 ? body.len : 8), digits;
	uint32_t status;

	if (body.len < 11 || !sip_str_is(version, "SIP/2.0 "))
		return 0;
	digits = sip_str_of(body.at + 8, 3);
	return sip_number_decode(digits, &status) == 0 && status >= 100 && status < 700
		       ? (unsigned)status
		       : 0;
}

/* A subscription that ends without a final word leaves the referrer without one. */
static bool is_last(const struct sip_msg *m)
{
	struct sip_word state;

	return sip_word_decode(sip_header_value(m, SIP_HEADER_SUBSCRIPTION_STATE), &state) == 0 &&
	       sip_str_is(state.word, "terminated");
}

static bool is_of_refer(const struct sip_msg *m)
{
	struct sip_word event;

	return sip_word_decode(sip_header_value(m, SIP_HEADER_EVENT), &event) == 0 &&
	       sip_str_is(event.word, "refer");
}

void refer_heard(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	static const struct transaction_reply ok = {.status = 200};
	struct call *c = e->pair->call;
	unsigned status = fragment_status(m->body);

	if (!is_of_refer(m) || !is_passed(c) || c->refer.by == e->side) {
		refuse(c->calls, s, 481, CALL_C_REFUSED_NO_DIALOG);
		return;
	}
	if (server_transaction_reply(s, &ok) != 0)
		server_transaction_leave(s);
	if (is_last(m) && status < 200)
		status = 503;
	if (status)
		refer_notify(c, status);
}

/* ---- one that comes ---- */

/* Other headers of the URI are orders of a stranger to our INVITE: they count for nothing (RFC 3261
 * §19.1.5). */
static unsigned read_headers(struct sip_str headers, struct transfer_target *out)
{
	struct sip_param h;
	uint32_t at = 0;

	while (headers.at && sip_uri_header_next(headers, &at, &h)) {
		if (!sip_str_is(h.name, "Replaces"))
			continue;
		if (out->replaces.at)
			return 400;
		out->replaces = h.value;
	}
	return 0;
}

/* 0, or the status that refuses it. */
static unsigned read_target(const struct sip_msg *m, struct transfer_target *out)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_REFER_TO);
	struct sip_name_addr a, more;
	struct sip_param method;
	struct sip_uri u;

	*out = (struct transfer_target){.uri = SIP_NONE};
	if (sip_name_addr_next(&l, &a) != 1 || sip_name_addr_next(&l, &more) != 0 || a.is_star ||
		a.uri.len > CALL_TARGET_MAX || sip_uri_decode(a.uri, &u) != 0)
		return 400;
	if (u.scheme == SIP_SCHEME_OTHER)
		return 416;
	if (sip_param_find(u.params, "method", &method) && !sip_str_is(method.value, "INVITE"))
		return 501;
	out->uri = a.uri;
	if (u.headers.at)
		out->uri.len = (uint32_t)(u.headers.at - 1 - a.uri.at);
	return read_headers(u.headers, out);
}

/* RFC 4488: no subscription, and we say so. */
static bool wants_silence(const struct sip_msg *m)
{
	struct sip_word word;

	return sip_word_decode(sip_header_value(m, SIP_HEADER_REFER_SUB), &word) == 0 &&
	       sip_str_is(word.word, "false");
}

static void agree(struct end *e, struct server_transaction *s)
{
	struct calls *l = e->pair->call->calls;
	bool is_silent = e->pair->call->refer.is_silent;
	struct transaction_reply r = {.status = is_silent ? 200 : 202};
	struct sip_writer w;

	fields_begin(l, &w);
	fields_contact(l, &w, &e->hop);
	if (is_silent)
		sip_write_header_c(&w, SIP_HEADER_REFER_SUB, "false");
	r.fields = fields_done(&w);
	if (server_transaction_reply(s, &r) != 0)
		server_transaction_leave(s);
}

static void begin(struct end *e, enum refer_state state, const struct sip_msg *m)
{
	struct call *c = e->pair->call;
	struct refer *r = &c->refer;

	r->state = state;
	r->by = e->side;
	r->cseq = m->cseq;
	r->n++;
	r->is_silent = wants_silence(m);
	r->status = 0;
	r->n_told = 0;
	r->until_ms = c->calls->config.clock->mono_ms + c->calls->config.timers.ring_ms + TAIL_MS;
}

static void act(struct end *e, struct server_transaction *s, const struct sip_msg *m,
	const struct transfer_target *to)
{
	struct call *c = e->pair->call;
	unsigned status;

	begin(e, REFER_ACTED, m);
	agree(e, s);
	refer_notify(c, 100);
	status = transfer_begin(e, to, m);
	if (status)
		refer_notify(c, status);
}

static void write_address(struct sip_writer *w, enum sip_header_id id, const char *uri)
{
	const struct sip_name_addr a = {.has_brackets = true, .uri = sip_str_c(uri)};

	if (uri[0] == '\0')
		return;
	sip_write_open(w, id);
	sip_write_name_addr(w, &a);
	sip_write_close(w);
}

static void pass(struct end *e, struct server_transaction *s, const struct sip_msg *m,
	const struct call_referred *as)
{
	struct call *c = e->pair->call;
	struct exchange *x = exchange_open(c, SIP_REFER, e->side);
	struct transaction_request r = {.method = SIP_REFER};
	struct sip_writer w;

	if (!x) {
		refuse(c->calls, s, 503, CALL_C_REFUSED_MEMORY);
		return;
	}
	x->pair = e->pair;
	x->peer = x;
	x->server = s;
	x->server_cseq = m->cseq;
	server_transaction_take(s, &exchange_server_events, x);
	fields_begin(c->calls, &w);
	fields_contact(c->calls, &w, &end_across(e->pair, e->side)->hop);
	write_address(&w, SIP_HEADER_REFER_TO, as->to);
	write_address(&w, SIP_HEADER_REFERRED_BY, as->by);
	fields_pass(&w, m, c, e->side);
	sip_write_copy_all(&w, m, SIP_HEADER_REFER_SUB);
	r.fields = fields_done(&w);
	begin(e, REFER_PASSED, m);
	count(c->calls, CALL_C_REFERS_PASSED);
	if (w.failed || request_send(x, &r) != 0) {
		c->refer.state = REFER_NONE;
		x->why = CALL_C_REFUSED_UNREACHABLE;
		exchange_reply(x, 503, NULL, NULL);
		call_settle(c);
	}
}

/* Who acts: 0, CALL_REFER_PASS, or a status. */
static unsigned ask(const struct end *e, const struct sip_msg *m, const struct transfer_target *to,
	struct call_referred *out)
{
	const struct call *c = e->pair->call;
	const struct call_user *u = &c->calls->config.user;
	const struct end *other = end_across(e->pair, e->side);
	struct sip_name_addr by;
	struct call_referral r = {.call = c,
		.by = &e->hop,
		.other = &other->hop,
		.target = to->uri,
		.is_attended = to->replaces.at != NULL,
		.takes_refer = other->takes_refer};

	memset(out, 0, sizeof(*out));
	if (sip_name_addr_decode(sip_header_value(m, SIP_HEADER_REFERRED_BY), &by) == 0 ||
		sip_name_addr_decode(e->dialog.remote, &by) == 0)
		r.referrer = by.uri;
	return u->refer(u->arg, &r, out);
}

/* One at a time, and none of a side that somebody else is about to have. */
static bool is_free(const struct end *e)
{
	const struct call *c = e->pair->call;

	return c->pair == e->pair && c->refer.state != REFER_ACTED && !is_passed(c) &&
	       !join_is_awaited(c) && !e->join && !end_across(e->pair, e->side)->join;
}

/* The target is whom the call that rings is for, whatever the Refer-To says: that is often our own
 * Contact. */
static unsigned aim_at_ringing(struct transfer_target *to)
{
	struct sip_msg *invite = malloc(sizeof(*invite));
	unsigned status = 503;

	if (invite && sip_msg_decode(to->rings->invite, to->rings->invite_len, SIP_DATAGRAM,
			      invite) == SIP_FINE) {
		to->uri = invite->uri;
		status = 0;
	}
	free(invite);
	return status;
}

/* A dialog that we do not know is the target's. */
static unsigned find_replaced(const struct end *e, struct transfer_target *to)
{
	struct calls *l = e->pair->call->calls;
	char text[CALL_TARGET_MAX];
	size_t len;
	unsigned status;

	if (sip_uri_unescape(to->replaces, text, sizeof(text), &len) != 0)
		return 400;
	status = replaces_find(l, sip_str_of(text, len), &e->hop, &to->instead);
	if (status == 0 && to->instead->pair == e->pair)
		return 400; /* the call with itself */
	if (status != 481)
		return status;
	to->rings = replaces_find_ringing(l, sip_str_of(text, len), &e->hop);
	return to->rings ? aim_at_ringing(to) : 0;
}

void refer_take(struct end *e, struct server_transaction *s, const struct sip_msg *m)
{
	struct calls *l = e->pair->call->calls;
	struct call_referred as;
	struct transfer_target to;
	unsigned status;

	if (!l->config.user.refer || !e->pair->call->peers[e->side].may_refer) {
		refuse(l, s, 405, CALL_C_REFUSED_METHOD);
		return;
	}
	status = read_target(m, &to);
	if (status == 0 && !is_free(e))
		status = 491;
	if (status == 0 && to.replaces.at)
		status = find_replaced(e, &to);
	if (status == 0 && e->pair->call->refer.n >= REFERS_MAX)
		status = 403;
	if (status == 0)
		status = ask(e, m, &to, &as);
	if (status == CALL_REFER_PASS)
		pass(e, s, m, &as);
	else if (status)
		refuse(l, s, status, CALL_C_REFUSED_REFER);
	else
		act(e, s, m, &to);
}
