/* SPDX-License-Identifier: BSD-3-Clause */
/* Wiring of the main thread. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/access.h>
#include <sallyport/api.h>
#include <sallyport/flow.h>
#include <sallyport/net.h>
#include <sallyport/mediation/anchor.h>
#include <sallyport/mediation/call.h>
#include <sallyport/net/path.h>
#include <sallyport/sip/transaction.h>
#include <sallyport/sip/transport.h>

#include "control_priv.h"
#include "counters.h"
#include "drain.h"
#include "expiry.h"
#include "inspect.h"
#include "process.h"
#include "status.h"
#include "tenant_metrics.h"
#include "trim.h"
#include "trunk_metrics.h"
#include "upgrade.h"
#include "watch.h"
#include "workers.h"

#define MAILBOX_LEN    16384
#define API_HEADER_MAX 16384
/* Above what a document may have, so that the API itself can say that one is too large. */
#define API_BODY_MAX      (2 * MRAS_BODY_MAX)
#define API_IDLE_S        15
#define API_REQUEST_S     10
#define ADMIN_CONNECTIONS 32

static const struct metrics_group *const groups[] = {&net_counters, &net_path_counters,
	&flow_counters, &flow_kernel_counters, &relay_counters, &turn_counters, &tenant_counters,
	&api_counters, &daemon_counters, &sip_transport_counters, &transaction_counters,
	&access_counters, &call_counters, &trunk_counters, &anchor_counters, &media_counters};

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

static int on_drain(void *arg, const struct api_drain_order *o)
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
	.drain = on_drain,
	.allocations = on_ask};

static void end(struct control *c)
{
	process_notify("STOPPING=1");
	c->is_running = false;
	loop_stop(c->loop);
}

static void on_drained(void *arg)
{
	end(arg);
}

/* ---- upgrade ---- */

#define LEAVING_LOOK_MS  500
#define LEAVING_LEAST_MS 2000 /* for answers of the HTTP servers */

static void start_upgrade(struct control *c)
{
	int rc;

	if (c->call_thread || c->access) {
		log_error(LOG_DAEMON, "upgrade not started",
			"program=%s error=\"calls and SIP connections cannot be handed over\" "
			"hint=\"sallyportctl drain --exit, and start it again\"",
			c->program);
		return;
	}
	rc = c->is_leaving || !c->upgrade ? ERR_DENIED : upgrade_spawn(c->program, c->path);
	if (rc != 0)
		log_error(LOG_DAEMON, "upgrade not started", "program=%s error=\"%s\"", c->program,
			err_text(rc));
}

static void look_for_connections(struct wheel_timer *t, void *arg)
{
	struct control *c = CONTAINER_OF(t, struct control, leaving);
	uint64_t age_ms = loop_clock(c->loop)->mono_ms - c->left_ms;
	uint64_t n = metrics_set_sum(c->metrics, &net_counters, NET_C_CONNECTIONS);
	bool is_late = age_ms >= c->settings->options->edge.limits.max_lifetime_s * 1000;

	(void)arg;
	if (is_late || (n == 0 && age_ms >= LEAVING_LEAST_MS)) {
		log_notice(LOG_DAEMON, "stopping", "connections=%llu", (unsigned long long)n);
		loop_stop(c->loop);
		return;
	}
	wheel_set(loop_wheel(c->loop), t, loop_clock(c->loop)->mono_ms + LEAVING_LOOK_MS);
}

static void on_handed_over(void *arg, int pid)
{
	struct control *c = arg;

	(void)pid;
	c->is_running = false;
	c->is_leaving = true;
	c->left_ms = loop_clock(c->loop)->mono_ms;
	wheel_timer_init(&c->leaving, look_for_connections);
	wheel_set(loop_wheel(c->loop), &c->leaving, c->left_ms + LEAVING_LOOK_MS);
}

/* It works without: then there is no upgrade, and a restart for that. Calls and SIP connections
 * cannot be handed over.
 */
static void open_door(struct control *c)
{
	struct upgrade_config u = {
		.loop = c->loop,
		.workers = c->workers,
		.settings = (const struct settings *const *)&c->settings,
		.api = c->api_server,
		.admin = c->admin_server,
		.admin_tcp = c->admin_tcp,
		.done = on_handed_over,
		.arg = c,
	};
	int fd = c->takeover ? takeover_door(c->takeover) : -1;
	char why[256];

	if (c->call_thread || c->access)
		return;
	if (upgrade_open(&u, fd, c->settings->options->user, &c->upgrade, why) != 0)
		log_warning(LOG_DAEMON, "no upgrade",
			"reason=\"%s\" hint=\"a restart is needed for one\"", why);
}

