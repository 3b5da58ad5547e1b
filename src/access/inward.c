/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients send: whether it passes, and how it is written for the front end. */
#include <stdio.h>

#include "access_priv.h"

/* Where a request goes, as its routes and its URI say. */
struct course {
	const struct flow *flow; /* whose request it is */
	struct access_way way;
	struct sip_str routes; /* behind the front end's first node; a view of a->content */
	struct sip_str uri;
	char uri_text[URI_TEXT_MAX];
};

/* A refusal that is found on the way: 0 is none. */
struct verdict {
	unsigned status;
	enum access_counter why;
};
#define PASSES ((struct verdict){0, ACCESS_C_COUNT})
/* Not 481, which would end his dialog, nor 503, which would send him to another edge, that knows
 * nothing of it: 500 with Retry-After is "the same, here, and soon" (RFC 3261 §21.5.1). */
#define TOO_EARLY ((struct verdict){500, ACCESS_C_REFUSED_EARLY})

/* ---- where to ---- */

/* One of a dialog is good within that alone, and the way of new requests for those: who is within a
 * dialog is asked for no password. ACK to a refusal goes where its request has gone (RFC 3261
 * §17.1.1.3). */
static bool is_of_place(const struct access *a, const struct sip_msg *m, uint64_t dialog)
{
	if (m->method == SIP_ACK)
		return true;
	return dialog == (m->to_tag.at ? access_dialog_of(a, m) : 0);
}

/* Routes that a client may show are ours: they are taken away, and what one has sealed counts. The
 * text goes to ROUTES, because the next token takes its place. */
static struct verdict read_routes(
	struct access *a, const struct sip_msg *m, struct course *c, char routes[TOKEN_CONTENT_MAX])
{
	struct route_seal seal = {.flow = c->flow};
	struct routes list;
	struct sip_uri u;
	struct sip_str text;

	if (access_routes_of(m, SIP_HEADER_ROUTE, &list) != 0)
		return (struct verdict){400, ACCESS_C_REFUSED_MALFORMED};
	for (size_t i = 0; i < list.n; i++) {
		if (!access_route_is_outside(a, list.at[i], &u))
			return (struct verdict){403, ACCESS_C_REFUSED_ROUTE};
		if (!u.user.at)
			continue;
		int rc = access_routes_open(a, u.user, &seal, &text);
		/* Who registers says who he is, and has one way, whatever he has kept. */
		if (rc != 0 && m->method == SIP_REGISTER)
			continue;
		if (rc == ERR_DENIED || !is_of_place(a, m, seal.dialog))
			return (struct verdict){m->to_tag.at ? 481 : 403, ACCESS_C_REFUSED_TOKEN};
		if (rc != 0)
			return TOO_EARLY;
		c->way.peer = seal.peer;
		memcpy(routes, text.at, text.len);
		c->routes = sip_str_of(routes, text.len);
	}
	return PASSES;
}

/* Whoever is inside is known outside as a token. A front end follows the URI of a request within a
 * dialog, and seldom asks who sends it: so no host is reached here by its own name. */
static struct verdict read_uri(struct access *a, const struct sip_msg *m, struct course *c)
{
	struct sip_uri u;
	uint64_t dialog;

	c->uri = m->uri;
	if (sip_uri_decode(m->uri, &u) != 0 || u.scheme == SIP_SCHEME_OTHER)
		return (struct verdict){416, ACCESS_C_REFUSED_DOMAIN};
	int rc = access_show_uri(a, c->flow, &u, c->uri_text, &c->uri, &dialog);
	if (rc != ERR_NOT_FOUND) {
		/* A request of its own may go to whomever a dialog has shown. */
		if (m->to_tag.at && !is_of_place(a, m, dialog))
			return (struct verdict){481, ACCESS_C_REFUSED_TOKEN};
		return rc == 0 ? PASSES : TOO_EARLY;
	}
	if (u.scheme == SIP_SCHEME_TEL || access_is_served_uri(a, &u))
		return PASSES;
	if (access_is_outside_host(a, u.host.text))
		return (struct verdict){m->to_tag.at ? 481 : 404, ACCESS_C_REFUSED_DOMAIN};
	return (struct verdict){403, ACCESS_C_REFUSED_DOMAIN};
}

/* ---- whether ---- */

static bool begins(const struct sip_msg *m)
{
	return !m->to_tag.at && m->method != SIP_ACK && m->method != SIP_CANCEL;
}

