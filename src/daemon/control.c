/* SPDX-License-Identifier: BSD-3-Clause */
/* Wiring of the main thread. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/api.h>
#include <sallyport/flow.h>
#include <sallyport/net.h>

#include "control.h"
#include "counters.h"
#include "drain.h"
#include "expiry.h"
#include "inspect.h"
#include "process.h"
#include "revocations.h"
#include "status.h"
#include "tenant_metrics.h"
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

static const struct metrics_group *const groups[] = {&net_counters, &flow_counters, &relay_counters,
	&turn_counters, &tenant_counters, &api_counters, &daemon_counters};

struct control {
	char *path;
	struct loop *loop;
	struct settings *settings;
	struct metrics_set *metrics;
	unsigned n_workers;
	struct workers *workers;
	struct api *api;
	struct http_server *api_server; /* NULL without an API */
	struct ssl_ctx_st *api_tls;     /* what it uses; owned here */

	struct http_server *admin_server; /* on the Unix socket */
	struct http_server *admin_tcp;    /* NULL unless configured */
	struct status *status;
	struct inspect *inspect;
	struct drain *drain;
	struct watch *watch;
	struct expiry *expiry;
	struct takeover *takeover; /* while it takes over */
	struct upgrade *upgrade;   /* NULL: the next one cannot */
	char program[PATH_MAX];
	bool is_leaving; /* another process has taken over; only connections are left */
	uint64_t left_ms;
	struct wheel_timer leaving;
	bool is_running;
	int log_fd; /* -1: standard error */
};

/* ---- log ---- */

static int open_log(struct control *c, const struct options_log *o, char why[256])
{
	int fd = -1;

	if (o->file) {
		fd = open(o->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
		if (fd < 0) {
			int error = errno;
			snprintf(why, 256, "cannot open the log file %s: %s", o->file,
				err_text(-error));
			return -error;
		}
	}
	log_fd_set(fd >= 0 ? fd : 2);
	/* The old descriptor may be in a worker's hand this moment; dup2 keeps the number valid. */
	if (c->log_fd >= 0 && fd >= 0) {
		(void)dup2(fd, c->log_fd);
		log_fd_set(c->log_fd);
		close(fd);
	} else if (fd >= 0) {
		c->log_fd = fd;
	}
	log_level_set((enum log_level)o->level);
	log_privacy_set(o->privacy);
	return 0;
}

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
	for (unsigned t = 0; t <= c->settings->n_tenants; t++) {
		if (has_signing_key(settings_auth(c->settings, t), loop_clock(c->loop)->wall_s))
			continue;
		*why = "a tenant has no key that signs at this time";
		return false;
	}
	return true;
}

static size_t list_revocations(
	const struct auth_snapshot *auth, struct auth_revocation *out, uint64_t now_s)
{
	struct auth_revocation r;
	size_t n = 0;

	for (size_t i = 0; n < REVOCATIONS_MAX && auth_snapshot_revocation(auth, i, &r); i++) {
		if (r.until_s > now_s)
			out[n++] = r;
	}
	return n;
}

static int give_to_api(struct control *c)
{
	struct auth_snapshot *auth[1 + OPTIONS_TENANTS_MAX];
	unsigned n = 1 + (unsigned)c->settings->n_tenants;

	for (unsigned i = 0; i < n; i++)
		auth[i] = settings_auth(c->settings, i);
	int rc = api_auth_set(c->api, auth, n);
	/* Callers and keys belong together: with the old keys there are no new callers. */
	api_mras_set(c->api, rc == 0 ? &c->settings->mras : NULL);
	return rc;
}

static void hand_out(struct control *c)
{
	tenant_metrics_show(c->settings);
	workers_snapshot(c->workers, c->settings->turn);
	if (give_to_api(c) != 0)
		log_error(LOG_API, "no credentials are issued",
			"error=\"out of memory\" hint=\"send SIGHUP when there is more\"");
}

/* Saved first: an entry that would be gone after a restart is not taken. */
static int take_revocations(
	void *arg, unsigned tenant, const struct auth_revocation *more, size_t n_more)
{
	struct control *c = arg;
	const char *path = settings_revocation_file(c->settings, tenant);
	struct auth_revocation *all = calloc(REVOCATIONS_MAX, sizeof(*all));
	int rc = ERR_FULL;

	if (!all)
		return -ENOMEM;
	size_t n = list_revocations(
		settings_auth(c->settings, tenant), all, loop_clock(c->loop)->wall_s);
	if (n_more <= REVOCATIONS_MAX - n) {
		memcpy(all + n, more, n_more * sizeof(*more));
		n += n_more;
		rc = path ? revocations_save(path, all, n) : 0;
		if (rc != 0)
			log_error(LOG_AUTH, "revocations not saved",
				"file=%s error=\"%s\" hint=\"none of them was taken; make room or "
				"mend the path, and send them again\"",
				path, err_text(rc));
	}
	if (rc == 0)
		rc = settings_revoke(c->settings, tenant, all, n);
	free(all);
	if (c->watch)
		watch_settle(c->watch); /* what changed there is our own doing */
	if (rc == 0)
		hand_out(c);
	return rc;
}

