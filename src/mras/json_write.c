/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON answers: credentials, and the TURN REST form. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include "json.h"

#define SERVER_VERSION "1.0"

int mras_json_take(json_t *root, char **out, size_t *len)
{
	/* Sized first, so that no outgrown copy of a password stays behind. */
	size_t n = root != NULL ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
	char *text = n > 0 ? malloc(n + 1) : NULL;
	if (text != NULL) {
		(void)json_dumpb(root, text, n, JSON_COMPACT);
		text[n] = '\0';
		*out = text;
		*len = n;
	}
	json_decref(root);
	return text != NULL ? 0 : -ENOMEM;
}

static int append_url(const char *url, void *array)
{
	return json_array_append_new(array, json_string(url)) == 0 ? 0 : -ENOMEM;
}

json_t *mras_json_urls(const struct mras_config *c, const struct mras_view *v)
{
	json_t *urls = json_array();
	for (size_t i = 0; urls != NULL && i < c->n_relays; i++) {
		if (mras_relay_is_offered(&c->relays[i], v) &&
			mras_relay_each_url(&c->relays[i], v, append_url, urls) != 0) {
			json_decref(urls);
			return NULL;
		}
	}
	return urls;
}

static json_t *addresses_json(const struct mras_relay *r, const struct mras_view *v)
{
	json_t *list = json_array();
	const struct addr *a;
	for (size_t i = 0; (a = mras_relay_next_address(r, v, &i)) != NULL;) {
		char text[ADDR_TEXT_LEN];
		json_array_append_new(list, json_string(addr_format_ip(a, text)));
	}
	return list;
}

static json_t *port_json(uint16_t port)
{
	return port != 0 ? json_integer(port) : NULL;
}

static json_t *relay_json(const struct mras_relay *r, const struct mras_view *v)
{
	/* 'o*' and 's*' leave a member out when its value is NULL. */
	return json_pack("{s:s, s:s*, s:o, s:o*, s:o*, s:o*, s:o*}", "location",
		r->location == AUTH_INTERNET ? "internet" : "intranet", "hostName",
		mras_relay_is_named(r, v) ? r->host_name : NULL, "addresses", addresses_json(r, v),
		"udpPort", port_json(r->udp_port), "tcpPort", port_json(r->tcp_port), "tlsPort",
		port_json(r->tls_port), "dtlsPort", port_json(r->dtls_port));
}

static json_t *relays_json(const struct mras_config *c, const struct mras_view *v)
{
	json_t *list = json_array();
	for (size_t i = 0; list != NULL && i < c->n_relays; i++) {
		if (mras_relay_is_offered(&c->relays[i], v) &&
			json_array_append_new(list, relay_json(&c->relays[i], v)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *granted_json(const struct mras_config *c, const struct mras_item *item,
	const struct mras_grant *g, const char *realm)
{
	const struct mras_view v = {g->locations, item->is_direct, item->is_ipv4_only, g->tenant};
	const char *username = g->credential.username, *password = g->credential.password;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:o, s:[{s:o, s:s, s:s}]}", "id",
		item->id, "result", "ok", "username", username, "password", password, "realm",
		realm, "duration", (int)g->duration_min, "ttl", (int)g->duration_min * 60,
		"expires", (json_int_t)g->credential.expires_s, "relays", relays_json(c, &v),
		"iceServers", "urls", mras_json_urls(c, &v), "username", username, "credential",
		password);
}

static json_t *refused_json(const struct mras_item *item, const struct mras_grant *g)
{
	return json_pack("{s:s, s:s, s:s}", "id", item->id, "result", mras_result_reason(g->result),
		"detail", g->detail);
}

int mras_json_encode(const struct mras_config *c, const struct mras_request *req,
	const struct mras_response *r, char **out, size_t *len)
{
	json_t *list = json_array();
	for (size_t i = 0; list != NULL && i < r->n_grants; i++) {
		const struct mras_item *item = &req->items[i];
		const struct mras_grant *g = &r->grants[i];
		json_t *o = g->result == MRAS_OK ? granted_json(c, item, g, r->realm)
						 : refused_json(item, g);
		if (json_array_append_new(list, o) != 0) {
			json_decref(list);
			return -ENOMEM;
		}
	}
	return mras_json_take(
		json_pack("{s:s*, s:s, s:I, s:o}", "requestId", req->request_id, "serverVersion",
			SERVER_VERSION, "serverTime", (json_int_t)r->time_s, "credentials", list),
		out, len);
}