/* Extensions that a proxy would have to know and we do not (RFC 3261 §16.3). */
static bool wants_more(const struct sip_msg *m)
{
	struct sip_tokens t;

	if (sip_options_of(m, SIP_HEADER_PROXY_REQUIRE, &t) != 0)
		return true;
	return t.n_unknown > 0 || (t.known & ~(SIP_OPTION_BIT(SIP_OPTION_PATH) |
						     SIP_OPTION_BIT(SIP_OPTION_OUTBOUND))) != 0;
}

static struct verdict check(struct access *a, const struct sip_msg *m)
{
	if (m->max_forwards == 0)
		return (struct verdict){483, ACCESS_C_REFUSED_HOPS};
	if (wants_more(m))
		return (struct verdict){420, ACCESS_C_REFUSED_EXTENSION};
	if (a->is_draining && begins(m))
		return (struct verdict){503, ACCESS_C_REFUSED_DRAINING};
	if (access_is_loop(a, m))
		return (struct verdict){482, ACCESS_C_REFUSED_LOOP};
	return PASSES;
}

static bool is_for_us(const struct access *a, const struct sip_msg *m)
{
	struct sip_uri u;

	return m->method == SIP_OPTIONS && !m->to_tag.at && sip_uri_decode(m->uri, &u) == 0 &&
	       !u.user.at && access_is_outside_host(a, u.host.text);
}

/* ---- a request ---- */

static bool supports(const struct sip_msg *m, enum sip_option option)
{
	struct sip_tokens t;

	return sip_options_of(m, SIP_HEADER_SUPPORTED, &t) == 0 &&
	       (t.known & SIP_OPTION_BIT(option)) != 0;
}

/*
 * The registrar is told how to reach the client (RFC 3327), with "ob" if the client itself speaks
 * outbound (RFC 5626 §5.1). The path need not be known to the client, which never sees it: so it is
 * supported, whatever the client says.
 */
static int write_path(struct access *a, struct sip_writer *w, const struct incoming *in)
{
	if (!supports(in->m, SIP_OPTION_PATH))
		sip_write_header_c(w, SIP_HEADER_SUPPORTED, "path");
	return access_write_flow_route(a, w, SIP_HEADER_PATH, in->flow->id,
		supports(in->m, SIP_OPTION_OUTBOUND) ? ";ob" : "");
}

static int write_request(
	struct access *a, struct sip_writer *w, const struct incoming *in, const struct course *c)
{
	char branch[TOKEN_BRANCH_TEXT_MAX + 1];
	const struct sip_msg *m = in->m;
	int rc = access_branch_for(a, m, in->flow->id, branch);

	if (rc != 0)
		return rc;
	sip_write_begin(w, a->out, sizeof(a->out));
	sip_write_request(w, m->method_name, c->uri);
	access_write_via(w, &a->config.inside, branch, SIP_NONE);
	sip_write_vias(w, m, &in->from->remote);
	access_write_max_forwards(w, m);
	if (c->routes.len)
		sip_write_header(w, SIP_HEADER_ROUTE, c->routes);
	if (m->method == SIP_REGISTER)
		rc = write_path(a, w, in);
	else if (access_makes_route(m))
		rc = access_write_flow_route(a, w, SIP_HEADER_RECORD_ROUTE, in->flow->id, "");
	sip_write_copy_all(w, m, SIP_HEADER_RECORD_ROUTE);
	access_write_inward_rest(a, w, m, in->flow);
	return rc != 0 ? rc : w->failed ? ERR_TOO_LARGE : 0;
}

static struct verdict pass_request(struct access *a, const struct incoming *in)
{
	struct course c = {.flow = in->flow};
	char routes[TOKEN_CONTENT_MAX];
	struct sip_writer w;
	struct verdict v = read_routes(a, in->m, &c, routes);

	if (v.status == 0)
		v = read_uri(a, in->m, &c);
	if (v.status != 0)
		return v;
	if (in->m->method == SIP_REGISTER)
		access_flow_contacts_learn(a, in->flow, in->m);
	if (write_request(a, &w, in, &c) != 0)
		return (struct verdict){513, ACCESS_C_REFUSED_LARGE};
	if (a->config.carrier.send_inside(a->config.carrier.arg, &c.way, bytes_of(w.buf, w.len)) !=
		0)
		return (struct verdict){503, ACCESS_C_REFUSED_UNAVAILABLE};
	access_count(a, ACCESS_C_REQUESTS_INWARD);
	return PASSES;
}

/* ---- a response ---- */

/*
 * Above our Record-Route is what the client's side has put there; in its place come the two of the
 * inside: ours, and those that it has sealed. Without ours nothing is written. True: ours is there.
 */
