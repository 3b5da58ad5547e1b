/* SPDX-License-Identifier: BSD-3-Clause */
/* How a request ends: its answer, its counters and its one line in the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "api_priv.h"

#define PROBLEM_TYPE   "application/problem+json"
#define REQUEST_ID_LEN 65

void api_call_init(struct api_call *c, struct api_server *s, struct http_request *r)
{
	*c = (struct api_call){.api = s->api, .faces = s->faces, .r = r};
	api_caller_find(c);
}

bool api_type_is(const struct http_request *r, const char *type)
{
	const char *value = http_request_header(r, "Content-Type");
	size_t n = strlen(type);
	if (value == NULL || strncasecmp(value, type, n) != 0)
		return false;
	value += n;
	value += strspn(value, " \t");
	return *value == '\0' || *value == ';';
}

json_t *api_body_json(struct api_call *c)
{
	struct bytes body = http_request_body(c->r);
	if (body.len > MRAS_BODY_MAX) {
		api_reply_result(c, MRAS_TOO_LARGE, "the body is too large");
		return NULL;
	}
	json_t *root = json_loadb(
		(const char *)body.data, body.len, JSON_REJECT_DUPLICATES, &(json_error_t){0});
	if (root == NULL)
		api_reply_result(c, MRAS_MALFORMED, "the body is not JSON");
	return root;
}

/* A caller's text in our line: nothing of it may look like a key or a line of its own. */
static const char *log_id(const char *id, char out[REQUEST_ID_LEN])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._:";
	size_t n = 0;
	for (; id != NULL && id[n] != '\0' && n < REQUEST_ID_LEN - 1; n++)
		out[n] = id[n];
	out[n] = '\0';
	for (size_t i = strspn(out, plain); i < n; i += strspn(out + i, plain))
		out[i] = '_';
	return n > 0 ? out : "-";
}

static void log_call(const struct api_call *c, int status)
{
	char client[ADDR_TEXT_LEN] = "local", id[REQUEST_ID_LEN];
	const char *path = http_request_path(c->r); /* NULL: the connection has gone since */
	if (http_request_client(c->r)->family != ADDR_NONE)
		log_addr(http_request_client(c->r), client);
	log_info(LOG_API, "request",
		"method=%s path=%s status=%d caller=%s client=%s id=%s granted=%u refused=%u",
		http_request_method(c->r) == HTTP_POST ? "POST" : "GET", path != NULL ? path : "-",
		status, c->caller != NULL ? c->caller->name : "-", client,
		log_id(c->request_id, id), c->granted, c->refused);
}

static void count(const struct api_call *c, int status)
{
	metrics_cell *cells = c->api->config.cells;
	metrics_add(cells,
		status < 300   ? API_REQUEST_OK
		: status < 500 ? API_REQUEST_REFUSED
			       : API_REQUEST_FAILED,
		1);
	metrics_add(cells, API_REFUSED_ITEM, c->refused);
	if (c->caller == NULL)
		metrics_add(cells, API_CALLER_UNKNOWN, 1);
}

void api_reply(struct api_call *c, int status, const char *type, const void *body, size_t len)
{
	count(c, status);
	log_call(c, status);
	if (status == 401)
		http_reply_header(c->r, "WWW-Authenticate", "Bearer");
	http_reply_header(c->r, "Cache-Control", "no-store");
	http_reply(c->r, status, type, body, len);
}

static void reply_text(struct api_call *c, int status, const char *type, json_t *root)
{
	char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (text != NULL)
		api_reply(c, status, type, text, strlen(text));
	else
		api_reply(c, 500, NULL, NULL, 0);
	free(text);
}

void api_reply_json(struct api_call *c, int status, json_t *root)
{
	reply_text(c, status, "application/json", root);
}

void api_reply_problem(struct api_call *c, const struct api_problem *p)
{
	char type[64];
	snprintf(type, sizeof(type), "urn:sallyport:problem:%s", p->reason);
	reply_text(c, p->status, PROBLEM_TYPE,
		json_pack("{s:s, s:s, s:i, s:s, s:s*, s:s*}", "type", type, "title", p->title,
			"status", p->status, "reason", p->reason, "detail", p->detail, "requestId",
			c->request_id));
}

void api_reply_result(struct api_call *c, enum mras_result r, const char *detail)
{
	struct api_problem p = {
		(int)mras_result_status(r), mras_result_phrase(r), mras_result_reason(r), detail};
	/* Where tokens count, one without a certificate has to show another token (RFC 6750 §3). */
	if (r == MRAS_FORBIDDEN && c->caller == NULL && !c->has_certificate &&
		(c->faces & API_BEARER) != 0)
		p = (struct api_problem){401, "Unauthorized", "unauthorized", detail};
	api_reply_problem(c, &p);
}
