/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /admin/v1/allocations, /allocation and /kill: questions that the workers answer, so that the
 * reply comes in a later turn than the request.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "api_priv.h"

#define PAGE_DEFAULT 100
#define TEXT_MAX     512

/* A request that waits for the workers. */
struct waiting {
	struct api_call call;
	bool is_one; /* about one allocation, with its peers */
	bool is_kill;
	uint32_t limit;
};

/* ---- answers ---- */

/* The face that has this listener, or NULL: it may have gone with a reload. */
static const char *face_of(const struct api_status *s, const struct turn_alloc_info *i)
{
	for (size_t k = 0; k < s->n_listeners; k++) {
		const struct api_listener *l = &s->listeners[k];
		if (addr_equal(&l->address, &i->listener) &&
			strcmp(l->transport, auth_transport_name(i->transport)) == 0)
			return l->face;
	}
	return NULL;
}

static json_t *address_json(const struct addr *a)
{
	char text[ADDR_TEXT_LEN];
	return json_string(addr_format(a, text));
}

static json_t *relays_json(const struct turn_alloc_info *i)
{
	json_t *list = json_array();
	for (size_t k = 0; k < ARRAY_LEN(i->relays); k++) {
		if (i->relays[k].family != ADDR_NONE)
			(void)json_array_append_new(list, address_json(&i->relays[k]));
	}
	return list;
}

static json_t *traffic_json(const struct turn_alloc_info *i, enum flow_direction d)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)i->packets[d], "bytes",
		(json_int_t)i->bytes[d]);
}

/* By the limits that have dropped anything; NULL: none has. */
static json_t *drops_json(const struct turn_alloc_info *i)
{
	json_t *o = NULL;

	for (unsigned l = 0; l < FLOW_LIMITS; l++) {
		const struct flow_drops *d = &i->drops[l];
		if (d->packets == 0)
			continue;
		o = o ? o : json_object();
		(void)json_object_set_new(o, flow_limit_name(l),
			json_pack("{s:I, s:I}", "packets", (json_int_t)d->packets, "bytes",
				(json_int_t)d->bytes));
	}
	return o;
}

static json_t *info_json(const struct turn_alloc_info *i, const struct api_status *s)
{
	char id[20], subject[2 * AUTH_SUBJECT_LEN + 1], jti[2 * AUTH_JTI_LEN + 1];
	snprintf(id, sizeof(id), "%llx", (unsigned long long)i->id);
	hex_encode(i->subject, sizeof(i->subject), subject);
	hex_encode(i->jti, sizeof(i->jti), jti);
	json_t *o = json_pack("{s:s, s:o, s:o, s:s, s:s*, s:s, s:o}", "id", id, "client",
		address_json(&i->client), "listener", address_json(&i->listener), "transport",
		auth_transport_name(i->transport), "face", face_of(s, i), "location",
		i->location == AUTH_INTRANET ? "intranet" : "internet", "relays", relays_json(i));
	json_t *more = json_pack("{s:I, s:I, s:I, s:i, s:i, s:s, s:s, s:s, s:s, s:I, s:o, s:o}",
		"age", (json_int_t)i->age_s, "expiresIn", (json_int_t)i->expires_in_s,
		"refreshUntil", (json_int_t)i->refresh_until, "permissions", (int)i->n_permissions,
		"channels", (int)i->n_channels, "subject", subject, "jti", jti, "kid", i->kid,
		"username", i->username, "rateLimit", (json_int_t)i->rate_bytes_s * 8, "toPeers",
		traffic_json(i, FLOW_UP), "toClient", traffic_json(i, FLOW_DOWN));
	if (o != NULL && more != NULL)
		(void)json_object_update(o, more);
	if (o != NULL && i->is_tcp)
		(void)json_object_set_new(o, "connections", json_integer(i->n_connections));
	json_t *dropped = drops_json(i);
	if (o != NULL && dropped != NULL)
		(void)json_object_set(o, "dropped", dropped);
	json_decref(dropped);
	json_decref(more);
	return o;
}

static json_t *infos_json(const struct api_call *c, const struct api_allocations *a)
{
	const struct api_config *config = &c->api->config;
	struct api_status s = {0};
	json_t *list = json_array();
	config->admin->status(config->arg, &s);
	for (size_t i = 0; i < a->n_infos; i++)
		(void)json_array_append_new(list, info_json(&a->infos[i], &s));
	return list;
}

static json_t *peers_json(const struct api_allocations *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->n_peers; i++) {
		const struct turn_peer_info *p = &a->peers[i];
		json_t *o = json_pack("{s:o, s:I}", "peer", address_json(&p->peer), "expiresIn",
			(json_int_t)p->expires_in_s);
		if (o != NULL && p->channel != 0)
			(void)json_object_set_new(o, "channel", json_integer(p->channel));
		if (o != NULL && p->is_connection)
			(void)json_object_set_new(o, "connection", json_true());
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *silent_json(const struct api_allocations *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->n_silent; i++)
		(void)json_array_append_new(list, json_integer(a->silent[i]));
	return list;
}

