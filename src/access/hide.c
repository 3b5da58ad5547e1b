/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of the inside as tokens in URIs of the door, and back. */
#include <stdio.h>

#include "access_priv.h"

/* ---- whose a host is ---- */

bool access_is_served(const struct access *a, struct sip_str host)
{
	for (size_t i = 0; i < a->rules->n_domains; i++) {
		if (sip_str_is(host, a->rules->domains[i]))
			return true;
	}
	return false;
}

/* maddr: RFC 3261 §19.1.1; "alias" is where proxies note the address of a client behind a NAT. */
bool access_is_served_uri(const struct access *a, const struct sip_uri *u)
{
	return access_is_served(a, u->host.text) && !sip_param_value(u->params, "maddr").at &&
	       !sip_param_value(u->params, "alias").at;
}

bool access_is_outside_host(const struct access *a, struct sip_str host)
{
	for (size_t i = 0; i < a->config.n_outside; i++) {
		if (sip_str_is(host, a->config.outside[i].host))
			return true;
	}
	return false;
}

static bool is_sip(const struct sip_uri *u)
{
	return u->scheme == SIP_SCHEME_SIP || u->scheme == SIP_SCHEME_SIPS;
}

static bool route_uri(struct sip_str element, struct sip_uri *out)
{
	struct sip_name_addr n;

	return sip_name_addr_decode(element, &n) == 0 && sip_uri_decode(n.uri, out) == 0 &&
	       is_sip(out);
}

bool access_route_is_outside(const struct access *a, struct sip_str element, struct sip_uri *out)
{
	return route_uri(element, out) &&
	       (access_is_outside_host(a, out->host.text) || access_is_served(a, out->host.text));
}

bool access_route_is_inside(const struct access *a, struct sip_str element, struct sip_uri *out)
{
	return route_uri(element, out) && sip_str_is(out->host.text, a->config.inside.host);
}

/* ---- URIs of ours ---- */

static void write_host(struct sip_writer *w, const char *host)
{
	const struct sip_host h = {
		.text = sip_str_c(host), .kind = strchr(host, ':') ? SIP_HOST_IPV6 : SIP_HOST_NAME};

	sip_write_host(w, &h);
}

static const char *transport_param(enum sip_transport transport)
{
	/* One word for both kinds of WebSocket (RFC 7118 §5.2.4). */
	return transport == SIP_TLS ? ";transport=tls" : ";transport=ws";
}

void access_write_face_uri(
	struct sip_writer *w, const struct access_face *f, struct sip_str token, const char *more)
{
	sip_write_c(w, "sip:");
	sip_write_str(w, token);
	sip_write_c(w, "@");
	write_host(w, f->host);
	sip_write_c(w, ":");
	sip_write_u32(w, f->port);
	sip_write_c(w, transport_param(f->transport));
	sip_write_c(w, more);
}

void access_write_face_route(struct sip_writer *w, enum sip_header_id id,
	const struct access_face *f, struct sip_str token, const char *more)
{
	sip_write_open(w, id);
	sip_write_c(w, "<");
	access_write_face_uri(w, f, token, ";lr");
	sip_write_c(w, more);
	sip_write_c(w, ">");
	sip_write_close(w);
}

int access_write_flow_route(struct access *a, struct sip_writer *w, enum sip_header_id id,
	uint64_t flow, const char *more)
{
	char token[TOKEN_FLOW_TEXT_MAX + 1];
	int rc = token_flow_seal(a->config.key, flow, token);

	if (rc == 0)
		access_write_face_route(w, id, &a->config.inside, sip_str_c(token), more);
	return rc;
}

/* ---- one URI ---- */

/* Without its headers: they are for whoever follows it, not for a host. */
static struct sip_str without_headers(const struct sip_uri *u)
{
	return u->headers.at ? sip_str_of(u->whole.at, (size_t)(u->headers.at - 1 - u->whole.at))
			     : u->whole;
}

static void write_headers(struct sip_writer *w, const struct sip_uri *u)
{
	if (!u->headers.at)
		return;
	sip_write_c(w, "?");
	sip_write_str(w, u->headers);
}

int access_hide_uri(struct access *a, const struct flow *f, uint64_t dialog,
	const struct sip_uri *u, char out[URI_TEXT_MAX], struct sip_str *hidden)
{
	struct sip_str text = without_headers(u);
	struct sip_writer w;
	size_t len;

	if (text.len > TOKEN_CONTENT_MAX - BOND_LEN)
		return ERR_TOO_LARGE;
	access_bond_put(a->content, f, dialog);
	memcpy(a->content + BOND_LEN, text.at, text.len);
	int rc = token_seal(a->config.key, TOKEN_TARGET, bytes_of(a->content, BOND_LEN + text.len),
		a->token, &len);
	if (rc != 0)
		return rc;
	sip_write_begin(&w, out, URI_TEXT_MAX);
	access_write_face_uri(&w, &a->config.outside[f->face], sip_str_of(a->token, len), "");
	write_headers(&w, u);
	*hidden = sip_str_of(out, w.len);
	return w.failed ? ERR_TOO_LARGE : 0;
}

