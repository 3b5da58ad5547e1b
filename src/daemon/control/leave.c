/* SPDX-License-Identifier: BSD-3-Clause */
/* How the main thread ends: told to, drained, or when another process has taken over. */
#include <sallyport/net.h>

#include "../process.h"
#include "../upgrade.h"
#include "control_priv.h"

void control_end(void *arg)
{
	struct control *c = arg;

	process_notify("STOPPING=1");
	c->is_running = false;
	loop_stop(c->loop);
}

/* ---- upgrade ---- */

#define LEAVING_LOOK_MS  500
#define LEAVING_LEAST_MS 2000 /* for answers of the HTTP servers */

void control_upgrade_begin(struct control *c)
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

void control_upgrade_open(struct control *c)
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
