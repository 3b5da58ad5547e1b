/* SPDX-License-Identifier: BSD-3-Clause */
/* /admin/v1/drain: the node sends its new clients elsewhere. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "api_priv.h"

#define STUN_PORT 3478

static const char *location_name(uint8_t bits)
{
	return bits == 0 ? "any" : bits == AUTH_INTRANET ? "intranet" : "internet";
}

static json_t *alternates_json(const struct api_drain *d)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_LEN];
	for (size_t i = 0; i < d->n_alternates; i++) {
		const struct turn_alternate *a = &d->alternates[i];
		(void)json_array_append_new(
			list, json_pack("{s:s, s:i, s:s*, s:s, s:b}", "address",
				      addr_format(&a->address, text), "tlsPort", (int)a->tls_port,
				      "domain", a->domain[0] != '\0' ? a->domain : NULL, "location",
				      location_name(a->locations), "up", d->is_up[i]));
	}
	return list;
}

json_t *api_drain_json(const struct api *a)
{
	struct api_drain d = {0};
	a->config.admin->drain_show(a->config.arg, &d);
	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:o}", "draining", d.is_on, "exit", d.exits,
		"allocations", (json_int_t)d.n_allocations, "calls", (json_int_t)d.n_calls,
		"redirectAbove", (json_int_t)d.above, "alternates", alternates_json(&d));
}

void api_on_drain_show(struct http_request *r, void *arg)
{
	struct api_call c;
	api_call_init(&c, arg, r);
	if (api_require(&c, MRAS_ADMIN))
		api_reply_json(&c, 200, api_drain_json(c.api));
}

/* ---- POST: what is wrong with the order, or NULL ---- */

static const char *read_location(const json_t *o, uint8_t *out)
{
	const json_t *v = json_object_get(o, "location");
	const char *text = json_string_value(v);
	*out = 0;
	if (v == NULL || (text != NULL && strcmp(text, "any") == 0))
		return NULL;
	if (text != NULL && strcmp(text, "internet") == 0)
		*out = AUTH_INTERNET;
	else if (text != NULL && strcmp(text, "intranet") == 0)
		*out = AUTH_INTRANET;
	return *out != 0 ? NULL : "a location is neither internet, intranet nor any";
}

static const char *read_domain(const json_t *o, struct turn_alternate *out)
{
	const json_t *v = json_object_get(o, "domain");
	const char *text = json_string_value(v);
	if (v == NULL)
		return NULL;
	if (text == NULL || strlen(text) > TURN_DOMAIN_MAX)
		return "a domain is not a text of at most 255 characters";
	for (const char *p = text; *p != '\0'; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return "a domain has something else in it than printable ASCII";
	}
	snprintf(out->domain, sizeof(out->domain), "%s", text);
	return NULL;
}

static const char *read_alternate(const json_t *o, struct turn_alternate *out)
{
	const char *address = json_string_value(json_object_get(o, "address"));
	const json_t *port = json_object_get(o, "tlsPort");
	*out = (struct turn_alternate){0};
	if (address == NULL || addr_parse(address, STUN_PORT, &out->address) != 0 ||
		addr_is_unspecified(&out->address) || out->address.port == 0)
		return "an alternate has no \"address\" that is an IP address, with its port";
	if (port != NULL && (!json_is_integer(port) || json_integer_value(port) < 0 ||
				    json_integer_value(port) > UINT16_MAX))
		return "a \"tlsPort\" is not a port";
	out->tls_port = (uint16_t)json_integer_value(port);
	const char *wrong = read_location(o, &out->locations);
	return wrong != NULL ? wrong : read_domain(o, out);
}

static const char *read_order(const json_t *root, struct api_drain_order *out)
{
	const json_t *on = json_object_get(root, "on"), *ends = json_object_get(root, "exit");
	const json_t *to = json_object_get(root, "to"), *alternate;
	size_t i;
	if (!json_is_boolean(on) || (ends != NULL && !json_is_boolean(ends)))
		return "\"on\" is not true or false, or \"exit\" is something else";
	out->is_on = json_is_true(on);
	out->exits = json_is_true(ends);
	if (to != NULL && !json_is_array(to))
		return "\"to\" is not a list of alternates";
	if (json_array_size(to) > API_ALTERNATES_MAX)
		return "\"to\" has more than 16 alternates";
	json_array_foreach (to, i, alternate) {
		const char *wrong = read_alternate(alternate, &out->alternates[i]);
		if (wrong != NULL)
			return wrong;
	}
	out->n_alternates = json_array_size(to);
	return NULL;
}

void api_on_drain(struct http_request *r, void *arg)
{
	struct api_call c;
	struct api_drain_order order = {0};
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN))
		return;
	json_t *root = api_body_json(&c);
	if (root == NULL)
		return;
	const char *wrong = read_order(root, &order);
	json_decref(root);
	if (wrong != NULL)
		api_reply_result(&c, MRAS_MALFORMED, wrong);
	else if (c.api->config.admin->drain(c.api->config.arg, &order) != 0)
		api_reply_result(&c, MRAS_INTERNAL, "out of memory");
	else
		api_reply_json(&c, 200, api_drain_json(c.api));
}
