/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP server shell over libevent's evhttp: routes, requests and replies. Everything evhttp
 * would let through that RFC 9112 calls ambiguous is answered 400 and ends the connection.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <unistd.h>
#include "http.h"

#define PROBLEM_TYPE "application/problem+json"
/* evhttp answers 501 to the others by itself. */
#define KNOWN_METHODS                                                                              \
	(EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | \
		EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH)

/* ---- requests ---- */

static unsigned method_of(enum evhttp_cmd_type type)
{
	switch (type) {
	case EVHTTP_REQ_GET:
	case EVHTTP_REQ_HEAD:
		return HTTP_GET;
	case EVHTTP_REQ_POST:
		return HTTP_POST;
	case EVHTTP_REQ_DELETE:
		return HTTP_DELETE;
	default:
		return 0;
	}
}

enum http_method http_request_method(const struct http_request *r)
{
	return r->method;
}

const char *http_request_path(const struct http_request *r)
{
	if (r->ev == NULL)
		return NULL;
	return evhttp_uri_get_path(evhttp_request_get_evhttp_uri(r->ev));
}

const char *http_request_header(const struct http_request *r, const char *name)
{
	if (r->ev == NULL)
		return NULL;
	return evhttp_find_header(evhttp_request_get_input_headers(r->ev), name);
}

struct bytes http_request_body(struct http_request *r)
{
	if (r->ev == NULL)
		return bytes_of(NULL, 0);
	struct evbuffer *b = evhttp_request_get_input_buffer(r->ev);
	unsigned char *data = evbuffer_pullup(b, -1);
	return bytes_of(data, data != NULL ? evbuffer_get_length(b) : 0);
}

int http_request_query(const struct http_request *r, const char *name, char *out, size_t cap)
{
	if (r->ev == NULL)
		return ERR_NOT_FOUND;
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(r->ev));
	return query != NULL ? http_form_value(bytes_str(query), name, out, cap) : ERR_NOT_FOUND;
}

struct ssl_st *http_request_tls(const struct http_request *r)
{
	return r->conn != NULL ? r->conn->ssl : NULL;
}

const struct addr *http_request_client(const struct http_request *r)
{
	static const struct addr nobody;
	return r->conn != NULL ? &r->conn->client : &nobody;
}

const struct clock *http_request_clock(const struct http_request *r)
{
	return loop_clock(r->server->loop);
}

/* ---- replies ---- */

void http_reply_header(struct http_request *r, const char *name, const char *value)
{
	if (r->ev != NULL)
		(void)evhttp_add_header(evhttp_request_get_output_headers(r->ev), name, value);
}

static struct evbuffer *body_make(const struct http_request *r, const void *body, size_t len)
{
	struct evbuffer *b = evbuffer_new();
	if (b != NULL && !r->is_head && len > 0 && evbuffer_add(b, body, len) < 0) {
		evbuffer_free(b);
		return NULL;
	}
	return b;
}

void http_reply(
	struct http_request *r, int status, const char *content_type, const void *body, size_t len)
{
	char length[24];
	if (r->ev == NULL)
		goto out; /* nobody waits for it any more */
	struct evbuffer *b = body_make(r, body, len);
	if (b == NULL)
		status = HTTP_INTERNAL;
	if (content_type != NULL)
		http_reply_header(r, "Content-Type", content_type);
	snprintf(length, sizeof(length), "%zu", b != NULL ? len : 0);
	http_reply_header(r, "Content-Length", length);
	if (r->conn != NULL)
		http_conn_request_end(r->conn, r->ev);
	evhttp_send_reply(r->ev, status, NULL, b);
	if (b != NULL)
		evbuffer_free(b);
out:
	free(r);
}

static void reply_problem(struct http_request *r, int status, const char *title)
{
	char body[160];
	int n = snprintf(body, sizeof(body),
		"{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d}\n", title, status);
	http_reply(r, status, PROBLEM_TYPE, body, (size_t)n);
}

/* ---- dispatch ---- */

static unsigned header_count(struct evhttp_request *ev, const char *name)
{
	unsigned n = 0;
	for (struct evkeyval *h = evhttp_request_get_input_headers(ev)->tqh_first; h != NULL;
		h = h->next.tqe_next)
		n += strcasecmp(h->key, name) == 0;
	return n;
}