static void inherit(struct control *c, struct http_config *h, bool is_admin)
{
	if (!c->takeover)
		return;
	h->inherit = takeover_http;
	h->inherit_arg = takeover_http_arg(c->takeover, is_admin);
}

static void on_signal(int signo, void *arg)
{
	struct control *c = arg;

	if (signo == SIGUSR2) {
		start_upgrade(c);
		return;
	}
	if (signo == SIGHUP) {
		(void)control_reload(c, NULL, NULL); /* it has logged what was wrong */
		return;
	}
	if (signo == SIGUSR1) {
		(void)on_drain(c, &(struct api_drain_order){.is_on = true}); /* logged */
		return;
	}
	log_notice(LOG_DAEMON, "stopping", "signal=%d", signo);
	end(c);
}

/* ---- making ---- */

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

static int add_signals(struct control *c)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		int rc = loop_signal_add(c->loop, signals[i], on_signal, c);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* What the operator's requests are answered with. */
static int make_operator(struct control *c)
{
	struct drain_config d = {c->loop, c->workers, c->metrics, on_drained, c};

	c->inspect = inspect_create(c->loop, c->workers);
	c->drain = drain_create(&d);
	c->watch = watch_create(c->loop, control_files_changed, c);
	c->expiry = expiry_create(
		c->loop, metrics_set_cells(c->metrics, &daemon_counters, c->n_workers));
	c->trim = trim_create(c->loop, c->metrics);
	return c->inspect && c->drain && c->watch && c->expiry && c->trim ? 0 : -ENOMEM;
}

static int make_access(struct control *c, char why[256])
{
	const struct access_thread_config a = {.path = c->path,
		.settings = c->settings,
		.main = c->loop,
		.api = &c->api,
		.metrics = c->metrics,
		.block = c->n_workers + 2};

	return access_thread_create(&a, &c->access, why);
}

/* Calls and SIP connections cannot be handed over. */
static int refuse_takeover(char why[256])
{
	snprintf(why, 256,
		"without \"edge\" there is nothing to take over; end the daemon that runs, and "
		"start without --take-over");
	return ERR_CONFIG;
}

static int make_all(struct control *c, bool takes_over, char why[256])
{
	const char *user = c->settings->options->user;
	int rc = control_log_open(c, &c->settings->options->log, why);

	if (rc != 0)
		return rc;
	c->n_workers = options_workers(c->settings->options);
	c->loop = loop_create("main", MAILBOX_LEN);
	/* A block for each worker, for this thread, for those of calls and of the SIP door. */
	c->metrics = metrics_set_create(groups, ARRAY_LEN(groups), c->n_workers + 3);
	c->status = status_create();
	if (!c->loop || !c->metrics || !c->status)
		return -ENOMEM;
	if (takes_over && !c->settings->options->has_edge)
		rc = refuse_takeover(why);
	else if (takes_over)
		rc = takeover_begin(c->settings, c->n_workers, &c->takeover, why);
	if (rc == 0)
		rc = datapath_create(c->loop, c->settings,
			c->takeover ? takeover_inherited(c->takeover) : NULL, c->n_workers,
			&c->datapath, why);
	if (rc == 0)
		rc = workers_create(c->loop, c->settings, c->datapath,
			c->takeover ? takeover_inherited(c->takeover) : NULL, c->metrics,
			c->n_workers, &c->workers, why);
	if (rc == 0 && c->settings->options->has_mediation)
		rc = call_thread_create(c->settings->doc, &c->settings->call_tls, c->workers,
			c->metrics, c->n_workers + 1, &c->call_thread, why);
	if (rc == 0 && c->call_thread)
		trunk_metrics_show(
			&c->settings->options->mediation, call_thread_numbers(c->call_thread));
	if (rc == 0 && c->settings->options->has_access)
		rc = make_access(c, why);
	if (rc == 0)
		rc = make_operator(c);
	if (rc == 0)
		rc = make_api(c);
	if (rc == 0)
		rc = serve_admin(c, why);
	if (rc == 0)
		rc = serve_api(c, why);
	if (rc == 0)
		rc = add_signals(c);
	if (rc == 0)
		open_door(c);
	if (rc == 0 && user)
		rc = process_become(user, datapath_capabilities(c->datapath), why);
	return rc;
}

