/* SPDX-License-Identifier: BSD-3-Clause */
/* Attempts to reach a callee: by which route, and the INVITE that goes there. */
#include <errno.h>
#include <stdlib.h>

#include "call_priv.h"

/* The caller's fault, which says nothing about a trunk (RFC 3261 §21.5.7). */
#define TOO_LARGE 513

static void write_display(struct sip_writer *w, const struct sip_name_addr *a)
{
	if (!a->display.len)
		return;
	if (a->is_display_quoted)
		sip_write_c(w, "\"");
	sip_write_str(w, a->display);
	sip_write_c(w, a->is_display_quoted ? "\" " : " ");
}

/* Who calls, as the route has it or the caller, at our host. */
static void write_caller(
	struct sip_writer *w, const struct sip_msg *invite, const struct call_route *route)
{
	struct sip_name_addr theirs;
	struct sip_uri uri = {.user = SIP_NONE};

	if (sip_name_addr_decode(sip_header_value(invite, SIP_HEADER_FROM), &theirs) == 0 &&
		sip_uri_decode(theirs.uri, &uri) == 0 && route->calling[0] == '\0')
		write_display(w, &theirs);
	sip_write_c(w, "<sip:");
	if (route->calling[0])
		sip_write_user(w, sip_str_c(route->calling));
	else if (uri.user.len)
		sip_write_str(w, uri.user);
	sip_write_c(w, route->calling[0] || uri.user.len ? "@" : "");
	sip_write_c(w, route->host);
	sip_write_c(w, ">");
}