/* ---- reload ---- */

/* Who asked for a reload, when it was on the operator's socket: hears what the log says. */
struct asker {
	api_say_fn say; /* NULL: a signal */
	void *arg;
};

static void say_to_log(void *arg, bool is_warning, const char *line)
{
	const struct asker *asker = arg;

	if (is_warning)
		log_warning(LOG_CONF, "configuration", "%s", line);
	else
		log_error(LOG_CONF, "configuration", "%s", line);
	if (asker->say)
		asker->say(asker->arg, line);
}

static void say_fixed(const char *path, void *arg)
{
	char line[256];

	snprintf(line, sizeof(line),
		"\"%s\" cannot change while the daemon runs; restart it for that", path);
	say_to_log(arg, false, line);
}

static int reload_settings(struct control *c, struct asker *asker, struct settings **out)
{
	struct settings *s;
	char why[256];
	int rc = settings_load(c->path, c->settings, say_to_log, asker, &s);

	if (rc != 0)
		return rc;
	if (conf_diff_fixed(c->settings->doc, s->doc, options_table, say_fixed, asker) > 0) {
		settings_destroy(s);
		return ERR_CONFIG;
	}
	rc = open_log(c, &s->options->log, why);
	if (rc != 0) {
		say_to_log(asker, false, why);
		settings_destroy(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void swap_tls(struct control *c)
{
	if (!c->api_server)
		return;
	(void)http_server_tls_set(c->api_server, c->settings->tls); /* returns what api_tls is */
	crypto_tls_destroy(c->api_tls);
	c->api_tls = c->settings->tls;
	c->settings->tls = NULL;
}

static void set_alternates(struct control *c)
{
	if (drain_options(c->drain, &c->settings->options->edge) != 0)
		log_error(LOG_DAEMON, "alternates not taken",
			"error=\"out of memory\" hint=\"send SIGHUP when there is more\"");
}

static void say_expiry(struct control *c)
{
	struct api_status status;

	status_fill(c->status, c->settings, c->api_tls, &status);
	(void)expiry_update(c->expiry, status.certificates,
		status.n_certificates); /* without memory the old ones stay known */
}

/* The caller destroys what was in force. */
static void put_in_force(struct control *c, struct settings *s)
{
	c->settings = s;
	hand_out(c);
	workers_tls(c->workers, &s->faces_tls);
	swap_tls(c);
	say_expiry(c);
}

/* ---- files that change under a configuration ---- */

static void watch_input(void *arg, const char *path)
{
	struct control *c = arg;

	if (watch_add(c->watch, path) != 0)
		log_error(LOG_CONF, "file not watched", "file=%s error=\"out of memory\"", path);
}

static void watch_inputs(struct control *c)
{
	watch_clear(c->watch);
	conf_each_input(c->settings->doc, options_table, watch_input, c);
}

/* Revocations that no file keeps are kept over a change of other files. */
static int keep_revocations(struct control *c, struct settings *s)
{
	struct auth_revocation *list = calloc(REVOCATIONS_MAX, sizeof(*list));
	int rc = list ? 0 : -ENOMEM;

	for (unsigned t = 0; t <= s->n_tenants && rc == 0; t++) {
		if (settings_revocation_file(s, t))
			continue;
		size_t n = list_revocations(
			settings_auth(c->settings, t), list, loop_clock(c->loop)->wall_s);
		if (n > 0)
			rc = settings_revoke(s, t, list, n);
	}
	free(list);
	return rc;
}

/* Keeps the first error for the one line that the log gets. */
static void keep_first(void *arg, bool is_warning, const char *line)
{
	char *first = arg;

	if (!is_warning && first[0] == '\0')
		snprintf(first, CRYPTO_WHY_LEN, "%s", line);
}

static void on_files_changed(void *arg)
{
	struct control *c = arg;
	struct settings *s, *old = c->settings;
	metrics_cell *cells = metrics_set_cells(c->metrics, &daemon_counters, c->n_workers);
	char why[CRYPTO_WHY_LEN] = "";
	int rc = settings_reread(old, keep_first, why, &s);

	if (rc != 0) {
		metrics_add(cells, DAEMON_C_FILES_REFUSED, 1);
		log_error(LOG_CONF, "changed files not taken",
			"error=\"%s\" hint=\"what was read before stays in force; the files are "
			"tried again when they change\"",
			why);
		return;
	}
	if (keep_revocations(c, s) != 0)
		log_error(LOG_AUTH, "revocations lost",
			"error=\"out of memory\" hint=\"send them again, and name a "
			"revocation_file\"");
	put_in_force(c, s);
	settings_destroy(old);
	metrics_add(cells, DAEMON_C_FILES_TAKEN, 1);
	log_notice(LOG_CONF, "changed files taken", "realm=%s", s->options->edge.realm);
}

static int reload(struct control *c, struct asker *asker)
{
	if (c->is_leaving)
		return ERR_DENIED; /* it is for the process that has taken over */

	struct settings *s, *old = c->settings;

	process_notify("RELOADING=1");
	int rc = reload_settings(c, asker, &s);
	if (rc != 0) {
		log_error(LOG_CONF, "reload refused",
			"file=%s hint=\"the old configuration stays in force; mend the file and "
			"send SIGHUP again\"",
			c->path);
		process_notify("READY=1");
		return rc;
	}
	put_in_force(c, s);
	set_alternates(c);
	watch_inputs(c);
	settings_destroy(old);
	log_notice(LOG_CONF, "reloaded", "file=%s", c->path);
	process_notify("READY=1");
	return 0;
}

static int on_reload(void *arg, api_say_fn say, void *say_arg)
{
	return reload(arg, &(struct asker){say, say_arg});
}

static void on_status(void *arg, struct api_status *out)
{
	struct control *c = arg;

	status_fill(c->status, c->settings, c->api_tls, out);
	out->n_workers = c->n_workers;
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

	return drain_order(c->drain, o);
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
	int rc = c->is_leaving || !c->upgrade ? ERR_DENIED : upgrade_spawn(c->program, c->path);

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

/* It works without: then there is no upgrade, and a restart for that. */
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
		(void)reload(c, &(struct asker){NULL, NULL}); /* it has logged what was wrong */
		return;
	}
	if (signo == SIGUSR1) {
		(void)drain_order(c->drain, &(struct api_drain_order){.is_on = true}); /* logged */
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
		.revoke = take_revocations,
		.admin = &admin_calls,
		.arg = c,
	};

	c->api = api_create(&a);
	if (!c->api)
		return -ENOMEM;
	tenant_metrics_show(c->settings);
	return give_to_api(c);
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
	c->watch = watch_create(c->loop, on_files_changed, c);
	c->expiry = expiry_create(
		c->loop, metrics_set_cells(c->metrics, &daemon_counters, c->n_workers));
	return c->inspect && c->drain && c->watch && c->expiry ? 0 : -ENOMEM;
}

static int make_all(struct control *c, bool takes_over, char why[256])
{
	const char *user = c->settings->options->user;
	int rc = open_log(c, &c->settings->options->log, why);

	if (rc != 0)
		return rc;
	c->n_workers = options_workers(c->settings->options);
	c->loop = loop_create("main", MAILBOX_LEN);
	c->metrics = metrics_set_create(groups, ARRAY_LEN(groups), c->n_workers + 1);
	c->status = status_create();
	if (!c->loop || !c->metrics || !c->status)
		return -ENOMEM;
	if (takes_over)
		rc = takeover_begin(c->settings, c->n_workers, &c->takeover, why);
	if (rc == 0)
		rc = workers_create(c->loop, c->settings,
			c->takeover ? takeover_inherited(c->takeover) : NULL, c->metrics,
			c->n_workers, &c->workers, why);
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
		rc = process_become(user, why);
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
	log_notice(LOG_DAEMON, "ready", "version=%s workers=%u realm=%s", PACKAGE_VERSION,
		c->n_workers, s->options->edge.realm);
}

static int start(struct control *c)
{
	char why[256] = "";
	int rc = c->takeover ? takeover_receive(c->takeover, c->workers, why) : 0;

	if (rc == 0)
		rc = workers_start(c->workers);
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
	set_alternates(c);
	watch_inputs(c);
	say_expiry(c);
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
	upgrade_close(c->upgrade, c->takeover != NULL);
	if (c->takeover) /* that has failed: what was lent goes on without us */
		leave_servers(c);
	takeover_destroy(c->takeover);
	workers_destroy(c->workers);
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
