/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a configuration file turns into: every key read, every snapshot built, before anything of
 * the running daemon changes. Made and used on the main thread.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include <sallyport/auth.h>
#include <sallyport/conf.h>
#include <sallyport/mras.h>
#include <sallyport/relay.h>
#include <sallyport/turn.h>

#include "call_tls.h"
#include "dial_plan.h"
#include "options.h"

/* One beside the default tenant. */
struct settings_tenant {
	const struct options_tenant *options;
	uint32_t id;                /* the same for this name as long as the process lives */
	struct auth_snapshot *auth; /* counted */
};

/* Contexts of the SIP door; NULL without one. Counted. */
struct settings_access {
	struct ssl_ctx_st *outside, *inside, *client;
};

struct settings_listener {
	struct addr local;
	enum auth_location location;
	enum auth_transport transport;
	uint32_t tenant;     /* id; the default one: or whom the client chooses */
	const char *face;    /* its name */
	unsigned face_index; /* in the configuration */
	bool shares_socket;  /* DTLS on an address where the same face listens for UDP */
};

struct settings {
	struct conf_doc *doc;
	const struct options *options; /* in DOC */
	struct auth_snapshot *auth;    /* of the default tenant; counted; NULL without "edge" */
	struct settings_tenant *tenants;
	size_t n_tenants;
	const char **tenant_names; /* all that this process has seen; the place says the id */
	size_t n_tenant_names;
	struct turn_snapshot *turn; /* counted; NULL without "edge" */
	struct mras_config mras;    /* pointers into ARENA and DOC */
	struct ssl_ctx_st *tls;     /* of the API; NULL without one. Taken by whoever serves it */
	struct settings_listener *listeners;
	size_t n_listeners;
	/* Further certificates of each face, its own and its tenants', in the order of its context.
	 */
	struct settings_certificates {
		const struct options_certificate **more;
		size_t n;
	} certificates[RELAY_FACES_MAX];
	struct settings_access access;
	struct relay_tls faces_tls;  /* contexts of the faces; NULL: no TLS, no DTLS. Counted */
	struct dial_plan *dial_plan; /* NULL without "mediation" */
	struct call_tls call_tls;
	struct list arena; /* blocks that live as long as this */
};

/* Gets each error and warning as a line for people, no newline. */
typedef void (*settings_say_fn)(void *arg, bool is_warning, const char *line);

/* 0, or a negative code after at least one error was said. *OUT is written on success only. What
 * OLD has a number for keeps it; OLD may be NULL. */
int settings_load(const char *path, const struct settings *old, settings_say_fn say, void *arg,
	struct settings **out);
/*
 * The same configuration over what its files hold now: keys, certificates, revocations. On success
 * the document goes from OLD to *OUT, and OLD is good for being destroyed only, once *OUT has taken
 * its place. Otherwise OLD is as it was, and at least one error was said.
 */
int settings_reread(struct settings *old, settings_say_fn say, void *arg, struct settings **out);
void settings_destroy(struct settings *s);

/* The keys of the tenant with this number, 0 the default one; and its option. NULL without "edge".
 */
struct auth_snapshot *settings_auth(const struct settings *s, unsigned tenant);
const char *settings_revocation_file(const struct settings *s, unsigned tenant);

/* The same with other revocations of that tenant: new keys and TURN, all else as it was. -ENOMEM
 * and the like change nothing. */
int settings_revoke(
	struct settings *s, unsigned tenant, const struct auth_revocation *list, size_t n);

#endif