static bool find_record_route(struct access *a, const struct incoming *in,
	const struct routes *list, size_t *at, struct sip_str *text)
{
	struct route_seal seal = {.flow = in->flow};
	struct sip_uri u;

	for (size_t i = 0; i < list->n; i++) {
		if (!access_route_is_outside(a, list->at[i], &u) || !u.user.at ||
			access_routes_open(a, u.user, &seal, text) != 0 ||
			seal.dialog != access_dialog_of(a, in->m))
			continue;
		*at = i;
		return true;
	}
	return false;
}

/* A 100 and what refuses make no dialog. */
static bool is_without_way_back(const struct sip_msg *m, const struct vias *vias)
{
	if (vias->route_need == ROUTE_NOT_NEEDED || !m->to_tag.at)
		return false;
	if (vias->route_need == ROUTE_UNLESS_GRANTED && access_has_no_subscription(m))
		return false;
	return m->status > 100 && m->status < 300;
}

/*
 * An answer that begins a dialog has the Record-Route of its request (RFC 3261 §12.1.1). Without it
 * the caller's requests would go by no route, to whatever host the client's Contact names: the
 * front end would send into its own network what a stranger wants.
 */
static int write_record_routes(
	struct access *a, struct sip_writer *w, const struct incoming *in, bool is_needed)
{
	struct routes list;
	struct sip_str text;
	size_t at;

	if (access_routes_of(in->m, SIP_HEADER_RECORD_ROUTE, &list) != 0)
		return ERR_MALFORMED;
	if (!find_record_route(a, in, &list, &at, &text))
		return is_needed ? ERR_NOT_FOUND : 0;
	for (size_t i = 0; i < at; i++)
		sip_write_header(w, SIP_HEADER_RECORD_ROUTE, list.at[i]);
	int rc = access_write_flow_route(a, w, SIP_HEADER_RECORD_ROUTE, in->flow->id, "");
	if (text.len)
		sip_write_header(w, SIP_HEADER_RECORD_ROUTE, text);
	return rc;
}

static int open_vias(struct access *a, const struct incoming *in, struct vias *vias)
{
	struct sip_via via;

	if (sip_via_top(in->m, &via) != 0 || !access_is_outside_host(a, via.host.text))
		return ERR_DENIED;
	return access_vias_open(a, sip_param_value(via.params, VIAS_PARAM), in, vias);
}

static int write_response(
	struct access *a, struct sip_writer *w, const struct incoming *in, struct access_way *way)
{
	struct vias vias;
	char reason[128];
	int rc = open_vias(a, in, &vias);

	if (rc != 0)
		return rc;
	*way = vias.way;
	sip_write_begin(w, a->out, sizeof(a->out));
	sip_write_status(w, in->m->status, access_reason_text(in->m, reason));
	sip_write_header(w, SIP_HEADER_VIA, vias.text);
	rc = write_record_routes(a, w, in, is_without_way_back(in->m, &vias));
	access_write_inward_rest(a, w, in->m, in->flow);
	return rc != 0 ? rc : w->failed ? ERR_TOO_LARGE : 0;
}

static void drop_response(struct access *a, const struct incoming *in, int why)
{
	char peer[ADDR_TEXT_LEN];
	uint32_t held;

	access_count(a, why == ERR_NOT_FOUND ? ACCESS_C_DROPPED_ROUTE : ACCESS_C_DROPPED_RESPONSE);
	access_flow_noise(a, in->flow);
	if (why == ERR_NOT_FOUND &&
		log_limit_ok(&a->refusals, a->config.clock->mono_ms, ACCESS_LOG_BURST, &held))
		log_info(LOG_SIP, "answer dropped",
			"peer=%s method=%s status=%u held=%u reason=\"no Record-Route of ours\"",
			log_addr(&in->from->remote, peer), sip_method_name(in->m->method),
			in->m->status, held);
}

static void pass_response(struct access *a, const struct incoming *in)
{
	struct access_way way;
	struct sip_writer w;
	int rc = in->flow->n_answers == 0 ? ERR_DENIED : write_response(a, &w, in, &way);

	if (rc != 0) {
		drop_response(a, in, rc);
		return;
	}
	in->flow->n_answers--;
	if (a->config.carrier.send_inside(a->config.carrier.arg, &way, bytes_of(w.buf, w.len)) != 0)
		access_count(a, ACCESS_C_UNSENT);
	else
		access_count(a, ACCESS_C_RESPONSES_INWARD);
}

void access_receive_from_client(struct access *a, const struct incoming *in)
{
	if (!in->m->is_request) {
		pass_response(a, in);
		return;
	}
	struct verdict v = check(a, in->m);
	if (v.status == 0 && is_for_us(a, in->m)) {
		access_answer_options(a, in);
		return;
	}
	if (v.status == 0)
		v = pass_request(a, in);
	if (v.status != 0)
		access_refuse(a, in, v.status, v.why);
}
