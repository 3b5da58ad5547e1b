/* SPDX-License-Identifier: BSD-3-Clause */
/* The MRAS XML answer. */
#include "relay.h"
#include "text.h"
#include "xml.h"

#define SERVER_VERSION "2.0"

static void add_attribute(struct text *t, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_add(t, " ");
	text_add(t, name);
	text_add(t, "=\"");
	text_add_xml(t, value);
	text_add(t, "\"");
}

static void add_element(struct text *t, const char *name, const char *value)
{
	text_add(t, "<");
	text_add(t, name);
	text_add(t, ">");
	text_add_xml(t, value);
	text_add(t, "</");
	text_add(t, name);
	text_add(t, ">");
}

static void add_number(struct text *t, const char *name, unsigned long n)
{
	text_add(t, "<");
	text_add(t, name);
	text_add(t, ">");
	text_add_uint(t, n);
	text_add(t, "</");
	text_add(t, name);
	text_add(t, ">");
}

/* One mediaRelay; the schema has no place for TLS on a port of its own. */
static void add_relay(
	struct text *t, const struct mras_relay *r, const char *kind, const char *host)
{
	text_add(t, "<mediaRelay>");
	add_element(t, "location", r->location == AUTH_INTERNET ? "internet" : "intranet");
	add_element(t, kind, host);
	if (r->udp_port != 0)
		add_number(t, "udpPort", r->udp_port);
	if (r->tcp_port != 0)
		add_number(t, "tcpPort", r->tcp_port);
	text_add(t, "</mediaRelay>");
}

static void add_relays(struct text *t, const struct mras_config *c, const struct mras_view *v)
{
	const struct addr *a;
	for (size_t i = 0; i < c->n_relays; i++) {
		const struct mras_relay *r = &c->relays[i];
		if (!mras_relay_is_offered(r, v))
			continue;
		if (mras_relay_is_named(r, v)) {
			add_relay(t, r, "hostName", r->host_name);
			continue;
		}
		for (size_t j = 0; (a = mras_relay_next_address(r, v, &j)) != NULL;) {
			char host[ADDR_TEXT_LEN];
			add_relay(t, r, "directIPAddress", addr_format_ip(a, host));
		}
	}
}

static void add_credentials(struct text *t, const struct mras_config *c,
	const struct mras_item *item, const struct mras_grant *g)
{
	const struct mras_view v = {g->locations, item->is_direct, item->is_ipv4_only, g->tenant};
	text_add(t, "<credentialsResponse");
	add_attribute(t, "credentialsRequestID", item->id);
	text_add(t, "><credentials>");
	add_element(t, "username", g->credential.username);
	add_element(t, "password", g->credential.password);
	add_number(t, "duration", g->duration_min);
	text_add(t, "</credentials><mediaRelayList>");
	add_relays(t, c, &v);
	text_add(t, "</mediaRelayList></credentialsResponse>");
}

int mras_xml_encode(const struct mras_config *c, const struct mras_request *req,
	const struct mras_response *r, char **out, size_t *len)
{
	struct text t = {0};
	text_add(&t, "<?xml version=\"1.0\"?>\n<response xmlns=\"" MRAS_XML_NS "\"");
	add_attribute(&t, "requestID", req->request_id);
	add_attribute(&t, "version", req->version);
	add_attribute(&t, "serverVersion", SERVER_VERSION);
	add_attribute(&t, "to", req->to);
	add_attribute(&t, "from", req->from);
	add_attribute(&t, "reasonPhrase", mras_result_phrase(r->result));
	text_add(&t, ">");
	for (size_t i = 0; i < r->n_grants; i++)
		add_credentials(&t, c, &req->items[i], &r->grants[i]);
	text_add(&t, "</response>\n");
	return text_take(&t, out, len);
}
