/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP shell against real sockets on loopback: the server has a thread, the client is here. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <cmocka.h>
#include <sallyport/crypto.h>
#include <sallyport/loop.h>
#include "../crypto/pki.h"

#define PATIENCE_S 20 /* no test waits longer for a byte */
#define BODY_MAX   4096
#define HEADER_MAX 1024

struct fixture {
	struct loop *loop;
	struct loop_thread *thread;
	struct http_server *server;
	uint16_t port;
	struct http_request *parked; /* loop thread only */
};

/* ---- the server side; runs on the loop's thread ---- */

static void on_echo(struct http_request *r, void *arg)
{
	char text[BODY_MAX + 256], query[64] = "-";
	struct bytes body = http_request_body(r);
	int code = http_request_query(r, "q", query, sizeof(query));
	const char *tag = http_request_header(r, "X-Tag");
	int n = snprintf(text, sizeof(text),
		"method=%d path=%s q=%s code=%d tag=%s tls=%d body=%.*s", http_request_method(r),
		http_request_path(r), code == 0 ? query : "-", code, tag ? tag : "-",
		http_request_tls(r) != NULL, (int)body.len, (const char *)body.data);
	http_reply_header(r, "X-Served", "yes");
	http_reply(r, 200, "text/plain", text, (size_t)n);
}

static void on_client(struct http_request *r, void *arg)
{
	char text[ADDR_TEXT_LEN] = "none";
	if (http_request_client(r)->family != ADDR_NONE)
		addr_format_ip(http_request_client(r), text);
	http_reply(r, 200, "text/plain", text, strlen(text));
}

static void on_park(struct http_request *r, void *arg)
{
	struct fixture *f = arg;
	f->parked = r;
}

static void on_parked_reply(struct http_request *r, void *arg)
{
	struct fixture *f = arg;
	if (f->parked != NULL)
		http_reply(f->parked, 200, "text/plain", "late", 4);
	f->parked = NULL;
	http_reply(r, 204, NULL, NULL, 0);
}

static void do_stop(void *loop, void *payload)
{
	loop_stop(loop);
}

static const struct msg_type stop_msg = {"stop", 1, do_stop, NULL};

static void routes_add(struct fixture *f)
{
	http_server_route(f->server, HTTP_GET, "/echo", on_echo, f);
	http_server_route(f->server, HTTP_POST, "/echo", on_echo, f);
	http_server_route(f->server, HTTP_GET, "/client", on_client, f);
	http_server_route(f->server, HTTP_GET, "/park", on_park, f);
	http_server_route(f->server, HTTP_GET, "/unpark", on_parked_reply, f);
}

static struct http_config config(void)
{
	return (struct http_config){.name = "test",
		.max_header_bytes = HEADER_MAX,
		.max_body_bytes = BODY_MAX,
		.max_connections = 16,
		.idle_timeout_s = PATIENCE_S,
		.request_timeout_s = PATIENCE_S};
}

static void start_with(struct fixture *f, struct http_config c)
{
	char why[HTTP_WHY_LEN];
	const struct addr loopback = addr_ipv4(INADDR_LOOPBACK, 0);
	memset(f, 0, sizeof(*f));
	if (c.unix_path == NULL) {
		c.listen = &loopback;
		c.n_listen = 1;
	}
	f->loop = loop_create("http", 4);
	assert_non_null(f->loop);
	assert_int_equal(http_server_create(f->loop, &c, &f->server, why), 0);
	if (c.n_listen > 0)
		f->port = http_server_port(f->server, 0);
	routes_add(f);
	assert_int_equal(loop_thread_start(f->loop, &f->thread), 0);
}

static void start(struct fixture *f)
{
	start_with(f, config());
}

static void stop(struct fixture *f)
{
	char nothing = 0;
	assert_int_equal(loop_post(f->loop, &stop_msg, f->loop, &nothing), 0);
	assert_int_equal(loop_thread_join(f->thread), 0);
	http_server_destroy(f->server);
	loop_destroy(f->loop);
}

/* ---- the client side ---- */

