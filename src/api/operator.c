/* SPDX-License-Identifier: BSD-3-Clause */
/* /admin/v1: what an operator sees of the node as a whole, and reloading. */
#include <errno.h>
#include <string.h>
#include "api_priv.h"

/* ---- GET /admin/v1/status ---- */

static void add_counter(void *list, const struct metrics_row *row, uint64_t value)
{
	(void)json_array_append_new(list, json_pack("{s:s, s:s*, s:I}", "name", row->name, "labels",
						  row->labels, "value", (json_int_t)value));
}

static json_t *counters_json(const struct metrics_set *set)
{
	json_t *list = json_array();
	if (list != NULL)
		metrics_set_each(set, add_counter, list);
	return list;
}

static json_t *listeners_json(const struct api_status *s)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_LEN];
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct api_listener *l = &s->listeners[i];
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s}", "face", l->face, "location",
				      l->location, "transport", l->transport, "address",
				      addr_format(&l->address, text)));
	}
	return list;
}

static json_t *certificates_json(const struct api_status *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->n_certificates; i++) {
		const struct api_certificate *c = &s->certificates[i];
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:I}", "usedBy", c->used_by, "file", c->file,
				      "notAfter", (json_int_t)c->not_after_s));
	}
	return list;
}

static json_t *addresses_json(const struct api_interface *i)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_LEN];
	for (size_t k = 0; k < i->n_addresses; k++)
		(void)json_array_append_new(
			list, json_string(addr_format_ip(&i->addresses[k], text)));
	return list;
}

static json_t *interfaces_json(const struct api_status *s)
{
	json_t *list = json_array();
	for (size_t k = 0; k < s->n_interfaces; k++) {
		const struct api_interface *i = &s->interfaces[k];
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:s*, s:s*, s:o}", "name", i->name, "datapath",
				      i->datapath, "mode", i->mode, "whyNotFaster", i->why,
				      "addresses", addresses_json(i)));
	}
	return list;
}

static json_t *trunk_json(const struct api_trunk *t)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:o*}", "name", t->name, "gateway",
		t->gateway, "state", t->state, "up", t->is_up, "calls", (json_int_t)t->n_calls,
		"addresses", (json_int_t)t->n_addresses, "addressesUp",
		(json_int_t)t->n_addresses_up, "registered",
		t->has_registration ? json_boolean(t->is_registered) : NULL);
}

static json_t *trunks_json(const struct api_status *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->n_trunks; i++)
		(void)json_array_append_new(list, trunk_json(&s->trunks[i]));
	return list;
}

void api_on_status(struct http_request *r, void *arg)
{
	struct api_call c;
	struct api_status s = {0};
	const char *why = NULL;
	uint64_t now_s = http_request_clock(r)->wall_s;
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN))
		return;
	const struct api_config *config = &c.api->config;
	config->admin->status(config->arg, &s);
	bool is_ready = config->is_ready(config->arg, &why);
	api_reply_json(&c, 200,
		json_pack("{s:s, s:I, s:I, s:i, s:b, s:s*, s:s*, s:o, s:o, s:o, s:s*, s:o, s:o, "
			  "s:o, s:o, s:o*}",
			"version", s.version, "now", (json_int_t)now_s, "started",
			(json_int_t)s.started_s, "workers", (int)s.n_workers, "ready", is_ready,
			"notReady", why, "realm",
			c.auth != NULL ? auth_snapshot_realm(c.auth) : NULL, "listeners",
			listeners_json(&s), "keys", api_keys_json(c.auth, now_s), "certificates",
			certificates_json(&s), "datapath", s.datapath, "interfaces",
			interfaces_json(&s), "trunks", trunks_json(&s), "drain",
			api_drain_json(c.api), "counters", counters_json(config->metrics),
			"frontEnd", s.front_end != NULL ? trunk_json(s.front_end) : NULL));
}

/* ---- POST /admin/v1/reload ---- */

static void add_line(void *list, const char *line)
{
	(void)json_array_append_new(list, json_string(line));
}

void api_on_reload(struct http_request *r, void *arg)
{
	struct api_call c;
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN))
		return;
	json_t *lines = json_array();
	int code = lines != NULL ? c.api->config.admin->reload(c.api->config.arg, add_line, lines)
				 : -ENOMEM;
	api_reply_json(&c, code == 0 ? 200 : 409,
		json_pack("{s:b, s:o}", "reloaded", code == 0, "messages", lines));
}

/* ---- POST /admin/v1/decode: what is in a username ---- */

static json_t *names_json(unsigned bits, const char *const *names, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		if (bits & 1u << i)
			(void)json_array_append_new(list, json_string(names[i]));
	}
	return list;
}

static json_t *claims_json(const struct auth_grant *g)
{
	static const char *const locations[] = {"internet", "intranet"};
	static const char *const transports[] = {"udp", "tcp", "tls", "dtls"};
	static const char *const flags[] = {"noIpv6", "tcpRelay"};
	const struct auth_claims *a = &g->claims;
	char subject[2 * AUTH_SUBJECT_LEN + 1], jti[2 * AUTH_JTI_LEN + 1], relays[17];
	uint8_t bitmap[8];
	be64_put(bitmap, a->relays);
	hex_encode(bitmap, sizeof(bitmap), relays);
	hex_encode(a->subject, sizeof(a->subject), subject);
	hex_encode(a->jti, sizeof(a->jti), jti);
	if (g->form == AUTH_FORM_REST)
		return json_pack("{s:s, s:s}", "form", "rest", "subject", subject);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:I, s:s}", "form", "m1", "kid",
		g->kid, "jti", jti, "subject", subject, "locations",
		names_json(a->locations, locations, ARRAY_LEN(locations)), "transports",
		names_json(a->transports, transports, ARRAY_LEN(transports)), "flags",
		names_json(a->flags, flags, ARRAY_LEN(flags)), "allocations",
		(int)a->max_allocations, "kbps", (json_int_t)a->kbps, "relays", relays);
}

static void explain(struct api_call *c, const char *username)
{
	struct auth_grant g;
	uint64_t now_s = http_request_clock(c->r)->wall_s;
	enum auth_reason why = auth_explain(c->auth, bytes_str(username), now_s, &g);
	json_t *out = json_pack("{s:b, s:s, s:I}", "accepted", why == AUTH_OK, "reason",
		auth_reason_text(why), "now", (json_int_t)now_s);
	if (out != NULL && why != AUTH_BAD_FORM) {
		(void)json_object_set_new(out, "expires", json_integer((json_int_t)g.expires_s));
		(void)json_object_set_new(
			out, "refreshUntil", json_integer((json_int_t)g.refresh_until_s));
		(void)json_object_set_new(out, "claims", claims_json(&g));
	}
	api_reply_json(c, 200, out);
}

void api_on_decode(struct http_request *r, void *arg)
{
	struct api_call c;
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN))
		return;
	if (c.auth == NULL) {
		api_reply_result(&c, MRAS_NOT_SUPPORTED, "this node has no keys");
		return;
	}
	json_t *root = api_body_json(&c);
	if (root == NULL)
		return;
	const char *username = json_string_value(json_object_get(root, "username"));
	if (username != NULL)
		explain(&c, username);
	else
		api_reply_result(&c, MRAS_MALFORMED, "there is no \"username\"");
	json_decref(root);
}
