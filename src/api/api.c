/* SPDX-License-Identifier: BSD-3-Clause */
/* The API's life, its routes, and those that need no caller: health, readiness, metrics. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "api_priv.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

static const struct metrics_row rows[API_COUNTER_COUNT] = {
	[API_REQUEST_OK] = {"sallyport_api_requests_total", "result=\"ok\"", METRICS_COUNTER,
		"Requests to the credential API."},
	[API_REQUEST_REFUSED] = {"sallyport_api_requests_total", "result=\"refused\"",
		METRICS_COUNTER, "Requests to the credential API."},
	[API_REQUEST_FAILED] = {"sallyport_api_requests_total", "result=\"failed\"",
		METRICS_COUNTER, "Requests to the credential API."},
	[API_CALLER_UNKNOWN] = {"sallyport_api_callers_refused_total", "reason=\"unknown\"",
		METRICS_COUNTER, "Callers that were not let through."},
	[API_CALLER_LIMITED] = {"sallyport_api_callers_refused_total", "reason=\"rate\"",
		METRICS_COUNTER, "Callers that were not let through."},
	[API_GRANTED_JSON] = {"sallyport_api_credentials_total", "form=\"json\"", METRICS_COUNTER,
		"Credentials given out."},
	[API_GRANTED_XML] = {"sallyport_api_credentials_total", "form=\"xml\"", METRICS_COUNTER,
		"Credentials given out."},
	[API_GRANTED_REST] = {"sallyport_api_credentials_total", "form=\"rest\"", METRICS_COUNTER,
		"Credentials given out."},
	[API_REFUSED_ITEM] = {"sallyport_api_credentials_refused_total", NULL, METRICS_COUNTER,
		"Credentials asked for and refused."},
	[API_REVOKED] = {"sallyport_api_revocations_total", NULL, METRICS_COUNTER,
		"Revocations taken."},
};

const struct metrics_group api_counters = {rows, API_COUNTER_COUNT};

struct api *api_create(const struct api_config *c)
{
	struct api *a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	a->config = *c;
	list_init(&a->servers);
	a->mras = mras_service_create();
	if (a->mras == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

static void put_auth(struct api *a)
{
	for (size_t i = 0; i < a->n_auth; i++)
		auth_snapshot_put(a->auth[i]);
	free(a->auth);
}

void api_destroy(struct api *a)
{
	if (a == NULL)
		return;
	list_for_each_safe (it, &a->servers)
		free(CONTAINER_OF(it, struct api_server, link));
	mras_service_destroy(a->mras);
	put_auth(a);
	free(a);
}

void api_mras_set(struct api *a, const struct mras_config *c)
{
	mras_service_config_set(a->mras, c);
}

int api_auth_set(struct api *a, struct auth_snapshot *const *by_tenant, size_t n)
{
	struct auth_snapshot **list = calloc(n + 1, sizeof(struct auth_snapshot *));
	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		list[i] = by_tenant[i] != NULL ? auth_snapshot_get(by_tenant[i]) : NULL;
	put_auth(a); /* after the new counts: some are the same */
	a->auth = list;
	a->n_auth = n;
	return 0;
}

/* ---- routes without a caller; neither counted nor logged, since something polls them ---- */

static void on_health(struct http_request *r, void *arg)
{
	http_reply_header(r, "Cache-Control", "no-store");
	http_reply(r, 200, "text/plain", "ok\n", 3);
}

static void on_ready(struct http_request *r, void *arg)
{
	const struct api_server *s = arg;
	const char *why = NULL;
	char text[128];
	bool is_ready = s->api->config.is_ready(s->api->config.arg, &why);
	int n = snprintf(text, sizeof(text), "%s%s%s\n", is_ready ? "ready" : "not ready",
		why != NULL ? ": " : "", why != NULL ? why : "");
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	http_reply_header(r, "Cache-Control", "no-store");
	http_reply(r, is_ready ? 200 : 503, "text/plain", text, (size_t)n);
}

static void on_metrics(struct http_request *r, void *arg)
{
	const struct api_server *s = arg;
	char *text = NULL;
	size_t len = 0;
	if (metrics_set_print(s->api->config.metrics, &text, &len) == 0)
		http_reply(r, 200, METRICS_TYPE, text, len);
	else
		http_reply(r, 500, NULL, NULL, 0);
	free(text);
}

/* ---- attaching ---- */

static const struct {
	unsigned face; /* 0: always */
	enum http_method method;
	const char *path;
	http_handler fn;
} routes[] = {
	{0, HTTP_GET, "/healthz", on_health},
	{API_METRICS, HTTP_GET, "/readyz", on_ready},
	{API_METRICS, HTTP_GET, "/metrics", on_metrics},
	{API_CREDENTIALS, HTTP_POST, "/mras/v1/credentials", api_on_credentials},
	{API_CREDENTIALS, HTTP_GET, "/mras/v1/turn", api_on_turn},
	{API_CREDENTIALS, HTTP_POST, "/mras/v1/turn", api_on_turn},
	{API_CREDENTIALS, HTTP_GET, "/mras/v1/revocations", api_on_revocations},
	{API_CREDENTIALS, HTTP_POST, "/mras/v1/revocations", api_on_revoke},
	{API_CREDENTIALS, HTTP_GET, "/mras/v1/keys", api_on_keys},
	{API_OPERATOR, HTTP_GET, "/admin/v1/status", api_on_status},
	{API_OPERATOR, HTTP_POST, "/admin/v1/reload", api_on_reload},
	{API_OPERATOR, HTTP_GET, "/admin/v1/allocations", api_on_allocations},
	{API_OPERATOR, HTTP_GET, "/admin/v1/allocation", api_on_allocation},
	{API_OPERATOR, HTTP_POST, "/admin/v1/kill", api_on_kill},
	{API_OPERATOR, HTTP_GET, "/admin/v1/drain", api_on_drain_show},
	{API_OPERATOR, HTTP_POST, "/admin/v1/drain", api_on_drain},
	{API_OPERATOR, HTTP_POST, "/admin/v1/decode", api_on_decode},
};

int api_attach(struct api *a, struct http_server *server, unsigned faces)
{
	struct api_server *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	assert((faces & API_OPERATOR) == 0 || (a->config.admin != NULL && faces & API_LOCAL));
	s->api = a;
	s->faces = faces;
	list_append(&a->servers, &s->link); /* routes may point to it from now on */
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if ((routes[i].face & faces) != routes[i].face)
			continue;
		int code = http_server_route(
			server, routes[i].method, routes[i].path, routes[i].fn, s);
		if (code != 0)
			return code;
	}
	return 0;
}