static int client_with(int family, const struct sockaddr *sa, socklen_t len)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, sa, len), 0);
	return fd;
}

static int client(const struct fixture *f)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_port = htons(f->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return client_with(AF_INET, (struct sockaddr *)&sa, sizeof(sa));
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

struct answer {
	char text[16384]; /* NUL-terminated */
	size_t len;
	int status; /* 0: closed without one */
	char *body;
};

/* Is the head whole, and as many bytes of body as it announces (none for a HEAD)? */
static bool is_whole(struct answer *a, bool has_body)
{
	char *end = strstr(a->text, "\r\n\r\n");
	if (end == NULL)
		return false;
	const char *length = strcasestr(a->text, "\r\nContent-Length:");
	a->body = end + 4;
	a->status = atoi(a->text + strlen("HTTP/1.1 "));
	return !has_body || length == NULL ||
	       strlen(a->body) >= strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

static struct answer *hear_some(int fd, bool has_body)
{
	static struct answer a;
	memset(&a, 0, sizeof(a));
	while (a.len < sizeof(a.text) - 1 && !is_whole(&a, has_body)) {
		ssize_t n = recv(fd, a.text + a.len, sizeof(a.text) - 1 - a.len, 0);
		if (n <= 0) {
			assert_true(n == 0 || errno == ECONNRESET);
			break;
		}
		a.len += (size_t)n;
	}
	return &a;
}

static struct answer *hear(int fd)
{
	return hear_some(fd, true);
}

static struct answer *ask(const struct fixture *f, const char *text)
{
	int fd = client(f);
	say(fd, text);
	struct answer *a = hear(fd);
	close(fd);
	return a;
}

/* The server closes within our patience, whatever it may say before. */
static void assert_closed(int fd)
{
	char drop[4096];
	ssize_t n;
	while ((n = recv(fd, drop, sizeof(drop), 0)) > 0)
		;
	assert_true(n == 0 || errno == ECONNRESET);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- routes and requests ---- */

static void exact_route_is_served_with_its_headers(void **state)
{
	struct fixture f;
	start(&f);
	struct answer *a = ask(&f, "GET /echo?q=a%20b HTTP/1.1\r\nHost: h\r\nX-Tag: 7\r\n\r\n");
	assert_int_equal(a->status, 200);
	assert_string_equal(a->body, "method=1 path=/echo q=a b code=0 tag=7 tls=0 body=");
	assert_non_null(strstr(a->text, "X-Served: yes\r\n"));
	assert_null(strcasestr(a->text, "\r\nServer:"));
	a = ask(&f, GET("/client"));
	assert_string_equal(a->body, "127.0.0.1");
	stop(&f);
}

static void unknown_path_is_404_and_other_method_405(void **state)
{
	struct fixture f;
	start(&f);
	struct answer *a = ask(&f, GET("/echo/"));
	assert_int_equal(a->status, 404);
	assert_non_null(strstr(a->text, "application/problem+json"));
	assert_int_equal(ask(&f, GET("/ECHO"))->status, 404);
	assert_int_equal(ask(&f, GET("/%65cho"))->status, 404);
	a = ask(&f, "DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(a->status, 405);
	assert_non_null(strstr(a->text, "Allow: GET, HEAD, POST\r\n"));
	a = ask(&f, "PUT /client HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(a->status, 405);
	assert_non_null(strstr(a->text, "Allow: GET, HEAD\r\n"));
	assert_int_equal(ask(&f, "BREW /echo HTTP/1.1\r\nHost: h\r\n\r\n")->status, 501);
	stop(&f);
}

static void head_has_the_length_and_no_body(void **state)
{
	struct fixture f;
	start(&f);
	int fd = client(&f);
	say(fd, "HEAD /client HTTP/1.1\r\nHost: h\r\n\r\n");
	struct answer *a = hear_some(fd, false);
	assert_int_equal(a->status, 200);
	assert_non_null(strstr(a->text, "Content-Length: 9\r\n"));
	assert_string_equal(a->body, "");
	say(fd, GET("/client")); /* the connection is still in step */
	assert_string_equal(hear(fd)->body, "127.0.0.1");
	close(fd);
	stop(&f);
}

static void connection_serves_one_request_after_the_other(void **state)
{
	struct fixture f;
	start(&f);
	int fd = client(&f);
	say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none");
	assert_non_null(strstr(hear(fd)->body, "body=one"));
	say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\ntw\r\n1\r\no\r\n0\r\n\r\n");
	assert_non_null(strstr(hear(fd)->body, "body=two"));
	say(fd, "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	assert_int_equal(hear(fd)->status, 200);
	assert_closed(fd);
	close(fd);
	stop(&f);
}

static void pipelined_requests_are_all_answered(void **state)
{
	struct fixture f;
	char text[16384] = "";
	size_t len = 0;
	unsigned n = 0;
	start(&f);
	int fd = client(&f);
	say(fd, GET("/client") GET(
			"/client") "GET /client HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	ssize_t got;
	while ((got = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
		len += (size_t)got;
	for (const char *p = text; (p = strstr(p, "HTTP/1.1 200")) != NULL; p++)
		n++;
	assert_int_equal(n, 3);
	close(fd);
	stop(&f);
}

static void reply_may_come_after_the_handler(void **state)
{
	struct fixture f;
	start(&f);
	int fd = client(&f);
	say(fd, GET("/park"));
	/* /park may still be under way: /unpark is asked again until there was one. */
	for (int i = 0; i < 1000; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		assert_int_equal(ask(&f, GET("/unpark"))->status, 204);
		if (poll(&p, 1, 10) == 1)
			break;
	}
	assert_string_equal(hear(fd)->body, "late");
	close(fd);
	stop(&f);
}

static void request_without_reply_outlives_its_server(void **state)
{
	struct fixture f;
	char nothing = 0;
	start(&f);
	int fd = client(&f);
	say(fd, GET("/park") "x");
	assert_int_equal(ask(&f, GET("/client"))->status, 200);
	close(fd);
	assert_int_equal(loop_post(f.loop, &stop_msg, f.loop, &nothing), 0);
	assert_int_equal(loop_thread_join(f.thread), 0);
	http_server_destroy(f.server);
	if (f.parked != NULL) {
		assert_null(http_request_header(f.parked, "Host"));
		assert_int_equal(http_request_body(f.parked).len, 0);
		http_reply(f.parked, 200, "text/plain", "x", 1);
	}
	loop_destroy(f.loop);
}

/* ---- limits ---- */

static void body_over_the_limit_is_413(void **state)
{
	struct fixture f;
	const size_t len = 1 << 20;
	char head[128], *body = calloc(1, len + 1);
	start(&f);
	memset(body, 'x', len);
	snprintf(head, sizeof(head),
		"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", len);
	int fd = client(&f);
	say(fd, head);
	say(fd, body); /* all of it is taken and dropped: the answer is not lost to a reset */
	assert_int_equal(hear(fd)->status, 413);
	close(fd);
	assert_int_equal(ask(&f, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
				 "\r\n1001\r\n")
				 ->status,
		413);
	free(body);
	stop(&f);
}

static void body_at_the_limit_is_served(void **state)
{
	struct fixture f;
	char head[128], body[BODY_MAX + 1];
	start(&f);
	memset(body, 'x', BODY_MAX);
	body[BODY_MAX] = '\0';
	snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
		BODY_MAX);
	int fd = client(&f);
	say(fd, head);
	say(fd, body);
	struct answer *a = hear(fd);
	assert_int_equal(a->status, 200);
	assert_int_equal(strlen(strstr(a->body, "body=") + 5), BODY_MAX);
	close(fd);
	stop(&f);
}

static void head_over_the_limit_is_refused(void **state)
{
	struct fixture f;
	char text[4 * HEADER_MAX];
	start(&f);
	snprintf(text, sizeof(text), "GET /echo HTTP/1.1\r\nHost: h\r\nX-Long: %0*d\r\n\r\n",
		HEADER_MAX, 0);
	assert_int_equal(ask(&f, text)->status, 400);
	snprintf(text, sizeof(text), "GET /echo?%0*d HTTP/1.1\r\nHost: h\r\n\r\n", HEADER_MAX, 0);
	assert_int_equal(ask(&f, text)->status, 400);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(ask(&f, text)->status, 400); /* a line that never ends */
	stop(&f);
}

#define TE_AND_LENGTH                                                                              \
	"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"                                  \
	"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"

static void malformed_request_is_400(void **state)
{
	static const char *const bad[] = {
		"nonsense that is not HTTP\r\n\r\n",
		"GET /echo HTTP/x.1\r\nHost: h\r\n\r\n",
		"GET /echo HTTP/1.1\r\nno colon here\r\n\r\n",
		"GET /echo HTTP/1.1\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx",
		"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		TE_AND_LENGTH,
		"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
	};
	struct fixture f;
	start(&f);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int fd = client(&f);
		say(fd, bad[i]);
		assert_int_equal(hear(fd)->status, 400);
		assert_closed(fd);
		close(fd);
	}
	stop(&f);
}

static void connections_over_the_limit_wait_for_a_place(void **state)
{
	struct fixture f;
	struct http_config c = config();
	c.max_connections = 2;
	start_with(&f, c);
	int first = client(&f), second = client(&f);
	say(first, GET("/client"));
	say(second, GET("/client"));
	assert_int_equal(hear(first)->status, 200);
	assert_int_equal(hear(second)->status, 200);
	int third = client(&f); /* in the backlog */
	say(third, GET("/client"));
	say(first, GET("/client"));
	assert_int_equal(hear(first)->status, 200);
	struct pollfd p = {.fd = third, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 50), 0);
	close(first);
	assert_int_equal(hear(third)->status, 200);
	close(second);
	close(third);
	stop(&f);
}

static void silent_peer_is_closed(void **state)
{
	struct fixture f;
	struct http_config c = config();
	c.idle_timeout_s = 1;
	start_with(&f, c);
	int fresh = client(&f), used = client(&f);
	say(used, GET("/client"));
	assert_int_equal(hear(used)->status, 200);
	assert_closed(fresh);
	assert_closed(used);
	close(fresh);
	close(used);
	stop(&f);
}

/* Sends one byte of TEXT every now and then; true when the server ended it before TEXT did. */
static bool drip_is_cut(int fd, const char *text)
{
	for (int i = 0; text[i] != '\0'; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (send(fd, &text[i], 1, MSG_NOSIGNAL) != 1 || poll(&p, 1, 50) == 1)
			return true;
	}
	return false;
}

static void slow_sender_is_closed_although_never_idle(void **state)
{
	struct fixture f;
	struct http_config c = config();
	c.request_timeout_s = 1;
	start_with(&f, c);
	int fd = client(&f);
	say(fd, GET("/client")); /* a later request has a deadline of its own */
	assert_int_equal(hear(fd)->status, 200);
	assert_true(drip_is_cut(fd, "GET /echo HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-B: 2\r\n"
				    "X-C: 3\r\nX-D: 4\r\nX-E: 5\r\nX-F: 6\r\n\r\n"));
	close(fd);
	fd = client(&f);
	say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	/* a chunk's size that does not end is no way to grow our memory either */
	assert_true(drip_is_cut(fd, "00000000000000000000000000000000000000000000000000000000"
				    "00000000000000000000000000000000000000000000000000000000"));
	close(fd);
	stop(&f);
}

/* ---- listeners ---- */

static void address_in_use_is_named(void **state)
{
	struct fixture f;
	struct http_server *second = NULL;
	struct http_config c = config();
	char why[HTTP_WHY_LEN], text[ADDR_TEXT_LEN];
	start(&f);
	const struct addr taken = addr_ipv4(INADDR_LOOPBACK, f.port);
	c.listen = &taken;
	c.n_listen = 1;
	struct loop *other = loop_create("other", 4);
	assert_int_equal(http_server_create(other, &c, &second, why), -EADDRINUSE);
	assert_null(second);
	assert_non_null(strstr(why, addr_format(&taken, text)));
	loop_destroy(other);
	stop(&f);
}

static void unix_path(struct pki_dir *d, struct sockaddr_un *sa)
{
	char path[PKI_PATH_LEN];
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	snprintf(sa->sun_path, sizeof(sa->sun_path), "%s", pki_path(d, "sock", path));
}

static void unix_socket_is_served_with_its_mode(void **state)
{
	struct fixture f;
	struct pki_dir d;
	struct sockaddr_un sa;
	struct stat st;
	struct http_config c = config();
	pki_dir_create(&d);
	unix_path(&d, &sa);
	c.unix_path = sa.sun_path;
	c.unix_mode = 0600;
	start_with(&f, c);
	assert_int_equal(stat(sa.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	int fd = client_with(AF_UNIX, (struct sockaddr *)&sa, sizeof(sa));
	say(fd, GET("/client"));
	assert_string_equal(hear(fd)->body, "none");
	say(fd, GET("/client"));
	assert_string_equal(hear(fd)->body, "none");
	close(fd);
	stop(&f);
	assert_int_equal(stat(sa.sun_path, &st), -1); /* gone with the server */
	pki_dir_remove(&d);
}

/* ---- a server takes over from another ---- */

struct legacy {
	int fds[2];
	struct addr addresses[2];
	int n;
};

static int inherit(void *arg, const struct addr *a)
{
	struct legacy *l = arg;
	for (int i = 0; i < l->n; i++) {
		bool is_unix = l->addresses[i].family == ADDR_NONE;
		if (a == NULL ? is_unix : !is_unix)
			return l->fds[i];
	}
	return -1;
}

static void take_legacy(struct http_server *s, struct legacy *l)
{
	struct addr a;
	memset(l, 0, sizeof(*l));
	for (int fd; (fd = http_server_copy(s, (size_t)l->n, &a)) != ERR_NOT_FOUND;) {
		assert_true(fd >= 0);
		l->addresses[l->n] = a;
		l->fds[l->n++] = fd;
	}
}

/* Who connects meets the one, then the other; in between the kernel keeps him. */
static void successor_serves_on_the_same_sockets(void **state)
{
	struct fixture f, g;
	struct legacy l;
	struct http_config c = config();
	struct sockaddr_in sin = {.sin_family = AF_INET};
	start(&f);
	sin.sin_port = htons(f.port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	char nothing = 0;
	assert_int_equal(loop_post(f.loop, &stop_msg, f.loop, &nothing), 0);
	assert_int_equal(loop_thread_join(f.thread), 0);
	take_legacy(f.server, &l);
	assert_int_equal(l.n, 1);
	http_server_leave(f.server);
	int fd = client_with(AF_INET, (struct sockaddr *)&sin, sizeof(sin));
	say(fd, GET("/client"));

	c.inherit = inherit;
	c.inherit_arg = &l;
	start_with(&g, c);

	assert_int_equal(g.port, f.port);
	assert_string_equal(hear(fd)->body, "127.0.0.1");
	close(fd);
	http_server_destroy(f.server);
	loop_destroy(f.loop);
	fd = client_with(AF_INET, (struct sockaddr *)&sin, sizeof(sin));
	say(fd, GET("/client"));
	assert_string_equal(hear(fd)->body, "127.0.0.1");
	close(fd);
	stop(&g);
}

static void unix_socket_goes_to_the_successor(void **state)
{
	struct fixture f, g;
	struct legacy l;
	struct pki_dir d;
	struct sockaddr_un sa;
	struct stat st;
	struct http_config c = config();
	char nothing = 0;
	pki_dir_create(&d);
	unix_path(&d, &sa);
	c.unix_path = sa.sun_path;
	c.unix_mode = 0600;
	start_with(&f, c);
	assert_int_equal(loop_post(f.loop, &stop_msg, f.loop, &nothing), 0);
	assert_int_equal(loop_thread_join(f.thread), 0);
	take_legacy(f.server, &l);
	http_server_leave(f.server);
	http_server_destroy(f.server);
	loop_destroy(f.loop);
	assert_int_equal(stat(sa.sun_path, &st), 0); /* no longer his to remove */

	c.inherit = inherit;
	c.inherit_arg = &l;
	start_with(&g, c);
	int fd = client_with(AF_UNIX, (struct sockaddr *)&sa, sizeof(sa));
	say(fd, GET("/client"));
	assert_string_equal(hear(fd)->body, "none");
	close(fd);
	stop(&g);

	assert_int_equal(stat(sa.sun_path, &st), -1);
	pki_dir_remove(&d);
}

static void unix_socket_left_over_is_replaced_and_a_live_one_is_not(void **state)
{
	struct fixture f;
	struct pki_dir d;
	struct sockaddr_un sa;
	struct stat st;
	struct http_server *second = NULL;
	struct http_config c = config();
	char why[HTTP_WHY_LEN];
	pki_dir_create(&d);
	unix_path(&d, &sa);
	int stale = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(stale, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(stale);
	c.unix_path = sa.sun_path;
	c.unix_mode = 0660;
	start_with(&f, c);

	struct loop *other = loop_create("other", 4);
	assert_int_equal(http_server_create(other, &c, &second, why), ERR_CONFIG);
	assert_non_null(strstr(why, sa.sun_path));
	loop_destroy(other);
	assert_int_equal(stat(sa.sun_path, &st), 0); /* not ours to remove */
	stop(&f);
	pki_dir_remove(&d);
}

static void unix_path_of_a_file_is_refused(void **state)
{
	struct pki_dir d;
	struct http_server *s = NULL;
	struct http_config c = config();
	char why[HTTP_WHY_LEN], path[PKI_PATH_LEN];
	struct stat st;
	pki_dir_create(&d);
	pki_write(pki_path(&d, "file", path), "x", 1, 0600);
	c.unix_path = path;
	struct loop *l = loop_create("http", 4);
	assert_int_equal(http_server_create(l, &c, &s, why), ERR_CONFIG);
	assert_int_equal(stat(path, &st), 0);
	loop_destroy(l);
	pki_dir_remove(&d);
}

/* ---- TLS ---- */

struct tls {
	struct pki_dir dir;
	struct pki_issuer ca, other;
	struct ssl_ctx_st *server;
	SSL_CTX *client;
};

static void tls_files(struct tls *t, const struct pki_issuer *ca, const char *base)
{
	char path[PKI_PATH_LEN], name[32];
	EVP_PKEY *key = pki_ec_key();
	X509 *cert = pki_issue(ca, &(struct pki_request){.name = base, .key = key, .serial = 7});
	snprintf(name, sizeof(name), "%s.key", base);
	pki_write_pkcs8(pki_path(&t->dir, name, path), key);
	snprintf(name, sizeof(name), "%s.pem", base);
	pki_write_cert(pki_path(&t->dir, name, path), cert);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static struct ssl_ctx_st *tls_server(struct tls *t, const char *base, bool is_client_required)
{
	char cert[PKI_PATH_LEN], key[PKI_PATH_LEN], ca[PKI_PATH_LEN], name[32], why[CRYPTO_WHY_LEN];
	struct ssl_ctx_st *ctx = NULL;
	snprintf(name, sizeof(name), "%s.key", base);
	pki_path(&t->dir, name, key);
	snprintf(name, sizeof(name), "%s.pem", base);
	pki_path(&t->dir, name, cert);
	const struct crypto_tls_config c = {.certificate = cert,
		.private_key = key,
		.client_ca = is_client_required ? pki_path(&t->dir, "ca.pem", ca) : NULL,
		.client_required = is_client_required};
	assert_int_equal(crypto_tls_server_create(&c, &ctx, why), 0);
	return ctx;
}

static void tls_init(struct tls *t, bool is_client_required)
{
	char path[PKI_PATH_LEN];
	pki_dir_create(&t->dir);
	pki_issuer_init(&t->ca, "ca");
	pki_issuer_init(&t->other, "other");
	pki_write_cert(pki_path(&t->dir, "ca.pem", path), t->ca.cert);
	tls_files(t, &t->ca, "server");
	t->server = tls_server(t, "server", is_client_required);
	t->client = SSL_CTX_new(TLS_client_method());
	assert_non_null(t->client);
}

static void tls_fini(struct tls *t)
{
	SSL_CTX_free(t->client);
	crypto_tls_destroy(t->server);
	pki_issuer_fini(&t->other);
	pki_issuer_fini(&t->ca);
	pki_dir_remove(&t->dir);
}

/* One GET over TLS; the status, or 0 when there was none. CN gets the server's common name. */
static int tls_ask(const struct fixture *f, SSL_CTX *ctx, char *text, size_t cap, char *cn)
{
	int fd = client(f), status = 0;
	SSL *ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	static const char request[] = "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	if (SSL_connect(ssl) == 1 && SSL_write(ssl, request, sizeof(request) - 1) > 0) {
		size_t len = 0;
		int n;
		while (len < cap - 1 && (n = SSL_read(ssl, text + len, (int)(cap - 1 - len))) > 0)
			len += (size_t)n;
		text[len] = '\0';
		status = len > 12 ? atoi(text + 9) : 0;
		X509 *cert = SSL_get1_peer_certificate(ssl);
		if (cn != NULL)
			X509_NAME_get_text_by_NID(
				X509_get_subject_name(cert), NID_commonName, cn, 64);
		X509_free(cert);
	}
	SSL_free(ssl);
	close(fd);
	return status;
}

static void tls_request_is_served_and_a_plain_one_is_not(void **state)
{
	struct fixture f;
	struct tls t;
	char text[1024];
	struct http_config c = config();
	tls_init(&t, false);
	c.tls = t.server;
	start_with(&f, c);
	assert_int_equal(tls_ask(&f, t.client, text, sizeof(text), NULL), 200);
	assert_non_null(strstr(text, "tls=1"));
	struct answer *a = ask(&f, GET("/echo"));
	assert_int_equal(a->status, 0);
	assert_null(strstr(a->text, "HTTP"));
	stop(&f);
	tls_fini(&t);
}

static void tls_client_without_certificate_is_refused_when_one_is_required(void **state)
{
	struct fixture f;
	struct tls t;
	char text[1024];
	struct http_config c = config();
	tls_init(&t, true);
	c.tls = t.server;
	start_with(&f, c);
	assert_int_equal(tls_ask(&f, t.client, text, sizeof(text), NULL), 0);
	stop(&f);
	tls_fini(&t);
}

static void tls_handshake_that_does_not_end_is_closed(void **state)
{
	struct fixture f;
	struct tls t;
	struct http_config c = config();
	tls_init(&t, false);
	c.tls = t.server;
	c.request_timeout_s = 1;
	start_with(&f, c);
	int silent = client(&f), slow = client(&f);
	/* the head of a ClientHello record of 512 bytes, and then next to nothing */
	say(slow, "\x16\x03\x01\x02");
	assert_true(drip_is_cut(slow, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
				      "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
				      "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"));
	assert_closed(silent);
	close(silent);
	close(slow);
	stop(&f);
	tls_fini(&t);
}

struct swap {
	struct http_server *server;
	struct ssl_ctx_st *tls;
};

static void do_swap(void *ctx, void *payload)
{
	struct swap *s = payload;
	http_server_tls_set(s->server, s->tls);
}

static void tls_context_may_be_swapped_while_running(void **state)
{
	static const struct msg_type swap_msg = {"swap", sizeof(struct swap), do_swap, NULL};
	struct fixture f;
	struct tls t;
	char text[1024], cn[64] = "";
	struct http_config c = config();
	tls_init(&t, false);
	c.tls = t.server;
	start_with(&f, c);
	assert_int_equal(tls_ask(&f, t.client, text, sizeof(text), cn), 200);
	assert_string_equal(cn, "server");

	tls_files(&t, &t.ca, "renewed");
	struct swap s = {f.server, tls_server(&t, "renewed", false)};
	assert_int_equal(loop_post(f.loop, &swap_msg, NULL, &s), 0);
	/* the message is in the box before the connection is in the backlog, but the two are
	 * looked at in any order: the second connection comes a turn later */
	assert_int_equal(tls_ask(&f, t.client, text, sizeof(text), cn), 200);
	assert_int_equal(tls_ask(&f, t.client, text, sizeof(text), cn), 200);
	assert_string_equal(cn, "renewed");
	stop(&f);
	crypto_tls_destroy(s.tls);
	tls_fini(&t);
}

/* ---- forms ---- */

static int form(const char *text, const char *name, char *out, size_t cap)
{
	return http_form_value(bytes_str(text), name, out, cap);
}

static void form_value_is_decoded(void **state)
{
	char v[16];
	assert_int_equal(form("a=1&b=x%2By+z&c", "b", v, sizeof(v)), 0);
	assert_string_equal(v, "x+y z");
	assert_int_equal(form("a=1&b=x&c", "c", v, sizeof(v)), 0);
	assert_string_equal(v, "");
	assert_int_equal(form("%61b=1", "ab", v, sizeof(v)), 0);
	assert_string_equal(v, "1");
	assert_int_equal(form("a=1=2", "a", v, sizeof(v)), 0);
	assert_string_equal(v, "1=2");
}

static void form_value_that_is_missing_or_wrong_is_an_error(void **state)
{
	char v[4];
	assert_int_equal(form("", "a", v, sizeof(v)), ERR_NOT_FOUND);
	assert_int_equal(form("ab=1&=2&b", "a", v, sizeof(v)), ERR_NOT_FOUND);
	assert_int_equal(form("a=%", "a", v, sizeof(v)), ERR_MALFORMED);
	assert_int_equal(form("a=%4", "a", v, sizeof(v)), ERR_MALFORMED);
	assert_int_equal(form("a=%4g", "a", v, sizeof(v)), ERR_MALFORMED);
	assert_int_equal(form("a=%00", "a", v, sizeof(v)), ERR_MALFORMED);
	assert_int_equal(form("a=1&a=1", "a", v, sizeof(v)), ERR_MALFORMED);
	assert_int_equal(form("a=123", "a", v, sizeof(v)), 0);
	assert_int_equal(form("a=1234", "a", v, sizeof(v)), ERR_NO_SPACE);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(exact_route_is_served_with_its_headers),
		cmocka_unit_test(unknown_path_is_404_and_other_method_405),
		cmocka_unit_test(head_has_the_length_and_no_body),
		cmocka_unit_test(connection_serves_one_request_after_the_other),
		cmocka_unit_test(pipelined_requests_are_all_answered),
		cmocka_unit_test(reply_may_come_after_the_handler),
		cmocka_unit_test(request_without_reply_outlives_its_server),
		cmocka_unit_test(body_over_the_limit_is_413),
		cmocka_unit_test(body_at_the_limit_is_served),
		cmocka_unit_test(head_over_the_limit_is_refused),
		cmocka_unit_test(malformed_request_is_400),
		cmocka_unit_test(connections_over_the_limit_wait_for_a_place),
		cmocka_unit_test(silent_peer_is_closed),
		cmocka_unit_test(slow_sender_is_closed_although_never_idle),
		cmocka_unit_test(address_in_use_is_named),
		cmocka_unit_test(unix_socket_is_served_with_its_mode),
		cmocka_unit_test(successor_serves_on_the_same_sockets),
		cmocka_unit_test(unix_socket_goes_to_the_successor),
		cmocka_unit_test(unix_socket_left_over_is_replaced_and_a_live_one_is_not),
		cmocka_unit_test(unix_path_of_a_file_is_refused),
		cmocka_unit_test(tls_request_is_served_and_a_plain_one_is_not),
		cmocka_unit_test(tls_client_without_certificate_is_refused_when_one_is_required),
		cmocka_unit_test(tls_handshake_that_does_not_end_is_closed),
		cmocka_unit_test(tls_context_may_be_swapped_while_running),
		cmocka_unit_test(form_value_is_decoded),
		cmocka_unit_test(form_value_that_is_missing_or_wrong_is_an_error),
	};
	signal(SIGPIPE, SIG_IGN); /* of the client's SSL_write */
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