static bool is_digits(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* RFC 9112 §6.3: whose length is in doubt may hide a second request; §3.2: exactly one Host. */
static bool is_clear(struct evhttp_request *ev)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(ev);
	const char *length = evhttp_find_header(headers, "Content-Length");
	const char *coding = evhttp_find_header(headers, "Transfer-Encoding");
	unsigned n_hosts = header_count(ev, "Host");
	if (evhttp_uri_get_path(evhttp_request_get_evhttp_uri(ev)) == NULL)
		return false;
	if (n_hosts > 1 || (n_hosts == 0 && ev->minor >= 1))
		return false;
	if (coding != NULL)
		return length == NULL && strcasecmp(coding, "chunked") == 0 &&
		       header_count(ev, "Transfer-Encoding") == 1;
	return length == NULL || (is_digits(length) && header_count(ev, "Content-Length") == 1);
}

static const struct http_route *route_find(
	const struct http_server *s, const char *path, unsigned method, unsigned *allowed)
{
	const struct http_route *found = NULL;
	*allowed = 0;
	for (size_t i = 0; i < s->n_routes; i++) {
		const struct http_route *route = &s->routes[i];
		if (strcmp(route->path, path) != 0)
			continue;
		*allowed |= route->method;
		if (route->method == method)
			found = route;
	}
	return found;
}

static void reply_not_allowed(struct http_request *r, unsigned allowed)
{
	char list[32];
	int n = snprintf(list, sizeof(list), "%s%s%s", allowed & HTTP_GET ? ", GET, HEAD" : "",
		allowed & HTTP_POST ? ", POST" : "", allowed & HTTP_DELETE ? ", DELETE" : "");
	http_reply_header(r, "Allow", n > 2 ? list + 2 : "");
	reply_problem(r, HTTP_BADMETHOD, "Method Not Allowed");
}

static void dispatch(struct http_server *s, struct http_request *r)
{
	unsigned allowed;
	if (!is_clear(r->ev)) {
		http_reply_header(r, "Connection", "close");
		reply_problem(r, HTTP_BADREQUEST, "Bad Request");
		return;
	}
	const struct http_route *route = route_find(s, http_request_path(r), r->method, &allowed);
	if (route != NULL)
		route->fn(r, route->arg);
	else if (allowed != 0)
		reply_not_allowed(r, allowed);
	else
		reply_problem(r, HTTP_NOTFOUND, "Not Found");
}

static void on_request(struct evhttp_request *ev, void *arg)
{
	struct http_server *s = arg;
	loop_turn(s->loop);
	struct http_conn *c = http_conn_find(s, evhttp_request_get_connection(ev));
	struct http_request *r = calloc(1, sizeof(*r));
	if (c == NULL || r == NULL) {
		free(r);
		evhttp_connection_free(evhttp_request_get_connection(ev));
		return;
	}
	r->server = s;
	r->conn = c;
	r->ev = ev;
	r->method = method_of(evhttp_request_get_command(ev));
	r->is_head = evhttp_request_get_command(ev) == EVHTTP_REQ_HEAD;
	http_conn_request_begin(c, r);
	dispatch(s, r);
}

/* ---- server ---- */

