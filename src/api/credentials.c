/* SPDX-License-Identifier: BSD-3-Clause */
/* POST /mras/v1/credentials and /mras/v1/turn: HTTP around mras_answer and mras_answer_rest. */
#include <stdio.h>
#include <string.h>
#include "api_priv.h"

#define FORM_TYPE    "application/x-www-form-urlencoded"
#define TTL_DIGITS   10 /* more is 180 days anyway */
#define USERNAME_LEN AUTH_USERNAME_MAX

static struct mras_context context(const struct api_call *c)
{
	return (struct mras_context){.caller = c->caller,
		.auth = c->auth,
		.clock = http_request_clock(c->r),
		.tenant = c->tenant};
}

static void unsupported_type(struct api_call *c, const char *accepted)
{
	http_reply_header(c->r, "Accept-Post", accepted);
	api_reply_problem(c,
		&(struct api_problem){415, "Unsupported Media Type", "unsupportedMediaType", NULL});
}

/* Answers and finishes REPLY, a document of TYPE if there is one. */
static void reply_document(
	struct api_call *c, struct mras_reply *reply, const char *type, enum api_counter granted)
{
	char seconds[16];
	c->request_id = reply->request_id;
	c->granted = reply->granted;
	c->refused = reply->refused;
	metrics_add(c->api->config.cells, granted, reply->granted);
	if (reply->result == MRAS_BUSY) {
		metrics_add(c->api->config.cells, API_CALLER_LIMITED, 1);
		snprintf(seconds, sizeof(seconds), "%u", reply->retry_after_s);
		http_reply_header(c->r, "Retry-After", seconds);
	}
	if (reply->body != NULL)
		api_reply(c, (int)mras_result_status(reply->result), type, reply->body, reply->len);
	else
		api_reply_result(c, reply->result, reply->detail);
	mras_reply_fini(reply);
}

void api_on_credentials(struct http_request *r, void *arg)
{
	struct api_call c;
	struct mras_reply reply;
	api_call_init(&c, arg, r);
	if (!api_require_tenant(&c))
		return;
	bool is_xml = api_type_is(r, MRAS_XML_TYPE);
	if (!is_xml && !api_type_is(r, MRAS_JSON_TYPE)) {
		unsupported_type(&c, MRAS_JSON_TYPE ", " MRAS_XML_TYPE);
		return;
	}
	const struct mras_context ctx = context(&c);
	mras_answer(c.api->mras, &ctx, is_xml ? MRAS_XML : MRAS_JSON, http_request_body(r), &reply);
	reply_document(&c, &reply, is_xml ? MRAS_XML_TYPE : MRAS_JSON_TYPE,
		is_xml ? API_GRANTED_XML : API_GRANTED_JSON);
}

/* ---- by another way ---- */

static void count_service(
	struct api *a, const struct mras_caller *caller, const struct mras_reply *r)
{
	unsigned status = mras_result_status(r->result);

	metrics_add(a->config.cells,
		status < 300   ? API_REQUEST_OK
		: status < 500 ? API_REQUEST_REFUSED
			       : API_REQUEST_FAILED,
		1);
	metrics_add(a->config.cells, API_GRANTED_XML, r->granted);
	metrics_add(a->config.cells, API_REFUSED_ITEM, r->refused);
	if (caller == NULL)
		metrics_add(a->config.cells, API_CALLER_UNKNOWN, 1);
	else if (r->result == MRAS_BUSY)
		metrics_add(a->config.cells, API_CALLER_LIMITED, 1);
}

void api_service(struct api *a, const struct crypto_peer *peer, const struct clock *clock,
	struct bytes document, struct mras_reply *out)
{
	const struct mras_config *config = mras_service_config(a->mras);
	const struct mras_caller *caller = config ? mras_caller_by_peer(config, peer) : NULL;
	unsigned tenant = caller ? caller->tenant : 0;
	const struct mras_context ctx = {.caller = caller,
		.auth = tenant < a->n_auth ? a->auth[tenant] : NULL,
		.clock = clock,
		.tenant = tenant};

	mras_answer(a->mras, &ctx, MRAS_XML, document, out);
	count_service(a, caller, out);
	log_info(LOG_API, "request", "method=SERVICE status=%u caller=%s granted=%u refused=%u",
		mras_result_status(out->result), caller ? caller->name : "-", out->granted,
		out->refused);
}

/* ---- TURN REST ---- */

/* A parameter of the form's body when there is one, else of the query. */
static int parameter(struct http_request *r, const char *name, char *out, size_t cap)
{
	if (http_request_method(r) == HTTP_POST && http_request_body(r).len > 0)
		return http_form_value(http_request_body(r), name, out, cap);
	return http_request_query(r, name, out, cap);
}

/* 0 when there is none. */
static int parameter_ttl(struct http_request *r, uint64_t *ttl_s)
{
	char text[TTL_DIGITS + 1];
	int code = parameter(r, "ttl", text, sizeof(text));
	*ttl_s = 0;
	if (code == ERR_NOT_FOUND || (code == 0 && text[0] == '\0'))
		return 0;
	if (code != 0)
		return code;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return ERR_MALFORMED;
		*ttl_s = *ttl_s * 10 + (uint64_t)(*p - '0');
	}
	return *ttl_s > 0 ? 0 : ERR_MALFORMED;
}

static int parameter_location(struct http_request *r, uint8_t *location)
{
	char text[16];
	int code = parameter(r, "location", text, sizeof(text));
	*location = 0;
	if (code == ERR_NOT_FOUND)
		return 0;
	if (code == 0 && strcmp(text, "internet") == 0)
		*location = AUTH_INTERNET;
	else if (code == 0 && strcmp(text, "intranet") == 0)
		*location = AUTH_INTRANET;
	return *location != 0 ? 0 : ERR_MALFORMED;
}

/* What is wrong with the parameters, or NULL. */
static const char *parameters_read(
	struct http_request *r, char name[USERNAME_LEN], struct mras_rest_request *out)
{
	char service[8];
	if (parameter(r, "service", service, sizeof(service)) != 0 || strcmp(service, "turn") != 0)
		return "the service is not \"turn\"";
	if (parameter(r, "username", name, USERNAME_LEN) != 0)
		return "the username is missing, too long or wrongly encoded";
	if (parameter_ttl(r, &out->ttl_s) != 0)
		return "the ttl is not a number of seconds";
	if (parameter_location(r, &out->location) != 0)
		return "the location is neither internet nor intranet";
	out->name = name;
	return NULL;
}

void api_on_turn(struct http_request *r, void *arg)
{
	struct api_call c;
	struct mras_reply reply;
	struct mras_rest_request request;
	char name[USERNAME_LEN];
	api_call_init(&c, arg, r);
	if (!api_require(&c, MRAS_ISSUE))
		return;
	if (http_request_body(r).len > 0 && !api_type_is(r, FORM_TYPE)) {
		unsupported_type(&c, FORM_TYPE);
		return;
	}
	const char *wrong = parameters_read(r, name, &request);
	if (wrong != NULL) {
		api_reply_result(&c, MRAS_MALFORMED, wrong);
		return;
	}
	const struct mras_context ctx = context(&c);
	mras_answer_rest(c.api->mras, &ctx, &request, &reply);
	reply_document(&c, &reply, MRAS_JSON_TYPE, API_GRANTED_REST);
}
