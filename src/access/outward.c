/* SPDX-License-Identifier: BSD-3-Clause */
/* What the front end sends: whether it passes, and how it is written for a client. */
#include <stdio.h>

#include <sallyport/mras.h>

#include "access_priv.h"

/* ---- a request ---- */

/* Whom it is for, and the routes that are left for whoever is behind him; then 0. */
static unsigned find_client(struct access *a, const struct sip_msg *m, struct flow **flow,
	struct routes *routes, enum access_counter *why)
{
	struct sip_uri u;
	uint64_t id;

	*why = ACCESS_C_REFUSED_ROUTE;
	if (access_routes_of(m, SIP_HEADER_ROUTE, routes) != 0)
		return 400;
	/* Nothing leaves but to somebody who is connected: there is no other way out. */
	if (routes->n == 0 || !access_route_is_inside(a, routes->at[0], &u))
		return 404;
	*why = ACCESS_C_REFUSED_FLOW;
	*flow = token_flow_open(a->config.key, u.user, &id) == 0 ? access_flow_find(a, id) : NULL;
	return *flow ? 0 : 430;
}

/* The way back is one URI of ours, with all others sealed in it. */
static int write_hidden_routes(
	struct access *a, struct sip_writer *w, const struct incoming *in, const struct flow *f)
{
	const struct route_seal seal = {f, access_dialog_of(a, in->m), in->from->remote};
	struct routes list;
	struct sip_str token;
	int rc = access_routes_of(in->m, SIP_HEADER_RECORD_ROUTE, &list);

	if (rc == 0)
		rc = access_routes_seal(a, &list, list.n, false, &seal, &token);
	if (rc == 0)
		access_write_face_route(
			w, SIP_HEADER_RECORD_ROUTE, &a->config.outside[f->face], token, "");
	return rc;
}

static int write_outward_via(struct access *a, struct sip_writer *w, const struct incoming *in,
	const struct flow *f, const struct access_face *face)
{
	char branch[TOKEN_BRANCH_TEXT_MAX + 1];
	char more[sizeof(VIAS_PARAM) + 2 + TOKEN_TEXT_MAX];
	struct sip_str token;
	int len, rc = access_branch_for(a, in->m, f->id, branch);

	if (rc == 0)
		rc = access_vias_seal(a, in, f, &token);
	if (rc != 0)
		return rc;
	len = snprintf(more, sizeof(more), ";" VIAS_PARAM "=%.*s", (int)token.len, token.at);
	access_write_via(w, face, branch, sip_str_of(more, (size_t)len));
	return 0;
}

static int write_request(struct access *a, struct sip_writer *w, const struct incoming *in,
	const struct flow *f, const struct routes *routes)
{
	const struct access_face *face = &a->config.outside[f->face];
	const struct sip_msg *m = in->m;

	sip_write_begin(w, a->out, sizeof(a->out));
	sip_write_request(w, m->method_name, m->uri);
	int rc = write_outward_via(a, w, in, f, face);
	access_write_max_forwards(w, m);
	for (size_t i = 1; i < routes->n; i++)
		sip_write_header(w, SIP_HEADER_ROUTE, routes->at[i]);
	if (rc == 0 && access_makes_route(m))
		rc = write_hidden_routes(a, w, in, f);
	access_write_outward_rest(a, w, m, f);
	return rc != 0 ? rc : w->failed ? ERR_TOO_LARGE : 0;
}

/* A client that does not read is there still: 430 would make the registrar forget him. */
static void send_request(
	struct access *a, const struct incoming *in, struct flow *f, struct bytes m)
{
	int rc = a->config.carrier.send_outside(a->config.carrier.arg, f->id, m);

	if (rc == ERR_FULL) {
		access_refuse(a, in, 480, ACCESS_C_REFUSED_UNAVAILABLE);
	} else if (rc != 0) {
		access_refuse(a, in, 430, ACCESS_C_REFUSED_FLOW);
	} else {
		access_flow_asked(f);
		access_count(a, ACCESS_C_REQUESTS_OUTWARD);
	}
}