static void reply_one(struct api_call *c, const struct api_allocations *a)
{
	if (a->n_infos == 0) {
		api_reply_problem(c,
			&(struct api_problem){404, "Not Found", "notFound",
				a->n_silent > 0
					? "no worker that answered has such an allocation, but not "
					  "all did"
					: "there is no such allocation; it may have ended"});
		return;
	}
	json_t *list = infos_json(c, a);
	json_t *o = json_incref(json_array_get(list, 0));
	json_decref(list);
	if (o != NULL)
		(void)json_object_set_new(o, "peers", peers_json(a));
	api_reply_json(c, 200, o);
}

static void reply_list(struct api_call *c, const struct waiting *w, const struct api_allocations *a)
{
	char next[20];
	json_t *o = json_pack("{s:I, s:o, s:o}", w->is_kill ? "killed" : "matched",
		(json_int_t)a->n_matched, "allocations", infos_json(c, a), "silentWorkers",
		silent_json(a));
	if (o != NULL && !w->is_kill && a->n_infos > 0 && a->n_matched > a->n_infos) {
		snprintf(next, sizeof(next), "%llx",
			(unsigned long long)a->infos[a->n_infos - 1].id);
		(void)json_object_set_new(o, "next", json_string(next));
	}
	api_reply_json(c, 200, o);
}

static void on_answer(void *arg, const struct api_allocations *a)
{
	struct waiting *w = arg;
	if (a == NULL)
		api_reply_result(&w->call, MRAS_INTERNAL, "out of memory");
	else if (w->is_one)
		reply_one(&w->call, a);
	else
		reply_list(&w->call, w, a);
	free(w);
}

static void ask(const struct api_call *c, const struct turn_question *q, bool is_one)
{
	struct api_call call = *c;
	call.auth = NULL; /* borrowed for this turn only */
	struct waiting *w = calloc(1, sizeof(*w));
	int code = -ENOMEM;
	if (w != NULL) {
		*w = (struct waiting){call, is_one, q->ends_them, q->limit};
		code = c->api->config.admin->allocations(c->api->config.arg, q, on_answer, w);
	}
	if (code == 0)
		return;
	free(w);
	api_reply_result(&call, code == ERR_FULL ? MRAS_BUSY : MRAS_INTERNAL,
		code == ERR_FULL ? "too many such questions wait; ask again" : "out of memory");
}

/* ---- questions: each reader says what is wrong, or NULL ---- */

static const char *read_address(const char *text, struct turn_address_filter *out)
{
	struct addr a;
	out->is_set = true;
	if (prefix_parse(text, &out->prefix) == 0)
		return NULL;
	char ip[ADDR_TEXT_LEN];
	if (addr_parse(text, 0, &a) != 0 || prefix_parse(addr_format_ip(&a, ip), &out->prefix) != 0)
		return "what a filter has is no address; write an address such as 198.51.100.7, "
		       "one "
		       "with a port, or a prefix such as 198.51.100.0/24";
	out->port = a.port;
	return NULL;
}

static const char *read_client(const struct api_call *c, const char *text, struct turn_filter *out)
{
	return read_address(text, &out->client);
}

static const char *read_relay(const struct api_call *c, const char *text, struct turn_filter *out)
{
	return read_address(text, &out->relay);
}

static const char *read_peer(const struct api_call *c, const char *text, struct turn_filter *out)
{
	return read_address(text, &out->peer);
}

/* 32 hexadecimal digits, or an identity: its pseudonym under the key that signs now. */
static const char *read_subject(const struct api_call *c, const char *text, struct turn_filter *out)
{
	uint64_t now_s = http_request_clock(c->r)->wall_s;
	size_t len;
	out->has_subject = true;
	if (hex_decode(text, strlen(text), out->subject, sizeof(out->subject), &len) == 0 &&
		len == sizeof(out->subject))
		return NULL;
	if (c->auth == NULL || text[0] == '\0' ||
		auth_subject(c->auth, now_s, bytes_str(text), out->subject) != 0)
		return "the subject is neither 32 hexadecimal digits nor an identity";
	return NULL;
}