int control_create(
	const char *path, struct settings *s, bool takes_over, struct control **out, char why[256])
{
	struct control *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	snprintf(why, 256, "out of memory");
	if (c) {
		c->settings = s;
		c->log_fd = -1;
		c->path = strdup(path);
		/* By its name, which after an upgrade of the package is that of the new one. */
		(void)!readlink("/proc/self/exe", c->program, sizeof(c->program) - 1);
	} else {
		settings_destroy(s);
	}
	if (c && c->path)
		rc = make_all(c, takes_over, why);
	if (rc != 0) {
		control_destroy(c);
		return rc;
	}
	*out = c;
	return 0;
}

static const char *transport_name(enum auth_transport t)
{
	switch (t) {
	case AUTH_UDP:
		return "udp";
	case AUTH_TCP:
		return "tcp";
	case AUTH_TLS:
		return "tls";
	case AUTH_DTLS:
	default:
		return "dtls";
	}
}

static void log_start(const struct control *c)
{
	const struct settings *s = c->settings;
	char a[ADDR_TEXT_LEN];

	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct settings_listener *l = &s->listeners[i];
		log_notice(LOG_DAEMON, "listening", "face=%s address=%s transport=%s", l->face,
			addr_format(&l->local, a), transport_name(l->transport));
	}
	const struct addr *api = s->options->mras.listen.items;
	for (size_t i = 0; i < s->options->mras.listen.n; i++)
		log_notice(LOG_DAEMON, "listening", "api=mras address=%s", addr_format(&api[i], a));
	if (c->call_thread)
		call_thread_log(c->call_thread);
	if (c->access)
		access_thread_log(c->access);
	log_notice(LOG_DAEMON, "ready", "version=%s workers=%u realm=%s", PACKAGE_VERSION,
		c->n_workers, s->options->has_edge ? s->options->edge.realm : "-");
}

static int start(struct control *c)
{
	char why[256] = "";
	int rc = c->takeover ? takeover_receive(c->takeover, c->workers, why) : 0;

	if (rc == 0)
		rc = workers_start(c->workers);
	if (rc == 0 && c->call_thread)
		rc = call_thread_start(c->call_thread, why);
	if (rc == 0 && c->access)
		rc = access_thread_start(c->access);
	if (rc == 0 && c->takeover) {
		rc = takeover_confirm(c->takeover, why);
		if (rc == 0)
			c->takeover = NULL;
	}
	if (rc != 0)
		log_error(LOG_DAEMON, "cannot start the workers", "error=\"%s\"",
			why[0] ? why : err_text(rc));
	return rc;
}

int control_run(struct control *c)
{
	int rc = start(c);

	if (rc != 0)
		return rc;
	c->is_running = true;
	control_follow(c);
	log_start(c);
	process_ready();
	rc = loop_run(c->loop);
	log_notice(LOG_DAEMON, "stopped", "allocations=%llu",
		(unsigned long long)metrics_set_sum(
			c->metrics, &turn_counters, TURN_C_ALLOCATIONS));
	return rc;
}

static void leave_servers(struct control *c)
{
	struct http_server *all[] = {c->api_server, c->admin_server, c->admin_tcp};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i])
			http_server_leave(all[i]);
	}
}

void control_destroy(struct control *c)
{
	if (!c)
		return;
	drain_destroy(c->drain);
	watch_destroy(c->watch);
	expiry_destroy(c->expiry);
	trim_destroy(c->trim);
	upgrade_close(c->upgrade, c->takeover != NULL);
	if (c->takeover) /* that has failed: what was lent goes on without us */
		leave_servers(c);
	takeover_destroy(c->takeover);
	call_thread_stop(c->call_thread);
	workers_stop(c->workers);
	call_thread_destroy(c->call_thread);
	access_thread_destroy(c->access);
	workers_destroy(c->workers);
	datapath_destroy(c->datapath);
	inspect_destroy(c->inspect);
	http_server_destroy(c->api_server);
	crypto_tls_destroy(c->api_tls);
	http_server_destroy(c->admin_server);
	http_server_destroy(c->admin_tcp);
	api_destroy(c->api);
	metrics_set_destroy(c->metrics);
	loop_destroy(c->loop);
	settings_destroy(c->settings);
	status_destroy(c->status);
	free(c->path);
	if (c->log_fd >= 0) {
		log_fd_set(2);
		close(c->log_fd);
	}
	free(c);
}
