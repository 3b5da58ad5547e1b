/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * api: the HTTP routes of an edge node: credentials, revocations, keys, health and metrics.
 * docs/api.md describes them for users. Everything runs on the thread of the servers' loop.
 */
#ifndef SALLYPORT_API_H
#define SALLYPORT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common.h>
#include <sallyport/auth.h>
#include <sallyport/loop.h>
#include <sallyport/metrics.h>
#include <sallyport/mras.h>
#include <sallyport/turn/inspect.h>
#include <sallyport/turn/redirect.h>

/* Counters of this folder, for one thread: the one of the servers' loop. */
enum api_counter {
	API_REQUEST_OK,      /* answered with 2xx */
	API_REQUEST_REFUSED, /* 4xx */
	API_REQUEST_FAILED,  /* 5xx */
	API_CALLER_UNKNOWN,  /* no certificate or token, or one that names no caller */
	API_CALLER_LIMITED,  /* Server Busy */
	API_GRANTED_JSON,    /* credentials given out, by form of the request */
	API_GRANTED_XML,
	API_GRANTED_REST,
	API_REFUSED_ITEM, /* items of a request that were refused */
	API_REVOKED,      /* revocations taken */
	API_COUNTER_COUNT,
};
extern const struct metrics_group api_counters;

/* ---- the operator's side, /admin/v1: what the daemon shows and does ---- */

struct api_listener {
	const char *face;
	const char *location;  /* "internet" */
	const char *transport; /* "udp" */
	struct addr address;
};

struct api_certificate {
	const char *used_by; /* "mras", or "face NAME" */
	const char *file;
	uint64_t not_after_s; /* of the one in force */
};

/* One that has addresses of the listeners or of relaying. */
struct api_interface {
	const char *name;             /* "eth0"; empty: no interface has them */
	const char *datapath;         /* "kernel", "steer" or "socket" */
	const char *mode;             /* "native XDP"; NULL: there is only one */
	const char *why;              /* ... it is not a faster one; NULL: there is none */
	const struct addr *addresses; /* without ports */
	size_t n_addresses;
};

struct api_trunk {
	const char *name, *gateway, *state; /* "up", or why not */
	bool is_up, has_registration, is_registered;
	uint64_t n_calls, n_addresses, n_addresses_up;
};

struct api_status {
	const char *version;
	uint64_t started_s; /* wall clock */
	unsigned n_workers;
	const struct api_listener *listeners;
	size_t n_listeners;
	const struct api_certificate *certificates;
	size_t n_certificates;
	const char *datapath; /* the best that any of them has */
	const struct api_interface *interfaces;
	size_t n_interfaces;
	const struct api_trunk *trunks;
	size_t n_trunks;
	const struct api_trunk *front_end; /* of calls; NULL: there is none */
};

/* Gets one line for people at a time. */
typedef void (*api_say_fn)(void *arg, const char *line);

/* What the workers said of their allocations; all borrowed for the call. */
struct api_allocations {
	uint64_t n_matched; /* behind the page's beginning; those ended, when the question ends */
	const struct turn_alloc_info *infos; /* by id */
	size_t n_infos;
	const struct turn_peer_info *peers;
	size_t n_peers;
	const unsigned *silent; /* workers that did not answer in time */
	size_t n_silent;
};
/* ANSWER NULL: out of memory. */
typedef void (*api_allocations_fn)(void *arg, const struct api_allocations *answer);

#define API_ALTERNATES_MAX 16
struct api_drain_order {
	bool is_on;
	bool exits;          /* ends the daemon with its last allocation */
	size_t n_alternates; /* 0: those of the configuration */
	struct turn_alternate alternates[API_ALTERNATES_MAX];
};
struct api_drain {
	bool is_on, exits;
	uint64_t n_allocations, n_calls;
	uint64_t above; /* redirects by load from here on; 0: none */
	const struct turn_alternate *alternates;
	size_t n_alternates;
	bool is_up[API_ALTERNATES_MAX];
};

/* Called with the ARG of struct api_config, on the servers' thread. */
struct api_operator {
	/* Pointers are borrowed until the next turn of the loop. */
	void (*status)(void *arg, struct api_status *out);
	/* As SIGHUP does; what is wrong goes to SAY as well as to the log. A negative code: the
	 * old configuration stays in force. */
	int (*reload)(void *arg, api_say_fn say, void *say_arg);
	void (*drain_show)(void *arg, struct api_drain *out); /* as status */
	int (*drain)(void *arg, const struct api_drain_order *o);
	/* Asks every worker. FN is called once, later; not when a negative code is returned. */
	int (*allocations)(
		void *arg, const struct turn_question *q, api_allocations_fn fn, void *fn_arg);
};

struct api_config {
	struct metrics_set *metrics; /* printed by /metrics and the operator's status */
	metrics_cell *cells;         /* of api_counters */
	/* For /readyz. WHY gets a word or two for the body when false. */
	bool (*is_ready)(void *arg, const char **why);
	/*
	 * Takes N new revocations of TENANT: the daemon makes a snapshot with them, hands it to
	 * api_auth_set and to the workers, and saves them. 0, or a negative code: nothing was
	 * taken.
	 */
	int (*revoke)(void *arg, unsigned tenant, const struct auth_revocation *list, size_t n);
	const struct api_operator *admin; /* not owned; NULL: no server may have API_OPERATOR */
	void *arg;
};

struct api; /* opaque */

struct api *api_create(const struct api_config *c); /* NULL when out of memory */
void api_destroy(struct api *a);                    /* after the servers it was attached to */

/* C is borrowed until the next call. */
void api_mras_set(struct api *a, const struct mras_config *c);
/*
 * The keys of the tenants, the default one first, as many as the configuration has and one more.
 * Takes counts of its own and gives the previous ones back; a tenant whose keys are NULL or missing
 * has no credentials. -ENOMEM: nothing has changed.
 */
int api_auth_set(struct api *a, struct auth_snapshot *const *by_tenant, size_t n);

/* What a server offers. /healthz is on all of them. */
enum api_face {
	API_CREDENTIALS = 1, /* /mras/v1/...; callers known by certificate or bearer token */
	API_METRICS = 2,     /* /readyz and /metrics */
	API_BEARER = 4,      /* with API_CREDENTIALS: bearer tokens count; off by default */
	API_LOCAL = 8,       /* with API_CREDENTIALS: whoever reaches the server is the caller
				"local" with every role and every identity, of the tenant that
				the query names: a Unix socket guarded by its mode */
	API_OPERATOR = 16,   /* /admin/v1/...; on the same socket */
};
/* FACES is a set of the above. -ENOMEM. */
int api_attach(struct api *a, struct http_server *s, unsigned faces);

/*
 * The same decision for a document of MRAS_XML_TYPE that has come by another way than HTTP, from
 * PEER, whose certificate has been verified. Counted and logged as a request. Finish OUT.
 */
void api_service(struct api *a, const struct crypto_peer *peer, const struct clock *clock,
	struct bytes document, struct mras_reply *out);

#endif