static void write_from(struct sip_writer *w, const struct sip_msg *invite,
	const struct call_route *route, const char *tag)
{
	sip_write_open(w, SIP_HEADER_FROM);
	if (route->is_anonymous)
		sip_write_c(w, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
	else
		write_caller(w, invite, route);
	sip_write_param(w, "tag", sip_str_c(tag));
	sip_write_close(w);
}

static void write_invite(struct sip_writer *w, struct call *c, const struct sip_msg *invite,
	const struct call_route *route)
{
	const struct sip_name_addr to = {.has_brackets = true, .uri = sip_str_c(route->uri)};
	uint32_t hops = invite->max_forwards < 0 ? 70 : (uint32_t)invite->max_forwards - 1;
	char tag[TOKEN_LEN];

	token_make(c->calls, tag);
	token_make(c->calls, c->callee_id);
	fields_begin(c->calls, w);
	if (route->routes[0])
		sip_write_header_c(w, SIP_HEADER_ROUTE, route->routes);
	sip_write_header_number(w, SIP_HEADER_MAX_FORWARDS, hops);
	write_from(w, invite, route, tag);
	sip_write_open(w, SIP_HEADER_TO);
	sip_write_name_addr(w, &to);
	sip_write_close(w);
	sip_write_header_c(w, SIP_HEADER_CALL_ID, c->callee_id);
	fields_contact(c->calls, w, &route->hop);
	fields_allow(c->calls, w, &route->hop);
	fields_pass(w, invite, c, CALL_CALLER);
	if (c->incoming->is_virtual) {
		sip_write_copy_all(w, invite, SIP_HEADER_REPLACES);
		sip_write_copy_all(w, invite, SIP_HEADER_REQUIRE);
	}
}

void attempt_timer(struct call *c, unsigned ms)
{
	struct calls *l = c->calls;

	wheel_set(l->config.wheel, &c->timer, l->config.clock->mono_ms + ms);
}

/* Until something is heard of the newest attempt. */
static void await_progress(struct call *c)
{
	attempt_timer(c, c->progress_ms ? c->progress_ms : c->calls->config.timers.ring_ms);
}

static int send_with(struct exchange *x, const struct call_body *b, const struct call_route *route)
{
	struct call *c = x->call;
	const struct sip_msg *invite = b->msg;
	struct transaction_request r = {.method = SIP_INVITE,
		.uri = sip_str_c(route->uri),
		.content_type = b->type,
		.content = b->content};
	struct sip_writer w;

	call_meet(c, CALL_CALLEE, &route->hop);
	c->callee = x->ack_number;
	c->passes_identity = route->passes_identity;
	c->passes_history = route->passes_history;
	c->is_anonymous = route->is_anonymous;
	write_invite(&w, c, invite, route);
	if (w.failed)
		return ERR_TOO_LARGE;
	r.fields = fields_done(&w);
	x->hop = route->hop;
	x->session.rules.interval_s = c->peers[CALL_CALLEE].session_s;
	return request_send(x, &r);
}

/* Or is it the body that cannot be passed? */
static bool is_our_lack(int err)
{
	return err == ERR_FULL || err == -ENOMEM;
}

static void go_on_sending(struct exchange *x, const struct waiting *w, const struct call_body *b)
{
	struct call *c = x->call;
	const struct call_failure unsent = {.kind = CALL_FAILED_UNREACHABLE};
	unsigned status = is_our_lack(w->rc) ? 503 : 488;

	if (!invite_waits_for(c, x))
		return;
	int err = w->rc == 0 ? send_with(x, b, w->route) : 0;
	if (w->rc == 0 && err == 0) {
		await_progress(c);
		return;
	}
	c->attempt = NULL;
	c->lacks_room = is_our_lack(w->rc) || is_our_lack(err);
	c->incoming->why = w->rc ? refusal_of_body(w->rc) : refusal_of_error(err);
	if (err == ERR_TOO_LARGE)
		status = TOO_LARGE;
	else if (w->rc == 0) /* no room of ours says nothing about the trunk either */
		status = attempt_next(
			c, b->msg, is_our_lack(err) ? 503 : failure_judge(c, &unsent).status);
	if (status)
		invite_fail(c, status, NULL);
}

static int wait_to_send(
	struct exchange *x, const struct call_body *b, const struct call_route *route)
{
	struct waiting how = {.go_on = go_on_sending, .route = malloc(sizeof(*route))};
	int err = -ENOMEM;

	if (how.route) {
		*how.route = *route;
		err = body_wait(x, b, CALL_BODY_LATER, &how);
	}
	if (err) {
		x->call->incoming->why = CALL_C_REFUSED_MEMORY;
		free(how.route);
	}
	return err;
}

static int send_invite(
	struct exchange *x, const struct sip_msg *invite, const struct call_route *route)
{
	struct call *c = x->call;
	struct call_body b = {.msg = invite, .is_ours = c->incoming->is_virtual};
	int err = body_ask(x, CALL_CALLER, NULL, route, &b);

	if (err == CALL_BODY_LATER)
		return wait_to_send(x, &b, route) == 0 ? 0 : ERR_FULL;
	if (err) {
		c->incoming->why = refusal_of_body(err);
		return is_our_lack(err) ? ERR_FULL : ERR_DENIED;
	}
	err = send_with(x, &b, route);
	if (err)
		c->incoming->why = refusal_of_error(err);
	return is_our_lack(err) ? ERR_FULL : err;
}

unsigned attempt_next(struct call *c, const struct sip_msg *invite, unsigned status)
{
	const struct call_user *u = &c->calls->config.user;
	const struct call_failure unsent = {.kind = CALL_FAILED_UNREACHABLE};
	struct call_route route;

	while (c->n_attempts < ATTEMPTS_MAX) {
		memset(&route, 0, sizeof(route));
		unsigned refused =
			u->route(u->arg, &c->own, invite, &c->rights, c->n_attempts, &route);
		if (refused && c->n_attempts == 0) {
			c->incoming->why = route.why ? route.why : CALL_C_REFUSED_ROUTE;
			return refused;
		}
		if (refused)
			return status;
		if (c->n_attempts++ > 0)
			count(c->calls, CALL_C_NEXT_ROUTE);
		struct exchange *x = exchange_open(c, SIP_INVITE, CALL_CALLER);
		if (!x) {
			c->incoming->why = CALL_C_REFUSED_MEMORY;
			return 503;
		}
		c->attempt = x;
		c->progress_ms = route.progress_ms;
		int err = send_invite(x, invite, &route);
		if (err == 0) {
			c->incoming->why = 0;
			c->lacks_room = false;
			await_progress(c);
			return 0;
		}
		exchange_free(x);
		c->lacks_room = err == ERR_FULL;
		if (err == ERR_TOO_LARGE)
			return TOO_LARGE;
		if (err == ERR_DENIED || err == ERR_FULL)
			return err == ERR_FULL ? 503 : 488; /* on any route */
		status = failure_judge(c, &unsent).status;
	}
	return status;
}
