/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connections of the HTTP shell: TLS, the connection limit and the deadline of an exchange.
 *
 * evhttp tells nobody about a connection until its first request is whole, so a silent peer would
 * be outside every limit. But it asks for a bufferevent for each one (TLS needs that anyway), and
 * a bufferevent knows whom it calls back: at the end of the turn that is evhttp's connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include "http.h"

#define HANDSHAKE_LOG_BURST 5
#define RESUME_S            1

static void deadline_set(struct http_conn *c)
{
	struct http_server *s = c->server;
	wheel_set(loop_wheel(s->loop), &c->deadline,
		loop_clock(s->loop)->mono_ms + s->request_timeout_ms);
}

static void deadline_cancel(struct http_conn *c)
{
	wheel_cancel(loop_wheel(c->server->loop), &c->deadline);
}

static void on_input(struct evbuffer *b, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_conn *c = arg;
	loop_turn(c->server->loop);
	if (c->is_busy || info->n_added == 0)
		return;
	c->is_busy = true;
	deadline_set(c);
}

static void log_handshake(struct http_conn *c)
{
	struct http_server *s = c->server;
	char client[ADDR_TEXT_LEN];
	uint32_t held;
	if (!log_limit_ok(
		    &s->handshake_limit, loop_clock(s->loop)->mono_ms, HANDSHAKE_LOG_BURST, &held))
		return;
	const char *reason = ERR_reason_error_string(bufferevent_get_openssl_error(c->bev));
	log_info(LOG_TLS, "handshake failed", "server=%s client=%s reason=\"%s\" held=%u", s->name,
		log_addr(&c->client, client), reason != NULL ? reason : "closed", held);
}

static void tls_end(struct http_conn *c)
{
	if (c->ssl == NULL)
		return;
	if (SSL_is_init_finished(c->ssl))
		(void)SSL_shutdown(c->ssl); /* a close_notify if it fits; we wait for no answer */
	else
		log_handshake(c);
	ERR_clear_error();
}

/* evhttp frees the request with the connection, unless it has let go of it before. */
static void request_orphan(struct http_conn *c)
{
	struct http_request *r = c->request;
	if (r == NULL)
		return;
	if (evhttp_request_get_connection(r->ev) != NULL)
		r->ev = NULL;
	r->conn = NULL;
}

static void conn_destroy(struct http_conn *c)
{
	struct http_server *s = c->server;
	deadline_cancel(c);
	list_remove(&c->link);
	s->n_conns--;
	(void)evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
	bufferevent_decref(c->bev);
	free(c);
	if (s->is_paused)
		http_listeners_update(s);
}

static void on_close(struct evhttp_connection *ev, void *arg)
{
	struct http_conn *c = arg;
	loop_turn(c->server->loop);
	request_orphan(c);
	tls_end(c);
	conn_destroy(c);
}

/* The address and evhttp's connection, or false when evhttp gave up on it before it was ours. */
static bool adopt_one(struct http_conn *c)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	void *ev = NULL;
	bufferevent_getcb(c->bev, NULL, NULL, NULL, &ev);
	if (ev == NULL)
		return false;
	c->ev = ev;
	evhttp_connection_set_closecb(c->ev, on_close, c);
	/* Fails on a Unix socket, whose peers have no address. */
	if (getpeername(bufferevent_getfd(c->bev), (struct sockaddr *)&sa, &len) == 0)
		(void)addr_from_sockaddr((struct sockaddr *)&sa, len, &c->client);
	return true;
}

static void on_deadline(struct wheel_timer *t, void *loop)
{
	struct http_conn *c = CONTAINER_OF(t, struct http_conn, deadline);
	if (c->ev != NULL || adopt_one(c))
		evhttp_connection_free(c->ev);
	else
		conn_destroy(c);
}

void http_conns_adopt(void *server)
{
	struct http_server *s = server;
	list_for_each_safe (it, &s->conns) {
		struct http_conn *c = CONTAINER_OF(it, struct http_conn, link);
		if (c->ev != NULL)
			continue;
		if (!adopt_one(c))
			conn_destroy(c);
		else if (c->is_doomed)
			evhttp_connection_free(c->ev);
	}
}

