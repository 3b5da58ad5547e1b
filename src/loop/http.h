/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of the HTTP shell: http.c serves, http_conn.c guards, http_listen.c binds. */
#ifndef LOOP_HTTP_H
#define LOOP_HTTP_H

#include <sallyport/loop.h>

struct bufferevent;
struct event;
struct evconnlistener;
struct evhttp;
struct evhttp_bound_socket;
struct evhttp_connection;
struct evhttp_request;

struct http_route {
	enum http_method method;
	char *path;
	http_handler fn;
	void *arg;
};

struct http_server {
	struct loop *loop; /* not owned */
	struct evhttp *ev;
	char *name;
	struct ssl_ctx_st *tls; /* not owned; NULL: plain */
	size_t max_header_bytes, max_body_bytes;
	unsigned max_connections;
	uint64_t request_timeout_ms;

	struct evhttp_bound_socket **listeners; /* owned by ev */
	size_t n_listeners;
	bool is_paused;
	struct event *resume; /* looks at them every second */
	char *unix_path;
	uint64_t unix_dev, unix_ino; /* so that only our own socket is removed */

	struct http_route *routes;
	size_t n_routes;

	struct list conns; /* struct http_conn; all of them */
	unsigned n_conns;
	struct loop_deferred adopt; /* gives new connections their close callback */
	struct log_limit handshake_limit;
};

/* One accepted connection. Owned by its server; dies with evhttp's connection. */
struct http_conn {
	struct list link;
	struct http_server *server;
	struct bufferevent *bev;      /* counted */
	struct evhttp_connection *ev; /* NULL until adopted; not owned */
	struct ssl_st *ssl;           /* of bev; NULL: plain */
	struct addr client;
	struct wheel_timer deadline;  /* of the exchange that runs */
	struct http_request *request; /* with its handler, not replied to; not owned */
	bool is_busy;                 /* between the first byte of a request and its answer */
	bool is_doomed;               /* has no TLS although it should: is closed, never served */
};

struct http_request {
	struct http_server *server;
	struct http_conn *conn;    /* NULL once the connection has died */
	struct evhttp_request *ev; /* NULL likewise */
	enum http_method method;
	bool is_head;
};

/* http_conn.c */
int http_conns_init(struct http_server *s);
void http_conns_fini(struct http_server *s); /* after evhttp has been freed */
/* Names every connection's evhttp side; called at the end of a turn and before evhttp is freed. */
void http_conns_adopt(void *server);
/* The connection as one that may be served; NULL when it may not. */
struct http_conn *http_conn_find(struct http_server *s, struct evhttp_connection *ev);
void http_conn_request_begin(struct http_conn *c, struct http_request *r);  /* handler runs */
void http_conn_request_end(struct http_conn *c, struct evhttp_request *ev); /* reply is leaving */

/* http_listen.c */
int http_listen_addr(const struct addr *a, int *fd, char why[HTTP_WHY_LEN]);
int http_listen_unix(
	struct http_server *s, const char *path, unsigned mode, int *fd, char why[HTTP_WHY_LEN]);
/* Somebody has bound PATH and hands its socket on: it is ours to remove now. -ENOMEM. */
int http_listen_unix_inherit(struct http_server *s, const char *path);
void http_listen_unix_remove(struct http_server *s);
int http_listener_add(struct http_server *s, int fd, size_t slot); /* takes FD */
void http_listeners_update(struct http_server *s); /* accepting or not, by the number of conns */

#endif
