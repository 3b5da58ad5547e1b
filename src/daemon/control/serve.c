/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP servers of the main thread, and what their requests ask of the daemon. */
#include <errno.h>

#include "../counters.h"
#include "../drain.h"
#include "../inspect.h"
#include "../status.h"
#include "../tenant_metrics.h"
#include "../trunk_metrics.h"
#include "../upgrade.h"
#include "control_priv.h"

#define API_HEADER_MAX 16384
/* Above what a document may have, so that the API itself can say that one is too large. */
#define API_BODY_MAX      (2 * MRAS_BODY_MAX)
#define API_IDLE_S        15
#define API_REQUEST_S     10
#define ADMIN_CONNECTIONS 32

/* ---- what the API asks of the daemon ---- */

static bool has_signing_key(const struct auth_snapshot *auth, uint64_t now_s)
{
	struct auth_key_info k;

	for (size_t i = 0; auth_snapshot_key(auth, i, now_s, &k); i++) {
		if (k.is_signing)
			return true;
	}
	return false;
}

static bool is_ready(void *arg, const char **why)
{
	struct control *c = arg;

	if (!c->is_running) {
		*why = "starting or stopping";
		return false;
	}
	if (drain_is_on(c->drain)) {
		*why = "draining";
		return false;
	}
	for (unsigned t = 0; c->settings->auth && t <= c->settings->n_tenants; t++) {
		if (has_signing_key(settings_auth(c->settings, t), loop_clock(c->loop)->wall_s))
			continue;
		*why = "a tenant has no key that signs at this time";
		return false;
	}
	return true;
}

static int on_reload(void *arg, api_say_fn say, void *say_arg)
{
	return control_reload(arg, say, say_arg);
}

static void on_status(void *arg, struct api_status *out)
{
	struct control *c = arg;

	status_fill(c->status, c->settings, c->api_tls, out);
	out->n_workers = c->n_workers;
	datapath_show(c->datapath, out);
	if (c->call_thread) {
		out->n_trunks = trunk_metrics_status(c->metrics, &c->settings->options->mediation,
			call_thread_numbers(c->call_thread), c->trunks);
		out->trunks = c->trunks;
		if (trunk_metrics_front(
			    c->metrics, &c->settings->options->mediation, &c->front_end))
			out->front_end = &c->front_end;
	}
}

static int on_ask(void *arg, const struct turn_question *q, api_allocations_fn fn, void *fn_arg)
{
	struct control *c = arg;

	return inspect_ask(c->inspect, q, fn, fn_arg);
}

static void on_drain_show(void *arg, struct api_drain *out)
{
	struct control *c = arg;

	drain_show(c->drain, out);
}

int control_drain(void *arg, const struct api_drain_order *o)
{
	struct control *c = arg;
	int rc = drain_order(c->drain, o);

	if (rc == 0 && c->access)
		rc = access_thread_drain(c->access, o->is_on);
	if (rc == 0 && c->call_thread)
		rc = call_thread_drain(c->call_thread, o->is_on);
	return rc;
}

static const struct api_operator admin_calls = {.status = on_status,
	.reload = on_reload,
	.drain_show = on_drain_show,
	.drain = control_drain,
	.allocations = on_ask};

/* ---- the servers ---- */

static void inherit(struct control *c, struct http_config *h, bool is_admin)
{
	if (!c->takeover)
		return;
	h->inherit = takeover_http;
	h->inherit_arg = takeover_http_arg(c->takeover, is_admin);
}

static int serve_api(struct control *c, char why[256])
{
	struct settings *s = c->settings;
	struct http_config h = {
		.name = "mras",
		.tls = s->tls,
		.listen = s->options->mras.listen.items,
		.n_listen = s->options->mras.listen.n,
		.max_header_bytes = API_HEADER_MAX,
		.max_body_bytes = API_BODY_MAX,
		.max_connections = (unsigned)s->options->mras.max_connections,
		.idle_timeout_s = API_IDLE_S,
		.request_timeout_s = API_REQUEST_S,
	};
	unsigned faces = API_CREDENTIALS | (s->options->mras.bearer_tokens ? API_BEARER : 0);

	if (h.n_listen == 0)
		return 0;
	inherit(c, &h, false);
	int rc = http_server_create(c->loop, &h, &c->api_server, why);
	if (rc == 0) {
		c->api_tls = s->tls;
		s->tls = NULL;
		rc = api_attach(c->api, c->api_server, faces);
	}
	return rc;
}

static int serve_admin(struct control *c, char why[256])
{
	const struct options_admin *o = &c->settings->options->admin;
	struct http_config h = {
		.name = "admin",
		.unix_path = o->socket,
		.unix_mode = 0660,
		.max_header_bytes = API_HEADER_MAX,
		.max_body_bytes = API_BODY_MAX,
		.max_connections = ADMIN_CONNECTIONS,
		.idle_timeout_s = API_IDLE_S,
		.request_timeout_s = API_REQUEST_S,
	};

	inherit(c, &h, true);
	int rc = http_server_create(c->loop, &h, &c->admin_server, why);

	if (rc == 0)
		rc = api_attach(c->api, c->admin_server,
			API_METRICS | API_CREDENTIALS | API_LOCAL | API_OPERATOR);
	if (rc != 0 || o->listen.n == 0)
		return rc;
	h.unix_path = NULL;
	h.listen = o->listen.items;
	h.n_listen = o->listen.n;
	rc = http_server_create(c->loop, &h, &c->admin_tcp, why);
	return rc == 0 ? api_attach(c->api, c->admin_tcp, API_METRICS) : rc;
}

static int make_api(struct control *c)
{
	struct api_config a = {
		.metrics = c->metrics,
		.cells = metrics_set_cells(c->metrics, &api_counters, c->n_workers),
		.is_ready = is_ready,
		.revoke = control_revoke,
		.admin = &admin_calls,
		.arg = c,
	};

	c->api = api_create(&a);
	if (!c->api)
		return -ENOMEM;
	tenant_metrics_show(c->settings);
	return control_give_to_api(c);
}

int control_serve(struct control *c, char why[256])
{
	int rc = make_api(c);

	if (rc == 0)
		rc = serve_admin(c, why);
	return rc == 0 ? serve_api(c, why) : rc;
}