static void pass_request(struct access *a, const struct incoming *in)
{
	struct routes routes;
	struct flow *flow;
	struct sip_writer w;
	enum access_counter why;
	unsigned status = find_client(a, in->m, &flow, &routes, &why);

	if (status != 0)
		access_refuse(a, in, status, why);
	else if (write_request(a, &w, in, flow, &routes) != 0)
		access_refuse(a, in, 513, ACCESS_C_REFUSED_LARGE);
	else
		send_request(a, in, flow, bytes_of(w.buf, w.len));
}

/* ---- for the door itself ---- */

/* One within a dialog may have come by routes alone, past whoever authenticates. */
static bool is_credential_request(const struct sip_msg *m)
{
	struct sip_media_type t;

	return m->method == SIP_SERVICE && !m->to_tag.at &&
	       !sip_header_first(m, SIP_HEADER_ROUTE) &&
	       sip_media_type_decode(sip_header_value(m, SIP_HEADER_CONTENT_TYPE), &t) == 0 &&
	       sip_media_type_is(&t, "application", "msrtc-media-relay-auth+xml");
}

static void ask_service(struct access *a, const struct incoming *in)
{
	const struct access_carrier *c = &a->config.carrier;

	access_count(a, ACCESS_C_SERVICE);
	if (c->service(c->arg, in->from, sip_str_bytes(in->m->body)) != 0)
		access_refuse(a, in, 503, ACCESS_C_REFUSED_SERVICE);
}

static void receive_request(struct access *a, const struct incoming *in)
{
	if (in->m->max_forwards == 0 && in->m->method != SIP_OPTIONS)
		access_refuse(a, in, 483, ACCESS_C_REFUSED_HOPS);
	else if (is_credential_request(in->m))
		ask_service(a, in);
	else if (in->m->method == SIP_OPTIONS && !sip_header_first(in->m, SIP_HEADER_ROUTE))
		access_answer_options(a, in);
	else if (in->m->max_forwards == 0)
		access_refuse(a, in, 483, ACCESS_C_REFUSED_HOPS);
	else if (access_is_loop(a, in->m))
		access_refuse(a, in, 482, ACCESS_C_REFUSED_LOOP);
	else
		pass_request(a, in);
}

/* ---- a response ---- */

static bool is_of_flow(struct access *a, struct sip_str element, uint64_t id)
{
	struct sip_uri u;
	uint64_t other;

	return access_route_is_inside(a, element, &u) &&
	       token_flow_open(a->config.key, u.user, &other) == 0 && other == id;
}

/*
 * From the top to our Record-Route for this client is what lies inside; the client gets it
 * reversed, in the order in which its requests go. Behind it is what the client's side had put
 * there.
 */
static int write_record_routes(struct access *a, struct sip_writer *w, const struct incoming *in,
	const struct flow *f, const struct access_face *face)
{
	const struct route_seal seal = {f, access_dialog_of(a, in->m), in->from->remote};
	struct routes list;
	struct sip_str token;
	size_t n = 0;
	int rc = access_routes_of(in->m, SIP_HEADER_RECORD_ROUTE, &list);

	if (rc != 0 || list.n == 0)
		return rc;
	while (n < list.n && !is_of_flow(a, list.at[n], f->id))
		n++;
	if (n == list.n)
		return 0; /* none of it is the client's business */
	rc = access_routes_seal(a, &list, n, true, &seal, &token);
	if (rc == 0)
		access_write_face_route(w, SIP_HEADER_RECORD_ROUTE, face, token, "");
	for (size_t i = n + 1; i < list.n; i++)
		sip_write_header(w, SIP_HEADER_RECORD_ROUTE, list.at[i]);
	return rc;
}

/* Routes for new requests (RFC 3608): sealed too. */
static int write_service_route(struct access *a, struct sip_writer *w, const struct incoming *in,
	const struct flow *f, const struct access_face *face)
{
	const struct route_seal seal = {f, 0, in->from->remote};
	struct routes list;
	struct sip_str token;
	int rc = access_routes_of(in->m, SIP_HEADER_SERVICE_ROUTE, &list);

	if (rc != 0 || list.n == 0)
		return rc;
	rc = access_routes_seal(a, &list, list.n, false, &seal, &token);
	if (rc == 0)
		access_write_face_route(w, SIP_HEADER_SERVICE_ROUTE, face, token, "");
	return rc;
}

