/* SPDX-License-Identifier: BSD-3-Clause */
/* What is in force, and how something else comes into force: revocations, reload, changed files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../counters.h"
#include "../drain.h"
#include "../expiry.h"
#include "../process.h"
#include "../revocations.h"
#include "../status.h"
#include "../tenant_metrics.h"
#include "../trunk_metrics.h"
#include "../watch.h"
#include "control_priv.h"

/* ---- log ---- */

int control_log_open(struct control *c, const struct options_log *o, char why[256])
{
	int fd = -1;

	if (o->file) {
		fd = open(o->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
		if (fd < 0) {
			int error = errno;
			snprintf(why, 256,
				"cannot open the log file %s: %s; its directory must exist, and "
				"the daemon's user may write there",
				o->file, err_text(-error));
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

/* ---- revocations ---- */

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

int control_give_to_api(struct control *c)
{
	struct auth_snapshot *auth[1 + OPTIONS_TENANTS_MAX];
	unsigned n = 1 + (unsigned)c->settings->n_tenants;

	for (unsigned i = 0; i < n; i++)
		auth[i] = settings_auth(c->settings, i);
	int rc = api_auth_set(c->api, auth, n);
	/* Callers and keys belong together: with the old keys there are no new callers. */
	api_mras_set(c->api, rc == 0 && c->settings->auth ? &c->settings->mras : NULL);
	return rc;
}

static void hand_out(struct control *c)
{
	tenant_metrics_show(c->settings);
	if (c->settings->turn)
		workers_snapshot(c->workers, c->settings->turn);
	if (control_give_to_api(c) != 0)
		log_error(LOG_API, "no credentials are issued",
			"error=\"out of memory\" hint=\"send SIGHUP when there is more\"");
}

/* Saved first: an entry that would be gone after a restart is not taken. */
int control_revoke(void *arg, unsigned tenant, const struct auth_revocation *more, size_t n_more)
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
	rc = control_log_open(c, &s->options->log, why);
	if (rc == 0 && c->call_thread) /* behind it nothing fails */
		rc = call_thread_reload(c->call_thread, s->doc, why);
	if (rc != 0) {
		char ignored[256]; /* the log was open */
		(void)control_log_open(c, &c->settings->options->log, ignored);
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
	if (!c->settings->options->has_edge)
		return;
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
	if (s->turn) {
		workers_tls(c->workers, &s->faces_tls);
		workers_busy_poll(c->workers, (uint32_t)s->options->edge.busy_poll);
	}
	if (c->access && access_thread_update(c->access, s) != 0)
		log_error(LOG_DAEMON, "SIP door not told",
			"error=\"out of memory\" hint=\"send SIGHUP when there is more\"");
	if (c->call_thread) {
		call_thread_tls(c->call_thread, &s->call_tls);
		trunk_metrics_show(&s->options->mediation, call_thread_numbers(c->call_thread));
	}
	swap_tls(c);
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

void control_follow(struct control *c)
{
	set_alternates(c);
	watch_inputs(c);
	say_expiry(c);
}

/* Revocations that no file keeps are kept over a change of other files. */
static int keep_revocations(struct control *c, struct settings *s)
{
	struct auth_revocation *list = calloc(REVOCATIONS_MAX, sizeof(*list));
	int rc = list ? 0 : -ENOMEM;

	for (unsigned t = 0; s->auth && t <= s->n_tenants && rc == 0; t++) {
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

/* Passwords: all else of it is as it was. */
static void reread_calls(struct control *c, struct settings *s)
{
	char why[CALL_THREAD_WHY_LEN];

	if (call_thread_reload(c->call_thread, s->doc, why) != 0)
		log_error(LOG_CONF, "changed passwords not taken",
			"error=\"%s\" hint=\"send SIGHUP\"", why);
}

void control_files_changed(void *arg)
{
	struct control *c = arg;
	struct settings *s, *old = c->settings;
	metrics_cell *cells = metrics_set_cells(c->metrics, &daemon_counters, c->n_workers);
	char why[CRYPTO_WHY_LEN] = "";
	int rc = settings_reread(old, keep_first, why, &s);

	if (rc == 0 && c->call_thread)
		reread_calls(c, s);
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
	say_expiry(c);
	settings_destroy(old);
	metrics_add(cells, DAEMON_C_FILES_TAKEN, 1);
	log_notice(LOG_CONF, "changed files taken", "file=%s", c->path);
}

int control_reload(struct control *c, api_say_fn say, void *say_arg)
{
	struct asker asker = {say, say_arg};

	if (c->is_leaving)
		return ERR_DENIED; /* it is for the process that has taken over */

	struct settings *s, *old = c->settings;

	process_notify("RELOADING=1");
	int rc = reload_settings(c, &asker, &s);
	if (rc != 0) {
		log_error(LOG_CONF, "reload refused",
			"file=%s hint=\"the old configuration stays in force; mend the file and "
			"send SIGHUP again\"",
			c->path);
		process_notify("READY=1");
		return rc;
	}
	put_in_force(c, s);
	control_follow(c);
	settings_destroy(old);
	log_notice(LOG_CONF, "reloaded", "file=%s", c->path);
	process_notify("READY=1");
	return 0;
}
