/* SPDX-License-Identifier: BSD-3-Clause */
/* The main thread from its making to its end, and the signals that it obeys. */
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

#include "../counters.h"
#include "../drain.h"
#include "../expiry.h"
#include "../inspect.h"
#include "../process.h"
#include "../status.h"
#include "../tenant_metrics.h"
#include "../trim.h"
#include "../trunk_metrics.h"
#include "../upgrade.h"
#include "../watch.h"
#include "../workers.h"
#include "control_priv.h"

#define MAILBOX_LEN 16384

static const struct metrics_group *const groups[] = {&loop_counters, &net_counters,
	&net_path_counters, &flow_counters, &flow_kernel_counters, &relay_counters, &turn_counters,
	&tenant_counters, &api_counters, &daemon_counters, &sip_transport_counters,
	&transaction_counters, &access_counters, &call_counters, &trunk_counters, &anchor_counters,
	&media_counters};

static void on_signal(int signo, void *arg)
{
	struct control *c = arg;

	if (signo == SIGUSR2) {
		control_upgrade_begin(c);
		return;
	}
	if (signo == SIGHUP) {
		(void)control_reload(c, NULL, NULL); /* it has logged what was wrong */
		return;
	}
	if (signo == SIGUSR1) {
		(void)control_drain(c, &(struct api_drain_order){.is_on = true}); /* logged */
		return;
	}
	log_notice(LOG_DAEMON, "stopping", "signal=%d", signo);
	control_end(c);
}

/* ---- making ---- */

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
	struct drain_config d = {c->loop, c->workers, c->metrics, control_end, c};

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
		rc = control_serve(c, why);
	if (rc == 0)
		rc = add_signals(c);
	if (rc == 0)
		control_upgrade_open(c);
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

static void log_start(const struct control *c)
{
	const struct settings *s = c->settings;
	char a[ADDR_TEXT_LEN];

	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct settings_listener *l = &s->listeners[i];
		log_notice(LOG_DAEMON, "listening", "face=%s address=%s transport=%s", l->face,
			addr_format(&l->local, a), auth_transport_name(l->transport));
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
