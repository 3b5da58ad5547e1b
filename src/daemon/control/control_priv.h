/* SPDX-License-Identifier: BSD-3-Clause */
/* The main thread's state, as the files here share it. */
#ifndef DAEMON_CONTROL_PRIV_H
#define DAEMON_CONTROL_PRIV_H

#include <limits.h>

#include <sallyport/api.h>

#include "../access_thread.h"
#include "../call_thread.h"
#include "../control.h"
#include "../datapath.h"
#include "../workers.h"

struct control {
	char *path;
	struct loop *loop;
	struct settings *settings;
	struct metrics_set *metrics;
	unsigned n_workers;
	struct datapath *datapath;
	struct workers *workers;
	struct call_thread *call_thread;             /* NULL: no mediation */
	struct api_trunk trunks[OPTIONS_TRUNKS_MAX]; /* for the operator's status */
	struct api_trunk front_end;                  /* for the same */
	struct access_thread *access;                /* NULL: no SIP door */
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
	struct trim *trim;
	struct takeover *takeover; /* while it takes over */
	struct upgrade *upgrade;   /* NULL: the next one cannot */
	char program[PATH_MAX];
	bool is_leaving; /* another process has taken over; only connections are left */
	uint64_t left_ms;
	struct wheel_timer leaving;
	bool is_running;
	int log_fd; /* -1: standard error */
};

/* ---- serve.c ---- */

/* Makes the API and the servers that it is on. WHY gets a sentence. */
int control_serve(struct control *c, char why[256]);
/* For struct api_operator, with the control as ARG, and for SIGUSR1. */
int control_drain(void *arg, const struct api_drain_order *o);

/* ---- leave.c ---- */

/* ARG is the control. */
void control_end(void *arg);
/* Another process may take over from now on. It works without: then a new version wants a restart,
 * as it does with calls and SIP connections, which cannot be handed over. */
void control_upgrade_open(struct control *c);
/* Starts the program again, to take over. What is wrong is logged. */
void control_upgrade_begin(struct control *c);

/* ---- reload.c ---- */

/* Opens the log anew. WHY gets a sentence. */
int control_log_open(struct control *c, const struct options_log *o, char why[256]);
/* Keys and callers of the settings to the API. -ENOMEM. */
int control_give_to_api(struct control *c);
/* For struct api_config, with the control as ARG. */
int control_revoke(void *arg, unsigned tenant, const struct auth_revocation *list, size_t n);
/* As SIGHUP. SAY, when not NULL, hears what the log says of it. */
int control_reload(struct control *c, api_say_fn say, void *say_arg);
/* Files that the configuration names are others than they were; ARG is the control. */
void control_files_changed(void *arg);
/* The settings have come into force: alternates, files to watch, ends of certificates. */
void control_follow(struct control *c);

#endif