int access_show_uri(struct access *a, const struct flow *f, const struct sip_uri *u,
	char out[URI_TEXT_MAX], struct sip_str *shown, uint64_t *dialog)
{
	struct sip_writer w;
	size_t len;

	if (!is_sip(u) || !access_is_outside_host(a, u->host.text) ||
		token_open(a->config.key, TOKEN_TARGET, u->user, a->content, &len) != 0 ||
		len <= BOND_LEN)
		return ERR_NOT_FOUND;
	int rc = access_bond_check(a->content, f);
	if (rc == ERR_DENIED)
		return ERR_NOT_FOUND;
	sip_write_begin(&w, out, URI_TEXT_MAX);
	sip_write_str(&w, sip_str_of(a->content + BOND_LEN, len - BOND_LEN));
	write_headers(&w, u);
	*shown = sip_str_of(out, w.len);
	*dialog = access_bond_dialog(a->content);
	return w.failed ? ERR_NOT_FOUND : rc;
}

/* ---- lists ---- */

int access_routes_of(const struct sip_msg *m, enum sip_header_id id, struct routes *out)
{
	struct sip_list l = sip_list_of(m, id);
	struct sip_str element;
	int rc;

	out->n = 0;
	while ((rc = sip_list_next(&l, &element)) == 1) {
		if (out->n == ROUTES_MAX)
			return ERR_TOO_LARGE;
		out->at[out->n++] = element;
	}
	return rc;
}

/* A writer over a->content: what it has in front, then a list as one value. */
static void begin_content(struct access *a, struct sip_writer *w, size_t front)
{
	sip_write_begin(w, a->content, TOKEN_CONTENT_MAX);
	w->len = front;
}

static void add_element(struct sip_writer *w, size_t front, struct sip_str element)
{
	if (w->len > front)
		sip_write_c(w, ",");
	sip_write_str(w, element);
}

static int seal_content(
	struct access *a, enum token_kind kind, const struct sip_writer *w, struct sip_str *token)
{
	size_t len;

	if (w->failed)
		return ERR_TOO_LARGE;
	int rc = token_seal(a->config.key, kind, bytes_of(w->buf, w->len), a->token, &len);
	if (rc == 0)
		*token = sip_str_of(a->token, len);
	return rc;
}

static void peer_put(uint8_t out[16], const struct addr *peer)
{
	memcpy(out, peer->ip, sizeof(peer->ip));
}

static void peer_get(const uint8_t in[16], struct addr *peer)
{
	*peer = addr_ipv6(in, 0); /* IPv4 where it is mapped */
}

#define ROUTES_FRONT (16 + BOND_LEN)
int access_routes_seal(struct access *a, const struct routes *r, size_t n, bool is_reversed,
	const struct route_seal *seal, struct sip_str *token)
{
	struct sip_writer w;

	peer_put(a->content, &seal->peer);
	access_bond_put(a->content + 16, seal->flow, seal->dialog);
	begin_content(a, &w, ROUTES_FRONT);
	for (size_t i = 0; i < n; i++)
		add_element(&w, ROUTES_FRONT, r->at[is_reversed ? n - 1 - i : i]);
	return seal_content(a, TOKEN_ROUTES, &w, token);
}

int access_routes_open(
	struct access *a, struct sip_str token, struct route_seal *seal, struct sip_str *text)
{
	size_t len;
	int rc = token_open(a->config.key, TOKEN_ROUTES, token, a->content, &len);

	if (rc != 0 || len < ROUTES_FRONT)
		return ERR_DENIED;
	rc = access_bond_check(a->content + 16, seal->flow);
	if (rc == ERR_DENIED)
		return rc;
	peer_get(a->content, &seal->peer);
	seal->dialog = access_bond_dialog(a->content + 16);
	*text = sip_str_of(a->content + ROUTES_FRONT, len - ROUTES_FRONT);
	return rc;
}

#define VIAS_FRONT 41
int access_vias_seal(
	struct access *a, const struct incoming *in, const struct flow *f, struct sip_str *token)
{
	struct sip_list l = sip_list_of(in->m, SIP_HEADER_VIA);
	struct sip_str via;
	struct sip_writer w;

	be64_put(a->content, f->id);
	be64_put(a->content + 8, in->from->flow);
	peer_put(a->content + 16, &in->from->remote);
	be64_put(a->content + 32, access_transaction_of(a, in->m));
	a->content[40] = (uint8_t)access_route_need_of(in->m);
	begin_content(a, &w, VIAS_FRONT);
	while (sip_list_next(&l, &via) == 1)
		add_element(&w, VIAS_FRONT, via);
	return seal_content(a, TOKEN_VIAS, &w, token);
}

int access_vias_open(
	struct access *a, struct sip_str token, const struct incoming *in, struct vias *out)
{
	size_t len;
	int rc = token_open(a->config.key, TOKEN_VIAS, token, a->content, &len);

	if (rc != 0 || len <= VIAS_FRONT || be64_get(a->content) != in->flow->id ||
		be64_get(a->content + 32) != access_transaction_of(a, in->m))
		return ERR_DENIED;
	out->way.flow = be64_get(a->content + 8);
	peer_get(a->content + 16, &out->way.peer);
	out->route_need = (enum route_need)a->content[40];
	out->text = sip_str_of(a->content + VIAS_FRONT, len - VIAS_FRONT);
	return 0;
}