static struct bufferevent *tls_bufferevent(struct http_server *s, struct event_base *base)
{
	SSL *ssl = SSL_new(s->tls);
	if (ssl == NULL)
		return NULL;
	struct bufferevent *bev = bufferevent_openssl_socket_new(
		base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL)
		SSL_free(ssl);
	return bev;
}

/*
 * What cannot be a TLS connection still gets a bufferevent: given none, evhttp would make a plain
 * one of its own and serve it. The connection is closed before a handler sees it.
 */
static struct bufferevent *bufferevent_make(
	struct http_server *s, struct event_base *base, bool *is_doomed)
{
	struct bufferevent *bev = s->tls != NULL ? tls_bufferevent(s, base) : NULL;
	*is_doomed = s->tls != NULL && bev == NULL;
	return bev != NULL ? bev : bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
	struct http_server *s = arg;
	bool is_doomed;
	loop_turn(s->loop);
	struct bufferevent *bev = bufferevent_make(s, base, &is_doomed);
	if (bev == NULL)
		return NULL; /* unknown to us, so that dispatch refuses it */
	/* evhttp bounds a head and a body, but not the line before a chunk. */
	bufferevent_setwatermark(bev, EV_READ, 0, s->max_header_bytes + s->max_body_bytes);
	struct http_conn *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return bev; /* likewise */
	c->server = s;
	c->bev = bev;
	c->ssl = is_doomed ? NULL : bufferevent_openssl_get_ssl(bev);
	c->is_doomed = is_doomed;
	c->is_busy = true; /* the handshake counts into the first exchange */
	bufferevent_incref(bev);
	list_append(&s->conns, &c->link);
	wheel_timer_init(&c->deadline, on_deadline);
	deadline_set(c);
	if (evbuffer_add_cb(bufferevent_get_input(bev), on_input, c) == NULL)
		c->is_doomed = true;
	s->n_conns++;
	http_listeners_update(s);
	loop_deferred_run(s->loop, &s->adopt);
	return bev;
}

struct http_conn *http_conn_find(struct http_server *s, struct evhttp_connection *ev)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(ev);
	list_for_each (it, &s->conns) {
		struct http_conn *c = CONTAINER_OF(it, struct http_conn, link);
		if (c->bev == bev)
			return !c->is_doomed && (c->ev != NULL || adopt_one(c)) ? c : NULL;
	}
	return NULL;
}

void http_conn_request_begin(struct http_conn *c, struct http_request *r)
{
	c->request = r;
	deadline_cancel(c);
}

static void on_answered(struct evhttp_request *ev, void *arg)
{
	struct http_conn *c = arg;
	loop_turn(c->server->loop);
	c->is_busy = evbuffer_get_length(bufferevent_get_input(c->bev)) > 0; /* pipelined */
	if (c->is_busy)
		deadline_set(c);
	else
		deadline_cancel(c);
}

void http_conn_request_end(struct http_conn *c, struct evhttp_request *ev)
{
	c->request = NULL;
	evhttp_request_set_on_complete_cb(ev, on_answered, c);
	deadline_set(c);
}

/* A listener that ran out of descriptors cannot tell its server: the server looks. */
static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	loop_turn(s->loop);
	if (!s->is_paused)
		http_listeners_update(s);
}

int http_conns_init(struct http_server *s)
{
	const struct timeval interval = {.tv_sec = RESUME_S};
	s->resume = event_new(loop_base(s->loop), -1, EV_PERSIST, on_resume, s);
	if (s->resume == NULL || event_add(s->resume, &interval) < 0)
		return -ENOMEM;
	evhttp_set_bevcb(s->ev, on_accept, s);
	return 0;
}

void http_conns_fini(struct http_server *s)
{
	if (s->resume != NULL)
		event_free(s->resume);
	loop_deferred_cancel(&s->adopt);
}