static bool requires_outbound(const struct sip_msg *m)
{
	struct sip_tokens t;

	return sip_options_of(m, SIP_HEADER_REQUIRE, &t) == 0 &&
	       (t.known & SIP_OPTION_BIT(SIP_OPTION_OUTBOUND)) != 0;
}

/* What a client that has registered learns: where credentials for the relay are asked for, and how
 * often we want to hear of it (RFC 5626 §4.4). */
static void write_welcome(struct access *a, struct sip_writer *w, const struct sip_msg *m)
{
	if (a->rules->media_relay) {
		sip_write_open(w, SIP_HEADER_CALL_INFO);
		sip_write_c(w, "<");
		sip_write_c(w, a->rules->media_relay);
		sip_write_c(w, ">;purpose=media-relay");
		sip_write_close(w);
	}
	if (a->rules->flow_timer_s && requires_outbound(m) &&
		!sip_header_first(m, SIP_HEADER_FLOW_TIMER))
		sip_write_header_number(w, SIP_HEADER_FLOW_TIMER, a->rules->flow_timer_s);
}

/* All but ours, which is the first. */
static int write_other_vias(struct sip_writer *w, const struct sip_msg *m)
{
	struct sip_list l = sip_list_of(m, SIP_HEADER_VIA);
	struct sip_str via;
	size_t n = 0;

	while (sip_list_next(&l, &via) == 1) {
		if (n++ > 0)
			sip_write_header(w, SIP_HEADER_VIA, via);
	}
	return n > 1 ? 0 : ERR_NOT_FOUND;
}

static int write_response(
	struct access *a, struct sip_writer *w, const struct incoming *in, const struct flow *f)
{
	const struct access_face *face = &a->config.outside[f->face];
	const struct sip_msg *m = in->m;
	bool is_welcome = m->method == SIP_REGISTER && m->status / 100 == 2;
	char reason[128];

	sip_write_begin(w, a->out, sizeof(a->out));
	sip_write_status(w, m->status, access_reason_text(m, reason));
	int rc = write_other_vias(w, m);
	if (rc == 0)
		rc = write_record_routes(a, w, in, f, face);
	if (rc == 0)
		rc = write_service_route(a, w, in, f, face);
	if (is_welcome)
		write_welcome(a, w, m);
	access_write_outward_rest(a, w, m, f);
	return rc != 0 ? rc : w->failed ? ERR_TOO_LARGE : 0;
}

static struct flow *flow_of_response(struct access *a, const struct sip_msg *m)
{
	struct token_branch b;
	struct sip_via via;

	if (sip_via_top(m, &via) != 0 || !sip_str_is(via.host.text, a->config.inside.host) ||
		token_branch_open(a->config.key, via.branch, &b) != 0)
		return NULL;
	return access_flow_find(a, b.flow);
}

static void pass_response(struct access *a, const struct incoming *in)
{
	const struct sip_msg *m = in->m;
	struct flow *f = flow_of_response(a, m);
	struct sip_writer w;

	/* First, because what is sealed for it is then for whoever has registered. */
	if (f && m->method == SIP_REGISTER && m->status / 100 == 2)
		access_flow_register(a, f, m);
	if (!f || write_response(a, &w, in, f) != 0) {
		access_count(a, ACCESS_C_DROPPED_RESPONSE);
		return;
	}
	access_flow_answered(a, f, m);
	if (a->config.carrier.send_outside(a->config.carrier.arg, f->id, bytes_of(w.buf, w.len)) !=
		0)
		access_count(a, ACCESS_C_UNSENT);
	else
		access_count(a, ACCESS_C_RESPONSES_OUTWARD);
}

void access_receive_from_inside(struct access *a, const struct incoming *in)
{
	if (in->m->is_request)
		receive_request(a, in);
	else
		pass_response(a, in);
}
