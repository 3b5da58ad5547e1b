/* SPDX-License-Identifier: BSD-3-Clause */
/* An API, one request to it, and how requests end. */
#ifndef API_PRIV_H
#define API_PRIV_H

#include <jansson.h>
#include <sallyport/api.h>

struct api {
	struct api_config config;
	struct mras_service *mras;
	struct auth_snapshot **auth; /* by tenant; counted; any may be NULL */
	size_t n_auth;
	struct list servers; /* struct api_server, owned */
};

/* What one server offers; the argument of its routes. */
struct api_server {
	struct list link;
	struct api *api;
	unsigned faces;
};

/* One request, on its handler's stack; copied where the reply comes later. */
struct api_call {
	struct api *api;
	unsigned faces;
	struct http_request *r;
	const struct mras_caller *caller; /* NULL: unknown */
	bool has_certificate;
	unsigned tenant;                  /* the caller's */
	const struct auth_snapshot *auth; /* its tenant's; may be NULL */
	const char *request_id;           /* for the log and the answer; may be NULL */
	unsigned granted, refused;        /* for the log */
};

/* A failure as the API words it. */
struct api_problem {
	int status;
	const char *title, *reason;
	const char *detail; /* may be NULL */
};

void api_call_init(struct api_call *c, struct api_server *s, struct http_request *r);
/* All of these end the request, count it and log one line. */
void api_reply(struct api_call *c, int status, const char *type, const void *body, size_t len);
void api_reply_json(struct api_call *c, int status, json_t *root); /* takes ROOT; NULL: 500 */
void api_reply_problem(struct api_call *c, const struct api_problem *p);
void api_reply_result(struct api_call *c, enum mras_result r, const char *detail);

/* The body of the request as a JSON object, the caller's; NULL: the request has been answered. */
json_t *api_body_json(struct api_call *c);

/* True when the request's media type is TYPE, whatever its parameters. */
bool api_type_is(const struct http_request *r, const char *type);

/* False when the caller has not got ROLE; the request has been answered then. */
bool api_require(struct api_call *c, enum mras_role role);
/* False when the query names a tenant that there is not; the request has been answered then. */
bool api_require_tenant(struct api_call *c);
/* Who asks, by the server it asks on, its certificate or its token. */
void api_caller_find(struct api_call *c);

/* The keys of the snapshot as GET /mras/v1/keys lists them; an empty list without one. */
json_t *api_keys_json(const struct auth_snapshot *auth, uint64_t now_s);

/* The state of draining, as GET /admin/v1/drain shows it. */
json_t *api_drain_json(const struct api *a);

/* Handlers; ARG is a struct api_server. */
void api_on_credentials(struct http_request *r, void *arg);
void api_on_turn(struct http_request *r, void *arg);
void api_on_revoke(struct http_request *r, void *arg);
void api_on_revocations(struct http_request *r, void *arg);
void api_on_keys(struct http_request *r, void *arg);
void api_on_status(struct http_request *r, void *arg);
void api_on_reload(struct http_request *r, void *arg);
void api_on_decode(struct http_request *r, void *arg);
void api_on_allocations(struct http_request *r, void *arg);
void api_on_allocation(struct http_request *r, void *arg);
void api_on_kill(struct http_request *r, void *arg);
void api_on_drain_show(struct http_request *r, void *arg);
void api_on_drain(struct http_request *r, void *arg);

#endif