int http_server_route(struct http_server *s, enum http_method method, const char *path,
	http_handler fn, void *arg)
{
	struct http_route *grown = reallocarray(s->routes, s->n_routes + 1, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	s->routes = grown;
	struct http_route *route = &grown[s->n_routes];
	*route = (struct http_route){method, strdup(path), fn, arg};
	if (route->path == NULL)
		return -ENOMEM;
	s->n_routes++;
	return 0;
}

static int listen_one(struct http_server *s, const struct http_config *c, size_t i, int *fd,
	char why[HTTP_WHY_LEN])
{
	const struct addr *a = i < c->n_listen ? &c->listen[i] : NULL;
	*fd = c->inherit != NULL ? c->inherit(c->inherit_arg, a) : -1;
	if (*fd >= 0)
		return a != NULL ? 0 : http_listen_unix_inherit(s, c->unix_path);
	return a != NULL ? http_listen_addr(a, fd, why)
			 : http_listen_unix(s, c->unix_path, c->unix_mode, fd, why);
}

static int listen_all(struct http_server *s, const struct http_config *c, char why[HTTP_WHY_LEN])
{
	size_t n = c->n_listen + (c->unix_path != NULL);
	s->listeners = calloc(n != 0 ? n : 1, sizeof(struct evhttp_bound_socket *));
	if (s->listeners == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int fd;
		int code = listen_one(s, c, i, &fd, why);
		if (code == 0)
			code = http_listener_add(s, fd, i);
		if (code != 0)
			return code;
	}
	return 0;
}

static int evhttp_make(struct http_server *s, const struct http_config *c)
{
	s->ev = evhttp_new(loop_base(s->loop));
	if (s->ev == NULL)
		return -ENOMEM;
	evhttp_set_max_headers_size(s->ev, (ev_ssize_t)c->max_header_bytes);
	evhttp_set_max_body_size(s->ev, (ev_ssize_t)c->max_body_bytes);
	evhttp_set_timeout(s->ev, (int)c->idle_timeout_s);
	evhttp_set_allowed_methods(s->ev, KNOWN_METHODS);
	evhttp_set_default_content_type(s->ev, NULL);
	/* A body that is too large is read and thrown away, so that its sender sees the 413. */
	(void)evhttp_set_flags(s->ev, EVHTTP_SERVER_LINGERING_CLOSE);
	evhttp_set_gencb(s->ev, on_request, s);
	return http_conns_init(s);
}

int http_server_create(struct loop *l, const struct http_config *c, struct http_server **out,
	char why[HTTP_WHY_LEN])
{
	assert(c->max_connections > 0 && c->idle_timeout_s > 0 && c->request_timeout_s > 0);
	snprintf(why, HTTP_WHY_LEN, "cannot start the HTTP server %s: out of memory", c->name);
	struct http_server *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	list_init(&s->conns);
	loop_deferred_init(&s->adopt, http_conns_adopt, s);
	s->loop = l;
	s->tls = c->tls;
	s->max_header_bytes = c->max_header_bytes;
	s->max_body_bytes = c->max_body_bytes;
	s->max_connections = c->max_connections;
	s->request_timeout_ms = (uint64_t)c->request_timeout_s * 1000;
	s->name = strdup(c->name);
	int code = s->name != NULL ? evhttp_make(s, c) : -ENOMEM;
	if (code == 0)
		code = listen_all(s, c, why);
	if (code != 0) {
		http_server_destroy(s);
		return code;
	}
	why[0] = '\0';
	*out = s;
	return 0;
}

int http_server_copy(struct http_server *s, size_t i, struct addr *address)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	if (i >= s->n_listeners)
		return ERR_NOT_FOUND;
	int fd = fcntl(evhttp_bound_socket_get_fd(s->listeners[i]), F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*address = (struct addr){0};
	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		(void)addr_from_sockaddr((struct sockaddr *)&sa, len, address); /* or NONE */
	return fd;
}

void http_server_leave(struct http_server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		evhttp_del_accept_socket(s->ev, s->listeners[i]);
	s->n_listeners = 0;
	free(s->unix_path);
	s->unix_path = NULL;
}

void http_server_destroy(struct http_server *s)
{
	if (s == NULL)
		return;
	http_listen_unix_remove(s);
	s->n_listeners = 0; /* they die with evhttp; closing connections shall not wake them */
	if (s->ev != NULL) {
		http_conns_adopt(s);
		evhttp_free(s->ev);
	}
	http_conns_fini(s);
	for (size_t i = 0; i < s->n_routes; i++)
		free(s->routes[i].path);
	free(s->routes);
	free(s->listeners);
	free(s->name);
	free(s);
}

struct ssl_ctx_st *http_server_tls_set(struct http_server *s, struct ssl_ctx_st *tls)
{
	struct ssl_ctx_st *previous = s->tls;
	assert((previous == NULL) == (tls == NULL));
	s->tls = tls;
	return previous;
}

uint16_t http_server_port(const struct http_server *s, size_t index)
{
	struct sockaddr_storage sa;
	struct addr a;
	socklen_t len = sizeof(sa);
	assert(index < s->n_listeners);
	if (getsockname(evhttp_bound_socket_get_fd(s->listeners[index]), (struct sockaddr *)&sa,
		    &len) < 0 ||
		addr_from_sockaddr((struct sockaddr *)&sa, len, &a) != 0)
		return 0;
	return a.port;
}