static const char *read_face(const struct api_call *c, const char *text, struct turn_filter *out)
{
	const struct api_config *config = &c->api->config;
	struct api_status s = {0};
	config->admin->status(config->arg, &s);
	out->has_listeners = true;
	for (size_t i = 0; i < s.n_listeners; i++) {
		const struct api_listener *l = &s.listeners[i];
		if (strcmp(l->face, text) != 0 || out->n_listeners == TURN_FILTER_LISTENERS)
			continue;
		enum auth_transport t = AUTH_UDP;
		while (t != AUTH_DTLS && strcmp(auth_transport_name(t), l->transport) != 0)
			t = (enum auth_transport)(t << 1);
		out->listeners[out->n_listeners++] = (struct turn_listener_filter){l->address, t};
	}
	return out->n_listeners > 0 ? NULL : "there is no face of this name";
}

static const char *read_number(const char *text, uint64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoull(text, &end, 16);
	return errno != 0 || *end != '\0' || text[0] == '\0' || text[0] == '-'
		       ? "an id is not a hexadecimal number"
		       : NULL;
}

static const char *read_id(const struct api_call *c, const char *text, struct turn_filter *out)
{
	const char *wrong = read_number(text, &out->id);
	return wrong == NULL && out->id == 0 ? "no allocation has the id 0" : wrong;
}

static const struct {
	const char *name;
	const char *(*read)(const struct api_call *c, const char *text, struct turn_filter *out);
} filters[] = {
	{"id", read_id},
	{"client", read_client},
	{"subject", read_subject},
	{"relay", read_relay},
	{"peer", read_peer},
	{"face", read_face},
};

static const char *read_limit(const char *text, uint32_t *out)
{
	if (text[0] == '\0' || strlen(text) > 4 || text[strspn(text, "0123456789")] != '\0')
		return "the limit is not a number from 1 to 1000";
	*out = (uint32_t)atoi(text);
	return *out == 0 || *out > TURN_PAGE_MAX ? "the limit is not a number from 1 to 1000"
						 : NULL;
}

/* One parameter of the query; an absent one leaves TEXT empty and is right. */
static const char *parameter(struct http_request *r, const char *name, char text[TEXT_MAX])
{
	int code = http_request_query(r, name, text, TEXT_MAX);
	if (code == 0)
		return NULL;
	text[0] = '\0';
	return code == ERR_NOT_FOUND ? NULL : "a parameter is too long or wrongly encoded";
}

static const char *read_query(const struct api_call *c, struct turn_question *q)
{
	char text[TEXT_MAX];
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		const char *wrong = parameter(c->r, filters[i].name, text);
		if (wrong == NULL && text[0] != '\0')
			wrong = filters[i].read(c, text, &q->filter);
		if (wrong != NULL)
			return wrong;
	}
	const char *wrong = parameter(c->r, "after", text);
	if (wrong == NULL && text[0] != '\0')
		wrong = read_number(text, &q->after);
	if (wrong != NULL)
		return wrong;
	wrong = parameter(c->r, "limit", text);
	return wrong == NULL && text[0] != '\0' ? read_limit(text, &q->limit) : wrong;
}

/* ---- routes ---- */

void api_on_allocations(struct http_request *r, void *arg)
{
	struct api_call c;
	struct turn_question q = {.limit = PAGE_DEFAULT};
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN))
		return;
	const char *wrong = read_query(&c, &q);
	if (wrong != NULL)
		api_reply_result(&c, MRAS_MALFORMED, wrong);
	else
		ask(&c, &q, false);
}

void api_on_allocation(struct http_request *r, void *arg)
{
	struct api_call c;
	struct turn_question q = {.limit = 1, .has_peers = true};
	char text[TEXT_MAX];
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN))
		return;
	const char *wrong = parameter(r, "id", text);
	if (wrong == NULL)
		wrong = read_id(&c, text, &q.filter);
	if (wrong != NULL)
		api_reply_result(&c, MRAS_MALFORMED, wrong);
	else
		ask(&c, &q, true);
}

/* At least one of the filters: to end all there are is what stopping the daemon is for. */
static const char *read_kill(const struct api_call *c, const json_t *root, struct turn_filter *f)
{
	const char *key, *wrong = "nothing says which ones are to end";
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)root, key, value) {
		size_t i = 0;
		while (i < ARRAY_LEN(filters) && strcmp(filters[i].name, key) != 0)
			i++;
		if (i == ARRAY_LEN(filters) || !json_is_string(value))
			return "there is something else in it than texts to choose by";
		wrong = filters[i].read(c, json_string_value(value), f);
		if (wrong != NULL)
			return wrong;
	}
	return wrong;
}

void api_on_kill(struct http_request *r, void *arg)
{
	struct api_call c;
	struct turn_question q = {.limit = PAGE_DEFAULT, .ends_them = true};
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ADMIN))
		return;
	json_t *root = api_body_json(&c);
	if (root == NULL)
		return;
	const char *wrong = read_kill(&c, root, &q.filter);
	json_decref(root);
	if (wrong != NULL)
		api_reply_result(&c, MRAS_MALFORMED, wrong);
	else
		ask(&c, &q, false);
}
